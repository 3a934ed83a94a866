/* DataVolume (cdi.kubevirt.io/v1beta1), PersistentVolumeClaim (v1), StorageClass (storage.k8s.io/v1). */
#ifndef SOLOVIRT_API_DATAVOLUME_H
#define SOLOVIRT_API_DATAVOLUME_H

#include "src/api/meta.h"

struct storage_requests {
	int64_t storage; /* bytes; 0: absent */
};
struct storage_resources {
	struct storage_requests *requests; /* may be NULL */
};

enum volume_mode { VOLUME_MODE_UNSET, VOLUME_MODE_FILESYSTEM, VOLUME_MODE_BLOCK };
extern const char *const volume_mode_words[];

/* spec of a claim; also DataVolume's spec.pvc and spec.storage */
struct claim_spec {
	char **access_modes;
	struct storage_resources *resources;
	char *storage_class_name, *volume_name;
	int volume_mode;
	json_t *data_source, *data_source_ref; /* what fills it; not built yet */
};
enum claim_phase { CLAIM_UNSET, CLAIM_PENDING, CLAIM_BOUND, CLAIM_LOST };
extern const char *const claim_phase_words[];

struct claim_status {
	int phase;
	char **access_modes;
	struct storage_requests *capacity;
	struct schema_list conditions;
};
struct claim {
	struct object_head head;
	struct claim_spec *spec;     /* never NULL */
	struct claim_status *status; /* never NULL */
};

struct source_http {
	char *url, *checksum, *secret_ref, *cert_config_map;
	char **extra_headers;
};
/* Any of the sources that are not built yet: the members that it has. */
struct source_other {
	char *url, *secret_ref, *cert_config_map, *image_stream, *pull_method, *disk_id, *backing_file, *extra_args, *init_image_url,
	    *thumbprint, *uuid, *name, *namespace;
	bool insecure_skip_verify;
	json_t *platform;
};
struct source_reference {
	char *kind, *name, *namespace;
};
struct data_volume_source { /* exactly one */
	struct source_http *http;
	json_t *blank;
	struct source_other *s3, *gcs, *registry, *pvc, *snapshot, *upload, *imageio, *vddk;
};
enum content_type { CONTENT_UNSET, CONTENT_KUBEVIRT, CONTENT_ARCHIVE };
struct data_volume_spec {
	struct data_volume_source *source; /* may be NULL: then source_ref, or the claim's data source */
	struct source_reference *source_ref;
	struct claim_spec *pvc, *storage; /* exactly one */
	int content_type; /* enum content_type */
	bool preallocation;
};

enum data_volume_phase { DATA_VOLUME_UNSET, DATA_VOLUME_PENDING, DATA_VOLUME_PVC_BOUND, DATA_VOLUME_IMPORT_SCHEDULED,
	DATA_VOLUME_IMPORT_IN_PROGRESS, DATA_VOLUME_SUCCEEDED, DATA_VOLUME_FAILED, DATA_VOLUME_UNKNOWN };
extern const char *const data_volume_phase_words[];

struct data_volume_status {
	char *claim_name, *progress; /* "42.50%", "N/A" */
	int phase;
	int64_t restart_count;
	struct schema_list conditions;
};
struct data_volume {
	struct object_head head;
	struct data_volume_spec *spec;     /* never NULL */
	struct data_volume_status *status; /* never NULL */
};

enum reclaim_policy { RECLAIM_UNSET, RECLAIM_DELETE, RECLAIM_RETAIN };
struct storage_class {
	struct object_head head;
	char *provisioner;
	struct schema_map parameters;
	int reclaim_policy;
	int volume_binding_mode;
	bool allow_volume_expansion;
};

extern const struct schema claim_schema, claim_spec_schema, claim_status_schema, data_volume_schema, data_volume_spec_schema,
    data_volume_status_schema, storage_class_schema;

/* The claim that a DataVolume asks for: spec.pvc or spec.storage, never NULL after validation. */
const struct claim_spec *data_volume_claim(const struct data_volume_spec *spec);
/* Why it cannot be filled here, or NULL: a sentence about a source that is not built yet. */
const char *data_volume_unbuilt(const struct data_volume_spec *spec);
/* Requested bytes of a claim, 0 when absent. */
int64_t claim_request(const struct claim_spec *spec);

#endif
