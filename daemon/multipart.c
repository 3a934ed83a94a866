/*
 * Forms; see multipart.h.
 *
 *   preamble --(--BOUNDARY)--> heads --(empty line)--> body --(CRLF --BOUNDARY)--> heads ... --(--BOUNDARY--)--> over
 *
 * The body is handed on but for as many bytes at its end as may be the beginning of a boundary.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/multipart.h"
#include "src/base/error.h"

enum { BOUNDARY_MOST = 70 /* characters, RFC 2046 */, HEADS_MOST = 8 << 10 /* bytes before a part, or before the first */ };

enum state { IN_BODY, BEHIND_BOUNDARY, IN_HEADS, IS_OVER };

struct multipart {
	const struct multipart_class *class;
	void *arg;
	char *field, *boundary;  /* boundary: with CRLF and "--" before it */
	enum state state;
	bool wanted, found, whole; /* wanted: this part is the file */
	GByteArray *held;        /* bytes that are not decided yet */
};

/* The value of a parameter: ; NAME=VALUE or ; NAME="VALUE".  g_free(). */
static char *
parameter(const char *header, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = strchr(header, ';'); at != NULL; at = strchr(at, ';')) {
		at += 1 + strspn(at + 1, " \t");
		if (g_ascii_strncasecmp(at, name, length) != 0 || at[length] != '=')
			continue;
		at += length + 1;
		return *at == '"' ? g_strndup(at + 1, strcspn(at + 1, "\"")) : g_strndup(at, strcspn(at, "; \t\r"));
	}
	return NULL;
}

struct multipart *
multipart_new(const char *content_type, const char *field, const struct multipart_class *class, void *arg, struct error *err)
{
	static const char kind[] = "multipart/form-data";
	bool form = content_type != NULL && g_ascii_strncasecmp(content_type, kind, strlen(kind)) == 0;
	g_autofree char *boundary = form ? parameter(content_type, "boundary") : NULL;
	struct multipart *m;

	if (boundary == NULL || *boundary == '\0' || strlen(boundary) > BOUNDARY_MOST) {
		error_set(err, EINVAL, "the header Content-Type is not \"multipart/form-data; boundary=...\"");
		return NULL;
	}
	m = g_new0(struct multipart, 1);
	m->class = class;
	m->arg = arg;
	m->field = g_strdup(field);
	m->boundary = g_strconcat("\r\n--", boundary, NULL);
	m->held = g_byte_array_new();
	/* The first boundary needs no line before it. */
	g_byte_array_append(m->held, (const guint8 *)"\r\n", 2);
	return m;
}

void
multipart_free(struct multipart *m)
{
	if (m == NULL)
		return;
	g_byte_array_unref(m->held);
	g_free(m->boundary);
	g_free(m->field);
	g_free(m);
}

static int
damaged(struct error *err)
{
	return error_set(err, EINVAL, "the form is damaged");
}

static void
drop(struct multipart *m, size_t count)
{
	g_byte_array_remove_range(m->held, 0, (guint)count);
}

/* --- states: 1 something was used up, 0 more bytes are needed, -1 err -------------------------------------------------- */

static int
take_body(struct multipart *m, struct error *err)
{
	size_t length = strlen(m->boundary);
	const guint8 *at = memmem(m->held->data, m->held->len, m->boundary, length);
	size_t sure = at != NULL ? (size_t)(at - m->held->data) : m->held->len < length ? 0 : m->held->len - length + 1;

	(void)err;
	if (m->wanted && sure > 0)
		m->class->data(m->arg, m->held->data, sure);
	drop(m, at != NULL ? sure + length : sure);
	if (at == NULL)
		return 0;
	if (m->wanted) {
		m->wanted = false;
		m->whole = true;
		m->class->end(m->arg);
	}
	m->state = BEHIND_BOUNDARY;
	return 1;
}

static int
take_boundary(struct multipart *m, struct error *err)
{
	if (m->held->len < 2)
		return 0;
	if (memcmp(m->held->data, "--", 2) == 0)
		m->state = IS_OVER;
	else if (memcmp(m->held->data, "\r\n", 2) == 0)
		m->state = IN_HEADS;
	else
		return damaged(err);
	if (m->state == IN_HEADS)
		return 1; /* the line end may be that of no heads */
	drop(m, 2);
	return 1;
}

static bool
is_file(const struct multipart *m, const char *heads)
{
	static const char name[] = "Content-Disposition:";
	g_auto(GStrv) lines = g_strsplit(heads, "\r\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		g_autofree char *field = g_ascii_strncasecmp(*line, name, strlen(name)) == 0 ? parameter(*line, "name") : NULL;
		if (field != NULL)
			return strcmp(field, m->field) == 0;
	}
	return false;
}

static int
take_heads(struct multipart *m, struct error *err)
{
	const guint8 *end = memmem(m->held->data, m->held->len, "\r\n\r\n", 4);
	size_t length = end == NULL ? 0 : (size_t)(end - m->held->data);

	if (end == NULL)
		return m->held->len > HEADS_MOST ? error_set(err, EINVAL, "the headers of a part of the form have more than %d bytes", HEADS_MOST) : 0;
	g_autofree char *heads = g_strndup((const char *)m->held->data, length);
	if (is_file(m, heads) && m->found)
		return error_set(err, EINVAL, "the form has the field \"%s\" twice", m->field);
	m->wanted = is_file(m, heads);
	m->found |= m->wanted;
	drop(m, length + 4);
	m->state = IN_BODY;
	return 1;
}

int
multipart_feed(struct multipart *m, const unsigned char *bytes, size_t length, struct error *err)
{
	static int (*const take[])(struct multipart *m, struct error *err) = {
		[IN_BODY] = take_body, [BEHIND_BOUNDARY] = take_boundary, [IN_HEADS] = take_heads };
	int r = 1;

	if (m->state != IS_OVER)
		g_byte_array_append(m->held, bytes, (guint)length);
	while (r > 0 && m->state != IS_OVER)
		r = take[m->state](m, err);
	return r < 0 ? -1 : 0;
}

int
multipart_finish(const struct multipart *m, struct error *err)
{
	if (m->whole)
		return 0;
	return error_set(err, EINVAL, m->found ? "the form ended within the file" : "the form has no field \"%s\" with the file", m->field);
}
