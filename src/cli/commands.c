/* The table of verbs. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/cli/cli.h"
#include "src/cli/commands.h"

const struct command *const commands[] = {
	&command_apply,
	&command_create,
	&command_get,
	&command_describe,
	&command_delete,
	&command_wait,
	&command_events,
	&command_scale,
	&command_label,
	&command_annotate,
	&command_start,
	&command_stop,
	&command_restart,
	&command_pause,
	&command_unpause,
	&command_addvolume,
	&command_removevolume,
	&command_memory_dump,
	&command_image_upload,
	&command_image,
	&command_ip,
	&command_net,
	&command_console,
	&command_logs,
	&command_explain,
	&command_validate,
	&command_expand,
	&command_domxml,
	&command_spool,
	&command_api_resources,
	&command_version,
	&command_completion,
	&command_help,
	&command_complete,
	NULL,
};

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const char **
command_names(void)
{
	const char **names = g_new0(const char *, G_N_ELEMENTS(commands));
	size_t count = 0;

	for (size_t i = 0; commands[i] != NULL; i++)
		if (!commands[i]->hidden)
			names[count++] = commands[i]->name;
	return names;
}
