/*
 * The server's side of nbd.h: one volume on a socket, for workers that have the rights to it.
 *
 *   reader: socket ──> request ──> begin() of the volume's class ──> nbd_work_done() ──> replier: socket
 *
 * The reader takes a request when one of NBD_DEPTH places is free, so memory has a bound.  nbd_work_done() only queues: one client
 * that does not read its replies must not stop the others.  A client that goes, or talks nonsense, ends its own export: what is under
 * way is awaited, what was written is flushed, the volume is closed.  Volumes are known by a word, their path: one writer at a time.
 */
#ifndef SOLOVIRT_BASE_NBD_SERVER_H
#define SOLOVIRT_BASE_NBD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/nbd.h"

struct error;
struct nbd_export;

enum { NBD_EXPORTS_MOST = 16 /* at a time; each may hold NBD_DEPTH x NBD_MOST bytes */, NBD_FLAG_FUA = 1, NBD_COMMANDS = NBD_WRITE_ZEROES + 1 };

/* A request under way. */
struct nbd_work {
	struct nbd_export *export;
	struct nbd_request request; /* in host order; lies within the volume */
	char *data;                 /* NBD_MOST bytes: what is written, or read into; NULL until a read or write needed it */
};

/* What a kind of volume does.  Static. */
struct nbd_class {
	/* Begins a command, NULL: it is not known.  0: nbd_work_done() is called once, by any thread, also by this one before it returns; else a
	 * negative errno.  Called by one thread. */
	int (*begin[NBD_COMMANDS])(void *volume, struct nbd_work *work);
	/* Nothing is under way and nothing more comes, of a volume that was written to. */
	void (*flush)(void *volume);
	/* After that, of each; others may then have it for writing. */
	void (*close)(void *volume);
};

/* A volume that is going to be served on fd, a stream socket.  fd and volume stay the caller's until nbd_export_start().  NULL with err: EINVAL
 * fd is none, EBUSY it has a writer (one whose client is gone is waited for), EAGAIN too many are served. */
struct nbd_export *nbd_export_new(const struct nbd_class *class, void *volume, const char *path, bool writes, int fd, struct error *err);
/* Takes both, and serves until the client ends.  size: bytes. */
void nbd_export_start(struct nbd_export *export, uint64_t size);
/* Instead of that: it is not served. */
void nbd_export_cancel(struct nbd_export *export);
/* EBUSY while it is served to a writer; waits for the end of one whose client is gone. */
int nbd_export_check(const char *path, struct error *err);

/* Any thread.  error: an errno, or 0. */
void nbd_work_done(struct nbd_work *work, int error);
/* work->data. */
char *nbd_work_data(struct nbd_work *work);

#endif
