/* Which devices of a host the configuration lets guests have: libvirt's descriptions, compared with its selectors (pure). */
#ifndef SOLOVIRT_VIRT_INVENTORY_H
#define SOLOVIRT_VIRT_INVENTORY_H

#include <jansson.h>

/* Devices of a host, as libvirt describes them. */
struct inventory;

/* An empty one; free with inventory_free(). */
struct inventory *inventory_new(void);
void inventory_free(struct inventory *inventory);

/* Adds one by its XML (virNodeDeviceGetXMLDesc); what is neither on PCI nor USB nor a mediated device is passed over.  serial: of
 * a USB device, or NULL: not known. */
void inventory_add(struct inventory *inventory, const char *xml, const char *serial);
/* Where the kernel shows a USB device, in which its serial number is; NULL: it is none.  g_free(). */
char *inventory_usb_path(const char *xml);

/*
 * New reference: {"devices":[{"resource","bus","address","group","node"}],"problems":["..."]} of host_verbs.h.
 * permitted: permittedHostDevices of the configuration, as a tree.  A device that several selectors choose is listed for each.
 */
json_t *inventory_match(const struct inventory *inventory, const json_t *permitted);

#endif
