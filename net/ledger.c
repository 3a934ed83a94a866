/* Which MAC and IP an interface gets; see ledger.h. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/ledger.h"
#include "src/api/meta.h"
#include "src/base/error.h"

enum {
	RESERVED = 3,          /* of every subnet: its own address, the gateway, the broadcast address */
	MAC_TRIES = 1 << 10,   /* derived MACs that are tried; with 24 bits of room the second is hardly ever needed */
};

/* --- subnets ------------------------------------------------------------------------------------------------------ */

static void
format_ip(uint32_t ip, char text[16])
{
	struct in_addr in = {.s_addr = htonl(ip)};

	inet_ntop(AF_INET, &in, text, 16);
}

int
subnet_parse(const char *cidr, struct subnet *subnet, struct error *err)
{
	char address[INET_ADDRSTRLEN];
	unsigned prefix;
	struct in_addr in;

	if (check_subnet(cidr, err) != 0)
		return -1;
	sscanf(cidr, "%15[0-9.]/%2u", address, &prefix);
	inet_pton(AF_INET, address, &in);
	uint32_t ip = ntohl(in.s_addr), mask = UINT32_MAX << (32 - prefix);
	*subnet = (struct subnet){.network = ip, .mask = mask, .gateway = ip + 1};
	return 0;
}

uint32_t
subnet_guests(const struct subnet *subnet)
{
	return ~subnet->mask + 1 - RESERVED;
}

/* Address of guest number "at" (from 0): the ones behind the gateway. */
static uint32_t
guest_address(const struct subnet *subnet, uint32_t at)
{
	return subnet->gateway + 1 + at;
}

static bool
is_guest_address(const struct subnet *subnet, uint32_t ip)
{
	return ip > subnet->gateway && ip - subnet->gateway - 1 < subnet_guests(subnet);
}

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

/* --- choosing ----------------------------------------------------------------------------------------------------- */

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

/* A wanted MAC that a released entry still holds makes that entry go. */
static int
choose_mac(const struct ledger_entry *entries, size_t count, const char *owner, const char *wanted,
    struct ledger_choice *choice, struct error *err)
{
	if (wanted == NULL) {
		for (uint64_t attempt = 0; attempt < MAC_TRIES; attempt++) {
			derive_mac(owner, attempt, choice->mac);
			if (find_mac(entries, count, choice->mac) < 0)
				return 0;
		}
		return error_set(err, ENOSPC, "no free MAC address was found for %s in %d tries", owner, MAC_TRIES);
	}
	if (parse_mac(wanted, choice->mac, err) < 0)
		return -1;
	int holder = find_mac(entries, count, choice->mac);
	if (holder >= 0 && entries[holder].released == 0)
		return error_set(err, EEXIST, "MAC address %s is in use by %s", choice->mac, entries[holder].owner);
	choice->recycle[0] = holder;
	return 0;
}

/* The addresses that entries hold, as a set; those outside of the subnet (it was changed) hold nothing. */
static GHashTable *
taken_addresses(const struct subnet *subnet, const struct ledger_entry *entries, size_t count)
{
	GHashTable *taken = g_hash_table_new(NULL, NULL);
	struct in_addr in;

	for (size_t i = 0; i < count; i++)
		if (entries[i].ip != NULL && inet_pton(AF_INET, entries[i].ip, &in) == 1 &&
		    is_guest_address(subnet, ntohl(in.s_addr)))
			g_hash_table_add(taken, GUINT_TO_POINTER(ntohl(in.s_addr)));
	return taken;
}

/* The entry at a position (-1: none) has an address of the subnet. */
static bool
holds_address(const struct subnet *subnet, const struct ledger_entry *entries, int at)
{
	struct in_addr in;

	return at >= 0 && entries[at].ip != NULL && inet_pton(AF_INET, entries[at].ip, &in) == 1 &&
	    is_guest_address(subnet, ntohl(in.s_addr));
}

/* Position of the entry released longest ago whose address lies in the subnet, or -1. */
static int
oldest_released(const struct subnet *subnet, const struct ledger_entry *entries, size_t count)
{
	int oldest = -1;

	for (int i = 0; i < (int)count; i++)
		if (entries[i].released != 0 && holds_address(subnet, entries, i) &&
		    (oldest < 0 || entries[i].released < entries[oldest].released))
			oldest = i;
	return oldest;
}

/* At most as many steps as there are addresses taken: the first hole ends it. */
static bool
free_address(const struct subnet *subnet, GHashTable *taken, const char *owner, char ip[16])
{
	uint32_t guests = subnet_guests(subnet), start = (uint32_t)(hash(owner, 0) % guests);

	for (uint32_t step = 0; step < guests; step++) {
		uint32_t candidate = guest_address(subnet, (start + step) % guests);
		if (!g_hash_table_contains(taken, GUINT_TO_POINTER(candidate))) {
			format_ip(candidate, ip);
			return true;
		}
	}
	return false;
}

/* A free IP, or that of a released entry, which then has to go. */
static int
choose_ip(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, const char *owner,
    struct ledger_choice *choice, struct error *err)
{
	g_autoptr(GHashTable) taken = taken_addresses(subnet, entries, count);
	bool is_free = free_address(subnet, taken, owner, choice->ip);
	/* The entry that has to go for its MAC gives its address too, if that is one of this subnet. */
	int giver = holds_address(subnet, entries, choice->recycle[0]) ? choice->recycle[0]
	                                                               : oldest_released(subnet, entries, count);
	char network[16];

	if (!is_free && giver < 0) {
		format_ip(subnet->network, network);
		return error_set(err, ENOSPC, "all %u addresses of %s/%d are in use", subnet_guests(subnet), network,
		    __builtin_popcount(subnet->mask));
	}
	if (!is_free)
		g_strlcpy(choice->ip, entries[giver].ip, sizeof(choice->ip));
	if (!is_free && giver != choice->recycle[0])
		choice->recycle[choice->recycle[0] < 0 ? 0 : 1] = giver;
	return 0;
}

int
ledger_choose(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, const char *owner,
    const char *wanted_mac, struct ledger_choice *choice, struct error *err)
{
	struct ledger_choice result = {.recycle = {-1, -1}};

	if (choose_mac(entries, count, owner, wanted_mac, &result, err) < 0 ||
	    (subnet != NULL && choose_ip(subnet, entries, count, owner, &result, err) < 0))
		return -1;
	*choice = result;
	return 0;
}
