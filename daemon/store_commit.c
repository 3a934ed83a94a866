/*
 * The end of a turn:  what is pending goes to disk in one transaction, then is told.
 *
 *   store_put() ... store_put() | BEGIN ops COMMIT |  subscribers, in order  |  waiters  |  checkpoint and cut when due
 *                               |  on failure: ROLLBACK, ops undone backwards, waiters told why
 */
#include "config.h"

#include <event2/event.h>

#include "daemon/daemon.h"
#include "daemon/store_private.h"
#include "src/base/clock.h"

static int
write_all(struct store *store, GPtrArray *ops, int64_t now)
{
	int code = store_db_run(&store->db, STATEMENT_BEGIN, "");

	for (guint i = 0; i < ops->len && code == SQLITE_OK; i++)
		code = store_op_write(store, ops->pdata[i], now);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_META_SET, "ti", "version", store->version);
	if (code == SQLITE_OK)
		code = store_db_run(&store->db, STATEMENT_COMMIT, "");
	return code;
}

static int
commit(struct store *store, GPtrArray *ops, int64_t now, struct error *err)
{
	if (ops->len == 0)
		return 0;
	if (store_renew(store, err) == 0) {
		int code = write_all(store, ops, now);
		if (code == SQLITE_OK) {
			store->durable = store->version;
			return 0;
		}
		store_disk_failed(store, code, "committing", err);
	}
	for (guint i = ops->len; i-- > 0;)
		store_op_undo(store, ops->pdata[i]);
	store->version = store->durable;
	return -1;
}

static int64_t
size_of(const struct change *change)
{
	return (int64_t)(change->object->length + (change->previous == NULL ? 0 : change->previous->length));
}

/* Subscribers may change the store, and even subscribe others: those see the next commit. */
static void
publish(struct store *store, GPtrArray *ops, int64_t now)
{
	guint subscribers = store->subscribers->len;
	struct change change;

	for (guint i = 0; i < ops->len; i++) {
		if (!store_op_change(ops->pdata[i], &change))
			continue;
		if (!change.object->kind->heartbeat)
			store_log_add(store, change.version, now, size_of(&change));
		for (guint j = 0; j < subscribers; j++) {
			struct store_subscriber *subscriber = &g_array_index(store->subscribers, struct store_subscriber, j);
			if (subscriber->changed != NULL)
				subscriber->changed(subscriber->arg, &change);
		}
	}
}

/* Moves the write-ahead log into the database once it is worth it.  A failure is seen here, not lost. */
static void
checkpoint(struct store *store)
{
	struct error err = { 0 };

	if (store->db.wal_pages < STORE_WAL_PAGES)
		return;
	store->db.wal_pages = 0;
	int code = sqlite3_wal_checkpoint_v2(store->db.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (code != SQLITE_OK)
		store_disk_failed(store, code, "moving the log into the database", &err);
}

void
store_commit_now(struct store *store)
{
	GPtrArray *ops = store->pending;
	GArray *waiters = store->waiters;
	struct error err = { 0 };
	int64_t now = clock_wall_ms();

	store->pending = g_ptr_array_new_with_free_func((GDestroyNotify)store_op_free);
	store->waiters = g_array_new(FALSE, FALSE, sizeof(struct store_waiter));
	store->armed = false;
	event_del(store->deadline);
	int rc = commit(store, ops, now, &err);
	if (rc == 0 && ops->len > 0)
		store_backup_changed(store);
	if (rc == 0)
		publish(store, ops, now);
	for (guint i = 0; i < waiters->len; i++) {
		struct store_waiter *waiter = &g_array_index(waiters, struct store_waiter, i);
		waiter->done(waiter->arg, rc == 0 ? NULL : &err);
	}
	g_array_unref(waiters);
	g_ptr_array_unref(ops);
	store_log_limit(store);
	checkpoint(store);
}

static void
on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct store *store = arg;

	(void)fd;
	(void)what;
	if (store->armed)
		store_commit_now(store);
}

void
store_commit_arm(struct store *store)
{
	struct timeval most = { .tv_usec = STORE_COMMIT_MS * 1000 };

	if (store->armed)
		return;
	store->armed = true;
	event_active(store->commit, EV_TIMEOUT, 0);
	/* Under constant load the low priority might never get its turn. */
	event_add(store->deadline, &most);
}

void
store_commit_init(struct store *store)
{
	store->pending = g_ptr_array_new_with_free_func((GDestroyNotify)store_op_free);
	store->waiters = g_array_new(FALSE, FALSE, sizeof(struct store_waiter));
	store->subscribers = g_array_new(FALSE, FALSE, sizeof(struct store_subscriber));
	store->commit = event_new(store->base, -1, 0, on_commit, store);
	store->deadline = event_new(store->base, -1, 0, on_commit, store);
	/* Fails only when the base was made without priorities: then turns would never group. */
	int late = event_priority_set(store->commit, PRIORITY_COMMIT);
	int early = event_priority_set(store->deadline, PRIORITY_NORMAL);
	g_assert(late == 0 && early == 0);
}

void
store_commit_clear(struct store *store)
{
	g_clear_pointer(&store->commit, event_free);
	g_clear_pointer(&store->deadline, event_free);
	g_clear_pointer(&store->pending, g_ptr_array_unref);
	g_clear_pointer(&store->waiters, g_array_unref);
	g_clear_pointer(&store->subscribers, g_array_unref);
}
