/* What the DHCP server of a Subnet on a host is told: all its guests, and what they are told with their addresses; see subnets.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/store.h"
#include "daemon/subnets.h"
#include "src/api/dhcp_options.h"
#include "src/api/subnet.h"
#include "src/base/error.h"

enum {
	DHCP_LEASE_SECONDS = 3600, /* OVN's default */
	DHCP_ROUTER = 3,           /* RFC 2132, 3.5 */
	DHCP6_DNS = 23,            /* RFC 3646 */
	DHCP6_DOMAINS = 24,
	RA_SELDOM_SECONDS = 1800,  /* RFC 4861: the longest time between advertisements */
};

static const struct subnet_spec *
spec_of(const struct object *object)
{
	return ((const struct subnet_object *)object->value)->spec;
}

/* --- options ------------------------------------------------------------------------------------------------------------------ */

static const char *const own_keys[IP_FAMILIES] = { "dhcp-v4-options", "dhcp-v6-options" };

static int
version_of(int family)
{
	return family == IPV4 ? 4 : 6;
}

/* dhcpOptions of the interface come to those of the annotation, or of the Subnet. */
static int
add_fields(const struct interface *interface, const struct attachment *at, GArray **options, GPtrArray *ignored, struct error *err)
{
	if (interface->dhcp_options == NULL)
		return 0;
	if (at->of == NULL || !spec_of(at->of)->enable_dhcp || !at->subnet.families[IPV4].present) {
		if (ignored != NULL)
			g_ptr_array_add(ignored, g_strdup("dhcpOptions are ignored: nobody tells them: its network is no Subnet of IPv4 with enableDHCP"));
		return 0;
	}
	if (*options == NULL)
		*options = dhcp_options_parse(4, spec_of(at->of)->dhcp_v4_options, NULL, err);
	return *options == NULL ? -1 : dhcp_options_put(*options, interface->dhcp_options, err) == 0 ? 0 : error_wrap(err, "dhcpOptions: ");
}

/* Those of an annotation and of dhcpOptions, which stand for the Subnet's; *options NULL: there is none.  Sentences about what is ignored are
 * added to ignored, which may be NULL. */
static int
own_options(const struct vmi *vmi, const struct attachment *at, const struct interface *interface, int family, GArray **options,
    GPtrArray *ignored, struct error *err)
{
	const char *text = network_annotation(vmi, at, interface->name, own_keys[family]);
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	*options = text == NULL ? NULL : dhcp_options_parse(version_of(family), text, names, err);
	if (text != NULL && *options == NULL)
		return error_wrap(err, "annotation %s: ", own_keys[family]);
	for (guint i = 0; ignored != NULL && i < names->len; i++)
		g_ptr_array_add(ignored, g_strdup_printf("annotation %s: %s is ignored: %s", own_keys[family], (const char *)names->pdata[i],
		                             dhcp_option_why(version_of(family), names->pdata[i])));
	return family == IPV4 ? add_fields(interface, at, options, ignored, err) : 0;
}

static const char *
lease_of(const GArray *options)
{
	return options == NULL ? NULL : dhcp_options_find(options, "lease_time");
}

int
subnet_own_options_check(const struct vmi *vmi, const struct interface *interface, const struct attachment *at, GPtrArray *ignored,
    struct error *err)
{
	g_autoptr(GArray) own4 = NULL, own6 = NULL;

	if (own_options(vmi, at, interface, IPV4, &own4, ignored, err) < 0 || own_options(vmi, at, interface, IPV6, &own6, ignored, err) < 0)
		return -1;
	if ((own4 != NULL || own6 != NULL) && (at->of == NULL || !spec_of(at->of)->enable_dhcp))
		return error_set(err, EINVAL, "annotation %s: nobody tells them: its network is no Subnet with enableDHCP", own_keys[own4 != NULL ? IPV4 : IPV6]);
	if (lease_of(own4) != NULL && lease_of(own6) != NULL && strcmp(lease_of(own4), lease_of(own6)) != 0)
		return error_set(err, EINVAL, "annotation dhcp-v6-options: lease_time is %s, and %s in dhcp-v4-options: a guest has one, write the same",
		    lease_of(own6), lease_of(own4));
	return 0;
}

/* As the server's own configuration writes them: numbers of DHCPv4 alone, those of DHCPv6 with addresses in brackets. */
static void
add_option(json_t *list, int family, int number, const char *value)
{
	g_autofree char *name = g_strdup_printf("%s%d", family == IPV6 ? "option6:" : "", number);
	g_auto(GStrv) members = g_strsplit(value, ",", -1);
	g_autoptr(GString) text = g_string_new(NULL);

	for (char **member = members; *member != NULL; member++) {
		enum ip_family its;
		ip_number unused;
		bool bare = family == IPV6 && number_parse(*member, &its, &unused);
		g_string_append_printf(text, "%s%s%s%s", text->len > 0 ? "," : "", bare ? "[" : "", *member, bare ? "]" : "");
	}
	json_array_append_new(list, json_pack("[s,s]", name, text->str));
}

/* OVN's options by their numbers; what is not an option in the protocol (lease_time ...) is said elsewhere. */
static void
add_options(json_t *list, int family, const GArray *options, int64_t mtu)
{
	for (guint i = 0; options != NULL && i < options->len; i++) {
		const struct dhcp_option *o = &g_array_index(options, struct dhcp_option, i);
		if (o->number > 0 && (family == IPV6 || o->number != DHCP_ROUTER))
			add_option(list, family, o->number, o->value);
	}
	if (family == IPV4 && mtu > 0 && dhcp_options_find(options, "mtu") == NULL)
		json_array_append_new(list, json_pack("[s,o]", "26", json_sprintf("%d", (int)mtu)));
}

/* The server tells both in its advertisements, too. */
static void
add_advertised(json_t *list, const GArray *options6, const struct ra_configs *ra)
{
	if (ra->dns_servers != NULL && dhcp_options_find(options6, "dns_server") == NULL)
		add_option(list, IPV6, DHCP6_DNS, ra->dns_servers);
	if (ra->domains != NULL && dhcp_options_find(options6, "domain_search") == NULL)
		add_option(list, IPV6, DHCP6_DOMAINS, ra->domains);
}

/* --- guests ------------------------------------------------------------------------------------------------------------------ */

/* Guests that a host's server is for, and that have an address of the Subnet. */
struct guests {
	struct daemon *daemon;
	const struct host *host;
	bool deputy; /* it is also for those on hosts that cannot run one */
	const struct object *of;
	const struct subnet *subnet;
	json_t *entries;
};

static bool
has_own_options(const struct vmi *vmi)
{
	const struct schema_map *all = &vmi->head.meta->annotations;

	for (size_t i = 0; i < all->count; i++)
		if (strstr(all->entries[i].name, ".kubernetes.io/dhcp-v") != NULL)
			return true;
	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		if (i->dhcp_options != NULL)
			return true;
	return false;
}

static char *
router_of(const struct subnet *subnet, const GArray *options)
{
	const char *router = dhcp_options_find(options, "router");
	char gateway[IP_TEXT];

	if (router != NULL || !subnet->families[IPV4].present)
		return g_strdup(router);
	number_format(IPV4, subnet->families[IPV4].gateway, gateway);
	return g_strdup(gateway);
}

/* What was found wrong when it started is not said again here: it has the Subnet's. */
static void
add_own_options(const struct guests *g, const struct vmi *vmi, const struct attachment *at, const struct interface *interface, json_t *entry)
{
	g_autoptr(GArray) own4 = NULL, own6 = NULL;
	struct error unused;
	json_t *list;

	own_options(vmi, at, interface, IPV4, &own4, NULL, &unused);
	own_options(vmi, at, interface, IPV6, &own6, NULL, &unused);
	if (own4 == NULL && own6 == NULL)
		return;
	list = json_array();
	if (own4 != NULL) {
		g_autofree char *router = router_of(g->subnet, own4);
		if (router != NULL)
			add_option(list, IPV4, DHCP_ROUTER, router);
		add_options(list, IPV4, own4, spec_of(g->of)->mtu);
		json_object_set_new(entry, "own4", json_true());
	}
	if (own6 != NULL) {
		add_options(list, IPV6, own6, 0);
		json_object_set_new(entry, "own6", json_true());
	}
	json_object_set_new(entry, "options", list);
	const char *lease = lease_of(own4) != NULL ? lease_of(own4) : lease_of(own6);
	if (lease != NULL)
		json_object_set_new(entry, "leaseSeconds", json_integer(g_ascii_strtoll(lease, NULL, 10)));
}

static void
add_interface_options(const struct guests *g, const struct object *instance, const char *name, json_t *entry)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		ATTACHMENT_AUTO at = { 0 };
		struct error unused;
		if (strcmp(i->name, name) == 0 && network_find(g->daemon, instance, i, &at, &unused) == 0)
			add_own_options(g, vmi, &at, i, entry);
	}
}

static const char *
within(const struct subnet *subnet, const char *ip)
{
	enum ip_family family;
	ip_number number;

	return number_parse(ip, &family, &number) && subnet_has(&subnet->families[family], number) ? ip : NULL;
}

/* The server has files and processes, which are on this machine.  Guests of other machines are on the same wire: that of the first host
 * that has it answers them, too.  NULL: there is none. */
static const struct host *
find_deputy(struct daemon *daemon, const struct network_config *config)
{
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		if (host->local && host->state == HOST_READY && provider_network_check(daemon, host, config, NULL) == 0)
			return host;
	}
	return NULL;
}

static bool
is_for(const struct guests *g, const char *node)
{
	const struct host *its = host_find(g->daemon, node);

	return its != NULL && (its->local ? its == g->host : g->deputy);
}

static void
add_guest(void *arg, const struct address *a)
{
	struct guests *g = arg;
	g_auto(GStrv) parts = g_strsplit(a->owner, "/", 3);
	const struct object *object = a->released == 0 && g_strv_length(parts) == 3 ? store_get(g->daemon->store, KIND_VMI, parts[0], parts[1]) : NULL;
	const char *ip = within(g->subnet, a->ip), *ip6 = within(g->subnet, a->ip6);
	g_autofree char *name = g_strv_length(parts) == 3 ? g_strdup_printf("%s.%s", parts[1], parts[0]) : NULL;
	json_t *entry;

	if (object == NULL || (ip == NULL && ip6 == NULL) || !is_for(g, ((const struct vmi *)object->value)->status->node_name))
		return;
	entry = json_pack("{s:s,s:s*,s:s*,s:s}", "mac", a->mac, "ip", ip, "ip6", ip6, "name", name);
	if (has_own_options(object->value))
		add_interface_options(g, object, parts[2], entry);
	json_array_append_new(g->entries, entry);
}

/* --- the server -------------------------------------------------------------------------------------------------------------- */

/* Of the host's DHCP server itself: "10.6.0.2/24". */
static char *
server_address(const struct subnet *subnet, enum ip_family family, const char *ip)
{
	return !subnet->families[family].present || *ip == '\0' ? NULL : g_strdup_printf("%s/%d", ip, subnet->families[family].prefix);
}

static json_int_t
seconds_of(const GArray *options)
{
	const char *lease = lease_of(options);

	return lease == NULL ? DHCP_LEASE_SECONDS : g_ascii_strtoll(lease, NULL, 10);
}

/* Guests who would wait for DHCPv6 that nobody serves are told nothing. */
static bool
is_advertised(const struct subnet_spec *spec, const struct ra_configs *ra)
{
	return spec->enable_ra && (spec->enable_dhcp || ra->address_mode != RA_DHCPV6_STATEFUL);
}

static void
add_advertisement(json_t *service, const struct ra_configs *ra)
{
	static const char *const modes[] = { [RA_DHCPV6_STATEFUL] = "stateful", [RA_DHCPV6_STATELESS] = "stateless", [RA_SLAAC] = "slaac" };

	json_object_set_new(service, "raMode", json_string(modes[ra->address_mode]));
	json_object_set_new(service, "raInterval", json_integer(ra->send_periodic ? ra->max_interval : RA_SELDOM_SECONDS));
	if (ra->mtu > 0)
		json_object_set_new(service, "raMtu", json_integer(ra->mtu));
}

/* What a Subnet's words say, read. */
struct told {
	GArray *options4, *options6;
	struct ra_configs ra;
};

static void
told_clear(struct told *told)
{
	g_clear_pointer(&told->options4, g_array_unref);
	g_clear_pointer(&told->options6, g_array_unref);
	ra_configs_clear(&told->ra);
}

static int
told_read(const struct subnet_spec *spec, struct told *told, struct error *err)
{
	told->options4 = dhcp_options_parse(4, spec->dhcp_v4_options, NULL, err);
	told->options6 = told->options4 == NULL ? NULL : dhcp_options_parse(6, spec->dhcp_v6_options, NULL, err);
	return told->options6 == NULL ? -1 : ra_configs_parse(spec->ra_configs, &told->ra, NULL, err);
}

static json_t *
describe(struct daemon *daemon, const struct host *host, const struct object *object, struct attachment *at, json_t *guests, struct error *err)
{
	const struct subnet_spec *spec = spec_of(object);
	struct told told __attribute__((cleanup(told_clear))) = { 0 };
	g_autofree char *owner = address_owner_of_dhcp(host->name, object->name);
	const struct address *own = address_ensure(daemon, at, owner, &(struct address_wish){ .lowest = true }, err);
	json_t *options, *service;

	if (own == NULL || told_read(spec, &told, err) < 0)
		return NULL;
	bool ra = is_advertised(spec, &told.ra);
	g_autofree char *address = server_address(&at->subnet, IPV4, own->ip), *address6 = server_address(&at->subnet, IPV6, own->ip6);
	g_autofree char *router = router_of(&at->subnet, told.options4);
	options = json_array();
	add_options(options, IPV4, told.options4, spec->mtu);
	add_options(options, IPV6, told.options6, 0);
	if (ra)
		add_advertised(options, told.options6, &told.ra);
	service = json_pack("{s:s,s:s,s:i,s:s*,s:s*,s:s*,s:I,s:I,s:o,s:b,s:b,s:O}", "subnet", object->name, "bridge", at->config.name, "vlan",
	    at->config.vlan, "address", address, "address6", address6, "gateway", router, "leaseSeconds", seconds_of(told.options4), "leaseSeconds6",
	    seconds_of(told.options6), "options", options, "dhcp", spec->enable_dhcp, "ra", ra, "hosts", guests);
	if (ra)
		add_advertisement(service, &told.ra);
	return service;
}

static bool
is_served(const struct object *object)
{
	const struct subnet_spec *spec = spec_of(object);
	RA_CONFIGS_AUTO ra = { 0 };

	if (((const struct subnet_object *)object->value)->head.meta->deletion_timestamp != 0)
		return false;
	return spec->enable_dhcp || (ra_configs_parse(spec->ra_configs, &ra, NULL, NULL) == 0 && is_advertised(spec, &ra));
}

json_t *
subnet_service(struct daemon *daemon, const struct host *host, const struct object *object, struct error *err)
{
	ATTACHMENT_AUTO at = { 0 };
	struct guests g = { daemon, host, false, object, &at.subnet, NULL };
	json_t *service = NULL;

	if (!is_served(object) || !host->local)
		return NULL;
	if (subnet_wire(daemon, object, &at.config, err) < 0 || subnet_addresses(daemon, object, &at.subnet, &at.addressed, err) < 0)
		return NULL;
	at.segment = network_segment(&at.config);
	g.deputy = find_deputy(daemon, &at.config) == host;
	g.entries = json_array();
	if (at.addressed)
		store_address_each(daemon->store, at.segment, add_guest, &g);
	if (json_array_size(g.entries) > 0)
		service = describe(daemon, host, object, &at, g.entries, err);
	json_decref(g.entries);
	return service;
}

bool
subnet_is_unserved(struct daemon *daemon, const struct host *host, const struct object *object)
{
	struct network_config config = { 0 };
	struct error told_elsewhere = { 0 };
	bool alone = !host->local && is_served(object) && subnet_wire(daemon, object, &config, &told_elsewhere) == 0 && find_deputy(daemon, &config) == NULL;

	network_config_clear(&config);
	return alone;
}
