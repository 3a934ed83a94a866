/* What the files of the instance controller share. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VMI_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VMI_H

#include "daemon/daemon.h"
#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/job.h"
#include "daemon/store.h"
#include "src/api/vmi.h"

struct domain_interface;

/* Stores a status of objects_status_copy() (nothing happens when it is equal) and frees it. */
int vmi_status_put(struct daemon *daemon, const struct object *object, struct vmi_status *status, struct error *err);
/* Enters a phase: its timestamp is noted; nothing when it is in it already. */
void vmi_phase_set(struct daemon *daemon, struct vmi_status *status, enum vmi_phase phase);
/* True when the instance has ever been in this phase. */
bool vmi_phase_was(const struct vmi_status *status, enum vmi_phase phase);

/* What can be told of an instance that runs without asking anybody: its volumes, whether it could move, its class of service. */
void vmi_report(struct daemon *daemon, const struct object *object, struct vmi_status *status);

/* Processors and memory that an instance started with, unless they are told already; vmi_live.c tells what it has after that. */
void vmi_report_size(const struct vmi *vmi, struct vmi_status *status);

/* The disks of the instance are there and filled, its Secrets, ConfigMaps and networks exist.  False with a reason and a sentence; the
 * object is looked at again when what is missing changes.  *node: the host that holds its disks, or NULL. */
bool vmi_needs_are_there(struct daemon *daemon, const struct object *object, const char **node, const char **reason, char *why,
    size_t size);

/* The name of the claim behind a volume, or NULL. */
const char *volume_claim(const struct volume *v);
/* What a containerDisk, and what kernelBoot wants of an image. */
struct image_wish vmi_image(const struct vmi *vmi, const struct volume *v);
struct image_wish vmi_kernel_image(const struct vmi *vmi, bool initrd);

/* File on the host that keeps the machine's UEFI variables when it stops, or NULL.  g_free(). */
char *vmi_nvram(const struct vmi *vmi);

/* The name of the claim that an ephemeral volume lies over, or NULL. */
const char *volume_base_claim(const struct volume *v);

/* True unless the interface's state is absent: then the guest is not to have it. */
bool vmi_interface_is_present(const struct interface *interface);
/* Where the cards that the instance is to have are plugged in: ports has room for all its interfaces.  What they point to
 * belongs to attachments (an empty array of vmi_attachments_new()) and to the ledger. */
int vmi_ports(struct daemon *daemon, const struct object *object, GPtrArray *attachments, struct domain_interface *ports, size_t *count,
    struct error *err);
GPtrArray *vmi_attachments_new(void);
/* Where the instance is plugged in (struct attachment) that a host may lack: bridges of Open vSwitch, networks of libvirt.  What
 * cannot be found is told at its start. */
GPtrArray *vmi_wires(struct daemon *daemon, const struct object *object);
/* Why a host has not all of these ready, or NULL.  g_free(). */
char *vmi_unplugged(struct daemon *daemon, struct host *host, const GPtrArray *wires);
/* Enters the address of an interface into the ledger; 1: step tells it to the host's DHCP server (*told, which is replaced, is for
 * vmi_address_took()), 0: that knows it already, or there is none to have, -1 err. */
int vmi_address_step(struct daemon *daemon, const struct object *object, const struct interface *interface, const char *host,
    struct job_step *step, char **told, struct error *err);
/* The step was done; host and told may be NULL. */
void vmi_address_took(struct host *host, const char *verb, const char *told);

/* Between starts, or cleanings, that fail; doubles. */
enum { VMI_AGAIN_MS = 1000, VMI_AGAIN_MOST_MS = 60000 };
/* Begins the job that prepares and starts the domain on its host. */
void vmi_start(struct daemon *daemon, const struct object *object, struct host *host);
/* Begins the job that removes the domain and what was made for it. */
void vmi_clean(struct daemon *daemon, const struct object *object, struct host *host);

/* The clean job has done its work: notes it, and lets a deleted instance go. */
int vmi_cleaned(struct daemon *daemon, const struct object *object, struct error *err);

/* File on the host to which the guest's console is logged.  g_free(). */
char *vmi_console_log(const char *namespace, const char *name);
/* Notes that the host keeps UEFI variables or a TPM's state for the machine, when its instance wants that; before it starts. */
int vmi_keep(struct daemon *daemon, const struct vmi *vmi, const struct host *host, struct error *err);
/* The machine goes: its logs, and what was kept for it, go from every host, from those that are away when they are back. */
void vmi_log_remove(struct daemon *daemon, const char *namespace, const char *name);
/* Removes from a host that is READY what could not be removed before. */
void vmi_logs_sync(struct daemon *daemon, struct host *host);

#endif
