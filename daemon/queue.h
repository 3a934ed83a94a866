/*
 * The queue of objects to reconcile: each is in it at most once, at the earliest time that anybody asked for; failures
 * come back with growing delays.  Loop thread only.
 */
#ifndef SOLOVIRT_DAEMON_QUEUE_H
#define SOLOVIRT_DAEMON_QUEUE_H

#include <stdint.h>

#include "src/api/kinds.h"

struct event_base;
struct queue;

enum {
	QUEUE_RETRY_FIRST = 200, QUEUE_RETRY_MOST = 60000, /* ms */
	QUEUE_BATCH = 256,    /* objects in a turn of the loop */
	QUEUE_MANY = 200,     /* calls after which memory is given back ... */
	QUEUE_REST_MS = 2000, /* ... when none came for so long */
};

/* reconcile is called from the loop with a key that it may keep only during the call. */
struct queue *queue_new(struct event_base *base,
    void (*reconcile)(void *arg, enum kind_id kind, const char *namespace, const char *name), void *arg);
void queue_free(struct queue *queue);

/* Asks for a call after so many milliseconds, or earlier when it is already due earlier. */
void queue_add(struct queue *queue, enum kind_id kind, const char *namespace, const char *name, int64_t delay_ms);
/* Asks for a call after a delay that doubles with each retry until queue_forget(). */
void queue_retry(struct queue *queue, enum kind_id kind, const char *namespace, const char *name);
/* Success, or the object is gone: the next retry is a first one. */
void queue_forget(struct queue *queue, enum kind_id kind, const char *namespace, const char *name);

#endif
