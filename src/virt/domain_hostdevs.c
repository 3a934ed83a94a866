/* What a domain has of its host: PCI and USB devices, mediated devices, directories. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_build.h"

/* One of them, of whichever list. */
struct wish {
	const char *kind, *prefix; /* for sentences, for the alias */
	const char *name, *device_name;
	bool display; /* a mediated device is a display, too */
	const struct virtual_gpu_options *options;
};

/* A virtual GPU is a display with a picture from the beginning, unless it is told otherwise. */
static void
add_display(struct domain_build *b, struct xml_node *node, const struct virtual_gpu_options *options)
{
	const struct gpu_display *display = options == NULL ? NULL : options->display;
	bool shown = display == NULL || display->enabled != TRISTATE_FALSE;
	bool early = display == NULL || display->ram_fb == NULL || display->ram_fb->enabled != TRISTATE_FALSE;

	if (!shown)
		return;
	xml_set(b->xml, node, "display", "on");
	if (early)
		xml_set(b->xml, node, "ramfb", "on");
}

/* The numbers of "1:4". */
static void
add_usb_source(struct domain_build *b, struct xml_node *source, const char *address)
{
	const char *device = strchr(address, ':');

	xml_add(b->xml, source, "address", "bus", xml_text(b->xml, "%.*s", device == NULL ? 0 : (int)(device - address), address), "device",
	    device == NULL ? "" : xml_text(b->xml, "%s", device + 1), NULL);
}

/* One or several, which the configuration takes for one. */
static void
add_usb_devices(struct domain_build *b, const struct wish *wish, const char *addresses)
{
	g_auto(GStrv) all = g_strsplit(addresses, "+", -1);

	for (size_t i = 0; all[i] != NULL; i++) {
		struct xml_node *node = xml_add(b->xml, b->devices, "hostdev", "mode", "subsystem", "type", "usb", NULL);

		add_usb_source(b, xml_add(b->xml, node, "source", NULL), all[i]);
		domain_add_alias(b, node, wish->prefix, i == 0 ? wish->name : xml_text(b->xml, "%s-%zu", wish->name, i));
	}
	b->usb = true;
}

static int
add_host_device(struct domain_build *b, const struct wish *wish, struct error *err)
{
	const struct domain_host_device *device = domain_host_device(b, wish->name);
	struct xml_node *node, *source;

	if (device == NULL)
		return error_set(err, ENOENT, "%s %s: the host has no free device \"%s\" in its configuration", wish->kind, wish->name,
		    wish->device_name == NULL ? "" : wish->device_name);
	if (device->usb != NULL) {
		add_usb_devices(b, wish, device->usb);
		return 0;
	}
	node = xml_add(b->xml, b->devices, "hostdev", "mode", "subsystem", "type", device->address != NULL ? "pci" : "mdev", NULL);
	xml_set(b->xml, node, device->address != NULL ? "managed" : "model", device->address != NULL ? "yes" : "vfio-pci");
	source = xml_add(b->xml, node, "source", NULL);
	if (device->address == NULL)
		xml_add(b->xml, source, "address", "uuid", device->mdev, NULL);
	else if (domain_add_pci_address(b, source, device->address, false, err) < 0)
		return error_wrap(err, "%s %s: ", wish->kind, wish->name);
	if (device->address == NULL && wish->display)
		add_display(b, node, wish->options);
	domain_add_alias(b, node, wish->prefix, wish->name);
	b->pcie++;
	return 0;
}

int
domain_add_host_devices(struct domain_build *b, struct error *err)
{
	const struct devices *devices = b->spec->domain->devices;

	SCHEMA_EACH (struct host_device, h, &devices->host_devices) {
		struct wish wish = { "host device", "hostdevice-", h->name, h->device_name, false, NULL };
		if (add_host_device(b, &wish, err) < 0)
			return -1;
	}
	SCHEMA_EACH (struct host_device, g, &devices->gpus) {
		struct wish wish = { "GPU", "gpu-", g->name, g->device_name, true, g->virtual_gpu_options };
		if (add_host_device(b, &wish, err) < 0)
			return -1;
	}
	return 0;
}

/* libvirt runs virtiofsd for the directory. */
int
domain_add_filesystems(struct domain_build *b, struct error *err)
{
	SCHEMA_EACH (struct filesystem, f, &b->spec->domain->devices->filesystems) {
		const struct domain_volume *v = domain_volume(b, f->name);
		struct xml_node *node;

		if (f->virtiofs == NULL) /* there is no other way */
			return error_set(err, EINVAL, "file system %s is not shared by virtiofs", f->name);
		if (v == NULL || v->folder == NULL)
			return error_set(err, ENOENT, "file system %s has no directory on this host", f->name);
		node = xml_add(b->xml, b->devices, "filesystem", "type", "mount", "accessmode", "passthrough", NULL);
		xml_add(b->xml, node, "driver", "type", "virtiofs", "queue", "1024", NULL);
		xml_add(b->xml, node, "source", "dir", v->folder, NULL);
		xml_add(b->xml, node, "target", "dir", f->name, NULL);
		b->pcie++;
	}
	return 0;
}
