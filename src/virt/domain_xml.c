/*
 * Domain XML: everything but the devices.  Follows KubeVirt v1 (pkg/virt-launcher/virtwrap/converter): the same
 * defaults, identity, features and clock, so that a guest cannot tell the difference.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_devices.h"
#include "src/virt/domain_xml.h"

/* QEMU's translation buffer takes up to 1 GiB by default; this is enough for small guests. */
#define TCG_CACHE_MIB "32"

char *
domain_name(const char *namespace, const char *name)
{
	return g_strdup_printf("%s_%s", namespace, name);
}

bool
domain_is_pc(const struct vmi_spec *spec)
{
	return spec->architecture == NULL || *spec->architecture == '\0' || strcmp(spec->architecture, "amd64") == 0;
}

static void
add_metadata(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input)
{
	const struct meta *meta = input->vmi->head.meta;
	xmlNodePtr metadata = xml_add(build, domain, "metadata", NULL);
	xmlNodePtr instance = xml_add(build, metadata, "instance", "uid", meta->uid, "namespace", meta->namespace,
	    "name", meta->name, "epoch", xml_text(build, "%" PRId64, input->epoch), "store", input->store, "pool", input->pool, NULL);

	xmlSetNs(instance, xmlNewNs(instance, (const xmlChar *)DOMAIN_METADATA_URI, (const xmlChar *)"solovirt"));
	for (size_t i = 0; i < input->volume_count; i++) {
		const struct domain_volume *v = &input->volumes[i];
		if (v->claim != NULL)
			xml_add(build, instance, "claim", "name", v->claim, "path", v->path, "capacity",
			    xml_text(build, "%" PRId64, v->capacity), NULL);
	}
	for (size_t i = 0; i < input->interface_count; i++) {
		const struct domain_interface *port = &input->interfaces[i];
		xml_add(build, instance, "interface", "name", port->name, "network", port->network, "mac", port->mac, "ip", port->ip, NULL);
	}
}

static int
add_memory(struct xml_build *build, xmlNodePtr domain, const struct vmi_spec *spec, struct error *err)
{
	int64_t bytes = vmi_memory(spec);
	xmlNodePtr memory;

	if (bytes <= 0)
		return error_set(err, EINVAL, "the instance has no guest memory");
	memory = xml_add_text(build, domain, "memory", xml_text(build, "%" PRId64, (bytes + 1023) / 1024));
	xml_set(build, memory, "unit", "KiB");
	return 0;
}

static void
add_os(struct xml_build *build, xmlNodePtr domain, const struct vmi_spec *spec)
{
	const struct machine *machine = spec->domain->machine;
	const struct firmware *firmware = spec->domain->firmware;
	const struct bootloader *loader = firmware == NULL ? NULL : firmware->bootloader;
	const char *given = machine == NULL ? NULL : machine->type;
	bool pc = domain_is_pc(spec),
	     serial = loader != NULL && loader->bios != NULL && loader->bios->use_serial == TRISTATE_TRUE;
	xmlNodePtr os = xml_add(build, domain, "os", NULL);
	xmlNodePtr type = xml_add_text(build, os, "type", "hvm");

	xml_set(build, type, "arch", pc ? "x86_64" : "aarch64");
	xml_set(build, type, "machine", given != NULL && *given != '\0' ? given : pc ? "q35" : "virt");
	if (serial)
		xml_add(build, os, "bios", "useserial", "yes", NULL);
	xml_add(build, os, "smbios", "mode", "sysinfo", NULL);
}

static void
add_entry(struct xml_build *build, xmlNodePtr parent, const char *name, const char *value)
{
	xml_set(build, xml_add_text(build, parent, "entry", value), "name", name);
}

static void
add_sysinfo(struct xml_build *build, xmlNodePtr domain, const struct vmi_spec *spec)
{
	const struct firmware *firmware = spec->domain->firmware;
	const struct chassis *chassis = spec->domain->chassis;
	xmlNodePtr sysinfo = xml_add(build, domain, "sysinfo", "type", "smbios", NULL);
	xmlNodePtr node = xml_add(build, sysinfo, "system", NULL);

	add_entry(build, node, "manufacturer", "KubeVirt"); /* guests' tools look for it */
	add_entry(build, node, "product", "None");
	if (firmware != NULL) {
		add_entry(build, node, "serial", firmware->serial);
		add_entry(build, node, "uuid", firmware->uuid);
	}
	add_entry(build, node, "family", "KubeVirt");
	if (chassis == NULL)
		return;
	node = xml_add(build, sysinfo, "chassis", NULL);
	add_entry(build, node, "manufacturer", chassis->manufacturer);
	add_entry(build, node, "version", chassis->version);
	add_entry(build, node, "serial", chassis->serial);
	add_entry(build, node, "asset", chassis->asset);
	add_entry(build, node, "sku", chassis->sku);
}

/* A feature that is an element by itself, or one with a state. */
static void
add_feature(struct xml_build *build, xmlNodePtr features, const char *name, const struct feature_state *feature)
{
	if (feature != NULL)
		xml_add(build, features, name, "state", feature->enabled == TRISTATE_FALSE ? "off" : "on", NULL);
}

static void
add_features(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input)
{
	static const struct features none;
	const struct vmi_spec *spec = input->vmi->spec;
	const struct features *wanted = spec->domain->features == NULL ? &none : spec->domain->features;
	xmlNodePtr features = xml_add(build, domain, "features", NULL);

	if (vmi_has_acpi(spec))
		xml_add(build, features, "acpi", NULL);
	if (wanted->apic != NULL && wanted->apic->enabled != TRISTATE_FALSE)
		xml_add(build, features, "apic", NULL);
	add_feature(build, features, "smm", wanted->smm);
	if (domain_is_pc(spec))
		xml_add(build, features, "vmport", "state", "off", NULL);
	if (input->emulation) { /* there is no KVM to hide or to spin in */
		xmlNodePtr tcg = xml_add(build, features, "tcg", NULL);

		xml_set(build, xml_add_text(build, tcg, "tb-cache", TCG_CACHE_MIB), "unit", "MiB");
		return;
	}
	add_feature(build, features, "pvspinlock", wanted->pvspinlock);
	if (wanted->kvm != NULL)
		xml_add(build, xml_add(build, features, "kvm", NULL), "hidden", "state",
		    wanted->kvm->hidden ? "on" : "off", NULL);
}

/* --- processors --------------------------------------------------------------------------------------------------- */

static const char *const policy_words[] = {
	[CPU_FEATURE_UNSET] = "require",
	[CPU_FEATURE_FORCE] = "force",
	[CPU_FEATURE_REQUIRE] = "require",
	[CPU_FEATURE_OPTIONAL] = "optional",
	[CPU_FEATURE_DISABLE] = "disable",
	[CPU_FEATURE_FORBID] = "forbid",
};

static bool
is_passed_through(const char *model)
{
	return strcmp(model, "host-model") == 0 || strcmp(model, "host-passthrough") == 0;
}

/*
 * The model in force; NULL: QEMU's default.  An emulator has no host's processor to show: host-model would be computed
 * from a machine that does not run the code, and QEMU refuses -cpu host.  Features hang on a model, so when some are
 * asked for, the default is named.
 */
static const char *
cpu_model(const struct domain_input *input, const struct cpu *cpu)
{
	const char *model = cpu->model != NULL && *cpu->model != '\0' ? cpu->model : NULL;
	bool pc = domain_is_pc(input->vmi->spec);

	if (!input->emulation)
		return model != NULL ? model : pc ? "host-model" : "host-passthrough";
	if (model != NULL && !is_passed_through(model))
		return model;
	return cpu->features.count == 0 ? NULL : pc ? "qemu64" : "cortex-a57";
}

static void
add_cpu_features(struct xml_build *build, xmlNodePtr node, const struct cpu *cpu, bool named)
{
	bool mpx = false;

	SCHEMA_EACH (struct cpu_feature, feature, &cpu->features) {
		xml_add(build, node, "feature", "policy", policy_words[feature->policy], "name", feature->name, NULL);
		mpx = mpx || g_strcmp0(feature->name, "mpx") == 0;
	}
	/* Named models still list what newer processors have lost (KubeVirt does the same). */
	if (named && !mpx)
		xml_add(build, node, "feature", "policy", "disable", "name", "mpx", NULL);
}

static void
add_cpu(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input)
{
	static const struct cpu none;
	const struct vmi_spec *spec = input->vmi->spec;
	const struct cpu *cpu = spec->domain->cpu == NULL ? &none : spec->domain->cpu;
	bool given = cpu->sockets > 0 || cpu->cores > 0 || cpu->threads > 0;
	int64_t sockets = given ? MAX(cpu->sockets, 1) : vmi_vcpus(spec);
	const char *model = cpu_model(input, cpu);
	bool passed = model != NULL && is_passed_through(model);
	xmlNodePtr node = xml_add(build, domain, "cpu", "mode", model == NULL ? NULL : passed ? model : "custom", NULL);

	if (model != NULL && !passed)
		xml_add_text(build, node, "model", model);
	xml_add(build, node, "topology", "sockets", xml_text(build, "%" PRId64, sockets), "cores",
	    xml_text(build, "%" PRId64, MAX(cpu->cores, 1)), "threads",
	    xml_text(build, "%" PRId64, MAX(cpu->threads, 1)), NULL);
	if (model != NULL)
		add_cpu_features(build, node, cpu, !passed && domain_is_pc(spec));
}

/* --- clock -------------------------------------------------------------------------------------------------------- */

static void
add_timer(struct xml_build *build, xmlNodePtr clock, const char *name, const struct timer *timer)
{
	if (timer != NULL)
		xml_add(build, clock, "timer", "name", name, "tickpolicy", timer->tick_policy, "track", timer->track,
		    "present", timer->present == TRISTATE_FALSE ? "no" : "yes", NULL);
}

static void
add_clock(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input)
{
	static const struct guest_clock none;
	const struct domain *spec = input->vmi->spec->domain;
	const struct guest_clock *clock = spec->clock == NULL ? &none : spec->clock;
	const struct timers *timers = clock->timer;
	const char *offset = clock->utc == NULL ? NULL : clock->utc->offset_seconds;
	const char *adjustment = clock->utc == NULL ? NULL : offset != NULL ? offset : "reset";
	xmlNodePtr node = xml_add(build, domain, "clock", "offset", clock->timezone != NULL ? "timezone" : "utc",
	    "timezone", clock->timezone, "adjustment", adjustment, NULL);

	if (timers == NULL)
		return;
	add_timer(build, node, "rtc", timers->rtc);
	add_timer(build, node, "pit", timers->pit);
	add_timer(build, node, "hpet", timers->hpet);
	if (input->emulation) /* the other two are KVM's */
		return;
	add_timer(build, node, "kvmclock", timers->kvm);
	add_timer(build, node, "hypervclock", timers->hyperv);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int
build_domain(struct xml_build *build, xmlNodePtr domain, const struct domain_input *input, struct error *err)
{
	const struct vmi_spec *spec = input->vmi->spec;
	const struct meta *meta = input->vmi->head.meta;
	g_autofree char *name = domain_name(meta->namespace, meta->name);
	int threads = domain_io_threads(input);

	xml_set(build, domain, "type", input->emulation ? "qemu" : "kvm");
	xml_add_text(build, domain, "name", name);
	if (spec->domain->firmware != NULL)
		xml_add_text(build, domain, "uuid", spec->domain->firmware->uuid);
	add_metadata(build, domain, input);
	if (add_memory(build, domain, spec, err) < 0)
		return -1;
	xml_set(build, xml_add_text(build, domain, "vcpu", xml_text(build, "%" PRId64, vmi_vcpus(spec))), "placement",
	    "static");
	if (threads > 0)
		xml_add_text(build, domain, "iothreads", xml_text(build, "%d", threads));
	add_sysinfo(build, domain, spec);
	add_os(build, domain, spec);
	add_features(build, domain, input);
	add_cpu(build, domain, input);
	add_clock(build, domain, input);
	xml_add_text(build, domain, "on_poweroff", "destroy");
	xml_add_text(build, domain, "on_reboot",
	    spec->domain->reboot_policy == REBOOT_TERMINATE ? "destroy" : "restart");
	xml_add_text(build, domain, "on_crash", "destroy");
	return domain_devices_add(build, domain, input, err);
}

char *
domain_xml_format(const struct domain_input *input, struct error *err)
{
	struct xml_build build;
	xmlNodePtr domain = xml_build_init(&build, "domain");
	char *text = NULL;

	if (build_domain(&build, domain, input, err) == 0)
		text = xml_build_format(&build, err);
	xml_build_clear(&build);
	return text;
}
