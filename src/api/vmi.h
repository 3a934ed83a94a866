/* VirtualMachineInstance (kubevirt.io/v1): a virtual machine that runs.  Field meanings: KubeVirt's API reference. */
#ifndef SOLOVIRT_API_VMI_H
#define SOLOVIRT_API_VMI_H

#include "src/api/meta.h"

/* --- spec.domain ------------------------------------------------------------------------------------------------- */

struct cpu_feature {
	char *name;
	int policy; /* enum cpu_feature_policy */
};
enum cpu_feature_policy { CPU_FEATURE_UNSET, CPU_FEATURE_FORCE, CPU_FEATURE_REQUIRE, CPU_FEATURE_OPTIONAL, CPU_FEATURE_DISABLE,
	CPU_FEATURE_FORBID };

struct cpu {
	int64_t sockets, cores, threads, max_sockets; /* 0: unset */
	char *model;
	struct schema_list features; /* struct cpu_feature */
};

struct memory {
	int64_t guest, max_guest; /* bytes; 0: unset */
};

struct resource_list {
	int64_t memory; /* bytes */
	int64_t cpu;    /* millicores */
};
struct resources {
	struct resource_list *requests, *limits; /* may be NULL */
	bool overcommit_guest_overhead;
};

struct machine {
	char *type;
};

struct bios {
	enum tristate use_serial;
};
struct bootloader {
	struct bios *bios;
};
struct firmware {
	char *uuid, *serial;
	struct bootloader *bootloader;
};

struct clock_utc {
	char *offset_seconds; /* number as text; NULL: unset */
};
struct timer {
	enum tristate present;
	char *tick_policy, *track;
};
struct timers {
	struct timer *hpet, *pit, *rtc, *kvm, *hyperv;
};
struct guest_clock {
	struct clock_utc *utc;
	char *timezone;
	struct timers *timer;
};

struct feature_state {
	enum tristate enabled; /* unset counts as true when the struct is there */
};
struct feature_kvm {
	bool hidden;
};
struct features {
	struct feature_state *acpi, *apic, *smm, *pvspinlock;
	struct feature_kvm *kvm;
};

struct chassis {
	char *manufacturer, *version, *serial, *asset, *sku;
};

enum disk_bus { DISK_BUS_UNSET, DISK_BUS_VIRTIO, DISK_BUS_SATA, DISK_BUS_SCSI, DISK_BUS_USB };
extern const char *const disk_bus_words[];

struct disk_target {
	int bus; /* enum disk_bus */
	bool readonly;
	char *pci_address;
};
struct cdrom_target {
	int bus;
	enum tristate readonly;
	char *tray;
};
struct disk {
	char *name, *serial, *cache, *io, *error_policy, *tag;
	int64_t boot_order; /* 0: unset */
	bool shareable, dedicated_io_thread;
	struct disk_target *disk, *lun; /* at most one of disk, lun, cdrom; none means disk */
	struct cdrom_target *cdrom;
};

struct port {
	char *name, *protocol;
	int64_t port;
};
struct dhcp_options {
	char *boot_file_name, *tftp_server_name;
	char **ntp_servers;
};
struct interface {
	char *name, *model, *mac_address, *pci_address, *tag, *state;
	int64_t boot_order;
	struct schema_list ports; /* struct port */
	json_t *bridge, *masquerade; /* exactly one: the binding */
};

struct input {
	char *name, *type, *bus;
};
struct i6300esb {
	char *action;
};
struct watchdog {
	char *name;
	struct i6300esb *i6300esb;
};

struct devices {
	struct schema_list disks, interfaces, inputs; /* struct disk, interface, input */
	struct watchdog *watchdog;
	json_t *rng;
	enum tristate autoattach_pod_interface, autoattach_graphics_device, autoattach_serial_console, autoattach_mem_balloon,
	    log_serial_console;
	bool autoattach_input_device, use_virtio_transitional, block_multi_queue, network_interface_multiqueue, disable_hotplug;
};

struct domain {
	struct cpu *cpu;
	struct memory *memory;
	struct resources *resources;
	struct machine *machine;
	struct firmware *firmware;
	struct guest_clock *clock;
	struct features *features;
	struct chassis *chassis;
	struct devices *devices; /* never NULL */
	int reboot_policy;       /* enum reboot_policy */
};
enum reboot_policy { REBOOT_UNSET, REBOOT_REBOOT, REBOOT_TERMINATE };

/* --- spec.volumes, spec.networks ---------------------------------------------------------------------------------- */

struct volume_data_volume {
	char *name;
};
struct volume_claim {
	char *claim_name;
	bool read_only;
};
struct empty_disk {
	int64_t capacity;
};
enum host_disk_type { HOST_DISK_UNSET, HOST_DISK_DISK, HOST_DISK_DISK_OR_CREATE };
struct host_disk {
	char *path;
	int type; /* enum host_disk_type */
	int64_t capacity;
	enum tristate shared;
};
struct cloud_init {
	char *user_data, *user_data_base64, *network_data, *network_data_base64;
	struct local_object_reference *secret_ref, *network_data_secret_ref;
};
struct volume_secret {
	char *secret_name, *volume_label;
	bool optional;
};
struct volume_config_map {
	char *name, *volume_label;
	bool optional;
};
struct volume { /* name and exactly one source */
	char *name;
	struct volume_data_volume *data_volume;
	struct volume_claim *persistent_volume_claim;
	struct empty_disk *empty_disk;
	struct host_disk *host_disk;
	struct cloud_init *cloud_init_no_cloud, *cloud_init_config_drive;
	struct volume_secret *secret;
	struct volume_config_map *config_map;
};

struct network { /* name and exactly one source */
	char *name;
	json_t *pod;
};

/* --- the kind ---------------------------------------------------------------------------------------------------- */

enum start_strategy { START_UNSET, START_PAUSED };

struct vmi_spec {
	struct domain *domain;                /* never NULL */
	struct schema_list volumes, networks; /* struct volume, network */
	int start_strategy;                   /* enum start_strategy */
	int eviction_strategy;                /* kept for host maintenance */
	int64_t termination_grace_period_seconds; /* 30 when unset */
	char *hostname, *subdomain, *architecture;
	struct schema_map node_selector;
};

enum vmi_phase { VMI_UNSET, VMI_PENDING, VMI_SCHEDULING, VMI_SCHEDULED, VMI_RUNNING, VMI_SUCCEEDED, VMI_FAILED, VMI_UNKNOWN,
	VMI_PHASE_COUNT };
extern const char *const vmi_phase_words[];

struct vmi_interface_status {
	char *name, *ip_address, *mac, *info_source, *link_state;
	char **ip_addresses;
};
struct phase_transition {
	int phase; /* enum vmi_phase */
	int64_t phase_transition_timestamp;
};
struct volume_status {
	char *name, *target;
};
struct guest_os_info {
	char *name, *kernel_release, *version, *pretty_name, *version_id, *kernel_version, *machine, *id;
};
struct cpu_topology {
	int64_t cores, sockets, threads;
};
struct memory_status {
	int64_t guest_at_boot, guest_current, guest_requested;
};
struct vmi_status {
	char *node_name, *reason;
	int phase; /* enum vmi_phase */
	struct schema_list phase_transition_timestamps, conditions, interfaces, volume_status;
	struct guest_os_info *guest_os_info;
	struct machine *machine;
	struct cpu_topology *current_cpu_topology;
	struct memory_status *memory;
	struct schema_map active_pods; /* uid -> host, while something of the instance is there */
};

struct vmi {
	struct object_head head;
	struct vmi_spec *spec;     /* never NULL */
	struct vmi_status *status; /* never NULL */
};

extern const struct schema vmi_schema, vmi_spec_schema, vmi_status_schema, volume_schema;

/* Number of virtual CPUs: sockets x cores x threads, unset ones 1; without a topology the CPU limit or request decides. */
int64_t vmi_vcpus(const struct vmi_spec *spec);
/* Guest memory in bytes: memory.guest, else requests.memory, else limits.memory; 0 when none is given. */
int64_t vmi_memory(const struct vmi_spec *spec);
/* True when the phase is final (Succeeded or Failed). */
bool vmi_is_final(const struct vmi *vmi);
/* ACPI is on unless features.acpi.enabled is false. */
bool vmi_has_acpi(const struct vmi_spec *spec);
/* The hostname that the guest is told: spec.hostname, else the name up to its first dot, 63 characters.  g_free(). */
char *vmi_hostname(const struct vmi *vmi);
/* The volume or network of a name, or NULL. */
const struct volume *vmi_volume(const struct vmi_spec *spec, const char *name);
const struct network *vmi_network(const struct vmi_spec *spec, const char *name);

#endif
