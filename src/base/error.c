/* Errors as sentences; see error.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/error.h"

/* A text that was cut, or that quotes what a stranger sent, goes into JSON all the same. */
static void
make_valid(char *text)
{
	const char *end;

	while (!g_utf8_validate(text, -1, &end))
		text[end - text] = '?';
}

int
error_set(struct error *err, int code, const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->code = code;
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	make_valid(err->text);
	return -1;
}

int
error_wrap(struct error *err, const char *format, ...)
{
	char where[sizeof(err->text)], what[sizeof(err->text)];
	va_list ap;
	size_t n;

	if (err == NULL)
		return -1;
	memcpy(what, err->text, sizeof(what));
	va_start(ap, format);
	vsnprintf(where, sizeof(where), format, ap);
	va_end(ap);
	/* A message which is too long loses its tail, never its place. */
	n = strnlen(where, sizeof(where) - 1);
	memcpy(err->text, where, n);
	memcpy(err->text + n, what, sizeof(err->text) - n);
	err->text[sizeof(err->text) - 1] = '\0';
	make_valid(err->text);
	return -1;
}

int
error_errno(struct error *err, const char *format, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	if (err == NULL)
		return -1;
	err->code = saved;
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(saved));
	make_valid(err->text);
	return -1;
}
