/*
 * Temporary snapshots, which clones of a volume are made from; see rbd.h.
 *
 *   GATHERING: clones join --(the source is free)--> TAKING --> TAKEN or FAILED --(the last one leaves)--> SPENT --(it is free)--> LEAVING --> gone
 *
 * To take and to remove one needs the source's exclusive lock.  Several handles of one image hand that to each other a second
 * each, so there is one at a time.  Its id comes from the monitors, which give out one a second.  So clones share one, which
 * was begun after each of them was asked for: those that wait while it gathers, and later ones as long as somebody uses it.
 */
#include "config.h"

#include <string.h>

#include "src/base/clock.h"
#include "storage/rbd.h"

/* In the order in which it is gone through; of those that may be joined the later is the better. */
enum temporary_state { GATHERING, TAKING, TAKEN, FAILED, SPENT, LEAVING };

struct temporary {
	char *path, *name; /* of the source, of the snapshot */
	enum temporary_state state;
	unsigned users;
	int64_t began;    /* when the snapshot was begun, of clock_monotonic_ms() */
	struct image_base base; /* of TAKEN: the source */
	struct error err; /* of FAILED */
};

static GMutex lock; /* around all */
static GCond changed;
static GPtrArray *all; /* struct temporary */

static struct temporary *
find(const char *path, const char *name)
{
	for (guint i = 0; all != NULL && i < all->len; i++) {
		struct temporary *one = all->pdata[i];
		if (strcmp(one->path, path) == 0 && strcmp(one->name, name) == 0)
			return one;
	}
	return NULL;
}

/* It will hold all that the source held when the clone was asked for. */
static bool
may_be_joined(const struct temporary *one, int64_t asked)
{
	return one->state == GATHERING || ((one->state == TAKING || one->state == TAKEN) && one->began > asked);
}

static struct temporary *
find_to_join(const char *path, int64_t asked)
{
	struct temporary *best = NULL;

	for (guint i = 0; i < all->len; i++) {
		struct temporary *one = all->pdata[i];
		if (strcmp(one->path, path) == 0 && may_be_joined(one, asked) && (best == NULL || one->state > best->state))
			best = one;
	}
	return best;
}

static bool
is_busy(const char *path)
{
	for (guint i = 0; i < all->len; i++) {
		const struct temporary *one = all->pdata[i];
		if (strcmp(one->path, path) == 0 && (one->state == TAKING || one->state == LEAVING))
			return true;
	}
	return false;
}

/* The snapshot of an earlier attempt at the same clone may live on, as others use it. */
static char *
free_name(const char *path, const char *volume)
{
	char *name = g_strconcat(IMAGE_TEMPORARY, volume, NULL);

	while (find(path, name) != NULL) {
		char *longer = g_strconcat(name, "+", NULL);
		g_free(name);
		name = longer;
	}
	return name;
}

struct temporary *
temporary_join(const struct place *from, const char *volume, int64_t asked)
{
	struct temporary *found;

	g_mutex_lock(&lock);
	if (all == NULL)
		all = g_ptr_array_new();
	found = find_to_join(from->path, asked);
	if (found == NULL) {
		found = g_new0(struct temporary, 1);
		found->path = g_strdup(from->path);
		found->name = free_name(from->path, volume);
		g_ptr_array_add(all, found);
	}
	found->users++;
	g_mutex_unlock(&lock);
	return found;
}

const char *
temporary_name(const struct temporary *temporary)
{
	return temporary->name;
}

static int
take_snapshot(const struct place *from, const char *name, struct image_base *base, struct error *err)
{
	IMAGE_AUTO source = NULL;
	int rc;

	if (image_open(from, &source, err) < 0 || image_base(source, from->path, base, err) < 0)
		return -1;
	/* As a power cut would leave it: to quiesce is for who asks for the clone. */
	rc = rbd_snap_create2(source, name, RBD_SNAP_CREATE_SKIP_QUIESCE, image_ignore_progress, NULL);
	return rc == 0 ? image_capacity(source, &base->capacity, err) : cluster_error(err, rc, "cannot take a snapshot of %s", from->path);
}

int
temporary_take(struct temporary *temporary, const struct place *from, struct image_base *base, struct error *err)
{
	int rc;

	g_mutex_lock(&lock);
	while (temporary->state == TAKING || (temporary->state == GATHERING && is_busy(temporary->path)))
		g_cond_wait(&changed, &lock);
	if (temporary->state == GATHERING) {
		temporary->state = TAKING;
		temporary->began = clock_monotonic_ms();
		g_mutex_unlock(&lock);
		rc = take_snapshot(from, temporary->name, &temporary->base, &temporary->err);
		g_mutex_lock(&lock);
		temporary->state = rc == 0 ? TAKEN : FAILED;
		g_cond_broadcast(&changed);
	}
	rc = temporary->state == TAKEN ? 0 : -1;
	if (rc < 0)
		*err = temporary->err;
	else
		*base = temporary->base;
	g_mutex_unlock(&lock);
	return rc;
}

int
temporary_leave(struct temporary *temporary, const struct place *from, struct error *err)
{
	int rc = 0;

	g_mutex_lock(&lock);
	if (--temporary->users > 0) {
		g_mutex_unlock(&lock);
		return 0;
	}
	if (temporary->state != GATHERING) {
		temporary->state = SPENT; /* nobody joins it while the lock is away */
		while (is_busy(temporary->path))
			g_cond_wait(&changed, &lock);
		temporary->state = LEAVING;
		g_mutex_unlock(&lock);
		rc = image_remove_snapshot(from, temporary->name, err);
		g_mutex_lock(&lock);
	}
	g_ptr_array_remove_fast(all, temporary);
	g_cond_broadcast(&changed);
	g_mutex_unlock(&lock);
	g_free(temporary->path);
	g_free(temporary->name);
	g_free(temporary);
	return rc;
}

bool
temporary_is_used(const struct place *from, const char *name)
{
	bool used;

	g_mutex_lock(&lock);
	used = find(from->path, name) != NULL;
	g_mutex_unlock(&lock);
	return used;
}
