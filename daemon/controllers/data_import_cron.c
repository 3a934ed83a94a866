/*
 * The DataImportCron controller.
 *
 *   schedule ---> what is its digest now? ---> DataVolume PREFIX-DIGEST ---> filled: the managed DataSource names it, older ones go
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/data_import.h"
#include "daemon/objects.h"
#include "src/api/data_import_cron.h"
#include "src/api/data_source.h"
#include "src/base/cron.h"
#include "src/base/error.h"
#include "src/document/path.h"

/* Label of what was made for a DataImportCron. */
#define CRON_LABEL "cdi.kubevirt.io/dataImportCron"

enum { LOOK_MOST_MS = 3600 * 1000, LOOK_AGAIN_MS = 60000 };

static void
conclude(struct daemon *daemon, struct data_import_cron_status *status, bool progressing, bool current, const char *reason, const char *message)
{
	condition_set(&status->conditions, "Progressing", progressing, progressing ? reason : NULL, NULL, daemon_now(daemon));
	condition_set(&status->conditions, "UpToDate", current, reason, message, daemon_now(daemon));
}

/* --- imports ------------------------------------------------------------------------------------------------------- */

static const struct object *
create_import(struct daemon *daemon, const struct object *object, const char *name, const char *digest, struct error *err)
{
	const struct data_import_cron *cron = object->value;
	json_t *tree = object_tree(object), *given = path_find(tree, "spec.template.metadata"), *metadata = json_object(), *volume;

	for (size_t i = 0; i < 2; i++) {
		const char *part = i == 0 ? "labels" : "annotations";
		json_t *map = json_object_get(given, part);
		json_object_set_new(metadata, part, json_is_object(map) ? json_deep_copy(map) : json_object());
	}
	json_object_set_new(json_object_get(metadata, "labels"), CRON_LABEL, json_string(object->name));
	json_object_set_new(metadata, "name", json_string(name));
	/* What its name means now is what was found, even if it means something else when the import begins. */
	if (cron->spec->template->spec->source->registry != NULL) {
		g_autofree char *pinned = source_registry_pinned(cron->spec->template->spec->source->registry->url, digest);
		path_set(tree, "spec.template.spec.source.registry.url", json_string(pinned));
	}
	/* What does not stay goes with its owner. */
	if (cron->spec->retention_policy == RETENTION_NONE)
		json_object_set_new(metadata, "ownerReferences", json_pack("[o]", objects_owner_reference(object)));
	volume = json_pack("{s:s,s:s,s:o,s:O}", "apiVersion", kind_api_version(&kinds[KIND_DATA_VOLUME]), "kind", "DataVolume", "metadata",
	    metadata, "spec", path_find(tree, "spec.template.spec"));
	json_decref(tree);
	return objects_create_tree(daemon, volume, object->namespace, err);
}

/* The managed DataSource names the claim of the newest import. */
static int
point(struct daemon *daemon, const struct object *object, const char *import, struct error *err)
{
	const struct data_import_cron *cron = object->value;
	const char *name = cron->spec->managed_data_source;
	const struct object *source = store_get(daemon->store, KIND_DATA_SOURCE, object->namespace, name);
	const struct data_source *value = source == NULL ? NULL : source->value;
	json_t *spec = json_pack("{s:{s:{s:s,s:s},s:n}}", "source", "pvc", "namespace", object->namespace, "name", import, "snapshot"), *tree;
	int r = 0;

	controllers_await(daemon, object, KIND_DATA_SOURCE, object->namespace, name);
	if (value == NULL) {
		json_object_del(json_object_get(spec, "source"), "snapshot");
		tree = json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:O}", "apiVersion", kind_api_version(&kinds[KIND_DATA_SOURCE]), "kind", "DataSource",
		    "metadata", "name", name, "labels", CRON_LABEL, object->name, "spec", spec);
		if (cron->spec->retention_policy == RETENTION_NONE)
			path_set(tree, "metadata.ownerReferences", json_pack("[o]", objects_owner_reference(object)));
		r = objects_create_tree(daemon, tree, object->namespace, err) == NULL ? -1 : 0;
	} else if (value->spec->source == NULL || value->spec->source->pvc == NULL || g_strcmp0(value->spec->source->pvc->name, import) != 0) {
		tree = json_pack("{s:O}", "spec", spec);
		r = objects_patch(daemon, source, tree, err) == NULL ? -1 : 0;
		json_decref(tree);
	}
	json_decref(spec);
	return r;
}

static gint
newest_first(gconstpointer a, gconstpointer b)
{
	const struct data_volume *x = (*(const struct object *const *)a)->value, *y = (*(const struct object *const *)b)->value;
	int64_t s = x->head.meta->creation_timestamp, t = y->head.meta->creation_timestamp;

	return s == t ? strcmp(x->head.meta->name, y->head.meta->name) : s < t ? 1 : -1;
}

/* Removes imports beyond those that are kept, and failed ones; never the current one. */
static int
collect_old(struct daemon *daemon, const struct object *object, const char *current, struct error *err)
{
	const struct data_import_cron *cron = object->value;
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_DATA_VOLUME, object->namespace);
	const struct delete_options options = { .grace_period_seconds = -1 };
	int64_t kept = 1;

	g_ptr_array_sort(all, newest_first);
	for (guint i = 0; i < all->len; i++) {
		const struct object *import = all->pdata[i], *next;
		const struct data_volume *dv = import->value;
		if (g_strcmp0(schema_map_get(&dv->head.meta->labels, CRON_LABEL), object->name) != 0 || strcmp(import->name, current) == 0 ||
		    dv->head.meta->deletion_timestamp != 0)
			continue;
		if (dv->status->phase != DATA_VOLUME_FAILED &&
		    (cron->spec->garbage_collect == GARBAGE_NEVER || kept++ < cron->spec->imports_to_keep))
			continue;
		if (objects_delete(daemon, import, &options, &next, err) != 0)
			return -1;
	}
	return 0;
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

static void
set_current(struct data_import_cron_status *status, const char *name, const char *digest)
{
	const struct schema *sub = NULL;
	struct data_import_status *import;

	schema_find(&data_import_cron_status_schema, "currentImports", &sub);
	while (status->current_imports.count > 0)
		schema_list_remove(&status->current_imports, sub, 0);
	import = schema_list_add(&status->current_imports, sub);
	import->data_volume_name = g_strdup(name);
	import->digest = g_strdup(digest);
}

/* Brings the import of the current digest on its way, and what names it. */
static int
follow(struct daemon *daemon, const struct object *object, struct data_import_cron_status *status, struct error *err)
{
	const struct data_import_cron *cron = object->value;
	const struct data_import_status *current = status->current_imports.items;
	const char *name = current->data_volume_name;
	const struct object *import = store_get(daemon->store, KIND_DATA_VOLUME, object->namespace, name);
	const struct data_volume *dv;

	controllers_await(daemon, object, KIND_DATA_VOLUME, object->namespace, name);
	if (import == NULL)
		import = create_import(daemon, object, name, current->digest, err);
	if (import == NULL)
		return -1;
	dv = import->value;
	if (dv->status->phase == DATA_VOLUME_FAILED)
		conclude(daemon, status, false, false, "ImportFailed", "the newest import failed: see its DataVolume");
	else if (dv->status->phase < DATA_VOLUME_IMPORT_IN_PROGRESS)
		conclude(daemon, status, true, false, "ImportScheduled", "an import is about to begin");
	else if (dv->status->phase != DATA_VOLUME_SUCCEEDED)
		conclude(daemon, status, true, false, "ImportProgressing", "an import is under way");
	if (dv->status->phase != DATA_VOLUME_SUCCEEDED)
		return 0;
	if (status->last_imported == NULL || g_strcmp0(status->last_imported->name, name) != 0) {
		if (status->last_imported != NULL)
			schema_free(&source_object_schema, status->last_imported);
		status->last_imported = schema_new(&source_object_schema);
		g_free(status->last_imported->name);
		status->last_imported->name = g_strdup(name);
		status->last_imported->namespace = g_strdup(object->namespace);
		status->last_import = daemon_now(daemon);
	}
	conclude(daemon, status, false, true, "UpToDate", "Latest import is up to date");
	return cron->spec->managed_data_source == NULL || point(daemon, object, name, err) == 0 ? collect_old(daemon, object, name, err) : -1;
}

/* Milliseconds until the source is to be looked at; -1: never again. */
static int64_t
time_left(struct daemon *daemon, const struct data_import_cron *cron)
{
	struct cron schedule;
	int64_t next;

	if (cron->status->last_execution == 0)
		return 0;
	if (cron->spec->schedule == NULL || *cron->spec->schedule == '\0' || cron_parse(cron->spec->schedule, &schedule, NULL) != 0)
		return -1;
	next = cron_next(&schedule, cron->status->last_execution);
	return next == 0 ? -1 : MAX(0, next - daemon_now(daemon));
}

static void
look(struct daemon *daemon, const struct object *object, struct data_import_cron_status *status)
{
	const struct data_import_cron *cron = object->value;
	g_autofree char *digest = NULL, *name = NULL;
	struct error why = { 0 };

	int r = data_import_digest(daemon, object, &digest, &why);
	if (r < 0) {
		daemon_event(daemon, object, "Warning", "NoDigest", "%s", why.text);
		controllers_pace_set(daemon, object, LOOK_AGAIN_MS);
	}
	if (r < 0 && status->current_imports.count == 0)
		conclude(daemon, status, false, false, "NoDigest", why.text);
	if (r <= 0)
		return;
	status->last_execution = daemon_now(daemon);
	name = data_import_name(cron->spec->managed_data_source, digest);
	set_current(status, name, digest);
}

int
data_import_cron_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct data_import_cron *cron = object->value;
	int64_t left = time_left(daemon, cron);
	struct data_import_cron_status *status;
	int r = 0;

	if (cron->head.meta->deletion_timestamp != 0)
		return 0;
	status = objects_status_copy(object);
	if (left == 0 && controllers_pace_left(daemon, object) == 0)
		look(daemon, object, status);
	if (status->current_imports.count > 0)
		r = follow(daemon, object, status, err);
	if (r == 0)
		r = objects_set_status(daemon, object, status, err);
	if (left >= 0)
		controllers_requeue(daemon, object, left == 0 ? LOOK_AGAIN_MS : MIN(left, LOOK_MOST_MS));
	schema_free(&data_import_cron_status_schema, status);
	return r;
}
