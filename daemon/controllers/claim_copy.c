/*
 * Filling a claim with a copy of a volume that its driver cannot clone: of another driver, or in another Ceph cluster.
 *
 *   target: volume-delete --> volume-create --+                                        +--> bound --> settle: snapshot-delete
 *   source: (snapshot-create) --> served/open +--> solovirt-import, "volume" --> done --+
 *
 * The source holds still: it is a snapshot, its own or one made for the copy, whose name is written into the claim before it is made and which is
 * removed when the claim is bound or on its way out; or it is a file that nobody may write to meanwhile.  A copy that was cut off is
 * begun anew, on a fresh volume.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/controllers/adopt.h"
#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/import.h"
#include "daemon/job.h"
#include "daemon/objects.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

enum { PROGRESS_MS = 1000, AGAIN_FIRST_MS = 1000, AGAIN_MOST_MS = 60000, QUEUE_FULL_MS = 1000 };

struct copying {
	struct daemon *daemon;
	char *namespace, *name, *uid;  /* of the claim that is filled */
	char *from_namespace, *from_name; /* of the claim that nobody may write to meanwhile; NULL: a snapshot is read */
	json_t *from;                  /* volume_record() of the source, with "snapshot" where one is read */
	bool temporary;                /* ... that is made for the copy */
	size_t step;
	int stream, under, target;     /* what the worker gets; -1: not open */
	int64_t size;                  /* bytes of a source that is served */
	json_t *made;                  /* VOLUME of volume_verbs.h, or NULL */
	int64_t told;                  /* monotonic ms: when progress was stored last */
};

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
copying_free(struct copying *c)
{
	g_ptr_array_remove_fast(c->daemon->copies, c);
	close_one(&c->stream);
	close_one(&c->under);
	close_one(&c->target);
	json_decref(c->from);
	json_decref(c->made);
	g_free(c->namespace);
	g_free(c->name);
	g_free(c->uid);
	g_free(c->from_namespace);
	g_free(c->from_name);
	g_free(c);
}

/* The claim that is filled; NULL with ECANCELED when it is on its way out or another one has taken its name. */
static const struct object *
copying_claim(const struct copying *c, struct error *err)
{
	const struct object *object = store_get(c->daemon->store, KIND_CLAIM, c->namespace, c->name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	if (claim != NULL && claim->head.meta->deletion_timestamp == 0 && strcmp(object->uid, c->uid) == 0)
		return object;
	error_set(err, ECANCELED, "the claim is gone");
	return NULL;
}

static int
put_progress(struct daemon *daemon, const struct object *object, const char *reason, const char *progress, const char *message, struct error *err)
{
	json_t *patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", CLAIM_PROGRESS, progress);
	const struct object *next = objects_patch(daemon, object, patch, err);

	json_decref(patch);
	return next == NULL ? -1 : claim_put_pending(daemon, next, reason, message, false, err);
}

/* --- its end ------------------------------------------------------------------------------------------------------------ */

/* Frees c.  error NULL: all of it is there. */
static void
copying_end(struct copying *c, const struct error *error)
{
	const struct object *object = copying_claim(c, NULL);
	struct error err = { 0 };
	bool lost = error != NULL && (error->code == EHOSTDOWN || error->code == ECANCELED);
	int r = 0;

	if (object != NULL && error == NULL) {
		controllers_pace_clear(c->daemon, object);
		r = claim_take_made(c->daemon, object, c->made, "raw", NULL, &err);
		claim_measure(c->daemon, c->namespace, c->name);
	} else if (object != NULL && error->code == EAGAIN) {
		controllers_pace_set(c->daemon, object, QUEUE_FULL_MS);
	} else if (object != NULL && !lost) {
		controllers_pace_fail(c->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		r = claim_put_pending(c->daemon, object, "ProvisioningFailed", error->text, true, &err);
	} else if (object != NULL) {
		controllers_await_capacity(c->daemon, object);
	}
	if (r != 0)
		log_object(LOG_LEVEL_WARNING, "PersistentVolumeClaim", c->namespace, c->name, "%s", err.text);
	object = store_get(c->daemon->store, KIND_CLAIM, c->namespace, c->name);
	if (object != NULL)
		controllers_requeue(c->daemon, object, error == NULL ? 0 : AGAIN_FIRST_MS);
	copying_free(c);
}

static void
on_copied(void *arg, json_t *result, const struct error *error)
{
	(void)result;
	copying_end(arg, error);
}

static void
on_progress(void *arg, const json_t *event)
{
	struct copying *c = arg;
	const struct object *object = copying_claim(c, NULL);
	int64_t done = json_integer_value(json_object_get(event, "done")), total = json_integer_value(json_object_get(event, "total"));
	int64_t rate = json_integer_value(json_object_get(event, "rate")), now = clock_monotonic_ms();

	if (object == NULL || total <= 0 || now - c->told < PROGRESS_MS)
		return;
	c->told = now;
	g_autofree char *so_far = quantity_format_human(done), *all = quantity_format_human(total), *each = quantity_format_human(rate);
	g_autofree char *percent = g_strdup_printf("%.2f%%", MIN(100.0 * (double)done / (double)total, 99.99));
	g_autofree char *left = rate <= 0 ? g_strdup("") : g_strdup_printf(", %s/s, %lld s left", each, (long long)((total - done + rate - 1) / rate));
	g_autofree char *words = g_strdup_printf("copy: %s of %s%s", so_far, all, left);
	put_progress(c->daemon, object, CLAIM_COPYING, percent, words, NULL);
}

/* --- steps ---------------------------------------------------------------------------------------------------------------- */

/* A call on a volume; fd is taken. */
static int
call(struct copying *c, const struct volume_place *place, const char *verb, json_t *args, int fd, int64_t deadline, struct job_step *step,
    struct error *err)
{
	step->calls = place->driver->calls(c->daemon, place->keeper, err);
	if (step->calls == NULL) {
		close_one(&fd);
		json_decref(args);
		return -1;
	}
	*step = (struct job_step){ .verb = verb, .args = volume_args(c->daemon, place, args), .fd = fd, .deadline = deadline, .calls = step->calls };
	return 1;
}

/* The volume on a socket, whose other end is *end. */
static int
serve(struct copying *c, const struct volume_place *place, json_t *args, int *end, struct job_step *step, struct error *err)
{
	int ends[2];

	if (volume_unlock(c->daemon, place, NULL, args, err) != 0) {
		json_decref(args);
		err->code = ENOENT; /* told, unlike a queue that is full */
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		json_decref(args);
		return error_errno(err, "cannot make a socket pair");
	}
	*end = ends[0];
	return call(c, place, "volume-serve", args, ends[1], VOLUME_DEADLINE_ACTION, step, err);
}

static int
open_file(const char *path, int flags, int *fd, struct error *err)
{
	*fd = path == NULL ? -1 : open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return *fd >= 0 ? 0 : error_errno(err, "cannot open %s", path == NULL ? "a volume that is not there" : path);
}

/* What an earlier copy left must not shine through. */
static int
step_remove(struct copying *c, const struct object *object, struct job_step *step, struct error *err)
{
	const struct volume_place place = volume_place(object->value);

	return call(c, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, step, err);
}

static int
step_create(struct copying *c, const struct object *object, struct job_step *step, struct error *err)
{
	const struct claim *claim = object->value;
	const struct volume_place place = volume_place(claim);
	const struct object *class = store_get(c->daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	json_t *options = class == NULL ? NULL : place.driver->options(class->value);
	json_t *args = json_pack("{s:I,s:s,s:{s:s,s:s,s:s},s:o*}", "capacity", (json_int_t)claim_request(claim->spec), "format", "raw", "owner",
	    "namespace", c->namespace, "name", c->name, "uid", c->uid, "options", options);

	if (volume_unlock(c->daemon, &place, NULL, args, err) != 0) {
		json_decref(args);
		err->code = ENOENT;
		return -1;
	}
	return call(c, &place, "volume-create", args, -1, VOLUME_DEADLINE_COPY, step, err);
}

static int
step_snapshot(struct copying *c, const struct object *object, struct job_step *step, struct error *err)
{
	const struct volume_place from = volume_place_read(c->from);

	(void)object;
	if (!c->temporary)
		return 0;
	return call(c, &from, "snapshot-create", json_pack("{s:s}", "snapshot", path_string(c->from, "snapshot")), -1, VOLUME_DEADLINE_ACTION,
	    step, err);
}

static int
step_source(struct copying *c, const struct object *object, struct job_step *step, struct error *err)
{
	const struct volume_place from = volume_place_read(c->from);
	const char *snapshot = path_string(c->from, "snapshot");
	g_autofree char *file = snapshot == NULL ? g_strdup(from.path) : g_strconcat(from.path, "@", snapshot, NULL);

	(void)object;
	if (!volume_is_file(c->daemon, &from))
		return serve(c, &from, json_pack("{s:b,s:s*}", "read", 1, "snapshot", snapshot), &c->stream, step, err);
	if (open_file(file, O_RDONLY, &c->stream, err) != 0)
		return -1;
	return from.backing == NULL ? 0 : open_file(from.backing, O_RDONLY, &c->under, err);
}

static int
step_target(struct copying *c, const struct object *object, struct job_step *step, struct error *err)
{
	const struct volume_place place = volume_place(object->value);

	if (!volume_is_file(c->daemon, &place))
		return serve(c, &place, json_object(), &c->target, step, err);
	return open_file(path_string(c->made, "path"), O_RDWR, &c->target, err);
}

/* 1 with *step, 0: it needs no call, -1 err. */
static int (*const steps[])(struct copying *c, const struct object *object, struct job_step *step, struct error *err) = {
	step_remove, step_create, step_snapshot, step_source, step_target,
};

static int
copying_next(void *context, struct job_step *step, struct error *err)
{
	struct copying *c = context;
	const struct object *object = copying_claim(c, err);
	int r = object == NULL ? -1 : 0;

	while (r == 0 && c->step < G_N_ELEMENTS(steps))
		r = steps[c->step++](c, object, step, err);
	return r;
}

static void
copying_took(void *context, const char *verb, json_t *result)
{
	struct copying *c = context;

	if (strcmp(verb, "volume-create") == 0)
		c->made = json_incref(result);
	if (strcmp(verb, "volume-serve") == 0 && c->target < 0)
		c->size = json_integer_value(json_object_get(result, "capacity"));
}

/* Both ends are open: the worker takes them. */
static void
start_worker(struct copying *c, const struct object *object)
{
	const struct volume_place from = volume_place_read(c->from);
	struct import_request request = { .uid = c->uid, .stream = c->stream, .under = MAX(c->under, 0), .target = c->target,
		.progress = on_progress, .done = on_copied, .arg = c };
	struct error err = { 0 };

	request.args = json_pack("{s:s,s:s,s:I,s:I,s:b}", "source", "volume", "format", from.format, "total", (json_int_t)c->size, "capacity",
	    (json_int_t)claim_request(((const struct claim *)object->value)->spec), "dense", volume_place(object->value).encryption != NULL);
	c->stream = c->under = c->target = -1;
	if (import_start(c->daemon, &request, &err) != 0)
		copying_end(c, &err);
	else
		put_progress(c->daemon, object, CLAIM_COPYING, "0.00%", "the copy has begun", NULL);
}

static void
copying_done(void *context, const struct error *error)
{
	struct copying *c = context;
	struct error err = { 0 };
	const struct object *object = copying_claim(c, &err);

	if (error == NULL && object != NULL)
		start_worker(c, object);
	else
		copying_end(c, error != NULL ? error : &err);
}

static const struct job_class copying_class = { copying_next, copying_took, copying_done };

/* --- begin ---------------------------------------------------------------------------------------------------------------- */

/* The record of a copy whose snapshot has to go: new reference, or NULL. */
static json_t *
record_of(const struct object *object)
{
	const char *text = schema_map_get(&((const struct claim *)object->value)->head.meta->annotations, CLAIM_COPY);

	return text == NULL ? NULL : json_read(text, strlen(text), NULL);
}

/* Which snapshot is made for the copy is written down before it is made. */
static int
note_snapshot(struct daemon *daemon, const struct object *object, const struct claim_source *source, struct error *err)
{
	g_autofree char *name = g_strconcat("copy-", object->uid, NULL);

	return volume_note_snapshot(daemon, object, CLAIM_COPY, &source->place, name, err);
}

/* Somebody may write to a source of which no snapshot is made. */
static bool
is_in_use(struct daemon *daemon, const struct object *object, const struct object *claim, char *why, size_t size)
{
	struct host *host = NULL;
	const struct object *user = claim_find_writer(daemon, claim, object);

	if (user == NULL && adopt_find_claim(daemon, claim->namespace, claim->name, &host) == NULL)
		return false;
	if (user == NULL)
		controllers_requeue(daemon, object, AGAIN_MOST_MS);
	g_snprintf(why, size, "PersistentVolumeClaim %s/%s is in use by %s: the copy begins when that has ended", claim->namespace, claim->name,
	    user == NULL ? "a guest" : user->name);
	return true;
}

static void
begin(struct daemon *daemon, const struct object *object, const struct claim_source *source, json_t *record)
{
	struct copying *c = g_new0(struct copying, 1);
	bool file = source->snapshot == NULL && record == NULL;

	*c = (struct copying){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name), .uid = g_strdup(object->uid),
		.from_namespace = file ? g_strdup(source->claim->namespace) : NULL, .from_name = file ? g_strdup(source->claim->name) : NULL,
		.from = record != NULL ? json_incref(record) : volume_record(&source->place), .temporary = record != NULL, .stream = -1,
		.under = -1, .target = -1 };
	if (source->snapshot != NULL)
		json_object_set_new(c->from, "snapshot", json_string(source->snapshot));
	if (daemon->copies == NULL)
		daemon->copies = g_ptr_array_new();
	g_ptr_array_add(daemon->copies, c);
	if (!job_begin(daemon, object, NULL, &copying_class, c))
		copying_free(c);
}

/* True when it has to wait for something else than its source, and is looked at again. */
static bool
must_wait(struct daemon *daemon, const struct object *object, const struct claim_source *source)
{
	const struct volume_place place = volume_place(object->value);

	if (controllers_pace_left(daemon, object) == 0 && !imports_have_room(daemon))
		controllers_pace_set(daemon, object, QUEUE_FULL_MS);
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return true;
	}
	if (volume_check(daemon, &place, NULL) == 0 && volume_check(daemon, &source->place, NULL) == 0)
		return false;
	controllers_await_capacity(daemon, object);
	return true;
}

int
claim_copy(struct daemon *daemon, const struct object *object, const struct claim_source *source, struct error *err)
{
	bool temporary = source->snapshot == NULL && source->place.driver->clones_in_use;
	json_t *record = temporary ? record_of(object) : NULL;
	char why[400];
	int r = 0;

	if (!must_wait(daemon, object, source)) {
		if (temporary && record == NULL)
			r = note_snapshot(daemon, object, source, err);
		else if (!temporary && source->snapshot == NULL && is_in_use(daemon, object, source->claim, why, sizeof(why)))
			r = claim_put_pending(daemon, object, "CloneSourceInUse", why, true, err);
		else if (put_progress(daemon, object, CLAIM_COPY_SCHEDULED, "N/A", "the copy is about to begin", err) != 0)
			r = -1;
		else
			begin(daemon, object, source, record);
	}
	json_decref(record);
	return r;
}

bool
claim_copy_is_running(struct daemon *daemon, const struct object *object)
{
	return import_is_running(daemon, object->uid);
}

void
claim_copy_cancel(struct daemon *daemon, const struct object *object)
{
	import_cancel(daemon, object->uid);
}

bool
claim_copy_reads(struct daemon *daemon, const struct object *waiter, const char *namespace, const char *name, char *why, size_t size)
{
	for (guint i = 0; daemon->copies != NULL && i < daemon->copies->len; i++) {
		const struct copying *c = daemon->copies->pdata[i];
		if (g_strcmp0(c->from_namespace, namespace) != 0 || g_strcmp0(c->from_name, name) != 0)
			continue;
		controllers_await(daemon, waiter, KIND_CLAIM, c->namespace, c->name);
		g_snprintf(why, size, "PVC %s/%s is being copied to PVC %s/%s", namespace, name, c->namespace, c->name);
		return true;
	}
	return false;
}

/* --- what is left of it ----------------------------------------------------------------------------------------------------- */

struct settling {
	struct daemon *daemon;
	char *namespace, *name, *uid;
};

static void
on_settled(void *arg, json_t *result, const struct error *error)
{
	struct settling *s = arg;
	const struct object *object = store_get(s->daemon->store, KIND_CLAIM, s->namespace, s->name);
	json_t *patch;

	(void)result;
	controllers_job_end(s->daemon, KIND_CLAIM, s->namespace, s->name);
	if (object != NULL && strcmp(object->uid, s->uid) == 0 && error == NULL) {
		patch = json_pack("{s:{s:{s:n}}}", "metadata", "annotations", CLAIM_COPY);
		objects_patch(s->daemon, object, patch, NULL);
		json_decref(patch);
	} else if (object != NULL) {
		controllers_pace_fail(s->daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
		controllers_requeue(s->daemon, object, controllers_pace_left(s->daemon, object));
	}
	g_free(s->namespace);
	g_free(s->name);
	g_free(s->uid);
	g_free(s);
}

bool
claim_copy_settle(struct daemon *daemon, const struct object *object)
{
	json_t *record = record_of(object);
	struct settling *s;

	if (record == NULL)
		return true;
	const struct volume_place from = volume_place_read(record);
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
	} else if (volume_check(daemon, &from, NULL) != 0) {
		controllers_await_capacity(daemon, object);
	} else if (controllers_job_begin(daemon, object)) {
		s = g_new0(struct settling, 1);
		*s = (struct settling){ daemon, g_strdup(object->namespace), g_strdup(object->name), g_strdup(object->uid) };
		volume_call(daemon, &from, "snapshot-delete", json_pack("{s:s}", "snapshot", path_string(record, "snapshot")), -1,
		    VOLUME_DEADLINE_ACTION, on_settled, s);
	}
	json_decref(record);
	return false;
}
