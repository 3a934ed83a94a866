/* solovirt get: objects as tables, or whole. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

/* What a get was asked for. */
struct get {
	struct cli *cli;
	GPtrArray *resources;             /* struct resource * */
	const char *selector, *fields;    /* or NULL */
	struct output output;
	bool many_kinds, watch, watch_only, ignore_missing, no_headings;
	struct grid *grid;                /* of a watch */
	const struct kind *kind;          /* that is watched */
	guint printed;                    /* objects or rows so far */
	enum exit_code code;              /* first trouble */
};

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code check(const struct get *get);
static void get_tables(struct get *get);
static void get_objects(struct get *get);
static enum exit_code get_watch(struct get *get);
static bool on_event(void *arg, const json_t *event);
static enum exit_code fetch(
    struct get *get, const struct resource *resource, const char *accept, struct answer *answer);
static char *query(const struct get *get, char *path, const char *fields, const char *accept);
static struct grid_view view_of(const struct get *get, const struct kind *kind, char **prefix);
static void say_none(const struct get *get);

static const struct option_row options[] = {
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .completion = COMPLETE_WORDS,
	    .help = "wide, yaml, json, name or jsonpath=TEMPLATE; a table otherwise." },
	{ .name = "watch", .letter = 'w', .help = "Go on and show every change." },
	{ .name = "watch-only", .help = "Show changes from now on, not what is there." },
	OPTION_SELECTOR,
	OPTION_FIELD_SELECTOR,
	{ .name = "ignore-not-found", .help = "Say nothing about a name that does not exist." },
	{ .name = "no-headers", .help = "Tables without their headings." },
	OPTION_END,
};

const struct command command_get = {
	.name = "get",
	.usage = "KIND[,KIND...] [NAME...] | KIND/NAME...",
	.help = "Shows objects as tables, or whole as YAML or JSON.",
	.details =
	    "A kind is written by its name, plural or short name (vm, vmi, dv, pvc ...); \"all\" means the virtual machines "
	    "with what belongs to them.",
	.examples = "solovirt get vm,vmi,dv -o wide\n"
		    "solovirt get vm demo -o yaml\n"
		    "solovirt get dv -w  # follow an import\n"
		    "solovirt get vmi/demo -o jsonpath='{.status.interfaces[0].ipAddress}'\n"
		    "solovirt get all -A -l app=demo",
	.options = options,
	.completion = COMPLETE_OBJECTS,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) resources = g_ptr_array_new();
	struct error err = { 0 };
	struct get get = {
		.cli = cli,
		.resources = resources,
		.selector = arguments_value(arguments, "selector"),
		.fields = arguments_value(arguments, "field-selector"),
		.watch_only = arguments_flag(arguments, "watch-only", false),
		.ignore_missing = arguments_flag(arguments, "ignore-not-found", false),
		.no_headings = arguments_flag(arguments, "no-headers", false),
	};

	if (output_parse(arguments_value(arguments, "output"), &get.output, &err) < 0 ||
	    resources_parse(arguments->words, resources, &err) < 0)
		return cli_fail_error(&err);
	get.watch = arguments_flag(arguments, "watch", false) || get.watch_only;
	get.many_kinds = resources_kinds(resources) > 1;
	get.code = check(&get);
	if (get.code != EXIT_DONE)
		return get.code;
	if (get.watch)
		return get_watch(&get);
	if (get.output.format <= OUTPUT_WIDE)
		get_tables(&get);
	else
		get_objects(&get);
	return get.code;
}

static enum exit_code
check(const struct get *get)
{
	const struct resource *first = get->resources->pdata[0];

	if (first->name != NULL && (get->selector != NULL || get->fields != NULL))
		return cli_fail(EXIT_USAGE, "a name cannot be combined with a selector");
	if (first->name != NULL && get->cli->all_namespaces)
		return cli_fail(EXIT_USAGE, "a name cannot be combined with -A");
	if (get->watch && (get->many_kinds || (first->name != NULL && get->resources->len > 1)))
		return cli_fail(EXIT_USAGE, "only one kind, or one object, can be watched at a time");
	return EXIT_DONE;
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

/* A block for each kind, parted by empty lines; objects of a kind that were named one by one share a block. */
static void
get_tables(struct get *get)
{
	guint i = 0;

	while (i < get->resources->len && get->code != EXIT_UNREACHABLE) {
		const struct kind *kind = ((const struct resource *)get->resources->pdata[i])->kind;
		struct grid *grid = grid_new(get->cli->color);
		g_autofree char *prefix = NULL;
		struct grid_view view = view_of(get, kind, &prefix);
		int rows = 0;

		grid_headings(grid, !get->no_headings);
		for (; i < get->resources->len; i++) {
			const struct resource *resource = get->resources->pdata[i];
			ANSWER answer = { 0 };
			int more;

			if (resource->kind != kind)
				break;
			if (fetch(get, resource, ACCEPT_TABLE, &answer) != EXIT_DONE)
				continue;
			more = grid_table(grid, answer.body, &view);
			rows += MAX(more, 0);
		}
		if (rows > 0 && get->printed > 0)
			putchar('\n');
		grid_print(grid, stdout);
		get->printed += (guint)rows;
		grid_free(grid);
	}
	if (get->printed == 0 && get->code == EXIT_DONE)
		say_none(get);
}

static struct grid_view
view_of(const struct get *get, const struct kind *kind, char **prefix)
{
	if (get->many_kinds)
		*prefix = resource_title(kind, "");
	return (struct grid_view){
		.wide = get->output.format == OUTPUT_WIDE,
		.namespaces = get->cli->all_namespaces && kind->namespaced,
		.prefix = *prefix,
	};
}

static void
say_none(const struct get *get)
{
	bool namespaced = false;

	for (guint i = 0; i < get->resources->len; i++)
		namespaced |= ((const struct resource *)get->resources->pdata[i])->kind->namespaced;
	if (get->ignore_missing)
		return;
	if (namespaced && !get->cli->all_namespaces)
		fprintf(stderr, "No resources found in %s namespace.\n", get->cli->namespace);
	else
		fputs("No resources found\n", stderr);
}

/* --- whole objects ------------------------------------------------------------------------------------------------ */

static void
get_objects(struct get *get)
{
	json_auto_t *items = json_array(), *list = NULL;
	bool single = get->resources->len == 1 && ((const struct resource *)get->resources->pdata[0])->name != NULL;
	struct error err = { 0 };

	for (guint i = 0; i < get->resources->len && get->code != EXIT_UNREACHABLE; i++) {
		const struct resource *resource = get->resources->pdata[i];
		ANSWER answer = { 0 };

		if (fetch(get, resource, NULL, &answer) != EXIT_DONE)
			continue;
		if (resource->name != NULL)
			json_array_append(items, answer.body);
		else
			json_array_extend(items, json_object_get(answer.body, "items"));
	}
	if (json_array_size(items) == 0 && (single || get->code != EXIT_DONE))
		return;
	if (get->output.format == OUTPUT_NAME) {
		for (size_t i = 0; i < json_array_size(items); i++)
			output_print(&get->output, json_array_get(items, i), false, stdout, &err);
		return;
	}
	list = single ? json_incref(json_array_get(items, 0)) : output_list(json_incref(items));
	if (output_print(&get->output, list, true, stdout, &err) < 0)
		get->code = cli_fail_error(&err);
}

/* Fetches an object or a collection; complains, and remembers the first trouble. */
static enum exit_code
fetch(struct get *get, const struct resource *resource, const char *accept, struct answer *answer)
{
	const char *ns = get->cli->all_namespaces ? NULL : get->cli->namespace;
	g_autofree char *path = resource_path(resource->kind, ns, resource->name);
	enum exit_code code;

	path = query(get, path, get->fields, accept);
	code = client_call(get->cli->client, &(struct request){ .path = path, .accept = accept }, answer);
	if (code == EXIT_DONE || (code == EXIT_NOT_FOUND && resource->name != NULL && get->ignore_missing))
		return code;
	get->code = cli_worse(get->code, answer_complain(answer, code, NULL));
	return code;
}

/* Adds what is asked for.  Rows bring the metadata of their objects along, which is most of their text: it is wanted for the
 * namespace only. */
static char *
query(const struct get *get, char *path, const char *fields, const char *accept)
{
	path = resource_query(path, "labelSelector", get->selector);
	path = resource_query(path, "fieldSelector", fields);
	return resource_query(path, "includeObject", accept == NULL || get->cli->all_namespaces ? NULL : "None");
}

/* --- watching ----------------------------------------------------------------------------------------------------- */

static enum exit_code
get_watch(struct get *get)
{
	const struct resource *resource = get->resources->pdata[0];
	const char *accept = get->output.format <= OUTPUT_WIDE ? ACCEPT_TABLE : NULL;
	bool table = accept != NULL;
	g_autofree char *fields = resource->name != NULL ? g_strconcat("metadata.name=", resource->name, NULL) : NULL;
	const char *ns = get->cli->all_namespaces ? NULL : get->cli->namespace;
	g_autofree char *path = resource_path(resource->kind, ns, NULL), *version = NULL;
	ANSWER answer = { 0 };
	enum exit_code code;

	/* a name that does not exist is an error now, not an endless wait */
	if (resource->name != NULL && fetch(get, resource, NULL, &answer) != EXIT_DONE)
		return get->code;
	path = query(get, path, fields != NULL ? fields : get->fields, accept);
	code = client_call(get->cli->client, &(struct request){ .path = path, .accept = accept }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	version = g_strdup(path_string(answer.body, "metadata.resourceVersion"));
	get->kind = resource->kind;
	get->grid = grid_new(get->cli->color);
	grid_headings(get->grid, !get->no_headings);
	for (size_t i = 0; !table && !get->watch_only && i < json_array_size(json_object_get(answer.body, "items"));
	     i++) {
		json_auto_t *event = json_pack("{s:s, s:O}", "type", "ADDED", "object",
		    json_array_get(json_object_get(answer.body, "items"), i));

		on_event(get, event);
	}
	if (table && !get->watch_only) {
		json_auto_t *event = json_pack("{s:s, s:O}", "type", "ADDED", "object", answer.body);

		on_event(get, event);
	}
	path = resource_query(resource_query(path, "watch", "true"), "resourceVersion", version);
	code = client_call(get->cli->client, &(struct request){ .path = path, .accept = accept, .event = on_event, .arg = get },
	    &answer);
	grid_free(get->grid);
	return code != EXIT_DONE ? answer_complain(&answer, code, NULL) : get->code;
}

static bool
on_event(void *arg, const json_t *event)
{
	struct get *get = arg;
	const char *type = json_string_value(json_object_get(event, "type"));
	const json_t *object = json_object_get(event, "object");
	struct grid_view view = {
		.wide = get->output.format == OUTPUT_WIDE,
		.namespaces = get->cli->all_namespaces && get->kind->namespaced,
	};
	struct error err = { 0 };

	if (type == NULL || strcmp(type, "BOOKMARK") == 0)
		return true;
	if (strcmp(type, "ERROR") == 0) {
		const char *message = json_string_value(json_object_get(object, "message"));

		get->code = cli_fail(EXIT_ERROR, "the watch ended: %s", message != NULL ? message : "no message");
		return false;
	}
	if (get->output.format <= OUTPUT_WIDE) {
		grid_table(get->grid, object, &view);
		grid_print(get->grid, stdout);
	} else if (output_print(&get->output, object, get->printed++ == 0, stdout, &err) < 0) {
		get->code = cli_fail_error(&err);
	}
	fflush(stdout);
	return get->code == EXIT_DONE;
}
