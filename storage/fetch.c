/*
 * Downloads by libcurl; see fetch.h.
 *
 *    start --> perform --(complete)--> done
 *                ^  |
 *                |  +--(broken, attempts are left)--> wait --> Range: bytes=N-  --+
 *                +----------------------------------------------------------------+
 */
#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "storage/fetch.h"

enum {
	REDIRECTS_MOST = 10,
	RESUMES_MOST = 100,
	HEADWAY = 1 << 20, /* bytes that an attempt must bring to count as one that did */
	WAIT_FIRST_MS = 250,
	WAIT_MOST_MS = 8000,
	VALIDATOR_SIZE = 256,
};

struct transfer {
	const struct fetch_request *request;
	fetch_sink *sink;
	void *arg;
	CURL *curl;
	struct curl_slist *headers;
	char problem[CURL_ERROR_SIZE];
	char *shown;             /* URL for messages */
	int64_t done, total;     /* bytes handed on; of the whole file, 0: not known */
	bool begun;              /* a body has begun: total and validator are of the file we are after */
	char validator[VALIDATOR_SIZE]; /* strong ETag or Last-Modified of that file */
	struct {                 /* of the response that is being read */
		bool seen;       /* its status has been judged */
		char etag[VALIDATOR_SIZE], modified[VALIDATOR_SIZE];
		int64_t from, of; /* Content-Range; -1: none */
	} response;
	bool failed;             /* *err is set by the sink or by our judgement */
	struct error err;
};

/* --- responses ---------------------------------------------------------------------------------------------------- */

static bool
header_value(const char *line, const char *name, char value[VALIDATOR_SIZE])
{
	size_t n = strlen(name);

	if (g_ascii_strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	g_strlcpy(value, line + n + 1, VALIDATOR_SIZE);
	g_strstrip(value);
	return true;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	g_autofree char *line = g_strndup(data, size * count);
	char value[VALIDATOR_SIZE];

	if (g_str_has_prefix(line, "HTTP/")) { /* the next response of a chain of redirects */
		memset(&transfer->response, 0, sizeof(transfer->response));
		transfer->response.from = transfer->response.of = -1;
	} else if (header_value(line, "Content-Range", value)) {
		if (sscanf(value, "bytes %" SCNd64 "-%*d/%" SCNd64, &transfer->response.from,
		    &transfer->response.of) < 1)
			transfer->response.from = -1;
	} else if (header_value(line, "ETag", value)) {
		if (value[0] == '"') /* a weak one (W/) does not promise equal bytes */
			g_strlcpy(transfer->response.etag, value, VALIDATOR_SIZE);
	} else if (header_value(line, "Last-Modified", value)) {
		g_strlcpy(transfer->response.modified, value, VALIDATOR_SIZE);
	}
	return size * count;
}

static int
refuse(struct transfer *transfer, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(struct transfer *transfer, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	transfer->failed = true;
	return error_set(&transfer->err, code, "%s", text);
}

static const struct {
	long from, to;
	const char *hint;
} hints[] = {
	{401, 401, " (the source needs a secretRef with accessKeyId and secretKey)"},
	{403, 403, " (forbidden: the source may need another secretRef)"},
	{404, 404, " (there is no such file)"},
	{410, 410, " (there is no such file any more)"},
	{429, 429, " (the server is asked too often)"},
	{500, 599, " (the server has a problem)"},
};

static int
refuse_status(struct transfer *transfer, long status)
{
	const char *hint = "";

	for (size_t i = 0; i < G_N_ELEMENTS(hints); i++)
		if (status >= hints[i].from && status <= hints[i].to)
			hint = hints[i].hint;
	return refuse(transfer, EIO, "the server answered with HTTP status %ld%s", status, hint);
}

/* The first body of all: remember which file this is. */
static void
begin(struct transfer *transfer)
{
	curl_off_t length = -1;

	curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	transfer->total = length > 0 ? length : 0;
	g_strlcpy(transfer->validator,
	    transfer->response.etag[0] != '\0' ? transfer->response.etag : transfer->response.modified, VALIDATOR_SIZE);
	transfer->begun = true;
}

/* Once for a response: is its body what we are after? */
static int
judge(struct transfer *transfer)
{
	long status = 0;

	transfer->response.seen = true;
	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299)
		return refuse_status(transfer, status);
	if (transfer->done == 0) {
		if (status == 206)
			return refuse(transfer, EIO, "the server answered with a part that nobody asked for");
		begin(transfer);
		return 0;
	}
	if (status != 206)
		return refuse(transfer, EIO,
		    "the connection broke after %" PRId64 " bytes and the server does not resume, or the file "
		    "was replaced meanwhile",
		    transfer->done);
	if (transfer->response.from != transfer->done ||
	    (transfer->total > 0 && transfer->response.of > 0 && transfer->response.of != transfer->total))
		return refuse(transfer, EIO,
		    "the connection broke after %" PRId64 " bytes and the server resumed elsewhere", transfer->done);
	return 0;
}

static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t length = size * count;

	if (!transfer->response.seen && judge(transfer) < 0)
		return 0;
	if (transfer->sink(transfer->arg, (const uint8_t *)data, length, transfer->total, &transfer->err) < 0) {
		transfer->failed = true;
		return 0;
	}
	transfer->done += (int64_t)length;
	return length;
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

/* Which errno a failure of libcurl is told as.  What is not listed is EIO; "again": the connection broke, resuming may
 * help. */
static const struct {
	CURLcode code;
	int error;
	bool again;
} failures[] = {
	{CURLE_UNSUPPORTED_PROTOCOL, EINVAL, false},
	{CURLE_URL_MALFORMAT, EINVAL, false},
	{CURLE_TOO_MANY_REDIRECTS, EIO, false},
	{CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, false},
	{CURLE_COULDNT_CONNECT, ECONNREFUSED, false},
	{CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, true},
	{CURLE_PARTIAL_FILE, EIO, true},
	{CURLE_RECV_ERROR, EIO, true},
	{CURLE_SEND_ERROR, EIO, true},
	{CURLE_GOT_NOTHING, EIO, true},
	{CURLE_HTTP2, EIO, true},
	{CURLE_HTTP2_STREAM, EIO, true},
};

static bool
is_broken(const struct transfer *transfer, CURLcode code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code)
			/* A server that went away in the middle may be back in a moment. */
			return failures[i].again || (code == CURLE_COULDNT_CONNECT && transfer->done > 0);
	return false;
}

static int
explain(const struct transfer *transfer, CURLcode code, struct error *err)
{
	const char *why = transfer->problem[0] != '\0' ? transfer->problem : curl_easy_strerror(code);
	int number = EIO;

	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code)
			number = failures[i].error;
	if (code == CURLE_OPERATION_TIMEDOUT && transfer->begun)
		return error_set(err, number, "the download stalled after %" PRId64 " bytes: nothing came for %ld s",
		    transfer->done, transfer->request->stall_seconds);
	if (transfer->begun && is_broken(transfer, code))
		return error_set(err, number, "the connection broke after %" PRId64 " bytes: %s", transfer->done, why);
	return error_set(err, number, "%s", why);
}

/* Headers of this attempt; the list lives until the next. */
static void
set_headers(struct transfer *transfer)
{
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	for (char **line = transfer->request->headers; line != NULL && *line != NULL; line++)
		transfer->headers = curl_slist_append(transfer->headers, *line);
	if (transfer->done > 0) {
		g_autofree char *range = g_strdup_printf("Range: bytes=%" PRId64 "-", transfer->done);
		g_autofree char *unless = g_strdup_printf("If-Range: %s", transfer->validator);
		transfer->headers = curl_slist_append(transfer->headers, range);
		if (transfer->validator[0] != '\0')
			transfer->headers = curl_slist_append(transfer->headers, unless);
	}
	curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, transfer->headers);
}

static void
set_options(struct transfer *transfer)
{
	const struct fetch_request *request = transfer->request;
	CURL *curl = transfer->curl;

	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request->stall_seconds);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "solovirt-import/" VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->problem);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	if (request->user != NULL)
		curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
	if (request->password != NULL)
		curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
	if (request->ca_pem != NULL) {
		struct curl_blob blob = {.data = (void *)(uintptr_t)request->ca_pem, .len = strlen(request->ca_pem),
		    .flags = CURL_BLOB_COPY};
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
}

/* 0: complete; 1: broken, may be resumed; -1: over. */
static int
attempt(struct transfer *transfer, struct error *err)
{
	set_headers(transfer);
	transfer->problem[0] = '\0';
	memset(&transfer->response, 0, sizeof(transfer->response));
	CURLcode code = curl_easy_perform(transfer->curl);
	/* An empty body, or one that was not read, has not been judged. */
	if (code == CURLE_OK && !transfer->response.seen)
		judge(transfer);
	if (transfer->failed) {
		*err = transfer->err;
		return -1;
	}
	if (code == CURLE_OK)
		return 0;
	explain(transfer, code, err);
	return is_broken(transfer, code) ? 1 : -1;
}

static int
attempts(struct transfer *transfer, struct error *err)
{
	unsigned idle = 0; /* attempts in a row that brought next to nothing */

	for (unsigned i = 0; i < RESUMES_MOST; i++) {
		int64_t before = transfer->done;
		int rc = attempt(transfer, err);
		if (rc <= 0)
			return rc;
		idle = transfer->done - before >= HEADWAY ? 0 : idle + 1;
		if (idle >= transfer->request->attempts)
			return -1;
		g_usleep((gulong)MIN(WAIT_FIRST_MS << MIN(idle, 8), WAIT_MOST_MS) * 1000);
	}
	return -1;
}

int
fetch(const struct fetch_request *request, fetch_sink *sink, void *arg, int64_t *received, struct error *err)
{
	g_autofree char *shown = fetch_url_shown(request->url);
	struct transfer transfer = {
	    .request = request, .sink = sink, .arg = arg, .shown = shown, .curl = curl_easy_init()};

	if (transfer.curl == NULL)
		return error_set(err, ENOMEM, "libcurl cannot be started");
	set_options(&transfer);
	int rc = attempts(&transfer, err);
	curl_easy_cleanup(transfer.curl);
	curl_slist_free_all(transfer.headers);
	*received = transfer.done;
	return rc < 0 ? error_wrap(err, "%s: ", shown) : 0;
}
