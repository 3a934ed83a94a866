/* What the files of a fetch share; see fetch.h. */
#ifndef SOLOVIRT_STORAGE_FETCH_PRIVATE_H
#define SOLOVIRT_STORAGE_FETCH_PRIVATE_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "storage/blob.h"
#include "storage/fetch.h"

enum {
	FETCH_LINKS = 4,          /* connections at a time */
	FETCH_VALIDATOR = 256,
	FETCH_WAIT_FIRST_MS = 250, FETCH_WAIT_MOST_MS = 8000, /* between attempts */
};

/* Of one response. */
struct fetch_response {
	bool judged;
	size_t header_bytes;
	char etag[FETCH_VALIDATOR], modified[FETCH_VALIDATOR], type[FETCH_VALIDATOR];
	char scheme[16]; /* of the URL that it redirects to, when that is a whole one; else "" */
	int64_t from, of; /* Content-Range; -1: none */
};

/* One connection, used by one thread at a time. */
struct fetch_link {
	struct fetch *fetch;
	CURL *curl;
	struct curl_slist *headers;
	char problem[CURL_ERROR_SIZE];
	struct fetch_response response;
	int64_t at, to;      /* next byte of the file; where the request ends, -1: with the file */
	int64_t started;     /* at, when the request began */
	int (*deliver)(void *arg, const uint8_t *data, size_t length, struct error *err); /* as fetch_sink */
	void *arg;
	bool moved;          /* asks where a redirect led to */
	bool stopped, failed, transient, crowded; /* why it ended early; "failed" has err */
	struct error err;
};

enum fetch_end { FETCH_DONE, FETCH_STOPPED, FETCH_AGAIN, FETCH_FAILED };

struct fetch {
	struct blob blob; /* of class fetch_blob_class */
	const struct fetch_request *request;
	char *shown;      /* URL for messages */
	fetch_tick *tick;
	void *tick_arg;
	bool plain;       /* asks for no ranges */
	bool begun;       /* the first response has been judged: what follows is of the file we are after */
	int64_t total;    /* bytes, 0: not known */
	bool ranges;
	char etag[FETCH_VALIDATOR], modified[FETCH_VALIDATOR];
	char *location;   /* where redirects led to, or NULL */
	bool same_host;   /* ... which may see the credentials */
	atomic_bool lost; /* ... where it is no longer */
	atomic_bool quit; /* links end what they do */
	struct fetch_link links[FETCH_LINKS];
};

/* One request for the bytes from link->at on, up to link->to; link->at has moved on by what was delivered.  AGAIN: it broke,
 * may be tried anew (crowded: with fewer at a time, rather); FAILED: never.  Both with err. */
enum fetch_end fetch_get(struct fetch_link *link, struct error *err);
/* What to send as If-Range; NULL: nothing is known. */
const char *fetch_validator(const struct fetch *fetch);

/* What every request has: protocols, certificates, patience. */
void fetch_set_options(CURL *curl, const struct fetch_request *request);
/* The errno that a failure of libcurl is told as. */
int fetch_errno(CURLcode code);

extern const struct blob_class fetch_blob_class;

#endif
