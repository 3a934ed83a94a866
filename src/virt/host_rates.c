/* Rates and mirrors of guests' ports; see host_rates.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"
#include "src/virt/host_ovsdb.h"
#include "src/virt/host_rates.h"

/* A meter's fields have 32 bits. */
#define MOST INT64_C(4294967295)
#define KBIT 1000
#define RATE_KEY "solovirt-rate"

/* --- what is asked for --------------------------------------------------------------------------------------------------- */

int
rates_check(json_t *guard, struct error *err)
{
	json_t *rates = json_object_get(guard, "rates"), *mirror = json_object_get(guard, "mirror");
	int64_t numbers[4] = { 0 };

	if (mirror != NULL && !json_is_boolean(mirror))
		return error_set(err, EINVAL, "guards: mirror is true or false");
	if (rates == NULL)
		return 0;
	if (service_args(rates, err, "{s?:I,s?:I,s?:I,s?:I}", "to", &numbers[0], "toBurst", &numbers[1], "from", &numbers[2], "fromBurst", &numbers[3]) < 0)
		return error_wrap(err, "guards: rates: ");
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (numbers[i] < 0 || numbers[i] > MOST)
			return error_set(err, EINVAL, "guards: rates are between 0 and %" PRId64 " kbit", MOST);
	return 0;
}

struct port_wish
rates_read(json_t *guard, const struct ovs_port *port)
{
	json_t *rates = json_object_get(guard, "rates");

	return (struct port_wish){ .port = port,
		.to = json_integer_value(json_object_get(rates, "to")), .to_burst = json_integer_value(json_object_get(rates, "toBurst")),
		.from = json_integer_value(json_object_get(rates, "from")), .from_burst = json_integer_value(json_object_get(rates, "fromBurst")),
		.mirror = json_is_true(json_object_get(guard, "mirror")) };
}

static const struct port_wish *
wish_at(const GArray *wishes, guint i)
{
	return &g_array_index(wishes, struct port_wish, i);
}

/* --- meters ---------------------------------------------------------------------------------------------------------------- */

static int
control_meters(const char *what, const struct ovs_bridge *bridge, const char *meter, char **output, struct error *err)
{
	const char *const words[] = { "ovs-ofctl", "--timeout=12", "-O", "OpenFlow13", what, OVS_BRIDGE, meter, NULL };

	return ovs_control(bridge, words, NULL, output, err);
}

/* Meters that there are: number -> "rate burst". */
static GHashTable *
read_meters(const struct ovs_bridge *bridge, struct error *err)
{
	g_autofree char *text = NULL;
	g_autoptr(GRegex) regex = g_regex_new("meter=([0-9]+)[^=]*bands=\\s*type=drop rate=([0-9]+)(?: burst_size=([0-9]+))?", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	GHashTable *meters;

	if (control_meters("dump-meters", bridge, NULL, &text, err) < 0)
		return NULL;
	meters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (g_regex_match(regex, text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
		g_autofree char *rate = g_match_info_fetch(match, 2), *burst = g_match_info_fetch(match, 3);
		g_hash_table_insert(meters, g_match_info_fetch(match, 1), g_strdup_printf("%s %s", rate, burst));
	}
	return meters;
}

static bool
is_metered(const struct port_wish *wish, const struct ovs_bridge *bridge)
{
	return wish->from > 0 && strcmp(wish->port->bridge, bridge->name) == 0;
}

static int
ensure_meter(const struct ovs_bridge *bridge, const struct port_wish *wish, GHashTable *meters, struct error *err)
{
	g_autofree char *number = g_strdup_printf("%" PRId64, wish->port->number), *wanted = g_strdup_printf("%" PRId64 " %" PRId64, wish->from, wish->from_burst);
	g_autofree char *text = g_strdup_printf("meter=%s,kbps,burst,stats,bands=type=drop,rate=%" PRId64 ",burst_size=%" PRId64, number, wish->from, wish->from_burst);
	const char *there = g_hash_table_lookup(meters, number);

	if (g_strcmp0(there, wanted) == 0)
		return 0;
	return control_meters(there == NULL ? "add-meter" : "mod-meter", bridge, text, NULL, err) < 0
	    ? error_wrap(err, "what port %s sends cannot be limited: ", wish->port->name) : 0;
}

int
rates_meters_ensure(const struct ovs_bridge *bridge, const GArray *wishes, struct error *err)
{
	g_autoptr(GHashTable) meters = NULL;

	for (guint i = 0; i < wishes->len; i++) {
		const struct port_wish *wish = wish_at(wishes, i);
		if (!is_metered(wish, bridge))
			continue;
		if (meters == NULL && (meters = read_meters(bridge, err)) == NULL)
			return -1;
		if (ensure_meter(bridge, wish, meters, err) < 0)
			return -1;
	}
	return 0;
}

int
rates_meters_sweep(const struct ovs_bridge *bridge, const GArray *wishes, struct error *err)
{
	g_autoptr(GHashTable) meters = bridge->ours ? read_meters(bridge, err) : NULL;
	GHashTableIter iter;
	void *number;

	if (meters == NULL)
		return bridge->ours ? -1 : 0;
	for (guint i = 0; i < wishes->len; i++) {
		g_autofree char *kept = g_strdup_printf("%" PRId64, wish_at(wishes, i)->port->number);
		if (is_metered(wish_at(wishes, i), bridge) || wish_at(wishes, i)->left)
			g_hash_table_remove(meters, kept);
	}
	g_hash_table_iter_init(&iter, meters);
	while (g_hash_table_iter_next(&iter, &number, NULL)) {
		g_autofree char *text = g_strconcat("meter=", number, NULL);
		if (control_meters("del-meter", bridge, text, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* --- tables ---------------------------------------------------------------------------------------------------------------- */

static const struct ovs_table tables_read[] = {
	{ "Port", "--columns=_uuid,name,qos" },
	{ "QoS", "--columns=_uuid,external_ids,queues" },
	{ "Mirror", "--columns=_uuid,external_ids,select_src_port" },
	{ "Bridge", "--columns=_uuid,name,mirrors" },
};
enum table { PORT, QOS, MIRROR, BRIDGE };
/* Places in a row. */
enum { UUID, PORT_NAME, PORT_QOS, QOS_IDS = 1, QOS_QUEUES, MIRROR_IDS = 1, MIRROR_PORTS, BRIDGE_NAME = 1, BRIDGE_MIRRORS };

/* A change in the making. */
struct change {
	json_t *tables;
	GPtrArray *commands;
	GPtrArray *mirrors; /* char *: ports to be listened on that are made */
};

static json_t *
rows_of(const struct change *c, enum table table)
{
	return json_object_get(json_array_get(c->tables, (size_t)table), "data");
}

static json_t *
find_row(const struct change *c, enum table table, size_t column, json_t *value)
{
	size_t i;
	json_t *row;

	json_array_foreach (rows_of(c, table), i, row)
		if (value != NULL && json_equal(json_array_get(row, column), value))
			return row;
	return NULL;
}

static json_t *
find_named(const struct change *c, enum table table, const char *name)
{
	json_t *text = json_string(name), *row = find_row(c, table, 1, text); /* the name is behind the uuid */

	json_decref(text);
	return row;
}

/* The text of ["uuid",TEXT]. */
static const char *
uuid_of(json_t *value)
{
	return json_string_value(json_array_get(value, 1));
}

/* --- queues ---------------------------------------------------------------------------------------------------------------- */

static char *
rate_text(const struct port_wish *wish)
{
	return g_strdup_printf("%" PRId64 "/%" PRId64, wish->to, wish->to_burst);
}

static void
drop_queue(struct change *c, json_t *qos)
{
	json_t *user = find_row(c, PORT, PORT_QOS, json_array_get(qos, UUID)), *pair;
	size_t i;

	if (user != NULL)
		ovs_change(c->commands, "clear", "Port", json_string_value(json_array_get(user, PORT_NAME)), "qos", NULL);
	ovs_change(c->commands, "--if-exists", "destroy", "QoS", uuid_of(json_array_get(qos, UUID)), NULL);
	json_array_foreach (json_array_get(json_array_get(qos, QOS_QUEUES), 1), i, pair)
		ovs_change(c->commands, "--if-exists", "destroy", "Queue", uuid_of(json_array_get(pair, 1)), NULL);
}

static void
add_queue(struct change *c, const struct port_wish *wish, guint number)
{
	g_autofree char *id = g_strdup_printf("@queue%u", number), *qos = g_strdup_printf("@qos%u", number), *told = rate_text(wish);
	g_autofree char *id_word = g_strconcat("--id=", id, NULL), *qos_word = g_strconcat("--id=", qos, NULL);
	g_autofree char *rate = g_strdup_printf("other-config:max-rate=%" PRId64, wish->to * KBIT), *burst = g_strdup_printf("other-config:burst=%" PRId64, wish->to_burst * KBIT);
	g_autofree char *queue = g_strconcat("queues:0=", id, NULL), *set = g_strconcat("qos=", qos, NULL), *mark = g_strconcat("external_ids:" RATE_KEY "=", told, NULL);

	ovs_change(c->commands, id_word, "create", "Queue", rate, burst, OVS_MARK, NULL);
	ovs_change(c->commands, qos_word, "create", "QoS", "type=linux-htb", rate, queue, OVS_MARK, mark, NULL);
	ovs_change(c->commands, "set", "Port", wish->port->name, set, NULL);
}

/* One of ours that says what is asked for. */
static bool
is_wanted(json_t *qos, const struct port_wish *wish)
{
	g_autofree char *there = ovsdb_map_get(json_array_get(qos, QOS_IDS), RATE_KEY), *wanted = rate_text(wish);

	return wish->to > 0 && ovsdb_is_ours(json_array_get(qos, QOS_IDS)) && g_strcmp0(there, wanted) == 0;
}

static const struct port_wish *
wish_of(const GArray *wishes, json_t *port)
{
	const char *name = json_string_value(json_array_get(port, PORT_NAME));

	for (guint i = 0; name != NULL && i < wishes->len; i++)
		if (strcmp(wish_at(wishes, i)->port->name, name) == 0)
			return wish_at(wishes, i);
	return NULL;
}

static void
change_queues(struct change *c, const GArray *wishes, bool all)
{
	size_t i;
	json_t *qos;

	json_array_foreach (rows_of(c, QOS), i, qos) {
		const struct port_wish *wish = wish_of(wishes, find_row(c, PORT, PORT_QOS, json_array_get(qos, UUID)));
		if (ovsdb_is_ours(json_array_get(qos, QOS_IDS)) && (wish == NULL ? all : !wish->left && !is_wanted(qos, wish)))
			drop_queue(c, qos);
	}
	for (guint k = 0; k < wishes->len; k++) {
		json_t *port = find_named(c, PORT, wish_at(wishes, k)->port->name);
		if (port != NULL && wish_at(wishes, k)->to > 0 && !is_wanted(find_row(c, QOS, UUID, json_array_get(port, PORT_QOS)), wish_at(wishes, k)))
			add_queue(c, wish_at(wishes, k), k);
	}
}

/* --- mirrors --------------------------------------------------------------------------------------------------------------- */

/* A name that would be too long for a device gives way to a number made of it. */
static char *
mirror_name(const char *bridge)
{
	const char *rest = g_str_has_prefix(bridge, "br-") ? bridge + 3 : bridge;

	return strlen(rest) <= 12 ? g_strconcat(RATES_MIRROR, rest, NULL) : g_strdup_printf(RATES_MIRROR "%08x", g_str_hash(bridge));
}

/* The bridge's mirror that is ours, or NULL. */
static json_t *
find_mirror(const struct change *c, json_t *bridge)
{
	json_t *set = ovsdb_set(json_array_get(bridge, BRIDGE_MIRRORS)), *uuid, *found = NULL;
	size_t i;

	json_array_foreach (set, i, uuid) {
		json_t *row = find_row(c, MIRROR, UUID, uuid);
		if (row != NULL && ovsdb_is_ours(json_array_get(row, MIRROR_IDS)))
			found = row;
	}
	json_decref(set);
	return found;
}

static gint
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* uuids, sorted and once each, as a set is written. */
static char *
set_text(GPtrArray *uuids)
{
	GString *text = g_string_new("[");

	g_ptr_array_sort(uuids, compare_texts);
	for (guint i = 0; i < uuids->len; i++)
		if (i == 0 || strcmp(uuids->pdata[i], uuids->pdata[i - 1]) != 0)
			g_string_append_printf(text, "%s%s", i > 0 ? "," : "", (const char *)uuids->pdata[i]);
	g_string_append_c(text, ']');
	return g_string_free(text, FALSE);
}

static void
add_members(json_t *set, GPtrArray *uuids)
{
	json_t *members = ovsdb_set(set), *uuid;
	size_t i;

	json_array_foreach (members, i, uuid)
		if (uuid_of(uuid) != NULL)
			g_ptr_array_add(uuids, (void *)(uintptr_t)uuid_of(uuid));
	json_decref(members);
}

static void
add_mirror(struct change *c, const char *bridge, const char *ports, guint number)
{
	g_autofree char *name = mirror_name(bridge), *output = g_strdup_printf("@output%u", number), *id = g_strdup_printf("@mirror%u", number);
	g_autofree char *output_word = g_strconcat("--id=", output, NULL), *id_word = g_strconcat("--id=", id, NULL), *to = g_strconcat("output_port=", output, NULL);
	g_autofree char *from = g_strconcat("select_src_port=", ports, NULL), *into = g_strconcat("select_dst_port=", ports, NULL);

	ovs_change(c->commands, "--if-exists", "del-port", bridge, name, NULL);
	ovs_change(c->commands, "add-port", bridge, name, NULL);
	ovs_change(c->commands, "set", "Interface", name, "type=internal", NULL);
	ovs_change(c->commands, "set", "Port", name, OVS_MARK, NULL);
	ovs_change(c->commands, output_word, "get", "Port", name, NULL);
	ovs_change(c->commands, id_word, "create", "Mirror", "name=solovirt", to, from, into, OVS_MARK, NULL);
	ovs_change(c->commands, "add", "Bridge", bridge, "mirrors", id, NULL);
	g_ptr_array_add(c->mirrors, g_steal_pointer(&name));
}

static void
change_mirror(struct change *c, const char *bridge, const GArray *wishes, bool all, guint number)
{
	json_t *row = find_mirror(c, find_named(c, BRIDGE, bridge)), *uuid = json_array_get(row, UUID);
	g_autoptr(GPtrArray) there = g_ptr_array_new(), wanted = g_ptr_array_new();
	g_autofree char *name = mirror_name(bridge), *before = NULL, *after = NULL;

	if (row != NULL)
		add_members(json_array_get(row, MIRROR_PORTS), there);
	if (!all)
		g_ptr_array_extend(wanted, there, NULL, NULL);
	for (guint i = 0; i < wishes->len; i++) {
		const struct port_wish *wish = wish_at(wishes, i);
		json_t *port = find_named(c, PORT, wish->port->name);
		const char *member = uuid_of(json_array_get(port, UUID));
		if (member != NULL && strcmp(wish->port->bridge, bridge) == 0 &&
		    (wish->mirror || (wish->left && g_ptr_array_find_with_equal_func(there, member, g_str_equal, NULL))))
			g_ptr_array_add(wanted, (void *)(uintptr_t)member);
	}
	before = set_text(there);
	after = set_text(wanted);
	if (row == NULL && wanted->len > 0)
		add_mirror(c, bridge, after, number);
	if (row == NULL || strcmp(before, after) == 0)
		return;
	if (wanted->len > 0) {
		g_autofree char *from = g_strconcat("select_src_port=", after, NULL), *into = g_strconcat("select_dst_port=", after, NULL);
		ovs_change(c->commands, "set", "Mirror", uuid_of(uuid), from, into, NULL);
		return;
	}
	ovs_change(c->commands, "remove", "Bridge", bridge, "mirrors", uuid_of(uuid), NULL);
	ovs_change(c->commands, "--if-exists", "del-port", bridge, name, NULL);
}

/* Nobody sees what comes to a device that is down. */
static int
raise_mirrors(const struct ovs *ovs, const struct change *c, struct error *err)
{
	for (guint i = 0; i < ovs->bridges->len; i++) {
		const struct ovs_bridge *bridge = ovs->bridges->pdata[i];
		g_autofree char *name = mirror_name(bridge->name);
		if (g_ptr_array_find_with_equal_func(c->mirrors, name, g_str_equal, NULL) && ovs_raise(bridge, name, err) < 0)
			return error_wrap(err, "the mirror %s cannot be used: ", name);
	}
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------------------------------------- */

static bool
is_asked(const GArray *wishes)
{
	for (guint i = 0; i < wishes->len; i++)
		if (wish_at(wishes, i)->to > 0 || wish_at(wishes, i)->mirror)
			return true;
	return false;
}

int
rates_apply(const struct ovs *ovs, const GArray *wishes, bool all, struct error *err)
{
	struct change c = { 0 };
	int rc;

	if (!all && !is_asked(wishes))
		return 0;
	c.tables = ovs_list(tables_read, G_N_ELEMENTS(tables_read), err);
	if (c.tables == NULL)
		return -1;
	c.commands = ovs_changes_new();
	c.mirrors = g_ptr_array_new_with_free_func(g_free);
	change_queues(&c, wishes, all);
	for (guint i = 0; i < ovs->bridges->len; i++)
		change_mirror(&c, ((const struct ovs_bridge *)ovs->bridges->pdata[i])->name, wishes, all, i);
	rc = ovs_commit(c.commands, err) < 0 ? error_wrap(err, "rates and mirrors of ports: ") : raise_mirrors(ovs, &c, err);
	g_ptr_array_unref(c.mirrors);
	g_ptr_array_unref(c.commands);
	json_decref(c.tables);
	return rc;
}
