/* Copies a whole volume, inside of the import worker: what a driver cannot clone. */
#ifndef SOLOVIRT_STORAGE_COPY_H
#define SOLOVIRT_STORAGE_COPY_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct sparse;

struct copy_source {
	int fd;       /* a regular file, a block device, or a stream socket on which another process serves the volume (nbd.h) */
	int under;    /* of a qcow2 file: the raw file that it lies over; -1: none */
	bool qcow2;   /* the file is one; else raw: what a guest wrote is never asked */
	int64_t size; /* of a socket: bytes of the volume; files know theirs */
};

/* How far it is, in bytes of the disk. */
typedef void copy_tell(void *arg, int64_t done, int64_t total);

/* Writes all of the source, but for zeros where the target has them (sparse.h); afterwards out->offset is the size of the disk.  Blocks.  EINVAL: it never will do (it does not
 * fit below the limit of out, a damaged file), EIO, ENOSPC ... */
int copy_run(const struct copy_source *source, struct sparse *out, copy_tell *tell, void *arg, struct error *err);

#endif
