/* Snapshots that users see. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { PATIENCE = VOLUME_DEADLINE_ACTION - 5000 };

static int
read_names(json_t *args, struct place *place, const char **snapshot, struct error *err)
{
	if (place_read(args, place, err) < 0 || service_args(args, err, "{s:s}", "snapshot", snapshot) < 0)
		return -1;
	return place_check_name("snapshot", *snapshot, err);
}

static json_t *
find_snapshot(const struct place *place, rbd_image_t image, const char *name, struct error *err)
{
	IMAGE_SNAPSHOTS_AUTO all = { 0 };
	size_t i;
	json_t *one;

	if (image_snapshots(image, &all, err) < 0)
		return NULL;
	json_array_foreach(all.listed, i, one)
		if (strcmp(json_string_value(json_object_get(one, "snapshot")), name) == 0)
			return json_incref(one);
	error_set(err, EAGAIN, "snapshot %s@%s went while it was made", place->path, name);
	return NULL;
}

/* A kill may have left it without its object map: it is listed, but cannot be opened, and so was never used. */
static bool
is_half(const struct place *place, const char *snapshot)
{
	IMAGE_AUTO image = NULL;

	return rbd_open_read_only(place->io, place->volume, &image, snapshot) == -ENOENT;
}

static int
take(rbd_image_t image, const char *snapshot)
{
	/* A guest's agent is asked by who wants more than what a power cut would leave. */
	return rbd_snap_create2(image, snapshot, RBD_SNAP_CREATE_SKIP_QUIESCE, image_ignore_progress, NULL);
}

static json_t *
create(const struct place *place, const char *snapshot, struct error *err)
{
	IMAGE_AUTO image = NULL;
	int rc;

	if (image_open(place, &image, err) < 0)
		return NULL;
	rc = take(image, snapshot);
	if (rc == -EEXIST && is_half(place, snapshot)) {
		rc = rbd_snap_remove2(image, snapshot, 0, image_ignore_progress, NULL);
		rc = rc == 0 || rc == -ENOENT ? take(image, snapshot) : rc;
	}
	if (rc < 0 && rc != -EEXIST) {
		cluster_error(err, rc, "cannot take snapshot %s@%s", place->path, snapshot);
		return NULL;
	}
	return find_snapshot(place, image, snapshot, err);
}

static json_t *
run_create(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	const char *snapshot;
	json_t *answer;

	if (read_names(call->args, &place, &snapshot, err) < 0 || place_lock(call, &place, NULL, err) < 0)
		return NULL;
	answer = create(&place, snapshot, err);
	place_unlock(&place, NULL);
	return answer;
}

static json_t *
run_delete(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	const char *snapshot;
	int rc;

	if (read_names(call->args, &place, &snapshot, err) < 0)
		return place_answer_gone(err);
	if (place_lock(call, &place, NULL, err) < 0)
		return NULL;
	rc = image_remove_snapshot(&place, snapshot, err);
	place_unlock(&place, NULL);
	return rc < 0 ? NULL : json_object();
}

const struct rbd_verb snapshot_verbs[] = {
	{ "snapshot-create", run_create, PATIENCE },
	{ "snapshot-delete", run_delete, PATIENCE },
	{ NULL, NULL, 0 },
};
