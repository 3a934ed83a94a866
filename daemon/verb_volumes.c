/* Volumes that are added and removed by request (fact sheet, section 8.1); see verb_volumes.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/objects.h"
#include "daemon/verb_volumes.h"
#include "daemon/verbs.h"
#include "src/api/live_update.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

#define DISKS "domain.devices.disks"

/* The kinds of volume that may come and go, and what in them names their source. */
static const struct {
	const char *member, *name;
} sources[] = {
	{ "persistentVolumeClaim", "claimName" },
	{ "dataVolume", "name" },
};

/* --- lists ---------------------------------------------------------------------------------------------------------- */

static json_t *
spec_in(json_t *tree, const struct object *object)
{
	return path_find(tree, kind_id(object->kind) == KIND_VM ? "spec.template.spec" : "spec");
}

static json_t *
list_in(json_t *spec, const char *path)
{
	if (!json_is_array(path_find(spec, path)))
		path_set(spec, path, json_array());
	return path_find(spec, path);
}

/* -1: it has none of this name. */
static ssize_t
position(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (g_strcmp0(path_string(item, "name"), name) == 0)
			return (ssize_t)i;
	return -1;
}

/* The claim behind a volume; a DataVolume makes one of its own name. */
static const char *
source_of(const json_t *volume)
{
	const char *name = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(sources) && name == NULL; i++)
		name = json_string_value(json_object_get(json_object_get(volume, sources[i].member), sources[i].name));
	return name;
}

static bool
is_source(const json_t *volumes, const char *source)
{
	json_t *volume;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)volumes, i, volume)
		if (g_strcmp0(source_of(volume), source) == 0)
			return true;
	return false;
}

static bool
is_hotpluggable(const json_t *volume)
{
	bool found = false;

	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		found |= json_is_true(json_object_get(json_object_get(volume, sources[i].member), "hotpluggable"));
	return found;
}

/* --- who may ------------------------------------------------------------------------------------------------------- */

static int
check_name(const json_t *body, struct error *err)
{
	const char *name = json_string_value(json_object_get(body, "name"));

	if (!json_is_object(body))
		return error_set(err, EINVAL, "a body is needed: an object whose \"name\" says which volume");
	return name == NULL || *name == '\0' ? error_set(err, EINVAL, "name: is required: which volume") : 0;
}

/* What a machine has its template says, and an instance of it follows that. */
static int
check_instance(const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;

	if (kind_id(object->kind) != KIND_VMI)
		return 0;
	SCHEMA_EACH (struct owner_reference, r, &vmi->head.meta->owner_references)
		if (g_strcmp0(r->kind, kinds[KIND_VM].name) == 0)
			return error_set(err, EINVAL, "VMI %s/%s is owned by a VM: ask for this of VirtualMachine %s", object->namespace, object->name,
			    r->name);
	if (vmi->status->phase != VMI_RUNNING)
		return error_set(err, EBUSY, "VMI is not running");
	return 0;
}

/* All that is wrong, as one sentence; -1. */
static int
tell(const struct diagnostics *diagnostics, struct error *err)
{
	g_autofree char *lines = diagnostics_format(diagnostics, SEVERITY_ERROR);
	g_auto(GStrv) parts = g_strsplit(lines, "\n", -1);
	g_autofree char *text = g_strjoinv("; ", parts);

	return error_set(err, EINVAL, "%s", text);
}

static int
check_disk(const json_t *tree, struct error *err)
{
	const struct schema *schema = NULL;
	struct diagnostics diagnostics;
	g_autofree char *refusal = NULL;
	struct disk *disk;
	int r = 0;

	schema_find(&vmi_spec_schema, DISKS, &schema);
	disk = g_malloc0(schema->size);
	diagnostics_init(&diagnostics);
	if (schema_decode(schema, tree, NULL, "disk", disk, &diagnostics) < 0)
		r = tell(&diagnostics, err);
	else if ((refusal = disk_hotplug_refusal(disk)) != NULL)
		r = error_set(err, EINVAL, "disk: %s", refusal);
	diagnostics_clear(&diagnostics);
	schema_free(schema, disk);
	return r;
}

/* --- the edit ------------------------------------------------------------------------------------------------------ */

/* As if its user had written it: with all rules.  An instance that has no machine is edited by its daemon alone. */
static int
put(struct daemon *daemon, const struct object *object, json_t *tree, const json_t *body, struct error *err)
{
	struct document *document = document_take(tree);
	struct diagnostics diagnostics;
	json_t *patch;
	int r = 0;

	diagnostics_init(&diagnostics);
	if (kind_id(object->kind) == KIND_VM) {
		if (objects_update(daemon, document, object->namespace, OBJECT_MAIN, verb_is_dry_run(body), &diagnostics, err) == NULL)
			r = diagnostics.errors > 0 ? tell(&diagnostics, err) : -1;
	} else if (!verb_is_dry_run(body)) {
		patch = json_pack("{s:O}", "spec", json_object_get(document->root, "spec"));
		r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
		json_decref(patch);
	}
	diagnostics_clear(&diagnostics);
	document_free(document);
	return r;
}

/* The volume of the request, such as {name, persistentVolumeClaim: {claimName, hotpluggable: true}}; NULL: it says none. */
static json_t *
requested_volume(const json_t *body, struct error *err)
{
	const json_t *given = json_object_get(body, "volumeSource");
	json_t *volume = json_pack("{s:O}", "name", json_object_get(body, "name"));
	unsigned found = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
		const json_t *source = json_object_get(given, sources[i].member);
		json_t *copy = json_is_object(source) ? json_deep_copy(source) : NULL;

		if (copy == NULL)
			continue;
		json_object_set_new(copy, "hotpluggable", json_true());
		json_object_set_new(volume, sources[i].member, copy);
		found++;
	}
	if (found == 1 && source_of(volume) != NULL)
		return volume;
	json_decref(volume);
	error_set(err, EINVAL, "volumeSource: is required: persistentVolumeClaim with a claimName, or dataVolume with a name");
	return NULL;
}

static int
add(json_t *spec, const json_t *body, const json_t *volume, struct error *err)
{
	json_t *volumes = list_in(spec, "volumes"), *disks = list_in(spec, DISKS), *disk;
	const char *name = path_string(volume, "name");

	if (position(volumes, name) >= 0 || position(disks, name) >= 0)
		return error_set(err, EBUSY, "Unable to add volume [%s] because volume with that name already exists", name);
	if (is_source(volumes, source_of(volume)))
		return error_set(err, EBUSY, "Unable to add volume source [%s] because it already exists", source_of(volume));
	disk = json_deep_copy(json_object_get(body, "disk"));
	json_object_set(disk, "name", json_object_get(body, "name"));
	json_array_append_new(disks, disk);
	json_array_append(volumes, (json_t *)(uintptr_t)volume);
	return check_disk(disk, err);
}

int
verb_add_volume(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	json_t *volume, *tree;
	int r;

	if (check_name(body, err) != 0)
		return -1;
	if (!json_is_object(json_object_get(body, "disk")))
		return error_set(err, EINVAL, "disk: is required: how the guest is to see the volume, such as {disk: {bus: scsi}}");
	volume = requested_volume(body, err);
	if (volume == NULL)
		return -1;
	tree = object_tree(object);
	r = check_instance(object, err);
	if (r == 0)
		r = add(spec_in(tree, object), body, volume, err);
	if (r == 0)
		r = put(daemon, object, json_incref(tree), body, err);
	json_decref(tree);
	json_decref(volume);
	return r;
}

/* A drive stays when its medium goes. */
static int
take_away(json_t *spec, const char *name, struct error *err)
{
	json_t *volumes = path_find(spec, "volumes"), *disks = path_find(spec, DISKS);
	ssize_t volume = position(volumes, name), disk = position(disks, name);

	if (volume < 0)
		return error_set(err, EBUSY, "Unable to remove volume [%s] because it does not exist", name);
	if (!is_hotpluggable(json_array_get(volumes, (size_t)volume)))
		return error_set(err, EBUSY, "Unable to remove volume [%s] because it is not hotpluggable", name);
	json_array_remove(volumes, (size_t)volume);
	if (disk >= 0 && json_object_get(json_array_get(disks, (size_t)disk), "cdrom") == NULL)
		json_array_remove(disks, (size_t)disk);
	return 0;
}

int
verb_remove_volume(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	json_t *tree;
	int r;

	if (check_name(body, err) != 0 || check_instance(object, err) != 0)
		return -1;
	tree = object_tree(object);
	r = take_away(spec_in(tree, object), path_string(body, "name"), err);
	if (r == 0)
		r = put(daemon, object, json_incref(tree), body, err);
	json_decref(tree);
	return r;
}
