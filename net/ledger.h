/* Which MAC and IP an interface gets: pure rules over what the ledger already holds. */
#ifndef SOLOVIRT_NET_LEDGER_H
#define SOLOVIRT_NET_LEDGER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* An IPv4 subnet; host byte order. */
struct subnet {
	uint32_t network, mask, gateway; /* gateway: the first address */
};

/* Reads "192.168.77.0/24" (/8 to /30, no host bits); EINVAL says what would be right. */
int subnet_parse(const char *cidr, struct subnet *subnet, struct error *err);
/* Number of addresses that guests can have. */
uint32_t subnet_guests(const struct subnet *subnet);

/* What is known of one entry. */
struct ledger_entry {
	const char *owner; /* "namespace/name/interface" */
	const char *ip, *mac;
	int64_t released; /* 0: in use */
};

struct ledger_choice {
	char ip[16], mac[18];
	int recycle[2]; /* positions of released entries that have to make room; -1: none */
};

/*
 * Chooses for an owner that has no entry yet: the MAC it asks for (wanted_mac) or one derived from its name (52:54:00:xx), and
 * a free IP: derived from the name first, so that a lost store finds the same again; then the next free one; when none is free, that of
 * the entry which was released longest ago; none (ip "") when subnet is NULL.  ENOSPC with numbers when all are in use, EEXIST when the wanted MAC is taken.
 */
int ledger_choose(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, const char *owner,
    const char *wanted_mac, struct ledger_choice *choice, struct error *err);

#endif
