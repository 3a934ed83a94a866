/* ControllerRevision (apps/v1): a copy of an object as it was when it was first used. */
#ifndef SOLOVIRT_API_REVISION_H
#define SOLOVIRT_API_REVISION_H

#include "src/api/meta.h"

struct controller_revision {
	struct object_head head;
	json_t *data; /* the object */
	int64_t revision;
};

extern const struct schema controller_revision_schema;

#endif
