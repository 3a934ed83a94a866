/* The daemon's configuration file: rows like any kind; solovirtd.yaml(5) is made from them. */
#ifndef SOLOVIRT_API_CONFIG_H
#define SOLOVIRT_API_CONFIG_H

#include "src/schema/schema.h"

struct config_spool {
	int64_t scan_interval, settle, delete_delay; /* ms */
	int64_t hold_count, hold_percent;            /* more objects than this AND more percent gone at once are held */
};
enum emulation { EMULATION_UNSET, EMULATION_AUTO, EMULATION_ALWAYS, EMULATION_NEVER };
struct config_openvswitch {
	char *database, *bridges;                         /* "ssl:10.0.0.2:6640" */
	char **interfaces;
	char *private_key, *certificate, *ca_certificate; /* files; all of them where any of the two is "ssl:" */
};
struct config_host {
	char *name, *uri;
	char **enter; /* what starts its worker there; NULL or empty: nothing */
	int emulation; /* enum emulation */
	char *reserved_system_cpus; /* "0-1"; NULL: the first core, where there are several */
	struct config_openvswitch *openvswitch; /* NULL: it is on this machine, or not managed */
};
struct config_overcommit {
	int64_t cpu, memory; /* thousandths: 10 -> 10000 */
};
struct config_pool {
	char *name, *path;
};
struct config_images {
	char *directory;
	int64_t cache_size; /* bytes */
	bool probe;         /* sources are asked what they have */
	int64_t stall_timeout; /* ms: so long a server may send next to nothing */
};
struct config_network {
	char *name, *bridge, *cidr;
};
struct config_ceph {
	char *cluster_id, *user, *keyring, *rados_namespace;
	char **monitors;
};
struct config_access {
	char **admin_users, **admin_groups, **view_groups;
};
struct permitted_pci {
	char *selector, *resource; /* "10DE:1EB8" */
};
struct permitted_mdev {
	char *selector, *resource; /* "GRID T4-1Q" */
};
struct usb_selector {
	char *vendor, *product, *serial; /* serial NULL: any */
};
struct permitted_usb {
	char *resource;
	struct schema_list selectors; /* struct usb_selector: one device each, all together */
};
/* As KubeVirt has it. */
struct permitted_devices {
	struct schema_list pci, mdev, usb; /* struct permitted_pci, permitted_mdev, permitted_usb */
};
struct config {
	char *spool_directory, *state_directory, *runtime_directory, *socket;
	char *log_level;
	int64_t trash; /* ms */
	struct config_spool *spool;
	struct schema_list hosts; /* struct config_host */
	struct config_overcommit *overcommit;
	struct config_pool *pool;
	struct config_images *images;
	struct config_network *network;
	struct config_access *access;
	struct schema_list ceph; /* struct config_ceph */
	struct permitted_devices *permitted; /* NULL: no word of it */
};

extern const struct schema config_schema, permitted_devices_schema;

/* Reads a file; NULL path: the defaults.  A missing host list means one host, this machine (qemu:///system).  On errors
 * NULL, with all of them in err, one a line.  Warnings are logged. */
struct config *config_load(const char *path, struct error *err);
void config_free(struct config *config);

/* A URI without a host in it is served by a libvirtd that sees our files. */
bool config_uri_is_local(const char *uri);

/* Names of the resources that instances may have, each once, in their order; NULL-terminated.  g_free(); the names are the
 * configuration's. */
const char **config_permitted(const struct config *config);

#endif
