/* The network cards of an instance: what they have in the ledger, and where they are plugged in; see vmi.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/host.h"
#include "daemon/networks.h"
#include "daemon/subnets.h"
#include "src/base/error.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

bool
vmi_interface_is_present(const struct interface *interface)
{
	return g_strcmp0(interface->state, "absent") != 0;
}

/* Why an interface has no address, as Kube-OVN calls it. */
static const struct {
	int code;
	const char *reason;
} refusals[] = {
	{ EEXIST, "AddressConflict" },
	{ ENOSPC, "NoAvailableAddress" },
	{ EINVAL, "AddressOutOfRange" },
	{ ENOENT, "NoSubnet" },
};

static void
tell_refusal(struct daemon *daemon, const struct object *object, const struct error *err)
{
	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++)
		if (refusals[i].code == err->code)
			daemon_event(daemon, object, "Warning", refusals[i].reason, "%s", err->text);
}

/* Of its own DHCP server: what it cannot tell is an event. */
static int
check_options(struct daemon *daemon, const struct object *instance, const struct interface *interface, const struct attachment *attachment,
    struct error *err)
{
	g_autoptr(GPtrArray) ignored = g_ptr_array_new_with_free_func(g_free);

	if (subnet_own_options_check(instance->value, interface, attachment, ignored, err) < 0)
		return -1;
	for (guint i = 0; i < ignored->len; i++)
		daemon_event(daemon, instance, "Warning", "OptionIgnored", "interface %s: %s", interface->name, (const char *)ignored->pdata[i]);
	return 0;
}

static const struct address *
enter(struct daemon *daemon, const struct object *object, const struct interface *interface, struct attachment *where, struct error *err)
{
	g_autofree char *owner = address_owner(object->namespace, object->name, interface->name);
	struct subnet_wish wish = { 0 };
	const struct address *a = NULL;

	if (check_options(daemon, object, interface, where, err) == 0 && subnet_wish_read(daemon, object, interface, where, &wish, err) == 0)
		a = address_ensure(daemon, where, owner, &wish.wish, err);
	subnet_wish_clear(&wish);
	if (a != NULL && where->of != NULL && subnet_show(daemon, object, where, a, err) < 0)
		return NULL;
	if (a == NULL) {
		error_wrap(err, "interface %s: ", interface->name);
		tell_refusal(daemon, object, err);
	}
	return a;
}

/* The default network's server is told of one address. */
static int
step_default(struct daemon *daemon, const struct object *object, struct host *at, const struct address *a, struct job_step *step, char **told)
{
	if (at != NULL && addresses_dhcp_has(at, a->mac, a->ip))
		return 0;
	*told = addresses_dhcp_key(a->mac, a->ip);
	step->verb = "network-host-set";
	step->args = json_pack("{s:s,s:s,s:s,s:s}", "network", daemon->config->network->name, "mac", a->mac, "ip", a->ip, "name",
	    object->name);
	return 1;
}

/* That of a Subnet of all that it has to know. */
static int
step_subnet(struct daemon *daemon, struct host *at, const struct object *subnet, struct job_step *step, char **told, struct error *err)
{
	struct error none = { 0 };

	step->args = at == NULL ? NULL : subnet_service(daemon, at, subnet, &none);
	if (step->args == NULL) {
		if (none.code != 0)
			*err = none;
		return none.code == 0 ? 0 : -1;
	}
	*told = json_dumps(step->args, JSON_COMPACT | JSON_SORT_KEYS);
	if (g_strcmp0(g_hash_table_lookup(at->served, subnet->name), *told) == 0) {
		g_clear_pointer(&step->args, json_decref);
		return 0;
	}
	step->verb = "subnet-serve";
	return 1;
}

/* It starts all the same: who knows its address need not ask for it. */
static void
tell_unserved(struct daemon *daemon, const struct object *object, const struct host *at, const struct object *subnet, const char *interface)
{
	g_autofree char *text = g_strdup_printf("interface %s of %s/%s: nobody tells it its address: the DHCP server of Subnet %s cannot run on host %s, which is "
	    "another machine, and no host of its network that could is ready: give the guest its address by cloud-init (networkData)", interface,
	    object->namespace, object->name, subnet->name, at->name);

	daemon_event(daemon, object, "Warning", "NoDHCPServer", "%s", text);
	daemon_event(daemon, subnet, "Warning", "NoDHCPServer", "%s", text);
}

int
vmi_address_step(struct daemon *daemon, const struct object *object, const struct interface *interface, const char *host,
    struct job_step *step, char **told, struct error *err)
{
	struct host *at = host_find(daemon, host);
	const struct address *a;
	ATTACHMENT_AUTO where = { 0 };

	g_clear_pointer(told, g_free);
	step->deadline = HOST_DEADLINE_ACTION;
	if (!vmi_interface_is_present(interface))
		return 0;
	if (network_find(daemon, object, interface, &where, err) < 0) {
		tell_refusal(daemon, object, err);
		return -1;
	}
	if (where.of != NULL && at != NULL && provider_network_check(daemon, at, &where.config, err) < 0)
		return error_wrap(err, "interface %s: ", interface->name);
	a = enter(daemon, object, interface, &where, err);
	if (a == NULL)
		return -1;
	if (where.of != NULL)
		controllers_requeue(daemon, where.of, 0);
	if (where.of != NULL && at != NULL && where.addressed && subnet_is_unserved(daemon, at, where.of))
		tell_unserved(daemon, object, at, where.of, interface->name);
	return where.own ? step_default(daemon, object, at, a, step, told) : where.of != NULL ? step_subnet(daemon, at, where.of, step, told, err) : 0;
}

void
vmi_address_took(struct host *host, const char *verb, const char *told)
{
	json_t *args;

	if (host == NULL || told == NULL)
		return;
	if (strcmp(verb, "network-host-set") == 0)
		g_hash_table_add(host->dhcp, g_strdup(told));
	if (strcmp(verb, "subnet-serve") != 0)
		return;
	args = json_loads(told, 0, NULL);
	g_hash_table_insert(host->served, g_strdup(path_string(args, "subnet")), g_strdup(told));
	json_decref(args);
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

GPtrArray *
vmi_wires(struct daemon *daemon, const struct object *object)
{
	const struct vmi *vmi = object->value;
	GPtrArray *wires = vmi_attachments_new();

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		struct attachment *where = g_new0(struct attachment, 1);
		struct error told_at_start = { 0 };

		if (vmi_interface_is_present(i) && network_find(daemon, object, i, where, &told_at_start) == 0 && !where->own && where->config.type != NETWORK_BRIDGE)
			g_ptr_array_add(wires, where);
		else
			attachment_free(where);
	}
	return wires;
}

static int
check_libvirt(const struct host *host, const char *network, struct error *err)
{
	const json_t *there = json_object_get(host->networks, network);

	if (there == NULL)
		return error_set(err, ENOENT, "libvirt of host %s has no network %s: define it there (virsh net-define), or name another one in the "
		    "NetworkAttachmentDefinition", host->name, network);
	return json_is_true(there) ? 0 : error_set(err, ENETDOWN, "network %s of host %s is not active: start it with virsh net-start", network, host->name);
}

char *
vmi_unplugged(struct daemon *daemon, struct host *host, const GPtrArray *wires)
{
	struct error err = { 0 };

	for (guint i = 0; i < wires->len; i++) {
		const struct attachment *where = wires->pdata[i];
		int r = where->bridge ? provider_network_check(daemon, host, &where->config, &err) : check_libvirt(host, where->segment, &err);

		if (r < 0)
			return g_strdup(err.text);
	}
	return NULL;
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
		if (!vmi_interface_is_present(i))
			continue;
		if (network_find(daemon, object, i, where, err) < 0)
			return -1;
		if (a == NULL)
			return error_set(err, EAGAIN, "interface %s has no address yet", i->name);
		ports[(*count)++] = (struct domain_interface){ .name = i->name, .network = a->network, .mac = a->mac, .vlan = where->bridge || where->own ? 0 : where->config.vlan,
			.ip = *a->ip == '\0' ? NULL : a->ip, .ip6 = *a->ip6 == '\0' ? NULL : a->ip6, .config = where->bridge ? &where->config : NULL };
	}
	return 0;
}
