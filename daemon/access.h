/* Who may do what on the control socket: by the uid and groups of the peer, as the kernel tells them. */
#ifndef SOLOVIRT_DAEMON_ACCESS_H
#define SOLOVIRT_DAEMON_ACCESS_H

#include <stddef.h>
#include <sys/types.h>

struct access;
struct config_access;

enum access_right {
	ACCESS_NONE,  /* health and version */
	ACCESS_VIEW,  /* get, list and watch, but never what is secret */
	ACCESS_ADMIN, /* everything */
};

/* Resolves the names (by NSS, which may block: only at start and reload).  Unknown ones are logged and left out. config
 * may be NULL: then only root and the daemon's own user. */
struct access *access_new(const struct config_access *config);
void access_free(struct access *access);

/* What a peer may do: gid is its primary group, groups the supplementary ones. */
enum access_right access_of(const struct access *access, uid_t uid, gid_t gid, const gid_t *groups, size_t count);

/* The sentence for somebody whose right is too small: which group would be needed.  Caller g_free()s. */
char *access_refusal(const struct access *access, uid_t uid, enum access_right needed);

#endif
