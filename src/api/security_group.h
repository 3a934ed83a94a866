/* SecurityGroup (kubeovn.io/v1): with whom its members may talk. */
#ifndef SOLOVIRT_API_SECURITY_GROUP_H
#define SOLOVIRT_API_SECURITY_GROUP_H

#include "src/api/meta.h"

enum security_version { SECURITY_VERSION_UNSET, SECURITY_IPV4, SECURITY_IPV6 };
enum security_protocol { SECURITY_PROTOCOL_UNSET, SECURITY_ALL, SECURITY_ICMP, SECURITY_TCP, SECURITY_UDP };
enum security_remote { SECURITY_REMOTE_UNSET, SECURITY_ADDRESS, SECURITY_GROUP };
enum security_policy { SECURITY_POLICY_UNSET, SECURITY_ALLOW, SECURITY_PASS, SECURITY_DROP, SECURITY_DENY };
extern const char *const security_policy_words[];
enum { SECURITY_PRIORITY_MOST = 16384 };

/* The remote side is the other one: where a packet comes from in an ingress rule, where it goes to in an egress rule. */
struct security_rule {
	int ip_version; /* enum security_version */
	int protocol;   /* enum security_protocol; unset: all */
	int64_t priority; /* 1 is the strongest, SECURITY_PRIORITY_MOST the weakest */
	int remote_type; /* enum security_remote */
	char *remote_address, *remote_group; /* by remote_type: an address or a subnet, or the name of a SecurityGroup */
	int64_t port_min, port_max; /* of the destination, with tcp and udp */
	char *local_address;        /* an address or a subnet of this side; NULL: any */
	int64_t source_port_min, source_port_max; /* only with local_address; 0: any */
	int policy; /* enum security_policy; deny is another word for drop */
};
struct security_group_spec {
	struct schema_list ingress, egress; /* struct security_rule */
	bool allow_same_group;
	int64_t tier; /* 0 is asked before 1 */
};
struct security_group_status {
	bool allow_same_group, ingress_synced, egress_synced;
};
struct security_group {
	struct object_head head;
	struct security_group_spec *spec;     /* never NULL */
	struct security_group_status *status; /* never NULL */
};

extern const struct schema security_group_schema, security_group_status_schema;

#endif
