/* Instancetypes, preferences and presets: from three documents to one spec. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/expand.h"
#include "src/api/kinds.h"
#include "src/document/document.h"
#include "src/document/path.h"

static struct diagnostics diagnostics;

static void
setup(void)
{
	diagnostics_init(&diagnostics);
}

static void
teardown(void)
{
	diagnostics_clear(&diagnostics);
}

static json_t *
tree_of(const char *text)
{
	GPtrArray *documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	json_t *tree;

	ck_assert_int_eq(document_read(NULL, text, strlen(text), documents, &diagnostics), 0);
	ck_assert_uint_eq(documents->len, 1);
	tree = json_incref(((const struct document *)documents->pdata[0])->root);
	g_ptr_array_unref(documents);
	return tree;
}

static void *
value_of(const struct schema *schema, const char *text)
{
	json_t *tree = text == NULL ? NULL : tree_of(text);
	void *value = text == NULL ? NULL : g_malloc0(schema->size);

	if (text != NULL && schema_decode(schema, tree, NULL, "spec", value, &diagnostics) != 0) {
		g_autofree char *told = diagnostics_format(&diagnostics, SEVERITY_ERROR);

		ck_abort_msg("%s: %s", text, told);
	}
	json_decref(tree);
	return value;
}

/* Each: the machine's spec, the two, and what must be at a path after it; or the errors, when path is NULL. */
#define SMALL "{cpu: {guest: 4}, memory: {guest: 2Gi}}"
static const struct {
	const char *spec, *instancetype, *preference, *path, *wanted;
} cases[] = {
	{ "{domain: {devices: {}}}", SMALL, NULL, "domain.cpu", "{\"sockets\":4,\"cores\":1,\"threads\":1}" },
	{ "{domain: {devices: {}}}", SMALL, NULL, "domain.memory", "{\"guest\":\"2Gi\"}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: cores}}", "domain.cpu",
	  "{\"sockets\":1,\"cores\":4,\"threads\":1}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: preferThreads}}", "domain.cpu",
	  "{\"sockets\":1,\"cores\":1,\"threads\":4}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: spread}}", "domain.cpu",
	  "{\"sockets\":2,\"cores\":2,\"threads\":1}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: spread, spreadOptions: {across: SocketsCoresThreads}}}",
	  "domain.cpu", "{\"sockets\":1,\"cores\":2,\"threads\":2}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: spread, spreadOptions: {across: CoresThreads}}}",
	  "domain.cpu", "{\"sockets\":1,\"cores\":2,\"threads\":2}" },
	{ "{domain: {devices: {}}}", SMALL, "{cpu: {preferredCPUTopology: spread}, preferSpreadSocketToCoreRatio: 3}", NULL,
	  "spec.instancetype: 4 virtual CPUs cannot be spread evenly: the preference wants a multiple of 3" },
	{ "{domain: {devices: {}}}", "{cpu: {guest: 1}, memory: {guest: 2Gi, overcommitPercent: 25}}", NULL, "domain.resources.requests.memory",
	  "\"1536Mi\"" },
	{ "{domain: {devices: {}, cpu: {cores: 2}, memory: {guest: 1Gi}}}", SMALL, NULL, NULL,
	  "spec.template.spec.domain.cpu.cores: is set by the instancetype: remove it here, or choose another instancetype\n"
	  "spec.template.spec.domain.memory.guest: is set by the instancetype: remove it here, or choose another instancetype" },
	{ "{domain: {devices: {}, cpu: {model: Penryn}}}", SMALL, NULL, "domain.cpu.model", "\"Penryn\"" },
	{ "{domain: {devices: {}}, nodeSelector: {a: b}}", "{cpu: {guest: 1}, memory: {guest: 1Gi}, nodeSelector: {c: d}}", NULL, NULL,
	  "spec.template.spec.nodeSelector: is set by the instancetype: remove it here, or choose another instancetype" },
	{ "{domain: {devices: {}}}", "{cpu: {guest: 1}, memory: {guest: 1Gi}, gpus: [{name: g, deviceName: n/t}]}", NULL,
	  "domain.devices.gpus", "[{\"name\":\"g\",\"deviceName\":\"n/t\"}]" },
	/* A preference fills in, and never overrides. */
	{ "{domain: {devices: {disks: [{name: a}, {name: b, disk: {bus: scsi}}, {name: c, cdrom: {}}]}}}", NULL,
	  "{devices: {preferredDiskBus: virtio, preferredCdromBus: scsi, preferredDiskDedicatedIoThread: true}}",
	  "domain.devices.disks",
	  "[{\"name\":\"a\",\"disk\":{\"bus\":\"virtio\"},\"dedicatedIOThread\":true},{\"name\":\"b\",\"disk\":{\"bus\":\"scsi\"}},"
	  "{\"name\":\"c\",\"cdrom\":{\"bus\":\"scsi\"}}]" },
	{ "{domain: {devices: {}}, volumes: [{name: root, emptyDisk: {capacity: 1Gi}}]}", NULL, "{devices: {preferredDiskBus: virtio}}",
	  "domain.devices.disks", "[{\"name\":\"root\",\"disk\":{\"bus\":\"virtio\"}}]" },
	{ "{domain: {devices: {autoattachInputDevice: true}}}", NULL, "{devices: {preferredInputBus: virtio}}",
	  "domain.devices.inputs", "[{\"name\":\"default-0\",\"bus\":\"virtio\"}]" },
	{ "{domain: {devices: {}}}", NULL, "{devices: {preferredInterfaceModel: e1000e}}", "domain.devices.interfaces",
	  "[{\"name\":\"default\",\"masquerade\":{},\"model\":\"e1000e\"}]" },
	{ "{domain: {devices: {rng: {}, disableHotplug: true}}}", NULL, "{devices: {preferredDisableHotplug: false}}",
	  "domain.devices.disableHotplug", "nothing" },
	{ "{domain: {devices: {autoattachGraphicsDevice: false}}}", NULL, "{devices: {preferredAutoattachGraphicsDevice: true}}",
	  "domain.devices.autoattachGraphicsDevice", "false" },
	{ "{domain: {devices: {interfaces: [{name: net}]}}, networks: [{name: net, pod: {}}]}", NULL,
	  "{devices: {preferredInterfaceMasquerade: {}, preferredInterfaceModel: e1000e}}", "domain.devices.interfaces",
	  "[{\"name\":\"net\",\"masquerade\":{},\"model\":\"e1000e\"}]" },
	{ "{domain: {devices: {}}}", NULL, "{firmware: {preferredEfi: {secureBoot: false}}}", "domain.firmware.bootloader",
	  "{\"efi\":{\"secureBoot\":false}}" },
	{ "{domain: {devices: {}, firmware: {bootloader: {bios: {}}}}}", NULL, "{firmware: {preferredEfi: {}, preferredUseBiosSerial: true}}",
	  "domain.firmware.bootloader", "{\"bios\":{\"useSerial\":true}}" },
	{ "{domain: {devices: {}, features: {acpi: {enabled: false}}}}", NULL,
	  "{features: {preferredAcpi: {}, preferredHyperv: {relaxed: {}, spinlocks: {spinlocks: 8191}}}}", "domain.features",
	  "{\"acpi\":{\"enabled\":false},\"hyperv\":{\"relaxed\":{},\"spinlocks\":{\"spinlocks\":8191}}}" },
	{ "{domain: {devices: {}, clock: {timezone: UTC}}}", NULL,
	  "{clock: {preferredClockOffset: {utc: {}}, preferredTimer: {hpet: {present: false}}}}", "domain.clock",
	  "{\"timezone\":\"UTC\",\"timer\":{\"hpet\":{\"present\":false}}}" },
	{ "{domain: {devices: {}}, terminationGracePeriodSeconds: 30}", NULL, "{preferredTerminationGracePeriodSeconds: 180}",
	  "terminationGracePeriodSeconds", "30" },
	{ "{domain: {devices: {}}}", NULL, "{preferredTerminationGracePeriodSeconds: 180}", "terminationGracePeriodSeconds", "180" },
	{ "{domain: {devices: {}, cpu: {features: [{name: vmx, policy: disable}]}}}", NULL,
	  "{cpu: {preferredCPUFeatures: [{name: vmx, policy: require}, {name: aes}]}}", "domain.cpu.features",
	  "[{\"name\":\"vmx\",\"policy\":\"disable\"},{\"name\":\"aes\"}]" },
	{ "{domain: {devices: {}}}", SMALL, "{requirements: {cpu: {guest: 8}, memory: {guest: 4Gi}}}", NULL,
	  "spec.preference: needs 8 virtual CPUs, but the instancetype provides 4\n"
	  "spec.preference: needs 4Gi of memory, but the instancetype provides 2Gi" },
};
START_TEST(expands)
{
	struct instancetype_spec *instancetype = value_of(&instancetype_spec_schema, cases[_i].instancetype);
	struct preference_spec *preference = value_of(&preference_spec_schema, cases[_i].preference);
	json_t *spec = tree_of(cases[_i].spec), *before = json_deep_copy(spec);
	struct expand_input input = { instancetype, preference, NULL, "spec.template.spec", &diagnostics };
	g_autofree char *found = NULL;

	diagnostics_clear(&diagnostics);
	diagnostics_init(&diagnostics);
	ck_assert_int_eq(expand_tree(spec, NULL, &input), cases[_i].path == NULL ? -1 : 0);
	if (cases[_i].path == NULL) {
		found = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		ck_assert(json_equal(spec, before));
	} else if (path_find(spec, cases[_i].path) == NULL)
		found = g_strdup("nothing");
	else
		found = json_dumps(path_find(spec, cases[_i].path), JSON_COMPACT | JSON_ENCODE_ANY);
	ck_assert_str_eq(found, cases[_i].wanted);
	json_decref(spec);
	json_decref(before);
	if (instancetype != NULL)
		schema_free(&instancetype_spec_schema, instancetype);
	if (preference != NULL)
		schema_free(&preference_spec_schema, preference);
}
END_TEST

START_TEST(finds_the_kind_of_a_matcher)
{
	struct matcher none = { 0 }, own = { .kind = (char[]){ "virtualmachineinstancetypes" } }, other = { .kind = (char[]){ "Secret" } };

	ck_assert_ptr_eq(expand_kind(&none, false), &kinds[KIND_CLUSTER_INSTANCETYPE]);
	ck_assert_ptr_eq(expand_kind(&none, true), &kinds[KIND_CLUSTER_PREFERENCE]);
	ck_assert_ptr_eq(expand_kind(&own, false), &kinds[KIND_INSTANCETYPE]);
	ck_assert_ptr_null(expand_kind(&own, true));
	ck_assert_ptr_null(expand_kind(&other, false));
}
END_TEST

START_TEST(merges_presets)
{
	json_t *vmi = tree_of("{spec: {domain: {cpu: {cores: 2}, devices: {}}}}");
	json_t *good = tree_of("{spec: {domain: {cpu: {cores: 2, model: host-model}, memory: {guest: 1Gi}}}}");
	json_t *bad = tree_of("{spec: {domain: {clock: {utc: {}}, cpu: {cores: 4}}}}");
	g_autofree char *text = NULL, *differs = expand_preset(vmi, bad);

	ck_assert_str_eq(differs, "spec.domain.cpu.cores");
	ck_assert_ptr_null(path_find(vmi, "spec.domain.clock"));
	ck_assert_ptr_null(expand_preset(vmi, good));
	text = json_dumps(path_find(vmi, "spec.domain"), JSON_COMPACT);
	ck_assert_str_eq(text, "{\"cpu\":{\"cores\":2,\"model\":\"host-model\"},\"devices\":{},\"memory\":{\"guest\":\"1Gi\"}}");
	json_decref(vmi);
	json_decref(good);
	json_decref(bad);
}
END_TEST

START_TEST(gives_templates_a_class)
{
	json_t *templates = tree_of("{all: [{spec: {storage: {}}}, {spec: {pvc: {storageClassName: fast}}}]}");
	struct preference_spec *preference = value_of(&preference_spec_schema, "{volumes: {preferredStorageClassName: slow}}");

	expand_templates(json_object_get(templates, "all"), preference);
	ck_assert_str_eq(path_string(templates, "all[0].spec.storage.storageClassName"), "slow");
	ck_assert_str_eq(path_string(templates, "all[1].spec.pvc.storageClassName"), "fast");
	schema_free(&preference_spec_schema, preference);
	json_decref(templates);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("expand");
	TCase *tc = tcase_create("expand");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, expands, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tc, finds_the_kind_of_a_matcher);
	tcase_add_test(tc, merges_presets);
	tcase_add_test(tc, gives_templates_a_class);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
