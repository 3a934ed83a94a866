/*
 * Reading the data of a qcow2 image, inside of the import worker.
 *
 * We read it ourselves rather than let qemu-img do it: the worker has given up the rights to open its target by name,
 * which qemu-img would need; qemu reads what lies behind the end of a truncated image as zeros; and hostile tables then
 * meet a few hundred lines that follow no names instead of a whole block layer.
 */
#ifndef SOLOVIRT_STORAGE_QCOW2_H
#define SOLOVIRT_STORAGE_QCOW2_H

#include "storage/image.h"

struct sparse;

/* Told now and then how far it is, in bytes of the virtual disk. */
typedef void qcow2_progress(void *arg, int64_t done, int64_t total);

/*
 * Writes the virtual disk of a checked header (image_check_qcow2) to out.  fd: the image, a regular file of file_size
 * bytes. EINVAL for tables and clusters that lie outside of the file or cannot be decompressed; else the writer's
 * errors.
 */
int qcow2_read(int fd, int64_t file_size, const struct image_qcow2 *image, struct sparse *out, qcow2_progress *progress,
    void *arg, struct error *err);

#endif
