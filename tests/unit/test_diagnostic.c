/* Diagnostics: places, limits, texts, and the nearest word. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/document/diagnostic.h"
#include "src/document/document.h"

static struct diagnostics list;

static void
setup(void)
{
	diagnostics_init(&list);
}

static void
teardown(void)
{
	diagnostics_clear(&list);
}

static void
free_document(void *document)
{
	document_free(document);
}

START_TEST(looks_places_up)
{
	static const char text[] = "kind: X\nspec:\n  a: {b: 1}\n";
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func(free_document);
	g_autofree char *errors = NULL, *warnings = NULL;

	ck_assert_int_eq(document_read("x.yaml", text, strlen(text), documents, &list), 0);
	diagnostics_add(&list, SEVERITY_ERROR, CAUSE_INVALID, documents->pdata[0], "spec.a.b", "%d is bad", 1);
	diagnostics_add(&list, SEVERITY_ERROR, CAUSE_REQUIRED, documents->pdata[0], "spec.a.c.d", "is missing");
	diagnostics_add(&list, SEVERITY_WARNING, CAUSE_INVALID, documents->pdata[0], "", "hm");
	diagnostics_add(&list, SEVERITY_ERROR, CAUSE_INVALID, NULL, "spec", "from the API");
	diagnostics_add(&list, SEVERITY_ERROR, CAUSE_UNKNOWN, documents->pdata[0], "spec.a.b", "who?");
	ck_assert_uint_eq(list.errors, 4);
	errors = diagnostics_format(&list, SEVERITY_ERROR);
	ck_assert_str_eq(errors, "x.yaml:3:10: spec.a.b: 1 is bad\n"
				 "x.yaml:3:6: spec.a.c.d: is missing\n"
				 "spec: from the API\n"
				 "x.yaml:3:7: spec.a.b: who?");
	warnings = diagnostics_format(&list, SEVERITY_WARNING);
	ck_assert_str_eq(warnings, "x.yaml:1:1: hm");
}
END_TEST

START_TEST(leaves_out_what_is_not_known)
{
	static const struct {
		struct diagnostic diagnostic;
		const char *text;
	} cases[] = {
		{ { .file = (char *)"f", .line = 3, .column = 4, .field = (char *)"a", .message = (char *)"m" }, "f:3:4: a: m" },
		{ { .file = (char *)"f", .field = (char *)"", .message = (char *)"m" }, "f: m" },
		{ { .line = 3, .column = 4, .field = (char *)"", .message = (char *)"m" }, "3:4: m" },
		{ { .field = (char *)"a", .message = (char *)"m" }, "a: m" },
		{ { .field = (char *)"", .message = (char *)"m" }, "m" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = diagnostic_format(&cases[i].diagnostic);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(stops_at_a_hundred)
{
	const struct diagnostic *last;

	for (unsigned i = 0; i < 150; i++)
		diagnostics_add_at(&list, SEVERITY_WARNING, "f", i, 1, "number %u", i);
	for (unsigned i = 0; i < 150; i++)
		diagnostics_add_at(&list, SEVERITY_ERROR, "f", i, 1, "number %u", i);
	ck_assert_uint_eq(list.items->len, DIAGNOSTICS_MOST + 1);
	ck_assert_uint_eq(list.errors, 150);
	last = list.items->pdata[DIAGNOSTICS_MOST];
	ck_assert_str_eq(last->message, "there is more; only the first 100 are told");
}
END_TEST

START_TEST(is_clean_text)
{
	json_t *array, *item;

	diagnostics_add_at(&list, SEVERITY_ERROR, "bad\xff name", 1, 2, "one\nline \xff\x01.");
	ck_assert_str_eq(((struct diagnostic *)list.items->pdata[0])->message, "one line \xef\xbf\xbd .");
	array = diagnostics_json(&list);
	item = json_array_get(array, 0);
	ck_assert_str_eq(json_string_value(json_object_get(item, "file")), "bad\xef\xbf\xbd name");
	ck_assert_int_eq(json_integer_value(json_object_get(item, "column")), 2);
	ck_assert_str_eq(json_string_value(json_object_get(item, "severity")), "error");
	ck_assert_str_eq(json_string_value(json_object_get(item, "field")), "");
	json_decref(array);
}
END_TEST

START_TEST(names_causes)
{
	for (enum cause cause = CAUSE_INVALID; cause <= CAUSE_UNKNOWN; cause++)
		ck_assert(g_str_has_prefix(cause_names[cause], "FieldValue"));
}
END_TEST

static const struct {
	const char *name, *nearest;
} names[] = {
	{ "memroy", "memory" },
	{ "Memory", "memory" },
	{ "MEMORY", "memory" },
	{ "memori", "memory" },
	{ "mem", NULL },
	{ "domian", "domain" },
	{ "domainn", "domain" },
	{ "runStrategie", "runStrategy" },
	{ "runstrategy", "runStrategy" },
	{ "cpus", "cpu" },
	{ "", NULL },
	{ "somethingElse", NULL },
	{ "xpu", "cpu" },
};

START_TEST(finds_the_nearest_word)
{
	static const char *const words[] = { "cpu", "memory", "domain", "runStrategy", NULL };
	const char *word = nearest_word(names[_i].name, words);

	if (names[_i].nearest == NULL)
		ck_assert_ptr_null(word);
	else
		ck_assert_pstr_eq(word, names[_i].nearest);
}
END_TEST

START_TEST(does_not_compare_long_words)
{
	g_autofree char *name = g_strnfill(1 << 20, 'a');
	const char *words[] = { name, "a", NULL };

	ck_assert_ptr_null(nearest_word(name, words));
	ck_assert_str_eq(nearest_word("b", words), "a");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("diagnostic");
	TCase *tc = tcase_create("diagnostic");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, looks_places_up);
	tcase_add_test(tc, leaves_out_what_is_not_known);
	tcase_add_test(tc, stops_at_a_hundred);
	tcase_add_test(tc, is_clean_text);
	tcase_add_test(tc, names_causes);
	tcase_add_loop_test(tc, finds_the_nearest_word, 0, G_N_ELEMENTS(names));
	tcase_add_test(tc, does_not_compare_long_words);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
