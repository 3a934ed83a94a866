/* The ledger in use: who has which MAC on which network, and on the default one which IP, as its DHCP server is told. */
#ifndef SOLOVIRT_DAEMON_ADDRESSES_H
#define SOLOVIRT_DAEMON_ADDRESSES_H

#include <stdbool.h>

#include "daemon/daemon.h"
#include "daemon/networks.h"
#include "daemon/store.h"

struct error;
struct host;

/* What an interface asks for; NULL: whatever is free. */
struct address_wish {
	const char *mac;
	const char *ips[IP_FAMILIES];
	bool without[IP_FAMILIES]; /* no address of that family */
	const char *held;          /* owner of an entry that is kept for it */
	bool lowest;               /* the first that is free */
};

/* The address of an interface; entered into the ledger at its first start, the same ever after unless it asks for another one or
 * its subnet changed.  On a network without addresses of ours (ip and ip6 are "") it has a MAC only: there, whoever runs the
 * network gives addresses.  An interface that was on another network before takes its MAC along.  Borrowed until the turn ends;
 * NULL with err: EEXIST, EINVAL or ENOSPC of net/ledger.h. */
const struct address *address_ensure(struct daemon *daemon, const struct attachment *attachment, const char *owner,
    const struct address_wish *wish, struct error *err);
/* Owners in the ledger: an interface of a machine; an IP or a Vip that keeps an address; a Subnet's DHCP server on a host.  Caller
 * g_free()s. */
char *address_owner(const char *namespace, const char *name, const char *interface);
char *address_owner_of_ip(const char *name);
char *address_owner_of_vip(const char *name);
char *address_owner_of_dhcp(const char *host, const char *subnet);
/* What an interface of an instance has on the network that it names; NULL when there is none. */
const struct address *address_find(struct daemon *daemon, const struct object *instance, const struct interface *interface);
/* Those of both families, IPv4 first, NULL at the end; borrowed from ADDRESS, which may be NULL. */
void address_texts(const struct address *address, const char *texts[3]);

/* The machine is gone: its addresses may be given to others when there are no fresh ones left; it gets them back when it
 * returns before that. */
void addresses_release(struct daemon *daemon, const char *namespace, const char *name);

/* The same for one interface of it, which was plugged out. */
void addresses_release_interface(struct daemon *daemon, const char *namespace, const char *name, const char *interface);

/* What the DHCP server of a host is known to have, and is told to have from now on. */
bool addresses_dhcp_has(const struct host *host, const char *mac, const char *ip);
void addresses_dhcp_note(struct host *host, const char *mac, const char *ip);
char *addresses_dhcp_key(const char *mac, const char *ip); /* in host->dhcp; caller g_free()s */

/* Makes the DHCP server of a host know exactly the addresses in use. */
void addresses_sync(struct daemon *daemon, struct host *host);

#endif
