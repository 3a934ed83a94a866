/* What the files of VirtualMachineInstance's rows share. */
#ifndef SOLOVIRT_API_DOMAIN_H
#define SOLOVIRT_API_DOMAIN_H

#include "src/api/vmi.h"
#include "src/document/diagnostic.h"

extern const struct schema clock_utc_schema, cpu_feature_schema, disk_block_size_schema, efi_schema, feature_kvm_schema,
    hugepages_schema, hyperv_schema, io_threads_schema, launch_security_schema, numa_schema, realtime_schema, timers_schema,
    tpm_schema, virtual_gpu_options_schema, bios_schema, bootloader_schema, cpu_schema, disk_target_schema, features_schema,
    firmware_schema, guest_clock_schema, memory_schema, resource_list_schema, resources_schema, video_schema;
extern const char *const io_threads_policies[];
extern const struct schema devices_schema, disk_schema, domain_schema, empty_schema, feature_state_schema, gpu_schema,
    host_device_schema, interface_schema, machine_schema, network_schema, probe_schema, access_credential_schema,
    affinity_schema, toleration_schema, topology_spread_schema, dns_config_schema;

/* Rules across the fields of a VMI's spec (KubeVirt's create webhook). */
void vmi_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics);

/* M11: memory.guest and memory.maxGuest of a VirtualMachine's template. */
void vm_memory_check(const struct vmi_spec *spec, const struct document *document, const char *path,
    struct diagnostics *diagnostics);

#endif
