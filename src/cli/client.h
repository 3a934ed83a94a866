/* The client's side of the API: requests over the daemon's Unix socket, blocking, one at a time. */
#ifndef SOLOVIRT_CLI_CLIENT_H
#define SOLOVIRT_CLI_CLIENT_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/cli/cli.h"

/* What a table is asked with, as kubectl does. */
#define ACCEPT_TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define TYPE_MERGE_PATCH "application/merge-patch+json"

/* A body that is read from a descriptor as it is sent. */
struct request_stream {
	int fd;
	int64_t size;                             /* bytes; -1: up to its end */
	void (*sent)(void *arg, int64_t bytes);   /* so many so far; may be NULL */
	void *arg;
};

struct request {
	const char *method;  /* NULL: GET */
	const char *path;    /* with its query, escaped */
	const char *accept;  /* NULL: application/json */
	const char *type;    /* of the body; NULL: application/json */
	const json_t *body;  /* NULL: none */
	const struct request_stream *stream; /* instead of body, or NULL; then there is no time limit unless one is given */
	const char *token;   /* that gives the right to it, or NULL */
	int64_t timeout_ms;  /* for the whole answer; 0: two minutes, for a watch none */
	bool quiet;          /* Warning headers are not shown */
	/* A watch: called for each document of a stream; false ends it.  NULL: the answer is one document. */
	bool (*event)(void *arg, const json_t *document);
	void *arg;
};

/* How a request ended.  Starts zeroed; cleared by answer_clear(). */
struct answer {
	long status;   /* of HTTP; 0: there was no answer */
	json_t *body;  /* when it was JSON */
	GString *text; /* as it came */
	char *trouble; /* why there was no answer, for a person */
};
void answer_clear(struct answer *answer);
#define ANSWER __attribute__((cleanup(answer_clear))) struct answer

/* Opens nothing yet; the string is copied. */
struct client *client_new(const char *socket);
void client_free(struct client *client);

/*
 * Sends and waits.  answer is cleared first; answer->body holds the document of a success or a Status.
 * EXIT_DONE for 2xx (also when a watch was ended by its callback or by the server), EXIT_NOT_FOUND 404, EXIT_CONFLICT 409,
 * EXIT_TIMEOUT, EXIT_UNREACHABLE, else EXIT_ERROR.  Prints nothing but Warning headers.
 */
enum exit_code client_call(struct client *client, const struct request *request, struct answer *answer);

/* Says on stderr why a call failed: "Error from server (Reason): about: message" and its causes, or what is in the way of
 * reaching the daemon.  about may be NULL.  Returns code. */
enum exit_code answer_complain(const struct answer *answer, enum exit_code code, const char *about);

/* A stream socket connected to path, or -1 with errno; EAGAIN: nobody took the connection in time. */
int client_connect(const char *path, int64_t timeout_ms);
/* The sentence and hint for a daemon that cannot be reached, by errno; caller g_free()s. */
char *client_trouble(const char *path, int error);

#endif
