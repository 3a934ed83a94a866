/* VirtualMachineInstanceReplicaSet (kubevirt.io/v1) and VirtualMachinePool (pool.kubevirt.io/v1beta1): a number of equal
 * instances, or of equal machines with disks of their own. */
#ifndef SOLOVIRT_API_REPLICASET_H
#define SOLOVIRT_API_REPLICASET_H

#include "src/api/placement.h"
#include "src/api/vm.h"

/* --- replica sets ------------------------------------------------------------------------------------------------------ */

struct replica_set_spec {
	int64_t replicas;                /* 1 when not given */
	struct label_selector *selector; /* never NULL */
	struct vmi_template *template;   /* never NULL */
	bool paused;
};
/* Also of pools. */
struct replica_status {
	int64_t replicas, ready_replicas;
	char *label_selector;
	struct schema_list conditions;
};
struct replica_set {
	struct object_head head;
	struct replica_set_spec *spec;
	struct replica_status *status;
};

/* --- pools ------------------------------------------------------------------------------------------------------------- */

struct vm_template {
	struct template_metadata *metadata; /* may be NULL */
	struct vm_spec *spec;               /* never NULL */
};
struct name_generation {
	bool append_index_to_config_map_refs, append_index_to_secret_refs;
};
enum pool_sort { POOL_SORT_UNSET, POOL_SORT_RANDOM, POOL_SORT_NEWEST, POOL_SORT_OLDEST, POOL_SORT_ASCENDING, POOL_SORT_DESCENDING };
struct pool_selectors {
	struct label_selector *label_selector;
};
struct selection_policy {
	int sort_policy;              /* enum pool_sort */
	struct schema_list selectors; /* struct pool_selectors */
};
enum state_preservation { PRESERVATION_UNSET, PRESERVATION_DISABLED, PRESERVATION_OFFLINE, PRESERVATION_ONLINE };
struct pool_proactive {
	struct selection_policy *selection_policy;
	int state_preservation; /* enum state_preservation */
};
struct pool_strategy { /* at most one; none: proactive */
	struct empty *unmanaged;
	struct pool_proactive *opportunistic, *proactive;
};
struct pool_autohealing {
	int64_t start_up_failure_threshold;      /* 3 when not given */
	int64_t min_failing_to_start_duration;   /* ms; 5 minutes when not given */
};
struct pool_spec {
	int64_t replicas;
	struct label_selector *selector;
	struct vm_template *virtual_machine_template;
	bool paused;
	struct name_generation *name_generation;
	char *max_unavailable; /* a number or a percentage; NULL: all */
	struct pool_strategy *scale_in_strategy, *update_strategy;
	struct pool_autohealing *autohealing;
};
struct pool {
	struct object_head head;
	struct pool_spec *spec;
	struct replica_status *status;
};

extern const struct schema replica_set_schema, pool_schema, replica_status_schema;

/* Of how many machines the pool may take at once, by maxUnavailable: at least 1. */
int64_t pool_max_unavailable(const struct pool_spec *spec);

#endif
