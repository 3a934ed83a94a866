/*
 * Memory dumps.  A request is carried out by the machine's controller:
 *
 *   Associating ---> InProgress ---> Completed | Failed
 *     the claim is     the host's worker writes, and is asked
 *     bound            every second how far it is
 *
 * When the request began is its number for the worker: asked again, after a crash too, that begins no second dump while it
 * knows of the first.  The claim is a file of its host's pool, and the dump is that file.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/memory_dump.h"
#include "daemon/controllers/vmi.h"
#include "daemon/job.h"
#include "daemon/objects.h"
#include "src/api/datavolume.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

enum {
	LOOK_MS = 1000,
	PERCENT_STEP = 10,           /* progress is written down in these steps */
	DUMP_EXTRA = 100 << 20,      /* beside the guest's memory: what KubeVirt counts for headers and devices */
};

static const struct memory_dump_request *
request_of(const struct vm *vm)
{
	return vm->status->memory_dump_request;
}

static bool
is_under_way(const struct memory_dump_request *r)
{
	return r != NULL && (r->phase == MEMORY_DUMP_ASSOCIATING || r->phase == MEMORY_DUMP_IN_PROGRESS);
}

bool
memory_dump_is_under_way(const struct vm *vm)
{
	return is_under_way(request_of(vm));
}

int64_t
memory_dump_size(const struct vmi *vmi)
{
	return vmi_memory(vmi->spec) + DUMP_EXTRA;
}

const struct memory_dump_request *
memory_dump_of(struct daemon *daemon, const struct object *instance, const char *claim)
{
	const struct object *object = store_get(daemon->store, KIND_VM, instance->namespace, instance->name);
	const struct memory_dump_request *r = object == NULL ? NULL : request_of(object->value);

	return r != NULL && g_strcmp0(r->claim_name, claim) == 0 ? r : NULL;
}

static void
set_message(struct memory_dump_request *r, const char *message)
{
	g_free(r->message);
	r->message = g_strdup(message);
}

static void
end(struct daemon *daemon, const struct object *object, struct memory_dump_request *r, const char *why)
{
	r->phase = why == NULL ? MEMORY_DUMP_COMPLETED : MEMORY_DUMP_FAILED;
	r->end_timestamp = daemon_now(daemon);
	set_message(r, why);
	if (why == NULL)
		daemon_event(daemon, object, "Normal", "MemoryDumpCompleted", "The guest's memory was written to PVC %s", r->claim_name);
	else
		daemon_event(daemon, object, "Warning", "MemoryDumpError", "%s", why);
}

/* --- the job: one look at the worker ------------------------------------------------------------------------------- */

struct look {
	struct daemon *daemon;
	char *namespace, *name, *uid; /* of the machine */
	char *instance, *host, *claim;
	int64_t started;
	bool asked, done, resized;
	int percent;
};

static void
look_free(struct look *l)
{
	g_free(l->namespace);
	g_free(l->name);
	g_free(l->uid);
	g_free(l->instance);
	g_free(l->host);
	g_free(l->claim);
	g_free(l);
}

static int
step_dump(struct look *l, const char *path, struct job_step *step)
{
	g_autofree char *id = g_strdup_printf("%" PRId64, l->started), *name = domain_name(l->namespace, l->name);

	step->verb = "domain-dump";
	step->args = json_pack("{s:s,s:s,s:s,s:s}", "name", name, "uid", l->instance, "path", path, "id", id);
	step->deadline = HOST_DEADLINE_QUERY;
	l->asked = true;
	return 1;
}

/* The volume is as large as before; behind the dump there is nothing. */
static int
step_resize(struct look *l, const char *path, struct job_step *step)
{
	g_autofree char *volume = g_path_get_basename(path);

	step->verb = "volume-resize";
	step->args = json_pack("{s:s,s:s,s:I}", "pool", l->daemon->config->pool->name, "volume", volume, "capacity",
	    (json_int_t)claim_capacity(l->daemon, l->namespace, l->claim));
	step->deadline = HOST_DEADLINE_ACTION;
	l->resized = true;
	return 1;
}

static int
look_next(void *context, struct job_step *step, struct error *err)
{
	struct look *l = context;
	const char *path = claim_path(l->daemon, l->namespace, l->claim);

	if (path == NULL)
		return error_set(err, ENOENT, "PVC %s/%s is not bound any more", l->namespace, l->claim);
	if (!l->asked)
		return step_dump(l, path, step);
	return l->done && !l->resized ? step_resize(l, path, step) : 0;
}

static void
look_took(void *context, const char *verb, json_t *result)
{
	struct look *l = context;
	json_int_t processed = json_integer_value(json_object_get(result, "processed")), total = json_integer_value(json_object_get(result, "total"));

	if (strcmp(verb, "domain-dump") != 0)
		return;
	l->done = g_strcmp0(path_string(result, "state"), "done") == 0;
	l->percent = total > 0 ? (int)(processed * 100 / total) : 0;
}

/* Says nothing of the dump: the worker is asked again. */
static bool
is_passing(const struct error *error)
{
	static const int passing[] = { EAGAIN, EBUSY, ECANCELED, EHOSTDOWN, ECONNRESET };
	bool found = false;

	for (size_t i = 0; i < G_N_ELEMENTS(passing); i++)
		found |= error->code == passing[i];
	return found;
}

static void
take(struct look *l, const struct object *object, struct memory_dump_request *r, const struct error *error)
{
	g_autofree char *progress = g_strdup_printf("%d %% written", l->percent / PERCENT_STEP * PERCENT_STEP);

	if (error != NULL && !is_passing(error))
		end(l->daemon, object, r, error->text);
	else if (error == NULL && l->done)
		end(l->daemon, object, r, NULL);
	else if (error == NULL && l->percent > 0)
		set_message(r, progress);
}

static void
look_done(void *context, const struct error *error)
{
	struct look *l = context;
	const struct object *object = store_get_uid(l->daemon->store, l->uid);
	struct vm_status *status = object == NULL ? NULL : objects_status_copy(object);
	struct error err = { 0 };

	if (status != NULL && status->memory_dump_request != NULL && status->memory_dump_request->phase == MEMORY_DUMP_IN_PROGRESS &&
	    status->memory_dump_request->start_timestamp == l->started) {
		take(l, object, status->memory_dump_request, error);
		if (objects_set_status(l->daemon, object, status, &err) != 0)
			log_object(LOG_LEVEL_WARNING, "VirtualMachine", l->namespace, l->name, "%s", err.text);
		controllers_requeue(l->daemon, object, LOOK_MS);
	}
	if (status != NULL)
		schema_free(&vm_status_schema, status);
	look_free(l);
}

static const struct job_class look_class = { look_next, look_took, look_done };

static void
look(struct daemon *daemon, const struct object *object, const struct memory_dump_request *r, const struct object *instance, struct host *host)
{
	struct look *l = g_new0(struct look, 1);

	*l = (struct look){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .instance = g_strdup(instance->uid), .host = g_strdup(host->name),
		.claim = g_strdup(r->claim_name), .started = r->start_timestamp };
	controllers_pace_set(daemon, object, LOOK_MS);
	if (!job_begin(daemon, object, host, &look_class, l))
		look_free(l);
}

/* --- the request ---------------------------------------------------------------------------------------------------- */

/* Its claim is there, on the host of the guest; 0: it is waited for, -1: it cannot be. */
static int
find_claim(struct daemon *daemon, const struct object *object, const struct memory_dump_request *r, const char *host, char *why, size_t size)
{
	const char *node = NULL, *path = NULL;
	bool gone = false;

	controllers_await(daemon, object, KIND_CLAIM, object->namespace, r->claim_name);
	if (!claim_is_usable(daemon, object->namespace, r->claim_name, &node, &path, &gone, why, size))
		return gone ? -1 : 0;
	if (g_strcmp0(node, host) == 0)
		return 1;
	if (node == NULL)
		g_snprintf(why, size, "PVC %s is no file of a host, to which the memory could be written", r->claim_name);
	else
		g_snprintf(why, size, "PVC %s is on host %s, and the guest runs on %s", r->claim_name, node, host);
	return -1;
}

static void
associate(struct daemon *daemon, const struct object *object, struct memory_dump_request *r, const char *host)
{
	char why[256] = "";
	int found = find_claim(daemon, object, r, host, why, sizeof(why));

	if (found < 0)
		end(daemon, object, r, why);
	else if (found == 0)
		set_message(r, why);
	if (found <= 0)
		return;
	r->phase = MEMORY_DUMP_IN_PROGRESS;
	r->start_timestamp = daemon_now(daemon);
	r->file_name = g_path_get_basename(claim_path(daemon, object->namespace, r->claim_name));
	set_message(r, NULL);
	controllers_requeue(daemon, object, 0);
}

void
memory_dump_follow(struct daemon *daemon, const struct object *object, struct vm_status *status, const struct object *instance)
{
	struct memory_dump_request *r = status->memory_dump_request;
	const struct vmi *vmi = instance == NULL ? NULL : instance->value;
	struct host *host = vmi == NULL ? NULL : host_find(daemon, vmi->status->node_name);
	int64_t wait = controllers_pace_left(daemon, object);

	if (!is_under_way(r))
		return;
	if (vmi == NULL || vmi->status->phase != VMI_RUNNING) {
		end(daemon, object, r, "the guest ended before its memory was written");
	} else if (host == NULL || host->state != HOST_READY) {
		controllers_requeue(daemon, object, LOOK_MS);
	} else if (r->phase == MEMORY_DUMP_ASSOCIATING) {
		associate(daemon, object, r, host->name);
	} else if (request_of(object->value) == NULL || request_of(object->value)->phase != MEMORY_DUMP_IN_PROGRESS || wait > 0) {
		controllers_requeue(daemon, object, wait); /* not before it is written down */
	} else if (claim_path(daemon, object->namespace, r->claim_name) == NULL) {
		end(daemon, object, r, "its claim is not bound any more");
	} else {
		look(daemon, object, r, instance, host);
	}
}
