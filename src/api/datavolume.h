/* DataVolume (cdi.kubevirt.io/v1beta1): a disk that is filled from somewhere. */
#ifndef SOLOVIRT_API_DATAVOLUME_H
#define SOLOVIRT_API_DATAVOLUME_H

#include "src/api/claim.h"
#include "src/api/meta.h"
#include "src/api/storage_class.h"
#include "src/api/volume_source.h"

enum content_type { CONTENT_UNSET, CONTENT_KUBEVIRT, CONTENT_ARCHIVE };
struct data_volume_spec {
	struct data_volume_source *source; /* may be NULL: then source_ref, or the claim's data source */
	struct source_reference *source_ref;
	struct claim_spec *pvc, *storage; /* exactly one */
	int content_type; /* enum content_type */
	bool preallocation;
};

/* In the order of a life: before the claim is bound, while it is filled, at the end. */
enum data_volume_phase {
	DATA_VOLUME_UNSET,
	DATA_VOLUME_PENDING,
	DATA_VOLUME_WAIT_FOR_FIRST_CONSUMER,
	DATA_VOLUME_PENDING_POPULATION,
	DATA_VOLUME_PVC_BOUND,
	DATA_VOLUME_IMPORT_SCHEDULED,
	DATA_VOLUME_IMPORT_IN_PROGRESS,
	DATA_VOLUME_CLONE_SCHEDULED,
	DATA_VOLUME_CLONE_IN_PROGRESS,
	DATA_VOLUME_SNAPSHOT_FOR_SMART_CLONE_IN_PROGRESS,
	DATA_VOLUME_CLONE_FROM_SNAPSHOT_SOURCE_IN_PROGRESS,
	DATA_VOLUME_SMART_CLONE_PVC_IN_PROGRESS,
	DATA_VOLUME_CSI_CLONE_IN_PROGRESS,
	DATA_VOLUME_EXPANSION_IN_PROGRESS,
	DATA_VOLUME_NAMESPACE_TRANSFER_IN_PROGRESS,
	DATA_VOLUME_PREP_CLAIM_IN_PROGRESS,
	DATA_VOLUME_REBIND_IN_PROGRESS,
	DATA_VOLUME_UPLOAD_SCHEDULED,
	DATA_VOLUME_UPLOAD_READY,
	DATA_VOLUME_PAUSED,
	DATA_VOLUME_SUCCEEDED,
	DATA_VOLUME_FAILED,
	DATA_VOLUME_UNKNOWN,
	DATA_VOLUME_PHASE_COUNT
};
extern const char *const data_volume_phase_words[];

struct data_volume_status {
	char *claim_name, *progress; /* "42.50%", "N/A" */
	int phase;
	int64_t restart_count;
	int64_t used; /* bytes, as the claim's */
	struct schema_list conditions;
};
struct data_volume {
	struct object_head head;
	struct data_volume_spec *spec;     /* never NULL */
	struct data_volume_status *status; /* never NULL */
};

extern const struct schema data_volume_schema, data_volume_spec_schema, data_volume_status_schema;

/* The claim that a DataVolume asks for: spec.pvc or spec.storage, never NULL after validation. */
const struct claim_spec *data_volume_claim(const struct data_volume_spec *spec);
/* Its size may come from what it is a clone of: it has the form spec.storage, and is one. */
bool data_volume_size_is_optional(const struct data_volume_spec *spec);
/* Why it cannot be filled here, or NULL: a sentence about a source that is not built yet. */
const char *data_volume_unbuilt(const struct data_volume_spec *spec);

#endif
