/*
 * Volumes, as claims have them: one interface for every driver (storage/volume_verbs.h is its other half, in the workers).
 *
 *   claim ---> place: driver, keeper (a host or a Ceph cluster), pool, name ---> calls to the keeper's worker
 *
 * A place is written into the claim's annotations before anything is made there, and goes with the volume into the trash.
 */
#ifndef SOLOVIRT_DAEMON_VOLUME_H
#define SOLOVIRT_DAEMON_VOLUME_H

#include "daemon/calls.h"
#include "daemon/daemon.h"
#include "src/api/datavolume.h"
#include "src/api/storage_class.h"

struct error;

/* Annotations of a claim that say where its volume is, beside VOLUME_NODE.  Nobody but its controller writes them. */
#define VOLUME_CLUSTER "solovirt.io/cluster"             /* rbd: clusterID */
#define VOLUME_POOL "solovirt.io/pool"                   /* rbd: POOL or POOL/NAMESPACE */
#define VOLUME_NAME "solovirt.io/volume"                 /* its name there; absent: "pvc-" and the claim's uid */
#define VOLUME_PATH "solovirt.io/path"                   /* as the worker told it: a file, or POOL[/NAMESPACE]/IMAGE */
/* Of a PersistentVolume: volume_record() as JSON text. */
#define VOLUME_PLACE "solovirt.io/place"
/* Of a VolumeSnapshot: volume_record() as JSON text with another member "snapshot", its name there. */
#define VOLUME_SNAPSHOT "solovirt.io/snapshot"
#define VOLUME_FORMAT "solovirt.io/format"               /* qcow2; absent: raw */

/* NAMESPACE/NAME of the Secret whose encryptionPassphrase opens it; absent: it is not encrypted. */
#define VOLUME_ENCRYPTION "solovirt.io/encryption"
#define VOLUME_PASSPHRASE "encryptionPassphrase" /* key in that Secret */
#define VOLUME_BACKING "solovirt.io/backing"             /* raw file that a qcow2 volume lies over */

enum { VOLUME_NAME_SIZE = 300 };

struct volume_place {
	const struct volume_driver *driver; /* NULL: none was chosen */
	const char *keeper;                 /* host or cluster; borrowed as all of it */
	const char *pool;                   /* POOL or POOL/NAMESPACE; NULL: that of the configuration (local) */
	const char *path;                   /* NULL: not made yet */
	const char *format;                 /* "raw", "qcow2" */
	const char *encryption;             /* as VOLUME_ENCRYPTION, or NULL */
	const char *backing;                /* of a qcow2 volume: the raw file that it lies over, or NULL */
	char name[VOLUME_NAME_SIZE];
};

struct volume_driver {
	const char *name;        /* "local", "rbd" */
	const char *provisioner; /* of StorageClasses; also with a prefix "NAME." in front of it */
	bool shared;             /* a volume is within reach of all hosts: several may use it, and a machine may move */
	bool clones_in_use;      /* a volume can be cloned and snapshots taken of it while a guest writes to it */
	/* Chooses where a new volume of the class is to be, near another one when that is not NULL: adds the annotations that say so.
	 * -1 with err: EAGAIN there is no such place now, it says what is waited for; else not with this class. */
	int (*choose)(struct daemon *daemon, const struct object *claim, const struct storage_class *class, const struct volume_place *near,
	    json_t *annotations, struct error *err);
	/* Settings of the class that volume-create and volume-clone want, or NULL. */
	json_t *(*options)(const struct storage_class *class);
	/* Where calls go; NULL with err while they cannot. */
	struct calls *(*calls)(struct daemon *daemon, const char *keeper, struct error *err);
	/* Its place in arguments of a call: WHERE of volume_verbs.h. */
	void (*where)(struct daemon *daemon, const struct volume_place *place, json_t *args);
	/* Its volumes are files that this process can open: what writes or reads one is handed its descriptor, or else a socket on which
	 * volume-serve serves it. */
	bool (*is_file)(struct daemon *daemon, const char *keeper);
	/* What was flushed is there as long as this number stays the same; 0: for ever. */
	int64_t (*session)(struct daemon *daemon, const char *keeper);
	const char *keeper; /* annotation that names the keeper */
};

/* The driver of a StorageClass's provisioner; NULL with err: unknown, the text says which are known. */
const struct volume_driver *volume_driver_of(const char *provisioner, struct error *err);

/* Whether a volume of the class can be a clone of that one: other drivers and clusters are out of reach, and a clone has the passphrase of its
 * source; volumes of others are copied. */
bool volume_can_clone(const struct storage_class *class, const struct volume_place *from);

/* Where the claim's volume is or is going to be; driver NULL when that is not chosen yet. */
struct volume_place volume_place(const struct claim *claim);
/* The pool that a class of a shared driver has its volumes in, when calls may be made there; else false.  g_free() place->pool. */
bool volume_pool(struct daemon *daemon, const struct storage_class *class, struct volume_place *place);
/* The same from a record, which volume_record() made; borrows from it. */
struct volume_place volume_place_read(const json_t *record);
json_t *volume_record(const struct volume_place *place);
/* Writes into an annotation of an object where a snapshot of a volume is going to be, before it is made: volume_record() and "snapshot". */
int volume_note_snapshot(struct daemon *daemon, const struct object *object, const char *annotation, const struct volume_place *place,
    const char *snapshot, struct error *err);
/* Of a volume that a guest uses, as its domain says (claims of "uses" in host_verbs.h); borrows from it. */
struct volume_place volume_place_of_use(const char *host, const json_t *used);
/* The annotations that a claim gets for a volume that is there; new reference. */
json_t *volume_annotations(const struct volume_place *place);
/* A clone of a volume lies where that lies: what volume-clone is told of its source. */
void volume_add_source(const struct volume_place *from, const char *snapshot, json_t *args);

/* The passphrase of an encrypted volume, in base64; borrowed from the store.  NULL with err: EAGAIN, its Secret has none (waiter, which may be
 * NULL, is looked at again when that changes). */
const char *volume_passphrase(struct daemon *daemon, const struct volume_place *place, const struct object *waiter, struct error *err);
/* Adds it to the arguments of volume-create and volume-serve, where the volume is encrypted.  0, or -1 as above. */
int volume_unlock(struct daemon *daemon, const struct volume_place *place, const struct object *waiter, json_t *args, struct error *err);
/* VOLUME_ENCRYPTION of volumes of a class, or NULL; g_free(). */
char *volume_encryption(const struct storage_class *class);

/* 0 when calls may be made; -1 EHOSTDOWN with why not. */
int volume_check(struct daemon *daemon, const struct volume_place *place, struct error *err);
/* The driver's, of that place. */
bool volume_is_file(struct daemon *daemon, const struct volume_place *place);
int64_t volume_session(struct daemon *daemon, const struct volume_place *place);
/* Adds WHERE and "volume" to the arguments of a call; returns them. */
json_t *volume_args(struct daemon *daemon, const struct volume_place *place, json_t *args);
/* Calls a verb of volume_verbs.h on the volume: args (stolen) get WHERE and "volume".  As calls_add(), after volume_check(). */
void volume_call(struct daemon *daemon, const struct volume_place *place, const char *verb, json_t *args, int fd, int64_t deadline,
    worker_reply *reply, void *arg);

#endif
