/* What the files that build a domain share; each adds the elements of its noun.  Part of domain_xml. */
#ifndef SOLOVIRT_VIRT_DOMAIN_BUILD_H
#define SOLOVIRT_VIRT_DOMAIN_BUILD_H

#include <stdbool.h>

#include "src/virt/domain_xml.h"
#include "src/virt/xml_build.h"

struct domain_build {
	struct xml_build *xml;
	struct xml_node *domain, *devices;
	const struct domain_input *input;
	const struct vmi_spec *spec;
	const char *virtio; /* model of virtio devices */
	bool pc;            /* amd64: SATA, VGA, SMM ... */
	bool s390x;
	bool sealed;        /* launchSecurity: virtio devices go through the IOMMU */
	int pcie;           /* devices that take a PCIe slot, so far */
	bool usb, scsi;     /* a device needs the controller */
};

/* Each adds below the domain or its devices.  -1 when something has nothing to stand on: no volume, no port, no loader. */
int domain_add_memory(struct domain_build *b, struct error *err);
int domain_add_cpu(struct domain_build *b, struct error *err);
int domain_add_os(struct domain_build *b, struct error *err);
void domain_add_sysinfo(struct domain_build *b);
void domain_add_clock(struct domain_build *b);
void domain_add_features(struct domain_build *b);
void domain_add_launch_security(struct domain_build *b);
int domain_add_disks(struct domain_build *b, struct error *err);
/* Only those that may change while the guest runs. */
int domain_add_live_disks(struct domain_build *b, struct error *err);
int domain_add_interfaces(struct domain_build *b, struct error *err);
int domain_add_host_devices(struct domain_build *b, struct error *err);
int domain_add_filesystems(struct domain_build *b, struct error *err);
void domain_add_devices(struct domain_build *b);
void domain_add_controllers(struct domain_build *b); /* last: when it is known what there is to control */

/* Threads for I/O, and how many of them the disks without one of their own share. */
struct domain_threads {
	int count, shared;
};
struct domain_threads domain_threads(const struct vmi_spec *spec);
/* The same processor for each thread of the pool, behind those of the virtual CPUs. */
bool domain_has_thread_pool(const struct vmi_spec *spec);

/* The number as text that lives as long as the build. */
const char *domain_number(struct domain_build *b, int64_t value);
/* User aliases begin with "ua-" (libvirt); KubeVirt's tools find devices by them. */
void domain_add_alias(struct domain_build *b, struct xml_node *node, const char *prefix, const char *name);
void domain_add_boot_order(struct domain_build *b, struct xml_node *node, int64_t order);
/* <address> from "0000:81:01.0"; nothing for NULL or "", -1 when it is none.  parent may be a <source>. */
int domain_add_pci_address(struct domain_build *b, struct xml_node *parent, const char *address, bool guest, struct error *err);
/* A state as libvirt writes it. */
const char *domain_on_off(enum tristate enabled);
const char *domain_yes_no(bool yes);
/* Devices that the guest shares its memory with. */
bool domain_shares_memory(const struct vmi_spec *spec);
const struct domain_volume *domain_volume(const struct domain_build *b, const char *name);
const struct domain_host_device *domain_host_device(const struct domain_build *b, const char *name);
bool domain_is_dedicated(const struct vmi_spec *spec);
/* The guest's memory is a file in memory that others can map. */
bool domain_has_memfd(const struct domain_build *b);
/* Memory nodes of the host that the pins are on. */
int domain_numa_cells(const struct domain_build *b);

#endif
