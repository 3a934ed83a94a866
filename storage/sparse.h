/* Writes to a disk, leaving holes where the data has zeros when it reads as zeros there. */
#ifndef SOLOVIRT_STORAGE_SPARSE_H
#define SOLOVIRT_STORAGE_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct target;

/* Starts zeroed but for target, limit and dense. */
struct sparse {
	struct target *target; /* made fresh; not owned */
	bool dense;            /* it does not read as zeros where nothing was written: zeros are written, too */
	int64_t limit;         /* bytes that fit */
	int64_t offset;        /* where the next bytes go; may be set between two writes */
};

/* Writes at offset, which moves on.  EINVAL when it does not fit below limit, ENOSPC, EIO ... */
int sparse_write(struct sparse *sparse, const uint8_t *data, size_t length, struct error *err);
/* As if that many zeros were written.  Of a dense one that takes its time: whoever tells of progress does so in pieces. */
int sparse_skip(struct sparse *sparse, int64_t length, struct error *err);
/* Makes a regular file as long as size at least, and all of it durable. */
int sparse_finish(struct sparse *sparse, int64_t size, struct error *err);

#endif
