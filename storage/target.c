/* Targets, and the kind that is a file or a block device; see target.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/target_private.h"

enum {
	FILE_HOLE = 4096,      /* file systems keep blocks of this size */
	WRITE_BACK = 16 << 20, /* bytes after which the kernel is asked to begin with them: the flush at the end is shorter */
};

struct file_target {
	struct target target;
	size_t dirty; /* bytes since the kernel was asked last */
};

/* --- files -------------------------------------------------------------------------------------------------------- */

static int
file_write(struct target *target, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	struct file_target *file = (struct file_target *)target;

	file->dirty += length;
	while (length > 0) {
		ssize_t n = pwrite(target->fd, data, length, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "cannot write to the volume");
		data += n;
		length -= (size_t)n;
		offset += n;
	}
	if (file->dirty >= WRITE_BACK) {
		/* What cannot be written shows when it is made durable. */
		sync_file_range(target->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		file->dirty = 0;
	}
	return 0;
}

static int
file_read(struct target *target, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	while (length > 0) {
		ssize_t n = pread(target->fd, data, length, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_errno(err, "cannot read the volume") : error_set(err, EIO, "the volume ended early");
		data += n;
		length -= (size_t)n;
		offset += n;
	}
	return 0;
}

static int
file_flush(struct target *target, struct error *err)
{
	return fsync(target->fd) < 0 ? error_errno(err, "cannot make the volume durable") : 0;
}

static int
file_extend(struct target *target, int64_t size, struct error *err)
{
	struct stat st;

	if (fstat(target->fd, &st) < 0)
		return error_errno(err, "cannot look at the volume");
	if (S_ISREG(st.st_mode) && st.st_size < size && ftruncate(target->fd, size) < 0)
		return error_errno(err, "cannot extend the volume");
	return 0;
}

static void
file_free(struct target *target)
{
	g_free(target);
}

static const struct target_class file_class = {
	.hole = FILE_HOLE,
	.write = file_write,
	.read = file_read,
	.flush = file_flush,
	.extend = file_extend,
	.free = file_free,
};

static struct target *
file_new(int fd)
{
	struct file_target *file = g_new0(struct file_target, 1);

	file->target = (struct target){.class = &file_class, .fd = fd};
	return &file->target;
}

/* --- every kind ---------------------------------------------------------------------------------------------------- */

struct target *
target_new(int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		error_errno(err, "cannot look at the target of the import");
		return NULL;
	}
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return file_new(fd);
	if (S_ISSOCK(st.st_mode))
		return target_nbd_new(fd);
	error_set(err, EINVAL, "the target of an import is a file, a block device or a socket");
	return NULL;
}

void
target_free(struct target *target)
{
	if (target != NULL)
		target->class->free(target);
}

size_t
target_hole(const struct target *target)
{
	return target->class->hole;
}

int
target_write(struct target *target, const uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	return target->class->write(target, data, length, offset, err);
}

int
target_read(struct target *target, uint8_t *data, size_t length, int64_t offset, struct error *err)
{
	return target->class->read(target, data, length, offset, err);
}

int
target_flush(struct target *target, struct error *err)
{
	return target->class->flush(target, err);
}

int
target_extend(struct target *target, int64_t size, struct error *err)
{
	return target->class->extend(target, size, err);
}
