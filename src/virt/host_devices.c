/* device-list: the host's devices that guests may have. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"
#include "src/virt/inventory.h"

/* libvirt does not tell it; the kernel's file does, where it is ours to read. */
static char *
read_serial(const char *xml)
{
	g_autofree char *path = host_is_local() ? inventory_usb_path(xml) : NULL;
	g_autofree char *file = path == NULL ? NULL : g_build_filename(path, "serial", NULL);
	char *text = NULL;

	if (file == NULL || !g_file_get_contents(file, &text, NULL, NULL))
		return NULL;
	return g_strstrip(text);
}

static void
add_device(struct inventory *inventory, virNodeDevicePtr device)
{
	char *xml = virNodeDeviceGetXMLDesc(device, 0);
	g_autofree char *serial = xml == NULL ? NULL : read_serial(xml);

	if (xml != NULL) /* one that was unplugged meanwhile has none */
		inventory_add(inventory, xml, serial);
	free(xml);
}

static json_t *
run_list(struct host_call *call, struct error *err)
{
	unsigned flags = VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV | VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV |
	    VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV;
	virNodeDevicePtr *devices = NULL;
	struct inventory *inventory;
	json_t *permitted, *result;
	int count;

	if (host_args(call, err, "{s:o}", "permitted", &permitted) < 0)
		return NULL;
	count = virConnectListAllNodeDevices(call->connection, &devices, flags);
	if (count < 0) {
		host_error(err, "cannot list the host's devices");
		return NULL;
	}
	inventory = inventory_new();
	for (int i = 0; i < count; i++) {
		add_device(inventory, devices[i]);
		virNodeDeviceFree(devices[i]);
	}
	free(devices);
	result = inventory_match(inventory, permitted);
	inventory_free(inventory);
	return result;
}

const struct host_verb host_devices_verbs[] = {
	{ "device-list", run_list },
	{ NULL, NULL },
};
