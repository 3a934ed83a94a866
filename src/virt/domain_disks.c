/* A domain's disks, and the threads that do their I/O. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/live_update.h"
#include "src/base/error.h"
#include "src/virt/domain_build.h"

/* Disks under way. */
struct disks {
	struct domain_build *b;
	struct domain_threads threads;
	int vd, sd;              /* next letter of each kind of target */
	int dedicated, shared;   /* threads to be given away next */
};

/* The three kinds of disk, read into one. */
struct disk_plan {
	const struct disk *disk;
	const struct volume *source;        /* in the spec, or NULL */
	const struct domain_volume *volume; /* on the host; NULL: an empty CD-ROM drive */
	const char *device;                 /* disk, cdrom, lun */
	enum disk_bus bus;
	bool readonly;
	const char *pci_address;
};

static int
target_bus(const struct disk *d)
{
	return d->lun != NULL ? d->lun->bus : d->cdrom != NULL ? d->cdrom->bus : d->disk != NULL ? d->disk->bus : DISK_BUS_UNSET;
}

static void
plan_target(struct disk_plan *plan, const struct disk *disk, bool pc)
{
	const struct disk_target *target = disk->lun != NULL ? disk->lun : disk->disk;

	plan->device = disk->lun != NULL ? "lun" : disk->cdrom != NULL ? "cdrom" : "disk";
	plan->bus = (enum disk_bus)target_bus(disk);
	plan->readonly = target != NULL ? target->readonly : disk->cdrom != NULL && disk->cdrom->readonly != TRISTATE_FALSE;
	plan->pci_address = target == NULL ? NULL : target->pci_address;
	if (plan->bus == DISK_BUS_UNSET)
		plan->bus = pc ? DISK_BUS_SATA : DISK_BUS_VIRTIO;
	/* KubeVirt's default is a bus that libvirt refuses for these. */
	if ((disk->lun != NULL && plan->bus == DISK_BUS_SATA) || (disk->cdrom != NULL && plan->bus == DISK_BUS_VIRTIO))
		plan->bus = DISK_BUS_SCSI;
}

static int
plan_disk(const struct domain_build *b, const struct disk *disk, struct disk_plan *plan, struct error *err)
{
	plan->disk = disk;
	plan->source = vmi_volume(b->spec, disk->name);
	plan->volume = domain_volume(b, disk->name);
	plan_target(plan, disk, b->pc);
	if (plan->volume == NULL && disk->cdrom == NULL)
		return error_set(err, ENOENT, "disk %s has no volume on this host", disk->name);
	if (disk->lun != NULL && plan->volume->ceph != NULL)
		return error_set(err, EINVAL, "disk %s: a lun needs a block device, its volume is an image in Ceph", disk->name);
	if (disk->lun != NULL && !plan->volume->block)
		return error_set(err, EINVAL, "disk %s: a lun needs a block device, its volume is a file", disk->name);
	if (plan->volume != NULL && plan->volume->readonly)
		plan->readonly = true;
	return 0;
}

/* --- threads -------------------------------------------------------------------------------------------------------- */

static bool
is_dedicated(const struct disk *d)
{
	return d->dedicated_io_thread == TRISTATE_TRUE;
}

static int64_t
whole_cpus(const struct resource_list *list)
{
	return list == NULL ? 0 : (list->cpu + 999) / 1000;
}

/* How many threads a policy allows: two for each processor that was asked for. */
static int
thread_limit(const struct vmi_spec *spec)
{
	const struct resources *r = spec->domain->resources;
	int64_t cpus = r == NULL ? 0 : whole_cpus(r->requests) > 0 ? whole_cpus(r->requests) : whole_cpus(r->limits);

	if (spec->domain->io_threads_policy != IO_THREADS_AUTO ||
	    (domain_is_dedicated(spec) && spec->domain->cpu->isolate_emulator_thread))
		return 1;
	return (int)MIN(MAX(cpus, 1) * 2, 1024);
}

struct domain_threads
domain_threads(const struct vmi_spec *spec)
{
	const struct io_threads *pool = spec->domain->io_threads;
	int limit = thread_limit(spec), dedicated = 0, shared = 0;

	if (spec->domain->io_threads_policy == IO_THREADS_SUPPLEMENTAL_POOL && pool != NULL)
		return (struct domain_threads){ (int)pool->supplemental_pool_thread_count, 0 };
	SCHEMA_EACH (struct disk, d, &spec->domain->devices->disks) {
		dedicated += is_dedicated(d);
		shared += !is_dedicated(d);
	}
	if (spec->domain->io_threads_policy == IO_THREADS_UNSET && dedicated == 0)
		return (struct domain_threads){ 0 };
	if (shared + dedicated > limit)
		shared = MAX(limit - dedicated, 1);
	return (struct domain_threads){ shared + dedicated, shared };
}

static void
add_thread(struct disks *d, struct xml_node *driver, const struct disk_plan *plan)
{
	struct xml_node *list;

	if (d->threads.count == 0 || plan->bus != DISK_BUS_VIRTIO)
		return;
	if (domain_has_thread_pool(d->b->spec)) {
		list = xml_add(d->b->xml, driver, "iothreads", NULL);
		for (int i = 1; i <= d->threads.count; i++)
			xml_add(d->b->xml, list, "iothread", "id", domain_number(d->b, i), NULL);
	} else if (is_dedicated(plan->disk)) {
		xml_set(d->b->xml, driver, "iothread", domain_number(d->b, d->dedicated++));
	} else {
		xml_set(d->b->xml, driver, "iothread", domain_number(d->b, d->shared));
		d->shared = d->shared % MAX(d->threads.shared, 1) + 1;
	}
}

/* --- one disk ------------------------------------------------------------------------------------------------------- */

/* vda, vdb ... vdz, vdaa: bijective base 26. */
static char *
target_name(const char *prefix, int index)
{
	char letters[8];
	size_t at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (index++; index > 0 && at > 0; index = (index - 1) / 26)
		letters[--at] = (char)('a' + (index - 1) % 26);
	return g_strconcat(prefix, letters + at, NULL);
}

char *
domain_disk_target(const struct vmi_spec *spec, const char *name)
{
	bool pc = domain_is_pc(spec);
	int vd = 0, sd = 0;

	SCHEMA_EACH (struct disk, disk, &spec->domain->devices->disks) {
		struct disk_plan plan = { 0 };
		int index;

		plan_target(&plan, disk, pc);
		index = plan.bus == DISK_BUS_VIRTIO ? vd++ : sd++;
		if (g_strcmp0(disk->name, name) == 0)
			return target_name(plan.bus == DISK_BUS_VIRTIO ? "vd" : "sd", index);
	}
	return NULL;
}

/* What is read-only by nature, or not ours, is not trimmed through a CD-ROM drive. */
static bool
is_trimmed(const struct disk_plan *plan)
{
	const struct volume *v = plan->source;
	bool medium = v != NULL && (v->cloud_init_no_cloud != NULL || v->cloud_init_config_drive != NULL || v->sysprep != NULL ||
	    v->secret != NULL || v->config_map != NULL || v->downward_api != NULL || v->service_account != NULL || v->host_disk != NULL);

	return (plan->volume == NULL || !plan->volume->thick) && (plan->disk->cdrom == NULL || !medium);
}

/* Where neither is written, the host decides on cache and io: see disk_modes.h. */
static void
add_driver(struct disks *d, struct xml_node *node, const struct disk_plan *plan)
{
	const struct disk *disk = plan->disk;
	struct domain_build *b = d->b;
	bool ceph = plan->volume != NULL && plan->volume->ceph != NULL; /* its host has no file to look at */
	bool virtio = plan->bus == DISK_BUS_VIRTIO, queues = b->spec->domain->devices->block_multi_queue == TRISTATE_TRUE;
	struct xml_node *driver = xml_add(b->xml, node, "driver", "name", "qemu", "type",
	    plan->volume == NULL || plan->volume->format == NULL ? "raw" : plan->volume->format, "cache",
	    disk->cache != NULL ? disk->cache : disk->shareable == TRISTATE_TRUE || ceph ? "none" : NULL, "io", disk->io, "error_policy",
	    disk->error_policy != NULL ? disk->error_policy : "stop", "discard", is_trimmed(plan) ? "unmap" : NULL, "detect_zeroes",
	    ceph && is_trimmed(plan) ? "unmap" : NULL, "queues",
	    virtio && queues ? domain_number(b, vmi_vcpus(b->spec)) : NULL, "iommu", virtio && b->sealed ? "on" : NULL, NULL);

	add_thread(d, driver, plan);
}

void
domain_ceph_secret(const char *cluster, const char *user, char uuid[37])
{
	uuid_of_name(cluster, user, uuid);
}

void
domain_passphrase_secret(const char *of, char uuid[37])
{
	uuid_of_name("passphrase", of, uuid);
}

/* Source: libvirt's formatdomain, "disk", protocol rbd.  With the monitors in it no host needs a ceph.conf. */
static void
add_image(struct domain_build *b, struct xml_node *node, const struct domain_volume *v)
{
	struct xml_node *source = xml_add(b->xml, node, "source", "protocol", "rbd", "name", v->path, NULL), *auth;

	for (const char *const *m = v->ceph->monitors; m != NULL && *m != NULL; m++) {
		const char *colon = strrchr(*m, ':');
		bool port = colon != NULL && strchr(colon, ']') == NULL && (strchr(*m, ':') == colon || **m == '[');
		g_autofree char *host = port ? g_strndup(*m, (gsize)(colon - *m)) : g_strdup(*m);

		xml_add(b->xml, source, "host", "name", xml_text(b->xml, "%s", host), "port", port ? colon + 1 : NULL, NULL);
	}
	auth = xml_add(b->xml, source, "auth", "username", v->ceph->user, NULL);
	xml_add(b->xml, auth, "secret", "type", "ceph", "uuid", v->ceph->secret, NULL);
	if (v->ceph->passphrase[0] == '\0')
		return;
	/* Not librbd's: with it a clone that is flattened by QEMU loses its header. */
	auth = xml_add(b->xml, source, "encryption", "format", "luks", "engine", "qemu", NULL);
	xml_add(b->xml, auth, "secret", "type", "passphrase", "uuid", v->ceph->passphrase, NULL);
}

static void
add_source(struct domain_build *b, struct xml_node *node, const struct domain_volume *v)
{
	struct xml_node *backing;

	if (v == NULL)
		return;
	if (v->ceph != NULL) {
		add_image(b, node, v);
		return;
	}
	xml_add(b->xml, node, "source", v->block ? "dev" : "file", v->path, NULL);
	if (v->backing_path == NULL) {
		xml_add(b->xml, node, "backingStore", NULL); /* a chain that the image names would be followed */
		return;
	}
	backing = xml_add(b->xml, node, "backingStore", "type", v->backing_block ? "block" : "file", NULL);
	xml_add(b->xml, backing, "format", "type", v->backing_format, NULL);
	xml_add(b->xml, backing, "source", v->backing_block ? "dev" : "file", v->backing_path, NULL);
	backing = xml_add(b->xml, backing, "backingStore", "type", v->base_path == NULL ? NULL : "file", NULL);
	if (v->base_path == NULL)
		return;
	xml_add(b->xml, backing, "format", "type", "raw", NULL);
	xml_add(b->xml, backing, "source", "file", v->base_path, NULL);
	xml_add(b->xml, backing, "backingStore", NULL);
}

/* Sizes that the volume's own are to be matched with are filled in on the host. */
static void
add_block_size(struct domain_build *b, struct xml_node *node, const struct disk_block_size *size)
{
	if (size == NULL)
		return;
	if (size->custom != NULL)
		xml_add(b->xml, node, "blockio", "logical_block_size", domain_number(b, size->custom->logical), "physical_block_size",
		    domain_number(b, size->custom->physical), "discard_granularity", size->custom->discard_granularity, NULL);
	else if (size->match_volume != NULL && size->match_volume->enabled != TRISTATE_FALSE)
		xml_add(b->xml, node, "blockio", NULL);
}

/* What the class of the claim allows the disk in a second. */
static void
add_limits(struct domain_build *b, struct xml_node *node, const struct domain_volume *v)
{
	const struct disk_limits none = { 0 }, *l = v == NULL ? &none : &v->limits;
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "total_bytes_sec", l->total_bytes }, { "read_bytes_sec", l->read_bytes }, { "write_bytes_sec", l->write_bytes },
		{ "total_iops_sec", l->total_iops }, { "read_iops_sec", l->read_iops }, { "write_iops_sec", l->write_iops },
	};
	struct xml_node *tune = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].value == 0)
			continue;
		if (tune == NULL)
			tune = xml_add(b->xml, node, "iotune", NULL);
		xml_add_text(b->xml, tune, rows[i].name, domain_number(b, rows[i].value));
	}
}

/* Disks on the SCSI controller have the number of their letter. */
static void
add_target(struct disks *d, struct xml_node *node, const struct disk_plan *plan)
{
	struct domain_build *b = d->b;
	bool virtio = plan->bus == DISK_BUS_VIRTIO;
	int index = virtio ? d->vd++ : d->sd++;
	g_autofree char *name = target_name(virtio ? "vd" : "sd", index);

	xml_add(b->xml, node, "target", "dev", name, "bus", disk_bus_words[plan->bus], "tray",
	    plan->disk->cdrom != NULL ? plan->disk->cdrom->tray : NULL, NULL);
	if (plan->bus == DISK_BUS_SCSI && plan->disk->cdrom == NULL)
		xml_add(b->xml, node, "address", "type", "drive", "controller", "0", "bus", "0", "unit", domain_number(b, index), NULL);
	b->usb = b->usb || plan->bus == DISK_BUS_USB;
	b->scsi = b->scsi || plan->bus == DISK_BUS_SCSI;
	b->pcie += virtio;
}

static const char *
place_word(const struct domain_volume *v)
{
	return v == NULL || v->block ? "block" : v->ceph != NULL ? "network" : "file";
}

static int
add_disk(struct disks *d, const struct disk *disk, struct error *err)
{
	struct domain_build *b = d->b;
	struct disk_plan plan = { 0 };
	struct xml_node *node;

	if (plan_disk(b, disk, &plan, err) < 0)
		return -1;
	node = xml_add(b->xml, b->devices, "disk", "type", place_word(plan.volume), "device",
	    plan.device, "model", plan.bus == DISK_BUS_VIRTIO ? b->virtio : NULL, NULL);
	add_driver(d, node, &plan);
	add_source(b, node, plan.volume);
	add_block_size(b, node, disk->block_size);
	add_target(d, node, &plan);
	add_limits(b, node, plan.volume);
	if (disk->cdrom == NULL && disk->lun == NULL)
		xml_add_text(b->xml, node, "serial", disk->serial);
	if (plan.readonly)
		xml_add(b->xml, node, "readonly", NULL);
	if (disk->shareable == TRISTATE_TRUE)
		xml_add(b->xml, node, "shareable", NULL);
	domain_add_boot_order(b, node, disk->boot_order);
	domain_add_alias(b, node, "", disk->name);
	if (domain_add_pci_address(b, node, plan.pci_address, true, err) < 0)
		return error_wrap(err, "disk %s: ", disk->name);
	return 0;
}

int
domain_add_disks(struct domain_build *b, struct error *err)
{
	struct disks d = { .b = b, .threads = domain_threads(b->spec), .shared = 1 };

	d.dedicated = d.threads.shared + 1;
	SCHEMA_EACH (struct disk, disk, &b->spec->domain->devices->disks)
		if (add_disk(&d, disk, err) < 0)
			return -1;
	return 0;
}

/* What the host has of what may come and go, and drives whether or not something lies in them. */
static bool
is_live(const struct domain_build *b, const struct disk *disk)
{
	const struct volume *v = vmi_volume(b->spec, disk->name);

	return v == NULL ? disk->cdrom != NULL : volume_is_hotpluggable(v) && domain_volume(b, disk->name) != NULL;
}

int
domain_add_live_disks(struct domain_build *b, struct error *err)
{
	struct disks d = { .b = b, .threads = domain_threads(b->spec), .shared = 1 };

	d.dedicated = d.threads.shared + 1;
	SCHEMA_EACH (struct disk, disk, &b->spec->domain->devices->disks) {
		struct disk_plan plan = { 0 };

		plan_target(&plan, disk, b->pc);
		if (is_live(b, disk)) {
			if (add_disk(&d, disk, err) < 0)
				return -1;
		} else if (plan.bus == DISK_BUS_VIRTIO) {
			d.vd++;
		} else {
			d.sd++;
		}
	}
	return 0;
}
