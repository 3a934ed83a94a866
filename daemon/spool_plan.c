/* Decisions about the spool; see spool_plan.h. */
#include "config.h"

#include <string.h>

#include "daemon/spool_plan.h"
#include "src/document/patch.h"
#include "src/document/path.h"

/* A plan under construction. */
struct planning {
	const struct spool_input *input;
	GHashTable *claims; /* key -> GPtrArray of paths of files that are there and speak of it; texts borrowed */
	GHashTable *said;   /* key -> GPtrArray of struct spool_said; borrowed */
	struct spool_plan *plan;
};

static void collect_said(struct planning *planning);
static void collect_claims(struct planning *planning);
static void plan_removals(struct planning *planning);
static struct spool_step *plan_file(struct planning *planning, const struct spool_file *file);

/* --- public ----------------------------------------------------------------------------------------------------- */

static void
action_free(gpointer data)
{
	struct spool_action *action = data;

	g_free(action->path);
	g_free(action->key);
	json_decref(action->tree);
	g_free(action);
}

static void
step_free(gpointer data)
{
	struct spool_step *step = data;

	g_free(step->path);
	g_free(step->refusal);
	g_ptr_array_unref(step->actions);
	g_free(step);
}

struct spool_plan *
spool_plan_new(const struct spool_input *input)
{
	struct planning planning = { .input = input, .plan = g_new0(struct spool_plan, 1) };

	planning.plan->removals = g_ptr_array_new_with_free_func(action_free);
	planning.plan->steps = g_ptr_array_new_with_free_func(step_free);
	planning.claims = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
	planning.said = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
	collect_said(&planning);
	collect_claims(&planning);
	plan_removals(&planning);
	for (guint i = 0; i < input->files->len; i++) {
		const struct spool_file *file = input->files->pdata[i];
		if (file->reading == SPOOL_GOOD)
			g_ptr_array_add(planning.plan->steps, plan_file(&planning, file));
	}
	g_hash_table_destroy(planning.said);
	g_hash_table_destroy(planning.claims);
	return planning.plan;
}

void
spool_plan_free(struct spool_plan *plan)
{
	if (plan == NULL)
		return;
	g_ptr_array_unref(plan->removals);
	g_ptr_array_unref(plan->steps);
	g_free(plan->why);
	g_free(plan);
}

static void
object_free(gpointer data)
{
	struct spool_object *object = data;

	g_free(object->key);
	json_decref(object->tree);
	g_free(object);
}

struct spool_file *
spool_file_new(const char *path, enum spool_reading reading)
{
	struct spool_file *file = g_new(struct spool_file, 1);

	*file = (struct spool_file) { g_strdup(path), reading, g_ptr_array_new_with_free_func(object_free) };
	return file;
}

void
spool_file_add(struct spool_file *file, const char *key, json_t *tree)
{
	struct spool_object *object = g_new(struct spool_object, 1);

	*object = (struct spool_object) { g_strdup(key), tree };
	g_ptr_array_add(file->objects, object);
}

void
spool_file_free(struct spool_file *file)
{
	if (file == NULL)
		return;
	g_free(file->path);
	g_ptr_array_unref(file->objects);
	g_free(file);
}

struct spool_said *
spool_said_new(const char *path, const char *key)
{
	struct spool_said *said = g_new(struct spool_said, 1);

	*said = (struct spool_said) { g_strdup(path), g_strdup(key) };
	return said;
}

void
spool_said_free(struct spool_said *said)
{
	if (said == NULL)
		return;
	g_free(said->path);
	g_free(said->key);
	g_free(said);
}

void
spool_absences_confirm(GHashTable *absences)
{
	GHashTableIter iter;
	gpointer absence;

	g_hash_table_iter_init(&iter, absences);
	while (g_hash_table_iter_next(&iter, NULL, &absence))
		((struct spool_absence *)absence)->confirmed = true;
}

/* --- who speaks of what ----------------------------------------------------------------------------------------- */

static void
note(GHashTable *table, const char *key, const void *what)
{
	GPtrArray *list = g_hash_table_lookup(table, key);

	if (list == NULL) {
		list = g_ptr_array_new();
		g_hash_table_insert(table, (gpointer)key, list);
	}
	g_ptr_array_add(list, (gpointer)what);
}

static void
collect_said(struct planning *planning)
{
	for (guint i = 0; i < planning->input->said->len; i++) {
		const struct spool_said *said = planning->input->said->pdata[i];
		note(planning->said, said->key, said);
	}
}

/* A file that cannot be understood now still speaks of what it spoke of last. */
static void
collect_claims(struct planning *planning)
{
	g_autoptr(GHashTable) unclear = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < planning->input->files->len; i++) {
		const struct spool_file *file = planning->input->files->pdata[i];
		if (file->reading != SPOOL_GOOD)
			g_hash_table_add(unclear, file->path);
		for (guint j = 0; j < file->objects->len && file->reading == SPOOL_GOOD; j++)
			note(planning->claims, ((const struct spool_object *)file->objects->pdata[j])->key, file->path);
	}
	for (guint i = 0; i < planning->input->said->len; i++) {
		const struct spool_said *said = planning->input->said->pdata[i];
		if (g_hash_table_contains(unclear, said->path))
			note(planning->claims, said->key, said->path);
	}
}

/* The note of this file about this object, or NULL. */
static const struct spool_said *
find_said(struct planning *planning, const char *path, const char *key)
{
	GPtrArray *list = g_hash_table_lookup(planning->said, key);

	for (guint i = 0; list != NULL && i < list->len; i++) {
		const struct spool_said *said = list->pdata[i];
		if (strcmp(said->path, path) == 0)
			return said;
	}
	return NULL;
}

/* --- actions ---------------------------------------------------------------------------------------------------- */

/* tree's reference is stolen. */
static void
act(GPtrArray *actions, enum spool_action_type type, const char *path, const char *key, json_t *tree)
{
	struct spool_action *action = g_new(struct spool_action, 1);

	*action = (struct spool_action) { type, g_strdup(path), g_strdup(key), tree };
	g_ptr_array_add(actions, action);
}

/* The path of the note in which an object says from which file it is. */
static void
set_file(json_t *tree, const char *file)
{
	path_set(tree, "metadata.annotations['" SPOOL_FILE_ANNOTATION "']", json_string(file));
}

/* --- what is gone ----------------------------------------------------------------------------------------------- */

static bool
is_claimed(struct planning *planning, const char *key)
{
	return g_hash_table_contains(planning->claims, key);
}

static gboolean
is_over(gpointer key, gpointer value, gpointer arg)
{
	struct planning *planning = arg;

	(void)value;
	return is_claimed(planning, key) || !g_hash_table_contains(planning->said, key);
}

/* Counts one more scan for everything that is in no file.  Returns how many those are. */
static guint
count_absences(struct planning *planning)
{
	GHashTable *absences = planning->input->absences;
	GHashTableIter iter;
	gpointer key;
	guint count = 0;

	g_hash_table_foreach_remove(absences, is_over, planning);
	g_hash_table_iter_init(&iter, planning->said);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		if (is_claimed(planning, key))
			continue;
		struct spool_absence *absence = g_hash_table_lookup(absences, key);
		if (absence == NULL) {
			absence = g_new0(struct spool_absence, 1);
			absence->since = planning->input->now;
			g_hash_table_insert(absences, g_strdup(key), absence);
		}
		absence->scans++;
		count++;
	}
	return count;
}

/* Why nothing may go, or NULL.  What was confirmed does not count: it is settled. */
static char *
reason_to_hold(struct planning *planning)
{
	const struct spool_input *input = planning->input;
	int64_t all = g_hash_table_size(planning->said), gone = 0;
	GHashTableIter iter;
	gpointer absence;

	g_hash_table_iter_init(&iter, input->absences);
	while (g_hash_table_iter_next(&iter, NULL, &absence))
		gone += !((struct spool_absence *)absence)->confirmed;
	if (gone == 0)
		return NULL;
	if (input->doubt != NULL)
		return g_strdup(input->doubt);
	if (gone > input->hold_count && gone * 100 > input->hold_percent * all)
		return g_strdup_printf("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " objects vanished at once", gone, all);
	return NULL;
}

static bool
is_waiting(const struct spool_input *input)
{
	for (guint i = 0; i < input->files->len; i++)
		if (((const struct spool_file *)input->files->pdata[i])->reading == SPOOL_WAITING)
			return true;
	return false;
}

/* Lets an object go, in the way that it wants. */
static void
remove_object(struct planning *planning, const char *key)
{
	GPtrArray *list = g_hash_table_lookup(planning->said, key), *removals = planning->plan->removals;
	struct spool_view view = { 0 };

	if (planning->input->world->look(planning->input->world->arg, key, &view) && !view.deleting) {
		const struct spool_said *said = list->pdata[0];
		act(removals, view.keep ? SPOOL_RELEASE : SPOOL_DELETE, said->path, key, NULL);
	}
	for (guint i = 0; i < list->len; i++)
		act(removals, SPOOL_FORGET, ((const struct spool_said *)list->pdata[i])->path, key, NULL);
}

static gint
compare_keys(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void
plan_removals(struct planning *planning)
{
	const struct spool_input *input = planning->input;
	struct spool_plan *plan = planning->plan;
	guint count = count_absences(planning), length = 0;
	bool waiting = is_waiting(input);
	g_autofree char *why = reason_to_hold(planning);
	g_autofree gpointer *keys = g_hash_table_get_keys_as_array(input->absences, &length);

	g_assert(count == length);
	qsort(keys, length, sizeof(*keys), compare_keys);
	for (guint i = 0; i < length; i++) {
		g_autofree char *key = g_strdup(keys[i]);
		const struct spool_absence *absence = g_hash_table_lookup(input->absences, key);
		int64_t due = absence->since + input->delete_delay;
		if (why != NULL && !absence->confirmed) {
			plan->held++;
		} else if (absence->scans >= 2 && input->now >= due && !waiting) {
			remove_object(planning, key);
			g_hash_table_remove(input->absences, key);
		} else {
			/* Due already, but seen missing only once: any later time will do. */
			due = MAX(due, input->now + 1);
			plan->next = plan->next == 0 ? due : MIN(plan->next, due);
		}
	}
	if (plan->held > 0)
		plan->why = g_steal_pointer(&why);
}

/* --- what a file wants ------------------------------------------------------------------------------------------ */

/* Two files, or one twice: NULL when nobody else speaks of the object. */
static char *
find_rival(struct planning *planning, const struct spool_file *file, const char *key)
{
	GPtrArray *paths = g_hash_table_lookup(planning->claims, key);

	if (paths->len < 2)
		return NULL;
	for (guint i = 0; i < paths->len; i++)
		if (strcmp(paths->pdata[i], file->path) != 0)
			return g_strdup_printf("%s is also defined in %s; both files are refused", key, (char *)paths->pdata[i]);
	return g_strdup_printf("%s is defined twice in this file", key);
}

/* A file's objects were another's: that file is gone or no longer speaks of them. */
static const struct spool_said *
find_former(struct planning *planning, const char *path, const char *key)
{
	const struct spool_said *own = find_said(planning, path, key);
	GPtrArray *list = g_hash_table_lookup(planning->said, key);

	return own != NULL || list == NULL ? own : list->pdata[0];
}

/* Only what the file changed since it last spoke is carried over: what others changed meanwhile stays. */
static json_t *
merge(const json_t *last, const json_t *wanted, const json_t *current, const char *path)
{
	json_t *nothing = json_object(), *change = patch_diff(last == NULL ? nothing : last, wanted);
	json_t *merged = patch_merge(current, change);

	set_file(merged, path);
	json_decref(change);
	json_decref(nothing);
	return merged;
}

static void
plan_create(struct spool_step *step, const char *key, const json_t *wanted)
{
	json_t *tree = json_copy((json_t *)wanted);

	/* Only what is written to is a copy: a plan may hold thousands of trees. */
	json_object_set_new(tree, "metadata", json_deep_copy(json_object_get(wanted, "metadata")));
	set_file(tree, step->path);
	act(step->actions, SPOOL_CREATE, step->path, key, tree);
}

static void
plan_update(struct planning *planning, struct spool_step *step, const char *key, const json_t *last, const json_t *wanted)
{
	json_t *current = planning->input->world->current(planning->input->world->arg, key);
	json_t *merged = merge(last, wanted, current, step->path);

	if (!json_equal(current, merged))
		act(step->actions, SPOOL_UPDATE, step->path, key, json_incref(merged));
	json_decref(merged);
	json_decref(current);
}

/* Hands the notes about an object over to this file. */
static void
plan_notes(struct planning *planning, struct spool_step *step, const char *key, const json_t *last, const json_t *wanted)
{
	GPtrArray *list = g_hash_table_lookup(planning->said, key);
	bool own = find_said(planning, step->path, key) != NULL;

	for (guint i = 0; list != NULL && i < list->len; i++) {
		const struct spool_said *said = list->pdata[i];
		if (strcmp(said->path, step->path) != 0)
			act(step->actions, SPOOL_FORGET, said->path, key, NULL);
	}
	if (!own || !json_equal(last, wanted))
		act(step->actions, SPOOL_REMEMBER, step->path, key, json_incref((json_t *)wanted));
}

static void
plan_object(struct planning *planning, struct spool_step *step, const struct spool_object *object)
{
	const struct spool_world *world = planning->input->world;
	const struct spool_said *former = find_former(planning, step->path, object->key);
	struct spool_view view = { 0 };
	bool there = world->look(world->arg, object->key, &view);

	if (there && view.deleting) {
		step->later = true;
		return;
	}
	if (there && object->tree == NULL && g_strcmp0(view.file, step->path) == 0)
		return; /* said nothing new, and nothing is missing */
	json_t *last = former == NULL ? NULL : world->said(world->arg, former->path, object->key);
	const json_t *wanted = object->tree == NULL ? last : object->tree;
	if (wanted != NULL && there)
		plan_update(planning, step, object->key, last, wanted);
	else if (wanted != NULL)
		plan_create(step, object->key, wanted);
	if (wanted != NULL)
		plan_notes(planning, step, object->key, last, wanted);
	json_decref(last);
}

static struct spool_step *
plan_file(struct planning *planning, const struct spool_file *file)
{
	struct spool_step *step = g_new0(struct spool_step, 1);

	step->path = g_strdup(file->path);
	step->actions = g_ptr_array_new_with_free_func(action_free);
	for (guint i = 0; i < file->objects->len && step->refusal == NULL; i++)
		step->refusal = find_rival(planning, file, ((const struct spool_object *)file->objects->pdata[i])->key);
	for (guint i = 0; i < file->objects->len && step->refusal == NULL; i++)
		plan_object(planning, step, file->objects->pdata[i]);
	return step;
}
