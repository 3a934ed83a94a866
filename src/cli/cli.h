/*
 * solovirt, the command line: a table of verbs, each a row with its words, options, help and function.
 * One verb, one file; what they share lies in arguments, client, resource, table, output, manifest and until.
 */
#ifndef SOLOVIRT_CLI_CLI_H
#define SOLOVIRT_CLI_CLI_H

#include <stdbool.h>

#include "src/cli/arguments.h"

struct client;
struct error;

/* What the program returns to its caller; part of its interface (solovirt(1), EXIT STATUS). */
enum exit_code { EXIT_DONE, EXIT_ERROR, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_CONFLICT, EXIT_TIMEOUT, EXIT_UNREACHABLE };

/* What every verb is told. */
struct cli {
	const char *socket;      /* of the daemon */
	const char *namespace;   /* that is meant; "default" when none was given */
	bool namespace_given;    /* -n was there */
	bool all_namespaces;     /* -A */
	bool color;              /* stdout may be coloured */
	struct client *client;   /* connects when first used */
};

struct command {
	const char *name;
	const char *usage;                 /* what stands behind the name: "KIND[/NAME] [NAME...]" */
	const char *help;                  /* one sentence */
	const char *details;               /* paragraphs for --help and the manual, or NULL */
	const char *examples;              /* lines "command  # what", or NULL */
	const struct option_row *options;  /* ends with a NULL name; NULL: only the global ones */
	enum completion completion;        /* of the words behind the verb */
	const char *const *words;          /* for COMPLETE_WORDS */
	enum completion rest;              /* of the words behind the first; COMPLETE_NOTHING: as completion says */
	bool hidden;                       /* not listed */
	enum exit_code (*run)(struct cli *cli, const struct arguments *arguments);
};

/* Every verb, in the order of the help; ends with NULL. */
extern const struct command *const commands[];
/* Options that every verb takes, before or behind it. */
extern const struct option_row global_options[];

/* The verb of a name, or NULL. */
const struct command *command_find(const char *name);
/* NULL-terminated names of the verbs that are not hidden; the caller g_free()s the array only. */
const char **command_names(void);

/* "error: ..." on stderr; returns code, so that verbs write "return cli_fail(EXIT_USAGE, ...)". */
enum exit_code cli_fail(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the sentence of err; EXIT_USAGE for EINVAL, EXIT_NOT_FOUND for ENOENT, EXIT_TIMEOUT for ETIMEDOUT. */
enum exit_code cli_fail_error(const struct error *err);
/* The first thing that went wrong is what the program returns. */
enum exit_code cli_worse(enum exit_code first, enum exit_code second);

/* A verb's --help. */
void help_print(const struct command *command);

/* Rows that several verbs share. */
#define OPTION_FILENAME                                                                                                    \
	{ .name = "filename", .letter = 'f', .argument = "FILE", .completion = COMPLETE_FILES,                             \
	    .help = "File, folder or - (stdin) with the objects, YAML or JSON; may be given again." }
#define OPTION_RECURSIVE                                                                                                   \
	{ .name = "recursive", .letter = 'R', .help = "Descend into the sub-folders of a folder." }
#define OPTION_SELECTOR                                                                                                    \
	{ .name = "selector", .letter = 'l', .argument = "LABELS", .help = "Only objects with these labels: a=b,c!=d,e,!f." }
#define OPTION_FIELD_SELECTOR                                                                                              \
	{ .name = "field-selector", .argument = "FIELDS", .help = "Only objects with these fields: metadata.name=a." }
#define OPTION_DRY_RUN                                                                                                     \
	{ .name = "dry-run", .argument = "WHERE", .bare = "server", .words = dry_run_words, .completion = COMPLETE_WORDS,  \
	    .help = "Change nothing; let the server judge (server, the default) or only this program (client)." }
#define OPTION_END { .name = NULL }
extern const char *const dry_run_words[];

#endif
