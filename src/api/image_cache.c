/* Names of cached images; see image_cache.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/image_cache.h"
#include "src/api/volume_source.h"

/* With its length, so that no two lists of words are the same text. */
static void
add(GString *text, const char *word)
{
	if (word == NULL)
		g_string_append(text, "-;");
	else
		g_string_append_printf(text, "%zu:%s;", strlen(word), word);
}

static void
add_list(GString *text, char *const *words)
{
	for (; words != NULL && *words != NULL; words++)
		add(text, *words);
	add(text, NULL);
}

/* All that says what is fetched, and by which right. */
static void
add_source(GString *text, const struct data_volume_source *s, const char *digest)
{
	g_autofree char *pinned = s->registry == NULL ? NULL : source_registry_pinned(s->registry->url, digest);

	add(text, pinned != NULL ? pinned : source_url(s));
	if (s->http != NULL) {
		add(text, s->http->insecure_skip_verify ? "insecure" : NULL);
		add(text, s->http->secret_ref);
		add(text, s->http->cert_config_map);
		add_list(text, s->http->extra_headers);
		add_list(text, s->http->secret_extra_headers);
	} else if (s->s3 != NULL) {
		add(text, s->s3->secret_ref);
		add(text, s->s3->cert_config_map);
	} else if (s->gcs != NULL) {
		add(text, s->gcs->secret_ref);
	} else if (s->registry != NULL) {
		add(text, s->registry->secret_ref);
		add(text, s->registry->cert_config_map);
		add(text, s->registry->platform == NULL ? NULL : s->registry->platform->architecture);
	}
}

char *
image_cache_name(const struct data_volume_source *source, const char *digest, const char *class, const char *node, const char *namespace)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *sum = NULL;

	add(text, digest);
	add(text, class);
	add(text, node);
	add(text, source_is_private(source) ? namespace : NULL);
	add_source(text, source, digest);
	sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
	return g_strdup_printf("image-%.40s", sum);
}
