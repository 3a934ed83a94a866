/* PersistentVolumeClaim: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/claim.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

static const struct schema_field requests_rows[] = {
	{ QUANTITY("storage", struct storage_requests, storage), .doc = "Bytes." },
	{ 0 },
};
SCHEMA(storage_requests_schema, struct storage_requests, "StorageRequests", "Size of a disk.", requests_rows);
static const struct schema_field resources_rows[] = {
	{ OBJECT("requests", struct storage_resources, requests, struct storage_requests, &storage_requests_schema), .doc = "What is asked for." },
	{ IGNORED("limits", OBJECT, "A disk has the size that was asked for.") },
	{ 0 },
};
static SCHEMA(storage_resources_schema, struct storage_resources, "VolumeResourceRequirements", "Size of a disk.", resources_rows);

int
check_access_mode(const char *text, struct error *err)
{
	static const char *const modes[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod", NULL };

	if (g_strv_contains(modes, text))
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is not one of ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod", text);
}

#define REFERENCE_ROWS                                                                                                     \
	{ STRING("apiGroup", struct typed_reference, api_group), .doc = "Group of it: nothing for a claim, " SNAPSHOT_GROUP " for a snapshot." }, \
	{ STRING("kind", struct typed_reference, kind), .flags = FIELD_REQUIRED, .doc = "PersistentVolumeClaim or VolumeSnapshot." }, \
	{ STRING("name", struct typed_reference, name), .flags = FIELD_REQUIRED, .check = check_dns_subdomain, .doc = "Name of it." }
static const struct schema_field local_reference_rows[] = { REFERENCE_ROWS, { 0 } };
static const struct schema_field typed_reference_rows[] = {
	REFERENCE_ROWS,
	{ STRING("namespace", struct typed_reference, namespace), .check = check_dns_label, .doc = "Namespace of it; the claim's own when not given." },
	{ 0 },
};
static SCHEMA(local_reference_schema, struct typed_reference, "TypedLocalObjectReference", "A claim or a snapshot of the same namespace.", local_reference_rows);
SCHEMA(typed_reference_schema, struct typed_reference, "TypedObjectReference", "A claim or a snapshot.", typed_reference_rows);

const char *const volume_mode_words[] = { "", "Filesystem", "Block", NULL };
static const struct schema_field claim_spec_rows[] = {
	{ STRINGS("accessModes", struct claim_spec, access_modes), .flags = FIELD_FIXED, .check = check_access_mode, .doc = "Who may use it at the same time." },
	{ OBJECT("resources", struct claim_spec, resources, struct storage_resources, &storage_resources_schema), .doc = "Its size; it may grow, never shrink." },
	{ STRING("storageClassName", struct claim_spec, storage_class_name), .flags = FIELD_FIXED, .doc = "StorageClass; the default one when not given." },
	{ STRING("volumeName", struct claim_spec, volume_name), .doc = "Volume behind the claim." },
	{ ENUM("volumeMode", struct claim_spec, volume_mode, volume_mode_words), .flags = FIELD_FIXED, .doc = "Filesystem or Block; a guest sees a disk either way." },
	{ OBJECT("dataSource", struct claim_spec, data_source, struct typed_reference, &local_reference_schema), .flags = FIELD_FIXED, .doc = "A claim or a snapshot of this namespace, of which it is to be a clone." },
	{ OBJECT("dataSourceRef", struct claim_spec, data_source_ref, struct typed_reference, &typed_reference_schema), .flags = FIELD_FIXED, .doc = "The same, also of another namespace." },
	{ IGNORED("selector", OBJECT, "Volumes are made for their claim.") },
	{ IGNORED("volumeAttributesClassName", STRING, "Volumes have no attributes.") },
	{ 0 },
};
SCHEMA(claim_spec_schema, struct claim_spec, "PersistentVolumeClaimSpec", "A disk that is wanted.", claim_spec_rows);

const char *const claim_phase_words[] = { "", "Pending", "Bound", "Lost", NULL };
static const struct schema_field claim_status_rows[] = {
	{ ENUM("phase", struct claim_status, phase, claim_phase_words), .doc = "Whether there is a volume." },
	{ STRINGS("accessModes", struct claim_status, access_modes), .doc = "Who may use it at the same time." },
	{ OBJECT("capacity", struct claim_status, capacity, struct storage_requests, &storage_requests_schema), .doc = "Size of the volume." },
	{ QUANTITY("used", struct claim_status, used), .doc = "What the volume really took, without what it shares with its source, when an import or a guest that wrote to it ended last." },
	{ LIST("conditions", struct claim_status, conditions, &condition_schema), .doc = "Aspects of its state: Provisioning, why there is no volume yet; Flattening, how far a clone that is deep over others is made independent of them." },
	{ 0 },
};
SCHEMA(claim_status_schema, struct claim_status, "PersistentVolumeClaimStatus", "What is known of a claim.", claim_status_rows);

static void
claim_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct claim *claim = object;
	bool profile = g_strcmp0(schema_map_get(&claim->head.meta->labels, APPLY_STORAGE_PROFILE), "true") == 0;
	struct error err = { 0 };
	const char *field;

	(void)path;
	if (document != NULL && claim_data_source_check(claim->spec, &field, &err) != 0) {
		g_autofree char *where = g_strconcat("spec.", field, NULL);
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document, where, "%s", err.text);
	}
	if (claim_request(claim->spec) > INT64_C(1) << CLAIM_MOST_SHIFT)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, "spec.resources.requests.storage",
		    "is out of range: it must be from 1 to 1Pi");
	if (claim_request(claim->spec) <= 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "spec.resources.requests.storage",
		    "is required: the size of the disk, such as 10Gi");
	if (!profile && (claim->spec->access_modes == NULL || claim->spec->access_modes[0] == NULL))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "spec.accessModes",
		    "is required: a list such as [ReadWriteOnce]");
}

static const struct schema_field claim_rows[] = {
	HEAD_ROWS(struct claim),
	{ OBJECT("spec", struct claim, spec, struct claim_spec, &claim_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "The disk that is wanted." },
	{ OBJECT("status", struct claim, status, struct claim_status, &claim_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(claim_schema, struct claim, "PersistentVolumeClaim", "A disk.", claim_rows, .check = claim_check);

int64_t
claim_request(const struct claim_spec *spec)
{
	return spec->resources != NULL && spec->resources->requests != NULL ? spec->resources->requests->storage : 0;
}

const struct typed_reference *
claim_data_source(const struct claim_spec *spec)
{
	return spec->data_source_ref != NULL ? spec->data_source_ref : spec->data_source;
}

static bool
is_core(const struct typed_reference *r)
{
	return r->api_group == NULL || *r->api_group == '\0';
}

bool
typed_reference_is_snapshot(const struct typed_reference *reference)
{
	return g_strcmp0(reference->kind, "VolumeSnapshot") == 0 && g_strcmp0(reference->api_group, SNAPSHOT_GROUP) == 0;
}

/* Two of one claim: the older word has no namespace. */
static int
check_pair(const struct typed_reference *old, const struct typed_reference *new, struct error *err)
{
	bool same_group = is_core(old) ? is_core(new) : g_strcmp0(old->api_group, new->api_group) == 0;

	if (new->namespace != NULL)
		return error_set(err, EINVAL, "is not allowed beside a dataSourceRef with a namespace: remove it");
	if (!same_group || g_strcmp0(old->kind, new->kind) != 0 || g_strcmp0(old->name, new->name) != 0)
		return error_set(err, EINVAL, "must say the same as dataSourceRef: write one of them");
	return 0;
}

int
claim_data_source_check(const struct claim_spec *spec, const char **field, struct error *err)
{
	const struct typed_reference *r = claim_data_source(spec);

	*field = spec->data_source_ref != NULL ? "dataSourceRef" : "dataSource";
	if (r == NULL || r->kind == NULL || r->name == NULL)
		return 0; /* what is missing was told */
	if (strcmp(r->kind, "PersistentVolumeClaim") == 0 && !is_core(r))
		return error_set(err, EINVAL, "a PersistentVolumeClaim has no apiGroup: remove \"%.60s\"", r->api_group);
	if (strcmp(r->kind, "VolumeSnapshot") == 0 && !typed_reference_is_snapshot(r))
		return error_set(err, EINVAL, "a VolumeSnapshot is of the apiGroup " SNAPSHOT_GROUP ": write that");
	if (strcmp(r->kind, "PersistentVolumeClaim") != 0 && !typed_reference_is_snapshot(r))
		return error_set(err, EINVAL, "a claim cannot be filled from the kind %.60s: PersistentVolumeClaim and VolumeSnapshot are supported", r->kind);
	*field = "dataSource";
	return spec->data_source != NULL && spec->data_source_ref != NULL ? check_pair(spec->data_source, spec->data_source_ref, err) : 0;
}
