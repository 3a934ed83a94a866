/* VirtualMachine: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/rows.h"
#include "src/api/vm.h"

static const struct schema_field template_metadata_rows[] = {
	{ MAP("labels", struct template_metadata, labels), .doc = "Labels of the instance." },
	{ MAP("annotations", struct template_metadata, annotations), .doc = "Annotations of the instance." },
	{ STRING("name", struct template_metadata, name), .doc = "Has no effect: the instance has the machine's name." },
	{ IGNORED("namespace", STRING, "The instance is in the machine's namespace.") },
	{ IGNORED("creationTimestamp", TIME, "It is set when the instance is made.") },
	{ IGNORED("generateName", STRING, "The instance has the machine's name.") },
	{ 0 },
};
SCHEMA(template_metadata_schema, struct template_metadata, "TemplateMeta", "Labels and annotations of the instance.", template_metadata_rows, .open = true, .nullable = true);

static const struct schema_field template_rows[] = {
	{ OBJECT("metadata", struct vmi_template, metadata, struct template_metadata, &template_metadata_schema), .doc = "Labels and annotations of the instance." },
	{ OBJECT("spec", struct vmi_template, spec, struct vmi_spec, &vmi_spec_schema), .flags = FIELD_PRESENT, .doc = "The machine as it runs." },
	{ 0 },
};
SCHEMA(vmi_template_schema, struct vmi_template, "VirtualMachineInstanceTemplateSpec", "From what the instance is made.", template_rows);

/* Free form, as in KubeVirt; the DataVolume's own rules judge it when it is made. */
static const struct schema_field data_volume_metadata_rows[] = {
	{ STRING("name", struct meta, name), .doc = "Name of the DataVolume." },
	{ STRING("namespace", struct meta, namespace), .doc = "The machine's namespace." },
	{ MAP("labels", struct meta, labels), .doc = "Labels of the DataVolume." },
	{ MAP("annotations", struct meta, annotations), .doc = "Annotations of the DataVolume." },
	{ 0 },
};
static SCHEMA(data_volume_metadata_schema, struct meta, "DataVolumeMeta", "Name, labels and annotations of the DataVolume.", data_volume_metadata_rows, .open = true, .nullable = true);
static const struct schema_field data_volume_template_rows[] = {
	{ OBJECT("metadata", struct data_volume_template, metadata, struct meta, &data_volume_metadata_schema), .flags = FIELD_PRESENT, .doc = "Name, labels and annotations of the DataVolume." },
	{ OBJECT("spec", struct data_volume_template, spec, struct data_volume_spec, &data_volume_spec_schema), .flags = FIELD_PRESENT, .doc = "The DataVolume." },
	{ IGNORED("apiVersion", STRING, "It is always cdi.kubevirt.io/v1beta1.") },
	{ IGNORED("kind", STRING, "It is always DataVolume.") },
	{ IGNORED("status", OBJECT, "It is made anew.") },
	{ 0 },
};
static SCHEMA(data_volume_template_schema, struct data_volume_template, "DataVolumeTemplateSpec", "A DataVolume that is made with the machine.", data_volume_template_rows);

const char *const run_strategy_words[] = { "", "Always", "Halted", "Manual", "RerunOnFailure", "Once", NULL };

static const struct schema_field vm_spec_rows[] = {
	{ ENUM("runStrategy", struct vm_spec, run_strategy, run_strategy_words), .min = 1, .doc = "When the machine should run." },
	{ TRISTATE("running", struct vm_spec, running), .doc = "Older form of runStrategy: true is Always, false is Halted." },
	{ OBJECT("template", struct vm_spec, template, struct vmi_template, &vmi_template_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "From what the instance is made at each start." },
	{ LIST("dataVolumeTemplates", struct vm_spec, data_volume_templates, &data_volume_template_schema), .max = 256, .doc = "DataVolumes that are made and deleted with the machine." },
	{ OBJECT("instancetype", struct vm_spec, instancetype, struct matcher, &matcher_schema), .doc = "Size of the machine, from an instancetype." },
	{ OBJECT("preference", struct vm_spec, preference, struct matcher, &matcher_schema), .doc = "What its guest would rather have, from a preference." },
	{ IGNORED("updateVolumesStrategy", STRING, "A changed volume takes effect at the next start.") },
	{ 0 },
};
SCHEMA(vm_spec_schema, struct vm_spec, "VirtualMachineSpec", "The machine that is wanted.", vm_spec_rows, .check = vm_spec_check);

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

const char *const memory_dump_phase_words[] = { "", "Associating", "InProgress", "Unmounting", "Completed", "Failed", "Dissociating", NULL };
static const struct schema_field memory_dump_request_rows[] = {
	{ STRING("claimName", struct memory_dump_request, claim_name), .doc = "Claim whose volume gets the guest's memory." },
	{ ENUM("phase", struct memory_dump_request, phase, memory_dump_phase_words), .doc = "How far it is." },
	{ TIME("startTimestamp", struct memory_dump_request, start_timestamp), .doc = "When it began." },
	{ TIME("endTimestamp", struct memory_dump_request, end_timestamp), .doc = "When it ended." },
	{ STRING("fileName", struct memory_dump_request, file_name), .doc = "File that holds it: the claim's volume on the host." },
	{ STRING("message", struct memory_dump_request, message), .doc = "How much has been written, or why it failed." },
	{ 0 },
};
static SCHEMA(memory_dump_request_schema, struct memory_dump_request, "VirtualMachineMemoryDumpRequest", "A memory dump that was asked for.", memory_dump_request_rows);

static const struct schema_field vm_status_rows[] = {
	{ BOOL("created", struct vm_status, created), .doc = "There is an instance." },
	{ BOOL("ready", struct vm_status, ready), .doc = "The instance is ready." },
	{ STRING("printableStatus", struct vm_status, printable_status), .doc = "One word for people." },
	{ LIST("conditions", struct vm_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ LIST("stateChangeRequests", struct vm_status, state_change_requests, &state_change_schema), .doc = "Starts and stops that were asked for." },
	{ OBJECT("startFailure", struct vm_status, start_failure, struct start_failure, &start_failure_schema), .doc = "Starts that failed." },
	{ OBJECT("memoryDumpRequest", struct vm_status, memory_dump_request, struct memory_dump_request, &memory_dump_request_schema), .doc = "A memory dump that was asked for." },
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
