/*
 * Clones that are made independent of what they were cloned from.
 *
 *   call ── thread ── librbd: its own work, or that of the client that has the image's lock, such as a guest's QEMU
 *     └── waits for its end, or gives way: somebody waits for the volume, or nobody for the call
 *
 * librbd ends its own work when it is told to, and the next call goes on where that was.  Another client cannot be told: it goes on,
 * while whoever waited has the volume, as librbd allows; the thread stays with it, and the next call takes that over.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "src/base/clock.h"
#include "storage/rbd.h"
#include "storage/volume_verbs.h"

enum {
	PATIENCE = VOLUME_DEADLINE_ACTION - 5000, /* without progress */
	GRACE_MS = 2000,                          /* in which librbd comes to an end of its own work */
};

struct flattening {
	struct place place;
	rbd_image_t image;
	int64_t object;            /* bytes */
	struct service_call *call; /* that waits for it, or NULL */
	int64_t gave_way;          /* when it was told to end, of clock_monotonic_ms(); 0: it was not */
	bool over;
	int rc;                    /* of over */
};

static GMutex lock; /* around all */
static GCond changed;
static GPtrArray *all; /* struct flattening */

static void
flattening_free(struct flattening *f)
{
	image_close(&f->image);
	place_clear(&f->place);
	g_free(f);
}

/* --- the thread ----------------------------------------------------------------------------------------------------------- */

static int
on_progress(uint64_t done, uint64_t total, void *arg)
{
	struct flattening *f = arg;
	int rc;

	g_mutex_lock(&lock);
	if (f->call != NULL)
		service_progress(f->call, f->place.volume, (int64_t)done * f->object, (int64_t)total * f->object);
	if (f->call != NULL && f->gave_way == 0 && (place_is_awaited(&f->place) || service_is_late(f->call))) {
		f->gave_way = clock_monotonic_ms();
		g_cond_broadcast(&changed);
	}
	rc = f->gave_way != 0 ? -ECANCELED : 0;
	g_mutex_unlock(&lock);
	return rc;
}

static void *
run(void *arg)
{
	struct flattening *f = arg;
	int rc = rbd_flatten_with_progress(f->image, on_progress, f);
	bool alone;

	g_mutex_lock(&lock);
	f->rc = rc;
	f->over = true;
	g_ptr_array_remove_fast(all, f);
	alone = f->call == NULL;
	g_cond_broadcast(&changed);
	g_mutex_unlock(&lock);
	if (alone)
		flattening_free(f);
	return NULL;
}

/* --- a call ------------------------------------------------------------------------------------------------------------------ */

/* One that an earlier call gave up, for this one. */
static struct flattening *
take_over(struct service_call *call, const char *path)
{
	struct flattening *found = NULL;

	g_mutex_lock(&lock);
	for (guint i = 0; all != NULL && i < all->len && found == NULL; i++) {
		struct flattening *one = all->pdata[i];
		if (strcmp(one->place.path, path) == 0)
			found = one;
	}
	if (found != NULL) {
		found->call = call;
		found->gave_way = 0;
	}
	g_mutex_unlock(&lock);
	return found;
}

static struct flattening *
start(struct service_call *call, struct flattening *f)
{
	pthread_t thread;

	g_mutex_lock(&lock);
	if (all == NULL)
		all = g_ptr_array_new();
	f->call = call;
	g_ptr_array_add(all, f);
	g_mutex_unlock(&lock);
	if (pthread_create(&thread, NULL, run, f) != 0)
		service_die("cannot start a thread");
	pthread_detach(thread);
	return f;
}

/* True when it is over; else it is the thread's again. */
static bool
await(struct flattening *f)
{
	bool over;

	g_mutex_lock(&lock);
	while (!f->over && (f->gave_way == 0 || clock_monotonic_ms() < f->gave_way + GRACE_MS)) {
		if (f->gave_way == 0)
			g_cond_wait(&changed, &lock);
		else
			g_cond_wait_until(&changed, &lock, (f->gave_way + GRACE_MS) * 1000);
	}
	over = f->over;
	if (!over)
		f->call = NULL;
	g_mutex_unlock(&lock);
	return over;
}

/* Opened; *depth tells whether there is something to do.  NULL with err. */
static struct flattening *
prepare(struct service_call *call, int *depth, struct error *err)
{
	struct flattening *f = g_new0(struct flattening, 1);
	rbd_image_info_t info = { 0 };
	int rc = place_read(call->args, &f->place, err) < 0 || image_open(&f->place, &f->image, err) < 0 ||
	    (*depth = image_depth(f->image, NULL, err)) < 0 ? -1 : 0;

	if (rc == 0 && (rc = rbd_stat(f->image, &info, sizeof(info))) < 0)
		cluster_error(err, rc, "cannot read volume %s", f->place.path);
	if (rc < 0) {
		flattening_free(f);
		return NULL;
	}
	f->object = (int64_t)info.obj_size;
	return f;
}

static void
gave_way(const struct place *place, struct error *err)
{
	error_set(err, EBUSY, "volume %s was wanted for something else: what is left of it is made independent later", place->path);
}

static json_t *
describe(struct flattening *f, struct error *err)
{
	int depth = image_depth(f->image, NULL, err);

	/* Another client may have done it meanwhile: then there was no parent any more. */
	if (f->rc == 0 || depth == 0)
		return image_describe_clone(&f->place, f->image, depth, err);
	if (f->rc == -ECANCELED)
		gave_way(&f->place, err);
	else
		cluster_error(err, f->rc, "cannot make volume %s independent", f->place.path);
	return NULL;
}

static json_t *
flatten(struct service_call *call, const struct place *place, struct error *err)
{
	struct flattening *f = take_over(call, place->path);
	int depth = 1;
	json_t *volume;

	if (f == NULL) {
		f = prepare(call, &depth, err);
		if (f == NULL)
			return NULL;
		if (depth > 0)
			start(call, f);
	}
	if (depth > 0 && !await(f)) {
		gave_way(place, err);
		return NULL;
	}
	volume = describe(f, err);
	flattening_free(f);
	return volume;
}

static json_t *
run_flatten(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	json_t *volume;

	if (place_read(call->args, &place, err) < 0 || place_lock(call, &place, NULL, err) < 0)
		return NULL;
	volume = flatten(call, &place, err);
	place_unlock(&place, NULL);
	return volume;
}

const struct rbd_verb flatten_verbs[] = {
	{ "volume-flatten", run_flatten, PATIENCE },
	{ NULL, NULL, 0 },
};
