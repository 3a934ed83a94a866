/* What is written into an object at its creation: KubeVirt's mutating webhooks (fact sheet, section 6). */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/datavolume.h"
#include "src/api/core.h"
#include "src/api/kinds.h"
#include "src/document/path.h"

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

	if (now == NULL || json_is_null(now))
		path_set(tree, path, json_string(text));
}

/*
 * KubeVirt draws UUID and serial at random.  Here they come from the name, so that a machine which is deleted and created
 * again from the same file is the same one to its guest, and cloud-init does not run anew on a disk that came back.
 */
static void
fill_identity(json_t *tree, const char *domain)
{
	const char *ns = path_string(tree, "metadata.namespace"), *name = path_string(tree, "metadata.name");
	g_autofree char *uuid_path = g_strconcat(domain, ".firmware.uuid", NULL);
	g_autofree char *serial_path = g_strconcat(domain, ".firmware.serial", NULL);
	g_autofree char *machine_path = g_strconcat(domain, ".machine.type", NULL);
	g_autofree char *serial_name = g_strconcat(name == NULL ? "" : name, "/serial", NULL);
	char uuid[37];

	uuid_of_name(ns == NULL ? "default" : ns, name == NULL ? "" : name, uuid);
	fill(tree, uuid_path, uuid);
	uuid_of_name(ns == NULL ? "default" : ns, serial_name, uuid);
	fill(tree, serial_path, uuid);
	fill(tree, machine_path, "q35");
}

void
vm_prepare(json_t *tree)
{
	fill_identity(tree, "spec.template.spec.domain");
}

static json_t *
array_at(json_t *tree, const char *path)
{
	json_t *array = path_find(tree, path);

	if (!json_is_array(array)) {
		array = json_array();
		path_set(tree, path, array);
	}
	return array;
}

static bool
has_named(const json_t *array, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach (array, i, item)
		if (g_strcmp0(json_string_value(json_object_get(item, "name")), name) == 0)
			return true;
	return false;
}

/* Every volume becomes a disk, every disk says what it is and on which bus. */
static void
fill_disks(json_t *tree)
{
	json_t *disks = array_at(tree, "spec.domain.devices.disks"), *item;
	static const char *const targets[] = { "disk", "cdrom", "lun" };
	size_t i;

	json_array_foreach (path_find(tree, "spec.volumes"), i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (!has_named(disks, name))
			json_array_append_new(disks, json_pack("{s:s}", "name", name));
	}
	json_array_foreach (disks, i, item) {
		json_t *target = NULL;
		for (size_t t = 0; t < G_N_ELEMENTS(targets) && target == NULL; t++)
			target = json_object_get(item, targets[t]);
		if (!json_is_object(target)) {
			target = json_object();
			json_object_set_new(item, "disk", target);
		}
		if (json_object_get(target, "bus") == NULL)
			json_object_set_new(target, "bus", json_string("sata"));
	}
}

/* Without interfaces and networks a machine gets one on the default network. */
static void
fill_interface(json_t *tree)
{
	json_t *interfaces = array_at(tree, "spec.domain.devices.interfaces"), *networks = array_at(tree, "spec.networks");

	if (json_array_size(interfaces) > 0 || json_array_size(networks) > 0 ||
	    json_is_false(path_find(tree, "spec.domain.devices.autoattachPodInterface")))
		return;
	json_array_append_new(interfaces, json_pack("{s:s,s:{}}", "name", "default", "masquerade"));
	json_array_append_new(networks, json_pack("{s:s,s:{}}", "name", "default", "pod"));
}

void
vmi_prepare(json_t *tree)
{
	json_t *inputs = array_at(tree, "spec.domain.devices.inputs");

	fill_identity(tree, "spec.domain");
	fill_disks(tree);
	fill_interface(tree);
	if (json_array_size(inputs) == 0 && json_is_true(path_find(tree, "spec.domain.devices.autoattachInputDevice")))
		json_array_append_new(inputs, json_pack("{s:s,s:s,s:s}", "name", "default-0", "type", "tablet", "bus", "usb"));
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
