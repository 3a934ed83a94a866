/* The store on real files: grouping, undo, replay, reopening, damage, a full disk, and kill -9. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "daemon/store_db.h"
#include "daemon/store_private.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"

static char *directory;
static struct event_base *base;
static struct store *store;

static struct event_base *
base_new(void)
{
	struct event_base *fresh = event_base_new();

	event_base_priority_init(fresh, PRIORITY_COUNT);
	return fresh;
}

static void
reopen(void)
{
	struct error err = { 0 };

	store_close(store);
	store = store_open(directory, base, &err);
	ck_assert_msg(store != NULL, "%s", err.text);
}

static void
setup(void)
{
	log_open("test", LOG_LEVEL_ERROR);
	directory = g_dir_make_tmp("store-XXXXXX", NULL);
	base = base_new();
	store = NULL;
	reopen();
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
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
	store_close(store);
	event_base_free(base);
	remove_tree(directory);
	g_free(directory);
}

/* Runs until nothing is left to do at once. */
static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static json_t *
config_map(const char *name, const char *value)
{
	json_t *tree = json_pack("{s:s, s:s, s:{s:s, s:s, s:o}, s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap", "metadata",
	    "name", name, "namespace", "default", "uid", json_sprintf("uid-%s", name), "data", "key", value);

	ck_assert(tree != NULL);
	return tree;
}

static const struct object *
put(const char *name, const char *value, struct error *err)
{
	json_t *tree = config_map(name, value);
	const struct object *object = store_put(store, &kinds[KIND_CONFIG_MAP], tree, err);

	json_decref(tree);
	return object;
}

static const struct object *
get(const char *name)
{
	return store_get(store, KIND_CONFIG_MAP, "default", name);
}

/* --- what subscribers and waiters heard ------------------------------------------------------------------------- */

struct heard {
	GString *changes; /* "A a 1;M a 2;" */
	int durable, failed;
	struct error err;
};

static void
on_change(void *arg, const struct change *change)
{
	struct heard *heard = arg;

	g_string_append_printf(heard->changes, "%c %s %d%s;", "AMD"[change->type], change->object->name, (int)change->version,
	    change->previous == NULL ? "" : " was");
}

static void
on_durable(void *arg, const struct error *error)
{
	struct heard *heard = arg;

	if (error == NULL) {
		heard->durable++;
	} else {
		heard->failed++;
		heard->err = *error;
	}
}

static struct heard
listen_to(void)
{
	return (struct heard) { .changes = g_string_new(NULL) };
}

static void
expect(struct heard *heard, const char *changes)
{
	ck_assert_str_eq(heard->changes->str, changes);
	g_string_truncate(heard->changes, 0);
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

START_TEST(creates_replaces_removes)
{
	struct heard heard = listen_to();
	struct error err = { 0 };

	store_subscribe(store, on_change, &heard);
	const struct object *first = put("a", "1", &err);
	ck_assert(first != NULL && first == get("a") && first == store_get_uid(store, "uid-a"));
	ck_assert_int_eq(first->version, 1);
	ck_assert_str_eq(((const struct object_head *)first->value)->meta->resource_version, "1");
	json_t *tree = object_tree(first);
	ck_assert_str_eq(path_string(tree, "metadata.resourceVersion"), "1");
	json_decref(tree);
	const struct object *second = put("a", "2", &err);
	ck_assert(second != first && second->version == 2);
	ck_assert_ptr_eq(put("a", "2", &err), second); /* equal: nothing happens */
	ck_assert_int_eq(store_version(store), 2);
	expect(&heard, "");
	turn();
	expect(&heard, "A a 1;M a 2 was;");
	ck_assert_int_eq(store_remove(store, get("a"), &err), 0);
	ck_assert_ptr_null(get("a"));
	ck_assert_ptr_null(store_get_uid(store, "uid-a"));
	turn();
	expect(&heard, "D a 3 was;");
	ck_assert_uint_eq(store_count(store, KIND_CONFIG_MAP), 0);
	g_string_free(heard.changes, TRUE);
}
END_TEST

START_TEST(same_members_in_another_order_are_equal)
{
	json_t *tree = config_map("a", "1"), *swapped = json_object();
	struct error err = { 0 };
	const struct object *object = store_put(store, &kinds[KIND_CONFIG_MAP], tree, &err);

	json_object_set(swapped, "data", json_object_get(tree, "data"));
	json_object_set(swapped, "metadata", json_object_get(tree, "metadata"));
	json_object_set(swapped, "kind", json_object_get(tree, "kind"));
	json_object_set(swapped, "apiVersion", json_object_get(tree, "apiVersion"));
	ck_assert_ptr_eq(store_put(store, &kinds[KIND_CONFIG_MAP], swapped, &err), object);
	json_decref(tree);
	json_decref(swapped);
}
END_TEST

/* Members before and behind, words that look like members, and texts full of what parts them. */
static const char *const statuses[] = {
	"",
	",\"status\":{}",
	",\"status\":{\"printableStatus\":\"}],{\\\"status\\\":1\\\\\",\"created\":true}",
	",\"status\":{\"created\":true,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"}\",\"status\":\"]\"}]}",
};

/* What is changed in the text is what a change of the tree would have made. */
START_TEST(puts_a_status_into_the_text)
{
	g_autofree char *text = g_strconcat("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":"
	    "\"a\",\"namespace\":\"default\",\"annotations\":{\"status\":\"}\\\\\",\"b\":\"{\\\"\"},\"uid\":\"uid-a\"},\"spec\":{\"runStrategy\":"
	    "\"Halted\",\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"64Mi\"}}}}}", statuses[_i], "}", NULL);
	json_t *tree = json_read(text, strlen(text), NULL), *status = json_pack("{s:s}", "printableStatus", "\"}],x\\");
	struct error err = { 0 };

	const struct object *before = object_ref(store_put(store, &kinds[KIND_VM], tree, &err));
	const struct object *after = store_put_status(store, before, status, &err);
	ck_assert_msg(after != NULL && after != before, "%s", err.text);
	json_decref(tree);
	tree = object_tree(before);
	json_object_set(tree, "status", status);
	path_set(tree, "metadata.resourceVersion", json_sprintf("%d", (int)after->version));
	g_autofree char *wanted = json_write(tree);
	ck_assert_str_eq(after->text, wanted);
	ck_assert_uint_eq(after->length, strlen(wanted));
	const struct vm *vm = after->value;
	ck_assert_str_eq(vm->status->printable_status, "\"}],x\\");
	ck_assert(!vm->status->created && strcmp(vm->head.meta->uid, "uid-a") == 0);
	ck_assert_int_eq(atoi(vm->head.meta->resource_version), (int)after->version);
	ck_assert_ptr_eq(store_put_status(store, after, status, &err), after); /* equal: nothing happens */
	object_unref(before);
	reopen();
	ck_assert_str_eq(store_get(store, KIND_VM, "default", "a")->text, wanted);
	json_object_set_new(status, "created", json_integer(1));
	before = store_get(store, KIND_VM, "default", "a");
	ck_assert_ptr_null(store_put_status(store, before, status, &err)); /* does not decode */
	ck_assert_ptr_eq(store_get(store, KIND_VM, "default", "a"), before);
	json_decref(status);
	json_decref(tree);
}
END_TEST

START_TEST(lists_are_sorted_and_owners_known)
{
	struct error err = { 0 };
	json_t *owned = config_map("m", "1");

	path_set(owned, "metadata.ownerReferences",
	    json_pack("[{s:s, s:s, s:s, s:s}]", "apiVersion", "v1", "kind", "ConfigMap", "name", "z", "uid", "uid-z"));
	put("z", "1", &err);
	put("b", "1", &err);
	ck_assert_msg(store_put(store, &kinds[KIND_CONFIG_MAP], owned, &err) != NULL, "%s", err.text);
	g_autoptr(GPtrArray) all = store_list(store, KIND_CONFIG_MAP, NULL), children = store_owned(store, "uid-z");
	ck_assert_uint_eq(all->len, 3);
	ck_assert_str_eq(((const struct object *)all->pdata[0])->name, "b");
	ck_assert_str_eq(((const struct object *)all->pdata[2])->name, "z");
	ck_assert_uint_eq(children->len, 1);
	g_autoptr(GPtrArray) none = store_list(store, KIND_CONFIG_MAP, "elsewhere");
	ck_assert_uint_eq(none->len, 0);
	json_decref(owned);
	ck_assert_int_eq(store_remove(store, get("m"), &err), 0);
	g_autoptr(GPtrArray) gone = store_owned(store, "uid-z");
	ck_assert_uint_eq(gone->len, 0);
}
END_TEST

START_TEST(refuses_a_taken_uid_and_a_nameless_tree)
{
	struct error err = { 0 };
	json_t *tree = config_map("b", "1");

	put("a", "1", &err);
	path_set(tree, "metadata.uid", json_string("uid-a"));
	ck_assert_ptr_null(store_put(store, &kinds[KIND_CONFIG_MAP], tree, &err));
	ck_assert_int_eq(err.code, EEXIST);
	path_remove(tree, "metadata.name");
	ck_assert_ptr_null(store_put(store, &kinds[KIND_CONFIG_MAP], tree, &err));
	ck_assert_int_eq(err.code, EINVAL);
	json_decref(tree);
	ck_assert_int_eq(store_version(store), 1);
}
END_TEST

static int commits;

static int
count_commit(void *arg)
{
	(void)arg;
	commits++;
	return 0;
}

START_TEST(a_turn_is_one_commit)
{
	struct heard heard = listen_to();
	struct error err = { 0 };

	commits = 0;
	sqlite3_commit_hook(store->db.handle, count_commit, NULL);
	for (int i = 0; i < 500; i++) {
		g_autofree char *name = g_strdup_printf("m%d", i);
		ck_assert(put(name, "1", &err) != NULL);
		store_when_durable(store, on_durable, &heard);
	}
	ck_assert_int_eq(heard.durable, 0);
	turn();
	ck_assert_int_eq(heard.durable, 500);
	ck_assert_int_eq(commits, 1);
	store_when_durable(store, on_durable, &heard); /* nothing pending: still later, and no transaction */
	ck_assert_int_eq(heard.durable, 500);
	turn();
	ck_assert_int_eq(heard.durable, 501);
	ck_assert_int_eq(commits, 1);
	g_string_free(heard.changes, TRUE);
}
END_TEST

/* An event that keeps the loop busy for ever. */
static void
busy(evutil_socket_t fd, short what, void *arg)
{
	struct event **event = arg;
	struct timeval now = { 0 };

	(void)fd;
	(void)what;
	event_add(*event, &now);
}

static void
stop_when_durable(void *arg, const struct error *error)
{
	ck_assert_ptr_null(error);
	event_base_loopbreak(arg);
}

START_TEST(a_busy_loop_does_not_starve_the_commit)
{
	struct event *event;
	struct error err = { 0 };
	gint64 start = g_get_monotonic_time();

	event = event_new(base, -1, 0, busy, &event);
	event_priority_set(event, PRIORITY_NORMAL);
	event_add(event, &(struct timeval) { 0 });
	put("a", "1", &err);
	store_when_durable(store, stop_when_durable, base);
	event_base_dispatch(base);
	ck_assert_int_lt(g_get_monotonic_time() - start, 2000000);
	event_free(event);
}
END_TEST

static int
forbid_commit(void *arg)
{
	(void)arg;
	return 1;
}

START_TEST(a_failed_commit_puts_memory_back)
{
	struct heard heard = listen_to();
	struct error err = { 0 };
	struct address first = { "net", "default/a/eth", "10.0.0.2", "52:54:00:00:00:01", 0 };
	struct address second = { "net", "default/a/eth", "10.0.0.3", "52:54:00:00:00:01", 0 };

	put("a", "1", &err);
	put("b", "1", &err);
	store_record_set(store, "bucket", "key", "old", &err);
	ck_assert_int_eq(store_address_put(store, &first, &err), 0);
	turn();
	store_subscribe(store, on_change, &heard);
	sqlite3_commit_hook(store->db.handle, forbid_commit, NULL);
	put("a", "2", &err);
	put("a", "3", &err);
	put("c", "1", &err);
	store_remove(store, get("b"), &err);
	store_record_set(store, "bucket", "key", "new", &err);
	store_record_set(store, "bucket", "key", NULL, &err);
	store_record_set(store, "bucket", "other", "x", &err);
	ck_assert_int_eq(store_address_put(store, &second, &err), 0);
	store_when_durable(store, on_durable, &heard);
	turn();
	sqlite3_commit_hook(store->db.handle, NULL, NULL);
	ck_assert_int_eq(heard.failed, 1);
	expect(&heard, "");
	ck_assert_int_eq(get("a")->version, 1);
	ck_assert(get("b") != NULL && get("c") == NULL);
	ck_assert_int_eq(store_version(store), 2);
	ck_assert_str_eq(store_record_get(store, "bucket", "key"), "old");
	ck_assert_ptr_null(store_record_get(store, "bucket", "other"));
	ck_assert_str_eq(store_address_get(store, "net", "default/a/eth")->ip, "10.0.0.2");
	put("a", "4", &err);
	ck_assert_int_gt(get("a")->version, 6); /* none of the undone versions comes again */
	turn();
	reopen();
	ck_assert(get("b") != NULL && get("c") == NULL);
	g_string_free(heard.changes, TRUE);
}
END_TEST

static void
append_version(void *arg, const struct change *change)
{
	g_string_append_printf(arg, "%c%d ", "AMD"[change->type], (int)change->version);
}

START_TEST(replays_and_says_when_it_cannot)
{
	struct error err = { 0 };
	g_autoptr(GString) seen = g_string_new(NULL);

	put("a", "1", &err);
	put("a", "2", &err);
	turn();
	store_remove(store, get("a"), &err);
	ck_assert_int_eq(store_replay(store, 0, append_version, seen, &err), 0);
	ck_assert_str_eq(seen->str, "A1 M2 "); /* what is not durable yet is not told */
	turn();
	reopen();
	g_string_truncate(seen, 0);
	ck_assert_int_eq(store_replay(store, 1, append_version, seen, &err), 0);
	ck_assert_str_eq(seen->str, "M2 D3 ");
	ck_assert_int_eq(store_replay(store, 4, append_version, seen, &err), -1);
	ck_assert_int_eq(err.code, ESTALE);
	store->compacted = 2;
	ck_assert_int_eq(store_replay(store, 1, append_version, seen, &err), -1);
	ck_assert_int_eq(err.code, ESTALE);
	ck_assert_int_eq(store_replay(store, 2, append_version, seen, &err), 0);
}
END_TEST

START_TEST(heartbeats_are_told_but_not_kept_in_the_log)
{
	struct heard heard = listen_to();
	struct error err = { 0 };
	g_autoptr(GString) seen = g_string_new(NULL);
	json_t *event = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s}, s:s, s:s, s:s}", "apiVersion", "v1", "kind",
	    "Event", "metadata", "name", "e", "namespace", "default", "uid", "uid-e", "involvedObject", "kind", "ConfigMap",
	    "name", "a", "reason", "Started", "message", "it runs", "type", "Normal");

	store_subscribe(store, on_change, &heard);
	ck_assert_msg(store_put(store, &kinds[KIND_EVENT], event, &err) != NULL, "%s", err.text);
	json_decref(event);
	turn();
	expect(&heard, "A e 1;");
	ck_assert_int_eq(store_replay(store, 0, append_version, seen, &err), 0);
	ck_assert_str_eq(seen->str, "");
	reopen();
	ck_assert_uint_eq(store_count(store, KIND_EVENT), 1);
	g_string_free(heard.changes, TRUE);
}
END_TEST

START_TEST(compacts_in_batches)
{
	struct error err = { 0 };
	struct timeval now = { 0 };

	for (int i = 0; i < STORE_LOG_LEAST + 2 * STORE_COMPACT_BATCH + 10; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);
		put("a", value, &err);
	}
	turn();
	for (guint i = 0; i < store->log->len; i++)
		g_array_index(store->log, struct store_mark, i).time = 0;
	event_add(store->compact, &now);
	while (store->log->len > STORE_LOG_LEAST) {
		guint before = store->log->len;
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_le(before - store->log->len, STORE_COMPACT_BATCH);
	}
	ck_assert_int_eq(store->compacted, 2 * STORE_COMPACT_BATCH + 10);
	reopen();
	ck_assert_uint_eq(store->log->len, STORE_LOG_LEAST);
	ck_assert_int_eq(store->compacted, 2 * STORE_COMPACT_BATCH + 10);
}
END_TEST

/* Fabricated: as if all changes were large. */
static void
enlarge_log(int64_t bytes)
{
	for (guint i = 0; i < store->log->len; i++)
		g_array_index(store->log, struct store_mark, i).bytes = bytes;
	store->log_bytes = bytes * store->log->len;
}

START_TEST(large_changes_do_not_stay_however_few_and_young_they_are)
{
	struct error err = { 0 };
	struct timeval now = { 0 };

	for (int i = 0; i < 100; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);
		put("a", value, &err);
		turn();
	}
	ck_assert_uint_eq(store->log->len, 100);
	ck_assert_int_gt(store->log_bytes, 0);
	enlarge_log(STORE_LOG_BYTES / 90);
	event_add(store->compact, &now);
	while (store->log_bytes > STORE_LOG_BYTES)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(store->log->len, 90);
	ck_assert_int_eq(store->compacted, 10);
	reopen();
	ck_assert_uint_eq(store->log->len, 90);
	ck_assert_int_gt(store->log_bytes, 0);
	ck_assert_int_lt(store->log_bytes, 1 << 20);
}
END_TEST

START_TEST(the_log_is_limited_when_no_idle_time_comes)
{
	struct error err = { 0 };

	for (int i = 0; i < 100; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);
		put("a", value, &err);
		turn();
	}
	enlarge_log(STORE_LOG_BYTES / 80);
	put("a", "last", &err);
	store_commit_now(store);
	ck_assert_int_le(store->log_bytes, STORE_LOG_BYTES);
	ck_assert_uint_eq(store->log->len, 80);
}
END_TEST

START_TEST(opens_again_with_everything)
{
	struct error err = { 0 };
	struct address address = { "net", "default/a/eth", "10.0.0.2", "52:54:00:00:00:01", 7 };
	g_autofree char *uuid = g_strdup(store_uuid(store));

	ck_assert_int_eq(store_epoch(store), 1);
	put("a", "1", &err);
	put("b", "1", &err);
	store_record_set(store, "spool", "x.yaml", "{}", &err);
	store_address_put(store, &address, &err);
	reopen(); /* closing commits */
	ck_assert_int_eq(store_epoch(store), 2);
	ck_assert_str_eq(store_uuid(store), uuid);
	ck_assert(get("a") != NULL && get("b") != NULL);
	ck_assert_int_eq(store_version(store), 2);
	ck_assert_str_eq(store_record_get(store, "spool", "x.yaml"), "{}");
	ck_assert_int_eq(store_address_get(store, "net", "default/a/eth")->released, 7);
	put("c", "1", &err);
	ck_assert_int_eq(get("c")->version, 3);
}
END_TEST

START_TEST(an_address_has_one_owner)
{
	struct error err = { 0 };
	struct address a = { "net", "a", "10.0.0.2", "52:54:00:00:00:01", 0 };
	struct address ip = { "net", "b", "10.0.0.2", "52:54:00:00:00:02", 0 };
	struct address mac = { "net", "b", "10.0.0.3", "52:54:00:00:00:01", 0 };
	struct address elsewhere = { "other", "b", "10.0.0.2", "52:54:00:00:00:01", 0 };
	struct address bare[] = { { "wire", "a", "", "52:54:00:00:00:01", 0 }, { "wire", "b", "", "52:54:00:00:00:02", 0 } };

	ck_assert_int_eq(store_address_put(store, &a, &err), 0);
	ck_assert_int_eq(store_address_put(store, &ip, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_int_eq(store_address_put(store, &mac, &err), -1);
	ck_assert_int_eq(err.code, EEXIST);
	ck_assert_int_eq(store_address_put(store, &elsewhere, &err), 0);
	/* Without addresses of ours, only MACs can clash. */
	for (size_t i = 0; i < G_N_ELEMENTS(bare); i++)
		ck_assert_int_eq(store_address_put(store, &bare[i], &err), 0);
	ck_assert_int_eq(store_address_remove(store, "net", "a", &err), 0);
	ck_assert_int_eq(store_address_put(store, &ip, &err), 0);
	turn();
	/* The database would not take it either, whatever memory believes. */
	int code = store_db_run(&store->db, STATEMENT_ADDRESS_PUT, "tttti", "net", "c", "10.0.0.2", "52:54:00:00:00:09",
	    (int64_t)0);
	ck_assert_int_eq(code & 0xff, SQLITE_CONSTRAINT);
	code = store_db_run(&store->db, STATEMENT_ADDRESS_PUT, "tttti", "net", "c", "10.0.0.9", "52:54:00:00:00:02", (int64_t)0);
	ck_assert_int_eq(code & 0xff, SQLITE_CONSTRAINT);
}
END_TEST

START_TEST(a_second_opener_is_refused_with_our_number)
{
	struct error err = { 0 };
	g_autofree char *pid = g_strdup_printf("process %d", (int)getpid());

	ck_assert_ptr_null(store_open(directory, base, &err));
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_msg(strstr(err.text, pid) != NULL, "%s", err.text);
}
END_TEST

/* Ends as a daemon that is killed while it starts a worker: its child has the lock for a moment more. */
static void __attribute__((noreturn))
die_with_a_child(void)
{
	struct error err = { 0 };

	if (store_open(directory, base, &err) == NULL)
		_exit(1);
	if (fork() == 0) {
		g_usleep(200000);
		_exit(0);
	}
	kill(getpid(), SIGKILL);
	_exit(1);
}

/* Its number is gone, or still there until somebody asks how it ended. */
START_TEST(waits_for_the_child_of_a_killed_daemon)
{
	siginfo_t ended = { 0 };

	store_close(store);
	store = NULL;
	pid_t pid = fork();
	if (pid == 0)
		die_with_a_child();
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &ended, WEXITED | (_i == 0 ? 0 : WNOWAIT)), 0);
	ck_assert_int_eq(ended.si_code, CLD_KILLED);
	reopen();
	if (_i != 0)
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static char *
db_path(void)
{
	return g_build_filename(directory, "solovirt.db", NULL);
}

/* Changes the closed database behind the store's back. */
static void
tamper(const char *sql)
{
	g_autofree char *path = db_path();
	sqlite3 *handle;

	store_close(store);
	store = NULL;
	ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(handle));
	sqlite3_close(handle);
}

START_TEST(keeps_its_files_to_itself)
{
	static const char *const names[] = { "solovirt.db", "solovirt.db-wal", "lock" };
	struct error err = { 0 };
	struct stat st;

	umask(0);
	put("a", "1", &err);
	turn();
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(directory, names[i], NULL);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_msg((st.st_mode & 077) == 0, "%s may be read by others", names[i]);
	}
}
END_TEST

START_TEST(migrates_an_old_file_after_a_backup)
{
	struct error err = { 0 };

	put("a", "1", &err);
	turn();
	tamper("DROP TABLE record; DROP TABLE address; PRAGMA user_version = 1");
	reopen();
	ck_assert(get("a") != NULL);
	ck_assert_int_eq(store_record_set(store, "b", "k", "v", &err), 0);
	turn();
	g_autoptr(GPtrArray) backups = store_backup_list(directory);
	ck_assert_uint_eq(backups->len, 1);
}
END_TEST

START_TEST(refuses_a_newer_and_a_foreign_file)
{
	struct error err = { 0 };

	tamper("PRAGMA user_version = 99");
	ck_assert_ptr_null(store_open(directory, base, &err));
	ck_assert_msg(strstr(err.text, "newer release") != NULL, "%s", err.text);
	tamper("PRAGMA user_version = 2; PRAGMA application_id = 7");
	ck_assert_ptr_null(store_open(directory, base, &err));
	ck_assert_msg(strstr(err.text, "another program") != NULL, "%s", err.text);
}
END_TEST

static int
count_aside(void)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;
	int count = 0;

	while ((name = g_dir_read_name(dir)) != NULL)
		count += strstr(name, ".damaged-") != NULL && g_str_has_suffix(name, ".reason");
	return count;
}

START_TEST(a_wrong_checksum_brings_the_backup_back)
{
	struct error err = { 0 };
	g_autoptr(GString) seen = g_string_new(NULL);

	put("a", "1", &err);
	turn();
	ck_assert_msg(store_backup_now(&store->db, directory, &err) == 0, "%s", err.text);
	put("b", "1", &err);
	turn();
	tamper("UPDATE object SET text = replace(text, '\"key\":\"1\"', '\"key\":\"2\"') WHERE name = 'b'");
	log_open("test", -1);
	reopen();
	ck_assert(get("a") != NULL && get("b") == NULL);
	ck_assert_int_eq(count_aside(), 1);
	ck_assert_int_eq(store_version(store), 1 + STORE_VERSION_JUMP);
	ck_assert_int_eq(store_replay(store, 2, append_version, seen, &err), -1); /* history counts as compacted */
	ck_assert_int_eq(err.code, ESTALE);
	put("c", "1", &err);
	ck_assert_int_eq(get("c")->version, 2 + STORE_VERSION_JUMP);
	/* Lost again before the hourly backup, perhaps in the same second: the versions still go on, and nothing that was kept is lost. */
	tamper("UPDATE object SET sum = x'00'");
	reopen();
	ck_assert_int_ge(store_version(store), 1 + 2 * (int64_t)STORE_VERSION_JUMP);
	ck_assert_int_eq(count_aside(), 2);
}
END_TEST

static int64_t
number_in(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *row = NULL;
	int64_t number;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
	number = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return number;
}

START_TEST(a_backup_has_the_objects_and_no_history)
{
	struct error err = { 0 };

	put("a", "1", &err);
	put("b", "1", &err);
	turn();
	for (int i = 0; i < 100; i++) {
		g_autofree char *value = g_strdup_printf("%d %01000d", i, 0);
		put("a", value, &err);
		turn();
	}
	ck_assert_uint_eq(store->log->len, 102);
	ck_assert_msg(store_backup_now(&store->db, directory, &err) == 0, "%s", err.text);
	g_autoptr(GPtrArray) backups = store_backup_list(directory);
	ck_assert_uint_eq(backups->len, 1);
	ck_assert_int_eq(number_in(backups->pdata[0], "SELECT count(*) FROM object"), 2);
	ck_assert_int_eq(number_in(backups->pdata[0], "SELECT count(*) FROM change"), 0);
	ck_assert_int_eq(number_in(backups->pdata[0], "SELECT value FROM meta WHERE name = 'compacted'"), 102);
	ck_assert_int_lt(number_in(backups->pdata[0], "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"), 100000);
	/* The store itself goes on with its own. */
	reopen();
	ck_assert_uint_eq(store->log->len, 102);
}
END_TEST

START_TEST(a_file_of_rubbish_is_kept_aside)
{
	g_autofree char *path = db_path();
	struct error err = { 0 };

	put("a", "1", &err);
	store_close(store);
	store = NULL;
	ck_assert(g_file_set_contents(path, "this is no database at all, and long enough to have a header of its own: 0123456789"
	                                    "0123456789012345678901234567890123456789", -1, NULL));
	log_open("test", -1);
	reopen();
	ck_assert_uint_eq(store_count(store, KIND_CONFIG_MAP), 0);
	ck_assert_int_gt(store_version(store), 1000000000000);
	ck_assert_int_eq(count_aside(), 1);
}
END_TEST

/* Overwrites pages in the middle of the file. */
static void
truncate_database(const char *path)
{
	ck_assert(g_file_set_contents(path, "", 0, NULL));
}

static void
remove_database(const char *path)
{
	ck_assert_int_eq(g_remove(path), 0);
}

static void (*const emptyings[])(const char *path) = { truncate_database, remove_database };

START_TEST(an_empty_file_is_no_new_store_when_there_are_backups)
{
	struct error err = { 0 };
	g_autofree char *path = db_path(), *uuid = g_strdup(store_uuid(store));

	log_open("test", -1);
	put("a", "1", &err);
	turn();
	ck_assert_int_eq(store_backup_now(&store->db, directory, &err), 0);
	store_close(store);
	store = NULL;
	emptyings[_i](path);
	reopen();
	ck_assert(get("a") != NULL);
	ck_assert_str_eq(store_uuid(store), uuid);
	ck_assert_int_ge(store_version(store), STORE_VERSION_JUMP);
}
END_TEST

START_TEST(a_torn_file_is_found_by_the_integrity_check)
{
	g_autofree char *path = db_path(), *junk = g_malloc(3 * 4096);
	struct error err = { 0 };

	for (int i = 0; i < 300; i++) {
		g_autofree char *name = g_strdup_printf("m%d", i);
		put(name, "some value that takes some room on the page of the table", &err);
	}
	turn();
	ck_assert_int_eq(store_backup_now(&store->db, directory, &err), 0);
	store_close(store);
	store = NULL;
	memset(junk, 0xa5, 3 * 4096);
	int fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, junk, 3 * 4096, 8 * 4096), 3 * 4096);
	close(fd);
	log_open("test", -1);
	reopen();
	ck_assert_uint_eq(store_count(store, KIND_CONFIG_MAP), 300);
	ck_assert_int_eq(count_aside(), 1);
}
END_TEST

START_TEST(a_clock_that_was_set_back_does_not_make_old_backups_the_newest)
{
	struct error err = { 0 };
	g_autofree char *folder = g_build_filename(directory, "backup", NULL);
	g_autofree char *future = g_build_filename(folder, "solovirt-2199-01-31T23-59-59Z.db", NULL);

	g_mkdir(folder, 0700);
	ck_assert(g_file_set_contents(future, "x", 1, NULL));
	ck_assert_int_eq(store_backup_now(&store->db, directory, &err), 0);
	g_autoptr(GPtrArray) backups = store_backup_list(directory);
	ck_assert_uint_eq(backups->len, 2);
	ck_assert(g_str_has_suffix(backups->pdata[0], "solovirt-2199-02-01T00-00-00Z.db"));
}
END_TEST

START_TEST(backups_are_made_in_steps_and_pruned)
{
	struct error err = { 0 };

	g_autofree char *folder = g_build_filename(directory, "backup", NULL);
	g_mkdir(folder, 0700);
	/* Three in each of many hours: one an hour is enough. */
	for (int i = 0; i < 3 * (STORE_BACKUPS + 5); i++) {
		g_autofree char *old = g_strdup_printf("%s/solovirt-2020-01-%02dT03-04-%02dZ.db", folder, i / 3 + 1, i % 3);
		g_file_set_contents(old, "x", 1, NULL);
	}
	for (int i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("m%d", i);
		put(name, "some value that takes some room on the page of the table", &err);
	}
	turn();
	store_backup_start(store);
	gint64 start = g_get_monotonic_time();
	g_autoptr(GPtrArray) backups = NULL;
	do {
		put("m0", g_get_monotonic_time() % 2 ? "x" : "y", &err);
		event_base_loop(base, EVLOOP_ONCE);
		g_clear_pointer(&backups, g_ptr_array_unref);
		backups = store_backup_list(directory);
		ck_assert_int_lt(g_get_monotonic_time() - start, 20000000);
	} while (backups->len != STORE_BACKUPS);
	ck_assert(strstr(backups->pdata[0], "solovirt-2020") == NULL);
	ck_assert(g_str_has_suffix(backups->pdata[1], "solovirt-2020-01-29T03-04-02Z.db"));
	ck_assert(g_str_has_suffix(backups->pdata[2], "solovirt-2020-01-28T03-04-02Z.db"));
}
END_TEST

/* --- the directory goes away beneath it ------------------------------------------------------------------------- */

static void
lose_all(void)
{
	remove_tree(directory);
}

static void
lose_the_log(void)
{
	g_autofree char *path = g_build_filename(directory, "solovirt.db-wal", NULL);

	ck_assert_int_eq(g_remove(path), 0);
}

static void
lose_the_lock(void)
{
	g_autofree char *path = g_build_filename(directory, "lock", NULL);

	ck_assert_int_eq(g_remove(path), 0);
}

/* Another store where ours was. */
static void
exchange(void)
{
	g_autofree char *path = db_path();

	remove_tree(directory);
	ck_assert_int_eq(g_mkdir(directory, 0711), 0);
	ck_assert(g_file_set_contents(path, "somebody's", -1, NULL));
}

static const struct {
	void (*lose)(void);
	int aside; /* files that were kept */
} losses[] = { { lose_all, 0 }, { lose_the_log, 0 }, { lose_the_lock, 0 }, { exchange, 1 } };

START_TEST(what_is_taken_away_beneath_it_is_written_anew)
{
	struct heard heard = listen_to();
	struct error err = { 0 };
	g_autofree char *uuid = g_strdup(store_uuid(store));

	put("a", "1", &err);
	turn();
	log_open("test", -1);
	losses[_i].lose();
	put("b", "2", &err);
	store_when_durable(store, on_durable, &heard);
	turn();
	ck_assert_int_eq(heard.durable, 1);
	ck_assert_ptr_null(store_problem(store));
	ck_assert_ptr_null(store_open(directory, base, &err)); /* the lock is a new one */
	ck_assert_int_eq(err.code, EBUSY);
	put("c", "3", &err);
	turn();
	int64_t version = store_version(store);
	reopen();
	ck_assert(get("a") != NULL && get("b") != NULL && get("c") != NULL);
	ck_assert_str_eq(store_uuid(store), uuid);
	ck_assert_int_ge(store_version(store), version);
	ck_assert_int_eq(count_aside(), losses[_i].aside);
	g_string_free(heard.changes, TRUE);
}
END_TEST

static bool
is_whole(void)
{
	static const char *const files[STORE_FILE_COUNT] = { "lock", "solovirt.db", "solovirt.db-wal" };
	bool whole = true;

	for (int file = 0; file < STORE_FILE_COUNT; file++) {
		g_autofree char *path = g_build_filename(directory, files[file], NULL);
		struct stat st;
		whole &= stat(path, &st) == 0 && st.st_ino == store->identities[file].inode;
	}
	return whole;
}

/* Nothing need be written for it. */
START_TEST(what_is_taken_away_beneath_it_is_noticed_by_itself)
{
	gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	struct error err = { 0 };

	put("a", "1", &err);
	turn();
	log_open("test", -1);
	losses[_i].lose();
	ck_assert(!is_whole());
	while (!is_whole() && g_get_monotonic_time() < deadline)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert(is_whole());
	reopen();
	ck_assert(get("a") != NULL);
	ck_assert_int_eq(count_aside(), losses[_i].aside);
}
END_TEST

static bool
looks_at_log(void)
{
	return event_pending(store->compact, EV_TIMEOUT, NULL);
}

/* The change log is looked at after a change, and then only when there is something to come. */
START_TEST(a_log_that_does_not_grow_wakes_nobody)
{
	struct error err = { 0 };
	struct timeval now = { 0 };

	ck_assert(!looks_at_log());
	put("a", "1", &err);
	turn();
	ck_assert(looks_at_log());
	event_add(store->compact, &now);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert(!looks_at_log());
	for (int i = 0; i < STORE_LOG_LEAST; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);
		put("b", value, &err);
	}
	turn();
	event_add(store->compact, &now);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert(looks_at_log()); /* in an hour */
	ck_assert_uint_eq(store->log->len, STORE_LOG_LEAST + 1);
}
END_TEST

/* Where the directory cannot be made again, nothing is acknowledged; then it goes on by itself. */
START_TEST(a_directory_that_cannot_be_made_is_a_problem)
{
	struct heard heard = listen_to();
	struct error err = { 0 };

	put("a", "1", &err);
	turn();
	log_open("test", -1);
	remove_tree(directory);
	ck_assert(g_file_set_contents(directory, "a file", -1, NULL));
	put("b", "2", &err);
	store_when_durable(store, on_durable, &heard);
	turn();
	ck_assert_int_eq(heard.failed, 1);
	ck_assert(store_problem(store) != NULL);
	ck_assert_int_eq(g_remove(directory), 0);
	while (store_problem(store) != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert(put("b", "2", &err) != NULL);
	turn();
	reopen();
	ck_assert(get("a") != NULL && get("b") != NULL);
	g_string_free(heard.changes, TRUE);
}
END_TEST

static void
on_health(void *arg, const char *problem)
{
	g_string_append_printf(arg, "%s;", problem == NULL ? "well" : problem);
}

/* No file may grow any more: what a quota does. */
START_TEST(a_disk_that_refuses_is_told_and_recovers)
{
	struct rlimit none = { 64 * 1024, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct heard heard = listen_to();
	struct error err = { 0 };
	g_autoptr(GString) health = g_string_new(NULL);
	g_autofree char *big = g_strnfill(200000, 'x');

	signal(SIGXFSZ, SIG_IGN);
	put("a", "1", &err);
	turn();
	store_on_health(store, on_health, health);
	log_open("test", -1);
	setrlimit(RLIMIT_FSIZE, &none);
	put("b", big, &err);
	store_when_durable(store, on_durable, &heard);
	turn();
	ck_assert_int_eq(heard.failed, 1);
	ck_assert_int_eq(heard.err.code, ENOSPC);
	ck_assert_msg(store_problem(store) != NULL && strstr(store_problem(store), "is full") != NULL, "%s", store_problem(store));
	ck_assert_ptr_null(get("b"));
	ck_assert(get("a") != NULL);
	ck_assert_ptr_null(put("c", "1", &err)); /* at once, without trying */
	ck_assert_int_eq(err.code, ENOSPC);
	setrlimit(RLIMIT_FSIZE, &all);
	while (store_problem(store) != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert(strstr(health->str, ";well;") != NULL);
	ck_assert(put("b", big, &err) != NULL);
	store_when_durable(store, on_durable, &heard);
	turn();
	ck_assert_int_eq(heard.durable, 1);
	reopen();
	ck_assert(get("b") != NULL);
	g_string_free(heard.changes, TRUE);
}
END_TEST

/* A file-system of 12 MiB in a namespace of our own; false where that is not allowed. */
static bool
mount_small(const char *path)
{
	return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("small", path, "tmpfs", 0, "size=12m") == 0;
}

START_TEST(a_full_disk_lets_deletions_through)
{
	struct heard heard = listen_to();
	struct error err = { 0 };
	g_autofree char *big = g_strnfill(100000, 'x'), *filler = g_build_filename(directory, "filler", NULL);

	store_close(store);
	store = NULL;
	if (!mount_small(directory)) {
		g_string_free(heard.changes, TRUE);
		return; /* no such right here */
	}
	reopen();
	log_open("test", -1);
	ck_assert(store->ballast);
	for (int i = 0; store_problem(store) == NULL; i++) {
		g_autofree char *name = g_strdup_printf("m%d", i);
		ck_assert(put(name, big, &err) != NULL);
		store_when_durable(store, on_durable, &heard);
		turn();
		ck_assert_int_lt(i, 1000);
	}
	ck_assert(!store->ballast && heard.durable > 3 && heard.failed == 1);
	int kept = heard.durable;
	ck_assert_uint_eq(store_count(store, KIND_CONFIG_MAP), (size_t)kept);
	ck_assert_ptr_null(put("x", "1", &err));
	ck_assert_int_eq(store_remove(store, get("m0"), &err), 0);
	store_when_durable(store, on_durable, &heard);
	turn();
	ck_assert_int_eq(heard.failed, 1);
	ck_assert_ptr_null(get("m0"));
	reopen(); /* a full disk is no reason not to start */
	ck_assert_uint_eq(store_count(store, KIND_CONFIG_MAP), (size_t)kept - 1);
	store_close(store);
	store = NULL;
	umount2(directory, MNT_DETACH);
	g_string_free(heard.changes, TRUE);
}
END_TEST

/* --- kill -9 ---------------------------------------------------------------------------------------------------- */

/* What the child tells: object "k<n>" is durable with this number. */
struct acknowledgement {
	int object, value;
};

struct child_put {
	int fd;
	struct acknowledgement what;
};

static void
acknowledge(void *arg, const struct error *error)
{
	struct child_put *child = arg;

	if (error == NULL && write(child->fd, &child->what, sizeof(child->what)) != sizeof(child->what))
		_exit(1);
	g_free(child);
}

/* What assertions note goes to a file that the test shares with us: a note that the kill cuts short would spoil it. */
static void
leave_the_notes(int keep)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
		if (fd != keep && fd != nowhere && fcntl(fd, F_GETFD) >= 0)
			dup2(nowhere, fd);
}

/* Puts objects for ever, a few in each turn. */
static void
child_main(int fd, int round)
{
	struct error err = { 0 };

	base = base_new();
	store = store_open(directory, base, &err);
	if (store == NULL)
		_exit(2);
	for (int i = 1;; i++) {
		for (int j = 0; j < 1 + i % 5; j++) {
			struct child_put *child = g_new(struct child_put, 1);
			*child = (struct child_put) { fd, { (i * 7 + j) % 40, round * 100000 + i * 10 + j } };
			g_autofree char *name = g_strdup_printf("k%d", child->what.object);
			g_autofree char *value = g_strdup_printf("%d", child->what.value);
			if (put(name, value, &err) == NULL)
				_exit(3);
			store_when_durable(store, acknowledge, child);
		}
		turn();
	}
}

static int
value_of(const char *name)
{
	const struct object *object = get(name);

	if (object == NULL)
		return 0;
	json_t *tree = object_tree(object);
	int value = atoi(path_string(tree, "data.key"));
	json_decref(tree);
	return value;
}

START_TEST(kill_nine_loses_nothing_acknowledged)
{
	const int rounds = getenv("STORE_KILLS") != NULL ? atoi(getenv("STORE_KILLS")) : 200;
	int last[40] = { 0 };
	int64_t total = 0;

	srand(20260102);
	store_close(store);
	store = NULL;
	for (int round = 1; round <= rounds; round++) {
		int pipe_fds[2];
		struct acknowledgement what;
		ck_assert_int_eq(pipe(pipe_fds), 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(pipe_fds[0]);
			leave_the_notes(pipe_fds[1]);
			child_main(pipe_fds[1], round);
		}
		close(pipe_fds[1]);
		/* Killed after so many answers and so many microseconds more. */
		for (int n = rand() % 60; n > 0 && read(pipe_fds[0], &what, sizeof(what)) == sizeof(what); n--, total++)
			last[what.object] = what.value;
		g_usleep((gulong)(rand() % 2000));
		kill(pid, SIGKILL);
		int status;
		waitpid(pid, &status, 0);
		ck_assert_msg(WIFSIGNALED(status), "the child ended by itself: %d", status);
		for (; read(pipe_fds[0], &what, sizeof(what)) == sizeof(what); total++)
			last[what.object] = what.value;
		close(pipe_fds[0]);
		reopen();
		for (int i = 0; i < 40; i++) {
			g_autofree char *name = g_strdup_printf("k%d", i);
			/* At least what was acknowledged; more when the answer did not get out. */
			ck_assert_msg(value_of(name) >= last[i], "round %d: %s is %d, acknowledged %d", round, name, value_of(name), last[i]);
			last[i] = MAX(last[i], value_of(name));
		}
		store_close(store);
		store = NULL;
	}
	ck_assert_int_gt(total, rounds);
	ck_assert_int_eq(count_aside(), 0);
}
END_TEST

/* 1,000 machines of 4 KB: the text, the struct and the indexes together; SQLite's cache does not grow with them. */
START_TEST(a_thousand_machines_fit_in_ten_megabytes)
{
	struct error err = { 0 };

	if (mallinfo2().uordblks == 0)
		return; /* the sanitizers' allocator keeps no account */
	g_autofree char *padding = g_strnfill(3200, 'p');
	g_autofree char *text = g_strdelimit(g_strdup("{'apiVersion': 'kubevirt.io/v1', 'kind': 'VirtualMachine', 'metadata': {'name': 'x',"
	                          " 'namespace': 'default', 'uid': 'x', 'annotations': {}}, 'spec': {'runStrategy': 'Always',"
	                          " 'template': {'spec': {'domain': {'memory': {'guest': '128Mi'}, 'devices': {'disks':"
	                          " [{'name': 'root', 'disk': {'bus': 'virtio'}}]}}, 'volumes': [{'name': 'root',"
	                          " 'dataVolume': {'name': 'root'}}]}}}}"), "'", '"');
	json_t *tree = json_loads(text, 0, NULL);
	path_set(tree, "metadata.annotations.padding", json_string(padding));
	size_t before = mallinfo2().uordblks - (size_t)sqlite3_memory_used();
	for (int i = 0; i < 1000; i++) {
		path_set(tree, "metadata.name", json_sprintf("vm-%d", i));
		path_set(tree, "metadata.uid", json_sprintf("uid-%d", i));
		ck_assert_msg(store_put(store, &kinds[KIND_VM], tree, &err) != NULL, "%s", err.text);
	}
	turn();
	json_decref(tree);
	size_t used = mallinfo2().uordblks - (size_t)sqlite3_memory_used() - before;
	if (getenv("STORE_NUMBERS") != NULL)
		printf("1,000 machines of %zu bytes take %zu bytes\n", store_get(store, KIND_VM, "default", "vm-0")->length, used);
	ck_assert_msg(used < 9000000, "%zu bytes", used);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("store");
	TCase *quick = tcase_create("quick"), *slow = tcase_create("slow");

	tcase_add_checked_fixture(quick, setup, teardown);
	tcase_add_test(quick, creates_replaces_removes);
	tcase_add_test(quick, same_members_in_another_order_are_equal);
	tcase_add_loop_test(quick, puts_a_status_into_the_text, 0, G_N_ELEMENTS(statuses));
	tcase_add_test(quick, lists_are_sorted_and_owners_known);
	tcase_add_test(quick, refuses_a_taken_uid_and_a_nameless_tree);
	tcase_add_test(quick, a_turn_is_one_commit);
	tcase_add_test(quick, a_busy_loop_does_not_starve_the_commit);
	tcase_add_test(quick, a_failed_commit_puts_memory_back);
	tcase_add_test(quick, replays_and_says_when_it_cannot);
	tcase_add_test(quick, heartbeats_are_told_but_not_kept_in_the_log);
	tcase_add_test(quick, compacts_in_batches);
	tcase_add_test(quick, a_log_that_does_not_grow_wakes_nobody);
	tcase_add_test(quick, large_changes_do_not_stay_however_few_and_young_they_are);
	tcase_add_test(quick, the_log_is_limited_when_no_idle_time_comes);
	tcase_add_test(quick, opens_again_with_everything);
	tcase_add_test(quick, an_address_has_one_owner);
	tcase_add_test(quick, a_second_opener_is_refused_with_our_number);
	tcase_add_loop_test(quick, waits_for_the_child_of_a_killed_daemon, 0, 2);
	tcase_add_test(quick, keeps_its_files_to_itself);
	tcase_add_test(quick, migrates_an_old_file_after_a_backup);
	tcase_add_test(quick, refuses_a_newer_and_a_foreign_file);
	tcase_add_test(quick, a_wrong_checksum_brings_the_backup_back);
	tcase_add_test(quick, a_backup_has_the_objects_and_no_history);
	tcase_add_test(quick, a_file_of_rubbish_is_kept_aside);
	tcase_add_test(quick, a_torn_file_is_found_by_the_integrity_check);
	tcase_add_loop_test(quick, an_empty_file_is_no_new_store_when_there_are_backups, 0, (int)G_N_ELEMENTS(emptyings));
	tcase_set_timeout(quick, 30);
	suite_add_tcase(suite, quick);
	tcase_add_checked_fixture(slow, setup, teardown);
	tcase_add_test(slow, a_clock_that_was_set_back_does_not_make_old_backups_the_newest);
	tcase_add_test(slow, backups_are_made_in_steps_and_pruned);
	tcase_add_loop_test(slow, what_is_taken_away_beneath_it_is_written_anew, 0, (int)G_N_ELEMENTS(losses));
	tcase_add_loop_test(slow, what_is_taken_away_beneath_it_is_noticed_by_itself, 0, (int)G_N_ELEMENTS(losses));
	tcase_add_test(slow, a_directory_that_cannot_be_made_is_a_problem);
	tcase_add_test(slow, a_disk_that_refuses_is_told_and_recovers);
	tcase_add_test(slow, a_full_disk_lets_deletions_through);
	tcase_add_test(slow, kill_nine_loses_nothing_acknowledged);
	tcase_add_test(slow, a_thousand_machines_fit_in_ten_megabytes);
	tcase_set_timeout(slow, 120);
	suite_add_tcase(suite, slow);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
