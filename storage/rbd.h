/*
 * Inside solovirt-rbd: the connection to one Ceph cluster, places of volumes in it, and what the verbs share.  The verbs are
 * those of volume_verbs.h; lanes and patience are those of src/base/service.h.
 *
 * What a kill -9 leaves half made is known by two marks, so that nothing else is ever taken for it:
 *
 *   - An image that is complete has its own id in its metadata ("solovirt.image").  A clone takes over its parent's
 *     metadata, but not its id: a half-made clone has a wrong mark or none.
 *   - The object "solovirt.unfinished" of the pool holds one key for each volume that was begun and has not ended
 *     (rbd_unfinished.c).  It is written before and removed after everything else.  Without it an image that can be opened might pass for
 *     whole, but lack its object map: then snapshots can be taken of it that cannot be opened.
 *
 * An image that is in neither way ours is never removed for being in the way.
 * No exclusive lock is ever asked for or broken: QEMU would lose it, and a missing owner aborts the process.
 */
#ifndef SOLOVIRT_STORAGE_RBD_H
#define SOLOVIRT_STORAGE_RBD_H

#include <glib.h>
#include <jansson.h>
#include <rados/librados.h>
#include <rbd/librbd.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/service.h"

enum {
	CLUSTER_LANES = 64, /* far more than the daemon's calls at a time: some may be stuck for as long as Ceph is down */
};

/* A verb's row; patience in ms.  run returns the answer (new reference) or NULL with err. */
struct rbd_verb {
	const char *name;
	json_t *(*run)(struct service_call *call, struct error *err);
	int64_t patience;
};

/* Each ends with a NULL name. */
extern const struct rbd_verb cluster_verbs[], volume_verbs[], clone_verbs[], flatten_verbs[], snapshot_verbs[], sweep_verbs[], serve_verbs[];

/* --- rbd_cluster.c -------------------------------------------------------------------------------------------------- */

/* The connection.  NULL with ENOTCONN before connect. */
rados_t cluster_get(struct error *err);
/* Our address as others see it ("10.0.0.5:0/123"), or "". */
const char *cluster_address(void);
/* Records a negative return of librados or librbd behind what was tried, with what to do about it; returns -1.  When it says that
 * we were fenced the process ends. */
int cluster_error(struct error *err, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Asks the monitors; text in JSON, g_free(); or NULL with err. */
char *cluster_ask(const char *command, struct error *err);

/* Tells `cluster` events from now on.  Once. */
void health_start(void);

/* --- rbd_place.c: where a volume is ---------------------------------------------------------------------------------- */

struct place {
	char *pool, *namespace, *volume; /* namespace "" is none; volume may be NULL */
	char *path;                      /* POOL[/NAMESPACE][/VOLUME] */
	rados_ioctx_t io;
};
#define PLACE_AUTO __attribute__((cleanup(place_clear))) struct place
/* Frees and closes what is in it; a zeroed one is fine. */
void place_clear(struct place *place);
/* volume may be NULL: the pool.  EINVAL for names that none has, ENOENT: no such pool or namespace. */
int place_open(const char *pool, const char *namespace, const char *volume, struct place *place, struct error *err);
/* The same from WHERE and "volume" of a call. */
int place_read(json_t *args, struct place *place, struct error *err);
/* Of a call without a volume. */
int place_read_pool(json_t *args, struct place *place, struct error *err);
/* For verbs that remove, when none of these could be opened: an answer when there is no such pool or namespace, as nothing can be in it;
 * else NULL. */
json_t *place_answer_gone(struct error *err);
/* EINVAL for what is no name of a noun, "volume" or "snapshot". */
int place_check_name(const char *noun, const char *name, struct error *err);

/* The volume's name is in use, also by what a kill left of one.  To open what is not there costs much more. */
bool place_is_taken(const struct place *place);

/* Waits until nobody else of this process works on volume, and none that would change it on from (or NULL).  ETIMEDOUT when nobody
 * waits for the call any more: nothing is locked then.  Such locks order our own calls alone. */
int place_lock(const struct service_call *call, const struct place *volume, const struct place *from, struct error *err);
/* The same without waiting; false: somebody does. */
bool place_try_lock(const struct place *volume);
/* Somebody waits for a volume that is locked: what may end early and be done later gives way. */
bool place_is_awaited(const struct place *volume);
void place_unlock(const struct place *volume, const struct place *from);

/* --- rbd_image.c: one image ------------------------------------------------------------------------------------------- */

/* Key in the metadata of an image. */
#define IMAGE_MARK "solovirt.image"  /* its own id: it is complete */
#define IMAGE_FROM "solovirt.from"   /* what it was cloned from */
#define IMAGE_OWNER "solovirt.owner." /* begins keys of the owner's words */
#define IMAGE_ENCRYPTION "solovirt.encryption" /* bytes of the LUKS header that it begins with; clones have it from their source */
#define IMAGE_TEMPORARY ".clone-"     /* begins names of snapshots that live as long as a clone is made; no user's begins so */

#define IMAGE_AUTO __attribute__((cleanup(image_close))) rbd_image_t
/* Closes what is open; *image may be NULL. */
void image_close(rbd_image_t *image);
/* ENOENT: there is none, or one without a header, as a kill leaves it.  One that is only read is not watched: it does not keep others from
 * deleting it. */
int image_open(const struct place *place, rbd_image_t *image, struct error *err);
int image_open_to_read(const struct place *place, rbd_image_t *image, struct error *err);

/* Metadata of ours: key -> value.  g_hash_table_unref(); NULL with err. */
GHashTable *image_words(rbd_image_t image, struct error *err);
/* It carries its mark. */
bool image_is_complete(rbd_image_t image, GHashTable *words);
/* Replaces all metadata of ours, the mark last.  from and owner (an object of words) may be NULL. */
int image_dress(rbd_image_t image, const char *from, const json_t *owner, struct error *err);

/* Options of a call ("options", may be NULL); rbd_image_options_destroy().  EINVAL. */
int image_options(const json_t *options, rbd_image_options_t *out, struct error *err);

/* Who has it open and is not us: new array of addresses; NULL with err. */
json_t *image_users(rbd_image_t image, struct error *err);
/*
 * The same when somebody would be in the way.  When a client dies while Ceph 16 writes down its watch, the OSD gives that watch no time-out,
 * and the image stays open for as long as the OSD keeps its header in mind, which may be for ever.  So it is made to read the header anew: what
 * is shut out is gone then, and the rest has the time-out of 30 s.  The header of an image that somebody does watch is never let go of.
 * Source: tracker.ceph.com/issues/58120.
 */
json_t *image_users_still(const struct place *place, rbd_image_t image, struct error *err);
/* Makes the OSD read the header of an image anew.  id: the image's; pool: where it is. */
void image_remind(const struct place *pool, const char *id);
/* How many images lie under it; -1 with err.  parent (may be NULL) gets POOL[/NAMESPACE]/IMAGE@SNAPSHOT or NULL; g_free(). */
int image_depth(rbd_image_t image, char **parent, struct error *err);
/* What a clone is to know of its source. */
struct image_base {
	uint64_t capacity; /* bytes */
	int depth;         /* how many images lie under it */
};
/* Of an image, or of its snapshot that is set.  EAGAIN: too many lie under it for another clone. */
int image_base(rbd_image_t image, const char *path, struct image_base *base, struct error *err);
/* Its snapshots by what they are.  0 or -1. */
struct image_snapshots {
	json_t *listed;          /* array of SNAPSHOT: what users made */
	GPtrArray *temporary;    /* names */
	int trashed, foreign;    /* those that clones need; those of groups and mirrors */
};
int image_snapshots(rbd_image_t image, struct image_snapshots *out, struct error *err);
void image_snapshots_clear(struct image_snapshots *snapshots);
#define IMAGE_SNAPSHOTS_AUTO __attribute__((cleanup(image_snapshots_clear))) struct image_snapshots

/* VOLUME of volume_verbs.h: what costs nothing, or all of it. */
json_t *image_describe(const struct place *place, rbd_image_t image, struct error *err);
json_t *image_describe_all(const struct place *place, rbd_image_t image, struct error *err);
/* What costs nothing, and how deep it lies, which tells whether it is to be made independent; depth -1: err is set, NULL. */
json_t *image_describe_clone(const struct place *place, rbd_image_t image, int depth, struct error *err);

/* A librbd_progress_fn_t: librbd calls it without looking whether there is one. */
int image_ignore_progress(uint64_t done, uint64_t total, void *arg);

/* Removes it, its half-made rest, or nothing; EBUSY, ENOTEMPTY. */
int image_remove(const struct place *place, struct error *err);
/* Removes a snapshot; no error when it or the image is gone. */
int image_remove_snapshot(const struct place *place, const char *snapshot, struct error *err);

/* --- rbd_encryption.c: images that begin with a LUKS header ------------------------------------------------------------ */

/* Bytes of the header; 0: it has none, -1 err.  Of an image, or one of its snapshots, that was opened without its key. */
int64_t encryption_header(rbd_image_t image, struct error *err);
/* Bytes of the volume in it: what is behind the header. */
int image_capacity(rbd_image_t image, uint64_t *capacity, struct error *err);
/* Makes it as long as that needs, at least. */
int image_resize(rbd_image_t image, const char *path, uint64_t capacity, bool shrink, struct error *err);
/* From here on librbd sees the volume.  passphrase: in base64; NULL for a volume that is not encrypted.  EACCES: it is another, EINVAL: it is
 * needed, or is not.  Costs seconds of a processor. */
int encryption_load(rbd_image_t image, const char *path, const char *passphrase, struct error *err);

/* Bytes that an image is made with which is encrypted then. */
uint64_t encryption_size_first(uint64_t capacity);
/* Encrypts an image that was just made so, with a passphrase in base64, and makes it as long as it is to be.  It reads as noise. */
int encryption_make(const struct place *place, const char *passphrase, uint64_t capacity, struct error *err);

/* --- rbd_temporary.c: snapshots that live as long as clones are made from them ---------------------------------------- */

/* A snapshot of a source that was begun after asked (clock_monotonic_ms()), or the next that is going to be taken; volume names that, when it
 * is the first that asks.  Each that joined leaves. */
struct temporary;
struct temporary *temporary_join(const struct place *from, const char *volume, int64_t asked);
const char *temporary_name(const struct temporary *temporary);
/* Returns when it is there.  Waits for other snapshots of the source that are being taken or removed.  EAGAIN as image_base(). */
int temporary_take(struct temporary *temporary, const struct place *from, struct image_base *base, struct error *err);
/* The last one removes it, which takes a second. */
int temporary_leave(struct temporary *temporary, const struct place *from, struct error *err);
/* Somebody of this process joined and has not left. */
bool temporary_is_used(const struct place *from, const char *name);

/* --- rbd_unfinished.c: volumes that were begun ----------------------------------------------------------------------- */

/* Writes down that place->volume is being cloned from from; snapshot is the temporary one, or NULL.  from: the volume itself when it begins
 * empty. */
int unfinished_begin(const struct place *place, const struct place *from, const char *snapshot, struct error *err);
int unfinished_end(const struct place *place, struct error *err);
/* Names of the volumes of a pool that are not whole and not under way: ours, and those of workers that are dead (an array of
 * addresses, or NULL), or must be by now.  more counts the others.  g_ptr_array_unref(); NULL with err. */
GPtrArray *unfinished_list(const struct place *pool, const json_t *dead, int *more, struct error *err);
/* Removes what was begun and did not end, unless it is complete; then what it had needed.  Nothing
 * happens to a volume that is not noted.  Under its lock. */
int unfinished_settle(const struct place *place, struct error *err);

#endif
