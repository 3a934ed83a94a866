/* A worker for test_channel: does what its calls say, good and bad. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/error.h"

enum { SOCKET = 3 };

static void
send_text(const void *text, size_t length)
{
	if (write(SOCKET, text, length) != (ssize_t)length)
		_exit(3);
}

static void
send_message(json_t *message)
{
	struct error err = { 0 };

	if (channel_write(SOCKET, message, -1, &err) != 0)
		_exit(4);
	json_decref(message);
}

static void
send_result(json_int_t id, json_t *result)
{
	send_message(json_pack("{s:I, s:o}", "id", id, "result", result));
}

static void
do_echo(json_int_t id, const json_t *args, int fd)
{
	(void)fd;
	send_result(id, json_deep_copy(args));
}

static void
do_fail(json_int_t id, const json_t *args, int fd)
{
	(void)args, (void)fd;
	send_message(json_pack("{s:I, s:{s:i, s:s}}", "id", id, "error", "code", 17, "text", "no such luck"));
}

/* Reads what the descriptor holds, and tells whether others are open that should not be. */
static void
do_read_fd(json_int_t id, const json_t *args, int fd)
{
	char text[100];
	ssize_t n = read(fd, text, sizeof(text));
	int open_fds = 0;
	struct stat st;

	(void)args;
	for (int i = 0; i < 1000; i++)
		open_fds += fstat(i, &st) == 0;
	send_result(id, json_pack("{s:s%, s:i}", "text", text, (size_t)(n < 0 ? 0 : n), "open", open_fds));
	close(fd);
}

static void
do_event(json_int_t id, const json_t *args, int fd)
{
	(void)fd;
	send_message(json_pack("{s:s, s:O}", "event", "told", "args", args));
	send_result(id, json_object());
}

static void
do_hang(json_int_t id, const json_t *args, int fd)
{
	(void)id, (void)args, (void)fd;
	for (;;)
		pause();
}

/* Leaves a child behind that has to go with it. */
static void
do_hang_with_child(json_int_t id, const json_t *args, int fd)
{
	pid_t child = fork();

	(void)args, (void)fd;
	if (child == 0)
		do_hang(0, NULL, -1);
	send_message(json_pack("{s:s, s:{s:i}}", "event", "child", "args", "pid", (int)child));
	do_hang(id, args, fd);
}

static void
do_exit(json_int_t id, const json_t *args, int fd)
{
	(void)id, (void)fd;
	_exit((int)json_integer_value(json_object_get(args, "status")));
}

static void
do_answer_and_exit(json_int_t id, const json_t *args, int fd)
{
	(void)fd;
	send_result(id, json_deep_copy(args));
	_exit(0);
}

static void
do_abort(json_int_t id, const json_t *args, int fd)
{
	(void)id, (void)args, (void)fd;
	abort();
}

static void
do_close(json_int_t id, const json_t *args, int fd)
{
	close(SOCKET);
	do_hang(id, args, fd);
}

static void
do_garbage(json_int_t id, const json_t *args, int fd)
{
	send_text("HTTP/1.1 200 OK\r\n", 17);
	do_hang(id, args, fd);
}

static void
do_huge(json_int_t id, const json_t *args, int fd)
{
	send_text("SVv1\xff\xff\xff\x7f", 8);
	do_hang(id, args, fd);
}

static void
do_no_json(json_int_t id, const json_t *args, int fd)
{
	send_text("SVv1\x02\0\0\0[]", 10);
	do_hang(id, args, fd);
}

static void
do_wrong_id(json_int_t id, const json_t *args, int fd)
{
	send_result(id + 1000, json_object());
	do_hang(id, args, fd);
}

static void
do_last_words(json_int_t id, const json_t *args, int fd)
{
	send_message(json_pack("{s:s, s:{s:s}}", "event", "end", "args", "reason", "the house is on fire"));
	do_exit(id, args, fd);
}

static void
do_mumble(json_int_t id, const json_t *args, int fd)
{
	send_message(json_pack("{s:s, s:{}}", "event", "end", "args"));
	do_hang(id, args, fd);
}

static const struct {
	const char *verb;
	void (*run)(json_int_t id, const json_t *args, int fd);
} verbs[] = {
	{ "echo", do_echo },
	{ "fail", do_fail },
	{ "read-fd", do_read_fd },
	{ "event", do_event },
	{ "hang", do_hang },
	{ "hang-with-child", do_hang_with_child },
	{ "exit", do_exit },
	{ "answer-and-exit", do_answer_and_exit },
	{ "abort", do_abort },
	{ "close", do_close },
	{ "garbage", do_garbage },
	{ "huge", do_huge },
	{ "no-json", do_no_json },
	{ "wrong-id", do_wrong_id },
	{ "last-words", do_last_words },
	{ "mumble", do_mumble },
};

int
main(int argc, char **argv)
{
	struct error err = { 0 };
	json_t *message;
	int fd, rc;

	if (argc > 1 && strcmp(argv[1], "die") == 0)
		return 9;
	while ((rc = channel_read(SOCKET, &message, &fd, &err)) > 0) {
		const char *verb = json_string_value(json_object_get(message, "verb"));
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			if (strcmp(verbs[i].verb, verb) == 0)
				verbs[i].run(json_integer_value(json_object_get(message, "id")), json_object_get(message, "args"),
				    fd);
		}
		json_decref(message);
	}
	return rc == 0 ? 0 : 5;
}
