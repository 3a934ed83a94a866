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

static int
check_url(const char *url, struct error *err)
{
	if (g_ascii_strncasecmp(url, "http://", 7) == 0 || g_ascii_strncasecmp(url, "https://", 8) == 0)
		return 0;
	g_autofree char *shown = fetch_url_shown(url);
	return error_set(
	    err, EINVAL, "Invalid source URL scheme: %s begins neither with http:// nor with https://", shown);
}

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

/* One of the two, and what belongs to it. */
static int
take_source(struct import_job *job, const json_t *layers, const json_t *headers, struct error *err)
{
	const char *hex;
	int type;

	if ((job->request.url == NULL) == (layers == NULL))
		return error_set(err, EINVAL, "an import has either a url or layers");
	if (layers != NULL)
		return take_layers(job, layers, err);
	if (check_url(job->request.url, err) < 0 || take_headers(job, headers, err) < 0)
		return -1;
	return job->checksum == NULL ? 0 : import_checksum_parse(job->checksum, &type, &hex, err);
}

static int
take(struct import_job *job, struct error *err)
{
	json_int_t capacity = 0, connect = CONNECT_SECONDS, stall = STALL_SECONDS, times = ATTEMPTS;
	json_t *headers = NULL, *layers = NULL;
	json_error_t problem;
	int verbatim = 0;

	if (json_unpack_ex(job->args, &problem, 0, "{s?s, s?o, s?s, s?b, s?s, s?o, s?s, s?s, s?s, s:I, s:s, s?I, s?I, s?I}", "url",
	        &job->request.url, "layers", &layers, "file", &job->file, "verbatim", &verbatim, "checksum", &job->checksum, "headers", &headers, "user", &job->request.user,
	        "password", &job->request.password, "caPem", &job->request.ca_pem, "capacity", &capacity, "scratch",
	        &job->scratch, "connectSeconds", &connect, "stallSeconds", &stall, "attempts", &times) < 0)
		return error_set(err, EINVAL, "the request of an import is malformed: %s", problem.text);
	if (capacity <= 0)
		return error_set(err, EINVAL, "the capacity of an import is %lld bytes", (long long)capacity);
	job->capacity = capacity;
	job->verbatim = verbatim;
	job->request.connect_seconds = (long)connect;
	job->request.stall_seconds = (long)stall;
	job->request.attempts = (unsigned)times;
	return take_source(job, layers, headers, err);
}

int
import_job_init(struct import_job *job, json_t *args, struct error *err)
{
	struct import_job result = {.args = json_incref(args)};

	if (take(&result, err) < 0) {
		import_job_clear(&result);
		return -1;
	}
	*job = result;
	return 0;
}

void
import_job_clear(struct import_job *job)
{
	g_strfreev(job->request.headers);
	layers_close(job->layers, job->layer_count);
	g_free(job->layers);
	json_decref(job->args);
	memset(job, 0, sizeof(*job));
}
