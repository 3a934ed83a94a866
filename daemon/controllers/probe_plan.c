/* What a probe's tries mean; see probe_plan.h. */
#include "config.h"

#include "daemon/controllers/probe_plan.h"

/* Kubernetes' defaults; what is not positive counts as not written. */
enum { TIMEOUT_SECONDS = 1, PERIOD_SECONDS = 10, SUCCESS_THRESHOLD = 1, FAILURE_THRESHOLD = 3 };

static int64_t
written(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static int64_t
period(const struct probe *probe)
{
	return written(probe->period_seconds, PERIOD_SECONDS) * 1000;
}

struct probe_state
probe_begin(const struct probe *probe, bool good, int64_t since, int64_t now)
{
	int64_t first = since + written(probe->initial_delay_seconds, 0) * 1000;

	return (struct probe_state){ .good = good, .due = first > now ? first : now };
}

void
probe_skip(struct probe_state *state, const struct probe *probe, int64_t began)
{
	state->due = began + period(probe);
}

bool
probe_note(struct probe_state *state, const struct probe *probe, bool well, int64_t began)
{
	int64_t needed = well ? written(probe->success_threshold, SUCCESS_THRESHOLD) : written(probe->failure_threshold, FAILURE_THRESHOLD);

	state->in_row = state->last == well ? state->in_row + 1 : 1;
	state->last = well;
	state->due = began + period(probe);
	if (state->good == well || state->in_row < needed)
		return false;
	state->good = well;
	return true;
}

int64_t
probe_timeout(const struct probe *probe)
{
	return written(probe->timeout_seconds, TIMEOUT_SECONDS) * 1000;
}
