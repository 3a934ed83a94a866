/* What the host is: for the Node object. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "src/virt/host.h"
#include "src/virt/kvm_probe.h"

/* libvirt packs versions as 1000000 * major + 1000 * minor + release. */
static json_t *
version_text(virConnectPtr connection, int (*ask)(virConnectPtr connection, unsigned long *version))
{
	g_autofree char *text = NULL;
	unsigned long version = 0;

	if (ask(connection, &version) < 0 || version == 0)
		return json_string("");
	text = g_strdup_printf("%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
	return json_string(text);
}

static void
add_once(json_t *list, const char *text)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
		if (strcmp(json_string_value(item), text) == 0)
			return;
	json_array_append_new(list, json_string(text));
}

/* The address this host speaks with to the world: asked of the routing table by connecting a datagram socket, which
 * sends nothing (192.0.2.1 is TEST-NET, RFC 5737). */
static void
add_main_address(json_t *list)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc0000201)
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);
	char text[INET_ADDRSTRLEN];

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	    inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text)) != NULL)
		add_once(list, text);
	if (fd >= 0)
		close(fd);
}

static bool
address_text(const struct ifaddrs *interface, char text[INET6_ADDRSTRLEN])
{
	const struct sockaddr *address = interface->ifa_addr;

	if (address == NULL || (interface->ifa_flags & IFF_LOOPBACK) != 0 || (interface->ifa_flags & IFF_UP) == 0)
		return false;
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		return inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN) != NULL;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) &&
		    inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
	}
	return false;
}

static json_t *
list_addresses(void)
{
	json_t *list = json_array();
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];

	add_main_address(list);
	if (getifaddrs(&all) == 0)
		for (struct ifaddrs *one = all; one != NULL; one = one->ifa_next)
			if (address_text(one, text))
				add_once(list, text);
	freeifaddrs(all);
	return list;
}

static void
add_local(json_t *result)
{
	g_autofree char *os = g_get_os_info(G_OS_INFO_KEY_PRETTY_NAME);
	struct utsname name;

	if (uname(&name) == 0)
		json_object_set_new(result, "kernelVersion", json_string(name.release));
	json_object_set_new(result, "osImage", json_string(os != NULL ? os : ""));
	json_object_set_new(result, "addresses", list_addresses());
}

/* The processors that are online, with their memory nodes and cores. */
static json_t *
list_processors(xmlDoc *doc)
{
	g_autoptr(GPtrArray) nodes = host_xml_nodes(doc, "/capabilities/host/topology/cells/cell/cpus/cpu[@siblings]");
	json_t *list = json_array();

	for (guint i = 0; i < nodes->len; i++) {
		const xmlNode *cpu = nodes->pdata[i];
		g_autofree char *id = host_xml_attribute(cpu, "id"), *siblings = host_xml_attribute(cpu, "siblings");
		g_autofree char *cell = host_xml_attribute(cpu->parent->parent, "id");
		json_t *item = json_pack("{s:I,s:I,s:I}", "id", (json_int_t)g_ascii_strtoll(id == NULL ? "" : id, NULL, 10), "node",
		    (json_int_t)g_ascii_strtoll(cell == NULL ? "" : cell, NULL, 10), "core", (json_int_t)g_ascii_strtoll(siblings, NULL, 10));

		json_array_append_new(list, item);
	}
	return list;
}

static json_t *
run_info(struct host_call *call, struct error *err)
{
	virNodeInfo node;
	char *text = virConnectGetCapabilities(call->connection);
	char *hostname;
	json_t *result;

	if (text == NULL || virNodeGetInfo(call->connection, &node) < 0) {
		host_error(err, "cannot read the host's capabilities");
		free(text);
		return NULL;
	}
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return NULL;
	g_autofree char *uuid = host_xml_text(doc, "/capabilities/host/uuid");
	g_autofree char *architecture = host_xml_text(doc, "/capabilities/host/cpu/arch");
	hostname = virConnectGetHostname(call->connection);
	result = json_pack("{s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:o}", "hostname", hostname != NULL ? hostname : "", "uuid",
	    uuid != NULL ? uuid : "", "architecture", architecture != NULL ? architecture : node.model, "cpus",
	    (json_int_t)node.cpus, "memoryBytes", (json_int_t)node.memory * 1024, "libvirtVersion",
	    version_text(call->connection, virConnectGetLibVersion), "qemuVersion",
	    version_text(call->connection, virConnectGetVersion), "processors", list_processors(doc));
	free(hostname);
	if (result != NULL && host_is_local())
		add_local(result);
	return result;
}

/* Of another machine there is only libvirt's word. */
static json_t *
look_for_kvm(virConnectPtr connection, struct error *err)
{
	char *text = virConnectGetCapabilities(connection);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, err);

	if (text == NULL)
		host_error(err, "cannot read the host's capabilities");
	if (doc == NULL)
		return NULL;
	g_autoptr(GPtrArray) offers = host_xml_nodes(doc,
	    "/capabilities/guest/arch[@name=/capabilities/host/cpu/arch]/domain[@type='kvm']");
	return json_pack("{s:b,s:s}", "usable", offers->len > 0, "reason",
	    offers->len > 0 ? "libvirt of the host offers it" : "KVM is not used: libvirt of the host does not offer it (no /dev/kvm, or no access to it)");
}

static json_t *
run_probe(struct host_call *call, struct error *err)
{
	struct error why = { 0 };
	bool usable;

	if (!host_is_local())
		return look_for_kvm(call->connection, err);
	usable = kvm_probe("/dev/kvm", &why) == 0;
	return json_pack("{s:b,s:s}", "usable", usable, "reason",
	    usable ? "guest code runs at hardware speed" : why.text);
}

const struct host_verb host_info_verbs[] = {
	{ "host-info", run_info },
	{ "kvm-probe", run_probe },
	{ NULL, NULL },
};
