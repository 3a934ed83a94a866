/*
 * A target behind a socket; see target.h and nbd.h.
 *
 *   write --> "held", one piece of data up to a border of PIECE --(full, or data elsewhere)--> request --> slot "under way"
 *   reply --> its slot is free again
 *
 * Requests are sent blocking: the kernel has their data then, nothing needs to be kept for the reply.  The other side cannot be
 * stuck in sending meanwhile: NBD_DEPTH replies fit into any socket's buffer.
 */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "src/base/error.h"
#include "src/base/nbd.h"
#include "storage/target_private.h"

enum {
	PIECE = 1 << 20,    /* most bytes of a write; requests never straddle its multiples, so none straddles an object of RBD */
	HOLE = 32 << 10,
};

struct slot {
	bool used;
	enum nbd_command command;
	int64_t offset;
	uint32_t length;
};

struct nbd_target {
	struct target target;
	struct slot slots[NBD_DEPTH];
	unsigned under_way;
	struct error failed;  /* the first failure; code 0: none yet */
	int64_t held_at;      /* where "held" belongs */
	size_t held_length;
	uint8_t held[PIECE];
};

static struct nbd_target *
of(struct target *target)
{
	return (struct nbd_target *)target;
}

/* --- failures ------------------------------------------------------------------------------------------------------ */

static const char *const deeds[] = {
	[NBD_READ] = "read", [NBD_WRITE] = "write", [NBD_DISCONNECT] = "end", [NBD_FLUSH] = "flush", [NBD_TRIM] = "trim",
	[NBD_WRITE_ZEROES] = "write zeros",
};

/* Errors of NBD have numbers of their own, which other systems' errno need not have. */
static const struct {
	uint32_t error;
	int code;
	const char *reason;
} reasons[] = {
	{1, EACCES, "it may not be written to"},
	{5, EIO, "the storage has an error"},
	{12, ENOMEM, "its server has no memory"},
	{22, EIO, "the request makes no sense there"},
	{28, ENOSPC, "the storage is full"},
	{108, ESHUTDOWN, "its server is shutting down"},
};

/* Remembers the first failure and tells it. */
static int
fail(struct nbd_target *nbd, int code, struct error *err, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int
fail(struct nbd_target *nbd, int code, struct error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	if (nbd->failed.code == 0)
		error_set(&nbd->failed, code, "%s", text);
	return error_set(err, nbd->failed.code, "%s", nbd->failed.text);
}

static int
fail_reply(struct nbd_target *nbd, const struct slot *slot, uint32_t error, struct error *err)
{
	const char *reason = "for a reason that is not known here";
	int code = EIO;

	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
		if (reasons[i].error == error) {
			code = reasons[i].code;
			reason = reasons[i].reason;
		}
	}
	return fail(nbd, code, err, "the volume failed to %s %" PRIu32 " bytes at %" PRId64 ": %s (NBD error %" PRIu32 ")",
	    deeds[slot->command], slot->length, slot->offset, reason, error);
}

static int
check(struct nbd_target *nbd, struct error *err)
{
	return nbd->failed.code == 0 ? 0 : error_set(err, nbd->failed.code, "%s", nbd->failed.text);
}

/* --- the socket ---------------------------------------------------------------------------------------------------- */

static int
receive(struct nbd_target *nbd, void *data, size_t length, struct error *err)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = recv(nbd->target.fd, (uint8_t *)data + at, length - at, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(nbd, EIO, err, "the process that serves the volume ended (%s)",
			    n < 0 ? g_strerror(errno) : "end of its answers");
		at += (size_t)n;
	}
	return 0;
}

static int
send_whole(struct nbd_target *nbd, const void *data, size_t length, int flags, struct error *err)
{
	for (size_t at = 0; at < length;) {
		ssize_t n = send(nbd->target.fd, (const uint8_t *)data + at, length - at, MSG_NOSIGNAL | flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(nbd, EIO, err, "the process that serves the volume ended (%s)", g_strerror(errno));
		at += (size_t)n;
	}
	return 0;
}

/* One reply; data takes what follows that to a read, which is asked for alone. */
static int
take_reply(struct nbd_target *nbd, uint8_t *data, struct error *err)
{
	struct nbd_reply reply;

	if (receive(nbd, &reply, sizeof(reply), err) < 0)
		return -1;
	uint64_t cookie = be64toh(reply.cookie);
	if (be32toh(reply.magic) != NBD_REPLY_MAGIC || cookie >= NBD_DEPTH || !nbd->slots[cookie].used)
		return fail(nbd, EPROTO, err, "the process that serves the volume answers something else than was asked");
	struct slot *slot = &nbd->slots[cookie];
	slot->used = false;
	nbd->under_way--;
	if (reply.error != 0)
		return fail_reply(nbd, slot, be32toh(reply.error), err);
	return slot->command == NBD_READ ? receive(nbd, data, slot->length, err) : 0;
}

static bool
has_reply(const struct nbd_target *nbd)
{
	struct pollfd ready = {.fd = nbd->target.fd, .events = POLLIN};

	return poll(&ready, 1, 0) > 0;
}

/* Takes the replies that are there, and more until at most "most" are under way. */
static int
settle(struct nbd_target *nbd, unsigned most, struct error *err)
{
	while (nbd->under_way > 0 && (nbd->under_way > most || has_reply(nbd)))
		if (take_reply(nbd, NULL, err) < 0)
			return -1;
	return 0;
}

static int
ask(struct nbd_target *nbd, enum nbd_command command, int64_t offset, const uint8_t *data, uint32_t length, struct error *err)
{
	unsigned cookie = 0;

	if (settle(nbd, NBD_DEPTH - 1, err) < 0)
		return -1;
	while (nbd->slots[cookie].used)
		cookie++;
	struct nbd_request request = {.magic = htobe32(NBD_REQUEST_MAGIC), .command = htobe16(command), .cookie = htobe64(cookie),
	    .offset = htobe64((uint64_t)offset), .length = htobe32(length)};
	nbd->slots[cookie] = (struct slot){.used = true, .command = command, .offset = offset, .length = length};
	nbd->under_way++;
	if (send_whole(nbd, &request, sizeof(request), data != NULL ? MSG_MORE : 0, err) < 0)
		return -1;
	return data == NULL ? 0 : send_whole(nbd, data, length, 0, err);
}

/* --- the class ----------------------------------------------------------------------------------------------------- */

static int
send_held(struct nbd_target *nbd, struct error *err)
{
	size_t length = nbd->held_length;

	nbd->held_length = 0;
	return length == 0 ? 0 : ask(nbd, NBD_WRITE, nbd->held_at, nbd->held, (uint32_t)length, err);
}

static int
nbd_write(struct target *target, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	struct nbd_target *nbd = of(target);

	if (check(nbd, err) < 0)
		return -1;
	if (length == 0)
		return 0;
	if (nbd->held_length > 0 && offset != nbd->held_at + (int64_t)nbd->held_length && send_held(nbd, err) < 0)
		return -1;
	while (length > 0) {
		size_t n = MIN(length, PIECE - (size_t)(offset % PIECE));
		if (nbd->held_length == 0)
			nbd->held_at = offset;
		memcpy(nbd->held + nbd->held_length, data, n);
		nbd->held_length += n;
		data += n;
		length -= n;
		offset += (int64_t)n;
		if (offset % PIECE == 0 && send_held(nbd, err) < 0)
			return -1;
	}
	return 0;
}

static int
nbd_read(struct target *target, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	struct nbd_target *nbd = of(target);

	if (check(nbd, err) < 0 || send_held(nbd, err) < 0 || settle(nbd, 0, err) < 0)
		return -1;
	while (length > 0) {
		uint32_t n = (uint32_t)MIN(length, (size_t)NBD_MOST);
		if (ask(nbd, NBD_READ, offset, NULL, n, err) < 0 || take_reply(nbd, data, err) < 0)
			return -1;
		data += n;
		length -= n;
		offset += n;
	}
	return 0;
}

static int
nbd_flush(struct target *target, struct error *err)
{
	struct nbd_target *nbd = of(target);

	if (check(nbd, err) < 0 || send_held(nbd, err) < 0 || settle(nbd, 0, err) < 0 ||
	    ask(nbd, NBD_FLUSH, 0, NULL, 0, err) < 0)
		return -1;
	return settle(nbd, 0, err);
}

static int
nbd_extend(struct target *target, int64_t size, struct error *err)
{
	(void)target;
	(void)size;
	(void)err;
	return 0;
}

static void
nbd_free(struct target *target)
{
	struct nbd_target *nbd = of(target);

	if (nbd->failed.code == 0 && settle(nbd, 0, NULL) == 0)
		ask(nbd, NBD_DISCONNECT, 0, NULL, 0, NULL); /* has no reply */
	g_free(nbd);
}

static const struct target_class nbd_class = {
	.hole = HOLE,
	.write = nbd_write,
	.read = nbd_read,
	.flush = nbd_flush,
	.extend = nbd_extend,
	.free = nbd_free,
};

struct target *
target_nbd_new(int fd)
{
	struct nbd_target *nbd = g_new0(struct nbd_target, 1);

	nbd->target = (struct target){.class = &nbd_class, .fd = fd};
	return &nbd->target;
}
