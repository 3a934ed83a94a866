/* Disks in Ceph; see vmi_ceph.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/cluster.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi_ceph.h"
#include "daemon/job.h"
#include "daemon/controllers/vmi.h"
#include "src/base/error.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"
#include "storage/volume_verbs.h"

bool
vmi_ceph(struct daemon *daemon, const struct volume_place *place, struct domain_ceph *ceph)
{
	const struct config_ceph *config = place->driver == NULL || !place->driver->shared ? NULL : cluster_config(daemon, place->keeper);

	if (config == NULL)
		return false;
	*ceph = (struct domain_ceph){ .cluster = config->cluster_id, .pool = place->pool, .monitors = (const char *const *)config->monitors,
		.user = config->user };
	domain_ceph_secret(config->cluster_id, config->user, ceph->secret);
	return true;
}

static int
step_secret(struct daemon *daemon, const struct domain_ceph *ceph, struct job_step *step, struct error *err)
{
	char *key = cluster_key(cluster_config(daemon, ceph->cluster), err);

	if (key == NULL)
		return -1;
	g_autofree char *usage = g_strdup_printf("solovirt %s %s", ceph->cluster, ceph->user);
	step->verb = "secret-ensure";
	step->args = json_pack("{s:s,s:s,s:s}", "uuid", ceph->secret, "usage", usage, "value", key);
	step->deadline = HOST_DEADLINE_ACTION;
	explicit_bzero(key, strlen(key));
	g_free(key);
	return 1;
}

static int
step_look(struct daemon *daemon, const struct volume_place *place, struct job_step *step, struct error *err)
{
	if (volume_check(daemon, place, err) != 0) {
		err->code = EAGAIN; /* an instance waits for its host only */
		return -1;
	}
	step->calls = place->driver->calls(daemon, place->keeper, NULL);
	step->verb = "volume-info";
	step->args = volume_args(daemon, place, json_object());
	step->deadline = VOLUME_DEADLINE_QUERY;
	return 1;
}

static bool
is_shared(const struct vmi_spec *spec, const struct volume *v)
{
	SCHEMA_EACH (struct disk, d, &spec->domain->devices->disks)
		if (g_strcmp0(d->name, v->name) == 0)
			return d->shareable == TRISTATE_TRUE;
	return false;
}

int
vmi_ceph_next(struct daemon *daemon, const struct object *object, size_t *at, bool look, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;

	while (*at < 2 * vmi->spec->volumes.count) {
		const struct volume *v = (const struct volume *)vmi->spec->volumes.items + *at / 2;
		bool second = (*at)++ % 2 != 0;
		const char *claim = volume_claim(v) != NULL ? volume_claim(v) : volume_base_claim(v);
		struct volume_place place;
		struct domain_ceph ceph;

		if (claim == NULL || !claim_volume(daemon, object->namespace, claim, &place) || !vmi_ceph(daemon, &place, &ceph))
			continue;
		if (!second)
			return step_secret(daemon, &ceph, step, err);
		if (look && volume_claim(v) != NULL && !is_shared(vmi->spec, v))
			return step_look(daemon, &place, step, err);
	}
	return 0;
}

int
vmi_ceph_look(const json_t *info, struct error *err)
{
	const char *user = json_string_value(json_array_get(json_object_get(info, "inUse"), 0));

	if (user == NULL)
		return 0;
	return error_set(err, EAGAIN, "image %s is still open at %s: a guest there must end first; Ceph lets go of one that died within 30 s",
	    path_string(info, "path"), user);
}
