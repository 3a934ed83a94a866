/* The existing objects that "delete" and "wait" are about: named, from files, by labels, or all of a kind. */
#ifndef SOLOVIRT_CLI_SELECTION_H
#define SOLOVIRT_CLI_SELECTION_H

#include "src/cli/client.h"

struct kind;

struct selected {
	const struct kind *kind;
	char *namespace; /* NULL for kinds without one */
	char *name;
	char *uid;       /* when it is known, else NULL */
	bool done;       /* for the verb's own use */
};

/*
 * Fills selection (from g_ptr_array_new(); its free function is set) from the words and the options filename, selector,
 * field-selector and all.  A bare kind without any of them is refused.  Complains by itself.
 */
enum exit_code selection_load(
    struct cli *cli, const struct arguments *arguments, bool ignore_missing, GPtrArray *selection);

#endif
