/* Imports under way: one worker process each, a few at a time. */
#ifndef SOLOVIRT_DAEMON_IMPORT_H
#define SOLOVIRT_DAEMON_IMPORT_H

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>

#include "daemon/daemon.h"

struct error;

enum {
	IMPORTS_MOST = 4,           /* at a time */
	IMPORTS_SLOW_MOST = 4,      /* that are slow (import_pace.h) beside them: each costs memory, too */
	IMPORT_GAVE_WAY = ERESTART, /* why it ended: it was slow, others waited, and it can be resumed */
};

struct import_request {
	const char *uid;   /* of the DataVolume, or the claim that is filled by a copy: one import each */
	json_t *args;      /* of the verb "import" without scratch; taken */
	int stream;        /* of an upload: the end of a pipe that its bytes come out of; of a copy: the volume; taken; else -1 */
	int under;         /* of a copy of a qcow2 file: the file that it lies over, taken; 0: none */
	int target;        /* file or block device of this machine, or a socket on which a volume is served; taken */
	void (*progress)(void *arg, const json_t *event); /* as in import_verbs.h; may be NULL */
	void (*done)(void *arg, json_t *result, const struct error *error); /* once; then arg may be freed */
	void *arg;
};

/* Starts an import.  0; -1 EAGAIN when there is no room, else why it cannot be (args, stream, under and target are taken either way). */
int import_start(struct daemon *daemon, const struct import_request *request, struct error *err);
/* Ends it; done is called with ECANCELED before this returns.  Nothing when there is none. */
void import_cancel(struct daemon *daemon, const char *uid);
/* True when another import may be started.  Else one that is slow and loses little by it gives its place to those that wait: its done is called
 * with IMPORT_GAVE_WAY before this returns, and there is room a little later. */
bool imports_have_room(struct daemon *daemon);
/* Removes what an earlier life left; call it before the first import. */
void imports_start(struct daemon *daemon);
bool import_is_running(struct daemon *daemon, const char *uid);
void imports_stop(struct daemon *daemon);

#endif
