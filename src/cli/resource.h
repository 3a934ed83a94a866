/* Objects as a user names them on a command line: "vm,vmi", "vm x y", "vm/x dv/y", "all". */
#ifndef SOLOVIRT_CLI_RESOURCE_H
#define SOLOVIRT_CLI_RESOURCE_H

#include <glib.h>

#include "src/api/kinds.h"

struct error;

struct resource {
	const struct kind *kind;
	char *name; /* NULL: all of its kind */
};

/*
 * Reads words (const char *) as kubectl does; adds struct resource *, whose free function this sets on an empty array made
 * with g_ptr_array_new().  EINVAL: no kind, an unknown one (with the nearest), names and kind/name mixed, an empty name.
 */
int resources_parse(const GPtrArray *words, GPtrArray *resources, struct error *err);
/* One word, kind/name or a name of the kind "otherwise" (which may be NULL: then a kind must be written). */
int resource_parse(const char *word, const struct kind *otherwise, const struct kind **kind, const char **name,
    struct error *err);
/* A kind by any of its names, or NULL and EINVAL with the nearest. */
const struct kind *resource_kind(const char *word, struct error *err);

/* How many kinds there are in resources. */
size_t resources_kinds(const GPtrArray *resources);

/* "/apis/kubevirt.io/v1/namespaces/NS/virtualmachines/NAME"; ns NULL: of every namespace; name NULL: the collection.
 * The namespace of kinds without one is left out.  Caller g_free()s. */
char *resource_path(const struct kind *kind, const char *ns, const char *name);
/* "/apis/subresources.kubevirt.io/v1/namespaces/NS/PLURAL/NAME/VERB".  Caller g_free()s. */
char *resource_verb_path(const struct kind *kind, const char *ns, const char *name, const char *verb);
/* Adds "name=value", escaped, behind '?' or '&'; nothing when value is NULL.  Takes and returns the path. */
char *resource_query(char *path, const char *name, const char *value);
/* "virtualmachine.kubevirt.io/x", "secret/x"; without "/x" when name is NULL.  Caller g_free()s. */
char *resource_title(const struct kind *kind, const char *name);

#endif
