/* Where workers lie; see channel.h.  Apart from worker.c, because who only asks needs no libevent. */
#include "config.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/channel.h"

#ifndef SOLOVIRT_LIBEXECDIR
#define SOLOVIRT_LIBEXECDIR "/usr/libexec/solovirt"
#endif

static bool
has_workers(const char *directory)
{
	g_autofree char *path = g_build_filename(directory, "solovirt-host", NULL);

	return access(path, X_OK) == 0;
}

const char *
worker_directory(void)
{
	static char *beside;
	const char *given = secure_getenv("SOLOVIRT_LIBEXEC");

	if (given != NULL && given[0] != '\0')
		return given;
	if (beside == NULL) {
		g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
		beside = self == NULL ? g_strdup("") : g_path_get_dirname(self);
	}
	return has_workers(beside) ? beside : SOLOVIRT_LIBEXECDIR;
}
