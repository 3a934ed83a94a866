/* Documents and what their readers share; see document.h and reader.h. */
#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "src/document/document.h"
#include "src/document/path.h"
#include "src/document/reader.h"

static bool emit_document(struct reader *reader, struct document *document);

/* A mark is a line, the value's column and its key's column (0: none), packed in a table's pointer; 21 bits of 64 hold
 * every place in a text of DOCUMENT_BYTES. */
enum { PART = sizeof(uintptr_t) * 8 / 3 };
#define PART_MOST (((uintptr_t)1 << PART) - 1)

static gpointer
mark_pack(unsigned line, unsigned column, unsigned key_column)
{
	return (gpointer)(MIN((uintptr_t)line, PART_MOST) << 2 * PART | MIN((uintptr_t)column, PART_MOST) << PART |
	    MIN((uintptr_t)key_column, PART_MOST));
}

/* Keyed and not linear: with g_str_hash() a small hostile text could make every path collide with every other. */
static guint
path_hash(gconstpointer path)
{
	static guint64 key;
	guint64 hash;

	if (key == 0)
		key = (guint64)g_random_int() << 32 | g_random_int() | 1;
	hash = key;
	for (const unsigned char *p = path; *p != '\0'; p++) {
		hash = (hash ^ *p) * key;
		hash ^= hash >> 29;
	}
	return (guint)(hash >> 32);
}

static GHashTable *
marks_new(void)
{
	return g_hash_table_new_full(path_hash, g_str_equal, g_free, NULL);
}

static struct document *
document_new(json_t *root, const char *file, GHashTable *marks)
{
	struct document *document = g_new0(struct document, 1);

	document->root = root;
	document->file = g_strdup(file);
	document->marks = marks;
	return document;
}

void
document_free(struct document *document)
{
	if (document == NULL)
		return;
	json_decref(document->root);
	g_free(document->file);
	g_clear_pointer(&document->marks, g_hash_table_unref);
	g_free(document);
}

struct document *
document_take(json_t *root)
{
	return document_new(root, NULL, NULL);
}

bool
document_mark(const struct document *document, const char *path, unsigned *line, unsigned *column)
{
	g_autofree char *place = g_strdup(path);
	gpointer mark;

	if (document->marks == NULL)
		return false;
	while (!g_hash_table_lookup_extended(document->marks, place, NULL, &mark)) {
		if (place[0] == '\0')
			return false;
		place[path_parent(place)] = '\0';
	}
	*line = (unsigned)((uintptr_t)mark >> 2 * PART);
	*column = (unsigned)((uintptr_t)mark >> PART & PART_MOST);
	return true;
}

bool
document_key_mark(const struct document *document, const char *path, unsigned *line, unsigned *column)
{
	gpointer mark = document->marks == NULL ? NULL : g_hash_table_lookup(document->marks, path);
	unsigned key_column = (unsigned)((uintptr_t)mark & PART_MOST);

	if (!document_mark(document, path, line, column))
		return false;
	if (key_column != 0)
		*column = key_column;
	return true;
}

/* Where a byte of the text stands. */
static void
place_of(const char *text, size_t offset, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (const char *p = text; p < text + offset; p++) {
		if (*p == '\n') {
			(*line)++;
			*column = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}

/* What must hold before a reader sees the text: its size, and UTF-8 without NUL bytes. */
static bool
text_is_fit(struct reader *reader)
{
	unsigned line, column;
	const char *end;

	if (reader->length > DOCUMENT_BYTES) {
		reader_error(reader, CAUSE_INVALID, 0, 0, "the text has %zu bytes; at most %d are read", reader->length,
		    DOCUMENT_BYTES);
		return false;
	}
	if (g_utf8_validate_len(reader->text, reader->length, &end))
		return true;
	place_of(reader->text, (size_t)(end - reader->text), &line, &column);
	reader_error(reader, CAUSE_INVALID, line, column, "the byte 0x%02x is no text; save the file as UTF-8",
	    (unsigned char)*end);
	return false;
}

int
document_read(const char *file, const char *text, size_t length, GPtrArray *documents, struct diagnostics *diagnostics)
{
	static const char bom[] = "\xef\xbb\xbf";
	g_autoptr(GString) path = g_string_new(NULL);
	struct reader reader = { .file = file, .text = text, .length = length, .documents = documents,
		.diagnostics = diagnostics, .path = path };
	unsigned errors = diagnostics->errors;

	if (length >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0) {
		reader.text += strlen(bom);
		reader.length -= strlen(bom);
	}
	if (text_is_fit(&reader) && !json_read_documents(&reader))
		yaml_read(&reader);
	g_clear_pointer(&reader.marks, g_hash_table_unref);
	return diagnostics->errors == errors ? 0 : -1;
}

/* --- shared by the readers ---------------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 6, 0)))
report(struct reader *reader, enum severity severity, enum cause cause, unsigned line, unsigned column, const char *format,
    va_list ap)
{
	g_autofree char *message = g_strdup_vprintf(format, ap);
	struct diagnostic item = { .severity = severity, .cause = cause, .file = (char *)reader->file, .line = line,
		.column = column, .field = reader->path->str, .message = message };

	diagnostics_put(reader->diagnostics, &item);
}

void *
reader_error(struct reader *reader, enum cause cause, unsigned line, unsigned column, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	report(reader, SEVERITY_ERROR, cause, line, column, format, ap);
	va_end(ap);
	return NULL;
}

void
reader_warning(struct reader *reader, unsigned line, unsigned column, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	report(reader, SEVERITY_WARNING, CAUSE_INVALID, line, column, format, ap);
	va_end(ap);
}

void
reader_mark(struct reader *reader, unsigned line, unsigned column, unsigned key_column)
{
	const GString *path = reader->path;

	if (reader->mark_bytes + path->len > READER_MARKS || g_hash_table_contains(reader->marks, path->str))
		return;
	reader->mark_bytes += path->len;
	g_hash_table_insert(reader->marks, g_strndup(path->str, path->len), mark_pack(line, column, key_column));
}

bool
reader_count(struct reader *reader, unsigned nodes, size_t bytes, unsigned line, unsigned column)
{
	reader->nodes += nodes;
	reader->bytes += bytes;
	if (reader->nodes <= DOCUMENT_NODES && reader->bytes <= READER_UNFOLDED)
		return true;
	reader_error(reader, CAUSE_INVALID, line, column, "the text is too large: at most %d values and %d bytes are read, "
	    "aliases unfolded", DOCUMENT_NODES, READER_UNFOLDED);
	return false;
}

void
reader_begin(struct reader *reader)
{
	g_string_truncate(reader->path, 0);
	g_clear_pointer(&reader->marks, g_hash_table_unref);
	reader->marks = marks_new();
}

bool
reader_emit(struct reader *reader, json_t *root)
{
	return emit_document(reader, document_new(root, reader->file, g_steal_pointer(&reader->marks)));
}

/* --- documents and Lists ------------------------------------------------------------------------------------------ */

static bool
is_list(const json_t *root)
{
	const char *kind = path_string(root, "kind"), *version = path_string(root, "apiVersion");

	return kind != NULL && version != NULL && strcmp(kind, "List") == 0 && strcmp(version, "v1") == 0;
}

/* Hands the marks below "items[n]" to table n, as paths of their own documents. */
static void
split_marks(GHashTable *marks, GHashTable **tables, size_t count)
{
	static const char prefix[] = "items[";
	GHashTableIter iter;
	gpointer key, mark;

	g_hash_table_iter_init(&iter, marks);
	while (g_hash_table_iter_next(&iter, &key, &mark)) {
		char *rest;
		guint64 index;
		if (!g_str_has_prefix(key, prefix))
			continue;
		index = g_ascii_strtoull((char *)key + strlen(prefix), &rest, 10);
		rest += *rest == ']';
		rest += *rest == '.';
		if (index < count)
			g_hash_table_insert(tables[index], g_strdup(rest), mark);
	}
}

static bool
emit_items(struct reader *reader, const struct document *list)
{
	const json_t *items = json_object_get(list->root, "items");
	size_t count = json_array_size(items);
	g_autofree GHashTable **tables = g_new0(GHashTable *, count + 1);
	bool go_on = true;

	for (size_t i = 0; i < count; i++)
		tables[i] = marks_new();
	split_marks(list->marks, tables, count);
	for (size_t i = 0; i < count; i++) {
		struct document *item = document_new(json_incref(json_array_get(items, i)), list->file, tables[i]);
		if (go_on)
			go_on = emit_document(reader, item);
		else
			document_free(item);
	}
	return go_on;
}

static bool
emit_list(struct reader *reader, struct document *list)
{
	const json_t *items = json_object_get(list->root, "items");
	bool go_on = true;

	if (items != NULL && !json_is_null(items) && !json_is_array(items))
		diagnostics_add(reader->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, list, "items",
		    "the items of a List must be a list");
	else
		go_on = emit_items(reader, list);
	document_free(list);
	return go_on;
}

static bool
emit_document(struct reader *reader, struct document *document)
{
	const char *wrong = NULL;

	if (is_list(document->root))
		return emit_list(reader, document);
	if (!json_is_object(document->root))
		wrong = "a document must be a mapping that has apiVersion and kind";
	else if (reader->emitted >= DOCUMENT_COUNT)
		wrong = "there are too many documents in one text";
	if (wrong == NULL) {
		reader->emitted++;
		g_ptr_array_add(reader->documents, document);
		return true;
	}
	diagnostics_add(reader->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, "", "%s", wrong);
	document_free(document);
	return reader->emitted < DOCUMENT_COUNT;
}
