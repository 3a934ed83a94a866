/* Container images in a directory; see oci.h.  Source: opencontainers/image-spec, image-layout.md, image-index.md, manifest.md. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/error.h"
#include "storage/oci.h"

enum {
	JSON_MOST = 4 << 20, /* bytes of an index or a manifest */
	LAYERS_MOST = 128,
	NESTING_MOST = 4, /* indexes that lead to a manifest */
	DIGITS = 64,
};

/* --- names ---------------------------------------------------------------------------------------------------------- */

/* A name's parts: "folder" and either "tag" or "digest" (hexadecimal). */
struct reference {
	char *folder, *tag, *digest;
};

static void
reference_clear(struct reference *r)
{
	g_free(r->folder);
	g_free(r->tag);
	g_free(r->digest);
}

/* The hexadecimal digits of "sha256:...", or NULL. */
static const char *
digest_digits(const char *digest)
{
	const char *digits = digest != NULL && g_str_has_prefix(digest, "sha256:") ? digest + 7 : NULL;

	return digits != NULL && strspn(digits, "0123456789abcdef") == DIGITS && digits[DIGITS] == '\0' ? digits : NULL;
}

/* Folders below ours, nothing else: no empty one, none that begins with a dot. */
static bool
is_folder(const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", -1);

	for (char **part = parts; *part != NULL; part++)
		if (!g_ascii_isalnum(**part) ||
		    (*part)[strspn(*part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:")] != '\0')
			return false;
	return parts[0] != NULL;
}

static int
reference_parse(const char *image, struct reference *r, struct error *err)
{
	const char *at = strchr(image, '@'), *slash = strrchr(image, '/'), *colon = strrchr(slash == NULL ? image : slash, ':');

	if (at != NULL) {
		colon = memchr(slash == NULL || slash > at ? image : slash, ':', (size_t)(at - (slash == NULL || slash > at ? image : slash)));
		r->digest = g_strdup(digest_digits(at + 1));
	}
	size_t length = colon != NULL ? (size_t)(colon - image) : at != NULL ? (size_t)(at - image) : strlen(image);
	r->folder = g_strndup(image, length);
	if (at == NULL)
		r->tag = g_strdup(colon == NULL ? "latest" : colon + 1);
	if (!is_folder(r->folder) || (at != NULL && r->digest == NULL) || (at == NULL && *r->tag == '\0'))
		return error_set(err, EINVAL, "\"%s\" is no name of an image, such as quay.io/containerdisks/debian:12", image);
	return 0;
}

/* --- files of a layout ----------------------------------------------------------------------------------------------- */

static int
read_whole(int fd, const char *path, char **text, size_t *length, struct error *err)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > JSON_MOST)
		return error_set(err, EINVAL, "%s is not a small file", path);
	*text = g_malloc((size_t)st.st_size + 1);
	for (ssize_t n; done < (size_t)st.st_size; done += (size_t)n) {
		n = read(fd, *text + done, (size_t)st.st_size - done);
		if (n <= 0)
			break;
	}
	*length = done;
	return done == (size_t)st.st_size ? 0 : error_set(err, EIO, "cannot read %s", path);
}

/* The JSON object of a file; digest: what its bytes must have, or NULL. */
static json_t *
read_json(const char *path, const char *digest, struct error *err)
{
	g_autofree char *text = NULL, *found = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	json_error_t problem;

	if (fd < 0) {
		error_errno(err, "cannot open %s", path);
		return NULL;
	}
	int rc = read_whole(fd, path, &text, &length, err);
	close(fd);
	if (rc < 0)
		return NULL;
	found = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const unsigned char *)text, length);
	if (digest != NULL && strcmp(found, digest) != 0) {
		error_set(err, EINVAL, "%s is damaged: its bytes have sha256:%s", path, found);
		return NULL;
	}
	json_t *tree = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
	if (!json_is_object(tree)) {
		error_set(err, EINVAL, "%s is no JSON object: %s", path, tree == NULL ? problem.text : "something else");
		json_decref(tree);
		return NULL;
	}
	return tree;
}

static char *
blob_path(const char *folder, const char *digits)
{
	return g_build_filename(folder, "blobs", "sha256", digits, NULL);
}

/* --- from the index to the manifest ----------------------------------------------------------------------------------- */

static const char *
member(const json_t *object, const char *outer, const char *inner)
{
	return json_string_value(json_object_get(json_object_get(object, outer), inner));
}

static const char *
descriptor_digits(const json_t *descriptor)
{
	return digest_digits(json_string_value(json_object_get(descriptor, "digest")));
}

/* The descriptor in layout's own index that a name means, or NULL. */
static const json_t *
choose_named(const json_t *index, const char *image, const struct reference *r)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, item) {
		const char *name = member(item, "annotations", "org.opencontainers.image.ref.name");
		if (r->digest != NULL ? g_strcmp0(descriptor_digits(item), r->digest) == 0
		                      : g_strcmp0(name, r->tag) == 0 || g_strcmp0(name, image) == 0)
			return item;
	}
	return NULL;
}

/* Of one image for several machines. */
static const json_t *
choose_machine(const json_t *index, const char *architecture)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, item)
		if (g_strcmp0(member(item, "platform", "architecture"), architecture) == 0)
			return item;
	return NULL;
}

static int
take_layers(const json_t *manifest, struct oci_image *found, struct error *err)
{
	const json_t *layers = json_object_get(manifest, "layers"), *item;
	size_t i;

	if (json_array_size(layers) == 0 || json_array_size(layers) > LAYERS_MOST)
		return error_set(err, EINVAL, "the manifest sha256:%s has %zu layers: 1 to %d can be read", found->digest,
		    json_array_size(layers), LAYERS_MOST);
	json_array_foreach(layers, i, item) {
		const char *digits = descriptor_digits(item);
		if (digits == NULL)
			return error_set(err, EINVAL, "the manifest sha256:%s has a layer without a sha256 digest", found->digest);
		g_ptr_array_add(found->layers, g_strdup(digits));
	}
	return 0;
}

/* Follows a descriptor to the manifest behind it. */
static int
follow(const char *folder, const json_t *descriptor, const char *architecture, int depth, struct oci_image *found, struct error *err)
{
	const char *digits = descriptor_digits(descriptor);
	int rc;

	if (digits == NULL || depth == 0)
		return error_set(err, EINVAL, "the layout %s has a manifest without a sha256 digest, or too deep an index", folder);
	g_autofree char *path = blob_path(folder, digits);
	json_t *tree = read_json(path, digits, err);
	if (tree == NULL)
		return -1;
	if (json_object_get(tree, "manifests") != NULL) {
		const json_t *next = choose_machine(tree, architecture);
		rc = next == NULL ? error_set(err, ENOENT, "the image in %s is not for %s", folder, architecture)
		                  : follow(folder, next, architecture, depth - 1, found, err);
	} else {
		found->digest = g_strdup(digits);
		rc = take_layers(tree, found, err);
	}
	json_decref(tree);
	return rc;
}

static int
find(const char *image, const struct reference *r, const char *architecture, struct oci_image *found, struct error *err)
{
	g_autofree char *path = g_build_filename(found->folder, "index.json", NULL);
	json_t *index;

	if (access(path, F_OK) != 0)
		return error_set(err, ENOENT, "there is no image %s: the directory %s has no OCI layout (index.json)", image, found->folder);
	index = read_json(path, NULL, err);
	if (index == NULL)
		return -1;
	const json_t *descriptor = choose_named(index, image, r);
	int rc = descriptor == NULL
	    ? error_set(err, ENOENT, "there is no image %s: the OCI layout %s has no manifest of this name", image, found->folder)
	    : follow(found->folder, descriptor, architecture, NESTING_MOST, found, err);
	json_decref(index);
	return rc;
}

int
oci_find(const char *directory, const char *image, const char *architecture, struct oci_image *found, struct error *err)
{
	struct oci_image result = {.layers = g_ptr_array_new_with_free_func(g_free)};
	struct reference r = {0};
	int rc = reference_parse(image, &r, err);

	if (rc == 0) {
		result.folder = g_build_filename(directory, r.folder, NULL);
		rc = find(image, &r, architecture, &result, err);
	}
	reference_clear(&r);
	if (rc == 0)
		*found = result;
	else
		oci_image_clear(&result);
	return rc;
}

void
oci_image_clear(struct oci_image *image)
{
	g_free(image->digest);
	g_free(image->folder);
	if (image->layers != NULL)
		g_ptr_array_unref(image->layers);
	memset(image, 0, sizeof(*image));
}

char *
oci_layer_path(const struct oci_image *image, const char *layer)
{
	return blob_path(image->folder, layer);
}
