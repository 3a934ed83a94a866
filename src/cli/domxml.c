/* solovirt domxml: the libvirt domain that an instance has, or would get here. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/api/kinds.h"
#include "src/base/channel.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/expansion.h"
#include "src/cli/manifest.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code print_files(struct cli *cli, const struct arguments *arguments);
static enum exit_code print_document(struct cli *cli, const GPtrArray *documents, const struct document *document,
    const char *accelerator);
static json_t *expanded(struct cli *cli, const GPtrArray *documents, const struct document *document, struct error *err);
static enum exit_code print_running(struct cli *cli, const char *name);

static const struct option_row options[] = {
	OPTION_FILENAME,
	OPTION_RECURSIVE,
	{ .name = "emulation", .help = "As on a host without KVM; otherwise KVM is tried out." },
	{ .name = "kvm", .help = "As on a host with KVM." },
	OPTION_END,
};

const struct command command_domxml = {
	.name = "domxml",
	.usage = "-f FILE... | VMI...",
	.help = "Prints libvirt domains: those that instances have, or those that files would get here.",
	.details = "With -f it needs no daemon: every volume, network and device is taken to be there, a claim's as a raw file. "
		   "What the host's worker adds for its own version of libvirt is not shown. Instancetypes and preferences are "
		   "looked for in the same files, then asked from the daemon.",
	.examples = "solovirt domxml -f vm.yaml\nsolovirt domxml demo",
	.options = options,
	.completion = COMPLETE_INSTANCES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	enum exit_code code = EXIT_DONE;

	if (arguments_values(arguments, "filename") != NULL)
		return print_files(cli, arguments);
	if (arguments->words->len == 0)
		return cli_fail(EXIT_USAGE, "say which: -f FILE, or the name of an instance");
	for (guint i = 0; i < arguments->words->len; i++)
		code = cli_worse(code, print_running(cli, arguments->words->pdata[i]));
	return code;
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

/* In the words of solovirt-domxml. */
static const char *
accelerator_of(const struct arguments *arguments)
{
	if (arguments_flag(arguments, "emulation", false))
		return "emulation";
	return arguments_flag(arguments, "kvm", false) ? "kvm" : "probe";
}

/* Prints what is a machine or an instance among the documents.  Returns how many that were, or -1 after a complaint. */
static int
print_machines(struct cli *cli, const GPtrArray *documents, const char *accelerator)
{
	int printed = 0;

	for (guint i = 0; i < documents->len; i++) {
		const struct document *document = documents->pdata[i];
		const struct kind *kind = kind_of_document(document, NULL);

		if (kind != &kinds[KIND_VM] && kind != &kinds[KIND_VMI])
			continue;
		if (print_document(cli, documents, document, accelerator) != EXIT_DONE)
			return -1;
		printed++;
	}
	return printed;
}

/* Reads what -f names and checks it as the daemon would. */
static int
load(const struct cli *cli, const struct arguments *arguments, GPtrArray *documents)
{
	struct diagnostics diagnostics;
	struct error err = { 0 };
	int errors;

	diagnostics_init(&diagnostics);
	if (manifest_read(arguments_values(arguments, "filename"), arguments_flag(arguments, "recursive", false), documents,
	        &diagnostics, &err) < 0) {
		cli_fail(EXIT_ERROR, "%s", err.text);
		diagnostics_clear(&diagnostics);
		return -1;
	}
	for (guint i = 0; i < documents->len; i++) {
		const struct kind *kind = NULL;
		void *object = kind_decode(documents->pdata[i], cli->namespace, &kind, &diagnostics);

		if (object != NULL)
			schema_free(kind->schema, object);
	}
	g_autofree char *text = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	fputs(text, stderr);
	if (*text != '\0' && !g_str_has_suffix(text, "\n"))
		fputc('\n', stderr);
	errors = (int)diagnostics.errors;
	diagnostics_clear(&diagnostics);
	return errors == 0 ? 0 : -1;
}

static enum exit_code
print_files(struct cli *cli, const struct arguments *arguments)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	int printed;

	if (load(cli, arguments, documents) < 0)
		return EXIT_ERROR;
	printed = print_machines(cli, documents, accelerator_of(arguments));
	if (printed == 0)
		return cli_fail(EXIT_ERROR, "there is no VirtualMachine or VirtualMachineInstance in what was read");
	return printed > 0 ? EXIT_DONE : EXIT_ERROR;
}

/* Runs solovirt-domxml, which writes to our stdout and stderr, with text as its stdin.  Returns its exit status, or -1 with err. */
static int
run_domxml(const char *file, const char *namespace, const char *accelerator, FILE *text, struct error *err)
{
	g_autofree char *program = g_build_filename(worker_directory(), "solovirt-domxml", NULL);
	char *const words[] = { program, (char *)file, (char *)namespace, (char *)accelerator, NULL };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	fflush(stdout);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(text), STDIN_FILENO);
	errno = posix_spawn(&pid, program, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errno != 0)
		return error_errno(err, "cannot run %s", program);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, "cannot wait for %s", program);
	if (!WIFEXITED(status))
		return error_set(err, EIO, "%s was ended by signal %d", program, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static enum exit_code
print_document(
    struct cli *cli, const GPtrArray *documents, const struct document *document, const char *accelerator)
{
	struct error err = { 0 };
	json_auto_t *tree = expanded(cli, documents, document, &err);
	FILE *text = NULL;
	int status = -1;

	if (tree != NULL && (text = tmpfile()) == NULL)
		error_errno(&err, "cannot make a temporary file");
	if (text != NULL) {
		json_dumpf(tree, text, JSON_COMPACT);
		rewind(text);
		status = run_domxml(document->file, cli->namespace, accelerator, text, &err);
		fclose(text);
	}
	if (status < 0)
		return cli_fail(EXIT_ERROR, "%s: %s", document->file, err.text);
	return status == 0 ? EXIT_DONE : EXIT_ERROR;
}

/* A machine with its instancetype and preference; anything else as it is.  NULL with err. */
static json_t *
expanded(struct cli *cli, const GPtrArray *documents, const struct document *document, struct error *err)
{
	json_t *tree = json_deep_copy(document->root);
	struct diagnostics diagnostics;
	int r = 0;

	diagnostics_init(&diagnostics);
	if (kind_of_document(document, NULL) == &kinds[KIND_VM])
		r = expansion_apply(cli, documents, document, path_find(tree, "spec.template.spec"),
		    path_find(tree, "spec.template.metadata.annotations"), &diagnostics, err);
	if (diagnostics.errors > 0) {
		g_autofree char *text = diagnostics_format(&diagnostics, SEVERITY_ERROR);

		error_set(err, EINVAL, "%s", text);
	}
	diagnostics_clear(&diagnostics);
	if (r == 0)
		return tree;
	json_decref(tree);
	return NULL;
}

/* --- the daemon -------------------------------------------------------------------------------------------------------- */

static enum exit_code
print_running(struct cli *cli, const char *name)
{
	g_autofree char *path = resource_verb_path(&kinds[KIND_VMI], cli->namespace, name, "domainxml");
	ANSWER answer = { 0 };
	enum exit_code code =
	    client_call(cli->client, &(struct request){ .path = path, .accept = "application/xml, application/json" }, &answer);

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	fwrite(answer.text->str, 1, answer.text->len, stdout);
	return EXIT_DONE;
}
