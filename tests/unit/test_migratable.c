/* What stands against a live migration: fact sheet, section 4.5.  A row: an instance, its claims, what is told. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/migratable.h"
#include "src/document/document.h"
#include "src/document/diagnostic.h"

#define POD "networks: [{name: n, pod: {}}]"
#define MASQUERADE "devices: {interfaces: [{name: n, masquerade: {}}]}"

static const struct {
	const char *spec, *annotations;
	const char *reason, *part; /* NULL: nothing stands against it; a part of the sentence */
	bool storage, copy;        /* its disks could move; they would be copied */
} rows[] = {
	{ "{domain: {" MASQUERADE "}, " POD "}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {}}}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {interfaces: [{name: n, bridge: {}}]}}, " POD "}", "", "InterfaceNotLiveMigratable", "masquerade", false, false },
	{ "{domain: {devices: {interfaces: [{name: n, bridge: {}}]}}, " POD "}", "kubevirt.io/allow-pod-bridge-network-live-migration: ''", NULL,
	    NULL, true, false },
	{ "{domain: {devices: {interfaces: [{name: n, bridge: {}}]}}, networks: [{name: n, multus: {networkName: x}}]}", "", NULL, NULL, true,
	    false },
	{ "{domain: {devices: {hostDevices: [{name: a, deviceName: x/y}]}}}", "", "HostDeviceNotLiveMigratable", "generic PCI", false, false },
	{ "{domain: {devices: {gpus: [{name: a, deviceName: x/y}]}}}", "", "HostDeviceNotLiveMigratable", "VGPULiveMigration", false, false },
	{ "{domain: {devices: {gpus: [{name: a, deviceName: x/y}, {name: b, deviceName: x/y}]}}}", "", "HostDeviceNotLiveMigratable", "too many",
	    false, false },
	{ "{domain: {devices: {}, launchSecurity: {sev: {}}}}", "", "SEVNotLiveMigratable", "SEV", false, false },
	{ "{domain: {devices: {}, launchSecurity: {tdx: {}}}}", "", "TDXNotLiveMigratable", "TDX", false, false },
	{ "{domain: {devices: {}, features: {hyperv: {reenlightenment: {}}}}}", "", "NoTSCFrequencyNotLiveMigratable", "Reenlightenment", false,
	    false },
	{ "{domain: {devices: {}, features: {hyperv: {reenlightenment: {enabled: false}}}}}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {}, cpu: {features: [{name: invtsc, policy: require}]}}}", "", "NoTSCFrequencyNotLiveMigratable", "invtsc", false,
	    false },
	{ "{domain: {devices: {}, cpu: {features: [{name: invtsc, policy: disable}]}}}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {}, features: {hypervPassthrough: {enabled: true}}}}", "", "HypervPassthroughNotLiveMigratable", "passthrough", false,
	    false },
	/* The first one wins. */
	{ "{domain: {devices: {gpus: [{name: a, deviceName: x/y}]}, launchSecurity: {sev: {}}}}", "", "HostDeviceNotLiveMigratable", "GPU", false,
	    false },
	/* disks: a claim "shared" may be written by several hosts, "own" may not, others are not known */
	{ "{domain: {devices: {}}, volumes: [{name: a, persistentVolumeClaim: {claimName: shared}}]}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {}}, volumes: [{name: a, persistentVolumeClaim: {claimName: own}}]}", "", "DisksNotLiveMigratable",
	    "PVC own is not shared", true, true },
	{ "{domain: {devices: {}}, volumes: [{name: a, dataVolume: {name: other}}]}", "", "DisksNotLiveMigratable",
	    "Unable to determine if PVC other is shared", true, true },
	{ "{domain: {devices: {}}, volumes: [{name: a, hostDisk: {path: /a, type: Disk}}]}", "", "DisksNotLiveMigratable",
	    "non-shared HostDisk", true, true },
	{ "{domain: {devices: {}}, volumes: [{name: a, hostDisk: {path: /a, type: Disk, shared: true}}]}", "", NULL, NULL, true, false },
	{ "{domain: {devices: {}}, volumes: [{name: a, emptyDisk: {capacity: 1Gi}}]}", "", NULL, NULL, true, true },
	{ "{domain: {devices: {disks: [{name: a, cdrom: {bus: sata}}]}}, volumes: [{name: a, cloudInitNoCloud: {userData: x}}]}", "", NULL, NULL,
	    true, false },
};

static int
claim(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "shared") == 0 ? 1 : strcmp(name, "own") == 0 ? 0 : -1;
}

static void *
decode(const char *spec, const char *annotations)
{
	g_autofree char *text = g_strdup_printf("apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: a, annotations: {%s}}\n"
	    "spec: %s\n", annotations, spec);
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	void *vmi = g_malloc0(vmi_schema.size);

	diagnostics_init(&diagnostics);
	ck_assert_int_eq(document_read("vmi", text, strlen(text), documents, &diagnostics), 0);
	schema_decode(&vmi_schema, ((struct document *)documents->pdata[0])->root, NULL, "", vmi, &diagnostics);
	diagnostics_clear(&diagnostics);
	return vmi;
}

START_TEST(what_stands_against_a_migration)
{
	struct vmi *vmi = decode(rows[_i].spec, rows[_i].annotations);
	g_autofree char *message = NULL, *storage = migratable_storage(vmi);
	const char *reason = migratable_reason(vmi, claim, NULL, &message);

	ck_assert_pstr_eq(reason, rows[_i].reason);
	if (rows[_i].part != NULL)
		ck_assert_msg(strstr(message, rows[_i].part) != NULL, "%s", message);
	ck_assert_msg((storage == NULL) == rows[_i].storage, "%s", storage);
	ck_assert_int_eq(migratable_needs_copy(vmi->spec, claim, NULL), rows[_i].copy);
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(all_that_keeps_disks_is_told)
{
	struct vmi *vmi = decode("{domain: {devices: {gpus: [{name: a, deviceName: x/y}]}, launchSecurity: {sev: {}}}}", "");
	g_autofree char *storage = migratable_storage(vmi);

	ck_assert_str_eq(storage, "HostDeviceNotLiveMigratable: VMI specifies a GPU but feature gate VGPULiveMigration is not enabled, "
	    "SEVNotLiveMigratable: VMI uses SEV");
	schema_free(&vmi_schema, vmi);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("migratable");
	TCase *tcase = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, what_stands_against_a_migration, 0, G_N_ELEMENTS(rows));
	tcase_add_test(tcase, all_that_keeps_disks_is_told);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
