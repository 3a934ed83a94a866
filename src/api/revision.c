/* Rows of ControllerRevisions. */
#include "config.h"

#include "src/api/revision.h"
#include "src/api/rows.h"

static const struct schema_field revision_rows[] = {
	HEAD_ROWS(struct controller_revision),
	{ ANY("data", struct controller_revision, data), .flags = FIELD_FIXED, .doc = "The object as it was." },
	{ INT("revision", struct controller_revision, revision), .flags = FIELD_ZERO, .doc = "Number of the copy." },
	{ 0 },
};
SCHEMA(controller_revision_schema, struct controller_revision, "ControllerRevision", "A copy of an object.", revision_rows, .nullable = true);
