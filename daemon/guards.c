/* Which guards ports have; see guards.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/guards.h"
#include "daemon/networks.h"
#include "daemon/store.h"
#include "daemon/subnets.h"
#include "net/flows.h"
#include "src/api/network_attachment.h"
#include "src/api/security_group.h"
#include "src/api/vip.h"
#include "src/base/error.h"

/* Names of an annotation's list; never NULL.  Caller g_strfreev()s. */
static char **
list_of(const struct vmi *vmi, const struct attachment *at, const char *interface, const char *key)
{
	const char *text = network_annotation(vmi, at, interface, key);
	g_auto(GStrv) parts = g_strsplit(text == NULL ? "" : text, ",", -1);
	GStrvBuilder *names = g_strv_builder_new();
	char **list;

	for (char **part = parts; *part != NULL; part++)
		if (*g_strstrip(*part) != '\0')
			g_strv_builder_add(names, *part);
	list = g_strv_builder_end(names);
	g_strv_builder_unref(names);
	return list;
}

static bool
is_asked(const struct vmi *vmi, const struct attachment *at, const char *interface, const char *key)
{
	return g_strcmp0(network_annotation(vmi, at, interface, key), "true") == 0;
}

/* --- members of groups ------------------------------------------------------------------------------------------------------- */

/* Addresses of groups are looked up once for all ports that are made together. */
struct guard_maker {
	struct daemon *daemon;
	GHashTable *members; /* name -> char ** */
	bool every;          /* ports of which nothing is asked have a guard, too */
};

static void
add_addresses(struct daemon *daemon, const struct object *instance, const char *group, GStrvBuilder *addresses)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		ATTACHMENT_AUTO at = { 0 };
		struct error unused;
		const struct address *a;
		if (network_find(daemon, instance, i, &at, &unused) < 0)
			continue;
		g_auto(GStrv) names = list_of(vmi, &at, i->name, "security_groups");
		a = g_strv_contains((const char *const *)names, group) ? address_find(daemon, instance, i) : NULL;
		if (a != NULL && *a->ip != '\0')
			g_strv_builder_add(addresses, a->ip);
		if (a != NULL && *a->ip6 != '\0')
			g_strv_builder_add(addresses, a->ip6);
	}
}

static const char *const *
find_members(void *arg, const char *group)
{
	struct guard_maker *maker = arg;
	char **known = g_hash_table_lookup(maker->members, group);

	if (known != NULL || store_get(maker->daemon->store, KIND_SECURITY_GROUP, "", group) == NULL)
		return (const char *const *)known;
	g_autoptr(GPtrArray) all = store_list(maker->daemon->store, KIND_VMI, NULL);
	GStrvBuilder *addresses = g_strv_builder_new();
	for (guint i = 0; i < all->len; i++)
		add_addresses(maker->daemon, all->pdata[i], group, addresses);
	known = g_strv_builder_end(addresses);
	g_strv_builder_unref(addresses);
	g_hash_table_insert(maker->members, g_strdup(group), known);
	return (const char *const *)known;
}

/* --- one port ---------------------------------------------------------------------------------------------------------------- */

static void
add_pair(GArray *pairs, const char *address, const char *mac)
{
	const struct flow_pair pair = { address, mac };

	if (address != NULL && *address != '\0')
		g_array_append_val(pairs, pair);
}

/* What the guest may send from: its own, those of Vips (aaps), those that are named (port_vips). */
static int
add_pairs(struct daemon *daemon, char **vips, char **more, const struct address *a, GArray *pairs, struct error *err)
{
	add_pair(pairs, a->ip, NULL);
	add_pair(pairs, a->ip6, NULL);
	for (; *vips != NULL; vips++) {
		const struct object *object = store_get(daemon->store, KIND_VIP, "", *vips);
		const struct vip *vip = object == NULL ? NULL : object->value;
		if (vip == NULL)
			return error_set(err, ENOENT, "annotation aaps: Vip %s does not exist", *vips);
		add_pair(pairs, vip->status->v4, NULL);
		add_pair(pairs, vip->status->v6, NULL);
		add_pair(pairs, vip->status->v4, vip->status->mac);
		add_pair(pairs, vip->status->v6, vip->status->mac);
	}
	for (; *more != NULL; more++)
		add_pair(pairs, *more, NULL);
	return 0;
}

static int
add_groups(struct daemon *daemon, char **names, GPtrArray *groups, struct error *err)
{
	for (; *names != NULL; names++) {
		const struct object *object = store_get(daemon->store, KIND_SECURITY_GROUP, "", *names);
		if (object == NULL)
			return error_set(err, ENOENT, "annotation security_groups: SecurityGroup %s does not exist", *names);
		g_ptr_array_add(groups, (void *)(uintptr_t)object->value);
	}
	return 0;
}

/* Mbit in a second, in kbit; 0: none is asked for. */
static int
read_rate(const struct vmi *vmi, const struct attachment *at, const char *interface, const char *key, int64_t *kbit, struct error *err)
{
	const struct object_head *subnet = at->of == NULL ? NULL : at->of->value;
	g_autofree char *of_subnet = g_strconcat("ovn.kubernetes.io/", key, NULL);
	const char *text = network_annotation(vmi, at, interface, key);
	int64_t mbit = 0;

	if (text == NULL && subnet != NULL)
		text = schema_map_get(&subnet->meta->annotations, of_subnet);
	if (text != NULL && !network_rate_parse(text, &mbit))
		return error_set(err, EINVAL, "annotation %s: \"%.20s\" is no whole number of Mbit between 0 and %d", key, text, NETWORK_RATE_MOST);
	*kbit = mbit * 1000;
	return 0;
}

/* What a burst may have when it is not said: four fifths of a second, as in Kube-OVN. */
static int64_t
burst_of(int64_t rate, int64_t burst)
{
	return burst > 0 ? burst : rate / 5 * 4;
}

/* *rates: of a guard of host_verbs.h, or NULL.  Kube-OVN's words are those of the guest: ingress is what it gets. */
static int
read_rates(const struct vmi *vmi, const struct attachment *at, const char *interface, bool *metered, json_t **rates, struct error *err)
{
	int64_t to, to_burst, from, from_burst;

	if (read_rate(vmi, at, interface, "ingress_rate", &to, err) < 0 || read_rate(vmi, at, interface, "ingress_burst", &to_burst, err) < 0 ||
	    read_rate(vmi, at, interface, "egress_rate", &from, err) < 0 || read_rate(vmi, at, interface, "egress_burst", &from_burst, err) < 0)
		return -1;
	*metered = from > 0;
	if (to > 0 || from > 0)
		*rates = json_pack("{s:I,s:I,s:I,s:I}", "to", (json_int_t)to, "toBurst", (json_int_t)burst_of(to, to_burst), "from", (json_int_t)from,
		    "fromBurst", (json_int_t)burst_of(from, from_burst));
	return 0;
}

/* What is asked of a port. */
struct asked {
	bool secure, metered, mirror;
	json_t *rates;
	char **groups, **vips, **more;
};

static void
asked_clear(struct asked *asked)
{
	json_decref(asked->rates);
	g_strfreev(asked->groups);
	g_strfreev(asked->vips);
	g_strfreev(asked->more);
}
#define ASKED_AUTO __attribute__((cleanup(asked_clear))) struct asked

/* 1: something is; 0, or -1. */
static int
read_asked(const struct vmi *vmi, const struct attachment *at, const char *interface, struct asked *asked, struct error *err)
{
	asked->secure = is_asked(vmi, at, interface, "port_security");
	asked->mirror = is_asked(vmi, at, interface, "mirror");
	asked->groups = list_of(vmi, at, interface, "security_groups");
	asked->vips = list_of(vmi, at, interface, "aaps");
	asked->more = list_of(vmi, at, interface, "port_vips");
	if (read_rates(vmi, at, interface, &asked->metered, &asked->rates, err) < 0)
		return -1;
	return asked->secure || asked->mirror || asked->rates != NULL || *asked->groups != NULL;
}

static json_t *
guard(const struct flow_port *port, const struct asked *asked, struct error *err)
{
	g_autoptr(GPtrArray) flows = flows_of_port(port, err);
	json_t *list = flows == NULL ? NULL : json_array();

	for (guint i = 0; flows != NULL && i < flows->len; i++)
		json_array_append_new(list, json_string(flows->pdata[i]));
	return list == NULL ? NULL : json_pack("{s:s,s:o,s:O*,s:o*}", "mac", port->mac, "flows", list, "rates", asked->rates, "mirror",
	                                 asked->mirror ? json_true() : NULL);
}

/* 0: with a guard added, or without one. */
static int
add_guard(struct guard_maker *maker, const struct object *instance, const struct interface *interface, json_t *guards, struct error *err)
{
	const struct vmi *vmi = instance->value;
	g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct flow_pair));
	g_autoptr(GPtrArray) member_of = g_ptr_array_new();
	ATTACHMENT_AUTO at = { 0 };
	ASKED_AUTO asked = { 0 };
	json_t *made;

	if (g_strcmp0(interface->state, "absent") == 0)
		return 0;
	if (network_find(maker->daemon, instance, interface, &at, err) < 0)
		return -1;
	int any = read_asked(vmi, &at, interface->name, &asked, err);
	bool possible = at.bridge && at.config.type == NETWORK_OVS;
	if (any < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	if (any == 0 && !(maker->every && possible))
		return 0;
	if (!possible)
		return error_set(err, EINVAL, "interface %s: port_security, security_groups, rates and mirror need a port of Open vSwitch: a Subnet with a Vlan, or a "
		    "NetworkAttachmentDefinition of type ovs", interface->name);
	const struct address *a = address_find(maker->daemon, instance, interface);
	if (a == NULL)
		return error_set(err, EAGAIN, "interface %s has no address yet", interface->name);
	if (add_pairs(maker->daemon, asked.vips, asked.more, a, pairs, err) < 0 || add_groups(maker->daemon, asked.groups, member_of, err) < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	made = guard(&(struct flow_port){ .segment = at.segment, .mac = a->mac, .port_security = asked.secure, .metered = asked.metered,
	    .layer2_forward = is_asked(vmi, &at, interface->name, "layer2_forward"), .pairs = (const struct flow_pair *)(void *)pairs->data,
	    .pair_count = at.addressed ? pairs->len : 0, .groups = (const struct security_group *const *)member_of->pdata,
	    .group_count = member_of->len, .members = find_members, .arg = maker }, &asked, err);
	return made == NULL || json_array_append_new(guards, made) < 0 ? error_wrap(err, "interface %s: ", interface->name) : 0;
}

static int
add_guards(struct guard_maker *maker, const struct object *instance, json_t *guards, struct error *err)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		if (add_guard(maker, instance, i, guards, err) < 0)
			return -1;
	return 0;
}

struct guard_maker *
guard_maker_new(struct daemon *daemon)
{
	struct guard_maker *maker = g_new0(struct guard_maker, 1);

	maker->daemon = daemon;
	maker->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
	return maker;
}

void
guard_maker_free(struct guard_maker *maker)
{
	g_hash_table_unref(maker->members);
	g_free(maker);
}

json_t *
guard_maker_make(struct guard_maker *maker, const struct object *instance, bool every, struct error *err)
{
	json_t *guards = json_array();

	maker->every = every;
	if (add_guards(maker, instance, guards, err) == 0)
		return guards;
	json_decref(guards);
	return NULL;
}

json_t *
guards_of(struct daemon *daemon, const struct object *instance, struct error *err)
{
	struct guard_maker *maker = guard_maker_new(daemon);
	json_t *guards = guard_maker_make(maker, instance, false, err);

	guard_maker_free(maker);
	return guards;
}
