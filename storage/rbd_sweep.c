/* What deletes had to put aside for clones, and what kills left: removed when nobody needs it. */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000, TRASH_FIRST = 256, ID_SIZE = 64 /* librbd makes at most 32 characters */ };

/* What lies in Ceph's trash is not ours because it lies there: people use it, too. */
static bool
is_ours(const struct place *pool, const char *id)
{
	IMAGE_AUTO image = NULL;
	struct error ignored = { 0 };
	g_autoptr(GHashTable) words = NULL;

	if (rbd_open_by_id_read_only(pool->io, id, &image, NULL) < 0)
		return false;
	words = image_words(image, &ignored);
	return words != NULL && image_is_complete(image, words);
}

/* An image of this name that is no longer, or not yet, in the trash: 1 it is this one, 0 none or another, -1. */
static int
has_its_name(const struct place *place, const char *id, struct error *err)
{
	IMAGE_AUTO image = NULL;
	struct error why = { 0 };
	char its[ID_SIZE] = "";

	if (image_open_to_read(place, &image, &why) == 0)
		return rbd_get_id(image, its, sizeof(its)) == 0 && strcmp(its, id) == 0;
	if (why.code == ENOENT)
		return 0;
	*err = why;
	return -1;
}

/* From "moving" (1) to "normal" (0), as trash_state_set of Ceph's cls_rbd has it: the id with its length before it, the new state, the
 * one that is expected. */
static int
set_moved(const struct place *pool, const char *id)
{
	uint32_t length = GUINT32_TO_LE((uint32_t)strlen(id));
	g_autoptr(GByteArray) in = g_byte_array_new();
	char out[16];

	g_byte_array_append(in, (const guint8 *)&length, sizeof(length));
	g_byte_array_append(in, (const guint8 *)id, (guint)strlen(id));
	g_byte_array_append(in, (const guint8 *)"\0\1", 2);
	return rados_exec(pool->io, "rbd_trash", "rbd", "trash_state_set", (const char *)in->data, in->len, out, sizeof(out));
}

/*
 * A move into the trash that a kill cut off is ended: librbd removes no image that may be on its way (Ceph's issue 58060).  The name goes
 * last, and may have become another image's since.  0; 1: somebody works on a volume of this name; -1.
 */
static int
end_move(const struct place *pool, const rbd_trash_image_info_t *info, struct error *err)
{
	PLACE_AUTO place = { 0 };
	int named, rc = 0;

	if (place_open(pool->pool, pool->namespace, info->name, &place, err) < 0)
		return -1;
	if (!place_try_lock(&place))
		return 1;
	named = has_its_name(&place, info->id, err);
	if (named >= 0)
		rc = named == 1 ? rbd_trash_move(pool->io, info->name, 0) : set_moved(pool, info->id);
	place_unlock(&place, NULL);
	if (rc < 0 && rc != -ENOENT)
		cluster_error(err, rc, "cannot end the move of %s/%s into Ceph's trash", pool->path, info->name);
	return named < 0 || (rc < 0 && rc != -ENOENT) ? -1 : 0;
}

/* 1 when it must stay, 0 when it is gone or not ours, -1. */
static int
sweep_image(const struct place *pool, const rbd_trash_image_info_t *info, struct error *err)
{
	int rc;

	/* A removal that was killed has no header any more by which to tell whose it is; only removals leave such. */
	if (info->source != RBD_TRASH_IMAGE_SOURCE_REMOVING && !is_ours(pool, info->id))
		return 0;
	rc = rbd_trash_remove(pool->io, info->id, false);
	if (rc == -EBUSY) {
		image_remind(pool, info->id);
		rc = rbd_trash_remove(pool->io, info->id, false);
	}
	if (rc == -EUCLEAN) {
		int moved = end_move(pool, info, err);
		if (moved != 0)
			return moved;
		rc = rbd_trash_remove(pool->io, info->id, false);
	}
	if (rc == -ENOTEMPTY || rc == -EBUSY || rc == -EPERM) /* needed by clones, open, to be kept until a later time */
		return 1;
	return rc == 0 || rc == -ENOENT ? 0 : cluster_error(err, rc, "cannot remove %s/%s from Ceph's trash", pool->path, info->name);
}

static int
sweep_trash(const struct place *pool, int *left, struct error *err)
{
	g_autofree rbd_trash_image_info_t *infos = NULL;
	size_t count = TRASH_FIRST;
	int rc;

	do {
		g_free(infos);
		infos = g_new0(rbd_trash_image_info_t, count);
		rc = rbd_trash_list(pool->io, infos, &count);
	} while (rc == -ERANGE);
	if (rc < 0)
		return cluster_error(err, rc, "cannot list Ceph's trash of %s", pool->path);
	/* what is wrong with one of them keeps none of the others */
	rc = 0;
	for (size_t i = 0; i < count; i++) {
		struct error why = { 0 };
		int stays = sweep_image(pool, &infos[i], &why);

		*left += stays > 0;
		if (stays < 0 && rc == 0)
			*err = why;
		rc = stays < 0 ? -1 : rc;
	}
	rbd_trash_list_cleanup(infos, count);
	return rc;
}

/* Who works on a volume now settles it himself. */
static int
sweep_unfinished(const struct place *pool, const json_t *dead, int *more, struct error *err)
{
	g_autoptr(GPtrArray) names = unfinished_list(pool, dead, more, err);
	int rc = names == NULL ? -1 : 0;

	for (guint i = 0; rc == 0 && i < names->len; i++) {
		PLACE_AUTO place = { 0 };
		rc = place_open(pool->pool, pool->namespace, names->pdata[i], &place, err);
		if (rc == 0 && place_try_lock(&place)) {
			rc = unfinished_settle(&place, err);
			place_unlock(&place, NULL);
		}
	}
	return rc;
}

/* Clones first: they may be what holds an image in the trash.  Those that hold one another go from the last on. */
static json_t *
run_sweep(struct service_call *call, struct error *err)
{
	PLACE_AUTO pool = { 0 };
	json_t *dead = NULL;
	int left = 0, more = 0, before;

	if (place_read_pool(call->args, &pool, err) < 0)
		return place_answer_gone(err);
	if (service_args(call->args, err, "{s?:o}", "dead", &dead) < 0 || sweep_unfinished(&pool, dead, &more, err) < 0)
		return NULL;
	do {
		before = left;
		left = 0;
		if (sweep_trash(&pool, &left, err) < 0)
			return NULL;
	} while (left > 0 && left != before && !service_is_late(call));
	return json_pack("{s:i}", "left", left + more);
}

const struct rbd_verb sweep_verbs[] = {
	{ "volume-sweep", run_sweep, PATIENCE },
	{ NULL, NULL, 0 },
};
