/*
 * Fuzzes the document reader: whatever it accepts must survive being written as YAML and as JSON.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined ... tests/fuzz/fuzz_document.c && ./fuzz_document -max_total_time=60
 */
#include "config.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
free_document(void *document)
{
	document_free(document);
}

static void
check_yaml(const struct document *document)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func(free_document);
	struct diagnostics diagnostics;

	yaml_write(document->root, text);
	if (text->len > DOCUMENT_BYTES)
		return;
	diagnostics_init(&diagnostics);
	if (document_read(NULL, text->str, text->len, again, &diagnostics) != 0 || again->len != 1 ||
	    !json_equal(((struct document *)again->pdata[0])->root, document->root)) {
		g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		g_error("not the same again: %s\n%s", errors, text->str);
	}
	diagnostics_clear(&diagnostics);
}

static void
check_json(const struct document *document)
{
	g_autofree char *text = json_write(document->root);
	struct error err = { 0 };
	json_t *again = json_read(text, strlen(text), &err);

	if (again == NULL || !json_equal(again, document->root))
		g_error("not the same again: %s\n%s", err.text, text);
	json_decref(again);
}

static void
check_marks(const struct document *document)
{
	GHashTableIter iter;
	gpointer path;
	unsigned line, column;

	g_hash_table_iter_init(&iter, document->marks);
	while (g_hash_table_iter_next(&iter, &path, NULL)) {
		g_assert_true(document_mark(document, path, &line, &column) && line > 0 && column > 0);
		g_assert_true(path_find(document->root, path) != NULL || strstr(path, "<<") != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func(free_document);
	g_autofree char *text = g_strndup((const char *)data, size);
	struct diagnostics diagnostics;

	memcpy(text, data, size);
	diagnostics_init(&diagnostics);
	document_read("fuzz", text, size, documents, &diagnostics);
	for (guint i = 0; i < documents->len; i++) {
		check_yaml(documents->pdata[i]);
		check_json(documents->pdata[i]);
		check_marks(documents->pdata[i]);
	}
	for (enum severity s = SEVERITY_ERROR; s <= SEVERITY_WARNING; s++) {
		g_autofree char *lines = diagnostics_format(&diagnostics, s);
		g_assert_true(g_utf8_validate(lines, -1, NULL));
	}
	json_decref(diagnostics_json(&diagnostics));
	diagnostics_clear(&diagnostics);
	return 0;
}
