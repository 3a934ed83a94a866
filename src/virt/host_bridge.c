/* The ports of a network's bridge. */
#include "config.h"

#include <errno.h>
#include <net/if.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/virt/host.h"

/* 1: it was outside, 0: it is a port already or has gone meanwhile, -1. */
static int
attach(int control, const char *bridge, const char *device, struct error *err)
{
	struct ifreq request = { 0 };

	request.ifr_ifindex = (int)if_nametoindex(device);
	g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
	if (request.ifr_ifindex == 0)
		return 0;
	if (ioctl(control, SIOCBRADDIF, &request) == 0)
		return 1;
	return errno == EBUSY ? 0 : error_errno(err, "cannot attach %s to bridge %s", device, bridge);
}

/* Of one guest; as above, but their number. */
static int
attach_domain(int control, virDomainPtr domain, const char *network, const char *bridge, struct error *err)
{
	char *text = virDomainGetXMLDesc(domain, 0);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, err);
	int count = 0;

	if (doc == NULL)
		return 0; /* it ended while we looked */
	g_autoptr(GPtrArray) sources = host_xml_nodes(doc, "/domain/devices/interface[target/@dev]/source[@network]");
	g_autoptr(GPtrArray) targets = host_xml_nodes(doc, "/domain/devices/interface[source/@network]/target[@dev]");
	for (guint i = 0; i < sources->len && i < targets->len; i++) {
		g_autofree char *name = host_xml_attribute(sources->pdata[i], "network");
		g_autofree char *device = host_xml_attribute(targets->pdata[i], "dev");
		int rc = g_strcmp0(name, network) == 0 ? attach(control, bridge, device, err) : 0;

		if (rc < 0)
			return -1;
		count += rc;
	}
	return count;
}

int
host_bridge_attach(virConnectPtr connection, const char *network, const char *bridge, struct error *err)
{
	virDomainPtr *all = NULL;
	int control, attached = 0, count;

	count = virConnectListAllDomains(connection, &all, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (count < 0)
		return host_error(err, "cannot list domains");
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < count; i++) {
		int rc = attached < 0 ? 0 : attach_domain(control, all[i], network, bridge, err);

		attached = rc < 0 ? -1 : attached + rc;
		virDomainFree(all[i]);
	}
	free(all);
	close(control);
	return attached;
}

/* That sysfs is the one of our network namespace shows by the number. */
static bool
is_bridge_here(const char *bridge)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/ifindex", bridge), *text = NULL;
	g_autofree char *ports = g_strdup_printf("/sys/class/net/%s/brif", bridge);

	return g_file_get_contents(path, &text, NULL, NULL) && g_ascii_strtoull(text, NULL, 10) == if_nametoindex(bridge) &&
	    g_file_test(ports, G_FILE_TEST_IS_DIR);
}

static bool
has_mac(const char *bridge, const char *mac)
{
	g_autofree char *path = g_strdup_printf("/sys/class/net/%s/address", bridge), *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && g_ascii_strcasecmp(g_strstrip(text), mac) == 0;
}

static bool
has_ports(const char *bridge)
{
	g_autofree char *ports = g_strdup_printf("/sys/class/net/%s/brif", bridge);
	GDir *dir = g_dir_open(ports, 0, NULL);
	bool any = dir == NULL || g_dir_read_name(dir) != NULL;

	if (dir != NULL)
		g_dir_close(dir);
	return any;
}

/* The kernel removes one that is down only. */
static int
remove_bridge(const char *bridge, struct error *err)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;
	struct ifreq request = { 0 };

	g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
	r = control < 0 ? -1 : ioctl(control, SIOCSIFFLAGS, &request); /* no flag: down */
	if (r == 0)
		r = ioctl(control, SIOCBRDELBR, bridge);
	if (r < 0)
		error_errno(err, "cannot remove bridge %s", bridge);
	if (control >= 0)
		close(control);
	return r < 0 ? -1 : 1;
}

int
host_bridge_discard(const char *bridge, const char *mac, struct error *err)
{
	return !is_bridge_here(bridge) || !has_mac(bridge, mac) || has_ports(bridge) ? 0 : remove_bridge(bridge, err);
}
