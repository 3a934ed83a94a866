/* Rows of preferences. */
#include "config.h"

#include "src/api/domain.h"
#include "src/api/instancetype.h"
#include "src/api/rows.h"

static const struct schema_field offset_rows[] = {
	{ OBJECT("utc", struct clock_offset, utc, struct clock_utc, &clock_utc_schema), .flags = FIELD_ONEOF, .doc = "Start at UTC." },
	{ STRING("timezone", struct clock_offset, timezone), .flags = FIELD_ONEOF, .max = 64, .doc = "Start at the time of a zone." },
	{ 0 },
};
static SCHEMA(offset_schema, struct clock_offset, "ClockOffset", "Where the clock starts.", offset_rows);
static const struct schema_field clock_rows[] = {
	{ OBJECT("preferredClockOffset", struct clock_preference, preferred_clock_offset, struct clock_offset, &offset_schema), .doc = "Where the clock starts." },
	{ OBJECT("preferredTimer", struct clock_preference, preferred_timer, struct timers, &timers_schema), .doc = "Timers." },
	{ 0 },
};
static SCHEMA(clock_schema, struct clock_preference, "ClockPreferences", "The guest's clock.", clock_rows);

/* The older words begin with "prefer". */
static const char *const topologies[] = { "", "sockets", "cores", "threads", "spread", "any", "preferSockets", "preferCores",
	"preferThreads", "preferSpread", "preferAny", NULL };
static const char *const across[] = { "", "SocketsCores", "SocketsCoresThreads", "CoresThreads", NULL };
static const struct schema_field spread_rows[] = {
	{ ENUM("across", struct spread_options, across, across), .doc = "What virtual CPUs are spread over; SocketsCores when not given." },
	{ INT("ratio", struct spread_options, ratio), .max = UINT32_MAX, .doc = "How many in the smaller unit; 2 when not given." },
	{ 0 },
};
static SCHEMA(spread_schema, struct spread_options, "SpreadOptions", "How virtual CPUs are spread.", spread_rows);
static void
cpu_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	const struct cpu_preference *c = object;
	const struct spread_options *s = c->spread_options;
	g_autofree char *topology = g_strconcat(path, ".preferredCPUTopology", NULL);
	g_autofree char *ratio = g_strconcat(path, ".spreadOptions.ratio", NULL);

	if (c->preferred_cpu_topology >= TOPOLOGY_OLD_SOCKETS)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, topology, "is deprecated: write %s",
		    topologies[c->preferred_cpu_topology - TOPOLOGY_OLD_SOCKETS + TOPOLOGY_SOCKETS]);
	if (s != NULL && s->across == SPREAD_CORES_THREADS && s->ratio != 0 && s->ratio != 2)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, ratio,
		    "must be 2 when virtual CPUs are spread over cores and threads: a core has two threads");
}
static const struct schema_field cpu_rows[] = {
	{ ENUM("preferredCPUTopology", struct cpu_preference, preferred_cpu_topology, topologies), .doc = "What the virtual CPUs of an instancetype become." },
	{ OBJECT("spreadOptions", struct cpu_preference, spread_options, struct spread_options, &spread_schema), .doc = "How virtual CPUs are spread." },
	{ LIST("preferredCPUFeatures", struct cpu_preference, preferred_cpu_features, &cpu_feature_schema), .max = 256, .doc = "CPU flags beyond the model." },
	{ 0 },
};
static SCHEMA(cpu_preference_schema, struct cpu_preference, "CPUPreferences", "Virtual processors.", cpu_rows, .check = cpu_check);

#define ATTACH(n, m, sentence) { TRISTATE("preferred" n, struct device_preference, m), .doc = sentence }
static const struct schema_field device_rows[] = {
	ATTACH("AutoattachGraphicsDevice", autoattach_graphics_device, "Add a display."),
	ATTACH("AutoattachInputDevice", autoattach_input_device, "Add a tablet when there are no inputs."),
	ATTACH("AutoattachMemBalloon", autoattach_mem_balloon, "Add a memory balloon."),
	ATTACH("AutoattachPodInterface", autoattach_pod_interface, "Add an interface on the default network."),
	ATTACH("AutoattachSerialConsole", autoattach_serial_console, "Add a serial console."),
	ATTACH("BlockMultiQueue", block_multi_queue, "A disk queue for each virtual CPU."),
	ATTACH("DisableHotplug", disable_hotplug, "No spare ports for devices that are plugged in later."),
	ATTACH("DiskDedicatedIoThread", disk_dedicated_io_thread, "Disks on virtio have threads of their own."),
	ATTACH("NetworkInterfaceMultiQueue", network_interface_multi_queue, "A network queue for each virtual CPU."),
	ATTACH("UseVirtioTransitional", use_virtio_transitional, "Virtio devices for old guests."),
	{ ENUM("preferredCdromBus", struct device_preference, cdrom_bus, disk_bus_words), .doc = "Bus of CD-ROM drives." },
	{ ENUM("preferredDiskBus", struct device_preference, disk_bus, disk_bus_words), .doc = "Bus of disks." },
	{ ENUM("preferredLunBus", struct device_preference, lun_bus, disk_bus_words), .doc = "Bus of LUNs." },
	{ OBJECT("preferredDiskBlockSize", struct device_preference, disk_block_size, struct disk_block_size, &disk_block_size_schema), .doc = "Block sizes of disks." },
	{ STRING("preferredDiskCache", struct device_preference, disk_cache), .max = 32, .doc = "Cache mode of disks." },
	{ STRING("preferredDiskIO", struct device_preference, disk_io), .max = 32, .doc = "How QEMU does the I/O of disks." },
	{ STRING("preferredInputBus", struct device_preference, input_bus), .max = 32, .doc = "Bus of inputs." },
	{ STRING("preferredInputType", struct device_preference, input_type), .max = 32, .doc = "Kind of inputs." },
	{ OBJECT("preferredInterfaceMasquerade", struct device_preference, interface_masquerade, struct empty, &empty_schema), .doc = "Connect interfaces on the default network through NAT." },
	{ STRING("preferredInterfaceModel", struct device_preference, interface_model), .max = 32, .doc = "Model of network cards." },
	{ STRING("preferredPanicDeviceModel", struct device_preference, panic_device_model), .max = 32, .doc = "Model of panic devices." },
	{ OBJECT("preferredRng", struct device_preference, rng, struct empty, &empty_schema), .doc = "A source of random numbers." },
	{ STRING("preferredSoundModel", struct device_preference, sound_model), .max = 32, .doc = "Model of the sound card." },
	{ OBJECT("preferredTPM", struct device_preference, tpm, struct tpm, &tpm_schema), .doc = "A trusted platform module." },
	{ STRING("preferredVideoType", struct device_preference, video_type), .max = 32, .doc = "Model of the display's card." },
	{ OBJECT("preferredVirtualGPUOptions", struct device_preference, virtual_gpu_options, struct virtual_gpu_options, &virtual_gpu_options_schema), .doc = "Options of virtual GPUs." },
	{ 0 },
};
static SCHEMA(device_preference_schema, struct device_preference, "DevicePreferences", "Devices.", device_rows);

static const struct schema_field feature_rows[] = {
	{ OBJECT("preferredAcpi", struct feature_preference, acpi, struct feature_state, &feature_state_schema), .doc = "ACPI." },
	{ OBJECT("preferredApic", struct feature_preference, apic, struct feature_state, &feature_state_schema), .doc = "APIC." },
	{ OBJECT("preferredPvspinlock", struct feature_preference, pvspinlock, struct feature_state, &feature_state_schema), .doc = "Paravirtual spinlocks." },
	{ OBJECT("preferredSmm", struct feature_preference, smm, struct feature_state, &feature_state_schema), .doc = "System management mode." },
	{ OBJECT("preferredKvm", struct feature_preference, kvm, struct feature_kvm, &feature_kvm_schema), .doc = "KVM's own features." },
	{ OBJECT("preferredHyperv", struct feature_preference, hyperv, struct hyperv, &hyperv_schema), .doc = "What makes Windows feel at home." },
	{ 0 },
};
static SCHEMA(feature_preference_schema, struct feature_preference, "FeaturePreferences", "Features of the hypervisor.", feature_rows);
static const struct schema_field firmware_rows[] = {
	{ TRISTATE("preferredUseBios", struct firmware_preference, use_bios), .doc = "Boot by BIOS." },
	{ TRISTATE("preferredUseBiosSerial", struct firmware_preference, use_bios_serial), .doc = "Messages of the BIOS go to the serial console." },
	{ OBJECT("preferredEfi", struct firmware_preference, efi, struct efi, &efi_schema), .doc = "Boot by UEFI." },
	{ TRISTATE("preferredUseEfi", struct firmware_preference, use_efi), .doc = "Boot by UEFI.", .warn = "It is deprecated: write preferredEfi." },
	{ TRISTATE("preferredUseSecureBoot", struct firmware_preference, use_secure_boot), .doc = "Only signed loaders start.", .warn = "It is deprecated: write preferredEfi." },
	{ 0 },
};
static SCHEMA(firmware_preference_schema, struct firmware_preference, "FirmwarePreferences", "Firmware.", firmware_rows);
static const struct schema_field machine_rows[] = {
	{ STRING("preferredMachineType", struct machine_preference, preferred_machine_type), .max = 64, .doc = "Machine type." },
	{ 0 },
};
static SCHEMA(machine_preference_schema, struct machine_preference, "MachinePreferences", "Kind of mainboard.", machine_rows);
static const struct schema_field volume_rows[] = {
	{ STRING("preferredStorageClassName", struct volume_preference, preferred_storage_class_name), .max = 253, .doc = "Class of disks that name none." },
	{ 0 },
};
static SCHEMA(volume_preference_schema, struct volume_preference, "VolumePreferences", "Disks.", volume_rows);
static const struct schema_field cpu_requirement_rows[] = {
	{ INT("guest", struct cpu_requirement, guest), .flags = FIELD_REQUIRED, .max = UINT32_MAX, .doc = "Least number of virtual CPUs." },
	{ 0 },
};
static SCHEMA(cpu_requirement_schema, struct cpu_requirement, "CPUPreferenceRequirement", "Virtual CPUs that are needed.", cpu_requirement_rows);
static const struct schema_field memory_requirement_rows[] = {
	{ QUANTITY("guest", struct memory_requirement, guest), .flags = FIELD_REQUIRED, .doc = "Least memory." },
	{ 0 },
};
static SCHEMA(memory_requirement_schema, struct memory_requirement, "MemoryPreferenceRequirement", "Memory that is needed.", memory_requirement_rows);
static const struct schema_field requirements_rows[] = {
	{ OBJECT("cpu", struct preference_requirements, cpu, struct cpu_requirement, &cpu_requirement_schema), .doc = "Virtual CPUs that are needed." },
	{ OBJECT("memory", struct preference_requirements, memory, struct memory_requirement, &memory_requirement_schema), .doc = "Memory that is needed." },
	{ STRING("architecture", struct preference_requirements, architecture), .max = 16, .doc = "Architecture that is needed." },
	{ 0 },
};
static SCHEMA(requirements_schema, struct preference_requirements, "PreferenceRequirements", "What the guest needs at least.", requirements_rows);
static const struct schema_field spec_rows[] = {
	{ OBJECT("clock", struct preference_spec, clock, struct clock_preference, &clock_schema), .doc = "The guest's clock." },
	{ OBJECT("cpu", struct preference_spec, cpu, struct cpu_preference, &cpu_preference_schema), .doc = "Virtual processors." },
	{ OBJECT("devices", struct preference_spec, devices, struct device_preference, &device_preference_schema), .doc = "Devices." },
	{ OBJECT("features", struct preference_spec, features, struct feature_preference, &feature_preference_schema), .doc = "Features of the hypervisor." },
	{ OBJECT("firmware", struct preference_spec, firmware, struct firmware_preference, &firmware_preference_schema), .doc = "Firmware." },
	{ OBJECT("machine", struct preference_spec, machine, struct machine_preference, &machine_preference_schema), .doc = "Kind of mainboard." },
	{ OBJECT("volumes", struct preference_spec, volumes, struct volume_preference, &volume_preference_schema), .doc = "Disks." },
	{ OBJECT("requirements", struct preference_spec, requirements, struct preference_requirements, &requirements_schema), .doc = "What the guest needs at least." },
	{ OBJECT("preferredLaunchSecurity", struct preference_spec, preferred_launch_security, struct launch_security, &launch_security_schema), .doc = "The guest's memory is hidden from the host." },
	{ STRING("preferredArchitecture", struct preference_spec, preferred_architecture), .max = 16, .doc = "Processor architecture." },
	{ STRING("preferredSubdomain", struct preference_spec, preferred_subdomain), .max = 253, .doc = "Domain that follows the hostname." },
	{ INT_OR_STRING("preferredTerminationGracePeriodSeconds", struct preference_spec, preferred_termination_grace_period_seconds), .doc = "Seconds that the guest has to shut down." },
	{ INT("preferSpreadSocketToCoreRatio", struct preference_spec, prefer_spread_socket_to_core_ratio), .max = UINT32_MAX, .doc = "Cores in a socket when virtual CPUs are spread; 2 when not given." },
	{ MAP("annotations", struct preference_spec, annotations), .check = check_label_name, .doc = "Annotations of the instance." },
	{ 0 },
};
SCHEMA(preference_spec_schema, struct preference_spec, "VirtualMachinePreferenceSpec", "What a guest would rather have.", spec_rows);
static const struct schema_field preference_rows[] = {
	HEAD_ROWS(struct preference),
	{ OBJECT("spec", struct preference, spec, struct preference_spec, &preference_spec_schema), .flags = FIELD_PRESENT, .doc = "What is preferred." },
	{ 0 },
};
SCHEMA(preference_schema, struct preference, "VirtualMachinePreference", "What a guest would rather have.", preference_rows);
