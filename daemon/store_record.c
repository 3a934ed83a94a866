/* Small records of the daemon, by bucket and key. */
#include "config.h"

#include <string.h>

#include "daemon/store_private.h"

static gint
compare_records(gconstpointer left, gconstpointer right, gpointer arg)
{
	const struct store_record *a = left, *b = right;
	int order = strcmp(a->bucket, b->bucket);

	(void)arg;
	return order != 0 ? order : strcmp(a->key, b->key);
}

static struct store_record *
find(struct store *store, const char *bucket, const char *key)
{
	struct store_record record = { .bucket = (char *)bucket, .key = (char *)key };

	return g_tree_lookup(store->records, &record);
}

const char *
store_record_get(struct store *store, const char *bucket, const char *key)
{
	const struct store_record *record = find(store, bucket, key);

	return record == NULL ? NULL : record->value;
}

int
store_record_set(struct store *store, const char *bucket, const char *key, const char *value, struct error *err)
{
	struct store_record *before = find(store, bucket, key), *after = NULL;

	if (g_strcmp0(before == NULL ? NULL : before->value, value) == 0)
		return 0;
	if (store_disk_check(store, value == NULL, err) < 0)
		return -1;
	if (value != NULL)
		after = store_record_new(bucket, key, value);
	store_record_swap(store, before, after);
	store_op_record(store, before, after);
	return 0;
}

/* What a walk over a bucket needs. */
struct walk {
	const char *bucket;
	void (*each)(void *arg, const char *key, const char *value);
	void *arg;
};

static gboolean
walk_one(gpointer key, gpointer value, gpointer arg)
{
	const struct store_record *record = value;
	const struct walk *walk = arg;

	(void)key;
	if (strcmp(record->bucket, walk->bucket) == 0)
		walk->each(walk->arg, record->key, record->value);
	return FALSE;
}

void
store_record_each(struct store *store, const char *bucket, void (*each)(void *arg, const char *key, const char *value),
    void *arg)
{
	struct walk walk = { bucket, each, arg };

	g_tree_foreach(store->records, walk_one, &walk);
}

void
store_record_init(struct store *store)
{
	store->records = g_tree_new_full(compare_records, NULL, NULL, (GDestroyNotify)store_record_free);
}

void
store_record_clear(struct store *store)
{
	g_clear_pointer(&store->records, g_tree_unref);
}

void
store_record_swap(struct store *store, struct store_record *before, struct store_record *after)
{
	if (before != NULL)
		g_tree_steal(store->records, before);
	if (after != NULL)
		g_tree_insert(store->records, after, after);
}

void
store_record_free(struct store_record *record)
{
	if (record == NULL)
		return;
	g_free(record->bucket);
	g_free(record->key);
	g_free(record->value);
	g_free(record);
}

struct store_record *
store_record_new(const char *bucket, const char *key, const char *value)
{
	struct store_record *record = g_new(struct store_record, 1);

	*record = (struct store_record) { g_strdup(bucket), g_strdup(key), g_strdup(value) };
	return record;
}
