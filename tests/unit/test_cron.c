/* Schedules: what each one names next, and what is told of those that are none. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>

#include "src/base/clock.h"
#include "src/base/cron.h"
#include "src/base/error.h"

static const struct {
	const char *schedule, *after, *next; /* next NULL: never */
} cases[] = {
	{ "* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z" },
	{ "0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z" },
	{ "*/15 8-10 * * *", "2026-01-01T10:45:00Z", "2026-01-02T08:00:00Z" },
	{ "5,50 * * * *", "2026-12-31T23:51:00Z", "2027-01-01T00:05:00Z" },
	{ "0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z" },
	{ "0 0 30 feb *", "2026-01-01T00:00:00Z", NULL },
	{ "0 0 13 * fri", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z" },
	{ "0 0 * * 7", "2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z" },
	{ "0 0 * * 1-5/2", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z" },
	{ "@monthly", "2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z" },
};

START_TEST(names_the_next_time)
{
	struct error err = { 0 };
	struct cron cron;
	char text[CLOCK_TEXT_SIZE];
	int64_t after = clock_parse(cases[_i].after);

	ck_assert_msg(cron_parse(cases[_i].schedule, &cron, &err) == 0, "%s", err.text);
	after = cron_next(&cron, after);
	ck_assert_str_eq(after == 0 ? "never" : clock_format(after, text), cases[_i].next == NULL ? "never" : cases[_i].next);
}
END_TEST

static const char *const bad[][2] = {
	{ "", "\"\" is not a schedule: write minute, hour, day, month and weekday, such as \"0 3 * * *\", or @daily" },
	{ "60 * * * *", "\"60\" is not a minute: write a number from 0 to 59" },
	{ "0 0 0 * *", "\"0\" is not a day of the month: write a number from 1 to 31" },
	{ "0 0 * * mo", "\"mo\" is not a day of the week: write a number from 0 to 7" },
	{ "0 5-3 * * *", "\"5-3\" ends before it begins" },
	{ "*/0 * * * *", "\"0\" is not a step: write a number from 1 to 60" },
	{ "1,,2 * * * *", "\"\" is not a minute: write a number from 0 to 59" },
};

START_TEST(tells_what_is_wrong)
{
	struct error err = { 0 };
	struct cron cron;

	ck_assert_int_eq(cron_parse(bad[_i][0], &cron, &err), -1);
	ck_assert_str_eq(err.text, bad[_i][1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cron");
	TCase *tc = tcase_create("cron");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, names_the_next_time, 0, G_N_ELEMENTS(cases));
	tcase_add_loop_test(tc, tells_what_is_wrong, 0, G_N_ELEMENTS(bad));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
