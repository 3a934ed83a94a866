/* GPUs and host devices that specs ask for, and the configuration's word on them. */
#ifndef SOLOVIRT_DAEMON_DEVICES_H
#define SOLOVIRT_DAEMON_DEVICES_H

#include <jansson.h>

struct daemon;
struct diagnostics;
struct document;

/*
 * Admission of a tree: a device whose name is not in permittedHostDevices is refused with the names that are.  Without any such
 * word in the configuration GPUs are taken, as KubeVirt takes them, and wait for a host that has them; host devices are
 * refused, as by a KubeVirt without the feature gate HostDevices (F14).  An object whose devices stay as they are is never
 * refused for them.  -1: diagnostics.
 */
int devices_admit_vm(struct daemon *daemon, json_t *vm, const struct document *document, struct diagnostics *diagnostics);
int devices_admit_instance(struct daemon *daemon, json_t *vmi, const struct document *document, struct diagnostics *diagnostics);

#endif
