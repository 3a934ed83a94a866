/* Which host a VM goes to: pure functions over a snapshot. */
#ifndef SOLOVIRT_SCHEDULER_SCHEDULER_H
#define SOLOVIRT_SCHEDULER_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scheduler_label {
	const char *name, *value;
};
/* Devices of one kind, by the name that the configuration gives it. */
struct scheduler_resource {
	const char *name;
	int64_t amount, free; /* of a host; what is wanted: amount alone */
};
struct scheduler_host {
	const char *name;
	bool ready, schedulable;
	int64_t cpu, memory;           /* allocatable: millicores and bytes, overcommit applied */
	int64_t cpu_used, memory_used; /* promised to instances */
	int64_t whole, whole_free;     /* processors that instances may have for themselves, and those that nobody has */
	const struct scheduler_resource *resources;
	size_t resource_count;
	const struct scheduler_label *labels;
	size_t label_count;
	const char *unplugged;         /* why its interfaces cannot be plugged in there, or NULL */
};
struct scheduler_demand {
	int64_t cpu, memory;
	int64_t whole;      /* processors for itself; cpu is none of them */
	const struct scheduler_resource *resources; /* amounts */
	size_t resource_count;
	const char *pinned; /* host that holds its disks, or NULL */
	const struct scheduler_label *selector;
	size_t selector_count;
};

/*
 * Position of the chosen host, or -1: then why (of size bytes) says it with numbers, as kube-scheduler words it:
 * "0/2 nodes are available: 1 Insufficient memory (wanted 8GiB, free 1.5GiB of 4GiB), 1 node is not ready".
 */
int scheduler_choose(const struct scheduler_host *hosts, size_t count, const struct scheduler_demand *demand, char *why,
    size_t size);

#endif
