/* IPPool (kubeovn.io/v1): addresses of a Subnet that only those get who ask for the pool. */
#ifndef SOLOVIRT_API_IP_POOL_H
#define SOLOVIRT_API_IP_POOL_H

#include "src/api/meta.h"
#include "src/api/subnet.h"

struct ip_pool_spec {
	char *subnet;
	char **ips;        /* each as ip_range_parse() of src/base/ip.h reads it; they do not meet */
	char **namespaces; /* whose machines get an address of it unasked */
};
struct ip_pool_status {
	struct address_use v4, v6;
	struct schema_list conditions; /* struct condition */
};
struct ip_pool {
	struct object_head head;
	struct ip_pool_spec *spec;     /* never NULL */
	struct ip_pool_status *status; /* never NULL */
};

extern const struct schema ip_pool_schema, ip_pool_status_schema;

#endif
