/* Sources for the import worker; see source.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>

#include "daemon/controllers/source.h"
#include "daemon/daemon.h"
#include "daemon/store.h"
#include "src/api/core.h"
#include "src/api/volume_source.h"
#include "src/base/error.h"

/* A source as the worker knows it. */
struct origin {
	const char *kind, *url, *checksum, *secret, *config_map, *architecture;
	char **headers, **secret_headers;
	bool insecure;
};

static struct origin
origin_of(const struct data_volume_source *s)
{
	if (s->http != NULL)
		return (struct origin){ "http", s->http->url, s->http->checksum, s->http->secret_ref, s->http->cert_config_map, NULL,
			s->http->extra_headers, s->http->secret_extra_headers, s->http->insecure_skip_verify };
	if (s->s3 != NULL)
		return (struct origin){ .kind = "s3", .url = s->s3->url, .secret = s->s3->secret_ref, .config_map = s->s3->cert_config_map };
	if (s->gcs != NULL)
		return (struct origin){ .kind = "gcs", .url = s->gcs->url, .secret = s->gcs->secret_ref };
	return (struct origin){ .kind = "registry", .url = s->registry->url, .secret = s->registry->secret_ref,
		.config_map = s->registry->cert_config_map, .architecture = s->registry->platform == NULL ? NULL : s->registry->platform->architecture };
}

static int
add_credentials(struct daemon *daemon, const char *home, const struct origin *o, json_t *args, struct error *err)
{
	const struct object *secret = store_get(daemon->store, KIND_SECRET, home, o->secret);
	size_t n;

	g_autofree char *user = secret == NULL ? NULL : secret_value(secret->value, "accessKeyId", &n);
	g_autofree char *password = secret == NULL ? NULL : secret_value(secret->value, "secretKey", &n);
	if (user == NULL || password == NULL)
		return error_set(err, ENOENT, "Secret %s/%s with accessKeyId and secretKey does not exist", home, o->secret);
	json_object_set_new(args, "user", json_string(user));
	json_object_set_new(args, "password", json_string(password));
	return 0;
}

static int
add_certificates(struct daemon *daemon, const char *home, const struct origin *o, json_t *args, struct error *err)
{
	const struct object *map = store_get(daemon->store, KIND_CONFIG_MAP, home, o->config_map);
	const struct config_map *value = map == NULL ? NULL : map->value;
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; value != NULL && i < value->data.count; i++)
		g_string_append_printf(all, "%s\n", value->data.entries[i].value);
	if (all->len == 0)
		return error_set(err, ENOENT, "ConfigMap %s/%s with certificates does not exist", home, o->config_map);
	json_object_set_new(args, "caPem", json_string(all->str));
	return 0;
}

/* Each value of these Secrets is a header. */
static int
add_secret_headers(struct daemon *daemon, const char *home, const struct origin *o, json_t *headers, struct error *err)
{
	for (char **name = o->secret_headers; name != NULL && *name != NULL; name++) {
		const struct object *object = store_get(daemon->store, KIND_SECRET, home, *name);
		const struct secret *secret = object == NULL ? NULL : object->value;
		size_t n;

		if (secret == NULL)
			return error_set(err, ENOENT, "Secret %s/%s with headers does not exist", home, *name);
		for (size_t i = 0; i < secret->data.count; i++) {
			g_autofree char *line = secret_value(secret, secret->data.entries[i].name, &n);
			if (line != NULL)
				json_array_append_new(headers, json_string(line));
		}
	}
	return 0;
}

json_t *
source_args(struct daemon *daemon, const char *home, const struct data_volume_source *source, struct error *err)
{
	const struct origin o = origin_of(source);
	json_t *headers = json_array(), *args = json_pack("{s:s,s:s,s:o,s:b}", "url", o.url, "source", o.kind, "headers", headers,
	    "insecureSkipVerify", o.insecure);

	for (char **h = o.headers; h != NULL && *h != NULL; h++)
		json_array_append_new(headers, json_string(*h));
	if (o.checksum != NULL)
		json_object_set_new(args, "checksum", json_string(o.checksum));
	if (o.architecture != NULL && *o.architecture != '\0')
		json_object_set_new(args, "architecture", json_string(o.architecture));
	if ((o.secret == NULL || add_credentials(daemon, home, &o, args, err) == 0) &&
	    (o.config_map == NULL || add_certificates(daemon, home, &o, args, err) == 0) &&
	    add_secret_headers(daemon, home, &o, headers, err) == 0)
		return args;
	json_decref(args);
	return NULL;
}
