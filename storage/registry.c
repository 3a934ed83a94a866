/* Names, challenges and manifests of registries; see registry.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "src/base/error.h"
#include "storage/registry.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NUMERALS "0123456789"
#define TOKEN LETTERS CAPITALS NUMERALS "!#$%&'*+-.^_`|~" /* RFC 9110, 5.6.2 */
#define SCHEME "docker://"
#define ARCHIVE "oci-archive:"

enum { NAME_MOST = 255, TAG_MOST = 128, DIGITS = 64, LAYERS_MOST = 128 };

/* --- names ---------------------------------------------------------------------------------------------------------- */

/* Lower-case words, put together by ".", "_", "__" or any number of "-". */
static bool
is_component(const char *text)
{
	for (;;) {
		size_t word = strspn(text, LETTERS NUMERALS);
		if (word == 0)
			return false;
		text += word;
		if (*text == '\0')
			return true;
		size_t dashes = strspn(text, "-");
		text += dashes > 0 ? dashes : strncmp(text, "__", 2) == 0 ? 2 : strspn(text, "._") > 0 ? 1 : 0;
	}
}

static bool
is_name(const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, "/", -1);

	for (char **part = parts; *part != NULL; part++)
		if (!is_component(*part))
			return false;
	return parts[0] != NULL && strlen(name) <= NAME_MOST;
}

static bool
is_tag(const char *tag)
{
	return *tag != '\0' && strchr(".-", *tag) == NULL && strlen(tag) <= TAG_MOST &&
	       tag[strspn(tag, LETTERS CAPITALS NUMERALS "_.-")] == '\0';
}

static bool
is_digest(const char *digest)
{
	return g_str_has_prefix(digest, "sha256:") && strspn(digest + 7, NUMERALS "abcdef") == DIGITS && digest[7 + DIGITS] == '\0';
}

/* HOST, HOST:PORT, [ADDRESS]:PORT; whether it can be reached is libcurl's to say. */
static bool
is_authority(const char *text)
{
	return *text != '\0' && text[strspn(text, LETTERS CAPITALS NUMERALS ".-:[]")] == '\0';
}

/* Docker Hub is not asked where its images are said to be, and has those without a folder in one of their own. */
static void
take_place(const char *path, struct registry_reference *r)
{
	const char *slash = strchr(path, '/');
	g_autofree char *first = slash == NULL ? NULL : g_strndup(path, (size_t)(slash - path));
	bool has_host = first != NULL && (strpbrk(first, ".:") != NULL || strcmp(first, "localhost") == 0);
	bool hub = !has_host || strcmp(first, "docker.io") == 0 || strcmp(first, "index.docker.io") == 0;
	const char *name = has_host ? slash + 1 : path;

	r->authority = hub ? g_strdup("registry-1.docker.io") : g_strdup(first);
	r->name = hub && strchr(name, '/') == NULL ? g_strconcat("library/", name, NULL) : g_strdup(name);
}

static int
check_reference(const struct registry_reference *r, const char *url, struct error *err)
{
	g_autofree char *shown = fetch_url_shown(url);

	if (r->digest != NULL && !is_digest(r->digest))
		return error_set(err, EINVAL, "Invalid source URL: what follows the @ of %s is no digest, which is sha256: and %d hexadecimal digits",
		    shown, DIGITS);
	if (r->tag != NULL && !is_tag(r->tag))
		return error_set(err, EINVAL, "Invalid source URL: %s has no valid tag behind its last colon, such as \"latest\"", shown);
	if (!is_authority(r->authority) || !is_name(r->name))
		return error_set(err, EINVAL, "Invalid source URL: %s is no name of an image, such as docker://quay.io/containerdisks/debian:12 "
		    "(in lower case)", shown);
	return 0;
}

static int
take_reference(const char *url, struct registry_reference *r, struct error *err)
{
	const char *text = url + strlen(SCHEME), *at = strchr(text, '@');
	g_autofree char *path = at == NULL ? g_strdup(text) : g_strndup(text, (size_t)(at - text));
	char *slash = strrchr(path, '/'), *colon = strrchr(slash == NULL ? path : slash, ':');

	if (colon != NULL) {
		*colon = '\0';
		r->tag = g_strdup(colon + 1);
	}
	if (at != NULL)
		r->digest = g_strdup(at + 1);
	else if (r->tag == NULL)
		r->tag = g_strdup("latest");
	take_place(path, r);
	if (check_reference(r, url, err) < 0)
		return -1;
	r->shown = g_strconcat(SCHEME, path, r->tag == NULL ? "" : ":", r->tag == NULL ? "" : r->tag, at == NULL ? "" : at, NULL);
	return 0;
}

int
registry_reference_parse(const char *url, struct registry_reference *result, struct error *err)
{
	struct registry_reference r = {0};

	if (g_str_has_prefix(url, ARCHIVE))
		return error_set(err, EINVAL, "Invalid source URL: %s is a file of the host, which no import may read: push the image to a "
		    "registry and write docker://REGISTRY/NAME:TAG", url);
	if (!g_str_has_prefix(url, SCHEME)) {
		g_autofree char *shown = fetch_url_shown(url);
		return error_set(err, EINVAL, "Invalid source URL scheme: %s does not begin with %s", shown, SCHEME);
	}
	if (take_reference(url, &r, err) < 0) {
		registry_reference_clear(&r);
		return -1;
	}
	*result = r;
	return 0;
}

void
registry_reference_clear(struct registry_reference *r)
{
	g_free(r->authority);
	g_free(r->name);
	g_free(r->tag);
	g_free(r->digest);
	g_free(r->shown);
	memset(r, 0, sizeof(*r));
}

bool
registry_is_loopback(const char *authority)
{
	bool address6 = authority[0] == '[';
	g_autofree char *host = g_strndup(authority + address6, strcspn(authority + address6, address6 ? "]" : ":"));

	return g_ascii_strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (g_str_has_prefix(host, "127.") && g_hostname_is_ip_address(host));
}

/* --- challenges ------------------------------------------------------------------------------------------------------- */

static const char *
skip(const char *at)
{
	return at + strspn(at, " \t,");
}

/* A token or a quoted string; *at moves behind it. */
static char *
take_value(const char **at)
{
	GString *value = g_string_new(NULL);
	const char *p = *at + strspn(*at, " \t");

	if (*p != '"') {
		size_t n = strcspn(p, " \t,");
		*at = p + n;
		g_string_append_len(value, p, (gssize)n);
		return g_string_free(value, FALSE);
	}
	for (p++; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		g_string_append_c(value, *p);
	}
	*at = *p == '"' ? p + 1 : p;
	return g_string_free(value, FALSE);
}

/* One challenge of a header, while it is read. */
struct reading {
	bool known; /* its scheme is */
	struct registry_challenge challenge;
};

/* What is read is complete: is it the better one? */
static void
settle(struct reading *now, struct reading *best)
{
	bool usable = now->known && (!now->challenge.bearer || now->challenge.realm != NULL);

	if (usable && (!best->known || (now->challenge.bearer && !best->challenge.bearer))) {
		registry_challenge_clear(&best->challenge);
		*best = *now;
		memset(now, 0, sizeof(*now));
	}
	registry_challenge_clear(&now->challenge);
}

static void
take_parameter(struct registry_challenge *c, const char *name, char *value)
{
	const struct { const char *name; char **member; } rows[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (g_ascii_strcasecmp(name, rows[i].name) == 0 && *rows[i].member == NULL)
			*rows[i].member = g_steal_pointer(&value);
	g_free(value);
}

bool
registry_challenge_parse(const char *value, struct registry_challenge *result)
{
	struct reading now = {0}, best = {0};

	for (const char *at = skip(value); *at != '\0'; at = skip(at)) {
		size_t length = strspn(at, TOKEN);
		if (length == 0)
			break;
		g_autofree char *word = g_strndup(at, length);
		at += length;
		if (*at == '=') {
			at++;
			take_parameter(&now.challenge, word, take_value(&at));
			continue;
		}
		settle(&now, &best);
		now.challenge.bearer = g_ascii_strcasecmp(word, "Bearer") == 0;
		now.known = now.challenge.bearer || g_ascii_strcasecmp(word, "Basic") == 0;
	}
	settle(&now, &best);
	if (best.known)
		*result = best.challenge;
	return best.known;
}

void
registry_challenge_clear(struct registry_challenge *c)
{
	g_free(c->realm);
	g_free(c->service);
	g_free(c->scope);
	memset(c, 0, sizeof(*c));
}

/* --- manifests -------------------------------------------------------------------------------------------------------- */

const char *
registry_digest(const json_t *descriptor)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));

	return digest != NULL && is_digest(digest) ? digest : NULL;
}

const json_t *
registry_choose(const json_t *index, const char *architecture)
{
	const json_t *item, *any = NULL;
	size_t i;

	json_array_foreach(json_object_get(index, "manifests"), i, item) {
		const json_t *platform = json_object_get(item, "platform");
		const char *for_what = json_string_value(json_object_get(platform, "architecture"));
		if (g_strcmp0(for_what, architecture) == 0)
			return item;
		if (for_what == NULL && any == NULL)
			any = item;
	}
	return any;
}

int
registry_layers(const json_t *manifest, struct layer **layers, size_t *count, struct error *err)
{
	const json_t *list = json_object_get(manifest, "layers"), *item;
	size_t i, n = json_array_size(list);

	if (n == 0 || n > LAYERS_MOST)
		return error_set(err, EINVAL, "its manifest has %zu layers: 1 to %d can be read (an image of Docker's old schema 1 has none)", n,
		    LAYERS_MOST);
	g_autofree struct layer *all = g_new0(struct layer, n);
	json_array_foreach(list, i, item) {
		const char *digest = registry_digest(item);
		json_int_t size = json_integer_value(json_object_get(item, "size"));
		if (digest == NULL || size <= 0)
			return error_set(err, EINVAL, "layer number %zu of its manifest has no sha256 digest or no size", i + 1);
		all[i] = (struct layer){.path = digest, .sha256 = digest + 7, .fd = -1, .size = size};
	}
	*layers = g_steal_pointer(&all);
	*count = n;
	return 0;
}

const char *
registry_architecture(void)
{
	static const struct { const char *machine, *name; } rows[] = {
		{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"s390x", "s390x"}, {"ppc64le", "ppc64le"}, {"riscv64", "riscv64"}, {"i686", "386"},
		{"armv7l", "arm"},
	};
	struct utsname self;

	for (size_t i = 0; uname(&self) == 0 && i < G_N_ELEMENTS(rows); i++)
		if (strcmp(rows[i].machine, self.machine) == 0)
			return rows[i].name;
	return "amd64";
}
