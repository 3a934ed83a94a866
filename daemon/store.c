/* Current objects in memory, and changing them; see store.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/store_private.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* --- reading ---------------------------------------------------------------------------------------------------- */

const struct object *
store_get(struct store *store, enum kind_id kind, const char *namespace, const char *name)
{
	struct object key = { .namespace = namespace == NULL || !kinds[kind].namespaced ? "" : namespace, .name = name };

	return g_tree_lookup(store->objects[kind], &key);
}

const struct object *
store_get_uid(struct store *store, const char *uid)
{
	return g_hash_table_lookup(store->by_uid, uid);
}

/* What a walk over a kind collects. */
struct listing {
	GPtrArray *objects;
	const char *namespace; /* NULL: all */
};

static gboolean
list_one(gpointer key, gpointer value, gpointer arg)
{
	const struct object *object = value;
	struct listing *listing = arg;

	(void)key;
	if (listing->namespace == NULL || strcmp(listing->namespace, object->namespace) == 0)
		g_ptr_array_add(listing->objects, (gpointer)object_ref(object));
	return FALSE;
}

static void
free_object(gpointer object)
{
	object_unref(object);
}

GPtrArray *
store_list(struct store *store, enum kind_id kind, const char *namespace)
{
	struct listing listing = { g_ptr_array_new_with_free_func(free_object), namespace };

	g_tree_foreach(store->objects[kind], list_one, &listing);
	return listing.objects;
}

static gint
compare_names(gconstpointer left, gconstpointer right, gpointer arg)
{
	const struct object *a = left, *b = right;
	int order = strcmp(a->namespace, b->namespace);

	(void)arg;
	return order != 0 ? order : strcmp(a->name, b->name);
}

static gint
compare_listed(gconstpointer left, gconstpointer right)
{
	const struct object *a = *(const struct object *const *)left, *b = *(const struct object *const *)right;

	return a->kind != b->kind ? (a->kind > b->kind) - (a->kind < b->kind) : compare_names(a, b, NULL);
}

GPtrArray *
store_owned(struct store *store, const char *owner_uid)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(free_object);
	GPtrArray *owned = g_hash_table_lookup(store->owned, owner_uid);

	for (guint i = 0; owned != NULL && i < owned->len; i++)
		g_ptr_array_add(all, (gpointer)object_ref(owned->pdata[i]));
	g_ptr_array_sort(all, compare_listed);
	return all;
}

size_t
store_count(struct store *store, enum kind_id kind)
{
	return (size_t)g_tree_nnodes(store->objects[kind]);
}

int64_t
store_version(struct store *store)
{
	return store->version;
}

int64_t
store_epoch(struct store *store)
{
	return store->epoch;
}

const char *
store_uuid(struct store *store)
{
	return store->uuid;
}

/* --- changing --------------------------------------------------------------------------------------------------- */

/* Takes the place of before (may be NULL); the reference is taken over.  Returns it, or NULL. */
static const struct object *
put(struct store *store, const struct object *before, const struct object *after, struct error *err)
{
	const struct object *other = after == NULL ? NULL : store_get_uid(store, after->uid);

	if (after == NULL)
		return NULL;
	if (other != NULL && other != before) {
		error_set(err, EEXIST, "uid %s belongs to %s %s/%s already", after->uid, other->kind->name, other->namespace,
		    other->name);
		object_unref(after);
		return NULL;
	}
	store->version = ++store->next;
	if (before != NULL)
		object_ref(before);
	store_op_object(store, before, after, NULL);
	if (before != NULL)
		store_memory_drop(store, before);
	store_memory_add(store, after);
	return after;
}

const struct object *
store_put(struct store *store, const struct kind *kind, const json_t *tree, struct error *err)
{
	const char *name = path_string(tree, "metadata.name"), *namespace = path_string(tree, "metadata.namespace");
	const struct object *before = name == NULL ? NULL : store_get(store, kind_id(kind), namespace, name);

	if (before != NULL && store_object_equals(before, tree))
		return before;
	if (store_disk_check(store, path_string(tree, "metadata.deletionTimestamp") != NULL, err) < 0)
		return NULL;
	return put(store, before, store_object_new(kind, tree, store->next + 1, err), err);
}

const struct object *
store_put_status(struct store *store, const struct object *object, const json_t *status, struct error *err)
{
	const struct object *before = store_get(store, kind_id(object->kind), object->namespace, object->name);
	g_autofree char *text = json_write(status);

	if (before == object && store_object_has_status(object, text))
		return object;
	if (store_disk_check(store, store_object_meta(object)->deletion_timestamp != 0, err) < 0)
		return NULL;
	return put(store, before, store_object_with_status(object, status, text, store->next + 1, err), err);
}

int
store_remove(struct store *store, const struct object *object, struct error *err)
{
	const struct object *before = store_get(store, kind_id(object->kind), object->namespace, object->name);

	if (before == NULL || strcmp(before->uid, object->uid) != 0)
		return error_set(err, ENOENT, "%s %s/%s is gone already", object->kind->name, object->namespace, object->name);
	if (store_disk_check(store, true, err) < 0)
		return -1;
	json_t *tree = object_tree(before);
	const struct object *gone = store_object_new(before->kind, tree, store->next + 1, err);
	json_decref(tree);
	if (gone == NULL)
		return -1;
	store->version = ++store->next;
	store_op_object(store, object_ref(before), NULL, gone);
	store_memory_drop(store, before);
	return 0;
}

void
store_when_durable(struct store *store, void (*done)(void *arg, const struct error *error), void *arg)
{
	struct store_waiter waiter = { done, arg };

	g_array_append_val(store->waiters, waiter);
	store_commit_arm(store);
}

void
store_subscribe(struct store *store, void (*changed)(void *arg, const struct change *change), void *arg)
{
	struct store_subscriber subscriber = { changed, arg };

	g_array_append_val(store->subscribers, subscriber);
}

/* The place stays taken: a commit may be walking over the subscribers. */
void
store_unsubscribe(struct store *store, const void *arg)
{
	for (guint i = 0; i < store->subscribers->len; i++) {
		struct store_subscriber *subscriber = &g_array_index(store->subscribers, struct store_subscriber, i);
		if (subscriber->arg == arg)
			subscriber->changed = NULL;
	}
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

void
store_memory_init(struct store *store)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		store->objects[kind] = g_tree_new_full(compare_names, NULL, NULL, free_object);
	store->by_uid = g_hash_table_new(g_str_hash, g_str_equal);
	store->owned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	store_record_init(store);
	store_address_init(store);
}

void
store_memory_clear(struct store *store)
{
	if (store->by_uid == NULL)
		return;
	store_address_clear(store);
	store_record_clear(store);
	g_clear_pointer(&store->owned, g_hash_table_destroy);
	g_clear_pointer(&store->by_uid, g_hash_table_destroy);
	for (int kind = 0; kind < KIND_COUNT; kind++)
		g_clear_pointer(&store->objects[kind], g_tree_unref);
}

void
store_memory_add(struct store *store, const struct object *object)
{
	const struct meta *meta = store_object_meta(object);

	g_tree_insert(store->objects[kind_id(object->kind)], (gpointer)object, (gpointer)object_ref(object));
	g_hash_table_insert(store->by_uid, (gpointer)object->uid, (gpointer)object);
	SCHEMA_EACH (struct owner_reference, owner, &meta->owner_references) {
		if (owner->uid == NULL)
			continue;
		GPtrArray *owned = g_hash_table_lookup(store->owned, owner->uid);
		if (owned == NULL) {
			owned = g_ptr_array_new();
			g_hash_table_insert(store->owned, g_strdup(owner->uid), owned);
		}
		if (!g_ptr_array_find(owned, object, NULL))
			g_ptr_array_add(owned, (gpointer)object);
	}
}

void
store_memory_drop(struct store *store, const struct object *object)
{
	const struct meta *meta = store_object_meta(object);

	SCHEMA_EACH (struct owner_reference, owner, &meta->owner_references) {
		GPtrArray *owned = owner->uid == NULL ? NULL : g_hash_table_lookup(store->owned, owner->uid);
		if (owned != NULL && g_ptr_array_remove_fast(owned, (gpointer)object) && owned->len == 0)
			g_hash_table_remove(store->owned, owner->uid);
	}
	g_hash_table_remove(store->by_uid, object->uid);
	g_tree_remove(store->objects[kind_id(object->kind)], object); /* its reference goes here */
}
