/*
 * Uploads: who may send the data of a claim, and the way of the bytes to the worker.
 *
 *   client --> HTTP server --> upload_write() | pipe | solovirt-import --> volume
 */
#ifndef SOLOVIRT_DAEMON_UPLOAD_H
#define SOLOVIRT_DAEMON_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/daemon.h"

struct error;
struct upload;

enum { UPLOAD_TOKEN_MS = 5 * 60 * 1000 };

/* A secret that is good for uploads to this claim for UPLOAD_TOKEN_MS, or until the daemon ends.  g_free(). */
char *upload_token_new(struct daemon *daemon, const struct object *claim, struct error *err);
/* Forgets all tokens; when the daemon ends. */
void uploads_stop(struct daemon *daemon);

/* Whom an upload tells.  Static. */
struct upload_class {
	void (*full)(void *arg, bool full); /* more bytes would pile up here / may come again */
	/* Once, later: what became of it; error NULL: the DataVolume has succeeded.  EINVAL: the image will never do.  The upload is gone then. */
	void (*done)(void *arg, const struct error *error);
};

/* Begins an upload to the claim that the token is for.  total: bytes, 0: not known.  NULL with err: EACCES no such token; ENOENT its claim is
 * gone or is not uploaded to; EALREADY it is filled; EBUSY another one uploads; EAGAIN, EHOSTDOWN not now. */
struct upload *upload_begin(struct daemon *daemon, const char *token, int64_t total, const struct upload_class *class, void *arg, struct error *err);
/* Takes bytes; never refuses, but see full. */
void upload_write(struct upload *upload, const void *bytes, size_t length);
/* That was all. */
void upload_end(struct upload *upload);
/* There will be no more, and it was not all: the volume is left for the next upload.  done is called, perhaps from inside. */
void upload_break(struct upload *upload);

#endif
