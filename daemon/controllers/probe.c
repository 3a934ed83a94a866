/* Probes of instances that run; see probe.h. */
#include "config.h"

#include <event2/event.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/probe.h"
#include "daemon/controllers/probe_plan.h"
#include "daemon/host.h"
#include "src/base/clock.h"

enum kind_of_probe { READINESS, LIVENESS, PROBE_KINDS };
static const char *const kind_words[] = { [READINESS] = "Readiness", [LIVENESS] = "Liveness" };

/* One probe of one instance. */
struct watched {
	struct watch *watch;
	enum kind_of_probe kind;
	struct probe_state state;
	struct probe_try *try; /* under way, or NULL */
	int64_t began;         /* monotonic ms: that try */
	struct event *timer;   /* NULL: the instance has no such probe */
	char *why;             /* what the last try that went wrong said */
};

struct watch {
	struct daemon *daemon;
	char *namespace, *name, *uid;
	struct watched probes[PROBE_KINDS];
};

struct probes {
	struct daemon *daemon;
	GHashTable *watches; /* uid -> struct watch */
};

static const struct probe *
probe_of(const struct object *object, enum kind_of_probe kind)
{
	const struct vmi *vmi = object->value;

	return kind == READINESS ? vmi->spec->readiness_probe : vmi->spec->liveness_probe;
}

static void
watch_free(void *pointer)
{
	struct watch *w = pointer;

	for (int i = 0; i < PROBE_KINDS; i++) {
		if (w->probes[i].try != NULL)
			probe_try_drop(w->probes[i].try);
		if (w->probes[i].timer != NULL)
			event_free(w->probes[i].timer);
		g_free(w->probes[i].why);
	}
	g_free(w->namespace);
	g_free(w->name);
	g_free(w->uid);
	g_free(w);
}

struct probes *
probes_new(struct daemon *daemon)
{
	struct probes *p = g_new0(struct probes, 1);

	p->daemon = daemon;
	p->watches = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, watch_free);
	return p;
}

void
probes_free(struct probes *probes)
{
	g_hash_table_destroy(probes->watches);
	g_free(probes);
}

/* --- tries ---------------------------------------------------------------------------------------------------------- */

static void
arm(struct watched *p)
{
	int64_t ms = MAX(p->state.due - clock_monotonic_ms(), 0);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(p->timer, &tv);
}

static const struct object *
watched_object(const struct watch *w)
{
	return store_get_uid(w->daemon->store, w->uid);
}

/* As Kubernetes tells it, but not once for each of many tries that go wrong one after the other. */
static void
tell_wrong(const struct watched *p, const struct object *object, bool turned)
{
	if (turned || p->state.in_row == 1)
		daemon_event(p->watch->daemon, object, "Warning", "Unhealthy", "%s probe failed: %s", kind_words[p->kind], p->why);
}

static void
on_told(void *arg, struct probe_try *try, enum probe_result result, const char *why)
{
	struct watched *p = arg;
	const struct object *object = watched_object(p->watch);
	bool turned = false, news = false;

	(void)try;
	p->try = NULL;
	if (object == NULL)
		return;
	if (result == PROBE_UNKNOWN)
		probe_skip(&p->state, probe_of(object, p->kind), p->began);
	else
		turned = probe_note(&p->state, probe_of(object, p->kind), result == PROBE_WELL, p->began);
	if (result == PROBE_WRONG) {
		news = g_strcmp0(p->why, why) != 0;
		g_free(p->why);
		p->why = g_strdup(why);
		tell_wrong(p, object, turned);
	}
	arm(p);
	if (turned || (news && !p->state.good))
		controllers_requeue(p->watch->daemon, object, 0);
}

static const char *
guest_ip(const struct vmi *vmi)
{
	SCHEMA_EACH (struct vmi_interface_status, i, &vmi->status->interfaces)
		if (i->ip_address != NULL)
			return i->ip_address;
	return NULL;
}

/* A guest that stands still is not asked. */
static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct watched *p = arg;
	const struct object *object = watched_object(p->watch);
	const struct vmi *vmi = object == NULL ? NULL : object->value;
	struct host *host = vmi == NULL ? NULL : host_find(p->watch->daemon, vmi->status->node_name);
	const struct host_domain *domain;

	(void)fd;
	(void)what;
	if (vmi == NULL || p->try != NULL)
		return;
	p->began = clock_monotonic_ms();
	domain = host == NULL || host->state != HOST_READY ? NULL : host_domain_find(host, p->watch->namespace, p->watch->name);
	if (!host_domain_is_active(domain) || strcmp(domain->state, "paused") == 0) {
		probe_skip(&p->state, probe_of(object, p->kind), p->began);
		arm(p);
		return;
	}
	p->try = probe_try_new(p->watch->daemon, host, object, probe_of(object, p->kind), guest_ip(vmi), on_told, p);
}

/* --- who is watched ------------------------------------------------------------------------------------------------- */

/* Since when the guest runs, on the monotonic clock; the wall clock may have been set since. */
static int64_t
running_since(const struct vmi_status *status, int64_t now)
{
	int64_t wall = clock_wall_ms(), began = wall;

	SCHEMA_EACH (struct phase_transition, t, &status->phase_transition_timestamps)
		if (t->phase == VMI_RUNNING)
			began = t->phase_transition_timestamp;
	return now - MAX(wall - began, 0);
}

void
probes_follow(struct probes *probes, const struct object *object, const struct vmi_status *status)
{
	int64_t now = clock_monotonic_ms();
	struct watch *w;

	if (g_hash_table_contains(probes->watches, object->uid) ||
	    (probe_of(object, READINESS) == NULL && probe_of(object, LIVENESS) == NULL))
		return;
	w = g_new0(struct watch, 1);
	w->daemon = probes->daemon;
	w->namespace = g_strdup(object->namespace);
	w->name = g_strdup(object->name);
	w->uid = g_strdup(object->uid);
	g_hash_table_insert(probes->watches, w->uid, w);
	for (int i = 0; i < PROBE_KINDS; i++) {
		const struct probe *probe = probe_of(object, (enum kind_of_probe)i);
		struct watched *p = &w->probes[i];

		if (probe == NULL)
			continue;
		*p = (struct watched){ .watch = w, .kind = (enum kind_of_probe)i, .timer = evtimer_new(probes->daemon->base, on_due, p) };
		p->state = probe_begin(probe, i == LIVENESS || condition_is_true(&status->conditions, "Ready"),
		    running_since(status, now), now);
		arm(p);
	}
}

void
probes_forget(struct probes *probes, const char *uid)
{
	g_hash_table_remove(probes->watches, uid);
}

bool
probes_ready(const struct probes *probes, const char *uid, const char **why)
{
	const struct watch *w = g_hash_table_lookup(probes->watches, uid);

	*why = NULL;
	if (w == NULL || w->probes[READINESS].timer == NULL)
		return true;
	*why = w->probes[READINESS].why;
	return w->probes[READINESS].state.good;
}

const char *
probes_dead(const struct probes *probes, const char *uid)
{
	const struct watch *w = g_hash_table_lookup(probes->watches, uid);

	return w == NULL || w->probes[LIVENESS].timer == NULL || w->probes[LIVENESS].state.good ? NULL : w->probes[LIVENESS].why;
}
