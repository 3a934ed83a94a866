/* The DataSource controller: says what a DataSource comes to, and whether that is there.  A chain has one link. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/objects.h"
#include "src/api/data_source.h"
#include "src/api/datavolume.h"
#include "src/api/snapshot.h"
#include "src/base/error.h"

/* What is known of a DataSource; reason is CDI's word. */
struct finding {
	const struct data_source_source *source; /* pvc or snapshot; borrowed, NULL: none */
	bool ready;
	const char *reason;
	char message[256];
};

static void tell(struct finding *f, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
tell(struct finding *f, const char *reason, const char *format, ...)
{
	va_list ap;

	f->reason = reason;
	va_start(ap, format);
	g_vsnprintf(f->message, sizeof(f->message), format, ap);
	va_end(ap);
}

/* Follows a DataSource that names another one. */
static void
follow(struct daemon *daemon, const struct object *object, struct finding *f)
{
	const struct source_object *to = f->source->data_source;
	const struct object *next;
	const struct data_source *other;

	f->source = NULL;
	if (to->namespace != NULL && strcmp(to->namespace, object->namespace) != 0) {
		tell(f, "CrossNamespaceReference", "a DataSource of another namespace cannot be named: name its claim or snapshot");
		return;
	}
	if (g_strcmp0(to->name, object->name) == 0) {
		tell(f, "SelfReference", "it names itself: name a claim, a snapshot or another DataSource");
		return;
	}
	controllers_await(daemon, object, KIND_DATA_SOURCE, object->namespace, to->name);
	next = store_get(daemon->store, KIND_DATA_SOURCE, object->namespace, to->name);
	other = next == NULL ? NULL : next->value;
	if (other == NULL)
		tell(f, "NotFound", "DataSource %s does not exist", to->name);
	else if (other->spec->source == NULL)
		tell(f, "NoSource", "DataSource %s has no source", to->name);
	else if (other->spec->source->data_source != NULL)
		tell(f, "MaxReferenceDepthReached", "DataSource %s names another one, too: name what that comes to", to->name);
	else
		f->source = other->spec->source;
}

static void
look_at_claim(struct daemon *daemon, const struct object *object, const struct source_object *to, struct finding *f)
{
	const char *ns = to->namespace == NULL ? object->namespace : to->namespace;
	const struct object *claim = store_get(daemon->store, KIND_CLAIM, ns, to->name);
	const struct object *filler = store_get(daemon->store, KIND_DATA_VOLUME, ns, to->name);
	const struct data_volume *dv = filler == NULL ? NULL : filler->value;

	controllers_await(daemon, object, KIND_CLAIM, ns, to->name);
	controllers_await(daemon, object, KIND_DATA_VOLUME, ns, to->name);
	if (dv != NULL && dv->status->phase != DATA_VOLUME_SUCCEEDED)
		tell(f, data_volume_phase_words[dv->status->phase], "DataVolume %s/%s is not filled yet", ns, to->name);
	else if (claim == NULL)
		tell(f, "NotFound", "PersistentVolumeClaim %s/%s does not exist", ns, to->name);
	else if (((const struct claim *)claim->value)->status->phase != CLAIM_BOUND)
		tell(f, "NotReady", "PersistentVolumeClaim %s/%s is not bound yet", ns, to->name);
	else
		f->ready = true;
}

static void
look_at_snapshot(struct daemon *daemon, const struct object *object, const struct source_object *to, struct finding *f)
{
	const char *ns = to->namespace == NULL ? object->namespace : to->namespace;
	const struct object *snapshot = store_get(daemon->store, KIND_SNAPSHOT, ns, to->name);

	controllers_await(daemon, object, KIND_SNAPSHOT, ns, to->name);
	if (snapshot == NULL)
		tell(f, "NotFound", "VolumeSnapshot %s/%s does not exist", ns, to->name);
	else if (!((const struct volume_snapshot *)snapshot->value)->status->ready_to_use)
		tell(f, "NotReady", "VolumeSnapshot %s/%s is not ready yet", ns, to->name);
	else
		f->ready = true;
}

static void
find(struct daemon *daemon, const struct object *object, struct finding *f)
{
	const struct data_source *source = object->value;

	f->source = source->spec->source;
	if (f->source != NULL && f->source->data_source != NULL)
		follow(daemon, object, f);
	else if (f->source == NULL || (f->source->pvc == NULL && f->source->snapshot == NULL))
		tell(f, "NoSource", "it has no source yet: name a claim or a snapshot");
	if (f->source != NULL && f->source->pvc != NULL)
		look_at_claim(daemon, object, f->source->pvc, f);
	else if (f->source != NULL && f->source->snapshot != NULL)
		look_at_snapshot(daemon, object, f->source->snapshot, f);
	if (f->ready)
		tell(f, "Ready", "DataSource is ready to be consumed");
}

/* A copy that says its namespace. */
static struct source_object *
copy(const struct source_object *from, const char *namespace)
{
	struct source_object *to = from == NULL ? NULL : schema_copy(&source_object_schema, from);

	if (to != NULL && to->namespace == NULL)
		to->namespace = g_strdup(namespace);
	return to;
}

int
data_source_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct data_source_status *status;
	struct finding f = { 0 };
	int r;

	if (((const struct data_source *)object->value)->head.meta->deletion_timestamp != 0)
		return 0;
	find(daemon, object, &f);
	status = objects_status_copy(object);
	if (status->source != NULL)
		schema_free(&data_source_source_schema, status->source);
	status->source = NULL;
	if (f.source != NULL) {
		status->source = schema_new(&data_source_source_schema);
		status->source->pvc = copy(f.source->pvc, object->namespace);
		status->source->snapshot = copy(f.source->snapshot, object->namespace);
	}
	condition_set(&status->conditions, "Ready", f.ready, f.reason, f.message, daemon_now(daemon));
	r = objects_set_status(daemon, object, status, err);
	schema_free(&data_source_status_schema, status);
	return r;
}
