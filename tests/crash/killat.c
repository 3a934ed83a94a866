/*
 * Preloaded into solovirtd: ends it with SIGKILL at the n-th call of a chosen function, or lets that call fail.
 *
 *   SOLOVIRT_KILL_CALL   a word of the table below, or "any"
 *   SOLOVIRT_KILL_AT     n, from 1
 *   SOLOVIRT_KILL_WHEN   before (default), after, or half: of what is written only the first half; full, broken: it goes on,
 *                        but the call is not made and fails with ENOSPC, EIO
 *   SOLOVIRT_KILL_FILE   instead: a file of struct order, which may be given at any time of the daemon's life
 *
 * Counts in the daemon's own process, or in those of one of its workers: the n-th call there then ends the daemon, and the
 * worker, too; "after" leaves the worker to itself.  Or it ends the worker alone.  What else is started does not
 * inherit the library, and a child between fork and exec does not count.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { WRITE, PWRITE, WRITEV, SEND, SENDMSG, FSYNC, FDATASYNC, RENAME, UNLINK, CONNECT, FTRUNCATE, OPEN, MKDIR, RMDIR, ANY };
static const char *const words[] = { "write", "pwrite", "writev", "send", "sendmsg", "fsync", "fdatasync", "rename", "unlink",
	"connect", "ftruncate", "open", "mkdir", "rmdir", "any" };
enum when { BEFORE, AFTER, HALF, FULL, BROKEN };
static const char *const whens[] = { "before", "after", "half", "full", "broken" };
static const int failures[] = { [FULL] = ENOSPC, [BROKEN] = EIO };
static const char *const programs[] = { "solovirtd", "solovirt-host", "solovirt-rbd", "solovirt-import" };
enum { PROGRAMS = sizeof(programs) / sizeof(*programs) };

/* What is shared with who gives the order: crash.py writes the first three, then armed. */
struct order {
	atomic_uint call, at, when, armed;
	atomic_uint count; /* calls since then: for who wants to know how far it got */
	atomic_uint who;   /* whose calls count: a place in programs */
	atomic_uint alone; /* 1: the worker ends and the daemon does not */
};

static struct order own, *order;
static pid_t pid, daemon_pid; /* of this process and of the one to be ended */
static unsigned who; /* this process is: a place in programs */

static unsigned
word_in(const char *const *list, unsigned count, const char *word)
{
	unsigned i = 0;

	while (word != NULL && i < count && strcmp(list[i], word) != 0)
		i++;
	return word == NULL || i == count ? 0 : i;
}

static struct order *
order_of_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static struct order *
order_of_environment(void)
{
	const char *call = getenv("SOLOVIRT_KILL_CALL"), *at = getenv("SOLOVIRT_KILL_AT");

	if (call == NULL || at == NULL)
		return NULL;
	own.call = word_in(words, ANY + 1, call);
	own.at = (unsigned)strtoul(at, NULL, 10);
	own.when = word_in(whens, BROKEN + 1, getenv("SOLOVIRT_KILL_WHEN"));
	own.armed = 1;
	return &own;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("SOLOVIRT_KILL_FILE");

	while (who < PROGRAMS && strcmp(program_invocation_short_name, programs[who]) != 0)
		who++;
	if (who == PROGRAMS)
		return;
	if (who != 0 || file == NULL)
		unsetenv("LD_PRELOAD");
	pid = getpid();
	daemon_pid = who != 0 ? getppid() : pid;
	order = file == NULL ? order_of_environment() : order_of_file(file);
}

static void
end(void)
{
	order->armed = 0;
	if (who == 0 || !order->alone)
		kill(daemon_pid, SIGKILL);
	if (who != 0 && !order->alone && order->when == AFTER)
		return;
	kill(getpid(), SIGKILL);
	_exit(1); /* where it may not send signals */
}

/* Counts a call.  0: go on; 1: the end comes after it, or after half of it, or it fails. */
static int
due(enum call call)
{
	if (order == NULL || order->armed == 0 || order->who != who || getpid() != pid)
		return 0;
	if (order->call != ANY && order->call != call)
		return 0;
	if (atomic_fetch_add(&order->count, 1) + 1 != order->at)
		return 0;
	if (order->when == BEFORE)
		end();
	return 1;
}

#define REAL(result, name, ...)                                                                                            \
	static result (*real)(__VA_ARGS__);                                                                                \
	if (real == NULL)                                                                                                  \
		real = (result(*)(__VA_ARGS__))(uintptr_t)dlsym(RTLD_NEXT, name);

/* Calls, and ends when it was the one. */
#define COUNTED(which, expression)                                                                                         \
	({                                                                                                                 \
		int last = due(which), fails = last && order->when >= FULL;                                                \
		__typeof__(expression) answer = fails ? -1 : (expression);                                                 \
		if (fails)                                                                                                 \
			errno = failures[order->when];                                                                     \
		else if (last)                                                                                             \
			end();                                                                                             \
		answer;                                                                                                    \
	})
/* The same with a length, of which only half may be done. */
#define LENGTH(length) (last && order->when == HALF ? (length) / 2 : (length))

ssize_t
write(int fd, const void *bytes, size_t length)
{
	REAL(ssize_t, "write", int, const void *, size_t)
	return COUNTED(WRITE, real(fd, bytes, LENGTH(length)));
}

ssize_t
pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)
	return COUNTED(PWRITE, real(fd, bytes, LENGTH(length), at));
}

ssize_t
pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)
	return COUNTED(PWRITE, real(fd, bytes, LENGTH(length), at));
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	REAL(ssize_t, "writev", int, const struct iovec *, int)
	return COUNTED(WRITEV, real(fd, parts, LENGTH(count)));
}

ssize_t
send(int fd, const void *bytes, size_t length, int flags)
{
	REAL(ssize_t, "send", int, const void *, size_t, int)
	return COUNTED(SEND, real(fd, bytes, LENGTH(length), flags));
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	REAL(ssize_t, "sendmsg", int, const struct msghdr *, int)
	return COUNTED(SENDMSG, real(fd, message, flags));
}

int
fsync(int fd)
{
	REAL(int, "fsync", int)
	return COUNTED(FSYNC, real(fd));
}

int
fdatasync(int fd)
{
	REAL(int, "fdatasync", int)
	return COUNTED(FDATASYNC, real(fd));
}

int
rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *)
	return COUNTED(RENAME, real(from, to));
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	REAL(int, "renameat", int, const char *, int, const char *)
	return COUNTED(RENAME, real(from_dir, from, to_dir, to));
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	REAL(int, "renameat2", int, const char *, int, const char *, unsigned)
	return COUNTED(RENAME, real(from_dir, from, to_dir, to, flags));
}

int
unlink(const char *path)
{
	REAL(int, "unlink", const char *)
	return COUNTED(UNLINK, real(path));
}

int
unlinkat(int dir, const char *path, int flags)
{
	REAL(int, "unlinkat", int, const char *, int)
	return COUNTED(UNLINK, real(dir, path, flags));
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(int, "mkdir", const char *, mode_t)
	return COUNTED(MKDIR, real(path, mode));
}

int
rmdir(const char *path)
{
	REAL(int, "rmdir", const char *)
	return COUNTED(RMDIR, real(path));
}

int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
	REAL(int, "connect", int, const struct sockaddr *, socklen_t)
	return COUNTED(CONNECT, real(fd, address, length));
}

int
ftruncate(int fd, off_t length)
{
	REAL(int, "ftruncate", int, off_t)
	return COUNTED(FTRUNCATE, real(fd, length));
}

int
ftruncate64(int fd, off64_t length)
{
	REAL(int, "ftruncate64", int, off64_t)
	return COUNTED(FTRUNCATE, real(fd, length));
}

/* Only what may change something counts. */
#define COUNTED_OPEN(flags, expression) ((((flags) & O_ACCMODE) != O_RDONLY) ? COUNTED(OPEN, expression) : (expression))
#define MODE(flags)                                                                                                        \
	mode_t mode = 0;                                                                                                   \
	if (__OPEN_NEEDS_MODE(flags)) {                                                                                    \
		va_list ap;                                                                                                \
		va_start(ap, flags);                                                                                       \
		mode = va_arg(ap, mode_t);                                                                                 \
		va_end(ap);                                                                                                \
	}

int
open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...)
	MODE(flags)
	return COUNTED_OPEN(flags, real(path, flags, mode));
}

int
open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...)
	MODE(flags)
	return COUNTED_OPEN(flags, real(path, flags, mode));
}

int
openat(int dir, const char *path, int flags, ...)
{
	REAL(int, "openat", int, const char *, int, ...)
	MODE(flags)
	return COUNTED_OPEN(flags, real(dir, path, flags, mode));
}

int
openat64(int dir, const char *path, int flags, ...)
{
	REAL(int, "openat64", int, const char *, int, ...)
	MODE(flags)
	return COUNTED_OPEN(flags, real(dir, path, flags, mode));
}
