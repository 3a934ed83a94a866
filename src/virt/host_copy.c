/*
 * Copies by a libvirt elsewhere, which makes them by itself where it can be trusted with what is in the file.
 *
 * In a raw volume a guest may have written the header of a qcow2 that lies over any file of that host.  libvirt looks at what is in the files of a pool;
 * what it takes for a qcow2 it copies with qemu-img, which would follow that header.  Such a volume goes through this process (host_serve.c).
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/virt/host.h"

/* A new volume's XML; libvirt takes qemu-img where either side is no raw file, and then what comes out lies over nothing. */
static char *
copy_xml(virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	json_t *there = host_volume_describe(source, format, err);
	int64_t capacity = json_integer_value(json_object_get(there, "capacity"));

	if (there == NULL)
		return NULL;
	json_decref(there);
	return g_markup_printf_escaped("<volume><name>%s</name><capacity unit='bytes'>%" PRId64 "</capacity><allocation>0</allocation>"
	    "<target><format type='%s'/><permissions><mode>0600</mode></permissions><compat>1.1</compat></target></volume>", name, capacity, format);
}

int
host_copy_by_libvirt(virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	g_autofree char *xml = copy_xml(source, format, name, err);
	g_autoptr(virStorageVol) made = xml == NULL ? NULL : virStorageVolCreateXMLFrom(pool, xml, source, 0);

	if (xml != NULL && made == NULL)
		host_error(err, "cannot copy volume %s", virStorageVolGetName(source));
	return made != NULL ? 0 : -1;
}

static int
copy_by_streams(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *name, struct error *err)
{
	g_autofree char *xml = copy_xml(source, "raw", name, err);
	g_autoptr(virStorageVol) made = xml == NULL ? NULL : virStorageVolCreateXML(pool, xml, 0);

	if (xml != NULL && made == NULL)
		host_error(err, "cannot create volume %s", name);
	return made == NULL ? -1 : host_serve_copy(call, virStoragePoolGetName(pool), virStorageVolGetName(source), name, err);
}

/* *same: libvirt takes it for what it is.  LUKS it takes for raw with an encryption. */
static int
is_seen_as(virStorageVolPtr volume, const char *format, bool *same, struct error *err)
{
	char *text = virStorageVolGetXMLDesc(volume, 0);

	if (text == NULL)
		return host_error(err, "cannot read volume %s", virStorageVolGetName(volume));
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return -1;
	g_autofree char *seen = host_xml_text(doc, "/volume/target[not(encryption)]/format/@type");
	*same = g_strcmp0(seen, format) == 0;
	return 0;
}

/* A look at the pool may change what libvirt takes a file for, from raw to what it finds in it: it was raw all the time when it is so behind the copy,
 * too. */
static int
copy(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	bool same;

	if (is_seen_as(source, format, &same, err) < 0)
		return -1;
	if (same && (host_copy_by_libvirt(pool, source, format, name, err) < 0 || is_seen_as(source, format, &same, err) < 0))
		return -1;
	if (same)
		return 0;
	if (strcmp(format, "raw") != 0)
		return error_set(err, EIO, "volume %s is no %s file any more", virStorageVolGetName(source), format);
	return host_volume_remove(pool, name, err) < 0 ? -1 : copy_by_streams(call, pool, source, name, err);
}

int
host_copy_there(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	struct error ignored = { 0 };

	if (copy(call, pool, source, format, name, err) == 0)
		return 0;
	host_volume_remove(pool, name, &ignored);
	return -1;
}
