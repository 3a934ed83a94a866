/* Ceph clusters and their workers; see cluster.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <glib.h>
#include <string.h>

#include "daemon/calls.h"
#include "daemon/cluster.h"
#include "daemon/controllers/controllers.h"
#include "daemon/store.h"
#include "daemon/volume.h"
#include "src/api/storage_class.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "storage/volume_verbs.h"

enum { CLUSTER_RETRY_FIRST_MS = 1000, CLUSTER_RETRY_MOST_MS = 15000, FENCE_SECONDS = 120 /* a watch lasts 30 */ };

/* --- keyring ------------------------------------------------------------------------------------------------------- */

/* Source: ceph-authtool(8), "Keyring format". */
char *
cluster_key(const struct config_ceph *config, struct error *err)
{
	g_autofree char *group = g_strconcat("client.", config->user, NULL);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *text = NULL, *plain = NULL;
	g_autoptr(GError) why = NULL;
	char *key = NULL;
	gsize length;

	if (!g_file_get_contents(config->keyring, &text, &length, &why)) {
		error_set(err, EACCES, "the keyring of cluster %s cannot be read: %s", config->cluster_id, why->message);
		return NULL;
	}
	/* Its lines may be indented, which key files may not. */
	g_auto(GStrv) lines = g_strsplit(text, "\n", 1000);
	for (char **line = lines; *line != NULL; line++)
		g_strstrip(*line);
	plain = g_strjoinv("\n", lines);
	if (g_key_file_load_from_data(file, plain, strlen(plain), G_KEY_FILE_NONE, NULL))
		key = g_key_file_get_string(file, group, "key", NULL);
	explicit_bzero(text, length);
	explicit_bzero(plain, strlen(plain));
	for (char **line = lines; *line != NULL; line++)
		explicit_bzero(*line, strlen(*line));
	if (key == NULL)
		error_set(err, EACCES, "the keyring %s of cluster %s has no key of [%s]", config->keyring, config->cluster_id, group);
	return key;
}

const struct config_ceph *
cluster_config(const struct daemon *daemon, const char *id)
{
	SCHEMA_EACH (struct config_ceph, config, &daemon->config->ceph)
		if (g_strcmp0(config->cluster_id, id) == 0)
			return config;
	return NULL;
}

/* --- what is known of it ------------------------------------------------------------------------------------------- */

static struct cluster *
cluster_find(struct daemon *daemon, const char *id)
{
	for (guint i = 0; daemon->clusters != NULL && i < daemon->clusters->len; i++) {
		struct cluster *c = daemon->clusters->pdata[i];
		if (strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

static void
set_problem(struct cluster *c, const char *problem)
{
	g_free(c->problem);
	c->problem = g_strdup(problem);
	c->ready = problem == NULL;
	if (problem != NULL && g_strcmp0(problem, c->told) != 0) {
		log_warning("cluster %s: %s", c->id, problem);
		g_free(c->told);
		c->told = g_strdup(problem);
	}
	if (problem == NULL)
		g_clear_pointer(&c->told, g_free);
	controllers_capacity_changed(c->daemon);
}

/* --- who we were ------------------------------------------------------------------------------------------------------- */

#define CLIENTS "ceph-clients" /* bucket of records: clusterID -> addresses of our workers there, the last one's last */

struct fencing {
	struct daemon *daemon;
	char *id, *address; /* of the cluster, of its worker now */
	json_t *dead;       /* addresses of the others */
	unsigned sweeps;    /* that are under way */
	bool lost;          /* the worker was, before all of them had ended */
};

static void
fencing_free(struct fencing *f)
{
	g_free(f->id);
	g_free(f->address);
	json_decref(f->dead);
	g_free(f);
}

static bool
is_lost(const struct error *error)
{
	return error != NULL && (error->code == ECANCELED || error->code == ECONNRESET || error->code == EHOSTDOWN);
}

/* All is done that the others' addresses were needed for. */
static void
fencing_end(struct fencing *f)
{
	if (f->sweeps > 0)
		return;
	if (!f->lost)
		store_record_set(f->daemon->store, CLIENTS, f->id, f->address, NULL);
	fencing_free(f);
}

static void
on_swept(void *arg, json_t *result, const struct error *error)
{
	struct fencing *f = arg;

	(void)result;
	f->sweeps--;
	f->lost = f->lost || is_lost(error);
	if (error != NULL && !is_lost(error))
		log_warning("cluster %s: what an earlier worker left half made stays for ten minutes: %s", f->id, error->text);
	fencing_end(f);
}

/* What they left of calls that were answered nobody asks for again. */
static void
sweep_after(struct fencing *f)
{
	g_autoptr(GPtrArray) classes = store_list(f->daemon->store, KIND_STORAGE_CLASS, "");

	f->sweeps = 1;
	for (guint i = 0; i < classes->len; i++) {
		struct volume_place place;

		if (volume_pool(f->daemon, ((const struct object *)classes->pdata[i])->value, &place) && g_strcmp0(place.keeper, f->id) == 0) {
			f->sweeps++;
			volume_call(f->daemon, &place, "volume-sweep", json_pack("{s:O}", "dead", f->dead), -1, VOLUME_DEADLINE_ACTION, on_swept, f);
		}
		g_free((char *)(uintptr_t)place.pool);
	}
	f->sweeps--;
	fencing_end(f);
}

/* Calls may be made; or, when it did not work, they are made all the same: volumes that are still open will say so. */
static void
on_fenced(void *arg, json_t *result, const struct error *error)
{
	struct fencing *f = arg;
	struct cluster *c = cluster_find(f->daemon, f->id);

	(void)result;
	if (error != NULL && !is_lost(error))
		log_warning("cluster %s: what an earlier worker had open stays so for up to 30 s: %s", f->id, error->text);
	if (c != NULL && !is_lost(error))
		set_problem(c, NULL);
	if (c != NULL && error == NULL)
		sweep_after(f);
	else
		fencing_free(f);
}

/*
 * A worker that died left its watches behind, and Ceph believes for half a minute that its images are in use.  What it had sent may
 * also still be on its way, and would be written into what its successor has removed by then: nothing is asked of this one before the
 * cluster has shut out the others.  Nobody but us ever was at those addresses; they are written down before a worker is asked for
 * anything, and forgotten when they are shut out and what they left half made was looked at.
 */
static void
fence_predecessors(struct cluster *c, const char *address)
{
	const char *before = store_record_get(c->daemon->store, CLIENTS, c->id);
	g_auto(GStrv) known = g_strsplit(before == NULL ? "" : before, " ", -1);
	json_t *others = json_array();
	struct fencing *f;

	for (char **one = known; *one != NULL; one++)
		if (**one != '\0' && g_strcmp0(*one, address) != 0)
			json_array_append_new(others, json_string(*one));
	if (address != NULL && *address != '\0' && !g_strv_contains((const char *const *)known, address)) {
		g_autofree char *all = g_strconcat(before == NULL ? "" : before, before == NULL ? "" : " ", address, NULL);
		store_record_set(c->daemon->store, CLIENTS, c->id, all, NULL);
	}
	if (json_array_size(others) == 0) {
		json_decref(others);
		set_problem(c, NULL);
		return;
	}
	f = g_new0(struct fencing, 1);
	*f = (struct fencing){ .daemon = c->daemon, .id = g_strdup(c->id), .address = g_strdup(address), .dead = others };
	calls_add(c->calls, "fence", json_pack("{s:O,s:i}", "addresses", others, "seconds", FENCE_SECONDS), -1, VOLUME_DEADLINE_ACTION, on_fenced, f);
}

/* --- connection ---------------------------------------------------------------------------------------------------- */

static void
retry_later(struct cluster *c)
{
	int64_t ms = MIN(CLUSTER_RETRY_FIRST_MS << MIN(c->failures, 8), CLUSTER_RETRY_MOST_MS);
	struct timeval later = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	c->failures++;
	event_add(c->retry, &later);
}

static void
on_connected(void *arg, json_t *result, const struct error *error)
{
	struct cluster *c = arg;

	if (error != NULL && (error->code == ECANCELED || error->code == ECONNRESET || error->code == EHOSTDOWN))
		return; /* its state tells */
	if (error != NULL) {
		set_problem(c, error->text);
		if (error->code != ETIMEDOUT)
			retry_later(c);
		return;
	}
	c->failures = 0;
	g_free(c->fsid);
	c->fsid = g_strdup(path_string(result, "fsid"));
	g_free(c->version);
	c->version = g_strdup(path_string(result, "version"));
	log_info("cluster %s: connected to %s", c->id, c->fsid == NULL ? "it" : c->fsid);
	fence_predecessors(c, path_string(result, "address"));
}

static void
cluster_connect(struct cluster *c)
{
	const struct config_ceph *config = cluster_config(c->daemon, c->id);
	struct error err = { 0 };
	json_t *args, *monitors = json_array();
	char *key = config == NULL ? NULL : cluster_key(config, &err);

	if (key == NULL) {
		json_decref(monitors);
		set_problem(c, config == NULL ? "it is not configured any more" : err.text);
		retry_later(c);
		return;
	}
	for (char **m = config->monitors; m != NULL && *m != NULL; m++)
		json_array_append_new(monitors, json_string(*m));
	args = json_pack("{s:s,s:o,s:s,s:s}", "clusterID", c->id, "monitors", monitors, "user", config->user, "key", key);
	explicit_bzero(key, strlen(key));
	g_free(key);
	worker_call(c->worker, "connect", args, -1, VOLUME_DEADLINE_QUERY, on_connected, c);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct cluster *c = arg;

	(void)fd;
	(void)what;
	if (!c->ready)
		cluster_connect(c);
}

static void
on_state(void *owner, const char *reason)
{
	struct cluster *c = owner;

	if (reason == NULL) {
		cluster_connect(c);
		return;
	}
	event_del(c->retry);
	set_problem(c, reason);
}

/* Those who look after a class see what its cluster says of itself. */
static void
tell_classes(struct cluster *c, const char *type, const char *reason, const char *text)
{
	g_autoptr(GPtrArray) all = store_list(c->daemon->store, KIND_STORAGE_CLASS, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct storage_class *class = ((const struct object *)all->pdata[i])->value;
		if (g_strcmp0(schema_map_get(&class->parameters, "clusterID"), c->id) == 0)
			daemon_event(c->daemon, all->pdata[i], type, reason, "cluster %s: %s", c->id, text);
	}
}

static void
on_event(void *owner, const char *event, json_t *args)
{
	struct cluster *c = owner;
	const char *reason = path_string(args, "reason");

	if (strcmp(event, "progress") == 0)
		claim_copy_progress(c->daemon, c->id, args);
	if (strcmp(event, "cluster") != 0)
		return;
	if (reason == NULL)
		reason = "it does not say what is wrong";
	if (!json_is_true(json_object_get(args, "healthy"))) {
		log_warning("cluster %s: %s", c->id, reason);
		tell_classes(c, "Warning", "ClusterUnhealthy", reason);
		c->unwell = true;
	} else if (c->unwell) {
		log_notice("cluster %s: healthy", c->id);
		tell_classes(c, "Normal", "ClusterHealthy", "healthy again");
		c->unwell = false;
	}
	controllers_capacity_changed(c->daemon);
}

static const struct worker_class cluster_class = {
	.program = "solovirt-rbd",
	.on_event = on_event,
	.on_state = on_state,
	.backoff_first_ms = 500,
	.backoff_most_ms = 30000,
};

/* --- the list ------------------------------------------------------------------------------------------------------ */

/* What a connection is made with. */
static char *
settings_of(const struct config_ceph *config)
{
	g_autofree char *monitors = config == NULL ? NULL : g_strjoinv(",", config->monitors);

	return config == NULL ? g_strdup("") : g_strdup_printf("%s %s %s", monitors, config->user, config->keyring);
}

struct cluster *
cluster_get(struct daemon *daemon, const char *id, struct error *err)
{
	struct cluster *c = id == NULL ? NULL : cluster_find(daemon, id);
	static const char *const no_arguments[] = { NULL };

	if (c != NULL)
		return c;
	if (id == NULL || cluster_config(daemon, id) == NULL) {
		error_set(err, ENOENT, "Ceph cluster \"%s\" is not in the configuration (ceph[].clusterID)", id == NULL ? "" : id);
		return NULL;
	}
	g_autofree char *called = g_strconcat("cluster ", id, NULL);
	c = g_new0(struct cluster, 1);
	c->daemon = daemon;
	c->id = g_strdup(id);
	c->calls = calls_new(daemon, called, CLUSTER_LANES);
	c->retry = evtimer_new(daemon->base, on_retry, c);
	c->settings = settings_of(cluster_config(daemon, id));
	c->problem = g_strdup("its worker is being started");
	if (daemon->clusters == NULL)
		daemon->clusters = g_ptr_array_new();
	g_ptr_array_add(daemon->clusters, c);
	c->worker = worker_new(daemon->base, &cluster_class, NULL, no_arguments, c);
	calls_set_worker(c->calls, c->worker);
	return c;
}

void
cluster_call(struct cluster *c, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg)
{
	calls_add(c->calls, verb, args, fd, deadline, reply, arg);
}

/* Out of the list first, as hosts. */
static void
cluster_drop(struct daemon *daemon, struct cluster *c)
{
	g_ptr_array_remove(daemon->clusters, c);
	calls_free(c->calls);
	worker_free(c->worker);
	event_free(c->retry);
	g_free(c->problem);
	g_free(c->told);
	g_free(c->settings);
	g_free(c->fsid);
	g_free(c->version);
	g_free(c->id);
	g_free(c);
}

/* A new user or monitor is taken over by a new connection. */
void
clusters_reload(struct daemon *daemon)
{
	for (guint i = daemon->clusters == NULL ? 0 : daemon->clusters->len; i > 0; i--) {
		struct cluster *c = daemon->clusters->pdata[i - 1];
		g_autofree char *settings = settings_of(cluster_config(daemon, c->id));

		if (strcmp(settings, c->settings) != 0)
			cluster_drop(daemon, c);
	}
	controllers_capacity_changed(daemon);
}

void
clusters_stop(struct daemon *daemon)
{
	while (daemon->clusters != NULL && daemon->clusters->len > 0)
		cluster_drop(daemon, daemon->clusters->pdata[daemon->clusters->len - 1]);
	g_clear_pointer(&daemon->clusters, g_ptr_array_unref);
}
