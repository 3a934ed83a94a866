/* solovirt validate: says what is wrong with files, as the daemon would; needs none. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/cli/commands.h"
#include "src/cli/manifest.h"
#include "src/cli/output.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static int read_all(const GPtrArray *paths, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics,
    struct error *err);
static void check_all(const struct cli *cli, const GPtrArray *documents, struct diagnostics *diagnostics);
static void check_double(const struct cli *cli, const struct kind *kind, const struct document *document,
    GHashTable *seen, struct diagnostics *diagnostics);
static void print_text(const struct diagnostics *diagnostics, guint objects, int files);
static enum exit_code print_json(const struct diagnostics *diagnostics, const struct output *output);

static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	{ .name = "output", .letter = 'o', .argument = "FORMAT",
	    .help = "json or yaml: a list of what was found, with file, line, column, field, message and severity." },
	OPTION_END,
};

const struct command command_validate = {
	.name = "validate",
	.usage = "-f FILE...",
	.help = "Checks files as the daemon would and says what is wrong, with line and column.",
	.details =
	    "It needs no daemon. A line reads file:line:column: field: message; warnings are marked. The exit status is 0 "
	    "when everything would be accepted, else 1.",
	.examples = "solovirt validate -f vm.yaml\n"
		    "solovirt validate -R -f /var/spool/solovirt -o json",
	.options = options,
	.completion = COMPLETE_FILES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	const GPtrArray *named = arguments_values(arguments, "filename");
	struct diagnostics diagnostics;
	struct output output;
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;
	int files;

	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	for (guint i = 0; named != NULL && i < named->len; i++)
		g_ptr_array_add(paths, named->pdata[i]);
	for (guint i = 0; i < arguments->words->len; i++) /* "validate FILE" is clear enough */
		g_ptr_array_add(paths, arguments->words->pdata[i]);
	if (paths->len == 0)
		return cli_fail(EXIT_USAGE, "say which file: -f FILE, -f FOLDER or -f -");
	diagnostics_init(&diagnostics);
	files = read_all(paths, arguments_flag(arguments, "recursive", false), documents, &diagnostics, &err);
	if (files >= 0) {
		check_all(cli, documents, &diagnostics);
		if (output.format <= OUTPUT_WIDE)
			print_text(&diagnostics, documents->len, files);
		else
			code = print_json(&diagnostics, &output);
	} else {
		code = cli_fail(EXIT_ERROR, "%s", err.text);
	}
	code = cli_worse(code, diagnostics.errors > 0 ? EXIT_ERROR : EXIT_DONE);
	diagnostics_clear(&diagnostics);
	return code;
}

/* A file that is named and has no object in it is a mistake; one of a folder may be kept for later. */
static int
read_all(const GPtrArray *paths, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err)
{
	int count = 0;

	for (guint i = 0; i < paths->len; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		guint before = documents->len, errors = diagnostics->errors;
		int files;

		g_ptr_array_add(one, paths->pdata[i]);
		files = manifest_read(one, recursive, documents, diagnostics, err);
		if (files < 0)
			return -1;
		if (documents->len == before && diagnostics->errors == errors)
			diagnostics_add_at(diagnostics, SEVERITY_ERROR, strcmp(one->pdata[0], "-") == 0 ? "stdin" : one->pdata[0], 0, 0,
			    "has no object: an object begins with apiVersion and kind");
		count += files;
	}
	return count;
}

static void
check_all(const struct cli *cli, const GPtrArray *documents, struct diagnostics *diagnostics)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		const struct kind *kind = NULL;
		void *object = kind_decode(document, cli->namespace, &kind, diagnostics);

		if (object == NULL)
			continue;
		check_double(cli, kind, document, seen, diagnostics);
		schema_free(kind->schema, object);
	}
}

/* The spool refuses a file that defines an object twice, and both of two files; those may be meant for different daemons
 * here: a warning. */
static void
check_double(const struct cli *cli, const struct kind *kind, const struct document *document, GHashTable *seen,
    struct diagnostics *diagnostics)
{
	const char *ns = path_string(document->root, "metadata.namespace"),
		   *name = path_string(document->root, "metadata.name");
	const struct document *other;
	g_autofree char *key = NULL;

	if (name == NULL)
		return;
	key = g_strdup_printf(
	    "%s/%s/%s", kind_resource(kind), kind->namespaced ? ns != NULL ? ns : cli->namespace : "", name);
	other = g_hash_table_lookup(seen, key);
	if (other != NULL && strcmp(other->file, document->file) == 0) {
		unsigned line = 0, column = 0;

		document_mark(other, "metadata.name", &line, &column);
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_DUPLICATE, document, "metadata.name",
		    "%s \"%s\" is defined twice in this file; the first is in line %u", kind->name, name, line);
	} else if (other != NULL) {
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_DUPLICATE, document, "metadata.name",
		    "%s \"%s\" is also defined in %s; in one spool both would be refused", kind->name, name,
		    other->file);
	} else {
		g_hash_table_insert(seen, g_steal_pointer(&key), (gpointer)(uintptr_t)document);
	}
}

static void
print_text(const struct diagnostics *diagnostics, guint objects, int files)
{
	for (guint i = 0; i < diagnostics->items->len; i++) {
		const struct diagnostic *diagnostic = diagnostics->items->pdata[i];
		g_autofree char *text = diagnostic_format(diagnostic);

		printf("%s%s\n", text, diagnostic->severity == SEVERITY_WARNING ? " (warning)" : "");
	}
	if (diagnostics->errors == 0)
		printf("%u object%s in %d file%s: accepted\n", objects, objects == 1 ? "" : "s", files,
		    files == 1 ? "" : "s");
}

static enum exit_code
print_json(const struct diagnostics *diagnostics, const struct output *output)
{
	json_auto_t *list = diagnostics_json(diagnostics);
	struct error err = { 0 };

	return output_print(output, list, true, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
}
