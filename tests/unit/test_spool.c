/* The spool with a real directory, store and loop: what people do to files, and what becomes of the objects. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/spool.h"
#include "daemon/spool_plan.h"
#include "daemon/store.h"
#include "src/api/core.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"

static struct config config;
static struct daemon it;
static char *top;
static struct config_spool times;

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_wall_ms();
}

static void
free_answer(gpointer object)
{
	object_unref(object);
}

static void
start(void)
{
	struct error err = { 0 };
	g_autofree char *state = g_build_filename(top, "state", NULL);

	it.store = store_open(state, it.base, &err);
	ck_assert_msg(it.store != NULL, "%s", err.text);
	it.spool = spool_new(&it, &err);
	ck_assert_msg(it.spool != NULL, "%s", err.text);
}

static void
stop(void)
{
	spool_free(it.spool);
	it.spool = NULL;
	store_close(it.store);
}

static void
setup(void)
{
	umask(022);
	log_open("test", -1);
	top = g_dir_make_tmp("spool-XXXXXX", NULL);
	times = (struct config_spool) { .scan_interval = 150, .settle = 60, .delete_delay = 200, .hold_count = 3, .hold_percent = 20 };
	it = (struct daemon) { .base = event_base_new(), .config = &config, .answers = g_ptr_array_new_with_free_func(free_answer) };
	event_base_priority_init(it.base, PRIORITY_COUNT);
	it.config = g_new0(struct config, 1);
	it.config->spool_directory = g_build_filename(top, "spool", NULL);
	it.config->runtime_directory = g_build_filename(top, "run", NULL);
	it.config->spool = &times;
	start();
}

static void
remove_tree(const char *path)
{
	struct stat st;
	g_autoptr(GDir) dir = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? g_dir_open(path, 0, NULL) : NULL;
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		remove_tree(child);
	}
	g_remove(path);
}

static void
teardown(void)
{
	stop();
	event_base_free(it.base);
	g_ptr_array_unref(it.answers);
	g_free(it.config->spool_directory);
	g_free(it.config->runtime_directory);
	g_free(it.config);
	remove_tree(top);
	g_free(top);
}

/* --- doing and waiting ------------------------------------------------------------------------------------------ */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

static void
run_for(int ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_once(it.base, -1, EV_TIMEOUT, on_tick, it.base, &wait);
	event_base_dispatch(it.base);
	g_ptr_array_set_size(it.answers, 0);
}

/* Runs the loop until a condition holds. */
#define AWAIT(condition)                                                                                                   \
	do {                                                                                                               \
		int turns_ = 1000;                                                                                         \
		while (!(condition) && turns_-- > 0)                                                                       \
			run_for(10);                                                                                       \
		ck_assert_msg(turns_ > 0, "never: %s", #condition);                                                          \
	} while (0)

static char *
in_spool(const char *path)
{
	return g_build_filename(it.config->spool_directory, path, NULL);
}

/* As the manual says: written aside, then renamed. */
static void
drop(const char *path, const char *text)
{
	g_autofree char *full = in_spool(path), *folder = g_path_get_dirname(full), *aside = g_build_filename(folder, ".new", NULL);

	g_mkdir_with_parents(folder, 0755);
	ck_assert(g_file_set_contents(aside, text, -1, NULL));
	g_chmod(aside, 0644);
	ck_assert_int_eq(rename(aside, full), 0);
}

static void
lift(const char *path)
{
	g_autofree char *full = in_spool(path);

	ck_assert_int_eq(unlink(full), 0);
}

static char *
cm(const char *name, const char *value)
{
	return g_strdup_printf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  k: %s\n", name, value);
}

static void
drop_cm(const char *path, const char *name, const char *value)
{
	g_autofree char *text = cm(name, value);

	drop(path, text);
}

static const struct object *
get(const char *name)
{
	return store_get(it.store, KIND_CONFIG_MAP, "default", name);
}

static bool
says(const char *name, const char *value)
{
	const struct object *object = get(name);
	json_t *tree = object == NULL ? NULL : object_tree(object);
	bool same = tree != NULL && g_strcmp0(path_string(tree, "data.k"), value) == 0;

	json_decref(tree);
	return same;
}

/* A member of a file's row, as text; "" when there is no such file. */
static const char *
row(const char *path, const char *member)
{
	static char text[2000];
	json_t *status = spool_status(it.spool), *file;
	size_t i;

	text[0] = '\0';
	json_array_foreach(json_object_get(status, "files"), i, file) {
		if (strcmp(path_string(file, "file"), path) != 0)
			continue;
		const json_t *value = path_find(file, member);
		g_autofree char *json = value == NULL ? g_strdup("") : json_write(value);
		g_strlcpy(text, json, sizeof(text));
	}
	json_decref(status);
	return text;
}

static bool
is_state(const char *path, const char *state)
{
	g_autofree char *quoted = g_strdup_printf("\"%s\"", state);

	return strcmp(row(path, "state"), quoted) == 0;
}

static int64_t
held(void)
{
	json_t *status = spool_status(it.spool);
	int64_t count = json_integer_value(json_object_get(status, "held"));

	json_decref(status);
	return count;
}

static char *
status_file(const char *path)
{
	g_autofree char *full = g_strdup_printf("%s/spool/%s.status", it.config->runtime_directory, path);
	char *text = NULL;

	g_file_get_contents(full, &text, NULL, NULL);
	return text;
}

static bool
has_status(const char *path, const char *words)
{
	g_autofree char *text = status_file(path);

	return text != NULL && strstr(text, words) != NULL;
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

START_TEST(a_file_comes_changes_and_goes)
{
	drop_cm("team/a.yaml", "a", "one");
	AWAIT(says("a", "one"));
	AWAIT(is_state("team/a.yaml", "Accepted"));
	AWAIT(has_status("team/a.yaml", "generation: 1"));
	drop_cm("team/a.yaml", "a", "two");
	AWAIT(says("a", "two"));
	AWAIT(has_status("team/a.yaml", "generation: 2"));
	lift("team/a.yaml");
	AWAIT(get("a") == NULL);
	AWAIT(row("team/a.yaml", "file")[0] == '\0');
	AWAIT(!has_status("team/a.yaml", ""));
}
END_TEST

START_TEST(an_edit_keeps_what_others_changed)
{
	struct error err = { 0 };

	drop_cm("a.yaml", "a", "one");
	AWAIT(says("a", "one"));
	json_t *patch = json_pack("{s:{s:s, s:s}}", "data", "k", "by hand", "other", "x");
	ck_assert(objects_patch(&it, get("a"), patch, &err) != NULL);
	json_decref(patch);
	drop("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {l: v}\ndata:\n  k: one\n");
	AWAIT(get("a") != NULL && strstr(get("a")->text, "\"l\":\"v\"") != NULL);
	ck_assert(says("a", "by hand"));
	ck_assert(strstr(get("a")->text, "\"other\":\"x\"") != NULL);
	drop_cm("a.yaml", "a", "three");
	AWAIT(says("a", "three"));
	ck_assert(strstr(get("a")->text, "labels\":{\"l\"") == NULL);
}
END_TEST

START_TEST(one_bad_document_stops_its_file)
{
	drop_cm("a.yaml", "a", "one");
	AWAIT(says("a", "one"));
	drop("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: two\n---\n"
	               "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndtaa:\n  k: two\n");
	AWAIT(is_state("a.yaml", "Error"));
	ck_assert_str_eq(row("a.yaml", "errors[0].line"), "12");
	ck_assert_str_eq(row("a.yaml", "errors[0].column"), "1");
	ck_assert(strstr(row("a.yaml", "errors[0].message"), "data") != NULL);
	ck_assert_str_eq(row("a.yaml", "generation"), "1");
	ck_assert(says("a", "one") && get("b") == NULL);
	AWAIT(has_status("a.yaml", "line: 12"));
	run_for(600);
	ck_assert(says("a", "one"));
	drop_cm("a.yaml", "a", "three");
	AWAIT(says("a", "three"));
	AWAIT(is_state("a.yaml", "Accepted"));
}
END_TEST

START_TEST(half_a_file_is_given_time)
{
	g_autofree char *path = in_spool("a.yaml"), *whole = cm("a", "one");

	AWAIT(g_file_test(it.config->spool_directory, G_FILE_TEST_IS_DIR));
	g_autofree char *half = g_strndup(whole, 30);
	ck_assert(g_file_set_contents(path, half, -1, NULL));
	g_chmod(path, 0644);
	AWAIT(is_state("a.yaml", "Reading"));
	ck_assert_str_eq(row("a.yaml", "errors"), "[]");
	AWAIT(is_state("a.yaml", "Error"));
	drop("a.yaml", whole);
	AWAIT(says("a", "one"));
}
END_TEST

START_TEST(what_only_the_daemon_makes_is_refused)
{
	drop("n.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: node1\n");
	AWAIT(is_state("n.yaml", "Error"));
	ck_assert_str_eq(row("n.yaml", "errors[0].line"), "2");
	ck_assert_uint_eq(store_count(it.store, KIND_NODE), 0);
}
END_TEST

START_TEST(two_files_name_each_other)
{
	drop_cm("a.yaml", "a", "one");
	AWAIT(says("a", "one"));
	drop_cm("b.yaml", "a", "two");
	AWAIT(is_state("a.yaml", "Error") && is_state("b.yaml", "Error"));
	ck_assert(strstr(row("a.yaml", "errors[0].message"), "b.yaml") != NULL);
	ck_assert(strstr(row("b.yaml", "errors[0].message"), "a.yaml") != NULL);
	run_for(500);
	ck_assert(says("a", "one"));
	lift("a.yaml");
	AWAIT(says("a", "two"));
	AWAIT(is_state("b.yaml", "Accepted"));
}
END_TEST

START_TEST(a_renamed_file_keeps_its_objects)
{
	drop_cm("a.yaml", "a", "one");
	AWAIT(says("a", "one"));
	g_autofree char *uid = g_strdup(get("a")->uid), *from = in_spool("a.yaml"), *to = in_spool("b.yaml");
	ck_assert_int_eq(rename(from, to), 0);
	AWAIT(is_state("b.yaml", "Accepted"));
	run_for(600);
	ck_assert(get("a") != NULL);
	ck_assert_str_eq(get("a")->uid, uid);
	ck_assert(strstr(get("a")->text, "\"solovirt.io/spool-file\":\"b.yaml\"") != NULL);
	lift("b.yaml");
	AWAIT(get("a") == NULL);
}
END_TEST

START_TEST(not_pruned_is_let_go)
{
	drop("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {solovirt.io/prune: \"false\"}\n");
	AWAIT(get("a") != NULL);
	lift("a.yaml");
	AWAIT(row("a.yaml", "file")[0] == '\0');
	ck_assert(get("a") != NULL);
	ck_assert(strstr(get("a")->text, "spool-file") == NULL);
}
END_TEST

static void
drop_many(int count)
{
	for (int i = 0; i < count; i++) {
		g_autofree char *path = g_strdup_printf("m%d.yaml", i), *name = g_strdup_printf("m%d", i);
		drop_cm(path, name, "one");
	}
	AWAIT((int)store_count(it.store, KIND_CONFIG_MAP) == count);
}

START_TEST(much_at_once_waits_for_a_word)
{
	drop_many(8);
	for (int i = 0; i < 5; i++) {
		g_autofree char *path = g_strdup_printf("m%d.yaml", i);
		lift(path);
	}
	AWAIT(held() == 5);
	ck_assert(is_state("m0.yaml", "Held"));
	stop();
	start(); /* and over a restart too */
	AWAIT(held() == 5);
	run_for(500);
	ck_assert_uint_eq(store_count(it.store, KIND_CONFIG_MAP), 8);
	spool_confirm(it.spool);
	AWAIT(store_count(it.store, KIND_CONFIG_MAP) == 3);
	AWAIT(held() == 0);
}
END_TEST

/* Another directory in its place, with the marker of another spool, or none. */
static void
exchange_spool(const char *text)
{
	g_autofree char *away = g_strconcat(it.config->spool_directory, ".away", NULL), *marker = in_spool(".solovirt-spool");

	drop_many(2);
	ck_assert(g_file_test(marker, G_FILE_TEST_EXISTS));
	ck_assert_int_eq(rename(it.config->spool_directory, away), 0);
	AWAIT(held() == 2);
	g_mkdir(it.config->spool_directory, 0755); /* what an unmounted file-system leaves */
	if (text != NULL)
		ck_assert(g_file_set_contents(marker, text, -1, NULL));
	run_for(800);
	ck_assert_int_eq(held(), 2);
	ck_assert_uint_eq(store_count(it.store, KIND_CONFIG_MAP), 2);
	ck_assert(g_file_test(marker, G_FILE_TEST_EXISTS) == (text != NULL));
	drop_cm("m0.yaml", "m0", "two"); /* it is watched all the same */
	AWAIT(says("m0", "two"));
	lift("m0.yaml");
	g_remove(marker);
	ck_assert_int_eq(rmdir(it.config->spool_directory), 0);
	ck_assert_int_eq(rename(away, it.config->spool_directory), 0);
	AWAIT(held() == 0 && is_state("m1.yaml", "Accepted"));
	AWAIT(says("m0", "one"));
}

START_TEST(another_directory_deletes_nothing)
{
	exchange_spool(NULL);
}
END_TEST

/* Where a spool was before something was mounted over it. */
START_TEST(another_spool_deletes_nothing)
{
	exchange_spool("another\n");
}
END_TEST

static int refusal; /* errno */

static ssize_t
no_room(int fd, const void *data, size_t size)
{
	(void)fd;
	(void)data;
	(void)size;
	errno = refusal;
	return -1;
}

static ssize_t
no_room_at(int fd, const void *data, size_t size, off_t at)
{
	(void)at;
	return no_room(fd, data, size);
}

/* From now on SQLite writes nothing, wherever it would go, for a reason like ENOSPC: what room the store makes for itself does
 * not help.  0: it writes again. */
static void
fill_disk(int reason)
{
	static const struct {
		const char *call;
		sqlite3_syscall_ptr instead;
	} calls[] = { { "write", (sqlite3_syscall_ptr)no_room }, { "pwrite", (sqlite3_syscall_ptr)no_room_at },
		{ "pwrite64", (sqlite3_syscall_ptr)no_room_at } };
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	refusal = reason;
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
		vfs->xSetSystemCall(vfs, calls[i].call, reason != 0 ? calls[i].instead : NULL);
}

static void
on_durable(void *arg, const struct error *error)
{
	ck_assert_msg(error == NULL, "%s", error == NULL ? "" : error->text);
	*(bool *)arg = true;
}

/* What is in memory, and was accepted, may still be taken back: waits until the disk has it. */
static void
await_disk(void)
{
	bool durable = false;

	store_when_durable(it.store, on_durable, &durable);
	AWAIT(durable);
}

START_TEST(what_the_store_could_not_commit_is_applied_again)
{
	drop_many(1);
	AWAIT(is_state("m0.yaml", "Accepted"));
	await_disk();
	log_open("test", -1);
	fill_disk(ENOSPC);
	drop_cm("late.yaml", "late", "one");
	AWAIT(store_problem(it.store) != NULL);
	AWAIT(!is_state("late.yaml", "Accepted"));
	ck_assert(get("late") == NULL);
	fill_disk(0);
	AWAIT(get("late") != NULL && is_state("late.yaml", "Accepted"));
}
END_TEST

/* Nor does a deletion that was taken back leave a spool in which nothing is to be done; a used-up quota is a full disk. */
START_TEST(what_the_store_could_not_remove_goes_later)
{
	drop_cm("a.yaml", "a", "one");
	AWAIT(is_state("a.yaml", "Accepted"));
	g_autofree char *uid = g_strdup(get("a")->uid);
	await_disk();
	log_open("test", -1);
	fill_disk(EDQUOT);
	lift("a.yaml");
	AWAIT(store_problem(it.store) != NULL);
	ck_assert_msg(strstr(store_problem(it.store), "is full") != NULL, "%s", store_problem(it.store));
	AWAIT(get("a") != NULL); /* it may be on its way out anew, until that fails, too */
	run_for(500);
	AWAIT(get("a") != NULL);
	ck_assert_str_eq(get("a")->uid, uid);
	fill_disk(0);
	AWAIT(get("a") == NULL);
	AWAIT(store_problem(it.store) == NULL);
	stop();
	start();
	ck_assert(get("a") == NULL);
}
END_TEST

START_TEST(a_restart_changes_nothing_and_misses_nothing)
{
	drop_many(3);
	AWAIT(is_state("m2.yaml", "Accepted"));
	int64_t version = store_version(it.store);
	stop();
	start();
	AWAIT(is_state("m2.yaml", "Accepted"));
	run_for(300);
	ck_assert_int_eq(store_version(it.store), version);
	ck_assert_str_eq(row("m2.yaml", "generation"), "1");
	stop();
	lift("m0.yaml");
	drop_cm("m1.yaml", "m1", "two");
	start();
	AWAIT(says("m1", "two"));
	AWAIT(get("m0") == NULL);
}
END_TEST

START_TEST(a_deleted_object_comes_back)
{
	struct error err = { 0 };
	const struct object *left;

	drop_cm("a.yaml", "a", "one");
	AWAIT(is_state("a.yaml", "Accepted"));
	g_autofree char *uid = g_strdup(get("a")->uid);
	times.scan_interval = 60000; /* its end is enough */
	run_for(300);
	ck_assert_int_eq(objects_delete(&it, get("a"), &(struct delete_options) { .grace_period_seconds = -1 }, &left, &err), 0);
	AWAIT(get("a") != NULL && strcmp(get("a")->uid, uid) != 0);
}
END_TEST

static const char *
file_of(const char *name)
{
	const struct config_map *map = get(name)->value;

	return schema_map_get(&map->head.meta->annotations, SPOOL_FILE_ANNOTATION);
}

/* Looks at files that have not changed decide nothing, until an object has. */
START_TEST(what_a_settled_file_says_is_kept_up)
{
	struct error err = { 0 };

	drop_cm("a.yaml", "a", "one");
	AWAIT(is_state("a.yaml", "Accepted"));
	run_for(500);
	int64_t version = store_version(it.store);
	run_for(500);
	ck_assert_int_eq(store_version(it.store), version);
	json_t *patch = json_pack("{s:{s:{s:n}}}", "metadata", "annotations", SPOOL_FILE_ANNOTATION);
	ck_assert_ptr_nonnull(objects_patch(&it, get("a"), patch, &err));
	json_decref(patch);
	ck_assert_ptr_null(file_of("a"));
	AWAIT(g_strcmp0(file_of("a"), "a.yaml") == 0);
}
END_TEST

START_TEST(waits_until_a_deleted_object_is_gone)
{
	struct error err = { 0 };
	const struct object *left;

	drop_cm("a.yaml", "a", "one");
	AWAIT(is_state("a.yaml", "Accepted"));
	g_autofree char *uid = g_strdup(get("a")->uid);
	ck_assert_int_eq(objects_set_finalizer(&it, get("a"), "example.org/wait", true, &err), 0);
	ck_assert_int_eq(objects_delete(&it, get("a"), &(struct delete_options) { .grace_period_seconds = -1 }, &left, &err), 0);
	drop_cm("a.yaml", "a", "two");
	AWAIT(is_state("a.yaml", "Pending"));
	AWAIT(has_status("a.yaml", "Terminating"));
	times.scan_interval = 60000; /* the end of the old object is enough */
	run_for(300);
	ck_assert(says("a", "one"));
	ck_assert_int_eq(objects_set_finalizer(&it, get("a"), "example.org/wait", false, &err), 0);
	AWAIT(says("a", "two"));
	ck_assert(strcmp(get("a")->uid, uid) != 0);
}
END_TEST

START_TEST(what_get_prints_may_be_dropped)
{
	drop_cm("a.yaml", "a", "one");
	AWAIT(get("a") != NULL);
	json_t *tree = object_tree(get("a"));
	path_set(tree, "data.k", json_string("two"));
	g_autofree char *text = json_write(tree);
	json_decref(tree);
	drop("b.json", text);
	lift("a.yaml");
	AWAIT(says("a", "two"));
	AWAIT(is_state("b.json", "Accepted"));
}
END_TEST

/* How late a timer is that should come every few ms. */
struct beat {
	int64_t last, longest;
};

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct beat *beat = arg;
	int64_t now = clock_monotonic_ms();

	(void)fd;
	(void)what;
	beat->longest = MAX(beat->longest, now - beat->last);
	beat->last = now;
}

START_TEST(a_thousand_files_do_not_hold_the_loop_up)
{
	struct timeval often = { .tv_usec = 5000 };
	int64_t began = clock_monotonic_ms();

	for (int i = 0; i < 1000; i++) {
		g_autofree char *path = g_strdup_printf("m%d.yaml", i), *name = g_strdup_printf("m%d", i);
		drop_cm(path, name, "one");
	}
	struct beat beat = { clock_monotonic_ms(), 0 };
	struct event *event = event_new(it.base, -1, EV_PERSIST, on_beat, &beat);
	event_add(event, &often);
	while (!is_state("m999.yaml", "Accepted") || store_count(it.store, KIND_CONFIG_MAP) < 1000) {
		for (int i = 0; i < 20; i++)
			event_base_loop(it.base, EVLOOP_ONCE);
		g_ptr_array_set_size(it.answers, 0);
		ck_assert_int_lt(clock_monotonic_ms() - began, 60000);
		beat.last = clock_monotonic_ms(); /* our own question is not the loop's work */
	}
	event_free(event);
	if (getenv("SPOOL_NUMBERS") != NULL)
		printf("1,000 files: %d ms, the loop was held up for %d ms at most\n", (int)(clock_monotonic_ms() - began),
		    (int)beat.longest);
	ck_assert_int_lt(beat.longest, 1000); /* far more than it is: the machine may be busy */
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_file_comes_changes_and_goes, an_edit_keeps_what_others_changed, one_bad_document_stops_its_file,
		half_a_file_is_given_time, what_only_the_daemon_makes_is_refused, two_files_name_each_other,
		a_renamed_file_keeps_its_objects, not_pruned_is_let_go, much_at_once_waits_for_a_word, another_directory_deletes_nothing, another_spool_deletes_nothing,
		what_the_store_could_not_commit_is_applied_again, what_the_store_could_not_remove_goes_later,
		a_restart_changes_nothing_and_misses_nothing, a_deleted_object_comes_back, what_a_settled_file_says_is_kept_up,
		waits_until_a_deleted_object_is_gone, what_get_prints_may_be_dropped,
		a_thousand_files_do_not_hold_the_loop_up };
	Suite *suite = suite_create("spool");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(all, tests[i]);
	tcase_set_timeout(all, 90);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
