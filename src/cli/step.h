/* The words behind a verb, "image list" and the like: a table of what each does. */
#ifndef SOLOVIRT_CLI_STEP_H
#define SOLOVIRT_CLI_STEP_H

#include <stdbool.h>

#include "src/cli/cli.h"

struct step {
	const char *name;
	const char *wants; /* the word behind it, for the user: "NAME"; NULL: none */
	bool optional;     /* that word may be missing */
	enum exit_code (*run)(struct cli *cli, const struct arguments *arguments, const char *word); /* word NULL: there is none */
};

/* Runs the step that the first word names, without a word the first of the table, which ends with a NULL name.  Complains by itself of what
 * cannot be meant. */
enum exit_code step_run(struct cli *cli, const struct arguments *arguments, const char *verb, const struct step *steps);

#endif
