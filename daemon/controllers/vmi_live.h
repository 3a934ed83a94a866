/* An instance that was edited while its guest runs: what it has by its status, what it is to have by its spec. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VMI_LIVE_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VMI_LIVE_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/api/vmi.h"

struct host;

/* Reason of the Synchronized condition of an instance that could not be brought to its spec. */
#define LIVE_FAILED "FailedHotplugSync"

/* Notes in a status under way what is still to come and to go; first: the guest has just started with all of it.  To be
 * called before the volumes are reported.  True when the last try failed and there is something left to do. */
bool vmi_live_note(struct daemon *daemon, const struct object *object, struct vmi_status *status, bool first);
/* Begins a job that changes the domain when the status says that something is left to do. */
void vmi_live_sync(struct daemon *daemon, const struct object *object, struct host *host);

#endif
