/*
 * An HTTP answer (RFC 9112), read piece by piece as it comes: what the command line needs of it, from a server that it trusts.
 *
 *   status line CRLF, headers CRLF ... CRLF, body: Content-Length bytes | chunks | all until the connection's end
 */
#ifndef SOLOVIRT_CLI_REPLY_H
#define SOLOVIRT_CLI_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct reply;

/* Who is told what has come.  false from body ends the reading. */
struct reply_sink {
	void (*header)(void *arg, const char *line); /* "Name: value", without its end */
	bool (*body)(void *arg, const char *bytes, size_t length);
	void *arg;
};

/* sink is copied. */
struct reply *reply_new(const struct reply_sink *sink);
void reply_free(struct reply *reply);

/* Takes the next bytes.  1: the answer is whole, or the sink has enough; 0: more will come; -1 EPROTO: this is no HTTP. */
int reply_feed(struct reply *reply, const char *bytes, size_t length, struct error *err);

/* The connection has ended.  -1 EPROTO when it should not have yet. */
int reply_end(const struct reply *reply, struct error *err);

/* Of the status line; 0 before it has come. */
int reply_status(const struct reply *reply);

#endif
