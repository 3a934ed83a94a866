/*
 * Backups, a minute after a change: the pages are copied in steps between other events, by the one connection that there
 * is; checking and syncing the copy is left to a thread that touches nothing but that file.  A store that is damaged loses
 * a minute, not an hour: what runs by its word is not made twice.
 *
 *   backup/solovirt-2026-01-02T03-04-05Z.db      the newest two are kept, and one an hour, STORE_BACKUPS in all
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/store_private.h"
#include "src/base/clock.h"
#include "src/base/log.h"

enum { STEP_PAGES = 200, STEP_MS = 10, WAIT_MS = 500, HOUR_LENGTH = sizeof("solovirt-2026-01-02T03") - 1 };

/* A copy in the making. */
struct copy {
	char *directory, *temporary, *path;
	sqlite3 *target;
	sqlite3_backup *pages;
};

struct store_backup {
	struct store *store;
	struct event *timer;
	struct copy *copy; /* NULL between backups */
	GThread *thread;   /* checks and syncs; NULL while there is none */
	gint finished;     /* set by the thread, atomically */
	int64_t version;   /* newest that the last good copy holds */
	int64_t copying;   /* the same, of the copy in the making */
	struct error err;  /* of the thread, to be read after it was joined; code 0: good */
};

/* --- one copy --------------------------------------------------------------------------------------------------- */

static void
copy_free(struct copy *copy)
{
	if (copy == NULL)
		return;
	if (copy->pages != NULL)
		sqlite3_backup_finish(copy->pages);
	sqlite3_close(copy->target);
	unlink(copy->temporary);
	g_free(copy->directory);
	g_free(copy->temporary);
	g_free(copy->path);
	g_free(copy);
}

static struct copy *
copy_new(struct store_db *db, const char *path, struct error *err)
{
	struct copy *copy = g_new0(struct copy, 1);

	copy->directory = g_path_get_dirname(path);
	copy->path = g_strdup(path);
	copy->temporary = g_strconcat(copy->path, ".tmp", NULL);
	mkdir(copy->directory, 0700);
	unlink(copy->temporary);
	int code = sqlite3_open_v2(copy->temporary, &copy->target,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(copy->target, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		copy->pages = sqlite3_backup_init(copy->target, "main", db->handle, "main");
	if (copy->pages != NULL)
		return copy;
	store_db_error(copy->target, code == SQLITE_OK ? sqlite3_errcode(copy->target) : code, copy->path, err);
	copy_free(copy);
	return NULL;
}

/* The time in a backup's name; -1 when it is none. */
static int64_t
time_of(const char *path)
{
	g_autofree char *text = g_strdup(strrchr(path, '/') + 1 + strlen("solovirt-"));

	if (strlen(text) != sizeof("2026-01-02T03-04-05Z.db") - 1)
		return -1;
	text[13] = text[16] = ':';
	text[20] = '\0';
	return clock_parse(text);
}

/* What a backup that is made now is called; caller g_free()s.  The newest is last by name, also after the clock was set back. */
static char *
backup_path(const char *directory)
{
	g_autoptr(GPtrArray) others = store_backup_list(directory);
	int64_t now = clock_wall_ms();
	char text[CLOCK_TEXT_SIZE];

	if (others->len > 0)
		now = MAX(now, time_of(others->pdata[0]) + 1000);
	clock_format(now, text);
	return g_strdup_printf("%s/backup/solovirt-%s.db", directory, g_strdelimit(text, ":", '-'));
}

/* 1: more to do, 0: all pages are there, -1. */
static int
copy_step(struct copy *copy, struct error *err)
{
	int code = sqlite3_backup_step(copy->pages, STEP_PAGES);

	if (code == SQLITE_OK || code == SQLITE_BUSY)
		return 1;
	if (code == SQLITE_DONE) {
		code = sqlite3_backup_finish(copy->pages);
		copy->pages = NULL;
	}
	if (code == SQLITE_OK)
		code = sqlite3_close(copy->target);
	if (code == SQLITE_OK) {
		copy->target = NULL;
		return 0;
	}
	store_db_error(copy->target, code, copy->path, err);
	return -1;
}

/* A restored store begins a new history: the change log would only make each backup as large as the log may become. */
static int
shed_log(const char *path, struct error *err)
{
	static const char sql[] = "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; DELETE FROM change; "
				  "INSERT INTO meta(name, value) SELECT 'compacted', value FROM meta WHERE name = 'version' "
				  "ON CONFLICT(name) DO UPDATE SET value = excluded.value; PRAGMA incremental_vacuum";
	sqlite3 *handle = NULL;
	int code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_exec(handle, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		store_db_error(handle, code, "taking the change log out of the copy", err);
	sqlite3_close(handle);
	return code == SQLITE_OK ? 0 : -1;
}

static int
verify(const char *path, struct error *err)
{
	g_autofree char *uri = g_filename_to_uri(path, NULL, NULL), *query = g_strconcat(uri, "?immutable=1", NULL);
	sqlite3 *handle = NULL;
	int code = sqlite3_open_v2(query, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	enum store_outcome outcome =
	    code == SQLITE_OK ? store_db_check(handle, err) : store_db_error(handle, code, "opening the copy", err);

	sqlite3_close(handle);
	return outcome == STORE_GOOD ? 0 : -1;
}

static int
sync_path(const char *path, int flags, struct error *err)
{
	int fd = open(path, flags | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = error_errno(err, "cannot sync %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static void
prune(const char *directory)
{
	g_autofree char *state = g_path_get_dirname(directory);
	g_autoptr(GPtrArray) names = store_backup_list(state);

	const char *kept = "";
	guint count = 0;

	for (guint i = 0; i < names->len; i++) {
		const char *path = names->pdata[i], *name = strrchr(path, '/') + 1;
		bool same_hour = strncmp(name, kept, HOUR_LENGTH) == 0;

		if (count < STORE_BACKUPS && (i < 2 || !same_hour)) {
			kept = name;
			count++;
		} else {
			unlink(path);
		}
	}
}

/* Makes the copy count, only once it is known to be good.  Any thread, as the next. */
static int
copy_publish(struct copy *copy, struct error *err)
{
	if (verify(copy->temporary, err) < 0 || sync_path(copy->temporary, O_RDONLY, err) < 0)
		return error_wrap(err, "backup: ");
	if (rename(copy->temporary, copy->path) < 0)
		return error_errno(err, "cannot rename the backup to %s", copy->path);
	return sync_path(copy->directory, O_RDONLY | O_DIRECTORY, err);
}

static int
backup_publish(struct copy *copy, struct error *err)
{
	if (shed_log(copy->temporary, err) < 0)
		return error_wrap(err, "backup: ");
	if (copy_publish(copy, err) < 0)
		return -1;
	prune(copy->directory);
	return 0;
}

/* Copies all and ends with publish. */
static int
copy_now(struct store_db *db, const char *path, int (*publish)(struct copy *copy, struct error *err), struct error *err)
{
	struct copy *copy = copy_new(db, path, err);
	int rc = copy == NULL ? -1 : 1;

	while (rc > 0)
		rc = copy_step(copy, err);
	if (rc == 0)
		rc = publish(copy, err);
	copy_free(copy);
	return rc;
}

int
store_backup_to(struct store_db *db, const char *path, struct error *err)
{
	return copy_now(db, path, copy_publish, err);
}

int
store_backup_now(struct store_db *db, const char *directory, struct error *err)
{
	g_autofree char *path = backup_path(directory);

	return copy_now(db, path, backup_publish, err);
}

static gint
compare_newest(gconstpointer left, gconstpointer right)
{
	return -strcmp(*(const char *const *)left, *(const char *const *)right);
}

GPtrArray *
store_backup_list(const char *directory)
{
	g_autofree char *folder = g_build_filename(directory, "backup", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_prefix(name, "solovirt-") && g_str_has_suffix(name, ".db"))
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	g_ptr_array_sort(paths, compare_newest);
	return paths;
}

/* --- after changes ---------------------------------------------------------------------------------------------- */

static void
schedule(struct store_backup *backup, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(backup->timer, &wait);
}

static gpointer
run_publish(gpointer arg)
{
	struct store_backup *backup = arg;

	backup_publish(backup->copy, &backup->err);
	g_atomic_int_set(&backup->finished, 1);
	return NULL;
}

static void
end(struct store_backup *backup, const struct error *err)
{
	if (err->code != 0)
		log_warning("%s", err->text);
	else
		log_debug("the store is backed up in %s", backup->copy->path);
	if (err->code == 0)
		backup->version = backup->copying;
	g_clear_pointer(&backup->copy, copy_free);
	/* What changed meanwhile; and after a failure it is tried again even when nothing changes. */
	if (backup->version != backup->store->durable)
		schedule(backup, STORE_BACKUP_MS);
}

static void
step(struct store_backup *backup)
{
	struct error err = { 0 };
	int rc = copy_step(backup->copy, &err);

	if (rc < 0) {
		end(backup, &err);
	} else if (rc > 0) {
		schedule(backup, STEP_MS);
	} else {
		backup->err = (struct error) { 0 };
		g_atomic_int_set(&backup->finished, 0);
		backup->thread = g_thread_new("backup", run_publish, backup);
		schedule(backup, WAIT_MS);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct store_backup *backup = arg;
	struct error err = { 0 };

	(void)fd;
	(void)what;
	if (backup->thread != NULL) {
		if (!g_atomic_int_get(&backup->finished)) {
			schedule(backup, WAIT_MS);
			return;
		}
		g_thread_join(g_steal_pointer(&backup->thread));
		end(backup, &backup->err);
		return;
	}
	backup->copying = backup->copy == NULL ? backup->store->durable : backup->copying;
	if (backup->copy == NULL) {
		g_autofree char *path = backup_path(backup->store->directory);
		backup->copy = copy_new(&backup->store->db, path, &err);
	}
	if (backup->copy != NULL) {
		step(backup);
		return;
	}
	log_warning("%s", err.text);
	schedule(backup, STORE_BACKUP_MS);
}

void
store_backup_init(struct store *store)
{
	struct store_backup *backup = g_new0(struct store_backup, 1);

	backup->store = store;
	backup->timer = event_new(store->base, -1, 0, on_timer, backup);
	event_priority_set(backup->timer, PRIORITY_COMMIT);
	store->backup = backup;
	schedule(backup, STORE_BACKUP_MS);
}

void
store_backup_changed(struct store *store)
{
	struct store_backup *backup = store->backup;

	if (backup != NULL && backup->copy == NULL && !event_pending(backup->timer, EV_TIMEOUT, NULL))
		schedule(backup, STORE_BACKUP_MS);
}

void
store_backup_start(struct store *store)
{
	if (store->backup->copy == NULL)
		schedule(store->backup, 0);
}

void
store_backup_clear(struct store *store)
{
	struct store_backup *backup = g_steal_pointer(&store->backup);

	if (backup == NULL)
		return;
	if (backup->thread != NULL)
		g_thread_join(backup->thread);
	copy_free(backup->copy);
	event_free(backup->timer);
	g_free(backup);
}
