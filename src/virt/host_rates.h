/*
 * How much a guest's port may send and get in a second, and who gets a copy of that.
 *
 *   to the guest     a queue of the port's own (linux-htb); a QoS row of ours
 *   from the guest   a meter that has the port's number and that its flows name (net/flows.h)
 *   a copy           the mirror of the bridge, whose port RATES_MIRROR + name of the bridge is there to listen on, as with tcpdump(8)
 *
 * Part of what host_guard.c does for a port, under its lock; waits as host_ovs.h says.  Sources: ovs-vswitchd.conf.db(5), ovs-ofctl(8).
 */
#ifndef SOLOVIRT_VIRT_HOST_RATES_H
#define SOLOVIRT_VIRT_HOST_RATES_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/virt/host_ovs.h"

struct error;

#define RATES_MIRROR "mr-"

/* What is asked for a port: kbit/s and kbit; 0: no limit. */
struct port_wish {
	const struct ovs_port *port;
	int64_t to, to_burst, from, from_burst;
	bool mirror;
	bool left; /* nothing is asked: it stays as it is */
};

/* EINVAL for a guard whose "rates" or "mirror" (host_verbs.h) cannot be read. */
int rates_check(json_t *guard, struct error *err);
/* Reads them; a guard that was checked. */
struct port_wish rates_read(json_t *guard, const struct ovs_port *port);

/* Makes the meters of these ports (struct port_wish) of the bridge; before the flows that name them. */
int rates_meters_ensure(const struct ovs_bridge *bridge, const GArray *wishes, struct error *err);
/* Takes meters away that none of these ports has, where the bridge is ours; after the flows. */
int rates_meters_sweep(const struct ovs_bridge *bridge, const GArray *wishes, struct error *err);
/* Makes queues and mirrors.  all: nobody else has any of ours. */
int rates_apply(const struct ovs *ovs, const GArray *wishes, bool all, struct error *err);

#endif
