/*
 * Addresses for the guests of a subnet on this host: one dnsmasq on a port of its own in the subnet's VLAN.
 *
 *   /run/solovirt/subnets/dhcp-1a2b3c4d/
 *     dnsmasq.conf, dnsmasq.pid
 *     hosts/52:54:00:12:34:56   "52:54:00:12:34:56,10.6.0.9,[fd00::9],web"    dnsmasq learns of new files by itself
 *     names/52:54:00:12:34:56   "10.6.0.9 web.default"                       the same for its DNS
 *     gone/10.6.0.9             "52:54:00:12:34:56"   who had an address since the server's start: only a fresh one gives it to another
 *
 * Leases are in its memory alone: each client's address is fixed, so nothing is lost with them.
 */
#ifndef SOLOVIRT_VIRT_HOST_SUBNET_H
#define SOLOVIRT_VIRT_HOST_SUBNET_H

#include <arpa/inet.h>
#include <glib.h>
#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* A network of either family; family 0: none. */
struct subnet_range {
	int family, prefix;
	char address[INET6_ADDRSTRLEN], network[INET6_ADDRSTRLEN]; /* the server's own, and the first */
	char mask[INET_ADDRSTRLEN];                                 /* of IPv4 */
};

/* What subnet-serve asks for; words are borrowed from its arguments. */
struct subnet {
	const char *name, *bridge, *gateway, *domain; /* gateway, domain may be NULL */
	int64_t vlan, mtu, lease_seconds;             /* mtu 0: the network's own */
	struct subnet_range v4, v6;
	json_t *options, *hosts;
	int ra;
	char port[IFNAMSIZ]; /* made of the name */
	char *directory;     /* g_free() */
};

/* A guest's line. */
struct subnet_entry {
	const char *mac, *ip, *ip6, *name; /* ip or ip6, and name, may be NULL */
};

/* What dnsmasq has to be told after its files were changed; the larger one counts. */
enum subnet_news { SUBNET_NOTHING, SUBNET_RELOAD, SUBNET_RESTART };

/* --- host_subnet_entries.c ------------------------------------------------------------------------------------------- */

/* Makes the directories.  0 or -1, as all of these. */
int subnet_prepare(const char *directory, struct error *err);
/* EINVAL for what would be no line of a file of dnsmasq; ip "" counts as none. */
int subnet_entry_check(struct subnet_entry *entry, struct error *err);
/* Adds one, and removes others with its addresses.  Writes *news up. */
int subnet_entry_set(const char *directory, const char *domain, const struct subnet_entry *entry, enum subnet_news *news, struct error *err);
int subnet_entry_remove(const char *directory, const char *mac, enum subnet_news *news, struct error *err);
/* Has exactly those of a list there. */
int subnet_entries_sync(const char *directory, const char *domain, json_t *hosts, enum subnet_news *news, struct error *err);
/* A fresh server knows nothing of who had which address. */
void subnet_forget_gone(const char *directory);
/* Removes all of it. */
int subnet_remove_files(const char *directory, struct error *err);

/* --- host_subnet_memory.c -------------------------------------------------------------------------------------------- */

/* What the files of a subnet's hosts said when this process wrote them last: of a thousand mostly one is new.  Under the lock of
 * subnets. */
struct subnet_memory;

/* That of a directory and a domain; borrowed.  It is empty when somebody else added or removed files since, and after an open() without
 * a close(). */
struct subnet_memory *subnet_memory_open(const char *directory, const char *domain);
/* All is in the files. */
void subnet_memory_close(struct subnet_memory *memory);
/* Forgets those who are not in a set of MACs in lower case. */
void subnet_memory_keep(struct subnet_memory *memory, GHashTable *macs);
/* A host of subnet-serve stands in the files just so; takes a reference. */
void subnet_memory_add(struct subnet_memory *memory, json_t *host);
bool subnet_memory_has(const struct subnet_memory *memory, json_t *host);
/* The addresses of a remembered MAC, "" for none.  memory may be NULL. */
bool subnet_memory_addresses(const struct subnet_memory *memory, const char *mac, char ip[INET_ADDRSTRLEN], char ip6[INET6_ADDRSTRLEN]);
/* The port of a subnet is as it has to be.  For two seconds that is believed while its device is there: Open vSwitch is not asked for
 * each of a hundred machines that start at once. */
void subnet_memory_saw_port(const struct subnet *subnet);
bool subnet_memory_knows_port(const struct subnet *subnet);

/* --- host_subnet_server.c -------------------------------------------------------------------------------------------- */

/* Has the server run with exactly this configuration; *started when one had to be started for that.  EINVAL: dnsmasq does not
 * take it; one that runs is then left alone. */
int subnet_server_run(const struct subnet *subnet, bool *started, struct error *err);
/* Does what the news ask for. */
int subnet_server_tell(const char *directory, enum subnet_news news, struct error *err);
/* Ends it. */
int subnet_server_stop(const char *directory, struct error *err);
/* The domain that a running server was told, or NULL.  g_free(). */
char *subnet_server_domain(const char *directory);
/* Tells a "subnet" loss when it ends. */
void subnet_server_watch(const char *directory, const char *subnet);

#endif
