/* The verbs memorydump and removememorydump of machines. */
#ifndef SOLOVIRT_DAEMON_VERB_MEMORY_DUMP_H
#define SOLOVIRT_DAEMON_VERB_MEMORY_DUMP_H

#include "daemon/store.h"

struct daemon;
struct error;

/* As struct verb's run.  memorydump: body is {claimName}; the claim becomes the template's volume memoryDump, and
 * status.memoryDumpRequest asks the machine's controller for the dump (controllers/memory_dump.h). */
int verb_memory_dump(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err);
/* Lets go of the claim, which keeps what was written. */
int verb_remove_memory_dump(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err);

#endif
