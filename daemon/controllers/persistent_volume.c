/*
 * The PersistentVolume of a bound claim.  It comes with the binding; where it is kept (Retain) it outlives the claim with its volume:
 *
 *   Bound --- the claim is deleted, Delete ---> gone with its owner, the claim
 *         --- the claim is deleted, Retain ---> Released --- spec.claimRef is taken out ---> Available --- a claim names it ---> Bound
 *                                                   +------- the policy becomes Delete ----> its volume is deleted, then it is gone
 *
 * One that is deleted while it is Released leaves its volume where it is: nobody here knows of it any more.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "src/api/image_cache.h"
#include "src/api/persistent_volume.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

enum { AGAIN_FIRST_MS = 1000, AGAIN_MOST_MS = 60000 };

/* --- what it says --------------------------------------------------------------------------------------------------- */

/* Where the volume is, in Kubernetes' words. */
static json_t *
backend(const struct volume_place *place)
{
	if (!place->driver->shared)
		return json_pack("{s:{s:s*},s:{s:{s:[{s:[{s:s,s:s,s:[s]}]}]}}}", "local", "path", place->path, "nodeAffinity", "required",
		    "nodeSelectorTerms", "matchExpressions", "key", "kubernetes.io/hostname", "operator", "In", "values", place->keeper);
	return json_pack("{s:{s:s,s:s,s:{s:s,s:s*}}}", "csi", "driver", place->driver->provisioner, "volumeHandle", place->name,
	    "volumeAttributes", "clusterID", place->keeper, "pool", place->pool);
}

/* The claim that has it. */
static json_t *
reference(const struct object *claim)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "apiVersion", "v1", "kind", "PersistentVolumeClaim", "namespace", claim->namespace, "name",
	    claim->name, "uid", claim->uid);
}

static json_t *
tree_of(struct daemon *daemon, const struct object *object, const struct volume_place *place, const char *capacity)
{
	const struct claim *claim = object->value;
	const struct object *class = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	json_t *spec = backend(place), *modes = json_array(), *tree;
	int policy = class == NULL ? RECLAIM_DELETE : ((const struct storage_class *)class->value)->reclaim_policy;

	for (char **mode = claim->spec->access_modes; mode != NULL && *mode != NULL; mode++)
		json_array_append_new(modes, json_string(*mode));
	json_object_update_new(spec, json_pack("{s:{s:s},s:o,s:o,s:s,s:s,s:s}", "capacity", "storage", capacity, "accessModes", modes,
	    "claimRef", reference(object), "persistentVolumeReclaimPolicy", reclaim_policy_words[policy], "storageClassName", claim->spec->storage_class_name, "volumeMode",
	    volume_mode_words[claim->spec->volume_mode == VOLUME_MODE_UNSET ? VOLUME_MODE_FILESYSTEM : claim->spec->volume_mode]));
	tree = json_pack("{s:s,s:s,s:{s:s},s:o}", "apiVersion", "v1", "kind", "PersistentVolume", "metadata", "name",
	    claim->spec->volume_name, "spec", spec);
	if (policy != RECLAIM_RETAIN)
		path_set(tree, "metadata.ownerReferences", json_pack("[o]", objects_owner_reference(object)));
	return tree;
}

/* A claim of another name has it: one of the same name is gone, and its successor says that it wants the volume. */
static bool
is_of_another(const struct persistent_volume *volume, const struct object *claim)
{
	const struct object_reference *r = volume->spec->claim_ref;

	return r != NULL && (g_strcmp0(r->namespace, claim->namespace) != 0 || g_strcmp0(r->name, claim->name) != 0);
}

/* Where its volume is only a controller may say: that comes with the binding, too. */
static const struct object *
put_bound(struct daemon *daemon, const struct object *volume, const struct object *claim, const struct volume_place *place, const char *capacity,
    struct error *err)
{
	json_t *record = volume_record(place), *patch;
	g_autofree char *where = json_write(record);
	const struct object *next;

	json_decref(record);
	patch = json_pack("{s:{s:{s:s}},s:{s:{s:s},s:o},s:{s:s}}", "metadata", "annotations", VOLUME_PLACE, where, "spec", "capacity", "storage", capacity,
	    "claimRef", reference(claim), "status", "phase", "Bound");
	next = objects_patch(daemon, volume, patch, err);
	json_decref(patch);
	return next;
}

/* Where its volume is: new reference, or NULL: it was not made here. */
static json_t *
place_of(const struct persistent_volume *volume)
{
	const char *text = schema_map_get(&volume->head.meta->annotations, VOLUME_PLACE);

	return text == NULL ? NULL : json_read(text, strlen(text), NULL);
}

/* --- for its claim ---------------------------------------------------------------------------------------------------- */

int
persistent_volume_keep(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	const char *name = claim->spec->volume_name;
	int64_t bytes = claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;
	g_autofree char *capacity = quantity_format_bytes(bytes);
	const struct object *volume;

	/* Volumes that came from elsewhere may have names that no object can have. */
	if (place.driver == NULL || name == NULL || check_dns_subdomain(name, NULL) != 0)
		return 0;
	controllers_await(daemon, object, KIND_VOLUME, "", name);
	volume = store_get(daemon->store, KIND_VOLUME, "", name);
	if (volume == NULL)
		volume = objects_create_tree(daemon, tree_of(daemon, object, &place, capacity), NULL, err);
	if (volume == NULL)
		return -1;
	const struct persistent_volume *value = volume->value;
	if (value->status->phase == PERSISTENT_VOLUME_BOUND && value->spec->capacity != NULL && value->spec->capacity->storage == bytes &&
	    value->spec->claim_ref != NULL && g_strcmp0(value->spec->claim_ref->uid, object->uid) == 0 &&
	    schema_map_get(&value->head.meta->annotations, VOLUME_PLACE) != NULL)
		return 0;
	return put_bound(daemon, volume, object, &place, capacity, err) == NULL ? -1 : 0;
}

bool
persistent_volume_is_kept(struct daemon *daemon, const struct object *object)
{
	const struct claim *claim = object->value;
	const char *name = claim->spec->volume_name;
	const struct object *volume = name == NULL ? NULL : store_get(daemon->store, KIND_VOLUME, "", name);
	const struct object *class = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	const struct persistent_volume *value = volume == NULL ? NULL : volume->value;

	if (strcmp(object->namespace, IMAGE_NAMESPACE) == 0)
		return false;
	if (value != NULL && value->spec->reclaim_policy != RECLAIM_UNSET)
		return value->spec->reclaim_policy == RECLAIM_RETAIN;
	return class != NULL && ((const struct storage_class *)class->value)->reclaim_policy == RECLAIM_RETAIN;
}

int
persistent_volume_release(struct daemon *daemon, const struct object *object, struct error *err)
{
	const char *name = ((const struct claim *)object->value)->spec->volume_name;
	const struct object *volume = name == NULL ? NULL : store_get(daemon->store, KIND_VOLUME, "", name);
	json_t *patch;
	int r;

	if (volume == NULL)
		return 0;
	patch = json_pack("{s:{s:n},s:{s:s}}", "metadata", "ownerReferences", "status", "phase", "Released");
	r = objects_patch(daemon, volume, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	if (r == 0)
		daemon_event(daemon, object, "Normal", "VolumeReleased", "PersistentVolume %s stays with its volume: a claim of this name gets it by spec.volumeName, "
		    "one of another name when spec.claimRef was taken out; it is deleted when its persistentVolumeReclaimPolicy becomes Delete", name);
	return r;
}

/* Why a claim cannot have the volume that it names; 0 it can. */
static int
check_match(const struct object *claim_object, const struct object *object, struct error *err)
{
	const struct claim *claim = claim_object->value;
	const struct persistent_volume *volume = object == NULL ? NULL : object->value;
	const char *name = claim->spec->volume_name;

	if (volume == NULL || volume->head.meta->deletion_timestamp != 0)
		return error_set(err, ENOENT, "spec.volumeName: PersistentVolume %s does not exist: take it out to get a new volume", name);
	if (schema_map_get(&volume->head.meta->annotations, VOLUME_PLACE) == NULL)
		return error_set(err, EINVAL, "spec.volumeName: PersistentVolume %s was not made here: only those that were can be bound again", name);
	if (is_of_another(volume, claim_object))
		return error_set(err, EBUSY, "spec.volumeName: PersistentVolume %s belongs to claim %s/%s: when that is gone, take out the volume's spec.claimRef",
		    name, volume->spec->claim_ref->namespace, volume->spec->claim_ref->name);
	if (g_strcmp0(volume->spec->storage_class_name, claim->spec->storage_class_name) != 0)
		return error_set(err, EINVAL, "spec.storageClassName: PersistentVolume %s is of the class %s", name, volume->spec->storage_class_name);
	if (volume->spec->capacity == NULL || volume->spec->capacity->storage < claim_request(claim->spec))
		return error_set(err, EINVAL, "spec.resources.requests.storage: is more than PersistentVolume %s has", name);
	return 0;
}

int
persistent_volume_take(struct daemon *daemon, const struct object *claim, struct error *err)
{
	const char *name = ((const struct claim *)claim->value)->spec->volume_name;
	const struct object *object = store_get(daemon->store, KIND_VOLUME, "", name), *next = NULL;
	struct error why = { 0 };
	json_t *record;
	int r;

	controllers_await(daemon, claim, KIND_VOLUME, "", name);
	if (check_match(claim, object, &why) != 0)
		return claim_put_pending(daemon, claim, "FailedBinding", why.text, true, err);
	const struct persistent_volume *volume = object->value;
	int64_t bytes = volume->spec->capacity->storage;
	g_autofree char *capacity = quantity_format_bytes(bytes);
	record = place_of(volume);
	const struct volume_place place = volume_place_read(record);
	/* The volume first: no other claim may take it in the same turn. */
	r = put_bound(daemon, object, claim, &place, capacity, err) == NULL ? -1 : claim_bind(daemon, claim, &place, bytes, true, &next, err);
	json_decref(record);
	return r;
}

/* --- the controller --------------------------------------------------------------------------------------------------- */

struct removing {
	struct daemon *daemon;
	char *name, *uid;
};

static void
on_removed(void *arg, json_t *result, const struct error *error)
{
	struct removing *r = arg;
	const struct object *object = store_get(r->daemon->store, KIND_VOLUME, "", r->name);
	const struct delete_options options = { .grace_period_seconds = -1 };
	struct error err = { 0 };

	(void)result;
	controllers_job_end(r->daemon, KIND_VOLUME, "", r->name);
	if (object != NULL && strcmp(object->uid, r->uid) != 0)
		object = NULL;
	if (object != NULL && error == NULL && objects_delete(r->daemon, object, &options, NULL, &err) != 0) {
		log_object(LOG_LEVEL_WARNING, "PersistentVolume", "", r->name, "%s", err.text);
	} else if (object != NULL && error != NULL) {
		controllers_pace_fail(r->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		controllers_requeue(r->daemon, object, controllers_pace_left(r->daemon, object));
		daemon_event(r->daemon, object, "Warning", "VolumeFailedDelete", "%s", error->text);
	}
	g_free(r->name);
	g_free(r->uid);
	g_free(r);
}

/* Nobody has it, and it is not to be kept any more. */
static void
remove_volume(struct daemon *daemon, const struct object *object)
{
	json_t *record = place_of(object->value);
	const struct volume_place place = volume_place_read(record);
	struct removing *r;

	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
	} else if (place.keeper == NULL || volume_check(daemon, &place, NULL) != 0) {
		controllers_await_capacity(daemon, object);
	} else if (controllers_job_begin(daemon, object)) {
		r = g_new0(struct removing, 1);
		*r = (struct removing){ daemon, g_strdup(object->name), g_strdup(object->uid) };
		volume_call(daemon, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_removed, r);
	}
	json_decref(record);
}

int
persistent_volume_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct persistent_volume *volume = object->value;
	bool released = volume->status->phase == PERSISTENT_VOLUME_RELEASED, available = volume->status->phase == PERSISTENT_VOLUME_AVAILABLE;
	json_t *patch;
	int r;

	if (controllers_job_is_running(daemon, object) || volume->head.meta->deletion_timestamp != 0 || !(released || available))
		return 0;
	if (volume->spec->reclaim_policy == RECLAIM_DELETE && schema_map_get(&volume->head.meta->annotations, VOLUME_PLACE) != NULL) {
		remove_volume(daemon, object);
		return 0;
	}
	if (!released || volume->spec->claim_ref != NULL)
		return 0;
	patch = json_pack("{s:{s:s}}", "status", "phase", "Available");
	r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	return r;
}
