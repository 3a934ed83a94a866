/*
 * The disk in a tar archive, as CDI lays out a claim with a filesystem: the file disk.img, raw.  It is handed on as it comes; nothing is
 * ever written by the names in the archive.
 */
#ifndef SOLOVIRT_STORAGE_ARCHIVE_H
#define SOLOVIRT_STORAGE_ARCHIVE_H

#include <glib.h>
#include <stdint.h>

#include "storage/unpack.h"

struct archive;

enum { ARCHIVE_NAMED = 5 /* of the other files, so many are named */ };

/* Begins one.  sink is handed the bytes of disk.img; capacity: of the disk, bytes; limit: bytes that the archive may have, unpacked. */
struct archive *archive_new(int64_t capacity, int64_t limit, unpack_sink *sink, void *arg);
void archive_free(struct archive *archive);
/* An unpack_sink, arg the archive.  EINVAL: it is no tar archive; its disk does not fit; an entry is a link, a device or a sparse file,
 * or its name leads outside. */
int archive_feed(void *archive, const uint8_t *data, size_t length, struct error *err);
/* No more comes.  EINVAL: it ended early, or there was no disk.img. */
int archive_end(struct archive *archive, struct error *err);
/* Names of files that are no part of the disk, the first ARCHIVE_NAMED; *count: all.  The archive's. */
const GPtrArray *archive_others(const struct archive *archive, int64_t *count);

#endif
