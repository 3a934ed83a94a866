/* That hosts have the guards of their guests; see guards.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/store.h"
#include "src/api/security_group.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

/* What changes together is told together. */
enum { SOON_MS = 20 };

/*
 *   known    the host said that it has exactly host->guards
 *   due      it is compared soon with what it should have
 *   asked    it was told, and has yet to answer; what changes meanwhile is told then
 *   stale    it lost its flows after it was told: whatever the answer says, it is told once more
 */
struct guard_state {
	struct host *host;
	GHashTable *guards; /* uid -> SHA-1 of its guards */
	bool known, asked, again, stale;
	bool failed; /* the last time, which was logged */
	struct event *due;
};

static char *
sum_of(const json_t *guards)
{
	g_autofree char *text = json_dumps(guards, JSON_COMPACT | JSON_SORT_KEYS);

	return g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
}

static GHashTable *
sums_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* --- what a host should have -------------------------------------------------------------------------------------------------- */

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

/* Of all its guests; sums as struct guard_state has them.  Those of an instance that cannot be made are left out: a guest that runs then
 * keeps what it has. */
static json_t *
wanted_of(const struct host *host, GHashTable *sums)
{
	g_autoptr(GPtrArray) instances = store_list(host->daemon->store, KIND_VMI, NULL);
	struct guard_maker *maker = guard_maker_new(host->daemon);
	json_t *all = json_array();

	for (guint i = 0; i < instances->len; i++) {
		const struct object *instance = instances->pdata[i];
		const struct vmi_status *status = ((const struct vmi *)instance->value)->status;
		struct error err = { 0 };
		if (g_strcmp0(status->node_name, host->name) != 0 || status->active_pods.count == 0)
			continue;
		json_t *guards = guard_maker_make(maker, instance, false, &err);
		if (guards == NULL && err.code != EAGAIN)
			log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", instance->namespace, instance->name, "guards of its ports: %s", err.text);
		if (json_array_size(guards) > 0)
			g_hash_table_insert(sums, g_strdup(instance->uid), sum_of(guards));
		if (guards != NULL && (!host->guards->known || g_hash_table_contains(host->guards->guards, instance->uid))) {
			json_decref(guards); /* it may have had more */
			guards = guard_maker_make(maker, instance, true, &err);
		}
		add_named(all, guards, instance);
		json_decref(guards);
	}
	guard_maker_free(maker);
	return all;
}

static bool
are_equal(GHashTable *a, GHashTable *b)
{
	GHashTableIter iter;
	void *uid, *sum;

	if (g_hash_table_size(a) != g_hash_table_size(b))
		return false;
	g_hash_table_iter_init(&iter, a);
	while (g_hash_table_iter_next(&iter, &uid, &sum))
		if (g_strcmp0(g_hash_table_lookup(b, uid), sum) != 0)
			return false;
	return true;
}

/* A host without Open vSwitch is not asked for nothing. */
static bool
has_all(const struct host *host, GHashTable *sums)
{
	g_autoptr(GPtrArray) networks = store_list(host->daemon->store, KIND_PROVIDER_NETWORK, NULL);
	const struct guard_state *state = host->guards;

	return state->known ? are_equal(state->guards, sums) : g_hash_table_size(sums) == 0 && networks->len == 0;
}

/* --- telling it ----------------------------------------------------------------------------------------------------------------- */

struct telling {
	struct daemon *daemon;
	char *host;
	GHashTable *sums;
};

/* Groups say in their status whether hosts have their rules. */
static void
wake_groups(struct daemon *daemon)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_SECURITY_GROUP, NULL);

	for (guint i = 0; i < all->len; i++)
		if (!((const struct security_group *)((const struct object *)all->pdata[i])->value)->status->ingress_synced)
			controllers_requeue(daemon, all->pdata[i], 0);
}

static void
soon(struct guard_state *state)
{
	struct timeval delay = { .tv_usec = SOON_MS * 1000 };

	if (state->asked)
		state->again = true;
	else if (!event_pending(state->due, EV_TIMEOUT, NULL))
		event_add(state->due, &delay);
}

static void
on_told(void *arg, json_t *result, const struct error *error)
{
	struct telling *t = arg;
	struct host *host = host_find(t->daemon, t->host);
	struct guard_state *state = host == NULL ? NULL : host->guards;

	(void)result;
	if (error != NULL && error->code != EHOSTDOWN && g_hash_table_size(t->sums) > 0 && (state == NULL || !state->failed))
		log_warning("host %s: guards of ports: %s", t->host, error->text);
	if (state != NULL) {
		state->asked = false;
		state->failed = error != NULL;
		state->known = (error == NULL && !state->stale) || g_hash_table_size(t->sums) == 0; /* without Open vSwitch there is nothing left of guests that went */
		g_hash_table_unref(state->guards);
		state->guards = g_hash_table_ref(t->sums);
		if (error != NULL && !state->known && error->code != EOPNOTSUPP)
			host_sync_again(host);
		if (state->again || state->stale)
			soon(state);
		state->again = state->stale = false;
	}
	wake_groups(t->daemon);
	g_hash_table_unref(t->sums);
	g_free(t->host);
	g_free(t);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct guard_state *state = arg;
	struct host *host = state->host;
	GHashTable *sums = sums_new();
	struct telling *t;
	json_t *all;

	(void)fd, (void)what;
	all = wanted_of(host, sums);
	if (host->state != HOST_READY || has_all(host, sums)) {
		json_decref(all);
		g_hash_table_unref(sums);
		return;
	}
	t = g_new0(struct telling, 1);
	*t = (struct telling){ host->daemon, g_strdup(host->name), sums };
	state->asked = true;
	host_call(host, "guards-sync", json_pack("{s:o}", "guards", all), -1, HOST_DEADLINE_ACTION, on_told, t);
}

/* --- for others ------------------------------------------------------------------------------------------------------------------ */

struct guard_state *
guard_state_new(struct host *host)
{
	struct guard_state *state = g_new0(struct guard_state, 1);

	*state = (struct guard_state){ .host = host, .guards = sums_new() };
	state->due = evtimer_new(host->daemon->base, on_due, state);
	return state;
}

void
guard_state_free(struct guard_state *state)
{
	event_free(state->due);
	g_hash_table_unref(state->guards);
	g_free(state);
}

void
guards_forget(struct host *host)
{
	host->guards->known = false;
	host->guards->stale = host->guards->asked;
}

void
guards_sync(struct host *host)
{
	soon(host->guards);
}

void
guards_sync_all(struct daemon *daemon)
{
	for (guint i = 0; i < daemon->hosts->len; i++)
		guards_sync(daemon->hosts->pdata[i]);
}

bool
guards_are_told(struct daemon *daemon)
{
	bool told = true;

	for (guint i = 0; told && i < daemon->hosts->len; i++) {
		const struct host *host = daemon->hosts->pdata[i];
		g_autoptr(GHashTable) sums = sums_new();
		json_decref(wanted_of(host, sums));
		told = host->state == HOST_READY && !host->guards->asked && has_all(host, sums);
	}
	return told;
}

void
guards_took(struct host *host, const struct object *instance, const json_t *guards)
{
	if (json_array_size(guards) > 0)
		g_hash_table_insert(host->guards->guards, g_strdup(instance->uid), sum_of(guards));
}

/* The annotations that a group's members have. */
static bool
is_member(const struct object *instance)
{
	const struct schema_map *all = &((const struct vmi *)instance->value)->head.meta->annotations;

	for (size_t i = 0; i < all->count; i++)
		if (strstr(all->entries[i].name, ".kubernetes.io/security_groups") != NULL)
			return true;
	return false;
}

/* Its guards are not what its host was told. */
static bool
is_new(struct daemon *daemon, const struct object *instance, const struct host *host)
{
	struct error told_by_sync = { 0 };
	json_t *guards = guards_of(daemon, instance, &told_by_sync);
	g_autofree char *sum = json_array_size(guards) > 0 ? sum_of(guards) : NULL;
	bool differs = guards != NULL && g_strcmp0(sum, g_hash_table_lookup(host->guards->guards, instance->uid)) != 0;

	json_decref(guards);
	return differs;
}

void
guards_follow(struct daemon *daemon, const struct object *instance)
{
	struct host *host = host_find(daemon, ((const struct vmi *)instance->value)->status->node_name);

	if (host == NULL || !is_new(daemon, instance, host))
		return;
	if (is_member(instance))
		guards_sync_all(daemon);
	else
		guards_sync(host);
}

void
guards_changed(struct daemon *daemon, const struct object *instance)
{
	struct host *host = host_find(daemon, ((const struct vmi *)instance->value)->status->node_name);

	if (is_member(instance))
		guards_sync_all(daemon);
	else if (host != NULL && (g_hash_table_contains(host->guards->guards, instance->uid) || is_new(daemon, instance, host)))
		guards_sync(host);
}
