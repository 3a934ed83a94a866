/* Guards of ports; see guards.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/networks.h"
#include "daemon/store.h"
#include "daemon/subnets.h"
#include "net/flows.h"
#include "src/api/security_group.h"
#include "src/api/vip.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

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

/* Addresses of groups, looked up once for all ports that are made together. */
struct groups {
	struct daemon *daemon;
	GHashTable *members; /* name -> char ** */
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
	struct groups *groups = arg;
	char **known = g_hash_table_lookup(groups->members, group);

	if (known != NULL || store_get(groups->daemon->store, KIND_SECURITY_GROUP, "", group) == NULL)
		return (const char *const *)known;
	g_autoptr(GPtrArray) all = store_list(groups->daemon->store, KIND_VMI, NULL);
	GStrvBuilder *addresses = g_strv_builder_new();
	for (guint i = 0; i < all->len; i++)
		add_addresses(groups->daemon, all->pdata[i], group, addresses);
	known = g_strv_builder_end(addresses);
	g_strv_builder_unref(addresses);
	g_hash_table_insert(groups->members, g_strdup(group), known);
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

static json_t *
guard(const struct flow_port *port, struct error *err)
{
	g_autoptr(GPtrArray) flows = flows_of_port(port, err);
	json_t *list = flows == NULL ? NULL : json_array();

	for (guint i = 0; flows != NULL && i < flows->len; i++)
		json_array_append_new(list, json_string(flows->pdata[i]));
	return list == NULL ? NULL : json_pack("{s:s,s:o}", "mac", port->mac, "flows", list);
}

/* 0: with a guard added, or without one. */
static int
add_guard(struct groups *groups, const struct object *instance, const struct interface *interface, json_t *guards, struct error *err)
{
	const struct vmi *vmi = instance->value;
	g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct flow_pair));
	g_autoptr(GPtrArray) member_of = g_ptr_array_new();
	ATTACHMENT_AUTO at = { 0 };
	json_t *made;

	if (g_strcmp0(interface->state, "absent") == 0 || interface->sriov != NULL)
		return 0;
	if (network_find(groups->daemon, instance, interface, &at, err) < 0)
		return -1;
	bool secure = is_asked(vmi, &at, interface->name, "port_security");
	g_auto(GStrv) names = list_of(vmi, &at, interface->name, "security_groups"), vips = list_of(vmi, &at, interface->name, "aaps"),
	              more = list_of(vmi, &at, interface->name, "port_vips");
	if (!secure && *names == NULL)
		return 0;
	if (!at.bridge || at.config.type != NETWORK_OVS)
		return error_set(err, EINVAL, "interface %s: port_security and security_groups need a port of Open vSwitch: a Subnet with a Vlan, or a "
		    "NetworkAttachmentDefinition of type ovs", interface->name);
	const struct address *a = address_find(groups->daemon, instance, interface);
	if (a == NULL)
		return error_set(err, EAGAIN, "interface %s has no address yet", interface->name);
	if (add_pairs(groups->daemon, vips, more, a, pairs, err) < 0 || add_groups(groups->daemon, names, member_of, err) < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	made = guard(&(struct flow_port){ .segment = at.segment, .mac = a->mac, .port_security = secure,
	    .layer2_forward = is_asked(vmi, &at, interface->name, "layer2_forward"), .pairs = (const struct flow_pair *)(void *)pairs->data,
	    .pair_count = at.addressed ? pairs->len : 0, .groups = (const struct security_group *const *)member_of->pdata,
	    .group_count = member_of->len, .members = find_members, .arg = groups }, err);
	return made == NULL || json_array_append_new(guards, made) < 0 ? error_wrap(err, "interface %s: ", interface->name) : 0;
}

static int
add_guards(struct groups *groups, const struct object *instance, json_t *guards, struct error *err)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		if (add_guard(groups, instance, i, guards, err) < 0)
			return -1;
	return 0;
}

static GHashTable *
members_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_strfreev);
}

json_t *
guards_of(struct daemon *daemon, const struct object *instance, struct error *err)
{
	g_autoptr(GHashTable) members = members_new();
	struct groups groups = { daemon, members };
	json_t *guards = json_array();

	if (add_guards(&groups, instance, guards, err) == 0)
		return guards;
	json_decref(guards);
	return NULL;
}

static bool
is_annotated(const struct object *instance, const char *key)
{
	const struct schema_map *all = &((const struct vmi *)instance->value)->head.meta->annotations;

	for (size_t i = 0; i < all->count; i++)
		if (strstr(all->entries[i].name, key) != NULL)
			return true;
	return false;
}

bool
guards_are_wanted(const struct object *instance)
{
	return is_annotated(instance, ".kubernetes.io/port_security") || is_annotated(instance, ".kubernetes.io/security_groups");
}

/* --- hosts ------------------------------------------------------------------------------------------------------------------- */

static void
on_sync(void *arg, json_t *result, const struct error *error)
{
	(void)result;
	if (error != NULL && error->code != EHOSTDOWN && error->code != EOPNOTSUPP)
		log_warning("host %s: guards of ports: %s", (const char *)arg, error->text);
	g_free(arg);
}

/* Each with the domain that it is of. */
static void
add_named(json_t *all, json_t *guards, const struct object *instance)
{
	g_autofree char *name = domain_name(instance->namespace, instance->name);
	json_t *guard;
	size_t i;

	json_array_foreach (guards, i, guard) {
		json_object_set_new(guard, "name", json_string(name));
		json_object_set_new(guard, "uid", json_string(instance->uid));
		json_array_append(all, guard);
	}
}

void
guards_sync(struct daemon *daemon, struct host *host)
{
	g_autoptr(GPtrArray) instances = store_list(daemon->store, KIND_VMI, NULL);
	g_autoptr(GHashTable) members = members_new();
	struct groups groups = { daemon, members };
	json_t *all = json_array();

	for (guint i = 0; i < instances->len; i++) {
		const struct object *instance = instances->pdata[i];
		json_t *guards = json_array();
		struct error err = { 0 };
		if (guards_are_wanted(instance) && g_strcmp0(((const struct vmi *)instance->value)->status->node_name, host->name) == 0 &&
		    add_guards(&groups, instance, guards, &err) < 0)
			log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", instance->namespace, instance->name, "guards of its ports: %s", err.text);
		else
			add_named(all, guards, instance);
		json_decref(guards);
	}
	if (json_array_size(all) > 0 || host->guarded)
		host_call(host, "guards-sync", json_pack("{s:O}", "guards", all), -1, HOST_DEADLINE_ACTION, on_sync, g_strdup(host->name));
	host->guarded = json_array_size(all) > 0;
	json_decref(all);
}

void
guards_sync_all(struct daemon *daemon)
{
	for (guint i = 0; i < daemon->hosts->len; i++)
		if (((struct host *)daemon->hosts->pdata[i])->state == HOST_READY)
			guards_sync(daemon, daemon->hosts->pdata[i]);
}

void
guards_changed(struct daemon *daemon, const struct object *instance)
{
	struct host *host = host_find(daemon, ((const struct vmi *)instance->value)->status->node_name);

	if (is_annotated(instance, ".kubernetes.io/security_groups"))
		guards_sync_all(daemon);
	else if (guards_are_wanted(instance) && host != NULL && host->state == HOST_READY)
		guards_sync(daemon, host);
}
