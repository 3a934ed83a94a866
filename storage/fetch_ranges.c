/*
 * Pieces of a file by range requests, several at a time; see fetch.h and blob.h.
 *
 *   plan --> WAITING --(a thread has time)--> TAKEN --(all of it came)--> HERE --(it is the oldest)--> handed on, its buffer is used again
 *
 * One thread a connection, each with blocking calls of libcurl: receiving then overlaps with checksum, decompression and
 * writing, which the caller's thread does.  A connection beyond the first one that brings nothing ends its thread: a server
 * that serves one connection at a time is left with one.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "storage/fetch_private.h"

enum {
	WINDOW = 10,                 /* pieces that are planned, under way or waiting for an older one */
	WINDOW_BYTES = 20 << 20,
	TICK_MS = 250,
	HEADWAY = 64 << 10,          /* bytes that an attempt must bring to count as one that did */
};

enum piece_state { WAITING, TAKEN, HERE };

struct piece {
	enum piece_state state;
	int64_t offset;
	size_t length, room;
	atomic_size_t filled;
	unsigned idle; /* attempts in a row that brought next to nothing */
	uint8_t *data;
};

struct transfer {
	struct fetch *fetch;
	GMutex lock;
	GCond work, news; /* a piece waits, or the end has come; a piece is here, or something failed */
	struct piece ring[WINDOW];
	unsigned oldest, count; /* of the ring */
	size_t bytes;           /* planned and not handed on */
	GThread *threads[FETCH_LINKS];
	unsigned started, idle; /* threads; those that wait for work */
	bool over, failed;
	struct error err;
};

/* --- threads -------------------------------------------------------------------------------------------------------- */

static struct piece *
piece_number(struct transfer *transfer, unsigned i)
{
	return &transfer->ring[(transfer->oldest + i) % WINDOW];
}

static struct piece *
waiting_piece(struct transfer *transfer)
{
	for (unsigned i = 0; i < transfer->count; i++)
		if (piece_number(transfer, i)->state == WAITING)
			return piece_number(transfer, i);
	return NULL;
}

static int
fill(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct piece *piece = arg;
	size_t filled = atomic_load(&piece->filled);

	if (length > piece->length - filled)
		return error_set(err, EIO, "the server sent more than was asked for");
	memcpy(piece->data + filled, data, length);
	atomic_store(&piece->filled, filled + length);
	return 0;
}

static void
give_up(struct transfer *transfer, const struct error *err)
{
	if (!transfer->failed)
		transfer->err = *err;
	transfer->failed = true;
	g_cond_signal(&transfer->news);
}

/* Waits with the lock given up, unless all is over. */
static void
wait_for_better_times(struct transfer *transfer, unsigned idle)
{
	int64_t until = clock_monotonic_ms() + MIN(FETCH_WAIT_FIRST_MS << MIN(idle, 8), FETCH_WAIT_MOST_MS);

	while (!transfer->over && clock_monotonic_ms() < until)
		g_cond_wait_until(&transfer->work, &transfer->lock, until * 1000);
}

/* What became of a piece; true: this thread has no more to do. */
static bool
settle(struct transfer *transfer, const struct fetch_link *link, struct piece *piece, enum fetch_end end, size_t before,
    const struct error *err)
{
	bool first = link == &transfer->fetch->links[0];

	if (end == FETCH_DONE && atomic_load(&piece->filled) == piece->length) {
		piece->state = HERE;
		g_cond_signal(&transfer->news);
		return false;
	}
	piece->idle = atomic_load(&piece->filled) - before >= HEADWAY ? 0 : piece->idle + 1;
	if (end != FETCH_AGAIN || piece->idle >= transfer->fetch->request->attempts) {
		give_up(transfer, err);
		return true;
	}
	piece->state = WAITING;
	if (link->crowded && !first) {
		piece->idle--; /* it was not the piece's fault */
		g_cond_broadcast(&transfer->work);
		return true;
	}
	wait_for_better_times(transfer, piece->idle);
	return false;
}

static bool
get_piece(struct transfer *transfer, struct fetch_link *link, struct piece *piece)
{
	size_t before = atomic_load(&piece->filled);
	struct error err = {0};

	piece->state = TAKEN;
	g_mutex_unlock(&transfer->lock);
	link->at = piece->offset + (int64_t)before;
	link->to = piece->offset + (int64_t)piece->length;
	link->deliver = fill;
	link->arg = piece;
	enum fetch_end end = fetch_get(link, &err);
	g_mutex_lock(&transfer->lock);
	return settle(transfer, link, piece, end, before, &err);
}

struct start {
	struct transfer *transfer;
	struct fetch_link *link;
};

static void *
work(void *arg)
{
	struct start *start = arg;
	struct transfer *transfer = start->transfer;
	struct fetch_link *link = start->link;
	bool done = false;

	g_free(start);
	g_mutex_lock(&transfer->lock);
	while (!done && !transfer->over) {
		struct piece *piece = waiting_piece(transfer);
		if (piece != NULL) {
			done = get_piece(transfer, link, piece);
			continue;
		}
		transfer->idle++;
		g_cond_wait(&transfer->work, &transfer->lock);
		transfer->idle--;
	}
	g_mutex_unlock(&transfer->lock);
	return NULL;
}

/* --- the caller's thread --------------------------------------------------------------------------------------------- */

static void
start_thread(struct transfer *transfer)
{
	struct start *start = g_new(struct start, 1);

	*start = (struct start){transfer, &transfer->fetch->links[transfer->started]};
	transfer->threads[transfer->started++] = g_thread_new("fetch", work, start);
}

static void
add_piece(struct transfer *transfer, int64_t offset, size_t length)
{
	struct piece *piece = piece_number(transfer, transfer->count++);

	if (length > piece->room)
		piece->data = g_realloc(piece->data, piece->room = length);
	piece->state = WAITING;
	piece->offset = offset;
	piece->length = length;
	piece->idle = 0;
	atomic_store(&piece->filled, 0);
	transfer->bytes += length;
	if (transfer->idle == 0 && transfer->started < FETCH_LINKS)
		start_thread(transfer);
	g_cond_signal(&transfer->work);
}

static void
refill(struct transfer *transfer, blob_next *next, void *arg, bool *more)
{
	int64_t offset;
	size_t length;

	while (*more && transfer->count < WINDOW && (transfer->count == 0 || transfer->bytes < WINDOW_BYTES)) {
		*more = next(arg, &offset, &length);
		if (*more)
			add_piece(transfer, offset, length);
	}
}

static void
tell_ahead(struct transfer *transfer)
{
	int64_t ahead = 0;

	for (unsigned i = 0; i < transfer->count; i++)
		ahead += (int64_t)atomic_load(&piece_number(transfer, i)->filled);
	g_mutex_unlock(&transfer->lock);
	transfer->fetch->tick(transfer->fetch->tick_arg, ahead);
	g_mutex_lock(&transfer->lock);
}

/* True when the oldest piece is here. */
static bool
await(struct transfer *transfer)
{
	while (!transfer->failed && piece_number(transfer, 0)->state != HERE) {
		if (!g_cond_wait_until(&transfer->news, &transfer->lock, (clock_monotonic_ms() + TICK_MS) * 1000) &&
		    transfer->fetch->tick != NULL)
			tell_ahead(transfer);
	}
	return !transfer->failed;
}

static int
run(struct transfer *transfer, blob_next *next, blob_take *take, void *arg, struct error *err)
{
	bool more = true;
	int rc = 0;

	while (rc == 0) {
		refill(transfer, next, arg, &more);
		if (transfer->count == 0)
			break;
		if (!await(transfer)) {
			*err = transfer->err;
			return -1;
		}
		struct piece *piece = piece_number(transfer, 0);
		g_mutex_unlock(&transfer->lock);
		rc = take(arg, piece->data, piece->length, piece->offset, err);
		g_mutex_lock(&transfer->lock);
		transfer->bytes -= piece->length;
		transfer->oldest = (transfer->oldest + 1) % WINDOW;
		transfer->count--;
	}
	return rc;
}

static int
fetch_pieces(struct blob *blob, blob_next *next, blob_take *take, void *arg, struct error *err)
{
	struct fetch *fetch = (struct fetch *)blob;
	struct transfer transfer = {.fetch = fetch};

	g_mutex_init(&transfer.lock);
	g_cond_init(&transfer.work);
	g_cond_init(&transfer.news);
	g_mutex_lock(&transfer.lock);
	int rc = run(&transfer, next, take, arg, err);
	transfer.over = true;
	atomic_store(&fetch->quit, true);
	g_cond_broadcast(&transfer.work);
	g_mutex_unlock(&transfer.lock);
	for (unsigned i = 0; i < transfer.started; i++)
		g_thread_join(transfer.threads[i]);
	atomic_store(&fetch->quit, false);
	for (unsigned i = 0; i < WINDOW; i++)
		g_free(transfer.ring[i].data);
	g_cond_clear(&transfer.work);
	g_cond_clear(&transfer.news);
	g_mutex_clear(&transfer.lock);
	return rc;
}

/* --- small reads ------------------------------------------------------------------------------------------------------ */

static int
fetch_read(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	struct fetch *fetch = (struct fetch *)blob;
	struct fetch_link *link = &fetch->links[0];
	struct piece piece = {.length = length, .data = data};
	enum fetch_end end = FETCH_AGAIN;

	link->deliver = fill;
	link->arg = &piece;
	for (unsigned idle = 0; end == FETCH_AGAIN && idle < MAX(fetch->request->attempts, 1); idle++) {
		if (idle > 0)
			g_usleep((gulong)MIN(FETCH_WAIT_FIRST_MS << MIN(idle, 8), FETCH_WAIT_MOST_MS) * 1000);
		link->at = offset + (int64_t)atomic_load(&piece.filled);
		link->to = offset + (int64_t)length;
		end = fetch_get(link, err);
	}
	link->arg = NULL; /* it was on this stack */
	return end == FETCH_DONE ? 0 : -1;
}

const struct blob_class fetch_blob_class = {.read = fetch_read, .pieces = fetch_pieces};
