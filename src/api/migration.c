/* Rows of migrations, their policies, and priority classes. */
#include "config.h"

#include "src/api/domain.h"
#include "src/api/migration.h"
#include "src/api/rows.h"

#define LATER "Running machines do not move to other hosts yet."

const char *const migration_phase_words[] = { "", "Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running",
	"Succeeded", "Failed", NULL };

static const struct schema_field migration_spec_rows[] = {
	{ STRING("vmiName", struct migration_spec, vmi_name), .flags = FIELD_REQUIRED | FIELD_FIXED, .min = 1, .max = 253, .doc = "Instance that moves." },
	{ MAP("addedNodeSelector", struct migration_spec, added_node_selector), .flags = FIELD_FIXED, .check = check_label_name, .doc = "Labels that its new host must have, too." },
	{ REFUSED("priority", "Only KubeVirt's own controllers set it.") },
	{ REFUSED("sendTo", "Instances do not move between pools.") },
	{ REFUSED("receive", "Instances do not move between pools.") },
	{ 0 },
};
static SCHEMA(migration_spec_schema, struct migration_spec, "VirtualMachineInstanceMigrationSpec", "What moves.", migration_spec_rows);
static const struct schema_field transition_rows[] = {
	{ ENUM("phase", struct migration_transition, phase, migration_phase_words), .doc = "The phase that began." },
	{ TIME("phaseTransitionTimestamp", struct migration_transition, phase_transition_timestamp), .doc = "When it began." },
	{ 0 },
};
static SCHEMA(transition_schema, struct migration_transition, "MigrationPhaseTransitionTimestamp", "When a phase began.", transition_rows);
static const struct schema_field migration_status_rows[] = {
	{ ENUM("phase", struct migration_status, phase, migration_phase_words), .doc = "How far it has come." },
	{ LIST("conditions", struct migration_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ LIST("phaseTransitionTimestamps", struct migration_status, phase_transition_timestamps, &transition_schema), .doc = "When each phase began." },
	{ 0 },
};
SCHEMA(migration_status_schema, struct migration_status, "VirtualMachineInstanceMigrationStatus", "What is known of a migration.", migration_status_rows);
static const struct schema_field migration_rows[] = {
	HEAD_ROWS(struct migration),
	{ OBJECT("spec", struct migration, spec, struct migration_spec, &migration_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "What moves.", .warn = LATER },
	{ OBJECT("status", struct migration, status, struct migration_status, &migration_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(migration_schema, struct migration, "VirtualMachineInstanceMigration", "An instance that moves to another host.", migration_rows);

static const struct schema_field selectors_rows[] = {
	{ MAP("namespaceSelector", struct migration_selectors, namespace_selector), .doc = "Labels of the namespace." },
	{ MAP("virtualMachineInstanceSelector", struct migration_selectors, virtual_machine_instance_selector), .doc = "Labels of the instance." },
	{ 0 },
};
static SCHEMA(selectors_schema, struct migration_selectors, "Selectors", "Whose migrations.", selectors_rows);
static const struct schema_field policy_spec_rows[] = {
	{ TRISTATE("allowAutoConverge", struct migration_policy_spec, allow_auto_converge), .doc = "The guest may be slowed down." },
	{ TRISTATE("allowPostCopy", struct migration_policy_spec, allow_post_copy), .doc = "Memory may follow after the switch." },
	{ TRISTATE("allowWorkloadDisruption", struct migration_policy_spec, allow_workload_disruption), .doc = "The guest may be stopped for a while." },
	{ QUANTITY("bandwidthPerMigration", struct migration_policy_spec, bandwidth_per_migration), .max = INT64_MAX, .doc = "Bytes a second at most." },
	{ INT("completionTimeoutPerGiB", struct migration_policy_spec, completion_timeout_per_gib), .max = INT64_MAX, .doc = "Seconds for each GiB." },
	{ REFUSED("maxDowntimeMs", "It needs a feature gate that KubeVirt has switched off.") },
	{ IGNORED("experimental", ANY, LATER) },
	{ OBJECT("selectors", struct migration_policy_spec, selectors, struct migration_selectors, &selectors_schema), .doc = "Whose migrations." },
	{ 0 },
};
static SCHEMA(policy_spec_schema, struct migration_policy_spec, "MigrationPolicySpec", "How instances move.", policy_spec_rows);
static const struct schema_field policy_rows[] = {
	HEAD_ROWS(struct migration_policy),
	{ OBJECT("spec", struct migration_policy, spec, struct migration_policy_spec, &policy_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "How instances move.", .warn = LATER },
	{ 0 },
};
SCHEMA(migration_policy_schema, struct migration_policy, "MigrationPolicy", "How certain instances move.", policy_rows);

static const struct schema_field priority_class_rows[] = {
	HEAD_ROWS(struct priority_class),
	{ INT("value", struct priority_class, value), .flags = FIELD_REQUIRED | FIELD_ZERO, .doc = "How much its machines matter.", .warn = "All machines have the same priority." },
	{ BOOL("globalDefault", struct priority_class, global_default), .doc = "Machines that name none have it." },
	{ STRING("description", struct priority_class, description), .max = 4096, .doc = "What it is for." },
	{ STRING("preemptionPolicy", struct priority_class, preemption_policy), .max = 64, .doc = "Whether others must make room." },
	{ 0 },
};
SCHEMA(priority_class_schema, struct priority_class, "PriorityClass", "How much machines matter.", priority_class_rows, .nullable = true);
