/* A file out of layers; see layers.h.  The topmost layer is read first: the first file of a name that is met is the one. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/layers.h"
#include "storage/tar.h"

enum { PIECE = 256 << 10 };

/* What is looked for, and what is known so far. */
struct search {
	const char *file; /* or NULL: the only one in disk/ */
	unpack_sink *sink;
	layers_progress *progress;
	void *arg;
	int64_t limit, unpacked; /* bytes of the layer */
	int64_t done, total;     /* bytes of all, packed */
	struct tar *tar;
	char *found;             /* name of what was taken, or NULL */
	bool found_here;         /* in this layer */
	GHashTable *hidden;      /* names that lower layers cannot show */
	GHashTable *hiding;      /* ... that this layer hides */
};

/* --- opening ------------------------------------------------------------------------------------------------------------ */

int
layers_open(struct layer *layers, size_t count, struct error *err)
{
	struct stat st;

	for (size_t i = 0; i < count; i++)
		layers[i].fd = -1;
	for (size_t i = 0; i < count; i++) {
		layers[i].fd = open(layers[i].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (layers[i].fd < 0)
			return error_errno(err, "cannot open the layer %s", layers[i].path);
		if (fstat(layers[i].fd, &st) != 0 || !S_ISREG(st.st_mode))
			return error_set(err, EINVAL, "the layer %s is not a file", layers[i].path);
	}
	return 0;
}

void
layers_close(struct layer *layers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (layers[i].fd >= 0)
			close(layers[i].fd);
}

/* --- entries ------------------------------------------------------------------------------------------------------------ */

/* Itself, or a folder that it is in. */
static bool
is_hidden(const struct search *s, const char *name)
{
	g_autofree char *path = g_strdup(name);

	for (char *slash = path; slash != NULL; slash = strrchr(path, '/')) {
		if (slash != path)
			*slash = '\0';
		if (g_hash_table_contains(s->hidden, path))
			return true;
	}
	return false;
}

/* ".wh.NAME" hides NAME of lower layers, ".wh..wh..opq" all that they have in its folder. */
static bool
note_whiteout(struct search *s, const char *name)
{
	g_autofree char *base = g_path_get_basename(name), *folder = g_path_get_dirname(name);

	if (!g_str_has_prefix(base, ".wh."))
		return false;
	bool opaque = strcmp(base, ".wh..wh..opq") == 0, top = strcmp(folder, ".") == 0;
	g_hash_table_add(s->hiding, opaque ? g_strdup(folder) : top ? g_strdup(base + 4) : g_build_filename(folder, base + 4, NULL));
	return true;
}

static bool
is_candidate(const struct search *s, const char *name)
{
	if (s->file != NULL)
		return strcmp(name, s->file + strspn(s->file, "/")) == 0;
	return g_str_has_prefix(name, "disk/") && name[5] != '\0' && strchr(name + 5, '/') == NULL;
}

static int
on_entry(void *arg, const char *full, enum tar_kind kind, int64_t size, struct error *err)
{
	const char *name = tar_relative(full);
	struct search *s = arg;

	(void)size;
	if (note_whiteout(s, name) || !is_candidate(s, name) || is_hidden(s, name))
		return 0;
	if (s->found != NULL && strcmp(s->found, name) == 0)
		return s->found_here ? error_set(err, EINVAL, "the image has the file /%s twice", name) : 0;
	if (s->found != NULL)
		return error_set(err, EINVAL, "the image has both /%s and /%s: name one of them by path", s->found, name);
	if (kind != TAR_FILE)
		return error_set(err, EINVAL, "/%s in the image is not a plain file", name);
	s->found = g_strdup(name);
	s->found_here = true;
	return 1;
}

static int
on_data(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct search *s = arg;

	return s->sink(s->arg, data, length, err);
}

/* --- one layer ---------------------------------------------------------------------------------------------------------- */

static int
on_unpacked(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct search *s = arg;

	s->unpacked += (int64_t)length;
	if (s->unpacked > s->limit)
		return error_set(err, EINVAL, "a layer of the image has more bytes than can be unpacked");
	return tar_feed(s->tar, data, length, err);
}

static ssize_t
read_piece(int fd, uint8_t *buffer, struct error *err)
{
	ssize_t n;

	do
		n = read(fd, buffer, PIECE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		error_errno(err, "cannot read a layer");
	return n;
}

static int
stream_file(const struct layer *layer, unpack_sink *sink, void *arg, struct error *err)
{
	g_autofree uint8_t *buffer = g_malloc(PIECE);
	ssize_t n;

	while ((n = read_piece(layer->fd, buffer, err)) > 0)
		if (sink(arg, buffer, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

/* A layer that is being read. */
struct reading {
	struct search *search;
	const struct layer *layer;
	GChecksum *digest;
	GByteArray *head; /* until unpack is there */
	struct unpack *unpack;
	int64_t left;     /* bytes that may come; of a stream, a file has its end */
};

static int
begin_unpack(struct reading *r, struct error *err)
{
	r->unpack = unpack_new(image_compression(r->head->data, r->head->len), on_unpacked, r->search);
	return unpack_feed(r->unpack, r->head->data, r->head->len, err);
}

static int
on_packed(void *arg, const uint8_t *data, size_t length, struct error *err)
{
	struct reading *r = arg;

	if (r->layer->stream != NULL && (int64_t)length > r->left)
		return error_set(err, EINVAL, "the layer %s is damaged: it has more bytes than its manifest says", r->layer->path);
	r->left -= (int64_t)length;
	g_checksum_update(r->digest, data, (gssize)length);
	r->search->progress(r->search->arg, r->search->done += (int64_t)length, r->search->total);
	if (r->unpack != NULL)
		return unpack_feed(r->unpack, data, length, err);
	g_byte_array_append(r->head, data, (guint)length);
	return r->head->len < IMAGE_MAGIC ? 0 : begin_unpack(r, err);
}

static int
end_layer(struct reading *r, struct error *err)
{
	if (r->head->len == 0)
		return error_set(err, EINVAL, "the layer %s is empty", r->layer->path);
	if (r->unpack == NULL && begin_unpack(r, err) < 0)
		return -1;
	return unpack_end(r->unpack, err) < 0 ? -1 : tar_end(r->search->tar, err);
}

static int
feed_layer(struct search *s, const struct layer *layer, GChecksum *digest, struct error *err)
{
	g_autoptr(GByteArray) head = g_byte_array_new();
	struct reading reading = {.search = s, .layer = layer, .digest = digest, .head = head, .left = layer->size};
	layer_stream *stream = layer->stream != NULL ? layer->stream : stream_file;

	int rc = stream(layer, on_packed, &reading, err) < 0 || end_layer(&reading, err) < 0 ? -1 : 0;
	unpack_free(reading.unpack);
	return rc;
}

static int
read_layer(struct search *s, const struct layer *layer, struct error *err)
{
	GChecksum *digest = g_checksum_new(G_CHECKSUM_SHA256);

	s->unpacked = 0;
	s->found_here = false;
	s->tar = tar_new("the layer", on_entry, on_data, s);
	int rc = feed_layer(s, layer, digest, err);
	if (rc == 0 && g_ascii_strcasecmp(g_checksum_get_string(digest), layer->sha256) != 0)
		rc = error_set(err, EINVAL, "the layer %s is damaged: its bytes have sha256:%s", layer->path,
		    g_checksum_get_string(digest));
	tar_free(s->tar);
	g_checksum_free(digest);
	return rc;
}

static void
hide(void *key, void *value, void *hidden)
{
	(void)value;
	g_hash_table_add(hidden, g_strdup(key));
}

static int64_t
size_of(const struct layer *layers, size_t count)
{
	int64_t size = 0;
	struct stat st;

	for (size_t i = 0; i < count; i++)
		size += layers[i].stream != NULL ? layers[i].size : fstat(layers[i].fd, &st) == 0 ? st.st_size : 0;
	return size;
}

int
layers_read(const struct layer *layers, size_t count, const char *file, int64_t limit, unpack_sink *sink,
    layers_progress *progress, void *arg, struct error *err)
{
	g_autoptr(GHashTable) hidden = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) hiding = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct search s = {.file = file, .sink = sink, .progress = progress, .arg = arg, .limit = limit, .total = size_of(layers, count),
	    .hidden = hidden, .hiding = hiding};
	int rc = 0;

	/* A file that was named is the topmost one; that /disk has only one is known when all were read. */
	for (size_t i = count; rc == 0 && i-- > 0 && (file == NULL || s.found == NULL);) {
		rc = read_layer(&s, &layers[i], err);
		g_hash_table_foreach(hiding, hide, hidden);
	}
	if (rc == 0 && s.found == NULL)
		rc = error_set(err, EINVAL, "the image has no file %s", file != NULL ? file : "in /disk");
	g_free(s.found);
	return rc;
}
