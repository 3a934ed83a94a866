/* Nodes: what the hosts told, as objects.  Written only when something changes: heartbeats never enter history. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "src/api/core.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"
#include "src/document/path.h"

static const struct object *
node_create(struct daemon *daemon, const struct host *host, struct error *err)
{
	json_t *tree = json_pack("{s:s,s:s,s:{s:s,s:{s:s,s:s}},s:{s:s}}", "apiVersion", "v1", "kind", "Node", "metadata", "name", host->name,
	    "labels", "kubernetes.io/hostname", host->name, "kubevirt.io/schedulable", "true", "spec", "providerID", host->uri);

	return objects_create_tree(daemon, tree, NULL, err);
}

static void
copy_text(char **at, const json_t *facts, const char *name)
{
	const char *text = path_string(facts, name);

	if (text == NULL)
		return;
	g_free(*at);
	*at = g_strdup(text);
}

static void
fill_info(struct node_status *status, const struct host *host)
{
	const struct schema *sub = NULL;
	const char *libvirt = path_string(host->facts, "libvirtVersion"), *qemu = path_string(host->facts, "qemuVersion");

	schema_find(&node_status_schema, "nodeInfo", &sub);
	if (status->node_info == NULL)
		status->node_info = schema_new(sub);
	copy_text(&status->node_info->kernel_version, host->facts, "kernelVersion");
	copy_text(&status->node_info->os_image, host->facts, "osImage");
	copy_text(&status->node_info->architecture, host->facts, "architecture");
	copy_text(&status->node_info->system_uuid, host->facts, "uuid");
	g_free(status->node_info->container_runtime_version);
	status->node_info->container_runtime_version = g_strdup_printf("libvirt://%s qemu://%s", libvirt == NULL ? "?" : libvirt,
	    qemu == NULL ? "?" : qemu);
	g_free(status->node_info->kubelet_version);
	status->node_info->kubelet_version = g_strdup("v" PACKAGE_VERSION);
	g_free(status->node_info->operating_system);
	status->node_info->operating_system = g_strdup("linux");
}

static void
fill_resources(struct node_resources **at, int64_t cpu, int64_t memory)
{
	if (*at == NULL)
		*at = g_new0(struct node_resources, 1);
	**at = (struct node_resources){ .cpu = cpu, .memory = memory, .pods = 0 };
}

static void
fill_addresses(struct node_status *status, const struct host *host)
{
	const struct schema *sub = NULL;
	json_t *item;
	size_t i;

	schema_find(&node_status_schema, "addresses", &sub);
	while (status->addresses.count > 0)
		schema_list_remove(&status->addresses, sub, 0);
	json_array_foreach (json_object_get(host->facts, "addresses"), i, item) {
		struct node_address *a = schema_list_add(&status->addresses, sub);
		a->type = g_strdup("InternalIP");
		a->address = g_strdup(json_string_value(item));
	}
	struct node_address *name = schema_list_add(&status->addresses, sub);
	name->type = g_strdup("Hostname");
	name->address = g_strdup(host->name);
}

static void
fill_conditions(struct daemon *daemon, struct node_status *status, const struct host *host)
{
	int64_t now = daemon_now(daemon);
	bool ready = host->state == HOST_READY;

	condition_set(&status->conditions, "Ready", ready, ready ? "LibvirtReady" : "LibvirtNotReady",
	    ready ? "libvirt answers" : host->problem, now);
	if (ready || host->emulation)
		condition_set(&status->conditions, "KVMUsable", !host->emulation, host->emulation ? "Emulation" : "KVM",
		    host->emulation ? (host->emulation_reason == NULL ? "guests run by emulation" : host->emulation_reason) : "guests run on KVM", now);
	if (store_problem(daemon->store) != NULL)
		condition_set(&status->conditions, "StoreWritable", false, "StoreProblem", store_problem(daemon->store), now);
	else
		condition_set(&status->conditions, "StoreWritable", true, "StoreReady", NULL, now);
}

void
node_update(struct daemon *daemon, struct host *host)
{
	const struct object *object = store_get(daemon->store, KIND_NODE, "", host->name);
	struct node_status *status = g_malloc0(sizeof(*status));
	struct error err = { 0 };
	struct diagnostics diagnostics;
	int64_t cpu, memory;
	json_t *tree;

	if (object == NULL)
		object = node_create(daemon, host, &err);
	if (object == NULL) {
		log_warning("node %s: %s", host->name, err.text);
		g_free(status);
		return;
	}
	tree = object_tree(object);
	diagnostics_init(&diagnostics);
	if (json_object_get(tree, "status") != NULL)
		schema_decode(&node_status_schema, json_object_get(tree, "status"), NULL, "status", status, &diagnostics);
	diagnostics_clear(&diagnostics);
	json_decref(tree);
	if (host->facts != NULL) {
		fill_info(status, host);
		fill_addresses(status, host);
		fill_resources(&status->capacity, host->cpus * 1000, host->memory);
		host_allocatable(host, &cpu, &memory);
		fill_resources(&status->allocatable, cpu, memory);
	}
	fill_conditions(daemon, status, host);
	if (objects_set_status(daemon, object, status, &err) != 0)
		log_debug("node %s: %s", host->name, err.text);
	schema_free(&node_status_schema, status);
}
