/* What would become of a packet that a guest sends. */
#ifndef SOLOVIRT_DAEMON_VERB_TRACE_H
#define SOLOVIRT_DAEMON_VERB_TRACE_H

#include <stddef.h>

struct daemon;
struct error;
struct object;

/* A packet from an interface of a running instance; what is NULL is left open. */
struct trace_wish {
	const char *interface; /* NULL: the first in Open vSwitch */
	const char *to;        /* an IP address */
	const char *protocol;  /* "icmp", "tcp", "udp"; NULL: icmp */
	const char *port;      /* of the destination, with tcp and udp */
};
/* done gets {"interface","packet","forwarded":bool,"rule","text"} as JSON text (host_verbs.h, port-trace), or why not: EINVAL, EBUSY (verb_host()),
 * ENOENT: no such interface, or it is none of Open vSwitch.  Later, or from inside when it is refused. */
void verb_trace(struct daemon *daemon, const struct object *vmi, const struct trace_wish *wish,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg);

#endif
