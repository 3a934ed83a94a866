/* Volumes in a libvirt directory pool. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/nbd_server.h"
#include "src/virt/host.h"

enum { REFRESH_TRIES = 50, REFRESH_PAUSE = 100000 /* us */ };

/* What volume-create is asked for. */
struct wish {
	const char *pool, *volume, *format;
	const char *backing; /* what it lies over, and as large as which it is; or NULL */
	const char *backing_format;
	json_int_t capacity;
	int preallocate;
};

/* --- pools -------------------------------------------------------------------------------------------------------- */

/* Starts a pool that stands still: after a reboot autostart may have met a directory that was not mounted yet. */
static int
pool_activate(virStoragePoolPtr pool, struct error *err)
{
	if (virStoragePoolIsActive(pool) == 1 || virStoragePoolCreate(pool, 0) == 0)
		return 0;
	host_error(err, "cannot start storage pool %s", virStoragePoolGetName(pool));
	return virStoragePoolIsActive(pool) == 1 ? 0 : -1; /* another lane may have been faster */
}

/* Looks at the directory anew.  libvirt refuses while it makes or fills a volume of the pool, which passes. */
int
host_pool_refresh(virStoragePoolPtr pool, struct error *err)
{
	for (int i = 0; i < REFRESH_TRIES; i++) {
		if (virStoragePoolRefresh(pool, 0) == 0)
			return 0;
		if (virGetLastErrorCode() != VIR_ERR_INTERNAL_ERROR)
			break;
		g_usleep(REFRESH_PAUSE);
	}
	return host_error(err, "cannot read storage pool %s", virStoragePoolGetName(pool));
}

virStoragePoolPtr
host_pool_get(virConnectPtr connection, const char *name, struct error *err)
{
	g_autoptr(virStoragePool) pool = virStoragePoolLookupByName(connection, name);

	if (pool == NULL) {
		host_error(err, "cannot find storage pool %s", name);
		return NULL;
	}
	return pool_activate(pool, err) < 0 ? NULL : g_steal_pointer(&pool);
}

char *
host_pool_directory(virStoragePoolPtr pool)
{
	char *text = host_is_local() ? virStoragePoolGetXMLDesc(pool, 0) : NULL;
	struct error ignored = { 0 };
	g_autoptr(xmlDoc) doc = text != NULL ? host_xml_take(text, &ignored) : NULL;

	return doc != NULL ? host_xml_text(doc, "/pool/target/path") : NULL;
}

static virStoragePoolPtr
pool_define(virConnectPtr connection, const char *name, const char *path, struct error *err)
{
	g_autofree char *uuid = host_uuid("pool", name);
	g_autofree char *xml = g_markup_printf_escaped(
	    "<pool type='dir'><name>%s</name><uuid>%s</uuid><target><path>%s</path>"
	    "<permissions><mode>0711</mode></permissions></target></pool>", name, uuid, path);
	virStoragePoolPtr pool = virStoragePoolDefineXML(connection, xml, 0);

	if (pool == NULL)
		host_error(err, "cannot define storage pool %s", name);
	return pool;
}

/* A pool of this name at another place holds other people's volumes. */
static int
pool_check(virStoragePoolPtr pool, const char *path, struct error *err)
{
	char *text = virStoragePoolGetXMLDesc(pool, VIR_STORAGE_XML_INACTIVE);

	if (text == NULL)
		return host_error(err, "cannot read storage pool %s", virStoragePoolGetName(pool));
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return -1;
	g_autofree char *there = host_xml_text(doc, "/pool[@type='dir']/target/path");
	if (g_strcmp0(there, path) != 0)
		return error_set(err, EEXIST, "storage pool %s is already there, at %s instead of %s",
		    virStoragePoolGetName(pool), there != NULL ? there : "no directory", path);
	return 0;
}

static json_t *
run_pool_ensure(struct host_call *call, struct error *err)
{
	g_autoptr(virStoragePool) pool = NULL;
	g_autofree char *mended = NULL;
	const char *name, *path;
	int refresh = 1;

	if (host_args(call, err, "{s:s,s:s,s?:b}", "pool", &name, "path", &path, "refresh", &refresh) < 0)
		return NULL;
	pool = virStoragePoolLookupByName(call->connection, name);
	if (pool == NULL && virGetLastErrorCode() == VIR_ERR_NO_STORAGE_POOL)
		pool = pool_define(call->connection, name, path, err);
	else if (pool == NULL)
		host_error(err, "cannot look for storage pool %s", name);
	if (pool == NULL || pool_check(pool, path, err) < 0)
		return NULL;
	/* Building makes the directory; a running pool has it. */
	if (virStoragePoolIsActive(pool) != 1) {
		if (virStoragePoolBuild(pool, VIR_STORAGE_POOL_BUILD_NEW) < 0) {
			host_error(err, "cannot make the directory of storage pool %s", name);
			return NULL;
		}
		mended = g_strdup_printf("storage pool %s was not active and was started", name);
	}
	if (pool_activate(pool, err) < 0)
		return NULL;
	if (virStoragePoolSetAutostart(pool, 1) < 0) {
		host_error(err, "cannot make storage pool %s start by itself", name);
		return NULL;
	}
	if (refresh && host_pool_refresh(pool, err) < 0)
		return NULL;
	return json_pack("{s:s*}", "mended", mended);
}

/* --- volumes ------------------------------------------------------------------------------------------------------ */

/* Names are files in the pool's directory. */
int
host_volume_check_name(const char *name, struct error *err)
{
	if (*name == '\0' || *name == '.' || strpbrk(name, "/@") != NULL || strlen(name) > 250)
		return error_set(err, EINVAL,
		    "\"%s\" is no name for a volume or a snapshot: a file name without \"/\" and \"@\" and no leading dot", name);
	return 0;
}

/* A look at the file does for the whole directory, where that can be had: a refresh waits until nothing is being made in the pool, so that
 * lanes would make their volumes one after the other. */
static bool
is_absent(virStoragePoolPtr pool, const char *name)
{
	g_autofree char *directory = host_pool_directory(pool);
	g_autofree char *path = directory != NULL ? g_build_filename(directory, name, NULL) : NULL;

	return path != NULL && access(path, F_OK) < 0 && errno == ENOENT;
}

/* NULL with ENOENT when the file is not there even after a fresh look at the directory. */
virStorageVolPtr
host_volume_find(virStoragePoolPtr pool, const char *name, struct error *err)
{
	virStorageVolPtr volume = virStorageVolLookupByName(pool, name);

	if (volume == NULL && virGetLastErrorCode() == VIR_ERR_NO_STORAGE_VOL) {
		if (is_absent(pool, name)) {
			error_set(err, ENOENT, "cannot find volume %s in pool %s: there is no such file", name, virStoragePoolGetName(pool));
			return NULL;
		}
		if (host_pool_refresh(pool, err) < 0)
			return NULL;
		volume = virStorageVolLookupByName(pool, name);
	}
	if (volume == NULL)
		host_error(err, "cannot find volume %s in pool %s", name, virStoragePoolGetName(pool));
	return volume;
}

json_t *
host_volume_describe(virStorageVolPtr volume, const char *format, struct error *err)
{
	const char *name = virStorageVolGetName(volume);
	char *text = virStorageVolGetXMLDesc(volume, 0);
	bool raw = g_strcmp0(format, "raw") == 0;

	if (text == NULL) {
		host_error(err, "cannot read volume %s", name);
		return NULL;
	}
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return NULL;
	g_autofree char *path = host_xml_text(doc, "/volume/target/path"), *seen = host_xml_text(doc, "/volume/target/format/@type");
	g_autofree char *under = raw ? NULL : host_xml_text(doc, "/volume/backingStore/path");
	if (format != NULL && !raw && g_strcmp0(seen, format) != 0) {
		error_set(err, EIO, "volume %s is no %s file any more", name, format);
		return NULL;
	}
	return json_pack("{s:s,s:s,s:I,s:I,s:s,s:s*}", "volume", name, "path", path != NULL ? path : "", "capacity",
	    (json_int_t)host_xml_number(doc, raw ? "/volume/physical" : "/volume/capacity"), "allocation",
	    (json_int_t)host_xml_number(doc, "/volume/allocation"), "format", format != NULL ? format : seen != NULL ? seen : "", "parent", under);
}

int
host_volume_check_format(const char *name, const char *format, struct error *err)
{
	return strcmp(format, "raw") == 0 || strcmp(format, "qcow2") == 0 ? 0 :
	    error_set(err, EINVAL, "volume %s: format \"%s\" is neither raw nor qcow2", name, format);
}

static virStorageVolPtr
volume_make(virStoragePoolPtr pool, const struct wish *wish, struct error *err)
{
	bool qcow2 = strcmp(wish->format, "qcow2") == 0;
	unsigned flags = qcow2 && wish->preallocate ? VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA : 0;
	g_autofree char *under = wish->backing == NULL ? NULL :
	    g_markup_printf_escaped("<backingStore><path>%s</path><format type='%s'/></backingStore>", wish->backing,
	        wish->backing_format == NULL ? "raw" : wish->backing_format);
	g_autofree char *size = wish->backing != NULL ? NULL :
	    g_strdup_printf("<capacity unit='bytes'>%" PRId64 "</capacity><allocation unit='bytes'>%" PRId64 "</allocation>",
	        (int64_t)wish->capacity, wish->preallocate ? (int64_t)wish->capacity : 0);
	g_autofree char *head = g_markup_printf_escaped("<volume><name>%s</name>", wish->volume);
	g_autofree char *target = g_markup_printf_escaped("<target><format type='%s'/><permissions><mode>0600</mode></permissions>"
	    "<compat>1.1</compat></target>", wish->format);
	g_autofree char *xml = g_strconcat(head, under == NULL ? size : under, target, "</volume>", NULL);
	virStorageVolPtr volume = virStorageVolCreateXML(pool, xml, flags);

	if (volume == NULL)
		host_error(err, "cannot create volume %s", wish->volume);
	return volume;
}

/* One that is already there will do when it is what creating would have made, or larger. */
static json_t *
volume_accept(virStorageVolPtr volume, const struct wish *wish, struct error *err)
{
	json_t *there = host_volume_describe(volume, wish->format, err);
	json_int_t capacity = json_integer_value(json_object_get(there, "capacity"));

	if (there == NULL && err->code == EIO)
		error_set(err, EEXIST, "volume %s is already there, and is no %s file", wish->volume, wish->format);
	if (there == NULL || capacity >= wish->capacity)
		return there;
	error_set(err, EEXIST, "volume %s is already there, with %" PRId64 " bytes", wish->volume, (int64_t)capacity);
	json_decref(there);
	return NULL;
}

static int
wish_read(struct host_call *call, struct wish *wish, struct error *err)
{
	if (host_args(call, err, "{s:s,s:s,s?:I,s?:s,s?:b,s?:s,s?:s}", "pool", &wish->pool, "volume", &wish->volume, "capacity",
	        &wish->capacity, "format", &wish->format, "preallocate", &wish->preallocate, "backing", &wish->backing,
	        "backingFormat", &wish->backing_format) < 0 ||
	    host_volume_check_name(wish->volume, err) < 0)
		return -1;
	if (wish->backing != NULL && (strcmp(wish->format, "qcow2") != 0 || wish->capacity != 0 || wish->preallocate))
		return error_set(err, EINVAL, "volume %s lies over another one: it is qcow2 and has that one's size", wish->volume);
	if (wish->backing_format != NULL && host_volume_check_format(wish->volume, wish->backing_format, err) < 0)
		return -1;
	if (wish->capacity <= 0 && wish->backing == NULL)
		return error_set(err, EINVAL, "volume %s must have a size", wish->volume);
	return host_volume_check_format(wish->volume, wish->format, err);
}

/* Before libvirt reserves what there is until nothing is left, for whoever else writes there. */
static int
check_room(virStoragePoolPtr pool, const struct wish *wish, struct error *err)
{
	virStoragePoolInfo info;

	if (!wish->preallocate)
		return 0;
	if (host_pool_refresh(pool, err) < 0)
		return -1;
	if (virStoragePoolGetInfo(pool, &info) < 0)
		return host_error(err, "cannot ask pool %s for its size", wish->pool);
	if ((json_int_t)info.available >= wish->capacity)
		return 0;
	return error_set(err, ENOSPC, "volume %s is to have %" PRId64 " bytes reserved, and pool %s has %llu left", wish->volume, (int64_t)wish->capacity,
	    wish->pool, info.available);
}

static json_t *
run_create(struct host_call *call, struct error *err)
{
	struct wish wish = { .format = "raw" };
	struct error second = { 0 };

	if (wish_read(call, &wish, err) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, wish.pool, err);
	if (pool == NULL)
		return NULL;
	g_autoptr(virStorageVol) there = virStorageVolLookupByName(pool, wish.volume);
	if (there != NULL)
		return volume_accept(there, &wish, err);
	if (check_room(pool, &wish, err) < 0)
		return NULL;
	g_autoptr(virStorageVol) made = volume_make(pool, &wish, err);
	if (made != NULL)
		return host_volume_describe(made, wish.format, err);
	/* Perhaps a file that libvirt had not seen; then its answer counts, else the first one. */
	g_autoptr(virStorageVol) unseen = host_volume_find(pool, wish.volume, &second);
	return unseen == NULL ? NULL : volume_accept(unseen, &wish, err);
}

static json_t *
run_list(struct host_call *call, struct error *err)
{
	virStorageVolPtr *all = NULL;
	const char *name;
	json_t *list;
	int count;

	if (host_args(call, err, "{s:s}", "pool", &name) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, name, err);
	if (pool == NULL)
		return NULL;
	if (host_pool_refresh(pool, err) < 0)
		return NULL;
	count = virStoragePoolListAllVolumes(pool, &all, 0);
	if (count < 0) {
		host_error(err, "cannot list the volumes of pool %s", name);
		return NULL;
	}
	list = json_array();
	for (int i = 0; i < count; i++) {
		struct error gone = { 0 };
		bool hidden = host_volume_check_name(virStorageVolGetName(all[i]), &gone) < 0; /* snapshots, what is half made */
		json_t *volume = hidden ? NULL : host_volume_describe(all[i], NULL, &gone); /* may be deleted meanwhile */

		if (volume != NULL)
			json_array_append_new(list, volume);
		virStorageVolFree(all[i]);
	}
	free(all);
	return json_pack("{s:o}", "volumes", list);
}

/* A file that libvirt takes for a qcow2 is resized by qemu-img, which reads it; the end of a stream that ends with a hole is the file's, whatever is in it
 * (virFDStreamThreadDoWrite() of libvirt's virfdstream.c). */
static int
cut_by_stream(virStorageVolPtr volume, uint64_t capacity)
{
	virStreamPtr stream = virStreamNew(virStorageVolGetConnect(volume), 0);
	int rc;

	if (stream == NULL)
		return -1;
	rc = virStorageVolUpload(volume, stream, capacity - 1, 1, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM);
	if (rc == 0 && virStreamSendHole(stream, 1, 0) < 0) {
		virStreamAbort(stream);
		rc = -1;
	} else if (rc == 0) {
		rc = virStreamFinish(stream);
	}
	virStreamFree(stream);
	return rc;
}

/* The file itself where it is on this machine. */
static int
set_raw_capacity(virStorageVolPtr volume, uint64_t capacity, struct error *err)
{
	const char *name = virStorageVolGetName(volume);
	g_autofree char *path = host_is_local() ? virStorageVolGetPath(volume) : NULL;
	json_t *there;
	bool done;

	if (path != NULL && truncate(path, (off_t)capacity) < 0)
		return error_errno(err, "cannot resize volume %s", name);
	if (path == NULL && cut_by_stream(volume, capacity) < 0)
		return host_error(err, "cannot resize volume %s", name);
	there = host_volume_describe(volume, "raw", err);
	if (there == NULL)
		return -1;
	done = (uint64_t)json_integer_value(json_object_get(there, "capacity")) == capacity;
	json_decref(there);
	return done ? 0 : error_set(err, EIO, "cannot resize volume %s: its file does not get another size", name);
}

int
host_volume_set_capacity(virStorageVolPtr volume, const char *format, uint64_t capacity, struct error *err)
{
	if (strcmp(format, "raw") == 0)
		return set_raw_capacity(volume, capacity, err);
	return virStorageVolResize(volume, capacity, 0) == 0 ? 0 : host_error(err, "cannot resize volume %s", virStorageVolGetName(volume));
}

static int
resize(virStorageVolPtr volume, const char *format, uint64_t capacity, bool shrink, struct error *err)
{
	json_t *there = host_volume_describe(volume, format, err);
	uint64_t has = (uint64_t)json_integer_value(json_object_get(there, "capacity"));

	if (there == NULL)
		return -1;
	json_decref(there);
	if (capacity == has || (capacity < has && !shrink))
		return 0;
	if (capacity < has && host_volume_check_unused(volume, err) < 0)
		return -1;
	if (capacity > has || strcmp(format, "raw") == 0)
		return host_volume_set_capacity(volume, format, capacity, err);
	return virStorageVolResize(volume, capacity, VIR_STORAGE_VOL_RESIZE_SHRINK) == 0 ? 0 :
	    host_error(err, "cannot resize volume %s", virStorageVolGetName(volume));
}

static json_t *
run_resize(struct host_call *call, struct error *err)
{
	const char *pool_name, *name, *format = "raw";
	json_int_t capacity;
	int shrink = 0;

	if (host_args(call, err, "{s:s,s:s,s?:s,s:I,s?:b}", "pool", &pool_name, "volume", &name, "format", &format, "capacity", &capacity, "shrink",
	        &shrink) < 0 ||
	    host_volume_check_name(name, err) < 0 || host_volume_check_format(name, format, err) < 0)
		return NULL;
	g_autofree char *word = host_volume_word(pool_name, name);
	if (nbd_export_check(word, err) < 0) /* the end of a stream is the end of the file */
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, pool_name, err);
	if (pool == NULL)
		return NULL;
	g_autoptr(virStorageVol) volume = host_volume_find(pool, name, err);
	if (volume == NULL || resize(volume, format, capacity > 0 ? (uint64_t)capacity : 0, shrink && capacity > 0, err) < 0)
		return NULL;
	return host_volume_describe(volume, format, err);
}

/* 0 when it is gone. */
int
host_volume_remove(virStoragePoolPtr pool, const char *name, struct error *err)
{
	g_autoptr(virStorageVol) volume = host_volume_find(pool, name, err);

	if (volume == NULL)
		return err->code == ENOENT ? 0 : -1;
	if (virStorageVolDelete(volume, 0) == 0 || virGetLastErrorCode() == VIR_ERR_NO_STORAGE_VOL)
		return 0;
	host_error(err, "cannot delete volume %s", name);
	return err->code == ENOENT ? 0 : -1; /* somebody was faster with the file itself */
}

static json_t *
run_delete(struct host_call *call, struct error *err)
{
	const char *pool_name, *name;

	if (host_args(call, err, "{s:s,s:s}", "pool", &pool_name, "volume", &name) < 0 || host_volume_check_name(name, err) < 0)
		return NULL;
	g_autofree char *word = host_volume_word(pool_name, name);
	if (nbd_export_check(word, err) < 0)
		return NULL;
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, pool_name, err);
	if (pool == NULL || host_volume_check_unneeded(pool, name, err) < 0 || host_volume_remove(pool, name, err) < 0)
		return NULL;
	return json_object();
}

/* --- upload ------------------------------------------------------------------------------------------------------- */

static int
send_data(virStreamPtr stream, char *data, size_t length, void *opaque)
{
	(void)stream;
	return (int)read(*(int *)opaque, data, length);
}

/* Tells libvirt whether data or a hole comes next, and how long it is; length 0 at the end of the file. */
static int
send_extent(virStreamPtr stream, int *in_data, long long *length, void *opaque)
{
	int fd = *(int *)opaque;
	off_t here = lseek(fd, 0, SEEK_CUR), end = lseek(fd, 0, SEEK_END), data, next;

	(void)stream;
	*in_data = 0;
	*length = 0;
	if (here < 0 || end < 0)
		return -1;
	if (here >= end)
		return 0;
	data = lseek(fd, here, SEEK_DATA);
	*in_data = data == here;
	next = *in_data ? lseek(fd, here, SEEK_HOLE) : data < 0 ? end : data;
	*length = next - here;
	return lseek(fd, here, SEEK_SET) < 0 ? -1 : 0;
}

static int
send_skip(virStreamPtr stream, long long length, void *opaque)
{
	(void)stream;
	return lseek(*(int *)opaque, length, SEEK_CUR) < 0 ? -1 : 0;
}

/* Of a new file: zeros at its end need not have been written. */
static int
check_upload(virStorageVolPtr volume, int fd, int64_t size, struct error *err)
{
	g_autofree char *piece = g_malloc(HOST_PIECE);
	size_t length;

	for (int64_t end = size; end > 0; end -= (int64_t)length) {
		length = (size_t)MIN(end, HOST_PIECE);
		if (pread(fd, piece, length, end - (int64_t)length) != (ssize_t)length)
			return error_errno(err, "cannot read what was uploaded to volume %s", virStorageVolGetName(volume));
		if (!host_is_zeros(piece, length))
			return host_volume_check_written(volume, (uint64_t)(end - (int64_t)length), piece, length, err);
	}
	return 0;
}

static int
upload(virConnectPtr connection, virStorageVolPtr volume, int fd, int64_t length, struct error *err)
{
	const unsigned sparse = VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM;
	virStreamPtr stream = virStreamNew(connection, 0);
	int result = -1;

	if (stream != NULL && lseek(fd, 0, SEEK_SET) == 0 &&
	    virStorageVolUpload(volume, stream, 0, (unsigned long long)length, sparse) == 0 &&
	    virStreamSparseSendAll(stream, send_data, send_extent, send_skip, &fd) == 0)
		result = virStreamFinish(stream); /* a failed send has aborted it already */
	if (result < 0)
		host_error(err, "cannot upload to volume %s", virStorageVolGetName(volume));
	else
		result = check_upload(volume, fd, length, err);
	if (stream != NULL)
		virStreamFree(stream);
	return result;
}

/* A new file each time: what was there before must not show through the holes. */
static json_t *
run_upload(struct host_call *call, struct error *err)
{
	struct wish wish = { 0 };
	struct stat st;
	json_t *made;

	if (host_args(call, err, "{s:s,s:s,s:s}", "pool", &wish.pool, "volume", &wish.volume, "format",
	        &wish.format) < 0 ||
	    host_volume_check_name(wish.volume, err) < 0)
		return NULL;
	if (call->fd < 0 || fstat(call->fd, &st) < 0 || !S_ISREG(st.st_mode) || strcmp(wish.format, "raw") != 0) {
		error_set(err, EINVAL, "volume-upload needs the descriptor of a regular file and the format raw");
		return NULL;
	}
	g_autoptr(virStoragePool) pool = host_pool_get(call->connection, wish.pool, err);
	if (pool == NULL || host_volume_remove(pool, wish.volume, err) < 0)
		return NULL;
	wish.capacity = st.st_size;
	g_autoptr(virStorageVol) volume = volume_make(pool, &wish, err);
	if (volume == NULL)
		return NULL;
	made = upload(call->connection, volume, call->fd, st.st_size, err) < 0 ? NULL : host_volume_describe(volume, "raw", err);
	if (made != NULL && json_integer_value(json_object_get(made, "capacity")) < st.st_size) {
		error_set(err, EIO, "volume %s was left too short: has its pool no space left?", wish.volume);
		json_decref(g_steal_pointer(&made));
	}
	if (made == NULL)
		virStorageVolDelete(volume, 0); /* half of it is worse than none */
	return made;
}

const struct host_verb host_volume_verbs[] = {
	{ "pool-ensure", run_pool_ensure },
	{ "volume-list", run_list },
	{ "volume-create", run_create },
	{ "volume-upload", run_upload },
	{ "volume-resize", run_resize },
	{ "volume-delete", run_delete },
	{ NULL, NULL },
};
