/* solovirt logs: what the guest wrote to its serial console so far. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static const char *tail(const GString *text, int64_t lines);

static const struct option_row options[] = {
	{ .name = "tail", .argument = "LINES", .help = "Only the last lines; -1, the default: all." },
	{ .name = "limit-bytes", .argument = "BYTES", .help = "Only the last bytes." },
	OPTION_END,
};

const struct command command_logs = {
	.name = "logs",
	.usage = "VM",
	.help = "Shows what the guest wrote to its serial console.",
	.examples = "solovirt logs demo\nsolovirt logs demo --tail 20",
	.options = options,
	.completion = COMPLETE_INSTANCES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	ANSWER answer = { 0 };
	const struct kind *kind = NULL;
	const char *name = NULL, *start;
	g_autofree char *path = NULL;
	struct error err = { 0 };
	int64_t lines, bytes;
	enum exit_code code;

	if (arguments->words->len != 1)
		return cli_fail(EXIT_USAGE, "say which virtual machine: solovirt logs VM");
	if (resource_parse(arguments->words->pdata[0], &kinds[KIND_VMI], &kind, &name, &err) < 0 ||
	    arguments_number(arguments, "tail", -1, -1, &lines, &err) < 0 ||
	    arguments_number(arguments, "limit-bytes", 0, 1, &bytes, &err) < 0)
		return cli_fail_error(&err);
	path = resource_verb_path(&kinds[KIND_VMI], cli->namespace, name, "log");
	path = resource_query(path, "limit", arguments_value(arguments, "limit-bytes"));
	code = client_call(
	    cli->client, &(struct request){ .path = path, .accept = "text/plain, application/json" }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	start = tail(answer.text, lines);
	fwrite(start, 1, (size_t)(answer.text->str + answer.text->len - start), stdout);
	return EXIT_DONE;
}

/* Where the last lines begin; a line that has no end yet counts. */
static const char *
tail(const GString *text, int64_t lines)
{
	const char *at = text->str + text->len;

	if (lines < 0)
		return text->str;
	if (lines > 0 && at > text->str && at[-1] == '\n')
		at--;
	for (; at > text->str && lines > 0; at--)
		if (at[-1] == '\n' && --lines == 0)
			return at;
	return at;
}
