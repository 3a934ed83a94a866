/*
 * How much of its volume a claim really takes: status.used.  It is looked at when something that writes has ended, an import or a guest, and
 * never by the clock: where nothing happens nothing is asked.
 */
#include "config.h"

#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "storage/volume_verbs.h"

enum { BLOCK = 512 /* unit of st_blocks */ };

struct measuring {
	struct daemon *daemon;
	char *uid;
};

static void
put_used(struct daemon *daemon, const struct object *object, int64_t bytes)
{
	const struct object *filler = store_get(daemon->store, KIND_DATA_VOLUME, object->namespace, object->name);
	g_autofree char *text = quantity_format_bytes(bytes);
	json_t *patch = json_pack("{s:{s:s}}", "status", "used", text);

	if (((const struct claim *)object->value)->status->used != bytes)
		objects_patch(daemon, object, patch, NULL);
	if (filler != NULL && ((const struct data_volume *)filler->value)->status->used != bytes)
		objects_patch(daemon, filler, patch, NULL);
	json_decref(patch);
}

static void
on_info(void *arg, json_t *result, const struct error *error)
{
	struct measuring *m = arg;
	const struct object *object = store_get_uid(m->daemon->store, m->uid);
	const json_t *allocation = json_object_get(result, "allocation");

	if (error == NULL && object != NULL && allocation != NULL)
		put_used(m->daemon, object, json_integer_value(allocation));
	g_free(m->uid);
	g_free(m);
}

/* A file of this machine tells at once; asking libvirt would have it read the whole pool. */
static void
measure_file(struct daemon *daemon, const struct object *object, const struct volume_place *place)
{
	struct stat st;

	if (stat(place->path, &st) == 0 && S_ISREG(st.st_mode))
		put_used(daemon, object, (int64_t)st.st_blocks * BLOCK);
}

void
claim_measure(struct daemon *daemon, const char *namespace, const char *name)
{
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_CLAIM, namespace, name);
	struct volume_place place;
	struct measuring *m;

	if (object == NULL || controllers_is_doomed(daemon, object) || !claim_volume(daemon, namespace, name, &place))
		return;
	if (volume_is_file(daemon, &place)) {
		measure_file(daemon, object, &place);
	} else if (volume_check(daemon, &place, NULL) == 0) {
		m = g_new0(struct measuring, 1);
		*m = (struct measuring){ daemon, g_strdup(object->uid) };
		volume_call(daemon, &place, "volume-info", json_pack("{s:b}", "brief", 1), -1, VOLUME_DEADLINE_ACTION, on_info, m);
	}
}
