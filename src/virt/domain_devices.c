/* The devices of a domain; see domain_devices.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_devices.h"

/* PCIe slots that stay free for disks and interfaces that are plugged in while the guest runs. */
enum { SPARE_PORTS = 4 };
/* vhost refuses more queues on one interface. */
enum { QUEUES_MOST = 256 };

/* What is known while devices are added. */
struct devices_state {
	struct xml_build *build;
	xmlNodePtr node; /* <devices> */
	const struct domain_input *input;
	const struct vmi_spec *spec;
	const char *virtio;   /* model of virtio devices */
	int vd, sd;           /* next letter of each kind of target */
	int pcie;             /* devices that take a PCIe slot */
	int io_thread;        /* last one given away */
	bool usb, scsi;       /* a device needs the controller */
};

static const char *
number(struct devices_state *state, int64_t value)
{
	return xml_text(state->build, "%" PRId64, value);
}

/* User aliases must begin with "ua-" (libvirt); KubeVirt's tools find devices by them. */
static void
add_alias(struct devices_state *state, xmlNodePtr node, const char *name)
{
	if (name != NULL)
		xml_add(state->build, node, "alias", "name", xml_text(state->build, "ua-%s", name), NULL);
}

static void
add_boot_order(struct devices_state *state, xmlNodePtr node, int64_t order)
{
	if (order > 0)
		xml_add(state->build, node, "boot", "order", number(state, order), NULL);
}

/* "0000:81:01.0" */
static int
add_pci_address(struct devices_state *state, xmlNodePtr node, const char *address, struct error *err)
{
	unsigned domain, bus, slot, function;
	char end;

	if (address == NULL || *address == '\0')
		return 0;
	if (sscanf(address, "%4x:%2x:%2x.%1x%c", &domain, &bus, &slot, &function, &end) != 4)
		return error_set(err, EINVAL, "\"%s\" is not a PCI address like 0000:81:01.0", address);
	xml_add(state->build, node, "address", "type", "pci", "domain", xml_text(state->build, "0x%04x", domain), "bus",
	    xml_text(state->build, "0x%02x", bus), "slot", xml_text(state->build, "0x%02x", slot), "function",
	    xml_text(state->build, "0x%x", function), NULL);
	return 0;
}

/* --- disks -------------------------------------------------------------------------------------------------------- */

/* The three kinds of disk, read into one. */
struct disk_plan {
	const struct disk *disk;
	const struct domain_volume *volume; /* NULL: an empty CD-ROM drive */
	const char *device;                 /* disk, cdrom, lun */
	enum disk_bus bus;
	bool readonly;
	const char *pci_address;
};

static const struct domain_volume *
find_volume(const struct domain_input *input, const char *name)
{
	for (size_t i = 0; i < input->volume_count; i++)
		if (g_strcmp0(input->volumes[i].name, name) == 0)
			return &input->volumes[i];
	return NULL;
}

static void
plan_target(struct disk_plan *plan, const struct disk *disk, bool pc)
{
	const struct disk_target *target = disk->lun != NULL ? disk->lun : disk->disk;

	plan->device = disk->cdrom != NULL ? "cdrom" : disk->lun != NULL ? "lun" : "disk";
	if (disk->cdrom != NULL) {
		plan->bus = (enum disk_bus)disk->cdrom->bus;
		plan->readonly = disk->cdrom->readonly != TRISTATE_FALSE;
	} else if (target != NULL) {
		plan->bus = (enum disk_bus)target->bus;
		plan->readonly = target->readonly;
		plan->pci_address = target->pci_address;
	}
	if (plan->bus == DISK_BUS_UNSET && (disk->lun != NULL || (disk->cdrom != NULL && !pc)))
		plan->bus = DISK_BUS_SCSI; /* KubeVirt's default here is a bus that libvirt refuses */
	else if (plan->bus == DISK_BUS_UNSET)
		plan->bus = pc ? DISK_BUS_SATA : DISK_BUS_VIRTIO;
}

static int
plan_disk(struct devices_state *state, const struct disk *disk, struct disk_plan *plan, struct error *err)
{
	plan->disk = disk;
	plan->volume = find_volume(state->input, disk->name);
	plan_target(plan, disk, domain_is_pc(state->spec));
	if (plan->volume == NULL && disk->cdrom == NULL)
		return error_set(err, ENOENT, "disk %s has no volume on this host", disk->name);
	if (disk->lun != NULL && !plan->volume->block)
		return error_set(err, EINVAL, "disk %s: a lun needs a block device, its volume is a file", disk->name);
	if (plan->volume != NULL && plan->volume->readonly)
		plan->readonly = true;
	return 0;
}

/* vda, vdb ... vdz, vdaa: bijective base 26. */
static const char *
target_name(struct devices_state *state, const char *prefix, int index)
{
	char letters[8];
	size_t at = sizeof(letters) - 1;

	letters[at] = '\0';
	for (index++; index > 0 && at > 0; index = (index - 1) / 26)
		letters[--at] = (char)('a' + (index - 1) % 26);
	return xml_text(state->build, "%s%s", prefix, letters + at);
}

/* cache stays libvirt's choice unless it is asked for or something else needs it: none fails on file systems without
 * O_DIRECT, which cannot be seen from here. */
static const char *
disk_cache(const struct disk *disk)
{
	if (disk->cache != NULL)
		return disk->cache;
	return disk->shareable == TRISTATE_TRUE || g_strcmp0(disk->io, "native") == 0 ? "none" : NULL;
}

static void
add_driver(struct devices_state *state, xmlNodePtr node, const struct disk_plan *plan)
{
	const struct disk *disk = plan->disk;
	bool virtio = plan->bus == DISK_BUS_VIRTIO, cdrom = disk->cdrom != NULL;
	const char *format = plan->volume == NULL || plan->volume->format == NULL ? "raw" : plan->volume->format;

	xml_add(state->build, node, "driver", "name", "qemu", "type", format, "cache", disk_cache(disk), "io", disk->io,
	    "error_policy", disk->error_policy != NULL ? disk->error_policy : "stop", "discard", cdrom ? NULL : "unmap",
	    "iothread", virtio && disk->dedicated_io_thread == TRISTATE_TRUE ? number(state, ++state->io_thread) : NULL, "queues",
	    virtio && state->spec->domain->devices->block_multi_queue == TRISTATE_TRUE ? number(state, vmi_vcpus(state->spec)) : NULL,
	    NULL);
}

static void
add_target(struct devices_state *state, xmlNodePtr node, const struct disk_plan *plan)
{
	bool virtio = plan->bus == DISK_BUS_VIRTIO;
	const char *dev = virtio ? target_name(state, "vd", state->vd++) : target_name(state, "sd", state->sd++);

	xml_add(state->build, node, "target", "dev", dev, "bus", disk_bus_words[plan->bus], "tray",
	    plan->disk->cdrom != NULL ? plan->disk->cdrom->tray : NULL, NULL);
	state->usb = state->usb || plan->bus == DISK_BUS_USB;
	state->scsi = state->scsi || plan->bus == DISK_BUS_SCSI;
	state->pcie += virtio;
}

static int
add_disk(struct devices_state *state, const struct disk *disk, struct error *err)
{
	struct disk_plan plan = { 0 };
	xmlNodePtr node;
	bool block;

	if (plan_disk(state, disk, &plan, err) < 0)
		return -1;
	block = plan.volume != NULL && plan.volume->block;
	node = xml_add(state->build, state->node, "disk", "type", block ? "block" : "file", "device", plan.device,
	    "model", plan.bus == DISK_BUS_VIRTIO ? state->virtio : NULL, NULL);
	add_driver(state, node, &plan);
	if (plan.volume != NULL) {
		xml_add(state->build, node, "source", block ? "dev" : "file", plan.volume->path, NULL);
		xml_add(state->build, node, "backingStore", NULL); /* a chain that the image names would be followed */
	}
	add_target(state, node, &plan);
	if (disk->cdrom == NULL && disk->lun == NULL)
		xml_add_text(state->build, node, "serial", disk->serial);
	if (plan.readonly)
		xml_add(state->build, node, "readonly", NULL);
	if (disk->shareable == TRISTATE_TRUE)
		xml_add(state->build, node, "shareable", NULL);
	add_boot_order(state, node, disk->boot_order);
	add_alias(state, node, disk->name);
	if (add_pci_address(state, node, plan.pci_address, err) < 0)
		return error_wrap(err, "disk %s: ", disk->name);
	return 0;
}

int
domain_io_threads(const struct domain_input *input)
{
	int count = 0;

	SCHEMA_EACH (struct disk, disk, &input->vmi->spec->domain->devices->disks) {
		bool virtio = disk->disk != NULL && disk->disk->bus == DISK_BUS_VIRTIO;

		count += disk->dedicated_io_thread == TRISTATE_TRUE &&
		    (virtio || (!domain_is_pc(input->vmi->spec) && disk->cdrom == NULL && disk->lun == NULL &&
		    (disk->disk == NULL || disk->disk->bus == DISK_BUS_UNSET)));
	}
	return count;
}

/* --- interfaces --------------------------------------------------------------------------------------------------- */

static const struct domain_interface *
find_port(const struct domain_input *input, const char *name)
{
	for (size_t i = 0; i < input->interface_count; i++)
		if (g_strcmp0(input->interfaces[i].name, name) == 0)
			return &input->interfaces[i];
	return NULL;
}

static int
add_interface(struct devices_state *state, const struct interface *interface, struct error *err)
{
	const struct domain_interface *port = find_port(state->input, interface->name);
	bool virtio = interface->model == NULL || *interface->model == '\0' || strcmp(interface->model, "virtio") == 0;
	bool queues =
	    virtio && state->spec->domain->devices->network_interface_multiqueue == TRISTATE_TRUE && vmi_vcpus(state->spec) > 1;
	xmlNodePtr node;

	if (g_strcmp0(interface->state, "absent") == 0)
		return 0;
	if (port == NULL)
		return error_set(err, ENOENT, "interface %s has no port on this host", interface->name);
	node = xml_add(state->build, state->node, "interface", "type", "network", NULL);
	if (port->mac != NULL)
		xml_add(state->build, node, "mac", "address", port->mac, NULL);
	xml_add(state->build, node, "source", "network", port->network, NULL);
	xml_add(state->build, node, "model", "type", virtio ? state->virtio : interface->model, NULL);
	if (queues)
		xml_add(state->build, node, "driver", "queues", number(state, MIN(vmi_vcpus(state->spec), QUEUES_MOST)),
		    NULL);
	if (g_strcmp0(interface->state, "down") == 0)
		xml_add(state->build, node, "link", "state", "down", NULL);
	add_boot_order(state, node, interface->boot_order);
	if (interface->boot_order == 0)
		xml_add(state->build, node, "rom", "enabled", "no", NULL); /* saves the guest a PXE attempt */
	add_alias(state, node, interface->name);
	state->pcie++;
	if (add_pci_address(state, node, interface->pci_address, err) < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	return 0;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* Serial port 0 and its console; virtlogd keeps the log, so that it goes on while nobody looks. */
static void
add_serial(struct devices_state *state)
{
	const struct devices *devices = state->spec->domain->devices;
	bool log = devices->log_serial_console != TRISTATE_FALSE && state->input->console_log != NULL;
	xmlNodePtr node;

	if (devices->autoattach_serial_console == TRISTATE_FALSE)
		return;
	node = xml_add(state->build, state->node, "serial", "type", "pty", NULL);
	if (log)
		xml_add(state->build, node, "log", "file", state->input->console_log, "append", "on", NULL);
	xml_add(state->build, node, "target", "port", "0", NULL);
	node = xml_add(state->build, state->node, "console", "type", "pty", NULL);
	if (log)
		xml_add(state->build, node, "log", "file", state->input->console_log, "append", "on", NULL);
	xml_add(state->build, node, "target", "type", "serial", "port", "0", NULL);
}

static void
add_agent(struct devices_state *state)
{
	xmlNodePtr node = xml_add(state->build, state->node, "channel", "type", "unix", NULL);

	xml_add(state->build, node, "target", "type", "virtio", "name", "org.qemu.guest_agent.0", NULL);
}

static void
add_tablet(struct devices_state *state, const char *name, const char *bus)
{
	bool usb = bus == NULL || *bus == '\0' || strcmp(bus, "usb") == 0;
	xmlNodePtr node = xml_add(state->build, state->node, "input", "type", "tablet", "bus", usb ? "usb" : bus, NULL);

	add_alias(state, node, name);
	state->usb = state->usb || usb;
	state->pcie += !usb;
}

static void
add_inputs(struct devices_state *state)
{
	const struct devices *devices = state->spec->domain->devices;

	SCHEMA_EACH (struct input, input, &devices->inputs)
		add_tablet(state, input->name, input->bus);
	if (devices->autoattach_input_device == TRISTATE_TRUE && devices->inputs.count == 0)
		add_tablet(state, "default-0", NULL);
}

/* libvirt chooses the socket's path, in the domain's own directory. */
static void
add_graphics(struct devices_state *state)
{
	bool pc = domain_is_pc(state->spec);
	xmlNodePtr video;

	if (state->spec->domain->devices->autoattach_graphics_device == TRISTATE_FALSE)
		return;
	xml_add(state->build, xml_add(state->build, state->node, "graphics", "type", "vnc", NULL), "listen", "type",
	    "socket", NULL);
	video = xml_add(state->build, state->node, "video", NULL);
	xml_add(state->build, video, "model", "type", pc ? "vga" : "virtio", "vram", pc ? "16384" : NULL, "heads", "1",
	    NULL);
	state->pcie += !pc;
}

static void
add_watchdog(struct devices_state *state)
{
	const struct watchdog *watchdog = state->spec->domain->devices->watchdog;
	const struct watchdog_device *card = watchdog == NULL ? NULL : watchdog->i6300esb;
	xmlNodePtr node;

	if (card == NULL)
		return;
	node = xml_add(state->build, state->node, "watchdog", "model", "i6300esb", "action",
	    card->action != NULL && *card->action != '\0' ? card->action : "reset", NULL);
	add_alias(state, node, watchdog->name);
}

static void
add_rng(struct devices_state *state)
{
	xmlNodePtr node;

	if (state->spec->domain->devices->rng == NULL)
		return;
	node = xml_add(state->build, state->node, "rng", "model", state->virtio, NULL);
	xml_set(state->build, xml_add_text(state->build, node, "backend", "/dev/urandom"), "model", "random");
	state->pcie++;
}

static void
add_balloon(struct devices_state *state)
{
	xmlNodePtr node;

	if (state->spec->domain->devices->autoattach_mem_balloon == TRISTATE_FALSE) {
		xml_add(state->build, state->node, "memballoon", "model", "none", NULL);
		return;
	}
	node =
	    xml_add(state->build, state->node, "memballoon", "model", state->virtio, "freePageReporting", "on", NULL);
	xml_add(state->build, node, "stats", "period", "10", NULL);
	state->pcie++;
}

/* libvirt makes just the ports that the devices need; a machine that is to be extended needs them before it starts. */
static void
add_pcie_ports(struct devices_state *state)
{
	if (state->spec->domain->devices->disable_hotplug || state->spec->domain->devices->use_virtio_transitional == TRISTATE_TRUE)
		return;
	xml_add(state->build, state->node, "controller", "type", "pci", "index", "0", "model", "pcie-root", NULL);
	for (int i = 1; i <= state->pcie + SPARE_PORTS; i++)
		xml_add(state->build, state->node, "controller", "type", "pci", "index", number(state, i), "model",
		    "pcie-root-port", NULL);
}

/* Last, when it is known what there is to control. */
static void
add_controllers(struct devices_state *state)
{
	xml_add(state->build, state->node, "controller", "type", "usb", "index", "0", "model",
	    state->usb ? "qemu-xhci" : "none", NULL);
	state->pcie += state->usb;
	if (state->scsi || !state->spec->domain->devices->disable_hotplug) {
		xmlNodePtr node = xml_add(state->build, state->node, "controller", "type", "scsi", "index", "0",
		    "model", state->virtio, NULL);

		if (state->spec->domain->devices->block_multi_queue == TRISTATE_TRUE)
			xml_add(state->build, node, "driver", "queues", number(state, vmi_vcpus(state->spec)), NULL);
		state->pcie++;
	}
	xml_add(state->build, state->node, "controller", "type", "virtio-serial", "index", "0", "model", state->virtio,
	    NULL);
	state->pcie++;
	add_pcie_ports(state);
}

int
domain_devices_add(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input, struct error *err)
{
	const struct devices *devices = input->vmi->spec->domain->devices;
	struct devices_state state = { .build = build, .input = input, .spec = input->vmi->spec };

	state.node = xml_add(build, domain, "devices", NULL);
	state.virtio = devices->use_virtio_transitional == TRISTATE_TRUE ? "virtio-transitional" : "virtio-non-transitional";
	SCHEMA_EACH (struct disk, disk, &devices->disks)
		if (add_disk(&state, disk, err) < 0)
			return -1;
	SCHEMA_EACH (struct interface, interface, &devices->interfaces)
		if (add_interface(&state, interface, err) < 0)
			return -1;
	add_serial(&state);
	add_agent(&state);
	add_inputs(&state);
	add_graphics(&state);
	add_watchdog(&state);
	add_rng(&state);
	add_balloon(&state);
	add_controllers(&state);
	return 0;
}
