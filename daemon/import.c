/* Imports under way; see import.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/import.h"
#include "daemon/import_pace.h"
#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"

enum {
	IMPORT_DEADLINE = 24 * 3600 * 1000, /* ms */
	IMPORT_STALL_SECONDS = 15 * 60,     /* without progress; the worker itself has less patience with a server */
	NOBODY = 65534,
};

struct import {
	struct daemon *daemon;
	char *uid, *scratch;
	struct worker *worker;
	struct event *reap; /* frees it outside the worker's callbacks */
	struct event *stall; /* ends it when nothing was heard for too long */
	struct import_request request;
	struct import_pace pace;
	bool over;
};

static struct imports *imports_get(struct daemon *daemon);

struct imports {
	GHashTable *by_uid; /* uid -> struct import */
};

static struct imports *
imports_get(struct daemon *daemon)
{
	if (daemon->imports == NULL) {
		daemon->imports = g_new0(struct imports, 1);
		daemon->imports->by_uid = g_hash_table_new(g_str_hash, g_str_equal);
	}
	return daemon->imports;
}

static void import_over(struct import *i, json_t *result, const struct error *error);

static bool
has_room(struct import *const *all, size_t count, int *giver)
{
	const struct import_pace *paces[IMPORTS_MOST + IMPORTS_SLOW_MOST];
	int64_t now = clock_monotonic_ms();
	bool leaves = false;

	for (size_t k = 0; k < count; k++) {
		paces[k] = &all[k]->pace;
		leaves |= all[k]->over;
	}
	*giver = leaves ? -1 : import_pace_giver(paces, count, now);
	return import_pace_has_room(paces, count, IMPORTS_MOST, IMPORTS_SLOW_MOST, now);
}

bool
imports_have_room(struct daemon *daemon)
{
	struct import *all[IMPORTS_MOST + IMPORTS_SLOW_MOST];
	struct error err = { 0 };
	GHashTableIter iter;
	size_t count = 0;
	void *one;
	int giver;

	g_hash_table_iter_init(&iter, imports_get(daemon)->by_uid);
	while (count < G_N_ELEMENTS(all) && g_hash_table_iter_next(&iter, NULL, &one))
		all[count++] = one;
	if (has_room(all, count, &giver))
		return true;
	if (giver >= 0) {
		error_set(&err, IMPORT_GAVE_WAY, "less than %d KiB come a second and others wait: they have its place for a while, then it goes on from where it was",
		    IMPORT_PACE_SLOW >> 10);
		import_over(all[giver], NULL, &err);
	}
	return false;
}

/* The directory holds at most a few files that the worker made. */
static void
remove_directory(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		unlink(file);
	}
	if (dir != NULL)
		g_dir_close(dir);
	rmdir(path);
}

/* Ours: whoever feeds the pipe sees that the worker is gone only when nobody else has its end. */
static void
close_stream(struct import *i)
{
	if (i->request.stream >= 0)
		close(i->request.stream);
	i->request.stream = -1;
}

static void
close_under(struct import *i)
{
	if (i->request.under > 0)
		close(i->request.under);
	i->request.under = 0;
}

static void
import_free(struct import *i)
{
	g_hash_table_remove(i->daemon->imports->by_uid, i->uid);
	worker_free(i->worker);
	event_free(i->reap);
	event_free(i->stall);
	close(i->request.target);
	close_stream(i);
	close_under(i);
	json_decref(i->request.args);
	remove_directory(i->scratch);
	g_free(i->scratch);
	g_free(i->uid);
	g_free(i);
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	import_free(arg);
}

static void
import_over(struct import *i, json_t *result, const struct error *error)
{
	if (i->over)
		return;
	i->over = true;
	event_active(i->reap, EV_TIMEOUT, 0);
	i->request.done(i->request.arg, result, error);
}

static void
on_answer(void *arg, json_t *result, const struct error *error)
{
	import_over(arg, result, error);
}

static void
on_stream(void *arg, json_t *result, const struct error *error)
{
	struct import *i = arg;

	(void)result;
	close_stream(i);
	if (error != NULL)
		import_over(i, NULL, error);
}

static void
on_under(void *arg, json_t *result, const struct error *error)
{
	struct import *i = arg;

	(void)result;
	close_under(i);
	if (error != NULL)
		import_over(i, NULL, error);
}

static void
on_state(void *owner, const char *reason)
{
	struct import *i = owner;
	struct error err = { 0 };

	if (reason != NULL) {
		error_set(&err, EIO, "the import worker ended: %s", reason);
		import_over(i, NULL, &err);
		return;
	}
	if (i->request.stream >= 0)
		worker_call(i->worker, "stream", json_object(), i->request.stream, IMPORT_DEADLINE, on_stream, i);
	if (i->request.under > 0)
		worker_call(i->worker, "under", json_object(), i->request.under, IMPORT_DEADLINE, on_under, i);
	worker_call(i->worker, "import", g_steal_pointer(&i->request.args), i->request.target, IMPORT_DEADLINE, on_answer, i);
}

/* A worker that hangs: in a storage that does not answer, in a name look-up.  What it did is begun anew or resumed. */
static void
on_stall(evutil_socket_t fd, short what, void *arg)
{
	struct error err = { 0 };

	(void)fd;
	(void)what;
	error_set(&err, ETIMEDOUT, "the import made no progress for %d minutes: its worker hangs", IMPORT_STALL_SECONDS / 60);
	import_over(arg, NULL, &err);
}

static void
expect_progress(struct import *i)
{
	static const struct timeval patience = { .tv_sec = IMPORT_STALL_SECONDS };

	event_add(i->stall, &patience);
}

static void
on_event(void *owner, const char *event, json_t *args)
{
	struct import *i = owner;

	if (!i->over)
		expect_progress(i);
	if (strcmp(event, "progress") == 0 && path_string(args, "phase") != NULL) {
		import_pace_tell(&i->pace, clock_monotonic_ms(), json_integer_value(json_object_get(args, "done")));
		if (json_object_get(args, "durable") != NULL)
			import_pace_keep(&i->pace, json_integer_value(path_find(args, "durable.offset")));
	}
	if (!i->over && strcmp(event, "progress") == 0 && path_string(args, "phase") != NULL && i->request.progress != NULL)
		i->request.progress(i->request.arg, args);
}

static const struct worker_class import_class = {
	.program = "solovirt-import",
	.on_event = on_event,
	.on_state = on_state,
};

/* A directory of the worker's own; what an earlier life left there is of no use. */
static int
make_scratch(const char *path, struct error *err)
{
	remove_directory(path);
	if (g_mkdir_with_parents(path, 0711) != 0)
		return error_errno(err, "cannot make %s", path);
	if (geteuid() == 0 && chown(path, NOBODY, NOBODY) != 0)
		return error_errno(err, "cannot give %s to the import worker", path);
	return chmod(path, 0700) == 0 ? 0 : error_errno(err, "cannot close %s", path);
}

/* Scratch space of an earlier life. */
void
imports_start(struct daemon *daemon)
{
	g_autofree char *all = g_build_filename(daemon->config->state_directory, "import", NULL);
	GDir *dir = g_dir_open(all, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(all, name, NULL);
		remove_directory(path);
	}
	if (dir != NULL)
		g_dir_close(dir);
}

int
import_start(struct daemon *daemon, const struct import_request *request, struct error *err)
{
	struct imports *all = imports_get(daemon);
	g_autofree char *scratch = g_build_filename(daemon->config->state_directory, "import", request->uid, NULL);
	static const char *const no_arguments[] = { NULL };
	struct import *i;
	int r = 0;

	if (!imports_have_room(daemon))
		r = error_set(err, EAGAIN, "%u imports are under way", g_hash_table_size(all->by_uid));
	if (r == 0 && make_scratch(scratch, err) != 0)
		r = -1;
	if (r != 0) {
		close(request->target);
		if (request->stream >= 0)
			close(request->stream);
		if (request->under > 0)
			close(request->under);
		json_decref(request->args);
		return -1;
	}
	i = g_new0(struct import, 1);
	i->daemon = daemon;
	i->uid = g_strdup(request->uid);
	i->scratch = g_steal_pointer(&scratch);
	i->request = *request;
	json_object_set_new(i->request.args, "scratch", json_string(i->scratch));
	i->reap = event_new(daemon->base, -1, 0, on_reap, i);
	i->stall = evtimer_new(daemon->base, on_stall, i);
	expect_progress(i);
	import_pace_begin(&i->pace, clock_monotonic_ms());
	g_hash_table_insert(all->by_uid, i->uid, i);
	i->worker = worker_new(daemon->base, &import_class, NULL, no_arguments, i);
	return 0;
}

void
import_cancel(struct daemon *daemon, const char *uid)
{
	struct import *i = g_hash_table_lookup(imports_get(daemon)->by_uid, uid);
	struct error err = { 0 };

	if (i == NULL)
		return;
	error_set(&err, ECANCELED, "the import was cancelled");
	import_over(i, NULL, &err);
	import_free(i);
}

bool
import_is_running(struct daemon *daemon, const char *uid)
{
	return g_hash_table_contains(imports_get(daemon)->by_uid, uid);
}

void
imports_stop(struct daemon *daemon)
{
	GHashTableIter iter;
	void *uid;

	if (daemon->imports == NULL)
		return;
	for (g_hash_table_iter_init(&iter, daemon->imports->by_uid); g_hash_table_iter_next(&iter, &uid, NULL);
	     g_hash_table_iter_init(&iter, daemon->imports->by_uid))
		import_cancel(daemon, uid);
	g_hash_table_destroy(daemon->imports->by_uid);
	g_clear_pointer(&daemon->imports, g_free);
}
