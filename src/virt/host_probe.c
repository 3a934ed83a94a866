/* Questions for addresses that somebody may have; see host_probe.h. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/virt/host.h"
#include "src/virt/host_probe.h"
#include "src/virt/host_subnet.h"

/* RFC 5227 asks three times within seconds; on a wire of ours an answer takes a millisecond, and a guest waits for it. */
enum { ASK_TIMES = 3, ASK_EVERY_MS = 120, MAC_BYTES = 6, FRAME_LEAST = 60, FRAME_MOST = 2048, PROBES_MOST = 1024 };

/* One address. */
struct target {
	const char *subnet, *text; /* borrowed from the list */
	struct wire *wire;
	int family;
	unsigned char address[sizeof(struct in6_addr)], mac[MAC_BYTES]; /* of the guest */
	unsigned char found[MAC_BYTES];                                 /* who answered */
	bool taken;
};

/* A port and the socket on it. */
struct wire {
	char port[IFNAMSIZ];
	unsigned char mac[MAC_BYTES];
	int fd, number;
};

struct probe {
	pthread_t thread;
	json_t *list;
	GArray *targets;   /* struct target */
	GPtrArray *wires;  /* struct wire */
	bool asked, alone; /* alone: without a thread, it was done at once */
};

/* --- arguments ------------------------------------------------------------------------------------------------------- */

static int
check_one(json_t *one, struct error *err)
{
	const char *subnet, *mac, *ip = NULL, *ip6 = NULL;
	unsigned char binary[sizeof(struct in6_addr)];

	if (service_args(one, err, "{s:s,s:s,s?:s,s?:s}", "subnet", &subnet, "mac", &mac, "ip", &ip, "ip6", &ip6) < 0 ||
	    host_dhcp_check_mac(mac, err) < 0)
		return -1;
	if ((ip != NULL && inet_pton(AF_INET, ip, binary) != 1) || (ip6 != NULL && inet_pton(AF_INET6, ip6, binary) != 1))
		return error_set(err, EINVAL, "ip or ip6 of %s is no address", mac);
	return 0;
}

int
probe_check(json_t *probes, struct error *err)
{
	size_t i;
	json_t *one;

	if (probes != NULL && (!json_is_array(probes) || json_array_size(probes) > PROBES_MOST))
		return error_set(err, EINVAL, "probes: is a list of at most %d", PROBES_MOST);
	json_array_foreach (probes, i, one)
		if (check_one(one, err) < 0)
			return error_wrap(err, "probes: ");
	return 0;
}

static void
parse_mac(const char *text, unsigned char mac[MAC_BYTES])
{
	for (int i = 0; i < MAC_BYTES; i++)
		mac[i] = (unsigned char)(g_ascii_xdigit_value(text[3 * i]) << 4 | g_ascii_xdigit_value(text[3 * i + 1]));
}

/* --- the port -------------------------------------------------------------------------------------------------------- */

static bool
open_wire(struct wire *wire)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(wire->port) };
	struct ifreq request = { 0 };

	wire->number = at.sll_ifindex;
	wire->fd = wire->number == 0 ? -1 : socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (wire->fd < 0)
		return false;
	g_strlcpy(request.ifr_name, wire->port, sizeof(request.ifr_name));
	if (ioctl(wire->fd, SIOCGIFHWADDR, &request) != 0 || bind(wire->fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
		return false;
	memcpy(wire->mac, request.ifr_hwaddr.sa_data, MAC_BYTES);
	return true;
}

static void
wire_free(void *wire)
{
	if (((struct wire *)wire)->fd >= 0)
		close(((struct wire *)wire)->fd);
	g_free(wire);
}

/* NULL: the subnet has no port here. */
static struct wire *
wire_of(struct probe *probe, const char *subnet)
{
	struct wire *wire = g_new0(struct wire, 1);

	subnet_port_name(subnet, wire->port);
	if (!host_is_local()) /* a port of that name would be another host's */
		wire->port[0] = '\0';
	for (guint i = 0; i < probe->wires->len; i++)
		if (strcmp(((struct wire *)probe->wires->pdata[i])->port, wire->port) == 0) {
			g_free(wire);
			return probe->wires->pdata[i];
		}
	if (!open_wire(wire)) {
		wire_free(wire);
		return NULL;
	}
	g_ptr_array_add(probe->wires, wire);
	return wire;
}

/* --- questions ------------------------------------------------------------------------------------------------------- */

static size_t
arp_probe(const struct target *t, unsigned char *frame)
{
	static const unsigned char request[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1 };

	memset(frame, 0xff, MAC_BYTES);
	memcpy(frame + 6, t->wire->mac, MAC_BYTES);
	memcpy(frame + 12, request, sizeof(request));
	memcpy(frame + 22, t->wire->mac, MAC_BYTES); /* from 0.0.0.0: nobody learns from it */
	memcpy(frame + 38, t->address, sizeof(struct in_addr));
	return FRAME_LEAST;
}

static uint16_t
checksum(const unsigned char *bytes, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* From the unspecified address to the group of those whose addresses end alike: who has it answers to all nodes. */
static size_t
solicitation(const struct target *t, unsigned char *frame)
{
	enum { IP = 14, ICMP = IP + 40, SIZE = 24 };
	static const unsigned char group[] = { 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff };
	uint16_t sum;

	frame[0] = frame[1] = 0x33;
	frame[2] = 0xff;
	memcpy(frame + 3, t->address + 13, 3);
	memcpy(frame + 6, t->wire->mac, MAC_BYTES);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[IP] = 0x60;
	frame[IP + 5] = SIZE;
	frame[IP + 6] = IPPROTO_ICMPV6;
	frame[IP + 7] = 255;
	memcpy(frame + IP + 24, group, sizeof(group));
	memcpy(frame + IP + 24 + 13, t->address + 13, 3);
	frame[ICMP] = ND_NEIGHBOR_SOLICIT;
	memcpy(frame + ICMP + 8, t->address, sizeof(struct in6_addr));
	/* the pseudo header: both addresses, the length, the protocol */
	sum = checksum(frame + IP + 8, 32 + SIZE, SIZE + IPPROTO_ICMPV6);
	frame[ICMP + 2] = (unsigned char)(sum >> 8);
	frame[ICMP + 3] = (unsigned char)sum;
	return ICMP + SIZE;
}

static bool
ask(const struct target *t)
{
	unsigned char frame[FRAME_MOST] = { 0 };
	size_t size = t->family == AF_INET ? arp_probe(t, frame) : solicitation(t, frame);

	return send(t->wire->fd, frame, size, 0) == (ssize_t)size;
}

/* --- answers --------------------------------------------------------------------------------------------------------- */

/* Says in ARP that it has the address: it answers, or asks for another's, or announces itself. */
static const unsigned char *
arp_sender(const struct target *t, const unsigned char *frame, size_t size)
{
	if (t->family != AF_INET || size < 42 || frame[12] != 0x08 || frame[13] != 0x06 || memcmp(frame + 28, t->address, sizeof(struct in_addr)) != 0)
		return NULL;
	return frame + 22;
}

static const unsigned char *
neighbour(const struct target *t, const unsigned char *frame, size_t size)
{
	enum { ICMP = 14 + 40, TARGET = ICMP + 8 };

	if (t->family != AF_INET6 || size < TARGET + sizeof(struct in6_addr) || frame[12] != 0x86 || frame[13] != 0xdd || frame[20] != IPPROTO_ICMPV6 ||
	    frame[ICMP] != ND_NEIGHBOR_ADVERT || memcmp(frame + TARGET, t->address, sizeof(struct in6_addr)) != 0)
		return NULL;
	return frame + 6;
}

static void
hear(struct probe *probe, const struct wire *wire, const unsigned char *frame, size_t size)
{
	for (guint i = 0; i < probe->targets->len; i++) {
		struct target *t = &g_array_index(probe->targets, struct target, i);
		const unsigned char *sender = t->wire != wire ? NULL : t->family == AF_INET ? arp_sender(t, frame, size) : neighbour(t, frame, size);
		if (sender == NULL || memcmp(sender, t->mac, MAC_BYTES) == 0 || memcmp(sender, wire->mac, MAC_BYTES) == 0)
			continue;
		memcpy(t->found, sender, MAC_BYTES);
		t->taken = true;
	}
}

static void
drain(struct probe *probe, const struct wire *wire)
{
	unsigned char frame[FRAME_MOST];
	struct sockaddr_ll from;
	socklen_t length = sizeof(from);
	ssize_t size;

	while ((size = recvfrom(wire->fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &length)) > 0) {
		if (from.sll_pkttype != PACKET_OUTGOING)
			hear(probe, wire, frame, (size_t)size);
		length = sizeof(from);
	}
}

static void
listen_until(struct probe *probe, int64_t until)
{
	g_autofree struct pollfd *fds = g_new0(struct pollfd, probe->wires->len);

	for (guint i = 0; i < probe->wires->len; i++)
		fds[i] = (struct pollfd){ .fd = ((const struct wire *)probe->wires->pdata[i])->fd, .events = POLLIN };
	for (int64_t left; (left = until - clock_monotonic_ms()) > 0;) {
		if (poll(fds, probe->wires->len, (int)left) < 0 && errno != EINTR)
			return;
		for (guint i = 0; i < probe->wires->len; i++)
			drain(probe, probe->wires->pdata[i]);
	}
}

static void *
run_probe(void *arg)
{
	struct probe *probe = arg;
	int64_t begun = clock_monotonic_ms();

	for (int time = 1; time <= ASK_TIMES; time++) {
		for (guint i = 0; i < probe->targets->len; i++)
			probe->asked &= ask(&g_array_index(probe->targets, struct target, i));
		listen_until(probe, begun + (time < ASK_TIMES ? time * ASK_EVERY_MS : PROBE_MS));
	}
	return NULL;
}

/* --- begin and end ---------------------------------------------------------------------------------------------------- */

static void
add_target(struct probe *probe, json_t *one, int family, const char *key)
{
	struct target t = { .family = family, .subnet = json_string_value(json_object_get(one, "subnet")),
		.text = json_string_value(json_object_get(one, key)) };

	if (t.text == NULL)
		return;
	t.wire = wire_of(probe, t.subnet);
	inet_pton(family, t.text, t.address);
	parse_mac(json_string_value(json_object_get(one, "mac")), t.mac);
	if (t.wire == NULL)
		probe->asked = false;
	else
		g_array_append_val(probe->targets, t);
}

struct probe *
probe_begin(json_t *probes)
{
	struct probe *probe;
	size_t i;
	json_t *one;

	if (json_array_size(probes) == 0)
		return NULL;
	probe = g_new0(struct probe, 1);
	probe->asked = true;
	probe->list = json_incref(probes);
	probe->targets = g_array_new(FALSE, FALSE, sizeof(struct target));
	probe->wires = g_ptr_array_new_with_free_func(wire_free);
	json_array_foreach (probes, i, one) {
		add_target(probe, one, AF_INET, "ip");
		add_target(probe, one, AF_INET6, "ip6");
	}
	probe->alone = probe->targets->len == 0 || pthread_create(&probe->thread, NULL, run_probe, probe) != 0;
	if (probe->alone && probe->targets->len > 0)
		run_probe(probe);
	return probe;
}

json_t *
probe_end(struct probe *probe, bool *asked)
{
	json_t *conflicts = json_array();

	*asked = true;
	if (probe == NULL)
		return conflicts;
	if (!probe->alone)
		pthread_join(probe->thread, NULL);
	for (guint i = 0; i < probe->targets->len; i++) {
		const struct target *t = &g_array_index(probe->targets, struct target, i);
		const unsigned char *m = t->found;
		if (t->taken)
			json_array_append_new(conflicts, json_pack("{s:s,s:s,s:o}", "subnet", t->subnet, "ip", t->text, "mac",
			                                     json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])));
	}
	*asked = probe->asked;
	g_array_unref(probe->targets);
	g_ptr_array_unref(probe->wires);
	json_decref(probe->list);
	g_free(probe);
	return conflicts;
}

/* --- the verb --------------------------------------------------------------------------------------------------------- */

static json_t *
run_address_probe(struct host_call *call, struct error *err)
{
	json_t *probes = NULL, *conflicts;
	bool asked;

	if (host_args(call, err, "{s:o}", "probes", &probes) < 0 || probe_check(probes, err) < 0)
		return NULL;
	conflicts = probe_end(probe_begin(probes), &asked);
	return json_pack("{s:o,s:b}", "conflicts", conflicts, "asked", asked);
}

const struct host_verb host_probe_verbs[] = {
	{ "address-probe", run_address_probe },
	{ NULL, NULL },
};
