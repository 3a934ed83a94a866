/* Options and words: before and behind the verb, with and without values, refused with the nearest name. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/arguments.h"

static const char *const when_words[] = { "auto", "never", NULL };
static const struct option_row global[] = {
	{ .name = "namespace", .letter = 'n', .argument = "NAME", .help = "Where." },
	{ .name = "color", .argument = "WHEN", .bare = "auto", .words = when_words, .help = "Colours." },
	{ .name = NULL },
};
static const struct option_row verb[] = {
	{ .name = "watch", .letter = 'w', .help = "Go on." },
	{ .name = "filename", .letter = 'f', .argument = "FILE", .help = "What." },
	{ .name = "timeout", .argument = "DURATION", .help = "How long." },
	{ .name = "tail", .argument = "LINES", .help = "How many." },
	{ .name = NULL },
};

static struct arguments arguments;
static struct error err;

/* Reads a line of words parted by blanks with the tables of a program and its verb. */
static int
parse(const char *line, bool stop)
{
	static char *words[20];
	static char copy[200];
	int count = 0;

	g_strlcpy(copy, line, sizeof(copy));
	words[count++] = (char *)(uintptr_t)"solovirt";
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	return arguments_parse(&arguments, count, words, stop, &err);
}

static void
setup(void)
{
	arguments_init(&arguments, global);
	err = (struct error){ 0 };
}

static void
teardown(void)
{
	arguments_clear(&arguments);
}

START_TEST(stops_at_the_verb)
{
	ck_assert_int_eq(parse("-n lab get -w vm", true), 3);
	ck_assert_str_eq(arguments_value(&arguments, "namespace"), "lab");
	ck_assert_uint_eq(arguments.words->len, 0);
}
END_TEST

START_TEST(options_and_words_mix)
{
	arguments.tables[1] = verb;
	ck_assert_int_ge(parse("vm -w demo -n lab --color", false), 0);
	ck_assert(arguments_flag(&arguments, "watch", false));
	ck_assert_str_eq(arguments_value(&arguments, "namespace"), "lab");
	ck_assert_str_eq(arguments_value(&arguments, "color"), "auto");
	ck_assert_uint_eq(arguments.words->len, 2);
	ck_assert_str_eq(arguments.words->pdata[1], "demo");
}
END_TEST

START_TEST(flags_can_be_denied)
{
	arguments.tables[1] = verb;
	ck_assert(arguments_flag(&arguments, "watch", true));
	ck_assert_int_ge(parse("--watch=false", false), 0);
	ck_assert(!arguments_flag(&arguments, "watch", true));
	ck_assert_int_eq(parse("--watch=perhaps", false), -1);
	ck_assert_str_eq(err.text, "--watch: \"perhaps\" is none of true, false");
}
END_TEST

START_TEST(values_add_up_and_the_last_one_counts)
{
	arguments.tables[1] = verb;
	ck_assert_int_ge(parse("-f a.yaml -fb.yaml --filename=c.yaml -n x -n=y", false), 0);
	ck_assert_uint_eq(arguments_values(&arguments, "filename")->len, 3);
	ck_assert_str_eq(arguments_values(&arguments, "filename")->pdata[1], "b.yaml");
	ck_assert_str_eq(arguments_value(&arguments, "namespace"), "y");
	ck_assert_ptr_null(arguments_values(&arguments, "timeout"));
}
END_TEST

static const struct {
	const char *line, *message;
} refused[] = {
	{ "--wathc", "unknown option --wathc; did you mean --watch?" },
	{ "--zzzzzzzzzz", "unknown option --zzzzzzzzzz" },
	{ "-q", "unknown option -q" },
	{ "-wq", "unknown option -q" },
	{ "--filename", "option --filename needs a value" },
	{ "-f", "option -f needs a value" },
	{ "--color=sometimes", "--color: \"sometimes\" is none of auto, never" },
};

START_TEST(refusals_say_what_would_be_right)
{
	arguments.tables[1] = verb;
	ck_assert_int_eq(parse(refused[_i].line, false), -1);
	ck_assert_str_eq(err.text, refused[_i].message);
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

START_TEST(everything_behind_two_dashes_is_a_word)
{
	arguments.tables[1] = verb;
	ck_assert_int_ge(parse("-w -- --watch -f", false), 0);
	ck_assert_uint_eq(arguments.words->len, 2);
}
END_TEST

START_TEST(numbers_and_durations)
{
	int64_t value = 0;

	arguments.tables[1] = verb;
	ck_assert_int_eq(arguments_number(&arguments, "tail", -1, -1, &value, &err), 0);
	ck_assert_int_eq(value, -1);
	ck_assert_int_ge(parse("--tail 20 --timeout 2m", false), 0);
	ck_assert_int_eq(arguments_number(&arguments, "tail", -1, -1, &value, &err), 0);
	ck_assert_int_eq(value, 20);
	ck_assert_int_eq(arguments_duration(&arguments, "timeout", 5, &value, &err), 0);
	ck_assert_int_eq(value, 120000);
	ck_assert_int_ge(parse("--tail 2x --timeout soon", false), 0);
	ck_assert_int_eq(arguments_number(&arguments, "tail", -1, -1, &value, &err), -1);
	ck_assert_str_eq(err.text, "--tail: \"2x\" is not a whole number from -1 on");
	ck_assert_int_eq(arguments_duration(&arguments, "timeout", 5, &value, &err), -1);
	ck_assert_int_eq(strncmp(err.text, "--timeout: ", 11), 0);
	ck_assert_int_eq(value, 120000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_arguments");
	TCase *tc = tcase_create("cli_arguments");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, stops_at_the_verb);
	tcase_add_test(tc, options_and_words_mix);
	tcase_add_test(tc, flags_can_be_denied);
	tcase_add_test(tc, values_add_up_and_the_last_one_counts);
	tcase_add_loop_test(tc, refusals_say_what_would_be_right, 0, G_N_ELEMENTS(refused));
	tcase_add_test(tc, everything_behind_two_dashes_is_a_word);
	tcase_add_test(tc, numbers_and_durations);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
