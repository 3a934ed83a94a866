/* Which addresses a subnet has; see subnet.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "net/subnet.h"
#include "src/api/meta.h"
#include "src/base/error.h"

static const char *const family_names[IP_FAMILIES] = { "IPv4", "IPv6" };

/* --- one family ---------------------------------------------------------------------------------------------------------- */

/* Prefixes with one address are none for guests, and with two both are (RFC 3021); else the first and the last are nobody's: for
 * IPv6 the first is the routers' (RFC 4291, 2.6.1), and the last is left out as Kube-OVN does. */
static int
set_network(struct subnet_family *family, enum ip_family which, const char *cidr, const struct number_range *range, struct error *err)
{
	ip_number rest = range->last - range->first;
	int prefix = number_bits(which);

	for (; rest > 0; rest >>= 1)
		prefix--;
	if (prefix == number_bits(which) || strchr(cidr, '/') == NULL)
		return error_set(err, EINVAL, "\"%s\" is no subnet with room for guests, such as %s", cidr, which == IPV4 ? "10.6.0.0/24" : "fd00:6::/64");
	*family = (struct subnet_family){ .present = true, .prefix = prefix, .network = range->first, .guests = *range };
	if (prefix < number_bits(which) - 1) {
		family->guests.first++;
		family->guests.last--;
	}
	family->gateway = family->guests.first;
	return 0;
}

static int
add_cidr(struct subnet *subnet, const char *cidr, struct error *err)
{
	enum ip_family family;
	struct number_range range;

	if (!number_range_parse(cidr, &family, &range))
		return error_set(err, EINVAL, "\"%s\" is no subnet such as 10.6.0.0/24 or fd00:6::/64", cidr);
	if (subnet->families[family].present)
		return error_set(err, EINVAL, "\"%s\" is a second subnet of %s: one of each family is possible", cidr, family_names[family]);
	return set_network(&subnet->families[family], family, cidr, &range, err);
}

static int
set_gateway(struct subnet *subnet, const char *text, struct error *err)
{
	enum ip_family which;
	ip_number number;

	if (!number_parse(text, &which, &number))
		return error_set(err, EINVAL, "gateway \"%s\" is no IP address", text);
	struct subnet_family *family = &subnet->families[which];
	if (!family->present || number < family->guests.first || number > family->guests.last)
		return error_set(err, EINVAL, "gateway %s is no address of the subnet for a router: neither outside of it, nor its first or last one", text);
	family->gateway = number;
	return 0;
}

/* Adds a range to a list of its family, without what lies outside of the subnet. */
static int
add_range(struct subnet *subnet, const char *text, bool only, struct error *err)
{
	enum ip_family which;
	struct number_range range;

	if (!number_range_parse(text, &which, &range))
		return error_set(err, EINVAL, "\"%s\" is neither an address nor a range such as 10.6.0.1..10.6.0.9", text);
	struct subnet_family *family = &subnet->families[which];
	range.first = MAX(range.first, family->guests.first);
	range.last = MIN(range.last, family->guests.last);
	if (!family->present || range.first > range.last)
		return only ? error_set(err, EINVAL, "%s is not within the subnet", text) : 0;
	GArray **list = only ? &family->only : &family->excluded;
	if (*list == NULL)
		*list = g_array_new(FALSE, FALSE, sizeof(struct number_range));
	g_array_append_val(*list, range);
	number_ranges_merge(*list);
	return 0;
}

static int
add_ranges(struct subnet *subnet, const char *const *ranges, bool only, struct error *err)
{
	for (; ranges != NULL && *ranges != NULL; ranges++)
		if (add_range(subnet, *ranges, only, err) < 0)
			return -1;
	return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------- */

int
subnet_parse(const char *cidr, struct subnet *subnet, struct error *err)
{
	memset(subnet, 0, sizeof(*subnet));
	if (check_subnet(cidr, err) != 0 || add_cidr(subnet, cidr, err) < 0)
		return -1;
	subnet->families[IPV4].guests.first++; /* behind the gateway */
	return 0;
}

/* Each part of a list with commas. */
static int
each_part(struct subnet *subnet, const char *list, int (*take)(struct subnet *subnet, const char *part, struct error *err), struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	if (*parts == NULL)
		return take(subnet, "", err);
	for (char **part = parts; *part != NULL; part++)
		if (take(subnet, g_strstrip(*part), err) < 0)
			return -1;
	return 0;
}

int
subnet_read(const char *cidr, const char *gateway, const char *const *excluded, struct subnet *subnet, struct error *err)
{
	memset(subnet, 0, sizeof(*subnet));
	if (each_part(subnet, cidr, add_cidr, err) < 0 || (gateway != NULL && *gateway != '\0' && each_part(subnet, gateway, set_gateway, err) < 0) ||
	    add_ranges(subnet, excluded, false, err) < 0)
		return -1;
	for (int f = 0; f < IP_FAMILIES; f++) {
		char text[IP_TEXT];
		number_format(f, subnet->families[f].gateway, text);
		if (subnet->families[f].present && add_range(subnet, text, false, err) < 0)
			return -1;
	}
	return 0;
}

void
subnet_clear(struct subnet *subnet)
{
	for (int f = 0; f < IP_FAMILIES; f++) {
		g_clear_pointer(&subnet->families[f].excluded, g_array_unref);
		g_clear_pointer(&subnet->families[f].only, g_array_unref);
	}
}

int
subnet_restrict(struct subnet *subnet, const char *const *ranges, struct error *err)
{
	return add_ranges(subnet, ranges, true, err);
}

int
subnet_exclude(struct subnet *subnet, const char *const *ranges, struct error *err)
{
	return add_ranges(subnet, ranges, false, err);
}

bool
subnet_has(const struct subnet_family *family, ip_number number)
{
	return family->present && number >= family->guests.first && number <= family->guests.last && number != family->gateway;
}

bool
subnet_gives(const struct subnet_family *family, ip_number number)
{
	return subnet_has(family, number) &&
	    (family->only != NULL ? number_ranges_find(family->only, number) != NULL : number_ranges_find(family->excluded, number) == NULL);
}

GArray *
subnet_ranges(const struct subnet_family *family)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct number_range)), outside = g_array_new(FALSE, FALSE, sizeof(struct number_range));
	const ip_number most = ~(ip_number)0;
	const struct number_range gateway = { family->gateway, family->gateway }, below = { 0, family->guests.first - 1 }, above = { family->guests.last + 1, most };

	if (!family->present)
		return g_steal_pointer(&all);
	if (family->only != NULL)
		g_array_append_vals(all, family->only->data, family->only->len);
	else
		g_array_append_val(all, family->guests);
	if (family->only == NULL && family->excluded != NULL)
		g_array_append_vals(outside, family->excluded->data, family->excluded->len);
	g_array_append_val(outside, gateway);
	g_array_append_val(outside, below); /* a subnet has an address of its own, and so one below its guests' */
	if (family->guests.last != most)
		g_array_append_val(outside, above);
	number_ranges_merge(outside);
	return number_ranges_without(all, outside);
}

ip_number
subnet_guests(const struct subnet_family *family)
{
	if (!family->present)
		return 0;
	if (family->only != NULL)
		return number_ranges_count(family->only, &family->guests) - (number_ranges_find(family->only, family->gateway) != NULL);
	return family->guests.last - family->guests.first + 1 - number_ranges_count(family->excluded, &family->guests);
}
