/*
 * Probes of sources; see source_probe.h.
 *
 *   an object asks --> asking, by what is asked --(a worker, a few at a time)--> answered --> all objects that asked it are looked at again
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/source.h"
#include "daemon/controllers/source_probe.h"
#include "src/base/channel.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

struct source_probes {
	GHashTable *asking;   /* key -> struct asking */
	GHashTable *answers;  /* uid of an object -> struct answer */
	GQueue *waiting;      /* struct asking without a worker, borrowed */
	unsigned workers;
};

/* What one object has asked. */
struct answer {
	enum kind_id kind;
	char *namespace, *name;
	char *key;                 /* of the asking; NULL: it is answered */
	char *digest, *validator;  /* or NULL */
	struct error why;          /* when digest is NULL */
};

/* One request, for everybody who has the same. */
struct asking {
	struct daemon *daemon;
	char *key;
	json_t *args; /* NULL: the worker has them */
	struct worker *worker;
	struct event *reap; /* frees it outside the worker's callbacks */
	bool over;
};

static void
answer_free(void *item)
{
	struct answer *a = item;

	g_free(a->namespace);
	g_free(a->name);
	g_free(a->key);
	g_free(a->digest);
	g_free(a->validator);
	g_free(a);
}

static void
asking_free(void *item)
{
	struct asking *a = item;

	if (a->worker != NULL)
		worker_free(a->worker);
	event_free(a->reap);
	json_decref(a->args);
	g_free(a->key);
	g_free(a);
}

static struct source_probes *
probes_of(struct daemon *daemon)
{
	struct source_probes *p = daemon->source_probes;

	if (p == NULL) {
		p = daemon->source_probes = g_new0(struct source_probes, 1);
		p->asking = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, asking_free);
		p->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, answer_free);
		p->waiting = g_queue_new();
	}
	return p;
}

/* --- the answer -------------------------------------------------------------------------------------------------------- */

/* A date alone tells little: files of the same second differ in their length, mostly. */
static char *
digest_of(const json_t *result)
{
	const char *digest = path_string(result, "digest"), *validator = path_string(result, "validator");
	int64_t length = json_integer_value(json_object_get(result, "length"));
	g_autofree char *size = length > 0 ? g_strdup_printf(",%" G_GINT64_FORMAT, length) : g_strdup("");

	if (digest != NULL)
		return g_strdup(digest);
	return validator == NULL ? NULL : g_strconcat(validator[0] == '"' ? "etag:" : "modified:", validator, size, NULL);
}

static void
take_answer(struct daemon *daemon, struct answer *a, const json_t *result, const struct error *error)
{
	const struct object *object = store_get(daemon->store, a->kind, a->namespace, a->name);

	g_clear_pointer(&a->key, g_free);
	if (error != NULL)
		a->why = *error;
	else if ((a->digest = digest_of(result)) != NULL)
		a->validator = g_strdup(path_string(result, "validator"));
	else
		error_set(&a->why, ENODATA, "the server tells neither an ETag nor when the image was modified: nobody can see when it changes. Write a checksum");
	if (object != NULL)
		controllers_requeue(daemon, object, 0);
}

static void
asking_over(struct asking *asking, const json_t *result, const struct error *error)
{
	struct source_probes *p = asking->daemon->source_probes;
	GHashTableIter iter;
	void *item;

	if (asking->over)
		return;
	asking->over = true;
	for (g_hash_table_iter_init(&iter, p->answers); g_hash_table_iter_next(&iter, NULL, &item);) {
		struct answer *a = item;
		if (g_strcmp0(a->key, asking->key) == 0)
			take_answer(asking->daemon, a, result, error);
	}
	event_active(asking->reap, EV_TIMEOUT, 0);
}

/* --- workers ----------------------------------------------------------------------------------------------------------- */

static void
on_answer(void *arg, json_t *result, const struct error *error)
{
	asking_over(arg, result, error);
}

static void
on_state(void *owner, const char *reason)
{
	struct asking *asking = owner;
	struct error err = { 0 };

	if (reason == NULL) {
		worker_call(asking->worker, "probe", g_steal_pointer(&asking->args), -1, PROBE_DEADLINE_MS, on_answer, asking);
		return;
	}
	error_set(&err, EIO, "the import worker ended: %s", reason);
	asking_over(asking, NULL, &err);
}

static void
on_event(void *owner, const char *event, json_t *args)
{
	(void)owner;
	(void)event;
	(void)args;
}

static const struct worker_class probe_class = {
	.program = "solovirt-import",
	.on_event = on_event,
	.on_state = on_state,
};

static void
start_next(struct daemon *daemon)
{
	struct source_probes *p = daemon->source_probes;
	static const char *const no_arguments[] = { NULL };

	while (p->workers < PROBES_MOST && !g_queue_is_empty(p->waiting)) {
		struct asking *asking = g_queue_pop_head(p->waiting);
		p->workers++;
		asking->worker = worker_new(daemon->base, &probe_class, NULL, no_arguments, asking);
	}
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct asking *asking = arg;
	struct daemon *daemon = asking->daemon;

	(void)fd;
	(void)what;
	daemon->source_probes->workers--;
	g_hash_table_remove(daemon->source_probes->asking, asking->key);
	start_next(daemon);
}

/* --- questions ---------------------------------------------------------------------------------------------------------- */

/* What is asked, credentials included: nobody gets an answer that he could not have had by himself. */
static char *
key_of(const json_t *args)
{
	char *text = json_dumps(args, JSON_SORT_KEYS | JSON_COMPACT);
	char *key = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text == NULL ? "" : text, -1);

	free(text);
	return key;
}

/* Joins those that ask the same, or starts to ask; args is taken. */
static char *
ask(struct daemon *daemon, json_t *args)
{
	struct source_probes *p = probes_of(daemon);
	char *key = key_of(args);
	struct asking *asking = g_hash_table_lookup(p->asking, key);

	if (asking != NULL && !asking->over) {
		json_decref(args);
		return key;
	}
	if (asking != NULL) { /* answered in this turn: what it had then it may not have now */
		json_decref(args);
		g_free(key);
		return NULL;
	}
	asking = g_new0(struct asking, 1);
	*asking = (struct asking){ .daemon = daemon, .key = g_strdup(key), .args = args };
	asking->reap = event_new(daemon->base, -1, 0, on_reap, asking);
	g_hash_table_insert(p->asking, asking->key, asking);
	g_queue_push_tail(p->waiting, asking);
	start_next(daemon);
	return key;
}

static int
begin(struct daemon *daemon, const struct object *object, const struct data_volume_source *source, struct error *err)
{
	json_t *args = source_args(daemon, object->namespace, source, err);
	struct answer *answer;
	char *key;

	if (args == NULL)
		return -1;
	json_object_set_new(args, "connectSeconds", json_integer(PROBE_CONNECT_SECONDS));
	json_object_set_new(args, "stallSeconds", json_integer(PROBE_CONNECT_SECONDS));
	json_object_set_new(args, "attempts", json_integer(PROBE_ATTEMPTS));
	key = ask(daemon, args);
	if (key == NULL) {
		controllers_requeue(daemon, object, 1);
		return 0;
	}
	answer = g_new0(struct answer, 1);
	*answer = (struct answer){ .kind = kind_id(object->kind), .namespace = g_strdup(object->namespace), .name = g_strdup(object->name), .key = key };
	g_hash_table_insert(probes_of(daemon)->answers, g_strdup(object->uid), answer);
	return 0;
}

int
source_probe(struct daemon *daemon, const struct object *object, const struct data_volume_source *source, const char **digest,
    const char **validator, struct error *err)
{
	const struct answer *a = g_hash_table_lookup(probes_of(daemon)->answers, object->uid);

	if (a == NULL)
		return begin(daemon, object, source, err);
	if (a->key != NULL)
		return 0;
	if (a->digest == NULL)
		return error_set(err, a->why.code, "%s", a->why.text);
	*digest = a->digest;
	*validator = a->validator;
	return 1;
}

void
source_probe_forget(struct daemon *daemon, const struct object *object)
{
	if (daemon->source_probes != NULL)
		g_hash_table_remove(daemon->source_probes->answers, object->uid);
}

static gboolean
is_gone(void *uid, void *item, void *arg)
{
	const struct answer *a = item;
	const struct object *object = store_get(((struct daemon *)arg)->store, a->kind, a->namespace, a->name);

	return object == NULL || strcmp(object->uid, uid) != 0;
}

void
source_probes_sweep(struct daemon *daemon)
{
	if (daemon->source_probes != NULL)
		g_hash_table_foreach_remove(daemon->source_probes->answers, is_gone, daemon);
}

void
source_probes_stop(struct daemon *daemon)
{
	struct source_probes *p = daemon->source_probes;
	GHashTableIter iter;
	void *asking;

	if (p == NULL)
		return;
	/* Workers that end now are answered: nobody listens. */
	g_hash_table_remove_all(p->answers);
	for (g_hash_table_iter_init(&iter, p->asking); g_hash_table_iter_next(&iter, NULL, &asking);)
		((struct asking *)asking)->over = true;
	g_hash_table_unref(p->asking);
	g_hash_table_unref(p->answers);
	g_queue_free(p->waiting);
	g_clear_pointer(&daemon->source_probes, g_free);
}
