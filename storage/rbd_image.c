/* One image: what it is, what marks it carries, how it goes; see rbd.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum {
	IMAGE_ID_SIZE = 64,      /* librbd makes at most 32 characters */
	WORDS_MOST = 1000,       /* keys in the metadata of an image that are looked at */
	WORDS_SIZE = 64 << 10,   /* bytes of them */
	SNAPSHOTS_MOST = 1024,
	PARENTS_MOST = 100,
	HEADERS_KEPT = 160,      /* more objects than an OSD keeps in mind of a placement group (osd_pg_object_context_cache_count: 64) */
	COUNT_MOST = 1 << 14,    /* objects that are looked at one by one for the allocation of an image */
};

/* --- open ------------------------------------------------------------------------------------------------------------- */

void
image_close(rbd_image_t *image)
{
	if (*image != NULL)
		rbd_close(*image);
	*image = NULL;
}

static int
open_error(const struct place *place, int rc, struct error *err)
{
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "there is no volume %s", place->path);
	return cluster_error(err, rc, "cannot open volume %s", place->path);
}

int
image_open(const struct place *place, rbd_image_t *image, struct error *err)
{
	int rc = rbd_open(place->io, place->volume, image, NULL);

	return rc < 0 ? open_error(place, rc, err) : 0;
}

int
image_open_to_read(const struct place *place, rbd_image_t *image, struct error *err)
{
	int rc = rbd_open_read_only(place->io, place->volume, image, NULL);

	return rc < 0 ? open_error(place, rc, err) : 0;
}

/* --- metadata ----------------------------------------------------------------------------------------------------------- */

static bool
is_ours(const char *key)
{
	return g_str_has_prefix(key, "solovirt.");
}

GHashTable *
image_words(rbd_image_t image, struct error *err)
{
	g_autoptr(GHashTable) words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autofree char *keys = g_malloc0(WORDS_SIZE), *values = g_malloc0(WORDS_SIZE);
	size_t keys_size = WORDS_SIZE, values_size = WORDS_SIZE;
	int rc = rbd_metadata_list(image, "", WORDS_MOST, keys, &keys_size, values, &values_size);

	if (rc < 0) {
		cluster_error(err, rc, "cannot read the metadata of a volume");
		return NULL;
	}
	for (size_t k = 0, v = 0; k < keys_size && v < values_size; k += strlen(keys + k) + 1, v += strlen(values + v) + 1)
		if (is_ours(keys + k))
			g_hash_table_insert(words, g_strdup(keys + k), g_strdup(values + v));
	return g_steal_pointer(&words);
}

static int
image_id(rbd_image_t image, char id[IMAGE_ID_SIZE], struct error *err)
{
	int rc = rbd_get_id(image, id, IMAGE_ID_SIZE);

	return rc < 0 ? cluster_error(err, rc, "cannot read the id of a volume") : 0;
}

bool
image_is_complete(rbd_image_t image, GHashTable *words)
{
	char id[IMAGE_ID_SIZE] = "";
	struct error ignored = { 0 };

	return image_id(image, id, &ignored) == 0 && g_strcmp0(g_hash_table_lookup(words, IMAGE_MARK), id) == 0;
}

static int
set_word(rbd_image_t image, const char *key, const char *value, struct error *err)
{
	int rc = rbd_metadata_set(image, key, value);

	return rc < 0 ? cluster_error(err, rc, "cannot write the metadata of a volume") : 0;
}

/* It stays, or is set anew: with the mark of another image, such as the one that this is a clone of, it says nothing until then. */
static bool
is_replaced(const char *key, const char *from, const json_t *owner)
{
	if (g_str_has_prefix(key, IMAGE_OWNER))
		return json_object_get(owner, key + strlen(IMAGE_OWNER)) != NULL;
	return strcmp(key, IMAGE_MARK) == 0 || strcmp(key, IMAGE_ENCRYPTION) == 0 || (from != NULL && strcmp(key, IMAGE_FROM) == 0);
}

static int
forget_words(rbd_image_t image, const char *from, const json_t *owner, struct error *err)
{
	g_autoptr(GHashTable) words = image_words(image, err);
	GHashTableIter iter;
	gpointer key;

	if (words == NULL)
		return -1;
	g_hash_table_iter_init(&iter, words);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		int rc = is_replaced(key, from, owner) ? 0 : rbd_metadata_remove(image, key);
		if (rc < 0 && rc != -ENOENT)
			return cluster_error(err, rc, "cannot write the metadata of a volume");
	}
	return 0;
}

int
image_dress(rbd_image_t image, const char *from, const json_t *owner, struct error *err)
{
	char id[IMAGE_ID_SIZE];
	const char *word;
	json_t *value;

	if (image_id(image, id, err) < 0 || forget_words(image, from, owner, err) < 0)
		return -1;
	json_object_foreach((json_t *)owner, word, value) {
		g_autofree char *key = g_strconcat(IMAGE_OWNER, word, NULL);
		if (!json_is_string(value))
			return error_set(err, EINVAL, "owner.%s: must be a text", word);
		if (set_word(image, key, json_string_value(value), err) < 0)
			return -1;
	}
	if (from != NULL && set_word(image, IMAGE_FROM, from, err) < 0)
		return -1;
	return set_word(image, IMAGE_MARK, id, err);
}

static json_t *
owner_of(GHashTable *words)
{
	json_t *owner = json_object();
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, words);
	while (g_hash_table_iter_next(&iter, &key, &value))
		if (g_str_has_prefix(key, IMAGE_OWNER))
			json_object_set_new(owner, (const char *)key + strlen(IMAGE_OWNER), json_string(value));
	return owner;
}

/* --- options ------------------------------------------------------------------------------------------------------------ */

/* As StorageClasses of ceph-csi name them, with what each needs. */
static const struct {
	const char *word;
	uint64_t bits;
} features[] = {
	{ "layering", RBD_FEATURE_LAYERING },
	{ "exclusive-lock", RBD_FEATURE_EXCLUSIVE_LOCK },
	{ "object-map", RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_EXCLUSIVE_LOCK },
	{ "fast-diff", RBD_FEATURE_FAST_DIFF | RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_EXCLUSIVE_LOCK },
	{ "deep-flatten", RBD_FEATURE_DEEP_FLATTEN },
	{ "journaling", RBD_FEATURE_JOURNALING | RBD_FEATURE_EXCLUSIVE_LOCK },
};

static int
read_features(const json_t *list, uint64_t *bits, struct error *err)
{
	size_t i, f;
	json_t *one;

	*bits = 0;
	json_array_foreach(list, i, one) {
		const char *word = json_string_value(one);
		for (f = 0; f < G_N_ELEMENTS(features) && g_strcmp0(word, features[f].word) != 0; f++)
			;
		if (f == G_N_ELEMENTS(features))
			return error_set(err, EINVAL, "options.features[%zu]: \"%s\" is none of layering, exclusive-lock, object-map, fast-diff, "
			    "deep-flatten and journaling", i, word != NULL ? word : "");
		*bits |= features[f].bits;
	}
	return 0;
}

static int
order_of(json_int_t size, uint64_t *order, struct error *err)
{
	for (*order = 12; *order <= 26; ++*order)
		if ((json_int_t)1 << *order == size)
			return 0;
	return error_set(err, EINVAL, "options.objectSize: %lld is no power of two from 4096 to 67108864", (long long)size);
}

int
image_options(const json_t *options, rbd_image_options_t *out, struct error *err)
{
	json_int_t object = 0, unit = 0, count = 0;
	const char *data_pool = NULL;
	json_t *list = NULL;
	uint64_t bits = 0, order = 0;

	if (options != NULL && service_args((json_t *)options, err, "{s?:s,s?:o,s?:I,s?:I,s?:I}", "dataPool", &data_pool, "features", &list,
	        "objectSize", &object, "stripeUnit", &unit, "stripeCount", &count) < 0)
		return error_wrap(err, "options: ");
	if (read_features(list, &bits, err) < 0 || (object != 0 && order_of(object, &order, err) < 0))
		return -1;
	if ((unit != 0) != (count != 0) || unit < 0 || count < 0)
		return error_set(err, EINVAL, "options.stripeUnit: comes with stripeCount, both above 0");
	rbd_image_options_create(out);
	if (list != NULL)
		rbd_image_options_set_uint64(*out, RBD_IMAGE_OPTION_FEATURES, bits);
	if (object != 0)
		rbd_image_options_set_uint64(*out, RBD_IMAGE_OPTION_ORDER, order);
	if (unit != 0) {
		rbd_image_options_set_uint64(*out, RBD_IMAGE_OPTION_STRIPE_UNIT, (uint64_t)unit);
		rbd_image_options_set_uint64(*out, RBD_IMAGE_OPTION_STRIPE_COUNT, (uint64_t)count);
	}
	if (data_pool != NULL)
		rbd_image_options_set_string(*out, RBD_IMAGE_OPTION_DATA_POOL, data_pool);
	return 0;
}

/* --- what it is ---------------------------------------------------------------------------------------------------------- */

json_t *
image_users(rbd_image_t image, struct error *err)
{
	rbd_image_watcher_t watchers[128];
	size_t count = G_N_ELEMENTS(watchers);
	int rc = rbd_watchers_list(image, watchers, &count);
	json_t *users;

	if (rc < 0) {
		cluster_error(err, rc, "cannot tell who uses a volume");
		return NULL;
	}
	users = json_array();
	for (size_t i = 0; i < count; i++)
		if (strcmp(watchers[i].addr, cluster_address()) != 0)
			json_array_append_new(users, json_string(watchers[i].addr));
	rbd_watchers_list_cleanup(watchers, count);
	return users;
}

void
image_remind(const struct place *pool, const char *id)
{
	PLACE_AUTO own = { 0 };
	struct error ignored = { 0 };
	g_autofree char *header = g_strconcat("rbd_header.", id, NULL);

	if (place_open(pool->pool, pool->namespace, NULL, &own, &ignored) < 0)
		return;
	rados_ioctx_locator_set_key(own.io, header); /* they lie where it does */
	for (int i = 0; i < HEADERS_KEPT; i++) {
		g_autofree char *name = g_strdup_printf("solovirt.none.%d", i);
		rados_write_op_t op = rados_create_write_op();
		rados_write_op_assert_exists(op);
		rados_write_op_remove(op);
		rados_write_op_operate(op, own.io, name, NULL, 0);
		rados_release_write_op(op);
	}
}

json_t *
image_users_still(const struct place *place, rbd_image_t image, struct error *err)
{
	json_t *users = image_users(image, err);
	char id[IMAGE_ID_SIZE];

	if (json_array_size(users) == 0)
		return users;
	json_decref(users);
	if (image_id(image, id, err) < 0)
		return NULL;
	image_remind(place, id);
	return image_users(image, err);
}

/* What one image lies over: 1 with both to be cleaned up, 0 none, -1. */
static int
parent_of(rbd_image_t image, rbd_linked_image_spec_t *parent, rbd_snap_spec_t *snapshot, struct error *err)
{
	int rc = rbd_get_parent(image, parent, snapshot);

	if (rc == -ENOENT)
		return 0;
	return rc < 0 ? cluster_error(err, rc, "cannot tell what a volume was cloned from") : 1;
}

/* Opens what a parent names, by id: it may be in the trash. */
static int
open_parent(const rbd_linked_image_spec_t *parent, rbd_image_t *image, struct error *err)
{
	PLACE_AUTO place = { 0 };
	int rc;

	if (place_open(parent->pool_name, parent->pool_namespace, NULL, &place, err) < 0)
		return -1;
	rc = rbd_open_by_id_read_only(place.io, parent->image_id, image, NULL);
	return rc < 0 ? cluster_error(err, rc, "cannot open %s/%s", place.path, parent->image_name) : 0;
}

int
image_depth(rbd_image_t image, char **parent_path, struct error *err)
{
	IMAGE_AUTO opened = NULL;
	rbd_linked_image_spec_t parent;
	rbd_snap_spec_t snapshot;
	int depth = 0, rc = parent_of(image, &parent, &snapshot, err);

	if (parent_path != NULL)
		*parent_path = rc <= 0 ? NULL : g_strconcat(parent.pool_name, *parent.pool_namespace != '\0' ? "/" : "",
		    parent.pool_namespace, "/", parent.image_name, "@", snapshot.name, NULL);
	while (rc > 0 && depth < PARENTS_MOST) {
		rbd_image_t next = NULL;
		depth++;
		rc = open_parent(&parent, &next, err);
		rbd_linked_image_spec_cleanup(&parent);
		rbd_snap_spec_cleanup(&snapshot);
		image_close(&opened);
		opened = next;
		if (rc == 0)
			rc = parent_of(opened, &parent, &snapshot, err);
	}
	if (rc > 0) {
		rbd_linked_image_spec_cleanup(&parent);
		rbd_snap_spec_cleanup(&snapshot);
	}
	return rc < 0 ? -1 : depth;
}

int
image_base(rbd_image_t image, const char *path, struct image_base *base, struct error *err)
{
	struct image_base found = { .depth = image_depth(image, NULL, err) };

	if (found.depth >= VOLUME_DEPTH_HARD)
		return error_set(err, EAGAIN, "%s lies over %d others: it must be made independent (volume-flatten) before it is cloned", path,
		    found.depth);
	if (found.depth < 0 || image_capacity(image, &found.capacity, err) < 0)
		return -1;
	*base = found;
	return 0;
}

void
image_snapshots_clear(struct image_snapshots *snapshots)
{
	json_decref(snapshots->listed);
	if (snapshots->temporary != NULL)
		g_ptr_array_unref(snapshots->temporary);
}

static void
add_snapshot(rbd_image_t image, const rbd_snap_info_t *info, int64_t header, struct image_snapshots *out)
{
	struct timespec created = { 0 };

	if (g_str_has_prefix(info->name, IMAGE_TEMPORARY)) {
		g_ptr_array_add(out->temporary, g_strdup(info->name));
		return;
	}
	rbd_snap_get_timestamp(image, info->id, &created);
	json_array_append_new(out->listed, json_pack("{s:s,s:I,s:I}", "snapshot", info->name, "capacity", (json_int_t)info->size - header, "created",
	    (json_int_t)created.tv_sec));
}

int
image_snapshots(rbd_image_t image, struct image_snapshots *out, struct error *err)
{
	g_autofree rbd_snap_info_t *infos = g_new0(rbd_snap_info_t, SNAPSHOTS_MOST);
	int most = SNAPSHOTS_MOST, count = rbd_snap_list(image, infos, &most);
	int64_t header = count <= 0 ? 0 : encryption_header(image, err);

	if (header < 0)
		return -1;
	if (count < 0)
		return cluster_error(err, count, "cannot list the snapshots of a volume");
	*out = (struct image_snapshots){ .listed = json_array(), .temporary = g_ptr_array_new_with_free_func(g_free) };
	for (int i = 0; i < count; i++) {
		rbd_snap_namespace_type_t type = RBD_SNAP_NAMESPACE_TYPE_USER;
		rbd_snap_get_namespace_type(image, infos[i].id, &type);
		if (type == RBD_SNAP_NAMESPACE_TYPE_USER)
			add_snapshot(image, &infos[i], header, out);
		out->trashed += type == RBD_SNAP_NAMESPACE_TYPE_TRASH;
		out->foreign += type == RBD_SNAP_NAMESPACE_TYPE_GROUP || type == RBD_SNAP_NAMESPACE_TYPE_MIRROR;
	}
	rbd_snap_list_end(infos);
	return 0;
}

static int
add_extent(uint64_t offset, size_t length, int exists, void *sum)
{
	(void)offset;
	if (exists)
		*(uint64_t *)sum += length;
	return 0;
}

/* Bytes that it has of its own; -1: not known, or only by looking at more objects than is worth it. */
static int64_t
allocation_of(rbd_image_t image, const rbd_image_info_t *info)
{
	uint64_t bits = 0, flags = 0, sum = 0;
	bool fast = rbd_get_features(image, &bits) == 0 && (bits & RBD_FEATURE_FAST_DIFF) != 0 && rbd_get_flags(image, &flags) == 0 &&
	    (flags & (RBD_FLAG_OBJECT_MAP_INVALID | RBD_FLAG_FAST_DIFF_INVALID)) == 0;

	if ((!fast && info->num_objs > COUNT_MOST) || rbd_diff_iterate2(image, NULL, 0, info->size, 0, fast, add_extent, &sum) < 0)
		return -1;
	return (int64_t)sum;
}

json_t *
image_describe(const struct place *place, rbd_image_t image, struct error *err)
{
	uint64_t capacity;

	if (image_capacity(image, &capacity, err) < 0)
		return NULL;
	return json_pack("{s:s,s:s,s:I,s:s}", "volume", place->volume, "path", place->path, "capacity", (json_int_t)capacity, "format", "raw");
}

json_t *
image_describe_clone(const struct place *place, rbd_image_t image, int depth, struct error *err)
{
	json_t *volume = depth < 0 ? NULL : image_describe(place, image, err);

	if (volume != NULL)
		json_object_set_new(volume, "depth", json_integer(depth));
	return volume;
}

json_t *
image_describe_all(const struct place *place, rbd_image_t image, struct error *err)
{
	IMAGE_SNAPSHOTS_AUTO snapshots = { 0 };
	g_autofree char *parent = NULL;
	g_autoptr(GHashTable) words = NULL;
	rbd_image_info_t info;
	json_t *volume, *users;
	int64_t allocation;
	int depth, rc = rbd_stat(image, &info, sizeof(info));

	if (rc < 0) {
		cluster_error(err, rc, "cannot read volume %s", place->path);
		return NULL;
	}
	words = image_words(image, err);
	depth = words == NULL ? -1 : image_depth(image, &parent, err);
	users = depth < 0 || image_snapshots(image, &snapshots, err) < 0 ? NULL : image_users(image, err);
	if (users == NULL)
		return NULL;
	volume = image_describe(place, image, err);
	if (volume == NULL) {
		json_decref(users);
		return NULL;
	}
	allocation = allocation_of(image, &info);
	if (allocation >= 0)
		json_object_set_new(volume, "allocation", json_integer(allocation));
	json_object_update_new(volume, json_pack("{s:o,s:i,s:O,s:o}", "inUse", users, "depth", depth, "snapshots", snapshots.listed, "owner",
	    owner_of(words)));
	if (parent != NULL)
		json_object_set_new(volume, "parent", json_string(parent));
	return volume;
}

int
image_ignore_progress(uint64_t done, uint64_t total, void *arg)
{
	(void)done;
	(void)total;
	(void)arg;
	return 0;
}

/* --- going --------------------------------------------------------------------------------------------------------------- */

int
image_remove_snapshot(const struct place *place, const char *snapshot, struct error *err)
{
	IMAGE_AUTO image = NULL;
	int rc;

	if (image_open(place, &image, err) < 0)
		return err->code == ENOENT ? 0 : -1;
	rc = rbd_snap_remove2(image, snapshot, 0, image_ignore_progress, NULL);
	if (rc == -EBUSY)
		return error_set(err, EBUSY, "snapshot %s@%s is protected: \"rbd snap unprotect\" it when nobody needs that any more", place->path,
		    snapshot);
	return rc == 0 || rc == -ENOENT ? 0 : cluster_error(err, rc, "cannot remove snapshot %s@%s", place->path, snapshot);
}

static int
busy_error(const struct place *place, const json_t *users, struct error *err)
{
	g_autoptr(GString) names = g_string_new(NULL);
	size_t i;
	json_t *one;

	json_array_foreach(users, i, one)
		g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", json_string_value(one));
	return error_set(err, EBUSY, "volume %s is open: by %s; end that client, or fence it when its host is dead", place->path, names->str);
}

/* Neither open somewhere nor with snapshots that somebody wants.  needed: clones lie over it. */
static int
check_removable(const struct place *place, rbd_image_t image, bool *needed, struct error *err)
{
	IMAGE_SNAPSHOTS_AUTO snapshots = { 0 };
	json_t *users = image_users_still(place, image, err);
	int rc = users == NULL ? -1 : json_array_size(users) > 0 ? busy_error(place, users, err) : 0;

	json_decref(users);
	if (rc < 0 || image_snapshots(image, &snapshots, err) < 0)
		return -1;
	if (json_array_size(snapshots.listed) > 0)
		return error_set(err, ENOTEMPTY, "volume %s has %zu snapshots, such as %s: delete them first", place->path,
		    json_array_size(snapshots.listed), json_string_value(json_object_get(json_array_get(snapshots.listed, 0), "snapshot")));
	if (snapshots.foreign > 0)
		return error_set(err, ENOTEMPTY, "volume %s has %d snapshots of groups or mirrors: remove it from those first", place->path,
		    snapshots.foreign);
	/* Their clones are complete, or will be made anew; who makes one now has locked this volume. */
	for (guint i = 0; i < snapshots.temporary->len; i++)
		if (image_remove_snapshot(place, snapshots.temporary->pdata[i], err) < 0)
			return -1;
	*needed = snapshots.trashed + (int)snapshots.temporary->len > 0;
	return 0;
}

/* Out of the way: clones that need it hold it by its id. */
static int
put_aside(const struct place *place, struct error *err)
{
	int rc = rbd_trash_move(place->io, place->volume, 0);

	return rc == 0 || rc == -ENOENT ? 0 : cluster_error(err, rc, "cannot move volume %s into Ceph's trash", place->path);
}

/* id: of the image that has the name, "" when none could be opened. */
static int
remove_named(const struct place *place, const char *id, struct error *err)
{
	int rc = rbd_remove(place->io, place->volume);

	if (rc == -EBUSY && *id != '\0') {
		image_remind(place, id);
		rc = rbd_remove(place->io, place->volume);
	}
	if (rc == -ENOTEMPTY)
		return put_aside(place, err);
	/* A removal that was killed has it in Ceph's trash already, and the name is free: the sweep goes on with it. */
	if ((rc == -EBUSY || rc == -EUCLEAN) && *id == '\0')
		return 0;
	if (rc == -EBUSY)
		return error_set(err, EBUSY, "volume %s is open, or was until less than 30 s ago on a host that died: try again", place->path);
	return rc == 0 || rc == -ENOENT ? 0 : cluster_error(err, rc, "cannot delete volume %s", place->path);
}

int
image_remove(const struct place *place, struct error *err)
{
	char id[IMAGE_ID_SIZE] = "";
	struct error why = { 0 };
	bool needed = false;
	{
		IMAGE_AUTO image = NULL;
		int rc = image_open_to_read(place, &image, &why);
		if (rc < 0 && why.code != ENOENT) {
			*err = why;
			return -1;
		}
		if (rc == 0 && (image_id(image, id, err) < 0 || check_removable(place, image, &needed, err) < 0))
			return -1;
	}
	/* Also without a header: a kill may have left names of it. */
	return needed ? put_aside(place, err) : remove_named(place, id, err);
}
