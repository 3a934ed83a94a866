/* What the files of the row engine share. */
#ifndef SOLOVIRT_SCHEMA_INTERNAL_H
#define SOLOVIRT_SCHEMA_INTERNAL_H

#include "src/schema/schema.h"

struct schema_type_info {
	const char *name;    /* as explain prints it */
	const char *written; /* what a user should write */
	size_t size;         /* of the member */
};
extern const struct schema_type_info schema_types[SCHEMA_TYPE_COUNT];

/* The row of a name of so many characters, or NULL. */
const struct schema_field *schema_row(const struct schema *schema, const char *name, size_t length);

/* Fills a zeroed object with its defaults. */
void schema_set_defaults(const struct schema *schema, void *object);

/* Reads one scalar from text into a member, as a default or a user's word is read.  -1: err says what would be right. */
int schema_scalar(const struct schema_field *field, const char *text, void *at, struct error *err);

static inline void *
schema_member(const struct schema_field *field, void *object)
{
	return (char *)object + field->offset;
}

static inline const void *
schema_member_const(const struct schema_field *field, const void *object)
{
	return (const char *)object + field->offset;
}

#endif
