/* Pools, names, and the order of our own calls; see rbd.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "storage/rbd.h"

enum { NAME_MOST = 250 };

void
place_clear(struct place *place)
{
	if (place->io != NULL)
		rados_ioctx_destroy(place->io);
	g_free(place->pool);
	g_free(place->namespace);
	g_free(place->volume);
	g_free(place->path);
	memset(place, 0, sizeof(*place));
}

int
place_check_name(const char *noun, const char *name, struct error *err)
{
	if (*name == '\0' || *name == '.' || strpbrk(name, "/@") != NULL || strlen(name) > NAME_MOST)
		return error_set(err, EINVAL, "\"%s\" is no name for a %s: at most %d bytes without \"/\" and \"@\" and no leading dot", name, noun,
		    NAME_MOST);
	return 0;
}

static int
use_namespace(struct place *place, struct error *err)
{
	bool there = false;
	int rc = rbd_namespace_exists(place->io, place->namespace, &there);

	if (rc < 0)
		return cluster_error(err, rc, "cannot look for namespace %s of pool %s", place->namespace, place->pool);
	if (!there)
		return error_set(err, ENOENT, "pool %s has no namespace %s: make it with \"rbd namespace create\"", place->pool, place->namespace);
	rados_ioctx_set_namespace(place->io, place->namespace);
	return 0;
}

int
place_open(const char *pool, const char *namespace, const char *volume, struct place *place, struct error *err)
{
	PLACE_AUTO made = { 0 };
	rados_t cluster = cluster_get(err);
	int rc;

	if (cluster == NULL || (volume != NULL && place_check_name("volume", volume, err) < 0))
		return -1;
	made.pool = g_strdup(pool);
	made.namespace = g_strdup(namespace != NULL ? namespace : "");
	made.volume = g_strdup(volume);
	made.path = g_strconcat(pool, *made.namespace != '\0' ? "/" : "", made.namespace, volume != NULL ? "/" : "", volume, NULL);
	rc = rados_ioctx_create(cluster, pool, &made.io);
	if (rc == -ENOENT)
		return error_set(err, ENOENT, "the cluster has no pool %s: make it with \"ceph osd pool create\" and \"rbd pool init\"", pool);
	if (rc < 0)
		return cluster_error(err, rc, "cannot open pool %s", pool);
	/* A full pool is an error, not something to wait for; what makes room in it goes on. */
	rados_set_pool_full_try(made.io);
	if (*made.namespace != '\0' && use_namespace(&made, err) < 0)
		return -1;
	*place = made;
	memset(&made, 0, sizeof(made));
	return 0;
}

int
place_read_pool(json_t *args, struct place *place, struct error *err)
{
	const char *pool, *namespace = NULL;

	if (service_args(args, err, "{s:s,s?:s}", "pool", &pool, "namespace", &namespace) < 0)
		return -1;
	return place_open(pool, namespace, NULL, place, err);
}

json_t *
place_answer_gone(struct error *err)
{
	if (err->code != ENOENT)
		return NULL;
	*err = (struct error){ 0 };
	return json_object();
}

int
place_read(json_t *args, struct place *place, struct error *err)
{
	const char *pool, *namespace = NULL, *volume;

	if (service_args(args, err, "{s:s,s?:s,s:s}", "pool", &pool, "namespace", &namespace, "volume", &volume) < 0)
		return -1;
	return place_open(pool, namespace, volume, place, err);
}

/* By the object that leads from its name to its id. */
bool
place_is_taken(const struct place *place)
{
	g_autofree char *object = g_strconcat("rbd_id.", place->volume, NULL);
	uint64_t size;
	time_t when;

	return rados_stat(place->io, object, &size, &when) != -ENOENT;
}

/* --- order ------------------------------------------------------------------------------------------------------------ */

enum { ALONE = -1 };

static GMutex lock; /* around holders */
static GCond freed;
static GHashTable *holders; /* path -> ALONE, or how many share it */
static GHashTable *waiters; /* path -> how many wait for it */

static int
count(GHashTable *table, const char *path)
{
	return table == NULL ? 0 : GPOINTER_TO_INT(g_hash_table_lookup(table, path));
}

static void
set_count(GHashTable **table, const char *path, int value)
{
	if (*table == NULL)
		*table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (value == 0)
		g_hash_table_remove(*table, path);
	else
		g_hash_table_insert(*table, g_strdup(path), GINT_TO_POINTER(value));
}

static int
held(const char *path)
{
	return count(holders, path);
}

static void
hold(const char *path, int how)
{
	set_count(&holders, path, how);
}

static void
wait_for(const struct place *place, int change)
{
	if (place != NULL)
		set_count(&waiters, place->path, count(waiters, place->path) + change);
}

/* Both or none: two calls that clone each other's volume must not wait for each other. */
static bool
take(const struct place *volume, const struct place *from)
{
	if (held(volume->path) != 0 || (from != NULL && (held(from->path) == ALONE || strcmp(from->path, volume->path) == 0)))
		return false;
	hold(volume->path, ALONE);
	if (from != NULL)
		hold(from->path, held(from->path) + 1);
	return true;
}

int
place_lock(const struct service_call *call, const struct place *volume, const struct place *from, struct error *err)
{
	int rc = 0;

	if (from != NULL && strcmp(from->path, volume->path) == 0)
		return error_set(err, EINVAL, "volume %s cannot be its own source", volume->path);
	g_mutex_lock(&lock);
	while (!take(volume, from)) {
		wait_for(volume, 1);
		wait_for(from, 1);
		g_cond_wait(&freed, &lock);
		wait_for(volume, -1);
		wait_for(from, -1);
	}
	if (service_is_late(call))
		rc = error_set(err, ETIMEDOUT, "another call had volume %s for too long", volume->path);
	g_mutex_unlock(&lock);
	if (rc < 0)
		place_unlock(volume, from);
	return rc;
}

bool
place_try_lock(const struct place *volume)
{
	bool taken;

	g_mutex_lock(&lock);
	taken = take(volume, NULL);
	g_mutex_unlock(&lock);
	return taken;
}

bool
place_is_awaited(const struct place *volume)
{
	bool awaited;

	g_mutex_lock(&lock);
	awaited = count(waiters, volume->path) > 0;
	g_mutex_unlock(&lock);
	return awaited;
}

void
place_unlock(const struct place *volume, const struct place *from)
{
	g_mutex_lock(&lock);
	hold(volume->path, 0);
	if (from != NULL)
		hold(from->path, held(from->path) - 1);
	g_cond_broadcast(&freed);
	g_mutex_unlock(&lock);
}
