/* Container images as disks; see images.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/import.h"
#include "src/api/config.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "storage/oci.h"

#define PREFIX "image-"  /* PREFIX KEY: the key tells manifest, file and how it was taken */
#define WHOLE ".img"
#define PART ".part"     /* being unpacked */

enum {
	AGAIN_MS = 10000,      /* after a failure that may pass */
	KEPT_LEAST_MS = 10000, /* until the instance that it was unpacked for has its link */
};
#define DISK_MOST (INT64_C(256) << 30) /* bytes of a disk in an image */

struct failure {
	int code;
	char *text;
	int64_t until; /* monotonic ms */
};

struct images {
	GHashTable *failures; /* key -> struct failure */
};

static void
failure_free(void *item)
{
	struct failure *f = item;

	g_free(f->text);
	g_free(f);
}

static struct images *
images_of(struct daemon *daemon)
{
	if (daemon->images == NULL) {
		daemon->images = g_new0(struct images, 1);
		daemon->images->failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, failure_free);
	}
	return daemon->images;
}

char *
images_pool_path(struct daemon *daemon, const char *name)
{
	return g_build_filename(daemon->config->pool->path, name, NULL);
}

static char *
image_path(struct daemon *daemon, const char *key, const char *suffix)
{
	g_autofree char *name = g_strconcat(PREFIX, key, suffix, NULL);

	return images_pool_path(daemon, name);
}

static char *
image_key(const struct oci_image *image, const struct image_wish *wish)
{
	g_autofree char *text = g_strdup_printf("%s\n%s\n%d", image->digest, wish->file == NULL ? "" : wish->file, wish->verbatim);

	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* --- unpacking ------------------------------------------------------------------------------------------------------- */

struct unpacking {
	struct daemon *daemon;
	char *key, *image;
};

static void
note_failure(const struct unpacking *u, int code, const char *text)
{
	struct failure *f = g_new0(struct failure, 1);

	/* An image that will never do is another one, under another digest, when it will. */
	*f = (struct failure){ code, g_strdup(text), code == EINVAL ? INT64_MAX : clock_monotonic_ms() + AGAIN_MS };
	g_hash_table_insert(images_of(u->daemon)->failures, g_strdup(u->key), f);
	log_warning("image %s: %s", u->image, text);
}

static void
on_unpacked(void *arg, json_t *result, const struct error *error)
{
	struct unpacking *u = arg;
	g_autofree char *part = image_path(u->daemon, u->key, PART), *whole = image_path(u->daemon, u->key, WHOLE);
	struct error err = { 0 };

	(void)result;
	if (error == NULL && (chmod(part, 0400) != 0 || rename(part, whole) != 0))
		error_errno(&err, "cannot keep %s", whole);
	if (error == NULL && err.code != 0)
		error = &err;
	if (error != NULL)
		unlink(part);
	if (error != NULL && error->code != ECANCELED)
		note_failure(u, error->code, error->text);
	if (error == NULL)
		log_notice("image %s was unpacked into %s", u->image, whole);
	g_free(u->key);
	g_free(u->image);
	g_free(u);
}

static json_t *
import_args(const struct oci_image *image, const struct image_wish *wish)
{
	json_t *layers = json_array(), *args;

	for (guint i = 0; i < image->layers->len; i++) {
		g_autofree char *path = oci_layer_path(image, image->layers->pdata[i]);
		json_array_append_new(layers, json_pack("{s:s,s:s}", "path", path, "sha256", image->layers->pdata[i]));
	}
	args = json_pack("{s:o,s:b,s:I}", "layers", layers, "verbatim", wish->verbatim, "capacity", (json_int_t)DISK_MOST);
	if (wish->file != NULL && *wish->file != '\0')
		json_object_set_new(args, "file", json_string(wish->file));
	return args;
}

static int
begin(struct daemon *daemon, const struct oci_image *image, const struct image_wish *wish, const char *key, struct error *err)
{
	g_autofree char *part = image_path(daemon, key, PART);
	struct import_request request = { .uid = key, .stream = -1, .done = on_unpacked };
	struct unpacking *u;
	int fd;

	if (!imports_have_room(daemon))
		return 0;
	g_mkdir_with_parents(daemon->config->pool->path, 0711); /* no libvirt of this machine may have made it */
	unlink(part); /* of an earlier life */
	fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, "cannot make %s", part);
	request.target = fd;
	u = g_new0(struct unpacking, 1);
	*u = (struct unpacking){ daemon, g_strdup(key), g_strdup(wish->image) };
	request.arg = u;
	request.args = import_args(image, wish);
	if (import_start(daemon, &request, err) == 0)
		return 0;
	unlink(part);
	g_free(u->key);
	g_free(u->image);
	g_free(u);
	return -1;
}

static int
look(struct daemon *daemon, const struct oci_image *image, const struct image_wish *wish, char **path, struct error *err)
{
	g_autofree char *key = image_key(image, wish), *whole = image_path(daemon, key, WHOLE);
	const struct failure *f = g_hash_table_lookup(images_of(daemon)->failures, key);

	if (access(whole, F_OK) == 0) {
		*path = g_steal_pointer(&whole);
		return 1;
	}
	if (import_is_running(daemon, key))
		return 0;
	if (f != NULL && clock_monotonic_ms() < f->until)
		return error_set(err, f->code, "image %s: %s", wish->image, f->text);
	return begin(daemon, image, wish, key, err);
}

int
images_get(struct daemon *daemon, const struct image_wish *wish, char **path, struct error *err)
{
	struct oci_image image = { 0 };
	int r;

	if (oci_find(daemon->config->images->directory, wish->image, wish->architecture, &image, err) != 0)
		return -1;
	r = look(daemon, &image, wish, path, err);
	oci_image_clear(&image);
	return r;
}

int
images_link(struct daemon *daemon, const char *path, const char *name, struct error *err)
{
	g_autofree char *own = images_pool_path(daemon, name);

	return link(path, own) == 0 || errno == EEXIST ? 0 : error_errno(err, "cannot link %s to %s", own, path);
}

/* --- what nobody uses ------------------------------------------------------------------------------------------------ */

/* The last link that went, or came, changed the file's ctime. */
static bool
is_unused(struct daemon *daemon, const char *path, const char *name)
{
	int64_t keep = MAX(daemon->config->trash, KEPT_LEAST_MS);
	struct stat st;

	if (!g_str_has_prefix(name, PREFIX) || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (g_str_has_suffix(name, PART)) {
		g_autofree char *key = g_strndup(name + strlen(PREFIX), strlen(name) - strlen(PREFIX PART));
		return !import_is_running(daemon, key);
	}
	return g_str_has_suffix(name, WHOLE) && st.st_nlink == 1 && daemon_now(daemon) - (int64_t)st.st_ctim.tv_sec * 1000 > keep;
}

void
images_sweep(struct daemon *daemon)
{
	GDir *dir = g_dir_open(daemon->config->pool->path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = images_pool_path(daemon, name);
		if (is_unused(daemon, path, name) && unlink(path) == 0)
			log_notice("%s is removed: no machine has used it for a while", path);
	}
	if (dir != NULL)
		g_dir_close(dir);
}

void
images_stop(struct daemon *daemon)
{
	if (daemon->images == NULL)
		return;
	g_hash_table_destroy(daemon->images->failures);
	g_clear_pointer(&daemon->images, g_free);
}
