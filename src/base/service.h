/*
 * A worker's own side of its channel, for workers that serve many calls at once.
 *
 *   main thread ── reads the channel ──> queue ──> lanes: threads that run one call each, started when all others are at work
 *   watch thread ── answers for calls that outstay their patience; what they come to later is not told any more
 *
 * Workers that do one thing and end use channel.h alone.
 */
#ifndef SOLOVIRT_BASE_SERVICE_H
#define SOLOVIRT_BASE_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { SERVICE_CHANNEL = 3 /* descriptor of the socket to the daemon */ };

/* One request on its way. */
struct service_call {
	const char *verb; /* borrowed, as args: they live as long as the verb runs */
	json_t *args;     /* an object */
	int fd;           /* descriptor that came along, or -1; a verb that keeps it sets -1 */
	bool in_order;    /* see service_order() */
	void **lane;      /* a place of its thread's own, NULL at first */
	void *watched;    /* private: what the watch thread knows of it */
};

/* What a worker is.  Static. */
struct service {
	const char *program; /* for stderr */
	int lanes;           /* threads at most */
	/* Runs a call in a lane.  The answer (new reference), or NULL with err. */
	json_t *(*run)(struct service_call *call, struct error *err);
	/* Milliseconds that a call of the verb may take, from its arrival or its last service_progress(); past them ETIMEDOUT is
	 * answered with the sentence in *why, while the lane goes on.  0: for ever.  NULL: for ever, all of them. */
	int64_t (*patience)(const char *verb, const char **why);
};

/* Must be first.  Kept by reference. */
void service_init(const struct service *service);

/* Serves until the daemon is gone.  Returns the exit status, for _exit(): lanes may be at work.  Main thread. */
int service_run(void);

/* --- any thread ------------------------------------------------------------------------------------------------- */

/* Sends {"event":event,"args":args}; args' reference is stolen. */
void service_tell(const char *event, json_t *args);

/* Tells {"event":"progress","args":{"volume","done","total"}} of a call, at most 4 a second, and makes its patience begin anew.
 * Bytes, or whatever the worker counts. */
void service_progress(struct service_call *call, const char *volume, int64_t done, int64_t total);

/* Answers the call before its verb ends, whose own answer is not told any more; result's reference is stolen.  For what can be done while
 * nobody waits, and is found again when a kill prevents it. */
void service_answer(struct service_call *call, json_t *result);

/* The call was answered, for want of patience or by service_answer(): nobody waits for what it does. */
bool service_is_late(const struct service_call *call);

/* Ends the process with one sentence, on stderr and told to the daemon.  Not while a frame is being sent. */
void service_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* From here until the call's answer is sent, no other holder of this lock tells an event: an answer with what was true is
 * then never behind an event that is newer. */
void service_order(struct service_call *call);
void service_order_lock(void);
void service_order_unlock(void);

/* Reads arguments as json_unpack does ("{s:s,s:I}"); 0, or -1 with EINVAL. */
int service_args(json_t *args, struct error *err, const char *format, ...);

#endif
