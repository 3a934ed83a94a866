/* solovirt api-resources: the kinds and their names; needs no daemon. */
#include "config.h"

#include <stdio.h>

#include "src/api/kinds.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);

const struct command command_api_resources = {
	.name = "api-resources",
	.usage = "",
	.help = "Lists the kinds, with the names by which they may be called.",
	.examples = "solovirt api-resources",
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	static const char *const headings[] = { "NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND" };
	struct grid *grid;

	if (arguments->words->len > 0)
		return cli_fail(EXIT_USAGE, "api-resources takes no words");
	grid = grid_new(cli->color);
	for (size_t i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct kind *kind = &kinds[i];
		g_autofree char *names = NULL;
		const char *shorts[G_N_ELEMENTS(kind->short_names) + 1] = { NULL };

		for (size_t j = 0; j < G_N_ELEMENTS(kind->short_names) && kind->short_names[j] != NULL; j++)
			shorts[j] = kind->short_names[j];
		names = g_strjoinv(",", (char **)(uintptr_t)shorts);
		grid_row(grid, (const char *const[]){ kind->plural, names, kind_api_version(kind),
		    kind->namespaced ? "true" : "false", kind->name });
	}
	grid_print(grid, stdout);
	grid_free(grid);
	return EXIT_DONE;
}
