/* On which host a volume of the local driver is made.  Loop thread. */
#ifndef SOLOVIRT_DAEMON_LOCAL_PLACE_H
#define SOLOVIRT_DAEMON_LOCAL_PLACE_H

#include "daemon/store.h"

struct daemon;
struct error;
struct host;

/*
 * The host for the volume of a claim, since a machine runs where its disks are: the one that the claim's DataVolume names
 * (annotation VOLUME_NODE), else the one that has other disks of the same machine; else, of those that are ready, one that the
 * machine's nodeSelector chooses, that has processors and memory left for it, and whose pool holds least, in this order.  only:
 * the host that it has to be, or NULL.  NULL with err: EAGAIN.
 */
const struct host *local_place(struct daemon *daemon, const struct object *claim, const char *only, struct error *err);

#endif
