/* solovirt label and annotate: words that objects carry. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/cli/selection.h"
#include "src/document/path.h"

/* What is to be changed: name -> text, or null for one that goes. */
struct edit {
	struct cli *cli;
	const char *map, *done; /* member of metadata; what is said of an object that was changed */
	json_t *changes;
	bool overwrite, dry_run;
};

static enum exit_code run_label(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_annotate(struct cli *cli, const struct arguments *arguments);

static const struct option_row options[] = {
	{ .name = "overwrite", .help = "Replace values that are there." },
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_SELECTOR,
	OPTION_FIELD_SELECTOR,
	{ .name = "all", .help = "Every object of the kind in the namespace." },
	OPTION_DRY_RUN,
	OPTION_END,
};

const struct command command_label = {
	.name = "label",
	.usage = "KIND NAME... | KIND/NAME... | KIND -l LABELS | KIND --all | -f FILE... NAME=VALUE... NAME-...",
	.help = "Gives objects labels, and takes them away.",
	.examples = "solovirt label vm web tier=front\n"
		    "solovirt label vm --all tier-",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run_label,
};

const struct command command_annotate = {
	.name = "annotate",
	.usage = "KIND NAME... | KIND/NAME... | KIND -l LABELS | KIND --all | -f FILE... NAME=VALUE... NAME-...",
	.help = "Gives objects annotations, and takes them away.",
	.examples = "solovirt annotate vmi web ovn.kubernetes.io/egress_rate=100 --overwrite\n"
		    "solovirt annotate vmi/web ovn.kubernetes.io/egress_rate-",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run_annotate,
};

/* A value that is there and would be another. */
static const char *
find_other(const struct edit *edit, const json_t *object)
{
	g_autofree char *where = g_strconcat("metadata.", edit->map, NULL);
	json_t *there = path_find(object, where), *value;
	const char *name;

	json_object_foreach (edit->changes, name, value) {
		json_t *before = json_object_get(there, name);
		if (before != NULL && json_is_string(value) && !json_equal(before, value))
			return name;
	}
	return NULL;
}

static enum exit_code
edit_one(const struct edit *edit, const struct selected *selected)
{
	g_autofree char *path = resource_path(selected->kind, selected->namespace, selected->name), *title = resource_title(selected->kind, selected->name);
	ANSWER before = { 0 };
	ANSWER after = { 0 };
	enum exit_code code = client_call(edit->cli->client, &(struct request){ .path = path }, &before);
	const char *other;
	json_t *body;

	if (code != EXIT_DONE)
		return answer_complain(&before, code, NULL);
	other = edit->overwrite ? NULL : find_other(edit, before.body);
	if (other != NULL)
		return cli_fail(EXIT_CONFLICT, "%s has another value of %s: it is replaced with --overwrite", title, other);
	/* The version that was read: nobody else gave it a value meanwhile. */
	body = json_pack("{s:{s:O,s:O*}}", "metadata", edit->map, edit->changes, "resourceVersion",
	    edit->overwrite ? NULL : path_find(before.body, "metadata.resourceVersion"));
	path = resource_query(g_steal_pointer(&path), "dryRun", edit->dry_run ? "All" : NULL);
	code = client_call(edit->cli->client, &(struct request){ .method = "PATCH", .path = path, .type = TYPE_MERGE_PATCH, .body = body }, &after);
	json_decref(body);
	if (code != EXIT_DONE)
		return answer_complain(&after, code, NULL);
	printf("%s %s%s\n", title, edit->done, edit->dry_run ? " (server dry run)" : "");
	return EXIT_DONE;
}

/* NAME=VALUE and NAME- are changes, other words name objects. */
static void
split(const GPtrArray *words, GPtrArray *objects, json_t *changes)
{
	for (guint i = 0; i < words->len; i++) {
		const char *word = words->pdata[i], *equals = strchr(word, '=');
		size_t length = strlen(word);
		g_autofree char *name = equals != NULL ? g_strndup(word, (gsize)(equals - word)) : g_strndup(word, length - 1);
		if (equals != NULL)
			json_object_set_new(changes, name, json_string(equals + 1));
		else if (length > 1 && word[length - 1] == '-')
			json_object_set_new(changes, name, json_null());
		else
			g_ptr_array_add(objects, (void *)(uintptr_t)word);
	}
}

static enum exit_code
run(struct cli *cli, const struct arguments *arguments, const char *map, const char *done)
{
	g_autoptr(GPtrArray) selection = g_ptr_array_new(), objects = g_ptr_array_new();
	const char *dry_run = arguments_value(arguments, "dry-run");
	struct edit edit = { .cli = cli, .map = map, .done = done, .changes = json_object(), .overwrite = arguments_flag(arguments, "overwrite", false),
		.dry_run = dry_run != NULL && strcmp(dry_run, "none") != 0 };
	struct arguments named = *arguments;
	enum exit_code code;

	split(arguments->words, objects, edit.changes);
	named.words = objects;
	if (json_object_size(edit.changes) == 0)
		code = cli_fail(EXIT_USAGE, "say what: NAME=VALUE, or NAME- for one that is to go");
	else
		code = selection_load(cli, &named, false, selection);
	for (guint i = 0; i < selection->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, edit_one(&edit, selection->pdata[i]));
	json_decref(edit.changes);
	return code;
}

static enum exit_code
run_label(struct cli *cli, const struct arguments *arguments)
{
	return run(cli, arguments, "labels", "labeled");
}

static enum exit_code
run_annotate(struct cli *cli, const struct arguments *arguments)
{
	return run(cli, arguments, "annotations", "annotated");
}
