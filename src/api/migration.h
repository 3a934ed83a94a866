/* VirtualMachineInstanceMigration (kubevirt.io/v1), MigrationPolicy (migrations.kubevirt.io/v1alpha1) and PriorityClass
 * (scheduling.k8s.io/v1). */
#ifndef SOLOVIRT_API_MIGRATION_H
#define SOLOVIRT_API_MIGRATION_H

#include "src/api/vmi.h"

enum migration_phase { MIGRATION_UNSET, MIGRATION_PENDING, MIGRATION_SCHEDULING, MIGRATION_SCHEDULED, MIGRATION_PREPARING_TARGET,
	MIGRATION_TARGET_READY, MIGRATION_RUNNING, MIGRATION_SUCCEEDED, MIGRATION_FAILED };
struct migration_spec {
	char *vmi_name;
	struct schema_map added_node_selector;
};
struct migration_transition {
	int phase; /* enum migration_phase */
	int64_t phase_transition_timestamp;
};
struct migration_status {
	int phase; /* enum migration_phase */
	struct schema_list conditions, phase_transition_timestamps; /* struct condition, migration_transition */
};
struct migration {
	struct object_head head;
	struct migration_spec *spec;
	struct migration_status *status;
};

struct migration_selectors {
	struct schema_map namespace_selector, virtual_machine_instance_selector;
};
struct migration_policy_spec {
	enum tristate allow_auto_converge, allow_post_copy, allow_workload_disruption;
	int64_t bandwidth_per_migration, completion_timeout_per_gib; /* bytes a second; seconds */
	struct migration_selectors *selectors;
};
struct migration_policy {
	struct object_head head;
	struct migration_policy_spec *spec;
};

struct priority_class {
	struct object_head head;
	int64_t value;
	bool global_default;
	char *description, *preemption_policy;
};

extern const struct schema migration_schema, migration_status_schema, migration_policy_schema, priority_class_schema;
extern const char *const migration_phase_words[];

#endif
