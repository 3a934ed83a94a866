/*
 * Reading VHD, Virtual PC's and Azure's format; see image_map.h.  All numbers are big endian.
 *
 *   fixed:    data | footer
 *   dynamic:  copy of the footer | header "cxsparse" | table | blocks | footer
 *   block:    bitmap, one bit for a sector, rounded up to sectors | data
 *   The table has the sector of each block of the disk, or NOTHING.  The bitmaps matter for differencing disks only, which are
 *   refused: sectors that were never written are zeros in the block.
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
	SECTOR = 512, FOOTER = IMAGE_VHD_FOOTER, AT_HEADER = 16, AT_SIZE = 48, AT_KIND = 60, AT_SUM = 64,
	HEADER = 1024, AT_TABLE = 16, AT_ENTRIES = 28, AT_BLOCK = 32, AT_HEADER_SUM = 36,
	FIXED = 2, DYNAMIC = 3, BLOCK_LEAST = 1 << 15, BLOCK_MOST = 256 << 20,
};
#define NOTHING UINT32_C(0xffffffff)
static const char format[] = "VHD";

struct vhd {
	struct image_map map;
	int64_t block;     /* bytes of the disk in each */
	int64_t bitmap;    /* bytes before the data of each */
	uint64_t table_at; /* in the file */
};

/* All bytes but those of the sum itself, added and inverted. */
static bool
sum_fits(const uint8_t *data, size_t length, size_t at)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += i >= at && i < at + 4 ? 0 : data[i];
	return ~sum == be32_at(data + at);
}

static bool
is_footer(const uint8_t *footer)
{
	return memcmp(footer, "conectix", 8) == 0 && sum_fits(footer, FOOTER, AT_SUM);
}

bool
image_is_vhd_footer(const uint8_t footer[IMAGE_VHD_FOOTER], int64_t before)
{
	return is_footer(footer) && be32_at(footer + AT_KIND) == FIXED &&
	       be64_at(footer + AT_SIZE) == (uint64_t)before;
}

static int
check_footer(const uint8_t *footer, int64_t limit, struct error *err)
{
	uint32_t kind = be32_at(footer + AT_KIND);

	if (!is_footer(footer))
		return error_set(err, EINVAL, "the VHD image is damaged: its first sector has another checksum");
	if (kind != DYNAMIC && kind != FIXED)
		return error_set(err, EINVAL,
		    "the VHD image is of kind %" PRIu32 ": it depends on another one; only images that stand alone can be imported", kind);
	if (kind == FIXED)
		return error_set(err, EINVAL, "the VHD image is damaged: a fixed one does not begin so");
	return image_map_check_size(format, be64_at(footer + AT_SIZE), limit, err);
}

static int
check_header(const uint8_t *header, int64_t size, struct error *err)
{
	uint32_t block = be32_at(header + AT_BLOCK), entries = be32_at(header + AT_ENTRIES);

	if (memcmp(header, "cxsparse", 8) != 0 || !sum_fits(header, HEADER, AT_HEADER_SUM))
		return error_set(err, EINVAL, "the VHD image is damaged: its header has no or another checksum");
	if (block < BLOCK_LEAST || block > BLOCK_MOST || (block & (block - 1)) != 0)
		return error_set(err, EINVAL, "the VHD image has blocks of %" PRIu32 " bytes, which cannot be", block);
	if ((uint64_t)entries * block < (uint64_t)size)
		return error_set(err, EINVAL, "the VHD image is damaged: its table has %" PRIu32 " entries; its size needs more", entries);
	return 0;
}

static void
vhd_free(struct image_map *map)
{
	g_free(map);
}

static struct image_map *
vhd_open(struct blob *blob, int64_t limit, struct error *err)
{
	uint8_t footer[FOOTER], header[HEADER];

	if (image_map_read(blob, format, "its first sector", footer, sizeof(footer), 0, err) < 0 ||
	    check_footer(footer, limit, err) < 0 ||
	    image_map_read(blob, format, "its header", header, sizeof(header), be64_at(footer + AT_HEADER), err) < 0 ||
	    check_header(header, (int64_t)be64_at(footer + AT_SIZE), err) < 0)
		return NULL;
	struct vhd *vhd = g_new0(struct vhd, 1);
	int64_t block = be32_at(header + AT_BLOCK);
	*vhd = (struct vhd){
		.map = {.class = &image_vhd_class, .blob = blob, .virtual_size = (int64_t)be64_at(footer + AT_SIZE)},
		.block = block,
		.bitmap = (block / SECTOR / 8 + SECTOR - 1) / SECTOR * SECTOR,
		.table_at = be64_at(header + AT_TABLE),
	};
	/* Of a table that begins elsewhere nothing can be read; its entries are added to this. */
	if (vhd->table_at > (uint64_t)blob->size) {
		error_set(err, EINVAL, "the VHD image is truncated: its table lies behind the end of the file");
		vhd_free(&vhd->map);
		return NULL;
	}
	return &vhd->map;
}

static int
vhd_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	const struct vhd *vhd = (const struct vhd *)map;
	int64_t within = at % vhd->block;
	uint8_t entry[4];

	if (image_map_read(map->blob, format, "its table", entry, sizeof(entry), vhd->table_at + 4 * (uint64_t)(at / vhd->block),
	    err) < 0)
		return -1;
	uint32_t sector = be32_at(entry);
	extent->length = vhd->block - within;
	if (sector == NOTHING)
		return 0;
	uint64_t offset = (uint64_t)sector * SECTOR + (uint64_t)(vhd->bitmap + within);
	extent->offset = (int64_t)offset;
	return image_map_check(map, format, offset, (uint64_t)MIN(extent->length, map->virtual_size - at), err);
}

const struct image_map_class image_vhd_class = {.open = vhd_open, .find = vhd_find, .free = vhd_free};
