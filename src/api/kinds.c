/* The list of kinds, and how documents and words find theirs. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/api/core.h"
#include "src/api/data_import_cron.h"
#include "src/api/data_source.h"
#include "src/api/instancetype.h"
#include "src/api/ip_address.h"
#include "src/api/ip_pool.h"
#include "src/api/kinds.h"
#include "src/api/migration.h"
#include "src/api/network_attachment.h"
#include "src/api/persistent_volume.h"
#include "src/api/preset.h"
#include "src/api/provider_network.h"
#include "src/api/replicaset.h"
#include "src/api/revision.h"
#include "src/api/security_group.h"
#include "src/api/snapshot.h"
#include "src/api/storage_profile.h"
#include "src/api/subnet.h"
#include "src/api/vip.h"
#include "src/api/vlan.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/document/document.h"
#include "src/document/path.h"

#define KUBEVIRT "kubevirt.io"
#define CDI "cdi.kubevirt.io"
#define KUBE_OVN "kubeovn.io"
#define INSTANCETYPE "instancetype.kubevirt.io"

const struct kind kinds[KIND_COUNT] = {
	[KIND_VM] = { .group = KUBEVIRT, .version = "v1", .old_version = "v1alpha3", .name = "VirtualMachine",
	    .plural = "virtualmachines", .singular = "virtualmachine", .short_names = { "vm", "vms" }, .namespaced = true,
	    .has_status = true, .in_all = true, .schema = &vm_schema, .status_schema = &vm_status_schema, .columns = vm_columns,
	    .doc = "A virtual machine, running or not.", .prepare = vm_prepare, .check_change = vm_check_change,
	    .finalizer = "kubevirt.io/virtualMachineControllerFinalize" },
	[KIND_VMI] = { .group = KUBEVIRT, .version = "v1", .old_version = "v1alpha3", .name = "VirtualMachineInstance",
	    .plural = "virtualmachineinstances", .singular = "virtualmachineinstance", .short_names = { "vmi", "vmis" },
	    .namespaced = true, .in_all = true, .schema = &vmi_schema, .status_schema = &vmi_status_schema, .columns = vmi_columns,
	    .doc = "A virtual machine that runs.", .prepare = vmi_prepare, .check_change = vmi_check_change,
	    .finalizer = "kubevirt.io/foregroundDeleteVirtualMachine" },
	[KIND_DATA_VOLUME] = { .group = CDI, .version = "v1beta1", .name = "DataVolume", .plural = "datavolumes",
	    .singular = "datavolume", .short_names = { "dv", "dvs" }, .namespaced = true, .has_status = true, .in_all = true,
	    .schema = &data_volume_schema, .status_schema = &data_volume_status_schema, .columns = data_volume_columns,
	    .doc = "A disk that is filled from somewhere." },
	[KIND_CLAIM] = { .group = "", .version = "v1", .name = "PersistentVolumeClaim", .plural = "persistentvolumeclaims",
	    .singular = "persistentvolumeclaim", .short_names = { "pvc" }, .namespaced = true, .has_status = true,
	    .schema = &claim_schema, .status_schema = &claim_status_schema, .columns = claim_columns, .doc = "A disk.",
	    .prepare = claim_prepare, .finalizer = "kubernetes.io/pvc-protection", .check_change = claim_check_change },
	[KIND_STORAGE_CLASS] = { .group = "storage.k8s.io", .version = "v1", .name = "StorageClass", .plural = "storageclasses",
	    .singular = "storageclass", .short_names = { "sc" }, .schema = &storage_class_schema, .columns = storage_class_columns,
	    .doc = "A way to make disks." },
	[KIND_SECRET] = { .group = "", .version = "v1", .name = "Secret", .plural = "secrets", .singular = "secret",
	    .namespaced = true, .schema = &secret_schema, .columns = secret_columns, .doc = "Data that is not shown.",
	    .prepare = secret_prepare, .check_change = secret_check_change },
	[KIND_CONFIG_MAP] = { .group = "", .version = "v1", .name = "ConfigMap", .plural = "configmaps", .singular = "configmap",
	    .short_names = { "cm" }, .namespaced = true, .schema = &config_map_schema, .columns = config_map_columns,
	    .doc = "Data.", .check_change = config_map_check_change },
	[KIND_NODE] = { .group = "", .version = "v1", .name = "Node", .plural = "nodes", .singular = "node", .short_names = { "no" },
	    .has_status = true, .schema = &node_schema, .status_schema = &node_status_schema, .columns = node_columns,
	    .doc = "A libvirt host." },
	[KIND_EVENT] = { .group = "", .version = "v1", .name = "Event", .plural = "events", .singular = "event",
	    .short_names = { "ev" }, .namespaced = true, .heartbeat = true, .schema = &event_schema, .columns = event_columns,
	    .doc = "Something that happened." },
	[KIND_INSTANCETYPE] = { .group = INSTANCETYPE, .version = "v1beta1", .name = "VirtualMachineInstancetype", .plural = "virtualmachineinstancetypes",
	    .singular = "virtualmachineinstancetype", .short_names = { "vminstancetype", "vminstancetypes", "vmf", "vmfs" }, .namespaced = true, .in_all = true,
	    .schema = &instancetype_schema, .columns = age_columns, .doc = "A size that machines of a namespace share." },
	[KIND_CLUSTER_INSTANCETYPE] = { .group = INSTANCETYPE, .version = "v1beta1", .name = "VirtualMachineClusterInstancetype", .plural = "virtualmachineclusterinstancetypes",
	    .singular = "virtualmachineclusterinstancetype", .short_names = { "vmclusterinstancetype", "vmclusterinstancetypes", "vmcf", "vmcfs" },
	    .schema = &instancetype_schema, .columns = age_columns, .doc = "A size that all machines share." },
	[KIND_PREFERENCE] = { .group = INSTANCETYPE, .version = "v1beta1", .name = "VirtualMachinePreference", .plural = "virtualmachinepreferences",
	    .singular = "virtualmachinepreference", .short_names = { "vmpref", "vmprefs", "vmp", "vmps" }, .namespaced = true, .in_all = true,
	    .schema = &preference_schema, .columns = age_columns, .doc = "What a guest would rather have, for machines of a namespace." },
	[KIND_CLUSTER_PREFERENCE] = { .group = INSTANCETYPE, .version = "v1beta1", .name = "VirtualMachineClusterPreference", .plural = "virtualmachineclusterpreferences",
	    .singular = "virtualmachineclusterpreference", .short_names = { "vmcp", "vmcps" },
	    .schema = &preference_schema, .columns = age_columns, .doc = "What a guest would rather have, for all machines." },
	[KIND_PRESET] = { .group = KUBEVIRT, .version = "v1", .old_version = "v1alpha3", .name = "VirtualMachineInstancePreset",
	    .plural = "virtualmachineinstancepresets", .singular = "virtualmachineinstancepreset",
	    .short_names = { "vmipreset", "vmipresets" }, .namespaced = true, .in_all = true, .schema = &preset_schema,
	    .columns = age_columns, .doc = "Hardware that is merged into instances with certain labels." },
	[KIND_CONTROLLER_REVISION] = { .group = "apps", .version = "v1", .name = "ControllerRevision",
	    .plural = "controllerrevisions", .singular = "controllerrevision", .namespaced = true,
	    .schema = &controller_revision_schema, .columns = controller_revision_columns,
	    .doc = "A copy of something as it was once." },
	[KIND_REPLICA_SET] = { .group = KUBEVIRT, .version = "v1", .old_version = "v1alpha3",
	    .name = "VirtualMachineInstanceReplicaSet", .plural = "virtualmachineinstancereplicasets",
	    .singular = "virtualmachineinstancereplicaset", .short_names = { "vmirs", "vmirss" }, .namespaced = true,
	    .has_status = true, .has_scale = true, .in_all = true, .schema = &replica_set_schema, .status_schema = &replica_status_schema,
	    .columns = replica_columns, .doc = "A number of equal instances." },
	[KIND_POOL] = { .group = "pool.kubevirt.io", .version = "v1beta1", .old_version = "v1alpha1", .name = "VirtualMachinePool",
	    .plural = "virtualmachinepools", .singular = "virtualmachinepool", .short_names = { "vmpool", "vmpools" },
	    .namespaced = true, .has_status = true, .has_scale = true, .in_all = true, .schema = &pool_schema,
	    .status_schema = &replica_status_schema, .columns = replica_columns, .doc = "A number of equal machines." },
	[KIND_MIGRATION] = { .group = KUBEVIRT, .version = "v1", .old_version = "v1alpha3",
	    .name = "VirtualMachineInstanceMigration", .plural = "virtualmachineinstancemigrations",
	    .singular = "virtualmachineinstancemigration", .short_names = { "vmim", "vmims" }, .namespaced = true,
	    .has_status = true, .in_all = true, .schema = &migration_schema, .status_schema = &migration_status_schema,
	    .columns = migration_columns, .doc = "An instance that moves to another host.", .prepare = migration_prepare },
	[KIND_MIGRATION_POLICY] = { .group = "migrations.kubevirt.io", .version = "v1alpha1", .name = "MigrationPolicy",
	    .plural = "migrationpolicies", .singular = "migrationpolicy", .schema = &migration_policy_schema,
	    .columns = age_columns, .doc = "How certain instances move." },
	[KIND_PRIORITY_CLASS] = { .group = "scheduling.k8s.io", .version = "v1", .name = "PriorityClass",
	    .plural = "priorityclasses", .singular = "priorityclass", .short_names = { "pc" }, .schema = &priority_class_schema,
	    .columns = priority_class_columns, .doc = "How much machines matter." },
	[KIND_VOLUME] = { .group = "", .version = "v1", .name = "PersistentVolume", .plural = "persistentvolumes",
	    .singular = "persistentvolume", .short_names = { "pv" }, .has_status = true, .schema = &persistent_volume_schema,
	    .status_schema = &persistent_volume_status_schema, .columns = persistent_volume_columns,
	    .doc = "The volume behind a claim, for show." },
	[KIND_STORAGE_PROFILE] = { .group = CDI, .version = "v1beta1", .name = "StorageProfile", .plural = "storageprofiles",
	    .singular = "storageprofile", .has_status = true, .schema = &storage_profile_schema,
	    .status_schema = &storage_profile_status_schema, .columns = age_columns,
	    .doc = "What a StorageClass's claims get where nothing is said." },
	[KIND_SNAPSHOT] = { .group = SNAPSHOT_GROUP, .version = "v1", .name = "VolumeSnapshot", .plural = "volumesnapshots",
	    .singular = "volumesnapshot", .short_names = { "vs" }, .namespaced = true, .has_status = true,
	    .schema = &volume_snapshot_schema, .status_schema = &volume_snapshot_status_schema, .columns = volume_snapshot_columns,
	    .doc = "A claim's volume as it was once.", .finalizer = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection" },
	[KIND_SNAPSHOT_CONTENT] = { .group = SNAPSHOT_GROUP, .version = "v1", .name = "VolumeSnapshotContent",
	    .plural = "volumesnapshotcontents", .singular = "volumesnapshotcontent", .short_names = { "vsc", "vscs" }, .has_status = true,
	    .schema = &volume_snapshot_content_schema, .status_schema = &snapshot_content_status_schema,
	    .columns = volume_snapshot_content_columns, .doc = "The snapshot behind a VolumeSnapshot, for show." },
	[KIND_SNAPSHOT_CLASS] = { .group = SNAPSHOT_GROUP, .version = "v1", .name = "VolumeSnapshotClass",
	    .plural = "volumesnapshotclasses", .singular = "volumesnapshotclass", .short_names = { "vsclass", "vsclasses" },
	    .schema = &volume_snapshot_class_schema, .columns = volume_snapshot_class_columns, .doc = "A way to take snapshots." },
	[KIND_DATA_SOURCE] = { .group = CDI, .version = "v1beta1", .name = "DataSource", .plural = "datasources",
	    .singular = "datasource", .short_names = { "das" }, .namespaced = true, .has_status = true, .in_all = true,
	    .schema = &data_source_schema, .status_schema = &data_source_status_schema, .columns = age_columns,
	    .doc = "A name for a disk that others are made of." },
	[KIND_DATA_IMPORT_CRON] = { .group = CDI, .version = "v1beta1", .name = "DataImportCron", .plural = "dataimportcrons",
	    .singular = "dataimportcron", .short_names = { "dic", "dics" }, .namespaced = true, .has_status = true, .in_all = true,
	    .schema = &data_import_cron_schema, .status_schema = &data_import_cron_status_schema, .columns = age_columns,
	    .doc = "A disk that is imported anew when its source changes." },
	[KIND_NETWORK_ATTACHMENT] = { .group = "k8s.cni.cncf.io", .version = "v1", .name = "NetworkAttachmentDefinition",
	    .plural = "network-attachment-definitions", .singular = "network-attachment-definition",
	    .short_names = { "net-attach-def", "nad" }, .namespaced = true, .schema = &network_attachment_schema,
	    .columns = network_attachment_columns, .doc = "A network beside the default one." },
	[KIND_PROVIDER_NETWORK] = { .group = KUBE_OVN, .finalizer = "kubeovn.io/kube-ovn-controller", .version = "v1", .name = "ProviderNetwork", .plural = "provider-networks",
	    .singular = "provider-network", .short_names = { "pn" }, .schema = &provider_network_schema, .has_status = true,
	    .status_schema = &provider_network_status_schema,
	    .columns = provider_network_columns, .doc = "A wire outside, and the network cards by which hosts reach it." },
	[KIND_VLAN] = { .group = KUBE_OVN, .finalizer = "kubeovn.io/kube-ovn-controller", .version = "v1", .name = "Vlan", .plural = "vlans",
	    .singular = "vlan", .schema = &vlan_schema, .has_status = true,
	    .status_schema = &vlan_status_schema,
	    .columns = vlan_columns, .doc = "A tag on the wire of a ProviderNetwork." },
	[KIND_SUBNET] = { .group = KUBE_OVN, .finalizer = "kubeovn.io/kube-ovn-controller", .version = "v1", .name = "Subnet", .plural = "subnets",
	    .singular = "subnet", .schema = &subnet_schema, .has_status = true,
	    .status_schema = &subnet_status_schema,
	    .columns = subnet_columns, .check_change = subnet_check_change, .doc = "Addresses of guests." },
	[KIND_IP] = { .group = KUBE_OVN, .finalizer = "kubeovn.io/kube-ovn-controller", .version = "v1", .name = "IP", .plural = "ips",
	    .singular = "ip", .schema = &ip_address_schema,
	    .columns = ip_address_columns, .doc = "Who has which address of a Subnet." },
	[KIND_VIP] = { .group = KUBE_OVN, .finalizer = "kubeovn.io/kube-ovn-controller", .version = "v1", .name = "Vip", .plural = "vips",
	    .singular = "vip", .schema = &vip_schema, .has_status = true,
	    .status_schema = &vip_status_schema,
	    .columns = vip_columns, .doc = "An address that several machines may use." },
	[KIND_IP_POOL] = { .group = KUBE_OVN, .version = "v1", .name = "IPPool", .plural = "ippools",
	    .singular = "ippool", .schema = &ip_pool_schema, .has_status = true,
	    .status_schema = &ip_pool_status_schema,
	    .columns = ip_pool_columns, .doc = "Addresses of a Subnet for those who ask." },
	[KIND_SECURITY_GROUP] = { .group = KUBE_OVN, .version = "v1", .name = "SecurityGroup", .plural = "security-groups",
	    .singular = "security-group", .short_names = { "sg" }, .schema = &security_group_schema, .has_status = true,
	    .status_schema = &security_group_status_schema,
	    .columns = age_columns, .doc = "With whom its members may talk." },
};

enum kind_id
kind_id(const struct kind *kind)
{
	return (enum kind_id)(kind - kinds);
}

static const char *
joined(const char *a, const char *separator, const char *b)
{
	g_autofree char *text = g_strconcat(a, separator, b, NULL);

	return g_intern_string(text);
}

const char *
kind_api_version(const struct kind *kind)
{
	return *kind->group == '\0' ? kind->version : joined(kind->group, "/", kind->version);
}

const char *
kind_resource(const struct kind *kind)
{
	return *kind->group == '\0' ? kind->plural : joined(kind->plural, ".", kind->group);
}

static bool
has_word(const struct kind *kind, const char *word)
{
	bool found = g_ascii_strcasecmp(word, kind->name) == 0 || g_ascii_strcasecmp(word, kind->singular) == 0 ||
	    g_ascii_strcasecmp(word, kind->plural) == 0 || g_ascii_strcasecmp(word, kind_resource(kind)) == 0;

	for (size_t i = 0; i < G_N_ELEMENTS(kind->short_names) && kind->short_names[i] != NULL; i++)
		found |= g_ascii_strcasecmp(word, kind->short_names[i]) == 0;
	return found;
}

const struct kind *
kind_of_word(const char *word)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		g_autofree char *dotted = g_strconcat(kinds[i].singular, ".", kinds[i].group, NULL);
		g_autofree char *full = g_strconcat(kinds[i].plural, ".", kinds[i].version, ".", kinds[i].group, NULL);
		if (has_word(&kinds[i], word) || g_ascii_strcasecmp(word, dotted) == 0 || g_ascii_strcasecmp(word, full) == 0)
			return &kinds[i];
	}
	return NULL;
}

const struct kind *
kind_of_path(const char *group, const char *version, const char *plural)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].group, group) == 0 && strcmp(kinds[i].plural, plural) == 0 &&
		    (strcmp(kinds[i].version, version) == 0 || g_strcmp0(kinds[i].old_version, version) == 0))
			return &kinds[i];
	return NULL;
}

static bool
is_version_of(const struct kind *kind, const char *api_version)
{
	return strcmp(api_version, kind_api_version(kind)) == 0 ||
	    (kind->old_version != NULL && strcmp(api_version, joined(kind->group, "/", kind->old_version)) == 0);
}

/* The kind is not known, or not in that version: say what is. */
static void
unknown_kind(const struct document *document, const char *api_version, const char *name, struct diagnostics *diagnostics)
{
	const char *names[KIND_COUNT + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < KIND_COUNT; i++) {
		names[i] = kinds[i].name;
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document, "apiVersion",
		    "\"%s\" is not a version of %s: write %s", api_version, name, kind_api_version(&kinds[i]));
		return;
	}
	near = nearest_word(name, names);
	if (near != NULL) {
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document, "kind",
		    "\"%s\" is not a known kind; did you mean %s?", name, near);
		return;
	}
	diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_NOT_SUPPORTED, document, "kind",
	    "\"%s\" is not a known kind (\"solovirt api-resources\" lists them)", name);
}

const struct kind *
kind_of_document(const struct document *document, struct diagnostics *diagnostics)
{
	static const char *const fields[] = { "apiVersion", "kind" };
	const char *values[2];

	for (size_t i = 0; i < 2; i++) {
		values[i] = json_string_value(json_object_get(document->root, fields[i]));
		if (values[i] == NULL && diagnostics != NULL)
			diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, fields[i], "is required: %s",
			    i == 0 ? "such as kubevirt.io/v1" : "such as VirtualMachine");
	}
	if (values[0] == NULL || values[1] == NULL)
		return NULL;
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(kinds[i].name, values[1]) == 0 && is_version_of(&kinds[i], values[0]))
			return &kinds[i];
	if (diagnostics != NULL)
		unknown_kind(document, values[0], values[1], diagnostics);
	return NULL;
}

/* Kubernetes' limit on all annotations of an object together. */
enum { ANNOTATION_BYTES = 256 << 10 };

static void tell(const struct document *document, const char *field, const char *place, struct diagnostics *diagnostics,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void
tell(const struct document *document, const char *field, const char *place, struct diagnostics *diagnostics,
    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	diagnostics_add_named(diagnostics, SEVERITY_ERROR, CAUSE_INVALID, document, place, field, format, ap);
	va_end(ap);
}

/* What rows cannot say of a map: rules for its values. */
static void
check_maps(const struct document *document, const struct meta *meta, struct diagnostics *diagnostics)
{
	struct error err = { 0 };
	size_t bytes = 0;

	for (size_t i = 0; i < meta->labels.count; i++) {
		g_autoptr(GString) path = g_string_new("metadata.labels");

		path_member(path, meta->labels.entries[i].name);
		if (check_label_value(meta->labels.entries[i].value, &err) != 0)
			tell(document, "metadata.labels", path->str, diagnostics, "%s", err.text);
	}
	for (size_t i = 0; i < meta->annotations.count; i++)
		bytes += strlen(meta->annotations.entries[i].name) + strlen(meta->annotations.entries[i].value);
	if (bytes > ANNOTATION_BYTES)
		tell(document, "metadata.annotations", "metadata.annotations", diagnostics, "has %zu bytes: at most %d are allowed", bytes,
		    ANNOTATION_BYTES);
}

/* Metadata that a user must or must not write. */
static void
check_meta(const struct kind *kind, const struct document *document, const struct meta *meta, struct diagnostics *diagnostics)
{
	if (meta->name == NULL && path_find(document->root, "metadata.generateName") == NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_REQUIRED, document, "metadata.name",
		    "is required: what the %s is called", kind->name);
	check_maps(document, meta, diagnostics);
	/* What is sent back to be changed has labels that the daemon gave. */
	if (kind == &kinds[KIND_VMI] && meta->uid == NULL)
		instance_metadata_check(&meta->labels, &meta->annotations, document, "metadata", diagnostics);
	if (!kind->namespaced && meta->namespace != NULL)
		diagnostics_add(diagnostics, SEVERITY_ERROR, CAUSE_FORBIDDEN, document, "metadata.namespace",
		    "a %s is in no namespace: remove it", kind->name);
	if (meta->name != NULL && kind->group == kinds[KIND_VM].group && strlen(meta->name) > 63)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_INVALID, document, "metadata.name",
		    "is %zu characters long: the guest's hostname has the first 63 of them", strlen(meta->name));
}

void *
kind_decode(const struct document *document, const char *default_namespace, const struct kind **kind_out,
    struct diagnostics *diagnostics)
{
	const struct kind *kind = kind_of_document(document, diagnostics);
	unsigned before = diagnostics->errors;
	struct object_head *head;
	json_t *tree;

	if (kind_out != NULL)
		*kind_out = kind;
	if (kind == NULL)
		return NULL;
	if (g_strcmp0(path_string(document->root, "apiVersion"), kind_api_version(kind)) != 0)
		diagnostics_add(diagnostics, SEVERITY_WARNING, CAUSE_NOT_SUPPORTED, document, "apiVersion", "is deprecated: write %s",
		    kind_api_version(kind));
	/* What users write under status is never taken, so it is not judged either. */
	tree = json_copy(document->root);
	json_object_del(tree, "status");
	head = g_malloc0(kind->schema->size);
	schema_decode(kind->schema, tree, document, "", head, diagnostics);
	json_decref(tree);
	check_meta(kind, document, head->meta, diagnostics);
	if (kind->namespaced && head->meta->namespace == NULL && default_namespace != NULL)
		head->meta->namespace = g_strdup(default_namespace);
	if (kind == &kinds[KIND_VM])
		vm_namespace_check(head, document, diagnostics);
	if (diagnostics->errors == before)
		return head;
	schema_free(kind->schema, head);
	return NULL;
}
