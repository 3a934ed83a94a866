/* solovirt completion, and what it asks behind the scenes: __complete answers from the table of verbs and the daemon. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/image_cache.h"
#include "src/api/kinds.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

enum { PATIENCE_MS = 1000 /* a shell that waits is worse than one that knows nothing */ };

/* A line that is being typed. */
struct line {
	const struct command *command;  /* NULL: the verb is still being typed */
	const struct option_row *value; /* the option whose value is being typed, or NULL */
	GPtrArray *words;               /* finished words behind the verb */
	const char *current;            /* what is being typed */
	const char *prefix;             /* stands before candidates: "--option=" part that the shell keeps, or "" */
	const char *socket, *namespace;
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_complete(struct cli *cli, const struct arguments *arguments);
static void read_line(const GPtrArray *words, struct line *line);
static void offer(const struct line *line, const char *candidate, const char *about);
static void offer_options(const struct line *line, const struct option_row *rows);
static void offer_value(const struct line *line, enum completion completion, const char *const *words);
static void offer_verbs(const struct line *line);
static void offer_kinds(const struct line *line, const char *suffix);
static void offer_objects(const struct line *line);
static void offer_fields(const struct line *line);
static void offer_names(const struct line *line, const struct kind *kind, const char *prefix);
static void offer_images(const struct line *line);

static const char *const shell_words[] = { "bash", "zsh", "fish", NULL };

const struct command command_completion = {
	.name = "completion",
	.usage = "bash | zsh | fish",
	.help = "Prints the completion script of a shell.",
	.examples = "source <(solovirt completion bash)\n"
	            "solovirt completion zsh > \"${fpath[1]}/_solovirt\"\n"
	            "solovirt completion fish > ~/.config/fish/completions/solovirt.fish",
	.completion = COMPLETE_WORDS,
	.words = shell_words,
	.run = run,
};

/* __complete WORD...: what the last WORD may become, one candidate a line, a tab and a word about it behind; the line
 * ":files" asks the shell for its own file names. */
const struct command command_complete = {
	.name = "__complete",
	.usage = "WORD...",
	.help = "Answers completion scripts.",
	.hidden = true,
	.run = run_complete,
};

static const char *const scripts[] = {
	"# bash completion for solovirt\n"
	"_solovirt()\n"
	"{\n"
	"	local cur words line tab=$'\\t'\n"
	"	cur=${COMP_LINE:0:COMP_POINT}\n"
	"	read -ra words <<<\"$cur\"\n"
	"	[[ $cur == *[[:space:]] ]] && words+=('')\n"
	"	cur=${words[-1]}\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r line; do\n"
	"		line=${line%%\"$tab\"*}\n"
	"		if [[ $line == :files ]]; then\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			mapfile -t COMPREPLY < <(compgen -f -- \"${cur#*=}\")\n"
	"			return\n"
	"		fi\n"
	"		COMPREPLY+=(\"$line\")\n"
	"	done < <(solovirt __complete \"${words[@]:1}\" 2>/dev/null)\n"
	"	# what COMP_WORDBREAKS has cut off already is not repeated\n"
	"	if [[ $cur == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then\n"
	"		COMPREPLY=(\"${COMPREPLY[@]#\"${cur%\"${cur##*[=:]}\"}\"}\")\n"
	"	fi\n"
	"	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/,.] ]] && compopt -o nospace 2>/dev/null\n"
	"}\n"
	"complete -F _solovirt solovirt\n",
	"#compdef solovirt\n"
	"_solovirt()\n"
	"{\n"
	"	local line candidate tab=$'\\t'\n"
	"	local -a candidates\n"
	"	while IFS= read -r line; do\n"
	"		candidate=${line%%$tab*}\n"
	"		if [[ $candidate == :files ]]; then\n"
	"			_files\n"
	"			return\n"
	"		fi\n"
	"		candidates+=(\"${candidate//:/\\\\:}:${line#*$tab}\")\n"
	"	done < <(solovirt __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"	_describe solovirt candidates\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _solovirt ]; then _solovirt; else compdef _solovirt solovirt; fi\n",
	"# fish completion for solovirt\n"
	"function __solovirt_complete\n"
	"	set -l words (commandline -opc)[2..] (commandline -ct)\n"
	"	set -l candidates (solovirt __complete $words 2>/dev/null)\n"
	"	if test \"$candidates[1]\" = :files\n"
	"		__fish_complete_path (commandline -ct)\n"
	"	else\n"
	"		printf '%s\\n' $candidates\n"
	"	end\n"
	"end\n"
	"complete -c solovirt -f -a '(__solovirt_complete)'\n",
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	(void)cli;
	for (size_t i = 0; arguments->words->len == 1 && shell_words[i] != NULL; i++)
		if (strcmp(arguments->words->pdata[0], shell_words[i]) == 0)
			return fputs(scripts[i], stdout) < 0 ? EXIT_ERROR : EXIT_DONE;
	return cli_fail(EXIT_USAGE, "say which shell: bash, zsh or fish");
}

static enum exit_code
run_complete(struct cli *cli, const struct arguments *arguments)
{
	struct line line = {
		.words = g_ptr_array_new(), .socket = cli->socket, .namespace = cli->namespace, .prefix = ""
	};

	read_line(arguments->words, &line);
	if (line.value != NULL) {
		offer_value(&line, line.value->completion, line.value->words);
	} else if (*line.current == '-') {
		offer_options(&line, line.command != NULL ? line.command->options : NULL);
		offer_options(&line, global_options);
	} else if (line.command == NULL) {
		offer_verbs(&line);
	} else {
		bool rest = line.words->len > 0 && line.command->rest != COMPLETE_NOTHING;
		offer_value(&line, rest ? line.command->rest : line.command->completion, line.command->words);
	}
	g_ptr_array_unref(line.words);
	return EXIT_DONE;
}

/* --- what is being typed ------------------------------------------------------------------------------------------ */

static const struct option_row *
row_of(const struct line *line, const char *word)
{
	const struct option_row *tables[] = { global_options, line->command != NULL ? line->command->options : NULL };
	bool is_long = g_str_has_prefix(word, "--");

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const struct option_row *row = tables[i]; row != NULL && row->name != NULL; row++)
			if (is_long
				? strlen(row->name) == strcspn(word + 2, "=") && g_str_has_prefix(word + 2, row->name)
				: row->letter != 0 && word[1] == row->letter && word[2] == '\0')
				return row;
	return NULL;
}

/* An option's value that matters to us. */
static void
note_value(struct line *line, const struct option_row *row, const char *value)
{
	if (strcmp(row->name, "socket") == 0)
		line->socket = value;
	else if (strcmp(row->name, "namespace") == 0)
		line->namespace = value;
}

static void
read_line(const GPtrArray *words, struct line *line)
{
	const struct option_row *row = NULL;

	line->current = words->len > 0 ? words->pdata[words->len - 1] : "";
	for (guint i = 0; i + 1 < words->len; i++) {
		const char *word = words->pdata[i], *equals = strchr(word, '=');
		bool needs_value;

		if (row != NULL) {
			note_value(line, row, word);
			row = NULL;
		} else if (*word == '-') {
			row = row_of(line, word);
			needs_value = row != NULL && row->argument != NULL && row->bare == NULL && equals == NULL;
			if (row != NULL && row->argument != NULL && equals != NULL)
				note_value(line, row, equals + 1);
			row = needs_value ? row : NULL;
		} else if (line->command == NULL) {
			line->command = command_find(word);
		} else {
			g_ptr_array_add(line->words, words->pdata[i]);
		}
	}
	line->value = row;
	if (row == NULL && g_str_has_prefix(line->current, "--") && strchr(line->current, '=') != NULL) {
		line->value = row_of(line, line->current);
		line->prefix = line->current; /* up to '=' */
		line->current = strchr(line->current, '=') + 1;
	}
}

/* --- candidates --------------------------------------------------------------------------------------------------- */

static void
offer(const struct line *line, const char *candidate, const char *about)
{
	int prefix = *line->prefix != '\0' ? (int)(strchr(line->prefix, '=') - line->prefix) + 1 : 0;

	if (g_str_has_prefix(candidate, line->current))
		printf("%.*s%s\t%s\n", prefix, line->prefix, candidate, about);
}

static void
offer_options(const struct line *line, const struct option_row *rows)
{
	for (const struct option_row *row = rows; row != NULL && row->name != NULL; row++) {
		g_autofree char *name = g_strconcat("--", row->name, NULL);

		offer(line, name, row->help);
	}
}

static void
offer_value(const struct line *line, enum completion completion, const char *const *words)
{
	static const char *const formats[] = { "wide", "yaml", "json", "name", "jsonpath=", NULL };

	switch (completion) {
	case COMPLETE_FILES:
		puts(":files");
		return;
	case COMPLETE_KINDS:
		offer_kinds(line, "");
		return;
	case COMPLETE_OBJECTS:
		offer_objects(line);
		return;
	case COMPLETE_VMS:
		offer_names(line, &kinds[KIND_VM], "");
		return;
	case COMPLETE_INSTANCES:
		offer_names(line, &kinds[KIND_VMI], "");
		return;
	case COMPLETE_FIELDS:
		offer_fields(line);
		return;
	case COMPLETE_VERBS:
		offer_verbs(line);
		return;
	case COMPLETE_NAMESPACES:
		offer(line, "default", "namespace");
		return;
	case COMPLETE_IMAGES:
		offer_images(line);
		return;
	case COMPLETE_WORDS:
		for (const char *const *word = words != NULL ? words : formats; *word != NULL; word++)
			offer(line, *word, "");
		return;
	case COMPLETE_NOTHING:
		return;
	}
}

static void
offer_verbs(const struct line *line)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (!commands[i]->hidden)
			offer(line, commands[i]->name, commands[i]->help);
}

static void
offer_kinds(const struct line *line, const char *suffix)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const char *short_name = kinds[i].short_names[0] != NULL ? kinds[i].short_names[0] : kinds[i].singular;
		g_autofree char *first = g_strconcat(short_name, suffix, NULL),
				*whole = g_strconcat(kinds[i].plural, suffix, NULL);

		offer(line, first, kinds[i].name);
		if (*line->current != '\0')
			offer(line, whole, kinds[i].name);
	}
}

/* "vm" -> kinds; "vm x" -> names; "vm/x" -> kind/names; "vm,d" -> kinds behind the comma. */
static void
offer_objects(const struct line *line)
{
	const char *slash = strchr(line->current, '/'), *comma = strrchr(line->current, ',');

	if (slash != NULL) {
		g_autofree char *word = g_strndup(line->current, (gsize)(slash - line->current));
		g_autofree char *prefix = g_strconcat(word, "/", NULL);
		const struct kind *kind = kind_of_word(word);

		if (kind != NULL)
			offer_names(line, kind, prefix);
	} else if (line->words->len > 0 && strpbrk(line->words->pdata[0], "/,") == NULL) {
		const struct kind *kind = kind_of_word(line->words->pdata[0]);

		if (kind != NULL)
			offer_names(line, kind, "");
	} else if (comma != NULL) {
		g_autofree char *before = g_strndup(line->current, (gsize)(comma - line->current) + 1);

		for (size_t i = 0; i < KIND_COUNT; i++) {
			g_autofree char *list = g_strconcat(before,
			    kinds[i].short_names[0] != NULL ? kinds[i].short_names[0] : kinds[i].singular, NULL);

			offer(line, list, kinds[i].name);
		}
	} else {
		offer_kinds(line, "");
		offer(line, "all", "virtual machines and what belongs to them");
	}
}

static void
offer_fields(const struct line *line)
{
	const char *dot = strrchr(line->current, '.'), *first = strchr(line->current, '.');
	g_autofree char *word = dot != NULL ? g_strndup(line->current, (gsize)(first - line->current)) : NULL;
	g_autofree char *before = dot != NULL ? g_strndup(line->current, (gsize)(dot - line->current) + 1) : NULL;
	g_autofree char *path = dot != NULL && dot > first ? g_strndup(first + 1, (gsize)(dot - first) - 1) : NULL;
	const struct kind *kind = word != NULL ? kind_of_word(word) : NULL;
	const struct schema *schema = kind != NULL ? kind->schema : NULL;

	if (dot == NULL) {
		offer_kinds(line, "");
		return;
	}
	if (schema != NULL && path != NULL)
		schema_find(kind->schema, path, &schema);
	for (const struct schema_field *field = schema != NULL ? schema->fields : NULL;
	     field != NULL && field->name != NULL; field++) {
		g_autofree char *candidate = g_strconcat(before, field->name, NULL);

		offer(line, candidate, field->doc != NULL ? field->doc : "");
	}
}

/* Names of the daemon's objects; nothing when it does not answer. */
static void
offer_names(const struct line *line, const struct kind *kind, const char *prefix)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(kind, line->namespace, NULL);
	struct client *client = client_new(line->socket);

	if (client_call(client, &(struct request){ .path = path, .timeout_ms = PATIENCE_MS, .quiet = true }, &answer) ==
	    EXIT_DONE) {
		const json_t *items = json_object_get(answer.body, "items");

		for (size_t i = 0; i < json_array_size(items); i++) {
			const char *name = path_string(json_array_get(items, i), "metadata.name");
			g_autofree char *candidate = g_strconcat(prefix, name, NULL);

			offer(line, candidate, kind->name);
		}
	}
	client_free(client);
}

/* Behind "list", "add" and "prune" no name is wanted. */
static void
offer_images(const struct line *line)
{
	static const char *const named[] = { "pin", "unpin", "remove", NULL };
	struct line there = *line;

	there.namespace = IMAGE_NAMESPACE;
	if (line->words->len == 1 && g_strv_contains(named, line->words->pdata[0]))
		offer_names(&there, &kinds[KIND_DATA_VOLUME], "");
}
