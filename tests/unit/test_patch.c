/* Merge patches (RFC 7386), JSON patches (RFC 6902), and what apply does. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/patch.h"

/* Trees are written with ' for " to be readable. */
static json_t *
tree(const char *quoted)
{
	g_autofree char *text = g_strdelimit(g_strdup(quoted), "'", '"');
	struct error err = { 0 };
	json_t *root = json_read(text, strlen(text), &err);

	ck_assert_msg(root != NULL, "%s: %s", text, err.text);
	return root;
}

/* Compares, and frees what was made. */
static void
check_tree(json_t *result, const char *wanted)
{
	g_autofree char *text = g_strdelimit(g_strdup(wanted), "'", '"'), *got = NULL;

	ck_assert_ptr_nonnull(result);
	got = json_write(result);
	ck_assert_str_eq(got, text);
	json_decref(result);
}

/* Appendix A of RFC 7386, and the examples of its text. */
static const struct {
	const char *target, *patch, *result;
} merges[] = {
	{ "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
	{ "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
	{ "{'a':'b'}", "{'a':null}", "{}" },
	{ "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
	{ "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
	{ "{'a':'c'}", "{'a':['b']}", "{'a':['b']}" },
	{ "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
	{ "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
	{ "['a','b']", "['c','d']", "['c','d']" },
	{ "{'a':'b'}", "['c']", "['c']" },
	{ "{'a':'foo'}", "null", "null" },
	{ "{'a':'foo'}", "'bar'", "'bar'" },
	{ "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
	{ "[1,2]", "{'a':'b','c':null}", "{'a':'b'}" },
	{ "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
	{ "{'a':[null,{'b':null}]}", "{'c':[null]}", "{'a':[null,{'b':null}],'c':[null]}" },
};

START_TEST(merge)
{
	json_t *target = tree(merges[_i].target), *patch = tree(merges[_i].patch);

	check_tree(patch_merge(target, patch), merges[_i].result);
	/* Inputs stay as they were. */
	check_tree(target, merges[_i].target);
	check_tree(patch, merges[_i].patch);
}
END_TEST

static const struct {
	const char *from, *to, *patch;
} diffs[] = {
	{ "{'a':1}", "{'a':1}", "{}" },
	{ "{'a':1}", "{'a':2}", "{'a':2}" },
	{ "{'a':1,'b':2}", "{'b':2}", "{'a':null}" },
	{ "{'a':{'b':1,'c':2}}", "{'a':{'b':1,'c':3,'d':4}}", "{'a':{'c':3,'d':4}}" },
	{ "{'a':[1,2]}", "{'a':[1]}", "{'a':[1]}" },
	{ "{'a':1}", "{'a':{'b':1}}", "{'a':{'b':1}}" },
	{ "{'a':{'b':1}}", "{'a':1}", "{'a':1}" },
	{ "{}", "{'a':{}}", "{'a':{}}" },
	{ "{'a':1,'b':2}", "{'b':2,'a':1}", "{}" },
};

START_TEST(diff)
{
	json_t *from = tree(diffs[_i].from), *to = tree(diffs[_i].to), *patch = patch_diff(from, to);
	json_t *again = patch_merge(from, patch);

	ck_assert(json_equal(again, to));
	check_tree(patch, diffs[_i].patch);
	json_decref(again);
	json_decref(from);
	json_decref(to);
}
END_TEST

#define DOCUMENT "{'foo':['bar','baz'],'child':{'grandchild':{}},'a/b':1,'m~n':8,'':0}"

/* After appendix A of RFC 6902; code 0 when it must succeed. */
static const struct {
	const char *target, *operations, *result;
	int code;
	const char *error;
} patches[] = {
	{ "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]", "{'foo':'bar','baz':'qux'}", 0, NULL },
	{ "{'foo':['bar','baz']}", "[{'op':'add','path':'/foo/1','value':'qux'}]", "{'foo':['bar','qux','baz']}", 0, NULL },
	{ "{'foo':['bar']}", "[{'op':'add','path':'/foo/-','value':['abc']}]", "{'foo':['bar',['abc']]}", 0, NULL },
	{ "{'foo':['bar']}", "[{'op':'add','path':'/foo/1','value':2}]", "{'foo':['bar',2]}", 0, NULL },
	{ "{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}", 0, NULL },
	{ "{'foo':['bar','qux','baz']}", "[{'op':'remove','path':'/foo/1'}]", "{'foo':['bar','baz']}", 0, NULL },
	{ "{'baz':'qux','foo':'bar'}", "[{'op':'replace','path':'/baz','value':'boo'}]", "{'baz':'boo','foo':'bar'}", 0, NULL },
	{ "{'l':[1,2,3]}", "[{'op':'replace','path':'/l/1','value':7}]", "{'l':[1,7,3]}", 0, NULL },
	{ "{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
	    "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
	    "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}", 0, NULL },
	{ "{'foo':['all','grass','cows','eat']}", "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
	    "{'foo':['all','cows','eat','grass']}", 0, NULL },
	{ "{'a':{'b':1}}", "[{'op':'move','from':'/a','path':'/a'}]", "{'a':{'b':1}}", 0, NULL },
	{ "{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]", "{'a':{'b':1},'c':{'b':1}}", 0, NULL },
	{ "{'a':{'b':1}}", "[{'op':'copy','from':'','path':'/a/c'}]", "{'a':{'b':1,'c':{'a':{'b':1}}}}", 0, NULL },
	{ "{'baz':'qux','foo':['a',2,'c']}",
	    "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2.0}]",
	    "{'baz':'qux','foo':['a',2,'c']}", 0, NULL },
	{ "{'foo':'bar'}", "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
	    "{'foo':'bar','child':{'grandchild':{}}}", 0, NULL },
	{ "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux','xyz':123}]", "{'foo':'bar','baz':'qux'}", 0, NULL },
	{ "{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10},{'op':'remove','path':'/~1'}]", "{'~1':10}", 0, NULL },
	{ "{'a':1}", "[{'op':'replace','path':'','value':{'b':2}}]", "{'b':2}", 0, NULL },
	{ "{'a':1}", "[{'op':'add','path':'','value':{'b':2}},{'op':'add','path':'/c','value':null}]", "{'b':2,'c':null}", 0,
	    NULL },
	{ "{'a':1}", "[]", "{'a':1}", 0, NULL },
	{ DOCUMENT, "[{'op':'test','path':'/a~1b','value':1},{'op':'test','path':'/m~0n','value':8},"
		    "{'op':'test','path':'/','value':0},{'op':'test','path':'/foo/0','value':'bar'}]",
	    DOCUMENT, 0, NULL },
	{ "{'baz':'qux'}", "[{'op':'test','path':'/baz','value':'bar'}]", NULL, ESTALE,
	    "operation 0: test failed: \"/baz\" has another value" },
	{ "{'baz':'qux'}", "[{'op':'test','path':'/x','value':'bar'}]", NULL, ESTALE,
	    "operation 0: test failed: \"/x\" has another value" },
	{ "{'foo':'bar'}", "[{'op':'add','path':'/baz/bat','value':'qux'}]", NULL, EINVAL,
	    "operation 0: there is nothing at \"/baz/bat\"" },
	{ "{'a':1}", "[{'op':'add','path':'/b','value':1},{'op':'remove','path':'/c'}]", NULL, EINVAL,
	    "operation 1: there is nothing at \"/c\"" },
	{ "{'a':1}", "[{'op':'replace','path':'/c','value':1}]", NULL, EINVAL, "operation 0: there is nothing at \"/c\"" },
	{ "{'l':[1]}", "[{'op':'add','path':'/l/2','value':1}]", NULL, EINVAL,
	    "operation 0: \"/l/2\" is not a position in the list" },
	{ "{'l':[1,2]}", "[{'op':'add','path':'/l/01','value':1}]", NULL, EINVAL,
	    "operation 0: \"/l/01\" is not a position in the list" },
	{ "{'l':[1,2]}", "[{'op':'remove','path':'/l/-'}]", NULL, EINVAL, "operation 0: there is nothing at \"/l/-\"" },
	{ "{'l':[1,2]}", "[{'op':'remove','path':'/l/-1'}]", NULL, EINVAL, "operation 0: there is nothing at \"/l/-1\"" },
	{ "{'a':{'b':1}}", "[{'op':'move','from':'/a','path':'/a/b'}]", NULL, EINVAL,
	    "operation 0: \"/a\" cannot be moved into itself" },
	{ "{'a':1}", "[{'op':'remove','path':''}]", NULL, EINVAL, "operation 0: the whole document cannot be removed" },
	{ "{'a':1}", "[{'op':'remove','path':'a'}]", NULL, EINVAL, "operation 0: \"a\" is not a JSON pointer" },
	{ "{'a':1}", "[{'op':'remove','path':'/~2'}]", NULL, EINVAL, "operation 0: \"/~2\" is not a JSON pointer" },
	{ "{'a':1}", "[{'op':'add','path':'/b'}]", NULL, EINVAL, "operation 0: value is missing" },
	{ "{'a':1}", "[{'op':'copy','path':'/b'}]", NULL, EINVAL, "operation 0: from must be a text" },
	{ "{'a':1}", "[{'op':'spam','path':'/b'}]", NULL, EINVAL,
	    "operation 0: op \"spam\" is not one of add, remove, replace, move, copy, test" },
	{ "{'a':1}", "[{'op':'add'}]", NULL, EINVAL, "operation 0: op and path must be texts" },
	{ "{'a':1}", "[7]", NULL, EINVAL, "operation 0: op and path must be texts" },
	{ "{'a':1}", "{'op':'add'}", NULL, EINVAL, "a JSON patch must be a list of at most 10000 operations" },
};

START_TEST(patch)
{
	json_t *target = tree(patches[_i].target), *operations = tree(patches[_i].operations);
	struct error err = { 0 };
	json_t *result = patch_json(target, operations, &err);

	if (patches[_i].result != NULL) {
		ck_assert_msg(result != NULL, "%s", err.text);
		check_tree(result, patches[_i].result);
	} else {
		ck_assert_ptr_null(result);
		ck_assert_str_eq(err.text, patches[_i].error);
		ck_assert_int_eq(err.code, patches[_i].code);
	}
	check_tree(target, patches[_i].target);
	json_decref(operations);
}
END_TEST

static void
check_refused(const char *target_text, json_t *operations, const char *error)
{
	json_t *target = tree(target_text);
	struct error err = { 0 };

	ck_assert_ptr_null(patch_json(target, operations, &err));
	ck_assert_ptr_nonnull(strstr(err.text, error));
	json_decref(operations);
	json_decref(target);
}

START_TEST(patch_limits)
{
	json_t *operations = json_array(), *add = tree("{'op':'add','path':'/x','value':1}");
	json_t *doubling = tree("{'op':'copy','from':'/a','path':'/a/-'}"), *wrap = tree("{'op':'copy','from':'','path':'/a'}");

	for (int i = 0; i < PATCH_OPERATIONS + 1; i++)
		json_array_append(operations, add);
	check_refused("{}", operations, "at most 10000 operations");
	operations = json_array();
	for (int i = 0; i < 70; i++)
		json_array_append(operations, wrap);
	check_refused("{'a':1}", operations, "nested more than 64 deep");
	operations = json_array();
	for (int i = 0; i < 60; i++)
		json_array_append(operations, doubling);
	check_refused("{'a':['x','y']}", operations, "copies more than 3145728 bytes");
	json_decref(add);
	json_decref(doubling);
	json_decref(wrap);
}
END_TEST

static const struct {
	const char *last, *wanted, *current, *result;
} applies[] = {
	/* What others set stays, what the author changed changes, what he dropped goes. */
	{ "{'a':1,'b':2}", "{'a':3}", "{'a':1,'b':2,'c':9}", "{'a':3,'c':9}" },
	{ "{'m':{'x':1,'y':2}}", "{'m':{'x':1}}", "{'m':{'x':1,'y':5,'z':3},'status':1}", "{'m':{'x':1,'z':3},'status':1}" },
	/* He insists on what he wrote. */
	{ "{'a':1}", "{'a':1}", "{'a':7}", "{'a':1}" },
	{ "{'a':1}", "{'a':1}", "{}", "{'a':1}" },
	/* A list that he left alone keeps what defaulting put into it. */
	{ "{'l':[{'n':1}]}", "{'l':[{'n':1}]}", "{'l':[{'n':1,'bus':'virtio'}]}", "{'l':[{'n':1,'bus':'virtio'}]}" },
	{ "{'l':[{'n':1}]}", "{'l':[{'n':2}]}", "{'l':[{'n':1,'bus':'virtio'}]}", "{'l':[{'n':2}]}" },
	{ "{'l':[1]}", "{'l':[1]}", "{}", "{'l':[1]}" },
	{ "{}", "{'l':[1]}", "{'l':[1,2]}", "{'l':[1]}" },
	/* The first time there is no last. */
	{ "null", "{'a':{'b':1}}", "{'a':{'c':2}}", "{'a':{'c':2,'b':1}}" },
	/* A null takes away. */
	{ "{}", "{'a':null}", "{'a':1,'b':2}", "{'b':2}" },
	{ "{'a':{'x':1}}", "{'a':5}", "{'a':{'x':1}}", "{'a':5}" },
	{ "{'a':5}", "{'a':{'x':1}}", "{'a':5}", "{'a':{'x':1}}" },
	/* Dropping a whole object drops what others put into it, as with kubectl. */
	{ "{'a':{'x':1}}", "{}", "{'a':{'x':1,'y':2}}", "{}" },
};

START_TEST(apply)
{
	json_t *last = tree(applies[_i].last), *wanted = tree(applies[_i].wanted), *current = tree(applies[_i].current);

	check_tree(patch_three_way(last, wanted, current), applies[_i].result);
	check_tree(last, applies[_i].last);
	check_tree(wanted, applies[_i].wanted);
	check_tree(current, applies[_i].current);
}
END_TEST

/* What is changed in a result must not be seen in what it was made of. */
START_TEST(shares_nothing)
{
	json_t *target = tree("{'a':{'b':[1]}}"), *empty = tree("{}"), *none = tree("[]");
	json_t *results[] = { patch_merge(target, empty), patch_json(target, none, NULL), patch_three_way(empty, target, target),
		patch_three_way(target, target, target), patch_diff(empty, target) };

	for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
		json_array_append_new(json_object_get(json_object_get(results[i], "a"), "b"), json_integer(2));
		check_tree(results[i], "{'a':{'b':[1,2]}}");
	}
	check_tree(target, "{'a':{'b':[1]}}");
	json_decref(empty);
	json_decref(none);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("patch");
	TCase *tc = tcase_create("patch");

	tcase_add_loop_test(tc, merge, 0, G_N_ELEMENTS(merges));
	tcase_add_loop_test(tc, diff, 0, G_N_ELEMENTS(diffs));
	tcase_add_loop_test(tc, patch, 0, G_N_ELEMENTS(patches));
	tcase_add_test(tc, patch_limits);
	tcase_add_loop_test(tc, apply, 0, G_N_ELEMENTS(applies));
	tcase_add_test(tc, shares_nothing);
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
