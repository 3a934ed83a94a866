/* Vlan (kubeovn.io/v1): a tag on the wire of a ProviderNetwork. */
#ifndef SOLOVIRT_API_VLAN_H
#define SOLOVIRT_API_VLAN_H

#include "src/api/meta.h"

struct vlan_spec {
	int64_t id;     /* 0: frames without a tag */
	char *provider; /* name of a ProviderNetwork */
};
struct vlan_status {
	char **subnets;                /* names of the Subnets on it */
	bool conflict;                 /* another Vlan has the same tag on the same wire */
	struct schema_list conditions; /* struct condition */
};
struct vlan {
	struct object_head head;
	struct vlan_spec *spec;     /* never NULL */
	struct vlan_status *status; /* never NULL */
};

extern const struct schema vlan_schema, vlan_status_schema;

#endif
