/* Volumes of their own: list, make, tell, resize, delete. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/base/nbd_server.h"
#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum { QUERY_PATIENCE = VOLUME_DEADLINE_QUERY - 3000, ACTION_PATIENCE = VOLUME_DEADLINE_ACTION - 5000 };

/* --- list ------------------------------------------------------------------------------------------------------------- */

/* Names and places: a size would cost an open each. */
static json_t *
describe_names(const struct place *pool, const rbd_image_spec_t *images, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		g_autofree char *path = g_strconcat(pool->path, "/", images[i].name, NULL);
		json_t *volume = json_pack("{s:s,s:s,s:s}", "volume", images[i].name, "path", path, "format", "raw");
		if (volume != NULL) /* a name that is no UTF-8 is none of ours */
			json_array_append_new(list, volume);
	}
	return json_pack("{s:o}", "volumes", list);
}

static json_t *
run_list(struct service_call *call, struct error *err)
{
	PLACE_AUTO pool = { 0 };
	g_autofree rbd_image_spec_t *images = NULL;
	size_t count = 1024;
	json_t *answer;
	int rc;

	if (place_read_pool(call->args, &pool, err) < 0)
		return NULL;
	do {
		g_free(images);
		images = g_new0(rbd_image_spec_t, count);
		rc = rbd_list2(pool.io, images, &count); /* with ERANGE count is how many there are */
	} while (rc == -ERANGE);
	if (rc < 0) {
		cluster_error(err, rc, "cannot list the volumes of %s", pool.path);
		return NULL;
	}
	answer = describe_names(&pool, images, count);
	rbd_image_spec_list_cleanup(images, count);
	return answer;
}

/* --- create ------------------------------------------------------------------------------------------------------------ */

struct wish {
	json_int_t capacity;
	const char *passphrase;  /* in base64, or NULL: it is not encrypted */
	json_t *owner, *options; /* may be NULL */
};

static int
wish_read(json_t *args, struct wish *wish, struct error *err)
{
	const char *format = "raw";
	int preallocate = 0;

	if (service_args(args, err, "{s:I,s?:s,s?:b,s?:s,s?:o,s?:o}", "capacity", &wish->capacity, "format", &format, "preallocate", &preallocate,
	        "passphrase", &wish->passphrase, "owner", &wish->owner, "options", &wish->options) < 0)
		return -1;
	if (wish->capacity <= 0)
		return error_set(err, EINVAL, "a volume must have a size");
	if (strcmp(format, "raw") != 0)
		return error_set(err, EOPNOTSUPP, "volumes of Ceph are raw, not %s", format);
	return preallocate ? error_set(err, EOPNOTSUPP, "volumes of Ceph cannot be preallocated: their pool is shared by all of them") : 0;
}

/* One that is there will do when it is as large, or has grown since.  One without marks is somebody's. */
static json_t *
accept_volume(const struct place *place, const struct wish *wish, struct error *err)
{
	IMAGE_AUTO image = NULL;
	g_autoptr(GHashTable) words = NULL;
	json_t *volume;
	json_int_t capacity;
	int64_t header;

	if (image_open(place, &image, err) < 0 || (header = encryption_header(image, err)) < 0)
		return NULL;
	if ((header > 0) != (wish->passphrase != NULL)) {
		error_set(err, EEXIST, "volume %s is already there, and is %sencrypted", place->path, header > 0 ? "" : "not ");
		return NULL;
	}
	words = image_words(image, err);
	volume = words != NULL ? image_describe(place, image, err) : NULL;
	if (volume == NULL)
		return NULL;
	capacity = json_integer_value(json_object_get(volume, "capacity"));
	if (capacity >= wish->capacity && (image_is_complete(image, words) || image_dress(image, NULL, wish->owner, err) == 0))
		return volume;
	json_decref(volume);
	if (capacity < wish->capacity)
		error_set(err, EEXIST, "volume %s is already there, with %" PRId64 " bytes", place->path, (int64_t)capacity);
	return NULL;
}

/* EEXIST is returned as it is.  A name that is free is noted first; what has one may be somebody's. */
static int
make(const struct place *place, const struct wish *wish, struct error *err)
{
	rbd_image_options_t options;
	int rc;

	if (image_options(wish->options, &options, err) < 0)
		return -EINVAL;
	if (!place_is_taken(place) && unfinished_begin(place, place, NULL, err) < 0) {
		rbd_image_options_destroy(options);
		return -EIO;
	}
	rc = rbd_create4(place->io, place->volume, wish->passphrase == NULL ? (uint64_t)wish->capacity : encryption_size_first((uint64_t)wish->capacity),
	    options);
	rbd_image_options_destroy(options);
	if (rc < 0 && rc != -EEXIST)
		cluster_error(err, rc, "cannot create volume %s", place->path);
	if (rc == 0 && wish->passphrase != NULL && encryption_make(place, wish->passphrase, (uint64_t)wish->capacity, err) < 0)
		return -EIO;
	return rc;
}

static json_t *
make_noted(const struct place *place, const struct wish *wish, struct error *err)
{
	json_t *volume;
	int rc;

	rc = make(place, wish, err);
	if (rc < 0 && rc != -EEXIST)
		return NULL;
	volume = accept_volume(place, wish, err);
	/* A name without a header: what a kill left of an earlier one. */
	if (volume == NULL && rc == -EEXIST && err->code == ENOENT && image_remove(place, err) == 0 && make(place, wish, err) == 0)
		volume = accept_volume(place, wish, err);
	return volume;
}

static json_t *
create(const struct place *place, const struct wish *wish, struct error *err)
{
	struct error ignored = { 0 };
	json_t *volume;

	if (unfinished_settle(place, err) < 0)
		return NULL;
	volume = make_noted(place, wish, err);
	if (volume == NULL) {
		unfinished_settle(place, &ignored);
	} else if (unfinished_end(place, err) < 0) {
		json_decref(volume);
		volume = NULL;
	}
	return volume;
}

static json_t *
run_create(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	struct wish wish = { 0 };
	json_t *volume;

	if (place_read(call->args, &place, err) < 0 || wish_read(call->args, &wish, err) < 0 || place_lock(call, &place, NULL, err) < 0)
		return NULL;
	volume = create(&place, &wish, err);
	place_unlock(&place, NULL);
	return volume;
}

/* --- the rest ----------------------------------------------------------------------------------------------------------- */

static json_t *
run_info(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	IMAGE_AUTO image = NULL;

	if (place_read(call->args, &place, err) < 0 || image_open_to_read(&place, &image, err) < 0)
		return NULL;
	return image_describe_all(&place, image, err);
}

static int
check_unused(const struct place *place, rbd_image_t image, struct error *err)
{
	json_t *users = image_users_still(place, image, err);
	bool used = json_array_size(users) > 0;
	int rc = users == NULL ? -1 : 0;

	if (used)
		rc = error_set(err, EBUSY, "volume %s is open by %s: what uses it must end before it shrinks", place->path,
		    json_string_value(json_array_get(users, 0)));
	json_decref(users);
	return rc;
}

static json_t *
resize(const struct place *place, json_int_t capacity, bool shrink, struct error *err)
{
	IMAGE_AUTO image = NULL;
	uint64_t size = 0;

	if (image_open(place, &image, err) < 0 || image_capacity(image, &size, err) < 0)
		return NULL;
	if ((uint64_t)capacity < size && shrink && check_unused(place, image, err) < 0)
		return NULL;
	if (((uint64_t)capacity > size || ((uint64_t)capacity < size && shrink)) &&
	    image_resize(image, place->path, (uint64_t)capacity, shrink, err) < 0)
		return NULL;
	return image_describe(place, image, err);
}

static json_t *
run_resize(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	json_int_t capacity;
	json_t *volume;
	int shrink = 0;

	if (place_read(call->args, &place, err) < 0 ||
	    service_args(call->args, err, "{s:I,s?:b}", "capacity", &capacity, "shrink", &shrink) < 0)
		return NULL;
	if (capacity <= 0) {
		error_set(err, EINVAL, "volume %s must have a size", place.path);
		return NULL;
	}
	if (place_lock(call, &place, NULL, err) < 0)
		return NULL;
	volume = resize(&place, capacity, shrink, err);
	place_unlock(&place, NULL);
	return volume;
}

static json_t *
run_delete(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	int rc;

	if (place_read(call->args, &place, err) < 0)
		return place_answer_gone(err);
	if (place_lock(call, &place, NULL, err) < 0)
		return NULL;
	rc = nbd_export_check(place.path, err) < 0 || unfinished_settle(&place, err) < 0 ? -1 : image_remove(&place, err);
	place_unlock(&place, NULL);
	return rc < 0 ? NULL : json_object();
}

const struct rbd_verb volume_verbs[] = {
	{ "volume-list", run_list, QUERY_PATIENCE },
	{ "volume-create", run_create, ACTION_PATIENCE },
	{ "volume-info", run_info, QUERY_PATIENCE },
	{ "volume-resize", run_resize, ACTION_PATIENCE },
	{ "volume-delete", run_delete, ACTION_PATIENCE },
	{ NULL, NULL, 0 },
};
