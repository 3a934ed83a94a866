/*
 * The DataVolume controller: makes the claim and fills it.
 *
 *   "" --> Pending --> PVCBound --> ImportScheduled --> ImportInProgress --> Succeeded
 *           claim made   bound          volume fresh         a worker runs      |
 *                                                                               +--> Failed (the image will never do)
 *
 * A DataVolume that is uploaded to stays UploadReady, bound, until an upload has come through (daemon/upload.c).  fill.c fills claims from
 * outside; image_cache.c has images that were imported before.  A clone is the claim controller's work: its claim names what it is a clone of.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/controllers/storage_profile.h"
#include "daemon/objects.h"
#include "src/api/data_source.h"
#include "src/api/datavolume.h"
#include "src/api/snapshot.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

enum { CLASS_AGAIN_MS = 60000 };

/* Annotation of a claim: virtctl asks it how an upload ended. */
#define UPLOAD_POD_PHASE "cdi.kubevirt.io/storage.pod.phase"

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
void
data_volume_conditions(struct daemon *daemon, struct data_volume_status *status, bool bound, bool running, const char *reason, const char *message)
{
	int64_t now = daemon_now(daemon);

	condition_set(&status->conditions, "Bound", bound, bound ? "Bound" : "Pending", bound ? "PVC is bound" : "PVC is not bound yet", now);
	condition_set(&status->conditions, "Running", running, reason, message, now);
	condition_set(&status->conditions, "Ready", status->phase == DATA_VOLUME_SUCCEEDED, running ? "TransferRunning" : NULL, NULL, now);
}

int
data_volume_enter(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const char *progress, const char *reason,
    const char *message, struct error *err)
{
	struct data_volume_status *status = objects_status_copy(object);

	set_text(&status->claim_name, object->name);
	set_text(&status->progress, progress);
	status->phase = (int)phase;
	data_volume_conditions(daemon, status, phase >= DATA_VOLUME_PVC_BOUND, phase == DATA_VOLUME_IMPORT_IN_PROGRESS || phase == DATA_VOLUME_CLONE_IN_PROGRESS, reason, message);
	return status_put(daemon, object, status, err);
}

/* --- the claim ----------------------------------------------------------------------------------------------------- */

/* What fills the claim, as a checksum: data that came from elsewhere must not pass for it. */
static char *
source_sum(const struct object *object)
{
	json_t *tree = object_tree(object);
	json_t *source = path_find(tree, "spec.source");
	g_autofree char *text = json_write(source != NULL ? source : path_find(tree, "spec.sourceRef"));

	json_decref(tree);
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* The claim that the DataVolume describes. */
static json_t *
claim_tree(const struct object *object)
{
	const struct data_volume *dv = object->value;
	json_t *tree = object_tree(object), *spec, *claim;

	spec = json_deep_copy(path_find(tree, dv->spec->pvc != NULL ? "spec.pvc" : "spec.storage"));
	claim = json_pack("{s:s,s:s,s:{s:s,s:s,s:[{s:s,s:s,s:s,s:s,s:b,s:b}]},s:o}", "apiVersion", "v1", "kind",
	    "PersistentVolumeClaim", "metadata", "name", object->name, "namespace", object->namespace, "ownerReferences", "apiVersion", kind_api_version(object->kind), "kind", object->kind->name, "name", object->name, "uid",
	    object->uid, "controller", 1, "blockOwnerDeletion", 1, "spec", spec);
	json_decref(tree);
	return claim;
}

/* No class, or one whose profile does not say enough: an administrator may mend that. */
static int
await_class(struct daemon *daemon, const struct object *object, const char *why, struct error *err)
{
	const struct data_volume_status *status = ((const struct data_volume *)object->value)->status;
	const struct condition *running = condition_find(&status->conditions, "Running");

	if (running == NULL || g_strcmp0(running->message, why) != 0)
		daemon_event(daemon, object, "Warning", "ErrClaimNotValid", "%s", why);
	controllers_requeue(daemon, object, CLASS_AGAIN_MS);
	return data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", why, err);
}

/* What a claim is a clone of; kind NULL: nothing. */
struct clone_source {
	const char *kind, *namespace, *name;
};

/* What a DataSource comes to; NULL with EAGAIN while that is not there. */
static const struct data_source_source *
resolve(struct daemon *daemon, const struct object *object, const struct source_reference *r, struct error *err)
{
	const char *ns = r->namespace == NULL ? object->namespace : r->namespace;
	const struct object *found = store_get(daemon->store, KIND_DATA_SOURCE, ns, r->name);
	const struct data_source_status *status = found == NULL ? NULL : ((const struct data_source *)found->value)->status;
	const struct condition *ready = status == NULL ? NULL : condition_find(&status->conditions, "Ready");

	controllers_await(daemon, object, KIND_DATA_SOURCE, ns, r->name);
	if (status != NULL && status->source != NULL && ready != NULL && g_strcmp0(ready->status, "True") == 0)
		return status->source;
	error_set(err, EAGAIN, "DataSource %s/%s %s%s", ns, r->name, found == NULL ? "does not exist" : "is not ready: ",
	    ready == NULL || ready->message == NULL ? "" : ready->message);
	return NULL;
}

/* What source or sourceRef names.  0; -1: EAGAIN it is not there, else never. */
static int
clone_source(struct daemon *daemon, const struct object *object, struct clone_source *from, struct error *err)
{
	const struct data_volume_spec *spec = ((const struct data_volume *)object->value)->spec;
	const struct source_object *pvc = spec->source == NULL ? NULL : spec->source->pvc;
	const struct source_object *o = spec->source == NULL ? NULL : pvc != NULL ? pvc : spec->source->snapshot;
	const struct data_source_source *resolved;

	if (spec->source_ref != NULL) {
		resolved = resolve(daemon, object, spec->source_ref, err);
		if (resolved == NULL)
			return -1;
		pvc = resolved->pvc;
		o = pvc != NULL ? pvc : resolved->snapshot;
	}
	if (o == NULL)
		return 0;
	from->kind = pvc != NULL ? "PersistentVolumeClaim" : "VolumeSnapshot";
	from->namespace = o->namespace == NULL ? object->namespace : o->namespace;
	from->name = o->name;
	return 0;
}

/* Bytes that a VolumeSnapshot holds; 0: it is not there. */
static int64_t
snapshot_size(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = store_get(daemon->store, KIND_SNAPSHOT, namespace, name);

	return object == NULL ? 0 : ((const struct volume_snapshot *)object->value)->status->restore_size;
}

/* The source as the claim's dataSourceRef; where no size was asked for, the clone is as large. */
static void
add_source(struct daemon *daemon, json_t *claim, const struct clone_source *from)
{
	json_t *spec = json_object_get(claim, "spec");
	bool snapshot = strcmp(from->kind, "VolumeSnapshot") == 0;
	int64_t size = snapshot ? snapshot_size(daemon, from->namespace, from->name) : claim_capacity(daemon, from->namespace, from->name);

	json_object_set_new(spec, "dataSourceRef", json_pack("{s:s,s:s,s:s,s:s}", "apiGroup", snapshot ? SNAPSHOT_GROUP : "", "kind", from->kind,
	    "namespace", from->namespace, "name", from->name));
	if (path_find(spec, "resources.requests.storage") == NULL && size > 0) {
		g_autofree char *text = quantity_format_bytes(size);
		json_object_set_new(spec, "resources", json_pack("{s:{s:s}}", "requests", "storage", text));
	}
}

static int
create_claim(struct daemon *daemon, const struct object *object, const struct clone_source *from, struct error *err)
{
	g_autofree char *sum = source_sum(object);
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_SOURCE, sum), *tree = claim_tree(object);
	const struct data_volume *dv = object->value;
	const struct object *claim;
	struct error why = { 0 };
	int r;

	if (dv->spec->pvc == NULL && storage_profile_apply(daemon, json_object_get(tree, "spec"), dv->spec->content_type == CONTENT_ARCHIVE, &why) != 0) {
		json_decref(tree);
		json_decref(patch);
		return await_class(daemon, object, why.text, err);
	}
	if (from->kind != NULL)
		add_source(daemon, tree, from);
	/* What fills it is a controller's word: users cannot write it, so it comes second, in the same transaction. */
	claim = objects_create_tree(daemon, tree, object->namespace, err);
	r = claim == NULL || objects_patch(daemon, claim, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	if (r != 0)
		return r;
	return data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "the claim is being bound", err);
}

static bool
is_owned_by(const struct claim *claim, const char *uid)
{
	SCHEMA_EACH (struct owner_reference, r, &claim->head.meta->owner_references)
		if (strcmp(r->uid, uid) == 0)
			return true;
	return false;
}

int
data_volume_succeed(struct daemon *daemon, const struct object *object, const struct object *claim, const char *message, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_POPULATED, "true");
	int r;

	if (data_volume_is_upload(object))
		json_object_set_new(path_find(patch, "metadata.annotations"), UPLOAD_POD_PHASE, json_string("Succeeded"));
	r = objects_patch(daemon, claim, patch, err) == NULL ? -1 : 0;
	json_decref(patch);
	if (r == 0)
		r = data_volume_enter(daemon, object, DATA_VOLUME_SUCCEEDED, "100.0%", "Completed", message, err);
	if (r == 0)
		daemon_event(daemon, object, "Normal", data_volume_is_upload(object) ? "UploadSucceeded" : "ImportSucceeded", "%s", message);
	return r;
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

/* Another DataVolume's import into it never ended. */
static bool
is_half_filled(const struct claim *claim)
{
	const struct schema_map *a = &claim->head.meta->annotations;

	return schema_map_get(a, CLAIM_SOURCE) != NULL && g_strcmp0(schema_map_get(a, CLAIM_POPULATED), "true") != 0 &&
	    g_strcmp0(schema_map_get(a, CLAIM_RESTORED), "true") != 0;
}

/* How a DataVolume's claim gets its data. */
enum way { WAY_NOTHING, WAY_FILL, WAY_CLONE, WAY_UPLOAD };

static enum way
way_of(const struct data_volume *dv)
{
	const struct data_volume_source *s = dv->spec->source;

	if (s == NULL || s->pvc != NULL || s->snapshot != NULL)
		return WAY_CLONE;
	return s->blank != NULL ? WAY_NOTHING : s->upload != NULL ? WAY_UPLOAD : WAY_FILL;
}

bool
data_volume_is_upload(const struct object *object)
{
	return way_of(object->value) == WAY_UPLOAD;
}

/* Nothing runs: an upload that broke off with the daemon is not shown any more. */
static int
await_upload(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct condition *running = condition_find(&dv->status->conditions, "Running");

	if (dv->status->phase == DATA_VOLUME_UPLOAD_READY && running != NULL && g_strcmp0(running->status, "True") != 0)
		return 0;
	return data_volume_enter(daemon, object, DATA_VOLUME_UPLOAD_READY, "N/A", "UploadReady", "waiting for the data to be uploaded", err);
}

static int
on_bound(struct daemon *daemon, const struct object *object, const struct object *claim_object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct claim *claim = claim_object->value;
	const struct schema_map *a = &claim->head.meta->annotations;

	if (g_strcmp0(schema_map_get(a, CLAIM_POPULATED), "true") == 0)
		return data_volume_succeed(daemon, object, claim_object, "the claim is filled", err);
	if (g_strcmp0(schema_map_get(a, CLAIM_RESTORED), "true") == 0)
		return data_volume_succeed(daemon, object, claim_object, "the volume came back from the trash", err);
	if (claim_data_source(claim->spec) != NULL)
		return data_volume_succeed(daemon, object, claim_object, "Clone Complete", err);
	if (way_of(dv) == WAY_NOTHING)
		return data_volume_succeed(daemon, object, claim_object, "an empty disk", err);
	if (schema_map_get(a, CLAIM_SEALING) != NULL)
		return image_cache_seal(daemon, object, claim_object, g_ascii_strtoll(schema_map_get(a, CLAIM_SEALING), NULL, 10), err);
	if (way_of(dv) == WAY_UPLOAD)
		return await_upload(daemon, object, err);
	if (dv->status->phase < DATA_VOLUME_IMPORT_SCHEDULED)
		return data_volume_enter(daemon, object, DATA_VOLUME_IMPORT_SCHEDULED, "N/A", "Scheduled", "the import is about to begin", err);
	return fill_begin(daemon, object, claim_object, err);
}

/* What the claim's controller waits for, or does. */
static enum data_volume_phase
clone_phase(const struct typed_reference *from, const char *reason)
{
	static const struct {
		const char *reason;
		enum data_volume_phase phase;
	} known[] = {
		{ "WaitForSource", DATA_VOLUME_CLONE_SCHEDULED },
		{ "CloneSourceInUse", DATA_VOLUME_CLONE_SCHEDULED },
		{ CLAIM_COPY_SCHEDULED, DATA_VOLUME_CLONE_SCHEDULED },
		{ CLAIM_COPYING, DATA_VOLUME_CLONE_IN_PROGRESS },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (g_strcmp0(reason, known[i].reason) == 0)
			return known[i].phase;
	return typed_reference_is_snapshot(from) ? DATA_VOLUME_CLONE_FROM_SNAPSHOT_SOURCE_IN_PROGRESS : DATA_VOLUME_CSI_CLONE_IN_PROGRESS;
}

/* The claim is not bound: what its controller says. */
static int
on_unbound(struct daemon *daemon, const struct object *object, const struct object *claim_object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct claim *claim = claim_object->value;
	const struct condition *why = condition_find(&claim->status->conditions, "Provisioning");
	const struct typed_reference *from = claim_data_source(claim->spec);
	const char *message = why == NULL || why->message == NULL ? "the claim is being bound" : why->message;
	const char *progress = schema_map_get(&claim->head.meta->annotations, CLAIM_PROGRESS);
	enum data_volume_phase phase = from == NULL ? DATA_VOLUME_PENDING : clone_phase(from, why == NULL ? NULL : why->reason);

	/* A copy tells how far it is by itself (progress.c). */
	if (dv->status->phase == DATA_VOLUME_CLONE_IN_PROGRESS && controllers_job_is_running(daemon, claim_object))
		return 0;
	return data_volume_enter(daemon, object, phase, progress == NULL ? "N/A" : progress, "Pending", message, err);
}

/* An earlier one's claim that is on its way out makes room; somebody else's is used as it is. */
static int
on_foreign(struct daemon *daemon, const struct object *object, const struct claim *claim, struct error *err)
{
	if (claim->head.meta->deletion_timestamp != 0)
		return data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "a claim of this name is being deleted", err);
	if (claim->head.meta->owner_references.count > 0)
		return data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "a claim of this name belongs to something else", err);
	if (is_half_filled(claim))
		return data_volume_enter(daemon, object, DATA_VOLUME_FAILED, "N/A", "Error",
		    "a claim of this name was left half filled by an earlier import: delete it", err);
	return data_volume_enter(daemon, object, DATA_VOLUME_SUCCEEDED, "N/A", "Completed", "a claim of this name was there and is used as it is", err);
}

/* The claim is made when it is known what it is made from. */
static int
on_no_claim(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct data_volume *dv = object->value;
	g_autofree char *image = NULL;
	struct clone_source from = { 0 };
	struct error why = { 0 };
	int r;

	if (data_volume_unbuilt(dv->spec) != NULL)
		return data_volume_enter(daemon, object, DATA_VOLUME_FAILED, "N/A", "Error", data_volume_unbuilt(dv->spec), err);
	if (way_of(dv) == WAY_FILL) {
		r = image_cache_find(daemon, object, &image);
		if (r == 0)
			return 0;
		if (r > 0)
			from = (struct clone_source){ "PersistentVolumeClaim", IMAGE_NAMESPACE, image };
		return create_claim(daemon, object, &from, err);
	}
	if (way_of(dv) == WAY_CLONE && clone_source(daemon, object, &from, &why) != 0)
		return data_volume_enter(daemon, object, why.code == EAGAIN ? DATA_VOLUME_CLONE_SCHEDULED : DATA_VOLUME_FAILED, "N/A",
		    why.code == EAGAIN ? "Pending" : "Error", why.text, err);
	return create_claim(daemon, object, &from, err);
}

int
data_volume_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct data_volume *dv = object->value;
	const struct object *claim_object = store_get(daemon->store, KIND_CLAIM, object->namespace, object->name);
	const struct claim *claim = claim_object == NULL ? NULL : claim_object->value;

	if (dv->head.meta->deletion_timestamp != 0 || fill_is_running(daemon, object))
		return 0;
	if (dv->status->phase == DATA_VOLUME_SUCCEEDED || dv->status->phase == DATA_VOLUME_FAILED)
		return 0;
	controllers_await(daemon, object, KIND_CLAIM, object->namespace, object->name);
	if (claim == NULL)
		return on_no_claim(daemon, object, err);
	if (!is_owned_by(claim, object->uid))
		return on_foreign(daemon, object, claim, err);
	if (claim->status->phase != CLAIM_BOUND)
		return on_unbound(daemon, object, claim_object, err);
	return on_bound(daemon, object, claim_object, err);
}
