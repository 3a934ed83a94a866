/* Flows of a port: its sender, and what every guest needs; see flows.h.  Source of the rules of senders: ovn-nb(5), port_security. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "net/flows_private.h"
#include "src/api/meta.h"
#include "src/base/error.h"
#include "src/base/ip.h"

/* --- the list --------------------------------------------------------------------------------------------------------- */

static bool
is_part(const char *actions)
{
	return g_str_has_prefix(actions, "conjunction(");
}

/*
 * Of two flows with one match and priority the switch keeps one.  The priority tells the policy, so both lead to the same: parts of
 * conjunctions are put together, and what needs no other part takes the place of what does.
 */
static char *
joined(const char *before, const char *actions)
{
	if (!is_part(before) || (is_part(actions) && strstr(before, actions) != NULL))
		return NULL;
	return is_part(actions) ? g_strconcat(before, ",", actions, NULL) : g_strdup(actions);
}

void
flow_add(struct flow_list *list, int table, int priority, const char *match, const char *actions)
{
	g_autofree char *key = g_strdup_printf("table=%d,priority=%d,%s", table, priority, match);
	const char *before = g_hash_table_lookup(list->actions, key);
	char *both = before == NULL ? NULL : joined(before, actions);

	if (both != NULL)
		g_hash_table_insert(list->actions, key, both); /* the key of before stays */
	else if (before == NULL) {
		g_hash_table_insert(list->actions, key, g_strdup(actions));
		g_ptr_array_add(list->order, g_steal_pointer(&key));
	}
}

void
flow_addf(struct flow_list *list, int table, int priority, const char *actions, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *match = g_strdup_vprintf(format, ap);
	va_end(ap);
	flow_add(list, table, priority, match, actions);
}

/* --- values ------------------------------------------------------------------------------------------------------------- */

int
flow_net_parse(const char *text, struct flow_net *net, struct error *err)
{
	struct ip_range range;
	char first[IP_TEXT];
	unsigned prefix = 0;
	bool subnet = strchr(text, '/') != NULL;

	if (subnet ? ip_subnet_parse(text, &range, &prefix, err) != 0 : ip_parse(text, &range.first, err) != 0)
		return -1;
	ip_format(&range.first, first);
	net->version = ip_version(&range.first);
	net->all = subnet && prefix == 0;
	if (subnet)
		g_snprintf(net->text, sizeof(net->text), "%s/%u", first, prefix);
	else
		g_snprintf(net->text, sizeof(net->text), "%s", first);
	return 0;
}

enum { MAC_TEXT = 18 };

/* A MAC as flows have it: pairs with colons, in lower case. */
static int
read_mac(const char *text, char mac[MAC_TEXT], struct error *err)
{
	size_t length = 0;

	if (check_mac(text, err) != 0)
		return -1;
	for (const char *c = text; *c != '\0' && length < MAC_TEXT - 1; c++) {
		if (!g_ascii_isxdigit(*c))
			continue;
		mac[length++] = g_ascii_tolower(*c);
		if (length % 3 == 2 && length < MAC_TEXT - 1)
			mac[length++] = ':';
	}
	mac[length] = '\0';
	return 0;
}

/* RFC 4291, appendix A: the address that a guest makes of its MAC for its own link. */
static void
link_local(const char *mac, char text[IP_TEXT])
{
	struct ip ip = { { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };

	for (int i = 0; i < 6; i++) {
		uint8_t octet = (uint8_t)(g_ascii_xdigit_value(mac[3 * i]) << 4 | g_ascii_xdigit_value(mac[3 * i + 1]));
		ip.octets[i < 3 ? 8 + i : 10 + i] = i == 0 ? octet ^ 2 : octet;
	}
	ip_format(&ip, text);
}

/* --- senders -------------------------------------------------------------------------------------------------------------- */

/* Priorities of table 0. */
enum { ROGUE = 300, NEIGHBOUR = 210, NEIGHBOUR_ELSE = 205, SENDER = 200, OWN_ELSE = 120, ELSE = 100, RECEIVER = 50 };

#define FROM "in_port={port}"
#define GO_ON "resubmit(,1)"
#define METER "meter:{port},"
#define NO_MAC "00:00:00:00:00:00"

static bool
is_guarded(const struct flow_port *port)
{
	return port->port_security || port->group_count > 0;
}

/* What only routers and servers send, which are no guests. */
static void
add_rogue(struct flow_list *list)
{
	static const char *const rogue[] = { "udp,tp_src=67", "udp6,tp_src=547", "icmp6,icmp_type=134" };

	for (size_t i = 0; i < G_N_ELEMENTS(rogue); i++)
		flow_addf(list, TABLE_SENDER, ROGUE, "drop", FROM ",%s", rogue[i]);
}

/* What a MAC may send before it has an address. */
static void
add_without_address(struct flow_list *list, const char *mac, int version)
{
	if (version == 4) {
		flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,arp,arp_sha=%s,arp_spa=0.0.0.0", mac, mac);
		flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,udp,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67", mac);
		return;
	}
	/* RFC 4862, 3810: who looks whether an address is free has none yet, and says which groups it is in. */
	flow_addf(list, TABLE_SENDER, NEIGHBOUR, GO_ON, FROM ",dl_src=%s,icmp6,ipv6_src=::,icmp_type=135,icmp_code=0,nd_sll=" NO_MAC, mac);
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,icmp6,ipv6_src=::,icmp_type=131", mac);
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,icmp6,ipv6_src=::,icmp_type=143", mac);
}

static void
add_sender4(struct flow_list *list, const char *mac, const char *address)
{
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,arp,arp_sha=%s,arp_spa=%s", mac, mac, address);
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,ip,nw_src=%s", mac, address);
}

/* Asks with its own address, and answers for it alone; the option with its MAC may be missing in either. */
static void
add_sender6(struct flow_list *list, const char *mac, const char *address)
{
	const char *const macs[] = { NO_MAC, mac };

	for (size_t i = 0; i < G_N_ELEMENTS(macs); i++) {
		flow_addf(list, TABLE_SENDER, NEIGHBOUR, GO_ON, FROM ",dl_src=%s,icmp6,ipv6_src=%s,icmp_type=135,icmp_code=0,nd_sll=%s", mac, address, macs[i]);
		flow_addf(list, TABLE_SENDER, NEIGHBOUR, GO_ON, FROM ",dl_src=%s,icmp6,icmp_type=136,icmp_code=0,nd_target=%s,nd_tll=%s", mac, address, macs[i]);
	}
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,ipv6,ipv6_src=%s", mac, address);
}

static int
add_pair(struct flow_list *list, const struct flow_pair *pair, const char *own, struct error *err)
{
	char mac[MAC_TEXT], local[IP_TEXT];
	struct flow_net net;

	if (read_mac(pair->mac == NULL ? own : pair->mac, mac, err) != 0 || flow_net_parse(pair->address, &net, err) != 0)
		return -1;
	add_without_address(list, mac, net.version);
	flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,rarp", mac);
	if (net.version == 4) {
		add_sender4(list, mac, net.text);
		return 0;
	}
	link_local(mac, local);
	add_sender6(list, mac, local);
	add_sender6(list, mac, net.text);
	flow_add(list, TABLE_SENDER, NEIGHBOUR_ELSE, FROM ",icmp6,icmp_type=135", "drop");
	flow_add(list, TABLE_SENDER, NEIGHBOUR_ELSE, FROM ",icmp6,icmp_type=136", "drop");
	return 0;
}

static int
add_senders(struct flow_list *list, const struct flow_port *port, const char *mac, struct error *err)
{
	if (is_guarded(port))
		add_rogue(list);
	for (size_t i = 0; port->port_security && i < port->pair_count; i++)
		if (add_pair(list, &port->pairs[i], mac, err) != 0)
			return -1;
	if (!port->port_security) {
		flow_add(list, TABLE_SENDER, ELSE, FROM, GO_ON);
		return 0;
	}
	/* Who has no address of ours gets one from somebody else, and it is not known. */
	if (port->pair_count == 0) {
		flow_addf(list, TABLE_SENDER, SENDER, GO_ON, FROM ",dl_src=%s,arp,arp_sha=%s", mac, mac);
		flow_addf(list, TABLE_SENDER, OWN_ELSE + 1, "drop", FROM ",dl_src=%s,arp", mac);
	}
	flow_addf(list, TABLE_SENDER, OWN_ELSE, port->pair_count == 0 ? GO_ON : "drop", FROM ",dl_src=%s", mac);
	flow_add(list, TABLE_SENDER, ELSE, FROM, port->layer2_forward ? GO_ON : "drop");
	return 0;
}

/* --- what every guest needs ------------------------------------------------------------------------------------------------- */

/* Sent and got by guests whatever their groups say: source and destination of DHCP turn around. */
struct need {
	const char *from, *to;
};
static const struct need needs[] = {
	{ "arp", "arp" },
	{ "rarp", "rarp" },
	{ "udp,tp_src=68,tp_dst=67", "udp,tp_src=67,tp_dst=68" },
	{ "udp6,tp_src=546,tp_dst=547", "udp6,tp_src=547,tp_dst=546" },
	{ "icmp6,icmp_type=130", "icmp6,icmp_type=130" },
	{ "icmp6,icmp_type=133", "icmp6,icmp_type=133" },
	{ "icmp6,icmp_type=134", "icmp6,icmp_type=134" },
	{ "icmp6,icmp_type=135", "icmp6,icmp_type=135" },
	{ "icmp6,icmp_type=136", "icmp6,icmp_type=136" },
	{ "ip,nw_proto=112", "ip,nw_proto=112" }, /* VRRP */
	{ "ipv6,nw_proto=112", "ipv6,nw_proto=112" },
};

/* Priorities of tables 1 and 20. */
enum { NEEDED = 200, TRACKED = 150, OTHER = 100, SWITCHED = 1 };

static void
add_member(struct flow_list *list, const char *to)
{
	g_autofree char *track_from = g_strdup_printf("ct(table=%d,zone=%u)", TABLE_EGRESS, list->zone);
	g_autofree char *track_to = g_strdup_printf("ct(table=%d,zone=%u)", TABLE_INGRESS, list->zone);

	for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
		flow_addf(list, TABLE_FROM, NEEDED, TO_RECEIVER, FROM ",%s", needs[i].from);
		flow_addf(list, TABLE_RECEIVER, NEEDED, "NORMAL", "%s,%s", to, needs[i].to);
	}
	for (size_t i = 0; i < 2; i++) {
		const char *ip = i == 0 ? "ip" : "ipv6";
		flow_addf(list, TABLE_FROM, TRACKED, track_from, FROM ",%s", ip);
		flow_addf(list, TABLE_RECEIVER, TRACKED, track_to, "%s,%s", to, ip);
	}
	flow_add(list, TABLE_RECEIVER, OTHER, to, "NORMAL");
	/* What comes from outside, or from a port without flows, comes this way. */
	flow_add(list, TABLE_SENDER, RECEIVER, to, TO_RECEIVER);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------- */

static GPtrArray *
texts(const struct flow_list *list)
{
	GPtrArray *all = g_ptr_array_new_full(list->order->len, g_free);

	for (guint i = 0; i < list->order->len; i++) {
		const char *actions = g_hash_table_lookup(list->actions, list->order->pdata[i]);
		bool metered = list->metered && strcmp(actions, GO_ON) == 0;
		g_ptr_array_add(all, g_strdup_printf("%s,actions=%s%s", (const char *)list->order->pdata[i], metered ? METER : "", actions));
	}
	return all;
}

static int
add_all(struct flow_list *list, const struct flow_port *port, struct error *err)
{
	char mac[MAC_TEXT];

	if (read_mac(port->mac, mac, err) != 0)
		return -1;
	if (!is_guarded(port) && !port->metered)
		return 0;
	g_autofree char *to = g_strdup_printf("dl_dst=%s", mac), *zone = g_strdup_printf("%s %s", port->segment, mac);
	list->zone = 1 + g_str_hash(zone) % 65534; /* 0 is the host's own */
	if (add_senders(list, port, mac, err) != 0)
		return -1;
	flow_add(list, TABLE_FROM, SWITCHED, FROM, TO_RECEIVER);
	flow_add(list, TABLE_RECEIVER, SWITCHED, FROM, "NORMAL");
	if (port->group_count == 0)
		return 0;
	add_member(list, to);
	if (flow_groups_add(list, port, FROM, to, err) != 0)
		return -1;
	return list->order->len <= FLOWS_MOST ? 0 : error_set(err, E2BIG, "the security groups of a port make %u flows: at most %d are possible",
	                                                      list->order->len, FLOWS_MOST);
}

GPtrArray *
flows_of_port(const struct flow_port *port, struct error *err)
{
	/* Keys belong to the order; the table has their actions. */
	struct flow_list list = { .metered = port->metered, .order = g_ptr_array_new_with_free_func(g_free), .actions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free) };
	GPtrArray *all = add_all(&list, port, err) == 0 ? texts(&list) : NULL;

	g_hash_table_unref(list.actions);
	g_ptr_array_unref(list.order);
	return all;
}
