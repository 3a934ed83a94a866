/*
 * Guards: what holds a guest's port to what it may send and get: flows of Open vSwitch, rates and mirrors (host_rates.h).  A port's flows
 * carry a cookie that is made of the guest's uid and the MAC, so that they can be found and taken away whatever the port's number is by
 * then.
 */
#ifndef SOLOVIRT_VIRT_HOST_GUARD_H
#define SOLOVIRT_VIRT_HOST_GUARD_H

#include <jansson.h>
#include <libvirt/libvirt.h>
#include <stdbool.h>

struct error;

/* EINVAL for what is no list of [{"mac","flows":["..."]}], or has a flow that would be more than one. */
int guard_check(json_t *guards, struct error *err);
/* Puts the flows of a domain's ports in; it has to run, paused or not.  0, or -1; ENOENT when a MAC has no port. */
int guard_install(virDomainPtr domain, const char *uid, json_t *guards, struct error *err);

/* A start that has yet to put them in is marked, so that whoever comes after a crash goes on with it. */
int guard_mark(virDomainPtr domain, struct error *err);
bool guard_is_marked(virDomainPtr domain);
int guard_unmark(virDomainPtr domain, struct error *err);

/* Tells a "vswitch" event whenever ovs-vswitchd has started, with empty flow tables; on another machine (host_ovs_place.h)
 * also when it or the database ceases to answer.  Once. */
void guard_watch(void);

#endif
