/* Rows of spec.domain: the virtual hardware. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

/* Any amount can be written; what no machine has room for is told when it starts (KubeVirt's limits are Go's types). */
#define UINT32 .max = UINT32_MAX

static const struct schema_field empty_rows[] = { { 0 } };
SCHEMA(empty_schema, struct empty, "Empty", "Says something by being there.", empty_rows);

static const char *const cpu_feature_policies[] = { "", "force", "require", "optional", "disable", "forbid", NULL };
/* libvirt's own rule for its names; which there are only it knows. */
static int
check_feature(const char *text, struct error *err)
{
	if (text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0')
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is no CPU feature: letters, digits, -, _ and . only", text);
}

static const struct schema_field cpu_feature_rows[] = {
	{ STRING("name", struct cpu_feature, name), .dflt = "", .max = 64, .flags = FIELD_LENIENT, .check = check_feature, .doc = "Feature as libvirt names it, such as vmx." },
	{ ENUM("policy", struct cpu_feature, policy, cpu_feature_policies), .doc = "What to do about it; require when not given." },
	{ 0 },
};
SCHEMA(cpu_feature_schema, struct cpu_feature, "CPUFeature", "One CPU flag.", cpu_feature_rows);

static const struct schema_field numa_rows[] = {
	{ OBJECT("guestMappingPassthrough", struct numa, guest_mapping_passthrough, struct empty, &empty_schema), .doc = "The guest's nodes are those of the host on which it is pinned." },
	{ 0 },
};
SCHEMA(numa_schema, struct numa, "NUMA", "Memory nodes of the guest.", numa_rows);
static const struct schema_field realtime_rows[] = {
	{ STRING("mask", struct realtime, mask), .doc = "Which virtual CPUs, such as 0-3,^1; all when not given." },
	{ 0 },
};
SCHEMA(realtime_schema, struct realtime, "Realtime", "Real-time priority.", realtime_rows);
static const struct schema_field cpu_rows[] = {
	{ INT("sockets", struct cpu, sockets), UINT32, .doc = "Number of sockets." },
	{ INT("cores", struct cpu, cores), UINT32, .doc = "Cores in a socket." },
	{ INT("threads", struct cpu, threads), UINT32, .doc = "Threads in a core." },
	{ INT("maxSockets", struct cpu, max_sockets), UINT32, .doc = "Sockets that may be plugged in later." },
	{ STRING("model", struct cpu, model), .doc = "A model that libvirt knows, host-model or host-passthrough." },
	{ LIST("features", struct cpu, features, &cpu_feature_schema), .doc = "CPU flags beyond the model." },
	{ BOOL("dedicatedCpuPlacement", struct cpu, dedicated_cpu_placement), .doc = "Each virtual CPU has a host CPU of its own." },
	{ BOOL("isolateEmulatorThread", struct cpu, isolate_emulator_thread), .doc = "QEMU's own threads have one more host CPU." },
	{ OBJECT("numa", struct cpu, numa, struct numa, &numa_schema), .doc = "How the guest's memory is divided into nodes." },
	{ OBJECT("realtime", struct cpu, realtime, struct realtime, &realtime_schema), .doc = "Virtual CPUs run with real-time priority." },
	{ 0 },
};
SCHEMA(cpu_schema, struct cpu, "CPU", "Virtual processors.", cpu_rows);

static const struct schema_field hugepages_rows[] = {
	{ QUANTITY("pageSize", struct hugepages, page_size), .doc = "Size of a page: 2Mi or 1Gi." },
	{ 0 },
};
SCHEMA(hugepages_schema, struct hugepages, "Hugepages", "Huge pages.", hugepages_rows);
static const struct schema_field memory_rows[] = {
	{ QUANTITY("guest", struct memory, guest), .doc = "Memory that the guest sees." },
	{ QUANTITY("maxGuest", struct memory, max_guest), .doc = "Memory that may be plugged in later." },
	{ OBJECT("hugepages", struct memory, hugepages, struct hugepages, &hugepages_schema), .doc = "The guest's memory is made of huge pages of the host." },
	{ REFUSED("reservedOverhead", "QEMU's own memory is not accounted.") },
	{ 0 },
};
SCHEMA(memory_schema, struct memory, "Memory", "Memory of the guest.", memory_rows);

static const struct schema_field resource_list_rows[] = {
	{ QUANTITY("memory", struct resource_list, memory), .doc = "Bytes of memory." },
	{ MILLI("cpu", struct resource_list, cpu), .doc = "Processors." },
	{ IGNORED("ephemeral-storage", QUANTITY, "Disks have sizes of their own.") },
	{ 0 },
};
SCHEMA(resource_list_schema, struct resource_list, "ResourceList", "Amounts by resource.", resource_list_rows, .open = true);

static const struct schema_field resources_rows[] = {
	{ OBJECT("requests", struct resources, requests, struct resource_list, &resource_list_schema), .doc = "What is reserved on the host." },
	{ OBJECT("limits", struct resources, limits, struct resource_list, &resource_list_schema), .doc = "What is the most." },
	{ BOOL("overcommitGuestOverhead", struct resources, overcommit_guest_overhead), .doc = "Do not count QEMU's own memory.", .warn = "QEMU's own memory is not counted in any case." },
	{ IGNORED("claims", LIST, "Dynamic resources need Kubernetes.") },
	{ 0 },
};
SCHEMA(resources_schema, struct resources, "ResourceRequirements", "What the machine takes from its host.", resources_rows);

static const struct schema_field machine_rows[] = {
	{ STRING("type", struct machine, type), .max = 64, .doc = "Machine type: q35 or one of its versions." },
	{ 0 },
};
SCHEMA(machine_schema, struct machine, "Machine", "Kind of mainboard.", machine_rows);

static const struct schema_field bios_rows[] = {
	{ TRISTATE("useSerial", struct bios, use_serial), .doc = "Firmware messages go to the serial console." },
	{ 0 },
};
SCHEMA(bios_schema, struct bios, "BIOS", "SeaBIOS.", bios_rows);
static const struct schema_field efi_rows[] = {
	{ TRISTATE("secureBoot", struct efi, secure_boot), .doc = "Only signed loaders start; true when not given, and needs features.smm." },
	{ BOOL("persistent", struct efi, persistent), .doc = "UEFI variables are kept when the machine stops." },
	{ 0 },
};
SCHEMA(efi_schema, struct efi, "EFI", "UEFI.", efi_rows);
static const struct schema_field bootloader_rows[] = {
	{ OBJECT("bios", struct bootloader, bios, struct bios, &bios_schema), .flags = FIELD_ONEOF, .doc = "Boot by BIOS." },
	{ OBJECT("efi", struct bootloader, efi, struct efi, &efi_schema), .flags = FIELD_ONEOF, .doc = "Boot by UEFI." },
	{ 0 },
};
SCHEMA(bootloader_schema, struct bootloader, "Bootloader", "Firmware that boots the guest.", bootloader_rows);
static const struct schema_field kernel_container_rows[] = {
	{ STRING("image", struct kernel_container, image), .max = 4096, .doc = "Container image with kernel and initrd." },
	{ STRING("imagePullSecret", struct kernel_container, image_pull_secret), .max = 253, .doc = "Secret for the registry.", .warn = "Images are read from a directory of the host: no registry is asked." },
	{ STRING("imagePullPolicy", struct kernel_container, image_pull_policy), .max = 64, .doc = "Always, IfNotPresent or Never." },
	{ STRING("kernelPath", struct kernel_container, kernel_path), .max = 4096, .doc = "Path of the kernel in the image." },
	{ STRING("initrdPath", struct kernel_container, initrd_path), .max = 4096, .doc = "Path of the initial RAM disk in the image." },
	{ 0 },
};
static SCHEMA(kernel_container_schema, struct kernel_container, "KernelBootContainer", "A container image with a kernel.", kernel_container_rows);
static const struct schema_field kernel_boot_rows[] = {
	{ STRING("kernelArgs", struct kernel_boot, kernel_args), .max = 4096, .doc = "Command line of the kernel." },
	{ OBJECT("container", struct kernel_boot, container, struct kernel_container, &kernel_container_schema), .doc = "Where kernel and initrd are." },
	{ 0 },
};
static SCHEMA(kernel_boot_schema, struct kernel_boot, "KernelBoot", "Boot a kernel directly.", kernel_boot_rows);
static const struct schema_field acpi_tables_rows[] = {
	{ STRING("slicNameRef", struct acpi_tables, slic_name_ref), .max = 253, .doc = "Volume of a Secret that has slic.bin." },
	{ STRING("msdmNameRef", struct acpi_tables, msdm_name_ref), .max = 253, .doc = "Volume of a Secret that has msdm.bin." },
	{ 0 },
};
static SCHEMA(acpi_tables_schema, struct acpi_tables, "ACPI", "ACPI tables from Secrets.", acpi_tables_rows);
static const struct schema_field firmware_rows[] = {
	{ STRING("uuid", struct firmware, uuid), .doc = "UUID that the guest sees; made from the name when not given." },
	{ STRING("serial", struct firmware, serial), .doc = "System serial number that the guest sees." },
	{ OBJECT("bootloader", struct firmware, bootloader, struct bootloader, &bootloader_schema), .doc = "Firmware; BIOS when not given." },
	{ OBJECT("kernelBoot", struct firmware, kernel_boot, struct kernel_boot, &kernel_boot_schema), .doc = "Boot a kernel from a container image." },
	{ OBJECT("acpi", struct firmware, acpi, struct acpi_tables, &acpi_tables_schema), .doc = "ACPI tables of the host's maker, for licences." },
	{ 0 },
};
SCHEMA(firmware_schema, struct firmware, "Firmware", "Identity and boot firmware.", firmware_rows);

static const struct schema_field clock_utc_rows[] = {
	{ INT_OR_STRING("offsetSeconds", struct clock_utc, offset_seconds), .flags = FIELD_NUMBER, .doc = "Seconds from UTC." },
	{ 0 },
};
SCHEMA(clock_utc_schema, struct clock_utc, "ClockOffsetUTC", "The guest's clock starts at UTC.", clock_utc_rows);
#define PRESENT_ROW { TRISTATE("present", struct timer, present), .doc = "The guest has the timer; true when not given." }
#define POLICY_ROW { STRING("tickPolicy", struct timer, tick_policy), .doc = "What happens to ticks that the guest missed." }
static const struct schema_field timer_rows[] = { PRESENT_ROW, { 0 } };
static SCHEMA(timer_schema, struct timer, "Timer", "A clock that the guest reads.", timer_rows);
static const struct schema_field tick_rows[] = { PRESENT_ROW, POLICY_ROW, { 0 } };
static SCHEMA(tick_schema, struct timer, "TickTimer", "A timer that ticks.", tick_rows);
static const struct schema_field rtc_rows[] = {
	PRESENT_ROW,
	POLICY_ROW,
	{ STRING("track", struct timer, track), .doc = "Which clock it follows: guest or wall." },
	{ 0 },
};
static SCHEMA(rtc_schema, struct timer, "RTCTimer", "Real time clock of the guest.", rtc_rows);
static const struct schema_field timers_rows[] = {
	{ OBJECT("hpet", struct timers, hpet, struct timer, &tick_schema), .doc = "High precision event timer." },
	{ OBJECT("pit", struct timers, pit, struct timer, &tick_schema), .doc = "Programmable interval timer." },
	{ OBJECT("rtc", struct timers, rtc, struct timer, &rtc_schema), .doc = "Real time clock." },
	{ OBJECT("kvm", struct timers, kvm, struct timer, &timer_schema), .doc = "KVM's clock." },
	{ OBJECT("hyperv", struct timers, hyperv, struct timer, &timer_schema), .doc = "Hyper-V's clock." },
	{ 0 },
};
SCHEMA(timers_schema, struct timers, "Timers", "Timers of the guest.", timers_rows);
static int
check_timezone(const char *text, struct error *err)
{
	if (text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-/")] == '\0')
		return 0;
	return error_set(err, EINVAL, "\"%.40s\" is no time zone: one such as Europe/Berlin", text);
}

static const struct schema_field guest_clock_rows[] = {
	{ OBJECT("utc", struct guest_clock, utc, struct clock_utc, &clock_utc_schema), .doc = "Start at UTC." },
	{ STRING("timezone", struct guest_clock, timezone), .flags = FIELD_LENIENT, .check = check_timezone, .doc = "Start at the time of a zone such as Europe/Berlin." },
	{ OBJECT("timer", struct guest_clock, timer, struct timers, &timers_schema), .doc = "Timers." },
	{ 0 },
};
SCHEMA(guest_clock_schema, struct guest_clock, "Clock", "The guest's clock.", guest_clock_rows, .open = true);

static const struct schema_field feature_state_rows[] = {
	{ TRISTATE("enabled", struct feature_state, enabled), .doc = "Whether the guest has it; true when not given." },
	{ 0 },
};
SCHEMA(feature_state_schema, struct feature_state, "FeatureState", "A feature of the hypervisor.", feature_state_rows);
static const struct schema_field feature_apic_rows[] = {
	{ TRISTATE("enabled", struct feature_state, enabled), .doc = "Whether the guest has it; true when not given." },
	{ IGNORED("endOfInterrupt", BOOL, "KubeVirt does not use it either.") },
	{ 0 },
};
static SCHEMA(feature_apic_schema, struct feature_state, "FeatureAPIC", "The interrupt controller.", feature_apic_rows);
static const struct schema_field feature_kvm_rows[] = {
	{ BOOL("hidden", struct feature_kvm, hidden), .doc = "The guest does not see that it runs on KVM." },
	{ 0 },
};
SCHEMA(feature_kvm_schema, struct feature_kvm, "FeatureKVM", "KVM's own features.", feature_kvm_rows);
static const struct schema_field spinlocks_rows[] = {
	{ TRISTATE("enabled", struct hyperv_spinlocks, enabled), .doc = "Whether the guest has it; true when not given." },
	{ INT("spinlocks", struct hyperv_spinlocks, spinlocks), UINT32, .doc = "Retries before the hypervisor is told; 4096 when not given." },
	{ 0 },
};
static SCHEMA(spinlocks_schema, struct hyperv_spinlocks, "FeatureSpinlocks", "Spinlocks that tell the hypervisor.", spinlocks_rows);
static const struct schema_field synictimer_rows[] = {
	{ TRISTATE("enabled", struct hyperv_timer, enabled), .doc = "Whether the guest has it; true when not given." },
	{ OBJECT("direct", struct hyperv_timer, direct, struct feature_state, &feature_state_schema), .doc = "Ticks arrive as interrupts." },
	{ 0 },
};
static SCHEMA(synictimer_schema, struct hyperv_timer, "SyNICTimer", "Synthetic timers.", synictimer_rows);
static const struct schema_field tlbflush_rows[] = {
	{ TRISTATE("enabled", struct hyperv_tlb_flush, enabled), .doc = "Whether the guest has it; true when not given." },
	{ OBJECT("direct", struct hyperv_tlb_flush, direct, struct feature_state, &feature_state_schema), .doc = "Nested guests flush directly." },
	{ OBJECT("extended", struct hyperv_tlb_flush, extended, struct feature_state, &feature_state_schema), .doc = "Parts can be flushed." },
	{ 0 },
};
static SCHEMA(tlbflush_schema, struct hyperv_tlb_flush, "TLBFlush", "TLB flush by hypercall.", tlbflush_rows);
static const struct schema_field vendorid_rows[] = {
	{ TRISTATE("enabled", struct hyperv_vendor, enabled), .doc = "Whether the guest has it; true when not given." },
	{ STRING("vendorid", struct hyperv_vendor, vendor_id), .doc = "Vendor that the guest sees, at most 12 characters." },
	{ 0 },
};
static SCHEMA(vendorid_schema, struct hyperv_vendor, "FeatureVendorID", "Vendor of the hypervisor.", vendorid_rows);
static const struct schema_field hyperv_rows[] = {
	{ OBJECT("relaxed", struct hyperv, relaxed, struct feature_state, &feature_state_schema), .doc = "No watchdog of Windows fires under load." },
	{ OBJECT("vapic", struct hyperv, vapic, struct feature_state, &feature_state_schema), .doc = "Faster interrupt control." },
	{ OBJECT("vpindex", struct hyperv, vpindex, struct feature_state, &feature_state_schema), .doc = "Each virtual CPU knows its number." },
	{ OBJECT("runtime", struct hyperv, runtime, struct feature_state, &feature_state_schema), .doc = "Time that a virtual CPU ran." },
	{ OBJECT("synic", struct hyperv, synic, struct feature_state, &feature_state_schema), .doc = "Synthetic interrupt controller." },
	{ OBJECT("reset", struct hyperv, reset, struct feature_state, &feature_state_schema), .doc = "Reset by hypercall." },
	{ OBJECT("frequencies", struct hyperv, frequencies, struct feature_state, &feature_state_schema), .doc = "Clock frequencies are told." },
	{ OBJECT("reenlightenment", struct hyperv, reenlightenment, struct feature_state, &feature_state_schema), .doc = "Clock changes at migration are told." },
	{ OBJECT("ipi", struct hyperv, ipi, struct feature_state, &feature_state_schema), .doc = "Interrupts between processors by hypercall." },
	{ OBJECT("evmcs", struct hyperv, evmcs, struct feature_state, &feature_state_schema), .doc = "Faster nested virtualization." },
	{ OBJECT("spinlocks", struct hyperv, spinlocks, struct hyperv_spinlocks, &spinlocks_schema), .doc = "Spinlocks that tell the hypervisor." },
	{ OBJECT("synictimer", struct hyperv, synictimer, struct hyperv_timer, &synictimer_schema), .doc = "Synthetic timers." },
	{ OBJECT("tlbflush", struct hyperv, tlbflush, struct hyperv_tlb_flush, &tlbflush_schema), .doc = "TLB flush by hypercall." },
	{ OBJECT("vendorid", struct hyperv, vendorid, struct hyperv_vendor, &vendorid_schema), .doc = "Vendor of the hypervisor." },
	{ 0 },
};
SCHEMA(hyperv_schema, struct hyperv, "FeatureHyperv", "Hyper-V enlightenments.", hyperv_rows);
static const struct schema_field features_rows[] = {
	{ OBJECT("acpi", struct features, acpi, struct feature_state, &feature_state_schema), .doc = "ACPI; on when not given." },
	{ OBJECT("apic", struct features, apic, struct feature_state, &feature_apic_schema), .doc = "APIC." },
	{ OBJECT("smm", struct features, smm, struct feature_state, &feature_state_schema), .doc = "System management mode." },
	{ OBJECT("pvspinlock", struct features, pvspinlock, struct feature_state, &feature_state_schema), .doc = "Paravirtual spinlocks." },
	{ OBJECT("kvm", struct features, kvm, struct feature_kvm, &feature_kvm_schema), .doc = "KVM's own features." },
	{ OBJECT("hyperv", struct features, hyperv, struct hyperv, &hyperv_schema), .doc = "What makes Windows feel at home." },
	{ OBJECT("hypervPassthrough", struct features, hyperv_passthrough, struct feature_state, &feature_state_schema), .doc = "All enlightenments that the host has." },
	{ 0 },
};
SCHEMA(features_schema, struct features, "Features", "Features of the hypervisor.", features_rows);

static const struct schema_field chassis_rows[] = {
	{ STRING("manufacturer", struct chassis, manufacturer), .doc = "Manufacturer that the guest sees." },
	{ STRING("version", struct chassis, version), .doc = "Version that the guest sees." },
	{ STRING("serial", struct chassis, serial), .doc = "Serial number that the guest sees." },
	{ STRING("asset", struct chassis, asset), .doc = "Asset tag that the guest sees." },
	{ STRING("sku", struct chassis, sku), .doc = "Stock number that the guest sees." },
	{ 0 },
};
static SCHEMA(chassis_schema, struct chassis, "Chassis", "Chassis strings in SMBIOS.", chassis_rows);

static const struct schema_field sev_policy_rows[] = {
	{ BOOL("encryptedState", struct sev_policy, encrypted_state), .doc = "Registers are encrypted, too (SEV-ES)." },
	{ 0 },
};
static SCHEMA(sev_policy_schema, struct sev_policy, "SEVPolicy", "What the guest's owner demands.", sev_policy_rows);
static const struct schema_field sev_rows[] = {
	{ OBJECT("policy", struct sev, policy, struct sev_policy, &sev_policy_schema), .doc = "What the guest's owner demands." },
	{ OBJECT("attestation", struct sev, attestation, struct empty, &empty_schema), .doc = "The owner attests the guest before it starts." },
	{ STRING("session", struct sev, session), .max = 65536, .doc = "Session blob of the owner, in base64." },
	{ STRING("dhCert", struct sev, dh_cert), .max = 65536, .doc = "Key of the owner, in base64." },
	{ 0 },
};
static SCHEMA(sev_schema, struct sev, "SEV", "AMD's encrypted memory.", sev_rows);
static const struct schema_field launch_security_rows[] = {
	{ OBJECT("sev", struct launch_security, sev, struct sev, &sev_schema), .doc = "AMD SEV." },
	{ OBJECT("snp", struct launch_security, snp, struct empty, &empty_schema), .doc = "AMD SEV-SNP." },
	{ OBJECT("tdx", struct launch_security, tdx, struct empty, &empty_schema), .doc = "Intel TDX." },
	{ 0 },
};
SCHEMA(launch_security_schema, struct launch_security, "LaunchSecurity", "The guest's memory is hidden from the host.", launch_security_rows);

const char *const io_threads_policies[] = { "", "shared", "auto", "supplementalPool", NULL };
static const struct schema_field io_threads_rows[] = {
	{ INT("supplementalPoolThreadCount", struct io_threads, supplemental_pool_thread_count), UINT32, .doc = "Threads of the pool." },
	{ 0 },
};
SCHEMA(io_threads_schema, struct io_threads, "DiskIOThreads", "Threads that do the disks' I/O.", io_threads_rows);

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
	{ ENUM("rebootPolicy", struct domain, reboot_policy, reboot_policies), .min = 1, .doc = "What a reboot by the guest does: restart it, or end the instance." },
	{ ENUM("ioThreadsPolicy", struct domain, io_threads_policy, io_threads_policies), .min = 1, .doc = "How the disks share threads for their I/O." },
	{ OBJECT("ioThreads", struct domain, io_threads, struct io_threads, &io_threads_schema), .doc = "Threads of the policy supplementalPool." },
	{ OBJECT("launchSecurity", struct domain, launch_security, struct launch_security, &launch_security_schema), .doc = "The guest's memory is hidden from the host." },
	{ 0 },
};
SCHEMA(domain_schema, struct domain, "DomainSpec", "The virtual hardware.", domain_rows);
