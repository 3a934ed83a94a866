/*
 * Opening the database file; see store_db.h.
 *
 * The settings and their order were measured: locking_mode before journal_mode (then no shared memory file is made and no
 * second connection can exist), auto_vacuum before the first table (later it has no effect).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store_db.h"
#include "src/base/error.h"

/* "solo": file(1) and we tell our files from others' by it. */
#define STORE_APPLICATION_ID "1936681071"

#define STORE_STATEMENT_SQL(name, sql) [STATEMENT_##name] = sql,
static const char *const statement_sql[STATEMENT_COUNT] = { STORE_STATEMENTS(STORE_STATEMENT_SQL) };

/* Set in this order; expect is what the pragma must answer (NULL: nothing is checked). */
static const struct setting {
	const char *sql, *expect;
} settings[] = {
	{ "PRAGMA page_size = 4096", NULL },
	{ "PRAGMA auto_vacuum = INCREMENTAL", NULL },
	{ "PRAGMA locking_mode = EXCLUSIVE", "exclusive" },
	{ "PRAGMA cell_size_check = ON", NULL },
	{ "PRAGMA temp_store = MEMORY", NULL },
	{ "PRAGMA mmap_size = 0", NULL }, /* mmap turns I/O errors into SIGBUS */
	{ "PRAGMA foreign_keys = ON", NULL },
	{ "PRAGMA cache_size = -512", NULL }, /* KiB; all that is read is in memory already */
	{ "PRAGMA journal_mode = WAL", "wal" },
	{ "PRAGMA synchronous = FULL", NULL },
	{ "PRAGMA synchronous", "2" },
	{ "PRAGMA journal_size_limit = 67108864", NULL },
};

/* Runs one statement and copies the first column of its first row ("" without one). */
static int
query(sqlite3 *handle, const char *sql, char answer[200])
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);

	answer[0] = '\0';
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		g_strlcpy(answer, store_db_text(statement, 0), 200);
		code = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The checkpoint is ours, not SQLite's automatic one: that one keeps a failed fsync to itself. */
static int
on_wal(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct store_db *db = arg;

	(void)handle;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static enum store_outcome
apply_settings(struct store_db *db, struct error *err)
{
	char answer[200];

	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		int code = query(db->handle, settings[i].sql, answer);
		if (code != SQLITE_OK)
			return store_db_error(db->handle, code, settings[i].sql, err);
		if (settings[i].expect != NULL && strcmp(answer, settings[i].expect) != 0) {
			error_set(err, EIO, "%s: SQLite answers \"%s\", not \"%s\"", settings[i].sql, answer, settings[i].expect);
			return STORE_FAILED;
		}
	}
	sqlite3_wal_hook(db->handle, on_wal, db);
	return STORE_GOOD;
}

static int
newest_version(void)
{
	int version = 0;

	for (const struct store_migration *m = store_migrations; m->version != 0; m++)
		version = m->version;
	return version;
}

/* Refuses what another program, or a newer release of this one, has written. */
static enum store_outcome
check_identity(struct store_db *db, int *version, struct error *err)
{
	char answer[200], id[200], tables[200];
	int code = query(db->handle, "PRAGMA user_version", answer);

	if (code == SQLITE_OK)
		code = query(db->handle, "PRAGMA application_id", id);
	if (code == SQLITE_OK)
		code = query(db->handle, "SELECT count(*) FROM sqlite_schema", tables);
	if (code != SQLITE_OK)
		return store_db_error(db->handle, code, "reading its header", err);
	*version = (int)g_ascii_strtoll(answer, NULL, 10);
	if (strcmp(tables, "0") != 0 && strcmp(id, STORE_APPLICATION_ID) != 0) {
		error_set(err, EINVAL, "it is a database of another program (application id %s)", id);
		return STORE_FAILED;
	}
	if (*version > newest_version()) {
		error_set(err, EINVAL, "a newer release wrote it (version %d, this one knows up to %d)", *version,
		    newest_version());
		return STORE_FAILED;
	}
	return STORE_GOOD;
}

/* It holds Secrets: made by us, since SQLite would follow the umask.  The log gets the database's rights. */
static enum store_outcome
make_private(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0) {
		error_errno(err, "opening it");
		if (fd >= 0)
			close(fd);
		return STORE_FAILED;
	}
	close(fd);
	return STORE_GOOD;
}

enum store_outcome
store_db_open(struct store_db *db, const char *path, int *version, struct error *err)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	enum store_outcome outcome;

	memset(db, 0, sizeof(*db));
	if (make_private(path, err) != STORE_GOOD)
		return STORE_FAILED;
	int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (code != SQLITE_OK)
		return store_db_error(db->handle, code, "opening it", err);
	outcome = apply_settings(db, err);
	if (outcome == STORE_GOOD)
		outcome = store_db_check(db->handle, err);
	if (outcome == STORE_GOOD)
		outcome = check_identity(db, version, err);
	return outcome;
}

static enum store_outcome
migrate_step(struct store_db *db, const struct store_migration *step, struct error *err)
{
	g_autofree char *sql = g_strdup_printf("BEGIN IMMEDIATE; PRAGMA application_id = " STORE_APPLICATION_ID
	                                       "; %s; PRAGMA user_version = %d; COMMIT",
	    step->sql, step->version);
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	if (code == SQLITE_OK)
		return STORE_GOOD;
	enum store_outcome outcome = store_db_error(db->handle, code, "migrating it", err);
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return outcome;
}

enum store_outcome
store_db_migrate(struct store_db *db, int version, struct error *err)
{
	for (const struct store_migration *m = store_migrations; m->version != 0; m++) {
		if (m->version <= version)
			continue;
		enum store_outcome outcome = migrate_step(db, m, err);
		if (outcome != STORE_GOOD)
			return outcome;
	}
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		int code = sqlite3_prepare_v3(db->handle, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i],
		    NULL);
		if (code != SQLITE_OK)
			return store_db_error(db->handle, code, statement_sql[i], err);
	}
	return STORE_GOOD;
}

void
store_db_close(struct store_db *db)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->handle);
	memset(db, 0, sizeof(*db));
}

void
store_db_replace(struct store_db *db, struct store_db *fresh)
{
	/* Closing as usual would remove the log by its name, which is fresh's by now. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_db_close(db);
	*db = *fresh;
	sqlite3_wal_hook(db->handle, on_wal, db);
}

enum store_outcome
store_db_check(sqlite3 *handle, struct error *err)
{
	char answer[200];
	int code = query(handle, "PRAGMA integrity_check(1)", answer);

	if (code != SQLITE_OK)
		return store_db_error(handle, code, "checking its integrity", err);
	if (strcmp(answer, "ok") == 0)
		return STORE_GOOD;
	error_set(err, EIO, "its integrity check says: %s", g_strdelimit(answer, "\n", ' '));
	return STORE_DAMAGED;
}

static void
bind_one(sqlite3_stmt *statement, int position, char type, va_list *ap)
{
	switch (type) {
	case 't':
		sqlite3_bind_text(statement, position, va_arg(*ap, const char *), -1, SQLITE_STATIC);
		break;
	case 'i':
		sqlite3_bind_int64(statement, position, va_arg(*ap, int64_t));
		break;
	default:
		g_assert(type == 's');
		sqlite3_bind_blob(statement, position, va_arg(*ap, const void *), 32, SQLITE_STATIC);
	}
}

static sqlite3_stmt *
bind_all(struct store_db *db, enum store_statement which, const char *format, va_list *ap)
{
	sqlite3_stmt *statement = db->statements[which];

	sqlite3_reset(statement);
	for (int i = 0; format[i] != '\0'; i++)
		bind_one(statement, i + 1, format[i], ap);
	return statement;
}

sqlite3_stmt *
store_db_bind(struct store_db *db, enum store_statement which, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	sqlite3_stmt *statement = bind_all(db, which, format, &ap);
	va_end(ap);
	return statement;
}

int
store_db_run(struct store_db *db, enum store_statement which, const char *format, ...)
{
	va_list ap;
	int code;

	va_start(ap, format);
	sqlite3_stmt *statement = bind_all(db, which, format, &ap);
	va_end(ap);
	do
		code = sqlite3_step(statement);
	while (code == SQLITE_ROW);
	/* The arguments are the caller's: they must not be looked at again. */
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

const char *
store_db_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text == NULL ? "" : text;
}

/* What the kernel said goes first: SQLite calls a used-up quota or a file-system turned read-only just "disk I/O error". */
static int
error_number(int code, int kernel)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_CONSTRAINT:
		return EEXIST;
	case SQLITE_BUSY:
		return EBUSY;
	case SQLITE_PERM:
		return EACCES;
	default:
		break;
	}
	if (kernel == EDQUOT || kernel == EFBIG || kernel == ENOSPC)
		return ENOSPC;
	return kernel == EROFS || kernel == EACCES ? kernel : EIO;
}

/* errno behind a "disk I/O error".  A failed COMMIT does not reach sqlite3_system_errno(): the log's own file knows. */
static int
kernel_errno(sqlite3 *handle)
{
	sqlite3_file *log = NULL;
	int number = sqlite3_system_errno(handle);

	if (number == 0 && sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log != NULL &&
	    log->pMethods != NULL)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
	if (number == 0)
		sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
	return number;
}

enum store_outcome
store_db_error(sqlite3 *handle, int code, const char *what, struct error *err)
{
	bool disk = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
	int kernel = disk ? kernel_errno(handle) : 0;
	int base = code & 0xff;

	if (kernel != 0)
		error_set(err, error_number(code, kernel), "%s: %s: %s", what, sqlite3_errstr(code), g_strerror(kernel));
	else
		error_set(err, error_number(code, 0), "%s: %s", what, handle == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(handle));
	return base == SQLITE_CORRUPT || base == SQLITE_NOTADB ? STORE_DAMAGED : STORE_FAILED;
}
