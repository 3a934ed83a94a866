/* What http.c, http_request.c and http_stream.c share.  Only they see evhttp. */
#ifndef SOLOVIRT_DAEMON_HTTP_INTERNAL_H
#define SOLOVIRT_DAEMON_HTTP_INTERNAL_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdint.h>

#include "daemon/http.h"

/* One client's connection, from accept until evhttp closes it. */
struct http_connection {
	struct http_server *server;
	struct evhttp_connection *evcon; /* evhttp owns it and tells us when it goes */
	struct http_peer peer;
	int64_t deadline; /* monotonic ms by which a whole request must have come; 0: one is being answered */
	struct http_request *request; /* being answered, or NULL; so are the next two; never two of them */
	struct http_stream *stream;
	struct http_tunnel *tunnel;
};

struct http_request {
	struct http_connection *connection; /* NULL when the client is gone */
	struct evhttp_request *ev;          /* NULL too then */
	struct http_peer peer;              /* a copy: it outlives the connection */
	const char *problem, *method;
	char *path;
	char **segments;
	GPtrArray *pairs; /* of the query, decoded: name, value, name, value ... */
	GHashTable *headers;
	char *body;
	size_t body_length;
	bool streamed;    /* its body is still to come: http_upload_start() */
};

/* Counts a stream or tunnel in; false when there are enough. */
bool http_server_admit(struct http_connection *connection);
void http_server_release(struct http_connection *connection);
/* So many bytes more may wait for their readers. */
bool http_server_has_room(const struct http_connection *connection, size_t length);
/* Ends a connection soon, from outside evhttp's own calls: its socket is shut down, evhttp sees that and frees it. */
void http_connection_kill(struct http_connection *connection);
struct bufferevent *http_connection_bufferevent(const struct http_connection *connection);

/* A request that evhttp has read; checks it strictly (http_problem()). */
struct http_request *http_request_new(struct http_connection *connection, struct evhttp_request *ev);
/* The connection is gone: the request becomes one that is answered in vain. */
void http_request_detach(struct http_request *request);
void http_request_free(struct http_request *request);
/* The connection is gone: tell. */
void http_stream_detach(struct http_stream *stream);
void http_tunnel_detach(struct http_tunnel *tunnel);
/* Ends the connection of a tunnel soon; gone is told. */
void http_tunnel_kill(struct http_tunnel *tunnel);
/* A tunnel without a word to the client: the answer is for the caller to write, and the request to free.  NULL as http_upgrade(). */
struct http_tunnel *http_take_over(struct http_request *request, const struct http_tunnel_class *class, void *arg);

/* http_upload.c: the first bytes of a request arrived: when it is an upload evhttp gets to see one without a body. */
void http_upload_mark(struct evbuffer *input);
/* True for such a request; method and path are what the client wrote again. */
bool http_upload_unmark(const char **method, char *path);
/* http_reply() to a streamed request. */
void http_upload_refuse(struct http_request *request, int code, const char *type, const char *body, size_t length);
/* Between two requests: looks at the first bytes of the next. */
void http_connection_expect(struct http_connection *connection);

/* "Not Found" for 404. */
const char *http_reason(int code);

#endif
