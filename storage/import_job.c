/* The request of an import; see import.h and import_verbs.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "storage/import.h"

enum { CONNECT_SECONDS = 30, STALL_SECONDS = 60, ATTEMPTS = 5 };

static const struct {
	const char *name;
	GChecksumType type;
	size_t digits;
} algorithms[] = {
	{"md5", G_CHECKSUM_MD5, 32}, {"sha1", G_CHECKSUM_SHA1, 40}, {"sha256", G_CHECKSUM_SHA256, 64},
	{"sha512", G_CHECKSUM_SHA512, 128},
};

int
import_checksum_parse(const char *checksum, int *type, const char **hex, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		size_t n = strlen(algorithms[i].name);
		if (g_ascii_strncasecmp(checksum, algorithms[i].name, n) != 0 || checksum[n] != ':')
			continue;
		const char *digits = checksum + n + 1;
		if (strspn(digits, "0123456789abcdefABCDEF") != algorithms[i].digits ||
		    digits[algorithms[i].digits] != '\0')
			return error_set(err, EINVAL, "Invalid checksum format: %s has %zu hexadecimal digits",
			    algorithms[i].name, algorithms[i].digits);
		*type = algorithms[i].type;
		*hex = digits;
		return 0;
	}
	return error_set(
	    err, EINVAL, "Invalid checksum format: \"algorithm:hex\" with md5, sha1, sha256 or sha512 is needed");
}

/* --- kinds of URLs -------------------------------------------------------------------------------------------------- */

static bool
is_http(const char *url)
{
	return g_ascii_strncasecmp(url, "http://", 7) == 0 || g_ascii_strncasecmp(url, "https://", 8) == 0;
}

static int
take_http(struct import_job *job, struct error *err)
{
	if (is_http(job->request.url))
		return 0;
	g_autofree char *shown = fetch_url_shown(job->request.url);
	return error_set(
	    err, EINVAL, "Invalid source URL scheme: %s begins neither with http:// nor with https://", shown);
}

char *
import_s3_region(const char *url)
{
	const char *host = strstr(url, "://");

	host = host == NULL ? url : host + 3;
	g_autofree char *name = g_strndup(host, strcspn(host, ":/?#"));
	g_auto(GStrv) labels = g_strsplit(name, ".", -1);
	guint count = g_strv_length(labels);

	if (count >= 4 && strcmp(labels[0], "s3") == 0 && strcmp(labels[2], "amazonaws") == 0)
		return g_strdup(labels[1]);
	if (count >= 3 && g_str_has_prefix(labels[0], "s3-") && strcmp(labels[1], "amazonaws") == 0)
		return g_strdup(labels[0] + 3);
	/* An address and the oldest names tell none; servers of one's own take any, mostly. */
	if (count < 2 || strspn(name, "0123456789.") == strlen(name) || strcmp(name, "s3.amazonaws.com") == 0)
		return g_strdup("us-east-1");
	return g_strdup(labels[0]);
}

/* Requests are signed with the credentials, which are never sent; without any the bucket must be public. */
static int
take_s3(struct import_job *job, struct error *err)
{
	if (take_http(job, err) < 0)
		return error_wrap(err, "an s3 source is written https://ENDPOINT/BUCKET/OBJECT: ");
	if (job->request.user != NULL)
		job->request.region = job->region = import_s3_region(job->request.url);
	return 0;
}

static int
take_gcs(struct import_job *job, struct error *err)
{
	if (job->request.user != NULL || job->request.password != NULL)
		return error_set(err, EINVAL,
		    "a gcs source with a service account (secretRef) is not supported: make the object public, or use an http source with a signed URL");
	if (is_http(job->request.url))
		return 0;
	if (g_ascii_strncasecmp(job->request.url, "gs://", 5) != 0 || strchr(job->request.url + 5, '/') == NULL)
		return error_set(err, EINVAL, "Invalid source URL: a gcs source is written gs://BUCKET/OBJECT or https://...");
	g_autofree char *object = g_uri_escape_string(job->request.url + 5, G_URI_RESERVED_CHARS_ALLOWED_IN_PATH, FALSE);
	job->request.url = job->url = g_strconcat("https://storage.googleapis.com/", object, NULL);
	return 0;
}

static int
take_registry(struct import_job *job, struct error *err)
{
	if (job->checksum != NULL)
		return error_set(err, EINVAL, "an image in a registry has no checksum: its digest is written behind its name, as NAME@sha256:...");
	job->source = IMPORT_FROM_REGISTRY;
	return registry_reference_parse(job->request.url, &job->image, err);
}

static const struct {
	const char *name;
	int (*take)(struct import_job *job, struct error *err);
} kinds[] = {{"http", take_http}, {"s3", take_s3}, {"gcs", take_gcs}, {"registry", take_registry}};

static int
take_kind(struct import_job *job, const char *name, struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].take(job, err);
	return error_set(err, EINVAL, "the source of an import is \"%s\": http, s3, gcs and registry are known", name);
}

/* --- members --------------------------------------------------------------------------------------------------------- */

/* A header may hold a secret: only its position is told. */
static int
take_headers(struct import_job *job, const json_t *headers, struct error *err)
{
	size_t count = json_array_size(headers), i;
	char **lines = g_new0(char *, count + 1);
	json_t *item;

	job->request.headers = lines;
	json_array_foreach(headers, i, item) {
		const char *line = json_string_value(item);
		if (line == NULL || strpbrk(line, "\r\n") != NULL || strchr(line, ':') == NULL)
			return error_set(err, EINVAL, "extra header number %zu is not one line \"name: value\"", i + 1);
		lines[i] = g_strdup(line);
	}
	return 0;
}

static int
take_layers(struct import_job *job, const json_t *layers, struct error *err)
{
	json_t *item;
	size_t i;

	job->layer_count = json_array_size(layers);
	job->layers = g_new0(struct layer, job->layer_count + 1);
	for (i = 0; i < job->layer_count; i++)
		job->layers[i].fd = -1; /* closed when the job is cleared */
	json_array_foreach(layers, i, item) {
		if (json_unpack(item, "{s:s, s:s}", "path", &job->layers[i].path, "sha256", &job->layers[i].sha256) < 0)
			return error_set(err, EINVAL, "layer number %zu of an import has no path or no sha256", i + 1);
	}
	return 0;
}

static int
take_resume(struct import_job *job, const json_t *resume, struct error *err)
{
	json_int_t offset = 0;

	if (resume == NULL)
		return 0;
	if (json_unpack((json_t *)(uintptr_t)resume, "{s:I, s:s}", "offset", &offset, "validator", &job->request.validator) < 0 || offset < 0 ||
	    offset > job->capacity)
		return error_set(err, EINVAL, "where an import is to be resumed has an offset within the capacity and a validator");
	job->request.from = offset;
	return 0;
}

/* Members that are objects or lists. */
struct parts {
	json_t *headers, *layers, *resume;
	const char *kind, *format;
};

/* A volume, as its kind of storage keeps it. */
static int
take_volume(struct import_job *job, const struct parts *parts, struct error *err)
{
	const char *format = parts->format == NULL ? "raw" : parts->format;

	job->source = IMPORT_FROM_VOLUME;
	job->qcow2 = strcmp(format, "qcow2") == 0;
	if (!job->qcow2 && strcmp(format, "raw") != 0)
		return error_set(err, EINVAL, "the format of a copy is \"%s\": raw and qcow2 are known", format);
	if (job->checksum != NULL || job->total < 0)
		return error_set(err, EINVAL, "a copy has no checksum, and a total of bytes that is not negative");
	return 0;
}

/* One of the four, and what belongs to it. */
static int
take_source(struct import_job *job, const struct parts *parts, struct error *err)
{
	bool upload = strcmp(parts->kind, "upload") == 0, volume = strcmp(parts->kind, "volume") == 0;
	const char *hex;
	int type;

	if ((job->request.url != NULL) + (parts->layers != NULL) + upload + volume != 1)
		return error_set(err, EINVAL, "an import has either a url or layers, or it is an upload or a copy");
	if (volume)
		return take_volume(job, parts, err);
	job->source = upload ? IMPORT_FROM_STREAM : parts->layers != NULL ? IMPORT_FROM_LAYERS : IMPORT_FROM_URL;
	if (upload)
		return job->total >= 0 ? 0 : error_set(err, EINVAL, "the total of an upload is %lld bytes", (long long)job->total);
	if (job->archive && (parts->layers != NULL || strcmp(parts->kind, "registry") == 0))
		return error_set(err, EINVAL, "a container image holds the image of a disk, no archive");
	if (parts->layers != NULL)
		return take_layers(job, parts->layers, err);
	if (take_kind(job, parts->kind, err) < 0 || take_headers(job, parts->headers, err) < 0 ||
	    take_resume(job, parts->resume, err) < 0)
		return -1;
	job->request.verified = job->checksum != NULL;
	return job->checksum == NULL ? 0 : import_checksum_parse(job->checksum, &type, &hex, err);
}

static int
take(struct import_job *job, struct error *err)
{
	json_int_t capacity = 0, total = 0, connect = CONNECT_SECONDS, stall = STALL_SECONDS, times = ATTEMPTS;
	struct parts parts = {.kind = "http"};
	json_error_t problem;
	int verbatim = 0, archive = 0, dense = 0, insecure = 0;

	if (json_unpack_ex(job->args, &problem, 0, "{s?s, s?s, s?o, s?s, s?s, s?b, s?b, s?b, s?s, s?s, s?o, s?s, s?s, s?s, s?b, s?o, s?I, s?I, s?s, s?I, s?I, s?I, s?s}",
	        "url", &job->request.url, "source", &parts.kind, "layers", &parts.layers, "file", &job->file, "architecture", &job->architecture,
	        "verbatim", &verbatim, "archive", &archive, "dense", &dense, "checksum", &job->checksum, "validator", &job->request.validator, "headers", &parts.headers, "user", &job->request.user, "password",
	        &job->request.password, "caPem", &job->request.ca_pem, "insecureSkipVerify", &insecure, "resume", &parts.resume, "capacity",
	        &capacity, "total", &total, "scratch", &job->scratch, "connectSeconds", &connect, "stallSeconds", &stall, "attempts", &times, "format",
	        &parts.format) < 0)
		return error_set(err, EINVAL, "the request of an import is malformed: %s", problem.text);
	job->capacity = capacity;
	job->total = total;
	job->verbatim = verbatim || archive;
	job->archive = archive;
	job->dense = dense;
	job->request.insecure = insecure;
	job->request.connect_seconds = (long)connect;
	job->request.stall_seconds = (long)stall;
	job->request.attempts = (unsigned)times;
	return take_source(job, &parts, err);
}

static int
check_import(const struct import_job *job, struct error *err)
{
	if (job->capacity <= 0)
		return error_set(err, EINVAL, "the capacity of an import is %lld bytes", (long long)job->capacity);
	return job->scratch != NULL ? 0 : error_set(err, EINVAL, "the request of an import is malformed: it has no scratch directory");
}

static int
check_probe(const struct import_job *job, struct error *err)
{
	return job->request.url != NULL ? 0 : error_set(err, EINVAL, "a probe has a url, neither layers nor an upload");
}

static int
init(struct import_job *job, json_t *args, int (*check)(const struct import_job *job, struct error *err), struct error *err)
{
	struct import_job result = {.args = json_incref(args), .stream = -1, .under = -1};

	if (take(&result, err) < 0 || check(&result, err) < 0) {
		import_job_clear(&result);
		return -1;
	}
	*job = result;
	return 0;
}

int
import_job_init(struct import_job *job, json_t *args, struct error *err)
{
	return init(job, args, check_import, err);
}

int
import_job_init_probe(struct import_job *job, json_t *args, struct error *err)
{
	return init(job, args, check_probe, err);
}

void
import_job_clear(struct import_job *job)
{
	g_strfreev(job->request.headers);
	g_free(job->url);
	g_free(job->region);
	registry_reference_clear(&job->image);
	layers_close(job->layers, job->layer_count);
	g_free(job->layers);
	json_decref(job->args);
	memset(job, 0, sizeof(*job));
}
