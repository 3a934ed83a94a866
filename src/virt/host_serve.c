/*
 * Volumes of a libvirt that is elsewhere, on a socket (src/base/nbd_server.h): its files cannot be opened here.
 *
 *   writes ──> a stream of libvirt's, upload, as long as they go forward ──> finished by a flush, a read, or a step back
 *   reads  ──> streams of READ_WINDOW, download: libvirt sends as fast as it can, and what nobody has taken yet is kept here
 *
 * Each volume has a connection of its own: a stream that waits keeps no lane from working.  Zeros are not sent.  libvirt makes a hole by cutting
 * the file off behind it (virFDStreamThreadDoWrite() of its virfdstream.c), so holes are only where nothing was written yet, and the last one gives the
 * file its size back.  Whether all of an upload was written is looked at behind it (host_volume_check_written()).  What was finished is in that
 * host's page cache: it outlives this process and libvirtd, but no power cut.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/nbd_server.h"
#include "src/virt/host.h"

enum { READ_WINDOW = 32 << 20 };

static const char zeros[HOST_PIECE];

struct serve {
	virConnectPtr connection;
	virStorageVolPtr volume;
	uint64_t size;
	uint64_t filled;      /* nothing was written at it or behind: zeros, and no space */
	virStreamPtr stream;  /* NULL: none is open */
	bool sends;           /* it is an upload */
	bool cut;             /* ... that has made a hole: the file ends where the stream is */
	uint64_t at, end;     /* where the stream is; a download: how far it goes */
	uint64_t hole;        /* bytes of a hole that a download has come to */
	bool failed;          /* the file may have been left too short */
	char *last;           /* HOST_PIECE bytes: what the upload sent last that was no zeros */
	uint64_t last_at, zeros_at;
	size_t last_length, zeros_length; /* ... and the zeros behind that; 0: none */
};

static void
serve_free(struct serve *serve)
{
	if (serve->volume != NULL)
		virStorageVolFree(serve->volume);
	if (serve->connection != NULL)
		host_disconnect(serve->connection);
	g_free(serve->last);
	g_free(serve);
}

/* --- streams ---------------------------------------------------------------------------------------------------------- */

/* Records libvirt's error; the stream is over.  -1. */
static int
stream_failed(struct serve *serve, const char *deed, struct error *err)
{
	host_error(err, "cannot %s volume %s", deed, virStorageVolGetName(serve->volume));
	virStreamAbort(serve->stream);
	virStreamFree(g_steal_pointer(&serve->stream));
	serve->failed |= serve->sends;
	return -1;
}

bool
host_is_zeros(const char *bytes, size_t length)
{
	return length == 0 || (*bytes == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

int
host_volume_check_written(virStorageVolPtr volume, uint64_t at, const char *wanted, size_t length, struct error *err)
{
	g_autofree char *there = g_malloc0(MAX(length, 1));
	virStreamPtr stream = virStreamNew(virStorageVolGetConnect(volume), 0);
	int rc = stream == NULL ? -1 : virStorageVolDownload(volume, stream, at, length, 0);
	size_t got = 0;

	for (int n = 1; rc == 0 && n > 0 && got < length; got += (size_t)MAX(n, 0))
		rc = (n = virStreamRecv(stream, there + got, length - got)) < 0 ? -1 : 0;
	if (rc < 0)
		host_error(err, "cannot read volume %s", virStorageVolGetName(volume));
	else if (got < length || memcmp(there, wanted, length) != 0)
		rc = error_set(err, EIO, "the end of what was written to volume %s is not there: has its pool no space left?", virStorageVolGetName(volume));
	if (stream != NULL) {
		virStreamAbort(stream);
		virStreamFree(stream);
	}
	return rc;
}

static void
remember(struct serve *serve, const char *data, size_t length)
{
	bool nothing = host_is_zeros(data, length);

	serve->zeros_length = nothing ? length : 0;
	serve->zeros_at = serve->at;
	if (nothing)
		return;
	if (serve->last == NULL)
		serve->last = g_malloc(HOST_PIECE);
	memcpy(serve->last, data, length);
	serve->last_length = length;
	serve->last_at = serve->at;
}

/* An upload that libvirt says is done. */
static int
check_written(struct serve *serve, struct error *err)
{
	virStorageVolInfo info;
	int rc = 0;

	if (serve->last_length > 0)
		rc = host_volume_check_written(serve->volume, serve->last_at, serve->last, serve->last_length, err);
	if (rc == 0 && serve->zeros_length > 0)
		rc = host_volume_check_written(serve->volume, serve->zeros_at, zeros, serve->zeros_length, err);
	if (rc == 0 && serve->cut && virStorageVolGetInfoFlags(serve->volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
		rc = host_error(err, "cannot read volume %s", virStorageVolGetName(serve->volume));
	else if (rc == 0 && serve->cut && info.allocation < serve->size)
		rc = error_set(err, EIO, "volume %s was left too short: has its pool no space left?", virStorageVolGetName(serve->volume));
	serve->failed |= rc < 0;
	return rc;
}

/* What was written is there when this returns 0. */
static int
stream_end(struct serve *serve, struct error *err)
{
	if (serve->stream == NULL)
		return 0;
	if (!serve->sends) {
		virStreamAbort(serve->stream);
		virStreamFree(g_steal_pointer(&serve->stream));
		return 0;
	}
	if ((serve->cut && serve->at < serve->size && virStreamSendHole(serve->stream, (long long)(serve->size - serve->at), 0) < 0) ||
	    virStreamFinish(serve->stream) < 0)
		return stream_failed(serve, "write to", err);
	virStreamFree(g_steal_pointer(&serve->stream));
	return check_written(serve, err);
}

static int
stream_begin(struct serve *serve, bool sends, uint64_t at, struct error *err)
{
	int rc;

	if (stream_end(serve, err) < 0)
		return -1;
	serve->stream = virStreamNew(serve->connection, 0);
	if (serve->stream == NULL)
		return host_error(err, "cannot open volume %s", virStorageVolGetName(serve->volume));
	serve->sends = sends;
	serve->cut = false;
	serve->hole = 0;
	serve->last_length = serve->zeros_length = 0;
	serve->at = at;
	serve->end = sends ? serve->size : MIN(at + READ_WINDOW, serve->size);
	rc = sends ? virStorageVolUpload(serve->volume, serve->stream, at, serve->end - at, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
	           : virStorageVolDownload(serve->volume, serve->stream, at, serve->end - at, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM);
	return rc == 0 ? 0 : stream_failed(serve, sends ? "write to" : "read", err);
}

/* An upload is at that place. */
static int
stream_seek(struct serve *serve, uint64_t at, struct error *err)
{
	bool sends = serve->stream != NULL && serve->sends;

	if (sends && serve->at == at)
		return 0;
	if (!sends || at < serve->at || serve->at < serve->filled)
		return stream_begin(serve, true, at, err);
	if (virStreamSendHole(serve->stream, (long long)(at - serve->at), 0) < 0)
		return stream_failed(serve, "write to", err);
	serve->cut = true;
	serve->at = at;
	return 0;
}

static int
write_all(struct serve *serve, const char *data, size_t length, uint64_t at, struct error *err)
{
	if (stream_seek(serve, at, err) < 0)
		return -1;
	while (length > 0) {
		int sent = virStreamSend(serve->stream, data, MIN(length, HOST_PIECE));
		if (sent < 0)
			return stream_failed(serve, "write to", err);
		remember(serve, data, (size_t)sent);
		data += sent;
		length -= (size_t)sent;
		serve->at += (uint64_t)sent;
		serve->filled = MAX(serve->filled, serve->at);
	}
	return 0;
}

/* Bytes that were read, 0: the stream has come to its end or a hole; -1. */
static int
read_some(struct serve *serve, char *data, size_t length, struct error *err)
{
	long long hole = 0;
	int got;

	if (serve->hole > 0) {
		got = (int)MIN(serve->hole, length);
		memset(data, 0, (size_t)got);
		serve->hole -= (uint64_t)got;
		return got;
	}
	got = virStreamRecvFlags(serve->stream, data, MIN(length, HOST_PIECE), VIR_STREAM_RECV_STOP_AT_HOLE);
	if (got >= 0)
		return got;
	if (got != -3 || virStreamRecvHole(serve->stream, &hole, 0) < 0)
		return stream_failed(serve, "read", err);
	serve->hole = MIN((uint64_t)MAX(hole, 0), serve->end - serve->at);
	return 0;
}

static int
read_all(struct serve *serve, char *data, size_t length, uint64_t at, struct error *err)
{
	while (length > 0) {
		bool there = serve->stream != NULL && !serve->sends && serve->at == at && at < serve->end;
		if (!there && stream_begin(serve, false, at, err) < 0)
			return -1;
		int got = read_some(serve, data, MIN(length, serve->end - at), err);
		if (got < 0)
			return -1;
		if (got == 0 && serve->hole == 0)
			return error_set(err, EIO, "volume %s ended early, at %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
			    virStorageVolGetName(serve->volume), at, serve->size);
		data += got;
		length -= (size_t)got;
		at += (uint64_t)got;
		serve->at = at;
	}
	return 0;
}

/* --- requests --------------------------------------------------------------------------------------------------------- */

/* Ends a command; its client is told a number, people the words. */
static int
done(struct nbd_work *work, int rc, const struct error *err)
{
	if (rc < 0)
		service_tell("trouble", json_pack("{s:s}", "text", err->text));
	nbd_work_done(work, rc < 0 ? err->code : 0);
	return 0;
}

static int
begin_read(void *volume, struct nbd_work *work)
{
	struct error err = { 0 };

	return done(work, read_all(volume, work->data, work->request.length, work->request.offset, &err), &err);
}

static int
begin_write(void *volume, struct nbd_work *work)
{
	struct error err = { 0 };
	int rc = write_all(volume, work->data, work->request.length, work->request.offset, &err);

	if (rc == 0 && (work->request.flags & NBD_FLAG_FUA) != 0)
		rc = stream_end(volume, &err);
	return done(work, rc, &err);
}

static int
begin_flush(void *volume, struct nbd_work *work)
{
	struct error err = { 0 };

	return done(work, stream_end(volume, &err), &err);
}

/* libvirt has no call for it, and nobody may rely on it. */
static int
begin_trim(void *volume, struct nbd_work *work)
{
	(void)volume;
	nbd_work_done(work, 0);
	return 0;
}

/* Where nothing was written there are zeros. */
static int
begin_zeroes(void *volume, struct nbd_work *work)
{
	struct serve *serve = volume;
	uint64_t at = work->request.offset, end = MIN(at + work->request.length, serve->filled);
	struct error err = { 0 };
	int rc = 0;

	while (rc == 0 && at < end) {
		size_t length = (size_t)MIN(end - at, HOST_PIECE);
		rc = write_all(serve, zeros, length, at, &err);
		at += length;
	}
	return done(work, rc, &err);
}

/* --- a volume --------------------------------------------------------------------------------------------------------- */

/* Whoever goes on with it finds it as large as it was. */
static void
serve_flush(void *volume)
{
	struct serve *serve = volume;
	struct error err = { 0 };

	stream_end(serve, &err);
	if (serve->failed)
		host_volume_set_capacity(serve->volume, "raw", serve->size, &err);
}

static void
serve_close(void *volume)
{
	struct serve *serve = volume;
	struct error ignored = { 0 };

	stream_end(serve, &ignored); /* a download: what was written is flushed */
	serve_free(serve);
}

static const struct nbd_class serve_class = {
	.begin = { [NBD_READ] = begin_read, [NBD_WRITE] = begin_write, [NBD_FLUSH] = begin_flush, [NBD_TRIM] = begin_trim,
	    [NBD_WRITE_ZEROES] = begin_zeroes },
	.flush = serve_flush,
	.close = serve_close,
};

/* A raw one, whatever libvirt finds in it. */
static int
serve_open(struct serve *serve, const char *pool_name, const char *name, struct error *err)
{
	serve->connection = host_connect(err);
	if (serve->connection == NULL)
		return -1;
	g_autoptr(virStoragePool) pool = host_pool_get(serve->connection, pool_name, err);
	serve->volume = pool == NULL ? NULL : host_volume_find(pool, name, err);
	json_t *there = serve->volume == NULL ? NULL : host_volume_describe(serve->volume, "raw", err);
	bool fresh = json_integer_value(json_object_get(there, "allocation")) == 0;
	serve->size = (uint64_t)json_integer_value(json_object_get(there, "capacity"));
	if (there == NULL)
		return -1;
	json_decref(there);
	serve->filled = fresh ? 0 : serve->size;
	return 0;
}

static json_t *
serve_begin(struct host_call *call, const char *pool, const char *name, bool writes, struct error *err)
{
	struct serve *serve = g_new0(struct serve, 1);
	g_autofree char *path = host_volume_word(pool, name);
	struct nbd_export *export = nbd_export_new(&serve_class, serve, path, writes, call->fd, err);
	json_t *answer;

	if (export == NULL || serve_open(serve, pool, name, err) < 0) {
		if (export != NULL)
			nbd_export_cancel(export);
		serve_free(serve);
		return NULL;
	}
	answer = json_pack("{s:I}", "capacity", (json_int_t)serve->size);
	call->fd = -1;
	nbd_export_start(export, serve->size);
	return answer;
}

char *
host_volume_word(const char *pool, const char *name)
{
	return g_strconcat(pool, "/", name, NULL);
}

static int
copy_pieces(struct host_call *call, struct serve *from, struct serve *to, const char *name, struct error *err)
{
	g_autofree char *piece = g_malloc(HOST_PIECE);

	for (uint64_t at = 0; at < from->size; at += HOST_PIECE) {
		size_t length = (size_t)MIN(from->size - at, HOST_PIECE);
		if (read_all(from, piece, length, at, err) < 0)
			return -1;
		if ((!host_is_zeros(piece, length) || at < to->filled) && write_all(to, piece, length, at, err) < 0)
			return -1;
		service_progress(call->request, name, (int64_t)at, (int64_t)from->size);
	}
	return stream_end(to, err);
}

int
host_serve_copy(struct host_call *call, const char *pool, const char *from, const char *to, struct error *err)
{
	struct serve *source = g_new0(struct serve, 1), *target = g_new0(struct serve, 1);
	struct error ignored = { 0 };
	int rc;

	rc = serve_open(source, pool, from, err) < 0 || serve_open(target, pool, to, err) < 0 || copy_pieces(call, source, target, to, err) < 0 ? -1 : 0;
	stream_end(source, &ignored);
	stream_end(target, &ignored);
	serve_free(source);
	serve_free(target);
	return rc;
}

static json_t *
run_serve(struct host_call *call, struct error *err)
{
	const char *pool, *name, *snapshot = NULL, *format = "raw";
	int reads = 0, rc;

	rc = host_args(call, err, "{s:s,s:s,s?:b,s?:s,s?:s}", "pool", &pool, "volume", &name, "read", &reads, "snapshot", &snapshot, "format", &format) < 0 ||
	    host_volume_check_name(name, err) < 0 || (snapshot != NULL && host_volume_check_name(snapshot, err) < 0) ? -1 : 0;
	if (rc == 0 && host_is_local())
		rc = error_set(err, EOPNOTSUPP, "volumes of a libvirt on this machine are files: they are written as such");
	if (rc == 0 && strcmp(format, "raw") != 0)
		rc = error_set(err, EOPNOTSUPP, "volume %s lies on another machine and is a %s file: only raw volumes are read and written from here", name,
		    format);
	if (rc == 0 && snapshot != NULL && !reads)
		rc = error_set(err, EINVAL, "snapshot %s can only be read", snapshot);
	if (rc < 0)
		return NULL;
	g_autofree char *file = snapshot == NULL ? g_strdup(name) : host_snapshot_file(name, snapshot);
	return serve_begin(call, pool, file, !reads, err);
}

const struct host_verb host_serve_verbs[] = {
	{ "volume-serve", run_serve },
	{ NULL, NULL },
};
