/*
 * The ProviderNetwork and Vlan controllers.
 *
 *   ProviderNetwork ---> bridge br-NAME on every host that is one of it, its uplink a port with the tags of its Vlans
 *   deleted, nothing plugged in ---> bridge-remove on every host
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "daemon/subnets.h"
#include "src/api/core.h"
#include "src/api/provider_network.h"
#include "src/api/subnet.h"
#include "src/api/vlan.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

enum { AGAIN_MS = 15000 };
#define REMOVED "removed"

/* What is known of a bridge on a host, while that is READY. */
struct wire {
	char what[41];     /* it was asked for: SHA-1 of the arguments, or REMOVED */
	bool asked, ready; /* asked: the answer is on its way */
	int64_t due;       /* monotonic ms: it may be asked for again; 0: at once */
	char problem[256];
};

static char *
bridge_of(const char *name)
{
	return g_strconcat(PROVIDER_BRIDGE, name, NULL);
}

/* --- calls ----------------------------------------------------------------------------------------------------------------- */

struct asking {
	struct daemon *daemon;
	char *name, *host;
};

static struct wire *
wire_of(struct host *host, const char *name)
{
	struct wire *wire = g_hash_table_lookup(host->wires, name);

	if (wire == NULL) {
		wire = g_new0(struct wire, 1);
		g_hash_table_insert(host->wires, g_strdup(name), wire);
	}
	return wire;
}

static void
on_bridge(void *arg, json_t *result, const struct error *error)
{
	struct asking *a = arg;
	struct host *host = host_find(a->daemon, a->host);
	struct wire *wire = host == NULL ? NULL : g_hash_table_lookup(host->wires, a->name);
	const struct object *object = store_get(a->daemon->store, KIND_PROVIDER_NETWORK, "", a->name);
	const char *why = error != NULL ? error->text : path_string(result, "why");

	if (wire != NULL) { /* else the host went away meanwhile */
		wire->asked = false;
		wire->ready = error == NULL && (strcmp(wire->what, REMOVED) == 0 || json_is_true(json_object_get(result, "ready")));
		wire->due = wire->ready ? 0 : clock_monotonic_ms() + AGAIN_MS;
		g_strlcpy(wire->problem, wire->ready || why == NULL ? "" : why, sizeof(wire->problem));
	}
	if (wire != NULL && wire->ready)
		controllers_capacity_changed(a->daemon); /* instances may wait for it */
	if (object != NULL)
		controllers_requeue(a->daemon, object, 0);
	g_free(a->name);
	g_free(a->host);
	g_free(a);
}

static void
ask(struct daemon *daemon, struct host *host, const char *name, const char *verb, json_t *args)
{
	struct asking *a = g_new0(struct asking, 1);

	*a = (struct asking){ daemon, g_strdup(name), g_strdup(host->name) };
	host_call(host, verb, args, -1, HOST_DEADLINE_ACTION, on_bridge, a);
}

/* --- bridges --------------------------------------------------------------------------------------------------------------- */

/* Names and tags of its Vlans. */
static void
find_vlans(struct daemon *daemon, const struct object *object, GPtrArray *names, json_t *tags)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_VLAN, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct object *vlan_object = all->pdata[i];
		const struct vlan *vlan = vlan_object->value;
		if (g_strcmp0(vlan->spec->provider, object->name) != 0 || vlan->head.meta->deletion_timestamp != 0)
			continue;
		g_ptr_array_add(names, g_strdup(vlan_object->name));
		if (vlan->spec->id > 0)
			json_array_append_new(tags, json_integer(vlan->spec->id));
	}
}

static const char *
interface_of(struct daemon *daemon, const struct provider_network *network, const struct host *host)
{
	const struct object *node = store_get(daemon->store, KIND_NODE, "", host->name);
	static const struct schema_map none;

	return provider_network_interface(network->spec, host->name, node == NULL ? &none : &((const struct node *)node->value)->head.meta->labels);
}

/* Asks the host for the bridge unless that was done; says when it is to be looked at again: ms, or -1. */
static int64_t
keep_bridge(struct daemon *daemon, const struct object *object, struct host *host, const char *interface, json_t *tags)
{
	g_autofree char *bridge = bridge_of(object->name), *text = NULL, *what = NULL;
	json_t *args = json_pack("{s:s,s:s,s:O}", "bridge", bridge, "interface", interface, "vlans", tags);
	struct wire *wire = wire_of(host, object->name);
	int64_t left = wire->due - clock_monotonic_ms();

	text = json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS);
	what = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
	if (wire->asked || (strcmp(wire->what, what) == 0 && (wire->ready || left > 0))) {
		json_decref(args);
		return wire->asked || wire->ready ? -1 : left;
	}
	g_strlcpy(wire->what, what, sizeof(wire->what));
	wire->asked = true;
	ask(daemon, host, object->name, "bridge-ensure", args);
	return -1;
}

int
provider_network_check(struct daemon *daemon, struct host *host, const struct network_config *config, struct error *err)
{
	const char *name = config->type == NETWORK_OVS && g_str_has_prefix(config->name, PROVIDER_BRIDGE) ? config->name + strlen(PROVIDER_BRIDGE) : NULL;
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_PROVIDER_NETWORK, "", name);
	const struct wire *wire;

	if (object == NULL)
		return 0; /* a bridge that others made */
	if (interface_of(daemon, object->value, host) == NULL)
		return error_set(err, EINVAL, "host %s is none of ProviderNetwork %s: its nodeSelector or excludeNodes say so", host->name, name);
	wire = g_hash_table_lookup(host->wires, name);
	if (wire != NULL && wire->ready)
		return 0;
	controllers_requeue(daemon, object, 0);
	return error_set(err, EAGAIN, "ProviderNetwork %s is not ready on host %s%s%s", name, host->name, wire == NULL || *wire->problem == '\0' ? "" : ": ",
	    wire == NULL ? "" : wire->problem);
}

/* --- status ---------------------------------------------------------------------------------------------------------------- */

static void
note_condition(struct daemon *daemon, struct provider_network_status *status, const char *node, const struct wire *wire)
{
	const char *word = wire->ready ? "True" : "False";
	struct provider_network_condition *found = NULL;

	SCHEMA_EACH (struct provider_network_condition, c, &status->conditions)
		if (g_strcmp0(c->node, node) == 0)
			found = c;
	if (found == NULL) {
		found = schema_list_add(&status->conditions, &provider_network_condition_schema);
		found->node = g_strdup(node);
		found->type = g_strdup("Ready");
	}
	if (g_strcmp0(found->status, word) != 0)
		found->last_transition_time = daemon_now(daemon);
	g_free(found->status);
	g_free(found->reason);
	g_free(found->message);
	found->status = g_strdup(word);
	found->reason = g_strdup(wire->ready ? "InitOVSBridgeSucceeded" : "InitOVSBridgeFailed");
	found->message = g_strdup(wire->problem);
}

static char **
take_names(GPtrArray *names)
{
	g_ptr_array_add(names, NULL);
	return g_strdupv((char **)names->pdata);
}

static int
keep_network(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct provider_network_status *status = objects_status_copy(object);
	g_autoptr(GPtrArray) ready = g_ptr_array_new(), not_ready = g_ptr_array_new(), vlans = g_ptr_array_new_with_free_func(g_free);
	json_t *tags = json_array();
	int r;

	find_vlans(daemon, object, vlans, tags);
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		const char *interface = interface_of(daemon, object->value, host);
		if (interface == NULL)
			continue;
		int64_t left = host->state == HOST_READY ? keep_bridge(daemon, object, host, interface, tags) : -1;
		if (left >= 0)
			controllers_requeue(daemon, object, left + 1);
		const struct wire *wire = g_hash_table_lookup(host->wires, object->name);
		g_ptr_array_add(wire != NULL && wire->ready ? ready : not_ready, host->name);
		if (wire != NULL && !wire->asked)
			note_condition(daemon, status, host->name, wire);
	}
	json_decref(tags);
	g_strfreev(status->ready_nodes);
	g_strfreev(status->not_ready_nodes);
	g_strfreev(status->vlans);
	status->ready = ready->len > 0 && not_ready->len == 0;
	status->ready_nodes = take_names(ready);
	status->not_ready_nodes = take_names(not_ready);
	status->vlans = take_names(vlans);
	r = objects_set_status(daemon, object, status, err);
	schema_free(&provider_network_status_schema, status);
	return r;
}

/* --- the end --------------------------------------------------------------------------------------------------------------- */

static bool
is_used(struct daemon *daemon, const char *name)
{
	g_autoptr(GPtrArray) vlans = store_list(daemon->store, KIND_VLAN, NULL);

	for (guint i = 0; i < vlans->len; i++)
		if (g_strcmp0(((const struct vlan *)((const struct object *)vlans->pdata[i])->value)->spec->provider, name) == 0)
			return true;
	return false;
}

/* On a host that does not answer the bridge stays: an operator may remove it. */
static int
remove_network(struct daemon *daemon, const struct object *object, struct error *err)
{
	g_autofree char *bridge = bridge_of(object->name);
	bool waits = false;

	if (is_used(daemon, object->name)) {
		daemon_event(daemon, object, "Warning", "InUse", "it is deleted when the Vlans that name it are");
		return 0;
	}
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		struct wire *wire = host->state != HOST_READY ? NULL : wire_of(host, object->name);
		if (wire == NULL || (!wire->asked && wire->ready && strcmp(wire->what, REMOVED) == 0))
			continue;
		waits = true;
		if (*wire->problem != '\0' && strcmp(wire->what, REMOVED) == 0)
			daemon_event(daemon, object, "Warning", "InUse", "host %s: %s", host->name, wire->problem);
		if (wire->asked || (strcmp(wire->what, REMOVED) == 0 && wire->due > clock_monotonic_ms()))
			continue;
		g_strlcpy(wire->what, REMOVED, sizeof(wire->what));
		wire->asked = true;
		ask(daemon, host, object->name, "bridge-remove", json_pack("{s:s}", "bridge", bridge));
	}
	if (waits) {
		controllers_requeue(daemon, object, AGAIN_MS);
		return 0;
	}
	for (guint i = 0; i < daemon->hosts->len; i++)
		g_hash_table_remove(((struct host *)daemon->hosts->pdata[i])->wires, object->name);
	return objects_set_finalizer(daemon, object, kinds[KIND_PROVIDER_NETWORK].finalizer, false, err);
}

int
provider_network_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct provider_network *network = object->value;

	return network->head.meta->deletion_timestamp != 0 ? remove_network(daemon, object, err) : keep_network(daemon, object, err);
}

/* --- Vlans ------------------------------------------------------------------------------------------------------------------- */

static bool
has_conflict(struct daemon *daemon, const struct object *object)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_VLAN, NULL);
	const struct vlan_spec *spec = ((const struct vlan *)object->value)->spec, *other;

	for (guint i = 0; i < all->len; i++) {
		other = ((const struct vlan *)((const struct object *)all->pdata[i])->value)->spec;
		if (all->pdata[i] != object && spec->id != 0 && other->id == spec->id && g_strcmp0(other->provider, spec->provider) == 0)
			return true;
	}
	return false;
}

static GPtrArray *
subnets_on(struct daemon *daemon, const char *vlan)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_SUBNET, NULL);
	GPtrArray *names = g_ptr_array_new();

	for (guint i = 0; i < all->len; i++)
		if (g_strcmp0(((const struct subnet_object *)((const struct object *)all->pdata[i])->value)->spec->vlan, vlan) == 0)
			g_ptr_array_add(names, (char *)(uintptr_t)((const struct object *)all->pdata[i])->name);
	return names;
}

int
vlan_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vlan *vlan = object->value;
	g_autoptr(GPtrArray) subnets = subnets_on(daemon, object->name);
	const struct object *network = store_get(daemon->store, KIND_PROVIDER_NETWORK, "", vlan->spec->provider);
	struct vlan_status *status;
	int r;

	if (network != NULL)
		controllers_requeue(daemon, network, 0);
	if (vlan->head.meta->deletion_timestamp != 0 && subnets->len == 0)
		return objects_set_finalizer(daemon, object, kinds[KIND_VLAN].finalizer, false, err);
	if (vlan->head.meta->deletion_timestamp != 0)
		daemon_event(daemon, object, "Warning", "InUse", "it is deleted when the Subnets that name it are");
	status = objects_status_copy(object);
	g_strfreev(status->subnets);
	status->subnets = take_names(subnets);
	status->conflict = has_conflict(daemon, object);
	condition_set(&status->conditions, "Ready", network != NULL && !status->conflict,
	    network == NULL ? "NoProviderNetwork" : status->conflict ? "Conflict" : "Ready",
	    network == NULL ? "its ProviderNetwork does not exist" : status->conflict ? "another Vlan of the ProviderNetwork has the same id" : "", daemon_now(daemon));
	if (network == NULL)
		controllers_await(daemon, object, KIND_PROVIDER_NETWORK, "", vlan->spec->provider);
	r = objects_set_status(daemon, object, status, err);
	schema_free(&vlan_status_schema, status);
	return r;
}
