/*
 * The spool's life: when it is looked at, and how one look is worked through without holding the loop up.
 *
 *   timer --> scan in a thread --> entries taken in, a slice a turn --> plan --> files carried out, a slice a turn --> timer
 *     ^                                                                                                             |
 *     +-- inotify, SIGHUP, "spool sync", an object that was waited for ----------------------------------------------+
 *
 * A file that was renamed into place or closed after writing is whole: it is looked at at once.  After anything else that
 * inotify tells, the spool must first be quiet for "settle".
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/spool_private.h"
#include "daemon/spool_watch.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/document/path.h"

/* A scan in its thread.  A spool on a server that hangs must not keep the daemon from stopping: whoever lets go last frees. */
struct spool_job {
	gint references;
	int told; /* eventfd: the thread is done */
	struct event *event;
	char *directory;
	GHashTable *known, *complete;
	int64_t young; /* ms; see spool_scan_new() */
	bool first;    /* the directory may be made, and marked */
	struct spool_scan *scan;
};

static void start_scan(struct spool *spool);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_work(evutil_socket_t fd, short what, void *arg);
static void on_status(evutil_socket_t fd, short what, void *arg);

/* --- when ------------------------------------------------------------------------------------------------------- */

static void
arm(struct event *event, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(event, &wait);
}

/* Looks again in so many ms, or earlier when that was planned already. */
static void
look_in(struct spool *spool, int64_t ms)
{
	int64_t now = clock_monotonic_ms();

	if (spool->due != 0 && spool->due <= now + ms)
		return;
	spool->due = now + MAX(ms, 0);
	arm(spool->timer, MAX(ms, 0));
}

static bool
is_busy(const struct spool *spool)
{
	return spool->job != NULL || spool->scan != NULL || spool->plan != NULL;
}

/* Waits until the spool is quiet, but not for ever. */
static void
on_changed(void *arg)
{
	struct spool *spool = arg;
	int64_t now = clock_monotonic_ms(), quiet = spool->daemon->config->spool->settle;

	if (is_busy(spool)) {
		spool->again = true;
		return;
	}
	if (g_hash_table_size(spool->complete) > 0)
		return; /* it is looked at in a moment anyway */
	if (spool->first_change == 0)
		spool->first_change = now;
	arm(spool->quiet, CLAMP(spool->first_change + SPOOL_QUIET_MOST_MS - now, 0, quiet));
}

/* Looks at what is whole, but rests as long as the last look took: whoever never stops writing must not have all our time. */
static void
look_at_complete(struct spool *spool)
{
	arm(spool->quiet, CLAMP(spool->took, 0, spool->daemon->config->spool->settle));
}

static void
on_complete(void *arg, const char *path)
{
	struct spool *spool = arg;
	bool first = g_hash_table_size(spool->complete) == 0;

	g_hash_table_add(spool->complete, g_strdup(path));
	if (first && !is_busy(spool))
		look_at_complete(spool);
}

static const struct spool_watch_class watch_class = { on_changed, on_complete };

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct spool *spool = arg;

	(void)fd;
	(void)what;
	event_del(spool->quiet);
	event_del(spool->timer);
	spool->due = 0;
	spool->first_change = 0;
	if (is_busy(spool))
		spool->again = true;
	else
		start_scan(spool);
}

/* --- the scan's thread ------------------------------------------------------------------------------------------ */

static void
job_unref(struct spool_job *job)
{
	if (!g_atomic_int_dec_and_test(&job->references))
		return;
	spool_scan_free(job->scan);
	g_hash_table_destroy(job->known);
	g_hash_table_destroy(job->complete);
	close(job->told);
	g_free(job->directory);
	g_free(job);
}

static gpointer
run_job(gpointer arg)
{
	struct spool_job *job = arg;

	if (job->first) {
		g_mkdir_with_parents(job->directory, 0755);
		spool_scan_mark(job->directory);
	}
	job->scan = spool_scan_new(job->directory, job->known, job->complete, job->young);
	eventfd_write(job->told, 1);
	job_unref(job);
	return NULL;
}

static void
on_scanned(evutil_socket_t fd, short what, void *arg)
{
	struct spool *spool = arg;
	struct spool_job *job = g_steal_pointer(&spool->job);

	(void)fd;
	(void)what;
	spool->scan = g_steal_pointer(&job->scan);
	event_free(job->event);
	job_unref(job);
	spool->position = 0;
	arm(spool->work, 0);
}

static gboolean
copy_stamp(gpointer path, gpointer value, gpointer arg)
{
	const struct spool_known *known = value;

	g_hash_table_insert(arg, g_strdup(path), g_memdup2(&known->stamp, sizeof(known->stamp)));
	return FALSE;
}

static bool
is_root_known(struct spool *spool)
{
	return store_record_get(spool->daemon->store, SPOOL_ROOT_BUCKET, "root") != NULL;
}

static GHashTable *
path_set_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
start_scan(struct spool *spool)
{
	g_autoptr(GError) cause = NULL;
	int told = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (told < 0) {
		log_warning("the spool cannot be looked at: %s", g_strerror(errno));
		look_in(spool, spool->daemon->config->spool->scan_interval);
		return;
	}
	struct spool_job *job = g_new0(struct spool_job, 1);
	job->references = 2;
	job->told = told;
	job->directory = g_strdup(spool->directory);
	job->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	/* When some files are whole, nobody has waited until the others are. */
	job->young = g_hash_table_size(spool->complete) == 0 ? SPOOL_FRESH_MS : MAX(SPOOL_FRESH_MS, spool->daemon->config->spool->settle);
	job->complete = g_steal_pointer(&spool->complete);
	spool->complete = path_set_new();
	spool->began = clock_monotonic_ms();
	job->first = spool->accept_root || !is_root_known(spool);
	g_tree_foreach(spool->files, copy_stamp, job->known);
	job->event = event_new(spool->daemon->base, told, EV_READ, on_scanned, spool);
	event_add(job->event, NULL);
	spool->job = job;
	GThread *thread = g_thread_try_new("spool", run_job, job, &cause);
	if (thread != NULL) {
		g_thread_unref(thread);
		return;
	}
	log_warning("the spool cannot be looked at: %s", cause->message);
	spool->job = NULL;
	event_free(job->event);
	job_unref(job);
	job_unref(job);
	look_in(spool, spool->daemon->config->spool->scan_interval);
}

/* --- is it the right directory? --------------------------------------------------------------------------------- */

static void
record_root(struct spool *spool, const struct spool_scan *scan)
{
	struct error err = { 0 };
	json_t *root = json_pack("{s:I, s:I, s:s?}", "device", (json_int_t)scan->device, "inode", (json_int_t)scan->inode, "marker",
	    scan->marker);
	g_autofree char *text = json_write(root);

	json_decref(root);
	if (store_record_set(spool->daemon->store, SPOOL_ROOT_BUCKET, "root", text, &err) < 0)
		log_warning("the spool's directory is not recorded: %s", err.text);
	spool->accept_root = false;
}

/* The directory beneath a mount may have been a spool of ours, too: its marker is another one. */
static bool
is_same_marker(const json_t *known, const char *marker)
{
	return marker != NULL && (json_is_true(known) || g_strcmp0(json_string_value(known), marker) == 0);
}

/* Why this scan must not lead to deletions, or NULL. */
static char *
doubt_about(struct spool *spool, const struct spool_scan *scan)
{
	const char *text = store_record_get(spool->daemon->store, SPOOL_ROOT_BUCKET, "root");
	json_t *root = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	const json_t *marker = json_object_get(root, "marker");
	bool marked = json_is_true(marker) || json_is_string(marker);
	bool same = json_integer_value(json_object_get(root, "device")) == (json_int_t)scan->device &&
	    json_integer_value(json_object_get(root, "inode")) == (json_int_t)scan->inode;
	bool accepted = root == NULL || spool->accept_root || (marked ? is_same_marker(marker, scan->marker) : same);
	bool told = g_strcmp0(json_string_value(marker), scan->marker) == 0;

	json_decref(root);
	if (scan->incomplete != NULL)
		return g_strdup(scan->missing ? "the spool directory is missing" : scan->incomplete);
	if (accepted && (root == NULL || spool->accept_root || !same || (scan->marker != NULL && !told)))
		record_root(spool, scan);
	if (accepted)
		return NULL;
	return g_strdup_printf(marked ? "%s is not the spool that it was: its marker " SPOOL_MARKER " is missing or another one" :
	                                "%s is not the spool that it was: it is another directory now",
	    spool->directory);
}

/* --- working through -------------------------------------------------------------------------------------------- */

/* What of a walk over the files is not in a scan. */
struct missing {
	GHashTable *there;
	GPtrArray *gone;
};

static gboolean
find_gone(gpointer path, gpointer value, gpointer arg)
{
	struct missing *missing = arg;

	(void)value;
	if (!g_hash_table_contains(missing->there, path))
		g_ptr_array_add(missing->gone, g_strdup(path));
	return FALSE;
}

/* Also after a scan that could not see everything: then doubt keeps the objects. */
static void
forget_gone(struct spool *spool)
{
	struct missing missing = { g_hash_table_new(g_str_hash, g_str_equal), g_ptr_array_new_with_free_func(g_free) };

	for (guint i = 0; i < spool->scan->entries->len; i++)
		g_hash_table_add(missing.there, ((struct spool_entry *)spool->scan->entries->pdata[i])->path);
	g_tree_foreach(spool->files, find_gone, &missing);
	for (guint i = 0; i < missing.gone->len; i++)
		g_tree_remove(spool->files, missing.gone->pdata[i]);
	g_ptr_array_unref(missing.gone);
	g_hash_table_destroy(missing.there);
}

static void
set_held(struct spool *spool, const struct spool_plan *plan)
{
	if (plan->held > 0 && (spool->held != plan->held || g_strcmp0(spool->why, plan->why) != 0))
		log_warning("%u objects would be deleted, but are kept: %s.  Put the files back, or allow it with: solovirt spool confirm",
		    plan->held, plan->why);
	if (plan->held == 0 && spool->held > 0)
		log_notice("no deletions are held any more");
	spool->held = plan->held;
	g_free(spool->why);
	spool->why = g_strdup(plan->why);
}

static void
drop_forgotten(void *arg, const char *key, const char *value)
{
	(void)value;
	g_ptr_array_add(arg, g_strdup(key));
}

/* A file that is gone, and of whose objects none is left, has no generation any more. */
static void
clean_records(struct spool *spool)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free), said = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) speaking = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	store_record_each(spool->daemon->store, SPOOL_FILE_BUCKET, drop_forgotten, paths);
	store_record_each(spool->daemon->store, SPOOL_BUCKET, drop_forgotten, said);
	for (guint i = 0; i < said->len; i++)
		g_hash_table_add(speaking, g_strndup(said->pdata[i], strcspn(said->pdata[i], "\n")));
	for (guint i = 0; i < paths->len; i++)
		if (g_tree_lookup(spool->files, paths->pdata[i]) == NULL && !g_hash_table_contains(speaking, paths->pdata[i]))
			store_record_set(spool->daemon->store, SPOOL_FILE_BUCKET, paths->pdata[i], NULL, NULL);
}

static bool
is_unchanged(const struct spool_scan *scan)
{
	for (guint i = 0; i < scan->entries->len; i++)
		if (((const struct spool_entry *)scan->entries->pdata[i])->state != SPOOL_SAME)
			return false;
	return scan->incomplete == NULL;
}

/* Neither files nor objects have changed since a plan that found nothing to do: there is nothing to decide. */
static bool
is_settled(struct spool *spool)
{
	return spool->settled == store_version(spool->daemon->store) && spool->doubt == NULL && is_unchanged(spool->scan) &&
	    spool->scan->entries->len == (guint)g_tree_nnodes(spool->files);
}

/* Begins with what goes. */
static void
make_plan(struct spool *spool)
{
	spool->settled = store_version(spool->daemon->store);
	spool->plan = spool_apply_plan(spool);
	spool->position = 0;
	set_held(spool, spool->plan);
	if (spool->plan->next != 0)
		look_in(spool, spool->plan->next - clock_monotonic_ms());
	spool_apply_removals(spool, spool->plan);
}

/* All files are read. */
static void
decide(struct spool *spool)
{
	g_free(spool->doubt);
	spool->doubt = doubt_about(spool, spool->scan);
	if (spool_watch_set(spool->watch, spool->directory, spool->scan->folders))
		spool->again = true;
	bool settled = is_settled(spool);
	if (!settled)
		forget_gone(spool);
	g_clear_pointer(&spool->scan, spool_scan_free);
	if (!settled)
		make_plan(spool);
}

static gboolean
find_unsettled(gpointer path, gpointer value, gpointer arg)
{
	const struct spool_known *known = value;

	(void)path;
	*(bool *)arg |= known->file->reading == SPOOL_WAITING || (known->file->reading == SPOOL_GOOD && !known->applied);
	return *(bool *)arg;
}

/* True when the plan did nothing and left nothing to do: what it does may yet fail to be committed. */
static bool
has_settled(const struct spool *spool)
{
	const struct spool_plan *plan = spool->plan;
	bool unsettled = spool->again || spool->doubt != NULL || plan->held > 0 || plan->next != 0 || plan->removals->len > 0 ||
	    spool->settled != store_version(spool->daemon->store);

	g_tree_foreach(spool->files, find_unsettled, &unsettled);
	return !unsettled;
}

static void
finish(struct spool *spool)
{
	if (spool->plan != NULL) {
		if (!has_settled(spool))
			spool->settled = -1;
		clean_records(spool);
		arm(spool->status, 0);
	}
	g_clear_pointer(&spool->plan, spool_plan_free);
	spool->took = clock_monotonic_ms() - spool->began;
	if (g_hash_table_size(spool->complete) > 0)
		look_at_complete(spool);
	if (spool->again) {
		spool->again = false;
		look_in(spool, MAX(spool->daemon->config->spool->settle, SPOOL_FRESH_MS));
	}
	look_in(spool, spool->daemon->config->spool->scan_interval);
}

/* One file; false when there is nothing left to do. */
static bool
work_once(struct spool *spool)
{
	if (spool->scan != NULL && spool->position < spool->scan->entries->len) {
		if (spool_read_entry(spool, spool->scan->entries->pdata[spool->position++]))
			spool->again = true;
	} else if (spool->scan != NULL) {
		decide(spool);
	} else if (spool->plan != NULL && spool->position < spool->plan->steps->len) {
		struct spool_step *step = spool->plan->steps->pdata[spool->position++];
		spool_apply_step(spool, step);
		g_ptr_array_set_size(step->actions, 0); /* its trees are large, and there may be thousands */
	} else {
		finish(spool);
		return false;
	}
	return true;
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct spool *spool = arg;
	int64_t end = clock_monotonic_ms() + SPOOL_SLICE_MS;

	(void)fd;
	(void)what;
	while (work_once(spool))
		if (clock_monotonic_ms() >= end) {
			arm(spool->work, 0);
			return;
		}
}

/* --- objects change --------------------------------------------------------------------------------------------- */

static void
on_status(evutil_socket_t fd, short what, void *arg)
{
	struct spool *spool = arg;

	(void)fd;
	(void)what;
	int64_t again = spool_status_write(spool);
	if (again >= 0)
		arm(spool->status, again);
}

static gboolean
find_later(gpointer path, gpointer value, gpointer arg)
{
	(void)path;
	*(bool *)arg |= ((const struct spool_known *)value)->later;
	return *(bool *)arg;
}

static void
on_object(void *arg, const struct change *change)
{
	struct spool *spool = arg;
	bool shown = spool_status_touch(spool, change->object);

	if (shown && !event_pending(spool->status, EV_TIMEOUT, NULL))
		arm(spool->status, SPOOL_STATUS_MS);
	if (change->type != CHANGE_DELETED)
		return;
	/* What a file says is there again soon, whoever removed it. */
	if (!shown)
		g_tree_foreach(spool->files, find_later, &shown);
	if (shown)
		on_changed(spool);
}

/* --- public ----------------------------------------------------------------------------------------------------- */

static gint
compare_paths(gconstpointer left, gconstpointer right, gpointer arg)
{
	(void)arg;
	return strcmp(left, right);
}

static int
remove_stale(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	if (type == FTW_DP && where->level > 0)
		rmdir(path);
	else if (type == FTW_F && (g_str_has_suffix(path, ".status") || g_str_has_suffix(path, ".status.tmp")))
		unlink(path);
	return 0;
}

/* What an earlier run wrote about files that may be gone by now. */
static void
remove_old_status(struct spool *spool)
{
	g_autofree char *top = g_build_filename(spool->daemon->config->runtime_directory, "spool", NULL);

	nftw(top, remove_stale, 16, FTW_DEPTH | FTW_PHYS);
}

struct spool *
spool_new(struct daemon *daemon, struct error *err)
{
	if (daemon->config->spool_directory == NULL || daemon->config->spool_directory[0] != '/') {
		error_set(err, EINVAL, "spoolDirectory must be an absolute path");
		return NULL;
	}
	struct spool *spool = g_new0(struct spool, 1);
	spool->daemon = daemon;
	spool->directory = g_strdup(daemon->config->spool_directory);
	spool->files = g_tree_new_full(compare_paths, NULL, g_free, (GDestroyNotify)spool_known_free);
	spool->absences = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	spool->shown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	spool->timer = event_new(daemon->base, -1, 0, on_timer, spool);
	spool->quiet = event_new(daemon->base, -1, 0, on_timer, spool);
	spool->work = event_new(daemon->base, -1, 0, on_work, spool);
	spool->status = event_new(daemon->base, -1, 0, on_status, spool);
	spool->complete = path_set_new();
	spool->settled = -1;
	spool->watch = spool_watch_new(daemon->base, &watch_class, spool);
	remove_old_status(spool);
	store_subscribe(daemon->store, on_object, spool);
	look_in(spool, 0);
	return spool;
}

void
spool_free(struct spool *spool)
{
	if (spool == NULL)
		return;
	store_unsubscribe(spool->daemon->store, spool);
	spool_watch_free(spool->watch);
	if (spool->job != NULL) {
		event_free(spool->job->event);
		job_unref(spool->job); /* the thread may be stuck: it frees the rest whenever it ends */
	}
	spool_scan_free(spool->scan);
	spool_plan_free(spool->plan);
	event_free(spool->timer);
	event_free(spool->quiet);
	event_free(spool->work);
	event_free(spool->status);
	g_hash_table_destroy(spool->shown);
	g_hash_table_destroy(spool->absences);
	g_hash_table_destroy(spool->complete);
	g_clear_pointer(&spool->files, g_tree_unref);
	g_free(spool->directory);
	g_free(spool->doubt);
	g_free(spool->why);
	g_free(spool);
}

void
spool_rescan(struct spool *spool)
{
	if (is_busy(spool))
		spool->again = true;
	else
		look_in(spool, 0);
}

void
spool_confirm(struct spool *spool)
{
	if (spool->held > 0)
		log_notice("%u held deletions are allowed", spool->held);
	spool_absences_confirm(spool->absences);
	spool->accept_root = true;
	spool_rescan(spool);
}
