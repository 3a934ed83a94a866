/* The kinds of kubeovn.io: what is right, what is refused or ignored and in which words, what follows from their fields. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/dhcp_options.h"
#include "src/api/ip_address.h"
#include "src/api/kinds.h"
#include "src/api/provider_network.h"
#include "src/api/security_group.h"
#include "src/api/subnet.h"
#include "src/api/vip.h"
#include "src/api/vlan.h"
#include "src/api/vmi.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

static GPtrArray *documents;
static struct diagnostics diagnostics;

static void
setup(void)
{
	documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	diagnostics_init(&diagnostics);
}

static void
teardown(void)
{
	g_ptr_array_unref(documents);
	diagnostics_clear(&diagnostics);
}

/* Decodes the one document of a text; NULL when it is wrong.  Free by its kind. */
static void *
decode(const char *text, const struct kind **kind)
{
	document_read(NULL, text, strlen(text), documents, &diagnostics);
	ck_assert_uint_gt(documents->len, 0);
	return kind_decode(documents->pdata[documents->len - 1], "default", kind, &diagnostics);
}

/* All that is said of one severity, without places. */
static char *
told(enum severity severity)
{
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < diagnostics.items->len; i++) {
		const struct diagnostic *d = diagnostics.items->pdata[i];
		if (d->severity == severity)
			g_string_append_printf(all, "%s%s: %s", all->len == 0 ? "" : "\n", d->field, d->message);
	}
	return g_string_free(all, FALSE);
}

#define KUBE_OVN(kind, name, spec) "{apiVersion: kubeovn.io/v1, kind: " kind ", metadata: {name: " name "}, spec: {" spec "}}"
#define PROVIDER(spec) KUBE_OVN("ProviderNetwork", "office", spec)
#define VLAN(spec) KUBE_OVN("Vlan", "v", spec)
#define SUBNET(spec) KUBE_OVN("Subnet", "s", spec)
#define UNDERLAY(spec) SUBNET("vlan: v, " spec)
#define IP(name, spec) KUBE_OVN("IP", name, "subnet: s, " spec)
#define VIP(spec) KUBE_OVN("Vip", "x", "subnet: s" spec)
#define POOL(spec) KUBE_OVN("IPPool", "p", "subnet: s, " spec)
#define GROUP(spec) KUBE_OVN("SecurityGroup", "g", spec)
#define RULE(more) GROUP("ingressRules: [{ipVersion: ipv4, priority: 1, policy: allow, " more "}]")
#define FROM_ALL "remoteType: address, remoteAddress: 0.0.0.0/0"
#define NEAR "ingressRules[0]."

/* A document, its errors and its warnings; errors or warnings "" are none. */
static const struct {
	const char *text, *errors, *warnings;
} cases[] = {
	/* ProviderNetwork */
	{ PROVIDER("defaultInterface: eth1"), "", "" },
	{ PROVIDER("defaultInterface: eth1, customInterfaces: [{interface: enp3s0, nodes: [a]}, {interface: bond0, nodes: [b]}], excludeNodes: [c]"), "", "" },
	{ PROVIDER("defaultInterface: eth1, nodeSelector: {matchLabels: {wire: office}}, exchangeLinkName: false, preserveVlanInterfaces: false"), "", "" },
	{ PROVIDER(""), "spec.defaultInterface: is required: a string (Network card by which nodes reach the wire)", "" },
	{ PROVIDER("defaultInterface: a/b"), "spec.defaultInterface: \"a/b\" is not a network card such as eth1: at most 15 characters, without slash, colon and space", "" },
	{ PROVIDER("defaultInterface: '--help'"), "spec.defaultInterface: \"--help\" is not a network card such as eth1: at most 15 characters, without slash, colon and space", "" },
	{ PROVIDER("defaultInterface: '..'"), "spec.defaultInterface: \"..\" is not a network card such as eth1: at most 15 characters, without slash, colon and space", "" },
	{ PROVIDER("defaultInterface: abcdefghijklmnop"), "spec.defaultInterface: \"abcdefghijklmnop\" is not a network card such as eth1: at most 15 characters, without slash, colon and space", "" },
	{ PROVIDER("defaultInterface: eth1, customInterfaces: [{interface: eth2}]"), "spec.customInterfaces[0].nodes: is required: the nodes that have this card", "" },
	{ PROVIDER("defaultInterface: eth1, customInterfaces: [{interface: eth2, nodes: [a]}, {interface: eth3, nodes: [b, a]}]"),
	  "spec.customInterfaces[1].nodes: names a once more: a node has one card for it", "" },
	{ PROVIDER("defaultInterface: eth1, nodeSelector: {}, excludeNodes: [c]"), "", "spec.excludeNodes: is ignored beside nodeSelector, which says which nodes there are" },
	{ PROVIDER("defaultInterface: eth1, exchangeLinkName: true, autoCreateVlanSubinterfaces: true, preserveVlanInterfaces: true, vlanInterfaces: [eth0.10]"), "",
	  "spec.vlanInterfaces: is ignored: VLAN interfaces of the host are not moved.\n"
	  "spec.exchangeLinkName: is ignored: the bridge is called br-NAME, and a card keeps its name\n"
	  "spec.autoCreateVlanSubinterfaces: is ignored: write a card that is there; tags come from Vlans\n"
	  "spec.preserveVlanInterfaces: is ignored: VLAN interfaces of the host are not moved: give guests a card without any" },
	{ KUBE_OVN("ProviderNetwork", "twelve-chars", "defaultInterface: eth1"), "", "" },
	{ KUBE_OVN("ProviderNetwork", "thirteen-char", "defaultInterface: eth1"),
	  "metadata.name: has 13 characters: at most 12 are possible, because its bridges are called br-NAME", "" },
	{ KUBE_OVN("ProviderNetwork", "int", "defaultInterface: eth1"), "metadata.name: cannot be int: br-int is a bridge of Kube-OVN's own", "" },
	{ "{apiVersion: kubeovn.io/v1, kind: ProviderNetwork, metadata: {name: wire, namespace: a}, spec: {defaultInterface: eth1}}",
	  "metadata.namespace: a ProviderNetwork is in no namespace: remove it", "" },

	/* Vlan */
	{ VLAN("id: 100, provider: office"), "", "" },
	{ VLAN("provider: office"), "", "" },
	{ VLAN("id: 4094, provider: office"), "", "" },
	{ VLAN("id: 4095, provider: office"), "spec.id: 4095 is out of range: it must be from 0 to 4094", "" },
	{ VLAN("id: -1, provider: office"), "spec.id: -1 is out of range: it must be from 0 to 4094", "" },
	{ VLAN("id: 1"), "spec.provider: is required: a string (ProviderNetwork that it is on)", "" },
	{ VLAN("vlanId: 1, provider: office"), "spec.vlanId: is not supported: Write id.", "" },

	/* Subnet: addresses */
	{ UNDERLAY("cidrBlock: 10.6.0.0/24"), "", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64'"), "", "" },
	{ UNDERLAY("cidrBlock: '10.6.0.0/24,fd00:6::/64', gateway: '10.6.0.254,fd00:6::1', mtu: 1280"), "", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64, 10.6.0.0/24', gateway: 10.6.0.254, protocol: Dual"), "", "" },
	{ UNDERLAY("cidrBlock: ''"), "", "" },
	{ UNDERLAY("mtu: 1400, protocol: Mac, gatewayNode: '', default: false, private: false, natOutgoing: false, enableDHCP: false"), "", "" },
	{ SUBNET("provider: net.default"), "spec.cidrBlock: is required without vlan: such as 10.6.0.0/24, or 10.6.0.0/24,fd00:6::/64 for both versions of IP", "" },
	{ SUBNET("cidrBlock: 10.6.0.0/24, provider: net.default"), "", "" },
	{ SUBNET("cidrBlock: 10.6.0.0/24, provider: net.default.ovn"), "", "" },
	{ SUBNET("cidrBlock: 10.6.0.0/24"), "", "spec.vlan: is needed for guests to be on it: there is no overlay here, guests are on VLANs of the hosts' networks" },
	{ SUBNET("cidrBlock: 10.6.0.0/24, provider: ovn"), "", "spec.vlan: is needed for guests to be on it: there is no overlay here, guests are on VLANs of the hosts' networks" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, provider: net"), "spec.provider: \"net\" is not of a NetworkAttachmentDefinition: write NAME.NAMESPACE.ovn, or NAME.NAMESPACE when it only takes addresses from here", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0"), "spec.cidrBlock: \"10.6.0.0\" is not a subnet such as 10.6.0.0/24 or fd00:6::/64", "" },
	{ UNDERLAY("cidrBlock: '10.6.0.0/24,'"), "spec.cidrBlock: \"\" is not a subnet such as 10.6.0.0/24 or fd00:6::/64", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.1/32"), "spec.cidrBlock: \"10.6.0.1/32\" is one address: a subnet has room for guests, at most /31", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::1/128'"), "spec.cidrBlock: \"fd00:6::1/128\" is one address: a subnet has room for guests, at most /127", "" },
	{ UNDERLAY("cidrBlock: '10.6.0.0/24,10.7.0.0/24'"), "spec.cidrBlock: has two subnets of IPv4: one of each version is possible", "" },
	{ UNDERLAY("cidrBlock: '10.6.0.7/24,fd00:6::7/64'"), "",
	  "spec.cidrBlock: \"10.6.0.7/24\" is an address inside a subnet: the subnet is 10.6.0.0/24\n"
	  "spec.cidrBlock: \"fd00:6::7/64\" is an address inside a subnet: the subnet is fd00:6::/64" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, protocol: IPv6"), "", "spec.protocol: is ignored: cidrBlock makes it IPv4" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, protocol: ipv4"), "spec.protocol: \"ipv4\" is not one of IPv4, IPv6, Dual, Mac; did you mean IPv4?", "" },

	/* gateway */
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: 10.7.0.1"), "spec.gateway: 10.7.0.1 is not in cidrBlock", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: 'fd00::1'"), "spec.gateway: fd00::1 is of IPv6, of which cidrBlock has no subnet", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: 10.6.0.0"), "spec.gateway: 10.6.0.0 is the subnet's own address: guests and gateway have others", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: 10.6.0.255"), "spec.gateway: 10.6.0.255 is the subnet's broadcast address: guests and gateway have others", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/31, gateway: 10.6.0.0"), "", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', gateway: 'fd00:6::ffff:ffff:ffff:ffff'"), "", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: '10.6.0.1,10.6.0.2'"), "spec.gateway: has two addresses of IPv4: one of each version is possible", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gateway: router"), "spec.gateway: \"router\" is not an IP address such as 10.6.0.9 or fd00::9", "" },
	{ UNDERLAY("gateway: 10.6.0.1, excludeIps: [10.6.0.1], enableDHCP: true, enableIPv6RA: true"),
	  "spec.gateway: must be empty without cidrBlock: guests get their addresses from somebody else\n"
	  "spec.excludeIps: must be empty without cidrBlock: guests get their addresses from somebody else\n"
	  "spec.enableDHCP: needs cidrBlock: there are no addresses to give\n"
	  "spec.enableIPv6RA: needs cidrBlock with a subnet of IPv6: there is nothing to advertise", "" },

	/* excludeIps */
	{ UNDERLAY("cidrBlock: '10.6.0.0/24,fd00:6::/64', excludeIps: [10.6.0.1, 10.6.0.4..10.6.0.9, 'fd00:6::1..FD00:6::9', 10.5.0.0..10.6.0.3]"), "", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, excludeIps: [10.6.0.0/28, 10.6.0.9..10.6.0.1, x]"),
	  "spec.excludeIps[0]: \"10.6.0.0/28\" is a subnet: write an address, or a range such as 10.6.0.1..10.6.0.9\n"
	  "spec.excludeIps[1]: \"10.6.0.9..10.6.0.1\" ends before it begins: write the lower address first\n"
	  "spec.excludeIps[2]: \"x\" is not an IP address such as 10.6.0.9 or fd00::9", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, excludeIps: [10.7.0.1, 'fd00::1']"), "",
	  "spec.excludeIps[0]: 10.7.0.1 is not in cidrBlock: it excludes nothing\nspec.excludeIps[1]: fd00::1 is not in cidrBlock: it excludes nothing" },

	/* what guests are told */
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', mtu: 1279"), "spec.mtu: must be at least 1280 for IPv6", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, mtu: 1279"), "", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, enableIPv6RA: true"), "spec.enableIPv6RA: needs a subnet of IPv6 in cidrBlock", "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, enableDHCP: true, dhcpV4Options: 'lease_time=3600,router=10.6.0.1,server_id=169.254.0.254,server_mac=00:00:00:2E:2F:B8'"), "",
	  "spec.dhcpV4Options: server_id is ignored: the DHCP server says it by itself\nspec.dhcpV4Options: server_mac is ignored: the DHCP server says it by itself" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, enableDHCP: true, dhcpV4Options: 'dns_sever=10.6.0.2'"), "spec.dhcpV4Options: dns_sever is not known; did you mean dns_server?", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', enableDHCP: true, dhcpV6Options: 'dns_server=10.6.0.2'"), "spec.dhcpV6Options: dns_server must be an address of IPv6, and is 10.6.0.2", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', dhcpV6Options: 'fqdn=a.example.org'"), "",
	  "spec.dhcpV6Options: fqdn is ignored: guests are told their own names\nspec.dhcpV6Options: is told to nobody without enableDHCP" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', enableDHCP: true, enableIPv6RA: true, dhcpV6Options: 'dns_server=fd00:6::2', ipv6RAConfigs: 'rdnss=fd00:6::3'"),
	  "spec.ipv6RAConfigs: rdnss is fd00:6::3, and dns_server of dhcpV6Options fd00:6::2: both are told the same, write one of them", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/80', enableIPv6RA: true, ipv6RAConfigs: 'address_mode=slaac'"),
	  "spec.ipv6RAConfigs: address_mode=slaac needs a subnet of IPv6 that is a /64, and cidrBlock has a /80", "" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', enableIPv6RA: true, ipv6RAConfigs: 'address_mode=slaac,send_periodic=false,min_interval=5,router_preference=HIGH'"), "",
	  "spec.ipv6RAConfigs: min_interval is ignored: the server waits at least three quarters of max_interval\n"
	  "spec.ipv6RAConfigs: router_preference is ignored: the router of the network outside advertises itself\n"
	  "spec.ipv6RAConfigs: send_periodic=false: advertisements come every half an hour, besides those that guests ask for\n"
	  "spec.ipv6RAConfigs: address_mode=slaac: guests make IPv6 addresses of their own, which are not those of their IPs; port_security stops them" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', enableIPv6RA: true"), "",
	  "spec.enableIPv6RA: is ignored without enableDHCP, unless address_mode of ipv6RAConfigs is slaac: guests would wait for DHCPv6" },
	{ UNDERLAY("cidrBlock: 'fd00:6::/64', enableIPv6RA: true, ipv6RAConfigs: 'address_mode=magic'"),
	  "spec.ipv6RAConfigs: address_mode must be dhcpv6_stateful, dhcpv6_stateless or slaac, and is \"magic\"", "" },

	/* what only an overlay has */
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, natOutgoing: true, private: true, default: true, gatewayNode: a, vpc: mine, enableLb: true"), "",
	  "spec.default: is ignored: a network of an instance names its Subnet, the default network is libvirt's\n"
	  "spec.private: is ignored: guests are not kept apart by it: write a SecurityGroup\n"
	  "spec.natOutgoing: is ignored: there is no router here, but that of the network outside\n"
	  "spec.gatewayNode: is ignored: there is no router here, but that of the network outside\n"
	  "spec.vpc: is ignored: there is no overlay here, guests are on VLANs of the hosts' networks\n"
	  "spec.enableLb: is ignored: there are no load balancers" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, gatewayType: distributed"), "", "spec.gatewayType: is ignored: The network outside has the router." },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24, acls: [{action: drop, direction: to-lport, match: ip, priority: 1}]"),
	  "spec.acls: is not supported: Matches of OVN's language are not understood here: write a SecurityGroup.", "" },
	{ UNDERLAY("cidrBlok: 10.6.0.0/24"), "spec.cidrBlok: no such field; did you mean \"cidrBlock\"?", "" },

	/* IP */
	{ IP("web.default", "podName: web, namespace: default, podType: VirtualMachine, v4IpAddress: 10.6.0.9, macAddress: '52:54:00:00:00:01'"), "", "" },
	{ IP("web.default.office.default.ovn", "podName: web, namespace: default, v6IpAddress: 'fd00:6::9', v4IpAddress: ''"), "", "" },
	{ IP("kept", "v4IpAddress: 10.6.0.9"), "", "" },
	{ IP("web.defaults", "podName: web, namespace: default, v4IpAddress: 10.6.0.9"),
	  "metadata.name: must be web.default for the first network of that machine, web.default.NAD.NAMESPACE.ovn for another", "" },
	{ IP("web.default", "podName: web, v4IpAddress: 10.6.0.9"), "spec.namespace: is required beside podName: both name the machine", "" },
	{ IP("web.default", "namespace: default, v4IpAddress: 10.6.0.9"), "spec.podName: is required beside namespace: both name the machine", "" },
	{ IP("web.default", "podName: web, namespace: default"), "spec.v4IpAddress: is required, or v6IpAddress or macAddress: what is kept", "" },
	{ IP("kept", "v4IpAddress: 'fd00::1'"), "spec.v4IpAddress: \"fd00::1\" is not an address of IPv4", "" },
	{ IP("kept", "v6IpAddress: 10.6.0.9"), "spec.v6IpAddress: \"10.6.0.9\" is not an address of IPv6", "" },
	{ IP("kept", "macAddress: 'x'"), "spec.macAddress: \"x\" is not a MAC address such as 52:54:00:12:34:56", "" },
	{ IP("kept", "v4IpAddress: 10.6.0.9, podType: Deployment"), "spec.podType: \"Deployment\" is not one of VirtualMachine, StatefulSet", "" },
	{ IP("kept", "v4IpAddress: 10.6.0.9, podType: StatefulSet, ipAddress: 10.6.0.9"), "",
	  "spec.ipAddress: is ignored: Write v4IpAddress and v6IpAddress.\n"
	  "spec.podType: names what does not exist here: addresses are kept for a VirtualMachine" },

	/* Vip */
	{ VIP(""), "", "" },
	{ VIP(", v4ip: 10.6.0.20, namespace: default, selector: ['app: web', 'tier:front'], macAddress: ''"), "", "spec.selector: is ignored: machines that name it in an annotation aaps may use it" },
	{ VIP(", v4ip: 10.6.0"), "spec.v4ip: \"10.6.0\" is not an IP address such as 10.6.0.9 or fd00::9", "" },
	{ VIP(", namespace: a, selector: [app]"), "spec.selector: \"app\" is no label: write \"key: value\"", "spec.selector: is ignored: machines that name it in an annotation aaps may use it" },
	{ VIP(", type: switch_lb_vip"), "", "spec.type: is ignored: there are no load balancers; machines that name it in an annotation aaps may use it" },

	/* IPPool */
	{ POOL("ips: [10.6.0.10, 10.6.0.11..10.6.0.19, 10.6.0.32/28, 'fd00:6::/120'], namespaces: [a]"), "", "" },
	{ POOL("namespaces: [a]"), "spec.ips: is required: addresses, ranges such as 10.6.0.10..10.6.0.19, or subnets", "" },
	{ POOL("ips: [10.6.0.10..10.6.0.19, 10.6.0.19..10.6.0.29]"), "spec.ips[1]: 10.6.0.19..10.6.0.29 has addresses that are in the list before: write each once", "" },
	{ POOL("ips: [a..b]"), "spec.ips[0]: \"a\" is not an IP address such as 10.6.0.9 or fd00::9", "" },
	{ KUBE_OVN("IPPool", "10.6.0.1", "subnet: s, ips: [10.6.0.1]"), "metadata.name: must not look like an address: an annotation ip_pool could mean either", "" },

	/* SecurityGroup */
	{ GROUP(""), "", "" },
	{ RULE(FROM_ALL), "", "" },
	{ RULE(FROM_ALL ", protocol: tcp, portRangeMin: 80, portRangeMax: 443, localAddress: 10.6.0.9, sourcePortRangeMin: 1024, sourcePortRangeMax: 65535"), "", "" },
	{ RULE("remoteType: securityGroup, remoteSecurityGroup: web, protocol: icmp"), "", "" },
	{ RULE("remoteType: securityGroup"), "spec." NEAR "remoteSecurityGroup: is required with remoteType securityGroup: the group on the other side", "" },
	{ RULE("remoteType: address"), "spec." NEAR "remoteAddress: is required with remoteType address: an address or a subnet; 0.0.0.0/0 is everybody", "" },
	{ RULE(FROM_ALL ", remoteSecurityGroup: web"), "", "spec." NEAR "remoteSecurityGroup: is ignored with remoteType address" },
	{ RULE("remoteType: address, remoteAddress: 'fd00::/8'"), "spec." NEAR "remoteAddress: fd00::/8 is not of ipVersion ipv4", "" },
	{ RULE("remoteType: address, remoteAddress: 10.6.0.1..10.6.0.9"), "spec." NEAR "remoteAddress: \"10.6.0.1..10.6.0.9\" is a range: write an address, or a subnet such as 10.6.0.0/24", "" },
	{ RULE(FROM_ALL ", protocol: udp"), "spec." NEAR "portRangeMin: is required with tcp and udp: 1 and 65535 are all ports", "" },
	{ RULE(FROM_ALL ", protocol: udp, portRangeMin: 9, portRangeMax: 8"), "spec." NEAR "portRangeMax: is less than portRangeMin (9)", "" },
	{ RULE(FROM_ALL ", protocol: icmp, portRangeMin: 9"), "spec." NEAR "portRangeMin: is for the protocols tcp and udp: remove both ends, or write one of them as protocol", "" },
	{ RULE(FROM_ALL ", protocol: tcp, portRangeMin: 1, portRangeMax: 9, sourcePortRangeMin: 1, sourcePortRangeMax: 9"),
	  "spec." NEAR "sourcePortRangeMin: needs localAddress: add it, 0.0.0.0/0 for all", "" },
	{ RULE(FROM_ALL ", protocol: sctp"), "spec." NEAR "protocol: \"sctp\" is not one of all, icmp, tcp, udp", "" },
	{ GROUP("tier: 1, egressRules: [{ipVersion: ipv4, priority: 1, policy: pass, " FROM_ALL "}]"), "spec.egressRules[0].policy: cannot be pass in tier 1: there is no tier behind it", "" },
	{ GROUP("tier: 2"), "spec.tier: 2 is out of range: it must be from 0 to 1", "" },
	{ GROUP("egressRules: [{ipVersion: ipv4, priority: 16385, policy: alow, " FROM_ALL "}]"),
	  "spec.egressRules[0].priority: 16385 is out of range: it must be from 1 to 16384\nspec.egressRules[0].policy: \"alow\" is not one of allow, pass, drop, deny; did you mean allow?", "" },
};

START_TEST(checks_kinds)
{
	const struct kind *kind = NULL;
	void *object = decode(cases[_i].text, &kind);
	g_autofree char *errors = told(SEVERITY_ERROR), *warnings = told(SEVERITY_WARNING);

	ck_assert_msg(strcmp(errors, cases[_i].errors) == 0, "%s\nwanted \"%s\"\ngot    \"%s\"", cases[_i].text, cases[_i].errors, errors);
	ck_assert_msg(strcmp(warnings, cases[_i].warnings) == 0, "%s\nwanted \"%s\"\ngot    \"%s\"", cases[_i].text, cases[_i].warnings, warnings);
	ck_assert_int_eq(object != NULL, *cases[_i].errors == '\0');
	if (object != NULL)
		schema_free(kind->schema, object);
}
END_TEST

/* A change of a Subnet, and why not. */
static const struct {
	const char *old, *new, *told;
} changes[] = {
	{ UNDERLAY("cidrBlock: 10.6.0.0/24"), UNDERLAY("cidrBlock: 10.6.0.0/23"), "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24"), UNDERLAY("cidrBlock: '10.6.0.0/24,fd00:6::/64'"), "" },
	{ UNDERLAY("cidrBlock: 10.6.0.0/24"), UNDERLAY("mtu: 0"), "spec.cidrBlock: cannot be removed later: make another Subnet" },
	{ UNDERLAY("cidrBlock: ''"), UNDERLAY("cidrBlock: 10.6.0.0/24"), "spec.cidrBlock: cannot be added later: make another Subnet" },
	{ UNDERLAY("cidrBlock: ''"), UNDERLAY("mtu: 1400"), "" },
};

START_TEST(checks_changes)
{
	const struct kind *kind = NULL;
	void *old = decode(changes[_i].old, &kind), *new = decode(changes[_i].new, &kind);
	g_autofree char *found = NULL;

	kind->check_change(old, new, documents->pdata[1], &diagnostics);
	found = told(SEVERITY_ERROR);
	ck_assert_str_eq(found, changes[_i].told);
	schema_free(kind->schema, old);
	schema_free(kind->schema, new);
}
END_TEST

/* Fields that stay as they were made. */
static const struct {
	const char *old, *new, *field;
} fixed[] = {
	{ VLAN("id: 1, provider: a"), VLAN("id: 2, provider: a"), "spec.id" },
	{ VLAN("id: 1, provider: a"), VLAN("id: 1, provider: b"), "spec.provider" },
	{ VIP(", v4ip: 10.6.0.20"), VIP(", v4ip: 10.6.0.21"), "spec.v4ip" },
	{ POOL("ips: [10.6.0.1]"), KUBE_OVN("IPPool", "p", "subnet: other, ips: [10.6.0.1]"), "spec.subnet" },
};

START_TEST(some_fields_are_fixed)
{
	const struct kind *kind = NULL;
	void *old = decode(fixed[_i].old, &kind), *new = decode(fixed[_i].new, &kind);
	const struct document *was = documents->pdata[0], *is = documents->pdata[1];

	schema_check_fixed(kind->schema, was->root, was->root, was, "", &diagnostics);
	ck_assert_uint_eq(diagnostics.errors, 0);
	schema_check_fixed(kind->schema, was->root, is->root, is, "", &diagnostics);
	ck_assert_uint_eq(diagnostics.errors, 1);
	ck_assert_str_eq(((const struct diagnostic *)diagnostics.items->pdata[0])->field, fixed[_i].field);
	schema_free(kind->schema, old);
	schema_free(kind->schema, new);
}
END_TEST

START_TEST(tells_protocols)
{
	static const struct {
		const char *block;
		enum subnet_protocol protocol;
	} protocols[] = { { NULL, SUBNET_MAC }, { "", SUBNET_MAC }, { "10.6.0.0/24", SUBNET_IPV4 }, { "fd00::/64", SUBNET_IPV6 },
		{ "10.6.0.0/24,fd00::/64", SUBNET_DUAL }, { "fd00::/64, 10.6.0.0/24", SUBNET_DUAL } };

	for (size_t i = 0; i < G_N_ELEMENTS(protocols); i++) {
		g_autofree char *block = g_strdup(protocols[i].block);
		struct subnet_spec spec = { .cidr_block = block };
		ck_assert_int_eq(subnet_protocol(&spec), protocols[i].protocol);
	}
}
END_TEST

/* --- which card a node has ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *spec, *node, *label, *interface;
} nodes[] = {
	{ "defaultInterface: eth1", "a", NULL, "eth1" },
	{ "defaultInterface: eth1, excludeNodes: [a, b]", "a", NULL, NULL },
	{ "defaultInterface: eth1, excludeNodes: [a, b]", "c", NULL, "eth1" },
	{ "defaultInterface: eth1, customInterfaces: [{interface: eth2, nodes: [a]}, {interface: eth3, nodes: [b, c]}]", "c", NULL, "eth3" },
	{ "defaultInterface: eth1, customInterfaces: [{interface: eth2, nodes: [a]}]", "b", NULL, "eth1" },
	{ "defaultInterface: eth1, customInterfaces: [{interface: eth2, nodes: [a]}], excludeNodes: [a]", "a", NULL, NULL },
	{ "defaultInterface: eth1, nodeSelector: {matchLabels: {wire: office}}", "a", "office", "eth1" },
	{ "defaultInterface: eth1, nodeSelector: {matchLabels: {wire: office}}", "a", "lab", NULL },
	{ "defaultInterface: eth1, nodeSelector: {matchLabels: {wire: office}}", "a", NULL, NULL },
	{ "defaultInterface: eth1, nodeSelector: {matchLabels: {wire: office}}, excludeNodes: [a]", "a", "office", "eth1" }, /* the selector wins */
	{ "defaultInterface: eth1, nodeSelector: {}", "a", NULL, "eth1" },
};

START_TEST(finds_the_card_of_a_node)
{
	const struct kind *kind = NULL;
	g_autofree char *text = g_strdup_printf("{apiVersion: kubeovn.io/v1, kind: ProviderNetwork, metadata: {name: wire}, spec: {%s}}", nodes[_i].spec);
	struct provider_network *network = decode(text, &kind);
	struct schema_map labels = { 0 };

	ck_assert_ptr_nonnull(network);
	schema_map_set(&labels, "wire", nodes[_i].label);
	ck_assert_pstr_eq(provider_network_interface(network->spec, nodes[_i].node, &labels), nodes[_i].interface);
	schema_map_set(&labels, "wire", NULL);
	g_free(labels.entries);
	schema_free(kind->schema, network);
}
END_TEST

/* --- names and selectors -------------------------------------------------------------------------------------------------- */

START_TEST(names_addresses)
{
	static const char *const providers[][2] = { { NULL, "web.default" }, { "", "web.default" }, { "ovn", "web.default" },
		{ "office.net.ovn", "web.default.office.net.ovn" }, { "office.net", "web.default.office.net" } };

	for (size_t i = 0; i < G_N_ELEMENTS(providers); i++) {
		g_autofree char *name = ip_address_name("web", "default", providers[i][0]);
		ck_assert_str_eq(name, providers[i][1]);
	}
}
END_TEST

START_TEST(splits_selectors)
{
	static const char *const right[][3] = { { "app: web", "app", "web" }, { "app:web", "app", "web" }, { " a/b :  c ", "a/b", "c" }, { "app:", "app", "" } };
	static const char *const wrong[] = { "", "app", ": web", "app: a b", "a b: c", "app: x:y" };

	for (size_t i = 0; i < G_N_ELEMENTS(right); i++) {
		g_autofree char *key = NULL, *value = NULL;
		ck_assert_int_eq(vip_selector_parse(right[i][0], &key, &value, NULL), 0);
		ck_assert_str_eq(key, right[i][1]);
		ck_assert_str_eq(value, right[i][2]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		char *key = NULL, *value = NULL;
		ck_assert_int_eq(vip_selector_parse(wrong[i], &key, &value, NULL), -1);
		ck_assert_ptr_null(key);
		ck_assert_ptr_null(value);
	}
}
END_TEST

/* --- DHCP options ----------------------------------------------------------------------------------------------------------- */

/* Options and what they are read as: NUMBER:NAME=VALUE, one after the other, then what is ignored behind "|". */
static const struct {
	int version;
	const char *text, *read;
} options[] = {
	{ 4, NULL, "" },
	{ 4, "", "" },
	{ 4, " , ,", "" },
	{ 4, "lease_time=3600", "0:lease_time=3600 " },
	{ 4, "lease_time = 3600 , mtu=1400", "0:lease_time=3600 26:mtu=1400 " },
	{ 4, "router=10.6.0.1,dns_server={10.6.0.2, 10.6.0.3},domain_name=example.org", "3:router=10.6.0.1 6:dns_server=10.6.0.2,10.6.0.3 15:domain_name=example.org " },
	{ 4, "dns_server={10.6.0.2}", "6:dns_server=10.6.0.2 " },
	{ 4, "classless_static_route={30.0.0.0/24,10.6.0.5, 0.0.0.0/0,10.6.0.1}", "121:classless_static_route=30.0.0.0/24,10.6.0.5,0.0.0.0/0,10.6.0.1 " },
	{ 4, "server_id=10.6.0.1,server_mac=00:00:00:2E:2F:B8", "|server_id|server_mac" },
	{ 4, "tftp_server_address={10.6.0.4,10.6.0.5},bootfile_name=https://10.6.0.4/boot.ipxe", "150:tftp_server_address=10.6.0.4,10.6.0.5 67:bootfile_name=https://10.6.0.4/boot.ipxe " },
	{ 6, "dns_server={fd00:6::2,fd00:6::3},domain_search=example.org,server_id=00:00:00:00:00:01", "23:dns_server=fd00:6::2,fd00:6::3 24:domain_search=example.org |server_id" },
};

START_TEST(reads_options)
{
	struct error err = { 0 };
	g_autoptr(GPtrArray) ignored = g_ptr_array_new();
	g_autoptr(GArray) read = dhcp_options_parse(options[_i].version, options[_i].text, ignored, &err);
	g_autoptr(GString) all = g_string_new(NULL);

	ck_assert_msg(read != NULL, "%s", err.text);
	for (guint i = 0; i < read->len; i++) {
		const struct dhcp_option *o = &g_array_index(read, struct dhcp_option, i);
		g_string_append_printf(all, "%d:%s=%s ", o->number, o->name, o->value);
		ck_assert_str_eq(dhcp_options_find(read, o->name), o->value);
	}
	for (guint i = 0; i < ignored->len; i++)
		g_string_append_printf(all, "|%s", (const char *)ignored->pdata[i]);
	ck_assert_str_eq(all->str, options[_i].read);
	ck_assert_ptr_null(dhcp_options_find(read, "log_server"));
}
END_TEST

static const struct {
	int version;
	const char *text, *told;
} wrong_options[] = {
	{ 4, "lease_time", "\"lease_time\" is no setting: write name=value, or name={a,b} for a list, with commas between them" },
	{ 4, "=3600", "\"=3600\" is no setting: write name=value, or name={a,b} for a list, with commas between them" },
	{ 4, "router,mtu=1400", "\"router,mtu=1400\" is no setting: write name=value, or name={a,b} for a list, with commas between them" },
	{ 4, "dns_server={10.6.0.2,10.6.0.3", "\"dns_server={10.6.0.2,10.6.0.3\" has no } behind its list, or something else behind that" },
	{ 4, "dns_server={10.6.0.2}10.6.0.3", "\"dns_server={10.6.0.2}10.6.0.3\" has no } behind its list, or something else behind that" },
	{ 4, "lease_time=60", "lease_time must be a number from 120 to 4294967295, and is \"60\"" },
	{ 4, "lease_time={3600}", "lease_time is one value: write it without { and }" },
	{ 4, "mtu=", "mtu has no value" },
	{ 4, "mtu=1400,mtu=1500", "mtu is there twice: write a list, {a,b}" },
	{ 4, "dns_server=fd00::1", "dns_server must be an address of IPv4, and is fd00::1" },
	{ 4, "dns_server={10.6.0.2,}", "dns_server \"\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ 4, "hostname=a b", "hostname has a character that cannot be in it: letters, digits and the likes of . - _ / : = can" },
	{ 4, "hostname=a\nb", "hostname has a character that cannot be in it: letters, digits and the likes of . - _ / : = can" },
	{ 4, "domain_search_list={a,\"b\"}", "domain_search_list has a character that cannot be in it: letters, digits and the likes of . - _ / : = can" },
	{ 4, "classless_static_route={fd00::/64,10.6.0.1}", "classless_static_route must be a subnet of IPv4, and is fd00::/64" },
	{ 4, "colour=red", "colour is not one of lease_time, router, netmask, dns_server, log_server, hostname, domain_name, default_ttl, mtu, broadcast_address, "
	  "nis_server, ntp_server, T1, T2, tftp_server, bootfile_name, domain_search_list, classless_static_route, tftp_server_address, path_prefix, wpad, "
	  "next_server, server_id, server_mac, offerip" },
	{ 6, "router=fd00::1", "router is not one of lease_time, dns_server, domain_search, ntp_server, fqdn, bootfile_name, server_id, ia_addr, dhcpv6_stateless" },
};

START_TEST(refuses_other_options)
{
	struct error err = { 0 };

	ck_assert_ptr_null(dhcp_options_parse(wrong_options[_i].version, wrong_options[_i].text, NULL, &err));
	ck_assert_str_eq(err.text, wrong_options[_i].told);
}
END_TEST

/* What a card says itself comes into the Subnet's place. */
START_TEST(puts_options_of_a_card)
{
	char *servers[] = { (char *)"10.6.0.7", (char *)"10.6.0.8", NULL }, *wrong[] = { (char *)"fd00::1", NULL };
	struct dhcp_private_option private = { 224, (char *)"blue" };
	struct dhcp_options own = { .boot_file_name = (char *)"a.efi", .ntp_servers = servers, .private_options = { &private, 1 } };
	g_autoptr(GArray) read = dhcp_options_parse(4, "bootfile_name=b,tftp_server=c,ntp_server=10.6.0.9", NULL, NULL);
	struct error err = { 0 };

	ck_assert_int_eq(dhcp_options_put(read, &own, &err), 0);
	ck_assert_uint_eq(read->len, 4);
	ck_assert_str_eq(dhcp_options_find(read, "bootfile_name"), "a.efi");
	ck_assert_str_eq(dhcp_options_find(read, "tftp_server"), "c");
	ck_assert_str_eq(dhcp_options_find(read, "ntp_server"), "10.6.0.7,10.6.0.8");
	ck_assert_int_eq(g_array_index(read, struct dhcp_option, 3).number, 224);
	ck_assert_str_eq(g_array_index(read, struct dhcp_option, 3).value, "62:6c:75:65");
	own.boot_file_name = (char *)"a, \"b\\";
	ck_assert_int_eq(dhcp_options_put(read, &own, &err), 0);
	ck_assert_str_eq(dhcp_options_find(read, "bootfile_name"), "\"a, \\\"b\\\\\"");
	own.boot_file_name = (char *)"a\nb";
	ck_assert_int_eq(dhcp_options_put(read, &own, &err), -1);
	own.boot_file_name = NULL;
	own.ntp_servers = wrong;
	ck_assert_int_eq(dhcp_options_put(read, &own, &err), -1);
	ck_assert_str_eq(err.text, "ntpServers: must be an address of IPv4, and is fd00::1");
}
END_TEST

static const struct {
	const char *bytes, *value;
} privates[] = {
	{ "", "" },
	{ "7", "55b" },
	{ "a b", "61:20:62" },
	{ "\",#\xff\n", "22:2c:23:ff:0a" },
};

/* Bytes that a server's configuration could take for something else. */
START_TEST(puts_private_options)
{
	struct dhcp_private_option private = { 254, (char *)(uintptr_t)privates[_i].bytes };
	struct dhcp_options own = { .private_options = { &private, 1 } };
	g_autoptr(GArray) read = dhcp_options_parse(4, "", NULL, NULL);
	struct error err = { 0 };

	ck_assert_int_eq(dhcp_options_put(read, &own, &err), 0);
	ck_assert_str_eq(g_array_index(read, struct dhcp_option, 0).value, privates[_i].value);
}
END_TEST

START_TEST(limits_private_options)
{
	g_autofree char *most = g_strnfill(255, 'a'), *more = g_strnfill(256, 'a');
	struct dhcp_private_option private = { 224, most };
	struct dhcp_options own = { .private_options = { &private, 1 } };
	g_autoptr(GArray) read = dhcp_options_parse(4, "", NULL, NULL);
	struct error err = { 0 };

	ck_assert_int_eq(dhcp_options_put(read, &own, &err), 0);
	ck_assert_uint_eq(strlen(g_array_index(read, struct dhcp_option, 0).value), 255 * 3 - 1);
	private.value = more;
	ck_assert_int_eq(dhcp_options_put(read, &own, &err), -1);
	ck_assert_str_eq(err.text, "the private option 224 has a value of 256 bytes: the most that DHCP can carry is 255");
}
END_TEST

START_TEST(limits_options)
{
	g_autoptr(GString) text = g_string_new("domain_name=");
	struct error err = { 0 };

	while (text->len <= 4096)
		g_string_append_c(text, 'a');
	ck_assert_ptr_null(dhcp_options_parse(4, text->str, NULL, &err));
	ck_assert_str_eq(err.text, "has more than 4096 characters");
	g_string_truncate(text, strlen("domain_name=") + 256);
	ck_assert_ptr_null(dhcp_options_parse(4, text->str, NULL, &err));
	ck_assert_str_eq(err.text, "domain_name must have from 1 to 255 characters");
}
END_TEST

START_TEST(reads_advertisements)
{
	g_autoptr(GPtrArray) ignored = g_ptr_array_new();
	struct ra_configs c;

	ck_assert_int_eq(ra_configs_parse(NULL, &c, ignored, NULL), 0);
	ck_assert(c.address_mode == RA_DHCPV6_STATEFUL && c.max_interval == 30 && c.min_interval == 5 && c.send_periodic && c.mtu == 0);
	ck_assert_int_eq(ra_configs_parse("address_mode=slaac,max_interval=600,min_interval=200,send_periodic=false,mtu=1400,rdnss={fd00::1, fd00::2},dnssl=example.org", &c, ignored, NULL), 0);
	ck_assert_str_eq(c.dns_servers, "fd00::1,fd00::2");
	ck_assert_str_eq(c.domains, "example.org");
	ck_assert(c.address_mode == RA_SLAAC && c.max_interval == 600 && c.min_interval == 200 && !c.send_periodic && c.mtu == 1400);
	ck_assert_uint_eq(ignored->len, 1);
	ck_assert_str_eq(ignored->pdata[0], "min_interval");
	ck_assert_str_eq(ra_config_why("min_interval"), "the server waits at least three quarters of max_interval");
	ra_configs_clear(&c);
}
END_TEST

static const char *const wrong_advertisements[][2] = {
	{ "max_interval=3", "max_interval must be a number from 4 to 1800, and is \"3\"" },
	{ "min_interval=2", "min_interval must be a number from 3 to 1350, and is \"2\"" },
	{ "min_interval=23", "min_interval (23) must be at most three quarters of max_interval (30)" },
	{ "rdnss={fd00::1,10.6.0.1}", "rdnss must be an address of IPv6, and is 10.6.0.1" },
	{ "mtu=1279", "mtu must be a number from 1280 to 65535, and is \"1279\"" },
	{ "send_periodic=yes", "send_periodic must be true or false, and is \"yes\"" },
	{ "adress_mode=slaac", "adress_mode is not known; did you mean address_mode?" },
};

START_TEST(refuses_other_advertisements)
{
	struct ra_configs c = { .mtu = 7 };
	struct error err = { 0 };

	ck_assert_int_eq(ra_configs_parse(wrong_advertisements[_i][0], &c, NULL, &err), -1);
	ck_assert_str_eq(err.text, wrong_advertisements[_i][1]);
	ck_assert_uint_eq(c.mtu, 7); /* written on success only */
}
END_TEST

/* --- columns ------------------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *text, *cells;
} shown[] = {
	{ PROVIDER("defaultInterface: eth1"), "DefaultInterface=eth1 Ready=false " },
	{ VLAN("id: 7, provider: office"), "ID=7 Provider=office Conflict=false " },
	{ UNDERLAY("cidrBlock: '10.6.0.0/24,fd00::/64', provider: n.default.ovn, excludeIps: [10.6.0.1, 10.6.0.2]"),
	  "Provider=n.default.ovn Vlan=v Protocol=Dual CIDR=10.6.0.0/24,fd00::/64 V4Used=0 V4Available=0 V6Used=0 V6Available=0 ExcludeIPs=10.6.0.1,10.6.0.2 Gateway= DHCP=false " },
	{ IP("kept", "v4IpAddress: 10.6.0.9, nodeName: a"), "V4IP=10.6.0.9 V6IP= Mac= Node=a Subnet=s " },
	{ VIP(", namespace: a"), "Namespace=a V4IP= V6IP= Mac= Subnet=s Type= " },
	{ POOL("ips: [10.6.0.1..10.6.0.9, 10.6.0.20]"), "Subnet=s IPs=10.6.0.1..10.6.0.9,10.6.0.20 V4Used=0 V4Available=0 V6Used=0 V6Available=0 " },
};

START_TEST(shows_columns)
{
	const struct kind *kind = NULL;
	void *object = decode(shown[_i].text, &kind);
	g_autoptr(GString) all = g_string_new(NULL);

	ck_assert_ptr_nonnull(object);
	for (const struct column *c = kind->columns; c->name != NULL; c++) {
		g_string_append_printf(all, "%s=", c->name);
		c->cell(object, 0, all);
		g_string_append_c(all, ' ');
	}
	ck_assert_str_eq(all->str, shown[_i].cells);
	schema_free(kind->schema, object);
}
END_TEST

/* What users type, and the kind that it is. */
static const char *const words[][2] = { { "pn", "ProviderNetwork" }, { "provider-networks.kubeovn.io", "ProviderNetwork" }, { "vlan", "Vlan" },
	{ "subnets", "Subnet" }, { "IP", "IP" }, { "ips.kubeovn.io", "IP" }, { "vip", "Vip" }, { "ippools", "IPPool" }, { "sg", "SecurityGroup" } };

START_TEST(words_find_kinds)
{
	const struct kind *kind = kind_of_word(words[_i][0]);

	ck_assert_ptr_nonnull(kind);
	ck_assert_str_eq(kind->name, words[_i][1]);
	ck_assert_str_eq(kind_api_version(kind), "kubeovn.io/v1");
	ck_assert(!kind->namespaced);
	ck_assert_ptr_eq(kind_of_path("kubeovn.io", "v1", kind->plural), kind);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("network kinds");
	TCase *tc = tcase_create("network kinds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, checks_kinds, 0, G_N_ELEMENTS(cases));
	tcase_add_loop_test(tc, checks_changes, 0, G_N_ELEMENTS(changes));
	tcase_add_loop_test(tc, some_fields_are_fixed, 0, G_N_ELEMENTS(fixed));
	tcase_add_test(tc, tells_protocols);
	tcase_add_loop_test(tc, finds_the_card_of_a_node, 0, G_N_ELEMENTS(nodes));
	tcase_add_test(tc, names_addresses);
	tcase_add_test(tc, splits_selectors);
	tcase_add_loop_test(tc, reads_options, 0, G_N_ELEMENTS(options));
	tcase_add_loop_test(tc, refuses_other_options, 0, G_N_ELEMENTS(wrong_options));
	tcase_add_test(tc, puts_options_of_a_card);
	tcase_add_loop_test(tc, puts_private_options, 0, G_N_ELEMENTS(privates));
	tcase_add_test(tc, limits_private_options);
	tcase_add_test(tc, limits_options);
	tcase_add_test(tc, reads_advertisements);
	tcase_add_loop_test(tc, refuses_other_advertisements, 0, G_N_ELEMENTS(wrong_advertisements));
	tcase_add_loop_test(tc, shows_columns, 0, G_N_ELEMENTS(shown));
	tcase_add_loop_test(tc, words_find_kinds, 0, G_N_ELEMENTS(words));
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
