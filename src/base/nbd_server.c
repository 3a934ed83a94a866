/* Volumes on sockets; see nbd_server.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/nbd_server.h"
#include "src/base/service.h"

enum { CLOSING_MS = 10000 };

struct nbd_export {
	const struct nbd_class *class;
	void *volume;
	char *path;
	uint64_t size;
	bool writes;
	bool closing;              /* its client is gone; under the lock of all */
	gint deaf;                 /* it reads no replies any more; atomic */
	int fd;
	GAsyncQueue *free, *done;  /* struct place */
};

/* A place for one request. */
struct place {
	struct nbd_work work; /* first */
	int error;            /* an errno, 0 */
};

static GMutex lock;       /* around exports */
static GCond ended;
static GPtrArray *exports; /* struct nbd_export */

/* --- the list ------------------------------------------------------------------------------------------------------------- */

static struct nbd_export *
find_writer(const char *path)
{
	for (guint i = 0; exports != NULL && i < exports->len; i++) {
		struct nbd_export *one = exports->pdata[i];
		if (one->writes && strcmp(one->path, path) == 0)
			return one;
	}
	return NULL;
}

/* Its threads may not have noticed yet. */
static bool
client_is_gone(const struct nbd_export *export)
{
	struct pollfd poll_fd = { .fd = export->fd, .events = POLLRDHUP };

	return export->closing || poll(&poll_fd, 1, 0) > 0;
}

/* Under the lock.  A client that is gone has nothing more to say: its export ends soon. */
static int
wait_for_end(const char *path, struct error *err)
{
	gint64 until = (clock_monotonic_ms() + CLOSING_MS) * 1000;
	struct nbd_export *one;

	while ((one = find_writer(path)) != NULL && client_is_gone(one) && g_cond_wait_until(&ended, &lock, until))
		;
	return find_writer(path) == NULL ? 0
	                                 : error_set(err, EBUSY, "volume %s is being written by an import: wait for its end, or end it", path);
}

int
nbd_export_check(const char *path, struct error *err)
{
	int rc;

	g_mutex_lock(&lock);
	rc = wait_for_end(path, err);
	g_mutex_unlock(&lock);
	return rc;
}

static int
list_add(struct nbd_export *export, struct error *err)
{
	int rc;

	g_mutex_lock(&lock);
	if (exports == NULL)
		exports = g_ptr_array_new();
	rc = export->writes ? wait_for_end(export->path, err) : 0;
	if (rc == 0 && exports->len >= NBD_EXPORTS_MOST)
		rc = error_set(err, EAGAIN, "%d volumes are served already, more are not", NBD_EXPORTS_MOST);
	if (rc == 0)
		g_ptr_array_add(exports, export);
	g_mutex_unlock(&lock);
	return rc;
}

static void
list_remove(struct nbd_export *export)
{
	g_mutex_lock(&lock);
	g_ptr_array_remove_fast(exports, export);
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
send_reply(const struct place *place)
{
	const struct nbd_work *work = &place->work;
	struct nbd_reply reply = { GUINT32_TO_BE(NBD_REPLY_MAGIC), GUINT32_TO_BE(nbd_error(place->error)), GUINT64_TO_BE(work->request.cookie) };
	bool data = work->request.command == NBD_READ && place->error == 0;

	return send_all(work->export->fd, (const char *)&reply, sizeof(reply)) == 0 &&
	    (!data || send_all(work->export->fd, work->data, work->request.length) == 0) ? 0 : -1;
}

/* Until it gets what says "end" (the export itself). */
static void *
reply_run(void *arg)
{
	struct nbd_export *export = arg;
	void *item;

	while ((item = g_async_queue_pop(export->done)) != export) {
		struct place *place = item;
		if (!g_atomic_int_get(&export->deaf) && send_reply(place) < 0) {
			g_atomic_int_set(&export->deaf, true);
			shutdown(export->fd, SHUT_RDWR); /* the reader notices, behind what the socket still holds */
		}
		g_async_queue_push(export->free, place);
	}
	return NULL;
}

void
nbd_work_done(struct nbd_work *work, int error)
{
	struct place *place = (struct place *)work;

	place->error = error;
	g_async_queue_push(work->export->done, place);
}

/* --- requests ----------------------------------------------------------------------------------------------------------------- */

static const struct command {
	bool ranged, writes, data; /* offset and length count; it changes the volume; bytes come or go */
} commands[NBD_COMMANDS] = {
	[NBD_READ] = { true, false, true },
	[NBD_WRITE] = { true, true, true },
	[NBD_FLUSH] = { false, false, false },
	[NBD_TRIM] = { true, true, false },
	[NBD_WRITE_ZEROES] = { true, true, false },
};

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

char *
nbd_work_data(struct nbd_work *work)
{
	if (work->data == NULL)
		work->data = g_malloc(NBD_MOST);
	return work->data;
}

static int
check_request(const struct nbd_export *export, const struct nbd_request *request, const struct command *command)
{
	if (command == NULL)
		return EINVAL;
	if (command->writes && !export->writes)
		return EPERM;
	if (command->ranged && (request->offset > export->size || request->length > export->size - request->offset))
		return command->writes ? ENOSPC : EINVAL;
	return 0;
}

static void
begin(struct nbd_export *export, struct nbd_work *work, const struct command *command)
{
	int rc = -check_request(export, &work->request, command);

	if (rc < 0 || (command->ranged && work->request.length == 0)) {
		nbd_work_done(work, -rc);
		return;
	}
	rc = export->class->begin[work->request.command](export->volume, work);
	if (rc < 0)
		nbd_work_done(work, -rc);
}

static bool
read_request(int fd, struct nbd_request *request)
{
	struct nbd_request wire;

	if (read_all(fd, &wire, sizeof(wire)) == 0)
		return false;
	*request = (struct nbd_request){
		GUINT32_FROM_BE(wire.magic), GUINT16_FROM_BE(wire.flags), GUINT16_FROM_BE(wire.command), GUINT64_FROM_BE(wire.cookie),
		GUINT64_FROM_BE(wire.offset), GUINT32_FROM_BE(wire.length),
	};
	return request->magic == NBD_REQUEST_MAGIC && request->command != NBD_DISCONNECT;
}

/* Takes one request into its place and begins it; false: the client is done, gone, or talks nonsense, and the place was not used. */
static bool
take_request(struct nbd_export *export, struct nbd_work *work)
{
	const struct nbd_request *request = &work->request;
	const struct command *command;

	if (!read_request(export->fd, &work->request))
		return false;
	command = request->command < NBD_COMMANDS && export->class->begin[request->command] != NULL ? &commands[request->command] : NULL;
	if (command != NULL && command->data && request->length > NBD_MOST)
		return false;
	if (command != NULL && command->data)
		nbd_work_data(work);
	if (command != NULL && request->command == NBD_WRITE && read_all(export->fd, work->data, request->length) == 0)
		return false;
	/* Nobody waits for an answer; a write that has come as a whole is done, as if its answer were under way. */
	if (g_atomic_int_get(&export->deaf) && (command == NULL || !command->writes))
		return false;
	begin(export, work, command);
	return true;
}

/* --- an export -------------------------------------------------------------------------------------------------------------------- */

static void
export_free(struct nbd_export *export)
{
	struct place *place;

	while (export->free != NULL && (place = g_async_queue_try_pop(export->free)) != NULL) {
		g_free(place->work.data);
		g_free(place);
	}
	g_clear_pointer(&export->free, g_async_queue_unref);
	g_clear_pointer(&export->done, g_async_queue_unref);
	g_free(export->path);
	g_free(export);
}

/* Everything that was begun has come back and was flushed when this returns. */
static void
settle(struct nbd_export *export, struct place *unused)
{
	g_autofree struct place **all = g_new0(struct place *, NBD_DEPTH);

	g_mutex_lock(&lock);
	export->closing = true;
	g_mutex_unlock(&lock);
	g_async_queue_push(export->free, unused);
	for (int i = 0; i < NBD_DEPTH; i++)
		all[i] = g_async_queue_pop(export->free);
	for (int i = 0; i < NBD_DEPTH; i++)
		g_async_queue_push(export->free, all[i]);
	if (export->writes)
		export->class->flush(export->volume);
}

static void *
export_run(void *arg)
{
	struct nbd_export *export = arg;
	struct place *place;
	pthread_t replier;

	if (pthread_create(&replier, NULL, reply_run, export) != 0)
		service_die("cannot start a thread");
	do
		place = g_async_queue_pop(export->free);
	while (take_request(export, &place->work));
	settle(export, place);
	g_async_queue_push(export->done, export);
	pthread_join(replier, NULL);
	export->class->close(export->volume);
	shutdown(export->fd, SHUT_RDWR);
	close(export->fd);
	list_remove(export);
	export_free(export);
	return NULL;
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

struct nbd_export *
nbd_export_new(const struct nbd_class *class, void *volume, const char *path, bool writes, int fd, struct error *err)
{
	struct nbd_export *export;

	if (check_socket(fd, err) < 0)
		return NULL;
	export = g_new0(struct nbd_export, 1);
	*export = (struct nbd_export){ .class = class, .volume = volume, .path = g_strdup(path), .writes = writes, .fd = fd };
	if (list_add(export, err) == 0)
		return export;
	export_free(export);
	return NULL;
}

void
nbd_export_start(struct nbd_export *export, uint64_t size)
{
	pthread_t thread;

	export->size = size;
	export->free = g_async_queue_new();
	export->done = g_async_queue_new();
	for (int i = 0; i < NBD_DEPTH; i++) {
		struct place *place = g_new0(struct place, 1);
		place->work.export = export;
		g_async_queue_push(export->free, place);
	}
	if (pthread_create(&thread, NULL, export_run, export) != 0)
		service_die("cannot start a thread");
	pthread_detach(thread);
}

void
nbd_export_cancel(struct nbd_export *export)
{
	list_remove(export);
	export_free(export);
}
