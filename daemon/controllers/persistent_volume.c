/* The PersistentVolume of a bound claim, for show: it comes with the binding and goes with its owner, the claim. */
#include "config.h"

#include <glib.h>

#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "daemon/volume.h"
#include "src/api/persistent_volume.h"
#include "src/base/quantity.h"

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

static json_t *
tree_of(struct daemon *daemon, const struct object *object, const struct volume_place *place, const char *capacity)
{
	const struct claim *claim = object->value;
	const struct object *class = store_get(daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	json_t *spec = backend(place), *modes = json_array();

	for (char **mode = claim->spec->access_modes; mode != NULL && *mode != NULL; mode++)
		json_array_append_new(modes, json_string(*mode));
	json_object_update_new(spec, json_pack("{s:{s:s},s:o,s:{s:s,s:s,s:s,s:s,s:s},s:s,s:s,s:s}", "capacity", "storage", capacity,
	    "accessModes", modes, "claimRef", "apiVersion", "v1", "kind", "PersistentVolumeClaim", "namespace", object->namespace, "name",
	    object->name, "uid", object->uid, "persistentVolumeReclaimPolicy",
	    reclaim_policy_words[class == NULL ? RECLAIM_DELETE : ((const struct storage_class *)class->value)->reclaim_policy],
	    "storageClassName", claim->spec->storage_class_name, "volumeMode",
	    volume_mode_words[claim->spec->volume_mode == VOLUME_MODE_UNSET ? VOLUME_MODE_FILESYSTEM : claim->spec->volume_mode]));
	return json_pack("{s:s,s:s,s:{s:s,s:[o]},s:o}", "apiVersion", "v1", "kind", "PersistentVolume", "metadata", "name",
	    claim->spec->volume_name, "ownerReferences", objects_owner_reference(object), "spec", spec);
}

int
persistent_volume_keep(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	const char *name = claim->spec->volume_name;
	int64_t bytes = claim->status->capacity == NULL ? 0 : claim->status->capacity->storage;
	g_autofree char *capacity = quantity_format_bytes(bytes);
	const struct object *volume;
	json_t *patch;

	/* Volumes that came from elsewhere may have names that no object can have. */
	if (place.driver == NULL || name == NULL || check_dns_subdomain(name, NULL) != 0)
		return 0;
	volume = store_get(daemon->store, KIND_VOLUME, "", name);
	if (volume == NULL)
		volume = objects_create_tree(daemon, tree_of(daemon, object, &place, capacity), NULL, err);
	if (volume == NULL)
		return -1;
	const struct persistent_volume *value = volume->value;
	if (value->status->phase == PERSISTENT_VOLUME_BOUND && value->spec->capacity != NULL && value->spec->capacity->storage == bytes)
		return 0;
	patch = json_pack("{s:{s:{s:s}},s:{s:s}}", "spec", "capacity", "storage", capacity, "status", "phase", "Bound");
	volume = objects_patch(daemon, volume, patch, err);
	json_decref(patch);
	return volume == NULL ? -1 : 0;
}
