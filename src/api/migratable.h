/* Whether an instance could move to another host while it runs, by what its spec says: KubeVirt's rules (fact sheet, section 4.5). */
#ifndef SOLOVIRT_API_MIGRATABLE_H
#define SOLOVIRT_API_MIGRATABLE_H

#include <stdbool.h>

#include "src/api/vmi.h"

/* Looks a claim up: 1 several hosts may write it (ReadWriteMany), 0 they may not, -1 nothing is known of it. */
typedef int migratable_claim(void *arg, const char *name);

/* The first reason against it, and KubeVirt's sentence (caller g_free()s); NULL when there is none.  The reason is static. */
const char *migratable_reason(const struct vmi *vmi, migratable_claim *claim, void *arg, char **message);

/* Every reason but those of disks, "Reason: sentence" joined by ", ": what stands against moving its disks.  NULL when there is none; caller
 * g_free()s. */
char *migratable_storage(const struct vmi *vmi);

/* True when disks would have to be copied along, because they are this host's own and may be written. */
bool migratable_needs_copy(const struct vmi_spec *spec, migratable_claim *claim, void *arg);

#endif
