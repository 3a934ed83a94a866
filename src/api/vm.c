/* VirtualMachine: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/api/vm.h"

static const struct schema_field template_metadata_rows[] = {
	{ MAP("labels", struct template_metadata, labels), .check = check_label_name, .doc = "Labels of the instance." },
	{ MAP("annotations", struct template_metadata, annotations), .check = check_label_name, .doc = "Annotations of the instance." },
	{ STRING("name", struct template_metadata, name), .doc = "Has no effect: the instance has the machine's name." },
	{ IGNORED("namespace", "The instance is in the machine's namespace.") },
	{ IGNORED("creationTimestamp", "It is set when the instance is made.") },
	{ IGNORED("generateName", "The instance has the machine's name.") },
	{ 0 },
};
static SCHEMA(template_metadata_schema, struct template_metadata, "TemplateMeta", "Labels and annotations of the instance.", template_metadata_rows, .open = true, .nullable = true);

static const struct schema_field template_rows[] = {
	{ OBJECT("metadata", struct vmi_template, metadata, struct template_metadata, &template_metadata_schema), .doc = "Labels and annotations of the instance." },
	{ OBJECT("spec", struct vmi_template, spec, struct vmi_spec, &vmi_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The machine as it runs." },
	{ 0 },
};
static SCHEMA(template_schema, struct vmi_template, "VirtualMachineInstanceTemplateSpec", "From what the instance is made.", template_rows);

static const struct schema_field data_volume_template_rows[] = {
	{ OBJECT("metadata", struct data_volume_template, metadata, struct meta, &object_meta_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Name, labels and annotations of the DataVolume." },
	{ OBJECT("spec", struct data_volume_template, spec, struct data_volume_spec, &data_volume_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The DataVolume." },
	{ IGNORED("apiVersion", "It is always cdi.kubevirt.io/v1beta1.") },
	{ IGNORED("kind", "It is always DataVolume.") },
	{ IGNORED("status", "It is made anew.") },
	{ 0 },
};
static SCHEMA(data_volume_template_schema, struct data_volume_template, "DataVolumeTemplateSpec", "A DataVolume that is made with the machine.", data_volume_template_rows);

const char *const run_strategy_words[] = { "", "Always", "Halted", "Manual", "RerunOnFailure", "Once", NULL };

static void
check_run(const struct vm_spec *spec, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	g_autofree char *running = g_strdup_printf("%s.running", path), *strategy = g_strdup_printf("%s.runStrategy", path);

	if (spec->running != TRISTATE_UNSET && spec->run_strategy != RUN_UNSET)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, running,
		    "running and runStrategy exclude each other: keep runStrategy");
	else if (spec->running != TRISTATE_UNSET)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, running,
		    "is deprecated: write runStrategy: %s", spec->running == TRISTATE_TRUE ? "Always" : "Halted");
	else if (spec->run_strategy == RUN_UNSET)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, strategy,
		    "is required: Always, Halted, Manual, RerunOnFailure or Once");
}

static bool
is_referenced(const struct vm_spec *spec, const char *name)
{
	SCHEMA_EACH (struct volume, v, &spec->template->spec->volumes) {
		if (v->data_volume != NULL && g_strcmp0(v->data_volume->name, name) == 0)
			return true;
		if (v->persistent_volume_claim != NULL && g_strcmp0(v->persistent_volume_claim->claim_name, name) == 0)
			return true;
	}
	return false;
}

static void
check_templates(const struct vm_spec *spec, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i = 0;

	SCHEMA_EACH (struct data_volume_template, t, &spec->data_volume_templates) {
		g_autofree char *field = g_strdup_printf("%s.dataVolumeTemplates[%zu]", path, i++);
		g_autofree char *name = g_strconcat(field, ".metadata.name", NULL);

		if (t->metadata->name == NULL)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, name,
			    "is required: what the DataVolume is called");
		else if (!g_hash_table_add(seen, t->metadata->name))
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_DUPLICATE, document, name, "\"%s\" is used by an earlier template", t->metadata->name);
		else if (!is_referenced(spec, t->metadata->name))
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, field,
			    "no volume of the template uses DataVolume \"%s\": add it under template.spec.volumes", t->metadata->name);
	}
}

static void
vm_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	check_run(object, document, path, diagnostics);
	check_templates(object, document, path, diagnostics);
}

static const struct schema_field vm_spec_rows[] = {
	{ ENUM("runStrategy", struct vm_spec, run_strategy, run_strategy_words), .doc = "When the machine should run." },
	{ TRISTATE("running", struct vm_spec, running), .doc = "Older form of runStrategy: true is Always, false is Halted." },
	{ OBJECT("template", struct vm_spec, template, struct vmi_template, &template_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "From what the instance is made at each start." },
	{ LIST("dataVolumeTemplates", struct vm_spec, data_volume_templates, &data_volume_template_schema), .max = 256, .doc = "DataVolumes that are made and deleted with the machine." },
	{ OBJECT("instancetype", struct vm_spec, instancetype, struct matcher, &matcher_schema), .doc = "Size of the machine, from an instancetype." },
	{ OBJECT("preference", struct vm_spec, preference, struct matcher, &matcher_schema), .doc = "What its guest would rather have, from a preference." },
	{ IGNORED("updateVolumesStrategy", "A changed volume takes effect at the next start.") },
	{ 0 },
};
static SCHEMA(vm_spec_schema, struct vm_spec, "VirtualMachineSpec", "The machine that is wanted.", vm_spec_rows, .check = vm_spec_check);

static const char *const state_changes[] = { "", "Start", "Stop", NULL };
static const struct schema_field state_change_rows[] = {
	{ ENUM("action", struct state_change_request, action, state_changes), .doc = "Start or Stop." },
	{ MAP("data", struct state_change_request, data), .doc = "Options, such as paused." },
	{ STRING("uid", struct state_change_request, uid), .doc = "The instance that is to stop." },
	{ 0 },
};
static SCHEMA(state_change_schema, struct state_change_request, "VirtualMachineStateChangeRequest", "A start or stop that was asked for.", state_change_rows);
static const struct schema_field start_failure_rows[] = {
	{ INT("consecutiveFailCount", struct start_failure, consecutive_fail_count), .doc = "Starts that failed one after the other." },
	{ STRING("lastFailedVMIUID", struct start_failure, last_failed_vmi_uid), .doc = "The instance that failed last." },
	{ TIME("retryAfterTimestamp", struct start_failure, retry_after_timestamp), .doc = "No start before then." },
	{ 0 },
};
static SCHEMA(start_failure_schema, struct start_failure, "VirtualMachineStartFailure", "Starts that failed.", start_failure_rows);

static const struct schema_field vm_status_rows[] = {
	{ BOOL("created", struct vm_status, created), .doc = "There is an instance." },
	{ BOOL("ready", struct vm_status, ready), .doc = "The instance is ready." },
	{ STRING("printableStatus", struct vm_status, printable_status), .doc = "One word for people." },
	{ LIST("conditions", struct vm_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ LIST("stateChangeRequests", struct vm_status, state_change_requests, &state_change_schema), .doc = "Starts and stops that were asked for." },
	{ OBJECT("startFailure", struct vm_status, start_failure, struct start_failure, &start_failure_schema), .doc = "Starts that failed." },
	{ OBJECT("instancetypeRef", struct vm_status, instancetype_ref, struct matcher_status, &matcher_status_schema), .doc = "The instancetype in use." },
	{ OBJECT("preferenceRef", struct vm_status, preference_ref, struct matcher_status, &matcher_status_schema), .doc = "The preference in use." },
	{ INT("observedGeneration", struct vm_status, observed_generation), .doc = "Generation that the running instance was made from." },
	{ INT("desiredGeneration", struct vm_status, desired_generation), .doc = "Generation of the spec." },
	{ ENUM("runStrategy", struct vm_status, run_strategy, run_strategy_words), .doc = "Strategy that was seen last." },
	{ 0 },
};
SCHEMA(vm_status_schema, struct vm_status, "VirtualMachineStatus", "What is known of a machine.", vm_status_rows);

static const struct schema_field vm_rows[] = {
	HEAD_ROWS(struct vm),
	{ OBJECT("spec", struct vm, spec, struct vm_spec, &vm_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The machine that is wanted." },
	{ OBJECT("status", struct vm, status, struct vm_status, &vm_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(vm_schema, struct vm, "VirtualMachine", "A virtual machine, running or not.", vm_rows);

enum run_strategy
vm_run_strategy(const struct vm *vm)
{
	if (vm->spec->run_strategy != RUN_UNSET)
		return (enum run_strategy)vm->spec->run_strategy;
	return vm->spec->running == TRISTATE_TRUE ? RUN_ALWAYS : RUN_HALTED;
}
