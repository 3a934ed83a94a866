/* Rows that many structs share. */
#ifndef SOLOVIRT_API_ROWS_H
#define SOLOVIRT_API_ROWS_H

#include "src/api/meta.h"

/* apiVersion, kind, metadata of a kind whose struct begins with "struct object_head head". */
#define HEAD_ROWS(T)                                                                                                       \
	{ STRING("apiVersion", T, head.api_version), .flags = FIELD_REQUIRED, .doc = "Group and version of the kind." },       \
	{ STRING("kind", T, head.kind), .flags = FIELD_REQUIRED, .doc = "What the object is." },                               \
	{ OBJECT("metadata", T, head.meta, struct meta, &object_meta_schema), .flags = FIELD_PRESENT,                          \
	  .doc = "Name, labels and what else every object has." }

/* A struct of one row or more: keeps the boilerplate in one place. */
#define SCHEMA(id, struct_type, title, sentence, rows, ...)                                                                \
	const struct schema id = { .name = title, .doc = sentence, .size = sizeof(struct_type), .fields = rows, __VA_ARGS__ }

#endif
