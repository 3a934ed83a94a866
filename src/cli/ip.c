/* solovirt ip: who has which address of a Subnet, and addresses that are kept for somebody. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "src/api/ip_address.h"
#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/cli/client.h"
#include "src/cli/commands.h"
#include "src/cli/grid.h"
#include "src/cli/output.h"
#include "src/cli/resource.h"
#include "src/cli/step.h"
#include "src/document/path.h"

static enum exit_code run(struct cli *cli, const struct arguments *arguments);
static enum exit_code run_list(struct cli *cli, const struct arguments *arguments, const char *word);
static enum exit_code run_reserve(struct cli *cli, const struct arguments *arguments, const char *machine);
static enum exit_code run_release(struct cli *cli, const struct arguments *arguments, const char *word);

static const char *const steps[] = { "list", "reserve", "release", NULL };

static const struct step runs[] = {
	{ "list", NULL, false, run_list },
	{ "reserve", "MACHINE", false, run_reserve },
	{ "release", "NAME or ADDRESS", false, run_release },
	{ NULL, NULL, false, NULL },
};

static const struct option_row options[] = {
	{ .name = "output", .letter = 'o', .argument = "FORMAT", .help = "list: json, yaml, name or jsonpath=TEMPLATE." },
	{ .name = "no-headers", .help = "list: without headings." },
	{ .name = "subnet", .argument = "NAME", .help = "list: of this Subnet alone; reserve: the one that the address is of." },
	{ .name = "ip", .argument = "ADDRESS", .help = "reserve: the address, or one of each family with a comma between them." },
	{ .name = "mac", .argument = "MAC", .help = "reserve: a MAC that goes with it." },
	OPTION_END,
};

const struct command command_ip = {
	.name = "ip",
	.usage = "[list | reserve MACHINE --subnet=NAME --ip=ADDRESS | release NAME|ADDRESS]",
	.help = "Shows addresses of Subnets, and keeps them for machines.",
	.details =
	    "A machine keeps its address until it is deleted. reserve keeps one for a machine of the namespace that is there or will be; nobody else gets "
	    "it, and the machine gets no other. release ends that: a machine that has the address now keeps it until it is deleted. Both are IP objects of "
	    "kubeovn.io; those that only show what a machine has are labelled " IP_RESERVED "=false.",
	.examples = "solovirt ip\n"
	            "solovirt ip reserve web --subnet=office --ip=10.6.0.20\n"
	            "solovirt ip release 10.6.0.20",
	.options = options,
	.completion = COMPLETE_WORDS,
	.words = steps,
	.run = run,
};

static enum exit_code
run(struct cli *cli, const struct arguments *arguments)
{
	return step_run(cli, arguments, "ip", runs);
}

/* --- list ------------------------------------------------------------------------------------------------------------- */

static bool
is_kept(const json_t *ip)
{
	return g_strcmp0(json_string_value(json_object_get(path_find(ip, "metadata.labels"), IP_RESERVED)), "false") != 0;
}

/* Those of a Subnet (NULL: of all).  New reference, or NULL with code. */
static json_t *
get_ips(struct cli *cli, const char *subnet, enum exit_code *code)
{
	g_autofree char *path = resource_path(&kinds[KIND_IP], NULL, NULL);
	ANSWER answer = { 0 };
	json_t *ips, *item;
	size_t i;

	*code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	if (*code != EXIT_DONE) {
		answer_complain(&answer, *code, NULL);
		return NULL;
	}
	ips = json_array();
	json_array_foreach(json_object_get(answer.body, "items"), i, item)
		if (subnet == NULL || g_strcmp0(path_string(item, "spec.subnet"), subnet) == 0)
			json_array_append(ips, item);
	return ips;
}

static enum exit_code
list_table(struct cli *cli, const struct arguments *arguments, const json_t *ips)
{
	static const char *const headings[] = { "NAME", "V4IP", "V6IP", "MAC", "MACHINE", "NODE", "SUBNET", "RESERVED" };
	struct grid *grid = grid_new(cli->color);
	json_t *item;
	size_t i;

	if (json_array_size(ips) == 0)
		fputs("No addresses of Subnets are in use.\n", stderr);
	grid_headings(grid, !arguments_flag(arguments, "no-headers", false));
	for (i = 0; i < G_N_ELEMENTS(headings); i++)
		grid_column(grid, headings[i]);
	json_array_foreach(ips, i, item) {
		g_autofree char *machine = g_strdup_printf("%s/%s", path_string(item, "spec.namespace"), path_string(item, "spec.podName"));
		grid_row(grid, (const char *const[]){ path_string(item, "metadata.name"), path_string(item, "spec.v4IpAddress"), path_string(item, "spec.v6IpAddress"),
		    path_string(item, "spec.macAddress"), machine, path_string(item, "spec.nodeName"), path_string(item, "spec.subnet"),
		    is_kept(item) ? "true" : "false" });
	}
	grid_print(grid, stdout);
	grid_free(grid);
	return EXIT_DONE;
}

static enum exit_code
run_list(struct cli *cli, const struct arguments *arguments, const char *word)
{
	struct output output;
	struct error err = { 0 };
	enum exit_code code;
	json_auto_t *ips = NULL, *list = NULL;
	json_t *item;
	size_t i;
	int rc = 0;

	(void)word;
	if (output_parse(arguments_value(arguments, "output"), &output, &err) < 0)
		return cli_fail_error(&err);
	ips = get_ips(cli, arguments_value(arguments, "subnet"), &code);
	if (ips == NULL)
		return code;
	if (output.format <= OUTPUT_WIDE)
		return list_table(cli, arguments, ips);
	if (output.format == OUTPUT_NAME) {
		json_array_foreach(ips, i, item)
			rc = rc < 0 ? rc : output_print(&output, item, i == 0, stdout, &err);
		return rc < 0 ? cli_fail_error(&err) : EXIT_DONE;
	}
	list = output_list(g_steal_pointer(&ips));
	return output_print(&output, list, true, stdout, &err) < 0 ? cli_fail_error(&err) : EXIT_DONE;
}

/* --- reserve ---------------------------------------------------------------------------------------------------------- */

/* "a", "a,b", "b": of each version one. */
static enum exit_code
put_addresses(json_t *spec, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	struct error err = { 0 };
	struct ip ip;

	for (char **part = parts; *part != NULL; part++) {
		if (ip_parse(g_strstrip(*part), &ip, &err) != 0)
			return cli_fail(EXIT_USAGE, "--ip: %s", err.text);
		const char *field = ip_version(&ip) == 4 ? "v4IpAddress" : "v6IpAddress";
		if (json_object_get(spec, field) != NULL)
			return cli_fail(EXIT_USAGE, "--ip: two addresses of IPv%d: a machine has one of each version", ip_version(&ip));
		json_object_set_new(spec, field, json_string(*part));
	}
	return EXIT_DONE;
}

static enum exit_code
run_reserve(struct cli *cli, const struct arguments *arguments, const char *machine)
{
	const char *subnet = arguments_value(arguments, "subnet"), *address = arguments_value(arguments, "ip");
	g_autofree char *path = NULL, *name = NULL, *all = resource_path(&kinds[KIND_IP], NULL, NULL);
	ANSWER answer = { 0 };
	enum exit_code code;

	if (subnet == NULL || address == NULL)
		return cli_fail(EXIT_USAGE, "say which address of which Subnet: --subnet=NAME --ip=ADDRESS");
	path = resource_path(&kinds[KIND_SUBNET], NULL, subnet);
	code = client_call(cli->client, &(struct request){ .path = path }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	name = ip_address_name(machine, cli->namespace, path_string(answer.body, "spec.provider"));
	json_auto_t *ip = json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:s,s:s,s:s,s:s,s:s*}}", "apiVersion", kind_api_version(&kinds[KIND_IP]), "kind", "IP",
	    "metadata", "name", name, "labels", IP_RESERVED, "true", "spec", "podName", machine, "namespace", cli->namespace, "podType", "VirtualMachine",
	    "subnet", subnet, "macAddress", arguments_value(arguments, "mac"));
	code = put_addresses(json_object_get(ip, "spec"), address);
	if (code != EXIT_DONE)
		return code;
	code = client_call(cli->client, &(struct request){ .method = "POST", .path = all, .body = ip }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("ip %s is reserved for %s/%s\n", address, cli->namespace, machine);
	return EXIT_DONE;
}

/* --- release ---------------------------------------------------------------------------------------------------------- */

static bool
is_called(const json_t *ip, const char *word)
{
	return g_strcmp0(path_string(ip, "metadata.name"), word) == 0 || g_strcmp0(path_string(ip, "spec.v4IpAddress"), word) == 0 ||
	    g_strcmp0(path_string(ip, "spec.v6IpAddress"), word) == 0;
}

static enum exit_code
run_release(struct cli *cli, const struct arguments *arguments, const char *word)
{
	enum exit_code code;
	json_auto_t *ips = get_ips(cli, arguments_value(arguments, "subnet"), &code);
	const json_t *found = NULL;
	json_t *item;
	ANSWER answer = { 0 };
	size_t i;

	if (ips == NULL)
		return code;
	json_array_foreach(ips, i, item) {
		if (is_called(item, word) && found != NULL)
			return cli_fail(EXIT_USAGE, "%s is an address of several Subnets: say which, --subnet=NAME", word);
		found = is_called(item, word) ? item : found;
	}
	if (found == NULL)
		return cli_fail(EXIT_NOT_FOUND, "nobody has the address %s, and none is kept by that name", word);
	if (!is_kept(found))
		return cli_fail(EXIT_CONFLICT, "%s is in use by %s/%s, which has it until it is deleted or asks for another one", word,
		    path_string(found, "spec.namespace"), path_string(found, "spec.podName"));
	g_autofree char *path = resource_path(&kinds[KIND_IP], NULL, path_string(found, "metadata.name"));
	code = client_call(cli->client, &(struct request){ .method = "DELETE", .path = path }, &answer);
	if (code != EXIT_DONE)
		return answer_complain(&answer, code, NULL);
	printf("ip %s released\n", word);
	return EXIT_DONE;
}
