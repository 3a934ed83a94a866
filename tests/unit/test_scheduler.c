/* Choosing a host: who passes, who wins, and how a refusal reads. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/scheduler.h"

#define GIB ((int64_t)1 << 30)

static char why[500];

static int
choose(const struct scheduler_host *hosts, size_t count, const struct scheduler_demand *demand)
{
	why[0] = '\0';
	return scheduler_choose(hosts, count, demand, why, sizeof(why));
}

static struct scheduler_host
host(const char *name, int64_t memory, int64_t used)
{
	return (struct scheduler_host){.name = name, .ready = true, .schedulable = true, .cpu = 8000, .memory = memory,
	    .memory_used = used};
}

START_TEST(the_emptiest_wins)
{
	struct scheduler_host hosts[] = {host("a", 16 * GIB, 8 * GIB), host("b", 16 * GIB, 2 * GIB), host("c", 16 * GIB, 4 * GIB)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};

	ck_assert_int_eq(choose(hosts, 3, &demand), 1);
	hosts[1].cpu_used = 7000; /* now its processors weigh against it */
	ck_assert_int_eq(choose(hosts, 3, &demand), 2);
}
END_TEST

START_TEST(equal_ones_go_by_name)
{
	struct scheduler_host hosts[] = {host("b", 8 * GIB, 0), host("a", 8 * GIB, 0), host("c", 8 * GIB, 0)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};

	ck_assert_int_eq(choose(hosts, 3, &demand), 1);
}
END_TEST

START_TEST(exactly_enough_is_enough)
{
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 4 * GIB)};
	struct scheduler_demand demand = {.cpu = 8000, .memory = 4 * GIB};

	ck_assert_int_eq(choose(hosts, 1, &demand), 0);
	demand.memory++;
	ck_assert_int_eq(choose(hosts, 1, &demand), -1);
	demand.memory--;
	demand.cpu++;
	ck_assert_int_eq(choose(hosts, 1, &demand), -1);
	ck_assert_str_eq(why, "0/1 nodes are available: 1 Insufficient cpu (wanted 8001m, free 8 of 8)");
}
END_TEST

START_TEST(the_refusal_tells_numbers)
{
	struct scheduler_host hosts[] = {host("a", 4 * GIB, 4 * GIB - 3 * GIB / 2), host("b", 64 * GIB, 0)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = 8 * GIB};

	hosts[1].ready = false;
	ck_assert_int_eq(choose(hosts, 2, &demand), -1);
	ck_assert_str_eq(why, "0/2 nodes are available: 1 node is not ready, 1 Insufficient memory (wanted 8GiB, free 1.5GiB of 4GiB)");
}
END_TEST

START_TEST(a_host_without_its_networks_is_told_with_the_reason)
{
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 0), host("b", 8 * GIB, 7 * GIB)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};

	hosts[0].unplugged = "host a: the device up0 does not exist";
	ck_assert_int_eq(choose(hosts, 2, &demand), 1);
	ck_assert_int_eq(choose(hosts, 1, &demand), -1);
	ck_assert_str_eq(why, "0/1 nodes are available: 1 node lacks its networks; host a: the device up0 does not exist");
}
END_TEST

START_TEST(what_an_instance_has_for_itself_is_counted_apart)
{
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 0), host("b", 8 * GIB, 0)};
	struct scheduler_demand demand = {.memory = GIB, .whole = 4};

	hosts[0].whole = 7;
	hosts[0].whole_free = 4;
	ck_assert_int_eq(choose(hosts, 2, &demand), 0);
	demand.whole = 5;
	ck_assert_int_eq(choose(hosts, 2, &demand), -1);
	ck_assert_str_eq(why, "0/2 nodes are available: 2 Insufficient cpu for itself alone (wanted 5, at most free 4 of 7)");
}
END_TEST

START_TEST(devices_are_counted_by_their_names)
{
	const struct scheduler_resource some[] = {{"a.io/gpu", 2, 1}, {"a.io/nic", 4, 4}}, one = {"a.io/gpu", 1, 0};
	struct scheduler_resource wanted[] = {{"a.io/nic", 2, 0}, {"a.io/gpu", 1, 0}};
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 0), host("b", 8 * GIB, 0)};
	struct scheduler_demand demand = {.memory = GIB, .resources = wanted, .resource_count = 2};

	hosts[0].resources = &one;
	hosts[1].resources = some;
	hosts[0].resource_count = 1;
	hosts[1].resource_count = 2;
	ck_assert_int_eq(choose(hosts, 2, &demand), 1);
	wanted[1].amount = 2;
	ck_assert_int_eq(choose(hosts, 1, &demand), -1);
	ck_assert_str_eq(why, "0/1 nodes are available: 1 Insufficient a.io/nic (wanted 2, free 0 of 0)");
	ck_assert_int_eq(choose(hosts + 1, 1, &demand), -1);
	ck_assert_str_eq(why, "0/1 nodes are available: 1 Insufficient a.io/gpu (wanted 2, free 1 of 2)");
}
END_TEST

/* Of several that lack the same, the one that has most is told; what lacks two things is told of both. */
START_TEST(the_nearest_is_told)
{
	struct scheduler_host hosts[] = {host("a", 4 * GIB, GIB), host("b", 4 * GIB, 0), host("c", 2 * GIB, 0)};
	struct scheduler_demand demand = {.cpu = 16000, .memory = 8 * GIB};

	ck_assert_int_eq(choose(hosts, 3, &demand), -1);
	ck_assert_str_eq(why, "0/3 nodes are available: 3 Insufficient cpu (wanted 16, at most free 8 of 8), "
	    "3 Insufficient memory (wanted 8GiB, at most free 4GiB of 4GiB)");
}
END_TEST

/* After the ratios were lowered more may be promised than there is. */
START_TEST(overcommitted_hosts_have_nothing)
{
	struct scheduler_host hosts[] = {host("a", 4 * GIB, 6 * GIB)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};

	ck_assert_int_eq(choose(hosts, 1, &demand), -1);
	ck_assert_str_eq(why, "0/1 nodes are available: 1 Insufficient memory (wanted 1GiB, free 0B of 4GiB)");
}
END_TEST

START_TEST(pinned_by_disks)
{
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 0), host("b", 4 * GIB, 0)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB, .pinned = "b"};

	ck_assert_int_eq(choose(hosts, 2, &demand), 1);
	demand.memory = 5 * GIB;
	ck_assert_int_eq(choose(hosts, 2, &demand), -1);
	ck_assert_str_eq(why, "0/2 nodes are available: 1 node does not hold its disks, "
	    "1 Insufficient memory (wanted 5GiB, free 4GiB of 4GiB); its disks are on b");
	demand.pinned = "gone";
	ck_assert_int_eq(choose(hosts, 2, &demand), -1);
	ck_assert_str_eq(why, "0/2 nodes are available: 2 nodes do not hold its disks; its disks are on gone, which is not configured");
}
END_TEST

START_TEST(selectors_and_cordons)
{
	static const struct scheduler_label ssd[] = {{"disk", "ssd"}, {"zone", "1"}}, hdd[] = {{"disk", "hdd"}};
	struct scheduler_host hosts[] = {host("a", 8 * GIB, 0), host("b", 8 * GIB, 0), host("c", 8 * GIB, 0)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB, .selector = ssd, .selector_count = 1};

	hosts[0].labels = hdd, hosts[0].label_count = 1;
	hosts[2].labels = ssd, hosts[2].label_count = 2;
	ck_assert_int_eq(choose(hosts, 3, &demand), 2);
	hosts[2].schedulable = false;
	ck_assert_int_eq(choose(hosts, 3, &demand), -1);
	ck_assert_str_eq(why, "0/3 nodes are available: 1 node is unschedulable, 2 nodes didn't match the node selector");
}
END_TEST

START_TEST(no_hosts)
{
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};

	ck_assert_int_eq(choose(NULL, 0, &demand), -1);
	ck_assert_str_eq(why, "0/0 nodes are available: none is configured");
}
END_TEST

/* Memory times the score's scale passes 63 bits; the text is cut, never overrun. */
START_TEST(large_and_small)
{
	struct scheduler_host hosts[] = {host("a", INT64_MAX, 0), host("b", INT64_MAX, INT64_MAX / 2)};
	struct scheduler_demand demand = {.cpu = 1000, .memory = GIB};
	char small[8];

	ck_assert_int_eq(choose(hosts, 2, &demand), 0);
	ck_assert_int_eq(scheduler_choose(NULL, 0, &demand, small, sizeof(small)), -1);
	ck_assert_str_eq(small, "0/0 nod");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("scheduler");
	TCase *t = tcase_create("choose");

	tcase_add_test(t, the_emptiest_wins);
	tcase_add_test(t, what_an_instance_has_for_itself_is_counted_apart);
	tcase_add_test(t, devices_are_counted_by_their_names);
	tcase_add_test(t, equal_ones_go_by_name);
	tcase_add_test(t, exactly_enough_is_enough);
	tcase_add_test(t, the_refusal_tells_numbers);
	tcase_add_test(t, a_host_without_its_networks_is_told_with_the_reason);
	tcase_add_test(t, the_nearest_is_told);
	tcase_add_test(t, overcommitted_hosts_have_nothing);
	tcase_add_test(t, pinned_by_disks);
	tcase_add_test(t, selectors_and_cordons);
	tcase_add_test(t, no_hosts);
	tcase_add_test(t, large_and_small);
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
