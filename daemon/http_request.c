/* One request: what it asks, strictly read, and its reply; see http.h. */
#include "config.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/http_internal.h"
#include "src/base/clock.h"

static const struct {
	enum evhttp_cmd_type type;
	const char *name;
} methods[] = {
	{ EVHTTP_REQ_GET, "GET" },         { EVHTTP_REQ_POST, "POST" },       { EVHTTP_REQ_HEAD, "HEAD" },
	{ EVHTTP_REQ_PUT, "PUT" },         { EVHTTP_REQ_DELETE, "DELETE" },   { EVHTTP_REQ_OPTIONS, "OPTIONS" },
	{ EVHTTP_REQ_TRACE, "TRACE" },     { EVHTTP_REQ_CONNECT, "CONNECT" }, { EVHTTP_REQ_PATCH, "PATCH" },
};

static const struct {
	int code;
	const char *reason;
} reasons[] = {
	{ 101, "Switching Protocols" },  { 200, "OK" },
	{ 201, "Created" },              { 202, "Accepted" },
	{ 400, "Bad Request" },          { 401, "Unauthorized" },
	{ 403, "Forbidden" },            { 404, "Not Found" },
	{ 405, "Method Not Allowed" },   { 406, "Not Acceptable" },
	{ 409, "Conflict" },             { 410, "Gone" },
	{ 413, "Payload Too Large" },    { 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Entity" }, { 429, "Too Many Requests" },
	{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 503, "Service Unavailable" },  { 504, "Gateway Timeout" },
	{ 507, "Insufficient Storage" },
};

static void read_headers(struct http_request *request);
static void read_target(struct http_request *request);

struct http_request *
http_request_new(struct http_connection *connection, struct evhttp_request *ev)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(ev);
	struct http_request *request = g_new0(struct http_request, 1);

	request->connection = connection;
	request->ev = ev;
	request->peer = connection->peer;
	request->peer.groups = g_memdup2(connection->peer.groups, connection->peer.group_count * sizeof(gid_t));
	request->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	request->pairs = g_ptr_array_new_with_free_func(g_free);
	request->method = "";
	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++)
		if (methods[i].type == evhttp_request_get_command(ev))
			request->method = methods[i].name;
	read_headers(request);
	read_target(request);
	request->body_length = evbuffer_get_length(input);
	request->body = g_malloc(request->body_length + 1);
	evbuffer_remove(input, request->body, request->body_length);
	return request;
}

void
http_request_detach(struct http_request *request)
{
	/* evhttp keeps a request without a connection for its user; one that still has it goes with it. */
	if (evhttp_request_get_connection(request->ev) == NULL)
		evhttp_request_free(request->ev);
	request->ev = NULL;
	request->connection = NULL;
}

void
http_request_free(struct http_request *request)
{
	g_hash_table_unref(request->headers);
	g_ptr_array_unref(request->pairs);
	g_strfreev(request->segments);
	g_free(request->peer.groups);
	g_free(request->path);
	g_free(request->body);
	g_free(request);
}

const char *
http_problem(const struct http_request *request)
{
	return request->problem;
}

const char *
http_method(const struct http_request *request)
{
	return request->method;
}

const char *
http_path(const struct http_request *request)
{
	return request->path;
}

const char *const *
http_segments(const struct http_request *request)
{
	return (const char *const *)request->segments;
}

const char *
http_query(const struct http_request *request, const char *name)
{
	for (guint i = 0; i + 1 < request->pairs->len; i += 2)
		if (strcmp(request->pairs->pdata[i], name) == 0)
			return request->pairs->pdata[i + 1];
	return NULL;
}

const char *
http_header(const struct http_request *request, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);

	return g_hash_table_lookup(request->headers, lower);
}

const char *
http_body(struct http_request *request, size_t *length)
{
	*length = request->body_length;
	return request->body;
}

const struct http_peer *
http_peer(const struct http_request *request)
{
	return &request->peer;
}

void
http_add_header(struct http_request *request, const char *name, const char *value)
{
	g_autofree char *clean = g_strdup(value);

	for (char *p = clean; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	if (request->ev != NULL)
		evhttp_add_header(evhttp_request_get_output_headers(request->ev), name, clean);
}

const char *
http_reason(int code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].reason;
	return "Unknown";
}

void
http_reply(struct http_request *request, int code, const char *type, const char *body, size_t length)
{
	static const char full[] = "too much waits for clients that do not read it: try again later\n";
	struct evhttp_request *ev = request->ev;
	struct evbuffer *buffer;

	if (ev != NULL && request->streamed) {
		http_upload_refuse(request, code, type, body, length);
		return;
	}
	if (ev != NULL && !http_server_has_room(request->connection, length)) {
		http_reply(request, 503, "text/plain", full, strlen(full));
		return;
	}
	if (ev != NULL) {
		if (type != NULL)
			http_add_header(request, "Content-Type", type);
		/* evhttp would leave it out for an empty body, and clients would wait for the end of the connection. */
		g_autofree char *text = g_strdup_printf("%zu", length);
		http_add_header(request, "Content-Length", text);
		if (request->problem != NULL)
			http_add_header(request, "Connection", "close");
		buffer = evbuffer_new();
		evbuffer_add(buffer, body, length);
		request->connection->request = NULL;
		request->connection->deadline = clock_monotonic_ms() + HTTP_REQUEST_MS;
		http_connection_expect(request->connection);
		evhttp_send_reply(ev, code, http_reason(code), buffer);
		evbuffer_free(buffer);
	}
	http_request_free(request);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* Headers that decide where a request ends: evhttp takes the first of several, and "+5" for a number. */
static void
read_headers(struct http_request *request)
{
	struct evkeyvalq *list = evhttp_request_get_input_headers(request->ev);
	unsigned hosts = 0, lengths = 0, encodings = 0;
	struct evkeyval *header;

	TAILQ_FOREACH(header, list, next) {
		char *name = g_ascii_strdown(header->key, -1);
		hosts += strcmp(name, "host") == 0;
		lengths += strcmp(name, "content-length") == 0;
		encodings += strcmp(name, "transfer-encoding") == 0;
		if (strcmp(name, "content-length") == 0 && strspn(header->value, "0123456789") != strlen(header->value))
			request->problem = "Content-Length is not a number";
		if (strcmp(name, "transfer-encoding") == 0 && g_ascii_strcasecmp(header->value, "chunked") != 0)
			request->problem = "the only Transfer-Encoding that is understood is chunked";
		if (g_hash_table_contains(request->headers, name))
			g_free(name);
		else
			g_hash_table_insert(request->headers, name, g_strdup(header->value));
	}
	if (hosts != 1)
		request->problem = "a request needs exactly one Host header";
	if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
		request->problem = "the length of the body is told more than once";
}

/* Decodes %XX; NULL when that is broken, or the result has a NUL or is not UTF-8. */
static char *
decode(const char *text, size_t length, bool plus)
{
	g_autoptr(GString) out = g_string_sized_new(length);

	for (size_t i = 0; i < length; i++) {
		int high, low;
		if (text[i] != '%') {
			g_string_append_c(out, plus && text[i] == '+' ? ' ' : text[i]);
			continue;
		}
		if (i + 2 >= length)
			return NULL;
		high = g_ascii_xdigit_value(text[i + 1]);
		low = g_ascii_xdigit_value(text[i + 2]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return NULL;
		g_string_append_c(out, (char)(high << 4 | low));
		i += 2;
	}
	if (!g_utf8_validate_len(out->str, out->len, NULL))
		return NULL;
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static const char *
read_segments(const char *path, GPtrArray *out)
{
	g_auto(GStrv) raw = g_strsplit(path + 1, "/", -1);
	guint count = g_strv_length(raw);

	for (guint i = 0; i < count; i++) {
		char *segment;
		if (raw[i][0] == '\0' && i + 1 == count)
			break; /* a slash at the end: the Python SDK */
		segment = decode(raw[i], strlen(raw[i]), false);
		if (segment == NULL)
			return "the path is not valid UTF-8 or has a broken % escape";
		g_ptr_array_add(out, segment);
		if (segment[0] == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
			return "the path has an empty, \".\" or \"..\" segment";
	}
	return NULL;
}

static const char *
read_query(const char *query, GPtrArray *out)
{
	g_auto(GStrv) raw = g_strsplit(query, "&", -1);

	for (guint i = 0; raw[i] != NULL; i++) {
		const char *equals = strchrnul(raw[i], '=');
		char *name = decode(raw[i], (size_t)(equals - raw[i]), true);
		char *value = *equals == '\0' ? g_strdup("") : decode(equals + 1, strlen(equals + 1), true);
		g_ptr_array_add(out, name);
		g_ptr_array_add(out, value);
		if (name == NULL || value == NULL)
			return "the query is not valid UTF-8 or has a broken % escape";
	}
	return NULL;
}

static void
read_target(struct http_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request->ev);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	const char *query = uri == NULL ? NULL : evhttp_uri_get_query(uri);
	GPtrArray *segments = g_ptr_array_new();
	const char *problem;

	request->path = g_strdup(path == NULL ? "" : path);
	request->streamed = http_upload_unmark(&request->method, request->path);
	problem =
	    request->path[0] == '/' ? read_segments(request->path, segments) : "the path does not begin with a slash";
	g_ptr_array_add(segments, NULL);
	request->segments = (char **)g_ptr_array_free(segments, FALSE);
	if (problem == NULL && query != NULL)
		problem = read_query(query, request->pairs);
	if (problem != NULL)
		request->problem = problem;
}
