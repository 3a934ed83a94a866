/* The daemon's parts, as they see each other.  One loop thread owns all of it. */
#ifndef SOLOVIRT_DAEMON_DAEMON_H
#define SOLOVIRT_DAEMON_DAEMON_H

#include <glib.h>
#include <stdint.h>

#include "src/api/config.h"
#include "src/api/kinds.h"

struct error;
struct event_base;
struct object;

struct daemon {
	struct event_base *base;
	struct config *config;  /* replaced on SIGHUP */
	struct store *store;
	struct spool *spool;
	struct queue *queue;    /* of objects to reconcile */
	struct controllers *controllers;
	struct credentials *credentials; /* that guests have; NULL as probes */
	struct folders *folders; /* that guests share; NULL as probes */
	struct probes *probes;   /* of guests; NULL while there are no controllers */
	struct imports *imports; /* under way */
	struct source_probes *source_probes; /* sources that are asked what they have; NULL as imports */
	GPtrArray *flattens;    /* struct flattening *, (controllers/claim_flatten.c); NULL: there were none */
	GPtrArray *copies;      /* struct copying *, under way (controllers/claim_copy.c); NULL: there were none */
	struct uploads *uploads; /* that may be */
	struct images *images;   /* of containers, that could not be unpacked */
	struct http_server *http;
	GPtrArray *hosts;       /* struct host *, in configuration order */
	GPtrArray *clusters;    /* struct cluster *, of Ceph, that are in use */
	GPtrArray *answers;     /* objects of dry runs, until the turn ends */
	int64_t steady;         /* daemon_steady() at the zero of the monotonic clock; 0: not yet asked for */
	unsigned events;        /* new Events since old ones were removed */
};

/* Event loop priorities: lower numbers run first; a commit runs when nothing else is left to do in a turn. */
enum { PRIORITY_NORMAL, PRIORITY_COMMIT, PRIORITY_COUNT };

/* Records a Kubernetes Event about an object (equal ones are counted, old ones expire).  type: "Normal" or "Warning". */
void daemon_event(struct daemon *daemon, const struct object *object, const char *type, const char *reason,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Removes Events that are older than an hour, and the oldest beyond EVENTS_MOST: from time to time, and after EVENTS_BURST
 * new ones at the latest. */
enum { EVENTS_KEEP_MS = 3600 * 1000, EVENTS_MOST = 5000, EVENTS_BURST = 500 };
void daemon_events_expire(struct daemon *daemon);

/* Wall time of this turn of the loop. */
int64_t daemon_now(struct daemon *daemon);

/* Milliseconds for what is kept for a time and then lost for good.  Begins as the wall time of a new store, runs only while the
 * daemon does, and never jumps: a clock that was set wrong makes nothing expire. */
int64_t daemon_steady(struct daemon *daemon);
/* Writes it down once so many ms went by since it was written last: a restart goes on from there. */
int daemon_steady_keep(struct daemon *daemon, int64_t progress, struct error *err);

#endif
