/*
 * Container images as disks.  They lie in a local directory (images.directory, see storage/oci.h); the file that an instance
 * wants is unpacked once into the pool's directory on this machine, where every instance hangs a hard link of its own below its overlay; a
 * host elsewhere gets a copy for each.  What nobody has a link to any more is removed once it is as old as trash.
 */
#ifndef SOLOVIRT_DAEMON_IMAGES_H
#define SOLOVIRT_DAEMON_IMAGES_H

#include <stdbool.h>

#include "daemon/daemon.h"

struct error;

/* A file of an image. */
struct image_wish {
	const char *image;        /* "quay.io/containerdisks/debian:12" */
	const char *file;         /* its path in there; NULL or "": the only one in /disk */
	const char *architecture; /* "amd64" */
	bool verbatim;            /* no disk, but a kernel or the like */
};

/* Its unpacked file in the pool, a raw disk.  1: there, *path is to be g_free()d; 0: it is being unpacked, look again after a
 * second; -1: it cannot be had (ENOENT names the directory that was looked in), which may be otherwise later. */
int images_get(struct daemon *daemon, const struct image_wish *wish, char **path, struct error *err);
/* Gives the file of images_get() a further name in the pool.  Nothing happens when that is there. */
int images_link(struct daemon *daemon, const char *path, const char *name, struct error *err);
/* Path of a file in the pool.  g_free(). */
char *images_pool_path(struct daemon *daemon, const char *name);
/* Removes what nobody uses; called from time to time. */
void images_sweep(struct daemon *daemon);
void images_stop(struct daemon *daemon);

#endif
