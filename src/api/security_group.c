/* SecurityGroup: rows and rules. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/rows.h"
#include "src/api/security_group.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/document/diagnostic.h"

static const char *const version_words[] = { "", "ipv4", "ipv6", NULL };
static const char *const protocol_words[] = { "", "all", "icmp", "tcp", "udp", NULL };
static const char *const remote_words[] = { "", "address", "securityGroup", NULL };
const char *const security_policy_words[] = { "", "allow", "pass", "drop", "deny", NULL };

/* --- rules of a rule -------------------------------------------------------------------------------------------------- */

static void
check_address(const struct checking *c, const char *field, const char *text, int version)
{
	struct error err = { 0 };
	struct ip_range range;

	if (strstr(text, "..") != NULL)
		complain(c, CAUSE_INVALID, field, "\"%.60s\" is a range: write an address, or a subnet such as 10.6.0.0/24", text);
	else if (ip_range_parse(text, &range, &err) != 0)
		complain(c, CAUSE_INVALID, field, "%s", err.text);
	else if (version != SECURITY_VERSION_UNSET && (ip_version(&range.first) == 4) != (version == SECURITY_IPV4))
		complain(c, CAUSE_INVALID, field, "%s is not of ipVersion %s", text, version_words[version]);
}

static void
check_remote(const struct checking *c, const struct security_rule *rule)
{
	bool group = rule->remote_type == SECURITY_GROUP;

	if (rule->remote_type == SECURITY_REMOTE_UNSET)
		return; /* told already */
	if (group && !is_text(rule->remote_group))
		complain(c, CAUSE_REQUIRED, "remoteSecurityGroup", "is required with remoteType securityGroup: the group on the other side");
	if (!group && !is_text(rule->remote_address))
		complain(c, CAUSE_REQUIRED, "remoteAddress", "is required with remoteType address: an address or a subnet; %s is everybody",
		    rule->ip_version == SECURITY_IPV6 ? "::/0" : "0.0.0.0/0");
	if (is_text(group ? rule->remote_address : rule->remote_group))
		advise(c, group ? "remoteAddress" : "remoteSecurityGroup", "is ignored with remoteType %s", remote_words[rule->remote_type]);
	if (!group && is_text(rule->remote_address))
		check_address(c, "remoteAddress", rule->remote_address, rule->ip_version);
}

static bool
has_ports(const struct security_rule *rule)
{
	return rule->protocol == SECURITY_TCP || rule->protocol == SECURITY_UDP;
}

static void
check_ports(const struct checking *c, const struct security_rule *rule)
{
	if (!has_ports(rule)) {
		if (rule->port_min > 0 || rule->port_max > 0)
			complain(c, CAUSE_INVALID, "portRangeMin", "is for the protocols tcp and udp: remove both ends, or write one of them as protocol");
		return;
	}
	if (rule->port_min == 0 || rule->port_max == 0)
		complain(c, CAUSE_REQUIRED, rule->port_min == 0 ? "portRangeMin" : "portRangeMax", "is required with tcp and udp: 1 and 65535 are all ports");
	else if (rule->port_min > rule->port_max)
		complain(c, CAUSE_INVALID, "portRangeMax", "is less than portRangeMin (%lld)", (long long)rule->port_min);
}

/* Kube-OVN looks at source ports only when there is a local address, and says nothing when there is none. */
static void
check_source(const struct checking *c, const struct security_rule *rule)
{
	bool given = rule->source_port_min > 0 || rule->source_port_max > 0;

	if (is_text(rule->local_address))
		check_address(c, "localAddress", rule->local_address, rule->ip_version);
	if (!given)
		return;
	if (!is_text(rule->local_address))
		complain(c, CAUSE_INVALID, "sourcePortRangeMin", "needs localAddress: add it, %s for all", rule->ip_version == SECURITY_IPV6 ? "::/0" : "0.0.0.0/0");
	if (!has_ports(rule))
		complain(c, CAUSE_INVALID, "sourcePortRangeMin", "is for the protocols tcp and udp");
	if (rule->source_port_min == 0 || rule->source_port_max == 0)
		complain(c, CAUSE_REQUIRED, rule->source_port_min == 0 ? "sourcePortRangeMin" : "sourcePortRangeMax", "is required beside the other end");
	else if (rule->source_port_min > rule->source_port_max)
		complain(c, CAUSE_INVALID, "sourcePortRangeMax", "is less than sourcePortRangeMin (%lld)", (long long)rule->source_port_min);
}

static void
rule_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct checking c = { .document = document, .path = path, .diagnostics = diagnostics };

	if (document == NULL)
		return; /* what is stored was judged when it came */
	check_remote(&c, object);
	check_ports(&c, object);
	check_source(&c, object);
}

/* --- rules of a group ------------------------------------------------------------------------------------------------- */

static void
check_passes(const struct checking *c, const char *field, const struct schema_list *rules)
{
	size_t i = 0;

	SCHEMA_EACH (struct security_rule, rule, rules) {
		g_autofree char *place = g_strdup_printf("%s[%zu].policy", field, i++);
		if (rule->policy == SECURITY_PASS)
			complain(c, CAUSE_INVALID, place, "cannot be pass in tier 1: there is no tier behind it");
	}
}

static void
spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct security_group_spec *spec = object;
	const struct checking c = { .document = document, .path = path, .diagnostics = diagnostics };

	if (document == NULL || spec->tier == 0)
		return;
	check_passes(&c, "ingressRules", &spec->ingress);
	check_passes(&c, "egressRules", &spec->egress);
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static const struct schema_field rule_rows[] = {
	{ ENUM("ipVersion", struct security_rule, ip_version, version_words), .flags = FIELD_REQUIRED, .min = 1, .doc = "Packets of which version of IP." },
	{ ENUM("protocol", struct security_rule, protocol, protocol_words), .doc = "Packets of which protocol; all when not given." },
	{ INT("priority", struct security_rule, priority), .flags = FIELD_REQUIRED, .min = 1, .max = SECURITY_PRIORITY_MOST, .doc = "Which rule is asked first: 1 is the strongest." },
	{ ENUM("remoteType", struct security_rule, remote_type, remote_words), .flags = FIELD_REQUIRED, .min = 1, .doc = "How the other side is told." },
	{ STRING("remoteAddress", struct security_rule, remote_address), .doc = "Address or subnet of the other side." },
	{ STRING("remoteSecurityGroup", struct security_rule, remote_group), .doc = "SecurityGroup of the other side." },
	{ INT("portRangeMin", struct security_rule, port_min), .min = 0, .max = 65535, .doc = "First port that packets go to, with tcp and udp." },
	{ INT("portRangeMax", struct security_rule, port_max), .min = 0, .max = 65535, .doc = "Last port that packets go to." },
	{ STRING("localAddress", struct security_rule, local_address), .doc = "Address or subnet of this side; any when not given." },
	{ INT("sourcePortRangeMin", struct security_rule, source_port_min), .min = 0, .max = 65535, .doc = "First port that packets come from, with localAddress." },
	{ INT("sourcePortRangeMax", struct security_rule, source_port_max), .min = 0, .max = 65535, .doc = "Last port that packets come from." },
	{ ENUM("policy", struct security_rule, policy, security_policy_words), .flags = FIELD_REQUIRED, .min = 1, .doc = "What happens to them: allow, with what comes back; pass, which leaves it to groups of tier 1; drop, also called deny." },
	{ 0 },
};
static SCHEMA(rule_schema, struct security_rule, "SecurityGroupRule", "Packets, and what happens to them.", rule_rows, .check = rule_check);
static const struct schema_field spec_rows[] = {
	{ LIST("ingressRules", struct security_group_spec, ingress, &rule_schema), .doc = "Packets to a member; what no rule allows is dropped." },
	{ LIST("egressRules", struct security_group_spec, egress, &rule_schema), .doc = "Packets from a member; what no rule allows is dropped." },
	{ BOOL("allowSameGroupTraffic", struct security_group_spec, allow_same_group), .doc = "Members may talk with each other when no rule says otherwise." },
	{ INT("tier", struct security_group_spec, tier), .min = 0, .max = 1, .doc = "Groups of tier 0 are asked before those of tier 1." },
	{ 0 },
};
static SCHEMA(spec_schema, struct security_group_spec, "SecurityGroupSpec", "With whom members may talk.", spec_rows, .check = spec_check);
static const struct schema_field status_rows[] = {
	{ BOOL("allowSameGroupTraffic", struct security_group_status, allow_same_group), .flags = FIELD_ZERO, .doc = "Members may talk with each other." },
	{ BOOL("ingressLastSyncSuccess", struct security_group_status, ingress_synced), .flags = FIELD_ZERO, .doc = "Ingress rules are on all hosts." },
	{ BOOL("egressLastSyncSuccess", struct security_group_status, egress_synced), .flags = FIELD_ZERO, .doc = "Egress rules are on all hosts." },
	{ 0 },
};
SCHEMA(security_group_status_schema, struct security_group_status, "SecurityGroupStatus", "What is known of it.", status_rows);
static const struct schema_field security_group_rows[] = {
	HEAD_ROWS(struct security_group),
	{ OBJECT("spec", struct security_group, spec, struct security_group_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "With whom members may talk." },
	{ OBJECT("status", struct security_group, status, struct security_group_status, &security_group_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(security_group_schema, struct security_group, "SecurityGroup", "With whom its members may talk: an interface is in those that its annotation names.", security_group_rows);
