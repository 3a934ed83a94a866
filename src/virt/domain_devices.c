/* The devices of a domain that are not disks, network cards or the host's; and the controllers of all of them. */
#include "config.h"

#include <string.h>

#include "src/virt/domain_build.h"

/* PCIe slots that stay free for disks and interfaces that are plugged in while the guest runs. */
enum { SPARE_PORTS = 4 };
/* Channels for USB devices of whoever looks at the display (KubeVirt's number). */
enum { REDIRECTIONS = 4 };
/* Memory of a video card in KiB (KubeVirt's). */
#define VIDEO_MEMORY "16384"

static const struct devices *
devices_of(const struct domain_build *b)
{
	return b->spec->domain->devices;
}

/* Serial port 0 and its console; virtlogd keeps the log, so that it goes on while nobody looks. */
static void
add_serial(struct domain_build *b)
{
	static const char *const elements[] = { "serial", "console" };
	bool log = devices_of(b)->log_serial_console != TRISTATE_FALSE && b->input->console_log != NULL;

	if (devices_of(b)->autoattach_serial_console == TRISTATE_FALSE)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(elements); i++) {
		struct xml_node *node = xml_add(b->xml, b->devices, elements[i], "type", "pty", NULL);

		if (log)
			xml_add(b->xml, node, "log", "file", b->input->console_log, "append", "on", NULL);
		xml_add(b->xml, node, "target", "type", i == 0 ? NULL : "serial", "port", "0", NULL);
	}
}

static void
add_agent(struct domain_build *b)
{
	struct xml_node *node = xml_add(b->xml, b->devices, "channel", "type", "unix", NULL);

	xml_add(b->xml, node, "target", "type", "virtio", "name", "org.qemu.guest_agent.0", NULL);
}

/* --- for the eyes and hands ----------------------------------------------------------------------------------------- */

static void
add_input(struct domain_build *b, const char *type, const char *bus, const char *name)
{
	bool usb = bus == NULL || *bus == '\0' || strcmp(bus, "usb") == 0;
	struct xml_node *node = xml_add(b->xml, b->devices, "input", "type", type, "bus", usb ? "usb" : bus, "model",
	    usb || name == NULL ? NULL : "virtio", NULL);

	domain_add_alias(b, node, "", name);
	b->usb = b->usb || usb;
	b->pcie += !usb;
}

/* ARM and s390x have no PS/2 keyboard to fall back on. */
static void
add_inputs(struct domain_build *b)
{
	bool shown = devices_of(b)->autoattach_graphics_device != TRISTATE_FALSE;

	SCHEMA_EACH (struct input, input, &devices_of(b)->inputs)
		add_input(b, "tablet", input->bus, input->name);
	if (b->pc || !shown)
		return;
	if (!b->s390x && devices_of(b)->inputs.count == 0)
		add_input(b, "tablet", "usb", NULL);
	add_input(b, "keyboard", b->s390x ? "virtio" : "usb", NULL);
}

static void
add_video(struct domain_build *b)
{
	const struct video *video = devices_of(b)->video;
	const char *type = !b->pc ? "virtio" : domain_is_efi(b->spec) ? "bochs" : "vga";
	bool memory = video != NULL || strcmp(type, "vga") == 0;

	if (video != NULL && video->type != NULL)
		type = video->type;
	xml_add(b->xml, xml_add(b->xml, b->devices, "video", NULL), "model", "type", type, "heads", "1", "vram",
	    memory ? VIDEO_MEMORY : NULL, NULL);
	b->pcie += strcmp(type, "virtio") == 0;
}

/* libvirt chooses the socket's path, in the domain's own directory. */
static void
add_graphics(struct domain_build *b)
{
	if (devices_of(b)->autoattach_graphics_device == TRISTATE_FALSE)
		return;
	xml_add(b->xml, xml_add(b->xml, b->devices, "graphics", "type", "vnc", NULL), "listen", "type", "socket", NULL);
	add_video(b);
}

static void
add_sound(struct domain_build *b)
{
	const struct sound *sound = devices_of(b)->sound;

	if (sound != NULL)
		domain_add_alias(b, xml_add(b->xml, b->devices, "sound", "model", sound->model != NULL ? sound->model : "ich9", NULL), "",
		    sound->name);
}

/* --- small ones ------------------------------------------------------------------------------------------------------ */

static void
add_watchdog(struct domain_build *b)
{
	const struct watchdog *watchdog = devices_of(b)->watchdog;
	const struct watchdog_device *card = watchdog == NULL ? NULL : b->s390x ? watchdog->diag288 : watchdog->i6300esb;
	struct xml_node *node;

	if (card == NULL)
		return;
	node = xml_add(b->xml, b->devices, "watchdog", "model", b->s390x ? "diag288" : "i6300esb", "action",
	    card->action != NULL && *card->action != '\0' ? card->action : "reset", NULL);
	domain_add_alias(b, node, "", watchdog->name);
}

static void
add_rng(struct domain_build *b)
{
	struct xml_node *node;

	if (devices_of(b)->rng == NULL)
		return;
	node = xml_add(b->xml, b->devices, "rng", "model", b->virtio, NULL);
	xml_set(b->xml, xml_add_text(b->xml, node, "backend", "/dev/urandom"), "model", "random");
	if (b->sealed)
		xml_add(b->xml, node, "driver", "iommu", "on", NULL);
	b->pcie++;
}

static void
add_tpm(struct domain_build *b)
{
	const struct tpm *tpm = devices_of(b)->tpm;
	struct xml_node *node;

	if (tpm == NULL || tpm->enabled == TRISTATE_FALSE)
		return;
	node = xml_add(b->xml, b->devices, "tpm", "model", tpm->persistent ? "tpm-crb" : "tpm-tis", NULL);
	xml_add(b->xml, node, "backend", "type", "emulator", "version", "2.0", "persistent_state", tpm->persistent ? "yes" : NULL, NULL);
}

static void
add_panic_devices(struct domain_build *b)
{
	SCHEMA_EACH (struct panic_device, p, &devices_of(b)->panic_devices)
		xml_add(b->xml, b->devices, "panic", "model", p->model, NULL);
}

/* Its number is in the status once it is known. */
static void
add_vsock(struct domain_build *b)
{
	int64_t cid = b->input->vmi->status->vsock_cid;
	struct xml_node *node;

	if (devices_of(b)->autoattach_vsock != TRISTATE_TRUE)
		return;
	node = xml_add(b->xml, b->devices, "vsock", "model", "virtio-non-transitional", NULL);
	xml_add(b->xml, node, "cid", "auto", domain_yes_no(cid == 0), "address", cid == 0 ? NULL : domain_number(b, cid), NULL);
	b->pcie++;
}

static void
add_redirections(struct domain_build *b)
{
	for (int i = 0; devices_of(b)->client_passthrough != NULL && i < REDIRECTIONS; i++) {
		struct xml_node *node = xml_add(b->xml, b->devices, "redirdev", "bus", "usb", "type", "unix", NULL);

		xml_add(b->xml, node, "source", "mode", "bind", "path",
		    xml_text(b->xml, "%s-usbredir-%d.sock", b->input->console_log == NULL ? "" : b->input->console_log, i), NULL);
		b->usb = true;
	}
}

/* Pages that the guest does not use are given back, unless they are counted on. */
static void
add_balloon(struct domain_build *b)
{
	const struct cpu *cpu = b->spec->domain->cpu;
	const struct memory *memory = b->spec->domain->memory;
	const char *wish = schema_map_get(&b->input->vmi->head.meta->annotations, "kubevirt.io/free-page-reporting-disabled");
	bool kept = g_strcmp0(wish, "true") == 0 || domain_is_dedicated(b->spec) || (cpu != NULL && cpu->realtime != NULL) ||
	    (memory != NULL && memory->hugepages != NULL);
	struct xml_node *node;

	if (devices_of(b)->autoattach_mem_balloon == TRISTATE_FALSE) {
		xml_add(b->xml, b->devices, "memballoon", "model", "none", NULL);
		return;
	}
	node = xml_add(b->xml, b->devices, "memballoon", "model", b->virtio, "freePageReporting", kept ? "off" : "on", NULL);
	xml_add(b->xml, node, "stats", "period", "10", NULL);
	if (b->sealed)
		xml_add(b->xml, node, "driver", "iommu", "on", NULL);
	b->pcie++;
}

void
domain_add_devices(struct domain_build *b)
{
	static void (*const steps[])(struct domain_build *) = { add_serial, add_agent, add_inputs, add_graphics, add_sound,
		add_watchdog, add_rng, add_tpm, add_panic_devices, add_vsock, add_redirections, add_balloon };

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		steps[i](b);
}

/* --- controllers ------------------------------------------------------------------------------------------------------ */

/* libvirt makes just the ports that the devices need; a machine that is to be extended needs them before it starts. */
static void
add_pcie_ports(struct domain_build *b)
{
	const char *wish = schema_map_get(&b->input->vmi->head.meta->annotations, "kubevirt.io/disablePCIHole64");
	bool no_hole = b->pc && wish != NULL && g_ascii_strcasecmp(wish, "true") == 0;
	bool ports = !b->s390x && !devices_of(b)->disable_hotplug && devices_of(b)->use_virtio_transitional != TRISTATE_TRUE;
	struct xml_node *root;

	if (!ports && !no_hole)
		return;
	root = xml_add(b->xml, b->devices, "controller", "type", "pci", "index", "0", "model", "pcie-root", NULL);
	if (no_hole)
		xml_set(b->xml, xml_add_text(b->xml, root, "pcihole64", "0"), "unit", "KiB");
	for (int i = 1; ports && i <= b->pcie + SPARE_PORTS; i++)
		xml_add(b->xml, b->devices, "controller", "type", "pci", "index", domain_number(b, i), "model", "pcie-root-port", NULL);
}

static void
add_controller(struct domain_build *b, const char *type, const char *model)
{
	struct xml_node *node = xml_add(b->xml, b->devices, "controller", "type", type, "index", "0", "model", model, NULL);

	if (b->sealed)
		xml_add(b->xml, node, "driver", "iommu", "on", NULL);
	b->pcie++;
}

void
domain_add_controllers(struct domain_build *b)
{
	b->usb = (b->usb || !b->pc) && !b->s390x;
	xml_add(b->xml, b->devices, "controller", "type", "usb", "index", "0", "model", b->usb ? "qemu-xhci" : "none", NULL);
	b->pcie += b->usb;
	if (b->scsi || !devices_of(b)->disable_hotplug)
		add_controller(b, "scsi", b->s390x ? "virtio-scsi" : b->virtio);
	if (devices_of(b)->autoattach_serial_console != TRISTATE_FALSE)
		add_controller(b, "virtio-serial", b->virtio);
	else
		b->pcie++; /* libvirt adds one for the agent's channel */
	add_pcie_ports(b);
}
