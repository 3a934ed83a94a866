/* Secret, ConfigMap, Node, Event: rows, and reading data keys. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/core.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"

static const struct schema_field secret_rows[] = {
	HEAD_ROWS(struct secret),
	{ STRING("type", struct secret, type), .dflt = "Opaque", .doc = "Word for programs." },
	{ MAP("data", struct secret, data), .flags = FIELD_SECRET, .check = check_config_key, .doc = "Values in base64, by key." },
	{ MAP("stringData", struct secret, string_data), .flags = FIELD_SECRET, .check = check_config_key, .doc = "Values as they are, by key; stored under data." },
	{ TRISTATE("immutable", struct secret, immutable), .doc = "Its data may not change." },
	{ 0 },
};
static void
check_values(const struct schema_map *map, const char *field, const char *plain, const struct document *document,
    struct diagnostics *diagnostics)
{
	struct error err = { 0 };

	for (size_t i = 0; i < map->count; i++) {
		g_autoptr(GString) path = g_string_new(field);

		if (check_base64(map->entries[i].value, &err) == 0)
			continue;
		path_member(path, map->entries[i].name);
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, path->str, "%s; plain text goes under %s",
		    err.text, plain);
	}
}

static void
secret_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct secret *secret = object;

	(void)path;
	check_values(&secret->data, "data", "stringData", document, diagnostics);
}
SCHEMA(secret_schema, struct secret, "Secret", "Data that is not shown.", secret_rows, .check = secret_check, .nullable = true);

static const struct schema_field config_map_rows[] = {
	HEAD_ROWS(struct config_map),
	{ MAP("data", struct config_map, data), .check = check_config_key, .doc = "Texts by key." },
	{ MAP("binaryData", struct config_map, binary_data), .check = check_config_key, .doc = "Values in base64, by key." },
	{ TRISTATE("immutable", struct config_map, immutable), .doc = "Its data may not change." },
	{ 0 },
};
static void
config_map_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct config_map *map = object;

	(void)path;
	check_values(&map->binary_data, "binaryData", "data", document, diagnostics);
	for (size_t i = 0; i < map->binary_data.count; i++) {
		g_autoptr(GString) key = g_string_new("binaryData");

		if (schema_map_get(&map->data, map->binary_data.entries[i].name) == NULL)
			continue;
		path_member(key, map->binary_data.entries[i].name);
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_DUPLICATE, document, key->str, "is also written under data");
	}
}
SCHEMA(config_map_schema, struct config_map, "ConfigMap", "Data.", config_map_rows, .check = config_map_check, .nullable = true);

static const struct schema_field node_spec_rows[] = {
	{ STRING("providerID", struct node_spec, provider_id), .doc = "The host's libvirt URI." },
	{ BOOL("unschedulable", struct node_spec, unschedulable), .doc = "No new instances are placed here." },
	{ IGNORED("taints", LIST, "Placement follows capacity and nodeSelector.") },
	{ IGNORED("podCIDR", STRING, "There are no pods.") },
	{ 0 },
};
static SCHEMA(node_spec_schema, struct node_spec, "NodeSpec", "A host as it is wanted.", node_spec_rows, .nullable = true);
static const struct schema_field node_address_rows[] = {
	{ STRING("type", struct node_address, type), .doc = "Hostname or InternalIP." },
	{ STRING("address", struct node_address, address), .doc = "The address." },
	{ 0 },
};
static SCHEMA(node_address_schema, struct node_address, "NodeAddress", "An address of the host.", node_address_rows, .nullable = true);
static const struct schema_field node_resources_rows[] = {
	{ MILLI("cpu", struct node_resources, cpu), .doc = "Processors." },
	{ QUANTITY("memory", struct node_resources, memory), .doc = "Bytes of memory." },
	{ INT("pods", struct node_resources, pods), .doc = "Instances." },
	{ 0 },
};
static SCHEMA(node_resources_schema, struct node_resources, "NodeResources", "What the host has.", node_resources_rows, .nullable = true);
static const struct schema_field node_info_rows[] = {
	{ STRING("kernelVersion", struct node_info, kernel_version), .doc = "Kernel of the host." },
	{ STRING("osImage", struct node_info, os_image), .doc = "System of the host." },
	{ STRING("containerRuntimeVersion", struct node_info, container_runtime_version), .doc = "Versions of libvirt and QEMU." },
	{ STRING("kubeletVersion", struct node_info, kubelet_version), .doc = "Version of the worker." },
	{ STRING("architecture", struct node_info, architecture), .doc = "Processor architecture." },
	{ STRING("operatingSystem", struct node_info, operating_system), .doc = "The system." },
	{ STRING("systemUUID", struct node_info, system_uuid), .doc = "The host's UUID." },
	{ 0 },
};
static SCHEMA(node_info_schema, struct node_info, "NodeSystemInfo", "The host's software.", node_info_rows, .nullable = true);
static const struct schema_field node_status_rows[] = {
	{ OBJECT("capacity", struct node_status, capacity, struct node_resources, &node_resources_schema), .doc = "What the host has." },
	{ OBJECT("allocatable", struct node_status, allocatable, struct node_resources, &node_resources_schema), .doc = "What may be promised to instances, overcommit applied." },
	{ LIST("conditions", struct node_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ LIST("addresses", struct node_status, addresses, &node_address_schema), .doc = "Its addresses." },
	{ OBJECT("nodeInfo", struct node_status, node_info, struct node_info, &node_info_schema), .doc = "Its software." },
	{ 0 },
};
SCHEMA(node_status_schema, struct node_status, "NodeStatus", "What is known of a host.", node_status_rows, .nullable = true);
static const struct schema_field node_rows[] = {
	HEAD_ROWS(struct node),
	{ OBJECT("spec", struct node, spec, struct node_spec, &node_spec_schema), .flags = FIELD_PRESENT, .doc = "The host as it is wanted." },
	{ OBJECT("status", struct node, status, struct node_status, &node_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(node_schema, struct node, "Node", "A libvirt host.", node_rows, .nullable = true);

static const struct schema_field reference_rows[] = {
	{ STRING("apiVersion", struct object_reference, api_version), .doc = "Version of its kind." },
	{ STRING("kind", struct object_reference, kind), .doc = "Its kind." },
	{ STRING("namespace", struct object_reference, namespace), .doc = "Its namespace." },
	{ STRING("name", struct object_reference, name), .doc = "Its name." },
	{ STRING("uid", struct object_reference, uid), .doc = "Its uid." },
	{ STRING("resourceVersion", struct object_reference, resource_version), .doc = "Its version." },
	{ STRING("fieldPath", struct object_reference, field_path), .doc = "A part of it." },
	{ 0 },
};
static SCHEMA(reference_schema, struct object_reference, "ObjectReference", "An object.", reference_rows, .nullable = true);
static const struct schema_field event_source_rows[] = {
	{ STRING("component", struct event_source, component), .doc = "Part of the daemon." },
	{ STRING("host", struct event_source, host), .doc = "The host." },
	{ 0 },
};
static SCHEMA(event_source_schema, struct event_source, "EventSource", "Who tells.", event_source_rows, .nullable = true);
static const struct schema_field event_rows[] = {
	HEAD_ROWS(struct event_object),
	{ OBJECT("involvedObject", struct event_object, involved_object, struct object_reference, &reference_schema), .flags = FIELD_PRESENT, .doc = "What it is about." },
	{ STRING("reason", struct event_object, reason), .doc = "One word for programs." },
	{ STRING("message", struct event_object, message), .doc = "One sentence for people." },
	{ STRING("type", struct event_object, type), .doc = "Normal or Warning." },
	{ OBJECT("source", struct event_object, source, struct event_source, &event_source_schema), .doc = "Who tells." },
	{ TIME("firstTimestamp", struct event_object, first_timestamp), .doc = "When it happened first." },
	{ TIME("lastTimestamp", struct event_object, last_timestamp), .doc = "When it happened last." },
	{ INT("count", struct event_object, count), .doc = "How often it happened." },
	{ 0 },
};
SCHEMA(event_schema, struct event_object, "Event", "Something that happened.", event_rows, .nullable = true);

static char *
base64_value(const char *text, size_t *length)
{
	g_autofree guchar *bytes = NULL;
	char *value;
	gsize n;

	bytes = g_base64_decode(text, &n);
	value = g_malloc(n + 1);
	memcpy(value, bytes, n);
	value[n] = '\0';
	*length = n;
	return value;
}

char *
secret_value(const struct secret *secret, const char *key, size_t *length)
{
	const char *text = schema_map_get(&secret->data, key);

	return text == NULL ? NULL : base64_value(text, length);
}

char *
config_map_value(const struct config_map *map, const char *key, size_t *length)
{
	const char *text = schema_map_get(&map->data, key), *binary = schema_map_get(&map->binary_data, key);

	if (text == NULL)
		return binary == NULL ? NULL : base64_value(binary, length);
	*length = strlen(text);
	return g_strdup(text);
}
