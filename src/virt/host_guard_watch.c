/*
 * The start of ovs-vswitchd, by the file that it writes its pid into, or on another machine by the end of a connection; see host_guard.h.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_guard.h"
#include "src/virt/host_ovs.h"

#define RUN "/run"
#define FOLDER "openvswitch"
#define PID_FILE "ovs-vswitchd.pid"

/* Between looks at another machine: while a connection is held, while there is no bridge to hold one to, while it does not answer. */
enum { HOLD_SECONDS = 20, IDLE_SECONDS = 20, AGAIN_SECONDS = 5, AGAIN_MOST_SECONDS = 60 };

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

static const struct ovs_bridge *
find_listening(const struct ovs *ovs)
{
	for (guint i = 0; i < ovs->bridges->len; i++) {
		const struct ovs_bridge *bridge = ovs->bridges->pdata[i];
		if (bridge->ours && bridge->works && bridge->target != NULL)
			return bridge;
	}
	return NULL;
}

/* What is known of another machine. */
struct watch {
	bool changed;    /* something ended that was there, and nobody was told that it is back */
	unsigned breaks; /* of connections in a row: one that never lasts is none to judge by */
};

/* Looks once, as long as things are well.  False: it does not answer. */
static bool
look(struct watch *watch)
{
	static const char *const probe[] = { "ovs-ofctl", "--timeout=12", "probe", OVS_BRIDGE, NULL };
	struct error told_by_verbs = { 0 };
	OVS_AUTO *ovs = ovs_read(&told_by_verbs);
	const struct ovs_bridge *bridge = ovs == NULL ? NULL : find_listening(ovs);

	if (ovs == NULL || (bridge != NULL && ovs_control(bridge, probe, NULL, NULL, &told_by_verbs) < 0))
		return false;
	if (watch->changed)
		host_events_loss("vswitch", NULL);
	watch->changed = false;
	if (bridge == NULL)
		g_usleep(IDLE_SECONDS * G_USEC_PER_SEC);
	else if (ovs_hold(bridge, HOLD_SECONDS))
		watch->breaks = 0;
	else
		watch->changed = true;
	return true;
}

/* What does not answer is told as well as what answers again: what was known of it is asked for anew, and says why not. */
static void *
watch_there(void *arg)
{
	struct watch watch = { 0 };

	for (;;) {
		bool answers = look(&watch);
		if (answers && !watch.changed)
			continue;
		if (!answers && !watch.changed)
			host_events_loss("vswitch", NULL);
		watch.changed = true;
		g_usleep((answers ? MIN(watch.breaks++ * AGAIN_SECONDS, AGAIN_MOST_SECONDS) : AGAIN_SECONDS) * G_USEC_PER_SEC);
	}
	return arg;
}

void
guard_watch(void)
{
	pthread_t thread;

	if (host_is_local())
		watch_files();
	else if (ovs_is_remote() && pthread_create(&thread, NULL, watch_there, NULL) == 0)
		pthread_detach(thread);
}
