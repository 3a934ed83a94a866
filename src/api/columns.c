/* The columns that "get" prints, kind by kind: KubeVirt's and Kubernetes' own, in their order. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/core.h"
#include "src/api/ip_address.h"
#include "src/api/ip_pool.h"
#include "src/api/kinds.h"
#include "src/api/migration.h"
#include "src/api/network_attachment.h"
#include "src/api/persistent_volume.h"
#include "src/api/provider_network.h"
#include "src/api/replicaset.h"
#include "src/api/revision.h"
#include "src/api/snapshot.h"
#include "src/api/subnet.h"
#include "src/api/vip.h"
#include "src/api/vlan.h"
#include "src/api/vm.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/quantity.h"

static void
put(GString *out, const char *text)
{
	if (text != NULL)
		g_string_append(out, text);
}

static void
put_age(GString *out, int64_t since, int64_t now)
{
	char text[CLOCK_TEXT_SIZE];

	put(out, since == 0 ? "<unknown>" : clock_age(now - since, text));
}

static void
put_condition(GString *out, const struct schema_list *conditions, const char *type)
{
	const struct condition *c = condition_find(conditions, type);

	put(out, c == NULL ? NULL : c->status);
}

static void
put_bytes(GString *out, int64_t bytes)
{
	g_autofree char *text = bytes == 0 ? NULL : quantity_format_bytes(bytes);

	put(out, text);
}

/* One line a cell: CELL(name, struct, what to do with "o"). */
#define CELL(id, T, body)                                                                                                  \
	static void id(const void *object, int64_t now, GString *out)                                                          \
	{                                                                                                                      \
		const T *o = object;                                                                                               \
		(void)now;                                                                                                         \
		body;                                                                                                              \
	}
#define AGE { "Age", "date", "", false, age_cell }

CELL(age_cell, struct object_head, put_age(out, o->meta->creation_timestamp, now))

CELL(vm_status_cell, struct vm, put(out, o->status->printable_status))
CELL(vm_ready_cell, struct vm, put_condition(out, &o->status->conditions, "Ready"))
const struct column vm_columns[] = { AGE, { "Status", "string", "", false, vm_status_cell },
	{ "Ready", "string", "", false, vm_ready_cell }, { 0 } };

static const char *
first_address(const struct vmi *vmi)
{
	const struct vmi_interface_status *first = vmi->status->interfaces.items;

	return vmi->status->interfaces.count == 0 ? NULL : first->ip_address;
}
CELL(vmi_phase_cell, struct vmi, put(out, vmi_phase_words[o->status->phase]))
CELL(vmi_ip_cell, struct vmi, put(out, first_address(o)))
CELL(vmi_node_cell, struct vmi, put(out, o->status->node_name))
CELL(vmi_ready_cell, struct vmi, put_condition(out, &o->status->conditions, "Ready"))
CELL(vmi_migratable_cell, struct vmi, put_condition(out, &o->status->conditions, "LiveMigratable"))
CELL(vmi_paused_cell, struct vmi, put_condition(out, &o->status->conditions, "Paused"))
const struct column vmi_columns[] = { AGE, { "Phase", "string", "", false, vmi_phase_cell }, { "IP", "string", "", false, vmi_ip_cell },
	{ "NodeName", "string", "", false, vmi_node_cell }, { "Ready", "string", "", false, vmi_ready_cell },
	{ "Live-Migratable", "string", "", true, vmi_migratable_cell }, { "Paused", "string", "", true, vmi_paused_cell }, { 0 } };

CELL(dv_phase_cell, struct data_volume, put(out, data_volume_phase_words[o->status->phase]))
CELL(dv_progress_cell, struct data_volume, put(out, o->status->progress))
static const char *
running_message(const struct data_volume *dv)
{
	const struct condition *running = condition_find(&dv->status->conditions, "Running");

	return running == NULL ? NULL : running->message;
}
CELL(dv_message_cell, struct data_volume, put(out, running_message(o)))
CELL(dv_restarts_cell, struct data_volume, g_string_append_printf(out, "%lld", (long long)o->status->restart_count))
const struct column data_volume_columns[] = { { "Phase", "string", "", false, dv_phase_cell },
	{ "Progress", "string", "", false, dv_progress_cell }, { "Restarts", "integer", "", false, dv_restarts_cell }, AGE,
	{ "Message", "string", "", true, dv_message_cell }, { 0 } };

/* Kubernetes' short words for access modes. */
static void
put_modes(GString *out, char **modes)
{
	static const char *const words[][2] = { { "ReadWriteOnce", "RWO" }, { "ReadOnlyMany", "ROX" }, { "ReadWriteMany", "RWX" },
		{ "ReadWriteOncePod", "RWOP" } };

	for (char **mode = modes; mode != NULL && *mode != NULL; mode++)
		for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
			if (strcmp(*mode, words[i][0]) == 0)
				g_string_append_printf(out, "%s%s", out->len > 0 ? "," : "", words[i][1]);
}
CELL(claim_phase_cell, struct claim, put(out, claim_phase_words[o->status->phase]))
CELL(claim_volume_cell, struct claim, put(out, o->spec->volume_name))
CELL(claim_capacity_cell, struct claim, put_bytes(out, o->status->capacity == NULL ? 0 : o->status->capacity->storage))
CELL(claim_modes_cell, struct claim, put_modes(out, o->status->access_modes))
CELL(claim_class_cell, struct claim, put(out, o->spec->storage_class_name))
CELL(claim_mode_cell, struct claim, put(out, volume_mode_words[o->spec->volume_mode]))
CELL(claim_used_cell, struct claim, put_bytes(out, o->status->used))
const struct column claim_columns[] = { { "Status", "string", "", false, claim_phase_cell },
	{ "Volume", "string", "", false, claim_volume_cell }, { "Capacity", "string", "", false, claim_capacity_cell },
	{ "Access Modes", "string", "", false, claim_modes_cell }, { "StorageClass", "string", "", false, claim_class_cell }, AGE,
	{ "VolumeMode", "string", "", true, claim_mode_cell }, { "Used", "string", "", true, claim_used_cell }, { 0 } };

CELL(class_provisioner_cell, struct storage_class, put(out, o->provisioner))
CELL(class_reclaim_cell, struct storage_class, put(out, reclaim_policy_words[o->reclaim_policy]))
CELL(class_binding_cell, struct storage_class, put(out, o->volume_binding_mode == 2 ? "WaitForFirstConsumer" : "Immediate"))
CELL(class_expansion_cell, struct storage_class, put(out, o->allow_volume_expansion ? "true" : "false"))
/* What the driver can do: not Kubernetes' columns, so they are wide. */
#define DRIVER(member) (storage_driver_find(o->provisioner) == NULL ? NULL : storage_driver_find(o->provisioner)->member)
CELL(class_clone_cell, struct storage_class, put(out, DRIVER(clone)))
CELL(class_snapshot_cell, struct storage_class, put(out, DRIVER(snapshot)))
CELL(class_shared_cell, struct storage_class, put(out, DRIVER(shared)))
CELL(class_grow_cell, struct storage_class, put(out, DRIVER(clone) == NULL ? NULL : storage_driver_find(o->provisioner)->online_grow ? "true" : "false"))
CELL(class_encrypted_cell, struct storage_class, put(out, storage_class_secret(o, &(const char *){ NULL }, &(const char *){ NULL }) ? "true" : "false"))
CELL(class_features_cell, struct storage_class, put(out, storage_class_features(o)))
const struct column storage_class_columns[] = { { "Provisioner", "string", "", false, class_provisioner_cell },
	{ "ReclaimPolicy", "string", "", false, class_reclaim_cell }, { "VolumeBindingMode", "string", "", false, class_binding_cell },
	{ "AllowVolumeExpansion", "string", "", false, class_expansion_cell }, AGE,
	{ "Clone", "string", "", true, class_clone_cell }, { "Snapshot", "string", "", true, class_snapshot_cell },
	{ "Shared", "string", "", true, class_shared_cell }, { "Online-Grow", "string", "", true, class_grow_cell }, { "Encrypted", "string", "", true, class_encrypted_cell },
	{ "Features", "string", "", true, class_features_cell }, { 0 } };

CELL(secret_type_cell, struct secret, put(out, o->type))
CELL(secret_data_cell, struct secret, g_string_append_printf(out, "%zu", o->data.count))
const struct column secret_columns[] = { { "Type", "string", "", false, secret_type_cell },
	{ "Data", "integer", "", false, secret_data_cell }, AGE, { 0 } };

CELL(map_data_cell, struct config_map, g_string_append_printf(out, "%zu", o->data.count + o->binary_data.count))
const struct column config_map_columns[] = { { "Data", "integer", "", false, map_data_cell }, AGE, { 0 } };

static void
put_node_status(GString *out, const struct node *node)
{
	put(out, condition_is_true(&node->status->conditions, "Ready") ? "Ready" : "NotReady");
	put(out, node->spec->unschedulable ? ",SchedulingDisabled" : NULL);
}
static const char *
node_address(const struct node *node, const char *type)
{
	SCHEMA_EACH (struct node_address, a, &node->status->addresses)
		if (g_strcmp0(a->type, type) == 0)
			return a->address;
	return NULL;
}
#define INFO(member) (o->status->node_info == NULL ? NULL : o->status->node_info->member)
CELL(node_status_cell, struct node, put_node_status(out, o))
CELL(node_roles_cell, struct node, (void)o; put(out, "host"))
CELL(node_version_cell, struct node, put(out, INFO(kubelet_version)))
CELL(node_ip_cell, struct node, put(out, node_address(o, "InternalIP")))
CELL(node_external_cell, struct node, put(out, node_address(o, "ExternalIP")))
CELL(node_image_cell, struct node, put(out, INFO(os_image)))
CELL(node_kernel_cell, struct node, put(out, INFO(kernel_version)))
CELL(node_runtime_cell, struct node, put(out, INFO(container_runtime_version)))
const struct column node_columns[] = { { "Status", "string", "", false, node_status_cell }, { "Roles", "string", "", false, node_roles_cell },
	AGE, { "Version", "string", "", false, node_version_cell }, { "Internal-IP", "string", "", true, node_ip_cell },
	{ "External-IP", "string", "", true, node_external_cell }, { "OS-Image", "string", "", true, node_image_cell },
	{ "Kernel-Version", "string", "", true, node_kernel_cell }, { "Container-Runtime", "string", "", true, node_runtime_cell }, { 0 } };

static void
put_reference(GString *out, const struct object_reference *r)
{
	g_autofree char *kind = g_ascii_strdown(r->kind == NULL ? "" : r->kind, -1);

	g_string_append_printf(out, "%s/%s", kind, r->name == NULL ? "" : r->name);
}
CELL(event_last_cell, struct event_object, put_age(out, o->last_timestamp, now))
CELL(event_type_cell, struct event_object, put(out, o->type))
CELL(event_reason_cell, struct event_object, put(out, o->reason))
CELL(event_object_cell, struct event_object, put_reference(out, o->involved_object))
CELL(event_message_cell, struct event_object, put(out, o->message))
CELL(event_source_cell, struct event_object, put(out, o->source == NULL ? NULL : o->source->component))
CELL(event_first_cell, struct event_object, put_age(out, o->first_timestamp, now))
CELL(event_count_cell, struct event_object, g_string_append_printf(out, "%lld", (long long)o->count))
const struct column event_columns[] = { { "Last Seen", "string", "", false, event_last_cell }, { "Type", "string", "", false, event_type_cell },
	{ "Reason", "string", "", false, event_reason_cell }, { "Object", "string", "", false, event_object_cell },
	{ "Source", "string", "", true, event_source_cell }, { "Message", "string", "", false, event_message_cell },
	{ "First Seen", "string", "", true, event_first_cell }, { "Count", "string", "", true, event_count_cell }, { 0 } };

/* Kinds of which kubectl shows name and age only. */
const struct column age_columns[] = { AGE, { 0 } };

CELL(revision_owner_cell, struct controller_revision, {
	const struct owner_reference *owner = o->head.meta->owner_references.items;

	if (o->head.meta->owner_references.count > 0)
		g_string_append_printf(out, "%s/%s", owner->kind, owner->name);
})
CELL(revision_number_cell, struct controller_revision, g_string_append_printf(out, "%lld", (long long)o->revision))
const struct column controller_revision_columns[] = { { "Controller", "string", "", false, revision_owner_cell },
	{ "Revision", "integer", "", false, revision_number_cell }, AGE, { 0 } };

CELL(replica_desired_cell, struct replica_set, g_string_append_printf(out, "%lld", (long long)o->spec->replicas))
CELL(replica_current_cell, struct replica_set, g_string_append_printf(out, "%lld", (long long)o->status->replicas))
CELL(replica_ready_cell, struct replica_set, g_string_append_printf(out, "%lld", (long long)o->status->ready_replicas))
/* Of pools, too: their structs begin alike. */
_Static_assert(offsetof(struct replica_set, status) == offsetof(struct pool, status) &&
    offsetof(struct replica_set_spec, replicas) == offsetof(struct pool_spec, replicas), "one set of cells for both");
const struct column replica_columns[] = { { "Desired", "integer", "", false, replica_desired_cell },
	{ "Current", "integer", "", false, replica_current_cell }, { "Ready", "integer", "", false, replica_ready_cell }, AGE, { 0 } };

CELL(migration_phase_cell, struct migration, put(out, migration_phase_words[o->status->phase]))
CELL(migration_instance_cell, struct migration, put(out, o->spec->vmi_name))
const struct column migration_columns[] = { { "Phase", "string", "", false, migration_phase_cell },
	{ "VMI", "string", "", false, migration_instance_cell }, { 0 } };

CELL(priority_value_cell, struct priority_class, g_string_append_printf(out, "%lld", (long long)o->value))
CELL(priority_default_cell, struct priority_class, put(out, o->global_default ? "true" : "false"))
const struct column priority_class_columns[] = { { "Value", "integer", "", false, priority_value_cell },
	{ "Global-Default", "boolean", "", false, priority_default_cell }, AGE, { 0 } };

static void
put_trunks(GString *out, const GArray *trunks)
{
	for (guint i = 0; i < trunks->len; i++) {
		const struct vlan_range *r = &g_array_index(trunks, struct vlan_range, i);
		g_string_append_printf(out, r->first == r->last ? "%s%d" : "%s%d-%d", i == 0 ? "" : ",", r->first, r->last);
	}
}
static const char *const network_types[] = { [NETWORK_OVS] = "ovs", [NETWORK_BRIDGE] = "bridge", [NETWORK_LIBVIRT] = "libvirt", [NETWORK_KUBE_OVN] = "kube-ovn" };
/* One column of what the configuration says. */
#define CONFIG_CELL(name, put) \
	CELL(name, struct network_attachment, { \
		struct network_config c; \
		struct error unused; \
		if (network_config_parse(o->spec->config, &c, NULL, &unused) == 0) { \
			put; \
		} \
		network_config_clear(&c); \
	})
CONFIG_CELL(attachment_type_cell, g_string_append(out, network_types[c.type]))
CONFIG_CELL(attachment_name_cell, put(out, c.name))
CONFIG_CELL(attachment_vlan_cell, {
	if (c.trunks != NULL)
		put_trunks(out, c.trunks);
	else if (c.vlan > 0)
		g_string_append_printf(out, "%d", c.vlan);
})
const struct column network_attachment_columns[] = { { "Type", "string", "", false, attachment_type_cell },
	{ "Bridge", "string", "", false, attachment_name_cell }, { "VLAN", "string", "", false, attachment_vlan_cell }, AGE, { 0 } };

static void
put_claim(GString *out, const struct object_reference *claim)
{
	if (claim != NULL)
		g_string_append_printf(out, "%s/%s", claim->namespace == NULL ? "" : claim->namespace, claim->name == NULL ? "" : claim->name);
}
CELL(volume_capacity_cell, struct persistent_volume, put_bytes(out, o->spec->capacity == NULL ? 0 : o->spec->capacity->storage))
CELL(volume_modes_cell, struct persistent_volume, put_modes(out, o->spec->access_modes))
CELL(volume_reclaim_cell, struct persistent_volume, put(out, reclaim_policy_words[o->spec->reclaim_policy]))
CELL(volume_status_cell, struct persistent_volume, put(out, persistent_volume_phase_words[o->status->phase]))
CELL(volume_claim_cell, struct persistent_volume, put_claim(out, o->spec->claim_ref))
CELL(volume_class_cell, struct persistent_volume, put(out, o->spec->storage_class_name))
CELL(volume_reason_cell, struct persistent_volume, put(out, o->status->reason))
CELL(volume_mode_cell, struct persistent_volume, put(out, volume_mode_words[o->spec->volume_mode]))
const struct column persistent_volume_columns[] = { { "Capacity", "string", "", false, volume_capacity_cell },
	{ "Access Modes", "string", "", false, volume_modes_cell }, { "Reclaim Policy", "string", "", false, volume_reclaim_cell },
	{ "Status", "string", "", false, volume_status_cell }, { "Claim", "string", "", false, volume_claim_cell },
	{ "StorageClass", "string", "", false, volume_class_cell }, { "Reason", "string", "", false, volume_reason_cell }, AGE,
	{ "VolumeMode", "string", "", true, volume_mode_cell }, { 0 } };

static void
put_since(GString *out, int64_t since, int64_t now)
{
	if (since != 0)
		put_age(out, since, now);
}
CELL(snapshot_ready_cell, struct volume_snapshot, put(out, o->status->ready_to_use ? "true" : "false"))
CELL(snapshot_claim_cell, struct volume_snapshot, put(out, o->spec->source->claim_name))
CELL(snapshot_given_cell, struct volume_snapshot, { (void)o; (void)out; })
CELL(snapshot_size_cell, struct volume_snapshot, put_bytes(out, o->status->restore_size))
CELL(snapshot_class_cell, struct volume_snapshot, put(out, o->spec->class_name))
CELL(snapshot_content_cell, struct volume_snapshot, put(out, o->status->content_name))
CELL(snapshot_taken_cell, struct volume_snapshot, put_since(out, o->status->creation_time, now))
const struct column volume_snapshot_columns[] = { { "ReadyToUse", "boolean", "", false, snapshot_ready_cell },
	{ "SourcePVC", "string", "", false, snapshot_claim_cell }, { "SourceSnapshotContent", "string", "", false, snapshot_given_cell },
	{ "RestoreSize", "string", "", false, snapshot_size_cell }, { "SnapshotClass", "string", "", false, snapshot_class_cell },
	{ "SnapshotContent", "string", "", false, snapshot_content_cell }, { "CreationTime", "date", "", false, snapshot_taken_cell }, AGE, { 0 } };

/* Source: kubernetes-csi external-snapshotter, the printed columns of its CRD. */
CELL(content_ready_cell, struct volume_snapshot_content, put(out, o->status->ready_to_use ? "true" : "false"))
CELL(content_size_cell, struct volume_snapshot_content, g_string_append_printf(out, "%" G_GINT64_FORMAT, o->status->restore_size))
CELL(content_policy_cell, struct volume_snapshot_content, put(out, reclaim_policy_words[o->spec->deletion_policy]))
CELL(content_driver_cell, struct volume_snapshot_content, put(out, o->spec->driver))
CELL(content_class_cell, struct volume_snapshot_content, put(out, o->spec->class_name))
CELL(content_snapshot_cell, struct volume_snapshot_content, put(out, o->spec->reference == NULL ? NULL : o->spec->reference->name))
CELL(content_namespace_cell, struct volume_snapshot_content, put(out, o->spec->reference == NULL ? NULL : o->spec->reference->namespace))
const struct column volume_snapshot_content_columns[] = { { "ReadyToUse", "boolean", "", false, content_ready_cell },
	{ "RestoreSize", "integer", "", false, content_size_cell }, { "DeletionPolicy", "string", "", false, content_policy_cell },
	{ "Driver", "string", "", false, content_driver_cell }, { "VolumeSnapshotClass", "string", "", false, content_class_cell },
	{ "VolumeSnapshot", "string", "", false, content_snapshot_cell },
	{ "VolumeSnapshotNamespace", "string", "", false, content_namespace_cell }, AGE, { 0 } };

CELL(snapshot_driver_cell, struct volume_snapshot_class, put(out, o->driver))
CELL(snapshot_policy_cell, struct volume_snapshot_class, put(out, reclaim_policy_words[o->deletion_policy]))
const struct column volume_snapshot_class_columns[] = { { "Driver", "string", "", false, snapshot_driver_cell },
	{ "DeletionPolicy", "string", "", false, snapshot_policy_cell }, AGE, { 0 } };

/* Source: kube-ovn, the printed columns of its CRDs; those that only its overlay has are left out. */
static void
put_number(GString *out, int64_t number)
{
	g_string_append_printf(out, "%" G_GINT64_FORMAT, number);
}

static void
put_list(GString *out, char **items)
{
	g_autofree char *text = items == NULL || items[0] == NULL ? NULL : g_strjoinv(",", items);

	put(out, text);
}
CELL(provider_network_interface_cell, struct provider_network, put(out, o->spec->default_interface))
CELL(provider_network_ready_cell, struct provider_network, put(out, o->status->ready ? "true" : "false"))
const struct column provider_network_columns[] = { { "DefaultInterface", "string", "", false, provider_network_interface_cell },
	{ "Ready", "boolean", "", false, provider_network_ready_cell }, { 0 } };

CELL(vlan_id_cell, struct vlan, put_number(out, o->spec->id))
CELL(vlan_provider_cell, struct vlan, put(out, o->spec->provider))
CELL(vlan_conflict_cell, struct vlan, put(out, o->status->conflict ? "true" : "false"))
const struct column vlan_columns[] = { { "ID", "string", "", false, vlan_id_cell }, { "Provider", "string", "", false, vlan_provider_cell },
	{ "Conflict", "boolean", "", false, vlan_conflict_cell }, { 0 } };

CELL(subnet_provider_cell, struct subnet_object, put(out, o->spec->provider))
CELL(subnet_vlan_cell, struct subnet_object, put(out, o->spec->vlan))
CELL(subnet_protocol_cell, struct subnet_object, put(out, subnet_protocol_words[subnet_protocol(o->spec)]))
CELL(subnet_block_cell, struct subnet_object, put(out, o->spec->cidr_block))
CELL(subnet_gateway_cell, struct subnet_object, put(out, o->spec->gateway))
CELL(subnet_v4_used_cell, struct subnet_object, put_number(out, o->status->v4.used))
CELL(subnet_v4_available_cell, struct subnet_object, put_number(out, o->status->v4.free))
CELL(subnet_v6_used_cell, struct subnet_object, put_number(out, o->status->v6.used))
CELL(subnet_v6_available_cell, struct subnet_object, put_number(out, o->status->v6.free))
CELL(subnet_exclude_cell, struct subnet_object, put_list(out, o->spec->exclude_ips))
CELL(subnet_dhcp_cell, struct subnet_object, put(out, o->spec->enable_dhcp ? "true" : "false"))
const struct column subnet_columns[] = { { "Provider", "string", "", false, subnet_provider_cell },
	{ "Vlan", "string", "", false, subnet_vlan_cell }, { "Protocol", "string", "", false, subnet_protocol_cell },
	{ "CIDR", "string", "", false, subnet_block_cell }, { "V4Used", "number", "", false, subnet_v4_used_cell },
	{ "V4Available", "number", "", false, subnet_v4_available_cell }, { "V6Used", "number", "", false, subnet_v6_used_cell },
	{ "V6Available", "number", "", false, subnet_v6_available_cell }, { "ExcludeIPs", "string", "", false, subnet_exclude_cell },
	{ "Gateway", "string", "", true, subnet_gateway_cell }, { "DHCP", "boolean", "", true, subnet_dhcp_cell }, { 0 } };

CELL(ip_v4_cell, struct ip_address, put(out, o->spec->v4))
CELL(ip_v6_cell, struct ip_address, put(out, o->spec->v6))
CELL(ip_mac_cell, struct ip_address, put(out, o->spec->mac))
CELL(ip_node_cell, struct ip_address, put(out, o->spec->node_name))
CELL(ip_subnet_cell, struct ip_address, put(out, o->spec->subnet))
const struct column ip_address_columns[] = { { "V4IP", "string", "", false, ip_v4_cell }, { "V6IP", "string", "", false, ip_v6_cell },
	{ "Mac", "string", "", false, ip_mac_cell }, { "Node", "string", "", false, ip_node_cell }, { "Subnet", "string", "", false, ip_subnet_cell }, { 0 } };

CELL(vip_namespace_cell, struct vip, put(out, o->spec->namespace))
CELL(vip_v4_cell, struct vip, put(out, o->status->v4))
CELL(vip_v6_cell, struct vip, put(out, o->status->v6))
CELL(vip_mac_cell, struct vip, put(out, o->status->mac))
CELL(vip_subnet_cell, struct vip, put(out, o->spec->subnet))
CELL(vip_type_cell, struct vip, put(out, o->status->type))
const struct column vip_columns[] = { { "Namespace", "string", "", false, vip_namespace_cell }, { "V4IP", "string", "", false, vip_v4_cell },
	{ "V6IP", "string", "", false, vip_v6_cell }, { "Mac", "string", "", false, vip_mac_cell },
	{ "Subnet", "string", "", false, vip_subnet_cell }, { "Type", "string", "", false, vip_type_cell }, { 0 } };

CELL(pool_subnet_cell, struct ip_pool, put(out, o->spec->subnet))
CELL(pool_ips_cell, struct ip_pool, put_list(out, o->spec->ips))
CELL(pool_v4_used_cell, struct ip_pool, put_number(out, o->status->v4.used))
CELL(pool_v4_available_cell, struct ip_pool, put_number(out, o->status->v4.free))
CELL(pool_v6_used_cell, struct ip_pool, put_number(out, o->status->v6.used))
CELL(pool_v6_available_cell, struct ip_pool, put_number(out, o->status->v6.free))
const struct column ip_pool_columns[] = { { "Subnet", "string", "", false, pool_subnet_cell }, { "IPs", "string", "", false, pool_ips_cell },
	{ "V4Used", "number", "", false, pool_v4_used_cell }, { "V4Available", "number", "", false, pool_v4_available_cell },
	{ "V6Used", "number", "", false, pool_v6_used_cell }, { "V6Available", "number", "", false, pool_v6_available_cell }, { 0 } };
