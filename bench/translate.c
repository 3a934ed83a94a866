/*
 * What a machine costs from its text to libvirt's XML, without a daemon: read, checked, filled with its defaults, made an
 * instance, translated.  The same work is done COUNT times.
 *
 *   translate read|keep FILE COUNT      keep: the text is read once, before the first
 */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/vmi.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"

static void __attribute__((noreturn))
fail(const struct diagnostics *diagnostics, const struct error *err)
{
	g_autofree char *wrong = diagnostics_format(diagnostics, SEVERITY_ERROR);

	fprintf(stderr, "translate: %s%s\n", wrong, err->text);
	exit(EXIT_FAILURE);
}

static struct document *
read_machine(const char *file, const char *text, size_t length, struct diagnostics *diagnostics)
{
	GPtrArray *documents = g_ptr_array_new();

	if (document_read(file, text, length, documents, diagnostics) != 0 || documents->len != 1)
		fail(diagnostics, &(struct error){ .text = "one machine is wanted" });
	struct document *document = documents->pdata[0];
	g_ptr_array_unref(documents);
	return document;
}

/* Checks a document by its kind's rows and rules. */
static void *
check(const struct document *document, enum kind_id wanted, struct diagnostics *diagnostics)
{
	const struct kind *kind = NULL;
	void *value = kind_decode(document, "default", &kind, diagnostics);

	if (value == NULL || kind != &kinds[wanted])
		fail(diagnostics, &(struct error){ .text = "" });
	return value;
}

/* The instance that a checked machine asks for, with all that is filled in when it is made. */
static struct document *
make_instance(const struct document *machine)
{
	json_t *filled = json_deep_copy(machine->root), *instance;

	vm_prepare(filled);
	instance = json_pack("{s:s, s:s, s:{s:O, s:O, s:s}, s:O}", "apiVersion", "kubevirt.io/v1", "kind", "VirtualMachineInstance",
	    "metadata", "name", path_find(filled, "metadata.name"), "namespace", path_find(filled, "metadata.namespace"), "uid",
	    "6f1c9c5e-0000-4000-8000-000000000001", "spec", path_find(filled, "spec.template.spec"));
	json_decref(filled);
	vmi_prepare(instance);
	return document_take(instance);
}

/* Puts each volume and each interface somewhere, as storage and net would. */
static char *
translate(const struct vmi *vmi, struct error *err)
{
	const struct devices *devices = vmi->spec->domain->devices;
	g_autofree struct domain_volume *volumes = g_new0(struct domain_volume, vmi->spec->volumes.count);
	g_autofree struct domain_interface *interfaces = g_new0(struct domain_interface, devices->interfaces.count);
	struct domain_input input = { .vmi = vmi, .epoch = 1, .console_log = "/var/log/libvirt/qemu/console.log", .volumes = volumes,
		.interfaces = interfaces };

	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		volumes[input.volume_count++] = (struct domain_volume){ .name = v->name, .path = "/var/lib/solovirt/pool/volume", .format = "raw" };
	SCHEMA_EACH (struct interface, i, &devices->interfaces)
		interfaces[input.interface_count++] = (struct domain_interface){ i->name, "solovirt", i->mac_address };
	return domain_xml_format(&input, err);
}

/* One machine, all the way. */
static char *
work(const struct document *document)
{
	struct diagnostics diagnostics;
	struct error err = { 0 };

	diagnostics_init(&diagnostics);
	schema_free(kinds[KIND_VM].schema, check(document, KIND_VM, &diagnostics));
	struct document *instance = make_instance(document);
	struct vmi *vmi = check(instance, KIND_VMI, &diagnostics);
	char *xml = translate(vmi, &err);
	if (xml == NULL)
		fail(&diagnostics, &err);
	schema_free(kinds[KIND_VMI].schema, vmi);
	document_free(instance);
	diagnostics_clear(&diagnostics);
	return xml;
}

int
main(int argc, char *argv[])
{
	g_autofree char *text = NULL, *xml = NULL;
	struct diagnostics diagnostics;
	gsize length;

	if (argc != 4 || !g_file_get_contents(argv[2], &text, &length, NULL)) {
		fprintf(stderr, "usage: translate read|keep FILE COUNT\n");
		return 2;
	}
	bool again = strcmp(argv[1], "read") == 0;
	diagnostics_init(&diagnostics);
	struct document *document = read_machine(argv[2], text, length, &diagnostics);
	for (int i = 0; i < atoi(argv[3]); i++) {
		if (again) {
			document_free(document);
			document = read_machine(argv[2], text, length, &diagnostics);
		}
		g_free(xml);
		xml = work(document);
	}
	if (xml != NULL)
		fputs(xml, stdout);
	document_free(document);
	diagnostics_clear(&diagnostics);
	return EXIT_SUCCESS;
}
