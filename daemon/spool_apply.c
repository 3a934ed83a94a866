/* Carrying a plan out: every change goes through objects.h, what a file said is recorded in the same transaction. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/spool_private.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/document/path.h"

/* --- the world as the plan asks about it ------------------------------------------------------------------------ */

static bool
look(void *arg, const char *key, struct spool_view *view)
{
	const struct object *object = spool_key_object(arg, key);

	if (object == NULL)
		return false;
	const struct meta *meta = ((const struct object_head *)object->value)->meta;
	view->deleting = meta->deletion_timestamp != 0;
	view->keep = g_strcmp0(schema_map_get(&meta->annotations, SPOOL_PRUNE_ANNOTATION), "false") == 0;
	view->file = schema_map_get(&meta->annotations, SPOOL_FILE_ANNOTATION);
	return true;
}

static json_t *
current(void *arg, const char *key)
{
	return object_tree(spool_key_object(arg, key));
}

static char *
record_key(const char *path, const char *key)
{
	return g_strconcat(path, "\n", key, NULL);
}

static json_t *
said(void *arg, const char *path, const char *key)
{
	struct spool *spool = arg;
	g_autofree char *record = record_key(path, key);
	const char *text = store_record_get(spool->daemon->store, SPOOL_BUCKET, record);

	return text == NULL ? NULL : json_read(text, strlen(text), NULL);
}

/* --- the plan --------------------------------------------------------------------------------------------------- */

static void
collect_said(void *arg, const char *key, const char *value)
{
	const char *end = strchr(key, '\n');

	(void)value;
	if (end == NULL)
		return;
	g_autofree char *path = g_strndup(key, (gsize)(end - key));
	g_ptr_array_add(arg, spool_said_new(path, end + 1));
}

static gboolean
collect_file(gpointer path, gpointer value, gpointer arg)
{
	(void)path;
	g_ptr_array_add(arg, ((struct spool_known *)value)->file);
	return FALSE;
}

struct spool_plan *
spool_apply_plan(struct spool *spool)
{
	const struct config_spool *config = spool->daemon->config->spool;
	const struct spool_world world = { spool, look, current, said };
	g_autoptr(GPtrArray) files = g_ptr_array_new();
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func((GDestroyNotify)spool_said_free);
	struct spool_input input = { .files = files, .said = notes, .absences = spool->absences, .world = &world,
		.now = clock_monotonic_ms(), .delete_delay = config->delete_delay, .hold_count = config->hold_count,
		.hold_percent = config->hold_percent, .doubt = spool->doubt };

	g_tree_foreach(spool->files, collect_file, files);
	store_record_each(spool->daemon->store, SPOOL_BUCKET, collect_said, notes);
	return spool_plan_new(&input);
}

/* --- one action ------------------------------------------------------------------------------------------------- */

/* What is wrong goes with the places of the file's own document. */
struct carrying {
	struct spool *spool;
	struct spool_known *known; /* NULL for removals */
	bool dry_run;
	struct diagnostics *diagnostics; /* NULL for removals */
};

static GHashTable *
marks_of(const struct spool_known *known, const char *key)
{
	if (known == NULL || known->documents == NULL)
		return NULL;
	for (guint i = 0; i < known->file->objects->len && i < known->documents->len; i++) {
		const struct spool_object *object = known->file->objects->pdata[i];
		if (strcmp(object->key, key) == 0)
			return ((const struct document *)known->documents->pdata[i])->marks;
	}
	return NULL;
}

static int
do_write(struct carrying *carrying, const struct spool_action *action, struct error *err)
{
	struct document document = { action->tree, action->path, marks_of(carrying->known, action->key) };
	struct daemon *daemon = carrying->spool->daemon;
	const struct object *object;

	if (action->type == SPOOL_CREATE)
		object = objects_create(daemon, &document, NULL, carrying->dry_run, carrying->diagnostics, err);
	else
		object = objects_update(daemon, &document, NULL, OBJECT_MAIN, carrying->dry_run, carrying->diagnostics, err);
	return object == NULL ? -1 : 0;
}

static int
do_delete(struct carrying *carrying, const struct spool_action *action, struct error *err)
{
	const struct object *object = spool_key_object(carrying->spool, action->key);
	const struct delete_options options = { .grace_period_seconds = -1, .dry_run = carrying->dry_run };

	if (object == NULL)
		return 0;
	log_object(LOG_LEVEL_NOTICE, object->kind->name, object->namespace, object->name,
	    "deleted, since it is in no file any more (it was in %s)", action->path);
	return objects_delete(carrying->spool->daemon, object, &options, &object, err);
}

static int
do_release(struct carrying *carrying, const struct spool_action *action, struct error *err)
{
	const struct object *object = spool_key_object(carrying->spool, action->key);

	if (object == NULL || carrying->dry_run)
		return 0;
	json_t *patch = json_pack("{s:{s:{s:n}}}", "metadata", "annotations", SPOOL_FILE_ANNOTATION);
	object = objects_patch(carrying->spool->daemon, object, patch, err);
	json_decref(patch);
	return object == NULL ? -1 : 0;
}

static int
do_remember(struct carrying *carrying, const struct spool_action *action, struct error *err)
{
	g_autofree char *key = record_key(action->path, action->key), *text = NULL;

	if (carrying->dry_run)
		return 0;
	text = json_write(action->tree);
	return store_record_set(carrying->spool->daemon->store, SPOOL_BUCKET, key, text, err);
}

static int
do_forget(struct carrying *carrying, const struct spool_action *action, struct error *err)
{
	g_autofree char *key = record_key(action->path, action->key);

	return carrying->dry_run ? 0 : store_record_set(carrying->spool->daemon->store, SPOOL_BUCKET, key, NULL, err);
}

typedef int carry_out(struct carrying *carrying, const struct spool_action *action, struct error *err);
static carry_out *const carry_outs[] = {
	[SPOOL_CREATE] = do_write,
	[SPOOL_UPDATE] = do_write,
	[SPOOL_DELETE] = do_delete,
	[SPOOL_RELEASE] = do_release,
	[SPOOL_REMEMBER] = do_remember,
	[SPOOL_FORGET] = do_forget,
};

/* --- removals --------------------------------------------------------------------------------------------------- */

void
spool_apply_removals(struct spool *spool, const struct spool_plan *plan)
{
	struct carrying carrying = { .spool = spool };
	const char *failed = NULL; /* the object that would not go: it is not forgotten either */

	for (guint i = 0; i < plan->removals->len; i++) {
		const struct spool_action *action = plan->removals->pdata[i];
		struct error err = { 0 };
		if (g_strcmp0(failed, action->key) == 0)
			continue;
		if (carry_outs[action->type](&carrying, action, &err) < 0) {
			failed = action->key;
			log_warning("%s of %s, which is in no file any more, stays for now: %s", action->key, action->path, err.text);
		}
	}
}

/* --- one file --------------------------------------------------------------------------------------------------- */

static int
carry_all(struct spool *spool, struct spool_known *known, const struct spool_step *step, bool dry_run,
    struct diagnostics *diagnostics)
{
	struct carrying carrying = { spool, known, dry_run, diagnostics };
	struct error err = { 0 };
	unsigned failed = 0;

	for (guint i = 0; i < step->actions->len; i++) {
		const struct spool_action *action = step->actions->pdata[i];
		unsigned before = diagnostics->errors;
		if (carry_outs[action->type](&carrying, action, &err) == 0)
			continue;
		if (err.code == ESTALE)
			return 1;
		failed++;
		if (diagnostics->errors == before)
			diagnostics_add_at(diagnostics, SEVERITY_ERROR, step->path, 0, 0, "%s: %s", action->key, err.text);
		if (!dry_run)
			break;
	}
	return failed == 0 ? 0 : -1;
}

/* A single write, and that first: when it fails nothing was done, so that it need not be tried before. */
static bool
is_atomic(const struct spool_step *step)
{
	for (guint i = 1; i < step->actions->len; i++) {
		const struct spool_action *action = step->actions->pdata[i];
		if (action->type != SPOOL_REMEMBER && action->type != SPOOL_FORGET)
			return false;
	}
	return true;
}

/* Counts what was accepted; an unchanged file after a restart is no new generation. */
static int
record_file(struct spool *spool, const struct spool_known *known, struct error *err)
{
	const char *text = store_record_get(spool->daemon->store, SPOOL_FILE_BUCKET, known->file->path);
	json_t *old = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	json_int_t generation = json_integer_value(json_object_get(old, "generation"));
	bool same = g_strcmp0(path_string(old, "sha256"), known->sha256) == 0;
	int rc = 0;

	json_decref(old);
	if (!same) {
		json_t *new = json_pack("{s:I, s:s}", "generation", generation + 1, "sha256", known->sha256);
		g_autofree char *written = json_write(new);
		rc = store_record_set(spool->daemon->store, SPOOL_FILE_BUCKET, known->file->path, written, err);
		json_decref(new);
	}
	return rc;
}

/* What was said is in the records now; the trees need not be kept. */
static void
settle(struct spool_known *known)
{
	known->applied = true;
	spool_known_forget_trees(known);
}

static unsigned
count_warnings(const struct diagnostics *diagnostics)
{
	return diagnostics->items->len - diagnostics->errors;
}

/* The outcome replaces what an earlier attempt left; warnings of reading stay when there is nothing worse to tell. */
static void
keep_findings(struct spool_known *known, struct diagnostics *fresh)
{
	if (fresh->errors == 0 && known->diagnostics.errors == 0 && count_warnings(fresh) <= count_warnings(&known->diagnostics)) {
		diagnostics_clear(fresh);
		return;
	}
	diagnostics_clear(&known->diagnostics);
	known->diagnostics = *fresh;
}

/* A file whose changes wait for the commit. */
struct uncommitted {
	struct daemon *daemon;
	char *path;
};

/* The store took them back: the file is to be read and applied again. */
static void
on_committed(void *arg, const struct error *error)
{
	struct uncommitted *u = arg;
	struct spool *spool = error == NULL ? NULL : u->daemon->spool; /* gone when the daemon stops */
	struct spool_known *known = spool == NULL ? NULL : g_tree_lookup(spool->files, u->path);

	if (known != NULL) {
		spool_known_forget(known);
		spool_rescan(spool);
	}
	g_free(u->path);
	g_free(u);
}

static void
await_commit(struct spool *spool, const char *path)
{
	struct uncommitted *u = g_new(struct uncommitted, 1);

	*u = (struct uncommitted) { spool->daemon, g_strdup(path) };
	store_when_durable(spool->daemon->store, on_committed, u);
}

void
spool_apply_step(struct spool *spool, const struct spool_step *step)
{
	struct spool_known *known = g_tree_lookup(spool->files, step->path);
	struct diagnostics fresh;
	struct error err = { 0 };

	if (known == NULL || known->file->reading != SPOOL_GOOD)
		return; /* gone or changed since the plan was made */
	if (g_strcmp0(known->refusal, step->refusal) != 0 || known->later != step->later)
		known->dirty = true;
	g_free(known->refusal);
	known->refusal = g_strdup(step->refusal);
	known->later = step->later;
	if (step->refusal != NULL || (known->applied && step->actions->len == 0))
		return;
	diagnostics_init(&fresh);
	int rc = is_atomic(step) ? 0 : carry_all(spool, known, step, true, &fresh);
	if (rc == 0) {
		diagnostics_clear(&fresh);
		diagnostics_init(&fresh);
		rc = carry_all(spool, known, step, false, &fresh);
	}
	/* An object changed since the plan was made: that is no mistake of the file's.  The next plan sees it. */
	if (rc > 0) {
		spool->again = true;
		diagnostics_clear(&fresh);
		return;
	}
	if (rc == 0 && !step->later && record_file(spool, known, &err) < 0) {
		diagnostics_add_at(&fresh, SEVERITY_ERROR, step->path, 0, 0, "%s", err.text);
		rc = -1;
	}
	known->dirty = true;
	known->applied = false;
	if (rc == 0 && !step->later)
		settle(known);
	if (rc == 0 && step->actions->len > 0)
		await_commit(spool, step->path);
	keep_findings(known, &fresh);
}
