/*
 * The store: every current object in memory, SQLite as the truth that survives, one transaction for a turn of the loop.
 *
 * Changes are seen by later reads at once, and become durable together when the turn ends: the store arms an event of the
 * lowest priority that commits after all other events of the turn have run.  Nothing may be answered, published or sent to
 * a worker before that: ask store_when_durable().  When a commit fails, memory goes back to what is on disk, waiters are told, and the
 * store tries again by itself (store_problem() says why meanwhile).
 *
 * One connection, WAL, synchronous=FULL, locking_mode=EXCLUSIVE: Debian 12's SQLite can corrupt a WAL with two.
 * Loop thread only.  Objects are immutable and reference counted.
 */
#ifndef SOLOVIRT_DAEMON_STORE_H
#define SOLOVIRT_DAEMON_STORE_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/api/kinds.h"

struct error;
struct event_base;
struct store;

struct object {
	const struct kind *kind;
	const char *namespace, *name, *uid; /* namespace is "" for cluster-scoped kinds */
	int64_t version;   /* resourceVersion */
	const char *text;  /* compact JSON, with resourceVersion in it */
	size_t length;     /* bytes of text */
	const void *value; /* decoded struct of the kind (struct vm, ...) */
};
/* One more reference, and one less: the last one frees. */
const struct object *object_ref(const struct object *object);
void object_unref(const struct object *object);
/* An object that is in no store (an answer to a dry run): a new reference, or NULL when the tree lacks a name or does not decode. */
const struct object *object_new(const struct kind *kind, const json_t *tree, int64_t version, struct error *err);
/* A fresh tree of its text, free to change; the caller owns it. */
json_t *object_tree(const struct object *object);
/* The same of one member, such as "spec": reading all is most of the work.  NULL when it has none. */
json_t *object_member(const struct object *object, const char *name);

enum change_type { CHANGE_ADDED, CHANGE_MODIFIED, CHANGE_DELETED };
struct change {
	enum change_type type;
	int64_t version;
	const struct object *object;   /* for DELETED: as it was last, but with this version in text */
	const struct object *previous; /* MODIFIED, DELETED; else NULL */
};

/*
 * Opens directory/solovirt.db, creating or migrating it; takes a lock so that a second daemon is refused (EBUSY).
 * Checks its integrity and every object's checksum; a damaged file is moved aside with its reason, never overwritten, and
 * the newest good backup is used, else an empty store (log says which).  NULL with err when it cannot be used at all.
 */
struct store *store_open(const char *directory, struct event_base *base, struct error *err);
/* Commits what is pending, closes. */
void store_close(struct store *store);

/* NULL when there is none.  Borrowed: valid until the turn ends; object_ref() to keep. */
const struct object *store_get(struct store *store, enum kind_id kind, const char *namespace, const char *name);
const struct object *store_get_uid(struct store *store, const char *uid);
/* Every object of a kind (namespace NULL: all), sorted by namespace and name.  struct object *, each with a reference;
 * free with g_ptr_array_unref(). */
GPtrArray *store_list(struct store *store, enum kind_id kind, const char *namespace);
/* Objects whose metadata.ownerReferences name this uid.  As above. */
GPtrArray *store_owned(struct store *store, const char *owner_uid);
size_t store_count(struct store *store, enum kind_id kind);
/* The newest version given out. */
int64_t store_version(struct store *store);
/* How often this store has been opened; grows by one at each start. */
int64_t store_epoch(struct store *store);
/* Names this store for good; borrowed. */
const char *store_uuid(struct store *store);

/*
 * Puts a tree (borrowed; must hold apiVersion, kind, metadata.name, uid) as the object of its kind and name: creates or
 * replaces; metadata.resourceVersion is set by the store.  The tree must decode without errors: callers come through
 * objects.h.  A tree equal to the current one but for resourceVersion changes nothing and returns the current one.
 * Returns the object (borrowed), or NULL with ENOSPC/EROFS/EIO while the store has a problem.
 */
const struct object *store_put(struct store *store, const struct kind *kind, const json_t *tree, struct error *err);
/* As store_put(), of an object's own tree with another status (borrowed), for kinds that have a status_schema.  Neither the
 * text nor the struct of the rest is made anew, which is most of the work of store_put(). */
const struct object *store_put_status(struct store *store, const struct object *object, const json_t *status, struct error *err);
/* Removes it.  0, or -1 while the store has a problem. */
int store_remove(struct store *store, const struct object *object, struct error *err);

/* Calls done(arg, NULL) once everything changed so far is durable, or with why it is not.  Never from inside; also when
 * nothing is pending (then at the end of the turn). */
void store_when_durable(struct store *store, void (*done)(void *arg, const struct error *error), void *arg);

/* Tells every durable change, in order of version, after the commit.  Subscribers may change the store (next turn). */
void store_subscribe(struct store *store, void (*changed)(void *arg, const struct change *change), void *arg);
/* Ends all subscriptions of this arg. */
void store_unsubscribe(struct store *store, const void *arg);

/* Replays durable changes with version > since, in order; the objects are valid during the call (value may be NULL).
 * 0, or -1 ESTALE when since is older than the log goes back (410 Expired) or lies in the future. */
int store_replay(struct store *store, int64_t since, void (*changed)(void *arg, const struct change *change), void *arg,
    struct error *err);

/* NULL, or one sentence why nothing can be written now ("the disk of /var/lib/solovirt is full"). */
const char *store_problem(struct store *store);
/* Called when a problem appears or is gone. */
void store_on_health(struct store *store, void (*health)(void *arg, const char *problem), void *arg);

/* --- small records that belong to the daemon, not to users: by bucket and key ----------------------------------- */

/* What is recorded, or NULL; borrowed until the turn ends. */
const char *store_record_get(struct store *store, const char *bucket, const char *key);
/* value NULL removes.  Same durability as objects. */
int store_record_set(struct store *store, const char *bucket, const char *key, const char *value, struct error *err);
/* Calls each(arg, key, value) for every record of a bucket, sorted by key; each must not change the bucket. */
void store_record_each(struct store *store, const char *bucket, void (*each)(void *arg, const char *key, const char *value),
    void *arg);

/* --- the address ledger: uniqueness is a constraint of the database --------------------------------------------- */

struct address {
	const char *network;  /* libvirt network name, or a segment of networks.h */
	const char *owner;    /* "namespace/name/interface" */
	const char *ip, *mac; /* lower case; ip "": the network gives addresses by itself */
	int64_t released;     /* 0 while its owner exists; else wall ms since when it may be given to another */
	const char *ip6;      /* RFC 5952; "": it has none */
};
/* What an owner has, or NULL; borrowed until the turn ends. */
const struct address *store_address_get(struct store *store, const char *network, const char *owner);
/* Inserts, or changes ip, mac or released of the same network and owner.  EEXIST when another owner has the IP or MAC in
 * that network (a released one must be removed first). */
int store_address_put(struct store *store, const struct address *address, struct error *err);
int store_address_remove(struct store *store, const char *network, const char *owner, struct error *err);
/* Every entry of a network (NULL: of all), sorted by owner. */
void store_address_each(struct store *store, const char *network, void (*each)(void *arg, const struct address *address),
    void *arg);

#endif
