/* Networks of interfaces; see networks.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/networks.h"
#include "daemon/store.h"
#include "src/base/error.h"

void
attachment_clear(struct attachment *attachment)
{
	g_free(attachment->segment);
	network_config_clear(&attachment->config);
	subnet_clear(&attachment->subnet);
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

/* The bridge's name is the segment's on every host; a tag makes it another. */
static char *
segment_of(const struct network_config *config)
{
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

int
network_find(struct daemon *daemon, const char *namespace, const struct vmi_spec *spec, const struct interface *interface,
    struct attachment *attachment, struct error *err)
{
	const struct network *network = interface->name == NULL ? NULL : vmi_network(spec, interface->name);
	g_autofree char *in = NULL, *name = network_attachment_name(network, namespace, &in);
	const struct object *object = name == NULL ? NULL : store_get(daemon->store, KIND_NETWORK_ATTACHMENT, in, name);
	const struct network_attachment *definition = object == NULL ? NULL : object->value;

	memset(attachment, 0, sizeof(*attachment));
	if (name == NULL)
		return find_default(daemon, attachment, err);
	if (definition == NULL)
		return error_set(err, ENOENT, "network %s: NetworkAttachmentDefinition %s/%s does not exist", network->name, in, name);
	if (network_config_parse(definition->spec->config, &attachment->config, NULL, err) < 0)
		return error_wrap(err, "network %s: NetworkAttachmentDefinition %s/%s: spec.config: ", network->name, in, name);
	if (attachment->config.type == NETWORK_LIBVIRT && strcmp(attachment->config.name, daemon->config->network->name) == 0)
		return find_default(daemon, attachment, err);
	attachment->segment = segment_of(&attachment->config);
	attachment->bridge = attachment->config.type != NETWORK_LIBVIRT;
	return 0;
}
