/*
 * What an import writes its disk to: a regular file or block device, or a socket on which another process serves a volume by
 * NBD (nbd.h).  It was made fresh.  One thread at a time.
 */
#ifndef SOLOVIRT_STORAGE_TARGET_H
#define SOLOVIRT_STORAGE_TARGET_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct target;

/* Which of them fd is, is seen by what it is.  fd stays the caller's and open.  EINVAL: it is none of them. */
struct target *target_new(int fd, struct error *err);
/* Without making anything durable; the other side of a socket is told that it is over. */
void target_free(struct target *target);

/* Bytes of the smallest hole that is worth a request of its own; what is less is better written as zeros. */
size_t target_hole(const struct target *target);
/*
 * Writes at offset.  Data may be on its way still when this returns: its failure is then told by a later call, which fails
 * likewise.  ENOSPC, EIO ...; a target that failed once fails for ever.
 */
int target_write(struct target *target, const uint8_t *data, size_t length, int64_t offset, struct error *err);
/* Reads back what was written.  EIO when there is less. */
int target_read(struct target *target, uint8_t *data, size_t length, int64_t offset, struct error *err);
/* All that was written is durable when this returns. */
int target_flush(struct target *target, struct error *err);
/* Makes a regular file as long as size at least; volumes and devices have their size. */
int target_extend(struct target *target, int64_t size, struct error *err);

#endif
