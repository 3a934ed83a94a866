/* ProviderNetwork (kubeovn.io/v1): a wire outside, and by which network card each host reaches it. */
#ifndef SOLOVIRT_API_PROVIDER_NETWORK_H
#define SOLOVIRT_API_PROVIDER_NETWORK_H

#include "src/api/meta.h"
#include "src/api/placement.h"

/* The bridge of provider network "office" is "br-office" on every host. */
#define PROVIDER_BRIDGE "br-"
enum { PROVIDER_NETWORK_NAME_MOST = 12 }; /* characters: with PROVIDER_BRIDGE the 15 that Linux allows */

struct custom_interface {
	char *interface;
	char **nodes;
};
struct provider_network_spec {
	char *default_interface;
	struct schema_list custom_interfaces; /* struct custom_interface; a node is in one at most */
	struct label_selector *node_selector; /* NULL: all nodes but those of exclude_nodes; else these */
	char **exclude_nodes;
	bool exchange_link_name, create_vlan_interfaces, preserve_vlan_interfaces; /* ignored, with a warning */
};
/* A condition of one node. */
struct provider_network_condition {
	char *node, *type, *status, *reason, *message;
	int64_t last_transition_time;
};
struct provider_network_status {
	bool ready;
	char **ready_nodes, **not_ready_nodes;
	char **vlans;                  /* names of its Vlan objects */
	struct schema_list conditions; /* struct provider_network_condition */
};
struct provider_network {
	struct object_head head;
	struct provider_network_spec *spec;     /* never NULL */
	struct provider_network_status *status; /* never NULL */
};

extern const struct schema provider_network_schema, provider_network_status_schema, provider_network_condition_schema;

/* The network card by which a node of these labels reaches the wire, or NULL: the node is not one of it.  Borrowed. */
const char *provider_network_interface(const struct provider_network_spec *spec, const char *node, const struct schema_map *labels);

#endif
