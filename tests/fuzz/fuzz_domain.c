/*
 * Domain XML of what was accepted: it is well formed, or a sentence says why no host can be told of it.  In the strict mode,
 * with SOLOVIRT_FUZZ_RNG=/usr/share/libvirt/schemas/domain.rng, there is always XML, and libvirt's own schema accepts it.
 *
 * Storage and net are made up so that they fit: a place for each volume, a port for each interface.
 */
#include "config.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "tests/fuzz/fuzz.h"

/* One place for each volume and one port for each interface; texts are in chunk. */
struct places {
	GStringChunk *texts;
	GArray *volumes, *interfaces; /* struct domain_volume, struct domain_interface */
	GArray *devices, *pins;       /* struct domain_host_device, struct domain_pin */
};

/* A place on the host's PCI bus, and another one for each that asks. */
static void
add_device(struct places *places, const char *name)
{
	g_autofree char *address = g_strdup_printf("0000:%02x:00.0", places->devices->len % 256);
	struct domain_host_device device = { .name = name, .address = g_string_chunk_insert(places->texts, address) };

	g_array_append_val(places->devices, device);
}

static void
places_of_host(struct places *places, const struct vmi *vmi)
{
	const struct devices *devices = vmi->spec->domain->devices;

	SCHEMA_EACH (struct host_device, device, &devices->gpus)
		add_device(places, device->name);
	SCHEMA_EACH (struct host_device, device, &devices->host_devices)
		add_device(places, device->name);
	for (size_t count = domain_pins(vmi); places->pins->len < count;) {
		struct domain_pin pin = { .cpu = (int)places->pins->len };
		g_array_append_val(places->pins, pin);
	}
}

/* The host's file behind a volume; what a guest may not change for good is an overlay over it. */
static struct domain_volume
place_of(const struct volume *volume)
{
	struct domain_volume place = { .name = volume->name, .format = volume->empty_disk != NULL ? "qcow2" : "raw" };

	if (volume->persistent_volume_claim != NULL)
		place.claim = volume->persistent_volume_claim->claim_name;
	if (volume->data_volume != NULL)
		place.claim = volume->data_volume->name;
	place.capacity = place.claim != NULL ? 1 << 30 : 0;
	/* A LUN needs a block device; that a claim is one is decided elsewhere. */
	place.block = place.claim != NULL;
	place.path = place.block ? "/dev/mapper/disk" : "/var/lib/solovirt/disks/disk";
	place.folder = "/var/lib/solovirt/disks/folder";
	if (volume->container_disk != NULL || volume->ephemeral != NULL) {
		place.backing_path = place.path;
		place.backing_format = volume->ephemeral != NULL ? "raw" : "qcow2";
		place.format = "qcow2";
		place.path = "/var/lib/solovirt/overlays/disk";
	}
	return place;
}

static void
places_init(struct places *places, const struct vmi *vmi)
{
	unsigned number = 0;

	places->texts = g_string_chunk_new(256);
	places->volumes = g_array_new(FALSE, TRUE, sizeof(struct domain_volume));
	places->interfaces = g_array_new(FALSE, TRUE, sizeof(struct domain_interface));
	places->devices = g_array_new(FALSE, TRUE, sizeof(struct domain_host_device));
	places->pins = g_array_new(FALSE, TRUE, sizeof(struct domain_pin));
	places_of_host(places, vmi);
	SCHEMA_EACH (struct volume, volume, &vmi->spec->volumes) {
		struct domain_volume place = place_of(volume);
		g_array_append_val(places->volumes, place);
	}
	SCHEMA_EACH (struct interface, interface, &vmi->spec->domain->devices->interfaces) {
		g_autofree char *mac = g_strdup_printf("52:54:00:00:%02x:%02x", number / 256 % 256, number % 256);
		struct domain_interface port = { .name = interface->name, .network = "solovirt" };
		number++;
		port.mac = interface->mac_address != NULL ? interface->mac_address
		                                          : g_string_chunk_insert(places->texts, mac);
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
}

static void
ignore(void *arg, const char *format, ...)
{
	(void)arg, (void)format;
}

static void collect(void *arg, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
collect(void *arg, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_string_append_vprintf(arg, format, ap);
	va_end(ap);
}

/* libvirt's schema, or NULL; read once. */
static xmlRelaxNGPtr
schema_of_libvirt(void)
{
	static xmlRelaxNGPtr schema;
	const char *file = g_getenv("SOLOVIRT_FUZZ_RNG");

	if (schema == NULL && file != NULL) {
		xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt(file);
		schema = xmlRelaxNGParse(parser);
		xmlRelaxNGFreeParserCtxt(parser);
		if (schema == NULL)
			fuzz_fail("cannot read %s", file);
	}
	return schema;
}

static void
check_schema(xmlDocPtr doc, const char *xml)
{
	xmlRelaxNGPtr schema = schema_of_libvirt();
	g_autoptr(GString) errors = g_string_new(NULL);

	if (schema == NULL)
		return;
	xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);
	xmlRelaxNGSetValidErrors(context, collect, ignore, errors);
	if (xmlRelaxNGValidateDoc(context, doc) != 0)
		fuzz_fail("libvirt would not take it: %s\n%s", errors->str, xml);
	xmlRelaxNGFreeValidCtxt(context);
}

static void
check_xml(const struct vmi *vmi, bool emulation)
{
	struct places places;
	struct error err = { 0 };
	g_autofree char *xml = NULL;
	xmlDocPtr doc;

	places_init(&places, vmi);
	struct domain_input input = { .vmi = vmi, .epoch = 7, .emulation = emulation, .store = "store", .pool = "solovirt",
		.console_log = "/var/log/libvirt/qemu/console.log",
		.volumes = (const void *)places.volumes->data, .volume_count = places.volumes->len,
		.interfaces = (const void *)places.interfaces->data, .interface_count = places.interfaces->len,
		.host_devices = (const void *)places.devices->data, .host_device_count = places.devices->len,
		.pins = (const void *)places.pins->data, .pin_count = places.pins->len,
		.kernel = "/var/lib/solovirt/boot/vmlinuz", .initrd = "/var/lib/solovirt/boot/initrd",
		.acpi_slic = "/var/lib/solovirt/acpi/slic.bin", .acpi_msdm = "/var/lib/solovirt/acpi/msdm.bin" };
	xml = domain_xml_format(&input, &err);
	places_clear(&places);
	if (xml == NULL && (schema_of_libvirt() != NULL || err.code == 0 || err.text[0] == '\0'))
		fuzz_fail("accepted, but no host can be told: %s", err.text);
	if (xml == NULL)
		return;
	doc = xmlReadMemory(xml, (int)strlen(xml), "domain.xml", NULL, XML_PARSE_NONET);
	if (doc == NULL)
		fuzz_fail("not well formed:\n%s", xml);
	check_schema(doc, xml);
	xmlFreeDoc(doc);
}

/* As the daemon makes and stores an instance from its document. */
static void
check_instance(const json_t *root)
{
	json_t *tree = json_deep_copy(root);
	struct vmi *vmi = g_malloc0(vmi_schema.size);
	struct diagnostics diagnostics;

	json_object_del(tree, "status");
	if (path_string(tree, "metadata.name") == NULL)
		path_set(tree, "metadata.name", json_string("made-up"));
	if (path_string(tree, "metadata.namespace") == NULL)
		path_set(tree, "metadata.namespace", json_string("default"));
	path_set(tree, "metadata.uid", json_string("6f1c9c5e-0000-4000-8000-000000000001"));
	vmi_prepare(tree);
	diagnostics_init(&diagnostics);
	if (schema_decode(&vmi_schema, tree, NULL, "", vmi, &diagnostics) != 0) {
		g_autofree char *errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		fuzz_fail("not accepted as it is stored: %s", errors);
	}
	diagnostics_clear(&diagnostics);
	check_xml(vmi, false);
	check_xml(vmi, true);
	schema_free(&vmi_schema, vmi);
	json_decref(tree);
}

/* A machine's template makes an instance, too. */
static void
check_template(const json_t *root)
{
	const json_t *template = path_find(root, "spec.template.spec");
	json_t *tree = json_pack("{s:s,s:s,s:O,s:O}", "apiVersion", kind_api_version(&kinds[KIND_VMI]), "kind",
	    kinds[KIND_VMI].name, "metadata", json_object_get(root, "metadata"), "spec", template);

	check_instance(tree);
	json_decref(tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents = fuzz_documents(data, size, NULL);

	for (guint i = 0; i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		const struct kind *kind = NULL;
		struct diagnostics diagnostics;
		void *object;
		diagnostics_init(&diagnostics);
		object = kind_decode(document, "default", &kind, &diagnostics);
		if (object != NULL && kind == &kinds[KIND_VMI])
			check_instance(document->root);
		if (object != NULL && kind == &kinds[KIND_VM])
			check_template(document->root);
		if (object != NULL)
			schema_free(kind->schema, object);
		diagnostics_clear(&diagnostics);
	}
	return 0;
}
