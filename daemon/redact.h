/* Objects as somebody may see them who may not see what is secret: without the fields that rows mark FIELD_SECRET. */
#ifndef SOLOVIRT_DAEMON_REDACT_H
#define SOLOVIRT_DAEMON_REDACT_H

#include <jansson.h>
#include <stdbool.h>

#include "src/api/kinds.h"

/* True when a kind has such fields. */
bool redact_needed(const struct kind *kind);
/* Removes them from a tree, and annotations in which tools keep a copy of the object. */
void redact_tree(const struct kind *kind, json_t *tree);

#endif
