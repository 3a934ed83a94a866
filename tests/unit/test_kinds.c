/* The kinds: their rows are in order, their names are found, their rules say where and why, what is filled in is stable. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/config.h"
#include "src/api/core.h"
#include "src/api/kinds.h"
#include "src/api/storage_class.h"
#include "src/api/storage_profile.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

static GPtrArray *documents;
static struct diagnostics diagnostics;

static void
setup(void)
{
	documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	diagnostics_init(&diagnostics);
}

static void
teardown(void)
{
	g_ptr_array_unref(documents);
	diagnostics_clear(&diagnostics);
}

/* Decodes every document of a text; what the last one is, or NULL.  The caller frees it by its kind. */
static void *
decode(const char *text, const struct kind **kind)
{
	void *object = NULL;

	document_read(NULL, text, strlen(text), documents, &diagnostics);
	for (guint i = 0; i < documents->len; i++) {
		if (object != NULL)
			schema_free((*kind)->schema, object);
		object = kind_decode(documents->pdata[i], "default", kind, &diagnostics);
	}
	return object;
}

/* All that is said of one severity, without places. */
static char *
told(enum severity severity)
{
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < diagnostics.items->len; i++) {
		const struct diagnostic *d = diagnostics.items->pdata[i];
		if (d->severity == severity)
			g_string_append_printf(all, "%s%s: %s", all->len == 0 ? "" : "\n", d->field, d->message);
	}
	return g_string_free(all, FALSE);
}

static void
assert_told(const char *text, const char *wanted)
{
	const struct kind *kind = NULL;
	void *object = decode(text, &kind);
	g_autofree char *found = told(SEVERITY_ERROR);

	ck_assert_msg(strcmp(found, wanted) == 0, "%s\nwanted \"%s\"\ngot    \"%s\"", text, wanted, found);
	ck_assert_int_eq(object != NULL, *wanted == '\0');
	if (object != NULL)
		schema_free(kind->schema, object);
}

/* --- the list ------------------------------------------------------------------------------------------------------- */

START_TEST(rows_are_in_order)
{
	struct error err = { 0 };

	ck_assert_msg(schema_lint(kinds[_i].schema, &err) == 0, "%s", err.text);
	ck_assert(kinds[_i].columns != NULL && kinds[_i].columns[0].name != NULL);
	ck_assert_ptr_eq(kind_of_path(kinds[_i].group, kinds[_i].version, kinds[_i].plural), &kinds[_i]);
	ck_assert_int_eq((int)kind_id(&kinds[_i]), _i);
	ck_assert(kinds[_i].schema->size >= sizeof(struct object_head));
	if (kinds[_i].status_schema != NULL) {
		const struct schema *sub = NULL;
		schema_find(kinds[_i].schema, "status", &sub);
		ck_assert_ptr_eq(sub, kinds[_i].status_schema);
	}
}
END_TEST

START_TEST(configuration_is_in_order)
{
	struct error err = { 0 };

	ck_assert_msg(schema_lint(&config_schema, &err) == 0, "%s", err.text);
}
END_TEST

/* Two kinds may not share a word. */
START_TEST(words_find_their_kind)
{
	const struct kind *kind = &kinds[_i];
	g_autofree char *upper = g_ascii_strup(kind->plural, -1);

	ck_assert_ptr_eq(kind_of_word(kind->name), kind);
	ck_assert_ptr_eq(kind_of_word(kind->singular), kind);
	ck_assert_ptr_eq(kind_of_word(kind->plural), kind);
	ck_assert_ptr_eq(kind_of_word(upper), kind);
	ck_assert_ptr_eq(kind_of_word(kind_resource(kind)), kind);
	for (size_t i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i] != NULL; i++)
		ck_assert_ptr_eq(kind_of_word(kind->short_names[i]), kind);
}
END_TEST

START_TEST(other_words_find_none)
{
	ck_assert_ptr_eq(kind_of_word("virtualmachines.v1.kubevirt.io"), &kinds[KIND_VM]);
	ck_assert_ptr_eq(kind_of_word("virtualmachine.kubevirt.io"), &kinds[KIND_VM]);
	ck_assert_ptr_null(kind_of_word("pod"));
	ck_assert_ptr_null(kind_of_word(""));
	ck_assert_ptr_null(kind_of_word("virtualmachines.example.org"));
	ck_assert_ptr_null(kind_of_path("kubevirt.io", "v2", "virtualmachines"));
	ck_assert_ptr_eq(kind_of_path("kubevirt.io", "v1alpha3", "virtualmachines"), &kinds[KIND_VM]);
	ck_assert_str_eq(kind_api_version(&kinds[KIND_VM]), "kubevirt.io/v1");
	ck_assert_str_eq(kind_api_version(&kinds[KIND_SECRET]), "v1");
	ck_assert_str_eq(kind_resource(&kinds[KIND_SECRET]), "secrets");
}
END_TEST

/* --- examples ------------------------------------------------------------------------------------------------------- */

static char *
examples_folder(void)
{
	const char *top = g_getenv("srcdir");

	return g_build_filename(top != NULL ? top : ".", "etc", "examples", NULL);
}

START_TEST(examples_are_right)
{
	g_autofree char *folder = examples_folder();
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	int count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL), *text = NULL, *wrong = NULL;
		const struct kind *kind = NULL;

		if (!g_str_has_suffix(name, ".yaml"))
			continue;
		ck_assert(g_file_get_contents(path, &text, NULL, NULL));
		g_ptr_array_set_size(documents, 0);
		void *object = decode(text, &kind);
		wrong = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		ck_assert_msg(object != NULL && *wrong == '\0', "%s: %s", name, wrong);
		ck_assert_msg(diagnostics.items->len == 0, "%s: warnings", name);
		schema_free(kind->schema, object);
		count++;
	}
	ck_assert_int_gt(count, 0);
}
END_TEST

/* --- what every object has ------------------------------------------------------------------------------------------ */

static const struct {
	const char *text, *told;
} heads[] = {
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", "" },
	{ "{apiVersion: kubevirt.io/v1alpha3, kind: VirtualMachineInstance, metadata: {name: a}, "
	  "spec: {domain: {memory: {guest: 1Gi}}}}", "" },
	{ "{kind: ConfigMap}", "apiVersion: is required: such as kubevirt.io/v1" },
	{ "{apiVersion: v1}", "kind: is required: such as VirtualMachine" },
	{ "{apiVersion: v2, kind: ConfigMap}", "apiVersion: \"v2\" is not a version of ConfigMap: write v1" },
	{ "{apiVersion: kubevirt.io/v1, kind: VirtualMachin}",
	  "kind: \"VirtualMachin\" is not a known kind; did you mean VirtualMachine?" },
	{ "{apiVersion: v1, kind: Pod}", "kind: \"Pod\" is not a known kind (\"solovirt api-resources\" lists them)" },
	{ "{apiVersion: v1, kind: ConfigMap}", "metadata.name: is required: what the ConfigMap is called" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: null}}",
	  "metadata.name: is required: what the ConfigMap is called" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a-}}", "" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: A_}}", "metadata.generateName: \"A_\" is not the beginning "
	  "of a name: a-z, 0-9, - and ., beginning with a letter or digit" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: A}}", "metadata.name: \"A\" is not a valid name: at most 253 of "
	  "a-z, 0-9, - and ., each part beginning and ending with a letter or digit" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: a.b}}", "metadata.namespace: \"a.b\" is not a DNS "
	  "label: at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit" },
	{ "{apiVersion: v1, kind: Node, metadata: {name: a, namespace: b}}",
	  "metadata.namespace: a Node is in no namespace: remove it" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {app: -}}}", "metadata.labels: \"-\" is not a label "
	  "value: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {app: \"\", example.org/x: Y.z_1}}}", "" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {a b: x}}}", "metadata.annotations: \"a b\" "
	  "is not a label or annotation name: [prefix/]name with at most 63 letters, digits, -, _ and ." },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, status: {anything: 1}}", "" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: a}", "metadata: must be an object with fields such as name, generateName, namespace, but is the string \"a\"\n"
	  "metadata.name: is required: what the ConfigMap is called" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a/b: x}}",
	  "data: \"a/b\" is not a data key: at most 253 letters, digits, -, _ and ." },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: x}, binaryData: {k: eA==}}",
	  "binaryData.k: is also written under data" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, binaryData: {k: \"%\"}}", "binaryData.k: is not base64; plain text goes under data" },
	{ "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: pass word}}", "data.k: is not base64; plain text goes under stringData" },
	{ "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: abc}}",
	  "data.k: is not base64: its length must be a multiple of 4 (padded with =); plain text goes under stringData" },
	{ "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: \"YWI=\\n\", l: \"\"}, stringData: {m: abc}}", "" },
};

START_TEST(checks_heads)
{
	assert_told(heads[_i].text, heads[_i].told);
}
END_TEST

START_TEST(fills_the_namespace)
{
	const struct kind *kind = NULL;
	struct object_head *head = decode("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", &kind);

	ck_assert_str_eq(head->meta->namespace, "default");
	schema_free(kind->schema, head);
}
END_TEST

START_TEST(limits_names_of_machines)
{
	g_autofree char *name = g_strnfill(64, 'a');
	g_autofree char *text = g_strdup_printf("{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: %s}, "
						"spec: {domain: {memory: {guest: 1Gi}}}}", name);

	g_autofree char *warning = NULL;

	assert_told(text, "");
	warning = told(SEVERITY_WARNING);
	ck_assert_str_eq(warning, "metadata.name: is 64 characters long: the guest's hostname has the first 63 of them");
}
END_TEST

/* --- rules of an instance ------------------------------------------------------------------------------------------- */

#define DISK(more) "domain: {memory: {guest: 1Gi}, devices: {disks: [{name: d, " more "}]}}, volumes: [{name: d, emptyDisk: " \
		   "{capacity: 1Gi}}]"
#define DEVICES(more) "domain: {memory: {guest: 1Gi}, devices: {" more "}}"
#define DOMAIN(more) "domain: {memory: {guest: 1Gi}, " more "}"
#define VOLUME(source) "domain: {memory: {guest: 1Gi}}, volumes: [{name: d, " source "}]"
#define V "spec.volumes[0]"
#define D "spec.domain.devices.disks[0]"

static const struct {
	const char *spec, *told; /* errors, then warnings behind a "|" */
} rules[] = {
	{ "domain: {memory: {guest: 1Gi}}", "" },
	{ "hostname: a", "spec.domain.memory.guest: is required: how much memory the guest has, such as 1Gi" },
	{ "domain: {}", "spec.domain.memory.guest: is required: how much memory the guest has, such as 1Gi" },
	{ "domain: {resources: {requests: {memory: 64Mi}}}", "" },
	{ "domain: {resources: {limits: {memory: 64Mi}}}", "" },
	{ "domain: {memory: {guest: 8 Gi}}", "spec.domain.memory.guest: \"8 Gi\" is not a quantity; did you mean \"8Gi\"?" },
	{ "domain: {memory: {guest: 2Gi, maxGuest: 1Gi}}", "|spec.domain.memory.maxGuest: is less than memory.guest: no "
	  "memory can be plugged in" },
	{ DOMAIN("resources: {requests: {memory: 2Gi, cpu: 3}, limits: {memory: 1Gi, cpu: 2}}"),
	  "spec.domain.resources.requests.memory: must not be more than resources.limits.memory\n"
	  "spec.domain.resources.requests.cpu: must not be more than resources.limits.cpu" },
	{ DOMAIN("cpu: {sockets: 9, cores: 8, threads: 8}"),
	  "|spec.domain.cpu: 576 virtual CPUs are more than most hosts start (512)" },
	{ DOMAIN("cpu: {sockets: 4, maxSockets: 2}"), "spec.domain.cpu.sockets: must not be more than cpu.maxSockets" },
	{ DOMAIN("cpu: {cores: -1}"), "spec.domain.cpu.cores: -1 is out of range: it must be from 0 to 4294967295" },
	{ DOMAIN("machine: {type: pc}"),
	  "spec.domain.machine.type: machine type \"pc\" is not supported: use q35 or a pc-q35-VERSION" },
	{ DOMAIN("firmware: {uuid: x}"),
	  "|spec.domain.firmware.uuid: \"x\" is not a UUID such as 5d307ca9-b3ef-428c-8861-06e72d69f223: the machine cannot start" },
	{ DOMAIN("firmware: {bootloader: {bios: {}, efi: {secureBoot: false}}}"),
	  "spec.domain.firmware.bootloader: bios and efi exclude each other: write one of them" },
	{ DOMAIN("clock: {utc: {}, timezone: Europe/Berlin}"),
	  "|spec.domain.clock: utc and timezone exclude each other: the clock starts at UTC" },
	{ "domain: {memory: {guest: 1Gi}}, architecture: s390x", "|spec.architecture: hosts are of amd64: a machine of s390x cannot "
	  "start here" },
	{ "domain: {memory: {guest: 1Gi}}, architecture: vax", "spec.architecture: \"vax\" is not supported: amd64 is" },
	{ "domain: {memory: {guest: 1Gi}}, hostname: a.b", "spec.hostname: \"a.b\" is not a DNS label: at most 63 of a-z, 0-9 and "
	  "-, beginning and ending with a letter or digit" },
	{ "domain: {memory: {guest: 1Gi}}, affinity: {}", "|spec.affinity: Placement follows capacity and "
	  "nodeSelector." },
	/* disks */
	{ DISK("disk: {bus: virtio}"), "" },
	{ DISK("disk: {bus: ide}"), D ".disk.bus: \"ide\" is not one of virtio, sata, scsi, usb" },
	{ DISK("disk: {}, cdrom: {}"), D ": disk and cdrom exclude each other: write one of them" },
	{ DISK("cdrom: {bus: virtio}"), D ".cdrom.bus: a CD-ROM cannot be on the virtio bus: use sata, scsi or usb" },
	{ DISK("disk: {bus: sata, readonly: true}"), D ".disk.bus: a disk on the sata bus cannot be read-only: use virtio "
	  "or scsi, or a cdrom" },
	{ DISK("lun: {}"), D ".lun: only a dataVolume or persistentVolumeClaim can be a LUN" },
	{ DISK("serial: a b"), D ".serial: \"a b\" is not a serial number: letters, digits, _, ., + and - only" },
	{ DISK("cache: fast"), D ".cache: \"fast\" is not one of none, writethrough, writeback" },
	{ DISK("bootOrder: 0"), D ".bootOrder: 0 is out of range: it must be at least 1" },
	{ DEVICES("disks: [{name: d, disk: {}}]"), D ".name: no volume is named \"d\": add it under volumes" },
	{ DEVICES("disks: [{name: d, bootOrder: 1}, {name: e, bootOrder: 1}]") ", volumes: [{name: d, emptyDisk: {capacity: 1Gi}},"
	  " {name: e, emptyDisk: {capacity: 1Gi}}]",
	  "spec.domain.devices.disks[1].bootOrder: 1 is used by an earlier device: each needs its own" },
	{ DEVICES("disks: [{name: d, bootOrder: 1}], interfaces: [{name: net, bridge: {}, bootOrder: 1}]") ", networks: [{name: net, "
	  "pod: {}}], volumes: [{name: d, emptyDisk: {capacity: 1Gi}}]",
	  "spec.domain.devices.interfaces[0].bootOrder: 1 is used by an earlier device: each needs its own" },
	/* interfaces */
	{ DEVICES("interfaces: [{name: net, masquerade: {}}]"),
	  "spec.domain.devices.interfaces[0].name: no network is named \"net\": add it under networks" },
	{ "domain: {memory: {guest: 1Gi}}, networks: [{name: net, pod: {}}]",
	  "spec.networks[0].name: no interface is named \"net\": add it under domain.devices.interfaces" },
	{ DEVICES("interfaces: [{name: net, bridge: {}}, {name: m, bridge: {}}]") ", networks: [{name: net, pod: {}}, {name: m, pod: "
	  "{}}]", "spec.domain.devices.interfaces: only one interface can be on the default (pod) network" },
	{ DEVICES("interfaces: [{name: net, bridge: {}, macAddress: 52:54:00:00:00:01}, {name: m, bridge: {}, macAddress: "
	  "52:54:00:00:00:01}]") ", networks: [{name: net, pod: {}}, {name: m, multus: {networkName: x}}]",
	  "|spec.domain.devices.interfaces[1].macAddress: 52:54:00:00:00:01 is used by an earlier interface: guests get confused by "
	  "two of the same" },
	{ DEVICES("interfaces: [{name: net, bridge: {}, macAddress: 01:54:00:00:00:01}]") ", networks: [{name: net, pod: {}}]",
	  "|spec.domain.devices.interfaces[0].macAddress: 01:54:00:00:00:01 is a multicast address (its first byte is odd): the "
	  "machine cannot start" },
	{ DEVICES("interfaces: [{name: net, bridge: {}, macAddress: x}]") ", networks: [{name: net, pod: {}}]",
	  "spec.domain.devices.interfaces[0].macAddress: \"x\" is not a MAC address such as 52:54:00:12:34:56" },
	{ DEVICES("interfaces: [{name: net, bridge: {}, ports: [{port: 0}]}]") ", networks: [{name: net, pod: {}}]",
	  "spec.domain.devices.interfaces[0].ports[0].port: is required: from 1 to 65535" },
	{ "domain: {memory: {guest: 1Gi}}, networks: [{name: net}]", "spec.networks[0]: one of pod, multus must be written\n"
	  "spec.networks[0].name: no interface is named \"net\": add it under domain.devices.interfaces" },
	/* volumes */
	{ VOLUME("x: 1"), V ".x: no such field in Volume (\"solovirt explain\" lists them)\n" V ": one of dataVolume, "
	  "persistentVolumeClaim, emptyDisk, hostDisk, cloudInitNoCloud, cloudInitConfigDrive, secret, configMap, "
	  "containerDisk, ephemeral, sysprep, downwardAPI, memoryDump must be written" },
	{ VOLUME("emptyDisk: {capacity: 1Gi}, secret: {secretName: s}"),
	  V ": emptyDisk and secret exclude each other: write one of them" },
	{ VOLUME("emptyDisk: {}"), "|" V ".emptyDisk.capacity: is less than 1Mi: the machine cannot start" },
	{ VOLUME("hostDisk: {path: a/../b, type: Disk}"),
	  V ".hostDisk.path: \"a/../b\" is not an absolute path without \"..\"" },
	{ VOLUME("dataVolume: {}"), V ".name: dataVolume.name is required: the DataVolume that fills the disk" },
	{ VOLUME("cloudInitNoCloud: {}"),
	  V ".cloudInitNoCloud: needs user data (userData, userDataBase64 or secretRef) or network data" },
	{ VOLUME("cloudInitNoCloud: {userData: a, userDataBase64: YQ==}"),
	  V ".cloudInitNoCloud: userData, userDataBase64 and secretRef exclude each other: write one of them" },
	{ VOLUME("cloudInitConfigDrive: {networkData: a, networkDataSecretRef: {name: s}}"),
	  V ".cloudInitConfigDrive: networkData, networkDataBase64 and networkDataSecretRef exclude each other: write one of them" },
	{ VOLUME("cloudInitNoCloud: {userDataBase64: \"#cloud-config\"}"), V ".cloudInitNoCloud.userDataBase64: is not base64; plain text "
	  "goes under userData" },
};

START_TEST(checks_instances)
{
	g_autofree char *text = g_strdup_printf("{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: m}, "
						"spec: {%s}}", rules[_i].spec);
	g_auto(GStrv) parts = g_strsplit(rules[_i].told, "|", 2);
	g_autofree char *warnings = NULL;

	assert_told(text, *rules[_i].told == '\0' ? "" : parts[0]);
	warnings = told(SEVERITY_WARNING);
	ck_assert_str_eq(warnings, *rules[_i].told == '\0' || parts[1] == NULL ? "" : parts[1]);
}
END_TEST

START_TEST(limits_inline_data)
{
	g_autofree char *data = g_strnfill(2049, 'a');
	g_autofree char *text = g_strdup_printf("{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: m}, "
						"spec: {" VOLUME("cloudInitNoCloud: {userData: %s}") "}}", data);

	assert_told(text, V ".cloudInitNoCloud: userData is 2049 bytes long: at most 2048 are allowed here; put it into a Secret "
	    "and name that in secretRef");
}
END_TEST

/* --- rules of the others -------------------------------------------------------------------------------------------- */

#define VM(more) "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: m}, spec: {" more "}}"
#define TEMPLATE "template: {spec: {domain: {memory: {guest: 1Gi}}, volumes: [{name: d, dataVolume: {name: d}}]}}"
#define CLASS(body) "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, " body "}"
#define PVC(more)                                                                                                          \
	"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, " more "}}"
#define STORAGE "storage: {resources: {requests: {storage: 1Gi}}}"
#define SPEC "spec: {source: {blank: {}}, " STORAGE "}"
#define DV(more) "{apiVersion: cdi.kubevirt.io/v1beta1, kind: DataVolume, metadata: {name: d}, spec: {" more "}}"
#define CLAIM(more) "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, spec: {" more "}}"

#define NETWORK(config) "{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: net}, spec: {config: '" config "'}}"

static const struct {
	const char *text, *told;
} others[] = {
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"vlan\": 4094, \"mtu\": 9000}"), "" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"trunk\": [{\"id\": 0}, {\"minID\": 1, \"maxID\": 9}]}"), "" },
	{ NETWORK("{\"plugins\": [{\"type\": \"cnv-bridge\", \"bridge\": \"br1\"}]}"), "" },
	{ NETWORK("{\"type\": \"libvirt\", \"network\": \"default\"}"), "" },
	{ NETWORK(""), "spec.config: is needed: a CNI configuration such as '{\"type\": \"ovs\", \"bridge\": \"br1\", \"vlan\": 100}'" },
	{ NETWORK("[]"), "spec.config: must be a JSON object, a CNI configuration" },
	{ NETWORK("{\"type\": ovs}"), "spec.config: is no JSON: line 1, column 12: invalid token near 'ovs'" },
	{ NETWORK("{\"bridge\": \"br1\"}"), "spec.config: type must be ovs (a bridge of Open vSwitch), bridge (one of Linux), libvirt (a network of libvirt) or kube-ovn (what a Subnet says)" },
	{ NETWORK("{\"type\": \"ovs\"}"), "spec.config: bridge must be a name of at most 15 characters, without slash and space" },
	{ NETWORK("{\"type\": \"libvirt\", \"network\": \"a b\"}"), "spec.config: network must be a name of at most 80 characters, without slash and space" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"vlan\": 4095}"), "spec.config: vlan must be a number from 0 to 4094" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"trunk\": []}"), "spec.config: trunk must be a list of {\"id\": 7} or {\"minID\": 10, \"maxID\": 20}" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"trunk\": [{\"id\": 1, \"minID\": 1}]}"), "spec.config: trunk must be a list of {\"id\": 7} or {\"minID\": 10, \"maxID\": 20}" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"trunk\": [{\"minID\": 9, \"maxID\": 8}]}"), "spec.config: trunk.maxID (8) is less than trunk.minID (9)" },
	{ NETWORK("{\"type\": \"ovs\", \"bridge\": \"br1\", \"trunk\": [{\"minID\": 0, \"maxID\": 4094}, {\"id\": 1}]}"), "spec.config: trunk names more than the 4095 tags that there are: write each once" },
	{ NETWORK("{\"type\": \"libvirt\", \"network\": \"a\", \"trunk\": [{\"id\": 7}]}"), "spec.config: trunk is for the type ovs: other ports are not tagged here; make a bridge on a VLAN interface such as eth0.100" },
	{ NETWORK("{\"type\": \"bridge\", \"bridge\": \"br1\", \"vlan\": 7}"), "spec.config: vlan is for the type ovs: other ports are not tagged here; make a bridge on a VLAN interface such as eth0.100" },
	{ NETWORK("{\"type\": \"libvirt\", \"network\": \"n\", \"mtu\": 1400}"), "spec.config: mtu is said by libvirt's network itself (<mtu size='...'/>)" },
	{ VM("runStrategy: Always, " TEMPLATE), "" },
	{ VM(TEMPLATE), "spec.running: runStrategy is required: Always, Halted, Manual, RerunOnFailure or Once" },
	{ VM("running: true, runStrategy: Always, " TEMPLATE),
	  "spec.running: running and runStrategy exclude each other: keep runStrategy" },
	{ VM("runStrategy: Allways, " TEMPLATE), "spec.runStrategy: \"Allways\" is not one of Always, Halted, Manual, "
	  "RerunOnFailure, Once; did you mean Always?" },
	{ VM("runStrategy: Always"), "spec.template: is required: an object (From what the instance is made at each start)" },
	{ VM("runStrategy: Always, template: {}"), "" },
	{ VM("runStrategy: Always, dataVolumeTemplates: [{metadata: {name: d}, " SPEC "}], " TEMPLATE), "" },
	{ VM("runStrategy: Always, dataVolumeTemplates: [{metadata: {}, " SPEC "}], " TEMPLATE),
	  "spec.dataVolumeTemplates[0].metadata.name: is required: what the DataVolume is called" },
	{ VM("runStrategy: Always, dataVolumeTemplates: [{metadata: {name: e}, " SPEC "}], " TEMPLATE),
	  "spec.dataVolumeTemplate[0]: no volume of the template uses DataVolume \"e\": add it under template.spec.volumes" },
	{ VM("runStrategy: Always, dataVolumeTemplates: [{metadata: {name: d}, " SPEC "}, {metadata: {name: d}, " SPEC "}], "
	  TEMPLATE), "" },
	{ DV("source: {blank: {}}, " STORAGE), "" },
	{ DV(STORAGE), "spec.source: is required: where the data comes from" },
	{ DV("source: {}, " STORAGE), "spec.source: one of http, blank, s3, gcs, registry, pvc, snapshot, upload must be written" },
	{ DV("source: {blank: {}, http: {url: 'http://a/b'}}, " STORAGE),
	  "spec.source: http and blank exclude each other: write one of them" },
	{ DV("source: {registry: {}}, " STORAGE), "spec.source.registry.url: is required: where the image is, such as docker://quay.io/containerdisks/debian:12" },
	{ DV("source: {registry: {url: 'docker://example.org/a'}}, " STORAGE), "" },
	{ DV("source: {registry: {url: 'https://example.org/a'}}, " STORAGE), "spec.source.registry.url: begins neither with docker:// nor with oci-archive: write where the image is, such as docker://quay.io/containerdisks/debian:12" },
	{ DV("contentType: archive, source: {registry: {url: 'oci-archive:a'}}, " STORAGE), "spec.contentType: must be kubevirt for source.registry: a container image holds the image of a disk" },
	{ DV("contentType: archive, source: {http: {url: 'http://a/b'}}, storage: {volumeMode: Block, resources: {requests: {storage: 1Gi}}}"), "spec.storage.volumeMode: must be Filesystem for contentType archive: it is unpacked into one" },
	{ DV("source: {gcs: {url: 'gs://bucket/a'}}, " STORAGE), "" },
	{ DV("source: {pvc: {name: a}}, storage: {}"), "" },
	{ DV("source: {pvc: {}}, storage: {}"), "spec.source.pvc.name: is required: what the disk is to be a copy of" },
	{ DV("source: {pvc: {name: a}}, pvc: {accessModes: [ReadWriteOnce]}"), "spec.pvc.resources.requests.storage: is required: the size of the disk, such as 10Gi" },
	{ DV("sourceRef: {kind: DataSource, name: a}, storage: {}"), "" },
	{ DV("sourceRef: {kind: Source, name: a}, storage: {}"), "spec.sourceRef.kind: \"Source\" is not supported: write DataSource" },
	{ DV("storage: {dataSource: {kind: PersistentVolumeClaim, name: a}}"), "" },
	{ DV("source: {http: {}}, " STORAGE), "spec.source.http.url: is required: where the image is" },
	{ DV("source: {http: {url: disk.qcow2}}, " STORAGE),
	  "spec.source.http.url: is not a URL such as https://example.org/disk.qcow2" },
	{ DV("source: {http: {url: 'ftp://a/b'}}, " STORAGE),
	  "spec.source.http.url: has the scheme ftp: http and https are supported" },
	{ DV("source: {http: {url: 'http://a/b', checksum: abc}}, " STORAGE), "spec.source.http.checksum: is not a checksum: "
	  "write md5, sha1, sha256 or sha512, a colon and the hexadecimal digits" },
	{ DV("source: {blank: {}}"), "spec.storage: storage or pvc is required, with the size of the disk" },
	{ DV("source: {blank: {}}, storage: {}"),
	  "spec.storage.resources.requests.storage: is required: the size of the disk, such as 10Gi" },
	{ DV("source: {blank: {}}, pvc: {resources: {requests: {storage: 1Gi}}}"),
	  "spec.pvc.accessModes: is required: a list such as [ReadWriteOnce]" },
	{ DV("source: {blank: {}}, pvc: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}, " STORAGE),
	  "spec.storage: storage and pvc exclude each other: write one of them" },
	{ CLAIM("accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"), "" },
	{ CLAIM("accessModes: [RWO], resources: {requests: {storage: 1Gi}}"), "spec.accessModes: \"RWO\" is not one of "
	  "ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod" },
	{ CLAIM("volumeMode: Block"), "spec.resources.requests.storage: is required: the size of the disk, such as 10Gi\n"
	  "spec.accessModes: is required: a list such as [ReadWriteOnce]" },
	{ "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}}",
	  "provisioner: is required: a string (Driver: local.solovirt.io or rbd.csi.ceph.com)" },
	{ CLASS("provisioner: rbd.csi.ceph.com"), "parameters.clusterID: is required for the provisioner rbd.csi.ceph.com\nparameters.pool: is required for the provisioner rbd.csi.ceph.com" },
	{ CLASS("provisioner: rook-ceph.rbd.csi.ceph.com, parameters: {clusterID: a, pool: b, imageFeatures: 'layering,exclusive-lock', stripeUnit: '4096', stripeCount: '2', objectSize: '4194304', csi.storage.k8s.io/fstype: ext4, colour: red}"), "" },
	{ CLASS("provisioner: rbd.csi.ceph.com, parameters: {clusterID: a, pool: b, imageFeatures: fast-diff, stripeUnit: '4096', objectSize: '5', thickProvision: 'true', encrypted: 'yes'}"),
	  "parameters.imageFeatures: fast-diff needs object-map: add it\nparameters.stripeUnit: needs stripeCount: write both or none\n"
	  "parameters.objectSize: \"5\" is not a power of two from 4096 to 33554432 bytes\n"
	  "parameters.encrypted: must be \"true\" or \"false\"\n"
	  "parameters.thickProvision: is not supported: ceph-csi gave it up; use a DataVolume with preallocation: true" },
	{ CLASS("provisioner: rbd.csi.ceph.com, parameters: {clusterID: a, pool: b, encrypted: 'true', encryptionType: block, csi.storage.k8s.io/node-stage-secret-name: s, csi.storage.k8s.io/node-stage-secret-namespace: kube-system}"), "" },
	{ CLASS("provisioner: rbd.csi.ceph.com, parameters: {clusterID: a, pool: b, encrypted: 'true', encryptionType: file, encryptionKMSID: vault, csi.storage.k8s.io/node-stage-secret-namespace: '${pvc.namespace}'}"),
	  "parameters.encryptionType: only \"block\" is supported: images are disks, and no file system is mounted here\n"
	  "parameters.encryptionKMSID: is not supported: the passphrase is the encryptionPassphrase of the Secret that csi.storage.k8s.io/node-stage-secret-name names\n"
	  "parameters['csi.storage.k8s.io/node-stage-secret-name']: is required with encrypted: the Secret with the key encryptionPassphrase\n"
	  "parameters['csi.storage.k8s.io/node-stage-secret-namespace']: \"${pvc.namespace}\" is not a valid name: at most 253 of a-z, 0-9, - and ., each part beginning and ending with a letter or digit; one Secret is for all volumes of the class" },
	{ CLASS("provisioner: rbd.csi.ceph.com, parameters: {clusterID: a, pool: b, imageFeatures: layerin}"),
	  "parameters.imageFeatures: \"layerin\" is not one of layering, exclusive-lock, object-map, fast-diff, deep-flatten, journaling; did you mean layering?" },
	{ CLASS("provisioner: local.solovirt.io, parameters: {baseIops: '100', maxReadIops: '10', writeBpsPerGiB: '-1'}"),
	  "parameters.writeBpsPerGiB: must be positive: operations or bytes a second; remove it for no limit\n"
	  "parameters.maxReadIops: cannot stand beside a limit of reads and writes together: write one for each or one for both" },
	{ CLASS("provisioner: local.solovirt.io, parameters: {format: vmdk}"), "parameters.format: \"vmdk\" is not one of raw, qcow2" },
	{ PVC("dataSource: {kind: PersistentVolumeClaim, name: a}"), "" },
	{ PVC("dataSource: {kind: VolumeSnapshot, apiGroup: snapshot.storage.k8s.io, name: a}, dataSourceRef: {kind: VolumeSnapshot, apiGroup: snapshot.storage.k8s.io, name: a}"), "" },
	{ PVC("dataSourceRef: {kind: PersistentVolumeClaim, name: a, namespace: other}"), "" },
	{ PVC("dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}"), "spec.dataSource: must say the same as dataSourceRef: write one of them" },
	{ PVC("dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: a, namespace: b}"), "spec.dataSource: is not allowed beside a dataSourceRef with a namespace: remove it" },
	{ PVC("dataSource: {kind: VolumeSnapshot, name: a}"), "spec.dataSource: a VolumeSnapshot is of the apiGroup snapshot.storage.k8s.io: write that" },
	{ PVC("dataSource: {kind: VolumeCloneSource, apiGroup: cdi.kubevirt.io, name: a}"), "spec.dataSource: a claim cannot be filled from the kind VolumeCloneSource: PersistentVolumeClaim and VolumeSnapshot are supported" },
};

START_TEST(checks_others)
{
	assert_told(others[_i].text, others[_i].told);
}
END_TEST

/* What a disk of so many GiB may do: read_iops, total_bytes. */
static const struct {
	const char *parameters;
	int64_t gib, read_iops, total_bytes;
} limits[] = {
	{ "{}", 10, 0, 0 },
	{ "{maxReadIops: '1000', maxBps: 10Mi}", 10, 1000, 10 << 20 },
	{ "{baseReadIops: '500', baseBps: '1048576'}", 10, 500, 1 << 20 },
	{ "{baseReadIops: '500', readIopsPerGiB: '10'}", 10, 600, 0 },
	{ "{baseReadIops: '500', readIopsPerGiB: '10', baseVolSizeBytes: 8Gi}", 10, 520, 0 },
	{ "{baseReadIops: '500', readIopsPerGiB: '10', baseVolSizeBytes: 20Gi}", 10, 500, 0 },
	{ "{baseReadIops: '500', readIopsPerGiB: '100', maxReadIops: '700'}", 10, 700, 0 },
	{ "{baseReadIops: '9000000000000000000', readIopsPerGiB: '9000000000000000000'}", 1000, INT64_MAX, 0 },
};

START_TEST(limits_of_disks)
{
	g_autofree char *text = g_strconcat("{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: local.solovirt.io, parameters: ",
	    limits[_i].parameters, "}", NULL);
	const struct kind *kind;
	struct disk_limits got;
	struct storage_class *class = decode(text, &kind);

	ck_assert_ptr_nonnull(class);
	storage_class_limits(class, limits[_i].gib << 30, &got);
	ck_assert_int_eq(got.read_iops, limits[_i].read_iops);
	ck_assert_int_eq(got.total_bytes, limits[_i].total_bytes);
	ck_assert_int_eq(got.write_iops, 0);
	schema_free(&storage_class_schema, class);
}
END_TEST

/* --- what is filled in ---------------------------------------------------------------------------------------------- */

START_TEST(uuids_follow_names)
{
	char a[37], b[37];

	/* As KubeVirt makes them: version 5 in its namespace, of "namespace/name". */
	uuid_of_name("default", "web", a);
	ck_assert_str_eq(a, "56554525-40bc-5dfc-90f6-74399d2012f9");
	uuid_of_name("default", "web", b);
	ck_assert_str_eq(a, b);
	uuid_of_name("prod", "web", b);
	ck_assert_str_ne(a, b);
	ck_assert(g_uuid_string_is_valid(a) && a[14] == '5');
}
END_TEST

static json_t *
prepared(void (*prepare)(json_t *), const char *text)
{
	json_t *tree = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(tree);
	prepare(tree);
	return tree;
}

static void
assert_at(const json_t *tree, const char *path, const char *wanted)
{
	json_t *value = path_find(tree, path);
	g_autofree char *found = value == NULL ? g_strdup("nothing") : json_write(value);

	ck_assert_msg(strcmp(found, wanted) == 0, "%s: wanted %s, got %s", path, wanted, found);
}

/* Preparing once more changes nothing: an update must not give a machine another face. */
static void
assert_stable(void (*prepare)(json_t *), json_t *tree)
{
	json_t *again = json_deep_copy(tree);

	prepare(again);
	ck_assert(json_equal(tree, again));
	json_decref(again);
	json_decref(tree);
}

START_TEST(prepares_instances)
{
	json_t *tree = prepared(vmi_prepare, "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"domain\":"
					     "{\"devices\":{\"disks\":[{\"name\":\"b\",\"cdrom\":{}},{\"name\":\"c\"}],"
					     "\"autoattachInputDevice\":true}},"
					     "\"volumes\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}}");

	assert_at(tree, "spec.domain.devices.disks", "[{\"name\":\"b\",\"cdrom\":{\"bus\":\"sata\",\"readonly\":true,\"tray\":\"closed\"}},"
	    "{\"name\":\"c\",\"disk\":{\"bus\":\"sata\"}},{\"name\":\"a\",\"disk\":{\"bus\":\"sata\"}}]");
	assert_at(tree, "spec.domain.devices.interfaces", "[{\"name\":\"default\",\"masquerade\":{}}]");
	assert_at(tree, "spec.networks", "[{\"name\":\"default\",\"pod\":{}}]");
	assert_at(tree, "spec.domain.devices.inputs", "[{\"name\":\"default-0\",\"type\":\"tablet\",\"bus\":\"usb\"}]");
	assert_at(tree, "spec.domain.firmware.uuid", "\"56554525-40bc-5dfc-90f6-74399d2012f9\"");
	assert_at(tree, "spec.domain.machine.type", "\"q35\"");
	assert_at(tree, "status.phase", "\"Pending\"");
	assert_stable(vmi_prepare, tree);
}
END_TEST

START_TEST(prepares_only_what_is_missing)
{
	json_t *tree = prepared(vmi_prepare, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"domain\":{\"firmware\":{\"uuid\":\"u\"},"
					     "\"machine\":{\"type\":\"pc-q35-7.2\"},\"devices\":{\"autoattachPodInterface\":false}}}}");

	assert_at(tree, "spec.domain.firmware.uuid", "\"u\"");
	assert_at(tree, "spec.domain.machine.type", "\"pc-q35-7.2\"");
	assert_at(tree, "spec.networks", "nothing");
	assert_at(tree, "spec.domain.devices.interfaces", "nothing");
	assert_at(tree, "spec.domain.devices.inputs", "nothing");
	assert_stable(vmi_prepare, tree);
}
END_TEST

START_TEST(prepares_machines_and_claims)
{
	json_t *vm = prepared(vm_prepare, "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"template\":{\"spec\":{\"domain\":{}}}}}");
	json_t *claim = prepared(claim_prepare, "{\"spec\":{\"volumeMode\":\"Block\"}}");

	assert_at(vm, "spec.template.spec.domain.firmware.uuid", "\"56554525-40bc-5dfc-90f6-74399d2012f9\"");
	assert_at(vm, "spec.template.spec.volumes", "nothing");
	assert_at(claim, "spec", "{\"volumeMode\":\"Block\",\"storageClassName\":\"local\"}");
	assert_stable(vm_prepare, vm);
	assert_stable(claim_prepare, claim);
}
END_TEST

START_TEST(prepares_secrets)
{
	json_t *tree = prepared(secret_prepare, "{\"data\":{\"a\":\"eA==\",\"b\":\"eA==\"},\"stringData\":{\"b\":\"yz\",\"c\":\"\"}}");

	assert_at(tree, "data", "{\"a\":\"eA==\",\"b\":\"eXo=\",\"c\":\"\"}");
	assert_at(tree, "stringData", "nothing");
	assert_at(tree, "type", "\"Opaque\"");
	assert_stable(secret_prepare, tree);
}
END_TEST

START_TEST(reads_data)
{
	const struct kind *kind = NULL;
	struct secret *secret = decode("{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: AGI=}}", &kind);
	size_t length = 0;
	g_autofree char *value = secret_value(secret, "k", &length);

	ck_assert_uint_eq(length, 2);
	ck_assert(memcmp(value, "\0b", 3) == 0);
	ck_assert_ptr_null(secret_value(secret, "l", &length));
	schema_free(kind->schema, secret);
}
END_TEST

/* --- changes -------------------------------------------------------------------------------------------------------- */

#define INSTANCE(labels) "{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: m, uid: u, labels: " labels \
			 "}, spec: {domain: {memory: {guest: 1Gi}}}}"

static const struct {
	const char *old, *new, *told;
} changes[] = {
	{ CLAIM("accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"),
	  CLAIM("accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}"), "" },
	{ CLAIM("accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}"),
	  CLAIM("accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}"),
	  "spec.resources.requests.storage: a disk can grow but not shrink" },
	{ "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: eA==}}",
	  "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: eQ==}}", "" },
	{ "{apiVersion: v1, kind: Secret, metadata: {name: a}, immutable: true, data: {k: eA==}}",
	  "{apiVersion: v1, kind: Secret, metadata: {name: a}, immutable: true, data: {k: eQ==}}",
	  "data: may not change: the Secret is immutable" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, immutable: true, data: {k: a}}",
	  "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {x: one}}, immutable: true, data: {k: a}}", "" },
	{ "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, immutable: true, data: {k: a}}",
	  "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: a, l: b}}",
	  "immutable: may not be unset: delete the ConfigMap and create it anew\n"
	  "data: may not change: the ConfigMap is immutable" },
	{ VM("runStrategy: Always, instancetype: {name: a, revisionName: r}, " TEMPLATE),
	  VM("runStrategy: Once, instancetype: {name: a, revisionName: r}, " TEMPLATE), "" },
	{ VM("runStrategy: Always, preference: {name: a, revisionName: r}, " TEMPLATE),
	  VM("runStrategy: Always, preference: {name: b}, " TEMPLATE), "" },
	{ VM("runStrategy: Always, instancetype: {name: a, revisionName: r}, " TEMPLATE),
	  VM("runStrategy: Always, instancetype: {name: b, revisionName: r}, " TEMPLATE),
	  "spec.instancetype.revisionName: is of \"a\": remove it when the name changes" },
	{ INSTANCE("{kubevirt.io/nodeName: a, b: c}"), INSTANCE("{kubevirt.io/nodeName: a, b: d}"), "" },
	{ INSTANCE("{kubevirt.io/nodeName: a}"), INSTANCE("{kubevirt.io/nodeName: b}"),
	  "metadata.labels: kubevirt.io/nodeName is reserved: only the daemon changes it" },
	{ INSTANCE("{}"), INSTANCE("{kubevirt.io/schedulable: 'true'}"),
	  "metadata.labels: kubevirt.io/schedulable is reserved: only the daemon changes it" },
};

START_TEST(checks_changes)
{
	const struct kind *kind = NULL;
	void *old = decode(changes[_i].old, &kind), *new;

	g_ptr_array_set_size(documents, 0);
	new = decode(changes[_i].new, &kind);
	ck_assert(old != NULL && new != NULL);
	kind->check_change(old, new, documents->pdata[0], &diagnostics);
	g_autofree char *found = told(SEVERITY_ERROR);
	ck_assert_str_eq(found, changes[_i].told);
	schema_free(kind->schema, old);
	schema_free(kind->schema, new);
}
END_TEST

/* --- what is read off an instance ----------------------------------------------------------------------------------- */

static const struct {
	const char *domain;
	int64_t vcpus, memory;
} sizes[] = {
	{ "memory: {guest: 1Mi}", 1, 1 << 20 },
	{ "memory: {guest: 1Mi}, cpu: {sockets: 2, cores: 3}", 6, 1 << 20 },
	{ "memory: {guest: 1Mi}, cpu: {model: host-model}, resources: {requests: {cpu: 1500m}}", 2, 1 << 20 },
	{ "memory: {guest: 1Mi}, resources: {requests: {cpu: 1}, limits: {cpu: 3}}", 3, 1 << 20 },
	{ "resources: {requests: {memory: 2Mi}, limits: {memory: 3Mi}}", 1, 2 << 20 },
	{ "resources: {limits: {memory: 3Mi}}", 1, 3 << 20 },
};

START_TEST(tells_sizes)
{
	g_autofree char *text = g_strdup_printf("{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: m}, "
						"spec: {domain: {%s}}}", sizes[_i].domain);
	const struct kind *kind = NULL;
	struct vmi *vmi = decode(text, &kind);

	ck_assert_int_eq((int)vmi_vcpus(vmi->spec), (int)sizes[_i].vcpus);
	ck_assert_int_eq((int)vmi_memory(vmi->spec), (int)sizes[_i].memory);
	schema_free(kind->schema, vmi);
}
END_TEST

START_TEST(sets_conditions)
{
	struct schema_list list = { 0 };

	ck_assert(condition_set(&list, "Ready", false, "Because", "It is so", 1000));
	ck_assert(!condition_set(&list, "Ready", false, "Because", "It is so", 2000));
	ck_assert(condition_set(&list, "Ready", false, "Other", NULL, 3000));
	ck_assert_int_eq((int)condition_find(&list, "Ready")->last_transition_time, 1000);
	ck_assert(condition_set(&list, "Ready", true, NULL, NULL, 4000));
	ck_assert_int_eq((int)condition_find(&list, "Ready")->last_transition_time, 4000);
	ck_assert(condition_is_true(&list, "Ready") && !condition_is_true(&list, "Paused"));
	ck_assert(condition_remove(&list, "Ready") && !condition_remove(&list, "Ready"));
	g_free(list.items);
}
END_TEST

/* CDI's table: what a claim says, and what it gets. */
static const struct {
	const char *provisioner, *modes;
	enum volume_mode mode;
	bool archive;
	const char *got_modes; /* NULL: refused */
	enum volume_mode got_mode;
} gaps[] = {
	{ "rbd.csi.ceph.com", NULL, VOLUME_MODE_UNSET, false, "ReadWriteMany", VOLUME_MODE_BLOCK },
	{ "rook.rbd.csi.ceph.com", NULL, VOLUME_MODE_FILESYSTEM, false, "ReadWriteOnce", VOLUME_MODE_FILESYSTEM },
	{ "rbd.csi.ceph.com", "ReadWriteOnce", VOLUME_MODE_UNSET, false, "ReadWriteOnce", VOLUME_MODE_BLOCK },
	{ "rbd.csi.ceph.com", "ReadOnlyMany", VOLUME_MODE_UNSET, false, "ReadOnlyMany", VOLUME_MODE_FILESYSTEM },
	{ "rbd.csi.ceph.com", NULL, VOLUME_MODE_UNSET, true, "ReadWriteOnce", VOLUME_MODE_FILESYSTEM },
	{ "local.solovirt.io", NULL, VOLUME_MODE_UNSET, false, "ReadWriteOnce", VOLUME_MODE_FILESYSTEM },
	{ "example.org", "ReadWriteOnce", VOLUME_MODE_BLOCK, false, "ReadWriteOnce", VOLUME_MODE_BLOCK },
	{ "example.org", "ReadWriteOnce", VOLUME_MODE_UNSET, false, "ReadWriteOnce", VOLUME_MODE_FILESYSTEM },
	{ "example.org", NULL, VOLUME_MODE_BLOCK, false, NULL, VOLUME_MODE_BLOCK },
};

START_TEST(fills_gaps_from_profiles)
{
	struct storage_profile *profile = schema_new(&storage_profile_schema);
	struct storage_class *class = schema_new(&storage_class_schema);
	struct claim_spec *spec = schema_new(&claim_spec_schema);
	struct error err = { 0 };

	class->provisioner = g_strdup(gaps[_i].provisioner);
	schema_map_set(&profile->head.meta->annotations, PROFILE_MINIMUM_SIZE, "5Gi");
	spec->volume_mode = (int)gaps[_i].mode;
	spec->access_modes = gaps[_i].modes == NULL ? NULL : g_strsplit(gaps[_i].modes, ",", -1);
	schema_free(&storage_profile_status_schema, profile->status);
	profile->status = storage_profile_derive(profile, class);
	ck_assert_int_eq(storage_profile_fill(profile, gaps[_i].archive, spec, &err), gaps[_i].got_modes == NULL ? -1 : 0);
	ck_assert_int_eq(spec->volume_mode, (int)gaps[_i].got_mode);
	if (gaps[_i].got_modes != NULL)
		ck_assert_str_eq(spec->access_modes[0], gaps[_i].got_modes);
	schema_free(&claim_spec_schema, spec);
	schema_free(&storage_class_schema, class);
	schema_free(&storage_profile_schema, profile);
}
END_TEST

START_TEST(chooses_the_default_class)
{
	struct storage_class *classes[3];

	for (int i = 0; i < 3; i++) {
		classes[i] = schema_new(&storage_class_schema);
		classes[i]->head.meta->name = g_strdup_printf("class%d", i);
		classes[i]->head.meta->creation_timestamp = i;
	}
	ck_assert_ptr_null(storage_class_default((const struct storage_class *const *)classes, 3, true));
	schema_map_set(&classes[0]->head.meta->annotations, DEFAULT_CLASS, "true");
	schema_map_set(&classes[1]->head.meta->annotations, DEFAULT_CLASS, "true");
	schema_map_set(&classes[2]->head.meta->annotations, DEFAULT_VIRT_CLASS, "true");
	ck_assert_ptr_eq(storage_class_default((const struct storage_class *const *)classes, 3, true), classes[2]);
	ck_assert_ptr_eq(storage_class_default((const struct storage_class *const *)classes, 3, false), classes[1]);
	for (int i = 0; i < 3; i++)
		schema_free(&storage_class_schema, classes[i]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("kinds");
	TCase *tc = tcase_create("kinds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, rows_are_in_order, 0, KIND_COUNT);
	tcase_add_test(tc, configuration_is_in_order);
	tcase_add_loop_test(tc, words_find_their_kind, 0, KIND_COUNT);
	tcase_add_test(tc, other_words_find_none);
	tcase_add_test(tc, examples_are_right);
	tcase_add_loop_test(tc, checks_heads, 0, G_N_ELEMENTS(heads));
	tcase_add_test(tc, fills_the_namespace);
	tcase_add_test(tc, limits_names_of_machines);
	tcase_add_loop_test(tc, checks_instances, 0, G_N_ELEMENTS(rules));
	tcase_add_test(tc, limits_inline_data);
	tcase_add_loop_test(tc, checks_others, 0, G_N_ELEMENTS(others));
	tcase_add_loop_test(tc, limits_of_disks, 0, G_N_ELEMENTS(limits));
	tcase_add_test(tc, uuids_follow_names);
	tcase_add_test(tc, prepares_instances);
	tcase_add_test(tc, prepares_only_what_is_missing);
	tcase_add_test(tc, prepares_machines_and_claims);
	tcase_add_test(tc, prepares_secrets);
	tcase_add_test(tc, reads_data);
	tcase_add_loop_test(tc, checks_changes, 0, G_N_ELEMENTS(changes));
	tcase_add_loop_test(tc, tells_sizes, 0, G_N_ELEMENTS(sizes));
	tcase_add_test(tc, sets_conditions);
	tcase_add_loop_test(tc, fills_gaps_from_profiles, 0, G_N_ELEMENTS(gaps));
	tcase_add_test(tc, chooses_the_default_class);
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
