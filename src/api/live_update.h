/* What an edit of a machine's template means for its instance that runs (KubeVirt's rollout strategy LiveUpdate).  Pure. */
#ifndef SOLOVIRT_API_LIVE_UPDATE_H
#define SOLOVIRT_API_LIVE_UPDATE_H

#include <glib.h>
#include <jansson.h>

#include "src/api/vmi.h"

/* Cleared with live_update_clear(). */
struct live_update {
	json_t *spec;        /* of the instance as it may be while it runs on: what it has, with all that can change */
	bool changes;        /* it is another than the instance has */
	GPtrArray *restarts; /* char *: sentences why the rest waits for a restart; none: nothing does */
};

/* How much an instance may grow was settled when it was made: a template that does not say it means that.  To be called
 * before defaults are filled in. */
void live_update_keep_limits(json_t *wanted, const json_t *running);

/*
 * running: the spec that the instance has; wanted: the one that the template would now give it, with its defaults.
 * boot_memory: bytes that the guest started with; 0: what running has.  Processors and memory stay as they are when anything
 * else needs a restart; disks, links, and words about placement do not wait for that.
 */
void live_update_plan(const json_t *running, const json_t *wanted, int64_t boot_memory, struct live_update *update);
void live_update_clear(struct live_update *update);

/* A volume that may come and go while the guest runs. */
bool volume_is_hotpluggable(const struct volume *v);
/* Why a disk cannot be plugged in while the guest runs, or NULL. */
char *disk_hotplug_refusal(const struct disk *disk);

#endif
