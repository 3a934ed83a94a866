/*
 * Images of every format, header and tables: a reader refuses with a sentence, or names extents that lie within the file, and
 * their conversion ends likewise.  The first byte of an input chooses whether the file's checksum is wished for; the rest is the file.
 */
#include "config.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/blob.h"
#include "storage/convert.h"
#include "storage/image_map.h"
#include "storage/sparse.h"
#include "storage/target.h"
#include "tests/fuzz/fuzz.h"

enum { LIMIT = 64 << 20 /* bytes of storage */ };

static int64_t passed; /* bytes of the file, by watch.whole */

static void
on_whole(void *arg, const uint8_t *data, size_t length)
{
	(void)arg;
	(void)data;
	passed += (int64_t)length;
}

static void
on_progress(void *arg, int64_t done, int64_t total)
{
	(void)arg;
	fuzz_check(done >= 0 && done <= total);
}

static void
check_error(const struct error *err)
{
	fuzz_check(err->code == EINVAL && err->text[0] != '\0');
}

static void
write_disk(struct image_map *map, bool whole, int64_t size)
{
	struct convert_watch watch = {.whole = whole ? on_whole : NULL, .progress = on_progress};
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct error err = {0};

	fuzz_check(fd >= 0);
	struct target *target = target_new(fd, &err);
	struct sparse sparse = {.target = target, .limit = LIMIT};
	passed = 0;
	switch (convert(map, &sparse, &watch, &err)) {
	case CONVERT_FAILED:
		check_error(&err);
		break;
	case CONVERT_DONE:
		fuzz_check(!whole || passed == size);
		break;
	case CONVERT_SCATTERED:
		fuzz_check(whole);
		break;
	}
	target_free(target);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = {data, size};
	bool whole = bytes_below(&input, 2) == 1;
	enum image_format format;
	struct error err = {0};

	if (image_detect(input.at, input.left, &format, &err) < 0) {
		check_error(&err);
		return 0;
	}
	if (format == IMAGE_RAW)
		return 0;
	struct blob *blob = blob_memory_new(input.at, input.left);
	struct image_map *map = image_map_open(format, blob, LIMIT, &err);
	if (map == NULL)
		check_error(&err);
	else
		write_disk(map, whole, blob->size);
	image_map_free(map);
	blob_file_free(blob);
	return 0;
}
