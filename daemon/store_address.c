/*
 * The address ledger.  Memory answers at once whether an address is free; the constraints of the table are what promises it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/store_private.h"

static gint
compare_addresses(gconstpointer left, gconstpointer right, gpointer arg)
{
	const struct address *a = left, *b = right;
	int order = strcmp(a->network, b->network);

	(void)arg;
	return order != 0 ? order : strcmp(a->owner, b->owner);
}

static struct address *
find(struct store *store, const char *network, const char *owner)
{
	struct address key = { .network = network, .owner = owner };

	return g_tree_lookup(store->addresses, &key);
}

const struct address *
store_address_get(struct store *store, const char *network, const char *owner)
{
	return find(store, network, owner);
}

/* An IP has no ':' and a MAC has, so that both fit one table. */
static char *
taken_key(const char *network, const char *address)
{
	return g_strconcat(network, "/", address, NULL);
}

static int
check_free(struct store *store, const struct address *wanted, const char *what, const char *address, struct error *err)
{
	g_autofree char *key = taken_key(wanted->network, address);
	const struct address *holder = g_hash_table_lookup(store->taken, key);

	if (holder == NULL || strcmp(holder->owner, wanted->owner) == 0)
		return 0;
	return error_set(err, EEXIST, "%s %s in network %s belongs to %s already", what, address, wanted->network, holder->owner);
}

/* What nobody else of the network may have. */
enum { UNIQUE = 3 };
static const char *const unique_names[UNIQUE] = { "IP", "IP", "MAC" };

static const char *
unique_at(const struct address *address, int at)
{
	const char *const all[UNIQUE] = { address->ip, address->ip6, address->mac };

	return all[at] == NULL ? "" : all[at];
}

static bool
is_same(const struct address *a, const struct address *b)
{
	bool same = a != NULL && a->released == b->released;

	for (int i = 0; same && i < UNIQUE; i++)
		same = strcmp(unique_at(a, i), unique_at(b, i)) == 0;
	return same;
}

int
store_address_put(struct store *store, const struct address *address, struct error *err)
{
	struct address *before = find(store, address->network, address->owner);

	if (is_same(before, address))
		return 0;
	if (store_disk_check(store, before != NULL && address->released != 0, err) < 0)
		return -1;
	for (int i = 0; i < UNIQUE; i++)
		if (*unique_at(address, i) != '\0' && check_free(store, address, unique_names[i], unique_at(address, i), err) < 0)
			return -1;
	struct address *after = store_address_copy(address);
	store_address_swap(store, before, after);
	store_op_address(store, before, after);
	return 0;
}

int
store_address_remove(struct store *store, const char *network, const char *owner, struct error *err)
{
	struct address *before = find(store, network, owner);

	if (before == NULL)
		return 0;
	if (store_disk_check(store, true, err) < 0)
		return -1;
	store_address_swap(store, before, NULL);
	store_op_address(store, before, NULL);
	return 0;
}

/* What a walk over a network needs. */
struct walk {
	const char *network;
	void (*each)(void *arg, const struct address *address);
	void *arg;
};

static gboolean
walk_one(gpointer key, gpointer value, gpointer arg)
{
	const struct address *address = value;
	const struct walk *walk = arg;

	(void)key;
	if (walk->network == NULL || strcmp(address->network, walk->network) == 0)
		walk->each(walk->arg, address);
	return FALSE;
}

void
store_address_each(struct store *store, const char *network, void (*each)(void *arg, const struct address *address),
    void *arg)
{
	struct walk walk = { network, each, arg };

	g_tree_foreach(store->addresses, walk_one, &walk);
}

void
store_address_init(struct store *store)
{
	store->addresses = g_tree_new_full(compare_addresses, NULL, NULL, (GDestroyNotify)store_address_free);
	store->taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
store_address_clear(struct store *store)
{
	g_clear_pointer(&store->taken, g_hash_table_destroy);
	g_clear_pointer(&store->addresses, g_tree_unref);
}

static void
taken_remove(struct store *store, const char *network, const char *address)
{
	g_autofree char *key = taken_key(network, address);

	g_hash_table_remove(store->taken, key);
}

static void
taken_add(struct store *store, const char *address, struct address *holder)
{
	if (*address != '\0')
		g_hash_table_insert(store->taken, taken_key(holder->network, address), holder);
}

void
store_address_swap(struct store *store, struct address *before, struct address *after)
{
	if (before != NULL) {
		for (int i = 0; i < UNIQUE; i++)
			taken_remove(store, before->network, unique_at(before, i));
		g_tree_steal(store->addresses, before);
	}
	if (after != NULL) {
		g_tree_insert(store->addresses, after, after);
		for (int i = 0; i < UNIQUE; i++)
			taken_add(store, unique_at(after, i), after);
	}
}

void
store_address_free(struct address *address)
{
	if (address == NULL)
		return;
	g_free((char *)address->network);
	g_free((char *)address->owner);
	g_free((char *)address->ip);
	g_free((char *)address->ip6);
	g_free((char *)address->mac);
	g_free(address);
}

struct address *
store_address_copy(const struct address *address)
{
	struct address *copy = g_new(struct address, 1);

	*copy = (struct address) { g_strdup(address->network), g_strdup(address->owner), g_strdup(address->ip),
		g_strdup(address->mac), address->released, g_strdup(address->ip6 == NULL ? "" : address->ip6) };
	return copy;
}
