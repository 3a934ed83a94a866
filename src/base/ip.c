/* IP addresses as values; see ip.h. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/base/ip.h"

_Static_assert(IP_TEXT == INET6_ADDRSTRLEN, "room for every address");

/* RFC 4291, section 2.5.5.2 */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

int
ip_parse(const char *text, struct ip *ip, struct error *err)
{
	struct ip read;

	memcpy(read.octets, mapped, sizeof(mapped));
	/* An IPv4 address in IPv6's clothes would be of both versions at once. */
	if (inet_pton(AF_INET, text, read.octets + sizeof(mapped)) != 1 &&
	    (inet_pton(AF_INET6, text, read.octets) != 1 || memcmp(read.octets, mapped, sizeof(mapped)) == 0))
		return error_set(err, EINVAL, "\"%.60s\" is not an IP address such as 10.6.0.9 or fd00::9", text);
	*ip = read;
	return 0;
}

int
ip_version(const struct ip *ip)
{
	return memcmp(ip->octets, mapped, sizeof(mapped)) == 0 ? 4 : 6;
}

void
ip_format(const struct ip *ip, char text[IP_TEXT])
{
	if (ip_version(ip) == 4)
		inet_ntop(AF_INET, ip->octets + sizeof(mapped), text, IP_TEXT);
	else
		inet_ntop(AF_INET6, ip->octets, text, IP_TEXT);
}

int
ip_compare(const struct ip *a, const struct ip *b)
{
	int versions = ip_version(a) - ip_version(b);

	return versions != 0 ? versions : memcmp(a->octets, b->octets, sizeof(a->octets));
}

/* Sets or clears all bits from number "from" on, counted from the left. */
static void
fill_bits(struct ip *ip, unsigned from, bool set)
{
	for (unsigned bit = from; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		ip->octets[bit / 8] = (uint8_t)(set ? ip->octets[bit / 8] | mask : ip->octets[bit / 8] & ~mask);
	}
}

int
ip_subnet_parse(const char *text, struct ip_range *range, unsigned *prefix, struct error *err)
{
	const char *slash = strchr(text, '/');
	g_autofree char *address = slash == NULL ? NULL : g_strndup(text, (gsize)(slash - text));
	struct ip ip;
	guint64 length;

	if (slash == NULL || ip_parse(address, &ip, NULL) != 0 ||
	    !g_ascii_string_to_unsigned(slash + 1, 10, 0, ip_version(&ip) == 4 ? 32 : 128, &length, NULL))
		return error_set(err, EINVAL, "\"%.60s\" is not a subnet such as 10.6.0.0/24 or fd00:6::/64", text);
	unsigned from = (unsigned)length + (ip_version(&ip) == 4 ? 96 : 0);
	*range = (struct ip_range){ ip, ip };
	fill_bits(&range->first, from, false);
	fill_bits(&range->last, from, true);
	*prefix = (unsigned)length;
	return 0;
}

int
ip_range_parse(const char *text, struct ip_range *range, struct error *err)
{
	const char *dots = strstr(text, "..");
	g_autofree char *from = dots == NULL ? g_strdup(text) : g_strndup(text, (gsize)(dots - text));
	struct ip_range read;
	unsigned prefix;

	if (strchr(text, '/') != NULL)
		return ip_subnet_parse(text, range, &prefix, err);
	if (ip_parse(from, &read.first, err) != 0 || ip_parse(dots == NULL ? from : dots + 2, &read.last, err) != 0)
		return -1;
	if (ip_version(&read.first) != ip_version(&read.last))
		return error_set(err, EINVAL, "\"%.100s\" begins in one version of IP and ends in the other", text);
	if (ip_compare(&read.first, &read.last) > 0)
		return error_set(err, EINVAL, "\"%.100s\" ends before it begins: write the lower address first", text);
	*range = read;
	return 0;
}

bool
ip_range_holds(const struct ip_range *range, const struct ip *ip)
{
	return ip_version(&range->first) == ip_version(ip) && ip_compare(&range->first, ip) <= 0 && ip_compare(ip, &range->last) <= 0;
}

bool
ip_ranges_meet(const struct ip_range *a, const struct ip_range *b)
{
	return ip_range_holds(a, &b->first) || ip_range_holds(b, &a->first);
}
