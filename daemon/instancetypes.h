/*
 * The instancetype, preference and presets of machines: found in the store, pinned to the copy that was used first, applied
 * by src/api/expand.h.  Loop thread.
 */
#ifndef SOLOVIRT_DAEMON_INSTANCETYPES_H
#define SOLOVIRT_DAEMON_INSTANCETYPES_H

#include "daemon/store.h"
#include "src/api/vm.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

struct daemon;

/*
 * Applies what a machine refers to, to the trees of its instance's spec and annotations (the latter may be NULL), in place.
 * The copy that status refers to counts, or that revisionName names; without one the object as it now is.
 * -1 ENOENT: what it refers to is not there; EINVAL: diagnostics (with places in document, which may be NULL) say what
 * does not fit.
 */
int instancetypes_expand(struct daemon *daemon, const struct vm *vm, json_t *spec, json_t *annotations,
    const struct document *document, struct diagnostics *diagnostics, struct error *err);

/* What a start needs: copies of what is referred to, as ControllerRevisions of the machine, named in status.  Nothing
 * happens when they are there.  -1 ENOENT as above, or the store's. */
int instancetypes_pin(struct daemon *daemon, const struct object *object, struct vm_status *status, struct error *err);

/* The class of disks that the machine's preference has for templates without one (changes the trees of an array). */
void instancetypes_templates(struct daemon *daemon, const struct vm *vm, json_t *templates);

/* Admission of a VirtualMachine's tree: kinds of its matchers, names that volumes infer, conflicts.  -1: diagnostics. */
int instancetypes_admit(struct daemon *daemon, json_t *vm, const struct document *document, struct diagnostics *diagnostics);
/* Admission of a VirtualMachineInstance's tree: presets.  -1: diagnostics. */
int presets_admit(struct daemon *daemon, json_t *vmi, const struct document *document, struct diagnostics *diagnostics);

#endif
