libsolovirt_a_SOURCES += \
	storage/archive.c storage/archive.h \
	storage/blob.c storage/blob.h \
	storage/bytes.h \
	storage/confine.c storage/confine.h \
	storage/convert.c storage/convert.h \
	storage/copy.c storage/copy.h \
	storage/fetch.h storage/fetch_private.h storage/fetch_url.c \
	storage/image.c storage/image.h \
	storage/image_map.c storage/image_map.h \
	storage/import.c storage/import.h storage/import_job.c storage/import_verbs.h \
	storage/iso.c storage/iso.h \
	storage/layers.c storage/layers.h \
	storage/oci.c storage/oci.h \
	storage/qcow2.c \
	storage/registry.c storage/registry.h \
	storage/seed.c storage/seed.h \
	storage/seed_keys.c \
	storage/sparse.c storage/sparse.h \
	storage/tar.c storage/tar.h \
	storage/target.c storage/target.h storage/target_nbd.c storage/target_private.h \
	storage/unpack.c storage/unpack.h \
	storage/vdi.c \
	storage/vhd.c \
	storage/vhdx.c \
	storage/vmdk.c \
	storage/volume_verbs.h

# Only the worker links libcurl.
solovirt_import_SOURCES = storage/import_main.c storage/fetch.c storage/fetch_ranges.c storage/registry_pull.c

# Only the worker links librbd.
solovirt_rbd_SOURCES = \
	storage/rbd.h \
	storage/rbd_clone.c \
	storage/rbd_cluster.c \
	storage/rbd_encryption.c \
	storage/rbd_flatten.c \
	storage/rbd_health.c \
	storage/rbd_image.c \
	storage/rbd_main.c \
	storage/rbd_place.c \
	storage/rbd_serve.c \
	storage/rbd_snapshot.c \
	storage/rbd_sweep.c \
	storage/rbd_temporary.c \
	storage/rbd_unfinished.c \
	storage/rbd_volume.c
