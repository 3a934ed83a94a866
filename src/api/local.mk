libsolovirt_a_SOURCES += src/api/check.c src/api/check.h src/api/check_cpu.c src/api/check_devices.c \
	src/api/check_disks.c src/api/check_features.c src/api/check_firmware.c src/api/check_memory.c src/api/check_network.c \
	src/api/check_pod.c src/api/check_vm.c src/api/check_volumes.c src/api/claim.c src/api/claim.h src/api/columns.c src/api/config.c src/api/config.h \
	src/api/core.c src/api/core.h src/api/data_import_cron.c src/api/data_import_cron.h src/api/data_source.c src/api/data_source.h src/api/datavolume.c src/api/datavolume.h src/api/defaults.c src/api/defaults.h \
	src/api/image_cache.c src/api/image_cache.h \
	src/api/defaults_features.c src/api/devices.c src/api/disks.c src/api/domain.c src/api/domain.h src/api/expand.c \
	src/api/expand.h src/api/instancetype.c src/api/instancetype.h src/api/interfaces.c src/api/kinds.c src/api/kinds.h src/api/live_update.c src/api/live_update.h \
	src/api/meta.c src/api/meta.h src/api/migratable.c src/api/migratable.h \
	src/api/migration.c src/api/migration.h src/api/names.c src/api/placement.c \
	src/api/persistent_volume.c src/api/persistent_volume.h src/api/placement.h src/api/preference.c src/api/prepare.c src/api/preset.c src/api/preset.h src/api/probes.c \
	src/api/network_attachment.c src/api/network_attachment.h src/api/replicaset.c src/api/replicaset.h src/api/revision.c src/api/revision.h src/api/rows.h src/api/snapshot.c src/api/snapshot.h src/api/storage_class.c src/api/storage_class.h src/api/storage_profile.c src/api/storage_profile.h src/api/vm.c \
	src/api/vm.h src/api/vmi.c src/api/vmi.h src/api/volume_source.c src/api/volume_source.h src/api/volumes.c \
	src/api/dhcp_options.c src/api/dhcp_options.h src/api/ip_address.c src/api/ip_address.h src/api/ip_pool.c src/api/ip_pool.h src/api/provider_network.c src/api/provider_network.h \
	src/api/security_group.c src/api/security_group.h src/api/subnet.c src/api/subnet.h src/api/vip.c src/api/vip.h src/api/vlan.c src/api/vlan.h
