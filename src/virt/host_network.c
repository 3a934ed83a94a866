/* The NAT network of guests, and who gets which address on it. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetwork, virNetworkFree)

/* An address of no interface (the second bit: made up by us, not by a maker). */
#define NOBODY "02:00:00:00:00:00"
#define HOSTS_OPTION "dhcp-hostsdir="
enum { LEASES_MOST = 65536 };

/* One <host> of a network's DHCP. */
struct entry {
	const char *mac, *ip, *name;
};

/* --- the network -------------------------------------------------------------------------------------------------- */

/* First address and prefix of "192.168.77.0/24". */
static int
read_cidr(const char *cidr, char gateway[INET_ADDRSTRLEN], int *prefix, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(cidr, "/", 2);
	struct in_addr address;
	uint32_t network, mask;
	char *end = NULL;

	if (g_strv_length(parts) != 2 || inet_pton(AF_INET, parts[0], &address) != 1)
		return error_set(err, EINVAL, "\"%s\" is not a network like 192.168.77.0/24", cidr);
	*prefix = (int)strtol(parts[1], &end, 10);
	if (end == parts[1] || *end != '\0' || *prefix < 8 || *prefix > 30)
		return error_set(err, EINVAL, "\"%s\": the prefix must be between 8 and 30", cidr);
	mask = ~(uint32_t)0 << (32 - *prefix);
	network = ntohl(address.s_addr) & mask;
	address.s_addr = htonl(network + 1);
	inet_ntop(AF_INET, &address, gateway, INET_ADDRSTRLEN);
	return 0;
}

/*
 * What dnsmasq is to be told beside libvirt's own settings, "" for none.  The host that is nobody makes libvirt serve DHCP and
 * let it through; by it libvirt also reckons how many leases there may be.
 */
static char *
options_format(const char *directory, const char *gateway)
{
	if (directory == NULL)
		return g_strdup("<dhcp/></ip>");
	return g_markup_printf_escaped("<dhcp><host mac='" NOBODY "' ip='%s'/></dhcp></ip>"
	    "<dnsmasq:options xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>"
	    "<dnsmasq:option value='" HOSTS_OPTION "%s'/><dnsmasq:option value='dhcp-lease-max=%d'/></dnsmasq:options>",
	    gateway, directory, LEASES_MOST);
}

/* No <range>: dnsmasq then serves only the hosts it is told (libvirt: dhcp-range=...,static). */
static virNetworkPtr
network_define(virConnectPtr connection, const char *name, const char *bridge, const char *gateway, int prefix,
    struct error *err)
{
	g_autofree char *uuid = host_uuid("network", name), *directory = host_dhcp_directory(name);
	g_autofree char *options = options_format(directory, gateway);
	g_autofree char *head = g_markup_printf_escaped(
	    "<network><name>%s</name><uuid>%s</uuid><forward mode='nat'/><bridge name='%s' stp='off' delay='0'/>"
	    "<domain name='%s' localOnly='yes'/><ip address='%s' prefix='%d'>",
	    name, uuid, bridge, name, gateway, prefix);
	g_autofree char *xml = g_strconcat(head, options, "</network>", NULL);
	virNetworkPtr network = virNetworkDefineXML(connection, xml);

	if (network == NULL)
		host_error(err, "cannot define network %s", name);
	return network;
}

static xmlDoc *
network_xml(virNetworkPtr network, unsigned flags, struct error *err)
{
	char *text = virNetworkGetXMLDesc(network, flags);

	if (text == NULL) {
		host_error(err, "cannot read network %s", virNetworkGetName(network));
		return NULL;
	}
	return host_xml_take(text, err);
}

static int
network_check(virNetworkPtr network, const char *bridge, const char *gateway, struct error *err)
{
	g_autoptr(xmlDoc) doc = network_xml(network, VIR_NETWORK_XML_INACTIVE, err);

	if (doc == NULL)
		return -1;
	g_autofree char *there = host_xml_text(doc, "/network/bridge/@name");
	g_autofree char *address = host_xml_text(doc, "/network/ip/@address");
	g_autofree char *range = host_xml_text(doc, "/network/ip/dhcp/range/@start");
	if (g_strcmp0(there, bridge) != 0 || g_strcmp0(address, gateway) != 0)
		return error_set(err, EEXIST,
		    "network %s is already there, with bridge %s and address %s instead of %s and %s",
		    virNetworkGetName(network), there != NULL ? there : "none", address != NULL ? address : "none",
		    bridge, gateway);
	if (range != NULL)
		return error_set(err, EEXIST, "network %s is already there and gives addresses to anybody, from %s on",
		    virNetworkGetName(network), range);
	return 0;
}

/*
 * Where the entries of a network are files, or NULL where libvirt must be told of each: what the definition says counts.
 * *failed is set on errors.
 */
static char *
entries_directory(virNetworkPtr network, bool *failed, struct error *err)
{
	g_autofree char *directory = host_dhcp_directory(virNetworkGetName(network));
	g_autofree char *option = g_strconcat(HOSTS_OPTION, directory, NULL);
	g_autoptr(xmlDoc) doc = directory == NULL ? NULL : network_xml(network, VIR_NETWORK_XML_INACTIVE, err);
	bool found = false;

	*failed = directory != NULL && doc == NULL;
	if (doc == NULL)
		return NULL;
	g_autoptr(GPtrArray) options = host_xml_nodes(doc, "/network/*[local-name()='options']/*[local-name()='option']");
	for (guint i = 0; i < options->len; i++) {
		g_autofree char *value = host_xml_attribute(options->pdata[i], "value");
		found |= g_strcmp0(value, option) == 0;
	}
	return found ? g_steal_pointer(&directory) : NULL;
}

/* Guests that run on it have lost their place when it was stopped.  On another machine only libvirt could give it back. */
static int
guests_attach(virConnectPtr connection, virNetworkPtr network, struct error *err)
{
	char *bridge = host_is_local() ? virNetworkGetBridgeName(network) : NULL;
	int count = bridge == NULL ? 0 : host_bridge_attach(connection, virNetworkGetName(network), bridge, err);

	free(bridge);
	return count;
}

/* What a libvirtd left that died while it started the network, and that it takes for somebody else's later; as host_bridge_discard().
 * By its MAC, which the definition has, it is known. */
static int
discard_left(virNetworkPtr network, struct error *err)
{
	struct error ignored = { 0 };
	g_autoptr(xmlDoc) doc = host_is_local() && virNetworkIsActive(network) == 0 ? network_xml(network, VIR_NETWORK_XML_INACTIVE, &ignored) : NULL;

	if (doc == NULL)
		return 0;
	g_autofree char *bridge = host_xml_text(doc, "/network/bridge/@name");
	g_autofree char *mac = host_xml_text(doc, "/network/mac/@address");
	int removed = bridge == NULL || mac == NULL ? 0 : host_bridge_discard(bridge, mac, err);
	return removed < 0 ? error_wrap(err, "an earlier start left it (ip link delete %s): ", bridge) : removed;
}

/* It was refused. */
static int
create_again(virNetworkPtr network, struct error *err)
{
	struct error why = { 0 };
	int removed;

	host_error(err, "cannot start network %s", virNetworkGetName(network));
	removed = discard_left(network, &why);
	if (removed < 0)
		error_wrap(err, "%s: ", why.text);
	if (removed <= 0)
		return -1;
	if (virNetworkCreate(network) == 0)
		return 0;
	return host_error(err, "cannot start network %s", virNetworkGetName(network));
}

/* 0: it is active; 1: it is again, *guests interfaces were attached to it; -1. */
static int
network_activate(virConnectPtr connection, virNetworkPtr network, int *guests, struct error *err)
{
	bool failed = false;

	if (virNetworkIsActive(network) == 1)
		return 0;
	g_autofree char *directory = entries_directory(network, &failed, err);
	if (failed || (directory != NULL && host_dhcp_prepare(directory, err) < 0))
		return -1;
	if (virNetworkCreate(network) == 0 || create_again(network, err) == 0) {
		*guests = guests_attach(connection, network, err);
		return *guests < 0 ? -1 : 1;
	}
	return virNetworkIsActive(network) == 1 ? 0 : -1; /* another lane may have been faster */
}

static virNetworkPtr
network_get(virConnectPtr connection, const char *name, struct error *err)
{
	g_autoptr(virNetwork) network = virNetworkLookupByName(connection, name);
	int guests = 0;

	if (network == NULL) {
		host_error(err, "cannot find network %s", name);
		return NULL;
	}
	return network_activate(connection, network, &guests, err) < 0 ? NULL : g_steal_pointer(&network);
}

/* --- its hosts ---------------------------------------------------------------------------------------------------- */

static int
network_update(virNetworkPtr network, int command, const struct entry *entry, unsigned flags, struct error *err)
{
	g_autofree char *name = entry->name == NULL ? g_strdup("") : g_markup_printf_escaped(" name='%s'", entry->name);
	g_autofree char *address = g_markup_printf_escaped("mac='%s' ip='%s'", entry->mac, entry->ip);
	g_autofree char *xml = g_strdup_printf("<host %s%s/>", address, name);

	if (virNetworkUpdate(network, (unsigned)command, VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, xml, flags) == 0)
		return 0;
	return host_error(err, "cannot change the address of %s in network %s", entry->mac, virNetworkGetName(network));
}

/*
 * Starts a DHCP server that has ended.  libvirt does so by itself only when it starts or is told of a change; starting the
 * network anew would cut its guests off.  So it is told of the host that is nobody, once more.
 */
static int
server_start(virNetworkPtr network, const char *gateway, struct error *err)
{
	const struct entry nobody = { .mac = NOBODY, .ip = gateway };
	struct error ignored = { 0 };

	if (network_update(network, VIR_NETWORK_UPDATE_COMMAND_MODIFY, &nobody, VIR_NETWORK_UPDATE_AFFECT_LIVE, &ignored) == 0)
		return 0;
	if (network_update(network, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, &nobody, VIR_NETWORK_UPDATE_AFFECT_LIVE, err) < 0)
		return -1;
	return network_update(network, VIR_NETWORK_UPDATE_COMMAND_DELETE, &nobody, VIR_NETWORK_UPDATE_AFFECT_LIVE, err);
}

/* Has it run, with its guests and its server; tells what was amiss. */
static int
network_mend(virConnectPtr connection, virNetworkPtr network, const char *gateway, GString *mended, struct error *err)
{
	int guests = 0, started = network_activate(connection, network, &guests, err);

	if (started < 0)
		return -1;
	if (started > 0)
		g_string_append_printf(mended, "network %s was not active and was started; %d interfaces of guests that run were attached to it",
		    virNetworkGetName(network), guests);
	if (!host_is_local() || host_dhcp_is_served(virNetworkGetName(network)))
		return 0;
	if (server_start(network, gateway, err) < 0)
		return error_wrap(err, "the DHCP server (dnsmasq) does not run: ");
	g_string_append_printf(mended, "%sthe DHCP server (dnsmasq) of network %s did not run and was started", mended->len > 0 ? "; " : "",
	    virNetworkGetName(network));
	return 0;
}

static json_t *
run_ensure(struct host_call *call, struct error *err)
{
	g_autoptr(virNetwork) network = NULL;
	g_autoptr(GString) mended = g_string_new(NULL);
	const char *name, *bridge, *cidr;
	char gateway[INET_ADDRSTRLEN];
	int prefix = 0;

	if (host_args(call, err, "{s:s,s:s,s:s}", "network", &name, "bridge", &bridge, "cidr", &cidr) < 0 ||
	    read_cidr(cidr, gateway, &prefix, err) < 0)
		return NULL;
	network = virNetworkLookupByName(call->connection, name);
	if (network == NULL && virGetLastErrorCode() == VIR_ERR_NO_NETWORK)
		network = network_define(call->connection, name, bridge, gateway, prefix, err);
	else if (network == NULL)
		host_error(err, "cannot look for network %s", name);
	if (network == NULL || network_check(network, bridge, gateway, err) < 0 ||
	    network_mend(call->connection, network, gateway, mended, err) < 0)
		return NULL;
	if (virNetworkSetAutostart(network, 1) < 0) {
		host_error(err, "cannot make network %s start by itself", name);
		return NULL;
	}
	host_dhcp_reload(name); /* an earlier worker may have been ended between a removal and this */
	if (host_is_local())
		host_dhcp_watch(name);
	return json_pack("{s:s*}", "mended", mended->len > 0 ? mended->str : NULL);
}

/* How a host that is there stands to the one that is wanted. */
struct standing {
	bool same, mac, ip, name;
};

static struct standing
compare(const void *node, const struct entry *wanted)
{
	g_autofree char *mac = host_xml_attribute(node, "mac");
	g_autofree char *ip = host_xml_attribute(node, "ip");
	g_autofree char *name = host_xml_attribute(node, "name");
	struct standing is = { .mac = mac != NULL && g_ascii_strcasecmp(mac, wanted->mac) == 0,
		.ip = g_strcmp0(ip, wanted->ip) == 0, .name = name != NULL && g_strcmp0(name, wanted->name) == 0 };

	is.same = is.mac && is.ip && g_strcmp0(name, wanted->name) == 0;
	return is;
}

static int
remove_node(virNetworkPtr network, const void *node, unsigned flags, struct error *err)
{
	g_autofree char *mac = host_xml_attribute(node, "mac");
	g_autofree char *ip = host_xml_attribute(node, "ip");
	struct entry entry = { .mac = mac != NULL ? mac : "", .ip = ip != NULL ? ip : "" };

	return network_update(network, VIR_NETWORK_UPDATE_COMMAND_DELETE, &entry, flags, err);
}

/* Live state and definition may differ after a crash between two updates: each is brought right by itself. */
static int
set_in(virNetworkPtr network, unsigned flags, const struct entry *wanted, struct error *err)
{
	bool config = flags == VIR_NETWORK_UPDATE_AFFECT_CONFIG;
	g_autoptr(xmlDoc) doc = network_xml(network, config ? VIR_NETWORK_XML_INACTIVE : 0, err);
	struct entry entry = *wanted;

	if (doc == NULL)
		return -1;
	g_autoptr(GPtrArray) hosts = host_xml_nodes(doc, "/network/ip/dhcp/host");
	for (guint i = 0; i < hosts->len; i++) {
		struct standing is = compare(hosts->pdata[i], wanted);

		if (is.same)
			return 0;
		if ((is.mac || is.ip) && remove_node(network, hosts->pdata[i], flags, err) < 0)
			return -1;
		/* libvirt wants names to differ; two guests may well be called "web": the second goes without. */
		if (!is.mac && !is.ip && is.name)
			entry.name = NULL;
	}
	return network_update(network, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, &entry, flags, err);
}

static int
remove_in(virNetworkPtr network, unsigned flags, const struct entry *unwanted, struct error *err)
{
	bool config = flags == VIR_NETWORK_UPDATE_AFFECT_CONFIG;
	g_autoptr(xmlDoc) doc = network_xml(network, config ? VIR_NETWORK_XML_INACTIVE : 0, err);

	if (doc == NULL)
		return -1;
	g_autoptr(GPtrArray) hosts = host_xml_nodes(doc, "/network/ip/dhcp/host");
	for (guint i = 0; i < hosts->len; i++) {
		struct standing is = compare(hosts->pdata[i], unwanted);

		/* Both: the address may be another guest's by now. */
		if (is.mac && is.ip && remove_node(network, hosts->pdata[i], flags, err) < 0)
			return -1;
	}
	return 0;
}

static json_t *
run_host_set(struct host_call *call, struct error *err)
{
	struct entry entry = { 0 };
	const char *name;
	bool failed = false;

	if (host_args(call, err, "{s:s,s:s,s:s,s?:s}", "network", &name, "mac", &entry.mac, "ip", &entry.ip, "name",
	    &entry.name) < 0)
		return NULL;
	if (entry.name != NULL && *entry.name == '\0')
		entry.name = NULL;
	g_autoptr(virNetwork) network = network_get(call->connection, name, err);
	g_autofree char *directory = network == NULL ? NULL : entries_directory(network, &failed, err);
	if (directory != NULL)
		return host_dhcp_set(directory, name, entry.mac, entry.ip, entry.name, err) < 0 ? NULL : json_object();
	if (network == NULL || failed || set_in(network, VIR_NETWORK_UPDATE_AFFECT_CONFIG, &entry, err) < 0 ||
	    set_in(network, VIR_NETWORK_UPDATE_AFFECT_LIVE, &entry, err) < 0)
		return NULL;
	return json_object();
}

static json_t *
run_host_remove(struct host_call *call, struct error *err)
{
	struct entry entry = { 0 };
	const char *name;
	bool failed = false;

	if (host_args(call, err, "{s:s,s:s,s:s}", "network", &name, "mac", &entry.mac, "ip", &entry.ip) < 0)
		return NULL;
	g_autoptr(virNetwork) network = network_get(call->connection, name, err);
	g_autofree char *directory = network == NULL ? NULL : entries_directory(network, &failed, err);
	if (directory != NULL)
		return host_dhcp_remove(directory, name, entry.mac, entry.ip, err) < 0 ? NULL : json_object();
	if (network == NULL || failed || remove_in(network, VIR_NETWORK_UPDATE_AFFECT_CONFIG, &entry, err) < 0 ||
	    remove_in(network, VIR_NETWORK_UPDATE_AFFECT_LIVE, &entry, err) < 0)
		return NULL;
	return json_object();
}

/* What libvirt itself keeps. */
static json_t *
list_of(virNetworkPtr network, struct error *err)
{
	g_autoptr(xmlDoc) doc = network_xml(network, 0, err);

	if (doc == NULL)
		return NULL;
	g_autoptr(GPtrArray) hosts = host_xml_nodes(doc, "/network/ip/dhcp/host");
	json_t *list = json_array();
	for (guint i = 0; i < hosts->len; i++) {
		g_autofree char *mac = host_xml_attribute(hosts->pdata[i], "mac");
		g_autofree char *ip = host_xml_attribute(hosts->pdata[i], "ip");
		g_autofree char *host = host_xml_attribute(hosts->pdata[i], "name");

		json_array_append_new(list,
		    json_pack("{s:s,s:s,s:s}", "mac", mac != NULL ? mac : "", "ip", ip != NULL ? ip : "", "name",
		        host != NULL ? host : ""));
	}
	return list;
}

static json_t *
run_host_list(struct host_call *call, struct error *err)
{
	const char *name;
	bool failed = false;

	if (host_args(call, err, "{s:s}", "network", &name) < 0)
		return NULL;
	g_autoptr(virNetwork) network = network_get(call->connection, name, err);
	g_autofree char *directory = network == NULL ? NULL : entries_directory(network, &failed, err);
	if (network == NULL || failed)
		return NULL;
	json_t *list = directory != NULL ? host_dhcp_list(directory, err) : list_of(network, err);
	return list == NULL ? NULL : json_pack("{s:o}", "hosts", list);
}

/* All of libvirt's, whoever made them. */
static json_t *
run_list(struct host_call *call, struct error *err)
{
	virNetworkPtr *all = NULL;
	int count = virConnectListAllNetworks(call->connection, &all, 0);
	json_t *networks = json_object();

	for (int i = 0; i < count; i++) {
		/* one that is gone by now is not there */
		int active = virNetworkIsActive(all[i]);

		if (active >= 0)
			json_object_set_new(networks, virNetworkGetName(all[i]), json_boolean(active == 1));
		virNetworkFree(all[i]);
	}
	free(all);
	if (count >= 0)
		return json_pack("{s:o}", "networks", networks);
	json_decref(networks);
	host_error(err, "cannot list networks");
	return NULL;
}

const struct host_verb host_network_verbs[] = {
	{ "network-ensure", run_ensure },
	{ "network-list", run_list },
	{ "network-host-list", run_host_list },
	{ "network-host-set", run_host_set },
	{ "network-host-remove", run_host_remove },
	{ NULL, NULL },
};
