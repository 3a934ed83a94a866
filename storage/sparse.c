/* Sparse writing; see sparse.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "src/base/error.h"
#include "src/base/quantity.h"
#include "storage/sparse.h"

enum { BLOCK = 4096 /* a hole is never smaller: file systems keep blocks of this size */ };

static int
check_room(const struct sparse *sparse, int64_t length, struct error *err)
{
	if (length <= sparse->limit - sparse->offset)
		return 0;
	g_autofree char *have = quantity_format_human(sparse->limit);
	return error_set(err, EINVAL, "virtual image size is larger than the reported available storage %" PRId64
	    " (%s). A larger PVC is required", sparse->limit, have);
}

static bool
is_zero(const uint8_t *data, size_t length)
{
	return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

/* Length of the first piece of data: up to the next border of a block. */
static size_t
piece(const struct sparse *sparse, size_t at, size_t length)
{
	size_t rest = BLOCK - (size_t)((sparse->offset + (int64_t)at) % BLOCK);

	return MIN(rest, length - at);
}

static int
write_whole(int fd, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "cannot write to the volume");
		data += n;
		length -= (size_t)n;
		offset += n;
	}
	return 0;
}

int
sparse_write(struct sparse *sparse, const uint8_t *data, size_t length, struct error *err)
{
	size_t start = 0, at = 0; /* what lies between is to be written in one go */

	if (check_room(sparse, (int64_t)length, err) < 0)
		return -1;
	while (at < length) {
		size_t n = piece(sparse, at, length);
		if (is_zero(data + at, n)) {
			if (write_whole(sparse->fd, data + start, at - start, sparse->offset + (int64_t)start, err) < 0)
				return -1;
			start = at + n;
		}
		at += n;
	}
	if (write_whole(sparse->fd, data + start, length - start, sparse->offset + (int64_t)start, err) < 0)
		return -1;
	sparse->offset += (int64_t)length;
	return 0;
}

int
sparse_skip(struct sparse *sparse, int64_t length, struct error *err)
{
	if (check_room(sparse, length, err) < 0)
		return -1;
	sparse->offset += length;
	return 0;
}

int
sparse_finish(struct sparse *sparse, struct error *err)
{
	struct stat st;

	if (fstat(sparse->fd, &st) < 0)
		return error_errno(err, "cannot look at the volume");
	if (S_ISREG(st.st_mode) && st.st_size < sparse->offset && ftruncate(sparse->fd, sparse->offset) < 0)
		return error_errno(err, "cannot extend the volume");
	return fsync(sparse->fd) < 0 ? error_errno(err, "cannot make the volume durable") : 0;
}
