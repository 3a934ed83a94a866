/*
 * What hosts give to instances alone: processors (dedicatedCpuPlacement), GPUs and host devices.
 *
 * Who has what is said by status.grant of the instances, written together with the choice of the host, and by the metadata of
 * domains that run for nobody.  It counts until nothing of the instance is on the host any more (status.activePods), so that
 * two guests never run with the same.  Which devices a host has is asked from time to time.
 */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_GRANTS_H
#define SOLOVIRT_DAEMON_CONTROLLERS_GRANTS_H

#include "daemon/daemon.h"
#include "daemon/host.h"
#include "daemon/store.h"
#include "scheduler/scheduler.h"
#include "src/api/vmi.h"
#include "src/virt/domain_xml.h"

struct grants;

/* Of nobody; free with grants_free(). */
struct grants *grants_new(void);
void grants_free(struct grants *grants);

/* Takes in an instance as it is now, or that it is no object any more; as often as one likes.  True when that changes what is
 * given. */
bool grants_note(struct grants *grants, const struct object *vmi, bool deleted);
/* An instance is about to be placed: what it has been given counts no longer, if that could not be committed. */
void grants_drop(struct grants *grants, const char *uid);

/* What an instance wants of devices, and a host has: resources of a demand, and of a scheduler_host.  g_free(); names are
 * borrowed until the loop's turn ends. */
struct scheduler_resource *grants_wanted(const struct vmi *vmi, size_t *count);
struct scheduler_resource *grants_offered(struct daemon *daemon, const struct host *host, size_t *count);
/* Processors and memory that may be promised, as host_allocatable(), without those that are given away. */
void grants_allocatable(struct daemon *daemon, const struct host *host, int64_t *cpu, int64_t *memory);
/* Processors that instances may have for themselves, and those that nobody has; cpu_used: promised to the others, millicores. */
void grants_whole(struct daemon *daemon, const struct host *host, int64_t cpu_used, int64_t *all, int64_t *free);

/* Chooses of what is free and writes it into the status.  -1: there is too little; cannot be when the scheduler has just
 * chosen the host. */
int grants_choose(struct daemon *daemon, const struct host *host, const struct vmi *vmi, struct vmi_status *status,
    struct error *err);
/* Takes over what a domain has by its metadata (uses of host_verbs.h). */
void grants_adopt(struct vmi_status *status, const json_t *uses);

/* Members of a domain's input: pins, host devices, and the processors that all its threads stay on.  Cleared by
 * grants_input_clear(). */
struct grants_input {
	struct domain_pin *pins;
	struct domain_host_device *devices;
	char *cpuset;
};
void grants_fill(struct daemon *daemon, const struct host *host, const struct vmi *vmi, struct grants_input *places,
    struct domain_input *input);
void grants_input_clear(struct grants_input *places);

/* Brings the guests that have no processors of their own to where they may run, and asks for the devices that there are.  Nothing
 * happens while the host is not READY.  all: also what a look from time to time would tell. */
void grants_sync(struct daemon *daemon, struct host *host, bool all);

#endif
