/* What the first bytes of a downloaded image say: format, compression, and whether it may be used at all.  Pure. */
#ifndef SOLOVIRT_STORAGE_IMAGE_H
#define SOLOVIRT_STORAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

struct error;

enum image_format { IMAGE_RAW, IMAGE_QCOW2, IMAGE_VMDK, IMAGE_VDI, IMAGE_VHD, IMAGE_VHDX, IMAGE_FORMAT_COUNT };
extern const char *const image_format_words[]; /* "raw", "qcow2" ... */

enum image_compression { IMAGE_PLAIN, IMAGE_GZ, IMAGE_XZ, IMAGE_ZST, IMAGE_COMPRESSION_COUNT };
extern const char *const image_compression_words[]; /* "", "gz", "xz", "zst" */

enum {
	IMAGE_MAGIC = 512,     /* bytes that image_compression() and image_detect() want to see, if there are so many */
	IMAGE_HEAD = 64 << 10, /* bytes that image_check_qcow2() wants to see, if there are so many */
	IMAGE_SNAPSHOTS_MOST = 16,
	IMAGE_CLUSTER_BITS_LEAST = 9, /* qcow2: clusters of 512 bytes ... */
	IMAGE_CLUSTER_BITS_MOST = 21, /* ... to 2 MiB */
};

/* The compression that the magic number shows. */
enum image_compression image_compression(const uint8_t *head, size_t length);

/*
 * The format that the magic number shows; whatever has none is raw (disks, ISO images).  Only for bytes that were just
 * downloaded: what a guest has written is raw for ever, it may write a qcow2 header into its disk.  EINVAL names a
 * format that is not supported, a compression inside of the compression, a web page, less than a sector.
 */
int image_detect(const uint8_t *head, size_t length, enum image_format *format, struct error *err);

/* What is needed of a qcow2 header (qemu docs/interop/qcow2.txt); every number has been checked. */
struct image_qcow2 {
	int64_t virtual_size; /* bytes */
	unsigned cluster_bits;
	uint32_t l1_size; /* entries */
	int64_t l1_offset;
	enum { IMAGE_DEFLATE, IMAGE_ZSTD } compression;
	int extended; /* L2 entries are 16 bytes, with subclusters */
};

/*
 * Reads and checks a qcow2 header: version 2 or 3, no backing file, no external data file, no encryption, no unknown
 * incompatible feature, sane sizes, few snapshots, tables inside of the file (file_size; 0: not known yet).
 * EINVAL says what is wrong; "limit" bytes is the storage that is there.
 */
int image_check_qcow2(const uint8_t *head, size_t length, int64_t file_size, int64_t limit, struct image_qcow2 *image,
    struct error *err);

/* The refusal of an image that needs more bytes than there are, in CDI's words; returns -1. */
int image_too_large(int64_t size, int64_t limit, struct error *err);

#endif
