/* Devices that guests may have; see inventory.h. */
#include "config.h"

#include <glib.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "src/document/path.h"
#include "src/virt/inventory.h"

struct device {
	const char *bus;  /* "pci", "usb", "mdev" */
	char *address;    /* as in the status of an instance */
	char *id;         /* "10de:1eb8"; of a mediated device its type */
	char *serial;     /* of a USB device, or NULL */
	char *group;      /* number of its IOMMU group, or NULL */
	char *parent;     /* address of the PCI device that a mediated one is part of, or NULL */
	int node;         /* memory node; -1: not told */
};

struct inventory {
	GPtrArray *devices;  /* struct device */
	GHashTable *types;   /* type of mediated devices -> its name */
};

static void
device_free(gpointer pointer)
{
	struct device *d = pointer;

	g_free(d->address);
	g_free(d->id);
	g_free(d->serial);
	g_free(d->group);
	g_free(d->parent);
	g_free(d);
}

struct inventory *
inventory_new(void)
{
	struct inventory *inventory = g_new(struct inventory, 1);

	inventory->devices = g_ptr_array_new_with_free_func(device_free);
	inventory->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return inventory;
}

void
inventory_free(struct inventory *inventory)
{
	g_ptr_array_unref(inventory->devices);
	g_hash_table_destroy(inventory->types);
	g_free(inventory);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static char *
attribute(const xmlNode *node, const char *name)
{
	xmlChar *value = node == NULL ? NULL : xmlGetProp(node, (const xmlChar *)name);
	char *copy = g_strdup((const char *)value);

	xmlFree(value);
	return copy;
}

/* The first child of a name and, when type is given, of this type. */
static xmlNode *
child(xmlNode *parent, const char *name, const char *type)
{
	for (xmlNode *node = parent == NULL ? NULL : xmlFirstElementChild(parent); node != NULL; node = xmlNextElementSibling(node)) {
		g_autofree char *has = attribute(node, "type");
		if (xmlStrEqual(node->name, (const xmlChar *)name) && (type == NULL || g_strcmp0(has, type) == 0))
			return node;
	}
	return NULL;
}

static char *
child_text(xmlNode *parent, const char *name)
{
	xmlNode *node = child(parent, name, NULL);
	xmlChar *content = node == NULL ? NULL : xmlNodeGetContent(node);
	char *copy = content == NULL ? NULL : g_strstrip(g_strdup((const char *)content));

	xmlFree(content);
	return copy;
}

static guint
child_number(xmlNode *parent, const char *name)
{
	g_autofree char *text = child_text(parent, name);

	return text == NULL ? 0 : (guint)g_ascii_strtoull(text, NULL, 0);
}

/* "10de:1eb8": vendor and product. */
static char *
read_id(xmlNode *capability)
{
	g_autofree char *vendor = attribute(child(capability, "vendor", NULL), "id");
	g_autofree char *product = attribute(child(capability, "product", NULL), "id");

	return g_strdup_printf("%04x:%04x", vendor == NULL ? 0 : (guint)g_ascii_strtoull(vendor, NULL, 0),
	    product == NULL ? 0 : (guint)g_ascii_strtoull(product, NULL, 0));
}

static void
read_types(struct inventory *inventory, xmlNode *types)
{
	for (xmlNode *node = types == NULL ? NULL : xmlFirstElementChild(types); node != NULL; node = xmlNextElementSibling(node)) {
		char *id = attribute(node, "id"), *name = child_text(node, "name");

		if (id != NULL && name != NULL) {
			g_hash_table_replace(inventory->types, id, name);
			continue;
		}
		g_free(id);
		g_free(name);
	}
}

static void
read_pci(struct inventory *inventory, xmlNode *capability, struct device *d)
{
	g_autofree char *node = attribute(child(capability, "numa", NULL), "node");

	d->address = g_strdup_printf("%04x:%02x:%02x.%x", child_number(capability, "domain"), child_number(capability, "bus"),
	    child_number(capability, "slot"), child_number(capability, "function"));
	d->id = read_id(capability);
	d->node = node == NULL ? -1 : (int)g_ascii_strtoll(node, NULL, 10);
	read_types(inventory, child(capability, "capability", "mdev_types"));
}

static void
read_usb(struct inventory *inventory, xmlNode *capability, struct device *d)
{
	(void)inventory;
	d->address = g_strdup_printf("%u:%u", child_number(capability, "bus"), child_number(capability, "device"));
	d->id = read_id(capability);
}

static void
read_mdev(struct inventory *inventory, xmlNode *capability, struct device *d)
{
	(void)inventory;
	d->address = child_text(capability, "uuid");
	d->id = attribute(child(capability, "type", NULL), "id");
	d->parent = child_text(capability, "parent_addr");
}

static const struct {
	const char *bus, *capability;
	void (*read)(struct inventory *inventory, xmlNode *capability, struct device *d);
} readers[] = {
	{ "pci", "pci", read_pci },
	{ "usb", "usb_device", read_usb },
	{ "mdev", "mdev", read_mdev },
};

static xmlDoc *
parse(const char *xml)
{
	return xmlReadMemory(xml, (int)strlen(xml), "device.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

void
inventory_add(struct inventory *inventory, const char *xml, const char *serial)
{
	xmlDoc *doc = parse(xml);

	for (size_t i = 0; doc != NULL && i < G_N_ELEMENTS(readers); i++) {
		xmlNode *capability = child(xmlDocGetRootElement(doc), "capability", readers[i].capability);
		struct device *d;

		if (capability == NULL)
			continue;
		d = g_new0(struct device, 1);
		*d = (struct device){ .bus = readers[i].bus, .serial = g_strdup(serial), .node = -1,
			.group = attribute(child(capability, "iommuGroup", NULL), "number") };
		readers[i].read(inventory, capability, d);
		if (d->address != NULL && d->id != NULL)
			g_ptr_array_add(inventory->devices, d);
		else
			device_free(d);
	}
	xmlFreeDoc(doc);
}

char *
inventory_usb_path(const char *xml)
{
	xmlDoc *doc = parse(xml);
	xmlNode *root = doc == NULL ? NULL : xmlDocGetRootElement(doc);
	char *path = child(root, "capability", "usb_device") == NULL ? NULL : child_text(root, "path");

	xmlFreeDoc(doc);
	return path;
}

/* --- comparing ------------------------------------------------------------------------------------------------------ */

/* One comparison under way. */
struct match {
	const struct inventory *inventory;
	json_t *devices, *problems;
};

static void
add_match(struct match *m, const char *resource, const struct device *d, const char *address)
{
	json_t *item = json_pack("{s:s,s:s,s:s,s:s*}", "resource", resource, "bus", d->bus, "address", address, "group", d->group);

	if (d->node >= 0)
		json_object_set_new(item, "node", json_integer(d->node));
	json_array_append_new(m->devices, item);
}

/* Without an IOMMU a device could write into all memory: the kernel does not hand it out. */
static void
match_pci(struct match *m, const json_t *rule)
{
	const char *selector = path_string(rule, "pciVendorSelector"), *resource = path_string(rule, "resourceName");

	for (guint i = 0; i < m->inventory->devices->len; i++) {
		const struct device *d = m->inventory->devices->pdata[i];

		if (strcmp(d->bus, "pci") != 0 || g_ascii_strcasecmp(d->id, selector) != 0)
			continue;
		if (d->group != NULL) {
			add_match(m, resource, d, d->address);
			continue;
		}
		g_autofree char *why = g_strdup_printf(
		    "%s at %s cannot be handed to guests: it has no IOMMU group; switch the IOMMU on in the firmware and for the kernel (intel_iommu=on)",
		    resource, d->address);
		json_array_append_new(m->problems, json_string(why));
	}
}

/* Names of types have blanks, which KubeVirt lets one write as "_". */
static bool
is_same_type(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (*a != *b && !((*a == ' ' || *a == '_') && (*b == ' ' || *b == '_')))
			return false;
	return *a == *b;
}

static int
node_of(const struct inventory *inventory, const char *address)
{
	for (guint i = 0; i < inventory->devices->len; i++) {
		const struct device *d = inventory->devices->pdata[i];
		if (g_strcmp0(d->address, address) == 0)
			return d->node;
	}
	return -1;
}

/* The group of a mediated device is its own. */
static void
match_mdev(struct match *m, const json_t *rule)
{
	const char *selector = path_string(rule, "mdevNameSelector"), *resource = path_string(rule, "resourceName");

	for (guint i = 0; i < m->inventory->devices->len; i++) {
		const struct device *d = m->inventory->devices->pdata[i];
		const char *name = g_hash_table_lookup(m->inventory->types, d->id);
		struct device near = *d;

		if (strcmp(d->bus, "mdev") != 0 || !is_same_type(name == NULL ? d->id : name, selector))
			continue;
		near.node = node_of(m->inventory, d->parent);
		near.group = NULL;
		add_match(m, resource, &near, d->address);
	}
}

static bool
is_selected(const struct device *d, const json_t *selector)
{
	const char *vendor = path_string(selector, "vendor"), *product = path_string(selector, "product");
	const char *serial = path_string(selector, "serial");
	g_autofree char *id = g_strdup_printf("%s:%s", vendor, product);

	return strcmp(d->bus, "usb") == 0 && g_ascii_strcasecmp(d->id, id) == 0 && (serial == NULL || g_strcmp0(d->serial, serial) == 0);
}

/* The next device that a selector chooses and no other of this resource has; NULL: there is none. */
static const struct device *
next_usb(const struct match *m, const json_t *selector, const GPtrArray *used)
{
	for (guint i = 0; i < m->inventory->devices->len; i++) {
		const struct device *d = m->inventory->devices->pdata[i];
		if (is_selected(d, selector) && !g_ptr_array_find((GPtrArray *)(uintptr_t)used, d, NULL))
			return d;
	}
	return NULL;
}

/* A resource is one device for each of its selectors, all together. */
static void
match_usb(struct match *m, const json_t *rule)
{
	const json_t *selectors = json_object_get(rule, "selectors"), *selector;
	g_autoptr(GPtrArray) used = g_ptr_array_new();
	size_t i;

	for (;;) {
		g_autoptr(GString) address = g_string_new(NULL);
		const struct device *d = NULL;

		json_array_foreach (selectors, i, selector) {
			d = next_usb(m, selector, used);
			if (d == NULL)
				return;
			g_ptr_array_add(used, (void *)(uintptr_t)d);
			g_string_append_printf(address, "%s%s", address->len > 0 ? "+" : "", d->address);
		}
		if (d == NULL)
			return;
		add_match(m, path_string(rule, "resourceName"), d, address->str);
	}
}

static const struct {
	const char *list;
	void (*match)(struct match *m, const json_t *rule);
} matchers[] = {
	{ "pciHostDevices", match_pci },
	{ "mediatedDevices", match_mdev },
	{ "usb", match_usb },
};

json_t *
inventory_match(const struct inventory *inventory, const json_t *permitted)
{
	struct match m = { inventory, json_array(), json_array() };
	const json_t *rule;
	size_t n;

	for (size_t i = 0; i < G_N_ELEMENTS(matchers); i++)
		json_array_foreach (json_object_get(permitted, matchers[i].list), n, rule)
			matchers[i].match(&m, rule);
	return json_pack("{s:o,s:o}", "devices", m.devices, "problems", m.problems);
}
