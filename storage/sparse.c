/* Sparse writing; see sparse.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "src/base/error.h"
#include "src/base/quantity.h"
#include "storage/sparse.h"
#include "storage/target.h"

static int
check_room(const struct sparse *sparse, int64_t length, struct error *err)
{
	if (sparse->offset >= 0 && length <= sparse->limit - sparse->offset)
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
piece(const struct sparse *sparse, size_t block, size_t at, size_t length)
{
	size_t rest = block - (size_t)((sparse->offset + (int64_t)at) % (int64_t)block);

	return MIN(rest, length - at);
}

int
sparse_write(struct sparse *sparse, const uint8_t *data, size_t length, struct error *err)
{
	size_t start = 0, at = 0; /* what lies between is to be written in one go */
	size_t block = target_hole(sparse->target);

	if (check_room(sparse, (int64_t)length, err) < 0)
		return -1;
	while (!sparse->dense && at < length) {
		size_t n = piece(sparse, block, at, length);
		if (is_zero(data + at, n)) {
			if (target_write(sparse->target, data + start, at - start, sparse->offset + (int64_t)start, err) < 0)
				return -1;
			start = at + n;
		}
		at += n;
	}
	if (target_write(sparse->target, data + start, length - start, sparse->offset + (int64_t)start, err) < 0)
		return -1;
	sparse->offset += (int64_t)length;
	return 0;
}

int
sparse_skip(struct sparse *sparse, int64_t length, struct error *err)
{
	static const uint8_t zeros[256 << 10];

	if (check_room(sparse, length, err) < 0)
		return -1;
	for (int64_t at = 0; sparse->dense && at < length; at += (int64_t)sizeof(zeros))
		if (target_write(sparse->target, zeros, (size_t)MIN((int64_t)sizeof(zeros), length - at), sparse->offset + at, err) < 0)
			return -1;
	sparse->offset += length;
	return 0;
}

int
sparse_finish(struct sparse *sparse, int64_t size, struct error *err)
{
	if (target_extend(sparse->target, size, err) < 0)
		return -1;
	return target_flush(sparse->target, err);
}
