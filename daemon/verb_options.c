/* What the bodies of all verbs may say; see verbs.h. */
#include "config.h"

#include <glib.h>

#include "daemon/verbs.h"

bool
verb_is_dry_run(const json_t *body)
{
	return g_strcmp0(json_string_value(json_array_get(json_object_get(body, "dryRun"), 0)), "All") == 0;
}
