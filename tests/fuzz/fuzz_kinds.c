/*
 * Every kind's rows: a document that is accepted, encoded and read again is the same object, and nothing new is said of
 * it; so is the document as it is stored, with what "prepare" fills in and with its status.
 */
#include "config.h"

#include <string.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "tests/fuzz/fuzz.h"

/* The struct of a tree, as the store decodes it; NULL when there were errors. */
static void *
decode(const struct kind *kind, const json_t *tree, struct diagnostics *diagnostics)
{
	void *object = g_malloc0(kind->schema->size);

	if (schema_decode(kind->schema, tree, NULL, "", object, diagnostics) == 0)
		return object;
	schema_free(kind->schema, object);
	return NULL;
}

static bool
is_told(const struct diagnostics *list, const struct diagnostic *wanted)
{
	for (guint i = 0; i < list->items->len; i++) {
		const struct diagnostic *d = list->items->pdata[i];
		if (strcmp(d->field, wanted->field) == 0 && strcmp(d->message, wanted->message) == 0)
			return true;
	}
	/* Beyond so many nothing is kept that could be compared. */
	return list->items->len >= DIAGNOSTICS_MOST;
}

/* What a text says is this tree. */
static void
check_text(const char *text, size_t length, const json_t *tree)
{
	struct diagnostics diagnostics;

	if (length > DOCUMENT_BYTES)
		return;
	diagnostics_init(&diagnostics);
	g_autoptr(GPtrArray) documents = fuzz_documents((const uint8_t *)text, length, &diagnostics);
	if (documents->len != 1 || diagnostics.items->len != 0 ||
	    !json_equal(((const struct document *)documents->pdata[0])->root, tree))
		fuzz_fail("not the same again:\n%s", text);
	diagnostics_clear(&diagnostics);
}

static void
check_printed(const json_t *tree)
{
	g_autofree char *json = json_write(tree);
	g_autoptr(GString) yaml = g_string_new(NULL);

	check_text(json, strlen(json), tree);
	yaml_write(tree, yaml);
	check_text(yaml->str, yaml->len, tree);
}

/* Encoding is a fixpoint: what was encoded is accepted, without a word that was not said before, and encodes the same. */
static void
check_encoded(const struct kind *kind, const void *object, const struct diagnostics *before)
{
	json_t *tree = schema_encode(kind->schema, object), *again;
	struct diagnostics diagnostics;
	void *second;

	diagnostics_init(&diagnostics);
	check_printed(tree);
	second = decode(kind, tree, &diagnostics);
	for (guint i = 0; i < diagnostics.items->len; i++) {
		const struct diagnostic *d = diagnostics.items->pdata[i];
		g_autofree char *text = json_write(tree);
		if (!is_told(before, d))
			fuzz_fail("%s: %s: new in the second pass:\n%s", d->field, d->message, text);
	}
	fuzz_check(second != NULL);
	again = schema_encode(kind->schema, second);
	if (!json_equal(tree, again)) {
		g_autofree char *one = json_write(tree), *two = json_write(again);
		fuzz_fail("encoded differently:\n%s\n%s", one, two);
	}
	json_decref(again);
	json_decref(tree);
	schema_free(kind->schema, second);
	diagnostics_clear(&diagnostics);
}

/* As the daemon stores it: what it fills in is accepted, and filled in once. */
static void
check_prepared(const struct kind *kind, const json_t *root, const struct diagnostics *before)
{
	json_t *tree = json_deep_copy(root), *again;
	struct diagnostics diagnostics;
	void *object;

	json_object_del(tree, "status");
	if (kind->namespaced && path_string(tree, "metadata.namespace") == NULL)
		path_set(tree, "metadata.namespace", json_string("default"));
	if (kind->prepare != NULL)
		kind->prepare(tree);
	again = json_deep_copy(tree);
	if (kind->prepare != NULL)
		kind->prepare(again);
	fuzz_check(json_equal(tree, again));
	diagnostics_init(&diagnostics);
	object = decode(kind, tree, &diagnostics);
	if (object == NULL) {
		g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		fuzz_fail("not accepted as it is stored: %s", errors);
	}
	check_encoded(kind, object, before);
	schema_free(kind->schema, object);
	diagnostics_clear(&diagnostics);
	json_decref(again);
	json_decref(tree);
}

/* What controllers write, and users cannot: the whole with its status. */
static void
check_whole(const struct kind *kind, const json_t *root)
{
	struct diagnostics diagnostics;
	void *object;

	diagnostics_init(&diagnostics);
	object = decode(kind, root, &diagnostics);
	if (object != NULL)
		check_encoded(kind, object, &diagnostics);
	schema_free(kind->schema, object);
	diagnostics_clear(&diagnostics);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, NULL);

	for (guint i = 0; i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		const struct kind *kind = NULL;
		struct diagnostics diagnostics;
		void *object;
		diagnostics_init(&diagnostics);
		object = kind_decode(document, "default", &kind, &diagnostics);
		if (object != NULL) {
			check_encoded(kind, object, &diagnostics);
			check_prepared(kind, document->root, &diagnostics);
			check_whole(kind, document->root);
			schema_free(kind->schema, object);
		}
		diagnostics_clear(&diagnostics);
	}
	return 0;
}
