/* IP addresses, subnets and ranges as values that can be compared, of both versions. */
#ifndef SOLOVIRT_BASE_IP_H
#define SOLOVIRT_BASE_IP_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* In network order; one of IPv4 is written ::ffff:a.b.c.d here, so that all can be compared as bytes. */
struct ip {
	uint8_t octets[16];
};
/* Both of one version, first not behind last. */
struct ip_range {
	struct ip first, last;
};

enum { IP_TEXT = 46 }; /* bytes of the longest text with its end; as INET6_ADDRSTRLEN */

/* Reads "10.6.0.9" or "fd00::9".  EINVAL says what would be right. */
int ip_parse(const char *text, struct ip *ip, struct error *err);
/* Writes an address as ip_parse() reads it, in its shortest form. */
void ip_format(const struct ip *ip, char text[IP_TEXT]);
/* Version: 4 or 6. */
int ip_version(const struct ip *ip);
/* As memcmp(): those of IPv4 before those of IPv6. */
int ip_compare(const struct ip *a, const struct ip *b);

/* Reads "10.6.0.0/24": from the network's own address to the last one; bits behind the prefix count as zero, and *prefix is the
 * prefix's length as written.  EINVAL says what would be right. */
int ip_subnet_parse(const char *text, struct ip_range *range, unsigned *prefix, struct error *err);
/* Reads an address, "first..last", or a subnet.  EINVAL says what would be right. */
int ip_range_parse(const char *text, struct ip_range *range, struct error *err);
/* Whether an address is in a range, and whether two ranges have an address in common. */
bool ip_range_holds(const struct ip_range *range, const struct ip *ip);
bool ip_ranges_meet(const struct ip_range *a, const struct ip_range *b);

#endif
