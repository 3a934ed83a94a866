/* Requests over the daemon's Unix socket, by libcurl; see client.h. */
#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/document/document.h"

enum {
	ANSWER_BYTES = 256 << 20, /* more than this is no answer but a mistake */
	CALL_TIMEOUT_MS = 120 * 1000,
};

struct client {
	CURL *curl;
	char *socket;
};

/* A request on its way. */
struct transfer {
	CURL *curl;
	const struct request *request;
	struct answer *answer;
	bool ended; /* by the event callback */
};

static void prepare(CURL *curl, const char *socket, struct transfer *transfer);
static struct curl_slist *headers_of(const struct request *request, bool has_body);
static size_t on_data(char *data, size_t size, size_t count, void *arg);
static size_t on_header(char *data, size_t size, size_t count, void *arg);
static bool events_of(struct transfer *transfer);
static enum exit_code judge(struct client *client, CURLcode result, const struct transfer *transfer);
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
	curl_easy_cleanup(client->curl);
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
	struct transfer transfer = { .request = request, .answer = answer };
	g_autofree char *body = request->body != NULL ? json_write(request->body) : NULL;
	g_autofree char *url = g_strconcat("http://solovirtd", request->path, NULL);
	struct curl_slist *headers = headers_of(request, body != NULL);
	CURLcode result;
	enum exit_code code;

	if (client->curl == NULL && (client->curl = curl_easy_init()) == NULL)
		g_error("libcurl cannot start");
	answer_clear(answer);
	answer->text = g_string_new(NULL);
	transfer.curl = client->curl;
	curl_easy_reset(client->curl);
	prepare(client->curl, client->socket, &transfer);
	curl_easy_setopt(client->curl, CURLOPT_URL, url);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	if (body != NULL) {
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
	}
	curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, request->method != NULL ? request->method : "GET");
	result = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	code = judge(client, result, &transfer);
	curl_slist_free_all(headers);
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
client_connect(const char *path)
{
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
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
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

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].error == error)
			return g_strdup_printf(
			    "cannot reach solovirtd at %s: %s\n%s", path, g_strerror(error), rows[i].hint);
	return g_strdup_printf("cannot reach solovirtd at %s: %s", path, g_strerror(error));
}

/* --- one transfer ------------------------------------------------------------------------------------------------- */

static void
prepare(CURL *curl, const char *socket, struct transfer *transfer)
{
	const struct request *request = transfer->request;
	int64_t timeout = request->timeout_ms;

	if (timeout == 0 && request->event == NULL)
		timeout = CALL_TIMEOUT_MS;
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* http_proxy is not meant for this */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "solovirt/" PACKAGE_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
}

static struct curl_slist *
headers_of(const struct request *request, bool has_body)
{
	g_autofree char *accept =
	    g_strconcat("Accept: ", request->accept != NULL ? request->accept : "application/json", NULL);
	g_autofree char *type =
	    g_strconcat("Content-Type: ", request->type != NULL ? request->type : "application/json", NULL);
	struct curl_slist *headers = curl_slist_append(NULL, accept);

	if (has_body) {
		headers = curl_slist_append(headers, type);
		headers = curl_slist_append(headers, "Expect:"); /* no round trip for large bodies */
	}
	return headers;
}

static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	GString *text = transfer->answer->text;
	long status = 0;

	if (text->len + size * count > ANSWER_BYTES)
		return 0;
	g_string_append_len(text, data, (gssize)(size * count));
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->request->event != NULL && status / 100 == 2 && !events_of(transfer)) {
		transfer->ended = true;
		return 0;
	}
	return size * count;
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
static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	const struct transfer *transfer = arg;
	g_autofree char *line = g_strndup(data, size * count);
	const char *start, *end;

	if (transfer->request->quiet || strncasecmp(line, "warning:", 8) != 0)
		return size * count;
	start = strchr(line, '"');
	end = strrchr(line, '"');
	if (start != NULL && end > start) {
		g_autofree char *quoted = g_strndup(start + 1, (gsize)(end - start - 1));
		g_autofree char *text = g_strcompress(quoted);

		fprintf(stderr, "Warning: %s\n", text);
	}
	return size * count;
}

static enum exit_code
judge(struct client *client, CURLcode result, const struct transfer *transfer)
{
	struct answer *answer = transfer->answer;
	int fd;

	if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST) {
		/* libcurl does not always tell why; asking again does */
		fd = client_connect(client->socket);
		answer->trouble = client_trouble(client->socket, fd < 0 ? errno : ECONNREFUSED);
		if (fd >= 0)
			close(fd);
		return EXIT_UNREACHABLE;
	}
	if (result == CURLE_OPERATION_TIMEDOUT) {
		answer->trouble = g_strdup("solovirtd did not answer in time");
		return EXIT_TIMEOUT;
	}
	if (result != CURLE_OK && !transfer->ended) {
		answer->trouble = g_strdup_printf("the connection to solovirtd at %s broke: %s", client->socket,
		    curl_easy_strerror(result));
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
