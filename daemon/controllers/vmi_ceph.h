/* Disks of instances that are images in Ceph: what their hosts and domains are told of them. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VMI_CEPH_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VMI_CEPH_H

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/volume.h"
#include "src/virt/domain_xml.h"

struct error;
struct job_step;

/* True for a volume in Ceph: fills what a domain's XML says of its cluster.  Borrows from the claim and the configuration. */
bool vmi_ceph(struct daemon *daemon, const struct volume_place *place, struct domain_ceph *ceph);

/* The next step before a guest may have the disks: each host is told the key, and an image that is not to be shared must not be open
 * anywhere.  *at begins as 0.  look: whether the images are looked at: not when the guest has them already.  1 with *step, 0 there is none left, -1
 * err.  What "volume-info" answers goes to vmi_ceph_look(). */
int vmi_ceph_next(struct daemon *daemon, const struct object *vmi, size_t *at, bool look, struct job_step *step, struct error *err);
/* -1 EAGAIN: somebody has it open, whom the text names. */
int vmi_ceph_look(const json_t *info, struct error *err);

/* An "ephemeral" disk over a claim in Ceph is a clone of its image, which goes with the instance.  Where it is going to be is noted in the store
 * before the step that makes it: what a kill leaves is found by vmi_ceph_sweep().  1 with *step, whose answer is VOLUME of volume_verbs.h, -1 err. */
int vmi_ceph_clone(struct daemon *daemon, const struct object *vmi, const char *volume, const struct volume_place *base, int64_t capacity,
    struct job_step *step, struct error *err);
/* Removes the clones of an instance whose guest has ended; what cannot go now is left to the sweep. */
void vmi_ceph_release(struct daemon *daemon, const char *uid);
/* Removes those of all instances that are gone or have ended; called once a minute. */
void vmi_ceph_sweep(struct daemon *daemon);

#endif
