/* What a guest's agent must be able to do; see agent_commands.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/agent_commands.h"

static const char *const basic[] = { "guest-ping", "guest-get-time", "guest-info", "guest-shutdown", "guest-network-get-interfaces",
	"guest-get-fsinfo", "guest-get-host-name", "guest-get-users", "guest-get-timezone", "guest-get-osinfo", NULL };
/* Keys are set by commands of their own, or by programs and files of the guest. */
static const char *const keys[] = { "guest-ssh-get-authorized-keys", "guest-ssh-add-authorized-keys", "guest-ssh-remove-authorized-keys", NULL };
static const char *const files[] = { "guest-exec", "guest-exec-status", "guest-file-open", "guest-file-close", "guest-file-read",
	"guest-file-write", NULL };
static const char *const passwords[] = { "guest-set-user-password", NULL };

static bool
has(const json_t *commands, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)commands, i, item)
		if (g_strcmp0(json_string_value(item), name) == 0)
			return true;
	return false;
}

static bool
has_all(const json_t *commands, const char *const *names)
{
	for (; *names != NULL; names++)
		if (!has(commands, *names))
			return false;
	return true;
}

static bool
goes_by_agent(const struct access_credential_item *item)
{
	return item != NULL && item->propagation_method != NULL && item->propagation_method->qemu_guest_agent != NULL;
}

const char *
agent_lacks(const struct vmi_spec *spec, const json_t *commands)
{
	if (!has_all(commands, basic))
		return "This guest agent doesn't support required basic commands";
	SCHEMA_EACH (struct access_credential, c, &spec->access_credentials) {
		if (goes_by_agent(c->ssh_public_key) && !has_all(commands, keys) && !has_all(commands, files))
			return "This guest agent doesn't support required public key commands";
		if (goes_by_agent(c->user_password) && !has_all(commands, passwords))
			return "This guest agent doesn't support required password commands";
	}
	return NULL;
}
