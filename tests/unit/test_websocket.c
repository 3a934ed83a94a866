/* WebSocket frames, in pieces of every size, and what no client may send. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "daemon/websocket.h"

static void
on_frame_data(void *arg, const unsigned char *bytes, size_t length)
{
	g_string_append_len(arg, (const char *)bytes, (gssize)length);
}

static void
on_frame_control(void *arg, enum websocket_opcode opcode, const unsigned char *bytes, size_t length)
{
	g_string_append_printf(arg, "[%d %.*s]", (int)opcode, (int)length, (const char *)bytes);
}

static const struct websocket_class frames = { on_frame_data, on_frame_control };

/* A masked frame as clients send it. */
static void
add_frame(GByteArray *out, unsigned first, const char *text)
{
	const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	size_t length = strlen(text);
	guint8 head[4] = { (guint8)first, 0x80 | 126, (guint8)(length >> 8), (guint8)length };

	if (length < 126)
		head[1] = (guint8)(0x80 | length);
	g_byte_array_append(out, head, length < 126 ? 2 : 4);
	g_byte_array_append(out, mask, 4);
	for (size_t i = 0; i < length; i++) {
		guint8 byte = (guint8)text[i] ^ mask[i % 4];
		g_byte_array_append(out, &byte, 1);
	}
}

START_TEST(test_websocket_accept)
{
	g_autofree char *accept = websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="); /* RFC 6455 section 1.3 */

	ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ck_assert(websocket_offers("keep-alive, Upgrade", "upgrade"));
	ck_assert(!websocket_offers("keep-alive", "upgrade"));
	ck_assert(!websocket_offers(NULL, "upgrade"));
}
END_TEST

START_TEST(test_websocket_reads_in_any_pieces)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree char *large = g_strnfill(5000, 'z');

	add_frame(bytes, 0x82, "Hello");
	add_frame(bytes, 0x02, "frag");
	add_frame(bytes, 0x89, "ping");
	add_frame(bytes, 0x80, "ment");
	add_frame(bytes, 0x82, "");
	add_frame(bytes, 0x82, large);
	add_frame(bytes, 0x88, "");
	add_frame(bytes, 0x82, "not looked at");
	for (size_t step = 1; step < bytes->len; step = step * 3 + 1) {
		struct websocket websocket = { 0 };
		g_autoptr(GString) out = g_string_new(NULL);
		for (size_t at = 0; at < bytes->len; at += step)
			ck_assert_int_eq(
			    websocket_read(&websocket, bytes->data + at, MIN(step, bytes->len - at), &frames, out), 0);
		g_autofree char *wanted = g_strconcat("Hellofrag[9 ping]ment", large, "[8 ]", NULL);
		ck_assert_str_eq(out->str, wanted);
	}
}
END_TEST

START_TEST(test_websocket_refuses)
{
	static const unsigned char bad[][14] = {
		{ 0x82, 0x01, 'x' },                                                        /* not masked */
		{ 0xc2, 0x81, 1, 2, 3, 4, 5 },                                              /* a reserved bit */
		{ 0x83, 0x81, 1, 2, 3, 4, 5 },                                              /* an unknown opcode */
		{ 0x09, 0x81, 1, 2, 3, 4, 5 },                                              /* a ping in fragments */
		{ 0x89, 0xfe, 0, 126, 1, 2, 3, 4 },                                         /* a long ping */
		{ 0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 }, /* negative length */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct websocket websocket = { 0 };
		g_autoptr(GString) out = g_string_new(NULL);
		ck_assert_int_eq(websocket_read(&websocket, bad[i], sizeof(bad[i]), &frames, out), -1);
	}
}
END_TEST

START_TEST(test_websocket_writes)
{
	static const size_t lengths[] = { 0, 125, 126, 65535, 65536 }, heads[] = { 2, 2, 4, 4, 10 };
	g_autofree char *payload = g_strnfill(65536, 'p');

	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autoptr(GByteArray) out = g_byte_array_new();
		websocket_frame(out, WEBSOCKET_BINARY, payload, lengths[i]);
		ck_assert_uint_eq(out->len, heads[i] + lengths[i]);
		ck_assert_uint_eq(out->data[0], 0x82);
	}
	g_autoptr(GByteArray) out = g_byte_array_new();
	websocket_close_frame(out, WEBSOCKET_NORMAL);
	ck_assert_mem_eq(out->data, "\x88\x02\x03\xe8", 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("websocket");
	TCase *group = tcase_create("frames");

	tcase_add_test(group, test_websocket_accept);
	tcase_add_test(group, test_websocket_reads_in_any_pieces);
	tcase_add_test(group, test_websocket_refuses);
	tcase_add_test(group, test_websocket_writes);
	suite_add_tcase(suite, group);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
