/*
 * Noticing that the store's files lost their names while nothing is written; store_renew.c gives them new ones.
 *
 *   inotify of the directory --a name of ours, or its own--> in a moment --> look <-- now and then, for what inotify does not tell:
 *                                                                                    something mounted over it, a parent renamed
 */
#include "config.h"

#include <event2/event.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/store_private.h"
#include "src/base/log.h"

enum { WATCHED = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR };

struct store_watch {
	struct store *store;
	int fd;     /* inotify's; -1: there is none */
	int number; /* of the watch; -1: none */
	struct event *told, *look;
};

static void
look_in(struct store_watch *watch, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(watch->look, &wait);
}

/* While there is a problem the probe looks. */
static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct store_watch *watch = arg;
	struct error err = { 0 };

	(void)fd;
	(void)what;
	if (watch->store->problem.code == 0)
		store_renew(watch->store, &err);
	store_watch_follow(watch->store);
}

/* Events without a name are about the directory, or say that some were lost. */
static bool
is_about_us(const struct inotify_event *event)
{
	return event->mask != IN_IGNORED && (event->len == 0 || store_renew_knows(event->name));
}

static void
on_told(evutil_socket_t fd, short what, void *arg)
{
	struct store_watch *watch = arg;
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool lost = false;

	(void)what;
	for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
		for (char *at = buffer; at < buffer + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)(void *)at)->len)
			lost |= is_about_us((const struct inotify_event *)(const void *)at);
	if (lost)
		look_in(watch, STORE_LOST_MS);
}

void
store_watch_init(struct store *store)
{
	struct store_watch *watch = g_new0(struct store_watch, 1);

	*watch = (struct store_watch) { .store = store, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .number = -1 };
	watch->look = event_new(store->base, -1, 0, on_look, watch);
	event_priority_set(watch->look, PRIORITY_COMMIT);
	if (watch->fd >= 0) {
		watch->told = event_new(store->base, watch->fd, EV_READ | EV_PERSIST, on_told, watch);
		event_add(watch->told, NULL);
	}
	store->watch = watch;
	store_watch_follow(store);
}

void
store_watch_clear(struct store *store)
{
	struct store_watch *watch = g_steal_pointer(&store->watch);

	if (watch == NULL)
		return;
	event_free(watch->look);
	if (watch->told != NULL)
		event_free(watch->told);
	if (watch->fd >= 0)
		close(watch->fd);
	g_free(watch);
}

void
store_watch_follow(struct store *store)
{
	struct store_watch *watch = store->watch;
	int number = watch->fd < 0 ? -1 : inotify_add_watch(watch->fd, store->directory, WATCHED);

	/* A directory that is watched already answers with its old number. */
	if (watch->number >= 0 && watch->number != number)
		inotify_rm_watch(watch->fd, watch->number);
	watch->number = number;
	look_in(watch, number < 0 ? STORE_BLIND_MS : STORE_WATCH_MS);
}
