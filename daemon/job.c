/* Jobs; see job.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>

#include "daemon/calls.h"
#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "src/base/error.h"

struct job {
	struct daemon *daemon;
	const struct job_class *class;
	void *context;
	enum kind_id kind;
	char *namespace, *name, *host;
	const char *verb;
};

static void job_next(struct job *job);

static void
job_end(struct job *job, const struct error *error)
{
	controllers_job_end(job->daemon, job->kind, job->namespace, job->name);
	job->class->done(job->context, error);
	g_free(job->namespace);
	g_free(job->name);
	g_free(job->host);
	g_free(job);
}

static void
on_reply(void *arg, json_t *result, const struct error *error)
{
	struct job *job = arg;

	if (error != NULL) {
		job_end(job, error);
		return;
	}
	if (job->class->took != NULL)
		job->class->took(job->context, job->verb, result);
	job_next(job);
}

static void
job_next(struct job *job)
{
	struct host *host = job->host == NULL ? NULL : host_find(job->daemon, job->host);
	struct job_step step = { .fd = -1 };
	struct error err = { 0 };
	int r;

	if (host == NULL && job->host != NULL)
		r = error_set(&err, EHOSTDOWN, "host %s is not configured any more", job->host);
	else
		r = job->class->next(job->context, &step, &err);
	if (r <= 0) {
		job_end(job, r == 0 ? NULL : &err);
		return;
	}
	job->verb = step.verb;
	calls_add(step.calls != NULL ? step.calls : host->calls, step.verb, step.args, step.fd, step.deadline, on_reply, job);
}

bool
job_begin(struct daemon *daemon, const struct object *object, struct host *host, const struct job_class *class, void *context)
{
	struct job *job;

	if (!controllers_job_begin(daemon, object))
		return false;
	job = g_new0(struct job, 1);
	job->daemon = daemon;
	job->class = class;
	job->context = context;
	job->kind = kind_id(object->kind);
	job->namespace = g_strdup(object->namespace);
	job->name = g_strdup(object->name);
	job->host = host == NULL ? NULL : g_strdup(host->name);
	job_next(job);
	return true;
}
