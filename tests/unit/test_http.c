/* The HTTP server on a real unix socket: framing, limits, late answers, streams, upgrades, peers. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/http.h"
#include "src/base/error.h"
#include "src/base/log.h"

static char *directory, *path;
static struct event_base *base;
static struct http_server *server;

/* What the handler saw and keeps for later. */
static struct http_request *held;
static struct http_stream *stream;
static struct http_tunnel *tunnel;
static GString *seen;       /* one line a request */
static GString *tunnelled;  /* bytes that came through the tunnel */
static int gone;

static void
on_gone(void *arg)
{
	(void)arg;
	gone++;
	http_stream_end(stream);
	stream = NULL;
}

static void
on_tunnel_data(void *arg, const unsigned char *bytes, size_t length)
{
	(void)arg;
	g_string_append_len(tunnelled, (const char *)bytes, (gssize)length);
	http_tunnel_write(tunnel, bytes, length);
	if (memchr(bytes, '!', length) != NULL) {
		http_tunnel_close(tunnel);
		tunnel = NULL;
	}
}

static void
on_tunnel_drained(void *arg)
{
	(void)arg;
}

static void
on_tunnel_gone(void *arg)
{
	(void)arg;
	gone++;
	http_tunnel_close(tunnel);
	tunnel = NULL;
}

static const struct http_tunnel_class echo = { on_tunnel_data, on_tunnel_drained, on_tunnel_gone };

/* --- uploads: told back when they are whole ---------------------------------------------------------------------- */

static struct http_upload *upload;
static GString *uploaded;

static void
on_upload_data(void *arg, const unsigned char *bytes, size_t length)
{
	(void)arg;
	g_string_append_len(uploaded, (const char *)bytes, (gssize)length);
}

static void
on_upload_end(void *arg)
{
	(void)arg;
	http_upload_answer(g_steal_pointer(&upload), 200, "text/plain", "whole", 5);
}

static void
on_upload_gone(void *arg)
{
	(void)arg;
	gone++;
	http_upload_free(g_steal_pointer(&upload));
}

static const struct http_upload_class take = { on_upload_data, on_upload_end, on_upload_gone };

static void
reply(struct http_request *request, int code, const char *text)
{
	http_reply(request, code, "text/plain", text, strlen(text));
}

enum { MUCH = 16 << 20 };

/* /hold keeps the request, /stream and /tunnel answer so, /much is a large answer, everything else is told back. */
static void
on_request(void *arg, struct http_request *request)
{
	const char *const *segments = http_segments(request);
	const char *first = segments[0] == NULL ? "" : segments[0];
	size_t length;

	ck_assert_ptr_eq(arg, &server);
	http_body(request, &length);
	g_string_append_printf(seen, "%s", http_method(request));
	for (; *segments != NULL; segments++)
		g_string_append_printf(seen, " <%s>", *segments);
	g_string_append_printf(seen, " %zu\n", length);
	if (strcmp(http_path(request), "/v1beta1/upload") == 0 && strcmp(http_method(request), "POST") == 0 && http_query(request, "no") == NULL) {
		upload = http_upload_start(request, &take, NULL);
		ck_assert_ptr_nonnull(upload);
	} else if (http_problem(request) != NULL) {
		reply(request, 400, http_problem(request));
	} else if (strcmp(first, "hold") == 0) {
		held = request;
	} else if (strcmp(first, "stream") == 0) {
		stream = http_stream_start(request, "application/json", "first\n", 6, on_gone, NULL);
	} else if (strcmp(first, "tunnel") == 0) {
		http_add_header(request, "X-Extra", "a\r\nb");
		tunnel = http_upgrade(request, "echo", &echo, NULL);
	} else if (strcmp(first, "much") == 0) {
		g_autofree char *much = g_strnfill(MUCH, 'x');
		http_reply(request, 200, "text/plain", much, MUCH);
	} else {
		const char *q = http_query(request, "q");
		reply(request, 200, q == NULL ? "fine" : q);
	}
}

static void
open_server(void)
{
	struct error err = { 0 };

	server = http_server_new(base, path, on_request, &server, &err);
	ck_assert_msg(server != NULL, "%s", err.text);
}

static void
setup(void)
{
	log_open("test", LOG_LEVEL_ERROR);
	directory = g_dir_make_tmp("http-XXXXXX", NULL);
	path = g_build_filename(directory, "run", "api.sock", NULL);
	base = event_base_new();
	event_base_priority_init(base, PRIORITY_COUNT);
	seen = g_string_new(NULL);
	tunnelled = g_string_new(NULL);
	uploaded = g_string_new(NULL);
	held = NULL;
	stream = NULL;
	tunnel = NULL;
	gone = 0;
	open_server();
}

static void
teardown(void)
{
	g_autofree char *run = g_path_get_dirname(path);

	http_server_free(server);
	event_base_free(base);
	g_string_free(seen, TRUE);
	g_string_free(tunnelled, TRUE);
	g_string_free(uploaded, TRUE);
	g_unlink(path);
	g_rmdir(run);
	g_rmdir(directory);
	g_free(path);
	g_free(directory);
}

/* --- a client ------------------------------------------------------------------------------------------------- */

static int
dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
give(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		} else {
			ck_assert_msg(errno == EAGAIN, "%s", strerror(errno));
		}
		turn();
	}
}

static void
say(int fd, const char *text)
{
	give(fd, text, strlen(text));
}

/* Reads while the loop runs, until the text holds "until" (NULL: until the end).  False when it ended before that. */
static bool
hear(int fd, GString *out, const char *until)
{
	char bytes[65536];
	ssize_t n;

	for (int i = 0; i < 5000; i++) {
		turn();
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			g_string_append_len(out, bytes, n);
		if (until != NULL && strstr(out->str, until) != NULL)
			return true;
		if (n == 0 || errno != EAGAIN)
			return until == NULL;
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		poll(&pfd, 1, 1);
	}
	ck_abort_msg("nothing more came after \"%s\"", out->str);
	return false;
}

/* One exchange on a connection of its own; the whole answer. */
static char *
ask(const char *request)
{
	GString *out = g_string_new(NULL);
	int fd = dial();

	say(fd, request);
	hear(fd, out, NULL);
	close(fd);
	return g_string_free(out, FALSE);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void
assert_answer(const char *request, const char *code, const char *body)
{
	g_autofree char *answer = ask(request);
	g_autofree char *line = g_strdup_printf("HTTP/1.1 %s ", code);

	ck_assert_msg(g_str_has_prefix(answer, line), "%s", answer);
	ck_assert_msg(g_str_has_suffix(answer, body), "%s", answer);
}

/* --- requests ------------------------------------------------------------------------------------------------- */

START_TEST(test_path_and_query_are_decoded)
{
	assert_answer(GET("/a%20b/%C3%A4%2Fc/?p=1&q=x%3Dy+z&q=no"), "200", "\r\n\r\nx=y z");
	ck_assert_str_eq(seen->str, "GET <a b> <\303\244/c> 0\n");
}
END_TEST

START_TEST(test_methods_and_bodies)
{
	assert_answer(
	    "PATCH /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", "200", "fine");
	assert_answer("DELETE /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
		      "chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
	    "200", "fine");
	assert_answer("OPTIONS /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "fine");
	ck_assert_str_eq(seen->str, "PATCH <x> 3\nDELETE <x> 2\nOPTIONS <x> 0\n");
}
END_TEST

/* Each is refused, and the connection with it: where such a request ends is a matter of opinion. */
static const char *const doubtful[] = {
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a//b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /?q=%ff HTTP/1.1\r\nHost: a\r\n\r\n",
};

START_TEST(test_doubtful_requests_are_refused)
{
	assert_answer(doubtful[_i], "400", "");
}
END_TEST

START_TEST(test_limits)
{
	g_autofree char *header = g_strnfill(HTTP_HEADERS_MOST, 'a');
	g_autofree char *long_head = g_strdup_printf("GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", header);
	g_autofree char *long_body =
	    g_strdup_printf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", HTTP_BODY_MOST + 1);
	g_autofree char *body = g_strnfill(HTTP_BODY_MOST, 'b');
	g_autofree char *full = g_strdup_printf(
	    "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", HTTP_BODY_MOST, body);

	assert_answer(long_body, "413", "");
	ck_assert_str_eq(seen->str, "");
	assert_answer(full, "200", "fine");
	ck_assert_str_eq(seen->str, "POST 3145728\n");
	assert_answer(long_head, "400", "");
}
END_TEST

START_TEST(test_keep_alive_answers_in_order)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /?q=second HTTP/1.1\r\nHost: x\r\n\r\n");
	turn();
	ck_assert_ptr_nonnull(held);
	ck_assert_str_eq(seen->str, "GET <hold> 0\n");
	reply(held, 202, "first");
	ck_assert(hear(fd, out, "second"));
	ck_assert_ptr_nonnull(strstr(out->str, "202 Accepted"));
	ck_assert_ptr_nonnull(strstr(out->str, "first"));
	close(fd);
}
END_TEST

START_TEST(test_an_empty_answer_has_its_length)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "PUT /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	turn();
	http_reply(held, 202, NULL, "", 0);
	ck_assert(hear(fd, out, "\r\n\r\n"));
	ck_assert_ptr_nonnull(strstr(out->str, "Content-Length: 0\r\n"));
	close(fd);
}
END_TEST

START_TEST(test_an_answer_after_the_client_left)
{
	int fd = dial();

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn();
	close(fd);
	turn();
	http_add_header(held, "X", "y");
	reply(held, 200, "in vain");
	turn();
	assert_answer(GET("/"), "200", "fine");
}
END_TEST

START_TEST(test_an_answer_after_the_server_stopped)
{
	int fd = dial();

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn();
	http_server_free(server);
	ck_assert_str_eq(http_segments(held)[0], "hold");
	http_add_header(held, "X", "y");
	ck_assert_ptr_null(http_stream_start(held, "text/plain", "", 0, on_gone, NULL));
	reply(held, 200, "in vain");
	open_server();
	close(fd);
}
END_TEST

START_TEST(test_peer)
{
	int fd = dial();
	const struct http_peer *peer;
	gid_t groups[1024];
	int count = getgroups(1024, groups);

	say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
	turn();
	peer = http_peer(held);
	ck_assert_uint_eq(peer->uid, geteuid());
	ck_assert_uint_eq(peer->gid, getegid());
	ck_assert_int_eq((int)peer->group_count, count);
	reply(held, 200, "");
	close(fd);
}
END_TEST

/* --- streams -------------------------------------------------------------------------------------------------- */

START_TEST(test_stream)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert(hear(fd, out, "first\n"));
	ck_assert_int_eq(http_stream_write(stream, "second\n", 7), 0);
	ck_assert(hear(fd, out, "second\n"));
	http_stream_end(stream);
	ck_assert(hear(fd, out, NULL));
	ck_assert_msg(g_str_has_suffix(out->str, "\r\n0\r\n\r\n"), "%s", out->str);
	ck_assert_int_eq(gone, 0);
	close(fd);
}
END_TEST

START_TEST(test_stream_tells_that_the_client_left)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, out, "first\n");
	close(fd);
	for (int i = 0; i < 10 && gone == 0; i++)
		turn();
	ck_assert_int_eq(gone, 1);
}
END_TEST

START_TEST(test_a_slow_reader_is_dropped)
{
	g_autofree char *block = g_strnfill(64 << 10, 'x');
	int fd = dial(), sent = 0;

	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	turn();
	while (http_stream_write(stream, block, 64 << 10) == 0 && sent < 100) {
		turn();
		sent++;
	}
	ck_assert_int_ge(sent, 15);
	ck_assert_int_lt(sent, 40);
	for (int i = 0; i < 10 && gone == 0; i++)
		turn();
	ck_assert_int_eq(gone, 1);
	close(fd);
}
END_TEST

/* Asks for a large answer and reads no more than its beginning. */
static int
begin_much(const char *code)
{
	g_autoptr(GString) heard = g_string_new(NULL);
	int fd = dial();

	say(fd, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, heard, code);
	ck_assert(g_str_has_prefix(heard->str, "HTTP/1.1 ") && g_str_has_prefix(heard->str + 9, code));
	return fd;
}

START_TEST(test_readers_that_do_not_read_cost_only_so_much)
{
	int lazy[HTTP_OUTPUT_MOST / MUCH];

	for (size_t i = 0; i < G_N_ELEMENTS(lazy); i++)
		lazy[i] = begin_much("200");
	assert_answer(GET("/much"), "503", "try again later\n");
	/* What is small is still answered, and what is large when there is room again. */
	assert_answer(GET("/"), "200", "fine");
	for (size_t i = 0; i < G_N_ELEMENTS(lazy); i++)
		close(lazy[i]);
	close(begin_much("200"));
}
END_TEST

START_TEST(test_the_server_stops_under_a_stream)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(fd, out, "first\n");
	http_server_free(server);
	ck_assert_int_eq(gone, 1);
	open_server();
	close(fd);
}
END_TEST

/* --- tunnels -------------------------------------------------------------------------------------------------- */

#define UPGRADE "GET /tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"

START_TEST(test_tunnel)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, UPGRADE "early");
	ck_assert(hear(fd, out, "early"));
	ck_assert_msg(
	    g_str_has_prefix(out->str, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n"
				       "X-Extra: a  b\r\n\r\nearly"),
	    "%s", out->str);
	say(fd, "more");
	ck_assert(hear(fd, out, "more"));
	say(fd, "end!");
	ck_assert(hear(fd, out, NULL));
	ck_assert_msg(g_str_has_suffix(out->str, "end!"), "%s", out->str);
	ck_assert_str_eq(tunnelled->str, "earlymoreend!");
	ck_assert_int_eq(gone, 0);
	close(fd);
}
END_TEST

START_TEST(test_tunnel_tells_that_the_client_left)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, UPGRADE);
	hear(fd, out, "\r\n\r\n");
	close(fd);
	for (int i = 0; i < 10 && gone == 0; i++)
		turn();
	ck_assert_int_eq(gone, 1);
}
END_TEST

START_TEST(test_tunnel_can_pause)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, UPGRADE);
	hear(fd, out, "\r\n\r\n");
	http_tunnel_pause(tunnel, true);
	say(fd, "later");
	turn();
	ck_assert_str_eq(tunnelled->str, "");
	http_tunnel_pause(tunnel, false);
	ck_assert(hear(fd, out, "later"));
	close(fd);
}
END_TEST

/* --- uploads ------------------------------------------------------------------------------------------------------ */

#define UPLOAD "POST /v1beta1/upload HTTP/1.1\r\nHost: x\r\n"

/* More than a body may have otherwise, read as it comes. */
START_TEST(test_an_upload_of_any_size)
{
	g_autofree char *head = g_strdup_printf(UPLOAD "Content-Length: %d\r\n\r\n", MUCH);
	g_autofree char *much = g_strnfill(MUCH, 'x');
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, head);
	for (int i = 0; i < 10 && upload == NULL; i++)
		turn();
	ck_assert_ptr_nonnull(upload); /* before any of its body */
	ck_assert_str_eq(seen->str, "POST <v1beta1> <upload> 0\n");
	give(fd, much, MUCH);
	ck_assert(hear(fd, out, NULL));
	ck_assert_uint_eq(uploaded->len, MUCH);
	ck_assert_msg(g_str_has_prefix(out->str, "HTTP/1.1 200 OK\r\n") && g_str_has_suffix(out->str, "\r\n\r\nwhole"), "%s", out->str);
	ck_assert_int_eq(gone, 0);
	close(fd);
}
END_TEST

START_TEST(test_an_upload_in_chunks_after_another_request)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "HEAD /v1beta1/upload HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert(hear(fd, out, "\r\n\r\n"));
	say(fd, UPLOAD "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
	ck_assert(hear(fd, out, "100 Continue\r\n\r\n"));
	say(fd, "5\r\nhel");
	say(fd, "lo\r\nB;x=y\r\n, big world\r\n0\r\nT: x\r\n\r");
	ck_assert_ptr_nonnull(upload);
	say(fd, "\n");
	ck_assert(hear(fd, out, NULL));
	ck_assert_str_eq(uploaded->str, "hello, big world");
	close(fd);
}
END_TEST

/* Whoever sends no chunks where he said he would has gone. */
START_TEST(test_an_upload_that_breaks_off)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, UPLOAD "Content-Length: 10\r\n\r\nhalf");
	close(fd);
	for (int i = 0; i < 10 && gone == 0; i++)
		turn();
	ck_assert_int_eq(gone, 1);
	ck_assert_str_eq(uploaded->str, "half");
	fd = dial();
	say(fd, UPLOAD "Transfer-Encoding: chunked\r\n\r\nno chunk");
	ck_assert(hear(fd, out, NULL));
	ck_assert_int_eq(gone, 2);
	close(fd);
}
END_TEST

START_TEST(test_an_upload_is_refused_before_it_comes)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, "POST /v1beta1/upload?no HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
	ck_assert(hear(fd, out, NULL));
	ck_assert_msg(g_str_has_prefix(out->str, "HTTP/1.1 200 OK\r\n") && g_str_has_suffix(out->str, "\r\n\r\nfine"), "%s", out->str);
	close(fd);
}
END_TEST

START_TEST(test_the_server_stops_under_a_tunnel)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	say(fd, UPGRADE);
	hear(fd, out, "\r\n\r\n");
	http_server_free(server);
	ck_assert_int_eq(gone, 1);
	open_server();
	close(fd);
}
END_TEST

/* --- the socket ----------------------------------------------------------------------------------------------- */

START_TEST(test_socket_mode_and_removal)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0666);
	http_server_free(server);
	ck_assert_int_eq(stat(path, &st), -1);
	open_server();
}
END_TEST

/* Nobody else is connected: nothing but this makes the server look again. */
START_TEST(test_who_comes_while_descriptors_are_short_is_taken_later)
{
	struct rlimit all, few;
	int fd = dial();
	g_autoptr(GString) answer = g_string_new(NULL);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = (struct rlimit) { (rlim_t)fd + 1, all.rlim_max }; /* it got the lowest that was free */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	turn();
	say(fd, GET("/late"));
	ck_assert_str_eq(seen->str, "");
	hear(fd, answer, NULL);
	ck_assert_str_eq(seen->str, "GET <late> 0\n");
	close(fd);
}
END_TEST

START_TEST(test_a_second_server_is_refused)
{
	struct error err = { 0 };

	ck_assert_ptr_null(http_server_new(base, path, on_request, NULL, &err));
	ck_assert_int_eq(err.code, EADDRINUSE);
	assert_answer(GET("/"), "200", "fine");
}
END_TEST

START_TEST(test_a_stale_socket_is_replaced_and_a_file_is_not)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct error err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	http_server_free(server);
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	open_server();
	assert_answer(GET("/"), "200", "fine");
	http_server_free(server);
	ck_assert(g_file_set_contents(path, "precious", -1, NULL));
	ck_assert_ptr_null(http_server_new(base, path, on_request, NULL, &err));
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	g_unlink(path);
	open_server();
}
END_TEST

static void
add(Suite *suite, const char *name, const TTest *const *tests)
{
	TCase *group = tcase_create(name);

	tcase_add_checked_fixture(group, setup, teardown);
	tcase_set_timeout(group, 30);
	for (; *tests != NULL; tests++)
		tcase_add_test(group, *tests);
	suite_add_tcase(suite, group);
}

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *refused = tcase_create("doubtful");

	add(suite, "requests",
	    (const TTest *const[]){ test_path_and_query_are_decoded, test_methods_and_bodies, test_limits,
		test_keep_alive_answers_in_order, test_an_empty_answer_has_its_length,
		test_an_answer_after_the_client_left, test_an_answer_after_the_server_stopped, test_peer,
		test_readers_that_do_not_read_cost_only_so_much, NULL });
	tcase_add_checked_fixture(refused, setup, teardown);
	tcase_add_loop_test(refused, test_doubtful_requests_are_refused, 0, (int)G_N_ELEMENTS(doubtful));
	suite_add_tcase(suite, refused);
	add(suite, "uploads",
	    (const TTest *const[]){ test_an_upload_of_any_size, test_an_upload_in_chunks_after_another_request, test_an_upload_that_breaks_off,
		test_an_upload_is_refused_before_it_comes, NULL });
	add(suite, "streams",
	    (const TTest *const[]){ test_stream, test_stream_tells_that_the_client_left, test_a_slow_reader_is_dropped,
		test_the_server_stops_under_a_stream, NULL });
	add(suite, "tunnels",
	    (const TTest *const[]){ test_tunnel, test_tunnel_tells_that_the_client_left, test_tunnel_can_pause,
		test_the_server_stops_under_a_tunnel, NULL });
	add(suite, "socket", (const TTest *const[]){ test_socket_mode_and_removal, test_a_second_server_is_refused,
	    test_who_comes_while_descriptors_are_short_is_taken_later, test_a_stale_socket_is_replaced_and_a_file_is_not, NULL });
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
