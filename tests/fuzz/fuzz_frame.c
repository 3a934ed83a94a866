/*
 * Frames between the daemon and its workers, each side against a hostile other one.  The first byte of an input chooses
 * the side; the rest is what the other side sends: pieces, each with a byte before it that says how long it is and what
 * happens with it.
 *
 * The daemon's side is the real worker.c, with a process that does not exist: what it asks the system about processes is
 * answered here.  Every call is answered once, whatever comes; no descriptor stays open.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

/* --- a process that does not exist ------------------------------------------------------------------------------------------ */

enum { NOBODY = 0x3fffffff /* above any process id */, CALLS = 6, PIECES = 40, TURNS = 8 };

static int their_end = -1, end_event = -1;
static int cargo; /* a descriptor that rides on frames */

static int
made_up_socketpair(int domain, int type, int protocol, int pair[2])
{
	int rc = (socketpair)(domain, type, protocol, pair);

	if (their_end >= 0)
		close(their_end);
	their_end = rc == 0 ? fcntl(pair[1], F_DUPFD_CLOEXEC, 3) : -1;
	fcntl(their_end, F_SETFL, O_NONBLOCK);
	return rc;
}

static int
made_up_pidfd(pid_t pid, unsigned flags)
{
	(void)pid, (void)flags;
	if (end_event >= 0)
		close(end_event);
	end_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fcntl(end_event, F_DUPFD_CLOEXEC, 3);
}

/* The process ends, by itself or because it is killed. */
static int
made_up_kill(pid_t pid, int number)
{
	(void)number;
	fuzz_check(pid == NOBODY || pid == -NOBODY);
	eventfd_write(end_event, 1);
	return 0;
}

static pid_t
made_up_wait(pid_t pid, int *status, int options)
{
	(void)options;
	fuzz_check(pid == NOBODY);
	if (status != NULL)
		*status = 0;
	return pid;
}

#define fork() NOBODY
#define access(path, mode) ((void)(path), 0)
#define socketpair made_up_socketpair
#define pidfd_open made_up_pidfd
#define kill made_up_kill
#define waitpid made_up_wait
#include "src/base/worker.c"
#undef fork
#undef access
#undef socketpair
#undef pidfd_open
#undef kill
#undef waitpid

/* --- the daemon ---------------------------------------------------------------------------------------------------------------- */

/* Whom the worker tells. */
struct owner {
	struct worker *worker;
	unsigned made, answered[CALLS];
	bool free_soon; /* in the next callback */
};
static struct owner *owner_of_calls;

static void
free_if_soon(struct owner *owner)
{
	if (!owner->free_soon || owner->worker == NULL)
		return;
	worker_free(g_steal_pointer(&owner->worker));
}

static void
on_told(void *arg, const char *event, json_t *args)
{
	fuzz_check(event != NULL && json_is_object(args));
	free_if_soon(arg);
}

static void
on_change(void *arg, const char *reason)
{
	fuzz_check(reason == NULL || g_utf8_validate(reason, -1, NULL));
	free_if_soon(arg);
}

static void
on_reply(void *arg, json_t *result, const struct error *error)
{
	fuzz_check((result == NULL) != (error == NULL));
	fuzz_check(error == NULL || g_utf8_validate(error->text, -1, NULL));
	(*(unsigned *)arg)++;
	free_if_soon(owner_of_calls);
}

static void
turn(struct event_base *base)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
call(struct owner *owner, int fd)
{
	if (owner->made == CALLS)
		return;
	worker_call(owner->worker, "verb", json_pack("{s:i}", "n", (int)owner->made), fd, 60000, on_reply,
	    &owner->answered[owner->made]);
	owner->made++;
}

/* A frame around a piece of text. */
static void
send_frame(int fd, const char *text, size_t length)
{
	g_autofree char *frame = g_malloc(FRAME_HEAD + length);
	guint32 head[2] = { GUINT32_TO_LE(0x31765653), GUINT32_TO_LE((guint32)length) };

	memcpy(frame, head, sizeof(head));
	memcpy(frame + sizeof(head), text, length);
	frame_send(fd, frame, FRAME_HEAD + length, cargo);
}

/* What can happen to a daemon with a worker. */
static void
happen(struct owner *owner, struct event_base *base, struct bytes *input)
{
	unsigned what = bytes_below(input, 10), wanted = bytes_take(input);
	size_t length = MIN(wanted, input->left);
	const char *text = (const char *)input->at;
	struct call *oldest = g_queue_peek_head(&owner->worker->calls);
	char drain[4096];

	if (what < 4)
		send_frame(their_end, text, length);
	else if (what == 4)
		frame_send(their_end, text, length, -1);
	else if (what == 5)
		call(owner, cargo);
	else if (what == 6 && oldest != NULL)
		event_active(oldest->timer, EV_TIMEOUT, 0);
	else if (what == 7)
		shutdown(their_end, SHUT_RDWR);
	else if (what == 8)
		eventfd_write(end_event, 1);
	else if (what == 9)
		owner->free_soon = true;
	input->at += what <= 4 ? length : 0;
	input->left -= what <= 4 ? length : 0;
	while (recv(their_end, drain, sizeof(drain), 0) > 0)
		continue;
	if (bytes_below(input, 2) == 0)
		turn(base);
}

static void
fuzz_daemon(struct bytes *input)
{
	static const struct worker_class class = { "made-up", on_told, on_change, 1, 1 };
	struct event_base *base = event_base_new();
	struct owner owner = { 0 };

	owner_of_calls = &owner;
	owner.worker = worker_new(base, &class, NULL, NULL, &owner);
	call(&owner, -1);
	turn(base);
	for (unsigned i = 0; i < PIECES && input->left > 0 && owner.worker != NULL; i++)
		happen(&owner, base, input);
	for (unsigned i = 0; i < TURNS; i++)
		turn(base);
	if (owner.worker != NULL)
		worker_free(g_steal_pointer(&owner.worker));
	for (unsigned i = 0; i < owner.made; i++)
		fuzz_check(owner.answered[i] == 1);
	event_base_free(base);
	close(their_end);
	close(end_event);
	their_end = end_event = -1;
}

/* --- the worker ------------------------------------------------------------------------------------------------------------------ */

/* Sends bytes with so many descriptors. */
static void
send_with(int to, const char *bytes, size_t length, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (char *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		for (unsigned i = 0; i < count; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &cargo, sizeof(int));
	}
	sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
send_pieces(int to, struct bytes *input)
{
	for (unsigned i = 0; i < PIECES && input->left > 0; i++) {
		unsigned what = bytes_take(input);
		unsigned wanted = bytes_take(input);
		size_t length = MIN(wanted, input->left);
		if (what & 1)
			send_frame(to, (const char *)input->at, length);
		else if (length > 0)
			send_with(to, (const char *)input->at, length, what / 2 % 5);
		input->at += length;
		input->left -= length;
	}
}

static void
fuzz_worker(struct bytes *input)
{
	struct error err = { 0 };
	int pair[2], fd, rc = 1;
	json_t *message;

	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	send_pieces(pair[0], input);
	close(pair[0]);
	while (rc > 0 && (rc = channel_read(pair[1], &message, &fd, &err)) > 0) {
		fuzz_check(json_is_object(message));
		json_decref(message);
		if (fd >= 0)
			close(fd);
	}
	fuzz_check(rc == 0 || err.text[0] != '\0');
	close(pair[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const sides[])(struct bytes *) = { fuzz_daemon, fuzz_worker };
	struct bytes input = { data, size };
	unsigned before = fuzz_descriptors();

	cargo = eventfd(0, EFD_CLOEXEC);
	sides[bytes_below(&input, 2)](&input);
	close(cargo);
	fuzz_check(fuzz_descriptors() == before);
	return 0;
}
