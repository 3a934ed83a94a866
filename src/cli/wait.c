/* solovirt wait: returns when objects are as they should be. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/goal.h"
#include "src/cli/resource.h"
#include "src/cli/selection.h"
#include "src/cli/until.h"
#include "src/document/path.h"

enum { DEFAULT_TIMEOUT_MS = 30 * 1000 };

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code wait_all(struct cli *cli, const GPtrArray *selection, const struct goal *goal, int64_t deadline);
static enum exit_code wait_one(
    struct cli *cli, const struct selected *selected, const struct goal *goal, int64_t deadline);
static int64_t deadline_of(int64_t timeout_ms);

static const struct option_row options[] = {
	{ .name = "for",
	    .argument = "GOAL",
	    .help = "condition=NAME[=VALUE], delete, create, or jsonpath='{PATH}'[=VALUE]." },
	{ .name = "timeout",
	    .argument = "DURATION",
	    .help = "How long, for all together: 30s (the default), 5m; 0: ask once." },
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	OPTION_SELECTOR,
	OPTION_FIELD_SELECTOR,
	{ .name = "all", .help = "Every object of the kind in the namespace." },
	OPTION_END,
};

const struct command command_wait = {
	.name = "wait",
	.usage = "KIND NAME... | KIND/NAME... | -f FILE... --for=GOAL",
	.help = "Waits until a condition of objects is met.",
	.examples = "solovirt wait vm/demo --for=condition=Ready --timeout=120s\n"
	            "solovirt wait dv --all --for=jsonpath='{.status.phase}'=Succeeded --timeout=10m\n"
	            "solovirt wait vmi/demo --for=condition=Paused=false\n"
	            "solovirt wait vmi/demo --for=delete",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) selection = g_ptr_array_new();
	const char *text = arguments_value(arguments, "for");
	struct goal goal = { 0 };
	struct error err = { 0 };
	int64_t timeout = 0, deadline;
	enum exit_code code;

	if (text == NULL)
		return cli_fail(EXIT_USAGE, "say what to wait for: --for=condition=Ready");
	if (goal_parse(text, &goal, &err) < 0 ||
	    arguments_duration(arguments, "timeout", DEFAULT_TIMEOUT_MS, &timeout, &err) < 0) {
		goal_clear(&goal);
		return cli_fail_error(&err);
	}
	deadline = deadline_of(timeout);
	code = selection_load(cli, arguments, goal.type == GOAL_DELETE, selection);
	if (code == EXIT_DONE && selection->len == 0 && goal.type != GOAL_DELETE)
		code = EXIT_NOT_FOUND;
	if (code == EXIT_DONE)
		code = wait_all(cli, selection, &goal, deadline);
	goal_clear(&goal);
	return code;
}

static enum exit_code
wait_all(struct cli *cli, const GPtrArray *selection, const struct goal *goal, int64_t deadline)
{
	enum exit_code code = EXIT_DONE;

	for (guint i = 0; i < selection->len; i++)
		code = cli_worse(code, wait_one(cli, selection->pdata[i], goal, deadline));
	return code;
}

static enum exit_code
wait_one(struct cli *cli, const struct selected *selected, const struct goal *goal, int64_t deadline)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(selected->kind, selected->namespace, selected->name);
	g_autofree char *title = resource_title(selected->kind, selected->name);
	enum exit_code code = EXIT_DONE;

	/* as kubectl: what does not exist is not waited for, unless its creation or end is the goal */
	if (goal->type == GOAL_CONDITION || goal->type == GOAL_JSONPATH)
		code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	if (code == EXIT_DONE)
		code = until(
		    cli, selected->kind, selected->namespace, selected->name, goal_met, goal, deadline, &answer);
	if (code == EXIT_TIMEOUT)
		return cli_fail(
		    code, "timed out waiting for the condition on %s/%s", selected->kind->plural, selected->name);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("%s condition met\n", title);
	fflush(stdout);
	return EXIT_DONE;
}

/* kubectl: a negative time means a week. */
static int64_t
deadline_of(int64_t timeout_ms)
{
	return clock_monotonic_ms() + (timeout_ms < 0 ? (int64_t)7 * 24 * 3600 * 1000 : timeout_ms);
}
