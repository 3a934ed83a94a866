/* How many addresses of a Subnet or of an IPPool are in use and free, and which. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_ADDRESS_COUNTS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_ADDRESS_COUNTS_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "net/subnet.h"

struct attachment;
struct error;

/* Of one family: counts stop at INT64_MAX, texts at 100 ranges; owned. */
struct address_count {
	int64_t used, free;
	char *used_ranges, *free_ranges;
};
struct address_counts {
	struct address_count families[IP_FAMILIES];
};

/* By the ledger's entries of a segment.  Of a subnet that is restricted (subnet_restrict()) only those count that it gives. */
void address_counts_read(struct daemon *daemon, const char *segment, const struct subnet *subnet, struct address_counts *counts);
void address_counts_clear(struct address_counts *counts);
#define ADDRESS_COUNTS_AUTO __attribute__((cleanup(address_counts_clear))) struct address_counts
/* An entry has an address of a subnet, of either family. */
bool address_is_within(const struct subnet *subnet, const struct address *a);
/* Moves a text to where another one was. */
void text_take(char **to, char **from);

/* A Subnet by its name as something to have addresses of; ENOENT, EINVAL.  Clear at whatever was returned. */
int subnet_attach(struct daemon *daemon, const char *name, struct attachment *at, struct error *err);

#endif
