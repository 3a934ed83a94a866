/* Processors and devices that a host gives to one instance alone: on small hosts by hand, on random ones by their rules. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/grant.h"
#include "src/base/cpuset.h"
#include "src/base/error.h"

enum { CPUS_MOST = 256, ROUNDS = 200, INSTANCES = 24 };

/* Numbers as Linux gives them: first one thread of every core, then the other threads. */
static size_t
host_make(struct grant_cpu *cpus, int nodes, int cores, int threads)
{
	int all = nodes * cores;

	for (int i = 0; i < all * threads; i++)
		cpus[i] = (struct grant_cpu){ .id = i, .node = i % all / cores, .core = i % all };
	return (size_t)(all * threads);
}

/* Chooses and takes; the numbers as text. */
static const char *
give(struct grant_cpu *cpus, size_t count, size_t wanted)
{
	static GString *out;
	size_t chosen[CPUS_MOST];

	if (out == NULL)
		out = g_string_new(NULL);
	g_string_truncate(out, 0);
	if (!grant_cpus_choose(cpus, count, wanted, chosen))
		return "none";
	for (size_t i = 0; i < wanted; i++) {
		g_string_append_printf(out, "%s%d", i > 0 ? " " : "", cpus[chosen[i]].id);
		cpus[chosen[i]].taken = true;
	}
	return out->str;
}

START_TEST(whole_cores_come_first_with_their_threads_side_by_side)
{
	struct grant_cpu cpus[CPUS_MOST];
	size_t count = host_make(cpus, 1, 4, 2);

	cpus[0].taken = true;
	ck_assert_str_eq(give(cpus, count, 4), "1 5 2 6");
	ck_assert_str_eq(give(cpus, count, 1), "4"); /* its core was broken up already */
	ck_assert_str_eq(give(cpus, count, 3), "none");
	ck_assert_str_eq(give(cpus, count, 2), "3 7");
	ck_assert_str_eq(give(cpus, count, 1), "none");
	ck_assert_str_eq(give(cpus, count, 0), "");
}
END_TEST

START_TEST(the_odd_one_stands_last)
{
	struct grant_cpu cpus[CPUS_MOST];
	size_t count = host_make(cpus, 1, 4, 2);

	cpus[4].taken = true;
	ck_assert_str_eq(give(cpus, count, 5), "1 5 2 6 0");
}
END_TEST

START_TEST(one_node_is_enough_when_it_has_enough)
{
	struct grant_cpu cpus[CPUS_MOST];
	size_t count = host_make(cpus, 2, 4, 1);

	ck_assert_str_eq(give(cpus, count, 1), "0");
	ck_assert_str_eq(give(cpus, count, 4), "4 5 6 7");
	ck_assert_str_eq(give(cpus, count, 2), "1 2");
}
END_TEST

START_TEST(the_fuller_node_is_filled_up)
{
	struct grant_cpu cpus[CPUS_MOST];
	size_t count = host_make(cpus, 2, 4, 1);

	cpus[4].taken = cpus[5].taken = true;
	ck_assert_str_eq(give(cpus, count, 2), "6 7");
	ck_assert_str_eq(give(cpus, count, 4), "0 1 2 3");
}
END_TEST

START_TEST(several_nodes_give_what_none_has)
{
	struct grant_cpu cpus[CPUS_MOST];
	size_t count = host_make(cpus, 2, 4, 1);

	cpus[0].taken = true;
	ck_assert_str_eq(give(cpus, count, 6), "1 2 4 5 6 7");
}
END_TEST

/* --- random ones ------------------------------------------------------------------------------------------------------- */

/* Of the cores that were wholly free, those that are left broken up. */
static size_t
broken_cores(const struct grant_cpu *before, size_t count, const bool *chosen)
{
	size_t broken = 0;

	for (size_t i = 0; i < count; i++) {
		size_t threads = 0, given = 0, had = 0;

		for (size_t n = 0; n < count; n++) {
			threads += before[n].core == before[i].core;
			had += before[n].core == before[i].core && before[n].taken;
			given += before[n].core == before[i].core && chosen[n];
		}
		broken += before[i].id == before[i].core && had == 0 && given > 0 && given < threads;
	}
	return broken;
}

static size_t
free_in_fullest_node(const struct grant_cpu *cpus, size_t count)
{
	size_t most = 0;

	for (int node = 0; node < 8; node++) {
		size_t free = 0;
		for (size_t i = 0; i < count; i++)
			free += cpus[i].node == node && !cpus[i].taken;
		most = MAX(most, free);
	}
	return most;
}

static void
check_choice(const struct grant_cpu *cpus, size_t count, size_t wanted, const size_t *chosen)
{
	bool marked[CPUS_MOST] = { false };
	bool one_node = true;

	for (size_t i = 0; i < wanted; i++) {
		ck_assert_uint_lt(chosen[i], count);
		ck_assert(!cpus[chosen[i]].taken);
		ck_assert(!marked[chosen[i]]);
		marked[chosen[i]] = true;
		one_node = one_node && cpus[chosen[i]].node == cpus[chosen[0]].node;
	}
	ck_assert(one_node || free_in_fullest_node(cpus, count) < wanted);
	ck_assert_uint_le(broken_cores(cpus, count, marked), 1);
}

/* Instances come and go: nobody ever gets what another has, and nobody is refused while enough is free. */
START_TEST(nothing_is_given_twice)
{
	g_autoptr(GRand) random = g_rand_new_with_seed((guint32)_i + 1);
	struct grant_cpu cpus[CPUS_MOST];
	size_t held[INSTANCES][CPUS_MOST], amounts[INSTANCES] = { 0 }, free;
	size_t count = host_make(cpus, g_rand_int_range(random, 1, 5), g_rand_int_range(random, 1, 9), g_rand_int_range(random, 1, 5));

	for (size_t i = 0; i < count; i++)
		cpus[i].taken = g_rand_int_range(random, 0, 10) == 0;
	free = grant_cpus_free(cpus, count);
	for (int round = 0; round < ROUNDS; round++) {
		int who = g_rand_int_range(random, 0, INSTANCES);
		size_t wanted = (size_t)g_rand_int_range(random, 1, 13);

		for (size_t i = 0; i < amounts[who]; i++)
			cpus[held[who][i]].taken = false;
		free += amounts[who];
		amounts[who] = 0;
		ck_assert_uint_eq(grant_cpus_free(cpus, count), free);
		if (grant_cpus_choose(cpus, count, wanted, held[who])) {
			check_choice(cpus, count, wanted, held[who]);
			amounts[who] = wanted;
			free -= wanted;
		} else {
			ck_assert_uint_lt(free, wanted);
		}
		for (size_t i = 0; i < amounts[who]; i++)
			cpus[held[who][i]].taken = true;
	}
}
END_TEST

/* --- devices ------------------------------------------------------------------------------------------------------------- */

START_TEST(devices_are_near_and_groups_stay_together)
{
	struct grant_device devices[] = {
		{ "gpu", "0000:01:00.0", "7", 0, false },
		{ "sound", "0000:01:00.1", "7", 0, false },
		{ "gpu", "0000:81:00.0", "9", 1, false },
	};
	const int one = 1;
	size_t all;

	ck_assert_int_eq(grant_device_choose(devices, 3, "gpu", &one, 1), 2);
	ck_assert_int_eq(grant_device_choose(devices, 3, "gpu", NULL, 0), 0);
	ck_assert_int_eq(grant_device_choose(devices, 3, "disk", NULL, 0), -1);
	ck_assert_uint_eq(grant_devices_free(devices, 3, "gpu", &all), 2);
	devices[1].taken = true; /* the other function of the card is somebody else's */
	ck_assert_uint_eq(grant_devices_free(devices, 3, "gpu", &all), 1);
	ck_assert_uint_eq(all, 2);
	ck_assert_int_eq(grant_device_choose(devices, 3, "gpu", NULL, 0), 2);
}
END_TEST

/* --- sets ----------------------------------------------------------------------------------------------------------------- */

START_TEST(sets_are_read_and_written)
{
	static const char *const same[] = { "", "0", "0-3", "0-3,8", "1,3,5-7,4095" };
	struct cpuset set;
	struct error err;

	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		ck_assert_int_eq(cpuset_parse(same[i], &set, &err), 0);
		g_autofree char *text = cpuset_format(&set);
		ck_assert_str_eq(text, same[i]);
	}
	ck_assert_int_eq(cpuset_parse("8,0-5,^2,^4-5", &set, &err), 0);
	g_autofree char *text = cpuset_format(&set);
	ck_assert_str_eq(text, "0-1,3,8");
	ck_assert_uint_eq(cpuset_count(&set), 4);
	ck_assert(!cpuset_has(&set, -1) && !cpuset_has(&set, CPUSET_MOST));
}
END_TEST

START_TEST(what_is_no_set_is_refused)
{
	static const char *const wrong[] = { "a", "1-", "-1", "3-1", "1,,2", "1,", ",1", "^", "4096", "0-99999999999", "1 2" };
	struct cpuset set = { { 7 } };
	struct error err;

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		ck_assert_int_eq(cpuset_parse(wrong[i], &set, &err), -1);
	ck_assert_uint_eq(set.words[0], 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("grant");
	TCase *tcase = tcase_create("grant");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, whole_cores_come_first_with_their_threads_side_by_side);
	tcase_add_test(tcase, the_odd_one_stands_last);
	tcase_add_test(tcase, one_node_is_enough_when_it_has_enough);
	tcase_add_test(tcase, the_fuller_node_is_filled_up);
	tcase_add_test(tcase, several_nodes_give_what_none_has);
	tcase_add_loop_test(tcase, nothing_is_given_twice, 0, 25);
	tcase_add_test(tcase, devices_are_near_and_groups_stay_together);
	tcase_add_test(tcase, sets_are_read_and_written);
	tcase_add_test(tcase, what_is_no_set_is_refused);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
