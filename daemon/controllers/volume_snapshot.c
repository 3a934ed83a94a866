/*
 * The VolumeSnapshot controller.
 *
 *   new --- the claim is bound, its place is written down ---> snapshot-create ---> ready --- deleted, no claim waits for it ---> snapshot-delete
 *
 * A ready one has a VolumeSnapshotContent, for show.  Where the snapshot is going to be is noted in an annotation before it is taken: nothing is ever taken that nobody knows of.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "daemon/volume.h"
#include "src/api/snapshot.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

enum { AGAIN_FIRST_MS = 1000, AGAIN_MOST_MS = 60000 };

/* Where the snapshot is, or is going to be: a new reference, or NULL: that was not written down. */
static json_t *
record_read(const struct volume_snapshot *snapshot)
{
	const char *text = schema_map_get(&snapshot->head.meta->annotations, VOLUME_SNAPSHOT);

	return text == NULL ? NULL : json_read(text, strlen(text), NULL);
}

/* --- status -------------------------------------------------------------------------------------------------------- */

static int
put_error(struct daemon *daemon, const struct object *object, const char *message, struct error *err)
{
	const struct volume_snapshot_error *old = ((const struct volume_snapshot *)object->value)->status->error;
	char now[CLOCK_TEXT_SIZE];
	json_t *patch;
	int r;

	if (old != NULL && g_strcmp0(old->message, message) == 0)
		return 0;
	patch = json_pack("{s:{s:b,s:{s:s,s:s}}}", "status", "readyToUse", 0, "error", "time", clock_format(daemon_now(daemon), now),
	    "message", message);
	r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	daemon_event(daemon, object, "Warning", "SnapshotCreationFailed", "%s", message);
	return r;
}

/* The VolumeSnapshotContent of one that is ready, for show: it goes with its owner. */
static int
keep_content(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct volume_snapshot *snapshot = object->value;
	const struct volume_snapshot_status *status = snapshot->status;
	const char *name = snapshot->spec->class_name;
	const struct object *class = name == NULL ? NULL : store_get(daemon->store, KIND_SNAPSHOT_CLASS, "", name);
	const struct object *claim = store_get(daemon->store, KIND_CLAIM, object->namespace, snapshot->spec->source->claim_name), *content;
	json_t *record, *tree, *told;

	if (status->content_name == NULL || store_get(daemon->store, KIND_SNAPSHOT_CONTENT, "", status->content_name) != NULL)
		return 0;
	record = record_read(snapshot);
	const struct volume_place place = volume_place_read(record);
	g_autofree char *handle = g_strdup_printf("%s@%s", place.name, path_string(record, "snapshot"));
	tree = json_pack("{s:s,s:s,s:{s:s,s:[o]},s:{s:s,s:s,s:{s:s},s:{s:s,s:s,s:s,s:s,s:s},s:s*,s:s*}}", "apiVersion", SNAPSHOT_GROUP "/v1", "kind",
	    "VolumeSnapshotContent", "metadata", "name", status->content_name, "ownerReferences", objects_owner_reference(object), "spec", "driver",
	    place.driver->provisioner, "deletionPolicy", reclaim_policy_words[class == NULL ? RECLAIM_DELETE : ((const struct volume_snapshot_class *)class->value)->deletion_policy],
	    "source", "volumeHandle", place.name, "volumeSnapshotRef", "apiVersion", SNAPSHOT_GROUP "/v1", "kind", "VolumeSnapshot", "namespace",
	    object->namespace, "name", object->name, "uid", object->uid, "volumeSnapshotClassName", name, "sourceVolumeMode",
	    claim == NULL ? NULL : volume_mode_words[MAX(((const struct claim *)claim->value)->spec->volume_mode, VOLUME_MODE_FILESYSTEM)]);
	told = json_pack("{s:{s:s,s:I,s:I,s:b}}", "status", "snapshotHandle", handle, "creationTime", (json_int_t)status->creation_time * 1000000,
	    "restoreSize", (json_int_t)status->restore_size, "readyToUse", 1);
	content = objects_create_tree(daemon, tree, NULL, err);
	if (content != NULL)
		content = objects_patch(daemon, content, told, err);
	json_decref(told);
	json_decref(record);
	return content == NULL ? -1 : 0;
}

static int
put_ready(struct daemon *daemon, const struct object *object, const json_t *result, struct error *err)
{
	struct volume_snapshot_status *status = schema_new(&volume_snapshot_status_schema);
	int r;

	status->ready_to_use = true;
	status->content_name = g_strdup_printf("snapcontent-%s", object->uid);
	status->creation_time = json_integer_value(json_object_get(result, "created")) * 1000;
	status->restore_size = json_integer_value(json_object_get(result, "capacity"));
	r = objects_set_status(daemon, object, status, err);
	schema_free(&volume_snapshot_status_schema, status);
	if (r == 0)
		daemon_event(daemon, object, "Normal", "SnapshotReady", "The snapshot is ready to use");
	return r;
}

/* --- jobs ---------------------------------------------------------------------------------------------------------- */

struct snapshot_job {
	struct daemon *daemon;
	char *namespace, *name, *uid;
};

/* Ends the job; the VolumeSnapshot, if it is still the one that the job was for. */
static const struct object *
job_end(struct snapshot_job *j)
{
	controllers_job_end(j->daemon, KIND_SNAPSHOT, j->namespace, j->name);
	return store_get_uid(j->daemon->store, j->uid);
}

/* -1 is told, and the job freed. */
static void
job_free(struct snapshot_job *j, int r, const struct error *err)
{
	if (r != 0)
		log_object(LOG_LEVEL_WARNING, "VolumeSnapshot", j->namespace, j->name, "%s", err->text);
	g_free(j->namespace);
	g_free(j->name);
	g_free(j->uid);
	g_free(j);
}

static bool
is_lost(const struct error *error)
{
	return error->code == EHOSTDOWN || error->code == ECANCELED;
}

static void
on_taken(void *arg, json_t *result, const struct error *error)
{
	struct snapshot_job *j = arg;
	const struct object *object = job_end(j);
	struct error err = { 0 };
	int r = 0;

	if (object != NULL && error != NULL && !is_lost(error)) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		r = put_error(j->daemon, object, error->text, &err);
		controllers_requeue(j->daemon, object, controllers_pace_left(j->daemon, object));
	} else if (object != NULL && error == NULL) {
		controllers_pace_clear(j->daemon, object);
		r = put_ready(j->daemon, object, result, &err);
	}
	job_free(j, r, &err);
}

static void
on_gone(void *arg, json_t *result, const struct error *error)
{
	struct snapshot_job *j = arg;
	const struct object *object = job_end(j);
	struct error err = { 0 };
	int r = 0;

	(void)result;
	if (object != NULL && error != NULL && !is_lost(error)) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		daemon_event(j->daemon, object, "Warning", "SnapshotDeleteError", "%s", error->text);
		controllers_requeue(j->daemon, object, controllers_pace_left(j->daemon, object));
	} else if (object != NULL && error == NULL) {
		r = objects_set_finalizer(j->daemon, object, kinds[KIND_SNAPSHOT].finalizer, false, &err);
	}
	job_free(j, r, &err);
}

/* Begins a job on the snapshot, or looks again later. */
static void
job_call(struct daemon *daemon, const struct object *object, const json_t *record, const char *verb, worker_reply *reply)
{
	const struct volume_place place = volume_place_read(record);
	struct snapshot_job *j;

	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
	} else if (place.driver == NULL || volume_check(daemon, &place, NULL) != 0) {
		controllers_await_capacity(daemon, object);
	} else if (controllers_job_begin(daemon, object)) {
		j = g_new0(struct snapshot_job, 1);
		*j = (struct snapshot_job){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid) };
		volume_call(daemon, &place, verb, json_pack("{s:s}", "snapshot", path_string(record, "snapshot")), -1, VOLUME_DEADLINE_ACTION,
		    reply, j);
	}
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

static int
note_place(struct daemon *daemon, const struct object *object, const struct claim *claim, struct error *err)
{
	const struct volume_place place = volume_place(claim);
	g_autofree char *name = g_strconcat("snapshot-", object->uid, NULL);

	return volume_note_snapshot(daemon, object, VOLUME_SNAPSHOT, &place, name, err);
}

/* The class that is named must exist and be of the claim's driver; its message otherwise. */
static int
check_class(struct daemon *daemon, const struct object *object, const struct claim *claim, struct error *err)
{
	const struct volume_snapshot *snapshot = object->value;
	const char *name = snapshot->spec->class_name;
	const struct object *class = name == NULL ? NULL : store_get(daemon->store, KIND_SNAPSHOT_CLASS, "", name);
	const struct volume_place place = volume_place(claim);

	if (name == NULL)
		return 0;
	controllers_await(daemon, object, KIND_SNAPSHOT_CLASS, "", name);
	if (class == NULL)
		return error_set(err, ENOENT, "VolumeSnapshotClass %s does not exist", name);
	if (place.driver != NULL && volume_driver_of(((const struct volume_snapshot_class *)class->value)->driver, NULL) != place.driver)
		return error_set(err, EINVAL, "VolumeSnapshotClass %s is of another driver than the claim's %s", name, place.driver->provisioner);
	return 0;
}

static int
take(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct volume_snapshot *snapshot = object->value;
	const char *name = snapshot->spec->source->claim_name;
	const struct object *claim_object = store_get(daemon->store, KIND_CLAIM, object->namespace, name);
	const struct claim *claim = claim_object == NULL ? NULL : claim_object->value;
	json_t *record = record_read(snapshot);
	const char *node, *path;
	struct error why = { 0 };
	char words[400];
	bool gone, dying = claim_object != NULL && claim->head.meta->deletion_timestamp != 0;

	controllers_await(daemon, object, KIND_CLAIM, object->namespace, name);
	controllers_await(daemon, object, KIND_DATA_VOLUME, object->namespace, name);
	if (record != NULL) {
		job_call(daemon, object, record, "snapshot-create", on_taken);
		json_decref(record);
		return 0;
	}
	/* Half of an import is worth nothing, and its volume could not be made anew. */
	if (claim == NULL || dying || claim->status->phase != CLAIM_BOUND)
		error_set(&why, EAGAIN, "PersistentVolumeClaim %s %s", name, claim == NULL ? "does not exist" : dying ? "is being deleted" : "is not bound yet");
	else if (!claim_is_usable(daemon, object->namespace, name, &node, &path, &gone, words, sizeof(words)))
		error_set(&why, EAGAIN, "PersistentVolumeClaim %s is not filled yet: see DataVolume %s", name, name);
	if (why.code != 0 || check_class(daemon, object, claim, &why) != 0)
		return put_error(daemon, object, why.text, err);
	return note_place(daemon, object, claim, err);
}

/* A claim that is going to be made of it, or NULL; the snapshot is looked at again when it changes. */
static const struct object *
find_waiting(struct daemon *daemon, const struct object *object)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_CLAIM, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct object *user = all->pdata[i];
		const struct claim *claim = user->value;
		const struct typed_reference *from = claim_data_source(claim->spec);
		if (from == NULL || !typed_reference_is_snapshot(from) || claim->status->phase == CLAIM_BOUND ||
		    claim->head.meta->deletion_timestamp != 0 || strcmp(from->name, object->name) != 0 ||
		    strcmp(from->namespace == NULL ? user->namespace : from->namespace, object->namespace) != 0)
			continue;
		controllers_await(daemon, object, KIND_CLAIM, user->namespace, user->name);
		return user;
	}
	return NULL;
}

static bool
is_kept(struct daemon *daemon, const struct volume_snapshot *snapshot)
{
	const char *name = snapshot->spec->class_name;
	const struct object *class = name == NULL ? NULL : store_get(daemon->store, KIND_SNAPSHOT_CLASS, "", name);

	return class != NULL && ((const struct volume_snapshot_class *)class->value)->deletion_policy == RECLAIM_RETAIN;
}

static int
finish(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct volume_snapshot *snapshot = object->value;
	json_t *record;

	/* One that is not taken yet is not waited for: the claim waits for another of its name. */
	if (snapshot->status->ready_to_use && find_waiting(daemon, object) != NULL)
		return 0;
	record = is_kept(daemon, snapshot) ? NULL : record_read(snapshot);
	if (record == NULL)
		return objects_set_finalizer(daemon, object, kinds[KIND_SNAPSHOT].finalizer, false, err);
	job_call(daemon, object, record, "snapshot-delete", on_gone);
	json_decref(record);
	return 0;
}

int
volume_snapshot_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct volume_snapshot *snapshot = object->value;

	if (controllers_job_is_running(daemon, object))
		return 0;
	if (snapshot->head.meta->deletion_timestamp != 0)
		return finish(daemon, object, err);
	return snapshot->status->ready_to_use ? keep_content(daemon, object, err) : take(daemon, object, err);
}

const struct object *
volume_snapshot_of_claim(struct daemon *daemon, const struct object *claim)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_SNAPSHOT, claim->namespace);

	for (guint i = 0; i < all->len; i++) {
		const struct object *object = all->pdata[i];
		const struct volume_snapshot *snapshot = object->value;
		if (g_strcmp0(snapshot->spec->source->claim_name, claim->name) == 0 &&
		    schema_map_get(&snapshot->head.meta->annotations, VOLUME_SNAPSHOT) != NULL) {
			controllers_await(daemon, claim, KIND_SNAPSHOT, object->namespace, object->name);
			return object;
		}
	}
	return NULL;
}
