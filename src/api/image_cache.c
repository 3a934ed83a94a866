/* Names of cached images; see image_cache.h. */
#include "config.h"

#include <glib.h>

#include "src/api/image_cache.h"

char *
image_cache_name(const char *digest, const char *class)
{
	g_autofree char *text = g_strdup_printf("%s\n%s", digest, class);
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	return g_strdup_printf("image-%.40s", sum);
}
