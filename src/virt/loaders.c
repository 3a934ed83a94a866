/* UEFI on this machine; see loaders.h. */
#include "config.h"

#include <glib.h>
#include <unistd.h>

#include "src/virt/domain_xml.h"
#include "src/virt/loaders.h"

const char **
loaders_here(void)
{
	GPtrArray *found = g_ptr_array_new();

	for (const char *const *code = domain_loaders(); *code != NULL; code++)
		if (access(*code, R_OK) == 0)
			g_ptr_array_add(found, (gpointer)(uintptr_t)*code);
	g_ptr_array_add(found, NULL);
	return (const char **)g_ptr_array_free(found, FALSE);
}
