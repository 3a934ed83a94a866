/*
 * Requests to a registry; see registry.h.  Manifests and tokens are small and read whole; layers come as streams of fetch.h.
 *
 *   ask --+--(200)--> body
 *         +--(401)--> challenge --> token or password --> ask again, once
 *
 * Behind a redirect to another host libcurl sends no Authorization.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <curl/curl.h>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "storage/fetch_private.h"
#include "storage/registry.h"

#define INDEX_TYPES "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
#define MANIFEST_TYPES "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

enum {
	BODY_MOST = 4 << 20, /* bytes of a manifest or a token */
	LINE_MOST = 8 << 10, /* of a header that is looked at */
	TOKEN_SECONDS = 60,  /* that one lasts when nothing is said: the protocol's own default */
	NESTING_MOST = 4,    /* indexes that lead to a manifest */
};

struct registry {
	const struct registry_reference *image;
	const struct fetch_request *request;
	CURL *curl;
	char problem[CURL_ERROR_SIZE];
	bool plain;                          /* HTTP, without encryption */
	bool answered;                       /* in the way that plain says */
	struct registry_challenge challenge; /* what it wanted */
	char *authorization;                 /* the header's line that met it, or NULL */
	int64_t expires_ms;                  /* ... for how long; monotonic */
};

/* One answer.  Clear with answer_clear(). */
struct answer {
	long status;
	GByteArray *body;
	char *digest; /* of a manifest as the registry knows it, or NULL */
	bool too_large, challenged;
	struct registry_challenge challenge;
};

/* One request. */
struct question {
	const char *url, *accept; /* accept: may be NULL */
	const char *authorization; /* a header's line, or NULL */
	bool head_only;
};

/* --- one request ------------------------------------------------------------------------------------------------------ */

static void
answer_clear(struct answer *a)
{
	if (a->body != NULL)
		g_byte_array_unref(a->body);
	g_free(a->digest);
	registry_challenge_clear(&a->challenge);
	memset(a, 0, sizeof(*a));
}

static char *
header_value(const char *line, const char *name)
{
	size_t n = strlen(name);

	return g_ascii_strncasecmp(line, name, n) == 0 && line[n] == ':' ? g_strstrip(g_strdup(line + n + 1)) : NULL;
}

/* Of several headers Bearer is the better one. */
static void
take_challenge(struct answer *a, const char *value)
{
	struct registry_challenge challenge;

	if (!registry_challenge_parse(value, &challenge))
		return;
	if (a->challenged && !challenge.bearer) {
		registry_challenge_clear(&challenge);
		return;
	}
	registry_challenge_clear(&a->challenge);
	a->challenge = challenge;
	a->challenged = true;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct answer *a = arg;
	g_autofree char *line = g_strndup(data, MIN(size * count, (size_t)LINE_MOST));

	if (g_str_has_prefix(line, "HTTP/")) { /* the next answer of a chain of redirects */
		g_clear_pointer(&a->digest, g_free);
		registry_challenge_clear(&a->challenge);
		a->challenged = false;
		g_byte_array_set_size(a->body, 0);
	}
	g_autofree char *challenge = header_value(line, "WWW-Authenticate"), *digest = header_value(line, "Docker-Content-Digest");
	if (challenge != NULL)
		take_challenge(a, challenge);
	if (digest != NULL && a->digest == NULL)
		a->digest = g_steal_pointer(&digest);
	return size * count;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct answer *a = arg;

	a->too_large = size * count > BODY_MOST - a->body->len;
	if (a->too_large)
		return 0;
	g_byte_array_append(a->body, (const guint8 *)data, (guint)(size * count));
	return size * count;
}

static struct curl_slist *
headers_of(const struct question *q)
{
	struct curl_slist *headers = NULL;

	if (q->accept != NULL) {
		g_autofree char *line = g_strconcat("Accept: ", q->accept, NULL);
		headers = curl_slist_append(headers, line);
	}
	return q->authorization == NULL ? headers : curl_slist_append(headers, q->authorization);
}

static CURLcode
perform(struct registry *r, const struct question *q, struct answer *a)
{
	struct curl_slist *headers = headers_of(q);

	if (r->curl == NULL)
		r->curl = curl_easy_init();
	if (r->curl == NULL)
		g_error("libcurl cannot be started");
	curl_easy_reset(r->curl);
	fetch_set_options(r->curl, r->request);
	/* What came encrypted does not go on in the open: of a tag nothing else proves what it means. */
	if (g_str_has_prefix(q->url, "https:"))
		curl_easy_setopt(r->curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(r->curl, CURLOPT_URL, q->url);
	curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(r->curl, CURLOPT_NOBODY, q->head_only ? 1L : 0L);
	curl_easy_setopt(r->curl, CURLOPT_ERRORBUFFER, r->problem);
	curl_easy_setopt(r->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(r->curl, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, a);
	r->problem[0] = '\0';
	*a = (struct answer){.body = g_byte_array_new()};
	CURLcode code = curl_easy_perform(r->curl);
	curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &a->status);
	curl_slist_free_all(headers);
	return code;
}

static int
told(struct registry *r, const struct question *q, CURLcode code, const struct answer *a, struct error *err)
{
	g_autofree char *shown = fetch_url_shown(q->url);

	if (code == CURLE_OK)
		return 0;
	if (a->too_large)
		return error_set(err, EINVAL, "%s: the answer has more than %d MiB", shown, BODY_MOST >> 20);
	return error_set(err, fetch_errno(code), "%s: %s", shown, r->problem[0] != '\0' ? r->problem : curl_easy_strerror(code));
}

/* --- rights ----------------------------------------------------------------------------------------------------------- */

static bool
may_be_plain(const struct registry *r)
{
	return r->request->insecure || registry_is_loopback(r->image->authority);
}

static char *
basic(const struct fetch_request *request)
{
	g_autofree char *pair = g_strconcat(request->user, ":", request->password == NULL ? "" : request->password, NULL);
	g_autofree char *code = g_base64_encode((const guchar *)pair, strlen(pair));

	return g_strconcat("Authorization: Basic ", code, NULL);
}

/* Realm, with what the challenge said as its query. */
static char *
token_url(const struct registry *r)
{
	g_autofree char *scope = r->challenge.scope != NULL ? g_strdup(r->challenge.scope) : g_strdup_printf("repository:%s:pull", r->image->name);
	g_autofree char *escaped = g_uri_escape_string(scope, NULL, FALSE);
	g_autofree char *service = g_uri_escape_string(r->challenge.service == NULL ? "" : r->challenge.service, NULL, FALSE);

	return g_strdup_printf("%s%cservice=%s&scope=%s", r->challenge.realm, strchr(r->challenge.realm, '?') == NULL ? '?' : '&', service, escaped);
}

/* A token is put into a header: one line, nothing else. */
static int
take_token(struct registry *r, const struct answer *a, struct error *err)
{
	json_t *tree = json_loadb((const char *)a->body->data, a->body->len, 0, NULL);
	const char *token = NULL, *other = NULL;
	json_int_t seconds = TOKEN_SECONDS;
	int rc = 0;

	if (tree == NULL || json_unpack(tree, "{s?s, s?s, s?I}", "token", &token, "access_token", &other, "expires_in", &seconds) < 0)
		token = other = NULL;
	if (token == NULL)
		token = other;
	for (const char *p = token; p != NULL && *p != '\0'; p++)
		if (!g_ascii_isgraph(*p))
			token = NULL;
	if (token == NULL || *token == '\0')
		rc = error_set(err, EIO, "the registry's token server %s gave no token", r->challenge.realm);
	else
		r->authorization = g_strconcat("Authorization: Bearer ", token, NULL);
	/* Half of it: one that is about to expire is of no use. */
	r->expires_ms = clock_monotonic_ms() + CLAMP(seconds, 1, 24 * 3600) * 500;
	json_decref(tree);
	return rc;
}

static int
get_token(struct registry *r, struct error *err)
{
	const char *realm = r->challenge.realm;
	bool encrypted = g_str_has_prefix(realm, "https://");

	if (!encrypted && !(g_str_has_prefix(realm, "http://") && r->plain))
		return error_set(err, EINVAL, "the registry wants a token of %s, which is not reached by https", realm);
	g_autofree char *url = token_url(r), *authorization = r->request->user == NULL ? NULL : basic(r->request);
	struct question q = {.url = url, .authorization = authorization};
	struct answer a;
	int rc = told(r, &q, perform(r, &q, &a), &a, err);

	if (rc == 0 && (a.status == 401 || a.status == 403))
		rc = error_set(err, EACCES, "the registry's token server refuses %s",
		    r->request->user == NULL ? "whoever has no secretRef" : "the credentials of secretRef");
	else if (rc == 0 && a.status != 200)
		rc = error_set(err, EIO, "the registry's token server answered with HTTP status %ld", a.status);
	if (rc == 0)
		rc = take_token(r, &a, err);
	answer_clear(&a);
	return rc;
}

/* Meets the challenge that is known. */
static int
authorize(struct registry *r, struct error *err)
{
	g_clear_pointer(&r->authorization, g_free);
	if (r->challenge.bearer)
		return get_token(r, err);
	if (r->request->user == NULL)
		return error_set(err, EACCES, "the registry wants a user and a password: a secretRef with accessKeyId and secretKey is needed");
	r->authorization = basic(r->request);
	r->expires_ms = INT64_MAX;
	return 0;
}

/* --- the registry's own paths ----------------------------------------------------------------------------------------- */

static char *
url_of(const struct registry *r, const char *what, const char *which)
{
	return g_strdup_printf("%s://%s/v2/%s/%s/%s", r->plain ? "http" : "https", r->image->authority, r->image->name, what, which);
}

/* A registry of one's own may know HTTP only; which is tried where it is allowed, when HTTPS does not come about. */
static bool
turns_plain(struct registry *r, CURLcode code)
{
	static const CURLcode codes[] = {CURLE_SSL_CONNECT_ERROR, CURLE_COULDNT_CONNECT, CURLE_RECV_ERROR, CURLE_GOT_NOTHING};

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (code == codes[i] && !r->plain && !r->answered && may_be_plain(r))
			return r->plain = true;
	return false;
}

static int
ask_once(struct registry *r, const char *what, const char *which, struct question *q, struct answer *a, struct error *err)
{
	for (;;) {
		g_autofree char *url = url_of(r, what, which);
		q->url = url;
		q->authorization = r->authorization;
		CURLcode code = perform(r, q, a);
		int rc = told(r, q, code, a, err);
		q->url = NULL;
		if (!turns_plain(r, code)) {
			r->answered = true;
			return rc;
		}
		answer_clear(a);
	}
}

/* What a status other than 200 means. */
static int
judge(const struct registry *r, const struct answer *a, struct error *err)
{
	if (a->status == 200)
		return 0;
	if (a->status == 404)
		return error_set(err, ENOENT, "there is no such image: the registry answered with HTTP status 404 (not found)");
	if (a->status == 401 || a->status == 403)
		return error_set(err, EACCES, "the registry answered with HTTP status %ld: the image does not exist, or %s", a->status,
		    r->request->user == NULL ? "it needs a secretRef with accessKeyId and secretKey" : "the credentials of secretRef may not read it");
	return error_set(err, EIO, "the registry answered with HTTP status %ld%s", a->status, a->status == 429 ? " (it is asked too often)" : "");
}

/* answer is to be cleared in any case. */
static int
ask(struct registry *r, const char *what, const char *which, struct question *q, struct answer *a, struct error *err)
{
	int rc = ask_once(r, what, which, q, a, err);

	if (rc == 0 && a->status == 401 && a->challenged) {
		registry_challenge_clear(&r->challenge);
		r->challenge = a->challenge;
		a->challenge = (struct registry_challenge){0};
		answer_clear(a);
		rc = authorize(r, err) < 0 ? -1 : ask_once(r, what, which, q, a, err);
	}
	return rc < 0 ? -1 : judge(r, a, err);
}

/* The JSON object of an answer; digest: what its bytes must have, or NULL. */
static json_t *
read_json(const struct answer *a, const char *which, const char *digest, const char *found, struct error *err)
{
	json_t *tree;

	if (digest != NULL && strcmp(found, digest) != 0) {
		error_set(err, EINVAL, "what the registry sent for %s is something else: it has %s", digest, found);
		return NULL;
	}
	tree = json_loadb((const char *)a->body->data, a->body->len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(tree))
		return tree;
	error_set(err, EINVAL, "what the registry sent for %s is no JSON object", which);
	json_decref(tree);
	return NULL;
}

/* A manifest or a blob that is small.  digest: what it must have, or NULL; *found: what it has, to be g_free()d; found may be NULL. */
static json_t *
get_json(struct registry *r, const char *what, const char *which, const char *digest, char **found, struct error *err)
{
	struct question q = {.accept = strcmp(what, "manifests") == 0 ? INDEX_TYPES ", " MANIFEST_TYPES : NULL};
	struct answer a = {0};
	json_t *tree = NULL;

	if (ask(r, what, which, &q, &a, err) == 0) {
		g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, a.body->data, a.body->len);
		g_autofree char *own = g_strconcat("sha256:", sum, NULL);
		tree = read_json(&a, which, digest, own, err);
		if (tree != NULL && found != NULL)
			*found = g_steal_pointer(&own);
	}
	answer_clear(&a);
	return tree;
}

/* --- from the name to the layers ---------------------------------------------------------------------------------------- */

static const char *
reference(const struct registry *r)
{
	return r->image->digest != NULL ? r->image->digest : r->image->tag;
}

/* A manifest without an index tells its machine in its configuration. */
static int
check_machine(struct registry *r, const json_t *manifest, const char *architecture, struct error *err)
{
	const char *digest = registry_digest(json_object_get(manifest, "config"));

	if (digest == NULL)
		return 0;
	json_t *config = get_json(r, "blobs", digest, digest, NULL, err);
	if (config == NULL)
		return error_wrap(err, "its configuration: ");
	const char *own = json_string_value(json_object_get(config, "architecture"));
	int rc = own == NULL || *own == '\0' || strcmp(own, architecture) == 0
	    ? 0
	    : error_set(err, EINVAL, "the image is for the architecture %s, not for %s", own, architecture);
	json_decref(config);
	return rc;
}

/* The manifest behind one, through indexes; takes tree. */
static json_t *
follow(struct registry *r, json_t *tree, const char *architecture, struct error *err)
{
	for (int depth = NESTING_MOST; tree != NULL && json_object_get(tree, "manifests") != NULL; depth--) {
		const json_t *item = registry_choose(tree, architecture);
		const char *digest = registry_digest(item);
		json_t *next = NULL;

		if (item == NULL)
			error_set(err, EINVAL, "there is no image for the architecture %s", architecture);
		else if (digest == NULL || depth == 0)
			error_set(err, EINVAL, "its index has a manifest without a sha256 digest, or leads too far");
		else
			next = get_json(r, "manifests", digest, digest, NULL, err);
		json_decref(tree);
		tree = next;
	}
	return tree;
}

static json_t *
find_manifest(struct registry *r, const char *architecture, struct error *err)
{
	const char *wanted = architecture == NULL ? registry_architecture() : architecture;
	json_t *tree = get_json(r, "manifests", reference(r), r->image->digest, NULL, err);
	bool is_index = json_object_get(tree, "manifests") != NULL;

	tree = follow(r, tree, wanted, err);
	/* An image that is only there without an index is often built anywhere: its word counts when one was asked for. */
	if (tree != NULL && !is_index && architecture != NULL && check_machine(r, tree, architecture, err) < 0)
		g_clear_pointer(&tree, json_decref);
	return tree;
}

/* --- layers ----------------------------------------------------------------------------------------------------------- */

struct pour {
	unpack_sink *sink;
	void *arg;
};

static int
on_blob(void *arg, const uint8_t *data, size_t length, const struct fetch_about *about, struct error *err)
{
	const struct pour *pour = arg;

	(void)about;
	return pour->sink(pour->arg, data, length, err);
}

static int
stream_blob(const struct layer *layer, unpack_sink *sink, void *arg, struct error *err)
{
	struct registry *r = layer->origin;
	struct pour pour = {.sink = sink, .arg = arg};

	if (r->authorization != NULL && clock_monotonic_ms() > r->expires_ms && authorize(r, err) < 0)
		return -1;
	g_autofree char *url = url_of(r, "blobs", layer->path);
	char *headers[] = {r->authorization, NULL};
	struct fetch_request request = *r->request;
	request.url = url;
	request.headers = headers;
	request.user = request.password = request.region = request.validator = NULL;
	request.from = 0;
	request.in_one = request.verified = true;
	struct fetch *fetch = fetch_new(&request, NULL, NULL);
	int rc = fetch_stream(fetch, on_blob, &pour, err);
	fetch_free(fetch);
	return rc < 0 ? -1 : 0;
}

/* --- what is offered -------------------------------------------------------------------------------------------------- */

struct registry *
registry_new(const struct registry_reference *image, const struct fetch_request *request)
{
	struct registry *r = g_new0(struct registry, 1);

	r->image = image;
	r->request = request;
	return r;
}

void
registry_free(struct registry *r)
{
	if (r == NULL)
		return;
	curl_easy_cleanup(r->curl);
	registry_challenge_clear(&r->challenge);
	g_free(r->authorization);
	g_free(r);
}

static bool
is_sha256(const char *digest)
{
	json_t *descriptor = json_pack("{s:s?}", "digest", digest);
	bool is = registry_digest(descriptor) != NULL;

	json_decref(descriptor);
	return is;
}

/* Without its body a manifest counts little against what a registry allows in an hour. */
int
registry_resolve(struct registry *r, char **digest, struct error *err)
{
	struct question q = {.accept = INDEX_TYPES ", " MANIFEST_TYPES, .head_only = true};
	struct answer a = {0};
	int rc = ask(r, "manifests", reference(r), &q, &a, err);

	if (rc == 0 && is_sha256(a.digest)) {
		*digest = g_steal_pointer(&a.digest);
	} else if (rc == 0) {
		json_t *tree = get_json(r, "manifests", reference(r), r->image->digest, digest, err);
		rc = tree == NULL ? -1 : 0;
		json_decref(tree);
	}
	answer_clear(&a);
	return rc < 0 ? error_wrap(err, "%s: ", r->image->shown) : 0;
}

int
registry_read(struct registry *r, const char *architecture, const char *file, int64_t limit, unpack_sink *sink,
    layers_progress *progress, void *arg, struct error *err)
{
	json_t *manifest = find_manifest(r, architecture, err);
	g_autofree struct layer *layers = NULL;
	size_t count = 0;

	int rc = manifest == NULL ? -1 : registry_layers(manifest, &layers, &count, err);
	for (size_t i = 0; i < count; i++) {
		layers[i].stream = stream_blob;
		layers[i].origin = r;
	}
	if (rc == 0)
		rc = layers_read(layers, count, file, limit, sink, progress, arg, err);
	json_decref(manifest);
	return rc < 0 ? error_wrap(err, "%s: ", r->image->shown) : 0;
}
