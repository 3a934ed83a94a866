/* The address ledger's rules. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/ledger.h"
#include "src/base/error.h"

static struct error err;

static struct subnet
subnet(const char *cidr)
{
	struct subnet result = {0};

	ck_assert_msg(subnet_parse(cidr, &result, &err) == 0, "%s: %s", cidr, err.text);
	return result;
}

static int
choose(const struct subnet *net, const struct ledger_entry *entries, size_t count, const char *owner, const char *mac,
    struct ledger_choice *choice, struct error *error)
{
	const struct ledger_wish wish = { .owner = owner, .mac = mac };

	return ledger_choose(net, entries, count, &wish, choice, error);
}

START_TEST(subnets)
{
	static const struct { const char *cidr; uint32_t network, mask, guests; } rows[] = {
		{"192.168.77.0/24", 0xc0a84d00, 0xffffff00, 253},
		{"10.0.0.0/8", 0x0a000000, 0xff000000, (1 << 24) - 3},
		{"10.1.2.4/30", 0x0a010204, 0xfffffffc, 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct subnet found = subnet(rows[i].cidr);
		ck_assert_uint_eq((guint64)found.families[IPV4].network, rows[i].network);
		ck_assert_uint_eq(UINT32_MAX << (32 - found.families[IPV4].prefix), rows[i].mask);
		ck_assert_uint_eq((guint64)found.families[IPV4].gateway, rows[i].network + 1);
		ck_assert(!found.families[IPV6].present);
		ck_assert_uint_eq((guint64)subnet_guests(&found.families[IPV4]), rows[i].guests);
	}
}
END_TEST

START_TEST(bad_subnets)
{
	static const char *const rows[] = {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/7", "10.0.0.0/31", "10.0.0.0/+8", "10.0.0.0/ 8",
		"10.0.0.0/08x", "10.0.0/8", "010.0.0.0/8x", "::/64", "10.0.0.0/8/8", "10.0.0.0/888"};
	struct subnet result;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_msg(subnet_parse(rows[i], &result, &err) == -1, "%s", rows[i]);
		ck_assert_int_eq(err.code, EINVAL);
	}
	ck_assert_int_eq(subnet_parse("192.168.77.5/24", &result, &err), -1);
	ck_assert_str_eq(err.text, "\"192.168.77.5/24\" is an address inside a subnet; the subnet is 192.168.77.0/24");
}
END_TEST

/* The numbers are written down: a change of the derivation would move every address of a lost store. */
START_TEST(derived_from_the_name)
{
	struct subnet net = subnet("192.168.77.0/24");
	struct ledger_choice first, again, other;

	ck_assert_int_eq(choose(&net, NULL, 0, "default/demo/default", NULL, &first, &err), 0);
	ck_assert_int_eq(choose(&net, NULL, 0, "default/demo/default", NULL, &again, &err), 0);
	ck_assert_int_eq(choose(&net, NULL, 0, "default/other/default", NULL, &other, &err), 0);
	ck_assert_str_eq(first.ips[IPV4], again.ips[IPV4]);
	ck_assert_str_eq(first.mac, again.mac);
	ck_assert_str_ne(first.mac, other.mac);
	ck_assert_str_eq(first.ips[IPV4], "192.168.77.30");
	ck_assert_str_eq(first.mac, "52:54:00:06:19:93");
	ck_assert_int_eq(first.recycle[0], -1);
}
END_TEST

/* Fills a subnet one by one: every address is given once, gateway and broadcast never. */
START_TEST(servers_have_the_lowest)
{
	const struct ledger_entry entries[] = {{.owner = "dhcp/a:desk", .ip = "10.6.0.2", .mac = "02:00:00:00:00:01"}};
	const struct ledger_wish wish = {.owner = "dhcp/b:desk", .lowest = true};
	struct subnet net = subnet("10.6.0.0/24");
	struct ledger_choice choice;

	ck_assert_int_eq(ledger_choose(&net, NULL, 0, &wish, &choice, &err), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.6.0.2");
	ck_assert_int_eq(ledger_choose(&net, entries, 1, &wish, &choice, &err), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.6.0.3");
}
END_TEST

START_TEST(a_subnet_fills_up)
{
	struct subnet net = subnet("10.9.8.0/28");
	struct ledger_choice choices[13];
	struct ledger_entry entries[13];
	char owners[14][32];

	for (int i = 0; i < 13; i++) {
		snprintf(owners[i], sizeof(owners[i]), "ns/vm%d/net", i);
		ck_assert_int_eq(choose(&net, entries, (size_t)i, owners[i], NULL, &choices[i], &err), 0);
		ck_assert_str_ne(choices[i].ips[IPV4], "10.9.8.1");
		ck_assert_str_ne(choices[i].ips[IPV4], "10.9.8.15");
		for (int k = 0; k < i; k++) {
			ck_assert_str_ne(choices[i].ips[IPV4], choices[k].ips[IPV4]);
			ck_assert_str_ne(choices[i].mac, choices[k].mac);
		}
		entries[i] = (struct ledger_entry){owners[i], choices[i].ips[IPV4], choices[i].mac, 0};
	}
	ck_assert_int_eq(choose(&net, entries, 13, "ns/more/net", NULL, &choices[0], &err), -1);
	ck_assert_int_eq(err.code, ENOSPC);
	ck_assert_str_eq(err.text, "all 13 addresses of 10.9.8.0/28 are in use");
}
END_TEST

START_TEST(released_ones_make_room_last)
{
	struct subnet net = subnet("10.9.8.0/29"); /* five guests: .2 to .6 */
	struct ledger_entry entries[] = {
		{"a", "10.9.8.2", "52:54:00:00:00:01", 0}, {"b", "10.9.8.3", "52:54:00:00:00:02", 500},
		{"c", "10.9.8.4", "52:54:00:00:00:03", 300}, {"d", "10.9.8.5", "52:54:00:00:00:04", 0},
		{"e", "10.9.8.6", "52:54:00:00:00:05", 900},
	};
	struct ledger_choice choice;

	ck_assert_int_eq(choose(&net, entries, 4, "new", NULL, &choice, &err), 0);
	ck_assert_int_eq(choice.recycle[0], -1);
	ck_assert_str_eq(choice.ips[IPV4], "10.9.8.6");
	ck_assert_int_eq(choose(&net, entries, 5, "new", NULL, &choice, &err), 0);
	ck_assert_int_eq(choice.recycle[0], 2);
	ck_assert_str_eq(choice.ips[IPV4], "10.9.8.4");
}
END_TEST

START_TEST(wanted_macs)
{
	struct subnet net = subnet("10.9.8.0/24");
	struct ledger_entry entries[] = {
		{"ns/a/net", "10.9.8.2", "02:00:00:00:00:01", 0}, {"ns/b/net", "10.9.8.3", "02:00:00:00:00:02", 77},
	};
	struct ledger_choice choice;

	ck_assert_int_eq(choose(&net, entries, 2, "new", "02:00:00:AB:CD:EF", &choice, &err), 0);
	ck_assert_str_eq(choice.mac, "02:00:00:ab:cd:ef");
	ck_assert_int_eq(choice.recycle[0], -1);
	ck_assert_int_eq(choose(&net, entries, 2, "new", "02:00:00:00:00:01", &choice, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_str_eq(err.text, "MAC address 02:00:00:00:00:01 is in use by ns/a/net");
	/* A released entry must go before another can have its MAC. */
	ck_assert_int_eq(choose(&net, entries, 2, "new", "02:00:00:00:00:02", &choice, &err), 0);
	ck_assert_int_eq(choice.recycle[0], 1);
}
END_TEST

START_TEST(bad_macs)
{
	static const char *const rows[] = {"", "02", "02:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:0g", "02:00:00:00:00:00:00",
		"02-00-00-00-00-00", " 2:00:00:00:00:00", "01:00:5e:00:00:01"};
	struct subnet net = subnet("10.9.8.0/24");
	struct ledger_choice choice;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_msg(choose(&net, NULL, 0, "new", rows[i], &choice, &err) == -1, "%s", rows[i]);
		ck_assert_int_eq(err.code, EINVAL);
	}
}
END_TEST

/* The configured subnet was changed: entries of the old one neither take nor give addresses. */
START_TEST(entries_of_another_subnet)
{
	struct subnet net = subnet("10.9.8.0/30");
	struct ledger_entry entries[] = {{"a", "192.168.1.2", "52:54:00:00:00:01", 5}, {"b", "rubbish", "52:54:00:00:00:02", 5},
		{"c", "10.9.8.2", "52:54:00:00:00:03", 0}};
	struct ledger_choice choice;

	ck_assert_int_eq(choose(&net, entries, 2, "new", NULL, &choice, &err), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.9.8.2");
	ck_assert_int_eq(choose(&net, entries, 3, "new", NULL, &choice, &err), -1);
	ck_assert_int_eq(err.code, ENOSPC);
}
END_TEST

/* A MAC that an entry of the old subnet gives up brings no address with it: another entry has to make room for that. */
START_TEST(a_wanted_mac_of_another_subnet)
{
	struct subnet net = subnet("10.9.8.0/30");
	struct ledger_entry entries[] = {{"a", "192.168.1.2", "52:54:00:00:00:01", 5}, {"b", "10.9.8.2", "52:54:00:00:00:02", 7}};
	struct ledger_choice choice;

	ck_assert_int_eq(choose(&net, entries, 2, "new", "52:54:00:00:00:01", &choice, &err), 0);
	ck_assert_str_eq(choice.ips[IPV4], "10.9.8.2");
	ck_assert_int_eq(choice.recycle[0], 0);
	ck_assert_int_eq(choice.recycle[1], 1);
	entries[1].released = 0;
	ck_assert_int_eq(choose(&net, entries, 2, "new", "52:54:00:00:00:01", &choice, &err), -1);
	ck_assert_int_eq(err.code, ENOSPC);
}
END_TEST

/* A derived MAC that another holds is not given again. */
START_TEST(derived_macs_do_not_collide)
{
	struct subnet net = subnet("10.9.8.0/24");
	struct ledger_choice first, second;

	ck_assert_int_eq(choose(&net, NULL, 0, "new", NULL, &first, &err), 0);
	struct ledger_entry entries[] = {{"other", "10.9.8.2", first.mac, 0}};
	ck_assert_int_eq(choose(&net, entries, 1, "new", NULL, &second, &err), 0);
	ck_assert_str_ne(first.mac, second.mac);
	ck_assert(g_str_has_prefix(second.mac, "52:54:00:"));
}
END_TEST

/* A network whose addresses are not ours: only MACs are kept apart. */
START_TEST(a_network_without_addresses)
{
	struct ledger_entry entries[] = {{"other", "", "52:54:00:00:00:01", 0}};
	struct ledger_choice choice;

	ck_assert_int_eq(choose(NULL, entries, 1, "new", NULL, &choice, &err), 0);
	ck_assert_str_eq(choice.ips[IPV4], "");
	ck_assert(g_str_has_prefix(choice.mac, "52:54:00:"));
	ck_assert_int_eq(choose(NULL, entries, 1, "new", "52:54:00:00:00:01", &choice, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("ledger");

	tcase_add_test(t, subnets);
	tcase_add_test(t, bad_subnets);
	tcase_add_test(t, derived_from_the_name);
	tcase_add_test(t, servers_have_the_lowest);
	tcase_add_test(t, a_subnet_fills_up);
	tcase_add_test(t, released_ones_make_room_last);
	tcase_add_test(t, wanted_macs);
	tcase_add_test(t, bad_macs);
	tcase_add_test(t, entries_of_another_subnet);
	tcase_add_test(t, a_wanted_mac_of_another_subnet);
	tcase_add_test(t, derived_macs_do_not_collide);
	tcase_add_test(t, a_network_without_addresses);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
