/* What is filled into an instance that its author left open: fact sheet, section 6.2.  A row: what is written, where, what is
 * there after. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/document/document.h"
#include "src/document/path.h"

static const struct {
	const char *spec, *path, *wanted;
} rows[] = {
	/* architecture and machine */
	{ "{domain: {}}", "architecture", "\"amd64\"" },
	{ "{domain: {}}", "domain.machine.type", "\"q35\"" },
	{ "{domain: {machine: {type: \"\"}}}", "domain.machine.type", "\"q35\"" },
	{ "{domain: {machine: {type: pc-q35-7.2}}}", "domain.machine.type", "\"pc-q35-7.2\"" },
	{ "{architecture: s390x, domain: {}}", "domain.machine.type", "\"s390-ccw-virtio\"" },
	{ "{architecture: s390x, domain: {}}", "domain.features.acpi.enabled", "false" },
	{ "{architecture: arm64, domain: {}}", "domain.machine.type", "\"virt\"" },
	{ "{architecture: arm64, domain: {}}", "domain.cpu.model", "\"host-passthrough\"" },
	{ "{architecture: arm64, domain: {}}", "domain.firmware.bootloader.efi", "{\"secureBoot\":false}" },
	{ "{architecture: arm64, domain: {}}", "domain.cpu.maxSockets", "nothing" },
	{ "{architecture: arm64, domain: {memory: {guest: 2Gi}}}", "domain.memory.maxGuest", "nothing" },
	/* resources, memory, processors */
	{ "{domain: {resources: {limits: {cpu: 2}}}}", "domain.resources.requests.cpu", "\"2\"" },
	{ "{domain: {resources: {limits: {cpu: 2}, requests: {cpu: 1}}}}", "domain.resources.requests.cpu", "1" },
	{ "{domain: {resources: {requests: {memory: 512Mi}}}}", "domain.memory.guest", "\"512Mi\"" },
	{ "{domain: {resources: {limits: {memory: 1Gi}}}}", "domain.memory.guest", "\"1Gi\"" },
	{ "{domain: {memory: {hugepages: {pageSize: 1Gi}}}}", "domain.memory.guest", "\"1Gi\"" },
	{ "{domain: {memory: {guest: 1024Mi}}}", "domain.memory.guest", "\"1024Mi\"" },
	{ "{domain: {}}", "domain.cpu", "{\"sockets\":1,\"cores\":1,\"threads\":1,\"maxSockets\":4,\"model\":\"host-model\"}" },
	{ "{domain: {resources: {requests: {cpu: 1500m}}}}", "domain.cpu.sockets", "2" },
	{ "{domain: {cpu: {cores: 2}}}", "domain.cpu", "{\"cores\":2,\"model\":\"host-model\"}" },
	{ "{domain: {cpu: {model: Haswell}}}", "domain.cpu.model", "\"Haswell\"" },
	/* how far it may grow */
	{ "{domain: {cpu: {sockets: 2, cores: 4, threads: 2}}}", "domain.cpu.maxSockets", "8" },
	{ "{domain: {cpu: {sockets: 40, cores: 2, threads: 2}}}", "domain.cpu.maxSockets", "128" },
	{ "{domain: {cpu: {sockets: 512, cores: 2, threads: 1}}}", "domain.cpu.maxSockets", "512" },
	{ "{domain: {cpu: {sockets: 2, maxSockets: 3}}}", "domain.cpu.maxSockets", "3" },
	{ "{domain: {memory: {guest: 1Gi}}}", "domain.memory.maxGuest", "\"4Gi\"" },
	{ "{domain: {memory: {guest: 1Gi, maxGuest: 2Gi}}}", "domain.memory.maxGuest", "\"2Gi\"" },
	{ "{domain: {memory: {guest: 1023Mi}}}", "domain.memory.maxGuest", "nothing" },
	{ "{domain: {memory: {guest: 1025Mi}}}", "domain.memory.maxGuest", "nothing" },
	{ "{domain: {memory: {guest: 3Gi, hugepages: {pageSize: 1Gi}}}}", "domain.memory.maxGuest", "\"12Gi\"" },
	{ "{domain: {memory: {guest: 1026Mi, hugepages: {pageSize: 1Gi}}}}", "domain.memory.maxGuest", "nothing" },
	{ "{domain: {memory: {guest: 1Gi}, cpu: {realtime: {}}}}", "domain.memory.maxGuest", "nothing" },
	{ "{domain: {memory: {guest: 1Gi}, cpu: {numa: {guestMappingPassthrough: {}}}}}", "domain.memory.maxGuest", "nothing" },
	{ "{domain: {memory: {guest: 1Gi}, launchSecurity: {sev: {}}}}", "domain.memory.maxGuest", "nothing" },
	/* images */
	{ "{domain: {}, volumes: [{name: a, containerDisk: {image: x}}]}", "volumes[0].containerDisk.imagePullPolicy", "\"Always\"" },
	{ "{domain: {}, volumes: [{name: a, containerDisk: {image: 'x:latest'}}]}", "volumes[0].containerDisk.imagePullPolicy", "\"Always\"" },
	{ "{domain: {}, volumes: [{name: a, containerDisk: {image: 'x:1'}}]}", "volumes[0].containerDisk.imagePullPolicy", "\"IfNotPresent\"" },
	{ "{domain: {}, volumes: [{name: a, containerDisk: {image: 'x@sha256:0'}}]}", "volumes[0].containerDisk.imagePullPolicy", "\"IfNotPresent\"" },
	{ "{domain: {}, volumes: [{name: a, containerDisk: {image: x, imagePullPolicy: Never}}]}", "volumes[0].containerDisk.imagePullPolicy", "\"Never\"" },
	/* interfaces */
	{ "{domain: {}}", "domain.devices.interfaces", "[{\"name\":\"default\",\"masquerade\":{}}]" },
	{ "{domain: {}}", "networks", "[{\"name\":\"default\",\"pod\":{}}]" },
	{ "{domain: {devices: {autoattachPodInterface: false}}}", "networks", "nothing" },
	{ "{domain: {}, networks: [{name: a, pod: {}}]}", "domain.devices.interfaces", "nothing" },
	/* disks */
	{ "{domain: {}, volumes: [{name: a, emptyDisk: {capacity: 1Gi}}]}", "domain.devices.disks", "[{\"name\":\"a\",\"disk\":{\"bus\":\"sata\"}}]" },
	{ "{domain: {}, volumes: [{name: a, memoryDump: {claimName: a}}]}", "domain.devices.disks", "nothing" },
	{ "{domain: {devices: {filesystems: [{name: a, virtiofs: {}}]}}, volumes: [{name: a, configMap: {name: a}}]}", "domain.devices.disks", "nothing" },
	{ "{domain: {devices: {disks: [{name: a, cdrom: {}}]}}}", "domain.devices.disks[0].cdrom", "{\"bus\":\"sata\",\"readonly\":true,\"tray\":\"closed\"}" },
	{ "{domain: {devices: {disks: [{name: a, cdrom: {tray: open, readonly: false, bus: scsi}}]}}}", "domain.devices.disks[0].cdrom", "{\"tray\":\"open\",\"readonly\":false,\"bus\":\"scsi\"}" },
	{ "{domain: {devices: {disks: [{name: a, lun: {}}]}}}", "domain.devices.disks[0].lun", "{\"bus\":\"sata\"}" },
	{ "{architecture: arm64, domain: {devices: {disks: [{name: a}]}}}", "domain.devices.disks[0].disk", "{\"bus\":\"virtio\"}" },
	{ "{domain: {devices: {disks: [{name: a, blockSize: {matchVolume: {}}}]}}}", "domain.devices.disks[0].blockSize", "{\"matchVolume\":{\"enabled\":true}}" },
	/* features and timers */
	{ "{domain: {}}", "domain.features", "{\"acpi\":{\"enabled\":true}}" },
	{ "{domain: {features: {apic: {}, smm: {enabled: false}}}}", "domain.features.apic", "{\"enabled\":true}" },
	{ "{domain: {features: {apic: {}, smm: {enabled: false}}}}", "domain.features.smm", "{\"enabled\":false}" },
	{ "{domain: {clock: {timer: {hpet: {}, pit: {present: false}}}}}", "domain.clock.timer", "{\"hpet\":{\"present\":true},\"pit\":{\"present\":false}}" },
	{ "{domain: {features: {hyperv: {spinlocks: {}}}}}", "domain.features.hyperv.spinlocks", "{\"enabled\":true,\"spinlocks\":4096}" },
	{ "{domain: {features: {hyperv: {spinlocks: {enabled: false}}}}}", "domain.features.hyperv.spinlocks", "{\"enabled\":false}" },
	{ "{domain: {features: {hyperv: {synictimer: {direct: {}}}}}}", "domain.features.hyperv", "{\"synictimer\":{\"direct\":{\"enabled\":true},\"enabled\":true},\"vpindex\":{\"enabled\":true},\"synic\":{\"enabled\":true}}" },
	{ "{domain: {features: {hyperv: {ipi: {}}}}}", "domain.features.hyperv.vpindex", "{\"enabled\":true}" },
	{ "{domain: {features: {hyperv: {tlbflush: {}}}}}", "domain.features.hyperv.vpindex", "{\"enabled\":true}" },
	{ "{domain: {features: {hyperv: {synic: {}, vpindex: {enabled: false}}}}}", "domain.features.hyperv.vpindex", "{\"enabled\":false}" },
	{ "{domain: {features: {hyperv: {evmcs: {}}}}}", "domain.features.hyperv.vapic", "{\"enabled\":true}" },
	{ "{domain: {features: {hyperv: {evmcs: {}}}}}", "domain.cpu.features", "[{\"name\":\"vmx\",\"policy\":\"require\"}]" },
	{ "{domain: {cpu: {features: [{name: avx}, {name: vmx, policy: disable}]}, features: {hyperv: {evmcs: {}}}}}", "domain.cpu.features", "[{\"name\":\"avx\"},{\"name\":\"vmx\",\"policy\":\"require\"}]" },
	{ "{domain: {features: {hyperv: {evmcs: {enabled: false}}}}}", "domain.cpu.features", "nothing" },
	/* devices */
	{ "{domain: {devices: {autoattachInputDevice: true}}}", "domain.devices.inputs", "[{\"name\":\"default-0\",\"type\":\"tablet\",\"bus\":\"usb\"}]" },
	{ "{domain: {devices: {watchdog: {name: w}}}}", "domain.devices.watchdog", "{\"name\":\"w\",\"i6300esb\":{\"action\":\"reset\"}}" },
	{ "{domain: {devices: {watchdog: {name: w, i6300esb: {action: poweroff}}}}}", "domain.devices.watchdog.i6300esb", "{\"action\":\"poweroff\"}" },
	{ "{architecture: s390x, domain: {devices: {watchdog: {name: w}}}}", "domain.devices.watchdog", "{\"name\":\"w\",\"diag288\":{\"action\":\"reset\"}}" },
	{ "{domain: {}, livenessProbe: {guestAgentPing: {}}}", "livenessProbe", "{\"guestAgentPing\":{},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3}" },
	{ "{domain: {}, readinessProbe: {guestAgentPing: {}, periodSeconds: 5}}", "readinessProbe.periodSeconds", "5" },
	/* what nobody knows stays */
	{ "{domain: {devices: {disks: [{name: a, changedBlockTracking: true}]}}}", "domain.devices.disks[0].changedBlockTracking", "true" },
	{ "{domain: {}, terminationGracePeriodSeconds: 0}", "terminationGracePeriodSeconds", "0" },
	{ "{domain: {}}", "terminationGracePeriodSeconds", "nothing" },
};

static json_t *
instance(const char *spec)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autofree char *text = g_strdup_printf("{metadata: {name: a, namespace: default}, spec: %s}", spec);
	struct diagnostics diagnostics;
	json_t *tree;

	diagnostics_init(&diagnostics);
	document_read("a.yaml", text, strlen(text), documents, &diagnostics);
	ck_assert_uint_eq(documents->len, 1);
	tree = json_deep_copy(((struct document *)documents->pdata[0])->root);
	diagnostics_clear(&diagnostics);
	return tree;
}

START_TEST(fills_in)
{
	json_t *tree = instance(rows[_i].spec), *again, *value;
	g_autofree char *path = g_strconcat("spec.", rows[_i].path, NULL), *found = NULL;

	vmi_prepare(tree);
	value = path_find(tree, path);
	found = value == NULL ? g_strdup("nothing") : json_write(value);
	ck_assert_msg(strcmp(found, rows[_i].wanted) == 0, "%s\n%s: wanted %s, got %s", rows[_i].spec, path, rows[_i].wanted, found);
	again = json_deep_copy(tree);
	vmi_prepare(again);
	ck_assert_msg(json_equal(tree, again), "%s: not the same when done twice", rows[_i].spec);
	json_decref(again);
	json_decref(tree);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("defaults");
	TCase *tc = tcase_create("defaults");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, fills_in, 0, G_N_ELEMENTS(rows));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
