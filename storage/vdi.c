/*
 * Reading VDI, VirtualBox's format; see image_map.h.  All numbers are little endian.
 *
 *   0x40 signature | 0x44 version | 0x48 size of what follows | 0x4c kind | ... | 0x154 offset of the map | 0x158 of the data |
 *   0x168 bytes of a sector | 0x170 size of the disk | 0x178 bytes of a block | 0x17c more bytes before each | 0x180 blocks |
 *   0x1a8 uuid of a parent
 *   The map has a number for each block of the disk: which block of the data, or NOTHING, or ZEROS.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/blob.h"
#include "storage/bytes.h"
#include "storage/image_map.h"

enum {
	AT_VERSION = 0x44, AT_KIND = 0x4c, AT_MAP = 0x154, AT_DATA = 0x158, AT_SECTOR = 0x168, AT_SIZE = 0x170,
	AT_BLOCK = 0x178, AT_EXTRA = 0x17c, AT_BLOCKS = 0x180, AT_PARENT = 0x1a8, UUID = 16, HEADER = 0x200,
	VERSION_1_1 = 0x00010001, DYNAMIC = 1, STATIC = 2, BLOCK = 1 << 20, SECTOR = 512,
};
#define NOTHING UINT32_C(0xffffffff)
#define ZEROS UINT32_C(0xfffffffe)
static const char format[] = "VDI";

struct vdi {
	struct image_map map;
	uint32_t map_at, data_at;
};

static int
check(const uint8_t *head, int64_t limit, struct error *err)
{
	static const uint8_t no_parent[UUID];
	uint32_t version = le32_at(head + AT_VERSION), kind = le32_at(head + AT_KIND);
	uint64_t size = le64_at(head + AT_SIZE);

	if (version != VERSION_1_1)
		return error_set(err, EINVAL, "the VDI image has version 0x%" PRIx32 "; 1.1 is supported", version);
	if ((kind != DYNAMIC && kind != STATIC) || memcmp(head + AT_PARENT, no_parent, UUID) != 0)
		return error_set(err, EINVAL,
		    "the VDI image depends on another one; only images that stand alone can be imported (VBoxManage clonemedium makes one)");
	if (le32_at(head + AT_SECTOR) != SECTOR || le32_at(head + AT_BLOCK) != BLOCK || le32_at(head + AT_EXTRA) != 0)
		return error_set(err, EINVAL, "the VDI image has blocks of %" PRIu32 " bytes; 1 MiB is supported",
		    le32_at(head + AT_BLOCK));
	if (image_map_check_size(format, size, limit, err) < 0)
		return -1;
	if ((uint64_t)le32_at(head + AT_BLOCKS) * BLOCK < size)
		return error_set(err, EINVAL, "the VDI image is damaged: it has %" PRIu32 " blocks; its size needs more",
		    le32_at(head + AT_BLOCKS));
	return 0;
}

static void
vdi_free(struct image_map *map)
{
	g_free(map);
}

static struct image_map *
vdi_open(struct blob *blob, int64_t limit, struct error *err)
{
	uint8_t head[HEADER];

	if (image_map_read(blob, format, "its header", head, sizeof(head), 0, err) < 0 || check(head, limit, err) < 0)
		return NULL;
	struct vdi *vdi = g_new0(struct vdi, 1);
	*vdi = (struct vdi){
		.map = {.class = &image_vdi_class, .blob = blob, .virtual_size = (int64_t)le64_at(head + AT_SIZE)},
		.map_at = le32_at(head + AT_MAP),
		.data_at = le32_at(head + AT_DATA),
	};
	return &vdi->map;
}

static int
vdi_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	const struct vdi *vdi = (const struct vdi *)map;
	int64_t within = at % BLOCK;
	uint8_t entry[4];

	if (image_map_read(map->blob, format, "the map of its blocks", entry, sizeof(entry),
	    vdi->map_at + 4 * (uint64_t)(at / BLOCK), err) < 0)
		return -1;
	uint32_t block = le32_at(entry);
	extent->length = BLOCK - within;
	if (block == NOTHING || block == ZEROS)
		return 0;
	uint64_t offset = vdi->data_at + (uint64_t)block * BLOCK + (uint64_t)within;
	extent->offset = (int64_t)offset;
	return image_map_check(map, format, offset, (uint64_t)MIN(extent->length, map->virtual_size - at), err);
}

const struct image_map_class image_vdi_class = {.open = vdi_open, .find = vdi_find, .free = vdi_free};
