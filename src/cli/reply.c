/* Reading an HTTP answer; see reply.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <strings.h>

#include "src/base/error.h"
#include "src/cli/reply.h"

enum { LINE_MOST = 64 << 10 /* bytes of a header */ };

/* What comes next. */
enum state { IN_STATUS, IN_HEADERS, IN_BODY, IN_CHUNK_SIZE, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, IN_NOTHING };

struct reply {
	struct reply_sink sink;
	enum state state;
	int status;
	GString *line;    /* begun, without its end */
	guint64 left;     /* bytes of the body or chunk; without a length, endless */
	bool chunked, endless;
};

static gssize take_line(struct reply *reply, const char *bytes, size_t length, struct error *err);
static gssize take_body(struct reply *reply, const char *bytes, size_t length);
static int on_status(struct reply *reply, const char *line, struct error *err);
static int on_header(struct reply *reply, const char *line, struct error *err);
static int on_chunk_size(struct reply *reply, const char *line, struct error *err);
static int on_chunk_end(struct reply *reply, const char *line, struct error *err);
static int on_trailer(struct reply *reply, const char *line, struct error *err);

/* Who takes a line; where there is none, bytes of the body come. */
static int (*const on_line[])(struct reply *reply, const char *line, struct error *err) = {
	[IN_STATUS] = on_status,
	[IN_HEADERS] = on_header,
	[IN_CHUNK_SIZE] = on_chunk_size,
	[IN_CHUNK_END] = on_chunk_end,
	[IN_TRAILER] = on_trailer,
	[IN_NOTHING] = NULL,
};

struct reply *
reply_new(const struct reply_sink *sink)
{
	struct reply *reply = g_new0(struct reply, 1);

	reply->sink = *sink;
	reply->line = g_string_new(NULL);
	reply->endless = true;
	return reply;
}

void
reply_free(struct reply *reply)
{
	g_string_free(reply->line, TRUE);
	g_free(reply);
}

int
reply_feed(struct reply *reply, const char *bytes, size_t length, struct error *err)
{
	while (length > 0 && reply->state != IN_NOTHING) {
		gssize taken = on_line[reply->state] != NULL ? take_line(reply, bytes, length, err)
		                                             : take_body(reply, bytes, length);

		if (taken < 0)
			return -1;
		bytes += taken;
		length -= (size_t)taken;
	}
	return reply->state == IN_NOTHING;
}

int
reply_end(const struct reply *reply, struct error *err)
{
	if (reply->state == IN_NOTHING || (reply->state == IN_BODY && reply->endless))
		return 0;
	return error_set(err, EPROTO, reply->status == 0 ? "it was closed without an answer" : "it was closed amid the answer");
}

int
reply_status(const struct reply *reply)
{
	return reply->status;
}

/* Returns how many bytes were taken, the line's end with them. */
static gssize
take_line(struct reply *reply, const char *bytes, size_t length, struct error *err)
{
	const char *end = memchr(bytes, '\n', length);
	size_t taken = end != NULL ? (size_t)(end - bytes) + 1 : length;
	GString *line = reply->line;
	int r;

	if (line->len + taken > LINE_MOST)
		return error_set(err, EPROTO, "a header of the answer has no end");
	g_string_append_len(line, bytes, (gssize)taken);
	if (end == NULL)
		return (gssize)taken;
	g_string_truncate(line, line->len - 1);
	if (line->len > 0 && line->str[line->len - 1] == '\r')
		g_string_truncate(line, line->len - 1);
	r = on_line[reply->state](reply, line->str, err);
	g_string_truncate(line, 0);
	return r < 0 ? -1 : (gssize)taken;
}

static gssize
take_body(struct reply *reply, const char *bytes, size_t length)
{
	bool endless = reply->endless && reply->state == IN_BODY;
	size_t taken = endless ? length : (size_t)MIN(length, reply->left);

	reply->left -= endless ? 0 : taken;
	if (!reply->sink.body(reply->sink.arg, bytes, taken))
		reply->state = IN_NOTHING;
	else if (!endless && reply->left == 0)
		reply->state = reply->state == IN_CHUNK ? IN_CHUNK_END : IN_NOTHING;
	return (gssize)taken;
}

/* --- lines ------------------------------------------------------------------------------------------------------------ */

static int
on_status(struct reply *reply, const char *line, struct error *err)
{
	guint64 status;

	if (!g_str_has_prefix(line, "HTTP/1.") || strlen(line) < strlen("HTTP/1.1 200"))
		return error_set(err, EPROTO, "the answer is no HTTP");
	status = g_ascii_strtoull(line + strlen("HTTP/1.1 "), NULL, 10);
	if (status < 100 || status > 599)
		return error_set(err, EPROTO, "the answer has no HTTP status");
	reply->status = (int)status;
	reply->state = IN_HEADERS;
	return 0;
}

/* The empty line: what follows depends on what was said. */
static void
on_headers_end(struct reply *reply)
{
	if (reply->status / 100 == 1) /* only a forerunner */
		reply->state = IN_STATUS;
	else if (reply->status == 204 || reply->status == 304)
		reply->state = IN_NOTHING;
	else if (reply->chunked)
		reply->state = IN_CHUNK_SIZE;
	else
		reply->state = reply->endless || reply->left > 0 ? IN_BODY : IN_NOTHING;
}

/* The value of a header when the line is one of that name, else NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	for (line += length + 1; *line == ' ' || *line == '\t'; line++)
		;
	return line;
}

static int
on_header(struct reply *reply, const char *line, struct error *err)
{
	const char *length = value_of(line, "Content-Length"), *coding = value_of(line, "Transfer-Encoding");
	char *end = NULL;

	if (*line == '\0') {
		on_headers_end(reply);
		return 0;
	}
	if (length != NULL) {
		reply->left = g_ascii_strtoull(length, &end, 10);
		reply->endless = false;
		if (end == length || *end != '\0')
			return error_set(err, EPROTO, "the answer's Content-Length is no number");
	}
	if (coding != NULL)
		reply->chunked = strcasecmp(coding, "chunked") == 0;
	reply->sink.header(reply->sink.arg, line);
	return 0;
}

static int
on_chunk_size(struct reply *reply, const char *line, struct error *err)
{
	char *end = NULL;

	reply->left = g_ascii_strtoull(line, &end, 16);
	if (end == line || (*end != '\0' && *end != ';' && *end != ' '))
		return error_set(err, EPROTO, "a chunk of the answer has no size");
	reply->state = reply->left > 0 ? IN_CHUNK : IN_TRAILER;
	return 0;
}

static int
on_chunk_end(struct reply *reply, const char *line, struct error *err)
{
	if (*line != '\0')
		return error_set(err, EPROTO, "a chunk of the answer is longer than it says");
	reply->state = IN_CHUNK_SIZE;
	return 0;
}

static int
on_trailer(struct reply *reply, const char *line, struct error *err)
{
	(void)err;
	if (*line == '\0')
		reply->state = IN_NOTHING;
	return 0;
}
