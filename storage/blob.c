/* Bytes of an image; see blob.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/blob.h"

enum { BLOCK = 64 << 10, BLOCKS = 32 /* of the cache: 2 MiB, for tables */ };

struct blob_cache {
	struct {
		int64_t number; /* of the block that is here; -1: none */
		uint64_t used;  /* when it was of use last */
	} slots[BLOCKS];
	uint64_t clock;
	uint8_t data[BLOCKS][BLOCK];
};

/* --- the cache ------------------------------------------------------------------------------------------------------ */

static struct blob_cache *
cache_new(void)
{
	struct blob_cache *cache = g_new0(struct blob_cache, 1);

	for (size_t i = 0; i < BLOCKS; i++)
		cache->slots[i].number = -1;
	return cache;
}

/* The block with this number, read when it is not there. */
static const uint8_t *
cache_block(struct blob *blob, int64_t number, struct error *err)
{
	struct blob_cache *cache = blob->cache;
	size_t oldest = 0, length = (size_t)MIN(BLOCK, blob->size - number * BLOCK);

	for (size_t i = 0; i < BLOCKS; i++) {
		if (cache->slots[i].number == number) {
			cache->slots[i].used = ++cache->clock;
			return cache->data[i];
		}
		if (cache->slots[i].used < cache->slots[oldest].used)
			oldest = i;
	}
	cache->slots[oldest].number = -1;
	if (blob->class->read(blob, cache->data[oldest], length, number * BLOCK, err) < 0)
		return NULL;
	cache->slots[oldest].number = number;
	cache->slots[oldest].used = ++cache->clock;
	return cache->data[oldest];
}

int
blob_read(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	if (offset < 0 || offset > blob->size || length > (uint64_t)(blob->size - offset))
		return error_set(err, EINVAL, "the image ends before %zu bytes at 0x%llx", length, (long long)offset);
	if (blob->cache == NULL)
		blob->cache = cache_new();
	while (length > 0) {
		size_t at = (size_t)(offset % BLOCK), n = MIN(length, BLOCK - at);
		const uint8_t *block = cache_block(blob, offset / BLOCK, err);
		if (block == NULL)
			return -1;
		memcpy(data, block + at, n);
		data += n;
		length -= n;
		offset += (int64_t)n;
	}
	return 0;
}

/* --- pieces --------------------------------------------------------------------------------------------------------- */

static int
pieces_in_turn(struct blob *blob, blob_next *next, blob_take *take, void *arg, struct error *err)
{
	size_t room = BLOB_PIECE, length;
	uint8_t *data = g_malloc(room);
	int64_t offset;
	int rc = 0;

	while (rc == 0 && next(arg, &offset, &length)) {
		if (length > room)
			data = g_realloc(data, room = length);
		rc = blob->class->read(blob, data, length, offset, err);
		if (rc == 0)
			rc = take(arg, data, length, offset, err);
	}
	g_free(data);
	return rc;
}

int
blob_pieces(struct blob *blob, blob_next *next, blob_take *take, void *arg, struct error *err)
{
	return (blob->class->pieces != NULL ? blob->class->pieces : pieces_in_turn)(blob, next, take, arg, err);
}

void
blob_clear(struct blob *blob)
{
	g_clear_pointer(&blob->cache, g_free);
}

/* --- files and memory ------------------------------------------------------------------------------------------------ */

struct blob_file {
	struct blob blob;
	int fd;
	const uint8_t *data;
};

static int
file_read(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	const struct blob_file *file = (const struct blob_file *)blob;

	for (size_t at = 0; at < length;) {
		ssize_t n = pread(file->fd, data + at, length - at, (off_t)(offset + (int64_t)at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_errno(err, "cannot read the scratch file") :
			    error_set(err, EIO, "the scratch file ended early");
		at += (size_t)n;
	}
	return 0;
}

static int
memory_read(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	(void)err;
	memcpy(data, ((const struct blob_file *)blob)->data + offset, length);
	return 0;
}

static const struct blob_class file_class = {.read = file_read}, memory_class = {.read = memory_read};

struct blob *
blob_file_new(int fd, int64_t size)
{
	struct blob_file *file = g_new0(struct blob_file, 1);

	*file = (struct blob_file){.blob = {.class = &file_class, .size = size}, .fd = fd};
	return &file->blob;
}

struct blob *
blob_memory_new(const uint8_t *data, size_t size)
{
	struct blob_file *file = g_new0(struct blob_file, 1);

	*file = (struct blob_file){.blob = {.class = &memory_class, .size = (int64_t)size}, .fd = -1, .data = data};
	return &file->blob;
}

void
blob_file_free(struct blob *blob)
{
	if (blob == NULL)
		return;
	blob_clear(blob);
	g_free(blob);
}
