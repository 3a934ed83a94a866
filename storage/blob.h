/*
 * The bytes of an image file, wherever they are: a scratch file, memory, a server that answers ranges.  Small things are read
 * at any place, through a cache; data comes in large pieces, several of which may be on their way at a time.
 */
#ifndef SOLOVIRT_STORAGE_BLOB_H
#define SOLOVIRT_STORAGE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct error;

enum { BLOB_PIECE = 2 << 20 /* bytes that are good to ask for at once */, BLOB_PIECE_MOST = 8 << 20 };

/* Says which piece is wanted next: its offset, and its length of up to BLOB_PIECE_MOST; false: no more.  Called ahead of the
 * pieces that come, on the thread of blob_pieces(). */
typedef bool blob_next(void *arg, int64_t *offset, size_t *length);
/* Takes a piece; they come in the order in which they were asked for.  -1 ends it. */
typedef int blob_take(void *arg, const uint8_t *data, size_t length, int64_t offset, struct error *err);

/* Where the bytes come from.  Offsets and lengths lie within size. */
struct blob_class {
	int (*read)(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err);
	/* NULL: read() one after the other. */
	int (*pieces)(struct blob *blob, blob_next *next, blob_take *take, void *arg, struct error *err);
};

struct blob_cache;

/* Begins the struct of each kind. */
struct blob {
	const struct blob_class *class;
	int64_t size;             /* bytes */
	struct blob_cache *cache; /* owned; made when it is needed */
};

/* What a kind frees last. */
void blob_clear(struct blob *blob);

/* Reads small things.  EINVAL "ends before ..." when they lie behind the end; else errors of the class. */
int blob_read(struct blob *blob, uint8_t *data, size_t length, int64_t offset, struct error *err);
/* Hands over all pieces that next() names, until it or take() ends it. */
int blob_pieces(struct blob *blob, blob_next *next, blob_take *take, void *arg, struct error *err);

/* A file: fd stays the caller's.  And memory, which stays the caller's.  Free with blob_file_free(). */
struct blob *blob_file_new(int fd, int64_t size);
struct blob *blob_memory_new(const uint8_t *data, size_t size);
void blob_file_free(struct blob *blob);

#endif
