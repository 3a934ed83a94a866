/*
 * Filling a claim's volume from outside: the volume is made anew, then a worker writes to it.
 *
 *   volume-delete --> volume-create --> (volume-serve) --> solovirt-import --> image_cache_seal() or data_volume_succeed()
 *
 * An upload is filled so too, when it comes: its bytes reach the worker through a pipe (daemon/upload.c feeds it).
 *
 * What an import that was cut off left there must not shine through, so it begins on a fresh volume, unless the worker had told
 * how far all of it was durable: then it goes on from there, with the volume as it is.  The volume that was made for the claim is
 * fresh until the record says that it was begun to be filled.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/datavolume.h"
#include "daemon/controllers/source.h"
#include "daemon/import.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

/* Bucket of records: uid of a DataVolume -> {"claim":UID,"resume":{...},"session":N,"changes":N}; without resume: begun.  session: volume_session()
 * as of then. */
#define RESUME "resume"

enum {
	PROGRESS_MS = 1000, QUEUE_FULL_MS = 1000,
	AGAIN_FIRST_MS = 2000, AGAIN_MOST_MS = 60000,
	CHANGED_FIRST_MS = 500,  /* a file that was replaced is there: another try is worth it at once */
	CHANGES_MOST = 5,        /* so often it may have been replaced meanwhile, before that is told and tried ... */
	CHANGING_MS = 10 * 60000, /* ... rarely */
	GAVE_WAY_MS = 30000,     /* as long others have the place of a slow one */
};

struct filling {
	struct daemon *daemon;
	char *namespace, *name, *uid, *claim; /* claim: uid of the one that is filled */
	json_t *resume;                       /* where an earlier import had come to, or NULL */
	int64_t session;                      /* volume_session() when it began */
	int64_t changes;                      /* how often the source was replaced while it was downloaded */
	int socket;                           /* our end of a volume that is served; -1 */
	struct fill_upload upload;            /* done NULL: it is none */
	bool cancelled;                       /* an upload that broke off before its worker was there */
	int64_t told;                         /* monotonic ms: when progress was stored last */
};

static void
filling_free(struct filling *f)
{
	g_free(f->namespace);
	g_free(f->name);
	g_free(f->uid);
	g_free(f->claim);
	json_decref(f->resume);
	if (f->socket >= 0)
		close(f->socket);
	if (f->upload.stream >= 0)
		close(f->upload.stream);
	g_free(f);
}

/* The last thing that happens to it.  error: NULL, or why nothing came of it. */
static void
filling_end(struct filling *f, const struct error *error)
{
	struct fill_upload upload = f->upload;

	filling_free(f);
	if (upload.done != NULL)
		upload.done(upload.arg, error);
}

static const struct object *
filling_object(const struct filling *f)
{
	const struct object *object = store_get(f->daemon->store, KIND_DATA_VOLUME, f->namespace, f->name);

	return object != NULL && strcmp(object->uid, f->uid) == 0 ? object : NULL;
}

/* The claim that is filled, or NULL when it is on its way out or another one has taken its name. */
static const struct object *
filling_claim(const struct filling *f)
{
	const struct object *object = store_get(f->daemon->store, KIND_CLAIM, f->namespace, f->name);
	const struct claim *claim = object == NULL ? NULL : object->value;

	return claim != NULL && claim->head.meta->deletion_timestamp == 0 && strcmp(object->uid, f->claim) == 0 ? object : NULL;
}

/* --- how far it is --------------------------------------------------------------------------------------------------- */

/* resume NULL: it has begun, and is not to be resumed. */
static void
record_set(struct filling *f, const json_t *resume)
{
	json_t *record = json_pack("{s:s,s:O*}", "claim", f->claim, "resume", resume);

	if (resume != NULL && f->session != 0)
		json_object_set_new(record, "session", json_integer(f->session));
	if (f->changes > 0)
		json_object_set_new(record, "changes", json_integer(f->changes));
	g_autofree char *text = json_write(record);
	json_decref(record);
	store_record_set(f->daemon->store, RESUME, f->uid, text, NULL);
}

static void
record_forget(struct filling *f)
{
	store_record_set(f->daemon->store, RESUME, f->uid, NULL, NULL);
}

/* Whether the claim's volume was begun to be filled; f->resume: where that may go on, or NULL: also when what was written may be lost since. */
static bool
record_get(struct filling *f)
{
	const char *text = store_record_get(f->daemon->store, RESUME, f->uid);
	json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL);
	bool begun = record != NULL && g_strcmp0(path_string(record, "claim"), f->claim) == 0;

	bool kept = begun && json_integer_value(json_object_get(record, "session")) == f->session;

	f->resume = kept ? json_incref(json_object_get(record, "resume")) : NULL;
	f->changes = begun ? json_integer_value(json_object_get(record, "changes")) : 0;
	json_decref(record);
	return begun;
}

static void
on_progress(void *arg, const json_t *event)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f);
	int64_t now = clock_monotonic_ms();

	if (object != NULL && json_object_get(event, "durable") != NULL)
		record_set(f, json_object_get(event, "durable"));
	if (object == NULL || now - f->told < PROGRESS_MS)
		return;
	f->told = now;
	data_volume_progress(f->daemon, object, f->upload.done != NULL ? DATA_VOLUME_UPLOAD_READY : DATA_VOLUME_IMPORT_IN_PROGRESS, event);
}

/* What the source had when it was asked: an image of the cache is known by it, and with another file it would be another image. */
static const char *
validator_of(const struct object *object)
{
	const struct data_volume *dv = object->value;

	return image_is_cached(object) ? schema_map_get(&dv->head.meta->annotations, IMAGE_VALIDATOR) : NULL;
}

/* --- its end --------------------------------------------------------------------------------------------------------- */

/* Another one may be sent. */
static void
upload_failed(struct daemon *daemon, const struct object *object, const struct error *error)
{
	const char *why = error->code == ECANCELED ? "it broke off before all of it had come" : error->text;
	struct data_volume_status *status = objects_status_copy(object);

	status->phase = DATA_VOLUME_UPLOAD_READY;
	status->restart_count++;
	g_free(status->progress);
	status->progress = g_strdup("N/A");
	data_volume_conditions(daemon, status, true, false, "Error", why);
	daemon_event(daemon, object, "Warning", "UploadFailed", "%s", why);
	objects_set_status(daemon, object, status, NULL);
	schema_free(&data_volume_status_schema, status);
}

/* Another try: soon, later, or rarely. */
static void
pace(const struct filling *f, const struct object *object, const struct error *error, bool changing)
{
	if (changing)
		controllers_pace_set(f->daemon, object, CHANGING_MS);
	else
		controllers_pace_fail(f->daemon, object, error->code == ESTALE ? CHANGED_FIRST_MS : AGAIN_FIRST_MS, AGAIN_MOST_MS);
}

/* An image that will never do is told for good; anything else is tried again. */
static void
fill_failed(const struct filling *f, const struct object *object, const struct error *error)
{
	struct daemon *daemon = f->daemon;
	struct data_volume_status *status = objects_status_copy(object);
	bool for_good = error->code == EINVAL || (error->code == ESTALE && validator_of(object) != NULL);
	bool changing = error->code == ESTALE && !for_good && f->changes >= CHANGES_MOST;
	struct error why = *error;

	if (changing)
		error_set(&why, ESTALE, "the source keeps changing: it was replaced %lld times while it was downloaded, and is tried again every %d minutes. "
		    "Let the URL name an image that stays as it is, with the same ETag on all servers of that name. The last time: %s",
		    (long long)f->changes, CHANGING_MS / 60000, error->text);

	status->phase = for_good ? DATA_VOLUME_FAILED : DATA_VOLUME_IMPORT_SCHEDULED;
	status->restart_count += for_good ? 0 : 1;
	g_free(status->progress);
	status->progress = g_strdup("N/A");
	data_volume_conditions(daemon, status, true, false, changing ? "SourceKeepsChanging" : "Error", why.text);
	daemon_event(daemon, object, "Warning", for_good ? "ImportFailed" : changing ? "SourceKeepsChanging" : "ImportRetry", "%s", why.text);
	pace(f, object, error, changing);
	objects_set_status(daemon, object, status, NULL);
	schema_free(&data_volume_status_schema, status);
}

/* No fault of its own: it is not counted, and what it did is kept. */
static void
fill_gave_way(const struct filling *f, const struct object *object, const struct error *error)
{
	const struct data_volume *dv = object->value;
	g_autofree char *progress = g_strdup(dv->status->progress);
	struct error err = { 0 };

	controllers_pace_set(f->daemon, object, GAVE_WAY_MS);
	if (data_volume_enter(f->daemon, object, DATA_VOLUME_IMPORT_SCHEDULED, progress, "GaveWay", error->text, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "DataVolume", f->namespace, f->name, "%s", err.text);
}

/* An archive holds more than the disk. */
static void
tell_others(struct daemon *daemon, const struct object *object, const json_t *result)
{
	int64_t count = json_integer_value(json_object_get(result, "otherCount"));
	g_autoptr(GString) names = g_string_new(NULL);
	json_t *name;
	size_t i;

	if (count <= 0)
		return;
	json_array_foreach(json_object_get(result, "others"), i, name)
		g_string_append_printf(names, "%s%.60s", i == 0 ? "" : ", ", json_string_value(name) == NULL ? "?" : json_string_value(name));
	daemon_event(daemon, object, "Warning", "ArchiveFilesIgnored", "the archive has %lld more file%s than disk.img, which became the disk: %s%s",
	    (long long)count, count == 1 ? "" : "s", names->str, count > (int64_t)json_array_size(json_object_get(result, "others")) ? " ..." : "");
}

static int
fill_succeeded(struct daemon *daemon, const struct object *object, const struct object *claim, const json_t *result, struct error *err)
{
	int64_t size = json_integer_value(json_object_get(result, "virtualSize"));
	const char *format = path_string(result, "format"), *compression = path_string(result, "compression");
	g_autofree char *message = g_strdup_printf("%s Complete: %s%s image of %lld MiB", data_volume_is_upload(object) ? "Upload" : "Import", format == NULL ? "" : format,
	    compression == NULL || *compression == '\0' ? "" : " (compressed)", (long long)(size >> 20));

	tell_others(daemon, object, result);
	if (image_is_cached(object))
		return image_cache_seal(daemon, object, claim, size, err);
	if (data_volume_succeed(daemon, object, claim, message, err) != 0)
		return -1;
	claim_measure(daemon, claim->namespace, claim->name);
	return 0;
}

/* The record outlives what may be tried again on the same volume. */
static void
note_end(struct filling *f, const struct error *error)
{
	const struct object *object = filling_object(f), *claim = filling_claim(f);
	const struct data_volume *dv = object == NULL ? NULL : object->value;

	if (f->upload.done != NULL)
		return;
	if (error == NULL || claim == NULL || dv == NULL || dv->head.meta->deletion_timestamp != 0)
		record_forget(f);
	else if (error->code == EINVAL || error->code == ESTALE)
		record_set(f, NULL);
}

static void
on_imported(void *arg, json_t *result, const struct error *error)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f), *claim = filling_claim(f);
	struct error err = { 0 };

	f->changes += error != NULL && error->code == ESTALE;
	if (object != NULL && error != NULL && f->upload.done != NULL)
		upload_failed(f->daemon, object, error);
	else if (object != NULL && error != NULL && error->code == IMPORT_GAVE_WAY)
		fill_gave_way(f, object, error);
	else if (object != NULL && error != NULL && error->code != ECANCELED)
		fill_failed(f, object, error);
	if (object != NULL)
		controllers_requeue(f->daemon, object, 1000);
	if (error == NULL && (object == NULL || claim == NULL))
		error_set(&err, ECANCELED, "the claim is gone");
	else if (error == NULL && fill_succeeded(f->daemon, object, claim, result, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "DataVolume", f->namespace, f->name, "%s", err.text);
	error = error != NULL ? error : err.code != 0 ? &err : NULL;
	note_end(f, error);
	filling_end(f, error);
}

/* --- what the worker is told ------------------------------------------------------------------------------------------- */

/* Secrets and ConfigMaps are looked up where the DataVolume is; for an image of the cache, where the one that asked for it is. */
static const char *
home_of(const struct object *object)
{
	const struct data_volume *dv = object->value;
	const char *home = image_is_cached(object) ? schema_map_get(&dv->head.meta->annotations, IMAGE_OF) : NULL;

	return home == NULL ? object->namespace : home;
}

static json_t *
fill_args(struct daemon *daemon, const struct object *object, int64_t capacity, struct error *err)
{
	const struct data_volume *dv = object->value;
	const char *validator = validator_of(object);
	json_t *args = source_args(daemon, home_of(object), dv->spec->source, err);

	if (args == NULL)
		return NULL;
	json_object_set_new(args, "capacity", json_integer(capacity));
	json_object_set_new(args, "stallSeconds", json_integer((daemon->config->images->stall_timeout + 999) / 1000));
	if (validator != NULL)
		json_object_set_new(args, "validator", json_string(validator));
	if (dv->spec->content_type == CONTENT_ARCHIVE)
		json_object_set_new(args, "archive", json_true());
	return args;
}

/* --- steps ------------------------------------------------------------------------------------------------------------- */

/* Ends the job of the steps.  error: why the worker was not started. */
static void
steps_failed(struct filling *f, const struct error *error)
{
	const struct object *object = filling_object(f);

	controllers_job_end(f->daemon, KIND_DATA_VOLUME, f->namespace, f->name);
	if (object != NULL && f->upload.done != NULL)
		upload_failed(f->daemon, object, error);
	else if (object != NULL && error->code == EAGAIN)
		controllers_pace_set(f->daemon, object, QUEUE_FULL_MS);
	else if (object != NULL && error->code != EHOSTDOWN && error->code != ECANCELED)
		fill_failed(f, object, error);
	else if (object != NULL)
		controllers_await_capacity(f->daemon, object);
	if (object != NULL)
		controllers_requeue(f->daemon, object, 1000);
	filling_end(f, error);
}

static json_t *
upload_args(const struct filling *f, int64_t capacity)
{
	const struct object *object = filling_object(f);
	bool archive = object != NULL && ((const struct data_volume *)object->value)->spec->content_type == CONTENT_ARCHIVE;

	return json_pack("{s:s,s:I,s:I,s:b}", "source", "upload", "capacity", (json_int_t)capacity, "total", (json_int_t)f->upload.total, "archive",
	    archive);
}

/* The target is open: starts the worker, which takes it. */
static void
start_worker(struct filling *f, int target)
{
	const struct object *object = filling_object(f), *claim = filling_claim(f);
	struct import_request request = { .uid = f->uid, .stream = -1, .target = target, .progress = on_progress, .done = on_imported, .arg = f };
	int64_t capacity = claim == NULL ? 0 : ((const struct claim *)claim->value)->status->capacity->storage;
	struct error err = { 0 };
	int r = -1;

	if (object == NULL || claim == NULL)
		error_set(&err, ECANCELED, "the claim is gone");
	else if (f->cancelled)
		error_set(&err, ECANCELED, "the client has left");
	else
		request.args = f->upload.done != NULL ? upload_args(f, capacity) : fill_args(f->daemon, object, capacity, &err);
	if (request.args != NULL) {
		json_object_set_new(request.args, "dense", json_boolean(volume_place(claim->value).encryption != NULL));
		request.stream = f->upload.stream;
		f->upload.stream = -1;
	}
	if (request.args != NULL && f->resume != NULL)
		json_object_set(request.args, "resume", f->resume);
	if (request.args != NULL)
		r = import_start(f->daemon, &request, &err);
	else
		close(target);
	if (r != 0) {
		steps_failed(f, &err);
		return;
	}
	controllers_job_end(f->daemon, KIND_DATA_VOLUME, f->namespace, f->name);
	if (f->upload.done == NULL)
		data_volume_enter(f->daemon, object, DATA_VOLUME_IMPORT_IN_PROGRESS, "0.00%", "Running", "the import has begun", NULL);
}

static int
take_socket(struct filling *f)
{
	int fd = f->socket;

	f->socket = -1;
	return fd;
}

static void
on_served(void *arg, json_t *result, const struct error *error)
{
	struct filling *f = arg;

	(void)result;
	if (error != NULL)
		steps_failed(f, error);
	else
		start_worker(f, take_socket(f));
}

/* A Secret that is missing is told, unlike a queue that is full. */
static void
locked(struct error *err)
{
	err->code = ENOENT;
}

/* Files of this machine are handed over; everything else is served by whoever has the rights to it. */
static void
open_target(struct filling *f, const struct volume_place *place, const char *path)
{
	int ends[2] = { -1, -1 }, fd;
	struct error err = { 0 };

	if (volume_is_file(f->daemon, place)) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0) {
			start_worker(f, fd);
			return;
		}
		error_errno(&err, "cannot open %s", path);
		steps_failed(f, &err);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		error_errno(&err, "cannot make a socket pair");
		steps_failed(f, &err);
		return;
	}
	json_t *args = json_object();
	f->socket = ends[0];
	if (volume_unlock(f->daemon, place, NULL, args, &err) == 0) {
		volume_call(f->daemon, place, "volume-serve", args, ends[1], VOLUME_DEADLINE_ACTION, on_served, f);
		return;
	}
	close(ends[1]);
	json_decref(args);
	locked(&err);
	steps_failed(f, &err);
}

/* The place of the claim's volume while it can be reached; false: the steps have failed with why not. */
static bool
reach(struct filling *f, const struct error *error, struct volume_place *place)
{
	const struct object *claim = filling_claim(f);
	struct error err = error == NULL ? (struct error){ 0 } : *error;
	int r = error == NULL ? 0 : -1;

	if (r == 0 && claim == NULL)
		r = error_set(&err, ECANCELED, "the claim is gone");
	if (r == 0) {
		*place = volume_place(claim->value);
		r = volume_check(f->daemon, place, &err);
	}
	if (r != 0)
		steps_failed(f, &err);
	return r == 0;
}

static void
on_fresh(void *arg, json_t *result, const struct error *error)
{
	const char *path = path_string(result, "path");
	struct volume_place place;
	struct error err = { 0 };

	if (error == NULL && path == NULL)
		error_set(&err, EPROTO, "the worker did not tell where the volume is");
	if (reach(arg, err.code != 0 ? &err : error, &place))
		open_target(arg, &place, path);
}

static void
on_gone(void *arg, json_t *result, const struct error *error)
{
	struct filling *f = arg;
	struct volume_place place;
	struct error err = { 0 };
	json_t *options, *args;

	(void)result;
	if (!reach(f, error, &place))
		return;
	const struct object *object = filling_object(f), *claim_object = filling_claim(f);
	const struct claim *claim = claim_object->value;
	const struct object *class = store_get(f->daemon->store, KIND_STORAGE_CLASS, "", claim->spec->storage_class_name);
	const struct data_volume *dv = object == NULL ? NULL : object->value;
	args = json_pack("{s:I,s:s,s:b,s:{s:s,s:s,s:s}}", "capacity", (json_int_t)claim->status->capacity->storage, "format", "raw", "preallocate",
	    dv != NULL && dv->spec->preallocation && !place.driver->shared, "owner", "namespace", f->namespace, "name", f->name, "uid", f->claim);
	options = class == NULL ? NULL : place.driver->options(class->value);
	if (options != NULL)
		json_object_set_new(args, "options", options);
	if (volume_unlock(f->daemon, &place, NULL, args, &err) == 0) {
		volume_call(f->daemon, &place, "volume-create", args, -1, VOLUME_DEADLINE_COPY, on_fresh, f);
		return;
	}
	json_decref(args);
	locked(&err);
	steps_failed(f, &err);
}

bool
fill_is_running(struct daemon *daemon, const struct object *object)
{
	return controllers_job_is_running(daemon, object) || import_is_running(daemon, object->uid);
}

static struct filling *
filling_new(struct daemon *daemon, const struct object *object, const struct object *claim)
{
	const struct volume_place place = volume_place(claim->value);
	struct filling *f = g_new0(struct filling, 1);

	*f = (struct filling){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .claim = g_strdup(claim->uid), .session = volume_session(daemon, &place), .socket = -1,
		.upload.stream = -1 };
	return f;
}

/* That it has begun is durable before anything is asked of a worker. */
static void
begin_steps(struct filling *f, const struct object *object, const struct volume_place *place)
{
	const struct data_volume *dv = object->value;
	bool recorded = record_get(f);
	bool begun = recorded || dv->status->restart_count > 0 || dv->status->phase == DATA_VOLUME_IMPORT_IN_PROGRESS;

	if (!recorded)
		record_set(f, NULL);
	if (f->resume != NULL || (!begun && !dv->spec->preallocation))
		volume_call(f->daemon, place, "volume-info", json_pack("{s:b}", "brief", 1), -1, VOLUME_DEADLINE_ACTION, on_fresh, f);
	else
		volume_call(f->daemon, place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_gone, f);
}

int
fill_begin(struct daemon *daemon, const struct object *object, const struct object *claim_object, struct error *err)
{
	const struct claim *claim = claim_object->value;
	const struct volume_place place = volume_place(claim);
	struct filling *f;

	if (claim->head.meta->deletion_timestamp != 0)
		return 0;
	if (place.driver == NULL || volume_check(daemon, &place, err) != 0) {
		controllers_await_capacity(daemon, object);
		return 0;
	}
	if (controllers_pace_left(daemon, object) == 0 && !imports_have_room(daemon))
		controllers_pace_set(daemon, object, QUEUE_FULL_MS);
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	if (!controllers_job_begin(daemon, object))
		return 0;
	f = filling_new(daemon, object, claim_object);
	begin_steps(f, object, &place);
	return 0;
}

struct filling *
fill_begin_upload(struct daemon *daemon, const struct object *object, const struct object *claim, const struct fill_upload *upload, struct error *err)
{
	const struct volume_place place = volume_place(claim->value);
	struct filling *f;
	int r = 0;

	if (fill_is_running(daemon, object))
		r = error_set(err, EBUSY, "DataVolume %s/%s is being uploaded to already", object->namespace, object->name);
	else if (place.driver == NULL)
		r = error_set(err, EAGAIN, "the claim has no volume yet");
	else if (!imports_have_room(daemon))
		r = error_set(err, EAGAIN, "as many imports and uploads are under way as can be at a time: try again when one has ended");
	if (r != 0 || volume_check(daemon, &place, err) != 0 || !controllers_job_begin(daemon, object)) {
		close(upload->stream);
		return NULL;
	}
	f = filling_new(daemon, object, claim);
	f->upload = *upload;
	volume_call(daemon, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_gone, f);
	return f;
}

void
fill_cancel(struct filling *f)
{
	f->cancelled = true;
	if (import_is_running(f->daemon, f->uid))
		import_cancel(f->daemon, f->uid);
}

struct resume_sweep {
	GHashTable *wanted; /* uids of DataVolumes; borrowed */
	GPtrArray *stale;
};

static void
resume_match(void *arg, const char *key, const char *value)
{
	struct resume_sweep *s = arg;

	(void)value;
	if (!g_hash_table_contains(s->wanted, key))
		g_ptr_array_add(s->stale, g_strdup(key));
}

void
fill_sweep(struct daemon *daemon)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_DATA_VOLUME, NULL), stale = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
	struct resume_sweep s = { wanted, stale };

	for (guint i = 0; i < all->len; i++)
		g_hash_table_add(wanted, (char *)(uintptr_t)((const struct object *)all->pdata[i])->uid);
	store_record_each(daemon->store, RESUME, resume_match, &s);
	for (guint i = 0; i < stale->len; i++)
		store_record_set(daemon->store, RESUME, stale->pdata[i], NULL, NULL);
}
