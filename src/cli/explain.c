/* solovirt explain: what the fields of a kind mean; needs no daemon. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);

static const struct option_row options[] = {
	{ .name = "recursive", .help = "Name all fields below, without their sentences." },
	OPTION_END,
};

const struct command command_explain = {
	.name = "explain",
	.usage = "KIND[.FIELD...]",
	.help = "Tells what the fields of a kind mean, what they take and what they are by default.",
	.details = "It needs no daemon.",
	.examples = "solovirt explain vm\n"
	            "solovirt explain vm.spec.template.spec.domain.cpu\n"
	            "solovirt explain dv --recursive",
	.options = options,
	.completion = COMPLETE_FIELDS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const char *word = arguments->words->len == 1 ? arguments->words->pdata[0] : NULL, *dot;
	const struct kind *kind = NULL;
	g_autofree char *name = NULL;
	struct error err = { 0 };

	(void)cli;
	if (word == NULL)
		return cli_fail(EXIT_USAGE, "say what to explain: solovirt explain KIND[.FIELD...]");
	/* the group of "virtualmachines.kubevirt.io" has dots too */
	kind = kind_of_word(word);
	dot = kind != NULL ? NULL : strchr(word, '.');
	if (kind == NULL) {
		name = g_strndup(word, strcspn(word, "."));
		kind = resource_kind(name, &err);
	}
	if (kind == NULL)
		return cli_fail_error(&err);
	if (schema_explain(kind->schema, kind->name, kind_api_version(kind), dot != NULL ? dot + 1 : "",
	        arguments_flag(arguments, "recursive", false), stdout, &err) < 0)
		return cli_fail(EXIT_USAGE, "%s", err.text);
	return EXIT_DONE;
}
