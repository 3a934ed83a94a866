/* How far a transfer is, in words. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>

#include "src/cli/meter.h"

static const struct {
	int64_t done, total, ms;
	const char *text;
} rows[] = {
	{ 0, 0, 0, "0B" },
	{ 0, 1024, 0, "0B of 1KiB [>                   ]   0.00%" },
	{ 512, 1024, 1000, "512B of 1KiB [==========>         ]  50.00% 512B/s 1s left" },
	{ 1024, 1024, 1000, "1KiB of 1KiB [====================] 100.00% 1KiB/s" },
	{ 2048, 1024, 1000, "2KiB of 1KiB [====================] 100.00% 2KiB/s" },
	{ 2048, 0, 1000, "2KiB 2KiB/s" },
};

START_TEST(meters)
{
	g_autofree char *text = meter_text(rows[_i].done, rows[_i].total, rows[_i].ms);

	ck_assert_str_eq(text, rows[_i].text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_meter");
	TCase *tcase = tcase_create("meter");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, meters, 0, (int)G_N_ELEMENTS(rows));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
