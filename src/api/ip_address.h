/* IP (kubeovn.io/v1): who has which address of a Subnet.  One that is there before its machine keeps the address for it. */
#ifndef SOLOVIRT_API_IP_ADDRESS_H
#define SOLOVIRT_API_IP_ADDRESS_H

#include "src/api/meta.h"

/* Label of an IP that only shows what a machine has: "false".  Any other was made to keep an address, as in Kube-OVN. */
#define IP_RESERVED "ovn.kubernetes.io/ip_reserved"

enum ip_owner { IP_OWNER_UNSET, IP_OWNER_MACHINE, IP_OWNER_STATEFUL_SET };
extern const char *const ip_owner_words[];

struct ip_address_spec {
	char *pod_name, *namespace; /* the machine's */
	int pod_type;               /* enum ip_owner */
	char *subnet, *node_name;
	char *v4, *v6, *mac;
	char **attach_subnets;
};
struct ip_address {
	struct object_head head;
	struct ip_address_spec *spec; /* never NULL */
};

extern const struct schema ip_address_schema;

/* What the IP of a machine's interface is called: "MACHINE.NAMESPACE", or with a provider ("NAD.NAMESPACE.ovn") behind another dot; provider NULL,
 * "" and "ovn" are none.  The caller g_free()s. */
char *ip_address_name(const char *machine, const char *namespace, const char *provider);

#endif
