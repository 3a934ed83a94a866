/* Memory dumps of machines: status.memoryDumpRequest, carried out. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_MEMORY_DUMP_H
#define SOLOVIRT_DAEMON_CONTROLLERS_MEMORY_DUMP_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/api/vm.h"

/* Does the next step for the request in a machine's status under way, or notes why it failed.  instance: the machine's own, or
 * NULL. */
void memory_dump_follow(struct daemon *daemon, const struct object *object, struct vm_status *status, const struct object *instance);

/* It was asked for and is neither completed nor failed. */
bool memory_dump_is_under_way(const struct vm *vm);
/* Bytes that a dump of this instance may take. */
int64_t memory_dump_size(const struct vmi *vmi);
/* The request of the instance's machine that is for this claim, or NULL; borrowed. */
const struct memory_dump_request *memory_dump_of(struct daemon *daemon, const struct object *instance, const char *claim);

#endif
