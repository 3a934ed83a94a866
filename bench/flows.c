/*
 * The guards of many ports as the daemon makes them, for guards-sync of host_verbs.h: a JSON list, without the machines that they are of.
 *
 *   flows COUNT [FILE]      port i: MAC 52:54:00:10:xx:xx, address 10.8.x.x of number i + 10, with port security; FILE: a SecurityGroup
 *                           that all are members of
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/flows.h"
#include "src/api/kinds.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

static void __attribute__((noreturn))
fail(const char *what)
{
	fprintf(stderr, "flows: %s\n", what);
	exit(EXIT_FAILURE);
}

static struct security_group *
read_group(const char *path)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	g_autofree char *text = NULL;
	gsize length = 0;
	struct diagnostics diagnostics;
	struct security_group *group;
	const struct kind *kind;

	if (!g_file_get_contents(path, &text, &length, NULL))
		fail("the file of the group cannot be read");
	diagnostics_init(&diagnostics);
	document_read(path, text, length, documents, &diagnostics);
	group = documents->len == 0 ? NULL : kind_decode(documents->pdata[0], NULL, &kind, &diagnostics);
	g_autofree char *wrong = diagnostics_format(&diagnostics, SEVERITY_ERROR);
	if (group == NULL || kind != &kinds[KIND_SECURITY_GROUP])
		fail(*wrong != '\0' ? wrong : "a SecurityGroup is wanted");
	diagnostics_clear(&diagnostics);
	return group;
}

static const char *const *
no_members(void *arg, const char *group)
{
	(void)arg;
	(void)group;
	return NULL;
}

static json_t *
guard(unsigned i, const struct security_group *const *groups)
{
	g_autofree char *mac = g_strdup_printf("52:54:00:10:%02x:%02x", (i + 10) >> 8, (i + 10) & 255);
	g_autofree char *ip = g_strdup_printf("10.8.%u.%u", (i + 10) >> 8, (i + 10) & 255);
	const struct flow_pair pair = { ip, NULL };
	struct error err = { 0 };
	json_t *list = json_array();
	g_autoptr(GPtrArray) flows = flows_of_port(&(struct flow_port){ .segment = "bridge br-bench.100", .mac = mac, .port_security = true,
	    .pairs = &pair, .pair_count = 1, .groups = groups, .group_count = groups == NULL ? 0 : 1, .members = no_members }, &err);

	if (flows == NULL)
		fail(err.text);
	for (guint k = 0; k < flows->len; k++)
		json_array_append_new(list, json_string(flows->pdata[k]));
	return json_pack("{s:s,s:s,s:o}", "mac", mac, "ip", ip, "flows", list);
}

int
main(int argc, char **argv)
{
	const struct security_group *group = argc == 3 ? read_group(argv[2]) : NULL;
	json_t *all = json_array();

	if (argc != 2 && argc != 3)
		fail("usage: flows COUNT [FILE]");
	for (unsigned i = 0; i < (unsigned)atoi(argv[1]); i++)
		json_array_append_new(all, guard(i, group == NULL ? NULL : &group));
	json_dumpf(all, stdout, JSON_COMPACT);
	json_decref(all);
	if (group != NULL)
		schema_free(kinds[KIND_SECURITY_GROUP].schema, (void *)(uintptr_t)group);
	return 0;
}
