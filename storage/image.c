/* Image headers; see image.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/quantity.h"
#include "storage/bytes.h"
#include "storage/image.h"

const char *const image_format_words[] = {
	[IMAGE_RAW] = "raw", [IMAGE_QCOW2] = "qcow2", [IMAGE_VMDK] = "vmdk", [IMAGE_VDI] = "vdi", [IMAGE_VHD] = "vhd",
	[IMAGE_VHDX] = "vhdx", NULL,
};
const char *const image_compression_words[] = {
	[IMAGE_PLAIN] = "", [IMAGE_GZ] = "gz", [IMAGE_XZ] = "xz", [IMAGE_ZST] = "zst", NULL,
};

enum { SECTOR = 512 /* bytes; a pointer file, an error message in plain text is shorter */ };

/* --- magic numbers ------------------------------------------------------------------------------------------------ */

static bool
has_bytes(const uint8_t *head, size_t length, size_t at, const void *magic, size_t magic_length)
{
	return at + magic_length <= length && memcmp(head + at, magic, magic_length) == 0;
}

static const struct {
	size_t length;
	const char *magic;
} compressions[] = {
	[IMAGE_GZ] = {2, "\x1f\x8b"},
	[IMAGE_XZ] = {6, "\xfd" "7zXZ\0"},
	[IMAGE_ZST] = {4, "\x28\xb5\x2f\xfd"},
};

enum image_compression
image_compression(const uint8_t *head, size_t length)
{
	for (int i = IMAGE_GZ; i < IMAGE_COMPRESSION_COUNT; i++)
		if (has_bytes(head, length, 0, compressions[i].magic, compressions[i].length))
			return (enum image_compression)i;
	return IMAGE_PLAIN;
}

static const struct {
	size_t at, length;
	const char *magic;
	enum image_format format;
} formats[] = {
	{0, 4, "QFI\xfb", IMAGE_QCOW2},
	{0, 4, "KDMV", IMAGE_VMDK},
	{0x40, 4, "\x7f\x10\xda\xbe", IMAGE_VDI},
	{0, 8, "conectix", IMAGE_VHD},
	{0, 8, "vhdxfile", IMAGE_VHDX},
};

/* What is recognised in order to refuse it by name; else it would be written to a disk as if it were one. */
static const struct {
	size_t at, length;
	const char *magic, *name;
} refused[] = {
	{0, 4, "COWD", "a VMDK image of ESX"},
	{0, 21, "# Disk DescriptorFile", "a VMDK descriptor"},
	{0, 6, "LUKS\xba\xbe", "a LUKS container"},
	{0, 4, "QED\0", "a QED image"},
	{0, 16, "WithoutFreeSpace", "a Parallels image"},
	{0, 16, "WithouFreSpacExt", "a Parallels image"},
	{0, 22, "Bochs Virtual HD Image", "a Bochs image"},
	{0, 8, "QFI\xfb\0\0\0\1", "a qcow image of version 1"},
	{0, 2, "\x1f\x8b", "compressed twice (gz)"},
	{0, 6, "\xfd" "7zXZ\0", "compressed twice (xz)"},
	{0, 4, "\x28\xb5\x2f\xfd", "compressed twice (zst)"},
	{0, 3, "BZh", "compressed with bzip2"},
	{0, 4, "\x04\x22\x4d\x18", "compressed with lz4"},
	{0, 4, "LZIP", "compressed with lzip"},
	{0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{0, 4, "PK\3\4", "a zip archive"},
	{0, 6, "Rar!\x1a\x07", "a RAR archive"},
	{257, 5, "ustar", "a tar archive"},
	{0, 4, "xar!", "a xar archive"},
};

static bool
is_web_page(const uint8_t *head, size_t length)
{
	static const char *const starts[] = {"<!doctype html", "<html", "<?xml", "<head"};
	size_t at = 0;

	if (has_bytes(head, length, 0, "\xef\xbb\xbf", 3))
		at = 3;
	while (at < length && g_ascii_isspace(head[at]))
		at++;
	for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
		if (length - at >= strlen(starts[i]) &&
		    g_ascii_strncasecmp((const char *)head + at, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

int
image_detect(const uint8_t *head, size_t length, enum image_format *format, struct error *err)
{
	static const char supported[] = 
	    "supported are raw (also ISO), qcow2, VMDK, VDI, VHD and VHDX, plain or as gz, xz or zst";

	if (length == 0)
		return error_set(err, EINVAL, "the image is empty");
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		if (has_bytes(head, length, refused[i].at, refused[i].magic, refused[i].length))
			return error_set(err, EINVAL, "the image is %s; %s", refused[i].name, supported);
	if (is_web_page(head, length))
		return error_set(err, EINVAL, "the server sent a web page instead of an image");
	if (length < SECTOR)
		return error_set(err, EINVAL, "the image has only %zu bytes: no disk is so small", length);
	*format = IMAGE_RAW;
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (has_bytes(head, length, formats[i].at, formats[i].magic, formats[i].length))
			*format = formats[i].format;
	return 0;
}

int
image_too_large(int64_t size, int64_t limit, struct error *err)
{
	g_autofree char *wanted = quantity_format_human(size);
	g_autofree char *have = quantity_format_human(limit);

	return error_set(err, EINVAL,
	    "virtual image size %" PRId64 " (%s) is larger than the reported available storage %" PRId64
	    " (%s). A larger PVC is required", size, wanted, limit, have);
}

/* --- qcow2 -------------------------------------------------------------------------------------------------------- */

/* Offsets in the header; all numbers are big endian. */
enum {
	AT_VERSION = 4, AT_BACKING_OFFSET = 8, AT_BACKING_SIZE = 16, AT_CLUSTER_BITS = 20, AT_SIZE = 24, AT_CRYPT = 32,
	AT_L1_SIZE = 36, AT_L1_OFFSET = 40, AT_REFCOUNT_OFFSET = 48, AT_REFCOUNT_CLUSTERS = 56, AT_SNAPSHOTS = 60,
	AT_SNAPSHOTS_OFFSET = 64, V2_LENGTH = 72, AT_INCOMPATIBLE = 72, AT_REFCOUNT_ORDER = 96, AT_HEADER_LENGTH = 100,
	V3_LENGTH = 104, AT_COMPRESSION = 104,
};
enum {
	FEATURE_DIRTY = 1 << 0,         /* reference counts may be wrong: we do not read them */
	FEATURE_CORRUPT = 1 << 1,
	FEATURE_DATA_FILE = 1 << 2,
	FEATURE_COMPRESSION = 1 << 3,   /* its kind is in the header */
	FEATURE_EXTENDED_L2 = 1 << 4,
	FEATURES_KNOWN = (1 << 5) - 1,
	EXTENSION_DATA_FILE = 0x44415441,  /* "DATA": name of an external data file */
	EXTENSION_ENCRYPTION = 0x0537be77, /* where the encryption header is */
	L1_MOST = (32 << 20) / 8,          /* entries; qemu's limit */
};

static int
check_versions(const uint8_t *head, size_t length, uint32_t *version, uint32_t *header_length, struct error *err)
{
	if (length < V2_LENGTH)
		return error_set(err, EINVAL, "the qcow2 image ends in its header");
	*version = be32_at(head + AT_VERSION);
	if (*version != 2 && *version != 3)
		return error_set(
		    err, EINVAL, "the qcow2 image has version %" PRIu32 "; 2 and 3 are supported", *version);
	*header_length = V2_LENGTH;
	if (*version == 2)
		return 0;
	if (length < V3_LENGTH)
		return error_set(err, EINVAL, "the qcow2 image ends in its header");
	*header_length = be32_at(head + AT_HEADER_LENGTH);
	if (*header_length < V3_LENGTH || *header_length > 4096 || *header_length % 8 != 0 || *header_length > length)
		return error_set(err, EINVAL, "the qcow2 image says its header has %" PRIu32 " bytes", *header_length);
	return 0;
}

/* What would let the image reach beyond itself, or what we cannot read. */
static int
check_features(const uint8_t *head, uint64_t features, struct error *err)
{
	if (be64_at(head + AT_BACKING_OFFSET) != 0 || be32_at(head + AT_BACKING_SIZE) != 0)
		return error_set(err, EINVAL,
		    "the qcow2 image has a backing file; only images that stand alone can be imported "
		    "(qemu-img convert makes one)");
	if (be32_at(head + AT_CRYPT) != 0)
		return error_set(err, EINVAL, "the qcow2 image is encrypted");
	if (features & FEATURE_DATA_FILE)
		return error_set(err, EINVAL,
		    "the qcow2 image has an external data file; only images that stand alone can be imported (qemu-img convert makes one)");
	if (features & FEATURE_CORRUPT)
		return error_set(err, EINVAL, "the qcow2 image is marked as corrupt (qemu-img check -r may repair it)");
	if (features & ~(uint64_t)FEATURES_KNOWN)
		return error_set(err, EINVAL,
		    "the qcow2 image needs features that are not known here (bits 0x%" PRIx64 ")",
		    features & ~(uint64_t)FEATURES_KNOWN);
	return 0;
}

/* Extensions: type, length, content padded to 8; type 0 ends them.  They lie in the first cluster. */
static int
check_extensions(const uint8_t *head, size_t length, uint32_t at, unsigned cluster_bits, struct error *err)
{
	size_t end = MIN(length, (size_t)1 << cluster_bits);

	while (at + 8 <= end) {
		uint32_t type = be32_at(head + at), size = be32_at(head + at + 4);
		if (type == 0)
			return 0;
		if (type == EXTENSION_DATA_FILE)
			return error_set(err, EINVAL,
			    "the qcow2 image names an external data file; only images that stand alone can be "
			    "imported (qemu-img convert makes one)");
		if (type == EXTENSION_ENCRYPTION)
			return error_set(err, EINVAL, "the qcow2 image is encrypted");
		if (size > end - at - 8)
			return error_set(err, EINVAL,
			    "the qcow2 image has a header extension (0x%08" PRIx32 ") that is too long", type);
		at += 8 + (size + 7) / 8 * 8;
	}
	return 0;
}

/* A table must start at a cluster and lie inside of the file. */
static int
check_table(
    const char *what, uint64_t offset, uint64_t bytes, unsigned cluster_bits, int64_t file_size, struct error *err)
{
	if (offset % ((uint64_t)1 << cluster_bits) != 0 || offset > INT64_MAX - bytes)
		return error_set(
		    err, EINVAL, "the qcow2 image has its %s at 0x%" PRIx64 ", where none can be", what, offset);
	if (file_size > 0 && offset + bytes > (uint64_t)file_size)
		return error_set(
		    err, EINVAL, "the qcow2 image is truncated: its %s lies behind the end of the file", what);
	return 0;
}

static int
check_sizes(const uint8_t *head, int64_t limit, struct image_qcow2 *image, struct error *err)
{
	uint64_t size = be64_at(head + AT_SIZE), l2_entries, needed;

	if (image->cluster_bits < IMAGE_CLUSTER_BITS_LEAST || image->cluster_bits > IMAGE_CLUSTER_BITS_MOST)
		return error_set(err, EINVAL, "the qcow2 image has clusters of 2^%u bytes; 2^%d to 2^%d are possible",
		    image->cluster_bits, IMAGE_CLUSTER_BITS_LEAST, IMAGE_CLUSTER_BITS_MOST);
	if (image->extended && image->cluster_bits < 14)
		return error_set(
		    err, EINVAL, "the qcow2 image has subclusters in clusters of 2^%u bytes", image->cluster_bits);
	if (size == 0)
		return error_set(err, EINVAL, "the qcow2 image has a virtual size of 0");
	if (size > INT64_MAX - ((uint64_t)1 << 40))
		return error_set(
		    err, EINVAL, "the qcow2 image claims a virtual size of %" PRIu64 " bytes, which cannot be: it is damaged", size);
	if ((int64_t)size > limit)
		return image_too_large((int64_t)size, limit, err);
	l2_entries = ((uint64_t)1 << image->cluster_bits) / (image->extended ? 16 : 8);
	needed = (size + (l2_entries << image->cluster_bits) - 1) / (l2_entries << image->cluster_bits);
	if (image->l1_size < needed || image->l1_size > L1_MOST)
		return error_set(err, EINVAL,
		    "the qcow2 image has an L1 table of %" PRIu32 " entries; its size needs %" PRIu64, image->l1_size,
		    needed);
	image->virtual_size = (int64_t)size;
	return 0;
}

static int
check_tables(const uint8_t *head, int64_t file_size, struct image_qcow2 *image, struct error *err)
{
	uint64_t l1 = be64_at(head + AT_L1_OFFSET);
	uint32_t snapshots = be32_at(head + AT_SNAPSHOTS);

	if (check_table("L1 table", l1, (uint64_t)image->l1_size * 8, image->cluster_bits, file_size, err) < 0)
		return -1;
	if (l1 == 0)
		return error_set(err, EINVAL, "the qcow2 image has no L1 table");
	if (check_table("refcount table", be64_at(head + AT_REFCOUNT_OFFSET), 0, image->cluster_bits, file_size, err) < 0)
		return -1;
	if (snapshots > IMAGE_SNAPSHOTS_MOST)
		return error_set(err, EINVAL,
		    "the qcow2 image holds %" PRIu32 " snapshots; at most %d are taken (qemu-img convert "
		    "drops them)",
		    snapshots, IMAGE_SNAPSHOTS_MOST);
	if (snapshots > 0 &&
	    check_table("snapshot table", be64_at(head + AT_SNAPSHOTS_OFFSET), 0, image->cluster_bits, file_size, err) < 0)
		return -1;
	image->l1_offset = (int64_t)l1;
	return 0;
}

static int
check_compression(
    const uint8_t *head, uint32_t header_length, uint64_t features, struct image_qcow2 *image, struct error *err)
{
	unsigned type = header_length > AT_COMPRESSION ? head[AT_COMPRESSION] : IMAGE_DEFLATE;

	if (type > IMAGE_ZSTD || (type != IMAGE_DEFLATE) != ((features & FEATURE_COMPRESSION) != 0))
		return error_set(
		    err, EINVAL, "the qcow2 image has a compression of kind %u that is not known here", type);
	image->compression = type;
	return 0;
}

int
image_check_qcow2(const uint8_t *head, size_t length, int64_t file_size, int64_t limit, struct image_qcow2 *image,
    struct error *err)
{
	struct image_qcow2 result = {0};
	uint32_t version = 0, header_length = 0;

	if (check_versions(head, length, &version, &header_length, err) < 0)
		return -1;
	uint64_t features = version == 2 ? 0 : be64_at(head + AT_INCOMPATIBLE);
	result.cluster_bits = be32_at(head + AT_CLUSTER_BITS);
	result.l1_size = be32_at(head + AT_L1_SIZE);
	result.extended = (features & FEATURE_EXTENDED_L2) != 0;
	if (check_features(head, features, err) < 0 || check_sizes(head, limit, &result, err) < 0 ||
	    check_extensions(head, length, header_length, result.cluster_bits, err) < 0 ||
	    check_compression(head, header_length, features, &result, err) < 0 ||
	    check_tables(head, file_size, &result, err) < 0)
		return -1;
	*image = result;
	return 0;
}
