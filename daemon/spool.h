/*
 * The spool: files that say which objects are wanted.  The full scan is the truth; inotify only pulls it forward.
 * Decisions are made in spool_plan.c without I/O; files are read and the plan is carried out here.
 */
#ifndef SOLOVIRT_DAEMON_SPOOL_H
#define SOLOVIRT_DAEMON_SPOOL_H

#include <jansson.h>

struct daemon;
struct error;
struct spool;

/* Starts to watch the spool of the configuration.  NULL when its directories cannot be used. */
struct spool *spool_new(struct daemon *daemon, struct error *err);
/* Stops watching; nothing is deleted by that. */
void spool_free(struct spool *spool);
/* Looks again now (SIGHUP, "solovirt spool sync"). */
void spool_rescan(struct spool *spool);
/* Allows the deletions that are being held because much vanished at once. */
void spool_confirm(struct spool *spool);
/* {"spoolDirectory", "held": N, "files": [{"file","state","generation","objects":[{"kind","namespace","name","phase",
 *  "node","ip","reason"}],"errors":[{"line","column","field","message"}],"warnings":[...]}]}; new reference. */
json_t *spool_status(struct spool *spool);

#endif
