/* The words behind a verb; see step.h. */
#include "config.h"

#include <string.h>

#include "src/base/error.h"
#include "src/cli/step.h"
#include "src/document/diagnostic.h"

static enum exit_code
run_one(struct cli *cli, const struct arguments *arguments, const char *verb, const struct step *step)
{
	guint behind = arguments->words->len == 0 ? 0 : arguments->words->len - 1;

	if (behind > (step->wants != NULL ? 1 : 0) || (behind == 0 && step->wants != NULL && !step->optional))
		return cli_fail(EXIT_USAGE, "%s %s takes %s%s", verb, step->name, step->wants != NULL ? step->wants : "no word behind it",
		    step->optional ? ", or nothing for all" : "");
	return step->run(cli, arguments, behind > 0 ? arguments->words->pdata[1] : NULL);
}

/* "list, add or remove" */
static char *
names_text(const struct step *steps)
{
	GString *text = g_string_new(steps->name);

	for (const struct step *step = steps + 1; step->name != NULL; step++)
		g_string_append_printf(text, "%s%s", step[1].name == NULL ? " or " : ", ", step->name);
	return g_string_free(text, FALSE);
}

enum exit_code
step_run(struct cli *cli, const struct arguments *arguments, const char *verb, const struct step *steps)
{
	const char *word = arguments->words->len > 0 ? arguments->words->pdata[0] : steps->name, *nearest;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *all = names_text(steps);

	for (const struct step *step = steps; step->name != NULL; step++) {
		if (strcmp(step->name, word) == 0)
			return run_one(cli, arguments, verb, step);
		g_ptr_array_add(names, (void *)(uintptr_t)step->name);
	}
	g_ptr_array_add(names, NULL);
	nearest = nearest_word(word, (const char *const *)names->pdata);
	if (nearest != NULL)
		return cli_fail(EXIT_USAGE, "%s has no command \"%s\"; did you mean \"%s\"?", verb, word, nearest);
	return cli_fail(EXIT_USAGE, "%s takes %s", verb, all);
}
