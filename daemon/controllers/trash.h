/*
 * The trash: volumes with data whose claim is gone, kept for a while as records of the store.  They stay where they are; a claim of
 * the same name, class, size and source takes one back.  A source that was replaced by another of its name is not the same.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_TRASH_H
#define SOLOVIRT_DAEMON_CONTROLLERS_TRASH_H

#include "daemon/daemon.h"
#include "daemon/store.h"

struct error;

/* Puts a bound claim's volume there. */
int trash_put(struct daemon *daemon, const struct object *claim, struct error *err);
/* Binds the claim to a volume of an earlier claim of this name.  1: done, 0: there is none, -1 err. */
int trash_take(struct daemon *daemon, const struct object *claim, struct error *err);
/* True when the volume of a claim there rests on the image of the cache of this name, or on the file at path. */
bool trash_has_clone(struct daemon *daemon, const char *image, const char *path);
/* trash_sweep() is in controllers.h. */

#endif
