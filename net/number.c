/* Addresses of both families as numbers; see number.h. */
#include "config.h"

#include "net/number.h"
#include "src/base/error.h"

int
number_bits(enum ip_family family)
{
	return family == IPV4 ? 32 : 128;
}

/* The octets behind ::ffff: when it is of IPv4. */
static ip_number
number_of(const struct ip *ip)
{
	ip_number number = 0;

	for (int i = ip_version(ip) == 4 ? 12 : 0; i < 16; i++)
		number = number << 8 | ip->octets[i];
	return number;
}

bool
number_parse(const char *text, enum ip_family *family, ip_number *number)
{
	struct error unused;
	struct ip ip;

	if (ip_parse(text, &ip, &unused) < 0)
		return false;
	*family = ip_version(&ip) == 4 ? IPV4 : IPV6;
	*number = number_of(&ip);
	return true;
}

void
number_format(enum ip_family family, ip_number number, char text[IP_TEXT])
{
	struct ip ip = { { [10] = 0xff, [11] = 0xff } };

	for (int i = 16; i > (family == IPV4 ? 12 : 0); number >>= 8)
		ip.octets[--i] = (uint8_t)number;
	ip_format(&ip, text);
}

bool
number_range_parse(const char *text, enum ip_family *family, struct number_range *range)
{
	struct error unused;
	struct ip_range ips;

	if (ip_range_parse(text, &ips, &unused) < 0)
		return false;
	*family = ip_version(&ips.first) == 4 ? IPV4 : IPV6;
	*range = (struct number_range){ number_of(&ips.first), number_of(&ips.last) };
	return true;
}

static int
compare_ranges(gconstpointer left, gconstpointer right)
{
	const struct number_range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

void
number_ranges_merge(GArray *ranges)
{
	guint kept = 0;

	g_array_sort(ranges, compare_ranges);
	for (guint i = 0; i < ranges->len; i++) {
		struct number_range *last = kept == 0 ? NULL : &g_array_index(ranges, struct number_range, kept - 1);
		struct number_range range = g_array_index(ranges, struct number_range, i);
		if (last != NULL && (range.first <= last->last || range.first - last->last == 1))
			last->last = MAX(last->last, range.last);
		else
			g_array_index(ranges, struct number_range, kept++) = range;
	}
	g_array_set_size(ranges, kept);
}

const struct number_range *
number_ranges_find(const GArray *ranges, ip_number number)
{
	for (guint i = 0; ranges != NULL && i < ranges->len; i++) {
		const struct number_range *range = &g_array_index(ranges, struct number_range, i);
		if (number >= range->first && number <= range->last)
			return range;
	}
	return NULL;
}

ip_number
number_ranges_count(const GArray *ranges, const struct number_range *within)
{
	ip_number count = 0;

	for (guint i = 0; ranges != NULL && i < ranges->len; i++) {
		const struct number_range *range = &g_array_index(ranges, struct number_range, i);
		ip_number first = MAX(range->first, within->first), last = MIN(range->last, within->last);
		count += first <= last ? last - first + 1 : 0;
	}
	return count;
}

GArray *
number_ranges_without(const GArray *ranges, const GArray *others)
{
	GArray *left = g_array_new(FALSE, FALSE, sizeof(struct number_range));
	guint k = 0;

	for (guint i = 0; i < ranges->len; i++) {
		struct number_range rest = g_array_index(ranges, struct number_range, i);
		bool any = true;
		for (; k < others->len && g_array_index(others, struct number_range, k).first <= rest.last; k++) {
			const struct number_range *hole = &g_array_index(others, struct number_range, k);
			const struct number_range before = { rest.first, hole->first - 1 };
			if (hole->last < rest.first)
				continue;
			if (hole->first > rest.first)
				g_array_append_val(left, before);
			any = hole->last < rest.last;
			if (!any)
				break; /* it may reach into the next range */
			rest.first = hole->last + 1;
		}
		if (any)
			g_array_append_val(left, rest);
	}
	return left;
}

char *
number_ranges_format(enum ip_family family, const GArray *ranges, guint most)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < ranges->len && i < most; i++) {
		const struct number_range *r = &g_array_index(ranges, struct number_range, i);
		char first[IP_TEXT], last[IP_TEXT];
		number_format(family, r->first, first);
		number_format(family, r->last, last);
		g_string_append_printf(text, "%s%s%s%s", i > 0 ? "," : "", first, r->first == r->last ? "" : "-", r->first == r->last ? "" : last);
	}
	if (ranges->len > most)
		g_string_append(text, ",...");
	return g_string_free(text, text->len == 0);
}

char *
number_count_format(ip_number count)
{
	char text[40], *at = text + sizeof(text) - 1;

	*at = '\0';
	do
		*--at = (char)('0' + (int)(count % 10));
	while ((count /= 10) > 0);
	return g_strdup(at);
}
