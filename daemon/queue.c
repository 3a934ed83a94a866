/* The queue of objects to reconcile; see queue.h. */
#include "config.h"

#include <event2/event.h>
#include <glib.h>
#include <malloc.h>
#include <string.h>

#include "daemon/queue.h"
#include "src/base/clock.h"

struct item {
	enum kind_id kind;
	unsigned failures;
	int64_t due;         /* monotonic ms */
	GSequenceIter *place; /* in the queue; NULL: not waiting */
	char *namespace, *name;
};

struct queue {
	void (*reconcile)(void *arg, enum kind_id kind, const char *namespace, const char *name);
	void *arg;
	struct event *timer, *rest;
	unsigned done; /* calls since memory was last given back */
	GSequence *waiting; /* struct item, by due */
	GHashTable *items;  /* struct item (its own key): waiting, or with failures to remember */
};

static guint
item_hash(gconstpointer key)
{
	const struct item *i = key;

	return g_str_hash(i->name) * 31 + g_str_hash(i->namespace) + (guint)i->kind;
}

static gboolean
item_equal(gconstpointer a, gconstpointer b)
{
	const struct item *x = a, *y = b;

	return x->kind == y->kind && strcmp(x->name, y->name) == 0 && strcmp(x->namespace, y->namespace) == 0;
}

static gint
item_order(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct item *x = a, *y = b;

	(void)unused;
	return x->due < y->due ? -1 : x->due > y->due;
}

static void
item_free(void *pointer)
{
	struct item *item = pointer;

	g_free(item->namespace);
	g_free(item->name);
	g_free(item);
}

static struct item *
item_find(struct queue *q, enum kind_id kind, const char *namespace, const char *name)
{
	struct item key = { .kind = kind, .namespace = (char *)(uintptr_t)namespace, .name = (char *)(uintptr_t)name };

	return g_hash_table_lookup(q->items, &key);
}

static struct item *
item_get(struct queue *q, enum kind_id kind, const char *namespace, const char *name)
{
	struct item *item = item_find(q, kind, namespace, name);

	if (item != NULL)
		return item;
	item = g_new0(struct item, 1);
	*item = (struct item){ .kind = kind, .namespace = g_strdup(namespace), .name = g_strdup(name) };
	g_hash_table_add(q->items, item);
	return item;
}

/* Sets the timer for the item that is due first. */
static void
arm(struct queue *q)
{
	GSequenceIter *first = g_sequence_get_begin_iter(q->waiting);
	int64_t wait;
	struct timeval tv;

	if (g_sequence_iter_is_end(first)) {
		event_del(q->timer);
		return;
	}
	wait = ((struct item *)g_sequence_get(first))->due - clock_monotonic_ms();
	wait = MAX(wait, 0);
	tv = (struct timeval){ .tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000 };
	event_add(q->timer, &tv);
}

static void
place(struct queue *q, struct item *item, int64_t due)
{
	if (item->place != NULL && item->due <= due)
		return;
	if (item->place != NULL)
		g_sequence_remove(item->place);
	item->due = due;
	item->place = g_sequence_insert_sorted(q->waiting, item, item_order, NULL);
	if (item->place == g_sequence_get_begin_iter(q->waiting))
		arm(q);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval rest = { .tv_sec = QUEUE_REST_MS / 1000 };
	struct queue *q = arg;
	int64_t now = clock_monotonic_ms();

	(void)fd;
	(void)what;
	for (int i = 0; i < QUEUE_BATCH; i++) {
		GSequenceIter *first = g_sequence_get_begin_iter(q->waiting);
		struct item *item;

		if (g_sequence_iter_is_end(first) || ((struct item *)g_sequence_get(first))->due > now)
			break;
		item = g_sequence_get(first);
		g_sequence_remove(first);
		item->place = NULL;
		g_autofree char *namespace = g_strdup(item->namespace), *name = g_strdup(item->name);
		enum kind_id kind = item->kind;
		if (item->failures == 0)
			g_hash_table_remove(q->items, item);
		q->reconcile(q->arg, kind, namespace, name);
		q->done++;
	}
	arm(q);
	if (q->done >= QUEUE_MANY)
		event_add(q->rest, &rest);
}

/* After much work, when none has come for a while: what the C library keeps of a burst goes back to the system. */
static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;

	(void)fd;
	(void)what;
	q->done = 0;
	malloc_trim(0);
}

struct queue *
queue_new(struct event_base *base, void (*reconcile)(void *arg, enum kind_id kind, const char *namespace, const char *name),
    void *arg)
{
	struct queue *q = g_new0(struct queue, 1);

	q->reconcile = reconcile;
	q->arg = arg;
	q->timer = evtimer_new(base, on_timer, q);
	q->rest = evtimer_new(base, on_rest, q);
	q->waiting = g_sequence_new(NULL);
	q->items = g_hash_table_new_full(item_hash, item_equal, item_free, NULL);
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	event_free(q->timer);
	event_free(q->rest);
	g_sequence_free(q->waiting);
	g_hash_table_destroy(q->items);
	g_free(q);
}

void
queue_add(struct queue *q, enum kind_id kind, const char *namespace, const char *name, int64_t delay_ms)
{
	place(q, item_get(q, kind, namespace, name), clock_monotonic_ms() + delay_ms);
}

void
queue_retry(struct queue *q, enum kind_id kind, const char *namespace, const char *name)
{
	struct item *item = item_get(q, kind, namespace, name);
	int64_t delay = QUEUE_RETRY_FIRST;

	for (unsigned i = 0; i < item->failures && delay < QUEUE_RETRY_MOST; i++)
		delay *= 2;
	item->failures++;
	place(q, item, clock_monotonic_ms() + MIN(delay, QUEUE_RETRY_MOST));
}

void
queue_forget(struct queue *q, enum kind_id kind, const char *namespace, const char *name)
{
	struct item *item = item_find(q, kind, namespace, name);

	if (item == NULL)
		return;
	item->failures = 0;
	if (item->place == NULL)
		g_hash_table_remove(q->items, item);
}
