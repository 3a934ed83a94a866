/*
 * Clones and snapshots in a directory pool, and what keeps a volume there.
 *
 *   VOLUME             a volume
 *   VOLUME@SNAPSHOT    what it held at a time: a file of its own, made by reflink where the file system can, else a sparse copy
 *   .NAME.part         a copy that is being made; it has its name when it is complete (of a libvirt elsewhere: host_copy.c)
 *
 * Whoever fills a .part has it locked (flock); the kernel unlocks it with the end of the process, so that anyone sees what
 * a kill left.  Clones of what is protected are no copies: a qcow2 that lies over it.  Libvirts elsewhere copy by themselves (host_copy.c).
 * What a volume is, raw or a qcow2 of ours, the caller says: what is in a raw one is its guest's to write.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/service.h"
#include "src/virt/host.h"

enum {
	COPY_STEP = 64 << 20,
	/* Where QEMU locks what it has open.  Source: QEMU block/file-posix.c, RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE. */
	QEMU_LOCKS = 100,
	QEMU_LOCKS_LENGTH = 200,
};

#define PART ".part"

/* What volume-clone is asked for. */
struct wish {
	const char *pool, *volume, *from, *snapshot; /* snapshot may be NULL */
	const char *from_format;                     /* what the source is: what is in it does not tell */
	json_int_t capacity;
	int protected;
};

/* --- use ---------------------------------------------------------------------------------------------------------------- */

/* The locks are the file's: of a file with more names they do not tell whether it was opened by this one (*names). */
static bool
is_open(const char *path, nlink_t *names)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_LOCKS, .l_len = QEMU_LOCKS_LENGTH };
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool held = fd >= 0 && fstat(fd, &st) == 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

	if (held)
		*names = st.st_nlink;
	if (fd >= 0)
		close(fd);
	return held;
}

/* The name of the domain that has the file as a disk, or NULL.  g_free(). */
static char *
user_of(virConnectPtr connection, const char *path)
{
	virDomainPtr *domains = NULL;
	int count = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	char *name = NULL;

	for (int i = 0; i < count; i++) {
		virDomainBlockInfo info;
		if (name == NULL && virDomainGetBlockInfo(domains[i], path, &info, 0) == 0)
			name = g_strdup(virDomainGetName(domains[i]));
		virDomainFree(domains[i]);
	}
	free(domains);
	return name;
}

/* Who has it open, in words, or NULL; nobody can tell of another machine.  g_free(). */
static char *
volume_user(virStorageVolPtr volume)
{
	g_autofree char *path = host_is_local() ? virStorageVolGetPath(volume) : NULL;
	nlink_t names;
	char *name;

	if (path == NULL || !is_open(path, &names))
		return NULL;
	name = user_of(virStorageVolGetConnect(volume), path);
	return name != NULL || names > 1 ? name : g_strdup("a QEMU process");
}

int
host_volume_check_unused(virStorageVolPtr volume, struct error *err)
{
	g_autofree char *user = volume_user(volume);

	return user == NULL ? 0 :
	    error_set(err, EBUSY, "volume %s is open: by %s, which must end first", virStorageVolGetName(volume), user);
}

/* --- what a volume has around it -------------------------------------------------------------------------------------------- */

/* Calls look for each volume of the pool until it returns other than 0, and returns that. */
static int
each_volume(virStoragePoolPtr pool, int (*look)(virStorageVolPtr volume, void *arg, struct error *err), void *arg, struct error *err)
{
	virStorageVolPtr *all = NULL;
	int count = virStoragePoolListAllVolumes(pool, &all, 0), rc = 0;

	if (count < 0)
		return host_error(err, "cannot list the volumes of pool %s", virStoragePoolGetName(pool));
	for (int i = 0; i < count; i++) {
		if (rc == 0)
			rc = look(all[i], arg, err);
		virStorageVolFree(all[i]);
	}
	free(all);
	return rc;
}

char *
host_snapshot_file(const char *volume, const char *snapshot)
{
	return g_strconcat(volume, "@", snapshot, NULL);
}

/* SNAPSHOT of volume_verbs.h. */
static json_t *
describe_snapshot(virStorageVolPtr file, const char *format, struct error *err)
{
	char *text = virStorageVolGetXMLDesc(file, 0);
	const char *at = strchr(virStorageVolGetName(file), '@'), *size = strcmp(format, "raw") == 0 ? "/volume/physical" : "/volume/capacity";

	if (text == NULL) {
		host_error(err, "cannot read snapshot %s", virStorageVolGetName(file));
		return NULL;
	}
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return NULL;
	return json_pack("{s:s,s:I,s:I}", "snapshot", at != NULL ? at + 1 : "", "capacity", (json_int_t)host_xml_number(doc, size),
	    "created", (json_int_t)host_xml_number(doc, "/volume/target/timestamps/mtime"));
}

struct around {
	const char *prefix; /* "VOLUME@" */
	const char *path;
	const char *format; /* of it and its snapshots */
	json_t *snapshots;  /* array */
	char *above;        /* name of one that lies over it */
};

static int
look_around(virStorageVolPtr volume, void *arg, struct error *err)
{
	struct around *around = arg;
	const char *name = virStorageVolGetName(volume);
	struct error gone = { 0 };
	json_t *described;

	(void)err;
	if (g_str_has_prefix(name, around->prefix)) {
		described = describe_snapshot(volume, around->format, &gone);
		if (described != NULL)
			json_array_append_new(around->snapshots, described);
		return 0;
	}
	described = host_volume_describe(volume, NULL, &gone); /* errs on the side of keeping: nobody says what each of them is */
	if (around->above == NULL && g_strcmp0(json_string_value(json_object_get(described, "parent")), around->path) == 0)
		around->above = g_strdup(name);
	json_decref(described);
	return 0;
}

static int
find_around(virStoragePoolPtr pool, virStorageVolPtr volume, const char *format, struct around *around, struct error *err)
{
	g_autofree char *prefix = g_strconcat(virStorageVolGetName(volume), "@", NULL);
	g_autofree char *path = virStorageVolGetPath(volume);
	int rc;

	*around = (struct around){ .prefix = prefix, .path = path, .format = format, .snapshots = json_array() };
	rc = each_volume(pool, look_around, around, err);
	around->prefix = around->path = around->format = NULL;
	return rc;
}

static void
around_clear(struct around *around)
{
	json_decref(around->snapshots);
	g_free(around->above);
}
#define AROUND_AUTO __attribute__((cleanup(around_clear))) struct around

/* --- files ------------------------------------------------------------------------------------------------------------------ */

static char *
part_path(const char *directory, const char *name)
{
	return g_strdup_printf("%s/.%s" PART, directory, name);
}

/* Removes a file of which a kill left a part; false: somebody fills it now. */
static bool
part_remove(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool free_now;

	if (fd < 0)
		return true;
	free_now = flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (free_now)
		unlink(path);
	close(fd);
	return free_now;
}

/* A new, locked file of that name; -1 with EBUSY when another one is being filled. */
static int
part_open(const char *path, struct error *err)
{
	int fd;

	if (!part_remove(path))
		return error_set(err, EBUSY, "%s is being filled by another call", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	error_errno(err, "cannot make %s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Where data begins at or after offset, and ends; 1, 0 when there is no more, -1. */
static int
next_data(int fd, off_t offset, off_t *begin, off_t *end)
{
	*begin = lseek(fd, offset, SEEK_DATA);
	if (*begin < 0)
		return errno == ENXIO ? 0 : -1;
	*end = lseek(fd, *begin, SEEK_HOLE);
	return *end < 0 ? -1 : 1;
}

static int
copy_range(int from, int to, off_t begin, off_t end)
{
	while (begin < end) {
		off_t in = begin, out = begin;
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)MIN(end - begin, COPY_STEP), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		begin += n;
	}
	return 0;
}

/* By reference where the file system can, else all but the holes. */
static int
copy_file(struct host_call *call, const char *name, int from, int to, struct error *err)
{
	struct stat st;
	off_t begin, end = 0;
	int more = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return error_errno(err, "cannot copy a volume");
	while ((more = next_data(from, end, &begin, &end)) > 0) {
		for (off_t at = begin; at < end; at += COPY_STEP) {
			if (copy_range(from, to, at, MIN(at + COPY_STEP, end)) < 0)
				return error_errno(err, "cannot copy a volume");
			service_progress(call->request, name, at, st.st_size);
		}
	}
	return more < 0 ? error_errno(err, "cannot copy a volume") : 0;
}

/* Makes the file NAME of the pool a copy of a volume: all of it or nothing. */
static int
copy_volume(struct host_call *call, const char *directory, virStorageVolPtr source, const char *name, struct error *err)
{
	g_autofree char *path = virStorageVolGetPath(source), *part = part_path(directory, name);
	g_autofree char *target = g_build_filename(directory, name, NULL);
	int from = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1, to, rc;

	if (from < 0)
		return error_errno(err, "cannot read volume %s", virStorageVolGetName(source));
	to = part_open(part, err);
	rc = to < 0 || copy_file(call, name, from, to, err) < 0 ? -1 : 0;
	/* Who began to write in the meantime has spoilt it. */
	if (rc == 0)
		rc = host_volume_check_unused(source, err);
	if (rc == 0 && (fsync(to) < 0 || rename(part, target) < 0))
		rc = error_errno(err, "cannot make %s", target);
	if (rc < 0 && to >= 0)
		unlink(part);
	if (to >= 0)
		close(to);
	close(from);
	return rc;
}

/* A file of that name, as the source is now. */
static virStorageVolPtr
make_copy(struct host_call *call, virStoragePoolPtr pool, virStorageVolPtr source, const char *format, const char *name, struct error *err)
{
	g_autofree char *directory = host_pool_directory(pool);

	if (host_volume_check_unused(source, err) < 0 ||
	    (directory != NULL ? copy_volume(call, directory, source, name, err) < 0 || host_pool_refresh(pool, err) < 0
	                       : host_copy_there(call, pool, source, format, name, err) < 0))
		return NULL;
	return host_volume_find(pool, name, err);
}

/* --- clones ------------------------------------------------------------------------------------------------------------------- */

static int
wish_read(struct host_call *call, struct wish *wish, struct error *err)
{
	wish->from_format = "raw";
	if (host_args(call, err, "{s:s,s:s,s:s,s?:s,s?:s,s:I,s?:b}", "pool", &wish->pool, "volume", &wish->volume, "from", &wish->from, "snapshot",
	        &wish->snapshot, "fromFormat", &wish->from_format, "capacity", &wish->capacity, "protected", &wish->protected) < 0 ||
	    host_volume_check_name(wish->volume, err) < 0 || host_volume_check_name(wish->from, err) < 0 ||
	    host_volume_check_format(wish->from, wish->from_format, err) < 0 ||
	    (wish->snapshot != NULL && host_volume_check_name(wish->snapshot, err) < 0))
		return -1;
	if (wish->capacity <= 0)
		return error_set(err, EINVAL, "volume %s must have a size", wish->volume);
	if (strcmp(wish->volume, wish->from) == 0)
		return error_set(err, EINVAL, "volume %s cannot be its own source", wish->volume);
	return 0;
}

/* A qcow2 that lies over what is never written to again. */
static virStorageVolPtr
make_overlay(virStoragePoolPtr pool, const json_t *base, const struct wish *wish, struct error *err)
{
	g_autofree char *xml = g_markup_printf_escaped("<volume><name>%s</name><capacity unit='bytes'>%" PRId64 "</capacity>"
	    "<backingStore><path>%s</path><format type='%s'/></backingStore><target><format type='qcow2'/><permissions><mode>0600</mode>"
	    "</permissions><compat>1.1</compat></target></volume>", wish->volume, (int64_t)wish->capacity,
	    json_string_value(json_object_get(base, "path")), json_string_value(json_object_get(base, "format")));
	virStorageVolPtr volume = virStorageVolCreateXML(pool, xml, 0);

	if (volume == NULL)
		host_error(err, "cannot make volume %s", wish->volume);
	return volume;
}

/* What is protected is read as it is now: that is what its snapshot holds, too, which may then go before its clones. */
static virStorageVolPtr
make_clone(struct host_call *call, virStoragePoolPtr pool, const struct wish *wish, struct error *err)
{
	g_autofree char *file = wish->snapshot != NULL ? host_snapshot_file(wish->from, wish->snapshot) : g_strdup(wish->from);
	g_autoptr(virStorageVol) source = host_volume_find(pool, file, err);
	g_autoptr(virStorageVol) base = source == NULL ? NULL : host_volume_find(pool, wish->protected ? wish->from : file, err);
	json_t *there = base == NULL ? NULL : host_volume_describe(base, wish->from_format, err);
	json_int_t size = json_integer_value(json_object_get(there, "capacity"));
	virStorageVolPtr volume = NULL;

	if (there != NULL && wish->capacity < size)
		error_set(err, EINVAL, "%" PRId64 " bytes are too few for a clone of volume %s, which has %" PRId64, (int64_t)wish->capacity, file,
		    (int64_t)size);
	else if (there != NULL)
		volume = wish->protected ? make_overlay(pool, there, wish, err) : make_copy(call, pool, base, wish->from_format, wish->volume, err);
	json_decref(there);
	return volume;
}

/* A kill may have come between its making and its growing. */
static json_t *
grow(virStorageVolPtr volume, const struct wish *wish, struct error *err)
{
	const char *format = wish->protected ? "qcow2" : wish->from_format;
	json_t *there = host_volume_describe(volume, format, err);
	bool small = json_integer_value(json_object_get(there, "capacity")) < wish->capacity;

	if (there == NULL || !small)
		return there;
	json_decref(there);
	return host_volume_set_capacity(volume, format, (uint64_t)wish->capacity, err) < 0 ? NULL : host_volume_describe(volume, format, err);
}

static json_t *
run_clone(struct host_call *call, struct error *err)
{
	struct wish wish = { 0 };
	struct error none = { 0 };

	if (wish_read(call, &wish, err) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, wish.pool, err);
	if (pool == NULL || host_copy_settle(pool, wish.volume, err) < 0)
		return NULL;
	g_autoptr(virStorageVol) volume = host_volume_find(pool, wish.volume, &none);
	if (volume == NULL && none.code != ENOENT) {
		*err = none;
		return NULL;
	}
	if (volume == NULL)
		volume = make_clone(call, pool, &wish, err);
	return volume == NULL ? NULL : grow(volume, &wish, err);
}

/* libvirt writes the whole of it into a new file, which then takes its place. */
static int
flatten(virStoragePoolPtr pool, virStorageVolPtr volume, const char *directory, struct error *err)
{
	const char *name = virStorageVolGetName(volume);
	g_autofree char *part = g_strdup_printf(".%s" PART, name), *path = virStorageVolGetPath(volume);
	g_autofree char *part_at = g_build_filename(directory, part, NULL);

	if (host_volume_check_unused(volume, err) < 0)
		return -1;
	if (!part_remove(part_at))
		return error_set(err, EBUSY, "volume %s is being made independent already", name);
	if (host_pool_refresh(pool, err) < 0 || host_copy_by_libvirt(pool, volume, "qcow2", part, err) < 0)
		return -1;
	if (host_volume_check_unused(volume, err) < 0)
		return -1;
	if (path == NULL || rename(part_at, path) < 0)
		return error_errno(err, "cannot replace volume %s", name);
	return host_pool_refresh(pool, err);
}

static json_t *
run_flatten(struct host_call *call, struct error *err)
{
	const char *pool_name, *name, *format = "raw";
	json_t *there;
	bool independent;

	if (host_args(call, err, "{s:s,s:s,s?:s}", "pool", &pool_name, "volume", &name, "format", &format) < 0 || host_volume_check_name(name, err) < 0 ||
	    host_volume_check_format(name, format, err) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, pool_name, err);
	if (pool == NULL)
		return NULL;
	g_autoptr(virStorageVol) volume = host_volume_find(pool, name, err);
	there = volume == NULL ? NULL : host_volume_describe(volume, format, err);
	independent = json_object_get(there, "parent") == NULL;
	if (there == NULL || independent)
		return there;
	json_decref(there);
	g_autofree char *directory = host_pool_directory(pool);
	if (directory == NULL) {
		error_set(err, EOPNOTSUPP, "volume %s lies on another machine, where it cannot be made independent of %s", name, "its source");
		return NULL;
	}
	if (flatten(pool, volume, directory, err) < 0)
		return NULL;
	g_autoptr(virStorageVol) made = host_volume_find(pool, name, err);
	return made == NULL ? NULL : host_volume_describe(made, format, err);
}

/* --- snapshots ------------------------------------------------------------------------------------------------------------------ */

static virStoragePoolPtr
snapshot_args(struct host_call *call, const char **volume, const char **snapshot, const char **format, struct error *err)
{
	const char *pool;

	*format = "raw";
	if (host_args(call, err, "{s:s,s:s,s:s,s?:s}", "pool", &pool, "volume", volume, "snapshot", snapshot, "format", format) < 0 ||
	    host_volume_check_name(*volume, err) < 0 || host_volume_check_format(*volume, *format, err) < 0 || host_volume_check_name(*snapshot, err) < 0)
		return NULL;
	return host_pool_get(call->connection, pool, err);
}

static json_t *
run_snapshot_create(struct host_call *call, struct error *err)
{
	const char *name, *snapshot, *format;
	g_autoptr(virStoragePool) pool = snapshot_args(call, &name, &snapshot, &format, err);
	struct error none = { 0 };

	if (pool == NULL)
		return NULL;
	g_autofree char *file = host_snapshot_file(name, snapshot);
	if (host_copy_settle(pool, file, err) < 0)
		return NULL;
	g_autoptr(virStorageVol) made = host_volume_find(pool, file, &none);
	if (made == NULL) {
		g_autoptr(virStorageVol) volume = host_volume_find(pool, name, err);
		made = volume == NULL ? NULL : make_copy(call, pool, volume, format, file, err);
	}
	return made == NULL ? NULL : describe_snapshot(made, format, err);
}

static json_t *
run_snapshot_delete(struct host_call *call, struct error *err)
{
	const char *name, *snapshot, *format;
	g_autoptr(virStoragePool) pool = snapshot_args(call, &name, &snapshot, &format, err);

	if (pool == NULL)
		return NULL;
	g_autofree char *file = host_snapshot_file(name, snapshot);
	return host_copy_settle(pool, file, err) < 0 || host_volume_remove(pool, file, err) < 0 ? NULL : json_object();
}

/* --- telling, going ---------------------------------------------------------------------------------------------------------------- */

int
host_volume_check_unneeded(virStoragePoolPtr pool, const char *name, struct error *err)
{
	AROUND_AUTO around = { 0 };
	struct error none = { 0 };
	g_autofree char *directory = host_pool_directory(pool);
	g_autofree char *part = directory != NULL ? part_path(directory, name) : NULL;
	g_autoptr(virStorageVol) volume = NULL;

	if (part != NULL && !part_remove(part))
		return error_set(err, EBUSY, "volume %s is being made: wait for the end of that", name);
	if (host_copy_settle(pool, name, err) < 0)
		return -1;
	volume = host_volume_find(pool, name, &none);
	if (volume == NULL)
		return 0; /* whatever it is, removing it tells */
	if (host_volume_check_unused(volume, err) < 0 || find_around(pool, volume, "raw", &around, err) < 0)
		return -1;
	if (json_array_size(around.snapshots) > 0)
		return error_set(err, ENOTEMPTY, "volume %s has %zu snapshots, such as %s: delete them first", name, json_array_size(around.snapshots),
		    json_string_value(json_object_get(json_array_get(around.snapshots, 0), "snapshot")));
	return around.above == NULL ? 0 :
	    error_set(err, ENOTEMPTY, "volume %s is needed by volume %s, which lies over it: delete that first", name, around.above);
}

static json_t *
run_info(struct host_call *call, struct error *err)
{
	AROUND_AUTO around = { 0 };
	const char *pool_name, *name, *format = "raw";
	json_t *info;
	int brief = 0;

	if (host_args(call, err, "{s:s,s:s,s?:s,s?:b}", "pool", &pool_name, "volume", &name, "format", &format, "brief", &brief) < 0 ||
	    host_volume_check_name(name, err) < 0 || host_volume_check_format(name, format, err) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, pool_name, err);
	if (pool == NULL || (!brief && host_pool_refresh(pool, err) < 0)) /* a QEMU may have written */
		return NULL;
	g_autoptr(virStorageVol) volume = host_volume_find(pool, name, err);
	if (volume != NULL && brief)
		return host_volume_describe(volume, format, err);
	if (volume == NULL || find_around(pool, volume, format, &around, err) < 0)
		return NULL;
	g_autofree char *user = volume_user(volume);
	info = host_volume_describe(volume, format, err);
	if (info == NULL)
		return NULL;
	json_object_update_new(info, json_pack("{s:O,s:i,s:[]}", "snapshots", around.snapshots, "depth",
	    json_object_get(info, "parent") != NULL, "inUse")); /* a clone of a clone is a copy, and what is protected is raw */
	if (user != NULL)
		json_array_append_new(json_object_get(info, "inUse"), json_string(user));
	return info;
}

static json_t *
run_sweep(struct host_call *call, struct error *err)
{
	const char *pool_name, *name;
	int left = 0;

	if (host_args(call, err, "{s:s}", "pool", &pool_name) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, pool_name, err);
	if (pool == NULL)
		return NULL;
	g_autofree char *directory = host_pool_directory(pool);
	g_autoptr(GDir) files = directory != NULL ? g_dir_open(directory, 0, NULL) : NULL;
	while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		if (*name == '.' && g_str_has_suffix(name, PART))
			left += !part_remove(path);
	}
	if (!host_is_local())
		left = host_copy_sweep(pool);
	return json_pack("{s:i}", "left", left);
}

const struct host_verb host_clone_verbs[] = {
	{ "volume-clone", run_clone },
	{ "volume-flatten", run_flatten },
	{ "volume-info", run_info },
	{ "volume-sweep", run_sweep },
	{ "snapshot-create", run_snapshot_create },
	{ "snapshot-delete", run_snapshot_delete },
	{ NULL, NULL },
};
