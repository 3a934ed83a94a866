/* VirtualMachineInstance: rows of its spec and status, and what can be read off them. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/placement.h"
#include "src/api/rows.h"
#include "src/api/vmi.h"

static const char *const start_strategies[] = { "", "Paused", NULL };
static const char *const eviction_strategies[] = { "", "None", "LiveMigrate", "LiveMigrateIfPossible", "External", NULL };

static const char *const dns_policies[] = { "", "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL };

static const struct schema_field resource_claim_rows[] = {
	{ STRING("name", struct resource_claim, name), .flags = FIELD_REQUIRED, .check = check_dns_label, .doc = "Name by which devices refer to it." },
	{ STRING("resourceClaimName", struct resource_claim, resource_claim_name), .min = 1, .max = 253, .check = check_dns_subdomain, .doc = "A ResourceClaim." },
	{ STRING("resourceClaimTemplateName", struct resource_claim, resource_claim_template_name), .min = 1, .max = 253, .check = check_dns_subdomain, .doc = "A ResourceClaimTemplate." },
	{ 0 },
};
static SCHEMA(resource_claim_schema, struct resource_claim, "VirtualMachineInstanceResourceClaim", "A dynamic resource.", resource_claim_rows);

static const struct schema_field vmi_spec_rows[] = {
	{ OBJECT("domain", struct vmi_spec, domain, struct domain, &domain_schema), .flags = FIELD_PRESENT, .doc = "The virtual hardware." },
	{ LIST("volumes", struct vmi_spec, volumes, &volume_schema), .key = "name", .max = 256, .doc = "Where the data of the disks comes from." },
	{ LIST("networks", struct vmi_spec, networks, &network_schema), .key = "name", .max = 256, .doc = "What the interfaces are connected to." },
	{ ENUM("startStrategy", struct vmi_spec, start_strategy, start_strategies), .min = 1, .doc = "Paused: the guest waits for unpause before its first instruction." },
	{ ENUM("evictionStrategy", struct vmi_spec, eviction_strategy, eviction_strategies), .min = 1, .doc = "What happens when its host is drained.", .warn = "Hosts are not drained yet: it has no effect." },
	{ INT("terminationGracePeriodSeconds", struct vmi_spec, termination_grace_period_seconds), .dflt = "30", .doc = "Seconds that the guest has to shut down before it is cut off." },
	{ STRING("hostname", struct vmi_spec, hostname), .check = check_dns_label, .doc = "Hostname; the instance's name when not given." },
	{ STRING("subdomain", struct vmi_spec, subdomain), .check = check_dns_subdomain, .doc = "Domain that follows the hostname." },
	{ STRING("architecture", struct vmi_spec, architecture), .doc = "Processor architecture: amd64." },
	{ MAP("nodeSelector", struct vmi_spec, node_selector), .doc = "Labels that the host must have." },
	{ OBJECT("affinity", struct vmi_spec, affinity, struct affinity, &affinity_schema), .doc = "Where it may run.", .warn = "Placement follows capacity and nodeSelector." },
	{ LIST("tolerations", struct vmi_spec, tolerations, &toleration_schema), .max = 256, .doc = "Taints that it bears.", .warn = "Hosts have no taints." },
	{ LIST("topologySpreadConstraints", struct vmi_spec, topology_spread_constraints, &topology_spread_schema), .max = 256, .doc = "Machines are spread evenly.", .warn = "Placement follows capacity and nodeSelector." },
	{ STRING("priorityClassName", struct vmi_spec, priority_class_name), .max = 253, .doc = "Which machines matter more.", .warn = "All machines have the same priority." },
	{ STRING("schedulerName", struct vmi_spec, scheduler_name), .max = 253, .doc = "Who places it.", .warn = "There is one scheduler." },
	{ STRING("serviceAccountName", struct vmi_spec, service_account_name), .check = check_dns_subdomain, .doc = "Identity in the cluster.", .warn = "There are no service accounts without Kubernetes." },
	{ ENUM("dnsPolicy", struct vmi_spec, dns_policy, dns_policies), .doc = "Where the guest's resolver comes from.", .warn = "The guest's name server is the host's, by DHCP." },
	{ OBJECT("dnsConfig", struct vmi_spec, dns_config, struct dns_config, &dns_config_schema), .doc = "The guest's resolver.", .warn = "The guest's name server is the host's, by DHCP." },
	{ OBJECT("livenessProbe", struct vmi_spec, liveness_probe, struct probe, &probe_schema), .doc = "Looks whether the guest is alive; ends the instance when it is not." },
	{ OBJECT("readinessProbe", struct vmi_spec, readiness_probe, struct probe, &probe_schema), .doc = "Looks whether the guest is ready; drives the condition Ready." },
	{ LIST("accessCredentials", struct vmi_spec, access_credentials, &access_credential_schema), .max = 256, .doc = "SSH keys and passwords for the guest." },
	{ LIST("resourceClaims", struct vmi_spec, resource_claims, &resource_claim_schema), .key = "name", .doc = "Dynamic resources.", .warn = "Dynamic resources need Kubernetes: a device that names one does not start." },
	{ REFUSED("utilityVolumes", "They are plugged in by tools, never written.") },
	{ 0 },
};
SCHEMA(vmi_spec_schema, struct vmi_spec, "VirtualMachineInstanceSpec", "A machine as it runs.", vmi_spec_rows, .check = vmi_spec_check);

const char *const vmi_phase_words[] = { "", "Pending", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed", "Unknown", NULL };

static const struct schema_field interface_status_rows[] = {
	{ STRING("name", struct vmi_interface_status, name), .doc = "Name of the interface." },
	{ STRING("ipAddress", struct vmi_interface_status, ip_address), .doc = "Its address." },
	{ STRINGS("ipAddresses", struct vmi_interface_status, ip_addresses), .doc = "All its addresses." },
	{ STRING("mac", struct vmi_interface_status, mac), .doc = "Its MAC address." },
	{ STRING("infoSource", struct vmi_interface_status, info_source), .doc = "Who says so: domain, guest-agent." },
	{ STRING("linkState", struct vmi_interface_status, link_state), .doc = "Whether the link is up or down." },
	{ STRING("interfaceName", struct vmi_interface_status, interface_name), .doc = "What the guest calls it." },
	{ INT("queueCount", struct vmi_interface_status, queue_count), .doc = "Queues of the card." },
	{ 0 },
};
static SCHEMA(interface_status_schema, struct vmi_interface_status, "VirtualMachineInstanceNetworkInterface", "An interface as it is.", interface_status_rows);
static const struct schema_field phase_transition_rows[] = {
	{ ENUM("phase", struct phase_transition, phase, vmi_phase_words), .doc = "The phase that began." },
	{ TIME("phaseTransitionTimestamp", struct phase_transition, phase_transition_timestamp), .doc = "When it began." },
	{ 0 },
};
static SCHEMA(phase_transition_schema, struct phase_transition, "PhaseTransitionTimestamp", "When a phase began.", phase_transition_rows);
static const struct schema_field claim_info_rows[] = {
	{ STRING("claimName", struct claim_info, claim_name), .doc = "Name of the claim." },
	{ STRINGS("accessModes", struct claim_info, access_modes), .doc = "How it may be used." },
	{ STRING("volumeMode", struct claim_info, volume_mode), .doc = "Filesystem or Block." },
	{ MAP("capacity", struct claim_info, capacity), .doc = "Its size." },
	{ MAP("requests", struct claim_info, requests), .doc = "The size that was asked for." },
	{ BOOL("preallocated", struct claim_info, preallocated), .doc = "All its blocks were written once." },
	{ 0 },
};
static SCHEMA(claim_info_schema, struct claim_info, "PersistentVolumeClaimInfo", "A claim as it is.", claim_info_rows);
static const struct schema_field memory_dump_volume_rows[] = {
	{ STRING("claimName", struct memory_dump_volume, claim_name), .doc = "Claim that has it." },
	{ STRING("targetFileName", struct memory_dump_volume, target_file_name), .doc = "Name of the file." },
	{ TIME("startTimestamp", struct memory_dump_volume, start_timestamp), .doc = "When it began." },
	{ TIME("endTimestamp", struct memory_dump_volume, end_timestamp), .doc = "When it ended." },
	{ 0 },
};
static SCHEMA(memory_dump_volume_schema, struct memory_dump_volume, "DomainMemoryDumpInfo", "A memory dump.", memory_dump_volume_rows);
static const struct schema_field volume_status_rows[] = {
	{ STRING("name", struct volume_status, name), .doc = "Name of the volume." },
	{ STRING("target", struct volume_status, target), .doc = "Device in the guest, such as vda." },
	{ INT("size", struct volume_status, size), .doc = "Bytes of a disk that was made for the instance." },
	{ STRING("phase", struct volume_status, phase), .doc = "How far plugging in or out has come." },
	{ STRING("reason", struct volume_status, reason), .doc = "One word why." },
	{ STRING("message", struct volume_status, message), .doc = "One sentence why." },
	{ OBJECT("persistentVolumeClaimInfo", struct volume_status, claim_info, struct claim_info, &claim_info_schema), .doc = "The claim behind it." },
	{ OBJECT("hotplugVolume", struct volume_status, hotplug_volume, struct empty, &empty_schema), .doc = "It was plugged in while the guest ran." },
	{ OBJECT("memoryDumpVolume", struct volume_status, memory_dump_volume, struct memory_dump_volume, &memory_dump_volume_schema), .doc = "A memory dump." },
	{ 0 },
};
static SCHEMA(volume_status_schema, struct volume_status, "VolumeStatus", "A volume as it is.", volume_status_rows);
static const struct schema_field guest_os_rows[] = {
	{ STRING("name", struct guest_os_info, name), .doc = "Name of the system." },
	{ STRING("kernelRelease", struct guest_os_info, kernel_release), .doc = "Release of its kernel." },
	{ STRING("version", struct guest_os_info, version), .doc = "Its version." },
	{ STRING("prettyName", struct guest_os_info, pretty_name), .doc = "Name and version." },
	{ STRING("versionId", struct guest_os_info, version_id), .doc = "Its version as a number." },
	{ STRING("kernelVersion", struct guest_os_info, kernel_version), .doc = "Version of its kernel." },
	{ STRING("machine", struct guest_os_info, machine), .doc = "Processor architecture." },
	{ STRING("id", struct guest_os_info, id), .doc = "Word for the system." },
	{ 0 },
};
static SCHEMA(guest_os_schema, struct guest_os_info, "GuestOSInfo", "The guest's system, by its agent.", guest_os_rows);
static const struct schema_field topology_rows[] = {
	{ INT("cores", struct cpu_topology, cores), .doc = "Cores in a socket." },
	{ INT("sockets", struct cpu_topology, sockets), .doc = "Sockets." },
	{ INT("threads", struct cpu_topology, threads), .doc = "Threads in a core." },
	{ 0 },
};
static SCHEMA(topology_schema, struct cpu_topology, "CPUTopology", "Processors as they are.", topology_rows);
static const struct schema_field memory_status_rows[] = {
	{ QUANTITY("guestAtBoot", struct memory_status, guest_at_boot), .doc = "Memory at start." },
	{ QUANTITY("guestCurrent", struct memory_status, guest_current), .doc = "Memory now." },
	{ QUANTITY("guestRequested", struct memory_status, guest_requested), .doc = "Memory that is wanted." },
	{ QUANTITY("memoryOverhead", struct memory_status, memory_overhead), .doc = "Memory that QEMU needs beside it." },
	{ 0 },
};
static SCHEMA(memory_status_schema, struct memory_status, "MemoryStatus", "Memory as it is.", memory_status_rows);
static const struct schema_field granted_cpu_rows[] = {
	{ INT("id", struct granted_cpu, id), .flags = FIELD_ZERO, .doc = "Its number on the host." },
	{ INT("node", struct granted_cpu, node), .flags = FIELD_ZERO, .doc = "The host's memory node that it is near to." },
	{ 0 },
};
SCHEMA(granted_cpu_schema, struct granted_cpu, "GrantedCPU", "A processor of the host.", granted_cpu_rows);
static const struct schema_field granted_device_rows[] = {
	{ STRING("name", struct granted_device, name), .doc = "Name of the GPU or host device." },
	{ STRING("bus", struct granted_device, bus), .doc = "Its kind: pci, mdev or usb." },
	{ STRING("address", struct granted_device, address), .doc = "Where it is on the host." },
	{ 0 },
};
SCHEMA(granted_device_schema, struct granted_device, "GrantedDevice", "A device of the host.", granted_device_rows);
static const struct schema_field grant_rows[] = {
	{ LIST("cpus", struct grant, cpus, &granted_cpu_schema), .doc = "Processors: one a virtual CPU, then those of threads." },
	{ LIST("devices", struct grant, devices, &granted_device_schema), .doc = "GPUs and host devices." },
	{ 0 },
};
SCHEMA(grant_schema, struct grant, "Grant", "What the host gave to an instance alone.", grant_rows);

static const struct schema_field vmi_status_rows[] = {
	{ STRING("nodeName", struct vmi_status, node_name), .doc = "Host on which it runs." },
	{ STRING("reason", struct vmi_status, reason), .doc = "Why it is in this phase." },
	{ ENUM("phase", struct vmi_status, phase, vmi_phase_words), .doc = "Where it is in its life." },
	{ LIST("phaseTransitionTimestamps", struct vmi_status, phase_transition_timestamps, &phase_transition_schema), .doc = "When each phase began." },
	{ LIST("conditions", struct vmi_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ LIST("interfaces", struct vmi_status, interfaces, &interface_status_schema), .doc = "Its interfaces." },
	{ LIST("volumeStatus", struct vmi_status, volume_status, &volume_status_schema), .doc = "Its volumes." },
	{ OBJECT("guestOSInfo", struct vmi_status, guest_os_info, struct guest_os_info, &guest_os_schema), .doc = "The guest's system." },
	{ OBJECT("machine", struct vmi_status, machine, struct machine, &machine_schema), .doc = "The machine type in use." },
	{ OBJECT("currentCPUTopology", struct vmi_status, current_cpu_topology, struct cpu_topology, &topology_schema), .doc = "Processors." },
	{ OBJECT("memory", struct vmi_status, memory, struct memory_status, &memory_status_schema), .doc = "Memory." },
	{ STRING("migrationMethod", struct vmi_status, migration_method), .doc = "How it would move: LiveMigration, or BlockMigration with its disks." },
	{ STRING("migrationTransport", struct vmi_status, migration_transport), .doc = "Unix." },
	{ STRING("qosClass", struct vmi_status, qos_class), .doc = "Guaranteed, Burstable or BestEffort." },
	{ STRING("virtualMachineRevisionName", struct vmi_status, virtual_machine_revision_name), .doc = "Revision of the machine that it was made from." },
	{ STRING("fsFreezeStatus", struct vmi_status, fs_freeze_status), .doc = "Word frozen, while its file systems are." },
	{ INT("VSOCKCID", struct vmi_status, vsock_cid), .doc = "Its address on AF_VSOCK." },
	{ INT("runtimeUser", struct vmi_status, runtime_user), .flags = FIELD_ZERO, .doc = "User that QEMU runs as." },
	{ MAP("activePods", struct vmi_status, active_pods), .doc = "Hosts on which there is something of it." },
	{ OBJECT("grant", struct vmi_status, grant, struct grant, &grant_schema), .doc = "What its host gave to it alone, until nothing of it is there." },
	{ 0 },
};
SCHEMA(vmi_status_schema, struct vmi_status, "VirtualMachineInstanceStatus", "What is known of an instance.", vmi_status_rows);

static const struct schema_field vmi_rows[] = {
	HEAD_ROWS(struct vmi),
	{ OBJECT("spec", struct vmi, spec, struct vmi_spec, &vmi_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT | FIELD_FIXED, .doc = "What runs." },
	{ OBJECT("status", struct vmi, status, struct vmi_status, &vmi_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(vmi_schema, struct vmi, "VirtualMachineInstance", "A virtual machine that runs.", vmi_rows);

static int64_t
or_one(int64_t n)
{
	return n > 0 ? n : 1;
}

/* Numbers of any size can be written: the largest one stands for all beyond. */
static int64_t
product(int64_t a, int64_t b)
{
	int64_t result;

	return __builtin_mul_overflow(a, b, &result) ? INT64_MAX : result;
}

int64_t
vmi_vcpus(const struct vmi_spec *spec)
{
	const struct cpu *cpu = spec->domain->cpu;
	const struct resources *r = spec->domain->resources;
	int64_t milli = 0;

	if (cpu != NULL && (cpu->sockets > 0 || cpu->cores > 0 || cpu->threads > 0))
		return product(product(or_one(cpu->sockets), or_one(cpu->cores)), or_one(cpu->threads));
	if (r != NULL && r->limits != NULL)
		milli = r->limits->cpu;
	if (milli == 0 && r != NULL && r->requests != NULL)
		milli = r->requests->cpu;
	return or_one(milli / 1000 + (milli % 1000 > 0));
}

int64_t
vmi_memory(const struct vmi_spec *spec)
{
	const struct resources *r = spec->domain->resources;
	const struct memory *memory = spec->domain->memory;

	if (memory != NULL && memory->guest > 0)
		return memory->guest;
	if (r != NULL && r->requests != NULL && r->requests->memory > 0)
		return r->requests->memory;
	if (r != NULL && r->limits != NULL && r->limits->memory > 0)
		return r->limits->memory;
	return memory != NULL && memory->hugepages != NULL ? memory->hugepages->page_size : 0;
}

bool
vmi_is_final(const struct vmi *vmi)
{
	return vmi->status->phase == VMI_SUCCEEDED || vmi->status->phase == VMI_FAILED;
}

bool
vmi_has_acpi(const struct vmi_spec *spec)
{
	const struct features *f = spec->domain->features;

	return f == NULL || f->acpi == NULL || f->acpi->enabled != TRISTATE_FALSE;
}

char *
vmi_hostname(const struct vmi *vmi)
{
	const char *name = vmi->head.meta->name;
	size_t length = strcspn(name, ".");

	if (vmi->spec->hostname != NULL)
		return g_strdup(vmi->spec->hostname);
	return g_strndup(name, MIN(length, 63));
}

const struct volume *
vmi_volume(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct volume, v, &spec->volumes)
		if (g_strcmp0(v->name, name) == 0)
			return v;
	return NULL;
}

const struct interface *
vmi_interface(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct interface, i, &spec->domain->devices->interfaces)
		if (g_strcmp0(i->name, name) == 0)
			return i;
	return NULL;
}

const struct network *
vmi_network(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct network, n, &spec->networks)
		if (g_strcmp0(n->name, name) == 0)
			return n;
	return NULL;
}
