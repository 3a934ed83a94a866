/* Tables for people, from rows and from a Table of the server. */
#include "config.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/grid.h"

/* What the grid prints, with the blanks at the ends of lines cut. */
static char *
printed(struct grid *grid)
{
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	GString *tidy = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;

	grid_print(grid, memory);
	fclose(memory);
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		if (line[1] != NULL || **line != '\0')
			g_string_append_printf(tidy, "%s\n", g_strchomp(*line));
	free(text);
	return g_string_free(tidy, FALSE);
}

static const char table_text[] =
    "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"columnDefinitions\":["
    "{\"name\":\"Name\",\"type\":\"string\",\"priority\":0},{\"name\":\"Age\",\"priority\":0},"
    "{\"name\":\"Ready\",\"priority\":0},{\"name\":\"Live-Migratable\",\"priority\":1}],\"rows\":["
    "{\"cells\":[\"a\",\"3d\",true,null],\"object\":{\"metadata\":{\"namespace\":\"default\"}}},"
    "{\"cells\":[\"longer-name\",\"1h\",null,7],\"object\":{\"metadata\":{\"namespace\":\"lab\"}}}]}";

static const struct {
	struct grid_view view;
	const char *text;
} views[] = {
	{ { 0 },
	    "NAME          AGE   READY\n"
	    "a             3d    true\n"
	    "longer-name   1h    <none>\n" },
	{ { .wide = true },
	    "NAME          AGE   READY    LIVE-MIGRATABLE\n"
	    "a             3d    true     <none>\n"
	    "longer-name   1h    <none>   7\n" },
	{ { .namespaces = true, .prefix = "vm.x/" },
	    "NAMESPACE   NAME               AGE   READY\n"
	    "default     vm.x/a             3d    true\n"
	    "lab         vm.x/longer-name   1h    <none>\n" },
};

START_TEST(table_of_the_server)
{
	json_auto_t *table = json_loads(table_text, 0, NULL);
	struct grid *grid = grid_new(false);
	g_autofree char *text = NULL;

	ck_assert_int_eq(grid_table(grid, table, &views[_i].view), 2);
	text = printed(grid);
	ck_assert_str_eq(text, views[_i].text);
	grid_free(grid);
}
END_TEST

START_TEST(later_rows_keep_to_the_columns)
{
	struct grid *grid = grid_new(false);
	g_autofree char *first = NULL, *second = NULL, *third = NULL;

	grid_column(grid, "NAME");
	grid_column(grid, "STATUS");
	grid_column(grid, "AGE");
	grid_row(grid, (const char *const[]){ "a-long-name", "Running", "1s" });
	first = printed(grid);
	ck_assert_str_eq(first, "NAME          STATUS    AGE\na-long-name   Running   1s\n");
	grid_row(grid, (const char *const[]){ "b", "No", NULL });
	second = printed(grid);
	ck_assert_str_eq(second, "b             No        <none>\n");
	third = printed(grid);
	ck_assert_str_eq(third, "");
	grid_free(grid);
}
END_TEST

START_TEST(nothing_is_printed_without_rows)
{
	struct grid *grid = grid_new(false);
	g_autofree char *text = NULL;

	grid_column(grid, "NAME");
	text = printed(grid);
	ck_assert_str_eq(text, "");
	grid_free(grid);
}
END_TEST

START_TEST(headings_can_be_left_out)
{
	struct grid *grid = grid_new(false);
	g_autofree char *text = NULL;

	grid_headings(grid, false);
	grid_column(grid, "NAME");
	grid_column(grid, "AGE");
	grid_row(grid, (const char *const[]){ "a", "1s" });
	text = printed(grid);
	ck_assert_str_eq(text, "a   1s\n");
	grid_free(grid);
}
END_TEST

static const struct {
	const char *cell, *text; /* a column of 12 and a second one */
} cells[] = {
	{ "red \033[31m", "red \\x1b[31m   |\n" },
	{ "a\nb\tc", "a\\x0ab\\x09c    |\n" },
	{ "bad \xff\xc3", "bad \\xff\\xc3   |\n" },
	{ "\302\233m", "\\xc2\\x9bm      |\n" }, /* U+009B, which some terminals take for an escape */
	{ "\345\244\247\351\230\252", "\345\244\247\351\230\252           |\n" }, /* two letters that are four wide */
	{ "e\314\201", "e\314\201              |\n" },                       /* a letter and its accent: one wide */
	{ "\303\251t\303\251", "\303\251t\303\251            |\n" },
};

START_TEST(cells_are_as_wide_as_they_look_and_safe)
{
	struct grid *grid = grid_new(false);
	g_autofree char *text = NULL, *line = NULL;

	grid_column(grid, "123456789012");
	grid_column(grid, "X");
	grid_row(grid, (const char *const[]){ cells[_i].cell, "|" });
	text = printed(grid);
	line = g_strconcat("123456789012   X\n", cells[_i].text, NULL);
	ck_assert_str_eq(text, line);
	grid_free(grid);
}
END_TEST

START_TEST(colors_need_no_room)
{
	struct grid *grid = grid_new(true);
	g_autofree char *text = NULL;

	grid_column(grid, "STATUS");
	grid_column(grid, "AGE");
	grid_row(grid, (const char *const[]){ "Running", "1s" });
	grid_row(grid, (const char *const[]){ "Failed", "2s" });
	text = printed(grid);
	ck_assert_str_eq(text,
	    "\033[1mSTATUS\033[0m    \033[1mAGE\033[0m\n"
	    "\033[32mRunning\033[0m   1s\n"
	    "\033[31mFailed\033[0m    2s\n");
	grid_free(grid);
}
END_TEST

START_TEST(what_is_no_table)
{
	json_auto_t *list = json_pack("{s:s, s:[]}", "kind", "VirtualMachineList", "items");
	json_auto_t *bare = json_pack("{s:s, s:[]}", "kind", "Table", "rows");
	struct grid *grid = grid_new(false);
	const struct grid_view view = { 0 };

	ck_assert_int_eq(grid_table(grid, list, &view), -1);
	ck_assert_int_eq(grid_table(grid, bare, &view), -1);
	ck_assert_int_eq(grid_table(grid, NULL, &view), -1);
	grid_free(grid);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_grid");
	TCase *tc = tcase_create("cli_grid");
	SRunner *runner = srunner_create(suite);
	int failed;

	setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_loop_test(tc, table_of_the_server, 0, G_N_ELEMENTS(views));
	tcase_add_test(tc, later_rows_keep_to_the_columns);
	tcase_add_test(tc, nothing_is_printed_without_rows);
	tcase_add_test(tc, headings_can_be_left_out);
	tcase_add_loop_test(tc, cells_are_as_wide_as_they_look_and_safe, 0, G_N_ELEMENTS(cells));
	tcase_add_test(tc, colors_need_no_room);
	tcase_add_test(tc, what_is_no_table);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
