/*
 * Reading VMDK, VMware's format: one file with its descriptor in it (monolithicSparse, streamOptimized); see image_map.h.  All
 * numbers are little endian, places are sectors.
 *
 *   0 "KDMV" | 4 version | 8 flags | 12 capacity | 20 grain | 28 descriptor | 36 its size | 44 entries of a table | 48, 56 directories |
 *   72 unclean | 73 what tells damage by text mode | 77 compression
 *   directory --> tables --> grains; 0: nothing there, 1: zeros.  A packed grain: | 8 sector of the disk | 4 length | zlib stream |
 *   A directory at END is told by a copy of the header in the last but one sector, the footer.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/blob.h"
#include "storage/bytes.h"
#include "storage/image_map.h"

enum {
	SECTOR = 512, HEADER = 512, AT_VERSION = 4, AT_FLAGS = 8, AT_CAPACITY = 12, AT_GRAIN = 20, AT_DESCRIPTOR = 28,
	AT_DESCRIPTOR_SIZE = 36, AT_TABLE_ENTRIES = 44, AT_DIRECTORY = 56, AT_TEXT_MODE = 73, AT_COMPRESSION = 77,
	FLAG_ZEROS = 1 << 2, FLAG_COMPRESSED = 1 << 16, FLAG_MARKERS = 1 << 17,
	FLAGS_KNOWN = 7 | FLAG_COMPRESSED | FLAG_MARKERS,
	VERSION_MOST = 3, DEFLATE = 1, ENTRIES_MOST = 512, GRAIN_LEAST = 8, GRAIN_MOST = 2048 /* sectors */, DESCRIPTOR_MOST = 64 << 10,
	MARKER = 12, FOOTER_BEHIND = 1024 /* bytes from it to the end of the file */,
};
#define END UINT64_MAX
static const char format[] = "VMDK";

struct vmdk {
	struct image_map map;
	uint32_t flags, entries; /* of a table */
	int64_t grain, span;     /* bytes of the disk: of a grain, of a table */
	uint64_t directory_at;   /* in the file */
	int64_t table_of;        /* index of the table that is here; -1: none */
	bool table_absent;       /* ... and that there is none */
	uint8_t table[4 * ENTRIES_MOST];
};

/* --- the descriptor --------------------------------------------------------------------------------------------------- */

/* "KEY = VALUE" with or without quotes and blanks; NULL: another line. */
static char *
value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	if (g_ascii_strncasecmp(line, key, n) != 0)
		return NULL;
	line += n;
	line += strspn(line, " \t");
	if (*line != '=')
		return NULL;
	line++;
	line += strspn(line, " \t\"");
	return g_strndup(line, strcspn(line, "\" \t\r"));
}

/* An extent: "RW SECTORS SPARSE "NAME"".  The name is not looked at: it can only be this file. */
static bool
is_extent(const char *line)
{
	return g_str_has_prefix(line, "RW ") || g_str_has_prefix(line, "RDONLY ") || g_str_has_prefix(line, "NOACCESS ");
}

static int
check_line(const char *line, unsigned *extents, struct error *err)
{
	g_autofree char *kind = value_of(line, "createType"), *parent = value_of(line, "parentCID");

	if (kind != NULL && g_ascii_strcasecmp(kind, "monolithicSparse") != 0 && g_ascii_strcasecmp(kind, "streamOptimized") != 0)
		return error_set(err, EINVAL,
		    "the VMDK image is of another kind than monolithicSparse and streamOptimized (qemu-img convert makes one)");
	if ((parent != NULL && g_ascii_strcasecmp(parent, "ffffffff") != 0) || g_str_has_prefix(line, "parentFileNameHint"))
		return error_set(err, EINVAL, "the VMDK image has a parent; only images that stand alone can be imported");
	if (!is_extent(line))
		return 0;
	if (strstr(line, " SPARSE ") == NULL || ++*extents > 1)
		return error_set(err, EINVAL, "the VMDK image names other files; only images that stand alone can be imported");
	return 0;
}

static int
check_descriptor(struct blob *blob, const uint8_t *head, struct error *err)
{
	uint64_t at = le64_at(head + AT_DESCRIPTOR), sectors = le64_at(head + AT_DESCRIPTOR_SIZE);
	unsigned extents = 0;

	if (at == 0 || sectors == 0 || sectors > DESCRIPTOR_MOST / SECTOR || at > INT64_MAX / SECTOR)
		return error_set(err, EINVAL, "the VMDK image has no descriptor in it: it is a part of one, or damaged");
	g_autofree uint8_t *text = g_malloc0(sectors * SECTOR + 1);
	if (image_map_read(blob, format, "its descriptor", text, sectors * SECTOR, at * SECTOR, err) < 0)
		return -1;
	g_auto(GStrv) lines = g_strsplit((const char *)text, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		if (check_line(g_strstrip(*line), &extents, err) < 0)
			return -1;
	if (extents != 1)
		return error_set(err, EINVAL, "the VMDK image has no descriptor in it: it is a part of one, or damaged");
	return 0;
}

/* --- the header ------------------------------------------------------------------------------------------------------- */

static int
check_header(const uint8_t *head, int64_t limit, struct error *err)
{
	uint32_t version = le32_at(head + AT_VERSION), flags = le32_at(head + AT_FLAGS), entries = le32_at(head + AT_TABLE_ENTRIES);
	uint64_t capacity = le64_at(head + AT_CAPACITY), grain = le64_at(head + AT_GRAIN);

	if (version < 1 || version > VERSION_MOST || flags & ~(uint32_t)FLAGS_KNOWN)
		return error_set(err, EINVAL, "the VMDK image has version %" PRIu32 " and flags 0x%" PRIx32 ", which are not known here",
		    version, flags);
	if (flags & 1 && memcmp(head + AT_TEXT_MODE, "\n \r\n", 4) != 0)
		return error_set(err, EINVAL, "the VMDK image is damaged: it was transferred as a text");
	if ((flags & FLAG_COMPRESSED) && (le16_at(head + AT_COMPRESSION) != DEFLATE || !(flags & FLAG_MARKERS)))
		return error_set(err, EINVAL, "the VMDK image has a compression that is not known here");
	if (grain < GRAIN_LEAST || grain > GRAIN_MOST || (grain & (grain - 1)) != 0 || entries == 0 || entries > ENTRIES_MOST)
		return error_set(err, EINVAL, "the VMDK image has grains of %" PRIu64 " sectors in tables of %" PRIu32 ", which cannot be",
		    grain, entries);
	if (capacity > INT64_MAX / SECTOR)
		capacity = INT64_MAX / SECTOR;
	return image_map_check_size(format, capacity * SECTOR, limit, err);
}

/* The header, or the footer when it is that which knows the directory. */
static int
read_header(struct blob *blob, uint8_t head[HEADER], struct error *err)
{
	if (image_map_read(blob, format, "its header", head, HEADER, 0, err) < 0)
		return -1;
	if (check_descriptor(blob, head, err) < 0)
		return -1;
	if (le64_at(head + AT_DIRECTORY) != END)
		return 0;
	if (blob->size < FOOTER_BEHIND + HEADER ||
	    image_map_read(blob, format, "its footer", head, HEADER, (uint64_t)blob->size - FOOTER_BEHIND, err) < 0 ||
	    memcmp(head, "KDMV", 4) != 0)
		return error_set(err, EINVAL, "the VMDK image is truncated: it has no footer");
	return 0;
}

static void
vmdk_free(struct image_map *map)
{
	g_free(map);
}

static struct image_map *
vmdk_open(struct blob *blob, int64_t limit, struct error *err)
{
	uint8_t head[HEADER];

	if (read_header(blob, head, err) < 0 || check_header(head, limit, err) < 0)
		return NULL;
	uint32_t flags = le32_at(head + AT_FLAGS), entries = le32_at(head + AT_TABLE_ENTRIES);
	uint64_t directory = le64_at(head + AT_DIRECTORY);
	int64_t grain = (int64_t)le64_at(head + AT_GRAIN) * SECTOR;
	if (directory > (uint64_t)blob->size / SECTOR) {
		error_set(err, EINVAL, "the VMDK image is truncated: its directory lies behind the end of the file");
		return NULL;
	}
	struct vmdk *vmdk = g_new0(struct vmdk, 1);
	vmdk->map = (struct image_map){.class = &image_vmdk_class, .blob = blob,
	    .virtual_size = (int64_t)le64_at(head + AT_CAPACITY) * SECTOR, .packing = IMAGE_PACKED_GRAIN, .unit = (size_t)grain};
	vmdk->flags = flags;
	vmdk->entries = entries;
	vmdk->grain = grain;
	vmdk->span = grain * entries;
	vmdk->directory_at = directory * SECTOR;
	vmdk->table_of = -1;
	return &vmdk->map;
}

/* --- tables ----------------------------------------------------------------------------------------------------------- */

static int
load_table(struct vmdk *vmdk, int64_t index, struct error *err)
{
	uint8_t entry[4];

	if (vmdk->table_of == index)
		return 0;
	vmdk->table_of = -1;
	if (image_map_read(vmdk->map.blob, format, "its directory", entry, sizeof(entry), vmdk->directory_at + 4 * (uint64_t)index, err) < 0)
		return -1;
	uint64_t at = (uint64_t)le32_at(entry) * SECTOR;
	vmdk->table_absent = at == 0;
	if (at != 0 && image_map_read(vmdk->map.blob, format, "a table", vmdk->table, 4 * (size_t)vmdk->entries, at, err) < 0)
		return -1;
	vmdk->table_of = index;
	return 0;
}

/* How long a packed grain is says its marker; what does not compress grows a little. */
static int
find_packed(const struct vmdk *vmdk, uint64_t offset, struct image_extent *extent, struct error *err)
{
	uint64_t size = (uint64_t)vmdk->map.blob->size, most = MARKER + (uint64_t)vmdk->grain + (uint64_t)vmdk->grain / 16 + SECTOR;

	if (offset >= size)
		return error_set(err, EINVAL, "the VMDK image is truncated: a grain lies behind the end of the file");
	extent->offset = (int64_t)offset;
	extent->packed = (uint32_t)MIN(most, size - offset);
	return 0;
}

static int
vmdk_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	struct vmdk *vmdk = (struct vmdk *)map;
	int64_t within = at % vmdk->grain;

	if (load_table(vmdk, at / vmdk->span, err) < 0)
		return -1;
	if (vmdk->table_absent) {
		extent->length = vmdk->span - at % vmdk->span;
		return 0;
	}
	uint32_t sector = le32_at(vmdk->table + 4 * (at % vmdk->span / vmdk->grain));
	uint64_t offset = (uint64_t)sector * SECTOR;
	extent->length = vmdk->grain - within;
	if (sector == 0 || (sector == 1 && vmdk->flags & FLAG_ZEROS))
		return 0;
	if (vmdk->flags & FLAG_COMPRESSED)
		return find_packed(vmdk, offset, extent, err);
	extent->offset = (int64_t)offset + within;
	return image_map_check(map, format, (uint64_t)extent->offset,
	    (uint64_t)MIN(extent->length, map->virtual_size - at), err);
}

const struct image_map_class image_vmdk_class = {.open = vmdk_open, .find = vmdk_find, .free = vmdk_free};
