/*
 * The row engine.  One row describes one field; parsing, checking, defaults, printing, explain and the manual come from it.
 *
 * A kind is a plain struct and an array of rows.  The row macros check the member's type at compile time, so a row can
 * never write past its field.  A field that is not honoured has a row too: it says whether it is ignored with a warning or
 * refused, and why.
 */
#ifndef SOLOVIRT_SCHEMA_SCHEMA_H
#define SOLOVIRT_SCHEMA_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct diagnostics;
struct document;
struct error;
struct schema;

/* The member that each type fills, and what it holds when the field is absent and has no default. */
enum schema_type {
	SCHEMA_BOOL,     /* bool: false */
	SCHEMA_TRISTATE, /* enum tristate: TRISTATE_UNSET */
	SCHEMA_INT,      /* int64_t: 0 */
	SCHEMA_QUANTITY, /* int64_t, bytes ("8Gi"): 0 */
	SCHEMA_MILLI,    /* int64_t, thousandths ("500m" -> 500, "2" -> 2000): 0 */
	SCHEMA_DURATION, /* int64_t, milliseconds ("30s"): 0 */
	SCHEMA_TIME,     /* int64_t, milliseconds since 1970: 0 */
	SCHEMA_ENUM,     /* int, position in words; words[0] is "" and means absent: 0 */
	SCHEMA_STRING,   /* char *: NULL */
	SCHEMA_INT_OR_STRING, /* char *, the text of either: NULL */
	SCHEMA_STRINGS,  /* char **, NULL-terminated: NULL */
	SCHEMA_MAP,      /* struct schema_map, strings by name: empty */
	SCHEMA_OBJECT,   /* pointer to the struct of "sub": NULL; with FIELD_PRESENT never NULL */
	SCHEMA_LIST,     /* struct schema_list of the structs of "sub": empty */
	SCHEMA_ANY,      /* json_t *: NULL */
	SCHEMA_TYPE_COUNT
};

enum tristate { TRISTATE_UNSET, TRISTATE_FALSE, TRISTATE_TRUE };

enum {
	FIELD_REQUIRED = 1 << 0, /* must be written */
	FIELD_FIXED = 1 << 1,    /* may not change after creation */
	FIELD_PRESENT = 1 << 2,  /* OBJECT: made with its defaults when absent */
	FIELD_ONEOF = 1 << 3,    /* at most one field with this flag in a struct (exactly one when the schema says so) */
	FIELD_ZERO = 1 << 4,     /* encoded even when it holds the value of an absent field */
	FIELD_SECRET = 1 << 5,   /* never shown by describe, never logged */
	FIELD_LENIENT = 1 << 6,  /* a value that is not right is ignored with a warning: KubeVirt takes it, too */
	FIELD_NUMBER = 1 << 7,   /* INT_OR_STRING: must be written as a number; text only tells 0 from nothing */
};

/* What happens to a field that a user writes. */
enum field_policy { POLICY_HONOUR, POLICY_WARN, POLICY_REFUSE };

struct schema_map_entry {
	char *name, *value;
};
struct schema_map {
	struct schema_map_entry *entries;
	size_t count;
};
struct schema_list {
	void *items; /* count structs of the row's "sub", one behind the other */
	size_t count;
};

struct schema_field {
	const char *name;            /* as the user writes it */
	enum schema_type type;
	enum schema_type shape;      /* of POLICY_WARN: what a value must look like although it is ignored; LIST: of objects */
	size_t offset;               /* of the member */
	unsigned flags;              /* FIELD_* */
	enum field_policy policy;
	const char *dflt;            /* as a user would write it, or NULL */
	int64_t min, max;            /* numbers and string lengths in bytes; both 0: unbounded; ENUM: min 1 refuses "" */
	const char *const *words;    /* ENUM: "" first, NULL last */
	int (*check)(const char *text, struct error *err); /* STRING, STRINGS, MAP names: says what would be right */
	const struct schema *sub;    /* OBJECT, LIST */
	const char *key;             /* LIST: member that tells items apart; duplicates are refused */
	const char *doc;             /* one sentence: what it means; for WARN and REFUSE: what it does here, or why not */
	const char *warn;            /* one sentence that who writes the field is told: what it does not do here; or NULL */
};

struct schema {
	const char *name;                  /* of the struct: "VirtualMachineSpec" */
	const char *doc;                   /* one sentence */
	size_t size;                       /* of the struct */
	const struct schema_field *fields; /* ends with a NULL name */
	bool exactly_one;                  /* one field with FIELD_ONEOF must be there */
	bool open;                         /* names without a row are ignored with a warning, not refused */
	bool nullable;                     /* a field that is null counts as absent; else null is refused, as custom resources do */
	/* Rules across fields; path is the struct's own.  May be NULL. */
	void (*check)(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics);
};

#define SCHEMA_AT(T, m, ctype)                                                                                             \
	(offsetof(T, m) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((T *)0)->m), ctype) ? 1 : -1]))

#define BOOL(n, T, m) .name = n, .type = SCHEMA_BOOL, .offset = SCHEMA_AT(T, m, bool)
#define TRISTATE(n, T, m) .name = n, .type = SCHEMA_TRISTATE, .offset = SCHEMA_AT(T, m, enum tristate)
#define INT(n, T, m) .name = n, .type = SCHEMA_INT, .offset = SCHEMA_AT(T, m, int64_t)
#define QUANTITY(n, T, m) .name = n, .type = SCHEMA_QUANTITY, .offset = SCHEMA_AT(T, m, int64_t)
#define MILLI(n, T, m) .name = n, .type = SCHEMA_MILLI, .offset = SCHEMA_AT(T, m, int64_t)
#define DURATION(n, T, m) .name = n, .type = SCHEMA_DURATION, .offset = SCHEMA_AT(T, m, int64_t)
#define TIME(n, T, m) .name = n, .type = SCHEMA_TIME, .offset = SCHEMA_AT(T, m, int64_t)
#define ENUM(n, T, m, w) .name = n, .type = SCHEMA_ENUM, .offset = SCHEMA_AT(T, m, int), .words = w
#define STRING(n, T, m) .name = n, .type = SCHEMA_STRING, .offset = SCHEMA_AT(T, m, char *)
#define INT_OR_STRING(n, T, m) .name = n, .type = SCHEMA_INT_OR_STRING, .offset = SCHEMA_AT(T, m, char *)
#define STRINGS(n, T, m) .name = n, .type = SCHEMA_STRINGS, .offset = SCHEMA_AT(T, m, char **)
#define MAP(n, T, m) .name = n, .type = SCHEMA_MAP, .offset = SCHEMA_AT(T, m, struct schema_map)
#define OBJECT(n, T, m, S, s) .name = n, .type = SCHEMA_OBJECT, .offset = SCHEMA_AT(T, m, S *), .sub = s
#define LIST(n, T, m, s) .name = n, .type = SCHEMA_LIST, .offset = SCHEMA_AT(T, m, struct schema_list), .sub = s
#define ANY(n, T, m) .name = n, .type = SCHEMA_ANY, .offset = SCHEMA_AT(T, m, json_t *)
/* Fields that are known but not honoured; they fill no member. */
#define IGNORED(n, s, why) .name = n, .type = SCHEMA_ANY, .shape = SCHEMA_##s, .policy = POLICY_WARN, .doc = why
#define REFUSED(n, why) .name = n, .type = SCHEMA_ANY, .policy = POLICY_REFUSE, .doc = why

/* Walks a list: SCHEMA_EACH (struct disk, disk, &devices->disks) { ... } */
#define SCHEMA_EACH(T, item, list)                                                                                         \
	for (T *item = (list)->items; item != NULL && item < (T *)(list)->items + (list)->count; item++)

/*
 * Fills object (zeroed, of schema->size bytes) from a tree.  Reports everything that is wrong, with the place from
 * document's marks (document may be NULL) and paths that begin with path (may be ""): unknown fields with the nearest name,
 * wrong types, missing required ones, limits, words, one-of, duplicates by key, WARN and REFUSE rows, the schemas' own
 * checks.  Returns 0 when no error was added.  Whatever the outcome, object must be cleared with schema_clear().
 */
int schema_decode(const struct schema *schema, const json_t *tree, const struct document *document, const char *path,
    void *object, struct diagnostics *diagnostics);

/* The tree of an object: fields in the rows' order, absent ones left out.  New reference. */
json_t *schema_encode(const struct schema *schema, const void *object);

/* Frees what the members own and zeroes the object. */
void schema_clear(const struct schema *schema, void *object);

/* Heap: zeroed struct with all defaults set, as if an empty document had been decoded.  Free with schema_free(). */
void *schema_new(const struct schema *schema);
void schema_free(const struct schema *schema, void *object);
/* Heap: a copy that shares nothing with the object.  Free with schema_free(). */
void *schema_copy(const struct schema *schema, const void *object);

/* Adds a zeroed item with its defaults to a list and returns it; earlier pointers into the list become invalid. */
void *schema_list_add(struct schema_list *list, const struct schema *sub);
/* Removes item number index. */
void schema_list_remove(struct schema_list *list, const struct schema *sub, size_t index);

/* The value of a name in a map, or NULL; and setting one (NULL removes). */
const char *schema_map_get(const struct schema_map *map, const char *name);
void schema_map_set(struct schema_map *map, const char *name, const char *value);

/* Reports each FIELD_FIXED field in which two trees differ (CAUSE_FORBIDDEN). */
void schema_check_fixed(const struct schema *schema, const json_t *old, const json_t *new, const struct document *document,
    const char *path, struct diagnostics *diagnostics);

/* The row at a path below schema ("spec.template"), list positions ignored; NULL when there is none.  *schema_out: the
 * struct behind it when it has one, else NULL. */
const struct schema_field *schema_find(const struct schema *schema, const char *path, const struct schema **schema_out);

/* Name of a type as explain prints it: "Object", "[]Object", "string", "Quantity". */
const char *schema_type_name(const struct schema_field *field);

/* kubectl explain: the field at path, its sentence, and its fields (all levels when recursive).  -1: no such path, with
 * the nearest. */
int schema_explain(const struct schema *schema, const char *kind, const char *version, const char *path, bool recursive,
    FILE *out, struct error *err);

/* The reference manual's table of a struct and all below it, as man(7) source. */
void schema_manual(const struct schema *schema, const char *path, FILE *out);

/* Checks the rows, not an object: sentences, doubles, defaults in range, words. */
int schema_lint(const struct schema *schema, struct error *err);

#endif
