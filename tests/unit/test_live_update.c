/* Edits of a machine that runs: what changes at once, what waits for a restart, and why. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/live_update.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* The machine that runs: 2 of at most 8 sockets, 1 of at most 4 GiB, a fixed disk, one that was plugged in, an empty drive. */
#define RUNNING \
	"{architecture: amd64, domain: {cpu: {sockets: 2, cores: 1, threads: 1, maxSockets: 8}, memory: {guest: 1Gi, maxGuest: 4Gi}," \
	" devices: {disks: [{name: root, disk: {bus: virtio}}, {name: more, disk: {bus: scsi}}, {name: tray, cdrom: {bus: sata}}]," \
	" interfaces: [{name: default, masquerade: {}}]}}, networks: [{name: default, pod: {}}]," \
	" volumes: [{name: root, persistentVolumeClaim: {claimName: a}}, {name: more, persistentVolumeClaim: {claimName: b," \
	" hotpluggable: true}}]}"

static json_t *
tree_of(const char *text)
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

/* Three edits at most: "path = value" in YAML, or "path -" to take away. */
static void
edit(json_t *spec, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " = ", 2);

	if (g_strv_length(words) == 2) {
		g_autofree char *text = g_strdup_printf("{v: %s}", words[1]);
		json_t *tree = tree_of(text);

		ck_assert_int_eq(path_set(spec, words[0], json_incref(json_object_get(tree, "v"))), 0);
		json_decref(tree);
	} else {
		g_autofree char *path = g_strndup(line, strlen(line) - 2);
		g_autofree char *parent = g_strndup(path, path_parent(path));

		ck_assert(g_str_has_suffix(line, " -"));
		if (json_is_array(path_find(spec, parent)))
			json_array_remove(path_find(spec, parent), (size_t)g_ascii_strtoull(strrchr(path, '[') + 1, NULL, 10));
		else
			path_remove(spec, path);
	}
}

#define GROWN "a non-live-updatable field was changed in the template spec: "
#define PVC(name, claim) "{name: " name ", persistentVolumeClaim: {claimName: " claim ", hotpluggable: true}}"

#define CARD(n, name) "domain.devices.interfaces[" #n "] = {name: " name ", bridge: {}}"
#define ABSENT(n, name) "domain.devices.interfaces[" #n "] = {name: " name ", bridge: {}, state: absent}"
#define NETWORK(n, name) "networks[" #n "] = {name: " name ", multus: {networkName: " name "-net}}"

/* What runs (edits to RUNNING), what is edited then; what is live of that (a path and its value, or NULL), and what is told. */
static const struct {
	const char *before[2], *edits[3];
	const char *path, *value; /* value NULL: it is gone */
	const char *restart;
} cases[] = {
	{ .edits = { "domain.memory.guest = 1024Mi" } },
	{ .edits = { "domain.cpu.sockets = 4" }, .path = "domain.cpu.sockets", .value = "4" },
	{ .edits = { "domain.cpu.sockets = 8" }, .path = "domain.cpu.sockets", .value = "8" },
	{ .edits = { "domain.cpu.sockets = 9" }, .path = "domain.cpu.sockets", .value = "2",
	    .restart = "CPU sockets updated in template spec to a value higher than what's available" },
	{ .edits = { "domain.cpu.sockets = 1" }, .path = "domain.cpu.sockets", .value = "2",
	    .restart = "Reduction of CPU socket count requires a restart" },
	{ .before = { "architecture = arm64" }, .edits = { "domain.cpu.sockets = 4" }, .path = "domain.cpu.sockets", .value = "2",
	    .restart = "ARM doesn't support CPU hotplug" },
	{ .edits = { "domain.cpu.cores = 2" }, .path = "domain.cpu.cores", .value = "1", .restart = GROWN "domain.cpu.cores" },
	/* A size is not changed when the machine has to be started anew anyway. */
	{ .edits = { "domain.cpu.sockets = 4", "domain.cpu.cores = 2" }, .path = "domain.cpu.sockets", .value = "2",
	    .restart = GROWN "domain.cpu.cores" },
	{ .edits = { "domain.cpu.maxSockets = 16" }, .path = "domain.cpu.maxSockets", .value = "8",
	    .restart = GROWN "domain.cpu.maxSockets" },
	{ .edits = { "domain.cpu.maxSockets -", "domain.cpu.sockets = 4" }, .path = "domain.cpu.sockets", .value = "4" },
	{ .edits = { "domain.memory.guest = 2Gi" }, .path = "domain.memory.guest", .value = "2Gi" },
	{ .edits = { "domain.memory.maxGuest -", "domain.memory.guest = 2Gi" }, .path = "domain.memory.guest", .value = "2Gi" },
	{ .before = { "domain.memory.guest = 3Gi" }, .edits = { "domain.memory.guest = 2Gi" }, .path = "domain.memory.guest", .value = "2Gi" },
	{ .edits = { "domain.memory.guest = 512Mi" }, .path = "domain.memory.guest", .value = "1Gi",
	    .restart = "memory updated in template spec to a value lower than what the VM started with" },
	{ .edits = { "domain.memory.guest = 5Gi" }, .path = "domain.memory.guest", .value = "1Gi",
	    .restart = "memory updated in template spec to a value higher than what's available" },
	{ .before = { "domain.memory.maxGuest -" }, .edits = { "domain.memory.guest = 2Gi" },
	    .restart = "memory updated in template spec. Memory-hotplug is not available for this VM configuration" },
	{ .edits = { "domain.memory.guest = 1025Mi" },
	    .restart = "memory hotplug not supported, guest and maxGuest must be multiples of 2Mi, with huge pages of 1Gi of 1Gi" },
	{ .before = { "domain.launchSecurity = {sev: {}}" }, .edits = { "domain.memory.guest = 2Gi" },
	    .restart = "memory hotplug not supported, Memory hotplug is not compatible with encrypted VMs" },
	{ .before = { "domain.cpu.realtime = {}" }, .edits = { "domain.memory.guest = 2Gi" },
	    .restart = "memory hotplug not supported, Memory hotplug is not compatible with realtime VMs" },
	{ .edits = { "nodeSelector = {disk: fast}" }, .path = "nodeSelector.disk", .value = "fast" },
	{ .before = { "nodeSelector = {disk: fast}" }, .edits = { "nodeSelector -" }, .path = "nodeSelector" },
	{ .edits = { "tolerations = [{key: a, operator: Exists}]" }, .path = "tolerations[0].key", .value = "a" },
	{ .edits = { "domain.devices.interfaces[0].state = down" }, .path = "domain.devices.interfaces[0].state", .value = "down" },
	{ .before = { "domain.devices.interfaces[0].state = down" }, .edits = { "domain.devices.interfaces[0].state -" },
	    .path = "domain.devices.interfaces[0].state" },
	{ .edits = { "domain.devices.interfaces[0].state = absent" }, .path = "domain.devices.interfaces[0].state",
	    .restart = GROWN "domain.devices.interfaces[0].state" },
	{ .edits = { "domain.devices.interfaces[0].model = e1000" }, .restart = GROWN "domain.devices.interfaces[0].model" },
	/* Cards on other networks come and go. */
	{ .edits = { CARD(1, "lan"), NETWORK(1, "lan") }, .path = "domain.devices.interfaces[1].name", .value = "lan" },
	{ .edits = { CARD(1, "lan"), NETWORK(1, "lan") }, .path = "networks[1].multus.networkName", .value = "lan-net" },
	{ .edits = { CARD(1, "lan"), NETWORK(1, "lan"), "hostname = other" }, .path = "domain.devices.interfaces[1].name", .value = "lan",
	    .restart = GROWN "hostname" },
	{ .edits = { "domain.devices.interfaces[1] = {name: vf, sriov: {}}", NETWORK(1, "vf") }, .path = "domain.devices.interfaces[1]",
	    .restart = GROWN "domain.devices.interfaces[1]" },
	{ .before = { "networks = [{name: other, multus: {networkName: o}}]", "domain.devices.interfaces = [{name: other, bridge: {}}]" },
	    .edits = { "networks[1] = {name: default, pod: {}}", "domain.devices.interfaces[1] = {name: default, masquerade: {}}" },
	    .path = "domain.devices.interfaces[1]", .restart = GROWN "domain.devices.interfaces[1]" },
	{ .before = { CARD(1, "lan"), NETWORK(1, "lan") }, .edits = { "domain.devices.interfaces[1].state = absent" },
	    .path = "domain.devices.interfaces[1].state", .value = "absent" },
	{ .before = { CARD(1, "lan"), NETWORK(1, "lan") }, .edits = { "domain.devices.interfaces[1] -", "networks[1] -" },
	    .path = "domain.devices.interfaces[1].name", .value = "lan", .restart = GROWN "domain.devices.interfaces[1]" },
	{ .before = { ABSENT(1, "lan"), NETWORK(1, "lan") }, .edits = { "domain.devices.interfaces[1] -", "networks[1] -" },
	    .path = "domain.devices.interfaces[1]" },
	{ .before = { ABSENT(1, "lan"), NETWORK(1, "lan") }, .edits = { "domain.devices.interfaces[1] -", "networks[1] -" },
	    .path = "networks[1]" },
	{ .before = { ABSENT(1, "lan"), NETWORK(1, "lan") },
	    .edits = { "domain.devices.interfaces[1] = {name: lan, bridge: {}, model: e1000}" },
	    .path = "domain.devices.interfaces[1].model", .value = "e1000" },
	{ .before = { CARD(1, "lan"), NETWORK(1, "lan") }, .edits = { "networks[1].multus.networkName = other" },
	    .path = "networks[1].multus.networkName", .value = "lan-net", .restart = GROWN "networks[1].multus.networkName" },
	/* What a memory dump is written to is none of the guest's. */
	{ .edits = { "volumes[2] = {name: dump, memoryDump: {claimName: d, hotpluggable: true}}" },
	    .path = "volumes[2].memoryDump.claimName", .value = "d" },
	{ .before = { "volumes[2] = {name: dump, memoryDump: {claimName: d, hotpluggable: true}}" }, .edits = { "volumes[2] -" },
	    .path = "volumes[2]" },
	/* A link does not wait for what does. */
	{ .edits = { "domain.devices.interfaces[0].state = down", "hostname = other" }, .path = "domain.devices.interfaces[0].state",
	    .value = "down", .restart = GROWN "hostname" },
	{ .edits = { "volumes[1] -", "domain.devices.disks[1] -" }, .path = "volumes[1]" },
	{ .edits = { "volumes[1] -", "domain.devices.disks[1] -" }, .path = "domain.devices.disks[1].name", .value = "tray" },
	{ .edits = { "volumes[1].persistentVolumeClaim.claimName = c" }, .path = "volumes[1].persistentVolumeClaim.claimName", .value = "c" },
	{ .edits = { "volumes[0].persistentVolumeClaim.claimName = c" }, .path = "volumes[0].persistentVolumeClaim.claimName",
	    .value = "a", .restart = GROWN "volumes[0].persistentVolumeClaim.claimName" },
	{ .edits = { "volumes[0] -", "domain.devices.disks[0] -" }, .path = "volumes[0].name", .value = "root",
	    .restart = GROWN "domain.devices.disks[0].name" },
	{ .edits = { "volumes[2] = " PVC("new", "c"), "domain.devices.disks[3] = {name: new, disk: {bus: scsi}}" },
	    .path = "domain.devices.disks[3].name", .value = "new" },
	{ .edits = { "volumes[2] = {name: new, dataVolume: {name: dv, hotpluggable: true}}",
	      "domain.devices.disks[3] = {name: new, disk: {bus: virtio}}" }, .path = "volumes[2].dataVolume.name", .value = "dv" },
	{ .edits = { "volumes[2] = {name: new, persistentVolumeClaim: {claimName: n}}",
	      "domain.devices.disks[3] = {name: new, disk: {bus: scsi}}" }, .path = "volumes[2]",
	    .restart = GROWN "domain.devices.disks[3]" },
	{ .edits = { "volumes[2] = " PVC("new", "c"), "domain.devices.disks[3] = {name: new, disk: {bus: sata}}" },
	    .path = "volumes[2]", .restart = "Hotplug configuration for disk [new] requires bus to be 'scsi' or 'virtio'. [sata] is not permitted." },
	{ .edits = { "volumes[2] = " PVC("new", "c"), "domain.devices.disks[3] = {name: new, lun: {bus: virtio}}" },
	    .path = "volumes[2]", .restart = "Hotplug configuration for LUN [new] requires bus to be 'scsi'" },
	{ .edits = { "volumes[2] = " PVC("new", "c"), "domain.devices.disks[3] = {name: new, disk: {bus: scsi}, dedicatedIOThread: true}" },
	    .path = "volumes[2]", .restart = "Hotplug configuration for [new] requires virtio bus for IOThreads." },
	{ .edits = { "volumes[2] = " PVC("new", "c"), "domain.devices.disks[3] = {name: new, cdrom: {bus: sata}}" },
	    .path = "volumes[2]", .restart = "a CD-ROM drive cannot be plugged in, only its medium can change: new" },
	{ .edits = { "volumes[2] = " PVC("tray", "iso") }, .path = "volumes[2].persistentVolumeClaim.claimName", .value = "iso" },
	{ .before = { "volumes[2] = " PVC("tray", "iso") }, .edits = { "volumes[2] -" }, .path = "domain.devices.disks[2].name", .value = "tray" },
	{ .before = { "volumes[2] = " PVC("tray", "iso") }, .edits = { "volumes[2] -" }, .path = "volumes[2]" },
	{ .edits = { "domain.devices.disks[1].serial = S" }, .restart = GROWN "domain.devices.disks[1].serial" },
	{ .edits = { "domain.devices.disks = [{name: more, disk: {bus: scsi}}, {name: root, disk: {bus: virtio}}, {name: tray, cdrom: {bus: sata}}]" },
	    .path = "domain.devices.disks[0].name", .value = "root", .restart = GROWN "domain.devices.disks[0].name" },
};

/* As the daemon does it at creation. */
static json_t *
prepared(json_t *spec)
{
	json_t *vmi = json_pack("{s:{s:s,s:s},s:o}", "metadata", "name", "a", "namespace", "b", "spec", spec), *whole;

	vmi_prepare(vmi);
	whole = json_incref(json_object_get(vmi, "spec"));
	json_decref(vmi);
	return whole;
}

static char *
scalar_text(const json_t *value)
{
	if (json_is_integer(value))
		return g_strdup_printf("%lld", (long long)json_integer_value(value));
	return g_strdup(json_string_value(value));
}

START_TEST(an_edit_is_live_or_waits)
{
	json_t *running = tree_of(RUNNING), *wanted, *plain;
	struct live_update update;
	g_autofree char *got = NULL;

	for (size_t i = 0; i < 2 && cases[_i].before[i] != NULL; i++)
		edit(running, cases[_i].before[i]);
	plain = json_deep_copy(running);
	running = prepared(running);
	/* Once more: what was taken away has its default now. */
	for (size_t i = 0; i < 2 && cases[_i].before[i] != NULL; i++)
		edit(running, cases[_i].before[i]);
	for (size_t i = 0; i < 3 && cases[_i].edits[i] != NULL; i++)
		edit(plain, cases[_i].edits[i]);
	live_update_keep_limits(plain, running);
	wanted = prepared(plain);
	/* It started with its least. */
	live_update_plan(running, wanted, INT64_C(1) << 30, &update);
	ck_assert_str_eq(update.restarts->len == 0 ? "" : update.restarts->pdata[0], cases[_i].restart == NULL ? "" : cases[_i].restart);
	got = scalar_text(path_find(update.spec, cases[_i].path == NULL ? "none" : cases[_i].path));
	ck_assert_pstr_eq(got, cases[_i].value);
	live_update_clear(&update);
	json_decref(running);
	json_decref(wanted);
}
END_TEST

START_TEST(nothing_changes_when_nothing_was_edited)
{
	json_t *running = prepared(tree_of(RUNNING));
	struct live_update update;

	live_update_plan(running, running, 0, &update);
	ck_assert(!update.changes);
	ck_assert_uint_eq(update.restarts->len, 0);
	live_update_clear(&update);
	json_decref(running);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("live_update");
	TCase *tc = tcase_create("live_update");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, an_edit_is_live_or_waits, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tc, nothing_changes_when_nothing_was_edited);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
