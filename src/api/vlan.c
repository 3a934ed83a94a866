/* Vlan: rows. */
#include "config.h"

#include "src/api/network_attachment.h"
#include "src/api/rows.h"
#include "src/api/vlan.h"

static const struct schema_field spec_rows[] = {
	{ INT("id", struct vlan_spec, id), .flags = FIELD_FIXED | FIELD_ZERO, .min = 0, .max = VLAN_MOST, .doc = "Tag of its frames; 0: none." },
	{ STRING("provider", struct vlan_spec, provider), .flags = FIELD_REQUIRED | FIELD_FIXED, .check = check_dns_subdomain, .doc = "ProviderNetwork that it is on." },
	{ REFUSED("vlanId", "Write id.") },
	{ REFUSED("providerInterfaceName", "Write provider, a ProviderNetwork, which names the card.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct vlan_spec, "VlanSpec", "A tag on a wire.", spec_rows);
static const struct schema_field status_rows[] = {
	{ STRINGS("subnets", struct vlan_status, subnets), .doc = "Its Subnets." },
	{ BOOL("conflict", struct vlan_status, conflict), .doc = "Another Vlan has the same tag on the same ProviderNetwork." },
	{ LIST("conditions", struct vlan_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(vlan_status_schema, struct vlan_status, "VlanStatus", "What is known of it.", status_rows);
static const struct schema_field vlan_rows[] = {
	HEAD_ROWS(struct vlan),
	{ OBJECT("spec", struct vlan, spec, struct vlan_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "A tag on a wire." },
	{ OBJECT("status", struct vlan, status, struct vlan_status, &vlan_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(vlan_schema, struct vlan, "Vlan", "A tag on the wire of a ProviderNetwork.", vlan_rows);
