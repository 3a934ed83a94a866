/* The verbs addvolume and removevolume, of machines and of instances that have none. */
#ifndef SOLOVIRT_DAEMON_VERB_VOLUMES_H
#define SOLOVIRT_DAEMON_VERB_VOLUMES_H

#include "daemon/store.h"

struct daemon;
struct error;

/* As struct verb's run: body is KubeVirt's AddVolumeOptions or RemoveVolumeOptions.  They only edit the spec (of a machine: its
 * template); what runs follows that edit as any other. */
int verb_add_volume(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err);
int verb_remove_volume(struct daemon *daemon, const struct object *object, const json_t *body, struct error *err);

#endif
