/* Probes: what tries that go well (+), wrong (-) or nobody knows how (?) make of a verdict, one second of a warped clock after the other. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/controllers/probe_plan.h"

/* Verdicts after each try: g good, b bad. */
static const struct {
	struct probe probe;
	bool good; /* at the beginning */
	const char *tries, *verdicts;
} rows[] = {
	/* not ready until the first that goes well; three in a row make it bad again */
	{ { 0 }, false, "--+", "bbg" },
	{ { 0 }, false, "+---", "gggb" },
	{ { 0 }, false, "+--+--+", "ggggggg" },
	{ { 0 }, true, "---+", "ggbg" },
	/* thresholds */
	{ { .success_threshold = 3 }, false, "++-+++", "bbbbbg" },
	{ { .failure_threshold = 1 }, true, "-+-", "bgb" },
	{ { .failure_threshold = 2, .success_threshold = 2 }, true, "-+--+-++", "gggbbbbg" },
	/* what makes no sense counts as not written */
	{ { .failure_threshold = -1, .success_threshold = 0 }, false, "+---", "gggb" },
	/* what is not known neither counts nor breaks a row */
	{ { 0 }, true, "-?-?-", "ggggb" },
	{ { 0 }, false, "???+", "bbbg" },
};

START_TEST(verdicts)
{
	const struct probe *probe = &rows[_i].probe;
	struct probe_state state = probe_begin(probe, rows[_i].good, 0, 0);
	char seen[32] = "";

	for (size_t i = 0; rows[_i].tries[i] != '\0'; i++) {
		bool was = state.good, turned = false;

		if (rows[_i].tries[i] == '?')
			probe_skip(&state, probe, (int64_t)i);
		else
			turned = probe_note(&state, probe, rows[_i].tries[i] == '+', (int64_t)i);
		ck_assert_int_eq(turned, was != state.good);
		seen[i] = state.good ? 'g' : 'b';
	}
	ck_assert_str_eq(seen, rows[_i].verdicts);
}
END_TEST

/* When the first try is due, and the one after it. */
static const struct {
	struct probe probe;
	int64_t since, now, first, next;
} times[] = {
	{ { 0 }, 1000, 1000, 1000, 11000 },
	{ { .initial_delay_seconds = 30, .period_seconds = 5 }, 1000, 1000, 31000, 36000 },
	/* a daemon that starts again waits only for what is left */
	{ { .initial_delay_seconds = 30 }, 1000, 21000, 31000, 41000 },
	{ { .initial_delay_seconds = 30 }, 1000, 99000, 99000, 109000 },
	{ { .initial_delay_seconds = -5, .period_seconds = -1 }, 1000, 1000, 1000, 11000 },
};

START_TEST(when_it_is_due)
{
	const struct probe *probe = &times[_i].probe;
	struct probe_state state = probe_begin(probe, true, times[_i].since, times[_i].now);

	ck_assert_int_eq(state.due, times[_i].first);
	probe_note(&state, probe, true, state.due);
	ck_assert_int_eq(state.due, times[_i].next);
	probe_skip(&state, probe, times[_i].first);
	ck_assert_int_eq(state.due, times[_i].next);
}
END_TEST

START_TEST(how_long_it_may_take)
{
	ck_assert_int_eq(probe_timeout(&(struct probe){ 0 }), 1000);
	ck_assert_int_eq(probe_timeout(&(struct probe){ .timeout_seconds = -3 }), 1000);
	ck_assert_int_eq(probe_timeout(&(struct probe){ .timeout_seconds = 7 }), 7000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("probe_plan");
	TCase *tcase = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, verdicts, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_loop_test(tcase, when_it_is_due, 0, sizeof(times) / sizeof(*times));
	tcase_add_test(tcase, how_long_it_may_take);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
