/*
 * Guards of guests' ports: port security, security groups, rates and mirrors.  Which ones a guest has (guards.c, flows by net/flows.h), and
 * that its host has them (guards_sync.c).
 */
#ifndef SOLOVIRT_DAEMON_GUARDS_H
#define SOLOVIRT_DAEMON_GUARDS_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/daemon.h"

struct error;
struct host;
struct object;

/* "guards" of domain-start (host_verbs.h) for an instance: an empty array when no interface asks for any.  NULL with err: ENOENT: a
 * SecurityGroup or Vip that an annotation names does not exist; EAGAIN: an interface has no address yet; EINVAL.  New reference. */
json_t *guards_of(struct daemon *daemon, const struct object *instance, struct error *err);
/* The same for several of one turn, of whose groups the members are looked up once.  every: a port of which nothing is asked has a guard
 * without flows, so that a host takes away what it had. */
struct guard_maker *guard_maker_new(struct daemon *daemon);
void guard_maker_free(struct guard_maker *maker);
json_t *guard_maker_make(struct guard_maker *maker, const struct object *instance, bool every, struct error *err);

/* What a host was told; host->guards. */
struct guard_state *guard_state_new(struct host *host);
void guard_state_free(struct guard_state *state);
/* Nothing is known of what it has: it started anew, or its Open vSwitch did. */
void guards_forget(struct host *host);

/* The host is told all guards of its guests soon, unless it has them. */
void guards_sync(struct host *host);
/* The same for all hosts: a SecurityGroup or its members changed. */
void guards_sync_all(struct daemon *daemon);
/* All hosts said that they have what they should. */
bool guards_are_told(struct daemon *daemon);
/* A start put these in. */
void guards_took(struct host *host, const struct object *instance, const json_t *guards);
/* The guest of an instance stopped, started or got a card: its host forgets or learns guards, those of others who let its groups through
 * change. */
void guards_changed(struct daemon *daemon, const struct object *instance);
/* A guest runs: if what it should have is not what its host was told, because its annotations changed, that is told. */
void guards_follow(struct daemon *daemon, const struct object *instance);

#endif
