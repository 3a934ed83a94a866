/* Forms that bring a file: in pieces of any size, and damaged ones. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/multipart.h"
#include "src/base/error.h"

#define TYPE "multipart/form-data; boundary=xx"
#define FILE_HEAD "Content-Disposition: form-data; name=\"file\"; filename=\"a.img\"\r\nContent-Type: application/octet-stream\r\n\r\n"

static void
on_data(void *arg, const unsigned char *bytes, size_t length)
{
	g_string_append_len(arg, (const char *)bytes, (gssize)length);
}

static void
on_end(void *arg)
{
	g_string_append(arg, "|");
}

static const struct multipart_class class = { on_data, on_end };

static const struct {
	const char *type, *body, *got; /* got: the file and a "|" for its end; or "!" and words of the refusal */
} forms[] = {
	{ TYPE, "--xx\r\n" FILE_HEAD "hello\r\n--xx--\r\n", "hello|" },
	{ "Multipart/Form-Data; charset=utf-8; boundary=\"xx\"", "--xx\r\n" FILE_HEAD "\r\n--xx--", "|" },
	{ TYPE, "preamble\r\n--xx\r\n" FILE_HEAD "a\r\n--x\r\n--xy\r\n\r\n--xx--", "a\r\n--x\r\n--xy\r\n|" },
	{ TYPE, "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nnot this\r\n--xx\r\n" FILE_HEAD "this\r\n--xx--", "this|" },
	{ TYPE, "--xx\r\n\r\nno heads\r\n--xx\r\n" FILE_HEAD "this\r\n--xx--", "this|" },
	{ TYPE, "--xx\r\n" FILE_HEAD "cut off", "!ended within" },
	{ TYPE, "--xx\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--xx--", "!no field" },
	{ TYPE, "--xx\r\n" FILE_HEAD "a\r\n--xx\r\n" FILE_HEAD "b\r\n--xx--", "!twice" },
	{ TYPE, "--xxyz\r\n", "!damaged" },
	{ TYPE, "", "!no field" },
	{ "multipart/form-data", "", "!boundary" },
	{ "application/octet-stream", "", "!boundary" },
	{ NULL, "", "!boundary" },
};

static void
check_form(size_t i, size_t step)
{
	g_autoptr(GString) got = g_string_new(NULL);
	struct error err = { 0 };
	struct multipart *form = multipart_new(forms[i].type, "file", &class, got, &err);
	int rc = form == NULL ? -1 : 0;

	for (size_t at = 0, n = strlen(forms[i].body); rc == 0 && at < n; at += step)
		rc = multipart_feed(form, (const unsigned char *)forms[i].body + at, MIN(step, n - at), &err);
	if (rc == 0)
		rc = multipart_finish(form, &err);
	multipart_free(form);
	if (forms[i].got[0] == '!')
		ck_assert_msg(rc < 0 && err.code == EINVAL && strstr(err.text, forms[i].got + 1) != NULL, "%zu: %s", i, err.text);
	else
		ck_assert_msg(rc == 0 && strcmp(got->str, forms[i].got) == 0, "%zu by %zu: %s %s", i, step, got->str, err.text);
}

START_TEST(forms_in_pieces_of_any_size)
{
	static const size_t steps[] = { 1, 2, 3, 5, 7, 11, 1000 };

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
		check_form((size_t)_i, steps[i]);
}
END_TEST

START_TEST(heads_without_an_end)
{
	struct error err = { 0 };
	g_autoptr(GString) got = g_string_new(NULL);
	struct multipart *form = multipart_new(TYPE, "file", &class, got, &err);
	int rc = multipart_feed(form, (const unsigned char *)"--xx\r\n", 6, &err);

	for (int i = 0; rc == 0 && i < 100; i++)
		rc = multipart_feed(form, (const unsigned char *)"X-Header: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", 100, &err);
	ck_assert_int_eq(rc, -1);
	multipart_free(form);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("multipart");
	TCase *t = tcase_create("forms");

	tcase_add_loop_test(t, forms_in_pieces_of_any_size, 0, G_N_ELEMENTS(forms));
	tcase_add_test(t, heads_without_an_end);
	suite_add_tcase(suite, t);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
