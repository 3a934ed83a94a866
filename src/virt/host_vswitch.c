/*
 * The bridges of provider networks.  A bridge is plan and check first, one transaction after that, and then read back: ovs-vsctl is
 * content with devices that are not there.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_ovs.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What bridge-ensure asks for. */
struct wanted {
	const char *bridge, *interface; /* interface may be NULL */
	GArray *trunks;                 /* int64_t, ascending, 0 among them */
};

/* --- interfaces of the host ------------------------------------------------------------------------------------------ */

static bool
has(const char *device, const char *property)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/%s", device, property);

	return access(path, F_OK) == 0;
}

static int64_t
mtu_of(const char *device)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/mtu", device), *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* An address that others may reach the host by. */
static bool
is_global(const struct sockaddr *address)
{
	if (address == NULL || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return false;
	if (address->sa_family == AF_INET6)
		return !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 16 != 0xa9fe;
}

/* The first address of an interface that is not its own affair, or NULL. */
static char *
address_of(const char *device)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN] = "";

	if (getifaddrs(&all) != 0)
		return NULL;
	for (const struct ifaddrs *one = all; one != NULL && *text == '\0'; one = one->ifa_next) {
		if (strcmp(one->ifa_name, device) != 0 || !is_global(one->ifa_addr))
			continue;
		if (one->ifa_addr->sa_family == AF_INET)
			inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr, text, sizeof(text));
		else
			inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr, text, sizeof(text));
	}
	freeifaddrs(all);
	return *text == '\0' ? NULL : g_strdup(text);
}

/* An interface that is no port yet may become one. */
static int
check_interface(const char *device, struct error *err)
{
	g_autofree char *master = g_strdup_printf("/sys/class/net/%s/master", device), *place = NULL, *address = NULL;

	if (ovs_is_remote())
		return ovs_check_interface(device, err);
	if (if_nametoindex(device) == 0)
		return error_set(err, ENOENT, "this host has no interface %s: name one of its own in customInterfaces, or leave the host out",
		    device);
	if (strcmp(device, "lo") == 0 || has(device, "bridge"))
		return error_set(err, EINVAL, "%s is %s: name an interface that leads to the network", device,
		    has(device, "bridge") ? "a bridge of Linux" : "the loopback interface");
	place = g_file_read_link(master, NULL);
	if (place != NULL && !g_str_has_suffix(place, "/ovs-system")) {
		g_autofree char *name = g_path_get_basename(place);
		return error_set(err, EBUSY, "%s belongs to %s: name that one, or take %s out of it", device, name, device);
	}
	address = address_of(device);
	if (address != NULL)
		return error_set(err, EBUSY,
		    "%s has the address %s, which would be cut off: give the network an interface of its own, or make the bridge by hand and move the address to it",
		    device, address);
	return 0;
}

/* --- bridge-ensure --------------------------------------------------------------------------------------------------- */

static int
parse_vlans(json_t *list, GArray *trunks, struct error *err)
{
	int64_t zero = 0;
	size_t i;
	json_t *one;

	g_array_append_val(trunks, zero);
	json_array_foreach (list, i, one) {
		int64_t vlan = json_integer_value(one);
		guint place = 0;

		if (!json_is_integer(one))
			return error_set(err, EINVAL, "vlans: each is a number");
		if (ovs_check_vlan(vlan, err) < 0)
			return -1;
		while (place < trunks->len && g_array_index(trunks, int64_t, place) < vlan)
			place++;
		if (place == trunks->len || g_array_index(trunks, int64_t, place) != vlan)
			g_array_insert_val(trunks, place, vlan);
	}
	return 0;
}

static bool
are_same(const GArray *a, const GArray *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len * sizeof(int64_t)) == 0;
}

static char *
format_trunks(const GArray *trunks)
{
	GString *text = g_string_new("trunks=");

	for (guint i = 0; i < trunks->len; i++)
		g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", g_array_index(trunks, int64_t, i));
	return g_string_free(text, FALSE);
}

/* A port of our own that leads out of the host. */
static bool
is_uplink(const struct ovs_port *port, const char *bridge)
{
	return port->ours && port->subnet == NULL && strcmp(port->bridge, bridge) == 0 && strcmp(port->name, bridge) != 0;
}

/* Makes the bridge where the kernel has no datapath in user space. */
static struct ovs *
make_bridge(struct ovs *there, const char *name, struct error *err)
{
	const struct ovs_bridge *bridge = ovs_find_bridge(there, name);
	g_autoptr(GPtrArray) changes = ovs_changes_new();

	if (bridge == NULL && !ovs_is_remote() && if_nametoindex(name) != 0) {
		error_set(err, EEXIST, "this host has an interface %s that is no bridge of Open vSwitch: give the network another name", name);
		return there;
	}
	if (bridge == NULL)
		ovs_change(changes, "--may-exist", "add-br", name, "--", "set", "bridge", name, OVS_MARK, NULL);
	else if (bridge->ours && !bridge->works && !bridge->netdev)
		ovs_change(changes, "set", "bridge", name, "datapath_type=netdev", NULL);
	else
		return there;
	if (ovs_commit(changes, err) < 0)
		return there;
	ovs_free(there);
	there = ovs_read(err);
	if (there == NULL)
		return NULL;
	bridge = ovs_find_bridge(there, name);
	if (bridge == NULL) {
		error_set(err, EIO, "bridge %s went while it was made", name);
		return there;
	}
	return !bridge->works && !bridge->netdev ? make_bridge(there, name, err) : there;
}

/* Before anything is made for it. */
static int
check_uplink(const struct ovs *there, const struct wanted *wanted, struct error *err)
{
	const struct ovs_port *port = wanted->interface == NULL ? NULL : ovs_find_port(there, wanted->interface);

	if (port != NULL && strcmp(port->bridge, wanted->bridge) != 0)
		return error_set(err, EBUSY, "%s is a port of bridge %s: an interface can be in one network only", wanted->interface,
		    port->bridge);
	if (wanted->interface != NULL && (port == NULL || (!ovs_is_remote() && if_nametoindex(port->name) == 0)))
		return check_interface(wanted->interface, err);
	return 0;
}

/* What has to be changed so that the interface is our bridge's way out; what it does beyond what was asked is told. */
static void
plan_uplink(const struct ovs *there, const struct wanted *wanted, GPtrArray *changes, GString *mended)
{
	const struct ovs_port *port = wanted->interface == NULL ? NULL : ovs_find_port(there, wanted->interface);
	g_autofree char *trunks = format_trunks(wanted->trunks);

	for (guint i = 0; i < there->ports->len; i++) {
		const struct ovs_port *old = there->ports->pdata[i];
		if (is_uplink(old, wanted->bridge) && g_strcmp0(old->name, wanted->interface) != 0)
			ovs_change(changes, "--if-exists", "del-port", wanted->bridge, old->name, NULL);
	}
	if (wanted->interface == NULL ||
	    (port != NULL && port->number > 0 && port->ours && are_same(port->trunks, wanted->trunks)))
		return;
	/* Taken out and put in again, so that ovs-vswitchd looks at a device that came back. */
	if (port != NULL && port->number <= 0) {
		ovs_change(changes, "--if-exists", "del-port", wanted->bridge, wanted->interface, NULL);
		g_string_append_printf(mended, "interface %s did not work in bridge %s and was put in again", wanted->interface, wanted->bridge);
	}
	ovs_change(changes, "--may-exist", "add-port", wanted->bridge, wanted->interface, "--", "clear", "port", wanted->interface, "tag",
	    "--", "set", "port", wanted->interface, trunks, OVS_MARK, NULL);
}

/* A bridge of another machine listens for us. */
static int
plan_listener(const struct ovs *there, const char *name, GPtrArray *changes, struct error *err)
{
	const struct ovs_bridge *bridge = ovs_find_bridge(there, name);
	g_autofree char *listener = NULL, *word = NULL;

	if (bridge == NULL || !ovs_is_remote())
		return 0;
	for (guint i = 0; i < bridge->stale->len; i++)
		ovs_change(changes, "remove", "Bridge", name, "controller", (const char *)bridge->stale->pdata[i], NULL);
	if (bridge->target != NULL)
		return 0;
	listener = ovs_place_listener(there->listening);
	if (listener == NULL)
		return error_set(err, ENOSPC, "bridge %s: no port is left to listen at: give openvswitch.bridges of the host a lower one", name);
	word = g_strdup_printf("target=\"%s\"", listener);
	ovs_change(changes, "--id=@listener", "create", "Controller", word, "connection_mode=out-of-band", "inactivity_probe=60000", OVS_MARK, NULL);
	ovs_change(changes, "add", "Bridge", name, "controller", "@listener", NULL);
	return 0;
}

/* Bridges of others are taken as they are. */
static int
check_foreign(const struct ovs *there, const struct wanted *wanted, struct error *err)
{
	const struct ovs_port *port = wanted->interface == NULL ? NULL : ovs_find_port(there, wanted->interface);

	if (wanted->interface == NULL || (port != NULL && strcmp(port->bridge, wanted->bridge) == 0))
		return 0;
	return error_set(err, EACCES, "bridge %s was not made by Solovirt and %s is not one of its ports: add it (ovs-vsctl add-port %s %s)",
	    wanted->bridge, wanted->interface, wanted->bridge, wanted->interface);
}

/* What ovs-vswitchd says is wrong, or NULL. */
static char *
trouble(const struct ovs *there, const struct wanted *wanted)
{
	const struct ovs_bridge *bridge = ovs_find_bridge(there, wanted->bridge);
	const struct ovs_port *port = wanted->interface == NULL ? NULL : ovs_find_port(there, wanted->interface);

	if (bridge == NULL || !bridge->works)
		return g_strdup_printf("ovs-vswitchd cannot make bridge %s: its log (/var/log/openvswitch) says why", wanted->bridge);
	if (port != NULL && port->number <= 0)
		return g_strdup_printf("interface %s does not work in bridge %s: %s", wanted->interface, wanted->bridge,
		    port->error != NULL ? port->error : "ovs-vswitchd has not opened it");
	return NULL;
}

static int64_t
mtu_there(const struct ovs *there, const char *device)
{
	const struct ovs_port *port = ovs_find_port(there, device);

	return port == NULL || port->mtu < 0 ? 0 : port->mtu;
}

static json_t *
answer(const struct ovs *there, const struct wanted *wanted, const GString *mended)
{
	const struct ovs_bridge *bridge = ovs_find_bridge(there, wanted->bridge);
	const char *device = wanted->interface != NULL ? wanted->interface : wanted->bridge;
	g_autofree char *why = trouble(there, wanted);

	return json_pack("{s:s,s:b,s:I,s:s*,s:s*}", "datapath", bridge != NULL && bridge->netdev ? "netdev" : "system", "ready", why == NULL,
	    "mtu", (json_int_t)(ovs_is_remote() ? mtu_there(there, device) : mtu_of(device)), "mended",
	    mended->len > 0 ? mended->str : NULL, "why", why);
}

/* On another machine that is a question to the bridge, too, which shows that it answers. */
static int
open_way(const struct ovs *there, const struct wanted *wanted, struct error *err)
{
	static const char *const probe[] = { "ovs-ofctl", "--timeout=12", "probe", OVS_BRIDGE, NULL };
	const struct ovs_bridge *bridge = ovs_find_bridge(there, wanted->bridge);
	g_autofree char *why = ovs_is_remote() ? trouble(there, wanted) : NULL;

	if (why != NULL || bridge == NULL)
		return 0; /* which is answered */
	if (wanted->interface != NULL)
		return ovs_raise(bridge, wanted->interface, err);
	return ovs_is_remote() ? ovs_control(bridge, probe, NULL, NULL, err) : 0;
}

static json_t *
ensure(const struct wanted *wanted, struct error *err)
{
	OVS_AUTO *there = ovs_read(err);
	g_autoptr(GPtrArray) changes = ovs_changes_new();
	g_autoptr(GString) mended = g_string_new(NULL);
	const struct ovs_bridge *bridge = there == NULL ? NULL : ovs_find_bridge(there, wanted->bridge);

	if (there == NULL)
		return NULL;
	if (bridge != NULL && !bridge->ours)
		return check_foreign(there, wanted, err) < 0 ? NULL : answer(there, wanted, mended);
	if (check_uplink(there, wanted, err) < 0)
		return NULL;
	there = make_bridge(there, wanted->bridge, err);
	if (there == NULL || err->code != 0)
		return NULL;
	plan_uplink(there, wanted, changes, mended);
	if (plan_listener(there, wanted->bridge, changes, err) < 0 || ovs_commit(changes, err) < 0)
		return NULL;
	if (changes->len > 0) {
		ovs_free(there);
		there = ovs_read(err);
	}
	if (there == NULL || open_way(there, wanted, err) < 0)
		return NULL;
	return answer(there, wanted, mended);
}

static json_t *
run_ensure(struct host_call *call, struct error *err)
{
	g_autoptr(GArray) trunks = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct wanted wanted = { .trunks = trunks };
	json_t *vlans = NULL;

	if (host_args(call, err, "{s:s,s?:s,s?:o}", "bridge", &wanted.bridge, "interface", &wanted.interface, "vlans", &vlans) < 0 ||
	    ovs_check_known(err) < 0 || ovs_check_name("bridge", wanted.bridge, err) < 0 ||
	    (wanted.interface != NULL && ovs_check_name("interface", wanted.interface, err) < 0) || parse_vlans(vlans, trunks, err) < 0)
		return NULL;
	/* Two bridges that are made at a time would be given the same port to listen at. */
	pthread_mutex_lock(&lock);
	json_t *told = ensure(&wanted, err);
	pthread_mutex_unlock(&lock);
	return told;
}

/* --- bridge-remove --------------------------------------------------------------------------------------------------- */

/* A guest's port whose device is gone; devices of another machine go with their domains. */
static bool
is_left_over(const struct ovs_port *port, virConnectPtr connection)
{
	if (port->vm == NULL)
		return false;
	if (!ovs_is_remote())
		return if_nametoindex(port->name) == 0;
	g_autoptr(virDomain) domain = virDomainLookupByUUIDString(connection, port->vm);
	return domain == NULL ? virGetLastErrorCode() == VIR_ERR_NO_DOMAIN : virDomainIsActive(domain) == 0;
}

/* EBUSY when something is plugged in that would lose its network. */
static int
check_unused(const struct ovs *there, const char *bridge, virConnectPtr connection, struct error *err)
{
	for (guint i = 0; i < there->ports->len; i++) {
		const struct ovs_port *port = there->ports->pdata[i];
		if (strcmp(port->bridge, bridge) != 0 || strcmp(port->name, bridge) == 0 || is_uplink(port, bridge) || is_left_over(port, connection))
			continue;
		if (port->subnet != NULL)
			return error_set(err, EBUSY, "bridge %s is still in use: subnet %s is served on it", bridge, port->subnet);
		return error_set(err, EBUSY, "bridge %s is still in use: %s is plugged into it", bridge, port->name);
	}
	return 0;
}

/* What led out through it serves the host again as it was. */
static int
give_back(const struct ovs *there, const char *bridge, struct error *err)
{
	for (guint i = 0; !ovs_is_remote() && i < there->ports->len; i++) { /* there it stays as it is: up */
		const struct ovs_port *port = there->ports->pdata[i];
		if (is_uplink(port, bridge) && if_nametoindex(port->name) != 0 && ovs_raise(ovs_find_bridge(there, bridge), port->name, err) < 0)
			return -1;
	}
	return 0;
}

static json_t *
run_remove(struct host_call *call, struct error *err)
{
	g_autoptr(GPtrArray) changes = ovs_changes_new();
	const struct ovs_bridge *bridge;
	const char *name;

	if (host_args(call, err, "{s:s}", "bridge", &name) < 0 || ovs_check_known(err) < 0 || ovs_check_name("bridge", name, err) < 0)
		return NULL;
	OVS_AUTO *there = ovs_read(err);
	if (there == NULL)
		return NULL;
	bridge = ovs_find_bridge(there, name);
	if (bridge == NULL || !bridge->ours)
		return json_object();
	ovs_change(changes, "--if-exists", "del-br", name, NULL);
	if (check_unused(there, name, call->connection, err) < 0 || ovs_commit(changes, err) < 0 || give_back(there, name, err) < 0)
		return NULL;
	return json_object();
}

const struct host_verb host_vswitch_verbs[] = {
	{ "bridge-ensure", run_ensure },
	{ "bridge-remove", run_remove },
	{ NULL, NULL },
};
