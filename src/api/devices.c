/* Rows of spec.domain.devices. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

#define LATER "It is not built yet."

/* A word of a short list, kept as text because libvirt's words are the same. */
static int
check_word(const char *text, const char *words, struct error *err)
{
	g_auto(GStrv) list = g_strsplit(words, ", ", -1);

	if (g_strv_contains((const char *const *)list, text))
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is not one of %s", text, words);
}
#define WORDS(id, words)                                                                                                   \
	static int id(const char *text, struct error *err)                                                                     \
	{                                                                                                                      \
		return check_word(text, words, err);                                                                               \
	}
WORDS(check_cache, "none, writethrough, writeback")
WORDS(check_io, "native, threads")
WORDS(check_error_policy, "stop, ignore, report, enospace")
WORDS(check_tray, "open, closed")
WORDS(check_model, "virtio, e1000, e1000e, igb, ne2k_pci, pcnet, rtl8139")
WORDS(check_link, "up, down")
WORDS(check_protocol, "TCP, UDP")
WORDS(check_input_type, "tablet")
WORDS(check_input_bus, "virtio, usb")
WORDS(check_watchdog_action, "poweroff, reset, shutdown")

static int
check_serial(const char *text, struct error *err)
{
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-") == strlen(text))
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not a serial number: letters, digits, _, ., + and - only", text);
}

static int
check_interface_name(const char *text, struct error *err)
{
	if (*text != '\0' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text))
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not an interface name: letters, digits, _ and - only", text);
}

static int
check_pci_address(const char *text, struct error *err)
{
	unsigned domain, bus, slot, function;
	char end;

	if (sscanf(text, "%4x:%2x:%2x.%1x%c", &domain, &bus, &slot, &function, &end) == 4)
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is not a PCI address such as 0000:81:01.0", text);
}

const char *const disk_bus_words[] = { "", "virtio", "sata", "scsi", "usb", NULL };

static const struct schema_field disk_target_rows[] = {
	{ ENUM("bus", struct disk_target, bus, disk_bus_words), .doc = "Bus on which the guest finds it; sata when not given." },
	{ BOOL("readonly", struct disk_target, readonly), .doc = "The guest may not write." },
	{ STRING("pciAddress", struct disk_target, pci_address), .check = check_pci_address, .doc = "Place on the PCI bus." },
	{ REFUSED("reservation", LATER) },
	{ 0 },
};
static SCHEMA(disk_target_schema, struct disk_target, "DiskTarget", "A disk as the guest sees it.", disk_target_rows);
static const struct schema_field cdrom_target_rows[] = {
	{ ENUM("bus", struct cdrom_target, bus, disk_bus_words), .doc = "Bus on which the guest finds it: sata, scsi or usb." },
	{ TRISTATE("readonly", struct cdrom_target, readonly), .doc = "Always true in effect." },
	{ STRING("tray", struct cdrom_target, tray), .check = check_tray, .doc = "Whether the tray is open or closed." },
	{ 0 },
};
static SCHEMA(cdrom_target_schema, struct cdrom_target, "CDRomTarget", "A CD-ROM drive.", cdrom_target_rows);
static const struct schema_field disk_rows[] = {
	{ STRING("name", struct disk, name), .flags = FIELD_REQUIRED, .check = check_dns_label, .doc = "Name; the volume has the same." },
	{ OBJECT("disk", struct disk, disk, struct disk_target, &disk_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a disk; what is done when nothing is said." },
	{ OBJECT("cdrom", struct disk, cdrom, struct cdrom_target, &cdrom_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a CD-ROM." },
	{ OBJECT("lun", struct disk, lun, struct disk_target, &disk_target_schema), .flags = FIELD_ONEOF, .doc = "Attach as a SCSI LUN." },
	{ INT("bootOrder", struct disk, boot_order), .min = 1, .max = 1000, .doc = "Place in the boot order, unique over disks and interfaces." },
	{ STRING("serial", struct disk, serial), .max = 256, .check = check_serial, .doc = "Serial number that the guest sees." },
	{ STRING("cache", struct disk, cache), .check = check_cache, .doc = "Cache mode: none, writethrough or writeback." },
	{ STRING("io", struct disk, io), .check = check_io, .doc = "How QEMU does I/O: native or threads." },
	{ STRING("errorPolicy", struct disk, error_policy), .check = check_error_policy, .doc = "What an I/O error does; stop when not given." },
	{ BOOL("shareable", struct disk, shareable), .doc = "Several machines may write it at once." },
	{ STRING("tag", struct disk, tag), .max = 64, .doc = "Word by which the guest finds the device in cloud-init's metadata." },
	{ IGNORED("dedicatedIOThread", "Disks share QEMU's main loop for now.") },
	{ IGNORED("blockSize", "The disk's own block size is used.") },
	{ IGNORED("changedBlockTracking", "There are no incremental backups yet.") },
	{ 0 },
};
static SCHEMA(disk_schema, struct disk, "Disk", "A disk of the guest.", disk_rows);

static const struct schema_field port_rows[] = {
	{ STRING("name", struct port, name), .max = 63, .doc = "Name of the port." },
	{ STRING("protocol", struct port, protocol), .check = check_protocol, .dflt = "TCP", .doc = "TCP or UDP." },
	{ INT("port", struct port, port), .flags = FIELD_REQUIRED, .min = 1, .max = 65535, .doc = "Number of the port." },
	{ 0 },
};
static SCHEMA(port_schema, struct port, "Port", "A port on which the guest listens.", port_rows);
static const struct schema_field interface_rows[] = {
	{ STRING("name", struct interface, name), .flags = FIELD_REQUIRED, .check = check_interface_name, .doc = "Name; the network has the same." },
	{ ANY("bridge", struct interface, bridge), .flags = FIELD_ONEOF, .doc = "Connect through a bridge." },
	{ ANY("masquerade", struct interface, masquerade), .flags = FIELD_ONEOF, .doc = "Connect through NAT." },
	{ REFUSED("sriov", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("passtBinding", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("binding", "There are no binding plugins."), .flags = FIELD_ONEOF },
	{ REFUSED("slirp", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ REFUSED("macvtap", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ REFUSED("passt", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ STRING("model", struct interface, model), .check = check_model, .doc = "Model of the card; virtio when not given." },
	{ STRING("macAddress", struct interface, mac_address), .check = check_mac, .doc = "MAC address; made from the name when not given." },
	{ INT("bootOrder", struct interface, boot_order), .min = 1, .max = 1000, .doc = "Place in the boot order." },
	{ STRING("pciAddress", struct interface, pci_address), .check = check_pci_address, .doc = "Place on the PCI bus." },
	{ STRING("tag", struct interface, tag), .max = 64, .doc = "Word by which the guest finds the device in cloud-init's metadata." },
	{ STRING("state", struct interface, state), .check = check_link, .doc = "Whether the link is up or down." },
	{ LIST("ports", struct interface, ports, &port_schema), .doc = "Ports on which the guest listens; all are reachable from this host." },
	{ IGNORED("portRanges", "All ports are reachable from this host.") },
	{ IGNORED("dhcpOptions", "DHCP serves address, gateway and name server only.") },
	{ IGNORED("acpiIndex", "The guest names its interfaces itself.") },
	{ 0 },
};
static SCHEMA(interface_schema, struct interface, "Interface", "A network card of the guest.", interface_rows);

static const struct schema_field input_rows[] = {
	{ STRING("name", struct input, name), .flags = FIELD_REQUIRED, .doc = "Name of the device." },
	{ STRING("type", struct input, type), .dflt = "tablet", .check = check_input_type, .doc = "Kind of device: tablet." },
	{ STRING("bus", struct input, bus), .dflt = "usb", .check = check_input_bus, .doc = "Bus: virtio or usb." },
	{ 0 },
};
static SCHEMA(input_schema, struct input, "Input", "An input device.", input_rows);
static const struct schema_field i6300esb_rows[] = {
	{ STRING("action", struct i6300esb, action), .dflt = "reset", .check = check_watchdog_action, .doc = "What happens when the guest hangs." },
	{ 0 },
};
static SCHEMA(i6300esb_schema, struct i6300esb, "I6300ESBWatchdog", "A PCI watchdog.", i6300esb_rows);
static const struct schema_field watchdog_rows[] = {
	{ STRING("name", struct watchdog, name), .flags = FIELD_REQUIRED, .doc = "Name of the device." },
	{ OBJECT("i6300esb", struct watchdog, i6300esb, struct i6300esb, &i6300esb_schema), .flags = FIELD_PRESENT, .doc = "A PCI watchdog." },
	{ REFUSED("diag288", "Only s390x has it.") },
	{ 0 },
};
static SCHEMA(watchdog_schema, struct watchdog, "Watchdog", "Ends a guest that hangs.", watchdog_rows);

static const struct schema_field devices_rows[] = {
	{ LIST("disks", struct devices, disks, &disk_schema), .key = "name", .max = 256, .doc = "Disks, in the order in which the guest numbers them." },
	{ LIST("interfaces", struct devices, interfaces, &interface_schema), .key = "name", .max = 256, .doc = "Network cards." },
	{ LIST("inputs", struct devices, inputs, &input_schema), .key = "name", .max = 16, .doc = "Input devices." },
	{ OBJECT("watchdog", struct devices, watchdog, struct watchdog, &watchdog_schema), .doc = "A watchdog." },
	{ ANY("rng", struct devices, rng), .doc = "A source of random numbers." },
	{ TRISTATE("autoattachPodInterface", struct devices, autoattach_pod_interface), .doc = "Without interfaces and networks, add one on the default network; true when not given." },
	{ TRISTATE("autoattachGraphicsDevice", struct devices, autoattach_graphics_device), .doc = "Add a display; true when not given." },
	{ TRISTATE("autoattachSerialConsole", struct devices, autoattach_serial_console), .doc = "Add a serial console; true when not given." },
	{ TRISTATE("autoattachMemBalloon", struct devices, autoattach_mem_balloon), .doc = "Add a memory balloon; true when not given." },
	{ TRISTATE("logSerialConsole", struct devices, log_serial_console), .doc = "Keep what the guest writes to its console; true when not given." },
	{ BOOL("autoattachInputDevice", struct devices, autoattach_input_device), .doc = "Add a tablet when there are no inputs." },
	{ BOOL("useVirtioTransitional", struct devices, use_virtio_transitional), .doc = "Virtio devices for old guests." },
	{ BOOL("blockMultiQueue", struct devices, block_multi_queue), .doc = "A disk queue for each virtual CPU." },
	{ BOOL("networkInterfaceMultiqueue", struct devices, network_interface_multiqueue), .doc = "A network queue for each virtual CPU." },
	{ BOOL("disableHotplug", struct devices, disable_hotplug), .doc = "No spare ports for devices that are plugged in later." },
	{ IGNORED("autoattachVSOCK", "The host has no vsock device for guests.") },
	{ REFUSED("tpm", LATER) },
	{ REFUSED("video", LATER) },
	{ REFUSED("sound", LATER) },
	{ REFUSED("panicDevices", LATER) },
	{ REFUSED("gpus", LATER) },
	{ REFUSED("hostDevices", LATER) },
	{ REFUSED("filesystems", LATER) },
	{ REFUSED("clientPassthrough", LATER) },
	{ IGNORED("downwardMetrics", "Metrics are not handed to guests.") },
	{ 0 },
};
SCHEMA(devices_schema, struct devices, "Devices", "Devices of the guest.", devices_rows);
