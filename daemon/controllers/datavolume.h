/* What fills claims: the parts of the DataVolume controller. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_DATAVOLUME_H
#define SOLOVIRT_DAEMON_CONTROLLERS_DATAVOLUME_H

#include "daemon/store.h"
#include "src/api/datavolume.h"

struct error;

/* --- datavolume.c --------------------------------------------------------------------------------------------------- */

/* Writes phase, progress ("42.50%", "N/A") and conditions. */
int data_volume_enter(struct daemon *daemon, const struct object *object, enum data_volume_phase phase, const char *progress,
    const char *reason, const char *message, struct error *err);
/* CDI's three conditions (fact sheet, section 4). */
void data_volume_conditions(struct daemon *daemon, struct data_volume_status *status, bool bound, bool running, const char *reason,
    const char *message);
/* The claim is filled: both are told. */
int data_volume_succeed(struct daemon *daemon, const struct object *object, const struct object *claim, const char *message,
    struct error *err);

/* --- fill.c: the volume filled from outside --------------------------------------------------------------------------- */

/* Makes the claim's volume anew and starts a worker that fills it, or goes on where one was cut off; nothing while it must wait. */
int fill_begin(struct daemon *daemon, const struct object *object, const struct object *claim, struct error *err);
bool fill_is_running(struct daemon *daemon, const struct object *object);

/* --- image_cache.c ---------------------------------------------------------------------------------------------------- */

#define IMAGE_NAMESPACE "solovirt-images"
/* Annotations of the DataVolumes there. */
#define IMAGE_SOURCE "solovirt.io/image-source"   /* where it is from, without secrets */
#define IMAGE_DIGEST "solovirt.io/image-digest"
#define IMAGE_OF "solovirt.io/image-namespace"    /* namespace of the Secrets and ConfigMaps that its source names */
#define IMAGE_USED "solovirt.io/image-used"       /* when a claim was last made of it; RFC 3339 */
#define IMAGE_PINNED "solovirt.io/image-pinned"   /* "true": it is kept whatever the limit says */
/* Annotation of any DataVolume: "false": it is filled by itself, whatever the cache has. */
#define IMAGE_CACHED "solovirt.io/image-cache"

/* The image of the cache that a DataVolume can be a clone of: *name (g_free()) is that of its claim in IMAGE_NAMESPACE.  1 it is there;
 * 0 it is being made, the DataVolume is looked at again; -1 none: it fills its claim by itself. */
int image_cache_find(struct daemon *daemon, const struct object *object, char **name);
/* True for the DataVolumes of the cache. */
bool image_is_cached(const struct object *object);
/* An image of the cache is there: makes its volume as small as it is and protects it; then it has succeeded.  size: of the disk, bytes. */
int image_cache_seal(struct daemon *daemon, const struct object *object, const struct object *claim, int64_t size, struct error *err);
/* True when clones still rest on the volume of an image's claim. */
bool image_has_clones(struct daemon *daemon, const struct object *claim);
/* Removes what nobody uses and the limit has no room for; called from time to time. */
void image_cache_sweep(struct daemon *daemon);

#endif
