/* Writes the disk that an image map describes, inside of the import worker. */
#ifndef SOLOVIRT_STORAGE_CONVERT_H
#define SOLOVIRT_STORAGE_CONVERT_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct image_map;
struct sparse;

/* Who looks on.  arg is handed to each. */
struct convert_watch {
	/* Every byte of the file passes by here once and in order, for its checksum; or NULL. */
	void (*whole)(void *arg, const uint8_t *data, size_t length);
	/* How many bytes of the file have been read, of how many. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

enum convert_result { CONVERT_FAILED = -1, CONVERT_DONE, CONVERT_SCATTERED };

/*
 * Reads the image in the order of its file, whatever the order of its disk, so that as little as possible is asked for in as
 * large pieces as possible, and writes what it finds to its place on the disk.  SCATTERED: the whole file was wished for and the
 * map is too large to be kept for that; nothing but zeros of holes has been written.  EINVAL for damage; else the errors of blob and writer.
 */
enum convert_result convert(struct image_map *map, struct sparse *out, const struct convert_watch *watch, struct error *err);

#endif
