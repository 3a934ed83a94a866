/*
 * The HTTP server on a unix socket: the seam over libevent's evhttp, which nothing outside http*.c sees.
 *
 * A request is handed to one function, which answers it at once or later.  An answer is a reply, a stream (a watch) or
 * an upgrade of the connection (a console); each of them ends the request.  Whoever answers need not care whether the
 * client is still there.  Loop thread only.
 */
#ifndef SOLOVIRT_DAEMON_HTTP_H
#define SOLOVIRT_DAEMON_HTTP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct event_base;
struct http_request;
struct http_server;
struct http_stream;
struct http_tunnel;
struct http_upload;

/* What a client may cost. */
enum {
	HTTP_BODY_MOST = 3 << 20,     /* bytes of a request's body; 413 beyond */
	HTTP_HEADERS_MOST = 64 << 10, /* bytes of its request line and headers; 400 beyond */
	HTTP_QUEUE_MOST = 1 << 20,    /* bytes waiting for a slow reader of a stream or tunnel before it is dropped */
	HTTP_OUTPUT_MOST = 128 << 20, /* bytes waiting for all readers; beyond, answers above HTTP_QUEUE_MOST are refused: 503 */
	HTTP_CONNECTIONS = 1024,      /* open at once; more wait in the socket's backlog */
	HTTP_CONNECTIONS_PER_USER = 128, /* of them one user's, except root */
	HTTP_STREAMS = 512,              /* of them streams and tunnels: requests always find room */
	HTTP_REQUEST_MS = 60000,         /* from accept, or the last answer, until the next request has come in whole */
};

/* Who connected, as the kernel says (SO_PEERCRED, SO_PEERGROUPS): credentials of connect(), which cannot change
 * later. */
struct http_peer {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary ones; may hold gid too */
	size_t group_count;
};

/*
 * Listens on path (mode 0666: access is decided by the peer's credentials), or on the socket that systemd passed.  A
 * socket file that nobody answers on is replaced; EADDRINUSE when somebody does, EEXIST when the file is no socket.
 * handle gets every request.  SIGPIPE is ignored from then on.  NULL on errors.
 */
struct http_server *http_server_new(struct event_base *base, const char *path,
    void (*handle)(void *arg, struct http_request *request), void *arg, struct error *err);
/* Closes everything; streams and tunnels are told that they are gone; requests that are still open may be answered
 * later, in vain. */
void http_server_free(struct http_server *server);
/* What was given as arg. */
void *http_server_arg(const struct http_server *server);

/* --- what is asked: text is borrowed until the request is answered -------------------------------------------- */

/* NULL, or one sentence why the request is refused whatever it asks (doubtful framing, bad encoding): answer 400. */
const char *http_problem(const struct http_request *request);
/* "GET" ... */
const char *http_method(const struct http_request *request);
/* The path as written, for messages. */
const char *http_path(const struct http_request *request);
/* The path's parts between slashes, decoded: no NUL, valid UTF-8, never "", "." or ".."; NULL behind the last. */
const char *const *http_segments(const struct http_request *request);
/* The first value of a query parameter, decoded; NULL when absent, "" when it has none. */
const char *http_query(const struct http_request *request, const char *name);
/* A header's value by its name in any case, or NULL. */
const char *http_header(const struct http_request *request, const char *name);
/* The body; *length bytes, not terminated. */
const char *http_body(struct http_request *request, size_t *length);
const struct http_peer *http_peer(const struct http_request *request);

/* --- answers -------------------------------------------------------------------------------------------------- */

/* Adds a header to the answer to come; control characters in value become spaces. */
void http_add_header(struct http_request *request, const char *name, const char *value);
/* Answers and frees the request.  type NULL: no Content-Type.  A large body may become 503 (HTTP_OUTPUT_MOST). */
void http_reply(struct http_request *request, int code, const char *type, const char *body, size_t length);

/*
 * Answers 200 with a body that goes on, and frees the request.  first: what is sent at once; it may be longer than the
 * queue of a slow reader.  gone(arg) is called once, later, when the client has left or was dropped; then only
 * http_stream_end() is allowed. NULL when there are too many streams, too much waits for readers, or the client has left: the request is
 * then still to be answered.
 */
struct http_stream *http_stream_start(struct http_request *request, const char *type, const char *first, size_t length,
    void (*gone)(void *arg), void *arg);
/* Sends more.  0, or -1 when the client is gone or too slow (gone will be called). */
int http_stream_write(struct http_stream *stream, const char *bytes, size_t length);
/* Ends the body properly, closes, frees; gone is not called any more. */
void http_stream_end(struct http_stream *stream);

/* Whom a tunnel tells.  Static. */
struct http_tunnel_class {
	void (*data)(void *arg, const unsigned char *bytes, size_t length); /* bytes came in */
	void (*drained)(void *arg);                                         /* everything written has been sent */
	void (*gone)(void *arg);                                            /* once: the client left; close it */
};
/*
 * Answers 101 with the headers added so far, and frees the request; from then on the connection carries bytes both
 * ways.  NULL as above.  Nothing is told from inside this call.
 */
struct http_tunnel *http_upgrade(
    struct http_request *request, const char *protocol, const struct http_tunnel_class *class, void *arg);
/* Queues bytes; the writer keeps http_tunnel_queued() within HTTP_QUEUE_MOST, else the client is dropped. */
void http_tunnel_write(struct http_tunnel *tunnel, const void *bytes, size_t length);
size_t http_tunnel_queued(const struct http_tunnel *tunnel);
/* Stops or goes on reading from the client. */
void http_tunnel_pause(struct http_tunnel *tunnel, bool pause);
/* Tells nothing any more, sends what is queued (for some seconds), closes, frees.  Allowed from inside the
 * callbacks. */
void http_tunnel_close(struct http_tunnel *tunnel);

/* Whom an upload tells.  Static. */
struct http_upload_class {
	void (*data)(void *arg, const unsigned char *bytes, size_t length); /* more of the body; more than fits while paused, but within bounds */
	void (*end)(void *arg);                                             /* the body is whole */
	void (*gone)(void *arg);                                            /* once: the client left; http_upload_free() it */
};
/*
 * Takes the body of a request as it comes, and frees the request.  Of any size for POST /v1beta1/upload*, as the first request of a connection
 * or behind an answered one; else one that came whole before.  NULL as above.  Nothing is told from inside this call.
 */
struct http_upload *http_upload_start(struct http_request *request, const struct http_upload_class *class, void *arg);
bool http_has_body(const struct http_request *request);
/* Bytes of the body as the request says; 0: it does not. */
int64_t http_body_length(const struct http_request *request);
/* Stops or goes on reading the body. */
void http_upload_pause(struct http_upload *upload, bool pause);
/* Answers, perhaps before the body is whole, closes the connection, frees; as the next from inside the callbacks too, but not from data. */
void http_upload_answer(struct http_upload *upload, int code, const char *type, const char *body, size_t length);
/* Closes the connection, frees. */
void http_upload_free(struct http_upload *upload);

#endif
