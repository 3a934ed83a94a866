/* Vip (kubeovn.io/v1): an address that no machine is given, which those that name it may use besides their own. */
#ifndef SOLOVIRT_API_VIP_H
#define SOLOVIRT_API_VIP_H

#include "src/api/meta.h"

struct vip_spec {
	char *namespace, *subnet, *type;
	char *v4, *v6, *mac;
	char **selector; /* "key: value": machines of the namespace with all these labels may use it */
};
struct vip_status {
	bool ready;
	char *type, *v4, *v6, *mac;
	struct schema_list conditions; /* struct condition */
};
struct vip {
	struct object_head head;
	struct vip_spec *spec;     /* never NULL */
	struct vip_status *status; /* never NULL */
};

extern const struct schema vip_schema, vip_status_schema;

/* Splits "key: value"; the caller g_free()s both.  EINVAL says what would be right. */
int vip_selector_parse(const char *text, char **key, char **value, struct error *err);

#endif
