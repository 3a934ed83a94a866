/* Who of the imports is slow, and who of them gives way. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>

#include "daemon/import_pace.h"

enum { SECOND = 1000, LONG = IMPORT_PACE_MS, KiB = 1 << 10, MiB = 1 << 20 };

/* An import that has been at it since began, at so many bytes a second, told of every second until now. */
static struct import_pace
run(int64_t began, int64_t now, int64_t rate, bool resumable)
{
	struct import_pace pace;

	import_pace_begin(&pace, began);
	for (int64_t at = began; at <= now; at += SECOND)
		import_pace_tell(&pace, at, (at - began) / SECOND * rate);
	if (resumable)
		import_pace_keep(&pace, pace.last);
	return pace;
}

START_TEST(is_slow_when_it_was_watched)
{
	struct import_pace slow = run(0, LONG, 100 * KiB, false), fast = run(0, LONG, MiB, false), young = run(0, LONG / 2, 1, false);

	ck_assert(import_pace_is_slow(&slow, LONG));
	ck_assert(!import_pace_is_slow(&fast, LONG));
	ck_assert(!import_pace_is_slow(&young, LONG / 2));
	/* One that tells nothing any more is. */
	ck_assert(import_pace_is_slow(&fast, 2 * LONG));
}
END_TEST

START_TEST(is_judged_anew_when_it_moves)
{
	struct import_pace pace = run(0, LONG, 100 * KiB, false);

	import_pace_tell(&pace, 2 * LONG, pace.last + 100 * MiB);
	ck_assert(!import_pace_is_slow(&pace, 2 * LONG));
	/* Another phase counts from its own beginning. */
	pace = run(0, LONG, 100 * KiB, false);
	import_pace_tell(&pace, LONG + SECOND, 0);
	ck_assert(!import_pace_is_slow(&pace, LONG + SECOND));
	ck_assert(import_pace_is_slow(&pace, 2 * LONG + SECOND));
}
END_TEST

START_TEST(slow_ones_leave_room)
{
	struct import_pace slow = run(0, LONG, KiB, false), fast = run(0, LONG, MiB, false);
	const struct import_pace *all[8];

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		all[i] = i < 4 ? &slow : &fast;
	ck_assert(import_pace_has_room(all, 4, 4, 4, LONG));
	ck_assert(import_pace_has_room(all, 7, 4, 4, LONG));
	ck_assert(!import_pace_has_room(all, 8, 4, 4, LONG));
	ck_assert(!import_pace_has_room(all + 4, 4, 4, 4, LONG));
	/* More than may be slow count. */
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		all[i] = &slow;
	ck_assert(!import_pace_has_room(all, 8, 4, 4, LONG));
}
END_TEST

START_TEST(who_loses_little_gives_way)
{
	struct import_pace fast = run(0, LONG, MiB, true), first = run(0, LONG, KiB, false), second = run(SECOND, LONG + SECOND, KiB, true),
	                   third = run(2 * SECOND, LONG + 2 * SECOND, KiB, true);
	const struct import_pace *all[] = { &fast, &first, &third, &second };

	ck_assert_int_eq(import_pace_giver(all, 4, LONG + 2 * SECOND), 3);
	ck_assert_int_eq(import_pace_giver(all, 3, LONG + 2 * SECOND), 2);
	ck_assert_int_eq(import_pace_giver(all, 2, LONG + 2 * SECOND), -1);
	/* Nor does one that would lose more than it keeps. */
	import_pace_keep(&third, third.last / 3);
	ck_assert_int_eq(import_pace_giver(all, 3, LONG + 2 * SECOND), -1);
	import_pace_keep(&third, third.last * 2 / 3);
	ck_assert_int_eq(import_pace_giver(all, 3, LONG + 2 * SECOND), 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("import_pace");
	TCase *tc = tcase_create("import_pace");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, is_slow_when_it_was_watched);
	tcase_add_test(tc, is_judged_anew_when_it_moves);
	tcase_add_test(tc, slow_ones_leave_room);
	tcase_add_test(tc, who_loses_little_gives_way);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
