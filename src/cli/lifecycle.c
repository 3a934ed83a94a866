/* solovirt start, stop, restart, pause, unpause: a virtual machine's life, as virtctl asks for it. */
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
#include "src/cli/until.h"
#include "src/document/path.h"

enum { WAIT_MS = 5 * 60 * 1000 };

/* What --wait waits for: which object, and how it must be. */
struct outcome {
	enum kind_id kind;
	bool (*met)(const void *arg, const json_t *object); /* arg: the uid of the instance before, or NULL */
};

/* One of the verbs. */
struct change {
	const char *verb;
	enum kind_id kind; /* whose subresource it is */
	struct outcome outcome;
};

static enum exit_code run_start(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_stop(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_restart(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_pause(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_unpause(struct cli *cli, const struct arguments *arguments);
static enum exit_code change_all(
    struct cli *cli, const struct arguments *arguments, const struct change *change, json_t *body);
static enum exit_code change_one(struct cli *cli, const struct arguments *arguments, const struct change *change,
    const json_t *body, const char *name);
static enum exit_code wait_for(struct cli *cli, const struct change *change, const char *name, const char *uid,
    int64_t timeout_ms);
static int names_of(const GPtrArray *words, GPtrArray *names, struct error *err);
static char *instance_uid(struct cli *cli, const char *name);
static bool is_running(const void *arg, const json_t *object);
static bool is_started_paused(const void *arg, const json_t *object);
static bool is_stopped(const void *arg, const json_t *object);
static bool is_restarted(const void *arg, const json_t *object);
static bool is_paused(const void *arg, const json_t *object);
static bool is_unpaused(const void *arg, const json_t *object);

#define OPTIONS_WAIT                                                                                                   \
	{ .name = "wait", .help = "Return when it has happened." },                                                    \
	    { .name = "timeout", .argument = "DURATION", .help = "How long --wait waits; 5m otherwise." },             \
	{                                                                                                              \
		.name = "dry-run", .help = "Only ask whether it could be done."                                        \
	}

static const struct option_row start_options[] = {
	{ .name = "paused", .help = "Let the guest stand still before its first instruction." },
	OPTIONS_WAIT,
	OPTION_END,
};
static const struct option_row stop_options[] = {
	{ .name = "grace-period", .argument = "SECONDS", .help = "Time the guest gets to shut down; needs --force." },
	{ .name = "force", .help = "Do not wait for the guest longer than --grace-period." },
	OPTIONS_WAIT,
	OPTION_END,
};
static const struct option_row pause_options[] = { OPTIONS_WAIT, OPTION_END };

const struct command command_start = {
	.name = "start",
	.usage = "VM...",
	.help = "Starts virtual machines.",
	.examples = "solovirt start demo --wait\nsolovirt start demo --paused",
	.options = start_options,
	.completion = COMPLETE_VMS,
	.run = run_start,
};
const struct command command_stop = {
	.name = "stop",
	.usage = "VM...",
	.help = "Shuts virtual machines down.",
	.examples = "solovirt stop demo --wait\nsolovirt stop demo --force --grace-period=0  # pull the plug",
	.options = stop_options,
	.completion = COMPLETE_VMS,
	.run = run_stop,
};
const struct command command_restart = {
	.name = "restart",
	.usage = "VM...",
	.help = "Shuts virtual machines down and starts them again.",
	.examples = "solovirt restart demo --wait\nsolovirt restart demo --force --grace-period=0",
	.options = stop_options,
	.completion = COMPLETE_VMS,
	.run = run_restart,
};
const struct command command_pause = {
	.name = "pause",
	.usage = "VM... | vmi VMI...",
	.help = "Makes running guests stand still; they keep their memory.",
	.examples = "solovirt pause demo",
	.options = pause_options,
	.completion = COMPLETE_INSTANCES,
	.run = run_pause,
};
const struct command command_unpause = {
	.name = "unpause",
	.usage = "VM... | vmi VMI...",
	.help = "Lets paused guests go on.",
	.examples = "solovirt unpause demo",
	.options = pause_options,
	.completion = COMPLETE_INSTANCES,
	.run = run_unpause,
};

static enum exit_code
run_start(struct cli *cli, const struct arguments *arguments)
{
	static const struct change start = { "start", KIND_VM, { KIND_VMI, is_running } };
	static const struct change paused = { "start", KIND_VM, { KIND_VMI, is_started_paused } };
	bool stand = arguments_flag(arguments, "paused", false);

	return change_all(cli, arguments, stand ? &paused : &start,
	    stand ? json_pack("{s:b}", "paused", 1) : json_object());
}

static enum exit_code
run_stop(struct cli *cli, const struct arguments *arguments)
{
	static const struct change stop = { "stop", KIND_VM, { KIND_VM, is_stopped } };
	bool forced = arguments_flag(arguments, "force", false);
	struct error err = { 0 };
	int64_t grace;

	if (forced != (arguments_value(arguments, "grace-period") != NULL))
		return cli_fail(EXIT_USAGE, "--force and --grace-period go together");
	if (arguments_number(arguments, "grace-period", 0, 0, &grace, &err) < 0)
		return cli_fail_error(&err);
	return change_all(
	    cli, arguments, &stop, forced ? json_pack("{s:I}", "gracePeriod", (json_int_t)grace) : json_object());
}

static enum exit_code
run_restart(struct cli *cli, const struct arguments *arguments)
{
	static const struct change restart = { "restart", KIND_VM, { KIND_VMI, is_restarted } };
	bool forced = arguments_flag(arguments, "force", false);
	struct error err = { 0 };
	int64_t grace;

	if (!forced && arguments_value(arguments, "grace-period") != NULL)
		return cli_fail(EXIT_USAGE, "--grace-period needs --force");
	if (arguments_number(arguments, "grace-period", 0, 0, &grace, &err) < 0)
		return cli_fail_error(&err);
	return change_all(cli, arguments, &restart,
	    forced ? json_pack("{s:I}", "gracePeriodSeconds", (json_int_t)grace) : json_object());
}

static enum exit_code
run_pause(struct cli *cli, const struct arguments *arguments)
{
	static const struct change pause = { "pause", KIND_VMI, { KIND_VMI, is_paused } };

	return change_all(cli, arguments, &pause, json_object());
}

static enum exit_code
run_unpause(struct cli *cli, const struct arguments *arguments)
{
	static const struct change unpause = { "unpause", KIND_VMI, { KIND_VMI, is_unpaused } };

	return change_all(cli, arguments, &unpause, json_object());
}

/* Takes the reference to body. */
static enum exit_code
change_all(struct cli *cli, const struct arguments *arguments, const struct change *change, json_t *body)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	json_auto_t *options = body;
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;

	if (names_of(arguments->words, names, &err) < 0)
		return cli_fail_error(&err);
	if (arguments_flag(arguments, "dry-run", false))
		json_object_set_new(options, "dryRun", json_pack("[s]", "All"));
	for (guint i = 0; i < names->len && code != EXIT_UNREACHABLE; i++)
		code = cli_worse(code, change_one(cli, arguments, change, options, names->pdata[i]));
	return code;
}

static enum exit_code
change_one(struct cli *cli, const struct arguments *arguments, const struct change *change, const json_t *body,
    const char *name)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_verb_path(&kinds[change->kind], cli->namespace, name, change->verb),
			*uid = NULL;
	bool wait = arguments_flag(arguments, "wait", false), dry_run = arguments_flag(arguments, "dry-run", false);
	struct error err = { 0 };
	int64_t timeout;
	enum exit_code code;

	if (arguments_duration(arguments, "timeout", WAIT_MS, &timeout, &err) < 0)
		return cli_fail_error(&err);
	if (wait && change->outcome.met == is_restarted)
		uid = instance_uid(cli, name);
	code = client_call(cli->client, &(struct request){ .method = "PUT", .path = path, .body = body }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (dry_run)
		fputs("Dry Run execution\n", stdout);
	printf("%s %s was scheduled to %s\n", change->kind == KIND_VM ? "VM" : "VMI", name, change->verb);
	fflush(stdout);
	return wait && !dry_run ? wait_for(cli, change, name, uid, timeout) : EXIT_DONE;
}

static enum exit_code
wait_for(struct cli *cli, const struct change *change, const char *name, const char *uid, int64_t timeout_ms)
{
	ANSWER answer = { 0 };
	enum exit_code code = until(cli, &kinds[change->outcome.kind], cli->namespace, name, change->outcome.met, uid,
	    clock_monotonic_ms() + timeout_ms, &answer);

	if (code == EXIT_TIMEOUT)
		return cli_fail(code, "timed out waiting for %s to %s; \"solovirt describe vm/%s\" may tell why", name,
		    change->verb, name);
	return code != EXIT_DONE ? answer_complain(&answer, code, NULL) : EXIT_DONE;
}

/* "demo", "vm/demo", "vmi/demo", "vm demo", "vmi demo other": what virtctl and kubectl users write. */
static int
names_of(const GPtrArray *words, GPtrArray *names, struct error *err)
{
	const struct kind *first = words->len > 1 ? kind_of_word(words->pdata[0]) : NULL;
	bool has_kind = first == &kinds[KIND_VM] || first == &kinds[KIND_VMI];

	if (words->len == 0)
		return error_set(err, EINVAL, "say which virtual machine");
	for (guint i = has_kind ? 1 : 0; i < words->len; i++) {
		const struct kind *kind = NULL;
		const char *name = NULL;

		if (resource_parse(words->pdata[i], &kinds[KIND_VM], &kind, &name, err) < 0)
			return -1;
		if (kind != &kinds[KIND_VM] && kind != &kinds[KIND_VMI])
			return error_set(err, EINVAL, "\"%s\" is no virtual machine", (const char *)words->pdata[i]);
		g_ptr_array_add(names, (gpointer)(uintptr_t)name);
	}
	return 0;
}

/* NULL when none runs. */
static char *
instance_uid(struct cli *cli, const char *name)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(&kinds[KIND_VMI], cli->namespace, name);

	if (client_call(cli->client, &(struct request){ .path = path, .quiet = true }, &answer) != EXIT_DONE)
		return NULL;
	return g_strdup(path_string(answer.body, "metadata.uid"));
}

/* --- outcomes ----------------------------------------------------------------------------------------------------- */

static bool
has_string(const json_t *object, const char *path, const char *value)
{
	const char *text = object != NULL ? path_string(object, path) : NULL;

	return text != NULL && strcmp(text, value) == 0;
}

static bool
is_running(const void *arg, const json_t *object)
{
	(void)arg;
	return has_string(object, "status.phase", "Running");
}

static bool
is_started_paused(const void *arg, const json_t *object)
{
	return is_running(arg, object) && is_paused(arg, object);
}

static bool
is_stopped(const void *arg, const json_t *object)
{
	(void)arg;
	return object == NULL || has_string(object, "status.printableStatus", "Stopped");
}

static bool
is_restarted(const void *arg, const json_t *object)
{
	const char *before = arg;

	return is_running(NULL, object) && (before == NULL || !has_string(object, "metadata.uid", before));
}

static bool
is_paused(const void *arg, const json_t *object)
{
	(void)arg;
	return object != NULL && goal_condition(object, "Paused", "True");
}

static bool
is_unpaused(const void *arg, const json_t *object)
{
	return object != NULL && !is_paused(arg, object);
}
