/* solovirt scale: how many members replica sets and pools are to have. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/cli/selection.h"
#include "src/document/path.h"

/* What was asked for. */
struct scaling {
	struct cli *cli;
	int64_t replicas, current; /* current -1: whatever it is */
	const char *version;       /* that the object must have, or NULL */
	bool dry_run;
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code scale_one(const struct scaling *scaling, const struct selected *selected);
static enum exit_code replace(const struct scaling *scaling, const struct selected *selected, const char *path);

static const struct option_row options[] = {
	{ .name = "replicas", .argument = "COUNT", .help = "How many members there shall be." },
	{ .name = "current-replicas", .argument = "COUNT", .help = "Scale only what is to have this many now." },
	{ .name = "resource-version", .argument = "VERSION", .help = "Scale only what has this resourceVersion." },
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_SELECTOR,
	OPTION_FIELD_SELECTOR,
	{ .name = "all", .help = "Every object of the kind in the namespace." },
	OPTION_DRY_RUN,
	OPTION_END,
};

const struct command command_scale = {
	.name = "scale",
	.usage = "KIND NAME... | KIND/NAME... | KIND -l LABELS | KIND --all | -f FILE... --replicas=COUNT",
	.help = "Says how many members VirtualMachineInstanceReplicaSets and VirtualMachinePools shall have.",
	.examples = "solovirt scale vmirs/web --replicas=3\n"
		    "solovirt scale vmpool/web --current-replicas=3 --replicas=5",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) selection = g_ptr_array_new();
	const char *dry_run = arguments_value(arguments, "dry-run");
	struct scaling scaling = { .cli = cli, .version = arguments_value(arguments, "resource-version"),
		.dry_run = dry_run != NULL && strcmp(dry_run, "none") != 0 };
	struct error err = { 0 };
	enum exit_code code;

	if (arguments_value(arguments, "replicas") == NULL)
		return cli_fail(EXIT_USAGE, "say how many members there shall be: --replicas=COUNT");
	if (arguments_number(arguments, "replicas", 0, 0, &scaling.replicas, &err) < 0 ||
	    arguments_number(arguments, "current-replicas", -1, 0, &scaling.current, &err) < 0)
		return cli_fail_error(&err);
	code = selection_load(cli, arguments, false, selection);
	for (guint i = 0; i < selection->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, scale_one(&scaling, selection->pdata[i]));
	return code;
}

static enum exit_code
scale_one(const struct scaling *scaling, const struct selected *selected)
{
	ANSWER answer = { 0 };
	g_autofree char *path = NULL, *title = resource_title(selected->kind, selected->name);
	json_t *body;
	enum exit_code code;

	if (!selected->kind->has_scale)
		return cli_fail(EXIT_USAGE, "%s cannot be scaled: only %s and %s can", selected->kind->plural, kinds[KIND_REPLICA_SET].plural,
		    kinds[KIND_POOL].plural);
	path = resource_path(selected->kind, selected->namespace, selected->name);
	path = resource_query(g_strconcat(path, "/scale", NULL), "dryRun", scaling->dry_run ? "All" : NULL);
	if (scaling->current >= 0 || scaling->version != NULL) {
		code = replace(scaling, selected, path);
	} else {
		body = json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)scaling->replicas);
		code = client_call(scaling->cli->client,
		    &(struct request){ .method = "PATCH", .path = path, .type = TYPE_MERGE_PATCH, .body = body }, &answer);
		json_decref(body);
		if (code != EXIT_DONE)
			answer_complain(&answer, code, NULL);
	}
	if (code == EXIT_DONE)
		printf("%s scaled%s\n", title, scaling->dry_run ? " (server dry run)" : "");
	return code;
}

/* Only what is as it should be; the version in the Scale that was read says that nobody was faster. */
static enum exit_code
replace(const struct scaling *scaling, const struct selected *selected, const char *path)
{
	ANSWER before = { 0 };
	ANSWER after = { 0 };
	enum exit_code code = client_call(scaling->cli->client, &(struct request){ .path = path }, &before);
	const char *version;
	int64_t count;

	if (code != EXIT_DONE)
		return answer_complain(&before, code, NULL);
	count = json_integer_value(path_find(before.body, "spec.replicas"));
	version = path_string(before.body, "metadata.resourceVersion");
	if (scaling->current >= 0 && count != scaling->current)
		return cli_fail(EXIT_CONFLICT, "%s/%s is to have %" PRId64 " replicas, not %" PRId64 ": it was not scaled", selected->kind->plural,
		    selected->name, count, scaling->current);
	if (scaling->version != NULL && g_strcmp0(version, scaling->version) != 0)
		return cli_fail(EXIT_CONFLICT, "%s/%s has resourceVersion %s, not %s: it was not scaled", selected->kind->plural,
		    selected->name, version, scaling->version);
	path_set(before.body, "spec.replicas", json_integer(scaling->replicas));
	code = client_call(scaling->cli->client, &(struct request){ .method = "PUT", .path = path, .body = before.body }, &after);
	return code == EXIT_DONE ? code : answer_complain(&after, code, NULL);
}
