/* The dnsmasq of a subnet: its configuration and its life; see host_subnet.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/host_subnet.h"

enum { START_MS = 10000, LEASES_MOST = 65536, RA_SECONDS = 30 };

#define DOMAIN_KEY "domain="
#define OPTION6 "option6:"

/* The first has DNS and DHCPv4; the second DHCPv6 and announcements: beside a DNS server dnsmasq tells guests of that, and where none is to be
 * told an option without a value, which clients of DHCPv6 take for broken. */
static const char *const parts[] = { "dnsmasq", "dnsmasq6" };
enum { PART_DNS, PART_V6, PARTS = G_N_ELEMENTS(parts) };

static char *
configuration_path(const char *directory, int part)
{
	return g_strdup_printf("%s/%s.conf", directory, parts[part]);
}

static char *
pid_path(const char *directory, int part)
{
	return g_strdup_printf("%s/%s.pid", directory, parts[part]);
}

/* --- configuration --------------------------------------------------------------------------------------------------- */

/* An option of DHCP that dnsmasq would fill in by itself with what is wrong here, unless it is told. */
static const struct {
	const char *name, *number;
} own_options[] = {
	{ "router", "3" },
	{ "dns-server", "6" },
	{ "mtu", "26" },
	{ "option6:dns-server", "option6:23" },
};

/* The value that the subnet gives an option, or NULL. */
static const char *
option_value(const struct subnet *subnet, size_t own)
{
	size_t i;
	json_t *option;

	json_array_foreach (subnet->options, i, option) {
		const char *name = json_string_value(json_array_get(option, 0));
		if (strcmp(name, own_options[own].name) == 0 || strcmp(name, own_options[own].number) == 0)
			return json_string_value(json_array_get(option, 1));
	}
	return NULL;
}

/* The server is named as the guests' DNS server: then it answers for the world, too, by what the host asks. */
static bool
is_resolver(const struct subnet *subnet)
{
	const char *servers = option_value(subnet, 1), *servers6 = option_value(subnet, 3);
	g_auto(GStrv) list = g_strsplit_set(servers != NULL ? servers : "", ", ", -1);
	g_auto(GStrv) list6 = g_strsplit_set(servers6 != NULL ? servers6 : "", ", []", -1);

	return (subnet->v4.family != 0 && g_strv_contains((const char *const *)list, subnet->v4.address)) ||
	    (subnet->v6.family != 0 && g_strv_contains((const char *const *)list6, subnet->v6.address));
}

/* A guest that has options of its own has the tag own4, own6: those of the subnet are not for it, nor what dnsmasq fills in. */
#define OTHERS4 "dhcp-option=tag:!own4,"
#define OTHERS6 "dhcp-option=tag:!own6,"

static void
add_options(GString *text, const struct subnet *subnet, int part)
{
	size_t i;
	json_t *option;

	json_array_foreach (subnet->options, i, option) {
		bool six = g_str_has_prefix(json_string_value(json_array_get(option, 0)), OPTION6);
		if (six == (part == PART_V6))
			subnet_option_add(text, six ? OTHERS6 : OTHERS4, option);
	}
}

static void
add_options4(GString *text, const struct subnet *subnet)
{
	g_string_append(text, "dhcp-option=tag:own4,option:router\ndhcp-option=tag:own4,option:dns-server\n");
	if (option_value(subnet, 0) == NULL)
		g_string_append_printf(text, OTHERS4 "option:router%s%s\n", subnet->gateway != NULL ? "," : "",
		    subnet->gateway != NULL ? subnet->gateway : "");
	if (option_value(subnet, 1) == NULL)
		g_string_append(text, OTHERS4 "option:dns-server\n");
	if (subnet->mtu > 0 && option_value(subnet, 2) == NULL)
		g_string_append_printf(text, OTHERS4 "option:mtu,%" PRId64 "\n", subnet->mtu);
	add_options(text, subnet, PART_DNS);
}

/* How guests get addresses of IPv6, as dnsmasq calls it. */
static const struct {
	const char *mode, *range;
} modes[] = {
	{ "stateful", "static" },
	{ "stateless", "ra-stateless" },
	{ "slaac", "ra-only" },
};

static const char *
range_mode(const struct subnet *subnet)
{
	for (size_t i = 0; subnet->ra && subnet->ra_mode != NULL && i < G_N_ELEMENTS(modes); i++)
		if (strcmp(subnet->ra_mode, modes[i].mode) == 0)
			return modes[i].range;
	return modes[0].range;
}

int
subnet_server_check(const struct subnet *subnet, struct error *err)
{
	bool known = subnet->ra_mode == NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
		known |= g_strcmp0(subnet->ra_mode, modes[i].mode) == 0;
	if (!known)
		return error_set(err, EINVAL, "subnet %s: raMode is not stateful, stateless or slaac", subnet->name);
	if (!subnet->dhcp && !subnet->ra)
		return error_set(err, EINVAL, "subnet %s: dhcp or ra is needed", subnet->name);
	return subnet_options_check(subnet->options, err);
}

/*
 * A range that is static has no address for strangers, and who has no line is not answered at all: other hosts serve the same
 * network.  The router of announcements is the network's own, never this host: lifetime 0.
 */
static void
add_v6(GString *text, const struct subnet *subnet)
{
	const char *mode = range_mode(subnet);

	g_string_append_printf(text, "port=0\ndhcp-range=%s,%s,%d,%" PRId64 "\n", subnet->v6.network, mode, subnet->v6.prefix,
	    subnet->lease_seconds6 > 0 ? subnet->lease_seconds6 : subnet->lease_seconds);
	if (subnet->ra) {
		g_string_append_printf(text, "enable-ra\nra-param=%s,", subnet->port);
		if (subnet->ra_mtu > 0)
			g_string_append_printf(text, "mtu:%" PRId64 ",", subnet->ra_mtu);
		g_string_append_printf(text, "%" PRId64 ",0\n", subnet->ra_interval > 0 ? subnet->ra_interval : RA_SECONDS);
	}
	add_options(text, subnet, PART_V6);
}

static void
add_dns(GString *text, const struct subnet *subnet)
{
	g_string_append_printf(text, "hostsdir=%s/names\n", subnet->directory);
	if (!is_resolver(subnet))
		g_string_append(text, "no-resolv\n");
	if (subnet->domain != NULL)
		g_string_append_printf(text, "local=/%s/\n", subnet->domain);
	if (subnet->v4.family == 0 || !subnet->dhcp)
		return;
	g_string_append_printf(text, "dhcp-range=%s,static,%s,%" PRId64 "\n", subnet->v4.network, subnet->v4.mask, subnet->lease_seconds);
	add_options4(text, subnet);
}

static void
add_own_options(GString *text, const struct subnet *subnet, int part)
{
	struct subnet_entry entry;
	struct error unused;
	size_t i;
	json_t *host;

	json_array_foreach (subnet->hosts, i, host)
		if (json_object_get(host, "options") != NULL && subnet_entry_read(host, &entry, &unused) == 0)
			subnet_entry_add_options(text, &entry, part == PART_V6);
}

/* NULL: the subnet needs no such server. */
static char *
configuration(const struct subnet *subnet, int part)
{
	bool fixed = strcmp(range_mode(subnet), modes[0].range) == 0;
	GString *text;

	if (part == PART_V6 && (subnet->v6.family == 0 || (!subnet->dhcp && fixed)))
		return NULL;
	text = g_string_new(NULL);
	/* A port that was made anew has another number: the server's socket is bound to the one that is gone. */
	g_string_append_printf(text, "# subnet %s on interface number %u\n", subnet->name, if_nametoindex(subnet->port));
	g_string_append_printf(text, "interface=%s\nexcept-interface=lo\nbind-dynamic\nno-hosts\n", subnet->port);
	g_string_append_printf(text, "pid-file=%s/%s.pid\ndhcp-hostsdir=%s/hosts\n", subnet->directory, parts[part], subnet->directory);
	g_string_append_printf(text, "leasefile-ro\ndhcp-lease-max=%d\ndhcp-authoritative\ndhcp-ignore=tag:!known\nno-ping\nquiet-dhcp\nquiet-dhcp6\nquiet-ra\n",
	    LEASES_MOST);
	if (subnet->domain != NULL)
		g_string_append_printf(text, DOMAIN_KEY "%s\n", subnet->domain);
	if (part == PART_V6)
		add_v6(text, subnet);
	else
		add_dns(text, subnet);
	add_own_options(text, subnet, part);
	return g_string_free(text, FALSE);
}

char *
subnet_server_domain(const char *directory)
{
	g_autofree char *path = configuration_path(directory, PART_DNS), *text = NULL;
	char *domain = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL && domain == NULL; line++)
		if (g_str_has_prefix(*line, DOMAIN_KEY))
			domain = g_strdup(*line + strlen(DOMAIN_KEY));
	return domain;
}

/* --- the processes --------------------------------------------------------------------------------------------------- */

static int
stop(const char *directory, int part, struct error *err)
{
	g_autofree char *pid = pid_path(directory, part);

	return host_dnsmasq_stop(pid, err);
}

static int
restart(const char *directory, int part, struct error *err)
{
	g_autofree char *path = configuration_path(directory, part), *option = g_strconcat("--conf-file=", path, NULL);
	const char *const words[] = { "dnsmasq", option, NULL };

	if (stop(directory, part, err) < 0)
		return -1;
	subnet_forget_gone(directory, part == PART_V6);
	return host_child_do(words, NULL, START_MS, NULL, err) < 0 ? error_wrap(err, "the DHCP server (dnsmasq) does not start: ") : 0;
}

/* dnsmasq's own opinion, before the one that runs is ended for it. */
static int
check(const char *path, struct error *err)
{
	g_autofree char *option = g_strconcat("--conf-file=", path, NULL), *complaint = NULL;
	const char *const words[] = { "dnsmasq", "--test", option, NULL };
	int status = host_child_run(words, NULL, START_MS, NULL, &complaint, err);

	if (status > 0)
		return error_set(err, EINVAL, "the DHCP server (dnsmasq) does not take what the subnet says: %s", complaint);
	return status;
}

/* What a part is to be told, checked, beside the file that it has. */
static int
prepare(const struct subnet *subnet, int part, bool *changed, struct error *err)
{
	g_autofree char *path = configuration_path(subnet->directory, part), *fresh = g_strconcat(path, ".new", NULL);
	g_autofree char *pid = pid_path(subnet->directory, part), *old = NULL, *text = configuration(subnet, part);

	*changed = text != NULL && !(g_file_get_contents(path, &old, NULL, NULL) && strcmp(old, text) == 0 && host_dnsmasq_find(pid) > 0);
	if (!*changed)
		return 0;
	if (host_dhcp_write(fresh, text, err) < 0)
		return -1;
	if (check(fresh, err) == 0)
		return 0;
	unlink(fresh);
	return -1;
}

static int
end_unneeded(const struct subnet *subnet, int part, struct error *err)
{
	g_autofree char *path = configuration_path(subnet->directory, part), *text = configuration(subnet, part);

	if (text != NULL || access(path, F_OK) != 0)
		return 0;
	if (stop(subnet->directory, part, err) < 0)
		return -1;
	return unlink(path) == 0 ? 0 : error_errno(err, "cannot remove %s", path);
}

static int
take_over(const struct subnet *subnet, int part, struct error *err)
{
	g_autofree char *path = configuration_path(subnet->directory, part), *fresh = g_strconcat(path, ".new", NULL);

	if (rename(fresh, path) != 0)
		return error_errno(err, "cannot write %s", path);
	return restart(subnet->directory, part, err);
}

static int
tell_one(const char *directory, int part, enum subnet_news news, struct error *err)
{
	g_autofree char *path = configuration_path(directory, part), *pid = pid_path(directory, part);

	if (access(path, F_OK) != 0)
		return 0;
	if (news == SUBNET_RESTART)
		return restart(directory, part, err);
	if (news == SUBNET_RELOAD)
		host_dnsmasq_reload(pid);
	return 0;
}

int
subnet_server_run(const struct subnet *subnet, enum subnet_news news, struct error *err)
{
	bool changed[PARTS];

	for (int part = 0; part < PARTS; part++)
		if (prepare(subnet, part, &changed[part], err) < 0)
			return -1;
	for (int part = 0; part < PARTS; part++)
		if ((changed[part] ? take_over(subnet, part, err) : end_unneeded(subnet, part, err)) < 0)
			return -1;
	/* One that has just been started has read everything. */
	for (int part = 0; part < PARTS; part++)
		if (!changed[part] && tell_one(subnet->directory, part, news, err) < 0)
			return -1;
	return 0;
}

int
subnet_server_tell(const char *directory, enum subnet_news news, struct error *err)
{
	for (int part = 0; part < PARTS; part++)
		if (tell_one(directory, part, news, err) < 0)
			return -1;
	return 0;
}

bool
subnet_server_runs(const char *directory)
{
	bool all = true;

	for (int part = 0; part < PARTS; part++) {
		g_autofree char *path = configuration_path(directory, part), *pid = pid_path(directory, part);
		all &= access(path, F_OK) != 0 || host_dnsmasq_find(pid) > 0;
	}
	return all;
}

int
subnet_server_stop(const char *directory, struct error *err)
{
	for (int part = 0; part < PARTS; part++)
		if (stop(directory, part, err) < 0)
			return -1;
	return 0;
}

void
subnet_server_watch(const char *directory, const char *subnet)
{
	for (int part = 0; part < PARTS; part++) {
		g_autofree char *path = configuration_path(directory, part), *pid = pid_path(directory, part);
		if (access(path, F_OK) == 0)
			host_dnsmasq_watch(pid, "subnet", subnet);
	}
}
