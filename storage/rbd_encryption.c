/*
 * Encrypted volumes: an image that begins with a header of LUKS1, as librbd writes it and QEMU's own LUKS reads it.
 *
 *   | header: "solovirt.encryption" bytes of it | the volume: as many bytes as its capacity |
 *
 * Whoever only counts, clones, snapshots or flattens works on the image as it is, header and all, and never has the passphrase: librbd
 * would leave the header out.  What was never written is no zeros, but noise: that is what QEMU makes of a hole.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "storage/rbd.h"

enum {
	HEADER_MOST = 128 << 20, /* more than any has: it ends where an object does */
	BLOCK = 4096,            /* an image is as long as a multiple of it */
};

struct passphrase {
	char *bytes;
	gsize length;
};

static void
passphrase_clear(struct passphrase *p)
{
	if (p->bytes != NULL)
		explicit_bzero(p->bytes, p->length);
	g_free(p->bytes);
}
#define PASSPHRASE_AUTO __attribute__((cleanup(passphrase_clear))) struct passphrase

static rbd_encryption_luks1_format_options_t
options_of(const char *base64, struct passphrase *p)
{
	p->bytes = (char *)g_base64_decode(base64, &p->length);
	return (rbd_encryption_luks1_format_options_t){ .alg = RBD_ENCRYPTION_ALGORITHM_AES256, .passphrase = p->bytes, .passphrase_size = p->length };
}

int64_t
encryption_header(rbd_image_t image, struct error *err)
{
	char text[32] = "";
	size_t size = sizeof(text) - 1;
	int rc = rbd_metadata_get(image, IMAGE_ENCRYPTION, text, &size);

	if (rc == -ENOENT)
		return 0;
	return rc < 0 ? cluster_error(err, rc, "cannot read the metadata of a volume") : g_ascii_strtoll(text, NULL, 10);
}

int
image_capacity(rbd_image_t image, uint64_t *capacity, struct error *err)
{
	uint64_t size = 0;
	int64_t header = encryption_header(image, err);
	int rc = header < 0 ? 0 : rbd_get_size(image, &size);

	if (rc < 0)
		cluster_error(err, rc, "cannot read the size of a volume");
	if (header < 0 || rc < 0)
		return -1;
	*capacity = size - MIN(size, (uint64_t)header);
	return 0;
}

int
image_resize(rbd_image_t image, const char *path, uint64_t capacity, bool shrink, struct error *err)
{
	int64_t header = encryption_header(image, err);
	uint64_t size = capacity + (uint64_t)MAX(header, 0);
	int rc;

	if (header < 0)
		return -1;
	if (header > 0)
		size = (size + BLOCK - 1) / BLOCK * BLOCK;
	rc = rbd_resize2(image, size, shrink, image_ignore_progress, NULL);
	return rc == 0 ? 0 : cluster_error(err, rc, "cannot resize volume %s", path);
}

int
encryption_load(rbd_image_t image, const char *path, const char *passphrase, struct error *err)
{
	PASSPHRASE_AUTO p = { 0 };
	int64_t header = encryption_header(image, err);
	int rc;

	if (header == 0 && passphrase == NULL)
		return 0;
	if (header < 0)
		return -1;
	if (header == 0 || passphrase == NULL)
		return error_set(err, EINVAL, header == 0 ? "volume %s is not encrypted, but ought to be" : "volume %s is encrypted: a passphrase is needed", path);
	rbd_encryption_luks1_format_options_t options = options_of(passphrase, &p);
	rc = rbd_encryption_load(image, RBD_ENCRYPTION_FORMAT_LUKS1, &options, sizeof(options));
	if (rc == -EPERM)
		return error_set(err, EACCES, "the passphrase does not open volume %s: put back the encryptionPassphrase that it was made with", path);
	return rc == 0 ? 0 : cluster_error(err, rc, "cannot open the encryption of volume %s", path);
}

/* --- making one ---------------------------------------------------------------------------------------------------------- */

/* The image is open with its key behind this: it is as long as the volume. */
static int
format(const struct place *place, const char *passphrase, uint64_t *header, struct error *err)
{
	IMAGE_AUTO image = NULL;
	PASSPHRASE_AUTO p = { 0 };
	rbd_encryption_luks1_format_options_t options = options_of(passphrase, &p);
	uint64_t size = 0, left = 0;
	int rc;

	if (image_open(place, &image, err) < 0)
		return -1;
	rc = rbd_get_size(image, &size);
	if (rc == 0)
		rc = rbd_encryption_format(image, RBD_ENCRYPTION_FORMAT_LUKS1, &options, sizeof(options));
	if (rc == 0)
		rc = rbd_get_size(image, &left);
	if (rc < 0)
		return cluster_error(err, rc, "cannot encrypt volume %s", place->path);
	*header = size - left;
	return 0;
}

uint64_t
encryption_size_first(uint64_t capacity)
{
	return (capacity + BLOCK - 1) / BLOCK * BLOCK + HEADER_MOST;
}

int
encryption_make(const struct place *place, const char *passphrase, uint64_t capacity, struct error *err)
{
	IMAGE_AUTO image = NULL;
	uint64_t header = 0;
	char text[32];
	int rc;

	if (format(place, passphrase, &header, err) < 0 || image_open(place, &image, err) < 0)
		return -1;
	g_snprintf(text, sizeof(text), "%" PRIu64, header);
	rc = rbd_metadata_set(image, IMAGE_ENCRYPTION, text);
	if (rc < 0)
		return cluster_error(err, rc, "cannot write the metadata of a volume");
	return image_resize(image, place->path, capacity, true, err);
}
