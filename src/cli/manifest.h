/* Files named by -f: the documents in them. */
#ifndef SOLOVIRT_CLI_MANIFEST_H
#define SOLOVIRT_CLI_MANIFEST_H

#include <glib.h>
#include <stdbool.h>

#include "src/cli/cli.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

/*
 * Reads the documents of every file, of every *.yaml, *.yml and *.json in a folder (sorted; sub-folders when recursive), or
 * of stdin ("-").  Appends struct document * (whose free function is document_free) and what is wrong with the text.
 * Returns the number of files, or -1 when one cannot be read, said in err.
 */
int manifest_read(const GPtrArray *paths, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics,
    struct error *err);

/* An object of a file, ready to be sent. */
struct manifest {
	const struct kind *kind;
	const struct document *document; /* borrowed */
	json_t *tree;                    /* a copy with its namespace filled in; owned */
	const char *name, *namespace; /* of tree; name NULL with generateName; namespace NULL for kinds without one */
};

/*
 * Everything a verb with -f needs: reads, checks by the kinds' rows unless unchecked, says on stderr what is wrong.
 * Appends struct manifest *, whose free function is set.  With any error nothing is to be sent: EXIT_USAGE without -f,
 * EXIT_ERROR.
 */
enum exit_code manifests_load(const struct cli *cli, const struct arguments *arguments, bool unchecked,
    GPtrArray *documents, GPtrArray *manifests);

#endif
