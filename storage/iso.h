/* ISO 9660 images with Rock Ridge and Joliet, built in memory: no temporary file ever holds a Secret. */
#ifndef SOLOVIRT_STORAGE_ISO_H
#define SOLOVIRT_STORAGE_ISO_H

#include <glib.h>

struct error;

struct iso_file {
	const char *path; /* "openstack/latest/user_data"; each part at most 255 bytes of UTF-8 */
	unsigned mode;    /* permission bits; owner is root */
	const void *data; /* may be NULL when length is 0 */
	size_t length;    /* bytes */
};

/*
 * The image of these files.  label: at most 32 bytes (ISO 9660), 16 of which Joliet shows; it is written as it is, also
 * in lower case, because cloud-init and guests look for "cidata".  Equal input gives equal bytes: times are fixed.
 * EINVAL for a label that does not fit, a path given twice; EFBIG over 64 MiB.  Caller owns the result.
 */
GByteArray *iso_build(const char *label, const struct iso_file *files, size_t count, struct error *err);

#endif
