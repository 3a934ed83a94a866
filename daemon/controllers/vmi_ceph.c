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
#include "src/base/log.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"
#include "storage/volume_verbs.h"

#define CLONES "ephemeral" /* bucket of records: "UID/VOLUME" of an instance -> volume_record() of its clone */

bool
vmi_ceph(struct daemon *daemon, const struct volume_place *place, struct domain_ceph *ceph)
{
	const struct config_ceph *config = place->driver == NULL || !place->driver->shared ? NULL : cluster_config(daemon, place->keeper);

	if (config == NULL)
		return false;
	*ceph = (struct domain_ceph){ .cluster = config->cluster_id, .pool = place->pool, .monitors = (const char *const *)config->monitors,
		.user = config->user };
	domain_ceph_secret(config->cluster_id, config->user, ceph->secret);
	if (place->encryption != NULL)
		domain_passphrase_secret(place->encryption, ceph->passphrase);
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
step_passphrase(struct daemon *daemon, const struct object *object, const struct volume_place *place, const struct domain_ceph *ceph,
    struct job_step *step, struct error *err)
{
	const char *text = volume_passphrase(daemon, place, object, err);
	g_autofree char *usage = g_strdup_printf("solovirt passphrase %s", place->encryption);

	if (text == NULL)
		return -1;
	step->verb = "secret-ensure";
	step->args = json_pack("{s:s,s:s,s:s,s:b}", "uuid", ceph->passphrase, "usage", usage, "value", text, "volume", 1);
	step->deadline = HOST_DEADLINE_ACTION;
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

/* Of each volume. */
enum { STEP_KEY, STEP_PASSPHRASE, STEP_LOOK, STEPS };

int
vmi_ceph_next(struct daemon *daemon, const struct object *object, size_t *at, bool look, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;

	while (*at < STEPS * vmi->spec->volumes.count) {
		const struct volume *v = (const struct volume *)vmi->spec->volumes.items + *at / STEPS;
		size_t which = (*at)++ % STEPS;
		const char *claim = volume_claim(v) != NULL ? volume_claim(v) : volume_base_claim(v);
		struct volume_place place;
		struct domain_ceph ceph;

		if (claim == NULL || !claim_volume(daemon, object->namespace, claim, &place) || !vmi_ceph(daemon, &place, &ceph))
			continue;
		if (which == STEP_KEY)
			return step_secret(daemon, &ceph, step, err);
		if (which == STEP_PASSPHRASE && place.encryption != NULL)
			return step_passphrase(daemon, object, &place, &ceph, step, err);
		if (which == STEP_LOOK && look && volume_claim(v) != NULL && !is_shared(vmi->spec, v))
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

/* --- clones of an instance's own --------------------------------------------------------------------------------------- */

int
vmi_ceph_clone(struct daemon *daemon, const struct object *object, const char *volume, const struct volume_place *base, int64_t capacity,
    struct job_step *step, struct error *err)
{
	g_autofree char *key = g_strdup_printf("%s/%s", object->uid, volume), *text = NULL;
	struct volume_place place = *base;
	json_t *record, *args;

	if (volume_check(daemon, base, err) != 0) {
		err->code = EAGAIN; /* an instance waits for its host only */
		return -1;
	}
	g_snprintf(place.name, sizeof(place.name), "ephemeral-%s-%s", object->uid, volume);
	place.path = place.backing = NULL;
	record = volume_record(&place);
	text = json_write(record);
	json_decref(record);
	if (store_record_set(daemon->store, CLONES, key, text, err) != 0)
		return -1;
	args = json_pack("{s:I,s:{s:s,s:s,s:s}}", "capacity", (json_int_t)capacity, "owner", "namespace", object->namespace, "name", object->name,
	    "uid", object->uid);
	volume_add_source(base, NULL, args);
	step->calls = place.driver->calls(daemon, place.keeper, NULL);
	step->verb = "volume-clone";
	step->args = volume_args(daemon, &place, args);
	step->deadline = VOLUME_DEADLINE_ACTION;
	return 1;
}

struct releasing {
	struct daemon *daemon;
	char *key;
};

static void
on_released(void *arg, json_t *result, const struct error *error)
{
	struct releasing *r = arg;

	(void)result;
	if (error == NULL)
		store_record_set(r->daemon->store, CLONES, r->key, NULL, NULL);
	else if (error->code != EHOSTDOWN && error->code != ECANCELED)
		log_warning("the ephemeral disk %s stays for now: %s", r->key, error->text);
	g_free(r->key);
	g_free(r);
}

struct clone_search {
	struct daemon *daemon;
	const char *uid;  /* of the instance; NULL: of all that have ended */
	GPtrArray *found; /* keys */
};

/* Nothing of the instance is on a host any more. */
static bool
has_ended(struct daemon *daemon, const char *key)
{
	g_autofree char *uid = g_strndup(key, strcspn(key, "/"));
	const struct object *object = store_get_uid(daemon->store, uid);

	return object == NULL || ((const struct vmi *)object->value)->status->active_pods.count == 0;
}

static void
clone_match(void *arg, const char *key, const char *value)
{
	struct clone_search *s = arg;
	size_t n = s->uid == NULL ? 0 : strlen(s->uid);

	(void)value;
	if (s->uid == NULL ? has_ended(s->daemon, key) : strncmp(key, s->uid, n) == 0 && key[n] == '/')
		g_ptr_array_add(s->found, g_strdup(key));
}

static void
release(struct daemon *daemon, const char *uid)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	struct clone_search s = { daemon, uid, found };

	store_record_each(daemon->store, CLONES, clone_match, &s);
	for (guint i = 0; i < found->len; i++) {
		const char *text = store_record_get(daemon->store, CLONES, found->pdata[i]);
		json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL);
		const struct volume_place place = volume_place_read(record);
		struct releasing *r;

		if (place.keeper != NULL && volume_check(daemon, &place, NULL) == 0) {
			r = g_new0(struct releasing, 1);
			*r = (struct releasing){ daemon, g_strdup(found->pdata[i]) };
			volume_call(daemon, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_released, r);
		}
		json_decref(record);
	}
}

void
vmi_ceph_release(struct daemon *daemon, const char *uid)
{
	release(daemon, uid);
}

void
vmi_ceph_sweep(struct daemon *daemon)
{
	release(daemon, NULL);
}
