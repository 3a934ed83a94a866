/* Sums of what instances were promised; see promises.h. */
#include "config.h"

#include <glib.h>

#include "daemon/controllers/promises.h"
#include "daemon/store.h"
#include "src/api/vmi.h"

struct amount {
	int64_t cpu, memory; /* millicores, bytes */
};

/* What one instance has. */
struct promise {
	char *node;
	struct amount amount;
};

struct promises {
	GHashTable *by_uid;  /* struct promise */
	GHashTable *by_node; /* struct amount */
};

static void
promise_free(gpointer pointer)
{
	struct promise *promise = pointer;

	g_free(promise->node);
	g_free(promise);
}

struct promises *
promises_new(void)
{
	struct promises *p = g_new(struct promises, 1);

	p->by_uid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, promise_free);
	p->by_node = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return p;
}

void
promises_free(struct promises *p)
{
	if (p == NULL)
		return;
	g_hash_table_destroy(p->by_uid);
	g_hash_table_destroy(p->by_node);
	g_free(p);
}

static struct amount *
node_amount(struct promises *p, const char *node)
{
	struct amount *amount = g_hash_table_lookup(p->by_node, node);

	if (amount == NULL) {
		amount = g_new0(struct amount, 1);
		g_hash_table_insert(p->by_node, g_strdup(node), amount);
	}
	return amount;
}

void
promises_drop(struct promises *p, const char *uid)
{
	const struct promise *promise = g_hash_table_lookup(p->by_uid, uid);

	if (promise == NULL)
		return;
	struct amount *sum = node_amount(p, promise->node);
	sum->cpu -= promise->amount.cpu;
	sum->memory -= promise->amount.memory;
	g_hash_table_remove(p->by_uid, uid);
}

void
promises_note(struct promises *p, const struct object *object)
{
	const struct vmi *vmi = object->value;

	promises_drop(p, object->uid);
	if (vmi_is_final(vmi) || vmi->status->node_name == NULL)
		return;
	struct promise *promise = g_new(struct promise, 1);
	promise->node = g_strdup(vmi->status->node_name);
	promises_requested(vmi->spec, &promise->amount.cpu, &promise->amount.memory);
	struct amount *sum = node_amount(p, promise->node);
	sum->cpu += promise->amount.cpu;
	sum->memory += promise->amount.memory;
	g_hash_table_insert(p->by_uid, g_strdup(object->uid), promise);
}

void
promises_sum(const struct promises *p, const char *node, int64_t *cpu, int64_t *memory)
{
	const struct amount *sum = g_hash_table_lookup(p->by_node, node);

	*cpu = sum == NULL ? 0 : sum->cpu;
	*memory = sum == NULL ? 0 : sum->memory;
}

void
promises_requested(const struct vmi_spec *spec, int64_t *cpu, int64_t *memory)
{
	const struct resources *r = spec->domain->resources;
	const struct resource_list *asked = r == NULL ? NULL : r->requests;

	if (spec->domain->cpu != NULL && spec->domain->cpu->dedicated_cpu_placement)
		*cpu = 0;
	else
		*cpu = asked != NULL && asked->cpu > 0 ? asked->cpu : vmi_vcpus(spec) * 1000;
	*memory = asked != NULL && asked->memory > 0 ? asked->memory : vmi_memory(spec);
}
