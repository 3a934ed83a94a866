/* Rules for disks, and for the order in which devices are booted. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/base/error.h"

enum { BLOCK_LEAST = 512, BLOCK_MOST = 2097152 };

/* The bus of whatever a disk is attached as; unset ones become sata when an instance is made. */
static int
bus_of(const struct disk *d)
{
	if (d->disk != NULL)
		return d->disk->bus;
	if (d->lun != NULL)
		return d->lun->bus;
	return d->cdrom != NULL ? d->cdrom->bus : DISK_BUS_UNSET;
}

/* D20, D21; a CD-ROM drive may be empty */
static void
check_volume(const struct checking *c, const struct disk *d)
{
	const struct volume *v = d->name == NULL ? NULL : vmi_volume(c->spec, d->name);

	if (d->name != NULL && v == NULL && d->cdrom == NULL)
		complain(c, CAUSE_INVALID, "name", "no volume is named \"%s\": add it under volumes", d->name);
	if (v != NULL && d->lun != NULL && v->data_volume == NULL && v->persistent_volume_claim == NULL)
		complain(c, CAUSE_INVALID, "lun", "only a dataVolume or persistentVolumeClaim can be a LUN");
}

/* D6, D7, D9 */
static void
check_bus(const struct checking *c, const struct disk *d)
{
	int bus = bus_of(d);
	bool alone = d->dedicated_io_thread == TRISTATE_TRUE;

	if (d->cdrom != NULL && d->cdrom->bus == DISK_BUS_VIRTIO)
		complain(c, CAUSE_INVALID, "cdrom.bus", "a CD-ROM cannot be on the virtio bus: use sata, scsi or usb");
	if (d->disk != NULL && d->disk->readonly && d->disk->bus == DISK_BUS_SATA)
		complain(c, CAUSE_INVALID, "disk.bus", "a disk on the sata bus cannot be read-only: use virtio or scsi, or a cdrom");
	else if (d->disk != NULL && d->disk->readonly && d->disk->bus == DISK_BUS_UNSET)
		complain_start(c, CAUSE_INVALID, "disk.bus", "a disk is on the sata bus when none is given, and cannot be read-only there");
	if (alone && bus != DISK_BUS_UNSET && bus != DISK_BUS_VIRTIO)
		complain_as(c, CAUSE_NOT_SUPPORTED, "", "dedicatedIOThread", "only a disk on the virtio bus can have a thread of its own");
	else if (alone && bus == DISK_BUS_UNSET)
		complain_start(c, CAUSE_NOT_SUPPORTED, "", "a disk is on the sata bus when none is given: a thread of its own needs bus: virtio");
}

/* D13 */
static void
check_address(const struct checking *c, const struct disk *d)
{
	if (d->disk != NULL && is_text(d->disk->pci_address) && d->disk->bus != DISK_BUS_VIRTIO)
		complain(c, CAUSE_INVALID, "disk.pciAddress", "only a disk on the virtio bus has a place on the PCI bus: write bus: virtio");
}

/* D17 */
static void
check_block(const struct checking *c, const char *field, int64_t size)
{
	if (size < BLOCK_LEAST || size > BLOCK_MOST)
		complain(c, CAUSE_INVALID, field, "must be from %d to %d", BLOCK_LEAST, BLOCK_MOST);
	else if ((size & (size - 1)) != 0)
		complain(c, CAUSE_INVALID, field, "must be a power of two, such as 512 or 4096");
}

/* D16, D18, D19: only what is told first is of use, the sizes depend on each other */
static void
check_block_size(const struct checking *c, const struct disk *d)
{
	const struct disk_block_size *b = d->block_size;
	const struct block_size *s = b == NULL ? NULL : b->custom;
	int64_t granularity = s == NULL || s->discard_granularity == NULL ? 0 : g_ascii_strtoll(s->discard_granularity, NULL, 10);
	int bus = bus_of(d);

	if (s == NULL)
		return;
	if (b->match_volume != NULL && b->match_volume->enabled != TRISTATE_FALSE) {
		complain(c, CAUSE_INVALID, "blockSize", "custom and matchVolume exclude each other: write one of them");
	} else if (s->logical > s->physical) {
		complain(c, CAUSE_INVALID, "blockSize.custom.logical", "must not be more than physical");
	} else if (bus == DISK_BUS_SATA && s->logical != BLOCK_LEAST) {
		complain(c, CAUSE_INVALID, "blockSize.custom.logical", "must be %d for a disk on the sata bus", BLOCK_LEAST);
	} else if (granularity != 0 && s->logical != 0 && granularity % s->logical != 0) {
		complain(c, CAUSE_INVALID, "blockSize.custom.discardGranularity", "must be a multiple of logical (%lld)", (long long)s->logical);
	} else {
		check_block(c, "blockSize.custom.logical", s->logical);
		check_block(c, "blockSize.custom.physical", s->physical);
		if (bus == DISK_BUS_UNSET && s->logical > BLOCK_LEAST)
			complain_start(c, CAUSE_INVALID, "blockSize.custom.logical",
			    "must be %d for a disk on the sata bus, where it is when none is given", BLOCK_LEAST);
	}
}

static void
check_disk(const struct checking *c, const struct disk *d)
{
	check_volume(c, d);
	check_bus(c, d);
	check_address(c, d);
	check_block_size(c, d);
}

/* D4, N24 */
static void
check_order(const struct checking *c, GHashTable *seen, int64_t order)
{
	if (order > 0 && !g_hash_table_add(seen, g_memdup2(&order, sizeof(order))))
		complain(c, CAUSE_INVALID, "bootOrder", "%lld is used by an earlier device: each needs its own", (long long)order);
}

static void
check_boot_order(const struct checking *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	const struct devices *devices = c->spec->domain->devices;

#define CHECK_ORDER(at, item) check_order(at, seen, (item)->boot_order)
	CHECK_EACH (struct disk, d, &devices->disks, "domain.devices.disks", CHECK_ORDER);
	CHECK_EACH (struct interface, n, &devices->interfaces, "domain.devices.interfaces", CHECK_ORDER);
#undef CHECK_ORDER
}

/* D14 of a volume that no disk names: it becomes a disk of its name */
static void
check_lone_volume(const struct checking *c, const struct volume *v)
{
	const struct devices *devices = c->spec->domain->devices;
	struct error err = { 0 };

	SCHEMA_EACH (struct disk, d, &devices->disks)
		if (g_strcmp0(d->name, v->name) == 0)
			return;
	SCHEMA_EACH (struct filesystem, f, &devices->filesystems)
		if (g_strcmp0(f->name, v->name) == 0)
			return;
	if (check_dns_label(v->name == NULL ? "" : v->name, &err) != 0)
		complain(c, CAUSE_INVALID, "name", "%s", err.text);
}

void
check_disks(const struct checking *c)
{
	CHECK_EACH (struct disk, d, &c->spec->domain->devices->disks, "domain.devices.disks", check_disk);
	CHECK_EACH (struct volume, v, &c->spec->volumes, "volumes", check_lone_volume);
	check_boot_order(c);
}
