/* Rules across the fields of a VMI's spec: what KubeVirt's create webhook refuses, in words that help. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"

/* One check under way. */
struct checking {
	const struct vmi_spec *spec;
	const struct document *document;
	const char *path;
	struct diagnostics *diagnostics;
};

static void complain(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
complain(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
{
	g_autofree char *where = g_strdup_printf("%s.%s", c->path, field);
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	diagnostics_add(c->diagnostics, SEVERITY_ERROR, cause, c->document, where, "%s", text);
}

/* Every disk has a volume behind it. */
static void
check_disks(const struct checking *c)
{
	size_t i = 0;

	SCHEMA_EACH (struct disk, d, &c->spec->domain->devices->disks) {
		g_autofree char *field = g_strdup_printf("domain.devices.disks[%zu]", i++);
		g_autofree char *name = g_strconcat(field, ".name", NULL), *cdrom_bus = g_strconcat(field, ".cdrom.bus", NULL);
		g_autofree char *disk_bus = g_strconcat(field, ".disk.readonly", NULL);

		if (d->name != NULL && vmi_volume(c->spec, d->name) == NULL)
			complain(c, CAUSE_INVALID, name, "no volume is named \"%s\": add it under volumes", d->name);
		if (d->cdrom != NULL && d->cdrom->bus == DISK_BUS_VIRTIO)
			complain(c, CAUSE_INVALID, cdrom_bus, "a CD-ROM cannot be on the virtio bus: use sata, scsi or usb");
		if (d->disk != NULL && d->disk->bus == DISK_BUS_SATA && d->disk->readonly)
			complain(c, CAUSE_INVALID, disk_bus, "a disk on the sata bus cannot be read-only: use virtio or scsi, or a cdrom");
	}
}

static bool
is_claim(const struct volume *v)
{
	return v != NULL && (v->data_volume != NULL || v->persistent_volume_claim != NULL);
}

static void
check_luns(const struct checking *c)
{
	size_t i = 0;

	SCHEMA_EACH (struct disk, d, &c->spec->domain->devices->disks) {
		g_autofree char *field = g_strdup_printf("domain.devices.disks[%zu].lun", i++);

		if (d->lun != NULL && d->name != NULL && vmi_volume(c->spec, d->name) != NULL && !is_claim(vmi_volume(c->spec, d->name)))
			complain(c, CAUSE_INVALID, field, "only a dataVolume or persistentVolumeClaim can be a LUN");
	}
}

/* A boot order is used once over disks and interfaces. */
static void
check_boot_order(const struct checking *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	size_t i = 0;

	SCHEMA_EACH (struct disk, d, &c->spec->domain->devices->disks) {
		g_autofree char *field = g_strdup_printf("domain.devices.disks[%zu].bootOrder", i++);
		if (d->boot_order > 0 && !g_hash_table_add(seen, GINT_TO_POINTER((int)d->boot_order)))
			complain(c, CAUSE_INVALID, field, "%d is used by an earlier device: each needs its own", (int)d->boot_order);
	}
	i = 0;
	SCHEMA_EACH (struct interface, n, &c->spec->domain->devices->interfaces) {
		g_autofree char *field = g_strdup_printf("domain.devices.interfaces[%zu].bootOrder", i++);
		if (n->boot_order > 0 && !g_hash_table_add(seen, GINT_TO_POINTER((int)n->boot_order)))
			complain(c, CAUSE_INVALID, field, "%d is used by an earlier device: each needs its own", (int)n->boot_order);
	}
}

static const struct interface *
interface_of(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct interface, n, &spec->domain->devices->interfaces)
		if (g_strcmp0(n->name, name) == 0)
			return n;
	return NULL;
}

/* Interfaces and networks pair up by name. */
static void
check_interfaces(const struct checking *c)
{
	g_autoptr(GHashTable) macs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	size_t i = 0, pods = 0;

	SCHEMA_EACH (struct interface, n, &c->spec->domain->devices->interfaces) {
		g_autofree char *name = g_strdup_printf("domain.devices.interfaces[%zu].name", i);
		g_autofree char *mac = g_strdup_printf("domain.devices.interfaces[%zu].macAddress", i++);

		if (n->name != NULL && vmi_network(c->spec, n->name) == NULL)
			complain(c, CAUSE_INVALID, name, "no network is named \"%s\": add it under networks", n->name);
		if (n->mac_address != NULL && !g_hash_table_add(macs, g_ascii_strdown(n->mac_address, -1)))
			complain(c, CAUSE_DUPLICATE, mac, "%s is used by an earlier interface", n->mac_address);
	}
	i = 0;
	SCHEMA_EACH (struct network, n, &c->spec->networks) {
		g_autofree char *name = g_strdup_printf("networks[%zu].name", i);
		g_autofree char *pod = g_strdup_printf("networks[%zu].pod", i++);

		if (n->name != NULL && interface_of(c->spec, n->name) == NULL)
			complain(c, CAUSE_REQUIRED, name, "no interface is named \"%s\": add it under domain.devices.interfaces", n->name);
		if (n->pod != NULL && ++pods > 1)
			complain(c, CAUSE_DUPLICATE, pod, "only one network can be the default one");
	}
}

static void
check_memory(const struct checking *c)
{
	const struct domain *d = c->spec->domain;
	const struct resources *r = d->resources;

	if (vmi_memory(c->spec) == 0)
		complain(c, CAUSE_REQUIRED, "domain.memory.guest", "is required: how much memory the guest has, such as 1Gi");
	if (d->memory != NULL && d->memory->max_guest > 0 && d->memory->max_guest < d->memory->guest)
		complain(c, CAUSE_INVALID, "domain.memory.maxGuest", "must not be less than memory.guest");
	if (r == NULL || r->limits == NULL || r->requests == NULL)
		return;
	if (r->limits->memory > 0 && r->requests->memory > r->limits->memory)
		complain(c, CAUSE_INVALID, "domain.resources.requests.memory", "must not be more than resources.limits.memory");
	if (r->limits->cpu > 0 && r->requests->cpu > r->limits->cpu)
		complain(c, CAUSE_INVALID, "domain.resources.requests.cpu", "must not be more than resources.limits.cpu");
}

static void
check_cpu(const struct checking *c)
{
	const struct cpu *cpu = c->spec->domain->cpu;

	if (vmi_vcpus(c->spec) > 512)
		complain(c, CAUSE_INVALID, "domain.cpu", "%lld virtual CPUs are more than the 512 that are allowed",
		    (long long)vmi_vcpus(c->spec));
	if (cpu != NULL && cpu->max_sockets > 0 && cpu->sockets > cpu->max_sockets)
		complain(c, CAUSE_INVALID, "domain.cpu.sockets", "must not be more than cpu.maxSockets");
}

static void
check_architecture(const struct checking *c)
{
	const char *architecture = c->spec->architecture;

	if (architecture != NULL && strcmp(architecture, "amd64") != 0)
		complain(c, CAUSE_NOT_SUPPORTED, "architecture", "\"%s\" is not supported: amd64 is", architecture);
}

void
vmi_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	static void (*const checks[])(const struct checking *) = { check_disks, check_luns, check_boot_order, check_interfaces,
		check_memory, check_cpu, check_architecture };
	struct checking c = { object, document, path, diagnostics };

	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		checks[i](&c);
}
