/* Decompression of a stream in pieces of any size: gz, xz, zst, or none. */
#ifndef SOLOVIRT_STORAGE_UNPACK_H
#define SOLOVIRT_STORAGE_UNPACK_H

#include "storage/image.h"

struct unpack;

/* Takes what comes out; a refusal (-1) stops the stream.  The bound on the output is the sink's. */
typedef int unpack_sink(void *arg, const uint8_t *data, size_t length, struct error *err);

/* Begins a stream; NONE hands on what comes in.  arg is handed to sink. */
struct unpack *unpack_new(enum image_compression compression, unpack_sink *sink, void *arg);
void unpack_free(struct unpack *unpack);
/* Feeds the next bytes.  EINVAL for what is damaged, wants too much memory, or goes on behind its end. */
int unpack_feed(struct unpack *unpack, const uint8_t *data, size_t length, struct error *err);
/* No more comes.  EINVAL when the stream is not at its end: it was truncated. */
int unpack_end(struct unpack *unpack, struct error *err);

#endif
