/* What users and controllers may do to objects: Kubernetes' rules for metadata, on a real store in a directory of its own. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/api/datavolume.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"

static struct config config;
static struct daemon daemon_under_test, *d = &daemon_under_test;
static struct diagnostics diagnostics;
static struct error err;
static char *directory;
static int64_t now;

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return now;
}

static void
setup(void)
{
	log_open("test", LOG_LEVEL_ERROR - 1);
	directory = g_dir_make_tmp("objects-XXXXXX", NULL);
	now = clock_parse("2026-01-02T03:04:05Z");
	daemon_under_test = (struct daemon){ .base = event_base_new(), .config = &config };
	event_base_priority_init(d->base, PRIORITY_COUNT);
	d->answers = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
	err = (struct error){ 0 };
	d->store = store_open(directory, d->base, &err);
	ck_assert_msg(d->store != NULL, "%s", err.text);
	diagnostics_init(&diagnostics);
}

static void
teardown(void)
{
	g_autoptr(GDir) dir = NULL;
	const char *name;

	diagnostics_clear(&diagnostics);
	store_close(d->store);
	g_ptr_array_unref(d->answers);
	event_base_free(d->base);
	dir = g_dir_open(directory, 0, NULL);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		g_remove(path);
	}
	g_rmdir(directory);
	g_free(directory);
}

/* A turn of the loop: what was changed becomes durable, what was only answered is forgotten. */
static void
turn(void)
{
	event_base_loop(d->base, EVLOOP_NONBLOCK);
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

static struct document *
document(const char *text)
{
	json_error_t error;
	json_t *tree = json_loads(text, 0, &error);

	ck_assert_msg(tree != NULL, "%s in %s", error.text, text);
	diagnostics_clear(&diagnostics);
	diagnostics_init(&diagnostics);
	err = (struct error){ 0 };
	return document_take(tree);
}

static const struct object *
create_in(const char *namespace, const char *text, bool dry_run)
{
	struct document *doc = document(text);
	const struct object *object = objects_create(d, doc, namespace, dry_run, &diagnostics, &err);

	document_free(doc);
	return object;
}

static const struct object *
update_part(const char *text, enum object_part part, bool dry_run)
{
	struct document *doc = document(text);
	const struct object *object = objects_update(d, doc, "default", part, dry_run, &diagnostics, &err);

	document_free(doc);
	return object;
}

static const struct object *
create(const char *text)
{
	const struct object *object = create_in(NULL, text, false);

	ck_assert_msg(object != NULL, "%s", err.text);
	return object;
}

static const struct object *
update(const char *text)
{
	const struct object *object = update_part(text, OBJECT_MAIN, false);

	ck_assert_msg(object != NULL, "%s", err.text);
	return object;
}

static void
assert_error(const struct object *object, int code, const char *text)
{
	ck_assert_ptr_null(object);
	ck_assert_msg(err.code == code && strstr(err.text, text) != NULL, "wanted %d \"%s\", got %d \"%s\"", code, text, err.code,
	    err.text);
}

static void
assert_at(const struct object *object, const char *path, const char *wanted)
{
	json_t *tree = object_tree(object), *value = path_find(tree, path);
	g_autofree char *found = value == NULL ? g_strdup("nothing") : json_write(value);

	ck_assert_msg(strcmp(found, wanted) == 0, "%s: wanted %s, got %s", path, wanted, found);
	json_decref(tree);
}

static const struct object *
find(enum kind_id kind, const char *name)
{
	return store_get(d->store, kind, "default", name);
}

static int
delete_with(const struct object *object, struct delete_options options, const struct object **left)
{
	err = (struct error){ 0 };
	return objects_delete(d, object, &options, left, &err);
}
#define DELETE(object, left, grace, ...)                                                                                   \
	delete_with(object, (struct delete_options){ .grace_period_seconds = grace, __VA_ARGS__ }, left)

#define CONFIG(metadata, data) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{" metadata "},\"data\":{" data "}}"
#define CLAIM(size, class)                                                                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"disk\"},\"spec\":{" class          \
	"\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"" size "\"}}}}"
#define VM(metadata, strategy)                                                                                             \
	"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\"" metadata "},"          \
	"\"spec\":{\"runStrategy\":\"" strategy "\",\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"1Gi\"}}}}}}"

/* --- creation ------------------------------------------------------------------------------------------------------- */

START_TEST(creates)
{
	const struct object *object = create(CONFIG("\"name\":\"a\",\"uid\":\"mine\",\"generation\":9,\"resourceVersion\":\"5\","
						 "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"managedFields\":[]", "\"k\":\"v\""));

	ck_assert_str_eq(object->namespace, "default");
	ck_assert_str_eq(object->name, "a");
	ck_assert(g_uuid_string_is_valid(object->uid));
	assert_at(object, "metadata.generation", "1");
	assert_at(object, "metadata.creationTimestamp", "\"2026-01-02T03:04:05Z\"");
	assert_at(object, "metadata.deletionTimestamp", "nothing");
	assert_at(object, "metadata.managedFields", "nothing");
	assert_at(object, "metadata.finalizers", "nothing");
	assert_at(object, "data", "{\"k\":\"v\"}");
	turn();
	ck_assert_ptr_eq(find(KIND_CONFIG_MAP, "a"), object);
}
END_TEST

START_TEST(creates_once)
{
	create(CONFIG("\"name\":\"a\"", ""));
	assert_error(create_in(NULL, CONFIG("\"name\":\"a\"", ""), false), EEXIST, "configmaps \"a\" already exists");
	assert_error(create_in(NULL, CONFIG("\"name\":\"a\"", ""), true), EEXIST, "already exists");
	ck_assert_ptr_nonnull(create_in("other", CONFIG("\"name\":\"a\"", ""), false));
}
END_TEST

START_TEST(wants_one_namespace)
{
	assert_error(create_in("x", CONFIG("\"name\":\"a\",\"namespace\":\"y\"", ""), false), EINVAL,
	    "the namespace of the document (y) is not the namespace of the request (x)");
	ck_assert_str_eq(create_in(NULL, CONFIG("\"name\":\"a\",\"namespace\":\"y\"", ""), false)->namespace, "y");
	ck_assert_str_eq(create_in("y", CONFIG("\"name\":\"b\",\"namespace\":\"y\"", ""), false)->namespace, "y");
}
END_TEST

START_TEST(makes_names_up)
{
	const struct object *a = create(CONFIG("\"generateName\":\"web-\"", "")), *b = create(CONFIG("\"generateName\":\"web-\"", ""));

	ck_assert_uint_eq(strlen(a->name), strlen("web-") + 5);
	ck_assert_int_eq(strncmp(a->name, "web-", 4), 0);
	ck_assert_uint_eq(strspn(a->name + 4, "bcdfghjklmnpqrstvwxz2456789"), 5);
	ck_assert_str_ne(a->name, b->name);
	assert_error(create_in(NULL, CONFIG("\"generateName\":\"Web_\"", ""), false), EINVAL, "metadata.generateName");
	ck_assert_str_eq(create(CONFIG("\"generateName\":\"web-\",\"name\":\"given\"", ""))->name, "given");
}
END_TEST

/* A stem may be longer than a name; the end is what makes it unique. */
START_TEST(cuts_long_stems)
{
	g_autofree char *stem = g_strnfill(200, 'a'), *text = g_strdup_printf(CONFIG("\"generateName\":\"%s\"", ""), stem);

	ck_assert_uint_eq(strlen(create(text)->name), 63);
}
END_TEST

START_TEST(refuses_what_is_wrong)
{
	assert_error(create_in(NULL, CONFIG("\"name\":\"A\"", ""), false), EINVAL, "ConfigMap \"A\" is invalid: metadata.name: ");
	ck_assert_uint_eq(diagnostics.errors, 1);
	assert_error(create_in(NULL, "{\"kind\":\"ConfigMap\"}", false), EINVAL, "the object \"\" is invalid: apiVersion: ");
	ck_assert_uint_eq(store_count(d->store, KIND_CONFIG_MAP), 0);
}
END_TEST

#define WITH_DEVICES(list, name)                                                                                           \
	"{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"runStrategy\":\"Halted\"," \
	"\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"1Gi\"},\"devices\":{\"" list "\":[{\"name\":\"a\",\"deviceName\":\"" name "\"}]}}}}}}"

/* F14; with a word in the configuration its names count. */
START_TEST(devices_are_those_that_the_configuration_permits)
{
	struct permitted_pci rules[] = { { (char *)"10de:1eb8", (char *)"a.io/t4" }, { (char *)"8086:10d3", (char *)"b.io/nic" } };
	struct permitted_devices permitted = { .pci = { rules, 2 } };

	assert_error(create_in(NULL, WITH_DEVICES("hostDevices", "a.io/t4"), false), EINVAL,
	    "spec.template.spec.domain.devices.hostDevices[0].deviceName: \"a.io/t4\" is not permitted: the configuration permits no devices; "
	    "name it under permittedHostDevices");
	ck_assert_ptr_nonnull(create_in(NULL, WITH_DEVICES("gpus", "a.io/t4"), true));
	config.permitted = &permitted;
	assert_error(create_in(NULL, WITH_DEVICES("gpus", "a.io/t5"), false), EINVAL,
	    "spec.template.spec.domain.devices.gpus[0].deviceName: \"a.io/t5\" is not permitted: permittedHostDevices of the configuration has "
	    "a.io/t4, b.io/nic");
	ck_assert_ptr_nonnull(create_in(NULL, WITH_DEVICES("hostDevices", "b.io/nic"), false));
	config.permitted = NULL; /* what is there already may still be changed in all else */
	ck_assert_ptr_nonnull(update(WITH_DEVICES("hostDevices", "b.io/nic")));
}
END_TEST

START_TEST(prepares)
{
	const struct object *vm = create("{\"apiVersion\":\"kubevirt.io/v1alpha3\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":"
					 "\"web\",\"finalizers\":[\"x/y\"]},\"spec\":{\"runStrategy\":\"Halted\",\"template\":{\"spec\":"
					 "{\"domain\":{\"memory\":{\"guest\":\"1Gi\"}}}}},\"status\":{\"ready\":true}}");

	assert_at(vm, "apiVersion", "\"kubevirt.io/v1\"");
	assert_at(vm, "metadata.finalizers", "[\"x/y\",\"kubevirt.io/virtualMachineControllerFinalize\"]");
	assert_at(vm, "spec.template.spec.domain.machine.type", "\"q35\"");
	assert_at(vm, "status", "nothing");
	assert_at(create("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"x\"}}"),
	    "data", "{\"k\":\"eA==\"}");
}
END_TEST

START_TEST(tries_without_doing)
{
	const struct object *object = create_in(NULL, CONFIG("\"name\":\"a\"", "\"k\":\"v\""), true);

	ck_assert_ptr_nonnull(object);
	assert_at(object, "data", "{\"k\":\"v\"}");
	ck_assert_ptr_null(find(KIND_CONFIG_MAP, "a"));
	turn();
	ck_assert_uint_eq(d->answers->len, 0);
	create(CONFIG("\"name\":\"a\"", "\"k\":\"v\""));
	object = update_part(CONFIG("\"name\":\"a\"", "\"k\":\"w\""), OBJECT_MAIN, true);
	assert_at(object, "data", "{\"k\":\"w\"}");
	assert_at(find(KIND_CONFIG_MAP, "a"), "data", "{\"k\":\"v\"}");
	ck_assert_int_eq(DELETE(find(KIND_CONFIG_MAP, "a"), NULL, -1, .dry_run = true), 0);
	ck_assert_ptr_nonnull(find(KIND_CONFIG_MAP, "a"));
}
END_TEST

/* --- change --------------------------------------------------------------------------------------------------------- */

START_TEST(counts_generations)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", "\"k\":\"v\""));
	g_autofree char *uid = g_strdup(object->uid);
	int64_t version = object->version;

	object = update(CONFIG("\"name\":\"a\",\"labels\":{\"x\":\"y\"}", "\"k\":\"v\""));
	assert_at(object, "metadata.generation", "1");
	ck_assert(object->version > version);
	object = update(CONFIG("\"name\":\"a\",\"uid\":\"\",\"generation\":7", "\"k\":\"w\""));
	assert_at(object, "metadata.generation", "2");
	assert_at(object, "metadata.labels", "nothing");
	ck_assert_str_eq(object->uid, uid);
	version = object->version;
	object = update(CONFIG("\"name\":\"a\"", "\"k\":\"w\""));
	ck_assert_int_eq(object->version, version);
	assert_at(object, "metadata.creationTimestamp", "\"2026-01-02T03:04:05Z\"");
}
END_TEST

START_TEST(guards_changes)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", "\"k\":\"v\""));
	g_autofree char *right = g_strdup_printf(CONFIG("\"name\":\"a\",\"resourceVersion\":\"%lld\"", "\"k\":\"w\""), (long long)object->version);

	assert_error(update_part(CONFIG("\"name\":\"a\",\"resourceVersion\":\"999\"", ""), OBJECT_MAIN, false), ESTALE,
	    "Operation cannot be fulfilled on configmaps \"a\": the object has been modified");
	assert_error(update_part(CONFIG("\"name\":\"a\",\"uid\":\"other\"", ""), OBJECT_MAIN, false), ESTALE, "has been modified");
	assert_error(update_part(CONFIG("\"name\":\"b\"", ""), OBJECT_MAIN, false), ENOENT, "configmaps \"b\" not found");
	update(right);
	assert_error(update_part(right, OBJECT_MAIN, false), ESTALE, "has been modified");
}
END_TEST

START_TEST(keeps_status_from_users)
{
	struct claim_status status = { .phase = CLAIM_BOUND };
	const struct object *object = create(CLAIM("1Gi", ""));

	ck_assert_int_eq(objects_set_status(d, object, &status, &err), 0);
	object = update(CLAIM("2Gi", ""));
	assert_at(object, "status", "{\"phase\":\"Bound\"}");
	assert_at(object, "metadata.generation", "2");
	ck_assert_int_eq(objects_set_status(d, object, &status, &err), 0);
	ck_assert_ptr_eq(find(KIND_CLAIM, "disk"), object);
}
END_TEST

START_TEST(changes_only_status)
{
	const struct object *object = create(VM("", "Halted"));

	object = update_part("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\",\"labels\":"
			     "{\"x\":\"y\"}},\"spec\":{\"runStrategy\":\"Always\"},\"status\":{\"ready\":true}}", OBJECT_STATUS, false);
	ck_assert_msg(object != NULL, "%s", err.text);
	assert_at(object, "status", "{\"ready\":true}");
	assert_at(object, "spec.runStrategy", "\"Halted\"");
	assert_at(object, "metadata.labels", "nothing");
	assert_at(object, "metadata.generation", "1");
	assert_error(update_part("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\"},"
				 "\"status\":{\"ready\":1}}", OBJECT_STATUS, false), EINVAL, "status.ready: must be true or false");
	assert_error(update_part(CONFIG("\"name\":\"a\"", ""), OBJECT_STATUS, false), EOPNOTSUPP, "no status");
	assert_error(update_part("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\"}", OBJECT_STATUS, false), EINVAL,
	    "metadata.name");
}
END_TEST

START_TEST(keeps_what_is_fixed)
{
	create(CLAIM("2Gi", ""));
	assert_error(update_part(CLAIM("2Gi", "\"storageClassName\":\"fast\","), OBJECT_MAIN, false), EINVAL,
	    "spec.storageClassName: may not change after creation");
	assert_error(update_part(CLAIM("1Gi", ""), OBJECT_MAIN, false), EINVAL,
	    "spec.resources.requests.storage: a disk can grow but not shrink");
	assert_at(update(CLAIM("3Gi", "")), "spec.resources.requests.storage", "\"3Gi\"");
}
END_TEST

START_TEST(keeps_what_is_immutable)
{
	create("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"immutable\":true,\"data\":{\"k\":\"v\"}}");
	assert_error(update_part("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"immutable\":true,"
				 "\"data\":{\"k\":\"w\"}}", OBJECT_MAIN, false), EINVAL, "data: may not change: the ConfigMap is immutable");
}
END_TEST

/* --- deletion ------------------------------------------------------------------------------------------------------- */

START_TEST(deletes_at_once)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", "")), *left = object;

	ck_assert_int_eq(DELETE(object, &left, -1), 0);
	ck_assert_ptr_null(left);
	ck_assert_ptr_null(find(KIND_CONFIG_MAP, "a"));
}
END_TEST

START_TEST(waits_for_finalizers)
{
	const struct object *object = create(VM("", "Halted")), *left = NULL;
	const char *finalizer = kinds[KIND_VM].finalizer;

	ck_assert_int_eq(DELETE(object, &left, 40), 0);
	assert_at(left, "metadata.deletionTimestamp", "\"2026-01-02T03:04:05Z\"");
	assert_at(left, "metadata.deletionGracePeriodSeconds", "40");
	assert_at(left, "metadata.generation", "1");
	/* Once more: only the grace may shrink. */
	now += 5000;
	ck_assert_int_eq(DELETE(left, &left, 60), 0);
	assert_at(left, "metadata.deletionGracePeriodSeconds", "40");
	ck_assert_int_eq(DELETE(left, &left, 0), 0);
	assert_at(left, "metadata.deletionGracePeriodSeconds", "0");
	assert_at(left, "metadata.deletionTimestamp", "\"2026-01-02T03:04:05Z\"");
	ck_assert_int_eq(objects_set_finalizer(d, left, "not/there", false, &err), 0);
	ck_assert_ptr_nonnull(find(KIND_VM, "web"));
	ck_assert_int_eq(objects_set_finalizer(d, find(KIND_VM, "web"), finalizer, false, &err), 0);
	ck_assert_ptr_null(find(KIND_VM, "web"));
}
END_TEST

START_TEST(a_user_may_end_the_waiting)
{
	const struct object *left = NULL;

	ck_assert_int_eq(DELETE(create(VM("", "Halted")), &left, -1), 0);
	/* A plain manifest that does not speak of finalizers leaves the controller's alone. */
	assert_at(update(VM("", "Halted")), "metadata.deletionTimestamp", "\"2026-01-02T03:04:05Z\"");
	ck_assert_ptr_nonnull(find(KIND_VM, "web"));
	assert_at(update(VM(",\"finalizers\":[]", "Halted")), "metadata.deletionTimestamp", "\"2026-01-02T03:04:05Z\"");
	ck_assert_ptr_null(find(KIND_VM, "web"));
	turn();
}
END_TEST

START_TEST(checks_preconditions)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", ""));

	ck_assert_int_eq(DELETE(object, NULL, -1, .uid = "other"), -1);
	assert_error(NULL, ESTALE, "the uid of configmaps \"a\" is ");
	ck_assert_int_eq(DELETE(object, NULL, -1, .version = object->version + 1), -1);
	assert_error(NULL, ESTALE, "the resourceVersion of configmaps \"a\" is ");
	ck_assert_int_eq(DELETE(object, NULL, -1, .uid = object->uid, .version = object->version), 0);
	ck_assert_ptr_null(find(KIND_CONFIG_MAP, "a"));
}
END_TEST

/* What an object owns forgets it, and nothing else, so that it stays behind. */
START_TEST(orphans)
{
	const struct object *owner = create(CONFIG("\"name\":\"a\"", ""));
	g_autofree char *text = g_strdup_printf(CONFIG("\"name\":\"b\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
						    "\"name\":\"a\",\"uid\":\"%s\"},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
						    "\"c\",\"uid\":\"c\"}]", ""), owner->uid);

	create(text);
	ck_assert_int_eq(DELETE(owner, NULL, -1, .orphan = true, .dry_run = true), 0);
	assert_at(find(KIND_CONFIG_MAP, "b"), "metadata.ownerReferences[1].name", "\"c\"");
	ck_assert_int_eq(DELETE(owner, NULL, -1, .orphan = true), 0);
	assert_at(find(KIND_CONFIG_MAP, "b"), "metadata.ownerReferences[0].name", "\"c\"");
	assert_at(find(KIND_CONFIG_MAP, "b"), "metadata.ownerReferences[1]", "nothing");
}
END_TEST

/* --- for controllers ------------------------------------------------------------------------------------------------ */

START_TEST(sets_finalizers)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", ""));

	ck_assert_int_eq(objects_set_finalizer(d, object, "x/y", true, &err), 0);
	object = find(KIND_CONFIG_MAP, "a");
	assert_at(object, "metadata.finalizers", "[\"x/y\"]");
	ck_assert_int_eq(objects_set_finalizer(d, object, "x/y", true, &err), 0);
	ck_assert_ptr_eq(find(KIND_CONFIG_MAP, "a"), object);
	ck_assert_int_eq(objects_set_finalizer(d, object, "x/y", false, &err), 0);
	assert_at(find(KIND_CONFIG_MAP, "a"), "metadata.finalizers", "nothing");
}
END_TEST

START_TEST(events_are_limited_between_two_sweeps)
{
	const struct object *object = create(CONFIG("\"name\":\"a\"", ""));

	for (int i = 0; i < EVENTS_MOST + 3 * EVENTS_BURST; i++) {
		now += 10;
		daemon_event(d, object, "Normal", "Counted", "number %d", i);
		ck_assert_uint_le(store_count(d->store, KIND_EVENT), EVENTS_MOST + EVENTS_BURST);
		if (i % 100 == 0)
			event_base_loop(d->base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_ge(store_count(d->store, KIND_EVENT), EVENTS_MOST);
}
END_TEST

START_TEST(patches)
{
	const struct object *object = create(CLAIM("1Gi", ""));
	json_t *patch = json_pack("{s:{s:s}, s:{s:{s:s}}}", "spec", "volumeName", "v", "metadata", "annotations", "x/y", "z");

	object = objects_patch(d, object, patch, &err);
	assert_at(object, "spec.volumeName", "\"v\"");
	assert_at(object, "metadata.annotations", "{\"x/y\":\"z\"}");
	assert_at(object, "metadata.generation", "2");
	json_object_del(patch, "spec");
	json_object_set_new(patch, "status", json_pack("{s:s}", "phase", "Bound"));
	object = objects_patch(d, object, patch, &err);
	assert_at(object, "metadata.generation", "2");
	json_decref(patch);
}
END_TEST

/* --- instancetypes, preferences, presets ------------------------------------------------------------------------------- */

#define MACHINE(name, spec)                                                                                                \
	"{\"apiVersion\": \"kubevirt.io/v1\", \"kind\": \"VirtualMachine\", \"metadata\": {\"name\": \"" name "\"}, \"spec\": "       \
	"{\"runStrategy\": \"Halted\", " spec "}}"
#define INSTANCE(name, cores)                                                                                              \
	"{\"apiVersion\": \"kubevirt.io/v1\", \"kind\": \"VirtualMachineInstance\", \"metadata\": {\"name\": \"" name "\", \"labels\": " \
	"{\"size\": \"big\"}}, \"spec\": {\"domain\": {\"devices\": {}, \"memory\": {\"guest\": \"1Gi\"}" cores "}}}"
#define BARE "\"template\": {\"spec\": {\"domain\": {\"devices\": {}}}}"
#define SIZED "\"template\": {\"spec\": {\"domain\": {\"devices\": {}, \"cpu\": {\"cores\": 2}}}}"
#define ON_A_DISK                                                                                                          \
	"\"template\": {\"spec\": {\"domain\": {\"devices\": {}}, \"volumes\": [{\"name\": \"root\", "                            \
	"\"persistentVolumeClaim\": {\"claimName\": \"disk\"}}]}}"

START_TEST(admits_what_fits_its_instancetype)
{
	create(MACHINE("early", "\"instancetype\": {\"name\": \"small\"}, " SIZED)); /* it may come later */
	create("{\"apiVersion\": \"instancetype.kubevirt.io/v1beta1\", \"kind\": \"VirtualMachineClusterInstancetype\", "
	       "\"metadata\": {\"name\": \"small\"}, \"spec\": {\"cpu\": {\"guest\": 1}, \"memory\": {\"guest\": \"1Gi\"}}}");
	create(MACHINE("fits", "\"instancetype\": {\"name\": \"small\"}, " BARE));
	assert_error(create_in(NULL, MACHINE("not", "\"instancetype\": {\"name\": \"small\"}, " SIZED), false), EINVAL,
	    "spec.template.spec.domain.cpu.cores: is set by the instancetype");
}
END_TEST

START_TEST(infers_from_a_volume)
{
	create("{\"apiVersion\": \"v1\", \"kind\": \"PersistentVolumeClaim\", \"metadata\": {\"name\": \"disk\", \"labels\": "
	       "{\"instancetype.kubevirt.io/default-instancetype\": \"small\"}}, \"spec\": {\"accessModes\": [\"ReadWriteOnce\"], "
	       "\"resources\": {\"requests\": {\"storage\": \"1Gi\"}}}}");
	assert_at(create(MACHINE("m", "\"instancetype\": {\"inferFromVolume\": \"root\"}, " ON_A_DISK)), "spec.instancetype",
	    "{\"name\":\"small\"}");
	assert_at(create(MACHINE("o", "\"preference\": {\"inferFromVolume\": \"root\", \"inferFromVolumeFailurePolicy\": \"Ignore\"}, "
	                              ON_A_DISK)), "spec.preference", "nothing");
	assert_error(create_in(NULL, MACHINE("p", "\"preference\": {\"inferFromVolume\": \"root\"}, " ON_A_DISK), false), EINVAL,
	    "the disk \"disk\" of volume \"root\" has no label instancetype.kubevirt.io/default-preference");
	assert_error(create_in(NULL, MACHINE("q", "\"preference\": {\"inferFromVolume\": \"none\"}, " BARE), false), EINVAL,
	    "volume \"none\" is neither a dataVolume nor a persistentVolumeClaim");
}
END_TEST

START_TEST(presets_select_by_labels)
{
	create("{\"apiVersion\": \"kubevirt.io/v1\", \"kind\": \"VirtualMachineInstancePreset\", \"metadata\": {\"name\": \"big\"}, "
	       "\"spec\": {\"selector\": {\"matchLabels\": {\"size\": \"big\"}}, \"domain\": {\"cpu\": {\"cores\": 4}}}}");
	assert_at(create(INSTANCE("a", "")), "spec.domain.cpu.cores", "4");
	assert_error(create_in(NULL, INSTANCE("b", ", \"cpu\": {\"cores\": 2}"), false), EINVAL,
	    "spec.domain.cpu.cores: differs from preset \"big\"");
}
END_TEST

static Suite *
suite(void)
{
	const TTest *const tests[] = { creates, creates_once, wants_one_namespace, makes_names_up, cuts_long_stems,
		refuses_what_is_wrong, devices_are_those_that_the_configuration_permits, prepares, tries_without_doing,
		counts_generations, guards_changes, keeps_status_from_users,
		changes_only_status, keeps_what_is_fixed, keeps_what_is_immutable, deletes_at_once, waits_for_finalizers,
		a_user_may_end_the_waiting, checks_preconditions, orphans, sets_finalizers, patches,
		events_are_limited_between_two_sweeps, admits_what_fits_its_instancetype, infers_from_a_volume,
		presets_select_by_labels };
	Suite *suite = suite_create("objects");
	TCase *tc = tcase_create("objects");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
