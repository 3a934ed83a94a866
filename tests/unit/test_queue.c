/* The queue of objects to reconcile: order, no doubles, earlier beats later, growing delays.  Nothing here waits: what is due
 * is run by turning the loop, and how long the rest has to wait is asked of the loop's timer. */
#include "config.h"

#include <check.h>
#include <event2/event.h>
#include <glib.h>
#include <stdlib.h>

#include "daemon/queue.h"
#include "src/base/clock.h"

enum { LATE = 3600 * 1000, COARSE = 50 /* ms by which the loop's clock may differ from ours */ };

static struct event_base *base;
static struct queue *queue;
static GString *calls;                  /* names, with spaces */
static void (*react)(const char *name); /* what reconciling does besides */

static void
reconcile(void *arg, enum kind_id kind, const char *namespace, const char *name)
{
	ck_assert_ptr_eq(arg, &calls);
	g_string_append_printf(calls, "%s%d/%s/%s", calls->len == 0 ? "" : " ", (int)kind, namespace, name);
	if (react != NULL)
		react(name);
}

static void
setup(void)
{
	base = event_base_new();
	queue = queue_new(base, reconcile, &calls);
	calls = g_string_new(NULL);
	react = NULL;
}

static void
teardown(void)
{
	queue_free(queue);
	event_base_free(base);
	g_string_free(calls, TRUE);
}

/* Runs what is due. */
static void
assert_runs(const char *wanted)
{
	g_string_truncate(calls, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_str_eq(calls->str, wanted);
}

START_TEST(runs_in_order)
{
	queue_add(queue, KIND_VMI, "a", "1", 0);
	queue_add(queue, KIND_VM, "b", "2", 0);
	queue_add(queue, KIND_NODE, "", "3", 0);
	assert_runs("1/a/1 0/b/2 7//3");
	assert_runs("");
}
END_TEST

START_TEST(holds_each_once)
{
	queue_add(queue, KIND_VM, "a", "1", 0);
	queue_add(queue, KIND_VM, "a", "2", 0);
	queue_add(queue, KIND_VM, "a", "1", 0);
	queue_add(queue, KIND_VMI, "a", "1", 0);
	queue_add(queue, KIND_VM, "b", "1", 0);
	assert_runs("0/a/1 0/a/2 1/a/1 0/b/1");
}
END_TEST

START_TEST(earlier_beats_later)
{
	queue_add(queue, KIND_VM, "a", "1", LATE);
	queue_add(queue, KIND_VM, "a", "2", LATE);
	assert_runs("");
	queue_add(queue, KIND_VM, "a", "2", 0);
	queue_add(queue, KIND_VM, "a", "2", LATE);
	assert_runs("0/a/2");
	queue_forget(queue, KIND_VM, "a", "1");
	assert_runs("");
	queue_add(queue, KIND_VM, "a", "1", 0);
	assert_runs("0/a/1");
}
END_TEST

static void
add_another(const char *name)
{
	if (*name == '1')
		queue_add(queue, KIND_VM, "a", "2", 0);
}

/* What is asked for while it is looked at is looked at again: a change may have come in between. */
static void
add_itself(const char *name)
{
	react = NULL;
	queue_add(queue, KIND_VM, "a", name, 0);
}

START_TEST(takes_more_from_inside)
{
	queue_add(queue, KIND_VM, "a", "1", 0);
	react = add_another;
	g_string_truncate(calls, 0);
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_str_eq(calls->str, "0/a/1 0/a/2");
	queue_add(queue, KIND_VM, "a", "3", 0);
	react = add_itself;
	g_string_truncate(calls, 0);
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_str_eq(calls->str, "0/a/3 0/a/3");
}
END_TEST

/* A long queue does not keep the loop from everything else. */
START_TEST(runs_a_batch_a_turn)
{
	g_auto(GStrv) names = NULL;

	for (int i = 0; i < QUEUE_BATCH + 10; i++) {
		g_autofree char *name = g_strdup_printf("%d", i);
		queue_add(queue, KIND_VM, "a", name, 0);
	}
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	names = g_strsplit(calls->str, " ", -1);
	ck_assert_uint_eq(g_strv_length(names), QUEUE_BATCH);
	g_strfreev(names);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	names = g_strsplit(calls->str, " ", -1);
	ck_assert_uint_eq(g_strv_length(names), QUEUE_BATCH + 10);
}
END_TEST

/* --- retries -------------------------------------------------------------------------------------------------------- */

static int
take_timeout(const struct event_base *of, const struct event *event, void *arg)
{
	struct timeval tv;

	(void)of;
	if (event_pending(event, EV_TIMEOUT, &tv))
		*(int64_t *)arg = (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
	return 0;
}

/* The loop's timer stands for the first item: it is set as many ms ahead, counted from some time during the retry. */
static void
assert_retry_waits(int64_t delay)
{
	int64_t before = clock_wall_ms(), due = -1, after;

	queue_retry(queue, KIND_VM, "a", "1");
	after = clock_wall_ms();
	event_base_foreach_event(base, take_timeout, &due);
	ck_assert_msg(due >= before + delay - COARSE && due <= after + delay + COARSE, "waits %lld, not %lld",
	    (long long)(due - before), (long long)delay);
	/* It is due at once when somebody asks; what it has failed so far is not forgotten by that. */
	queue_add(queue, KIND_VM, "a", "1", 0);
	assert_runs("0/a/1");
}

START_TEST(retries_wait_longer_each_time)
{
	int64_t delay = QUEUE_RETRY_FIRST;

	for (; delay < QUEUE_RETRY_MOST; delay *= 2)
		assert_retry_waits(delay);
	assert_retry_waits(QUEUE_RETRY_MOST);
	assert_retry_waits(QUEUE_RETRY_MOST);
	queue_forget(queue, KIND_VM, "a", "1");
	assert_retry_waits(QUEUE_RETRY_FIRST);
}
END_TEST

START_TEST(a_retry_does_not_delay)
{
	queue_add(queue, KIND_VM, "a", "1", 0);
	queue_retry(queue, KIND_VM, "a", "1");
	assert_runs("0/a/1");
	assert_runs("");
}
END_TEST

START_TEST(forgets_what_it_does_not_know)
{
	queue_forget(queue, KIND_VM, "a", "1");
	queue_free(NULL);
	assert_runs("");
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, runs_in_order);
	tcase_add_test(tc, holds_each_once);
	tcase_add_test(tc, earlier_beats_later);
	tcase_add_test(tc, takes_more_from_inside);
	tcase_add_test(tc, runs_a_batch_a_turn);
	tcase_add_test(tc, retries_wait_longer_each_time);
	tcase_add_test(tc, a_retry_does_not_delay);
	tcase_add_test(tc, forgets_what_it_does_not_know);
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
