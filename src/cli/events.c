/* solovirt events: what happened, oldest first. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/event_list.h"
#include "src/cli/grid.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

/* A listing under way. */
struct events {
	struct cli *cli;
	struct grid *grid;
	struct output output;
	const char *type;    /* only these, or NULL */
	bool watch;
	bool first;          /* nothing was printed yet */
	enum exit_code code;
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code list(struct events *events, const char *path, char **version);
static enum exit_code print_list(struct events *events, const GPtrArray *sorted);
static void show(struct events *events, const json_t *event);
static bool on_event(void *arg, const json_t *event);

static const char *const type_words[] = { "Normal", "Warning", NULL };
static const struct option_row options[] = {
	{ .name = "for",
	    .argument = "KIND/NAME",
	    .completion = COMPLETE_OBJECTS,
	    .help = "Only what is about this object." },
	{ .name = "types",
	    .argument = "TYPE",
	    .words = type_words,
	    .completion = COMPLETE_WORDS,
	    .help = "Only Normal or only Warning ones." },
	{ .name = "watch", .letter = 'w', .help = "Go on and show new ones." },
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "yaml, json, name or jsonpath=TEMPLATE." },
	OPTION_END,
};

const struct command command_events = {
	.name = "events",
	.usage = "[--for KIND/NAME]",
	.help = "Shows what happened, oldest first.",
	.examples = "solovirt events --for vm/demo\n"
	            "solovirt events -A -w --types Warning",
	.options = options,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const char *about = arguments_value(arguments, "for"), *name = NULL;
	const struct kind *kind = NULL;
	struct events events = { .cli = cli, .type = arguments_value(arguments, "types"), .first = true,
		.watch = arguments_flag(arguments, "watch", false) };
	g_autofree char *path = resource_path(&kinds[KIND_EVENT], cli->all_namespaces ? NULL : cli->namespace, NULL);
	g_autofree char *selector = NULL, *version = NULL;
	struct error err = { 0 };

	if (arguments->words->len > 0)
		return cli_fail(EXIT_USAGE, "unexpected argument \"%s\"; --for names an object",
		    (const char *)arguments->words->pdata[0]);
	if (output_parse(arguments_value(arguments, "output"), &events.output, &err) < 0 ||
	    (about != NULL && resource_parse(about, NULL, &kind, &name, &err) < 0))
		return cli_fail_error(&err);
	selector = kind != NULL ? event_list_selector(kind->name, name, NULL) : NULL;
	path = resource_query(path, "fieldSelector", selector);
	events.grid = grid_new(cli->color);
	events.code = list(&events, path, &version);
	if (events.code == EXIT_DONE && events.watch) {
		ANSWER answer = { 0 };
		enum exit_code code;

		path = resource_query(resource_query(path, "watch", "true"), "resourceVersion", version);
		code = client_call(
		    cli->client, &(struct request){ .path = path, .event = on_event, .arg = &events }, &answer);
		if (code != EXIT_DONE)
			events.code = answer_complain(&answer, code, NULL);
	} else if (events.code == EXIT_DONE && events.first) {
		fprintf(stderr, cli->all_namespaces ? "No events found.\n" : "No events found in %s namespace.\n",
		    cli->namespace);
	}
	grid_free(events.grid);
	return events.code;
}

static enum exit_code
list(struct events *events, const char *path, char **version)
{
	static const char *const headings[] = { "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE" };
	ANSWER answer = { 0 };
	g_autoptr(GPtrArray) sorted = NULL;
	enum exit_code code = client_call(events->cli->client, &(struct request){ .path = path }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	*version = g_strdup(path_string(answer.body, "metadata.resourceVersion"));
	if (events->cli->all_namespaces)
		grid_column(events->grid, "NAMESPACE");
	for (size_t i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(events->grid, headings[i]);
	sorted = event_list_sorted(answer.body);
	if (events->output.format > OUTPUT_WIDE && events->output.format != OUTPUT_NAME && !events->watch)
		return print_list(events, sorted);
	for (guint i = 0; i < sorted->len; i++)
		show(events, sorted->pdata[i]);
	grid_print(events->grid, stdout);
	return events->code;
}

/* Those of the wanted type, as one List. */
static enum exit_code
print_list(struct events *events, const GPtrArray *sorted)
{
	json_t *items = json_array();
	json_auto_t *all = output_list(items);
	struct error err = { 0 };

	for (guint i = 0; i < sorted->len; i++) {
		const char *type = path_string(sorted->pdata[i], "type");

		if (events->type == NULL || (type != NULL && strcmp(type, events->type) == 0))
			json_array_append(items, sorted->pdata[i]);
	}
	events->first = false;
	return output_print(&events->output, all, true, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
}

static void
show(struct events *events, const json_t *event)
{
	g_autofree char *age = NULL, *object = NULL;
	const char *type = path_string(event, "type"), *message = path_string(event, "message");
	struct error err = { 0 };

	if (events->type != NULL && (type == NULL || strcmp(type, events->type) != 0))
		return;
	if (events->output.format > OUTPUT_WIDE) {
		if (output_print(&events->output, event, events->first, stdout, &err) < 0)
			events->code = cli_fail_error(&err);
	} else {
		const char *cells[6];
		size_t count = 0;

		age = event_list_age(event, clock_wall_ms());
		object = event_list_object(event);
		if (events->cli->all_namespaces)
			cells[count++] = path_string(event, "metadata.namespace");
		cells[count++] = age;
		cells[count++] = type;
		cells[count++] = path_string(event, "reason");
		cells[count++] = object;
		cells[count++] = message != NULL ? message : "";
		grid_row(events->grid, cells);
	}
	events->first = false;
}

static bool
on_event(void *arg, const json_t *event)
{
	struct events *events = arg;
	const char *type = json_string_value(json_object_get(event, "type"));

	if (type != NULL && (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)) {
		show(events, json_object_get(event, "object"));
		grid_print(events->grid, stdout);
		fflush(stdout);
	}
	return events->code == EXIT_DONE && (type == NULL || strcmp(type, "ERROR") != 0);
}
