/*
 * The StorageProfile controller: one for each StorageClass, and what claims get from them.
 *
 *   StorageClass ---> StorageProfile of the same name; status = its spec before what is known of the driver
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/storage_profile.h"
#include "daemon/objects.h"
#include "src/api/storage_profile.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

static int
keep_status(struct daemon *daemon, const struct object *object, const struct storage_class *class, struct error *err)
{
	struct storage_profile_status *status = storage_profile_derive(object->value, class);
	int r = objects_set_status(daemon, object, status, err);

	schema_free(&storage_profile_status_schema, status);
	return r;
}

int
storage_class_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct storage_class *class = object->value;
	const struct object *profile = store_get(daemon->store, KIND_STORAGE_PROFILE, "", object->name);

	if (class->head.meta->deletion_timestamp != 0)
		return 0;
	controllers_await(daemon, object, KIND_STORAGE_PROFILE, "", object->name);
	if (profile == NULL)
		profile = objects_create_tree(daemon, json_pack("{s:s,s:s,s:{s:s,s:[o]},s:{}}", "apiVersion",
		    kind_api_version(&kinds[KIND_STORAGE_PROFILE]), "kind", "StorageProfile", "metadata", "name", object->name,
		    "ownerReferences", objects_owner_reference(object), "spec"), NULL, err);
	return profile == NULL ? -1 : keep_status(daemon, profile, class, err);
}

/* A profile that a user wrote: what it says holds at once. */
int
storage_profile_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct object *class = store_get(daemon->store, KIND_STORAGE_CLASS, "", object->name);
	const struct storage_profile *profile = object->value;

	return class == NULL || profile->head.meta->deletion_timestamp != 0 ? 0 : keep_status(daemon, object, class->value, err);
}

/* --- claims -------------------------------------------------------------------------------------------------------- */

bool
storage_class_fill(struct daemon *daemon, json_t *spec, bool for_machines)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_STORAGE_CLASS, NULL);
	g_autofree const struct storage_class **classes = g_new0(const struct storage_class *, all->len + 1);
	const char *named = path_string(spec, "storageClassName");
	const struct storage_class *class;

	if (named != NULL && *named != '\0')
		return true;
	for (guint i = 0; i < all->len; i++)
		classes[i] = ((const struct object *)all->pdata[i])->value;
	class = storage_class_default(classes, all->len, for_machines);
	if (class != NULL)
		json_object_set_new(spec, "storageClassName", json_string(class->head.meta->name));
	return class != NULL;
}

/* Fills the gaps of spec by what holds for the class now: its profile may be younger than this turn. */
static int
fill(struct daemon *daemon, const struct storage_class *class, bool archive, struct claim_spec *spec, struct error *err)
{
	const struct object *object = store_get(daemon->store, KIND_STORAGE_PROFILE, "", class->head.meta->name);
	struct storage_profile *made = object == NULL ? schema_new(&storage_profile_schema) : NULL;
	struct storage_profile profile = object == NULL ? *made : *(const struct storage_profile *)object->value;
	int r;

	if (made != NULL)
		made->head.meta->name = g_strdup(class->head.meta->name);
	profile.status = storage_profile_derive(&profile, class);
	r = storage_profile_fill(&profile, archive, spec, err);
	schema_free(&storage_profile_status_schema, profile.status);
	if (made != NULL)
		schema_free(&storage_profile_schema, made);
	return r;
}

int
storage_profile_apply(struct daemon *daemon, json_t *spec, bool archive, struct error *err)
{
	const char *name = storage_class_fill(daemon, spec, !archive) ? path_string(spec, "storageClassName") : NULL;
	const struct object *class = name == NULL ? NULL : store_get(daemon->store, KIND_STORAGE_CLASS, "", name);
	struct claim_spec *value;
	struct diagnostics unused; /* who takes the object in has told them */
	json_t *filled;
	int r;

	if (class == NULL)
		return name == NULL ? error_set(err, EAGAIN, "no StorageClass is the default: name one, or annotate one with " DEFAULT_CLASS ": \"true\"")
		                    : error_set(err, EAGAIN, "storageclass.storage.k8s.io \"%s\" not found", name);
	value = g_malloc0(claim_spec_schema.size);
	diagnostics_init(&unused);
	schema_decode(&claim_spec_schema, spec, NULL, "", value, &unused);
	diagnostics_clear(&unused);
	r = fill(daemon, class->value, archive, value, err);
	if (r == 0) {
		filled = schema_encode(&claim_spec_schema, value);
		json_object_update(spec, filled);
		json_decref(filled);
	}
	schema_free(&claim_spec_schema, value);
	return r;
}

int
storage_profile_admit(struct daemon *daemon, json_t *tree, const struct document *document, struct diagnostics *diagnostics)
{
	const char *ns = path_string(tree, "metadata.namespace"), *name = path_string(tree, "metadata.name");
	const struct object *current = ns == NULL || name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, ns, name);
	json_t *spec = json_object_get(tree, "spec");
	struct error err = { 0 };

	/* The default may have changed since: a claim stays with its class. */
	if (current != NULL && path_string(spec, "storageClassName") == NULL)
		json_object_set_new(spec, "storageClassName", json_string(((const struct claim *)current->value)->spec->storage_class_name));
	if (g_strcmp0(json_string_value(json_object_get(path_find(tree, "metadata.labels"), APPLY_STORAGE_PROFILE)), "true") != 0) {
		storage_class_fill(daemon, spec, false);
		return 0;
	}
	if (storage_profile_apply(daemon, spec, false, &err) == 0)
		return 0;
	diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "spec", "%s", err.text);
	return -1;
}
