/* solovirt memory-dump: a guest's memory, written to a claim, as virtctl asks for it. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/quantity.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"
#include "src/cli/until.h"
#include "src/document/path.h"

enum { WAIT_MS = 30 * 60 * 1000, EXTRA_BYTES = 100 << 20, ROUND_BYTES = 1 << 20 };

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_get(struct cli *cli, const struct arguments *arguments, const char *name);
static enum exit_code run_download(struct cli *cli, const struct arguments *arguments, const char *name);
static enum exit_code run_remove(struct cli *cli, const struct arguments *arguments, const char *name);
static enum exit_code get_vm(struct cli *cli, const char *name, struct answer *answer);
static enum exit_code create_claim(struct cli *cli, const struct arguments *arguments, const char *vm, const char *claim);
static enum exit_code wait_for(struct cli *cli, const struct arguments *arguments, const char *name);

static const char *const steps[] = { "get", "download", "remove", NULL };

/* One of the words behind the verb. */
static const struct {
	const char *name;
	enum exit_code (*run)(struct cli *cli, const struct arguments *arguments, const char *name);
} runs[] = {
	{ "get", run_get },
	{ "download", run_download },
	{ "remove", run_remove },
};

static const struct option_row options[] = {
	{ .name = "claim-name", .argument = "NAME", .help = "Claim that the memory is written to; the one that was used last otherwise." },
	{ .name = "create-claim", .help = "Make that claim, as large as needed." },
	{ .name = "storage-class", .argument = "NAME", .help = "Class of the claim that is made." },
	{ .name = "access-mode", .argument = "MODE", .help = "Access mode of the claim that is made; ReadWriteOnce otherwise." },
	{ .name = "output", .argument = "FILE", .completion = COMPLETE_FILES, .help = "Where a download is to be written." },
	{ .name = "format", .argument = "FORMAT", .help = "Format of a download." },
	{ .name = "port-forward", .help = "Has no effect: there is nothing to forward to." },
	{ .name = "local-port", .argument = "PORT", .help = "Has no effect, as --port-forward." },
	{ .name = "wait", .help = "Return when it has been written." },
	{ .name = "timeout", .argument = "DURATION", .help = "How long --wait waits; 30m otherwise." },
	{ .name = "dry-run", .help = "Only ask whether it could be done." },
	OPTION_END,
};

const struct command command_memory_dump = {
	.name = "memory-dump",
	.usage = "get|download|remove VM",
	.help = "Writes the memory of a running guest to a claim.",
	.details = "The claim then holds an ELF core file, from its first byte on, which tools such as crash and volatility read. The guest "
	           "stands still while it is written. \"get\" begins it, and status.memoryDumpRequest of the machine tells how far it is; "
	           "\"remove\" lets go of the claim, which keeps what was written; \"download\" tells where that is.",
	.examples = "solovirt memory-dump get demo --claim-name=dump --create-claim --wait\n"
	            "solovirt memory-dump get demo  # once more, to the same claim\n"
	            "solovirt memory-dump remove demo",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = steps,
	.rest = COMPLETE_INSTANCES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	const struct kind *kind = NULL;
	const char *name = NULL;
	struct error err = { 0 };

	if (arguments->words->len != 2)
		return cli_fail(EXIT_USAGE, "say what to do, and with which virtual machine: memory-dump get VM");
	if (resource_parse(arguments->words->pdata[1], &kinds[KIND_VM], &kind, &name, &err) < 0)
		return cli_fail_error(&err);
	if (kind != &kinds[KIND_VM])
		return cli_fail(EXIT_USAGE, "\"%s\" is no VirtualMachine", (const char *)arguments->words->pdata[1]);
	for (size_t i = 0; i < G_N_ELEMENTS(runs); i++)
		if (strcmp(runs[i].name, arguments->words->pdata[0]) == 0)
			return runs[i].run(cli, arguments, name);
	return cli_fail(EXIT_USAGE, "\"%s\" is not one of get, download, remove", (const char *)arguments->words->pdata[0]);
}

/* Takes the reference to body. */
static enum exit_code
put(struct cli *cli, const struct arguments *arguments, const char *name, const char *verb, json_t *body)
{
	g_autofree char *path = resource_verb_path(&kinds[KIND_VM], cli->namespace, name, verb);
	json_auto_t *sent = body;
	ANSWER answer = { 0 };
	enum exit_code code;

	if (arguments_flag(arguments, "dry-run", false))
		json_object_set_new(sent, "dryRun", json_pack("[s]", "All"));
	code = client_call(cli->client, &(struct request){ .method = "PUT", .path = path, .body = sent }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (arguments_flag(arguments, "dry-run", false))
		fputs("Dry Run execution\n", stdout);
	return EXIT_DONE;
}

static enum exit_code
run_get(struct cli *cli, const struct arguments *arguments, const char *name)
{
	const char *claim = arguments_value(arguments, "claim-name");
	bool create = arguments_flag(arguments, "create-claim", false);
	ANSWER vm = { 0 };
	enum exit_code code;

	if (create && claim == NULL)
		return cli_fail(EXIT_USAGE, "--create-claim needs --claim-name");
	if (!create && (arguments_value(arguments, "storage-class") != NULL || arguments_value(arguments, "access-mode") != NULL))
		return cli_fail(EXIT_USAGE, "--storage-class and --access-mode need --create-claim");
	code = get_vm(cli, name, &vm);
	if (code != EXIT_DONE)
		return answer_complain(&vm, code, NULL);
	if (claim == NULL)
		claim = path_string(vm.body, "status.memoryDumpRequest.claimName");
	if (claim == NULL)
		return cli_fail(EXIT_USAGE, "the machine has had no memory dump yet: say where to, --claim-name=NAME");
	if (create)
		code = create_claim(cli, arguments, name, claim);
	if (code == EXIT_DONE)
		code = put(cli, arguments, name, "memorydump", json_pack("{s:s}", "claimName", claim));
	if (code != EXIT_DONE)
		return code;
	printf("Successfully submitted memory dump request of VM %s\n", name);
	fflush(stdout);
	return arguments_flag(arguments, "wait", false) && !arguments_flag(arguments, "dry-run", false) ? wait_for(cli, arguments, name) : EXIT_DONE;
}

static enum exit_code
run_download(struct cli *cli, const struct arguments *arguments, const char *name)
{
	ANSWER vm = { 0 };
	enum exit_code code = get_vm(cli, name, &vm);
	const char *claim;

	(void)arguments;
	if (code != EXIT_DONE)
		return answer_complain(&vm, code, NULL);
	claim = path_string(vm.body, "status.memoryDumpRequest.claimName");
	if (claim == NULL)
		return cli_fail(EXIT_ERROR, "the machine has had no memory dump: \"solovirt memory-dump get %s\" makes one", name);
	return cli_fail(EXIT_ERROR, "nothing is exported from here: the dump is the volume of PVC %s; \"solovirt get pvc %s -o "
	    "jsonpath={.metadata.annotations.solovirt\\.io/path}\" tells which file of its host that is", claim, claim);
}

static enum exit_code
run_remove(struct cli *cli, const struct arguments *arguments, const char *name)
{
	enum exit_code code = put(cli, arguments, name, "removememorydump", json_object());

	if (code == EXIT_DONE)
		printf("Successfully submitted remove memory dump association of VM %s\n", name);
	return code;
}

static enum exit_code
get_vm(struct cli *cli, const char *name, struct answer *answer)
{
	g_autofree char *path = resource_path(&kinds[KIND_VM], cli->namespace, name);

	return client_call(cli->client, &(struct request){ .path = path, .quiet = true }, answer);
}

/* Of the guest that runs: as much memory as it has, and what goes with it. */
static enum exit_code
needed_size(struct cli *cli, const char *vm, char **size)
{
	g_autofree char *path = resource_path(&kinds[KIND_VMI], cli->namespace, vm);
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path, .quiet = true }, &answer);
	const char *memory;
	int64_t bytes = 0;
	struct error err = { 0 };

	if (code == EXIT_NOT_FOUND)
		return cli_fail(EXIT_CONFLICT, "VM %s does not run: there is no memory to be written", vm);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	memory = path_string(answer.body, "status.memory.guestRequested");
	if (memory == NULL)
		memory = path_string(answer.body, "spec.domain.memory.guest");
	if (memory == NULL || quantity_parse(memory, 1, &bytes, &err) < 0)
		return cli_fail(EXIT_ERROR, "VM %s does not tell how much memory it has: make the claim by hand", vm);
	bytes = (bytes + EXTRA_BYTES + ROUND_BYTES - 1) / ROUND_BYTES * ROUND_BYTES;
	*size = quantity_format_bytes(bytes);
	return EXIT_DONE;
}

static enum exit_code
create_claim(struct cli *cli, const struct arguments *arguments, const char *vm, const char *claim)
{
	g_autofree char *path = resource_path(&kinds[KIND_CLAIM], cli->namespace, NULL), *size = NULL;
	const char *mode = arguments_value(arguments, "access-mode");
	enum exit_code code = needed_size(cli, vm, &size);
	ANSWER answer = { 0 };
	json_auto_t *tree = NULL;

	if (code != EXIT_DONE)
		return code;
	path = resource_query(g_steal_pointer(&path), "dryRun", arguments_flag(arguments, "dry-run", false) ? "All" : NULL);
	tree = json_pack("{s:s,s:s,s:{s:s},s:{s:[s],s:{s:{s:s}},s:s*}}", "apiVersion", "v1", "kind", "PersistentVolumeClaim", "metadata", "name",
	    claim, "spec", "accessModes", mode == NULL ? "ReadWriteOnce" : mode, "resources", "requests", "storage", size, "storageClassName",
	    arguments_value(arguments, "storage-class"));
	code = client_call(cli->client, &(struct request){ .method = "POST", .path = path, .body = tree }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("PVC %s/%s created\n", cli->namespace, claim);
	return EXIT_DONE;
}

static bool
is_over(const void *arg, const json_t *object)
{
	const char *phase = object == NULL ? NULL : path_string(object, "status.memoryDumpRequest.phase");

	(void)arg;
	return object == NULL || phase == NULL || strcmp(phase, "Completed") == 0 || strcmp(phase, "Failed") == 0;
}

static enum exit_code
wait_for(struct cli *cli, const struct arguments *arguments, const char *name)
{
	ANSWER answer = { 0 };
	struct error err = { 0 };
	int64_t timeout;
	enum exit_code code;
	const char *phase, *message;

	if (arguments_duration(arguments, "timeout", WAIT_MS, &timeout, &err) < 0)
		return cli_fail_error(&err);
	code = until(cli, &kinds[KIND_VM], cli->namespace, name, is_over, NULL, clock_monotonic_ms() + timeout, &answer);
	if (code == EXIT_TIMEOUT)
		return cli_fail(code, "timed out waiting for the memory dump of %s", name);
	if (code == EXIT_DONE)
		code = get_vm(cli, name, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	phase = path_string(answer.body, "status.memoryDumpRequest.phase");
	message = path_string(answer.body, "status.memoryDumpRequest.message");
	if (phase == NULL || strcmp(phase, "Completed") != 0)
		return cli_fail(EXIT_ERROR, "the memory dump of %s failed: %s", name, message == NULL ? "it was removed" : message);
	return EXIT_DONE;
}
