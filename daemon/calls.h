/*
 * Calls to one worker that wait: first for the commit of everything that is in the store by then, so that no deed comes
 * before its intent is durable, then for a lane of the worker.  Hosts and Ceph clusters have one each.
 */
#ifndef SOLOVIRT_DAEMON_CALLS_H
#define SOLOVIRT_DAEMON_CALLS_H

#include "daemon/daemon.h"
#include "src/base/channel.h"

struct calls;

enum {
	CALLS_MOST = 1000 /* that wait for a lane, past which users' are refused; controllers make few for each object */
};

/* name: of whom they are for, in texts: "host a".  Copied.  lanes: how many the worker has at a time. */
struct calls *calls_new(struct daemon *daemon, const char *name, unsigned lanes);
/* What waits is answered with ECANCELED, what waits for the commit later with EHOSTDOWN.  Before worker_free(). */
void calls_free(struct calls *calls);
/* The worker that they go to; once. */
void calls_set_worker(struct calls *calls, struct worker *worker);

/* As worker_call(); a deadline (ms) counts from when the worker gets it.  fd: -1, or a descriptor that is taken over. */
void calls_add(struct calls *calls, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg);

/* Whether a user's call may be added to those that wait; EAGAIN. */
int calls_check_room(const struct calls *calls, struct error *err);

#endif
