/* HTTP answers, whole and in pieces. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/reply.h"

/* What came out of an answer. */
struct got {
	GString *text; /* headers in brackets, then the body */
	gsize enough;  /* bytes of text after which no more is wanted; 0: all */
};

static void
on_header(void *arg, const char *line)
{
	g_string_append_printf(((struct got *)arg)->text, "[%s]", line);
}

static bool
on_body(void *arg, const char *bytes, size_t length)
{
	struct got *got = arg;

	g_string_append_len(got->text, bytes, (gssize)length);
	return got->enough == 0 || got->text->len < got->enough;
}

/* Feeds text in pieces of a size until it is whole or wrong; then the end.  1: whole; 2: only by its end; -1. */
static int
feed(const char *text, size_t piece, struct got *got, int *status, struct error *err)
{
	struct reply *reply = reply_new(&(struct reply_sink){ on_header, on_body, got });
	size_t length = strlen(text);
	int r = 0;

	for (size_t i = 0; r == 0 && i < length; i += piece)
		r = reply_feed(reply, text + i, MIN(piece, length - i), err);
	if (r == 0)
		r = reply_end(reply, err) < 0 ? -1 : 2;
	*status = reply_status(reply);
	reply_free(reply);
	return r;
}

static const struct {
	const char *text;
	int result, status;
	const char *out; /* or the sentence */
} rows[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 1, 200, "[Content-Length: 3]abc" },
	{ "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 1, 200, "[content-length:0]" },
	{ "HTTP/1.1 404 Not Found\nContent-Length: 1\n\n!behind", 1, 404, "[Content-Length: 1]!" },
	{ "HTTP/1.1 200 OK\r\n\r\nall\r\nof it", 2, 200, "all\r\nof it" },
	{ "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", 1, 204, "[A: b]" },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 1, 201, "[Content-Length: 2]ok" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\n", 1, 200,
	    "[Transfer-Encoding: chunked]abc0123456789" },
	{ "", -1, 0, "it was closed without an answer" },
	{ "HTTP/1.1 200 OK\r\nContent-Le", -1, 200, "it was closed amid the answer" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", -1, 200, "it was closed amid the answer" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", -1, 200, "it was closed amid the answer" },
	{ "SSH-2.0-OpenSSH_9.2p1\r\n", -1, 0, "the answer is no HTTP" },
	{ "HTTP/1.1 abc OK\r\n", -1, 0, "the answer has no HTTP status" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc", -1, 200, "the answer's Content-Length is no number" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", -1, 200, "a chunk of the answer has no size" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", -1, 200,
	    "a chunk of the answer is longer than it says" },
};

START_TEST(the_same_in_pieces_of_every_size)
{
	for (size_t piece = 1; piece <= strlen(rows[_i].text) + 1; piece++) {
		g_autoptr(GString) text = g_string_new(NULL);
		struct got got = { .text = text };
		struct error err = { 0 };
		int status, r = feed(rows[_i].text, piece, &got, &status, &err);

		ck_assert_int_eq(r, rows[_i].result);
		ck_assert_int_eq(status, rows[_i].status);
		ck_assert_str_eq(r < 0 ? err.text : text->str, rows[_i].out);
		ck_assert_int_eq(err.code, r < 0 ? EPROTO : 0);
	}
}
END_TEST

START_TEST(who_has_enough_is_told_no_more)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct got got = { .text = text, .enough = 2 };
	struct error err = { 0 };
	int status;

	ck_assert_int_eq(feed("HTTP/1.1 200 OK\r\n\r\nabcdef", 1, &got, &status, &err), 1);
	ck_assert_str_eq(text->str, "ab");
}
END_TEST

START_TEST(a_header_has_an_end)
{
	g_autofree char *name = g_strnfill(70000, 'x'), *reply = g_strconcat("HTTP/1.1 200 OK\r\n", name, NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	struct got got = { .text = text };
	struct error err = { 0 };
	int status;

	ck_assert_int_eq(feed(reply, 4096, &got, &status, &err), -1);
	ck_assert_str_eq(err.text, "a header of the answer has no end");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_reply");
	TCase *tc = tcase_create("cli_reply");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, the_same_in_pieces_of_every_size, 0, G_N_ELEMENTS(rows));
	tcase_add_test(tc, who_has_enough_is_told_no_more);
	tcase_add_test(tc, a_header_has_an_end);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
