/* solovirt spool: what became of the files in the spool. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"
#include "src/cli/output.h"
#include "src/document/diagnostic.h"

#define SPOOL_PATH "/solovirt/v1/spool"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code status(struct cli *cli, const struct output *output);
static enum exit_code order(struct cli *cli, const char *path, const char *done);
static void add_file(struct grid *grid, const json_t *file, bool wide);
static void add_row(struct grid *grid, const json_t *file, const json_t *object, bool wide);
static void print_findings(const json_t *file, const char *list, const char *mark);

static const char *const spool_words[] = { "status", "confirm", "sync", NULL };
static const struct option_row options[] = {
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "wide, json, yaml or jsonpath=TEMPLATE." },
	OPTION_END,
};

const struct command command_spool = {
	.name = "spool",
	.usage = "[status | confirm | sync]",
	.help = "Shows what became of the files in the spool.",
	.details =
	    "status (the default) shows a row for each object of each file, then what is wrong, with line and column. When "
	    "much of the spool vanished at once nothing is deleted until confirm allows it. sync looks at the spool now.",
	.examples = "solovirt spool\n"
		    "solovirt spool -o wide\n"
		    "solovirt spool confirm",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = spool_words,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const char *word = arguments->words->len > 0 ? arguments->words->pdata[0] : "status";
	struct output output;
	struct error err = { 0 };

	if (arguments->words->len > 1 || !g_strv_contains(spool_words, word)) {
		const char *nearest = nearest_word(word, spool_words);

		if (nearest != NULL)
			return cli_fail(EXIT_USAGE, "spool has no command \"%s\"; did you mean \"%s\"?", word, nearest);
		return cli_fail(EXIT_USAGE, "spool takes status, confirm or sync");
	}
	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	if (strcmp(word, "confirm") == 0)
		return order(cli, SPOOL_PATH "/confirm", "the held deletions are allowed");
	if (strcmp(word, "sync") == 0)
		return order(cli, SPOOL_PATH "/sync", "the spool is being read");
	return status(cli, &output);
}

static enum exit_code
order(struct cli *cli, const char *path, const char *done)
{
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .method = "POST", .path = path }, &answer);
	const char *message;

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	message = json_string_value(json_object_get(answer.body, "message"));
	printf("%s\n", message != NULL && *message != '\0' ? message : done);
	return EXIT_DONE;
}

static enum exit_code
status(struct cli *cli, const struct output *output)
{
	static const char *const headings[] = { "FILE", "STATE", "OBJECT", "PHASE", "NODE", "IP" };
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .path = SPOOL_PATH }, &answer);
	const json_t *files = json_object_get(answer.body, "files");
	const char *folder = json_string_value(json_object_get(answer.body, "spoolDirectory"));
	const char *reason = json_string_value(json_object_get(answer.body, "reason"));
	int64_t held = json_integer_value(json_object_get(answer.body, "held"));
	bool wide = output->format == OUTPUT_WIDE;
	struct error err = { 0 };
	struct grid *grid;

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (output->format > OUTPUT_WIDE)
		return output_print(output, answer.body, true, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
	if (json_array_size(files) == 0)
		fprintf(stderr, "No files in %s.\n", folder != NULL ? folder : "the spool");
	grid = grid_new(cli->color);
	for (size_t i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	if (wide) {
		grid_column(grid, "GENERATION");
		grid_column(grid, "REASON");
	}
	for (size_t i = 0; i < json_array_size(files); i++)
		add_file(grid, json_array_get(files, i), wide);
	grid_print(grid, stdout);
	grid_free(grid);
	for (size_t i = 0; i < json_array_size(files); i++) {
		print_findings(json_array_get(files, i), "errors", "");
		print_findings(json_array_get(files, i), "warnings", " (warning)");
	}
	if (reason != NULL && *reason != '\0')
		printf("\n%s\n", reason);
	if (held > 0)
		printf("%sThe deletion of %" G_GINT64_FORMAT
		       " object%s is held. Put the files back, or allow it with: solovirt spool confirm\n",
		    reason != NULL && *reason != '\0' ? "" : "\n", held, held == 1 ? "" : "s");
	return EXIT_DONE;
}

static void
add_file(struct grid *grid, const json_t *file, bool wide)
{
	const json_t *objects = json_object_get(file, "objects");

	if (json_array_size(objects) == 0)
		add_row(grid, file, NULL, wide);
	for (size_t i = 0; i < json_array_size(objects); i++)
		add_row(grid, file, json_array_get(objects, i), wide);
}

static void
add_row(struct grid *grid, const json_t *file, const json_t *object, bool wide)
{
	static const char *const members[] = { "phase", "node", "ip" };
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const char *ns = json_string_value(json_object_get(object, "namespace"));
	const char *name = json_string_value(json_object_get(object, "name"));
	g_autofree char *lower = kind != NULL ? g_ascii_strdown(kind, -1) : NULL, *title = NULL, *generation = NULL;
	bool other_space = ns != NULL && *ns != '\0' && strcmp(ns, "default") != 0;
	const char *cells[8] = { json_string_value(json_object_get(file, "file")),
		json_string_value(json_object_get(file, "state")) };
	size_t count = 2;

	title = lower != NULL ? g_strconcat(other_space ? ns : "", other_space ? "/" : "", lower, "/", name, NULL)
			      : NULL;
	cells[count++] = title != NULL ? title : "";
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		const char *text = json_string_value(json_object_get(object, members[i]));

		cells[count++] = text != NULL ? text : "";
	}
	if (wide) {
		const char *reason = json_string_value(json_object_get(object, "reason"));

		generation = g_strdup_printf("%" G_GINT64_FORMAT,
		    (gint64)json_integer_value(json_object_get(file, "generation")));
		cells[count++] = generation;
		cells[count] = reason != NULL ? reason : "";
	}
	grid_row(grid, cells);
}

/* "file:line:column: field: message", as validate writes it. */
static void
print_findings(const json_t *file, const char *list, const char *mark)
{
	const char *name = json_string_value(json_object_get(file, "file"));
	const json_t *items = json_object_get(file, list);

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		const char *field = json_string_value(json_object_get(item, "field"));
		const char *message = json_string_value(json_object_get(item, "message"));
		int line = (int)json_integer_value(json_object_get(item, "line"));

		printf("%s", name != NULL ? name : "");
		if (line > 0)
			printf(":%d:%d", line, (int)json_integer_value(json_object_get(item, "column")));
		printf(": %s%s%s%s\n", field != NULL ? field : "", field != NULL && *field != '\0' ? ": " : "",
		    message != NULL ? message : "", mark);
	}
}
