/* A machine with its instancetype and preference applied, on the client's side. */
#ifndef SOLOVIRT_CLI_EXPANSION_H
#define SOLOVIRT_CLI_EXPANSION_H

#include <glib.h>

#include "src/cli/cli.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

/*
 * Applies what the VirtualMachine of a document refers to, to the tree of its template's spec and annotations (may be NULL), in
 * place.  What it refers to is looked for among the documents (const struct document *, may be NULL), then asked from the
 * daemon.  Nothing happens when it refers to nothing.  -1: diagnostics, or err when something is not to be found.
 */
int expansion_apply(struct cli *cli, const GPtrArray *documents, const struct document *vm, json_t *spec, json_t *annotations,
    struct diagnostics *diagnostics, struct error *err);

#endif
