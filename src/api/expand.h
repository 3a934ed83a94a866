/* What a machine's spec becomes by its instancetype, its preference and presets (pure). */
#ifndef SOLOVIRT_API_EXPAND_H
#define SOLOVIRT_API_EXPAND_H

#include "src/api/instancetype.h"
#include "src/api/vm.h"
#include "src/document/diagnostic.h"

struct expand_input {
	const struct instancetype_spec *instancetype; /* or NULL */
	const struct preference_spec *preference;     /* or NULL */
	const struct document *document; /* where the machine is written, or NULL */
	const char *path;                /* of the spec in it: "spec.template.spec" */
	struct diagnostics *diagnostics;
};

/*
 * Applies both to the tree of a VMI's spec and to the tree of its annotations (may be NULL), in place: the instancetype's
 * size first, then what the preference fills in where nothing is written.  Fields that the instancetype sets may not be
 * written in the machine as well, and the preference's requirements must be met: each is an error.  Returns 0, or -1 when
 * an error was added; then both trees are as they were.
 */
int expand_tree(json_t *spec, json_t *annotations, const struct expand_input *input);

/* What a VirtualMachine's tree takes over from its preference when it is admitted, before defaults: machine type, architecture. */
void expand_machine(json_t *vm, const struct preference_spec *preference);

/* Class of disks that the preference has for DataVolume templates without one: sets it in each tree of an array. */
void expand_templates(json_t *templates, const struct preference_spec *preference);

/* The kind that a matcher means: "VirtualMachineInstancetype" or "...ClusterInstancetype" (or Preference), by any of its
 * words in any case; the cluster's when none is written.  NULL when it is none of them. */
const struct kind *expand_kind(const struct matcher *matcher, bool preference);

/* Merges a preset's domain into that of an instance's tree: what is not there is taken over.  Returns NULL, or the path of
 * what both set differently (caller g_free()s); the tree is then as it was. */
char *expand_preset(json_t *vmi, const json_t *preset);

#endif
