/* The reference that the program prints itself: explain and the manual. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/schema/internal.h"

static const char *const policy_notes[] = {
	[POLICY_HONOUR] = "",
	[POLICY_WARN] = " (accepted and ignored, with a warning)",
	[POLICY_REFUSE] = " (refused)",
};

/* "default 30, 0 to 100, one of A, B": what else a row says. */
static char *
facts(const struct schema_field *f)
{
	GString *text = g_string_new(NULL);

	if (f->dflt != NULL)
		g_string_append_printf(text, "Default: %s.", f->dflt);
	if (f->words != NULL) {
		g_autofree char *words = g_strjoinv(", ", (char **)(uintptr_t)&f->words[1]);
		g_string_append_printf(text, "%sOne of %s.", text->len > 0 ? " " : "", words);
	}
	if ((f->flags & FIELD_FIXED) != 0)
		g_string_append_printf(text, "%sMay not change after creation.", text->len > 0 ? " " : "");
	return g_string_free(text, FALSE);
}

static void
put_row(const struct schema_field *f, bool recursive, int indent, FILE *out)
{
	g_autofree char *more = facts(f);

	fprintf(out, "%*s%s\t<%s>%s%s\n", indent, "", f->name, schema_type_name(f),
	    (f->flags & FIELD_REQUIRED) != 0 ? " -required-" : "", policy_notes[f->policy]);
	if (recursive)
		return;
	fprintf(out, "%*s%s%s%s\n\n", indent + 2, "", f->doc, *more == '\0' ? "" : " ", more);
}

static void
put_rows(const struct schema *schema, bool recursive, int indent, FILE *out)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		put_row(f, recursive, indent, out);
		if (recursive && f->sub != NULL)
			put_rows(f->sub, true, indent + 2, out);
	}
}

/* Says where the path leaves the road, and what stands there instead. */
static int
no_such_path(const struct schema *schema, const char *path, struct error *err)
{
	g_auto(GStrv) steps = g_strsplit(path, ".", -1);

	for (char **step = steps; *step != NULL; step++) {
		size_t length = strcspn(*step, "[");
		const struct schema_field *f = schema == NULL ? NULL : schema_row(schema, *step, length);
		g_autoptr(GPtrArray) names = g_ptr_array_new();
		const char *near;

		if (f != NULL) {
			schema = f->sub;
			continue;
		}
		for (f = schema == NULL ? NULL : schema->fields; f != NULL && f->name != NULL; f++)
			g_ptr_array_add(names, (char *)(uintptr_t)f->name);
		g_ptr_array_add(names, NULL);
		near = nearest_word(*step, (const char *const *)names->pdata);
		if (near != NULL)
			return error_set(err, ENOENT, "field \"%s\" does not exist in %s; did you mean %s?", *step, schema->name, near);
		return error_set(err, ENOENT, "field \"%s\" does not exist in %s", *step,
		    schema == NULL ? "a plain value" : schema->name);
	}
	return error_set(err, ENOENT, "\"%s\" does not exist", path);
}

int
schema_explain(const struct schema *schema, const char *kind, const char *version, const char *path, bool recursive,
    FILE *out, struct error *err)
{
	const struct schema *sub = schema;
	const struct schema_field *f = schema_find(schema, path, &sub);

	if (f == NULL && *path != '\0')
		return no_such_path(schema, path, err);
	fprintf(out, "KIND:     %s\nVERSION:  %s\n\n", kind, version);
	if (f != NULL) {
		g_autofree char *more = facts(f);
		fprintf(out, "FIELD:    %s <%s>%s\n\n", f->name, schema_type_name(f), policy_notes[f->policy]);
		fprintf(out, "DESCRIPTION:\n  %s%s%s\n", f->doc, *more == '\0' ? "" : " ", more);
	} else {
		fprintf(out, "DESCRIPTION:\n  %s\n", schema->doc);
	}
	if (sub == NULL)
		return 0;
	fputs("\nFIELDS:\n", out);
	put_rows(sub, recursive, 2, out);
	return 0;
}

/* man(7) takes a leading dot or apostrophe as a request and a backslash as an escape. */
static void
put_man(const char *text, FILE *out)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++)
		fputs(*text == '\\' ? "\\e" : *text == '-' ? "\\-" : (char[]){ *text, '\0' }, out);
}

void
schema_manual(const struct schema *schema, const char *path, FILE *out)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		g_autofree char *more = facts(f), *below = NULL;
		const char *list = f->type == SCHEMA_LIST ? "[]" : "";

		below = *path == '\0' ? g_strdup_printf("%s%s", f->name, list) : g_strdup_printf("%s.%s%s", path, f->name, list);
		fputs(".TP\n.B ", out);
		put_man(below, out);
		fprintf(out, "\n<%s>%s%s ", schema_type_name(f), (f->flags & FIELD_REQUIRED) != 0 ? ", required" : "",
		    policy_notes[f->policy]);
		put_man(f->doc, out);
		fputc(' ', out);
		put_man(more, out);
		fputc('\n', out);
		if (f->sub != NULL && f->policy == POLICY_HONOUR)
			schema_manual(f->sub, below, out);
	}
}
