/*
 * Reading VHDX, Hyper-V's format; see image_map.h.  All numbers are little endian.  Source: [MS-VHDX].
 *
 *   0 "vhdxfile" | 64 KiB, 128 KiB headers | 192 KiB, 256 KiB region tables | wherever those say: log, metadata, table of blocks
 *   entry of the table:  | 63..20 offset in MiB | 2..0 state |; after each "ratio" entries comes one for a bitmap, which only
 *   differencing disks need
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
	GUID = 16, MIB = 1 << 20,
	HEADER = 4096, HEADER_1 = 64 << 10, HEADER_2 = 128 << 10, AT_SUM = 4, AT_SEQUENCE = 8, AT_LOG = 48, AT_VERSION = 66,
	REGIONS = 64 << 10, REGIONS_1 = 192 << 10, REGIONS_2 = 256 << 10, REGION_COUNT = 8, REGION_FIRST = 16, REGION = 32,
	METADATA = 64 << 10, METADATA_COUNT = 10, METADATA_FIRST = 32, METADATA_ENTRY = 32, ENTRIES_MOST = 2047,
	BLOCK_LEAST = 1 << 20, BLOCK_MOST = 256 << 20, HAS_PARENT = 2, REQUIRED = 1, ITEM_REQUIRED = 4,
	NOT_PRESENT = 0, UNDEFINED = 1, ZEROS = 2, UNMAPPED = 3, PRESENT = 6,
};
static const char format[] = "VHDX";

struct vhdx {
	struct image_map map;
	uint64_t table_at, table_length; /* bytes */
	int64_t block;                   /* bytes of the disk in each */
	int64_t ratio;                   /* blocks between two bitmaps */
};

/* What header, regions and metadata say; zero: it was not there. */
struct facts {
	uint64_t table_at, metadata_at, size;
	uint32_t table_length, metadata_length, block, flags, sector;
};

/* --- checksums and GUIDs -------------------------------------------------------------------------------------------- */

/* CRC-32C over data, the four bytes of the sum itself counted as zeros. */
static uint32_t
crc32c(const uint8_t *data, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= i >= AT_SUM && i < AT_SUM + 4 ? 0 : data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & (0 - (crc & 1)));
	}
	return ~crc;
}

/* As they lie in the file: the first three fields little endian. */
static const uint8_t region_table[GUID] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t region_metadata[GUID] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t item_parameters[GUID] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t item_size[GUID] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t item_sector[GUID] = {0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};
static const uint8_t item_physical[GUID] = {0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56};
static const uint8_t item_page83[GUID] = {0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46};
static const uint8_t item_parent[GUID] = {0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c};

static int
depends(struct error *err)
{
	return error_set(err, EINVAL,
	    "the VHDX image depends on another one; only images that stand alone can be imported (qemu-img convert makes one)");
}

/* --- headers --------------------------------------------------------------------------------------------------------- */

/* The header with the larger sequence number of those that are whole; a log that is not empty would have to be played back. */
static int
check_headers(struct blob *blob, struct error *err)
{
	static const uint64_t places[] = {HEADER_1, HEADER_2};
	static const uint8_t no_log[GUID];
	g_autofree uint8_t *header = g_malloc(HEADER);
	uint64_t newest = 0;
	bool found = false, clean = false;
	uint16_t version = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		if (image_map_read(blob, format, "its header", header, HEADER, places[i], err) < 0)
			return -1;
		if (memcmp(header, "head", 4) != 0 || crc32c(header, HEADER) != le32_at(header + AT_SUM) ||
		    (found && le64_at(header + AT_SEQUENCE) <= newest))
			continue;
		found = true;
		newest = le64_at(header + AT_SEQUENCE);
		clean = memcmp(header + AT_LOG, no_log, GUID) == 0;
		version = le16_at(header + AT_VERSION);
	}
	if (!found)
		return error_set(err, EINVAL, "the VHDX image is damaged: it has no header with the right checksum");
	if (version != 1)
		return error_set(err, EINVAL, "the VHDX image has version %u; 1 is supported", (unsigned)version);
	if (!clean)
		return error_set(err, EINVAL, "the VHDX image was not closed cleanly: open it once where it comes from (or qemu-img check -r all)");
	return 0;
}

static int
take_region(const uint8_t *entry, struct facts *facts, struct error *err)
{
	uint64_t offset = le64_at(entry + GUID);
	uint32_t length = le32_at(entry + GUID + 8), flags = le32_at(entry + GUID + 12);

	if (memcmp(entry, region_table, GUID) == 0) {
		facts->table_at = offset;
		facts->table_length = length;
	} else if (memcmp(entry, region_metadata, GUID) == 0) {
		facts->metadata_at = offset;
		facts->metadata_length = length;
	} else if (flags & REQUIRED) {
		return error_set(err, EINVAL, "the VHDX image needs a region that is not known here");
	}
	return 0;
}

static int
read_regions(struct blob *blob, struct facts *facts, struct error *err)
{
	static const uint64_t places[] = {REGIONS_1, REGIONS_2};
	g_autofree uint8_t *table = g_malloc(REGIONS);

	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		if (image_map_read(blob, format, "its region table", table, REGIONS, places[i], err) < 0)
			return -1;
		uint32_t count = le32_at(table + REGION_COUNT);
		if (memcmp(table, "regi", 4) != 0 || crc32c(table, REGIONS) != le32_at(table + AT_SUM) || count > ENTRIES_MOST)
			continue;
		for (uint32_t k = 0; k < count; k++)
			if (take_region(table + REGION_FIRST + k * REGION, facts, err) < 0)
				return -1;
		if (facts->table_at == 0 || facts->metadata_at == 0)
			return error_set(err, EINVAL, "the VHDX image is damaged: it has no table of blocks or no metadata");
		return 0;
	}
	return error_set(err, EINVAL, "the VHDX image is damaged: it has no region table with the right checksum");
}

/* --- metadata -------------------------------------------------------------------------------------------------------- */

static int
take_item(const uint8_t *metadata, const uint8_t *entry, struct facts *facts, struct error *err)
{
	uint32_t offset = le32_at(entry + GUID), length = le32_at(entry + GUID + 4), flags = le32_at(entry + GUID + 8);
	const uint8_t *item = metadata + offset;

	if (memcmp(entry, item_parent, GUID) == 0)
		return depends(err);
	if (memcmp(entry, item_physical, GUID) == 0 || memcmp(entry, item_page83, GUID) == 0)
		return 0;
	bool inside = offset >= METADATA && length >= 4 && offset <= facts->metadata_length && length <= facts->metadata_length - offset;
	if (memcmp(entry, item_parameters, GUID) == 0 && inside && length >= 8) {
		facts->block = le32_at(item);
		facts->flags = le32_at(item + 4);
	} else if (memcmp(entry, item_size, GUID) == 0 && inside && length >= 8) {
		facts->size = le64_at(item);
	} else if (memcmp(entry, item_sector, GUID) == 0 && inside) {
		facts->sector = le32_at(item);
	} else if (flags & ITEM_REQUIRED) {
		return error_set(err, EINVAL, "the VHDX image needs metadata that are damaged or not known here");
	}
	return 0;
}

static int
read_metadata(struct blob *blob, struct facts *facts, struct error *err)
{
	/* Items lie behind the table; those that are needed are small. */
	facts->metadata_length = MIN(facts->metadata_length, MIB);
	if (facts->metadata_length < METADATA)
		return error_set(err, EINVAL, "the VHDX image is damaged: its metadata are too short");
	g_autofree uint8_t *metadata = g_malloc(facts->metadata_length);
	if (image_map_read(blob, format, "its metadata", metadata, facts->metadata_length, facts->metadata_at, err) < 0)
		return -1;
	uint16_t count = le16_at(metadata + METADATA_COUNT);
	if (memcmp(metadata, "metadata", 8) != 0 || count > ENTRIES_MOST)
		return error_set(err, EINVAL, "the VHDX image is damaged: its metadata are not where they should be");
	for (uint16_t i = 0; i < count; i++)
		if (take_item(metadata, metadata + METADATA_FIRST + i * METADATA_ENTRY, facts, err) < 0)
			return -1;
	return 0;
}

static int
check(const struct facts *facts, int64_t limit, struct error *err)
{
	if (facts->flags & HAS_PARENT)
		return depends(err);
	if (facts->block < BLOCK_LEAST || facts->block > BLOCK_MOST || (facts->block & (facts->block - 1)) != 0)
		return error_set(err, EINVAL, "the VHDX image has blocks of %" PRIu32 " bytes, which cannot be", facts->block);
	if (facts->sector != 512 && facts->sector != 4096)
		return error_set(err, EINVAL, "the VHDX image has sectors of %" PRIu32 " bytes, which cannot be", facts->sector);
	return image_map_check_size(format, facts->size, limit, err);
}

/* --- the map --------------------------------------------------------------------------------------------------------- */

static void
vhdx_free(struct image_map *map)
{
	g_free(map);
}

static struct image_map *
vhdx_open(struct blob *blob, int64_t limit, struct error *err)
{
	struct facts facts = {0};

	if (check_headers(blob, err) < 0 || read_regions(blob, &facts, err) < 0 || read_metadata(blob, &facts, err) < 0 ||
	    check(&facts, limit, err) < 0)
		return NULL;
	struct vhdx *vhdx = g_new0(struct vhdx, 1);
	*vhdx = (struct vhdx){
		.map = {.class = &image_vhdx_class, .blob = blob, .virtual_size = (int64_t)facts.size},
		.table_at = facts.table_at,
		.table_length = facts.table_length,
		.block = facts.block,
		.ratio = ((int64_t)facts.sector << 23) / facts.block,
	};
	return &vhdx->map;
}

static int
vhdx_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	const struct vhdx *vhdx = (const struct vhdx *)map;
	int64_t within = at % vhdx->block, block = at / vhdx->block;
	uint64_t place = 8 * (uint64_t)(block + block / vhdx->ratio);
	uint8_t entry[8];

	if (place + 8 > vhdx->table_length)
		return error_set(err, EINVAL, "the VHDX image is damaged: its table of blocks is too short for its size");
	if (image_map_read(map->blob, format, "its table of blocks", entry, sizeof(entry), vhdx->table_at + place, err) < 0)
		return -1;
	unsigned state = entry[0] & 7;
	uint64_t offset = le64_at(entry) & ~UINT64_C(0xfffff);
	extent->length = vhdx->block - within;
	if (state == NOT_PRESENT || state == UNDEFINED || state == ZEROS || state == UNMAPPED)
		return 0;
	if (state != PRESENT || offset > INT64_MAX - (uint64_t)BLOCK_MOST)
		return error_set(err, EINVAL, "the VHDX image is damaged: a block has the state %u", state);
	extent->offset = (int64_t)offset + within;
	return image_map_check(map, format, (uint64_t)extent->offset,
	    (uint64_t)MIN(extent->length, map->virtual_size - at), err);
}

const struct image_map_class image_vhdx_class = {.open = vhdx_open, .find = vhdx_find, .free = vhdx_free};
