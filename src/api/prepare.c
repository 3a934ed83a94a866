/* What is written into an object at its creation: KubeVirt's mutating webhooks (fact sheet, section 6). */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/datavolume.h"
#include "src/api/core.h"
#include "src/api/defaults.h"
#include "src/api/kinds.h"
#include "src/document/path.h"

/* How devices are laid out on the PCI bus; KubeVirt notes it at creation and never changes it. */
#define PCI_TOPOLOGY "kubevirt.io/pci-topology-version"

void
uuid_of_name(const char *namespace, const char *name, char uuid[37])
{
	/* The namespace that KubeVirt uses for UUIDs of names. */
	static const guchar space[16] = { 0x6a, 0x1a, 0x24, 0xa1, 0x40, 0x61, 0x46, 0x07, 0x8b, 0xf4, 0xa3, 0x96, 0x3d, 0x0c, 0x58, 0x95 };
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	guint8 d[20];
	gsize length = sizeof(d);

	g_checksum_update(sum, space, sizeof(space));
	g_checksum_update(sum, (const guchar *)namespace, (gssize)strlen(namespace));
	g_checksum_update(sum, (const guchar *)"/", 1);
	g_checksum_update(sum, (const guchar *)name, (gssize)strlen(name));
	g_checksum_get_digest(sum, d, &length);
	d[6] = (guint8)((d[6] & 0x0f) | 0x50);
	d[8] = (guint8)((d[8] & 0x3f) | 0x80);
	g_snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2], d[3], d[4],
	    d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* Sets a string where there is none. */
static void
fill(json_t *tree, const char *path, const char *text)
{
	json_t *now = path_find(tree, path);

	if (now == NULL || json_is_null(now) || g_strcmp0(json_string_value(now), "") == 0)
		path_set(tree, path, json_string(text));
}

/*
 * KubeVirt draws UUID and serial at random.  Here they come from the name, so that a machine which is deleted and created
 * again from the same file is the same one to its guest, and cloud-init does not run anew on a disk that came back.
 */
static void
fill_identity(json_t *tree, const char *path, const char *suffix)
{
	const char *ns = path_string(tree, "metadata.namespace"), *name = path_string(tree, "metadata.name");
	g_autofree char *full = g_strconcat(name == NULL ? "" : name, suffix, NULL);
	char uuid[37];

	uuid_of_name(ns == NULL ? "default" : ns, full, uuid);
	fill(tree, path, uuid);
}

void
vm_prepare(json_t *tree)
{
	const char *architecture;

	fill_identity(tree, "spec.template.spec.domain.firmware.uuid", "");
	fill_identity(tree, "spec.template.spec.domain.firmware.serial", "/serial");
	fill(tree, "spec.template.spec.architecture", "amd64");
	architecture = path_string(tree, "spec.template.spec.architecture");
	fill(tree, "spec.template.spec.domain.machine.type", machine_type_default(architecture));
	fill(tree, "spec.template.metadata.annotations['" PCI_TOPOLOGY "']", "v3");
}

void
vmi_prepare(json_t *tree)
{
	json_t *spec = json_object_get(tree, "spec"), *was, *is;
	struct vmi_spec *value = g_malloc0(vmi_spec_schema.size);
	struct diagnostics unused; /* who takes the object in has told them */

	diagnostics_init(&unused);
	schema_decode(&vmi_spec_schema, spec, NULL, "spec", value, &unused);
	diagnostics_clear(&unused);
	was = schema_encode(&vmi_spec_schema, value);
	vmi_spec_default(value);
	is = schema_encode(&vmi_spec_schema, value);
	path_lay_over(spec, was, is);
	json_decref(was);
	json_decref(is);
	schema_free(&vmi_spec_schema, value);
	fill_identity(tree, "spec.domain.firmware.uuid", "");
	fill(tree, "metadata.annotations['" PCI_TOPOLOGY "']", "v3");
	fill(tree, "status.phase", "Pending");
}

void
claim_prepare(json_t *tree)
{
	fill(tree, "spec.storageClassName", "local");
	fill(tree, "spec.volumeMode", "Filesystem");
}

/* stringData is only a way to write: its values are stored in base64 under data. */
void
secret_prepare(json_t *tree)
{
	json_t *plain = json_object_get(tree, "stringData"), *data, *value;
	const char *key;

	fill(tree, "type", "Opaque");
	if (!json_is_object(plain))
		return;
	data = json_object_get(tree, "data");
	if (!json_is_object(data)) {
		data = json_object();
		json_object_set_new(tree, "data", data);
	}
	json_object_foreach (plain, key, value) {
		const char *text = json_string_value(value);
		g_autofree char *coded = text == NULL ? NULL : g_base64_encode((const guchar *)text, strlen(text));
		if (coded != NULL)
			json_object_set_new(data, key, json_string(coded));
	}
	json_object_del(tree, "stringData");
}

void
claim_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics)
{
	const struct claim *was = old, *is = new;

	if (claim_request(is->spec) < claim_request(was->spec))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "spec.resources.requests.storage",
		    "a disk can grow but not shrink");
}

static bool
is_same_map(const struct schema_map *a, const struct schema_map *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = g_strcmp0(a->entries[i].value, schema_map_get(b, a->entries[i].name)) == 0;
	return same;
}

/* What is immutable stays so: neither its data changes nor the word itself. */
static void
check_immutable(const char *kind, enum tristate was, enum tristate is, bool same, const struct document *document,
    struct diagnostics *diagnostics)
{
	if (was == TRISTATE_TRUE && is != TRISTATE_TRUE)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "immutable",
		    "may not be unset: delete the %s and create it anew", kind);
	if (was == TRISTATE_TRUE && !same)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "data",
		    "may not change: the %s is immutable", kind);
}

void
secret_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics)
{
	const struct secret *was = old, *is = new;

	check_immutable("Secret", was->immutable, is->immutable, is_same_map(&was->data, &is->data), document, diagnostics);
}

void
config_map_check_change(const void *old, const void *new, const struct document *document,
    struct diagnostics *diagnostics)
{
	const struct config_map *was = old, *is = new;
	bool same = is_same_map(&was->data, &is->data) && is_same_map(&was->binary_data, &is->binary_data);

	check_immutable("ConfigMap", was->immutable, is->immutable, same, document, diagnostics);
}

/* Tools find the migrations of an instance by this label. */
void
migration_prepare(json_t *tree)
{
	const char *name = path_string(tree, "spec.vmiName");

	if (name != NULL)
		path_set(tree, "metadata.labels['kubevirt.io/vmi-name']", json_string(name));
	fill(tree, "status.phase", "Pending");
}
