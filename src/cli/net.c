/* solovirt net: what machines have of networks, and what becomes of their packets. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"
#include "src/cli/resource.h"
#include "src/cli/step.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_show(struct cli *cli, const struct arguments *arguments, const char *machine);
static enum exit_code run_trace(struct cli *cli, const struct arguments *arguments, const char *machine);

static const char *const steps[] = { "show", "trace", NULL };

static const struct step runs[] = {
	{ "show", "MACHINE", true, run_show },
	{ "trace", "MACHINE", false, run_trace },
	{ NULL, NULL, false, NULL },
};

static const char *const protocols[] = { "icmp", "tcp", "udp", NULL };
static const struct option_row options[] = {
	{ .name = "no-headers", .help = "show: without headings." },
	{ .name = "to", .argument = "ADDRESS", .help = "trace: where the packet goes." },
	{ .name = "interface", .argument = "NAME", .help = "trace: which one sends it; the first in Open vSwitch otherwise." },
	{ .name = "protocol", .argument = "PROTOCOL", .words = protocols, .completion = COMPLETE_WORDS, .help = "trace: icmp, tcp or udp; icmp otherwise." },
	{ .name = "port", .argument = "NUMBER", .help = "trace: to which port, with tcp and udp." },
	{ .name = "verbose", .letter = 'v', .help = "trace: every flow that the packet meets, as ovs-appctl ofproto/trace says it." },
	OPTION_END,
};

const struct command command_net = {
	.name = "net",
	.usage = "[show [MACHINE] | trace MACHINE --to=ADDRESS]",
	.help = "Shows the interfaces of running machines, and what would become of a packet.",
	.details =
	    "show (the default) lists interfaces with their networks, addresses and what guards them. trace asks the host's Open vSwitch what it would do with "
	    "a packet that the machine sends: \"forwarded\" (exit code 0), or \"dropped\" (exit code 1) and the flow that drops it, of port security or "
	    "of a security group.",
	.examples = "solovirt net show web\n"
	            "solovirt net trace web --to=10.6.0.9 --protocol=tcp --port=443",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = steps,
	.rest = COMPLETE_INSTANCES,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	return step_run(cli, arguments, "net", runs);
}

/* --- show ------------------------------------------------------------------------------------------------------------- */

/* The network that an interface names: "default" for the pod's. */
static const char *
network_of(const json_t *instance, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(path_find(instance, "spec.networks"), i, item) {
		const char *multus = path_string(item, "multus.networkName");
		if (g_strcmp0(path_string(item, "name"), name) == 0 && multus != NULL)
			return multus;
	}
	return "(pod)";
}

/* What the annotations that end so say, for whichever network. */
static const char *
annotation_of(const json_t *instance, const char *end)
{
	json_t *all = path_find(instance, "metadata.annotations"), *value;
	const char *name;

	json_object_foreach(all, name, value)
		if (g_str_has_suffix(name, end))
			return json_string_value(value);
	return NULL;
}

static void
add_rows(struct grid *grid, const json_t *instance)
{
	const char *secure = annotation_of(instance, ".kubernetes.io/port_security"), *groups = annotation_of(instance, ".kubernetes.io/security_groups");
	json_t *item, *ip;
	size_t i, k;

	json_array_foreach(path_find(instance, "status.interfaces"), i, item) {
		const char *name = path_string(item, "name");
		g_autoptr(GString) ips = g_string_new(NULL);
		const char *network = network_of(instance, name);
		bool pod = strcmp(network, "(pod)") == 0;
		json_array_foreach(json_object_get(item, "ipAddresses"), k, ip)
			g_string_append_printf(ips, "%s%s", k == 0 ? "" : ",", json_string_value(ip));
		grid_row(grid, (const char *const[]){ path_string(instance, "metadata.namespace"), path_string(instance, "metadata.name"), name, network,
		    path_string(item, "mac"), ips->len == 0 ? NULL : ips->str, path_string(item, "linkState"), pod || secure == NULL ? "false" : secure,
		    pod ? NULL : groups });
	}
}

static enum exit_code
run_show(struct cli *cli, const struct arguments *arguments, const char *machine)
{
	static const char *const headings[] = { "NAMESPACE", "MACHINE", "INTERFACE", "NETWORK", "MAC", "IP", "LINK", "PORT-SECURITY", "SECURITY-GROUPS" };
	g_autofree char *path = resource_path(&kinds[KIND_VMI], cli->all_namespaces ? NULL : cli->namespace, machine);
	ANSWER answer = { 0 };
	enum exit_code code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	struct grid *grid;
	json_t *item;
	size_t i;

	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	grid = grid_new(cli->color);
	grid_headings(grid, !arguments_flag(arguments, "no-headers", false));
	for (i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	if (machine != NULL)
		add_rows(grid, answer.body);
	json_array_foreach(json_object_get(answer.body, "items"), i, item)
		add_rows(grid, item);
	grid_print(grid, stdout);
	grid_free(grid);
	return EXIT_DONE;
}

/* --- trace ------------------------------------------------------------------------------------------------------------ */

static enum exit_code
run_trace(struct cli *cli, const struct arguments *arguments, const char *machine)
{
	static const char *const asked[] = { "to", "interface", "protocol", "port" };
	char *path = resource_verb_path(&kinds[KIND_VMI], cli->namespace, machine, "trace");
	ANSWER answer = { 0 };
	enum exit_code code;
	bool forwarded;

	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++)
		path = resource_query(path, asked[i], arguments_value(arguments, asked[i]));
	code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	g_free(path);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	forwarded = json_is_true(json_object_get(answer.body, "forwarded"));
	if (arguments_flag(arguments, "verbose", false))
		fputs(path_string(answer.body, "text"), stdout);
	printf("%s: %s %s\n", path_string(answer.body, "interface"), path_string(answer.body, "packet"), forwarded ? "forwarded" : "dropped");
	printf("by %s\n", path_string(answer.body, "rule"));
	return forwarded ? EXIT_DONE : EXIT_ERROR;
}
