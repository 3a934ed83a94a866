/* The verbs by name; commands.c lists them. */
#ifndef SOLOVIRT_CLI_COMMANDS_H
#define SOLOVIRT_CLI_COMMANDS_H

#include "src/cli/cli.h"

extern const struct command command_apply, command_create, command_get, command_describe, command_delete,
    command_wait, command_events, command_scale, command_label, command_annotate, command_start, command_stop, command_restart, command_pause,
    command_unpause, command_addvolume, command_removevolume, command_memory_dump, command_image_upload,
    command_image, command_ip, command_net, command_console, command_logs, command_explain, command_validate, command_expand, command_domxml, command_spool,
    command_api_resources, command_version, command_completion, command_help, command_complete;

#endif
