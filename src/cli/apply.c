/* solovirt apply: what the files say becomes so; members nobody spoke of stay (kubectl's client-side apply). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/manifest.h"
#include "src/cli/resource.h"
#include "src/document/document.h"
#include "src/document/patch.h"
#include "src/document/path.h"
#include "src/base/error.h"

#define LAST_APPLIED "metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']"
#define MANAGER "solovirt-client-side-apply"

enum { CONFLICTS = 5 /* how often a lost race is tried again */ };

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code apply(struct cli *cli, const struct manifest *manifest, const char *dry_run);
static enum exit_code apply_once(
    struct cli *cli, const struct manifest *manifest, const char *dry_run, struct answer *answer, const char **outcome);
static enum exit_code send_new(struct cli *cli, const json_t *wanted, const struct manifest *manifest,
    const char *dry_run, struct answer *answer, const char **outcome);
static enum exit_code send_changed(struct cli *cli, const json_t *wanted, const struct manifest *manifest,
    const json_t *current, const char *dry_run, struct answer *answer, const char **outcome);
static json_t *with_last_applied(const struct manifest *manifest);

static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_DRY_RUN,
	{ .name = "validate", .help = "Check the files before anything is sent; on by default." },
	OPTION_END,
};

const struct command command_apply = {
	.name = "apply",
	.usage = "-f FILE...",
	.help = "Creates the objects of files, or changes them to what the files say.",
	.details =
	    "Members that the files set are set, members that they dropped since the last apply are removed, members that "
	    "they never spoke of stay as they are. Nothing is sent when a file is wrong.",
	.examples = "solovirt apply -f vm.yaml\n"
		    "solovirt apply -f machines/ -R --dry-run  # what would happen\n"
		    "generate | solovirt apply -f -",
	.options = options,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autoptr(GPtrArray) manifests = g_ptr_array_new();
	const char *dry_run = arguments_value(arguments, "dry-run");
	enum exit_code code =
	    manifests_load(cli, arguments, !arguments_flag(arguments, "validate", true), documents, manifests);

	if (code != EXIT_DONE)
		return code;
	if (dry_run != NULL && strcmp(dry_run, "none") == 0)
		dry_run = NULL;
	for (guint i = 0; i < manifests->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, apply(cli, manifests->pdata[i], dry_run));
	return code;
}

static enum exit_code
apply(struct cli *cli, const struct manifest *manifest, const char *dry_run)
{
	ANSWER answer = { 0 };
	const char *outcome = NULL;
	g_autofree char *title = resource_title(manifest->kind, manifest->name);
	g_autofree char *about = g_strdup_printf("error when applying \"%s\"", manifest->document->file);
	enum exit_code code = EXIT_CONFLICT;

	if (manifest->name == NULL)
		return cli_fail(EXIT_ERROR, "%s: apply needs metadata.name; use create with generateName",
		    manifest->document->file);
	for (int i = 0; code == EXIT_CONFLICT && i <= CONFLICTS; i++)
		code = apply_once(cli, manifest, dry_run, &answer, &outcome);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, about);
	printf("%s %s%s\n", title, outcome,
	    dry_run == NULL ? "" : strcmp(dry_run, "server") == 0 ? " (server dry run)" : " (dry run)");
	return EXIT_DONE;
}

static enum exit_code
apply_once(
    struct cli *cli, const struct manifest *manifest, const char *dry_run, struct answer *answer, const char **outcome)
{
	g_autofree char *path = resource_path(manifest->kind, manifest->namespace, manifest->name);
	json_auto_t *wanted = with_last_applied(manifest), *current = NULL;
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, answer);

	if (code == EXIT_NOT_FOUND)
		return send_new(cli, wanted, manifest, dry_run, answer, outcome);
	if (code != EXIT_DONE)
		return code;
	current = json_incref(answer->body);
	return send_changed(cli, wanted, manifest, current, dry_run, answer, outcome);
}

static enum exit_code
send_new(struct cli *cli, const json_t *wanted, const struct manifest *manifest, const char *dry_run,
    struct answer *answer, const char **outcome)
{
	g_autofree char *path = resource_query(
	    resource_path(manifest->kind, manifest->namespace, NULL), "fieldManager", MANAGER);

	*outcome = "created";
	if (dry_run != NULL && strcmp(dry_run, "client") == 0)
		return EXIT_DONE;
	path = resource_query(path, "dryRun", dry_run != NULL ? "All" : NULL);
	return client_call(cli->client, &(struct request){ .method = "POST", .path = path, .body = wanted }, answer);
}

static enum exit_code
send_changed(struct cli *cli, const json_t *wanted, const struct manifest *manifest, const json_t *current,
    const char *dry_run, struct answer *answer, const char **outcome)
{
	g_autofree char *path =
	    resource_query(resource_path(manifest->kind, manifest->namespace, manifest->name), "fieldManager", MANAGER);
	g_autofree char *before = g_strdup(path_string(current, "metadata.resourceVersion"));
	const char *text = path_string(current, LAST_APPLIED), *after;
	json_auto_t *last = text != NULL ? json_read(text, strlen(text), NULL) : NULL;
	json_auto_t *changed = patch_three_way(last, wanted, current), *patch = patch_diff(current, changed);
	enum exit_code code;

	*outcome = json_object_size(patch) == 0 ? "unchanged" : "configured";
	if (json_object_size(patch) == 0 || (dry_run != NULL && strcmp(dry_run, "client") == 0))
		return EXIT_DONE;
	path = resource_query(path, "dryRun", dry_run != NULL ? "All" : NULL);
	code = client_call(cli->client,
	    &(struct request){ .method = "PATCH", .path = path, .type = TYPE_MERGE_PATCH, .body = patch }, answer);
	/* what the server takes apart (a Secret's stringData) looks changed to us; its version tells */
	after = code == EXIT_DONE ? path_string(answer->body, "metadata.resourceVersion") : NULL;
	if (before != NULL && after != NULL && strcmp(before, after) == 0 && dry_run == NULL)
		*outcome = "unchanged";
	return code;
}

/*
 * The object with the annotation that tells the next apply what this one said.  What only the server writes is left out, so
 * that "get -o yaml", edited, can be applied though the object went on meanwhile.
 */
static json_t *
with_last_applied(const struct manifest *manifest)
{
	static const char *const servers[] = { "status", "metadata.resourceVersion", "metadata.uid",
		"metadata.generation", "metadata.creationTimestamp", "metadata.deletionTimestamp",
		"metadata.deletionGracePeriodSeconds", "metadata.managedFields", LAST_APPLIED };
	json_auto_t *said = json_deep_copy(manifest->tree);
	json_t *wanted;
	g_autofree char *text = NULL, *line = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(servers); i++)
		path_remove(said, servers[i]);
	if (path_find(said, "metadata.annotations") == NULL)
		path_set(said, "metadata.annotations", json_object());
	text = json_write(said);
	line = g_strconcat(text, "\n", NULL);
	wanted = json_incref(said);
	path_set(wanted, LAST_APPLIED, json_string(line));
	return wanted;
}
