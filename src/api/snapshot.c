/* VolumeSnapshot and its class: rows. */
#include "config.h"

#include <glib.h>

#include "src/api/rows.h"
#include "src/api/snapshot.h"
#include "src/document/diagnostic.h"

static const struct schema_field source_rows[] = {
	{ STRING("persistentVolumeClaimName", struct volume_snapshot_source, claim_name), .flags = FIELD_REQUIRED, .check = check_dns_subdomain, .doc = "Claim whose volume is kept as it is." },
	{ REFUSED("volumeSnapshotContentName", "Snapshots that were taken elsewhere cannot be brought in: name a claim.") },
	{ 0 },
};
static SCHEMA(source_schema, struct volume_snapshot_source, "VolumeSnapshotSource", "What is kept.", source_rows);
static const struct schema_field spec_rows[] = {
	{ OBJECT("source", struct volume_snapshot_spec, source, struct volume_snapshot_source, &source_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT | FIELD_FIXED, .doc = "What is kept." },
	{ STRING("volumeSnapshotClassName", struct volume_snapshot_spec, class_name), .flags = FIELD_FIXED, .doc = "VolumeSnapshotClass; the driver's default one when not given, and none is needed." },
	{ 0 },
};
static SCHEMA(spec_schema, struct volume_snapshot_spec, "VolumeSnapshotSpec", "A snapshot that is wanted.", spec_rows);
static const struct schema_field error_rows[] = {
	{ TIME("time", struct volume_snapshot_error, time), .doc = "When it was met." },
	{ STRING("message", struct volume_snapshot_error, message), .doc = "What went wrong, and what to do." },
	{ 0 },
};
static SCHEMA(error_schema, struct volume_snapshot_error, "VolumeSnapshotError", "Why there is no snapshot yet.", error_rows);
static const struct schema_field status_rows[] = {
	{ STRING("boundVolumeSnapshotContentName", struct volume_snapshot_status, content_name), .doc = "Name of the snapshot in its storage." },
	{ TIME("creationTime", struct volume_snapshot_status, creation_time), .doc = "When it was taken." },
	{ BOOL("readyToUse", struct volume_snapshot_status, ready_to_use), .flags = FIELD_ZERO, .doc = "Claims can be made of it." },
	{ QUANTITY("restoreSize", struct volume_snapshot_status, restore_size), .doc = "Least size of a claim that is made of it." },
	{ OBJECT("error", struct volume_snapshot_status, error, struct volume_snapshot_error, &error_schema), .doc = "Why there is no snapshot yet." },
	{ 0 },
};
SCHEMA(volume_snapshot_status_schema, struct volume_snapshot_status, "VolumeSnapshotStatus", "What is known of a snapshot.", status_rows);
static const struct schema_field snapshot_rows[] = {
	HEAD_ROWS(struct volume_snapshot),
	{ OBJECT("spec", struct volume_snapshot, spec, struct volume_snapshot_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The snapshot that is wanted." },
	{ OBJECT("status", struct volume_snapshot, status, struct volume_snapshot_status, &volume_snapshot_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(volume_snapshot_schema, struct volume_snapshot, "VolumeSnapshot", "A claim's volume as it was once.", snapshot_rows);

/* --- what is behind it ------------------------------------------------------------------------------------------------ */

static const struct schema_field content_source_rows[] = {
	{ STRING("volumeHandle", struct snapshot_content_source, volume_handle), .doc = "Volume that it was taken of, as its storage calls it." },
	{ IGNORED("snapshotHandle", STRING, "Snapshots that were taken elsewhere cannot be brought in.") },
	{ 0 },
};
static SCHEMA(content_source_schema, struct snapshot_content_source, "VolumeSnapshotContentSource", "What it was taken of.", content_source_rows);
static const struct schema_field content_reference_rows[] = {
	{ STRING("apiVersion", struct object_reference, api_version), .doc = "Version of its kind." },
	{ STRING("kind", struct object_reference, kind), .doc = "VolumeSnapshot." },
	{ STRING("namespace", struct object_reference, namespace), .doc = "Namespace of the VolumeSnapshot." },
	{ STRING("name", struct object_reference, name), .doc = "Name of the VolumeSnapshot." },
	{ STRING("uid", struct object_reference, uid), .doc = "Identity of the VolumeSnapshot." },
	{ STRING("resourceVersion", struct object_reference, resource_version), .doc = "Its version then." },
	{ 0 },
};
static SCHEMA(content_reference_schema, struct object_reference, "ObjectReference", "The VolumeSnapshot that it belongs to.", content_reference_rows);
static const struct schema_field content_spec_rows[] = {
	{ STRING("driver", struct snapshot_content_spec, driver), .doc = "Driver that took it." },
	{ ENUM("deletionPolicy", struct snapshot_content_spec, deletion_policy, reclaim_policy_words), .doc = "What happens in the storage when the VolumeSnapshot is deleted." },
	{ OBJECT("source", struct snapshot_content_spec, source, struct snapshot_content_source, &content_source_schema), .doc = "What it was taken of." },
	{ OBJECT("volumeSnapshotRef", struct snapshot_content_spec, reference, struct object_reference, &content_reference_schema), .doc = "The VolumeSnapshot that it belongs to." },
	{ STRING("volumeSnapshotClassName", struct snapshot_content_spec, class_name), .doc = "Its VolumeSnapshotClass." },
	{ ENUM("sourceVolumeMode", struct snapshot_content_spec, source_mode, volume_mode_words), .doc = "Filesystem or Block, as the claim that it was taken of." },
	{ 0 },
};
static SCHEMA(content_spec_schema, struct snapshot_content_spec, "VolumeSnapshotContentSpec", "A snapshot in its storage.", content_spec_rows);
static const struct schema_field content_status_rows[] = {
	{ STRING("snapshotHandle", struct snapshot_content_status, handle), .doc = "What its storage calls it: the volume, @, and the snapshot." },
	{ INT("creationTime", struct snapshot_content_status, creation_time), .doc = "When it was taken, in nanoseconds since 1970." },
	{ INT("restoreSize", struct snapshot_content_status, restore_size), .doc = "Bytes of a claim that is made of it, at least." },
	{ BOOL("readyToUse", struct snapshot_content_status, ready_to_use), .flags = FIELD_ZERO, .doc = "Claims can be made of it." },
	{ 0 },
};
SCHEMA(snapshot_content_status_schema, struct snapshot_content_status, "VolumeSnapshotContentStatus", "What is known of it.", content_status_rows);
static const struct schema_field content_rows[] = {
	HEAD_ROWS(struct volume_snapshot_content),
	{ OBJECT("spec", struct volume_snapshot_content, spec, struct snapshot_content_spec, &content_spec_schema), .flags = FIELD_PRESENT, .doc = "The snapshot." },
	{ OBJECT("status", struct volume_snapshot_content, status, struct snapshot_content_status, &snapshot_content_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(volume_snapshot_content_schema, struct volume_snapshot_content, "VolumeSnapshotContent", "The snapshot behind a VolumeSnapshot, for show: it comes and goes with that.", content_rows);

/* --- classes ------------------------------------------------------------------------------------------------------------ */

static void
class_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct volume_snapshot_class *class = object;

	(void)path;
	if (document != NULL && class->driver != NULL && storage_driver_find(class->driver) == NULL)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_SUPPORTED, document, "driver",
		    "\"%.80s\" is not a driver here: no snapshot can be of this class", class->driver);
	for (size_t i = 0; document != NULL && i < class->parameters.count; i++)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_SUPPORTED, document, "parameters",
		    "%s is ignored: snapshots have no settings here", class->parameters.entries[i].name);
}
static const struct schema_field class_rows[] = {
	HEAD_ROWS(struct volume_snapshot_class),
	{ STRING("driver", struct volume_snapshot_class, driver), .flags = FIELD_REQUIRED | FIELD_FIXED, .doc = "Driver, as the provisioner of a StorageClass." },
	{ ENUM("deletionPolicy", struct volume_snapshot_class, deletion_policy, reclaim_policy_words), .flags = FIELD_REQUIRED, .min = 1, .doc = "What happens in the storage when a VolumeSnapshot is deleted." },
	{ MAP("parameters", struct volume_snapshot_class, parameters), .flags = FIELD_FIXED, .doc = "Settings of the driver; there are none." },
	{ 0 },
};
SCHEMA(volume_snapshot_class_schema, struct volume_snapshot_class, "VolumeSnapshotClass", "A way to take snapshots.", class_rows, .check = class_check);
