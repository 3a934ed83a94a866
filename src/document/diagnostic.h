/* What is wrong with a document, all of it at once: each with its place, its field and one sentence. */
#ifndef SOLOVIRT_DOCUMENT_DIAGNOSTIC_H
#define SOLOVIRT_DOCUMENT_DIAGNOSTIC_H

#include <glib.h>
#include <jansson.h>
#include <stdarg.h>

struct document;

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

/* Cause types of Kubernetes' Status.details.causes[].reason (metav1.CauseType). */
enum cause { CAUSE_INVALID, CAUSE_REQUIRED, CAUSE_NOT_SUPPORTED, CAUSE_DUPLICATE, CAUSE_FORBIDDEN, CAUSE_NOT_FOUND, CAUSE_UNKNOWN };
extern const char *const cause_names[]; /* "FieldValueInvalid", "FieldValueRequired", ... by enum cause */

struct diagnostic {
	enum severity severity;
	enum cause cause;
	char *file;            /* as the user knows it, or NULL (API) */
	unsigned line, column; /* counted from 1; 0: not known */
	char *field;           /* "spec.template.spec.domain.memory.guest", "" for the whole document */
	char *message;         /* what is wrong and what would be right */
};

/* At most DIAGNOSTICS_MOST are kept; a last one then says that there are more. */
enum { DIAGNOSTICS_MOST = 100 };

struct diagnostics {
	GPtrArray *items; /* struct diagnostic *, in order of discovery */
	unsigned errors;  /* how many of them are errors */
};

/* An empty list, and freeing what is in it. */
void diagnostics_init(struct diagnostics *list);
void diagnostics_clear(struct diagnostics *list);

/* Adds one; the place is looked up in document (may be NULL) by the field's path: the field's own mark, else its nearest
 * parent's; for CAUSE_UNKNOWN that of the field's name.
 * CAUSE_REQUIRED about a field that is wrong already is left out. */
void diagnostics_add(struct diagnostics *list, enum severity severity, enum cause cause, const struct document *document,
    const char *field, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The same for a field that is called otherwise than where it stands, or is missing there: the place is that of "place". */
void diagnostics_add_named(struct diagnostics *list, enum severity severity, enum cause cause, const struct document *document,
    const char *place, const char *field, const char *format, va_list arguments) __attribute__((format(printf, 7, 0)));

/* Adds one at a known place. */
void diagnostics_add_at(struct diagnostics *list, enum severity severity, const char *file, unsigned line, unsigned column,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Adds a copy of one that is filled in already. */
void diagnostics_put(struct diagnostics *list, const struct diagnostic *diagnostic);

/* "file:line:column: field: message" (parts that are not known are left out).  Caller g_free()s. */
char *diagnostic_format(const struct diagnostic *diagnostic);

/* All of one severity, one a line without a last newline.  Caller g_free()s. */
char *diagnostics_format(const struct diagnostics *list, enum severity severity);

/* [{"file","line","column","field","message","severity":"error"|"warning"}]; new reference. */
json_t *diagnostics_json(const struct diagnostics *list);

/* The name in words (NULL-terminated) most like "name" by edit distance, or NULL when none is near (distance at most a
 * third of its length, at least 1; case alone does not count). */
const char *nearest_word(const char *name, const char *const *words);

#endif
