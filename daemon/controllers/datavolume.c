/*
 * The DataVolume controller: makes the claim and fills it.
 *
 *   "" --> Pending --> PVCBound --> ImportScheduled --> ImportInProgress --> Succeeded
 *           claim made   bound          volume fresh         a worker runs      |
 *                                                                               +--> Failed (the image will never do)
 *
 * An import that was cut off is begun anew on a fresh volume.  Progress is told, but kept out of the disk's way: a new
 * percentage is stored at most once a second.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/import.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/api/datavolume.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

enum { PROGRESS_MS = 1000, AGAIN_FIRST_MS = 2000, AGAIN_MOST_MS = 60000, QUEUE_FULL_MS = 1000 };

static int
status_put(struct daemon *daemon, const struct object *object, struct data_volume_status *status, struct error *err)
{
	int r = objects_set_status(daemon, object, status, err);

	schema_free(&data_volume_status_schema, status);
	return r;
}

static void
set_text(char **at, const char *text)
{
	g_free(*at);
	*at = g_strdup(text);
}

/* CDI's three conditions (fact sheet, section 4). */
static void
set_conditions(struct daemon *daemon, struct data_volume_status *status, bool bound, bool running, const char *reason, const char *message)
{
	int64_t now = daemon_now(daemon);

	condition_set(&status->conditions, "Bound", bound, bound ? "Bound" : "Pending", bound ? "PVC is bound" : "PVC is not bound yet", now);
	condition_set(&status->conditions, "Running", running, reason, message, now);
	condition_set(&status->conditions, "Ready", status->phase == DATA_VOLUME_SUCCEEDED, running ? "TransferRunning" : NULL, NULL, now);
}

static int
enter(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const char *progress, const char *reason,
    const char *message, struct error *err)
{
	struct data_volume_status *status = objects_status_copy(object);

	set_text(&status->claim_name, object->name);
	set_text(&status->progress, progress);
	status->phase = (int)phase;
	set_conditions(daemon, status, phase >= DATA_VOLUME_PVC_BOUND, phase == DATA_VOLUME_IMPORT_IN_PROGRESS, reason, message);
	return status_put(daemon, object, status, err);
}

/* --- the claim ----------------------------------------------------------------------------------------------------- */

static bool
is_blank(const struct data_volume *dv)
{
	return dv->spec->source != NULL && dv->spec->source->blank != NULL;
}

/* What fills the claim, as a checksum: data that came from elsewhere must not pass for it. */
static char *
source_sum(const struct object *object)
{
	json_t *tree = object_tree(object);
	g_autofree char *text = json_write(path_find(tree, "spec.source"));

	json_decref(tree);
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* The claim that the DataVolume describes, with what CDI fills in for spec.storage. */
static json_t *
claim_tree(const struct object *object)
{
	const struct data_volume *dv = object->value;
	json_t *tree = object_tree(object), *spec, *claim;

	spec = json_deep_copy(path_find(tree, dv->spec->pvc != NULL ? "spec.pvc" : "spec.storage"));
	if (!json_is_array(json_object_get(spec, "accessModes")))
		json_object_set_new(spec, "accessModes", json_pack("[s]", "ReadWriteOnce"));
	claim = json_pack("{s:s,s:s,s:{s:s,s:s,s:[{s:s,s:s,s:s,s:s,s:b,s:b}]},s:o}", "apiVersion", "v1", "kind",
	    "PersistentVolumeClaim", "metadata", "name", object->name, "namespace", object->namespace, "ownerReferences", "apiVersion", kind_api_version(object->kind), "kind", object->kind->name, "name", object->name, "uid",
	    object->uid, "controller", 1, "blockOwnerDeletion", 1, "spec", spec);
	json_decref(tree);
	return claim;
}

static int
create_claim(struct daemon *daemon, const struct object *object, struct error *err)
{
	g_autofree char *sum = source_sum(object);
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_SOURCE, sum);
	const struct object *claim;
	int r;

	/* What fills it is a controller's word: users cannot write it, so it comes second, in the same transaction. */
	claim = objects_create_tree(daemon, claim_tree(object), object->namespace, err);
	r = claim == NULL || objects_patch(daemon, claim, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	if (r != 0)
		return r;
	return enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "the claim is being bound", err);
}

static bool
is_owned_by(const struct claim *claim, const char *uid)
{
	SCHEMA_EACH (struct owner_reference, r, &claim->head.meta->owner_references)
		if (strcmp(r->uid, uid) == 0)
			return true;
	return false;
}

static int
succeed(struct daemon *daemon, const struct object *object, const struct object *claim, const char *message, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_POPULATED, "true");
	int r = objects_patch(daemon, claim, patch, err) == NULL ? -1 : 0;

	json_decref(patch);
	if (r == 0)
		r = enter(daemon, object, DATA_VOLUME_SUCCEEDED, "100.0%", "Completed", message, err);
	if (r == 0)
		daemon_event(daemon, object, "Normal", "ImportSucceeded", "%s", message);
	return r;
}

/* --- the import ---------------------------------------------------------------------------------------------------- */

struct filling {
	struct daemon *daemon;
	char *namespace, *name, *uid, *claim; /* claim: uid of the one that is filled */
	int64_t told; /* monotonic ms: when progress was stored last */
};

static void
filling_free(struct filling *f)
{
	g_free(f->namespace);
	g_free(f->name);
	g_free(f->uid);
	g_free(f->claim);
	g_free(f);
}

static const struct object *
filling_object(const struct filling *f)
{
	const struct object *object = store_get(f->daemon->store, KIND_DATA_VOLUME, f->namespace, f->name);

	return object != NULL && strcmp(object->uid, f->uid) == 0 ? object : NULL;
}

/* A download is the first part of the way when a conversion follows; both are told as one percentage. */
static void
on_progress(void *arg, const char *phase, int64_t done, int64_t total)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f);
	double part = total <= 0 ? 0 : 100.0 * (double)done / (double)total;
	struct data_volume_status *status;
	int64_t now = clock_monotonic_ms();

	if (object == NULL || now - f->told < PROGRESS_MS)
		return;
	f->told = now;
	g_autofree char *mib = g_strdup_printf("%s: %lld MiB", phase, (long long)(done >> 20));
	status = objects_status_copy(object);
	g_free(status->progress);
	status->progress = total <= 0 ? g_strdup("N/A") : g_strdup_printf("%.2f%%", MIN(part, 99.99));
	status->phase = DATA_VOLUME_IMPORT_IN_PROGRESS;
	set_conditions(f->daemon, status, true, true, "Running", mib);
	status_put(f->daemon, object, status, NULL);
}

/* An image that will never do is told for good; anything else is tried again. */
static void
import_failed(struct daemon *daemon, const struct object *object, const struct error *error)
{
	struct data_volume_status *status = objects_status_copy(object);
	bool for_good = error->code == EINVAL;

	status->phase = for_good ? DATA_VOLUME_FAILED : DATA_VOLUME_IMPORT_SCHEDULED;
	status->restart_count += for_good ? 0 : 1;
	set_text(&status->progress, "N/A");
	set_conditions(daemon, status, true, false, "Error", error->text);
	daemon_event(daemon, object, "Warning", for_good ? "ImportFailed" : "ImportRetry", "%s", error->text);
	controllers_pace_fail(daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
	status_put(daemon, object, status, NULL);
}

static void
on_imported(void *arg, json_t *result, const struct error *error)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f);
	const struct object *claim = store_get(f->daemon->store, KIND_CLAIM, f->namespace, f->name);
	struct error err = { 0 };

	if (object != NULL && error != NULL && error->code != ECANCELED)
		import_failed(f->daemon, object, error);
	/* Another claim that took the name in the meantime is not the one that was filled. */
	if (claim != NULL && strcmp(claim->uid, f->claim) != 0)
		claim = NULL;
	if (object != NULL)
		controllers_requeue(f->daemon, object, 1000);
	if (object != NULL && error == NULL && claim != NULL) {
		g_autofree char *message = g_strdup_printf("Import Complete: %s%s image of %lld MiB",
		    path_string(result, "format") == NULL ? "" : path_string(result, "format"),
		    path_string(result, "compression") == NULL || *path_string(result, "compression") == '\0' ? "" : " (compressed)",
		    (long long)(json_integer_value(json_object_get(result, "virtualSize")) >> 20));
		if (succeed(f->daemon, object, claim, message, &err) != 0)
			log_object(LOG_LEVEL_WARNING, "DataVolume", f->namespace, f->name, "%s", err.text);
	}
	filling_free(f);
}

/* What the worker needs to know; credentials travel over the channel only. */
static json_t *
import_args(struct daemon *daemon, const struct object *object, int64_t capacity, struct error *err)
{
	const struct source_http *http = ((const struct data_volume *)object->value)->spec->source->http;
	json_t *args = json_pack("{s:s,s:I}", "url", http->url, "capacity", (json_int_t)capacity), *headers = json_array();
	const struct object *secret = NULL, *map = NULL;
	size_t n;

	for (char **h = http->extra_headers; h != NULL && *h != NULL; h++)
		json_array_append_new(headers, json_string(*h));
	json_object_set_new(args, "headers", headers);
	if (http->checksum != NULL)
		json_object_set_new(args, "checksum", json_string(http->checksum));
	if (http->secret_ref != NULL) {
		secret = store_get(daemon->store, KIND_SECRET, object->namespace, http->secret_ref);
		g_autofree char *user = secret == NULL ? NULL : secret_value(secret->value, "accessKeyId", &n);
		g_autofree char *password = secret == NULL ? NULL : secret_value(secret->value, "secretKey", &n);
		if (user == NULL || password == NULL)
			error_set(err, ENOENT, "Secret %s with accessKeyId and secretKey does not exist", http->secret_ref);
		json_object_set_new(args, "user", json_string(user == NULL ? "" : user));
		json_object_set_new(args, "password", json_string(password == NULL ? "" : password));
	}
	if (http->cert_config_map != NULL) {
		map = store_get(daemon->store, KIND_CONFIG_MAP, object->namespace, http->cert_config_map);
		const struct config_map *value = map == NULL ? NULL : map->value;
		if (value == NULL || value->data.count == 0)
			error_set(err, ENOENT, "ConfigMap %s with certificates does not exist", http->cert_config_map);
		else
			json_object_set_new(args, "caPem", json_string(value->data.entries[0].value));
	}
	if (err->code == 0)
		return args;
	json_decref(args);
	return NULL;
}

static int
begin_import(struct daemon *daemon, const struct object *object, const struct object *claim, const char *path, int64_t capacity,
    struct error *err)
{
	struct filling *f = g_new0(struct filling, 1);
	struct import_request request = { .uid = object->uid, .target = path, .progress = on_progress, .done = on_imported, .arg = f };

	*f = (struct filling){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid), g_strdup(claim->uid), 0 };
	request.args = import_args(daemon, object, capacity, err);
	if (request.args == NULL || import_start(daemon, &request, err) != 0) {
		filling_free(f);
		return -1;
	}
	return enter(daemon, object, DATA_VOLUME_IMPORT_IN_PROGRESS, "0.00%", "Running", "the import has begun", err);
}

/* --- a fresh volume ------------------------------------------------------------------------------------------------ */

/* Deletes the volume and makes it again: what an import that was cut off left there must not shine through. */
struct renewing {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host, *volume;
	int64_t capacity;
	bool preallocate;
};

static void
renewing_end(struct renewing *r)
{
	controllers_job_end(r->daemon, KIND_DATA_VOLUME, r->namespace, r->name);
	g_free(r->namespace);
	g_free(r->name);
	g_free(r->uid);
	g_free(r->host);
	g_free(r->volume);
	g_free(r);
}

/* The claim whose volume is made anew, or NULL when it is on its way out. */
static const struct object *
renewing_claim(const struct renewing *r)
{
	const struct object *object = store_get(r->daemon->store, KIND_CLAIM, r->namespace, r->name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	if (claim == NULL || claim->head.meta->deletion_timestamp != 0 || g_strcmp0(claim->spec->volume_name, r->volume) != 0)
		return NULL;
	return object;
}

static void
on_fresh(void *arg, json_t *result, const struct error *error)
{
	struct renewing *r = arg;
	const struct object *object = store_get(r->daemon->store, KIND_DATA_VOLUME, r->namespace, r->name);
	struct error err = error == NULL ? (struct error){ 0 } : *error;
	int rc = error == NULL ? 0 : -1;

	if (object != NULL && strcmp(object->uid, r->uid) == 0) {
		const struct object *claim = renewing_claim(r);
		if (rc == 0 && claim == NULL)
			rc = error_set(&err, ECANCELED, "the claim is gone");
		if (rc == 0)
			rc = begin_import(r->daemon, object, claim, path_string(result, "path"), r->capacity, &err);
		if (rc != 0 && err.code == EAGAIN)
			controllers_pace_set(r->daemon, object, QUEUE_FULL_MS);
		else if (rc != 0 && err.code != EHOSTDOWN && err.code != ECANCELED)
			import_failed(r->daemon, object, &err);
	}
	renewing_end(r);
}

static void
on_gone(void *arg, json_t *result, const struct error *error)
{
	struct renewing *r = arg;
	struct host *host = host_find(r->daemon, r->host);
	struct error err = { 0 };

	(void)result;
	if (host == NULL)
		error_set(&err, EHOSTDOWN, "host %s is not configured any more", r->host);
	else if (renewing_claim(r) == NULL)
		error_set(&err, ECANCELED, "the claim is gone");
	if (error != NULL || err.code != 0) {
		on_fresh(r, NULL, error == NULL ? &err : error);
		return;
	}
	host_call(host, "volume-create", json_pack("{s:s,s:s,s:I,s:s,s:b}", "pool", r->daemon->config->pool->name, "volume", r->volume,
	    "capacity", (json_int_t)r->capacity, "format", "raw", "preallocate", r->preallocate), -1, HOST_DEADLINE_ACTION, on_fresh, r);
}

static int
renew(struct daemon *daemon, const struct object *object, const struct claim *claim, struct error *err)
{
	const struct data_volume *dv = object->value;
	struct host *host = host_find(daemon, schema_map_get(&claim->head.meta->annotations, VOLUME_NODE));
	struct renewing *r;

	if (host == NULL || host->state != HOST_READY || claim->head.meta->deletion_timestamp != 0)
		return 0;
	if (!host->local)
		return enter(daemon, object, DATA_VOLUME_FAILED, "N/A", "Error", "imports to other hosts than this one are not built yet", err);
	if (controllers_pace_left(daemon, object) == 0 && !imports_have_room(daemon))
		controllers_pace_set(daemon, object, QUEUE_FULL_MS);
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	if (!controllers_job_begin(daemon, object))
		return 0;
	r = g_new0(struct renewing, 1);
	*r = (struct renewing){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid), g_strdup(host->name),
		g_strdup(claim->spec->volume_name), claim->status->capacity->storage, dv->spec->preallocation };
	host_call(host, "volume-delete", json_pack("{s:s,s:s}", "pool", daemon->config->pool->name, "volume", r->volume), -1,
	    HOST_DEADLINE_ACTION, on_gone, r);
	return 0;
}

/* Another DataVolume's import into it never ended. */
static bool
is_half_filled(const struct claim *claim)
{
	const struct schema_map *a = &claim->head.meta->annotations;

	return schema_map_get(a, CLAIM_SOURCE) != NULL && g_strcmp0(schema_map_get(a, CLAIM_POPULATED), "true") != 0 &&
	    g_strcmp0(schema_map_get(a, CLAIM_RESTORED), "true") != 0;
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

static int
on_bound(struct daemon *daemon, const struct object *object, const struct object *claim_object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct claim *claim = claim_object->value;

	if (g_strcmp0(schema_map_get(&claim->head.meta->annotations, CLAIM_POPULATED), "true") == 0)
		return succeed(daemon, object, claim_object, "the claim is filled", err);
	if (g_strcmp0(schema_map_get(&claim->head.meta->annotations, CLAIM_RESTORED), "true") == 0)
		return succeed(daemon, object, claim_object, "the volume came back from the trash", err);
	if (is_blank(dv))
		return succeed(daemon, object, claim_object, "an empty disk", err);
	if (dv->status->phase < DATA_VOLUME_IMPORT_SCHEDULED)
		return enter(daemon, object, DATA_VOLUME_IMPORT_SCHEDULED, "N/A", "Scheduled", "the import is about to begin", err);
	return renew(daemon, object, claim, err);
}

int
data_volume_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct object *claim_object = store_get(daemon->store, KIND_CLAIM, object->namespace, object->name);
	const struct claim *claim = claim_object == NULL ? NULL : claim_object->value;

	if (dv->head.meta->deletion_timestamp != 0)
		return 0;
	if (controllers_job_is_running(daemon, object) || import_is_running(daemon, object->uid))
		return 0;
	if (dv->status->phase == DATA_VOLUME_SUCCEEDED || dv->status->phase == DATA_VOLUME_FAILED)
		return 0;
	controllers_await(daemon, object, KIND_CLAIM, object->namespace, object->name);
	if (claim == NULL && data_volume_unbuilt(dv->spec) != NULL)
		return enter(daemon, object, DATA_VOLUME_FAILED, "N/A", "Error", data_volume_unbuilt(dv->spec), err);
	if (claim == NULL)
		return create_claim(daemon, object, err);
	if (!is_owned_by(claim, object->uid)) {
		/* An earlier one's claim that is on its way out makes room; somebody else's is used as it is. */
		if (claim->head.meta->deletion_timestamp != 0)
			return enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "a claim of this name is being deleted", err);
		if (claim->head.meta->owner_references.count > 0)
			return enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "a claim of this name belongs to something else", err);
		if (is_half_filled(claim))
			return enter(daemon, object, DATA_VOLUME_FAILED, "N/A", "Error",
			    "a claim of this name was left half filled by an earlier import: delete it", err);
		return enter(daemon, object, DATA_VOLUME_SUCCEEDED, "N/A", "Completed", "a claim of this name was there and is used as it is", err);
	}
	if (claim->status->phase != CLAIM_BOUND) {
		const struct condition *why = condition_find(&claim->status->conditions, "Provisioning");
		return enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending",
		    why == NULL || why->message == NULL ? "the claim is being bound" : why->message, err);
	}
	return on_bound(daemon, object, claim_object, err);
}
