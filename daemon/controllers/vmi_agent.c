/* What the guest's agent tells of an instance: its system, its addresses. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/controllers/agent_commands.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/probe.h"
#include "daemon/controllers/vmi.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

enum {
	GUEST_ADDRESSES_MOST = 32,
	AGENT_AGAIN_MS = 10000, /* guests make the events after which their agents are asked, and each may keep a lane for seconds */
};

struct asking {
	struct daemon *daemon;
	char *uid;
};

/* What the agent says comes from the guest: only the fields that are known are taken. */
static void
take_guest_os(struct vmi_status *status, const json_t *os)
{
	struct diagnostics ignored;
	const struct schema *sub = NULL;

	if (!json_is_object(os))
		return;
	schema_find(&vmi_status_schema, "guestOSInfo", &sub);
	schema_free(sub, status->guest_os_info);
	status->guest_os_info = schema_new(sub);
	diagnostics_init(&ignored);
	schema_decode(sub, os, NULL, "", status->guest_os_info, &ignored);
	diagnostics_clear(&ignored);
}

/* Says that an agent is not there, or what it would speak for is not; anything else only that nobody knows. */
static bool
is_absence(const struct error *error)
{
	static const int absences[] = { ENOTCONN, ENOENT, ESTALE, EACCES, EBUSY, EINVAL };
	bool found = false;

	for (size_t i = 0; i < G_N_ELEMENTS(absences); i++)
		found |= error->code == absences[i];
	return found;
}

/* What was told of the agent stays until the next answer; a host that is down is asked for all of them when it is back. */
static void
ask_again(const struct asking *a, const struct object *object, const struct error *error)
{
	const struct vmi *vmi = object->value;
	struct host *host = host_find(a->daemon, vmi->status->node_name);

	if (error->code == EHOSTDOWN || error->code == ECANCELED || error->code == ETIMEDOUT || error->code == ECONNRESET)
		return;
	log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", object->namespace, object->name, "asking the guest agent: %s", error->text);
	if (host != NULL)
		vmi_agent_changed(a->daemon, host, object);
}

static void
add_address(GPtrArray *all, const char *text)
{
	if (text != NULL && !g_str_has_prefix(text, "fe80:") && !g_ptr_array_find_with_equal_func(all, text, g_str_equal, NULL))
		g_ptr_array_add(all, g_strdup(text));
}

/* The addresses that we gave first, which the guest may not have taken yet, then what else it has that others can reach. */
static char **
guest_addresses(const struct address *given, const struct vmi_interface_status *s, const json_t *ips)
{
	GPtrArray *all = g_ptr_array_new();
	const char *ours[3];
	const json_t *ip;
	size_t n;

	add_address(all, s->ip_address);
	address_texts(given, ours);
	for (n = 0; ours[n] != NULL; n++)
		add_address(all, ours[n]);
	json_array_foreach (ips, n, ip)
		if (n < GUEST_ADDRESSES_MOST)
			add_address(all, json_string_value(ip));
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

static const struct address *
address_given(struct daemon *daemon, const struct object *object, const char *name)
{
	const struct interface *interface = vmi_interface(((const struct vmi *)object->value)->spec, name);

	return interface == NULL ? NULL : address_find(daemon, object, interface);
}

/* What the guest calls the cards that we gave it; NULL: nobody tells any more. */
static void
take_guest_interfaces(struct daemon *daemon, const struct object *object, struct vmi_status *status, const json_t *list)
{
	SCHEMA_EACH (struct vmi_interface_status, s, &status->interfaces) {
		const json_t *one = NULL, *item;
		size_t n;

		json_array_foreach (list, n, item)
			if (s->mac != NULL && g_ascii_strcasecmp(s->mac, json_string_value(json_object_get(item, "mac"))) == 0)
				one = item;
		g_free(s->interface_name);
		s->interface_name = g_strdup(one == NULL ? NULL : json_string_value(json_object_get(one, "name")));
		g_free(s->info_source);
		s->info_source = g_strdup(one == NULL ? "domain" : "domain, guest-agent");
		g_strfreev(s->ip_addresses);
		s->ip_addresses = guest_addresses(address_given(daemon, object, s->name), s, one == NULL ? NULL : json_object_get(one, "ips"));
	}
}

/* NULL: nobody tells. */
static void
take_agent_commands(struct daemon *daemon, const struct vmi *vmi, struct vmi_status *status, const json_t *commands)
{
	const char *lacks = commands == NULL ? NULL : agent_lacks(vmi->spec, commands);

	if (lacks != NULL)
		condition_set(&status->conditions, "AgentVersionNotSupported", true, lacks, lacks, daemon_now(daemon));
	else
		condition_remove(&status->conditions, "AgentVersionNotSupported");
}

static void
take_guest_info(const struct asking *a, const struct object *object, const json_t *info)
{
	struct vmi_status *status = objects_status_copy(object);
	const json_t *os = json_object_get(info, "os");
	struct error err = { 0 };

	take_guest_interfaces(a->daemon, object, status, json_object_get(info, "interfaces"));
	take_agent_commands(a->daemon, object->value, status, json_object_get(info, "commands"));
	if (os != NULL) {
		take_guest_os(status, os);
		condition_set(&status->conditions, "AgentConnected", true, NULL, NULL, daemon_now(a->daemon));
	} else {
		condition_remove(&status->conditions, "AgentConnected");
	}
	if (vmi_status_put(a->daemon, object, status, &err) != 0)
		log_warning("%s", err.text);
}

static void
on_guest_info(void *arg, json_t *result, const struct error *error)
{
	struct asking *a = arg;
	const struct object *object = store_get_uid(a->daemon->store, a->uid);
	const struct vmi *vmi = object == NULL ? NULL : object->value;

	if (vmi != NULL && !vmi_is_final(vmi) && error != NULL && !is_absence(error))
		ask_again(a, object, error);
	else if (vmi != NULL && vmi->status->phase == VMI_RUNNING)
		take_guest_info(a, object, error == NULL ? result : NULL);
	g_free(a->uid);
	g_free(a);
}

void
vmi_agent_changed(struct daemon *daemon, struct host *host, const struct object *object)
{
	g_autofree char *name = domain_name(object->namespace, object->name);
	int64_t wait = controllers_ask(daemon, object, AGENT_AGAIN_MS);
	struct asking *a;

	if (wait > 0) {
		controllers_requeue(daemon, object, wait);
		return;
	}
	a = g_new0(struct asking, 1);
	*a = (struct asking){ daemon, g_strdup(object->uid) };
	host_call(host, "domain-guest-info", json_pack("{s:s,s:s}", "name", name, "uid", object->uid), -1, HOST_DEADLINE_QUERY,
	    on_guest_info, a);
}
