/* Reading a tar archive in pieces of any size (ustar, GNU, pax); nothing is ever written by the names in it. */
#ifndef SOLOVIRT_STORAGE_TAR_H
#define SOLOVIRT_STORAGE_TAR_H

#include <stdint.h>

#include "storage/unpack.h"

struct tar;

/* What an entry is: a file has all its data, a sparse one leaves zeros out, a device may be a FIFO. */
enum tar_kind { TAR_FILE, TAR_DIRECTORY, TAR_LINK, TAR_DEVICE, TAR_SPARSE, TAR_OTHER };

/* An entry, its name as it stands there.  1: its data is wanted; 0: it is not; -1: stop. */
typedef int tar_entry(void *arg, const char *name, enum tar_kind kind, int64_t size, struct error *err);
/* The name without leading "/" and "./", a part of it. */
const char *tar_relative(const char *name);

/* Begins an archive; data is handed the bytes of wanted entries.  arg is handed to both.  what: the archive in texts, "the layer"; borrowed. */
struct tar *tar_new(const char *what, tar_entry *entry, unpack_sink *data, void *arg);
void tar_free(struct tar *tar);
/* Feeds the next bytes.  EINVAL for what is no tar archive. */
int tar_feed(struct tar *tar, const uint8_t *data, size_t length, struct error *err);
/* No more comes.  EINVAL when the archive ends within an entry. */
int tar_end(struct tar *tar, struct error *err);

#endif
