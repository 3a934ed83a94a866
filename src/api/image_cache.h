/*
 * Images of the cache: DataVolumes of a namespace of their own, one for each source, StorageClass, host where each
 * has a pool of its own, and what the source held.  Who names a
 * source gets a clone of what was fetched from it: of a public one that is what he would be sent, too; with credentials, certificates,
 * headers or a URL that may hold secrets (source_is_private()) an image is of its namespace alone.
 */
#ifndef SOLOVIRT_API_IMAGE_CACHE_H
#define SOLOVIRT_API_IMAGE_CACHE_H

#define IMAGE_NAMESPACE "solovirt-images"
/* Annotations of the DataVolumes there. */
#define IMAGE_SOURCE "solovirt.io/image-source"   /* where it is from, without secrets */
#define IMAGE_DIGEST "solovirt.io/image-digest"   /* what it held: "sha256:...", or "etag:\"...\",LENGTH", "modified:DATE,LENGTH" */
#define IMAGE_VALIDATOR "solovirt.io/image-validator" /* ETag or date, without which what is fetched is another image */
#define IMAGE_OF "solovirt.io/image-namespace"    /* namespace that asked for it: its Secrets and ConfigMaps are used */
#define IMAGE_USED "solovirt.io/image-used"       /* when a claim was last made of it; RFC 3339 */
#define IMAGE_PINNED "solovirt.io/image-pinned"   /* "true": it is kept whatever the limit says */
/* Annotation of any DataVolume: "false": it is filled by itself, whatever the cache has. */
#define IMAGE_CACHED "solovirt.io/image-cache"

struct data_volume_source;

/* Name of the image that a source held when it had this digest, in a class.  node: the host that keeps it, NULL where all hosts share the
 * storage.  namespace: of the one that asks; matters when the source is private.  Caller g_free()s. */
char *image_cache_name(const struct data_volume_source *source, const char *digest, const char *class, const char *node, const char *namespace);

#endif
