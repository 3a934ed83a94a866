/* What all controllers share: the queue, who waits for whom, garbage collection; see controllers.h. */
#include "config.h"

#include <event2/event.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/controllers/adopt.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/credentials.h"
#include "daemon/controllers/vmi_media.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/probe.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/promises.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/import.h"
#include "daemon/objects.h"
#include "daemon/queue.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/api/core.h"
#include "src/api/vmi.h"

enum {
	RESYNC_MS = 3600 * 1000,      /* everything is looked at this often, in case an event was missed */
	TRASH_MS = 600 * 1000,
	LOOK_MS = 60 * 1000,          /* between looks at what hosts give to instances alone */
	OWNERS_DEEP = 8,              /* owners of owners that are followed */
	AWAITED_MOST = 100000,        /* what is waited for; beyond it the resync has to do */
};

/* State of the controllers that can be lost: it is made anew from the store and the hosts. */
struct controllers {
	GHashTable *awaited;  /* "kind/namespace/name" -> GHashTable of the keys that wait */
	GHashTable *capacity; /* keys that wait for capacity */
	GHashTable *jobs;     /* keys with a job under way */
	GHashTable *paces;    /* uid -> struct pace */
	GHashTable *signals;  /* uids of instances whose guest is being asked to end */
	struct promises *promises;
	struct grants *grants;
	struct event *resync, *trash, *look;
};

static int (*const reconcilers[KIND_COUNT])(struct daemon *, const struct object *, struct error *) = {
	[KIND_VM] = vm_reconcile,
	[KIND_VMI] = vmi_reconcile,
	[KIND_DATA_VOLUME] = data_volume_reconcile,
	[KIND_CLAIM] = claim_reconcile,
	[KIND_REPLICA_SET] = replica_set_reconcile,
	[KIND_POOL] = pool_reconcile,
	[KIND_MIGRATION] = migration_reconcile,
	[KIND_STORAGE_CLASS] = storage_class_reconcile,
	[KIND_STORAGE_PROFILE] = storage_profile_reconcile,
	[KIND_VOLUME] = persistent_volume_reconcile,
	[KIND_SNAPSHOT] = volume_snapshot_reconcile,
	[KIND_DATA_SOURCE] = data_source_reconcile,
	[KIND_DATA_IMPORT_CRON] = data_import_cron_reconcile,
	[KIND_PROVIDER_NETWORK] = provider_network_reconcile,
	[KIND_VLAN] = vlan_reconcile,
	[KIND_SUBNET] = subnet_reconcile,
	[KIND_IP] = ip_address_reconcile,
	[KIND_IP_POOL] = ip_pool_reconcile,
	[KIND_VIP] = vip_reconcile,
	[KIND_SECURITY_GROUP] = security_group_reconcile,
};

/* --- keys ---------------------------------------------------------------------------------------------------------- */

static char *
key_new(enum kind_id kind, const char *namespace, const char *name)
{
	return g_strdup_printf("%d/%s/%s", (int)kind, namespace, name);
}

static void
key_requeue(struct daemon *daemon, const char *key)
{
	g_auto(GStrv) parts = g_strsplit(key, "/", 3);

	queue_add(daemon->queue, (enum kind_id)g_ascii_strtoll(parts[0], NULL, 10), parts[1], parts[2], 0);
}

void
controllers_requeue(struct daemon *daemon, const struct object *object, int64_t delay_ms)
{
	if (daemon->queue == NULL)
		return;
	queue_add(daemon->queue, kind_id(object->kind), object->namespace, object->name, delay_ms);
}

/* --- who waits for whom -------------------------------------------------------------------------------------------- */

void
controllers_await(struct daemon *daemon, const struct object *object, enum kind_id kind, const char *namespace,
    const char *name)
{
	GHashTable *awaited = daemon->controllers->awaited, *waiters;
	char *key = key_new(kind, namespace, name);

	waiters = g_hash_table_lookup(awaited, key);
	if (waiters == NULL && g_hash_table_size(awaited) < AWAITED_MOST) {
		waiters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		g_hash_table_insert(awaited, g_strdup(key), waiters);
	}
	if (waiters != NULL)
		g_hash_table_add(waiters, key_new(kind_id(object->kind), object->namespace, object->name));
	g_free(key);
}

void
controllers_await_capacity(struct daemon *daemon, const struct object *object)
{
	g_hash_table_add(daemon->controllers->capacity, key_new(kind_id(object->kind), object->namespace, object->name));
}

static void
wake_all(struct daemon *daemon, GHashTable *keys)
{
	GHashTableIter iter;
	void *key;

	g_hash_table_iter_init(&iter, keys);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		key_requeue(daemon, key);
}

static void
wake_waiters(struct daemon *daemon, const struct object *object)
{
	g_autofree char *key = key_new(kind_id(object->kind), object->namespace, object->name);
	GHashTable *waiters = g_hash_table_lookup(daemon->controllers->awaited, key);

	if (waiters == NULL)
		return;
	wake_all(daemon, waiters);
	g_hash_table_remove(daemon->controllers->awaited, key);
}

static void
wake_capacity(struct daemon *daemon)
{
	wake_all(daemon, daemon->controllers->capacity);
	g_hash_table_remove_all(daemon->controllers->capacity);
}

/* --- jobs ---------------------------------------------------------------------------------------------------------- */

bool
controllers_job_begin(struct daemon *daemon, const struct object *object)
{
	return g_hash_table_add(daemon->controllers->jobs, key_new(kind_id(object->kind), object->namespace, object->name));
}

void
controllers_job_end(struct daemon *daemon, enum kind_id kind, const char *namespace, const char *name)
{
	g_autofree char *key = key_new(kind, namespace, name);

	if (daemon->controllers == NULL)
		return;
	g_hash_table_remove(daemon->controllers->jobs, key);
	queue_add(daemon->queue, kind, namespace, name, 0);
}

bool
controllers_job_is_running(struct daemon *daemon, const struct object *object)
{
	g_autofree char *key = key_new(kind_id(object->kind), object->namespace, object->name);

	return g_hash_table_contains(daemon->controllers->jobs, key);
}

/* --- pace ---------------------------------------------------------------------------------------------------------- */

struct pace {
	int64_t due, signaled; /* monotonic ms; 0: not */
	int64_t asked;         /* its agent, as above */
	bool ask;              /* once more, when it may be */
	unsigned failures;
	bool killed; /* its guest has been cut off once */
};

int64_t
controllers_pace_left(struct daemon *daemon, const struct object *object)
{
	const struct pace *p = daemon->controllers == NULL ? NULL : g_hash_table_lookup(daemon->controllers->paces, object->uid);

	return p == NULL ? 0 : MAX(p->due - clock_monotonic_ms(), 0);
}

static struct pace *
pace_get(struct daemon *daemon, const struct object *object)
{
	struct pace *p = g_hash_table_lookup(daemon->controllers->paces, object->uid);

	if (p == NULL) {
		p = g_new0(struct pace, 1);
		g_hash_table_insert(daemon->controllers->paces, g_strdup(object->uid), p);
	}
	return p;
}

void
controllers_pace_set(struct daemon *daemon, const struct object *object, int64_t ms)
{
	if (daemon->controllers != NULL)
		pace_get(daemon, object)->due = clock_monotonic_ms() + ms;
}

int64_t
controllers_signaled(struct daemon *daemon, const struct object *object, int64_t now)
{
	struct pace *p = pace_get(daemon, object);

	if (p->signaled == 0)
		p->signaled = now;
	return p->signaled;
}

bool
controllers_kill_begin(struct daemon *daemon, const struct object *object)
{
	struct pace *p = pace_get(daemon, object);
	bool first = !p->killed;

	p->killed = true;
	return first;
}

bool
controllers_signal_begin(struct daemon *daemon, const struct object *object)
{
	return g_hash_table_add(daemon->controllers->signals, g_strdup(object->uid));
}

void
controllers_signal_end(struct daemon *daemon, const char *uid)
{
	if (daemon->controllers != NULL)
		g_hash_table_remove(daemon->controllers->signals, uid);
}

int64_t
controllers_ask(struct daemon *daemon, const struct object *object, int64_t every_ms)
{
	struct pace *p = pace_get(daemon, object);
	int64_t now = clock_monotonic_ms();

	p->ask = p->asked != 0 && now - p->asked < every_ms;
	if (p->ask)
		return p->asked + every_ms - now;
	p->asked = now;
	return 0;
}

bool
controllers_ask_waits(struct daemon *daemon, const struct object *object)
{
	const struct pace *p = g_hash_table_lookup(daemon->controllers->paces, object->uid);

	return p != NULL && p->ask;
}

unsigned
controllers_pace_fail(struct daemon *daemon, const struct object *object, int64_t first_ms, int64_t most_ms)
{
	struct pace *p;
	int64_t ms = first_ms;

	if (daemon->controllers == NULL)
		return 0;
	p = pace_get(daemon, object);

	for (unsigned i = 0; i < p->failures && ms < most_ms; i++)
		ms *= 2;
	p->failures++;
	p->due = clock_monotonic_ms() + MIN(ms, most_ms);
	return p->failures;
}

void
controllers_pace_clear(struct daemon *daemon, const struct object *object)
{
	if (daemon->controllers != NULL)
		g_hash_table_remove(daemon->controllers->paces, object->uid);
}

/* --- garbage collection -------------------------------------------------------------------------------------------- */

/* Owners may own each other in a circle: users write what they like. */
static bool
is_doomed(struct daemon *daemon, const struct object *object, unsigned depth)
{
	const struct object_head *head = object->value;

	if (head->meta->deletion_timestamp != 0)
		return true;
	if (head->meta->owner_references.count == 0 || depth == 0)
		return false;
	SCHEMA_EACH (struct owner_reference, r, &head->meta->owner_references) {
		const struct object *owner = store_get_uid(daemon->store, r->uid);
		if (owner != NULL && !is_doomed(daemon, owner, depth - 1))
			return false;
	}
	return true;
}

bool
controllers_is_doomed(struct daemon *daemon, const struct object *object)
{
	return is_doomed(daemon, object, OWNERS_DEEP);
}

/* An object all of whose owners are gone goes, too (kubernetes.io/docs/concepts/architecture/garbage-collection). */
static bool
collect(struct daemon *daemon, const struct object *object)
{
	const struct object_head *head = object->value;
	const struct delete_options options = { .grace_period_seconds = -1 };
	struct error err = { 0 };

	if (head->meta->owner_references.count == 0 || head->meta->deletion_timestamp != 0)
		return false;
	SCHEMA_EACH (struct owner_reference, r, &head->meta->owner_references)
		if (store_get_uid(daemon->store, r->uid) != NULL)
			return false;
	if (objects_delete(daemon, object, &options, NULL, &err) != 0)
		log_object(LOG_LEVEL_WARNING, object->kind->name, object->namespace, object->name, "%s", err.text);
	return true;
}

/* --- the queue's end ----------------------------------------------------------------------------------------------- */

static void
reconcile(void *arg, enum kind_id kind, const char *namespace, const char *name)
{
	struct daemon *daemon = arg;
	const struct object *object = store_get(daemon->store, kind, namespace, name);
	struct error err = { 0 };
	int r = 0;

	if (object == NULL) {
		queue_forget(daemon->queue, kind, namespace, name);
		return;
	}
	object_ref(object);
	if (!collect(daemon, object) && reconcilers[kind] != NULL)
		r = reconcilers[kind](daemon, object, &err);
	if (r == 0) {
		queue_forget(daemon->queue, kind, namespace, name);
	} else {
		log_object(LOG_LEVEL_WARNING, object->kind->name, namespace, name, "%s", err.text);
		queue_retry(daemon->queue, kind, namespace, name);
	}
	object_unref(object);
}

static bool
is_interesting(const struct object *object)
{
	const struct object_head *head = object->value;

	return reconcilers[kind_id(object->kind)] != NULL || head->meta->owner_references.count > 0;
}

/* A host was uncordoned or labelled: by a user, not by what we tell of it. */
static bool
node_has_changed(const struct change *change)
{
	const struct node *is = change->object->value, *was = change->previous == NULL ? NULL : change->previous->value;

	if (was == NULL || is == NULL || was->spec->unschedulable != is->spec->unschedulable ||
	    was->head.meta->labels.count != is->head.meta->labels.count)
		return true;
	for (size_t i = 0; i < is->head.meta->labels.count; i++)
		if (g_strcmp0(schema_map_get(&was->head.meta->labels, is->head.meta->labels.entries[i].name),
		        is->head.meta->labels.entries[i].value) != 0)
			return true;
	return false;
}

struct promises *
controllers_promises(struct daemon *daemon)
{
	return daemon->controllers->promises;
}

struct grants *
controllers_grants(struct daemon *daemon)
{
	return daemon->controllers->grants;
}

/* What is given of the hosts and what they have: all, or only what a change of the store may have made different. */
static void
look_at_grants(struct daemon *daemon, bool all)
{
	for (guint i = 0; daemon->hosts != NULL && i < daemon->hosts->len; i++)
		grants_sync(daemon, daemon->hosts->pdata[i], all);
}

/* Others may have what an instance had alone, or must keep off what it has now. */
static void
grants_changed(struct daemon *daemon)
{
	wake_capacity(daemon);
	look_at_grants(daemon, false);
}

/* Follows what instances have been promised and given. */
static void
follow_promises(struct daemon *daemon, const struct change *change)
{
	if (change->object->kind != &kinds[KIND_VMI])
		return;
	if (grants_note(daemon->controllers->grants, change->object, change->type == CHANGE_DELETED))
		grants_changed(daemon);
	if (change->type == CHANGE_DELETED)
		promises_drop(daemon->controllers->promises, change->object->uid);
	else
		promises_note(daemon->controllers->promises, change->object);
}

/* Owners look at what they own, waiters at what they wait for, dependents of a deleted object at their owners. */
static void
on_change(void *arg, const struct change *change)
{
	struct daemon *daemon = arg;
	const struct object *object = change->object;
	const struct object_head *head = object->value;

	if (object->kind->heartbeat)
		return;
	if (head != NULL && change->type != CHANGE_DELETED && is_interesting(object))
		controllers_requeue(daemon, object, 0);
	if (head != NULL)
		SCHEMA_EACH (struct owner_reference, r, &head->meta->owner_references) {
			const struct object *owner = store_get_uid(daemon->store, r->uid);
			if (owner != NULL)
				controllers_requeue(daemon, owner, 0);
		}
	follow_promises(daemon, change);
	wake_waiters(daemon, object);
	if (change->type == CHANGE_DELETED) {
		controllers_pace_clear(daemon, object);
		probes_forget(daemon->probes, object->uid);
		credentials_forget(daemon->credentials, object->uid);
		folders_forget(daemon->folders, object->uid);
		import_cancel(daemon, object->uid);
		g_autoptr(GPtrArray) owned = store_owned(daemon->store, object->uid);
		for (guint i = 0; i < owned->len; i++)
			controllers_requeue(daemon, owned->pdata[i], 0);
	}
	if (object->kind == &kinds[KIND_NODE] && node_has_changed(change))
		wake_capacity(daemon);
	if (object->kind == &kinds[KIND_VMI] &&
	    (change->type == CHANGE_DELETED || (head != NULL && vmi_is_final((const struct vmi *)(const void *)head))))
		wake_capacity(daemon);
}

void
controllers_resync(struct daemon *daemon)
{
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		g_autoptr(GPtrArray) all = kinds[kind].heartbeat ? NULL : store_list(daemon->store, (enum kind_id)kind, NULL);
		for (guint i = 0; all != NULL && i < all->len; i++)
			if (is_interesting(all->pdata[i]))
				controllers_requeue(daemon, all->pdata[i], 0);
	}
}

void
controllers_capacity_changed(struct daemon *daemon)
{
	wake_capacity(daemon);
}

/* --- hosts --------------------------------------------------------------------------------------------------------- */

/* Agents that came while nobody listened are not told again. */
static void
ask_agents(struct daemon *daemon, struct host *host)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, host->domains);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct host_domain *d = value;
		const struct object *object = store_get(daemon->store, KIND_VMI, d->namespace, d->vmi);
		if (host_domain_is_active(d) && object != NULL && strcmp(object->uid, d->uid) == 0)
			vmi_agent_changed(daemon, host, object);
	}
}

/* Of an instance that the store does not know, such as an old definition that somebody started, or a guest of a time that a
 * restored store has forgotten (adopt.h).  It may be all that there is of somebody's work: so it is told, and left alone. */
static void
tell_stray(struct daemon *daemon, const struct host *host, const struct host_domain *d)
{
	const struct object *object = store_get(daemon->store, KIND_VMI, d->namespace, d->vmi);
	const struct object *node = store_get(daemon->store, KIND_NODE, "", host->name);

	if (!host_domain_is_active(d) || node == NULL || (object != NULL && strcmp(object->uid, d->uid) == 0))
		return;
	daemon_event(daemon, node, "Warning", "StrayDomain",
	    "domain %s runs for instance %s, which does not exist: it goes on, and belongs to the instance of its name as soon as one is asked "
	    "for; end it with virsh destroy when nobody needs it", d->name, d->uid);
}

static void
tell_strays(struct daemon *daemon, struct host *host)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, host->domains);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		tell_stray(daemon, host, value);
}

/* What others did to the definition of a guest that runs; that of one whose start was refused is removed by us. */
static const struct {
	const char *what, *reason, *message;
} by_hand[] = {
	{ "redefined", "Redefined", "The definition of the domain was changed outside of Solovirt: the next start makes it anew." },
	{ "undefined", "Undefined", "The definition of the domain was removed outside of Solovirt: the guest runs on, the next start makes it anew." },
};

static void
tell_by_hand(struct daemon *daemon, const struct object *object, const struct host_domain *d, const char *what)
{
	const struct vmi *vmi = object->value;

	for (size_t i = 0; i < G_N_ELEMENTS(by_hand) && vmi->status->phase == VMI_RUNNING; i++)
		if (strcmp(by_hand[i].what, what) == 0 && host_domain_is_active(d) && strcmp(object->uid, d->uid) == 0)
			daemon_event(daemon, object, "Warning", by_hand[i].reason, "%s", by_hand[i].message);
}

void
controllers_host_sync(struct daemon *daemon, struct host *host)
{
	if (daemon->controllers == NULL)
		return;
	addresses_sync(daemon, host);
	subnets_sync(daemon);
	guards_sync(host);
	vmi_logs_sync(daemon, host);
	grants_sync(daemon, host, true);
}

void
controllers_host_changed(struct daemon *daemon, struct host *host)
{
	if (daemon->controllers == NULL)
		return;
	node_update(daemon, host);
	if (host->state == HOST_DOWN)
		controllers_resync(daemon);
	if (host->state != HOST_READY)
		return;
	adopt_addresses(daemon, host);
	controllers_host_sync(daemon, host);
	ask_agents(daemon, host);
	tell_strays(daemon, host);
	wake_capacity(daemon);
	controllers_resync(daemon);
}

void
controllers_domain_changed(struct daemon *daemon, struct host *host, const char *domain, const char *what)
{
	const struct host_domain *d = g_hash_table_lookup(host->domains, domain);
	const struct object *object;

	if (d != NULL && strcmp(what, "started") == 0)
		tell_stray(daemon, host, d);
	if (d == NULL || (object = store_get(daemon->store, KIND_VMI, d->namespace, d->vmi)) == NULL)
		return;
	tell_by_hand(daemon, object, d, what);
	log_object(LOG_LEVEL_DEBUG, "VirtualMachineInstance", d->namespace, d->vmi, "domain %s: %s, now %s (%s)", domain, what,
	    d->state, d->reason);
	if (strcmp(what, "agent") == 0)
		vmi_agent_changed(daemon, host, object);
	controllers_requeue(daemon, object, 0);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

/* Everybody looks again and says anew what he waits for: what those waited for that are gone is forgotten. */
static void
on_resync(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	g_hash_table_remove_all(daemon->controllers->awaited);
	g_hash_table_remove_all(daemon->controllers->capacity);
	controllers_resync(daemon);
}

static void
on_trash(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	trash_sweep(arg);
	images_sweep(arg);
	daemon_events_expire(arg);
}

static struct event *
timer_every(struct daemon *daemon, int64_t ms, event_callback_fn callback)
{
	struct event *event = event_new(daemon->base, -1, EV_PERSIST, callback, daemon);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(event, &tv);
	return event;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_at_grants(arg, true);
}

void
controllers_reload(struct daemon *daemon)
{
	look_at_grants(daemon, true);
	wake_capacity(daemon);
}

void
controllers_start(struct daemon *daemon)
{
	struct controllers *c = g_new0(struct controllers, 1);

	c->awaited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_destroy);
	c->capacity = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	c->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	c->signals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	c->paces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	daemon->controllers = c;
	daemon->queue = queue_new(daemon->base, reconcile, daemon);
	daemon->probes = probes_new(daemon);
	daemon->credentials = credentials_new(daemon);
	daemon->folders = folders_new(daemon);
	c->resync = timer_every(daemon, RESYNC_MS, on_resync);
	c->trash = timer_every(daemon, MIN(TRASH_MS, MAX(daemon->config->trash / 4, 1000)), on_trash);
	c->look = timer_every(daemon, LOOK_MS, on_look);
	c->promises = promises_new();
	c->grants = grants_new();
	g_autoptr(GPtrArray) instances = store_list(daemon->store, KIND_VMI, NULL);
	for (guint i = 0; i < instances->len; i++) {
		promises_note(c->promises, instances->pdata[i]);
		grants_note(c->grants, instances->pdata[i], false);
	}
	store_subscribe(daemon->store, on_change, daemon);
	storage_class_ensure(daemon);
	controllers_resync(daemon);
}

void
controllers_stop(struct daemon *daemon)
{
	struct controllers *c = daemon->controllers;

	if (c == NULL)
		return;
	store_unsubscribe(daemon->store, daemon);
	daemon->controllers = NULL;
	g_clear_pointer(&daemon->probes, probes_free);
	g_clear_pointer(&daemon->credentials, credentials_free);
	g_clear_pointer(&daemon->folders, folders_free);
	event_free(c->resync);
	event_free(c->trash);
	event_free(c->look);
	queue_free(daemon->queue);
	daemon->queue = NULL;
	g_hash_table_destroy(c->awaited);
	g_hash_table_destroy(c->capacity);
	g_hash_table_destroy(c->jobs);
	g_hash_table_destroy(c->paces);
	g_hash_table_destroy(c->signals);
	promises_free(c->promises);
	grants_free(c->grants);
	g_free(c);
}
