/* VirtualMachineInstance (kubevirt.io/v1): a virtual machine that runs.  Field meanings: KubeVirt's API reference. */
#ifndef SOLOVIRT_API_VMI_H
#define SOLOVIRT_API_VMI_H

#include "src/api/meta.h"

/* An object that says something by being there: "rng: {}". */
struct empty {
	char none;
};

/* --- spec.domain.cpu, memory, resources --------------------------------------------------------------------------- */

struct cpu_feature {
	char *name;
	int policy; /* enum cpu_feature_policy */
};
enum cpu_feature_policy { CPU_FEATURE_UNSET, CPU_FEATURE_FORCE, CPU_FEATURE_REQUIRE, CPU_FEATURE_OPTIONAL, CPU_FEATURE_DISABLE,
	CPU_FEATURE_FORBID };
struct numa {
	struct empty *guest_mapping_passthrough;
};
struct realtime {
	char *mask; /* "0-3,^1"; NULL: all */
};
struct cpu {
	int64_t sockets, cores, threads, max_sockets; /* 0: unset */
	char *model;
	struct schema_list features; /* struct cpu_feature */
	bool dedicated_cpu_placement, isolate_emulator_thread;
	struct numa *numa;
	struct realtime *realtime;
};

struct hugepages {
	int64_t page_size; /* bytes */
};
struct memory {
	int64_t guest, max_guest; /* bytes; 0: unset */
	struct hugepages *hugepages;
};

struct resource_list {
	int64_t memory; /* bytes */
	int64_t cpu;    /* millicores */
};
struct resources {
	struct resource_list *requests, *limits; /* may be NULL */
	bool overcommit_guest_overhead;
};

/* --- spec.domain.machine, firmware, clock, features --------------------------------------------------------------- */

struct machine {
	char *type;
};

struct bios {
	enum tristate use_serial;
};
struct efi {
	enum tristate secure_boot; /* unset counts as true */
	bool persistent;
};
struct bootloader {
	struct bios *bios; /* at most one */
	struct efi *efi;
};
struct kernel_container {
	char *image, *image_pull_secret, *image_pull_policy, *kernel_path, *initrd_path;
};
struct kernel_boot {
	char *kernel_args;
	struct kernel_container *container;
};
struct acpi_tables {
	char *slic_name_ref, *msdm_name_ref; /* names of secret volumes */
};
struct firmware {
	char *uuid, *serial;
	struct bootloader *bootloader;
	struct kernel_boot *kernel_boot;
	struct acpi_tables *acpi;
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
struct hyperv_spinlocks {
	enum tristate enabled;
	int64_t spinlocks; /* retries; 0: 4096 */
};
struct hyperv_timer {
	enum tristate enabled;
	struct feature_state *direct;
};
struct hyperv_tlb_flush {
	enum tristate enabled;
	struct feature_state *direct, *extended;
};
struct hyperv_vendor {
	enum tristate enabled;
	char *vendor_id;
};
struct hyperv {
	struct feature_state *relaxed, *vapic, *vpindex, *runtime, *synic, *reset, *frequencies, *reenlightenment, *ipi, *evmcs;
	struct hyperv_spinlocks *spinlocks;
	struct hyperv_timer *synictimer;
	struct hyperv_tlb_flush *tlbflush;
	struct hyperv_vendor *vendorid;
};
struct features {
	struct feature_state *acpi, *apic, *smm, *pvspinlock, *hyperv_passthrough;
	struct feature_kvm *kvm;
	struct hyperv *hyperv;
};

struct chassis {
	char *manufacturer, *version, *serial, *asset, *sku;
};

struct sev_policy {
	bool encrypted_state;
};
struct sev {
	struct sev_policy *policy;
	struct empty *attestation;
	char *session, *dh_cert;
};
struct launch_security {
	struct sev *sev; /* at most one */
	struct empty *snp, *tdx;
};

/* --- spec.domain.devices ------------------------------------------------------------------------------------------- */

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
struct block_size {
	int64_t logical, physical; /* bytes */
	char *discard_granularity; /* bytes as text; NULL: unset */
};
struct disk_block_size {
	struct block_size *custom;
	struct feature_state *match_volume;
};
struct disk {
	char *name, *serial, *cache, *io, *error_policy, *tag;
	int64_t boot_order; /* 0: unset */
	enum tristate shareable, dedicated_io_thread;
	struct disk_target *disk, *lun; /* at most one of disk, lun, cdrom; none means disk */
	struct cdrom_target *cdrom;
	struct disk_block_size *block_size;
};

struct port {
	char *name, *protocol;
	int64_t port;
};
struct port_range {
	char *protocol;
	int64_t start, end;
};
struct dhcp_private_option {
	int64_t option;
	char *value;
};
struct dhcp_options {
	char *boot_file_name, *tftp_server_name;
	char **ntp_servers;
	struct schema_list private_options; /* struct dhcp_private_option */
};
struct binding_plugin {
	char *name;
};
struct interface {
	char *name, *model, *mac_address, *pci_address, *tag, *state;
	int64_t boot_order, acpi_index;
	struct schema_list ports;                                     /* struct port */
	struct schema_list port_ranges;                               /* struct port_range */
	struct empty *bridge, *masquerade, *sriov, *passt_binding; /* exactly one of these and binding */
	struct binding_plugin *binding;
	struct dhcp_options *dhcp_options;
};

struct input {
	char *name, *type, *bus;
};
struct watchdog_device {
	char *action;
};
struct watchdog {
	char *name;
	struct watchdog_device *i6300esb, *diag288;
};
struct tpm {
	enum tristate enabled; /* unset counts as true */
	bool persistent;
};
struct video {
	char *type;
};
struct sound {
	char *name, *model;
};
struct panic_device {
	char *model;
};
struct gpu_display {
	enum tristate enabled;
	struct feature_state *ram_fb;
};
struct virtual_gpu_options {
	struct gpu_display *display;
};
/* A device of the host: a GPU or any other. */
struct host_device {
	char *name, *device_name, *claim_name, *request_name, *tag;
	struct virtual_gpu_options *virtual_gpu_options; /* GPUs only */
};
struct filesystem {
	char *name;
	struct empty *virtiofs;
};

struct devices {
	struct schema_list disks, interfaces, inputs;        /* struct disk, interface, input */
	struct schema_list panic_devices, gpus, host_devices; /* struct panic_device, host_device, host_device */
	struct schema_list filesystems;                       /* struct filesystem */
	struct watchdog *watchdog;
	struct tpm *tpm;
	struct video *video;
	struct sound *sound;
	struct empty *rng, *client_passthrough;
	enum tristate autoattach_pod_interface, autoattach_graphics_device, autoattach_serial_console, autoattach_mem_balloon,
	    log_serial_console, autoattach_input_device, autoattach_vsock, use_virtio_transitional, block_multi_queue,
	    network_interface_multiqueue;
	bool disable_hotplug;
};

enum io_threads_policy { IO_THREADS_UNSET, IO_THREADS_SHARED, IO_THREADS_AUTO, IO_THREADS_SUPPLEMENTAL_POOL };
struct io_threads {
	int64_t supplemental_pool_thread_count;
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
	struct io_threads *io_threads;
	struct launch_security *launch_security;
	int io_threads_policy; /* enum io_threads_policy */
	int reboot_policy;     /* enum reboot_policy */
};
enum reboot_policy { REBOOT_UNSET, REBOOT_REBOOT, REBOOT_TERMINATE };

/* --- spec.volumes, spec.networks ---------------------------------------------------------------------------------- */

struct volume_data_volume {
	char *name;
	bool hotpluggable;
};
struct volume_claim {
	char *claim_name;
	bool read_only, hotpluggable;
};
struct volume_ephemeral {
	struct volume_claim *persistent_volume_claim;
};
struct volume_container_disk {
	char *image, *image_pull_secret, *path, *image_pull_policy;
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
struct volume_sysprep {
	struct local_object_reference *secret, *config_map; /* exactly one */
};
struct volume_secret {
	char *secret_name, *volume_label;
	bool optional;
};
struct volume_config_map {
	char *name, *volume_label;
	bool optional;
};
struct field_reference {
	char *api_version, *field_path;
};
struct downward_field {
	char *path;
	struct field_reference *field_ref;
};
struct volume_downward {
	struct schema_list fields; /* struct downward_field */
	char *volume_label;
};
struct volume_service_account {
	char *service_account_name;
};
struct volume_container_path {
	char *path;
	enum tristate read_only;
};
struct volume { /* name and exactly one source */
	char *name;
	struct volume_data_volume *data_volume;
	struct volume_claim *persistent_volume_claim, *memory_dump;
	struct volume_ephemeral *ephemeral;
	struct volume_container_disk *container_disk;
	struct empty_disk *empty_disk;
	struct host_disk *host_disk;
	struct cloud_init *cloud_init_no_cloud, *cloud_init_config_drive;
	struct volume_sysprep *sysprep;
	struct volume_secret *secret;
	struct volume_config_map *config_map;
	struct volume_downward *downward_api;
	struct volume_service_account *service_account;
	struct volume_container_path *container_path; /* accepted, but no machine starts with it */
	struct empty *downward_metrics;               /* refused */
};

struct network_pod {
	char *vm_network_cidr, *vm_ipv6_network_cidr;
};
struct network_multus {
	char *network_name; /* [namespace/]name of a NetworkAttachmentDefinition */
	bool is_default;
};
struct network_claim {
	char *claim_name, *request_name;
};
struct network { /* name and exactly one source */
	char *name;
	struct network_pod *pod;
	struct network_multus *multus;
	struct network_claim *resource_claim; /* refused */
};

/* --- probes, credentials, placement --------------------------------------------------------------------------------- */

struct probe_exec {
	char **command;
};
struct http_header {
	char *name, *value;
};
struct probe_http {
	char *port, *path, *host, *scheme;
	struct schema_list http_headers; /* struct http_header */
};
struct probe_tcp {
	char *port, *host;
};
struct probe { /* exactly one of the first four */
	struct probe_exec *exec;
	struct probe_http *http_get;
	struct probe_tcp *tcp_socket;
	struct empty *guest_agent_ping;
	int64_t initial_delay_seconds, timeout_seconds, period_seconds, success_threshold, failure_threshold;
};

struct credential_secret {
	char *secret_name;
};
struct credential_source {
	struct credential_secret *secret;
};
struct agent_users {
	char **users;
};
struct credential_propagation { /* exactly one */
	struct empty *no_cloud, *config_drive;
	struct agent_users *qemu_guest_agent; /* users: for keys only */
};
struct access_credential_item {
	struct credential_source *source;
	struct credential_propagation *propagation_method;
};
struct access_credential { /* exactly one */
	struct access_credential_item *ssh_public_key, *user_password;
};

struct resource_claim {
	char *name, *resource_claim_name, *resource_claim_template_name;
};

struct dns_option {
	char *name, *value;
};
struct dns_config {
	char **nameservers, **searches;
	struct schema_list options; /* struct dns_option */
};

/* --- the kind ---------------------------------------------------------------------------------------------------- */

enum start_strategy { START_UNSET, START_PAUSED };
enum eviction_strategy { EVICTION_UNSET, EVICTION_NONE, EVICTION_LIVE_MIGRATE, EVICTION_LIVE_MIGRATE_IF_POSSIBLE,
	EVICTION_EXTERNAL };
enum dns_policy { DNS_UNSET, DNS_CLUSTER_FIRST_WITH_HOST_NET, DNS_CLUSTER_FIRST, DNS_DEFAULT, DNS_NONE };

struct vmi_spec {
	struct domain *domain;                /* never NULL */
	struct schema_list volumes, networks; /* struct volume, network */
	int start_strategy;                   /* enum start_strategy */
	int eviction_strategy;                /* enum eviction_strategy; kept for host maintenance */
	int64_t termination_grace_period_seconds; /* 30 when unset */
	char *hostname, *subdomain, *architecture;
	struct schema_map node_selector;
	struct probe *liveness_probe, *readiness_probe;
	struct schema_list access_credentials; /* struct access_credential */
	struct affinity *affinity;             /* src/api/placement.c */
	struct schema_list tolerations, topology_spread_constraints;
	int dns_policy; /* enum dns_policy */
	struct dns_config *dns_config;
	char *priority_class_name, *scheduler_name, *service_account_name;
	struct schema_list resource_claims; /* struct resource_claim; accepted, but no machine starts with it */
};

enum vmi_phase { VMI_UNSET, VMI_PENDING, VMI_SCHEDULING, VMI_SCHEDULED, VMI_RUNNING, VMI_SUCCEEDED, VMI_FAILED, VMI_UNKNOWN,
	VMI_PHASE_COUNT };
extern const char *const vmi_phase_words[];

struct vmi_interface_status {
	char *name, *ip_address, *mac, *info_source, *link_state, *interface_name;
	char **ip_addresses;
	int64_t queue_count;
};
struct phase_transition {
	int phase; /* enum vmi_phase */
	int64_t phase_transition_timestamp;
};
struct claim_info {
	char *claim_name, *volume_mode;
	char **access_modes;
	struct schema_map capacity, requests; /* "storage": quantity */
	bool preallocated;
};
struct memory_dump_volume {
	char *claim_name, *target_file_name;
	int64_t start_timestamp, end_timestamp;
};
struct volume_status {
	char *name, *target, *phase, *reason, *message;
	int64_t size;
	struct claim_info *claim_info;
	struct empty *hotplug_volume;
	struct memory_dump_volume *memory_dump_volume;
};
struct guest_os_info {
	char *name, *kernel_release, *version, *pretty_name, *version_id, *kernel_version, *machine, *id;
};
struct cpu_topology {
	int64_t cores, sockets, threads;
};
struct memory_status {
	int64_t guest_at_boot, guest_current, guest_requested, memory_overhead; /* bytes */
};
struct granted_cpu {
	int64_t id, node; /* number on the host, memory node */
};
struct granted_device {
	char *name;    /* of the GPU or host device */
	char *bus;     /* "pci", "mdev", "usb" */
	char *address; /* "0000:3b:00.0", a uuid, "1:4" or several of these with "+" between them */
};
/* What the host gave to the instance alone, until nothing of it is there any more. */
struct grant {
	struct schema_list cpus, devices; /* struct granted_cpu, in the order of domain_pins(); granted_device */
};
struct vmi_status {
	char *node_name, *reason;
	int phase; /* enum vmi_phase */
	struct schema_list phase_transition_timestamps, conditions, interfaces, volume_status;
	struct guest_os_info *guest_os_info;
	struct machine *machine;
	struct cpu_topology *current_cpu_topology;
	struct memory_status *memory;
	char *migration_method, *migration_transport, *qos_class, *virtual_machine_revision_name, *fs_freeze_status;
	int64_t vsock_cid, runtime_user;
	struct schema_map active_pods; /* uid -> host, while something of the instance is there */
	struct grant *grant;           /* of that host; NULL: nothing */
};

struct vmi {
	struct object_head head;
	struct vmi_spec *spec;     /* never NULL */
	struct vmi_status *status; /* never NULL */
};

extern const struct schema vmi_schema, vmi_spec_schema, vmi_status_schema, volume_schema, grant_schema, granted_cpu_schema,
    granted_device_schema;

/* Number of virtual CPUs: sockets x cores x threads, unset ones 1; without a topology the CPU limit or request decides. */
int64_t vmi_vcpus(const struct vmi_spec *spec);
/* Guest memory in bytes: memory.guest, else requests.memory, else limits.memory, else one huge page; 0 when none is given. */
int64_t vmi_memory(const struct vmi_spec *spec);
/* True when the phase is final (Succeeded or Failed). */
bool vmi_is_final(const struct vmi *vmi);
/* ACPI is on unless features.acpi.enabled is false. */
bool vmi_has_acpi(const struct vmi_spec *spec);
/* The hostname that the guest is told: spec.hostname, else the name up to its first dot, 63 characters.  g_free(). */
char *vmi_hostname(const struct vmi *vmi);
/* The volume, network or interface of a name, or NULL. */
const struct volume *vmi_volume(const struct vmi_spec *spec, const char *name);
const struct network *vmi_network(const struct vmi_spec *spec, const char *name);
const struct interface *vmi_interface(const struct vmi_spec *spec, const char *name);

#endif
