/* DataSource (cdi.kubevirt.io/v1beta1): a name for a claim or a snapshot that DataVolumes are made of. */
#ifndef SOLOVIRT_API_DATA_SOURCE_H
#define SOLOVIRT_API_DATA_SOURCE_H

#include "src/api/volume_source.h"

struct data_source_source { /* exactly one in spec; in status: what it comes to, never data_source */
	struct source_object *pvc, *snapshot, *data_source;
};
struct data_source_spec {
	struct data_source_source *source; /* may be NULL: it is going to be said */
};
struct data_source_status {
	struct data_source_source *source; /* NULL: nothing yet */
	struct schema_list conditions;
};
struct data_source {
	struct object_head head;
	struct data_source_spec *spec;     /* never NULL */
	struct data_source_status *status; /* never NULL */
};

extern const struct schema data_source_schema, data_source_source_schema, data_source_status_schema;

#endif
