/* The daemon's configuration: rows and reading. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "src/api/config.h"
#include "src/api/meta.h"
#include "src/api/rows.h"
#include "src/base/cpuset.h"
#include "src/base/error.h"
#include "src/base/ip.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/document.h"

static const struct schema_field spool_rows[] = {
	{ DURATION("scanInterval", struct config_spool, scan_interval), .dflt = "5m", .min = 100, .max = 86400000, .doc = "How often all files are looked at, whatever inotify says; shorter where other machines write, of whom it does not tell (NFS)." },
	{ DURATION("settle", struct config_spool, settle), .dflt = "250ms", .min = 0, .max = 60000, .doc = "How long the spool must be quiet before it is looked at." },
	{ DURATION("deleteDelay", struct config_spool, delete_delay), .dflt = "10s", .min = 0, .max = 86400000, .doc = "How long a file must be gone before its objects are deleted." },
	{ INT("holdCount", struct config_spool, hold_count), .dflt = "3", .min = 0, .max = 1000000, .doc = "Deletions are held when more objects than this are gone at once, and more than holdPercent." },
	{ INT("holdPercent", struct config_spool, hold_percent), .dflt = "20", .min = 0, .max = 100, .doc = "Part of all objects; see holdCount." },
	{ 0 },
};
static SCHEMA(config_spool_schema, struct config_spool, "Spool", "How the spool is watched.", spool_rows, .nullable = true);

static int
check_cpuset(const char *text, struct error *err)
{
	struct cpuset unused;

	return cpuset_parse(text, &unused, err) == 0 ? 0 : error_wrap(err, "\"%.40s\" ", text);
}

/* As Open vSwitch writes where somebody listens: it knows no names, only addresses. */
static int
check_listener(const char *text, struct error *err)
{
	const char *address = g_str_has_prefix(text, "ssl:") || g_str_has_prefix(text, "tcp:") ? text + 4 : "";
	const char *colon = strrchr(address, ':');
	g_autofree char *ip = colon == NULL ? g_strdup("") : g_strndup(address, (gsize)(colon - address));
	size_t length = strlen(ip);
	bool bracketed = length > 2 && ip[0] == '[' && ip[length - 1] == ']';
	g_autofree char *bare = bracketed ? g_strndup(ip + 1, length - 2) : g_strdup(ip);
	struct ip number;
	guint64 port;

	return colon != NULL && ip_parse(bare, &number, NULL) == 0 && bracketed == (ip_version(&number) == 6) &&
	            g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL)
	    ? 0
	    : error_set(err, EINVAL, "\"%.80s\" is not like ssl:10.0.0.2:6640 or tcp:[fd00::2]:6640, with an address and a port", text);
}

static int
check_file(const char *text, struct error *err)
{
	int fd;

	if (check_absolute_path(text, err) < 0)
		return -1;
	fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_errno(err, "cannot read \"%.200s\"", text);
	close(fd);
	return 0;
}

static int
check_device(const char *text, struct error *err)
{
	return g_regex_match_simple("^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$", text, G_REGEX_DOLLAR_ENDONLY, 0)
	    ? 0
	    : error_set(err, EINVAL, "\"%.40s\" is no name of a device: up to 15 letters, digits, dots, dashes and underscores", text);
}

static const struct schema_field openvswitch_rows[] = {
	{ STRING("database", struct config_openvswitch, database), .flags = FIELD_REQUIRED, .check = check_listener, .doc = "Where its ovsdb-server listens, such as ssl:10.0.0.2:6640. With tcp: all is in the clear, and whoever gets there may change everything." },
	{ STRING("bridges", struct config_openvswitch, bridges), .check = check_listener, .doc = "Where the first bridge that is made there listens for OpenFlow; each other one does at the next port that is free. Port 6653 beside the database when not given." },
	{ STRINGS("interfaces", struct config_openvswitch, interfaces), .check = check_device, .doc = "Interfaces that may become ports of bridges, such as eth1. They must have no addresses, which would be cut off: from here that cannot be seen. Others must be ports already." },
	{ STRING("privateKey", struct config_openvswitch, private_key), .check = check_file, .doc = "File with the key that we show for ssl:, in PEM." },
	{ STRING("certificate", struct config_openvswitch, certificate), .check = check_file, .doc = "File with its certificate." },
	{ STRING("caCertificate", struct config_openvswitch, ca_certificate), .check = check_file, .doc = "File with the certificate of the authority that the host's certificate is from. Whoever has one from there is believed: an authority that is used for nothing else is best." },
	{ 0 },
};
static SCHEMA(openvswitch_schema, struct config_openvswitch, "OpenVSwitch", "Open vSwitch on another machine.", openvswitch_rows, .nullable = true);

static const char *const emulation_words[] = { "", "auto", "always", "never", NULL };
static const struct schema_field host_rows[] = {
	{ STRING("name", struct config_host, name), .flags = FIELD_REQUIRED, .check = check_dns_subdomain, .doc = "Name of the Node." },
	{ STRING("uri", struct config_host, uri), .dflt = "qemu:///system", .max = 1024, .doc = "How libvirt reaches it. With another machine in it, as in qemu+ssh://edge3/system, its pool is filled through libvirt." },
	{ STRINGS("enter", struct config_host, enter), .max = 4096, .doc = "Command that starts the host's worker where its libvirt is, for a host that shares this machine and its files but has namespaces of its own (a container, a test bed), such as [podman, exec, --preserve-fds=1, edge2]: the worker's path and arguments are put behind it, and it must hand on descriptor 3. A host that is named by a process id is another one when that ends. libvirt, Open vSwitch and DHCP servers are those that are found there." },
	{ ENUM("emulation", struct config_host, emulation, emulation_words), .dflt = "auto", .doc = "Whether guests run without KVM: auto tries KVM out on this host, and believes libvirt on remote ones." },
	{ STRING("reservedSystemCPUs", struct config_host, reserved_system_cpus), .max = 4096, .check = check_cpuset, .doc = "Processors that no machine gets for itself, such as 0-1,8: the host and all other machines run on them; the first core when not given." },
	{ OBJECT("openvswitch", struct config_host, openvswitch, struct config_openvswitch, &openvswitch_schema), .doc = "Open vSwitch of a remote host, for the networks of Kube-OVN's kinds; without it that host is not asked for them." },
	{ 0 },
};
static SCHEMA(host_schema, struct config_host, "Host", "A libvirt host.", host_rows, .nullable = true);

static const struct schema_field overcommit_rows[] = {
	{ MILLI("cpu", struct config_overcommit, cpu), .dflt = "10", .min = 1, .max = 1000000, .doc = "Virtual CPUs for each processor of a host." },
	{ MILLI("memory", struct config_overcommit, memory), .dflt = "1", .min = 1, .max = 100000, .doc = "Guest memory for each byte of a host's." },
	{ 0 },
};
static SCHEMA(overcommit_schema, struct config_overcommit, "Overcommit", "How much more is promised than is there.", overcommit_rows, .nullable = true);

static const struct schema_field pool_rows[] = {
	{ STRING("name", struct config_pool, name), .dflt = "solovirt", .check = check_dns_label, .doc = "Name of the libvirt storage pool." },
	{ STRING("path", struct config_pool, path), .dflt = "/var/lib/libvirt/images/solovirt", .check = check_absolute_path, .doc = "Its directory." },
	{ 0 },
};
static SCHEMA(pool_schema, struct config_pool, "Pool", "Where disks of the class local are kept.", pool_rows, .nullable = true);

static const struct schema_field images_rows[] = {
	{ STRING("directory", struct config_images, directory), .dflt = "/var/lib/solovirt/images", .check = check_absolute_path, .doc = "Where they lie, each as an OCI layout: quay.io/containerdisks/debian:12 is the manifest named 12 in the layout DIRECTORY/quay.io/containerdisks/debian." },
	{ QUANTITY("cacheSize", struct config_images, cache_size), .dflt = "50Gi", .doc = "How much the image cache (namespace solovirt-images) may hold: beyond it images that no disk rests on are removed, the one that was not used for longest first." },
	{ BOOL("probe", struct config_images, probe), .dflt = "true", .doc = "Ask servers and registries what they have, so that the image cache keeps images without a checksum, too; false: such an image is fetched for each disk." },
	{ DURATION("stallTimeout", struct config_images, stall_timeout), .dflt = "1m", .min = 1000, .max = 3600000, .doc = "How long a server may send less than 1 KiB a second before its connection counts as broken; then it is resumed or made anew." },
	{ 0 },
};
static SCHEMA(images_schema, struct config_images, "Images", "Container images with disks.", images_rows, .nullable = true);

static const struct schema_field network_rows[] = {
	{ STRING("name", struct config_network, name), .dflt = "solovirt", .check = check_dns_label, .doc = "Name of the libvirt network." },
	{ STRING("bridge", struct config_network, bridge), .dflt = "solovirt0", .min = 1, .max = 15, .doc = "Its bridge on the host." },
	{ STRING("cidr", struct config_network, cidr), .dflt = "192.168.77.0/24", .check = check_subnet, .doc = "Its subnet." },
	{ 0 },
};
static SCHEMA(network_schema_, struct config_network, "Network", "The default network.", network_rows, .nullable = true);

/* ceph-csi's limit: it goes into volume handles. */
static int
check_cluster_id(const char *text, struct error *err)
{
	size_t length = strlen(text);

	return length > 0 && length <= 36 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length
	    ? 0
	    : error_set(err, EINVAL, "\"%.40s\" is not 1 to 36 letters, digits, \"-\", \"_\" and \".\"", text);
}

static int
check_monitor(const char *text, struct error *err)
{
	size_t length = strlen(text);

	return length > 0 && length <= 255 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]") == length
	    ? 0
	    : error_set(err, EINVAL, "\"%.40s\" is not the address of a monitor, such as 10.0.0.1:6789 or mon1.example.org", text);
}

static const struct schema_field ceph_rows[] = {
	{ STRING("clusterID", struct config_ceph, cluster_id), .flags = FIELD_REQUIRED, .check = check_cluster_id, .doc = "What StorageClasses call it in parameters.clusterID." },
	{ STRINGS("monitors", struct config_ceph, monitors), .flags = FIELD_REQUIRED, .check = check_monitor, .doc = "Addresses of its monitors, such as 10.0.0.1:6789." },
	{ STRING("user", struct config_ceph, user), .dflt = "admin", .max = 255, .doc = "Name of the Ceph user, without \"client.\"; it needs mon \"profile rbd\" and osd \"profile rbd pool=POOL\"." },
	{ STRING("keyring", struct config_ceph, keyring), .check = check_absolute_path, .doc = "File with the user's key; /etc/ceph/ceph.client.USER.keyring when not given." },
	{ STRING("radosNamespace", struct config_ceph, rados_namespace), .max = 255, .doc = "Namespace of the pools that is used; the unnamed one when not given." },
	{ 0 },
};
static SCHEMA(ceph_schema, struct config_ceph, "Ceph", "A Ceph cluster.", ceph_rows, .nullable = true);

static const struct schema_field access_rows[] = {
	{ STRINGS("adminUsers", struct config_access, admin_users), .doc = "Users who may do everything, besides root." },
	{ STRINGS("adminGroups", struct config_access, admin_groups), .doc = "Groups whose members may do everything." },
	{ STRINGS("viewGroups", struct config_access, view_groups), .doc = "Groups whose members may look, but not at Secrets." },
	{ 0 },
};
static SCHEMA(access_schema, struct config_access, "Access", "Who may use the control socket.", access_rows, .nullable = true);

/* "10DE:1EB8" */
static int
check_pci_selector(const char *text, struct error *err)
{
	return g_regex_match_simple("^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}$", text, 0, 0)
	    ? 0
	    : error_set(err, EINVAL, "\"%.40s\" is no vendor and product: write them as lspci -nn does, such as 10de:1eb8", text);
}

static int
check_usb_id(const char *text, struct error *err)
{
	return g_regex_match_simple("^[0-9a-fA-F]{4}$", text, 0, 0)
	    ? 0
	    : error_set(err, EINVAL, "\"%.40s\" is no number of a USB vendor or product: write four digits as lsusb does, such as 46f4", text);
}

/* The name of an extended resource: KubeVirt takes it for a label. */
#define RESOURCE_NAME(T) { STRING("resourceName", T, resource), .flags = FIELD_REQUIRED, .check = check_label_name, .max = 317, .doc = "What specs call it in deviceName, such as nvidia.com/TU104GL_Tesla_T4." }
#define EXTERNAL { IGNORED("externalResourceProvider", BOOL, "Devices are always found by this daemon's own workers.") }
static const struct schema_field permitted_pci_rows[] = {
	{ STRING("pciVendorSelector", struct permitted_pci, selector), .flags = FIELD_REQUIRED, .check = check_pci_selector, .doc = "Vendor and product, such as 10de:1eb8." },
	RESOURCE_NAME(struct permitted_pci),
	EXTERNAL,
	{ 0 },
};
static SCHEMA(permitted_pci_schema, struct permitted_pci, "PciHostDevice", "PCI devices of one kind.", permitted_pci_rows, .nullable = true);
static const struct schema_field permitted_mdev_rows[] = {
	{ STRING("mdevNameSelector", struct permitted_mdev, selector), .flags = FIELD_REQUIRED, .max = 253, .doc = "Name of their type, such as GRID T4-1Q." },
	RESOURCE_NAME(struct permitted_mdev),
	EXTERNAL,
	{ 0 },
};
static SCHEMA(permitted_mdev_schema, struct permitted_mdev, "MediatedHostDevice", "Mediated devices of one type, which have been made on the host.", permitted_mdev_rows, .nullable = true);
static const struct schema_field usb_selector_rows[] = {
	{ STRING("vendor", struct usb_selector, vendor), .flags = FIELD_REQUIRED, .check = check_usb_id, .doc = "Number of the vendor, such as 46f4." },
	{ STRING("product", struct usb_selector, product), .flags = FIELD_REQUIRED, .check = check_usb_id, .doc = "Number of the product, such as 0001." },
	{ STRING("serial", struct usb_selector, serial), .max = 253, .doc = "Serial number, where only one device of its kind is meant; on remote hosts it is not known." },
	{ 0 },
};
static SCHEMA(usb_selector_schema, struct usb_selector, "USBSelector", "A USB device.", usb_selector_rows, .nullable = true);
static const struct schema_field permitted_usb_rows[] = {
	RESOURCE_NAME(struct permitted_usb),
	{ LIST("selectors", struct permitted_usb, selectors, &usb_selector_schema), .max = 16, .doc = "One device each, which a machine gets all together." },
	EXTERNAL,
	{ 0 },
};
static SCHEMA(permitted_usb_schema, struct permitted_usb, "USBHostDevice", "USB devices of one kind.", permitted_usb_rows, .nullable = true);
static const struct schema_field permitted_rows[] = {
	{ LIST("pciHostDevices", struct permitted_devices, pci, &permitted_pci_schema), .max = 256, .doc = "PCI devices; the host gives them up while a guest has them." },
	{ LIST("mediatedDevices", struct permitted_devices, mdev, &permitted_mdev_schema), .max = 256, .doc = "Mediated devices, such as virtual GPUs." },
	{ LIST("usb", struct permitted_devices, usb, &permitted_usb_schema), .max = 256, .doc = "USB devices." },
	{ 0 },
};
SCHEMA(permitted_devices_schema, struct permitted_devices, "PermittedHostDevices", "Devices of the hosts that machines may have.", permitted_rows, .nullable = true);

static int
check_level(const char *text, struct error *err)
{
	static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

	return g_strv_contains(levels, text) ? 0
	                                     : error_set(err, EINVAL, "\"%.20s\" is not one of error, warning, notice, info, debug", text);
}

static const struct schema_field config_rows[] = {
	{ STRING("spoolDirectory", struct config, spool_directory), .dflt = "/var/spool/solovirt", .check = check_absolute_path, .doc = "Where specs are dropped." },
	{ STRING("stateDirectory", struct config, state_directory), .dflt = "/var/lib/solovirt", .check = check_absolute_path, .doc = "Where the store is kept." },
	{ STRING("runtimeDirectory", struct config, runtime_directory), .dflt = "/run/solovirt", .check = check_absolute_path, .doc = "Where status files are written." },
	{ STRING("socket", struct config, socket), .check = check_absolute_path, .doc = "Control socket; api.sock in the runtime directory when not given." },
	{ STRING("logLevel", struct config, log_level), .dflt = "info", .check = check_level, .doc = "Least important messages that are logged: error, warning, notice, info or debug." },
	{ DURATION("trash", struct config, trash), .dflt = "24h", .min = 0, .max = INT64_C(86400000) * 3650, .doc = "How long disks with data are kept after their claim is deleted; they come back when the same claim does." },
	{ OBJECT("spool", struct config, spool, struct config_spool, &config_spool_schema), .flags = FIELD_PRESENT, .doc = "How the spool is watched." },
	{ LIST("hosts", struct config, hosts, &host_schema), .key = "name", .max = 256, .doc = "Libvirt hosts; this machine when none is given." },
	{ OBJECT("overcommit", struct config, overcommit, struct config_overcommit, &overcommit_schema), .flags = FIELD_PRESENT, .doc = "How much more is promised than is there." },
	{ OBJECT("pool", struct config, pool, struct config_pool, &pool_schema), .flags = FIELD_PRESENT, .doc = "Where disks of the class local are kept." },
	{ OBJECT("images", struct config, images, struct config_images, &images_schema), .flags = FIELD_PRESENT, .doc = "Container images with disks." },
	{ OBJECT("network", struct config, network, struct config_network, &network_schema_), .flags = FIELD_PRESENT, .doc = "The default network." },
	{ OBJECT("access", struct config, access, struct config_access, &access_schema), .flags = FIELD_PRESENT, .doc = "Who may use the control socket." },
	{ LIST("ceph", struct config, ceph, &ceph_schema), .key = "clusterID", .max = 64, .doc = "Ceph clusters, for StorageClasses with the provisioner rbd.csi.ceph.com." },
	{ OBJECT("permittedHostDevices", struct config, permitted, struct permitted_devices, &permitted_devices_schema), .doc = "Devices of the hosts that machines may have, as KubeVirt writes them; none when not given." },
	{ 0 },
};
SCHEMA(config_schema, struct config, "Configuration", "The daemon's configuration.", config_rows, .nullable = true);

/* What rows cannot say as defaults. */
static void
config_complete(struct config *config)
{
	char hostname[256] = "localhost";
	struct config_host *host;

	SCHEMA_EACH (struct config_host, one, &config->hosts)
		if (one->openvswitch != NULL && one->openvswitch->bridges == NULL)
			one->openvswitch->bridges = g_strdup_printf("%.*s:6653", (int)(strrchr(one->openvswitch->database, ':') - one->openvswitch->database),
			    one->openvswitch->database);
	SCHEMA_EACH (struct config_ceph, ceph, &config->ceph)
		if (ceph->keyring == NULL)
			ceph->keyring = g_strdup_printf("/etc/ceph/ceph.client.%s.keyring", ceph->user);
	if (config->socket == NULL)
		config->socket = g_strconcat(config->runtime_directory, "/api.sock", NULL);
	if (config->hosts.count > 0)
		return;
	gethostname(hostname, sizeof(hostname) - 1);
	host = schema_list_add(&config->hosts, &host_schema);
	g_autofree char *name = g_ascii_strdown(hostname, -1);
	host->name = g_strdup(check_dns_subdomain(name, NULL) == 0 ? name : "localhost");
}

/* --- Open vSwitch of remote hosts ------------------------------------------------------------------------------------- */

bool
config_uri_is_local(const char *uri)
{
	const char *rest = strstr(uri, "://");

	return rest != NULL && (rest[3] == '/' || rest[3] == '\0');
}

/* Half a set of keys would mean a connection that does not know whom it speaks to. */
static void
check_keys(const struct config_openvswitch *o, const struct document *document, const char *place, struct diagnostics *diagnostics)
{
	const struct {
		const char *name, *value;
	} keys[] = { { "privateKey", o->private_key }, { "certificate", o->certificate }, { "caCertificate", o->ca_certificate } };
	bool encrypted = g_str_has_prefix(o->database, "ssl:") || (o->bridges != NULL && g_str_has_prefix(o->bridges, "ssl:"));

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *field = g_strdup_printf("%s.%s", place, keys[i].name);
		if (encrypted && keys[i].value == NULL)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, field,
			    "is required with ssl:, as are all of privateKey, certificate and caCertificate");
		if (!encrypted && keys[i].value != NULL)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, field, "is of no use with tcp:; write ssl: to use it");
	}
}

static void
check_clear(const char *listener, const char *name, const struct document *document, const char *place, struct diagnostics *diagnostics)
{
	g_autofree char *field = g_strdup_printf("%s.%s", place, name);

	if (listener != NULL && g_str_has_prefix(listener, "tcp:"))
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, field,
		    "%s is in the clear, and whoever gets there may change everything: use ssl: where others are on the network", listener);
}

/* What rows cannot say as checks. */
static void
check_hosts(const struct config *config, const struct document *document, struct diagnostics *diagnostics)
{
	size_t i = 0;

	SCHEMA_EACH (struct config_host, host, &config->hosts) {
		g_autofree char *place = g_strdup_printf("hosts[%zu].openvswitch", i++);
		const struct config_openvswitch *o = host->openvswitch;
		if (o == NULL)
			continue;
		if (config_uri_is_local(host->uri))
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, place,
			    "is for remote hosts, and %s is this machine: leave it out", host->uri);
		check_keys(o, document, place, diagnostics);
		check_clear(o->database, "database", document, place, diagnostics);
		check_clear(o->bridges, "bridges", document, place, diagnostics);
	}
}

static struct config *
config_parse(const char *path, const char *text, size_t length, struct diagnostics *diagnostics)
{
	g_autoptr(GPtrArray) documents = g_ptr_array_new_with_free_func((GDestroyNotify)document_free);
	struct config *config;
	json_t *empty = json_object();

	if (document_read(path, text, length, documents, diagnostics) != 0) {
		json_decref(empty);
		return NULL;
	}
	if (documents->len > 1)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, documents->pdata[1], "", "only one document is allowed here");
	config = g_malloc0(sizeof(*config));
	const struct document *first = documents->len == 0 ? NULL : documents->pdata[0];
	schema_decode(&config_schema, first == NULL ? empty : first->root, first, "", config, diagnostics);
	if (diagnostics->errors == 0)
		check_hosts(config, first, diagnostics);
	json_decref(empty);
	return config;
}

struct config *
config_load(const char *path, struct error *err)
{
	g_autoptr(GError) why = NULL;
	g_autofree char *text = NULL, *errors = NULL, *warnings = NULL;
	struct diagnostics diagnostics;
	struct config *config;
	gsize length = 0;

	if (path != NULL && !g_file_get_contents(path, &text, &length, &why)) {
		error_set(err, ENOENT, "cannot read the configuration: %s", why->message);
		return NULL;
	}
	diagnostics_init(&diagnostics);
	config = config_parse(path, text == NULL ? "" : text, length, &diagnostics);
	if (diagnostics.errors > 0) {
		errors = diagnostics_format(&diagnostics, SEVERITY_ERROR);
		error_set(err, EINVAL, "%s", errors);
		config_free(config);
		config = NULL;
	} else {
		warnings = diagnostics_format(&diagnostics, SEVERITY_WARNING);
		if (*warnings != '\0')
			log_warning("%s", warnings);
		config_complete(config);
	}
	diagnostics_clear(&diagnostics);
	return config;
}

void
config_free(struct config *config)
{
	schema_free(&config_schema, config);
}

static void
add_once(GPtrArray *names, const char *name)
{
	if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
		g_ptr_array_add(names, (void *)(uintptr_t)name);
}

const char **
config_permitted(const struct config *config)
{
	static const struct permitted_devices none;
	const struct permitted_devices *permitted = config->permitted == NULL ? &none : config->permitted;
	GPtrArray *names = g_ptr_array_new();

	SCHEMA_EACH (struct permitted_pci, pci, &permitted->pci)
		add_once(names, pci->resource);
	SCHEMA_EACH (struct permitted_mdev, mdev, &permitted->mdev)
		add_once(names, mdev->resource);
	SCHEMA_EACH (struct permitted_usb, usb, &permitted->usb)
		add_once(names, usb->resource);
	g_ptr_array_add(names, NULL);
	return (void *)g_ptr_array_free(names, FALSE);
}
