/* From a tree to a struct, telling everything that is wrong on the way. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"
#include "src/schema/internal.h"

/* One decoding under way. */
struct decoding {
	const struct document *document;
	struct diagnostics *diagnostics;
	GString *path;     /* of what is being read */
	GPtrArray *values; /* of the objects around it and its own: a place for each row; see values_take() */
	size_t container;  /* bytes of path that are told, when what is wrong is told of the list or map; 0: all */
};

static int object_decode(struct decoding *d, const struct schema *schema, const json_t *tree, void *object);

static void tell(struct decoding *d, enum severity severity, enum cause cause, const char *format, va_list ap)
    __attribute__((format(printf, 4, 0)));
static int
complain(struct decoding *d, enum cause cause, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void
warn(struct decoding *d, enum cause cause, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void
tell(struct decoding *d, enum severity severity, enum cause cause, const char *format, va_list ap)
{
	g_autofree char *field = g_strndup(d->path->str, d->container > 0 ? d->container : d->path->len);

	diagnostics_add_named(d->diagnostics, severity, cause, d->document, d->path->str, field, format, ap);
}

static void
warn(struct decoding *d, enum cause cause, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(d, SEVERITY_WARNING, cause, format, ap);
	va_end(ap);
}

static int
complain(struct decoding *d, enum cause cause, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tell(d, SEVERITY_ERROR, cause, format, ap);
	va_end(ap);
	return -1;
}

/* "the string "x"", "the number 5", "a list": what stands there instead. */
static char *
describe(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return g_strdup_printf("the string \"%.40s\"", json_string_value(value));
	case JSON_INTEGER:
		return g_strdup_printf("the number %lld", (long long)json_integer_value(value));
	case JSON_REAL:
		return g_strdup_printf("the number %.15g", json_real_value(value));
	case JSON_TRUE:
		return g_strdup("true");
	case JSON_FALSE:
		return g_strdup("false");
	case JSON_ARRAY:
		return g_strdup("a list");
	case JSON_OBJECT:
		return g_strdup("an object");
	case JSON_NULL:
	default:
		return g_strdup("null");
	}
}

/* What would make the value right, where that can be told. */
static const char *
advice(const struct schema_field *f, const json_t *value)
{
	const char *text = json_string_value(value);

	if (f->type == SCHEMA_STRING && !json_is_array(value) && !json_is_object(value))
		return "; put it in quotes";
	if ((f->type == SCHEMA_LIST || f->type == SCHEMA_STRINGS) && !json_is_array(value))
		return "; begin each item with \"- \"";
	if (f->type == SCHEMA_INT && text != NULL && *text != '\0' && text[strspn(text, "0123456789")] == '\0')
		return "; remove the quotes";
	if (f->type <= SCHEMA_TRISTATE && (g_strcmp0(text, "true") == 0 || g_strcmp0(text, "false") == 0))
		return "; remove the quotes";
	return "";
}

/* "with fields such as guest, maxGuest": what an object consists of. */
static char *
fields(const struct schema *schema)
{
	GString *text = g_string_new(NULL);
	unsigned count = 0;

	for (const struct schema_field *f = schema->fields; f->name != NULL && count < 3; f++)
		if (f->policy == POLICY_HONOUR)
			g_string_append_printf(text, "%s%s", count++ == 0 ? " with fields such as " : ", ", f->name);
	return g_string_free(text, FALSE);
}

static int
wrong_type(struct decoding *d, const struct schema_field *f, const json_t *value)
{
	g_autofree char *found = describe(value);
	g_autofree char *words = f->type == SCHEMA_ENUM ? g_strjoinv(", ", (char **)(uintptr_t)&f->words[1]) : NULL;

	if (words != NULL)
		return complain(d, CAUSE_NOT_SUPPORTED, "must be one of %s, but is %s", words, found);
	if ((f->flags & FIELD_NUMBER) != 0)
		return complain(d, CAUSE_INVALID, "must be %s, but is %s; remove the quotes", schema_types[SCHEMA_INT].written, found);
	return complain(d, CAUSE_INVALID, "must be %s, but is %s%s", schema_types[f->type].written, found, advice(f, value));
}

/* Which JSON types each field type takes; numbers are handed on as text so that there is one way to read them. */
enum { TAKES_STRING = 1, TAKES_INTEGER = 2, TAKES_REAL = 4, TAKES_BOOLEAN = 8 };
static const unsigned takes[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_BOOL] = TAKES_BOOLEAN,
	[SCHEMA_TRISTATE] = TAKES_BOOLEAN,
	[SCHEMA_INT] = TAKES_INTEGER | TAKES_REAL, /* 2.0 is 2 */
	[SCHEMA_QUANTITY] = TAKES_STRING | TAKES_INTEGER | TAKES_REAL,
	[SCHEMA_MILLI] = TAKES_STRING | TAKES_INTEGER | TAKES_REAL,
	[SCHEMA_DURATION] = TAKES_STRING | TAKES_INTEGER,
	[SCHEMA_TIME] = TAKES_STRING,
	[SCHEMA_ENUM] = TAKES_STRING,
	[SCHEMA_STRING] = TAKES_STRING,
	[SCHEMA_INT_OR_STRING] = TAKES_STRING | TAKES_INTEGER,
};

/* The text of a scalar that the row takes, in buffer or in the tree; NULL when it does not take it. */
static const char *
scalar_text(const struct schema_field *f, const json_t *value, char buffer[64])
{
	enum schema_type type = f->type;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return (takes[type] & TAKES_STRING) != 0 && (f->flags & FIELD_NUMBER) == 0 ? json_string_value(value) : NULL;
	case JSON_INTEGER:
		g_snprintf(buffer, 64, "%lld", (long long)json_integer_value(value));
		return takes[type] & TAKES_INTEGER ? buffer : NULL;
	case JSON_REAL:
		if (type == SCHEMA_INT && json_real_value(value) != trunc(json_real_value(value)))
			return NULL;
		g_ascii_formatd(buffer, 64, type == SCHEMA_INT ? "%.0f" : "%.15g", json_real_value(value));
		return takes[type] & TAKES_REAL ? buffer : NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		return takes[type] & TAKES_BOOLEAN ? (json_is_true(value) ? "true" : "false") : NULL;
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_NULL:
	default:
		return NULL;
	}
}

static void field_default(const struct schema_field *f, void *at);

/* What a value does that is not right. */
static int
wrong_value(struct decoding *d, const struct schema_field *f, const struct error *err)
{
	enum cause cause = f->type == SCHEMA_ENUM ? CAUSE_NOT_SUPPORTED : CAUSE_INVALID;

	if ((f->flags & FIELD_LENIENT) == 0)
		return complain(d, cause, "%s", err->text);
	warn(d, cause, "%s; it is ignored", err->text);
	return 0;
}

/* An empty word is the same as none, as in Go's structs; unless it must be written. */
static bool
is_absent_word(const struct schema_field *f, const char *text)
{
	return *text == '\0' && (f->flags & FIELD_REQUIRED) == 0 && f->min == 0 &&
	    (f->type == SCHEMA_ENUM || (f->type == SCHEMA_STRING && f->check != NULL));
}

static int
scalar_decode(struct decoding *d, const struct schema_field *f, const json_t *value, void *at)
{
	struct error err; /* not zeroed, here and below: for each row that would cost more than the rest */
	char buffer[64];
	const char *text = scalar_text(f, value, buffer);

	if (text == NULL)
		return wrong_type(d, f, value);
	if (is_absent_word(f, text)) {
		field_default(f, at);
		return 0;
	}
	if (schema_scalar(f, text, at, &err) == 0)
		return 0;
	field_default(f, at);
	return wrong_value(d, f, &err);
}

static int
strings_decode(struct decoding *d, const struct schema_field *f, const json_t *value, char ***at)
{
	size_t i, length = d->path->len;
	struct error err;
	json_t *item;
	int r = 0;

	if (!json_is_array(value))
		return wrong_type(d, f, value);
	*at = g_new0(char *, json_array_size(value) + 1);
	json_array_foreach (value, i, item) {
		path_index(d->path, i);
		if (!json_is_string(item)) {
			g_autofree char *found = describe(item);
			r = complain(d, CAUSE_INVALID, "must be a string, but is %s", found);
		}
		d->container = length; /* as Kubernetes does: a name that is wrong is told of its list */
		if (json_is_string(item) && f->check != NULL && f->check(json_string_value(item), &err) != 0 &&
		    wrong_value(d, f, &err) != 0)
			r = -1;
		d->container = 0;
		(*at)[i] = g_strdup(json_is_string(item) ? json_string_value(item) : "");
		g_string_truncate(d->path, length);
	}
	return r;
}

static int
map_decode(struct decoding *d, const struct schema_field *f, const json_t *value, struct schema_map *map)
{
	size_t length = d->path->len, i = 0;
	struct error err;
	const char *name;
	json_t *item;
	int r = 0;

	if (!json_is_object(value))
		return wrong_type(d, f, value);
	map->entries = g_new0(struct schema_map_entry, json_object_size(value));
	map->count = json_object_size(value);
	json_object_foreach ((json_t *)(uintptr_t)value, name, item) {
		path_member(d->path, name);
		map->entries[i].name = g_strdup(name);
		map->entries[i++].value = g_strdup(json_is_string(item) ? json_string_value(item) : "");
		if (!json_is_string(item) && !json_is_null(item)) {
			g_autofree char *found = describe(item);
			r = complain(d, CAUSE_INVALID, "must be a string, but is %s; put it in quotes", found);
		}
		d->container = length;
		if (f->check != NULL && f->check(name, &err) != 0 && wrong_value(d, f, &err) != 0)
			r = -1;
		d->container = 0;
		g_string_truncate(d->path, length);
	}
	return r;
}

/* Items that share the value of their key member cannot be told apart by anything that refers to them. */
static int
duplicates_check(struct decoding *d, const struct schema_field *f, const json_t *value)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i, length = d->path->len;
	json_t *item;
	int r = 0;

	json_array_foreach (value, i, item) {
		const char *key = json_string_value(json_object_get(item, f->key));

		if (key == NULL || g_hash_table_add(seen, (char *)(uintptr_t)key))
			continue;
		path_index(d->path, i);
		path_member(d->path, f->key);
		r = complain(d, CAUSE_DUPLICATE, "\"%s\" is used by an earlier item: each needs its own", key);
		g_string_truncate(d->path, length);
	}
	return r;
}

static int
list_decode(struct decoding *d, const struct schema_field *f, const json_t *value, struct schema_list *list)
{
	size_t i, length = d->path->len;
	json_t *item;
	int r = 0;

	if (!json_is_array(value))
		return wrong_type(d, f, value);
	if (f->max != 0 && (int64_t)json_array_size(value) > f->max)
		return complain(d, CAUSE_INVALID, "has %zu items: at most %lld are allowed", json_array_size(value),
		    (long long)f->max);
	list->items = g_malloc0_n(json_array_size(value), f->sub->size);
	list->count = json_array_size(value);
	json_array_foreach (value, i, item) {
		path_index(d->path, i);
		if (object_decode(d, f->sub, item, (char *)list->items + i * f->sub->size) != 0)
			r = -1;
		g_string_truncate(d->path, length);
	}
	if (f->key != NULL && duplicates_check(d, f, value) != 0)
		r = -1;
	return r;
}

static int
value_decode(struct decoding *d, const struct schema_field *f, const json_t *value, void *at)
{
	switch ((int)f->type) {
	case SCHEMA_STRINGS:
		return strings_decode(d, f, value, at);
	case SCHEMA_MAP:
		return map_decode(d, f, value, at);
	case SCHEMA_OBJECT:
		*(void **)at = g_malloc0(f->sub->size);
		return object_decode(d, f->sub, value, *(void **)at);
	case SCHEMA_LIST:
		return list_decode(d, f, value, at);
	case SCHEMA_ANY:
		if (json_is_null(value))
			return wrong_type(d, f, value);
		*(json_t **)at = json_deep_copy(value);
		return 0;
	default:
		return scalar_decode(d, f, value, at);
	}
}

static bool
are_all(const json_t *list, json_type type)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (json_typeof(item) != type)
			return false;
	return json_is_array(list);
}

static bool
has_shape(const struct schema_field *f, const json_t *value)
{
	char buffer[64];

	switch ((int)f->type) {
	case SCHEMA_ANY:
		return true;
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return json_is_object(value);
	case SCHEMA_LIST:
		return are_all(value, JSON_OBJECT);
	case SCHEMA_STRINGS:
		return are_all(value, JSON_STRING);
	default:
		return scalar_text(f, value, buffer) != NULL;
	}
}

/* A value that nobody reads is still of its type, as KubeVirt's strict reading wants it. */
static int
ignored_decode(struct decoding *d, const struct schema_field *f, const json_t *value)
{
	struct schema_field as = *f;

	as.type = f->shape;
	if (!json_is_null(value) && !has_shape(&as, value))
		return wrong_type(d, &as, value);
	warn(d, CAUSE_NOT_SUPPORTED, "is ignored: %s", f->doc);
	return 0;
}

/* A field that is not there. */
static void
field_default(const struct schema_field *f, void *at)
{
	struct error err;

	if (f->policy != POLICY_HONOUR)
		return;
	if (f->type == SCHEMA_OBJECT && (f->flags & FIELD_PRESENT) != 0)
		*(void **)at = schema_new(f->sub);
	else if (f->dflt != NULL && schema_scalar(f, f->dflt, at, &err) != 0)
		g_error("%s: default: %s", f->name, err.text); /* the lint sees to it that this cannot be */
}

void
schema_set_defaults(const struct schema *schema, void *object)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		field_default(f, schema_member(f, object));
}

static int
field_decode(struct decoding *d, const struct schema_field *f, const json_t *value, bool nullable, void *object)
{
	size_t length = d->path->len;
	int r = 0;

	if (value == NULL || (json_is_null(value) && nullable)) {
		field_default(f, schema_member(f, object));
		if ((f->flags & FIELD_REQUIRED) == 0)
			return 0;
		path_member(d->path, f->name);
		r = complain(d, CAUSE_REQUIRED, "is required: %s (%.*s)", schema_types[f->type].written, (int)strlen(f->doc) - 1,
		    f->doc);
		g_string_truncate(d->path, length);
		return r;
	}
	path_member(d->path, f->name);
	if (f->policy == POLICY_WARN)
		r = ignored_decode(d, f, value);
	else if (f->policy == POLICY_REFUSE)
		r = complain(d, CAUSE_NOT_SUPPORTED, "is not supported: %s", f->doc);
	else
		r = value_decode(d, f, value, schema_member(f, object));
	if (f->warn != NULL && r == 0)
		warn(d, CAUSE_NOT_SUPPORTED, "%s", f->warn);
	g_string_truncate(d->path, length);
	return r;
}

static int
unknown_field(struct decoding *d, const struct schema *schema, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	size_t length = d->path->len;
	const char *near;
	int r;

	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		if (f->policy != POLICY_REFUSE)
			g_ptr_array_add(names, (char *)(uintptr_t)f->name);
	g_ptr_array_add(names, NULL);
	near = nearest_word(name, (const char *const *)names->pdata);
	path_member(d->path, name);
	if (schema->open) {
		warn(d, CAUSE_UNKNOWN, "is ignored: it means nothing here");
		r = 0;
	} else if (near != NULL)
		r = complain(d, CAUSE_UNKNOWN, "no such field; did you mean \"%s\"?", near);
	else
		r = complain(d, CAUSE_UNKNOWN, "no such field in %s (\"solovirt explain\" lists them)", schema->name);
	g_string_truncate(d->path, length);
	return r;
}

/* Puts the members of a tree beside their rows: they are in no order, and the rows are gone through more than once.  Returns
 * where the first row's value is; NULL: not written. */
static guint
values_take(struct decoding *d, const struct schema *schema, const json_t *tree)
{
	guint first = d->values->len, count = 0;
	const char *name;
	json_t *value;

	while (schema->fields[count].name != NULL)
		count++;
	g_ptr_array_set_size(d->values, (gint)(first + count));
	json_object_foreach ((json_t *)(uintptr_t)tree, name, value) {
		const struct schema_field *f = schema_row(schema, name, strlen(name));

		if (f == NULL)
			unknown_field(d, schema, name);
		else
			d->values->pdata[first + (guint)(f - schema->fields)] = value;
	}
	return first;
}

static bool
is_alternative(const struct schema_field *f, const json_t *value)
{
	return (f->flags & FIELD_ONEOF) != 0 && value != NULL && !json_is_null(value);
}

/* Tells what is wrong with the alternatives that were written. */
static int
oneof_complain(struct decoding *d, const struct schema *schema, gpointer *values, unsigned count)
{
	g_autoptr(GString) all = g_string_new(NULL), given = g_string_new(NULL);
	unsigned most = 0;

	for (const struct schema_field *f = schema->fields; f->name != NULL; f++, values++) {
		if ((f->flags & FIELD_ONEOF) != 0 && f->policy == POLICY_HONOUR && f->warn == NULL) /* what is of use here */
			g_string_append_printf(all, "%s%s", most++ == 0 ? "" : ", ", f->name);
		if (is_alternative(f, *values))
			g_string_append_printf(given, "%s%s", given->len == 0 ? "" : " and ", f->name);
	}
	if (count > 1)
		return complain(d, CAUSE_INVALID, "%s exclude each other: write one of them", given->str);
	return complain(d, CAUSE_REQUIRED, "%s%s must be written", most == 1 ? "" : "one of ", all->str);
}

/* At most one alternative, exactly one where the struct says so. */
static int
oneof_check(struct decoding *d, const struct schema *schema, gpointer *values)
{
	unsigned count = 0;

	for (size_t i = 0; schema->fields[i].name != NULL; i++)
		count += is_alternative(&schema->fields[i], values[i]);
	return count > 1 || (count == 0 && schema->exactly_one) ? oneof_complain(d, schema, values, count) : 0;
}

static int
object_decode(struct decoding *d, const struct schema *schema, const json_t *tree, void *object)
{
	unsigned before = d->diagnostics->errors;
	guint first;

	if (!json_is_object(tree)) {
		g_autofree char *found = describe(tree), *parts = fields(schema);
		schema_set_defaults(schema, object);
		return complain(d, CAUSE_INVALID, "must be an object%s, but is %s", parts, found);
	}
	first = values_take(d, schema, tree);
	for (guint i = 0; schema->fields[i].name != NULL; i++)
		field_decode(d, &schema->fields[i], d->values->pdata[first + i], schema->nullable, object);
	oneof_check(d, schema, &d->values->pdata[first]);
	g_ptr_array_set_size(d->values, (gint)first);
	if (schema->check != NULL)
		schema->check(object, d->document, d->path->str, d->diagnostics);
	return d->diagnostics->errors == before ? 0 : -1;
}

int
schema_decode(const struct schema *schema, const json_t *tree, const struct document *document, const char *path,
    void *object, struct diagnostics *diagnostics)
{
	g_autoptr(GString) where = g_string_new(path);
	g_autoptr(GPtrArray) values = g_ptr_array_new();
	struct decoding d = { .document = document, .diagnostics = diagnostics, .path = where, .values = values };

	return object_decode(&d, schema, tree, object);
}
