/* Addresses of both families as numbers; see number.h. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/number.h"

int
number_bits(enum ip_family family)
{
	return family == IPV4 ? 32 : 128;
}

static int
af_of(enum ip_family family)
{
	return family == IPV4 ? AF_INET : AF_INET6;
}

bool
number_parse(const char *text, enum ip_family *family, ip_number *number)
{
	uint8_t bytes[16];

	*family = strchr(text, ':') == NULL ? IPV4 : IPV6;
	if (inet_pton(af_of(*family), text, bytes) != 1)
		return false;
	*number = 0;
	for (int i = 0; i < number_bits(*family) / 8; i++)
		*number = *number << 8 | bytes[i];
	return true;
}

void
number_format(enum ip_family family, ip_number number, char text[NUMBER_TEXT])
{
	uint8_t bytes[16];

	for (int i = number_bits(family) / 8; i-- > 0; number >>= 8)
		bytes[i] = (uint8_t)number;
	inet_ntop(af_of(family), bytes, text, NUMBER_TEXT);
}

/* The last address of a prefix that begins with first. */
static ip_number
last_of(enum ip_family family, ip_number first, int prefix)
{
	int free_bits = number_bits(family) - prefix;

	return free_bits >= 128 ? ~(ip_number)0 : first | (((ip_number)1 << free_bits) - 1);
}

static bool
parse_prefix(const char *text, enum ip_family *family, struct number_range *range, const char *slash)
{
	g_autofree char *address = g_strndup(text, (gsize)(slash - text));
	char *end;
	long prefix = g_ascii_isdigit(slash[1]) ? strtol(slash + 1, &end, 10) : -1;
	ip_number number;

	if (prefix < 0 || *end != '\0' || !number_parse(address, family, &number) || prefix > number_bits(*family))
		return false;
	range->last = last_of(*family, number, (int)prefix);
	range->first = range->last - (last_of(*family, 0, (int)prefix));
	return true;
}

bool
number_range_parse(const char *text, enum ip_family *family, struct number_range *range)
{
	const char *dots = strstr(text, ".."), *slash = strchr(text, '/');
	enum ip_family other;

	if (slash != NULL)
		return parse_prefix(text, family, range, slash);
	if (dots == NULL) {
		if (!number_parse(text, family, &range->first))
			return false;
		range->last = range->first;
		return true;
	}
	g_autofree char *first = g_strndup(text, (gsize)(dots - text));
	return number_parse(first, family, &range->first) && number_parse(dots + 2, &other, &range->last) && other == *family && range->first <= range->last;
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
