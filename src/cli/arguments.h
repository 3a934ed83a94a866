/* Options and words of a command line, read by getopt_long from tables of rows. */
#ifndef SOLOVIRT_CLI_ARGUMENTS_H
#define SOLOVIRT_CLI_ARGUMENTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct error;

/* What may stand in the place of a word; "__complete" offers it. */
enum completion { COMPLETE_NOTHING, COMPLETE_FILES, COMPLETE_KINDS, COMPLETE_OBJECTS, COMPLETE_VMS, COMPLETE_INSTANCES,
	COMPLETE_FIELDS, COMPLETE_VERBS, COMPLETE_NAMESPACES, COMPLETE_IMAGES, COMPLETE_WORDS };

struct option_row {
	const char *name;          /* without its dashes */
	char letter;               /* short form, or 0 */
	const char *argument;      /* what its value is called; NULL: yes or no, "--name" and "--name=false" */
	const char *bare;          /* its value when none is written ("--name"); NULL: one must be written */
	const char *const *words;  /* values that are allowed, NULL-terminated; NULL: any */
	enum completion completion;
	const char *help;          /* one sentence */
};

/* What was written.  Strings are argv's. */
struct arguments {
	const struct option_row *tables[2]; /* the global rows, the verb's rows (may be NULL) */
	GHashTable *values;                 /* name -> GPtrArray of const char * */
	GPtrArray *words;                   /* const char * */
};

/* Nothing given so far; global: options that every verb takes. */
void arguments_init(struct arguments *arguments, const struct option_row *global);
void arguments_clear(struct arguments *arguments);

/*
 * Reads argv[1...] with the rows of both tables and adds to what is there already.  With stop_at_word reading ends at the
 * first word that is no option (the verb).  Returns the position of the first argument that was not read, or -1 with a
 * sentence that names what is wrong and the nearest option (EINVAL).
 */
int arguments_parse(struct arguments *arguments, int argc, char **argv, bool stop_at_word, struct error *err);

/* The row of an option, by its name or, when name is NULL, its letter; NULL when there is none. */
const struct option_row *arguments_row(const struct arguments *arguments, const char *name, char letter);

/* The questions verbs ask; the name must stand in a table. */
bool arguments_flag(const struct arguments *arguments, const char *name, bool otherwise);
const char *arguments_value(const struct arguments *arguments, const char *name); /* the last one, or NULL */
const GPtrArray *arguments_values(const struct arguments *arguments, const char *name); /* all, or NULL */
/* A duration ("30s") in ms; otherwise when it was not given.  0, or -1 when it is none. */
int arguments_duration(
    const struct arguments *arguments, const char *name, int64_t otherwise, int64_t *ms, struct error *err);
/* A whole number from least on; otherwise when it was not given. */
int arguments_number(const struct arguments *arguments, const char *name, int64_t otherwise, int64_t least,
    int64_t *number, struct error *err);

#endif
