/* ProviderNetwork: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/provider_network.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

enum { INTERFACE_NAME_MOST = 15 }; /* Linux: IFNAMSIZ without its end */

static int
check_interface_name(const char *text, struct error *err)
{
	bool good = *text != '\0' && strlen(text) <= INTERFACE_NAME_MOST && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && *text != '-';

	for (const char *c = text; good && *c != '\0'; c++)
		good = g_ascii_isgraph(*c) && *c != '/' && *c != ':';
	return good ? 0 : error_set(err, EINVAL, "\"%.40s\" is not a network card such as eth1: at most %d characters, without slash, colon and space", text,
	                            INTERFACE_NAME_MOST);
}

const char *
provider_network_interface(const struct provider_network_spec *spec, const char *node, const struct schema_map *labels)
{
	if (spec->node_selector != NULL ? !label_selector_matches(spec->node_selector, labels)
	                                : spec->exclude_nodes != NULL && g_strv_contains((const char *const *)spec->exclude_nodes, node))
		return NULL;
	SCHEMA_EACH (struct custom_interface, custom, &spec->custom_interfaces)
		if (custom->nodes != NULL && g_strv_contains((const char *const *)custom->nodes, node))
			return custom->interface;
	return spec->default_interface;
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

static void
check_name(const struct checking *c, const char *name)
{
	if (name == NULL)
		return;
	if (strlen(name) > PROVIDER_NETWORK_NAME_MOST)
		complain(c, CAUSE_INVALID, "metadata.name", "has %zu characters: at most %d are possible, because its bridges are called " PROVIDER_BRIDGE "NAME",
		    strlen(name), PROVIDER_NETWORK_NAME_MOST);
	/* br-int and br-external are bridges of Kube-OVN itself, which may be on the hosts. */
	if (strcmp(name, "int") == 0 || strcmp(name, "external") == 0)
		complain(c, CAUSE_INVALID, "metadata.name", "cannot be %s: " PROVIDER_BRIDGE "%s is a bridge of Kube-OVN's own", name, name);
}

static void
check_custom(const struct checking *c, const struct provider_network_spec *spec)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i = 0;

	SCHEMA_EACH (struct custom_interface, custom, &spec->custom_interfaces) {
		g_autofree char *field = g_strdup_printf("spec.customInterfaces[%zu].nodes", i++);
		if (custom->nodes == NULL || custom->nodes[0] == NULL)
			complain(c, CAUSE_REQUIRED, field, "is required: the nodes that have this card");
		for (char **node = custom->nodes; node != NULL && *node != NULL; node++)
			if (!g_hash_table_add(seen, *node))
				complain(c, CAUSE_DUPLICATE, field, "names %s once more: a node has one card for it", *node);
	}
}

/* Kube-OVN makes them ports of the bridge. */
#define HOST_VLANS "VLAN interfaces of the host are not moved: give guests a card without any"

static void
provider_network_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct provider_network *network = object;
	const struct checking c = { .document = document, .path = "", .diagnostics = diagnostics };

	(void)path;
	if (document == NULL)
		return; /* what is stored was judged when it came */
	check_name(&c, network->head.meta->name);
	check_custom(&c, network->spec);
	if (network->spec->node_selector != NULL && network->spec->exclude_nodes != NULL)
		advise(&c, "spec.excludeNodes", "is ignored beside nodeSelector, which says which nodes there are");
	if (network->spec->exchange_link_name)
		advise(&c, "spec.exchangeLinkName", "is ignored: the bridge is called " PROVIDER_BRIDGE "NAME, and a card keeps its name");
	if (network->spec->create_vlan_interfaces)
		advise(&c, "spec.autoCreateVlanSubinterfaces", "is ignored: write a card that is there; tags come from Vlans");
	if (network->spec->preserve_vlan_interfaces)
		advise(&c, "spec.preserveVlanInterfaces", "is ignored: " HOST_VLANS);
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

static const struct schema_field custom_rows[] = {
	{ STRING("interface", struct custom_interface, interface), .flags = FIELD_REQUIRED, .check = check_interface_name, .doc = "Network card of these nodes." },
	{ STRINGS("nodes", struct custom_interface, nodes), .check = check_dns_subdomain, .doc = "Nodes that have it." },
	{ 0 },
};
static SCHEMA(custom_schema, struct custom_interface, "CustomInterface", "A network card that some nodes have instead.", custom_rows);
static const struct schema_field spec_rows[] = {
	{ STRING("defaultInterface", struct provider_network_spec, default_interface), .flags = FIELD_REQUIRED, .check = check_interface_name, .doc = "Network card by which nodes reach the wire." },
	{ LIST("customInterfaces", struct provider_network_spec, custom_interfaces, &custom_schema), .doc = "Nodes that have another card." },
	{ OBJECT("nodeSelector", struct provider_network_spec, node_selector, struct label_selector, &label_selector_schema), .doc = "Nodes that reach it, by their labels; all when not given." },
	{ STRINGS("excludeNodes", struct provider_network_spec, exclude_nodes), .check = check_dns_subdomain, .doc = "Nodes that do not reach it." },
	{ BOOL("exchangeLinkName", struct provider_network_spec, exchange_link_name), .doc = "Ignored: a card keeps its name." },
	{ BOOL("autoCreateVlanSubinterfaces", struct provider_network_spec, create_vlan_interfaces), .doc = "Ignored: tags come from Vlans." },
	{ BOOL("preserveVlanInterfaces", struct provider_network_spec, preserve_vlan_interfaces), .doc = "Ignored: VLAN interfaces of the host are not moved." },
	{ IGNORED("vlanInterfaces", STRINGS, "VLAN interfaces of the host are not moved.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct provider_network_spec, "ProviderNetworkSpec", "A wire outside.", spec_rows);

static const struct schema_field condition_rows[] = {
	{ STRING("node", struct provider_network_condition, node), .doc = "The node." },
	{ STRING("type", struct provider_network_condition, type), .doc = "What the condition is about." },
	{ STRING("status", struct provider_network_condition, status), .doc = "True, False or Unknown." },
	{ STRING("reason", struct provider_network_condition, reason), .doc = "One word for programs." },
	{ STRING("message", struct provider_network_condition, message), .doc = "One sentence for people." },
	{ TIME("lastTransitionTime", struct provider_network_condition, last_transition_time), .doc = "When the status last changed." },
	{ 0 },
};
SCHEMA(provider_network_condition_schema, struct provider_network_condition, "ProviderNetworkCondition", "One aspect of its state on a node.", condition_rows);
static const struct schema_field status_rows[] = {
	{ BOOL("ready", struct provider_network_status, ready), .flags = FIELD_ZERO, .doc = "All its nodes have its bridge." },
	{ STRINGS("readyNodes", struct provider_network_status, ready_nodes), .doc = "Nodes that have it." },
	{ STRINGS("notReadyNodes", struct provider_network_status, not_ready_nodes), .doc = "Nodes that do not have it yet; conditions say why." },
	{ STRINGS("vlans", struct provider_network_status, vlans), .doc = "Its Vlans." },
	{ LIST("conditions", struct provider_network_status, conditions, &provider_network_condition_schema), .doc = "Its state on each node." },
	{ 0 },
};
SCHEMA(provider_network_status_schema, struct provider_network_status, "ProviderNetworkStatus", "What is known of it.", status_rows);
static const struct schema_field provider_network_rows[] = {
	HEAD_ROWS(struct provider_network),
	{ OBJECT("spec", struct provider_network, spec, struct provider_network_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "A wire outside." },
	{ OBJECT("status", struct provider_network, status, struct provider_network_status, &provider_network_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(provider_network_schema, struct provider_network, "ProviderNetwork", "A wire outside, and by which network card each host reaches it.", provider_network_rows, .check = provider_network_check);
