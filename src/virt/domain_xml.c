/*
 * Domain XML: the whole, and what its parts share.  Follows KubeVirt v1 (pkg/virt-launcher/virtwrap/converter): the same
 * defaults, identity, features and devices, so that a guest cannot tell the difference.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_build.h"

char *
domain_name(const char *namespace, const char *name)
{
	return g_strdup_printf("%s_%s", namespace, name);
}

/* --- what the parts share ------------------------------------------------------------------------------------------ */

const char *
domain_number(struct domain_build *b, int64_t value)
{
	return xml_text(b->xml, "%" PRId64, value);
}

void
domain_add_alias(struct domain_build *b, struct xml_node *node, const char *prefix, const char *name)
{
	/* libvirt drops an alias with other characters in it (virDomainDeviceAliasIsUserAlias). */
	if (name != NULL && name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")] == '\0')
		xml_add(b->xml, node, "alias", "name", xml_text(b->xml, "ua-%s%s", prefix, name), NULL);
}

void
domain_add_boot_order(struct domain_build *b, struct xml_node *node, int64_t order)
{
	if (order > 0)
		xml_add(b->xml, node, "boot", "order", domain_number(b, order), NULL);
}

int
domain_add_pci_address(struct domain_build *b, struct xml_node *parent, const char *address, bool guest, struct error *err)
{
	unsigned domain, bus, slot, function;
	char end;

	if (address == NULL || *address == '\0')
		return 0;
	if (sscanf(address, "%4x:%2x:%2x.%1x%c", &domain, &bus, &slot, &function, &end) != 4)
		return error_set(err, EINVAL, "\"%s\" is not a PCI address like 0000:81:01.0", address);
	xml_add(b->xml, parent, "address", "type", guest ? "pci" : NULL, "domain", xml_text(b->xml, "0x%04x", domain), "bus",
	    xml_text(b->xml, "0x%02x", bus), "slot", xml_text(b->xml, "0x%02x", slot), "function", xml_text(b->xml, "0x%x", function),
	    NULL);
	return 0;
}

const char *
domain_on_off(enum tristate enabled)
{
	return enabled == TRISTATE_FALSE ? "off" : "on";
}

const char *
domain_yes_no(bool yes)
{
	return yes ? "yes" : "no";
}

bool
domain_shares_memory(const struct vmi_spec *spec)
{
	return spec->domain->devices->filesystems.count > 0;
}

bool
domain_is_dedicated(const struct vmi_spec *spec)
{
	return spec->domain->cpu != NULL && spec->domain->cpu->dedicated_cpu_placement;
}

const struct domain_volume *
domain_volume(const struct domain_build *b, const char *name)
{
	for (size_t i = 0; i < b->input->volume_count; i++)
		if (g_strcmp0(b->input->volumes[i].name, name) == 0)
			return &b->input->volumes[i];
	return NULL;
}

const struct domain_host_device *
domain_host_device(const struct domain_build *b, const char *name)
{
	for (size_t i = 0; i < b->input->host_device_count; i++)
		if (g_strcmp0(b->input->host_devices[i].name, name) == 0)
			return &b->input->host_devices[i];
	return NULL;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void
add_metadata(struct domain_build *b)
{
	const struct domain_input *input = b->input;
	const struct meta *meta = input->vmi->head.meta;
	struct xml_node *metadata = xml_add(b->xml, b->domain, "metadata", NULL);
	struct xml_node *instance = xml_add(b->xml, metadata, "solovirt:instance", "xmlns:solovirt", DOMAIN_METADATA_URI, "uid", meta->uid,
	    "namespace", meta->namespace, "name", meta->name, "epoch", domain_number(b, input->epoch), "store", input->store, "pool", input->pool, NULL);

	for (size_t i = 0; i < input->volume_count; i++) {
		const struct domain_volume *v = &input->volumes[i];
		if (v->claim != NULL)
			xml_add(b->xml, instance, "solovirt:claim", "name", v->claim, "path", v->path, "capacity", domain_number(b, v->capacity), "format",
			    g_strcmp0(v->format, "raw") == 0 ? NULL : v->format, "backing", v->backing_path, "cluster", v->ceph == NULL ? NULL : v->ceph->cluster, "pool",
			    v->ceph == NULL ? NULL : v->ceph->pool, NULL);
	}
	for (size_t i = 0; i < input->interface_count; i++) {
		const struct domain_interface *port = &input->interfaces[i];
		xml_add(b->xml, instance, "solovirt:interface", "name", port->name, "network", port->network, "mac", port->mac, "ip", port->ip,
		    "ip6", port->ip6, NULL);
	}
	for (size_t i = 0; i < input->pin_count; i++)
		xml_add(b->xml, instance, "solovirt:cpu", "id", domain_number(b, input->pins[i].cpu), "node", domain_number(b, input->pins[i].node), NULL);
	for (size_t i = 0; i < input->host_device_count; i++) {
		const struct domain_host_device *d = &input->host_devices[i];
		xml_add(b->xml, instance, "solovirt:device", "name", d->name, "bus", d->usb != NULL ? "usb" : d->mdev != NULL ? "mdev" : "pci",
		    "address", d->usb != NULL ? d->usb : d->mdev != NULL ? d->mdev : d->address, NULL);
	}
}

/* Shutting down and crashing end the domain by libvirt's own default; a reboot does what the policy says. */
static void
add_reboot_policy(struct domain_build *b)
{
	static const char *const actions[] = { [REBOOT_REBOOT] = "restart", [REBOOT_TERMINATE] = "destroy" };

	xml_add_text(b->xml, b->domain, "on_reboot", actions[b->spec->domain->reboot_policy]);
}

static int
build_devices(struct domain_build *b, struct error *err)
{
	b->devices = xml_add(b->xml, b->domain, "devices", NULL);
	if (domain_add_disks(b, err) < 0 || domain_add_interfaces(b, err) < 0 || domain_add_host_devices(b, err) < 0 ||
	    domain_add_filesystems(b, err) < 0)
		return -1;
	domain_add_devices(b);
	domain_add_controllers(b);
	return 0;
}

/* libvirt asks for each of some 390 properties of a processor when a guest starts, and QEMU reads what it is asked byte by byte: half of a start
 * and more.  Of an emulated one, whose check is "none", nothing is done with the answers.  (formatdomain.html has no word of it, drvqemu.html
 * has: "Overriding capabilities".)  Only enlightenments of Hyper-V are looked for among them. */
static void
add_capabilities(struct domain_build *b)
{
	const struct features *features = b->spec->domain->features;

	if (!b->input->emulation || (features != NULL && (features->hyperv != NULL || features->hyperv_passthrough != NULL)))
		return;
	xml_set(b->xml, b->domain, "xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0");
	xml_add(b->xml, xml_add(b->xml, b->domain, "qemu:capabilities", NULL), "qemu:del", "capability", "cpu-unavailable-features", NULL);
}

static int
build_domain(struct domain_build *b, struct error *err)
{
	const struct meta *meta = b->input->vmi->head.meta;
	g_autofree char *name = domain_name(meta->namespace, meta->name);
	int threads = domain_threads(b->spec).count;

	xml_set(b->xml, b->domain, "type", b->input->emulation ? "qemu" : "kvm");
	xml_add_text(b->xml, b->domain, "name", name);
	if (b->spec->domain->firmware != NULL)
		xml_add_text(b->xml, b->domain, "uuid", b->spec->domain->firmware->uuid);
	add_metadata(b);
	if (domain_add_memory(b, err) < 0)
		return -1;
	if (threads > 0)
		xml_add_text(b->xml, b->domain, "iothreads", domain_number(b, threads));
	if (domain_add_cpu(b, err) < 0 || domain_add_os(b, err) < 0)
		return -1;
	domain_add_sysinfo(b);
	domain_add_features(b);
	domain_add_clock(b);
	add_reboot_policy(b);
	domain_add_launch_security(b);
	if (build_devices(b, err) < 0)
		return -1;
	add_capabilities(b);
	return 0;
}

bool
domain_is_pc(const struct vmi_spec *spec)
{
	return g_strcmp0(spec->architecture, "s390x") != 0 && g_strcmp0(spec->architecture, "arm64") != 0;
}

/* The disks and network cards that may come and go, below nothing but what says whose they are. */
static int
build_live(struct domain_build *b, struct error *err)
{
	add_metadata(b);
	b->devices = xml_add(b->xml, b->domain, "devices", NULL);
	return domain_add_live_disks(b, err) < 0 || domain_add_interfaces(b, err) < 0 ? -1 : 0;
}

static char *
format(const struct domain_input *input, int (*build)(struct domain_build *b, struct error *err), struct error *err)
{
	const struct vmi_spec *spec = input->vmi->spec;
	struct xml_build xml;
	struct domain_build b = { .xml = &xml, .input = input, .spec = spec };
	char *text = NULL;

	b.domain = xml_build_init(&xml, "domain");
	b.s390x = g_strcmp0(spec->architecture, "s390x") == 0;
	b.pc = domain_is_pc(spec);
	b.virtio = b.s390x                                                            ? "virtio"
	    : spec->domain->devices->use_virtio_transitional == TRISTATE_TRUE ? "virtio-transitional"
	                                                                      : "virtio-non-transitional";
	b.sealed = spec->domain->launch_security != NULL;
	if (build(&b, err) == 0)
		text = xml_build_format(&xml, err);
	xml_build_clear(&xml);
	return text;
}

char *
domain_xml_format(const struct domain_input *input, struct error *err)
{
	return format(input, build_domain, err);
}

char *
domain_live_xml_format(const struct domain_input *input, struct error *err)
{
	return format(input, build_live, err);
}
