/* Addresses of both families (src/base/ip.h) as numbers, to be counted and compared. */
#ifndef SOLOVIRT_NET_NUMBER_H
#define SOLOVIRT_NET_NUMBER_H

#include <glib.h>
#include <stdbool.h>

#include "src/base/ip.h"

enum ip_family { IPV4, IPV6, IP_FAMILIES };

__extension__ typedef unsigned __int128 ip_number; /* host byte order */

struct number_range {
	ip_number first, last;
};

/* As ip_parse(), ip_format() and ip_range_parse() of src/base/ip.h do. */
bool number_parse(const char *text, enum ip_family *family, ip_number *number);
void number_format(enum ip_family family, ip_number number, char text[IP_TEXT]);
bool number_range_parse(const char *text, enum ip_family *family, struct number_range *range);
/* Bits of an address of the family. */
int number_bits(enum ip_family family);
/* Sorts ranges (struct number_range) and joins those that touch. */
void number_ranges_merge(GArray *ranges);
/* The merged range that has the number, or NULL. */
const struct number_range *number_ranges_find(const GArray *ranges, ip_number number);
/* How many numbers of merged ranges lie within one. */
ip_number number_ranges_count(const GArray *ranges, const struct number_range *within);
/* Merged ranges without those of others, merged; the caller g_array_unref()s. */
GArray *number_ranges_without(const GArray *ranges, const GArray *others);
/* "10.6.0.2-10.6.0.9,10.6.0.11" of merged ranges; of more than most the first, and "..." behind them; NULL: there is none.  Caller g_free()s. */
char *number_ranges_format(enum ip_family family, const GArray *ranges, guint most);
/* A number in decimal: more than 64 bits of addresses fit into a subnet of IPv6.  Caller g_free()s. */
char *number_count_format(ip_number count);

#endif
