/*
 * Clones.
 *
 *   note ── snapshot .clone-VOLUME of the source ── clone ── size, owner, mark ── answer ── remove the snapshot ── forget the note
 *           (unless one is named; rbd_temporary.c)
 *
 * To remove the snapshot takes a second, which nobody waits for but who wants the clone or the source for himself: they stay locked.
 * A removed snapshot that a clone needs stays in the trash namespace of its image and goes with the last clone.  Wherever this
 * ends, the note leads to what is left: before the mark all is undone, after it all is completed (rbd_unfinished.c).
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000 /* a clone copies nothing */ };

struct wish {
	const char *from, *snapshot, *from_pool, *from_namespace; /* all but from may be NULL */
	json_int_t capacity, asked;
	int encrypted; /* as its source */
	json_t *owner, *options;
	char *source; /* for the mark: POOL[/NAMESPACE]/IMAGE[@SNAPSHOT] */
};

static void
wish_clear(struct wish *wish)
{
	g_free(wish->source);
}
#define WISH_AUTO __attribute__((cleanup(wish_clear))) struct wish

/* --- before ------------------------------------------------------------------------------------------------------------- */

static int
wish_read(json_t *args, const struct place *place, struct wish *wish, struct place *from, struct error *err)
{
	const char *pool = place->pool, *namespace = place->namespace;
	int protected = 0;

	wish->asked = INT64_MAX; /* just now */
	if (service_args(args, err, "{s:s,s?:s,s?:s,s?:s,s:I,s?:I,s?:b,s?:b,s?:o,s?:o}", "from", &wish->from, "snapshot", &wish->snapshot, "fromPool",
	        &wish->from_pool, "fromNamespace", &wish->from_namespace, "capacity", &wish->capacity, "asked", &wish->asked, "protected", &protected, "encrypted", &wish->encrypted, "owner",
	        &wish->owner, "options", &wish->options) < 0)
		return -1;
	if (wish->capacity <= 0)
		return error_set(err, EINVAL, "a volume must have a size");
	if (wish->snapshot != NULL && place_check_name("snapshot", wish->snapshot, err) < 0)
		return -1;
	if (wish->from_pool != NULL) {
		pool = wish->from_pool;
		namespace = wish->from_namespace;
	} else if (wish->from_namespace != NULL) {
		namespace = wish->from_namespace;
	}
	if (place_open(pool, namespace, wish->from, from, err) < 0)
		return -1;
	wish->source = g_strconcat(from->path, wish->snapshot != NULL ? "@" : "", wish->snapshot, NULL);
	return 0;
}

/* One that is there: the same clone, made before.  1 with *volume, 0 there is none, -1. */
static int
find_clone(const struct place *place, const struct wish *wish, json_t **volume, struct error *err)
{
	IMAGE_AUTO image = NULL;
	g_autoptr(GHashTable) words = NULL;
	struct error why = { 0 };

	if (!place_is_taken(place))
		return 0;
	if (image_open_to_read(place, &image, &why) < 0) {
		if (why.code == ENOENT)
			return 0;
		*err = why;
		return -1;
	}
	words = image_words(image, err);
	if (words == NULL)
		return -1;
	if (!image_is_complete(image, words) || g_strcmp0(g_hash_table_lookup(words, IMAGE_FROM), wish->source) != 0)
		return error_set(err, EEXIST, "volume %s is already there, and is no clone of %s", place->path, wish->source);
	*volume = image_describe_clone(place, image, image_depth(image, NULL, err), err);
	return *volume != NULL ? 1 : -1;
}

static int
check_size(const struct wish *wish, uint64_t size, struct error *err)
{
	return (uint64_t)wish->capacity >= size ? 0 : error_set(err, EINVAL, "%" PRId64 " bytes are too few for a clone of %s, which has %" PRIu64,
	    (int64_t)wish->capacity, wish->source, size);
}

/* The named snapshot, which must be there. */
static int
find_snapshot(const struct place *from, const struct wish *wish, struct image_base *base, struct error *err)
{
	IMAGE_AUTO source = NULL;
	int rc;

	if (image_open_to_read(from, &source, err) < 0)
		return -1;
	rc = rbd_snap_set(source, wish->snapshot);
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "there is no snapshot %s", wish->source);
	if (rc < 0)
		return cluster_error(err, rc, "cannot read %s", wish->source);
	return image_base(source, wish->source, base, err) < 0 ? -1 : check_size(wish, base->capacity, err);
}

/* --- making -------------------------------------------------------------------------------------------------------------- */

static int
clone_image(const struct place *place, const struct place *from, const struct wish *wish, const char *snapshot, struct error *err)
{
	rbd_image_options_t options;
	int rc;

	if (image_options(wish->options, &options, err) < 0)
		return -1;
	/* Version 2 needs no protected snapshots; they may be removed while clones live. */
	rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_CLONE_FORMAT, 2);
	rc = rbd_clone3(from->io, from->volume, snapshot, place->io, place->volume, options);
	rbd_image_options_destroy(options);
	return rc == 0 ? 0 : cluster_error(err, rc, "cannot clone %s to %s", wish->source, place->path);
}

static int
finish(const struct place *place, const struct wish *wish, const struct image_base *base, json_t **volume, struct error *err)
{
	IMAGE_AUTO image = NULL;
	uint64_t size = 0;
	int64_t header;

	if (image_open(place, &image, err) < 0 || (header = encryption_header(image, err)) < 0 || image_capacity(image, &size, err) < 0)
		return -1;
	if ((header > 0) != wish->encrypted)
		return error_set(err, EINVAL, "%s is %sencrypted, unlike what is to be a clone of it: it can only be copied", wish->source,
		    header > 0 ? "" : "not ");
	if ((uint64_t)wish->capacity > size && image_resize(image, place->path, (uint64_t)wish->capacity, false, err) < 0)
		return -1;
	if (image_dress(image, wish->source, wish->owner, err) < 0)
		return -1;
	*volume = image_describe_clone(place, image, base->depth + 1, err);
	return *volume != NULL ? 0 : -1;
}

/* base: of a snapshot that is named; temporary: the one that is taken where none is. */
static int
make_noted(const struct place *place, const struct place *from, const struct wish *wish, struct image_base *base, struct temporary *temporary,
    json_t **volume, struct error *err)
{
	const char *name = temporary == NULL ? NULL : temporary_name(temporary);

	if (unfinished_begin(place, from, name, err) < 0)
		return -1;
	if (temporary != NULL && (temporary_take(temporary, from, base, err) < 0 || check_size(wish, base->capacity, err) < 0))
		return -1;
	return clone_image(place, from, wish, name != NULL ? name : wish->snapshot, err) < 0 ? -1 : finish(place, wish, base, volume, err);
}

/* The answer, or NULL with err; or NULL when it was told already. */
static json_t *
make(struct service_call *call, const struct place *place, const struct place *from, const struct wish *wish, struct error *err)
{
	struct temporary *temporary;
	struct error ignored = { 0 };
	struct image_base base = { 0 };
	json_t *volume = NULL;
	int made, left;

	if (wish->snapshot != NULL && find_snapshot(from, wish, &base, err) < 0)
		return NULL;
	temporary = wish->snapshot == NULL ? temporary_join(from, place->volume, wish->asked) : NULL;
	made = make_noted(place, from, wish, &base, temporary, &volume, err);
	if (made == 0)
		service_answer(call, volume);
	left = temporary == NULL ? 0 : temporary_leave(temporary, from, &ignored);
	/* The clone is complete, or not at all: volume-sweep finds by the note what cannot be removed now, and tells why. */
	if (made < 0)
		unfinished_settle(place, &ignored);
	else if (left == 0)
		unfinished_end(place, &ignored);
	return NULL;
}

static json_t *
clone_volume(struct service_call *call, const struct place *place, const struct place *from, const struct wish *wish, struct error *err)
{
	json_t *volume = NULL;
	int found = unfinished_settle(place, err) < 0 ? -1 : find_clone(place, wish, &volume, err);

	return found == 0 ? make(call, place, from, wish, err) : volume;
}

static json_t *
run_clone(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	PLACE_AUTO from = { 0 };
	WISH_AUTO wish = { 0 };
	json_t *volume;

	if (place_read(call->args, &place, err) < 0 || wish_read(call->args, &place, &wish, &from, err) < 0 ||
	    place_lock(call, &place, &from, err) < 0)
		return NULL;
	volume = clone_volume(call, &place, &from, &wish, err);
	place_unlock(&place, &from);
	return volume;
}

const struct rbd_verb clone_verbs[] = {
	{ "volume-clone", run_clone, PATIENCE },
	{ NULL, NULL, 0 },
};
