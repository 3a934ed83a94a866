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

static char *
configuration_path(const char *directory)
{
	return g_build_filename(directory, "dnsmasq.conf", NULL);
}

static char *
pid_path(const char *directory)
{
	return g_build_filename(directory, "dnsmasq.pid", NULL);
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

static int
check_options(const struct subnet *subnet, struct error *err)
{
	size_t i;
	json_t *option;

	json_array_foreach (subnet->options, i, option) {
		const char *name = json_string_value(json_array_get(option, 0)), *value = json_string_value(json_array_get(option, 1));

		if (name == NULL || value == NULL)
			return error_set(err, EINVAL, "options: each is a pair of a name and a value");
		if (!g_regex_match_simple("^(option6:)?([a-z][a-z0-9-]{0,63}|[0-9]{1,3})$", name, G_REGEX_DOLLAR_ENDONLY, 0))
			return error_set(err, EINVAL, "a DHCP option is known by its name in dnsmasq (--help dhcp) or its number");
		if (!g_regex_match_simple("^[ !$-\\[\\]-~]{0,1000}$", value, G_REGEX_DOLLAR_ENDONLY, 0))
			return error_set(err, EINVAL, "DHCP option %s: its value has a character that cannot be passed on", name);
	}
	return 0;
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

static void
add_options(GString *text, const struct subnet *subnet)
{
	size_t i;
	json_t *option;

	if (option_value(subnet, 0) == NULL)
		g_string_append_printf(text, "dhcp-option=option:router%s%s\n", subnet->gateway != NULL ? "," : "",
		    subnet->gateway != NULL ? subnet->gateway : "");
	if (option_value(subnet, 1) == NULL)
		g_string_append(text, "dhcp-option=option:dns-server\n");
	if (option_value(subnet, 3) == NULL)
		g_string_append(text, "dhcp-option=option6:dns-server\n");
	if (subnet->mtu > 0 && option_value(subnet, 2) == NULL)
		g_string_append_printf(text, "dhcp-option=option:mtu,%" PRId64 "\n", subnet->mtu);
	json_array_foreach (subnet->options, i, option) {
		const char *name = json_string_value(json_array_get(option, 0)), *value = json_string_value(json_array_get(option, 1));
		bool plain = g_str_has_prefix(name, "option6:") || g_ascii_isdigit(*name);

		g_string_append_printf(text, "dhcp-option=%s%s%s%s\n", plain ? "" : "option:", name, *value != '\0' ? "," : "", value);
	}
}

/*
 * A range that is static has no address for strangers, and who has no line is not answered at all: other hosts serve the same
 * network.  The router of announcements is the network's own, never this host: lifetime 0.
 */
static char *
configuration(const struct subnet *subnet)
{
	GString *text = g_string_new(NULL);

	/* A port that was made anew has another number: the server's socket is bound to the one that is gone. */
	g_string_append_printf(text, "# subnet %s on interface number %u\n", subnet->name, if_nametoindex(subnet->port));
	g_string_append_printf(text, "interface=%s\nexcept-interface=lo\nbind-dynamic\nno-hosts\n", subnet->port);
	g_string_append_printf(text, "pid-file=%s/dnsmasq.pid\ndhcp-hostsdir=%s/hosts\nhostsdir=%s/names\n", subnet->directory,
	    subnet->directory, subnet->directory);
	g_string_append_printf(text, "leasefile-ro\ndhcp-lease-max=%d\ndhcp-authoritative\ndhcp-ignore=tag:!known\nno-ping\nquiet-dhcp\nquiet-dhcp6\nquiet-ra\n",
	    LEASES_MOST);
	if (!is_resolver(subnet))
		g_string_append(text, "no-resolv\n");
	if (subnet->domain != NULL)
		g_string_append_printf(text, DOMAIN_KEY "%s\nlocal=/%s/\n", subnet->domain, subnet->domain);
	if (subnet->v4.family != 0)
		g_string_append_printf(text, "dhcp-range=%s,static,%s,%" PRId64 "\n", subnet->v4.network, subnet->v4.mask, subnet->lease_seconds);
	if (subnet->v6.family != 0)
		g_string_append_printf(text, "dhcp-range=%s,static,%d,%" PRId64 "\n", subnet->v6.network, subnet->v6.prefix,
		    subnet->lease_seconds);
	if (subnet->ra)
		g_string_append_printf(text, "enable-ra\nra-param=%s,%d,0\n", subnet->port, RA_SECONDS);
	add_options(text, subnet);
	return g_string_free(text, FALSE);
}

char *
subnet_server_domain(const char *directory)
{
	g_autofree char *path = configuration_path(directory), *text = NULL;
	char *domain = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL && domain == NULL; line++)
		if (g_str_has_prefix(*line, DOMAIN_KEY))
			domain = g_strdup(*line + strlen(DOMAIN_KEY));
	return domain;
}

/* --- the process ----------------------------------------------------------------------------------------------------- */

static int
start(const char *directory, struct error *err)
{
	g_autofree char *path = configuration_path(directory), *option = g_strconcat("--conf-file=", path, NULL);
	const char *const words[] = { "dnsmasq", option, NULL };

	subnet_forget_gone(directory);
	return host_child_do(words, NULL, START_MS, NULL, err) < 0 ? error_wrap(err, "the DHCP server (dnsmasq) does not start: ") : 0;
}

static int
restart(const char *directory, struct error *err)
{
	return subnet_server_stop(directory, err) < 0 ? -1 : start(directory, err);
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

int
subnet_server_run(const struct subnet *subnet, bool *started, struct error *err)
{
	g_autofree char *path = configuration_path(subnet->directory), *fresh = g_strconcat(path, ".new", NULL);
	g_autofree char *pid = pid_path(subnet->directory), *old = NULL, *text = NULL;

	if (check_options(subnet, err) < 0)
		return -1;
	text = configuration(subnet);
	*started = false;
	if (g_file_get_contents(path, &old, NULL, NULL) && strcmp(old, text) == 0 && host_dnsmasq_find(pid) > 0)
		return 0;
	if (host_dhcp_write(fresh, text, err) < 0)
		return -1;
	if (check(fresh, err) < 0) {
		unlink(fresh);
		return -1;
	}
	if (rename(fresh, path) != 0)
		return error_errno(err, "cannot write %s", path);
	*started = true;
	return restart(subnet->directory, err);
}

int
subnet_server_tell(const char *directory, enum subnet_news news, struct error *err)
{
	g_autofree char *pid = pid_path(directory);

	if (news == SUBNET_RESTART)
		return restart(directory, err);
	if (news == SUBNET_RELOAD)
		host_dnsmasq_reload(pid);
	return 0;
}

int
subnet_server_stop(const char *directory, struct error *err)
{
	g_autofree char *pid = pid_path(directory);

	return host_dnsmasq_stop(pid, err);
}

void
subnet_server_watch(const char *directory, const char *subnet)
{
	g_autofree char *pid = pid_path(directory);

	host_dnsmasq_watch(pid, "subnet", subnet);
}
