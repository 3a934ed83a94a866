/* Rows of spec.domain.devices.disks. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static CHECK_WORD(check_cache, "none", "writethrough", "writeback")
static CHECK_WORD(check_io, "native", "threads")
static CHECK_WORD(check_error_policy, "stop", "ignore", "report", "enospace")
static CHECK_WORD(check_tray, "open", "closed")

static int
check_serial(const char *text, struct error *err)
{
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-") == strlen(text))
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not a serial number: letters, digits, _, ., + and - only", text);
}

const char *const disk_bus_words[] = { "", "virtio", "sata", "scsi", "usb", NULL };

static const struct schema_field disk_target_rows[] = {
	{ ENUM("bus", struct disk_target, bus, disk_bus_words), .doc = "Bus on which the guest finds it; sata when not given." },
	{ BOOL("readonly", struct disk_target, readonly), .doc = "The guest may not write." },
	{ STRING("pciAddress", struct disk_target, pci_address), .check = check_pci_address, .doc = "Place on the PCI bus." },
	{ 0 },
};
SCHEMA(disk_target_schema, struct disk_target, "DiskTarget", "A disk as the guest sees it.", disk_target_rows);
static const struct schema_field lun_target_rows[] = {
	{ ENUM("bus", struct disk_target, bus, disk_bus_words), .doc = "Bus on which the guest finds it; sata when not given." },
	{ BOOL("readonly", struct disk_target, readonly), .doc = "The guest may not write." },
	{ IGNORED("reservation", BOOL, "Persistent reservations of SCSI are not handed on to the host.") },
	{ 0 },
};
static SCHEMA(lun_target_schema, struct disk_target, "LunTarget", "A SCSI disk whose commands reach the host's.", lun_target_rows);
static const struct schema_field cdrom_target_rows[] = {
	{ ENUM("bus", struct cdrom_target, bus, disk_bus_words), .doc = "Bus on which the guest finds it: sata, scsi or usb." },
	{ TRISTATE("readonly", struct cdrom_target, readonly), .doc = "Always true in effect." },
	{ STRING("tray", struct cdrom_target, tray), .flags = FIELD_LENIENT, .check = check_tray, .doc = "Whether the tray is open or closed." },
	{ 0 },
};
static SCHEMA(cdrom_target_schema, struct cdrom_target, "CDRomTarget", "A CD-ROM drive.", cdrom_target_rows);
static const struct schema_field block_size_rows[] = {
	{ INT("logical", struct block_size, logical), .max = INT64_MAX, .doc = "Smallest unit of a transfer, in bytes." },
	{ INT("physical", struct block_size, physical), .max = INT64_MAX, .doc = "Unit that the disk writes at once, in bytes." },
	{ INT_OR_STRING("discardGranularity", struct block_size, discard_granularity), .flags = FIELD_NUMBER, .doc = "Unit of a discard, in bytes." },
	{ 0 },
};
static SCHEMA(block_size_schema, struct block_size, "CustomBlockSize", "Block sizes, in bytes.", block_size_rows);
static const struct schema_field disk_block_size_rows[] = {
	{ OBJECT("custom", struct disk_block_size, custom, struct block_size, &block_size_schema), .doc = "Sizes that are written here." },
	{ OBJECT("matchVolume", struct disk_block_size, match_volume, struct feature_state, &feature_state_schema), .doc = "Sizes of the volume." },
	{ 0 },
};
SCHEMA(disk_block_size_schema, struct disk_block_size, "BlockSize", "Block sizes that the guest sees.", disk_block_size_rows);
static const struct schema_field disk_rows[] = {
	{ STRING("name", struct disk, name), .flags = FIELD_REQUIRED, .check = check_dns_label, .doc = "Name; the volume has the same." },
	{ OBJECT("disk", struct disk, disk, struct disk_target, &disk_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a disk; what is done when nothing is said." },
	{ OBJECT("cdrom", struct disk, cdrom, struct cdrom_target, &cdrom_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a CD-ROM." },
	{ OBJECT("lun", struct disk, lun, struct disk_target, &lun_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a SCSI LUN." },
	{ INT("bootOrder", struct disk, boot_order), .min = 1, .max = INT64_MAX, .doc = "Place in the boot order, unique over disks and interfaces." },
	{ STRING("serial", struct disk, serial), .max = 256, .check = check_serial, .doc = "Serial number that the guest sees." },
	{ STRING("cache", struct disk, cache), .check = check_cache, .doc = "Cache mode: none, writethrough or writeback." },
	{ STRING("io", struct disk, io), .check = check_io, .doc = "How QEMU does I/O: native or threads." },
	{ STRING("errorPolicy", struct disk, error_policy), .min = 1, .check = check_error_policy, .doc = "What an I/O error does; stop when not given." },
	{ TRISTATE("shareable", struct disk, shareable), .doc = "Several machines may write it at once." },
	{ STRING("tag", struct disk, tag), .doc = "Word by which the guest finds the device in cloud-init's metadata." },
	{ TRISTATE("dedicatedIOThread", struct disk, dedicated_io_thread), .doc = "The disk's I/O has a thread of its own." },
	{ OBJECT("blockSize", struct disk, block_size, struct disk_block_size, &disk_block_size_schema), .doc = "Block sizes that the guest sees." },
	{ IGNORED("changedBlockTracking", BOOL, "There are no incremental backups yet.") },
	{ 0 },
};
SCHEMA(disk_schema, struct disk, "Disk", "A disk of the guest.", disk_rows);
