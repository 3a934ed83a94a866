/* The disk in a tar archive; see archive.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/error.h"
#include "storage/archive.h"
#include "storage/image.h"
#include "storage/tar.h"

#define DISK "disk.img"

struct archive {
	struct tar *tar;
	unpack_sink *sink;
	void *arg;
	int64_t capacity, limit, length; /* bytes; length: that came, unpacked */
	bool found;
	GPtrArray *others; /* names */
	int64_t count;     /* of others, all */
};

/* Why an archive with such an entry is refused; NULL: it is taken. */
static const char *const refusals[] = {
	[TAR_FILE] = NULL,
	[TAR_DIRECTORY] = NULL,
	[TAR_LINK] = "is a link",
	[TAR_DEVICE] = "is a device or a FIFO",
	[TAR_SPARSE] = "is a sparse file: write it whole (tar without --sparse)",
	[TAR_OTHER] = "is of no kind that is known",
};

static bool
leads_outside(const char *name)
{
	if (*name == '/')
		return true;
	for (; name != NULL; name = strchr(name, '/')) {
		name += *name == '/';
		if (strcmp(name, "..") == 0 || g_str_has_prefix(name, "../"))
			return true;
	}
	return false;
}

static void
note_other(struct archive *a, const char *name)
{
	if (a->count++ < ARCHIVE_NAMED)
		g_ptr_array_add(a->others, g_utf8_make_valid(name, -1));
}

static int
take_disk(struct archive *a, int64_t size, struct error *err)
{
	if (a->found)
		return error_set(err, EINVAL, "the archive has the file " DISK " twice");
	if (size == 0)
		return error_set(err, EINVAL, "the file " DISK " in the archive is empty");
	if (size > a->capacity)
		return image_too_large(size, a->capacity, err);
	a->found = true;
	return 1;
}

static int
on_entry(void *arg, const char *full, enum tar_kind kind, int64_t size, struct error *err)
{
	const char *name = tar_relative(full);
	struct archive *a = arg;

	if (leads_outside(full) || refusals[kind] != NULL) {
		g_autofree char *shown = g_utf8_make_valid(full, -1);
		return error_set(err, EINVAL, "%.100s in the archive %s", shown, leads_outside(full) ? "leads outside of it" : refusals[kind]);
	}
	if (kind == TAR_DIRECTORY)
		return 0;
	if (strcmp(name, DISK) == 0)
		return take_disk(a, size, err);
	note_other(a, name);
	return 0;
}

static int
on_data(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct archive *a = arg;

	return a->sink(a->arg, data, length, err);
}

struct archive *
archive_new(int64_t capacity, int64_t limit, unpack_sink *sink, void *arg)
{
	struct archive *a = g_new0(struct archive, 1);

	*a = (struct archive){.sink = sink, .arg = arg, .capacity = capacity, .limit = limit};
	a->others = g_ptr_array_new_with_free_func(g_free);
	a->tar = tar_new("the archive", on_entry, on_data, a);
	return a;
}

void
archive_free(struct archive *a)
{
	if (a == NULL)
		return;
	tar_free(a->tar);
	g_ptr_array_unref(a->others);
	g_free(a);
}

int
archive_feed(void *archive, const uint8_t *data, size_t length, struct error *err)
{
	struct archive *a = archive;

	if ((int64_t)length > a->limit - a->length)
		return error_set(err, EINVAL, "the archive has more bytes than can be unpacked for a disk of this size");
	a->length += (int64_t)length;
	return tar_feed(a->tar, data, length, err);
}

int
archive_end(struct archive *a, struct error *err)
{
	if (tar_end(a->tar, err) < 0)
		return -1;
	return a->found ? 0 : error_set(err, EINVAL, "the archive has no file " DISK " at its top: that is what becomes the disk");
}

const GPtrArray *
archive_others(const struct archive *a, int64_t *count)
{
	*count = a->count;
	return a->others;
}
