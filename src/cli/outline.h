/* A tree as an indented outline for people, as "kubectl describe" writes one. */
#ifndef SOLOVIRT_CLI_OUTLINE_H
#define SOLOVIRT_CLI_OUTLINE_H

#include <glib.h>
#include <jansson.h>

struct schema;

/* Appends the members of an object, sorted, each level indented by two more blanks.  What schema (may be NULL) marks as
 * secret is told by its size only; path is where the object stands in the schema ("" for the whole). */
void outline_write(const json_t *object, int indent, const struct schema *schema, const char *path, GString *out);

/* "creationTimestamp" -> "Creation Timestamp", "podIP" -> "Pod IP".  Caller g_free()s. */
char *outline_label(const char *name);

#endif
