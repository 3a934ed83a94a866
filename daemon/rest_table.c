/* Tables (metav1.Table): what "get" prints, made by the kinds' columns; see rest_internal.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/redact.h"
#include "daemon/rest_internal.h"
#include "src/api/meta.h"
#include "src/document/diagnostic.h"

bool
rest_wants_table(const struct rest_call *call, enum rest_include *include)
{
	static const struct {
		const char *word;
		enum rest_include include;
	} words[] = { { "Object", INCLUDE_OBJECT }, { "None", INCLUDE_NONE }, { "Metadata", INCLUDE_METADATA } };
	const char *accept = http_header(call->request, "Accept"), *asked = http_query(call->request, "includeObject");

	*include = INCLUDE_METADATA;
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_strcmp0(asked, words[i].word) == 0)
			*include = words[i].include;
	return accept != NULL && strstr(accept, "as=Table") != NULL;
}

static json_t *
definition(const char *name, const char *type, const char *format, bool wide)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "type", type, "format", format, "description", "",
	    "priority", wide ? 1 : 0);
}

static json_t *
definitions(const struct kind *kind)
{
	json_t *list = json_array();

	json_array_append_new(list, definition("Name", "string", "name", false));
	for (const struct column *column = kind->columns; column->name != NULL; column++)
		json_array_append_new(list,
		    definition(column->name, column->type, column->format == NULL ? "" : column->format, column->wide));
	return list;
}

/* Numbers as numbers where the column says so; an empty cell is null. */
static json_t *
cell(const struct column *column, const void *value, int64_t now, GString *text)
{
	char *end;

	g_string_truncate(text, 0);
	column->cell(value, now, text);
	if (text->len == 0)
		return json_null();
	if (strcmp(column->type, "integer") == 0) {
		long long number = strtoll(text->str, &end, 10);
		if (*end == '\0')
			return json_integer(number);
	}
	return json_string(text->str);
}

/* A replayed object brings no struct. */
static void *
decode(const struct kind *kind, const json_t *tree)
{
	void *value = g_malloc0(kind->schema->size);
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	schema_decode(kind->schema, tree, NULL, "", value, &diagnostics);
	diagnostics_clear(&diagnostics);
	return value;
}

static json_t *
cells(const struct kind *kind, const struct object *object, const json_t *tree, int64_t now)
{
	void *own = object->value == NULL ? decode(kind, tree) : NULL;
	g_autoptr(GString) text = g_string_sized_new(64);
	json_t *list = json_array();

	json_array_append_new(list, json_string(object->name));
	for (const struct column *column = kind->columns; column->name != NULL; column++)
		json_array_append_new(list, cell(column, own == NULL ? object->value : own, now, text));
	if (own != NULL) {
		schema_clear(kind->schema, own);
		g_free(own);
	}
	return list;
}

/* New reference; tree may be NULL when the object has its struct. */
static json_t *
metadata(const struct object *object, const json_t *tree)
{
	if (tree != NULL)
		return json_incref(json_object_get(tree, "metadata"));
	return schema_encode(&object_meta_schema, ((const struct object_head *)object->value)->meta);
}

static json_t *
row(const struct kind *kind, const struct object *object, enum rest_include include, bool redacted, int64_t now)
{
	/* Reading the text is most of the work: the struct can tell the metadata, too, as long as nothing in it is to be hidden. */
	bool needed = include == INCLUDE_OBJECT || (include == INCLUDE_METADATA && redacted) || object->value == NULL;
	json_t *tree = needed ? object_tree(object) : NULL, *made = json_object();

	json_object_set_new(made, "cells", cells(kind, object, tree, now));
	if (redacted && tree != NULL)
		redact_tree(kind, tree);
	if (include == INCLUDE_OBJECT)
		json_object_set(made, "object", tree);
	else if (include == INCLUDE_METADATA)
		json_object_set_new(made, "object",
		    json_pack("{s:s, s:s, s:o}", "kind", "PartialObjectMetadata", "apiVersion", "meta.k8s.io/v1",
			"metadata", metadata(object, tree)));
	json_decref(tree);
	return made;
}

json_t *
rest_table(const struct kind *kind, const GPtrArray *objects, enum rest_include include, bool redacted, bool columns,
    int64_t version, int64_t now)
{
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, version);
	json_t *rows = json_array();

	for (guint i = 0; i < objects->len; i++)
		json_array_append_new(rows, row(kind, objects->pdata[i], include, redacted, now));
	return json_pack("{s:s, s:s, s:{s:s}, s:o, s:o}", "kind", "Table", "apiVersion", "meta.k8s.io/v1", "metadata",
	    "resourceVersion", number, "columnDefinitions", columns ? definitions(kind) : json_null(), "rows", rows);
}
