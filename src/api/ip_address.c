/* IP: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/ip_address.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

const char *const ip_owner_words[] = { "", "VirtualMachine", "StatefulSet", NULL };

char *
ip_address_name(const char *machine, const char *namespace, const char *provider)
{
	bool first = !is_text(provider) || g_strcmp0(provider, "ovn") == 0;

	return first ? g_strconcat(machine, ".", namespace, NULL) : g_strconcat(machine, ".", namespace, ".", provider, NULL);
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

/* The name finds it: one that does not fit would keep nothing. */
static void
check_name(const struct checking *c, const char *name, const struct ip_address_spec *spec)
{
	g_autofree char *right = NULL;

	if (!is_text(spec->pod_name) && !is_text(spec->namespace))
		return;
	if (!is_text(spec->pod_name) || !is_text(spec->namespace)) {
		complain(c, CAUSE_REQUIRED, is_text(spec->pod_name) ? "spec.namespace" : "spec.podName", "is required beside %s: both name the machine",
		    is_text(spec->pod_name) ? "podName" : "namespace");
		return;
	}
	right = ip_address_name(spec->pod_name, spec->namespace, NULL);
	if (name != NULL && (!g_str_has_prefix(name, right) || (name[strlen(right)] != '\0' && name[strlen(right)] != '.')))
		complain(c, CAUSE_INVALID, "metadata.name", "must be %s for the first network of that machine, %s.NAD.NAMESPACE.ovn for another", right, right);
}

/* Something is written, and be it wrong, which is told already. */
static bool
says(const struct checking *c, const char *field)
{
	const json_t *value = written(c, field);

	return value != NULL && (!json_is_string(value) || json_string_length(value) > 0);
}

static void
ip_address_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct ip_address *ip = object;
	const struct checking c = { .document = document, .path = "", .diagnostics = diagnostics };

	(void)path;
	if (document == NULL)
		return; /* what is stored was judged when it came */
	check_name(&c, ip->head.meta->name, ip->spec);
	if (!says(&c, "spec.v4IpAddress") && !says(&c, "spec.v6IpAddress") && !says(&c, "spec.macAddress"))
		complain(&c, CAUSE_REQUIRED, "spec.v4IpAddress", "is required, or v6IpAddress or macAddress: what is kept");
	if (ip->spec->pod_type == IP_OWNER_STATEFUL_SET)
		advise(&c, "spec.podType", "names what does not exist here: addresses are kept for a VirtualMachine");
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static const struct schema_field spec_rows[] = {
	{ STRING("podName", struct ip_address_spec, pod_name), .doc = "Machine that has it." },
	{ STRING("namespace", struct ip_address_spec, namespace), .doc = "Namespace of the machine." },
	{ ENUM("podType", struct ip_address_spec, pod_type, ip_owner_words), .doc = "What has it: VirtualMachine, or nothing." },
	{ STRING("subnet", struct ip_address_spec, subnet), .flags = FIELD_REQUIRED, .check = check_dns_subdomain, .doc = "Subnet that the addresses are of." },
	{ STRING("nodeName", struct ip_address_spec, node_name), .doc = "Node on which the machine is." },
	{ STRING("v4IpAddress", struct ip_address_spec, v4), .check = check_ipv4_or_nothing, .doc = "Its IPv4 address." },
	{ STRING("v6IpAddress", struct ip_address_spec, v6), .check = check_ipv6_or_nothing, .doc = "Its IPv6 address." },
	{ STRING("macAddress", struct ip_address_spec, mac), .check = check_mac_or_nothing, .doc = "MAC address of the interface." },
	{ STRINGS("attachSubnets", struct ip_address_spec, attach_subnets), .warn = "is only shown: each interface has an IP of its own", .doc = "Other Subnets of the machine." },
	{ IGNORED("ipAddress", STRING, "Write v4IpAddress and v6IpAddress.") },
	{ IGNORED("attachIps", STRINGS, "Each interface has an IP of its own.") },
	{ IGNORED("attachMacs", STRINGS, "Each interface has an IP of its own.") },
	{ IGNORED("containerID", STRING, "There are no containers.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct ip_address_spec, "IPSpec", "Who has which address.", spec_rows);
static const struct schema_field ip_address_rows[] = {
	HEAD_ROWS(struct ip_address),
	{ OBJECT("spec", struct ip_address, spec, struct ip_address_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Who has which address." },
	{ 0 },
};
SCHEMA(ip_address_schema, struct ip_address, "IP", "Who has which address of a Subnet; one that is there before its machine keeps the address for it.", ip_address_rows, .check = ip_address_check);
