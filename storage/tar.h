/* Reading a tar archive in pieces of any size (ustar, GNU, pax); nothing is ever written by the names in it. */
#ifndef SOLOVIRT_STORAGE_TAR_H
#define SOLOVIRT_STORAGE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/unpack.h"

struct tar;

/* An entry, its name without leading "/" and "./".  regular: a file with all its data, no link, directory or sparse file.
 * 1: its data is wanted; 0: it is not; -1: stop. */
typedef int tar_entry(void *arg, const char *name, bool regular, int64_t size, struct error *err);

/* Begins an archive; data is handed the bytes of wanted entries.  arg is handed to both. */
struct tar *tar_new(tar_entry *entry, unpack_sink *data, void *arg);
void tar_free(struct tar *tar);
/* Feeds the next bytes.  EINVAL for what is no tar archive. */
int tar_feed(struct tar *tar, const uint8_t *data, size_t length, struct error *err);
/* No more comes.  EINVAL when the archive ends within an entry. */
int tar_end(struct tar *tar, struct error *err);

#endif
