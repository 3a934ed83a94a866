/*
 * The start of an instance on its host: DHCP entries, scratch disks, seed media, then the domain.  Every step may be repeated, so one
 * that was cut off anywhere is begun again from the first.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/addresses.h"
#include "daemon/conflicts.h"
#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_ceph.h"
#include "daemon/controllers/vmi_files.h"
#include "daemon/controllers/vmi_media.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/job.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"
#include "src/virt/loaders.h"
#include "storage/seed.h"
#include "storage/volume_verbs.h"

/* Then the instance has failed, and its machine makes another one after a while. */
enum { START_TRIES = 3 };
/* Images on their way to one host: each has a lane of it for as long as that takes, and others want to be stopped meanwhile. */
enum { UPLOADS_MOST = 2 };

struct life {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host;
	size_t interface, base, volume, folder, ceph; /* how far it is */
	struct error refused;     /* what a look at an image found */
	bool last;                /* the last step was sent */
	bool asked;               /* for an address that somebody else had when it was to start before */
	GPtrArray *paths;         /* char *, one a volume, in their order */
	GPtrArray *folders;       /* char *: directories, one a file system */
	GPtrArray *files;         /* char *: in the pool, what overlays lie over */
	char *path;               /* of the volume under way, as the host told it */
	char *image;              /* the file of an image that is on its way to another machine */
	size_t extra;             /* how far it is with them */
	char *extras[EXTRA_COUNT]; /* paths; NULL: not wanted */
	char *told;               /* that a DHCP server is being told */
	json_t *guards;           /* of its ports, that its start puts in; or NULL */
};

static struct life *
life_new(struct daemon *daemon, const struct object *object, struct host *host)
{
	struct life *l = g_new0(struct life, 1);

	l->daemon = daemon;
	l->namespace = g_strdup(object->namespace);
	l->name = g_strdup(object->name);
	l->uid = g_strdup(object->uid);
	l->host = g_strdup(host->name);
	l->paths = g_ptr_array_new_with_free_func(g_free);
	l->folders = g_ptr_array_new_with_free_func(g_free);
	l->files = g_ptr_array_new_with_free_func(g_free);
	return l;
}

static void
life_free(struct life *l)
{
	g_ptr_array_unref(l->paths);
	g_ptr_array_unref(l->folders);
	g_ptr_array_unref(l->files);
	for (size_t i = 0; i < EXTRA_COUNT; i++)
		g_free(l->extras[i]);
	g_free(l->namespace);
	g_free(l->name);
	g_free(l->uid);
	g_free(l->host);
	g_free(l->path);
	g_free(l->told);
	json_decref(l->guards);
	g_free(l);
}

/* The instance that the job is for, or NULL when it is gone. */
static const struct object *
life_object(const struct life *l)
{
	return store_get_uid(l->daemon->store, l->uid);
}

static const struct volume *
volume_at(const struct vmi *vmi, size_t index)
{
	return index < vmi->spec->volumes.count ? (const struct volume *)vmi->spec->volumes.items + index : NULL;
}

/* --- start --------------------------------------------------------------------------------------------------------- */

/* One that is nothing but a directory has no image. */
static bool
is_disk(const struct vmi *vmi, const struct volume *v)
{
	const struct devices *devices = vmi->spec->domain->devices;

	SCHEMA_EACH (struct disk, d, &devices->disks)
		if (g_strcmp0(d->name, v->name) == 0)
			return true;
	SCHEMA_EACH (struct filesystem, f, &devices->filesystems)
		if (g_strcmp0(f->name, v->name) == 0)
			return false;
	return true;
}

static int
step_seed(struct life *l, const struct vmi *vmi, const struct volume *v, struct job_step *step, struct error *err)
{
	g_autofree char *file = vmi_volume_file(l->uid, v);

	return media_step(l->daemon, vmi, v, file, step, err);
}

static int
step_empty(struct life *l, const struct volume *v, struct job_step *step)
{
	g_autofree char *file = vmi_volume_file(l->uid, v);

	step->verb = "volume-create";
	step->args = json_pack("{s:s,s:s,s:I,s:s,s:b}", "pool", l->daemon->config->pool->name, "volume", file, "capacity",
	    (json_int_t)v->empty_disk->capacity, "format", "qcow2", "preallocate", 0);
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

/* What the guest writes goes into a file of the instance's own; what lies under it is never written. */
static int
step_overlay(struct life *l, const struct volume *v, const char *base, const char *format, struct job_step *step)
{
	g_autofree char *file = vmi_volume_file(l->uid, v);

	step->verb = "volume-create";
	step->args = json_pack("{s:s,s:s,s:s,s:s,s:s}", "pool", l->daemon->config->pool->name, "volume", file, "format", "qcow2",
	    "backing", base, "backingFormat", format);
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

static int
step_ephemeral(struct life *l, const struct object *object, const struct volume *v, struct job_step *step, struct error *err)
{
	const char *claim = volume_base_claim(v);
	struct volume_place base;

	if (claim == NULL)
		return error_set(err, EINVAL, "volume %s: ephemeral names no persistentVolumeClaim", v->name);
	if (!claim_volume(l->daemon, l->namespace, claim, &base))
		return error_set(err, EAGAIN, "volume %s: PVC %s/%s is not bound any more", v->name, l->namespace, claim);
	if (base.driver->shared)
		return vmi_ceph_clone(l->daemon, object, v->name, &base, claim_capacity(l->daemon, l->namespace, claim), step, err);
	return step_overlay(l, v, base.path, base.format, step);
}

/* A start that was cut off behind its last step: the guest has its disks. */
static bool
runs(const struct life *l)
{
	const struct host *host = host_find(l->daemon, l->host);

	return host != NULL && host_domain_is_active(host_domain_find(host, l->namespace, l->name));
}

/* To a host that does not see our files. */
static int
step_upload(struct life *l, struct host *host, const char *path, const char *name, struct job_step *step, struct error *err)
{
	if (host->uploads >= UPLOADS_MOST)
		return error_set(err, EAGAIN, "it waits for other images that are on their way to host %s", host->name);
	step->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (step->fd < 0)
		return error_errno(err, "cannot open %s", path);
	step->verb = "volume-upload";
	step->args = json_pack("{s:s,s:s,s:s}", "pool", l->daemon->config->pool->name, "volume", name, "format", "raw");
	step->deadline = VOLUME_DEADLINE_COPY;
	l->image = g_strdup(name);
	host->uploads++;
	return 1;
}

/* It is over, well or not.  What is there stays until the instance is cleaned up, also for a later try: what lies over it may be of a
 * guest that has run. */
static void
end_upload(struct life *l, bool well)
{
	struct host *host = host_find(l->daemon, l->host);
	struct error err = { 0 };

	if (l->image == NULL)
		return;
	if (host != NULL && host->uploads > 0)
		host->uploads--;
	if (well && store_record_set(l->daemon->store, VMI_UPLOADED, l->image, "", &err) != 0)
		log_warning("%s", err.text); /* it is sent once more then */
	g_clear_pointer(&l->image, g_free);
}

/* The file of a container image, under a name of the instance's own: the image may be another one tomorrow.  0: it is there. */
static int
step_image(struct life *l, const struct image_wish *wish, const char *name, struct job_step *step, struct error *err)
{
	g_autofree char *own = images_pool_path(l->daemon, name), *path = NULL;
	struct host *host = host_find(l->daemon, l->host);
	bool local = host != NULL && host->local;
	int r;

	if (host == NULL)
		return error_set(err, EHOSTDOWN, "host %s is not configured any more", l->host);
	if (local ? access(own, F_OK) == 0 : runs(l) || store_record_get(l->daemon->store, VMI_UPLOADED, name) != NULL)
		return 0;
	r = images_get(l->daemon, wish, &path, err);
	if (r == 0)
		return error_set(err, EAGAIN, "image %s is being unpacked", wish->image);
	if (r < 0)
		return -1;
	return local ? images_link(l->daemon, path, name, err) : step_upload(l, host, path, name, step, err);
}

/* What the overlays of container images lie over, before all volumes: each of those has one step of its own. */
static int
next_base(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;
	int r = 0;

	for (const struct volume *v; r == 0 && (v = volume_at(vmi, l->base)) != NULL; l->base++) {
		const struct image_wish wish = v->container_disk == NULL ? (struct image_wish){ 0 } : vmi_image(vmi, v);
		g_autofree char *file = vmi_base_file(l->uid, v);
		if (file != NULL && is_disk(vmi, v))
			r = step_image(l, &wish, file, step, err) < 0 ? error_wrap(err, "volume %s: ", v->name) : step->verb != NULL;
	}
	return r;
}

static int
step_container_disk(struct life *l, const struct volume *v, struct job_step *step)
{
	g_autofree char *file = vmi_base_file(l->uid, v), *base = images_pool_path(l->daemon, file);

	return step_overlay(l, v, base, "raw", step);
}

/* The file slic.bin or msdm.bin of a Secret that is a volume; the domain says so when there is none. */
static int
step_acpi(struct life *l, const struct vmi *vmi, enum extra extra, struct job_step *step, struct error *err)
{
	const struct volume *v = vmi_volume(vmi->spec, vmi_extra_source(vmi, extra));
	const struct secret *secret = v == NULL || v->secret == NULL ? NULL : media_secret(l->daemon, l->namespace, v->secret->secret_name);
	g_autofree char *key = g_strdup_printf("%s.bin", vmi_extra_words[extra]), *file = vmi_extra_file(l->uid, extra);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	size_t length = 0;
	g_autofree char *value = secret == NULL ? NULL : secret_value(secret, key, &length);

	if (value == NULL)
		return 0;
	g_byte_array_append(bytes, (const guint8 *)value, (guint)length);
	step->fd = media_file(bytes, err);
	if (step->fd < 0)
		return -1;
	step->verb = "volume-upload";
	step->args = json_pack("{s:s,s:s,s:s}", "pool", l->daemon->config->pool->name, "volume", file, "format", "raw");
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

/* 0: it needs no step on the host. */
static int
step_extra(struct life *l, const struct vmi *vmi, enum extra extra, struct job_step *step, struct error *err)
{
	const char *source = vmi_extra_source(vmi, extra);
	g_autofree char *file = vmi_extra_file(l->uid, extra);

	if (source == NULL)
		return 0;
	if (extra == EXTRA_SLIC || extra == EXTRA_MSDM)
		return step_acpi(l, vmi, extra, step, err);
	const struct image_wish wish = vmi_kernel_image(vmi, extra == EXTRA_INITRD);
	int r = step_image(l, &wish, file, step, err);
	if (r < 0)
		return error_wrap(err, "kernelBoot: ");
	if (r == 0)
		l->extras[extra] = images_pool_path(l->daemon, file);
	return r;
}

/* A file of the operator's own; it is made when he says so and never removed.  Only where its host shares our files. */
static int
host_disk_ready(struct life *l, const struct host_disk *h, struct error *err)
{
	struct host *host = host_find(l->daemon, l->host);
	struct stat st;
	int fd;

	if (host == NULL || !host->local)
		return error_set(err, EOPNOTSUPP, "hostDisk %s: only this machine's files can be used", h->path);
	if (lstat(h->path, &st) == 0)
		return S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)
		    ? 0
		    : error_set(err, EINVAL, "hostDisk %s is neither a regular file nor a block device", h->path);
	if (h->type != HOST_DISK_DISK_OR_CREATE)
		return error_set(err, ENOENT, "hostDisk %s does not exist (type DiskOrCreate would make it)", h->path);
	if (h->capacity == 0)
		return error_set(err, EINVAL, "hostDisk %s does not exist and has no capacity to be made with", h->path);
	fd = open(h->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(err, "cannot make hostDisk %s", h->path);
	if (ftruncate(fd, h->capacity) != 0) {
		error_errno(err, "cannot make hostDisk %s", h->path);
		close(fd);
		unlink(h->path);
		return -1;
	}
	close(fd);
	return 0;
}

/* Where a volume is that takes no step on the host: claims and host disks. */
static int
volume_path(struct life *l, const struct volume *v, struct error *err)
{
	const char *claim = volume_claim(v), *path = NULL;

	if (claim != NULL && (path = claim_path(l->daemon, l->namespace, claim)) == NULL)
		return error_set(err, EAGAIN, "volume %s: PVC %s/%s is not bound any more", v->name, l->namespace, claim);
	if (v->memory_dump != NULL) {
		g_ptr_array_add(l->paths, g_strdup("")); /* no disk of the guest's */
		return 0;
	}
	if (claim == NULL && v->host_disk == NULL)
		return error_set(err, EOPNOTSUPP, "volume %s: %s", v->name, v->container_path != NULL
		    ? "there are no containers without Kubernetes, whose paths could be shared"
		    : "metrics of the host are not handed to guests");
	if (v->host_disk != NULL && host_disk_ready(l, v->host_disk, err) != 0)
		return -1;
	g_ptr_array_add(l->paths, g_strdup(claim != NULL ? path : v->host_disk->path));
	return 0;
}

static const struct filesystem *
filesystem_at(const struct vmi *vmi, size_t index)
{
	const struct schema_list *all = &vmi->spec->domain->devices->filesystems;

	return index < all->count ? (const struct filesystem *)all->items + index : NULL;
}

/* A directory of the operator's own.  Only where its host shares our files. */
static int
host_folder_ready(struct life *l, const struct host_disk *h, struct error *err)
{
	struct host *host = host_find(l->daemon, l->host);
	struct stat st;

	if (host == NULL || !host->local)
		return error_set(err, EOPNOTSUPP, "hostDisk %s: only this machine's directories can be shared", h->path);
	if (lstat(h->path, &st) != 0)
		return error_errno(err, "hostDisk %s", h->path);
	return S_ISDIR(st.st_mode) ? 0 : error_set(err, ENOTDIR, "hostDisk %s is no directory that could be shared", h->path);
}

/* 0: it needs no step on the host. */
static int
step_folder(struct life *l, const struct vmi *vmi, const struct filesystem *f, struct job_step *step, struct error *err)
{
	const struct volume *v = vmi_volume(vmi->spec, f->name);

	if (v != NULL && seed_is_folder(v))
		return folder_step(l->daemon, vmi, v, step, err);
	if (v == NULL || v->host_disk == NULL)
		return error_set(err, EOPNOTSUPP, "filesystem %s: %s", f->name, v == NULL
		    ? "there is no volume of this name"
		    : "a volume of this kind is no directory that could be shared; attach it as a disk");
	if (host_folder_ready(l, v->host_disk, err) != 0)
		return error_wrap(err, "filesystem %s: ", f->name);
	g_ptr_array_add(l->folders, g_strdup(v->host_disk->path));
	return 0;
}

/* The directory of a volume that is shared, or NULL. */
static const char *
folder_path(const struct life *l, const struct vmi *vmi, const struct volume *v)
{
	const struct filesystem *f;

	for (size_t i = 0; (f = filesystem_at(vmi, i)) != NULL && i < l->folders->len; i++)
		if (g_strcmp0(f->name, v->name) == 0)
			return l->folders->pdata[i];
	return NULL;
}

/* Where a volume is, as the domain is to be told. */
static struct domain_volume
placed(struct life *l, const struct vmi *vmi, const struct volume *v, const char *path, struct domain_ceph *ceph)
{
	struct volume_place volume = { .format = "raw" };
	bool throw_away = v->ephemeral != NULL && claim_volume(l->daemon, l->namespace, volume_base_claim(v), &volume) && volume.driver->shared;
	bool in_ceph = (throw_away || claim_volume(l->daemon, l->namespace, volume_claim(v), &volume)) && vmi_ceph(l->daemon, &volume, ceph);
	struct domain_volume place = { .ceph = in_ceph ? ceph : NULL, .name = v->name, .path = path, .folder = folder_path(l, vmi, v),
		.claim = volume_claim(v), .format = volume.format,
		.capacity = claim_capacity(l->daemon, l->namespace, volume_claim(v)),
		.readonly = v->persistent_volume_claim != NULL && v->persistent_volume_claim->read_only };

	claim_limits(l->daemon, l->namespace, volume_claim(v) != NULL ? volume_claim(v) : volume_base_claim(v), &place.limits);
	if (throw_away)
		return place; /* a clone, which lies over nothing that the host knows of */
	if (v->empty_disk != NULL || v->ephemeral != NULL || v->container_disk != NULL)
		place.format = "qcow2";
	if (v->container_disk != NULL) {
		g_autofree char *file = vmi_base_file(l->uid, v);
		char *base = images_pool_path(l->daemon, file);
		g_ptr_array_add(l->files, base); /* kept as long as the job */
		place.backing_path = base;
		place.backing_format = "raw";
	}
	if (volume.backing != NULL) {
		place.backing_path = volume.backing;
		place.backing_format = "raw";
	}
	if (v->ephemeral != NULL && claim_volume(l->daemon, l->namespace, volume_base_claim(v), &volume)) {
		place.backing_path = volume.path;
		place.backing_format = volume.format;
		place.base_path = volume.backing;
	}
	return place;
}

#define CONFLICT "AddressConflict" /* reason of the condition Synchronized */

/* After a start that found somebody else with its address: that is asked before QEMU is started for nothing again. */
static int
next_probe(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	const struct condition *told = condition_find(&((const struct vmi *)object->value)->status->conditions, "Synchronized");
	const struct host *host = host_find(l->daemon, l->host);

	(void)err;
	if (l->asked || host == NULL || told == NULL || g_strcmp0(told->reason, CONFLICT) != 0)
		return 0;
	l->asked = true;
	return conflicts_step(l->daemon, object, host, step);
}

static int
next_domain(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;
	g_autofree struct domain_volume *volumes = g_new0(struct domain_volume, vmi->spec->volumes.count + 1);
	g_autofree struct domain_ceph *ceph = g_new0(struct domain_ceph, vmi->spec->volumes.count + 1);
	g_autofree struct domain_interface *interfaces = g_new0(struct domain_interface, vmi->spec->domain->devices->interfaces.count + 1);
	g_autoptr(GPtrArray) attachments = vmi_attachments_new();
	g_autofree char *log = vmi_console_log(l->namespace, l->name), *name = domain_name(l->namespace, l->name), *xml = NULL;
	struct host *host = host_find(l->daemon, l->host);
	g_autofree const char **loaders = host != NULL && host->local ? loaders_here() : NULL;
	g_autofree char *nvram = vmi_nvram(vmi);
	struct domain_input input = { .vmi = vmi, .kernel = l->extras[EXTRA_KERNEL], .initrd = l->extras[EXTRA_INITRD],
		.acpi_slic = l->extras[EXTRA_SLIC], .acpi_msdm = l->extras[EXTRA_MSDM], .nvram = nvram, .loaders = loaders,
		.epoch = store_epoch(l->daemon->store), .store = store_uuid(l->daemon->store),
		.pool = l->daemon->config->pool->name, .console_log = log, .volumes = volumes,
		.interfaces = interfaces, .emulation = host != NULL && host->emulation };
	struct grants_input places __attribute__((cleanup(grants_input_clear))) = { 0 };

	if (host != NULL)
		grants_fill(l->daemon, host, vmi, &places, &input);

	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes) {
		volumes[input.volume_count] = placed(l, vmi, v, l->paths->pdata[input.volume_count], &ceph[input.volume_count]);
		input.volume_count++;
	}
	if (vmi_ports(l->daemon, object, attachments, interfaces, &input.interface_count, err) < 0)
		return -1;
	xml = domain_xml_format(&input, err);
	if (xml == NULL || (host != NULL && vmi_keep(l->daemon, vmi, host, err) != 0))
		return -1;
	l->guards = guards_of(l->daemon, object, err);
	if (l->guards == NULL)
		return -1;
	step->verb = "domain-start";
	step->args = json_pack("{s:s,s:s,s:s,s:b}", "xml", xml, "name", name, "uid", l->uid, "paused",
	    vmi->spec->start_strategy == START_PAUSED);
	if (json_array_size(l->guards) > 0)
		json_object_set(step->args, "guards", l->guards);
	if (host != NULL)
		json_object_set_new(step->args, "probes", conflicts_probes(l->daemon, object, host));
	step->deadline = HOST_DEADLINE_START;
	l->last = true;
	return 1;
}

/* Where the step before put something. */
static void
take_path(struct life *l)
{
	if (l->path != NULL && l->extra > 0)
		l->extras[l->extra - 1] = g_steal_pointer(&l->path);
	else if (l->path != NULL)
		g_ptr_array_add(l->folder > 0 ? l->folders : l->paths, g_steal_pointer(&l->path));
}

/* --- the steps, in their order: each says its next call (1), that it has none left (0), or why it cannot go on (-1) ------------------ */

static int
next_ceph(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	return vmi_ceph_next(l->daemon, object, &l->ceph, !runs(l), step, err);
}

static int
next_address(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	const struct schema_list *all = &((const struct vmi *)object->value)->spec->domain->devices->interfaces;
	int r = 0;

	while (r == 0 && l->interface < all->count)
		r = vmi_address_step(l->daemon, object, (const struct interface *)all->items + l->interface++, l->host, step, &l->told, err);
	return r;
}

/* 0: its path is known, or it has none. */
static int
step_volume(struct life *l, const struct object *object, const struct volume *v, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;

	if (!is_disk(vmi, v)) {
		g_ptr_array_add(l->paths, g_strdup(""));
		return 0;
	}
	if (seed_is_needed(v))
		return step_seed(l, vmi, v, step, err);
	if (v->empty_disk != NULL)
		return step_empty(l, v, step);
	if (v->ephemeral != NULL)
		return step_ephemeral(l, object, v, step, err);
	if (v->container_disk != NULL)
		return step_container_disk(l, v, step);
	return volume_path(l, v, err);
}

static int
next_volume(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	int r = 0;

	for (const struct volume *v; r == 0 && (v = volume_at(object->value, l->volume)) != NULL;) {
		l->volume++;
		r = step_volume(l, object, v, step, err);
	}
	return r;
}

static int
next_folder(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	int r = 0;

	for (const struct filesystem *f; r == 0 && (f = filesystem_at(object->value, l->folder)) != NULL;) {
		l->folder++;
		r = step_folder(l, object->value, f, step, err);
	}
	return r;
}

static int
next_extra(struct life *l, const struct object *object, struct job_step *step, struct error *err)
{
	int r = 0;

	while (r == 0 && l->extra < EXTRA_COUNT)
		r = step_extra(l, object->value, (enum extra)l->extra++, step, err);
	return r;
}

static int (*const steps[])(struct life *, const struct object *, struct job_step *, struct error *) = {
	next_ceph, next_address, next_base, next_volume, next_folder, next_extra, next_probe, next_domain,
};

static int
start_next(void *context, struct job_step *step, struct error *err)
{
	struct life *l = context;
	const struct object *object = life_object(l);
	int r = 0;

	if (l->refused.code != 0) {
		*err = l->refused;
		return -1;
	}
	if (l->last)
		return 0;
	if (object == NULL || ((const struct vmi *)object->value)->head.meta->deletion_timestamp != 0)
		return error_set(err, ECANCELED, "the instance is being deleted");
	take_path(l);
	if (l->paths->len < l->volume)
		return error_set(err, EPROTO, "host %s did not tell where it put volume number %u", l->host, l->paths->len + 1);
	for (size_t i = 0; i < G_N_ELEMENTS(steps) && r == 0; i++)
		r = steps[i](l, object, step, err);
	return r;
}

/* The guest runs, or somebody else has its address. */
static void
took_domain(struct life *l, struct host *host, json_t *result)
{
	const struct object *object = life_object(l);

	if (object == NULL || host == NULL || conflicts_took(l->daemon, object, host, result, &l->refused) != 0 || !l->last)
		return; /* nobody cares for it any more, or it was asked only */
	host_domain_note(host, result);
	guards_took(host, object, l->guards);
	guards_changed(l->daemon, object);
}

static void
start_took(void *context, const char *verb, json_t *result)
{
	struct life *l = context;
	struct host *host = host_find(l->daemon, l->host);

	vmi_address_took(host, verb, l->told);
	end_upload(l, true);
	if (strcmp(verb, "volume-info") == 0)
		vmi_ceph_look(result, &l->refused);
	else if ((g_str_has_prefix(verb, "volume-") && (l->volume > 0 || l->extra > 0)) || strcmp(verb, "folder-fill") == 0)
		l->path = g_strdup(path_string(result, "path"));
	if (strcmp(verb, "domain-start") == 0 || strcmp(verb, "address-probe") == 0)
		took_domain(l, host, result);
}

/* What a later try may find otherwise without anybody's doing. */
static bool
is_passing(const struct error *error)
{
	static const int passing[] = { EAGAIN, ECANCELED, EHOSTDOWN, ETIMEDOUT, ECONNRESET, EADDRINUSE };
	bool found = false;

	for (size_t i = 0; i < G_N_ELEMENTS(passing); i++)
		found |= error->code == passing[i];
	return found;
}

static void
start_failed(struct life *l, const struct object *object, const struct error *error)
{
	unsigned failures = controllers_pace_fail(l->daemon, object, VMI_AGAIN_MS, VMI_AGAIN_MOST_MS);
	struct vmi_status *status = objects_status_copy(object);
	struct error err = { 0 };

	bool conflict = error->code == EADDRINUSE;
	condition_set(&status->conditions, "Synchronized", false, conflict ? CONFLICT : "Synchronizing with the Domain failed.", error->text,
	    daemon_now(l->daemon));
	daemon_event(l->daemon, object, "Warning", conflict ? CONFLICT : "SyncFailed", "%s", error->text);
	if (failures >= START_TRIES && !is_passing(error)) {
		vmi_phase_set(l->daemon, status, VMI_FAILED);
		g_free(status->reason);
		status->reason = g_strdup("FailedStart");
		controllers_pace_clear(l->daemon, object);
	}
	if (vmi_status_put(l->daemon, object, status, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", l->namespace, l->name, "%s", err.text);
}

/* A start that failed is told in the Synchronized condition, and tried again with growing delays. */
static void
start_done(void *context, const struct error *error)
{
	struct life *l = context;
	const struct object *object = life_object(l);

	end_upload(l, false);
	if (object != NULL && error != NULL && error->code != ECANCELED && error->code != EHOSTDOWN)
		start_failed(l, object, error);
	life_free(l);
}

static const struct job_class start_class = { start_next, start_took, start_done };

void
vmi_start(struct daemon *daemon, const struct object *object, struct host *host)
{
	struct life *l = life_new(daemon, object, host);

	if (!job_begin(daemon, object, host, &start_class, l))
		life_free(l);
}
