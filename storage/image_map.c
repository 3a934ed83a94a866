/* Maps of images; see image_map.h. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>

#include "src/base/error.h"
#include "storage/blob.h"
#include "storage/image_map.h"

static const struct image_map_class *const classes[IMAGE_FORMAT_COUNT] = {
	[IMAGE_QCOW2] = &image_qcow2_class,
	[IMAGE_VMDK] = &image_vmdk_class,
	[IMAGE_VDI] = &image_vdi_class,
	[IMAGE_VHD] = &image_vhd_class,
	[IMAGE_VHDX] = &image_vhdx_class,
};

struct image_map *
image_map_open(enum image_format format, struct blob *blob, int64_t limit, struct error *err)
{
	assert(classes[format] != NULL);
	return classes[format]->open(blob, limit, err);
}

void
image_map_free(struct image_map *map)
{
	if (map != NULL)
		map->class->free(map);
}

int
image_map_find(struct image_map *map, int64_t at, struct image_extent *extent, struct error *err)
{
	struct image_extent found = {.offset = IMAGE_HOLE};

	assert(at >= 0 && at < map->virtual_size);
	if (map->class->find(map, at, &found, err) < 0)
		return -1;
	assert(found.length > 0 && found.packed <= IMAGE_PACKED_MOST);
	found.length = MIN(found.length, map->virtual_size - at);
	*extent = found;
	return 0;
}

int
image_map_read(struct blob *blob, const char *format, const char *what, uint8_t *data, size_t length, uint64_t offset,
    struct error *err)
{
	if (offset > (uint64_t)blob->size || length > (uint64_t)blob->size - offset)
		return error_set(err, EINVAL, "the %s image is truncated: %s lies behind the end of the file", format, what);
	return blob_read(blob, data, length, (int64_t)offset, err);
}

int
image_map_check(const struct image_map *map, const char *format, uint64_t offset, uint64_t length, struct error *err)
{
	if (offset > (uint64_t)map->blob->size || length > (uint64_t)map->blob->size - offset)
		return error_set(err, EINVAL, "the %s image is truncated: a block of data lies behind the end of the file", format);
	return 0;
}

int
image_map_check_size(const char *format, uint64_t size, int64_t limit, struct error *err)
{
	if (size == 0)
		return error_set(err, EINVAL, "the %s image has a virtual size of 0", format);
	if (size > INT64_MAX - ((uint64_t)1 << 40))
		return error_set(err, EINVAL, "the %s image claims a virtual size of %" PRIu64 " bytes, which cannot be", format, size);
	return (int64_t)size > limit ? image_too_large((int64_t)size, limit, err) : 0;
}
