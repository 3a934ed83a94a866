/* One download over HTTP or HTTPS.  Nothing but these two is ever spoken, wherever a redirect points. */
#ifndef SOLOVIRT_STORAGE_FETCH_H
#define SOLOVIRT_STORAGE_FETCH_H

#include <stdint.h>

#include "src/base/error.h"

struct fetch_request {
	const char *url;
	char **headers;             /* whole lines, NULL-terminated, or NULL */
	const char *user, *password; /* or NULL */
	const char *ca_pem;         /* trusted beside the system's certificates, or NULL */
	long connect_seconds;       /* patience with a connection that does not come about */
	long stall_seconds;         /* ... and with one on which nothing comes */
	unsigned attempts;          /* how often in a row a broken connection may bring next to nothing */
};

/* Takes the bytes in order; a refusal (-1) ends the download with its error.  total: bytes expected, 0: not known. */
typedef int fetch_sink(void *arg, const uint8_t *data, size_t length, int64_t total, struct error *err);

/*
 * Downloads.  A connection that breaks is resumed where it broke (Range with If-Range, so that a file which was
 * replaced meanwhile is not pasted together), a few times.  *received: bytes handed to the sink.  Errors: EINVAL for a
 * URL that will never do; EIO, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH: try later.  Texts hold neither credentials nor
 * the query of the URL.
 */
int fetch(const struct fetch_request *request, fetch_sink *sink, void *arg, int64_t *received, struct error *err);

/* The URL without what may be secret: user, password, query, fragment.  g_free(). */
char *fetch_url_shown(const char *url);

#endif
