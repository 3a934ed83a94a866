/* Status of instances: working copies, phases, and whether their disks are ready. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/objects.h"
#include "src/document/diagnostic.h"

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
	if (r->node != NULL && g_strcmp0(r->node, node) != 0) {
		g_snprintf(r->why, r->size, "its disks are on different hosts (%s and %s)", r->node, node);
		r->reason = "DataVolumesNotReady";
		return false;
	}
	r->node = node;
	return true;
}

static bool
object_is_there(struct readiness *r, enum kind_id kind, const char *name)
{
	if (name == NULL || store_get(r->daemon->store, kind, r->object->namespace, name) != NULL)
		return true;
	controllers_await(r->daemon, r->object, kind, r->object->namespace, name);
	g_snprintf(r->why, r->size, "%s %s/%s does not exist, waiting for it to appear", kinds[kind].name, r->object->namespace, name);
	r->reason = "FailedCreate";
	return false;
}

bool
vmi_volumes_are_ready(struct daemon *daemon, const struct object *object, const char **node, const char **reason, char *why,
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
	*node = r.node;
	*reason = r.reason;
	return ready;
}
