/* What an instance's spec says when its author left it open: KubeVirt's defaults (fact sheet, section 6.2). */
#ifndef SOLOVIRT_API_DEFAULTS_H
#define SOLOVIRT_API_DEFAULTS_H

#include "src/api/vmi.h"

/*
 * Fills everything that is unset in a spec that was decoded: architecture and machine type, memory and processors and how
 * far they may grow, features, timers, disks and their buses, the default interface, probes.  Only appends to lists, and
 * is the same when done twice.  The identity in firmware comes from the name: see prepare.c.
 */
void vmi_spec_default(struct vmi_spec *spec);

/* The devices that are attached without being written: an interface, disks for volumes, an input.  The first part of it, which
 * comes before a preference is asked what they should be. */
void vmi_devices_default(struct vmi_spec *spec);

/* The machine type that an architecture has when none is written; "q35" for amd64 and what is not known. */
const char *machine_type_default(const char *architecture);

/* Features, timers, Hyper-V's dependencies: the part of vmi_spec_default() in defaults_features.c. */
void vmi_features_default(struct vmi_spec *spec);

#endif
