/* What fills claims: the parts of the DataVolume controller. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_DATAVOLUME_H
#define SOLOVIRT_DAEMON_CONTROLLERS_DATAVOLUME_H

#include <jansson.h>

#include "daemon/store.h"
#include "src/api/datavolume.h"
#include "src/api/image_cache.h"

struct error;

/* --- datavolume.c --------------------------------------------------------------------------------------------------- */

/* True when it is filled by what is sent to it. */
bool data_volume_is_upload(const struct object *object);
/* Writes phase, progress ("42.50%", "N/A") and conditions. */
int data_volume_enter(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const char *progress,
    const char *reason, const char *message, struct error *err);
/* Writes how far it is: event as of import_verbs.h or volume_verbs.h, {"phase"?,"done","total","rate"?}. */
void data_volume_progress(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const json_t *event);
/* "download: 512 MiB of 2 GiB, 110 MiB/s, 14s left": the same in words; phase: where the event names none.  g_free(). */
char *progress_words(const json_t *event, const char *phase);
/* CDI's three conditions (fact sheet, section 4). */
void data_volume_conditions(struct daemon *daemon, struct data_volume_status *status, bool bound, bool running, const char *reason,
    const char *message);
/* The claim is filled: both are told. */
int data_volume_succeed(struct daemon *daemon, const struct object *object, const struct object *claim, const char *message,
    struct error *err);

/* --- fill.c: the volume filled from outside --------------------------------------------------------------------------- */

/* Makes the claim's volume anew and starts a worker that fills it, or goes on where one was cut off; nothing while it must wait. */
int fill_begin(struct daemon *daemon, const struct object *object, const struct object *claim, struct error *err);
bool fill_is_running(struct daemon *daemon, const struct object *object);

/* What is uploaded, and who wants to know what became of it. */
struct fill_upload {
	int stream;    /* the end of a pipe that the bytes come out of; taken; its end is the end of the image */
	int64_t total; /* bytes that are expected; 0: not known */
	void (*done)(void *arg, const struct error *error); /* once, later; error NULL: the DataVolume has succeeded */
	void *arg;
};
struct filling;
/* Makes the claim's volume anew and starts a worker that fills it.  NULL: EBUSY another upload is under way, else why it cannot be now;
 * the stream is closed then and done not called.  What is returned is good until done is called. */
struct filling *fill_begin_upload(struct daemon *daemon, const struct object *object, const struct object *claim,
    const struct fill_upload *upload, struct error *err);
/* The bytes broke off: call it before the pipe is closed, whose end would pass for the image's.  done is called, with ECANCELED, perhaps from
 * inside. */
void fill_cancel(struct filling *filling);
/* Forgets how far imports had come whose DataVolumes are gone. */
void fill_sweep(struct daemon *daemon);

/* --- image_cache.c ---------------------------------------------------------------------------------------------------- */

/* The image of the cache that a DataVolume can be a clone of: *name (g_free()) is that of its claim in IMAGE_NAMESPACE.  1 it is there;
 * 0 it is being made, the DataVolume is looked at again; -1 none: it fills its claim by itself. */
int image_cache_find(struct daemon *daemon, const struct object *object, char **name);
/* Whether claims of a namespace may be clones of an image: one that was fetched with credentials is of the namespace that has them. */
bool image_may_be_cloned(struct daemon *daemon, const char *name, const char *namespace);
/* True for the DataVolumes of the cache. */
bool image_is_cached(const struct object *object);
/* An image of the cache is there: makes its volume as small as it is and protects it; then it has succeeded.  size: of the disk, bytes. */
int image_cache_seal(struct daemon *daemon, const struct object *object, const struct object *claim, int64_t size, struct error *err);
/* True when clones still rest on the volume of an image's claim. */
bool image_has_clones(struct daemon *daemon, const struct object *claim);
/* Removes what nobody uses and the limit has no room for; called from time to time. */
void image_cache_sweep(struct daemon *daemon);

#endif
