/*
 * What a domain needs of this host before it is defined: the XML that the daemon makes is the same for every host, and what
 * only this one can tell is completed here.
 */
#include "config.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/virt/disk_modes.h"
#include "src/virt/host.h"
#include "src/virt/host_ovs.h"

static xmlNodePtr
node_of(xmlDoc *doc, const char *xpath)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(doc, xpath);

	return nodes->len == 0 ? NULL : nodes->pdata[0];
}

static void
set(xmlNodePtr node, const char *name, const char *value)
{
	xmlSetProp(node, (const xmlChar *)name, (const xmlChar *)value);
}

/* Memory that may grow: libvirt wants a slot, which virtio-mem leaves empty, and a memory node, which newer versions add by
 * themselves. */
static void
fit_max_memory(xmlDoc *doc)
{
	xmlNodePtr most = node_of(doc, "/domain/maxMemory"), cpu = node_of(doc, "/domain/cpu"), cell;
	g_autofree char *bytes = host_xml_text(doc, "/domain/memory");
	int64_t vcpus = host_xml_number(doc, "/domain/vcpu");
	g_autofree char *all = g_strdup_printf("0-%lld", (long long)vcpus - 1);

	if (most == NULL)
		return;
	set(most, "slots", "1");
	if (cpu == NULL || bytes == NULL || node_of(doc, "/domain/cpu/numa") != NULL)
		return;
	cell = xmlNewChild(xmlNewChild(cpu, NULL, (const xmlChar *)"numa", NULL), NULL, (const xmlChar *)"cell", NULL);
	set(cell, "id", "0");
	set(cell, "cpus", all);
	set(cell, "memory", bytes);
	set(cell, "unit", "b");
}

/* A disk whose requests are dealt out to several threads needs libvirt 10 and QEMU 9; older ones leave such a disk without
 * any, so there each gets one of them. */
static void
fit_threads(xmlDoc *doc, virConnectPtr connection)
{
	g_autoptr(GPtrArray) lists = host_xml_nodes(doc, "/domain/devices/disk/driver/iothreads");
	int64_t threads = host_xml_number(doc, "/domain/iothreads");
	unsigned long libvirt = 0, qemu = 0;

	if (lists->len == 0 || threads <= 0 || virConnectGetLibVersion(connection, &libvirt) < 0 || virConnectGetVersion(connection, &qemu) < 0 ||
	    (libvirt >= 10000000 && qemu >= 9000000))
		return;
	for (guint i = 0; i < lists->len; i++) {
		xmlNodePtr list = lists->pdata[i];
		g_autofree char *thread = g_strdup_printf("%lld", (long long)(i % threads + 1));

		set(list->parent, "iothread", thread);
		xmlUnlinkNode(list);
		xmlFreeNode(list);
	}
}

/* A bridge of Open vSwitch in user space: its own port is a tap.  Of another machine only the database knows, there. */
static bool
is_in_user_space(const char *bridge, const struct ovs *there)
{
	const struct ovs_bridge *found = there == NULL ? NULL : ovs_find_bridge(there, bridge);
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&driver };
	int control;
	bool tap;

	if (!host_is_local())
		return found != NULL && found->netdev;
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g_strlcpy(request.ifr_name, bridge, sizeof(request.ifr_name));
	tap = control >= 0 && ioctl(control, SIOCETHTOOL, &request) == 0 && strncmp(driver.driver, "tun", sizeof(driver.driver)) == 0;
	if (control >= 0)
		close(control);
	return tap;
}

/* Open vSwitch in user space takes every checksum for finished: what a guest leaves to its card would arrive broken, UDP and TCP alike. */
static int
fit_offloads(xmlDoc *doc, struct error *err)
{
	static const char *const offloads[] = { "csum", "gso", "tso4", "tso6", "ecn", "ufo" };
	g_autoptr(GPtrArray) sources = host_xml_nodes(doc, "//interface[@type='bridge'][virtualport/@type='openvswitch'][starts-with(model/@type,'virtio')]/source");
	OVS_AUTO *there = sources->len > 0 && ovs_is_remote() ? ovs_read(err) : NULL;

	if (there == NULL && sources->len > 0 && ovs_is_remote())
		return -1;
	for (guint i = 0; i < sources->len; i++) {
		xmlNodePtr interface = ((xmlNodePtr)sources->pdata[i])->parent, driver = NULL, host;
		g_autofree char *bridge = host_xml_attribute(sources->pdata[i], "bridge");
		if (bridge == NULL || !is_in_user_space(bridge, there))
			continue;
		for (xmlNodePtr node = interface->children; node != NULL; node = node->next)
			if (xmlStrcmp(node->name, (const xmlChar *)"driver") == 0)
				driver = node;
		if (driver == NULL)
			driver = xmlNewChild(interface, NULL, (const xmlChar *)"driver", NULL);
		host = xmlNewChild(driver, NULL, (const xmlChar *)"host", NULL);
		for (size_t k = 0; k < G_N_ELEMENTS(offloads); k++)
			set(host, offloads[k], "off");
	}
	return 0;
}

char *
host_fit(virConnectPtr connection, const char *xml, struct error *err)
{
	g_autoptr(xmlDoc) doc = host_xml_parse(xml, err);
	xmlChar *text = NULL;
	char *copy;
	int length;

	if (doc == NULL || disk_modes_fill(doc, host_is_local(), err) < 0)
		return NULL;
	if (fit_offloads(doc, err) < 0)
		return NULL;
	fit_max_memory(doc);
	fit_threads(doc, connection);
	xmlDocDumpMemory(doc, &text, &length);
	copy = g_strdup((const char *)text);
	xmlFree(text);
	return copy;
}
