/* What the YAML and JSON readers share while a text is read.  For the files of this folder only. */
#ifndef SOLOVIRT_DOCUMENT_READER_H
#define SOLOVIRT_DOCUMENT_READER_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "src/document/diagnostic.h"

enum {
	READER_UNFOLDED = 8 << 20, /* bytes of keys and strings after aliases are unfolded */
	READER_MARKS = 8 << 20     /* bytes of paths that have marks; values beyond fall back on their parents */
};

#define TOO_DEEP "lists and mappings are nested more than %d deep"

struct reader {
	const char *file;
	const char *text; /* valid UTF-8 without a byte order mark */
	size_t length;
	GPtrArray *documents;
	struct diagnostics *diagnostics;
	GString *path;     /* of the value being read */
	GHashTable *marks; /* of the document being read */
	size_t mark_bytes; /* of all documents */
	size_t bytes;      /* of keys and strings so far */
	unsigned nodes;    /* values so far */
	unsigned emitted;  /* documents so far */
};

/* Adds an error or a warning about the value being read.  Returns NULL, for readers that give up. */
void *reader_error(struct reader *reader, enum cause cause, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void reader_warning(struct reader *reader, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Remembers where the value being read stands, and in which column of that line its key does (0: it has none there); the
 * first place stays. */
void reader_mark(struct reader *reader, unsigned line, unsigned column, unsigned key_column);

/* Counts values and the bytes of their text.  False, and an error, when it is too much. */
bool reader_count(struct reader *reader, unsigned nodes, size_t bytes, unsigned line, unsigned column);

/* Begins a document. */
void reader_begin(struct reader *reader);

/* Ends it: appends the document with this root (stolen), or a List's items one by one.  False when there are too many. */
bool reader_emit(struct reader *reader, json_t *root);

/* How many lists and objects are nested in a value: 0 for a scalar. */
unsigned json_depth(const json_t *value);

/* Read all documents of the text.  yaml_read() reports what is wrong; json_read_documents() returns false without a
 * trace when the text is not JSON, true when it was JSON (also when it broke a limit). */
void yaml_read(struct reader *reader);
bool json_read_documents(struct reader *reader);

#endif
