/*
 * A worker with a fault: stands between the daemon and a real worker, relays their frames, and does something else at the
 * n-th call.  Found in $SOLOVIRT_LIBEXEC under the name of the worker that it stands for; the real one is of the same name
 * in $SOLOVIRT_FAULTY_REAL.
 *
 *   $SOLOVIRT_FAULTY_ORDER   a file of struct order, shared by all workers of the daemon
 *   $SOLOVIRT_FAULTY_TRACE   gets a line for each call that is counted: "N VERB" and, at the n-th, the name of the fault
 *
 *   refuse    answers with an error, without passing the call on     deny       passes it on, answers with an error
 *   swallow   does not pass it on, and never answers                 mute       passes it on, and never answers
 *   late      keeps the answer until others have overtaken it, or for a while when there are no others
 *   die       ends before it is passed on                            die-after  ends when it has been answered
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/channel.h"

enum {
	DAEMON = 3,    /* our end of the channel */
	OVERTAKEN = 2, /* answers that pass by a late one ... */
	LATE_MS = 1000 /* ... unless there are none for so long */
};

enum fault { REFUSE, DENY, SWALLOW, MUTE, LATE, DIE, DIE_AFTER, FAULT_COUNT };
static const char *const words[] = { "refuse", "deny", "swallow", "mute", "late", "die", "die-after" };

/* What is shared with who gives the order: faults.py writes the first three, then armed. */
struct order {
	atomic_uint fault, at, serial, armed;
	atomic_uint count; /* calls since then */
	char verb[44];     /* meets the first call of this one instead of the n-th; empty: none */
};

/* The call that the fault has met, while its answer is awaited or kept. */
struct meeting {
	enum fault fault;
	json_int_t id; /* 0: none */
	char text[128];
	json_t *late; /* its answer */
	unsigned overtaken;
};

static struct order *order;
static struct meeting met;

static void
fail(const char *what)
{
	fprintf(stderr, "faulty_worker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
order_open(void)
{
	int fd = open(getenv("SOLOVIRT_FAULTY_ORDER"), O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		fail("SOLOVIRT_FAULTY_ORDER");
	close(fd);
	order = map;
}

static void
trace(unsigned n, const char *verb, const char *fault)
{
	int fd = open(getenv("SOLOVIRT_FAULTY_TRACE"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	g_autofree char *line = g_strdup_printf("%u %s %s\n", n, verb, fault);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		fail("SOLOVIRT_FAULTY_TRACE");
	close(fd);
}

/* Ends us and the real worker at once. */
static void
die(void)
{
	kill(0, SIGKILL);
	for (;;)
		pause();
}

static void
send_to(int socket, json_t *message, int fd)
{
	if (channel_write(socket, message, fd, NULL) != 0)
		die();
	json_decref(message);
	if (fd >= 0)
		close(fd);
}

/* Counts a call; true when it is the one. */
static bool
is_met(json_t *message)
{
	const char *verb = json_string_value(json_object_get(message, "verb"));
	unsigned n;

	if (order->armed == 0 || verb == NULL)
		return false;
	n = atomic_fetch_add(&order->count, 1) + 1;
	if (order->verb[0] != '\0' && strncmp(verb, order->verb, sizeof(order->verb)) == 0) {
		order->verb[0] = '\0';
	} else if (n != order->at) {
		trace(n, verb, "");
		return false;
	}
	met = (struct meeting){ .fault = order->fault % FAULT_COUNT, .id = json_integer_value(json_object_get(message, "id")) };
	g_snprintf(met.text, sizeof(met.text), "fault %u: %s failed", order->serial, verb);
	trace(n, verb, words[met.fault]);
	return true;
}

/* The answer to the call that was met: an error, whatever has been done. */
static json_t *
refusal(void)
{
	return json_pack("{s:I,s:{s:i,s:s}}", "id", met.id, "error", "code", EIO, "text", met.text);
}

static void
on_call(int worker, json_t *message, int fd)
{
	if (is_met(message) && met.fault == DIE)
		die();
	if (met.id != json_integer_value(json_object_get(message, "id")) || (met.fault != REFUSE && met.fault != SWALLOW)) {
		send_to(worker, message, fd);
		return;
	}
	if (met.fault == REFUSE)
		send_to(DAEMON, refusal(), -1);
	if (fd >= 0)
		close(fd);
	json_decref(message);
}

static void
release_late(void)
{
	if (met.late != NULL)
		send_to(DAEMON, g_steal_pointer(&met.late), -1);
}

static void
on_answer(json_t *message, int fd)
{
	json_int_t id = json_integer_value(json_object_get(message, "id"));

	if (id == 0 || id != met.id) {
		send_to(DAEMON, message, fd);
		if (id != 0 && met.late != NULL && ++met.overtaken >= OVERTAKEN)
			release_late();
		return;
	}
	if (met.fault == DIE_AFTER)
		die();
	if (met.fault == LATE)
		met.late = json_incref(message);
	if (met.fault == DENY)
		send_to(DAEMON, refusal(), -1);
	json_decref(message);
}

/* Takes one frame from either side; false when that side is gone. */
static bool
relay(int from, int worker)
{
	json_t *message = NULL;
	int fd = -1;

	if (channel_read(from, &message, &fd, NULL) != 1)
		return false;
	if (from == DAEMON)
		on_call(worker, message, fd);
	else
		on_answer(message, fd);
	return true;
}

static int
start_real(char **arguments)
{
	g_autofree char *path = g_build_filename(getenv("SOLOVIRT_FAULTY_REAL"), arguments[0], NULL);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		fail("socketpair");
	switch (fork()) {
	case -1:
		fail("fork");
		break;
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pair[1], DAEMON);
		execv(path, arguments);
		fail(path);
	}
	close(pair[1]);
	return pair[0];
}

int
main(int count, char **arguments)
{
	int worker;

	(void)count;
	prctl(PR_SET_NAME, "faulty_worker"); /* who counts workers counts the real ones */
	order_open();
	worker = start_real(arguments);
	for (;;) {
		struct pollfd sides[] = { { DAEMON, POLLIN, 0 }, { worker, POLLIN, 0 } };
		int ready = poll(sides, G_N_ELEMENTS(sides), met.late == NULL ? -1 : LATE_MS);

		if (ready == 0)
			release_late();
		for (size_t i = 0; i < G_N_ELEMENTS(sides); i++)
			if (ready > 0 && sides[i].revents != 0 && !relay(sides[i].fd, worker))
				die();
	}
}
