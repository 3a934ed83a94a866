/* Rows of spec.domain: the virtual hardware. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

#define LATER "It is not built yet."

static const char *const cpu_feature_policies[] = { "", "force", "require", "optional", "disable", "forbid", NULL };
static const struct schema_field cpu_feature_rows[] = {
	{ STRING("name", struct cpu_feature, name), .flags = FIELD_REQUIRED, .min = 1, .max = 64, .doc = "Feature as libvirt names it, such as vmx." },
	{ ENUM("policy", struct cpu_feature, policy, cpu_feature_policies), .doc = "What to do about it; require when not given." },
	{ 0 },
};
static SCHEMA(cpu_feature_schema, struct cpu_feature, "CPUFeature", "One CPU flag.", cpu_feature_rows);

static const struct schema_field cpu_rows[] = {
	{ INT("sockets", struct cpu, sockets), .max = 512, .doc = "Number of sockets." },
	{ INT("cores", struct cpu, cores), .max = 512, .doc = "Cores in a socket." },
	{ INT("threads", struct cpu, threads), .max = 512, .doc = "Threads in a core." },
	{ INT("maxSockets", struct cpu, max_sockets), .max = 512, .doc = "Sockets that may be plugged in later." },
	{ STRING("model", struct cpu, model), .max = 64, .doc = "A model that libvirt knows, host-model or host-passthrough." },
	{ LIST("features", struct cpu, features, &cpu_feature_schema), .key = "name", .doc = "CPU flags beyond the model." },
	{ REFUSED("dedicatedCpuPlacement", LATER) },
	{ REFUSED("isolateEmulatorThread", LATER) },
	{ REFUSED("numa", LATER) },
	{ REFUSED("realtime", LATER) },
	{ 0 },
};
static SCHEMA(cpu_schema, struct cpu, "CPU", "Virtual processors.", cpu_rows);

static const struct schema_field memory_rows[] = {
	{ QUANTITY("guest", struct memory, guest), .min = 1 << 20, .max = INT64_C(1) << 46, .doc = "Memory that the guest sees." },
	{ QUANTITY("maxGuest", struct memory, max_guest), .min = 1 << 20, .max = INT64_C(1) << 46, .doc = "Memory that may be plugged in later." },
	{ REFUSED("hugepages", LATER) },
	{ IGNORED("reservedOverhead", "Overhead is not accounted.") },
	{ 0 },
};
static SCHEMA(memory_schema, struct memory, "Memory", "Memory of the guest.", memory_rows);

static const struct schema_field resource_list_rows[] = {
	{ QUANTITY("memory", struct resource_list, memory), .min = 0, .max = INT64_C(1) << 46, .doc = "Bytes of memory." },
	{ MILLI("cpu", struct resource_list, cpu), .min = 0, .max = 16384 * 1000, .doc = "Processors." },
	{ IGNORED("ephemeral-storage", "Disks have sizes of their own.") },
	{ 0 },
};
static SCHEMA(resource_list_schema, struct resource_list, "ResourceList", "Amounts by resource.", resource_list_rows);

static const struct schema_field resources_rows[] = {
	{ OBJECT("requests", struct resources, requests, struct resource_list, &resource_list_schema), .doc = "What is reserved on the host." },
	{ OBJECT("limits", struct resources, limits, struct resource_list, &resource_list_schema), .doc = "What is the most." },
	{ BOOL("overcommitGuestOverhead", struct resources, overcommit_guest_overhead), .doc = "Do not count QEMU's own memory." },
	{ IGNORED("claims", "Dynamic resources need Kubernetes.") },
	{ 0 },
};
static SCHEMA(resources_schema, struct resources, "ResourceRequirements", "What the machine takes from its host.", resources_rows);

/* KubeVirt's emulatedMachines for amd64: q35* and pc-q35*. */
static int
check_machine(const char *text, struct error *err)
{
	if (g_str_has_prefix(text, "q35") || g_str_has_prefix(text, "pc-q35"))
		return 0;
	return error_set(err, EINVAL, "machine type \"%.40s\" is not supported: use q35 or a pc-q35-VERSION", text);
}
static const struct schema_field machine_rows[] = {
	{ STRING("type", struct machine, type), .max = 64, .check = check_machine, .doc = "Machine type: q35 or one of its versions." },
	{ 0 },
};
SCHEMA(machine_schema, struct machine, "Machine", "Kind of mainboard.", machine_rows);

static const struct schema_field bios_rows[] = {
	{ TRISTATE("useSerial", struct bios, use_serial), .doc = "Firmware messages go to the serial console." },
	{ 0 },
};
static SCHEMA(bios_schema, struct bios, "BIOS", "SeaBIOS.", bios_rows);
static const struct schema_field bootloader_rows[] = {
	{ OBJECT("bios", struct bootloader, bios, struct bios, &bios_schema), .flags = FIELD_ONEOF, .doc = "Boot by BIOS." },
	{ REFUSED("efi", LATER), .flags = FIELD_ONEOF },
	{ 0 },
};
static SCHEMA(bootloader_schema, struct bootloader, "Bootloader", "Firmware that boots the guest.", bootloader_rows);
static const struct schema_field firmware_rows[] = {
	{ STRING("uuid", struct firmware, uuid), .check = check_uuid, .doc = "UUID that the guest sees; made from the name when not given." },
	{ STRING("serial", struct firmware, serial), .max = 256, .doc = "System serial number that the guest sees." },
	{ OBJECT("bootloader", struct firmware, bootloader, struct bootloader, &bootloader_schema), .doc = "Firmware; BIOS when not given." },
	{ REFUSED("kernelBoot", LATER) },
	{ REFUSED("acpi", LATER) },
	{ 0 },
};
static SCHEMA(firmware_schema, struct firmware, "Firmware", "Identity and boot firmware.", firmware_rows);

static const struct schema_field clock_utc_rows[] = {
	{ INT_OR_STRING("offsetSeconds", struct clock_utc, offset_seconds), .doc = "Seconds from UTC." },
	{ 0 },
};
static SCHEMA(clock_utc_schema, struct clock_utc, "ClockOffsetUTC", "The guest's clock starts at UTC.", clock_utc_rows);
static const struct schema_field timer_rows[] = {
	{ TRISTATE("present", struct timer, present), .doc = "The guest has the timer; true when not given." },
	{ STRING("tickPolicy", struct timer, tick_policy), .doc = "What happens to ticks that the guest missed." },
	{ STRING("track", struct timer, track), .doc = "Whether the RTC follows the guest's or the wall clock." },
	{ 0 },
};
static SCHEMA(timer_schema, struct timer, "Timer", "A timer of the guest.", timer_rows);
static const struct schema_field timers_rows[] = {
	{ OBJECT("hpet", struct timers, hpet, struct timer, &timer_schema), .doc = "High precision event timer." },
	{ OBJECT("pit", struct timers, pit, struct timer, &timer_schema), .doc = "Programmable interval timer." },
	{ OBJECT("rtc", struct timers, rtc, struct timer, &timer_schema), .doc = "Real time clock." },
	{ OBJECT("kvm", struct timers, kvm, struct timer, &timer_schema), .doc = "KVM's clock." },
	{ OBJECT("hyperv", struct timers, hyperv, struct timer, &timer_schema), .doc = "Hyper-V's clock." },
	{ 0 },
};
static SCHEMA(timers_schema, struct timers, "Timers", "Timers of the guest.", timers_rows);
static const struct schema_field guest_clock_rows[] = {
	{ OBJECT("utc", struct guest_clock, utc, struct clock_utc, &clock_utc_schema), .flags = FIELD_ONEOF, .doc = "Start at UTC." },
	{ STRING("timezone", struct guest_clock, timezone), .flags = FIELD_ONEOF, .max = 64, .doc = "Start at the time of a zone such as Europe/Berlin." },
	{ OBJECT("timer", struct guest_clock, timer, struct timers, &timers_schema), .doc = "Timers." },
	{ 0 },
};
static SCHEMA(guest_clock_schema, struct guest_clock, "Clock", "The guest's clock.", guest_clock_rows);

static const struct schema_field feature_state_rows[] = {
	{ TRISTATE("enabled", struct feature_state, enabled), .doc = "Whether the guest has it; true when not given." },
	{ IGNORED("endOfInterrupt", "KubeVirt does not use it either.") },
	{ 0 },
};
static SCHEMA(feature_state_schema, struct feature_state, "FeatureState", "A feature of the hypervisor.", feature_state_rows);
static const struct schema_field feature_kvm_rows[] = {
	{ BOOL("hidden", struct feature_kvm, hidden), .doc = "The guest does not see that it runs on KVM." },
	{ 0 },
};
static SCHEMA(feature_kvm_schema, struct feature_kvm, "FeatureKVM", "KVM's own features.", feature_kvm_rows);
static const struct schema_field features_rows[] = {
	{ OBJECT("acpi", struct features, acpi, struct feature_state, &feature_state_schema), .doc = "ACPI; on when not given." },
	{ OBJECT("apic", struct features, apic, struct feature_state, &feature_state_schema), .doc = "APIC." },
	{ OBJECT("smm", struct features, smm, struct feature_state, &feature_state_schema), .doc = "System management mode." },
	{ OBJECT("pvspinlock", struct features, pvspinlock, struct feature_state, &feature_state_schema), .doc = "Paravirtual spinlocks." },
	{ OBJECT("kvm", struct features, kvm, struct feature_kvm, &feature_kvm_schema), .doc = "KVM's own features." },
	{ REFUSED("hyperv", LATER) },
	{ REFUSED("hypervPassthrough", LATER) },
	{ 0 },
};
static SCHEMA(features_schema, struct features, "Features", "Features of the hypervisor.", features_rows);

static const struct schema_field chassis_rows[] = {
	{ STRING("manufacturer", struct chassis, manufacturer), .max = 256, .doc = "Manufacturer that the guest sees." },
	{ STRING("version", struct chassis, version), .max = 256, .doc = "Version that the guest sees." },
	{ STRING("serial", struct chassis, serial), .max = 256, .doc = "Serial number that the guest sees." },
	{ STRING("asset", struct chassis, asset), .max = 256, .doc = "Asset tag that the guest sees." },
	{ STRING("sku", struct chassis, sku), .max = 256, .doc = "Stock number that the guest sees." },
	{ 0 },
};
static SCHEMA(chassis_schema, struct chassis, "Chassis", "Chassis strings in SMBIOS.", chassis_rows);

static const char *const reboot_policies[] = { "", "Reboot", "Terminate", NULL };
static const struct schema_field domain_rows[] = {
	{ OBJECT("cpu", struct domain, cpu, struct cpu, &cpu_schema), .doc = "Virtual processors." },
	{ OBJECT("memory", struct domain, memory, struct memory, &memory_schema), .doc = "Memory." },
	{ OBJECT("resources", struct domain, resources, struct resources, &resources_schema), .doc = "What is reserved on the host." },
	{ OBJECT("machine", struct domain, machine, struct machine, &machine_schema), .doc = "Machine type." },
	{ OBJECT("firmware", struct domain, firmware, struct firmware, &firmware_schema), .doc = "Identity and boot firmware." },
	{ OBJECT("clock", struct domain, clock, struct guest_clock, &guest_clock_schema), .doc = "Clock and timers." },
	{ OBJECT("features", struct domain, features, struct features, &features_schema), .doc = "Features of the hypervisor." },
	{ OBJECT("chassis", struct domain, chassis, struct chassis, &chassis_schema), .doc = "Chassis strings." },
	{ OBJECT("devices", struct domain, devices, struct devices, &devices_schema), .flags = FIELD_PRESENT, .doc = "Disks, interfaces and other devices." },
	{ ENUM("rebootPolicy", struct domain, reboot_policy, reboot_policies), .doc = "What a reboot by the guest does: restart it, or end the instance." },
	{ IGNORED("ioThreadsPolicy", "Disks share QEMU's main loop for now.") },
	{ IGNORED("ioThreads", "Disks share QEMU's main loop for now.") },
	{ REFUSED("launchSecurity", LATER) },
	{ 0 },
};
SCHEMA(domain_schema, struct domain, "DomainSpec", "The virtual hardware.", domain_rows);
