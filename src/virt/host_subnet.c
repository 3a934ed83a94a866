/* Subnets that are served on this host: a port of the bridge with an address, and a DHCP server on it; see host_subnet.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_ovs.h"
#include "src/virt/host_subnet.h"

#define SUBNETS "/run/solovirt/subnets"
enum { IP_MS = 5000, MTU_LEAST = 576, MTU_MOST = 65535, LEASE_LEAST = 120 };

/* Ports, files and servers of subnets are changed by one lane at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- arguments ------------------------------------------------------------------------------------------------------- */

static int
check_dns_name(const char *what, const char *name, struct error *err)
{
	if (g_regex_match_simple("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", name, G_REGEX_DOLLAR_ENDONLY, 0))
		return 0;
	g_autofree char *shown = g_strescape(name, NULL);
	return error_set(err, EINVAL, "%s \"%s\": only lower case letters, digits, dots and dashes are allowed", what, shown);
}

void
subnet_port_name(const char *subnet, char port[IFNAMSIZ])
{
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, subnet, -1);

	g_snprintf(port, IFNAMSIZ, "dhcp-%.8s", digest);
}

/* Where all of a subnet is, by its name. */
static int
name_subnet(struct subnet *subnet, struct error *err)
{
	if (ovs_check_local("the DHCP server of a Subnet", "that of another host in its network serves it, or the guests are given their addresses by "
	        "cloud-init (networkData)", err) < 0 || check_dns_name("subnet", subnet->name, err) < 0)
		return -1;
	subnet_port_name(subnet->name, subnet->port);
	subnet->directory = g_build_filename(SUBNETS, subnet->port, NULL);
	return 0;
}

static void
clear_bits(unsigned char *bytes, size_t size, int prefix)
{
	for (size_t i = 0; i < size; i++) {
		int left = prefix - (int)i * 8;
		bytes[i] &= left >= 8 ? 0xff : left <= 0 ? 0 : (unsigned char)(0xff << (8 - left));
	}
}

/* "10.6.0.2/24": an address of ours and how long its network's prefix is. */
static int
parse_range(const char *text, int family, struct subnet_range *range, struct error *err)
{
	unsigned char bytes[sizeof(struct in6_addr)], mask[sizeof(struct in_addr)] = { 0xff, 0xff, 0xff, 0xff };
	g_auto(GStrv) parts = g_strsplit(text == NULL ? "" : text, "/", 2);
	guint64 prefix;

	if (text == NULL)
		return 0;
	if (g_strv_length(parts) != 2 || inet_pton(family, parts[0], bytes) != 1 ||
	    !g_ascii_string_to_unsigned(parts[1], 10, 1, family == AF_INET ? 31 : 127, &prefix, NULL))
		return error_set(err, EINVAL, "%s is not like %s", family == AF_INET ? "address" : "address6",
		    family == AF_INET ? "10.6.0.2/24" : "fd00::2/64");
	range->family = family;
	range->prefix = (int)prefix;
	inet_ntop(family, bytes, range->address, sizeof(range->address));
	clear_bits(bytes, family == AF_INET ? 4 : 16, range->prefix);
	inet_ntop(family, bytes, range->network, sizeof(range->network));
	clear_bits(mask, sizeof(mask), range->prefix);
	inet_ntop(AF_INET, mask, range->mask, sizeof(range->mask));
	return 0;
}

static int
check_subnet(const struct subnet *subnet, struct error *err)
{
	char binary[sizeof(struct in_addr)];

	if (subnet->v4.family == 0 && subnet->v6.family == 0)
		return error_set(err, EINVAL, "subnet %s: address or address6 is needed", subnet->name);
	if (subnet->ra && subnet->v6.family == 0)
		return error_set(err, EINVAL, "subnet %s: router advertisements need address6", subnet->name);
	if (subnet->gateway != NULL && inet_pton(AF_INET, subnet->gateway, binary) != 1)
		return error_set(err, EINVAL, "subnet %s: gateway is not an IPv4 address", subnet->name);
	if (subnet->mtu != 0 && (subnet->mtu < MTU_LEAST || subnet->mtu > MTU_MOST))
		return error_set(err, EINVAL, "subnet %s: mtu %" PRId64 " is not between %d and %d", subnet->name, subnet->mtu, MTU_LEAST, MTU_MOST);
	if (subnet->lease_seconds < LEASE_LEAST || subnet->lease_seconds > G_MAXINT32 ||
	    (subnet->lease_seconds6 != 0 && (subnet->lease_seconds6 < LEASE_LEAST || subnet->lease_seconds6 > G_MAXINT32)))
		return error_set(err, EINVAL, "subnet %s: leaseSeconds must be at least %d", subnet->name, LEASE_LEAST);
	if (ovs_check_name("bridge", subnet->bridge, err) < 0 || ovs_check_vlan(subnet->vlan, err) < 0)
		return error_wrap(err, "subnet %s: ", subnet->name);
	if (subnet_server_check(subnet, err) < 0)
		return -1;
	return subnet->domain == NULL ? 0 : check_dns_name("domain", subnet->domain, err);
}

/* All or nothing: a host that is refused half way would leave others without their line. */
static int
check_hosts(json_t *hosts, struct error *err)
{
	struct subnet_entry entry;
	size_t i;
	json_t *host;

	json_array_foreach (hosts, i, host) {
		if (subnet_entry_read(host, &entry, err) < 0 || subnet_entry_check(&entry, err) < 0)
			return error_wrap(err, "hosts: ");
	}
	return 0;
}

/* --- the port -------------------------------------------------------------------------------------------------------- */

/* Two hosts serve the same subnet, so the port's own MAC is made of its address, too. */
static char *
port_mac(const struct subnet *subnet)
{
	g_autofree char *text = g_strdup_printf("%s %s %s", subnet->name, subnet->v4.address, subnet->v6.address);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);

	return g_strdup_printf("mac=\"02:%.2s:%.2s:%.2s:%.2s:%.2s\"", digest, digest + 2, digest + 4, digest + 6, digest + 8);
}

/* 1 when it had to be made or changed, 0, or -1. */
static int
ensure_port(const struct subnet *subnet, struct error *err)
{
	OVS_AUTO *there = ovs_read(err);
	const struct ovs_port *port = there == NULL ? NULL : ovs_find_port(there, subnet->port);
	g_autoptr(GPtrArray) changes = ovs_changes_new();
	g_autofree char *mac = port_mac(subnet), *tag = g_strdup_printf("tag=%" PRId64, subnet->vlan);
	g_autofree char *name = g_strdup_printf("external_ids:" OVS_SUBNET "=%s", subnet->name);
	g_autofree char *mtu = subnet->mtu > 0 ? g_strdup_printf("mtu_request=%" PRId64, subnet->mtu) : g_strdup("mtu_request=[]");

	if (there == NULL)
		return -1;
	if (ovs_find_bridge(there, subnet->bridge) == NULL)
		return error_set(err, ENOENT, "subnet %s: there is no bridge %s on this host", subnet->name, subnet->bridge);
	if (port != NULL && g_strcmp0(port->subnet, subnet->name) != 0)
		return error_set(err, EEXIST, "subnet %s: its port %s belongs to %s", subnet->name, subnet->port,
		    port->subnet != NULL ? port->subnet : "somebody else");
	if (port != NULL && port->number > 0 && port->tag == subnet->vlan && strcmp(port->bridge, subnet->bridge) == 0 &&
	    if_nametoindex(subnet->port) != 0)
		return 0;
	ovs_change(changes, "--if-exists", "del-port", subnet->port, NULL);
	if (port != NULL && ovs_commit(changes, err) < 0) /* two transactions: within one ovs-vswitchd sees no change */
		return -1;
	g_ptr_array_set_size(changes, 0);
	ovs_change(changes, "add-port", subnet->bridge, subnet->port, "--", "set", "port", subnet->port, tag, "vlan_mode=access", OVS_MARK, name,
	    "--", "set", "interface", subnet->port, "type=internal", mac, mtu, NULL);
	if (ovs_commit(changes, err) < 0)
		return -1;
	if (if_nametoindex(subnet->port) == 0)
		return error_set(err, EIO, "subnet %s: ovs-vswitchd cannot make port %s: its log (/var/log/openvswitch) says why", subnet->name,
		    subnet->port);
	return 1;
}

static int
write_setting(const char *family, const char *port, const char *name, const char *value, struct error *err)
{
	g_autofree char *path = g_strdup_printf("/proc/sys/net/%s/conf/%s/%s", family, port, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (!written && !(fd < 0 && errno == ENOENT)) /* a host without IPv6 has no settings of it */
		error_errno(err, "cannot write %s", path);
	else
		written = true;
	if (fd >= 0)
		close(fd);
	return written ? 0 : -1;
}

/* The host must not become a guest of the network it serves: no routes by announcements, no answers for its other addresses. */
static int
harden(const char *port, struct error *err)
{
	static const struct {
		const char *family, *name, *value;
	} settings[] = {
		{ "ipv6", "accept_ra", "0" },
		{ "ipv6", "autoconf", "0" },
		{ "ipv4", "arp_ignore", "1" },
		{ "ipv4", "accept_redirects", "0" },
		{ "ipv6", "accept_redirects", "0" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
		if (write_setting(settings[i].family, port, settings[i].name, settings[i].value, err) < 0)
			return -1;
	return 0;
}

static int
prefix_of(const struct sockaddr *mask)
{
	const unsigned char *bytes = mask->sa_family == AF_INET ?
	    (const unsigned char *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr :
	    (const unsigned char *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
	int bits = 0;

	for (int i = 0; i < (mask->sa_family == AF_INET ? 4 : 16); i++)
		bits += __builtin_popcount(bytes[i]);
	return bits;
}

/* An address of the port as "family address/prefix", or NULL for its link-local ones. */
static char *
address_text(const struct ifaddrs *one)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes;

	if (one->ifa_addr == NULL || one->ifa_netmask == NULL || (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6))
		return NULL;
	bytes = one->ifa_addr->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr :
	                                              (const void *)&((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr;
	if (one->ifa_addr->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))
		return NULL;
	inet_ntop(one->ifa_addr->sa_family, bytes, text, sizeof(text));
	return g_strdup_printf("%s/%d", text, prefix_of(one->ifa_netmask));
}

/* The port is up and has these addresses and no others. */
static bool
is_addressed(const char *port, const GPtrArray *wanted)
{
	struct ifaddrs *all = NULL;
	guint found = 0, others = 0;
	bool up = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		g_autofree char *text = strcmp(one->ifa_name, port) == 0 ? address_text(one) : NULL;

		up |= strcmp(one->ifa_name, port) == 0 && (one->ifa_flags & IFF_UP) != 0;
		if (text != NULL && g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)wanted, text, g_str_equal, NULL))
			found++;
		else if (text != NULL)
			others++;
	}
	freeifaddrs(all);
	return up && found == wanted->len && others == 0;
}

/* 1 when it had to be changed, 0, or -1. */
static int
ensure_addresses(const struct subnet *subnet, struct error *err)
{
	const struct subnet_range *ranges[] = { &subnet->v4, &subnet->v6 };
	g_autoptr(GPtrArray) wanted = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) batch = g_string_new(NULL);
	static const char *const words[] = { "ip", "-batch", "-", NULL };

	g_string_append_printf(batch, "link set dev %s up\naddress flush dev %s scope global\n", subnet->port, subnet->port);
	for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
		if (ranges[i]->family == 0)
			continue;
		g_ptr_array_add(wanted, g_strdup_printf("%s/%d", ranges[i]->address, ranges[i]->prefix));
		g_string_append_printf(batch, "address add %s/%d dev %s%s\n", ranges[i]->address, ranges[i]->prefix, subnet->port,
		    ranges[i]->family == AF_INET6 ? " nodad" : "");
	}
	if (harden(subnet->port, err) < 0)
		return -1;
	if (is_addressed(subnet->port, wanted))
		return 0;
	if (host_child_do(words, batch->str, IP_MS, NULL, err) < 0)
		return error_wrap(err, "subnet %s: port %s cannot have its address: ", subnet->name, subnet->port);
	return 1;
}

/* --- verbs ----------------------------------------------------------------------------------------------------------- */

/* What was amiss of a subnet that had been served already. */
static void
add_mended(GString *mended, bool amiss, const char *what, const char *subnet, const char *how)
{
	if (amiss)
		g_string_append_printf(mended, "%s%s of subnet %s %s", mended->len > 0 ? "; " : "", what, subnet, how);
}

/* As ensure_port(), unless that was a moment ago. */
static int
look_at_port(const struct subnet *subnet, struct error *err)
{
	int port;

	if (subnet_memory_knows_port(subnet))
		return 0;
	port = ensure_port(subnet, err);
	if (port >= 0)
		subnet_memory_saw_port(subnet);
	return port;
}

static json_t *
serve(const struct subnet *subnet, struct error *err)
{
	g_autofree char *path = g_build_filename(subnet->directory, "dnsmasq.conf", NULL);
	bool known = access(path, F_OK) == 0, ran = subnet_server_runs(subnet->directory);
	enum subnet_news news = SUBNET_NOTHING;
	g_autoptr(GString) mended = g_string_new(NULL);
	int port = look_at_port(subnet, err), addresses = port < 0 ? -1 : ensure_addresses(subnet, err);

	if (addresses < 0 || subnet_prepare(subnet->directory, err) < 0 ||
	    subnet_entries_sync(subnet->directory, subnet->domain, subnet->hosts, &news, err) < 0 ||
	    subnet_server_run(subnet, news, err) < 0)
		return NULL;
	subnet_server_watch(subnet->directory, subnet->name);
	add_mended(mended, known && port > 0, "the port", subnet->name, "was not as it has to be and was made anew");
	add_mended(mended, known && port == 0 && addresses > 0, "the port", subnet->name, "had lost its addresses");
	add_mended(mended, known && !ran, "the DHCP server (dnsmasq)", subnet->name, "did not run and was started");
	return json_pack("{s:s*}", "mended", mended->len > 0 ? mended->str : NULL);
}

static json_t *
run_serve(struct host_call *call, struct error *err)
{
	struct subnet subnet = { .dhcp = 1 };
	const char *address = NULL, *address6 = NULL;
	json_t *result = NULL;

	if (host_args(call, err, "{s:s,s:s,s:I,s?:I,s?:s,s?:s,s?:s,s:I,s?:I,s?:o,s?:b,s?:b,s?:s,s?:I,s?:I,s?:s,s?:o}", "subnet", &subnet.name,
	        "bridge", &subnet.bridge, "vlan", &subnet.vlan, "mtu", &subnet.mtu, "address", &address, "address6", &address6, "gateway",
	        &subnet.gateway, "leaseSeconds", &subnet.lease_seconds, "leaseSeconds6", &subnet.lease_seconds6, "options", &subnet.options,
	        "dhcp", &subnet.dhcp, "ra", &subnet.ra, "raMode", &subnet.ra_mode, "raInterval", &subnet.ra_interval, "raMtu", &subnet.ra_mtu,
	        "domain", &subnet.domain, "hosts", &subnet.hosts) < 0 ||
	    name_subnet(&subnet, err) < 0)
		return NULL;
	if (parse_range(address, AF_INET, &subnet.v4, err) == 0 && parse_range(address6, AF_INET6, &subnet.v6, err) == 0 &&
	    check_subnet(&subnet, err) == 0 && check_hosts(subnet.hosts, err) == 0) {
		pthread_mutex_lock(&lock);
		result = serve(&subnet, err);
		pthread_mutex_unlock(&lock);
	}
	g_free(subnet.directory);
	return result;
}

static int
unserve(const struct subnet *subnet, struct error *err)
{
	OVS_AUTO *there = ovs_read(err);
	const struct ovs_port *port = there == NULL ? NULL : ovs_find_port(there, subnet->port);
	g_autoptr(GPtrArray) changes = ovs_changes_new();

	if (there == NULL || subnet_server_stop(subnet->directory, err) < 0)
		return -1;
	if (port != NULL && g_strcmp0(port->subnet, subnet->name) == 0)
		ovs_change(changes, "--if-exists", "del-port", subnet->port, NULL);
	return ovs_commit(changes, err) < 0 ? -1 : subnet_remove_files(subnet->directory, err);
}

static json_t *
run_unserve(struct host_call *call, struct error *err)
{
	struct subnet subnet = { 0 };
	int rc;

	if (host_args(call, err, "{s:s}", "subnet", &subnet.name) < 0 || name_subnet(&subnet, err) < 0)
		return NULL;
	pthread_mutex_lock(&lock);
	rc = unserve(&subnet, err);
	pthread_mutex_unlock(&lock);
	g_free(subnet.directory);
	return rc < 0 ? NULL : json_object();
}

/* Sets one, or removes it when it has no address. */
static int
change_host(const struct subnet *subnet, const struct subnet_entry *entry, struct error *err)
{
	g_autofree char *path = g_build_filename(subnet->directory, "dnsmasq.conf", NULL), *domain = NULL;
	enum subnet_news news = SUBNET_NOTHING;
	bool remove = entry->ip == NULL && entry->ip6 == NULL;

	if (access(path, F_OK) != 0)
		return remove ? 0 : error_set(err, ENOENT, "subnet %s is not served on this host", subnet->name);
	domain = subnet_server_domain(subnet->directory);
	if ((remove ? subnet_entry_remove(subnet->directory, entry->mac, &news, err) :
	              subnet_entry_set(subnet->directory, domain, entry, &news, err)) < 0)
		return -1;
	return subnet_server_tell(subnet->directory, news, err);
}

static json_t *
change(struct subnet *subnet, const struct subnet_entry *entry, struct error *err)
{
	int rc;

	if (name_subnet(subnet, err) < 0)
		return NULL;
	pthread_mutex_lock(&lock);
	rc = change_host(subnet, entry, err);
	pthread_mutex_unlock(&lock);
	g_free(subnet->directory);
	return rc < 0 ? NULL : json_object();
}

static json_t *
run_host_set(struct host_call *call, struct error *err)
{
	struct subnet subnet = { 0 };
	struct subnet_entry entry = { 0 };

	if (host_args(call, err, "{s:s}", "subnet", &subnet.name) < 0 || subnet_entry_read(call->args, &entry, err) < 0 ||
	    subnet_entry_check(&entry, err) < 0)
		return NULL;
	return change(&subnet, &entry, err);
}

static json_t *
run_host_remove(struct host_call *call, struct error *err)
{
	struct subnet subnet = { 0 };
	struct subnet_entry entry = { 0 };

	if (host_args(call, err, "{s:s,s:s}", "subnet", &subnet.name, "mac", &entry.mac) < 0 || host_dhcp_check_mac(entry.mac, err) < 0)
		return NULL;
	return change(&subnet, &entry, err);
}

const struct host_verb host_subnet_verbs[] = {
	{ "subnet-serve", run_serve },
	{ "subnet-unserve", run_unserve },
	{ "subnet-host-set", run_host_set },
	{ "subnet-host-remove", run_host_remove },
	{ NULL, NULL },
};
