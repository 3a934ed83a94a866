/* Container images in a local directory, in the OCI image layout: what an image's name means there. */
#ifndef SOLOVIRT_STORAGE_OCI_H
#define SOLOVIRT_STORAGE_OCI_H

#include <glib.h>

struct error;

/* An image that was found.  Clear with oci_image_clear(). */
struct oci_image {
	char *digest;      /* of its manifest: 64 hexadecimal digits */
	char *folder;      /* its layout */
	GPtrArray *layers; /* char *: digests of its layers, the lowest first */
};

/*
 * Finds "quay.io/containerdisks/x:tag" (or x@sha256:...; no tag: latest) as the layout DIRECTORY/quay.io/containerdisks/x: in its
 * index.json the manifest whose annotation org.opencontainers.image.ref.name is the tag, of an image for several machines the one for
 * architecture ("amd64").  Manifests are checked against their digests.  ENOENT names the directory that was looked in; EINVAL
 * says what is wrong with the name or the layout.  Reads a few small files.
 */
int oci_find(const char *directory, const char *image, const char *architecture, struct oci_image *found, struct error *err);
void oci_image_clear(struct oci_image *image);
/* The file of a layer.  g_free(). */
char *oci_layer_path(const struct oci_image *image, const char *layer);

#endif
