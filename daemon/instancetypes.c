/* Instancetypes, preferences and presets in the store; see instancetypes.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/instancetypes.h"
#include "daemon/objects.h"
#include "src/api/datavolume.h"
#include "src/api/expand.h"
#include "src/api/preset.h"
#include "src/api/revision.h"
#include "src/base/error.h"
#include "src/document/path.h"

/* Labels of a volume that name what its guest wants (KubeVirt's user guide, "inferFromVolume"). */
#define LABEL_DEFAULT "instancetype.kubevirt.io/default-"

/* The two things that a machine may refer to. */
struct reference {
	const char *field; /* of the machine's spec; also the end of the label */
	bool preference;
	const struct schema *schema; /* of its spec */
};
static const struct reference references[] = {
	{ "instancetype", false, &instancetype_spec_schema },
	{ "preference", true, &preference_spec_schema },
};

static const struct matcher *
matcher_of(const struct vm *vm, const struct reference *r)
{
	return r->preference ? vm->spec->preference : vm->spec->instancetype;
}

static const struct matcher_status *
status_of(const struct vm *vm, const struct reference *r)
{
	return r->preference ? vm->status->preference_ref : vm->status->instancetype_ref;
}

/* --- finding ---------------------------------------------------------------------------------------------------------- */

static const struct object *
find_live(struct daemon *daemon, const char *namespace, const struct matcher *matcher, bool preference, struct error *err)
{
	const struct kind *kind = expand_kind(matcher, preference);
	const struct object *object;

	if (kind == NULL) {
		error_set(err, ENOENT, "\"%s\" is not a kind of %s", matcher->kind, preference ? "preference" : "instancetype");
		return NULL;
	}
	object = store_get(daemon->store, kind_id(kind), kind->namespaced ? namespace : "", matcher->name == NULL ? "" : matcher->name);
	if (object == NULL)
		error_set(err, ENOENT, "%s \"%s\" is not there: create it, or name another one", kind->name,
		    matcher->name == NULL ? "" : matcher->name);
	return object;
}

/* Name of the copy that counts, or NULL: the object itself does. */
static const char *
revision_of(const struct vm *vm, const struct reference *r)
{
	const struct matcher *m = matcher_of(vm, r);
	const struct matcher_status *s = status_of(vm, r);

	if (m->revision_name != NULL && *m->revision_name != '\0')
		return m->revision_name;
	if (s == NULL || s->controller_revision_ref == NULL || g_strcmp0(s->name, m->name) != 0)
		return NULL;
	return s->controller_revision_ref->name;
}

/* The spec in force as a fresh struct of the reference's schema, or NULL. */
static void *
load(struct daemon *daemon, const struct vm *vm, const struct reference *r, struct error *err)
{
	const char *namespace = vm->head.meta->namespace, *name = revision_of(vm, r);
	const struct object *object = name == NULL ? find_live(daemon, namespace, matcher_of(vm, r), r->preference, err)
	                                           : store_get(daemon->store, KIND_CONTROLLER_REVISION, namespace, name);
	struct diagnostics unused;
	json_t *tree, *spec;
	void *value;

	if (object == NULL && name != NULL)
		error_set(err, ENOENT, "ControllerRevision \"%s\" is not there: clear %s.revisionName", name, r->field);
	if (object == NULL)
		return NULL;
	tree = object_tree(object);
	spec = path_find(tree, name == NULL ? "spec" : "data.spec");
	value = g_malloc0(r->schema->size);
	diagnostics_init(&unused);
	schema_decode(r->schema, spec == NULL ? tree : spec, NULL, "", value, &unused);
	diagnostics_clear(&unused);
	json_decref(tree);
	return value;
}

static bool
is_used(const struct vm *vm, const struct reference *r)
{
	return matcher_of(vm, r) != NULL;
}

/* --- applying --------------------------------------------------------------------------------------------------------- */

int
instancetypes_expand(struct daemon *daemon, const struct vm *vm, json_t *spec, json_t *annotations,
    const struct document *document, struct diagnostics *diagnostics, struct error *err)
{
	void *values[G_N_ELEMENTS(references)] = { NULL };
	int r = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(references) && r == 0; i++)
		if (is_used(vm, &references[i]) && (values[i] = load(daemon, vm, &references[i], err)) == NULL)
			r = -1;
	if (r == 0 && (values[0] != NULL || values[1] != NULL)) {
		const struct expand_input input = { values[0], values[1], document, "spec.template.spec", diagnostics };

		if (expand_tree(spec, annotations, &input) != 0) {
			g_autofree char *told = diagnostics_format(diagnostics, SEVERITY_ERROR);

			r = error_set(err, EINVAL, "%s", told);
		}
	}
	for (size_t i = 0; i < G_N_ELEMENTS(references); i++)
		if (values[i] != NULL)
			schema_free(references[i].schema, values[i]);
	return r;
}

void
instancetypes_templates(struct daemon *daemon, const struct vm *vm, json_t *templates)
{
	const struct reference *r = &references[1];
	struct error unused = { 0 };
	struct preference_spec *preference = is_used(vm, r) ? load(daemon, vm, r, &unused) : NULL;

	expand_templates(templates, preference);
	if (preference != NULL)
		schema_free(r->schema, preference);
}

static void
prefer_machine(struct daemon *daemon, const struct vm *vm, json_t *tree)
{
	const struct reference *r = &references[1];
	struct error unused = { 0 };
	struct preference_spec *preference = is_used(vm, r) ? load(daemon, vm, r, &unused) : NULL;

	expand_machine(tree, preference);
	if (preference != NULL)
		schema_free(r->schema, preference);
}

/* --- pinning ---------------------------------------------------------------------------------------------------------- */

/* Makes the copy, unless one of exactly this object is there; its name (caller g_free()s), or NULL. */
static char *
keep_copy(struct daemon *daemon, const struct object *vm, const struct object *object, struct error *err)
{
	json_t *data = object_tree(object), *tree;
	g_autofree char *name = g_strdup_printf("%s-%s-%s-%s-%lld", vm->name, object->name, object->kind->version, object->uid,
	    (long long)json_integer_value(path_find(data, "metadata.generation")));

	json_object_del(data, "status");
	if (store_get(daemon->store, KIND_CONTROLLER_REVISION, vm->namespace, name) != NULL) {
		json_decref(data);
		return g_steal_pointer(&name);
	}
	tree = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s},s:[o]},s:o,s:i}", "apiVersion", "apps/v1", "kind", "ControllerRevision", "metadata",
	    "name", name, "namespace", vm->namespace, "labels", "instancetype.kubevirt.io/object-kind", object->kind->name,
	    "ownerReferences", objects_owner_reference(vm), "data", data, "revision", 0);
	return objects_create_tree(daemon, tree, vm->namespace, err) == NULL ? NULL : g_steal_pointer(&name);
}

static struct matcher_status **
slot_of(struct vm_status *status, const struct reference *r)
{
	return r->preference ? &status->preference_ref : &status->instancetype_ref;
}

static void
note_copy(struct vm_status *status, const struct reference *r, const struct matcher *m, const char *kind, const char *revision)
{
	struct matcher_status **slot = slot_of(status, r), *s;

	if (*slot != NULL)
		schema_free(&matcher_status_schema, *slot);
	s = *slot = schema_new(&matcher_status_schema);
	s->name = g_strdup(m->name);
	s->kind = g_strdup(kind);
	s->controller_revision_ref = schema_new(&local_object_reference_schema);
	s->controller_revision_ref->name = g_strdup(revision);
}

static int
pin(struct daemon *daemon, const struct object *object, struct vm_status *status, const struct reference *r, struct error *err)
{
	const struct vm *vm = object->value;
	const struct matcher *m = matcher_of(vm, r);
	struct matcher_status **slot = slot_of(status, r);
	const struct object *live;

	if (m == NULL && *slot != NULL) {
		schema_free(&matcher_status_schema, *slot);
		*slot = NULL;
	}
	if (m == NULL)
		return 0;
	g_autofree char *name = g_strdup(revision_of(vm, r));
	if (name == NULL) {
		live = find_live(daemon, object->namespace, m, r->preference, err);
		name = live == NULL ? NULL : keep_copy(daemon, object, live, err);
	} else if (store_get(daemon->store, KIND_CONTROLLER_REVISION, object->namespace, name) == NULL)
		return error_set(err, ENOENT, "ControllerRevision \"%s\" is not there: clear %s.revisionName", name, r->field);
	if (name == NULL)
		return -1;
	note_copy(status, r, m, expand_kind(m, r->preference) == NULL ? m->kind : expand_kind(m, r->preference)->name, name);
	return 0;
}

int
instancetypes_pin(struct daemon *daemon, const struct object *object, struct vm_status *status, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(references); i++)
		if (pin(daemon, object, status, &references[i], err) != 0)
			return -1;
	return 0;
}

/* --- admission -------------------------------------------------------------------------------------------------------- */

/* The labels of what is behind a volume: its DataVolume, as it is or as the machine will make it, or its claim. */
static json_t *
labels_behind(struct daemon *daemon, const json_t *vm, const char *namespace, const char *name)
{
	const struct object *found = store_get(daemon->store, KIND_DATA_VOLUME, namespace, name);
	json_t *template, *tree, *labels = NULL;
	size_t i;

	if (found == NULL)
		found = store_get(daemon->store, KIND_CLAIM, namespace, name);
	if (found != NULL) {
		tree = object_tree(found);
		labels = json_incref(path_find(tree, "metadata.labels"));
		json_decref(tree);
		return labels;
	}
	json_array_foreach (path_find(vm, "spec.dataVolumeTemplates"), i, template)
		if (g_strcmp0(path_string(template, "metadata.name"), name) == 0)
			labels = json_incref(path_find(template, "metadata.labels"));
	return labels;
}

/* The name of the disk behind a volume of the machine, or NULL: it is none that has labels. */
static const char *
disk_behind(const json_t *vm, const char *volume)
{
	json_t *item;
	size_t i;

	json_array_foreach (path_find(vm, "spec.template.spec.volumes"), i, item) {
		const char *claim = path_string(item, "persistentVolumeClaim.claimName"), *dv = path_string(item, "dataVolume.name");

		if (g_strcmp0(path_string(item, "name"), volume) == 0)
			return dv != NULL ? dv : claim;
	}
	return NULL;
}

/* Replaces inferFromVolume by the name and kind that the volume's labels give; says why it cannot. */
static int
infer(struct daemon *daemon, json_t *vm, json_t *matcher, const struct reference *r, struct error *err)
{
	const char *volume = path_string(matcher, "inferFromVolume"), *namespace = path_string(vm, "metadata.namespace");
	const char *disk = disk_behind(vm, volume);
	g_autofree char *label = g_strconcat(LABEL_DEFAULT, r->field, NULL), *label_kind = g_strconcat(label, "-kind", NULL);
	json_t *labels = disk == NULL ? NULL : labels_behind(daemon, vm, namespace, disk);
	const char *name = json_string_value(json_object_get(labels, label));
	const char *kind = json_string_value(json_object_get(labels, label_kind));

	if (name != NULL) {
		json_object_set_new(matcher, "name", json_string(name));
		if (kind != NULL)
			json_object_set_new(matcher, "kind", json_string(kind));
		json_object_del(matcher, "inferFromVolume");
		json_object_del(matcher, "inferFromVolumeFailurePolicy");
	}
	json_decref(labels);
	if (name != NULL)
		return 0;
	if (disk == NULL)
		return error_set(err, EINVAL, "volume \"%s\" is neither a dataVolume nor a persistentVolumeClaim: only these have labels", volume);
	return error_set(err, EINVAL, "the disk \"%s\" of volume \"%s\" has no label %s", disk, volume, label);
}

static int
infer_matcher(struct daemon *daemon, json_t *vm, const struct reference *r, const struct document *document,
    struct diagnostics *diagnostics)
{
	json_t *spec = json_object_get(vm, "spec"), *matcher = json_object_get(spec, r->field);
	bool ignore = g_strcmp0(path_string(matcher, "inferFromVolumeFailurePolicy"), "Ignore") == 0;
	g_autofree char *where = g_strdup_printf("spec.%s.inferFromVolume", r->field);
	struct error err = { 0 };

	if (path_string(matcher, "inferFromVolume") == NULL || infer(daemon, vm, matcher, r, &err) == 0)
		return 0;
	if (ignore)
		json_object_del(spec, r->field);
	else
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, where, "%s", err.text);
	return ignore ? 0 : -1;
}

/* What is referred to must fit; what is not there yet may come. */
static int
check_fit(struct daemon *daemon, json_t *vm, const struct document *document, struct diagnostics *diagnostics)
{
	struct vm *value = g_malloc0(sizeof(*value));
	json_t *spec = json_deep_copy(path_find(vm, "spec.template.spec"));
	struct diagnostics unused;
	struct error err = { 0 };
	int r;

	diagnostics_init(&unused);
	schema_decode(&vm_schema, vm, NULL, "", value, &unused);
	diagnostics_clear(&unused);
	r = instancetypes_expand(daemon, value, spec, NULL, document, diagnostics, &err);
	if (r != 0 && err.code == ENOENT) {
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_FOUND, document, "spec", "the machine cannot start yet: %s", err.text);
		r = 0;
	}
	if (r == 0)
		prefer_machine(daemon, value, vm);
	json_decref(spec);
	schema_free(&vm_schema, value);
	return r;
}

int
instancetypes_admit(struct daemon *daemon, json_t *vm, const struct document *document, struct diagnostics *diagnostics)
{
	bool used = false;

	for (size_t i = 0; i < G_N_ELEMENTS(references); i++) {
		json_t *matcher = json_object_get(json_object_get(vm, "spec"), references[i].field);

		used |= json_is_object(matcher);
		if (json_is_object(matcher) && infer_matcher(daemon, vm, &references[i], document, diagnostics) != 0)
			return -1;
	}
	return used ? check_fit(daemon, vm, document, diagnostics) : 0;
}

/* --- presets ---------------------------------------------------------------------------------------------------------- */

static bool
selects(const struct preset *preset, const json_t *vmi)
{
	struct schema_map labels = { 0 };
	json_t *map = path_find(vmi, "metadata.labels"), *value;
	const char *name;
	bool matches;

	json_object_foreach (map, name, value)
		schema_map_set(&labels, name, json_string_value(value));
	matches = label_selector_matches(preset->spec->selector, &labels);
	json_object_foreach (map, name, value)
		schema_map_set(&labels, name, NULL);
	g_free(labels.entries);
	return matches;
}

static int
preset_apply(const struct object *preset, json_t *vmi, const struct document *document, struct diagnostics *diagnostics)
{
	json_t *tree = object_tree(preset);
	g_autofree char *differs = expand_preset(vmi, tree);
	g_autofree char *annotation = g_strdup_printf("metadata.annotations['virtualmachinepreset.kubevirt.io/%s']", preset->name);

	json_decref(tree);
	if (differs != NULL) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, differs,
		    "differs from preset \"%s\", which selects this instance by its labels", preset->name);
		return -1;
	}
	path_set(vmi, annotation, json_string("kubevirt.io/v1"));
	return 0;
}

int
presets_admit(struct daemon *daemon, json_t *vmi, const struct document *document, struct diagnostics *diagnostics)
{
	static const char exclude[] = "metadata.annotations['virtualmachineinstancepresets.admission.kubevirt.io/exclude']";
	g_autoptr(GPtrArray) all = NULL;
	int r = 0;

	if (store_count(daemon->store, KIND_PRESET) == 0 || g_strcmp0(path_string(vmi, exclude), "true") == 0)
		return 0;
	all = store_list(daemon->store, KIND_PRESET, path_string(vmi, "metadata.namespace"));
	for (guint i = 0; i < all->len && r == 0; i++) {
		const struct object *preset = all->pdata[i];

		if (selects(preset->value, vmi))
			r = preset_apply(preset, vmi, document, diagnostics);
	}
	return r;
}
