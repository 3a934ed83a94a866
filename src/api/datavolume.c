/* DataVolume, PersistentVolumeClaim, StorageClass: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/datavolume.h"
#include "src/api/rows.h"
#include "src/base/error.h"
#include "src/document/diagnostic.h"

static const struct schema_field requests_rows[] = {
	{ QUANTITY("storage", struct storage_requests, storage), .doc = "Bytes." },
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
	{ STRING("storageClassName", struct claim_spec, storage_class_name), .flags = FIELD_FIXED, .doc = "StorageClass; the default one when not given." },
	{ STRING("volumeName", struct claim_spec, volume_name), .doc = "Volume behind the claim." },
	{ ENUM("volumeMode", struct claim_spec, volume_mode, volume_mode_words), .flags = FIELD_FIXED, .doc = "Filesystem or Block; a guest sees a disk either way." },
	{ ANY("dataSource", struct claim_spec, data_source), .doc = "What fills it; not built yet." },
	{ ANY("dataSourceRef", struct claim_spec, data_source_ref), .doc = "What fills it; not built yet." },
	{ IGNORED("selector", "Volumes are made for their claim.") },
	{ IGNORED("volumeAttributesClassName", "Volumes have no attributes.") },
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

enum { CLAIM_PIB = 50 /* 1 << 50 bytes: more than any pool has */ };

static void
claim_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct claim *claim = object;

	(void)path;
	if (claim->spec->data_source != NULL || claim->spec->data_source_ref != NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document,
		    claim->spec->data_source != NULL ? "spec.dataSource" : "spec.dataSourceRef",
		    "is not supported: clones and snapshots are not built yet");
	if (claim_request(claim->spec) > INT64_C(1) << CLAIM_PIB)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, "spec.resources.requests.storage",
		    "is out of range: it must be from 1 to 1Pi");
	if (claim_request(claim->spec) <= 0)
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
	{ STRING("url", struct source_http, url), .dflt = "", .max = 4096, .doc = "Where the image is." },
	{ STRING("checksum", struct source_http, checksum), .check = check_checksum, .doc = "Checksum of the file, such as sha256:0123...; the import fails when it differs." },
	{ STRING("secretRef", struct source_http, secret_ref), .doc = "Secret with accessKeyId (user) and secretKey (password)." },
	{ STRING("certConfigMap", struct source_http, cert_config_map), .doc = "ConfigMap with certificates (PEM) to trust." },
	{ STRINGS("extraHeaders", struct source_http, extra_headers), .doc = "More request headers, such as X-Token: abc." },
	{ IGNORED("secretExtraHeaders", "Use extraHeaders or secretRef.") },
	{ 0 },
};
static SCHEMA(source_http_schema, struct source_http, "DataVolumeSourceHTTP", "An image on a web server.", http_rows);
#define OTHER(n, m, sentence) { STRING(n, struct source_other, m), .doc = sentence }
#define OTHER_URL OTHER("url", url, "Where it is.")
#define OTHER_SECRET OTHER("secretRef", secret_ref, "Secret with the credentials.")
#define OTHER_CERTIFICATES OTHER("certConfigMap", cert_config_map, "ConfigMap with certificates to trust.")
static const struct schema_field s3_rows[] = { OTHER_URL, OTHER_SECRET, OTHER_CERTIFICATES, { 0 } };
static const struct schema_field gcs_rows[] = { OTHER_URL, OTHER_SECRET, { 0 } };
static const struct schema_field registry_rows[] = { OTHER_URL, OTHER_SECRET, OTHER_CERTIFICATES,
	OTHER("imageStream", image_stream, "Image stream of OpenShift."), OTHER("pullMethod", pull_method, "Who pulls: pod or node."),
	{ ANY("platform", struct source_other, platform), .doc = "Architecture of the image." }, { 0 } };
static const struct schema_field object_rows[] = { OTHER("namespace", namespace, "Namespace of it."), OTHER("name", name, "Name of it."),
	{ 0 } };
static const struct schema_field upload_rows[] = { { 0 } };
static const struct schema_field imageio_rows[] = { OTHER_URL, OTHER_SECRET, OTHER_CERTIFICATES,
	OTHER("diskId", disk_id, "Disk in oVirt."),
	{ BOOL("insecureSkipVerify", struct source_other, insecure_skip_verify), .doc = "Trust any certificate." }, { 0 } };
static const struct schema_field vddk_rows[] = { OTHER_URL, OTHER_SECRET, OTHER("uuid", uuid, "Machine in vSphere."),
	OTHER("backingFile", backing_file, "Its disk."), OTHER("thumbprint", thumbprint, "Certificate to trust."),
	OTHER("initImageURL", init_image_url, "Image with VMware's library."), OTHER("extraArgs", extra_args, "ConfigMap with arguments."),
	{ 0 } };
static SCHEMA(s3_schema, struct source_other, "DataVolumeSourceS3", "An image in S3.", s3_rows);
static SCHEMA(gcs_schema, struct source_other, "DataVolumeSourceGCS", "An image in Google's storage.", gcs_rows);
static SCHEMA(registry_schema, struct source_other, "DataVolumeSourceRegistry", "A disk in a container image.", registry_rows);
static SCHEMA(pvc_source_schema, struct source_other, "DataVolumeSourcePVC", "Another claim.", object_rows);
static SCHEMA(snapshot_source_schema, struct source_other, "DataVolumeSourceSnapshot", "A snapshot.", object_rows);
static SCHEMA(upload_schema, struct source_other, "DataVolumeSourceUpload", "What is sent to it.", upload_rows);
static SCHEMA(imageio_schema, struct source_other, "DataVolumeSourceImageIO", "A disk of oVirt.", imageio_rows);
static SCHEMA(vddk_schema, struct source_other, "DataVolumeSourceVDDK", "A disk of vSphere.", vddk_rows);

#define UNBUILT(n, m, s, sentence)                                                                                         \
	{ OBJECT(n, struct data_volume_source, m, struct source_other, s), .flags = FIELD_ONEOF, .doc = sentence,              \
	  .warn = "It is not built yet: the DataVolume will fail." }
static const struct schema_field source_rows[] = {
	{ OBJECT("http", struct data_volume_source, http, struct source_http, &source_http_schema), .flags = FIELD_ONEOF, .doc = "An image on a web server." },
	{ ANY("blank", struct data_volume_source, blank), .flags = FIELD_ONEOF, .doc = "An empty disk." },
	UNBUILT("s3", s3, &s3_schema, "An image in S3."),
	UNBUILT("gcs", gcs, &gcs_schema, "An image in Google's storage."),
	UNBUILT("registry", registry, &registry_schema, "A disk in a container image."),
	UNBUILT("pvc", pvc, &pvc_source_schema, "Another claim."),
	UNBUILT("snapshot", snapshot, &snapshot_source_schema, "A snapshot."),
	UNBUILT("upload", upload, &upload_schema, "What is sent to it."),
	UNBUILT("imageio", imageio, &imageio_schema, "A disk of oVirt."),
	UNBUILT("vddk", vddk, &vddk_schema, "A disk of vSphere."),
	{ 0 },
};
static SCHEMA(data_volume_source_schema, struct data_volume_source, "DataVolumeSource", "Where the data comes from.", source_rows, .exactly_one = true);
static const struct schema_field source_reference_rows[] = {
	{ STRING("kind", struct source_reference, kind), .doc = "Kind of it: DataSource." },
	{ STRING("name", struct source_reference, name), .doc = "Name of it." },
	{ STRING("namespace", struct source_reference, namespace), .doc = "Namespace of it; the DataVolume's own when not given." },
	{ 0 },
};
static SCHEMA(source_reference_schema, struct source_reference, "DataVolumeSourceRef", "A DataSource.", source_reference_rows);

/* One DataVolume under check: of its own, or the template in a machine, of which KubeVirt asks less. */
struct judging {
	const struct document *document;
	const char *path;
	struct diagnostics *diagnostics;
	bool template;
};

/* What is wrong with a DataVolume: a template is taken with a warning, and fails when it is used. */
static void say(const struct judging *j, enum cause cause, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
say(const struct judging *j, enum cause cause, const char *field, const char *format, ...)
{
	g_autofree char *where = *field == '\0' ? g_strdup(j->path) : g_strdup_printf("%s.%s", j->path, field);
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	diagnostics_add(j->diagnostics, j->template ? SEVERITY_WARNING : SEVERITY_ERROR, cause, j->document, where, "%s%s", text,
	    j->template ? ": the DataVolume cannot be made" : "");
}

static void
say_always(const struct judging *j, const char *field, const char *text)
{
	g_autofree char *where = g_strdup_printf("%s.%s", j->path, field);

	diagnostics_add(j->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, j->document, where, "%s", text);
}

/* DV5 */
static void
check_sources(const struct judging *j, const struct data_volume_spec *spec, const struct claim_spec *claim)
{
	bool filled = claim != NULL && (claim->data_source != NULL || claim->data_source_ref != NULL);
	bool named = spec->source != NULL || spec->source_ref != NULL;

	if (filled && named)
		say_always(j, "source", "the claim has a dataSource: it excludes source and sourceRef");
	else if (!filled && !named)
		say_always(j, j->template ? "sourceRef" : "source", "is required: where the data comes from");
	else if (filled)
		say(j, CAUSE_NOT_SUPPORTED, "", "a claim's dataSource is not built yet");
}

static void
check_http(const struct judging *j, const struct source_http *http)
{
	struct error err = { 0 };

	if (http->url == NULL || *http->url == '\0')
		say(j, CAUSE_REQUIRED, "source.http.url", "is required: where the image is");
	else if (check_url(http->url, &err) != 0)
		say(j, CAUSE_INVALID, "source.http.url", "%s", err.text);
}

static void
check_size(const struct judging *j, const struct data_volume_spec *spec, const struct claim_spec *claim)
{
	const char *size = spec->pvc != NULL ? "pvc.resources.requests.storage" : "storage.resources.requests.storage";

	if (claim_request(claim) == 0)
		say(j, CAUSE_REQUIRED, size, "is required: the size of the disk, such as 10Gi");
	else if (claim_request(claim) < 0 || claim_request(claim) > INT64_C(1) << CLAIM_PIB)
		say(j, CAUSE_INVALID, size, "is out of range: it must be from 1 to 1Pi");
	if (spec->pvc != NULL && (spec->pvc->access_modes == NULL || spec->pvc->access_modes[0] == NULL))
		say(j, CAUSE_REQUIRED, "pvc.accessModes", "is required: a list such as [ReadWriteOnce]");
}

/* DV4, DV5, and what CDI asks for beyond */
static void
data_volume_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct data_volume_spec *spec = object;
	const struct claim_spec *claim = data_volume_claim(spec);
	struct judging j = { document, path, diagnostics, strcmp(path, "spec") != 0 };
	const char *storage = j.template ? "PVC.Storage" : "storage"; /* as KubeVirt and CDI call it */

	if (document == NULL)
		return; /* what is stored was judged when it came */
	if (claim == NULL)
		say_always(&j, storage, "storage or pvc is required, with the size of the disk");
	else if (spec->pvc != NULL && spec->storage != NULL)
		say_always(&j, storage, "storage and pvc exclude each other: write one of them");
	else
		check_size(&j, spec, claim);
	check_sources(&j, spec, claim);
	if (spec->source != NULL && spec->source->blank != NULL && !json_is_object(spec->source->blank))
		say_always(&j, "source.blank", "must be an object: {}");
	if (spec->source != NULL && spec->source->http != NULL)
		check_http(&j, spec->source->http);
}

const char *
data_volume_unbuilt(const struct data_volume_spec *spec)
{
	const struct data_volume_source *s = spec->source;
	const struct claim_spec *claim = data_volume_claim(spec);

	if (spec->source_ref != NULL)
		return "sourceRef is not built yet: use source.http or source.blank";
	if (claim != NULL && (claim->data_source != NULL || claim->data_source_ref != NULL))
		return "a claim's dataSource is not built yet: use source.http or source.blank";
	if (spec->content_type == CONTENT_ARCHIVE)
		return "contentType archive is not built yet: use the image of a disk";
	if (s == NULL || (s->http == NULL && s->blank == NULL))
		return "its source is not built yet: use source.http or source.blank";
	return NULL;
}

static const char *const content_types[] = { "", "kubevirt", "archive", NULL };
static const struct schema_field data_volume_spec_rows[] = {
	{ OBJECT("source", struct data_volume_spec, source, struct data_volume_source, &data_volume_source_schema), .doc = "Where the data comes from." },
	{ OBJECT("pvc", struct data_volume_spec, pvc, struct claim_spec, &claim_spec_schema), .doc = "The claim, as it is to be made." },
	{ OBJECT("storage", struct data_volume_spec, storage, struct claim_spec, &claim_spec_schema), .doc = "The claim, with what is missing filled in." },
	{ ENUM("contentType", struct data_volume_spec, content_type, content_types), .min = 1, .doc = "Kind of content: a disk image." },
	{ BOOL("preallocation", struct data_volume_spec, preallocation), .doc = "Reserve the whole size at once." },
	{ OBJECT("sourceRef", struct data_volume_spec, source_ref, struct source_reference, &source_reference_schema), .doc = "A DataSource that says where the data comes from.", .warn = "It is not built yet: the DataVolume will fail." },
	{ IGNORED("checkpoints", "There are no staged imports.") },
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
