/* Inotify over the spool's folders; see spool_watch.h. */
#include "config.h"

#include <event2/event.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/spool_watch.h"
#include "src/base/log.h"

/* CREATE: links appear without ever being closed.  SELF: the folder was moved away or replaced. */
enum {
	WATCHED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
	    IN_MOVE_SELF
};

struct spool_watch {
	int fd;
	struct event *event;
	GHashTable *watches; /* numbers of inotify's watches */
	void (*changed)(void *arg);
	void *arg;
};

/* What the events are about does not matter, nor whether some were lost: one event is a reason to look. */
static void
on_events(evutil_socket_t fd, short what, void *arg)
{
	struct spool_watch *watch = arg;
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;

	(void)what;
	for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
		any = true;
	if (any)
		watch->changed(watch->arg);
}

struct spool_watch *
spool_watch_new(struct event_base *base, void (*changed)(void *arg), void *arg)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0) {
		log_warning("there is no inotify (%m): changes of the spool are seen at the regular scans only");
		return NULL;
	}
	struct spool_watch *watch = g_new0(struct spool_watch, 1);
	watch->fd = fd;
	watch->changed = changed;
	watch->arg = arg;
	watch->watches = g_hash_table_new(g_direct_hash, g_direct_equal);
	watch->event = event_new(base, fd, EV_READ | EV_PERSIST, on_events, watch);
	event_add(watch->event, NULL);
	return watch;
}

void
spool_watch_free(struct spool_watch *watch)
{
	if (watch == NULL)
		return;
	event_free(watch->event);
	close(watch->fd);
	g_hash_table_destroy(watch->watches);
	g_free(watch);
}

bool
spool_watch_set(struct spool_watch *watch, const char *directory, const GPtrArray *folders)
{
	if (watch == NULL)
		return false;
	GHashTable *fresh = g_hash_table_new(g_direct_hash, g_direct_equal);
	GHashTableIter iter;
	gpointer number;
	bool news = false;

	for (guint i = 0; i < folders->len; i++) {
		g_autofree char *path = g_build_filename(directory, folders->pdata[i], NULL);
		int wd = inotify_add_watch(watch->fd, path, WATCHED | IN_ONLYDIR | IN_EXCL_UNLINK);
		if (wd < 0)
			continue;
		g_hash_table_add(fresh, GINT_TO_POINTER(wd));
		/* A folder that is watched already answers with its old number. */
		news |= !g_hash_table_contains(watch->watches, GINT_TO_POINTER(wd));
	}
	g_hash_table_iter_init(&iter, watch->watches);
	while (g_hash_table_iter_next(&iter, &number, NULL))
		if (!g_hash_table_contains(fresh, number))
			inotify_rm_watch(watch->fd, GPOINTER_TO_INT(number));
	g_hash_table_destroy(watch->watches);
	watch->watches = fresh;
	return news;
}
