/*
 * The spool's decisions under random events: files that are written, spoiled, moved and taken away, objects that users
 * change and delete, time that passes, restarts.  Each plan is carried out on a model of store and notes.  Never is
 * anything deleted that a file speaks of, that is kept, that is held, or too early; when events stop, what is there is
 * what the files say.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/spool_plan.h"
#include "src/document/path.h"
#include "tests/fuzz/fuzz.h"

#define FILE_PATH "metadata.annotations['" SPOOL_FILE_ANNOTATION "']"

enum { FILES = 3, KEYS = 5, DELAY = 1000, HOLD_COUNT = 1, HOLD_PERCENT = 30, SETTLE_STEPS = 12, EVENTS = 60 };

static const char *const paths[FILES] = { "a.yaml", "b/c.yaml", "d.json" };
static const char *const keys[KEYS] = { "K/n/0", "K/n/1", "K/n/2", "K/n/3", "L//4" };

struct file {
	bool there, settled; /* settled: what it says has been carried out */
	enum spool_reading reading;
	unsigned says[KEYS]; /* a value for each object it speaks of, else 0 */
};
/* What is known of an object beside what the plan keeps itself. */
struct thing {
	json_t *tree; /* NULL: it is not there */
	bool deleting, keep;
	char *file;   /* as its annotation says; NULL: none */
	int64_t since;
	unsigned scans;
	bool confirmed;
};
struct model {
	struct file files[FILES];
	struct thing things[KEYS];
	json_t *notes[FILES][KEYS];
	GHashTable *absences;
	int64_t now;
	bool doubt;
};

static unsigned
number_of(const char *const *words, const char *word)
{
	unsigned at = 0;

	while (strcmp(words[at], word) != 0)
		at++;
	return at;
}

/* --- what the plan asks about ------------------------------------------------------------------------------------------- */

static bool
look(void *arg, const char *key, struct spool_view *view)
{
	struct thing *thing = &((struct model *)arg)->things[number_of(keys, key)];

	if (thing->tree == NULL)
		return false;
	g_free(thing->file);
	thing->file = g_strdup(path_string(thing->tree, FILE_PATH));
	*view = (struct spool_view){ thing->deleting, thing->keep, thing->file };
	return true;
}

static json_t *
current(void *arg, const char *key)
{
	return json_incref(((struct model *)arg)->things[number_of(keys, key)].tree);
}

static json_t *
said(void *arg, const char *path, const char *key)
{
	return json_incref(((struct model *)arg)->notes[number_of(paths, path)][number_of(keys, key)]);
}

static json_t *
tree_of(unsigned key, unsigned value)
{
	return json_pack("{s:{s:s},s:{s:i}}", "metadata", "name", keys[key], "spec", "x", (int)value);
}

static GPtrArray *
files_of(const struct model *model)
{
	GPtrArray *files = g_ptr_array_new_with_free_func((GDestroyNotify)spool_file_free);

	for (unsigned f = 0; f < FILES; f++) {
		const struct file *file = &model->files[f];
		struct spool_file *shown = file->there ? spool_file_new(paths[f], file->reading) : NULL;
		for (unsigned k = 0; shown != NULL && k < KEYS; k++)
			if (file->says[k] != 0 && file->reading == SPOOL_GOOD)
				spool_file_add(shown, keys[k], file->settled ? NULL : tree_of(k, file->says[k]));
		if (shown != NULL)
			g_ptr_array_add(files, shown);
	}
	return files;
}

static GPtrArray *
said_of(const struct model *model)
{
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)spool_said_free);

	for (unsigned f = 0; f < FILES; f++)
		for (unsigned k = 0; k < KEYS; k++)
			if (model->notes[f][k] != NULL)
				g_ptr_array_add(all, spool_said_new(paths[f], keys[k]));
	return all;
}

/* --- what may happen ------------------------------------------------------------------------------------------------------ */

static bool
is_noted(const struct model *model, unsigned key)
{
	bool noted = false;

	for (unsigned f = 0; f < FILES; f++)
		noted = noted || model->notes[f][key] != NULL;
	return noted;
}

/* A file that is there speaks of it, or did when it could be understood last. */
static bool
is_claimed(const struct model *model, unsigned key)
{
	for (unsigned f = 0; f < FILES; f++) {
		const struct file *file = &model->files[f];
		if (file->there && (file->reading == SPOOL_GOOD ? file->says[key] != 0 : model->notes[f][key] != NULL))
			return true;
	}
	return false;
}

static void
count_absences(struct model *model)
{
	for (unsigned k = 0; k < KEYS; k++) {
		struct thing *thing = &model->things[k];
		if (is_claimed(model, k) || !is_noted(model, k)) {
			thing->scans = 0;
			thing->confirmed = false;
			continue;
		}
		if (thing->scans++ == 0)
			thing->since = model->now;
	}
}

static bool
is_held(const struct model *model, unsigned key)
{
	int gone = 0, all = 0;

	for (unsigned k = 0; k < KEYS; k++) {
		all += is_noted(model, k);
		gone += model->things[k].scans > 0 && !model->things[k].confirmed;
	}
	return !model->things[key].confirmed && (model->doubt || (gone > HOLD_COUNT && gone * 100 > HOLD_PERCENT * all));
}

static bool
is_waiting(const struct model *model)
{
	bool waiting = false;

	for (unsigned f = 0; f < FILES; f++)
		waiting = waiting || (model->files[f].there && model->files[f].reading == SPOOL_WAITING);
	return waiting;
}

static void
check_may_go(const struct model *model, unsigned key, bool held)
{
	const struct thing *thing = &model->things[key];

	fuzz_check(!is_claimed(model, key));
	fuzz_check(!is_waiting(model) && !held);
	fuzz_check(thing->scans >= 2 && model->now - thing->since >= DELAY);
}

/* --- carrying out --------------------------------------------------------------------------------------------------------- */

static void
put(json_t **at, json_t *tree /* taken */)
{
	json_decref(*at);
	*at = tree;
}

static void
carry_out(struct model *model, const struct spool_action *action)
{
	unsigned f = number_of(paths, action->path), k = number_of(keys, action->key);
	struct thing *thing = &model->things[k];

	switch (action->type) {
	case SPOOL_CREATE:
		fuzz_check(thing->tree == NULL && action->tree != NULL);
		put(&thing->tree, json_deep_copy(action->tree));
		thing->keep = thing->deleting = false;
		break;
	case SPOOL_UPDATE:
		fuzz_check(thing->tree != NULL && !thing->deleting && !json_equal(thing->tree, action->tree));
		put(&thing->tree, json_deep_copy(action->tree));
		break;
	case SPOOL_DELETE:
		fuzz_check(thing->tree != NULL && !thing->deleting && !thing->keep);
		thing->deleting = true;
		break;
	case SPOOL_RELEASE:
		fuzz_check(thing->tree != NULL && thing->keep);
		path_remove(thing->tree, FILE_PATH);
		break;
	case SPOOL_REMEMBER:
		put(&model->notes[f][k], json_deep_copy(action->tree));
		break;
	case SPOOL_FORGET:
	default:
		put(&model->notes[f][k], NULL);
		break;
	}
}

static unsigned
carry_removals(struct model *model, const struct spool_plan *plan)
{
	bool held[KEYS];

	for (unsigned k = 0; k < KEYS; k++)
		held[k] = is_held(model, k);
	for (guint i = 0; i < plan->removals->len; i++) {
		const struct spool_action *action = plan->removals->pdata[i];
		unsigned k = number_of(keys, action->key);
		check_may_go(model, k, held[k]);
		carry_out(model, action);
	}
	return plan->removals->len;
}

static unsigned
carry_steps(struct model *model, const struct spool_plan *plan)
{
	unsigned done = 0;

	for (guint i = 0; i < plan->steps->len; i++) {
		const struct spool_step *step = plan->steps->pdata[i];
		struct file *file = &model->files[number_of(paths, step->path)];
		fuzz_check(file->there && file->reading == SPOOL_GOOD);
		fuzz_check(step->refusal == NULL || step->actions->len == 0);
		for (guint j = 0; j < step->actions->len; j++)
			carry_out(model, step->actions->pdata[j]);
		done += step->actions->len;
		if (step->refusal == NULL && !step->later)
			file->settled = true;
	}
	return done;
}

/* One plan, carried out.  True when nothing was to be done and nothing waits. */
static bool
run_plan(struct model *model)
{
	const struct spool_world world = { model, look, current, said };
	g_autoptr(GPtrArray) files = files_of(model);
	g_autoptr(GPtrArray) notes = said_of(model);
	const struct spool_input input = { files, notes, model->absences, &world, model->now, DELAY, HOLD_COUNT, HOLD_PERCENT,
		model->doubt ? "the scan was cut short" : NULL };
	struct spool_plan *plan = spool_plan_new(&input);
	bool quiet;

	count_absences(model);
	fuzz_check((plan->held > 0) == (plan->why != NULL));
	quiet = carry_removals(model, plan) + carry_steps(model, plan) == 0 && plan->next == 0 && plan->held == 0;
	spool_plan_free(plan);
	return quiet;
}

/* --- events ------------------------------------------------------------------------------------------------------------------ */

static void
vanish(struct model *model)
{
	for (unsigned k = 0; k < KEYS; k++)
		if (model->things[k].deleting) {
			put(&model->things[k].tree, NULL);
			model->things[k].deleting = false;
		}
}

static void
confirm(struct model *model)
{
	spool_absences_confirm(model->absences);
	for (unsigned k = 0; k < KEYS; k++)
		model->things[k].confirmed = model->things[k].scans > 0;
}

static void
restart(struct model *model)
{
	g_hash_table_remove_all(model->absences);
	for (unsigned f = 0; f < FILES; f++)
		model->files[f].settled = false;
	for (unsigned k = 0; k < KEYS; k++) {
		model->things[k].scans = 0;
		model->things[k].confirmed = false;
	}
}

static void
write_file(struct file *file, struct bytes *input)
{
	unsigned values = bytes_take(input) | bytes_take(input) << 8;

	*file = (struct file){ .there = true, .reading = SPOOL_GOOD };
	for (unsigned k = 0; k < KEYS; k++)
		file->says[k] = values >> (2 * k) & 3;
}

static void
spoil_file(struct file *file, enum spool_reading reading)
{
	file->settled = false;
	file->reading = reading;
}

static void
move_file(struct model *model, struct file *file, struct file *to)
{
	(void)model;
	if (!file->there || file == to)
		return;
	*to = *file;
	to->settled = false;
	*file = (struct file){ 0 };
}

static void
change_object(struct thing *thing, unsigned value)
{
	if (thing->tree == NULL)
		return;
	if (value % 3 == 0)
		thing->deleting = true;
	else if (value % 3 == 1)
		thing->keep = !thing->keep;
	else
		path_set(thing->tree, "spec.x", json_integer(value));
}

static void
happen(struct model *model, struct bytes *input)
{
	unsigned what = bytes_below(input, 12);
	struct file *file = &model->files[bytes_below(input, FILES)];

	if (what < 3)
		write_file(file, input);
	else if (what == 3)
		*file = (struct file){ 0 };
	else if (what == 4)
		spoil_file(file, bytes_below(input, 2) == 0 ? SPOOL_BAD : SPOOL_WAITING);
	else if (what == 5)
		move_file(model, file, &model->files[bytes_below(input, FILES)]);
	else if (what == 6)
		change_object(&model->things[bytes_below(input, KEYS)], bytes_take(input));
	else if (what == 7)
		vanish(model);
	else if (what == 8)
		confirm(model);
	else if (what == 9)
		model->doubt = !model->doubt;
	else if (what == 10)
		restart(model);
	model->now += (int64_t)bytes_below(input, 4) * DELAY / 2;
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

/* Every file can be understood, and no two speak of the same. */
static void
put_in_order(struct model *model)
{
	model->doubt = false;
	for (unsigned f = 0; f < FILES; f++) {
		struct file *file = &model->files[f];
		for (unsigned k = 0; file->there && k < KEYS; k++)
			for (unsigned other = 0; other < f; other++)
				if (model->files[other].there && model->files[other].says[k] != 0)
					file->says[k] = 0;
		file->reading = SPOOL_GOOD;
		file->settled = false;
	}
}

static void
check_outcome(const struct model *model, unsigned key)
{
	const struct thing *thing = &model->things[key];
	const struct file *file = NULL;

	for (unsigned f = 0; f < FILES && file == NULL; f++)
		file = model->files[f].there && model->files[f].says[key] != 0 ? &model->files[f] : NULL;
	if (file == NULL) {
		fuzz_check(!is_noted(model, key));
		/* What a user made, or kept, is no longer the spool's. */
		fuzz_check(thing->tree == NULL || path_find(thing->tree, FILE_PATH) == NULL);
		return;
	}
	fuzz_check(thing->tree != NULL);
	fuzz_check(g_strcmp0(path_string(thing->tree, FILE_PATH), paths[file - model->files]) == 0);
	fuzz_check(model->notes[file - model->files][key] != NULL);
}

static void
settle(struct model *model)
{
	unsigned steps = 0;

	put_in_order(model);
	for (bool quiet = false; !quiet;) {
		quiet = run_plan(model);
		for (unsigned k = 0; k < KEYS; k++)
			quiet = quiet && !model->things[k].deleting;
		vanish(model);
		confirm(model);
		model->now += DELAY;
		fuzz_check(++steps < SETTLE_STEPS);
	}
	for (unsigned k = 0; k < KEYS; k++)
		check_outcome(model, k);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = { .absences = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), .now = 1 };
	struct bytes input = { data, size };

	for (unsigned i = 0; i < EVENTS && input.left > 0; i++) {
		happen(&model, &input);
		run_plan(&model);
	}
	settle(&model);
	for (unsigned k = 0; k < KEYS; k++) {
		json_decref(model.things[k].tree);
		g_free(model.things[k].file);
		for (unsigned f = 0; f < FILES; f++)
			json_decref(model.notes[f][k]);
	}
	g_hash_table_destroy(model.absences);
	return 0;
}
