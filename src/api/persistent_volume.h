/* PersistentVolume (v1): the volume behind a claim, for show.  Its claim's controller writes it. */
#ifndef SOLOVIRT_API_PERSISTENT_VOLUME_H
#define SOLOVIRT_API_PERSISTENT_VOLUME_H

#include "src/api/claim.h"
#include "src/api/core.h"

struct persistent_volume_csi {
	char *driver, *volume_handle;
	struct schema_map volume_attributes;
};
struct persistent_volume_local {
	char *path;
};
struct persistent_volume_spec {
	struct storage_requests *capacity;
	char **access_modes;
	struct object_reference *claim_ref;
	struct persistent_volume_csi *csi;
	struct persistent_volume_local *local;
	json_t *node_affinity;
	int reclaim_policy; /* enum reclaim_policy */
	char *storage_class_name;
	int volume_mode; /* enum volume_mode */
};
enum persistent_volume_phase { PERSISTENT_VOLUME_UNSET, PERSISTENT_VOLUME_PENDING, PERSISTENT_VOLUME_AVAILABLE,
	PERSISTENT_VOLUME_BOUND, PERSISTENT_VOLUME_RELEASED, PERSISTENT_VOLUME_FAILED };
extern const char *const persistent_volume_phase_words[];
struct persistent_volume_status {
	int phase;
	char *reason, *message;
};
struct persistent_volume {
	struct object_head head;
	struct persistent_volume_spec *spec;     /* never NULL */
	struct persistent_volume_status *status; /* never NULL */
};

extern const struct schema persistent_volume_schema, persistent_volume_status_schema;

#endif
