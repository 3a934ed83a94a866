/*
 * Controllers: one per kind, level-triggered.  Each looks at what is wanted and what is, does the next step, and is called
 * again when anything that it depends on changes.  No step depends on having seen an event.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_H

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/store.h"

struct error;
struct host;
struct grants;
struct promises;

/* Brings everything that is in the store into the queue and follows its changes. */
void controllers_start(struct daemon *daemon);
void controllers_stop(struct daemon *daemon);

/* A host came, went, or told something new. */
void controllers_host_changed(struct daemon *daemon, struct host *host);
/* Compares the host's DHCP entries and logs with the store. */
void controllers_host_sync(struct daemon *daemon, struct host *host);
/* A domain of ours changed on a host; what: libvirt's word for the event, or "agent". */
void controllers_domain_changed(struct daemon *daemon, struct host *host, const char *domain, const char *what);
/* The configuration was read again: it may permit other devices, and reserve other processors. */
void controllers_reload(struct daemon *daemon);
/* There may be more room than before, or a network that was not there: those that wait for it look again. */
void controllers_capacity_changed(struct daemon *daemon);
/* The store can be written again: everything is looked at anew. */
void controllers_resync(struct daemon *daemon);

/* Looks at an object again, now or after so many ms. */
void controllers_requeue(struct daemon *daemon, const struct object *object, int64_t delay_ms);
/* Looks at the object again when the other one is created or changes. */
void controllers_await(struct daemon *daemon, const struct object *object, enum kind_id kind, const char *namespace,
    const char *name);
/* Looks at the object again when capacity may have become free. */
void controllers_await_capacity(struct daemon *daemon, const struct object *object);

/* What all instances together have been promised; see promises.h.  A placement is noted when it is made, not only once it is
 * durable: the next one of the same turn must know of it. */
struct promises *controllers_promises(struct daemon *daemon);
/* What hosts gave to instances alone (grants.h). */
struct grants *controllers_grants(struct daemon *daemon);

/* Marks that a job of this object is under way on a worker; false when there is one already.  Its end must be told. */
bool controllers_job_begin(struct daemon *daemon, const struct object *object);
void controllers_job_end(struct daemon *daemon, enum kind_id kind, const char *namespace, const char *name);
bool controllers_job_is_running(struct daemon *daemon, const struct object *object);

/* The object is being deleted, or will be: all its owners are gone, or are doomed themselves.  Nothing new may rest on it. */
bool controllers_is_doomed(struct daemon *daemon, const struct object *object);

/* An object's pace: how long it must wait before its controller acts on the outside again.  Lost at a restart. */
int64_t controllers_pace_left(struct daemon *daemon, const struct object *object); /* ms; 0: it may act */
void controllers_pace_set(struct daemon *daemon, const struct object *object, int64_t ms);
/* Since when (monotonic ms) its guest has been asked to end; 0: it has not.  Noted for good by a value. */
int64_t controllers_signaled(struct daemon *daemon, const struct object *object, int64_t now);
/* True the first time that its guest is to be cut off. */
bool controllers_kill_begin(struct daemon *daemon, const struct object *object);
/* One signal to a guest at a time: true when none is under way; end it by uid. */
bool controllers_signal_begin(struct daemon *daemon, const struct object *object);
void controllers_signal_end(struct daemon *daemon, const char *uid);
/* The agent of an instance is asked at most this often: 0 when that may be now (and counts), else ms; then it waits to be asked. */
int64_t controllers_ask(struct daemon *daemon, const struct object *object, int64_t every_ms);
bool controllers_ask_waits(struct daemon *daemon, const struct object *object);
/* After a failure: first, then twice as long each time, up to most.  Returns how many there were in a row. */
unsigned controllers_pace_fail(struct daemon *daemon, const struct object *object, int64_t first_ms, int64_t most_ms);
void controllers_pace_clear(struct daemon *daemon, const struct object *object);

/* One controller.  The object is kept alive during the call.  -1: it is tried again later, with growing delays, and err is
 * logged. */
int vm_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int vmi_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int data_volume_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int claim_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int replica_set_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int pool_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int migration_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int storage_class_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int storage_profile_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int volume_snapshot_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int data_source_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int data_import_cron_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int persistent_volume_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int provider_network_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int vlan_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int subnet_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int ip_address_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int security_group_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int ip_pool_reconcile(struct daemon *daemon, const struct object *object, struct error *err);
int vip_reconcile(struct daemon *daemon, const struct object *object, struct error *err);

/* A host is READY: its bridges and the DHCP servers of Subnets are looked at. */
void subnets_sync(struct daemon *daemon);
/* A host's worker told "subnet" or "vswitch" (host_verbs.h): what is gone is made again. */
void subnets_lost(struct host *host, const char *event, const char *name);
/* The bridge of a ProviderNetwork, if config is one, is ready on a host; EAGAIN says why not, EINVAL that it never will be. */
struct network_config;
int provider_network_check(struct daemon *daemon, struct host *host, const struct network_config *config, struct error *err);

/* Sees to the PersistentVolume of a bound claim. */
int persistent_volume_keep(struct daemon *daemon, const struct object *claim, struct error *err);
/* Whether the volume of a claim that is deleted is kept: as its PersistentVolume says, else its class. */
bool persistent_volume_is_kept(struct daemon *daemon, const struct object *claim);
/* The claim goes and its volume is kept. */
int persistent_volume_release(struct daemon *daemon, const struct object *claim, struct error *err);
/* Binds a claim to the PersistentVolume that its spec.volumeName names, or says why that cannot be. */
int persistent_volume_take(struct daemon *daemon, const struct object *claim, struct error *err);
/* A VolumeSnapshot that was taken of the claim's volume, or NULL; the claim is looked at again when it changes. */
const struct object *volume_snapshot_of_claim(struct daemon *daemon, const struct object *claim);

/* A host's or a cluster's (keeper) worker copies a volume: "progress" of volume_verbs.h. */
void claim_copy_progress(struct daemon *daemon, const char *keeper, const json_t *event);

/* The guest agent of an instance came or went. */
void vmi_agent_changed(struct daemon *daemon, struct host *host, const struct object *object);

/* Writes the Node of a host as it now is. */
void node_update(struct daemon *daemon, struct host *host);
/* Makes the default StorageClass when there is none. */
void storage_class_ensure(struct daemon *daemon);
/* Removes trash that is old enough; called once a minute. */
void trash_sweep(struct daemon *daemon);

/* Path of the volume of a bound claim on its host, or NULL; borrowed.  For an instance that holds the claim already: it may be in
 * deletion, which waits for the instance. */
const char *claim_path(struct daemon *daemon, const char *namespace, const char *name);
/* The same as a place, which borrows from the claim; false when there is none. */
struct volume_place;
bool claim_volume(struct daemon *daemon, const char *namespace, const char *name, struct volume_place *place);
/* Bytes of its volume; 0 when it has none, also for name NULL. */
int64_t claim_capacity(struct daemon *daemon, const char *namespace, const char *name);
/* What its class allows a guest's disk of it; none for name NULL. */
struct disk_limits;
void claim_limits(struct daemon *daemon, const char *namespace, const char *name, struct disk_limits *limits);
/* The disk of a claim is ready for a guest: bound, and filled when a DataVolume fills it.  *node and *path are borrowed.  False with why (of
 * size bytes) otherwise; gone is set when there is no such claim. */
bool claim_is_usable(struct daemon *daemon, const char *namespace, const char *name, const char **node, const char **path,
    bool *gone, char *why, size_t size);

#endif
