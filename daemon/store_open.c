/*
 * Opening the store: the lock, the file, what is in it; and what to do when the file is damaged.
 *
 *   directory/lock            flock; holds the process id
 *   directory/solovirt.db     the database, and its log solovirt.db-wal
 *   directory/solovirt.db.damaged-<time>, ....reason     what was found broken, kept for people
 *   directory/backup/         see store_backup.c
 *   directory/ballast         see store_disk.c
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/store_private.h"
#include "src/base/clock.h"
#include "src/base/digest.h"
#include "src/base/log.h"

enum { ORPHAN_PAUSES = 1000, ORPHAN_PAUSE_US = 10000 };

/* --- the lock --------------------------------------------------------------------------------------------------- */

static int
refuse_second(int fd, const char *directory, struct error *err)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[MAX(n, 0)] = '\0';
	return error_set(err, EBUSY, "%s is in use by another solovirtd (process %s)", directory,
	    pid[0] == '\0' ? "unknown" : g_strstrip(pid));
}

int
store_lock_take(const char *directory, struct error *err)
{
	g_autofree char *path = g_build_filename(directory, "lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_errno(err, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			refuse_second(fd, directory, err);
		else
			error_errno(err, "cannot lock %s", path);
		close(fd);
		return -1;
	}
	/* A full disk may lose the number; the lock holds without it. */
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		log_warning("cannot write the process id to %s: %s", path, g_strerror(errno));
	return fd;
}

/* The process of that number in the lock's file is gone, and who holds the lock now is a child of it; or it ends at this moment: its
 * program goes before its locks do. */
static bool
is_orphaned(const char *directory)
{
	g_autofree char *path = g_build_filename(directory, "lock", NULL);
	g_autofree char *text = NULL;
	pid_t pid = g_file_get_contents(path, &text, NULL, NULL) ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
	g_autofree char *program = g_strdup_printf("/proc/%d/exe", (int)pid);
	char target[8];

	return pid > 0 && readlink(program, target, sizeof(target)) < 0 && errno == ENOENT;
}

/* A daemon that is killed while it starts a worker leaves a child that holds the lock, too, until it ends a moment later.
 * Waits for that one; blocks, so it is for the start only. */
static int
lock_at_start(const char *directory, struct error *err)
{
	int lock = -1;

	for (int pauses = 0; (lock = store_lock_take(directory, err)) < 0 && err->code == EBUSY; pauses++) {
		if (pauses == ORPHAN_PAUSES || !is_orphaned(directory))
			return -1;
		g_usleep(ORPHAN_PAUSE_US);
	}
	return lock;
}

/* --- reading everything ----------------------------------------------------------------------------------------- */

static enum store_outcome
end_rows(struct store *store, sqlite3_stmt *row, int code, const char *what, struct error *err)
{
	sqlite3_reset(row);
	return code == SQLITE_DONE ? STORE_GOOD : store_db_error(store->db.handle, code, what, err);
}

static int64_t
meta_number(struct store *store, const char *name)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_META_GET, "t", name);
	int64_t number = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;

	sqlite3_reset(row);
	return number;
}

static enum store_outcome
load_meta(struct store *store, struct error *err)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_META_GET, "t", "uuid");
	int code = sqlite3_step(row);

	g_free(store->uuid);
	store->uuid = code == SQLITE_ROW ? g_strdup(store_db_text(row, 0)) : g_uuid_string_random();
	sqlite3_reset(row);
	store->version = meta_number(store, "version");
	store->compacted = meta_number(store, "compacted");
	store->epoch = meta_number(store, "epoch");
	return code == SQLITE_ROW || code == SQLITE_DONE ? STORE_GOOD :
	                                                   store_db_error(store->db.handle, code, "reading its head", err);
}

static const struct kind *
kind_of_row(sqlite3_stmt *row)
{
	for (int i = 0; i < KIND_COUNT; i++)
		if (strcmp(kind_resource(&kinds[i]), store_db_text(row, 0)) == 0)
			return &kinds[i];
	return NULL;
}

static enum store_outcome
load_object(struct store *store, sqlite3_stmt *row, struct error *err)
{
	const struct kind *kind = kind_of_row(row);
	const char *text = store_db_text(row, 5);
	uint8_t sum[DIGEST_SIZE];

	digest_sha256(text, strlen(text), sum);
	if (sqlite3_column_bytes(row, 6) != sizeof(sum) || memcmp(sqlite3_column_blob(row, 6), sum, sizeof(sum)) != 0) {
		error_set(err, EIO, "the checksum of %s %s/%s is wrong", store_db_text(row, 0), store_db_text(row, 1),
		    store_db_text(row, 2));
		return STORE_DAMAGED;
	}
	if (kind == NULL) {
		error_set(err, EINVAL, "it holds %s, which this release does not know", store_db_text(row, 0));
		return STORE_FAILED;
	}
	const struct object *object = store_object_load(kind, store_db_text(row, 1), store_db_text(row, 2), store_db_text(row, 3),
	    sqlite3_column_int64(row, 4), text, true, err);
	if (object == NULL) /* whole, but not as this release reads it: guessing could cost machines */
		return STORE_FAILED;
	store->version = MAX(store->version, object->version);
	store_memory_add(store, object);
	object_unref(object);
	return STORE_GOOD;
}

static enum store_outcome
load_objects(struct store *store, struct error *err)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_OBJECT_ALL, "");
	enum store_outcome outcome = STORE_GOOD;
	int code;

	while ((code = sqlite3_step(row)) == SQLITE_ROW && outcome == STORE_GOOD)
		outcome = load_object(store, row, err);
	if (outcome == STORE_GOOD)
		return end_rows(store, row, code, "reading its objects", err);
	sqlite3_reset(row);
	return outcome;
}

/* Adds what is used of the file beside the objects to the notes, evenly: to measure each change it would have to be read. */
static void
reckon_log(struct store *store)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_USED, "");
	int64_t used = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0, each;
	GHashTableIter iter;
	gpointer object;

	sqlite3_reset(row);
	g_hash_table_iter_init(&iter, store->by_uid);
	while (g_hash_table_iter_next(&iter, NULL, &object))
		used -= (int64_t)((const struct object *)object)->length;
	each = MAX(used, 0) / MAX(store->log->len, 1);
	for (guint i = 0; i < store->log->len; i++)
		g_array_index(store->log, struct store_mark, i).bytes = each;
	store->log_bytes = each * store->log->len;
}

static enum store_outcome
load_log(struct store *store, struct error *err)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_CHANGE_MARKS, "");
	int code;

	store_log_forget(store);
	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		store->version = MAX(store->version, sqlite3_column_int64(row, 0));
		store_log_add(store, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), 0);
	}
	reckon_log(store);
	return end_rows(store, row, code, "reading its change log", err);
}

static enum store_outcome
load_records(struct store *store, struct error *err)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_RECORD_ALL, "");
	int code;

	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		store_record_swap(store, NULL,
		    store_record_new(store_db_text(row, 0), store_db_text(row, 1), store_db_text(row, 2)));
	return end_rows(store, row, code, "reading its records", err);
}

static enum store_outcome
load_addresses(struct store *store, struct error *err)
{
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_ADDRESS_ALL, "");
	int code;

	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		struct address address = { store_db_text(row, 0), store_db_text(row, 1), store_db_text(row, 2),
			store_db_text(row, 3), sqlite3_column_int64(row, 4), store_db_text(row, 5) };
		store_address_swap(store, NULL, store_address_copy(&address));
	}
	return end_rows(store, row, code, "reading its address ledger", err);
}

typedef enum store_outcome load_part(struct store *store, struct error *err);
static load_part *const parts[] = { load_meta, load_objects, load_log, load_records, load_addresses };

/* --- one file --------------------------------------------------------------------------------------------------- */

static enum store_outcome
migrate(struct store *store, int version, struct error *err)
{
	int newest = 0;

	for (const struct store_migration *m = store_migrations; m->version != 0; m++)
		newest = m->version;
	if (version > 0 && version < newest && store_backup_now(&store->db, store->directory, err) < 0)
		return STORE_FAILED; /* no migration without a way back */
	return store_db_migrate(&store->db, version, err);
}

/* Opens and reads a file; leaves nothing behind unless it is good. */
static enum store_outcome
read_file(struct store *store, const char *path, struct error *err)
{
	int version = 0;

	store_memory_init(store);
	enum store_outcome outcome = store_db_open(&store->db, path, &version, err);
	if (outcome == STORE_GOOD)
		outcome = migrate(store, version, err);
	for (size_t i = 0; i < G_N_ELEMENTS(parts) && outcome == STORE_GOOD; i++)
		outcome = parts[i](store, err);
	if (outcome != STORE_GOOD) {
		store_db_close(&store->db);
		store_memory_clear(store);
		error_wrap(err, "%s: ", path);
	}
	return outcome;
}

/* A name that nothing has: there may be another one of this second. */
static char *
name_aside(const char *path, const char *now)
{
	char *name = g_strdup_printf("%s.damaged-%s", path, now);

	for (int n = 2; access(name, F_OK) == 0; n++) {
		g_free(name);
		name = g_strdup_printf("%s.damaged-%s.%d", path, now, n);
	}
	return name;
}

int
store_set_aside(const char *path, const struct error *reason, struct error *err)
{
	char now[CLOCK_TEXT_SIZE];

	clock_format(clock_wall_ms(), now);
	g_strdelimit(now, ":", '-');
	g_autofree char *aside = name_aside(path, now);
	g_autofree char *aside_log = g_strconcat(aside, "-wal", NULL), *log = g_strconcat(path, "-wal", NULL);
	g_autofree char *note = g_strconcat(aside, ".reason", NULL);
	if (rename(path, aside) < 0)
		return error_errno(err, "cannot move the damaged %s aside", path);
	if (rename(log, aside_log) < 0 && errno != ENOENT)
		return error_errno(err, "cannot move the damaged %s aside", log);
	if (!g_file_set_contents(note, reason->text, -1, NULL))
		log_warning("cannot write %s", note);
	log_error("%s; the file is kept as %s", reason->text, aside);
	return 0;
}

static int
copy_file(const char *from, const char *to, struct error *err)
{
	g_autofree char *bytes = NULL;
	g_autoptr(GError) cause = NULL;
	gsize length;

	if (g_file_get_contents(from, &bytes, &length, &cause) &&
	    g_file_set_contents_full(to, bytes, (gssize)length, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
	        0600, &cause))
		return 0;
	return error_set(err, EIO, "cannot restore %s: %s", from, cause->message);
}

/* After a loss, versions that somebody may have seen must never be given out again, and nobody may go on from one. */
static void
jump(struct store *store, bool restored)
{
	/* Without a backup nobody knows how far the lost file had come; the clock is ahead of any count. */
	store->version = restored ? store->version + STORE_VERSION_JUMP : clock_wall_ms();
	store->compacted = store->version;
	store_log_forget(store);
}

static enum store_outcome
restore(struct store *store, const char *path, struct error *err)
{
	g_autoptr(GPtrArray) backups = store_backup_list(store->directory);

	for (guint i = 0; i < backups->len; i++) {
		if (copy_file(backups->pdata[i], path, err) < 0)
			return STORE_FAILED;
		enum store_outcome outcome = read_file(store, path, err);
		if (outcome == STORE_GOOD) {
			log_warning("the store is restored from %s; later changes are lost", (char *)backups->pdata[i]);
			jump(store, true);
			return STORE_GOOD;
		}
		log_error("%s is of no use either: %s", (char *)backups->pdata[i], err->text);
	}
	unlink(path);
	log_warning("there is no good backup below %s: the store starts empty", store->directory);
	enum store_outcome outcome = read_file(store, path, err);
	if (outcome == STORE_GOOD)
		jump(store, false);
	return outcome;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static int
write_head(struct store *store)
{
	int code = store_db_run(&store->db, STATEMENT_BEGIN, "");

	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "tt", "uuid", store->uuid);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "epoch", store->epoch + 1);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "version", store->version);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "compacted", store->compacted);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_CHANGE_COMPACT, "i", store->compacted);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_COMMIT, "");
	return code;
}

/* A disk that is full already at the start gets the reserve. */
static int
begin_epoch(struct store *store, struct error *err)
{
	int code = write_head(store);

	if (code != SQLITE_OK) {
		store_disk_failed(store, code, "writing its head", err);
		code = err->code == ENOSPC ? write_head(store) : code;
	}
	if (code != SQLITE_OK)
		return error_wrap(err, "the store cannot be written: ");
	store->epoch++;
	store->next = store->durable = store->version;
	return 0;
}

/* A file that is gone or empty is a new store to SQLite, but whoever has backups has had one. */
static enum store_outcome
doubt_new(struct store *store, const char *path, struct error *err)
{
	g_autoptr(GPtrArray) backups = store_backup_list(store->directory);

	if (store->epoch > 0 || backups->len == 0)
		return STORE_GOOD;
	store_db_close(&store->db);
	store_memory_clear(store);
	error_set(err, EIO, "%s is missing or empty although there are backups of it", path);
	return STORE_DAMAGED;
}

static int
open_or_restore(struct store *store, struct error *err)
{
	g_autofree char *path = g_build_filename(store->directory, "solovirt.db", NULL);
	enum store_outcome outcome = read_file(store, path, err);

	if (outcome == STORE_GOOD)
		outcome = doubt_new(store, path, err);
	bool damaged = outcome == STORE_DAMAGED;
	if (damaged) {
		struct error reason = *err;
		outcome = store_set_aside(path, &reason, err) < 0 ? STORE_FAILED : restore(store, path, err);
	}
	if (outcome != STORE_GOOD || begin_epoch(store, err) < 0)
		return -1;
	/* The jump must outlive a second loss before the next hourly backup. */
	struct error failed = { 0 };
	if (damaged && store_backup_now(&store->db, store->directory, &failed) < 0)
		log_warning("%s", failed.text);
	return 0;
}

struct store *
store_open(const char *directory, struct event_base *base, struct error *err)
{
	if (g_mkdir_with_parents(directory, 0700) < 0) {
		error_errno(err, "cannot make %s", directory);
		return NULL;
	}
	int lock = lock_at_start(directory, err);
	if (lock < 0)
		return NULL;
	struct store *store = g_new0(struct store, 1);
	store->directory = g_strdup(directory);
	store->base = base;
	store->lock = lock;
	store_disk_init(store);
	store_commit_init(store);
	store_log_init(store);
	if (open_or_restore(store, err) < 0) {
		store_close(store);
		return NULL;
	}
	store->probes = meta_number(store, "probe");
	store_renew_init(store);
	store_watch_init(store);
	store_backup_init(store);
	if (sqlite3_libversion_number() < 3051003)
		log_info("SQLite %s can damage a database with two connections; there is only one here", sqlite3_libversion());
	return store;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->armed)
		store_commit_now(store);
	store_watch_clear(store);
	store_backup_clear(store);
	store_db_close(&store->db);
	store_commit_clear(store);
	store_log_clear(store);
	store_disk_clear(store);
	store_memory_clear(store);
	close(store->lock);
	g_free(store->uuid);
	g_free(store->directory);
	g_free(store);
}
