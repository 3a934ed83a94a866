libsolovirt_a_SOURCES += \
	daemon/store.c \
	daemon/store_address.c \
	daemon/store_backup.c \
	daemon/store_commit.c \
	daemon/store_db.c \
	daemon/store_disk.c \
	daemon/store_log.c \
	daemon/store_object.c \
	daemon/store_op.c \
	daemon/store_open.c \
	daemon/store_record.c \
	daemon/store_schema.c
libsolovirt_a_SOURCES += daemon/store.h daemon/store_db.h daemon/store_private.h
