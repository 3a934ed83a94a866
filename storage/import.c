/*
 * One import; see import.h.
 *
 *   URL --> checksum --> unpack --+--> raw: straight to the target
 *   layers of an image --> a file-+
 *   (of files or a registry)      |
 *   a pipe, of an upload ---------+   (unpacked, a tar archive: the file disk.img in it)
 *   a volume --> copy.c: straight to the target
 *                                 +--> another format --+--(plain, and the server answers ranges)--> ranges --+--> map --> target
 *                                                       +--> scratch file --(all there)----------------------+
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

#include "src/base/clock.h"
#include "src/base/quantity.h"
#include "storage/archive.h"
#include "storage/blob.h"
#include "storage/convert.h"
#include "storage/copy.h"
#include "storage/image_map.h"
#include "storage/import.h"
#include "storage/sparse.h"
#include "storage/target.h"
#include "storage/unpack.h"

enum {
	DURABLE_MS = 15000,        /* between two positions from which an import may be resumed */
	DURABLE_LEAST = 64 << 20,  /* bytes that make one worth its flush ... */
	DURABLE_SLOW_MS = 60000,   /* ... or as long as they may take */
	VERIFY_PIECE = 2 << 20,
	STREAM_PIECE = 256 << 10,
};

struct import {
	const struct import_job *job;
	import_tell *tell;
	void *arg;
	struct fetch *fetch;
	GChecksum *digest;        /* of the bytes as downloaded, or NULL */
	GByteArray *packed;       /* head of the download, until unpack is there */
	GByteArray *plain;        /* head of the image, until its format is known */
	struct unpack *unpack;
	struct archive *archive;  /* that the image is in, or NULL */
	bool format_known;
	bool by_ranges;           /* the stream is not wanted: the image is read where its tables say */
	bool never_by_ranges;     /* ... it cannot be */
	struct sparse out;
	uint8_t tail[IMAGE_VHD_FOOTER]; /* of a raw image: its last bytes may be no part of the disk */
	size_t tail_length;
	int scratch;
	int64_t scratch_size;
	int64_t total;            /* of the download, 0: not known */
	bool ranges;              /* the server has them */
	char *validator;          /* of the file that is downloaded, or NULL */
	int64_t durable, durable_ms; /* the last position that was told, and when */
	struct import_result result;
};

int64_t
import_scratch_limit(int64_t capacity)
{
	/* Data, an eighth for tables of small clusters and for snapshots, something for nearly nothing. */
	return capacity > INT64_MAX / 2 ? INT64_MAX : capacity + capacity / 8 + (64 << 20);
}

static void
tell(const struct import *import, const char *phase, int64_t done, int64_t total)
{
	import->tell(import->arg, &(struct import_progress){.phase = phase, .done = done, .total = total, .durable = -1});
}

/* --- raw ---------------------------------------------------------------------------------------------------------- */

/* All but the last sector: a fixed VHD is raw data that is followed by one. */
static int
write_raw(struct import *import, const uint8_t *data, size_t length, struct error *err)
{
	size_t most = sizeof(import->tail), out = import->tail_length + length > most ? import->tail_length + length - most : 0;
	size_t from_tail = MIN(out, import->tail_length), from_data = out - from_tail;

	if (sparse_write(&import->out, import->tail, from_tail, err) < 0 || sparse_write(&import->out, data, from_data, err) < 0)
		return -1;
	memmove(import->tail, import->tail + from_tail, import->tail_length - from_tail);
	import->tail_length -= from_tail;
	memcpy(import->tail + import->tail_length, data + from_data, length - from_data);
	import->tail_length += length - from_data;
	return 0;
}

static int
end_raw(struct import *import, struct error *err)
{
	if (!import->job->verbatim && import->tail_length == sizeof(import->tail) &&
	    image_is_vhd_footer(import->tail, import->out.offset)) {
		import->result.format = IMAGE_VHD;
		return 0;
	}
	return sparse_write(&import->out, import->tail, import->tail_length, err);
}

/* A position to resume from, now and then: only of what the server can be asked for the rest of. */
static int
note_durable(struct import *import, struct error *err)
{
	int64_t since = clock_monotonic_ms() - import->durable_ms, more = import->out.offset - import->durable;
	bool worth = since >= DURABLE_MS && (more >= DURABLE_LEAST || (more > 0 && since >= DURABLE_SLOW_MS));

	if (!worth || import->result.format != IMAGE_RAW || import->result.compression != IMAGE_PLAIN || !import->ranges ||
	    import->validator == NULL || import->archive != NULL)
		return 0;
	if (target_flush(import->out.target, err) < 0)
		return -1;
	import->durable = import->out.offset;
	import->durable_ms = clock_monotonic_ms();
	import->tell(import->arg, &(struct import_progress){.phase = "download", .done = import->result.bytes, .total = import->total,
	    .durable = import->durable, .validator = import->validator});
	return 0;
}

/* --- the image, unpacked ------------------------------------------------------------------------------------------ */

static int
write_scratch(struct import *import, const uint8_t *data, size_t length, struct error *err)
{
	if ((int64_t)length > import_scratch_limit(import->job->capacity) - import->scratch_size) {
		g_autofree char *have = quantity_format_human(import->job->capacity);
		return error_set(err, EINVAL,
		    "the %s image has more bytes than any for the available storage of %s needs. A larger PVC is required",
		    image_format_words[import->result.format], have);
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
	if (import->by_ranges)
		return 0;
	return import->result.format == IMAGE_RAW ? write_raw(import, data, length, err) :
	    write_scratch(import, data, length, err);
}

/* The head is complete: what is it, and will it do?  A refusal here saves the rest of the download. */
static int
begin_image(struct import *import, struct error *err)
{
	GByteArray *head = import->plain;
	struct image_qcow2 header;
	bool plain = import->result.compression == IMAGE_PLAIN;

	if (image_detect(head->data, head->len, &import->result.format, err) < 0)
		return -1;
	if (import->result.format == IMAGE_QCOW2 &&
	    image_check_qcow2(head->data, head->len, 0, import->job->capacity, &header, err) < 0)
		return -1;
	if (import->result.format == IMAGE_RAW && plain && import->total - IMAGE_VHD_FOOTER > import->job->capacity)
		return image_too_large(import->total, import->job->capacity, err);
	import->by_ranges = import->result.format != IMAGE_RAW && plain && import->ranges && !import->never_by_ranges;
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
	if (import->job->archive)
		import->archive = archive_new(import->job->capacity, import_scratch_limit(import->job->capacity), on_plain, import);
	if (import->archive != NULL)
		import->unpack = unpack_new(import->result.compression, archive_feed, import->archive);
	else
		import->unpack = unpack_new(import->result.compression, on_plain, import);
	return unpack_feed(import->unpack, head->data, head->len, err);
}

static int
unpack(struct import *import, const uint8_t *data, size_t length, struct error *err)
{
	if (import->unpack != NULL)
		return unpack_feed(import->unpack, data, length, err);
	g_byte_array_append(import->packed, data, (guint)length);
	return import->packed->len < IMAGE_MAGIC ? 0 : begin_unpack(import, err);
}

/* What unpacks to nothing, and a body that never ends, are seen by their length alone.  Of an image that is read by its tables
 * only what they name counts, unless all of it has to be read for its checksum. */
static int
check_length(const struct import *import, struct error *err)
{
	bool all = import->digest != NULL || !import->ranges;
	int64_t length = all ? MAX(import->total, import->result.bytes) : import->result.bytes;

	if (length <= import_scratch_limit(import->job->capacity))
		return 0;
	g_autofree char *have = quantity_format_human(import->job->capacity);
	return error_set(err, EINVAL, "the server sends more bytes than any image for the available storage of %s needs. A larger PVC is required",
	    have);
}

static int
on_download(void *arg, const uint8_t *data, size_t length, const struct fetch_about *about, struct error *err)
{
	struct import *import = arg;

	if (import->validator == NULL)
		import->validator = g_strdup(about->validator);
	import->total = about->total;
	import->ranges = about->ranges;
	import->result.bytes += (int64_t)length;
	if (check_length(import, err) < 0)
		return -1;
	if (import->digest != NULL)
		g_checksum_update(import->digest, data, (gssize)length);
	tell(import, "download", import->result.bytes, import->total);
	if (unpack(import, data, length, err) < 0 || note_durable(import, err) < 0)
		return -1;
	return import->by_ranges ? 1 : 0;
}

static void
on_tick(void *arg, int64_t ahead)
{
	const struct import *import = arg;

	if (!import->by_ranges)
		tell(import, "download", import->result.bytes + ahead, import->total);
}

/* The end of the stream. */
static int
end_download(struct import *import, struct error *err)
{
	if (import->unpack == NULL && begin_unpack(import, err) < 0)
		return -1;
	if (unpack_end(import->unpack, err) < 0) {
		/* Without a Content-Length a connection that breaks looks like the end. */
		if (import->job->source == IMPORT_FROM_URL && import->total == 0 && err != NULL)
			err->code = EIO;
		return -1;
	}
	if (import->archive != NULL && archive_end(import->archive, err) < 0)
		return -1;
	return import->format_known ? 0 : begin_file(import, err);
}

/* --- an image by its tables ----------------------------------------------------------------------------------------- */

static void
on_ranges(void *arg, int64_t done, int64_t total)
{
	struct import *import = arg;

	import->result.bytes = done;
	tell(import, "download", done, total);
}

static void
on_whole(void *arg, const uint8_t *data, size_t length)
{
	g_checksum_update(((struct import *)arg)->digest, data, (gssize)length);
}

static void
on_convert(void *arg, int64_t done, int64_t total)
{
	tell(arg, "convert", done, total);
}

static enum convert_result
convert_blob(struct import *import, struct blob *blob, const struct convert_watch *watch, struct error *err)
{
	struct image_map *map = image_map_open(import->result.format, blob, import->job->capacity, err);

	if (map == NULL)
		return CONVERT_FAILED;
	enum convert_result result = convert(map, &import->out, watch, err);
	import->out.offset = map->virtual_size;
	image_map_free(map);
	return result;
}

static enum convert_result
convert_ranges(struct import *import, struct error *err)
{
	struct convert_watch watch = {.whole = import->digest != NULL ? on_whole : NULL, .progress = on_ranges, .arg = import};

	if (import->digest != NULL)
		g_checksum_reset(import->digest);
	enum convert_result result = convert_blob(import, fetch_blob(import->fetch), &watch, err);
	if (result == CONVERT_FAILED) {
		g_autofree char *shown = fetch_url_shown(import->job->request.url);
		error_wrap(err, "%s: ", shown);
	}
	return result;
}

static int
convert_scratch(struct import *import, struct error *err)
{
	struct convert_watch watch = {.progress = on_convert, .arg = import};
	struct blob *blob = blob_file_new(import->scratch, import->scratch_size);

	int rc = convert_blob(import, blob, &watch, err) == CONVERT_DONE ? 0 : -1;
	blob_file_free(blob);
	return rc;
}

/* --- sources -------------------------------------------------------------------------------------------------------- */

static void
forget_download(struct import *import)
{
	fetch_free(import->fetch);
	import->fetch = NULL;
	unpack_free(import->unpack);
	import->unpack = NULL;
	archive_free(import->archive);
	import->archive = NULL;
	g_byte_array_set_size(import->packed, 0);
	g_byte_array_set_size(import->plain, 0);
	import->format_known = import->by_ranges = false;
	import->result.bytes = 0;
	if (import->digest != NULL)
		g_checksum_reset(import->digest);
}

static enum convert_result
download(struct import *import, struct error *err)
{
	import->fetch = fetch_new(&import->job->request, on_tick, import);
	int rc = fetch_stream(import->fetch, on_download, import, err);
	if (rc > 0)
		return convert_ranges(import, err);
	return rc < 0 || end_download(import, err) < 0 ? CONVERT_FAILED : CONVERT_DONE;
}

/* What an earlier life of this import wrote is what it downloaded: the image is raw. */
static int
resume(struct import *import, struct error *err)
{
	g_autofree uint8_t *piece = g_malloc(VERIFY_PIECE);
	int64_t from = import->job->request.from;

	import->out.offset = import->durable = import->result.bytes = from;
	import->format_known = true;
	import->unpack = unpack_new(IMAGE_PLAIN, on_plain, import);
	for (int64_t at = 0; import->digest != NULL && at < from;) {
		size_t n = (size_t)MIN(VERIFY_PIECE, from - at);
		if (target_read(import->out.target, piece, n, at, err) < 0)
			return -1;
		g_checksum_update(import->digest, piece, (gssize)n);
		tell(import, "verify", at += (int64_t)n, from);
	}
	return 0;
}

static int
read_url(struct import *import, struct error *err)
{
	if (import->job->request.from > 0 && resume(import, err) < 0)
		return -1;
	enum convert_result result = download(import, err);
	if (result == CONVERT_SCATTERED) {
		forget_download(import);
		import->never_by_ranges = true;
		result = download(import, err);
	}
	return result == CONVERT_DONE ? 0 : -1;
}

static void
on_layers(void *arg, int64_t done, int64_t total)
{
	struct import *import = arg;

	import->result.bytes = done;
	tell(import, "download", done, total);
}

static int
read_layers(struct import *import, struct error *err)
{
	const struct import_job *job = import->job;

	if (layers_read(job->layers, job->layer_count, job->file, import_scratch_limit(job->capacity), on_plain, on_layers, import, err) < 0)
		return -1;
	return import->format_known ? 0 : begin_file(import, err);
}

static int
read_registry(struct import *import, struct error *err)
{
	const struct import_job *job = import->job;
	struct registry *registry = registry_new(&job->image, &job->request);

	int rc = registry_read(registry, job->architecture, job->file, import_scratch_limit(job->capacity), on_plain, on_layers, import, err);
	registry_free(registry);
	if (rc < 0)
		return -1;
	return import->format_known ? 0 : begin_file(import, err);
}

/* What was expected, for an early refusal; how much there is the end of the stream tells. */
static int
read_stream(struct import *import, struct error *err)
{
	g_autofree uint8_t *piece = g_malloc(STREAM_PIECE);
	ssize_t n;

	if (import->job->stream < 0)
		return error_set(err, EINVAL, "the request of an upload came without its stream");
	import->total = import->job->total;
	while ((n = read(import->job->stream, piece, STREAM_PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "cannot read what is uploaded");
		import->result.bytes += n;
		tell(import, "upload", import->result.bytes, import->total);
		if (unpack(import, piece, (size_t)n, err) < 0)
			return -1;
	}
	return end_download(import, err);
}

static void
on_copy(void *arg, int64_t done, int64_t total)
{
	struct import *import = arg;

	import->result.bytes = done;
	tell(import, "copy", done, total);
}

static int
read_volume(struct import *import, struct error *err)
{
	const struct import_job *job = import->job;
	const struct copy_source source = {.fd = job->stream, .under = job->under, .qcow2 = job->qcow2, .size = job->total};

	if (job->stream < 0)
		return error_set(err, EINVAL, "the request of a copy came without its source");
	return copy_run(&source, &import->out, on_copy, import, err);
}

static int (*const sources[IMPORT_SOURCE_COUNT])(struct import *import, struct error *err) = {
	[IMPORT_FROM_URL] = read_url,
	[IMPORT_FROM_LAYERS] = read_layers,
	[IMPORT_FROM_REGISTRY] = read_registry,
	[IMPORT_FROM_STREAM] = read_stream,
	[IMPORT_FROM_VOLUME] = read_volume,
};

/* --- all of it ------------------------------------------------------------------------------------------------------ */

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

/* What the source has not written itself: the end of a raw image, or the whole of another. */
static int
finish_image(struct import *import, struct error *err)
{
	if (import->by_ranges || import->job->source == IMPORT_FROM_VOLUME)
		return 0;
	return import->result.format == IMAGE_RAW ? end_raw(import, err) : convert_scratch(import, err);
}

static int
run(struct import *import, struct error *err)
{
	if (sources[import->job->source](import, err) < 0 || check_digest(import, err) < 0 || finish_image(import, err) < 0)
		return -1;
	import->result.virtual_size = import->out.offset;
	return sparse_finish(&import->out, import->out.offset, err);
}

static gpointer
copy_name(gconstpointer name, gpointer unused)
{
	(void)unused;
	return g_strdup(name);
}

int
import_run(const struct import_job *job, int target, int scratch, import_tell *tell_progress, void *arg,
    struct import_result *result, struct error *err)
{
	g_autoptr(GByteArray) packed = g_byte_array_new(), plain = g_byte_array_new();
	struct import import = {.job = job,
	    .tell = tell_progress,
	    .arg = arg,
	    .packed = packed,
	    .plain = plain,
	    .scratch = scratch,
	    .durable_ms = clock_monotonic_ms(),
	    .out = {.target = target_new(target, err), .limit = job->capacity, .dense = job->dense}};
	const char *hex;
	int type, rc = import.out.target == NULL ? -1 : 0;

	if (rc == 0 && job->checksum != NULL) {
		rc = import_checksum_parse(job->checksum, &type, &hex, err);
		import.digest = rc < 0 ? NULL : g_checksum_new((GChecksumType)type);
	}
	if (rc == 0)
		rc = run(&import, err);
	if (rc == 0 && import.archive != NULL)
		import.result.others = g_ptr_array_copy((GPtrArray *)(uintptr_t)archive_others(import.archive, &import.result.other_count), copy_name, NULL);
	fetch_free(import.fetch);
	unpack_free(import.unpack);
	archive_free(import.archive);
	g_free(import.validator);
	if (import.digest != NULL)
		g_checksum_free(import.digest);
	target_free(import.out.target);
	if (rc == 0)
		*result = import.result;
	return rc;
}

/* --- what is known before ----------------------------------------------------------------------------------------------- */

static int
on_first(void *arg, const uint8_t *data, size_t length, const struct fetch_about *about, struct error *err)
{
	struct import_known *known = arg;

	(void)data, (void)length, (void)err;
	known->length = about->total;
	known->validator = g_strdup(about->validator);
	return 1;
}

static int
probe_url(const struct import_job *job, struct import_known *known, struct error *err)
{
	struct fetch *fetch = fetch_new(&job->request, NULL, NULL);
	int rc = fetch_stream(fetch, on_first, known, err);

	fetch_free(fetch);
	return rc < 0 ? -1 : 0;
}

static int
probe_registry(const struct import_job *job, struct import_known *known, struct error *err)
{
	struct registry *registry = registry_new(&job->image, &job->request);
	int rc = registry_resolve(registry, &known->digest, err);

	registry_free(registry);
	return rc;
}

int
import_probe(const struct import_job *job, struct import_known *known, struct error *err)
{
	struct import_known result = {0};
	int rc = job->source == IMPORT_FROM_REGISTRY ? probe_registry(job, &result, err) : probe_url(job, &result, err);

	if (rc < 0)
		import_known_clear(&result);
	else
		*known = result;
	return rc;
}

void
import_known_clear(struct import_known *known)
{
	g_free(known->digest);
	g_free(known->validator);
	memset(known, 0, sizeof(*known));
}
