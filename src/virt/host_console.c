/*
 * Consoles: a libvirt stream and the daemon's socket, each copied into the other.
 *
 *   socket ── to_guest ──> stream        read from the socket only while the buffer has room
 *   socket <── to_client ── stream       always read (libvirt would queue without bound); what a client does not take
 *                                        is dropped past CLIENT_MOST: the console's log has it
 *
 * Consoles belong to the event loop's thread alone, from their opening on: they share a connection, and libvirt 9.0 loses
 * an answer now and then when another thread calls on a connection while the loop serves a stream of it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/virt/host.h"

enum { GUEST_MOST = 16 << 10, CLIENT_MOST = 1 << 20, READ_SIZE = 16 << 10 };

struct console {
	virStreamPtr stream;
	int fd, watch;                 /* the daemon's socket and libvirt's number for watching it */
	GString *to_guest, *to_client; /* bytes under way */
	bool socket_ended, stream_ended;
};

static int consoles_open; /* the event loop's */

/* --- in the event loop's thread ----------------------------------------------------------------------------------- */

static void
console_free(void *arg)
{
	struct console *console = arg;

	virStreamFree(console->stream);
	close(console->fd);
	g_string_free(console->to_guest, TRUE);
	g_string_free(console->to_client, TRUE);
	g_free(console);
	consoles_open--;
}

/* The watch's free callback comes when the loop has let go of it, and frees the console. */
static void
console_end(struct console *console)
{
	virStreamEventRemoveCallback(console->stream);
	if (console->stream_ended)
		virStreamFinish(console->stream);
	else
		virStreamAbort(console->stream);
	shutdown(console->fd, SHUT_RDWR);
	virEventRemoveHandle(console->watch);
}

static void
stream_to_client(struct console *console)
{
	char bytes[READ_SIZE];
	int got;

	while ((got = virStreamRecv(console->stream, bytes, sizeof(bytes))) > 0)
		if (console->to_client->len + (size_t)got <= CLIENT_MOST)
			g_string_append_len(console->to_client, bytes, got);
	if (got != -2) /* -2: nothing there now */
		console->stream_ended = true;
}

static void
guest_to_stream(struct console *console)
{
	int sent;

	while (console->to_guest->len > 0) {
		sent = virStreamSend(console->stream, console->to_guest->str, console->to_guest->len);
		if (sent == -2)
			return;
		if (sent < 0) {
			console->stream_ended = true;
			return;
		}
		g_string_erase(console->to_guest, 0, sent);
	}
}

static void
socket_to_guest(struct console *console)
{
	char bytes[READ_SIZE];
	ssize_t got = read(console->fd, bytes, MIN(sizeof(bytes), GUEST_MOST - console->to_guest->len));

	if (got > 0)
		g_string_append_len(console->to_guest, bytes, got);
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		console->socket_ended = true;
}

static void
client_to_socket(struct console *console)
{
	while (console->to_client->len > 0) {
		ssize_t sent = send(console->fd, console->to_client->str, console->to_client->len, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (sent < 0) {
			console->socket_ended = true;
			return;
		}
		g_string_erase(console->to_client, 0, sent);
	}
}

/* Asks for what can be used now, or ends: when one side is gone and what it said last has been passed on. */
static void
console_settle(struct console *console)
{
	int stream_events = VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP;
	int socket_events = VIR_EVENT_HANDLE_ERROR | VIR_EVENT_HANDLE_HANGUP;

	if ((console->stream_ended && (console->to_client->len == 0 || console->socket_ended)) ||
	    (console->socket_ended && console->to_guest->len == 0)) {
		console_end(console);
		return;
	}
	if (console->to_guest->len > 0)
		stream_events |= VIR_STREAM_EVENT_WRITABLE;
	if (console->to_guest->len < GUEST_MOST && !console->socket_ended && !console->stream_ended)
		socket_events |= VIR_EVENT_HANDLE_READABLE;
	if (console->to_client->len > 0)
		socket_events |= VIR_EVENT_HANDLE_WRITABLE;
	virStreamEventUpdateCallback(console->stream, console->stream_ended ? 0 : stream_events);
	virEventUpdateHandle(console->watch, console->socket_ended ? 0 : socket_events);
}

static void
on_stream(virStreamPtr stream, int events, void *arg)
{
	struct console *console = arg;

	(void)stream;
	if ((events & VIR_STREAM_EVENT_READABLE) != 0)
		stream_to_client(console);
	if ((events & VIR_STREAM_EVENT_WRITABLE) != 0 && !console->stream_ended)
		guest_to_stream(console);
	if ((events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0)
		console->stream_ended = true;
	client_to_socket(console);
	console_settle(console);
}

static void
on_socket(int watch, int fd, int events, void *arg)
{
	struct console *console = arg;

	(void)watch;
	(void)fd;
	if ((events & VIR_EVENT_HANDLE_WRITABLE) != 0)
		client_to_socket(console);
	if ((events & (VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_HANGUP | VIR_EVENT_HANDLE_ERROR)) != 0)
		socket_to_guest(console);
	if (!console->stream_ended)
		guest_to_stream(console);
	console_settle(console);
}

static virStreamPtr
stream_open(const char *name, const char *uid, struct error *err)
{
	static virConnectPtr connection; /* of all consoles */
	g_autoptr(virDomain) domain = NULL;
	virStreamPtr stream;

	if (connection == NULL && (connection = host_connect(err)) == NULL)
		return NULL;
	domain = host_domain_get(connection, name, uid, err);
	if (domain == NULL)
		return NULL;
	stream = virStreamNew(connection, VIR_STREAM_NONBLOCK);
	if (stream == NULL || virDomainOpenConsole(domain, NULL, stream, VIR_DOMAIN_CONSOLE_FORCE) < 0) {
		host_error(err, "cannot open the console of domain %s", name);
		if (stream != NULL)
			virStreamFree(stream);
		return NULL;
	}
	return stream;
}

/* Takes stream and fd, whatever happens. */
static int
console_begin(virStreamPtr stream, int fd, struct error *err)
{
	struct console *console = g_new0(struct console, 1);

	console->stream = stream;
	console->fd = fd;
	console->to_guest = g_string_new(NULL);
	console->to_client = g_string_new(NULL);
	consoles_open++;
	console->watch = virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_socket, console, console_free);
	if (console->watch < 0) {
		host_error(err, "cannot watch a console");
		virStreamAbort(stream);
		console_free(console);
		return -1;
	}
	if (virStreamEventAddCallback(stream, VIR_STREAM_EVENT_READABLE, on_stream, console, NULL) < 0) {
		host_error(err, "cannot watch a console");
		console_end(console);
		return -1;
	}
	return 0;
}

/* What a lane asks of the loop. */
struct opening {
	const char *name, *uid;
	int fd; /* -1 when it was taken */
	struct error err;
	GAsyncQueue *done; /* gets the opening back */
};

static void
on_opening(int timer, void *arg)
{
	struct opening *opening = arg;
	virStreamPtr stream;
	int fd = opening->fd;

	virEventRemoveTimeout(timer);
	if (consoles_open >= HOST_CONSOLES) {
		error_set(&opening->err, EBUSY, "%d consoles are open on this host, more are not served", HOST_CONSOLES);
	} else if ((stream = stream_open(opening->name, opening->uid, &opening->err)) != NULL) {
		opening->fd = -1;
		console_begin(stream, fd, &opening->err);
	}
	g_async_queue_push(opening->done, opening);
}

/* --- in a lane ---------------------------------------------------------------------------------------------------- */

static json_t *
run_console(struct host_call *call, struct error *err)
{
	struct opening opening = { .fd = call->fd };

	if (host_args(call, err, "{s:s,s:s}", "name", &opening.name, "uid", &opening.uid) < 0)
		return NULL;
	if (call->fd < 0 || fcntl(call->fd, F_SETFL, O_NONBLOCK) < 0) {
		error_set(err, EINVAL, "console needs the descriptor of a socket");
		return NULL;
	}
	opening.done = g_async_queue_new();
	if (virEventAddTimeout(0, on_opening, &opening, NULL) < 0)
		host_error(&opening.err, "cannot serve the console of domain %s", opening.name);
	else
		g_async_queue_pop(opening.done);
	g_async_queue_unref(opening.done);
	call->fd = opening.fd;
	*err = opening.err;
	return opening.err.code == 0 ? json_object() : NULL;
}

const struct host_verb host_console_verbs[] = {
	{ "console", run_console },
	{ NULL, NULL },
};
