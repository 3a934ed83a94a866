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

/* What a claim's volume is cloned from. */
struct claim_source {
	const struct object *claim;  /* or VolumeSnapshot; NULL: it begins empty */
	struct volume_place place;   /* of the volume; borrows from the object */
	const char *snapshot;        /* of that, or NULL */
	bool is_protected;           /* nobody ever writes to it again */
	json_t *record;              /* that the place borrows from, or NULL; free with claim_source_clear() */
};

/* Finds what spec.dataSource or spec.dataSourceRef names.  0, also when there is none; -1: EAGAIN it has to be waited for (the claim is
 * looked at again when it changes), EINVAL it never can be cloned into a volume of this driver; the text says why. */
int claim_source(struct daemon *daemon, const struct object *object, const struct volume_driver *driver, struct claim_source *source,
    struct error *err);
void claim_source_clear(struct claim_source *source);

/* Binds a claim to a volume that is there; restored: it holds what an earlier claim's held.  *next: the claim as it is then, borrowed. */
int claim_bind(struct daemon *daemon, const struct object *object, const struct volume_place *place, int64_t capacity, bool restored,
    const struct object **next, struct error *err);

#endif
