/* solovirt: what a person asks of solovirtd. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/error.h"
#include "src/cli/cli.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/document/diagnostic.h"

#define DEFAULT_SOCKET "/run/solovirt/api.sock"

static const char *const color_words[] = { "auto", "always", "never", NULL };
const char *const dry_run_words[] = { "server", "client", "none", NULL };

const struct option_row global_options[] = {
	{ .name = "socket", .letter = 's', .argument = "PATH", .completion = COMPLETE_FILES,
	    .help = "Socket of the daemon; else $SOLOVIRT_SOCKET, else " DEFAULT_SOCKET "." },
	{ .name = "namespace", .letter = 'n', .argument = "NAME", .completion = COMPLETE_NAMESPACES,
	    .help = "Namespace that is meant; default otherwise." },
	{ .name = "all-namespaces", .letter = 'A', .help = "Objects of every namespace." },
	{ .name = "color", .argument = "WHEN", .bare = "always", .words = color_words, .completion = COMPLETE_WORDS,
	    .help = "Colours: auto (on a terminal, unless NO_COLOR is set), always, never." },
	{ .name = "help", .letter = 'h', .help = "Says what a command does, with examples." },
	{ .name = "version", .help = "The version of this program." },
	OPTION_END,
};

static enum exit_code run(int argc, char **argv, struct arguments *arguments);
static enum exit_code run_command(const struct command *command, const struct arguments *arguments);
static enum exit_code unknown_command(const char *name);
static bool want_color(const char *when);

int
main(int argc, char **argv)
{
	struct arguments arguments;
	enum exit_code code;

	setlocale(LC_CTYPE, "");
	arguments_init(&arguments, global_options);
	code = run(argc, argv, &arguments);
	arguments_clear(&arguments);
	/* a full disk behind ">" must not look like success */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "error: cannot write the output: %s\n", strerror(errno));
		code = cli_worse(code, EXIT_ERROR);
	}
	return (int)code;
}

enum exit_code
cli_fail(enum exit_code code, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("error: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

enum exit_code
cli_fail_error(const struct error *err)
{
	static const struct {
		int error;
		enum exit_code code;
	} rows[] = { { EINVAL, EXIT_USAGE }, { ENOENT, EXIT_NOT_FOUND }, { ETIMEDOUT, EXIT_TIMEOUT } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == err->code)
			return cli_fail(rows[i].code, "%s", err->text);
	return cli_fail(EXIT_ERROR, "%s", err->text);
}

enum exit_code
cli_worse(enum exit_code first, enum exit_code second)
{
	return first != EXIT_DONE ? first : second;
}

static enum exit_code
run(int argc, char **argv, struct arguments *arguments)
{
	const struct command *command;
	struct error err = { 0 };
	int at = arguments_parse(arguments, argc, argv, true, &err);

	if (at < 0) {
		cli_fail_error(&err);
		fputs("See 'solovirt help'.\n", stderr);
		return EXIT_USAGE;
	}
	if (at < argc && strcmp(argv[at], command_complete.name) == 0) {
		/* its words are another command line, half written */
		for (int i = at + 1; i < argc; i++)
			g_ptr_array_add(arguments->words, argv[i]);
		return run_command(&command_complete, arguments);
	}
	if (arguments_flag(arguments, "version", false))
		return printf("solovirt " PACKAGE_VERSION "\n") < 0 ? EXIT_ERROR : EXIT_DONE;
	command = command_find(at < argc ? argv[at] : "help");
	if (command == NULL)
		return unknown_command(argv[at]);
	arguments->tables[1] = command->options;
	if (at < argc && arguments_parse(arguments, argc - at, argv + at, false, &err) < 0) {
		cli_fail_error(&err);
		fprintf(stderr, "See 'solovirt %s --help'.\n", command->name);
		return EXIT_USAGE;
	}
	if (arguments_flag(arguments, "help", false)) {
		help_print(command);
		return EXIT_DONE;
	}
	return run_command(command, arguments);
}

static enum exit_code
run_command(const struct command *command, const struct arguments *arguments)
{
	const char *socket = arguments_value(arguments, "socket"), *ns = arguments_value(arguments, "namespace");
	struct cli cli = {
		.socket = socket != NULL ? socket : g_getenv("SOLOVIRT_SOCKET"),
		.namespace = ns != NULL ? ns : "default",
		.namespace_given = ns != NULL,
		.all_namespaces = arguments_flag(arguments, "all-namespaces", false),
		.color = want_color(arguments_value(arguments, "color")),
	};
	enum exit_code code;

	if (cli.socket == NULL || *cli.socket == '\0')
		cli.socket = DEFAULT_SOCKET;
	cli.client = client_new(cli.socket);
	code = command->run(&cli, arguments);
	client_free(cli.client);
	return code;
}

static enum exit_code
unknown_command(const char *name)
{
	g_autofree const char **names = command_names();
	const char *nearest = nearest_word(name, names);

	if (nearest != NULL)
		cli_fail(EXIT_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		cli_fail(EXIT_USAGE, "unknown command \"%s\"", name);
	fputs("See 'solovirt help'.\n", stderr);
	return EXIT_USAGE;
}

static bool
want_color(const char *when)
{
	const char *no = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

	if (when != NULL && strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	return isatty(STDOUT_FILENO) && (no == NULL || *no == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}
