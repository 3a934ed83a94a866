/* The pace of imports; see import_pace.h. */
#include "config.h"

#include "daemon/import_pace.h"

void
import_pace_begin(struct import_pace *pace, int64_t now)
{
	*pace = (struct import_pace){ .began = now, .marked = now, .rate = -1, .first = -1, .kept = -1 };
}

/* What a worker that tells nothing has come to counts, too: nothing. */
static int64_t
rate_since(const struct import_pace *pace, int64_t now)
{
	return (pace->last - pace->done) * 1000 / (now - pace->marked);
}

void
import_pace_tell(struct import_pace *pace, int64_t now, int64_t done)
{
	if (done < pace->last) {
		pace->marked = now;
		pace->done = done;
		pace->rate = -1;
	}
	pace->last = done;
	if (pace->first < 0)
		pace->first = done;
	if (now - pace->marked < IMPORT_PACE_MS)
		return;
	pace->rate = rate_since(pace, now);
	pace->marked = now;
	pace->done = done;
}

void
import_pace_keep(struct import_pace *pace, int64_t offset)
{
	pace->kept = offset;
}

/* What several connections brought from further behind is lost. */
static bool
can_give(const struct import_pace *pace)
{
	return pace->kept > pace->first && pace->kept - pace->first >= pace->last - pace->kept;
}

bool
import_pace_is_slow(const struct import_pace *pace, int64_t now)
{
	int64_t rate = now - pace->marked >= IMPORT_PACE_MS ? rate_since(pace, now) : pace->rate;

	return rate >= 0 && rate < IMPORT_PACE_SLOW;
}

bool
import_pace_has_room(const struct import_pace *const *all, size_t count, size_t most, size_t slow_most, int64_t now)
{
	size_t slow = 0;

	for (size_t i = 0; i < count; i++)
		slow += import_pace_is_slow(all[i], now);
	return count - (slow < slow_most ? slow : slow_most) < most;
}

int
import_pace_giver(const struct import_pace *const *all, size_t count, int64_t now)
{
	int giver = -1;

	for (size_t i = 0; i < count; i++)
		if (can_give(all[i]) && import_pace_is_slow(all[i], now) && (giver < 0 || all[i]->began < all[giver]->began))
			giver = (int)i;
	return giver;
}
