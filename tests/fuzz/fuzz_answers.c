/*
 * The daemon against workers that answer well-formed nonsense.  Store, objects, controllers and hosts are the real ones; a
 * worker here is a table of sensible answers, and what an input says instead of them:
 *
 *   a document of a kind        is created
 *   answers: {VERB: [...]}      what the first, second ... call of a verb is answered: result: ANYTHING, error: {code, text},
 *                               die: the worker dies; null: the sensible answer
 *   events: [...]               event: NAME, args: {...}; told one a turn
 *   delete: true                everything is deleted half way
 *
 * Whatever comes: no crash, no leak, every call is answered once, and an instance is started on one host only.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/source_probe.h"
#include "daemon/host.h"
#include "daemon/import.h"
#include "daemon/objects.h"
#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "tests/fuzz/fuzz.h"

enum { TURNS = 40, EVENTS = 20 };

/* One run: what the input wants, and what has been seen. */
static struct {
	struct daemon daemon;
	char *directory, *disk;
	json_t *answers;       /* by verb; NULL: all are sensible */
	GHashTable *counts;    /* verb -> number of calls so far */
	GHashTable *started;   /* uid -> host that was told to start it */
	GPtrArray *workers;    /* struct worker *, alive */
	int64_t now;
} world;

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return world.now;
}

/* --- sensible answers -------------------------------------------------------------------------------------------------------- */

static json_t *
about_host(const json_t *args)
{
	(void)args;
	return json_pack("{s:s,s:s,s:s,s:i,s:I,s:[s]}", "hostname", "h", "uuid", "u", "architecture", "x86_64", "cpus", 8,
	    "memoryBytes", (json_int_t)64 << 30, "addresses", "192.0.2.1");
}

static json_t *
about_domain(const json_t *args, const char *state, const char *reason)
{
	const char *name = path_string(args, "name"), *end = name == NULL ? NULL : strchr(name, '_');
	g_autofree char *namespace = end == NULL ? g_strdup("") : g_strndup(name, (gsize)(end - name));

	return json_pack("{s:s*,s:s*,s:s,s:s,s:s,s:s}", "name", name, "uid", path_string(args, "uid"), "namespace", namespace,
	    "vmi", end == NULL ? "" : end + 1, "state", state, "reason", reason);
}

static json_t *
about_started(const json_t *args)
{
	return about_domain(args, "running", "booted");
}

static json_t *
about_destroyed(const json_t *args)
{
	return about_domain(args, "shutoff", "destroyed");
}

static json_t *
about_volume(const json_t *args)
{
	return json_pack("{s:O*,s:s,s:O*,s:s}", "volume", json_object_get(args, "volume"), "path", world.disk, "capacity",
	    json_object_get(args, "capacity"), "format", "raw");
}

static json_t *
about_import(const json_t *args)
{
	(void)args;
	return json_pack("{s:i,s:i,s:s,s:s}", "virtualSize", 1 << 20, "bytes", 1 << 20, "format", "raw", "compression", "");
}

static json_t *
about_lists(const json_t *args)
{
	(void)args;
	return json_pack("{s:[],s:[],s:[],s:[],s:b}", "domains", "volumes", "hosts", "interfaces", "usable", 1);
}

/* Those that answer more than an empty object or list. */
static const struct {
	const char *verb;
	json_t *(*answer)(const json_t *args);
} sensible[] = {
	{ "host-info", about_host },
	{ "domain-start", about_started },
	{ "domain-destroy", about_destroyed },
	{ "volume-create", about_volume },
	{ "volume-upload", about_volume },
	{ "volume-resize", about_volume },
	{ "import", about_import },
};

static json_t *
sensible_answer(const char *verb, const json_t *args)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sensible); i++)
		if (strcmp(sensible[i].verb, verb) == 0)
			return sensible[i].answer(args);
	return about_lists(args);
}

/* --- workers, in place of src/base/worker.c ---------------------------------------------------------------------------------- */

struct worker {
	const struct worker_class *class;
	void *owner;
	char *argument;        /* the first, which names a host's libvirt */
	struct event *work;
	GQueue calls;          /* struct call */
	bool up, gone;
	unsigned busy;
};
struct call {
	char *verb;
	json_t *args;
	worker_reply *reply;
	void *arg;
	struct error refusal; /* code 0: it was taken */
};

static void
answer(struct call *call, json_t *result, const struct error *error)
{
	if (call->reply != NULL)
		call->reply(call->arg, result, error);
	json_decref(call->args);
	g_free(call->verb);
	g_free(call);
}

static void
fail_all(struct worker *worker, int code)
{
	struct error why = { 0 };
	struct call *call;

	error_set(&why, code, "the worker is gone");
	while ((call = g_queue_pop_head(&worker->calls)) != NULL)
		answer(call, NULL, &why);
}

static void
destroy(struct worker *worker)
{
	fail_all(worker, ECANCELED);
	g_free(worker->argument);
	g_free(worker);
}

static void
die(struct worker *worker)
{
	worker->up = false;
	fail_all(worker, ECONNRESET);
	if (!worker->gone)
		worker->class->on_state(worker->owner, "it died");
	if (!worker->gone)
		event_active(worker->work, EV_TIMEOUT, 0);
}

/* What the input says that this call is answered, or NULL. */
static json_t *
wanted_answer(const char *verb)
{
	unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(world.counts, verb));

	g_hash_table_insert(world.counts, g_strdup(verb), GUINT_TO_POINTER(count + 1));
	return json_array_get(json_object_get(world.answers, verb), count);
}

static void
answer_one(struct worker *worker, struct call *call)
{
	json_t *wanted = call->refusal.code != 0 ? NULL : wanted_answer(call->verb), *result = json_object_get(wanted, "result");
	const json_t *error = json_object_get(wanted, "error");
	struct error why = call->refusal;

	if (json_object_get(wanted, "die") != NULL) {
		g_queue_push_head(&worker->calls, call);
		die(worker);
		return;
	}
	if (error != NULL)
		error_set(&why, (int)json_integer_value(json_object_get(error, "code")), "%s",
		    json_is_string(json_object_get(error, "text")) ? json_string_value(json_object_get(error, "text")) : "");
	result = result != NULL ? json_incref(result) : sensible_answer(call->verb, call->args);
	if (error != NULL || call->refusal.code != 0)
		answer(call, NULL, &why);
	else
		answer(call, result, NULL);
	json_decref(result);
}

static void
on_work(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd, (void)what;
	worker->busy++;
	for (guint left = worker->calls.length; left > 0 && worker->calls.length > 0 && !worker->gone; left--)
		answer_one(worker, g_queue_pop_head(&worker->calls));
	if (!worker->up && !worker->gone) {
		worker->up = true;
		worker->class->on_state(worker->owner, NULL);
	}
	if (--worker->busy == 0 && worker->gone)
		destroy(worker);
}

struct worker *
worker_new(struct event_base *base, const struct worker_class *class, const char *const *enter, const char *const *arguments, void *owner)
{
	struct worker *worker = g_new0(struct worker, 1);

	(void)enter;
	worker->class = class;
	worker->owner = owner;
	worker->argument = g_strdup(arguments[0]);
	worker->work = event_new(base, -1, 0, on_work, worker);
	event_active(worker->work, EV_TIMEOUT, 0);
	g_ptr_array_add(world.workers, worker);
	return worker;
}

void
worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	worker->gone = true;
	worker->busy++;
	g_ptr_array_remove(world.workers, worker);
	fail_all(worker, ECANCELED);
	event_free(worker->work);
	if (--worker->busy == 0)
		destroy(worker);
}

/* Never two domains of one machine: an instance is only ever started where it was started first. */
static void
check_start(const struct worker *worker, const json_t *args)
{
	const char *uid = path_string(args, "uid"), *host = NULL;

	fuzz_check(uid != NULL && path_string(args, "name") != NULL && path_string(args, "xml") != NULL);
	host = g_hash_table_lookup(world.started, uid);
	fuzz_check(host == NULL || strcmp(host, worker->argument) == 0);
	if (host == NULL)
		g_hash_table_insert(world.started, g_strdup(uid), g_strdup(worker->argument));
}

void
worker_call(struct worker *worker, const char *verb, json_t *args, int fd, int64_t deadline_ms, worker_reply *reply, void *arg)
{
	struct call *call = g_new0(struct call, 1);

	(void)fd;
	fuzz_check(deadline_ms > 0);
	*call = (struct call){ g_strdup(verb), args != NULL ? args : json_object(), reply, arg, { 0 } };
	if (worker->gone || !worker->up)
		error_set(&call->refusal, EHOSTDOWN, "the worker is not running");
	else if (strcmp(verb, "domain-start") == 0)
		check_start(worker, call->args);
	g_queue_push_tail(&worker->calls, call);
	if (!worker->gone)
		event_active(worker->work, EV_TIMEOUT, 0);
}

int
worker_pid(const struct worker *worker)
{
	(void)worker;
	return -1;
}

const char *
worker_directory(void)
{
	return "";
}

/* --- the daemon ---------------------------------------------------------------------------------------------------------------- */

static struct config *
make_config(void)
{
	json_t *tree = json_pack("{s:s,s:s,s:s,s:[{s:s,s:s,s:s},{s:s,s:s,s:s}]}", "spoolDirectory", world.directory,
	    "stateDirectory", world.directory, "runtimeDirectory", world.directory, "hosts", "name", "one", "uri",
	    "qemu:///system", "emulation", "auto", "name", "two", "uri", "qemu+ssh://two/system", "emulation", "never");
	struct config *config = g_malloc0(sizeof(*config));
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	if (schema_decode(&config_schema, tree, NULL, "", config, &diagnostics) != 0) {
		g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		fuzz_fail("%s", errors);
	}
	diagnostics_clear(&diagnostics);
	json_decref(tree);
	return config;
}

static void
begin(void)
{
	struct error err = { 0 };
	struct daemon *d = &world.daemon;

	*d = (struct daemon){ .base = event_base_new() };
	world.directory = g_dir_make_tmp("answers-XXXXXX", NULL);
	chmod(world.directory, 0755);
	world.disk = g_build_filename(world.directory, "disk", NULL);
	g_file_set_contents(world.disk, "", 0, NULL);
	world.counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	world.started = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	world.workers = g_ptr_array_new();
	world.now = clock_parse("2026-01-02T03:04:05Z");
	event_base_priority_init(d->base, PRIORITY_COUNT);
	d->config = make_config();
	d->answers = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
	d->store = store_open(world.directory, d->base, &err);
	if (d->store == NULL)
		fuzz_fail("%s", err.text);
	hosts_start(d);
	controllers_start(d);
	for (guint i = 0; i < d->hosts->len; i++)
		node_update(d, d->hosts->pdata[i]);
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
end(void)
{
	struct daemon *d = &world.daemon;

	source_probes_stop(d);
	imports_stop(d);
	hosts_stop(d);
	controllers_stop(d);
	store_close(d->store);
	g_ptr_array_unref(d->hosts);
	g_ptr_array_unref(d->answers);
	config_free(d->config);
	event_base_free(d->base);
	fuzz_check(world.workers->len == 0);
	g_ptr_array_unref(world.workers);
	g_hash_table_destroy(world.counts);
	g_hash_table_destroy(world.started);
	remove_tree(world.directory);
	g_free(world.directory);
	g_free(world.disk);
}

/* --- what happens ------------------------------------------------------------------------------------------------------------------ */

static void
turn(void)
{
	world.now += 1000;
	event_base_loop(world.daemon.base, EVLOOP_NONBLOCK);
}

static void
create(const struct document *document)
{
	struct diagnostics diagnostics;
	struct error err = { 0 };

	diagnostics_init(&diagnostics);
	objects_create(&world.daemon, document, NULL, false, &diagnostics, &err);
	diagnostics_clear(&diagnostics);
}

/* Every worker tells it. */
static void
tell(const json_t *event)
{
	const char *name = path_string(event, "event");
	json_t *args = json_object_get(event, "args");

	for (guint i = 0; i < world.workers->len && name != NULL && json_is_object(args); i++) {
		struct worker *worker = world.workers->pdata[i];
		if (worker->up && worker->class->on_event != NULL)
			worker->class->on_event(worker->owner, name, args);
	}
}

static void
delete_all(void)
{
	const struct delete_options options = { .grace_period_seconds = -1 };
	struct error err = { 0 };

	for (unsigned kind = 0; kind < KIND_EVENT; kind++) {
		g_autoptr(GPtrArray) objects = store_list(world.daemon.store, kind, NULL);
		for (guint i = 0; i < objects->len; i++)
			objects_delete(&world.daemon, objects->pdata[i], &options, NULL, &err);
	}
}

static void
play(const GPtrArray *documents)
{
	const json_t *events = NULL;
	bool delete = false;

	for (guint i = 0; i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		world.answers = json_object_get(document->root, "answers") == NULL ? world.answers
		                                                                  : json_object_get(document->root, "answers");
		events = json_object_get(document->root, "events") == NULL ? events : json_object_get(document->root, "events");
		delete = delete || json_is_true(json_object_get(document->root, "delete"));
	}
	for (unsigned i = 0; i < 5; i++)
		turn();
	for (guint i = 0; i < documents->len; i++)
		create(documents->pdata[i]);
	for (unsigned i = 0; i < TURNS; i++) {
		turn();
		if (i < EVENTS)
			tell(json_array_get(events, i));
		if (delete && i == TURNS / 2)
			delete_all();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, NULL);
	unsigned before = fuzz_descriptors();

	/* A disk of the host is made where its document says: not on this machine. */
	if (documents->len == 0 || g_strstr_len((const char *)data, (gssize)size, "hostDisk") != NULL)
		return 0;
	if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
		g_setenv("TMPDIR", "/dev/shm", FALSE);
	world.answers = NULL;
	begin();
	play(documents);
	end();
	fuzz_check(fuzz_descriptors() == before);
	return 0;
}
