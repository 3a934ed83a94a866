/*
 * Walking the spool; see spool_scan.h.
 *
 * Every open goes through openat2(RESOLVE_BENEATH) from the spool's descriptor: a link may lead anywhere inside the spool
 * (also through the hidden "..data" of a ConfigMap volume or a git-sync checkout), never out of it.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/spool_scan.h"
#include "src/base/clock.h"
#include "src/document/document.h"

enum { MARKER_MOST = 256 };

/* A walk under way. */
struct walk {
	int root;              /* descriptor of the spool */
	uid_t owner;           /* of the spool: he decides what is in it */
	GHashTable *known;     /* path -> stamp */
	GHashTable *complete;  /* paths, or NULL */
	int64_t young;         /* ms */
	GHashTable *visited;   /* "device:inode" of folders: links may make circles */
	struct spool_scan *scan;
};

static void walk_folder(struct walk *walk, const char *path, unsigned depth);

/* --- names ------------------------------------------------------------------------------------------------------ */

static const char *const suffixes[] = { ".yaml", ".yml", ".json" };

/* Hidden files and what editors leave behind. */
static bool
is_hidden(const char *name)
{
	return name[0] == '.' || name[0] == '#' || g_str_has_suffix(name, "~");
}

bool
spool_name_is_wanted(const char *name)
{
	if (is_hidden(name))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (g_str_has_suffix(name, suffixes[i]))
			return true;
	return false;
}

/* A path that can be told to people, written to a record and be the name of a status file. */
static bool
is_tellable(const char *name)
{
	if (!g_utf8_validate(name, -1, NULL))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static int
open_beneath(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	/* A container's filter may not know the call: then without any links. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return (int)fd;
}

static struct spool_stamp
stamp_of(const struct stat *st)
{
	return (struct spool_stamp) { st->st_dev, st->st_ino, st->st_size,
		(int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		(int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec };
}

static bool
is_same_stamp(const struct spool_stamp *a, const struct spool_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
	    a->ctime == b->ctime;
}

/* --- one file --------------------------------------------------------------------------------------------------- */

static void
refuse(struct spool_entry *entry, const char *why)
{
	entry->state = SPOOL_REFUSED;
	g_free(entry->error);
	entry->error = g_strdup(why);
}

static void
refuse_errno(struct spool_entry *entry, int number)
{
	g_autofree char *text = g_strdup_printf("cannot be read: %s", g_strerror(number));

	if (number == EXDEV || number == ELOOP)
		refuse(entry, "its link leads out of the spool, or nowhere");
	else
		refuse(entry, text);
}

/* Whoever may write the file decides what runs here. */
static const char *
reason_to_refuse(const struct walk *walk, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != walk->owner)
		return "belongs to neither root, nor the daemon's user, nor the owner of the spool";
	if ((st->st_mode & S_IWOTH) != 0)
		return "may be written by everybody: take that right away (chmod o-w)";
	if (st->st_size > DOCUMENT_BYTES)
		return "is larger than 1 MiB";
	return NULL;
}

static int
read_all(int fd, struct spool_entry *entry)
{
	size_t room = (size_t)entry->stamp.size + 1;
	g_autofree char *text = g_malloc(room + 1);
	size_t length = 0;
	ssize_t n;

	/* One byte more than was promised: a file that grows shows. */
	while (length < room && (n = read(fd, text + length, room - length)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		length += (size_t)n;
	}
	text[length] = '\0';
	entry->text = g_steal_pointer(&text);
	entry->length = length;
	return 0;
}

/* The kernel's timestamps have steps: a write in the same step as our look would never show in the stamp. */
static bool
is_younger(const struct spool_stamp *stamp, int64_t ms)
{
	int64_t age = clock_wall_ms() - stamp->ctime / 1000000;

	return age >= 0 && age < ms;
}

static bool
is_complete(const struct walk *walk, const char *path)
{
	return walk->complete != NULL && g_hash_table_contains(walk->complete, path);
}

static void
take_file(struct walk *walk, int fd, struct spool_entry *entry)
{
	const struct spool_stamp *known = g_hash_table_lookup(walk->known, entry->path);
	struct stat before, after;

	if (fstat(fd, &before) < 0) {
		refuse_errno(entry, errno);
		return;
	}
	entry->stamp = stamp_of(&before);
	const char *reason = reason_to_refuse(walk, &before);
	if (reason != NULL) {
		refuse(entry, reason);
		return;
	}
	entry->state = SPOOL_SAME;
	if (known != NULL && is_same_stamp(known, &entry->stamp))
		return;
	entry->state = SPOOL_MOVING;
	if (is_younger(&entry->stamp, walk->young) && !is_complete(walk, entry->path))
		return;
	if (read_all(fd, entry) < 0 || fstat(fd, &after) < 0) {
		refuse_errno(entry, errno);
		return;
	}
	struct spool_stamp stamp = stamp_of(&after);
	if (is_same_stamp(&stamp, &entry->stamp) && entry->length == (size_t)stamp.size)
		entry->state = SPOOL_READ;
	if (is_younger(&stamp, SPOOL_FRESH_MS))
		entry->stamp = (struct spool_stamp) { 0 };
}

static void
add_file(struct walk *walk, const char *path)
{
	struct spool_entry *entry = g_new0(struct spool_entry, 1);
	int fd = open_beneath(walk->root, path, O_NOCTTY);

	entry->path = is_tellable(path) ? g_strdup(path) : g_strescape(path, NULL);
	if (fd < 0)
		refuse_errno(entry, errno);
	else if (!is_tellable(path))
		refuse(entry, "its name has a control character or is not UTF-8");
	else
		take_file(walk, fd, entry);
	if (fd >= 0)
		close(fd);
	g_ptr_array_add(walk->scan->entries, entry);
}

/* A regular file as it was: it need not be opened, which is most of a look where nothing changed. */
static bool
add_known(struct walk *walk, const char *path, const struct stat *st)
{
	const struct spool_stamp *known = g_hash_table_lookup(walk->known, path), stamp = stamp_of(st);

	if (known == NULL || !is_same_stamp(known, &stamp) || reason_to_refuse(walk, st) != NULL)
		return false;
	struct spool_entry *entry = g_new0(struct spool_entry, 1);
	*entry = (struct spool_entry) { .path = g_strdup(path), .state = SPOOL_SAME, .stamp = stamp };
	g_ptr_array_add(walk->scan->entries, entry);
	return true;
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

static void
incomplete(struct walk *walk, char *why)
{
	if (walk->scan->incomplete == NULL)
		walk->scan->incomplete = why;
	else
		g_free(why);
}

static bool
is_first_visit(struct walk *walk, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return g_hash_table_add(walk->visited,
	    g_strdup_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino));
}

static gint
compare_names(gconstpointer left, gconstpointer right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names in a folder in a fixed order; fd is taken over.  NULL when reading failed. */
static GPtrArray *
read_names(int fd)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	DIR *dir = fdopendir(fd);
	struct dirent *item;

	if (dir == NULL) {
		close(fd);
		return NULL;
	}
	for (errno = 0; (item = readdir(dir)) != NULL && names->len <= 2 * SPOOL_FILES; errno = 0)
		if (!is_hidden(item->d_name))
			g_ptr_array_add(names, g_strdup(item->d_name));
	int failed = item == NULL ? errno : 0;
	closedir(dir);
	if (failed != 0)
		return NULL;
	g_ptr_array_sort(names, compare_names);
	return g_steal_pointer(&names);
}

/* st: of the name itself, not of what a link leads to. */
static bool
is_folder(struct walk *walk, const char *path, const struct stat *st)
{
	if (!S_ISLNK(st->st_mode))
		return S_ISDIR(st->st_mode);
	int fd = open_beneath(walk->root, path, O_DIRECTORY);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void
take_name(struct walk *walk, const char *folder, const char *name, unsigned depth)
{
	g_autofree char *path = folder[0] == '\0' ? g_strdup(name) : g_strconcat(folder, "/", name, NULL);

	struct stat st;

	if (fstatat(walk->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		memset(&st, 0, sizeof(st)); /* told by the attempt to open it */
	if (is_folder(walk, path, &st)) {
		walk_folder(walk, path, depth + 1);
	} else if (spool_name_is_wanted(name)) {
		if (walk->scan->entries->len >= SPOOL_FILES)
			incomplete(walk, g_strdup_printf("the spool holds more than %d files", SPOOL_FILES));
		else if (!add_known(walk, path, &st))
			add_file(walk, path);
	}
}

static void
walk_folder(struct walk *walk, const char *path, unsigned depth)
{
	const char *shown = path[0] == '\0' ? "." : path;

	if (depth > SPOOL_DEPTH || walk->scan->folders->len >= SPOOL_FOLDERS) {
		incomplete(walk, g_strdup_printf("%s is not looked at: the spool has too many folders, or too deep ones", shown));
		return;
	}
	int fd = open_beneath(walk->root, shown, O_DIRECTORY);
	if (fd < 0) {
		incomplete(walk, g_strdup_printf("%s cannot be read: %s", shown, g_strerror(errno)));
		return;
	}
	if (!is_first_visit(walk, fd)) {
		close(fd);
		return;
	}
	g_ptr_array_add(walk->scan->folders, g_strdup(path));
	g_autoptr(GPtrArray) names = read_names(fd);
	if (names == NULL)
		incomplete(walk, g_strdup_printf("%s cannot be read: %s", shown, g_strerror(errno)));
	for (guint i = 0; names != NULL && i < names->len; i++)
		take_name(walk, path, names->pdata[i], depth);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static void
entry_free(gpointer data)
{
	struct spool_entry *entry = data;

	g_free(entry->path);
	g_free(entry->text);
	g_free(entry->error);
	g_free(entry);
}

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
	const struct spool_entry *a = *(const struct spool_entry *const *)left, *b = *(const struct spool_entry *const *)right;

	return strcmp(a->path, b->path);
}

/* One that cannot be read is there all the same. */
static char *
read_marker(int root)
{
	struct stat st;
	char text[MARKER_MOST] = "";
	int fd;

	if (fstatat(root, SPOOL_MARKER, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	fd = openat(root, SPOOL_MARKER, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	return g_utf8_make_valid(g_strchomp(text), -1);
}

static void
look_at_root(struct walk *walk)
{
	struct spool_scan *scan = walk->scan;
	struct stat st;

	if (fstat(walk->root, &st) < 0) {
		incomplete(walk, g_strdup_printf("the spool cannot be read: %s", g_strerror(errno)));
		return;
	}
	scan->device = st.st_dev;
	scan->inode = st.st_ino;
	walk->owner = st.st_uid;
	scan->marker = read_marker(walk->root);
	walk_folder(walk, "", 0);
	g_ptr_array_sort(scan->entries, compare_entries);
}

struct spool_scan *
spool_scan_new(const char *directory, GHashTable *known, GHashTable *complete, int64_t young)
{
	struct walk walk = { .known = known, .complete = complete, .young = young, .scan = g_new0(struct spool_scan, 1) };

	walk.scan->entries = g_ptr_array_new_with_free_func(entry_free);
	walk.scan->folders = g_ptr_array_new_with_free_func(g_free);
	walk.root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (walk.root < 0) {
		walk.scan->missing = errno == ENOENT || errno == ENOTDIR;
		incomplete(&walk, g_strdup_printf("the spool %s cannot be opened: %s", directory, g_strerror(errno)));
		return walk.scan;
	}
	walk.visited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	look_at_root(&walk);
	g_hash_table_destroy(walk.visited);
	close(walk.root);
	return walk.scan;
}

void
spool_scan_free(struct spool_scan *scan)
{
	if (scan == NULL)
		return;
	g_ptr_array_unref(scan->entries);
	g_ptr_array_unref(scan->folders);
	g_free(scan->incomplete);
	g_free(scan->marker);
	g_free(scan);
}

void
spool_scan_mark(const char *directory)
{
	g_autofree char *uuid = g_uuid_string_random();
	g_autofree char *text = g_strdup_printf("solovirtd made this file: while it is here, the spool is known to be mounted.\n%s\n", uuid);
	g_autofree char *path = g_build_filename(directory, SPOOL_MARKER, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		unlink(path);
	close(fd);
}
