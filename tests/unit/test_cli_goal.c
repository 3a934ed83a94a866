/* What "wait --for" asks for. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/goal.h"

static const char object_text[] =
    "{\"metadata\":{\"name\":\"a\"},\"status\":{\"phase\":\"Running\",\"conditions\":["
    "{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"Paused\",\"status\":\"False\"}]}}";

static const struct {
	const char *text;
	bool met, met_when_gone;
} goals[] = {
	{ "condition=Ready", true, false },
	{ "condition=ready", true, false },
	{ "condition=Ready=true", true, false },
	{ "condition=Ready=False", false, false },
	{ "condition=Paused", false, false },
	{ "condition=Paused=false", true, false },
	{ "condition=Absent", false, false },
	{ "condition=Absent=False", false, false },
	{ "delete", false, true },
	{ "create", true, false },
	{ "jsonpath={.status.phase}=Running", true, false },
	{ "jsonpath={.status.phase}=Failed", false, false },
	{ "jsonpath={.status.phase}", true, false },
	{ "jsonpath={.status.nothing}", false, false },
	{ "jsonpath=.status.phase=Running", true, false },
	{ "jsonpath=status.phase=Running", true, false },
	{ "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True", true, false },
};

START_TEST(goals_that_are_met_or_not)
{
	json_auto_t *object = json_loads(object_text, 0, NULL);
	struct goal goal = { 0 };
	struct error err = { 0 };

	ck_assert_msg(goal_parse(goals[_i].text, &goal, &err) == 0, "%s: %s", goals[_i].text, err.text);
	ck_assert_msg(goal_met(&goal, object) == goals[_i].met, "%s", goals[_i].text);
	ck_assert_msg(goal_met(&goal, NULL) == goals[_i].met_when_gone, "%s, gone", goals[_i].text);
	goal_clear(&goal);
}
END_TEST

static const char *const refused[] = { "", "Ready", "condition=", "condition", "condition==True", "jsonpath=", "deleted" };

START_TEST(goals_that_are_refused)
{
	struct goal goal = { 0 };
	struct error err = { 0 };

	ck_assert_int_eq(goal_parse(refused[_i], &goal, &err), -1);
	ck_assert_int_eq(err.code, EINVAL);
	goal_clear(&goal);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_goal");
	TCase *tc = tcase_create("cli_goal");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, goals_that_are_met_or_not, 0, G_N_ELEMENTS(goals));
	tcase_add_loop_test(tc, goals_that_are_refused, 0, G_N_ELEMENTS(refused));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
