/*
 * The daemon's side of a channel: a process that is started, asked, watched and replaced; see channel.h.
 *
 *            started                     deadline, broken frame: killed, owner told
 *   DOWN --------------> UP -----------------------------------------------------> ENDING
 *    ^                   | its end of the channel is closed                           |
 *    |                   v                                                            |
 *    |                CLOSING  (killed when it does not end within a second)          |
 *    |  back-off         | process has ended: owner told                              | process has ended
 *    '-------------------+------------------------------------------------------------'
 *
 * An owner may call or free the worker from inside any callback.  So every event handler counts itself in "busy", and
 * the memory goes when the last of them has left.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/frame.h"

enum {
	CHILD_SOCKET = 3,     /* where a worker finds its end */
	TURN_FRAMES = 16,     /* read in one turn of the loop, so that one worker cannot keep it */
	FREE_WAIT_MS = 100,   /* for a killed process to be gone when its worker is freed */
	CLOSING_SECONDS = 1   /* between the end of a channel and that of its process */
};

enum worker_state { WORKER_DOWN, WORKER_UP, WORKER_CLOSING, WORKER_ENDING };

struct call {
	struct worker *worker;
	int64_t id;
	char *verb;
	int64_t deadline_ms;
	struct event *timer;
	worker_reply *reply; /* may be NULL */
	void *arg;
	struct error error; /* of a call that was refused */
};

/* A frame on its way out. */
struct parcel {
	char *bytes;
	size_t length, sent;
	int fd; /* owned, or -1 */
};

/* The frame that is coming in. */
struct inbox {
	unsigned char head[FRAME_HEAD];
	char *text; /* NULL until the head is complete */
	size_t length, got;
};

struct worker {
	struct event_base *base;
	const struct worker_class *class;
	void *owner;
	char **arguments;
	bool entered;      /* the first of them leads to the program, wherever that is */
	enum worker_state state;
	bool announced; /* owner knows whether the last start succeeded */
	bool gone;      /* freed by its owner */
	unsigned busy;  /* event handlers inside */
	pid_t pid;      /* until it is reaped, else -1 */
	int pidfd, socket;
	struct event *timer, *refusal;                      /* as long as the worker */
	struct event *on_exit, *on_readable, *on_writable;  /* as long as a process; NULL else */
	GQueue calls, refused;                              /* struct call */
	GQueue output;                                      /* struct parcel */
	size_t output_bytes;
	struct inbox inbox;
	int64_t next_id, backoff_ms, started_ms;
	struct error failure; /* why it was not started, was killed, or is about to end */
};

static int launch(struct worker *worker, struct error *err);
static void announce(struct worker *worker);
static void on_timer(evutil_socket_t fd, short what, void *data);
static void on_refusal(evutil_socket_t fd, short what, void *data);
static void on_deadline(evutil_socket_t fd, short what, void *data);
static void kill_process(const struct worker *worker);
static void close_channel(struct worker *worker);
static void fail_calls(struct worker *worker, const struct error *why);
static void refuse(struct worker *worker, struct call *call, const struct error *why);
static int post(struct worker *worker, struct call *call, json_t *args, int fd, struct error *err);
static void receive(struct worker *worker, unsigned most);
static void kill_closed(struct worker *worker);
static void destroy(struct worker *worker);
static void reap_on_free(struct worker *worker);

static void
enter(struct worker *worker)
{
	worker->busy++;
}

static void
leave(struct worker *worker)
{
	if (--worker->busy == 0 && worker->gone)
		destroy(worker);
}

/* argv: the program's name, or what leads to its path. */
static char **
words_new(const struct worker_class *class, const char *const *enter, const char *const *arguments)
{
	GStrvBuilder *words = g_strv_builder_new();
	g_autofree char *path = g_build_filename(worker_directory(), class->program, NULL);
	char **all;

	if (enter != NULL)
		g_strv_builder_addv(words, (const char **)(uintptr_t)enter);
	g_strv_builder_add(words, enter == NULL ? class->program : path);
	if (arguments != NULL)
		g_strv_builder_addv(words, (const char **)(uintptr_t)arguments);
	all = g_strv_builder_end(words);
	g_strv_builder_unref(words);
	return all;
}

struct worker *
worker_new(struct event_base *base, const struct worker_class *class, const char *const *enter, const char *const *arguments, void *owner)
{
	struct worker *worker = g_new0(struct worker, 1);

	worker->base = base;
	worker->class = class;
	worker->owner = owner;
	worker->entered = enter != NULL && *enter != NULL;
	worker->arguments = words_new(class, worker->entered ? enter : NULL, arguments);
	worker->pid = -1;
	worker->pidfd = worker->socket = -1;
	worker->backoff_ms = class->backoff_first_ms;
	worker->timer = evtimer_new(base, on_timer, worker);
	worker->refusal = evtimer_new(base, on_refusal, worker);
	launch(worker, &worker->failure);
	event_active(worker->timer, EV_TIMEOUT, 0);
	return worker;
}

void
worker_free(struct worker *worker)
{
	struct error why = { 0 };

	if (worker == NULL)
		return;
	g_assert(!worker->gone);
	worker->gone = true;
	enter(worker);
	kill_process(worker);
	close_channel(worker);
	worker->state = WORKER_DOWN;
	error_set(&why, ECANCELED, "%s was stopped", worker->class->program);
	fail_calls(worker, &why);
	reap_on_free(worker);
	event_free(worker->timer);
	event_free(worker->refusal);
	leave(worker);
}

void
worker_call(struct worker *worker, const char *verb, json_t *args, int fd, int64_t deadline_ms, worker_reply *reply,
    void *arg)
{
	struct call *call = g_new0(struct call, 1);
	struct error err = { 0 };

	g_assert(deadline_ms > 0);
	call->worker = worker;
	call->verb = g_strdup(verb);
	call->deadline_ms = deadline_ms;
	call->reply = reply;
	call->arg = arg;
	if (post(worker, call, args, fd, &err) != 0)
		refuse(worker, call, &err);
}

int
worker_pid(const struct worker *worker)
{
	return worker->state == WORKER_UP ? worker->pid : -1;
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static void
parcel_free(void *data)
{
	struct parcel *parcel = data;

	if (parcel->fd >= 0)
		close(parcel->fd);
	g_free(parcel->bytes);
	g_free(parcel);
}

/* Answers a call, which is in no queue any more, and frees it. */
static void
answer(struct call *call, json_t *result, const struct error *error)
{
	worker_reply *reply = call->reply;
	void *arg = call->arg;

	if (call->timer != NULL)
		event_free(call->timer);
	g_free(call->verb);
	if (reply != NULL)
		reply(arg, result, error);
	g_free(call);
}

static void
refuse(struct worker *worker, struct call *call, const struct error *why)
{
	call->error = *why;
	g_queue_push_tail(&worker->refused, call);
	if (!worker->gone)
		event_active(worker->refusal, EV_TIMEOUT, 0);
}

static void
on_refusal(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;

	(void)fd, (void)what;
	enter(worker);
	/* Only those that are here now: a caller that tries again at once must not keep the loop. */
	for (guint left = worker->refused.length; left > 0 && !worker->gone; left--) {
		struct call *call = g_queue_pop_head(&worker->refused);
		struct error error = call->error;
		answer(call, NULL, &error);
	}
	leave(worker);
}

/* All that are under way, and when the worker goes, those whose refusal has not been told. */
static void
fail_calls(struct worker *worker, const struct error *why)
{
	struct call *call;

	while ((call = g_queue_pop_head(&worker->calls)) != NULL)
		answer(call, NULL, why);
	while (worker->gone && (call = g_queue_pop_head(&worker->refused)) != NULL)
		answer(call, NULL, why);
}

static int
check_capacity(const struct worker *worker, struct error *err)
{
	const char *program = worker->class->program;

	if (worker->gone || worker->state != WORKER_UP)
		return error_set(err, EHOSTDOWN, "%s is not running", program);
	if (worker->calls.length >= WORKER_CALLS || worker->output_bytes > WORKER_OUTPUT)
		return error_set(err, EAGAIN, "%s has too much to do: %u calls are waiting", program, worker->calls.length);
	return 0;
}

static int
queue_frame(struct worker *worker, const json_t *message, int fd, struct error *err)
{
	struct parcel *parcel;
	g_autofree char *bytes = NULL;
	size_t length;
	int carried = -1;

	bytes = frame_encode(message, &length, err);
	if (bytes == NULL)
		return -1;
	if (fd >= 0 && (carried = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_SOCKET)) < 0)
		return error_errno(err, "cannot pass a descriptor to %s", worker->class->program);
	parcel = g_new0(struct parcel, 1);
	parcel->bytes = g_steal_pointer(&bytes);
	parcel->length = length;
	parcel->fd = carried;
	worker->output_bytes += length;
	g_queue_push_tail(&worker->output, parcel);
	if (worker->on_writable != NULL)
		event_add(worker->on_writable, NULL);
	return 0;
}

/* Takes args in any case.  On failure the call is still the caller's. */
static int
post(struct worker *worker, struct call *call, json_t *args, int fd, struct error *err)
{
	struct timeval deadline = { call->deadline_ms / 1000, call->deadline_ms % 1000 * 1000 };
	json_t *message;
	int rc = check_capacity(worker, err);

	if (rc != 0) {
		json_decref(args);
		return rc;
	}
	call->id = ++worker->next_id;
	message = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)call->id, "verb", call->verb, "args",
	    args != NULL ? args : json_object());
	if (message == NULL)
		return error_set(err, EINVAL, "a call to %s is not UTF-8", worker->class->program);
	rc = queue_frame(worker, message, fd, err);
	json_decref(message);
	if (rc != 0)
		return rc;
	call->timer = evtimer_new(worker->base, on_deadline, call);
	evtimer_add(call->timer, &deadline);
	g_queue_push_tail(&worker->calls, call);
	return 0;
}

/* --- the end of a process ----------------------------------------------------------------------------------------- */

/* Its whole group: ssh and the like must not outlive it.  A zombie keeps the number, so nobody else can be hit. */
static void
kill_process(const struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	kill(-worker->pid, SIGKILL);
}

static void
close_channel(struct worker *worker)
{
	struct parcel *parcel;

	g_clear_pointer(&worker->on_readable, event_free);
	g_clear_pointer(&worker->on_writable, event_free);
	while ((parcel = g_queue_pop_head(&worker->output)) != NULL)
		parcel_free(parcel);
	worker->output_bytes = 0;
	g_clear_pointer(&worker->inbox.text, g_free);
	worker->inbox.got = 0;
	if (worker->socket >= 0)
		close(worker->socket);
	worker->socket = -1;
}

/* The process is of no use any more: kills it, fails its calls, tells its owner. */
static void
fall(struct worker *worker, const struct error *why)
{
	struct error copy = *why;

	worker->state = WORKER_ENDING;
	evtimer_del(worker->timer);
	kill_process(worker);
	close_channel(worker);
	fail_calls(worker, &copy);
	if (!worker->gone)
		worker->class->on_state(worker->owner, copy.text);
}

static void
start_later(struct worker *worker)
{
	const struct worker_class *class = worker->class;
	struct timeval delay;

	worker->state = WORKER_DOWN;
	evtimer_del(worker->timer);
	if (class->backoff_first_ms <= 0)
		return;
	/* One that ran for long did not fail at its start. */
	if (clock_monotonic_ms() - worker->started_ms > class->backoff_most_ms)
		worker->backoff_ms = class->backoff_first_ms;
	delay = (struct timeval){ worker->backoff_ms / 1000, worker->backoff_ms % 1000 * 1000 };
	worker->backoff_ms = MIN(worker->backoff_ms * 2, MAX(class->backoff_most_ms, class->backoff_first_ms));
	evtimer_add(worker->timer, &delay);
}

static void
on_deadline(evutil_socket_t fd, short what, void *data)
{
	struct call *call = data;
	struct worker *worker = call->worker;
	struct error why = { 0 };

	(void)fd, (void)what;
	enter(worker);
	if (!worker->announced)
		announce(worker);
	if (!worker->gone) {
		error_set(&why, ETIMEDOUT, "%s did not answer %s within %lld ms and was killed", worker->class->program,
		    call->verb, (long long)call->deadline_ms);
		fall(worker, &why);
	}
	leave(worker);
}

/* How a process ended, in words.  What it said itself or we did to it is known better than the status tells. */
static void
describe_end(const struct worker *worker, int status, struct error *why)
{
	const char *program = worker->class->program;
	bool known = worker->failure.text[0] != '\0';

	if (WIFSIGNALED(status) && (WTERMSIG(status) != SIGKILL || !known))
		error_set(why, ECONNRESET, "%s was ended by signal %d (%s)", program, WTERMSIG(status),
		    sigdescr_np(WTERMSIG(status)));
	else if (WIFEXITED(status) && !known)
		error_set(why, ECONNRESET, "%s ended with status %d", program, WEXITSTATUS(status));
	else
		*why = worker->failure;
}

/* The pidfd is readable: the process has ended.  Only this one is waited for; other children are not ours. */
static void
on_exit_event(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;
	struct error why = { 0 };
	int status = 0;

	(void)fd, (void)what;
	enter(worker);
	/* What it said before it ended still counts. */
	if (worker->state == WORKER_UP)
		receive(worker, G_MAXUINT);
	if (!worker->gone) {
		kill_process(worker);
		waitpid(worker->pid, &status, WNOHANG);
		worker->pid = -1;
		g_clear_pointer(&worker->on_exit, event_free);
		close(worker->pidfd);
		worker->pidfd = -1;
		describe_end(worker, status, &why);
		if (worker->state != WORKER_ENDING)
			fall(worker, &why);
		if (!worker->gone)
			start_later(worker);
	}
	leave(worker);
}

/* A killed process is gone in no time, unless the kernel holds it: then it stays a zombie until we end. */
static void
reap_on_free(struct worker *worker)
{
	struct pollfd ended = { .fd = worker->pidfd, .events = POLLIN };

	g_clear_pointer(&worker->on_exit, event_free);
	if (worker->pidfd < 0)
		return;
	poll(&ended, 1, FREE_WAIT_MS);
	waitpid(worker->pid, NULL, WNOHANG);
	close(worker->pidfd);
	worker->pidfd = -1;
	worker->pid = -1;
}

static void
destroy(struct worker *worker)
{
	struct call *call;

	/* Calls that were made while the last ones were told of the end. */
	while ((call = g_queue_pop_head(&worker->refused)) != NULL) {
		struct error error = call->error;
		answer(call, NULL, &error);
	}
	g_strfreev(worker->arguments);
	g_free(worker);
}

/* --- what comes in ------------------------------------------------------------------------------------------------ */

static int
take_error(const json_t *error, struct error *out)
{
	const json_t *code = json_object_get(error, "code");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (!json_is_integer(code) || text == NULL)
		return -1;
	return error_set(out, (int)json_integer_value(code), "%s", text), 0;
}

static int
take_answer(struct worker *worker, const json_t *message)
{
	const json_t *id = json_object_get(message, "id"), *error = json_object_get(message, "error");
	json_t *result = json_object_get(message, "result");
	struct error told = { 0 };
	GList *link = worker->calls.head;
	struct call *call;

	while (link != NULL && ((struct call *)link->data)->id != json_integer_value(id))
		link = link->next;
	if (link == NULL || (result == NULL) == (error == NULL) || (error != NULL && take_error(error, &told) != 0))
		return -1;
	call = link->data;
	g_queue_delete_link(&worker->calls, link);
	answer(call, result, error == NULL ? NULL : &told);
	return 0;
}

static int
take_message(struct worker *worker, const json_t *message)
{
	const json_t *event = json_object_get(message, "event");
	json_t *args = json_object_get(message, "args"), *reason = json_object_get(args, "reason");

	if (event == NULL)
		return take_answer(worker, message);
	if (!json_is_string(event) || !json_is_object(args))
		return -1;
	if (strcmp(json_string_value(event), "end") == 0)
		return json_is_string(reason) ? (error_set(&worker->failure, ECONNRESET, "%s", json_string_value(reason)), 0) : -1;
	if (worker->class->on_event != NULL)
		worker->class->on_event(worker->owner, json_string_value(event), args);
	return 0;
}

/* Reads on to the end of the head or of the text.  1: it is there; 0: there is no more now; -1: the channel has ended. */
static int
fill_inbox(struct worker *worker, char *to, size_t length)
{
	struct inbox *inbox = &worker->inbox;

	while (inbox->got < length) {
		/* Without room for control messages the kernel closes descriptors that a worker sends. */
		ssize_t n = recv(worker->socket, to + inbox->got, length - inbox->got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : -1;
		inbox->got += (size_t)n;
	}
	inbox->got = 0;
	return 1;
}

/* Reads a frame; what there is of it stays in the inbox.  1 with *message, NULL when it is broken; 0 and -1 as above. */
static int
read_frame(struct worker *worker, json_t **message, struct error *err)
{
	struct inbox *inbox = &worker->inbox;
	g_autofree char *text = NULL;
	int rc = 1;

	*message = NULL;
	if (inbox->text == NULL) {
		rc = fill_inbox(worker, (char *)inbox->head, FRAME_HEAD);
		if (rc <= 0 || frame_head_read(inbox->head, &inbox->length, err) != 0)
			return rc;
		inbox->text = g_malloc(inbox->length + 1);
	}
	rc = fill_inbox(worker, inbox->text, inbox->length);
	if (rc <= 0)
		return rc;
	text = g_steal_pointer(&inbox->text);
	*message = frame_decode(text, inbox->length, err);
	return 1;
}

static void
break_off(struct worker *worker, const char *what)
{
	struct error why = { 0 };

	error_set(&why, ECONNRESET, "%s was killed: %s", worker->class->program, what);
	fall(worker, &why);
}

/* Its end is closed.  Why is known when the process is seen to end, which it does by itself if it crashed. */
static void
await_end(struct worker *worker)
{
	struct timeval patience = { CLOSING_SECONDS, 0 };

	worker->state = WORKER_CLOSING;
	event_del(worker->on_readable);
	event_del(worker->on_writable);
	evtimer_add(worker->timer, &patience);
}

static void
kill_closed(struct worker *worker)
{
	error_set(&worker->failure, ECONNRESET, "%s closed its channel and was killed", worker->class->program);
	kill_process(worker);
}

/* Takes up to so many frames. */
static void
receive(struct worker *worker, unsigned most)
{
	for (; most > 0 && worker->state == WORKER_UP && !worker->gone; most--) {
		struct error err = { 0 };
		json_t *message;
		int rc = read_frame(worker, &message, &err);
		if (rc < 0)
			await_end(worker);
		if (rc <= 0)
			return;
		if (message == NULL)
			break_off(worker, err.text);
		else if (take_message(worker, message) != 0)
			break_off(worker, "a message is neither an event nor the answer to a call");
		json_decref(message);
	}
}

static void
on_readable_event(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;

	(void)fd, (void)what;
	enter(worker);
	receive(worker, TURN_FRAMES);
	leave(worker);
}

/* --- what goes out ------------------------------------------------------------------------------------------------ */

static void
on_writable_event(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;
	struct parcel *parcel;

	(void)what;
	while ((parcel = g_queue_peek_head(&worker->output)) != NULL) {
		ssize_t n = frame_send(fd, parcel->bytes + parcel->sent, parcel->length - parcel->sent,
		    parcel->sent == 0 ? parcel->fd : -1);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* It has closed its end; the reader is told the same, after what it still has to read. */
			event_del(worker->on_writable);
			return;
		}
		parcel->sent += (size_t)n;
		if (parcel->sent < parcel->length)
			return;
		worker->output_bytes -= parcel->length;
		parcel_free(g_queue_pop_head(&worker->output));
	}
	event_del(worker->on_writable);
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

/* In the child: only what is safe between fork and exec. */
static void __attribute__((noreturn))
become(const char *path, char *const *arguments, int socket, pid_t parent)
{
	sigset_t none;
	int null;

	/* The parent may have died before we asked to die with it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
	setsid();
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (socket == CHILD_SOCKET)
		fcntl(socket, F_SETFD, 0);
	else
		dup2(socket, CHILD_SOCKET);
	close_range(CHILD_SOCKET + 1, ~0U, 0);
	execv(path, arguments);
	_exit(127);
}

/* Starts the process on one end of a pair.  Its failure to become the program shows as an exit with status 127. */
static int
spawn(struct worker *worker, const char *path, int theirs, struct error *err)
{
	pid_t parent = getpid();
	sigset_t all, before;

	/* No handler of ours may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	worker->pid = fork();
	if (worker->pid == 0)
		become(path, worker->arguments, theirs, parent);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (worker->pid < 0)
		return error_errno(err, "cannot start %s", path);
	worker->pidfd = pidfd_open(worker->pid, 0);
	if (worker->pidfd >= 0)
		return 0;
	error_errno(err, "cannot watch %s", path);
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	worker->pid = -1;
	return -1;
}

/* Starts the program and its channel; nothing is told and no event is watched before announce(). */
static int
launch(struct worker *worker, struct error *err)
{
	g_autofree char *path = worker->entered ? g_find_program_in_path(worker->arguments[0])
	                                        : g_build_filename(worker_directory(), worker->class->program, NULL);
	int pair[2], rc;

	worker->announced = false;
	worker->started_ms = clock_monotonic_ms();
	if (path == NULL)
		return error_set(err, ENOENT, "cannot start %s by %s: there is no such program", worker->class->program, worker->arguments[0]);
	if (access(path, X_OK) != 0)
		return error_errno(err, "cannot start %s", path);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_errno(err, "cannot make a channel for %s", path);
	rc = spawn(worker, path, pair[1], err);
	close(pair[1]);
	if (rc != 0) {
		close(pair[0]);
		return rc;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	worker->socket = pair[0];
	worker->state = WORKER_UP;
	return 0;
}

static void
announce(struct worker *worker)
{
	worker->announced = true;
	evtimer_del(worker->timer);
	if (worker->state != WORKER_UP) {
		worker->class->on_state(worker->owner, worker->failure.text);
		if (!worker->gone)
			start_later(worker);
		return;
	}
	worker->on_exit = event_new(worker->base, worker->pidfd, EV_READ, on_exit_event, worker);
	worker->on_readable = event_new(worker->base, worker->socket, EV_READ | EV_PERSIST, on_readable_event, worker);
	worker->on_writable = event_new(worker->base, worker->socket, EV_WRITE | EV_PERSIST, on_writable_event, worker);
	event_add(worker->on_exit, NULL);
	event_add(worker->on_readable, NULL);
	if (worker->output.length > 0)
		event_add(worker->on_writable, NULL);
	worker->class->on_state(worker->owner, NULL);
}

/* Time to tell how the start in worker_new() went, or to lose patience with a closed one, or to start it again. */
static void
on_timer(evutil_socket_t fd, short what, void *data)
{
	struct worker *worker = data;

	(void)fd, (void)what;
	enter(worker);
	if (worker->state == WORKER_CLOSING) {
		kill_closed(worker);
	} else {
		if (worker->announced) {
			worker->failure = (struct error){ 0 };
			launch(worker, &worker->failure);
		}
		announce(worker);
	}
	leave(worker);
}
