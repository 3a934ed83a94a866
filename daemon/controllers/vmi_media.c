/* Secrets, ConfigMaps and metadata on a host; see vmi_media.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi_media.h"
#include "src/api/core.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/host_verbs.h"

enum { AGAIN_MS = 1000, AGAIN_MOST_MS = 60000 };

/* --- what they are made of ------------------------------------------------------------------------------------------ */

/* Where a lookup looks. */
struct place {
	struct daemon *daemon;
	const char *namespace;
};

const struct secret *
media_secret(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = store_get(daemon->store, KIND_SECRET, namespace, name);

	return object == NULL ? NULL : object->value;
}

static const struct secret *
lookup_secret(void *arg, const char *name)
{
	const struct place *p = arg;

	return media_secret(p->daemon, p->namespace, name);
}

static const struct config_map *
lookup_config_map(void *arg, const char *name)
{
	const struct place *p = arg;
	const struct object *object = store_get(p->daemon->store, KIND_CONFIG_MAP, p->namespace, name);

	return object == NULL ? NULL : object->value;
}

/* --- images --------------------------------------------------------------------------------------------------------- */

int
media_file(const GByteArray *bytes, struct error *err)
{
	int fd = memfd_create("seed", MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return error_errno(err, "cannot make a seed image");
	while (done < bytes->len) {
		ssize_t n = write(fd, bytes->data + done, bytes->len - done);
		if (n <= 0) {
			error_errno(err, "cannot make a seed image");
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static GByteArray *
build(struct daemon *daemon, const struct vmi *vmi, const struct volume *v, struct error *err)
{
	struct place place = { daemon, vmi->head.meta->namespace };
	const struct seed_lookup lookup = { lookup_secret, lookup_config_map, &place };

	return seed_build(vmi, v, &lookup, err);
}

int
media_step(struct daemon *daemon, const struct vmi *vmi, const struct volume *v, const char *file, struct job_step *step,
    struct error *err)
{
	g_autoptr(GByteArray) bytes = build(daemon, vmi, v, err);

	if (bytes == NULL)
		return error_wrap(err, "volume %s: ", v->name);
	step->fd = media_file(bytes, err);
	if (step->fd < 0)
		return -1;
	step->verb = "volume-upload";
	step->args = json_pack("{s:s,s:s,s:s}", "pool", daemon->config->pool->name, "volume", file, "format", "raw");
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

int64_t
media_size(struct daemon *daemon, const struct vmi *vmi, const struct volume *v)
{
	struct error gone = { 0 };
	g_autoptr(GByteArray) bytes = build(daemon, vmi, v, &gone);

	return bytes == NULL ? 0 : bytes->len;
}

/* --- directories ---------------------------------------------------------------------------------------------------- */

char *
folder_name(const char *uid, const struct volume *v)
{
	return g_strdup_printf("share-%s-%s", uid, v->name);
}

int
folder_step(struct daemon *daemon, const struct vmi *vmi, const struct volume *v, struct job_step *step, struct error *err)
{
	struct place place = { daemon, vmi->head.meta->namespace };
	const struct seed_lookup lookup = { lookup_secret, lookup_config_map, &place };
	g_autofree char *folder = folder_name(vmi->head.meta->uid, v);
	json_t *files = seed_files(vmi, v, &lookup, err);

	if (files == NULL)
		return error_wrap(err, "volume %s: ", v->name);
	step->verb = "folder-fill";
	step->args = json_pack("{s:s,s:s,s:o}", "pool", daemon->config->pool->name, "folder", folder, "files", files);
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

/* --- directories of guests that run --------------------------------------------------------------------------------- */

struct folders {
	struct daemon *daemon;
	GHashTable *filled; /* uid -> checksum of what its directories hold */
};

/* Calls under way, one after the other. */
struct filling {
	struct daemon *daemon;
	char *namespace, *name, *uid, *sum;
	GPtrArray *steps; /* json_t *: arguments of folder-fill */
	guint next;
};

struct folders *
folders_new(struct daemon *daemon)
{
	struct folders *f = g_new0(struct folders, 1);

	f->daemon = daemon;
	f->filled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return f;
}

void
folders_free(struct folders *folders)
{
	g_hash_table_destroy(folders->filled);
	g_free(folders);
}

void
folders_forget(struct folders *folders, const char *uid)
{
	g_hash_table_remove(folders->filled, uid);
}

static void
release(void *tree)
{
	json_decref(tree);
}

static void
filling_free(struct filling *f)
{
	g_free(f->namespace);
	g_free(f->name);
	g_free(f->uid);
	g_free(f->sum);
	g_ptr_array_unref(f->steps);
	g_free(f);
}

/* Looks at the instance again when what a volume is made of changes. */
static void
await_source(struct daemon *daemon, const struct object *object, const struct volume *v)
{
	if (v->config_map != NULL)
		controllers_await(daemon, object, KIND_CONFIG_MAP, object->namespace, v->config_map->name);
	if (v->secret != NULL)
		controllers_await(daemon, object, KIND_SECRET, object->namespace, v->secret->secret_name);
}

/* What its directories are to hold now, in f->steps and f->sum. */
static void
collect(struct filling *f, const struct object *object)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const struct vmi *vmi = object->value;

	SCHEMA_EACH (struct filesystem, fs, &vmi->spec->domain->devices->filesystems) {
		const struct volume *v = vmi_volume(vmi->spec, fs->name);
		struct job_step step = { .fd = -1 };
		struct error gone = { 0 };

		if (v == NULL || !seed_is_folder(v))
			continue;
		await_source(f->daemon, object, v);
		if (folder_step(f->daemon, vmi, v, &step, &gone) < 0)
			continue;
		char *text = json_dumps(step.args, JSON_COMPACT | JSON_SORT_KEYS);
		g_checksum_update(sum, (const guchar *)text, -1);
		free(text);
		g_ptr_array_add(f->steps, step.args);
	}
	f->sum = g_strdup(g_checksum_get_string(sum));
}

static int
fill_next(void *context, struct job_step *step, struct error *err)
{
	struct filling *f = context;
	const struct object *object = store_get(f->daemon->store, KIND_VMI, f->namespace, f->name);
	const struct vmi *vmi = object == NULL ? NULL : object->value;

	if (f->next == f->steps->len)
		return 0;
	if (vmi == NULL || strcmp(object->uid, f->uid) != 0 || vmi->head.meta->deletion_timestamp != 0)
		return error_set(err, ECANCELED, "the instance is being deleted");
	step->verb = "folder-fill";
	step->args = json_incref(f->steps->pdata[f->next++]);
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

static void
fill_done(void *context, const struct error *error)
{
	struct filling *f = context;
	const struct object *object = store_get(f->daemon->store, KIND_VMI, f->namespace, f->name);
	struct folders *folders = f->daemon->folders;

	if (folders != NULL && object != NULL && strcmp(object->uid, f->uid) == 0) {
		if (error == NULL)
			g_hash_table_replace(folders->filled, g_strdup(f->uid), g_steal_pointer(&f->sum));
		else
			controllers_requeue(f->daemon, object, controllers_pace_fail(f->daemon, object, AGAIN_MS, AGAIN_MOST_MS) * AGAIN_MS);
		if (error != NULL && error->code != ECANCELED && error->code != EHOSTDOWN)
			daemon_event(f->daemon, object, "Warning", "SyncFailed", "%s", error->text);
	}
	filling_free(f);
}

static const struct job_class fill_class = { fill_next, NULL, fill_done };

void
folders_follow(struct folders *folders, const struct object *object, struct host *host)
{
	const struct vmi *vmi = object->value;
	struct filling *f;

	if (vmi->spec->domain->devices->filesystems.count == 0 || controllers_pace_left(folders->daemon, object) > 0)
		return;
	f = g_new0(struct filling, 1);
	*f = (struct filling){ .daemon = folders->daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .steps = g_ptr_array_new_with_free_func(release) };
	collect(f, object);
	if (g_strcmp0(g_hash_table_lookup(folders->filled, object->uid), f->sum) == 0 ||
	    !job_begin(folders->daemon, object, host, &fill_class, f))
		filling_free(f);
}
