/* Rules across the fields of an instance's spec: how they are told, and all of them in their order. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/document/document.h"
#include "src/document/path.h"

static char *
path_of(const struct checking *c, const char *field)
{
	if (*field == '\0' || *c->path == '\0')
		return g_strdup(*field == '\0' ? c->path : field);
	return g_strconcat(c->path, *field == '[' ? "" : ".", field, NULL);
}

static void tell(const struct checking *c, enum severity severity, enum cause cause, const char *field, const char *place,
    const char *format, va_list ap) __attribute__((format(printf, 6, 0)));

static void
tell(const struct checking *c, enum severity severity, enum cause cause, const char *field, const char *place,
    const char *format, va_list ap)
{
	g_autofree char *named = path_of(c, field), *where = path_of(c, place);

	diagnostics_add_named(c->diagnostics, severity, cause, c->document, where, named, format, ap);
}

void
complain(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(c, SEVERITY_ERROR, cause, field, field, format, ap);
	va_end(ap);
}

void
complain_as(const struct checking *c, enum cause cause, const char *field, const char *place, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(c, SEVERITY_ERROR, cause, field, place, format, ap);
	va_end(ap);
}

void
complain_start(const struct checking *c, enum cause cause, const char *field, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	if (c->starts)
		complain(c, cause, field, "%s", text);
	else
		advise(c, field, "%s: the machine cannot start", text);
}

void
advise(const struct checking *c, const char *field, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(c, SEVERITY_WARNING, CAUSE_INVALID, field, field, format, ap);
	va_end(ap);
}

const json_t *
written(const struct checking *c, const char *field)
{
	g_autofree char *path = path_of(c, field);

	return path_find(c->document->root, path);
}

bool
is_text(const char *text)
{
	return text != NULL && *text != '\0';
}

bool
is_one_of(const char *text, const char *const *words)
{
	return is_text(text) && g_strv_contains(words, text);
}

void
vmi_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	static void (*const checks[])(const struct checking *) = { check_pod, check_firmware, check_features, check_memory, check_cpu,
		check_disks, check_volumes, check_credentials, check_network, check_devices };
	struct checking c = { object, document, path, diagnostics, strcmp(path, "spec") == 0 };

	if (document == NULL)
		return; /* what is stored was judged when it came; rules may have become stricter since */
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		checks[i](&c);
}
