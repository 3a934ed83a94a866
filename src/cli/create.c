/* solovirt create: new objects from files. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/manifest.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/base/error.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code create(struct cli *cli, const struct manifest *manifest, const char *dry_run,
    const struct output *output, bool first);

static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_DRY_RUN,
	{ .name = "output",
	    .letter = 'o',
	    .argument = "FORMAT",
	    .help = "Show what was created: yaml, json, name, jsonpath=..." },
	{ .name = "validate", .help = "Check the files before anything is sent; on by default." },
	OPTION_END,
};

const struct command command_create = {
	.name = "create",
	.usage = "-f FILE...",
	.help = "Creates the objects of files; one that exists is an error.",
	.examples = "solovirt create -f vm.yaml\n"
	            "solovirt create -f job.yaml -o name  # the name that generateName made",
	.options = options,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autoptr(GPtrArray) manifests = g_ptr_array_new();
	const char *dry_run = arguments_value(arguments, "dry-run");
	struct error err = { 0 };
	struct output output;
	enum exit_code code;

	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	code = manifests_load(cli, arguments, !arguments_flag(arguments, "validate", true), documents, manifests);
	if (code != EXIT_DONE)
		return code;
	if (dry_run != NULL && strcmp(dry_run, "none") == 0)
		dry_run = NULL;
	for (guint i = 0; i < manifests->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, create(cli, manifests->pdata[i], dry_run, &output, i == 0));
	return code;
}

static enum exit_code
create(struct cli *cli, const struct manifest *manifest, const char *dry_run, const struct output *output, bool first)
{
	ANSWER answer = { 0 };
	g_autofree char *path =
	    resource_query(resource_path(manifest->kind, manifest->namespace, NULL), "fieldManager", "solovirt-create");
	g_autofree char *about = g_strdup_printf("error when creating \"%s\"", manifest->document->file), *title = NULL;
	bool client_only = dry_run != NULL && strcmp(dry_run, "client") == 0;
	const json_t *object = manifest->tree;
	struct error err = { 0 };

	if (!client_only) {
		enum exit_code code;

		path = resource_query(path, "dryRun", dry_run != NULL ? "All" : NULL);
		code = client_call(
		    cli->client, &(struct request){ .method = "POST", .path = path, .body = manifest->tree }, &answer);
		if (code != EXIT_DONE)
			return answer_complain(&answer, code, about);
		if (answer.body != NULL)
			object = answer.body;
	}
	if (output->format > OUTPUT_WIDE)
		return output_print(output, object, first, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
	title = output_title(object);
	printf("%s created%s\n", title, dry_run == NULL ? "" : client_only ? " (dry run)" : " (server dry run)");
	return EXIT_DONE;
}
