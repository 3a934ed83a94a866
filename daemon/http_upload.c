/*
 * Requests whose body is taken as it comes, however large; see http.h.
 *
 * evhttp hands a request over when all of its body is in memory.  One for an upload is therefore changed as its first bytes arrive (mark_upload):
 * evhttp sees a request without a body, under a name that nobody else uses, and gives it to us at once; the connection is then taken over as
 * that of a tunnel is, and the body is what comes behind.
 *
 *   POST /v1beta1/upload...   becomes   HEAD /V1beta1/upload...     in place: both are as long
 */
#include "config.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "daemon/chunked.h"
#include "daemon/http_internal.h"

enum { READ_MOST = 256 << 10 /* bytes of a body that wait for us */ };

static const char *const marks[] = { "POST /v1beta1/upload", "POST /v1alpha1/upload" };

struct http_upload {
	struct http_tunnel *tunnel;
	const struct http_upload_class *class;
	void *arg;
	bool chunked, whole;
	int64_t left;           /* bytes to come, when it is not chunked */
	struct chunked framing; /* when it is */
};

void
http_upload_mark(struct evbuffer *input)
{
	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		size_t length = strlen(marks[i]);
		unsigned char *start = evbuffer_get_length(input) < length ? NULL : evbuffer_pullup(input, (ev_ssize_t)length);

		if (start == NULL || memcmp(start, marks[i], length) != 0)
			continue;
		memcpy(start, "HEAD", 4);
		start[strlen("POST /")] = 'V';
	}
}

bool
http_upload_unmark(const char **method, char *path)
{
	if (strcmp(*method, "HEAD") != 0 || path[0] != '/' || path[1] != 'V')
		return false;
	*method = "POST";
	path[1] = 'v';
	return true;
}

/* --- the body ----------------------------------------------------------------------------------------------------- */

static void
on_whole(struct http_upload *upload)
{
	upload->whole = true;
	http_tunnel_pause(upload->tunnel, false); /* to see the client leave */
	upload->class->end(upload->arg);
}

/* What comes behind the body nobody has asked for. */
static void
take_plain(struct http_upload *upload, const unsigned char *bytes, size_t length)
{
	size_t size = (size_t)MIN((int64_t)length, upload->left);

	upload->left -= (int64_t)size;
	if (size > 0)
		upload->class->data(upload->arg, bytes, size);
	if (upload->left == 0)
		on_whole(upload);
}

static void
take_chunked(struct http_upload *upload, const unsigned char *bytes, size_t length)
{
	const unsigned char *data;
	size_t at = 0, size;

	while (at < length && upload->framing.state != CHUNKED_DONE) {
		ptrdiff_t n = chunked_read(&upload->framing, bytes + at, length - at, &data, &size);

		if (n < 0) {
			http_tunnel_kill(upload->tunnel); /* and the client is gone */
			return;
		}
		if (size > 0)
			upload->class->data(upload->arg, data, size);
		at += (size_t)n;
	}
	if (upload->framing.state == CHUNKED_DONE)
		on_whole(upload);
}

static void
on_data(void *arg, const unsigned char *bytes, size_t length)
{
	struct http_upload *upload = arg;

	if (upload->whole || upload->class == NULL)
		return;
	if (upload->chunked)
		take_chunked(upload, bytes, length);
	else
		take_plain(upload, bytes, length);
}

static void
on_drained(void *arg)
{
	(void)arg;
}

static void
on_gone(void *arg)
{
	struct http_upload *upload = arg;

	upload->class->gone(upload->arg);
}

static const struct http_tunnel_class tunnel_class = { on_data, on_drained, on_gone };

/* --- its life ----------------------------------------------------------------------------------------------------- */

int64_t
http_body_length(const struct http_request *request)
{
	const char *length = http_header(request, "Content-Length");

	if (!request->streamed)
		return (int64_t)request->body_length;
	return length == NULL ? 0 : g_ascii_strtoll(length, NULL, 10);
}

bool
http_has_body(const struct http_request *request)
{
	return http_body_length(request) > 0 || (request->streamed && http_header(request, "Transfer-Encoding") != NULL);
}

static void
write_continue(struct http_upload *upload, const struct http_request *request)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *expect = http_header(request, "Expect");

	if (expect != NULL && g_ascii_strcasecmp(expect, "100-continue") == 0)
		http_tunnel_write(upload->tunnel, text, strlen(text));
}

/* A small body may have come whole before: it is taken as if it came now. */
struct http_upload *
http_upload_start(struct http_request *request, const struct http_upload_class *class, void *arg)
{
	struct http_upload *upload = g_new0(struct http_upload, 1);
	struct bufferevent *bev = request->connection == NULL ? NULL : http_connection_bufferevent(request->connection);

	upload->class = class;
	upload->arg = arg;
	upload->left = http_body_length(request);
	upload->chunked = request->streamed && http_header(request, "Transfer-Encoding") != NULL;
	upload->tunnel = http_take_over(request, &tunnel_class, upload);
	if (upload->tunnel == NULL) {
		g_free(upload);
		return NULL;
	}
	bufferevent_setwatermark(bev, EV_READ, 0, READ_MOST);
	bufferevent_set_max_single_read(bev, READ_MOST);
	if (request->streamed)
		write_continue(upload, request);
	else
		evbuffer_prepend(bufferevent_get_input(bev), request->body, request->body_length);
	http_request_free(request);
	return upload;
}

void
http_upload_pause(struct http_upload *upload, bool pause)
{
	http_tunnel_pause(upload->tunnel, pause && !upload->whole);
}

static void
write_answer(struct http_tunnel *tunnel, const struct evkeyvalq *headers, int code, const char *type, const char *body, size_t length)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_printf(text, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\nConnection: close\r\n", code, http_reason(code), length);
	if (type != NULL)
		g_string_append_printf(text, "Content-Type: %s\r\n", type);
	if (headers != NULL)
		for (const struct evkeyval *h = headers->tqh_first; h != NULL; h = h->next.tqe_next)
			g_string_append_printf(text, "%s: %s\r\n", h->key, h->value);
	g_string_append(text, "\r\n");
	g_string_append_len(text, body, (gssize)length);
	http_tunnel_write(tunnel, text->str, text->len);
	http_tunnel_close(tunnel);
}

void
http_upload_answer(struct http_upload *upload, int code, const char *type, const char *body, size_t length)
{
	write_answer(upload->tunnel, NULL, code, type, body, length);
	g_free(upload);
}

void
http_upload_free(struct http_upload *upload)
{
	http_tunnel_close(upload->tunnel);
	g_free(upload);
}

/* Its connection is closed: the body that comes is not read. */
void
http_upload_refuse(struct http_request *request, int code, const char *type, const char *body, size_t length)
{
	static const struct http_tunnel_class deaf = { .drained = on_drained };
	struct http_connection *connection = request->connection;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request->ev);
	struct http_tunnel *tunnel = http_take_over(request, &deaf, NULL);

	if (tunnel != NULL)
		write_answer(tunnel, headers, code, type, body, length);
	else
		http_connection_kill(connection);
	http_request_free(request);
}
