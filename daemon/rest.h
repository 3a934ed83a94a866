/*
 * The Kubernetes API over HTTP: paths, objects, lists, watches, tables, Status errors, subresources, discovery.
 * What goes over the wire is what kubectl and virtctl expect; rules between requests and the store live in objects.h.
 */
#ifndef SOLOVIRT_DAEMON_REST_H
#define SOLOVIRT_DAEMON_REST_H

struct daemon;
struct error;

/* Starts serving on config->socket; the store must be open.  Sets daemon->http.  0, or -1 when the socket cannot be
 * had. */
int rest_start(struct daemon *daemon, struct error *err);
/* Takes daemon->config's access lists anew (after SIGHUP). */
void rest_reload(struct daemon *daemon);
/* Stops serving.  Call it when the loop runs no more and after store_close(), which still tells of its last commit.
 * Calls that wait for a worker may end later, in vain. */
void rest_stop(struct daemon *daemon);

#endif
