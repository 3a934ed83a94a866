/*
 * Whether somebody on the wire has an address before a guest uses it: an ARP probe (RFC 5227) or a neighbour solicitation (RFC 4862) from
 * the port of the subnet's DHCP server, in a thread beside the start of the guest.
 */
#ifndef SOLOVIRT_VIRT_HOST_PROBE_H
#define SOLOVIRT_VIRT_HOST_PROBE_H

#include <jansson.h>
#include <stdbool.h>

struct error;
struct probe;

/* Milliseconds that a probe takes, whatever it finds. */
enum { PROBE_MS = 400 };

/* EINVAL for what is no list of [{"subnet","mac","ip"?,"ip6"?}]; NULL is one without members. */
int probe_check(json_t *probes, struct error *err);
/* Begins to ask for a list that was checked; NULL: there is nothing to ask.  On any thread; probe_end() it. */
struct probe *probe_begin(json_t *probes);
/* Waits for its end: [{"subnet","ip","mac"}], the address and who answered for it, who is not the guest itself; the caller
 * json_decref()s.  *asked false: a subnet has no port here, or the question could not be sent. */
json_t *probe_end(struct probe *probe, bool *asked);

#endif
