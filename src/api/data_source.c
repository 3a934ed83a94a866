/* DataSource: rows. */
#include "config.h"

#include "src/api/data_source.h"
#include "src/api/rows.h"

#define OF(n, m, sentence) { OBJECT(n, struct data_source_source, m, struct source_object, &source_object_schema), .flags = FIELD_ONEOF, .doc = sentence }
static const struct schema_field source_rows[] = {
	OF("pvc", pvc, "A claim."),
	OF("snapshot", snapshot, "A VolumeSnapshot."),
	OF("dataSource", data_source, "Another DataSource of this namespace, which names one of the others."),
	{ 0 },
};
SCHEMA(data_source_source_schema, struct data_source_source, "DataSourceSource", "What it stands for.", source_rows);
static const struct schema_field spec_rows[] = {
	{ OBJECT("source", struct data_source_spec, source, struct data_source_source, &data_source_source_schema), .doc = "What it stands for." },
	{ 0 },
};
static SCHEMA(spec_schema, struct data_source_spec, "DataSourceSpec", "What it stands for.", spec_rows);
static const struct schema_field status_rows[] = {
	{ OBJECT("source", struct data_source_status, source, struct data_source_source, &data_source_source_schema), .doc = "The claim or snapshot that it comes to." },
	{ LIST("conditions", struct data_source_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(data_source_status_schema, struct data_source_status, "DataSourceStatus", "What is known of a DataSource.", status_rows);
static const struct schema_field data_source_rows[] = {
	HEAD_ROWS(struct data_source),
	{ OBJECT("spec", struct data_source, spec, struct data_source_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "What it stands for." },
	{ OBJECT("status", struct data_source, status, struct data_source_status, &data_source_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(data_source_schema, struct data_source, "DataSource", "A name for a disk that others are made of.", data_source_rows);
