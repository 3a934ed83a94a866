/* What the claim and DataVolume controllers share. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_CLAIM_H
#define SOLOVIRT_DAEMON_CONTROLLERS_CLAIM_H

#include "daemon/store.h"
#include "daemon/volume.h"

/* Annotations of a claim, beside those of volume.h. */
#define CLAIM_SOURCE "solovirt.io/source"       /* checksum of what a DataVolume fills it with */
#define CLAIM_POPULATED "solovirt.io/populated" /* "true": the DataVolume has filled it */
#define CLAIM_RESTORED "solovirt.io/restored"   /* "true": its volume came back from the trash */
#define CLAIM_PROTECTED "solovirt.io/protected" /* "true": an image of the cache, filled, with a snapshot CLAIM_BASE where the driver has
                                                   snapshots; only clones of it are used */
#define CLAIM_BASE "base"
#define CLAIM_SEALING "solovirt.io/sealing"     /* bytes: an image of the cache that is imported and about to be protected */

#define CLAIM_ORIGIN "solovirt.io/origin"       /* volume that it is made from, or VOLUME@SNAPSHOT: the name of the source may come to mean another */
#define CLAIM_COPY "solovirt.io/copy"           /* volume_record() and "snapshot", made for a copy: it goes when the copy is there */
#define CLAIM_DEPTH "solovirt.io/depth"         /* how many volumes lie under it: more than there should, until it is made independent */
#define CLAIM_PROGRESS "solovirt.io/progress"   /* how much of a copy is there, "42.50%" */

/* Reasons of the condition Provisioning of a claim that is filled by a copy. */
#define CLAIM_COPY_SCHEDULED "CloneScheduled"
#define CLAIM_COPYING "CloneInProgress"

/* What a claim's volume is cloned from. */
struct claim_source {
	const struct object *claim;  /* or VolumeSnapshot; NULL: it begins empty */
	struct volume_place place;   /* of the volume; borrows from the object */
	const char *snapshot;        /* of that, or NULL */
	bool is_protected;           /* nobody ever writes to it again */
	bool is_copied;              /* it is out of the driver's reach: see claim_copy.c */
	char *origin;                /* as CLAIM_ORIGIN */
	json_t *record;              /* that the place borrows from, or NULL; free with claim_source_clear() */
};

/* Finds what spec.dataSource or spec.dataSourceRef names.  0, also when there is none; -1: EAGAIN it has to be waited for (the claim is
 * looked at again when it changes), EINVAL it never can be cloned into a volume of this class; the text says why. */
int claim_source(struct daemon *daemon, const struct object *object, const struct storage_class *class, struct claim_source *source,
    struct error *err);
void claim_source_clear(struct claim_source *source);
/* CLAIM_ORIGIN of what the claim's source names now; "": not known yet; NULL: it has no source, nothing of that name is there, or an image
 * of the cache, which holds the same whenever it was fetched.  g_free(). */
char *claim_origin_now(struct daemon *daemon, const struct object *claim);

/* Binds a claim to a volume that is there; restored: it holds what an earlier claim's held.  *next: the claim as it is then, borrowed. */
int claim_bind(struct daemon *daemon, const struct object *object, const struct volume_place *place, int64_t capacity, bool restored,
    const struct object **next, struct error *err);

/* The claim has its volume, VOLUME of volume_verbs.h: it is bound to it.  format, backing: what was asked for; what a worker sees in a volume that guests
 * write to is no word of ours.  A qcow2 may have become independent of its backing.  EPROTO: another one was made. */
int claim_take_made(struct daemon *daemon, const struct object *object, const json_t *made, const char *format, const char *backing,
    struct error *err);
/* Says why the claim is not bound yet; warn: by an event, too, when that is new. */
int claim_put_pending(struct daemon *daemon, const struct object *object, const char *reason, const char *message, bool warn,
    struct error *err);
/* An instance that may write to the claim's volume now, or NULL; waiter is looked at again when that changes. */
const struct object *claim_find_writer(struct daemon *daemon, const struct object *claim, const struct object *waiter);

/* --- claim_usage.c ---------------------------------------------------------------------------------------------------- */

/* Something that wrote to the claim's volume has ended: looks how much that takes.  Nothing for name NULL, or a claim on its way out. */
void claim_measure(struct daemon *daemon, const char *namespace, const char *name);

/* --- claim_flatten.c -------------------------------------------------------------------------------------------------- */

/* CLAIM_DEPTH, or 0. */
int claim_depth(const struct claim *claim);
/* Writes it down when that is so many that the volume has to be made independent.  The claim as it is then, borrowed; NULL with err. */
const struct object *claim_note_depth(struct daemon *daemon, const struct object *object, json_int_t depth, struct error *err);
/* Begins with it, or looks again later; nothing where there is nothing to do.  For a claim that is bound. */
void claim_flatten(struct daemon *daemon, const struct object *object);
/* The claim is on its way out. */
void claim_flatten_forget(struct daemon *daemon, const struct object *object);
/* An event "progress" of a worker; false: it is about something else. */
bool claim_flatten_progress(struct daemon *daemon, const char *keeper, const json_t *event);

/* --- claim_copy.c ----------------------------------------------------------------------------------------------------- */

/* Fills the volume of a claim, whose place is chosen, with a copy of its source, or waits. */
int claim_copy(struct daemon *daemon, const struct object *object, const struct claim_source *source, struct error *err);
bool claim_copy_is_running(struct daemon *daemon, const struct object *object);
void claim_copy_cancel(struct daemon *daemon, const struct object *object);
/* True with why when a claim's volume is read by a copy that wants it to hold still; waiter is looked at again. */
bool claim_copy_reads(struct daemon *daemon, const struct object *waiter, const char *namespace, const char *name, char *why, size_t size);
/* True when nothing is left of a copy but its data; else what is left is on its way out, or that has to wait. */
bool claim_copy_settle(struct daemon *daemon, const struct object *object);

#endif
