/* Counts of addresses; see address_counts.h. */
#include "config.h"

#include <glib.h>

#include "daemon/controllers/address_counts.h"
#include "src/api/subnet.h"

enum { RANGES_MOST = 100 };

struct counting {
	const struct subnet *subnet;
	GArray *used[IP_FAMILIES];    /* struct number_range, one an address */
	ip_number given[IP_FAMILIES]; /* of those that are given unasked */
};

static void
count_one(struct counting *c, int f, ip_number number)
{
	const struct subnet_family *family = &c->subnet->families[f];
	const struct number_range one = { number, number };

	if (!subnet_has(family, number) || (family->only != NULL && !subnet_gives(family, number)))
		return;
	g_array_append_val(c->used[f], one);
	c->given[f] += subnet_gives(family, number);
}

static void
count_address(void *arg, const struct address *a)
{
	const char *const ips[IP_FAMILIES] = { a->ip, a->ip6 };
	struct counting *c = arg;
	enum ip_family family;
	ip_number number;

	for (int f = 0; f < IP_FAMILIES && a->released == 0; f++)
		if (number_parse(ips[f], &family, &number))
			count_one(c, f, number);
}

static int64_t
limited(ip_number count)
{
	return count > INT64_MAX ? INT64_MAX : (int64_t)count;
}

static void
fill(struct counting *c, enum ip_family f, struct address_use *use)
{
	const struct subnet_family *family = &c->subnet->families[f];
	g_autoptr(GArray) given = subnet_ranges(family), left = NULL;

	use->used = c->used[f]->len;
	use->free = limited(subnet_guests(family) - c->given[f]);
	number_ranges_merge(c->used[f]);
	left = number_ranges_without(given, c->used[f]);
	g_free(use->used_range);
	g_free(use->free_range);
	use->used_range = number_ranges_format(f, c->used[f], RANGES_MOST);
	use->free_range = number_ranges_format(f, left, RANGES_MOST);
}

void
address_counts_read(struct daemon *daemon, const char *segment, const struct subnet *subnet, struct address_use *v4, struct address_use *v6)
{
	struct address_use *const uses[IP_FAMILIES] = { v4, v6 };
	struct counting c = { .subnet = subnet };

	for (int f = 0; f < IP_FAMILIES; f++)
		c.used[f] = g_array_new(FALSE, FALSE, sizeof(struct number_range));
	store_address_each(daemon->store, segment, count_address, &c);
	for (int f = 0; f < IP_FAMILIES; f++) {
		fill(&c, f, uses[f]);
		g_array_unref(c.used[f]);
	}
}

bool
address_is_within(const struct subnet *subnet, const struct address *a)
{
	const char *const ips[IP_FAMILIES] = { a->ip, a->ip6 };
	enum ip_family family;
	ip_number number;

	for (int f = 0; f < IP_FAMILIES && a->released == 0; f++)
		if (number_parse(ips[f], &family, &number) && subnet_has(&subnet->families[f], number))
			return true;
	return false;
}
