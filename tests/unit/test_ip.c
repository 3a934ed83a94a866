/* Addresses, subnets and ranges: what is read, what is refused and why, and how they compare. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/ip.h"

static struct ip
ip(const char *text)
{
	struct error err = { 0 };
	struct ip ip;

	ck_assert_msg(ip_parse(text, &ip, &err) == 0, "%s", err.text);
	return ip;
}

static struct ip_range
range(const char *text)
{
	struct error err = { 0 };
	struct ip_range range;

	ck_assert_msg(ip_range_parse(text, &range, &err) == 0, "%s", err.text);
	return range;
}

/* An address, and how it is written. */
static const struct {
	const char *text, *shortest;
	int version;
} addresses[] = {
	{ "10.6.0.9", "10.6.0.9", 4 },
	{ "255.255.255.255", "255.255.255.255", 4 },
	{ "0.0.0.0", "0.0.0.0", 4 },
	{ "fd00:6::9", "fd00:6::9", 6 },
	{ "FD00:0006:0:0:0:0:0:0009", "fd00:6::9", 6 },
	{ "::", "::", 6 },
	{ "::1", "::1", 6 },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6 },
};

START_TEST(reads_addresses)
{
	struct ip read = ip(addresses[_i].text);
	char text[IP_TEXT];

	ip_format(&read, text);
	ck_assert_str_eq(text, addresses[_i].shortest);
	ck_assert_int_eq(ip_version(&read), addresses[_i].version);
}
END_TEST

static const char *const wrong_addresses[] = { "", "10.6.0", "10.6.0.256", "10.6.0.09", "10.6.0.9 ", " 10.6.0.9", "10.6.0.9/24", "0x0a060009", "1",
	"fd00:::9", "fd00:6::9%eth0", "::ffff:10.6.0.9", "12345::", "[fd00::1]", "host" };

START_TEST(refuses_other_addresses)
{
	struct ip before = ip("10.0.0.1"), read = before;
	struct error err = { 0 };

	ck_assert_int_eq(ip_parse(wrong_addresses[_i], &read, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not an IP address such as 10.6.0.9 or fd00::9"));
	ck_assert_int_eq(ip_compare(&read, &before), 0); /* written on success only */
}
END_TEST

static const struct {
	const char *text, *first, *last;
	unsigned prefix;
} subnets[] = {
	{ "10.6.0.0/24", "10.6.0.0", "10.6.0.255", 24 },
	{ "10.6.0.77/24", "10.6.0.0", "10.6.0.255", 24 },
	{ "10.6.7.128/25", "10.6.7.128", "10.6.7.255", 25 },
	{ "10.0.0.0/9", "10.0.0.0", "10.127.255.255", 9 },
	{ "0.0.0.0/0", "0.0.0.0", "255.255.255.255", 0 },
	{ "10.6.0.4/31", "10.6.0.4", "10.6.0.5", 31 },
	{ "10.6.0.4/32", "10.6.0.4", "10.6.0.4", 32 },
	{ "fd00:6::/64", "fd00:6::", "fd00:6::ffff:ffff:ffff:ffff", 64 },
	{ "fd00:6::9/127", "fd00:6::8", "fd00:6::9", 127 },
	{ "fd00:6::9/128", "fd00:6::9", "fd00:6::9", 128 },
	{ "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0 },
	{ "fd00::/9", "fd00::", "fd7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9 },
};

START_TEST(reads_subnets)
{
	char first[IP_TEXT], last[IP_TEXT];
	struct ip_range read;
	unsigned prefix;

	ck_assert_int_eq(ip_subnet_parse(subnets[_i].text, &read, &prefix, NULL), 0);
	ip_format(&read.first, first);
	ip_format(&read.last, last);
	ck_assert_str_eq(first, subnets[_i].first);
	ck_assert_str_eq(last, subnets[_i].last);
	ck_assert_uint_eq(prefix, subnets[_i].prefix);
	struct ip_range same = range(subnets[_i].text); /* a range may be a subnet */
	ck_assert_int_eq(ip_compare(&same.first, &read.first), 0);
}
END_TEST

static const char *const wrong_subnets[] = { "", "/24", "10.6.0.0", "10.6.0.0/", "10.6.0.0/33", "10.6.0.0/-1", "10.6.0.0/+4", "10.6.0.0/24/8",
	"10.6.0.0/255.255.255.0", "fd00::/129", "10.6.0/24", "10.6.0.0/ 24" };

START_TEST(refuses_other_subnets)
{
	struct error err = { 0 };
	struct ip_range read;
	unsigned prefix = 7;

	ck_assert_int_eq(ip_subnet_parse(wrong_subnets[_i], &read, &prefix, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not a subnet such as 10.6.0.0/24 or fd00:6::/64"));
	ck_assert_uint_eq(prefix, 7);
}
END_TEST

static const struct {
	const char *text, *told;
} wrong_ranges[] = {
	{ "10.6.0.9..10.6.0.1", "\"10.6.0.9..10.6.0.1\" ends before it begins: write the lower address first" },
	{ "10.6.0.9..fd00::1", "\"10.6.0.9..fd00::1\" begins in one version of IP and ends in the other" },
	{ "10.6.0.9..", "\"\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ "..10.6.0.9", "\"\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ "10.6.0.1...9", "\".9\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ "10.6.0.1-10.6.0.9", "\"10.6.0.1-10.6.0.9\" is not an IP address such as 10.6.0.9 or fd00::9" },
	{ "10.6.0.0/40", "\"10.6.0.0/40\" is not a subnet such as 10.6.0.0/24 or fd00:6::/64" },
};

START_TEST(refuses_other_ranges)
{
	struct error err = { 0 };
	struct ip_range read;

	ck_assert_int_eq(ip_range_parse(wrong_ranges[_i].text, &read, &err), -1);
	ck_assert_str_eq(err.text, wrong_ranges[_i].told);
}
END_TEST

static const struct {
	const char *a, *b;
	bool meet;
} pairs[] = {
	{ "10.6.0.0/24", "10.6.0.255..10.6.1.4", true },
	{ "10.6.0.0/24", "10.6.1.0/24", false },
	{ "10.6.0.0/24", "10.6.0.9", true },
	{ "10.6.0.4..10.6.0.6", "10.6.0.0/24", true },
	{ "10.6.0.4..10.6.0.6", "10.6.0.7..10.6.0.9", false },
	{ "10.6.0.4..10.6.0.6", "10.6.0.6..10.6.0.9", true },
	{ "9.255.255.255", "10.0.0.0", false }, /* as bytes, not as text */
	{ "0.0.0.0/0", "::/0", false },
	{ "fd00::/64", "fd00:0:0:1::/64", false },
	{ "fd00::/63", "fd00:0:0:1::/64", true },
};

START_TEST(compares_ranges)
{
	struct ip_range a = range(pairs[_i].a), b = range(pairs[_i].b);

	ck_assert_int_eq(ip_ranges_meet(&a, &b), pairs[_i].meet);
	ck_assert_int_eq(ip_ranges_meet(&b, &a), pairs[_i].meet);
	ck_assert(ip_ranges_meet(&a, &a));
}
END_TEST

START_TEST(orders_addresses)
{
	static const char *const order[] = { "0.0.0.0", "9.255.255.255", "10.0.0.0", "255.255.255.255", "::", "::1", "fd00::", "fd00:0:0:1::" };

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		for (size_t k = 0; k < sizeof(order) / sizeof(*order); k++) {
			struct ip a = ip(order[i]), b = ip(order[k]);
			int sign = ip_compare(&a, &b);
			ck_assert_int_eq((sign > 0) - (sign < 0), (i > k) - (i < k));
		}
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("ip");
	TCase *tc = tcase_create("ip");

#define LOOP(test, rows) tcase_add_loop_test(tc, test, 0, (int)(sizeof(rows) / sizeof(*(rows))))
	LOOP(reads_addresses, addresses);
	LOOP(refuses_other_addresses, wrong_addresses);
	LOOP(reads_subnets, subnets);
	LOOP(refuses_other_subnets, wrong_subnets);
	LOOP(refuses_other_ranges, wrong_ranges);
	LOOP(compares_ranges, pairs);
	tcase_add_test(tc, orders_addresses);
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
