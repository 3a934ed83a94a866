/* A domain's network cards. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/api/network_attachment.h"
#include "src/base/error.h"
#include "src/virt/domain_build.h"

/* A tap device has no more queues. */
enum { QUEUES_MOST = 256 };

static const struct domain_interface *
find_port(const struct domain_input *input, const char *name)
{
	for (size_t i = 0; i < input->interface_count; i++)
		if (g_strcmp0(input->interfaces[i].name, name) == 0)
			return &input->interfaces[i];
	return NULL;
}

/* The kernel's vhost moves the packets wherever it is there; who asks for queues gets an error when it is not. */
static void
add_driver(struct domain_build *b, struct xml_node *node)
{
	bool queues = b->spec->domain->devices->network_interface_multiqueue == TRISTATE_TRUE;

	if (queues || b->sealed)
		xml_add(b->xml, node, "driver", "name", b->input->emulation ? NULL : "vhost", "queues",
		    queues ? domain_number(b, MIN(vmi_vcpus(b->spec), QUEUES_MOST)) : NULL, "iommu", b->sealed ? "on" : NULL, NULL);
}

static void
add_rest(struct domain_build *b, struct xml_node *node, const struct interface *interface)
{
	if (g_strcmp0(interface->state, "down") == 0)
		xml_add(b->xml, node, "link", "state", "down", NULL);
	domain_add_boot_order(b, node, interface->boot_order);
	if (!b->s390x && (interface->boot_order == 0 || b->sealed))
		xml_add(b->xml, node, "rom", "enabled", "no", NULL); /* saves the guest a PXE attempt */
	if (interface->acpi_index > 0)
		xml_add(b->xml, node, "acpi", "index", domain_number(b, interface->acpi_index), NULL);
	domain_add_alias(b, node, "", interface->name);
}

/* MAC addresses may be written with dashes; libvirt takes colons. */
static const char *
mac_text(struct domain_build *b, const char *mac)
{
	g_autofree char *text = g_strdelimit(g_strdup(mac), "-", ':');

	return xml_text(b->xml, "%s", text);
}

static void
add_tag(struct domain_build *b, struct xml_node *list, int id)
{
	xml_add(b->xml, list, "tag", "id", domain_number(b, id), NULL);
}

/* A port of a bridge; one of Open vSwitch may be of a VLAN, or of those that its trunk lets through. */
static void
add_bridge(struct domain_build *b, struct xml_node *node, const struct network_config *config)
{
	bool tagged = config->vlan > 0 || config->access;
	struct xml_node *list = NULL;

	xml_add(b->xml, node, "source", "bridge", config->name, NULL);
	if (config->type == NETWORK_OVS)
		xml_add(b->xml, node, "virtualport", "type", "openvswitch", NULL);
	if (config->trunks != NULL || tagged)
		list = xml_add(b->xml, node, "vlan", "trunk", config->trunks != NULL ? "yes" : NULL, NULL);
	for (guint i = 0; config->trunks != NULL && i < config->trunks->len; i++) {
		const struct vlan_range *r = &g_array_index(config->trunks, struct vlan_range, i);
		for (int id = r->first; id <= r->last; id++)
			add_tag(b, list, id);
	}
	if (config->trunks == NULL && tagged)
		add_tag(b, list, config->vlan);
	if (config->mtu > 0)
		xml_add(b->xml, node, "mtu", "size", domain_number(b, config->mtu), NULL);
}

/* One of libvirt, which finds the port by itself, or a free function of the host's card. */
static void
add_network(struct domain_build *b, struct xml_node *node, const struct domain_interface *port)
{
	xml_add(b->xml, node, "source", "network", port->network, NULL);
	if (port->vlan > 0)
		add_tag(b, xml_add(b->xml, node, "vlan", NULL), port->vlan);
}

/* A function of the host's card has none: the guest gets it as it is (host_network_suits() tells them apart by that). */
static void
add_model(struct domain_build *b, struct xml_node *node, const struct interface *interface)
{
	bool virtio = interface->model == NULL || *interface->model == '\0' || strcmp(interface->model, "virtio") == 0;

	xml_add(b->xml, node, "model", "type", virtio ? b->virtio : interface->model, NULL);
	if (virtio)
		add_driver(b, node);
}

static int
add_interface(struct domain_build *b, const struct interface *interface, struct error *err)
{
	const struct domain_interface *port = find_port(b->input, interface->name);
	struct xml_node *node;

	if (g_strcmp0(interface->state, "absent") == 0)
		return 0;
	if (port == NULL)
		return error_set(err, ENOENT, "interface %s has no port on this host", interface->name);
	node = xml_add(b->xml, b->devices, "interface", "type", port->config != NULL ? "bridge" : "network", NULL);
	if (port->mac != NULL)
		xml_add(b->xml, node, "mac", "address", mac_text(b, port->mac), NULL);
	if (port->config != NULL)
		add_bridge(b, node, port->config);
	else
		add_network(b, node, port);
	if (interface->sriov == NULL)
		add_model(b, node, interface);
	add_rest(b, node, interface);
	b->pcie++;
	if (domain_add_pci_address(b, node, interface->pci_address, true, err) < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	return 0;
}

int
domain_add_interfaces(struct domain_build *b, struct error *err)
{
	SCHEMA_EACH (struct interface, interface, &b->spec->domain->devices->interfaces)
		if (add_interface(b, interface, err) < 0)
			return -1;
	return 0;
}
