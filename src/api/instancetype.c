/* Rows of instancetypes, and of the matchers by which machines refer to them. */
#include "config.h"

#include "src/api/domain.h"
#include "src/api/instancetype.h"
#include "src/api/rows.h"

static const char *const infer_failures[] = { "", "Reject", "Ignore", NULL };
static const struct schema_field matcher_rows[] = {
	{ STRING("name", struct matcher, name), .max = 253, .doc = "Name of it." },
	{ STRING("kind", struct matcher, kind), .max = 253, .doc = "Kind of it; the one of the whole cluster when not given." },
	{ STRING("revisionName", struct matcher, revision_name), .max = 253, .doc = "ControllerRevision that holds the copy to use." },
	{ STRING("inferFromVolume", struct matcher, infer_from_volume), .max = 253, .doc = "Volume whose labels name it." },
	{ ENUM("inferFromVolumeFailurePolicy", struct matcher, infer_from_volume_failure_policy, infer_failures), .min = 1, .doc = "What happens when the volume does not name one; Reject when not given." },
	{ 0 },
};
SCHEMA(matcher_schema, struct matcher, "Matcher", "An instancetype or a preference.", matcher_rows);

static const struct schema_field matcher_status_rows[] = {
	{ STRING("name", struct matcher_status, name), .doc = "Name of it." },
	{ STRING("kind", struct matcher_status, kind), .doc = "Kind of it." },
	{ STRING("inferFromVolume", struct matcher_status, infer_from_volume), .doc = "Volume whose labels named it." },
	{ ENUM("inferFromVolumeFailurePolicy", struct matcher_status, infer_from_volume_failure_policy, infer_failures), .doc = "What happened when the volume did not name one." },
	{ OBJECT("controllerRevisionRef", struct matcher_status, controller_revision_ref, struct local_object_reference, &local_object_reference_schema), .doc = "The copy in use." },
	{ 0 },
};
SCHEMA(matcher_status_schema, struct matcher_status, "InstancetypeStatusRef", "What the machine uses.", matcher_status_rows);

static const struct schema_field cpu_rows[] = {
	{ INT("guest", struct instancetype_cpu, guest), .flags = FIELD_REQUIRED, .max = UINT32_MAX, .doc = "Number of virtual CPUs." },
	{ STRING("model", struct instancetype_cpu, model), .max = 64, .doc = "CPU model." },
	{ TRISTATE("dedicatedCPUPlacement", struct instancetype_cpu, dedicated_cpu_placement), .doc = "Each virtual CPU has a host CPU of its own." },
	{ TRISTATE("isolateEmulatorThread", struct instancetype_cpu, isolate_emulator_thread), .doc = "QEMU's own threads have one more host CPU." },
	{ OBJECT("numa", struct instancetype_cpu, numa, struct numa, &numa_schema), .doc = "How the guest's memory is divided into nodes." },
	{ OBJECT("realtime", struct instancetype_cpu, realtime, struct realtime, &realtime_schema), .doc = "Virtual CPUs run with real-time priority." },
	{ INT("maxSockets", struct instancetype_cpu, max_sockets), .max = UINT32_MAX, .doc = "Sockets that may be plugged in later." },
	{ 0 },
};
static SCHEMA(instancetype_cpu_schema, struct instancetype_cpu, "CPUInstancetype", "Virtual processors.", cpu_rows);
static const struct schema_field memory_rows[] = {
	{ QUANTITY("guest", struct instancetype_memory, guest), .flags = FIELD_REQUIRED, .doc = "Memory that the guest sees." },
	{ QUANTITY("maxGuest", struct instancetype_memory, max_guest), .doc = "Memory that may be plugged in later." },
	{ OBJECT("hugepages", struct instancetype_memory, hugepages, struct hugepages, &hugepages_schema), .doc = "The guest's memory is made of huge pages of the host." },
	{ INT("overcommitPercent", struct instancetype_memory, overcommit_percent), .max = 100, .doc = "Part of the memory that is not reserved on the host." },
	{ 0 },
};
static void
memory_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct instancetype_memory *m = object;
	g_autofree char *where = g_strconcat(path, ".overcommitPercent", NULL);

	if (m->overcommit_percent != 0 && m->hugepages != NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where,
		    "overcommitPercent and hugepages exclude each other: huge pages are always reserved");
}
static SCHEMA(instancetype_memory_schema, struct instancetype_memory, "MemoryInstancetype", "Memory.", memory_rows, .check = memory_check);
static const struct schema_field spec_rows[] = {
	{ OBJECT("cpu", struct instancetype_spec, cpu, struct instancetype_cpu, &instancetype_cpu_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Virtual processors." },
	{ OBJECT("memory", struct instancetype_spec, memory, struct instancetype_memory, &instancetype_memory_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Memory." },
	{ LIST("gpus", struct instancetype_spec, gpus, &gpu_schema), .max = 64, .doc = "Graphics cards of the host." },
	{ LIST("hostDevices", struct instancetype_spec, host_devices, &host_device_schema), .max = 64, .doc = "Devices of the host." },
	{ ENUM("ioThreadsPolicy", struct instancetype_spec, io_threads_policy, io_threads_policies), .doc = "How the disks share threads for their I/O." },
	{ OBJECT("ioThreads", struct instancetype_spec, io_threads, struct io_threads, &io_threads_schema), .doc = "Threads of the policy supplementalPool." },
	{ OBJECT("launchSecurity", struct instancetype_spec, launch_security, struct launch_security, &launch_security_schema), .doc = "The guest's memory is hidden from the host." },
	{ MAP("nodeSelector", struct instancetype_spec, node_selector), .flags = FIELD_LENIENT, .check = check_label_name, .doc = "Labels that the host must have." },
	{ STRING("schedulerName", struct instancetype_spec, scheduler_name), .max = 253, .doc = "Who places the machine.", .warn = "There is one scheduler." },
	{ MAP("annotations", struct instancetype_spec, annotations), .check = check_label_name, .doc = "Annotations of the instance." },
	{ 0 },
};
SCHEMA(instancetype_spec_schema, struct instancetype_spec, "VirtualMachineInstancetypeSpec", "A size.", spec_rows);
static const struct schema_field instancetype_rows[] = {
	HEAD_ROWS(struct instancetype),
	{ OBJECT("spec", struct instancetype, spec, struct instancetype_spec, &instancetype_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The size." },
	{ 0 },
};
SCHEMA(instancetype_schema, struct instancetype, "VirtualMachineInstancetype", "A size that machines share.", instancetype_rows);
