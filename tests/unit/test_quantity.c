/* Quantities and durations: what is read, how it is rounded, what is said of slips. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>

#include "src/base/error.h"
#include "src/base/quantity.h"

static const struct {
	const char *text;
	int64_t scale, value;
} quantities[] = {
	{ "0", 1, 0 },
	{ "-0", 1, 0 },
	{ "1", 1, 1 },
	{ "+12", 1, 12 },
	{ "1.", 1, 1 },
	{ "007", 1, 7 },
	{ "8Gi", 1, INT64_C(8) << 30 },
	{ "1Ki", 1, 1024 },
	{ "1k", 1, 1000 },
	{ "20M", 1, 20000000 },
	{ "3T", 1, INT64_C(3000000000000) },
	{ "2P", 1, INT64_C(2000000000000000) },
	{ "9E", 1, INT64_C(9000000000000000000) },
	{ "7Ei", 1, INT64_C(7) << 60 },
	{ "1Pi", 1, INT64_C(1) << 50 },
	{ "1.5Gi", 1, INT64_C(1610612736) },
	{ ".5Mi", 1, 524288 },
	{ "0.1Ki", 1, 103 },                   /* 102.4 */
	{ "-0.1Ki", 1, -103 },                 /* away from zero, not up */
	{ "0.3", 1, 1 },
	{ "1n", 1, 1 },
	{ "1n", 1000, 1 },
	{ "500m", 1000, 500 },
	{ "500m", 1, 1 },
	{ "0.5", 1000, 500 },
	{ "2", 1000, 2000 },
	{ "100u", 1000, 1 },
	{ "1.0001", 1000, 1001 },
	{ "1e3", 1, 1000 },
	{ "1E3", 1, 1000 },
	{ "12.5e1", 1, 125 },
	{ "5e-1", 1000, 500 },
	{ "1e-999", 1, 1 },
	{ "0e999", 1, 0 },
	{ "1e18", 1, INT64_C(1000000000000000000) },
	{ "9223372036854775807", 1, INT64_MAX },
	{ "9223372036854775808", 1, INT64_MAX }, /* capped from here on */
	{ "8Ei", 1, INT64_MAX },
	{ "-9Ei", 1, -INT64_MAX },
	{ "1e999", 1000, INT64_MAX },
	{ "-9223372036854775808", 1, INT64_MIN },
	{ "9007199254740993", 1, INT64_C(9007199254740993) },
	{ "0.1000000000000000000000000000000", 1000, 100 },
	{ "10000000000000000000000000e-24", 1, 10 },
	{ "0.000000000000000000000000000001Ei", 1, 1 },
	{ "0.0000000001234567890123456789Ei", 1, 142335987 }, /* 142335986.94 */
};

START_TEST(reads)
{
	struct error err = { 0 };
	int64_t value = -1;

	ck_assert_msg(quantity_parse(quantities[_i].text, quantities[_i].scale, &value, &err) == 0, "%s: %s",
	    quantities[_i].text, err.text);
	ck_assert_msg(value == quantities[_i].value, "%s: %lld", quantities[_i].text, (long long)value);
}
END_TEST

#define NO_QUANTITY " is not a quantity; write a number and a suffix, as in 2, 500m, 8Gi or 1.5Ti"

static const struct {
	const char *text;
	int code;
	const char *sentence;
} wrong_quantities[] = {
	{ "", EINVAL, "\"\"" NO_QUANTITY },
	{ "much", EINVAL, "\"much\"" NO_QUANTITY },
	{ ".", EINVAL, "\".\"" NO_QUANTITY },
	{ "Gi", EINVAL, "\"Gi\"" NO_QUANTITY },
	{ "1.2.3", EINVAL, "\"1.2.3\"" NO_QUANTITY },
	{ "1e", EINVAL, "\"1e\" is not a quantity; did you mean \"1Ei\"?" },
	{ "1e5.5", EINVAL, "\"1e5.5\"" NO_QUANTITY },
	{ "0x10", EINVAL, "\"0x10\"" NO_QUANTITY },
	{ "--1", EINVAL, "\"--1\"" NO_QUANTITY },
	{ "8 Gi", EINVAL, "\"8 Gi\" is not a quantity; did you mean \"8Gi\"?" },
	{ " 8Gi ", EINVAL, "\" 8Gi \" is not a quantity; did you mean \"8Gi\"?" },
	{ "8GB", EINVAL, "\"8GB\" is not a quantity; did you mean \"8Gi\"?" },
	{ "8GiB", EINVAL, "\"8GiB\" is not a quantity; did you mean \"8Gi\"?" },
	{ "512 mb", EINVAL, "\"512 mb\" is not a quantity; did you mean \"512Mi\"?" },
	{ "1.5g", EINVAL, "\"1.5g\" is not a quantity; did you mean \"1.5Gi\"?" },
	{ "4K", EINVAL, "\"4K\" is not a quantity; did you mean \"4Ki\"?" },
	{ "10b", EINVAL, "\"10b\" is not a quantity; did you mean \"10\"?" },
	{ "8Gx", EINVAL, "\"8Gx\"" NO_QUANTITY },
	{ "99999999999999999999", ERANGE, "\"99999999999999999999\" has more than 19 digits" },
	{ "0.12345678901234567891", ERANGE, "\"0.12345678901234567891\" has more than 19 digits" },
};

START_TEST(refuses)
{
	struct error err = { 0 };
	int64_t value = 77;

	ck_assert_int_eq(quantity_parse(wrong_quantities[_i].text, 1, &value, &err), -1);
	ck_assert_str_eq(err.text, wrong_quantities[_i].sentence);
	ck_assert_int_eq(err.code, wrong_quantities[_i].code);
	ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(reads_long_texts_fast)
{
	g_autofree char *zeros = g_strnfill(1 << 20, '0');
	g_autofree char *small = g_strdup_printf("0.%s1", zeros), *large = g_strdup_printf("1%s", zeros);
	int64_t value;

	ck_assert_int_eq(quantity_parse(small, 1, &value, NULL), 0);
	ck_assert_int_eq(value, 1);
	ck_assert_int_eq(quantity_parse(large, 1, &value, NULL), 0);
	ck_assert_int_eq(value, INT64_MAX);
}
END_TEST

static const struct {
	char *(*format)(int64_t);
	int64_t value;
	const char *text;
} formats[] = {
	{ quantity_format_bytes, 0, "0" },
	{ quantity_format_bytes, 1023, "1023" },
	{ quantity_format_bytes, 1024, "1Ki" },
	{ quantity_format_bytes, INT64_C(1073741824), "1Gi" },
	{ quantity_format_bytes, INT64_C(1610612736), "1536Mi" },
	{ quantity_format_bytes, -2048, "-2Ki" },
	{ quantity_format_bytes, INT64_MIN, "-8Ei" },
	{ quantity_format_milli, 1500, "1500m" },
	{ quantity_format_milli, 2000, "2" },
	{ quantity_format_milli, 0, "0" },
	{ quantity_format_milli, -500, "-500m" },
	{ quantity_format_human, 0, "0B" },
	{ quantity_format_human, 1023, "1023B" },
	{ quantity_format_human, 1024, "1KiB" },
	{ quantity_format_human, INT64_C(1610612736), "1.5GiB" },
	{ quantity_format_human, INT64_C(20971520), "20MiB" },
	{ quantity_format_human, 1234567, "1.18MiB" },
	{ quantity_format_human, 12345678, "11.8MiB" },
	{ quantity_format_human, 123456789, "118MiB" },
	{ quantity_format_human, 1048575, "1MiB" },
	{ quantity_format_human, 10235, "10KiB" },
	{ quantity_format_human, -1536, "-1.5KiB" },
	{ quantity_format_human, INT64_MAX, "8EiB" },
	{ quantity_format_human, INT64_MIN, "-8EiB" },
	{ duration_format, 0, "0s" },
	{ duration_format, 250, "250ms" },
	{ duration_format, 1500, "1.5s" },
	{ duration_format, 30000, "30s" },
	{ duration_format, 90000, "1m30s" },
	{ duration_format, 86400000, "24h" },
	{ duration_format, 5400000, "1h30m" },
	{ duration_format, 3600050, "1h0.05s" },
	{ duration_format, -60000, "-1m" },
};

START_TEST(writes)
{
	g_autofree char *text = formats[_i].format(formats[_i].value);

	ck_assert_str_eq(text, formats[_i].text);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} durations[] = {
	{ "0", 0 },
	{ "-0", 0 },
	{ "0s", 0 },
	{ "250ms", 250 },
	{ "1h30m", 5400000 },
	{ "1h0.05s", 3600050 },
	{ "1.5h", 5400000 },
	{ ".5s", 500 },
	{ "5.s", 5000 },
	{ "+5s", 5000 },
	{ "-1m30s", -90000 },
	{ "1us", 1 },
	{ "1\u00b5s", 1 },
	{ "1500000ns", 2 },
	{ "24h0m0s", 86400000 },
	{ "1m1h", 3660000 },
	{ "2562047h", INT64_C(9223369200000) },
};

START_TEST(reads_durations)
{
	struct error err = { 0 };
	int64_t ms = -1;

	ck_assert_msg(duration_parse(durations[_i].text, &ms, &err) == 0, "%s: %s", durations[_i].text, err.text);
	ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

#define NO_DURATION " is not a duration; write numbers with h, m, s or ms, as in 30s or 1h30m"

static const struct {
	const char *text, *sentence;
} wrong_durations[] = {
	{ "", "\"\"" NO_DURATION },
	{ "-", "\"-\"" NO_DURATION },
	{ "30", "\"30\" has no unit; write \"30s\" for seconds" },
	{ "1d", "\"1d\"" NO_DURATION },
	{ "5 m", "\"5 m\"" NO_DURATION },
	{ "5min", "\"5min\"" NO_DURATION },
	{ "1h-5m", "\"1h-5m\"" NO_DURATION },
	{ "s", "\"s\"" NO_DURATION },
	{ "1h30", "\"1h30\"" NO_DURATION },
	{ "2562048h", "\"2562048h\" is too long" },
	{ "9999999999999999999h", "\"9999999999999999999h\" is too long" },
};

START_TEST(refuses_durations)
{
	struct error err = { 0 };
	int64_t ms = 77;

	ck_assert_int_eq(duration_parse(wrong_durations[_i].text, &ms, &err), -1);
	ck_assert_str_eq(err.text, wrong_durations[_i].sentence);
	ck_assert_int_eq(ms, 77);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("quantity");
	TCase *tc = tcase_create("quantity");

	tcase_add_loop_test(tc, reads, 0, G_N_ELEMENTS(quantities));
	tcase_add_loop_test(tc, refuses, 0, G_N_ELEMENTS(wrong_quantities));
	tcase_add_test(tc, reads_long_texts_fast);
	tcase_add_loop_test(tc, writes, 0, G_N_ELEMENTS(formats));
	tcase_add_loop_test(tc, reads_durations, 0, G_N_ELEMENTS(durations));
	tcase_add_loop_test(tc, refuses_durations, 0, G_N_ELEMENTS(wrong_durations));
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
