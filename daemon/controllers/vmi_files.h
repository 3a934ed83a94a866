/* Files of an instance's own in the pool; their names tell whose they are.  All that is returned is g_free()d unless it says otherwise. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_VMI_FILES_H
#define SOLOVIRT_DAEMON_CONTROLLERS_VMI_FILES_H

#include <glib.h>

#include "src/api/vmi.h"

/* Files besides volumes that a guest boots with, and how they are called. */
enum extra { EXTRA_KERNEL, EXTRA_INITRD, EXTRA_SLIC, EXTRA_MSDM, EXTRA_COUNT };
extern const char *const vmi_extra_words[];

/* Records of the store: files that were sent whole to a host that is another machine, by name. */
#define VMI_UPLOADED "uploaded"

/* Of a volume that is made for the instance; NULL: it is not. */
char *vmi_volume_file(const char *uid, const struct volume *v);
/* The disk of a container image that lies under the volume's overlay; NULL: there is none. */
char *vmi_base_file(const char *uid, const struct volume *v);
char *vmi_extra_file(const char *uid, enum extra extra);
/* Where an extra comes from: a path in kernelBoot's container, the name of a volume of firmware.acpi, or NULL; borrowed. */
const char *vmi_extra_source(const struct vmi *vmi, enum extra extra);

/* Adds the names of all that may have been made for the instance: files, and directories (char *). */
void vmi_files_collect(const struct vmi *vmi, const char *uid, GPtrArray *files, GPtrArray *folders);

#endif
