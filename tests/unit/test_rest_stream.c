/* Verbs on objects, the log, and the console over WebSocket. */
#include "config.h"

#include "tests/unit/rest_fixture.h"

START_TEST(test_verbs)
{
	create_vm("x");
	create_vmi("y");
	ANSWER started = call("PUT", SUB "/virtualmachines/x/start", "", "{\"paused\":true}");
	assert_code(&started, 202);
	ck_assert_str_eq(started.body, "");
	ck_assert_str_eq(verb_said, "x paused=1");
	ANSWER paused = call("PUT", SUB "/virtualmachineinstances/y/pause", "", "");
	assert_code(&paused, 200);
	ck_assert_str_eq(verb_said, "y paused=0");
	ANSWER slashes = call("PUT", SUB "/virtualmachines/x/evacuate/cancel", "Accept: */*\r\n", "{}");
	assert_code(&slashes, 202);
	ANSWER busy = call("PUT", SUB "/virtualmachines/x/stop", "", "{}");
	assert_status(&busy, 409, "Conflict",
	    "Operation cannot be fulfilled on virtualmachine.kubevirt.io \"x\": VM is not running");
	ANSWER missing = call("PUT", SUB "/virtualmachines/z/start", "", "");
	assert_status(&missing, 404, "NotFound", "virtualmachine.kubevirt.io \"z\" not found");
	ANSWER unknown = call("PUT", SUB "/virtualmachines/x/fly", "", "");
	assert_status(&unknown, 404, "NotFound", "fly");
	ANSWER method = get(SUB "/virtualmachines/x/start");
	assert_status(&method, 405, "MethodNotAllowed", "GET");
	ANSWER body = call("PUT", SUB "/virtualmachines/x/start", "", "{\"paused\":");
	assert_status(&body, 400, "BadRequest", "");
}
END_TEST

START_TEST(test_log)
{
	create_vmi("y");
	ANSWER log = get(SUB "/virtualmachineinstances/y/log?limit=4");
	ANSWER bad = get(SUB "/virtualmachineinstances/y/log?limit=-1");

	assert_code(&log, 200);
	ck_assert_str_eq(log.body, "boot");
	ck_assert_ptr_nonnull(strstr(log.text, "Content-Type: text/plain\r\n"));
	assert_status(&bad, 400, "BadRequest", "limit");
}
END_TEST

START_TEST(test_domain_xml)
{
	create_vmi("y");
	ANSWER xml = get(SUB "/virtualmachineinstances/y/domainxml");
	ANSWER none = get(SUB "/virtualmachineinstances/nobody/domainxml");
	ANSWER machine = get(SUB "/virtualmachines/y/domainxml");

	assert_code(&xml, 200);
	ck_assert_str_eq(xml.body, "boo");
	ck_assert_ptr_nonnull(strstr(xml.text, "Content-Type: application/xml\r\n"));
	assert_code(&none, 404);
	assert_code(&machine, 404);
}
END_TEST

#define HANDSHAKE "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: plain.kubevirt.io\r\n"

static int
open_console(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = dial();

	create_vmi("y");
	ask(fd, "GET", SUB "/virtualmachineinstances/y/console", HANDSHAKE, "");
	hear(fd, out, "\r\n\r\n");
	ck_assert_msg(g_str_has_prefix(out->str, "HTTP/1.1 101 "), "%s", out->str);
	ck_assert_ptr_nonnull(strstr(out->str, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	ck_assert_ptr_nonnull(strstr(out->str, "Sec-WebSocket-Protocol: plain.kubevirt.io\r\n"));
	return fd;
}

START_TEST(test_console)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) typed = g_string_new(NULL);
	int fd = open_console();

	ck_assert_int_eq(write(guest_fd, "login: ", 7), 7);
	hear(fd, out, "login: ");
	ck_assert_mem_eq(out->str, "\x82\x07login: ", 9);
	say(fd, "\x82\x85\0\0\0\0root\r", 11); /* a mask of zeros leaves the bytes as they are */
	hear(guest_fd, typed, "root\r");
	say(fd, "\x89\x82\0\0\0\0hi", 8);
	hear(fd, out, "\x8a\x02hi");
	say(fd, "\x88\x80\0\0\0\0", 6);
	hear(fd, out, NULL);
	ck_assert_mem_eq(out->str + out->len - 4, "\x88\x02\x03\xe8", 4);
	hear(guest_fd, typed, NULL);
	close(fd);
}
END_TEST

START_TEST(test_console_ends_with_the_guest)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int fd = open_console();

	ck_assert_int_eq(write(guest_fd, "bye", 3), 3);
	close(guest_fd);
	guest_fd = -1;
	hear(fd, out, NULL);
	ck_assert_mem_eq(out->str, "\x82\x03" "bye\x88\x02\x03\xe8", 9);
	close(fd);
}
END_TEST

START_TEST(test_console_ends_with_the_client)
{
	g_autoptr(GString) typed = g_string_new(NULL);

	close(open_console());
	hear(guest_fd, typed, NULL);
}
END_TEST

START_TEST(test_console_moves_much_both_ways)
{
	g_autofree char *block = g_strnfill(1000, 'k');
	g_autoptr(GByteArray) frame = g_byte_array_new();
	size_t given = 0, taken = 0, typed = 0, asked = 0;
	int fd = open_console();
	char bytes[65536];
	ssize_t n;

	g_byte_array_append(frame, (const guint8 *)"\x82\xfe\x03\xe8\0\0\0\0", 8);
	g_byte_array_append(frame, (const guint8 *)block, 1000);
	/* Nobody reads at first: neither side may pile up without end. */
	for (int i = 0; i < 5000; i++) {
		if ((n = write(guest_fd, block, 1000)) > 0)
			given += (size_t)n;
		if (send(fd, frame->data, frame->len, MSG_NOSIGNAL) == (ssize_t)frame->len)
			asked += 1000;
		turn();
	}
	ck_assert_uint_lt(given, 3 << 20);
	ck_assert_uint_lt(asked, 3 << 20);
	for (int i = 0; i < 100000 && (taken < given || typed < asked); i++) {
		turn();
		while ((n = recv(guest_fd, bytes, sizeof(bytes), 0)) > 0)
			typed += (size_t)n;
		while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
			for (ssize_t j = 0; j < n; j++)
				taken += bytes[j] == 'k';
	}
	ck_assert_uint_eq(taken, given);
	ck_assert_uint_ge(typed, asked);
	close(fd);
}
END_TEST

START_TEST(test_console_refusals)
{
	create_vmi("off");
	ANSWER off = call("GET", SUB "/virtualmachineinstances/off/console", HANDSHAKE, "");
	ANSWER plain = get(SUB "/virtualmachineinstances/off/console");
	ANSWER missing = call("GET", SUB "/virtualmachineinstances/z/console", HANDSHAKE, "");

	assert_status(&off, 400, "BadRequest", "VMI is not running");
	assert_status(&plain, 400, "BadRequest", "WebSocket");
	assert_status(&missing, 404, "NotFound", "not found");
}
END_TEST

START_TEST(test_the_daemon_stops_under_a_console)
{
	g_autoptr(GString) typed = g_string_new(NULL);
	int fd = open_console();

	restart();
	hear(guest_fd, typed, NULL);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rest_stream");

	add_tests(suite, "subresources",
	    (const TTest *const[]){ test_verbs, test_log, test_domain_xml, test_console, test_console_ends_with_the_guest,
		test_console_ends_with_the_client, test_console_moves_much_both_ways, test_console_refusals,
		test_the_daemon_stops_under_a_console, NULL });
	return run_suite(suite);
}
