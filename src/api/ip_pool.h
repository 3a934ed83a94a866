/* IPPool (kubeovn.io/v1): addresses of a Subnet that only those get who ask for the pool. */
#ifndef SOLOVIRT_API_IP_POOL_H
#define SOLOVIRT_API_IP_POOL_H

#include "src/api/meta.h"

struct ip_pool_spec {
	char *subnet;
	char **ips;        /* each as ip_range_parse() of src/base/ip.h reads it; they do not meet */
	char **namespaces; /* whose machines get an address of it unasked */
};
struct ip_pool_status {
	/* Counts; those of IPv6 stop at INT64_MAX. */
	int64_t v4_available, v4_using, v6_available, v6_using;
	char *v4_available_range, *v4_using_range, *v6_available_range, *v6_using_range; /* "a-b,c" */
	struct schema_list conditions; /* struct condition */
};
struct ip_pool {
	struct object_head head;
	struct ip_pool_spec *spec;     /* never NULL */
	struct ip_pool_status *status; /* never NULL */
};

extern const struct schema ip_pool_schema, ip_pool_status_schema;

#endif
