/* Paths of fields as users write them, and kubectl's JSONPath. */
#ifndef SOLOVIRT_DOCUMENT_PATH_H
#define SOLOVIRT_DOCUMENT_PATH_H

#include <glib.h>
#include <jansson.h>

struct error;

/*
 * A path is members joined by "." and list positions in brackets: "spec.volumes[0].name".  A member whose name has a dot,
 * a bracket or is empty is written in quotes: metadata.labels['app.kubernetes.io/name'].  "" is the whole document.
 */

/* Appends one step to a path under construction. */
void path_member(GString *path, const char *name);
void path_index(GString *path, size_t index);

/* Length of the path without its last step: what is left of "a.b[0]" is "a.b".  0 for the whole document. */
size_t path_parent(const char *path);

/* The value at a path (borrowed), or NULL. */
json_t *path_find(const json_t *root, const char *path);
/* Same, but only as a string; NULL when absent or not a string. */
const char *path_string(const json_t *root, const char *path);

/* Sets the value at a path (reference stolen), making objects (and lists before a position) on the way, also in place of a
 * null; list positions must exist or be the next one.
 * Returns 0, or -1 when a step meets a value of another type (then nothing was changed). */
int path_set(json_t *root, const char *path, json_t *value);
/* Removes the value at a path if it is there. */
void path_remove(json_t *root, const char *path);

/* Writes into tree what differs between two trees of the same kind, what it was decoded to and what became of that: what is the
 * same keeps the words of its author ("1024Mi"), and what is in neither, such as a field that is ignored, stays.  Lists
 * only grow. */
void path_lay_over(json_t *tree, const json_t *was, const json_t *is);

/*
 * Renders kubectl's JSONPath template over root: text outside braces is copied; inside: .member, ['member'], [n], [-1],
 * [a:b], [*], .., filters [?(@.type=="Ready")] (== != < > <= >=), range/end, quoted text.  A missing field prints nothing.
 * Source: kubernetes.io/docs/reference/kubectl/jsonpath.  Errors: EINVAL with the position in the template.
 */
int jsonpath_format(const char *template, const json_t *root, GString *out, struct error *err);

#endif
