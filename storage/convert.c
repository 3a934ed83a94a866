/*
 * From a map of an image to its disk; see convert.h.
 *
 *   map --> batch of extents, by their place in the file --> plan: pieces that hold whole extents --> blob --> take: to the disk
 *
 * Plan and take walk over the same extents, the plan ahead by as many pieces as are on their way.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "src/base/error.h"
#include "storage/blob.h"
#include "storage/bytes.h"
#include "storage/convert.h"
#include "storage/image_map.h"
#include "storage/sparse.h"

enum {
	EXTENTS_MOST = 384 << 10,  /* of a batch: 9 MiB */
	PLAIN_MOST = BLOB_PIECE,   /* bytes of an extent: a piece holds it whole */
	GAP_MOST = 128 << 10,      /* bytes that are rather read than asked for around */
	MARKER = 12,               /* bytes before a packed grain of vmdk */
	DEFLATE_WINDOW = 12,       /* bits, qemu's */
	HOLE_PIECE = 16 << 20,     /* bytes of a hole that are written between two tellings of progress */
};

struct extent {
	int64_t offset, at;      /* in the file; on the disk */
	uint32_t length, packed; /* as in struct image_extent */
};

struct conversion {
	struct image_map *map;
	struct sparse *out;
	const struct convert_watch *watch;
	GArray *extents;     /* struct extent, the batch */
	int64_t at;          /* on the disk: where the next batch begins */
	guint planned, taken; /* extents */
	int64_t planned_to;  /* in the file: where the last piece that was planned ends */
	int64_t whole_to;    /* ... up to where watch->whole has seen it */
	int64_t done, total; /* bytes of the file */
	uint8_t *unit;       /* a packed piece, unpacked */
	ZSTD_DCtx *zstd;
};

/* --- a batch --------------------------------------------------------------------------------------------------------- */

static void
add(struct conversion *c, int64_t at, const struct image_extent *found)
{
	struct extent *last = c->extents->len == 0 ? NULL : &g_array_index(c->extents, struct extent, c->extents->len - 1);
	struct extent next = {.offset = found->offset, .at = at, .packed = found->packed};
	int64_t left = found->length;

	if (found->packed != 0) {
		next.length = (uint32_t)left;
		g_array_append_val(c->extents, next);
		return;
	}
	if (last != NULL && last->packed == 0 && last->at + last->length == at && last->offset + last->length == found->offset) {
		uint32_t n = (uint32_t)MIN(left, PLAIN_MOST - (int64_t)last->length);
		last->length += n;
		next.offset += n;
		next.at += n;
		left -= n;
	}
	while (left > 0) {
		next.length = (uint32_t)MIN(left, PLAIN_MOST);
		g_array_append_val(c->extents, next);
		next.offset += next.length;
		next.at += next.length;
		left -= next.length;
	}
}

static int
by_offset(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool
is_sorted(const GArray *extents)
{
	for (guint i = 1; i < extents->len; i++)
		if (g_array_index(extents, struct extent, i - 1).offset > g_array_index(extents, struct extent, i).offset)
			return false;
	return true;
}

static int64_t
end_of(const struct extent *extent)
{
	return extent->offset + (extent->packed != 0 ? extent->packed : extent->length);
}

/* A packed grain ends before the next one begins: what it might claim beyond is not asked for. */
static void
trim_grains(GArray *extents)
{
	int64_t next = INT64_MAX;

	for (guint i = extents->len; i-- > 0;) {
		struct extent *extent = &g_array_index(extents, struct extent, i);
		if (i + 1 < extents->len && g_array_index(extents, struct extent, i + 1).offset > extent->offset)
			next = g_array_index(extents, struct extent, i + 1).offset;
		if (extent->packed != 0)
			extent->packed = (uint32_t)MIN((int64_t)extent->packed, next - extent->offset);
	}
}

/* Where nothing but zeros can be read, and the disk has something else. */
static int
fill_hole(struct conversion *c, int64_t length, struct error *err)
{
	c->out->offset = c->at;
	while (c->out->dense && length > 0) {
		int64_t n = MIN(length, HOLE_PIECE);
		if (sparse_skip(c->out, n, err) < 0)
			return -1;
		length -= n;
		c->watch->progress(c->watch->arg, c->done, MAX(c->total, c->done));
	}
	return 0;
}

static int
collect(struct conversion *c, struct error *err)
{
	struct image_map *map = c->map;

	g_array_set_size(c->extents, 0);
	while (c->at < map->virtual_size && c->extents->len < EXTENTS_MOST) {
		struct image_extent found;
		if (image_map_find(map, c->at, &found, err) < 0)
			return -1;
		if (found.offset != IMAGE_HOLE)
			add(c, c->at, &found);
		else if (fill_hole(c, found.length, err) < 0)
			return -1;
		c->at += found.length;
	}
	if (!is_sorted(c->extents))
		qsort(c->extents->data, c->extents->len, sizeof(struct extent), by_offset);
	if (map->packing == IMAGE_PACKED_GRAIN)
		trim_grains(c->extents);
	return 0;
}

/* --- the plan ---------------------------------------------------------------------------------------------------------- */

/* From where the next piece may begin on: the end of the last when every byte is wished for. */
static int64_t
begin_piece(const struct conversion *c, const struct extent *first)
{
	return c->watch->whole == NULL ? first->offset : MIN(first->offset, c->planned_to);
}

/* What lies between extents, and behind the last: for the checksum alone. */
static bool
plan_between(struct conversion *c, int64_t to, int64_t *offset, size_t *length)
{
	*offset = c->planned_to;
	*length = (size_t)MIN(BLOB_PIECE, to - c->planned_to);
	c->planned_to += (int64_t)*length;
	return *length > 0;
}

static bool
plan(void *arg, int64_t *offset, size_t *length)
{
	struct conversion *c = arg;
	const struct extent *all = (const struct extent *)(void *)c->extents->data;
	guint i = c->planned;

	if (i == c->extents->len)
		return c->watch->whole != NULL && plan_between(c, c->map->blob->size, offset, length);
	int64_t start = begin_piece(c, &all[i]), end = end_of(&all[i]);
	if (end - start > BLOB_PIECE && start < all[i].offset)
		return plan_between(c, all[i].offset, offset, length);
	for (i++; i < c->extents->len; i++) {
		if (MAX(end, end_of(&all[i])) - start > BLOB_PIECE || all[i].offset - end > GAP_MOST)
			break;
		end = MAX(end, end_of(&all[i]));
	}
	c->planned = i;
	c->planned_to = MAX(c->planned_to, end);
	*offset = start;
	*length = (size_t)(end - start);
	return true;
}

/* The plan once through, for what it costs. */
static int64_t
plan_size(struct conversion *c)
{
	int64_t offset, size = 0;
	size_t length;

	while (plan(c, &offset, &length))
		size += (int64_t)length;
	c->planned = 0;
	c->planned_to = 0;
	return size;
}

/* --- what is packed ---------------------------------------------------------------------------------------------------- */

/* At least so many bytes must come out. */
static bool
inflate_to(struct conversion *c, const uint8_t *data, size_t length, int window, size_t least)
{
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)length, .next_out = c->unit,
	    .avail_out = (uInt)c->map->unit};

	if (inflateInit2(&stream, window) != Z_OK)
		return false;
	int rc = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return c->map->unit - stream.avail_out >= least && (rc == Z_STREAM_END || rc == Z_BUF_ERROR);
}

static bool
unpack_deflate(struct conversion *c, const uint8_t *data, size_t length, size_t wanted)
{
	(void)wanted;
	return inflate_to(c, data, length, -DEFLATE_WINDOW, c->map->unit);
}

/* The frame may be followed by the rest of its sector: decompression stops when the cluster is full. */
static bool
unpack_zstd(struct conversion *c, const uint8_t *data, size_t length, size_t wanted)
{
	ZSTD_inBuffer in = {data, length, 0};
	ZSTD_outBuffer out = {c->unit, c->map->unit, 0};

	(void)wanted;
	if (c->zstd == NULL)
		c->zstd = ZSTD_createDCtx();
	ZSTD_DCtx_reset(c->zstd, ZSTD_reset_session_only);
	while (out.pos < out.size) {
		size_t before = in.pos + out.pos;
		if (ZSTD_isError(ZSTD_decompressStream(c->zstd, &out, &in)) || in.pos + out.pos == before)
			return false;
	}
	return true;
}

/* The last grain of a disk may be a part of one. */
static bool
unpack_grain(struct conversion *c, const uint8_t *data, size_t length, size_t wanted)
{
	if (length < MARKER || le32_at(data + 8) > length - MARKER)
		return false;
	return inflate_to(c, data + MARKER, le32_at(data + 8), MAX_WBITS, wanted);
}

static bool (*const unpackers[])(struct conversion *c, const uint8_t *data, size_t length, size_t wanted) = {
	[IMAGE_PACKED_DEFLATE] = unpack_deflate,
	[IMAGE_PACKED_ZSTD] = unpack_zstd,
	[IMAGE_PACKED_GRAIN] = unpack_grain,
};

/* --- to the disk ------------------------------------------------------------------------------------------------------- */

static int
put(struct conversion *c, const struct extent *extent, const uint8_t *data, struct error *err)
{
	c->out->offset = extent->at;
	if (extent->packed == 0)
		return sparse_write(c->out, data, extent->length, err);
	if (c->unit == NULL)
		c->unit = g_malloc(c->map->unit);
	if (!unpackers[c->map->packing](c, data, extent->packed, extent->length))
		return error_set(err, EINVAL, "the image is damaged: the packed data at 0x%" PRIx64 " cannot be decompressed",
		    (uint64_t)extent->offset);
	return sparse_write(c->out, c->unit, extent->length, err);
}

static int
take(void *arg, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	struct conversion *c = arg;
	const struct extent *all = (const struct extent *)(void *)c->extents->data;
	int64_t end = offset + (int64_t)length;

	if (c->watch->whole != NULL && end > c->whole_to) {
		c->watch->whole(c->watch->arg, data + (c->whole_to - offset), (size_t)(end - c->whole_to));
		c->whole_to = end;
	}
	for (; c->taken < c->extents->len && all[c->taken].offset >= offset && end_of(&all[c->taken]) <= end; c->taken++)
		if (put(c, &all[c->taken], data + (all[c->taken].offset - offset), err) < 0)
			return -1;
	c->done += (int64_t)length;
	c->watch->progress(c->watch->arg, c->done, MAX(c->total, c->done));
	return 0;
}

/* More batches are on their way: what they will need is guessed by what this part of the disk needed. */
static void
expect_total(struct conversion *c)
{
	int64_t size = plan_size(c);
	double share = (double)c->at / (double)c->map->virtual_size;

	c->total = (int64_t)((double)(c->done + size) / share);
}

static enum convert_result
convert_batch(struct conversion *c, struct error *err)
{
	c->planned = c->taken = 0;
	c->planned_to = 0;
	if (collect(c, err) < 0)
		return CONVERT_FAILED;
	if (c->watch->whole != NULL && c->at < c->map->virtual_size)
		return CONVERT_SCATTERED;
	expect_total(c);
	if (blob_pieces(c->map->blob, plan, take, c, err) < 0)
		return CONVERT_FAILED;
	assert(c->taken == c->extents->len);
	return CONVERT_DONE;
}

enum convert_result
convert(struct image_map *map, struct sparse *out, const struct convert_watch *watch, struct error *err)
{
	struct conversion c = {.map = map, .out = out, .watch = watch, .extents = g_array_new(FALSE, FALSE, sizeof(struct extent))};
	enum convert_result result = CONVERT_DONE;

	while (result == CONVERT_DONE && c.at < map->virtual_size)
		result = convert_batch(&c, err);
	g_array_unref(c.extents);
	g_free(c.unit);
	ZSTD_freeDCtx(c.zstd);
	return result;
}
