/* Which MAC and IP an interface gets; see ledger.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/ledger.h"
#include "src/base/error.h"

enum {
	MAC_TRIES = 1 << 10, /* derived MACs that are tried; with 24 bits of room the second is hardly ever needed */
};

/* --- derived numbers ---------------------------------------------------------------------------------------------- */

/* FNV-1a with MurmurHash3's finish.  It must never change: addresses that a lost store has to find again hang on it. */
static uint64_t
hash(const char *owner, uint64_t salt)
{
	uint64_t h = 0xcbf29ce484222325u ^ salt;

	for (const char *p = owner; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
	return h ^ (h >> 33);
}

static void
derive_mac(const char *owner, uint64_t attempt, char mac[18])
{
	uint32_t bits = (uint32_t)(hash(owner, 1 + attempt) & 0xffffff);

	snprintf(mac, 18, "52:54:00:%02x:%02x:%02x", bits >> 16, bits >> 8 & 0xff, bits & 0xff);
}

/* --- entries ----------------------------------------------------------------------------------------------------- */

static int
find_mac(const struct ledger_entry *entries, size_t count, const char *mac)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].mac != NULL && g_ascii_strcasecmp(entries[i].mac, mac) == 0)
			return (int)i;
	return -1;
}

static int
parse_mac(const char *text, char mac[18], struct error *err)
{
	bool good = strlen(text) == 17;

	for (int i = 0; good && i < 17; i++)
		good = i % 3 == 2 ? text[i] == ':' : g_ascii_isxdigit(text[i]);
	if (!good)
		return error_set(err, EINVAL, "\"%s\" is not a MAC address such as 52:54:00:12:34:56", text);
	if (g_ascii_xdigit_value(text[1]) & 1)
		return error_set(
		    err, EINVAL, "\"%s\" is a multicast MAC address; an interface needs a unicast one", text);
	for (int i = 0; i <= 17; i++)
		mac[i] = g_ascii_tolower(text[i]);
	return 0;
}

/* An entry has to make room; one may do so for more than one reason. */
static void
recycle(struct ledger_choice *choice, int at)
{
	for (int i = 0; i < LEDGER_RECYCLED; i++) {
		if (choice->recycle[i] == at)
			return;
		if (choice->recycle[i] < 0) {
			choice->recycle[i] = at;
			return;
		}
	}
}

/* An entry (-1: none) gives what it has: nobody uses it, or it is that of who asks, or kept for him. */
static bool
yields(const struct ledger_entry *entries, int at, const struct ledger_wish *wish)
{
	return at < 0 || entries[at].released != 0 || strcmp(entries[at].owner, wish->owner) == 0 || g_strcmp0(entries[at].owner, wish->held) == 0;
}

/* --- the MAC --------------------------------------------------------------------------------------------------------- */

/* A wanted MAC that a released entry still holds makes that entry go. */
static int
choose_mac(const struct ledger_entry *entries, size_t count, const struct ledger_wish *wish, struct ledger_choice *choice, struct error *err)
{
	int holder;

	if (wish->mac == NULL) {
		for (uint64_t attempt = 0; attempt < MAC_TRIES; attempt++) {
			derive_mac(wish->owner, attempt, choice->mac);
			if (find_mac(entries, count, choice->mac) < 0)
				return 0;
		}
		return error_set(err, ENOSPC, "no free MAC address was found for %s in %d tries", wish->owner, MAC_TRIES);
	}
	if (parse_mac(wish->mac, choice->mac, err) < 0)
		return -1;
	holder = find_mac(entries, count, choice->mac);
	if (!yields(entries, holder, wish))
		return error_set(err, EEXIST, "MAC address %s is in use by %s", choice->mac, entries[holder].owner);
	recycle(choice, holder);
	return 0;
}

/* --- the addresses --------------------------------------------------------------------------------------------------- */

/* What the choice of one address goes by. */
struct choosing {
	const struct subnet_family *subnet;
	enum ip_family family;
	const struct ledger_entry *entries;
	int count;
	const struct ledger_wish *wish;
};

/* The address of an entry; false: it has none that lies in the subnet (which may have been changed). */
static bool
address_of(const struct choosing *c, int at, ip_number *number)
{
	const char *text = c->family == IPV4 ? c->entries[at].ip : c->entries[at].ip6;
	enum ip_family family;

	return text != NULL && number_parse(text, &family, number) && family == c->family && *number >= c->subnet->guests.first &&
	    *number <= c->subnet->guests.last;
}

static guint
hash_number(gconstpointer number)
{
	uint64_t low = (uint64_t)*(const ip_number *)number;

	return (guint)(low ^ low >> 32);
}

static gboolean
equal_numbers(gconstpointer left, gconstpointer right)
{
	return *(const ip_number *)left == *(const ip_number *)right;
}

/* The addresses that entries hold, as a set of ip_number. */
static GHashTable *
taken_addresses(const struct choosing *c, ip_number *numbers)
{
	GHashTable *taken = g_hash_table_new(hash_number, equal_numbers);

	for (int i = 0; i < c->count; i++)
		if (address_of(c, i, &numbers[i]))
			g_hash_table_add(taken, &numbers[i]);
	return taken;
}

/* The entry released longest ago whose address may be given, or -1. */
static int
oldest_released(const struct choosing *c)
{
	int oldest = -1;
	ip_number number;

	for (int i = 0; i < c->count; i++)
		if (c->entries[i].released != 0 && address_of(c, i, &number) && subnet_gives(c->subnet, number) &&
		    (oldest < 0 || c->entries[i].released < c->entries[oldest].released))
			oldest = i;
	return oldest;
}

/* Where the next of merged ranges begins; behind the last the first again. */
static ip_number
next_range(const GArray *ranges, ip_number number)
{
	for (guint i = 0; i < ranges->len; i++)
		if (g_array_index(ranges, struct number_range, i).first > number)
			return g_array_index(ranges, struct number_range, i).first;
	return g_array_index(ranges, struct number_range, 0).first;
}

static ip_number
next_number(const struct subnet_family *subnet, ip_number number)
{
	return number >= subnet->guests.last ? subnet->guests.first : number + 1;
}

/* The number itself when it is given; else the next that is.  There is one, so this ends. */
static ip_number
next_given(const struct subnet_family *subnet, ip_number number)
{
	while (!subnet_gives(subnet, number)) {
		const struct number_range *hole = number_ranges_find(subnet->excluded, number);
		if (subnet->only == NULL)
			number = next_number(subnet, hole == NULL ? number : hole->last);
		else
			number = number_ranges_find(subnet->only, number) == NULL ? next_range(subnet->only, number) : next_number(subnet, number);
	}
	return number;
}

/* At most as many steps as there are addresses taken: the first hole ends it. */
static bool
free_address(const struct choosing *c, GHashTable *taken, ip_number *found)
{
	const struct number_range all = c->subnet->guests;
	ip_number span = all.last - all.first + 1, number = all.first + (c->wish->lowest ? 0 : hash(c->wish->owner, 0) % span);

	if (subnet_guests(c->subnet) == 0)
		return false;
	for (int step = 0; step <= c->count; step++) {
		number = next_given(c->subnet, number);
		if (!g_hash_table_contains(taken, &number)) {
			*found = number;
			return true;
		}
		number = next_number(c->subnet, number);
	}
	return false;
}

static int
all_in_use(const struct choosing *c, struct error *err)
{
	g_autofree char *guests = number_count_format(subnet_guests(c->subnet));
	char network[IP_TEXT];

	number_format(c->family, c->subnet->network, network);
	return error_set(err, ENOSPC, "all %s addresses of %s/%d%s are in use", guests, network, c->subnet->prefix,
	    c->subnet->only != NULL ? " that it may have" : "");
}

/* A free address, or that of a released entry, which then has to go. */
static int
choose_any(const struct choosing *c, struct ledger_choice *choice, struct error *err)
{
	g_autofree ip_number *numbers = g_new0(ip_number, c->count + 1);
	g_autoptr(GHashTable) taken = taken_addresses(c, numbers);
	ip_number number;
	int giver = choice->recycle[0];

	if (!free_address(c, taken, &number)) {
		/* The entry that has to go for its MAC gives its address too, if that is one of this subnet. */
		if (giver < 0 || !address_of(c, giver, &number) || !subnet_gives(c->subnet, number))
			giver = oldest_released(c);
		if (giver < 0 || !address_of(c, giver, &number))
			return all_in_use(c, err);
		recycle(choice, giver);
	}
	number_format(c->family, number, choice->ips[c->family]);
	return 0;
}

/* The address that is asked for. */
static int
choose_wanted(const struct choosing *c, const char *wanted, struct ledger_choice *choice, struct error *err)
{
	enum ip_family family;
	ip_number number, other;

	if (!number_parse(wanted, &family, &number) || family != c->family || !subnet_has(c->subnet, number))
		return error_set(err, EINVAL, "%s is no address that a guest of this subnet can have", wanted);
	for (int i = 0; i < c->count; i++) {
		if (!address_of(c, i, &other) || other != number)
			continue;
		if (!yields(c->entries, i, c->wish))
			return error_set(err, EEXIST, "address %s is in use by %s", wanted, c->entries[i].owner);
		recycle(choice, i);
	}
	number_format(c->family, number, choice->ips[c->family]);
	return 0;
}

int
ledger_choose(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, const struct ledger_wish *wish,
    struct ledger_choice *choice, struct error *err)
{
	struct ledger_choice result = { .recycle = { -1, -1, -1 } };

	if (choose_mac(entries, count, wish, &result, err) < 0)
		return -1;
	for (int f = 0; subnet != NULL && f < IP_FAMILIES; f++) {
		const struct choosing c = { &subnet->families[f], f, entries, (int)count, wish };
		if (!c.subnet->present || wish->without[f])
			continue;
		if ((wish->ips[f] != NULL ? choose_wanted(&c, wish->ips[f], &result, err) : choose_any(&c, &result, err)) < 0)
			return -1;
	}
	*choice = result;
	return 0;
}
