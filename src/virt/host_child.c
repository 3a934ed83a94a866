/* Programs of the host that a verb runs and waits for: with a deadline, never through a shell, with nothing of ours but three files. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/virt/host.h"

enum { OUTPUT_MOST = 16 << 20 };

/* Where systems keep programs; the daemon's own PATH may lack what only root runs. */
static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin" };

/* What a program is told of its surroundings: words that we can read, and where it finds others. */
static char *const environment[] = { (char *)"LC_ALL=C", (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin",
	NULL };

/* Its standard files, of which none has an end that would have to be waited for. */
struct files {
	int in, out, complaint;
};

static char *
find_program(const char *name, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
		char *path = g_build_filename(directories[i], name, NULL);
		if (access(path, X_OK) == 0)
			return path;
		g_free(path);
	}
	error_set(err, ENOENT, "%s is not installed on this host", name);
	return NULL;
}

static void
files_close(struct files *files)
{
	int *all[] = { &files->in, &files->out, &files->complaint };

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (*all[i] >= 0)
			close(*all[i]);
}

static int
files_open(struct files *files, const char *input)
{
	size_t length = input == NULL ? 0 : strlen(input);

	files->in = memfd_create("in", MFD_CLOEXEC);
	files->out = memfd_create("out", MFD_CLOEXEC);
	files->complaint = memfd_create("complaint", MFD_CLOEXEC);
	if (files->in < 0 || files->out < 0 || files->complaint < 0)
		return -1;
	if (length > 0 && (write(files->in, input, length) != (ssize_t)length || lseek(files->in, 0, SEEK_SET) != 0))
		return -1;
	return 0;
}

/* What a file holds, up to a limit. */
static char *
text_of(int fd)
{
	struct stat st;
	size_t size = fstat(fd, &st) == 0 ? (size_t)MIN(st.st_size, OUTPUT_MOST) : 0;
	char *text = g_malloc(size + 1);
	ssize_t got = pread(fd, text, size, 0);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

/* Its signals are those of a fresh process, and it gets no descriptor of ours: a program that stays would keep the daemon's
 * socket open. */
static int
spawn(const char *path, const char *const *argv, const struct files *files, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, files->in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, files->out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, files->complaint, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	rc = posix_spawn(pid, path, &actions, &attributes, (char *const *)(uintptr_t)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	errno = rc;
	return rc == 0 ? 0 : -1;
}

/* Waits; one that takes too long is killed.  true: it was. */
static bool
await(pid_t pid, int timeout_ms, int *status)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int64_t until = clock_monotonic_ms() + timeout_ms, left;
	int rc = 0;

	while (end.fd >= 0 && rc <= 0 && (left = until - clock_monotonic_ms()) > 0)
		rc = poll(&end, 1, (int)left);
	if (end.fd >= 0)
		close(end.fd);
	if (rc <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return rc <= 0;
}

/* The last line of what it complained of: the first ones are often notes, and behind the sentence of another process ovs-appctl only
 * says that there was one. */
static char *
last_line(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = g_strv_length(lines); i > 0; i--)
		if (*g_strstrip(lines[i - 1]) != '\0' && (i == 1 || !g_str_has_suffix(lines[i - 1], "server returned an error")))
			return g_strdelimit(g_utf8_make_valid(lines[i - 1], -1), "\t\r", ' ');
	return g_strdup("");
}

int
host_child_run(const char *const *argv, const char *input, int timeout_ms, char **output, char **complaint, struct error *err)
{
	struct files files = { -1, -1, -1 };
	g_autofree char *path = find_program(argv[0], err);
	int status = 0;
	bool late;
	pid_t pid;

	if (path == NULL)
		return -1;
	if (files_open(&files, input) < 0 || spawn(path, argv, &files, &pid) < 0) {
		error_errno(err, "cannot run %s", path);
		files_close(&files);
		return -1;
	}
	late = await(pid, timeout_ms, &status);
	g_autofree char *told = text_of(files.complaint), *why = last_line(told);
	g_autofree char *said = text_of(files.out);
	files_close(&files);
	/* Those of Open vSwitch set themselves an alarm, too. */
	if (late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM))
		return error_set(err, ETIMEDOUT, "%s had not finished after %d s", argv[0], timeout_ms / 1000);
	if (!WIFEXITED(status))
		return error_set(err, EIO, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (output != NULL)
		*output = g_steal_pointer(&said);
	if (complaint != NULL)
		*complaint = g_steal_pointer(&why);
	return WEXITSTATUS(status);
}

int
host_child_do(const char *const *argv, const char *input, int timeout_ms, char **output, struct error *err)
{
	g_autofree char *complaint = NULL;
	int status = host_child_run(argv, input, timeout_ms, output, &complaint, err);

	if (status <= 0)
		return status;
	if (output != NULL)
		g_clear_pointer(output, g_free);
	return error_set(err, EIO, "%s", *complaint != '\0' ? complaint : argv[0]);
}
