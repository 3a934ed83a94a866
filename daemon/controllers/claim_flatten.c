/*
 * Clones of clones make guests slow, and past a depth none can be made: a claim whose volume lies deeper than VOLUME_DEPTH_SOFT is made
 * independent of its source, in the background and while it is used.
 *
 *   bound, CLAIM_DEPTH written --> volume-flatten, a few of a cluster at a time --> CLAIM_DEPTH removed
 *                                        ^    |  condition Flattening: progress, or why not
 *                                        +----+  it gave way to another call, failed, or its worker or the daemon ended
 *
 * The claim can be used, grown, cloned and deleted meanwhile: the worker gives way.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/objects.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

#define CONDITION "Flattening"

enum {
	FLATTENS_MOST = 2,     /* of a cluster at a time: guests and imports come first */
	PROGRESS_MS = 1000,    /* between two that are stored */
	GAVE_WAY_MS = 2000,    /* before it goes on */
	AGAIN_FIRST_MS = 1000,
	AGAIN_MOST_MS = 300000,
};

/* One that is under way, or has to wait before it is tried again. */
struct flattening {
	struct daemon *daemon;
	char *namespace, *name, *uid; /* of the claim */
	char *keeper, *volume;
	bool running;
	unsigned failures;            /* in a row */
	int64_t due, told;            /* monotonic ms: when it may be tried again; when progress was stored last */
};

static void
flattening_free(void *arg)
{
	struct flattening *f = arg;

	g_free(f->namespace);
	g_free(f->name);
	g_free(f->uid);
	g_free(f->keeper);
	g_free(f->volume);
	g_free(f);
}

static struct flattening *
find(struct daemon *daemon, const char *uid)
{
	for (guint i = 0; daemon->flattens != NULL && i < daemon->flattens->len; i++) {
		struct flattening *f = daemon->flattens->pdata[i];
		if (strcmp(f->uid, uid) == 0)
			return f;
	}
	return NULL;
}

static struct flattening *
add(struct daemon *daemon, const struct object *object, const struct volume_place *place)
{
	struct flattening *f = g_new0(struct flattening, 1);

	*f = (struct flattening){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .keeper = g_strdup(place->keeper), .volume = g_strdup(place->name) };
	if (daemon->flattens == NULL)
		daemon->flattens = g_ptr_array_new_with_free_func(flattening_free);
	g_ptr_array_add(daemon->flattens, f);
	return f;
}

static unsigned
count_running(struct daemon *daemon, const char *keeper)
{
	unsigned count = 0;

	for (guint i = 0; daemon->flattens != NULL && i < daemon->flattens->len; i++) {
		const struct flattening *f = daemon->flattens->pdata[i];
		count += f->running && strcmp(f->keeper, keeper) == 0;
	}
	return count;
}

/* The claim, unless it is on its way out or another one has its name. */
static const struct object *
claim_of(const struct flattening *f)
{
	const struct object *object = store_get(f->daemon->store, KIND_CLAIM, f->namespace, f->name);

	return object != NULL && strcmp(object->uid, f->uid) == 0 && ((const struct claim *)object->value)->head.meta->deletion_timestamp == 0 ? object
	                                                                                                                                 : NULL;
}

int
claim_depth(const struct claim *claim)
{
	const char *text = schema_map_get(&claim->head.meta->annotations, CLAIM_DEPTH);

	return text == NULL ? 0 : (int)g_ascii_strtoll(text, NULL, 10);
}

const struct object *
claim_note_depth(struct daemon *daemon, const struct object *object, json_int_t depth, struct error *err)
{
	g_autofree char *text = g_strdup_printf("%" JSON_INTEGER_FORMAT, depth);
	json_t *patch;

	if (depth < VOLUME_DEPTH_SOFT)
		return object;
	patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_DEPTH, text);
	object = objects_patch(daemon, object, patch, err);
	json_decref(patch);
	return object;
}

/* --- what is told ------------------------------------------------------------------------------------------------------- */

/* reason NULL: there is nothing to tell any more, nor to do. */
static void
put_condition(struct daemon *daemon, const struct object *object, bool status, const char *reason, const char *message)
{
	const struct claim *claim = object->value;
	const struct condition *old = condition_find(&claim->status->conditions, CONDITION);
	struct schema_list conditions = { 0 };
	json_t *patch, *list = json_array();
	int64_t since = old != NULL && (strcmp(old->status, "True") == 0) == status ? old->last_transition_time : daemon_now(daemon);
	struct error err = { 0 };

	if (reason != NULL) {
		condition_set(&conditions, CONDITION, status, reason, message, since);
		json_array_append_new(list, schema_encode(&condition_schema, conditions.items));
		schema_list_remove(&conditions, &condition_schema, 0);
		g_free(conditions.items);
	}
	patch = json_pack("{s:{s:o}}", "status", "conditions", list);
	if (reason == NULL)
		json_object_set_new(patch, "metadata", json_pack("{s:{s:n}}", "annotations", CLAIM_DEPTH));
	if (objects_patch(daemon, object, patch, &err) == NULL)
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", object->namespace, object->name, "%s", err.text);
	json_decref(patch);
}

bool
claim_flatten_progress(struct daemon *daemon, const char *keeper, const json_t *event)
{
	const char *volume = path_string(event, "volume");
	int64_t now = clock_monotonic_ms();

	for (guint i = 0; daemon->flattens != NULL && volume != NULL && i < daemon->flattens->len; i++) {
		struct flattening *f = daemon->flattens->pdata[i];
		const struct object *object = !f->running || strcmp(f->keeper, keeper) != 0 || strcmp(f->volume, volume) != 0 ? NULL : claim_of(f);
		if (object == NULL)
			continue;
		f->failures = 0;
		if (now - f->told >= PROGRESS_MS) {
			g_autofree char *words = progress_words(event, "flatten");
			f->told = now;
			put_condition(daemon, object, true, "Running", words);
		}
		return true;
	}
	return false;
}

/* --- its end -------------------------------------------------------------------------------------------------------------- */

/* Those that waited for a place look again. */
static void
wake_others(struct daemon *daemon)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_CLAIM, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct object *object = all->pdata[i];
		if (claim_depth(object->value) > 0)
			controllers_requeue(daemon, object, 0);
	}
}

static void
failed(struct flattening *f, const struct object *object, const struct error *error)
{
	const struct condition *old = condition_find(&((const struct claim *)object->value)->status->conditions, CONDITION);

	if (error->code == EBUSY || error->code == EHOSTDOWN || error->code == ECANCELED) {
		f->due = clock_monotonic_ms() + GAVE_WAY_MS; /* that passes without a word */
	} else {
		f->due = clock_monotonic_ms() + MIN((int64_t)AGAIN_FIRST_MS << MIN(f->failures, 16), AGAIN_MOST_MS);
		f->failures++;
		if (old == NULL || g_strcmp0(old->message, error->text) != 0)
			daemon_event(f->daemon, object, "Warning", "FlattenFailed", "%s", error->text);
		put_condition(f->daemon, object, false, "Error", error->text);
	}
}

static void
on_flattened(void *arg, json_t *result, const struct error *error)
{
	struct flattening *f = arg;
	struct daemon *daemon = f->daemon;
	const struct object *object = claim_of(f);

	(void)result;
	f->running = false;
	if (object != NULL && error != NULL)
		failed(f, object, error);
	if (object != NULL && error == NULL) {
		daemon_event(daemon, object, "Normal", "Flattened", "The volume is independent of what it was cloned from");
		put_condition(daemon, object, false, NULL, NULL);
	}
	if (object == NULL || error == NULL)
		g_ptr_array_remove_fast(daemon->flattens, f);
	wake_others(daemon);
}

/* --- begin ------------------------------------------------------------------------------------------------------------------ */

static void
begin(struct daemon *daemon, const struct object *object, const struct volume_place *place, struct flattening *f)
{
	g_autofree char *message = g_strdup_printf("flatten: the volume lies over %d others and is made independent of them",
	    claim_depth(object->value));

	f->running = true;
	if (condition_find(&((const struct claim *)object->value)->status->conditions, CONDITION) == NULL)
		daemon_event(daemon, object, "Normal", "FlattenStarted", "%s", message);
	put_condition(daemon, object, true, "Running", message);
	volume_call(daemon, place, "volume-flatten", json_object(), -1, VOLUME_DEADLINE_COPY, on_flattened, f);
}

void
claim_flatten(struct daemon *daemon, const struct object *object)
{
	const struct volume_place place = volume_place(object->value);
	struct flattening *f = find(daemon, object->uid);
	int64_t left = f == NULL ? 0 : f->due - clock_monotonic_ms();

	if (claim_depth(object->value) == 0 || place.driver == NULL || (f != NULL && f->running))
		return;
	if (left > 0)
		controllers_requeue(daemon, object, left);
	else if (volume_check(daemon, &place, NULL) != 0)
		controllers_await_capacity(daemon, object);
	else if (count_running(daemon, place.keeper) < FLATTENS_MOST) /* else it is looked at when one ends */
		begin(daemon, object, &place, f == NULL ? add(daemon, object, &place) : f);
}

void
claim_flatten_forget(struct daemon *daemon, const struct object *object)
{
	struct flattening *f = find(daemon, object->uid);

	if (f != NULL && !f->running)
		g_ptr_array_remove_fast(daemon->flattens, f);
}
