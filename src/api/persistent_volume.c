/* PersistentVolume: rows. */
#include "config.h"

#include "src/api/persistent_volume.h"
#include "src/api/rows.h"
#include "src/api/storage_class.h"

static const struct schema_field csi_rows[] = {
	{ STRING("driver", struct persistent_volume_csi, driver), .doc = "Driver that made it." },
	{ STRING("volumeHandle", struct persistent_volume_csi, volume_handle), .doc = "What the driver calls it." },
	{ MAP("volumeAttributes", struct persistent_volume_csi, volume_attributes), .doc = "What the driver knows of it, such as clusterID and pool." },
	{ IGNORED("fsType", STRING, "A guest formats its disk.") },
	{ IGNORED("readOnly", BOOL, "A guest's disk says whether it is written to.") },
	{ 0 },
};
static SCHEMA(csi_schema, struct persistent_volume_csi, "CSIPersistentVolumeSource", "A volume of a driver.", csi_rows);
static const struct schema_field local_rows[] = {
	{ STRING("path", struct persistent_volume_local, path), .doc = "File or device on its host." },
	{ 0 },
};
static SCHEMA(local_schema, struct persistent_volume_local, "LocalVolumeSource", "A volume of one host.", local_rows);
static const struct schema_field claim_reference_rows[] = {
	{ STRING("apiVersion", struct object_reference, api_version), .doc = "Version of its kind." },
	{ STRING("kind", struct object_reference, kind), .doc = "PersistentVolumeClaim." },
	{ STRING("namespace", struct object_reference, namespace), .doc = "Namespace of the claim." },
	{ STRING("name", struct object_reference, name), .doc = "Name of the claim." },
	{ STRING("uid", struct object_reference, uid), .doc = "Identity of the claim." },
	{ STRING("resourceVersion", struct object_reference, resource_version), .doc = "Its version then." },
	{ 0 },
};
static SCHEMA(claim_reference_schema, struct object_reference, "ObjectReference", "The claim that has it.", claim_reference_rows);

static const struct schema_field spec_rows[] = {
	{ OBJECT("capacity", struct persistent_volume_spec, capacity, struct storage_requests, &storage_requests_schema), .doc = "Its size." },
	{ STRINGS("accessModes", struct persistent_volume_spec, access_modes), .check = check_access_mode, .doc = "Who may use it at the same time." },
	{ OBJECT("claimRef", struct persistent_volume_spec, claim_ref, struct object_reference, &claim_reference_schema), .doc = "The claim that has it." },
	{ OBJECT("csi", struct persistent_volume_spec, csi, struct persistent_volume_csi, &csi_schema), .doc = "Where a driver keeps it." },
	{ OBJECT("local", struct persistent_volume_spec, local, struct persistent_volume_local, &local_schema), .doc = "Where a host keeps it." },
	{ ANY("nodeAffinity", struct persistent_volume_spec, node_affinity), .doc = "Hosts that reach it." },
	{ ENUM("persistentVolumeReclaimPolicy", struct persistent_volume_spec, reclaim_policy, reclaim_policy_words), .doc = "What happens to it when its claim is deleted." },
	{ STRING("storageClassName", struct persistent_volume_spec, storage_class_name), .doc = "StorageClass that it was made by." },
	{ ENUM("volumeMode", struct persistent_volume_spec, volume_mode, volume_mode_words), .doc = "Filesystem or Block; a guest sees a disk either way." },
	{ IGNORED("mountOptions", STRINGS, "Volumes are not mounted on the host.") },
	{ IGNORED("volumeAttributesClassName", STRING, "Volumes have no attributes.") },
	{ 0 },
};
static SCHEMA(spec_schema, struct persistent_volume_spec, "PersistentVolumeSpec", "A volume.", spec_rows);

const char *const persistent_volume_phase_words[] = { "", "Pending", "Available", "Bound", "Released", "Failed", NULL };
static const struct schema_field status_rows[] = {
	{ ENUM("phase", struct persistent_volume_status, phase, persistent_volume_phase_words), .doc = "Whether a claim has it." },
	{ STRING("reason", struct persistent_volume_status, reason), .doc = "Why it failed, in a word." },
	{ STRING("message", struct persistent_volume_status, message), .doc = "Why it failed." },
	{ 0 },
};
SCHEMA(persistent_volume_status_schema, struct persistent_volume_status, "PersistentVolumeStatus", "What is known of a volume.", status_rows);
static const struct schema_field persistent_volume_rows[] = {
	HEAD_ROWS(struct persistent_volume),
	{ OBJECT("spec", struct persistent_volume, spec, struct persistent_volume_spec, &spec_schema), .flags = FIELD_PRESENT, .doc = "The volume." },
	{ OBJECT("status", struct persistent_volume, status, struct persistent_volume_status, &persistent_volume_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(persistent_volume_schema, struct persistent_volume, "PersistentVolume", "The volume behind a claim, for show: it is made and deleted with the claim.", persistent_volume_rows);
