/* Lanes, patience and answers of a worker; see service.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/channel.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/service.h"

enum { PROGRESS_MS = 250 /* between two events of a call */ };

/* A request, from its arrival until its lane is done with it. */
struct request {
	json_t *message;
	struct service_call call;
	int64_t patience, until;    /* ms; on the monotonic clock; patience 0: for ever */
	int64_t told;               /* when its progress was */
	int64_t copied_since, copied_from; /* when its progress was told first, and of which bytes */
	const char *why;            /* the sentence for when it is over */
	bool answered;              /* for want of patience, or early */
};

static const struct service *service;
static pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER; /* around one frame; taken last */
static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;

static GMutex lock; /* around all below */
static GCond work;  /* something is in the queue */
static GCond watch; /* a call with another deadline came */
static GQueue queue = G_QUEUE_INIT; /* struct request, not begun */
static GQueue open_requests = G_QUEUE_INIT;  /* struct request, all with patience that are not done */
static int lanes, idle;

void
service_init(const struct service *which)
{
	service = which;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

/* Whoever holds the channel now sends a frame, which the daemon reads: this does not wait for long. */
static void
tell_end(const char *reason)
{
	g_autofree char *text = g_utf8_make_valid(reason, -1);
	json_t *message = json_pack("{s:s,s:{s:s}}", "event", "end", "args", "reason", text);
	struct error ignored = { 0 };

	pthread_mutex_lock(&channel_lock);
	channel_write(SERVICE_CHANNEL, message, -1, &ignored);
	json_decref(message);
}

void
service_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", service->program, text);
	tell_end(text);
	_exit(1); /* threads may be inside a library: no destructors under their feet */
}

/* A daemon that is gone needs no worker. */
static void
send_message(json_t *message)
{
	struct error err = { 0 };

	g_assert(message != NULL);
	pthread_mutex_lock(&channel_lock);
	if (channel_write(SERVICE_CHANNEL, message, -1, &err) < 0)
		_exit(0);
	pthread_mutex_unlock(&channel_lock);
	json_decref(message);
}

void
service_tell(const char *event, json_t *args)
{
	send_message(json_pack("{s:s,s:o}", "event", event, "args", args));
}

void
service_order_lock(void)
{
	pthread_mutex_lock(&order_lock);
}

void
service_order_unlock(void)
{
	pthread_mutex_unlock(&order_lock);
}

void
service_order(struct service_call *call)
{
	service_order_lock();
	call->in_order = true;
}

/* The text may quote anything, a path in an old encoding too; JSON is UTF-8. */
static json_t *
error_message(json_int_t id, const struct error *err)
{
	g_autofree char *text = g_utf8_make_valid(err->text, -1);

	return json_pack("{s:I,s:{s:i,s:s}}", "id", id, "error", "code", err->code, "text", text);
}

static json_int_t
request_id(const struct request *request)
{
	return json_integer_value(json_object_get(request->message, "id"));
}

int
service_args(json_t *args, struct error *err, const char *format, ...)
{
	json_error_t why;
	va_list ap;
	int result;

	va_start(ap, format);
	result = json_vunpack_ex(args, &why, 0, format, ap);
	va_end(ap);
	return result == 0 ? 0 : error_set(err, EINVAL, "bad arguments: %s", why.text);
}

/* --- patience ------------------------------------------------------------------------------------------------------ */

void
service_progress(struct service_call *call, const char *volume, int64_t done, int64_t total)
{
	struct request *request = call->watched;
	int64_t now = clock_monotonic_ms();
	int64_t rate;
	bool tell;

	g_mutex_lock(&lock);
	request->until = now + request->patience;
	if (request->copied_since == 0) {
		request->copied_since = now;
		request->copied_from = done;
	}
	rate = (done - request->copied_from) * 1000 / MAX(now - request->copied_since, 1);
	tell = !request->answered && now - request->told >= PROGRESS_MS;
	if (tell)
		request->told = now;
	g_mutex_unlock(&lock);
	if (tell)
		service_tell("progress", json_pack("{s:s,s:I,s:I,s:I}", "volume", volume, "done", (json_int_t)done, "total", (json_int_t)total, "rate",
		    (json_int_t)rate));
}

bool
service_is_late(const struct service_call *call)
{
	const struct request *request = call->watched;
	bool late;

	g_mutex_lock(&lock);
	late = request->answered;
	g_mutex_unlock(&lock);
	return late;
}

void
service_answer(struct service_call *call, json_t *result)
{
	struct request *request = call->watched;
	bool late;

	g_mutex_lock(&lock);
	late = request->answered;
	request->answered = true;
	g_mutex_unlock(&lock);
	if (late)
		json_decref(result);
	else
		send_message(json_pack("{s:I,s:o}", "id", request_id(request), "result", result));
}

/* The request whose patience is over, or NULL with the time when to look again.  Under the lock. */
static struct request *
find_late(int64_t now, int64_t *next)
{
	*next = INT64_MAX;
	for (GList *link = open_requests.head; link != NULL; link = link->next) {
		struct request *request = link->data;
		if (!request->answered && request->until <= now)
			return request;
		if (!request->answered)
			*next = MIN(*next, request->until);
	}
	return NULL;
}

static void *
watch_run(void *arg)
{
	(void)arg;
	g_mutex_lock(&lock);
	for (;;) {
		int64_t next;
		struct request *late = find_late(clock_monotonic_ms(), &next);
		if (late == NULL && next == INT64_MAX) {
			g_cond_wait(&watch, &lock);
		} else if (late == NULL) {
			g_cond_wait_until(&watch, &lock, next * 1000);
		} else {
			struct error err = { 0 };
			json_t *answer;
			late->answered = true;
			error_set(&err, ETIMEDOUT, "%s", late->why);
			answer = error_message(request_id(late), &err); /* by now its lane may free it */
			g_mutex_unlock(&lock);
			send_message(answer);
			g_mutex_lock(&lock);
		}
	}
	return NULL;
}

static void
thread_start(void *(*run)(void *arg))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL) != 0)
		service_die("cannot start a thread");
	pthread_detach(thread);
}

/* --- lanes --------------------------------------------------------------------------------------------------------- */

/* The call is over: true when nobody has answered it yet. */
static bool
request_end(struct request *request)
{
	bool answered;

	g_mutex_lock(&lock);
	answered = request->answered;
	if (request->patience > 0)
		g_queue_remove(&open_requests, request);
	g_mutex_unlock(&lock);
	return !answered;
}

static void
request_run(struct request *request)
{
	struct service_call *call = &request->call;
	struct error err = { 0 };
	json_t *result = service_is_late(call) ? NULL : service->run(call, &err); /* nobody waits for what came too late to begin */

	if (call->fd >= 0)
		close(call->fd);
	if (!request_end(request))
		json_decref(result);
	else
		send_message(result != NULL ? json_pack("{s:I,s:o}", "id", request_id(request), "result", result) :
		    error_message(request_id(request), &err));
	if (call->in_order)
		service_order_unlock();
	json_decref(request->message);
	g_free(request);
}

static void *
lane_run(void *arg)
{
	void *own = NULL;

	(void)arg;
	for (;;) {
		struct request *request;
		g_mutex_lock(&lock);
		idle++;
		while ((request = g_queue_pop_head(&queue)) == NULL)
			g_cond_wait(&work, &lock);
		idle--;
		g_mutex_unlock(&lock);
		request->call.lane = &own;
		request_run(request);
	}
	return NULL;
}

static struct request *
request_new(json_t *message, int fd)
{
	const char *verb = json_string_value(json_object_get(message, "verb"));
	struct request *request = g_new0(struct request, 1);

	request->message = message;
	request->call = (struct service_call){
		.verb = verb != NULL ? verb : "", .args = json_object_get(message, "args"), .fd = fd, .watched = request
	};
	if (service->patience != NULL)
		request->patience = service->patience(request->call.verb, &request->why);
	request->until = clock_monotonic_ms() + request->patience;
	return request;
}

static void
push(struct request *request)
{
	bool more;

	g_mutex_lock(&lock);
	g_queue_push_tail(&queue, request);
	if (request->patience > 0)
		g_queue_push_tail(&open_requests, request);
	more = (int)g_queue_get_length(&queue) > idle && lanes < service->lanes;
	lanes += more;
	g_cond_signal(&work);
	g_cond_signal(&watch);
	g_mutex_unlock(&lock);
	if (more)
		thread_start(lane_run);
}

int
service_run(void)
{
	if (service->patience != NULL)
		thread_start(watch_run);
	for (;;) {
		struct error err = { 0 };
		json_t *message = NULL;
		int fd = -1;
		int got = channel_read(SERVICE_CHANNEL, &message, &fd, &err);

		if (got == 0)
			return 0;
		if (got < 0)
			service_die("%s", err.text);
		push(request_new(message, fd));
	}
}
