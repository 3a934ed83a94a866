/* solovirt help: the program's own reference, for the terminal and as man source. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/cli/cli.h"
#include "src/cli/commands.h"
#include "src/document/diagnostic.h"

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static void print_overview(void);
static void print_options(const struct option_row *rows);
static void print_wrapped(const char *text, int indent, int column);
static void print_manual(void);
static void print_fields(void);
static void manual_command(const struct command *command);
static void manual_options(const struct option_row *rows);
static void manual_text(const char *text);
static void manual_examples(const char *examples);
static char *option_title(const struct option_row *row);

static const struct option_row options[] = {
	{ .name = "man", .help = "The reference of all commands as man(7) source." },
	{ .name = "fields", .help = "The reference of all kinds' fields as man(7) source." },
	OPTION_END,
};

const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.help = "Says what a command does.",
	.options = options,
	.completion = COMPLETE_VERBS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const struct command *command;

	(void)cli;
	if (arguments_flag(arguments, "man", false)) {
		print_manual();
		return EXIT_DONE;
	}
	if (arguments_flag(arguments, "fields", false)) {
		print_fields();
		return EXIT_DONE;
	}
	if (arguments->words->len == 0) {
		print_overview();
		return EXIT_DONE;
	}
	command = command_find(arguments->words->pdata[0]);
	if (command == NULL) {
		g_autofree const char **names = command_names();
		const char *nearest = nearest_word(arguments->words->pdata[0], names);

		return cli_fail(EXIT_USAGE, "there is no command \"%s\"%s%s%s",
		    (const char *)arguments->words->pdata[0], nearest != NULL ? "; did you mean \"" : "",
		    nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
	}
	help_print(command);
	return EXIT_DONE;
}

void
help_print(const struct command *command)
{
	g_auto(GStrv) examples = g_strsplit(command->examples != NULL ? command->examples : "", "\n", -1);

	printf("usage: solovirt %s%s%s\n\n", command->name, *command->usage != '\0' ? " " : "", command->usage);
	print_wrapped(command->help, 0, 0);
	if (command->details != NULL) {
		putchar('\n');
		print_wrapped(command->details, 0, 0);
	}
	if (command->options != NULL) {
		puts("\noptions:");
		print_options(command->options);
	}
	puts("\nglobal options:");
	print_options(global_options);
	if (command->examples != NULL)
		puts("\nexamples:");
	for (char **line = examples; *line != NULL && **line != '\0'; line++)
		printf("  %s\n", *line);
}

static void
print_overview(void)
{
	puts("usage: solovirt [OPTIONS] COMMAND [ARGUMENTS]\n\n"
	     "Virtual machines, disks and networks described by files, as Kubernetes and KubeVirt users know them.\n\n"
	     "commands:");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (!commands[i]->hidden)
			printf("  %-14s %s\n", commands[i]->name, commands[i]->help);
	puts("\noptions, before or behind the command:");
	print_options(global_options);
	puts(
	    "\n'solovirt COMMAND --help' tells more, with examples; 'solovirt explain vm' tells what goes into the files.");
}

/* --- for the terminal --------------------------------------------------------------------------------------------- */

static void
print_options(const struct option_row *rows)
{
	for (const struct option_row *row = rows; row->name != NULL; row++) {
		g_autofree char *title = option_title(row);
		int column;

		if (row->letter != 0)
			column = printf("  -%c, %s", row->letter, title);
		else
			column = printf("      %s", title);
		if (column >= HELP_COLUMN - 1) {
			putchar('\n');
			column = 0;
		}
		printf("%*s", HELP_COLUMN - column, "");
		print_wrapped(row->help, HELP_COLUMN, HELP_COLUMN);
	}
}

/* Words of text, wrapped at HELP_WIDTH, lines after the first indented; column: where the first word stands. */
static void
print_wrapped(const char *text, int indent, int column)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);

	for (char **word = words; *word != NULL; word++) {
		int length = (int)g_utf8_strlen(*word, -1);

		if (column > indent && column + 1 + length > HELP_WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%s", column > indent ? " " : "", *word);
	}
	putchar('\n');
}

static char *
option_title(const struct option_row *row)
{
	if (row->argument == NULL)
		return g_strconcat("--", row->name, NULL);
	if (row->bare != NULL)
		return g_strdup_printf("--%s[=%s]", row->name, row->argument);
	return g_strdup_printf("--%s %s", row->name, row->argument);
}

/* --- as man source ------------------------------------------------------------------------------------------------ */

static void
print_manual(void)
{
	puts(".SH OPTIONS\nThese may stand before or behind the command.");
	manual_options(global_options);
	puts(".SH COMMANDS");
	for (size_t i = 0; commands[i] != NULL; i++)
		if (!commands[i]->hidden)
			manual_command(commands[i]);
}

/* apiVersion, kind and metadata, the first rows of every kind, are told once. */
static void
print_kind(const struct kind *kind)
{
	struct schema own = *kind->schema;

	while (own.fields->name != NULL && own.fields->sub != &object_meta_schema)
		own.fields++;
	own.fields += own.fields->name != NULL;
	printf(".SH ");
	manual_text(kind->name);
	manual_text(kind->doc);
	printf("Its apiVersion is\n.BR %s .\n", kind_api_version(kind));
	printf("It is called %s, %s", kind->plural, kind->singular);
	for (size_t i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i] != NULL; i++)
		printf(", %s", kind->short_names[i]);
	puts(kind->namespaced ? "." : ", and is in no namespace.");
	schema_manual(&own, "", stdout);
}

static void
print_fields(void)
{
	puts(".SH ALL KINDS\nEvery object begins with\n.BR apiVersion ,\n.B kind\nand");
	puts(".BR metadata .");
	schema_manual(&object_meta_schema, "metadata", stdout);
	for (size_t i = 0; i < KIND_COUNT; i++)
		print_kind(&kinds[i]);
}

static void
manual_command(const struct command *command)
{
	printf(".SS ");
	manual_text(command->name);
	printf(".B solovirt ");
	manual_text(command->name);
	manual_text(command->usage);
	puts(".PP");
	manual_text(command->help);
	if (command->details != NULL)
		manual_text(command->details);
	if (command->options != NULL)
		manual_options(command->options);
	if (command->examples != NULL)
		manual_examples(command->examples);
}

static void
manual_options(const struct option_row *rows)
{
	for (const struct option_row *row = rows; row->name != NULL; row++) {
		g_autofree char *title = option_title(row);
		g_autofree char *both = row->letter != 0 ? g_strdup_printf("-%c, %s", row->letter, title)
							 : g_strdup(title);

		printf(".TP\n.B ");
		manual_text(both);
		manual_text(row->help);
	}
}

/* A line of text: roff's own characters are escaped. */
static void
manual_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\'')
			fputs("\\(aq", stdout);
		else
			putchar(*text);
	}
	putchar('\n');
}

static void
manual_examples(const char *examples)
{
	g_auto(GStrv) lines = g_strsplit(examples, "\n", -1);

	puts(".PP\n.nf\n.RS 4");
	for (char **line = lines; *line != NULL; line++)
		manual_text(*line);
	puts(".RE\n.fi");
}
