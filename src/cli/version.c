/* solovirt version: of this program and of the daemon. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/output.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code ask(struct cli *cli, struct answer *answer);

static const struct option_row options[] = {
	{ .name = "client", .help = "Only this program's; do not ask the daemon." },
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "json, yaml or jsonpath=TEMPLATE." },
	OPTION_END,
};

const struct command command_version = {
	.name = "version",
	.usage = "[--client]",
	.help = "Shows the versions of this program and of the daemon.",
	.examples = "solovirt version\nsolovirt version --client -o json",
	.options = options,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	ANSWER answer = { 0 };
	bool client = arguments_flag(arguments, "client", false);
	json_auto_t *versions = json_pack("{s:{s:s}}", "clientVersion", "gitVersion", "v" PACKAGE_VERSION);
	const char *server;
	struct output output;
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;

	if (arguments->words->len > 0)
		return cli_fail(EXIT_USAGE, "version takes no words");
	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	if (output.format == OUTPUT_NAME)
		return cli_fail(EXIT_USAGE, "-o: version knows json, yaml and jsonpath");
	if (output.format <= OUTPUT_WIDE)
		printf("Client Version: v" PACKAGE_VERSION "\n");
	code = client ? EXIT_DONE : ask(cli, &answer);
	/* gitVersion says which Kubernetes API is spoken: clients of old look at it */
	server = json_string_value(json_object_get(answer.body, "solovirtVersion"));
	if (code == EXIT_DONE && !client)
		json_object_set(versions, "serverVersion", answer.body);
	if (output.format <= OUTPUT_WIDE && server != NULL)
		printf("Server Version: v%s\n", server);
	if (output.format > OUTPUT_WIDE && output_print(&output, versions, true, stdout, &err) < 0)
		return cli_fail_error(&err);
	return code;
}

static enum exit_code
ask(struct cli *cli, struct answer *answer)
{
	enum exit_code code = client_call(cli->client, &(struct request){ .path = "/version" }, answer);

	return code != EXIT_DONE ? answer_complain(answer, code, NULL) : EXIT_DONE;
}
