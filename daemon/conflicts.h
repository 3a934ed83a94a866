/*
 * Addresses that somebody else has on the wire.  Before a machine uses an address of a Subnet for the first time, with a card that is
 * plugged in, too, and when it does so on another host, the host asks for it.  What was asked for by name, or was the machine's before, is
 * waited for; another one is put aside in the ledger, as that of "foreign/MAC/IP", for as long as it answers.
 */
#ifndef SOLOVIRT_DAEMON_CONFLICTS_H
#define SOLOVIRT_DAEMON_CONFLICTS_H

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

struct error;
struct host;
struct job_step;

/* Annotation of a Subnet: "false": nobody is asked, as where a router answers for all (proxy ARP). */
#define ADDRESS_PROBE "solovirt.io/address-probe"
/* Begins the owner in the ledger of what was put aside. */
#define ADDRESS_FOREIGN "foreign/"

/* What domain-start (host_verbs.h) has to ask for: addresses that the instance has not used on this host; an empty list: nothing. */
json_t *conflicts_probes(struct daemon *daemon, const struct object *instance, const struct host *host);
/* A job's step that asks for the same: 1, or 0 when there is nothing to ask for. */
int conflicts_step(struct daemon *daemon, const struct object *instance, const struct host *host, struct job_step *step);
/* Does what follows from an answer of domain-start or address-probe.  0: nobody else has what the instance has, it is not asked for again;
 * -1: EADDRINUSE: it has to wait, EAGAIN: it gets another address. */
int conflicts_took(struct daemon *daemon, const struct object *instance, const struct host *host, const json_t *result, struct error *err);
/* The owner's addresses are not its own any more. */
void conflicts_forget(struct daemon *daemon, const char *owner);

/* Asks for what a Subnet has put aside, once a minute, and gives back what nobody answers for; queues the Subnet again while there is some. */
void conflicts_look(struct daemon *daemon, const struct object *subnet, const char *segment);
/* Gives all of it back. */
void conflicts_clear(struct daemon *daemon, const struct object *subnet, const char *segment);

#endif
