/* Inotify over the spool's folders; see spool_watch.h. */
#include "config.h"

#include <event2/event.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/spool_scan.h"
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
	GHashTable *watches; /* number of inotify's watch -> path of the folder below the spool */
	const struct spool_watch_class *class;
	void *arg;
};

/* The path of a file that is whole now, or NULL.  Caller g_free()s. */
static char *
complete_path(const struct spool_watch *watch, const struct inotify_event *event)
{
	const char *folder = g_hash_table_lookup(watch->watches, GINT_TO_POINTER(event->wd));

	if (folder == NULL || event->len == 0 || (event->mask & IN_ISDIR) != 0 ||
	    (event->mask & (IN_MOVED_TO | IN_CLOSE_WRITE)) == 0 || !spool_name_is_wanted(event->name))
		return NULL;
	return folder[0] == '\0' ? g_strdup(event->name) : g_strconcat(folder, "/", event->name, NULL);
}

/* Whether events were lost does not matter: any one is a reason to look. */
static void
on_events(evutil_socket_t fd, short what, void *arg)
{
	struct spool_watch *watch = arg;
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	bool other = false;

	(void)what;
	for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
		for (char *at = buffer; at < buffer + n; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			g_autofree char *path = complete_path(watch, event);
			other |= path == NULL;
			if (path != NULL)
				watch->class->complete(watch->arg, path);
		}
	if (other)
		watch->class->changed(watch->arg);
}

struct spool_watch *
spool_watch_new(struct event_base *base, const struct spool_watch_class *class, void *arg)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0) {
		log_warning("there is no inotify (%m): changes of the spool are seen at the regular scans only");
		return NULL;
	}
	struct spool_watch *watch = g_new0(struct spool_watch, 1);
	watch->fd = fd;
	watch->class = class;
	watch->arg = arg;
	watch->watches = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
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
	GHashTable *fresh = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	GHashTableIter iter;
	gpointer number;
	bool news = false;

	for (guint i = 0; i < folders->len; i++) {
		g_autofree char *path = g_build_filename(directory, folders->pdata[i], NULL);
		int wd = inotify_add_watch(watch->fd, path, WATCHED | IN_ONLYDIR | IN_EXCL_UNLINK);
		if (wd < 0)
			continue;
		g_hash_table_insert(fresh, GINT_TO_POINTER(wd), g_strdup(folders->pdata[i]));
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
