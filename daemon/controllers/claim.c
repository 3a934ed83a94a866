/*
 * The claim controller: makes, grows and deletes volumes, whatever keeps them (daemon/volume.h).
 *
 *   Pending --- a place is chosen, the volume made or cloned ---> Bound --- deleted, unused ---> trash, or the volume is deleted
 *
 * The volume's name comes from the claim's uid, so that making it can be repeated.  A volume with data goes to the trash
 * for a while (trash.c), from where a claim of the same name, size and source takes it back.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/adopt.h"
#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/controllers/trash.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "src/api/vm.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"
#include "storage/volume_verbs.h"

enum { AGAIN_FIRST_MS = 1000, AGAIN_MOST_MS = 60000,
	DELETE_AGAIN_MOST_MS = 15000, /* Ceph lets go of a client that died after half a minute */
	BUSY_AGAIN_MOST_MS = 5000,    /* an import ends */
};

static const char *
annotation(const struct claim *claim, const char *name)
{
	return schema_map_get(&claim->head.meta->annotations, name);
}

/* --- for others ---------------------------------------------------------------------------------------------------- */

/* The DataVolume of the same name decides whether a claim is filled. */
static bool
is_filled(struct daemon *daemon, const struct object *object, char *why, size_t size)
{
	const struct object *dv_object = store_get(daemon->store, KIND_DATA_VOLUME, object->namespace, object->name);
	const struct data_volume *dv = dv_object == NULL ? NULL : dv_object->value;
	const struct condition *running;

	if (dv == NULL || dv->status->phase == DATA_VOLUME_SUCCEEDED)
		return true;
	running = condition_find(&dv->status->conditions, "Running");
	if (running != NULL && running->message != NULL && g_strcmp0(running->reason, "Error") == 0)
		g_snprintf(why, size, "DataVolume %s: %s", object->name, running->message);
	else
		g_snprintf(why, size, "DataVolume %s is not ready: %s %s", object->name, data_volume_phase_words[dv->status->phase],
		    dv->status->progress == NULL ? "" : dv->status->progress);
	return false;
}

/* A DataVolume is about to make the claim; one that has done its work makes no other. */
static bool
is_coming(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = store_get(daemon->store, KIND_DATA_VOLUME, namespace, name);
	const struct data_volume *dv = object == NULL ? NULL : object->value;

	return dv != NULL && dv->status->phase != DATA_VOLUME_SUCCEEDED;
}

const char *
claim_path(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	return claim == NULL || claim->status->phase != CLAIM_BOUND ? NULL : annotation(claim, VOLUME_PATH);
}

bool
claim_volume(struct daemon *daemon, const char *namespace, const char *name, struct volume_place *place)
{
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	if (claim == NULL || claim->status->phase != CLAIM_BOUND)
		return false;
	*place = volume_place(claim);
	return place->driver != NULL && place->path != NULL;
}

int64_t
claim_capacity(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	return claim == NULL || claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;
}

void
claim_limits(struct daemon *daemon, const char *namespace, const char *name, struct disk_limits *limits)
{
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;
	const struct object *class = claim == NULL ? NULL : store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);

	*limits = (struct disk_limits){ 0 };
	if (class != NULL)
		storage_class_limits(class->value, claim_capacity(daemon, namespace, name), limits);
}

bool
claim_is_usable(struct daemon *daemon, const char *namespace, const char *name, const char **node, const char **path,
    bool *gone, char *why, size_t size)
{
	const struct object *object = store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;
	bool doomed = object != NULL && controllers_is_doomed(daemon, object);

	*gone = claim == NULL && !is_coming(daemon, namespace, name);
	if (claim == NULL) {
		g_snprintf(why, size, *gone ? "PVC %s/%s does not exist, waiting for it to appear" : "PVC %s/%s is not made yet", namespace,
		    name);
		return false;
	}
	*node = annotation(claim, VOLUME_NODE);
	*path = annotation(claim, VOLUME_PATH);
	if (claim->status->phase != CLAIM_BOUND || *path == NULL || doomed) {
		g_snprintf(why, size, "PVC %s/%s is %s", namespace, name, doomed ? "being deleted" : "not bound yet");
		return false;
	}
	return is_filled(daemon, object, why, size);
}

/* --- status -------------------------------------------------------------------------------------------------------- */

/* Status of a bound claim; always made whole, so that it can be repeated. */
static int
put_bound(struct daemon *daemon, const struct object *object, int64_t capacity, struct error *err)
{
	json_t *tree = object_tree(object), *modes = path_find(tree, "spec.accessModes");
	g_autofree char *text = quantity_format_bytes(capacity);
	json_t *patch = json_pack("{s:{s:s,s:O,s:{s:s},s:n}}", "status", "phase", "Bound", "accessModes",
	    json_is_array(modes) ? modes : json_null(), "capacity", "storage", text, "conditions");
	int r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;

	json_decref(patch);
	json_decref(tree);
	return r;
}

int
claim_put_pending(struct daemon *daemon, const struct object *object, const char *reason, const char *message, bool warn, struct error *err)
{
	const struct claim *claim = object->value;
	struct schema_list conditions = { 0 };
	json_t *patch, *list = json_array();
	const struct condition *old = condition_find(&claim->status->conditions, "Provisioning");
	int r;

	condition_set(&conditions, "Provisioning", false, reason, message, old == NULL ? daemon_now(daemon) : old->last_transition_time);
	json_array_append_new(list, schema_encode(&condition_schema, conditions.items));
	schema_list_remove(&conditions, &condition_schema, 0);
	g_free(conditions.items);
	patch = json_pack("{s:{s:s,s:o}}", "status", "phase", "Pending", "conditions", list);
	if (warn && (old == NULL || g_strcmp0(old->message, message) != 0))
		daemon_event(daemon, object, "Warning", reason, "%s", message);
	r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	return r;
}

static int
put_pending(struct daemon *daemon, const struct object *object, const char *reason, const char *message, struct error *err)
{
	return claim_put_pending(daemon, object, reason, message, true, err);
}

/* --- the volume's jobs --------------------------------------------------------------------------------------------- */

struct volume_job {
	struct daemon *daemon;
	char *namespace, *name, *uid;
	char *format, *backing; /* of a volume that is made, as claim_take_made() has them */
};

/* Ends the job; the claim, if it is still the one that the job was for. */
static const struct object *
volume_job_end(struct volume_job *j)
{
	const struct object *object = store_get(j->daemon->store, KIND_CLAIM, j->namespace, j->name);

	controllers_job_end(j->daemon, KIND_CLAIM, j->namespace, j->name);
	return object != NULL && strcmp(object->uid, j->uid) == 0 ? object : NULL;
}

static void
volume_job_free(struct volume_job *j)
{
	g_free(j->namespace);
	g_free(j->name);
	g_free(j->uid);
	g_free(j->format);
	g_free(j->backing);
	g_free(j);
}

/* Begins a job for the claim, or looks again later; args is taken.  The job, or NULL. */
static struct volume_job *
job_call_on(struct daemon *daemon, const struct object *object, struct calls *calls, const char *verb, json_t *args, int64_t deadline,
    worker_reply *reply)
{
	struct volume_job *j = NULL;

	if (controllers_pace_left(daemon, object) > 0)
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
	else if (calls == NULL)
		controllers_await_capacity(daemon, object);
	else if (controllers_job_begin(daemon, object)) {
		j = g_new0(struct volume_job, 1);
		*j = (struct volume_job){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid) };
		calls_add(calls, verb, args, -1, deadline, reply, j);
		return j;
	}
	json_decref(args);
	return NULL;
}

/* The same on its volume. */
static int
job_call(struct daemon *daemon, const struct object *object, const struct volume_place *place, const char *verb, json_t *args,
    int64_t deadline, worker_reply *reply)
{
	job_call_on(daemon, object, place->driver->calls(daemon, place->keeper, NULL), verb, volume_args(daemon, place, args), deadline, reply);
	return 0;
}

/* The same where a volume of that format is made. */
static int
job_make(struct daemon *daemon, const struct object *object, const struct volume_place *place, const char *verb, json_t *args, int64_t deadline,
    worker_reply *reply, const char *format, const char *backing)
{
	struct volume_job *j = job_call_on(daemon, object, place->driver->calls(daemon, place->keeper, NULL), verb, volume_args(daemon, place, args),
	    deadline, reply);

	if (j != NULL) {
		j->format = g_strdup(format);
		j->backing = g_strdup(backing);
	}
	return 0;
}

/* Its keeper was lost under it: that passes without a word. */
static bool
is_lost(const struct error *error)
{
	return error->code == EHOSTDOWN || error->code == ECANCELED;
}

int
claim_take_made(struct daemon *daemon, const struct object *object, const json_t *result, const char *format, const char *backing, struct error *err)
{
	struct volume_place place = volume_place(object->value);
	const char *parent = strcmp(format, "qcow2") == 0 ? path_string(result, "parent") : NULL;
	const struct object *next = NULL;

	if (path_string(result, "path") == NULL || place.driver == NULL)
		return error_set(err, EPROTO, "the worker did not tell where volume %s is", place.name);
	if (parent != NULL && g_strcmp0(parent, backing) != 0)
		return error_set(err, EPROTO, "volume %s lies over %s, which was not asked for", place.name, parent);
	place.path = path_string(result, "path");
	place.format = format;
	place.backing = parent;
	object = claim_note_depth(daemon, object, json_integer_value(json_object_get(result, "depth")), err);
	if (object == NULL || claim_bind(daemon, object, &place, json_integer_value(json_object_get(result, "capacity")), false, &next, err) != 0)
		return -1;
	daemon_event(daemon, next, "Normal", "ProvisioningSucceeded", "Successfully provisioned volume %s on %s", place.name, place.keeper);
	return 0;
}

static void
on_made(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };
	int r = 0;

	if (object != NULL && error != NULL && !is_lost(error)) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		r = put_pending(j->daemon, object, "ProvisioningFailed", error->text, &err);
	} else if (object != NULL && error == NULL) {
		controllers_pace_clear(j->daemon, object);
		r = claim_take_made(j->daemon, object, result, j->format, j->backing, &err);
		if (r != 0)
			controllers_requeue(j->daemon, object, AGAIN_MOST_MS);
	}
	if (r != 0)
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
	volume_job_free(j);
}

/* Binds the claim to a volume that is there; *next: the claim as it is then, borrowed. */
int
claim_bind(struct daemon *daemon, const struct object *object, const struct volume_place *place, int64_t capacity, bool restored,
    const struct object **next, struct error *err)
{
	json_t *annotations = volume_annotations(place), *patch;

	json_object_set_new(annotations, CLAIM_PROGRESS, json_null());
	if (restored)
		json_object_set_new(annotations, CLAIM_RESTORED, json_string("true"));
	patch = json_pack("{s:{s:o},s:{s:s}}", "metadata", "annotations", annotations, "spec", "volumeName", place->name);
	*next = objects_patch(daemon, object, patch, err);
	json_decref(patch);
	return *next == NULL ? -1 : put_bound(daemon, *next, capacity, err);
}

/* --- deletion ------------------------------------------------------------------------------------------------------ */

static bool
vmi_uses(const struct vmi *vmi, const char *claim, bool writing)
{
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		if (g_strcmp0(volume_claim(v), claim) == 0 || (!writing && g_strcmp0(volume_base_claim(v), claim) == 0))
			return true;
	/* The guest has yet to let go of one that the spec has no more. */
	SCHEMA_EACH (struct volume_status, s, &vmi->status->volume_status)
		if (s->claim_info != NULL && g_strcmp0(s->claim_info->claim_name, claim) == 0)
			return true;
	return false;
}

/* The instance that still has the volume, or NULL; waiter is looked at again when it is gone. */
static const struct object *
find_user_of(struct daemon *daemon, const struct object *object, bool writing, const struct object *waiter)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_VMI, object->namespace);

	for (guint i = 0; i < all->len; i++) {
		const struct object *user = all->pdata[i];
		const struct vmi *vmi = user->value;
		if (vmi->status->active_pods.count > 0 && vmi_uses(vmi, object->name, writing)) {
			controllers_await(daemon, waiter, KIND_VMI, user->namespace, user->name);
			return user;
		}
	}
	return NULL;
}

static const struct object *
find_user(struct daemon *daemon, const struct object *object)
{
	return find_user_of(daemon, object, false, object);
}

const struct object *
claim_find_writer(struct daemon *daemon, const struct object *claim, const struct object *waiter)
{
	return find_user_of(daemon, claim, true, waiter);
}

static void
on_deleted(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };

	(void)result;
	if (object != NULL && error != NULL && !is_lost(error)) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, DELETE_AGAIN_MOST_MS);
		daemon_event(j->daemon, object, "Warning", "VolumeFailedDelete", "%s", error->text);
	} else if (object != NULL && error == NULL &&
	    objects_set_finalizer(j->daemon, object, kinds[KIND_CLAIM].finalizer, false, &err) != 0) {
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
	}
	volume_job_free(j);
}

/* A volume that a DataVolume never finished filling is worth nothing. */
static bool
has_data(const struct claim *claim)
{
	return annotation(claim, CLAIM_SOURCE) == NULL || g_strcmp0(annotation(claim, CLAIM_POPULATED), "true") == 0 ||
	    g_strcmp0(annotation(claim, CLAIM_RESTORED), "true") == 0;
}

static bool
is_protected(const struct claim *claim)
{
	return g_strcmp0(annotation(claim, CLAIM_PROTECTED), "true") == 0;
}

/* An image's snapshot is gone: the volume can follow. */
static void
on_unprotected(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object;
	json_t *patch;

	if (error != NULL) {
		on_deleted(arg, result, error);
		return;
	}
	object = volume_job_end(j);
	patch = json_pack("{s:{s:{s:n}}}", "metadata", "annotations", CLAIM_PROTECTED);
	if (object != NULL)
		objects_patch(j->daemon, object, patch, NULL);
	json_decref(patch);
	volume_job_free(j);
}

/* Somebody may still write to its volume; the claim is looked at again. */
static bool
is_in_use(struct daemon *daemon, const struct object *object)
{
	const struct object *filler = store_get(daemon->store, KIND_DATA_VOLUME, object->namespace, object->name);
	struct host *orphan_host = NULL;
	char why[400];

	if (find_user(daemon, object) != NULL || volume_snapshot_of_claim(daemon, object) != NULL ||
	    claim_copy_reads(daemon, object, object->namespace, object->name, why, sizeof(why)))
		return true;
	/* Nobody asks for that guest any more, but it runs. */
	if (adopt_find_claim(daemon, object->namespace, object->name, &orphan_host) != NULL) {
		controllers_requeue(daemon, object, AGAIN_MOST_MS);
		return true;
	}
	if (is_protected(object->value) && image_has_clones(daemon, object)) {
		controllers_requeue(daemon, object, AGAIN_MOST_MS);
		return true;
	}
	/* An import still makes its volume anew: it ends first. */
	if (filler != NULL && controllers_job_is_running(daemon, filler)) {
		controllers_requeue(daemon, object, AGAIN_FIRST_MS);
		return true;
	}
	return false;
}

static int
finish(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	bool bound = claim->status->phase == CLAIM_BOUND, kept = bound && persistent_volume_is_kept(daemon, object);

	if (is_in_use(daemon, object) || !claim_copy_settle(daemon, object))
		return 0;
	if (kept && persistent_volume_release(daemon, object, err) != 0)
		return -1;
	if (place.driver != NULL && !kept) {
		if (bound && is_protected(claim) && place.driver->clones_in_use)
			return job_call(daemon, object, &place, "snapshot-delete", json_pack("{s:s}", "snapshot", CLAIM_BASE), VOLUME_DEADLINE_ACTION,
			    on_unprotected);
		if (!bound || strcmp(object->namespace, IMAGE_NAMESPACE) == 0 || daemon->config->trash == 0 || !has_data(claim))
			return job_call(daemon, object, &place, "volume-delete", json_object(), VOLUME_DEADLINE_ACTION, on_deleted);
		if (trash_put(daemon, object, err) != 0)
			return -1;
	}
	return objects_set_finalizer(daemon, object, kinds[KIND_CLAIM].finalizer, false, err);
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

/* Takes the volume that the domain of a lost instance uses.  1: taken, 0: there is none, -1 err. */
static int
take_from_orphan(struct daemon *daemon, const struct object *object, const struct storage_class *class, struct error *err)
{
	struct host *host = NULL;
	const json_t *used = adopt_find_claim(daemon, object->namespace, object->name, &host);
	const struct object *next = NULL;

	if (used == NULL)
		return 0;
	struct volume_place place = volume_place_of_use(host->name, used);
	g_autofree char *encryption = volume_encryption(class);
	place.encryption = encryption;
	if (claim_bind(daemon, object, &place, g_ascii_strtoll(path_string(used, "capacity"), NULL, 10), true, &next, err) != 0)
		return -1;
	daemon_event(daemon, next, "Normal", "Adopted", "The volume %s is in use by a guest that runs since before the store", place.name);
	return 1;
}

/* Where it is going to be is written down before it is made: nothing is ever made that nobody knows of. */
static int
choose_place(struct daemon *daemon, const struct object *object, const struct volume_driver *driver, const struct storage_class *class,
    const struct claim_source *source, struct error *err)
{
	struct volume_place near = source->claim == NULL || source->is_copied ? (struct volume_place){ 0 } : source->place;
	json_t *annotations = json_object(), *patch;
	struct error why = { 0 };
	int r = driver->choose(daemon, object, class, near.driver == NULL ? NULL : &near, annotations, &why);

	if (source->claim != NULL)
		json_object_set_new(annotations, CLAIM_ORIGIN, json_string(source->origin));
	patch = json_pack("{s:{s:o}}", "metadata", "annotations", annotations);
	if (r == 0) {
		r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	} else {
		controllers_await_capacity(daemon, object);
		r = put_pending(daemon, object, why.code == EAGAIN ? "WaitForStorage" : "ProvisioningFailed", why.text, err);
	}
	json_decref(patch);
	return r;
}

/* Makes the volume, empty or as a clone: a copy is what its source is, and over an image of the cache of a host lies a qcow2. */
static int
make(struct daemon *daemon, const struct object *object, const struct volume_place *place, const struct storage_class *class,
    const struct claim_source *source, struct error *err)
{
	struct error why = { 0 };
	json_t *args = json_pack("{s:I,s:{s:s,s:s,s:s}}", "capacity", (json_int_t)claim_request(((const struct claim *)object->value)->spec),
	    "owner", "namespace", object->namespace, "name", object->name, "uid", object->uid), *options = place->driver->options(class);

	if (options != NULL)
		json_object_set_new(args, "options", options);
	if (source->claim == NULL) {
		json_object_set_new(args, "format", json_string("raw"));
		if (volume_unlock(daemon, place, object, args, &why) != 0) {
			json_decref(args);
			return put_pending(daemon, object, "WaitForSecret", why.text, err);
		}
		return job_make(daemon, object, place, "volume-create", args, VOLUME_DEADLINE_ACTION, on_made, "raw", NULL);
	}
	volume_add_source(&source->place, source->snapshot, args);
	json_object_set_new(args, "asked", json_integer(clock_monotonic_ms())); /* many that wait for a lane can be cloned as one */
	json_object_set_new(args, "protected", json_boolean(source->is_protected));
	bool over = source->is_protected && !place->driver->shared;
	return job_make(daemon, object, place, "volume-clone", args, VOLUME_DEADLINE_COPY, on_made, over ? "qcow2" : source->place.format,
	    over ? source->place.path : source->place.backing);
}

/* Nothing is left of the old source's clone: it begins from the beginning. */
static void
on_forgotten(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object;
	struct error err = { 0 };
	json_t *patch;

	if (error != NULL) {
		on_made(arg, result, error);
		return;
	}
	object = volume_job_end(j);
	if (object != NULL) {
		const struct volume_place place = volume_place(object->value);
		patch = json_pack("{s:{s:{s:n,s:n,s:n,s:n}}}", "metadata", "annotations", place.driver->keeper, VOLUME_NAME, VOLUME_POOL, CLAIM_ORIGIN);
		if (objects_patch(j->daemon, object, patch, &err) == NULL)
			log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
		json_decref(patch);
	}
	volume_job_free(j);
}

/* Another one has the name of the source since the place was chosen: what may have been made from the old one goes first. */
static int
forget_origin(struct daemon *daemon, const struct object *object, const struct volume_place *place)
{
	return claim_copy_settle(daemon, object) ? job_call(daemon, object, place, "volume-delete", json_object(), VOLUME_DEADLINE_ACTION, on_forgotten) : 0;
}

static int
provision(struct daemon *daemon, const struct object *object, const struct volume_driver *driver, const struct storage_class *class,
    struct error *err)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	int taken = place.driver == NULL ? take_from_orphan(daemon, object, class, err) : 0;
	struct claim_source source = { 0 };
	struct error why = { 0 };
	int r;

	if (place.driver == NULL && taken == 0 && claim->spec->volume_name != NULL)
		return persistent_volume_take(daemon, object, err);
	if (place.driver == NULL && taken == 0)
		taken = trash_take(daemon, object, err);
	if (taken != 0)
		return taken > 0 ? 0 : -1;
	if (claim_source(daemon, object, class, &source, &why) != 0)
		return put_pending(daemon, object, why.code == EAGAIN ? "WaitForSource" : "ProvisioningFailed", why.text, err);
	bool other = source.claim != NULL && g_strcmp0(annotation(claim, CLAIM_ORIGIN), source.origin) != 0;
	r = place.driver == NULL ? choose_place(daemon, object, driver, class, &source, err)
	    : other              ? forget_origin(daemon, object, &place)
	    : source.is_copied   ? claim_copy(daemon, object, &source, err)
	                         : make(daemon, object, &place, class, &source, err);
	claim_source_clear(&source);
	return r;
}

static void
on_grown(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };

	if (object != NULL && error != NULL && !is_lost(error)) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, error->code == EBUSY ? BUSY_AGAIN_MOST_MS : AGAIN_MOST_MS);
		daemon_event(j->daemon, object, "Warning", "VolumeResizeFailed", "%s", error->text);
	} else if (object != NULL && error == NULL) {
		if (put_bound(j->daemon, object, json_integer_value(json_object_get(result, "capacity")), &err) != 0)
			log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
		else
			daemon_event(j->daemon, object, "Normal", "VolumeResizeSuccessful", "Resized%s",
			    find_user(j->daemon, object) == NULL ? "" : "; the guest sees it");
	}
	volume_job_free(j);
}

/* The guest's own disk of the claim, such as vda, or NULL: it lies under an overlay, or its volume is no disk.  g_free(). */
static char *
disk_of(const struct vmi *vmi, const char *claim)
{
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		if (g_strcmp0(volume_claim(v), claim) == 0)
			return domain_disk_target(vmi->spec, v->name);
	return NULL;
}

/* Under a guest that runs it is QEMU that makes the disk larger.  True when it is in use; then *r is the result. */
static bool
grow_online(struct daemon *daemon, const struct object *object, int *r)
{
	const struct claim *claim = object->value;
	const struct object *user = find_user(daemon, object);
	const struct vmi *vmi = user == NULL ? NULL : user->value;
	struct host *host = vmi == NULL ? NULL : host_find(daemon, vmi->status->node_name);
	g_autofree char *target = vmi == NULL ? NULL : disk_of(vmi, object->name);
	const struct host_domain *domain = host == NULL || host->state != HOST_READY ? NULL : host_domain_find(host, user->namespace, user->name);

	*r = 0;
	if (user == NULL)
		return false;
	if (target == NULL || !host_domain_is_active(domain))
		return true; /* looked at again when it ends */
	job_call_on(daemon, object, host->calls, "domain-disk-resize", json_pack("{s:s,s:s,s:s,s:I}", "name", domain->name, "uid",
	    user->uid, "target", target, "capacity", (json_int_t)claim_request(claim->spec)), HOST_DEADLINE_ACTION, on_grown);
	return true;
}

static int
grow(struct daemon *daemon, const struct object *object)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	int64_t has = claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;
	int r = 0;

	if (claim_request(claim->spec) <= has || place.driver == NULL || is_protected(claim))
		return 0;
	if (grow_online(daemon, object, &r))
		return r;
	return job_call(daemon, object, &place, "volume-resize", json_pack("{s:I}", "capacity", (json_int_t)claim_request(claim->spec)),
	    VOLUME_DEADLINE_ACTION, on_grown);
}

int
claim_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const struct object *class_object;
	const struct storage_class *class;
	const struct volume_driver *driver;
	struct error why = { 0 };

	if (controllers_job_is_running(daemon, object))
		return 0;
	if (claim->head.meta->deletion_timestamp != 0 && claim_copy_is_running(daemon, object))
		claim_copy_cancel(daemon, object);
	if (claim_copy_is_running(daemon, object))
		return 0;
	if (claim->head.meta->deletion_timestamp != 0) {
		claim_flatten_forget(daemon, object);
		return finish(daemon, object, err);
	}
	if (claim->status->phase == CLAIM_BOUND) {
		if (persistent_volume_keep(daemon, object, err) != 0)
			return -1;
		if (claim_copy_settle(daemon, object) && grow(daemon, object) != 0)
			return -1;
		if (!controllers_job_is_running(daemon, object))
			claim_flatten(daemon, object);
		return 0;
	}
	class_object = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	class = class_object == NULL ? NULL : class_object->value;
	if (class == NULL)
		error_set(&why, ENOENT, "storageclass.storage.k8s.io \"%s\" not found", claim->spec->storage_class_name);
	driver = class == NULL ? NULL : volume_driver_of(class->provisioner, &why);
	if (driver == NULL) {
		controllers_await(daemon, object, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
		return put_pending(daemon, object, "ProvisioningFailed", why.text, err);
	}
	return provision(daemon, object, driver, class, err);
}

void
storage_class_ensure(struct daemon *daemon)
{
	g_autofree char *uid = g_uuid_string_random();
	char now[CLOCK_TEXT_SIZE];
	json_t *tree;

	if (store_count(daemon->store, KIND_STORAGE_CLASS) > 0)
		return;
	tree = json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:{s:s}},s:s,s:s,s:s,s:b}", "apiVersion", "storage.k8s.io/v1", "kind", "StorageClass",
	    "metadata", "name", "local", "uid", uid, "creationTimestamp", clock_format(daemon_now(daemon), now), "annotations", "storageclass.kubernetes.io/is-default-class", "true", "provisioner",
	    "local.solovirt.io", "reclaimPolicy", "Delete", "volumeBindingMode", "Immediate", "allowVolumeExpansion", 1);
	if (store_put(daemon->store, &kinds[KIND_STORAGE_CLASS], tree, NULL) == NULL)
		log_warning("the StorageClass \"local\" cannot be stored");
	json_decref(tree);
}
