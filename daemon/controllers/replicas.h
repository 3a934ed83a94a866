/* What replica sets and pools share: their members, and how they tell of them. */
#ifndef SOLOVIRT_DAEMON_REPLICAS_H
#define SOLOVIRT_DAEMON_REPLICAS_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/api/replicaset.h"

struct error;

/* Reasons of the condition ReplicaFailure. */
#define REPLICA_FAILED_CREATE "FailedCreate"
#define REPLICA_FAILED_DELETE "FailedDelete"

/* Objects of a kind that are controlled by an object and selected by its selector, sorted by name; each with a reference. */
GPtrArray *replicas_of(struct daemon *daemon, const struct object *owner, enum kind_id kind, const struct label_selector *selector);

/* The tree of a member: apiVersion and kind of "kind", the name (or NULL), labels and annotations of a template's metadata (may be NULL), its
 * spec (copied), owned by owner. */
json_t *replica_tree(const struct object *owner, enum kind_id kind, const char *name, const json_t *metadata, const json_t *spec);

/* Creates a member (tree is taken) and tells so by an event of the owner.  False with err after an event FailedCreate. */
bool replica_create(struct daemon *daemon, const struct object *owner, json_t *tree, struct error *err);
/* Deletes one, alike. */
bool replica_delete(struct daemon *daemon, const struct object *owner, const struct object *member, struct error *err);

/* Writes the status: how many there are and are ready, the selector as text, whether it is paused, and what failed (reason NULL:
 * nothing).  who: "Controller" or "Pool", as KubeVirt's sentences begin. */
int replicas_tell(struct daemon *daemon, const struct object *owner, const struct label_selector *selector, int64_t count,
    int64_t ready, bool paused, const char *reason, const char *message, struct error *err);

#endif
