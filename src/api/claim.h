/* PersistentVolumeClaim (v1): a disk that is wanted. */
#ifndef SOLOVIRT_API_CLAIM_H
#define SOLOVIRT_API_CLAIM_H

#include "src/api/meta.h"

#define SNAPSHOT_GROUP "snapshot.storage.k8s.io"
/* Label of a claim: "true" has what is missing in it filled in from the StorageProfile, as a DataVolume's spec.storage. */
#define APPLY_STORAGE_PROFILE "cdi.kubevirt.io/applyStorageProfile"

struct storage_requests {
	int64_t storage; /* bytes; 0: absent */
};
struct storage_resources {
	struct storage_requests *requests; /* may be NULL */
};

/* What a new claim is filled from: a claim, or a VolumeSnapshot of SNAPSHOT_GROUP. */
struct typed_reference {
	char *api_group; /* NULL or "": core */
	char *kind, *name;
	char *namespace; /* of dataSourceRef only; NULL: the claim's own */
};

enum volume_mode { VOLUME_MODE_UNSET, VOLUME_MODE_FILESYSTEM, VOLUME_MODE_BLOCK, VOLUME_MODE_COUNT };
extern const char *const volume_mode_words[];

/* spec of a claim; also DataVolume's spec.pvc and spec.storage */
struct claim_spec {
	char **access_modes;
	struct storage_resources *resources;
	char *storage_class_name, *volume_name;
	int volume_mode; /* enum volume_mode */
	struct typed_reference *data_source, *data_source_ref; /* both NULL: an empty disk; read claim_data_source() */
};
enum claim_phase { CLAIM_UNSET, CLAIM_PENDING, CLAIM_BOUND, CLAIM_LOST };
extern const char *const claim_phase_words[];

struct claim_status {
	int phase;
	char **access_modes;
	struct storage_requests *capacity;
	int64_t used; /* bytes that the volume took when something that wrote to it ended last; 0: not known */
	struct schema_list conditions;
};
struct claim {
	struct object_head head;
	struct claim_spec *spec;     /* never NULL */
	struct claim_status *status; /* never NULL */
};

extern const struct schema claim_schema, claim_spec_schema, claim_status_schema, storage_requests_schema, typed_reference_schema;

enum { CLAIM_MOST_SHIFT = 50 }; /* 1 << 50 bytes: more than any pool has */

/* Requested bytes of a claim, 0 when absent. */
int64_t claim_request(const struct claim_spec *spec);
/* What fills the claim, by either of its names, or NULL: nothing. */
const struct typed_reference *claim_data_source(const struct claim_spec *spec);
bool typed_reference_is_snapshot(const struct typed_reference *reference);
/* Whether a claim's dataSource and dataSourceRef may stand as they do (Kubernetes' rules): 0, or -1 with the name of the field
 * to blame and why. */
int claim_data_source_check(const struct claim_spec *spec, const char **field, struct error *err);
/* ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod: 0, or -1 and what would be right. */
int check_access_mode(const char *text, struct error *err);

#endif
