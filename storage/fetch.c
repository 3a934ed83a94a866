/*
 * Requests of libcurl, and the stream; see fetch.h.
 *
 *   probe, a range --+--(206)--> the file is known --> pieces (fetch_ranges.c), handed on in order
 *                    +--(200)--> one answer --(broken)--> wait --> Range: bytes=N- with If-Range --> ...
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "storage/fetch_private.h"

enum {
	REDIRECTS_MOST = 10,
	RESUMES_MOST = 100,
	HEADWAY = 1 << 20,        /* bytes that an attempt must bring to count as one that did */
	PROBE = 256 << 10,        /* bytes that are asked for first */
	HEADERS_MOST = 256 << 10, /* bytes of a response's headers */
	SLOWEST = 1 << 10,        /* bytes a second, below which a connection stalls: drops must not keep an import for a day */
};

/* --- responses ---------------------------------------------------------------------------------------------------- */

static bool
header_value(const char *line, const char *name, char value[FETCH_VALIDATOR])
{
	size_t n = strlen(name);

	if (g_ascii_strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	g_strlcpy(value, line + n + 1, FETCH_VALIDATOR);
	g_strstrip(value);
	return true;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_link *link = arg;
	struct fetch_response *response = &link->response;
	g_autofree char *line = g_strndup(data, MIN(size * count, (size_t)4 * FETCH_VALIDATOR));
	char value[FETCH_VALIDATOR];

	if (g_str_has_prefix(line, "HTTP/")) { /* the next response of a chain of redirects */
		memset(response, 0, sizeof(*response));
		response->from = response->of = -1;
	} else if (header_value(line, "Content-Range", value)) {
		if (sscanf(value, "bytes %" SCNd64 "-%*d/%" SCNd64, &response->from, &response->of) < 1)
			response->from = -1;
	} else if (header_value(line, "ETag", value)) {
		if (value[0] == '"') /* a weak one (W/) does not promise equal bytes */
			g_strlcpy(response->etag, value, FETCH_VALIDATOR);
	} else if (header_value(line, "Last-Modified", value)) {
		g_strlcpy(response->modified, value, FETCH_VALIDATOR);
	} else if (header_value(line, "Content-Type", value)) {
		g_strlcpy(response->type, value, FETCH_VALIDATOR);
	} else if (header_value(line, "Location", value)) {
		g_autofree char *scheme = g_uri_parse_scheme(value);
		g_strlcpy(response->scheme, scheme == NULL ? "" : scheme, sizeof(response->scheme));
	}
	response->header_bytes += size * count;
	return response->header_bytes > HEADERS_MOST ? 0 : size * count;
}

static int
refuse(struct fetch_link *link, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(struct fetch_link *link, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	link->failed = true;
	return error_set(&link->err, code, "%s", text);
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

static bool
is_busy(long status)
{
	return status >= 500 || status == 429 || status == 408;
}

static int
refuse_status(struct fetch_link *link, long status)
{
	struct fetch *fetch = link->fetch;
	const char *hint = "";

	for (size_t i = 0; i < G_N_ELEMENTS(hints); i++)
		if (status >= hints[i].from && status <= hints[i].to)
			hint = hints[i].hint;
	/* In the middle of a file that could be had a moment ago: it will be again.  What a redirect named may have expired. */
	link->crowded = link->transient = fetch->begun && is_busy(status);
	if (fetch->begun && link->moved && !link->transient) {
		atomic_store(&fetch->lost, true);
		link->transient = true;
	}
	return refuse(link, EIO, "the server answered with HTTP status %ld%s", status, hint);
}

const char *
fetch_validator(const struct fetch *fetch)
{
	if (!fetch->begun)
		return fetch->request->validator;
	return fetch->etag[0] != '\0' ? fetch->etag : fetch->modified[0] != '\0' ? fetch->modified : NULL;
}

static bool
has_authority_of(const char *a, const char *b)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	CURLU *x = curl_url(), *y = curl_url();
	bool same = curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK && curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK;

	for (size_t i = 0; same && i < G_N_ELEMENTS(parts); i++) {
		char *p = NULL, *q = NULL;
		same = curl_url_get(x, parts[i], &p, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		       curl_url_get(y, parts[i], &q, CURLU_DEFAULT_PORT) == CURLUE_OK && g_ascii_strcasecmp(p, q) == 0;
		curl_free(p);
		curl_free(q);
	}
	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

/* All further requests go to where redirects led: mirrors behind one name need not have the very same file. */
static void
note_location(struct fetch_link *link)
{
	struct fetch *fetch = link->fetch;
	char *url = NULL;
	long redirects = 0;

	curl_easy_getinfo(link->curl, CURLINFO_REDIRECT_COUNT, &redirects);
	curl_easy_getinfo(link->curl, CURLINFO_EFFECTIVE_URL, &url);
	if (redirects == 0 || url == NULL)
		return;
	fetch->location = g_strdup(url);
	fetch->same_host = has_authority_of(fetch->request->url, url);
}

/* The first body of all: remember which file this is. */
static int
begin(struct fetch_link *link, long status)
{
	struct fetch *fetch = link->fetch;
	const struct fetch_response *response = &link->response;
	curl_off_t length = -1;

	if (g_ascii_strncasecmp(response->type, "text/html", 9) == 0)
		return refuse(link, EINVAL, "the server sent a web page instead of an image");
	curl_easy_getinfo(link->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	fetch->total = status == 206 ? response->of : MAX(length, 0);
	fetch->ranges = status == 206;
	g_strlcpy(fetch->etag, response->etag, FETCH_VALIDATOR);
	g_strlcpy(fetch->modified, response->modified, FETCH_VALIDATOR);
	fetch->blob.size = fetch->total;
	if (fetch->ranges)
		link->to = MIN(link->to, fetch->total);
	note_location(link);
	fetch->begun = true;
	return 0;
}

static int
judge_first(struct fetch_link *link, long status)
{
	struct fetch *fetch = link->fetch;
	const struct fetch_response *response = &link->response;
	const char *validator = response->etag[0] != '\0' ? response->etag : response->modified;
	bool ranged = status == 206 && response->from == link->at && response->of > 0 && validator[0] != '\0';

	if (fetch->request->from > 0 && (!ranged || g_strcmp0(fetch->request->validator, validator) != 0))
		return refuse(link, ESTALE, "the image was replaced since the import was interrupted: it has to begin anew");
	if (fetch->request->validator != NULL && strcmp(fetch->request->validator, validator) != 0)
		return refuse(link, ESTALE, "the image was replaced since the server was asked what it has");
	if (status == 206 && !ranged) {
		/* Pieces of this cannot be put together: all of it, please. */
		fetch->plain = true;
		link->transient = true;
		return refuse(link, EIO, "the server answered with a part that nobody asked for");
	}
	return begin(link, status);
}

static bool
is_same_file(const struct fetch_link *link)
{
	const struct fetch *fetch = link->fetch;
	const struct fetch_response *response = &link->response;

	return (response->etag[0] == '\0' || fetch->etag[0] == '\0' || strcmp(response->etag, fetch->etag) == 0) &&
	       (response->modified[0] == '\0' || fetch->modified[0] == '\0' || strcmp(response->modified, fetch->modified) == 0) &&
	       (response->of <= 0 || fetch->total == 0 || response->of == fetch->total);
}

static int
judge_next(struct fetch_link *link, long status)
{
	const struct fetch *fetch = link->fetch;

	if (status == 416 || !is_same_file(link)) /* 416: it has become shorter */
		return refuse(link, ESTALE, "the file was replaced while it was downloaded, after %" PRId64 " bytes", link->at);
	if (status != 206 && !fetch->ranges)
		return refuse(link, EIO,
		    "the connection broke after %" PRId64 " bytes and the server does not resume, or the file was replaced meanwhile",
		    link->at);
	if (status != 206)
		return refuse(link, EIO, "the server, which had sent parts of the file before, answered a request for a part with HTTP status "
		    "%ld and all of it, after %" PRId64 " bytes: let it, and what caches for it, serve ranges always or never", status, link->at);
	if (link->response.from != link->at)
		return refuse(link, EIO, "the connection broke after %" PRId64 " bytes and the server resumed elsewhere", link->at);
	return 0;
}

/* Once for a response: is its body what we are after? */
static int
judge(struct fetch_link *link)
{
	struct fetch *fetch = link->fetch;
	long status = 0;

	link->response.judged = true;
	curl_easy_getinfo(link->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 416 && !fetch->begun && !fetch->plain && fetch->request->from == 0) {
		fetch->plain = true; /* an empty file has no range */
		link->transient = true;
		return refuse(link, EIO, "the server answered with HTTP status 416");
	}
	bool behind_end = status == 416 && (fetch->begun || fetch->request->from > 0);
	if ((status < 200 || status > 299) && !behind_end)
		return refuse_status(link, status);
	return fetch->begun ? judge_next(link, status) : judge_first(link, status);
}

static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_link *link = arg;
	size_t length = size * count;

	if (atomic_load(&link->fetch->quit) || (!link->response.judged && judge(link) < 0))
		return 0;
	bool more = link->to >= 0 && link->fetch->ranges && (int64_t)length > link->to - link->at;
	if (more) /* a server that sends all that follows */
		length = (size_t)(link->to - link->at);
	int rc = length == 0 ? 0 : link->deliver(link->arg, (const uint8_t *)data, length, &link->err);
	link->at += (int64_t)length;
	link->failed = rc < 0;
	link->stopped = rc > 0 || (rc == 0 && more);
	return rc != 0 || more ? 0 : length;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct fetch_link *link = arg;

	(void)a, (void)b, (void)c, (void)d;
	return atomic_load(&link->fetch->quit) ? 1 : 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

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

int
fetch_errno(CURLcode code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code)
			return failures[i].error;
	return EIO;
}

static bool
is_broken(const struct fetch_link *link, CURLcode code)
{
	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code)
			/* A server that went away in the middle may be back in a moment. */
			return failures[i].again || (code == CURLE_COULDNT_CONNECT && link->fetch->begun);
	return false;
}

static int
explain(const struct fetch_link *link, CURLcode code, struct error *err)
{
	const char *why = link->problem[0] != '\0' ? link->problem : curl_easy_strerror(code);
	int number = fetch_errno(code);

	if (link->response.header_bytes > HEADERS_MOST)
		return error_set(err, EINVAL, "the server sent more than %d KiB of headers", HEADERS_MOST >> 10);
	if (code == CURLE_UNSUPPORTED_PROTOCOL && link->response.scheme[0] != '\0')
		return error_set(err, number, "the server redirects to a URL of the protocol %s, which is not followed: only http and https are. "
		    "Name a URL where the image itself lies", link->response.scheme);
	if (code == CURLE_TOO_MANY_REDIRECTS)
		return error_set(err, number, "the server redirects more than %d times, in a circle perhaps. Name a URL where the image itself lies",
		    REDIRECTS_MOST);
	if (code == CURLE_OPERATION_TIMEDOUT && link->fetch->begun)
		return error_set(err, number, "the download stalled after %" PRId64 " bytes: next to nothing came for %ld s",
		    link->at, link->fetch->request->stall_seconds);
	if (link->fetch->begun && is_broken(link, code))
		return error_set(err, number, "the connection broke after %" PRId64 " bytes: %s", link->at, why);
	return error_set(err, number, "%s", why);
}

static bool
is_secret(const char *line)
{
	return g_ascii_strncasecmp(line, "Authorization:", 14) == 0 || g_ascii_strncasecmp(line, "Cookie:", 7) == 0;
}

static void add_header(struct fetch_link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
add_header(struct fetch_link *link, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *line = g_strdup_vprintf(format, ap);
	va_end(ap);
	link->headers = curl_slist_append(link->headers, line);
}

static void
add_range(struct fetch_link *link)
{
	const struct fetch *fetch = link->fetch;
	const char *validator = fetch_validator(fetch);

	if (fetch->plain && link->at == 0)
		return;
	if (link->to >= 0)
		add_header(link, "Range: bytes=%" PRId64 "-%" PRId64, link->at, link->to - 1);
	else if (link->at > 0)
		add_header(link, "Range: bytes=%" PRId64 "-", link->at);
	if (validator != NULL && (link->to >= 0 || link->at > 0))
		add_header(link, "If-Range: %s", validator);
}

/* Headers and credentials of this request; the list lives until the next.  Another host than the one that was meant gets what
 * it would get behind a redirect: no credentials. */
static void
address(struct fetch_link *link)
{
	const struct fetch *fetch = link->fetch;
	const struct fetch_request *request = fetch->request;

	link->moved = fetch->location != NULL && !atomic_load(&fetch->lost);
	bool trusted = !link->moved || fetch->same_host;
	curl_slist_free_all(link->headers);
	link->headers = NULL;
	for (char **line = request->headers; line != NULL && *line != NULL; line++)
		if (trusted || !is_secret(*line))
			add_header(link, "%s", *line);
	add_range(link);
	if (trusted && request->region != NULL)
		add_header(link, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
	curl_easy_setopt(link->curl, CURLOPT_HTTPHEADER, link->headers);
	curl_easy_setopt(link->curl, CURLOPT_URL, link->moved ? fetch->location : request->url);
	curl_easy_setopt(link->curl, CURLOPT_USERNAME, trusted ? request->user : NULL);
	curl_easy_setopt(link->curl, CURLOPT_PASSWORD, trusted ? request->password : NULL);
	if (request->region != NULL) {
		g_autofree char *provider = g_strdup_printf("aws:amz:%s:s3", request->region);
		curl_easy_setopt(link->curl, CURLOPT_AWS_SIGV4, trusted ? provider : NULL);
	}
}

void
fetch_set_options(CURL *curl, const struct fetch_request *request)
{
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request->stall_seconds);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "solovirt-import/" VERSION);
	if (request->insecure) {
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (request->ca_pem != NULL) {
		struct curl_blob blob = {.data = (void *)(uintptr_t)request->ca_pem, .len = strlen(request->ca_pem),
		    .flags = CURL_BLOB_COPY};
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
}

static void
set_options(struct fetch_link *link)
{
	CURL *curl = link->curl;

	fetch_set_options(curl, link->fetch->request);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, link->problem);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, link);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, link);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, link);
}

static enum fetch_end
end_of(struct fetch_link *link, CURLcode code, struct error *err)
{
	/* An empty body, or one that was not read, has not been judged. */
	if (code == CURLE_OK && !link->response.judged)
		judge(link);
	if (link->failed) {
		*err = link->err;
		return link->transient ? FETCH_AGAIN : FETCH_FAILED;
	}
	if (link->stopped)
		return link->to >= 0 && link->at == link->to ? FETCH_DONE : FETCH_STOPPED;
	if (code == CURLE_OK && link->to >= 0 && link->fetch->ranges && link->at < link->to) {
		error_set(err, EIO, "the server ended after %" PRId64 " bytes", link->at);
		return FETCH_AGAIN;
	}
	/* All that was asked for has come, whatever else a Content-Length promised. */
	bool complete = link->to >= 0 && link->fetch->ranges && link->at == link->to && link->at > link->started;
	if (code == CURLE_OK || complete)
		return FETCH_DONE;
	explain(link, code, err);
	link->crowded = link->fetch->begun && link->at == link->started;
	return is_broken(link, code) ? FETCH_AGAIN : FETCH_FAILED;
}

enum fetch_end
fetch_get(struct fetch_link *link, struct error *err)
{
	if (link->curl == NULL) {
		link->curl = curl_easy_init();
		if (link->curl == NULL)
			g_error("libcurl cannot be started");
		set_options(link);
	}
	address(link);
	link->started = link->at;
	link->problem[0] = '\0';
	link->stopped = link->failed = link->transient = link->crowded = false;
	memset(&link->response, 0, sizeof(link->response));
	return end_of(link, curl_easy_perform(link->curl), err);
}

/* --- the stream --------------------------------------------------------------------------------------------------- */

struct stream {
	struct fetch *fetch;
	fetch_sink *sink;
	void *arg;
	int64_t planned; /* by ranges: up to where */
	bool stopped;
};

static int
deliver(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct stream *stream = arg;
	const struct fetch *fetch = stream->fetch;
	struct fetch_about about = {.total = fetch->total, .ranges = fetch->ranges, .validator = fetch_validator(fetch)};

	int rc = stream->sink(stream->arg, data, length, &about, err);
	stream->stopped = rc > 0;
	return rc;
}

static bool
may_resume(const struct fetch_link *link, struct error *err)
{
	const struct fetch *fetch = link->fetch;

	if (link->at == 0 || fetch_validator(fetch) != NULL || fetch->request->verified)
		return true;
	g_autofree char *why = g_strdup(err->text);
	error_set(err, err->code, "%s; nothing in the server's answer (ETag, Last-Modified) tells whether the rest would be of the same file: "
	    "all of it is needed at once", why);
	return false;
}

/* The first answer: the whole file, or what was asked for of it. */
static enum fetch_end
one_answer(struct fetch_link *link, struct error *err)
{
	const struct fetch_request *request = link->fetch->request;
	enum fetch_end end = FETCH_AGAIN;
	unsigned idle = 0; /* attempts in a row that brought next to nothing */

	for (unsigned i = 0; i < RESUMES_MOST && end == FETCH_AGAIN; i++) {
		int64_t before = link->at;
		bool was_plain = link->fetch->plain;
		end = fetch_get(link, err);
		if (end == FETCH_AGAIN && link->fetch->plain != was_plain) {
			link->to = -1;
			continue;
		}
		if (link->fetch->begun && !link->fetch->ranges)
			link->to = -1;
		idle = link->at - before >= HEADWAY ? 0 : idle + 1;
		if (end == FETCH_AGAIN && (idle >= request->attempts || !may_resume(link, err)))
			return FETCH_FAILED;
		if (end == FETCH_AGAIN)
			g_usleep((gulong)MIN(FETCH_WAIT_FIRST_MS << MIN(idle, 8), FETCH_WAIT_MOST_MS) * 1000);
	}
	return end == FETCH_AGAIN ? FETCH_FAILED : end;
}

static bool
next_piece(void *arg, int64_t *offset, size_t *length)
{
	struct stream *stream = arg;

	*offset = stream->planned;
	*length = (size_t)MIN(BLOB_PIECE, stream->fetch->total - stream->planned);
	stream->planned += (int64_t)*length;
	return *length > 0;
}

static int
take_piece(void *arg, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	(void)offset;
	int rc = deliver(arg, data, length, err);
	return rc == 0 ? 0 : -1; /* what is stopped is told by the stream */
}

int
fetch_stream(struct fetch *fetch, fetch_sink *sink, void *arg, struct error *err)
{
	struct stream stream = {.fetch = fetch, .sink = sink, .arg = arg};
	struct fetch_link *link = &fetch->links[0];

	link->at = fetch->request->from;
	fetch->plain = fetch->request->in_one;
	link->to = fetch->plain ? -1 : link->at + PROBE;
	link->deliver = deliver;
	link->arg = &stream;
	enum fetch_end end = one_answer(link, err);
	int rc = end == FETCH_FAILED ? -1 : end == FETCH_STOPPED ? 1 : 0;
	if (rc == 0 && !stream.stopped && fetch->ranges && link->at < fetch->total) {
		stream.planned = link->at;
		rc = blob_pieces(&fetch->blob, next_piece, take_piece, &stream, err);
	}
	if (stream.stopped)
		return 1;
	return rc < 0 ? error_wrap(err, "%s: ", fetch->shown) : 0;
}

struct blob *
fetch_blob(struct fetch *fetch)
{
	return fetch->ranges ? &fetch->blob : NULL;
}

struct fetch *
fetch_new(const struct fetch_request *request, fetch_tick *tick, void *arg)
{
	struct fetch *fetch = g_new0(struct fetch, 1);

	fetch->blob.class = &fetch_blob_class;
	fetch->request = request;
	fetch->shown = fetch_url_shown(request->url);
	fetch->tick = tick;
	fetch->tick_arg = arg;
	for (size_t i = 0; i < FETCH_LINKS; i++)
		fetch->links[i].fetch = fetch;
	return fetch;
}

void
fetch_free(struct fetch *fetch)
{
	if (fetch == NULL)
		return;
	for (size_t i = 0; i < FETCH_LINKS; i++) {
		curl_easy_cleanup(fetch->links[i].curl);
		curl_slist_free_all(fetch->links[i].headers);
	}
	blob_clear(&fetch->blob);
	g_free(fetch->location);
	g_free(fetch->shown);
	g_free(fetch);
}
