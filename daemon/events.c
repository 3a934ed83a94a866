/* Kubernetes Events: what happened to an object, counted when it happens again, gone after an hour. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/api/core.h"
#include "src/base/clock.h"
#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"

/* Cluster-scoped objects have their events in the default namespace, as in Kubernetes. */
static const char *
namespace_of(const struct object *object)
{
	return *object->namespace == '\0' ? "default" : object->namespace;
}

/* Equal events share a name, so that counting them is an update. */
static char *
event_name(const struct object *object, const char *type, const char *reason, const char *message)
{
	g_autofree char *text = g_strjoin("\n", object->uid, type, reason, message, NULL);
	g_autofree char *sum = digest_sha256_hex(text, strlen(text));

	return g_strdup_printf("%.200s.%.16s", object->name, sum);
}

static json_t *
event_new_tree(const struct object *object, const char *name, const char *type, const char *reason, const char *message,
    const char *now)
{
	g_autofree char *uid = g_uuid_string_random();

	return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s,s:s,s:s},s:s,s:s,s:s,s:{s:s},s:s,s:s,s:i}", "apiVersion", "v1",
	    "kind", "Event", "metadata", "name", name, "namespace", namespace_of(object), "uid", uid, "creationTimestamp", now,
	    "involvedObject", "apiVersion", kind_api_version(object->kind), "kind", object->kind->name, "namespace",
	    object->namespace, "name", object->name, "uid", object->uid, "type", type, "reason", reason, "message", message,
	    "source", "component", "solovirtd", "firstTimestamp", now, "lastTimestamp", now, "count", 1);
}

void
daemon_event(struct daemon *daemon, const struct object *object, const char *type, const char *reason, const char *format, ...)
{
	char now[CLOCK_TEXT_SIZE];
	struct error err = { 0 };
	const struct object *known;
	json_t *tree;
	va_list ap;

	va_start(ap, format);
	g_autofree char *message = g_strdup_vprintf(format, ap);
	va_end(ap);
	g_autofree char *name = event_name(object, type, reason, message);
	clock_format(daemon_now(daemon), now);
	known = store_get(daemon->store, KIND_EVENT, namespace_of(object), name);
	if (known == NULL) {
		tree = event_new_tree(object, name, type, reason, message, now);
	} else {
		tree = object_tree(known);
		path_set(tree, "count", json_integer(json_integer_value(path_find(tree, "count")) + 1));
		path_set(tree, "lastTimestamp", json_string(now));
	}
	if (store_put(daemon->store, &kinds[KIND_EVENT], tree, &err) == NULL)
		log_debug("event: %s", err.text);
	json_decref(tree);
	if (known == NULL && ++daemon->events >= EVENTS_BURST)
		daemon_events_expire(daemon);
	log_object(strcmp(type, "Warning") == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, object->kind->name, object->namespace,
	    object->name, "%s: %s", reason, message);
}

static int
by_age(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;
	const struct event_object *p = (*x)->value, *q = (*y)->value;

	return p->last_timestamp < q->last_timestamp ? -1 : p->last_timestamp > q->last_timestamp;
}

void
daemon_events_expire(struct daemon *daemon)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_EVENT, NULL);
	guint surplus = all->len > EVENTS_MOST ? all->len - EVENTS_MOST : 0;

	daemon->events = 0;
	g_ptr_array_sort(all, by_age);
	for (guint i = 0; i < all->len; i++) {
		const struct object *object = all->pdata[i];
		const struct event_object *event = object->value;

		if (i >= surplus && daemon_now(daemon) - event->last_timestamp < EVENTS_KEEP_MS)
			break;
		if (store_remove(daemon->store, object, NULL) != 0)
			break;
	}
}
