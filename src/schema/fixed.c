/* Which fields may not change once an object is there. */
#include "config.h"

#include <glib.h>

#include "src/document/diagnostic.h"
#include "src/document/path.h"
#include "src/schema/internal.h"

static bool
is_same(const json_t *a, const json_t *b)
{
	if (a == NULL || json_is_null(a))
		return b == NULL || json_is_null(b);
	return b != NULL && json_equal(a, b);
}

void
schema_check_fixed(const struct schema *schema, const json_t *old, const json_t *new, const struct document *document,
    const char *path, struct diagnostics *diagnostics)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		const json_t *was = json_object_get(old, f->name), *is = json_object_get(new, f->name);
		g_autoptr(GString) where = g_string_new(path);

		path_member(where, f->name);
		if ((f->flags & FIELD_FIXED) != 0 && !is_same(was, is))
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, where->str,
			    "may not change after creation: delete the object and create it anew");
		else if (f->type == SCHEMA_OBJECT && f->sub != NULL && json_is_object(was) && json_is_object(is))
			schema_check_fixed(f->sub, was, is, document, where->str, diagnostics);
	}
}
