/* Objects as users name them, and the paths that come of it. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/resource.h"

/* Reads a line of words parted by blanks; the result as "kind/name kind" in text. */
static char *
parse(const char *line, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(line, " ", -1);
	g_autoptr(GPtrArray) words = g_ptr_array_new(), resources = g_ptr_array_new();
	GString *text = g_string_new(NULL);

	for (char **part = parts; *part != NULL && **part != '\0'; part++)
		g_ptr_array_add(words, *part);
	*err = (struct error){ 0 };
	if (resources_parse(words, resources, err) < 0)
		return g_string_free(text, TRUE);
	for (guint i = 0; i < resources->len; i++) {
		const struct resource *resource = resources->pdata[i];

		g_string_append_printf(text, "%s%s%s%s", i > 0 ? " " : "", resource->kind->singular,
		    resource->name != NULL ? "/" : "", resource->name != NULL ? resource->name : "");
	}
	return g_string_free(text, FALSE);
}

static const struct {
	const char *line, *result;
} accepted[] = {
	{ "vm", "virtualmachine" },
	{ "VMs", "virtualmachine" },
	{ "virtualmachines.kubevirt.io", "virtualmachine" },
	{ "vm,dv", "virtualmachine datavolume" },
	{ "vm a b", "virtualmachine/a virtualmachine/b" },
	{ "vm,vmi a", "virtualmachine/a virtualmachineinstance/a" },
	{ "vm/a secret/b", "virtualmachine/a secret/b" },
	{ "vm/a.b", "virtualmachine/a.b" },
};

START_TEST(words_that_are_understood)
{
	struct error err;
	g_autofree char *text = parse(accepted[_i].line, &err);

	ck_assert_msg(text != NULL, "%s: %s", accepted[_i].line, err.text);
	ck_assert_str_eq(text, accepted[_i].result);
}
END_TEST

static const struct {
	const char *line, *message;
} refused[] = {
	{ "", "say which kind is meant; \"solovirt api-resources\" lists them" },
	{ "vmm", "there is no kind \"vmm\"; did you mean \"vm\"?" },
	{ "xyzzyplugh", "there is no kind \"xyzzyplugh\"; \"solovirt api-resources\" lists them" },
	{ "vm/a b", "write either KIND NAME... or KIND/NAME..., not both" },
	{ "vm a/b", "write either KIND NAME... or KIND/NAME..., not both" },
	{ "vm/", "\"vm/\" must be written as KIND/NAME" },
	{ "vm/a/b", "\"vm/a/b\" must be written as KIND/NAME" },
	{ "all a", "\"all\" takes no names" },
};

START_TEST(words_that_are_refused)
{
	struct error err;
	g_autofree char *text = parse(refused[_i].line, &err);

	ck_assert_ptr_null(text);
	ck_assert_str_eq(err.text, refused[_i].message);
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

START_TEST(all_means_a_category)
{
	struct error err;
	g_autofree char *text = parse("all", &err);

	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(strstr(text, "virtualmachine"));
	ck_assert_ptr_null(strstr(text, "secret"));
}
END_TEST

START_TEST(paths)
{
	const struct kind *vm = &kinds[KIND_VM], *secret = &kinds[KIND_SECRET], *node = &kinds[KIND_NODE];
	const struct {
		char *path;
		const char *wanted;
	} rows[] = {
		{ resource_path(vm, "default", "a"), "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/a" },
		{ resource_path(vm, NULL, NULL), "/apis/kubevirt.io/v1/virtualmachines" },
		{ resource_path(secret, "x", NULL), "/api/v1/namespaces/x/secrets" },
		{ resource_path(node, "x", "n"), "/api/v1/nodes/n" },
		{ resource_path(vm, "a/b", "../c"), "/apis/kubevirt.io/v1/namespaces/a%2Fb/virtualmachines/..%2Fc" },
		{ resource_verb_path(vm, "default", "a", "start"),
		    "/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/a/start" },
		{ resource_query(resource_query(g_strdup("/p"), "a", "x=y,z"), "b", "1"), "/p?a=x%3Dy%2Cz&b=1" },
		{ resource_query(g_strdup("/p"), "a", NULL), "/p" },
		{ resource_title(vm, "a"), "virtualmachine.kubevirt.io/a" },
		{ resource_title(secret, "a"), "secret/a" },
		{ resource_title(secret, NULL), "secret" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		ck_assert_str_eq(rows[i].path, rows[i].wanted);
		g_free(rows[i].path);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cli_resource");
	TCase *tc = tcase_create("cli_resource");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, words_that_are_understood, 0, G_N_ELEMENTS(accepted));
	tcase_add_loop_test(tc, words_that_are_refused, 0, G_N_ELEMENTS(refused));
	tcase_add_test(tc, all_means_a_category);
	tcase_add_test(tc, paths);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
