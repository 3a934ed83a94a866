/*
 * The claim controller: makes, grows and deletes the volumes of the class "local", libvirt volumes in the hosts' pools.
 *
 *   Pending --- a host is chosen, the volume made ---> Bound --- deleted, unused ---> trash, or the volume is deleted
 *
 * The volume's name comes from the claim's uid, so that making it can be repeated.  A volume with data goes to the trash
 * for a while: a record of the store that a claim of the same name, size and source takes back.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/adopt.h"
#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "src/api/vm.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

#define TRASH "trash" /* bucket of records: "namespace/name/uid" -> JSON */

enum { AGAIN_FIRST_MS = 1000, AGAIN_MOST_MS = 60000, STEADY_KEEP_MS = 600000 };

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

	return claim == NULL || claim->status->phase != CLAIM_BOUND ? NULL : annotation(claim, CLAIM_PATH);
}

int64_t
claim_capacity(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	return claim == NULL || claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;
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
	*node = annotation(claim, CLAIM_NODE);
	*path = annotation(claim, CLAIM_PATH);
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

static int
put_pending(struct daemon *daemon, const struct object *object, const char *reason, const char *message, struct error *err)
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
	if (old == NULL || g_strcmp0(old->message, message) != 0)
		daemon_event(daemon, object, "Warning", reason, "%s", message);
	r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	return r;
}

/* --- the volume's jobs --------------------------------------------------------------------------------------------- */

struct volume_job {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host;
};

static struct volume_job *
volume_job_new(struct daemon *daemon, const struct object *object, const struct host *host)
{
	struct volume_job *j = g_new0(struct volume_job, 1);

	*j = (struct volume_job){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid), g_strdup(host->name) };
	return j;
}

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
	g_free(j->host);
	g_free(j);
}

static void
on_made(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };
	int r = 0;

	if (object != NULL && error != NULL && error->code != EHOSTDOWN) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		r = put_pending(j->daemon, object, "ProvisioningFailed", error->text, &err);
	} else if (object != NULL && error == NULL) {
		json_t *patch = json_pack("{s:{s:{s:s,s:s}},s:{s:s}}", "metadata", "annotations", CLAIM_NODE, j->host, CLAIM_PATH,
		    path_string(result, "path"), "spec", "volumeName", path_string(result, "volume"));
		const struct object *next = objects_patch(j->daemon, object, patch, &err);
		json_decref(patch);
		controllers_pace_clear(j->daemon, object);
		r = next == NULL ? -1 : put_bound(j->daemon, next, json_integer_value(json_object_get(result, "capacity")), &err);
		if (r == 0)
			daemon_event(j->daemon, next, "Normal", "ProvisioningSucceeded", "Successfully provisioned volume %s on %s",
			    path_string(result, "volume"), j->host);
	}
	if (r != 0)
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
	volume_job_free(j);
}

static void
volume_call(struct daemon *daemon, const struct object *object, struct host *host, const char *verb, const char *volume,
    int64_t capacity, const char *format, worker_reply *reply)
{
	json_t *args = json_pack("{s:s,s:s}", "pool", daemon->config->pool->name, "volume", volume);

	if (!controllers_job_begin(daemon, object)) {
		json_decref(args);
		return;
	}
	if (capacity > 0)
		json_object_set_new(args, "capacity", json_integer(capacity));
	if (format != NULL)
		json_object_set_new(args, "format", json_string(format));
	host_call(host, verb, args, -1, HOST_DEADLINE_ACTION, reply, volume_job_new(daemon, object, host));
}

/* --- trash --------------------------------------------------------------------------------------------------------- */

static char *
trash_key(const struct object *object)
{
	return g_strdup_printf("%s/%s/%s", object->namespace, object->name, object->uid);
}

static int
trash_put(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	g_autofree char *key = trash_key(object), *text = NULL;
	const char *source = annotation(claim, CLAIM_SOURCE);
	json_t *entry = json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:I}", "volume", claim->spec->volume_name, "node", annotation(claim, CLAIM_NODE),
	    "path", annotation(claim, CLAIM_PATH), "capacity",
	    (json_int_t)(claim->status->capacity == NULL ? 0 : claim->status->capacity->storage), "class",
	    claim->spec->storage_class_name, "source", source == NULL ? "" : source, "since", (json_int_t)daemon_steady(daemon));

	text = json_write(entry);
	json_decref(entry);
	if (daemon_steady_keep(daemon, 0, err) != 0)
		return -1;
	return store_record_set(daemon->store, TRASH, key, text, err);
}

struct trash_search {
	const char *prefix, *source, *class;
	int64_t capacity;
	char *key, *value;
	int64_t since;
};

static void
trash_match(void *arg, const char *key, const char *value)
{
	struct trash_search *s = arg;
	json_t *entry;

	if (!g_str_has_prefix(key, s->prefix) || (entry = json_read(value, strlen(value), NULL)) == NULL)
		return;
	int64_t since = json_integer_value(json_object_get(entry, "since"));
	if (!json_is_true(json_object_get(entry, "purging")) && g_strcmp0(path_string(entry, "source"), s->source) == 0 && g_strcmp0(path_string(entry, "class"), s->class) == 0 &&
	    json_integer_value(json_object_get(entry, "capacity")) <= s->capacity && since >= s->since) {
		g_free(s->key);
		g_free(s->value);
		s->key = g_strdup(key);
		s->value = g_strdup(value);
		s->since = since;
	}
	json_decref(entry);
}

/* A volume with data that is there. */
struct place {
	const char *node, *path, *volume;
	int64_t capacity;
};

/* Binds the claim to it.  *next: the claim as it is then, borrowed. */
static int
bind_to(struct daemon *daemon, const struct object *object, const struct place *place, const struct object **next, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:s,s:s,s:s}},s:{s:s}}", "metadata", "annotations", CLAIM_NODE, place->node, CLAIM_PATH,
	    place->path, CLAIM_RESTORED, "true", "spec", "volumeName", place->volume);

	*next = objects_patch(daemon, object, patch, err);
	json_decref(patch);
	return *next == NULL ? -1 : put_bound(daemon, *next, place->capacity, err);
}

/* Takes a volume of an earlier claim of this name back.  1: taken, 0: there is none, -1 err. */
static int
trash_take(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const char *source = annotation(claim, CLAIM_SOURCE);
	g_autofree char *prefix = g_strdup_printf("%s/%s/", object->namespace, object->name);
	struct trash_search s = { .prefix = prefix, .source = source == NULL ? "" : source, .class = claim->spec->storage_class_name,
		.capacity = claim_request(claim->spec) };
	const struct object *next = NULL;
	json_t *entry;
	int r;

	store_record_each(daemon->store, TRASH, trash_match, &s);
	if (s.key == NULL)
		return 0;
	entry = json_read(s.value, strlen(s.value), NULL);
	const struct place place = { path_string(entry, "node"), path_string(entry, "path"), path_string(entry, "volume"),
		json_integer_value(json_object_get(entry, "capacity")) };
	r = bind_to(daemon, object, &place, &next, err);
	if (r == 0)
		r = store_record_set(daemon->store, TRASH, s.key, NULL, err);
	if (r == 0)
		daemon_event(daemon, next, "Normal", "RestoredFromTrash", "The volume %s of an earlier claim of this name is back",
		    place.volume);
	json_decref(entry);
	g_free(s.key);
	g_free(s.value);
	return r == 0 ? 1 : -1;
}

struct purging {
	struct daemon *daemon;
	char *key;
};

static void
on_purged(void *arg, json_t *result, const struct error *error)
{
	struct purging *p = arg;

	(void)result;
	if (error == NULL && store_record_set(p->daemon->store, TRASH, p->key, NULL, NULL) == 0)
		log_notice("trash: %s is deleted", p->key);
	else if (error != NULL && error->code != EHOSTDOWN)
		log_warning("trash: %s stays for now: %s", p->key, error->text);
	g_free(p->key);
	g_free(p);
}

/* From here on nobody takes it back: written down before the volume goes. */
static void
purge(struct daemon *daemon, const char *key, json_t *entry)
{
	struct host *host = host_find(daemon, path_string(entry, "node"));
	struct purging *p;

	if (host == NULL || host->state != HOST_READY)
		return;
	json_object_set_new(entry, "purging", json_true());
	g_autofree char *text = json_write(entry);
	if (store_record_set(daemon->store, TRASH, key, text, NULL) != 0)
		return;
	p = g_new0(struct purging, 1);
	*p = (struct purging){ daemon, g_strdup(key) };
	host_call(host, "volume-delete", json_pack("{s:s,s:s}", "pool", daemon->config->pool->name, "volume", path_string(entry, "volume")),
	    -1, HOST_DEADLINE_ACTION, on_purged, p);
}

struct sweeping {
	struct daemon *daemon;
	GPtrArray *keys; /* of what is old enough */
	unsigned kept;   /* how many are not */
};

static void
sweep_one(void *arg, const char *key, const char *value)
{
	struct sweeping *s = arg;
	json_t *entry = json_read(value, strlen(value), NULL);

	if (entry != NULL && daemon_steady(s->daemon) - json_integer_value(json_object_get(entry, "since")) >= s->daemon->config->trash)
		g_ptr_array_add(s->keys, g_strdup(key));
	else
		s->kept++;
	json_decref(entry);
}

void
trash_sweep(struct daemon *daemon)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	struct sweeping s = { daemon, keys, 0 };

	store_record_each(daemon->store, TRASH, sweep_one, &s);
	if (s.kept > 0)
		daemon_steady_keep(daemon, MIN(STEADY_KEEP_MS, daemon->config->trash / 10), NULL);
	for (guint i = 0; i < keys->len; i++) {
		const char *value = store_record_get(daemon->store, TRASH, keys->pdata[i]);
		json_t *entry = value == NULL ? NULL : json_read(value, strlen(value), NULL);
		if (entry != NULL)
			purge(daemon, keys->pdata[i], entry);
		json_decref(entry);
	}
}

/* --- deletion ------------------------------------------------------------------------------------------------------ */

static bool
vmi_uses(const struct vmi *vmi, const char *claim)
{
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		if (g_strcmp0(volume_claim(v), claim) == 0 || g_strcmp0(volume_base_claim(v), claim) == 0)
			return true;
	/* The guest has yet to let go of one that the spec has no more. */
	SCHEMA_EACH (struct volume_status, s, &vmi->status->volume_status)
		if (s->claim_info != NULL && g_strcmp0(s->claim_info->claim_name, claim) == 0)
			return true;
	return false;
}

/* The instance that still has the volume, or NULL; the claim is looked at again when it is gone. */
static const struct object *
find_user(struct daemon *daemon, const struct object *object)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_VMI, object->namespace);

	for (guint i = 0; i < all->len; i++) {
		const struct object *user = all->pdata[i];
		const struct vmi *vmi = user->value;
		if (vmi->status->active_pods.count > 0 && vmi_uses(vmi, object->name)) {
			controllers_await(daemon, object, KIND_VMI, user->namespace, user->name);
			return user;
		}
	}
	return NULL;
}

static void
on_deleted(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };

	(void)result;
	if (object != NULL && error != NULL && error->code != EHOSTDOWN) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		daemon_event(j->daemon, object, "Warning", "VolumeFailedDelete", "%s", error->text);
	} else if (object != NULL && error == NULL &&
	    objects_set_finalizer(j->daemon, object, kinds[KIND_CLAIM].finalizer, false, &err) != 0) {
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
	}
	volume_job_free(j);
}

static bool
is_kept(struct daemon *daemon, const struct claim *claim)
{
	const struct object *class_object = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	const struct storage_class *class = class_object == NULL ? NULL : class_object->value;

	return class != NULL && class->reclaim_policy == RECLAIM_RETAIN;
}

/* A volume that a DataVolume never finished filling is worth nothing. */
static bool
has_data(const struct claim *claim)
{
	return annotation(claim, CLAIM_SOURCE) == NULL || g_strcmp0(annotation(claim, CLAIM_POPULATED), "true") == 0 ||
	    g_strcmp0(annotation(claim, CLAIM_RESTORED), "true") == 0;
}

static int
finish(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	struct host *host = host_find(daemon, annotation(claim, CLAIM_NODE));
	g_autofree char *volume = g_strconcat("pvc-", object->uid, NULL);

	struct host *orphan_host = NULL;
	const struct object *filler = store_get(daemon->store, KIND_DATA_VOLUME, object->namespace, object->name);

	if (find_user(daemon, object) != NULL)
		return 0;
	/* Nobody asks for that guest any more, but it runs. */
	if (adopt_find_claim(daemon, object->namespace, object->name, &orphan_host) != NULL) {
		controllers_requeue(daemon, object, AGAIN_MOST_MS);
		return 0;
	}
	/* An import still makes its volume anew: it ends first. */
	if (filler != NULL && controllers_job_is_running(daemon, filler)) {
		controllers_requeue(daemon, object, AGAIN_FIRST_MS);
		return 0;
	}
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	if (claim->status->phase == CLAIM_BOUND && is_kept(daemon, claim))
		return objects_set_finalizer(daemon, object, kinds[KIND_CLAIM].finalizer, false, err);
	if (claim->status->phase == CLAIM_BOUND && daemon->config->trash > 0 && has_data(claim)) {
		if (trash_put(daemon, object, err) != 0)
			return -1;
		return objects_set_finalizer(daemon, object, kinds[KIND_CLAIM].finalizer, false, err);
	}
	if (annotation(claim, CLAIM_NODE) == NULL)
		return objects_set_finalizer(daemon, object, kinds[KIND_CLAIM].finalizer, false, err);
	if (host == NULL || host->state != HOST_READY)
		return 0;
	/* Only a volume that came back from the trash has another claim's name. */
	if (g_strcmp0(annotation(claim, CLAIM_RESTORED), "true") == 0 && claim->spec->volume_name != NULL) {
		g_free(volume);
		volume = g_strdup(claim->spec->volume_name);
	}
	volume_call(daemon, object, host, "volume-delete", volume, 0, NULL, on_deleted);
	return 0;
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

/* Takes the volume that the domain of a lost instance uses.  1: taken, 0: there is none, -1 err. */
static int
take_from_orphan(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct host *host = NULL;
	const json_t *used = adopt_find_claim(daemon, object->namespace, object->name, &host);

	if (used == NULL)
		return 0;
	g_autofree char *volume = g_path_get_basename(path_string(used, "path"));
	const struct place place = { host->name, path_string(used, "path"), volume,
		g_ascii_strtoll(path_string(used, "capacity"), NULL, 10) };
	const struct object *next = NULL;
	if (bind_to(daemon, object, &place, &next, err) != 0)
		return -1;
	daemon_event(daemon, next, "Normal", "Adopted", "The volume %s is in use by a guest that runs since before the store", volume);
	return 1;
}

/* A host for a new volume: the first that is ready. */
static struct host *
choose_host(struct daemon *daemon)
{
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		if (host->state == HOST_READY && host->configured)
			return host;
	}
	return NULL;
}

static int
provision(struct daemon *daemon, const struct object *object, const struct storage_class *class, struct error *err)
{
	const struct claim *claim = object->value;
	const char *node = annotation(claim, CLAIM_NODE);
	struct host *host = node == NULL ? choose_host(daemon) : host_find(daemon, node);
	const char *format = schema_map_get(&class->parameters, "format");
	g_autofree char *volume = g_strconcat("pvc-", object->uid, NULL);
	int taken = node == NULL ? take_from_orphan(daemon, object, err) : 0;
	json_t *patch;

	if (node == NULL && taken == 0)
		taken = trash_take(daemon, object, err);
	if (taken != 0)
		return taken > 0 ? 0 : -1;
	if (host == NULL || host->state != HOST_READY) {
		controllers_await_capacity(daemon, object);
		return put_pending(daemon, object, "WaitForHost", "no host is ready to hold the volume", err);
	}
	if (format != NULL && strcmp(format, "raw") != 0)
		return put_pending(daemon, object, "ProvisioningFailed", "the StorageClass asks for a format other than raw, which is not supported", err);
	if (node == NULL) {
		/* Where it is going to be is written down before it is made: nothing is ever made that nobody knows of. */
		patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_NODE, host->name);
		const struct object *next = objects_patch(daemon, object, patch, err);
		json_decref(patch);
		return next == NULL ? -1 : 0;
	}
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	volume_call(daemon, object, host, "volume-create", volume, claim_request(claim->spec), "raw", on_made);
	return 0;
}

static void
on_grown(void *arg, json_t *result, const struct error *error)
{
	struct volume_job *j = arg;
	const struct object *object = volume_job_end(j);
	struct error err = { 0 };

	if (object != NULL && error != NULL && error->code != EHOSTDOWN) {
		controllers_pace_fail(j->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		daemon_event(j->daemon, object, "Warning", "VolumeResizeFailed", "%s", error->text);
	} else if (object != NULL && error == NULL) {
		if (put_bound(j->daemon, object, json_integer_value(json_object_get(result, "capacity")), &err) != 0)
			log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", j->namespace, j->name, "%s", err.text);
		else
			daemon_event(j->daemon, object, "Normal", "VolumeResizeSuccessful", "Resized; the guest sees it at its next start");
	}
	volume_job_free(j);
}

static int
grow(struct daemon *daemon, const struct object *object)
{
	const struct claim *claim = object->value;
	struct host *host = host_find(daemon, annotation(claim, CLAIM_NODE));
	int64_t has = claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;

	if (claim_request(claim->spec) <= has || host == NULL || host->state != HOST_READY)
		return 0;
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	volume_call(daemon, object, host, "volume-resize", claim->spec->volume_name, claim_request(claim->spec), NULL, on_grown);
	return 0;
}

int
claim_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const struct object *class_object;
	const struct storage_class *class;

	if (controllers_job_is_running(daemon, object))
		return 0;
	if (claim->head.meta->deletion_timestamp != 0)
		return finish(daemon, object, err);
	if (claim->status->phase == CLAIM_BOUND)
		return grow(daemon, object);
	class_object = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	class = class_object == NULL ? NULL : class_object->value;
	if (class == NULL || strcmp(class->provisioner, LOCAL_PROVISIONER) != 0) {
		g_autofree char *why = class == NULL
		    ? g_strdup_printf("storageclass.storage.k8s.io \"%s\" not found", claim->spec->storage_class_name)
		    : g_strdup_printf("provisioner \"%s\" is not known: %s is", class->provisioner, LOCAL_PROVISIONER);
		controllers_await(daemon, object, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
		return put_pending(daemon, object, "ProvisioningFailed", why, err);
	}
	return provision(daemon, object, class, err);
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
	    LOCAL_PROVISIONER, "reclaimPolicy", "Delete", "volumeBindingMode", "Immediate", "allowVolumeExpansion", 1);
	if (store_put(daemon->store, &kinds[KIND_STORAGE_CLASS], tree, NULL) == NULL)
		log_warning("the StorageClass \"local\" cannot be stored");
	json_decref(tree);
}
