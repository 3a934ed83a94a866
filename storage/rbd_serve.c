/*
 * A volume on a socket, in NBD's transmission phase (nbd.h).
 *
 *   reader: socket ──> request ──> librbd ──(its thread)──> queue ──> replier: socket
 *
 * The reader takes a request when one of NBD_DEPTH places is free, so memory has a bound.  librbd's threads only queue: one
 * client that does not read its replies must not stop the others.  A client that goes, or talks nonsense, ends its own serve:
 * what is under way is awaited, what was written is flushed, the image is closed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "storage/nbd.h"
#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000 /* the key of an encrypted volume costs seconds of a processor */, CLOSING_MS = 10000, FLAG_FUA = 1 };

struct serve {
	char *path;
	char *snapshot;         /* that is read, or NULL */
	struct place place;
	rbd_image_t image;
	uint64_t size;
	bool writes, encrypted;
	bool closing;           /* its client is gone; under the lock of all */
	int fd;
	GAsyncQueue *free, *done; /* struct slot */
};

/* A place for one request. */
struct slot {
	struct serve *serve;
	struct nbd_request request; /* in host order */
	char *data;                 /* NBD_MOST bytes, or NULL until they are needed */
	rbd_completion_t completion;
	int error;                  /* an errno, 0 */
};

static GMutex lock;      /* around serves */
static GCond ended;
static GPtrArray *serves; /* struct serve */

/* --- the list ------------------------------------------------------------------------------------------------------------- */

static struct serve *
find(const char *path)
{
	for (guint i = 0; serves != NULL && i < serves->len; i++) {
		struct serve *one = serves->pdata[i];
		if (one->writes && strcmp(one->path, path) == 0)
			return one;
	}
	return NULL;
}

/* Its serve may not have noticed yet. */
static bool
client_is_gone(const struct serve *serve)
{
	struct pollfd poll_fd = { .fd = serve->fd, .events = POLLRDHUP };

	return serve->closing || poll(&poll_fd, 1, 0) > 0;
}

/* Under the lock.  A client that is gone has nothing more to say: its serve ends soon. */
static int
wait_for_end(const char *path, struct error *err)
{
	gint64 until = (clock_monotonic_ms() + CLOSING_MS) * 1000;
	struct serve *one;

	while ((one = find(path)) != NULL && client_is_gone(one) && g_cond_wait_until(&ended, &lock, until))
		;
	return find(path) == NULL ? 0 : error_set(err, EBUSY, "volume %s is being written by an import: wait for its end, or end it", path);
}

int
serve_check(const struct place *place, struct error *err)
{
	int rc;

	g_mutex_lock(&lock);
	rc = wait_for_end(place->path, err);
	g_mutex_unlock(&lock);
	return rc;
}

static int
list_add(struct serve *serve, struct error *err)
{
	int rc;

	g_mutex_lock(&lock);
	if (serves == NULL)
		serves = g_ptr_array_new();
	rc = serve->writes ? wait_for_end(serve->path, err) : 0;
	if (rc == 0 && serves->len >= SERVES_MOST)
		rc = error_set(err, EAGAIN, "%d volumes are served already, more are not", SERVES_MOST);
	if (rc == 0)
		g_ptr_array_add(serves, serve);
	g_mutex_unlock(&lock);
	return rc;
}

static void
list_remove(struct serve *serve)
{
	g_mutex_lock(&lock);
	g_ptr_array_remove_fast(serves, serve);
	g_cond_broadcast(&ended);
	g_mutex_unlock(&lock);
}

/* --- replies ---------------------------------------------------------------------------------------------------------------- */

/* NBD's numbers are Linux's, for those that it knows. */
static uint32_t
nbd_error(int code)
{
	static const int known[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSPC, ESHUTDOWN };

	if (code == EDQUOT)
		return ENOSPC;
	if (code == EROFS)
		return EPERM;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (known[i] == code)
			return (uint32_t)code;
	return code == 0 ? 0 : EIO;
}

static int
send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int
send_reply(const struct slot *slot)
{
	struct nbd_reply reply = { GUINT32_TO_BE(NBD_REPLY_MAGIC), GUINT32_TO_BE(nbd_error(slot->error)), GUINT64_TO_BE(slot->request.cookie) };
	bool data = slot->request.command == NBD_READ && slot->error == 0;

	return send_all(slot->serve->fd, (const char *)&reply, sizeof(reply)) == 0 &&
	    (!data || send_all(slot->serve->fd, slot->data, slot->request.length) == 0) ? 0 : -1;
}

/* Until it gets what says "end" (the serve itself). */
static void *
reply_run(void *arg)
{
	struct serve *serve = arg;
	bool deaf = false;
	void *item;

	while ((item = g_async_queue_pop(serve->done)) != serve) {
		struct slot *slot = item;
		if (!deaf && send_reply(slot) < 0) {
			deaf = true;
			shutdown(serve->fd, SHUT_RDWR); /* the reader notices */
		}
		g_async_queue_push(serve->free, slot);
	}
	return NULL;
}

/* --- requests ----------------------------------------------------------------------------------------------------------------- */

/* 1, 0 when the other side is gone. */
static int
read_all(int fd, void *bytes, size_t length)
{
	size_t got = 0;

	while (got < length) {
		ssize_t n = read(fd, (char *)bytes + got, length - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		got += (size_t)n;
	}
	return 1;
}

static void
on_complete(rbd_completion_t completion, void *arg)
{
	struct slot *slot = arg;
	ssize_t rc = rbd_aio_get_return_value(completion);

	rbd_aio_release(completion);
	slot->error = rc < 0 ? (int)-rc : 0;
	g_async_queue_push(slot->serve->done, slot);
}

/* What each command is to librbd.  0, or a negative errno when nothing was begun. */
static int
begin_read(struct slot *slot)
{
	return rbd_aio_read(slot->serve->image, slot->request.offset, slot->request.length, slot->data, slot->completion);
}

static int
begin_write(struct slot *slot)
{
	int flags = (slot->request.flags & FLAG_FUA) != 0 ? LIBRADOS_OP_FLAG_FADVISE_FUA : 0;

	return rbd_aio_write2(slot->serve->image, slot->request.offset, slot->request.length, slot->data, slot->completion, flags);
}

static int
begin_flush(struct slot *slot)
{
	return rbd_aio_flush(slot->serve->image, slot->completion);
}

/* Nothing that is not written reads as zeros there: a hole is left alone, zeros are data. */
static int
begin_zeroes_encrypted(struct slot *slot)
{
	if (slot->request.length > NBD_MOST)
		return -EINVAL;
	if (slot->data == NULL)
		slot->data = g_malloc(NBD_MOST);
	memset(slot->data, 0, slot->request.length);
	return begin_write(slot);
}

static int
begin_trim(struct slot *slot)
{
	if (slot->serve->encrypted)
		return rbd_aio_flush(slot->serve->image, slot->completion);
	return rbd_aio_discard(slot->serve->image, slot->request.offset, slot->request.length, slot->completion);
}

static int
begin_zeroes(struct slot *slot)
{
	int flags = (slot->request.flags & FLAG_FUA) != 0 ? LIBRADOS_OP_FLAG_FADVISE_FUA : 0;

	if (slot->serve->encrypted)
		return begin_zeroes_encrypted(slot);
	return rbd_aio_write_zeroes(slot->serve->image, slot->request.offset, slot->request.length, slot->completion, 0, flags);
}

static const struct command {
	int (*begin)(struct slot *slot);
	bool ranged, writes, data; /* offset and length count; it changes the volume; bytes come or go */
} commands[] = {
	[NBD_READ] = { begin_read, true, false, true },
	[NBD_WRITE] = { begin_write, true, true, true },
	[NBD_FLUSH] = { begin_flush, false, false, false },
	[NBD_TRIM] = { begin_trim, true, true, false },
	[NBD_WRITE_ZEROES] = { begin_zeroes, true, true, false },
};

static int
check_request(const struct serve *serve, const struct nbd_request *request, const struct command *command)
{
	if (command == NULL)
		return EINVAL;
	if (command->writes && !serve->writes)
		return EPERM;
	if (command->ranged && (request->offset > serve->size || request->length > serve->size - request->offset))
		return command->writes ? ENOSPC : EINVAL;
	return 0;
}

static void
begin(struct slot *slot, const struct command *command)
{
	int rc;

	slot->error = check_request(slot->serve, &slot->request, command);
	if (slot->error != 0 || (command->ranged && slot->request.length == 0)) {
		g_async_queue_push(slot->serve->done, slot);
		return;
	}
	rbd_aio_create_completion(slot, on_complete, &slot->completion);
	rc = command->begin(slot);
	if (rc < 0) {
		rbd_aio_release(slot->completion);
		slot->error = -rc;
		g_async_queue_push(slot->serve->done, slot);
	}
}

static bool
read_request(int fd, struct nbd_request *request)
{
	struct nbd_request wire;

	if (read_all(fd, &wire, sizeof(wire)) == 0)
		return false;
	*request = (struct nbd_request){
		GUINT32_FROM_BE(wire.magic), GUINT16_FROM_BE(wire.flags), GUINT16_FROM_BE(wire.command), wire.cookie,
		GUINT64_FROM_BE(wire.offset), GUINT32_FROM_BE(wire.length),
	};
	request->cookie = GUINT64_FROM_BE(wire.cookie);
	return request->magic == NBD_REQUEST_MAGIC && request->command != NBD_DISCONNECT;
}

/* Takes one request into the slot and begins it; false: the client is done, gone, or talks nonsense, and the slot was not used. */
static bool
take_request(struct serve *serve, struct slot *slot)
{
	const struct command *command;

	if (!read_request(serve->fd, &slot->request))
		return false;
	command = slot->request.command < G_N_ELEMENTS(commands) && commands[slot->request.command].begin != NULL ?
	    &commands[slot->request.command] : NULL;
	if (command != NULL && command->data && slot->request.length > NBD_MOST)
		return false;
	if (command != NULL && command->data && slot->data == NULL)
		slot->data = g_malloc(NBD_MOST);
	if (slot->request.command == NBD_WRITE && read_all(serve->fd, slot->data, slot->request.length) == 0)
		return false;
	begin(slot, command);
	return true;
}

/* --- a serve -------------------------------------------------------------------------------------------------------------------- */

static void
serve_free(struct serve *serve)
{
	struct slot *slot;

	if (serve->free != NULL) {
		while ((slot = g_async_queue_try_pop(serve->free)) != NULL) {
			g_free(slot->data);
			g_free(slot);
		}
		g_async_queue_unref(serve->free);
		g_async_queue_unref(serve->done);
	}
	image_close(&serve->image);
	place_clear(&serve->place);
	g_free(serve->path);
	g_free(serve->snapshot);
	g_free(serve);
}

/* Everything that was begun has come back and was flushed when this returns. */
static void
serve_settle(struct serve *serve, struct slot *unused)
{
	g_mutex_lock(&lock);
	serve->closing = true;
	g_mutex_unlock(&lock);
	g_async_queue_push(serve->free, unused);
	g_autofree struct slot **all = g_new0(struct slot *, NBD_DEPTH);
	for (int i = 0; i < NBD_DEPTH; i++)
		all[i] = g_async_queue_pop(serve->free);
	for (int i = 0; i < NBD_DEPTH; i++)
		g_async_queue_push(serve->free, all[i]);
	if (serve->writes)
		rbd_flush(serve->image);
}

static void *
serve_run(void *arg)
{
	struct serve *serve = arg;
	struct slot *slot;
	pthread_t replier;

	if (pthread_create(&replier, NULL, reply_run, serve) != 0)
		service_die("cannot start a thread");
	do
		slot = g_async_queue_pop(serve->free);
	while (take_request(serve, slot));
	serve_settle(serve, slot);
	g_async_queue_push(serve->done, serve);
	pthread_join(replier, NULL);
	image_close(&serve->image);
	shutdown(serve->fd, SHUT_RDWR);
	close(serve->fd);
	list_remove(serve);
	serve_free(serve);
	return NULL;
}

/* Nobody else may write meanwhile; readers do not matter, and cannot be told. */
static int
check_users(const struct serve *serve, struct error *err)
{
	json_t *users = serve->writes ? image_users_still(&serve->place, serve->image, err) : json_array();
	int rc = users == NULL ? -1 : 0;

	if (json_array_size(users) > 0)
		rc = error_set(err, EBUSY, "volume %s is open by %s: what uses it must end before it is written", serve->path,
		    json_string_value(json_array_get(users, 0)));
	json_decref(users);
	return rc;
}

static int
serve_open(struct serve *serve, const char *passphrase, struct error *err)
{
	int rc;

	if ((serve->writes ? image_open : image_open_to_read)(&serve->place, &serve->image, err) < 0 || check_users(serve, err) < 0)
		return -1;
	rc = serve->snapshot == NULL ? 0 : rbd_snap_set(serve->image, serve->snapshot);
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "volume %s has no snapshot %s", serve->path, serve->snapshot);
	if (rc == 0 && encryption_load(serve->image, serve->path, passphrase, err) < 0)
		return -1;
	if (rc == 0)
		rc = rbd_get_size(serve->image, &serve->size);
	return rc < 0 ? cluster_error(err, rc, "cannot read volume %s", serve->path) : 0;
}

static void
serve_begin(struct serve *serve)
{
	pthread_t thread;

	serve->free = g_async_queue_new();
	serve->done = g_async_queue_new();
	for (int i = 0; i < NBD_DEPTH; i++) {
		struct slot *slot = g_new0(struct slot, 1);
		slot->serve = serve;
		g_async_queue_push(serve->free, slot);
	}
	if (pthread_create(&thread, NULL, serve_run, serve) != 0)
		service_die("cannot start a thread");
	pthread_detach(thread);
}

static int
check_socket(int fd, struct error *err)
{
	int type = 0, flags;
	socklen_t length = sizeof(type);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
		return error_set(err, EINVAL, "volume-serve needs the descriptor of a stream socket");
	flags = fcntl(fd, F_GETFL);
	return fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 ? 0 : error_errno(err, "cannot use the socket");
}

static json_t *
run_serve(struct service_call *call, struct error *err)
{
	struct serve *serve = g_new0(struct serve, 1);
	const char *snapshot = NULL, *passphrase = NULL;
	int read_only = 0, rc;
	json_t *answer;

	rc = place_read(call->args, &serve->place, err) < 0 ||
	    service_args(call->args, err, "{s?:b,s?:s,s?:s}", "read", &read_only, "snapshot", &snapshot, "passphrase", &passphrase) < 0 || check_socket(call->fd, err) < 0 ? -1 : 0;
	if (rc == 0 && snapshot != NULL && !read_only)
		rc = error_set(err, EINVAL, "snapshot %s can only be read", snapshot);
	serve->snapshot = g_strdup(snapshot);
	serve->path = g_strdup(serve->place.path);
	serve->writes = !read_only;
	serve->encrypted = passphrase != NULL;
	serve->fd = call->fd;
	if (rc < 0 || place_lock(call, &serve->place, NULL, err) < 0) {
		serve_free(serve);
		return NULL;
	}
	rc = list_add(serve, err);
	if (rc == 0 && (rc = serve_open(serve, passphrase, err)) < 0)
		list_remove(serve);
	place_unlock(&serve->place, NULL);
	if (rc < 0) {
		serve_free(serve);
		return NULL;
	}
	call->fd = -1;
	answer = json_pack("{s:I}", "capacity", (json_int_t)serve->size);
	serve_begin(serve);
	return answer;
}

const struct rbd_verb serve_verbs[] = {
	{ "volume-serve", run_serve, PATIENCE },
	{ NULL, NULL, 0 },
};
