/* Defaults of an instance's spec; see defaults.h.  Functions stand in the order in which KubeVirt's webhook applies them. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/defaults.h"
#include "src/api/domain.h"

/* KubeVirt: liveUpdateConfiguration.maxHotplugRatio, and the most virtual CPUs that the ratio may lead to. */
enum { HOTPLUG_RATIO = 4, MAX_VCPUS = 512 };
/* What virtio-mem adds at once, and the least memory of a guest that may grow. */
#define HOTPLUG_BLOCK (INT64_C(2) << 20)
#define GIBIBYTE (INT64_C(1) << 30)

static const struct {
	const char *architecture, *machine;
	enum disk_bus bus;
} architectures[] = {
	{ "amd64", "q35", DISK_BUS_SATA },
	{ "arm64", "virt", DISK_BUS_VIRTIO },
	{ "s390x", "s390-ccw-virtio", DISK_BUS_VIRTIO },
};

static size_t
architecture_index(const char *architecture)
{
	for (size_t i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (g_strcmp0(architectures[i].architecture, architecture) == 0)
			return i;
	return 0;
}

const char *
machine_type_default(const char *architecture)
{
	return architectures[architecture_index(architecture)].machine;
}

static bool
is_architecture(const struct vmi_spec *spec, const char *architecture)
{
	return g_strcmp0(spec->architecture, architecture) == 0;
}

/* Sets a word where there is none. */
static void
fill(char **member, const char *text)
{
	if (*member != NULL && **member != '\0')
		return;
	g_free(*member);
	*member = g_strdup(text);
}

/* Makes a struct where there is none. */
#define ENSURE(member, T) ((member) = (member) != NULL ? (member) : g_new0(T, 1))

static void
default_machine(struct vmi_spec *spec)
{
	fill(&spec->architecture, "amd64");
	fill(&ENSURE(spec->domain->machine, struct machine)->type, machine_type_default(spec->architecture));
}

static void
default_resources(struct vmi_spec *spec)
{
	struct resources *r = spec->domain->resources;

	if (r == NULL || r->limits == NULL || r->limits->cpu == 0)
		return;
	ENSURE(r->requests, struct resource_list);
	if (r->requests->cpu == 0)
		r->requests->cpu = r->limits->cpu;
}

static void
default_memory(struct vmi_spec *spec)
{
	int64_t bytes = vmi_memory(spec);

	ENSURE(spec->domain->memory, struct memory)->guest = bytes;
}

static void
default_topology(struct vmi_spec *spec)
{
	int64_t vcpus = vmi_vcpus(spec);
	struct cpu *cpu = ENSURE(spec->domain->cpu, struct cpu);

	if (cpu->sockets > 0 || cpu->cores > 0 || cpu->threads > 0)
		return;
	cpu->sockets = vcpus;
	cpu->cores = 1;
	cpu->threads = 1;
}

static void
default_pull_policy(struct vmi_spec *spec)
{
	SCHEMA_EACH (struct volume, v, &spec->volumes) {
		const char *image = v->container_disk == NULL ? NULL : v->container_disk->image;

		if (image != NULL)
			fill(&v->container_disk->image_pull_policy,
			    g_str_has_suffix(image, ":latest") || strpbrk(image, ":@") == NULL ? "Always" : "IfNotPresent");
	}
}

/* KubeVirt's binding is bridge, for which a host without Kubernetes has nothing to hand on: see ARCHITECTURE.md. */
static void
default_interface(struct vmi_spec *spec)
{
	struct devices *devices = spec->domain->devices;
	struct interface *interface;
	struct network *network;

	if (devices->autoattach_pod_interface == TRISTATE_FALSE || devices->interfaces.count > 0 || spec->networks.count > 0)
		return;
	interface = schema_list_add(&devices->interfaces, &interface_schema);
	interface->name = g_strdup("default");
	interface->masquerade = g_new0(struct empty, 1);
	network = schema_list_add(&spec->networks, &network_schema);
	network->name = g_strdup("default");
	network->pod = g_new0(struct network_pod, 1);
}

static bool
is_attached(const struct devices *devices, const char *volume)
{
	bool found = false;

	SCHEMA_EACH (struct disk, d, &devices->disks)
		found |= g_strcmp0(d->name, volume) == 0;
	SCHEMA_EACH (struct filesystem, f, &devices->filesystems)
		found |= g_strcmp0(f->name, volume) == 0;
	return found;
}

/* A memory dump is written to its volume by the host; the guest does not see it. */
static void
default_disks(struct vmi_spec *spec)
{
	struct devices *devices = spec->domain->devices;

	SCHEMA_EACH (struct volume, v, &spec->volumes)
		if (v->memory_dump == NULL && !is_attached(devices, v->name))
			((struct disk *)schema_list_add(&devices->disks, &disk_schema))->name = g_strdup(v->name);
}

static void
default_targets(struct vmi_spec *spec)
{
	int bus = architectures[architecture_index(spec->architecture)].bus;

	SCHEMA_EACH (struct disk, d, &spec->domain->devices->disks) {
		if (d->disk == NULL && d->cdrom == NULL && d->lun == NULL)
			d->disk = g_new0(struct disk_target, 1);
		if (d->cdrom != NULL) {
			fill(&d->cdrom->tray, "closed");
			if (d->cdrom->readonly == TRISTATE_UNSET)
				d->cdrom->readonly = TRISTATE_TRUE;
		}
		int *const buses[] = { d->disk == NULL ? NULL : &d->disk->bus, d->cdrom == NULL ? NULL : &d->cdrom->bus,
			d->lun == NULL ? NULL : &d->lun->bus };
		for (size_t i = 0; i < G_N_ELEMENTS(buses); i++)
			if (buses[i] != NULL && *buses[i] == DISK_BUS_UNSET)
				*buses[i] = bus;
	}
}

static void
default_input(struct vmi_spec *spec)
{
	struct devices *devices = spec->domain->devices;
	const struct schema *schema = NULL;
	struct input *input;

	if (devices->autoattach_input_device != TRISTATE_TRUE || devices->inputs.count > 0)
		return;
	schema_find(&devices_schema, "inputs", &schema);
	input = schema_list_add(&devices->inputs, schema);
	schema_clear(schema, input);
	input->name = g_strdup("default-0");
}

static void
default_inputs(struct vmi_spec *spec)
{
	SCHEMA_EACH (struct input, i, &spec->domain->devices->inputs) {
		fill(&i->type, "tablet");
		fill(&i->bus, "usb");
	}
}

static void
default_watchdog(struct vmi_spec *spec)
{
	struct watchdog *w = spec->domain->devices->watchdog;

	if (w == NULL || is_architecture(spec, "arm64"))
		return;
	if (is_architecture(spec, "s390x"))
		fill(&ENSURE(w->diag288, struct watchdog_device)->action, "reset");
	else
		fill(&ENSURE(w->i6300esb, struct watchdog_device)->action, "reset");
}

static void
default_probe(struct probe *p)
{
	struct {
		int64_t *number, value;
	} rows[] = { { &p->timeout_seconds, 1 }, { &p->period_seconds, 10 }, { &p->success_threshold, 1 }, { &p->failure_threshold, 3 } };

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (*rows[i].number < 1)
			*rows[i].number = rows[i].value;
}

static void
default_probes(struct vmi_spec *spec)
{
	if (spec->readiness_probe != NULL)
		default_probe(spec->readiness_probe);
	if (spec->liveness_probe != NULL)
		default_probe(spec->liveness_probe);
}

/* ARM servers have no BIOS, and no models of processors but the host's own. */
static void
default_arm64(struct vmi_spec *spec)
{
	struct firmware *firmware;

	if (!is_architecture(spec, "arm64"))
		return;
	fill(&spec->domain->cpu->model, "host-passthrough");
	firmware = ENSURE(spec->domain->firmware, struct firmware);
	if (firmware->bootloader == NULL) {
		firmware->bootloader = g_new0(struct bootloader, 1);
		firmware->bootloader->efi = g_new0(struct efi, 1);
	}
	if (firmware->bootloader->efi != NULL && firmware->bootloader->efi->secure_boot == TRISTATE_UNSET)
		firmware->bootloader->efi->secure_boot = TRISTATE_FALSE;
}

static void
default_max_sockets(struct vmi_spec *spec)
{
	struct cpu *cpu = spec->domain->cpu;
	int64_t per_socket = cpu->cores * cpu->threads;

	if (cpu->max_sockets > 0)
		return;
	cpu->max_sockets = cpu->sockets * HOTPLUG_RATIO;
	if (per_socket > 0 && cpu->max_sockets * per_socket > MAX_VCPUS)
		cpu->max_sockets = MAX(MAX_VCPUS / per_socket, cpu->sockets);
}

/* KubeVirt's conditions for memory that is plugged in while the guest runs; it says nothing when they do not hold. */
static bool
may_grow(const struct vmi_spec *spec, int64_t most)
{
	const struct domain *d = spec->domain;
	bool mapped = d->cpu->numa != NULL && d->cpu->numa->guest_mapping_passthrough != NULL;
	int64_t block = d->memory->hugepages != NULL && d->memory->hugepages->page_size == GIBIBYTE ? GIBIBYTE : HOTPLUG_BLOCK;

	return d->cpu->realtime == NULL && !mapped && d->launch_security == NULL && is_architecture(spec, "amd64") &&
	    d->memory->guest >= GIBIBYTE && d->memory->guest <= most && d->memory->guest % block == 0 && most % block == 0;
}

static void
default_max_guest(struct vmi_spec *spec)
{
	struct memory *memory = spec->domain->memory;
	int64_t most;

	if (memory->max_guest == 0 && !__builtin_mul_overflow(memory->guest, (int64_t)HOTPLUG_RATIO, &most) && may_grow(spec, most))
		memory->max_guest = most;
}

void
vmi_devices_default(struct vmi_spec *spec)
{
	default_interface(spec);
	default_disks(spec);
	default_input(spec);
}

void
vmi_spec_default(struct vmi_spec *spec)
{
	static void (*const steps[])(struct vmi_spec *) = { default_machine, default_resources, default_memory, default_topology,
		default_pull_policy, vmi_devices_default, vmi_features_default, default_targets, default_inputs, default_probes,
		default_watchdog, default_arm64 };

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		steps[i](spec);
	fill(&spec->domain->cpu->model, "host-model");
	if (is_architecture(spec, "arm64"))
		return;
	default_max_sockets(spec);
	default_max_guest(spec);
}
