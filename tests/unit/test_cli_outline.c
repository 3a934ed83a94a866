/* Outlines of trees, as describe writes them. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/cli/event_list.h"
#include "src/cli/outline.h"

static const struct {
	const char *name, *label;
} labels[] = {
	{ "name", "Name" },
	{ "creationTimestamp", "Creation Timestamp" },
	{ "dataVolumeTemplates", "Data Volume Templates" },
	{ "podIP", "Pod IP" },
	{ "ipAddress", "Ip Address" },
	{ "UID", "UID" },
	{ "app.kubernetes.io/name", "app.kubernetes.io/name" },
	{ "", "" },
};

START_TEST(labels_are_words)
{
	g_autofree char *label = outline_label(labels[_i].name);

	ck_assert_str_eq(label, labels[_i].label);
}
END_TEST

static char *
outline(const char *json, const struct schema *schema)
{
	json_auto_t *tree = json_loads(json, 0, NULL);
	GString *text = g_string_new(NULL);

	ck_assert_ptr_nonnull(tree);
	outline_write(tree, 0, schema, "", text);
	return g_string_free(text, FALSE);
}

START_TEST(members_are_sorted_and_lined_up)
{
	g_autofree char *text = outline("{\"running\":true,\"cpu\":{\"sockets\":2,\"cores\":1},\"list\":[{\"b\":1,\"a\":null},"
	                                "\"x\"],\"user\":\"one\\ntwo\\n\"}", NULL);

	ck_assert_str_eq(text, "Cpu:\n"
	                       "  Cores:    1\n"
	                       "  Sockets:  2\n"
	                       "List:\n"
	                       "  A:  <nil>\n"
	                       "  B:  1\n"
	                       "  x\n"
	                       "Running:  true\n"
	                       "User:     one\n"
	                       "    two\n");
}
END_TEST

START_TEST(secrets_are_told_by_their_size)
{
	g_autofree char *text = outline("{\"data\":{\"password\":\"aHVudGVyMg==\"},\"type\":\"Opaque\"}", kinds[KIND_SECRET].schema);

	ck_assert_str_eq(text, "Data:\n"
	                       "  password:  7 bytes\n"
	                       "Type:  Opaque\n");
}
END_TEST

START_TEST(events_are_sorted_and_counted)
{
	json_auto_t *list = json_loads(
	    "{\"items\":[{\"reason\":\"B\",\"firstTimestamp\":\"2026-01-01T00:00:00Z\",\"lastTimestamp\":\"2026-01-01T00:02:00Z\","
	    "\"count\":5,\"involvedObject\":{\"kind\":\"VirtualMachine\",\"name\":\"x\"}},"
	    "{\"reason\":\"A\",\"lastTimestamp\":\"2026-01-01T00:01:00Z\",\"count\":1},{\"reason\":\"none\"}]}", 0, NULL);
	g_autoptr(GPtrArray) events = event_list_sorted(list);
	const int64_t now = 1767225600000 + 180000; /* 2026-01-01T00:03:00Z */
	g_autofree char *none = event_list_age(events->pdata[0], now), *once = event_list_age(events->pdata[1], now);
	g_autofree char *often = event_list_age(events->pdata[2], now), *object = event_list_object(events->pdata[2]);

	ck_assert_str_eq(none, "<unknown>");
	ck_assert_str_eq(once, "2m");
	ck_assert_str_eq(often, "60s (x5 over 3m)");
	ck_assert_str_eq(object, "VirtualMachine/x");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_outline");
	TCase *tc = tcase_create("cli_outline");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, labels_are_words, 0, G_N_ELEMENTS(labels));
	tcase_add_test(tc, members_are_sorted_and_lined_up);
	tcase_add_test(tc, secrets_are_told_by_their_size);
	tcase_add_test(tc, events_are_sorted_and_counted);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
