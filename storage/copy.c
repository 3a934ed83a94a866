/*
 * Copying a volume; see copy.h.
 *
 *   raw file, device --> data by data (SEEK_DATA), and the holes in between -+
 *   qcow2 file       --> extent by extent; where it has nothing, what is under it --+--> sparse --> target
 *   socket           --> reads of PIECE, DEPTH under way, taken as they come --+
 *
 * What a guest wrote is hostile: it is only ever moved, never read as anything.  A qcow2 file is one of QEMU's own making.
 */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/base/nbd.h"
#include "storage/blob.h"
#include "storage/copy.h"
#include "storage/image_map.h"
#include "storage/sparse.h"

enum { PIECE = 1 << 20, HOLE_PIECE = 16 << 20 /* bytes of a hole between two tellings of progress */, DEPTH = NBD_DEPTH };

struct copy {
	const struct copy_source *source;
	struct sparse *out;
	copy_tell *tell;
	void *arg;
	int64_t size;
	uint8_t *piece; /* PIECE bytes */
};

static int
take(struct copy *c, const uint8_t *data, size_t length, int64_t at, struct error *err)
{
	c->out->offset = at;
	return sparse_write(c->out, data, length, err);
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

static int
read_file(int fd, uint8_t *data, size_t length, int64_t at, struct error *err)
{
	while (length > 0) {
		ssize_t n = pread(fd, data, length, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_errno(err, "cannot read the source") : error_set(err, EIO, "the source ended early");
		data += n;
		length -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Bytes of a file or device; -1 with err. */
static int64_t
size_of(int fd, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);

	return size < 0 ? error_errno(err, "cannot look at the source") : size;
}

/* Where data begins at or after "at", and ends, no later than "to"; a device has no holes to tell of. */
static bool
next_data(int fd, int64_t at, int64_t to, int64_t *begin, int64_t *end)
{
	off_t data = lseek(fd, at, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		return false;
	*begin = data < 0 ? at : data;
	hole = data < 0 ? to : lseek(fd, data, SEEK_HOLE);
	*end = hole < 0 ? to : MIN(hole, to);
	return *begin < to;
}

/* A stretch of a file to a place on the disk. */
static int
copy_data(struct copy *c, int fd, int64_t from, int64_t length, int64_t at, struct error *err)
{
	while (length > 0) {
		size_t n = (size_t)MIN(length, PIECE - at % PIECE);
		if (read_file(fd, c->piece, n, from, err) < 0 || take(c, c->piece, n, at, err) < 0)
			return -1;
		from += (int64_t)n;
		length -= (int64_t)n;
		at += (int64_t)n;
		c->tell(c->arg, at, c->size);
	}
	return 0;
}

/* Nothing is there. */
static int
copy_hole(struct copy *c, int64_t from, int64_t to, struct error *err)
{
	while (c->out->dense && from < to) {
		int64_t n = MIN(to - from, HOLE_PIECE);
		c->out->offset = from;
		if (sparse_skip(c->out, n, err) < 0)
			return -1;
		from += n;
		c->tell(c->arg, from, c->size);
	}
	return 0;
}

/* A raw file between two places, which are those of the disk. */
static int
copy_raw(struct copy *c, int fd, int64_t from, int64_t to, struct error *err)
{
	int64_t begin, end;

	while (from < to && next_data(fd, from, to, &begin, &end)) {
		if (copy_hole(c, from, begin, err) < 0)
			return -1;
		if (copy_data(c, fd, begin, end - begin, begin, err) < 0)
			return -1;
		from = end;
	}
	return copy_hole(c, from, to, err);
}

static int
copy_extent(struct copy *c, const struct image_extent *extent, int64_t at, int64_t under_size, struct error *err)
{
	if (extent->packed != 0)
		return error_set(err, EINVAL, "the source has packed data at 0x%" PRIx64 ", as no guest writes it", (uint64_t)at);
	if (extent->offset != IMAGE_HOLE)
		return copy_data(c, c->source->fd, extent->offset, extent->length, at, err);
	int64_t end = at + extent->length, covered = extent->under ? CLAMP(under_size, at, end) : at;
	return copy_raw(c, c->source->under, at, covered, err) < 0 ? -1 : copy_hole(c, covered, end, err);
}

static int
copy_map(struct copy *c, struct image_map *map, struct error *err)
{
	int64_t under_size = c->source->under < 0 ? 0 : size_of(c->source->under, err);

	c->size = map->virtual_size;
	for (int64_t at = 0; under_size >= 0 && at < map->virtual_size;) {
		struct image_extent extent;
		if (image_map_find(map, at, &extent, err) < 0 || copy_extent(c, &extent, at, under_size, err) < 0)
			return -1;
		at += extent.length;
		c->tell(c->arg, at, c->size);
	}
	return under_size < 0 ? -1 : 0;
}

static int
copy_qcow2(struct copy *c, struct error *err)
{
	int64_t size = size_of(c->source->fd, err);
	struct blob *blob = size < 0 ? NULL : blob_file_new(c->source->fd, size);
	struct image_map *map = blob == NULL ? NULL : image_qcow2_open_over(blob, c->out->limit, err);
	int rc = map == NULL ? -1 : copy_map(c, map, err);

	image_map_free(map);
	if (blob != NULL)
		blob_file_free(blob);
	return rc;
}

static int
copy_file(struct copy *c, struct error *err)
{
	c->size = size_of(c->source->fd, err);
	return c->size < 0 ? -1 : copy_raw(c, c->source->fd, 0, c->size, err);
}

/* --- sockets ---------------------------------------------------------------------------------------------------------- */

/* A read under way; its number is its cookie. */
struct slot {
	bool used;
	int64_t at;
	uint32_t length;
};

struct reading {
	struct copy *copy;
	struct slot slots[DEPTH];
	int64_t asked, done;
};

static int
receive(int fd, void *data, size_t length, struct error *err)
{
	for (size_t got = 0; got < length;) {
		ssize_t n = recv(fd, (uint8_t *)data + got, length - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, EIO, "the process that serves the source ended (%s)", n < 0 ? g_strerror(errno) : "end of its answers");
		got += (size_t)n;
	}
	return 0;
}

static int
ask(struct reading *r, unsigned number, struct error *err)
{
	struct slot *slot = &r->slots[number];
	struct nbd_request request = {.magic = htobe32(NBD_REQUEST_MAGIC), .command = htobe16(NBD_READ), .cookie = htobe64(number),
	    .offset = htobe64((uint64_t)r->asked)};

	*slot = (struct slot){.used = true, .at = r->asked, .length = (uint32_t)MIN(r->copy->size - r->asked, PIECE)};
	request.length = htobe32(slot->length);
	r->asked += slot->length;
	return send(r->copy->source->fd, &request, sizeof(request), MSG_NOSIGNAL) == (ssize_t)sizeof(request) ? 0 :
	    error_set(err, EIO, "the process that serves the source ended (%s)", g_strerror(errno));
}

static int
take_reply(struct reading *r, struct error *err)
{
	struct copy *c = r->copy;
	struct nbd_reply reply;

	if (receive(c->source->fd, &reply, sizeof(reply), err) < 0)
		return -1;
	uint64_t number = be64toh(reply.cookie);
	if (be32toh(reply.magic) != NBD_REPLY_MAGIC || number >= DEPTH || !r->slots[number].used)
		return error_set(err, EPROTO, "the process that serves the source answers something else than was asked");
	struct slot *slot = &r->slots[number];
	if (reply.error != 0)
		return error_set(err, EIO, "the source failed to read %" PRIu32 " bytes at %" PRId64 " (NBD error %" PRIu32 ")", slot->length,
		    slot->at, be32toh(reply.error));
	if (receive(c->source->fd, c->piece, slot->length, err) < 0 || take(c, c->piece, slot->length, slot->at, err) < 0)
		return -1;
	slot->used = false;
	r->done += slot->length;
	c->tell(c->arg, r->done, c->size);
	return 0;
}

static int
copy_socket(struct copy *c, struct error *err)
{
	struct reading r = {.copy = c};

	c->size = c->source->size;
	while (r.done < c->size) {
		for (unsigned i = 0; i < DEPTH && r.asked < c->size; i++)
			if (!r.slots[i].used && ask(&r, i, err) < 0)
				return -1;
		if (take_reply(&r, err) < 0)
			return -1;
	}
	return 0;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------- */

int
copy_run(const struct copy_source *source, struct sparse *out, copy_tell *tell, void *arg, struct error *err)
{
	g_autofree uint8_t *piece = g_malloc(PIECE);
	struct copy c = {.source = source, .out = out, .tell = tell, .arg = arg, .piece = piece};
	struct stat st;

	if (fstat(source->fd, &st) < 0)
		return error_errno(err, "cannot look at the source");
	int rc = S_ISSOCK(st.st_mode) ? copy_socket(&c, err) : source->qcow2 ? copy_qcow2(&c, err) : copy_file(&c, err);
	if (rc < 0)
		return -1;
	out->offset = c.size;
	return 0;
}
