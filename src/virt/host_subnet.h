/*
 * Addresses for the guests of a subnet on this host: dnsmasq on a port of its own in the subnet's VLAN.
 *
 *   /run/solovirt/subnets/dhcp-1a2b3c4d/
 *     dnsmasq.conf, dnsmasq.pid      DNS and DHCPv4
 *     dnsmasq6.conf, dnsmasq6.pid    DHCPv6 and announcements, where the subnet has IPv6
 *     hosts/52:54:00:12:34:56   "52:54:00:12:34:56,set:g525400123456,10.6.0.9,[fd00::9],web"    dnsmasq learns of new files by itself
 *     names/52:54:00:12:34:56   "10.6.0.9 web.default"                       the same for its DNS
 *     gone/10.6.0.9             "52:54:00:12:34:56"   who had an address since the server's start: only a fresh one gives it to another
 *
 * What a guest alone is told is in the configuration, for which dnsmasq has to start anew: its dhcp-optsdir does not survive a SIGHUP.
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
	int64_t lease_seconds6;                       /* 0: as for IPv4 */
	struct subnet_range v4, v6;
	json_t *options, *hosts;
	int dhcp, ra;
	const char *ra_mode;                          /* "stateful", "stateless", "slaac"; NULL: stateful */
	int64_t ra_interval, ra_mtu;                  /* seconds; 0: the port's */
	char port[IFNAMSIZ]; /* made of the name */
	char *directory;     /* g_free() */
};

/* A guest's line. */
struct subnet_entry {
	const char *mac, *ip, *ip6, *name; /* ip or ip6, and name, may be NULL */
	json_t *options;                   /* for it alone; may be NULL */
	int own4, own6;                    /* the subnet's options of DHCPv4, of DHCPv6 are not for it */
	int64_t lease_seconds;             /* 0: the subnet's */
};

/* A HOST of host_verbs.h; *entry borrows from it. */
int subnet_entry_read(json_t *host, struct subnet_entry *entry, struct error *err);

/* What dnsmasq has to be told after its files were changed; the larger one counts. */
enum subnet_news { SUBNET_NOTHING, SUBNET_RELOAD, SUBNET_RESTART };

/* Of the port on which a subnet's server listens. */
void subnet_port_name(const char *subnet, char port[IFNAMSIZ]);

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
/* A fresh server knows nothing of who had which address, of IPv6 or of IPv4. */
void subnet_forget_gone(const char *directory, bool v6);
/* Removes all of it. */
int subnet_remove_files(const char *directory, struct error *err);

/* EINVAL for options that are no lines of a file of dnsmasq. */
int subnet_options_check(json_t *options, struct error *err);
/* One as dnsmasq reads it behind "dhcp-option=", with what stands before it ("tag:x,"), and a newline. */
void subnet_option_add(GString *text, const char *before, json_t *option);

/* Adds lines of the configuration for what a guest alone is told, by DHCPv6 or by DHCPv4. */
void subnet_entry_add_options(GString *text, const struct subnet_entry *entry, bool v6);

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

/* EINVAL for what would be no configuration. */
int subnet_server_check(const struct subnet *subnet, struct error *err);
/* Has the servers run with exactly this configuration, and with what the news ask for.  EINVAL: dnsmasq does not take it; those that run
 * are then left alone. */
int subnet_server_run(const struct subnet *subnet, enum subnet_news news, struct error *err);
/* All that are to run do so. */
bool subnet_server_runs(const char *directory);
/* Does what the news ask for. */
int subnet_server_tell(const char *directory, enum subnet_news news, struct error *err);
/* Ends them. */
int subnet_server_stop(const char *directory, struct error *err);
/* The domain that a running server was told, or NULL.  g_free(). */
char *subnet_server_domain(const char *directory);
/* Tells a "subnet" loss when it ends. */
void subnet_server_watch(const char *directory, const char *subnet);

#endif
