/* What a plain YAML scalar means, and how numbers are written.  For the files of this folder only. */
#ifndef SOLOVIRT_DOCUMENT_SCALAR_H
#define SOLOVIRT_DOCUMENT_SCALAR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum scalar_type {
	SCALAR_STRING,
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_INTEGER,
	SCALAR_REAL,
	SCALAR_SPECIAL,  /* .inf and .nan, which JSON cannot hold */
	SCALAR_TOO_LARGE /* an integer outside int64, which would lose digits */
};

/* A way of writing that its author often means otherwise. */
enum scalar_hint { HINT_NONE, HINT_WORD /* yes, on, n */, HINT_OCTAL /* 0644 */, HINT_EXPONENT /* 1e10 */ };

struct scalar {
	enum scalar_type type;
	enum scalar_hint hint;
	int64_t integer; /* INTEGER; BOOL: 0 or 1 */
	double real;     /* REAL */
};

/* Types a plain scalar as go-yaml v2 does (resolve.go); an integral real becomes an INTEGER when it fits. */
void scalar_resolve(const char *text, struct scalar *scalar);

/* The scalar as the text of a key, as sigs.k8s.io/yaml converts it: true, 8, 1.5.  NULL when it cannot be a key.
 * Caller g_free()s. */
char *scalar_key(const char *text, const struct scalar *scalar);

enum { REAL_TEXT_SIZE = 32 };

/* The shortest decimal text that reads back as the same real.  Returns text. */
char *real_format(double real, char text[REAL_TEXT_SIZE]);

/* The integer that a real equals, as a new reference; NULL when it is not integral or does not fit. */
json_t *real_integer(double real);

#endif
