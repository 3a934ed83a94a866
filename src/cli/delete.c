/* solovirt delete: objects go away, by name, file, labels or all of a kind. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/manifest.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/cli/selection.h"
#include "src/cli/until.h"
#include "src/document/path.h"

/* What a delete was asked for. */
struct deletion {
	struct cli *cli;
	json_t *options;      /* DeleteOptions */
	bool ignore_missing, forced, dry_run, names_only;
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code options_of(const struct arguments *arguments, struct deletion *deletion);
static enum exit_code delete_one(struct deletion *deletion, struct selected *selected);
static enum exit_code wait_all(struct cli *cli, const GPtrArray *selection, int64_t timeout_ms);
static bool is_gone(const void *arg, const json_t *object);

static const char *const cascade_words[] = { "background", "foreground", "orphan", "true", "false", NULL };
static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_SELECTOR,
	OPTION_FIELD_SELECTOR,
	{ .name = "all", .help = "Every object of the kind in the namespace." },
	{ .name = "wait", .help = "Return when the objects are gone; on by default." },
	{ .name = "timeout",
	    .argument = "DURATION",
	    .help = "How long to wait (30s, 5m); 0, the default: as long as it takes." },
	{ .name = "cascade",
	    .argument = "HOW",
	    .bare = "background",
	    .words = cascade_words,
	    .completion = COMPLETE_WORDS,
	    .help =
		"What happens to what the objects own: background (deleted after them, the default), foreground (before them), "
		"orphan (kept)." },
	{ .name = "grace-period",
	    .argument = "SECONDS",
	    .help = "Time a guest gets to shut down; -1, the default: its own." },
	{ .name = "force", .help = "Do not let the guest shut down: --grace-period=0." },
	{ .name = "now", .help = "Hardly let the guest shut down: --grace-period=1." },
	{ .name = "ignore-not-found", .help = "An object that does not exist is no error." },
	{ .name = "output", .letter = 'o', .argument = "name", .help = "name: write only what was deleted." },
	OPTION_DRY_RUN,
	OPTION_END,
};

const struct command command_delete = {
	.name = "delete",
	.usage = "KIND NAME... | KIND/NAME... | KIND -l LABELS | KIND --all | -f FILE...",
	.help = "Deletes objects and waits until they are gone.",
	.examples = "solovirt delete vm demo\n"
	            "solovirt delete vm/demo secret/demo-user-data\n"
	            "solovirt delete -f vm.yaml --ignore-not-found\n"
	            "solovirt delete vm -l app=demo --wait=false\n"
	            "solovirt delete vm demo --cascade=orphan  # keep its DataVolumes and the running instance",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) selection = g_ptr_array_new();
	struct deletion deletion = { .cli = cli };
	struct error err = { 0 };
	int64_t timeout = 0;
	enum exit_code code;

	if (arguments_duration(arguments, "timeout", 0, &timeout, &err) < 0)
		return cli_fail_error(&err);
	code = options_of(arguments, &deletion);
	if (code == EXIT_DONE)
		code = selection_load(cli, arguments, deletion.ignore_missing, selection);
	for (guint i = 0; i < selection->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, delete_one(&deletion, selection->pdata[i]));
	fflush(stdout);
	if (arguments_flag(arguments, "wait", true) && !deletion.dry_run && code != EXIT_UNREACHABLE)
		code = cli_worse(code, wait_all(cli, selection, timeout));
	json_decref(deletion.options);
	return code;
}

static enum exit_code
options_of(const struct arguments *arguments, struct deletion *deletion)
{
	static const char *const policies[][2] = { { "background", "Background" }, { "true", "Background" },
		{ "foreground", "Foreground" }, { "orphan", "Orphan" }, { "false", "Orphan" } };
	const char *cascade = arguments_value(arguments, "cascade"), *output = arguments_value(arguments, "output");
	const char *dry_run = arguments_value(arguments, "dry-run");
	struct error err = { 0 };
	int64_t grace = -1;

	if (arguments_number(arguments, "grace-period", -1, -1, &grace, &err) < 0)
		return cli_fail_error(&err);
	if (output != NULL && strcmp(output, "name") != 0)
		return cli_fail(EXIT_USAGE, "-o: delete knows only name");
	deletion->forced = arguments_flag(arguments, "force", false);
	if (deletion->forced && grace > 0)
		return cli_fail(
		    EXIT_USAGE, "--force and --grace-period=%" G_GINT64_FORMAT " contradict each other", grace);
	grace = deletion->forced ? 0 : arguments_flag(arguments, "now", false) ? 1 : grace;
	deletion->ignore_missing = arguments_flag(arguments, "ignore-not-found", false);
	deletion->names_only = output != NULL;
	deletion->dry_run = dry_run != NULL && strcmp(dry_run, "none") != 0;
	deletion->options = json_object();
	for (size_t i = 0; i < G_N_ELEMENTS(policies); i++)
		if (strcmp(cascade != NULL ? cascade : "background", policies[i][0]) == 0)
			json_object_set_new(deletion->options, "propagationPolicy", json_string(policies[i][1]));
	if (grace >= 0)
		json_object_set_new(deletion->options, "gracePeriodSeconds", json_integer(grace));
	if (deletion->dry_run)
		json_object_set_new(deletion->options, "dryRun", json_pack("[s]", "All"));
	return EXIT_DONE;
}

/* Leaves the uid of what is still there in selected, so that a new object of the same name is not waited for. */
static enum exit_code
delete_one(struct deletion *deletion, struct selected *selected)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(selected->kind, selected->namespace, selected->name);
	g_autofree char *title = resource_title(selected->kind, NULL);
	enum exit_code code = client_call(deletion->cli->client,
	    &(struct request){ .method = "DELETE", .path = path, .body = deletion->options }, &answer);
	const char *uid;

	if (code == EXIT_NOT_FOUND && deletion->ignore_missing)
		return EXIT_DONE;
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	/* an object that lingers comes back whole; of one that is gone a Status tells the uid */
	uid = path_string(answer.body, "metadata.uid");
	g_free(selected->uid);
	selected->uid = g_strdup(uid != NULL ? uid : path_string(answer.body, "details.uid"));
	selected->done = true;
	if (deletion->names_only)
		printf("%s/%s\n", title, selected->name);
	else
		printf("%s \"%s\" %sdeleted%s\n", title, selected->name, deletion->forced ? "force " : "",
		    deletion->dry_run ? " (server dry run)" : "");
	return EXIT_DONE;
}

static enum exit_code
wait_all(struct cli *cli, const GPtrArray *selection, int64_t timeout_ms)
{
	int64_t deadline = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : INT64_MAX;
	enum exit_code code = EXIT_DONE;

	for (guint i = 0; i < selection->len; i++) {
		const struct selected *selected = selection->pdata[i];
		ANSWER answer = { 0 };
		enum exit_code one;

		if (!selected->done)
			continue;
		one = until(
		    cli, selected->kind, selected->namespace, selected->name, is_gone, selected, deadline, &answer);
		if (one == EXIT_TIMEOUT)
			cli_fail(one, "timed out waiting until %s/%s is gone", selected->kind->plural, selected->name);
		else if (one != EXIT_DONE)
			answer_complain(&answer, one, NULL);
		code = cli_worse(code, one);
	}
	return code;
}

static bool
is_gone(const void *arg, const json_t *object)
{
	const struct selected *selected = arg;
	const char *uid = object != NULL ? path_string(object, "metadata.uid") : NULL;

	return object == NULL || (selected->uid != NULL && uid != NULL && strcmp(uid, selected->uid) != 0);
}
