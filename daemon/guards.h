/* Port security and security groups: which flows the ports of guests have (net/flows.h), and that hosts have them. */
#ifndef SOLOVIRT_DAEMON_GUARDS_H
#define SOLOVIRT_DAEMON_GUARDS_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/daemon.h"

struct error;
struct host;
struct object;

/* "guards" of domain-start (host_verbs.h) for an instance: an empty array when no interface asks for any.  NULL with err: ENOENT: a
 * SecurityGroup or Vip that an annotation names does not exist; EAGAIN: an interface has no address yet; EINVAL.  New reference. */
json_t *guards_of(struct daemon *daemon, const struct object *instance, struct error *err);

/* Tells a host all guards of its guests; those of an instance that cannot be made are left as they are. */
void guards_sync(struct daemon *daemon, struct host *host);
/* The same for all hosts: a SecurityGroup or its members changed. */
void guards_sync_all(struct daemon *daemon);
/* An annotation asks for guards. */
bool guards_are_wanted(const struct object *instance);
/* The guest of an instance started, stopped or got a card: its host forgets or learns flows, those of others who let its groups through change. */
void guards_changed(struct daemon *daemon, const struct object *instance);

#endif
