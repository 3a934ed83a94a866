/* Are the rows themselves in order?  Run for every kind by the tests. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/schema/internal.h"

static int
row_lint(const struct schema *s, const struct schema_field *f, struct error *err)
{
	size_t length = f->doc == NULL ? 0 : strlen(f->doc);
	char scratch[64] = { 0 };

	if (length == 0 || f->doc[length - 1] != '.' || !g_ascii_isupper(f->doc[0]))
		return error_set(err, EINVAL, "%s.%s: its sentence must begin with a capital and end with a full stop", s->name,
		    f->name);
	if ((f->type == SCHEMA_OBJECT || f->type == SCHEMA_LIST) && f->sub == NULL)
		return error_set(err, EINVAL, "%s.%s: has no struct behind it", s->name, f->name);
	if (f->type == SCHEMA_ENUM && (f->words == NULL || *f->words[0] != '\0'))
		return error_set(err, EINVAL, "%s.%s: its words must begin with \"\"", s->name, f->name);
	if (f->key != NULL && schema_row(f->sub, f->key, strlen(f->key)) == NULL)
		return error_set(err, EINVAL, "%s.%s: its key is no field of its items", s->name, f->name);
	if (f->policy == POLICY_HONOUR && f->offset + schema_types[f->type].size > s->size)
		return error_set(err, EINVAL, "%s.%s: lies outside its struct", s->name, f->name);
	if (f->dflt != NULL && schema_scalar(f, f->dflt, scratch, err) != 0)
		return error_wrap(err, "%s.%s: the default: ", s->name, f->name);
	if (f->dflt != NULL && (f->type == SCHEMA_STRING || f->type == SCHEMA_INT_OR_STRING))
		g_free(*(char **)(void *)scratch);
	return 0;
}

int
schema_lint(const struct schema *s, struct error *err)
{
	if (s->doc == NULL || s->name == NULL || s->size == 0)
		return error_set(err, EINVAL, "%s: needs a name, a sentence and a size", s->name == NULL ? "?" : s->name);
	for (const struct schema_field *f = s->fields; f->name != NULL; f++) {
		for (const struct schema_field *g = s->fields; g != f; g++)
			if (strcmp(f->name, g->name) == 0 ||
			    (f->offset == g->offset && f->policy == POLICY_HONOUR && g->policy == POLICY_HONOUR))
				return error_set(err, EINVAL, "%s.%s: told twice", s->name, f->name);
		if (row_lint(s, f, err) != 0)
			return -1;
		if (f->sub != NULL && f->sub != s && schema_lint(f->sub, err) != 0)
			return -1;
	}
	return 0;
}
