/*
 * Filling a claim's volume from outside: the volume is made anew, then a worker writes to it.
 *
 *   volume-delete --> volume-create --> (volume-serve) --> solovirt-import --> image_cache_seal() or data_volume_succeed()
 *
 * An upload is filled so too, when it comes: its bytes reach the worker through a pipe (daemon/upload.c feeds it).
 *
 * What an import that was cut off left there must not shine through, so it begins on a fresh volume, unless the worker had told
 * how far all of it was durable: then it goes on from there, with the volume as it is.
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
#include "daemon/host.h"
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

#define RESUME "resume" /* bucket of records: uid of a DataVolume -> {"claim":UID,"resume":{...}} */

enum { PROGRESS_MS = 1000, AGAIN_FIRST_MS = 2000, AGAIN_MOST_MS = 60000, QUEUE_FULL_MS = 1000 };

struct filling {
	struct daemon *daemon;
	char *namespace, *name, *uid, *claim; /* claim: uid of the one that is filled */
	json_t *resume;                       /* where an earlier import had come to, or NULL */
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

static void
resume_set(struct filling *f, const json_t *resume)
{
	g_autofree char *text = NULL;
	json_t *record;

	if (resume != NULL) {
		record = json_pack("{s:s,s:O}", "claim", f->claim, "resume", resume);
		text = json_write(record);
		json_decref(record);
	}
	store_record_set(f->daemon->store, RESUME, f->uid, text, NULL);
}

static json_t *
resume_get(struct filling *f)
{
	const char *text = store_record_get(f->daemon->store, RESUME, f->uid);
	json_t *record = text == NULL ? NULL : json_read(text, strlen(text), NULL), *resume = NULL;

	if (record != NULL && g_strcmp0(path_string(record, "claim"), f->claim) == 0)
		resume = json_incref(json_object_get(record, "resume"));
	json_decref(record);
	return resume;
}

/* "download: 512 MiB of 2 GiB, 110 MiB/s, 14 s left" */
static char *
progress_words(const json_t *event)
{
	int64_t done = json_integer_value(json_object_get(event, "done")), total = json_integer_value(json_object_get(event, "total"));
	int64_t rate = json_integer_value(json_object_get(event, "rate"));
	g_autofree char *so_far = quantity_format_human(done);
	GString *words = g_string_new(NULL);

	g_string_printf(words, "%s: %s", path_string(event, "phase"), so_far);
	if (total > 0) {
		g_autofree char *all = quantity_format_human(total);
		g_string_append_printf(words, " of %s", all);
	}
	if (rate > 0) {
		g_autofree char *each = quantity_format_human(rate);
		g_string_append_printf(words, ", %s/s", each);
	}
	if (rate > 0 && total > done)
		g_string_append_printf(words, ", %lld s left", (long long)((total - done + rate - 1) / rate));
	return g_string_free(words, FALSE);
}

static void
on_progress(void *arg, const json_t *event)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f);
	int64_t done = json_integer_value(json_object_get(event, "done")), total = json_integer_value(json_object_get(event, "total"));
	double part = total <= 0 ? 0 : 100.0 * (double)done / (double)total;
	struct data_volume_status *status;
	int64_t now = clock_monotonic_ms();

	if (object != NULL && json_object_get(event, "durable") != NULL)
		resume_set(f, json_object_get(event, "durable"));
	if (object == NULL || now - f->told < PROGRESS_MS)
		return;
	f->told = now;
	g_autofree char *words = progress_words(event);
	status = objects_status_copy(object);
	g_free(status->progress);
	status->progress = total <= 0 ? g_strdup("N/A") : g_strdup_printf("%.2f%%", MIN(part, 99.99));
	status->phase = f->upload.done != NULL ? DATA_VOLUME_UPLOAD_READY : DATA_VOLUME_IMPORT_IN_PROGRESS;
	data_volume_conditions(f->daemon, status, true, true, "Running", words);
	objects_set_status(f->daemon, object, status, NULL);
	schema_free(&data_volume_status_schema, status);
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

/* An image that will never do is told for good; anything else is tried again. */
static void
fill_failed(struct daemon *daemon, const struct object *object, const struct error *error)
{
	struct data_volume_status *status = objects_status_copy(object);
	bool for_good = error->code == EINVAL;

	status->phase = for_good ? DATA_VOLUME_FAILED : DATA_VOLUME_IMPORT_SCHEDULED;
	status->restart_count += for_good ? 0 : 1;
	g_free(status->progress);
	status->progress = g_strdup("N/A");
	data_volume_conditions(daemon, status, true, false, "Error", error->text);
	daemon_event(daemon, object, "Warning", for_good ? "ImportFailed" : "ImportRetry", "%s", error->text);
	controllers_pace_fail(daemon, object, AGAIN_FIRST_MS, AGAIN_MOST_MS);
	objects_set_status(daemon, object, status, NULL);
	schema_free(&data_volume_status_schema, status);
}

static int
fill_succeeded(struct daemon *daemon, const struct object *object, const struct object *claim, const json_t *result, struct error *err)
{
	int64_t size = json_integer_value(json_object_get(result, "virtualSize"));
	const char *format = path_string(result, "format"), *compression = path_string(result, "compression");
	g_autofree char *message = g_strdup_printf("%s Complete: %s%s image of %lld MiB", data_volume_is_upload(object) ? "Upload" : "Import", format == NULL ? "" : format,
	    compression == NULL || *compression == '\0' ? "" : " (compressed)", (long long)(size >> 20));

	return image_is_cached(object) ? image_cache_seal(daemon, object, claim, size, err)
	                               : data_volume_succeed(daemon, object, claim, message, err);
}

static void
on_imported(void *arg, json_t *result, const struct error *error)
{
	struct filling *f = arg;
	const struct object *object = filling_object(f), *claim = filling_claim(f);
	struct error err = { 0 };

	if (error == NULL || error->code == EINVAL || error->code == ESTALE)
		resume_set(f, NULL);
	if (object != NULL && error != NULL && f->upload.done != NULL)
		upload_failed(f->daemon, object, error);
	else if (object != NULL && error != NULL && error->code != ECANCELED)
		fill_failed(f->daemon, object, error);
	if (object != NULL)
		controllers_requeue(f->daemon, object, 1000);
	if (error == NULL && (object == NULL || claim == NULL))
		error_set(&err, ECANCELED, "the claim is gone");
	else if (error == NULL && fill_succeeded(f->daemon, object, claim, result, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "DataVolume", f->namespace, f->name, "%s", err.text);
	filling_end(f, error != NULL ? error : err.code != 0 ? &err : NULL);
}

/* --- what the worker is told ------------------------------------------------------------------------------------------- */

/* A source as the worker knows it. */
struct origin {
	const char *kind, *url, *checksum, *secret, *config_map, *architecture;
	char **headers, **secret_headers;
	bool insecure;
};

static struct origin
origin_of(const struct data_volume_source *s)
{
	if (s->http != NULL)
		return (struct origin){ "http", s->http->url, s->http->checksum, s->http->secret_ref, s->http->cert_config_map, NULL,
			s->http->extra_headers, s->http->secret_extra_headers, s->http->insecure_skip_verify };
	if (s->s3 != NULL)
		return (struct origin){ .kind = "s3", .url = s->s3->url, .secret = s->s3->secret_ref, .config_map = s->s3->cert_config_map };
	if (s->gcs != NULL)
		return (struct origin){ .kind = "gcs", .url = s->gcs->url, .secret = s->gcs->secret_ref };
	return (struct origin){ .kind = "registry", .url = s->registry->url, .secret = s->registry->secret_ref,
		.config_map = s->registry->cert_config_map, .architecture = s->registry->platform == NULL ? NULL : s->registry->platform->architecture };
}

/* Secrets and ConfigMaps are looked up where the DataVolume is; for an image of the cache, where the one that asked for it is. */
static const char *
home_of(const struct object *object)
{
	const struct data_volume *dv = object->value;
	const char *home = image_is_cached(object) ? schema_map_get(&dv->head.meta->annotations, IMAGE_OF) : NULL;

	return home == NULL ? object->namespace : home;
}

static int
add_credentials(struct daemon *daemon, const char *home, const struct origin *o, json_t *args, struct error *err)
{
	const struct object *secret = store_get(daemon->store, KIND_SECRET, home, o->secret);
	size_t n;

	g_autofree char *user = secret == NULL ? NULL : secret_value(secret->value, "accessKeyId", &n);
	g_autofree char *password = secret == NULL ? NULL : secret_value(secret->value, "secretKey", &n);
	if (user == NULL || password == NULL)
		return error_set(err, ENOENT, "Secret %s/%s with accessKeyId and secretKey does not exist", home, o->secret);
	json_object_set_new(args, "user", json_string(user));
	json_object_set_new(args, "password", json_string(password));
	return 0;
}

static int
add_certificates(struct daemon *daemon, const char *home, const struct origin *o, json_t *args, struct error *err)
{
	const struct object *map = store_get(daemon->store, KIND_CONFIG_MAP, home, o->config_map);
	const struct config_map *value = map == NULL ? NULL : map->value;
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; value != NULL && i < value->data.count; i++)
		g_string_append_printf(all, "%s\n", value->data.entries[i].value);
	if (all->len == 0)
		return error_set(err, ENOENT, "ConfigMap %s/%s with certificates does not exist", home, o->config_map);
	json_object_set_new(args, "caPem", json_string(all->str));
	return 0;
}

/* Each value of these Secrets is a header. */
static int
add_secret_headers(struct daemon *daemon, const char *home, const struct origin *o, json_t *headers, struct error *err)
{
	for (char **name = o->secret_headers; name != NULL && *name != NULL; name++) {
		const struct object *object = store_get(daemon->store, KIND_SECRET, home, *name);
		const struct secret *secret = object == NULL ? NULL : object->value;
		size_t n;

		if (secret == NULL)
			return error_set(err, ENOENT, "Secret %s/%s with headers does not exist", home, *name);
		for (size_t i = 0; i < secret->data.count; i++) {
			g_autofree char *line = secret_value(secret, secret->data.entries[i].name, &n);
			if (line != NULL)
				json_array_append_new(headers, json_string(line));
		}
	}
	return 0;
}

/* Credentials travel over the channel only. */
static json_t *
fill_args(struct daemon *daemon, const struct object *object, int64_t capacity, struct error *err)
{
	const struct origin o = origin_of(((const struct data_volume *)object->value)->spec->source);
	json_t *headers = json_array(), *args = json_pack("{s:s,s:s,s:I,s:o,s:b}", "url", o.url, "source", o.kind, "capacity",
	    (json_int_t)capacity, "headers", headers, "insecureSkipVerify", o.insecure);
	const char *home = home_of(object);

	for (char **h = o.headers; h != NULL && *h != NULL; h++)
		json_array_append_new(headers, json_string(*h));
	if (o.checksum != NULL)
		json_object_set_new(args, "checksum", json_string(o.checksum));
	if (o.architecture != NULL && *o.architecture != '\0')
		json_object_set_new(args, "architecture", json_string(o.architecture));
	if ((o.secret == NULL || add_credentials(daemon, home, &o, args, err) == 0) &&
	    (o.config_map == NULL || add_certificates(daemon, home, &o, args, err) == 0) &&
	    add_secret_headers(daemon, home, &o, headers, err) == 0)
		return args;
	json_decref(args);
	return NULL;
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
		fill_failed(f->daemon, object, error);
	else if (object != NULL)
		controllers_await_capacity(f->daemon, object);
	if (object != NULL)
		controllers_requeue(f->daemon, object, 1000);
	filling_end(f, error);
}

static json_t *
upload_args(const struct filling *f, int64_t capacity)
{
	return json_pack("{s:s,s:I,s:I}", "source", "upload", "capacity", (json_int_t)capacity, "total", (json_int_t)f->upload.total);
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

/* Files of this machine are handed over; everything else is served by whoever has the rights to it. */
static void
open_target(struct filling *f, const struct volume_place *place, const char *path)
{
	const struct host *host = place->driver->shared ? NULL : host_find(f->daemon, place->keeper);
	int ends[2] = { -1, -1 }, fd;
	struct error err = { 0 };

	if (host != NULL && host->local) {
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
	f->socket = ends[0];
	volume_call(f->daemon, place, "volume-serve", json_object(), ends[1], VOLUME_DEADLINE_ACTION, on_served, f);
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
	volume_call(f->daemon, &place, "volume-create", args, -1, VOLUME_DEADLINE_ACTION, on_fresh, f);
}

bool
fill_is_running(struct daemon *daemon, const struct object *object)
{
	return controllers_job_is_running(daemon, object) || import_is_running(daemon, object->uid);
}

static struct filling *
filling_new(struct daemon *daemon, const struct object *object, const struct object *claim)
{
	struct filling *f = g_new0(struct filling, 1);

	*f = (struct filling){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .claim = g_strdup(claim->uid), .socket = -1, .upload.stream = -1 };
	return f;
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
	f->resume = resume_get(f);
	if (f->resume != NULL)
		volume_call(daemon, &place, "volume-info", json_object(), -1, VOLUME_DEADLINE_QUERY, on_fresh, f);
	else
		volume_call(daemon, &place, "volume-delete", json_object(), -1, VOLUME_DEADLINE_ACTION, on_gone, f);
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
		r = error_set(err, EAGAIN, "%d imports and uploads are under way: more cannot be at a time", IMPORTS_MOST);
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
