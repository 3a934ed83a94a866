/* Calls that wait; see calls.h. */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "daemon/calls.h"
#include "daemon/store.h"
#include "src/base/error.h"

struct calls {
	struct daemon *daemon;
	char *name;
	struct worker *worker; /* NULL: it is not used any more */
	GQueue *waiting;       /* struct call, for a lane */
	unsigned lanes, under_way;
	unsigned references;   /* its owner's and each call's: some wait for a commit that outlives it */
};

struct call {
	struct calls *calls;
	const char *verb;
	json_t *args;
	int fd;
	int64_t deadline;
	worker_reply *reply;
	void *arg;
};

static void
calls_unref(struct calls *calls)
{
	if (--calls->references > 0)
		return;
	g_queue_free(calls->waiting);
	g_free(calls->name);
	g_free(calls);
}

struct calls *
calls_new(struct daemon *daemon, const char *name, unsigned lanes)
{
	struct calls *calls = g_new0(struct calls, 1);

	*calls = (struct calls){ .daemon = daemon, .name = g_strdup(name), .waiting = g_queue_new(), .lanes = lanes, .references = 1 };
	return calls;
}

void
calls_set_worker(struct calls *calls, struct worker *worker)
{
	calls->worker = worker;
}

static void
call_end(struct call *call, json_t *result, const struct error *error)
{
	struct calls *calls = call->calls;

	call->reply(call->arg, result, error);
	json_decref(call->args);
	if (call->fd >= 0)
		close(call->fd);
	g_free(call);
	calls_unref(calls);
}

static void calls_go(struct calls *calls);

static void
on_answer(void *arg, json_t *result, const struct error *error)
{
	struct call *call = arg;
	struct calls *calls = call->calls;

	calls->references++;
	calls->under_way--;
	call_end(call, result, error);
	calls_go(calls);
	calls_unref(calls);
}

/* Hands calls to the worker as long as it has lanes. */
static void
calls_go(struct calls *calls)
{
	struct call *call;

	while (calls->worker != NULL && calls->under_way < calls->lanes && (call = g_queue_pop_head(calls->waiting)) != NULL) {
		calls->under_way++;
		worker_call(calls->worker, call->verb, g_steal_pointer(&call->args), call->fd, call->deadline, on_answer, call);
	}
}

void
calls_free(struct calls *calls)
{
	struct error gone = { 0 };
	struct call *call;

	error_set(&gone, ECANCELED, "%s is not used any more", calls->name);
	calls->worker = NULL;
	while ((call = g_queue_pop_head(calls->waiting)) != NULL)
		call_end(call, NULL, &gone);
	calls_unref(calls);
}

static void
on_durable(void *arg, const struct error *error)
{
	struct call *call = arg;
	struct error gone = { 0 };

	if (error == NULL && call->calls->worker == NULL) {
		error_set(&gone, EHOSTDOWN, "%s is not configured any more", call->calls->name);
		error = &gone;
	}
	if (error != NULL) {
		call_end(call, NULL, error);
		return;
	}
	g_queue_push_tail(call->calls->waiting, call);
	calls_go(call->calls);
}

int
calls_check_room(const struct calls *calls, struct error *err)
{
	unsigned waiting = g_queue_get_length(calls->waiting);

	return waiting < CALLS_MOST ? 0
	                            : error_set(err, EAGAIN, "%s has too much to do: %u calls are waiting, try again later", calls->name, waiting);
}

void
calls_add(struct calls *calls, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg)
{
	struct call *call = g_new0(struct call, 1);

	*call = (struct call){ calls, verb, args, fd, deadline, reply, arg };
	calls->references++;
	store_when_durable(calls->daemon->store, on_durable, call);
}
