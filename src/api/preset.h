/* VirtualMachineInstancePreset (kubevirt.io/v1): hardware that is merged into instances with certain labels.  Deprecated in
 * KubeVirt, and still at work. */
#ifndef SOLOVIRT_API_PRESET_H
#define SOLOVIRT_API_PRESET_H

#include "src/api/placement.h"
#include "src/api/vmi.h"

struct preset_spec {
	struct label_selector *selector; /* never NULL; an empty one selects every instance */
	struct domain *domain;
};
struct preset {
	struct object_head head;
	struct preset_spec *spec;
};

extern const struct schema preset_schema;

#endif
