/*
 * What a host gives to one instance alone: processors and devices.  Which of those that are free, as pure functions over a
 * snapshot of the host; who has which is remembered elsewhere.
 */
#ifndef SOLOVIRT_SCHEDULER_GRANT_H
#define SOLOVIRT_SCHEDULER_GRANT_H

#include <stdbool.h>
#include <stddef.h>

/* A processor of the host: a thread, where its cores have several. */
struct grant_cpu {
	int id, node; /* its number, and that of its memory node */
	int core;     /* the same for threads of one core: the number of the first of them */
	bool taken;   /* somebody has it, or nobody may */
};
/* A device of the host. */
struct grant_device {
	const char *resource; /* what the configuration calls its kind */
	const char *address;  /* by which the host tells it apart */
	const char *group;    /* devices of one group go to one instance; NULL: it is alone */
	int node;             /* memory node that it is near to; -1: none */
	bool taken;
};

/* How many are free. */
size_t grant_cpus_free(const struct grant_cpu *cpus, size_t count);
/*
 * Chooses processors; false when fewer are free.  chosen: room for "wanted" positions.
 * From one memory node when one has enough, from as few as possible otherwise; cores that are wholly free before threads of
 * cores that others use; and a wholly free core is broken up only when nothing else is left.  Threads of a core that is chosen
 * as a whole stand side by side, at the front.
 */
bool grant_cpus_choose(const struct grant_cpu *cpus, size_t count, size_t wanted, size_t *chosen);

/* How many of a resource are free, and how many there are. */
size_t grant_devices_free(const struct grant_device *devices, size_t count, const char *resource, size_t *all);
/* Position of a free device, one near to one of the nodes if there is such a one; -1: none is free. */
int grant_device_choose(const struct grant_device *devices, size_t count, const char *resource, const int *nodes,
    size_t node_count);

#endif
