/* The connection to the cluster, its errors, and the verbs that are about all of it. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "storage/rbd.h"
#include "storage/volume_verbs.h"

/* Ours ends before the daemon's, so that its answer is on time.  A connect gives up by itself. */
enum { MOUNT_SECONDS = 10, QUERY_PATIENCE = VOLUME_DEADLINE_QUERY - 3000 };

/* What librados is told.  A program of ours writes no logs and opens no sockets; an error is told in the answer.  There are no
 * limits for single operations: librbd leaves images in odd states when one of its own is given up in the middle. */
static const char *const settings[][2] = {
	{ "log_file", "" },
	{ "log_to_stderr", "false" },
	{ "err_to_stderr", "false" },
	{ "log_to_syslog", "false" },
	{ "mon_cluster_log_to_stderr", "false" },
	{ "admin_socket", "" },
	{ "rados_mon_op_timeout", "0" },
	{ "rados_osd_op_timeout", "0" },
	{ "rbd_move_to_trash_on_remove", "false" },
	{ "rbd_cache", "false" }, /* it costs a thread for each image that is opened, and a copy of all that is written in large pieces */
	{ "auth_supported", "cephx" }, /* an empty key is no key */
};

/* How returns read; the rest is as errno. */
static const struct {
	int rc, code;
	const char *advice;
} returns[] = {
	{ -EPERM, EACCES, "the user lacks rights: \"ceph auth caps\" has to give it \"profile rbd\" for mon, osd and mgr" },
	{ -EACCES, EACCES, "the user or its key is refused: compare with \"ceph auth get\"" },
	{ -EDQUOT, ENOSPC, "the pool's quota is used up: raise it with \"ceph osd pool set-quota\", or delete volumes" },
	{ -ENOSPC, ENOSPC, "the pool is full: add OSDs, or delete volumes" },
	{ -EROFS, EBUSY, "another client holds its lock: try again, or end that client" },
	{ -ETIMEDOUT, ETIMEDOUT, "the cluster does not answer: look at \"ceph -s\"" },
	{ -ENOTCONN, ETIMEDOUT, "the connection to the cluster is gone" },
};

static GMutex lock; /* around all below, and around connecting */
static rados_t connection;
static char *identity; /* digest of what it was made with */
static char *address;

/* --- errors ----------------------------------------------------------------------------------------------------------- */

int
cluster_error(struct error *err, int rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *what = g_strdup_vprintf(format, ap);
	va_end(ap);
	if (rc == -ESHUTDOWN)
		service_die("%s: this client was fenced; another process begins anew", what);
	for (size_t i = 0; i < G_N_ELEMENTS(returns); i++)
		if (returns[i].rc == rc)
			return error_set(err, returns[i].code, "%s: %s", what, returns[i].advice);
	return error_set(err, -rc, "%s: %s", what, g_strerror(-rc));
}

rados_t
cluster_get(struct error *err)
{
	rados_t found;

	/* A connect in another lane may take long; it is not there yet, then. */
	found = g_atomic_pointer_get(&connection);
	if (found == NULL)
		error_set(err, ENOTCONN, "this worker is not connected to its cluster yet: the verb connect comes first");
	return found;
}

const char *
cluster_address(void)
{
	return address != NULL ? address : "";
}

char *
cluster_ask(const char *command, struct error *err)
{
	rados_t cluster = cluster_get(err);
	char *text = NULL, *status = NULL, *copy = NULL;
	size_t length = 0, status_length = 0;
	int rc;

	if (cluster == NULL)
		return NULL;
	rc = rados_mon_command(cluster, &command, 1, "", 0, &text, &length, &status, &status_length);
	if (rc < 0)
		cluster_error(err, rc, "cannot ask the monitors");
	else
		copy = g_strndup(text, length);
	rados_buffer_free(text);
	rados_buffer_free(status);
	return copy;
}

/* --- connect ---------------------------------------------------------------------------------------------------------- */

struct login {
	const char *cluster_id, *user, *key;
	json_t *monitors, *options; /* arrays, objects; options may be NULL */
};

static int
set(rados_t cluster, const char *name, const char *value, struct error *err)
{
	int rc = rados_conf_set(cluster, name, value);

	return rc == 0 ? 0 : error_set(err, EINVAL, "options.%s: Ceph's library does not take this option or its value", name);
}

static int
set_options(rados_t cluster, const json_t *options, struct error *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)options, name, value) {
		if (!json_is_string(value))
			return error_set(err, EINVAL, "options.%s: must be a text", name);
		if (set(cluster, name, json_string_value(value), err) < 0)
			return -1;
	}
	return 0;
}

static int
set_monitors(rados_t cluster, const json_t *monitors, struct error *err)
{
	g_autoptr(GString) text = g_string_new(NULL);
	size_t i;
	json_t *one;

	json_array_foreach(monitors, i, one)
		g_string_append_printf(text, "%s%s", i > 0 ? "," : "", json_is_string(one) ? json_string_value(one) : "");
	if (text->len == 0)
		return error_set(err, EINVAL, "monitors: must name at least one monitor, as HOST or HOST:PORT");
	return rados_conf_set(cluster, "mon_host", text->str) == 0 ? 0 :
	    error_set(err, EINVAL, "monitors: \"%s\" are no addresses", text->str);
}

/* The key last: nothing that is told afterwards quotes it. */
static int
configure(rados_t cluster, const struct login *login, struct error *err)
{
	g_autofree char *seconds = g_strdup_printf("%d", MOUNT_SECONDS);

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		if (set(cluster, settings[i][0], settings[i][1], err) < 0)
			return -1;
	if (set(cluster, "client_mount_timeout", seconds, err) < 0 || set_options(cluster, login->options, err) < 0 ||
	    set_monitors(cluster, login->monitors, err) < 0)
		return -1;
	if (rados_conf_set(cluster, "key", login->key) < 0)
		return error_set(err, EACCES, "the key of user %s is none", login->user);
	return 0;
}

/* Of another code than calls have for a cluster that stopped answering: that is for later, this is for the one who configures. */
static int
connect_error(const struct login *login, int rc, struct error *err)
{
	if (rc == -ETIMEDOUT)
		return error_set(err, ENETUNREACH, "no monitor of cluster %s answers: look whether its addresses are right and monitors run",
		    login->cluster_id);
	if (rc == -EINVAL)
		return error_set(err, EACCES, "the key of user %s is none, or a monitor has no address", login->user);
	if (rc == -ENOENT)
		rc = -EACCES; /* the user is unknown */
	return cluster_error(err, rc, "cannot connect to cluster %s as client.%s", login->cluster_id, login->user);
}

static rados_t
open_connection(const struct login *login, struct error *err)
{
	g_autofree char *name = g_strconcat("client.", login->user, NULL);
	rados_t cluster = NULL;
	int rc = rados_create2(&cluster, "ceph", name, 0);

	if (rc < 0) {
		cluster_error(err, rc, "cannot begin a connection as %s", name);
		return NULL;
	}
	if (configure(cluster, login, err) < 0) {
		rados_shutdown(cluster);
		return NULL;
	}
	rc = rados_connect(cluster);
	if (rc < 0) {
		connect_error(login, rc, err);
		rados_shutdown(cluster);
		return NULL;
	}
	return cluster;
}

static json_t *
describe(void)
{
	struct error ignored = { 0 };
	char fsid[64] = "";
	g_autofree char *text = cluster_ask("{\"prefix\":\"version\",\"format\":\"json\"}", &ignored);
	json_t *tree = text != NULL ? json_loads(text, 0, NULL) : NULL, *answer;
	const char *version = json_string_value(json_object_get(tree, "version"));
	g_auto(GStrv) words = g_strsplit(version != NULL ? version : "", " ", 4); /* "ceph version 16.2.15 (...) pacific" */

	rados_cluster_fsid(connection, fsid, sizeof(fsid));
	answer = json_pack("{s:s,s:s,s:s}", "fsid", fsid, "version", g_strv_length(words) > 2 ? words[2] : "", "address", cluster_address());
	json_decref(tree);
	return answer;
}

/* "v2:10.0.0.5:0/12" and the like, as lists of watchers write it. */
static char *
own_address(rados_t cluster)
{
	char *text = NULL, *plain;

	if (rados_getaddrs(cluster, &text) < 0)
		return g_strdup("");
	plain = g_strdup(text != NULL && (g_str_has_prefix(text, "v1:") || g_str_has_prefix(text, "v2:")) ? text + 3 : text);
	rados_buffer_free(text);
	return plain;
}

static int
connect_once(const struct login *login, const char *digest, struct error *err)
{
	rados_t cluster;

	if (connection != NULL)
		return strcmp(identity, digest) == 0 ? 0 :
		    error_set(err, EEXIST, "this worker is connected already, with other settings: end it to use these");
	cluster = open_connection(login, err);
	if (cluster == NULL)
		return -1;
	address = own_address(cluster);
	identity = g_strdup(digest);
	g_atomic_pointer_set(&connection, cluster);
	health_start();
	return 0;
}

static json_t *
run_connect(struct service_call *call, struct error *err)
{
	struct login login = { 0 };
	int rc;

	if (service_args(call->args, err, "{s:s,s:o,s:s,s:s,s?:o}", "clusterID", &login.cluster_id, "monitors", &login.monitors, "user",
	        &login.user, "key", &login.key, "options", &login.options) < 0)
		return NULL;
	char *text = json_dumps(call->args, JSON_SORT_KEYS | JSON_COMPACT);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	explicit_bzero(text, strlen(text));
	free(text);
	g_mutex_lock(&lock);
	rc = connect_once(&login, digest, err);
	g_mutex_unlock(&lock);
	return rc < 0 ? NULL : describe();
}

/* --- the pool, other clients ------------------------------------------------------------------------------------------- */

static json_t *
find_pool(json_t *df, const char *name)
{
	size_t i;
	json_t *pool;

	json_array_foreach(json_object_get(df, "pools"), i, pool)
		if (g_strcmp0(json_string_value(json_object_get(pool, "name")), name) == 0)
			return json_object_get(pool, "stats");
	return NULL;
}

/* The monitors count what the pool's replicas leave of the OSDs; statistics of the cluster would not. */
static json_t *
run_pool_info(struct service_call *call, struct error *err)
{
	PLACE_AUTO place = { 0 };
	json_t *tree, *pool, *answer = NULL;

	if (place_read_pool(call->args, &place, err) < 0)
		return NULL;
	g_autofree char *text = cluster_ask("{\"prefix\":\"df\",\"format\":\"json\"}", err);
	if (text == NULL)
		return NULL;
	tree = json_loads(text, 0, NULL);
	pool = find_pool(tree, place.pool);
	if (pool == NULL) {
		error_set(err, EAGAIN, "the cluster has no statistics of pool %s yet", place.pool);
	} else {
		json_int_t available = json_integer_value(json_object_get(pool, "max_avail"));
		json_int_t used = json_integer_value(json_object_get(pool, "stored"));
		answer = json_pack("{s:I,s:I,s:I}", "capacity", available + used, "available", available, "used", used);
	}
	json_decref(tree);
	return answer;
}

static json_t *
run_fence(struct service_call *call, struct error *err)
{
	json_t *addresses, *one;
	json_int_t seconds;
	rados_t cluster;
	size_t i;

	if (service_args(call->args, err, "{s:o,s:I}", "addresses", &addresses, "seconds", &seconds) < 0)
		return NULL;
	if (!json_is_array(addresses) || seconds <= 0 || seconds > UINT32_MAX) {
		error_set(err, EINVAL, "fence needs an array of addresses, such as \"10.0.0.5:0/123\", and seconds above 0");
		return NULL;
	}
	cluster = cluster_get(err);
	if (cluster == NULL)
		return NULL;
	json_array_foreach(addresses, i, one) {
		g_autofree char *text = g_strdup(json_is_string(one) ? json_string_value(one) : "");
		int rc = strchr(text, '/') == NULL || strcmp(text, cluster_address()) == 0 ? -EINVAL : rados_blocklist_add(cluster, text, (uint32_t)seconds);
		if (rc < 0) {
			cluster_error(err, rc, "cannot fence \"%s\": it must be another client's address, such as \"10.0.0.5:0/123\"", text);
			return NULL;
		}
	}
	return json_object();
}

const struct rbd_verb cluster_verbs[] = {
	{ "connect", run_connect, QUERY_PATIENCE },
	{ "pool-info", run_pool_info, QUERY_PATIENCE },
	{ "fence", run_fence, QUERY_PATIENCE },
	{ NULL, NULL, 0 },
};
