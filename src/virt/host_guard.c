/* Flows of guests' ports; see host_guard.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_guard.h"
#include "src/virt/host_ovs.h"
#include "src/virt/host_rates.h"

/* The upper 16 bits of all our cookies. */
#define COOKIE_OURS UINT64_C(0x5056000000000000)
#define COOKIES_ALL "cookie=0x5056000000000000/0xffff000000000000"
#define FILES "/run/solovirt"
#define VERSIONS "OpenFlow14" /* the first that changes several flows at once, and has meters */
#define MARK_URI "https://solovirt.io/start/1"
enum { FLOW_MOST = 4000, PACKET_MOST = 1000, TRACE_MOST = 64 << 10 };

/* Two lanes must not compare and put in flows at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t
cookie_of(const char *uid, const char *mac)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1), *text = g_strdup_printf("%s %s", uid, lower);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);

	digest[12] = '\0';
	return COOKIE_OURS | g_ascii_strtoull(digest, NULL, 16);
}

/* --- what may become a flow ------------------------------------------------------------------------------------------ */

static bool
is_line(const char *text)
{
	const char *at = text;

	while (*at >= ' ' && *at <= '~')
		at++;
	return at > text && *at == '\0';
}

/* ovs-ofctl reads one a line; cookies are ours to give. */
static int
check_flow(const char *flow, struct error *err)
{
	if (flow == NULL || !is_line(flow) || strlen(flow) > FLOW_MOST ||
	    strstr(flow, "cookie") != NULL || strstr(flow, "actions=") == NULL || strpbrk(flow, "#\"\\") != NULL)
		return error_set(err, EINVAL, "guards: a flow is one line of matches and actions without a cookie");
	return 0;
}

static int
check_guard(json_t *guard, struct error *err)
{
	const char *mac;
	json_t *flows, *flow;
	size_t i;

	if (service_args(guard, err, "{s:s,s:o}", "mac", &mac, "flows", &flows) < 0 || host_dhcp_check_mac(mac, err) < 0)
		return error_wrap(err, "guards: ");
	if (!json_is_array(flows))
		return error_set(err, EINVAL, "guards: flows is a list");
	json_array_foreach (flows, i, flow)
		if (check_flow(json_string_value(flow), err) < 0)
			return -1;
	return rates_check(guard, err);
}

int
guard_check(json_t *guards, struct error *err)
{
	size_t i;
	json_t *guard;

	if (guards != NULL && !json_is_array(guards))
		return error_set(err, EINVAL, "guards: is a list");
	if (json_array_size(guards) > 0 && ovs_check_known(err) < 0)
		return -1;
	json_array_foreach (guards, i, guard)
		if (check_guard(guard, err) < 0)
			return -1;
	return 0;
}

/* --- flows of ports -------------------------------------------------------------------------------------------------- */

static void
add_flows(GString *text, const char *before, uint64_t cookie, const struct ovs_port *port, json_t *flows)
{
	g_autofree char *number = g_strdup_printf("%" PRId64, port->number);
	size_t i;
	json_t *flow;

	json_array_foreach (flows, i, flow) {
		g_auto(GStrv) parts = g_strsplit(json_string_value(flow), "{port}", -1);
		g_autofree char *filled = g_strjoinv(number, parts);
		g_string_append_printf(text, "%scookie=0x%" PRIx64 ",%s\n", before, cookie, filled);
	}
}

/* All at once or nothing. */
static int
change_flows(const struct ovs_bridge *bridge, const char *text, struct error *err)
{
	const char *const words[] = { "ovs-ofctl", "--timeout=12", "-O", VERSIONS, "--bundle", "add-flows", OVS_BRIDGE, "-", NULL };

	return ovs_control(bridge, words, text, NULL, err);
}

/* In user space the host's own stack sees a guest's frames, too, and would answer questions for the host's addresses. */
static void
silence_host(const struct ovs *ovs, const struct ovs_port *port)
{
	const struct ovs_bridge *bridge = ovs_find_bridge(ovs, port->bridge);
	g_autofree char *path = g_strdup_printf("/proc/sys/net/ipv4/conf/%s/arp_ignore", port->name);
	int fd = host_is_local() && bridge != NULL && bridge->netdev ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	(void)!write(fd, "8", 1);
	close(fd);
}

static GString *
text_for(GHashTable *texts, const char *bridge)
{
	GString *text = g_hash_table_lookup(texts, bridge);

	if (text == NULL) {
		text = g_string_new(NULL);
		g_hash_table_insert(texts, g_strdup(bridge), text);
	}
	return text;
}

static void
text_free(void *text)
{
	g_string_free(text, TRUE);
}

static GHashTable *
texts_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, text_free);
}

/* A meter is there before the flows that name it. */
static int
put_in(const struct ovs_bridge *bridge, const char *text, const GArray *wishes, struct error *err)
{
	if (rates_meters_ensure(bridge, wishes, err) < 0)
		return -1;
	if (*text != '\0' && change_flows(bridge, text, err) < 0)
		return error_wrap(err, "the guards of bridge %s cannot be put in: ", bridge->name);
	return 0;
}

static GArray *
wishes_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(struct port_wish));
}

static int
install(const struct ovs *ovs, const char *domain, const char *uid, json_t *guards, struct error *err)
{
	g_autoptr(GHashTable) texts = texts_new();
	g_autoptr(GArray) wishes = wishes_new();
	GHashTableIter iter;
	void *bridge, *text;
	size_t i;
	json_t *guard;

	json_array_foreach (guards, i, guard) {
		const char *mac = json_string_value(json_object_get(guard, "mac"));
		const struct ovs_port *port = ovs_find_guest(ovs, domain, mac);
		struct port_wish wish = rates_read(guard, port);
		uint64_t cookie = cookie_of(uid, mac);

		if (port == NULL || port->number <= 0)
			return error_set(err, ENOENT, "the interface %s is to be guarded but has no port that works in Open vSwitch", mac);
		silence_host(ovs, port);
		g_array_append_val(wishes, wish);
		g_string_append_printf(text_for(texts, port->bridge), "delete cookie=0x%" PRIx64 "/-1\n", cookie);
		add_flows(text_for(texts, port->bridge), "add ", cookie, port, json_object_get(guard, "flows"));
	}
	g_hash_table_iter_init(&iter, texts);
	while (g_hash_table_iter_next(&iter, &bridge, &text))
		if (put_in(ovs_find_bridge(ovs, bridge), ((GString *)text)->str, wishes, err) < 0)
			return -1;
	return rates_apply(ovs, wishes, false, err);
}

int
guard_install(virDomainPtr domain, const char *uid, json_t *guards, struct error *err)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	int rc = -1;

	virDomainGetUUIDString(domain, uuid);
	pthread_mutex_lock(&lock);
	OVS_AUTO *ovs = ovs_read(err);
	if (ovs != NULL)
		rc = install(ovs, uuid, uid, guards, err);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* --- the mark of a start --------------------------------------------------------------------------------------------- */

int
guard_mark(virDomainPtr domain, struct error *err)
{
	if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<unguarded/>", "start", MARK_URI, VIR_DOMAIN_AFFECT_CONFIG) < 0)
		return host_error(err, "cannot mark domain %s", virDomainGetName(domain));
	return 0;
}

bool
guard_is_marked(virDomainPtr domain)
{
	char *text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, MARK_URI, VIR_DOMAIN_AFFECT_LIVE);
	bool marked = text != NULL;

	free(text);
	return marked;
}

int
guard_unmark(virDomainPtr domain, struct error *err)
{
	if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, NULL, NULL, MARK_URI,
	        VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG) < 0)
		return host_error(err, "cannot unmark domain %s", virDomainGetName(domain));
	return 0;
}

/* --- guards-sync ----------------------------------------------------------------------------------------------------- */

/* What flows there have to be. */
struct plan {
	const struct ovs *ovs;
	GHashTable *names, *uuids; /* domains that run: by name, which owns them, and by uuid */
	GHashTable *wanted;        /* bridge -> flows, one a line */
	GArray *wishes;            /* struct port_wish */
	GHashTable *cookies;       /* uint64_t of those, as pointers to allocated numbers: listed */
	GHashTable *unlisted;      /* the same of guests who run but are not listed; NULL: not looked for yet */
};

static void
add_cookie(GHashTable *cookies, uint64_t cookie)
{
	g_hash_table_add(cookies, g_memdup2(&cookie, sizeof(cookie)));
}

/* One question for all of them: a host may have hundreds. */
static int
list_domains(struct plan *plan, virConnectPtr connection, struct error *err)
{
	g_autofree virDomainPtr *all = NULL;
	int count = virConnectListAllDomains(connection, &all, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

	if (count < 0)
		return host_error(err, "cannot list the domains");
	for (int i = 0; i < count; i++) {
		char uuid[VIR_UUID_STRING_BUFLEN] = "";
		virDomainGetUUIDString(all[i], uuid);
		g_hash_table_insert(plan->names, g_strdup(virDomainGetName(all[i])), all[i]);
		g_hash_table_insert(plan->uuids, g_strdup(uuid), all[i]);
	}
	return 0;
}

/* 1: the domain is the guest's; 0: another one's, or it ended just now; -1. */
static int
is_owned(virDomainPtr domain, const char *uid, struct error *err)
{
	HOST_OWNER_AUTO owner = { 0 };
	struct error why = { 0 };

	if (host_owner_of(domain, &owner, &why) < 0)
		return why.code == ENOENT ? 0 : error_set(err, why.code, "%s", why.text);
	return g_strcmp0(owner.uid, uid) == 0;
}

/* A domain that does not run has no port. */
static int
plan_guard(struct plan *plan, json_t *guard, struct error *err)
{
	const char *name, *uid, *mac;
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	int owned;

	if (service_args(guard, err, "{s:s,s:s,s:s}", "name", &name, "uid", &uid, "mac", &mac) < 0)
		return error_wrap(err, "guards: ");
	add_cookie(plan->cookies, cookie_of(uid, mac));
	virDomainPtr domain = g_hash_table_lookup(plan->names, name);
	if (domain != NULL)
		virDomainGetUUIDString(domain, uuid);
	const struct ovs_port *port = ovs_find_guest(plan->ovs, uuid, mac);
	if (port == NULL || port->number <= 0)
		return 0;
	owned = is_owned(domain, uid, err);
	if (owned != 1)
		return owned;
	silence_host(plan->ovs, port);
	struct port_wish wish = rates_read(guard, port);
	g_array_append_val(plan->wishes, wish);
	add_flows(text_for(plan->wanted, port->bridge), "", cookie_of(uid, mac), port, json_object_get(guard, "flows"));
	return 0;
}

/* The cookies of guests who run but are not listed: they were started since the list was made. */
static GHashTable *
find_unlisted(const struct plan *plan)
{
	GHashTable *unlisted = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

	for (guint i = 0; i < plan->ovs->ports->len; i++) {
		const struct ovs_port *port = plan->ovs->ports->pdata[i];
		virDomainPtr domain = port->vm == NULL || port->mac == NULL ? NULL : g_hash_table_lookup(plan->uuids, port->vm);
		HOST_OWNER_AUTO owner = { 0 };
		struct error ignored = { 0 };

		if (domain != NULL && host_owner_of(domain, &owner, &ignored) == 0 && owner.uid != NULL)
			add_cookie(unlisted, cookie_of(owner.uid, port->mac));
	}
	return unlisted;
}

/* Flows that are left alone.  Only a strange cookie is worth the questions. */
static bool
is_unlisted(struct plan *plan, uint64_t cookie)
{
	if (g_hash_table_contains(plan->cookies, &cookie))
		return false;
	if (plan->unlisted == NULL)
		plan->unlisted = find_unlisted(plan);
	return g_hash_table_contains(plan->unlisted, &cookie);
}

/* A line of ovs-ofctl dump-flows; 0: it is none. */
static uint64_t
cookie_in(const char *line)
{
	const char *at = strstr(line, "cookie=0x");

	return at == NULL ? 0 : g_ascii_strtoull(at + strlen("cookie=0x"), NULL, 16);
}

/* What there is of ours in a bridge, without what is left alone; *removal gets the commands that take it away. */
static char *
read_flows(struct plan *plan, const struct ovs_bridge *bridge, GString *removal, struct error *err)
{
	const char *const words[] = { "ovs-ofctl", "--timeout=12", "-O", VERSIONS, "--no-stats", "--no-names", "dump-flows", OVS_BRIDGE, COOKIES_ALL, NULL };
	g_autofree char *output = NULL;
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	GString *text = g_string_new(NULL);

	if (ovs_control(bridge, words, NULL, &output, err) < 0) {
		g_string_free(text, TRUE);
		return NULL;
	}
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		uint64_t cookie = cookie_in(*line);
		if (cookie == 0 || is_unlisted(plan, cookie))
			continue;
		g_string_append_printf(text, "%s\n", g_strstrip(*line));
		if (g_hash_table_contains(seen, &cookie))
			continue;
		add_cookie(seen, cookie);
		g_string_append_printf(removal, "delete cookie=0x%" PRIx64 "/-1\n", cookie);
	}
	return g_string_free(text, FALSE);
}

static char *
write_file(const char *text, struct error *err)
{
	char *path = g_strdup(FILES "/flows-XXXXXX");
	int fd;

	g_mkdir_with_parents(FILES, 0755);
	fd = g_mkstemp(path);
	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)) {
		close(fd);
		return path;
	}
	error_errno(err, "cannot write %s", path);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	g_free(path);
	return NULL;
}

/* 1: they say the same, each in its own words; 0, or -1. */
static int
are_same(const char *there, const char *wanted, struct error *err)
{
	g_autofree char *a = write_file(there, err), *b = a == NULL ? NULL : write_file(wanted, err), *complaint = NULL;
	const char *const words[] = { "ovs-ofctl", "-O", VERSIONS, "diff-flows", a, b, NULL };
	int status = b == NULL ? -1 : host_child_run(words, NULL, OVS_SECONDS * 1000, NULL, &complaint, err);

	if (a != NULL)
		unlink(a);
	if (b != NULL)
		unlink(b);
	if (status < 0 || status == 0 || status == 2)
		return status < 0 ? -1 : status == 0;
	return error_set(err, EINVAL, "Open vSwitch does not take the flows of the guards: %s", complaint);
}

/* --- what was found to be the same before ---------------------------------------------------------------------------- */

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
digest_lines(GChecksum *sum, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	qsort(lines, g_strv_length(lines), sizeof(*lines), compare_lines);
	for (char **line = lines; *line != NULL; line++)
		if (**line != '\0')
			g_checksum_update(sum, (const guchar *)*line, (gssize)strlen(*line) + 1);
	g_checksum_update(sum, (const guchar *)"\n", 1);
}

/* Of two texts, whatever the order of their lines. */
static char *
digest_pair(const char *there, const char *wanted)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	digest_lines(sum, there);
	digest_lines(sum, wanted);
	return g_strdup(g_checksum_get_string(sum));
}

/* As are_same(), but the answer for a bridge is noted: reading thousands of flows takes ovs-ofctl its time, and after a restart of the
 * daemon they are mostly what they were. */
static int
are_same_flows(const char *bridge, const char *there, const char *wanted, struct error *err)
{
	g_autofree char *suffix = ovs_place_suffix(), *path = g_strdup_printf(FILES "/flows-%s%s.same", bridge, suffix), *digest = digest_pair(there, wanted), *known = NULL;
	struct error ignored = { 0 };
	int same;

	if (g_file_get_contents(path, &known, NULL, NULL) && strcmp(known, digest) == 0)
		return 1;
	same = are_same(there, wanted, err);
	if (same == 1)
		host_dhcp_write(path, digest, &ignored);
	return same;
}

static int
sync_bridge(struct plan *plan, const struct ovs_bridge *at, GString *mended, struct error *err)
{
	const char *bridge = at->name;
	const GString *wanted = g_hash_table_lookup(plan->wanted, bridge);
	const char *text = wanted == NULL ? "" : wanted->str;
	g_autoptr(GString) changes = g_string_new(NULL);
	g_autofree char *there = read_flows(plan, at, changes, err);
	int same = there == NULL ? -1 : *there == '\0' && *text == '\0' ? 1 : are_same_flows(bridge, there, text, err);

	if (same != 0)
		return same < 0 ? -1 : put_in(at, "", plan->wishes, err);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		if (**line != '\0')
			g_string_append_printf(changes, "add %s\n", *line);
	if (put_in(at, changes->str, plan->wishes, err) < 0)
		return -1;
	if (strstr(there, "meter:") != NULL && rates_meters_sweep(at, plan->wishes, err) < 0)
		return -1;
	g_string_append_printf(mended, "%sbridge %s did not have the flows that guard its ports and has them now", mended->len > 0 ? "; " : "", bridge);
	return 0;
}

/* Ports of guests who are not listed: they were started since the list was made, with what is theirs. */
static void
leave_others(struct plan *plan)
{
	g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < plan->wishes->len; i++)
		g_hash_table_add(listed, (void *)(uintptr_t)g_array_index(plan->wishes, struct port_wish, i).port);
	for (guint i = 0; i < plan->ovs->ports->len; i++) {
		const struct port_wish left = { .port = plan->ovs->ports->pdata[i], .left = true };
		if (left.port->vm != NULL && g_hash_table_contains(plan->uuids, left.port->vm) && !g_hash_table_contains(listed, left.port))
			g_array_append_val(plan->wishes, left);
	}
}

static int
sync_all(struct plan *plan, json_t *guards, GString *mended, struct error *err)
{
	struct error failed = { 0 }, why = { 0 };
	size_t i;
	json_t *guard;

	json_array_foreach (guards, i, guard)
		if (plan_guard(plan, guard, err) < 0)
			return -1;
	leave_others(plan);
	/* one that does not answer keeps the others from nothing */
	for (guint k = 0; k < plan->ovs->bridges->len; k++) {
		const struct ovs_bridge *bridge = plan->ovs->bridges->pdata[k];
		/* Others' bridges may have a name that is no word for us; they have no port of ours then. */
		if (!bridge->works || ovs_check_name("bridge", bridge->name, NULL) < 0)
			continue;
		/* Nor have those of others that do not listen for us. */
		if (bridge->target == NULL && !bridge->ours && g_hash_table_lookup(plan->wanted, bridge->name) == NULL)
			continue;
		if (sync_bridge(plan, bridge, mended, &why) < 0)
			failed = failed.code == 0 ? why : failed;
		why = (struct error){ 0 };
	}
	if (rates_apply(plan->ovs, plan->wishes, true, &why) < 0 && failed.code == 0)
		failed = why;
	if (failed.code == 0)
		return 0;
	*err = failed;
	return -1;
}

static void
domain_free(void *domain)
{
	virDomainFree(domain);
}

static json_t *
run_sync(struct host_call *call, struct error *err)
{
	g_autoptr(GHashTable) wanted = texts_new(), cookies = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, domain_free);
	g_autoptr(GHashTable) uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) mended = g_string_new(NULL);
	g_autoptr(GArray) wishes = wishes_new();
	struct plan plan = { .names = names, .uuids = uuids, .wanted = wanted, .wishes = wishes, .cookies = cookies };
	json_t *guards;
	int rc = -1;

	if (host_args(call, err, "{s:o}", "guards", &guards) < 0 || ovs_check_known(err) < 0 || guard_check(guards, err) < 0)
		return NULL;
	pthread_mutex_lock(&lock);
	OVS_AUTO *ovs = ovs_read(err);
	plan.ovs = ovs;
	if (ovs != NULL && list_domains(&plan, call->connection, err) == 0)
		rc = sync_all(&plan, guards, mended, err);
	pthread_mutex_unlock(&lock);
	g_clear_pointer(&plan.unlisted, g_hash_table_unref);
	return rc < 0 ? NULL : json_pack("{s:s*}", "mended", mended->len > 0 ? mended->str : NULL);
}

/* --- port-trace ------------------------------------------------------------------------------------------------------ */

/* " 0. in_port=3, priority 100, cookie 0x5056000000000001": the last flow that a packet met. */
static char *
last_rule(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	char *rule = NULL;

	for (char **line = lines; *line != NULL; line++) {
		const char *start = *line + strspn(*line, " ");
		if (!g_regex_match_simple("^[0-9]+\\. ", start, 0, 0))
			continue;
		g_free(rule);
		rule = g_strdup(start);
	}
	return rule != NULL ? rule : g_strdup("");
}

/* A packet that waits for connection tracking is traced on: the last word counts. */
static bool
is_forwarded(const char *text)
{
	const char *last = NULL;

	for (const char *at = text; (at = strstr(at, "Datapath actions: ")) != NULL; at++)
		last = at + strlen("Datapath actions: ");
	return last != NULL && !g_str_has_prefix(last, "drop");
}

static int
check_packet(const char *packet, struct error *err)
{
	if (strlen(packet) <= PACKET_MOST && g_regex_match_simple("^[A-Za-z0-9_=.,:/+-]+$", packet, G_REGEX_DOLLAR_ENDONLY, 0) &&
	    strstr(packet, "in_port") == NULL && *packet != '-')
		return 0;
	return error_set(err, EINVAL, "packet: fields of ovs-fields(7) with commas between them and without in_port, like ip,nw_dst=10.6.0.9");
}

static json_t *
trace(const struct ovs_bridge *bridge, const struct ovs_port *port, const char *mac, const char *packet, struct error *err)
{
	bool sender = strstr(packet, "dl_src=") != NULL || strstr(packet, "eth_src=") != NULL;
	g_autofree char *flow = g_strdup_printf("in_port=%" PRId64 "%s%s,%s", port->number, sender ? "" : ",dl_src=", sender ? "" : mac, packet);
	const char *const words[] = { "ovs-appctl", "--timeout=12", "ofproto/trace", OVS_BRIDGE, flow, NULL };
	g_autofree char *output = NULL;

	if (ovs_control(bridge, words, NULL, &output, err) < 0)
		return NULL;
	g_autofree char *rule = last_rule(output), *text = g_utf8_make_valid(output, (gssize)MIN(strlen(output), TRACE_MOST));
	return json_pack("{s:b,s:s,s:s}", "forwarded", is_forwarded(output), "rule", rule, "text", text);
}

static json_t *
run_trace(struct host_call *call, struct error *err)
{
	const char *name, *uid, *mac, *packet;
	char uuid[VIR_UUID_STRING_BUFLEN] = "";

	if (host_args(call, err, "{s:s,s:s,s:s,s:s}", "name", &name, "uid", &uid, "mac", &mac, "packet", &packet) < 0 ||
	    ovs_check_local("a trace of a packet", "run ovs-appctl ofproto/trace there", err) < 0 || host_dhcp_check_mac(mac, err) < 0 || check_packet(packet, err) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	OVS_AUTO *ovs = domain == NULL ? NULL : ovs_read(err);
	if (ovs == NULL)
		return NULL;
	virDomainGetUUIDString(domain, uuid);
	const struct ovs_port *port = ovs_find_guest(ovs, uuid, mac);
	if (port == NULL || port->number <= 0) {
		error_set(err, ENOENT, "%s has no port with MAC %s in Open vSwitch", name, mac);
		return NULL;
	}
	return trace(ovs_find_bridge(ovs, port->bridge), port, mac, packet, err);
}

const struct host_verb host_guard_verbs[] = {
	{ "guards-sync", run_sync },
	{ "port-trace", run_trace },
	{ NULL, NULL },
};
