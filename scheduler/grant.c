/* What a host gives to one instance alone; see grant.h. */
#include "config.h"

#include <assert.h>
#include <glib.h>
#include <string.h>

#include "scheduler/grant.h"

/* --- processors ----------------------------------------------------------------------------------------------------- */

/* A core with something free. */
struct core {
	int node, id;
	size_t threads, free; /* of it: in all, and not taken */
};

/* A choice under way. */
struct choice {
	const struct grant_cpu *cpus;
	size_t count;
	GArray *cores; /* struct core, by node and number */
	bool *marked;  /* by position: chosen */
};

size_t
grant_cpus_free(const struct grant_cpu *cpus, size_t count)
{
	size_t free = 0;

	for (size_t i = 0; i < count; i++)
		free += !cpus[i].taken;
	return free;
}

static bool
is_whole(const struct core *core)
{
	return core->free == core->threads;
}

static gint
compare_cores(gconstpointer a, gconstpointer b)
{
	const struct core *left = a, *right = b;

	return left->node != right->node ? left->node - right->node : left->id - right->id;
}

static GArray *
collect_cores(const struct grant_cpu *cpus, size_t count)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL); /* core -> position + 1 */
	GArray *cores = g_array_new(FALSE, TRUE, sizeof(struct core));

	for (size_t i = 0; i < count; i++) {
		guint at = GPOINTER_TO_UINT(g_hash_table_lookup(seen, GINT_TO_POINTER(cpus[i].core)));

		if (at == 0) {
			struct core new = { cpus[i].node, cpus[i].core, 0, 0 };

			g_array_append_val(cores, new);
			at = cores->len;
			g_hash_table_insert(seen, GINT_TO_POINTER(cpus[i].core), GUINT_TO_POINTER(at));
		}
		struct core *core = &g_array_index(cores, struct core, at - 1);
		core->threads++;
		core->free += !cpus[i].taken;
	}
	g_array_sort(cores, compare_cores);
	return cores;
}

static size_t
free_of_node(const struct choice *c, int node)
{
	size_t free = 0;

	for (guint i = 0; i < c->cores->len; i++) {
		const struct core *core = &g_array_index(c->cores, struct core, i);
		free += core->node == node ? core->free : 0;
	}
	return free;
}

/* How many of "wanted" a node can give as whole cores. */
static size_t
whole_of_node(const struct choice *c, int node, size_t wanted)
{
	size_t given = 0;

	for (guint i = 0; i < c->cores->len; i++) {
		const struct core *core = &g_array_index(c->cores, struct core, i);
		if (core->node == node && is_whole(core) && core->free <= wanted - given)
			given += core->free;
	}
	return given;
}

/* A node that has enough wins over one that has not; of those with enough, the one that gives most whole cores, then the one
 * that would have least left; of the others, the one that has most. */
static bool
is_better_node(const struct choice *c, int a, int b, size_t wanted)
{
	size_t left = free_of_node(c, a), right = free_of_node(c, b);

	if ((left >= wanted) != (right >= wanted))
		return left >= wanted;
	if (left < wanted)
		return left > right;
	if (whole_of_node(c, a, wanted) != whole_of_node(c, b, wanted))
		return whole_of_node(c, a, wanted) > whole_of_node(c, b, wanted);
	return left < right;
}

static int
best_node(const struct choice *c, size_t wanted)
{
	int best = g_array_index(c->cores, struct core, 0).node, node = best;

	for (guint i = 1; i < c->cores->len; i++) {
		int next = g_array_index(c->cores, struct core, i).node;

		if (next != node && is_better_node(c, next, best, wanted))
			best = next;
		node = next;
	}
	return best;
}

/* Marks up to "most" free threads of a core. */
static size_t
take_core(struct choice *c, struct core *core, size_t most)
{
	size_t given = 0;

	for (size_t i = 0; i < c->count && given < most; i++) {
		if (c->cpus[i].core != core->id || c->cpus[i].taken || c->marked[i])
			continue;
		c->marked[i] = true;
		given++;
	}
	core->free -= given;
	return given;
}

/* The core to take a rest from that is no whole core: one that others use already, that with least free; else a whole one. */
static struct core *
core_for_rest(const struct choice *c, int node)
{
	struct core *best = NULL;

	for (guint i = 0; i < c->cores->len; i++) {
		struct core *core = &g_array_index(c->cores, struct core, i);

		if (core->node != node || core->free == 0)
			continue;
		if (best == NULL || (is_whole(best) && !is_whole(core)) || (is_whole(best) == is_whole(core) && core->free < best->free))
			best = core;
	}
	return best;
}

/* Takes up to "wanted" of a node. */
static size_t
take_node(struct choice *c, int node, size_t wanted)
{
	size_t given = 0;

	for (guint i = 0; i < c->cores->len; i++) {
		struct core *core = &g_array_index(c->cores, struct core, i);
		if (core->node == node && is_whole(core) && core->free > 0 && core->free <= wanted - given)
			given += take_core(c, core, core->free);
	}
	for (struct core *core; given < wanted && (core = core_for_rest(c, node)) != NULL;)
		given += take_core(c, core, wanted - given);
	return given;
}

/* The chosen threads, those of cores that were chosen as a whole first; a core's stand side by side. */
static size_t
list_chosen(const struct choice *c, bool whole, size_t *chosen)
{
	size_t listed = 0;

	for (guint i = 0; i < c->cores->len; i++) {
		const struct core *core = &g_array_index(c->cores, struct core, i);
		size_t first = listed;

		for (size_t n = 0; n < c->count; n++)
			if (c->marked[n] && c->cpus[n].core == core->id)
				chosen[listed++] = n;
		if ((listed - first == core->threads) != whole)
			listed = first;
	}
	return listed;
}

bool
grant_cpus_choose(const struct grant_cpu *cpus, size_t count, size_t wanted, size_t *chosen)
{
	g_autofree bool *marked = g_new0(bool, count + 1);
	struct choice c = { cpus, count, NULL, marked };
	g_autofree size_t *list = g_new(size_t, 2 * count + 1); /* a core's threads are listed before it is known whether it counts */
	size_t left = wanted, listed;

	if (grant_cpus_free(cpus, count) < wanted)
		return false;
	if (wanted == 0)
		return true;
	c.cores = collect_cores(cpus, count);
	while (left > 0)
		left -= take_node(&c, best_node(&c, left), left);
	listed = list_chosen(&c, true, list);
	listed += list_chosen(&c, false, list + listed);
	assert(listed == wanted);
	memcpy(chosen, list, listed * sizeof(*chosen));
	g_array_unref(c.cores);
	return true;
}

/* --- devices -------------------------------------------------------------------------------------------------------- */

static bool
is_free(const struct grant_device *devices, size_t count, const struct grant_device *device)
{
	if (device->taken)
		return false;
	for (size_t i = 0; i < count && device->group != NULL; i++)
		if (devices[i].taken && devices[i].group != NULL && strcmp(devices[i].group, device->group) == 0)
			return false;
	return true;
}

size_t
grant_devices_free(const struct grant_device *devices, size_t count, const char *resource, size_t *all)
{
	size_t free = 0;

	*all = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(devices[i].resource, resource) != 0)
			continue;
		++*all;
		free += is_free(devices, count, &devices[i]);
	}
	return free;
}

static bool
is_near(const struct grant_device *device, const int *nodes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (device->node == nodes[i])
			return true;
	return false;
}

int
grant_device_choose(const struct grant_device *devices, size_t count, const char *resource, const int *nodes, size_t node_count)
{
	int found = -1;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(devices[i].resource, resource) != 0 || !is_free(devices, count, &devices[i]))
			continue;
		if (is_near(&devices[i], nodes, node_count))
			return (int)i;
		if (found < 0)
			found = (int)i;
	}
	return found;
}
