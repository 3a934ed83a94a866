/* The pool controller: as many equal machines as are wanted, numbered, each with disks of its own. */
#include "config.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/replicas.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/document/path.h"

/* As many are made or deleted in one look; then the others have their turn. */
enum { BURST = 50 };

/* On each machine: which state of the pool it was made from. */
#define REVISION "kubevirt.io/vm-pool-revision-name"

/* One look at a pool. */
struct pool_look {
	struct daemon *daemon;
	const struct object *object;
	const struct pool *pool;
	json_t *tree;       /* of the pool */
	char *revision;     /* name of its present state */
	GPtrArray *members; /* machines, also those in deletion */
	int64_t live, ready;
	int64_t down;       /* machines that are not ready: what maxUnavailable counts */
	const char *failure; /* reason, or NULL */
	struct error trouble;
};

static const struct vm *
vm_of(const struct object *member)
{
	return member->value;
}

static bool
is_doomed(const struct object *member)
{
	return vm_of(member)->head.meta->deletion_timestamp != 0;
}

/* The number behind the pool's name, or -1. */
static int64_t
number_of(const struct pool_look *l, const struct object *member)
{
	size_t length = strlen(l->object->name);
	guint64 number;

	if (strncmp(member->name, l->object->name, length) != 0 || member->name[length] != '-' ||
	    !g_ascii_string_to_unsigned(member->name + length + 1, 10, 0, G_MAXINT32, &number, NULL))
		return -1;
	return (int64_t)number;
}

/* --- what a machine is made from ------------------------------------------------------------------------------------------ */

static void
append_number(json_t *root, const char *path, int64_t number)
{
	const char *name = path_string(root, path);
	g_autofree char *numbered = name == NULL ? NULL : g_strdup_printf("%s-%" PRId64, name, number);

	if (numbered != NULL)
		path_set(root, path, json_string(numbered));
}

static bool
is_template_name(const json_t *templates, const char *name)
{
	json_t *template;
	size_t i;

	json_array_foreach (templates, i, template)
		if (g_strcmp0(path_string(template, "metadata.name"), name) == 0)
			return true;
	return false;
}

/* Volumes that name a disk of the machine, or data of its own. */
static void
number_volume(const struct pool_look *l, json_t *volume, const json_t *templates, int64_t number)
{
	static const char *const disks[] = { "dataVolume.name", "persistentVolumeClaim.claimName" };
	static const char *const secrets[] = { "secret.secretName", "cloudInitNoCloud.secretRef.name", "cloudInitNoCloud.networkDataSecretRef.name",
		"cloudInitConfigDrive.secretRef.name", "cloudInitConfigDrive.networkDataSecretRef.name", "sysprep.secret.name" };
	static const char *const maps[] = { "configMap.name", "sysprep.configMap.name" };
	const struct name_generation *generation = l->pool->spec->name_generation;

	for (size_t i = 0; i < G_N_ELEMENTS(disks); i++)
		if (is_template_name(templates, path_string(volume, disks[i])))
			append_number(volume, disks[i], number);
	for (size_t i = 0; generation != NULL && generation->append_index_to_secret_refs && i < G_N_ELEMENTS(secrets); i++)
		append_number(volume, secrets[i], number);
	for (size_t i = 0; generation != NULL && generation->append_index_to_config_map_refs && i < G_N_ELEMENTS(maps); i++)
		append_number(volume, maps[i], number);
}

/* The machine of a number as the pool now wants it. */
static json_t *
machine_tree(const struct pool_look *l, int64_t number)
{
	const json_t *template = path_find(l->tree, "spec.virtualMachineTemplate");
	g_autofree char *name = g_strdup_printf("%s-%" PRId64, l->object->name, number);
	json_t *tree = replica_tree(l->object, KIND_VM, name, json_object_get(template, "metadata"), json_object_get(template, "spec"));
	json_t *templates = path_find(tree, "spec.dataVolumeTemplates"), *item;
	json_t *before = json_deep_copy(templates);
	size_t i;

	json_array_foreach (path_find(tree, "spec.template.spec.volumes"), i, item)
		number_volume(l, item, before, number);
	json_array_foreach (templates, i, item)
		append_number(item, "metadata.name", number);
	json_decref(before);
	path_set(tree, "metadata.labels['" REVISION "']", json_string(l->revision));
	return tree;
}

/* A state of the pool is kept as long as the pool is, as KubeVirt does. */
static int
keep_revision(struct pool_look *l, struct error *err)
{
	json_t *data;

	if (store_get(l->daemon->store, KIND_CONTROLLER_REVISION, l->object->namespace, l->revision) != NULL)
		return 0;
	data = json_pack("{s:s,s:s,s:{s:s,s:s,s:[o]},s:{s:O},s:I}", "apiVersion", "apps/v1", "kind", "ControllerRevision", "metadata", "name",
	    l->revision, "namespace", l->object->namespace, "ownerReferences", objects_owner_reference(l->object), "data", "spec",
	    path_find(l->tree, "spec.virtualMachineTemplate"), "revision", (json_int_t)l->pool->head.meta->generation);
	return objects_create_tree(l->daemon, data, l->object->namespace, err) == NULL ? -1 : 0;
}

/* --- more, fewer ------------------------------------------------------------------------------------------------------------ */

static bool
is_taken(const struct pool_look *l, int64_t number)
{
	g_autofree char *name = g_strdup_printf("%s-%" PRId64, l->object->name, number);

	return store_get(l->daemon->store, KIND_VM, l->object->namespace, name) != NULL;
}

static void
add_members(struct pool_look *l, int64_t count)
{
	int64_t number = 0;

	for (int64_t i = 0; i < MIN(count, BURST) && l->failure == NULL; i++, number++) {
		while (is_taken(l, number))
			number++;
		if (replica_create(l->daemon, l->object, machine_tree(l, number), &l->trouble))
			l->live++;
		else
			l->failure = REPLICA_FAILED_CREATE;
	}
	if (count > BURST)
		controllers_requeue(l->daemon, l->object, 0);
}

static const struct selection_policy *
selection_of(const struct pool_strategy *strategy)
{
	const struct pool_proactive *how = strategy == NULL ? NULL : strategy->proactive != NULL ? strategy->proactive : strategy->opportunistic;

	return how == NULL ? NULL : how->selection_policy;
}

/* Machines that a selector names go first; then the order that the policy says. */
static bool
is_named(const struct selection_policy *policy, const struct object *member)
{
	if (policy != NULL)
		SCHEMA_EACH (struct pool_selectors, s, &policy->selectors)
			if (s->label_selector != NULL && label_selector_matches(s->label_selector, &vm_of(member)->head.meta->labels))
				return true;
	return false;
}

static gint
compare(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct object *one = *(const struct object *const *)a, *other = *(const struct object *const *)b;
	const struct pool_look *l = data;
	const struct selection_policy *policy = selection_of(l->pool->spec->scale_in_strategy);
	int sort = policy == NULL ? POOL_SORT_UNSET : policy->sort_policy;
	int64_t age = vm_of(one)->head.meta->creation_timestamp - vm_of(other)->head.meta->creation_timestamp;
	int64_t numbers = number_of(l, one) - number_of(l, other);
	int64_t order = is_named(policy, other) - is_named(policy, one);

	if (order == 0 && sort == POOL_SORT_NEWEST)
		order = -age;
	if (order == 0 && sort == POOL_SORT_OLDEST)
		order = age;
	if (order == 0 && sort == POOL_SORT_ASCENDING)
		order = numbers;
	if (order == 0) /* the highest number first, so that the numbers stay close */
		order = -numbers;
	return order < 0 ? -1 : order > 0;
}

static void
shuffle(GPtrArray *members)
{
	for (guint i = members->len; i > 1; i--) {
		guint other = (guint)g_random_int_range(0, (gint)i);
		gpointer kept = members->pdata[i - 1];

		members->pdata[i - 1] = members->pdata[other];
		members->pdata[other] = kept;
	}
}

/* Disks outlive their machine when the pool preserves its state. */
static void
remove_member(struct pool_look *l, const struct object *member, bool preserve)
{
	const struct delete_options options = { .grace_period_seconds = -1 };

	if (preserve) {
		g_autoptr(GPtrArray) owned = store_owned(l->daemon->store, member->uid);

		for (guint i = 0; i < owned->len; i++) {
			json_t *patch = json_pack("{s:{s:n}}", "metadata", "ownerReferences");

			if (((const struct object *)owned->pdata[i])->kind == &kinds[KIND_DATA_VOLUME])
				objects_patch(l->daemon, owned->pdata[i], patch, &l->trouble);
			json_decref(patch);
		}
	}
	if (objects_delete(l->daemon, member, &options, NULL, &l->trouble) != 0)
		l->failure = REPLICA_FAILED_DELETE;
	daemon_event(l->daemon, l->object, l->failure == NULL ? "Normal" : "Warning", l->failure == NULL ? "SuccessfulDelete" : REPLICA_FAILED_DELETE,
	    "%s VM %s/%s", l->failure == NULL ? "Deleted" : "Error deleting", l->object->namespace, member->name);
}

static void
remove_members(struct pool_look *l, int64_t surplus)
{
	const struct pool_strategy *strategy = l->pool->spec->scale_in_strategy;
	const struct pool_proactive *how = strategy == NULL ? NULL : strategy->proactive != NULL ? strategy->proactive : strategy->opportunistic;
	const struct selection_policy *policy = selection_of(strategy);
	bool preserve = how != NULL && how->state_preservation > PRESERVATION_DISABLED;

	if (strategy != NULL && strategy->unmanaged != NULL)
		return;
	if (policy != NULL && policy->sort_policy == POOL_SORT_RANDOM)
		shuffle(l->members);
	else
		g_ptr_array_sort_with_data(l->members, compare, l);
	for (guint i = 0; i < l->members->len && surplus > 0 && l->failure == NULL; i++) {
		const struct object *member = l->members->pdata[i];

		if (is_doomed(member) || (strategy != NULL && strategy->opportunistic != NULL && vm_of(member)->status->created))
			continue;
		remove_member(l, member, preserve);
		l->live--;
		surplus--;
	}
}

/* --- changed, broken ---------------------------------------------------------------------------------------------------------- */

static bool
may_take_down(const struct pool_look *l, const struct object *member)
{
	return !vm_of(member)->status->ready || l->down < pool_max_unavailable(l->pool->spec);
}

/* Disks cannot be changed under a machine: it is made anew. */
static bool
has_other_disks(const struct object *member, const json_t *wanted)
{
	json_t *tree = object_tree(member);
	bool other = !json_equal(path_find(tree, "spec.dataVolumeTemplates"), path_find(wanted, "spec.dataVolumeTemplates"));

	json_decref(tree);
	return other;
}

/* The machine's object follows at once; what runs is restarted as the strategy says. */
static void
update_member(struct pool_look *l, const struct object *member)
{
	json_t *wanted = machine_tree(l, number_of(l, member));
	struct document *document;
	struct diagnostics diagnostics;

	if (has_other_disks(member, wanted)) {
		json_decref(wanted);
		if (may_take_down(l, member)) {
			l->down += vm_of(member)->status->ready;
			remove_member(l, member, false);
		}
		return;
	}
	document = document_take(wanted);
	diagnostics_init(&diagnostics);
	if (objects_update(l->daemon, document, l->object->namespace, OBJECT_MAIN, false, &diagnostics, &l->trouble) == NULL) {
		l->failure = "FailedUpdate";
		daemon_event(l->daemon, l->object, "Warning", l->failure, "Error updating VM %s: %s", member->name, l->trouble.text);
	} else
		daemon_event(l->daemon, l->object, "Normal", "SuccessfulUpdate", "Updated VM %s/%s", l->object->namespace, member->name);
	diagnostics_clear(&diagnostics);
	document_free(document);
}

static void
restart_member(struct pool_look *l, const struct object *member)
{
	const struct delete_options options = { .grace_period_seconds = -1 };
	const struct object *instance = store_get(l->daemon->store, KIND_VMI, member->namespace, member->name);

	if (instance == NULL || !condition_is_true(&vm_of(member)->status->conditions, "RestartRequired") || !may_take_down(l, member) ||
	    ((const struct vmi *)instance->value)->head.meta->deletion_timestamp != 0)
		return;
	l->down += vm_of(member)->status->ready;
	objects_delete(l->daemon, instance, &options, NULL, &l->trouble);
}

/* A machine that has failed to start often enough, for long enough, is made anew with its disks. */
static void
heal(struct pool_look *l, const struct object *member)
{
	const struct pool_autohealing *how = l->pool->spec->autohealing;
	const struct start_failure *failure = vm_of(member)->status->start_failure;
	const struct condition *failing = condition_find(&vm_of(member)->status->conditions, "Failure");
	int64_t since = failing == NULL ? daemon_now(l->daemon) : failing->last_transition_time;
	int64_t left;

	if (how == NULL || failure == NULL || failure->consecutive_fail_count < how->start_up_failure_threshold)
		return;
	left = since + how->min_failing_to_start_duration - daemon_now(l->daemon);
	if (left > 0)
		controllers_requeue(l->daemon, l->object, left);
	else
		remove_member(l, member, false);
}

static void
tend(struct pool_look *l)
{
	const struct pool_strategy *update = l->pool->spec->update_strategy;
	bool managed = update == NULL || update->unmanaged == NULL, proactive = managed && (update == NULL || update->opportunistic == NULL);

	for (guint i = 0; i < l->members->len && l->failure == NULL; i++) {
		const struct object *member = l->members->pdata[i];

		if (is_doomed(member) || number_of(l, member) < 0)
			continue;
		if (managed && g_strcmp0(schema_map_get(&vm_of(member)->head.meta->labels, REVISION), l->revision) != 0)
			update_member(l, member);
		else if (proactive)
			restart_member(l, member);
		heal(l, member);
	}
}

/* --- the whole --------------------------------------------------------------------------------------------------------------- */

static void
count(struct pool_look *l)
{
	for (guint i = 0; i < l->members->len; i++) {
		const struct object *member = l->members->pdata[i];

		l->live += !is_doomed(member);
		l->ready += !is_doomed(member) && vm_of(member)->status->ready;
	}
	l->down = l->live - l->ready;
}

static void
act(struct pool_look *l)
{
	int64_t wanted = l->pool->spec->replicas;

	if (keep_revision(l, &l->trouble) != 0) {
		l->failure = REPLICA_FAILED_CREATE;
		return;
	}
	if (l->live < wanted)
		add_members(l, wanted - l->live);
	else if (l->live > wanted)
		remove_members(l, l->live - wanted);
	tend(l);
}

int
pool_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct pool_look l = { .daemon = daemon, .object = object, .pool = object->value };
	int r;

	if (l.pool->head.meta->deletion_timestamp != 0)
		return 0;
	l.tree = object_tree(object);
	l.revision = g_strdup_printf("%s-%" PRId64, object->name, l.pool->head.meta->generation);
	l.members = replicas_of(daemon, object, KIND_VM, l.pool->spec->selector);
	count(&l);
	if (!l.pool->spec->paused)
		act(&l);
	r = replicas_tell(daemon, object, l.pool->spec->selector, l.live, l.ready, l.pool->spec->paused, l.failure,
	    l.failure == NULL ? NULL : l.trouble.text, err);
	g_ptr_array_unref(l.members);
	g_free(l.revision);
	json_decref(l.tree);
	if (r == 0 && l.failure != NULL)
		return error_set(err, l.trouble.code, "%s", l.trouble.text);
	return r;
}
