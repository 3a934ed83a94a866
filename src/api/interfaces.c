/* Rows of spec.domain.devices.interfaces and spec.networks. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static CHECK_WORD(check_model, "virtio", "e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139")
static CHECK_WORD(check_state, "up", "down", "absent")

static int
check_interface_name(const char *text, struct error *err)
{
	if (*text != '\0' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text))
		return 0;
	return error_set(err, EINVAL, "\"%.80s\" is not an interface name: letters, digits, _ and - only", text);
}

static const struct schema_field port_rows[] = {
	{ STRING("name", struct port, name), .doc = "Name of the port." },
	{ STRING("protocol", struct port, protocol), .dflt = "TCP", .doc = "TCP or UDP." },
	{ INT("port", struct port, port), .min = INT32_MIN, .max = INT32_MAX, .doc = "Number of the port." },
	{ 0 },
};
static SCHEMA(port_schema, struct port, "Port", "A port on which the guest listens.", port_rows);

static const struct schema_field port_range_rows[] = {
	{ STRING("protocol", struct port_range, protocol), .dflt = "TCP", .doc = "TCP or UDP." },
	{ INT("start", struct port_range, start), .min = INT32_MIN, .max = INT32_MAX, .doc = "First port." },
	{ INT("end", struct port_range, end), .min = INT32_MIN, .max = INT32_MAX, .doc = "Last port." },
	{ 0 },
};
static SCHEMA(port_range_schema, struct port_range, "PortRange", "Ports on which the guest listens.", port_range_rows);
static const struct schema_field dhcp_private_option_rows[] = {
	{ INT("option", struct dhcp_private_option, option), .doc = "Number, from 224 to 254." },
	{ STRING("value", struct dhcp_private_option, value), .dflt = "", .doc = "Value." },
	{ 0 },
};
static SCHEMA(dhcp_private_option_schema, struct dhcp_private_option, "DHCPPrivateOptions", "A DHCP option of one's own.", dhcp_private_option_rows);
static const struct schema_field dhcp_options_rows[] = {
	{ STRING("bootFileName", struct dhcp_options, boot_file_name), .doc = "Name of the boot file." },
	{ STRING("tftpServerName", struct dhcp_options, tftp_server_name), .doc = "Server that has the boot file." },
	{ STRINGS("ntpServers", struct dhcp_options, ntp_servers), .doc = "IPv4 addresses of time servers." },
	{ LIST("privateOptions", struct dhcp_options, private_options, &dhcp_private_option_schema), .doc = "Other options." },
	{ 0 },
};
static SCHEMA(dhcp_options_schema, struct dhcp_options, "DHCPOptions", "What DHCP tells the guest.", dhcp_options_rows);
static const struct schema_field binding_plugin_rows[] = {
	{ STRING("name", struct binding_plugin, name), .dflt = "", .max = 253, .doc = "Name of the plugin." },
	{ 0 },
};
static SCHEMA(binding_plugin_schema, struct binding_plugin, "PluginBinding", "A way to connect that a plugin knows.", binding_plugin_rows);
static const struct schema_field interface_rows[] = {
	{ STRING("name", struct interface, name), .flags = FIELD_REQUIRED, .check = check_interface_name, .doc = "Name; the network has the same." },
	{ OBJECT("bridge", struct interface, bridge, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "Connect through a bridge." },
	{ OBJECT("masquerade", struct interface, masquerade, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "Connect through NAT." },
	{ OBJECT("sriov", struct interface, sriov, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "A virtual function of the host's card, from a network of libvirt with forward mode hostdev." },
	{ OBJECT("passtBinding", struct interface, passt_binding, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "Connect through passt.", .warn = "The interface is connected through NAT: passt is not used." },
	{ OBJECT("binding", struct interface, binding, struct binding_plugin, &binding_plugin_schema), .flags = FIELD_ONEOF, .doc = "Connect by a plugin.", .warn = "There are no binding plugins: the interface is connected as a bridge." },
	{ REFUSED("slirp", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ REFUSED("macvtap", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ REFUSED("passt", "KubeVirt has discontinued it."), .flags = FIELD_ONEOF },
	{ STRING("model", struct interface, model), .check = check_model, .doc = "Model of the card; virtio when not given." },
	{ STRING("macAddress", struct interface, mac_address), .check = check_mac, .doc = "MAC address; made from the name when not given." },
	{ INT("bootOrder", struct interface, boot_order), .min = 1, .max = INT64_MAX, .doc = "Place in the boot order." },
	{ STRING("pciAddress", struct interface, pci_address), .check = check_pci_address, .doc = "Place on the PCI bus." },
	{ STRING("tag", struct interface, tag), .doc = "Word by which the guest finds the device in cloud-init's metadata." },
	{ STRING("state", struct interface, state), .check = check_state, .doc = "Whether the link is up or down." },
	{ LIST("ports", struct interface, ports, &port_schema), .doc = "Ports on which the guest listens; all are reachable from this host." },
	{ LIST("portRanges", struct interface, port_ranges, &port_range_schema), .doc = "Ranges of ports on which the guest listens, instead of ports; all are reachable from this host." },
	{ OBJECT("dhcpOptions", struct interface, dhcp_options, struct dhcp_options, &dhcp_options_schema), .doc = "What DHCP tells the guest, on a Subnet with enableDHCP." },
	{ INT("acpiIndex", struct interface, acpi_index), .doc = "Number by which the guest names the interface." },
	{ 0 },
};
SCHEMA(interface_schema, struct interface, "Interface", "A network card of the guest.", interface_rows, .exactly_one = true);

static const struct schema_field pod_rows[] = {
	{ STRING("vmNetworkCIDR", struct network_pod, vm_network_cidr), .max = 64, .doc = "Addresses behind the NAT.", .warn = "The host's network has its own range, which the configuration sets." },
	{ STRING("vmIPv6NetworkCIDR", struct network_pod, vm_ipv6_network_cidr), .max = 64, .doc = "IPv6 addresses behind the NAT.", .warn = "The host's network has its own range, which the configuration sets." },
	{ 0 },
};
static SCHEMA(pod_schema, struct network_pod, "PodNetwork", "The host's default network.", pod_rows);
static const struct schema_field multus_rows[] = {
	{ STRING("networkName", struct network_multus, network_name), .dflt = "", .doc = "A NetworkAttachmentDefinition, as [namespace/]name." },
	{ BOOL("default", struct network_multus, is_default), .doc = "It takes the place of the default network." },
	{ 0 },
};
static SCHEMA(multus_schema, struct network_multus, "MultusNetwork", "A network by its NetworkAttachmentDefinition.", multus_rows);
static const struct schema_field network_claim_rows[] = {
	{ STRING("claimName", struct network_claim, claim_name), .doc = "One of resourceClaims." },
	{ STRING("requestName", struct network_claim, request_name), .doc = "A request of the claim." },
	{ 0 },
};
static SCHEMA(network_claim_schema, struct network_claim, "ResourceClaimNetworkSource", "A network by a dynamic resource.", network_claim_rows);
static const struct schema_field network_rows[] = {
	{ STRING("name", struct network, name), .flags = FIELD_REQUIRED, .check = check_interface_name, .doc = "Name; the interface has the same." },
	{ OBJECT("pod", struct network, pod, struct network_pod, &pod_schema), .flags = FIELD_ONEOF, .doc = "The host's default network." },
	{ OBJECT("multus", struct network, multus, struct network_multus, &multus_schema), .flags = FIELD_ONEOF, .doc = "Another network." },
	{ OBJECT("resourceClaim", struct network, resource_claim, struct network_claim, &network_claim_schema), .flags = FIELD_ONEOF, .doc = "A dynamic resource: refused.", .warn = "Dynamic resources need Kubernetes." },
	{ 0 },
};
SCHEMA(network_schema, struct network, "Network", "What an interface is connected to.", network_rows, .exactly_one = true);
