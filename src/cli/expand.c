/* solovirt expand: objects with everything filled in that their author left open. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/expansion.h"
#include "src/cli/manifest.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);

static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	{ .name = "vm", .argument = "NAME", .completion = COMPLETE_OBJECTS, .help = "The machine of this name, as the daemon has it." },
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "yaml (the default) or json." },
	OPTION_END,
};

const struct command command_expand = {
	.name = "expand",
	.usage = "-f FILE... | --vm NAME",
	.help = "Prints objects with their instancetype, their preference and all defaults filled in.",
	.details = "Instancetypes and preferences are looked for in the same files, then asked from the daemon; without them no "
		   "daemon is needed.",
	.examples = "solovirt expand -f vm.yaml\n"
		    "solovirt expand --vm demo -o json",
	.options = options,
	.completion = COMPLETE_FILES,
	.run = run,
};

/* The spec of an instance that has no object of its own, with its defaults. */
static void
fill_spec(const json_t *vm, json_t *spec)
{
	json_t *instance = json_pack("{s:s,s:s,s:o,s:O}", "apiVersion", "kubevirt.io/v1", "kind", "VirtualMachineInstance", "metadata",
	    json_deep_copy(json_object_get(vm, "metadata")), "spec", spec);

	vmi_prepare(instance);
	json_decref(instance);
}

static int
expand_machine(struct cli *cli, const GPtrArray *documents, const struct document *document, json_t *tree, struct error *err)
{
	json_t *spec = path_find(tree, "spec.template.spec"), *annotations = path_find(tree, "spec.template.metadata.annotations");
	struct diagnostics diagnostics;
	int r;

	diagnostics_init(&diagnostics);
	r = expansion_apply(cli, documents, document, spec, annotations, &diagnostics, err);
	if (diagnostics.errors > 0) {
		g_autofree char *text = diagnostics_format(&diagnostics, SEVERITY_ERROR);

		error_set(err, EINVAL, "%s", text);
	}
	diagnostics_clear(&diagnostics);
	if (r != 0)
		return -1;
	json_object_del(json_object_get(tree, "spec"), "instancetype");
	json_object_del(json_object_get(tree, "spec"), "preference");
	vm_prepare(tree);
	fill_spec(tree, spec);
	return 0;
}

/* One document as a whole object; NULL with err. */
static json_t *
expand(struct cli *cli, const GPtrArray *documents, const struct document *document, struct error *err)
{
	json_t *tree = json_deep_copy(document->root);
	const struct kind *kind = kind_of_document(document, NULL);
	int r = 0;

	if (kind == &kinds[KIND_VM])
		r = expand_machine(cli, documents, document, tree, err);
	else if (kind->prepare != NULL)
		kind->prepare(tree);
	json_object_del(tree, "status");
	if (r == 0)
		return tree;
	json_decref(tree);
	return NULL;
}

static enum exit_code
print_documents(struct cli *cli, const GPtrArray *documents, const struct output *output)
{
	bool first = true;

	for (guint i = 0; i < documents->len; i++) {
		struct error err = { 0 };
		json_t *tree = expand(cli, documents, documents->pdata[i], &err);
		int r;

		if (tree == NULL)
			return cli_fail(EXIT_ERROR, "%s", err.text);
		r = output_print(output, tree, first, stdout, &err);
		json_decref(tree);
		if (r < 0)
			return cli_fail_error(&err);
		first = false;
	}
	return EXIT_DONE;
}

static enum exit_code
expand_files(struct cli *cli, const struct arguments *arguments, const struct output *output)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autoptr(GPtrArray) manifests = g_ptr_array_new();
	enum exit_code code = manifests_load(cli, arguments, false, documents, manifests);

	return code != EXIT_DONE ? code : print_documents(cli, documents, output);
}

static enum exit_code
expand_known(struct cli *cli, const char *name, const struct output *output)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autofree char *path = resource_path(&kinds[KIND_VM], cli->namespace, name);
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	g_ptr_array_add(documents, document_take(json_incref(answer.body)));
	return print_documents(cli, documents, output);
}

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const char *form = arguments_value(arguments, "output"), *vm = arguments_value(arguments, "vm");
	struct output output;
	struct error err = { 0 };

	if (output_parse(form == NULL ? "yaml" : form, &output, &err) < 0)
		return cli_fail_error(&err);
	if (output.format < OUTPUT_YAML)
		return cli_fail(EXIT_USAGE, "-o %s is not for this: use yaml or json", form);
	if ((vm != NULL) == (arguments_values(arguments, "filename") != NULL))
		return cli_fail(EXIT_USAGE, "say what to expand: -f FILE, or --vm NAME");
	return vm != NULL ? expand_known(cli, vm, &output) : expand_files(cli, arguments, &output);
}
