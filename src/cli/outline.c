/* A tree as an indented outline; see outline.h. */
#include "config.h"

#include <string.h>

#include "src/cli/outline.h"
#include "src/document/path.h"
#include "src/schema/schema.h"

static GPtrArray *sorted_names(const json_t *object);
static void write_member(const char *label, int width, const json_t *value, int indent, const struct schema *schema,
    const char *path, GString *out);
static void write_list(const json_t *list, int indent, const struct schema *schema, const char *path, GString *out);
static void write_scalar(const json_t *value, int indent, GString *out);
static void write_secret(const json_t *value, int indent, GString *out);
static bool is_secret(const struct schema *schema, const char *path);
static bool is_map(const struct schema *schema, const char *path);
static gint by_name(gconstpointer a, gconstpointer b);

void
outline_write(const json_t *object, int indent, const struct schema *schema, const char *path, GString *out)
{
	g_autoptr(GPtrArray) names = sorted_names(object);
	bool verbatim = is_map(schema, path); /* the users' own names */
	size_t width = 0;

	/* values of one level stand below each other, as far as they stand behind their name */
	for (guint i = 0; i < names->len; i++) {
		const json_t *value = json_object_get(object, names->pdata[i]);
		g_autofree char *label = verbatim ? g_strdup(names->pdata[i]) : outline_label(names->pdata[i]);

		if (!json_is_object(value) && !json_is_array(value))
			width = MAX(width, strlen(label));
	}
	for (guint i = 0; i < names->len; i++) {
		g_autoptr(GString) below = g_string_new(path);
		g_autofree char *label = verbatim ? g_strdup(names->pdata[i]) : outline_label(names->pdata[i]);

		path_member(below, names->pdata[i]);
		write_member(
		    label, (int)width, json_object_get(object, names->pdata[i]), indent, schema, below->str, out);
	}
}

char *
outline_label(const char *name)
{
	GString *label = g_string_new(NULL);

	/* names with a dot, a dash or a slash are data, not fields */
	if (strpbrk(name, "./-_") != NULL)
		return g_string_free(g_string_append(label, name), FALSE);
	for (const char *c = name; *c != '\0'; c++) {
		if (c != name && g_ascii_isupper(*c) && (!g_ascii_isupper(c[-1]) || g_ascii_islower(c[1])) &&
		    label->len > 0)
			g_string_append_c(label, ' ');
		g_string_append_c(label, c == name ? g_ascii_toupper(*c) : *c);
	}
	return g_string_free(label, FALSE);
}

static void
write_member(const char *label, int width, const json_t *value, int indent, const struct schema *schema,
    const char *path, GString *out)
{
	if (is_secret(schema, path)) {
		g_string_append_printf(out, "%*s%s:\n", indent, "", label);
		write_secret(value, indent + 2, out);
	} else if (json_is_object(value)) {
		g_string_append_printf(out, "%*s%s:\n", indent, "", label);
		outline_write(value, indent + 2, schema, path, out);
	} else if (json_is_array(value)) {
		g_string_append_printf(out, "%*s%s:\n", indent, "", label);
		write_list(value, indent + 2, schema, path, out);
	} else {
		g_string_append_printf(out, "%*s%s:%*s", indent, "", label, width - (int)strlen(label) + 2, "");
		write_scalar(value, indent + 4, out);
	}
}

static void
write_list(const json_t *list, int indent, const struct schema *schema, const char *path, GString *out)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if (json_is_object(item)) {
			outline_write(item, indent, schema, path, out);
		} else if (json_is_array(item)) {
			write_list(item, indent + 2, schema, path, out);
		} else {
			g_string_append_printf(out, "%*s", indent, "");
			write_scalar(item, indent, out);
		}
	}
}

/* Text of several lines hangs below its first one. */
static void
write_scalar(const json_t *value, int indent, GString *out)
{
	const char *text = json_string_value(value);

	if (text == NULL) {
		g_autofree char *number = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		g_string_append_printf(out, "%s\n", json_is_null(value) || number == NULL ? "<nil>" : number);
		return;
	}
	for (const char *end; (end = strchr(text, '\n')) != NULL && end[1] != '\0'; text = end + 1) {
		g_string_append_len(out, text, end - text);
		g_string_append_printf(out, "\n%*s", indent, "");
	}
	g_string_append_len(out, text, (gssize)strcspn(text, "\n"));
	g_string_append_c(out, '\n');
}

static void
write_secret(const json_t *value, int indent, GString *out)
{
	g_autoptr(GPtrArray) names = sorted_names(value);

	for (guint i = 0; i < names->len; i++) {
		const char *text = json_string_value(json_object_get(value, names->pdata[i]));
		g_autofree char *copy = g_strdup(text != NULL ? text : "");
		gsize size = 0;

		/* data of a Secret is base64 */
		if (*copy != '\0')
			g_base64_decode_inplace(copy, &size);
		g_string_append_printf(
		    out, "%*s%s:  %" G_GSIZE_FORMAT " bytes\n", indent, "", (const char *)names->pdata[i], size);
	}
	if (names->len == 0)
		g_string_append_printf(out, "%*s<hidden>\n", indent, "");
}

static bool
is_secret(const struct schema *schema, const char *path)
{
	const struct schema_field *field = schema != NULL ? schema_find(schema, path, NULL) : NULL;

	return field != NULL && (field->flags & FIELD_SECRET) != 0;
}

static bool
is_map(const struct schema *schema, const char *path)
{
	const struct schema_field *field = schema != NULL && *path != '\0' ? schema_find(schema, path, NULL) : NULL;

	return field != NULL && field->type == SCHEMA_MAP;
}

static GPtrArray *
sorted_names(const json_t *object)
{
	GPtrArray *names = g_ptr_array_new();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
		g_ptr_array_add(names, (gpointer)(uintptr_t)name);
	g_ptr_array_sort(names, by_name);
	return names;
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}
