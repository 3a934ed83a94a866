/* Addresses of both families as numbers. */
#ifndef SOLOVIRT_NET_NUMBER_H
#define SOLOVIRT_NET_NUMBER_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

enum ip_family { IPV4, IPV6, IP_FAMILIES };
enum { NUMBER_TEXT = INET6_ADDRSTRLEN };

__extension__ typedef unsigned __int128 ip_number; /* host byte order */

struct number_range {
	ip_number first, last;
};

/* Reads "10.0.0.5" or "fd00::5"; false: it is neither. */
bool number_parse(const char *text, enum ip_family *family, ip_number *number);
/* RFC 5952 for IPv6. */
void number_format(enum ip_family family, ip_number number, char text[NUMBER_TEXT]);
/* Bits of an address of the family. */
int number_bits(enum ip_family family);
/* Reads an address, or "10.0.0.5..10.0.0.9", or "10.0.0.0/28"; false: it is none of them, or ends before it begins. */
bool number_range_parse(const char *text, enum ip_family *family, struct number_range *range);
/* Sorts ranges (struct number_range) and joins those that touch. */
void number_ranges_merge(GArray *ranges);
/* The merged range that has the number, or NULL. */
const struct number_range *number_ranges_find(const GArray *ranges, ip_number number);
/* How many numbers of merged ranges lie within one. */
ip_number number_ranges_count(const GArray *ranges, const struct number_range *within);
/* A number in decimal: more than 64 bits of addresses fit into a subnet of IPv6.  Caller g_free()s. */
char *number_count_format(ip_number count);

#endif
