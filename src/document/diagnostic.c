/* Diagnostics; see diagnostic.h. */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "src/document/diagnostic.h"
#include "src/document/document.h"

/* An unknown field is to Kubernetes' clients an invalid value of its parent; it has no cause of its own. */
const char *const cause_names[] = {
	[CAUSE_INVALID] = "FieldValueInvalid",
	[CAUSE_REQUIRED] = "FieldValueRequired",
	[CAUSE_NOT_SUPPORTED] = "FieldValueNotSupported",
	[CAUSE_DUPLICATE] = "FieldValueDuplicate",
	[CAUSE_FORBIDDEN] = "FieldValueForbidden",
	[CAUSE_NOT_FOUND] = "FieldValueNotFound",
	[CAUSE_UNKNOWN] = "FieldValueInvalid",
};

static const char *const severity_names[] = { [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning" };

enum {
	WORD_MOST = 64,  /* characters of a word that is compared */
	FIELD_MOST = 160 /* bytes of a path in a line for people; an honest one has half of that */
};

static void put_vprintf(struct diagnostics *list, struct diagnostic *place, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length);

static void
diagnostic_free(void *item)
{
	struct diagnostic *diagnostic = item;

	g_free(diagnostic->file);
	g_free(diagnostic->field);
	g_free(diagnostic->message);
	g_free(diagnostic);
}

void
diagnostics_init(struct diagnostics *list)
{
	list->items = g_ptr_array_new_with_free_func(diagnostic_free);
	list->errors = 0;
}

void
diagnostics_clear(struct diagnostics *list)
{
	g_clear_pointer(&list->items, g_ptr_array_unref);
	list->errors = 0;
}

/* A field that is wrong already is there: it is not missing as well. */
static bool
is_wrong_already(const struct diagnostics *list, const struct diagnostic *place)
{
	for (guint i = 0; i < list->items->len; i++) {
		const struct diagnostic *item = list->items->pdata[i];
		if (item->severity == SEVERITY_ERROR && item->line == place->line && item->column == place->column &&
		    strcmp(item->field, place->field) == 0 && g_strcmp0(item->file, place->file) == 0)
			return true;
	}
	return false;
}

void
diagnostics_add(struct diagnostics *list, enum severity severity, enum cause cause, const struct document *document,
    const char *field, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	diagnostics_add_named(list, severity, cause, document, field, field, format, ap);
	va_end(ap);
}

void
diagnostics_add_named(struct diagnostics *list, enum severity severity, enum cause cause, const struct document *document,
    const char *place, const char *field, const char *format, va_list arguments)
{
	struct diagnostic item = { .severity = severity, .cause = cause, .field = (char *)field };

	if (document != NULL) {
		item.file = document->file;
		(cause == CAUSE_UNKNOWN ? document_key_mark : document_mark)(document, place, &item.line, &item.column);
	}
	if (cause != CAUSE_REQUIRED || !is_wrong_already(list, &item))
		put_vprintf(list, &item, format, arguments);
}

void
diagnostics_add_at(struct diagnostics *list, enum severity severity, const char *file, unsigned line, unsigned column,
    const char *format, ...)
{
	struct diagnostic place = { .severity = severity, .file = (char *)file, .line = line, .column = column };
	va_list ap;

	va_start(ap, format);
	put_vprintf(list, &place, format, ap);
	va_end(ap);
}

void
diagnostics_put(struct diagnostics *list, const struct diagnostic *diagnostic)
{
	struct diagnostic *item;

	list->errors += diagnostic->severity == SEVERITY_ERROR;
	if (list->items->len > DIAGNOSTICS_MOST)
		return;
	item = g_new0(struct diagnostic, 1);
	item->severity = diagnostic->severity;
	if (list->items->len == DIAGNOSTICS_MOST) {
		item->field = g_strdup("");
		item->message = g_strdup_printf("there is more; only the first %d are told", DIAGNOSTICS_MOST);
	} else {
		*item = *diagnostic;
		item->file = g_strdup(diagnostic->file);
		item->field = g_strdup(diagnostic->field == NULL ? "" : diagnostic->field);
		item->message = g_strdup(diagnostic->message);
	}
	g_ptr_array_add(list->items, item);
}

char *
diagnostic_format(const struct diagnostic *diagnostic)
{
	GString *text = g_string_new(diagnostic->file);

	if (diagnostic->line > 0) {
		if (text->len > 0)
			g_string_append_c(text, ':');
		g_string_append_printf(text, "%u:%u", diagnostic->line, diagnostic->column);
	}
	if (text->len > 0)
		g_string_append(text, ": ");
	if (strlen(diagnostic->field) > FIELD_MOST)
		g_string_append_printf(text, "%.*s...: ", FIELD_MOST, diagnostic->field);
	else if (diagnostic->field[0] != '\0')
		g_string_append_printf(text, "%s: ", diagnostic->field);
	g_string_append(text, diagnostic->message);
	return g_string_free(text, FALSE);
}

char *
diagnostics_format(const struct diagnostics *list, enum severity severity)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < list->items->len; i++) {
		const struct diagnostic *item = list->items->pdata[i];
		if (item->severity != severity)
			continue;
		g_autofree char *line = diagnostic_format(item);
		if (text->len > 0)
			g_string_append_c(text, '\n');
		g_string_append(text, line);
	}
	return g_string_free(text, FALSE);
}

json_t *
diagnostics_json(const struct diagnostics *list)
{
	json_t *array = json_array();

	for (guint i = 0; i < list->items->len; i++) {
		const struct diagnostic *item = list->items->pdata[i];
		/* A file name may be any bytes: "s?" of a name that is no UTF-8 would fail the whole object. */
		g_autofree char *file = item->file == NULL ? NULL : g_utf8_make_valid(item->file, -1);
		json_array_append_new(array,
		    json_pack("{s:s*, s:I, s:I, s:s, s:s, s:s}", "file", file, "line", (json_int_t)item->line, "column",
		        (json_int_t)item->column, "field", item->field, "message", item->message, "severity",
		        severity_names[item->severity]));
	}
	return array;
}

const char *
nearest_word(const char *name, const char *const *words)
{
	size_t length = strlen(name);
	unsigned most = MAX(1U, (unsigned)(length / 3)), best = most + 1;
	const char *found = NULL;

	for (; length <= WORD_MOST && *words != NULL; words++) {
		size_t other = strlen(*words);
		unsigned distance = other > WORD_MOST ? best : edit_distance(name, length, *words, other);
		if (distance < best) {
			best = distance;
			found = *words;
		}
	}
	return found;
}

/* --- below -------------------------------------------------------------------------------------------------------- */

/* What is quoted from a document may hold anything; a message is one line of UTF-8. */
static void
put_vprintf(struct diagnostics *list, struct diagnostic *place, const char *format, va_list ap)
{
	g_autofree char *raw = g_strdup_vprintf(format, ap);
	g_autofree char *text = g_utf8_make_valid(raw, -1);

	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	place->message = text;
	diagnostics_put(list, place);
}

/* Letters that were changed, left out, added, or swapped with their neighbour; case does not count. */
static unsigned
edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][WORD_MOST + 1];

	for (unsigned j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
			unsigned best = before[j - 1] + (x != y);
			best = MIN(best, MIN(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) && y == g_ascii_tolower(a[i - 2]))
				best = MIN(best, twice[j - 2] + 1);
			now[j] = best;
		}
	}
	return rows[a_length % 3][b_length];
}
