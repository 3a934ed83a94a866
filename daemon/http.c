/*
 * The server: its socket, its connections and their limits; see http.h.
 *
 * evhttp frees a connection whenever it likes and tells us by a callback that can be set only on a connection that
 * exists. It does not show us a connection before its first request, but it asks us for the connection's bufferevent:
 * those wait in "fresh" until the next event of this turn, when the connection behind them can be seen (greet).
 */
#include "config.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/http_internal.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"

/* evhttp's own timeouts count from the last byte, so a slow client keeps a connection for ever, and they would end
 * quiet watches: they are put far away and http_connection.deadline is used instead. */
enum { FAR_SECONDS = 365 * 86400, SWEEP_SECONDS = 2, BACKLOG = 256 };

struct http_server {
	struct evhttp *evhttp;
	struct evconnlistener *listener; /* evhttp owns it */
	struct event *greet, *sweep;
	struct event_base *base;
	GPtrArray *fresh;        /* struct bufferevent *, with a reference, not yet greeted */
	GHashTable *connections; /* struct evhttp_connection * -> struct http_connection * */
	unsigned streams;
	char *path;   /* of the socket file that we made, or NULL */
	ino_t inode;  /* of that file: another's is not removed */
	void (*handle)(void *arg, struct http_request *request);
	void *arg;
};

/* struct evconnlistener * -> struct http_server *: an error of accept() comes with the listener and an argument of evhttp's. */
static GHashTable *servers;

static int open_socket(const char *path, struct error *err);
static int passed_socket(void);
static void serve(struct http_server *server, int fd);
static void on_request(struct evhttp_request *ev, void *arg);
static void arm_sweep(struct http_server *server);

struct http_server *
http_server_new(struct event_base *base, const char *path, void (*handle)(void *arg, struct http_request *request),
    void *arg, struct error *err)
{
	int fd = passed_socket();
	bool passed = fd >= 0;
	struct http_server *server;
	struct stat st;

	if (fd < 0)
		fd = open_socket(path, err);
	if (fd < 0)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* libevent writes to clients that have left */
	server = g_new0(struct http_server, 1);
	server->base = base;
	server->handle = handle;
	server->arg = arg;
	server->fresh = g_ptr_array_new();
	server->connections = g_hash_table_new(NULL, NULL);
	if (!passed && g_stat(path, &st) == 0) {
		server->path = g_strdup(path);
		server->inode = st.st_ino;
	}
	serve(server, fd);
	return server;
}

void
http_server_free(struct http_server *server)
{
	struct stat st;

	if (server == NULL)
		return;
	g_hash_table_remove(servers, server->listener);
	server->listener = NULL; /* evhttp frees it before the connections, which then tell us */
	evhttp_free(server->evhttp);
	event_free(server->greet);
	event_free(server->sweep);
	for (guint i = 0; i < server->fresh->len; i++)
		bufferevent_decref(server->fresh->pdata[i]);
	g_ptr_array_unref(server->fresh);
	g_hash_table_unref(server->connections);
	if (server->path != NULL && g_stat(server->path, &st) == 0 && st.st_ino == server->inode)
		unlink(server->path);
	g_free(server->path);
	g_free(server);
}

void *
http_server_arg(const struct http_server *server)
{
	return server->arg;
}

bool
http_server_admit(struct http_connection *connection)
{
	if (connection->server->streams >= HTTP_STREAMS)
		return false;
	connection->server->streams++;
	return true;
}

void
http_server_release(struct http_connection *connection)
{
	connection->server->streams--;
}

/* Counted only for what is large: lists of everything, asked for by clients that do not read them. */
bool
http_server_has_room(const struct http_connection *connection, size_t length)
{
	struct http_connection *other;
	size_t waiting = length;
	GHashTableIter iter;

	if (length <= HTTP_QUEUE_MOST)
		return true;
	g_hash_table_iter_init(&iter, connection->server->connections);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&other))
		waiting += evbuffer_get_length(bufferevent_get_output(http_connection_bufferevent(other)));
	return waiting <= HTTP_OUTPUT_MOST;
}

struct bufferevent *
http_connection_bufferevent(const struct http_connection *connection)
{
	return evhttp_connection_get_bufferevent(connection->evcon);
}

void
http_connection_kill(struct http_connection *connection)
{
	shutdown(bufferevent_getfd(http_connection_bufferevent(connection)), SHUT_RDWR);
}

/* --- the socket ----------------------------------------------------------------------------------------------- */

/* The listening unix socket that systemd gave us (sd_listen_fds(3)), or -1. */
static int
passed_socket(void)
{
	int count = sd_listen_fds(1);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++)
		if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0)
			return evutil_make_socket_nonblocking(fd) == 0 ? fd : -1;
	return -1;
}

/* Removes a socket file that a dead server left behind.  0 when the path is free now. */
static int
clear_path(const struct sockaddr_un *address, struct error *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, EEXIST, "%s exists and is not a socket; it is left alone", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	if (rc != ECONNREFUSED) /* a full backlog says EAGAIN: somebody is there */
		return error_set(err, EADDRINUSE, "%s is in use: another server answers on it", path);
	if (unlink(path) < 0)
		return error_errno(err, "cannot remove the stale socket %s", path);
	return 0;
}

static int
open_socket(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_autofree char *directory = g_path_get_dirname(path);
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ENAMETOOLONG, "the socket path %s is longer than %zu bytes", path,
		    sizeof(address.sun_path) - 1);
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (g_mkdir_with_parents(directory, 0755) < 0)
		return error_errno(err, "cannot make the directory %s", directory);
	if (clear_path(&address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(err, "cannot make a socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		error_errno(err, "cannot listen on %s", path);
		close(fd);
		return -1;
	}
	return fd;
}

/* --- connections ---------------------------------------------------------------------------------------------- */

static void
read_peer(int fd, struct http_peer *peer)
{
	struct ucred ucred = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	gid_t groups[NGROUPS_MAX > 4096 ? 4096 : NGROUPS_MAX];
	socklen_t length = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &length) < 0)
		log_warning("cannot tell who connected: %s", strerror(errno));
	peer->uid = ucred.uid;
	peer->gid = ucred.gid;
	length = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		return; /* more groups than fit count as none */
	peer->group_count = length / sizeof(groups[0]);
	peer->groups = g_memdup2(groups, length);
}

static void
on_closed(struct evhttp_connection *evcon, void *arg)
{
	struct http_connection *connection = arg;
	struct http_server *server = connection->server;

	g_hash_table_remove(server->connections, evcon);
	if (server->listener != NULL)
		evconnlistener_enable(server->listener);
	if (connection->request != NULL)
		http_request_detach(connection->request);
	if (connection->stream != NULL)
		http_stream_detach(connection->stream);
	if (connection->tunnel != NULL)
		http_tunnel_detach(connection->tunnel);
	g_free(connection->peer.groups);
	g_free(connection);
}

static unsigned
count_of_user(struct http_server *server, uid_t uid)
{
	struct http_connection *connection;
	unsigned count = 0;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->connections);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&connection))
		count += connection->peer.uid == uid;
	return count;
}

static void
greet_one(struct http_server *server, struct bufferevent *bev)
{
	struct http_connection *connection;
	void *evcon = NULL;

	bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL)
		return; /* gone before it began */
	connection = g_new0(struct http_connection, 1);
	connection->server = server;
	connection->evcon = evcon;
	connection->deadline = clock_monotonic_ms() + HTTP_REQUEST_MS;
	read_peer(bufferevent_getfd(bev), &connection->peer);
	g_hash_table_insert(server->connections, evcon, connection);
	evhttp_connection_set_closecb(evcon, on_closed, connection);
	if (connection->peer.uid != 0 && count_of_user(server, connection->peer.uid) > HTTP_CONNECTIONS_PER_USER)
		http_connection_kill(connection);
}

static void
greet(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;

	bool first = g_hash_table_size(server->connections) == 0;

	(void)fd;
	(void)what;
	for (guint i = 0; i < server->fresh->len; i++) {
		greet_one(server, server->fresh->pdata[i]);
		bufferevent_decref(server->fresh->pdata[i]);
	}
	g_ptr_array_set_size(server->fresh, 0);
	if (first)
		arm_sweep(server);
	if (g_hash_table_size(server->connections) >= HTTP_CONNECTIONS)
		evconnlistener_disable(server->listener);
}

/* Called as the first bytes of a request arrive, before evhttp sees them. */
static void
on_first_bytes(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	if (info->n_added == 0)
		return;
	evbuffer_remove_cb(input, on_first_bytes, arg);
	http_upload_mark(input);
}

void
http_connection_expect(struct http_connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(http_connection_bufferevent(connection));

	/* What came too early is part of a request that is not looked at. */
	if (evbuffer_get_length(input) == 0)
		evbuffer_add_cb(input, on_first_bytes, NULL);
}

static struct bufferevent *
new_bufferevent(struct event_base *base, void *arg)
{
	struct http_server *server = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (bev == NULL)
		return NULL;
	bufferevent_priority_set(bev, PRIORITY_NORMAL);
	/* evhttp wants a whole body in the buffer; what is sent beyond that waits in the kernel. */
	bufferevent_setwatermark(bev, EV_READ, 0, HTTP_BODY_MOST + 2 * HTTP_HEADERS_MOST);
	evbuffer_add_cb(bufferevent_get_input(bev), on_first_bytes, NULL);
	bufferevent_incref(bev);
	g_ptr_array_add(server->fresh, bev);
	event_active(server->greet, 0, 0);
	if (g_hash_table_size(server->connections) + server->fresh->len >= HTTP_CONNECTIONS)
		evconnlistener_disable(server->listener);
	return bev;
}

static void
arm_sweep(struct http_server *server)
{
	const struct timeval wait = { .tv_sec = SWEEP_SECONDS };

	event_add(server->sweep, &wait);
}

/* Ends connections on which no request came in time; takes new ones again after accept() failed.  It comes again while
 * somebody is connected. */
static void
sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	int64_t now = clock_monotonic_ms();
	struct http_connection *connection;
	GHashTableIter iter;

	(void)fd;
	(void)what;
	g_hash_table_iter_init(&iter, server->connections);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&connection))
		if (connection->deadline != 0 && now > connection->deadline)
			http_connection_kill(connection);
	if (g_hash_table_size(server->connections) < HTTP_CONNECTIONS)
		evconnlistener_enable(server->listener);
	if (g_hash_table_size(server->connections) > 0)
		arm_sweep(server);
}

/* Out of descriptors, mostly: trying at once again would only spin. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct http_server *server = g_hash_table_lookup(servers, listener);

	(void)arg;
	log_warning("cannot accept a connection: %s", strerror(errno));
	evconnlistener_disable(listener);
	arm_sweep(server);
}

/* libevent fails here only without memory. */
static void
serve(struct http_server *server, int fd)
{
	server->evhttp = evhttp_new(server->base);
	server->greet = event_new(server->base, -1, 0, greet, server);
	server->sweep = event_new(server->base, -1, 0, sweep, server);
	server->listener =
	    evconnlistener_new(server->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	g_assert(server->evhttp != NULL && server->greet != NULL && server->sweep != NULL && server->listener != NULL);
	event_priority_set(server->greet, PRIORITY_NORMAL);
	evhttp_set_bevcb(server->evhttp, new_bufferevent, server);
	evhttp_set_gencb(server->evhttp, on_request, server);
	evhttp_set_timeout(server->evhttp, FAR_SECONDS);
	evhttp_set_max_body_size(server->evhttp, HTTP_BODY_MOST);
	evhttp_set_max_headers_size(server->evhttp, HTTP_HEADERS_MOST);
	/* All that it knows: "not allowed" is ours to say, in words that clients can read. */
	evhttp_set_allowed_methods(server->evhttp, UINT16_MAX);
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	evhttp_bind_listener(server->evhttp, server->listener);
	if (servers == NULL)
		servers = g_hash_table_new(NULL, NULL);
	g_hash_table_insert(servers, server->listener, server);
}

static void
on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *server = arg;
	struct http_connection *connection;

	greet(-1, 0, server);
	connection = g_hash_table_lookup(server->connections, evhttp_request_get_connection(ev));
	g_assert(connection != NULL);
	connection->deadline = 0;
	connection->request = http_request_new(connection, ev);
	server->handle(server->arg, connection->request);
}
