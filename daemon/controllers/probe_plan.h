/*
 * What a probe's tries mean, as Kubernetes counts them: a pure decision.
 *
 *   a verdict turns good after successThreshold tries in a row that went well, and bad after failureThreshold in a row that did
 *   not; any other try only begins a new row.  Tries begin initialDelaySeconds after the guest and are periodSeconds apart.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_PROBE_PLAN_H
#define SOLOVIRT_DAEMON_CONTROLLERS_PROBE_PLAN_H

#include <stdbool.h>

#include "src/api/vmi.h"

struct probe_state {
	bool good;       /* the verdict */
	bool last;       /* how the last try went */
	int64_t in_row;  /* tries in a row that went like it */
	int64_t due;     /* monotonic ms: the next try */
};

/* A guest began at since (ms on the clock of now); good: what holds until the tries say otherwise. */
struct probe_state probe_begin(const struct probe *probe, bool good, int64_t since, int64_t now);
/* A try that began at began went well or not.  True when the verdict turned. */
bool probe_note(struct probe_state *state, const struct probe *probe, bool well, int64_t began);
/* A try could not be made, or nobody knows how it went: it does not count. */
void probe_skip(struct probe_state *state, const struct probe *probe, int64_t began);
/* How long one try may take, ms. */
int64_t probe_timeout(const struct probe *probe);

#endif
