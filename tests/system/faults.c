/*
 * Preloaded into solovirtd by 86-state-faults.sh: faults that a test cannot have from the kernel without harming others.
 * SOLOVIRT_FAULTS is a folder; what is in it counts at every call:
 *
 *   clock     seconds that the time of day is wrong by; the clocks that never jump are left alone
 *   readonly  a folder below which nothing can be written: as of a file-system that turned read-only under open files
 *
 * What the daemon starts does not inherit the library.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char folder[PATH_MAX - 16];

__attribute__((constructor)) static void
begin(void)
{
	const char *given = getenv("SOLOVIRT_FAULTS");

	snprintf(folder, sizeof(folder), "%s", given == NULL ? "/nonexistent" : given);
	unsetenv("LD_PRELOAD");
}

/* What a file of the folder holds, without its newline; false when there is none.  By system calls: ours would call us. */
static bool
order(const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	long fd, length;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = syscall(SYS_read, fd, text, size - 1);
	syscall(SYS_close, fd);
	text[length < 0 ? 0 : length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

int
clock_gettime(clockid_t which, struct timespec *now)
{
	char text[32];
	int kept = errno, rc = (int)syscall(SYS_clock_gettime, which, now);

	if (rc == 0 && which == CLOCK_REALTIME && order("clock", text, sizeof(text)))
		now->tv_sec += atol(text);
	if (rc == 0)
		errno = kept;
	return rc;
}

static bool
is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return length > 0 && strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool
refuses_path(const char *path)
{
	char top[PATH_MAX];

	if (!order("readonly", top, sizeof(top)) || !is_below(path, top))
		return false;
	errno = EROFS;
	return true;
}

static bool
refuses(int fd)
{
	char link[64], path[PATH_MAX];
	int kept = errno;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	errno = kept;
	if (length < 0)
		return false;
	path[length] = '\0';
	return refuses_path(path);
}

#define REAL(type, name, ...)                                                                                              \
	static type (*real)(__VA_ARGS__);                                                                                  \
	if (real == NULL)                                                                                                  \
		*(void **)(&real) = dlsym(RTLD_NEXT, name);

ssize_t
write(int fd, const void *bytes, size_t size)
{
	REAL(ssize_t, "write", int, const void *, size_t)
	return refuses(fd) ? -1 : real(fd, bytes, size);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)
	return refuses(fd) ? -1 : real(fd, bytes, size, at);
}

int
ftruncate64(int fd, off64_t length)
{
	REAL(int, "ftruncate64", int, off64_t)
	return refuses(fd) ? -1 : real(fd, length);
}

int
unlink(const char *path)
{
	REAL(int, "unlink", const char *)
	return refuses_path(path) ? -1 : real(path);
}

int
open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	REAL(int, "open64", const char *, int, ...)

	if (__OPEN_NEEDS_MODE(flags)) {
		va_list ap;
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return (flags & O_ACCMODE) != O_RDONLY && refuses_path(path) ? -1 : real(path, flags, mode);
}
