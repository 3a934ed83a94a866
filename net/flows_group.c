/* Flows of a port's security groups; see flows.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "net/flows_private.h"
#include "src/base/error.h"

/* One direction. */
struct side {
	bool egress;
	int tables[2];    /* by tier */
	const char *base; /* how its packets are told */
	const char *next; /* what happens to those that pass */
	char *allow;      /* the same, and the connection is noted */
};

/*
 * Priorities in a table.  Those of rules tell rule and policy: at one rule's priority drop is stronger than pass, and that stronger than
 * allow, which Kube-OVN leaves open.
 */
enum { INVALID = 65000, KNOWN = 64000, RULES = 10, SAME_GROUP = 5, REST = 1 };

static int
priority_of(const struct security_rule *rule)
{
	static const int ranks[] = { [SECURITY_POLICY_UNSET] = 2, [SECURITY_ALLOW] = 0, [SECURITY_PASS] = 1, [SECURITY_DROP] = 2, [SECURITY_DENY] = 2 };

	return RULES + 3 * (SECURITY_PRIORITY_MOST - (int)rule->priority) + ranks[rule->policy];
}

/* --- what a rule matches ------------------------------------------------------------------------------------------------ */

/* A rule is what all its dimensions say: each is a list of matches of which one must hold; one that says nothing has one, "". */
enum { REMOTE, LOCAL, PORT, SOURCE_PORT, DIMENSIONS };
struct dimensions {
	GPtrArray *items[DIMENSIONS]; /* char * */
};

static void
dimensions_clear(struct dimensions *d)
{
	for (int i = 0; i < DIMENSIONS; i++)
		g_ptr_array_unref(d->items[i]);
}

/* The remote side of what comes is its source, of what goes its destination. */
static bool
is_field_source(const struct side *side, int dimension)
{
	return (dimension == REMOTE) != side->egress;
}

static int
add_net(const struct side *side, const struct security_rule *rule, int dimension, const char *text, GPtrArray *items, struct error *err)
{
	int version = rule->ip_version == SECURITY_IPV6 ? 6 : 4;
	struct flow_net net;

	if (flow_net_parse(text, &net, err) != 0)
		return -1;
	if (net.version != version)
		return 0; /* a member's other address */
	if (net.all)
		g_ptr_array_add(items, g_strdup(""));
	else
		g_ptr_array_add(items, g_strdup_printf(",%s_%s=%s", version == 4 ? "nw" : "ipv6", is_field_source(side, dimension) ? "src" : "dst", net.text));
	return 0;
}

/* A group without members matches nothing: its dimension stays empty. */
static int
add_remote(const struct side *side, const struct flow_port *port, const struct security_rule *rule, GPtrArray *items, struct error *err)
{
	const char *const *members;

	if (rule->remote_type == SECURITY_ADDRESS)
		return add_net(side, rule, REMOTE, rule->remote_address, items, err);
	members = port->members(port->arg, rule->remote_group);
	for (size_t i = 0; members != NULL && members[i] != NULL; i++)
		if (add_net(side, rule, REMOTE, members[i], items, err) != 0)
			return -1;
	return 0;
}

/* Ports as numbers under masks: a range becomes its largest parts whose length is a power of two and that begin at a multiple of it. */
static void
add_ports(const char *field, int64_t first, int64_t last, GPtrArray *items)
{
	if (last == 0 || (first <= 1 && last == 65535)) { /* no port is 0 */
		g_ptr_array_add(items, g_strdup(""));
		return;
	}
	while (first <= last) {
		int64_t size = 1;
		while (first % (size * 2) == 0 && first + size * 2 - 1 <= last)
			size *= 2;
		g_ptr_array_add(items, size == 1 ? g_strdup_printf(",%s=%d", field, (int)first)
		                                 : g_strdup_printf(",%s=0x%x/0x%x", field, (unsigned)first, (unsigned)(0x10000 - size)));
		first += size;
	}
}

static int
dimensions_of(const struct side *side, const struct flow_port *port, const struct security_rule *rule, struct dimensions *d, struct error *err)
{
	bool local = rule->local_address != NULL && *rule->local_address != '\0', ports = rule->protocol == SECURITY_TCP || rule->protocol == SECURITY_UDP;

	for (int i = 0; i < DIMENSIONS; i++)
		d->items[i] = g_ptr_array_new_with_free_func(g_free);
	add_ports("tp_dst", ports ? rule->port_min : 0, ports ? rule->port_max : 0, d->items[PORT]);
	add_ports("tp_src", ports && local ? rule->source_port_min : 0, ports && local ? rule->source_port_max : 0, d->items[SOURCE_PORT]);
	if (!local)
		g_ptr_array_add(d->items[LOCAL], g_strdup(""));
	if (add_remote(side, port, rule, d->items[REMOTE], err) != 0 || (local && add_net(side, rule, LOCAL, rule->local_address, d->items[LOCAL], err) != 0)) {
		dimensions_clear(d);
		return -1;
	}
	return 0;
}

/* --- the flows of a rule -------------------------------------------------------------------------------------------------- */

/* From how many flows on a rule is written as a conjunction: as many flows as its lists have items, not their product. */
enum { PRODUCT_MOST = 16, CONJUNCTIONS_MOST = 9999 };

struct place {
	struct flow_list *list;
	int table, priority;
	const char *match;   /* base and protocol */
	const char *actions;
};

/* Each combination is a flow. */
static void
add_product(const struct place *p, const struct dimensions *d)
{
	size_t product = 1;

	for (int i = 0; i < DIMENSIONS; i++)
		product *= d->items[i]->len;
	for (size_t n = 0; n < product; n++) {
		g_autoptr(GString) match = g_string_new(p->match);
		size_t rest = n;
		for (int i = 0; i < DIMENSIONS; i++) {
			g_string_append(match, d->items[i]->pdata[rest % d->items[i]->len]);
			rest /= d->items[i]->len;
		}
		flow_add(p->list, p->table, p->priority, match->str, p->actions);
	}
}

/* The number is the port's with four digits behind it: no other port of the bridge has it. */
static int
add_conjunction(const struct place *p, const struct dimensions *d, struct error *err)
{
	unsigned number = ++p->list->conjunctions, parts = 0, part = 0;
	g_autofree char *id = g_strdup_printf("{port}%04u", number), *all = g_strdup_printf("conj_id=%s,%s", id, p->match);
	g_autoptr(GString) match = g_string_new(all);

	if (number > CONJUNCTIONS_MOST)
		return error_set(err, E2BIG, "the security groups of a port have more than %d rules with long lists", CONJUNCTIONS_MOST);
	for (int i = 0; i < DIMENSIONS; i++)
		parts += d->items[i]->len > 1;
	for (int i = 0; i < DIMENSIONS; i++) {
		const GPtrArray *items = d->items[i];
		if (items->len == 1) {
			g_string_append(match, items->pdata[0]);
			continue;
		}
		g_autofree char *actions = g_strdup_printf("conjunction(%s,%u/%u)", id, ++part, parts);
		for (guint k = 0; k < items->len; k++)
			flow_addf(p->list, p->table, p->priority, actions, "%s%s", p->match, (const char *)items->pdata[k]);
	}
	flow_add(p->list, p->table, p->priority, match->str, p->actions);
	return 0;
}

static int
add_dimensions(const struct place *p, const struct dimensions *d, struct error *err)
{
	size_t product = 1, lists = 0;

	for (int i = 0; i < DIMENSIONS; i++) {
		product *= d->items[i]->len;
		lists += d->items[i]->len > 1;
	}
	if (lists > 1 && product > PRODUCT_MOST)
		return add_conjunction(p, d, err);
	add_product(p, d);
	return 0;
}

static int
add_rule(struct flow_list *list, const struct side *side, const struct flow_port *port, int tier, const struct security_rule *rule, struct error *err)
{
	static const char *const protocols[][2] = { [SECURITY_PROTOCOL_UNSET] = { "ip", "ipv6" }, [SECURITY_ALL] = { "ip", "ipv6" },
		[SECURITY_ICMP] = { "icmp", "icmp6" }, [SECURITY_TCP] = { "tcp", "tcp6" }, [SECURITY_UDP] = { "udp", "udp6" } };
	g_autofree char *match = g_strdup_printf("%s,%s", side->base, protocols[rule->protocol][rule->ip_version == SECURITY_IPV6]);
	g_autofree char *pass = g_strdup_printf("resubmit(,%d)", side->tables[1]);
	const char *const actions[] = { [SECURITY_POLICY_UNSET] = "drop", [SECURITY_ALLOW] = side->allow, [SECURITY_PASS] = tier == 0 ? pass : "drop",
		[SECURITY_DROP] = "drop", [SECURITY_DENY] = "drop" };
	struct place place = { list, side->tables[tier], priority_of(rule), match, actions[rule->policy] };
	struct dimensions d;
	int r;

	if (dimensions_of(side, port, rule, &d, err) != 0)
		return -1;
	r = add_dimensions(&place, &d, err);
	dimensions_clear(&d);
	return r;
}

/* --- the flows of a direction --------------------------------------------------------------------------------------------- */

/*
 * What belongs to a connection that the other side answers passes; what the side itself sends on is asked again, so that a rule which is
 * gone ends it.
 */
static void
add_frame(struct flow_list *list, const struct side *side)
{
	g_autofree char *next = g_strdup_printf("resubmit(,%d)", side->tables[1]);

	flow_addf(list, side->tables[0], INVALID, "drop", "%s,ct_state=+trk+inv", side->base);
	flow_addf(list, side->tables[0], KNOWN, side->next, "%s,ct_state=+trk+rpl-inv", side->base);
	flow_addf(list, side->tables[0], KNOWN, side->next, "%s,ct_state=+trk+rel-inv", side->base);
	flow_add(list, side->tables[0], REST, side->base, next);
	flow_add(list, side->tables[1], REST, side->base, "drop");
}

static int
add_same_group(struct flow_list *list, const struct side *side, const struct flow_port *port, const struct security_group *group, struct error *err)
{
	const char *const *members = group->spec->allow_same_group ? port->members(port->arg, group->head.meta->name) : NULL;

	for (size_t i = 0; members != NULL && members[i] != NULL; i++) {
		struct flow_net net;
		if (flow_net_parse(members[i], &net, err) != 0)
			return -1;
		flow_addf(list, side->tables[1], SAME_GROUP, side->allow, "%s,%s_%s=%s", side->base, net.version == 4 ? "ip,nw" : "ipv6,ipv6",
		    is_field_source(side, REMOTE) ? "src" : "dst", net.text);
	}
	return 0;
}

static int
add_side(struct flow_list *list, const struct side *side, const struct flow_port *port, struct error *err)
{
	add_frame(list, side);
	for (size_t i = 0; i < port->group_count; i++) {
		const struct security_group *group = port->groups[i];
		const struct schema_list *rules = side->egress ? &group->spec->egress : &group->spec->ingress;
		SCHEMA_EACH (struct security_rule, rule, rules)
			if (add_rule(list, side, port, group->spec->tier == 0 ? 0 : 1, rule, err) != 0)
				return error_wrap(err, "SecurityGroup %s: ", group->head.meta->name);
		if (add_same_group(list, side, port, group, err) != 0)
			return error_wrap(err, "SecurityGroup %s: ", group->head.meta->name);
	}
	return 0;
}

int
flow_groups_add(struct flow_list *list, const struct flow_port *port, const char *from, const char *to, struct error *err)
{
	g_autofree char *allow_from = g_strdup_printf("ct(commit,zone=%u),%s", list->zone, TO_RECEIVER);
	g_autofree char *allow_to = g_strdup_printf("ct(commit,zone=%u),NORMAL", list->zone);
	const struct side egress = { true, { TABLE_EGRESS, TABLE_EGRESS_1 }, from, TO_RECEIVER, allow_from };
	const struct side ingress = { false, { TABLE_INGRESS, TABLE_INGRESS_1 }, to, "NORMAL", allow_to };

	return add_side(list, &egress, port, err) != 0 || add_side(list, &ingress, port, err) != 0 ? -1 : 0;
}
