/* How many addresses of a Subnet or of an IPPool are in use and free, and which. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_ADDRESS_COUNTS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_ADDRESS_COUNTS_H

#include "daemon/daemon.h"
#include "daemon/store.h"
#include "net/subnet.h"

struct address_use;
struct attachment;
struct error;

/* By the ledger's entries of a segment.  Of a subnet that is restricted (subnet_restrict()) only those count that it gives. */
void address_counts_read(struct daemon *daemon, const char *segment, const struct subnet *subnet, struct address_use *v4, struct address_use *v6);
/* An entry has an address of a subnet, of either family. */
bool address_is_within(const struct subnet *subnet, const struct address *a);

/* A Subnet by its name as something to have addresses of; ENOENT, EINVAL.  Clear at whatever was returned. */
int subnet_attach(struct daemon *daemon, const char *name, struct attachment *at, struct error *err);

#endif
