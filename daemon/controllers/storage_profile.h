/* What claims get where they say nothing: the default class, and what its StorageProfile says. */
#ifndef SOLOVIRT_DAEMON_CONTROLLERS_STORAGE_PROFILE_H
#define SOLOVIRT_DAEMON_CONTROLLERS_STORAGE_PROFILE_H

#include <jansson.h>
#include <stdbool.h>

struct daemon;
struct diagnostics;
struct document;
struct error;

/* Writes the default class into the spec of a claim that names none; for_machines: the default of machines' disks goes first.
 * False: there is none. */
bool storage_class_fill(struct daemon *daemon, json_t *spec, bool for_machines);
/* The same, and access modes, volume mode and the least size from the class's profile (spec.storage of a DataVolume; CDI's table).
 * archive: the content needs a filesystem.  -1 with err: EAGAIN there is no such class now, EINVAL the profile does not say enough. */
int storage_profile_apply(struct daemon *daemon, json_t *spec, bool archive, struct error *err);
/* Admission of a claim (objects.c): the default class; from the profile when its label asks for it. */
int storage_profile_admit(struct daemon *daemon, json_t *tree, const struct document *document, struct diagnostics *diagnostics);

#endif
