/*
 * Volumes that were begun, noted in the object "solovirt.unfinished" of the volume's pool and namespace: one key a volume,
 *
 *   VOLUME -> {"pool":P,"namespace":N,"from":V,"snapshot":S,"by":A,"since":T}
 *
 * snapshot: the temporary one on the source, "" for none; by: address of the worker; since: seconds since 1970, of its clock.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/base/clock.h"
#include "storage/rbd.h"

#define NOTES "solovirt.unfinished"

enum {
	LIST_MOST = 100000,
	DEAD_SECONDS = 600, /* after these a call of another worker is over: it has a deadline, and the worker ends past it */
};

static int
write_note(const struct place *place, const char *text, struct error *err)
{
	rados_write_op_t op = rados_create_write_op();
	const char *key = place->volume;
	size_t length = text != NULL ? strlen(text) : 0;
	int rc;

	if (text != NULL)
		rados_write_op_omap_set(op, &key, &text, &length, 1);
	else
		rados_write_op_omap_rm_keys(op, &key, 1);
	rc = rados_write_op_operate(op, place->io, NOTES, NULL, 0);
	rados_release_write_op(op);
	return rc == 0 || (rc == -ENOENT && text == NULL) ? 0 :
	    cluster_error(err, rc, "cannot note that volume %s is being made", place->path);
}

int
unfinished_begin(const struct place *place, const struct place *from, const char *snapshot, struct error *err)
{
	json_t *note = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "pool", from->pool, "namespace", from->namespace, "from", from->volume,
	    "snapshot", snapshot != NULL ? snapshot : "", "by", cluster_address(), "since", (json_int_t)(clock_wall_ms() / 1000));
	char *text = json_dumps(note, JSON_COMPACT);
	int rc = write_note(place, text, err);

	free(text);
	json_decref(note);
	return rc;
}

int
unfinished_end(const struct place *place, struct error *err)
{
	return write_note(place, NULL, err);
}

/* The note of a volume: 1 with a new reference, 0 none, -1. */
static int
read_note(const struct place *place, json_t **note, struct error *err)
{
	rados_read_op_t op = rados_create_read_op();
	rados_omap_iter_t iter = NULL;
	const char *key = place->volume;
	char *found = NULL, *value = NULL;
	size_t length = 0;
	int each = 0, rc;

	rados_read_op_omap_get_vals_by_keys(op, &key, 1, &iter, &each);
	rc = rados_read_op_operate(op, place->io, NOTES, 0);
	if (rc == 0 && each == 0)
		rados_omap_get_next(iter, &found, &value, &length);
	*note = found != NULL ? json_loadb(value, length, 0, NULL) : NULL;
	if (rc == 0)
		rados_omap_get_end(iter);
	rados_release_read_op(op);
	if (rc < 0 && rc != -ENOENT)
		return cluster_error(err, rc, "cannot read which volumes are being made");
	return *note != NULL;
}

static bool
has_word(const json_t *words, const char *word)
{
	size_t i;
	json_t *one;

	json_array_foreach(words, i, one)
		if (word != NULL && g_strcmp0(json_string_value(one), word) == 0)
			return true;
	return false;
}

/* Another daemon may use the pool, too. */
static bool
is_over(const char *text, size_t length, const json_t *dead)
{
	json_t *note = json_loadb(text, length, 0, NULL);
	const char *by = json_string_value(json_object_get(note, "by"));
	bool over = g_strcmp0(by, cluster_address()) == 0 || has_word(dead, by) ||
	    clock_wall_ms() / 1000 - json_integer_value(json_object_get(note, "since")) > DEAD_SECONDS;

	json_decref(note);
	return over;
}

GPtrArray *
unfinished_list(const struct place *pool, const json_t *dead, int *more, struct error *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	rados_read_op_t op = rados_create_read_op();
	rados_omap_iter_t iter = NULL;
	char *key = NULL, *value = NULL;
	unsigned char beyond = 0;
	size_t length = 0;
	int each = 0, rc;

	rados_read_op_omap_get_vals2(op, "", "", LIST_MOST, &iter, &beyond, &each);
	rc = rados_read_op_operate(op, pool->io, NOTES, 0);
	*more = 0;
	while (rc == 0 && rados_omap_get_next(iter, &key, &value, &length) == 0 && key != NULL) {
		if (is_over(value, length, dead))
			g_ptr_array_add(names, g_strdup(key));
		else
			++*more;
	}
	if (rc == 0)
		rados_omap_get_end(iter);
	rados_release_read_op(op);
	if (rc < 0 && rc != -ENOENT) {
		cluster_error(err, rc, "cannot read which volumes are being made");
		return NULL;
	}
	return g_steal_pointer(&names);
}

/* Removes the volume unless it is complete. */
static int
settle_volume(const struct place *place, struct error *err)
{
	struct error why = { 0 };
	bool complete = false;
	{
		IMAGE_AUTO image = NULL;
		if (image_open_to_read(place, &image, &why) == 0) {
			g_autoptr(GHashTable) words = image_words(image, err);
			if (words == NULL)
				return -1;
			complete = image_is_complete(image, words);
		} else if (why.code != ENOENT) {
			*err = why;
			return -1;
		}
	}
	return complete ? 0 : image_remove(place, err);
}

static int
settle_source(const json_t *note, struct error *err)
{
	PLACE_AUTO from = { 0 };
	const char *snapshot = json_string_value(json_object_get(note, "snapshot"));

	if (snapshot == NULL || *snapshot == '\0')
		return 0;
	if (place_open(json_string_value(json_object_get(note, "pool")), json_string_value(json_object_get(note, "namespace")),
	        json_string_value(json_object_get(note, "from")), &from, err) < 0)
		return err->code == ENOENT ? 0 : -1;
	/* Another clone that is made from it removes it. */
	return temporary_is_used(&from, snapshot) ? 0 : image_remove_snapshot(&from, snapshot, err);
}

int
unfinished_settle(const struct place *place, struct error *err)
{
	json_t *note = NULL;
	int rc = read_note(place, &note, err);

	if (rc > 0) {
		rc = settle_volume(place, err) < 0 || settle_source(note, err) < 0 ? -1 : unfinished_end(place, err);
		json_decref(note);
	}
	return rc < 0 ? -1 : 0;
}
