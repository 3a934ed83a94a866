/* The Subnets of kubeovn.io as interfaces meet them: whose wire, which addresses, what an instance's annotations ask of them. */
#ifndef SOLOVIRT_DAEMON_SUBNETS_H
#define SOLOVIRT_DAEMON_SUBNETS_H

#include "daemon/addresses.h"
#include "daemon/daemon.h"
#include "daemon/networks.h"

struct error;
struct host;
struct ip_address;
struct object;

/* The value of an annotation of an instance for an interface, such as "ip_address", or NULL; borrowed.  Kube-OVN's order: the key with
 * the interface behind it, then the network's providers. */
const char *network_annotation(const struct vmi *vmi, const struct attachment *attachment, const char *interface, const char *key);

/* The Subnet whose spec.provider is one of these (char *), or NULL; borrowed until the turn ends. */
const struct object *subnet_of_providers(struct daemon *daemon, const GPtrArray *providers);
/* Makes config the port of the Subnet's Vlan.  ENOENT: Vlan or ProviderNetwork do not exist; EINVAL: it has none. */
int subnet_wire(struct daemon *daemon, const struct object *object, struct network_config *config, struct error *err);
/* Its addresses, without those of its IPPools; *addressed false: it has none (Mac).  subnet_clear() whatever was returned. */
int subnet_addresses(struct daemon *daemon, const struct object *object, struct subnet *subnet, bool *addressed, struct error *err);
/* Its segment of the ledger; NULL with err.  Caller g_free()s. */
char *subnet_segment(struct daemon *daemon, const struct object *object, struct error *err);

/* What an instance asks for, for an interface on a Subnet or on the default network. */
struct subnet_wish {
	struct address_wish wish; /* borrows from the rest */
	char *ips[IP_FAMILIES], *mac, *held;
};
/* Reads annotations, macAddress and the IP that is kept for it; pools restrict attachment->subnet.  EINVAL says what would be right.
 * Clear wish whatever was returned. */
int subnet_wish_read(struct daemon *daemon, const struct object *instance, const struct interface *interface,
    struct attachment *attachment, struct subnet_wish *wish, struct error *err);
void subnet_wish_clear(struct subnet_wish *wish);

/* The annotations dhcp-v4-options and dhcp-v6-options of an interface; a sentence about each option that means nothing here is added to ignored
 * (char *).  EINVAL says what would be right. */
int subnet_own_options_check(const struct vmi *vmi, const struct interface *interface, const struct attachment *at, GPtrArray *ignored,
    struct error *err);

/* The IP keeps its address for a machine; else it shows what one has. */
bool ip_is_kept(const struct ip_address *ip);
/* Writes the IP object of an address in use, in this turn. */
int subnet_show(struct daemon *daemon, const struct object *instance, const struct attachment *attachment, const struct address *address,
    struct error *err);
/* The same of one that is known by its name; host may be NULL. */
int subnet_show_entry(struct daemon *daemon, const char *name, const char *namespace, const char *machine, const char *host,
    const struct object *subnet, const struct address *address, struct error *err);
/* The address of an owner was released: its IP goes, unless it is kept; the Subnet counts anew. */
void subnet_hide(struct daemon *daemon, const char *segment, const char *owner);

/* What subnet-serve (host_verbs.h) is told for a host: all its guests on the Subnet, and those of hosts that cannot run a server, where this
 * one stands in for them.  NULL without err: there are none, or no DHCP. */
json_t *subnet_service(struct daemon *daemon, const struct host *host, const struct object *object, struct error *err);
/* A Subnet with DHCP has nobody who serves guests of this host: it is another machine, and no host stands in for it. */
bool subnet_is_unserved(struct daemon *daemon, const struct host *host, const struct object *object);

#endif
