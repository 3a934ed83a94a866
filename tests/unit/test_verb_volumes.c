/* addvolume and removevolume: what is asked, what is refused with which sentence, and what the spec says then; on a real store. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/objects.h"
#include "daemon/verb_volumes.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"

static struct config config;
static struct daemon daemon_under_test, *d = &daemon_under_test;
static char *directory;

int64_t
daemon_now(struct daemon *daemon)
{
	(void)daemon;
	return clock_parse("2026-01-02T03:04:05Z");
}

static void
setup(void)
{
	struct error err = { 0 };

	log_open("test", LOG_LEVEL_ERROR - 1);
	directory = g_dir_make_tmp("verbs-XXXXXX", NULL);
	daemon_under_test = (struct daemon){ .base = event_base_new(), .config = &config };
	event_base_priority_init(d->base, PRIORITY_COUNT);
	d->answers = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
	d->store = store_open(directory, d->base, &err);
	ck_assert_msg(d->store != NULL, "%s", err.text);
}

static void
teardown(void)
{
	g_autoptr(GDir) dir = NULL;
	const char *name;

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

static json_t *
read_tree(const char *text)
{
	GPtrArray *documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	json_t *tree;

	diagnostics_init(&diagnostics);
	ck_assert_int_eq(document_read(NULL, text, strlen(text), documents, &diagnostics), 0);
	diagnostics_clear(&diagnostics);
	tree = json_incref(((const struct document *)documents->pdata[0])->root);
	g_ptr_array_unref(documents);
	return tree;
}

#define SPEC                                                                                                               \
	"{domain: {memory: {guest: 1Gi}, devices: {disks: [{name: root, disk: {bus: virtio}}, {name: more, disk: {bus: scsi}}," \
	" {name: tray, cdrom: {bus: sata}}]}}, volumes: [{name: root, persistentVolumeClaim: {claimName: a}}," \
	" {name: more, persistentVolumeClaim: {claimName: b, hotpluggable: true}}," \
	" {name: tray, dataVolume: {name: iso, hotpluggable: true}}]}"
#define VM "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: x}, spec: {runStrategy: Halted, template: {spec: " SPEC "}}}"
#define VMI "{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: x}, spec: " SPEC "}"

static const struct object *
create(const char *text)
{
	struct error err = { 0 };
	const struct object *object = objects_create_tree(d, read_tree(text), "default", &err);

	ck_assert_msg(object != NULL, "%s", err.text);
	return object;
}

#define CLAIM(name) "volumeSource: {persistentVolumeClaim: {claimName: " name "}}"
#define SCSI "disk: {disk: {bus: scsi}}, "

/* A body, what comes of it: an error, or a path of the spec and its value (NULL: it is gone). */
static const struct {
	bool remove;
	const char *body;
	int code;
	const char *text, *path, *value;
} cases[] = {
	{ .body = "{name: new, " SCSI CLAIM("c") "}", .path = "volumes[3].persistentVolumeClaim.claimName", .value = "c" },
	{ .body = "{name: new, " SCSI CLAIM("c") "}", .path = "domain.devices.disks[3].disk.bus", .value = "scsi" },
	{ .body = "{name: new, disk: {lun: {bus: scsi}, serial: S}, " CLAIM("c") "}", .path = "domain.devices.disks[3].serial", .value = "S" },
	{ .body = "{name: new, " SCSI "volumeSource: {dataVolume: {name: dv}}}", .path = "volumes[3].dataVolume.name", .value = "dv" },
	{ .body = "{name: new, " SCSI CLAIM("c") ", dryRun: [All]}", .path = "volumes[3].name" },
	{ .body = "{" SCSI CLAIM("c") "}", .code = EINVAL, .text = "name: is required: which volume" },
	{ .body = "{name: new, " CLAIM("c") "}", .code = EINVAL,
	    .text = "disk: is required: how the guest is to see the volume, such as {disk: {bus: scsi}}" },
	{ .body = "{name: new, " SCSI "volumeSource: {}}", .code = EINVAL,
	    .text = "volumeSource: is required: persistentVolumeClaim with a claimName, or dataVolume with a name" },
	{ .body = "{name: more, " SCSI CLAIM("c") "}", .code = EBUSY,
	    .text = "Unable to add volume [more] because volume with that name already exists" },
	{ .body = "{name: new, " SCSI CLAIM("b") "}", .code = EBUSY, .text = "Unable to add volume source [b] because it already exists" },
	{ .body = "{name: new, disk: {disk: {bus: sata}}, " CLAIM("c") "}", .code = EINVAL,
	    .text = "disk: Hotplug configuration for disk [new] requires bus to be 'scsi' or 'virtio'. [sata] is not permitted." },
	{ .body = "{name: Bad_Name, " SCSI CLAIM("c") "}", .code = EINVAL },
	{ .remove = true, .body = "{name: more}", .path = "volumes[1].name", .value = "tray" },
	{ .remove = true, .body = "{name: more}", .path = "domain.devices.disks[1].name", .value = "tray" },
	/* A drive stays when its medium goes. */
	{ .remove = true, .body = "{name: tray}", .path = "domain.devices.disks[2].name", .value = "tray" },
	{ .remove = true, .body = "{name: tray}", .path = "volumes[2].name" },
	{ .remove = true, .body = "{name: more, dryRun: [All]}", .path = "volumes[1].name", .value = "more" },
	{ .remove = true, .body = "{}", .code = EINVAL, .text = "name: is required: which volume" },
	{ .remove = true, .body = "{name: none}", .code = EBUSY, .text = "Unable to remove volume [none] because it does not exist" },
	{ .remove = true, .body = "{name: root}", .code = EBUSY, .text = "Unable to remove volume [root] because it is not hotpluggable" },
};

static const struct object *
current(const struct object *object)
{
	return store_get(d->store, kind_id(object->kind), "default", "x");
}

static void
try_case(const struct object *object, const char *prefix, int i)
{
	g_autofree char *path = cases[i].path == NULL ? NULL : g_strconcat(prefix, cases[i].path, NULL);
	struct error err = { 0 };
	json_t *body = read_tree(cases[i].body), *tree;
	int r = (cases[i].remove ? verb_remove_volume : verb_add_volume)(d, object, body, &err);

	ck_assert_int_eq(r, cases[i].code == 0 ? 0 : -1);
	ck_assert_int_eq(err.code, cases[i].code);
	if (cases[i].text != NULL)
		ck_assert_str_eq(err.text, cases[i].text);
	tree = object_tree(current(object));
	if (path != NULL)
		ck_assert_pstr_eq(path_string(tree, path), cases[i].value);
	json_decref(tree);
	json_decref(body);
}

START_TEST(a_machine)
{
	try_case(create(VM), "spec.template.spec.", _i);
}
END_TEST

START_TEST(an_instance_only_while_it_runs_and_has_no_machine)
{
	const struct object *vmi = create(VMI);
	json_t *running = read_tree("{status: {phase: Running}}");
	json_t *owned = read_tree("{metadata: {ownerReferences: [{apiVersion: kubevirt.io/v1, kind: VirtualMachine, name: owner, uid: u}]}}");
	json_t *body = read_tree("{name: more}");
	struct error err = { 0 };

	ck_assert_int_eq(verb_remove_volume(d, vmi, body, &err), -1);
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_str_eq(err.text, "VMI is not running");
	vmi = objects_patch(d, vmi, running, &err);
	ck_assert_msg(vmi != NULL, "%s", err.text);
	ck_assert_int_eq(verb_remove_volume(d, vmi, body, &err), 0);
	vmi = objects_patch(d, current(vmi), owned, &err);
	ck_assert_msg(vmi != NULL, "%s", err.text);
	ck_assert_int_eq(verb_remove_volume(d, vmi, body, &err), -1);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.text, "VMI default/x is owned by a VM: ask for this of VirtualMachine owner");
	json_decref(running);
	json_decref(owned);
	json_decref(body);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("verb_volumes");
	TCase *tc = tcase_create("verb_volumes");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_machine, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tc, an_instance_only_while_it_runs_and_has_no_machine);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
