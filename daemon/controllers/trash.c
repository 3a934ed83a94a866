/* The trash; see trash.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/controllers/trash.h"
#include "daemon/controllers/vmi_ceph.h"
#include "daemon/objects.h"
#include "src/api/datavolume.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

#define TRASH "trash" /* bucket of records: "namespace/name/uid" -> JSON */

enum { STEADY_KEEP_MS = 600000 };

static char *
trash_key(const struct object *object)
{
	return g_strdup_printf("%s/%s/%s", object->namespace, object->name, object->uid);
}

/* What a claim names as the source of its volume; "" nothing. */
static char *
named_source(const struct claim *claim)
{
	const struct typed_reference *from = claim_data_source(claim->spec);

	return from == NULL ? g_strdup("") : g_strdup_printf("%s %s/%s", from->kind, from->namespace == NULL ? claim->head.meta->namespace
	    : from->namespace, from->name);
}

/* What a claim's volume was made from, in one word; "" nothing.  Two claims of a name that differ in it want different data. */
static char *
source_of(const struct claim *claim)
{
	const char *filled = schema_map_get(&claim->head.meta->annotations, CLAIM_SOURCE);

	return filled != NULL ? g_strdup(filled) : named_source(claim);
}

int
trash_put(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	g_autofree char *key = trash_key(object), *source = source_of(claim), *named = named_source(claim), *text = NULL;
	const struct typed_reference *from = claim_data_source(claim->spec);
	const struct volume_place place = volume_place(claim);
	json_t *entry = volume_record(&place), *more = json_pack("{s:I,s:s,s:s,s:s,s:s*,s:s*,s:I}", "capacity",
	    (json_int_t)(claim->status->capacity == NULL ? 0 : claim->status->capacity->storage), "class",
	    claim->spec->storage_class_name, "source", source, "named", named, "origin", schema_map_get(&claim->head.meta->annotations, CLAIM_ORIGIN),
	    "depth", schema_map_get(&claim->head.meta->annotations, CLAIM_DEPTH), "since", (json_int_t)daemon_steady(daemon));

	json_object_update_missing(entry, more);
	if (from != NULL && g_strcmp0(from->namespace, IMAGE_NAMESPACE) == 0)
		json_object_set_new(entry, "image", json_string(from->name));
	json_decref(more);
	text = json_write(entry);
	json_decref(entry);
	if (daemon_steady_keep(daemon, 0, err) != 0)
		return -1;
	return store_record_set(daemon->store, TRASH, key, text, err);
}

struct trash_search {
	const char *prefix, *source, *class;
	const char *named, *origin; /* origin: claim_origin_now() */
	int64_t capacity;
	char *key, *value;
	int64_t since;
};

/* Another volume may have taken the name of what it was made from.  One that is gone is the same, as far as anybody can tell. */
static bool
is_of_origin(const struct trash_search *s, const json_t *entry)
{
	const char *origin = path_string(entry, "origin");

	return origin == NULL || s->origin == NULL || g_strcmp0(path_string(entry, "named"), s->named) != 0 || strcmp(origin, s->origin) == 0;
}

static bool
is_wanted(const struct trash_search *s, const json_t *entry)
{
	return !json_is_true(json_object_get(entry, "purging")) && g_strcmp0(path_string(entry, "source"), s->source) == 0 &&
	    g_strcmp0(path_string(entry, "class"), s->class) == 0 && json_integer_value(json_object_get(entry, "capacity")) <= s->capacity &&
	    is_of_origin(s, entry);
}

static void
trash_match(void *arg, const char *key, const char *value)
{
	struct trash_search *s = arg;
	json_t *entry;

	if (!g_str_has_prefix(key, s->prefix) || (entry = json_read(value, strlen(value), NULL)) == NULL)
		return;
	int64_t since = json_integer_value(json_object_get(entry, "since"));
	if (is_wanted(s, entry) && since >= s->since) {
		g_free(s->key);
		g_free(s->value);
		s->key = g_strdup(key);
		s->value = g_strdup(value);
		s->since = since;
	}
	json_decref(entry);
}

/* Its volume is what it was: also what that was made from, and how deep it lies over that. */
static const struct object *
keep_origin(struct daemon *daemon, const struct object *object, const json_t *entry, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:s?,s:s?}}}", "metadata", "annotations", CLAIM_ORIGIN, path_string(entry, "origin"), CLAIM_DEPTH,
	    path_string(entry, "depth"));
	const struct object *next = objects_patch(daemon, object, patch, err);

	json_decref(patch);
	return next;
}

int
trash_take(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct claim *claim = object->value;
	g_autofree char *prefix = g_strdup_printf("%s/%s/", object->namespace, object->name), *source = source_of(claim);
	g_autofree char *named = named_source(claim), *origin = claim_origin_now(daemon, object);
	struct trash_search s = { .prefix = prefix, .source = source, .class = claim->spec->storage_class_name, .named = named,
		.origin = origin, .capacity = claim_request(claim->spec) };
	const struct object *next = NULL;
	json_t *entry;
	int r;

	store_record_each(daemon->store, TRASH, trash_match, &s);
	if (s.key == NULL)
		return 0;
	entry = json_read(s.value, strlen(s.value), NULL);
	const struct volume_place place = volume_place_read(entry);
	object = keep_origin(daemon, object, entry, err);
	r = object == NULL ? -1 : claim_bind(daemon, object, &place, json_integer_value(json_object_get(entry, "capacity")), true, &next, err);
	if (r == 0)
		r = store_record_set(daemon->store, TRASH, s.key, NULL, err);
	if (r == 0)
		daemon_event(daemon, next, "Normal", "RestoredFromTrash", "The volume %s of an earlier claim of this name is back",
		    place.name);
	json_decref(entry);
	g_free(s.key);
	g_free(s.value);
	return r == 0 ? 1 : -1;
}

struct purging {
	struct daemon *daemon;
	char *key, *image; /* image: that the volume was a clone of, or NULL */
};

/* One that is on its way out may have waited for this clone alone. */
static void
wake_image(struct daemon *daemon, const char *image)
{
	const struct object *claim = image == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, IMAGE_NAMESPACE, image);

	if (claim != NULL)
		controllers_requeue(daemon, claim, 0);
}

static void
on_purged(void *arg, json_t *result, const struct error *error)
{
	struct purging *p = arg;

	(void)result;
	if (error == NULL && store_record_set(p->daemon->store, TRASH, p->key, NULL, NULL) == 0) {
		log_notice("trash: %s is deleted", p->key);
		wake_image(p->daemon, p->image);
	} else if (error != NULL && error->code != EHOSTDOWN) {
		log_warning("trash: %s stays for now: %s", p->key, error->text);
	}
	g_free(p->key);
	g_free(p->image);
	g_free(p);
}

/* From here on nobody takes it back: written down before the volume goes. */
static void
purge(struct daemon *daemon, const char *key, json_t *entry)
{
	const struct volume_place place = volume_place_read(entry);
	struct purging *p;

	if (place.keeper == NULL || volume_check(daemon, &place, NULL) != 0)
		return;
	json_object_set_new(entry, "purging", json_true());
	g_autofree char *text = json_write(entry);
	if (store_record_set(daemon->store, TRASH, key, text, NULL) != 0)
		return;
	p = g_new0(struct purging, 1);
	*p = (struct purging){ daemon, g_strdup(key), g_strdup(path_string(entry, "image")) };
	volume_call(daemon, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_purged, p);
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

struct clone_search {
	const char *image, *path;
	bool found;
};

static void
clone_match(void *arg, const char *key, const char *value)
{
	struct clone_search *s = arg;
	json_t *entry = json_read(value, strlen(value), NULL);

	(void)key;
	s->found = s->found || (entry != NULL && (g_strcmp0(path_string(entry, "image"), s->image) == 0 ||
	    (s->path != NULL && g_strcmp0(path_string(entry, "backing"), s->path) == 0)));
	json_decref(entry);
}

bool
trash_has_clone(struct daemon *daemon, const char *image, const char *path)
{
	struct clone_search s = { image, path, false };

	store_record_each(daemon->store, TRASH, clone_match, &s);
	return s.found;
}

static void
on_swept(void *arg, json_t *result, const struct error *error)
{
	(void)arg;
	(void)result;
	if (error != NULL && error->code != EHOSTDOWN && error->code != ECANCELED)
		log_warning("what is left of deleted volumes stays for now: %s", error->text);
}

/* What drivers had to put aside until nobody needs it. */
static void
sweep_pools(struct daemon *daemon)
{
	g_autoptr(GPtrArray) classes = store_list(daemon->store, KIND_STORAGE_CLASS, "");

	for (guint i = 0; i < classes->len; i++) {
		struct volume_place place;

		if (volume_pool(daemon, ((const struct object *)classes->pdata[i])->value, &place))
			volume_call(daemon, &place, "volume-sweep", json_object(), -1, VOLUME_DEADLINE_ACTION, on_swept, NULL);
		g_free((char *)(uintptr_t)place.pool);
	}
}

void
trash_sweep(struct daemon *daemon)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	struct sweeping s = { daemon, keys, 0 };

	vmi_ceph_sweep(daemon);
	sweep_pools(daemon);
	image_cache_sweep(daemon);
	fill_sweep(daemon);
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
