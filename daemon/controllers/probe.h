/* livenessProbe and readinessProbe of instances that run: made at their times, counted by probe_plan.h.  What is known of them is lost when
 * the daemon ends; the condition Ready stays until the next try says otherwise.  Loop thread. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_PROBE_H
#define SOLOVIRT_DAEMON_CONTROLLERS_PROBE_H

#include "daemon/controllers/vmi.h"

struct probes;

/* None is watched yet; probes_free() it. */
struct probes *probes_new(struct daemon *daemon);
/* Forgets all; tries that a worker still answers are ignored. */
void probes_free(struct probes *probes);

/* The guest of an instance runs: its probes go on.  status: as it was last told. */
void probes_follow(struct probes *probes, const struct object *object, const struct vmi_status *status);
/* The guest has ended. */
void probes_forget(struct probes *probes, const char *uid);

/* The readiness probe's verdict, true when there is none; *why (borrowed): what its last try that went wrong said, or NULL. */
bool probes_ready(const struct probes *probes, const char *uid, const char **why);
/* Why the liveness probe has failed (borrowed); NULL: it has not. */
const char *probes_dead(const struct probes *probes, const char *uid);

/* --- one try (probe_try.c) ------------------------------------------------------------------------------------------ */

/* How a try went. */
enum probe_result { PROBE_WELL, PROBE_WRONG, PROBE_UNKNOWN };
struct probe_try;
/* Called once, not from probe_try_new(); why: what went wrong, or NULL.  The try is freed after it. */
typedef void probe_told(void *arg, struct probe_try *try, enum probe_result result, const char *why);

/* Makes a try; ip: the guest's address, or NULL when it is not known. */
struct probe_try *probe_try_new(struct daemon *daemon, struct host *host, const struct object *object, const struct probe *probe,
    const char *ip, probe_told *told, void *arg);
/* Nobody is told any more; frees it now, or when its worker answers. */
void probe_try_drop(struct probe_try *try);

#endif
