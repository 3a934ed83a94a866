/* Label and field selectors: what matches, and what cannot be read. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>

#include "daemon/selector.h"
#include "src/base/error.h"

static json_t *object;

static void
setup(void)
{
	object = json_loads(
	    "{\"metadata\":{\"name\":\"x\",\"labels\":{\"app\":\"web\",\"kubevirt.io/vmi-name\":\"vm-1\",\"in\":\"\"}},"
	    "\"spec\":{\"replicas\":3,\"paused\":true},\"involvedObject\":{\"kind\":\"VirtualMachine\"}}",
	    0, NULL);
	ck_assert_ptr_nonnull(object);
}

static void
teardown(void)
{
	json_decref(object);
}

static const struct {
	const char *labels, *fields;
	bool matches;
} cases[] = {
	{ NULL, NULL, true },
	{ "", "", true },
	{ "app=web", NULL, true },
	{ "app==web", NULL, true },
	{ " app = web ", NULL, true },
	{ "app=db", NULL, false },
	{ "app!=db", NULL, true },
	{ "other!=db", NULL, true },
	{ "app", NULL, true },
	{ "!app", NULL, false },
	{ "!other", NULL, true },
	{ "other", NULL, false },
	{ "app in (db, web)", NULL, true },
	{ "app in (db)", NULL, false },
	{ "other in (db)", NULL, false },
	{ "app notin (db)", NULL, true },
	{ "other notin (db)", NULL, true },
	{ "app notin (db,web)", NULL, false },
	{ "kubevirt.io/vmi-name==vm-1", NULL, true },
	{ "app=web,kubevirt.io/vmi-name in (vm-1),!other", NULL, true },
	{ "app=web,other", NULL, false },
	{ "in", NULL, true },
	{ "in=", NULL, true },
	{ NULL, "metadata.name=x", true },
	{ NULL, "metadata.name==x", true },
	{ NULL, "metadata.name!=x", false },
	{ NULL, " metadata.name=x , spec.replicas=3", true },
	{ NULL, "spec.paused=true", true },
	{ NULL, "spec.nodeName=", true },
	{ NULL, "spec.nodeName=n", false },
	{ NULL, "spec.nodeName!=n", true },
	{ NULL, "involvedObject.kind=VirtualMachine,involvedObject.uid=1", false },
	{ "app=web", "metadata.name=y", false },
};

START_TEST(test_matches)
{
	struct error err = { 0 };
	struct selector *selector = selector_new(cases[_i].labels, cases[_i].fields, &err);

	ck_assert_msg(selector != NULL, "%s", err.text);
	ck_assert_msg(
	    selector_matches(selector, object) == cases[_i].matches, "%s %s", cases[_i].labels, cases[_i].fields);
	ck_assert(selector_is_empty(selector) == (_i < 2));
	selector_free(selector);
}
END_TEST

static const struct {
	const char *labels, *fields;
} bad[] = {
	{ "=web", NULL },
	{ "app=web,=x", NULL },
	{ "app===web", NULL },
	{ "app in web", NULL },
	{ "app in (web", NULL },
	{ "app web", NULL },
	{ "!", NULL },
	{ "!app=web", NULL },
	{ "app>3", NULL },
	{ "app=\"web\"", NULL },
	{ NULL, "metadata.name" },
	{ NULL, "=x" },
};

START_TEST(test_refuses)
{
	struct error err = { 0 };

	ck_assert_ptr_null(selector_new(bad[_i].labels, bad[_i].fields, &err));
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("selector");
	TCase *group = tcase_create("selectors");

	tcase_add_checked_fixture(group, setup, teardown);
	tcase_add_loop_test(group, test_matches, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_loop_test(group, test_refuses, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(suite, group);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
