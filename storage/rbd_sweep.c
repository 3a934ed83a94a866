/* What deletes had to put aside for clones, and what kills left: removed when nobody needs it. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000, TRASH_FIRST = 256 };

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
	for (size_t i = 0; i < count && rc >= 0; i++) {
		rc = sweep_image(pool, &infos[i], err);
		*left += rc > 0;
	}
	rbd_trash_list_cleanup(infos, count);
	return rc < 0 ? -1 : 0;
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
