/* solovirt-rbd: serves the verbs of volume_verbs.h for one Ceph cluster, on the socket that the daemon left it (3). */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "storage/rbd.h"

static const struct rbd_verb *const verb_tables[] = {
	cluster_verbs, volume_verbs, clone_verbs, flatten_verbs, snapshot_verbs, sweep_verbs, serve_verbs,
};

static const struct rbd_verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verb_tables); i++)
		for (const struct rbd_verb *verb = verb_tables[i]; verb->name != NULL; verb++)
			if (strcmp(verb->name, name) == 0)
				return verb;
	return NULL;
}

static json_t *
run(struct service_call *call, struct error *err)
{
	const struct rbd_verb *verb = find_verb(call->verb);

	if (verb == NULL) {
		error_set(err, ENOSYS, "this worker knows no verb \"%s\"", call->verb);
		return NULL;
	}
	return verb->run(call, err);
}

static int64_t
patience(const char *name, const char **why)
{
	const struct rbd_verb *verb = find_verb(name);

	*why = "the cluster does not answer: look at \"ceph -s\" for monitors and OSDs that are down; what was asked for goes on when "
	       "they are back";
	return verb != NULL ? verb->patience : 0;
}

static const struct service service = {
	.program = "solovirt-rbd",
	.lanes = CLUSTER_LANES,
	.run = run,
	.patience = patience,
};

int
main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: solovirt-rbd (started by solovirtd, its socket on descriptor %d)\n", SERVICE_CHANNEL);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	service_init(&service);
	_exit(service_run()); /* lanes, and librbd's threads, may be anywhere */
}
