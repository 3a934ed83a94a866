/*
 * A libvirt host as the daemon sees it: its worker process, what the worker told about it, and the domains on it.
 *
 *            worker up             facts, pool, network, domains listed
 *   DOWN ------------> PREPARING ---------------------------------------> READY
 *     ^                    |  a step failed: again after a while            |
 *     +--------------------+------------------------------------------------+   worker died (hung, lost its connection)
 *
 * What is known of a host that is not READY is not to be acted upon: its domains may run or not.
 */
#ifndef SOLOVIRT_DAEMON_HOST_H
#define SOLOVIRT_DAEMON_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "src/base/channel.h"

enum host_state { HOST_DOWN, HOST_PREPARING, HOST_READY };

/* A domain of ours on a host. */
struct host_domain {
	char *name, *uid, *namespace, *vmi;
	char *state, *reason; /* libvirt's words: "running", "shutoff"; "booted", "destroyed" */
	char *machine;        /* its machine type as libvirt has it, when it was just started; else NULL */
	int64_t user;         /* that QEMU runs as, likewise; else -1 */
	json_t *uses;         /* what it uses (host_verbs.h), if no instance of the store had its uid when it was told; else NULL */
};

struct host {
	struct daemon *daemon;
	char *name, *uri;
	char **enter;         /* what starts its worker there, or NULL */
	char **arguments;     /* that the worker is started with */
	int emulation_wanted; /* enum emulation */
	bool local;           /* its libvirtd shares our files */
	bool configured;      /* false: gone from the configuration at a reload */
	struct worker *worker;
	enum host_state state;
	int64_t since;        /* monotonic ms: when it became READY, or ceased to be */
	int64_t session;      /* another number for each of its workers, each of which ends with its connection */
	char *problem;        /* why it is not READY, or NULL */
	char *told;           /* the problem that was logged last, so that retries do not fill the log */
	bool emulation;       /* guests run without KVM */
	char *emulation_reason;
	json_t *facts;        /* answer to host-info, or NULL */
	json_t *networks;     /* of its libvirt: name -> whether it runs; NULL: not known yet */
	int64_t cpus, memory; /* of the hardware; bytes */
	GHashTable *domains;  /* domain name -> struct host_domain */
	GHashTable *dhcp;     /* "mac ip" of the entries that its DHCP server has; telling it costs half a second */
	GHashTable *served;   /* Subnet -> what its DHCP server there was told, as text */
	GHashTable *wires;    /* ProviderNetwork -> struct wire of controllers/provider_network.c */
	struct guard_state *guards; /* that it was told; guards.h */
	struct event *retry;
	struct event *look;   /* at what it needs while it is READY */
	struct event *again;  /* pending: what could not be told to it is told again */
	struct calls *calls;
	unsigned uploads;     /* of container images that are on their way to it; vmi_start.c */
	unsigned step;        /* of the preparation */
	unsigned failures;    /* of its steps since the worker was started */
};

/* Starts the workers of every configured host; called again after a reload. */
void hosts_start(struct daemon *daemon);
void hosts_stop(struct daemon *daemon);

/* The host of a name, or NULL. */
struct host *host_find(struct daemon *daemon, const char *name);
/* The domain of an instance, or NULL when the host has none.  Only meaningful while the host is READY. */
const struct host_domain *host_domain_find(const struct host *host, const char *namespace, const char *name);
/* A domain that is there and executes (or could): every state but shutoff and crashed. */
bool host_domain_is_active(const struct host_domain *domain);
/* libvirt is still about to start it, and may fail without an event. */
bool host_domain_is_starting(const struct host_domain *domain);
/* Takes over what a call told about a domain (DOMAIN of host_verbs.h); a NULL state forgets it. */
void host_domain_note(struct host *host, const json_t *domain);
void host_domain_forget(struct host *host, const char *name);

/* As calls_add(). */
enum { HOST_LANES = 4 };
void host_call(struct host *host, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg);

/* Whether a user's call may be added to those that wait; EAGAIN. */
int host_check_room(const struct host *host, struct error *err);

/* A call failed that no object waits for: the host's DHCP entries and logs are compared with the store again after a while. */
void host_sync_again(struct host *host);

/* Processors and memory that may be promised to instances, overcommit applied: millicores, bytes. */
void host_allocatable(const struct host *host, int64_t *cpu, int64_t *memory);

#endif
