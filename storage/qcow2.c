/*
 * Reading qcow2; see qcow2.h.  Format: qemu docs/interop/qcow2.txt.
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
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "src/base/error.h"
#include "storage/qcow2.h"
#include "storage/sparse.h"

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define ENTRY_COMPRESSED (UINT64_C(1) << 62)
#define ENTRY_ZERO UINT64_C(1)

enum { SUBCLUSTERS = 32, COMPRESSED_WINDOW = 12 /* bits, qemu's */ };

struct reader {
	int fd;
	int64_t file_size;
	const struct image_qcow2 *image;
	struct sparse *out;
	size_t cluster;   /* bytes */
	uint8_t *table;   /* an L2 table: one cluster */
	uint8_t *data;    /* a cluster of the disk */
	uint8_t *packed;  /* a compressed cluster; an entry can claim two clusters of bytes */
	ZSTD_DCtx *zstd;
	qcow2_progress *progress;
	void *arg;
};

static uint64_t
be64(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

static int
read_at(const struct reader *reader, uint8_t *data, size_t length, uint64_t offset, const char *what, struct error *err)
{
	if (offset > (uint64_t)reader->file_size || length > (uint64_t)reader->file_size - offset)
		return error_set(err, EINVAL, "the qcow2 image is truncated: %s lies behind the end of the file", what);
	for (size_t at = 0; at < length;) {
		ssize_t n = pread(reader->fd, data + at, length - at, (off_t)(offset + at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_errno(err, "cannot read the scratch file") :
			    error_set(err, EIO, "the scratch file ended early");
		at += (size_t)n;
	}
	return 0;
}

/* --- compressed clusters ------------------------------------------------------------------------------------------ */

static bool
inflate_cluster(const struct reader *reader, size_t length)
{
	z_stream stream = {.next_in = reader->packed, .avail_in = (uInt)length, .next_out = reader->data,
	    .avail_out = (uInt)reader->cluster};

	if (inflateInit2(&stream, -COMPRESSED_WINDOW) != Z_OK)
		return false;
	int rc = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return stream.avail_out == 0 && (rc == Z_STREAM_END || rc == Z_BUF_ERROR);
}

/* The frame may be followed by the rest of its sector: decompression stops when the cluster is full. */
static bool
unzstd_cluster(const struct reader *reader, size_t length)
{
	ZSTD_inBuffer in = {reader->packed, length, 0};
	ZSTD_outBuffer out = {reader->data, reader->cluster, 0};

	ZSTD_DCtx_reset(reader->zstd, ZSTD_reset_session_only);
	while (out.pos < out.size) {
		size_t before = in.pos + out.pos;
		if (ZSTD_isError(ZSTD_decompressStream(reader->zstd, &out, &in)) || in.pos + out.pos == before)
			return false;
	}
	return true;
}

static int
read_compressed(const struct reader *reader, uint64_t entry, struct error *err)
{
	unsigned bits = 62 - (reader->image->cluster_bits - 8);
	uint64_t offset = entry & ((UINT64_C(1) << bits) - 1);
	uint64_t further = (entry & (ENTRY_COMPRESSED - 1)) >> bits;
	size_t length = (size_t)((further + 1) * 512 - offset % 512);

	/* The last sector need not be there whole. */
	if (offset < (uint64_t)reader->file_size)
		length = (size_t)MIN((uint64_t)length, (uint64_t)reader->file_size - offset);
	if (read_at(reader, reader->packed, length, offset, "a compressed cluster", err) < 0)
		return -1;
	if (!(reader->image->compression == IMAGE_ZSTD ? unzstd_cluster : inflate_cluster)(reader, length))
		return error_set(err, EINVAL,
		    "the qcow2 image is damaged: the cluster at 0x%" PRIx64 " cannot be decompressed", offset);
	return 0;
}

/* --- clusters ----------------------------------------------------------------------------------------------------- */

/* Bytes of the virtual disk that are left, up to "most". */
static size_t
left(const struct reader *reader, size_t most)
{
	return (size_t)MIN((int64_t)most, reader->image->virtual_size - reader->out->offset);
}

static int
put_plain(const struct reader *reader, uint64_t offset, size_t length, struct error *err)
{
	if (read_at(reader, reader->data, length, offset, "a cluster", err) < 0)
		return -1;
	return sparse_write(reader->out, reader->data, length, err);
}

static int
put_subclusters(const struct reader *reader, uint64_t offset, uint64_t bitmap, struct error *err)
{
	size_t size = reader->cluster / SUBCLUSTERS;

	for (unsigned i = 0; i < SUBCLUSTERS; i++) {
		bool allocated = bitmap >> i & 1, zeros = bitmap >> (SUBCLUSTERS + i) & 1;
		size_t length = left(reader, size);
		if (allocated && (zeros || offset == 0))
			return error_set(err, EINVAL, "the qcow2 image is damaged: a subcluster is there and is not");
		int rc = allocated ? put_plain(reader, offset + i * size, length, err)
		                   : sparse_skip(reader->out, (int64_t)length, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
put_cluster(const struct reader *reader, const uint8_t *at, struct error *err)
{
	uint64_t entry = be64(at), offset = entry & OFFSET_MASK;
	size_t length = left(reader, reader->cluster);

	if (entry & ENTRY_COMPRESSED) {
		if (read_compressed(reader, entry, err) < 0)
			return -1;
		return sparse_write(reader->out, reader->data, length, err);
	}
	if (offset % reader->cluster != 0)
		return error_set(err, EINVAL, "the qcow2 image is damaged: a cluster begins at 0x%" PRIx64, offset);
	if (reader->image->extended)
		return put_subclusters(reader, offset, be64(at + 8), err);
	if (offset == 0 || (entry & ENTRY_ZERO))
		return sparse_skip(reader->out, (int64_t)length, err);
	return put_plain(reader, offset, length, err);
}

/* All that one L1 entry stands for. */
static int
put_table(const struct reader *reader, uint64_t l1_entry, struct error *err)
{
	uint64_t offset = l1_entry & OFFSET_MASK;
	size_t entry = reader->image->extended ? 16 : 8, count = reader->cluster / entry;

	if (offset == 0)
		return sparse_skip(reader->out, MIN((int64_t)(count * reader->cluster),
		    reader->image->virtual_size - reader->out->offset), err);
	if (offset % reader->cluster != 0)
		return error_set(err, EINVAL, "the qcow2 image is damaged: an L2 table begins at 0x%" PRIx64, offset);
	if (read_at(reader, reader->table, reader->cluster, offset, "an L2 table", err) < 0)
		return -1;
	for (size_t i = 0; i < count && reader->out->offset < reader->image->virtual_size; i++) {
		if (put_cluster(reader, reader->table + i * entry, err) < 0)
			return -1;
		reader->progress(reader->arg, reader->out->offset, reader->image->virtual_size);
	}
	return 0;
}

int
qcow2_read(int fd, int64_t file_size, const struct image_qcow2 *image, struct sparse *out, qcow2_progress *progress,
    void *arg, struct error *err)
{
	size_t cluster = (size_t)1 << image->cluster_bits;
	g_autofree uint8_t *buffer = g_malloc(4 * cluster);
	struct reader reader = {.fd = fd,
	    .file_size = file_size,
	    .image = image,
	    .out = out,
	    .cluster = cluster,
	    .table = buffer,
	    .data = buffer + cluster,
	    .packed = buffer + 2 * cluster,
	    .zstd = ZSTD_createDCtx(),
	    .progress = progress,
	    .arg = arg};
	uint8_t entry[8];
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && out->offset < image->virtual_size; i++) {
		rc = read_at(
		    &reader, entry, sizeof(entry), (uint64_t)image->l1_offset + 8 * (uint64_t)i, "the L1 table", err);
		if (rc == 0)
			rc = put_table(&reader, be64(entry), err);
	}
	ZSTD_freeDCtx(reader.zstd);
	return rc;
}
