/* What only the host can tell about a domain's disks: whether its file systems know O_DIRECT, and their block sizes. */
#ifndef SOLOVIRT_VIRT_DISK_MODES_H
#define SOLOVIRT_VIRT_DISK_MODES_H

#include <libxml/tree.h>
#include <stdbool.h>

struct error;

/*
 * Completes the disks of a domain, as KubeVirt's launcher does: a driver without cache gets "none" where every file of the
 * disk can be opened with O_DIRECT, else "writethrough"; one with cache none and without io gets "native" for a block device
 * or a raw file all of whose blocks are allocated; an empty <blockio/> gets the sizes of the device or the file system.
 * A file that is not there counts as one that will be: "none".  here: the files are on this machine; otherwise cache and io
 * stay libvirt's choice.  -1 with EINVAL when cache none was asked for and the file system does not know O_DIRECT.
 */
int disk_modes_fill(xmlDoc *doc, bool here, struct error *err);

#endif
