/*
 * What users may do to objects: the rules between a request (API, spool) and the store.  Kubernetes' metadata semantics
 * live here: uid, generation, timestamps, finalizers, owner references; admission (rows, rules, defaults) runs here.
 */
#ifndef SOLOVIRT_DAEMON_OBJECTS_H
#define SOLOVIRT_DAEMON_OBJECTS_H

#include "daemon/store.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

struct daemon;

/* Which part of an object a write may change. */
enum object_part { OBJECT_MAIN /* all but status */, OBJECT_STATUS /* only status */ };

/*
 * Error codes of all functions: EINVAL (diagnostics say what), ENOENT, EEXIST, ESTALE (resourceVersion or uid does not
 * match), EACCES, ENOSPC/EROFS/EIO (store), EOPNOTSUPP.
 */

/* Creates.  namespace: of the request, or NULL; must agree with the document's.  metadata.generateName is honoured.
 * dry_run: everything but the change.  Returns the object (borrowed; for dry_run a new one that is freed at the end of the turn). */
const struct object *objects_create(struct daemon *daemon, const struct document *document, const char *namespace,
    bool dry_run, struct diagnostics *diagnostics, struct error *err);

/* Replaces the part; metadata.resourceVersion in the document, when there, must be the current one.  Fixed fields may not
 * change; generation grows when spec does. */
const struct object *objects_update(struct daemon *daemon, const struct document *document, const char *namespace,
    enum object_part part, bool dry_run, struct diagnostics *diagnostics, struct error *err);

struct delete_options {
	int64_t grace_period_seconds; /* -1: the object's own */
	bool orphan;                  /* keep what it owns */
	const char *uid;              /* precondition, or NULL */
	int64_t version;              /* precondition, or 0 */
	bool dry_run;
};
/* Sets deletionTimestamp; the object goes away when its finalizers are gone (at once when it has none).  Deleting again is
 * no error and may shorten the grace period.  *object: as it now is (borrowed), or NULL when it is gone. */
int objects_delete(struct daemon *daemon, const struct object *target, const struct delete_options *options,
    const struct object **object, struct error *err);

/* For controllers: creates an object from a tree (taken).  NULL as objects_create(). */
const struct object *objects_create_tree(struct daemon *daemon, json_t *tree, const char *namespace, struct error *err);
/* For controllers: the entry of metadata.ownerReferences that names an object as the controller; new reference. */
json_t *objects_owner_reference(const struct object *owner);

/* For controllers: a working copy of the status struct (of the kind's status_schema); schema_free() it. */
void *objects_status_copy(const struct object *object);
/* For controllers: replaces status with the encoding of a status struct; nothing happens when it is equal. */
int objects_set_status(struct daemon *daemon, const struct object *object, const void *status, struct error *err);
/* For controllers: adds or removes a finalizer. */
int objects_set_finalizer(struct daemon *daemon, const struct object *object, const char *finalizer, bool present,
    struct error *err);
/* For controllers: merge-patches the object (borrowed patch), bypassing user rules on status and fixed fields. */
const struct object *objects_patch(struct daemon *daemon, const struct object *object, const json_t *patch, struct error *err);

#endif
