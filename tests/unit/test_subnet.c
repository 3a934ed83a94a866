/* Subnets of both families, and what the ledger gives of them. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/ledger.h"
#include "net/subnet.h"
#include "src/base/error.h"

static struct error err;

static struct subnet
subnet_of(const char *cidr, const char *gateway, const char *const *excluded)
{
	struct subnet subnet;

	ck_assert_msg(subnet_read(cidr, gateway, excluded, &subnet, &err) == 0, "%s: %s", cidr, err.text);
	return subnet;
}

static int
choose(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, struct ledger_wish wish, struct ledger_choice *choice)
{
	wish.owner = wish.owner == NULL ? "ns/vm/net" : wish.owner;
	return ledger_choose(subnet, entries, count, &wish, choice, &err);
}

START_TEST(what_is_read)
{
	static const struct { const char *cidr, *gateway, *first, *last, *its_gateway, *guests; enum ip_family family; } rows[] = {
		{ "10.6.0.0/24", NULL, "10.6.0.1", "10.6.0.254", "10.6.0.1", "253", IPV4 },
		{ "10.6.0.77/24", "10.6.0.254", "10.6.0.1", "10.6.0.254", "10.6.0.254", "253", IPV4 },
		{ "10.6.0.4/31", NULL, "10.6.0.4", "10.6.0.5", "10.6.0.4", "1", IPV4 },
		{ "0.0.0.0/0", "10.0.0.1", "0.0.0.1", "255.255.255.254", "10.0.0.1", "4294967293", IPV4 },
		{ "fd00:6::/64", NULL, "fd00:6::1", "fd00:6::ffff:ffff:ffff:fffe", "fd00:6::1", "18446744073709551613", IPV6 },
		{ "::/0", "fe80::1", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "fe80::1", "340282366920938463463374607431768211453", IPV6 },
		{ "10.6.0.0/24, fd00:6::/120", "fd00:6::9", "fd00:6::1", "fd00:6::fe", "fd00:6::9", "253", IPV6 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct subnet subnet = subnet_of(rows[i].cidr, rows[i].gateway, NULL);
		const struct subnet_family *f = &subnet.families[rows[i].family];
		g_autofree char *guests = number_count_format(subnet_guests(f));
		char text[IP_TEXT];
		ck_assert(f->present);
		number_format(rows[i].family, f->guests.first, text);
		ck_assert_str_eq(text, rows[i].first);
		number_format(rows[i].family, f->guests.last, text);
		ck_assert_str_eq(text, rows[i].last);
		number_format(rows[i].family, f->gateway, text);
		ck_assert_str_eq(text, rows[i].its_gateway);
		ck_assert_str_eq(guests, rows[i].guests);
		ck_assert(!subnet_has(f, f->gateway) && !subnet_gives(f, f->gateway));
		subnet_clear(&subnet);
	}
}
END_TEST

START_TEST(what_is_refused)
{
	static const struct { const char *cidr, *gateway, *excluded, *text; } rows[] = {
		{ "", NULL, NULL, "is no subnet" },
		{ "10.6.0.0", NULL, NULL, "is no subnet" },
		{ "10.6.0.0/32", NULL, NULL, "room for guests" },
		{ "10.6.0.0/33", NULL, NULL, "is no subnet" },
		{ "fd00::/129", NULL, NULL, "is no subnet" },
		{ "10.6.0.0/24,10.7.0.0/24", NULL, NULL, "second subnet of IPv4" },
		{ "10.6.0.0..10.6.0.9", NULL, NULL, "is no subnet" },
		{ "10.6.0.0/24", "10.6.0.255", NULL, "10.6.0.255" },
		{ "10.6.0.0/24", "10.6.0.0", NULL, "10.6.0.0" },
		{ "10.6.0.0/24", "10.7.0.1", NULL, "10.7.0.1" },
		{ "10.6.0.0/24", "fd00::1", NULL, "fd00::1" },
		{ "10.6.0.0/24", "router", NULL, "no IP address" },
		{ "10.6.0.0/24", NULL, "10.6.0.9..10.6.0.1", "neither an address nor a range" },
		{ "10.6.0.0/24", NULL, "x", "neither an address nor a range" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *excluded[] = { rows[i].excluded, NULL };
		struct subnet subnet;
		ck_assert_msg(subnet_read(rows[i].cidr, rows[i].gateway, excluded, &subnet, &err) == -1, "%s", rows[i].cidr);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].cidr, err.text);
		subnet_clear(&subnet);
	}
}
END_TEST

START_TEST(excluded_is_given_to_who_asks)
{
	static const char *const excluded[] = { "10.6.0.1..10.6.0.4", "10.6.0.6", "10.6.0.5", "192.168.0.1", "fd00::1", NULL };
	struct subnet subnet = subnet_of("10.6.0.0/29", NULL, excluded);
	struct ledger_choice choice;

	ck_assert_uint_eq(subnet.families[IPV4].excluded->len, 1);
	ck_assert_uint_eq((guint64)subnet_guests(&subnet.families[IPV4]), 0);
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ 0 }, &choice), -1);
	ck_assert_int_eq(err.code, ENOSPC);
	ck_assert_str_eq(err.text, "all 0 addresses of 10.6.0.0/29 are in use");
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ .ips = { "10.6.0.6" } }, &choice), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.6.0.6");
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ .ips = { "10.6.0.1" } }, &choice), -1); /* the gateway */
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ .ips = { "10.6.1.6" } }, &choice), -1);
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ .ips = { "fd00::6" } }, &choice), -1);
	subnet_clear(&subnet);
}
END_TEST

/* Every address that is given is another one, until there is none. */
static void
exhaust(struct subnet *subnet, enum ip_family family, size_t guests)
{
	struct ledger_entry entries[64] = { { 0 } };
	struct ledger_choice choices[64];
	char owners[64][16];

	for (size_t i = 0; i < guests; i++) {
		snprintf(owners[i], sizeof(owners[i]), "ns/vm%zu/net", i);
		ck_assert_msg(choose(subnet, entries, i, (struct ledger_wish){ .owner = owners[i] }, &choices[i]) == 0, "%zu: %s", i, err.text);
		entries[i] = (struct ledger_entry){ .owner = owners[i], .ip = choices[i].ips[IPV4], .ip6 = choices[i].ips[IPV6], .mac = choices[i].mac };
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(choices[k].ips[family], choices[i].ips[family]);
	}
	ck_assert_int_eq(choose(subnet, entries, guests, (struct ledger_wish){ .owner = "ns/more/net" }, &choices[guests]), -1);
	ck_assert_int_eq(err.code, ENOSPC);
	entries[guests / 2].released = 1;
	ck_assert_int_eq(choose(subnet, entries, guests, (struct ledger_wish){ .owner = "ns/more/net" }, &choices[guests]), 0);
	ck_assert_int_eq(choices[guests].recycle[0], (int)(guests / 2));
	ck_assert_str_eq(choices[guests].ips[family], choices[guests / 2].ips[family]);
}

START_TEST(all_are_given)
{
	static const char *const excluded[] = { "10.6.0.3..10.6.0.9", "10.6.0.20", "fd00::8..fd00::a", NULL };
	static const char *const pool[] = { "10.6.0.4..10.6.0.6", "10.6.0.24/30", NULL };
	struct subnet subnet = subnet_of("10.6.0.0/27", NULL, excluded);

	exhaust(&subnet, IPV4, 30 - 1 - 7 - 1);
	ck_assert_int_eq(subnet_restrict(&subnet, pool, &err), 0);
	ck_assert_uint_eq((guint64)subnet_guests(&subnet.families[IPV4]), 7);
	exhaust(&subnet, IPV4, 7);
	subnet_clear(&subnet);
	subnet = subnet_of("fd00::/124", "fd00::e", excluded);
	exhaust(&subnet, IPV6, 14 - 3 - 1);
	subnet_clear(&subnet);
}
END_TEST

START_TEST(a_pool_lies_within)
{
	static const char *const outside[] = { "10.7.0.4..10.7.0.6", NULL };
	struct subnet subnet = subnet_of("10.6.0.0/27", NULL, NULL);

	ck_assert_int_eq(subnet_restrict(&subnet, outside, &err), -1);
	ck_assert_str_eq(err.text, "10.7.0.4..10.7.0.6 is not within the subnet");
	subnet_clear(&subnet);
}
END_TEST

START_TEST(both_families)
{
	struct subnet subnet = subnet_of("10.6.0.0/24,fd00:6::/64", NULL, NULL);
	struct ledger_choice choice, again;

	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ 0 }, &choice), 0);
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ 0 }, &again), 0);
	ck_assert_str_eq(choice.ips[IPV4], again.ips[IPV4]);
	ck_assert_str_eq(choice.ips[IPV6], again.ips[IPV6]);
	ck_assert(g_str_has_prefix(choice.ips[IPV4], "10.6.0.") && g_str_has_prefix(choice.ips[IPV6], "fd00:6::"));
	ck_assert_int_eq(choose(&subnet, NULL, 0, (struct ledger_wish){ .ips = { NULL, "fd00:6::abcd" }, .without = { true } }, &choice), 0);
	ck_assert_str_eq(choice.ips[IPV4], "");
	ck_assert_str_eq(choice.ips[IPV6], "fd00:6::abcd");
	subnet_clear(&subnet);
}
END_TEST

/* What is kept for somebody is given to him and to nobody else. */
START_TEST(kept_for_one)
{
	struct subnet subnet = subnet_of("10.6.0.0/24", NULL, NULL);
	const struct ledger_entry entries[] = { { "ip/vm.ns", "10.6.0.9", "02:00:00:00:00:09", 0, "" } };
	struct ledger_choice choice;

	ck_assert_int_eq(choose(&subnet, entries, 1, (struct ledger_wish){ .ips = { "10.6.0.9" } }, &choice), -1);
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_str_eq(err.text, "address 10.6.0.9 is in use by ip/vm.ns");
	ck_assert_int_eq(choose(&subnet, entries, 1, (struct ledger_wish){ .mac = "02:00:00:00:00:09" }, &choice), -1);
	ck_assert_int_eq(choose(&subnet, entries, 1,
	    (struct ledger_wish){ .ips = { "10.6.0.9" }, .mac = "02:00:00:00:00:09", .held = "ip/vm.ns" }, &choice), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.6.0.9");
	ck_assert_int_eq(choice.recycle[0], 0);
	ck_assert_int_eq(choice.recycle[1], -1);
	subnet_clear(&subnet);
}
END_TEST

/* Ranges of a subnet without some of its addresses, as a status tells them. */
static char *
left_of(const struct subnet *subnet, enum ip_family family, const char *const *used, guint most)
{
	g_autoptr(GArray) all = subnet_ranges(&subnet->families[family]), holes = g_array_new(FALSE, FALSE, sizeof(struct number_range)), left = NULL;

	for (; *used != NULL; used++) {
		struct number_range range;
		enum ip_family its;
		ck_assert(number_range_parse(*used, &its, &range) && its == family);
		g_array_append_val(holes, range);
	}
	number_ranges_merge(holes);
	left = number_ranges_without(all, holes);
	return number_ranges_format(family, left, most);
}

START_TEST(ranges_are_told)
{
	static const struct { const char *cidr, *gateway, *excluded[3], *only[3], *used[5], *text; guint most; enum ip_family family; } rows[] = {
		{ "10.6.0.0/29", NULL, { NULL }, { NULL }, { NULL }, "10.6.0.2-10.6.0.6", 9, IPV4 },
		{ "10.6.0.0/29", "10.6.0.4", { "10.6.0.6" }, { NULL }, { "10.6.0.2" }, "10.6.0.1,10.6.0.3,10.6.0.5", 9, IPV4 },
		{ "10.6.0.0/29", NULL, { NULL }, { NULL }, { "10.6.0.1..10.6.0.6" }, NULL, 9, IPV4 },
		{ "10.6.0.0/29", NULL, { NULL }, { NULL }, { "10.6.0.0/8" }, NULL, 9, IPV4 },
		{ "10.6.0.0/24", NULL, { NULL }, { "10.6.0.10..10.6.0.19", "10.6.0.30..10.6.0.39" }, { "10.6.0.15..10.6.0.33", "10.6.0.39" },
		  "10.6.0.10-10.6.0.14,10.6.0.34-10.6.0.38", 9, IPV4 },
		{ "10.6.0.0/24", NULL, { NULL }, { NULL }, { "10.6.0.4", "10.6.0.6", "10.6.0.8" }, "10.6.0.2-10.6.0.3,10.6.0.5,...", 2, IPV4 },
		{ "::/0", "::1", { NULL }, { NULL }, { "::3" }, "::2,::4-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 9, IPV6 },
		{ "10.6.0.0/29", NULL, { NULL }, { NULL }, { NULL }, NULL, 9, IPV6 },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct subnet subnet = subnet_of(rows[i].cidr, rows[i].gateway, rows[i].excluded);
		if (rows[i].only[0] != NULL)
			ck_assert_int_eq(subnet_restrict(&subnet, rows[i].only, &err), 0);
		g_autofree char *text = left_of(&subnet, rows[i].family, rows[i].used, rows[i].most);
		ck_assert_msg(g_strcmp0(text, rows[i].text) == 0, "row %zu: %s", i, text);
		subnet_clear(&subnet);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("subnet");
	TCase *t = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(t, what_is_read);
	tcase_add_test(t, what_is_refused);
	tcase_add_test(t, excluded_is_given_to_who_asks);
	tcase_add_test(t, all_are_given);
	tcase_add_test(t, a_pool_lies_within);
	tcase_add_test(t, both_families);
	tcase_add_test(t, kept_for_one);
	tcase_add_test(t, ranges_are_told);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
