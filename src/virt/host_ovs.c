/* What Open vSwitch's database says, and changes of it; see host_ovs.h. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/virt/host.h"
#include "src/virt/host_ovs.h"
#include "src/virt/host_ovsdb.h"

#define VSCTL_TIMEOUT "--timeout=12"

enum { TIMEOUT_MS = OVS_SECONDS * 1000, LOOK_MS = 100, BRIDGE_MS = 8000, IP_MS = 10000 };

/* --- reading --------------------------------------------------------------------------------------------------------- */

static const struct ovs_table read_tables[] = {
	{ "Bridge", "--columns=_uuid,name,external_ids,datapath_type,datapath_id,ports,controller" },
	{ "Port", "--columns=_uuid,name,external_ids,tag,trunks,interfaces" },
	{ "Interface", "--columns=_uuid,name,external_ids,ofport,error,mtu" },
	{ "Controller", "--columns=_uuid,target,external_ids" },
};
/* Places in those. */
enum { UUID, NAME, IDS, BRIDGE_TYPE, BRIDGE_ID, BRIDGE_PORTS, BRIDGE_CONTROLLER, PORT_TAG = IDS + 1, PORT_TRUNKS, PORT_INTERFACES,
	INTERFACE_NUMBER = IDS + 1, INTERFACE_ERROR, INTERFACE_MTU, CONTROLLER_TARGET = NAME, CONTROLLER_IDS };

static const char *
uuid_text(json_t *uuid)
{
	const char *text = json_string_value(json_array_get(uuid, 1));

	return text != NULL ? text : "";
}

/* Rows by their uuid, ["uuid","..."] in the first column; all borrowed.  A bridge may have thousands of ports. */
static GHashTable *
index_rows(json_t *table)
{
	GHashTable *rows = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i;
	json_t *row;

	json_array_foreach (json_object_get(table, "data"), i, row)
		g_hash_table_insert(rows, (void *)(uintptr_t)uuid_text(json_array_get(row, 0)), row);
	return rows;
}

static json_t *
find_row(GHashTable *rows, json_t *uuid)
{
	return g_hash_table_lookup(rows, uuid_text(uuid));
}

static void
bridge_free(void *pointer)
{
	struct ovs_bridge *bridge = pointer;

	g_free(bridge->name);
	g_free(bridge->target);
	g_ptr_array_unref(bridge->stale);
	g_free(bridge);
}

static void
port_free(void *pointer)
{
	struct ovs_port *port = pointer;

	g_free(port->name);
	g_free(port->subnet);
	g_free(port->mac);
	g_free(port->vm);
	g_free(port->error);
	g_array_unref(port->trunks);
	g_free(port);
}

void
ovs_free(struct ovs *ovs)
{
	if (ovs == NULL)
		return;
	g_hash_table_unref(ovs->guests);
	g_array_unref(ovs->listening);
	g_ptr_array_unref(ovs->ports);
	g_ptr_array_unref(ovs->bridges);
	g_free(ovs);
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static GArray *
read_trunks(json_t *value)
{
	GArray *trunks = g_array_new(FALSE, FALSE, sizeof(int64_t));
	json_t *set = ovsdb_set(value), *one;
	size_t i;

	json_array_foreach (set, i, one) {
		int64_t tag = json_integer_value(one);
		g_array_append_val(trunks, tag);
	}
	json_decref(set);
	g_array_sort(trunks, compare_numbers);
	return trunks;
}

static char *
guest_key(const char *vm, const char *mac)
{
	g_autofree char *lower = g_ascii_strdown(mac, -1);

	return g_strdup_printf("%s %s", vm, lower);
}

static void
read_interface(struct ovs *ovs, const struct ovs_bridge *bridge, json_t *port, json_t *interface)
{
	struct ovs_port *read = g_new0(struct ovs_port, 1);
	json_t *ids = json_array_get(interface, IDS);

	*read = (struct ovs_port){
		.name = ovsdb_string(json_array_get(interface, NAME)),
		.bridge = bridge->name,
		.ours = ovsdb_is_ours(json_array_get(port, IDS)),
		.subnet = ovsdb_map_get(json_array_get(port, IDS), OVS_SUBNET),
		.mac = ovsdb_map_get(ids, "attached-mac"),
		.vm = ovsdb_map_get(ids, "vm-id"),
		.error = ovsdb_string(json_array_get(interface, INTERFACE_ERROR)),
		.number = ovsdb_number(json_array_get(interface, INTERFACE_NUMBER)),
		.mtu = ovsdb_number(json_array_get(interface, INTERFACE_MTU)),
		.tag = ovsdb_number(json_array_get(port, PORT_TAG)),
		.trunks = read_trunks(json_array_get(port, PORT_TRUNKS)),
	};
	g_ptr_array_add(ovs->ports, read);
	if (read->vm != NULL && read->mac != NULL)
		g_hash_table_insert(ovs->guests, guest_key(read->vm, read->mac), read);
}

/* Who may ask a bridge, and where it listens. */
static void
read_controllers(struct ovs *ovs, struct ovs_bridge *bridge, json_t *value, GHashTable *controllers)
{
	json_t *set = ovsdb_set(value), *uuid;
	size_t i;

	bridge->stale = g_ptr_array_new_with_free_func(g_free);
	bridge->target = ovs_is_remote() ? NULL : g_strdup(bridge->name);
	json_array_foreach (set, i, uuid) {
		json_t *row = find_row(controllers, uuid);
		g_autofree char *listener = ovsdb_string(json_array_get(row, CONTROLLER_TARGET)), *target = NULL;
		int64_t port = listener == NULL ? -1 : ovs_place_port(listener);
		if (port > 0)
			g_array_append_val(ovs->listening, port);
		target = port > 0 ? ovs_place_target(listener) : NULL;
		if (target != NULL && bridge->target == NULL)
			bridge->target = g_steal_pointer(&target);
		else if (target == NULL && ovs_is_remote() && ovsdb_is_ours(json_array_get(row, CONTROLLER_IDS)))
			g_ptr_array_add(bridge->stale, g_strdup(uuid_text(uuid)));
	}
	json_decref(set);
}

static void
read_bridge(struct ovs *ovs, json_t *row, GHashTable *ports, GHashTable *interfaces, GHashTable *controllers)
{
	struct ovs_bridge *bridge = g_new0(struct ovs_bridge, 1);
	g_autofree char *type = ovsdb_string(json_array_get(row, BRIDGE_TYPE)), *id = ovsdb_string(json_array_get(row, BRIDGE_ID));
	json_t *set = ovsdb_set(json_array_get(row, BRIDGE_PORTS)), *uuid;
	size_t i;

	bridge->name = ovsdb_string(json_array_get(row, NAME));
	bridge->ours = ovsdb_is_ours(json_array_get(row, IDS));
	bridge->netdev = g_strcmp0(type, "netdev") == 0;
	bridge->works = id != NULL;
	read_controllers(ovs, bridge, json_array_get(row, BRIDGE_CONTROLLER), controllers);
	g_ptr_array_add(ovs->bridges, bridge);
	json_array_foreach (set, i, uuid) {
		json_t *port = find_row(ports, uuid), *within = ovsdb_set(json_array_get(port, PORT_INTERFACES)), *interface;
		size_t j;

		json_array_foreach (within, j, interface)
			read_interface(ovs, bridge, port, find_row(interfaces, interface));
		json_decref(within);
	}
	json_decref(set);
}

/* The error of a program that could not reach the database or its daemon. */
static int
explain(struct error *err)
{
	g_autofree char *who = ovs_is_remote() ? g_strdup_printf("Open vSwitch's database at %s", ovs_place_database()) : NULL;

	if (who != NULL && strstr(err->text, "database connection failed") != NULL)
		return ovs_place_explain(who, err);
	if (who != NULL && err->code == ETIMEDOUT)
		return error_wrap(err, "%s does not answer, or its ovs-vswitchd does not follow, see whether both run: ", who);
	if (who != NULL && err->code == ENOENT)
		return error_set(err, ENOENT, "Open vSwitch's own programs are needed beside solovirtd: install the package openvswitch-switch");
	if (strstr(err->text, "database connection failed") != NULL)
		return error_set(err, ENOTCONN, "Open vSwitch does not run on this host: start it (openvswitch-switch.service)");
	if (err->code == ETIMEDOUT)
		return error_wrap(err, "ovs-vswitchd does not follow, start it (openvswitch-switch.service): ");
	if (err->code == ENOENT)
		return error_wrap(err, "Open vSwitch is needed: ");
	return error_wrap(err, "Open vSwitch: ");
}

/* One JSON text a line, for each command. */
static json_t *
parse(const char *text, size_t count, struct error *err)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", (gint)count + 1);
	json_t *tables = json_array();

	for (size_t i = 0; lines[i] != NULL && i < count; i++)
		json_array_append_new(tables, json_loads(lines[i], 0, NULL));
	if (json_array_size(tables) == count)
		return tables;
	json_decref(tables);
	error_set(err, EIO, "what ovs-vsctl tells of the database cannot be read");
	return NULL;
}

json_t *
ovs_list(const struct ovs_table *tables, size_t count, struct error *err)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_autofree char *output = NULL;

	g_ptr_array_add(words, (void *)(uintptr_t)"ovs-vsctl");
	g_ptr_array_add(words, (void *)(uintptr_t)VSCTL_TIMEOUT);
	ovs_place_words(true, words);
	g_ptr_array_add(words, (void *)(uintptr_t)"--format=json");
	for (size_t i = 0; i < count; i++) {
		g_ptr_array_add(words, (void *)(uintptr_t)"--");
		g_ptr_array_add(words, (void *)(uintptr_t)tables[i].columns);
		g_ptr_array_add(words, (void *)(uintptr_t)"list");
		g_ptr_array_add(words, (void *)(uintptr_t)tables[i].name);
	}
	g_ptr_array_add(words, NULL);
	output = ovs_is_remote() ? NULL : ovs_socket_list((const char *const *)words->pdata);
	if (output == NULL && host_child_do((const char *const *)words->pdata, NULL, TIMEOUT_MS, &output, err) < 0) {
		explain(err);
		return NULL;
	}
	return parse(output, count, err);
}

struct ovs *
ovs_read(struct error *err)
{
	json_t *tables = ovs_list(read_tables, G_N_ELEMENTS(read_tables), err), *row;
	struct ovs *ovs;
	size_t i;

	if (tables == NULL)
		return NULL;
	ovs = g_new0(struct ovs, 1);
	ovs->bridges = g_ptr_array_new_with_free_func(bridge_free);
	ovs->ports = g_ptr_array_new_with_free_func(port_free);
	ovs->listening = g_array_new(FALSE, FALSE, sizeof(int64_t));
	ovs->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) ports = index_rows(json_array_get(tables, 1)), interfaces = index_rows(json_array_get(tables, 2));
	g_autoptr(GHashTable) controllers = index_rows(json_array_get(tables, 3));
	json_array_foreach (json_object_get(json_array_get(tables, 0), "data"), i, row)
		read_bridge(ovs, row, ports, interfaces, controllers);
	json_decref(tables);
	return ovs;
}

struct ovs_bridge *
ovs_find_bridge(const struct ovs *ovs, const char *name)
{
	for (guint i = 0; i < ovs->bridges->len; i++) {
		struct ovs_bridge *bridge = ovs->bridges->pdata[i];
		if (g_strcmp0(bridge->name, name) == 0)
			return bridge;
	}
	return NULL;
}

struct ovs_port *
ovs_find_port(const struct ovs *ovs, const char *name)
{
	for (guint i = 0; i < ovs->ports->len; i++) {
		struct ovs_port *port = ovs->ports->pdata[i];
		if (g_strcmp0(port->name, name) == 0)
			return port;
	}
	return NULL;
}

struct ovs_port *
ovs_find_guest(const struct ovs *ovs, const char *vm, const char *mac)
{
	g_autofree char *key = guest_key(vm, mac);

	return g_hash_table_lookup(ovs->guests, key);
}

/* --- what may reach a command line ----------------------------------------------------------------------------------- */

int
ovs_check_name(const char *what, const char *name, struct error *err)
{
	if (g_regex_match_simple("^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$", name, G_REGEX_DOLLAR_ENDONLY, 0))
		return 0;
	g_autofree char *shown = g_strescape(name, NULL);
	return error_set(err, EINVAL, "%s \"%s\" is no name of a device: up to 15 letters, digits, dots, dashes and underscores", what,
	    shown);
}

int
ovs_check_vlan(int64_t vlan, struct error *err)
{
	if (vlan >= 0 && vlan <= OVS_VLAN_MOST)
		return 0;
	return error_set(err, EINVAL, "VLAN %" G_GINT64_FORMAT " is not between 0 and %d", vlan, OVS_VLAN_MOST);
}

/* --- changes --------------------------------------------------------------------------------------------------------- */

GPtrArray *
ovs_changes_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

void
ovs_change(GPtrArray *changes, ...)
{
	const char *word;
	va_list ap;

	g_ptr_array_add(changes, g_strdup("--"));
	va_start(ap, changes);
	while ((word = va_arg(ap, const char *)) != NULL)
		g_ptr_array_add(changes, g_strdup(word));
	va_end(ap);
}

int
ovs_commit(GPtrArray *changes, struct error *err)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	if (changes->len == 0)
		return 0;
	g_ptr_array_add(words, (void *)(uintptr_t)"ovs-vsctl");
	g_ptr_array_add(words, (void *)(uintptr_t)VSCTL_TIMEOUT);
	ovs_place_words(true, words);
	for (guint i = 0; i < changes->len; i++)
		g_ptr_array_add(words, changes->pdata[i]);
	g_ptr_array_add(words, NULL);
	if (host_child_do((const char *const *)words->pdata, NULL, TIMEOUT_MS, NULL, err) < 0)
		return explain(err);
	return 0;
}

/* --- flow tables ----------------------------------------------------------------------------------------------------- */

/* A bridge that ovs-vswitchd has yet to make after its start. */
static bool
is_missing(const struct error *err)
{
	return strstr(err->text, "is not a bridge or a socket") != NULL || strstr(err->text, "failed to open socket") != NULL ||
	    strstr(err->text, "failed to connect to socket") != NULL || strstr(err->text, "cannot connect to") != NULL ||
	    strstr(err->text, "cannot read pidfile") != NULL || strstr(err->text, "connecting to ") != NULL;
}

/* argv[0] first; borrowed. */
static GPtrArray *
control_words(const struct ovs_bridge *bridge, const char *const *words)
{
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, (void *)(uintptr_t)words[0]);
	ovs_place_words(false, argv);
	for (const char *const *word = words + 1; *word != NULL; word++)
		g_ptr_array_add(argv, strcmp(*word, OVS_BRIDGE) == 0 ? bridge->target : (void *)(uintptr_t)*word);
	g_ptr_array_add(argv, NULL);
	return argv;
}

static int
check_listens(const struct ovs_bridge *bridge, struct error *err)
{
	g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autofree char *example = bridge->target != NULL ? NULL : ovs_place_listener(none);

	if (bridge->target != NULL)
		return 0;
	return error_set(err, ENOTCONN, "bridge %s does not listen for us: on its host, give it a port (ovs-vsctl set-controller %s %s, or the next "
	    "one that is free)", bridge->name, bridge->name, example);
}

static int
control_failed(const struct ovs_bridge *bridge, struct error *why, struct error *err)
{
	g_autofree char *who = ovs_is_remote() ? g_strdup_printf("bridge %s at %s", bridge->name, bridge->target) : NULL;
	bool missing = is_missing(why);

	if (who != NULL && (missing || why->code == ETIMEDOUT))
		ovs_place_explain(who, why);
	error_set(err, missing ? ENOTCONN : why->code, "%s", why->text);
	return error_wrap(err, "Open vSwitch: ");
}

int
ovs_control(const struct ovs_bridge *bridge, const char *const *words, const char *input, char **output, struct error *err)
{
	int64_t until = clock_monotonic_ms() + BRIDGE_MS;

	if (check_listens(bridge, err) < 0)
		return -1;
	g_autoptr(GPtrArray) argv = control_words(bridge, words);
	for (;;) {
		struct error why = { 0 };
		if (host_child_do((const char *const *)argv->pdata, input, TIMEOUT_MS, output, &why) == 0)
			return 0;
		if (!is_missing(&why) || clock_monotonic_ms() > until)
			return control_failed(bridge, &why, err);
		g_usleep(LOOK_MS * 1000);
	}
}

int
ovs_raise(const struct ovs_bridge *bridge, const char *port, struct error *err)
{
	const char *const here[] = { "ip", "link", "set", "dev", port, "up", NULL };
	const char *const there[] = { "ovs-ofctl", "--timeout=12", "-O", "OpenFlow14", "mod-port", OVS_BRIDGE, port, "up", NULL };
	int r = ovs_is_remote() ? ovs_control(bridge, there, NULL, NULL, err) : host_child_do(here, NULL, IP_MS, NULL, err);

	return r < 0 ? error_wrap(err, "cannot set %s up: ", port) : 0;
}

bool
ovs_hold(const struct ovs_bridge *bridge, int seconds)
{
	g_autofree char *patience = g_strdup_printf("--timeout=%d", seconds); /* it ends by itself when we are killed */
	/* its socket would be where Open vSwitch of this machine has them, if there is any */
	const char *const words[] = { "ovs-ofctl", patience, "--unixctl=none", "-O", "OpenFlow14", "monitor", OVS_BRIDGE, NULL };
	g_autoptr(GPtrArray) argv = control_words(bridge, words);
	struct error err = { 0 };

	return host_child_run((const char *const *)argv->pdata, NULL, (seconds + 5) * 1000, NULL, NULL, &err) < 0 && err.code == ETIMEDOUT;
}
