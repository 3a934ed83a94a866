/* Subnets as interfaces meet them; see subnets.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "daemon/store.h"
#include "daemon/subnets.h"
#include "src/api/check.h"
#include "src/api/dhcp_options.h"
#include "src/api/ip_address.h"
#include "src/api/ip_pool.h"
#include "src/api/provider_network.h"
#include "src/api/subnet.h"
#include "src/api/vlan.h"
#include "src/base/error.h"
#include "src/base/log.h"

/* --- annotations --------------------------------------------------------------------------------------------------------- */

const char *
network_annotation(const struct vmi *vmi, const struct attachment *attachment, const char *interface, const char *key)
{
	const struct schema_map *all = &vmi->head.meta->annotations;
	const char *value;

	for (int with = 1; with >= 0; with--)
		for (guint i = 0; i < attachment->providers->len; i++) {
			g_autofree char *name = g_strdup_printf("%s.kubernetes.io/%s%s%s", (const char *)attachment->providers->pdata[i], key,
			    with ? "." : "", with ? interface : "");
			value = schema_map_get(all, name);
			if (value != NULL && *value != '\0')
				return value;
		}
	return NULL;
}

/* --- Subnets --------------------------------------------------------------------------------------------------------------- */

static const struct subnet_spec *
spec_of(const struct object *object)
{
	return ((const struct subnet_object *)object->value)->spec;
}

static bool
is_going(const struct object *object)
{
	return ((const struct subnet_object *)object->value)->head.meta->deletion_timestamp != 0;
}

const struct object *
subnet_of_providers(struct daemon *daemon, const GPtrArray *providers)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_SUBNET, NULL);

	for (guint i = 0; i < providers->len; i++)
		for (guint k = 0; k < all->len; k++)
			if (!is_going(all->pdata[k]) && g_strcmp0(spec_of(all->pdata[k])->provider, providers->pdata[i]) == 0)
				return all->pdata[k];
	return NULL;
}

int
subnet_wire(struct daemon *daemon, const struct object *object, struct network_config *config, struct error *err)
{
	const struct subnet_spec *spec = spec_of(object);
	const struct object *vlan_object = is_text(spec->vlan) ? store_get(daemon->store, KIND_VLAN, "", spec->vlan) : NULL;
	const struct vlan *vlan = vlan_object == NULL ? NULL : vlan_object->value;

	if (!is_text(spec->vlan))
		return error_set(err, EINVAL, "Subnet %s has no vlan: overlays are OVN's; name a Vlan, or give the NetworkAttachmentDefinition the type ovs or bridge",
		    object->name);
	if (vlan == NULL)
		return error_set(err, ENOENT, "Subnet %s: Vlan %s does not exist", object->name, spec->vlan);
	if (store_get(daemon->store, KIND_PROVIDER_NETWORK, "", vlan->spec->provider) == NULL)
		return error_set(err, ENOENT, "Vlan %s: ProviderNetwork %s does not exist", spec->vlan, vlan->spec->provider);
	network_config_clear(config);
	config->type = NETWORK_OVS;
	config->name = g_strconcat(PROVIDER_BRIDGE, vlan->spec->provider, NULL);
	config->vlan = (int)vlan->spec->id;
	config->access = true;
	config->mtu = (int)spec->mtu;
	return 0;
}

/* The Subnets' pools are for those who ask for them. */
static int
exclude_pools(struct daemon *daemon, const char *name, struct subnet *subnet, struct error *err)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_IP_POOL, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct ip_pool *pool = ((const struct object *)all->pdata[i])->value;
		if (g_strcmp0(pool->spec->subnet, name) == 0 && subnet_exclude(subnet, (const char *const *)pool->spec->ips, err) < 0)
			return -1;
	}
	return 0;
}

int
subnet_addresses(struct daemon *daemon, const struct object *object, struct subnet *subnet, bool *addressed, struct error *err)
{
	const struct subnet_spec *spec = spec_of(object);

	memset(subnet, 0, sizeof(*subnet));
	*addressed = is_text(spec->cidr_block);
	if (!*addressed)
		return 0;
	if (subnet_read(spec->cidr_block, spec->gateway, (const char *const *)spec->exclude_ips, subnet, err) < 0 ||
	    exclude_pools(daemon, object->name, subnet, err) < 0)
		return error_wrap(err, "Subnet %s: ", object->name);
	return 0;
}

/* Of one without a Vlan the wire is that of the NetworkAttachmentDefinition which its provider names. */
char *
subnet_segment(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct subnet_spec *spec = spec_of(object);
	g_auto(GStrv) parts = g_strsplit(is_text(spec->provider) ? spec->provider : "", ".", -1);
	const struct object *definition;
	struct network_config config = { 0 };
	char *segment = NULL;

	if (is_text(spec->vlan) || g_strv_length(parts) < 2) {
		if (subnet_wire(daemon, object, &config, err) == 0)
			segment = network_segment(&config);
		network_config_clear(&config);
		return segment;
	}
	definition = store_get(daemon->store, KIND_NETWORK_ATTACHMENT, parts[1], parts[0]);
	if (definition == NULL)
		error_set(err, ENOENT, "Subnet %s: NetworkAttachmentDefinition %s/%s, which its provider names, does not exist", object->name, parts[1], parts[0]);
	else if (network_config_parse(((const struct network_attachment *)definition->value)->spec->config, &config, NULL, err) == 0) {
		segment = network_segment(&config);
		if (segment == NULL)
			error_set(err, EINVAL, "Subnet %s has no vlan, and NetworkAttachmentDefinition %s/%s no bridge", object->name, parts[1], parts[0]);
	}
	network_config_clear(&config);
	return segment;
}

bool
ip_is_kept(const struct ip_address *ip)
{
	return g_strcmp0(schema_map_get(&ip->head.meta->labels, IP_RESERVED), "false") != 0;
}

/* --- wishes ---------------------------------------------------------------------------------------------------------------- */

void
subnet_wish_clear(struct subnet_wish *wish)
{
	for (int f = 0; f < IP_FAMILIES; f++)
		g_free(wish->ips[f]);
	g_free(wish->mac);
	g_free(wish->held);
	memset(wish, 0, sizeof(*wish));
}

/* As the ledger writes them. */
static int
wish_ip(struct subnet_wish *wish, const char *text, const char *what, struct error *err)
{
	char shortest[IP_TEXT];
	enum ip_family family;
	ip_number number;

	if (!number_parse(text, &family, &number))
		return error_set(err, EINVAL, "%s: \"%.60s\" is no IP address", what, text);
	if (wish->ips[family] != NULL)
		return error_set(err, EINVAL, "%s: more than one address of IPv%d", what, family == IPV4 ? 4 : 6);
	number_format(family, number, shortest);
	wish->ips[family] = g_strdup(shortest);
	return 0;
}

static int
wish_ips(struct subnet_wish *wish, const char *list, const char *what, struct error *err)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **part = parts; *part != NULL; part++)
		if (wish_ip(wish, g_strstrip(*part), what, err) < 0)
			return -1;
	return 0;
}

/* Kube-OVN and KubeVirt know of it from two places, which must not differ. */
static int
wish_mac(struct subnet_wish *wish, const char *annotation, const char *field, struct error *err)
{
	g_autofree char *mac = annotation == NULL ? NULL : g_strdelimit(g_ascii_strdown(annotation, -1), "-", ':');
	g_autofree char *other = field == NULL ? NULL : g_strdelimit(g_ascii_strdown(field, -1), "-", ':');

	if (mac != NULL && other != NULL && strcmp(mac, other) != 0)
		return error_set(err, EINVAL, "annotation mac_address says %s and macAddress %s: write one of them, or the same", mac, other);
	wish->mac = g_strdup(mac != NULL ? mac : other);
	return 0;
}

/* Names of IPPools of the Subnet; an address stands for itself. */
static int
wish_pools(struct daemon *daemon, const char *list, struct attachment *attachment, struct error *err)
{
	g_auto(GStrv) names = g_strsplit_set(list, ",;", -1);

	for (char **name = names; *name != NULL; name++) {
		const char *alone[] = { g_strstrip(*name), NULL };
		const struct object *object = store_get(daemon->store, KIND_IP_POOL, "", *name);
		const struct ip_pool *pool = object == NULL ? NULL : object->value;
		enum ip_family family;
		ip_number number;
		if (pool != NULL && g_strcmp0(pool->spec->subnet, attachment->of->name) != 0)
			return error_set(err, EINVAL, "annotation ip_pool: IPPool %s is of Subnet %s, not of %s", *name, pool->spec->subnet, attachment->of->name);
		if (pool == NULL && !number_parse(*name, &family, &number))
			return error_set(err, ENOENT, "annotation ip_pool: IPPool %s does not exist", *name);
		if (subnet_restrict(&attachment->subnet, pool != NULL ? (const char *const *)pool->spec->ips : alone, err) < 0)
			return error_wrap(err, "annotation ip_pool: ");
	}
	return 0;
}

/* A pool that is for all machines of the namespace. */
static int
wish_pool_of_namespace(struct daemon *daemon, const char *namespace, struct attachment *attachment, struct error *err)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_IP_POOL, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct ip_pool_spec *spec = ((const struct ip_pool *)((const struct object *)all->pdata[i])->value)->spec;
		if (g_strcmp0(spec->subnet, attachment->of->name) == 0 && spec->namespaces != NULL &&
		    g_strv_contains((const char *const *)spec->namespaces, namespace) &&
		    subnet_restrict(&attachment->subnet, (const char *const *)spec->ips, err) < 0)
			return -1;
	}
	return 0;
}

static int
wish_family(struct subnet_wish *wish, const char *text, const struct subnet *subnet, struct error *err)
{
	int family = g_ascii_strcasecmp(text, "ipv4") == 0 ? IPV4 : g_ascii_strcasecmp(text, "ipv6") == 0 ? IPV6 : -1;

	if (family < 0)
		return error_set(err, EINVAL, "annotation ip_family must be ipv4 or ipv6, and is \"%.40s\"", text);
	if (!subnet->families[family].present)
		return error_set(err, EINVAL, "annotation ip_family: the subnet has no %s", family == IPV4 ? "IPv4" : "IPv6");
	wish->wish.without[family == IPV4 ? IPV6 : IPV4] = true;
	return 0;
}

/* What an IP object keeps for the machine; annotations are stronger. */
static int
wish_kept(struct daemon *daemon, const struct object *instance, const struct attachment *attachment, struct subnet_wish *wish, struct error *err)
{
	g_autofree char *name = ip_address_name(instance->name, instance->namespace, spec_of(attachment->of)->provider);
	const struct object *object = store_get(daemon->store, KIND_IP, "", name);
	const struct ip_address_spec *kept = object == NULL ? NULL : ((const struct ip_address *)object->value)->spec;
	const char *const ips[IP_FAMILIES] = { kept == NULL ? NULL : kept->v4, kept == NULL ? NULL : kept->v6 };

	if (kept == NULL || g_strcmp0(kept->subnet, attachment->of->name) != 0)
		return 0;
	wish->held = address_owner_of_ip(name);
	if (!ip_is_kept(object->value))
		return 0; /* only shows what it has */
	for (int f = 0; f < IP_FAMILIES; f++)
		if (wish->ips[f] == NULL && is_text(ips[f]) && wish_ip(wish, ips[f], object->name, err) < 0)
			return -1;
	if (wish->mac == NULL && is_text(kept->mac))
		wish->mac = g_ascii_strdown(kept->mac, -1);
	return 0;
}

static int
read_subnet_wish(struct daemon *daemon, const struct object *instance, const struct interface *interface, struct attachment *attachment,
    struct subnet_wish *wish, struct error *err)
{
	const char *pools = network_annotation(instance->value, attachment, interface->name, "ip_pool");
	const char *family = network_annotation(instance->value, attachment, interface->name, "ip_family");

	if (attachment->of == NULL)
		return 0;
	if (wish_kept(daemon, instance, attachment, wish, err) < 0)
		return -1;
	if (!attachment->addressed)
		return 0;
	if ((pools != NULL ? wish_pools(daemon, pools, attachment, err) : wish_pool_of_namespace(daemon, instance->namespace, attachment, err)) < 0)
		return -1;
	return family == NULL ? 0 : wish_family(wish, family, &attachment->subnet, err);
}

int
subnet_wish_read(struct daemon *daemon, const struct object *instance, const struct interface *interface, struct attachment *attachment,
    struct subnet_wish *wish, struct error *err)
{
	const char *ips = network_annotation(instance->value, attachment, interface->name, "ip_address");
	const char *mac = network_annotation(instance->value, attachment, interface->name, "mac_address");

	memset(wish, 0, sizeof(*wish));
	if (wish_mac(wish, mac, is_text(interface->mac_address) ? interface->mac_address : NULL, err) < 0 ||
	    (ips != NULL && wish_ips(wish, ips, "annotation ip_address", err) < 0))
		return -1;
	if (ips != NULL && !attachment->addressed)
		return error_set(err, EINVAL, "annotation ip_address: the network has no addresses of ours; make a Subnet with a cidrBlock for it");
	if (read_subnet_wish(daemon, instance, interface, attachment, wish, err) < 0)
		return -1;
	for (int f = 0; f < IP_FAMILIES; f++) {
		if (wish->ips[f] != NULL && attachment->addressed && !attachment->subnet.families[f].present)
			return error_set(err, EINVAL, "address %s: the subnet has no IPv%d", wish->ips[f], f == IPV4 ? 4 : 6);
		wish->wish.ips[f] = wish->ips[f];
	}
	wish->wish.mac = wish->mac;
	wish->wish.held = wish->held;
	return 0;
}

/* --- IP objects -------------------------------------------------------------------------------------------------------------- */

int
subnet_show_entry(struct daemon *daemon, const char *name, const char *namespace, const char *machine, const char *host,
    const struct object *subnet, const struct address *address, struct error *err)
{
	const struct object *object = store_get(daemon->store, KIND_IP, "", name), *shown;
	json_t *spec, *patch;

	if (object != NULL && ip_is_kept(object->value))
		return 0;
	if (object != NULL && ((const struct ip_address *)object->value)->head.meta->deletion_timestamp != 0)
		return error_set(err, EAGAIN, "IP %s is being deleted", name);
	spec = json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:s}", "podName", machine, "namespace", namespace, "podType", "VirtualMachine",
	    "subnet", subnet->name, "nodeName", host, "v4IpAddress", *address->ip == '\0' ? NULL : address->ip,
	    "v6IpAddress", *address->ip6 == '\0' ? NULL : address->ip6, "macAddress", address->mac);
	if (object == NULL)
		return objects_create_tree(daemon, json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:o}", "apiVersion", kind_api_version(&kinds[KIND_IP]), "kind", "IP",
		    "metadata", "name", name, "labels", IP_RESERVED, "false", "spec", spec), NULL, err) == NULL ? -1 : 0;
	patch = json_pack("{s:o}", "spec", spec);
	shown = objects_patch(daemon, object, patch, err);
	json_decref(patch);
	return shown == NULL ? -1 : 0;
}

int
subnet_show(struct daemon *daemon, const struct object *instance, const struct attachment *attachment, const struct address *address,
    struct error *err)
{
	g_autofree char *name = ip_address_name(instance->name, instance->namespace, spec_of(attachment->of)->provider);

	return subnet_show_entry(daemon, name, instance->namespace, instance->name, ((const struct vmi *)instance->value)->status->node_name,
	    attachment->of, address, err);
}

/* The IPs that show an owner's addresses on a segment: of the Subnets on it. */
void
subnet_hide(struct daemon *daemon, const char *segment, const char *owner)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_SUBNET, NULL);
	g_auto(GStrv) parts = g_strsplit(owner, "/", 3);
	const struct delete_options now = { .grace_period_seconds = -1 };
	const struct object *gone;
	struct error err = { 0 };

	for (guint i = 0; i < all->len && g_strv_length(parts) == 3; i++) {
		g_autofree char *its = subnet_segment(daemon, all->pdata[i], &err);
		g_autofree char *name = ip_address_name(parts[1], parts[0], spec_of(all->pdata[i])->provider);
		const struct object *ip = store_get(daemon->store, KIND_IP, "", name);
		if (g_strcmp0(its, segment) != 0)
			continue;
		controllers_requeue(daemon, all->pdata[i], 0);
		if (ip == NULL || g_strcmp0(((const struct ip_address *)ip->value)->spec->subnet, ((const struct object *)all->pdata[i])->name) != 0)
			continue;
		if (ip_is_kept(ip->value))
			controllers_requeue(daemon, ip, 0);
		else if (objects_delete(daemon, ip, &now, &gone, &err) < 0)
			log_warning("IP %s: %s", name, err.text);
	}
}
