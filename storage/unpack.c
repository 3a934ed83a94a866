/* Decompression; see unpack.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <lzma.h>
#include <stdbool.h>
#include <zlib.h>
#include <zstd.h>

#include "src/base/error.h"
#include "storage/unpack.h"

enum {
	OUTPUT = 256 << 10,      /* bytes that come out at once */
	XZ_MEMORY = 320 << 20,   /* bytes; xz -9 needs 65 MiB, larger dictionaries are made by hand */
	ZSTD_WINDOW_LOG = 28,    /* 256 MiB; zstd --ultra -22 needs 128 MiB */
};

/* What a codec works on in one step: it moves the borders of both. */
struct window {
	const uint8_t *in;
	size_t in_left;
	uint8_t *out;
	size_t out_left;
};

struct unpack {
	const struct codec *codec;
	unpack_sink *sink;
	void *arg;
	bool at_end; /* a whole stream (member, frame) has been read and no other begun */
	z_stream gz;
	lzma_stream xz;
	ZSTD_DStream *zst;
	uint8_t output[OUTPUT];
};

/* One compression.  step() moves the window; -1 with err on damage. */
struct codec {
	const char *name;
	bool (*start)(struct unpack *unpack);
	int (*step)(struct unpack *unpack, struct window *window, struct error *err);
	int (*end)(struct unpack *unpack, struct error *err);
	void (*stop)(struct unpack *unpack);
};

static int
damaged(const struct unpack *unpack, struct error *err)
{
	return error_set(err, EINVAL, "the %s compression of the image is damaged", unpack->codec->name);
}

static int
end_complete(struct unpack *unpack, struct error *err)
{
	return unpack->at_end
	           ? 0
	           : error_set(err, EINVAL, "the image is truncated: its %s compression goes on", unpack->codec->name);
}

/* --- gz ----------------------------------------------------------------------------------------------------------- */

static bool
gz_start(struct unpack *unpack)
{
	return inflateInit2(&unpack->gz, 15 + 16) == Z_OK; /* 16: with gzip's header and sum */
}

/* Behind a member may come another one (pigz, bgzip, cat), or zeros that fill a block (tapes, dd). */
static int
gz_between(struct unpack *unpack, struct window *window, struct error *err)
{
	if (window->in[0] == 0) {
		window->in++;
		window->in_left--;
		return 0;
	}
	if (window->in[0] != 0x1f)
		return error_set(err, EINVAL, "something that is not gz follows the end of the image");
	inflateReset(&unpack->gz);
	unpack->at_end = false;
	return 0;
}

static int
gz_step(struct unpack *unpack, struct window *window, struct error *err)
{
	uInt in = (uInt)MIN(window->in_left, (size_t)1 << 30);

	if (unpack->at_end)
		return window->in_left == 0 ? 0 : gz_between(unpack, window, err);
	unpack->gz.next_in = (Bytef *)(uintptr_t)window->in;
	unpack->gz.avail_in = in;
	unpack->gz.next_out = window->out;
	unpack->gz.avail_out = (uInt)window->out_left;
	int rc = inflate(&unpack->gz, Z_NO_FLUSH);
	window->in += in - unpack->gz.avail_in;
	window->in_left -= in - unpack->gz.avail_in;
	window->out_left = unpack->gz.avail_out;
	unpack->at_end = rc == Z_STREAM_END;
	return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : damaged(unpack, err);
}

static void
gz_stop(struct unpack *unpack)
{
	inflateEnd(&unpack->gz);
}

/* --- xz ----------------------------------------------------------------------------------------------------------- */

static bool
xz_start(struct unpack *unpack)
{
	unpack->xz = (lzma_stream)LZMA_STREAM_INIT;
	return lzma_stream_decoder(&unpack->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
}

static int
xz_code(struct unpack *unpack, struct window *window, lzma_action action, struct error *err)
{
	unpack->xz.next_in = window->in;
	unpack->xz.avail_in = window->in_left;
	unpack->xz.next_out = window->out;
	unpack->xz.avail_out = window->out_left;
	lzma_ret rc = lzma_code(&unpack->xz, action);
	window->in = unpack->xz.next_in;
	window->in_left = unpack->xz.avail_in;
	window->out_left = unpack->xz.avail_out;
	unpack->at_end = rc == LZMA_STREAM_END;
	if (rc == LZMA_MEMLIMIT_ERROR)
		return error_set(
		    err, EINVAL, "the xz compression of the image wants more than %d MiB of memory", XZ_MEMORY >> 20);
	return rc == LZMA_OK || rc == LZMA_STREAM_END || rc == LZMA_BUF_ERROR ? 0 : damaged(unpack, err);
}

static int
xz_step(struct unpack *unpack, struct window *window, struct error *err)
{
	return xz_code(unpack, window, LZMA_RUN, err);
}

/* The decoder of several streams does not know which is the last before it is told. */
static int
xz_end(struct unpack *unpack, struct error *err)
{
	struct window window = {.out = unpack->output, .out_left = OUTPUT};

	if (xz_code(unpack, &window, LZMA_FINISH, err) < 0)
		return -1;
	return end_complete(unpack, err);
}

static void
xz_stop(struct unpack *unpack)
{
	lzma_end(&unpack->xz);
}

/* --- zst ---------------------------------------------------------------------------------------------------------- */

static bool
zst_start(struct unpack *unpack)
{
	unpack->zst = ZSTD_createDStream();
	return unpack->zst != NULL &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(unpack->zst, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
}

static int
zst_step(struct unpack *unpack, struct window *window, struct error *err)
{
	ZSTD_inBuffer in = {window->in, window->in_left, 0};
	ZSTD_outBuffer out = {window->out, window->out_left, 0};

	size_t rc = ZSTD_decompressStream(unpack->zst, &out, &in);
	if (ZSTD_isError(rc))
		return error_set(err, EINVAL,
		    "the zst compression of the image is damaged or wants too much memory (%s)", ZSTD_getErrorName(rc));
	window->in += in.pos;
	window->in_left -= in.pos;
	window->out_left -= out.pos;
	/* Asked again with nothing, it wants the header of a next frame: that is no new beginning. */
	if (in.pos > 0 || out.pos > 0)
		unpack->at_end = rc == 0;
	return 0;
}

static void
zst_stop(struct unpack *unpack)
{
	ZSTD_freeDStream(unpack->zst);
}

/* --- none --------------------------------------------------------------------------------------------------------- */

static const struct codec codecs[] = {
	[IMAGE_PLAIN] = {"plain", NULL, NULL, NULL, NULL},
	[IMAGE_GZ] = {"gz", gz_start, gz_step, end_complete, gz_stop},
	[IMAGE_XZ] = {"xz", xz_start, xz_step, xz_end, xz_stop},
	[IMAGE_ZST] = {"zst", zst_start, zst_step, end_complete, zst_stop},
};

struct unpack *
unpack_new(enum image_compression compression, unpack_sink *sink, void *arg)
{
	struct unpack *unpack = g_new0(struct unpack, 1);

	unpack->codec = &codecs[compression];
	unpack->sink = sink;
	unpack->arg = arg;
	if (unpack->codec->start != NULL && !unpack->codec->start(unpack))
		g_error("no memory for the %s decompressor", unpack->codec->name);
	return unpack;
}

void
unpack_free(struct unpack *unpack)
{
	if (unpack == NULL)
		return;
	if (unpack->codec->stop != NULL)
		unpack->codec->stop(unpack);
	g_free(unpack);
}

int
unpack_feed(struct unpack *unpack, const uint8_t *data, size_t length, struct error *err)
{
	struct window window = {.in = data, .in_left = length};
	bool was_full = false; /* then more may wait inside of the decoder */

	if (unpack->codec->step == NULL)
		return unpack->sink(unpack->arg, data, length, err);
	while (window.in_left > 0 || was_full) {
		window.out = unpack->output;
		window.out_left = OUTPUT;
		if (unpack->codec->step(unpack, &window, err) < 0)
			return -1;
		was_full = window.out_left == 0;
		if (window.out_left < OUTPUT &&
		    unpack->sink(unpack->arg, unpack->output, OUTPUT - window.out_left, err) < 0)
			return -1;
	}
	return 0;
}

int
unpack_end(struct unpack *unpack, struct error *err)
{
	return unpack->codec->end == NULL ? 0 : unpack->codec->end(unpack, err);
}
