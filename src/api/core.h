/* Secret, ConfigMap, Node, Event (v1). */
#ifndef SOLOVIRT_API_CORE_H
#define SOLOVIRT_API_CORE_H

#include "src/api/meta.h"

struct secret {
	struct object_head head;
	char *type;
	struct schema_map data;        /* values in base64, as written */
	struct schema_map string_data; /* plain; admission moves it into data */
	enum tristate immutable;
};
struct config_map {
	struct object_head head;
	struct schema_map data, binary_data; /* binary_data in base64 */
	enum tristate immutable;
};

struct node_spec {
	char *provider_id; /* the libvirt URI */
	bool unschedulable;
};
struct node_address {
	char *type, *address;
};
struct node_resources {
	int64_t cpu;    /* millicores */
	int64_t memory; /* bytes */
	int64_t pods;
};
struct node_info {
	char *kernel_version, *os_image, *container_runtime_version /* "libvirt://9.0.0 qemu://7.2.0" */, *kubelet_version,
	    *architecture, *operating_system, *system_uuid;
};
struct node_status {
	struct node_resources *capacity, *allocatable;
	struct schema_list conditions, addresses;
	struct node_info *node_info;
};
struct node {
	struct object_head head;
	struct node_spec *spec;     /* never NULL */
	struct node_status *status; /* never NULL */
};

struct object_reference {
	char *api_version, *kind, *namespace, *name, *uid, *resource_version, *field_path;
};
struct event_source {
	char *component, *host;
};
struct event_object {
	struct object_head head;
	struct object_reference *involved_object;
	char *reason, *message, *type;
	struct event_source *source;
	int64_t first_timestamp, last_timestamp, count;
};

extern const struct schema secret_schema, config_map_schema, node_schema, node_status_schema, event_schema;

/* Looks a key up in a Secret or ConfigMap and decodes it.  NULL when absent.  *length is set; the bytes end in an extra NUL;
 * caller g_free()s (OPENSSL_cleanse is not needed: pages are not shared). */
char *secret_value(const struct secret *secret, const char *key, size_t *length);
char *config_map_value(const struct config_map *map, const char *key, size_t *length);

#endif
