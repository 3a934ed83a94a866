/* The <devices> of a domain; part of domain_xml. */
#ifndef SOLOVIRT_VIRT_DOMAIN_DEVICES_H
#define SOLOVIRT_VIRT_DOMAIN_DEVICES_H

#include <stdbool.h>

#include "src/virt/domain_xml.h"
#include "src/virt/xml_build.h"

/* Adds all devices below domain.  -1 when one has nothing to stand on: no volume, no port, a bad PCI address. */
int domain_devices_add(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input, struct error *err);

/* Number of disks that want an I/O thread of their own. */
int domain_io_threads(const struct domain_input *input);

/* True for machines with SATA and VGA (amd64); false for "virt" machines (arm64). */
bool domain_is_pc(const struct vmi_spec *spec);

#endif
