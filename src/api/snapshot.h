/* VolumeSnapshot, VolumeSnapshotContent and VolumeSnapshotClass (snapshot.storage.k8s.io/v1). */
#ifndef SOLOVIRT_API_SNAPSHOT_H
#define SOLOVIRT_API_SNAPSHOT_H

#include "src/api/claim.h"
#include "src/api/core.h"
#include "src/api/storage_class.h"

/* Annotation of a VolumeSnapshotClass: the one that is taken for its driver when none is named. */
#define DEFAULT_SNAPSHOT_CLASS "snapshot.storage.kubernetes.io/is-default-class"

struct volume_snapshot_source {
	char *claim_name;
};
struct volume_snapshot_spec {
	struct volume_snapshot_source *source; /* never NULL */
	char *class_name;                      /* NULL: the driver's default, or none is needed */
};
struct volume_snapshot_error {
	int64_t time; /* ms since 1970 */
	char *message;
};
struct volume_snapshot_status {
	char *content_name;
	int64_t creation_time; /* ms since 1970; 0: not taken */
	bool ready_to_use;
	int64_t restore_size;                /* bytes: the least size of a claim that is made of it */
	struct volume_snapshot_error *error; /* the last one while it is not ready; or NULL */
};
struct volume_snapshot {
	struct object_head head;
	struct volume_snapshot_spec *spec;     /* never NULL */
	struct volume_snapshot_status *status; /* never NULL */
};
struct volume_snapshot_class {
	struct object_head head;
	char *driver;
	int deletion_policy; /* enum reclaim_policy */
	struct schema_map parameters;
};

/* The snapshot behind a VolumeSnapshot, for show. */
struct snapshot_content_source {
	char *volume_handle;
};
struct snapshot_content_spec {
	char *driver, *class_name;
	int deletion_policy;                    /* enum reclaim_policy */
	struct snapshot_content_source *source; /* may be NULL */
	struct object_reference *reference;     /* the VolumeSnapshot; may be NULL */
	int source_mode;                        /* enum volume_mode */
};
struct snapshot_content_status {
	char *handle;
	int64_t creation_time; /* ns since 1970, as the CSI snapshotter has it */
	int64_t restore_size;  /* bytes */
	bool ready_to_use;
};
struct volume_snapshot_content {
	struct object_head head;
	struct snapshot_content_spec *spec;     /* never NULL */
	struct snapshot_content_status *status; /* never NULL */
};

extern const struct schema volume_snapshot_content_schema, snapshot_content_status_schema;
extern const struct schema volume_snapshot_schema, volume_snapshot_status_schema, volume_snapshot_class_schema;

#endif
