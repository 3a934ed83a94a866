/* The store's database file: opening it with the right settings, its tables and every statement.  Private to store*.c. */
#ifndef SOLOVIRT_DAEMON_STORE_DB_H
#define SOLOVIRT_DAEMON_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* One line a statement: its name in the enum and its text. */
#define STORE_STATEMENTS(X)                                                                                                \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
	X(COMMIT, "COMMIT")                                                                                                \
	X(ROLLBACK, "ROLLBACK")                                                                                            \
	X(META_GET, "SELECT value FROM meta WHERE name = ?")                                                               \
	X(META_SET, "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value")   \
	X(OBJECT_PUT, "INSERT INTO object(kind, namespace, name, uid, version, text, sum) VALUES(?, ?, ?, ?, ?, ?, ?) "    \
	              "ON CONFLICT(kind, namespace, name) DO UPDATE SET uid = excluded.uid, version = excluded.version, "  \
	              "text = excluded.text, sum = excluded.sum")                                                          \
	X(OBJECT_REMOVE, "DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?")                               \
	X(OBJECT_ALL, "SELECT kind, namespace, name, uid, version, text, sum FROM object")                                 \
	X(CHANGE_ADD, "INSERT INTO change(version, kind, namespace, name, uid, type, time, text, previous) "               \
	              "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")                                                                 \
	X(CHANGE_MARKS, "SELECT version, time FROM change ORDER BY version")                                               \
	X(CHANGE_SINCE, "SELECT version, kind, namespace, name, uid, type, text, previous FROM change WHERE version > ? "  \
	                "ORDER BY version")                                                                                \
	X(CHANGE_COMPACT, "DELETE FROM change WHERE version <= ?")                                                         \
	X(RECORD_SET, "INSERT INTO record(bucket, key, value) VALUES(?, ?, ?) "                                            \
	              "ON CONFLICT(bucket, key) DO UPDATE SET value = excluded.value")                                     \
	X(RECORD_REMOVE, "DELETE FROM record WHERE bucket = ? AND key = ?")                                                \
	X(RECORD_ALL, "SELECT bucket, key, value FROM record")                                                             \
	X(ADDRESS_PUT, "INSERT INTO address(network, owner, ip, mac, released, ip6) VALUES(?, ?, ?, ?, ?, ?) "            \
	               "ON CONFLICT(network, owner) DO UPDATE SET ip = excluded.ip, mac = excluded.mac, "                  \
	               "released = excluded.released, ip6 = excluded.ip6")                                                 \
	X(ADDRESS_REMOVE, "DELETE FROM address WHERE network = ? AND owner = ?")                                           \
	X(ADDRESS_ALL, "SELECT network, owner, ip, mac, released, ip6 FROM address")                                       \
	X(USED, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "         \
	        "pragma_page_size")                                                                                        \
	X(VACUUM, "PRAGMA incremental_vacuum(200)")

#define STORE_STATEMENT_NAME(name, sql) STATEMENT_##name,
enum store_statement { STORE_STATEMENTS(STORE_STATEMENT_NAME) STATEMENT_COUNT };

struct store_db {
	sqlite3 *handle;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int wal_pages; /* in the write-ahead log after the last commit */
};

/* One step of the tables' history; applied in order, each in a transaction of its own. */
struct store_migration {
	int version; /* user_version after it */
	const char *sql;
};
extern const struct store_migration store_migrations[]; /* ends with version 0 */

/* How an attempt to open a file ended. */
enum store_outcome { STORE_GOOD, STORE_DAMAGED, STORE_FAILED };

/* Opens the file as the only connection, sets what must be set and checks that it is ours, whole, and not newer than we
 * are.  *version: user_version as found.  Nothing is changed in the file but its journal mode. */
enum store_outcome store_db_open(struct store_db *db, const char *path, int *version, struct error *err);

/* Applies the migrations behind version and prepares the statements. */
enum store_outcome store_db_migrate(struct store_db *db, int version, struct error *err);

/* Closes and zeroes; also what was opened half. */
void store_db_close(struct store_db *db);

/* Closes db without touching any file by its name, and moves fresh to its place. */
void store_db_replace(struct store_db *db, struct store_db *fresh);

/* Full check of the pages of an open database. */
enum store_outcome store_db_check(sqlite3 *handle, struct error *err);

/* Binds by format, one letter an argument: t text (NULL allowed), i int64_t, s a SHA-256 (32 bytes).  Returns the
 * statement, reset. */
sqlite3_stmt *store_db_bind(struct store_db *db, enum store_statement statement, const char *format, ...);

/* As store_db_bind(), then runs it to its end.  SQLITE_OK or SQLite's extended code. */
int store_db_run(struct store_db *db, enum store_statement statement, const char *format, ...);

/* Text of a column; "" for NULL. */
const char *store_db_text(sqlite3_stmt *statement, int column);

/* Errors of SQLite as ours: DAMAGED for a file that is broken, FAILED otherwise; err gets errno and sentence. */
enum store_outcome store_db_error(sqlite3 *handle, int code, const char *what, struct error *err);

#endif
