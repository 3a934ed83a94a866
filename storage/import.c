/*
 * One import; see import.h.
 *
 *   fetch --> checksum --> unpack --+--> raw: straight to the target
 *   layers of an image --> a file --+
 *                                   +--> qcow2: scratch file --(all there)--> qcow2_read --> target
 *
 * Compression and format are told by magic numbers, so both stages first collect a head.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "src/base/quantity.h"
#include "storage/import.h"
#include "storage/qcow2.h"
#include "storage/sparse.h"
#include "storage/unpack.h"

struct import {
	const struct import_job *job;
	import_progress *progress;
	void *arg;
	GChecksum *digest;        /* of the bytes as downloaded, or NULL */
	GByteArray *packed;       /* head of the download, until unpack is there */
	GByteArray *plain;        /* head of the image, until its format is known */
	struct unpack *unpack;
	bool format_known;
	struct sparse out;
	int scratch;
	int64_t scratch_size;
	int64_t total;            /* of the download, 0: not known */
	struct import_result result;
};

int64_t
import_scratch_limit(int64_t capacity)
{
	/* Data, an eighth for tables of small clusters and for snapshots, something for nearly nothing. */
	return capacity > INT64_MAX / 2 ? INT64_MAX : capacity + capacity / 8 + (64 << 20);
}

/* --- the image, unpacked ------------------------------------------------------------------------------------------ */

static int
write_scratch(struct import *import, const uint8_t *data, size_t length, struct error *err)
{
	if ((int64_t)length > import_scratch_limit(import->job->capacity) - import->scratch_size) {
		g_autofree char *have = quantity_format_human(import->job->capacity);
		return error_set(err, EINVAL,
		    "the qcow2 image has more bytes than any for the available storage of %s needs. A larger PVC "
		    "is required",
		    have);
	}
	while (length > 0) {
		ssize_t n = pwrite(import->scratch, data, length, import->scratch_size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "cannot write to the scratch file");
		data += n;
		length -= (size_t)n;
		import->scratch_size += n;
	}
	return 0;
}

static int
write_image(struct import *import, const uint8_t *data, size_t length, struct error *err)
{
	return import->result.format == IMAGE_QCOW2 ? write_scratch(import, data, length, err) :
	    sparse_write(&import->out, data, length, err);
}

/* The head is complete: what is it, and will it do?  A refusal here saves the rest of the download. */
static int
begin_image(struct import *import, struct error *err)
{
	GByteArray *head = import->plain;
	struct image_qcow2 header;

	if (image_detect(head->data, head->len, &import->result.format, err) < 0)
		return -1;
	if (import->result.format == IMAGE_QCOW2 &&
	    image_check_qcow2(head->data, head->len, 0, import->job->capacity, &header, err) < 0)
		return -1;
	if (import->result.format == IMAGE_RAW && import->result.compression == IMAGE_PLAIN &&
	    import->total > import->job->capacity)
		return image_too_large(import->total, import->job->capacity, err);
	import->format_known = true;
	return write_image(import, head->data, head->len, err);
}

/* A file that is no disk is taken as it is. */
static int
begin_file(struct import *import, struct error *err)
{
	if (!import->job->verbatim)
		return begin_image(import, err);
	import->format_known = true;
	return write_image(import, import->plain->data, import->plain->len, err);
}

static int
on_plain(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct import *import = arg;

	if (import->format_known)
		return write_image(import, data, length, err);
	g_byte_array_append(import->plain, data, (guint)length);
	return import->plain->len < IMAGE_HEAD ? 0 : begin_file(import, err);
}

/* --- the download ------------------------------------------------------------------------------------------------- */

static int
begin_unpack(struct import *import, struct error *err)
{
	GByteArray *head = import->packed;

	import->result.compression = image_compression(head->data, head->len);
	import->unpack = unpack_new(import->result.compression, on_plain, import);
	return unpack_feed(import->unpack, head->data, head->len, err);
}

static int
on_download(void *arg, const uint8_t *data, size_t length, int64_t total, struct error *err)
{
	struct import *import = arg;

	import->total = total;
	import->result.bytes += (int64_t)length;
	if (import->digest != NULL)
		g_checksum_update(import->digest, data, (gssize)length);
	import->progress(import->arg, "download", import->result.bytes, total);
	if (import->unpack != NULL)
		return unpack_feed(import->unpack, data, length, err);
	g_byte_array_append(import->packed, data, (guint)length);
	return import->packed->len < IMAGE_MAGIC ? 0 : begin_unpack(import, err);
}

static int
download(struct import *import, struct error *err)
{
	int64_t received = 0;

	if (fetch(&import->job->request, on_download, import, &received, err) < 0)
		return -1;
	if (import->unpack == NULL && begin_unpack(import, err) < 0)
		return -1;
	if (unpack_end(import->unpack, err) < 0) {
		/* Without a Content-Length a connection that breaks looks like the end. */
		if (import->total == 0 && err != NULL)
			err->code = EIO;
		return -1;
	}
	return import->format_known ? 0 : begin_image(import, err);
}

/* --- a container image ---------------------------------------------------------------------------------------------- */

static void
on_layers(void *arg, int64_t done, int64_t total)
{
	struct import *import = arg;

	import->result.bytes = done;
	import->progress(import->arg, "download", done, total);
}

static int
read_container(struct import *import, struct error *err)
{
	const struct import_job *job = import->job;

	if (layers_read(job->layers, job->layer_count, job->file, import_scratch_limit(job->capacity), on_plain, on_layers, import, err) < 0)
		return -1;
	return import->format_known ? 0 : begin_file(import, err);
}

static int
check_digest(const struct import *import, struct error *err)
{
	const char *wanted, *found;
	int type;

	if (import->digest == NULL)
		return 0;
	found = g_checksum_get_string(import->digest);
	if (import_checksum_parse(import->job->checksum, &type, &wanted, err) < 0)
		return -1;
	if (g_ascii_strcasecmp(found, wanted) != 0)
		return error_set(err, EINVAL,
		    "checksum mismatch: the %" PRId64 " bytes that were downloaded have %.*s:%s, wanted was %s",
		    import->result.bytes, (int)strcspn(import->job->checksum, ":"), import->job->checksum, found,
		    import->job->checksum);
	return 0;
}

/* --- conversion --------------------------------------------------------------------------------------------------- */

static void
on_convert(void *arg, int64_t done, int64_t total)
{
	const struct import *import = arg;

	import->progress(import->arg, "convert", done, total);
}

/* The header is read again, from what is on disk and with the size of the file known. */
static int
convert(struct import *import, struct error *err)
{
	g_autofree uint8_t *head = g_malloc(IMAGE_HEAD);
	struct image_qcow2 header;
	ssize_t n = pread(import->scratch, head, IMAGE_HEAD, 0);

	if (n < 0)
		return error_errno(err, "cannot read the scratch file");
	if (image_check_qcow2(head, (size_t)n, import->scratch_size, import->job->capacity, &header, err) < 0)
		return -1;
	return qcow2_read(import->scratch, import->scratch_size, &header, &import->out, on_convert, import, err);
}

static int
run(struct import *import, struct error *err)
{
	int rc = import->job->layers != NULL ? read_container(import, err) : download(import, err);

	if (rc < 0 || check_digest(import, err) < 0)
		return -1;
	if (import->result.format == IMAGE_QCOW2 && convert(import, err) < 0)
		return -1;
	import->result.virtual_size = import->out.offset;
	return sparse_finish(&import->out, err);
}

int
import_run(const struct import_job *job, int target, int scratch, import_progress *progress, void *arg,
    struct import_result *result, struct error *err)
{
	g_autoptr(GByteArray) packed = g_byte_array_new(), plain = g_byte_array_new();
	struct import import = {.job = job,
	    .progress = progress,
	    .arg = arg,
	    .packed = packed,
	    .plain = plain,
	    .scratch = scratch,
	    .out = {.fd = target, .limit = job->capacity}};
	const char *hex;
	int type;

	if (job->checksum != NULL) {
		if (import_checksum_parse(job->checksum, &type, &hex, err) < 0)
			return -1;
		import.digest = g_checksum_new((GChecksumType)type);
	}
	int rc = run(&import, err);
	unpack_free(import.unpack);
	if (import.digest != NULL)
		g_checksum_free(import.digest);
	if (rc == 0)
		*result = import.result;
	return rc;
}
