/* Which host a VM goes to; see scheduler.h. */
#include "config.h"

#include <assert.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "scheduler/scheduler.h"
#include "src/base/quantity.h"

/* --- filters: a host must pass them all --------------------------------------------------------------------------- */

static bool
is_ready(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	(void)demand;
	return host->ready;
}

static bool
is_schedulable(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	(void)demand;
	return host->schedulable;
}

static bool
holds_disks(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return demand->pinned == NULL || strcmp(demand->pinned, host->name) == 0;
}

static bool
has_label(const struct scheduler_host *host, const struct scheduler_label *wanted)
{
	for (size_t i = 0; i < host->label_count; i++)
		if (strcmp(host->labels[i].name, wanted->name) == 0)
			return strcmp(host->labels[i].value, wanted->value) == 0;
	return false;
}

static bool
matches_selector(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	for (size_t i = 0; i < demand->selector_count; i++)
		if (!has_label(host, &demand->selector[i]))
			return false;
	return true;
}

static bool
has_networks(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	(void)demand;
	return host->unplugged == NULL;
}

static bool
has_cpu(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return demand->cpu <= host->cpu - host->cpu_used;
}

static bool
has_memory(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return demand->memory <= host->memory - host->memory_used;
}

static bool
has_whole(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return demand->whole <= host->whole_free;
}

static struct scheduler_resource
find_resource(const struct scheduler_host *host, const char *name)
{
	for (size_t i = 0; i < host->resource_count; i++)
		if (strcmp(host->resources[i].name, name) == 0)
			return host->resources[i];
	return (struct scheduler_resource){ name, 0, 0 };
}

/* The first resource of which the host has too little, or NULL. */
static const struct scheduler_resource *
lacking(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	for (size_t i = 0; i < demand->resource_count; i++)
		if (find_resource(host, demand->resources[i].name).free < demand->resources[i].amount)
			return &demand->resources[i];
	return NULL;
}

static bool
has_devices(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return lacking(host, demand) == NULL;
}

/* What a filter that compares numbers looks at, so that its refusal can tell them. */
struct amount {
	int64_t wanted, free, total;
	char *(*format)(int64_t amount);
	const char *of; /* what the filter's words leave open, or NULL */
};

static void
cpu_amount(const struct scheduler_host *host, const struct scheduler_demand *demand, struct amount *amount)
{
	*amount = (struct amount){demand->cpu, host->cpu - host->cpu_used, host->cpu, quantity_format_milli, NULL};
}

static void
memory_amount(const struct scheduler_host *host, const struct scheduler_demand *demand, struct amount *amount)
{
	*amount =
	    (struct amount){demand->memory, host->memory - host->memory_used, host->memory, quantity_format_human, NULL};
}

static char *
format_count(int64_t count)
{
	return g_strdup_printf("%" PRId64, count);
}

static void
whole_amount(const struct scheduler_host *host, const struct scheduler_demand *demand, struct amount *amount)
{
	*amount = (struct amount){demand->whole, host->whole_free, host->whole, format_count, NULL};
}

/* Only of a host that lacks some. */
static void
device_amount(const struct scheduler_host *host, const struct scheduler_demand *demand, struct amount *amount)
{
	const struct scheduler_resource *wanted = lacking(host, demand);
	struct scheduler_resource has = find_resource(host, wanted->name);

	*amount = (struct amount){wanted->amount, has.free, has.amount, format_count, wanted->name};
}

/*
 * In the order in which they are asked.  A host is counted under the first filter that it fails; under every one of
 * those that compare amounts, so that a machine which lacks both CPU and memory is not told of them one by one.
 */
static const struct filter {
	const char *name;
	bool (*passes)(const struct scheduler_host *host, const struct scheduler_demand *demand);
	const char *one, *many; /* reason for one host and for several, behind their number */
	void (*amount)(const struct scheduler_host *host, const struct scheduler_demand *demand, struct amount *amount);
} filters[] = {
	{"NodeReady", is_ready, "node is not ready", "nodes are not ready", NULL},
	{"NodeUnschedulable", is_schedulable, "node is unschedulable", "nodes are unschedulable", NULL},
	{"VolumeBinding", holds_disks, "node does not hold its disks", "nodes do not hold its disks", NULL},
	{"NodeAffinity", matches_selector, "node didn't match the node selector", "nodes didn't match the node selector",
	    NULL},
	{"NetworkReady", has_networks, "node lacks its networks", "nodes lack its networks", NULL},
	{"NodeResourcesFit/cpu", has_cpu, "Insufficient cpu", "Insufficient cpu", cpu_amount},
	{"NodeResourcesFit/memory", has_memory, "Insufficient memory", "Insufficient memory", memory_amount},
	{"NodeResourcesFit/whole", has_whole, "Insufficient cpu for itself alone", "Insufficient cpu for itself alone", whole_amount},
	{"NodeResourcesFit/device", has_devices, "Insufficient", "Insufficient", device_amount},
};

/* What the filters said about all hosts. */
struct verdict {
	size_t failed[G_N_ELEMENTS(filters)];                        /* hosts counted under a filter */
	const struct scheduler_host *nearest[G_N_ELEMENTS(filters)]; /* of those, the one with most to give */
	const char *unplugged;                                       /* why the first without its networks lacks them */
};

static void
remember_nearest(
    struct verdict *verdict, size_t at, const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	struct amount old, new;

	if (filters[at].amount == NULL)
		return;
	filters[at].amount(host, demand, &new);
	if (verdict->nearest[at] != NULL) {
		filters[at].amount(verdict->nearest[at], demand, &old);
		if (new.free <= old.free)
			return;
	}
	verdict->nearest[at] = host;
}

static bool
passes_all(const struct scheduler_host *host, const struct scheduler_demand *demand, struct verdict *verdict)
{
	bool passed = true;

	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		if (filters[i].passes(host, demand))
			continue;
		verdict->failed[i]++;
		if (filters[i].passes == has_networks && verdict->unplugged == NULL)
			verdict->unplugged = host->unplugged;
		remember_nearest(verdict, i, host, demand);
		passed = false;
		if (filters[i].amount == NULL)
			break;
	}
	return passed;
}

/* --- scores: the best of those that passed ------------------------------------------------------------------------ */

enum { SCORE_MOST = 10000 };

/* What would stay free, in parts of SCORE_MOST; 128 bits because bytes of a host times that can pass 63. */
static int64_t
free_part(int64_t total, int64_t used, int64_t demand)
{
	return total <= 0 ? 0 : (int64_t)((__int128)(total - used - demand) * SCORE_MOST / total);
}

static int64_t
least_cpu(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return free_part(host->cpu, host->cpu_used, demand->cpu);
}

static int64_t
least_memory(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	return free_part(host->memory, host->memory_used, demand->memory);
}

/* kube-scheduler's LeastAllocated: the emptier a host would stay, the better; both resources weigh the same. */
static const struct score {
	const char *name;
	int64_t (*points)(const struct scheduler_host *host, const struct scheduler_demand *demand);
	int64_t weight;
} scores[] = {
	{"LeastAllocated/cpu", least_cpu, 1},
	{"LeastAllocated/memory", least_memory, 1},
};

static int64_t
score(const struct scheduler_host *host, const struct scheduler_demand *demand)
{
	int64_t sum = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(scores); i++)
		sum += scores[i].points(host, demand) * scores[i].weight;
	return sum;
}

/* Equal scores go by name, so that the order of the configuration file decides nothing. */
static bool
is_better(const struct scheduler_host *a, const struct scheduler_host *b, const struct scheduler_demand *demand)
{
	int64_t left = score(a, demand), right = score(b, demand);

	return left != right ? left > right : strcmp(a->name, b->name) < 0;
}

/* --- why not ------------------------------------------------------------------------------------------------------ */

static void
explain_filter(const struct verdict *verdict, size_t at, const struct scheduler_demand *demand, GString *out)
{
	const struct filter *filter = &filters[at];
	struct amount amount;

	g_string_append_printf(
	    out, "%zu %s", verdict->failed[at], verdict->failed[at] == 1 ? filter->one : filter->many);
	if (filter->amount == NULL)
		return;
	filter->amount(verdict->nearest[at], demand, &amount);
	g_autofree char *wanted = amount.format(amount.wanted);
	g_autofree char *have = amount.format(MAX(amount.free, 0));
	g_autofree char *total = amount.format(amount.total);
	g_string_append_printf(
	    out, "%s%s (wanted %s, %s %s of %s)", amount.of == NULL ? "" : " ", amount.of == NULL ? "" : amount.of, wanted, verdict->failed[at] == 1 ? "free" : "at most free", have, total);
}

static bool
is_known(const struct scheduler_host *hosts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return true;
	return false;
}

static void
explain(const struct scheduler_host *hosts, size_t count, const struct verdict *verdict,
    const struct scheduler_demand *demand, char *why, size_t size)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *between = ": ";

	g_string_append_printf(out, "0/%zu nodes are available", count);
	if (count == 0)
		g_string_append(out, ": none is configured");
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		if (verdict->failed[i] == 0)
			continue;
		g_string_append(out, between);
		explain_filter(verdict, i, demand, out);
		between = ", ";
	}
	if (verdict->unplugged != NULL)
		g_string_append_printf(out, "; %s", verdict->unplugged);
	if (demand->pinned != NULL)
		g_string_append_printf(out, "; its disks are on %s%s", demand->pinned,
		    is_known(hosts, count, demand->pinned) ? "" : ", which is not configured");
	g_strlcpy(why, out->str, size);
}

int
scheduler_choose(const struct scheduler_host *hosts, size_t count, const struct scheduler_demand *demand, char *why,
    size_t size)
{
	struct verdict verdict = {0};
	int best = -1;

	assert(count <= G_MAXINT);
	for (size_t i = 0; i < count; i++)
		if (passes_all(&hosts[i], demand, &verdict) && (best < 0 || is_better(&hosts[i], &hosts[best], demand)))
			best = (int)i;
	if (best < 0)
		explain(hosts, count, &verdict, demand, why, size);
	return best;
}
