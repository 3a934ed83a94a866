/*
 * One file of a server, over HTTP or HTTPS.  Nothing but these two is ever spoken, wherever a redirect points.  It comes as a
 * stream from its beginning, or, from a server that answers ranges, in pieces from anywhere; several are on their way at a time.
 */
#ifndef SOLOVIRT_STORAGE_FETCH_H
#define SOLOVIRT_STORAGE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"

struct blob;
struct fetch;

struct fetch_request {
	const char *url;
	char **headers;             /* whole lines, NULL-terminated, or NULL */
	const char *user, *password; /* or NULL */
	const char *region;         /* of S3, whose requests are signed with user and password; or NULL */
	const char *ca_pem;         /* trusted beside the system's certificates, or NULL */
	bool insecure;              /* any certificate will do */
	bool in_one;                /* no ranges but to resume: one answer for all of it, as credentials may not last */
	bool verified;              /* the caller checks the whole: a server that does not say which file it sends may be resumed */
	int64_t from;               /* where the stream begins: what lies before is there from an earlier time, when the file had ... */
	const char *validator;      /* ... this; else, when not NULL, what the file must have */
	long connect_seconds;       /* patience with a connection that does not come about */
	long stall_seconds;         /* ... and with one on which nothing comes */
	unsigned attempts;          /* how often in a row a broken connection may bring next to nothing */
};

/* What is known of the file when its first bytes come. */
struct fetch_about {
	int64_t total;         /* bytes of the whole file, 0: not known */
	bool ranges;           /* fetch_blob() may be used */
	const char *validator; /* what tells the file from its successors: a strong ETag, or Last-Modified; or NULL */
};

/* Takes the bytes in order.  0: go on; 1: enough, ends the stream; -1: ends it with its error. */
typedef int fetch_sink(void *arg, const uint8_t *data, size_t length, const struct fetch_about *about, struct error *err);
/* Told now and then how many bytes have come that could not be handed on yet, as something before them is missing. */
typedef void fetch_tick(void *arg, int64_t ahead);

/* request is borrowed until fetch_free().  tick and its arg may be NULL. */
struct fetch *fetch_new(const struct fetch_request *request, fetch_tick *tick, void *arg);
void fetch_free(struct fetch *fetch);

/*
 * Downloads, once for a fetch.  A connection that breaks is resumed where it broke, a few times; parts of different files are
 * never put together: each answer must show the validator of the first.  0: complete; 1: sink has enough; -1 EINVAL for a URL
 * that will never do, ESTALE when the file is not that of request->validator, or is replaced meanwhile; EIO, ETIMEDOUT, ECONNREFUSED,
 * EHOSTUNREACH: try later.  Texts hold neither credentials nor the query of the URL.
 */
int fetch_stream(struct fetch *fetch, fetch_sink *sink, void *arg, struct error *err);
/* The file, to be read anywhere; for use after a stream whose about->ranges was true.  Lives as long as the fetch. */
struct blob *fetch_blob(struct fetch *fetch);

/* The URL without what may be secret: user, password, query, fragment.  g_free(). */
char *fetch_url_shown(const char *url);

#endif
