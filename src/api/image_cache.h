/* Images of the cache: DataVolumes of a namespace of their own, one for each digest and StorageClass. */
#ifndef SOLOVIRT_API_IMAGE_CACHE_H
#define SOLOVIRT_API_IMAGE_CACHE_H

#define IMAGE_NAMESPACE "solovirt-images"
/* Annotations of the DataVolumes there. */
#define IMAGE_SOURCE "solovirt.io/image-source"   /* where it is from, without secrets */
#define IMAGE_DIGEST "solovirt.io/image-digest"
#define IMAGE_OF "solovirt.io/image-namespace"    /* namespace of the Secrets and ConfigMaps that its source names */
#define IMAGE_USED "solovirt.io/image-used"       /* when a claim was last made of it; RFC 3339 */
#define IMAGE_PINNED "solovirt.io/image-pinned"   /* "true": it is kept whatever the limit says */
/* Annotation of any DataVolume: "false": it is filled by itself, whatever the cache has. */
#define IMAGE_CACHED "solovirt.io/image-cache"

/* Name of the image of a digest ("sha256:...") in a class.  Caller g_free()s. */
char *image_cache_name(const char *digest, const char *class);

#endif
