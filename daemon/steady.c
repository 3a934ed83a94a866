/* Time for what is kept "for so long"; see daemon.h. */
#include "config.h"

#include <glib.h>
#include <inttypes.h>

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/base/clock.h"

#define BUCKET "clock" /* "steady" -> what daemon_steady() said when it was written down */

static int64_t
written(struct daemon *daemon)
{
	const char *text = store_record_get(daemon->store, BUCKET, "steady");

	return text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
}

int64_t
daemon_steady(struct daemon *daemon)
{
	int64_t now = clock_monotonic_ms();

	if (daemon->steady == 0) {
		int64_t begin = written(daemon);
		daemon->steady = (begin == 0 ? clock_wall_ms() : begin) - now;
	}
	return daemon->steady + now;
}

int
daemon_steady_keep(struct daemon *daemon, int64_t progress, struct error *err)
{
	int64_t now = daemon_steady(daemon);
	g_autofree char *text = g_strdup_printf("%" PRId64, now);

	return now - written(daemon) < progress ? 0 : store_record_set(daemon->store, BUCKET, "steady", text, err);
}
