/* Which addresses a subnet has, and which of them guests may get by themselves. */
#ifndef SOLOVIRT_NET_SUBNET_H
#define SOLOVIRT_NET_SUBNET_H

#include <stdbool.h>

#include "net/number.h"

struct error;

/* What a subnet has of one family. */
struct subnet_family {
	bool present;
	int prefix;
	ip_number network, gateway;
	struct number_range guests; /* what they may have at all, the gateway among it or not */
	GArray *excluded;       /* struct number_range, merged: given only to who asks for it by name; NULL: none */
	GArray *only;           /* struct number_range, merged: nothing else is given to who asks for none; NULL: all */
};

struct subnet {
	struct subnet_family families[IP_FAMILIES];
};

/* Reads "192.168.77.0/24" (/8 to /30, no host bits), of which the first address is the gateway; EINVAL says what would be right. */
int subnet_parse(const char *cidr, struct subnet *subnet, struct error *err);

/*
 * Reads a Subnet of Kube-OVN: "10.6.0.0/24", "fd00:6::/64" or both with a comma; gateway likewise, NULL or a missing family:
 * the first address; excluded: addresses and ranges ("10.6.0.1..10.6.0.9"), NULL-terminated or NULL.  Bits behind a prefix are
 * cleared.  EINVAL says what would be right.  Clear subnet whatever was returned.
 */
int subnet_read(const char *cidr, const char *gateway, const char *const *excluded, struct subnet *subnet, struct error *err);
void subnet_clear(struct subnet *subnet);

/* Gives only these from now on: addresses, ranges and prefixes of either family; EINVAL names one that is not in the subnet. */
int subnet_restrict(struct subnet *subnet, const char *const *ranges, struct error *err);
/* Gives these to nobody who does not ask for them. */
int subnet_exclude(struct subnet *subnet, const char *const *ranges, struct error *err);

/* The addresses that guests can have without asking for one, as merged ranges (struct number_range); the caller g_array_unref()s. */
GArray *subnet_ranges(const struct subnet_family *family);
/* Number of addresses that guests can have without asking for one. */
ip_number subnet_guests(const struct subnet_family *family);
/* The address is given to who asks for none. */
bool subnet_gives(const struct subnet_family *family, ip_number number);
/* The address may be asked for: within the subnet, and not its gateway. */
bool subnet_has(const struct subnet_family *family, ip_number number);

#endif
