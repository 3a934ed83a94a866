/*
 * Copies by a libvirt elsewhere, which makes them by itself where it can be trusted with what is in the file.
 *
 * In a raw volume a guest may have written the header of a qcow2 that lies over any file of that host.  libvirt looks at what is in the files of a pool;
 * what it takes for a qcow2 it copies with qemu-img, which would follow that header.  Such a volume goes through this process (host_serve.c).
 *
 * A volume has its name there from the beginning, so a mark, the volume .NAME.part, lies beside it until all of it is there:
 *
 *   mark ──> copy ──> no mark     a kill of this process, of libvirtd or of that machine in between leaves the mark: the copy is removed, then the mark
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"

enum { MARK_SIZE = 512 };

#define PART ".part"

static GMutex lock;        /* around making */
static GHashTable *making; /* POOL/NAME of copies that this process makes */

/* --- copies --------------------------------------------------------------------------------------------------------------- */

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

/* --- marks ---------------------------------------------------------------------------------------------------------------- */

static char *
mark_of(const char *name)
{
	return g_strconcat(".", name, PART, NULL);
}

static int
mark_make(virStoragePoolPtr pool, const char *name, struct error *err)
{
	g_autofree char *mark = mark_of(name);
	g_autofree char *xml = g_markup_printf_escaped("<volume><name>%s</name><capacity unit='bytes'>%d</capacity><allocation>0</allocation><target>"
	    "<format type='raw'/><permissions><mode>0600</mode></permissions></target></volume>", mark, MARK_SIZE);
	g_autoptr(virStorageVol) made = virStorageVolCreateXML(pool, xml, 0);

	return made != NULL ? 0 : host_error(err, "cannot make volume %s", mark);
}

/* 0 when it is gone; a look at the pool is not worth it. */
static int
remove_known(virStoragePoolPtr pool, const char *name, struct error *err)
{
	g_autoptr(virStorageVol) volume = virStorageVolLookupByName(pool, name);

	if (volume != NULL && virStorageVolDelete(volume, 0) == 0)
		return 0;
	if (virGetLastErrorCode() == VIR_ERR_NO_STORAGE_VOL)
		return 0;
	return host_error(err, "cannot delete volume %s", name); /* EBUSY: libvirt still writes to it */
}

static bool
is_marked(virStoragePoolPtr pool, const char *name)
{
	g_autofree char *mark = mark_of(name);
	g_autoptr(virStorageVol) there = virStorageVolLookupByName(pool, mark);

	return there != NULL;
}

/* What another process began is removed, the mark last. */
static int
unfinished_remove(virStoragePoolPtr pool, const char *name, struct error *err)
{
	g_autofree char *mark = mark_of(name);

	if (!is_marked(pool, name))
		return 0;
	return remove_known(pool, name, err) < 0 || remove_known(pool, mark, err) < 0 ? -1 : 0;
}

/* NULL with EBUSY; to be ended with making_end(), which frees it. */
static char *
making_begin(virStoragePoolPtr pool, const char *name, struct error *err)
{
	char *word = host_volume_word(virStoragePoolGetName(pool), name);
	bool added;

	g_mutex_lock(&lock);
	if (making == NULL)
		making = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	added = !g_hash_table_contains(making, word) && g_hash_table_add(making, g_strdup(word));
	g_mutex_unlock(&lock);
	if (added)
		return word;
	g_free(word);
	error_set(err, EBUSY, "volume %s is being made: wait for the end of that", name);
	return NULL;
}

static void
making_end(char *word)
{
	g_mutex_lock(&lock);
	g_hash_table_remove(making, word);
	g_mutex_unlock(&lock);
	g_free(word);
}

/* --- for others ------------------------------------------------------------------------------------------------------------- */

int
host_copy_there(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	char *word = making_begin(pool, name, err);
	g_autofree char *mark = mark_of(name);
	struct error ignored = { 0 };
	int rc;

	if (word == NULL)
		return -1;
	rc = unfinished_remove(pool, name, err) < 0 || mark_make(pool, name, err) < 0 ? -1 : 0;
	if (rc == 0) {
		rc = copy(call, pool, source, format, name, err);
		if (rc < 0)
			unfinished_remove(pool, name, &ignored);
		else
			rc = remove_known(pool, mark, err);
	}
	making_end(word);
	return rc;
}

int
host_copy_settle(virStoragePoolPtr pool, const char *name, struct error *err)
{
	char *word = host_is_local() ? NULL : making_begin(pool, name, err);
	int rc;

	if (word == NULL)
		return host_is_local() ? 0 : -1;
	rc = unfinished_remove(pool, name, err);
	making_end(word);
	return rc;
}

int
host_copy_sweep(virStoragePoolPtr pool)
{
	virStorageVolPtr *all = NULL;
	int count = virStoragePoolListAllVolumes(pool, &all, 0), left = 0;

	for (int i = 0; i < count; i++) {
		const char *mark = virStorageVolGetName(all[i]);
		struct error ignored = { 0 };
		if (*mark == '.' && g_str_has_suffix(mark, PART)) {
			g_autofree char *name = g_strndup(mark + 1, strlen(mark + 1) - strlen(PART));
			left += host_copy_settle(pool, name, &ignored) < 0;
		}
		virStorageVolFree(all[i]);
	}
	free(all);
	return left;
}
