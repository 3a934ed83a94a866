/*
 * The change log: what watches replay.  Its old end is cut off in small batches, each in a transaction of its own: one
 * large one that fails once can never catch up (kine #213).  That is done in idle time, unless none comes.  It is looked
 * at after changes, and when the oldest one that may go is old enough: a log that does not grow wakes nobody.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/store_private.h"
#include "src/base/clock.h"

static const struct kind *
kind_of_resource(const char *resource)
{
	for (int i = 0; i < KIND_COUNT; i++)
		if (strcmp(kind_resource(&kinds[i]), resource) == 0)
			return &kinds[i];
	return NULL;
}

static const struct object *
object_of_row(sqlite3_stmt *row, const struct kind *kind, int64_t version, int column)
{
	if (sqlite3_column_type(row, column) == SQLITE_NULL)
		return NULL;
	return store_object_load(kind, store_db_text(row, 2), store_db_text(row, 3), store_db_text(row, 4), version,
	    store_db_text(row, column), false, NULL);
}

static void
replay_row(sqlite3_stmt *row, void (*changed)(void *arg, const struct change *change), void *arg)
{
	const struct kind *kind = kind_of_resource(store_db_text(row, 1));
	struct change change = { .version = sqlite3_column_int64(row, 0), .type = sqlite3_column_int(row, 5) };

	if (kind == NULL) /* of another release */
		return;
	change.object = object_of_row(row, kind, change.version, 6);
	change.previous = object_of_row(row, kind, 0, 7);
	changed(arg, &change);
	object_unref(change.object);
	object_unref(change.previous);
}

int
store_replay(struct store *store, int64_t since, void (*changed)(void *arg, const struct change *change), void *arg,
    struct error *err)
{
	int code;

	if (since < store->compacted)
		return error_set(err, ESTALE, "too old resource version: %" PRIi64 " (%" PRIi64 ")", since, store->compacted);
	if (since > store->version)
		return error_set(err, ESTALE, "resource version %" PRIi64 " is not given out yet: the newest is %" PRIi64, since,
		    store->version);
	sqlite3_stmt *row = store_db_bind(&store->db, STATEMENT_CHANGE_SINCE, "i", since);
	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		replay_row(row, changed, arg);
	sqlite3_reset(row);
	if (code == SQLITE_DONE)
		return 0;
	store_db_error(store->db.handle, code, "reading the change log", err);
	return -1;
}

/* How many of the oldest changes may go now: at most a batch. */
static guint
count_old(struct store *store, int64_t now)
{
	guint count = 0, length = store->log->len;
	int64_t bytes = store->log_bytes;

	while (count < STORE_COMPACT_BATCH && length - count > (bytes > STORE_LOG_BYTES ? 0 : STORE_LOG_LEAST)) {
		const struct store_mark *mark = &g_array_index(store->log, struct store_mark, count);
		if (now - mark->time < STORE_LOG_KEEP_MS && length - count <= STORE_LOG_MOST && bytes <= STORE_LOG_BYTES)
			break;
		bytes -= mark->bytes;
		count++;
	}
	return count;
}

static void
marks_drop(struct store *store, guint count)
{
	for (guint i = 0; i < count; i++)
		store->log_bytes -= g_array_index(store->log, struct store_mark, i).bytes;
	g_array_remove_range(store->log, 0, count);
}

/* The history's new beginning and the rows that go are one transaction. */
static int
cut(struct store *store, int64_t version)
{
	int code = store_db_run(&store->db, STATEMENT_BEGIN, "");

	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_CHANGE_COMPACT, "i", version);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "compacted", version);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_COMMIT, "");
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_VACUUM, "");
	return code;
}

/* Cuts off so many of the oldest changes. */
static int
cut_off(struct store *store, guint count)
{
	int64_t version = g_array_index(store->log, struct store_mark, count - 1).version;
	struct error err = { 0 };

	if (store_renew(store, &err) < 0)
		return -1;
	int code = cut(store, version);
	if (code != SQLITE_OK) {
		store_disk_failed(store, code, "compacting the change log", &err);
		return -1;
	}
	store->compacted = version;
	marks_drop(store, count);
	return 0;
}

static void
look_in(struct store *store, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(store->compact, &wait);
}

/* When the oldest change will be old enough to go, also after the clock was set back; -1: never, unless others come. */
static int64_t
ms_until_old(const struct store *store, int64_t now)
{
	if (store->log->len <= STORE_LOG_LEAST)
		return -1;
	return CLAMP(g_array_index(store->log, struct store_mark, 0).time + STORE_LOG_KEEP_MS - now, STORE_COMPACT_MS, STORE_LOG_KEEP_MS);
}

static void
compact(struct store *store)
{
	int64_t now = clock_wall_ms(), next;
	guint count = count_old(store, now);

	store->log_grew = false;
	if (count == 0)
		next = ms_until_old(store, now);
	else if (store->problem.code == 0 && cut_off(store, count) == 0 && count == STORE_COMPACT_BATCH)
		next = STORE_COMPACT_NEXT_MS;
	else
		next = STORE_COMPACT_MS;
	if (next >= 0)
		look_in(store, next);
}

static void
on_compact(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	compact(arg);
}

void
store_log_init(struct store *store)
{
	store->log = g_array_new(FALSE, FALSE, sizeof(struct store_mark));
	store->compact = event_new(store->base, -1, 0, on_compact, store);
	event_priority_set(store->compact, PRIORITY_COMMIT);
}

void
store_log_clear(struct store *store)
{
	g_clear_pointer(&store->compact, event_free);
	g_clear_pointer(&store->log, g_array_unref);
}

void
store_log_add(struct store *store, int64_t version, int64_t now, int64_t bytes)
{
	struct store_mark mark = { version, now, bytes };

	g_array_append_val(store->log, mark);
	store->log_bytes += bytes;
	if (!store->log_grew)
		look_in(store, STORE_COMPACT_MS);
	store->log_grew = true;
}

void
store_log_forget(struct store *store)
{
	g_array_set_size(store->log, 0);
	store->log_bytes = 0;
}

void
store_log_limit(struct store *store)
{
	if (store->log->len > STORE_LOG_MOST + STORE_LOG_MOST / STORE_LOG_OVER ||
	    store->log_bytes > STORE_LOG_BYTES + STORE_LOG_BYTES / STORE_LOG_OVER)
		compact(store);
}
