/* Subnet (kubeovn.io/v1): addresses of guests on a Vlan, or of those of a NetworkAttachmentDefinition. */
#ifndef SOLOVIRT_API_SUBNET_H
#define SOLOVIRT_API_SUBNET_H

#include "src/api/meta.h"

/* By which addresses its guests have; Mac: none, somebody else gives them. */
enum subnet_protocol { SUBNET_PROTOCOL_UNSET, SUBNET_IPV4, SUBNET_IPV6, SUBNET_DUAL, SUBNET_MAC };
extern const char *const subnet_protocol_words[];

/* What a user writes; what follows from it as numbers is net/subnet.h's. */
struct subnet_spec {
	char *cidr_block;        /* "v4", "v6", "v4,v6"; NULL or "": MACs only */
	int protocol;            /* enum subnet_protocol, as written: read subnet_protocol() */
	char *gateway;           /* "v4", "v6", "v4,v6"; NULL or "": the first address of each */
	char **exclude_ips;      /* "a", "a..b" */
	char *provider;          /* of a NetworkAttachmentDefinition, "NAME.NAMESPACE.ovn" or "NAME.NAMESPACE"; NULL, "", "ovn": none */
	char *vlan;              /* name of a Vlan; NULL or "": none */
	bool enable_dhcp;
	char *dhcp_v4_options, *dhcp_v6_options; /* read with dhcp_options_parse() */
	bool enable_ra;
	char *ra_configs;        /* read with ra_configs_parse() */
	int64_t mtu;             /* 0: the wire's */
	/* Ignored, with a warning when they say something. */
	bool is_default, is_private, nat_outgoing, logical_gateway, interconnection, no_interconnection, load_balancer;
	char *gateway_node, *vpc;
};
/* How many addresses of a family guests have, and how many are free: at most INT64_MAX; and which: "a-b,c". */
struct address_use {
	int64_t used, free;
	char *used_range, *free_range;
};
struct subnet_status {
	struct address_use v4, v6;
	struct schema_list conditions; /* struct condition */
};
struct subnet_object {
	struct object_head head;
	struct subnet_spec *spec;     /* never NULL */
	struct subnet_status *status; /* never NULL */
};

extern const struct schema subnet_schema, subnet_status_schema;

/* What spec.cidrBlock makes of it; SUBNET_MAC when there is none. */
enum subnet_protocol subnet_protocol(const struct subnet_spec *spec);

#endif
