/* Which MAC and IP an interface gets: pure rules over what the ledger already holds. */
#ifndef SOLOVIRT_NET_LEDGER_H
#define SOLOVIRT_NET_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "net/subnet.h"

struct error;

/* What is known of one entry. */
struct ledger_entry {
	const char *owner; /* "namespace/name/interface" */
	const char *ip, *mac;
	int64_t released; /* 0: in use */
	const char *ip6;  /* as ip may be "" or NULL: none */
};

/* What an owner wants; NULL: whatever there is. */
struct ledger_wish {
	const char *owner;
	const char *mac;
	const char *ips[IP_FAMILIES];
	const char *held; /* owner of an entry that is kept for this one, and makes room for it */
	bool without[IP_FAMILIES]; /* no address of this family, although the subnet has it */
	bool lowest;               /* the first that is free, where people look for servers; else one by the owner's name */
};

/* For the MAC and the addresses. */
enum { LEDGER_RECYCLED = 1 + IP_FAMILIES };

struct ledger_choice {
	char ips[IP_FAMILIES][IP_TEXT], mac[18];
	int recycle[LEDGER_RECYCLED]; /* positions of entries that have to make room; behind the last: -1 */
};

/*
 * Chooses for an owner, whose own entry, if there is one, makes room: the MAC it asks for or one derived from its name (52:54:00:xx), and of each family of
 * the subnet the address it asks for, or a free one: derived from the name first, so that a lost store finds the same again; then the
 * next free one; when none is free, that of the entry which was released longest ago; none ("") when subnet is NULL.
 * ENOSPC with numbers when all are in use, EEXIST when what it asks for is in use, EINVAL when that is none of the subnet's.
 */
int ledger_choose(const struct subnet *subnet, const struct ledger_entry *entries, size_t count, const struct ledger_wish *wish,
    struct ledger_choice *choice, struct error *err);

#endif
