/*
 * Domain XML against golden files: tests/golden/domain/NAME.yaml -> NAME.xml.  UPDATE_GOLDEN=1 writes them anew.
 *
 * A document's annotations say what it cannot: "test/emulation", "test/block" with the names of volumes that are block
 * devices, "test/nodes" with the memory nodes of the processors that the host gives away, "test/mdev" with the names of
 * devices that are mediated.  Where storage and net put things is made up from the names.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <glib.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/network_attachment.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"

static const char *const cases[] = {
	"block", "boot-order", "bridges", "cdrom", "clock", "cpu-features", "cpu-passthrough", "dedicated", "dedicated-threads",
	"devices", "disk-details", "efi", "efi-secure", "emulation", "emulation-cpu", "features", "filesystem",
	"growing", "headless", "host-devices", "hugepages", "hugepages-anonymous", "hyperv", "hyperv-emulation",
	"hyperv-passthrough", "interface-details", "interfaces", "io-thread-pool", "io-threads",
	"kernel-boot", "many-disks", "minimal", "no-hotplug", "numa-realtime", "overlays", "passthrough-emulation",
	"readonly", "sev", "smbios", "sriov", "transitional", "typical", "usb", "watchdog-rng"
};

static char *
golden_path(const char *name, const char *suffix)
{
	const char *top = g_getenv("srcdir");

	return g_strdup_printf("%s/tests/golden/domain/%s.%s", top != NULL ? top : ".", name, suffix);
}

/* Fills in the defaults, as the daemon does when it takes an instance in. */
static struct vmi *
with_defaults(const struct document *document)
{
	struct vmi *vmi = g_malloc0(vmi_schema.size);
	json_t *tree = json_deep_copy(document->root);
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	path_set(tree, "metadata.namespace", json_string("default"));
	vmi_prepare(tree);
	schema_decode(&vmi_schema, tree, NULL, "", vmi, &diagnostics);
	g_autofree char *wrong = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_str_eq(wrong, "");
	diagnostics_clear(&diagnostics);
	json_decref(tree);
	return vmi;
}

/* A document's instance, as the daemon would have it. */
static struct vmi *
read_text(const char *file, const char *text)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct diagnostics diagnostics;
	const struct kind *kind;
	struct vmi *vmi;

	diagnostics_init(&diagnostics);
	document_read(file, text, strlen(text), documents, &diagnostics);
	ck_assert_uint_eq(documents->len, 1);
	vmi = kind_decode(documents->pdata[0], "default", &kind, &diagnostics);
	g_autofree char *wrong = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	ck_assert_msg(vmi != NULL, "%s", wrong);
	ck_assert_ptr_eq(kind, &kinds[KIND_VMI]);
	diagnostics_clear(&diagnostics);
	schema_free(&vmi_schema, vmi);
	vmi = with_defaults(documents->pdata[0]);
	g_free(vmi->head.meta->uid);
	vmi->head.meta->uid = g_strdup("6f1c9c5e-0000-4000-8000-000000000001");
	return vmi;
}

static struct vmi *
read_file(const char *name)
{
	g_autofree char *path = golden_path(name, "yaml");
	g_autofree char *text = NULL;

	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "cannot read %s", path);
	return read_text(path, text);
}

/* One place for each volume and one port for each interface. */
struct places {
	GStringChunk *texts;
	GArray *volumes, *interfaces; /* struct domain_volume, struct domain_interface */
	GArray *devices, *pins;       /* struct domain_host_device, struct domain_pin */
	GPtrArray *configs;           /* struct network_config */
};

static void
config_free(void *config)
{
	network_config_clear(config);
	g_free(config);
}

/* The annotation test/network-NAME holds the configuration of an interface that is on no network of libvirt. */
static const struct network_config *
read_config(struct places *places, const struct vmi *vmi, const char *name)
{
	g_autofree char *annotation = g_strconcat("test/network-", name, NULL);
	const char *text = schema_map_get(&vmi->head.meta->annotations, annotation);
	struct network_config *config = g_new0(struct network_config, 1);
	struct error err = { 0 };

	g_ptr_array_add(places->configs, config);
	if (text == NULL)
		return NULL;
	ck_assert_msg(network_config_parse(text, config, NULL, &err) == 0, "%s", err.text);
	return config;
}

static bool
is_listed(const char *list, const char *name)
{
	g_auto(GStrv) names = g_strsplit(list != NULL ? list : "", ",", -1);

	return g_strv_contains((const char *const *)names, name);
}

static char *
text_of(struct places *places, const char *format, const char *a, const char *b)
{
	g_autofree char *text = g_strconcat(format, a, b, NULL);

	return g_string_chunk_insert(places->texts, text);
}

static void
add_device(struct places *places, const struct vmi *vmi, const char *name)
{
	bool mdev = is_listed(schema_map_get(&vmi->head.meta->annotations, "test/mdev"), name);
	struct domain_host_device device = { .name = name };

	if (is_listed(schema_map_get(&vmi->head.meta->annotations, "test/usb"), name))
		device.usb = "1:4+2:11";
	else if (mdev)
		device.mdev = "c2177883-f1bb-47f0-914d-32a22e3a8804";
	else
		device.address = g_string_chunk_insert(places->texts, places->devices->len == 0 ? "0000:81:00.1" : "0000:82:00.0");
	g_array_append_val(places->devices, device);
}

/* Devices of the host, and its processors from number 4 on. */
static void
places_of_host(struct places *places, const struct vmi *vmi)
{
	const struct devices *devices = vmi->spec->domain->devices;
	const char *nodes = schema_map_get(&vmi->head.meta->annotations, "test/nodes");

	SCHEMA_EACH (struct host_device, h, &devices->host_devices)
		add_device(places, vmi, h->name);
	SCHEMA_EACH (struct host_device, g, &devices->gpus)
		add_device(places, vmi, g->name);
	for (int i = 0; nodes != NULL && nodes[i] != '\0'; i++) {
		struct domain_pin pin = { 4 + i, nodes[i] - '0' };
		g_array_append_val(places->pins, pin);
	}
}

static void
places_init(struct places *places, const struct vmi *vmi)
{
	const char *blocks = schema_map_get(&vmi->head.meta->annotations, "test/block");
	int number = 0;

	places->texts = g_string_chunk_new(256);
	places->volumes = g_array_new(FALSE, TRUE, sizeof(struct domain_volume));
	places->interfaces = g_array_new(FALSE, TRUE, sizeof(struct domain_interface));
	places->devices = g_array_new(FALSE, TRUE, sizeof(struct domain_host_device));
	places->pins = g_array_new(FALSE, TRUE, sizeof(struct domain_pin));
	places->configs = g_ptr_array_new_with_free_func(config_free);
	places_of_host(places, vmi);
	SCHEMA_EACH (struct volume, volume, &vmi->spec->volumes) {
		struct domain_volume place = { .name = volume->name, .block = is_listed(blocks, volume->name) };

		place.format = volume->empty_disk != NULL ? "qcow2" : "raw";
		place.path =
		    text_of(places, place.block ? "/dev/mapper/" : "/var/lib/solovirt/disks/", volume->name, "");
		place.folder = place.path;
		place.claim = volume->data_volume != NULL ? volume->data_volume->name : NULL;
		if (volume->persistent_volume_claim != NULL)
			place.claim = volume->persistent_volume_claim->claim_name;
		place.capacity = place.claim != NULL ? 1 << 30 : 0;
		if (volume->container_disk != NULL || volume->ephemeral != NULL) {
			place.backing_path = place.path;
			place.backing_format = volume->ephemeral != NULL ? "raw" : "qcow2";
			place.backing_block = place.block;
			place.block = false;
			place.format = "qcow2";
			place.path = text_of(places, "/var/lib/solovirt/overlays/", volume->name, "");
		}
		place.thick = is_listed(schema_map_get(&vmi->head.meta->annotations, "test/thick"), volume->name);
		if (is_listed(schema_map_get(&vmi->head.meta->annotations, "test/limited"), volume->name))
			place.limits = (struct disk_limits){ .read_iops = 500, .write_iops = 250, .total_bytes = 100 << 20 };
		place.readonly = volume->persistent_volume_claim != NULL && volume->persistent_volume_claim->read_only;
		g_array_append_val(places->volumes, place);
	}
	SCHEMA_EACH (struct interface, interface, &vmi->spec->domain->devices->interfaces) {
		g_autofree char *last = g_strdup_printf("%02x", ++number);
		struct domain_interface port = { .name = interface->name, .network = "solovirt",
			.config = read_config(places, vmi, interface->name) };

		if (port.config != NULL && port.config->type == NETWORK_LIBVIRT) {
			port.network = port.config->name;
			port.vlan = port.config->vlan;
			port.config = NULL;
		}
		port.mac = interface->mac_address != NULL ? interface->mac_address
		                                          : text_of(places, "52:54:00:00:00:", last, "");
		port.ip = text_of(places, "192.168.77.", g_strdelimit(last, "abcdef", '1'), "");
		g_array_append_val(places->interfaces, port);
	}
}

static void
places_clear(struct places *places)
{
	g_string_chunk_free(places->texts);
	g_array_unref(places->volumes);
	g_array_unref(places->interfaces);
	g_array_unref(places->devices);
	g_array_unref(places->pins);
	g_ptr_array_unref(places->configs);
}

static struct domain_input
make_input(const struct vmi *vmi, const struct places *places)
{
	return (struct domain_input){
		.vmi = vmi,
		.epoch = 7,
		.store = "0b4f6a52-0000-4000-8000-00000000000a",
		.pool = "solovirt",
		.emulation = schema_map_get(&vmi->head.meta->annotations, "test/emulation") != NULL,
		.console_log = "/var/log/libvirt/qemu/console.log",
		.volumes = (const void *)places->volumes->data,
		.volume_count = places->volumes->len,
		.interfaces = (const void *)places->interfaces->data,
		.interface_count = places->interfaces->len,
		.host_devices = (const void *)places->devices->data,
		.host_device_count = places->devices->len,
		.pins = (const void *)places->pins->data,
		.pin_count = places->pins->len,
		.kernel = "/var/lib/solovirt/boot/vmlinuz",
		.initrd = "/var/lib/solovirt/boot/initrd",
		.acpi_slic = "/var/lib/solovirt/acpi/slic.bin",
		.acpi_msdm = "/var/lib/solovirt/acpi/msdm.bin",
	};
}

static char *
format(const struct vmi *vmi, struct error *err)
{
	struct places places;
	struct domain_input input;
	char *xml;

	places_init(&places, vmi);
	input = make_input(vmi, &places);
	xml = domain_xml_format(&input, err);
	places_clear(&places);
	return xml;
}

/* What an XPath says of an XML text: the string value. */
static char *
evaluate(const char *xml, const char *xpath)
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), "domain.xml", NULL, XML_PARSE_NONET);
	xmlXPathContextPtr context = xmlXPathNewContext(doc);
	xmlXPathObjectPtr found = xmlXPathEval((const xmlChar *)xpath, context);
	xmlChar *text = xmlXPathCastToString(found);
	char *copy = g_strdup((const char *)text);

	ck_assert_ptr_nonnull(doc);
	xmlFree(text);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(doc);
	return copy;
}

START_TEST(golden_files)
{
	struct vmi *vmi = read_file(cases[_i]);
	struct error err = { 0 };
	g_autofree char *path = golden_path(cases[_i], "xml");
	g_autofree char *expected = NULL;
	g_autofree char *xml = format(vmi, &err);

	ck_assert_msg(xml != NULL, "%s: %s", cases[_i], err.text);
	if (g_getenv("UPDATE_GOLDEN") != NULL)
		ck_assert(g_file_set_contents(path, xml, -1, NULL));
	ck_assert_msg(g_file_get_contents(path, &expected, NULL, NULL), "no %s; UPDATE_GOLDEN=1 makes it", path);
	ck_assert_str_eq(xml, expected);
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(same_input_gives_same_text)
{
	struct vmi *vmi = read_file("typical");
	struct error err = { 0 };
	g_autofree char *first = format(vmi, &err);
	g_autofree char *second = format(vmi, &err);

	ck_assert_str_eq(first, second);
	schema_free(&vmi_schema, vmi);
}
END_TEST

/* Sets a member that rows would never let through. */
static void
put(char **member, const char *value)
{
	g_free(*member);
	*member = g_strdup(value);
}

static const char *const hostile[] = {
	"'\"<>&]]>",
	"<!--",
	"</domain>",
	"&amp;&#x3c;",
	"%s%n$(id)`id`",
	"\xc3\xa9\xf0\x9f\x90\xa7",
	"'/><source file='/etc/shadow",
};

START_TEST(hostile_words_stay_text)
{
	struct vmi *vmi = read_file("typical");
	struct disk *disk = vmi->spec->domain->devices->disks.items;
	struct error err = { 0 };
	g_autofree char *xml = NULL, *serial = NULL, *name = NULL, *alias = NULL, *system = NULL, *disks = NULL;

	put(&disk->serial, hostile[_i]);
	put(&disk->name, hostile[_i]);
	put(&((struct volume *)vmi->spec->volumes.items)->name, hostile[_i]);
	put(&vmi->spec->domain->firmware->serial, hostile[_i]);
	put(&vmi->head.meta->name, hostile[_i]);
	xml = format(vmi, &err);
	ck_assert_msg(xml != NULL, "%s", err.text);
	serial = evaluate(xml, "/domain/devices/disk[1]/serial");
	system = evaluate(xml, "/domain/sysinfo/system/entry[@name='serial']");
	name = evaluate(xml, "substring-after(/domain/name, '_')");
	alias = evaluate(xml, "substring-after(/domain/devices/disk[1]/alias/@name, 'ua-')");
	disks = evaluate(xml, "count(//source)");
	ck_assert_str_eq(serial, hostile[_i]);
	ck_assert_str_eq(system, hostile[_i]);
	ck_assert_str_eq(name, hostile[_i]);
	ck_assert_str_eq(alias, ""); /* libvirt would drop it */
	ck_assert_str_eq(disks, "3"); /* two disks and an interface: nobody smuggled one in */
	schema_free(&vmi_schema, vmi);
}
END_TEST

static const struct {
	const char *value, *why;
} refused[] = {
	{ "a\001b", "the value of \"serial\" has the character U+0001, which XML cannot carry" },
	{ "a\nb", "the value of \"serial\" has the character U+000A, which XML cannot carry" },
	{ "a\177", "the value of \"serial\" has the character U+007F, which XML cannot carry" },
	{ "\xef\xbf\xbf", "the value of \"serial\" has the character U+FFFF, which XML cannot carry" },
	{ "\xff\xfe", "the value of \"serial\" is not valid UTF-8, which XML cannot carry" },
	{ "\xed\xa0\x80", "the value of \"serial\" is not valid UTF-8, which XML cannot carry" },
};

START_TEST(what_xml_cannot_carry_is_refused)
{
	struct vmi *vmi = read_file("typical");
	struct disk *disk = vmi->spec->domain->devices->disks.items;
	struct error err = { 0 };

	put(&disk->serial, refused[_i].value);
	ck_assert_ptr_null(format(vmi, &err));
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.text, refused[_i].why);
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(disk_without_a_volume_is_refused)
{
	struct vmi *vmi = read_file("typical");
	struct error err = { 0 };
	struct domain_input input = { .vmi = vmi };

	ck_assert_ptr_null(domain_xml_format(&input, &err));
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.text, "disk root has no volume on this host");
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(interface_without_a_port_is_refused)
{
	struct vmi *vmi = read_file("typical");
	struct places places;
	struct error err = { 0 };
	struct domain_input input;

	places_init(&places, vmi);
	input = make_input(vmi, &places);
	input.interface_count = 0;
	ck_assert_ptr_null(domain_xml_format(&input, &err));
	ck_assert_str_eq(err.text, "interface default has no port on this host");
	places_clear(&places);
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(lun_on_a_file_is_refused)
{
	struct vmi *vmi = read_file("block");
	struct error err = { 0 };

	schema_map_set(&vmi->head.meta->annotations, "test/block", NULL);
	ck_assert_ptr_null(format(vmi, &err));
	ck_assert_str_eq(err.text, "disk raw: a lun needs a block device, its volume is a file");
	schema_free(&vmi_schema, vmi);
}
END_TEST

static const char *const bad_addresses[] = { "1", "0000:81:01", "0000:81:01.0x", "zz", "0000:81:01.0.1" };

START_TEST(bad_pci_address_is_refused)
{
	struct vmi *vmi = read_file("typical");
	struct interface *interface = vmi->spec->domain->devices->interfaces.items;
	struct error err = { 0 };
	g_autofree char *why =
	    g_strdup_printf("interface default: \"%s\" is not a PCI address like 0000:81:01.0", bad_addresses[_i]);

	put(&interface->pci_address, bad_addresses[_i]);
	ck_assert_ptr_null(format(vmi, &err));
	ck_assert_str_eq(err.text, why);
	schema_free(&vmi_schema, vmi);
}
END_TEST

/* vda .. vdz, vdaa: the 27th disk and the 703rd. */
START_TEST(targets_go_on_behind_z)
{
	struct vmi *vmi = read_file("minimal");
	struct error err = { 0 };
	g_autofree char *xml = NULL, *last = NULL, *first_two = NULL;

	for (int i = 0; i < 703; i++) {
		struct disk *disk = schema_list_add(&vmi->spec->domain->devices->disks, schema_find(&vmi_schema,
		    "spec.domain.devices.disks", &(const struct schema *){ NULL })->sub);
		struct volume *volume = schema_list_add(&vmi->spec->volumes, &volume_schema);

		disk->name = g_strdup_printf("d%d", i);
		volume->name = g_strdup(disk->name);
	}
	xml = format(vmi, &err);
	ck_assert_msg(xml != NULL, "%s", err.text);
	first_two = evaluate(xml, "/domain/devices/disk[27]/target/@dev");
	last = evaluate(xml, "/domain/devices/disk[703]/target/@dev");
	ck_assert_str_eq(first_two, "sdaa");
	ck_assert_str_eq(last, "sdaaa");
	schema_free(&vmi_schema, vmi);
}
END_TEST

/* Rows let only amd64 through so far. */
START_TEST(another_architecture)
{
	struct vmi *vmi = read_file("cdrom");
	struct error err = { 0 };
	g_autofree char *xml = NULL, *machine = NULL, *features = NULL;

	put(&vmi->spec->architecture, "arm64");
	put(&vmi->spec->domain->machine->type, "");
	xml = format(vmi, &err);
	machine = evaluate(xml,
	    "concat(/domain/os/type/@arch, ' ', /domain/os/type/@machine, ' ', /domain/devices/video/model/@type)");
	features = evaluate(xml, "count(/domain/features/vmport)");
	ck_assert_str_eq(machine, "aarch64 virt virtio");
	ck_assert_str_eq(features, "0");
	schema_free(&vmi_schema, vmi);
}
END_TEST

START_TEST(name_of_a_domain)
{
	g_autofree char *name = domain_name("team-a", "web");

	ck_assert_str_eq(name, "team-a_web");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("domain_xml");
	TCase *tc = tcase_create("domain_xml");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, golden_files, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tc, same_input_gives_same_text);
	tcase_add_loop_test(tc, hostile_words_stay_text, 0, G_N_ELEMENTS(hostile));
	tcase_add_loop_test(tc, what_xml_cannot_carry_is_refused, 0, G_N_ELEMENTS(refused));
	tcase_add_test(tc, disk_without_a_volume_is_refused);
	tcase_add_test(tc, interface_without_a_port_is_refused);
	tcase_add_test(tc, lun_on_a_file_is_refused);
	tcase_add_loop_test(tc, bad_pci_address_is_refused, 0, G_N_ELEMENTS(bad_addresses));
	tcase_add_test(tc, targets_go_on_behind_z);
	tcase_add_test(tc, another_architecture);
	tcase_add_test(tc, name_of_a_domain);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
