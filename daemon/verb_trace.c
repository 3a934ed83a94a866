/* What would become of a packet that a guest sends; see verb_trace.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/host.h"
#include "daemon/networks.h"
#include "daemon/store.h"
#include "daemon/verb_trace.h"
#include "daemon/verbs.h"
#include "net/number.h"
#include "src/base/error.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

struct tracing {
	char *interface, *packet;
	void (*done)(void *arg, const char *text, size_t length, const struct error *error);
	void *arg;
};

static void
on_trace(void *arg, json_t *result, const struct error *error)
{
	struct tracing *t = arg;
	g_autofree char *text = NULL;

	if (error == NULL) {
		json_object_set_new(result, "interface", json_string(t->interface));
		json_object_set_new(result, "packet", json_string(t->packet));
		text = json_dumps(result, JSON_COMPACT);
	}
	t->done(t->arg, text, text == NULL ? 0 : strlen(text), error);
	g_free(t->interface);
	g_free(t->packet);
	g_free(t);
}

/* The interface that is meant, with where it is plugged in; NULL with err. */
static const struct interface *
find_interface(struct daemon *daemon, const struct object *object, const char *name, struct attachment *at, struct error *err)
{
	const struct vmi *vmi = object->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		struct error unused;
		if (name != NULL && g_strcmp0(i->name, name) != 0)
			continue;
		if (network_find(daemon, object, i, at, &unused) == 0 && at->bridge && at->config.type == NETWORK_OVS)
			return i;
		attachment_clear(at);
	}
	error_set(err, ENOENT, name == NULL ? "it has no interface in Open vSwitch" : "it has no interface \"%s\" in Open vSwitch", name);
	return NULL;
}

struct neighbour {
	const char *ip;
	const char *mac; /* borrowed */
};

static void
match_ip(void *arg, const struct address *a)
{
	struct neighbour *n = arg;

	if (a->released == 0 && (strcmp(a->ip, n->ip) == 0 || strcmp(a->ip6, n->ip) == 0))
		n->mac = a->mac;
}

/* As the guest would send it; who has the address on the same wire is asked by its MAC. */
static char *
packet_of(struct daemon *daemon, const struct attachment *at, const struct address *a, const struct trace_wish *wish, struct error *err)
{
	const char *protocol = wish->protocol == NULL ? "icmp" : wish->protocol;
	static const char *const protocols[] = { "icmp", "tcp", "udp", NULL };
	enum ip_family family;
	ip_number number;
	guint64 port = 0;
	struct neighbour n = { wish->to, NULL };

	if (wish->to == NULL || !number_parse(wish->to, &family, &number)) {
		error_set(err, EINVAL, "to must be an IP address, such as 10.6.0.9");
		return NULL;
	}
	if (!g_strv_contains(protocols, protocol)) {
		error_set(err, EINVAL, "protocol must be icmp, tcp or udp");
		return NULL;
	}
	if (wish->port != NULL && (strcmp(protocol, "icmp") == 0 || !g_ascii_string_to_unsigned(wish->port, 10, 1, 65535, &port, NULL))) {
		error_set(err, EINVAL, "port is a number from 1 to 65535, with the protocol tcp or udp");
		return NULL;
	}
	const char *own = family == IPV4 ? a->ip : a->ip6, *six = family == IPV4 ? "" : "6";
	store_address_each(daemon->store, at->segment, match_ip, &n);
	GString *packet = g_string_new(NULL);
	g_string_append_printf(packet, "%s%s,%s=%s", protocol, six, family == IPV4 ? "nw_dst" : "ipv6_dst", wish->to);
	if (*own != '\0')
		g_string_append_printf(packet, ",%s=%s", family == IPV4 ? "nw_src" : "ipv6_src", own);
	if (n.mac != NULL)
		g_string_append_printf(packet, ",dl_dst=%s", n.mac);
	if (port > 0)
		g_string_append_printf(packet, ",tp_dst=%" G_GUINT64_FORMAT, port);
	return g_string_free(packet, FALSE);
}

static int
begin(struct daemon *daemon, const struct object *vmi, const struct trace_wish *wish, struct tracing *t, struct error *err)
{
	struct host *host = verb_host(daemon, vmi, err);
	g_autofree char *domain = domain_name(vmi->namespace, vmi->name);
	ATTACHMENT_AUTO at = { 0 };
	const struct interface *interface;
	const struct address *a;

	if (host == NULL)
		return -1;
	interface = find_interface(daemon, vmi, wish->interface, &at, err);
	if (interface == NULL)
		return -1;
	a = address_find(daemon, vmi, interface);
	if (a == NULL)
		return error_set(err, EAGAIN, "interface %s has no address yet", interface->name);
	t->packet = packet_of(daemon, &at, a, wish, err);
	if (t->packet == NULL)
		return -1;
	t->interface = g_strdup(interface->name);
	host_call(host, "port-trace", json_pack("{s:s,s:s,s:s,s:s}", "name", domain, "uid", vmi->uid, "mac", a->mac, "packet", t->packet), -1,
	    HOST_DEADLINE_QUERY, on_trace, t);
	return 0;
}

void
verb_trace(struct daemon *daemon, const struct object *vmi, const struct trace_wish *wish,
    void (*done)(void *arg, const char *text, size_t length, const struct error *error), void *arg)
{
	struct tracing *t = g_new0(struct tracing, 1);
	struct error err = { 0 };

	t->done = done;
	t->arg = arg;
	if (begin(daemon, vmi, wish, t, &err) < 0)
		on_trace(t, NULL, &err);
}
