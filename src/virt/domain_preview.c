/* Places for what a spec names; see domain_preview.h. */
#include "config.h"

#include <glib.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/path.h"
#include "src/virt/disk_modes.h"
#include "src/virt/domain_preview.h"
#include "src/virt/domain_xml.h"
#include "src/virt/loaders.h"

#define DISKS "/var/lib/libvirt/images/solovirt"

/* Everything that the input points to. */
struct places {
	GStringChunk *texts;
	GArray *volumes, *interfaces, *devices, *pins; /* struct domain_volume, domain_interface, domain_host_device, domain_pin */
	const char **loaders;                          /* that are here */
};

static void
places_init(struct places *p)
{
	p->texts = g_string_chunk_new(256);
	p->volumes = g_array_new(FALSE, TRUE, sizeof(struct domain_volume));
	p->interfaces = g_array_new(FALSE, TRUE, sizeof(struct domain_interface));
	p->devices = g_array_new(FALSE, TRUE, sizeof(struct domain_host_device));
	p->pins = g_array_new(FALSE, TRUE, sizeof(struct domain_pin));
	p->loaders = loaders_here();
}

static void
places_clear(struct places *p)
{
	g_string_chunk_free(p->texts);
	g_array_unref(p->volumes);
	g_array_unref(p->interfaces);
	g_array_unref(p->devices);
	g_array_unref(p->pins);
	g_free(p->loaders);
}

static const char *text(struct places *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static const char *
text(struct places *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *made = g_strdup_vprintf(format, ap);
	va_end(ap);
	return g_string_chunk_insert(p->texts, made);
}

/* --- volumes and the rest ---------------------------------------------------------------------------------------------- */

static void
place_volume(struct places *p, const struct volume *v)
{
	const struct volume_claim *claim = v->ephemeral != NULL ? v->ephemeral->persistent_volume_claim : v->persistent_volume_claim;
	struct domain_volume place = { .name = v->name, .format = "raw", .path = text(p, DISKS "/%s.img", v->name),
		.folder = text(p, DISKS "/share-%s/files", v->name) };

	place.claim = v->data_volume != NULL ? v->data_volume->name : claim != NULL ? claim->claim_name : NULL;
	place.readonly = v->persistent_volume_claim != NULL && v->persistent_volume_claim->read_only;
	if (v->host_disk != NULL)
		place.path = place.folder = v->host_disk->path;
	if (v->empty_disk != NULL)
		place.format = "qcow2";
	if (v->container_disk != NULL || v->ephemeral != NULL) {
		place.backing_path = place.path;
		place.backing_format = v->ephemeral != NULL ? "raw" : "qcow2";
		place.path = text(p, DISKS "/%s-overlay.qcow2", v->name);
		place.format = "qcow2";
		place.claim = NULL;
	}
	g_array_append_val(p->volumes, place);
}

static void
place_interfaces(struct places *p, const struct devices *devices)
{
	SCHEMA_EACH (struct interface, i, &devices->interfaces) {
		struct domain_interface port = { .name = i->name, .network = "solovirt", .mac = i->mac_address };
		g_array_append_val(p->interfaces, port);
	}
}

/* Addresses on a bus that no machine has: nobody takes them for real ones. */
static void
place_device(struct places *p, const char *name)
{
	struct domain_host_device device = { .name = name, .address = text(p, "0000:ff:%02x.0", p->devices->len % 32) };

	g_array_append_val(p->devices, device);
}

static void
place_devices(struct places *p, const struct devices *devices)
{
	SCHEMA_EACH (struct host_device, h, &devices->host_devices)
		place_device(p, h->name);
	SCHEMA_EACH (struct host_device, g, &devices->gpus)
		place_device(p, g->name);
}

static void
place_pins(struct places *p, const struct vmi *vmi)
{
	size_t count = domain_pins(vmi);

	for (size_t i = 0; i < count; i++) {
		struct domain_pin pin = { (int)i, 0 };
		g_array_append_val(p->pins, pin);
	}
}

/* UEFI that is here; when none is, its usual place. */
static const char *const *
place_loaders(const struct places *p, const struct vmi *vmi, char **warning)
{
	const char *vars = NULL;

	if (!domain_is_efi(vmi->spec) || domain_loader(vmi->spec, p->loaders, &vars) != NULL)
		return p->loaders;
	*warning = g_strdup("this machine has no such UEFI firmware: install its package ovmf");
	return NULL;
}

/* A file that was taken out of a container image. */
static const char *
place_file(struct places *p, const char *path)
{
	g_autofree char *name = path == NULL ? NULL : g_path_get_basename(path);

	return name == NULL ? NULL : text(p, DISKS "/%s", name);
}

static char *
format(const struct vmi *vmi, bool emulation, char **warning, struct error *err)
{
	const struct kernel_boot *boot = vmi->spec->domain->firmware->kernel_boot;
	const struct kernel_container *kernel = boot == NULL ? NULL : boot->container;
	struct places p;
	char *xml;

	places_init(&p);
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		place_volume(&p, v);
	place_interfaces(&p, vmi->spec->domain->devices);
	place_devices(&p, vmi->spec->domain->devices);
	place_pins(&p, vmi);
	struct domain_input input = { .vmi = vmi, .emulation = emulation, .pool = "solovirt",
		.console_log = text(&p, "/var/log/libvirt/qemu/%s.log", vmi->head.meta->name), .volumes = (void *)p.volumes->data,
		.volume_count = p.volumes->len, .interfaces = (void *)p.interfaces->data, .interface_count = p.interfaces->len,
		.host_devices = (void *)p.devices->data, .host_device_count = p.devices->len, .pins = (void *)p.pins->data,
		.pin_count = p.pins->len, .loaders = place_loaders(&p, vmi, warning), .acpi_slic = DISKS "/slic.bin",
		.acpi_msdm = DISKS "/msdm.bin" };
	input.kernel = place_file(&p, kernel == NULL ? NULL : kernel->kernel_path);
	input.initrd = place_file(&p, kernel == NULL ? NULL : kernel->initrd_path);
	xml = domain_xml_format(&input, err);
	places_clear(&p);
	return xml;
}

/* --- the instance ------------------------------------------------------------------------------------------------------- */

/* The instance that a machine makes: its template with the machine's name. */
static json_t *
instance_of(const json_t *root)
{
	json_t *vm = json_deep_copy(root), *template, *tree;

	vm_prepare(vm);
	template = path_find(vm, "spec.template");
	tree = json_pack("{s:s,s:s,s:{s:O?,s:O?},s:O}", "apiVersion", "kubevirt.io/v1", "kind", "VirtualMachineInstance", "metadata",
	    "labels", path_find(template, "metadata.labels"), "annotations", path_find(template, "metadata.annotations"), "spec",
	    json_object_get(template, "spec"));
	path_set(tree, "metadata.name", json_incref(path_find(vm, "metadata.name")));
	json_decref(vm);
	return tree;
}

/* Adds what this machine's file systems say about the disks.  Takes xml. */
static char *
complete(char *xml, struct error *err)
{
	xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), "domain.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOBLANKS);
	char *made = NULL;

	if (doc != NULL && disk_modes_fill(doc, true, err) == 0) {
		xmlBufferPtr buffer = xmlBufferCreate();

		xmlNodeDump(buffer, doc, xmlDocGetRootElement(doc), 0, 1);
		made = g_strconcat((const char *)xmlBufferContent(buffer), "\n", NULL);
		xmlBufferFree(buffer);
	}
	xmlFreeDoc(doc);
	g_free(xml);
	return made;
}

char *
domain_preview(const json_t *root, const char *namespace, bool emulation, char **warning, struct error *err)
{
	bool machine = strcmp(path_string(root, "kind"), kinds[KIND_VM].name) == 0;
	const char *ns = path_string(root, "metadata.namespace");
	struct vmi *vmi = g_malloc0(vmi_schema.size);
	struct diagnostics unused; /* the file has been checked */
	json_t *tree = machine ? instance_of(root) : json_deep_copy(root);
	char *xml;

	if (path_string(tree, "metadata.name") == NULL)
		path_set(tree, "metadata.name", json_string("generated"));
	path_set(tree, "metadata.namespace", json_string(ns != NULL ? ns : namespace));
	vmi_prepare(tree);
	diagnostics_init(&unused);
	schema_decode(&vmi_schema, tree, NULL, "", vmi, &unused);
	diagnostics_clear(&unused);
	xml = format(vmi, emulation, warning, err);
	schema_free(&vmi_schema, vmi);
	json_decref(tree);
	return xml == NULL ? NULL : complete(xml, err);
}
