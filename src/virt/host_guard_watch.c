/* The start of ovs-vswitchd, by the file that it writes its pid into; see host_guard.h. */
#include "config.h"

#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_guard.h"

#define RUN "/run"
#define FOLDER "openvswitch"
#define PID_FILE "ovs-vswitchd.pid"

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

void
guard_watch(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return; /* the daemon looks now and then, too */
	inotify_add_watch(fd, RUN, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	watch_folder(fd);
	if (virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE, on_change, NULL, NULL) < 0)
		close(fd);
}
