/* A volume on a socket, by librbd; see src/base/nbd_server.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/nbd_server.h"
#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000 /* the key of an encrypted volume costs seconds of a processor */ };

struct serve {
	char *path;
	char *snapshot;         /* that is read, or NULL */
	struct place place;
	rbd_image_t image;
	bool writes, encrypted;
};

/* --- requests ----------------------------------------------------------------------------------------------------------------- */

static void
on_complete(rbd_completion_t completion, void *arg)
{
	ssize_t rc = rbd_aio_get_return_value(completion);

	rbd_aio_release(completion);
	nbd_work_done(arg, rc < 0 ? (int)-rc : 0);
}

static rbd_completion_t
completion_new(struct nbd_work *work)
{
	rbd_completion_t completion;

	rbd_aio_create_completion(work, on_complete, &completion);
	return completion;
}

/* rc: negative when nothing was begun. */
static int
begun(rbd_completion_t completion, int rc)
{
	if (rc < 0)
		rbd_aio_release(completion);
	return rc;
}

static int
flags_of(const struct nbd_work *work)
{
	return (work->request.flags & NBD_FLAG_FUA) != 0 ? LIBRADOS_OP_FLAG_FADVISE_FUA : 0;
}

/* What each command is to librbd. */
static int
begin_read(void *volume, struct nbd_work *work)
{
	const struct serve *serve = volume;
	rbd_completion_t completion = completion_new(work);

	return begun(completion, rbd_aio_read(serve->image, work->request.offset, work->request.length, work->data, completion));
}

static int
begin_write(void *volume, struct nbd_work *work)
{
	const struct serve *serve = volume;
	rbd_completion_t completion = completion_new(work);

	return begun(completion,
	    rbd_aio_write2(serve->image, work->request.offset, work->request.length, work->data, completion, flags_of(work)));
}

static int
begin_flush(void *volume, struct nbd_work *work)
{
	const struct serve *serve = volume;
	rbd_completion_t completion = completion_new(work);

	return begun(completion, rbd_aio_flush(serve->image, completion));
}

static int
begin_trim(void *volume, struct nbd_work *work)
{
	const struct serve *serve = volume;

	if (serve->encrypted) /* nothing that is not written reads as zeros there: a hole is left alone, zeros are data */
		return begin_flush(volume, work);
	rbd_completion_t completion = completion_new(work);
	return begun(completion, rbd_aio_discard(serve->image, work->request.offset, work->request.length, completion));
}

static int
begin_zeroes(void *volume, struct nbd_work *work)
{
	const struct serve *serve = volume;

	if (serve->encrypted && work->request.length > NBD_MOST)
		return -EINVAL;
	if (serve->encrypted) {
		memset(nbd_work_data(work), 0, work->request.length);
		return begin_write(volume, work);
	}
	rbd_completion_t completion = completion_new(work);
	return begun(completion,
	    rbd_aio_write_zeroes(serve->image, work->request.offset, work->request.length, completion, 0, flags_of(work)));
}

/* --- a volume -------------------------------------------------------------------------------------------------------------------- */

static void
serve_free(struct serve *serve)
{
	image_close(&serve->image);
	place_clear(&serve->place);
	g_free(serve->path);
	g_free(serve->snapshot);
	g_free(serve);
}

static void
serve_flush(void *volume)
{
	rbd_flush(((struct serve *)volume)->image);
}

static void
serve_close(void *volume)
{
	serve_free(volume);
}

static const struct nbd_class serve_class = {
	.begin = { [NBD_READ] = begin_read, [NBD_WRITE] = begin_write, [NBD_FLUSH] = begin_flush, [NBD_TRIM] = begin_trim,
	    [NBD_WRITE_ZEROES] = begin_zeroes },
	.flush = serve_flush,
	.close = serve_close,
};

/* Nobody else may write meanwhile; readers do not matter, and cannot be told. */
static int
check_users(const struct serve *serve, struct error *err)
{
	json_t *users = serve->writes ? image_users_still(&serve->place, serve->image, err) : json_array();
	int rc = users == NULL ? -1 : 0;

	if (json_array_size(users) > 0)
		rc = error_set(err, EBUSY, "volume %s is open by %s: what uses it must end before it is written", serve->path,
		    json_string_value(json_array_get(users, 0)));
	json_decref(users);
	return rc;
}

static int
serve_open(struct serve *serve, const char *passphrase, uint64_t *size, struct error *err)
{
	int rc;

	if ((serve->writes ? image_open : image_open_to_read)(&serve->place, &serve->image, err) < 0 || check_users(serve, err) < 0)
		return -1;
	rc = serve->snapshot == NULL ? 0 : rbd_snap_set(serve->image, serve->snapshot);
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "volume %s has no snapshot %s", serve->path, serve->snapshot);
	if (rc == 0 && encryption_load(serve->image, serve->path, passphrase, err) < 0)
		return -1;
	if (rc == 0)
		rc = rbd_get_size(serve->image, size);
	return rc < 0 ? cluster_error(err, rc, "cannot read volume %s", serve->path) : 0;
}

/* Open and nobody else's for writing; NULL with err. */
static struct nbd_export *
serve_prepare(struct serve *serve, const char *passphrase, int fd, uint64_t *size, struct error *err)
{
	struct nbd_export *export = nbd_export_new(&serve_class, serve, serve->path, serve->writes, fd, err);

	if (export == NULL || serve_open(serve, passphrase, size, err) == 0)
		return export;
	nbd_export_cancel(export);
	return NULL;
}

static json_t *
run_serve(struct service_call *call, struct error *err)
{
	struct serve *serve = g_new0(struct serve, 1);
	const char *snapshot = NULL, *passphrase = NULL;
	struct nbd_export *export = NULL;
	int read_only = 0, rc;
	uint64_t size = 0;

	rc = place_read(call->args, &serve->place, err) < 0 ||
	    service_args(call->args, err, "{s?:b,s?:s,s?:s}", "read", &read_only, "snapshot", &snapshot, "passphrase", &passphrase) < 0 ? -1 : 0;
	if (rc == 0 && snapshot != NULL && !read_only)
		rc = error_set(err, EINVAL, "snapshot %s can only be read", snapshot);
	serve->snapshot = g_strdup(snapshot);
	serve->path = g_strdup(serve->place.path);
	serve->writes = !read_only;
	serve->encrypted = passphrase != NULL;
	if (rc == 0 && place_lock(call, &serve->place, NULL, err) == 0) {
		export = serve_prepare(serve, passphrase, call->fd, &size, err);
		place_unlock(&serve->place, NULL);
	}
	if (export == NULL) {
		serve_free(serve);
		return NULL;
	}
	call->fd = -1;
	nbd_export_start(export, size);
	return json_pack("{s:I}", "capacity", (json_int_t)size);
}

const struct rbd_verb serve_verbs[] = {
	{ "volume-serve", run_serve, PATIENCE },
	{ NULL, NULL, 0 },
};
