/*
 * What is said about bad files, against golden files: tests/golden/errors/NN-WHAT.yaml (or .json) -> NN-WHAT.txt, which is
 * what "solovirt validate -f" prints.  UPDATE_GOLDEN=1 writes them anew; read the difference as an operator would: does each
 * line say what is wrong, and what would be right?
 */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/document/document.h"

static GPtrArray *cases; /* names of files, sorted */

static char *
golden_folder(void)
{
	const char *top = g_getenv("srcdir");

	return g_build_filename(top != NULL ? top : ".", "tests", "golden", "errors", NULL);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
find_cases(void)
{
	g_autofree char *folder = golden_folder();
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	cases = g_ptr_array_new_with_free_func(g_free);
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".json"))
			g_ptr_array_add(cases, g_strdup(name));
	g_ptr_array_sort(cases, by_name);
}

/* As src/cli/validate.c prints it. */
static char *
validate(const char *file, const char *text, size_t length)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	GString *out = g_string_new(NULL);
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	document_read(file, text, length, documents, &diagnostics);
	for (guint i = 0; i < documents->len; i++) {
		const struct kind *kind = NULL;
		void *object = kind_decode(documents->pdata[i], "default", &kind, &diagnostics);

		if (object != NULL)
			schema_free(kind->schema, object);
	}
	if (documents->len == 0 && diagnostics.errors == 0)
		diagnostics_add_at(&diagnostics, SEVERITY_ERROR, file, 0, 0, "has no object: an object begins with apiVersion and kind");
	for (guint i = 0; i < diagnostics.items->len; i++) {
		const struct diagnostic *diagnostic = diagnostics.items->pdata[i];
		g_autofree char *line = diagnostic_format(diagnostic);

		g_string_append_printf(out, "%s%s\n", line, diagnostic->severity == SEVERITY_WARNING ? " (warning)" : "");
	}
	if (diagnostics.errors == 0)
		g_string_append_printf(out, "%u object%s in 1 file: accepted\n", documents->len, documents->len == 1 ? "" : "s");
	diagnostics_clear(&diagnostics);
	return g_string_free(out, FALSE);
}

START_TEST(says_what_is_wrong)
{
	const char *name = cases->pdata[_i];
	g_autofree char *folder = golden_folder(), *path = g_build_filename(folder, name, NULL);
	g_autofree char *golden = g_strdup_printf("%s/%.*s.txt", folder, (int)(strlen(name) - strlen(".yaml")), name);
	g_autofree char *text = NULL, *wanted = NULL, *found = NULL;
	gsize length;

	ck_assert(g_file_get_contents(path, &text, &length, NULL));
	found = validate(name, text, length);
	if (g_getenv("UPDATE_GOLDEN") != NULL)
		ck_assert(g_file_set_contents(golden, found, -1, NULL));
	ck_assert_msg(g_file_get_contents(golden, &wanted, NULL, NULL), "no %s: UPDATE_GOLDEN=1 makes it", golden);
	ck_assert_str_eq(found, wanted);
}
END_TEST

START_TEST(there_are_cases)
{
	ck_assert_uint_ge(cases->len, 40);
}
END_TEST

/* Bytes that an editor would not leave alone. */
static const struct {
	const char *text;
	size_t length;
	const char *told;
} bytes[] = {
	{ "a: \xff\n", 5, "f:1:4: the byte 0xff is no text; save the file as UTF-8\n" },
	{ "kind: X\nname: M\xfcller\n", 21, "f:2:8: the byte 0xfc is no text; save the file as UTF-8\n" },
	{ "a: \xed\xa0\x80\n", 7, "f:1:4: the byte 0xed is no text; save the file as UTF-8\n" },
	{ "a: b\0c\n", 7, "f:1:5: the byte 0x00 is no text; save the file as UTF-8\n" },
	{ "a: b\x01\n", 6, "f:1:5: the character U+0001 is not allowed in a text\n" },
	{ "\xfe\xff\0a", 4, "f:1:1: the byte 0xfe is no text; save the file as UTF-8\n" },
};

START_TEST(says_what_is_wrong_with_bytes)
{
	g_autofree char *found = validate("f", bytes[_i].text, bytes[_i].length);

	ck_assert_str_eq(found, bytes[_i].told);
}
END_TEST

START_TEST(says_that_a_file_is_too_large)
{
	g_autofree char *text = g_strnfill(DOCUMENT_BYTES + 1, ' '), *found = validate("f", text, DOCUMENT_BYTES + 1);

	ck_assert_str_eq(found, "f: the text has 1048577 bytes; at most 1048576 are read\n");
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("errors");
	TCase *tc = tcase_create("errors");

	tcase_add_test(tc, there_are_cases);
	tcase_add_loop_test(tc, says_what_is_wrong, 0, (int)cases->len);
	tcase_add_loop_test(tc, says_what_is_wrong_with_bytes, 0, G_N_ELEMENTS(bytes));
	tcase_add_test(tc, says_that_a_file_is_too_large);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner;
	int failed;

	find_cases();
	runner = srunner_create(suite());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	g_ptr_array_unref(cases);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
