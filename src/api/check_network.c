/* Rules for networks and interfaces. */
#include "config.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/dhcp_options.h"
#include "src/api/meta.h"
#include "src/base/error.h"

#define RESERVED_MAC "02:00:00:00:00:00"

enum { PORT_NAME_MOST = 15, PORT_RANGES_MOST = 10, PRIVATE_FIRST = 224, PRIVATE_LAST = 254 };

static const struct interface *
interface_of(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct interface, n, &spec->domain->devices->interfaces)
		if (g_strcmp0(n->name, name) == 0)
			return n;
	return NULL;
}

/* [namespace/]name */
static bool
is_network_name(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 3);
	guint count = g_strv_length(parts);
	struct error ignored;

	return count <= 2 && (count == 1 || check_dns_label(parts[0], &ignored) == 0) && check_dns_subdomain(parts[count - 1], &ignored) == 0;
}

/* N3, N5, N23 */
static void
check_source(const struct checking *c, const struct network *n)
{
	if (n->name != NULL && interface_of(c->spec, n->name) == NULL)
		complain(c, CAUSE_REQUIRED, "name", "no interface is named \"%s\": add it under domain.devices.interfaces", n->name);
	if (n->multus != NULL && !is_text(n->multus->network_name))
		complain_as(c, CAUSE_REQUIRED, "", "multus", "multus.networkName is required: which network, as [namespace/]name");
	else if (n->multus != NULL && !is_network_name(n->multus->network_name))
		advise(c, "multus.networkName", "\"%s\" can name no NetworkAttachmentDefinition, which is [namespace/]name: the machine cannot start",
		    n->multus->network_name);
}

/* N1, N2, N23 */
static void
check_sources(const struct checking *c)
{
	unsigned pods = 0, defaults = 0, claims = 0;
	size_t last = 0, i = 0;

	SCHEMA_EACH (struct network, n, &c->spec->networks) {
		last = n->pod != NULL ? i : last;
		i++;
		pods += n->pod != NULL;
		defaults += n->multus != NULL && n->multus->is_default;
		claims += n->resource_claim != NULL;
	}
	g_autofree char *place = g_strdup_printf("networks[%zu].pod", last);
	if (pods > 1)
		complain_as(c, CAUSE_DUPLICATE, "domain.devices.interfaces", place, "only one interface can be on the default (pod) network");
	if (defaults > 1)
		complain(c, CAUSE_INVALID, "networks", "only one multus network can be the default one");
	if (pods > 0 && defaults > 0)
		complain(c, CAUSE_INVALID, "networks", "a pod network and a multus network with default: true exclude each other");
	if (claims > 0)
		complain(c, CAUSE_NOT_SUPPORTED, "networks", "a resourceClaim is not supported: dynamic resources need Kubernetes");
}

/* N6, N10, N13 */
static void
check_binding(const struct checking *c, const struct interface *n)
{
	const struct network *network = n->name == NULL ? NULL : vmi_network(c->spec, n->name);
	bool pod = network != NULL && network->pod != NULL;

	if (n->name != NULL && network == NULL)
		complain(c, CAUSE_INVALID, "name", "no network is named \"%s\": add it under networks", n->name);
	if (n->masquerade != NULL && network != NULL && !pod)
		complain_as(c, CAUSE_INVALID, "name", "masquerade", "masquerade is for the default (pod) network only: use bridge");
	if (n->passt_binding != NULL && network != NULL && !pod)
		complain_as(c, CAUSE_INVALID, "name", "passtBinding", "passtBinding is for the default (pod) network only: use bridge");
	if (n->sriov != NULL && pod)
		advise(c, "sriov", "needs a NetworkAttachmentDefinition of type libvirt: on the default (pod) network the machine cannot start; use masquerade");
}

/* N21 */
static void
check_state(const struct checking *c, const struct interface *n)
{
	const struct network *network = n->name == NULL ? NULL : vmi_network(c->spec, n->name);
	bool is_default = network != NULL && (network->pod != NULL || (network->multus != NULL && network->multus->is_default));

	if (!is_text(n->state))
		return;
	if (n->sriov != NULL && strcmp(n->state, "absent") != 0)
		complain(c, CAUSE_INVALID, "state", "the link of an SR-IOV interface cannot be set up or down");
	if (strcmp(n->state, "absent") == 0 && n->bridge == NULL)
		complain(c, CAUSE_INVALID, "state", "only an interface with bridge can be absent");
	if (strcmp(n->state, "absent") == 0 && is_default)
		complain(c, CAUSE_INVALID, "state", "the interface on the default network cannot be absent");
}

/* As IANA names services: at most 15 of a-z, 0-9 and -, with a letter, no - at an end and no two side by side. */
static bool
is_port_name(const char *text)
{
	size_t length = strlen(text);

	return length <= PORT_NAME_MOST && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length &&
	    strpbrk(text, "abcdefghijklmnopqrstuvwxyz") != NULL && text[0] != '-' && text[length - 1] != '-' && strstr(text, "--") == NULL;
}

static const char *const protocols[] = { "TCP", "UDP", NULL };

/* N18, N19 */
static void
check_port(const struct checking *c, const struct port *p)
{
	if (is_text(p->name) && !is_port_name(p->name))
		complain(c, CAUSE_INVALID, "name", "\"%.40s\" is not a port name: at most 15 of a-z, 0-9 and -, with a letter", p->name);
	if (p->port == 0)
		complain(c, CAUSE_REQUIRED, "port", "is required: from 1 to 65535");
	else if (p->port < 0 || p->port > UINT16_MAX)
		complain(c, CAUSE_INVALID, "port", "%lld is out of range: it must be from 1 to 65535", (long long)p->port);
	if (is_text(p->protocol) && !is_one_of(p->protocol, protocols))
		complain(c, CAUSE_INVALID, "protocol", "\"%.40s\" is not one of TCP, UDP", p->protocol);
}

/* N20 */
static void
check_port_range(const struct checking *c, const struct port_range *r)
{
	if (r->start < 1 || r->start > UINT16_MAX)
		complain(c, CAUSE_INVALID, "start", "%lld is out of range: it must be from 1 to 65535", (long long)r->start);
	else if (r->end < 1 || r->end > UINT16_MAX)
		complain(c, CAUSE_INVALID, "end", "%lld is out of range: it must be from 1 to 65535", (long long)r->end);
	else if (r->end < r->start)
		complain(c, CAUSE_INVALID, "end", "%lld is before the start, %lld", (long long)r->end, (long long)r->start);
	if (is_text(r->protocol) && !is_one_of(r->protocol, protocols))
		complain(c, CAUSE_INVALID, "protocol", "\"%.40s\" is not one of TCP, UDP", r->protocol);
}

static void
check_port_ranges(const struct checking *c, const struct interface *n)
{
	const struct port_range *ranges = n->port_ranges.items;

	if (n->port_ranges.count == 0)
		return;
	if (n->ports.count > 0)
		complain(c, CAUSE_INVALID, "portRanges", "excludes ports: write all of them as ranges, or one by one");
	if (n->masquerade == NULL)
		complain(c, CAUSE_INVALID, "portRanges", "belongs to an interface with masquerade");
	if (n->port_ranges.count > PORT_RANGES_MOST)
		complain(c, CAUSE_INVALID, "portRanges", "has %zu ranges: at most %d", n->port_ranges.count, PORT_RANGES_MOST);
	CHECK_EACH (struct port_range, r, &n->port_ranges, "portRanges", check_port_range);
	for (size_t i = 0; i < MIN(n->port_ranges.count, PORT_RANGES_MOST); i++)
		for (size_t k = 0; k < i; k++) {
			g_autofree char *field = g_strdup_printf("portRanges[%zu]", i);
			if (g_strcmp0(ranges[i].protocol, ranges[k].protocol) == 0 && ranges[i].start <= ranges[k].end && ranges[k].start <= ranges[i].end)
				complain(c, CAUSE_INVALID, field, "%lld-%lld overlaps %lld-%lld", (long long)ranges[i].start, (long long)ranges[i].end,
				    (long long)ranges[k].start, (long long)ranges[k].end);
		}
}

/* N18, N19: ports mean something on the default network only. */
static void
check_ports(const struct checking *c, const struct interface *n)
{
	const struct network *network = n->name == NULL ? NULL : vmi_network(c->spec, n->name);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i = 0;

	check_port_ranges(c, n);
	if (network == NULL || network->pod == NULL)
		return;
	CHECK_EACH (struct port, p, &n->ports, "ports", check_port);
	SCHEMA_EACH (struct port, p, &n->ports) {
		g_autofree char *name = g_strdup_printf("ports[%zu].name", i++);
		if (is_text(p->name) && !g_hash_table_add(seen, p->name))
			complain(c, CAUSE_DUPLICATE, name, "\"%s\" is used by an earlier port: each needs its own", p->name);
	}
}

/* KubeVirt takes what no server can tell. */
static void
check_length(const struct checking *c, const char *field, const char *value)
{
	if (value != NULL && strlen(value) > DHCP_OPTION_MOST)
		complain(c, CAUSE_INVALID, field, "has %zu bytes: the most that DHCP can carry is %d", strlen(value), DHCP_OPTION_MOST);
}

static void
check_text(const struct checking *c, const char *field, const char *value)
{
	if (value != NULL && !dhcp_option_is_text(value))
		complain(c, CAUSE_INVALID, field, "has a character that ends a line or moves a cursor: write its name as it is to be read");
	check_length(c, field, value);
}

static void
check_lengths(const struct checking *c, const struct dhcp_options *d)
{
	size_t i = 0;

	check_text(c, "dhcpOptions.bootFileName", d->boot_file_name);
	check_text(c, "dhcpOptions.tftpServerName", d->tftp_server_name);
	SCHEMA_EACH (struct dhcp_private_option, o, &d->private_options) {
		g_autofree char *field = g_strdup_printf("dhcpOptions.privateOptions[%zu].value", i++);
		check_length(c, field, o->value);
	}
}

/* N22; KubeVirt tells private options of the whole spec. */
static void
check_dhcp(const struct checking *c, const struct interface *n, const struct checking *whole)
{
	const struct dhcp_options *d = n->dhcp_options;
	const struct network *network = n->name == NULL ? NULL : vmi_network(whole->spec, n->name);
	g_autofree char *place = g_strconcat(c->path + strlen(whole->path) + 1, ".dhcpOptions.privateOptions", NULL);
	const char *name = n->name == NULL ? "" : n->name;
	guint64 seen = 0;
	struct in_addr address;

	if (d != NULL && network != NULL && network->pod != NULL)
		advise(c, "dhcpOptions", "is ignored: the DHCP server of the default network tells address, gateway and name server only");
	for (size_t i = 0; d != NULL && d->ntp_servers != NULL && d->ntp_servers[i] != NULL; i++) {
		g_autofree char *field = g_strdup_printf("dhcpOptions.ntpServers[%zu]", i);
		if (inet_pton(AF_INET, d->ntp_servers[i], &address) != 1)
			complain(c, CAUSE_INVALID, field, "\"%.60s\" is not an IPv4 address", d->ntp_servers[i]);
	}
	if (d == NULL)
		return;
	check_lengths(c, d);
	SCHEMA_EACH (struct dhcp_private_option, o, &d->private_options) {
		guint64 bit = o->option < PRIVATE_FIRST || o->option > PRIVATE_LAST ? 0 : UINT64_C(1) << (o->option - PRIVATE_FIRST);
		if (bit == 0)
			complain_as(whole, CAUSE_INVALID, "", place, "the DHCP option %lld of interface \"%s\" is out of range: it must be from %d to %d",
			    (long long)o->option, name, PRIVATE_FIRST, PRIVATE_LAST);
		if ((seen & bit) != 0)
			complain_as(whole, CAUSE_INVALID, "", place, "the DHCP option %lld of interface \"%s\" is given twice",
			    (long long)o->option, name);
		seen |= bit;
	}
}

/* N11, and what KubeVirt takes although no card can have it */
static void
check_mac_use(const struct checking *c, const struct interface *n, GHashTable *seen)
{
	if (!is_text(n->mac_address))
		return;
	g_autofree char *plain = g_strdelimit(g_ascii_strdown(n->mac_address, -1), "-", ':');
	if (n->masquerade != NULL && strcmp(n->mac_address, RESERVED_MAC) == 0)
		complain(c, CAUSE_INVALID, "macAddress", "%s is reserved with masquerade: choose another one", RESERVED_MAC);
	if (g_ascii_xdigit_value(plain[1]) % 2 != 0)
		advise(c, "macAddress", "%s is a multicast address (its first byte is odd): the machine cannot start", n->mac_address);
	if (strchr(plain, '.') != NULL)
		advise(c, "macAddress", "%s must be written as 52:54:00:12:34:56: the machine cannot start", n->mac_address);
	if (!g_hash_table_add(seen, g_steal_pointer(&plain)))
		advise(c, "macAddress", "%s is used by an earlier interface: guests get confused by two of the same", n->mac_address);
}

void
check_network(const struct checking *c)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct schema_list *interfaces = &c->spec->domain->devices->interfaces;

	check_sources(c);
	CHECK_EACH (struct network, n, &c->spec->networks, "networks", check_source);
	CHECK_EACH (struct interface, n, interfaces, "domain.devices.interfaces", check_binding);
	CHECK_EACH (struct interface, n, interfaces, "domain.devices.interfaces", check_state);
	CHECK_EACH (struct interface, n, interfaces, "domain.devices.interfaces", check_ports);
#define CHECK_DHCP(at, item) check_dhcp(at, item, c)
#define CHECK_MAC(at, item) check_mac_use(at, item, seen)
	CHECK_EACH (struct interface, n, interfaces, "domain.devices.interfaces", CHECK_DHCP);
	CHECK_EACH (struct interface, n, interfaces, "domain.devices.interfaces", CHECK_MAC);
#undef CHECK_DHCP
#undef CHECK_MAC
}
