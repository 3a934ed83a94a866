/* Volumes and their drivers; see volume.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/cluster.h"
#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/local_place.h"
#include "daemon/objects.h"
#include "daemon/store.h"
#include "daemon/volume.h"
#include "src/api/core.h"
#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

/* --- local: pools of libvirt, each on its host ---------------------------------------------------------------------- */

static int
local_choose(struct daemon *daemon, const struct object *claim, const struct storage_class *class, const struct volume_place *near,
    json_t *annotations, struct error *err)
{
	const char *format = schema_map_get(&class->parameters, "format");
	const struct host *host;

	if (format != NULL && strcmp(format, "raw") != 0)
		return error_set(err, EINVAL, "the StorageClass asks for a format other than raw, which is not supported");
	host = local_place(daemon, claim, near != NULL ? near->keeper : NULL, err);
	if (host == NULL)
		return -1;
	json_object_set_new(annotations, VOLUME_NODE, json_string(host->name));
	return 0;
}

static json_t *
local_options(const struct storage_class *class)
{
	(void)class;
	return NULL;
}

static struct calls *
local_calls(struct daemon *daemon, const char *keeper, struct error *err)
{
	struct host *host = host_find(daemon, keeper);

	if (host != NULL && host->state == HOST_READY)
		return host->calls;
	error_set(err, EHOSTDOWN, host == NULL ? "host %s is not configured any more" : "host %s is not ready", keeper);
	return NULL;
}

static void
local_where(struct daemon *daemon, const struct volume_place *place, json_t *args)
{
	json_object_set_new(args, "pool", json_string(daemon->config->pool->name));
	if (place->format != NULL && json_object_get(args, "format") == NULL)
		json_object_set_new(args, "format", json_string(place->format));
}

static bool
local_is_file(struct daemon *daemon, const char *keeper)
{
	const struct host *host = host_find(daemon, keeper);

	return host != NULL && host->local;
}

/* libvirt can make nothing durable: what it wrote outlives its process, but no power cut, which ends our connection, too. */
static int64_t
local_session(struct daemon *daemon, const char *keeper)
{
	const struct host *host = host_find(daemon, keeper);

	return host == NULL || host->local ? 0 : host->session;
}

/* --- rbd: pools of Ceph clusters ------------------------------------------------------------------------------------- */

static char *
rbd_pool(const struct config_ceph *config, const char *pool)
{
	return config->rados_namespace == NULL ? g_strdup(pool) : g_strconcat(pool, "/", config->rados_namespace, NULL);
}

static int
rbd_choose(struct daemon *daemon, const struct object *claim, const struct storage_class *class, const struct volume_place *near,
    json_t *annotations, struct error *err)
{
	const char *id = schema_map_get(&class->parameters, "clusterID"), *pool = schema_map_get(&class->parameters, "pool");
	const char *prefix = schema_map_get(&class->parameters, "volumeNamePrefix");
	const struct config_ceph *config = cluster_config(daemon, id);
	const struct cluster *cluster = cluster_get(daemon, id, err);

	if (cluster == NULL)
		return -1;
	if (pool == NULL)
		return error_set(err, EINVAL, "the StorageClass has no parameters.pool");
	if (near != NULL && strcmp(near->keeper, id) != 0)
		return error_set(err, EINVAL, "the source is in Ceph cluster %s, not in %s", near->keeper, id);
	if (!cluster->ready)
		return error_set(err, EAGAIN, "Ceph cluster %s is not ready: %s", id, cluster->problem);
	g_autofree char *name = g_strconcat(prefix == NULL ? "csi-vol-" : prefix, claim->uid, NULL);
	g_autofree char *where = rbd_pool(config, pool);
	json_object_set_new(annotations, VOLUME_CLUSTER, json_string(id));
	json_object_set_new(annotations, VOLUME_POOL, json_string(where));
	json_object_set_new(annotations, VOLUME_NAME, json_string(name));
	g_autofree char *encryption = volume_encryption(class);
	if (encryption != NULL)
		json_object_set_new(annotations, VOLUME_ENCRYPTION, json_string(encryption));
	return 0;
}

/* ceph-csi's words for what librbd can be told. */
static json_t *
rbd_options(const struct storage_class *class)
{
	static const char *const numbers[] = { "objectSize", "stripeUnit", "stripeCount" };
	const char *pool = schema_map_get(&class->parameters, "dataPool"), *features = schema_map_get(&class->parameters, "imageFeatures");
	json_t *options = json_object();

	if (pool != NULL)
		json_object_set_new(options, "dataPool", json_string(pool));
	if (features != NULL) {
		g_auto(GStrv) words = g_strsplit(features, ",", 32);
		json_t *list = json_array();
		for (char **w = words; *w != NULL; w++)
			json_array_append_new(list, json_string(g_strstrip(*w)));
		json_object_set_new(options, "features", list);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		const char *text = schema_map_get(&class->parameters, numbers[i]);
		if (text != NULL)
			json_object_set_new(options, numbers[i], json_integer(g_ascii_strtoll(text, NULL, 10)));
	}
	return options;
}

static struct calls *
rbd_calls(struct daemon *daemon, const char *keeper, struct error *err)
{
	struct cluster *cluster = cluster_get(daemon, keeper, err);

	if (cluster == NULL || cluster->ready)
		return cluster == NULL ? NULL : cluster->calls;
	error_set(err, EHOSTDOWN, "Ceph cluster %s is not ready: %s", keeper, cluster->problem);
	return NULL;
}

/* POOL or POOL/NAMESPACE. */
static void
add_pool(json_t *args, const char *pool, const char *pool_key, const char *namespace_key)
{
	const char *slash = strchr(pool, '/');

	json_object_set_new(args, pool_key, slash == NULL ? json_string(pool) : json_stringn(pool, (size_t)(slash - pool)));
	if (slash != NULL)
		json_object_set_new(args, namespace_key, json_string(slash + 1));
}

static void
rbd_where(struct daemon *daemon, const struct volume_place *place, json_t *args)
{
	(void)daemon;
	add_pool(args, place->pool == NULL ? "" : place->pool, "pool", "namespace");
}

static bool
rbd_is_file(struct daemon *daemon, const char *keeper)
{
	(void)daemon;
	(void)keeper;
	return false;
}

static int64_t
rbd_session(struct daemon *daemon, const char *keeper)
{
	(void)daemon;
	(void)keeper;
	return 0;
}

/* --- the table ------------------------------------------------------------------------------------------------------- */

static const struct volume_driver drivers[] = {
	{ .name = "local", .provisioner = "local.solovirt.io", .keeper = VOLUME_NODE, .choose = local_choose, .options = local_options,
	    .calls = local_calls, .where = local_where, .is_file = local_is_file, .session = local_session },
	{ .name = "rbd", .provisioner = "rbd.csi.ceph.com", .keeper = VOLUME_CLUSTER, .shared = true, .clones_in_use = true,
	    .choose = rbd_choose, .options = rbd_options, .calls = rbd_calls, .where = rbd_where, .is_file = rbd_is_file,
	    .session = rbd_session },
};

const struct volume_driver *
volume_driver_of(const char *provisioner, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
		g_autofree char *suffix = g_strconcat(".", drivers[i].provisioner, NULL);
		if (strcmp(provisioner, drivers[i].provisioner) == 0 || g_str_has_suffix(provisioner, suffix))
			return &drivers[i];
	}
	error_set(err, EINVAL, "provisioner \"%s\" is not known: %s and %s are", provisioner, drivers[0].provisioner, drivers[1].provisioner);
	return NULL;
}

bool
volume_can_clone(const struct storage_class *class, const struct volume_place *from)
{
	const struct volume_driver *driver = volume_driver_of(class->provisioner, NULL);
	g_autofree char *encryption = volume_encryption(class);

	return driver == from->driver && driver != NULL && g_strcmp0(encryption, from->encryption) == 0 &&
	    (!driver->shared || g_strcmp0(from->keeper, schema_map_get(&class->parameters, "clusterID")) == 0);
}

/* --- places ---------------------------------------------------------------------------------------------------------- */

/* Others were written down when they came from what is in a file. */
static const char *
known_format(const char *format)
{
	return g_strcmp0(format, "qcow2") == 0 ? "qcow2" : "raw";
}

struct volume_place
volume_place(const struct claim *claim)
{
	const struct schema_map *a = &claim->head.meta->annotations;
	const char *name = schema_map_get(a, VOLUME_NAME), *format = schema_map_get(a, VOLUME_FORMAT);
	const char *given = name != NULL ? name : schema_map_get(a, VOLUME_PATH) != NULL ? claim->spec->volume_name : NULL;
	struct volume_place place = { .pool = schema_map_get(a, VOLUME_POOL), .path = schema_map_get(a, VOLUME_PATH),
		.format = known_format(format), .backing = schema_map_get(a, VOLUME_BACKING), .encryption = schema_map_get(a, VOLUME_ENCRYPTION) };

	for (size_t i = 0; i < G_N_ELEMENTS(drivers) && place.driver == NULL; i++)
		if ((place.keeper = schema_map_get(a, drivers[i].keeper)) != NULL)
			place.driver = &drivers[i];
	g_snprintf(place.name, sizeof(place.name), "%s%s", given == NULL ? "pvc-" : given, given == NULL ? claim->head.meta->uid : "");
	return place;
}

bool
volume_pool(struct daemon *daemon, const struct storage_class *class, struct volume_place *place)
{
	const char *id = schema_map_get(&class->parameters, "clusterID"), *pool = schema_map_get(&class->parameters, "pool");
	const struct volume_driver *driver = volume_driver_of(class->provisioner, NULL);
	const struct config_ceph *config = cluster_config(daemon, id);

	*place = (struct volume_place){ .driver = driver, .keeper = id };
	if (driver == NULL || !driver->shared || config == NULL || pool == NULL || volume_check(daemon, place, NULL) != 0)
		return false;
	place->pool = rbd_pool(config, pool);
	return true;
}

struct volume_place
volume_place_read(const json_t *record)
{
	const char *cluster = path_string(record, "cluster"), *format = path_string(record, "format"), *name = path_string(record, "volume");
	struct volume_place place = { .driver = &drivers[cluster != NULL], .keeper = cluster != NULL ? cluster : path_string(record, "node"),
		.pool = path_string(record, "pool"), .path = path_string(record, "path"), .format = known_format(format),
		.backing = path_string(record, "backing"), .encryption = path_string(record, "encryption") };

	g_strlcpy(place.name, name == NULL ? "" : name, sizeof(place.name));
	return place;
}

struct volume_place
volume_place_of_use(const char *host, const json_t *used)
{
	const char *cluster = path_string(used, "cluster"), *path = path_string(used, "path"), *format = path_string(used, "format");
	const char *name = strrchr(path, '/');
	struct volume_place place = { .driver = &drivers[cluster != NULL], .keeper = cluster == NULL ? host : cluster, .path = path,
		.pool = path_string(used, "pool"), .format = known_format(format), .backing = path_string(used, "backing") };

	g_strlcpy(place.name, name == NULL ? path : name + 1, sizeof(place.name));
	return place;
}

json_t *
volume_record(const struct volume_place *place)
{
	return json_pack("{s:s,s:s,s:s*,s:s*,s:s,s:s*,s:s*}", "volume", place->name, place->driver == &drivers[1] ? "cluster" : "node", place->keeper,
	    "pool", place->pool, "path", place->path, "format", place->format, "backing", place->backing, "encryption",
	    place->encryption);
}

int
volume_note_snapshot(struct daemon *daemon, const struct object *object, const char *annotation, const struct volume_place *place,
    const char *snapshot, struct error *err)
{
	json_t *record = volume_record(place), *patch;
	int r;

	json_object_set_new(record, "snapshot", json_string(snapshot));
	g_autofree char *text = json_write(record);
	patch = json_pack("{s:{s:{s:s}}}", "metadata", "annotations", annotation, text);
	r = objects_patch(daemon, object, patch, err) == NULL ? -1 : 0;
	json_decref(record);
	json_decref(patch);
	return r;
}

json_t *
volume_annotations(const struct volume_place *place)
{
	return json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:s*,s:s*}", place->driver->keeper, place->keeper, VOLUME_NAME, place->name, VOLUME_POOL, place->pool,
	    VOLUME_PATH, place->path, VOLUME_FORMAT, strcmp(place->format, "raw") == 0 ? NULL : place->format, VOLUME_BACKING, place->backing, VOLUME_ENCRYPTION,
	    place->encryption);
}

void
volume_add_source(const struct volume_place *from, const char *snapshot, json_t *args)
{
	json_object_set_new(args, "from", json_string(from->name));
	json_object_set_new(args, "fromFormat", json_string(from->format));
	if (from->pool != NULL)
		add_pool(args, from->pool, "fromPool", "fromNamespace");
	if (snapshot != NULL)
		json_object_set_new(args, "snapshot", json_string(snapshot));
	if (from->encryption != NULL)
		json_object_set_new(args, "encrypted", json_true());
}

/* --- encryption ------------------------------------------------------------------------------------------------------ */

char *
volume_encryption(const struct storage_class *class)
{
	const char *namespace, *name;

	return storage_class_secret(class, &namespace, &name) ? g_strconcat(namespace, "/", name, NULL) : NULL;
}

const char *
volume_passphrase(struct daemon *daemon, const struct volume_place *place, const struct object *waiter, struct error *err)
{
	const char *slash = strchr(place->encryption, '/'), *name = slash == NULL ? "" : slash + 1;
	g_autofree char *namespace = g_strndup(place->encryption, slash == NULL ? 0 : (gsize)(slash - place->encryption));
	const struct object *object = store_get(daemon->store, KIND_SECRET, namespace, name);
	const char *text = object == NULL ? NULL : schema_map_get(&((const struct secret *)object->value)->data, VOLUME_PASSPHRASE);

	if (waiter != NULL)
		controllers_await(daemon, waiter, KIND_SECRET, namespace, name);
	if (text != NULL && *text != '\0')
		return text;
	error_set(err, EAGAIN, "Secret %s %s: volume %s cannot be opened without its " VOLUME_PASSPHRASE, place->encryption,
	    object == NULL ? "does not exist" : "has no such key", place->name);
	return NULL;
}

int
volume_unlock(struct daemon *daemon, const struct volume_place *place, const struct object *waiter, json_t *args, struct error *err)
{
	const char *text = place->encryption == NULL ? NULL : volume_passphrase(daemon, place, waiter, err);

	if (text != NULL)
		json_object_set_new(args, "passphrase", json_string(text));
	return text != NULL || place->encryption == NULL ? 0 : -1;
}

/* --- calls ----------------------------------------------------------------------------------------------------------- */

int
volume_check(struct daemon *daemon, const struct volume_place *place, struct error *err)
{
	return place->driver->calls(daemon, place->keeper, err) == NULL ? -1 : 0;
}

bool
volume_is_file(struct daemon *daemon, const struct volume_place *place)
{
	return place->driver->is_file(daemon, place->keeper);
}

int64_t
volume_session(struct daemon *daemon, const struct volume_place *place)
{
	return place->driver->session(daemon, place->keeper);
}

json_t *
volume_args(struct daemon *daemon, const struct volume_place *place, json_t *args)
{
	place->driver->where(daemon, place, args);
	json_object_set_new(args, "volume", json_string(place->name));
	return args;
}

void
volume_call(struct daemon *daemon, const struct volume_place *place, const char *verb, json_t *args, int fd, int64_t deadline,
    worker_reply *reply, void *arg)
{
	calls_add(place->driver->calls(daemon, place->keeper, NULL), verb, volume_args(daemon, place, args), fd, deadline, reply, arg);
}
