/* A job: calls to a host's worker, one after the other, on behalf of one object.  Each step can be repeated, so a job that
 * dies anywhere is simply begun again. */
#ifndef SOLOVIRT_DAEMON_JOB_H
#define SOLOVIRT_DAEMON_JOB_H

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

struct calls;
struct error;
struct host;

struct job_step {
	const char *verb;
	json_t *args;     /* taken */
	int fd;           /* taken; -1: none */
	int64_t deadline; /* ms */
	struct calls *calls; /* NULL: of the job's host; with a job that has none each step names them */
};

struct job_class {
	/* Says the next step: 1 with *step, 0 when there is none left, -1 with err when the job cannot go on. */
	int (*next)(void *context, struct job_step *step, struct error *err);
	/* What a step answered; may be NULL. */
	void (*took)(void *context, const char *verb, json_t *result);
	/* The job is over; error NULL: all steps went well.  The job has ended for controllers_job_is_running(); frees context. */
	void (*done)(void *context, const struct error *error);
};

/* Begins a job for an object, on a host or on none (NULL); false (and nothing is called, context is not taken) when it has one already. */
bool job_begin(struct daemon *daemon, const struct object *object, struct host *host, const struct job_class *class, void *context);

#endif
