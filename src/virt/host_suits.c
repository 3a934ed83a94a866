/* Whether the networks that a domain's cards name are there, and of the kind that the cards are for. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/virt/host.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetwork, virNetworkFree)

enum { ALIAS_SKIP = 3 }; /* "ua-" */

/* One card, as sentences need it. */
struct card {
	char *name, *network;
	bool function; /* of the host's card: QEMU makes none, so it has no model */
};

static bool
has_child(xmlNodePtr node, const char *name)
{
	for (xmlNodePtr c = node->children; c != NULL; c = c->next)
		if (xmlStrcmp(c->name, (const xmlChar *)name) == 0)
			return true;
	return false;
}

static struct card
card_of(xmlNodePtr interface)
{
	struct card card = { .function = !has_child(interface, "model") };

	for (xmlNodePtr c = interface->children; c != NULL; c = c->next) {
		if (xmlStrcmp(c->name, (const xmlChar *)"source") == 0 && card.network == NULL)
			card.network = host_xml_attribute(c, "network");
		if (xmlStrcmp(c->name, (const xmlChar *)"alias") == 0 && card.name == NULL)
			card.name = host_xml_attribute(c, "name");
	}
	return card;
}

static int
check_kind(virNetworkPtr network, const struct card *card, const char *interface, struct error *err)
{
	char *text = virNetworkGetXMLDesc(network, 0);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, err);
	g_autofree char *mode = doc == NULL ? NULL : host_xml_text(doc, "/network/forward/@mode");
	bool functions = g_strcmp0(mode, "hostdev") == 0;

	if (text == NULL)
		return host_error(err, "cannot read network %s", card->network);
	if (doc == NULL)
		return -1;
	if (functions != card->function && functions)
		return error_set(err, EINVAL, "interface %s: network %s gives functions of the host's card (<forward mode='hostdev'>): the binding for it is "
		    "sriov: {}", interface, card->network);
	if (functions != card->function)
		return error_set(err, EINVAL, "interface %s: network %s has no functions of the host's card to give (its forward mode is %s, not hostdev): the "
		    "binding for it is bridge: {}", interface, card->network, mode == NULL ? "none" : mode);
	if (virNetworkIsActive(network) == 0)
		return error_set(err, ENETDOWN, "interface %s: network %s is not active: start it with virsh net-start", interface, card->network);
	return 0;
}

static int
check_card(virConnectPtr connection, const struct card *card, struct error *err)
{
	g_autoptr(virNetwork) network = virNetworkLookupByName(connection, card->network);
	const char *interface = card->name == NULL || strlen(card->name) < ALIAS_SKIP ? "without a name" : card->name + ALIAS_SKIP;

	if (network != NULL)
		return check_kind(network, card, interface, err);
	if (virGetLastErrorCode() != VIR_ERR_NO_NETWORK)
		return host_error(err, "cannot look for network %s", card->network);
	return error_set(err, ENOENT, "interface %s: libvirt of this host has no network %s: define it there (virsh net-define), or name another one in the "
	    "NetworkAttachmentDefinition", interface, card->network);
}

int
host_network_suits(virConnectPtr connection, xmlNodePtr interface, struct error *err)
{
	struct card card = card_of(interface);
	int r = card.network == NULL ? 0 : check_card(connection, &card, err);

	g_free(card.name);
	g_free(card.network);
	return r;
}

int
host_networks_suit(virConnectPtr connection, const char *xml, struct error *err)
{
	g_autoptr(xmlDoc) doc = host_xml_parse(xml, err);

	if (doc == NULL)
		return -1;
	g_autoptr(GPtrArray) cards = host_xml_nodes(doc, "/domain/devices/interface[@type='network']");
	for (guint i = 0; i < cards->len; i++)
		if (host_network_suits(connection, cards->pdata[i], err) < 0)
			return -1;
	return 0;
}
