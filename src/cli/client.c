/* Requests over the daemon's Unix socket; see client.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/reply.h"
#include "src/document/document.h"

#define NO_ANSWER "solovirtd did not answer in time"

enum {
	READ_BYTES = 64 << 10,
	ANSWER_BYTES = 256 << 20, /* more than this is no answer but a mistake */
	STREAM_BYTES = 256 << 10,
	CALL_TIMEOUT_MS = 120 * 1000,
};

struct client {
	char *socket;
};

/* A request on its way.  Every request has a connection of its own: opening one on this machine costs nothing. */
struct transfer {
	const struct request *request;
	struct answer *answer;
	struct reply *reply;
	GString *unsent;
	int64_t streamed;    /* bytes that were read from the request's stream */
	bool stream_over, unreadable; /* nothing more is to be read from it; ... because that failed */
	int64_t deadline_ms; /* clock_monotonic_ms() */
	int fd;
};

static GString *request_text(const struct request *request);
static void on_header(void *arg, const char *line);
static bool on_body(void *arg, const char *bytes, size_t length);
static bool events_of(struct transfer *transfer);
static bool may_send(const struct transfer *transfer);
static int transfer_run(struct transfer *transfer, struct error *err);
static enum exit_code judge(const struct client *client, const struct transfer *transfer, const struct error *err);
static void print_causes(const json_t *status, const char *message);

struct client *
client_new(const char *socket)
{
	struct client *client = g_new0(struct client, 1);

	client->socket = g_strdup(socket);
	return client;
}

void
client_free(struct client *client)
{
	g_free(client->socket);
	g_free(client);
}

void
answer_clear(struct answer *answer)
{
	json_decref(answer->body);
	if (answer->text != NULL)
		g_string_free(answer->text, TRUE);
	g_free(answer->trouble);
	*answer = (struct answer){ 0 };
}

enum exit_code
client_call(struct client *client, const struct request *request, struct answer *answer)
{
	int64_t timeout = request->timeout_ms > 0 ? request->timeout_ms : CALL_TIMEOUT_MS;
	bool endless = request->timeout_ms == 0 && (request->event != NULL || request->stream != NULL);
	struct transfer transfer = { .request = request, .answer = answer };
	struct error err = { 0 };
	enum exit_code code;

	answer_clear(answer);
	transfer.deadline_ms = endless ? INT64_MAX : clock_monotonic_ms() + timeout;
	transfer.fd = client_connect(client->socket, timeout);
	if (transfer.fd < 0) {
		code = errno == EAGAIN ? EXIT_TIMEOUT : EXIT_UNREACHABLE;
		answer->trouble = client_trouble(client->socket, errno);
		return code;
	}
	answer->text = g_string_new(NULL);
	transfer.unsent = request_text(request);
	transfer.reply = reply_new(&(struct reply_sink){ .header = on_header, .body = on_body, .arg = &transfer });
	transfer_run(&transfer, &err);
	answer->status = reply_status(transfer.reply);
	code = judge(client, &transfer, &err);
	reply_free(transfer.reply);
	g_string_free(transfer.unsent, TRUE);
	close(transfer.fd);
	return code;
}

enum exit_code
answer_complain(const struct answer *answer, enum exit_code code, const char *about)
{
	const char *reason = json_string_value(json_object_get(answer->body, "reason"));
	const char *message = json_string_value(json_object_get(answer->body, "message"));

	fflush(stdout);
	if (answer->trouble != NULL) {
		fprintf(stderr, "error: %s\n", answer->trouble);
		return code;
	}
	if (message == NULL)
		message = answer->text != NULL && answer->text->len > 0 ? answer->text->str : "no message";
	if (reason == NULL)
		reason = "InternalError";
	fprintf(stderr, "Error from server (%s): %s%s%s\n", reason, about != NULL ? about : "",
	    about != NULL ? ": " : "", message);
	print_causes(answer->body, message);
	return code;
}

int
client_connect(const char *path, int64_t timeout_ms)
{
	const struct timeval patience = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 }, forever = { 0 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* a daemon that takes no connections any more */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
	return fd;
}

char *
client_trouble(const char *path, int error)
{
	static const struct {
		int error;
		const char *hint;
	} rows[] = {
		{ ENOENT, "Is solovirtd running? Its socket is named by -s, --socket or SOLOVIRT_SOCKET." },
		{ ECONNREFUSED, "Nobody listens there: solovirtd has stopped. See its log: journalctl -u solovirtd." },
		{ EACCES, "You may not use this socket: be root, or a member of the group that owns it." },
		{ ENAMETOOLONG, "The path of a Unix socket has at most 107 bytes." },
	};

	if (error == EAGAIN)
		return g_strdup(NO_ANSWER);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].error == error)
			return g_strdup_printf(
			    "cannot reach solovirtd at %s: %s\n%s", path, g_strerror(error), rows[i].hint);
	return g_strdup_printf("cannot reach solovirtd at %s: %s", path, g_strerror(error));
}

/* --- one transfer ------------------------------------------------------------------------------------------------- */

static GString *
request_text(const struct request *request)
{
	g_autofree char *body = request->body != NULL ? json_write(request->body) : NULL;
	GString *text = g_string_new(NULL);

	g_string_printf(text, "%s %s HTTP/1.1\r\nHost: solovirtd\r\nUser-Agent: solovirt/" PACKAGE_VERSION
		"\r\nConnection: close\r\nAccept: %s\r\n",
	    request->method != NULL ? request->method : "GET", request->path,
	    request->accept != NULL ? request->accept : "application/json");
	if (request->token != NULL)
		g_string_append_printf(text, "Authorization: Bearer %s\r\n", request->token);
	if (request->stream != NULL && request->stream->size >= 0)
		g_string_append_printf(text, "Content-Type: application/octet-stream\r\nContent-Length: %" PRId64 "\r\n", request->stream->size);
	else if (request->stream != NULL)
		g_string_append(text, "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n");
	if (body != NULL)
		g_string_append_printf(text, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    request->type != NULL ? request->type : "application/json", strlen(body));
	g_string_append(text, "\r\n");
	g_string_append(text, body != NULL ? body : "");
	return text;
}

static bool
on_body(void *arg, const char *bytes, size_t length)
{
	struct transfer *transfer = arg;
	GString *text = transfer->answer->text;

	g_string_append_len(text, bytes, (gssize)length);
	return transfer->request->event == NULL || reply_status(transfer->reply) / 100 != 2 || events_of(transfer);
}

/* Hands over every whole line of a stream; false when the receiver has enough. */
static bool
events_of(struct transfer *transfer)
{
	GString *text = transfer->answer->text;
	char *end;

	while ((end = memchr(text->str, '\n', text->len)) != NULL) {
		json_auto_t *event = json_loadb(text->str, (size_t)(end - text->str), JSON_ALLOW_NUL, NULL);

		g_string_erase(text, 0, end - text->str + 1);
		if (event != NULL && !transfer->request->event(transfer->request->arg, event))
			return false;
	}
	return true;
}

/* Warning: 299 - "text" (RFC 7234) is how Kubernetes tells of what it accepts but does not like. */
static void
on_header(void *arg, const char *line)
{
	const struct transfer *transfer = arg;
	const char *start, *end;

	if (transfer->request->quiet || strncasecmp(line, "warning:", 8) != 0)
		return;
	start = strchr(line, '"');
	end = strrchr(line, '"');
	if (start != NULL && end > start) {
		g_autofree char *quoted = g_strndup(start + 1, (gsize)(end - start - 1));
		g_autofree char *text = g_strcompress(quoted);

		fprintf(stderr, "Warning: %s\n", text);
	}
}

static bool
may_send(const struct transfer *transfer)
{
	return transfer->unsent->len > 0 || (transfer->request->stream != NULL && !transfer->stream_over);
}

static int
stream_failed(struct transfer *transfer, struct error *err)
{
	transfer->unreadable = transfer->stream_over = true;
	return err->code != 0 ? -1 : error_errno(err, "cannot read what is to be sent");
}

/* The next piece of the stream, framed as the head of the request said. */
static int
refill(struct transfer *transfer, struct error *err)
{
	const struct request_stream *stream = transfer->request->stream;
	g_autofree char *bytes = g_malloc(STREAM_BYTES);
	int64_t left = stream->size < 0 ? STREAM_BYTES : stream->size - transfer->streamed;
	ssize_t got = left == 0 ? 0 : read(stream->fd, bytes, (size_t)MIN(left, STREAM_BYTES));

	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return stream_failed(transfer, err);
	if (got == 0 && left > 0 && stream->size >= 0) {
		error_set(err, EIO, "what is to be sent ended after %" PRId64 " of %" PRId64 " bytes", transfer->streamed, stream->size);
		return stream_failed(transfer, err);
	}
	if (stream->size < 0)
		g_string_append_printf(transfer->unsent, "%zx\r\n", (size_t)got);
	g_string_append_len(transfer->unsent, bytes, got);
	if (stream->size < 0)
		g_string_append(transfer->unsent, "\r\n");
	transfer->streamed += got;
	transfer->stream_over = got == 0;
	if (stream->sent != NULL)
		stream->sent(stream->arg, transfer->streamed);
	return 0;
}

/* Sends what the socket takes.  A server that has closed its ear may still have answered. */
static void
send_more(struct transfer *transfer)
{
	ssize_t sent =
	    send(transfer->fd, transfer->unsent->str, transfer->unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		g_string_erase(transfer->unsent, 0, sent);
	else if (errno != EAGAIN && errno != EINTR)
		g_string_truncate(transfer->unsent, 0);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		transfer->stream_over = true;
}

/* 1: the answer is complete; 0: more will come; -1 with err. */
static int
receive_more(struct transfer *transfer, struct error *err)
{
	char bytes[READ_BYTES];
	ssize_t got = recv(transfer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : error_errno(err, "cannot read");
	if (got == 0)
		return reply_end(transfer->reply, err) < 0 ? -1 : 1;
	if (transfer->answer->text->len + (size_t)got > ANSWER_BYTES)
		return error_set(err, EFBIG, "the answer is too large");
	return reply_feed(transfer->reply, bytes, (size_t)got, err);
}

/* -1 with err; ETIMEDOUT past the deadline. */
static int
transfer_run(struct transfer *transfer, struct error *err)
{
	int r = 0;

	while (r == 0) {
		struct pollfd waiting = { .fd = transfer->fd, .events = POLLIN };
		int64_t left = transfer->deadline_ms - clock_monotonic_ms();

		if (may_send(transfer))
			waiting.events |= POLLOUT;
		if (left <= 0)
			return error_set(err, ETIMEDOUT, NO_ANSWER);
		if (poll(&waiting, 1, (int)MIN(left, INT_MAX)) < 0 && errno != EINTR)
			return error_errno(err, "cannot wait");
		if ((waiting.revents & POLLOUT) != 0 && transfer->unsent->len == 0 && refill(transfer, err) < 0)
			return -1;
		if ((waiting.revents & POLLOUT) != 0)
			send_more(transfer);
		if ((waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			r = receive_more(transfer, err);
	}
	return r < 0 ? -1 : 0;
}

static enum exit_code
judge(const struct client *client, const struct transfer *transfer, const struct error *err)
{
	struct answer *answer = transfer->answer;

	if (err->code == ETIMEDOUT) {
		answer->trouble = g_strdup(err->text);
		return EXIT_TIMEOUT;
	}
	if (transfer->unreadable) {
		answer->trouble = g_strdup(err->text);
		return EXIT_ERROR;
	}
	if (err->code != 0) {
		answer->trouble = g_strdup_printf("the connection to solovirtd at %s broke: %s", client->socket, err->text);
		return EXIT_UNREACHABLE;
	}
	if (transfer->request->event == NULL || answer->status / 100 != 2)
		answer->body = json_loadb(answer->text->str, answer->text->len, JSON_ALLOW_NUL, NULL);
	if (answer->status / 100 == 2)
		return EXIT_DONE;
	return answer->status == 404 ? EXIT_NOT_FOUND : answer->status == 409 ? EXIT_CONFLICT : EXIT_ERROR;
}

static void
print_causes(const json_t *status, const char *message)
{
	const json_t *causes = json_object_get(json_object_get(status, "details"), "causes");

	for (size_t i = 0; i < json_array_size(causes); i++) {
		const json_t *cause = json_array_get(causes, i);
		const char *field = json_string_value(json_object_get(cause, "field"));
		const char *text = json_string_value(json_object_get(cause, "message"));

		if (text == NULL || strstr(message, text) != NULL)
			continue;
		if (field != NULL && *field != '\0')
			fprintf(stderr, "  %s: %s\n", field, text);
		else
			fprintf(stderr, "  %s\n", text);
	}
}
