/*
 * A document as it was written: a tree of JSON values, and where in the text each of them stood.
 *
 * YAML is read as Kubernetes reads it (sigs.k8s.io/yaml, which types plain scalars as go-yaml v2 does); JSON is a subset.
 * A document's tree is never changed after reading; whoever wants another makes a copy.
 */
#ifndef SOLOVIRT_DOCUMENT_DOCUMENT_H
#define SOLOVIRT_DOCUMENT_DOCUMENT_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct diagnostics;
struct error;

/* Limits on what is read; each is refused with its place, in bounded time and memory. */
enum {
	DOCUMENT_BYTES = 1 << 20,   /* one text */
	DOCUMENT_DEPTH = 64,        /* nesting */
	DOCUMENT_NODES = 100000,    /* values after aliases are unfolded */
	DOCUMENT_ANCHORS = 256,
	DOCUMENT_KEY = 512,         /* bytes of a key */
	DOCUMENT_COUNT = 1000       /* documents in a text, after Lists are unrolled */
};

struct document {
	json_t *root;      /* an object; owned */
	char *file;        /* as messages name it, or NULL; owned */
	GHashTable *marks; /* path text -> position; owned; NULL when positions are not known */
};

/* Frees a document with its tree; NULL is fine. */
void document_free(struct document *document);

/*
 * Reads every document of a text (multi-document YAML or JSON; empty documents are skipped; a v1 List is unrolled, its
 * items keep their marks).  Appends struct document * to documents (whose free function is document_free).  What is wrong
 * is added to diagnostics with line and column: syntax, UTF-8, duplicate keys, limits, a document that is no object,
 * tags, .inf/.nan, integers over int64.  Warnings hint at slips: an unquoted on/yes/no/off, 0nn octals, 1e10-like words.
 * Returns 0 when there was no error, else -1 (documents before the bad one may have been appended).
 */
int document_read(const char *file, const char *text, size_t length, GPtrArray *documents, struct diagnostics *diagnostics);

/* Takes a tree that came by another way (reference stolen); no marks. */
struct document *document_take(json_t *root);

/* Finds where the value at a path stood; falls back to its nearest parent.  False when nothing is known. */
bool document_mark(const struct document *document, const char *path, unsigned *line, unsigned *column);

/* Finds where the name of the member at a path stood, for what is wrong with the name itself; where that is not known (the
 * items of a list have none), as document_mark(). */
bool document_key_mark(const struct document *document, const char *path, unsigned *line, unsigned *column);

/* Parses JSON text strictly (UTF-8, duplicates refused, integral reals become integers).  New reference, or NULL. */
json_t *json_read(const char *text, size_t length, struct error *err);

/* Writes compact JSON, keys in their order, reals shortest (Go prints 1.0 as 1).  Caller g_free()s. */
char *json_write(const json_t *value);

/* Writes block-style YAML that reads back to the same value: a string is quoted when it would resolve to something else;
 * strings of several lines become literal blocks.  Appends to out. */
void yaml_write(const json_t *value, GString *out);

#endif
