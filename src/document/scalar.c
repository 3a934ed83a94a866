/* Typing of plain scalars; see scalar.h. */
#include "config.h"

#include <glib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "src/document/scalar.h"

static bool find_word(const char *text, struct scalar *scalar);
static bool resolve_number(const char *text, struct scalar *scalar);
static void set_real(double real, struct scalar *scalar);

/* go-yaml v2's resolveMapList; "<<" is not here because only a key can be one. */
static const struct {
	const char *text;
	enum scalar_type type;
	int value;
	enum scalar_hint hint;
} words[] = {
	{ "", SCALAR_NULL, 0, 0 },        { "~", SCALAR_NULL, 0, 0 },
	{ "null", SCALAR_NULL, 0, 0 },    { "Null", SCALAR_NULL, 0, 0 },
	{ "NULL", SCALAR_NULL, 0, 0 },    { "true", SCALAR_BOOL, 1, 0 },
	{ "True", SCALAR_BOOL, 1, 0 },    { "TRUE", SCALAR_BOOL, 1, 0 },
	{ "false", SCALAR_BOOL, 0, 0 },   { "False", SCALAR_BOOL, 0, 0 },
	{ "FALSE", SCALAR_BOOL, 0, 0 },   { "y", SCALAR_BOOL, 1, HINT_WORD },
	{ "Y", SCALAR_BOOL, 1, HINT_WORD },   { "yes", SCALAR_BOOL, 1, HINT_WORD },
	{ "Yes", SCALAR_BOOL, 1, HINT_WORD }, { "YES", SCALAR_BOOL, 1, HINT_WORD },
	{ "on", SCALAR_BOOL, 1, HINT_WORD },  { "On", SCALAR_BOOL, 1, HINT_WORD },
	{ "ON", SCALAR_BOOL, 1, HINT_WORD },  { "n", SCALAR_BOOL, 0, HINT_WORD },
	{ "N", SCALAR_BOOL, 0, HINT_WORD },   { "no", SCALAR_BOOL, 0, HINT_WORD },
	{ "No", SCALAR_BOOL, 0, HINT_WORD },  { "NO", SCALAR_BOOL, 0, HINT_WORD },
	{ "off", SCALAR_BOOL, 0, HINT_WORD }, { "Off", SCALAR_BOOL, 0, HINT_WORD },
	{ "OFF", SCALAR_BOOL, 0, HINT_WORD }, { ".nan", SCALAR_SPECIAL, 0, 0 },
	{ ".NaN", SCALAR_SPECIAL, 0, 0 }, { ".NAN", SCALAR_SPECIAL, 0, 0 },
	{ ".inf", SCALAR_SPECIAL, 0, 0 }, { ".Inf", SCALAR_SPECIAL, 0, 0 },
	{ ".INF", SCALAR_SPECIAL, 0, 0 }, { "+.inf", SCALAR_SPECIAL, 0, 0 },
	{ "+.Inf", SCALAR_SPECIAL, 0, 0 }, { "+.INF", SCALAR_SPECIAL, 0, 0 },
	{ "-.inf", SCALAR_SPECIAL, 0, 0 }, { "-.Inf", SCALAR_SPECIAL, 0, 0 },
	{ "-.INF", SCALAR_SPECIAL, 0, 0 },
};

enum { WORD_MOST = 5 /* length of the longest word above */ };

void
scalar_resolve(const char *text, struct scalar *scalar)
{
	*scalar = (struct scalar){ .type = SCALAR_STRING };
	/* Nearly all scalars are told to be strings by their first letter. */
	if (text[0] != '\0' && strchr("yYnNtTfFoO~.+-0123456789", text[0]) == NULL)
		return;
	if (strnlen(text, WORD_MOST + 1) <= WORD_MOST && find_word(text, scalar))
		return;
	if (strchr(".+-0123456789", text[0]) != NULL && !resolve_number(text, scalar))
		scalar->type = SCALAR_STRING;
}

/* strconv.FormatFloat(real, 'g', -1, 32): the shortest digits of a float32, with an exponent from 1e+06 on. */
static char *
format_real_key(double real)
{
	char text[REAL_TEXT_SIZE], format[16];
	int digits = 0, exponent;

	do {
		snprintf(format, sizeof(format), "%%.%de", digits);
		g_ascii_formatd(text, sizeof(text), format, real);
	} while (++digits < 9 && (float)g_ascii_strtod(text, NULL) != (float)real);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < 6) {
		snprintf(format, sizeof(format), "%%.%df", MAX(0, digits - 1 - exponent));
		g_ascii_formatd(text, sizeof(text), format, real);
	}
	return g_strdup(text);
}

char *
scalar_key(const char *text, const struct scalar *scalar)
{
	switch (scalar->type) {
	case SCALAR_STRING:
		return g_strdup(text);
	case SCALAR_BOOL:
		return g_strdup(scalar->integer != 0 ? "true" : "false");
	case SCALAR_INTEGER:
		return g_strdup_printf("%lld", (long long)scalar->integer);
	case SCALAR_REAL:
		return format_real_key(scalar->real);
	case SCALAR_NULL:
	case SCALAR_SPECIAL:
	case SCALAR_TOO_LARGE:
	default:
		return NULL;
	}
}

char *
real_format(double real, char text[REAL_TEXT_SIZE])
{
	static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };

	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_ascii_formatd(text, REAL_TEXT_SIZE, formats[i], real);
		if (g_ascii_strtod(text, NULL) == real)
			break;
	}
	return text;
}

json_t *
real_integer(double real)
{
	if (!(real >= -0x1p63 && real < 0x1p63) || real != trunc(real))
		return NULL;
	return json_integer((json_int_t)real);
}

/* --- below -------------------------------------------------------------------------------------------------------- */

static bool
find_word(const char *text, struct scalar *scalar)
{
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i].text, text) != 0)
			continue;
		scalar->type = words[i].type;
		scalar->hint = words[i].hint;
		scalar->integer = words[i].value;
		return true;
	}
	return false;
}

static char *
without_underscores(const char *text)
{
	char *plain = g_strdup(text), *to = plain;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p != '_')
			*to++ = *p;
	}
	*to = '\0';
	return plain;
}

/* The base that Go's ParseInt(s, 0, 64) takes from the prefix, which it moves behind. */
static int
integer_base(const char **text)
{
	static const struct {
		char letter;
		int base;
	} prefixes[] = { { 'b', 2 }, { 'o', 8 }, { 'x', 16 } };
	const char *p = *text;

	if (p[0] != '0' || p[1] == '\0')
		return 10;
	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		if (g_ascii_tolower(p[1]) == prefixes[i].letter && p[2] != '\0') {
			*text += 2;
			return prefixes[i].base;
		}
	}
	*text += 1;
	return 8;
}

/*
 * Go's ParseInt and ParseUint in base 0.  False when the text is no integer.  A decimal one that does not fit would be a
 * float to Go and lose digits; one with a prefix would be a string.
 */
static bool
resolve_integer(const char *text, struct scalar *scalar)
{
	bool negative = text[0] == '-', sign = negative || text[0] == '+', overflow = false, prefix, fits;
	const char *p = text + sign;
	int base = integer_base(&p);
	uint64_t value = 0;

	prefix = base != 10 && g_ascii_isalpha(p[-1]);
	if (*p == '\0')
		return false;
	for (; *p != '\0'; p++) {
		int digit = g_ascii_xdigit_value(*p);
		if (digit < 0 || digit >= base)
			return false;
		overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)digit, &value);
	}
	fits = !overflow && value <= (uint64_t)INT64_MAX + negative;
	if (!fits && prefix && (overflow || sign))
		return false;
	scalar->type = fits ? SCALAR_INTEGER : SCALAR_TOO_LARGE;
	scalar->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static const char *
skip_digits(const char *p)
{
	while (g_ascii_isdigit(*p))
		p++;
	return p;
}

/* go-yaml's yamlStyleFloat: [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool
is_float(const char *text)
{
	const char *p = text + (text[0] == '-' || text[0] == '+'), *end = skip_digits(p);

	if (*end == '.') {
		const char *fraction = end + 1;
		if (end == p && !g_ascii_isdigit(*fraction))
			return false;
		end = skip_digits(fraction);
	} else if (end == p) {
		return false;
	}
	if (*end == 'e' || *end == 'E') {
		p = end + 1;
		p += *p == '-' || *p == '+';
		end = skip_digits(p);
		if (end == p)
			return false;
	}
	return *end == '\0';
}

/* 0644 was meant as octal or as text, 12e5 may be part of a commit's name. */
static enum scalar_hint
number_hint(const char *text)
{
	const char *end = skip_digits(text);

	if (*end == '\0')
		return text[0] == '0' && text[1] != '\0' ? HINT_OCTAL : HINT_NONE;
	if (end == text || (*end != 'e' && *end != 'E') || *skip_digits(end + 1) != '\0')
		return HINT_NONE;
	return HINT_EXPONENT;
}

static bool
resolve_number(const char *text, struct scalar *scalar)
{
	g_autofree char *plain = text[0] == '.' ? g_strdup(text) : without_underscores(text);
	double real;

	if (!resolve_integer(plain, scalar)) {
		if (!is_float(plain))
			return false;
		real = g_ascii_strtod(plain, NULL);
		if (isinf(real))
			return false;
		set_real(real, scalar);
	}
	scalar->hint = number_hint(text);
	return true;
}

static void
set_real(double real, struct scalar *scalar)
{
	json_t *integer = real_integer(real);

	scalar->type = integer != NULL ? SCALAR_INTEGER : SCALAR_REAL;
	scalar->integer = json_integer_value(integer);
	scalar->real = real;
	json_decref(integer);
}
