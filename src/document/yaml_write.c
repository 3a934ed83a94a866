/* Trees as block-style YAML; see document.h.  A list stands at the column of its key, as kubectl writes it. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "src/document/document.h"
#include "src/document/scalar.h"

enum {
	INDENT = 2,
	SIMPLE_KEY = 512 /* bytes of a key in one line with its value; libyaml looks for the colon in 1024 characters */
};

static void write_object(const json_t *object, int column, bool begun, GString *out);
static void write_array(const json_t *array, int column, bool begun, GString *out);
static void write_scalar(const json_t *value, int column, GString *out);
static void write_text(const char *text, size_t length, GString *out);
static bool is_block(const char *text, size_t length);
static void write_block(const char *text, size_t length, int column, GString *out);

void
yaml_write(const json_t *value, GString *out)
{
	if (json_object_size(value) > 0)
		write_object(value, 0, false, out);
	else if (json_array_size(value) > 0)
		write_array(value, 0, false, out);
	else
		write_scalar(value, 0, out);
}

/* --- collections: column is where they stand; begun: their first line already has its indentation ----------------- */

static void
put_spaces(int count, GString *out)
{
	for (int i = 0; i < count; i++)
		g_string_append_c(out, ' ');
}

static void
write_key(const char *name, int column, GString *out)
{
	size_t before = out->len;

	write_text(name, strlen(name), out);
	if (out->len - before > SIMPLE_KEY) {
		g_string_insert(out, (gssize)before, "? ");
		g_string_append_c(out, '\n');
		put_spaces(column, out);
	}
	g_string_append_c(out, ':');
}

static void
write_object(const json_t *object, int column, bool begun, GString *out)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		put_spaces(begun ? 0 : column, out);
		begun = false;
		write_key(name, column, out);
		if (json_object_size(value) > 0) {
			g_string_append_c(out, '\n');
			write_object(value, column + INDENT, false, out);
		} else if (json_array_size(value) > 0) {
			g_string_append_c(out, '\n');
			write_array(value, column, false, out);
		} else {
			g_string_append_c(out, ' ');
			write_scalar(value, column, out);
		}
	}
}

static void
write_array(const json_t *array, int column, bool begun, GString *out)
{
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value) {
		put_spaces(begun ? 0 : column, out);
		begun = false;
		g_string_append(out, "- ");
		if (json_object_size(value) > 0)
			write_object(value, column + INDENT, true, out);
		else if (json_array_size(value) > 0)
			write_array(value, column + INDENT, true, out);
		else
			write_scalar(value, column, out);
	}
}

/* Also empty collections; ends the line. */
static void
write_scalar(const json_t *value, int column, GString *out)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (text != NULL && is_block(text, length)) {
		write_block(text, length, column, out);
		return;
	}
	if (text != NULL) {
		write_text(text, length, out);
	} else {
		g_autofree char *word = json_write(value);
		g_string_append(out, word);
	}
	g_string_append_c(out, '\n');
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* What libyaml's reader lets through, line breaks apart (YAML 1.1, c-printable). */
static bool
is_printable(gunichar c)
{
	return c == '\t' || (c >= ' ' && c < 0x7f) || c >= 0x10000 ||
	    (c >= 0xa0 && c < 0xfffe && c != 0x2028 && c != 0x2029 && c != 0xfeff);
}

static bool
all_printable(const char *text, size_t length, const char *also)
{
	for (const char *p = text; p < text + length; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (!is_printable(c) && (c == '\0' || c >= 0x80 || strchr(also, (int)c) == NULL))
			return false;
	}
	return true;
}

/* Dates and 1:30 are texts to us, but other readers of YAML 1.1 make times and numbers of them. */
static bool
is_typed_elsewhere(const char *text)
{
	static const char digits[] = "0123456789", sexagesimal[] = "0123456789_:.+-";

	return (strspn(text, digits) == 4 && text[4] == '-') ||
	    (strchr(text, ':') != NULL && strspn(text, sexagesimal) == strlen(text));
}

static bool
is_plain(const char *text, size_t length)
{
	struct scalar scalar;

	scalar_resolve(text, &scalar);
	if (scalar.type != SCALAR_STRING || strchr("-?:,[]{}#&*!|>'\"%@`=< ", text[0]) != NULL)
		return false;
	if (strchr(" :", text[length - 1]) != NULL || strstr(text, ": ") != NULL || strstr(text, " #") != NULL)
		return false;
	return strncmp(text, "...", 3) != 0 && strchr(text, '\t') == NULL && !is_typed_elsewhere(text) &&
	    all_printable(text, length, "");
}

static void
write_single_quoted(const char *text, GString *out)
{
	g_string_append_c(out, '\'');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\'')
			g_string_append_c(out, '\'');
		g_string_append_c(out, *p);
	}
	g_string_append_c(out, '\'');
}

/* As in JSON, except for some characters that JSON lets stand and YAML does not. */
static void
write_double_quoted(const char *text, size_t length, GString *out)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	const char *next;

	g_string_append_c(out, '"');
	for (const char *p = text; p < text + length; p = next) {
		gunichar c = g_utf8_get_char(p);
		next = g_utf8_next_char(p);
		if (c < sizeof(letters) && letters[c] != '\0')
			g_string_append_printf(out, "\\%c", letters[c]);
		else if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", (char)c);
		else if (is_printable(c))
			g_string_append_len(out, p, next - p);
		else
			g_string_append_printf(out, "\\u%04x", c);
	}
	g_string_append_c(out, '"');
}

static void
write_text(const char *text, size_t length, GString *out)
{
	if (length > 0 && is_plain(text, length))
		g_string_append_len(out, text, (gssize)length);
	else if (strpbrk(text, "\"\\") != NULL && strchr(text, '\t') == NULL && all_printable(text, length, ""))
		write_single_quoted(text, out);
	else
		write_double_quoted(text, length, out);
}

static bool
is_block(const char *text, size_t length)
{
	return strchr(text, '\n') != NULL && strspn(text, "\n") < length && all_printable(text, length, "\n");
}

/* A literal block.  Its indentation is told where the first line could be mistaken for it. */
static void
write_block(const char *text, size_t length, int column, GString *out)
{
	const char *chomp = text[length - 1] != '\n' ? "-" : text[length - 2] == '\n' ? "+" : "";
	const char *end;

	g_string_append_printf(out, "|%s%s\n", strchr(" \t\n", text[0]) != NULL ? "2" : "", chomp);
	for (const char *p = text; *p != '\0'; p = end) {
		end = strchrnul(p, '\n');
		if (end > p) {
			put_spaces(column + INDENT, out);
			g_string_append_len(out, p, end - p);
		}
		g_string_append_c(out, '\n');
		end += *end == '\n';
	}
}
