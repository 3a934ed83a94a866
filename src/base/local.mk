libsolovirt_a_SOURCES += \
	src/base/channel.c src/base/channel.h \
	src/base/clock.c src/base/clock.h \
	src/base/digest.c src/base/digest.h \
	src/base/cpuset.c src/base/cpuset.h \
	src/base/cron.c src/base/cron.h \
	src/base/error.c src/base/error.h \
	src/base/frame.h \
	src/base/ip.c src/base/ip.h \
	src/base/log.c src/base/log.h \
	src/base/nbd.h src/base/nbd_server.c src/base/nbd_server.h \
	src/base/quantity.c src/base/quantity.h \
	src/base/service.c src/base/service.h \
	src/base/worker.c src/base/worker_directory.c
