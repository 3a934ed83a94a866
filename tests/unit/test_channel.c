/* Workers: asked, hung, crashed, mad, and started again.  worker_echo.c is the other side. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"

/* What the callbacks have told. */
struct told {
	struct event_base *base;
	struct worker *worker;
	unsigned up, down, events, answers, failures;
	char reason[1000];
	struct error error;
	json_t *result, *event_args;
	bool free_in_reply, free_in_state;
};

static struct told told;

static void
on_event(void *owner, const char *event, json_t *args)
{
	struct told *t = owner;

	ck_assert_ptr_nonnull(event);
	t->events++;
	json_decref(t->event_args);
	t->event_args = json_incref(args);
}

static void
on_state(void *owner, const char *reason)
{
	struct told *t = owner;

	if (reason == NULL) {
		t->up++;
		return;
	}
	t->down++;
	g_strlcpy(t->reason, reason, sizeof(t->reason));
	if (t->free_in_state)
		worker_free(g_steal_pointer(&t->worker));
}

static void
on_reply(void *arg, json_t *result, const struct error *error)
{
	struct told *t = arg;

	ck_assert((result == NULL) != (error == NULL));
	json_decref(t->result);
	t->result = json_incref(result);
	t->answers += result != NULL;
	t->failures += error != NULL;
	if (error != NULL)
		t->error = *error;
	if (t->free_in_reply)
		worker_free(g_steal_pointer(&t->worker));
}

static const struct worker_class echo_class = { "worker_echo", on_event, on_state, 20, 200 };
static const struct worker_class once_class = { "worker_echo", on_event, on_state, 0, 0 };
static const struct worker_class absent_class = { "worker_absent", on_event, on_state, 20, 200 };

static void
start_as(const struct worker_class *class, const char *argument)
{
	const char *arguments[] = { argument, NULL };

	told = (struct told){ .base = event_base_new() };
	told.worker = worker_new(told.base, class, NULL, arguments, &told);
}

static void
setup(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *directory = g_path_get_dirname(self);

	setenv("SOLOVIRT_LIBEXEC", directory, 1);
	start_as(&echo_class, NULL);
}

static void
stop(void)
{
	worker_free(told.worker);
	json_decref(told.result);
	json_decref(told.event_args);
	event_base_free(told.base);
	/* Nothing may be left to wait for. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

static void
restart_as(const struct worker_class *class, const char *argument)
{
	stop();
	start_as(class, argument);
}

static void
on_too_long(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	ck_abort_msg("waited too long");
}

/* Turns the loop until the counter reaches a number. */
static void
wait_for(const unsigned *counter, unsigned number)
{
	struct event *timer = evtimer_new(told.base, on_too_long, NULL);
	struct timeval limit = { 10, 0 };

	evtimer_add(timer, &limit);
	while (*counter < number)
		event_base_loop(told.base, EVLOOP_ONCE);
	event_free(timer);
}

static void
call(const char *verb, json_t *args, int64_t deadline_ms)
{
	worker_call(told.worker, verb, args, -1, deadline_ms, on_reply, &told);
}

START_TEST(answers)
{
	call("echo", json_pack("{s:s, s:I}", "text", "h\xc3\xa9", "number", INT64_MAX), 5000);
	ck_assert_uint_eq(told.answers, 0);
	wait_for(&told.answers, 1);
	ck_assert_uint_eq(told.up, 1);
	ck_assert_int_gt(worker_pid(told.worker), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(told.result, "number")), INT64_MAX);
	ck_assert_str_eq(json_string_value(json_object_get(told.result, "text")), "h\xc3\xa9");
	call("fail", json_object(), 5000);
	wait_for(&told.failures, 1);
	ck_assert_int_eq(told.error.code, 17);
	ck_assert_str_eq(told.error.text, "no such luck");
	call("event", json_pack("{s:i}", "n", 3), 5000);
	wait_for(&told.answers, 2);
	ck_assert_uint_eq(told.events, 1);
	ck_assert_int_eq(json_integer_value(json_object_get(told.event_args, "n")), 3);
}
END_TEST

START_TEST(many_and_large)
{
	g_autofree char *text = g_strnfill(CHANNEL_MAX - 1000, 'x');

	for (int i = 0; i < WORKER_CALLS; i++)
		call("echo", json_pack("{s:i}", "i", i), 20000);
	wait_for(&told.answers, WORKER_CALLS);
	ck_assert_int_eq(json_integer_value(json_object_get(told.result, "i")), WORKER_CALLS - 1);
	call("echo", json_pack("{s:s}", "text", text), 20000);
	wait_for(&told.answers, WORKER_CALLS + 1);
	ck_assert_uint_eq(json_string_length(json_object_get(told.result, "text")), CHANNEL_MAX - 1000);
	ck_assert_uint_eq(told.failures, 0);
}
END_TEST

START_TEST(limits)
{
	g_autofree char *text = g_strnfill(CHANNEL_MAX, 'x');

	call("echo", json_pack("{s:s}", "text", text), 5000);
	ck_assert_uint_eq(told.failures, 0);
	wait_for(&told.failures, 1);
	ck_assert_int_eq(told.error.code, EMSGSIZE);
	for (int i = 0; i < WORKER_CALLS + 1; i++)
		call("echo", json_object(), 20000);
	wait_for(&told.failures, 2);
	ck_assert_int_eq(told.error.code, EAGAIN);
	wait_for(&told.answers, WORKER_CALLS);
}
END_TEST

START_TEST(descriptor)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(write(pipe_fds[1], "through", 7), 7);
	close(pipe_fds[1]);
	/* The large one before it must not take the descriptor. */
	call("echo", json_object(), 5000);
	worker_call(told.worker, "read-fd", json_object(), pipe_fds[0], 5000, on_reply, &told);
	ck_assert_int_eq(fcntl(pipe_fds[0], F_GETFD), 0);
	close(pipe_fds[0]);
	wait_for(&told.answers, 2);
	ck_assert_str_eq(json_string_value(json_object_get(told.result, "text")), "through");
	/* 0, 1, 2, the channel, and the pipe. */
	ck_assert_int_eq(json_integer_value(json_object_get(told.result, "open")), 5);
}
END_TEST

START_TEST(deadline)
{
	int64_t begin = clock_monotonic_ms();

	call("hang", json_object(), 100);
	call("echo", json_object(), 20000);
	wait_for(&told.failures, 2);
	ck_assert_int_eq(told.error.code, ETIMEDOUT);
	ck_assert_str_eq(told.reason, "worker_echo did not answer hang within 100 ms and was killed");
	ck_assert_int_lt(clock_monotonic_ms() - begin, 5000);
	ck_assert_int_eq(worker_pid(told.worker), -1);
	call("echo", json_object(), 5000);
	wait_for(&told.failures, 3);
	ck_assert_int_eq(told.error.code, EHOSTDOWN);
	wait_for(&told.up, 2);
	call("echo", json_object(), 5000);
	wait_for(&told.answers, 1);
}
END_TEST

/* A deadline that has passed before the loop ran for the first time. */
START_TEST(deadline_at_once)
{
	call("hang", json_object(), 1);
	g_usleep(20000);
	wait_for(&told.failures, 1);
	ck_assert_int_eq(told.error.code, ETIMEDOUT);
	ck_assert_uint_eq(told.up, 1);
	ck_assert_uint_eq(told.down, 1);
	wait_for(&told.up, 2);
}
END_TEST

START_TEST(children_go_too)
{
	pid_t child;

	call("hang-with-child", json_object(), 200);
	wait_for(&told.failures, 1);
	child = (pid_t)json_integer_value(json_object_get(told.event_args, "pid"));
	ck_assert_int_gt(child, 0);
	wait_for(&told.up, 2);
	/* It is somebody else's to reap; dead it is when it has no command line any more. */
	for (int i = 0; i < 1000; i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)child);
		g_autofree char *text = NULL;
		gsize length = 0;
		if (!g_file_get_contents(path, &text, &length, NULL) || length == 0)
			return;
		g_usleep(1000);
	}
	ck_abort_msg("the worker's child lives");
}
END_TEST

static const struct {
	const char *verb;
	const char *reason;
} deaths[] = {
	{ "exit", "worker_echo ended with status 7" },
	{ "abort", "worker_echo was ended by signal 6 (Aborted)" },
	{ "close", "worker_echo closed its channel and was killed" },
	{ "garbage", "worker_echo was killed: a frame does not begin as one" },
	{ "huge", "worker_echo was killed: a frame of 2147483647 bytes is announced; at most 16777216 are read" },
	{ "no-json", "worker_echo was killed: a frame does not hold a JSON object" },
	{ "wrong-id", "worker_echo was killed: a message is neither an event nor the answer to a call" },
	{ "last-words", "the house is on fire" },
	{ "mumble", "worker_echo was killed: a message is neither an event nor the answer to a call" },
};

START_TEST(death)
{
	call(deaths[_i].verb, json_pack("{s:i}", "status", 7), 20000);
	call("echo", json_object(), 20000);
	wait_for(&told.failures, 2);
	ck_assert_int_eq(told.error.code, ECONNRESET);
	ck_assert_str_eq(told.error.text, deaths[_i].reason);
	ck_assert_str_eq(told.reason, deaths[_i].reason);
	wait_for(&told.up, 2);
	call("echo", json_object(), 20000);
	wait_for(&told.answers, 1);
	ck_assert_uint_eq(told.down, 1);
	/* What one said at its end is not said of the next. */
	call("exit", json_pack("{s:i}", "status", 3), 20000);
	wait_for(&told.down, 2);
	ck_assert_str_eq(told.reason, "worker_echo ended with status 3");
}
END_TEST

START_TEST(killed_from_outside)
{
	wait_for(&told.up, 1);
	kill(worker_pid(told.worker), SIGKILL);
	wait_for(&told.down, 1);
	ck_assert_str_eq(told.reason, "worker_echo was ended by signal 9 (Killed)");
	wait_for(&told.up, 2);
}
END_TEST

START_TEST(last_words)
{
	call("answer-and-exit", json_pack("{s:i}", "n", 1), 20000);
	wait_for(&told.down, 1);
	ck_assert_uint_eq(told.answers, 1);
	ck_assert_uint_eq(told.failures, 0);
	ck_assert_str_eq(told.reason, "worker_echo ended with status 0");
}
END_TEST

/* 20, 40, 80, 160, 200, 200 ms between the starts of one that dies at once. */
START_TEST(back_off)
{
	int64_t begin;

	restart_as(&echo_class, "die");
	begin = clock_monotonic_ms();
	wait_for(&told.down, 6);
	ck_assert_str_eq(told.reason, "worker_echo ended with status 9");
	ck_assert_int_ge(clock_monotonic_ms() - begin, 20 + 40 + 80 + 160 + 200 - 5);
}
END_TEST

START_TEST(absent)
{
	int64_t begin;

	restart_as(&absent_class, NULL);
	begin = clock_monotonic_ms();
	ck_assert_uint_eq(told.down, 0);
	call("echo", json_object(), 20000);
	wait_for(&told.failures, 1);
	ck_assert_int_eq(told.error.code, EHOSTDOWN);
	wait_for(&told.down, 4);
	ck_assert(g_str_has_prefix(told.reason, "cannot start /"));
	ck_assert(g_str_has_suffix(told.reason, "/worker_absent: No such file or directory"));
	ck_assert_int_ge(clock_monotonic_ms() - begin, 20 + 40 + 80 - 5);
	ck_assert_uint_eq(told.up, 0);
}
END_TEST

START_TEST(never_again)
{
	restart_as(&once_class, NULL);
	call("answer-and-exit", json_object(), 20000);
	wait_for(&told.down, 1);
	/* Nothing is left to happen. */
	ck_assert_int_eq(event_base_loop(told.base, 0), 1);
	ck_assert_uint_eq(told.up, 1);
}
END_TEST

START_TEST(freeing)
{
	call("hang", json_object(), 20000);
	call("echo", json_object(), 20000);
	if (_i == 1)
		wait_for(&told.up, 1);
	worker_free(g_steal_pointer(&told.worker));
	ck_assert_uint_eq(told.failures, 2);
	ck_assert_int_eq(told.error.code, ECANCELED);
	ck_assert_uint_eq(told.down, 0);
}
END_TEST

START_TEST(freeing_in_callbacks)
{
	static const char *const verbs[] = { "echo", "fail", "exit", "garbage" };

	told.free_in_reply = _i < 4;
	told.free_in_state = _i >= 4;
	call(verbs[_i % 4], json_object(), 20000);
	if (_i >= 4)
		call("abort", json_object(), 20000);
	while (told.worker != NULL)
		event_base_loop(told.base, EVLOOP_ONCE);
	ck_assert_uint_ge(told.answers + told.failures, 1);
}
END_TEST

START_TEST(other_children_stay_ours)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(42);
	call("abort", json_object(), 20000);
	wait_for(&told.up, 2);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

/* The worker's side alone: a daemon that goes in the middle of a frame, and one that is simply gone. */
START_TEST(worker_side)
{
	struct error err = { 0 };
	json_t *message = NULL;
	int pair[2], fd = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	message = json_pack("{s:i}", "n", 1);
	ck_assert_int_eq(channel_write(pair[0], message, pair[0], &err), 0);
	json_decref(message);
	ck_assert_int_eq(channel_read(pair[1], &message, &fd, &err), 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	json_decref(message);
	ck_assert_int_eq(write(pair[0], "SVv1\x05\0\0\0{", 9), 9);
	close(pair[0]);
	ck_assert_int_eq(channel_read(pair[1], &message, &fd, &err), -1);
	ck_assert_str_eq(err.text, "the channel ended inside a frame");
	ck_assert_int_eq(channel_read(pair[1], &message, &fd, &err), 0);
	message = json_object();
	ck_assert_int_eq(channel_write(pair[1], message, -1, &err), -1);
	ck_assert_int_eq(err.code, EPIPE);
	json_decref(message);
	close(pair[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("channel");
	TCase *tc = tcase_create("worker");

	tcase_add_checked_fixture(tc, setup, stop);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, many_and_large);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, descriptor);
	tcase_add_test(tc, deadline);
	tcase_add_test(tc, deadline_at_once);
	tcase_add_test(tc, children_go_too);
	tcase_add_loop_test(tc, death, 0, G_N_ELEMENTS(deaths));
	tcase_add_test(tc, killed_from_outside);
	tcase_add_test(tc, last_words);
	tcase_add_test(tc, back_off);
	tcase_add_test(tc, absent);
	tcase_add_test(tc, never_again);
	tcase_add_loop_test(tc, freeing, 0, 2);
	tcase_add_loop_test(tc, freeing_in_callbacks, 0, 8);
	tcase_add_test(tc, other_children_stay_ours);
	suite_add_tcase(s, tc);
	tc = tcase_create("frames");
	tcase_add_test(tc, worker_side);
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
