/*
 * The image cache.  An image is a DataVolume of the namespace solovirt-images: one for each source, StorageClass, host where each has a pool
 * of its own, and what the source held, imported as any other, then made as small as it is and protected.  DataVolumes of the same source get clones of its claim.  What a source
 * holds is written (a checksum, a digest), or it is asked (source_probe.h); one that does not tell is imported each time.
 *
 *   import --> sealing (annotation, durable) --> volume-resize, shrunk --> snapshot "base" --> protected, Succeeded
 *
 * What lies there is shown, pinned and removed as DataVolumes are; an image that clones rest on is never removed.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/controllers/source_probe.h"
#include "daemon/controllers/storage_profile.h"
#include "daemon/controllers/trash.h"
#include "daemon/objects.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/fetch.h"
#include "storage/volume_verbs.h"

enum {
	USED_MS = 60000,         /* how exactly it is known when an image was used last */
	FAILED_KEEP_MS = 600000, /* how long one that failed is shown */
	MIB = 1 << 20,
};

static const char *
annotation(const struct object *object, const char *name)
{
	const struct data_volume *dv = object->value;

	return schema_map_get(&dv->head.meta->annotations, name);
}

bool
image_is_cached(const struct object *object)
{
	return strcmp(object->namespace, IMAGE_NAMESPACE) == 0 && annotation(object, IMAGE_DIGEST) != NULL;
}

/* --- which image ------------------------------------------------------------------------------------------------------- */

/* What is wanted, and what it is known by. */
struct wish {
	const char *digest, *validator; /* validator NULL: the digest is of the bytes */
	char *class, *name;             /* name: of the image */
	char *node;                     /* that keeps it, NULL: all hosts share the storage */
};

static void
wish_clear(struct wish *wish)
{
	g_free(wish->class);
	g_free(wish->name);
	g_free(wish->node);
}

/* What the bytes are known by without a look at the source, or NULL. */
static const char *
written_digest(const struct data_volume_source *s)
{
	const char *at = s->registry == NULL || s->registry->url == NULL ? NULL : strchr(s->registry->url, '@');

	return s->http != NULL ? s->http->checksum : at == NULL ? NULL : at + 1;
}

/* As source_probe(): what is written needs no look. */
static int
find_digest(struct daemon *daemon, const struct object *object, const struct data_volume_source *source, struct wish *wish, struct error *err)
{
	wish->digest = written_digest(source);
	if (wish->digest == NULL && !daemon->config->images->probe)
		return -1;
	return wish->digest != NULL ? 1 : source_probe(daemon, object, source, &wish->digest, &wish->validator, err);
}

bool
image_may_be_cloned(struct daemon *daemon, const char *name, const char *namespace)
{
	const struct object *object = store_get(daemon->store, KIND_DATA_VOLUME, IMAGE_NAMESPACE, name);
	const struct data_volume *dv = object == NULL ? NULL : object->value;

	return dv == NULL || dv->spec->source == NULL || !source_is_private(dv->spec->source) || strcmp(namespace, IMAGE_NAMESPACE) == 0 ||
	    g_strcmp0(annotation(object, IMAGE_OF), namespace) == 0;
}

/* Where the image has to be so that the volume can be its clone: 1, 0: that is not known yet, -1: nowhere. */
static int
find_node(struct daemon *daemon, const struct object *object, struct wish *wish)
{
	const struct object *named = wish->class == NULL ? NULL : store_get(daemon->store, KIND_STORAGE_CLASS, "", wish->class);
	const struct storage_class *class = named == NULL ? NULL : named->value;
	const struct volume_driver *driver = class == NULL ? NULL : volume_driver_of(class->provisioner, NULL);
	json_auto_t *annotations = json_object();
	struct error why = { 0 };

	if (driver == NULL || driver->shared)
		return driver == NULL ? -1 : 1;
	if (driver->choose(daemon, object, class, NULL, annotations, &why) == 0) {
		wish->node = g_strdup(json_string_value(json_object_get(annotations, driver->keeper)));
		return 1;
	}
	if (why.code != EAGAIN)
		return -1; /* the claim tells why */
	controllers_await_capacity(daemon, object);
	data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", why.text, NULL);
	return 0;
}

/* The class that the claim will have; NULL: none is the default. */
static char *
class_of(struct daemon *daemon, const struct data_volume_spec *spec)
{
	const char *named = data_volume_claim(spec)->storage_class_name;
	json_t *claim = json_object();
	char *class;

	if (named != NULL)
		json_object_set_new(claim, "storageClassName", json_string(named));
	storage_class_fill(daemon, claim, spec->pvc == NULL);
	class = g_strdup(path_string(claim, "storageClassName"));
	json_decref(claim);
	return class;
}

/* The source as it was found: a tag may mean another image by then. */
static json_t *
source_tree(const json_t *spec, const struct data_volume_source *source, const char *digest)
{
	json_t *tree = json_deep_copy(json_object_get(spec, "source"));
	g_autofree char *pinned = source->registry == NULL ? NULL : source_registry_pinned(source->registry->url, digest);

	if (pinned != NULL)
		json_object_set_new(json_object_get(tree, "registry"), "url", json_string(pinned));
	return tree;
}

/* The image's own DataVolume, of the source and the class of the one that asks. */
static int
image_create(struct daemon *daemon, const struct object *object, const struct wish *wish, struct error *err)
{
	const struct data_volume *dv = object->value;
	json_t *tree = object_tree(object), *image;
	g_autofree char *url = fetch_url_shown(source_url(dv->spec->source));
	const char *form = dv->spec->pvc != NULL ? "pvc" : "storage";
	json_t *spec = path_find(tree, "spec"), *claim = json_deep_copy(json_object_get(spec, form));
	char now[CLOCK_TEXT_SIZE];
	int r;

	json_object_set_new(claim, "storageClassName", json_string(wish->class));
	image = json_pack("{s:s,s:s,s:{s:s,s:s,s:{s:s,s:s,s:s*,s:s*,s:s,s:s}},s:{s:o,s:o}}", "apiVersion", "cdi.kubevirt.io/v1beta1", "kind", "DataVolume",
	    "metadata", "name", wish->name, "namespace", IMAGE_NAMESPACE, "annotations", IMAGE_SOURCE, url == NULL ? "" : url, IMAGE_DIGEST,
	    wish->digest, IMAGE_VALIDATOR, wish->validator, VOLUME_NODE, wish->node, IMAGE_OF, object->namespace, IMAGE_USED, clock_format(daemon_now(daemon), now), "spec",
	    "source", source_tree(spec, dv->spec->source, wish->digest), form, claim);
	r = objects_create_tree(daemon, image, IMAGE_NAMESPACE, err) == NULL ? -1 : 0;
	json_decref(tree);
	return r;
}

/* The one that waits shows what the image's import does. */
static void
mirror(struct daemon *daemon, const struct object *object, const struct data_volume *image)
{
	const struct condition *running = condition_find(&image->status->conditions, "Running");
	enum data_volume_phase phase = (enum data_volume_phase)image->status->phase;

	data_volume_enter(daemon, object, phase < DATA_VOLUME_PENDING ? DATA_VOLUME_PENDING : phase,
	    image->status->progress == NULL ? "N/A" : image->status->progress, running == NULL || running->reason == NULL ? "Pending" : running->reason,
	    running == NULL || running->message == NULL ? "the image is being fetched" : running->message, NULL);
}

static void
note_use(struct daemon *daemon, const struct object *image)
{
	const char *last = annotation(image, IMAGE_USED);
	char now[CLOCK_TEXT_SIZE];
	json_t *patch;

	if (last != NULL && daemon_now(daemon) - clock_parse(last) < USED_MS)
		return;
	patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", IMAGE_USED, clock_format(daemon_now(daemon), now));
	objects_patch(daemon, image, patch, NULL);
	json_decref(patch);
}

/* Whether clones of an image would do for it. */
static bool
may_be_clone(const struct object *object)
{
	const struct data_volume *dv = object->value;

	return !image_is_cached(object) && dv->spec->content_type != CONTENT_ARCHIVE && !dv->spec->preallocation &&
	    g_strcmp0(annotation(object, IMAGE_CACHED), "false") != 0;
}

/* The image, made when it is not there; as image_cache_find(). */
static int
find_image(struct daemon *daemon, const struct object *object, const struct wish *wish)
{
	const struct data_volume *dv = object->value, *image;
	const struct object *image_object = store_get(daemon->store, KIND_DATA_VOLUME, IMAGE_NAMESPACE, wish->name), *gone;
	const struct delete_options options = { .grace_period_seconds = -1 };
	struct error err = { 0 };

	controllers_await(daemon, object, KIND_DATA_VOLUME, IMAGE_NAMESPACE, wish->name);
	if (image_object == NULL && image_create(daemon, object, wish, &err) != 0) {
		log_object(LOG_LEVEL_WARNING, "DataVolume", object->namespace, object->name, "filled without the image cache: %s", err.text);
		return -1;
	}
	if (image_object == NULL)
		return 0;
	image = image_object->value;
	if (image->status->phase == DATA_VOLUME_FAILED || image->head.meta->deletion_timestamp != 0) {
		objects_delete(daemon, image_object, &options, &gone, NULL);
		return -1; /* its own import tells why */
	}
	if (image->status->phase != DATA_VOLUME_SUCCEEDED) {
		mirror(daemon, object, image);
		return 0;
	}
	note_use(daemon, image_object);
	return claim_request(data_volume_claim(dv->spec)) >= claim_capacity(daemon, IMAGE_NAMESPACE, wish->name) ? 1 : -1;
}

int
image_cache_find(struct daemon *daemon, const struct object *object, char **name)
{
	const struct data_volume *dv = object->value;
	struct wish wish = { .class = class_of(daemon, dv->spec) };
	struct error why = { 0 };
	int r = may_be_clone(object) ? find_node(daemon, object, &wish) : -1;

	if (r > 0) {
		r = find_digest(daemon, object, dv->spec->source, &wish, &why);
		if (r == 0)
			data_volume_enter(daemon, object, DATA_VOLUME_PENDING, "N/A", "Pending", "the source is asked what it has", NULL);
	}
	if (r > 0) {
		wish.name = image_cache_name(dv->spec->source, wish.digest, wish.class, wish.node, object->namespace);
		r = find_image(daemon, object, &wish);
	}
	if (r > 0)
		*name = g_strdup(wish.name);
	if (r != 0)
		source_probe_forget(daemon, object);
	wish_clear(&wish);
	return r;
}

/* --- sealing ------------------------------------------------------------------------------------------------------------ */

struct sealing {
	struct daemon *daemon;
	char *name, *uid;
	int64_t size;
};

static const struct object *
sealing_end(struct sealing *s)
{
	controllers_job_end(s->daemon, KIND_DATA_VOLUME, IMAGE_NAMESPACE, s->name);
	return store_get_uid(s->daemon->store, s->uid);
}

static void
sealing_free(struct sealing *s)
{
	g_free(s->name);
	g_free(s->uid);
	g_free(s);
}

static void
sealing_failed(struct sealing *s, const struct error *error)
{
	const struct object *object = sealing_end(s);

	if (object != NULL) {
		daemon_event(s->daemon, object, "Warning", "SealFailed", "%s", error->text);
		controllers_pace_fail(s->daemon, object, 1000, 60000);
		controllers_requeue(s->daemon, object, controllers_pace_left(s->daemon, object));
	}
	sealing_free(s);
}

static int
protect(struct sealing *s, const struct object *object, const struct object *claim, struct error *err)
{
	g_autofree char *capacity = quantity_format_bytes(s->size);
	json_t *patch = json_pack("{s:{s:{s:s,s:n}},s:{s:{s:s}}}", "metadata", "annotations", CLAIM_PROTECTED, "true", CLAIM_SEALING, "status",
	    "capacity", "storage", capacity);
	const struct object *next = objects_patch(s->daemon, claim, patch, err);

	json_decref(patch);
	return next == NULL ? -1 : data_volume_succeed(s->daemon, object, next, "Import Complete: the image is in the cache", err);
}

static void
on_sealed(void *arg, json_t *result, const struct error *error)
{
	struct sealing *s = arg;
	const struct object *object, *claim = store_get(s->daemon->store, KIND_CLAIM, IMAGE_NAMESPACE, s->name);
	struct error err = { 0 };

	(void)result;
	if (error != NULL) {
		sealing_failed(s, error);
		return;
	}
	object = sealing_end(s);
	if (object != NULL && claim != NULL && protect(s, object, claim, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "DataVolume", IMAGE_NAMESPACE, s->name, "%s", err.text);
	sealing_free(s);
}

static void
on_shrunk(void *arg, json_t *result, const struct error *error)
{
	struct sealing *s = arg;
	const struct object *claim = store_get(s->daemon->store, KIND_CLAIM, IMAGE_NAMESPACE, s->name);
	struct volume_place place = { 0 };
	struct error err = { 0 };

	if (error != NULL) {
		sealing_failed(s, error);
		return;
	}
	if (claim != NULL)
		place = volume_place(claim->value);
	s->size = json_integer_value(json_object_get(result, "capacity"));
	if (claim == NULL || place.driver == NULL || volume_check(s->daemon, &place, &err) != 0)
		sealing_failed(s, &err);
	else if (place.driver->clones_in_use)
		volume_call(s->daemon, &place, "snapshot-create", json_pack("{s:s}", "snapshot", CLAIM_BASE), -1, VOLUME_DEADLINE_ACTION, on_sealed, s);
	else
		on_sealed(s, NULL, NULL);
}

int
image_cache_seal(struct daemon *daemon, const struct object *object, const struct object *claim, int64_t size, struct error *err)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, size);
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_SEALING, text);
	const struct volume_place place = volume_place(claim->value);
	const struct object *next = objects_patch(daemon, claim, patch, err);
	struct sealing *s;

	json_decref(patch);
	if (next == NULL)
		return -1;
	if (controllers_pace_left(daemon, object) > 0 || volume_check(daemon, &place, NULL) != 0) {
		controllers_await_capacity(daemon, object);
		controllers_requeue(daemon, object, MAX(controllers_pace_left(daemon, object), 1000));
		return 0;
	}
	if (!controllers_job_begin(daemon, object))
		return 0;
	s = g_new0(struct sealing, 1);
	*s = (struct sealing){ daemon, g_strdup(object->name), g_strdup(object->uid), 0 };
	volume_call(daemon, &place, "volume-resize", json_pack("{s:I,s:b}", "capacity", (json_int_t)(MAX(size, 1) + MIB - 1) / MIB * MIB, "shrink", 1),
	    -1, VOLUME_DEADLINE_ACTION, on_shrunk, s);
	return 0;
}

/* --- what is not needed any more -------------------------------------------------------------------------------------------- */

bool
image_has_clones(struct daemon *daemon, const struct object *image)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_CLAIM, NULL);
	const char *path = claim_path(daemon, IMAGE_NAMESPACE, image->name);

	for (guint i = 0; i < all->len; i++) {
		const struct claim *claim = ((const struct object *)all->pdata[i])->value;
		const struct typed_reference *from = claim_data_source(claim->spec);
		const char *backing = schema_map_get(&claim->head.meta->annotations, VOLUME_BACKING);
		bool named = from != NULL && g_strcmp0(from->namespace, IMAGE_NAMESPACE) == 0 && g_strcmp0(from->name, image->name) == 0;

		/* One that came back from the trash need not name it. */
		if (!named && (path == NULL || g_strcmp0(backing, path) != 0))
			continue;
		controllers_await(daemon, image, KIND_CLAIM, claim->head.meta->namespace, claim->head.meta->name);
		return true;
	}
	return trash_has_clone(daemon, image->name, path);
}

static int64_t
last_used(const struct object *image)
{
	const char *text = annotation(image, IMAGE_USED);

	return text == NULL ? 0 : clock_parse(text);
}

static gint
by_use(gconstpointer a, gconstpointer b)
{
	int64_t one = last_used(*(const struct object *const *)a), other = last_used(*(const struct object *const *)b);

	return one < other ? -1 : one > other;
}

/* It holds room, and nobody would miss it. */
static bool
is_idle(struct daemon *daemon, const struct object *image)
{
	const struct data_volume *dv = image->value;
	const struct object *claim = store_get(daemon->store, KIND_CLAIM, IMAGE_NAMESPACE, image->name);

	if (dv->head.meta->deletion_timestamp != 0 || g_strcmp0(annotation(image, IMAGE_PINNED), "true") == 0)
		return false;
	if (dv->status->phase == DATA_VOLUME_FAILED)
		return daemon_now(daemon) - last_used(image) > FAILED_KEEP_MS;
	return dv->status->phase == DATA_VOLUME_SUCCEEDED && claim != NULL && !image_has_clones(daemon, claim);
}

void
image_cache_sweep(struct daemon *daemon)
{
	g_autoptr(GPtrArray) images = store_list(daemon->store, KIND_DATA_VOLUME, IMAGE_NAMESPACE);
	const struct delete_options options = { .grace_period_seconds = -1 };
	const struct object *gone;
	int64_t total = 0;

	for (guint i = 0; i < images->len; i++)
		total += claim_capacity(daemon, IMAGE_NAMESPACE, ((const struct object *)images->pdata[i])->name);
	source_probes_sweep(daemon);
	g_ptr_array_sort(images, by_use);
	for (guint i = 0; i < images->len; i++) {
		const struct object *image = images->pdata[i];
		bool failed = ((const struct data_volume *)image->value)->status->phase == DATA_VOLUME_FAILED;

		if ((total <= daemon->config->images->cache_size && !failed) || !image_is_cached(image) || !is_idle(daemon, image))
			continue;
		total -= claim_capacity(daemon, IMAGE_NAMESPACE, image->name);
		log_notice("image cache: %s is removed: %s", image->name, failed ? "it failed" : "nobody uses it and the cache is full");
		objects_delete(daemon, image, &options, &gone, NULL);
	}
}
