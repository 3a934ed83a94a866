/* Networks of interfaces; see networks.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/networks.h"
#include "daemon/store.h"
#include "daemon/subnets.h"
#include "src/base/error.h"

void
attachment_clear(struct attachment *attachment)
{
	g_free(attachment->segment);
	network_config_clear(&attachment->config);
	subnet_clear(&attachment->subnet);
	if (attachment->providers != NULL)
		g_ptr_array_unref(attachment->providers);
	memset(attachment, 0, sizeof(*attachment));
}

char *
network_attachment_name(const struct network *network, const char *namespace, char **in)
{
	const char *name = network == NULL || network->multus == NULL ? NULL : network->multus->network_name, *slash;

	if (name == NULL || *name == '\0')
		return NULL;
	slash = strchr(name, '/');
	*in = slash == NULL ? g_strdup(namespace) : g_strndup(name, (gsize)(slash - name));
	return g_strdup(slash == NULL ? name : slash + 1);
}

/* The bridge's name is the segment's on every host; a tag makes it another.  Functions of a card may not share a MAC, whatever their tags. */
char *
network_segment(const struct network_config *config)
{
	if (config->type == NETWORK_KUBE_OVN)
		return NULL;
	if (config->type == NETWORK_LIBVIRT)
		return g_strdup(config->name);
	return config->vlan > 0 && config->trunks == NULL ? g_strdup_printf(SEGMENT_BRIDGE "%s.%d", config->name, config->vlan)
	                                                  : g_strdup_printf(SEGMENT_BRIDGE "%s", config->name);
}

static int
find_default(struct daemon *daemon, struct attachment *attachment, struct error *err)
{
	attachment->segment = g_strdup(daemon->config->network->name);
	attachment->own = attachment->addressed = true;
	return subnet_parse(daemon->config->network->cidr, &attachment->subnet, err);
}

/* Kube-OVN's names of a network: one that is attached twice is told apart by the interface. */
static void
add_providers(struct attachment *attachment, const char *in, const char *name, const char *interface)
{
	attachment->providers = g_ptr_array_new_with_free_func(g_free);
	if (name == NULL) {
		g_ptr_array_add(attachment->providers, g_strdup("ovn"));
		return;
	}
	g_ptr_array_add(attachment->providers, g_strdup_printf("%s.%s.ovn.%s", name, in, interface));
	g_ptr_array_add(attachment->providers, g_strdup_printf("%s.%s.ovn", name, in));
	g_ptr_array_add(attachment->providers, g_strdup_printf("%s.%s", name, in));
}

static int
read_definition(struct daemon *daemon, const char *in, const char *name, struct attachment *attachment, struct error *err)
{
	const struct object *object = store_get(daemon->store, KIND_NETWORK_ATTACHMENT, in, name);
	const struct network_attachment *definition = object == NULL ? NULL : object->value;

	if (definition == NULL)
		return error_set(err, ENOENT, "NetworkAttachmentDefinition %s/%s does not exist", in, name);
	if (network_config_parse(definition->spec->config, &attachment->config, NULL, err) < 0)
		return error_wrap(err, "NetworkAttachmentDefinition %s/%s: spec.config: ", in, name);
	return 0;
}

/* Addresses by the Subnet, and with a Vlan of its own the bridge, too. */
static int
find_subnet(struct daemon *daemon, const struct vmi *vmi, const char *interface, struct attachment *attachment, struct error *err)
{
	const char *named = network_annotation(vmi, attachment, interface, "logical_switch");
	bool needed = attachment->config.type == NETWORK_KUBE_OVN;

	attachment->of = named != NULL ? store_get(daemon->store, KIND_SUBNET, "", named) : subnet_of_providers(daemon, attachment->providers);
	if (attachment->of == NULL && named != NULL)
		return error_set(err, ENOENT, "Subnet %s, which logical_switch names, does not exist", named);
	if (attachment->of == NULL && needed)
		return error_set(err, ENOENT, "no Subnet has spec.provider %s", (const char *)attachment->providers->pdata[1]);
	if (attachment->of == NULL)
		return 0;
	if (needed && subnet_wire(daemon, attachment->of, &attachment->config, err) < 0)
		return -1;
	return subnet_addresses(daemon, attachment->of, &attachment->subnet, &attachment->addressed, err);
}

static int
find(struct daemon *daemon, const struct object *instance, const struct interface *interface, struct attachment *attachment, struct error *err)
{
	const struct vmi *vmi = instance->value;
	const struct network *network = interface->name == NULL ? NULL : vmi_network(vmi->spec, interface->name);
	g_autofree char *in = NULL, *name = network_attachment_name(network, instance->namespace, &in);

	add_providers(attachment, in, name, interface->name);
	attachment->config.type = NETWORK_KUBE_OVN;
	if (name == NULL && network_annotation(vmi, attachment, interface->name, "logical_switch") == NULL)
		return find_default(daemon, attachment, err);
	if (name != NULL && read_definition(daemon, in, name, attachment, err) < 0)
		return -1;
	if (attachment->config.type == NETWORK_LIBVIRT && strcmp(attachment->config.name, daemon->config->network->name) == 0)
		return find_default(daemon, attachment, err);
	if (find_subnet(daemon, vmi, interface->name, attachment, err) < 0)
		return -1;
	attachment->segment = network_segment(&attachment->config);
	attachment->bridge = attachment->config.type != NETWORK_LIBVIRT;
	return 0;
}

/* A network of libvirt knows which functions of the host's card are free; whether it is of that kind its host says at the start. */
static int
check_binding(const struct interface *interface, const struct attachment *attachment, struct error *err)
{
	if (interface->sriov == NULL || (!attachment->own && !attachment->bridge))
		return 0;
	return error_set(err, EOPNOTSUPP, "sriov: {} needs a NetworkAttachmentDefinition of type libvirt, whose network has <forward mode='hostdev'>; on %s "
	    "the binding is %s: {}", attachment->own ? "the default network" : "a bridge", attachment->own ? "masquerade" : "bridge");
}

int
network_find(struct daemon *daemon, const struct object *instance, const struct interface *interface, struct attachment *attachment,
    struct error *err)
{
	const struct network *network;

	memset(attachment, 0, sizeof(*attachment));
	if (find(daemon, instance, interface, attachment, err) == 0 && check_binding(interface, attachment, err) == 0)
		return 0;
	network = vmi_network(((const struct vmi *)instance->value)->spec, interface->name);
	return error_wrap(err, "network %s: ", network == NULL ? interface->name : network->name);
}
