/* The document reader: whatever it accepts survives being written as YAML and as JSON. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "tests/fuzz/fuzz.h"

static void
check_yaml(const struct document *document)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;

	yaml_write(document->root, text);
	if (text->len > DOCUMENT_BYTES)
		return;
	diagnostics_init(&diagnostics);
	if (document_read(NULL, text->str, text->len, again, &diagnostics) != 0 || again->len != 1 ||
	    !json_equal(((struct document *)again->pdata[0])->root, document->root)) {
		g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		fuzz_fail("not the same again: %s\n%s", errors, text->str);
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
		fuzz_fail("not the same again: %s\n%s", err.text, text);
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
		fuzz_check(document_mark(document, path, &line, &column) && line > 0 && column > 0);
		fuzz_check(path_find(document->root, path) != NULL || strstr(path, "<<") != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, &diagnostics);
	for (guint i = 0; i < documents->len; i++) {
		check_yaml(documents->pdata[i]);
		check_json(documents->pdata[i]);
		check_marks(documents->pdata[i]);
	}
	for (enum severity s = SEVERITY_ERROR; s <= SEVERITY_WARNING; s++) {
		g_autofree char *lines = diagnostics_format(&diagnostics, s);
		fuzz_check(g_utf8_validate(lines, -1, NULL));
	}
	json_decref(diagnostics_json(&diagnostics));
	diagnostics_clear(&diagnostics);
	return 0;
}
