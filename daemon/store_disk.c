/*
 * When the disk refuses: full, read-only, failing.
 *
 *   healthy --write fails--> problem (writes refused at once, reserve given up) --probe succeeds--> healthy
 *
 * On a full disk even deleting a row and moving the log into the database need room; the reserve ("ballast") gives it.  While
 * the problem lasts only deletions may use that room, since they are how a user gets his disk back.  The problem is over when
 * the reserve could be made again and a probe was written.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/store_private.h"
#include "src/base/log.h"

static const struct trouble {
	int code;
	const char *head, *tail; /* around the directory */
} troubles[] = {
	{ ENOSPC, "the disk of ", " is full" },
	{ EROFS, "the disk of ", " is read-only" },
	{ EACCES, "", " may not be written" },
	{ EBUSY, "", " was replaced and is in use by another solovirtd" },
	{ EIO, "the disk of ", " fails" },
};

static char *
ballast_path(struct store *store)
{
	return g_build_filename(store->directory, "ballast", NULL);
}

/* False only when there is no room; a file-system that cannot reserve goes without. */
static bool
ballast_make(struct store *store)
{
	g_autofree char *path = ballast_path(store);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool room = true;

	if (fd < 0)
		return errno != ENOSPC && errno != EDQUOT;
	if (fallocate(fd, 0, 0, STORE_BALLAST) < 0)
		room = errno != ENOSPC && errno != EDQUOT && errno != EFBIG;
	close(fd);
	if (!room)
		unlink(path);
	store->ballast = room;
	return room;
}

static void
ballast_drop(struct store *store)
{
	g_autofree char *path = ballast_path(store);

	if (unlink(path) == 0)
		log_warning("%s is given up so that deleting still works", path);
	store->ballast = false;
}

static void
tell(struct store *store)
{
	for (guint i = 0; i < store->watchers->len; i++) {
		struct store_watcher *watcher = &g_array_index(store->watchers, struct store_watcher, i);
		watcher->health(watcher->arg, store_problem(store));
	}
}

static void
problem_set(struct store *store, const struct error *cause)
{
	struct timeval soon = { .tv_sec = STORE_PROBE_MS / 1000 };

	if (store->problem.code == cause->code)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++)
		if (troubles[i].code == cause->code)
			error_set(&store->problem, cause->code, "%s%s%s", troubles[i].head, store->directory, troubles[i].tail);
	log_error("%s; nothing can be changed until it is well again (%s)", store->problem.text, cause->text);
	event_add(store->probe, &soon);
	tell(store);
}

static bool
is_lasting(int code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++)
		if (troubles[i].code == code)
			return true;
	return false;
}

void
store_disk_problem(struct store *store, struct error *err)
{
	if (!is_lasting(err->code))
		err->code = EIO;
	problem_set(store, err);
	*err = store->problem;
}

void
store_disk_reserve(struct store *store)
{
	if (!ballast_make(store))
		log_warning("%s has no room for a reserve of %d MiB", store->directory, STORE_BALLAST >> 20);
}

/* Never tried again: after a failed fsync the kernel calls the lost pages clean, and the next fsync succeeds. */
static void
stop_when_unsynced(struct store *store, int code)
{
	if (code != SQLITE_IOERR_FSYNC && code != SQLITE_IOERR_DIR_FSYNC)
		return;
	log_error("fsync below %s failed: stopping, the next start finds out what is on disk", store->directory);
	abort();
}

void
store_disk_failed(struct store *store, int code, const char *what, struct error *err)
{
	store_db_error(store->db.handle, code, what, err);
	stop_when_unsynced(store, code);
	if (!sqlite3_get_autocommit(store->db.handle))
		store_db_run(&store->db, STATEMENT_ROLLBACK, "");
	if (!is_lasting(err->code)) {
		log_error("the store in %s: %s", store->directory, err->text);
		return;
	}
	if (err->code == ENOSPC) {
		ballast_drop(store);
		stop_when_unsynced(store,
		    sqlite3_wal_checkpoint_v2(store->db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
	}
	problem_set(store, err);
	*err = store->problem;
}

int
store_disk_check(struct store *store, bool deletion, struct error *err)
{
	if (store->problem.code == 0 || (store->problem.code == ENOSPC && deletion))
		return 0;
	return error_set(err, store->problem.code, "%s", store->problem.text);
}

/* SQLite writes nothing where the value is the same already. */
static int
probe(struct store *store)
{
	int code = store_db_run(&store->db, STATEMENT_BEGIN, "");

	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "probe", ++store->probes);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_COMMIT, "");
	return code;
}

static void
on_probe(evutil_socket_t fd, short what, void *arg)
{
	struct store *store = arg;
	struct timeval again = { .tv_sec = STORE_PROBE_MS / 1000 };
	struct error err = { 0 };

	(void)fd;
	(void)what;
	if (store_renew(store, &err) < 0 || !ballast_make(store)) {
		event_add(store->probe, &again);
		return;
	}
	int code = probe(store);
	if (code != SQLITE_OK) {
		store_disk_failed(store, code, "trying to write", &err);
		event_add(store->probe, &again);
		return;
	}
	store->problem = (struct error) { 0 };
	log_notice("the store in %s can be written again", store->directory);
	tell(store);
}

const char *
store_problem(struct store *store)
{
	return store->problem.code == 0 ? NULL : store->problem.text;
}

void
store_on_health(struct store *store, void (*health)(void *arg, const char *problem), void *arg)
{
	struct store_watcher watcher = { health, arg };

	g_array_append_val(store->watchers, watcher);
}

void
store_disk_init(struct store *store)
{
	store->watchers = g_array_new(FALSE, FALSE, sizeof(struct store_watcher));
	store->probe = event_new(store->base, -1, 0, on_probe, store);
	store_disk_reserve(store);
}

void
store_disk_clear(struct store *store)
{
	g_clear_pointer(&store->probe, event_free);
	g_clear_pointer(&store->watchers, g_array_unref);
}
