/* Subresource verbs: start, stop, restart, pause, unpause (fact sheet, sections 2.2 and 8), and the table of all. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "daemon/verb_memory_dump.h"
#include "daemon/verb_volumes.h"
#include "daemon/verbs.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

/* --- requests ------------------------------------------------------------------------------------------------------ */

static const struct vmi *
instance_of(struct daemon *daemon, const struct object *vm, const struct object **object)
{
	*object = store_get(daemon->store, KIND_VMI, vm->namespace, vm->name);
	return *object == NULL ? NULL : (*object)->value;
}

static bool
is_live(const struct vmi *vmi)
{
	return vmi != NULL && !vmi_is_final(vmi);
}

static int
patch(struct daemon *daemon, const struct object *object, json_t *change, const json_t *body, struct error *err)
{
	int r = verb_is_dry_run(body) || objects_patch(daemon, object, change, err) != NULL ? 0 : -1;

	json_decref(change);
	return r;
}

/* The spec's own way to say it is kept: a machine with "running" keeps "running". */
static int
set_strategy(struct daemon *daemon, const struct object *object, bool run, const json_t *body, struct error *err)
{
	const struct vm *vm = object->value;

	if (vm->spec->running != TRISTATE_UNSET)
		return patch(daemon, object, json_pack("{s:{s:b},s:{s:n}}", "spec", "running", run, "status", "startFailure"), body, err);
	return patch(daemon, object, json_pack("{s:{s:s},s:{s:n}}", "spec", "runStrategy", run ? "Always" : "Halted", "status", "startFailure"), body,
	    err);
}

static json_t *
request(const char *action, const char *uid, bool paused)
{
	json_t *r = json_pack("{s:s}", "action", action);

	if (uid != NULL)
		json_object_set_new(r, "uid", json_string(uid));
	if (paused)
		json_object_set_new(r, "data", json_pack("{s:s}", "paused", "true"));
	return r;
}

/* Replaces what was asked for before; a fresh request also ends the waiting after failed starts. */
static int
set_requests(struct daemon *daemon, const struct object *object, json_t *requests, const json_t *body, struct error *err)
{
	return patch(daemon, object, json_pack("{s:{s:o,s:n}}", "status", "stateChangeRequests", requests, "startFailure"), body, err);
}

/* --- machines ------------------------------------------------------------------------------------------------------ */

static int
run_start(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	const struct object *instance;
	const struct vmi *vmi = instance_of(daemon, object, &instance);
	enum run_strategy strategy = vm_run_strategy(object->value);
	bool paused = json_is_true(json_object_get(body, "paused"));

	if (is_live(vmi))
		return error_set(err, EBUSY, "VM is already running");
	if (strategy == RUN_ALWAYS || strategy == RUN_ONCE)
		return error_set(err, EBUSY, "%s does not support manual start requests", run_strategy_words[strategy]);
	if (strategy == RUN_RERUN_ON_FAILURE && vmi != NULL && vmi->status->phase == VMI_FAILED)
		return error_set(err, EBUSY, "RerunOnFailure does not support starting VM from failed state");
	if (strategy == RUN_HALTED && paused && set_requests(daemon, object, json_pack("[o]", request("Start", NULL, true)), body, err) != 0)
		return -1;
	if (strategy == RUN_HALTED)
		return set_strategy(daemon, store_get(daemon->store, KIND_VM, object->namespace, object->name), true, body, err);
	return set_requests(daemon, object, json_pack("[o]", request("Start", NULL, paused)), body, err);
}

/* A grace that the request names counts for the instance that is being stopped. */
static int
shorten_grace(struct daemon *daemon, const struct object *instance, const json_t *body, struct error *err)
{
	const json_t *grace = json_object_get(body, "gracePeriod");
	const struct delete_options options = { .grace_period_seconds = json_integer_value(grace), .dry_run = verb_is_dry_run(body) };

	return json_is_integer(grace) ? objects_delete(daemon, instance, &options, NULL, err) : 0;
}

static int
run_stop(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	const struct object *instance;
	const struct vmi *vmi = instance_of(daemon, object, &instance);
	enum run_strategy strategy = vm_run_strategy(object->value);

	if (strategy == RUN_HALTED && !is_live(vmi))
		return error_set(err, EBUSY, "VM is not running");
	if (strategy == RUN_HALTED && !json_is_integer(json_object_get(body, "gracePeriod")))
		return error_set(err, EBUSY, "Halted only supports manual stop requests with a shorter graceperiod");
	if ((strategy == RUN_MANUAL || strategy == RUN_RERUN_ON_FAILURE) && vmi == NULL)
		return error_set(err, EBUSY, "VM is not running");
	if (instance != NULL && shorten_grace(daemon, instance, body, err) != 0)
		return -1;
	if (strategy == RUN_ALWAYS || strategy == RUN_ONCE)
		return set_strategy(daemon, object, false, body, err);
	return strategy == RUN_HALTED ? 0 : set_requests(daemon, object, json_pack("[o]", request("Stop", instance->uid, false)), body, err);
}

static int
run_restart(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	const struct object *instance;
	const struct vmi *vmi = instance_of(daemon, object, &instance);
	enum run_strategy strategy = vm_run_strategy(object->value);
	const json_t *grace = json_object_get(body, "gracePeriodSeconds");
	const struct delete_options options = { .grace_period_seconds = json_integer_value(grace), .dry_run = verb_is_dry_run(body) };

	if (strategy == RUN_HALTED || strategy == RUN_ONCE)
		return error_set(err, EBUSY, "%s does not support manual restart requests", run_strategy_words[strategy]);
	if (!is_live(vmi))
		return error_set(err, EBUSY, "VM is not running: %s", object->name);
	if (set_requests(daemon, object, json_pack("[o,o]", request("Stop", instance->uid, false), request("Start", NULL, false)), body, err) != 0)
		return -1;
	return json_is_integer(grace) ? objects_delete(daemon, instance, &options, NULL, err) : 0;
}

/* --- instances ----------------------------------------------------------------------------------------------------- */

struct telling {
	struct daemon *daemon;
	char *namespace, *name;
	const char *verb;
};

/* The answer has long been given; what went wrong is told as an event. */
static void
on_verb(void *arg, json_t *result, const struct error *error)
{
	struct telling *t = arg;
	const struct object *object = store_get(t->daemon->store, KIND_VMI, t->namespace, t->name);

	(void)result;
	if (error != NULL && object != NULL)
		daemon_event(t->daemon, object, "Warning", "SyncFailed", "%s: %s", t->verb, error->text);
	g_free(t->namespace);
	g_free(t->name);
	g_free(t);
}

struct host *
verb_host(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	struct host *host = host_find(daemon, vmi->status->node_name);

	if (vmi->status->phase != VMI_RUNNING || host == NULL) {
		error_set(err, EBUSY, "VM is not running");
		return NULL;
	}
	if (host->state == HOST_READY)
		return host_check_room(host, err) == 0 ? host : NULL;
	error_set(err, EBUSY, "host %s is not ready: %s", host->name, host->problem == NULL ? "it is being prepared" : host->problem);
	return NULL;
}

static int
post(struct daemon *daemon, const struct object *object, const char *verb, const json_t *body, struct error *err)
{
	struct host *host = verb_host(daemon, object, err);
	g_autofree char *domain = domain_name(object->namespace, object->name);
	struct telling *t;

	if (host == NULL || verb_is_dry_run(body))
		return host == NULL ? -1 : 0;
	t = g_new0(struct telling, 1);
	*t = (struct telling){ daemon, g_strdup(object->namespace), g_strdup(object->name), verb };
	host_call(host, verb, json_pack("{s:s,s:s}", "name", domain, "uid", object->uid), -1, HOST_DEADLINE_ACTION, on_verb, t);
	return 0;
}

static bool
is_paused(const struct object *object)
{
	const struct vmi *vmi = object->value;

	return condition_is_true(&vmi->status->conditions, "Paused");
}

static bool
is_probed_from_outside(const struct vmi *vmi)
{
	const struct probe *probe = vmi->spec->liveness_probe;

	return probe != NULL && probe->guest_agent_ping == NULL;
}

static int
run_pause(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	if (is_probed_from_outside(object->value))
		return error_set(err, EACCES, "a paused guest cannot answer its liveness probe, and one that does not is ended: only a machine "
		    "whose probe is guestAgentPing, or that has none, can be paused");
	if (is_paused(object))
		return error_set(err, EBUSY, "VMI is already paused");
	return post(daemon, object, "domain-suspend", body, err);
}

static int
run_unpause(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	if (!is_paused(object))
		return error_set(err, EBUSY, "VMI is not paused");
	return post(daemon, object, "domain-resume", body, err);
}

static int
run_softreboot(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	return post(daemon, object, "domain-reboot", body, err);
}

static int
run_reset(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err)
{
	return post(daemon, object, "domain-reset", body, err);
}

const struct verb verbs[] = {
	{ KIND_VM, "start", "PUT", run_start },
	{ KIND_VM, "stop", "PUT", run_stop },
	{ KIND_VM, "restart", "PUT", run_restart },
	{ KIND_VM, "addvolume", "PUT", verb_add_volume },
	{ KIND_VM, "removevolume", "PUT", verb_remove_volume },
	{ KIND_VM, "memorydump", "PUT", verb_memory_dump },
	{ KIND_VM, "removememorydump", "PUT", verb_remove_memory_dump },
	{ KIND_VMI, "pause", "PUT", run_pause },
	{ KIND_VMI, "unpause", "PUT", run_unpause },
	{ KIND_VMI, "softreboot", "PUT", run_softreboot },
	{ KIND_VMI, "reset", "PUT", run_reset },
	{ KIND_VMI, "addvolume", "PUT", verb_add_volume, .code = 202 },
	{ KIND_VMI, "removevolume", "PUT", verb_remove_volume, .code = 202 },
	{ 0 },
};

/* --- the console --------------------------------------------------------------------------------------------------- */

struct console {
	void (*done)(void *arg, int fd, const struct error *error);
	void *arg;
	int fd;
};

static void
on_console(void *arg, json_t *result, const struct error *error)
{
	struct console *c = arg;

	(void)result;
	if (error != NULL) {
		close(c->fd);
		c->done(c->arg, -1, error);
	} else {
		c->done(c->arg, c->fd, NULL);
	}
	g_free(c);
}

/* An answer that is known already still comes later, as promised. */
struct refusal {
	struct error error;
	void (*console)(void *arg, int fd, const struct error *error);
	void (*log)(void *arg, const char *text, size_t length, const struct error *error);
	void *arg;
};

static void
on_refusal(void *arg, const struct error *unused)
{
	struct refusal *r = arg;

	(void)unused;
	if (r->console != NULL)
		r->console(r->arg, -1, &r->error);
	else
		r->log(r->arg, NULL, 0, &r->error);
	g_free(r);
}

static void
refuse(struct daemon *daemon, const struct error *error, void (*console)(void *arg, int fd, const struct error *error),
    void (*log)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	struct refusal *r = g_new0(struct refusal, 1);

	*r = (struct refusal){ *error, console, log, arg };
	store_when_durable(daemon->store, on_refusal, r);
}

void
verb_console(struct daemon *daemon, const struct object *vmi, void (*done)(void *arg, int fd, const struct error *error), void *arg)
{
	struct error err = { 0 };
	struct host *host = verb_host(daemon, vmi, &err);
	g_autofree char *domain = domain_name(vmi->namespace, vmi->name);
	struct console *c;
	int pair[2];

	if (host != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		error_errno(&err, "cannot make a socket for the console");
		host = NULL;
	}
	if (host == NULL) {
		refuse(daemon, &err, done, NULL, arg);
		return;
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	c = g_new0(struct console, 1);
	*c = (struct console){ done, arg, pair[0] };
	host_call(host, "console", json_pack("{s:s,s:s}", "name", domain, "uid", vmi->uid), pair[1], HOST_DEADLINE_ACTION, on_console, c);
}

struct reading {
	const char *member; /* of the answer that has the text */
	void (*done)(void *arg, const char *text, size_t length, const struct error *error);
	void *arg;
};

static void
on_text(void *arg, json_t *result, const struct error *error)
{
	struct reading *r = arg;
	const json_t *text = json_object_get(result, r->member);

	if (error != NULL)
		r->done(r->arg, NULL, 0, error);
	else
		r->done(r->arg, json_string_value(text), json_string_length(text), NULL);
	g_free(r);
}

void
verb_log(struct daemon *daemon, const struct object *vmi, int64_t limit,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	const struct vmi *value = vmi->value;
	struct host *host = host_find(daemon, value->status->node_name);
	g_autofree char *path = vmi_console_log(vmi->namespace, vmi->name);
	struct error err = { 0 };
	struct reading *r;

	if (host == NULL)
		error_set(&err, ENOENT, "the instance has not been started on a host yet: there is no console log");
	if (host == NULL || host_check_room(host, &err) != 0) {
		refuse(daemon, &err, NULL, done, arg);
		return;
	}
	r = g_new0(struct reading, 1);
	*r = (struct reading){ "text", done, arg };
	host_call(host, "log-read", json_pack("{s:s,s:I}", "path", path, "limit", (json_int_t)(limit <= 0 || limit > HOST_LOG_MOST ? HOST_LOG_MOST : limit)),
	    -1, HOST_DEADLINE_QUERY, on_text, r);
}

void
verb_domain_xml(struct daemon *daemon, const struct object *vmi,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	struct error err = { 0 };
	struct host *host = verb_host(daemon, vmi, &err);
	g_autofree char *domain = domain_name(vmi->namespace, vmi->name);
	struct reading *r;

	if (host == NULL || host_check_room(host, &err) != 0) {
		refuse(daemon, &err, NULL, done, arg);
		return;
	}
	r = g_new0(struct reading, 1);
	*r = (struct reading){ "xml", done, arg };
	host_call(host, "domain-xml", json_pack("{s:s,s:s}", "name", domain, "uid", vmi->uid), -1, HOST_DEADLINE_QUERY, on_text, r);
}
