/*
 * Where in an image file the bytes of its disk are: one interface for every format that is not raw (qcow2, vmdk, vdi, vhd,
 * vhdx).  A map is made from the tables of the image, each of which is checked when it is read; nothing in an image can name
 * another file: what would need one is refused.
 *
 * We read the formats ourselves rather than let qemu-img do it: the worker has given up the rights to open its target by name,
 * which qemu-img would need; qemu reads what lies behind the end of a truncated image as zeros; and hostile tables then meet
 * a few hundred lines that follow no names instead of a whole block layer.
 */
#ifndef SOLOVIRT_STORAGE_IMAGE_MAP_H
#define SOLOVIRT_STORAGE_IMAGE_MAP_H

#include <stdbool.h>

#include "storage/image.h"

struct blob;
struct image_map;

/* How a packed piece of the disk is packed. */
enum image_packing {
	IMAGE_PACKED_DEFLATE, /* a bare deflate stream, its length only known to the sector */
	IMAGE_PACKED_ZSTD,    /* a frame, likewise */
	IMAGE_PACKED_GRAIN,   /* vmdk: a marker with its length, then a zlib stream */
};

enum { IMAGE_UNIT_MOST = 2 << 20 /* bytes that a packed piece unpacks to */, IMAGE_PACKED_MOST = 2 * IMAGE_UNIT_MOST };

/* What a stretch of the disk is made of. */
struct image_extent {
	int64_t length;  /* bytes of the disk, at least 1 */
	int64_t offset;  /* in the file; IMAGE_HOLE: reads as zeros */
	uint32_t packed; /* 0: bytes as they are; else most bytes of the packed piece, whose first "length" are wanted */
	bool under;      /* of a hole: nothing is here, what the image lies over shows through */
};
enum { IMAGE_HOLE = -1 };

/* A format's reader.  Each does what the function of its name says. */
struct image_map_class {
	/* Checks header and tables; fills map.  limit: bytes of storage that are there. */
	struct image_map *(*open)(struct blob *blob, int64_t limit, struct error *err);
	int (*find)(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err);
	void (*free)(struct image_map *map);
};

/* Begins the struct of each format. */
struct image_map {
	const struct image_map_class *class;
	struct blob *blob;    /* borrowed */
	int64_t virtual_size; /* bytes of the disk, at most the limit */
	enum image_packing packing;
	size_t unit;          /* bytes that a packed piece unpacks to */
};

/* Opens an image of this format, which is not raw.  NULL with EINVAL: it will never do, else the blob cannot be read.  The blob
 * is borrowed until the map is freed. */
struct image_map *image_map_open(enum image_format format, struct blob *blob, int64_t limit, struct error *err);
/* The same for a qcow2 of our own that may lie over another volume: which one, its header is not asked. */
struct image_map *image_qcow2_open_over(struct blob *blob, int64_t limit, struct error *err);
void image_map_free(struct image_map *map);
/* What lies at "at" on the disk, up to any border that suits the format and never behind the disk's end.  Called from 0 on, each
 * time with what the last extent ended at. */
int image_map_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err);

enum { IMAGE_VHD_FOOTER = 512 };
/* Whether a sector ends a fixed VHD, which is raw data, "before" bytes, and that; nothing at its beginning tells. */
bool image_is_vhd_footer(const uint8_t footer[IMAGE_VHD_FOOTER], int64_t before);

/* For the readers: reads what must be there.  EINVAL "the FORMAT image is truncated: WHAT lies behind the end of the file". */
int image_map_read(struct blob *blob, const char *format, const char *what, uint8_t *data, size_t length, uint64_t offset,
    struct error *err);
/* ... and checks an extent of plain data that a table named. */
int image_map_check(const struct image_map *map, const char *format, uint64_t offset, uint64_t length, struct error *err);
/* ... and a virtual size, which must be some sectors and no more than the limit. */
int image_map_check_size(const char *format, uint64_t size, int64_t limit, struct error *err);

extern const struct image_map_class image_qcow2_class, image_vmdk_class, image_vdi_class, image_vhd_class, image_vhdx_class;

#endif
