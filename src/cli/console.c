/* solovirt console: the serial console of a running guest in this terminal. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"
#include "src/cli/terminal.h"
#include "src/cli/websocket.h"

enum {
	LEAVE = 0x1d,            /* Ctrl-] */
	WAIT_MS = 5 * 60 * 1000, /* virtctl's */
	RETRY_MS = 1000,
	HANDSHAKE_MS = 10 * 1000, /* virt-api's */
	PENDING_MOST = 64 * 1024, /* bytes that wait for the daemon before the keyboard is no longer read */
	EXIT_AGAIN = 100,         /* not yet: the guest does not run */
};

/* A console under way. */
struct console {
	int fd;
	GString *in, *out;  /* from and to the daemon */
	bool typing;        /* stdin is still read */
	bool left;          /* Ctrl-] was met */
	bool closed;        /* by the server */
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code open_console(struct cli *cli, const char *name, int64_t deadline, struct console *console);
static int open_once(struct cli *cli, const char *path, struct console *console, struct answer *answer);
static int handshake(const char *path, struct console *console, struct answer *answer);
static int refusal(struct console *console, size_t head, int status, struct answer *answer);
static enum exit_code copy(struct console *console, struct error *err);
static int read_keys(struct console *console);
static int read_guest(struct console *console, struct error *err);
static int take_frame(struct console *console, const struct ws_frame *frame, struct error *err);
static void send_frame(struct console *console, enum ws_type type, const char *payload, size_t length);
static int flush_out(struct console *console, struct error *err);
static ssize_t read_more(struct console *console);
static int write_all(int fd, const char *text, size_t length);

static const struct option_row options[] = {
	{ .name = "timeout",
	    .argument = "DURATION",
	    .help = "How long to wait for a guest that does not run yet; 5m otherwise." },
	OPTION_END,
};

const struct command command_console = {
	.name = "console",
	.usage = "VM",
	.help = "Connects this terminal with the guest's serial console; Ctrl-] leaves it.",
	.details =
	    "One console at a time: who connects last has it. When stdin is no terminal its bytes are sent as they are, "
	    "and its end does not end the console; the byte 0x1d (Ctrl-]) does.",
	.examples = "solovirt console demo\n"
		    "printf 'uptime\\n' | timeout 5 solovirt console demo",
	.options = options,
	.completion = COMPLETE_INSTANCES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	struct console console = { .fd = -1, .typing = true };
	const struct kind *kind = NULL;
	const char *name = NULL;
	struct error err = { 0 };
	int64_t timeout;
	enum exit_code code;

	if (arguments->words->len != 1)
		return cli_fail(EXIT_USAGE, "say which virtual machine: solovirt console VM");
	if (arguments_duration(arguments, "timeout", WAIT_MS, &timeout, &err) < 0 ||
	    resource_parse(arguments->words->pdata[0], &kinds[KIND_VMI], &kind, &name, &err) < 0)
		return cli_fail_error(&err);
	if (kind != &kinds[KIND_VMI] && kind != &kinds[KIND_VM])
		return cli_fail(EXIT_USAGE, "\"%s\" is no virtual machine", (const char *)arguments->words->pdata[0]);
	console.in = g_string_new(NULL);
	console.out = g_string_new(NULL);
	signal(SIGPIPE, SIG_IGN);
	code = open_console(cli, name, clock_monotonic_ms() + timeout, &console);
	if (code == EXIT_DONE) {
		bool raw = terminal_raw();

		if (raw)
			fprintf(stderr, "Successfully connected to %s console. The escape sequence is ^]\r\n", name);
		code = copy(&console, &err);
		terminal_restore();
		if (raw)
			fputc('\n', stderr);
		if (code != EXIT_DONE)
			cli_fail(code, "%s", err.text);
	}
	if (console.fd >= 0)
		close(console.fd);
	g_string_free(console.in, TRUE);
	g_string_free(console.out, TRUE);
	return code;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

/* As virtctl: 400 means that the guest does not run yet. */
static enum exit_code
open_console(struct cli *cli, const char *name, int64_t deadline, struct console *console)
{
	g_autofree char *path = resource_verb_path(&kinds[KIND_VMI], cli->namespace, name, "console");
	bool told = false;

	for (;;) {
		ANSWER answer = { 0 };
		g_autofree char *about = g_strdup_printf("cannot open the console of %s", name);
		int code = open_once(cli, path, console, &answer);

		if (code == EXIT_DONE)
			return EXIT_DONE;
		if (code != EXIT_AGAIN)
			return answer_complain(&answer, (enum exit_code)code, about);
		if (clock_monotonic_ms() + RETRY_MS > deadline)
			return answer_complain(&answer, EXIT_TIMEOUT, about);
		if (!told)
			fprintf(stderr, "Waiting for %s to run ...\n", name);
		told = true;
		usleep(RETRY_MS * 1000);
	}
}

static int
open_once(struct cli *cli, const char *path, struct console *console, struct answer *answer)
{
	static const struct timeval patience = { .tv_sec = HANDSHAKE_MS / 1000 }, forever = { 0 };
	int code;

	console->fd = client_connect(cli->socket, HANDSHAKE_MS);
	if (console->fd < 0) {
		answer->trouble = client_trouble(cli->socket, errno);
		return EXIT_UNREACHABLE;
	}
	setsockopt(console->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	code = handshake(path, console, answer);
	setsockopt(console->fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	if (code != EXIT_DONE) {
		close(console->fd);
		console->fd = -1;
	}
	return code;
}

static int
handshake(const char *path, struct console *console, struct answer *answer)
{
	uint8_t key[16];
	g_autofree char *request = NULL;
	struct error err = { 0 };
	size_t head = 0;
	int status = 0, done = 0;

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		memset(key, 7,
		    sizeof(key)); /* it only has to be new to caches between us and the daemon: there are none */
	request = ws_request(path, key);
	g_string_truncate(console->in, 0);
	if (write_all(console->fd, request, strlen(request)) < 0)
		error_errno(&err, "cannot send to solovirtd");
	while (err.code == 0 && done == 0) {
		ssize_t n = read_more(console);

		if (n <= 0)
			error_set(
			    &err, EIO, "solovirtd %s", n == 0 ? "closed the connection" : "did not answer in time");
		else
			done = ws_answer(console->in->str, console->in->len, key, &head, &status, &err);
	}
	if (done == 1) {
		g_string_erase(console->in, 0, (gssize)head);
		return EXIT_DONE;
	}
	if (status != 0)
		return refusal(console, head, status, answer);
	answer->trouble = g_strdup(err.text);
	return EXIT_ERROR;
}

/* Reads the rest of a refusal: its body is a Status. */
static int
refusal(struct console *console, size_t head, int status, struct answer *answer)
{
	json_t *body = NULL;

	do {
		const char *start = memchr(console->in->str + head, '{', console->in->len - head);

		if (start != NULL)
			body = json_loadb(start, console->in->len - (size_t)(start - console->in->str),
			    JSON_DISABLE_EOF_CHECK, NULL);
	} while (body == NULL && console->in->len < WS_MOST && read_more(console) > 0);
	answer->status = status;
	answer->body = body;
	answer->text = g_string_new(console->in->str + head);
	return status == 400 ? EXIT_AGAIN : status == 404 ? EXIT_NOT_FOUND : status == 409 ? EXIT_CONFLICT : EXIT_ERROR;
}

/* --- copying ------------------------------------------------------------------------------------------------------ */

static enum exit_code
copy(struct console *console, struct error *err)
{
	fcntl(console->fd, F_SETFL, O_NONBLOCK);
	if (read_guest(console, err) < 0) /* what came along with the answer */
		return EXIT_ERROR;
	while (!console->left && !console->closed) {
		struct pollfd fds[2] = {
			{ .fd = console->typing && console->out->len < PENDING_MOST ? STDIN_FILENO : -1,
			    .events = POLLIN },
			{ .fd = console->fd, .events = (short)(POLLIN | (console->out->len > 0 ? POLLOUT : 0)) },
		};

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			error_errno(err, "cannot wait for input");
			return EXIT_ERROR;
		}
		if (fds[0].revents != 0 && read_keys(console) < 0)
			console->typing = false;
		if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			ssize_t n = read_more(console);

			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
				error_set(err, EIO, "the connection to solovirtd broke");
				return EXIT_UNREACHABLE;
			}
			if (read_guest(console, err) < 0)
				return EXIT_ERROR;
		}
		if (flush_out(console, err) < 0)
			return EXIT_UNREACHABLE;
	}
	return EXIT_DONE;
}

/* -1 at the end of stdin. */
static int
read_keys(struct console *console)
{
	char keys[4096];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));
	const char *leave;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	leave = memchr(keys, LEAVE, (size_t)n);
	if (leave != NULL) {
		console->left = true;
		n = leave - keys;
	}
	if (n > 0)
		send_frame(console, WS_BINARY, keys, (size_t)n);
	if (console->left)
		send_frame(console, WS_CLOSE, "\x03\xe8", 2); /* 1000: normal */
	return 0;
}

static int
read_guest(struct console *console, struct error *err)
{
	struct ws_frame frame;
	int found;

	while ((found = ws_decode(console->in->str, console->in->len, &frame, err)) == 1) {
		if (take_frame(console, &frame, err) < 0)
			return -1;
		g_string_erase(console->in, 0, (gssize)frame.size);
	}
	return found;
}

static int
take_frame(struct console *console, const struct ws_frame *frame, struct error *err)
{
	if (frame->type == WS_CLOSE) {
		console->closed = true;
		/* the code's two bytes, then why */
		if (frame->length > 2)
			fprintf(stderr, "%.*s\r\n", (int)(frame->length - 2), frame->payload + 2);
		send_frame(console, WS_CLOSE, frame->payload, MIN(frame->length, 2));
	} else if (frame->type == WS_PING) {
		send_frame(console, WS_PONG, frame->payload, frame->length);
	} else if (frame->type == WS_BINARY || frame->type == WS_CONTINUATION) {
		if (write_all(STDOUT_FILENO, frame->payload, frame->length) < 0)
			return error_errno(err, "cannot write the guest's output");
	}
	return 0;
}

static void
send_frame(struct console *console, enum ws_type type, const char *payload, size_t length)
{
	uint8_t mask[4] = { 0 };

	/* masks protect proxies from browsers; on a Unix socket anything will do */
	(void)!getrandom(mask, sizeof(mask), GRND_NONBLOCK);
	ws_encode(type, payload, length, mask, console->out);
}

static int
flush_out(struct console *console, struct error *err)
{
	while (console->out->len > 0) {
		ssize_t n = send(console->fd, console->out->str, console->out->len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0)
			return console->closed || console->left ? 0
								: error_errno(err, "the connection to solovirtd broke");
		g_string_erase(console->out, 0, n);
	}
	return 0;
}

static ssize_t
read_more(struct console *console)
{
	char buffer[16384];
	ssize_t n = recv(console->fd, buffer, sizeof(buffer), 0);

	if (n > 0)
		g_string_append_len(console->in, buffer, n);
	return n;
}

/* Waits when the other side is slow: stdout may be a pipe, and may have been made non-blocking by someone. */
static int
write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
		else if (n < 0 && errno != EINTR)
			return -1;
		text += MAX(n, 0);
		length -= (size_t)MAX(n, 0);
	}
	return 0;
}
