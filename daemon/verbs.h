/* Subresource verbs (subresources.kubevirt.io): one row each. */
#ifndef SOLOVIRT_DAEMON_VERBS_H
#define SOLOVIRT_DAEMON_VERBS_H

#include "daemon/store.h"

struct daemon;
struct host;

struct verb {
	enum kind_id kind;
	const char *name;   /* "start" */
	const char *method; /* "PUT" */
	/* body may be NULL; with verb_is_dry_run() nothing is done.  0, or -1: ENOENT, EBUSY (409, not possible in this state),
	 * EACCES (403, never possible with this one), EINVAL. */
	int (*run)(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err);
	int code; /* HTTP status of success; 0: 202 for a machine, 200 for an instance */
};
extern const struct verb verbs[]; /* ends with a NULL name */

/* The request only asks whether it could be done (dryRun: [All]). */
bool verb_is_dry_run(const json_t *body);

/* The host of an instance that runs, which is ready and has room for one more call; NULL with err (EBUSY). */
struct host *verb_host(struct daemon *daemon, const struct object *object, struct error *err);

/* Opens the serial console of a running instance: done gets a connected, non-blocking stream socket (owned by it), or -1 and why.  Later,
 * never from inside. */
void verb_console(struct daemon *daemon, const struct object *vmi, void (*done)(void *arg, int fd, const struct error *error),
    void *arg);
/* The last "limit" bytes of the guest's console log (0: all that is kept, at most 4 MiB), as text. */
void verb_log(struct daemon *daemon, const struct object *vmi, int64_t limit,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg);
/* The libvirt XML of a running instance's domain, as text; done as with verb_log(). */
void verb_domain_xml(struct daemon *daemon, const struct object *vmi,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg);

#endif
