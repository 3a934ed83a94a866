/*
 * KubeVirt's rules, one by one: tests/contract/rules.yaml says what breaks each, which field is told, and what just holds.
 */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/document/document.h"
#include "src/document/path.h"

static json_t *table; /* of the file */

/* Numbers of rules: a letter and how many there are. */
static const struct {
	const char *letters;
	int count;
} numbers[] = { { "G", 19 }, { "M", 11 }, { "C", 15 }, { "H", 3 }, { "F", 25 }, { "L", 1 }, { "D", 22 }, { "V", 16 }, { "A", 3 },
	{ "R", 2 }, { "N", 24 }, { "VM", 10 }, { "DV", 5 }, { "S", 2 }, { "VR", 1 }, { "W", 1 } };

/* Kinds in which a rule is tried. */
static const struct {
	const char *in, *kind, *spec; /* spec: where an instance's spec is */
} kinds_tried[] = { { "vmi", "VirtualMachineInstance", "spec" }, { "vm", "VirtualMachine", "spec.template.spec" } };

static void
load(void)
{
	const char *top = g_getenv("srcdir");
	g_autofree char *path = g_build_filename(top != NULL ? top : ".", "tests", "contract", "rules.yaml", NULL), *text = NULL;
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	gsize length;

	if (!g_file_get_contents(path, &text, &length, NULL))
		g_error("cannot read %s", path);
	diagnostics_init(&diagnostics);
	document_read("rules.yaml", text, length, documents, &diagnostics);
	if (diagnostics.errors > 0 || documents->len != 1) {
		g_autofree char *why = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		g_error("%s", why);
	}
	table = json_incref(((const struct document *)documents->pdata[0])->root);
	diagnostics_clear(&diagnostics);
}

/* A sound object of a kind. */
static json_t *
base_of(size_t kind)
{
	json_t *object = json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "kubevirt.io/v1", "kind", kinds_tried[kind].kind, "metadata", "name",
	    "m");

	path_set(object, kinds_tried[kind].spec, json_deep_copy(json_object_get(table, "base")));
	if (strcmp(kinds_tried[kind].in, "vm") == 0)
		path_set(object, "spec.runStrategy", json_string("Halted"));
	return object;
}

/* Lays paths and values over an object; null takes away. */
static void
lay(json_t *object, const json_t *fragment, const char *prefix)
{
	const char *path;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)fragment, path, value) {
		g_autofree char *whole = g_strdup_printf("%s%s%s", prefix, *prefix == '\0' ? "" : ".", path);
		if (json_is_null(value))
			path_remove(object, whole);
		else
			ck_assert_msg(path_set(object, whole, json_deep_copy(value)) == 0, "%s cannot be set", whole);
	}
}

/* Judges an object as if it had been written; the text is kept for messages. */
static char *
judge(const json_t *object, struct diagnostics *diagnostics)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	char *text = json_write(object);
	const struct kind *kind = NULL;
	void *value;

	diagnostics_init(diagnostics);
	document_read("object.json", text, strlen(text), documents, diagnostics);
	value = kind_decode(documents->pdata[0], "default", &kind, diagnostics);
	if (value != NULL)
		schema_free(kind->schema, value);
	return text;
}

static bool
is_told(const struct diagnostics *diagnostics, enum severity severity, const char *field)
{
	for (guint i = 0; i < diagnostics->items->len; i++) {
		const struct diagnostic *d = diagnostics->items->pdata[i];
		if (d->severity == severity && strcmp(d->field, field) == 0 && d->line > 0)
			return true;
	}
	return false;
}

static void
try_breaks(const json_t *rule, size_t kind, const char *prefix)
{
	const char *number = path_string(rule, "rule"), *field = path_string(rule, "field");
	bool start = json_is_true(json_object_get(rule, "start")), lenient = start && strcmp(kinds_tried[kind].in, "vm") == 0;
	g_autofree char *wanted = g_strdup_printf("%s%s%s", prefix, *prefix == '\0' || *field == '\0' ? "" : ".", field);
	struct diagnostics diagnostics;
	json_t *object = base_of(kind);

	lay(object, json_object_get(rule, "breaks"), prefix);
	g_autofree char *text = judge(object, &diagnostics);
	g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_msg(is_told(&diagnostics, lenient ? SEVERITY_WARNING : SEVERITY_ERROR, wanted), "%s: %s is not told of %s\n%s", number,
	    wanted, text, errors);
	ck_assert_msg(!lenient || diagnostics.errors == 0, "%s: refused: %s\n%s", number, text, errors);
	diagnostics_clear(&diagnostics);
	json_decref(object);
}

static void
try_holds(const json_t *rule, size_t kind, const char *prefix)
{
	const json_t *holds = json_object_get(rule, "holds");
	struct diagnostics diagnostics;
	json_t *object;

	if (holds == NULL)
		return;
	object = base_of(kind);
	lay(object, holds, prefix);
	g_autofree char *text = judge(object, &diagnostics);
	g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_msg(diagnostics.errors == 0, "%s: refused: %s\n%s", path_string(rule, "rule"), text, errors);
	diagnostics_clear(&diagnostics);
	json_decref(object);
}

START_TEST(breaks_and_holds)
{
	const json_t *rule = json_array_get(json_object_get(table, "rules"), (size_t)_i);
	const char *in = path_string(rule, "in");

	ck_assert_ptr_nonnull(path_string(rule, "rule"));
	ck_assert_ptr_nonnull(path_string(rule, "field"));
	for (size_t i = 0; i < G_N_ELEMENTS(kinds_tried); i++) {
		const char *prefix = in == NULL ? kinds_tried[i].spec : "";
		if (in != NULL && strcmp(in, kinds_tried[i].in) != 0)
			continue;
		try_breaks(rule, i, prefix);
		try_holds(rule, i, prefix);
	}
}
END_TEST

START_TEST(knows_every_rule)
{
	g_autoptr(GHashTable) tried = g_hash_table_new(g_str_hash, g_str_equal);
	const json_t *rules = json_object_get(table, "rules"), *absent = json_object_get(table, "absent");
	json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule)
		g_hash_table_add(tried, (gpointer)(uintptr_t)path_string(rule, "rule"));
	for (i = 0; i < G_N_ELEMENTS(numbers); i++)
		for (int n = 1; n <= numbers[i].count; n++) {
			g_autofree char *name = g_strdup_printf("%s%d", numbers[i].letters, n);
			bool is_absent = json_object_get(absent, name) != NULL;
			ck_assert_msg(g_hash_table_contains(tried, name) != is_absent, "%s: tried or absent, one of the two", name);
		}
}
END_TEST

START_TEST(base_is_sound)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds_tried); i++) {
		struct diagnostics diagnostics;
		json_t *object = base_of(i);
		g_autofree char *text = judge(object, &diagnostics);
		ck_assert_msg(diagnostics.items->len == 0, "%s", text);
		diagnostics_clear(&diagnostics);
		json_decref(object);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("contract");
	TCase *tc = tcase_create("rules");
	SRunner *runner;
	int failed;

	load();
	tcase_add_test(tc, base_is_sound);
	tcase_add_test(tc, knows_every_rule);
	tcase_add_loop_test(tc, breaks_and_holds, 0, (int)json_array_size(json_object_get(table, "rules")));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	json_decref(table);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
