/*
 * Reading qcow2; see image_map.h.  Format: qemu docs/interop/qcow2.txt.
 *
 *   L1 entry:  | 63 copied |  55..9 offset of an L2 table, 0: nothing there |
 *   L2 entry:  | 63 copied | 62 compressed = 0 | 55..9 offset of a cluster, 0: nothing there | 0 reads as zeros |
 *              | 62 compressed = 1 | further sectors | offset in bytes: 62 - (cluster_bits - 8) bits |
 *   With extended entries a second number follows: 32 bits "allocated" and, above them, 32 bits "zeros", one
 *   for a subcluster.
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

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define ENTRY_COMPRESSED (UINT64_C(1) << 62)
#define ENTRY_ZERO UINT64_C(1)
static const char format[] = "qcow2";

enum {
	SUBCLUSTERS = 32,
	AT_BACKING = 8, BACKING_LENGTH = 12, /* of the header: where the name of what it lies over is, and how long */
};

struct qcow2 {
	struct image_map map;
	struct image_qcow2 header;
	int64_t cluster;    /* bytes */
	int64_t span;       /* bytes of the disk that an L2 table stands for */
	int64_t table_of;   /* index of the L2 table that is here; -1: none */
	bool table_absent;  /* ... and that there is none: all of it reads as zeros */
	uint8_t *table;     /* one cluster */
};

static struct qcow2 *
of(struct image_map *map)
{
	return (struct qcow2 *)map;
}

static void
qcow2_free(struct image_map *map)
{
	g_free(of(map)->table);
	g_free(map);
}

static struct image_map *
open_image(struct blob *blob, int64_t limit, bool over, struct error *err)
{
	size_t length = (size_t)MIN(IMAGE_HEAD, blob->size);
	g_autofree uint8_t *head = g_malloc0(IMAGE_HEAD);
	struct image_qcow2 header;

	if (blob_read(blob, head, length, 0, err) < 0)
		return NULL;
	if (over)
		memset(head + AT_BACKING, 0, BACKING_LENGTH);
	if (image_check_qcow2(head, length, blob->size, limit, &header, err) < 0)
		return NULL;
	struct qcow2 *image = g_new0(struct qcow2, 1);
	int64_t cluster = (int64_t)1 << header.cluster_bits;
	*image = (struct qcow2){
		.map = {.class = &image_qcow2_class, .blob = blob, .virtual_size = header.virtual_size,
		    .packing = header.compression == IMAGE_ZSTD ? IMAGE_PACKED_ZSTD : IMAGE_PACKED_DEFLATE,
		    .unit = (size_t)cluster},
		.header = header,
		.cluster = cluster,
		.span = cluster / (header.extended ? 16 : 8) * cluster,
		.table_of = -1,
		.table = g_malloc((size_t)cluster),
	};
	return &image->map;
}

static struct image_map *
qcow2_open(struct blob *blob, int64_t limit, struct error *err)
{
	return open_image(blob, limit, false, err);
}

struct image_map *
image_qcow2_open_over(struct blob *blob, int64_t limit, struct error *err)
{
	return open_image(blob, limit, true, err);
}

/* --- tables --------------------------------------------------------------------------------------------------------- */

/* Makes the L2 table with this index the one that is here. */
static int
load_table(struct qcow2 *image, int64_t index, struct error *err)
{
	uint8_t entry[8];

	if (image->table_of == index)
		return 0;
	image->table_of = -1;
	if (image_map_read(image->map.blob, format, "the L1 table", entry, sizeof(entry),
	    (uint64_t)image->header.l1_offset + 8 * (uint64_t)index, err) < 0)
		return -1;
	uint64_t offset = be64_at(entry) & OFFSET_MASK;
	if (offset % (uint64_t)image->cluster != 0)
		return error_set(err, EINVAL, "the qcow2 image is damaged: an L2 table begins at 0x%" PRIx64, offset);
	image->table_absent = offset == 0;
	if (offset != 0 &&
	    image_map_read(image->map.blob, format, "an L2 table", image->table, (size_t)image->cluster, offset, err) < 0)
		return -1;
	image->table_of = index;
	return 0;
}

static int
find_compressed(const struct qcow2 *image, uint64_t entry, struct image_extent *extent, struct error *err)
{
	unsigned bits = 62 - (image->header.cluster_bits - 8);
	uint64_t offset = entry & ((UINT64_C(1) << bits) - 1), size = (uint64_t)image->map.blob->size;
	uint64_t further = (entry & (ENTRY_COMPRESSED - 1)) >> bits;

	if (offset >= size)
		return error_set(
		    err, EINVAL, "the qcow2 image is truncated: a compressed cluster lies behind the end of the file");
	extent->offset = (int64_t)offset;
	/* The last sector need not be there whole. */
	extent->packed = (uint32_t)MIN((further + 1) * 512 - offset % 512, size - offset);
	return 0;
}

/* A subcluster. */
static int
find_part(const struct qcow2 *image, uint64_t offset, uint64_t bitmap, int64_t within, struct image_extent *extent,
    struct error *err)
{
	int64_t size = image->cluster / SUBCLUSTERS;
	unsigned i = (unsigned)(within / size);
	bool allocated = bitmap >> i & 1, zeros = bitmap >> (SUBCLUSTERS + i) & 1;

	if (allocated && (zeros || offset == 0))
		return error_set(err, EINVAL, "the qcow2 image is damaged: a subcluster is there and is not");
	extent->length = size - within % size;
	extent->under = !allocated && !zeros;
	if (allocated)
		extent->offset = (int64_t)offset + within;
	return 0;
}

static int
qcow2_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	struct qcow2 *image = of(map);
	int64_t within = at % image->cluster;
	const uint8_t *place = image->table + at % image->span / image->cluster * (image->header.extended ? 16 : 8);

	if (load_table(image, at / image->span, err) < 0)
		return -1;
	if (image->table_absent) {
		extent->length = image->span - at % image->span;
		extent->under = true;
		return 0;
	}
	uint64_t entry = be64_at(place), offset = entry & OFFSET_MASK;
	extent->length = image->cluster - within;
	if (entry & ENTRY_COMPRESSED)
		return find_compressed(image, entry, extent, err);
	if (offset % (uint64_t)image->cluster != 0)
		return error_set(err, EINVAL, "the qcow2 image is damaged: a cluster begins at 0x%" PRIx64, offset);
	if (image->header.extended) {
		if (find_part(image, offset, be64_at(place + 8), within, extent, err) < 0)
			return -1;
	} else if (offset != 0 && !(entry & ENTRY_ZERO)) {
		extent->offset = (int64_t)offset + within;
	} else {
		extent->under = !(entry & ENTRY_ZERO);
	}
	return extent->offset == IMAGE_HOLE ? 0 :
	    image_map_check(map, format, (uint64_t)extent->offset,
	        (uint64_t)MIN(extent->length, map->virtual_size - at), err);
}

const struct image_map_class image_qcow2_class = {.open = qcow2_open, .find = qcow2_find, .free = qcow2_free};
