/*
 * The start of ovs-vswitchd, by the file that it writes its pid into, or on another machine by the end of a connection; see host_guard.h.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/virt/host.h"
#include "src/virt/host_guard.h"
#include "src/virt/host_ovs.h"

#define RUN "/run"
#define FOLDER "openvswitch"
#define PID_FILE "ovs-vswitchd.pid"

/* Between looks at another machine: while a connection is held, while there is no bridge to hold one to, while it does not answer. */
enum { HOLD_SECONDS = 20, AGAIN_SECONDS = 5, AGAIN_MOST_SECONDS = 60, AT_ONCE_MS = 2000 };

/* The folder is there only from the first start of Open vSwitch on.  True: it was not watched before and there is a pid in it. */
static bool
watch_folder(int fd)
{
	return inotify_add_watch(fd, RUN "/" FOLDER, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) >= 0 &&
	    access(RUN "/" FOLDER "/" PID_FILE, F_OK) == 0;
}

static void
on_change(int watch, int fd, int events, void *opaque)
{
	char buffer[sizeof(struct inotify_event) + NAME_MAX + 1] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool started = false;
	ssize_t got;

	(void)watch;
	(void)events;
	(void)opaque;
	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		for (const char *at = buffer; at < buffer + got;) {
			const struct inotify_event *event = (const void *)at;
			const char *name = event->len > 0 ? event->name : "";

			if (strcmp(name, FOLDER) == 0)
				started |= watch_folder(fd);
			started |= strcmp(name, PID_FILE) == 0 || (event->mask & IN_Q_OVERFLOW) != 0;
			at += sizeof(*event) + event->len;
		}
	}
	if (started)
		host_events_loss("vswitch", NULL);
}

static void
watch_files(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return; /* the daemon looks now and then, too */
	inotify_add_watch(fd, RUN, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	watch_folder(fd);
	if (virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_change, NULL, NULL) < 0)
		close(fd);
}

/* --- on another machine ---------------------------------------------------------------------------------------------- */

/* Threads that hold a connection each, half a turn apart: one of them holds its own while the other makes a new one. */
enum { HOLDERS = 2 };

/* What is known of another machine. */
struct watch {
	int first, hold; /* seconds that a first connection is held after one that broke, and that the next one is */
	bool changed;    /* something may have started anew since anybody was told */
	bool silent;     /* it was told that nothing answers */
	unsigned breaks; /* of connections in a row that broke at once: one that never lasts is none to judge by */
};

/* The first bridge that answers, if any of them listens; false: none of those answers. */
static bool
find_answering(const struct ovs *ovs, const struct ovs_bridge **found)
{
	static const char *const probe[] = { "ovs-ofctl", "--timeout=12", "probe", OVS_BRIDGE, NULL };
	bool any = false;

	for (guint i = 0; i < ovs->bridges->len; i++) {
		const struct ovs_bridge *bridge = ovs->bridges->pdata[i];
		struct error told_by_verbs = { 0 };
		if (!bridge->works || bridge->target == NULL)
			continue;
		any = true;
		if (ovs_control(bridge, probe, NULL, NULL, &told_by_verbs) < 0)
			continue;
		*found = bridge;
		return true;
	}
	return !any;
}

/* While the connection lasts, nothing started anew. */
static void
hold(struct watch *watch, const struct ovs_bridge *bridge)
{
	int64_t begun = clock_monotonic_ms();

	if (ovs_hold(bridge, watch->hold)) {
		watch->breaks = 0;
		watch->hold = HOLD_SECONDS;
		return;
	}
	watch->changed = true;
	watch->hold = watch->first;
	if (clock_monotonic_ms() - begun >= AT_ONCE_MS)
		watch->breaks = 0;
	else
		g_usleep(MIN(watch->breaks++ * AGAIN_SECONDS, AGAIN_MOST_SECONDS) * G_USEC_PER_SEC);
}

static void
tell(struct watch *watch, bool silent)
{
	host_events_loss("vswitch", NULL);
	watch->changed = false;
	watch->silent = silent;
}

/* What does not answer is told as well as what answers again: what was known of it is asked for anew, and says why not. */
static void
look(struct watch *watch)
{
	const struct ovs_bridge *bridge = NULL;
	struct error told_by_verbs = { 0 };
	OVS_AUTO *ovs = ovs_read(&told_by_verbs);
	bool answers = ovs != NULL && find_answering(ovs, &bridge);

	if (answers ? watch->silent || (watch->changed && bridge != NULL) : !watch->silent)
		tell(watch, !answers);
	if (bridge != NULL) {
		hold(watch, bridge);
		return;
	}
	watch->changed = true; /* of a bridge that comes nobody knows how long it was there */
	g_usleep(AGAIN_SECONDS * G_USEC_PER_SEC);
}

static void *
watch_there(void *arg)
{
	struct watch watch = { .first = HOLD_SECONDS / (int)(intptr_t)arg };

	watch.hold = watch.first;
	for (;;)
		look(&watch);
	return arg;
}

static void
watch_other(void)
{
	pthread_t thread;

	for (intptr_t i = 1; i <= HOLDERS; i++)
		if (pthread_create(&thread, NULL, watch_there, (void *)i) == 0)
			pthread_detach(thread);
}

void
guard_watch(void)
{
	if (host_is_local())
		watch_files();
	else if (ovs_is_remote())
		watch_other();
}
