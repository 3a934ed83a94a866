/* The network cards of an instance: what they have in the ledger, and where they are plugged in; see vmi.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>

#include "daemon/addresses.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/networks.h"
#include "src/base/error.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

bool
vmi_interface_is_present(const struct interface *interface)
{
	return g_strcmp0(interface->state, "absent") != 0;
}

/* A function of the host's card is handed over as it is. */
static bool
is_plugged(const struct interface *interface)
{
	return vmi_interface_is_present(interface) && interface->sriov == NULL;
}

int
vmi_address_step(struct daemon *daemon, const struct object *object, const struct interface *interface, const char *host,
    struct job_step *step, char **mac, char **ip, struct error *err)
{
	const struct vmi *vmi = object->value;
	struct host *at = host_find(daemon, host);
	const struct address *a;
	ATTACHMENT_AUTO where = { 0 };

	if (!is_plugged(interface))
		return 0;
	if (network_find(daemon, object->namespace, vmi->spec, interface, &where, err) < 0)
		return -1;
	a = address_ensure(daemon, &where, object->namespace, object->name, interface->name, &(struct address_wish){ .mac = interface->mac_address }, err);
	if (a == NULL)
		return -1;
	if (!where.own || (at != NULL && addresses_dhcp_has(at, a->mac, a->ip)))
		return 0;
	g_free(*mac);
	g_free(*ip);
	*mac = g_strdup(a->mac);
	*ip = g_strdup(a->ip);
	step->verb = "network-host-set";
	step->args = json_pack("{s:s,s:s,s:s,s:s}", "network", daemon->config->network->name, "mac", a->mac, "ip", a->ip, "name",
	    object->name);
	step->deadline = HOST_DEADLINE_ACTION;
	return 1;
}

static void
attachment_free(void *attachment)
{
	attachment_clear(attachment);
	g_free(attachment);
}

GPtrArray *
vmi_attachments_new(void)
{
	return g_ptr_array_new_with_free_func(attachment_free);
}

int
vmi_ports(struct daemon *daemon, const struct object *object, GPtrArray *attachments, struct domain_interface *ports, size_t *count,
    struct error *err)
{
	const struct vmi *vmi = object->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		struct attachment *where = g_new0(struct attachment, 1);
		const struct address *a = address_find(daemon, object, i);

		g_ptr_array_add(attachments, where);
		if (!is_plugged(i))
			continue;
		if (network_find(daemon, object->namespace, vmi->spec, i, where, err) < 0)
			return -1;
		if (a == NULL)
			return error_set(err, EAGAIN, "interface %s has no address yet", i->name);
		ports[(*count)++] = (struct domain_interface){ .name = i->name, .network = a->network, .mac = a->mac,
			.ip = where->own ? a->ip : NULL, .config = where->bridge ? &where->config : NULL };
	}
	return 0;
}
