/* How far DataVolumes are: what workers tell of imports, uploads and copies. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/objects.h"
#include "src/base/clock.h"
#include "src/base/quantity.h"
#include "src/document/path.h"

static int64_t
number(const json_t *event, const char *name)
{
	return json_integer_value(json_object_get(event, name));
}

char *
progress_words(const json_t *event, const char *phase)
{
	int64_t done = number(event, "done"), total = number(event, "total"), rate = number(event, "rate");
	g_autofree char *so_far = quantity_format_human(done);
	GString *text = g_string_new(NULL);
	char left[CLOCK_TEXT_SIZE];

	g_string_printf(text, "%s: %s", path_string(event, "phase") == NULL ? phase : path_string(event, "phase"), so_far);
	if (total > 0) {
		g_autofree char *all = quantity_format_human(total);
		g_string_append_printf(text, " of %s", all);
	}
	if (rate > 0) {
		g_autofree char *each = quantity_format_human(rate);
		g_string_append_printf(text, ", %s/s", each);
	}
	if (rate > 0 && total > done)
		g_string_append_printf(text, ", %s left", clock_age((total - done) / rate * 1000 + 1000, left));
	return g_string_free(text, FALSE);
}

void
data_volume_progress(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const json_t *event)
{
	int64_t done = number(event, "done"), total = number(event, "total");
	double part = total <= 0 ? 0 : 100.0 * (double)done / (double)total;
	struct data_volume_status *status = objects_status_copy(object);
	g_autofree char *message = progress_words(event, "copy");

	g_free(status->progress);
	status->progress = total <= 0 ? g_strdup("N/A") : g_strdup_printf("%.2f%%", CLAMP(part, 0, 99.99));
	status->phase = (int)phase;
	/* The claim of a copy is bound when it is made. */
	data_volume_conditions(daemon, status, phase != DATA_VOLUME_CLONE_IN_PROGRESS, true, "Running", message);
	objects_set_status(daemon, object, status, NULL);
	schema_free(&data_volume_status_schema, status);
}

/* The claim that a worker makes a volume for, as a copy; NULL: of a bound one the volume is made independent (claim_flatten.c). */
static const struct object *
find_copy(struct daemon *daemon, const char *keeper, const char *volume)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_CLAIM, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct object *object = all->pdata[i];
		const struct claim *claim = object->value;
		struct volume_place place;

		if (claim->status->phase == CLAIM_BOUND || claim_data_source(claim->spec) == NULL)
			continue;
		place = volume_place(claim);
		if (place.driver != NULL && strcmp(place.keeper, keeper) == 0 && strcmp(place.name, volume) == 0)
			return object;
	}
	return NULL;
}

void
claim_copy_progress(struct daemon *daemon, const char *keeper, const json_t *event)
{
	const char *volume = path_string(event, "volume");
	const struct object *claim = volume == NULL || claim_flatten_progress(daemon, keeper, event) ? NULL : find_copy(daemon, keeper, volume);
	const struct object *object = claim == NULL ? NULL : store_get(daemon->store, KIND_DATA_VOLUME, claim->namespace, claim->name);
	const struct data_volume *dv = object == NULL ? NULL : object->value;

	if (dv != NULL && controllers_job_is_running(daemon, claim) && dv->status->phase < DATA_VOLUME_SUCCEEDED &&
	    dv->head.meta->deletion_timestamp == 0)
		data_volume_progress(daemon, object, DATA_VOLUME_CLONE_IN_PROGRESS, event);
}
