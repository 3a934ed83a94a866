/*
 * The directory was taken away beneath us: removed, unmounted, or replaced by another.
 *
 * SQLite goes on writing to files that no name leads to any more, and with the process everything would be gone.  So before
 * every commit, and when one was taken away (store_watch.c), the names are held against what was opened.  When one leads
 * elsewhere, the database that is still open is copied to where it belongs, and from then on that is the store.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store_private.h"
#include "src/base/log.h"

/* In the order of enum store_file. */
static const char *const names[STORE_FILE_COUNT] = { "lock", "solovirt.db", "solovirt.db-wal" };

static char *
path_of(const struct store *store, enum store_file file)
{
	return g_build_filename(store->directory, names[file], NULL);
}

/* False when there is no such file; a directory that cannot be looked into says nothing of what is in it. */
static bool
is_there(const struct store *store, enum store_file file, struct stat *st)
{
	g_autofree char *path = path_of(store, file);

	return lstat(path, st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static bool
is_ours(const struct store *store, enum store_file file)
{
	const struct store_identity *known = &store->identities[file];
	struct stat st = { .st_dev = known->device, .st_ino = known->inode };

	return is_there(store, file, &st) && st.st_dev == known->device && st.st_ino == known->inode;
}

void
store_renew_init(struct store *store)
{
	for (int file = 0; file < STORE_FILE_COUNT; file++) {
		struct stat st = { 0 };
		is_there(store, (enum store_file)file, &st);
		store->identities[file] = (struct store_identity) { st.st_dev, st.st_ino };
	}
}

bool
store_renew_knows(const char *name)
{
	for (int file = 0; file < STORE_FILE_COUNT; file++)
		if (strcmp(names[file], name) == 0)
			return true;
	return false;
}

/* Another daemon may have begun in the new directory: then it is the one. */
static int
renew_lock(struct store *store, struct error *err)
{
	if (is_ours(store, STORE_FILE_LOCK))
		return 0;
	int fd = store_lock_take(store->directory, err);
	if (fd < 0)
		return -1;
	close(store->lock);
	store->lock = fd;
	return 0;
}

/* A database that came there in the meantime is somebody's: it is kept.  A log without its database is worth nothing. */
static int
clear_place(struct store *store, const char *path, struct error *err)
{
	g_autofree char *log = path_of(store, STORE_FILE_LOG);
	struct error reason = { 0 };
	struct stat st;

	if (!is_there(store, STORE_FILE_DATABASE, &st))
		unlink(log);
	if (!is_there(store, STORE_FILE_DATABASE, &st) || is_ours(store, STORE_FILE_DATABASE))
		return 0;
	error_set(&reason, EEXIST, "%s was put there while another store was in use", path);
	return store_set_aside(path, &reason, err);
}

static int
renew_database(struct store *store, const char *path, struct error *err)
{
	struct store_db fresh = { 0 };
	int version = 0;

	if (store_backup_to(&store->db, path, err) < 0)
		return -1;
	if (is_ours(store, STORE_FILE_LOG)) { /* of the database that was just replaced */
		g_autofree char *log = path_of(store, STORE_FILE_LOG);
		unlink(log);
	}
	if (store_db_open(&fresh, path, &version, err) != STORE_GOOD || store_db_migrate(&fresh, version, err) != STORE_GOOD) {
		store_db_close(&fresh);
		return -1;
	}
	store_db_replace(&store->db, &fresh);
	return 0;
}

static int
renew(struct store *store, struct error *err)
{
	g_autofree char *path = path_of(store, STORE_FILE_DATABASE);

	if (g_mkdir_with_parents(store->directory, 0711) < 0)
		return error_errno(err, "cannot make %s", store->directory);
	if (renew_lock(store, err) < 0 || clear_place(store, path, err) < 0)
		return -1;
	/* A backup under way reads from the database that goes. */
	store_backup_clear(store);
	int rc = renew_database(store, path, err);
	store_backup_init(store);
	if (rc == 0)
		store_disk_reserve(store);
	return rc;
}

int
store_renew(struct store *store, struct error *err)
{
	const char *lost = NULL;

	for (int file = 0; file < STORE_FILE_COUNT && lost == NULL; file++)
		lost = is_ours(store, (enum store_file)file) ? NULL : names[file];
	if (lost == NULL)
		return 0;
	if (store->problem.code == 0)
		log_error("%s/%s was taken away beneath the daemon: the store is written anew", store->directory, lost);
	if (renew(store, err) < 0) {
		store_disk_problem(store, err);
		return -1;
	}
	store_renew_init(store);
	store_watch_follow(store);
	log_notice("the store in %s is whole again; nothing is lost", store->directory);
	return 0;
}
