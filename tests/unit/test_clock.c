/* Time as text: ages as kubectl tells them, RFC 3339 both ways. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "src/base/clock.h"

enum { SECOND = 1, MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* The steps of k8s.io/apimachinery/pkg/util/duration.HumanDuration, and what is just before and behind each. */
static const struct {
	int64_t seconds;
	const char *text;
} ages[] = {
	{ -5, "0s" },
	{ 0, "0s" },
	{ 1, "1s" },
	{ 59, "59s" },
	{ 119, "119s" },
	{ 120, "2m" },
	{ 121, "2m1s" },
	{ 10 * MINUTE - 1, "9m59s" },
	{ 10 * MINUTE, "10m" },
	{ 10 * MINUTE + 59, "10m" },
	{ 3 * HOUR - 1, "179m" },
	{ 3 * HOUR, "3h" },
	{ 3 * HOUR + 59, "3h" },
	{ 3 * HOUR + MINUTE, "3h1m" },
	{ 8 * HOUR - 1, "7h59m" },
	{ 8 * HOUR, "8h" },
	{ 8 * HOUR + 59 * MINUTE, "8h" },
	{ 2 * DAY - 1, "47h" },
	{ 2 * DAY, "2d" },
	{ 2 * DAY + HOUR, "2d1h" },
	{ 8 * DAY - 1, "7d23h" },
	{ 8 * DAY, "8d" },
	{ 8 * DAY + 23 * HOUR, "8d" },
	{ 2 * 365 * DAY - 1, "729d" },
	{ 2 * 365 * DAY, "2y" },
	{ 2 * 365 * DAY + DAY, "2y1d" },
	{ 8 * 365 * INT64_C(86400) - 1, "7y364d" },
	{ 8 * 365 * INT64_C(86400), "8y" },
	{ 100 * 365 * INT64_C(86400), "100y" },
};

START_TEST(tells_ages)
{
	char text[CLOCK_TEXT_SIZE];

	ck_assert_str_eq(clock_age(ages[_i].seconds * 1000, text), ages[_i].text);
	if (ages[_i].seconds >= 0)
		ck_assert_str_eq(clock_age(ages[_i].seconds * 1000 + 999, text), ages[_i].text);
}
END_TEST

static const struct {
	int64_t ms;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00Z" },
	{ 1000, "1970-01-01T00:00:01Z" },
	{ INT64_C(951782400000), "2000-02-29T00:00:00Z" },
	{ INT64_C(1767323045000), "2026-01-02T03:04:05Z" },
	{ INT64_C(4102444799000), "2099-12-31T23:59:59Z" },
	{ INT64_C(253402300799000), "9999-12-31T23:59:59Z" },
};

START_TEST(goes_both_ways)
{
	char text[CLOCK_TEXT_SIZE];

	ck_assert_str_eq(clock_format(times[_i].ms, text), times[_i].text);
	ck_assert_str_eq(clock_format(times[_i].ms + 999, text), times[_i].text);
	ck_assert_int_eq(clock_parse(times[_i].text), times[_i].ms);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} readings[] = {
	{ "2026-01-02T03:04:05.678Z", INT64_C(1767323045678) },
	{ "2026-01-02T03:04:05.678901Z", INT64_C(1767323045678) },
	{ "2026-01-02T04:04:05+01:00", INT64_C(1767323045000) },
	{ "2026-01-01T21:34:05-05:30", INT64_C(1767323045000) },
	{ "", -1 },
	{ "now", -1 },
	{ "2026-01-02", -1 },
	{ "2026-02-30T00:00:00Z", -1 },
	{ "2026-01-02T25:00:00Z", -1 },
	{ "2026-01-02T03:04:05", -1 },
	{ "20260102T030405Z", -1 },
	{ "2026-01-02T03:04:05Z ", -1 },
	{ "2026-01-02T03:04:05Zulu", -1 },
};

START_TEST(reads_times)
{
	ck_assert_msg(clock_parse(readings[_i].text) == readings[_i].ms, "\"%s\": %lld", readings[_i].text,
	    (long long)clock_parse(readings[_i].text));
}
END_TEST

START_TEST(does_not_go_back)
{
	int64_t before = clock_monotonic_ms();

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_ms();
		ck_assert(now >= before);
		before = now;
	}
	ck_assert(clock_wall_ms() > INT64_C(1700000000000));
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_loop_test(tc, tells_ages, 0, sizeof(ages) / sizeof(ages[0]));
	tcase_add_loop_test(tc, goes_both_ways, 0, sizeof(times) / sizeof(times[0]));
	tcase_add_loop_test(tc, reads_times, 0, sizeof(readings) / sizeof(readings[0]));
	tcase_add_test(tc, does_not_go_back);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
