/* What a claim's volume is cloned from; see claim.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "src/api/datavolume.h"
#include "src/api/snapshot.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

/* Names of volumes and snapshots come from the uids of what they were made for: nothing else ever has them, and one that was in the trash
 * keeps its own. */
static char *
origin_of(const struct volume_place *place, const char *snapshot)
{
	return snapshot == NULL ? g_strdup(place->name) : g_strconcat(place->name, "@", snapshot, NULL);
}

static char *
origin_of_claim(const struct claim *claim)
{
	const struct volume_place place = volume_place(claim);

	return place.driver == NULL ? g_strdup("") : origin_of(&place, NULL);
}

static char *
origin_of_snapshot(const struct volume_snapshot *snapshot)
{
	const char *text = schema_map_get(&snapshot->head.meta->annotations, VOLUME_SNAPSHOT);
	json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	const struct volume_place place = volume_place_read(record);
	char *origin = record == NULL ? g_strdup("") : origin_of(&place, path_string(record, "snapshot"));

	json_decref(record);
	return origin;
}

static int
check_size(int64_t wanted, int64_t size, const char *what, const char *name, struct error *err)
{
	return wanted >= size ? 0
	                      : error_set(err, EINVAL, "%s %s has %" G_GINT64_FORMAT " bytes: spec.resources.requests.storage must be as large at least", what, name, size);
}

static int
source_claim(struct daemon *daemon, const struct object *object, const char *namespace, const char *name, struct claim_source *source,
    struct error *err)
{
	const char *node, *path;
	char why[400];
	bool gone;

	controllers_await(daemon, object, KIND_CLAIM, namespace, name);
	controllers_await(daemon, object, KIND_DATA_VOLUME, namespace, name);
	if (strcmp(namespace, IMAGE_NAMESPACE) == 0 && !image_may_be_cloned(daemon, name, object->namespace))
		return error_set(err, EINVAL, "the image %s was fetched with credentials of another namespace: name its source in a DataVolume of your own", name);
	if (!claim_is_usable(daemon, namespace, name, &node, &path, &gone, why, sizeof(why)))
		return error_set(err, EAGAIN, "the source is not there yet: %s", why);
	source->claim = store_get(daemon->store, KIND_CLAIM, namespace, name);
	const struct claim *claim = source->claim->value;
	source->place = volume_place(claim);
	if (claim_depth(claim) >= VOLUME_DEPTH_HARD)
		return error_set(err, EAGAIN, "the source lies over %d other volumes: it is being made independent of them first", claim_depth(claim));
	source->is_protected = g_strcmp0(schema_map_get(&claim->head.meta->annotations, CLAIM_PROTECTED), "true") == 0;
	if (source->is_protected && source->place.driver->clones_in_use)
		source->snapshot = CLAIM_BASE;
	return 0;
}

static int
source_snapshot(struct daemon *daemon, const struct object *object, const char *namespace, const char *name, struct claim_source *source,
    int64_t *size, struct error *err)
{
	const struct object *found = store_get(daemon->store, KIND_SNAPSHOT, namespace, name);
	const struct volume_snapshot *snapshot = found == NULL ? NULL : found->value;
	const char *text = snapshot == NULL ? NULL : schema_map_get(&snapshot->head.meta->annotations, VOLUME_SNAPSHOT);
	json_t *record = text == NULL || !snapshot->status->ready_to_use ? NULL : json_read(text, strlen(text), NULL);

	controllers_await(daemon, object, KIND_SNAPSHOT, namespace, name);
	if (record == NULL)
		return error_set(err, EAGAIN, "the source is not there yet: VolumeSnapshot %s/%s %s", namespace, name,
		    found == NULL ? "does not exist" : "is not ready");
	source->claim = found;
	source->record = record;
	source->place = volume_place_read(record);
	source->snapshot = path_string(record, "snapshot");
	*size = snapshot->status->restore_size;
	return 0;
}

int
claim_source(struct daemon *daemon, const struct object *object, const struct storage_class *class, struct claim_source *source,
    struct error *err)
{
	const struct claim_spec *spec = ((const struct claim *)object->value)->spec;
	const struct typed_reference *r = claim_data_source(spec);
	const char *namespace = r == NULL || r->namespace == NULL ? object->namespace : r->namespace;
	int64_t size = 0;
	int rc;

	*source = (struct claim_source){ 0 };
	if (r == NULL)
		return 0;
	if (!typed_reference_is_snapshot(r)) {
		rc = source_claim(daemon, object, namespace, r->name, source, err);
		size = rc == 0 ? claim_capacity(daemon, namespace, r->name) : 0;
	} else {
		rc = source_snapshot(daemon, object, namespace, r->name, source, &size, err);
	}
	g_autofree char *full = g_strdup_printf("%s/%s", namespace, r->name);
	if (rc == 0)
		rc = check_size(claim_request(spec), size, r->kind, full, err);
	if (rc != 0)
		claim_source_clear(source);
	else
		source->is_copied = !volume_can_clone(class, &source->place);
	if (rc == 0)
		source->origin = origin_of(&source->place, source->snapshot);
	return rc;
}

char *
claim_origin_now(struct daemon *daemon, const struct object *object)
{
	const struct typed_reference *r = claim_data_source(((const struct claim *)object->value)->spec);
	const char *namespace = r == NULL || r->namespace == NULL ? object->namespace : r->namespace;
	const struct object *found;

	if (r == NULL || strcmp(namespace, IMAGE_NAMESPACE) == 0)
		return NULL;
	if (typed_reference_is_snapshot(r)) {
		found = store_get(daemon->store, KIND_SNAPSHOT, namespace, r->name);
		return found == NULL ? NULL : origin_of_snapshot(found->value);
	}
	found = store_get(daemon->store, KIND_CLAIM, namespace, r->name);
	return found == NULL ? NULL : origin_of_claim(found->value);
}

void
claim_source_clear(struct claim_source *source)
{
	g_free(source->origin);
	json_decref(source->record);
	*source = (struct claim_source){ 0 };
}
