/*
 * Guests that run for an instance which no object of the store is: the store was lost, or went back to a backup that is older
 * than they are.  Whoever asks for such a machine again gets the one that runs, with its disks and its address.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_ADOPT_H
#define SOLOVIRT_DAEMON_CONTROLLERS_ADOPT_H

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/host.h"
#include "daemon/store.h"

struct error;

/* The domain of this name that runs for nobody, and its host; NULL when there is none on a host that is READY.  Borrowed. */
const struct host_domain *adopt_find(struct daemon *daemon, const char *namespace, const char *name, struct host **host);
/* Makes the instance the one that the domain runs for: it takes the uid, and is assigned to the host. */
int adopt_instance(struct daemon *daemon, const struct object *object, struct host *host, const struct host_domain *domain,
    struct error *err);

/* What such a domain uses as the disk of a claim, {"name","path","capacity"}, and its host; or NULL.  Borrowed. */
const json_t *adopt_find_claim(struct daemon *daemon, const char *namespace, const char *name, struct host **host);

/* Enters the addresses of such domains into the ledger, before anybody else gets them. */
void adopt_addresses(struct daemon *daemon, const struct host *host);

#endif
