/* Scalars: one way in for a user's word and for a default. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/document/diagnostic.h"
#include "src/schema/internal.h"

static int
bool_read(const struct schema_field *f, const char *text, void *at, struct error *err)
{
	bool value = strcmp(text, "true") == 0;

	if (!value && strcmp(text, "false") != 0)
		return error_set(err, EINVAL, "\"%s\" is neither true nor false", text);
	if (f->type == SCHEMA_BOOL)
		*(bool *)at = value;
	else
		*(enum tristate *)at = value ? TRISTATE_TRUE : TRISTATE_FALSE;
	return 0;
}

/* Limits are told as a user would write them. */
static char *
number_format(const struct schema_field *f, int64_t number)
{
	switch ((int)f->type) {
	case SCHEMA_QUANTITY:
		return quantity_format_bytes(number);
	case SCHEMA_MILLI:
		return quantity_format_milli(number);
	case SCHEMA_DURATION:
		return duration_format(number);
	default:
		return g_strdup_printf("%lld", (long long)number);
	}
}

static int
range_check(const struct schema_field *f, int64_t number, const char *text, struct error *err)
{
	if ((f->min == 0 && f->max == 0) || (number >= f->min && number <= f->max))
		return 0;
	g_autofree char *min = number_format(f, f->min), *max = number_format(f, f->max);
	if (f->max == INT64_MAX)
		return error_set(err, ERANGE, "%s is out of range: it must be at least %s", text, min);
	bool bare = f->type == SCHEMA_QUANTITY && text[strspn(text, "0123456789")] == '\0';
	return error_set(err, ERANGE, "%s%s is out of range: it must be from %s to %s", text, bare ? " bytes" : "", min, max);
}

static int
int_read(const char *text, int64_t *value, struct error *err)
{
	char *end;

	errno = 0;
	*value = g_ascii_strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		return error_set(err, EINVAL, "\"%s\" is not a whole number", text);
	if (errno != 0)
		return error_set(err, ERANGE, "%s is too large", text);
	return 0;
}

static int
time_read(const char *text, int64_t *value, struct error *err)
{
	*value = clock_parse(text);
	return *value >= 0 ? 0 : error_set(err, EINVAL, "\"%s\" is not a time such as 2026-01-31T08:30:00Z", text);
}

static int
number_read(const struct schema_field *f, const char *text, void *at, struct error *err)
{
	int64_t value = 0;
	int r;

	switch ((int)f->type) {
	case SCHEMA_QUANTITY:
		r = quantity_parse(text, 1, &value, err);
		break;
	case SCHEMA_MILLI:
		r = quantity_parse(text, 1000, &value, err);
		break;
	case SCHEMA_DURATION:
		r = duration_parse(text, &value, err);
		break;
	case SCHEMA_TIME:
		r = time_read(text, &value, err);
		break;
	default:
		r = int_read(text, &value, err);
		break;
	}
	if (r != 0 || range_check(f, value, text, err) != 0)
		return -1;
	*(int64_t *)at = value;
	return 0;
}

static int
enum_read(const struct schema_field *f, const char *text, void *at, struct error *err)
{
	for (int i = 1; f->words[i] != NULL; i++)
		if (strcmp(f->words[i], text) == 0) {
			*(int *)at = i;
			return 0;
		}
	g_autofree char *words = g_strjoinv(", ", (char **)(uintptr_t)&f->words[1]);
	const char *near = nearest_word(text, &f->words[1]);
	if (near != NULL)
		return error_set(err, EINVAL, "\"%s\" is not one of %s; did you mean %s?", text, words, near);
	return error_set(err, EINVAL, "\"%s\" is not one of %s", text, words);
}

static int
string_read(const struct schema_field *f, const char *text, void *at, struct error *err)
{
	size_t length = strlen(text);

	if (f->max != 0 && (int64_t)length > f->max)
		return error_set(err, EINVAL, "is %zu characters long: at most %lld are allowed", length, (long long)f->max);
	if (f->min != 0 && (int64_t)length < f->min)
		return error_set(err, EINVAL, "must not be empty");
	if (f->check != NULL && f->check(text, err) != 0)
		return -1;
	g_free(*(char **)at);
	*(char **)at = g_strdup(text);
	return 0;
}

int
schema_scalar(const struct schema_field *f, const char *text, void *at, struct error *err)
{
	switch (f->type) {
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
		return bool_read(f, text, at, err);
	case SCHEMA_INT:
	case SCHEMA_QUANTITY:
	case SCHEMA_MILLI:
	case SCHEMA_DURATION:
	case SCHEMA_TIME:
		return number_read(f, text, at, err);
	case SCHEMA_ENUM:
		return enum_read(f, text, at, err);
	case SCHEMA_STRING:
	case SCHEMA_INT_OR_STRING:
		return string_read(f, text, at, err);
	case SCHEMA_STRINGS:
	case SCHEMA_MAP:
	case SCHEMA_OBJECT:
	case SCHEMA_LIST:
	case SCHEMA_ANY:
	case SCHEMA_TYPE_COUNT:
	default:
		return error_set(err, EINVAL, "must be %s", schema_types[f->type].written);
	}
}
