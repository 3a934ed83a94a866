/* How objects are written: -o yaml, json, name, jsonpath=..., or as a table. */
#ifndef SOLOVIRT_CLI_OUTPUT_H
#define SOLOVIRT_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct error;
struct kind;

enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_YAML, OUTPUT_JSON, OUTPUT_NAME, OUTPUT_JSONPATH };

struct output {
	enum output_format format;
	const char *template; /* of jsonpath */
};

/* Reads the value of -o (NULL: a table).  EINVAL with what would be right. */
int output_parse(const char *text, struct output *output, struct error *err);

/* Writes one object, or the template rendered over it.  Not for tables.  first: nothing was written before it (YAML documents
 * are parted by "---"). */
int output_print(const struct output *output, const json_t *object, bool first, FILE *out, struct error *err);

/* "virtualmachine.kubevirt.io/x" of an object by its apiVersion, kind and name.  Caller g_free()s. */
char *output_title(const json_t *object);

/* A List of objects as kubectl writes several: takes the array. */
json_t *output_list(json_t *items);

#endif
