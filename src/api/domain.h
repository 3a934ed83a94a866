/* What the files of VirtualMachineInstance's rows share. */
#ifndef SOLOVIRT_API_DOMAIN_H
#define SOLOVIRT_API_DOMAIN_H

#include "src/api/vmi.h"
#include "src/document/diagnostic.h"

extern const struct schema devices_schema, disk_schema, domain_schema, empty_schema, feature_state_schema, gpu_schema,
    host_device_schema, interface_schema, machine_schema, network_schema, probe_schema, access_credential_schema,
    affinity_schema, toleration_schema, topology_spread_schema, dns_config_schema;

/* Rules across the fields of a VMI's spec (KubeVirt's create webhook). */
void vmi_spec_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics);

/* Rules across the fields of a cloud-init source. */
void cloud_init_check(const void *object, const struct document *document, const char *path, struct diagnostics *diagnostics);

#endif
