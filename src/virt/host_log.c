/* Console logs that virtlogd writes.  Only below /var/log/libvirt, never through a symbolic link out of it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_verbs.h"

#define LOG_DIRECTORY "/var/log/libvirt/"
/* virtlogd's max_backups: path.0 is the youngest. */
enum { LOG_BACKUPS = 3 };

/* The part of a path below the directory, or NULL with err. */
static const char *
relative_path(const char *path, struct error *err)
{
	if (!host_is_local()) {
		error_set(err, ENOTSUP, "console logs of a libvirt on another machine can only be read and removed there");
		return NULL;
	}
	if (!g_str_has_prefix(path, LOG_DIRECTORY) || path[strlen(LOG_DIRECTORY)] == '\0') {
		error_set(err, EINVAL, "%s is not below " LOG_DIRECTORY, path);
		return NULL;
	}
	return path + strlen(LOG_DIRECTORY);
}

/* Opens below the directory; the kernel refuses ".." and links that lead out. */
static int
open_beneath(const char *relative, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int directory = open(LOG_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (directory < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, directory, relative, &how, sizeof(how));
	close(directory);
	return fd;
}

/* The last bytes of a file, at most limit; nothing when it cannot be read or is no regular file.  *whole: that is all
 * of it. */
static GString *
read_tail(const char *relative, int64_t limit, bool *whole)
{
	GString *text = g_string_new(NULL);
	int fd = open_beneath(relative, O_RDONLY | O_NONBLOCK);
	struct stat st;
	ssize_t got;

	*whole = true;
	if (fd < 0)
		return text;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		off_t from = st.st_size > limit ? st.st_size - limit : 0;

		*whole = from == 0;
		g_string_set_size(text, (gsize)(st.st_size - from));
		got = pread(fd, text->str, text->len, from);
		g_string_set_size(text, got > 0 ? (gsize)got : 0);
		/* The cut may go through a character. */
		for (int i = 0; from > 0 && i < 3 && text->len > 0 && ((unsigned char)text->str[0] & 0xc0) == 0x80; i++)
			g_string_erase(text, 0, 1);
	}
	close(fd);
	return text;
}

static json_t *
run_read(struct host_call *call, struct error *err)
{
	const char *path, *relative;
	json_int_t limit;
	bool whole;

	if (host_args(call, err, "{s:s,s:I}", "path", &path, "limit", &limit) < 0 ||
	    (relative = relative_path(path, err)) == NULL)
		return NULL;
	limit = CLAMP(limit, 0, HOST_LOG_MOST);
	g_autoptr(GString) text = read_tail(relative, limit, &whole);
	if (whole && (json_int_t)text->len < limit) { /* virtlogd may just have begun a new file */
		g_autofree char *older = g_strconcat(relative, ".0", NULL);
		g_autoptr(GString) before = read_tail(older, limit - (json_int_t)text->len, &whole);

		g_string_prepend_len(text, before->str, (gssize)before->len);
	}
	g_autofree char *valid = g_utf8_make_valid(text->str, (gssize)text->len);
	return json_pack("{s:s}", "text", valid);
}

/* Removes one file through its directory, so that links are never followed. */
static int
remove_file(const char *relative, struct error *err)
{
	g_autofree char *parent = g_path_get_dirname(relative);
	g_autofree char *base = g_path_get_basename(relative);
	int directory = open_beneath(parent, O_PATH | O_DIRECTORY);
	int result = directory < 0 ? -1 : unlinkat(directory, base, 0);

	if (result < 0 && errno != ENOENT)
		error_errno(err, "cannot remove " LOG_DIRECTORY "%s", relative);
	else
		result = 0;
	if (directory >= 0)
		close(directory);
	return result;
}

static json_t *
run_remove(struct host_call *call, struct error *err)
{
	const char *path, *relative;

	if (host_args(call, err, "{s:s}", "path", &path) < 0 || (relative = relative_path(path, err)) == NULL ||
	    remove_file(relative, err) < 0)
		return NULL;
	for (int i = 0; i < LOG_BACKUPS; i++) {
		g_autofree char *older = g_strdup_printf("%s.%d", relative, i);

		if (remove_file(older, err) < 0)
			return NULL;
	}
	return json_object();
}

const struct host_verb host_log_verbs[] = {
	{ "log-read", run_read },
	{ "log-remove", run_remove },
	{ NULL, NULL },
};
