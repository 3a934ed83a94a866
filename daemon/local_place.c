/* On which host a volume of the local driver is made; see local_place.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/promises.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/local_place.h"
#include "src/api/core.h"
#include "src/api/datavolume.h"
#include "src/api/kinds.h"
#include "src/api/storage_class.h"
#include "src/api/vm.h"
#include "src/base/error.h"

/* It, or what it was made for, and so on: the one of a kind, such as the machine whose disk it is; or NULL. */
static const void *
find_owner(struct daemon *daemon, const struct object *object, enum kind_id kind)
{
	for (int depth = 0; object != NULL && depth < 3; depth++) {
		const struct object_head *head = object->value;
		const struct owner_reference *owner = head->meta->owner_references.items;
		if (object->kind == &kinds[kind])
			return object->value;
		object = head->meta->owner_references.count == 0 ? NULL : store_get_uid(daemon->store, owner->uid);
	}
	return NULL;
}

/* Where a claim's volume is, or is going to be; NULL: on no host of its own. */
static const char *
node_of(const struct object *claim)
{
	return claim == NULL ? NULL : schema_map_get(&((const struct claim *)claim->value)->head.meta->annotations, VOLUME_NODE);
}

/* Of the machine's disks; NULL: none is anywhere yet. */
static const char *
node_of_others(struct daemon *daemon, const struct vm *machine, const char *namespace)
{
	const char *node = NULL;

	if (machine == NULL)
		return NULL;
	SCHEMA_EACH (struct volume, v, &machine->spec->template->spec->volumes) {
		const char *name = volume_claim(v);
		if (node == NULL && name != NULL)
			node = node_of(store_get(daemon->store, KIND_CLAIM, namespace, name));
	}
	return node;
}

static bool
is_selected(struct daemon *daemon, const struct vm *machine, const struct host *host)
{
	const struct object *object = store_get(daemon->store, KIND_NODE, "", host->name);
	const struct schema_map *wanted = &machine->spec->template->spec->node_selector;

	for (size_t i = 0; object != NULL && i < wanted->count; i++)
		if (g_strcmp0(schema_map_get(&((const struct node *)object->value)->head.meta->labels, wanted->entries[i].name), wanted->entries[i].value) != 0)
			return false;
	return true;
}

static bool
fits(struct daemon *daemon, const struct vm *machine, const struct host *host)
{
	int64_t cpu = 0, memory = 0, cpu_used = 0, memory_used = 0, cpu_all = 0, memory_all = 0;

	promises_requested(machine->spec->template->spec, &cpu, &memory);
	promises_sum(controllers_promises(daemon), host->name, &cpu_used, &memory_used);
	grants_allocatable(daemon, host, &cpu_all, &memory_all);
	return cpu <= cpu_all - cpu_used && memory <= memory_all - memory_used;
}

/* Bytes that claims have there, or are to have. */
static int64_t
held(struct daemon *daemon, const char *node)
{
	g_autoptr(GPtrArray) claims = store_list(daemon->store, KIND_CLAIM, NULL);
	int64_t sum = 0;

	for (guint i = 0; i < claims->len; i++)
		if (g_strcmp0(node_of(claims->pdata[i]), node) == 0)
			sum += claim_request(((const struct claim *)((const struct object *)claims->pdata[i])->value)->spec);
	return sum;
}

/* How well it suits: the more the better. */
struct suits {
	bool selected, fits;
	int64_t held;
};

static bool
is_better(const struct suits *a, const struct suits *b)
{
	if (a->selected != b->selected)
		return a->selected;
	if (a->fits != b->fits)
		return a->fits;
	return a->held < b->held;
}

static const struct host *
choose(struct daemon *daemon, const struct vm *machine, const char *only)
{
	const struct host *chosen = NULL;
	struct suits best = { 0 };

	for (guint i = 0; i < daemon->hosts->len; i++) {
		const struct host *host = daemon->hosts->pdata[i];
		if (host->state != HOST_READY || !host->configured || (only != NULL && strcmp(host->name, only) != 0))
			continue;
		const struct suits its = { machine == NULL || is_selected(daemon, machine, host), machine == NULL || fits(daemon, machine, host),
			daemon->hosts->len == 1 ? 0 : held(daemon, host->name) };
		if (chosen != NULL && !is_better(&its, &best))
			continue;
		chosen = host;
		best = its;
	}
	return chosen;
}

const struct host *
local_place(struct daemon *daemon, const struct object *claim, const char *only, struct error *err)
{
	const struct vm *machine = find_owner(daemon, claim, KIND_VM);
	const struct data_volume *filler = find_owner(daemon, claim, KIND_DATA_VOLUME);
	const char *asked = filler == NULL ? NULL : schema_map_get(&filler->head.meta->annotations, VOLUME_NODE);
	const char *others = node_of_others(daemon, machine, claim->namespace);
	const struct {
		const char *node, *why;
	} rules[] = { { only, "which holds the source" }, { asked, "which " VOLUME_NODE " names" }, { others, "which has its machine's other disks" },
		{ NULL, NULL } };
	size_t i = 0;

	while (rules[i].node == NULL && rules[i].why != NULL)
		i++;
	const struct host *chosen = choose(daemon, machine, rules[i].node);
	if (chosen == NULL && rules[i].node != NULL)
		error_set(err, EAGAIN, "host %s, %s, is not ready", rules[i].node, rules[i].why);
	else if (chosen == NULL)
		error_set(err, EAGAIN, "no host is ready to hold the volume");
	return chosen;
}
