/* Inotify over the spool's folders.  It only pulls the next scan forward: no event is needed for anything to be right. */
#ifndef SOLOVIRT_DAEMON_SPOOL_WATCH_H
#define SOLOVIRT_DAEMON_SPOOL_WATCH_H

#include <glib.h>
#include <stdbool.h>

struct event_base;
struct spool_watch;

/* Whom a watch tells.  Static. */
struct spool_watch_class {
	void (*changed)(void *arg);                     /* something may have changed; many times perhaps */
	void (*complete)(void *arg, const char *path);  /* a file below the spool was renamed into place, or closed after writing */
};

/* NULL when there is no inotify: then only the regular scans are left.  Loop thread. */
struct spool_watch *spool_watch_new(struct event_base *base, const struct spool_watch_class *class, void *arg);
void spool_watch_free(struct spool_watch *watch);

/* Watches these folders (char *, below directory; "" is itself) and no others.  To be called after each scan: a folder that
 * was replaced under its old name is then watched in its new form.  True when a folder is watched that was not: what happened
 * in it since the scan went unheard. */
bool spool_watch_set(struct spool_watch *watch, const char *directory, const GPtrArray *folders);

#endif
