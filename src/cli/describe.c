/* solovirt describe: one object as an outline, its conditions, and what happened to it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/event_list.h"
#include "src/cli/grid.h"
#include "src/cli/outline.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code describe_kind(struct cli *cli, const struct kind *kind, const char *selector, bool *first);
static enum exit_code describe_name(struct cli *cli, const struct kind *kind, const char *name, bool *first);
static void describe(struct cli *cli, const struct kind *kind, const json_t *object, bool *first);
static void print_head(const struct kind *kind, const json_t *object);
static void print_map(const char *title, const json_t *map);
static void print_rest(const struct kind *kind, const json_t *object);
static void print_conditions(struct cli *cli, const json_t *conditions);
static void print_events(struct cli *cli, const struct kind *kind, const json_t *object);
static void print_grid(struct grid *grid);

static const struct option_row options[] = {
	OPTION_SELECTOR,
	OPTION_END,
};

const struct command command_describe = {
	.name = "describe",
	.usage = "KIND [NAME...] | KIND/NAME...",
	.help = "Tells everything about objects, with their conditions and events.",
	.examples = "solovirt describe vm demo\n"
	            "solovirt describe vmi/demo dv/demo-root",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) resources = g_ptr_array_new();
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;
	bool first = true;

	if (resources_parse(arguments->words, resources, &err) < 0)
		return cli_fail_error(&err);
	for (guint i = 0; i < resources->len && code != EXIT_UNREACHABLE; i++) {
		const struct resource *resource = resources->pdata[i];

		if (resource->name != NULL)
			code = cli_worse(code, describe_name(cli, resource->kind, resource->name, &first));
		else
			code = cli_worse(code,
			    describe_kind(cli, resource->kind, arguments_value(arguments, "selector"), &first));
	}
	if (first && code == EXIT_DONE)
		fprintf(stderr, "No resources found in %s namespace.\n", cli->namespace);
	return code;
}

static enum exit_code
describe_kind(struct cli *cli, const struct kind *kind, const char *selector, bool *first)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(kind, cli->all_namespaces ? NULL : cli->namespace, NULL);
	enum exit_code code;

	path = resource_query(path, "labelSelector", selector);
	code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	for (size_t i = 0; i < json_array_size(json_object_get(answer.body, "items")); i++)
		describe(cli, kind, json_array_get(json_object_get(answer.body, "items"), i), first);
	return EXIT_DONE;
}

static enum exit_code
describe_name(struct cli *cli, const struct kind *kind, const char *name, bool *first)
{
	ANSWER answer = { 0 };
	g_autofree char *path = resource_path(kind, cli->namespace, name);
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	describe(cli, kind, answer.body, first);
	return EXIT_DONE;
}

static void
describe(struct cli *cli, const struct kind *kind, const json_t *object, bool *first)
{
	if (!*first)
		fputs("\n\n", stdout);
	*first = false;
	print_head(kind, object);
	print_rest(kind, object);
	print_conditions(cli, path_find(object, "status.conditions"));
	print_events(cli, kind, object);
}

static void
print_head(const struct kind *kind, const json_t *object)
{
	static const struct {
		const char *title, *path;
	} rows[] = {
		{ "Created:", "metadata.creationTimestamp" },
		{ "Deleted:", "metadata.deletionTimestamp" },
		{ "UID:", "metadata.uid" },
	};

	printf("%-14s%s\n", "Name:", path_string(object, "metadata.name"));
	if (kind->namespaced)
		printf("%-14s%s\n", "Namespace:", path_string(object, "metadata.namespace"));
	print_map("Labels:", path_find(object, "metadata.labels"));
	print_map("Annotations:", path_find(object, "metadata.annotations"));
	printf("%-14s%s\n%-14s%s\n", "API Version:", kind_api_version(kind), "Kind:", kind->name);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (path_string(object, rows[i].path) != NULL)
			printf("%-14s%s\n", rows[i].title, path_string(object, rows[i].path));
}

static void
print_map(const char *title, const json_t *map)
{
	const char *name;
	json_t *value;

	if (json_object_size(map) == 0)
		printf("%-14s<none>\n", title);
	json_object_foreach((json_t *)(uintptr_t)map, name, value) {
		const char *text = json_string_value(value);
		int length = text != NULL ? (int)strcspn(text, "\n") : 0;

		/* what was applied last is what is shown below anyway, and may hold secrets */
		if (strstr(name, "last-applied") != NULL)
			printf("%-14s%s: (%zu bytes)\n", title, name, json_string_length(value));
		else
			printf("%-14s%s=%.*s\n", title, name, length, text != NULL ? text : "");
		title = "";
	}
}

/* Everything but what the head and the conditions' table show. */
static void
print_rest(const struct kind *kind, const json_t *object)
{
	json_auto_t *rest = json_deep_copy(object);
	g_autoptr(GString) text = g_string_new(NULL);
	static const char *const shown[] = { "apiVersion", "kind", "metadata.name", "metadata.namespace",
		"metadata.labels", "metadata.annotations", "metadata.creationTimestamp", "metadata.deletionTimestamp",
		"metadata.uid", "status.conditions" };

	for (size_t i = 0; i < G_N_ELEMENTS(shown); i++)
		path_remove(rest, shown[i]);
	outline_write(rest, 0, kind->schema, "", text);
	fwrite(text->str, 1, text->len, stdout);
}

static void
print_conditions(struct cli *cli, const json_t *conditions)
{
	static const char *const headings[] = { "TYPE", "STATUS", "AGE", "REASON", "MESSAGE" };
	struct grid *grid;

	if (json_array_size(conditions) == 0)
		return;
	grid = grid_new(cli->color);
	for (size_t i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	for (size_t i = 0; i < json_array_size(conditions); i++) {
		const json_t *condition = json_array_get(conditions, i);
		const char *since = path_string(condition, "lastTransitionTime");
		const char *reason = path_string(condition, "reason"), *message = path_string(condition, "message");
		int64_t time = since != NULL ? clock_parse(since) : -1;
		char age[CLOCK_TEXT_SIZE] = "";

		if (time >= 0)
			clock_age(MAX(clock_wall_ms() - time, 0), age);
		grid_row(grid, (const char *const[]){ path_string(condition, "type"), path_string(condition, "status"),
				   age, reason != NULL ? reason : "", message != NULL ? message : "" });
	}
	fputs("Conditions:\n", stdout);
	print_grid(grid);
}

static void
print_events(struct cli *cli, const struct kind *kind, const json_t *object)
{
	static const char *const headings[] = { "TYPE", "REASON", "AGE", "FROM", "MESSAGE" };
	ANSWER answer = { 0 };
	const char *ns = path_string(object, "metadata.namespace");
	g_autofree char *selector =
	    event_list_selector(kind->name, path_string(object, "metadata.name"), path_string(object, "metadata.uid"));
	g_autofree char *path = resource_query(resource_path(&kinds[KIND_EVENT], ns, NULL), "fieldSelector", selector);
	g_autoptr(GPtrArray) events = NULL;
	struct grid *grid;

	if (client_call(cli->client, &(struct request){ .path = path }, &answer) != EXIT_DONE)
		return;
	events = event_list_sorted(answer.body);
	printf("Events:%s\n", events->len == 0 ? "  <none>" : "");
	grid = grid_new(cli->color);
	for (size_t i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	for (guint i = 0; i < events->len; i++) {
		const json_t *event = events->pdata[i];
		g_autofree char *age = event_list_age(event, clock_wall_ms());
		const char *from = event_list_source(event), *message = path_string(event, "message");

		grid_row(grid, (const char *const[]){ path_string(event, "type"), path_string(event, "reason"), age,
		    from != NULL ? from : "", message != NULL ? message : "" });
	}
	print_grid(grid);
}

/* Indented below its title; frees the grid. */
static void
print_grid(struct grid *grid)
{
	g_autofree char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	grid_print(grid, memory);
	fclose(memory);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		printf("  %.*s\n", (int)strcspn(line, "\n"), line);
	grid_free(grid);
}
