/* Redaction; see redact.h. */
#include "config.h"

#include <string.h>

#include "daemon/redact.h"

enum { DEPTH = 32 }; /* schemas are not recursive; should one be, this ends it */

static bool
has_secret(const struct schema *schema, unsigned depth)
{
	if (schema == NULL || depth == 0)
		return false;
	for (const struct schema_field *field = schema->fields; field->name != NULL; field++)
		if ((field->flags & FIELD_SECRET) != 0 || has_secret(field->sub, depth - 1))
			return true;
	return false;
}

bool
redact_needed(const struct kind *kind)
{
	return has_secret(kind->schema, DEPTH);
}

static void
redact(const struct schema *schema, json_t *tree, unsigned depth)
{
	json_t *item;
	size_t index;

	if (schema == NULL || depth == 0)
		return;
	if (json_is_array(tree)) {
		json_array_foreach (tree, index, item)
			redact(schema, item, depth - 1);
		return;
	}
	for (const struct schema_field *field = schema->fields; field->name != NULL; field++)
		if ((field->flags & FIELD_SECRET) != 0)
			json_object_del(tree, field->name);
		else if (field->sub != NULL && (item = json_object_get(tree, field->name)) != NULL)
			redact(field->sub, item, depth - 1);
}

void
redact_tree(const struct kind *kind, json_t *tree)
{
	json_t *annotations = json_object_get(json_object_get(tree, "metadata"), "annotations"), *value;
	const char *key;
	void *next;

	if (!redact_needed(kind))
		return;
	redact(kind->schema, tree, DEPTH);
	/* kubectl.kubernetes.io/last-applied-configuration and its like */
	json_object_foreach_safe (annotations, next, key, value)
		if (strstr(key, "last-applied") != NULL)
			json_object_del(annotations, key);
}
