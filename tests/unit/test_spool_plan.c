/* What the spool decides: a small world in tables, and the plan as one line of text. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/spool_plan.h"
#include "src/document/path.h"

enum { DELAY = 10000 };

static GHashTable *there; /* key -> json_t: the store */
static GHashTable *notes; /* "path|key" -> json_t: what files said last */
static GPtrArray *files, *said;
static GHashTable *absences;
static int64_t now;
static const char *doubt;

static void
drop_tree(gpointer tree)
{
	json_decref(tree);
}

static void
setup(void)
{
	there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_tree);
	notes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_tree);
	files = g_ptr_array_new_with_free_func((GDestroyNotify)spool_file_free);
	said = g_ptr_array_new_with_free_func((GDestroyNotify)spool_said_free);
	absences = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	now = 1000;
	doubt = NULL;
}

static void
teardown(void)
{
	g_hash_table_destroy(there);
	g_hash_table_destroy(notes);
	g_hash_table_destroy(absences);
	g_ptr_array_unref(files);
	g_ptr_array_unref(said);
}

/* --- the world -------------------------------------------------------------------------------------------------- */

static bool
look(void *arg, const char *key, struct spool_view *view)
{
	const json_t *tree = g_hash_table_lookup(there, key);

	(void)arg;
	if (tree == NULL)
		return false;
	view->deleting = path_find(tree, "metadata.deletionTimestamp") != NULL;
	view->keep = g_strcmp0(path_string(tree, "metadata.annotations['" SPOOL_PRUNE_ANNOTATION "']"), "false") == 0;
	view->file = path_string(tree, "metadata.annotations['" SPOOL_FILE_ANNOTATION "']");
	return true;
}

static json_t *
current(void *arg, const char *key)
{
	(void)arg;
	return json_incref(g_hash_table_lookup(there, key));
}

static json_t *
last_said(void *arg, const char *path, const char *key)
{
	g_autofree char *both = g_strconcat(path, "|", key, NULL);

	(void)arg;
	return json_incref(g_hash_table_lookup(notes, both));
}

static const struct spool_world world = { NULL, look, current, last_said };

/* Text with ' for ". */
static json_t *
tree_of(const char *text)
{
	g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"');
	json_t *tree = json_loads(json, 0, NULL);

	ck_assert_msg(tree != NULL, "%s", text);
	return tree;
}

/* The path of the file goes in for %. */
static void
in_store(const char *key, const char *text)
{
	g_hash_table_insert(there, g_strdup(key), tree_of(text));
}

static void
was_said(const char *path, const char *key, const char *text)
{
	g_hash_table_insert(notes, g_strconcat(path, "|", key, NULL), tree_of(text));
	g_ptr_array_add(said, spool_said_new(path, key));
}

/* An object that a file made, as it says it, and still there. */
static void
owned(const char *path, const char *key, const char *text)
{
	was_said(path, key, text);
	json_t *tree = tree_of(text);
	path_set(tree, "metadata.annotations['" SPOOL_FILE_ANNOTATION "']", json_string(path));
	g_hash_table_insert(there, g_strdup(key), tree);
}

static void
says(const char *path, const char *key, const char *text)
{
	struct spool_file *file = NULL;

	for (guint i = 0; i < files->len; i++)
		if (strcmp(((struct spool_file *)files->pdata[i])->path, path) == 0)
			file = files->pdata[i];
	if (file == NULL) {
		file = spool_file_new(path, SPOOL_GOOD);
		g_ptr_array_add(files, file);
	}
	if (key != NULL)
		spool_file_add(file, key, text == NULL ? NULL : tree_of(text));
}

static void
is_there(const char *path, enum spool_reading reading)
{
	g_ptr_array_add(files, spool_file_new(path, reading));
}

/* --- the plan as text ------------------------------------------------------------------------------------------- */

static const char *const words[] = { "create", "update", "delete", "release", "remember", "forget" };

static void
put_action(GString *out, const struct spool_action *action)
{
	g_string_append_printf(out, "%s %s %s", words[action->type], action->path, action->key);
	if (action->type == SPOOL_UPDATE || action->type == SPOOL_CREATE) {
		json_t *shown = json_deep_copy(action->tree);
		json_object_del(path_find(shown, "metadata.annotations"), SPOOL_FILE_ANNOTATION);
		char *text = json_dumps(shown, JSON_COMPACT | JSON_SORT_KEYS);
		g_string_append_printf(out, " %s", g_strdelimit(text, "\"", '\''));
		free(text);
		json_decref(shown);
		ck_assert_str_eq(path_string(action->tree, "metadata.annotations['" SPOOL_FILE_ANNOTATION "']"), action->path);
	}
	g_string_append_c(out, '\n');
}

static struct spool_plan *
make_plan(void)
{
	struct spool_input input = { .files = files, .said = said, .absences = absences, .world = &world, .now = now,
		.delete_delay = DELAY, .hold_count = 3, .hold_percent = 20, .doubt = doubt };

	return spool_plan_new(&input);
}

static void
expect(const char *text)
{
	struct spool_plan *plan = make_plan();
	g_autoptr(GString) out = g_string_new(NULL);

	for (guint i = 0; i < plan->removals->len; i++)
		put_action(out, plan->removals->pdata[i]);
	for (guint i = 0; i < plan->steps->len; i++) {
		const struct spool_step *step = plan->steps->pdata[i];
		if (step->refusal != NULL)
			g_string_append_printf(out, "refuse %s: %s\n", step->path, step->refusal);
		if (step->later)
			g_string_append_printf(out, "later %s\n", step->path);
		for (guint j = 0; j < step->actions->len; j++)
			put_action(out, step->actions->pdata[j]);
	}
	if (plan->held > 0)
		g_string_append_printf(out, "held %u: %s\n", plan->held, plan->why);
	ck_assert_str_eq(out->str, text);
	spool_plan_free(plan);
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

#define A1 "{'metadata': {'name': 'a'}, 'spec': {'x': 1}}"
#define A2 "{'metadata': {'name': 'a'}, 'spec': {'x': 2}}"

START_TEST(creates_what_a_new_file_says)
{
	says("a.yaml", "CM/default/a", A1);
	expect("create a.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1}}\n"
	       "remember a.yaml CM/default/a\n");
}
END_TEST

START_TEST(nothing_changed_nothing_done)
{
	owned("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", NULL);
	expect("");
}
END_TEST

START_TEST(same_words_again_change_nothing)
{
	owned("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", A1);
	expect("");
}
END_TEST

START_TEST(updates_what_the_file_changed)
{
	owned("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", A2);
	expect("update a.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':2}}\n"
	       "remember a.yaml CM/default/a\n");
}
END_TEST

/* "solovirt stop" has set x to 9; the edit is about a label. */
START_TEST(an_unrelated_edit_does_not_undo_others)
{
	owned("a.yaml", "CM/default/a", A1);
	path_set(g_hash_table_lookup(there, "CM/default/a"), "spec.x", json_integer(9));
	says("a.yaml", "CM/default/a", "{'metadata': {'name': 'a', 'labels': {'l': '1'}}, 'spec': {'x': 1}}");
	expect("update a.yaml CM/default/a {'metadata':{'annotations':{},'labels':{'l':'1'},'name':'a'},'spec':{'x':9}}\n"
	       "remember a.yaml CM/default/a\n");
}
END_TEST

START_TEST(what_the_file_dropped_is_removed)
{
	owned("a.yaml", "CM/default/a", "{'metadata': {'name': 'a'}, 'spec': {'x': 1, 'y': [1]}}");
	path_set(g_hash_table_lookup(there, "CM/default/a"), "spec.z", json_integer(9));
	says("a.yaml", "CM/default/a", A1);
	expect("update a.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1,'z':9}}\n"
	       "remember a.yaml CM/default/a\n");
}
END_TEST

START_TEST(adopts_what_was_made_otherwise)
{
	in_store("CM/default/a", "{'metadata': {'name': 'a', 'uid': 'u'}, 'spec': {'x': 5, 'y': 6}}");
	says("a.yaml", "CM/default/a", A1);
	expect("update a.yaml CM/default/a {'metadata':{'annotations':{},'name':'a','uid':'u'},'spec':{'x':1,'y':6}}\n"
	       "remember a.yaml CM/default/a\n");
}
END_TEST

START_TEST(makes_again_what_was_deleted_behind_its_back)
{
	was_said("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", NULL);
	expect("create a.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1}}\n");
}
END_TEST

START_TEST(waits_for_a_deletion_to_end)
{
	owned("a.yaml", "CM/default/a", A1);
	path_set(g_hash_table_lookup(there, "CM/default/a"), "metadata.deletionTimestamp", json_string("2026-01-01T00:00:00Z"));
	says("a.yaml", "CM/default/a", A2);
	expect("later a.yaml\n");
}
END_TEST

START_TEST(a_file_with_a_mistake_keeps_what_it_said)
{
	owned("a.yaml", "CM/default/a", A1);
	is_there("a.yaml", SPOOL_BAD);
	expect("");
	now += DELAY;
	expect("");
}
END_TEST

START_TEST(deletes_after_two_scans_and_the_delay)
{
	owned("a.yaml", "CM/default/a", A1);
	expect("");
	now += DELAY - 1;
	expect("");
	now += 1;
	expect("delete a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(one_scan_is_not_enough_however_late)
{
	owned("a.yaml", "CM/default/a", A1);
	now = 10 * DELAY;
	expect("");
	now += DELAY;
	expect("delete a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(a_file_that_comes_back_in_time_starts_anew)
{
	owned("a.yaml", "CM/default/a", A1);
	expect("");
	now += DELAY / 2;
	says("a.yaml", "CM/default/a", NULL);
	expect("");
	g_ptr_array_set_size(files, 0);
	now += DELAY;
	expect("");
	now += DELAY;
	expect("delete a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(says_when_to_look_again)
{
	owned("a.yaml", "CM/default/a", A1);
	struct spool_plan *plan = make_plan();
	ck_assert_int_eq(plan->next, now + DELAY);
	spool_plan_free(plan);
}
END_TEST

START_TEST(a_document_that_left_its_file_is_deleted_too)
{
	owned("a.yaml", "CM/default/a", A1);
	owned("a.yaml", "CM/default/b", A1);
	says("a.yaml", "CM/default/a", NULL);
	expect("");
	now += DELAY;
	expect("delete a.yaml CM/default/b\nforget a.yaml CM/default/b\n");
}
END_TEST

START_TEST(not_to_be_pruned_is_let_go)
{
	owned("a.yaml", "CM/default/a", A1);
	path_set(g_hash_table_lookup(there, "CM/default/a"), "metadata.annotations['" SPOOL_PRUNE_ANNOTATION "']",
	    json_string("false"));
	expect("");
	now += DELAY;
	expect("release a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(what_is_gone_already_is_only_forgotten)
{
	was_said("a.yaml", "CM/default/a", A1);
	expect("");
	now += DELAY;
	expect("forget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(what_no_file_ever_said_is_left_alone)
{
	in_store("CM/default/a", A1);
	expect("");
	now += DELAY;
	expect("");
}
END_TEST

START_TEST(a_renamed_file_hands_over)
{
	owned("a.yaml", "CM/default/a", A1);
	says("b.yaml", "CM/default/a", A1);
	expect("update b.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1}}\n"
	       "forget a.yaml CM/default/a\n"
	       "remember b.yaml CM/default/a\n");
	now += 10 * DELAY;
	struct spool_plan *plan = make_plan();
	ck_assert_uint_eq(plan->removals->len, 0);
	spool_plan_free(plan);
}
END_TEST

/* The other file's last words are the base: x was changed by somebody else and stays. */
START_TEST(a_renamed_file_keeps_the_base_of_its_merge)
{
	owned("a.yaml", "CM/default/a", A1);
	path_set(g_hash_table_lookup(there, "CM/default/a"), "spec.x", json_integer(9));
	says("b.yaml", "CM/default/a", A1);
	expect("update b.yaml CM/default/a {'metadata':{'annotations':{},'name':'a'},'spec':{'x':9}}\n"
	       "forget a.yaml CM/default/a\n"
	       "remember b.yaml CM/default/a\n");
}
END_TEST

START_TEST(a_document_moves_to_another_file)
{
	owned("a.yaml", "CM/default/a", A1);
	owned("a.yaml", "CM/default/b", A1);
	says("a.yaml", "CM/default/a", NULL);
	says("b.yaml", "CM/default/b", A1);
	expect("update b.yaml CM/default/b {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1}}\n"
	       "forget a.yaml CM/default/b\n"
	       "remember b.yaml CM/default/b\n");
}
END_TEST

START_TEST(two_files_with_one_object_are_both_refused)
{
	owned("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", NULL);
	says("b.yaml", "CM/default/a", A2);
	says("b.yaml", "CM/default/b", A2);
	expect("refuse a.yaml: CM/default/a is also defined in b.yaml; both files are refused\n"
	       "refuse b.yaml: CM/default/a is also defined in a.yaml; both files are refused\n");
}
END_TEST

START_TEST(a_rival_of_a_file_with_a_mistake_is_refused)
{
	owned("a.yaml", "CM/default/a", A1);
	is_there("a.yaml", SPOOL_BAD);
	says("b.yaml", "CM/default/a", A2);
	expect("refuse b.yaml: CM/default/a is also defined in a.yaml; both files are refused\n");
}
END_TEST

START_TEST(one_object_twice_in_a_file_is_refused)
{
	says("a.yaml", "CM/default/a", A1);
	says("a.yaml", "CM/default/a", A2);
	expect("refuse a.yaml: CM/default/a is defined twice in this file\n");
}
END_TEST

static void
own_many(int count)
{
	for (int i = 0; i < count; i++) {
		g_autofree char *path = g_strdup_printf("%02d.yaml", i), *key = g_strdup_printf("CM/default/%02d", i);
		owned(path, key, A1);
	}
}

static void
all_but(int first, int count)
{
	g_ptr_array_set_size(files, 0);
	for (int i = first; i < count; i++) {
		g_autofree char *path = g_strdup_printf("%02d.yaml", i), *key = g_strdup_printf("CM/default/%02d", i);
		says(path, key, NULL);
	}
}

START_TEST(holds_when_much_vanished)
{
	own_many(10);
	all_but(4, 10);
	expect("held 4: 4 of 10 objects vanished at once\n");
	now += DELAY;
	expect("held 4: 4 of 10 objects vanished at once\n");
	spool_absences_confirm(absences);
	expect("delete 00.yaml CM/default/00\nforget 00.yaml CM/default/00\n"
	       "delete 01.yaml CM/default/01\nforget 01.yaml CM/default/01\n"
	       "delete 02.yaml CM/default/02\nforget 02.yaml CM/default/02\n"
	       "delete 03.yaml CM/default/03\nforget 03.yaml CM/default/03\n");
}
END_TEST

START_TEST(a_few_are_not_held)
{
	own_many(10);
	all_but(3, 10); /* more than a fifth, but not more than three */
	expect("");
	all_but(0, 10);
	expect("");
	own_many(40);
	all_but(5, 40); /* more than three, but not more than a fifth */
	expect("");
}
END_TEST

START_TEST(a_confirmation_is_not_for_what_vanishes_later)
{
	own_many(10);
	all_but(4, 10);
	expect("held 4: 4 of 10 objects vanished at once\n");
	spool_absences_confirm(absences);
	all_but(8, 10);
	expect("held 4: 4 of 10 objects vanished at once\n");
}
END_TEST

START_TEST(in_doubt_nothing_is_deleted)
{
	owned("a.yaml", "CM/default/a", A1);
	doubt = "the spool is not there";
	expect("held 1: the spool is not there\n");
	now += DELAY;
	says("b.yaml", "CM/default/b", A1);
	expect("create b.yaml CM/default/b {'metadata':{'annotations':{},'name':'a'},'spec':{'x':1}}\n"
	       "remember b.yaml CM/default/b\n"
	       "held 1: the spool is not there\n");
	g_ptr_array_set_size(files, 0);
	doubt = NULL;
	expect("delete a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

START_TEST(a_file_in_the_making_stops_deletions)
{
	owned("a.yaml", "CM/default/a", A1);
	expect("");
	now += DELAY;
	is_there("b.yaml", SPOOL_WAITING); /* might be a.yaml's new name */
	expect("");
	g_ptr_array_set_size(files, 0);
	is_there("b.yaml", SPOOL_BAD);
	expect("delete a.yaml CM/default/a\nforget a.yaml CM/default/a\n");
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { creates_what_a_new_file_says, nothing_changed_nothing_done,
		same_words_again_change_nothing, updates_what_the_file_changed, an_unrelated_edit_does_not_undo_others,
		what_the_file_dropped_is_removed, adopts_what_was_made_otherwise, makes_again_what_was_deleted_behind_its_back,
		waits_for_a_deletion_to_end, a_file_with_a_mistake_keeps_what_it_said, deletes_after_two_scans_and_the_delay,
		one_scan_is_not_enough_however_late, a_file_that_comes_back_in_time_starts_anew, says_when_to_look_again,
		a_document_that_left_its_file_is_deleted_too, not_to_be_pruned_is_let_go, what_is_gone_already_is_only_forgotten,
		what_no_file_ever_said_is_left_alone, a_renamed_file_hands_over, a_renamed_file_keeps_the_base_of_its_merge,
		a_document_moves_to_another_file, two_files_with_one_object_are_both_refused,
		a_rival_of_a_file_with_a_mistake_is_refused, one_object_twice_in_a_file_is_refused, holds_when_much_vanished,
		a_few_are_not_held, a_confirmation_is_not_for_what_vanishes_later, in_doubt_nothing_is_deleted,
		a_file_in_the_making_stops_deletions };
	Suite *suite = suite_create("spool plan");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(all, tests[i]);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
