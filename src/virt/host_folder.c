/*
 * Directories that guests share by virtiofs: the files of Secrets and ConfigMaps, in the directory of a pool.
 *
 *   POOL/FOLDER/        only for root: what the files are called is nobody's business on the host
 *   POOL/FOLDER/files/  what virtiofsd serves
 *
 * A guest is root in there, and virtiofsd cannot be told that it may only read: everything is made immutable, so that no
 * guest fills its host's disk, where the file system knows of that.  What lies there may still be a guest's work: nothing
 * is ever followed.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/virt/host.h"

#define FILES "files"
#define PART ".part"

enum { DEPTH_MOST = 32, /* of what is asked for */ ROUNDS_MOST = 100000 };

/* Closes a descriptor at the end of a block. */
static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

/* A file system without that flag leaves it as it is. */
static void
set_immutable(int fd, bool immutable)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0 || ((flags & FS_IMMUTABLE_FL) != 0) == immutable)
		return;
	flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int
open_directory(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Entries of a directory, char *; NULL with errno. */
static GPtrArray *
entries(int directory)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	int copy = open_directory(directory, ".");
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (dir == NULL) {
		close_fd(&copy);
		g_ptr_array_unref(names);
		return NULL;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(dir);
	return names;
}

/* Everything below, too; depth bounds what a guest may have built. */
static void
seal(int directory, bool immutable, int depth)
{
	g_autoptr(GPtrArray) names = NULL;

	if (!immutable)
		set_immutable(directory, false);
	names = depth == 0 ? NULL : entries(directory);
	for (guint i = 0; names != NULL && i < names->len; i++) {
		AUTO_CLOSE int below = openat(directory, names->pdata[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		struct stat st;

		if (below < 0 || fstat(below, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			seal(below, immutable, depth - 1);
		else if (S_ISREG(st.st_mode))
			set_immutable(below, immutable);
	}
	if (immutable)
		set_immutable(directory, true);
}

/* Moves what is in a directory of the directory up into it. */
static int
hoist(int directory, const char *name, unsigned *serial)
{
	AUTO_CLOSE int below = open_directory(directory, name);
	g_autoptr(GPtrArray) names = below < 0 ? NULL : entries(below);

	for (guint i = 0; names != NULL && i < names->len; i++) {
		g_autofree char *other = g_strdup_printf(".gone-%u", (*serial)++);
		if (unlinkat(below, names->pdata[i], 0) != 0 && unlinkat(below, names->pdata[i], AT_REMOVEDIR) != 0 &&
		    renameat(below, names->pdata[i], directory, other) != 0)
			return -1;
	}
	return names == NULL ? -1 : 0;
}

/* However deep a guest may have built, with three descriptors.  0 or -1 with errno. */
static int
empty(int directory)
{
	unsigned serial = 0;

	for (int round = 0; round < ROUNDS_MOST; round++) {
		g_autoptr(GPtrArray) names = entries(directory);
		if (names == NULL || names->len == 0)
			return names == NULL ? -1 : 0;
		for (guint i = 0; i < names->len; i++)
			if (unlinkat(directory, names->pdata[i], 0) != 0 && unlinkat(directory, names->pdata[i], AT_REMOVEDIR) != 0 &&
			    hoist(directory, names->pdata[i], &serial) != 0)
				return -1;
	}
	errno = EBUSY;
	return -1;
}

/* 0 or -1 with errno; nothing there is no error. */
static int
remove_tree(int parent, const char *name)
{
	AUTO_CLOSE int directory = open_directory(parent, name);

	if (directory < 0)
		return unlinkat(parent, name, 0) == 0 || errno == ENOENT ? 0 : -1;
	return empty(directory) == 0 && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) ? 0 : -1;
}

/* --- filling -------------------------------------------------------------------------------------------------------- */

/* A directory that is there afterwards, whatever had the name; -1 with errno. */
static int
make_directory(int parent, const char *name, mode_t mode)
{
	int fd = open_directory(parent, name);

	if (fd >= 0)
		return fd;
	if (unlinkat(parent, name, 0) != 0 && errno != ENOENT)
		return -1;
	if (mkdirat(parent, name, mode) != 0)
		return -1;
	fd = open_directory(parent, name);
	if (fd >= 0)
		fchmod(fd, mode);
	return fd;
}

/* Under another name first: a reader finds the old file or the new one, whole. */
static int
write_file(int directory, const char *name, mode_t mode, const void *data, size_t length)
{
	AUTO_CLOSE int fd = -1;

	if (remove_tree(directory, PART) != 0)
		return -1;
	fd = openat(directory, PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	for (size_t done = 0; done < length;) {
		ssize_t n = write(fd, (const char *)data + done, length - done);
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	if (fchmod(fd, mode) != 0)
		return -1;
	if (renameat(directory, PART, directory, name) == 0)
		return 0;
	/* A directory has the name. */
	return remove_tree(directory, name) != 0 ? -1 : renameat(directory, PART, directory, name);
}

/* Notes that a path, and each directory above it, is wanted.  False for one that is none below the folder. */
static bool
note_wanted(GHashTable *wanted, const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);

	if (g_strv_length(parts) > DEPTH_MOST)
		return false;
	for (char **part = parts; *part != NULL; part++)
		if (**part == '\0' || strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0 || strcmp(*part, PART) == 0)
			return false;
	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
		g_hash_table_add(wanted, g_strndup(path, (gsize)(slash - path)));
	g_hash_table_add(wanted, g_strdup(path));
	return parts[0] != NULL;
}

/* Below the directory, by its path. */
static int
place_file(int top, const char *path, mode_t mode, const char *base64)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	gsize length = 0;
	g_autofree guchar *data = *base64 == '\0' ? NULL : g_base64_decode(base64, &length);
	AUTO_CLOSE int directory = open_directory(top, ".");
	guint last = g_strv_length(parts) - 1;

	for (guint i = 0; i < last && directory >= 0; i++) {
		int below = make_directory(directory, parts[i], 0755);
		close(directory);
		directory = below;
	}
	return directory < 0 ? -1 : write_file(directory, parts[last], mode, data, length);
}

/* What is not wanted any more goes. */
static int
prune(int directory, const char *above, GHashTable *wanted, int depth)
{
	g_autoptr(GPtrArray) names = entries(directory);

	for (guint i = 0; names != NULL && i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = *above == '\0' ? g_strdup(name) : g_strconcat(above, "/", name, NULL);

		if (!g_hash_table_contains(wanted, path)) {
			if (remove_tree(directory, name) != 0)
				return -1;
			continue;
		}
		AUTO_CLOSE int below = open_directory(directory, name);
		if (below >= 0 && depth > 0 && prune(below, path, wanted, depth - 1) != 0)
			return -1;
	}
	return names == NULL ? -1 : 0;
}

static int
fill(int top, const json_t *files, struct error *err)
{
	g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	json_t *file;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)files, i, file) {
		const char *path = json_string_value(json_object_get(file, "path"));
		const char *data = json_string_value(json_object_get(file, "data"));
		mode_t mode = (mode_t)json_integer_value(json_object_get(file, "mode")) & 0777;

		if (path == NULL || data == NULL || !note_wanted(wanted, path))
			return error_set(err, EINVAL, "\"%s\" is no path of a file in a folder", path == NULL ? "" : path);
		if (place_file(top, path, mode, data) != 0)
			return error_errno(err, "cannot write \"%s\"", path);
	}
	return prune(top, "", wanted, DEPTH_MOST) == 0 ? 0 : error_errno(err, "cannot remove what is not wanted any more");
}

/* --- verbs ---------------------------------------------------------------------------------------------------------- */

/* The directory of a pool, which must be on this machine; g_free().  NULL with err. */
static char *
pool_path(virConnectPtr connection, const char *name, struct error *err)
{
	virStoragePoolPtr pool = virStoragePoolLookupByName(connection, name);
	char *text = pool == NULL ? NULL : virStoragePoolGetXMLDesc(pool, 0), *path;

	if (text == NULL)
		host_error(err, "cannot find storage pool %s", name);
	if (pool != NULL)
		virStoragePoolFree(pool);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, err);
	if (doc == NULL)
		return NULL;
	path = host_xml_text(doc, "/pool[@type='dir']/target/path");
	if (path == NULL)
		error_set(err, EINVAL, "storage pool %s is no directory", name);
	return path;
}

/* The pool's directory, opened, of a call's arguments; -1 with err. */
static int
open_pool(struct host_call *call, const char *pool, const char *folder, char **path, struct error *err)
{
	int fd;

	if (!host_is_local())
		return error_set(err, EOPNOTSUPP, "a directory can be shared with guests of this machine only");
	if (*folder == '\0' || *folder == '.' || strchr(folder, '/') != NULL)
		return error_set(err, EINVAL, "\"%s\" is no name for a folder", folder);
	*path = pool_path(call->connection, pool, err);
	fd = *path == NULL ? -1 : open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 && *path != NULL ? error_errno(err, "cannot open %s", *path) : fd;
}

static json_t *
run_fill(struct host_call *call, struct error *err)
{
	const char *pool_name, *folder;
	g_autofree char *path = NULL, *whole = NULL;
	json_t *files;
	int r;

	if (host_args(call, err, "{s:s,s:s,s:o}", "pool", &pool_name, "folder", &folder, "files", &files) < 0)
		return NULL;
	AUTO_CLOSE int pool = open_pool(call, pool_name, folder, &path, err);
	if (pool < 0)
		return NULL;
	AUTO_CLOSE int outer = make_directory(pool, folder, 0700);
	AUTO_CLOSE int inner = outer < 0 ? -1 : make_directory(outer, FILES, 0755);
	if (inner < 0) {
		error_errno(err, "cannot make the folder %s in %s", folder, path);
		return NULL;
	}
	seal(inner, false, DEPTH_MOST);
	r = fill(inner, files, err);
	seal(inner, true, DEPTH_MOST);
	if (r != 0) {
		error_wrap(err, "folder %s: ", folder);
		return NULL;
	}
	whole = g_build_filename(path, folder, FILES, NULL);
	return json_pack("{s:s}", "path", whole);
}

static json_t *
run_remove(struct host_call *call, struct error *err)
{
	const char *pool_name, *folder;
	g_autofree char *path = NULL;

	if (host_args(call, err, "{s:s,s:s}", "pool", &pool_name, "folder", &folder) < 0)
		return NULL;
	if (!host_is_local()) /* none was made */
		return json_object();
	AUTO_CLOSE int pool = open_pool(call, pool_name, folder, &path, err);
	if (pool < 0)
		return NULL;
	AUTO_CLOSE int outer = open_directory(pool, folder);
	if (outer >= 0)
		seal(outer, false, DEPTH_MOST);
	if (remove_tree(pool, folder) != 0) {
		error_errno(err, "cannot remove the folder %s in %s", folder, path);
		return NULL;
	}
	return json_object();
}

const struct host_verb host_folder_verbs[] = {
	{ "folder-fill", run_fill },
	{ "folder-remove", run_remove },
	{ NULL, NULL },
};
