/* Answers that go on: streams (watches) and tunnels (consoles); see http.h. */
#include "config.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>

#include "daemon/daemon.h"
#include "daemon/http_internal.h"
#include "src/base/clock.h"
#include "src/base/log.h"

struct http_stream {
	struct http_connection *connection; /* NULL when the client is gone */
	struct evhttp_request *ev;          /* NULL too then */
	size_t most;                        /* bytes that may wait */
	bool dropped;
	void (*gone)(void *arg);
	void *arg;
};

struct http_tunnel {
	struct http_connection *connection; /* NULL when the client is gone */
	const struct http_tunnel_class *class;
	void *arg;
	struct event *linger; /* while closing: ends the connection of a client that does not read */
	bool closing;
};

static void send_chunk(struct http_stream *stream, const char *bytes, size_t length);
static void write_head(struct bufferevent *bev, const char *protocol, struct http_request *request);
static void hijack(struct http_tunnel *tunnel);

/* --- streams -------------------------------------------------------------------------------------------------- */

struct http_stream *
http_stream_start(struct http_request *request, const char *type, const char *first, size_t length,
    void (*gone)(void *arg), void *arg)
{
	struct http_connection *connection = request->connection;
	struct http_stream *stream;

	if (connection == NULL || !http_server_has_room(connection, length) || !http_server_admit(connection))
		return NULL;
	stream = g_new0(struct http_stream, 1);
	stream->connection = connection;
	stream->ev = request->ev;
	stream->most = HTTP_QUEUE_MOST + length;
	stream->gone = gone;
	stream->arg = arg;
	http_add_header(request, "Content-Type", type);
	http_add_header(request, "Connection", "close");
	connection->request = NULL;
	connection->stream = stream;
	/* Nothing more is expected from this client: what it sends is not read beyond this. */
	bufferevent_setwatermark(http_connection_bufferevent(connection), EV_READ, 0, HTTP_HEADERS_MOST);
	evhttp_send_reply_start(stream->ev, 200, http_reason(200));
	send_chunk(stream, first, length);
	http_request_free(request);
	return stream;
}

static void
send_chunk(struct http_stream *stream, const char *bytes, size_t length)
{
	struct evbuffer *chunk = evbuffer_new();

	evbuffer_add(chunk, bytes, length);
	evhttp_send_reply_chunk(stream->ev, chunk);
	evbuffer_free(chunk);
}

int
http_stream_write(struct http_stream *stream, const char *bytes, size_t length)
{
	struct evbuffer *output;

	if (stream->connection == NULL || stream->dropped)
		return -1;
	output = bufferevent_get_output(http_connection_bufferevent(stream->connection));
	if (evbuffer_get_length(output) + length > stream->most) {
		log_info("a client of uid %u reads its watch too slowly and is dropped",
		    (unsigned)stream->connection->peer.uid);
		stream->dropped = true;
		http_connection_kill(stream->connection);
		return -1;
	}
	send_chunk(stream, bytes, length);
	return 0;
}

void
http_stream_detach(struct http_stream *stream)
{
	http_server_release(stream->connection);
	if (evhttp_request_get_connection(stream->ev) == NULL)
		evhttp_request_free(stream->ev);
	stream->ev = NULL;
	stream->connection = NULL;
	if (stream->gone != NULL)
		stream->gone(stream->arg);
	else
		g_free(stream);
}

void
http_stream_end(struct http_stream *stream)
{
	struct http_connection *connection = stream->connection;

	if (connection != NULL && stream->dropped) {
		stream->gone = NULL; /* it is on its way; detach frees */
		return;
	}
	if (connection != NULL) {
		http_server_release(connection);
		connection->stream = NULL;
		connection->deadline = clock_monotonic_ms() + HTTP_REQUEST_MS;
		evhttp_send_reply_end(stream->ev);
	}
	g_free(stream);
}

/* --- tunnels -------------------------------------------------------------------------------------------------- */

struct http_tunnel *
http_upgrade(struct http_request *request, const char *protocol, const struct http_tunnel_class *class, void *arg)
{
	struct http_tunnel *tunnel = http_take_over(request, class, arg);

	if (tunnel == NULL)
		return NULL;
	write_head(http_connection_bufferevent(tunnel->connection), protocol, request);
	http_request_free(request);
	return tunnel;
}

struct http_tunnel *
http_take_over(struct http_request *request, const struct http_tunnel_class *class, void *arg)
{
	struct http_connection *connection = request->connection;
	struct http_tunnel *tunnel;

	if (connection == NULL || !http_server_admit(connection))
		return NULL;
	tunnel = g_new0(struct http_tunnel, 1);
	tunnel->connection = connection;
	tunnel->class = class;
	tunnel->arg = arg;
	connection->request = NULL;
	connection->tunnel = tunnel;
	hijack(tunnel);
	return tunnel;
}

/* Closes for good; also from inside the bufferevent's callbacks, which it survives by its own references. */
static void
end_connection(struct http_tunnel *tunnel)
{
	struct http_connection *connection = tunnel->connection;
	struct bufferevent *bev = http_connection_bufferevent(connection);

	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	evhttp_connection_free(connection->evcon); /* tells http_tunnel_detach() */
}

void
http_tunnel_detach(struct http_tunnel *tunnel)
{
	http_server_release(tunnel->connection);
	tunnel->connection = NULL;
	if (tunnel->linger != NULL)
		event_free(tunnel->linger);
	tunnel->linger = NULL;
	if (tunnel->closing)
		g_free(tunnel);
	else
		tunnel->class->gone(tunnel->arg);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct http_tunnel *tunnel = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	unsigned char bytes[16384];
	int got;

	/* The callback may close the tunnel (which lives on until later), or ask for a pause: what was read is still
	 * delivered. */
	while (!tunnel->closing && (got = evbuffer_remove(input, bytes, sizeof(bytes))) > 0)
		tunnel->class->data(tunnel->arg, bytes, (size_t)got);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct http_tunnel *tunnel = arg;

	(void)bev;
	if (tunnel->closing)
		end_connection(tunnel);
	else
		tunnel->class->drained(tunnel->arg);
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		end_connection(arg);
}

/* The head of the answer. */
static void
write_head(struct bufferevent *bev, const char *protocol, struct http_request *request)
{
	struct evbuffer *output = bufferevent_get_output(bev);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request->ev);
	struct evkeyval *header;

	evbuffer_add_printf(
	    output, "HTTP/1.1 101 %s\r\nUpgrade: %s\r\nConnection: Upgrade\r\n", http_reason(101), protocol);
	for (header = headers->tqh_first; header != NULL; header = header->next.tqe_next)
		evbuffer_add_printf(output, "%s: %s\r\n", header->key, header->value);
	evbuffer_add(output, "\r\n", 2);
}

/* Takes the callbacks from evhttp.  Its timeout cannot be removed (libevent 2.1 keeps the old one), but it is a year. */
static void
hijack(struct http_tunnel *tunnel)
{
	struct bufferevent *bev = http_connection_bufferevent(tunnel->connection);

	bufferevent_setcb(bev, on_read, on_write, on_end, tunnel);
	bufferevent_setwatermark(bev, EV_READ, 0, HTTP_HEADERS_MOST);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS); /* what came behind the request */
}

void
http_tunnel_write(struct http_tunnel *tunnel, const void *bytes, size_t length)
{
	if (tunnel->connection == NULL || tunnel->closing)
		return;
	if (http_tunnel_queued(tunnel) + length > HTTP_QUEUE_MOST)
		http_connection_kill(tunnel->connection);
	else
		bufferevent_write(http_connection_bufferevent(tunnel->connection), bytes, length);
}

size_t
http_tunnel_queued(const struct http_tunnel *tunnel)
{
	if (tunnel->connection == NULL)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(http_connection_bufferevent(tunnel->connection)));
}

void
http_tunnel_pause(struct http_tunnel *tunnel, bool pause)
{
	if (tunnel->connection == NULL || tunnel->closing)
		return;
	if (pause)
		bufferevent_disable(http_connection_bufferevent(tunnel->connection), EV_READ);
	else
		bufferevent_enable(http_connection_bufferevent(tunnel->connection), EV_READ);
}

void
http_tunnel_kill(struct http_tunnel *tunnel)
{
	if (tunnel->connection != NULL)
		http_connection_kill(tunnel->connection);
}

static void
on_linger(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end_connection(arg);
}

void
http_tunnel_close(struct http_tunnel *tunnel)
{
	const struct timeval grace = { .tv_sec = 5 };
	struct bufferevent *bev;

	if (tunnel->connection == NULL) {
		g_free(tunnel);
		return;
	}
	/* Never inside the caller's call: he may be in one of our callbacks. */
	tunnel->closing = true;
	bev = http_connection_bufferevent(tunnel->connection);
	tunnel->linger = event_new(bufferevent_get_base(bev), -1, 0, on_linger, tunnel);
	event_priority_set(tunnel->linger, PRIORITY_NORMAL);
	if (http_tunnel_queued(tunnel) == 0)
		event_active(tunnel->linger, EV_TIMEOUT, 0);
	else
		event_add(tunnel->linger, &grace);
}
