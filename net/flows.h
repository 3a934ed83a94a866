/*
 * What a guest's port may send and get, as flows of Open vSwitch: pure.  The host's worker puts the port's number where a flow says
 * {port}, adds its cookie and installs them.  No flow is shared between ports: those of one come and go alone.
 *
 *   table 0   who sends: in_port={port}; a false sender and what only routers and DHCP servers send end here
 *   table 1   packets of the port: what every guest needs goes on to 20, IP of members of security groups through ct to 10
 *   table 10  egress rules of tier 0;  table 11  of tier 1, members of the same group, then drop
 *   table 20  who gets it: dl_dst=MAC of a member of groups, IP through ct to 21; all else is switched (NORMAL)
 *   table 21  ingress rules of tier 0; table 22  of tier 1, members of the same group, then drop
 *
 * A packet between two guests of a bridge passes the sender's tables and then the receiver's, each with its own zone of connection
 * tracking.  Packets to a group of hosts (broadcast, multicast) are looked at as they leave a guest, not as they come: which ports they
 * go to is the switch's choice.  Ingress flows know the guest by its MAC: on a bridge it must be of one port only.
 */
#ifndef SOLOVIRT_NET_FLOWS_H
#define SOLOVIRT_NET_FLOWS_H

#include <glib.h>
#include <stdbool.h>

#include "src/api/security_group.h"

struct error;

/* An address that a port may send from: its own, a Vip's (aaps), or one of port_vips. */
struct flow_pair {
	const char *address; /* an address or a subnet, of either version */
	const char *mac;     /* NULL: the port's */
};

struct flow_port {
	const char *segment;      /* of the ledger: with the MAC it makes the zone of connection tracking */
	const char *mac;
	bool port_security;       /* false: sender and addresses are not looked at */
	bool metered;             /* what it sends passes the meter that has the port's number */
	bool layer2_forward;      /* frames of other MACs pass, too: a bridge is in the guest */
	const struct flow_pair *pairs; /* with port security; none: the MAC alone is looked at */
	size_t pair_count;
	const struct security_group *const *groups; /* that it is a member of; none: all IP passes */
	size_t group_count;
	/* The addresses of a group's members, of both versions, NULL-terminated and borrowed; NULL: there is no such group. */
	const char *const *(*members)(void *arg, const char *group);
	void *arg;
};

/*
 * The flows of a port (char *; none when nothing is asked of it), each as ovs-ofctl add-flow reads it but for {port}; the order does not matter.  The same port gives the
 * same flows.  NULL with EINVAL: a MAC or an address is none; with E2BIG: more than FLOWS_MOST.  The caller g_ptr_array_unref()s.
 */
GPtrArray *flows_of_port(const struct flow_port *port, struct error *err);
enum { FLOWS_MOST = 20000 };

#endif
