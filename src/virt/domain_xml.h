/* Domain XML from an instance, as KubeVirt's launcher would make it (pure: no libvirt, no I/O). */
#ifndef SOLOVIRT_VIRT_DOMAIN_XML_H
#define SOLOVIRT_VIRT_DOMAIN_XML_H

#include "src/api/storage_class.h"
#include "src/api/vmi.h"

struct error;

/* XML namespace of our element in <metadata>.  It says whose the domain is, and what it uses, so that a daemon whose store
 * is lost can go on with it:
 * <solovirt:instance xmlns:solovirt="..." uid="" namespace="" name="" epoch="" store="" pool="">
 *   <solovirt:claim name="" path="" capacity=""/>  <solovirt:interface name="" network="" mac="" ip=""/>
 *   <solovirt:cpu id="" node=""/>  <solovirt:device name="" bus="" address=""/>
 * </solovirt:instance> */
#define DOMAIN_METADATA_URI "https://solovirt.io/domain/1"

/* A Ceph cluster, as QEMU's own rbd driver reaches it. */
struct domain_ceph {
	const char *cluster;         /* clusterID, for our metadata */
	const char *pool;            /* POOL or POOL/NAMESPACE, likewise */
	const char *const *monitors; /* "10.0.0.1:6789", NULL-terminated */
	const char *user;            /* without "client." */
	char secret[37];             /* uuid of libvirt's secret with the key */
	char passphrase[37];         /* likewise with the passphrase of the volume's LUKS; "": it is not encrypted */
};
/* The uuids of these secrets on every host: they go by names.  of: whose passphrase it is. */
void domain_ceph_secret(const char *cluster, const char *user, char uuid[37]);
void domain_passphrase_secret(const char *of, char uuid[37]);

/* Where storage put a volume on the host. */
struct domain_volume {
	const char *name;   /* of the VMI's volume */
	const char *path;   /* file or block device on the host; POOL[/NAMESPACE]/IMAGE in Ceph */
	const struct domain_ceph *ceph; /* NULL: it is on the host */
	const char *folder; /* directory that is shared under this name, or NULL */
	const char *format; /* "raw" or "qcow2", never probed */
	bool block, readonly;
	bool thick;         /* all its blocks were written once: the guest gives none back */
	const char *claim;  /* its PersistentVolumeClaim, or NULL */
	int64_t capacity;   /* of the claim's volume, bytes */
	struct disk_limits limits; /* of the claim's class */
	const char *backing_path, *backing_format; /* what an overlay (qcow2) lies over, or NULL */
	bool backing_block;
	const char *base_path; /* raw: what a backing in qcow2 lies over itself, or NULL */
};
/* Where net plugs an interface in. */
struct domain_interface {
	const char *name;    /* of the VMI's interface */
	const char *network; /* libvirt network; with a config only noted */
	const char *mac;
	const char *ip, *ip6; /* that it is to have, or NULL */
	int vlan;            /* on a network of libvirt: tag of the card's frames; 0: none */
	const struct network_config *config; /* of a bridge that is no network of libvirt; or NULL */
};
/* A device of the host that the guest gets. */
struct domain_host_device {
	const char *name;    /* of the VMI's GPU or host device */
	const char *address; /* on the host's PCI bus; or NULL */
	const char *mdev;    /* uuid of a mediated device */
	const char *usb;     /* "bus:device" of a USB device; several with "+" between them */
};
/* A processor of the host that the guest has for itself. */
struct domain_pin {
	int cpu, node; /* its number, and that of its memory node */
};
struct domain_input {
	const struct vmi *vmi;         /* with its defaults: vmi_spec_default() */
	int64_t epoch;                 /* of the store: an older manager must not touch what a newer made */
	const char *store;             /* its uuid: epochs of different stores say nothing of each other */
	const char *pool;              /* libvirt pool of the claims' volumes */
	bool emulation;                /* type qemu instead of kvm */
	const char *console_log;       /* file on the host */
	const struct domain_volume *volumes;
	size_t volume_count;
	const struct domain_interface *interfaces;
	size_t interface_count;
	const struct domain_host_device *host_devices;
	size_t host_device_count;
	const struct domain_pin *pins; /* domain_pins() of them, for an instance that has processors of its own */
	size_t pin_count;
	const char *cpuset;            /* processors of the host that its threads stay on but for pins, "0-3"; NULL: all */
	const char *const *loaders;    /* UEFI code on the host, NULL-terminated; NULL: whatever is asked for is there */
	const char *nvram;             /* file that keeps UEFI's variables; NULL: libvirt's own, gone with the domain */
	const char *kernel, *initrd;   /* files that kernelBoot's container brought */
	const char *acpi_slic, *acpi_msdm; /* files with the tables that firmware.acpi names */
};

/* "<namespace>_<name>"; caller g_free()s. */
char *domain_name(const char *namespace, const char *name);

/* What the guest's device of a disk is called, such as vda; NULL when there is no such disk.  Caller g_free()s. */
char *domain_disk_target(const struct vmi_spec *spec, const char *name);
/* True for machines that are PCs: neither Arm's nor IBM Z's. */
bool domain_is_pc(const struct vmi_spec *spec);

/* How many processors of the host an instance wants for itself: one a virtual CPU, then one each thread of a supplemental
 * pool, then those of QEMU's own threads.  0 unless it has dedicatedCpuPlacement. */
size_t domain_pins(const struct vmi *vmi);

/* True when the instance boots by UEFI, and whether it starts signed loaders only. */
bool domain_is_efi(const struct vmi_spec *spec);
bool domain_is_secure(const struct vmi_spec *spec);
/* The UEFI code that would be taken of those that are there (see loaders), and its template of variables (*vars), or NULL. */
const char *domain_loader(const struct vmi_spec *spec, const char *const *loaders, const char **vars);
/* Every UEFI code that domain_loader() knows, NULL-terminated: where to look. */
const char *const *domain_loaders(void);

/*
 * The XML text (caller g_free()s), or NULL: a disk whose volume is not in volumes, an interface without its port ...
 * What only the host can tell is left open: disk_modes.h fills it in.
 */
char *domain_xml_format(const struct domain_input *input, struct error *err);
/* What of it domain-update takes (host_verbs.h): its metadata, and the disks that may change while the guest runs and whose
 * volumes are there. */
char *domain_live_xml_format(const struct domain_input *input, struct error *err);

#endif
