/* From a struct to a tree: the rows' order, absent fields left out. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/quantity.h"
#include "src/schema/internal.h"

static json_t *
take_text(char *text)
{
	json_t *value = json_string(text);

	g_free(text);
	return value;
}

static json_t *
time_encode(int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	return json_string(clock_format(wall_ms, text));
}

static json_t *
strings_encode(char **strings)
{
	json_t *list = json_array();

	for (; *strings != NULL; strings++)
		json_array_append_new(list, json_string(*strings));
	return list;
}

static json_t *
map_encode(const struct schema_map *map)
{
	json_t *object = json_object();

	for (size_t i = 0; i < map->count; i++)
		json_object_set_new(object, map->entries[i].name, json_string(map->entries[i].value));
	return object;
}

static json_t *
list_encode(const struct schema *sub, const struct schema_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, schema_encode(sub, (const char *)list->items + i * sub->size));
	return array;
}

static json_t *
text_encode(const struct schema_field *f, const char *text)
{
	int64_t number;
	char *end;

	if (f->type != SCHEMA_INT_OR_STRING)
		return json_string(text);
	number = g_ascii_strtoll(text, &end, 10);
	return *text != '\0' && *end == '\0' ? json_integer(number) : json_string(text);
}

/* True when a member holds what an absent field would leave there. */
static bool
is_absent(const struct schema_field *f, const void *at)
{
	static const char zeroes[64];

	if (f->type == SCHEMA_LIST)
		return ((const struct schema_list *)at)->count == 0;
	if (f->type == SCHEMA_MAP)
		return ((const struct schema_map *)at)->count == 0;
	return memcmp(at, zeroes, schema_types[f->type].size) == 0;
}

static json_t *
value_encode(const struct schema_field *f, const void *at)
{
	switch (f->type) {
	case SCHEMA_BOOL:
		return json_boolean(*(const bool *)at);
	case SCHEMA_TRISTATE:
		return json_boolean(*(const enum tristate *)at == TRISTATE_TRUE);
	case SCHEMA_INT:
		return json_integer(*(const int64_t *)at);
	case SCHEMA_QUANTITY:
		return take_text(quantity_format_bytes(*(const int64_t *)at));
	case SCHEMA_MILLI:
		return take_text(quantity_format_milli(*(const int64_t *)at));
	case SCHEMA_DURATION:
		return take_text(duration_format(*(const int64_t *)at));
	case SCHEMA_TIME:
		return time_encode(*(const int64_t *)at);
	case SCHEMA_ENUM:
		return json_string(f->words[*(const int *)at]);
	case SCHEMA_STRING:
	case SCHEMA_INT_OR_STRING:
		return text_encode(f, *(char *const *)at);
	case SCHEMA_STRINGS:
		return strings_encode(*(char **const *)at);
	case SCHEMA_MAP:
		return map_encode(at);
	case SCHEMA_OBJECT:
		return schema_encode(f->sub, *(void *const *)at);
	case SCHEMA_LIST:
		return list_encode(f->sub, at);
	case SCHEMA_ANY:
		return json_deep_copy(*(json_t *const *)at);
	case SCHEMA_TYPE_COUNT:
	default:
		return json_null();
	}
}

/* Pointers have no value to write when they are absent, whatever the flags say. */
static bool
has_value(const struct schema_field *f, const void *at)
{
	bool pointer = f->type == SCHEMA_STRING || f->type == SCHEMA_INT_OR_STRING || f->type == SCHEMA_STRINGS ||
	    f->type == SCHEMA_OBJECT || f->type == SCHEMA_ANY || f->type == SCHEMA_TRISTATE;

	return !is_absent(f, at) || ((f->flags & FIELD_ZERO) != 0 && !pointer);
}

json_t *
schema_encode(const struct schema *schema, const void *object)
{
	json_t *tree = json_object();

	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		const void *at = schema_member_const(f, object);

		if (f->policy == POLICY_HONOUR && has_value(f, at))
			json_object_set_new_nocheck(tree, f->name, value_encode(f, at));
	}
	return tree;
}
