/* VirtualMachineInstance: rows of its spec and status, and what can be read off them. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/api/vmi.h"

static const char *const start_strategies[] = { "", "Paused", NULL };
static const char *const eviction_strategies[] = { "", "None", "LiveMigrate", "LiveMigrateIfPossible", "External", NULL };

static const struct schema_field vmi_spec_rows[] = {
	{ OBJECT("domain", struct vmi_spec, domain, struct domain, &domain_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The virtual hardware." },
	{ LIST("volumes", struct vmi_spec, volumes, &volume_schema), .key = "name", .max = 256, .doc = "Where the data of the disks comes from." },
	{ LIST("networks", struct vmi_spec, networks, &network_schema), .key = "name", .max = 256, .doc = "What the interfaces are connected to." },
	{ ENUM("startStrategy", struct vmi_spec, start_strategy, start_strategies), .doc = "Paused: the guest waits for unpause before its first instruction." },
	{ ENUM("evictionStrategy", struct vmi_spec, eviction_strategy, eviction_strategies), .doc = "What happens when its host is drained." },
	{ INT("terminationGracePeriodSeconds", struct vmi_spec, termination_grace_period_seconds), .dflt = "30", .min = 0, .max = 86400 * 365, .doc = "Seconds that the guest has to shut down before it is cut off." },
	{ STRING("hostname", struct vmi_spec, hostname), .check = check_dns_label, .doc = "Hostname; the instance's name when not given." },
	{ STRING("subdomain", struct vmi_spec, subdomain), .check = check_dns_subdomain, .doc = "Domain that follows the hostname." },
	{ STRING("architecture", struct vmi_spec, architecture), .max = 16, .doc = "Processor architecture: amd64." },
	{ MAP("nodeSelector", struct vmi_spec, node_selector), .check = check_label_name, .doc = "Labels that the host must have." },
	{ IGNORED("affinity", "Placement follows capacity and nodeSelector.") },
	{ IGNORED("tolerations", "Hosts have no taints.") },
	{ IGNORED("topologySpreadConstraints", "Placement follows capacity and nodeSelector.") },
	{ IGNORED("priorityClassName", "All machines have the same priority.") },
	{ IGNORED("schedulerName", "There is one scheduler.") },
	{ IGNORED("serviceAccountName", "There are no service accounts without Kubernetes.") },
	{ IGNORED("dnsPolicy", "The guest's name server is the host's, by DHCP.") },
	{ IGNORED("dnsConfig", "The guest's name server is the host's, by DHCP.") },
	{ IGNORED("livenessProbe", "Probes are not run yet: the instance lives as long as its domain runs.") },
	{ IGNORED("readinessProbe", "Probes are not run yet: the instance is ready when its domain runs.") },
	{ REFUSED("accessCredentials", "It is not built yet: use cloud-init.") },
	{ REFUSED("resourceClaims", "Dynamic resources need Kubernetes.") },
	{ REFUSED("utilityVolumes", "It is not built yet.") },
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
	{ 0 },
};
static SCHEMA(interface_status_schema, struct vmi_interface_status, "VirtualMachineInstanceNetworkInterface", "An interface as it is.", interface_status_rows);
static const struct schema_field phase_transition_rows[] = {
	{ ENUM("phase", struct phase_transition, phase, vmi_phase_words), .doc = "The phase that began." },
	{ TIME("phaseTransitionTimestamp", struct phase_transition, phase_transition_timestamp), .doc = "When it began." },
	{ 0 },
};
static SCHEMA(phase_transition_schema, struct phase_transition, "PhaseTransitionTimestamp", "When a phase began.", phase_transition_rows);
static const struct schema_field volume_status_rows[] = {
	{ STRING("name", struct volume_status, name), .doc = "Name of the volume." },
	{ STRING("target", struct volume_status, target), .doc = "Device in the guest, such as vda." },
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
	{ 0 },
};
static SCHEMA(memory_status_schema, struct memory_status, "MemoryStatus", "Memory as it is.", memory_status_rows);

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
	{ MAP("activePods", struct vmi_status, active_pods), .doc = "Hosts on which there is something of it." },
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

int64_t
vmi_vcpus(const struct vmi_spec *spec)
{
	const struct cpu *cpu = spec->domain->cpu;
	const struct resources *r = spec->domain->resources;
	int64_t milli = 0;

	if (cpu != NULL && (cpu->sockets > 0 || cpu->cores > 0 || cpu->threads > 0))
		return or_one(cpu->sockets) * or_one(cpu->cores) * or_one(cpu->threads);
	if (r != NULL && r->limits != NULL)
		milli = r->limits->cpu;
	if (milli == 0 && r != NULL && r->requests != NULL)
		milli = r->requests->cpu;
	return or_one((milli + 999) / 1000);
}

int64_t
vmi_memory(const struct vmi_spec *spec)
{
	const struct resources *r = spec->domain->resources;

	if (spec->domain->memory != NULL && spec->domain->memory->guest > 0)
		return spec->domain->memory->guest;
	if (r != NULL && r->requests != NULL && r->requests->memory > 0)
		return r->requests->memory;
	return r != NULL && r->limits != NULL ? r->limits->memory : 0;
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

const struct network *
vmi_network(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct network, n, &spec->networks)
		if (g_strcmp0(n->name, name) == 0)
			return n;
	return NULL;
}
