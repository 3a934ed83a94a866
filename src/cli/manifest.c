/* Files named by -f; see manifest.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/cli/manifest.h"
#include "src/document/path.h"

static int read_path(
    const char *path, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err);
static int read_folder(const char *path, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics,
    struct error *err);
static int read_file(const char *path, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err);
static bool is_manifest_name(const char *name);
static enum exit_code take(const struct cli *cli, const struct document *document, bool unchecked, GPtrArray *manifests,
    struct diagnostics *diagnostics);
static void manifest_free(void *arg);
static gint by_name(gconstpointer a, gconstpointer b);

int
manifest_read(
    const GPtrArray *paths, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err)
{
	int count = 0;

	for (guint i = 0; i < paths->len; i++) {
		int files = read_path(paths->pdata[i], recursive, documents, diagnostics, err);

		if (files < 0)
			return -1;
		count += files;
	}
	return count;
}

enum exit_code
manifests_load(const struct cli *cli, const struct arguments *arguments, bool unchecked, GPtrArray *documents,
    GPtrArray *manifests)
{
	const GPtrArray *paths = arguments_values(arguments, "filename");
	struct diagnostics diagnostics;
	struct error err = { 0 };
	enum exit_code code = EXIT_DONE;
	int files;

	if (paths == NULL)
		return cli_fail(EXIT_USAGE, "say which file: -f FILE, -f FOLDER or -f -");
	if (arguments->words->len > 0)
		return cli_fail(EXIT_USAGE, "unexpected argument \"%s\"", (const char *)arguments->words->pdata[0]);
	diagnostics_init(&diagnostics);
	g_ptr_array_set_free_func(manifests, manifest_free);
	files = manifest_read(paths, arguments_flag(arguments, "recursive", false), documents, &diagnostics, &err);
	if (files < 0)
		code = cli_fail(EXIT_ERROR, "%s", err.text);
	for (guint i = 0; code == EXIT_DONE && i < documents->len; i++)
		code = take(cli, documents->pdata[i], unchecked, manifests, &diagnostics);
	if (diagnostics.errors > 0) {
		g_autofree char *text = diagnostics_format(&diagnostics, SEVERITY_ERROR);

		fprintf(stderr, "%s\n", text);
		code = cli_worse(code, cli_fail(EXIT_ERROR, "nothing was sent"));
	} else if (code == EXIT_DONE && documents->len == 0) {
		code = cli_fail(EXIT_ERROR, "no objects in %d file%s", files, files == 1 ? "" : "s");
	}
	diagnostics_clear(&diagnostics);
	return code;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static int
read_path(const char *path, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return read_file(path, documents, diagnostics, err);
	if (stat(path, &st) < 0)
		return error_errno(err, "cannot read %s", path);
	if (S_ISDIR(st.st_mode))
		return read_folder(path, recursive, documents, diagnostics, err);
	return read_file(path, documents, diagnostics, err);
}

static int
read_folder(const char *path, bool recursive, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	int count = 0;

	if (folder == NULL)
		return error_errno(err, "cannot read the folder %s", path);
	for (const char *name; (name = g_dir_read_name(folder)) != NULL;)
		if (*name != '.')
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *child = g_build_filename(path, names->pdata[i], NULL);
		bool is_folder = g_file_test(child, G_FILE_TEST_IS_DIR);
		int files = 0;

		if (is_folder && recursive && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			files = read_folder(child, recursive, documents, diagnostics, err);
		else if (!is_folder && is_manifest_name(names->pdata[i]))
			files = read_file(child, documents, diagnostics, err);
		if (files < 0)
			return -1;
		count += files;
	}
	return count;
}

/* Reads one more byte than is allowed, so that document_read() can say that it is too much. */
static int
read_file(const char *path, GPtrArray *documents, struct diagnostics *diagnostics, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	g_autoptr(GString) text = g_string_new(NULL);
	char buffer[16384];
	ssize_t n = 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_errno(err, "cannot read %s", path);
	while (text->len <= DOCUMENT_BYTES && (n = read(fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(text, buffer, n);
	if (n < 0)
		error_errno(err, "cannot read %s", path);
	if (!standard)
		close(fd);
	if (n < 0)
		return -1;
	document_read(standard ? "stdin" : path, text->str, text->len, documents, diagnostics);
	return 1;
}

static bool
is_manifest_name(const char *name)
{
	return g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml") || g_str_has_suffix(name, ".json");
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static enum exit_code
take(const struct cli *cli, const struct document *document, bool unchecked, GPtrArray *manifests,
    struct diagnostics *diagnostics)
{
	const struct kind *kind = NULL;
	struct manifest *manifest;
	const char *ns;

	if (unchecked) {
		kind = kind_of_document(document, diagnostics);
	} else {
		void *object = kind_decode(document, cli->namespace, &kind, diagnostics);

		if (object != NULL)
			schema_free(kind->schema, object);
	}
	if (kind == NULL)
		return EXIT_DONE; /* the diagnostics say why */
	ns = path_string(document->root, "metadata.namespace");
	if (ns != NULL && kind->namespaced && cli->namespace_given && strcmp(ns, cli->namespace) != 0)
		return cli_fail(EXIT_USAGE, "%s: the namespace \"%s\" of the object does not match -n %s",
		    document->file, ns, cli->namespace);
	manifest = g_new0(struct manifest, 1);
	manifest->kind = kind;
	manifest->document = document;
	manifest->tree = json_deep_copy(document->root);
	if (kind->namespaced && ns == NULL)
		path_set(manifest->tree, "metadata.namespace", json_string(cli->namespace));
	manifest->namespace = kind->namespaced ? path_string(manifest->tree, "metadata.namespace") : NULL;
	manifest->name = path_string(manifest->tree, "metadata.name");
	g_ptr_array_add(manifests, manifest);
	return EXIT_DONE;
}

static void
manifest_free(void *arg)
{
	struct manifest *manifest = arg;

	json_decref(manifest->tree);
	g_free(manifest);
}
