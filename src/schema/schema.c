/* Rows and the structs they describe: finding, creating, clearing, lists and maps. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/schema/internal.h"
#include "src/schema/schema.h"

/* What a type is called, and an example of how it is written. */
const struct schema_type_info schema_types[SCHEMA_TYPE_COUNT] = {
	[SCHEMA_BOOL] = { "boolean", "true or false", sizeof(bool) },
	[SCHEMA_TRISTATE] = { "boolean", "true or false", sizeof(enum tristate) },
	[SCHEMA_INT] = { "integer", "a whole number", sizeof(int64_t) },
	[SCHEMA_QUANTITY] = { "Quantity", "a quantity such as 8Gi", sizeof(int64_t) },
	[SCHEMA_MILLI] = { "Quantity", "a quantity such as 500m or 2", sizeof(int64_t) },
	[SCHEMA_DURATION] = { "Duration", "a duration such as 30s or 24h", sizeof(int64_t) },
	[SCHEMA_TIME] = { "Time", "a time such as 2026-01-31T08:30:00Z", sizeof(int64_t) },
	[SCHEMA_ENUM] = { "string", "a word", sizeof(int) },
	[SCHEMA_STRING] = { "string", "a string", sizeof(char *) },
	[SCHEMA_INT_OR_STRING] = { "IntOrString", "a number or a string", sizeof(char *) },
	[SCHEMA_STRINGS] = { "[]string", "a list of strings", sizeof(char **) },
	[SCHEMA_MAP] = { "map[string]string", "an object whose values are strings", sizeof(struct schema_map) },
	[SCHEMA_OBJECT] = { "Object", "an object", sizeof(void *) },
	[SCHEMA_LIST] = { "[]Object", "a list of objects", sizeof(struct schema_list) },
	[SCHEMA_ANY] = { "any", "a value", sizeof(json_t *) },
};

const char *
schema_type_name(const struct schema_field *field)
{
	return schema_types[field->policy == POLICY_WARN ? field->shape : field->type].name;
}

const struct schema_field *
schema_row(const struct schema *schema, const char *name, size_t length)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		/* The first letter tells most apart, so that no table of names is needed. */
		if (f->name[0] == name[0] && strncmp(f->name, name, length) == 0 && f->name[length] == '\0')
			return f;
	return NULL;
}

const struct schema_field *
schema_find(const struct schema *schema, const char *path, const struct schema **schema_out)
{
	const struct schema_field *field = NULL;

	while (*path != '\0') {
		size_t length = strcspn(path, ".[");

		if (schema == NULL || (field = schema_row(schema, path, length)) == NULL)
			return NULL;
		schema = field->sub;
		path += length;
		path += *path == '[' ? strcspn(path, ".") : 0;
		path += *path == '.';
	}
	if (schema_out != NULL)
		*schema_out = schema;
	return field;
}

/* What a member of each type owns. */
static void
member_clear(const struct schema_field *f, void *at)
{
	struct schema_map *map = at;
	struct schema_list *list = at;

	switch (f->type) {
	case SCHEMA_STRING:
	case SCHEMA_INT_OR_STRING:
		g_free(*(char **)at);
		break;
	case SCHEMA_STRINGS:
		g_strfreev(*(char ***)at);
		break;
	case SCHEMA_MAP:
		for (size_t i = 0; i < map->count; i++) {
			g_free(map->entries[i].name);
			g_free(map->entries[i].value);
		}
		g_free(map->entries);
		break;
	case SCHEMA_OBJECT:
		schema_free(f->sub, *(void **)at);
		break;
	case SCHEMA_LIST:
		for (size_t i = 0; i < list->count; i++)
			schema_clear(f->sub, (char *)list->items + i * f->sub->size);
		g_free(list->items);
		break;
	case SCHEMA_ANY:
		json_decref(*(json_t **)at);
		break;
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
	case SCHEMA_INT:
	case SCHEMA_QUANTITY:
	case SCHEMA_MILLI:
	case SCHEMA_DURATION:
	case SCHEMA_TIME:
	case SCHEMA_ENUM:
	case SCHEMA_TYPE_COUNT:
	default:
		break;
	}
}

static void copy_into(const struct schema *schema, void *copy);

/* A member that was copied bit by bit gets its own of what the original's owns. */
static void
member_copy(const struct schema_field *f, void *at)
{
	struct schema_map *map = at;
	struct schema_list *list = at;

	switch (f->type) {
	case SCHEMA_STRING:
	case SCHEMA_INT_OR_STRING:
		*(char **)at = g_strdup(*(char **)at);
		break;
	case SCHEMA_STRINGS:
		*(char ***)at = g_strdupv(*(char ***)at);
		break;
	case SCHEMA_MAP:
		map->entries = g_memdup2(map->entries, map->count * sizeof(map->entries[0]));
		for (size_t i = 0; i < map->count; i++)
			map->entries[i] = (struct schema_map_entry){ g_strdup(map->entries[i].name), g_strdup(map->entries[i].value) };
		break;
	case SCHEMA_OBJECT:
		*(void **)at = *(void **)at == NULL ? NULL : schema_copy(f->sub, *(void **)at);
		break;
	case SCHEMA_LIST:
		list->items = g_memdup2(list->items, list->count * f->sub->size);
		for (size_t i = 0; i < list->count; i++)
			copy_into(f->sub, (char *)list->items + i * f->sub->size);
		break;
	case SCHEMA_ANY:
		*(json_t **)at = json_deep_copy(*(json_t **)at);
		break;
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
	case SCHEMA_INT:
	case SCHEMA_QUANTITY:
	case SCHEMA_MILLI:
	case SCHEMA_DURATION:
	case SCHEMA_TIME:
	case SCHEMA_ENUM:
	case SCHEMA_TYPE_COUNT:
	default:
		break;
	}
}

static void
copy_into(const struct schema *schema, void *copy)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		if (f->policy == POLICY_HONOUR)
			member_copy(f, schema_member(f, copy));
}

void *
schema_copy(const struct schema *schema, const void *object)
{
	void *copy = g_memdup2(object, schema->size);

	copy_into(schema, copy);
	return copy;
}

void
schema_clear(const struct schema *schema, void *object)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++)
		if (f->policy == POLICY_HONOUR)
			member_clear(f, schema_member(f, object));
	memset(object, 0, schema->size);
}

void *
schema_new(const struct schema *schema)
{
	void *object = g_malloc0(schema->size);

	schema_set_defaults(schema, object);
	return object;
}

void
schema_free(const struct schema *schema, void *object)
{
	if (object == NULL)
		return;
	schema_clear(schema, object);
	g_free(object);
}

void *
schema_list_add(struct schema_list *list, const struct schema *sub)
{
	void *item;

	list->items = g_realloc_n(list->items, list->count + 1, sub->size);
	item = (char *)list->items + list->count * sub->size;
	memset(item, 0, sub->size);
	list->count++;
	schema_set_defaults(sub, item);
	return item;
}

void
schema_list_remove(struct schema_list *list, const struct schema *sub, size_t index)
{
	char *item = (char *)list->items + index * sub->size;

	g_assert(index < list->count);
	schema_clear(sub, item);
	memmove(item, item + sub->size, (list->count - index - 1) * sub->size);
	list->count--;
}

const char *
schema_map_get(const struct schema_map *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->entries[i].name, name) == 0)
			return map->entries[i].value;
	return NULL;
}

void
schema_map_set(struct schema_map *map, const char *name, const char *value)
{
	size_t i = 0;

	while (i < map->count && strcmp(map->entries[i].name, name) != 0)
		i++;
	if (i == map->count && value == NULL)
		return;
	if (i == map->count) {
		map->entries = g_renew(struct schema_map_entry, map->entries, ++map->count);
		map->entries[i] = (struct schema_map_entry){ g_strdup(name), g_strdup(value) };
		return;
	}
	g_free(map->entries[i].value);
	map->entries[i].value = g_strdup(value);
	if (value != NULL)
		return;
	g_free(map->entries[i].name);
	memmove(&map->entries[i], &map->entries[i + 1], (map->count - i - 1) * sizeof(map->entries[0]));
	map->count--;
}
