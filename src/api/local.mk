libsolovirt_a_SOURCES += src/api/columns.c src/api/config.c src/api/config.h src/api/core.c src/api/core.h \
	src/api/datavolume.c src/api/datavolume.h \
	src/api/devices.c src/api/disks.c src/api/domain.c src/api/domain.h \
	src/api/expand.c src/api/expand.h src/api/instancetype.c src/api/instancetype.h src/api/interfaces.c src/api/kinds.c \
	src/api/kinds.h src/api/meta.c src/api/meta.h src/api/names.c src/api/placement.c src/api/placement.h \
	src/api/preference.c src/api/prepare.c src/api/preset.c src/api/preset.h src/api/probes.c src/api/revision.c \
	src/api/revision.h src/api/rows.h src/api/vm.c src/api/vm.h src/api/vmi.c src/api/vmi.h src/api/vmi_check.c \
	src/api/volumes.c
