/* solovirt addvolume, removevolume: volumes that come and go, as virtctl asks for them. */
#include "config.h"

#include <stdio.h>

#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/resource.h"
#include "src/document/path.h"

static enum exit_code run_add(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_remove(struct cli *cli, const struct arguments *arguments);
static enum exit_code ask(struct cli *cli, const struct arguments *arguments, const char *verb, const char *done, json_t *body);
static json_t *find_source(struct cli *cli, const char *name, struct answer *answer, enum exit_code *code);
static enum exit_code find_object(
    struct cli *cli, enum kind_id kind, const char *name, struct answer *answer);

static const char *const disk_types[] = { "disk", "lun", NULL };
static const char *const buses[] = { "scsi", "virtio", NULL };
static const char *const caches[] = { "none", "writethrough", "writeback", NULL };

#define OPTION_VOLUME_NAME                                                                                             \
	{ .name = "volume-name", .argument = "NAME", .help = "Name of the volume; to add one, of a DataVolume or claim." }
#define OPTION_PERSIST { .name = "persist", .help = "Has no effect: what a machine has been given, it keeps." }
#define OPTION_ASK { .name = "dry-run", .help = "Only ask whether it could be done." }

static const struct option_row add_options[] = {
	OPTION_VOLUME_NAME,
	{ .name = "disk-type", .argument = "TYPE", .words = disk_types, .completion = COMPLETE_WORDS,
	    .help = "How the guest sees it: disk (the default) or lun." },
	{ .name = "bus", .argument = "BUS", .words = buses, .completion = COMPLETE_WORDS,
	    .help = "Where the guest sees it: scsi (the default) or virtio." },
	{ .name = "serial", .argument = "TEXT", .help = "Serial number of the disk; the name of the volume otherwise." },
	{ .name = "cache", .argument = "MODE", .words = caches, .completion = COMPLETE_WORDS,
	    .help = "How its writes are cached: none, writethrough, writeback." },
	OPTION_PERSIST,
	OPTION_ASK,
	OPTION_END,
};
static const struct option_row remove_options[] = { OPTION_VOLUME_NAME, OPTION_PERSIST, OPTION_ASK, OPTION_END };

const struct command command_addvolume = {
	.name = "addvolume",
	.usage = "VM --volume-name=NAME",
	.help = "Plugs a DataVolume or claim into a virtual machine.",
	.details = "The volume is added to the machine's template, and its guest sees it at once when it runs. An instance "
	           "that no machine stands behind is given it itself.",
	.examples = "solovirt addvolume demo --volume-name=data\n"
	            "solovirt addvolume demo --volume-name=data --bus=virtio --serial=DATA1 --cache=none",
	.options = add_options,
	.completion = COMPLETE_INSTANCES,
	.run = run_add,
};
const struct command command_removevolume = {
	.name = "removevolume",
	.usage = "VM --volume-name=NAME",
	.help = "Takes a volume that was plugged in out of a virtual machine.",
	.examples = "solovirt removevolume demo --volume-name=data",
	.options = remove_options,
	.completion = COMPLETE_INSTANCES,
	.run = run_remove,
};

/* The disk as the options describe it. */
static json_t *
described_disk(const struct arguments *arguments, const char *name)
{
	const char *type = arguments_value(arguments, "disk-type"), *bus = arguments_value(arguments, "bus");
	const char *serial = arguments_value(arguments, "serial"), *cache = arguments_value(arguments, "cache");

	return json_pack("{s:s,s:{s:s},s:s,s:s*}", "name", name, type == NULL ? "disk" : type, "bus", bus == NULL ? "scsi" : bus, "serial",
	    serial == NULL ? name : serial, "cache", cache);
}

static enum exit_code
run_add(struct cli *cli, const struct arguments *arguments)
{
	const char *name = arguments_value(arguments, "volume-name");
	enum exit_code code = EXIT_DONE;
	ANSWER answer = { 0 };
	json_t *source;

	if (name == NULL)
		return cli_fail(EXIT_USAGE, "say which volume: --volume-name=NAME");
	source = find_source(cli, name, &answer, &code);
	if (source == NULL)
		return code == EXIT_NOT_FOUND
		    ? cli_fail(code, "volume %s is neither a DataVolume nor a PersistentVolumeClaim of namespace %s", name, cli->namespace)
		    : answer_complain(&answer, code, NULL);
	return ask(cli, arguments, "addvolume", "add",
	    json_pack("{s:s,s:o,s:o}", "name", name, "disk", described_disk(arguments, name), "volumeSource", source));
}

static enum exit_code
run_remove(struct cli *cli, const struct arguments *arguments)
{
	const char *name = arguments_value(arguments, "volume-name");

	if (name == NULL)
		return cli_fail(EXIT_USAGE, "say which volume: --volume-name=NAME");
	return ask(cli, arguments, "removevolume", "remove", json_pack("{s:s}", "name", name));
}

/* Asks it of the machine, or of the instance when there is no machine.  Takes the reference to body. */
static enum exit_code
ask(struct cli *cli, const struct arguments *arguments, const char *verb, const char *done, json_t *body)
{
	json_auto_t *options = body;
	const struct kind *kind = NULL;
	const char *name = NULL;
	ANSWER answer = { 0 };
	struct error err = { 0 };
	enum exit_code code;

	if (arguments->words->len != 1)
		return cli_fail(EXIT_USAGE, "say which virtual machine, and only one");
	if (resource_parse(arguments->words->pdata[0], &kinds[KIND_VM], &kind, &name, &err) < 0)
		return cli_fail_error(&err);
	if (kind != &kinds[KIND_VM] && kind != &kinds[KIND_VMI])
		return cli_fail(EXIT_USAGE, "\"%s\" is no virtual machine", (const char *)arguments->words->pdata[0]);
	code = find_object(cli, KIND_VM, name, &answer);
	if (code != EXIT_DONE && code != EXIT_NOT_FOUND)
		return answer_complain(&answer, code, NULL);
	kind = &kinds[code == EXIT_DONE ? KIND_VM : KIND_VMI];
	if (arguments_flag(arguments, "dry-run", false))
		json_object_set_new(options, "dryRun", json_pack("[s]", "All"));
	g_autofree char *path = resource_verb_path(kind, cli->namespace, name, verb);
	code = client_call(cli->client, &(struct request){ .method = "PUT", .path = path, .body = options }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	if (arguments_flag(arguments, "dry-run", false))
		fputs("Dry Run execution\n", stdout);
	printf("Successfully submitted %s volume request to %s %s for volume %s\n", done, kind == &kinds[KIND_VM] ? "VM" : "VMI", name,
	    path_string(options, "name"));
	return EXIT_DONE;
}

/* A DataVolume of the name goes before its claim.  NULL with code, and with answer unless that is EXIT_NOT_FOUND. */
static json_t *
find_source(struct cli *cli, const char *name, struct answer *answer, enum exit_code *code)
{
	*code = find_object(cli, KIND_DATA_VOLUME, name, answer);
	if (*code == EXIT_DONE)
		return json_pack("{s:{s:s}}", "dataVolume", "name", name);
	if (*code == EXIT_NOT_FOUND)
		*code = find_object(cli, KIND_CLAIM, name, answer);
	return *code == EXIT_DONE ? json_pack("{s:{s:s}}", "persistentVolumeClaim", "claimName", name) : NULL;
}

static enum exit_code
find_object(struct cli *cli, enum kind_id kind, const char *name, struct answer *answer)
{
	g_autofree char *path = resource_path(&kinds[kind], cli->namespace, name);

	return client_call(cli->client, &(struct request){ .path = path, .quiet = true }, answer);
}
