/* The client's side of a WebSocket: frames of every length, a handshake in pieces, and a server that lies. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/websocket.h"

/* RFC 6455 section 1.3. */
static const uint8_t sample_key[16] = "the sample nonce";
static const char sample_answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                    "Upgrade: websocket\r\n"
                                    "Connection: Upgrade\r\n"
                                    "sec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n\r\n";

START_TEST(request_carries_the_key)
{
	g_autofree char *request = ws_request("/a/console", sample_key);

	ck_assert_ptr_nonnull(strstr(request, "GET /a/console HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nSec-WebSocket-Protocol: plain.kubevirt.io\r\n"));
	ck_assert_str_eq(request + strlen(request) - 4, "\r\n\r\n");
}
END_TEST

START_TEST(answer_comes_in_pieces)
{
	size_t size = 0, length = strlen(sample_answer);
	struct error err = { 0 };
	int status = 0;

	for (size_t i = 0; i < length; i++)
		ck_assert_int_eq(ws_answer(sample_answer, i, sample_key, &size, &status, &err), 0);
	ck_assert_int_eq(ws_answer(sample_answer, length, sample_key, &size, &status, &err), 1);
	ck_assert_uint_eq(size, length);
	ck_assert_int_eq(status, 101);
}
END_TEST

START_TEST(answers_that_are_refused)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{}", 404 },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 0 },
		{ "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", 0 },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0 },
		{ "\r\n\r\n", 0 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct error err = { 0 };
		size_t size = 0;
		int status = 7;

		ck_assert_int_eq(ws_answer(rows[i].text, strlen(rows[i].text), sample_key, &size, &status, &err), -1);
		ck_assert_int_eq(status, rows[i].status);
		ck_assert_int_eq(err.code, EPROTO);
	}
}
END_TEST

START_TEST(endless_headers_are_refused)
{
	g_autofree char *text = g_strnfill(70000, 'a');
	struct error err = { 0 };
	size_t size = 0;
	int status;

	ck_assert_int_eq(ws_answer(text, 70000, sample_key, &size, &status, &err), -1);
}
END_TEST

static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 100000 };

/* A client's frame unmasked is a server's: mask bit off, mask taken out. */
START_TEST(frames_of_every_length)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	size_t length = lengths[_i], head = length < 126 ? 2 : length <= 65535 ? 4 : 10;
	g_autofree char *payload = g_malloc(length + 1);
	g_autoptr(GString) out = g_string_new(NULL);
	struct ws_frame frame = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < length; i++)
		payload[i] = (char)(i * 7);
	ws_encode(WS_BINARY, payload, length, mask, out);
	ck_assert_uint_eq(out->len, head + 4 + length);
	ck_assert_int_eq(ws_decode(out->str, out->len, &frame, &err), -1); /* a server must not mask */
	for (size_t i = 0; i < length; i++)
		out->str[head + 4 + i] = (char)((uint8_t)out->str[head + 4 + i] ^ mask[i % 4]);
	g_string_erase(out, (gssize)head, 4);
	out->str[1] = (char)(out->str[1] & 0x7f);
	for (size_t i = 0; i < MIN(out->len, 200); i++)
		ck_assert_int_eq(ws_decode(out->str, i, &frame, &err), 0);
	ck_assert_int_eq(ws_decode(out->str, out->len, &frame, &err), 1);
	ck_assert_int_eq(frame.type, WS_BINARY);
	ck_assert_uint_eq(frame.length, length);
	ck_assert_uint_eq(frame.size, out->len);
	ck_assert_int_eq(memcmp(frame.payload, payload, length), 0);
}
END_TEST

START_TEST(frames_that_are_refused)
{
	static const struct {
		const char *bytes;
		size_t size;
	} rows[] = {
		{ "\xc2\x01x", 3 },                                 /* an extension's bit */
		{ "\x82\x7f\x00\x00\x00\x00\xff\xff\xff\xff", 10 }, /* 4 GiB */
		{ "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10 }, /* all there is */
		{ "\x09\x00", 2 },                                  /* a ping in pieces */
		{ "\x88\x7e\x00\x80", 4 },                          /* a close of 128 bytes */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ws_frame frame = { 0 };
		struct error err = { 0 };

		ck_assert_int_eq(ws_decode(rows[i].bytes, rows[i].size, &frame, &err), -1);
		ck_assert_int_eq(err.code, EPROTO);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_websocket");
	TCase *tc = tcase_create("cli_websocket");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, request_carries_the_key);
	tcase_add_test(tc, answer_comes_in_pieces);
	tcase_add_test(tc, answers_that_are_refused);
	tcase_add_test(tc, endless_headers_are_refused);
	tcase_add_loop_test(tc, frames_of_every_length, 0, G_N_ELEMENTS(lengths));
	tcase_add_test(tc, frames_that_are_refused);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
