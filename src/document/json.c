/* JSON: reading, writing, and the marks of a JSON document; see document.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/document/reader.h"
#include "src/document/scalar.h"

/* A place in a text that is known to be valid JSON. */
struct cursor {
	const char *p;
	unsigned line, column;
};

static bool walk_value(struct reader *reader, struct cursor *cursor, json_t *value, unsigned depth,
    const struct cursor *key);
static void write_quoted(GString *out, const char *text, size_t length);
static void write_value(const json_t *value, GString *out);

unsigned
json_depth(const json_t *value)
{
	unsigned most = 0, depth;
	const char *name;
	json_t *child;
	size_t i;

	if (!json_is_object(value) && !json_is_array(value))
		return 0;
	json_object_foreach((json_t *)value, name, child) {
		depth = json_depth(child);
		most = MAX(most, depth);
	}
	json_array_foreach(value, i, child) {
		depth = json_depth(child);
		most = MAX(most, depth);
	}
	return most + 1;
}

/* Go reads 1e3 into an integer field; so an integral real is an integer. */
static json_t *
whole_number(const json_t *value)
{
	return json_is_real(value) ? real_integer(json_real_value(value)) : NULL;
}

static void
make_whole(json_t *value)
{
	json_t *child, *whole;
	void *iter;
	size_t i;

	for (iter = json_object_iter(value); iter != NULL; iter = json_object_iter_next(value, iter)) {
		child = json_object_iter_value(iter);
		make_whole(child);
		whole = whole_number(child);
		if (whole != NULL)
			json_object_iter_set_new(value, iter, whole);
	}
	json_array_foreach(value, i, child) {
		make_whole(child);
		whole = whole_number(child);
		if (whole != NULL)
			json_array_set_new(value, i, whole);
	}
}

json_t *
json_read(const char *text, size_t length, struct error *err)
{
	json_error_t error;
	json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error), *whole;

	if (value == NULL) {
		g_strdelimit(error.text, "\n\r\t", ' ');
		error_set(err, EINVAL, "JSON line %d, column %d: %s", error.line, error.column, error.text);
		return NULL;
	}
	if (json_depth(value) > DOCUMENT_DEPTH) {
		json_decref(value);
		error_set(err, EINVAL, "JSON is nested more than %d deep", DOCUMENT_DEPTH);
		return NULL;
	}
	make_whole(value);
	whole = whole_number(value);
	if (whole == NULL)
		return value;
	json_decref(value);
	return whole;
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static void
step(struct cursor *cursor)
{
	if (*cursor->p == '\n') {
		cursor->line++;
		cursor->column = 1;
	} else if (((unsigned char)*cursor->p & 0xc0) != 0x80) {
		cursor->column++;
	}
	cursor->p++;
}

/* Also steps over the punctuation, which the tree makes superfluous; a NUL ends every text. */
static void
skip_to_token(struct cursor *cursor)
{
	while (*cursor->p != '\0' && strchr(" \t\r\n,:", *cursor->p) != NULL)
		step(cursor);
}

static void
skip_string(struct cursor *cursor)
{
	step(cursor);
	while (*cursor->p != '"') {
		if (*cursor->p == '\\')
			step(cursor);
		step(cursor);
	}
	step(cursor);
}

static void
skip_scalar(struct cursor *cursor)
{
	if (*cursor->p == '"')
		skip_string(cursor);
	else
		while (*cursor->p != '\0' && strchr(" \t\r\n,:]}", *cursor->p) == NULL)
			step(cursor);
}

static bool
walk_array(struct reader *reader, struct cursor *cursor, json_t *array, unsigned depth)
{
	size_t length = reader->path->len, i;
	bool go_on = true;
	json_t *item;

	json_array_foreach(array, i, item) {
		skip_to_token(cursor);
		path_index(reader->path, i);
		go_on = walk_value(reader, cursor, item, depth, NULL);
		g_string_truncate(reader->path, length);
		if (!go_on)
			break;
	}
	return go_on;
}

static bool
walk_object(struct reader *reader, struct cursor *cursor, json_t *object, unsigned depth)
{
	size_t length = reader->path->len;
	struct cursor key;
	bool go_on = true;
	const char *name;
	json_t *value;

	/* jansson keeps the order of the text, and there are no duplicates in it. */
	json_object_foreach(object, name, value) {
		skip_to_token(cursor);
		key = *cursor;
		path_member(reader->path, name);
		go_on = reader_count(reader, 0, strlen(name), cursor->line, cursor->column);
		if (strlen(name) > DOCUMENT_KEY)
			go_on = reader_error(reader, CAUSE_INVALID, cursor->line, cursor->column, "a key may have %d bytes",
			    DOCUMENT_KEY) != NULL;
		skip_string(cursor);
		skip_to_token(cursor);
		go_on = go_on && walk_value(reader, cursor, value, depth, &key);
		g_string_truncate(reader->path, length);
		if (!go_on)
			break;
	}
	return go_on;
}

/* Marks a value and all below it, going through text and tree in step.  key: where its name stands, or NULL.  False when a
 * limit is broken. */
static bool
walk_value(struct reader *reader, struct cursor *cursor, json_t *value, unsigned depth, const struct cursor *key)
{
	reader_mark(reader, cursor->line, cursor->column, key != NULL && key->line == cursor->line ? key->column : 0);
	if (!reader_count(reader, 1, json_string_length(value), cursor->line, cursor->column))
		return false;
	if (!json_is_object(value) && !json_is_array(value)) {
		skip_scalar(cursor);
		return true;
	}
	if (depth >= DOCUMENT_DEPTH)
		return reader_error(reader, CAUSE_INVALID, cursor->line, cursor->column, TOO_DEEP, DOCUMENT_DEPTH) != NULL;
	step(cursor);
	if (!(json_is_array(value) ? walk_array : walk_object)(reader, cursor, value, depth + 1))
		return false;
	skip_to_token(cursor);
	step(cursor);
	return true;
}

static bool
is_space(const char *p, const char *end)
{
	return p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n');
}

static void
free_value(void *value)
{
	json_decref(value);
}

/* All the values of a text, one behind the other; NULL when it is not JSON throughout. */
static GPtrArray *
parse_all(const char *text, size_t length)
{
	g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(free_value);
	const char *p = text, *end = text + length;
	json_error_t error;

	for (;;) {
		while (is_space(p, end))
			p++;
		/* One too many is enough to be told so. */
		if (p == end || values->len > DOCUMENT_COUNT)
			return g_steal_pointer(&values);
		json_t *value = *p != '{' ? NULL : json_loadb(p, (size_t)(end - p),
		    JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
		if (value == NULL)
			return NULL;
		g_ptr_array_add(values, value);
		p += error.position;
	}
}

bool
json_read_documents(struct reader *reader)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) values = NULL;
	struct cursor cursor = { .line = 1, .column = 1 };

	values = parse_all(reader->text, reader->length);
	if (values == NULL || values->len == 0)
		return false;
	cursor.p = text = g_strndup(reader->text, reader->length);
	for (guint i = 0; i < values->len; i++) {
		json_t *root = values->pdata[i];
		reader_begin(reader);
		skip_to_token(&cursor);
		if (!walk_value(reader, &cursor, root, 0, NULL))
			break;
		make_whole(root);
		if (!reader_emit(reader, json_incref(root)))
			break;
	}
	return true;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void
write_quoted(GString *out, const char *text, size_t length)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	const char *end = text + length, *from = text;

	g_string_append_c(out, '"');
	for (const char *p = text; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		if (c >= ' ' && c != '"' && c != '\\' && c != 0x7f)
			continue;
		g_string_append_len(out, from, p - from);
		from = p + 1;
		if (c < sizeof(letters) && letters[c] != '\0')
			g_string_append_printf(out, "\\%c", letters[c]);
		else if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", c);
		else
			g_string_append_printf(out, "\\u%04x", c);
	}
	g_string_append_len(out, from, end - from);
	g_string_append_c(out, '"');
}

static void
write_object(const json_t *object, GString *out)
{
	const char *name, *comma = "";
	json_t *value;

	g_string_append_c(out, '{');
	json_object_foreach((json_t *)object, name, value) {
		g_string_append(out, comma);
		write_quoted(out, name, strlen(name));
		g_string_append_c(out, ':');
		write_value(value, out);
		comma = ",";
	}
	g_string_append_c(out, '}');
}

static void
write_array(const json_t *array, GString *out)
{
	json_t *value;
	size_t i;

	g_string_append_c(out, '[');
	json_array_foreach(array, i, value) {
		if (i > 0)
			g_string_append_c(out, ',');
		write_value(value, out);
	}
	g_string_append_c(out, ']');
}

static void
write_value(const json_t *value, GString *out)
{
	char real[REAL_TEXT_SIZE];

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(value, out);
		break;
	case JSON_ARRAY:
		write_array(value, out);
		break;
	case JSON_STRING:
		write_quoted(out, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		g_string_append_printf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_REAL:
		g_string_append(out, real_format(json_real_value(value), real));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		g_string_append(out, json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
	default:
		g_string_append(out, "null");
	}
}

char *
json_write(const json_t *value)
{
	GString *out = g_string_sized_new(1024);

	write_value(value, out);
	return g_string_free(out, FALSE);
}
