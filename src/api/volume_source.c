/* Sources of a DataVolume: rows and rules. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/rows.h"
#include "src/api/volume_source.h"
#include "src/base/error.h"

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

#define URL(T, sentence) { STRING("url", T, url), .dflt = "", .max = 4096, .doc = sentence }
#define SECRET(T) { STRING("secretRef", T, secret_ref), .doc = "Secret with accessKeyId (user) and secretKey (password)." }
#define CERTIFICATES(T) { STRING("certConfigMap", T, cert_config_map), .doc = "ConfigMap with certificates (PEM) to trust." }

static const struct schema_field http_rows[] = {
	URL(struct source_http, "Where the image is."),
	{ STRING("checksum", struct source_http, checksum), .check = check_checksum, .doc = "Checksum of the file, such as sha256:0123...; the import fails when it differs." },
	SECRET(struct source_http),
	CERTIFICATES(struct source_http),
	{ STRINGS("extraHeaders", struct source_http, extra_headers), .doc = "More request headers, such as X-Token: abc." },
	{ STRINGS("secretExtraHeaders", struct source_http, secret_extra_headers), .doc = "Secrets of which each value is a request header." },
	{ BOOL("insecureSkipVerify", struct source_http, insecure_skip_verify), .doc = "Trust any certificate." },
	{ 0 },
};
SCHEMA(source_http_schema, struct source_http, "DataVolumeSourceHTTP", "An image on a web server.", http_rows);

static const struct schema_field s3_rows[] = { URL(struct source_s3, "Address of the object: https://HOST/BUCKET/OBJECT."), SECRET(struct source_s3),
	CERTIFICATES(struct source_s3), { 0 } };
static SCHEMA(s3_schema, struct source_s3, "DataVolumeSourceS3", "An image in S3.", s3_rows);
static const struct schema_field gcs_rows[] = { URL(struct source_gcs, "Address of the object: gs://BUCKET/OBJECT, or with https."),
	{ STRING("secretRef", struct source_gcs, secret_ref), .doc = "Secret with the JSON of a service account." }, { 0 } };
static SCHEMA(gcs_schema, struct source_gcs, "DataVolumeSourceGCS", "An image in Google's storage.", gcs_rows);

static const char *const pull_methods[] = { "", "pod", "node", NULL };
static const struct schema_field platform_rows[] = {
	{ STRING("architecture", struct source_platform, architecture), .doc = "Architecture of the image, such as amd64; the host's when not given." },
	{ 0 },
};
static SCHEMA(platform_schema, struct source_platform, "PlatformOptions", "Which of several images.", platform_rows);
static const struct schema_field registry_rows[] = {
	{ STRING("url", struct source_registry, url), .max = 4096, .doc = "Address of the image: docker://REGISTRY/IMAGE:TAG, or docker://REGISTRY/IMAGE@sha256:DIGEST." },
	{ STRING("imageStream", struct source_registry, image_stream), .doc = "Image stream of OpenShift.", .warn = "There are no image streams: the DataVolume will fail." },
	{ ENUM("pullMethod", struct source_registry, pull_method, pull_methods), .doc = "Who pulls: pod or node; the same here." },
	SECRET(struct source_registry),
	CERTIFICATES(struct source_registry),
	{ OBJECT("platform", struct source_registry, platform, struct source_platform, &platform_schema), .doc = "Which of several images; this host's when not given." },
	{ 0 },
};
SCHEMA(source_registry_schema, struct source_registry, "DataVolumeSourceRegistry", "A disk in a container image.", registry_rows);

static const struct schema_field object_rows[] = {
	{ STRING("namespace", struct source_object, namespace), .doc = "Namespace of it; the DataVolume's own when not given." },
	{ STRING("name", struct source_object, name), .dflt = "", .doc = "Name of it." },
	{ 0 },
};
SCHEMA(source_object_schema, struct source_object, "DataVolumeSourceObject", "A claim or a snapshot.", object_rows);
static const struct schema_field empty_rows[] = { { 0 } };
static SCHEMA(empty_schema, struct source_empty, "DataVolumeSourceEmpty", "Nothing more: {}.", empty_rows);

#define OTHER(n, m, sentence) { STRING(n, struct source_other, m), .doc = sentence }
#define OTHER_URL OTHER("url", url, "Where it is.")
#define OTHER_SECRET OTHER("secretRef", secret_ref, "Secret with the credentials.")
static const struct schema_field imageio_rows[] = { OTHER_URL, OTHER_SECRET,
	OTHER("certConfigMap", cert_config_map, "ConfigMap with certificates to trust."), OTHER("diskId", disk_id, "Disk in oVirt."),
	{ BOOL("insecureSkipVerify", struct source_other, insecure_skip_verify), .doc = "Trust any certificate." }, { 0 } };
static const struct schema_field vddk_rows[] = { OTHER_URL, OTHER_SECRET, OTHER("uuid", uuid, "Machine in vSphere."),
	OTHER("backingFile", backing_file, "Its disk."), OTHER("thumbprint", thumbprint, "Certificate to trust."),
	OTHER("initImageURL", init_image_url, "Image with VMware's library."), OTHER("extraArgs", extra_args, "ConfigMap with arguments."),
	{ 0 } };
static SCHEMA(imageio_schema, struct source_other, "DataVolumeSourceImageIO", "A disk of oVirt.", imageio_rows);
static SCHEMA(vddk_schema, struct source_other, "DataVolumeSourceVDDK", "A disk of vSphere.", vddk_rows);

#define SOURCE(n, m, T, s, sentence) OBJECT(n, struct data_volume_source, m, T, s), .flags = FIELD_ONEOF, .doc = sentence
#define UNBUILT "It is not built: the DataVolume will fail."
static const struct schema_field source_rows[] = {
	{ SOURCE("http", http, struct source_http, &source_http_schema, "An image on a web server.") },
	{ SOURCE("blank", blank, struct source_empty, &empty_schema, "An empty disk.") },
	{ SOURCE("s3", s3, struct source_s3, &s3_schema, "An image in S3.") },
	{ SOURCE("gcs", gcs, struct source_gcs, &gcs_schema, "An image in Google's storage.") },
	{ SOURCE("registry", registry, struct source_registry, &source_registry_schema, "A disk in a container image.") },
	{ SOURCE("pvc", pvc, struct source_object, &source_object_schema, "Another claim.") },
	{ SOURCE("snapshot", snapshot, struct source_object, &source_object_schema, "A snapshot.") },
	{ SOURCE("upload", upload, struct source_empty, &empty_schema, "What is sent to it.") },
	{ SOURCE("imageio", imageio, struct source_other, &imageio_schema, "A disk of oVirt."), .warn = UNBUILT },
	{ SOURCE("vddk", vddk, struct source_other, &vddk_schema, "A disk of vSphere."), .warn = UNBUILT },
	{ 0 },
};
SCHEMA(data_volume_source_schema, struct data_volume_source, "DataVolumeSource", "Where the data comes from.", source_rows, .exactly_one = true);

static const struct schema_field source_reference_rows[] = {
	{ STRING("kind", struct source_reference, kind), .doc = "Kind of it: DataSource." },
	{ STRING("name", struct source_reference, name), .doc = "Name of it." },
	{ STRING("namespace", struct source_reference, namespace), .doc = "Namespace of it; the DataVolume's own when not given." },
	{ 0 },
};
SCHEMA(source_reference_schema, struct source_reference, "DataVolumeSourceRef", "A DataSource.", source_reference_rows);

int
check_source_url(const char *text, const char *const *schemes, struct error *err)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GUri) uri = NULL;
	g_autofree char *known = g_strjoinv(" and ", (char **)schemes);

	if (text == NULL || *text == '\0')
		return error_set(err, EINVAL, "is required: where the image is");
	uri = g_uri_parse(text, G_URI_FLAGS_NONE, &why);
	if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0')
		return error_set(err, EINVAL, "is not a URL such as https://example.org/disk.qcow2");
	if (!g_strv_contains(schemes, g_uri_get_scheme(uri)))
		return error_set(err, EINVAL, "has the scheme %s: %s are supported", g_uri_get_scheme(uri), known);
	return 0;
}

/* --- what each source asks for beyond its rows --------------------------------------------------------------------- */

static const char *const web_schemes[] = { "http", "https", NULL };

static int
http_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	*field = "http.url";
	return check_source_url(source->http->url, web_schemes, err);
}

static int
s3_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	*field = "s3.url";
	return check_source_url(source->s3->url, web_schemes, err);
}

static int
gcs_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	static const char *const schemes[] = { "gs", "http", "https", NULL };

	*field = "gcs.url";
	return check_source_url(source->gcs->url, schemes, err);
}

static int
registry_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	const struct source_registry *r = source->registry;
	bool url = r->url != NULL && *r->url != '\0', stream = r->image_stream != NULL && *r->image_stream != '\0';

	*field = "registry.imageStream";
	if (url && stream)
		return error_set(err, EINVAL, "url and imageStream exclude each other: write one of them");
	if (stream)
		return r->pull_method == PULL_NODE ? 0 : error_set(err, EINVAL, "needs pullMethod: node");
	*field = "registry.url";
	if (!url)
		return error_set(err, EINVAL, "is required: where the image is, such as docker://quay.io/containerdisks/debian:12");
	for (size_t i = 0; i < 2; i++) {
		const char *scheme = i == 0 ? "docker://" : "oci-archive:";
		if (g_str_has_prefix(r->url, scheme))
			return r->url[strlen(scheme)] != '\0' ? 0 : error_set(err, EINVAL, "names no image after %s", scheme);
	}
	return error_set(err, EINVAL, "begins neither with docker:// nor with oci-archive: write where the image is, such as docker://quay.io/containerdisks/debian:12");
}

static int
object_check(const struct source_object *object, const char *of, const char **field, struct error *err)
{
	*field = of;
	return object->name != NULL && *object->name != '\0' ? 0 : error_set(err, EINVAL, "is required: what the disk is to be a copy of");
}

static int
pvc_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	return object_check(source->pvc, "pvc.name", field, err);
}

static int
snapshot_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	return object_check(source->snapshot, "snapshot.name", field, err);
}

static const struct {
	size_t offset;
	int (*check)(const struct data_volume_source *source, const char **field, struct error *err);
} checks[] = {
	{ offsetof(struct data_volume_source, http), http_check },
	{ offsetof(struct data_volume_source, s3), s3_check },
	{ offsetof(struct data_volume_source, gcs), gcs_check },
	{ offsetof(struct data_volume_source, registry), registry_check },
	{ offsetof(struct data_volume_source, pvc), pvc_check },
	{ offsetof(struct data_volume_source, snapshot), snapshot_check },
};

int
data_volume_source_check(const struct data_volume_source *source, const char **field, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
		if (*(void *const *)((const char *)source + checks[i].offset) != NULL && checks[i].check(source, field, err) != 0)
			return -1;
	return 0;
}

/* --- what it is known by -------------------------------------------------------------------------------------------- */

const char *
source_url(const struct data_volume_source *s)
{
	return s->http != NULL ? s->http->url : s->s3 != NULL ? s->s3->url : s->gcs != NULL ? s->gcs->url : s->registry != NULL ? s->registry->url : NULL;
}

/* A user before the host, or a query, which may be a signature. */
static bool
has_secret_url(const char *url)
{
	const char *host = url == NULL ? NULL : strstr(url, "://");

	if (host == NULL)
		return false;
	host += 3;
	return memchr(host, '@', strcspn(host, "/?#")) != NULL || strchr(host, '?') != NULL;
}

static bool
is_any(char *const *list)
{
	return list != NULL && list[0] != NULL;
}

bool
source_is_private(const struct data_volume_source *s)
{
	if (s->http != NULL)
		return has_secret_url(s->http->url) || s->http->secret_ref != NULL || s->http->cert_config_map != NULL || is_any(s->http->extra_headers) ||
		    is_any(s->http->secret_extra_headers);
	if (s->s3 != NULL)
		return has_secret_url(s->s3->url) || s->s3->secret_ref != NULL || s->s3->cert_config_map != NULL;
	if (s->gcs != NULL)
		return has_secret_url(s->gcs->url) || s->gcs->secret_ref != NULL;
	return s->registry != NULL && (has_secret_url(s->registry->url) || s->registry->secret_ref != NULL || s->registry->cert_config_map != NULL);
}

char *
source_registry_pinned(const char *url, const char *digest)
{
	const char *at = strchr(url, '@'), *end = at == NULL ? url + strlen(url) : at, *last = end;

	/* A colon behind the last slash begins a tag, one before it a port. */
	while (last > url && last[-1] != '/' && last[-1] != ':')
		last--;
	if (last > url && last[-1] == ':' && last[0] != '/')
		end = last - 1;
	return g_strdup_printf("%.*s@%s", (int)(end - url), url, digest);
}
