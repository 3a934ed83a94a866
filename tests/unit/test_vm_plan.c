/* Run strategies: what is done about the instance, for every strategy, state of the instance and request (fact sheet of
 * KubeVirt's API, section 2.2). */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/controllers/vm_plan.h"

static const char *const actions[] = { [VM_KEEP] = "keep", [VM_START] = "start", [VM_STOP] = "stop",
	[VM_STOP_AND_REQUEST] = "again" };

enum instance { ABSENT, PENDING, RUNNING, SUCCEEDED, FAILED, STOPPING, STOPPED };
static const struct {
	bool exists, deleting;
	enum vmi_phase phase;
} instances[] = {
	[ABSENT] = { false, false, VMI_UNSET },
	[PENDING] = { true, false, VMI_PENDING },
	[RUNNING] = { true, false, VMI_RUNNING },
	[SUCCEEDED] = { true, false, VMI_SUCCEEDED },
	[FAILED] = { true, false, VMI_FAILED },
	[STOPPING] = { true, true, VMI_RUNNING },
	[STOPPED] = { true, true, VMI_FAILED },
};

/* What is done without a request, when a start was asked for, when a stop was. */
static const struct {
	enum run_strategy strategy, seen;
	enum instance instance;
	const char *none, *start, *stop;
} rows[] = {
	/* Always: there is one that runs. */
	{ RUN_ALWAYS, RUN_ALWAYS, ABSENT, "start", "start", "start" },
	{ RUN_ALWAYS, RUN_ALWAYS, PENDING, "keep", "keep", "stop" },
	{ RUN_ALWAYS, RUN_ALWAYS, RUNNING, "keep", "keep", "stop" },
	{ RUN_ALWAYS, RUN_ALWAYS, SUCCEEDED, "stop", "stop", "stop" },
	{ RUN_ALWAYS, RUN_ALWAYS, FAILED, "stop", "stop", "stop" },
	{ RUN_ALWAYS, RUN_HALTED, ABSENT, "start", "start", "start" },
	/* RerunOnFailure: a guest that shuts itself down stays down. */
	{ RUN_RERUN_ON_FAILURE, RUN_RERUN_ON_FAILURE, ABSENT, "keep", "start", "keep" },
	{ RUN_RERUN_ON_FAILURE, RUN_UNSET, ABSENT, "start", "start", "start" },
	{ RUN_RERUN_ON_FAILURE, RUN_HALTED, ABSENT, "start", "start", "start" },
	{ RUN_RERUN_ON_FAILURE, RUN_RERUN_ON_FAILURE, PENDING, "keep", "keep", "stop" },
	{ RUN_RERUN_ON_FAILURE, RUN_RERUN_ON_FAILURE, RUNNING, "keep", "keep", "stop" },
	{ RUN_RERUN_ON_FAILURE, RUN_RERUN_ON_FAILURE, SUCCEEDED, "stop", "stop", "stop" },
	{ RUN_RERUN_ON_FAILURE, RUN_RERUN_ON_FAILURE, FAILED, "again", "again", "again" },
	/* Manual: only what is asked for; what ended stays to be looked at. */
	{ RUN_MANUAL, RUN_MANUAL, ABSENT, "keep", "start", "keep" },
	{ RUN_MANUAL, RUN_MANUAL, PENDING, "keep", "keep", "stop" },
	{ RUN_MANUAL, RUN_MANUAL, RUNNING, "keep", "keep", "stop" },
	{ RUN_MANUAL, RUN_MANUAL, SUCCEEDED, "keep", "stop", "stop" },
	{ RUN_MANUAL, RUN_MANUAL, FAILED, "keep", "stop", "stop" },
	{ RUN_MANUAL, RUN_ALWAYS, ABSENT, "keep", "start", "keep" },
	/* Halted: none.  A start that was asked for changes the strategy instead. */
	{ RUN_HALTED, RUN_HALTED, ABSENT, "keep", "keep", "keep" },
	{ RUN_HALTED, RUN_ALWAYS, ABSENT, "keep", "keep", "keep" },
	{ RUN_HALTED, RUN_HALTED, PENDING, "stop", "stop", "stop" },
	{ RUN_HALTED, RUN_ALWAYS, RUNNING, "stop", "stop", "stop" },
	{ RUN_HALTED, RUN_HALTED, SUCCEEDED, "stop", "stop", "stop" },
	{ RUN_HALTED, RUN_HALTED, FAILED, "stop", "stop", "stop" },
	/* Once: the one that ended stays, so that there is no second. */
	{ RUN_ONCE, RUN_ONCE, ABSENT, "start", "start", "start" },
	{ RUN_ONCE, RUN_ONCE, PENDING, "keep", "keep", "stop" },
	{ RUN_ONCE, RUN_ONCE, RUNNING, "keep", "keep", "stop" },
	{ RUN_ONCE, RUN_ONCE, SUCCEEDED, "keep", "keep", "keep" },
	{ RUN_ONCE, RUN_ONCE, FAILED, "keep", "keep", "keep" },
	/* No strategy is taken for Halted: nothing starts by mistake. */
	{ RUN_UNSET, RUN_UNSET, ABSENT, "keep", "keep", "keep" },
	{ RUN_UNSET, RUN_UNSET, RUNNING, "stop", "stop", "stop" },
};

static void
assert_plan(size_t row, enum state_change request, const char *wanted)
{
	const struct vm_situation situation = { .strategy = rows[row].strategy, .seen = rows[row].seen, .request = request,
		.exists = instances[rows[row].instance].exists, .deleting = instances[rows[row].instance].deleting,
		.phase = instances[rows[row].instance].phase };
	const char *found = actions[vm_plan(&situation)];

	ck_assert_msg(strcmp(found, wanted) == 0, "row %zu, request %d: wanted %s, got %s", row, request, wanted, found);
}

START_TEST(follows_the_strategy)
{
	assert_plan((size_t)_i, STATE_CHANGE_UNSET, rows[_i].none);
	assert_plan((size_t)_i, STATE_CHANGE_START, rows[_i].start);
	assert_plan((size_t)_i, STATE_CHANGE_STOP, rows[_i].stop);
}
END_TEST

/* What is on its way out is waited for, whatever is wanted. */
START_TEST(waits_for_the_end)
{
	static const enum instance leaving[] = { STOPPING, STOPPED };

	for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++)
		for (int request = STATE_CHANGE_UNSET; request <= STATE_CHANGE_STOP; request++) {
			const struct vm_situation situation = { .strategy = (enum run_strategy)_i, .request = (enum state_change)request,
				.exists = true, .deleting = true, .phase = instances[leaving[i]].phase };
			ck_assert_int_eq((int)vm_plan(&situation), (int)VM_KEEP);
		}
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("vm_plan");
	TCase *tc = tcase_create("vm_plan");

	tcase_add_loop_test(tc, follows_the_strategy, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, waits_for_the_end, RUN_UNSET, RUN_ONCE + 1);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
