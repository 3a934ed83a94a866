/* Rows of replica sets and pools. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/replicaset.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static void
check_selects(const struct label_selector *selector, const struct template_metadata *metadata, const struct document *document,
    const char *path, struct diagnostics *diagnostics)
{
	static const struct schema_map none;
	g_autofree char *where = g_strconcat(path, ".selector", NULL);

	if (selector->match_labels.count + selector->match_expressions.count == 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, where, "must name labels that the template has");
	else if (!label_selector_matches(selector, metadata == NULL ? &none : &metadata->labels))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where,
		    "does not select what the template makes: the labels under template.metadata must match");
}

/* --- replica sets ------------------------------------------------------------------------------------------------------ */

static void
replica_set_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct replica_set_spec *spec = object;

	check_selects(spec->selector, spec->template->metadata, document, path, diagnostics);
}
static const struct schema_field replica_set_spec_rows[] = {
	{ INT("replicas", struct replica_set_spec, replicas), .dflt = "1", .flags = FIELD_ZERO, .max = INT32_MAX, .doc = "Number of instances." },
	{ OBJECT("selector", struct replica_set_spec, selector, struct label_selector, &label_selector_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Labels of its instances." },
	{ OBJECT("template", struct replica_set_spec, template, struct vmi_template, &vmi_template_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "From what instances are made." },
	{ BOOL("paused", struct replica_set_spec, paused), .doc = "Instances are neither made nor deleted." },
	{ 0 },
};
static SCHEMA(replica_set_spec_schema, struct replica_set_spec, "VirtualMachineInstanceReplicaSetSpec", "The instances that are wanted.", replica_set_spec_rows, .check = replica_set_check);
static const struct schema_field replica_status_rows[] = {
	{ INT("replicas", struct replica_status, replicas), .flags = FIELD_ZERO, .doc = "How many there are." },
	{ INT("readyReplicas", struct replica_status, ready_replicas), .flags = FIELD_ZERO, .doc = "How many of them are ready." },
	{ STRING("labelSelector", struct replica_status, label_selector), .doc = "Its selector as text." },
	{ LIST("conditions", struct replica_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(replica_status_schema, struct replica_status, "ReplicaStatus", "What is known of it.", replica_status_rows);
static const struct schema_field replica_set_rows[] = {
	HEAD_ROWS(struct replica_set),
	{ OBJECT("spec", struct replica_set, spec, struct replica_set_spec, &replica_set_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The instances that are wanted." },
	{ OBJECT("status", struct replica_set, status, struct replica_status, &replica_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(replica_set_schema, struct replica_set, "VirtualMachineInstanceReplicaSet", "A number of equal instances.", replica_set_rows);

/* --- pools ------------------------------------------------------------------------------------------------------------- */

static const struct schema_field vm_template_rows[] = {
	{ OBJECT("metadata", struct vm_template, metadata, struct template_metadata, &template_metadata_schema), .doc = "Labels and annotations of the machines." },
	{ OBJECT("spec", struct vm_template, spec, struct vm_spec, &vm_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The machine." },
	{ 0 },
};
static SCHEMA(vm_template_schema, struct vm_template, "VirtualMachineTemplateSpec", "From what machines are made.", vm_template_rows);
static const struct schema_field name_generation_rows[] = {
	{ BOOL("appendIndexToConfigMapRefs", struct name_generation, append_index_to_config_map_refs), .doc = "Each machine has ConfigMaps of its own, with its number behind their names." },
	{ BOOL("appendIndexToSecretRefs", struct name_generation, append_index_to_secret_refs), .doc = "Each machine has Secrets of its own, with its number behind their names." },
	{ 0 },
};
static SCHEMA(name_generation_schema, struct name_generation, "VirtualMachinePoolNameGeneration", "What gets the number of its machine.", name_generation_rows);
static const char *const sort_policies[] = { "", "Random", "Newest", "Oldest", "AscendingOrder", "DescendingOrder", NULL };
static const struct schema_field pool_selectors_rows[] = {
	{ OBJECT("labelSelector", struct pool_selectors, label_selector, struct label_selector, &label_selector_schema), .doc = "Machines with these labels go first." },
	{ IGNORED("nodeSelectorRequirementMatcher", LIST, "Machines are chosen by their labels and their age.") },
	{ 0 },
};
static SCHEMA(pool_selectors_schema, struct pool_selectors, "VirtualMachinePoolSelectors", "Which machines go first.", pool_selectors_rows);
static const struct schema_field selection_policy_rows[] = {
	{ ENUM("sortPolicy", struct selection_policy, sort_policy, sort_policies), .doc = "In which order machines are chosen." },
	{ LIST("selectors", struct selection_policy, selectors, &pool_selectors_schema), .max = 64, .doc = "Which machines go first." },
	{ 0 },
};
static SCHEMA(selection_policy_schema, struct selection_policy, "VirtualMachinePoolSelectionPolicy", "How machines are chosen.", selection_policy_rows);
static const char *const preservations[] = { "", "Disabled", "Offline", "Online", NULL };
static const struct schema_field pool_proactive_rows[] = {
	{ OBJECT("selectionPolicy", struct pool_proactive, selection_policy, struct selection_policy, &selection_policy_schema), .doc = "How machines are chosen." },
	{ ENUM("statePreservation", struct pool_proactive, state_preservation, preservations), .doc = "Whether disks outlive their machine." },
	{ 0 },
};
static SCHEMA(pool_proactive_schema, struct pool_proactive, "VirtualMachinePoolProactiveStrategy", "Machines are changed at once.", pool_proactive_rows);
static const struct schema_field pool_strategy_rows[] = {
	{ OBJECT("unmanaged", struct pool_strategy, unmanaged, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "Machines are left alone." },
	{ OBJECT("opportunistic", struct pool_strategy, opportunistic, struct pool_proactive, &pool_proactive_schema), .flags = FIELD_ONEOF, .doc = "Machines are changed when they stop by themselves." },
	{ OBJECT("proactive", struct pool_strategy, proactive, struct pool_proactive, &pool_proactive_schema), .flags = FIELD_ONEOF, .doc = "Machines are changed at once; what is done when nothing is said." },
	{ 0 },
};
static SCHEMA(pool_strategy_schema, struct pool_strategy, "VirtualMachinePoolStrategy", "How machines are changed.", pool_strategy_rows);
static const struct schema_field autohealing_rows[] = {
	{ INT("startUpFailureThreshold", struct pool_autohealing, start_up_failure_threshold), .dflt = "3", .max = INT32_MAX, .doc = "Failed starts in a row after which a machine is made anew." },
	{ DURATION("minFailingToStartDuration", struct pool_autohealing, min_failing_to_start_duration), .dflt = "5m", .doc = "How long its starts must have failed." },
	{ 0 },
};
static SCHEMA(autohealing_schema, struct pool_autohealing, "VirtualMachinePoolAutohealingStrategy", "When machines are made anew.", autohealing_rows);

static int
check_max_unavailable(const char *text, struct error *err)
{
	char *end;
	gint64 n = g_ascii_strtoll(text, &end, 10);

	if (end != text && strcmp(end, "%") == 0 && n >= 1 && n <= 100)
		return 0;
	if (end != text && *end == '\0' && n >= 1)
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is neither a number of machines from 1 on nor a percentage from 1%% to 100%%", text);
}
static void
pool_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct pool_spec *spec = object;

	check_selects(spec->selector, spec->virtual_machine_template->metadata, document, path, diagnostics);
}
static const struct schema_field pool_spec_rows[] = {
	{ INT("replicas", struct pool_spec, replicas), .dflt = "1", .flags = FIELD_ZERO, .max = INT32_MAX, .doc = "Number of machines." },
	{ OBJECT("selector", struct pool_spec, selector, struct label_selector, &label_selector_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT | FIELD_FIXED, .doc = "Labels of its machines." },
	{ OBJECT("virtualMachineTemplate", struct pool_spec, virtual_machine_template, struct vm_template, &vm_template_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "From what machines are made." },
	{ BOOL("paused", struct pool_spec, paused), .doc = "Machines are neither made, changed nor deleted." },
	{ OBJECT("nameGeneration", struct pool_spec, name_generation, struct name_generation, &name_generation_schema), .doc = "What gets the number of its machine." },
	{ INT_OR_STRING("maxUnavailable", struct pool_spec, max_unavailable), .check = check_max_unavailable, .doc = "How many machines may be down for a change: a number or a percentage; all when not given." },
	{ OBJECT("scaleInStrategy", struct pool_spec, scale_in_strategy, struct pool_strategy, &pool_strategy_schema), .doc = "Which machines go when there are too many." },
	{ OBJECT("updateStrategy", struct pool_spec, update_strategy, struct pool_strategy, &pool_strategy_schema), .doc = "When running machines are changed." },
	{ OBJECT("autohealing", struct pool_spec, autohealing, struct pool_autohealing, &autohealing_schema), .doc = "When machines that do not start are made anew." },
	{ 0 },
};
static SCHEMA(pool_spec_schema, struct pool_spec, "VirtualMachinePoolSpec", "The machines that are wanted.", pool_spec_rows, .check = pool_check);
static const struct schema_field pool_rows[] = {
	HEAD_ROWS(struct pool),
	{ OBJECT("spec", struct pool, spec, struct pool_spec, &pool_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The machines that are wanted." },
	{ OBJECT("status", struct pool, status, struct replica_status, &replica_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(pool_schema, struct pool, "VirtualMachinePool", "A number of equal machines.", pool_rows);

int64_t
pool_max_unavailable(const struct pool_spec *spec)
{
	char *end;
	int64_t n = spec->max_unavailable == NULL ? spec->replicas : g_ascii_strtoll(spec->max_unavailable, &end, 10);

	if (spec->max_unavailable != NULL && *end == '%')
		n = spec->replicas * n / 100;
	return MAX(n, 1);
}
