/* Status of instances: working copies, phases, and whether their disks are ready. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/credentials.h"
#include "daemon/controllers/vmi.h"
#include "daemon/networks.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/virt/host_verbs.h"

int
vmi_status_put(struct daemon *daemon, const struct object *object, struct vmi_status *status, struct error *err)
{
	int r = objects_set_status(daemon, object, status, err);

	schema_free(&vmi_status_schema, status);
	return r;
}

void
vmi_phase_set(struct daemon *daemon, struct vmi_status *status, enum vmi_phase phase)
{
	const struct schema *sub = NULL;
	struct phase_transition *t;

	if (status->phase == (int)phase)
		return;
	schema_find(&vmi_status_schema, "phaseTransitionTimestamps", &sub);
	status->phase = (int)phase;
	t = schema_list_add(&status->phase_transition_timestamps, sub);
	t->phase = (int)phase;
	t->phase_transition_timestamp = daemon_now(daemon);
}

bool
vmi_phase_was(const struct vmi_status *status, enum vmi_phase phase)
{
	SCHEMA_EACH (struct phase_transition, t, &status->phase_transition_timestamps)
		if (t->phase == (int)phase)
			return true;
	return status->phase == (int)phase;
}

enum { UNPACKING_LOOK_MS = 500, IMAGE_LOOK_MS = 5000 };

/* --- what a start waits for ---------------------------------------------------------------------------------------- */

const char *
volume_claim(const struct volume *v)
{
	if (v->data_volume != NULL)
		return v->data_volume->name;
	return v->persistent_volume_claim != NULL ? v->persistent_volume_claim->claim_name : NULL;
}

const char *
volume_base_claim(const struct volume *v)
{
	const struct volume_claim *claim = v->ephemeral == NULL ? NULL : v->ephemeral->persistent_volume_claim;

	return claim == NULL ? NULL : claim->claim_name;
}

static const char *
architecture_of(const struct vmi *vmi)
{
	return vmi->spec->architecture == NULL ? "amd64" : vmi->spec->architecture;
}

struct image_wish
vmi_image(const struct vmi *vmi, const struct volume *v)
{
	const struct volume_container_disk *disk = v->container_disk;

	return (struct image_wish){ .image = disk->image == NULL ? "" : disk->image, .file = disk->path, .architecture = architecture_of(vmi) };
}

struct image_wish
vmi_kernel_image(const struct vmi *vmi, bool initrd)
{
	const struct kernel_container *c = vmi->spec->domain->firmware->kernel_boot->container;

	return (struct image_wish){ .image = c->image == NULL ? "" : c->image, .file = initrd ? c->initrd_path : c->kernel_path,
		.architecture = architecture_of(vmi), .verbatim = true };
}

/* The name behind a reference; one without a name counts as none. */
static const char *
referred(const struct local_object_reference *reference)
{
	return reference == NULL || reference->name == NULL || *reference->name == '\0' ? NULL : reference->name;
}

/* A Secret or ConfigMap that a volume cannot do without. */
static const char *
needed_secret(const struct volume *v, bool second)
{
	const struct cloud_init *c = v->cloud_init_no_cloud != NULL ? v->cloud_init_no_cloud : v->cloud_init_config_drive;

	if (v->secret != NULL)
		return second || v->secret->optional ? NULL : v->secret->secret_name;
	if (v->sysprep != NULL)
		return second ? NULL : referred(v->sysprep->secret);
	if (c == NULL)
		return NULL;
	if (second)
		return referred(c->network_data_secret_ref);
	return referred(c->secret_ref);
}

static const char *
needed_config_map(const struct volume *v)
{
	if (v->sysprep != NULL)
		return referred(v->sysprep->config_map);
	return v->config_map == NULL || v->config_map->optional ? NULL : v->config_map->name;
}

char *
vmi_nvram(const struct vmi *vmi)
{
	const struct firmware *firmware = vmi->spec->domain->firmware;
	const struct efi *efi = firmware == NULL || firmware->bootloader == NULL ? NULL : firmware->bootloader->efi;

	return efi == NULL || !efi->persistent ? NULL
	    : g_strdup_printf(HOST_NVRAM_FOLDER "%s_%s" HOST_NVRAM_KEPT, vmi->head.meta->namespace, vmi->head.meta->name);
}

struct readiness {
	struct daemon *daemon;
	const struct object *object;
	const char *node, *reason;
	char *why;
	size_t size;
};

static bool
claim_is_ready(struct readiness *r, const char *name)
{
	const char *node = NULL, *path = NULL;
	bool gone = false;

	controllers_await(r->daemon, r->object, KIND_CLAIM, r->object->namespace, name);
	controllers_await(r->daemon, r->object, KIND_DATA_VOLUME, r->object->namespace, name);
	if (!claim_is_usable(r->daemon, r->object->namespace, name, &node, &path, &gone, r->why, r->size)) {
		r->reason = gone ? "FailedPvcNotFound" : "DataVolumesNotReady";
		return false;
	}
	if (claim_copy_reads(r->daemon, r->object, r->object->namespace, name, r->why, r->size)) {
		r->reason = "DataVolumesNotReady";
		return false;
	}
	if (r->node != NULL && g_strcmp0(r->node, node) != 0) {
		g_snprintf(r->why, r->size, "its disks are on different hosts (%s and %s)", r->node, node);
		r->reason = "DataVolumesNotReady";
		return false;
	}
	r->node = node;
	return true;
}

static bool
object_is_in(struct readiness *r, enum kind_id kind, const char *namespace, const char *name)
{
	if (name == NULL || store_get(r->daemon->store, kind, namespace, name) != NULL)
		return true;
	controllers_await(r->daemon, r->object, kind, namespace, name);
	g_snprintf(r->why, r->size, "%s %s/%s does not exist, waiting for it to appear", kinds[kind].name, namespace, name);
	r->reason = "FailedCreate";
	return false;
}

static bool
object_is_there(struct readiness *r, enum kind_id kind, const char *name)
{
	return object_is_in(r, kind, r->object->namespace, name);
}

static bool
network_is_there(struct readiness *r, const struct vmi *vmi, const struct interface *interface)
{
	g_autofree char *in = NULL;
	g_autofree char *name = network_attachment_name(vmi_network(vmi->spec, interface->name), r->object->namespace, &in);

	return !vmi_interface_is_present(interface) || object_is_in(r, KIND_NETWORK_ATTACHMENT, in, name);
}

/* Images are unpacked on this machine: where nothing else is asked for, its host needs no copy of them. */
static void
prefer_local_host(struct readiness *r)
{
	const struct vmi *vmi = r->object->value;

	for (guint i = 0; r->node == NULL && vmi->spec->node_selector.count == 0 && i < r->daemon->hosts->len; i++) {
		const struct host *host = r->daemon->hosts->pdata[i];
		if (host->local && host->state == HOST_READY)
			r->node = host->name;
	}
}

/* While it is not there, there is nobody who would tell when it comes. */
static bool
image_is_ready(struct readiness *r, const struct image_wish *wish)
{
	g_autofree char *path = NULL;
	struct error err = { 0 };
	int got = images_get(r->daemon, wish, &path, &err);

	if (got > 0) {
		prefer_local_host(r);
		return true;
	}
	if (got == 0) {
		g_snprintf(r->why, r->size, "image %s is being unpacked", wish->image);
		r->reason = "PullingImage";
	} else if (err.code != 0) {
		g_snprintf(r->why, r->size, "%s", err.text);
		r->reason = "ErrImagePull";
	}
	controllers_requeue(r->daemon, r->object, got == 0 ? UNPACKING_LOOK_MS : IMAGE_LOOK_MS);
	return false;
}

/* Kernel and initrd of kernelBoot. */
static bool
kernel_is_ready(struct readiness *r, const struct vmi *vmi)
{
	const struct kernel_boot *boot = vmi->spec->domain->firmware == NULL ? NULL : vmi->spec->domain->firmware->kernel_boot;
	bool ready = true;

	for (int initrd = 0; initrd < 2 && boot != NULL && boot->container != NULL; initrd++) {
		struct image_wish wish = vmi_kernel_image(vmi, initrd);
		ready = ready && (wish.file == NULL || *wish.file == '\0' || image_is_ready(r, &wish));
	}
	return ready;
}

static bool
container_disk_is_ready(struct readiness *r, const struct vmi *vmi, const struct volume *v)
{
	struct image_wish wish;

	if (v->container_disk == NULL)
		return true;
	wish = vmi_image(vmi, v);
	return image_is_ready(r, &wish);
}

bool
vmi_needs_are_there(struct daemon *daemon, const struct object *object, const char **node, const char **reason, char *why,
    size_t size)
{
	const struct vmi *vmi = object->value;
	struct readiness r = { .daemon = daemon, .object = object, .why = why, .size = size };
	bool ready = true;

	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes) {
		const char *claim = v->ephemeral != NULL ? volume_base_claim(v) : volume_claim(v);

		ready = ready && (claim == NULL || claim_is_ready(&r, claim)) && object_is_there(&r, KIND_SECRET, needed_secret(v, false)) &&
		    object_is_there(&r, KIND_SECRET, needed_secret(v, true)) && object_is_there(&r, KIND_CONFIG_MAP, needed_config_map(v));
	}
	/* Claims first: they say where. */
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		ready = ready && container_disk_is_ready(&r, vmi, v);
	ready = ready && kernel_is_ready(&r, vmi);
	SCHEMA_EACH (struct access_credential, c, &vmi->spec->access_credentials)
		ready = ready && object_is_there(&r, KIND_SECRET, credential_secret_name(c));
	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		ready = ready && network_is_there(&r, vmi, i);
	*node = r.node;
	*reason = r.reason;
	return ready;
}
