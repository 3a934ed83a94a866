/* How objects are written; see output.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/document/document.h"
#include "src/document/path.h"

#define JSONPATH "jsonpath="

static const char *const format_words[] = {
	[OUTPUT_TABLE] = "table",
	[OUTPUT_WIDE] = "wide",
	[OUTPUT_YAML] = "yaml",
	[OUTPUT_JSON] = "json",
	[OUTPUT_NAME] = "name",
};

int
output_parse(const char *text, struct output *output, struct error *err)
{
	if (text == NULL) {
		*output = (struct output){ .format = OUTPUT_TABLE };
		return 0;
	}
	for (size_t i = 0; i < sizeof(format_words) / sizeof(format_words[0]); i++)
		if (strcmp(text, format_words[i]) == 0) {
			*output = (struct output){ .format = (enum output_format)i };
			return 0;
		}
	if (strncmp(text, JSONPATH, strlen(JSONPATH)) != 0 || text[strlen(JSONPATH)] == '\0')
		return error_set(err, EINVAL, "-o: \"%s\" is none of wide, yaml, json, name, jsonpath=TEMPLATE", text);
	*output = (struct output){ .format = OUTPUT_JSONPATH, .template = text + strlen(JSONPATH) };
	return 0;
}

int
output_print(const struct output *output, const json_t *object, bool first, FILE *out, struct error *err)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (output->format == OUTPUT_JSON) {
		json_dumpf(object, out, JSON_INDENT(4) | JSON_ENCODE_ANY);
		fputc('\n', out);
	} else if (output->format == OUTPUT_NAME) {
		g_autofree char *title = output_title(object);

		fprintf(out, "%s\n", title);
	} else if (output->format == OUTPUT_JSONPATH) {
		if (jsonpath_format(output->template, object, text, err) < 0)
			return -1;
		fwrite(text->str, 1, text->len, out);
	} else {
		yaml_write(object, text);
		if (!first)
			fputs("---\n", out);
		fwrite(text->str, 1, text->len, out);
	}
	return 0;
}

char *
output_title(const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const char *version = json_string_value(json_object_get(object, "apiVersion"));
	const char *name = json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
	const char *slash = version != NULL ? strchr(version, '/') : NULL;
	g_autofree char *group = slash != NULL ? g_strndup(version, (gsize)(slash - version)) : g_strdup("");
	g_autofree char *lower = g_ascii_strdown(kind != NULL ? kind : "", -1);

	return g_strconcat(lower, *group != '\0' ? "." : "", group, "/", name != NULL ? name : "", NULL);
}

json_t *
output_list(json_t *items)
{
	return json_pack("{s:s, s:o, s:s, s:{s:s}}", "apiVersion", "v1", "items", items, "kind", "List", "metadata",
	    "resourceVersion", "");
}
