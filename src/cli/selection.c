/* The existing objects that a verb is about; see selection.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/manifest.h"
#include "src/cli/resource.h"
#include "src/cli/selection.h"
#include "src/document/path.h"

static enum exit_code load_files(struct cli *cli, const struct arguments *arguments, GPtrArray *selection);
static enum exit_code load_kind(struct cli *cli, const struct arguments *arguments, const struct kind *kind,
    GPtrArray *selection);
static void add(GPtrArray *selection, const struct kind *kind, const char *ns, const char *name, const char *uid);
static void selected_free(void *arg);

enum exit_code
selection_load(struct cli *cli, const struct arguments *arguments, bool ignore_missing, GPtrArray *selection)
{
	g_autoptr(GPtrArray) resources = g_ptr_array_new();
	bool many = arguments_flag(arguments, "all", false) || arguments_value(arguments, "selector") != NULL ||
	    arguments_value(arguments, "field-selector") != NULL;
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;

	g_ptr_array_set_free_func(selection, selected_free);
	if (arguments_values(arguments, "filename") != NULL)
		return load_files(cli, arguments, selection);
	if (resources_parse(arguments->words, resources, &err) < 0)
		return cli_fail_error(&err);
	for (guint i = 0; i < resources->len && code == EXIT_DONE; i++) {
		const struct resource *resource = resources->pdata[i];

		if ((resource->name != NULL) == many)
			return many ? cli_fail(
					  EXIT_USAGE, "a name cannot be combined with -l, --field-selector or --all")
				    : cli_fail(EXIT_USAGE, "say which: a name, -l LABELS, or --all");
		if (resource->name != NULL)
			add(selection, resource->kind, cli->namespace, resource->name, NULL);
		else
			code = load_kind(cli, arguments, resource->kind, selection);
	}
	if (code == EXIT_DONE && selection->len == 0 && !ignore_missing)
		fputs("No resources found\n", stderr);
	return code;
}

static enum exit_code
load_files(struct cli *cli, const struct arguments *arguments, GPtrArray *selection)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autoptr(GPtrArray) manifests = g_ptr_array_new();
	enum exit_code code = manifests_load(cli, arguments, true, documents, manifests);

	/* the last one first: what the earlier objects of a file serve goes before them */
	for (guint i = manifests->len; i-- > 0 && code == EXIT_DONE;) {
		const struct manifest *manifest = manifests->pdata[i];

		if (manifest->name == NULL)
			return cli_fail(EXIT_ERROR, "%s: an object has no metadata.name", manifest->document->file);
		add(selection, manifest->kind, manifest->namespace, manifest->name, NULL);
	}
	return code;
}

static enum exit_code
load_kind(struct cli *cli, const struct arguments *arguments, const struct kind *kind, GPtrArray *selection)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(kind, cli->all_namespaces ? NULL : cli->namespace, NULL);
	const json_t *items;
	enum exit_code code;

	path = resource_query(path, "labelSelector", arguments_value(arguments, "selector"));
	path = resource_query(path, "fieldSelector", arguments_value(arguments, "field-selector"));
	code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	items = json_object_get(answer.body, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);

		add(selection, kind, path_string(item, "metadata.namespace"), path_string(item, "metadata.name"),
		    path_string(item, "metadata.uid"));
	}
	return EXIT_DONE;
}

static void
add(GPtrArray *selection, const struct kind *kind, const char *ns, const char *name, const char *uid)
{
	struct selected *selected = g_new0(struct selected, 1);

	selected->kind = kind;
	selected->namespace = kind->namespaced ? g_strdup(ns) : NULL;
	selected->name = g_strdup(name);
	selected->uid = g_strdup(uid);
	g_ptr_array_add(selection, selected);
}

static void
selected_free(void *arg)
{
	struct selected *selected = arg;

	g_free(selected->namespace);
	g_free(selected->name);
	g_free(selected->uid);
	g_free(selected);
}
