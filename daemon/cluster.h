/*
 * A Ceph cluster as the daemon sees it: its worker solovirt-rbd, which is started when the first StorageClass, claim or
 * volume asks for the cluster, and what it told.  The worker may hang or abort with its librbd; it is started again, and what was
 * asked for is asked again by those who wait for it.
 */
#ifndef SOLOVIRT_DAEMON_CLUSTER_H
#define SOLOVIRT_DAEMON_CLUSTER_H

#include "daemon/daemon.h"
#include "src/base/channel.h"

struct error;
struct calls;

enum { CLUSTER_LANES = 8 };

struct cluster {
	struct daemon *daemon;
	char *id;
	struct worker *worker;
	struct calls *calls;
	bool ready;      /* connected: calls may be made */
	char *problem;   /* why it is not, or NULL */
	char *told;      /* the problem that was logged last */
	bool unwell;     /* it says of itself that something is wrong with it */
	char *fsid, *version;
	char *settings;  /* that it was connected with */
	struct event *retry;
	unsigned failures;
};

/* The configured cluster of an id; its worker is started when this is the first time that it is asked for.  NULL with err (ENOENT):
 * the configuration has none of that name. */
struct cluster *cluster_get(struct daemon *daemon, const char *id, struct error *err);
const struct config_ceph *cluster_config(const struct daemon *daemon, const char *id);
/* The user's key, as in a keyring (base64).  NULL with err: the keyring cannot be read.  Overwrite it before g_free(). */
char *cluster_key(const struct config_ceph *config, struct error *err);
/* As calls_add().  For one that is ready. */
void cluster_call(struct cluster *cluster, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg);

/* After a reload: clusters that the configuration has no more, or otherwise, are let go. */
void clusters_reload(struct daemon *daemon);
void clusters_stop(struct daemon *daemon);

#endif
