/* How a URL is shown; see fetch.h.  Apart from fetch.c, so that it can be used without libcurl. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "storage/fetch.h"

char *
fetch_url_shown(const char *url)
{
	size_t length = strcspn(url, "?#");
	const char *authority = strstr(url, "://");

	if (authority == NULL || (size_t)(authority - url) >= length)
		return g_strndup(url, length);
	authority += 3;
	size_t start = (size_t)(authority - url), end = MIN(start + strcspn(authority, "/"), length), host = start;
	for (size_t i = start; i < end; i++)
		if (url[i] == '@')
			host = i + 1;
	return g_strdup_printf("%.*s%.*s", (int)start, url, (int)(length - host), url + host);
}
