/* DataVolume, PersistentVolumeClaim, StorageClass: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/datavolume.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

#define LATER "It is not built yet."

static const struct schema_field requests_rows[] = {
	{ QUANTITY("storage", struct storage_requests, storage), .min = 1, .max = INT64_C(1) << 50, .doc = "Bytes." },
	{ 0 },
};
static SCHEMA(requests_schema, struct storage_requests, "StorageRequests", "Size of a disk.", requests_rows);
static const struct schema_field resources_rows[] = {
	{ OBJECT("requests", struct storage_resources, requests, struct storage_requests, &requests_schema), .doc = "What is asked for." },
	{ IGNORED("limits", "A disk has the size that was asked for.") },
	{ 0 },
};
static SCHEMA(storage_resources_schema, struct storage_resources, "VolumeResourceRequirements", "Size of a disk.", resources_rows);

static int
check_access_mode(const char *text, struct error *err)
{
	static const char *const modes[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod", NULL };

	if (g_strv_contains(modes, text))
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is not one of ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod", text);
}

const char *const volume_mode_words[] = { "", "Filesystem", "Block", NULL };
static const struct schema_field claim_spec_rows[] = {
	{ STRINGS("accessModes", struct claim_spec, access_modes), .flags = FIELD_FIXED, .check = check_access_mode, .doc = "Who may use it at the same time." },
	{ OBJECT("resources", struct claim_spec, resources, struct storage_resources, &storage_resources_schema), .doc = "Its size; it may grow, never shrink." },
	{ STRING("storageClassName", struct claim_spec, storage_class_name), .flags = FIELD_FIXED, .check = check_dns_subdomain, .doc = "StorageClass; the default one when not given." },
	{ STRING("volumeName", struct claim_spec, volume_name), .doc = "Volume behind the claim." },
	{ ENUM("volumeMode", struct claim_spec, volume_mode, volume_mode_words), .flags = FIELD_FIXED, .doc = "Filesystem or Block; a guest sees a disk either way." },
	{ REFUSED("dataSource", "Clones and snapshots are not built yet.") },
	{ REFUSED("dataSourceRef", "Clones and snapshots are not built yet.") },
	{ REFUSED("selector", "Volumes are made for their claim.") },
	{ 0 },
};
SCHEMA(claim_spec_schema, struct claim_spec, "PersistentVolumeClaimSpec", "A disk that is wanted.", claim_spec_rows);

const char *const claim_phase_words[] = { "", "Pending", "Bound", "Lost", NULL };
static const struct schema_field claim_status_rows[] = {
	{ ENUM("phase", struct claim_status, phase, claim_phase_words), .doc = "Whether there is a volume." },
	{ STRINGS("accessModes", struct claim_status, access_modes), .doc = "Who may use it at the same time." },
	{ OBJECT("capacity", struct claim_status, capacity, struct storage_requests, &requests_schema), .doc = "Size of the volume." },
	{ LIST("conditions", struct claim_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(claim_status_schema, struct claim_status, "PersistentVolumeClaimStatus", "What is known of a claim.", claim_status_rows);

static void
claim_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct claim *claim = object;

	(void)path;
	if (claim_request(claim->spec) == 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "spec.resources.requests.storage",
		    "is required: the size of the disk, such as 10Gi");
	if (claim->spec->access_modes == NULL || claim->spec->access_modes[0] == NULL)
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

static int
check_url(const char *text, struct error *err)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, &why);

	if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0')
		return error_set(err, EINVAL, "is not a URL such as https://example.org/disk.qcow2");
	if (strcmp(g_uri_get_scheme(uri), "http") != 0 && strcmp(g_uri_get_scheme(uri), "https") != 0)
		return error_set(err, EINVAL, "has the scheme %s: http and https are supported", g_uri_get_scheme(uri));
	return 0;
}

static int
check_checksum(const char *text, struct error *err)
{
	static const struct {
		const char *prefix;
		size_t digits;
	} algorithms[] = { { "md5:", 32 }, { "sha1:", 40 }, { "sha256:", 64 }, { "sha512:", 128 } };

	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		size_t skip = strlen(algorithms[i].prefix);
		if (strncmp(text, algorithms[i].prefix, skip) == 0 && strlen(text + skip) == algorithms[i].digits &&
		    strspn(text + skip, "0123456789abcdefABCDEF") == algorithms[i].digits)
			return 0;
	}
	return error_set(err, EINVAL, "is not a checksum: write md5, sha1, sha256 or sha512, a colon and the hexadecimal digits");
}

static const struct schema_field http_rows[] = {
	{ STRING("url", struct source_http, url), .flags = FIELD_REQUIRED, .max = 4096, .check = check_url, .doc = "Where the image is." },
	{ STRING("checksum", struct source_http, checksum), .check = check_checksum, .doc = "Checksum of the file, such as sha256:0123...; the import fails when it differs." },
	{ STRING("secretRef", struct source_http, secret_ref), .check = check_dns_subdomain, .doc = "Secret with accessKeyId (user) and secretKey (password)." },
	{ STRING("certConfigMap", struct source_http, cert_config_map), .check = check_dns_subdomain, .doc = "ConfigMap with certificates (PEM) to trust." },
	{ STRINGS("extraHeaders", struct source_http, extra_headers), .doc = "More request headers, such as X-Token: abc." },
	{ IGNORED("secretExtraHeaders", "Use extraHeaders or secretRef.") },
	{ 0 },
};
static SCHEMA(source_http_schema, struct source_http, "DataVolumeSourceHTTP", "An image on a web server.", http_rows);
static const struct schema_field source_rows[] = {
	{ OBJECT("http", struct data_volume_source, http, struct source_http, &source_http_schema), .flags = FIELD_ONEOF, .doc = "An image on a web server." },
	{ ANY("blank", struct data_volume_source, blank), .flags = FIELD_ONEOF, .doc = "An empty disk." },
	{ REFUSED("s3", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("gcs", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("registry", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("pvc", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("snapshot", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("upload", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("imageio", LATER), .flags = FIELD_ONEOF },
	{ REFUSED("vddk", LATER), .flags = FIELD_ONEOF },
	{ 0 },
};
static SCHEMA(data_volume_source_schema, struct data_volume_source, "DataVolumeSource", "Where the data comes from.", source_rows, .exactly_one = true);

static void
data_volume_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct data_volume_spec *spec = object;
	const struct claim_spec *claim = data_volume_claim(spec);
	g_autofree char *size = g_strdup_printf("%s.%s.resources.requests.storage", path, spec->pvc != NULL ? "pvc" : "storage");
	g_autofree char *modes = g_strdup_printf("%s.pvc.accessModes", path);

	if (claim == NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, path, "one of storage, pvc must be written");
	else if (claim_request(claim) == 0)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, size, "is required: the size of the disk, such as 10Gi");
	if (spec->pvc != NULL && (spec->pvc->access_modes == NULL || spec->pvc->access_modes[0] == NULL))
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, modes, "is required: a list such as [ReadWriteOnce]");
	if (spec->pvc != NULL && spec->storage != NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, path, "storage and pvc exclude each other: write one of them");
}

static const char *const content_types[] = { "", "kubevirt", NULL };
static const struct schema_field data_volume_spec_rows[] = {
	{ OBJECT("source", struct data_volume_spec, source, struct data_volume_source, &data_volume_source_schema), .flags = FIELD_REQUIRED, .doc = "Where the data comes from." },
	{ OBJECT("pvc", struct data_volume_spec, pvc, struct claim_spec, &claim_spec_schema), .doc = "The claim, as it is to be made." },
	{ OBJECT("storage", struct data_volume_spec, storage, struct claim_spec, &claim_spec_schema), .doc = "The claim, with what is missing filled in." },
	{ ENUM("contentType", struct data_volume_spec, content_type, content_types), .doc = "Kind of content: a disk image." },
	{ BOOL("preallocation", struct data_volume_spec, preallocation), .doc = "Reserve the whole size at once." },
	{ REFUSED("sourceRef", LATER) },
	{ REFUSED("checkpoints", LATER) },
	{ IGNORED("finalCheckpoint", "There are no staged imports.") },
	{ IGNORED("priorityClassName", "Imports have the same priority.") },
	{ 0 },
};
SCHEMA(data_volume_spec_schema, struct data_volume_spec, "DataVolumeSpec", "A disk and what fills it.", data_volume_spec_rows, .check = data_volume_spec_check);

const char *const data_volume_phase_words[] = { "", "Pending", "PVCBound", "ImportScheduled", "ImportInProgress", "Succeeded", "Failed", "Unknown", NULL };
static const struct schema_field data_volume_status_rows[] = {
	{ STRING("claimName", struct data_volume_status, claim_name), .doc = "The claim that it fills." },
	{ ENUM("phase", struct data_volume_status, phase, data_volume_phase_words), .doc = "Where it is in its life." },
	{ STRING("progress", struct data_volume_status, progress), .doc = "How much is done, in percent." },
	{ INT("restartCount", struct data_volume_status, restart_count), .doc = "How often the import began anew." },
	{ LIST("conditions", struct data_volume_status, conditions, &condition_schema), .doc = "Aspects of its state." },
	{ 0 },
};
SCHEMA(data_volume_status_schema, struct data_volume_status, "DataVolumeStatus", "What is known of a DataVolume.", data_volume_status_rows);

static const struct schema_field data_volume_rows[] = {
	HEAD_ROWS(struct data_volume),
	{ OBJECT("spec", struct data_volume, spec, struct data_volume_spec, &data_volume_spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT | FIELD_FIXED, .doc = "A disk and what fills it." },
	{ OBJECT("status", struct data_volume, status, struct data_volume_status, &data_volume_status_schema), .flags = FIELD_PRESENT, .doc = "What is known of it." },
	{ 0 },
};
SCHEMA(data_volume_schema, struct data_volume, "DataVolume", "A disk that is filled from somewhere.", data_volume_rows);

static const char *const reclaim_policies[] = { "", "Delete", "Retain", NULL };
static const char *const binding_modes[] = { "", "Immediate", "WaitForFirstConsumer", NULL };
static const struct schema_field storage_class_rows[] = {
	HEAD_ROWS(struct storage_class),
	{ STRING("provisioner", struct storage_class, provisioner), .flags = FIELD_REQUIRED | FIELD_FIXED, .doc = "Driver: local.solovirt.io." },
	{ MAP("parameters", struct storage_class, parameters), .flags = FIELD_FIXED, .doc = "Settings of the driver; local: format (raw or qcow2)." },
	{ ENUM("reclaimPolicy", struct storage_class, reclaim_policy, reclaim_policies), .dflt = "Delete", .doc = "What happens to a volume when its claim is deleted." },
	{ ENUM("volumeBindingMode", struct storage_class, volume_binding_mode, binding_modes), .dflt = "Immediate", .doc = "When a volume is made; Immediate in effect." },
	{ BOOL("allowVolumeExpansion", struct storage_class, allow_volume_expansion), .dflt = "true", .doc = "Claims may grow." },
	{ IGNORED("mountOptions", "Volumes are not mounted on the host.") },
	{ IGNORED("allowedTopologies", "Placement follows capacity.") },
	{ 0 },
};
SCHEMA(storage_class_schema, struct storage_class, "StorageClass", "A way to make disks.", storage_class_rows);

const struct claim_spec *
data_volume_claim(const struct data_volume_spec *spec)
{
	return spec->pvc != NULL ? spec->pvc : spec->storage;
}

int64_t
claim_request(const struct claim_spec *spec)
{
	return spec->resources != NULL && spec->resources->requests != NULL ? spec->resources->requests->storage : 0;
}
