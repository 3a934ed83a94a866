/* Subnet: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/dhcp_options.h"
#include "src/api/kinds.h"
#include "src/api/rows.h"
#include "src/api/subnet.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/document/diagnostic.h"

const char *const subnet_protocol_words[] = { "", "IPv4", "IPv6", "Dual", "Mac", NULL };

/* --- blocks ----------------------------------------------------------------------------------------------------------- */

/* The subnets of spec.cidrBlock by the version of IP; those that are not there are all zero. */
struct blocks {
	struct ip_range range[2]; /* 0: IPv4, 1: IPv6 */
	unsigned prefix[2];
	bool there[2];
};

static size_t
slot(const struct ip *ip)
{
	return ip_version(ip) == 4 ? 0 : 1;
}

static int
add_block(struct blocks *blocks, const char *text, struct error *err)
{
	struct ip_range range;
	unsigned prefix;

	if (ip_subnet_parse(text, &range, &prefix, err) != 0)
		return -1;
	size_t at = slot(&range.first);
	if (blocks->there[at])
		return error_set(err, EINVAL, "has two subnets of IPv%d: one of each version is possible", ip_version(&range.first));
	if (ip_compare(&range.first, &range.last) == 0)
		return error_set(err, EINVAL, "\"%.60s\" is one address: a subnet has room for guests, at most /%d", text, at == 0 ? 31 : 127);
	blocks->range[at] = range;
	blocks->prefix[at] = prefix;
	blocks->there[at] = true;
	return 0;
}

static int
blocks_parse(const char *text, struct blocks *blocks, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(text == NULL ? "" : text, ",", -1);

	*blocks = (struct blocks){ 0 };
	for (char **part = parts; *part != NULL; part++)
		if (add_block(blocks, g_strstrip(*part), err) != 0)
			return -1;
	return 0;
}

enum subnet_protocol
subnet_protocol(const struct subnet_spec *spec)
{
	struct blocks blocks;

	if (!is_text(spec->cidr_block) || blocks_parse(spec->cidr_block, &blocks, NULL) != 0)
		return SUBNET_MAC;
	return blocks.there[0] && blocks.there[1] ? SUBNET_DUAL : blocks.there[0] ? SUBNET_IPV4 : SUBNET_IPV6;
}

/* --- rules: addresses ------------------------------------------------------------------------------------------------- */

/* Bits behind the prefix count as zero, as they do in Kube-OVN. */
static void
check_block(const struct checking *c, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	for (char **part = parts; *part != NULL; part++) {
		g_autofree char *address = g_strndup(g_strstrip(*part), strcspn(*part, "/"));
		char network[IP_TEXT];
		struct ip_range range;
		struct ip ip;
		unsigned prefix;
		if (ip_subnet_parse(*part, &range, &prefix, NULL) != 0 || ip_parse(address, &ip, NULL) != 0 || ip_compare(&ip, &range.first) == 0)
			continue;
		ip_format(&range.first, network);
		advise(c, "cidrBlock", "\"%s\" is an address inside a subnet: the subnet is %s/%u", *part, network, prefix);
	}
}

static void
check_gateway(const struct checking *c, const struct blocks *blocks, const char *text, bool seen[2])
{
	struct error err = { 0 };
	struct ip ip;

	if (ip_parse(text, &ip, &err) != 0) {
		complain(c, CAUSE_INVALID, "gateway", "%s", err.text);
		return;
	}
	size_t at = slot(&ip);
	const struct ip_range *range = &blocks->range[at];
	unsigned small = at == 0 ? 31 : 127; /* RFC 3021, RFC 6164: both addresses are guests' */
	if (!blocks->there[at])
		complain(c, CAUSE_INVALID, "gateway", "%s is of IPv%d, of which cidrBlock has no subnet", text, ip_version(&ip));
	else if (!ip_range_holds(range, &ip))
		complain(c, CAUSE_INVALID, "gateway", "%s is not in cidrBlock", text);
	else if (blocks->prefix[at] < small && ip_compare(&ip, &range->first) == 0)
		complain(c, CAUSE_INVALID, "gateway", "%s is the subnet's own address: guests and gateway have others", text);
	else if (blocks->prefix[at] < small && at == 0 && ip_compare(&ip, &range->last) == 0)
		complain(c, CAUSE_INVALID, "gateway", "%s is the subnet's broadcast address: guests and gateway have others", text);
	else if (seen[at])
		complain(c, CAUSE_INVALID, "gateway", "has two addresses of IPv%d: one of each version is possible", ip_version(&ip));
	seen[at] = true;
}

static void
check_gateways(const struct checking *c, const struct blocks *blocks, const struct subnet_spec *spec)
{
	g_auto(GStrv) parts = g_strsplit(is_text(spec->gateway) ? spec->gateway : "", ",", -1);
	bool seen[2] = { false, false };

	for (char **part = parts; *part != NULL; part++)
		check_gateway(c, blocks, g_strstrip(*part), seen);
}

static void
check_exclude(const struct checking *c, const struct blocks *blocks, const struct subnet_spec *spec)
{
	size_t i = 0;

	for (char **text = spec->exclude_ips; text != NULL && *text != NULL; text++) {
		g_autofree char *field = g_strdup_printf("excludeIps[%zu]", i++);
		struct error err = { 0 };
		struct ip_range range;
		if (strchr(*text, '/') != NULL)
			complain(c, CAUSE_INVALID, field, "\"%.60s\" is a subnet: write an address, or a range such as 10.6.0.1..10.6.0.9", *text);
		else if (ip_range_parse(*text, &range, &err) != 0)
			complain(c, CAUSE_INVALID, field, "%s", err.text);
		else if (!blocks->there[slot(&range.first)] || !ip_ranges_meet(&blocks->range[slot(&range.first)], &range))
			advise(c, field, "%s is not in cidrBlock: it excludes nothing", *text);
	}
}

/* Without addresses there is nothing to say about them. */
static void
check_mac_only(const struct checking *c, const struct subnet_spec *spec)
{
	if (!is_text(spec->vlan))
		complain(c, CAUSE_REQUIRED, "cidrBlock", "is required without vlan: such as 10.6.0.0/24, or 10.6.0.0/24,fd00:6::/64 for both versions of IP");
	if (is_text(spec->gateway))
		complain(c, CAUSE_INVALID, "gateway", "must be empty without cidrBlock: guests get their addresses from somebody else");
	if (spec->exclude_ips != NULL && spec->exclude_ips[0] != NULL)
		complain(c, CAUSE_INVALID, "excludeIps", "must be empty without cidrBlock: guests get their addresses from somebody else");
	if (spec->enable_dhcp)
		complain(c, CAUSE_INVALID, "enableDHCP", "needs cidrBlock: there are no addresses to give");
	if (spec->enable_ra)
		complain(c, CAUSE_INVALID, "enableIPv6RA", "needs cidrBlock with a subnet of IPv6: there is nothing to advertise");
}

static void
check_addresses(const struct checking *c, const struct subnet_spec *spec)
{
	struct error err = { 0 };
	struct blocks blocks;
	enum subnet_protocol protocol = subnet_protocol(spec);

	if (!is_text(spec->cidr_block)) {
		check_mac_only(c, spec);
		return;
	}
	if (blocks_parse(spec->cidr_block, &blocks, &err) != 0) {
		complain(c, CAUSE_INVALID, "cidrBlock", "%s", err.text);
		return;
	}
	check_block(c, spec->cidr_block);
	check_gateways(c, &blocks, spec);
	check_exclude(c, &blocks, spec);
	if (spec->protocol != SUBNET_PROTOCOL_UNSET && spec->protocol != (int)protocol)
		advise(c, "protocol", "is ignored: cidrBlock makes it %s", subnet_protocol_words[protocol]);
	/* RFC 791, "Fragmentation"; RFC 8200, section 5 */
	if (spec->mtu > 0 && spec->mtu < 68)
		complain(c, CAUSE_INVALID, "mtu", "must be at least 68");
	if (blocks.there[1] && spec->mtu > 0 && spec->mtu < 1280)
		complain(c, CAUSE_INVALID, "mtu", "must be at least 1280 for IPv6");
	if (spec->enable_ra && !blocks.there[1])
		complain(c, CAUSE_INVALID, "enableIPv6RA", "needs a subnet of IPv6 in cidrBlock");
}

/* --- rules: what guests are told -------------------------------------------------------------------------------------- */

static void
check_options(const struct checking *c, const char *field, int version, const char *text)
{
	g_autoptr(GPtrArray) ignored = g_ptr_array_new();
	struct error err = { 0 };
	g_autoptr(GArray) options = dhcp_options_parse(version, text, ignored, &err);

	if (options == NULL)
		complain(c, CAUSE_INVALID, field, "%s", err.text);
	for (guint i = 0; i < ignored->len; i++)
		advise(c, field, "%s is ignored: %s", (const char *)ignored->pdata[i], dhcp_option_why(version, ignored->pdata[i]));
}

/* The server has one list of each, for DHCPv6 and for advertisements. */
static void
check_told_twice(const struct checking *c, const struct subnet_spec *spec, const struct ra_configs *configs)
{
	g_autoptr(GArray) options = dhcp_options_parse(6, spec->dhcp_v6_options, NULL, NULL);
	const struct {
		const char *setting, *value, *option;
	} pairs[] = { { "rdnss", configs->dns_servers, "dns_server" }, { "dnssl", configs->domains, "domain_search" } };

	for (size_t i = 0; options != NULL && i < G_N_ELEMENTS(pairs); i++) {
		const char *other = dhcp_options_find(options, pairs[i].option);
		if (pairs[i].value != NULL && other != NULL && strcmp(pairs[i].value, other) != 0)
			complain(c, CAUSE_INVALID, "ipv6RAConfigs", "%s is %s, and %s of dhcpV6Options %s: both are told the same, write one of them",
			    pairs[i].setting, pairs[i].value, pairs[i].option, other);
	}
}

/* RFC 4862: guests fill up 64 bits by themselves. */
static void
check_mode(const struct checking *c, const struct subnet_spec *spec, const struct ra_configs *configs)
{
	const char *mode = configs->address_mode == RA_SLAAC ? "slaac" : "dhcpv6_stateless";
	struct blocks blocks;

	if (configs->address_mode == RA_DHCPV6_STATEFUL || blocks_parse(spec->cidr_block, &blocks, NULL) != 0 || !blocks.there[1])
		return;
	if (blocks.prefix[1] != 64)
		complain(c, CAUSE_INVALID, "ipv6RAConfigs", "address_mode=%s needs a subnet of IPv6 that is a /64, and cidrBlock has a /%u", mode, blocks.prefix[1]);
	else
		advise(c, "ipv6RAConfigs", "address_mode=%s: guests make IPv6 addresses of their own, which are not those of their IPs; port_security stops them", mode);
}

static void
check_advertisement(const struct checking *c, const struct subnet_spec *spec)
{
	g_autoptr(GPtrArray) ignored = g_ptr_array_new();
	struct error err = { 0 };
	RA_CONFIGS_AUTO configs = { 0 };

	if (ra_configs_parse(spec->ra_configs, &configs, ignored, &err) != 0) {
		complain(c, CAUSE_INVALID, "ipv6RAConfigs", "%s", err.text);
		return;
	}
	for (guint i = 0; i < ignored->len; i++)
		advise(c, "ipv6RAConfigs", "%s is ignored: %s", (const char *)ignored->pdata[i], ra_config_why(ignored->pdata[i]));
	if (!configs.send_periodic)
		advise(c, "ipv6RAConfigs", "send_periodic=false: advertisements come every half an hour, besides those that guests ask for");
	check_told_twice(c, spec, &configs);
	if (!spec->enable_ra || (subnet_protocol(spec) != SUBNET_IPV6 && subnet_protocol(spec) != SUBNET_DUAL))
		return;
	check_mode(c, spec, &configs);
	if (!spec->enable_dhcp && configs.address_mode == RA_DHCPV6_STATEFUL)
		advise(c, "enableIPv6RA", "is ignored without enableDHCP, unless address_mode of ipv6RAConfigs is slaac: guests would wait for DHCPv6");
}

/* What is told only by a service that is not asked for. */
static void
check_untold(const struct checking *c, const struct subnet_spec *spec)
{
	const struct {
		const char *field, *text, *needs;
		bool told;
	} fields[] = {
		{ "dhcpV4Options", spec->dhcp_v4_options, "enableDHCP", spec->enable_dhcp },
		{ "dhcpV6Options", spec->dhcp_v6_options, "enableDHCP", spec->enable_dhcp },
		{ "ipv6RAConfigs", spec->ra_configs, "enableIPv6RA", spec->enable_ra },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (is_text(fields[i].text) && !fields[i].told)
			advise(c, fields[i].field, "is told to nobody without %s", fields[i].needs);
}

/* --- rules: where it is ----------------------------------------------------------------------------------------------- */

static bool
has_provider(const struct subnet_spec *spec)
{
	return is_text(spec->provider) && strcmp(spec->provider, "ovn") != 0;
}

#define NO_OVERLAY "there is no overlay here, guests are on VLANs of the hosts' networks"
#define NO_ROUTER "there is no router here, but that of the network outside"

/* Fields that mean something in Kube-OVN's overlay only: who writes what is not their default is told so. */
static void
check_overlay(const struct checking *c, const struct subnet_spec *spec)
{
	const struct {
		const char *field;
		bool says;
		const char *why;
	} fields[] = {
		{ "default", spec->is_default, "a network of an instance names its Subnet, the default network is libvirt's" },
		{ "private", spec->is_private, "guests are not kept apart by it: write a SecurityGroup" },
		{ "natOutgoing", spec->nat_outgoing, NO_ROUTER },
		{ "gatewayNode", is_text(spec->gateway_node), NO_ROUTER },
		{ "logicalGateway", spec->logical_gateway, NO_ROUTER },
		{ "vpc", is_text(spec->vpc) && strcmp(spec->vpc, "ovn-cluster") != 0, NO_OVERLAY },
		{ "u2oInterconnection", spec->interconnection, NO_OVERLAY },
		{ "disableInterConnection", spec->no_interconnection, NO_OVERLAY },
		{ "enableLb", spec->load_balancer, "there are no load balancers" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		if (fields[i].says)
			advise(c, fields[i].field, "is ignored: %s", fields[i].why);
	if (!is_text(spec->vlan) && !has_provider(spec))
		advise(c, "vlan", "is needed for guests to be on it: " NO_OVERLAY);
}

static void
subnet_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct subnet_object *subnet = object;
	const struct checking c = { .document = document, .path = "spec", .diagnostics = diagnostics };

	(void)path;
	if (document == NULL)
		return; /* what is stored was judged when it came */
	check_addresses(&c, subnet->spec);
	check_options(&c, "dhcpV4Options", 4, subnet->spec->dhcp_v4_options);
	check_options(&c, "dhcpV6Options", 6, subnet->spec->dhcp_v6_options);
	check_advertisement(&c, subnet->spec);
	check_untold(&c, subnet->spec);
	check_overlay(&c, subnet->spec);
}

void
subnet_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics)
{
	const struct subnet_object *was = old, *is = new;

	if (is_text(was->spec->cidr_block) != is_text(is->spec->cidr_block))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "spec.cidrBlock", "cannot be %s later: make another Subnet",
		    is_text(is->spec->cidr_block) ? "added" : "removed");
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

/* "NAME.NAMESPACE", "NAME.NAMESPACE.ovn", "ovn" */
static int
check_provider(const char *text, struct error *err)
{
	if (*text == '\0' || strcmp(text, "ovn") == 0)
		return 0;
	if (check_dns_subdomain(text, NULL) == 0 && strchr(text, '.') != NULL)
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not of a NetworkAttachmentDefinition: write NAME.NAMESPACE.ovn, or NAME.NAMESPACE when it only takes addresses from here", text);
}

static int
check_vlan_name(const char *text, struct error *err)
{
	return *text == '\0' ? 0 : check_dns_subdomain(text, err);
}

static const struct schema_field spec_rows[] = {
	{ STRING("cidrBlock", struct subnet_spec, cidr_block), .doc = "Its addresses: a subnet of IPv4, of IPv6, or one of each with a comma between them; nothing, with vlan: guests get addresses from somebody else." },
	{ ENUM("protocol", struct subnet_spec, protocol, subnet_protocol_words), .doc = "Ignored: cidrBlock says it." },
	{ STRING("gateway", struct subnet_spec, gateway), .doc = "Router that guests are told, one for each subnet with a comma between them; the first address of each when not given." },
	{ STRINGS("excludeIps", struct subnet_spec, exclude_ips), .doc = "Addresses and ranges such as 10.6.0.1..10.6.0.9 that no guest gets unasked." },
	{ STRING("provider", struct subnet_spec, provider), .check = check_provider, .doc = "NetworkAttachmentDefinition whose guests get its addresses, as NAME.NAMESPACE.ovn or NAME.NAMESPACE." },
	{ STRING("vlan", struct subnet_spec, vlan), .check = check_vlan_name, .doc = "Vlan that its guests are on." },
	{ BOOL("enableDHCP", struct subnet_spec, enable_dhcp), .doc = "Guests are given their addresses by DHCP." },
	{ STRING("dhcpV4Options", struct subnet_spec, dhcp_v4_options), .doc = "What guests are told with them, such as lease_time=3600,dns_server={10.6.0.2,10.6.0.3}: lease_time, router, netmask, dns_server, domain_name, domain_search_list, ntp_server, mtu, hostname, classless_static_route, tftp_server, bootfile_name and others." },
	{ STRING("dhcpV6Options", struct subnet_spec, dhcp_v6_options), .doc = "The same for DHCPv6: lease_time, dns_server, domain_search, ntp_server, bootfile_name." },
	{ BOOL("enableIPv6RA", struct subnet_spec, enable_ra), .doc = "The IPv6 subnet is advertised to guests, and how they get addresses of it; the router is for the network outside to advertise." },
	{ STRING("ipv6RAConfigs", struct subnet_spec, ra_configs), .doc = "How: address_mode (dhcpv6_stateful, dhcpv6_stateless or slaac), max_interval, send_periodic, mtu, rdnss, dnssl." },
	{ INT("mtu", struct subnet_spec, mtu), .min = 0, .max = 65535, .doc = "MTU of guests' cards; 0: that of the wire." },
	{ BOOL("default", struct subnet_spec, is_default), .doc = "Ignored: a network of an instance names its Subnet." },
	{ BOOL("private", struct subnet_spec, is_private), .doc = "Ignored: SecurityGroups keep guests apart." },
	{ BOOL("natOutgoing", struct subnet_spec, nat_outgoing), .doc = "Ignored: the network outside has the router." },
	{ STRING("gatewayNode", struct subnet_spec, gateway_node), .doc = "Ignored: the network outside has the router." },
	{ BOOL("logicalGateway", struct subnet_spec, logical_gateway), .doc = "Ignored: the network outside has the router." },
	{ STRING("vpc", struct subnet_spec, vpc), .doc = "Ignored: there is no overlay." },
	{ BOOL("u2oInterconnection", struct subnet_spec, interconnection), .doc = "Ignored: there is no overlay." },
	{ BOOL("disableInterConnection", struct subnet_spec, no_interconnection), .doc = "Ignored: there is no overlay." },
	{ BOOL("enableLb", struct subnet_spec, load_balancer), .doc = "Ignored: there are no load balancers." },
	{ REFUSED("acls", "Matches of OVN's language are not understood here: write a SecurityGroup.") },
	{ IGNORED("namespaces", STRINGS, "A network of an instance names its Subnet.") },
	{ IGNORED("namespaceSelectors", LIST, "A network of an instance names its Subnet.") },
	{ IGNORED("allowSubnets", STRINGS, "SecurityGroups keep guests apart.") },
	{ IGNORED("allowEWTraffic", BOOL, "SecurityGroups keep guests apart.") },
	{ IGNORED("gatewayType", STRING, "The network outside has the router.") },
	{ IGNORED("gatewayNodeSelectors", LIST, "The network outside has the router.") },
	{ IGNORED("natOutgoingPolicyRules", LIST, "The network outside has the router.") },
	{ IGNORED("externalEgressGateway", STRING, "The network outside has the router.") },
	{ IGNORED("policyRoutingPriority", INT, "The network outside has the router.") },
	{ IGNORED("policyRoutingTableID", INT, "The network outside has the router.") },
	{ IGNORED("disableGatewayCheck", BOOL, "Nobody waits for the gateway.") },
	{ IGNORED("u2oInterconnectionIP", STRING, "There is no overlay.") },
	{ IGNORED("u2oFeatures", OBJECT, "There is no overlay.") },
	{ IGNORED("vips", STRINGS, "Make a Vip, which keeps an address free.") },
	{ IGNORED("enableEcmp", BOOL, "The network outside has the router.") },
	{ IGNORED("enableMulticastSnoop", BOOL, "Bridges flood multicasts.") },
	{ IGNORED("enableExternalLBAddress", BOOL, "There are no load balancers.") },
	{ IGNORED("routeTable", STRING, "The network outside has the router.") },
	{ IGNORED("nodeNetwork", STRING, "There is no overlay.") },
	{ IGNORED("htbqos", STRING, "Rates are annotations of machines.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct subnet_spec, "SubnetSpec", "Addresses of guests.", spec_rows);

static const struct schema_field status_rows[] = {
	{ INT("v4availableIPs", struct subnet_status, v4.free), .flags = FIELD_ZERO, .doc = "How many IPv4 addresses are free." },
	{ INT("v4usingIPs", struct subnet_status, v4.used), .flags = FIELD_ZERO, .doc = "How many IPv4 addresses guests have." },
	{ STRING("v4availableIPrange", struct subnet_status, v4.free_range), .doc = "Which are free, such as 10.6.0.2-10.6.0.9,10.6.0.11." },
	{ STRING("v4usingIPrange", struct subnet_status, v4.used_range), .doc = "Which guests have." },
	{ INT("v6availableIPs", struct subnet_status, v6.free), .flags = FIELD_ZERO, .doc = "How many IPv6 addresses are free; at most 9223372036854775807 are told." },
	{ INT("v6usingIPs", struct subnet_status, v6.used), .flags = FIELD_ZERO, .doc = "How many IPv6 addresses guests have." },
	{ STRING("v6availableIPrange", struct subnet_status, v6.free_range), .doc = "Which are free." },
	{ STRING("v6usingIPrange", struct subnet_status, v6.used_range), .doc = "Which guests have." },
	{ LIST("conditions", struct subnet_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(subnet_status_schema, struct subnet_status, "SubnetStatus", "What is known of it.", status_rows);
static const struct schema_field subnet_rows[] = {
	HEAD_ROWS(struct subnet_object),
	{ OBJECT("spec", struct subnet_object, spec, struct subnet_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Addresses of guests." },
	{ OBJECT("status", struct subnet_object, status, struct subnet_status, &subnet_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(subnet_schema, struct subnet_object, "Subnet", "Addresses of guests on a Vlan, or of those of a NetworkAttachmentDefinition.", subnet_rows, .check = subnet_check);
