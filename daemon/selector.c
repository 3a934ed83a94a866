/* Selectors; see selector.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/selector.h"
#include "src/base/error.h"
#include "src/document/path.h"

enum operator { OPERATOR_IN, OPERATOR_NOT_IN, OPERATOR_EXISTS, OPERATOR_ABSENT };

struct requirement {
	char *key;
	enum operator operator;
	char **values; /* of IN and NOT_IN */
};

struct selector {
	GArray *labels, *fields; /* struct requirement */
};

static const char key_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

static int parse_labels(const char *text, GArray *out, struct error *err);
static int parse_fields(const char *text, GArray *out, struct error *err);

static void
requirement_clear(void *item)
{
	struct requirement *requirement = item;

	g_free(requirement->key);
	g_strfreev(requirement->values);
}

struct selector *
selector_new(const char *labels, const char *fields, struct error *err)
{
	struct selector *selector = g_new0(struct selector, 1);

	selector->labels = g_array_new(FALSE, TRUE, sizeof(struct requirement));
	selector->fields = g_array_new(FALSE, TRUE, sizeof(struct requirement));
	g_array_set_clear_func(selector->labels, requirement_clear);
	g_array_set_clear_func(selector->fields, requirement_clear);
	if (parse_labels(labels == NULL ? "" : labels, selector->labels, err) == 0 &&
	    parse_fields(fields == NULL ? "" : fields, selector->fields, err) == 0)
		return selector;
	selector_free(selector);
	return NULL;
}

void
selector_free(struct selector *selector)
{
	if (selector == NULL)
		return;
	g_array_unref(selector->labels);
	g_array_unref(selector->fields);
	g_free(selector);
}

bool
selector_is_empty(const struct selector *selector)
{
	return selector->labels->len == 0 && selector->fields->len == 0;
}

static bool
holds(const struct requirement *requirement, const char *value)
{
	bool in = value != NULL && requirement->values != NULL &&
	    g_strv_contains((const char *const *)requirement->values, value);

	switch (requirement->operator) {
	case OPERATOR_IN:
		return in;
	case OPERATOR_NOT_IN:
		return !in;
	case OPERATOR_EXISTS:
		return value != NULL;
	case OPERATOR_ABSENT:
		return value == NULL;
	}
	return false;
}

/* The text of a scalar; caller g_free()s. */
static char *
scalar_text(const json_t *value)
{
	if (json_is_string(value))
		return g_strdup(json_string_value(value));
	if (json_is_integer(value))
		return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	if (json_is_boolean(value))
		return g_strdup(json_is_true(value) ? "true" : "false");
	return g_strdup("");
}

bool
selector_matches(const struct selector *selector, const json_t *object)
{
	const json_t *labels = json_object_get(json_object_get(object, "metadata"), "labels");

	for (guint i = 0; i < selector->labels->len; i++) {
		const struct requirement *requirement = &g_array_index(selector->labels, struct requirement, i);
		if (!holds(requirement, json_string_value(json_object_get(labels, requirement->key))))
			return false;
	}
	for (guint i = 0; i < selector->fields->len; i++) {
		const struct requirement *requirement = &g_array_index(selector->fields, struct requirement, i);
		g_autofree char *value = scalar_text(path_find(object, requirement->key));
		if (!holds(requirement, value))
			return false;
	}
	return true;
}

/* --- parsing -------------------------------------------------------------------------------------------------- */

static const char *
skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* A run of the characters that keys and values are made of; may be empty. */
static char *
take_word(const char **p)
{
	size_t length = strspn(*p, key_characters);
	char *word = g_strndup(*p, length);

	*p = skip_space(*p + length);
	return word;
}

/* "(a, b)" behind in and notin. */
static char **
take_set(const char **p)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	if (**p != '(')
		return NULL;
	do {
		*p = skip_space(*p + 1);
		g_ptr_array_add(words, take_word(p));
	} while (**p == ',');
	if (**p != ')')
		return NULL;
	*p = skip_space(*p + 1);
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

static const struct {
	const char *text;
	enum operator operator;
	bool set;
} operators[] = {
	{ "==", OPERATOR_IN, false }, { "=", OPERATOR_IN, false },         { "!=", OPERATOR_NOT_IN, false },
	{ "in", OPERATOR_IN, true },  { "notin", OPERATOR_NOT_IN, true },
};

/* What stands behind a key: an operator with its values, or nothing.  False when it cannot be read. */
static bool
take_condition(const char **p, struct requirement *requirement)
{
	if (**p == ',' || **p == '\0') {
		requirement->operator = OPERATOR_EXISTS;
		return true;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
		size_t length = strlen(operators[i].text);
		if (strncmp(*p, operators[i].text, length) != 0)
			continue;
		*p = skip_space(*p + length);
		requirement->operator = operators[i].operator;
		if (operators[i].set) {
			requirement->values = take_set(p);
		} else {
			requirement->values = g_new0(char *, 2);
			requirement->values[0] = take_word(p);
		}
		return requirement->values != NULL;
	}
	return false;
}

static int
parse_labels(const char *text, GArray *out, struct error *err)
{
	const char *p = skip_space(text);

	while (*p != '\0') {
		struct requirement requirement = { 0 };
		bool negated = *p == '!', good;
		if (negated)
			p = skip_space(p + 1);
		requirement.key = take_word(&p);
		good = requirement.key[0] != '\0';
		if (negated)
			requirement.operator = OPERATOR_ABSENT;
		else
			good = good && take_condition(&p, &requirement);
		g_array_append_val(out, requirement);
		if (!good || (*p != ',' && *p != '\0'))
			return error_set(err, EINVAL, "labelSelector \"%s\" cannot be read at \"%s\"; "
			    "write a=b, a!=b, a in (b,c), a notin (b,c), a or !a, with commas between", text, p);
		if (*p == ',')
			p = skip_space(p + 1);
	}
	return 0;
}

static int
parse_fields(const char *text, GArray *out, struct error *err)
{
	g_auto(GStrv) terms = g_strsplit(text, ",", -1);

	for (guint i = 0; terms[i] != NULL; i++) {
		struct requirement requirement = { 0 };
		char *term = g_strstrip(terms[i]), *equals = strchr(term, '=');
		bool negated = equals != NULL && equals > term && equals[-1] == '!';
		if (*term == '\0')
			continue;
		if (equals == NULL || equals == term)
			return error_set(err, EINVAL,
			    "fieldSelector \"%s\" cannot be read; write a.b=c or a.b!=c, with commas between", text);
		requirement.operator = negated ? OPERATOR_NOT_IN : OPERATOR_IN;
		requirement.key = g_strstrip(g_strndup(term, (size_t)(equals - term - negated)));
		requirement.values = g_new0(char *, 2);
		requirement.values[0] = g_strdup(equals[1] == '=' ? equals + 2 : equals + 1);
		g_array_append_val(out, requirement);
	}
	return 0;
}
