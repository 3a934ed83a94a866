/*
 * Watches: {"type":"ADDED|MODIFIED|DELETED|BOOKMARK|ERROR","object":{...}}, one a line, for as long as the client
 * stays. See rest_internal.h.
 *
 *   since nothing or 0:   ADDED for all there is
 *   since a version:      what the change log replays since then, or ERROR 410 when it does not go back so far
 *   then:                 every change, as the store publishes it after its commit
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/redact.h"
#include "daemon/rest_internal.h"
#include "daemon/selector.h"
#include "src/base/error.h"
#include "src/document/document.h"

enum { BOOKMARK_SECONDS = 30 };

struct watch {
	struct rest *rest;
	const struct kind *kind;
	char *namespace; /* or NULL: all */
	struct selector *selector;
	struct http_stream *stream; /* NULL while the beginning is put together */
	struct event *end;          /* timeoutSeconds; or NULL */
	GString *first;             /* what is sent at the beginning */
	int64_t seen;               /* changes up to this version were told, or are in what was listed */
	enum rest_include include;
	bool table, columns_sent, redacted, bookmarks;
};

/* A change and its trees, made once for all watches that need them. */
struct view {
	const struct change *change;
	json_t *now, *before;
};

static const char *const type_names[] = {
	[CHANGE_ADDED] = "ADDED", [CHANGE_MODIFIED] = "MODIFIED", [CHANGE_DELETED] = "DELETED",
};

static void begin(struct watch *watch, struct rest_call *call, int64_t since);
static bool replay(struct watch *watch, int64_t since);
static void open_stream(struct watch *watch, struct rest_call *call, bool over);
static void arm_bookmarks(struct rest *rest);

static void
watch_free(struct watch *watch)
{
	selector_free(watch->selector);
	if (watch->end != NULL)
		event_free(watch->end);
	if (watch->first != NULL)
		g_string_free(watch->first, TRUE);
	g_free(watch->namespace);
	g_free(watch);
}

void
rest_watch(struct rest_call *call, struct selector *selector)
{
	const char *text = http_query(call->request, "resourceVersion");
	struct watch *watch;
	guint64 since = 0;

	if (text != NULL && text[0] != '\0' && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &since, NULL)) {
		selector_free(selector);
		rest_refuse(call, 400, "resourceVersion \"%s\" is none that was given out: it must be a number", text);
		return;
	}
	watch = g_new0(struct watch, 1);
	watch->rest = call->rest;
	watch->kind = call->kind;
	watch->namespace = g_strdup(call->namespace);
	watch->selector = selector;
	watch->table = rest_wants_table(call, &watch->include);
	watch->redacted = call->right < ACCESS_ADMIN && redact_needed(call->kind);
	watch->bookmarks = rest_query_flag(call, "allowWatchBookmarks");
	watch->first = g_string_new(NULL);
	begin(watch, call, (int64_t)since);
}

/* --- writing events ------------------------------------------------------------------------------------------- */

static void
emit(struct watch *watch, const char *type, const char *object)
{
	g_autofree char *line = g_strdup_printf("{\"type\":\"%s\",\"object\":%s}\n", type, object);

	if (watch->stream == NULL)
		g_string_append(watch->first, line);
	else
		http_stream_write(watch->stream, line, strlen(line)); /* one that is dropped is told as gone */
}

static void
emit_tree(struct watch *watch, const char *type, json_t *tree)
{
	g_autofree char *text = json_write(tree);

	emit(watch, type, text);
	json_decref(tree);
}

static void
emit_object(struct watch *watch, enum change_type type, const struct object *object)
{
	if (watch->table) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		g_ptr_array_add(one, (void *)object);
		emit_tree(watch, type_names[type], rest_table(watch->kind, one, watch->include, watch->redacted,
		    !watch->columns_sent, object->version, daemon_now(watch->rest->daemon)));
		watch->columns_sent = true;
	} else if (watch->redacted) {
		json_t *tree = object_tree(object);
		redact_tree(watch->kind, tree);
		emit_tree(watch, type_names[type], tree);
	} else {
		emit(watch, type_names[type], object->text);
	}
}

/* initial: the mark behind what was there at the beginning (sendInitialEvents, KEP-3157). */
static void
emit_bookmark(struct watch *watch, bool initial)
{
	g_autofree char *version = g_strdup_printf("%" G_GINT64_FORMAT, MAX(watch->seen, watch->rest->durable));
	json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "kind", watch->kind->name, "apiVersion",
	    kind_api_version(watch->kind), "metadata", "resourceVersion", version);

	if (initial)
		json_object_set_new(json_object_get(object, "metadata"), "annotations",
		    json_pack("{s:s}", "k8s.io/initial-events-end", "true"));
	emit_tree(watch, "BOOKMARK", object);
}

/* --- filtering ------------------------------------------------------------------------------------------------ */

static bool
tree_matches(const struct watch *watch, const struct object *object, json_t **tree)
{
	bool match;

	if (object == NULL)
		return true;
	if (watch->redacted) {
		json_t *own = object_tree(object);
		redact_tree(watch->kind, own);
		match = selector_matches(watch->selector, own);
		json_decref(own);
		return match;
	}
	if (*tree == NULL)
		*tree = object_tree(object);
	return selector_matches(watch->selector, *tree);
}

/* Tells a change; for whom an object comes into or leaves his selection it is added or deleted. */
static void
tell(struct watch *watch, struct view *view)
{
	const struct change *change = view->change;
	enum change_type type = change->type;
	bool now, before;

	if (change->object->kind != watch->kind || change->version <= watch->seen ||
	    (watch->namespace != NULL && strcmp(watch->namespace, change->object->namespace) != 0))
		return;
	watch->seen = change->version;
	if (!selector_is_empty(watch->selector)) {
		now = tree_matches(watch, change->object, &view->now);
		before = type == CHANGE_MODIFIED ? tree_matches(watch, change->previous, &view->before)
						 : type == CHANGE_DELETED;
		if (type == CHANGE_DELETED && !now)
			return;
		if (type != CHANGE_DELETED && !now && !before)
			return;
		if (type != CHANGE_DELETED)
			type = !now ? CHANGE_DELETED : before ? CHANGE_MODIFIED : CHANGE_ADDED;
	}
	emit_object(watch, type, change->object);
}

void
rest_watch_change(struct rest *rest, const struct change *change)
{
	struct view view = { .change = change };

	for (guint i = 0; i < rest->watches->len; i++)
		tell(rest->watches->pdata[i], &view);
	json_decref(view.now);
	json_decref(view.before);
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

static void
add_existing(struct watch *watch, int64_t since)
{
	struct store *store = watch->rest->daemon->store;
	g_autoptr(GPtrArray) objects = store_list(store, kind_id(watch->kind), watch->namespace);

	for (guint i = 0; i < objects->len; i++) {
		json_t *tree = NULL;
		const struct object *object = objects->pdata[i];
		if (object->version > since &&
		    (selector_is_empty(watch->selector) || tree_matches(watch, object, &tree)))
			emit_object(watch, CHANGE_ADDED, object);
		json_decref(tree);
	}
	watch->seen = store_version(store);
}

static void
begin(struct watch *watch, struct rest_call *call, int64_t since)
{
	bool over = false;

	/* Kinds that come and go by the minute are not in the log: what is newer counts as added. */
	if (since == 0 || watch->kind->heartbeat)
		add_existing(watch, since);
	else
		over = !replay(watch, since);
	if (watch->bookmarks && rest_query_flag(call, "sendInitialEvents"))
		emit_bookmark(watch, true);
	open_stream(watch, call, over);
}

static void
on_replay(void *arg, const struct change *change)
{
	struct view view = { .change = change };

	tell(arg, &view);
	json_decref(view.now);
	json_decref(view.before);
}

/* False when the log does not hold what happened since: the client must list anew. */
static bool
replay(struct watch *watch, int64_t since)
{
	struct store *store = watch->rest->daemon->store;
	struct error err = { 0 };

	watch->seen = since;
	if (store_replay(store, since, on_replay, watch, &err) == 0)
		return true;
	g_autofree char *message =
	    g_strdup_printf("too old resource version: %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT "): %s", since,
		store_version(store), err.text);
	g_string_truncate(watch->first, 0);
	emit_tree(watch, "ERROR", rest_status(410, NULL, message));
	return false;
}

static void
forget(struct watch *watch)
{
	g_ptr_array_remove(watch->rest->watches, watch);
	http_stream_end(watch->stream);
	watch_free(watch);
}

static void
on_gone(void *arg)
{
	forget(arg);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	if (watch->bookmarks)
		emit_bookmark(watch, false);
	forget(watch);
}

static void
open_stream(struct watch *watch, struct rest_call *call, bool over)
{
	const char *seconds = http_query(call->request, "timeoutSeconds");
	gint64 timeout = seconds == NULL ? 0 : g_ascii_strtoll(seconds, NULL, 10);
	const struct timeval tv = { .tv_sec = timeout };

	watch->stream =
	    http_stream_start(call->request, "application/json", watch->first->str, watch->first->len, on_gone, watch);
	if (watch->stream == NULL) {
		watch_free(watch);
		rest_refuse(call, 429, "too many watches and consoles are open, or too much waits for their readers; close some, or try again later");
		return;
	}
	g_ptr_array_add(watch->rest->watches, watch);
	if (watch->bookmarks && !event_pending(watch->rest->bookmarks, EV_TIMEOUT, NULL))
		arm_bookmarks(watch->rest);
	g_string_free(watch->first, TRUE);
	watch->first = NULL;
	if (over) {
		forget(watch);
	} else if (timeout > 0) {
		watch->end = event_new(watch->rest->daemon->base, -1, 0, on_timeout, watch);
		event_priority_set(watch->end, PRIORITY_NORMAL);
		event_add(watch->end, &tv);
	}
	rest_call_free(call);
}

/* --- bookmarks ------------------------------------------------------------------------------------------------ */

static void
arm_bookmarks(struct rest *rest)
{
	const struct timeval wait = { .tv_sec = BOOKMARK_SECONDS };

	event_add(rest->bookmarks, &wait);
}

/* As long as there is a watch that wants them. */
static void
on_bookmarks(evutil_socket_t fd, short what, void *arg)
{
	struct rest *rest = arg;
	bool wanted = false;

	(void)fd;
	(void)what;
	for (guint i = 0; i < rest->watches->len; i++) {
		struct watch *watch = rest->watches->pdata[i];
		wanted |= watch->bookmarks;
		if (watch->bookmarks)
			emit_bookmark(watch, false);
	}
	if (wanted)
		arm_bookmarks(rest);
}

void
rest_watch_start(struct rest *rest)
{
	rest->bookmarks = event_new(rest->daemon->base, -1, 0, on_bookmarks, rest);
	event_priority_set(rest->bookmarks, PRIORITY_NORMAL);
}

void
rest_watch_stop(struct rest *rest)
{
	event_free(rest->bookmarks);
	while (rest->watches->len > 0)
		forget(rest->watches->pdata[0]);
}
