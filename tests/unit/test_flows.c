/*
 * Flows of guests' ports: which there are, and what they do.  Each list is read by ovs-ofctl, and what becomes of packets is asked of an
 * Open vSwitch of the test's own, which has no datapath and needs no rights; both are left out where it is not installed.
 */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/flows.h"
#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/document/document.h"

#define MAC "52:54:00:00:00:0a"
#define OTHER "52:54:00:00:00:0b"
#define VIP_MAC "02:00:00:00:00:01"

/* --- groups --------------------------------------------------------------------------------------------------------------- */

#define RULE(priority, policy, more) "{ipVersion: ipv4, priority: " #priority ", policy: " policy ", remoteType: address, remoteAddress: " more "}"
static const char *const group_texts[] = {
	"{metadata: {name: web}, spec: {allowSameGroupTraffic: true, ingressRules: [" RULE(10, "allow", "0.0.0.0/0, protocol: tcp, portRangeMin: 80, portRangeMax: 80")
	  ", {ipVersion: ipv6, priority: 10, policy: allow, remoteType: address, remoteAddress: '::/0', protocol: tcp, portRangeMin: 80, portRangeMax: 80}]"
	  ", egressRules: [" RULE(10, "allow", "10.6.0.0/24") "]}}",
	"{metadata: {name: closed}, spec: {}}",
	"{metadata: {name: first}, spec: {ingressRules: [" RULE(1, "drop", "10.9.0.0/16") ", " RULE(5, "pass", "10.8.0.0/16") ", " RULE(7, "allow", "10.8.0.0/16") "]}}",
	"{metadata: {name: second}, spec: {tier: 1, ingressRules: [" RULE(3, "allow", "10.8.0.0/16, protocol: icmp") ", " RULE(9, "allow", "10.9.0.0/16") "]}}",
	"{metadata: {name: equal}, spec: {ingressRules: [" RULE(4, "allow", "10.7.0.0/16") ", " RULE(4, "drop", "10.7.0.0/24") "]}}",
	"{metadata: {name: peers}, spec: {ingressRules: [{ipVersion: ipv4, priority: 2, policy: allow, remoteType: securityGroup, remoteSecurityGroup: many, "
	  "protocol: tcp, portRangeMin: 1000, portRangeMax: 1999}, {ipVersion: ipv4, priority: 2, policy: allow, remoteType: securityGroup, remoteSecurityGroup: many, "
	  "protocol: tcp, portRangeMin: 5000, portRangeMax: 5999}, {ipVersion: ipv4, priority: 3, policy: allow, remoteType: securityGroup, remoteSecurityGroup: nobody}]}}",
	"{metadata: {name: local}, spec: {egressRules: [" RULE(1, "allow", "10.6.0.0/24, protocol: udp, portRangeMin: 53, portRangeMax: 53, localAddress: 10.6.0.10, "
	  "sourcePortRangeMin: 1024, sourcePortRangeMax: 65535") "]}}",
};
enum { WEB, CLOSED, FIRST, SECOND, EQUAL, PEERS, LOCAL, GROUPS };
static struct security_group *groups[GROUPS];

static void
read_groups(void)
{
	for (int i = 0; i < GROUPS; i++) {
		g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
		g_autofree char *text = g_strdup_printf("{apiVersion: kubeovn.io/v1, kind: SecurityGroup, %s", group_texts[i] + 1);
		struct diagnostics diagnostics;
		const struct kind *kind;

		diagnostics_init(&diagnostics);
		document_read(NULL, text, strlen(text), documents, &diagnostics);
		groups[i] = kind_decode(documents->pdata[0], NULL, &kind, &diagnostics);
		g_autofree char *told = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		ck_assert_msg(groups[i] != NULL, "%s", told);
		diagnostics_clear(&diagnostics);
	}
}

static void
free_groups(void)
{
	for (int i = 0; i < GROUPS; i++)
		schema_free(kinds[KIND_SECURITY_GROUP].schema, groups[i]);
}

static const char *const *
members(void *arg, const char *group)
{
	static const char *const web[] = { "10.6.0.10", "fd00:6::a", "10.6.0.11", NULL };
	static const char *const many[] = { "10.6.1.1", "10.6.1.2", "10.6.1.3", "fd00:6::1", "10.6.1.5", "10.6.1.6", NULL };

	(void)arg;
	return strcmp(group, "web") == 0 ? web : strcmp(group, "many") == 0 ? many : NULL;
}

/* --- ports ---------------------------------------------------------------------------------------------------------------- */

static const struct flow_pair pair4[] = { { "10.6.0.10", NULL } };
static const struct flow_pair dual[] = { { "10.6.0.10", NULL }, { "fd00:6::a", NULL } };
static const struct flow_pair vips[] = { { "10.6.0.10", NULL }, { "10.6.0.100", NULL }, { "10.6.0.101", VIP_MAC }, { "10.7.0.0/24", NULL } };

enum { OPEN, MAC_ONLY, IPV4, DUAL, VIPS, LAYER2, LAYER2_VIPS, PORTS_WITHOUT_GROUPS, IN_WEB = PORTS_WITHOUT_GROUPS, IN_CLOSED, IN_TIERS, IN_EQUAL, IN_PEERS, IN_LOCAL, IN_ALL, PORTS_OF_PACKETS, METERED = PORTS_OF_PACKETS, PORTS };
/* A port by its number; list is what its groups stand in, PORTS long at least. */
static struct flow_port
port_of(int which, const struct security_group **list)
{
	static const struct {
		bool port_security, layer2;
		const struct flow_pair *pairs;
		size_t pair_count;
		int groups[GROUPS + 1]; /* one more than its number; ends with 0 */
		bool metered;
	} ports[PORTS] = {
		[OPEN] = { 0 },
		[MAC_ONLY] = { .port_security = true },
		[IPV4] = { true, false, pair4, G_N_ELEMENTS(pair4), { 0 } },
		[DUAL] = { true, false, dual, G_N_ELEMENTS(dual), { 0 } },
		[VIPS] = { true, false, vips, G_N_ELEMENTS(vips), { 0 } },
		[LAYER2] = { true, true, NULL, 0, { 0 } },
		[LAYER2_VIPS] = { true, true, pair4, G_N_ELEMENTS(pair4), { 0 } },
		[IN_WEB] = { true, false, dual, G_N_ELEMENTS(dual), { WEB + 1 } },
		[IN_CLOSED] = { false, false, NULL, 0, { CLOSED + 1 } },
		[IN_TIERS] = { false, false, NULL, 0, { SECOND + 1, FIRST + 1 } },
		[IN_EQUAL] = { false, false, NULL, 0, { EQUAL + 1 } },
		[IN_PEERS] = { false, false, NULL, 0, { PEERS + 1 } },
		[IN_LOCAL] = { false, false, NULL, 0, { LOCAL + 1 } },
		[IN_ALL] = { true, false, dual, G_N_ELEMENTS(dual), { WEB + 1, CLOSED + 1, FIRST + 1, SECOND + 1, EQUAL + 1, PEERS + 1, LOCAL + 1 } },
		[METERED] = { .metered = true },
	};
	struct flow_port port = { .segment = "bridge br-office.100", .mac = MAC, .port_security = ports[which].port_security,
		.metered = ports[which].metered, .layer2_forward = ports[which].layer2, .pairs = ports[which].pairs, .pair_count = ports[which].pair_count, .groups = list, .members = members };

	while (ports[which].groups[port.group_count] != 0) {
		list[port.group_count] = groups[ports[which].groups[port.group_count] - 1];
		port.group_count++;
	}
	return port;
}

static GPtrArray *
flows_of(int which)
{
	const struct security_group *list[GROUPS];
	struct flow_port port = port_of(which, list);
	struct error err = { 0 };
	GPtrArray *flows = flows_of_port(&port, &err);

	ck_assert_msg(flows != NULL, "%s", err.text);
	return flows;
}

/* --- which there are ------------------------------------------------------------------------------------------------------ */

static char *
text_of(GPtrArray *flows, const char *number)
{
	g_autoptr(GString) all = g_string_new(NULL);

	for (guint i = 0; i < flows->len; i++)
		g_string_append_printf(all, "%s\n", (const char *)flows->pdata[i]);
	g_string_replace(all, "{port}", number, 0);
	return g_string_free(g_steal_pointer(&all), FALSE);
}

#define ROGUE "table=0,priority=300,in_port={port},udp,tp_src=67,actions=drop\n" \
	"table=0,priority=300,in_port={port},udp6,tp_src=547,actions=drop\n" \
	"table=0,priority=300,in_port={port},icmp6,icmp_type=134,actions=drop\n"
#define SWITCHED "table=1,priority=1,in_port={port},actions=resubmit(,20)\ntable=20,priority=1,in_port={port},actions=NORMAL\n"

static const struct {
	int port;
	const char *flows;
} written[] = {
	{ OPEN, "" },
	{ METERED, "table=0,priority=100,in_port={port},actions=meter:{port},resubmit(,1)\n" SWITCHED },
	{ MAC_ONLY, ROGUE "table=0,priority=200,in_port={port},dl_src=" MAC ",arp,arp_sha=" MAC ",actions=resubmit(,1)\n"
	  "table=0,priority=121,in_port={port},dl_src=" MAC ",arp,actions=drop\n"
	  "table=0,priority=120,in_port={port},dl_src=" MAC ",actions=resubmit(,1)\n"
	  "table=0,priority=100,in_port={port},actions=drop\n" SWITCHED },
	{ IPV4, ROGUE "table=0,priority=200,in_port={port},dl_src=" MAC ",arp,arp_sha=" MAC ",arp_spa=0.0.0.0,actions=resubmit(,1)\n"
	  "table=0,priority=200,in_port={port},dl_src=" MAC ",udp,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67,actions=resubmit(,1)\n"
	  "table=0,priority=200,in_port={port},dl_src=" MAC ",rarp,actions=resubmit(,1)\n"
	  "table=0,priority=200,in_port={port},dl_src=" MAC ",arp,arp_sha=" MAC ",arp_spa=10.6.0.10,actions=resubmit(,1)\n"
	  "table=0,priority=200,in_port={port},dl_src=" MAC ",ip,nw_src=10.6.0.10,actions=resubmit(,1)\n"
	  "table=0,priority=120,in_port={port},dl_src=" MAC ",actions=drop\n"
	  "table=0,priority=100,in_port={port},actions=drop\n" SWITCHED },
};

START_TEST(writes_flows)
{
	g_autoptr(GPtrArray) flows = flows_of(written[_i].port);
	g_autofree char *text = text_of(flows, "{port}");

	ck_assert_str_eq(text, written[_i].flows);
}
END_TEST

START_TEST(is_the_same_each_time)
{
	g_autoptr(GPtrArray) flows = flows_of(_i), again = flows_of(_i);
	g_autofree char *text = text_of(flows, "7"), *other = text_of(again, "7");

	ck_assert_str_eq(text, other);
}
END_TEST

/* Of two flows with one match and priority the switch would keep one; and none may be of another port. */
START_TEST(has_each_match_once)
{
	g_autoptr(GPtrArray) flows = flows_of(_i);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < flows->len; i++) {
		const char *flow = flows->pdata[i], *actions = strstr(flow, ",actions=");
		ck_assert_ptr_nonnull(actions);
		ck_assert_msg(g_hash_table_add(seen, g_strndup(flow, (gsize)(actions - flow))), "%s", flow);
		ck_assert_msg(strstr(flow, ",in_port={port}") != NULL || strstr(flow, ",dl_dst=" MAC) != NULL, "%s", flow);
	}
}
END_TEST

/* A rule with long lists has as many flows as the lists have items, not their product. */
START_TEST(joins_long_lists)
{
	g_autoptr(GPtrArray) flows = flows_of(IN_PEERS);
	g_autofree char *text = text_of(flows, "7");

	ck_assert_ptr_nonnull(strstr(text, ",tcp,nw_src=10.6.1.1,actions=conjunction(70001,1/2),conjunction(70002,1/2)\n")); /* in both rules of a priority */
	ck_assert_ptr_nonnull(strstr(text, ",tcp,tp_dst=0x3e8/0xfff8,actions=conjunction(70001,2/2)\n"));
	ck_assert_ptr_nonnull(strstr(text, ",conj_id=70001,dl_dst=" MAC ",tcp,actions=ct(commit,zone="));
	ck_assert_ptr_null(strstr(text, "fd00:6::1"));
	ck_assert_uint_lt(flows->len, 90);
}
END_TEST

static const struct {
	const char *mac, *address, *pair_mac, *told;
} wrong[] = {
	{ "52:54:00:00:00", "10.6.0.10", NULL, "\"52:54:00:00:00\" is not a MAC address such as 52:54:00:12:34:56" },
	{ MAC, "10.6.0.10,actions=NORMAL", NULL, "\"10.6.0.10,actions=NORMAL\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ MAC, "10.6.0.0/33", NULL, "\"10.6.0.0/33\" is not a subnet such as 10.6.0.0/24 or fd00:6::/64" },
	{ MAC, "10.6.0.10", "x", "\"x\" is not a MAC address such as 52:54:00:12:34:56" },
};

START_TEST(refuses_other_ports)
{
	struct flow_pair pair = { wrong[_i].address, wrong[_i].pair_mac };
	struct flow_port port = { .segment = "s", .mac = wrong[_i].mac, .port_security = true, .pairs = &pair, .pair_count = 1 };
	struct error err = { 0 };

	ck_assert_ptr_null(flows_of_port(&port, &err));
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.text, wrong[_i].told);
}
END_TEST

START_TEST(takes_every_spelling_of_a_mac)
{
	static const char *const macs[] = { "52:54:00:00:00:0A", "52-54-00-00-00-0a", "5254.0000.000a" };
	g_autoptr(GPtrArray) wanted = flows_of(IPV4);
	g_autofree char *text = text_of(wanted, "7");

	for (size_t i = 0; i < G_N_ELEMENTS(macs); i++) {
		struct flow_port port = { .segment = "s", .mac = macs[i], .port_security = true, .pairs = pair4, .pair_count = 1 };
		g_autoptr(GPtrArray) flows = flows_of_port(&port, NULL);
		g_autofree char *found = text_of(flows, "7");
		ck_assert_str_eq(found, text);
	}
}
END_TEST

/* --- ovs-ofctl -------------------------------------------------------------------------------------------------------------- */

static void
write_file(const char *path, const char *text)
{
	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

START_TEST(is_read_by_ovs)
{
	g_autofree char *ofctl = g_find_program_in_path("ovs-ofctl"), *path = NULL, *out = NULL, *complaint = NULL, *text = NULL;
	g_autoptr(GPtrArray) flows = flows_of(_i);
	int status;

	if (ofctl == NULL)
		return;
	path = g_strdup_printf("%s/flows-%d-%d", g_get_tmp_dir(), (int)getpid(), _i);
	text = text_of(flows, "7");
	write_file(path, text);
	const char *const argv[] = { ofctl, "-O", "OpenFlow14", "parse-flows", path, NULL };
	ck_assert(g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, 0, NULL, NULL, &out, &complaint, &status, NULL));
	g_unlink(path);
	ck_assert_msg(status == 0, "%s", complaint);
	g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
	guint read = 0;
	for (char **line = lines; *line != NULL; line++)
		read += strstr(*line, "ADD table:") != NULL || strstr(*line, "ADD ") != NULL;
	ck_assert_uint_eq(read, flows->len);
}
END_TEST

/* --- what becomes of packets ------------------------------------------------------------------------------------------------ */

static struct {
	char *dir; /* NULL: Open vSwitch is not installed */
	GPid database, daemon;
} vswitch;

static const char *
found(const char *program)
{
	g_autofree char *path = g_find_program_in_path(program), *sbin = g_strconcat("/usr/sbin/", program, NULL);

	return path != NULL ? g_intern_string(path) : g_file_test(sbin, G_FILE_TEST_IS_EXECUTABLE) ? g_intern_string(sbin) : NULL;
}

static GPid
start(const char *program, const char *first, const char *second, const char *third)
{
	const char *const argv[] = { found(program), first, second, third, NULL };
	GPid pid;

	ck_assert(g_spawn_async(vswitch.dir, (char **)(uintptr_t)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
	    NULL, NULL, &pid, NULL));
	return pid;
}

/* Runs a program to its end; its output, or NULL and what it complained of in *complaint. */
static char *
run(const char *const *argv, char **complaint)
{
	char *out = NULL;
	int status = -1;

	g_clear_pointer(complaint, g_free);
	if (!g_spawn_sync(vswitch.dir, (char **)(uintptr_t)argv, NULL, 0, NULL, NULL, &out, complaint, &status, NULL) || status != 0)
		g_clear_pointer(&out, g_free);
	return out;
}
#define RUN(complaint, program, ...) run((const char *const[]){ found(program), __VA_ARGS__, NULL }, complaint)

static void
wait_for(const char *file)
{
	for (int i = 0; i < 3000 && access(file, F_OK) != 0; i++)
		g_usleep(10000);
	ck_assert_msg(access(file, F_OK) == 0, "%s did not come", file);
}

static void
start_vswitch(void)
{
	g_autofree char *complaint = NULL, *created = NULL, *changed = NULL;
	static const char *const programs[] = { "ovsdb-server", "ovs-vswitchd", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl", "ovs-appctl" };
	static const char schema[] = "/usr/share/openvswitch/vswitch.ovsschema";

	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
		if (found(programs[i]) == NULL || access(schema, R_OK) != 0)
			return;
	vswitch.dir = g_dir_make_tmp("flows-XXXXXX", NULL);
	ck_assert(g_chdir(vswitch.dir) == 0);
	for (const char *const *name = (const char *const[]){ "OVS_RUNDIR", "OVS_DBDIR", "OVS_SYSCONFDIR", "OVS_LOGDIR", NULL }; *name != NULL; name++)
		g_setenv(*name, vswitch.dir, TRUE);
	created = RUN(&complaint, "ovsdb-tool", "create", "conf.db", schema);
	ck_assert_msg(created != NULL, "%s", complaint);
	vswitch.database = start("ovsdb-server", "--remote=punix:db.sock", "--unixctl=db.ctl", "conf.db");
	wait_for("db.sock");
	vswitch.daemon = start("ovs-vswitchd", "--enable-dummy=override", "--unixctl=switch.ctl", "unix:db.sock");
	changed = RUN(&complaint, "ovs-vsctl", "--db=unix:db.sock", "--timeout=60", "--retry", "--", "add-br", "br0", "--", "add-port", "br0", "wire", "--", "set",
	    "Interface", "wire", "ofport_request=1", "--", "add-port", "br0", "guest", "--", "set", "Interface", "guest", "ofport_request=7", "--", "add-port",
	    "br0", "other", "--", "set", "Interface", "other", "ofport_request=8");
	ck_assert_msg(changed != NULL, "%s", complaint);
	wait_for("switch.ctl");
}

static void
stop_vswitch(void)
{
	const char *const *files = (const char *const[]){ "conf.db", "db.sock", "db.ctl", "switch.ctl", "flows", ".conf.db.~lock~", "br0.mgmt", "br0.snoop", "conf.db.~lock~", NULL };

	if (vswitch.dir == NULL)
		return;
	const GPid pids[] = { vswitch.daemon, vswitch.database };
	for (size_t i = 0; i < G_N_ELEMENTS(pids); i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	for (; *files != NULL; files++)
		g_unlink(*files);
	ck_assert(g_chdir("/") == 0);
	g_rmdir(vswitch.dir);
	g_clear_pointer(&vswitch.dir, g_free);
}

/* Puts the flows of one port or two into the switch, and nothing else but that all else is switched. */
static void
load(int which, int neighbour)
{
	g_autoptr(GPtrArray) flows = flows_of(which);
	g_autofree char *own = text_of(flows, "7"), *complaint = NULL;
	g_autoptr(GString) all = g_string_new(own);

	if (neighbour >= 0) {
		const struct security_group *list[GROUPS];
		struct flow_port port = port_of(neighbour, list);
		struct flow_pair pair = { "10.6.0.11", NULL };
		port.mac = OTHER;
		port.pairs = &pair;
		port.pair_count = 1;
		g_autoptr(GPtrArray) others = flows_of_port(&port, NULL);
		g_autofree char *text = text_of(others, "8");
		g_string_append(all, text);
	}
	g_string_append(all, "table=0,priority=0,actions=NORMAL\n");
	write_file("flows", all->str);
	g_autofree char *out = RUN(&complaint, "ovs-ofctl", "-O", "OpenFlow14", "--timeout=60", "replace-flows", "unix:br0.mgmt", "flows");
	ck_assert_msg(out != NULL, "%s", complaint);
}

/* What the switch would do with a packet: the last of the steps that it tells decides, each ends in a pass through ct or in this. */
static char *
trace(const char *packet, const char *state)
{
	g_autofree char *complaint = NULL, *control = g_build_filename(vswitch.dir, "switch.ctl", NULL);
	g_autofree char *out = state == NULL ? RUN(&complaint, "ovs-appctl", "-T", "60", "-t", control, "ofproto/trace", "br0", packet) :
	    RUN(&complaint, "ovs-appctl", "-T", "60", "-t", control, "ofproto/trace", "br0", packet, "--ct-next", state, "--ct-next", state);
	const char *last = NULL;

	ck_assert_msg(out != NULL, "%s: %s", packet, complaint);
	last = g_strrstr(out, "Datapath actions: ");
	ck_assert_msg(last != NULL, "%s: %s", packet, out);
	return g_strndup(last + strlen("Datapath actions: "), strcspn(last + strlen("Datapath actions: "), "\n"));
}

#define OUT "in_port=7,dl_src=" MAC ",dl_dst=" OTHER ","
#define OUT_ALL "in_port=7,dl_src=" MAC ",dl_dst=ff:ff:ff:ff:ff:ff,"
#define FALSE_MAC "in_port=7,dl_src=" OTHER ",dl_dst=ff:ff:ff:ff:ff:ff,"
#define IN "in_port=1,dl_src=" OTHER ",dl_dst=" MAC ","
#define TCP(from, to, port) "tcp,nw_src=" from ",nw_dst=" to ",nw_ttl=64,tp_src=40000,tp_dst=" #port
#define UDP(from, to, source, port) "udp,nw_src=" from ",nw_dst=" to ",nw_ttl=64,udp_src=" #source ",udp_dst=" #port
#define ARP(mac, address) "arp,arp_op=1,arp_sha=" mac ",arp_spa=" address ",arp_tpa=10.6.0.1"
#define ICMP(from, to) "icmp,nw_src=" from ",nw_dst=" to ",nw_ttl=64,icmp_type=8,icmp_code=0"
#define SOLICIT(from, target, mac) "icmp6,ipv6_src=" from ",ipv6_dst=ff02::1:ff00:1,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,nd_target=" target ",nd_sll=" mac
#define ADVERTISE(from, target, mac) "icmp6,ipv6_src=" from ",ipv6_dst=ff02::1,nw_ttl=255,icmpv6_type=136,icmpv6_code=0,nd_target=" target ",nd_tll=" mac
#define LINK_LOCAL "fe80::5054:ff:fe00:a"
#define NONE "00:00:00:00:00:00"

/* A packet, and whether it passes; state: of its connection, new when NULL. */
static const struct {
	int port;
	const char *packet, *state;
	bool passes;
} packets[] = {
	/* nothing is asked of it, but that it plays no server */
	{ OPEN, FALSE_MAC ARP(OTHER, "10.6.0.1"), NULL, true },
	{ OPEN, OUT TCP("10.9.9.9", "10.6.0.1", 80), NULL, true },
	{ OPEN, OUT UDP("10.6.0.1", "255.255.255.255", 67, 68), NULL, true },
	{ OPEN, OUT "udp6,ipv6_src=fe80::1,ipv6_dst=fe80::2,udp_src=547,udp_dst=546", NULL, true },
	{ OPEN, OUT "icmp6,ipv6_src=fe80::1,ipv6_dst=ff02::1,nw_ttl=255,icmpv6_type=134,icmpv6_code=0", NULL, true },
	{ OPEN, IN TCP("10.6.0.1", "10.6.0.10", 80), NULL, true },
	{ OPEN, IN UDP("10.6.0.1", "10.6.0.10", 67, 68), NULL, true },

	/* the MAC alone */
	{ MAC_ONLY, OUT TCP("10.9.9.9", "10.6.0.1", 80), NULL, true },
	{ MAC_ONLY, OUT_ALL ARP(MAC, "10.9.9.9"), NULL, true },
	{ MAC_ONLY, OUT_ALL ARP(OTHER, "10.9.9.9"), NULL, false },
	{ MAC_ONLY, FALSE_MAC ARP(OTHER, "10.6.0.10"), NULL, false },
	{ MAC_ONLY, FALSE_MAC TCP("10.6.0.10", "10.6.0.1", 80), NULL, false },
	{ MAC_ONLY, OUT UDP("10.6.0.1", "255.255.255.255", 67, 68), NULL, false },
	{ MAC_ONLY, OUT_ALL UDP("0.0.0.0", "255.255.255.255", 68, 67), NULL, true },

	/* its address, too */
	{ IPV4, OUT TCP("10.6.0.10", "10.6.0.1", 80), NULL, true },
	{ IPV4, OUT TCP("10.6.0.12", "10.6.0.1", 80), NULL, false },
	{ IPV4, FALSE_MAC TCP("10.6.0.10", "10.6.0.1", 80), NULL, false },
	{ IPV4, OUT_ALL ARP(MAC, "10.6.0.10"), NULL, true },
	{ IPV4, OUT_ALL ARP(MAC, "0.0.0.0"), NULL, true },
	{ IPV4, OUT_ALL ARP(MAC, "10.6.0.1"), NULL, false },
	{ IPV4, OUT_ALL ARP(OTHER, "10.6.0.10"), NULL, false },
	{ IPV4, OUT_ALL "dl_type=0x8035,arp_op=3", NULL, true },
	{ IPV4, OUT_ALL UDP("0.0.0.0", "255.255.255.255", 68, 67), NULL, true },
	{ IPV4, OUT_ALL UDP("0.0.0.0", "255.255.255.255", 40000, 67), NULL, false },
	{ IPV4, OUT "tcp6,ipv6_src=fd00:6::a,ipv6_dst=fd00:6::1,tp_dst=80", NULL, false },
	{ IPV4, OUT_ALL "dl_type=0x88cc", NULL, false },

	/* both versions */
	{ DUAL, OUT "tcp6,ipv6_src=fd00:6::a,ipv6_dst=fd00:6::1,tp_dst=80", NULL, true },
	{ DUAL, OUT "tcp6,ipv6_src=" LINK_LOCAL ",ipv6_dst=fe80::1,tp_dst=80", NULL, true },
	{ DUAL, OUT "tcp6,ipv6_src=fd00:6::b,ipv6_dst=fd00:6::1,tp_dst=80", NULL, false },
	{ DUAL, OUT_ALL SOLICIT("fd00:6::a", "fd00:6::1", MAC), NULL, true },
	{ DUAL, OUT_ALL SOLICIT(LINK_LOCAL, "fd00:6::1", MAC), NULL, true },
	{ DUAL, OUT_ALL SOLICIT("::", "fd00:6::a", NONE), NULL, true },
	{ DUAL, OUT_ALL SOLICIT("fd00:6::a", "fd00:6::1", OTHER), NULL, false },
	{ DUAL, OUT_ALL SOLICIT("fd00:6::b", "fd00:6::1", MAC), NULL, false },
	{ DUAL, OUT_ALL ADVERTISE("fd00:6::a", "fd00:6::a", MAC), NULL, true },
	{ DUAL, OUT_ALL ADVERTISE(LINK_LOCAL, LINK_LOCAL, MAC), NULL, true },
	{ DUAL, OUT_ALL ADVERTISE("fd00:6::a", "fd00:6::1", MAC), NULL, false },
	{ DUAL, OUT_ALL ADVERTISE("fd00:6::a", "fd00:6::a", OTHER), NULL, false },
	{ DUAL, OUT_ALL "icmp6,ipv6_src=" LINK_LOCAL ",ipv6_dst=ff02::2,nw_ttl=255,icmpv6_type=133,icmpv6_code=0", NULL, true },
	{ DUAL, OUT_ALL "icmp6,ipv6_src=" LINK_LOCAL ",ipv6_dst=ff02::1,nw_ttl=255,icmpv6_type=134,icmpv6_code=0", NULL, false },
	{ DUAL, OUT_ALL "icmp6,ipv6_src=::,ipv6_dst=ff02::16,nw_ttl=1,icmpv6_type=143,icmpv6_code=0", NULL, true },
	{ DUAL, OUT "udp6,ipv6_src=" LINK_LOCAL ",ipv6_dst=ff02::1:2,udp_src=546,udp_dst=547", NULL, true },

	/* more addresses, and MACs that go with them */
	{ VIPS, OUT TCP("10.6.0.100", "10.6.0.1", 80), NULL, true },
	{ VIPS, OUT TCP("10.7.0.55", "10.6.0.1", 80), NULL, true },
	{ VIPS, OUT TCP("10.7.1.55", "10.6.0.1", 80), NULL, false },
	{ VIPS, OUT TCP("10.6.0.101", "10.6.0.1", 80), NULL, false },
	{ VIPS, "in_port=7,dl_src=" VIP_MAC ",dl_dst=" OTHER "," TCP("10.6.0.101", "10.6.0.1", 80), NULL, true },
	{ VIPS, "in_port=7,dl_src=" VIP_MAC ",dl_dst=ff:ff:ff:ff:ff:ff," ARP(VIP_MAC, "10.6.0.101"), NULL, true },
	{ VIPS, "in_port=7,dl_src=" VIP_MAC ",dl_dst=ff:ff:ff:ff:ff:ff," ARP(VIP_MAC, "10.6.0.10"), NULL, false },

	/* a bridge in the guest */
	{ LAYER2, FALSE_MAC TCP("10.9.9.9", "10.6.0.1", 80), NULL, true },
	{ LAYER2, FALSE_MAC UDP("10.6.0.1", "255.255.255.255", 67, 68), NULL, false },
	{ LAYER2_VIPS, FALSE_MAC TCP("10.9.9.9", "10.6.0.1", 80), NULL, true },
	{ LAYER2_VIPS, OUT TCP("10.9.9.9", "10.6.0.1", 80), NULL, false },

	/* a member of a group */
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 80), NULL, true },
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 81), NULL, false },
	{ IN_WEB, IN TCP("10.6.0.11", "10.6.0.10", 81), NULL, true },               /* of the same group */
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 81), "trk,est,rpl", true },       /* an answer */
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 81), "trk,rel", true },
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 81), "trk,est", false },          /* a rule that was there once */
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 80), "trk,est", true },
	{ IN_WEB, IN TCP("10.9.9.9", "10.6.0.10", 80), "trk,inv", false },
	{ IN_WEB, IN "tcp6,ipv6_src=fd00::9,ipv6_dst=fd00:6::a,tp_dst=80", NULL, true },
	{ IN_WEB, IN "tcp6,ipv6_src=fd00::9,ipv6_dst=fd00:6::a,tp_dst=81", NULL, false },
	{ IN_WEB, OUT TCP("10.6.0.10", "10.6.0.77", 5432), NULL, true },
	{ IN_WEB, OUT TCP("10.6.0.10", "10.9.9.9", 5432), NULL, false },
	{ IN_WEB, OUT TCP("10.6.0.10", "10.9.9.9", 5432), "trk,est,rpl", true },
	{ IN_WEB, OUT TCP("10.6.0.99", "10.6.0.77", 5432), NULL, false },           /* a false sender is none */
	{ IN_WEB, OUT "tcp6,ipv6_src=fd00:6::a,ipv6_dst=fd00:6::1,tp_dst=80", NULL, false },
	{ IN_WEB, "in_port=1,dl_src=" MAC ",dl_dst=" OTHER "," TCP("10.9.9.9", "10.6.0.11", 81), NULL, true }, /* not for it */

	/* what every guest needs */
	{ IN_CLOSED, IN TCP("10.6.0.11", "10.6.0.10", 80), NULL, false },
	{ IN_CLOSED, OUT TCP("10.6.0.10", "10.6.0.11", 80), NULL, false },
	{ IN_CLOSED, IN ICMP("10.6.0.11", "10.6.0.10"), NULL, false },
	{ IN_CLOSED, IN "dl_type=0x88cc", NULL, true },
	{ IN_CLOSED, IN ARP(OTHER, "10.6.0.11"), NULL, true },
	{ IN_CLOSED, OUT_ALL ARP(MAC, "10.6.0.10"), NULL, true },
	{ IN_CLOSED, OUT_ALL "dl_type=0x8035,arp_op=3", NULL, true },
	{ IN_CLOSED, OUT_ALL UDP("0.0.0.0", "255.255.255.255", 68, 67), NULL, true },
	{ IN_CLOSED, IN UDP("10.6.0.1", "10.6.0.10", 67, 68), NULL, true },
	{ IN_CLOSED, IN UDP("10.6.0.1", "10.6.0.10", 68, 67), NULL, false },
	{ IN_CLOSED, OUT "udp6,ipv6_src=" LINK_LOCAL ",ipv6_dst=ff02::1:2,udp_src=546,udp_dst=547", NULL, true },
	{ IN_CLOSED, IN "udp6,ipv6_src=fe80::1,ipv6_dst=" LINK_LOCAL ",udp_src=547,udp_dst=546", NULL, true },
	{ IN_CLOSED, OUT_ALL SOLICIT(LINK_LOCAL, "fd00:6::1", MAC), NULL, true },
	{ IN_CLOSED, IN "icmp6,ipv6_src=fe80::1,ipv6_dst=" LINK_LOCAL ",nw_ttl=255,icmpv6_type=136,icmpv6_code=0", NULL, true },
	{ IN_CLOSED, IN "icmp6,ipv6_src=fe80::1,ipv6_dst=" LINK_LOCAL ",nw_ttl=255,icmpv6_type=134,icmpv6_code=0", NULL, true },
	{ IN_CLOSED, IN "icmp6,ipv6_src=fe80::1,ipv6_dst=" LINK_LOCAL ",nw_ttl=64,icmpv6_type=128,icmpv6_code=0", NULL, false },
	{ IN_CLOSED, IN "ip,nw_proto=112,nw_src=10.6.0.2,nw_dst=10.6.0.10", NULL, true },

	/* tiers: a drop of the first is the end, a pass leaves it to the second, which is asked, too, when the first says nothing */
	{ IN_TIERS, IN ICMP("10.9.0.1", "10.6.0.10"), NULL, false },
	{ IN_TIERS, IN ICMP("10.8.0.1", "10.6.0.10"), NULL, true },
	{ IN_TIERS, IN TCP("10.8.0.1", "10.6.0.10", 80), NULL, false },
	{ IN_TIERS, IN ICMP("10.7.0.1", "10.6.0.10"), NULL, false },

	/* rules of one priority: drop is stronger */
	{ IN_EQUAL, IN ICMP("10.7.1.1", "10.6.0.10"), NULL, true },
	{ IN_EQUAL, IN ICMP("10.7.0.1", "10.6.0.10"), NULL, false },

	/* conjunctions: both ranges of ports, from members only */
	{ IN_PEERS, IN TCP("10.6.1.1", "10.6.0.10", 1000), NULL, true },
	{ IN_PEERS, IN TCP("10.6.1.6", "10.6.0.10", 1999), NULL, true },
	{ IN_PEERS, IN TCP("10.6.1.3", "10.6.0.10", 5555), NULL, true },
	{ IN_PEERS, IN TCP("10.6.1.1", "10.6.0.10", 999), NULL, false },
	{ IN_PEERS, IN TCP("10.6.1.1", "10.6.0.10", 2000), NULL, false },
	{ IN_PEERS, IN TCP("10.6.1.4", "10.6.0.10", 1000), NULL, false },
	{ IN_PEERS, IN UDP("10.6.1.1", "10.6.0.10", 1000, 1000), NULL, false },

	/* this side's address and ports */
	{ IN_LOCAL, OUT UDP("10.6.0.10", "10.6.0.2", 1024, 53), NULL, true },
	{ IN_LOCAL, OUT UDP("10.6.0.10", "10.6.0.2", 1023, 53), NULL, false },
	{ IN_LOCAL, OUT UDP("10.6.0.12", "10.6.0.2", 1024, 53), NULL, false },
};

START_TEST(passes_what_it_should)
{
	size_t tried = 0;

	if (vswitch.dir == NULL)
		return;
	load(_i, -1);
	for (size_t i = 0; i < G_N_ELEMENTS(packets); i++) {
		if (packets[i].port != _i)
			continue;
		g_autofree char *actions = trace(packets[i].packet, packets[i].state);
		ck_assert_msg((strcmp(actions, "drop") != 0) == packets[i].passes, "port %d: %s (%s): %s", _i, packets[i].packet,
		    packets[i].state == NULL ? "new" : packets[i].state, actions);
		tried++;
	}
	ck_assert(tried > 0 || _i == IN_ALL);
}
END_TEST

/* Between two guests of a bridge both have their say. */
START_TEST(asks_both_guests)
{
	static const struct {
		int from, to;
		const char *packet;
		bool passes;
	} pairs[] = {
		{ IPV4, IPV4, OUT TCP("10.6.0.10", "10.6.0.11", 80), true },
		{ IN_WEB, IN_WEB, OUT TCP("10.6.0.10", "10.6.0.11", 9999), true }, /* of the same group */
		{ IPV4, IN_WEB, OUT TCP("10.6.0.10", "10.6.0.11", 80), true },
		{ IPV4, IN_CLOSED, OUT TCP("10.6.0.10", "10.6.0.11", 80), false },
		{ IN_CLOSED, IPV4, OUT TCP("10.6.0.10", "10.6.0.11", 80), false },
		{ IN_CLOSED, IN_CLOSED, OUT ARP(MAC, "10.6.0.10"), true },
		{ IPV4, IN_WEB, OUT TCP("10.6.0.99", "10.6.0.11", 80), false },
	};

	for (size_t i = 0; vswitch.dir != NULL && i < G_N_ELEMENTS(pairs); i++) {
		load(pairs[i].from, pairs[i].to);
		g_autofree char *actions = trace(pairs[i].packet, NULL);
		ck_assert_msg((strcmp(actions, "drop") != 0) == pairs[i].passes, "%zu: %s: %s", i, pairs[i].packet, actions);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("flows");
	TCase *lists = tcase_create("lists"), *traces = tcase_create("packets");

	tcase_add_checked_fixture(lists, read_groups, free_groups);
	tcase_add_loop_test(lists, writes_flows, 0, G_N_ELEMENTS(written));
	tcase_add_loop_test(lists, is_the_same_each_time, 0, PORTS);
	tcase_add_loop_test(lists, has_each_match_once, 0, PORTS);
	tcase_add_test(lists, joins_long_lists);
	tcase_add_loop_test(lists, refuses_other_ports, 0, G_N_ELEMENTS(wrong));
	tcase_add_test(lists, takes_every_spelling_of_a_mac);
	tcase_add_loop_test(lists, is_read_by_ovs, 0, PORTS);
	suite_add_tcase(suite, lists);
	tcase_add_unchecked_fixture(traces, start_vswitch, stop_vswitch);
	tcase_add_checked_fixture(traces, read_groups, free_groups);
	tcase_set_timeout(traces, 120);
	tcase_add_loop_test(traces, passes_what_it_should, 0, PORTS_OF_PACKETS);
	tcase_add_test(traces, asks_both_guests);
	suite_add_tcase(suite, traces);
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
