/* One file out of a container image's layers, inside of the import worker. */
#ifndef SOLOVIRT_STORAGE_LAYERS_H
#define SOLOVIRT_STORAGE_LAYERS_H

#include <stdint.h>

#include "storage/unpack.h"

struct layer;

/* Hands sink the bytes of a layer in order, as far as they go or until sink refuses (-1). */
typedef int layer_stream(const struct layer *layer, unpack_sink *sink, void *arg, struct error *err);

struct layer {
	const char *path, *sha256; /* where it is, and what its bytes must have (hexadecimal) */
	int fd;                    /* opened by layers_open(); not used when there is ... */
	layer_stream *stream;      /* where its bytes come from, or NULL: the file; */
	void *origin;              /* ... of whose it is */
	int64_t size;              /* bytes that it must have, when there is a stream */
};

/* Opens the files, while there are rights to do so.  ENOENT, EINVAL ... name the one that cannot be read. */
int layers_open(struct layer *layers, size_t count, struct error *err);
void layers_close(struct layer *layers, size_t count);

/* Told how many bytes of all layers were read. */
typedef void layers_progress(void *arg, int64_t done, int64_t total);

/*
 * Hands sink the file of this path; NULL: the only one in /disk, whatever its name.  layers: the lowest first; as in a file system
 * made of them an upper one's file hides a lower one's, and its whiteouts do.  EINVAL: damaged (every layer that is read must have its
 * sha256), no such file, several of them, a link; more than limit bytes in a layer.
 */
int layers_read(const struct layer *layers, size_t count, const char *file, int64_t limit, unpack_sink *sink,
    layers_progress *progress, void *arg, struct error *err);

#endif
