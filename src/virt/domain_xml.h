/* Domain XML from an instance, as KubeVirt's launcher would make it (pure: no libvirt, no I/O). */
#ifndef SOLOVIRT_VIRT_DOMAIN_XML_H
#define SOLOVIRT_VIRT_DOMAIN_XML_H

#include "src/api/vmi.h"

struct error;

/* XML namespace of our element in <metadata>.  It says whose the domain is, and what it uses, so that a daemon whose store
 * is lost can go on with it:
 * <solovirt:instance xmlns:solovirt="..." uid="" namespace="" name="" epoch="" store="" pool="">
 *   <solovirt:claim name="" path="" capacity=""/>  <solovirt:interface name="" network="" mac="" ip=""/>
 * </solovirt:instance> */
#define DOMAIN_METADATA_URI "https://solovirt.io/domain/1"

/* Where storage put a volume on the host. */
struct domain_volume {
	const char *name;   /* of the VMI's volume */
	const char *path;   /* file or block device on the host */
	const char *format; /* "raw" or "qcow2", never probed */
	bool block, readonly;
	const char *claim;  /* its PersistentVolumeClaim, or NULL */
	int64_t capacity;   /* of the claim's volume, bytes */
};
/* Where net plugs an interface in. */
struct domain_interface {
	const char *name;    /* of the VMI's interface */
	const char *network; /* libvirt network */
	const char *mac;
	const char *ip;      /* that DHCP gives it, or NULL */
};
struct domain_input {
	const struct vmi *vmi;
	int64_t epoch;                 /* of the store: an older manager must not touch what a newer made */
	const char *store;             /* its uuid: epochs of different stores say nothing of each other */
	const char *pool;              /* libvirt pool of the claims' volumes */
	bool emulation;                /* type qemu instead of kvm */
	const char *console_log;       /* file on the host */
	const struct domain_volume *volumes;
	size_t volume_count;
	const struct domain_interface *interfaces;
	size_t interface_count;
};

/* "<namespace>_<name>"; caller g_free()s. */
char *domain_name(const char *namespace, const char *name);

/* The XML text (caller g_free()s), or NULL: a disk whose volume is not in volumes, an interface without its port ... */
char *domain_xml_format(const struct domain_input *input, struct error *err);

#endif
