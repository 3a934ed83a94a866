/*
 * What sources have now, asked of them by import workers (the verb "probe"), for those that are known by it: images of the cache and
 * DataImportCrons.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_SOURCE_PROBE_H
#define SOLOVIRT_DAEMON_CONTROLLERS_SOURCE_PROBE_H

#include "daemon/daemon.h"

struct data_volume_source;
struct error;

enum {
	PROBES_MOST = 4,            /* workers at a time; others wait in line */
	PROBE_DEADLINE_MS = 30000,  /* of each */
	PROBE_CONNECT_SECONDS = 10, /* patience with a server */
	PROBE_ATTEMPTS = 2,
};

/*
 * Asks a source on behalf of an object, whose namespace's Secrets and ConfigMaps are used.  0: it is being asked, the object is looked at again;
 * 1: *digest is what tells what it has now (image_cache.h), *validator as the worker told it or NULL, borrowed until source_probe_forget();
 * -1 with err: ENODATA it does not tell, else why it could not be asked.  The same is answered until source_probe_forget(); those who
 * ask the same at the same time share one worker.
 */
int source_probe(struct daemon *daemon, const struct object *object, const struct data_volume_source *source, const char **digest,
    const char **validator, struct error *err);
/* The object has used the answer, or does not want it. */
void source_probe_forget(struct daemon *daemon, const struct object *object);
/* Forgets answers for objects that are gone; now and then. */
void source_probes_sweep(struct daemon *daemon);
/* Ends all, when the daemon ends. */
void source_probes_stop(struct daemon *daemon);

#endif
