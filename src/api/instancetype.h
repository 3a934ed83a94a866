/*
 * Instancetypes and preferences (instancetype.kubevirt.io/v1beta1): sizes that machines share, and what devices they would
 * rather have.  Source: KubeVirt's user guide, "Instance types and preferences".
 */
#ifndef SOLOVIRT_API_INSTANCETYPE_H
#define SOLOVIRT_API_INSTANCETYPE_H

#include "src/api/vmi.h"

/* --- what a VirtualMachine refers to -------------------------------------------------------------------------------- */

enum infer_failure { INFER_FAILURE_UNSET, INFER_FAILURE_REJECT, INFER_FAILURE_IGNORE };
struct matcher {
	char *name, *kind, *revision_name, *infer_from_volume;
	int infer_from_volume_failure_policy; /* enum infer_failure */
};
/* status.instancetypeRef and status.preferenceRef: what the machine uses, pinned to the revision that it used first. */
struct matcher_status {
	char *name, *kind, *infer_from_volume;
	int infer_from_volume_failure_policy; /* enum infer_failure */
	struct local_object_reference *controller_revision_ref;
};

/* --- instancetypes --------------------------------------------------------------------------------------------------- */

struct instancetype_cpu {
	int64_t guest; /* virtual CPUs */
	char *model;
	enum tristate dedicated_cpu_placement, isolate_emulator_thread;
	struct numa *numa;
	struct realtime *realtime;
	int64_t max_sockets; /* 0: unset */
};
struct instancetype_memory {
	int64_t guest, max_guest; /* bytes */
	struct hugepages *hugepages;
	int64_t overcommit_percent; /* of guest that is not reserved on the host */
};
struct instancetype_spec {
	struct instancetype_cpu *cpu;       /* never NULL */
	struct instancetype_memory *memory; /* never NULL */
	struct schema_list gpus, host_devices; /* struct host_device */
	int io_threads_policy;                 /* enum io_threads_policy */
	struct io_threads *io_threads;
	struct launch_security *launch_security;
	struct schema_map node_selector, annotations;
	char *scheduler_name;
};
struct instancetype { /* of a namespace or of all */
	struct object_head head;
	struct instancetype_spec *spec;
};

/* --- preferences ------------------------------------------------------------------------------------------------------ */

enum cpu_topology_preference { TOPOLOGY_UNSET, TOPOLOGY_SOCKETS, TOPOLOGY_CORES, TOPOLOGY_THREADS, TOPOLOGY_SPREAD, TOPOLOGY_ANY,
	TOPOLOGY_OLD_SOCKETS, TOPOLOGY_OLD_CORES, TOPOLOGY_OLD_THREADS, TOPOLOGY_OLD_SPREAD, TOPOLOGY_OLD_ANY };
enum spread_across { SPREAD_UNSET, SPREAD_SOCKETS_CORES, SPREAD_SOCKETS_CORES_THREADS, SPREAD_CORES_THREADS };

struct spread_options {
	int across;    /* enum spread_across */
	int64_t ratio; /* 0: unset */
};
struct cpu_preference {
	int preferred_cpu_topology; /* enum cpu_topology_preference */
	struct spread_options *spread_options;
	struct schema_list preferred_cpu_features; /* struct cpu_feature */
};
struct clock_offset {
	struct clock_utc *utc;
	char *timezone;
};
struct clock_preference {
	struct clock_offset *preferred_clock_offset;
	struct timers *preferred_timer;
};
struct device_preference {
	enum tristate autoattach_graphics_device, autoattach_input_device, autoattach_mem_balloon, autoattach_pod_interface,
	    autoattach_serial_console, block_multi_queue, disable_hotplug, disk_dedicated_io_thread, network_interface_multi_queue,
	    use_virtio_transitional;
	int cdrom_bus, disk_bus, lun_bus; /* enum disk_bus */
	char *disk_cache, *disk_io, *input_bus, *input_type, *interface_model, *panic_device_model, *sound_model, *video_type;
	struct disk_block_size *disk_block_size;
	struct empty *interface_masquerade, *rng;
	struct tpm *tpm;
	struct virtual_gpu_options *virtual_gpu_options;
};
struct feature_preference {
	struct feature_state *acpi, *apic, *pvspinlock, *smm;
	struct feature_kvm *kvm;
	struct hyperv *hyperv;
};
struct firmware_preference {
	enum tristate use_bios, use_bios_serial, use_efi, use_secure_boot;
	struct efi *efi;
};
struct machine_preference {
	char *preferred_machine_type;
};
struct volume_preference {
	char *preferred_storage_class_name;
};
struct cpu_requirement {
	int64_t guest; /* virtual CPUs */
};
struct memory_requirement {
	int64_t guest; /* bytes */
};
struct preference_requirements {
	struct cpu_requirement *cpu;
	struct memory_requirement *memory;
	char *architecture;
};
struct preference_spec {
	struct clock_preference *clock;
	struct cpu_preference *cpu;
	struct device_preference *devices;
	struct feature_preference *features;
	struct firmware_preference *firmware;
	struct machine_preference *machine;
	struct volume_preference *volumes;
	struct preference_requirements *requirements;
	struct launch_security *preferred_launch_security;
	char *preferred_architecture, *preferred_subdomain;
	char *preferred_termination_grace_period_seconds; /* number as text; NULL: unset */
	int64_t prefer_spread_socket_to_core_ratio;       /* 0: 2 */
	struct schema_map annotations;
};
struct preference { /* of a namespace or of all */
	struct object_head head;
	struct preference_spec *spec;
};

extern const struct schema matcher_schema, matcher_status_schema, instancetype_schema, instancetype_spec_schema, preference_schema,
    preference_spec_schema;

#endif
