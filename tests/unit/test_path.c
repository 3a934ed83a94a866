/* Paths of fields, and kubectl's JSONPath. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

static json_t *
tree(const char *text)
{
	struct error err = { 0 };
	json_t *root = json_read(text, strlen(text), &err);

	ck_assert_msg(root != NULL, "%s", err.text);
	return root;
}

static void
check_tree(json_t *root, const char *wanted)
{
	g_autofree char *text = json_write(root);

	ck_assert_str_eq(text, wanted);
	json_decref(root);
}

START_TEST(builds)
{
	g_autoptr(GString) path = g_string_new(NULL);

	path_member(path, "spec");
	path_member(path, "volumes");
	path_index(path, 0);
	path_member(path, "name");
	ck_assert_str_eq(path->str, "spec.volumes[0].name");
	path_member(path, "app.kubernetes.io/name");
	path_member(path, "");
	path_member(path, "it's [\\]");
	ck_assert_str_eq(path->str, "spec.volumes[0].name['app.kubernetes.io/name']['']['it\\'s [\\\\]']");
}
END_TEST

/* Every name that can be written is found again. */
START_TEST(finds_any_name)
{
	static const char *const names[] = { "a", "", ".", "[", "]", "'", "\\", "a.b", "a\\'b", "[0]", "['a']", "h\xc3\xa9", " ", "<<" };
	json_t *root = json_object();

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GString) path = g_string_new(NULL);
		json_object_clear(root);
		path_member(path, names[i]);
		path_member(path, names[i]);
		ck_assert_int_eq(path_set(root, path->str, json_integer(7)), 0);
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, names[i]), names[i])), 7);
		ck_assert_int_eq(json_integer_value(path_find(root, path->str)), 7);
		path->str[path_parent(path->str)] = '\0';
		ck_assert_int_eq(json_object_size(path_find(root, path->str)), 1);
	}
	json_decref(root);
}
END_TEST

START_TEST(finds)
{
	json_t *root = tree("{\"spec\":{\"volumes\":[{\"name\":\"a\"},{\"name\":\"b\"}]},\"m\":{\"x.y/z\":1},\"n\":null}");

	ck_assert_str_eq(path_string(root, "spec.volumes[1].name"), "b");
	ck_assert_ptr_null(path_string(root, "spec.volumes"));
	ck_assert_ptr_null(path_find(root, "spec.volumes[2].name"));
	ck_assert_ptr_null(path_find(root, "spec.volumes.name"));
	ck_assert_ptr_null(path_find(root, "spec[0]"));
	ck_assert_ptr_null(path_find(root, "n.x"));
	ck_assert_ptr_eq(path_find(root, ""), root);
	ck_assert(json_is_null(path_find(root, "n")));
	ck_assert_int_eq(json_integer_value(path_find(root, "m['x.y/z']")), 1);
	ck_assert_ptr_null(path_find(root, "spec..volumes"));
	ck_assert_ptr_null(path_find(root, "spec.volumes[x]"));
	ck_assert_ptr_null(path_find(root, "spec.volumes[-1]"));
	ck_assert_ptr_null(path_find(root, "spec.volumes[0"));
	ck_assert_ptr_null(path_find(root, "m['x.y/z"));
	ck_assert_ptr_null(path_find(NULL, "m"));
	json_decref(root);
}
END_TEST

static const struct {
	const char *before, *path, *after; /* after: NULL when it must fail */
} sets[] = {
	{ "{}", "a", "{\"a\":7}" },
	{ "{}", "a.b.c", "{\"a\":{\"b\":{\"c\":7}}}" },
	{ "{}", "a[0].b", "{\"a\":[{\"b\":7}]}" },
	{ "{}", "a['x.y']", "{\"a\":{\"x.y\":7}}" },
	{ "{\"a\":[1]}", "a[1]", "{\"a\":[1,7]}" },
	{ "{\"a\":[1,2]}", "a[0]", "{\"a\":[7,2]}" },
	{ "{\"a\":null}", "a.b", "{\"a\":{\"b\":7}}" },
	{ "{\"b\":1,\"a\":2}", "b", "{\"b\":7,\"a\":2}" },
	{ "{\"a\":[1]}", "a[2]", NULL },
	{ "{\"a\":[1]}", "a.b", NULL },
	{ "{\"a\":1}", "a.b", NULL },
	{ "{\"a\":{}}", "a[0]", NULL },
	{ "{}", "a[1]", NULL },
	{ "{}", "x.y[1].z", NULL },
	{ "{}", "", NULL },
	{ "{}", "a..b", NULL },
};

START_TEST(sets_values)
{
	json_t *root = tree(sets[_i].before);

	ck_assert_int_eq(path_set(root, sets[_i].path, json_integer(7)), sets[_i].after != NULL ? 0 : -1);
	check_tree(root, sets[_i].after != NULL ? sets[_i].after : sets[_i].before);
}
END_TEST

static const struct {
	const char *path, *after;
} removals[] = {
	{ "a", "{\"l\":[1,2]}" },
	{ "a.b", "{\"a\":{},\"l\":[1,2]}" },
	{ "l[0]", "{\"a\":{\"b\":1},\"l\":[2]}" },
	{ "l[2]", "{\"a\":{\"b\":1},\"l\":[1,2]}" },
	{ "x.y", "{\"a\":{\"b\":1},\"l\":[1,2]}" },
	{ "", "{\"a\":{\"b\":1},\"l\":[1,2]}" },
};

START_TEST(removes)
{
	json_t *root = tree("{\"a\":{\"b\":1},\"l\":[1,2]}");

	path_remove(root, removals[_i].path);
	check_tree(root, removals[_i].after);
}
END_TEST

/* The example of kubernetes.io/docs/reference/kubectl/jsonpath, and more. */
static const char pods[] = "{\"kind\":\"List\",\"items\":["
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.1\",\"labels\":{\"kubernetes.io/hostname\":\"h1\"}},"
    "\"status\":{\"capacity\":{\"cpu\":\"4\"},\"addresses\":[{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.1\"}]}},"
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.2\"},\"status\":{\"capacity\":{\"cpu\":\"8\"},\"ready\":true,\"n\":5,"
    "\"addresses\":[{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.2\"},{\"type\":\"another\",\"address\":\"127.0.0.3\"}]}}"
    "],\"users\":[{\"name\":\"myself\",\"user\":{}},{\"name\":\"e2e\",\"user\":{\"username\":\"admin\",\"password\":\"secret\"}}],"
    "\"nothing\":null}";

static const struct {
	const char *template, *text;
} templates[] = {
	{ "no braces", "no braces" },
	{ "kind is {.kind}", "kind is List" },
	{ "{.kind}{'\\n'}", "List\n" },
	{ "{ .kind }", "List" },
	{ "{['kind']}", "List" },
	{ "{[\"kind\"]}", "List" },
	{ "{$.kind}", "List" },
	{ "{..username}", "admin" },
	{ "{.items[*].metadata.name}", "127.0.0.1 127.0.0.2" },
	{ "{.items[*]['metadata.name', 'kind']}", "127.0.0.1 None 127.0.0.2 None" },
	{ "{.users[?(@.name==\"e2e\")].user.password}", "secret" },
	{ "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
	    "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] " },
	{ "{range .items[*]}{range .status.addresses[*]}{.address}{\",\"}{end}{\"\\t\"}{end}",
	    "127.0.0.1,\t127.0.0.2,127.0.0.3,\t" },
	{ "{range .items[*]}{$.kind}{@.kind} {end}", "ListNone ListNone " },
	{ "{.items[0].metadata.labels.kubernetes\\.io/hostname}", "h1" },
	{ "{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "h1" },
	{ "{.items[0].metadata.labels['kubernetes.io/hostname']}", "h1" },
	{ "{.items[-1].metadata.name}", "127.0.0.2" },
	{ "{.items[-2].metadata.name}", "127.0.0.1" },
	{ "{.items[-3].metadata.name}", "" },
	{ "{.items[5].metadata.name}", "" },
	{ "{.items[0:1].metadata.name}", "127.0.0.1" },
	{ "{.items[1:].metadata.name}", "127.0.0.2" },
	{ "{.items[:-1].metadata.name}", "127.0.0.1" },
	{ "{.items[-1:].metadata.name}", "127.0.0.2" },
	{ "{.items[::2].metadata.name}", "127.0.0.1" },
	{ "{.items[0,1].kind}", "None None" },
	{ "{.items[:0].kind}", "" },
	{ "{.items[1].status.*}", "{\"cpu\":\"8\"} true 5 [{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.2\"},"
	    "{\"type\":\"another\",\"address\":\"127.0.0.3\"}]" },
	{ "{.items[*].status.addresses[?(@.type!='LegacyHostIP')].address}", "127.0.0.3" },
	{ "{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.2" },
	{ "{.items[?(@.status.ready)].metadata.name}", "127.0.0.2" },
	{ "{.items[?(@.status.n>4)].metadata.name}", "127.0.0.2" },
	{ "{.items[?(@.status.n >= 5.0)].metadata.name}", "127.0.0.2" },
	{ "{.items[?(@.status.n<5)].metadata.name}", "" },
	{ "{.items[?(@.status.n<=5)].metadata.name}", "127.0.0.2" },
	{ "{.items[?(@.status.n=='5')].metadata.name}", "" },
	{ "{.items[?(.kind==$.items[0].kind)].metadata.name}", "127.0.0.1 127.0.0.2" },
	{ "{.items[?(@.status.addresses[?(@.type=='another')].address=='127.0.0.3')].metadata.name}", "127.0.0.2" },
	{ "{.items[1].status.ready} {.items[1].status.n} {.nothing}{.absent.too}.", "true 5 ." },
	{ "{.users[0]}", "{\"name\":\"myself\",\"user\":{}}" },
	{ "{..user..password}", "secret" },
	{ "", "" },
};

START_TEST(jsonpath)
{
	struct error err = { 0 };
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *root = tree(pods);

	ck_assert_msg(jsonpath_format(templates[_i].template, root, out, &err) == 0, "%s: %s", templates[_i].template, err.text);
	ck_assert_msg(strcmp(out->str, templates[_i].text) == 0, "%s: %s", templates[_i].template, out->str);
	json_decref(root);
}
END_TEST

static const struct {
	const char *template, *error;
} wrong_templates[] = {
	{ "{.a", "character 4: expected }" },
	{ "h\xc3\xa9 {a}", "character 5: expected a path that begins with . or [" },
	{ "{.a b}", "character 5: expected }, or a path that begins with . or [" },
	{ "{range .a}x", "character 12: a range has no {end}" },
	{ "x{end}", "character 6: end without range" },
	{ "{.a.}", "character 5: expected a name behind the dot" },
	{ "{.a[}", "character 5: expected a position, a 'name', * or ?(filter)" },
	{ "{.a[1}", "character 6: expected ]" },
	{ "{.a['x}", "character 8: a quote is not closed" },
	{ "{\"x}", "character 5: a quote is not closed" },
	{ "{.a[?(@.b=1)]}", "character 10: expected an operator or ) in the filter" },
	{ "{.a[?(@.b==)]}", "character 12: expected a path that begins with . or [" },
	{ "{.a[?(@.b==\"\xa8\")]}", "character 15: that text is not UTF-8" },
	{ "{.a[?(@.b==1]}", "character 13: expected an operator or ) in the filter" },
	{ "{.a[::0]}", "character 8: the step of a slice must be positive" },
};

START_TEST(jsonpath_errors)
{
	struct error err = { 0 };
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *wanted = g_strdup_printf("JSONPath template, %s", wrong_templates[_i].error);
	json_t *root = tree(pods);

	ck_assert_int_eq(jsonpath_format(wrong_templates[_i].template, root, out, &err), -1);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.text, wanted);
	json_decref(root);
}
END_TEST

static void
append_times(GString *text, const char *what, int times)
{
	while (times-- > 0)
		g_string_append(text, what);
}

START_TEST(jsonpath_limits)
{
	struct error err = { 0 };
	g_autoptr(GString) out = g_string_new(NULL), template = g_string_new("{");
	json_t *root = tree("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}");

	append_times(template, "..", 30);
	g_string_append_c(template, '}');
	ck_assert_int_eq(jsonpath_format(template->str, root, out, &err), -1);
	ck_assert_int_eq(err.code, ERANGE);
	g_string_truncate(template, 0);
	append_times(template, "{range .a}", 100000);
	ck_assert_int_eq(jsonpath_format(template->str, root, out, &err), -1);
	g_string_assign(template, "{");
	append_times(template, ".a[?(", 100000);
	ck_assert_int_eq(jsonpath_format(template->str, root, out, &err), -1);
	json_decref(root);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("path");
	TCase *tc = tcase_create("path");

	tcase_add_test(tc, builds);
	tcase_add_test(tc, finds_any_name);
	tcase_add_test(tc, finds);
	tcase_add_loop_test(tc, sets_values, 0, G_N_ELEMENTS(sets));
	tcase_add_loop_test(tc, removes, 0, G_N_ELEMENTS(removals));
	suite_add_tcase(s, tc);
	tc = tcase_create("jsonpath");
	tcase_add_loop_test(tc, jsonpath, 0, G_N_ELEMENTS(templates));
	tcase_add_loop_test(tc, jsonpath_errors, 0, G_N_ELEMENTS(wrong_templates));
	tcase_add_test(tc, jsonpath_limits);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
