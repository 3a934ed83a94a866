/* The list of kinds: all that generic code knows about one is its row here. */
#ifndef SOLOVIRT_API_KINDS_H
#define SOLOVIRT_API_KINDS_H

#include <glib.h>

#include "src/api/meta.h"
#include "src/document/diagnostic.h"

enum kind_id { KIND_VM, KIND_VMI, KIND_DATA_VOLUME, KIND_CLAIM, KIND_STORAGE_CLASS, KIND_SECRET, KIND_CONFIG_MAP, KIND_NODE,
	KIND_EVENT, KIND_INSTANCETYPE, KIND_CLUSTER_INSTANCETYPE, KIND_PREFERENCE, KIND_CLUSTER_PREFERENCE, KIND_PRESET,
	KIND_CONTROLLER_REVISION, KIND_REPLICA_SET, KIND_POOL, KIND_MIGRATION, KIND_MIGRATION_POLICY, KIND_PRIORITY_CLASS,
	KIND_VOLUME, KIND_STORAGE_PROFILE, KIND_SNAPSHOT, KIND_SNAPSHOT_CONTENT, KIND_SNAPSHOT_CLASS, KIND_DATA_SOURCE, KIND_DATA_IMPORT_CRON,
	KIND_NETWORK_ATTACHMENT, KIND_PROVIDER_NETWORK, KIND_VLAN, KIND_SUBNET, KIND_IP, KIND_VIP, KIND_IP_POOL, KIND_SECURITY_GROUP, KIND_COUNT };

/* A column of "get".  The cell is appended to out; nothing appended shows as <none>. */
struct column {
	const char *name, *type, *format; /* "Age", "string", "" as in metav1.TableColumnDefinition */
	bool wide;
	void (*cell)(const void *object, int64_t now, GString *out);
};

struct kind {
	const char *group; /* "" for core */
	const char *version;
	const char *old_version; /* also accepted, or NULL */
	const char *name, *plural, *singular;
	const char *short_names[4];
	bool namespaced;
	bool has_status; /* a status subresource: status is dropped from what users write */
	bool has_scale;  /* a scale subresource: spec.replicas, status.replicas, status.labelSelector */
	bool in_all;     /* category "all" */
	bool heartbeat;  /* not in the change log (Event) */
	const struct schema *schema, *status_schema; /* status_schema: of the struct behind "status", or NULL */
	const struct column *columns; /* ends with a NULL name; the column NAME comes before them */
	const char *doc;
	const char *finalizer; /* added at creation; the kind's controller removes it when its work is done; or NULL */
	/* Fills what must be stored at creation (uuid, machine type ...); NULL: nothing.  Changes tree. */
	void (*prepare)(json_t *tree);
	/* Rules on a change that rows cannot say; may be NULL.  Both are decoded. */
	void (*check_change)(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
};

extern const struct kind kinds[KIND_COUNT];

/* By apiVersion and kind as written in a document; NULL when unknown (then diagnostics, if not NULL, tells the nearest). */
const struct kind *kind_of_document(const struct document *document, struct diagnostics *diagnostics);
/* By a name as a user types it: singular, plural, short name, plural.group, in any case; NULL when unknown. */
const struct kind *kind_of_word(const char *word);
/* By API group, version and plural as in a path. */
const struct kind *kind_of_path(const char *group, const char *version, const char *plural);
enum kind_id kind_id(const struct kind *kind);
/* "kubevirt.io/v1" or "v1"; static text. */
const char *kind_api_version(const struct kind *kind);
/* "virtualmachines.kubevirt.io" or "secrets": as Kubernetes' messages name a resource; static text. */
const char *kind_resource(const struct kind *kind);

/*
 * Everything that is said about one document without knowing any other: kind, metadata (name rules, label rules), rows,
 * the kind's own rules.  Returns the decoded struct (free with schema_free(kind->schema, ...)) or NULL when there were
 * errors.  *kind_out is set when the kind is known.  default_namespace fills metadata.namespace of namespaced kinds when
 * it is absent.
 */
void *kind_decode(const struct document *document, const char *default_namespace, const struct kind **kind_out,
    struct diagnostics *diagnostics);

/* A UUID of version 5 that is the same for the same name; writes 37 bytes.  Source: RFC 9562, section 5.5. */
void uuid_of_name(const char *namespace, const char *name, char uuid[37]);

/* What each kind's row refers to. */
extern const struct column vm_columns[], vmi_columns[], data_volume_columns[], claim_columns[], storage_class_columns[],
    secret_columns[], config_map_columns[], node_columns[], event_columns[], age_columns[], controller_revision_columns[],
    replica_columns[], migration_columns[], priority_class_columns[], persistent_volume_columns[], volume_snapshot_columns[], volume_snapshot_content_columns[],
    volume_snapshot_class_columns[], network_attachment_columns[], provider_network_columns[],
    vlan_columns[], subnet_columns[], ip_address_columns[], vip_columns[], ip_pool_columns[];
void vm_prepare(json_t *tree);
void vmi_prepare(json_t *tree);
void migration_prepare(json_t *tree);
void claim_prepare(json_t *tree);
void secret_prepare(json_t *tree);
/* A matcher's revision goes with its name; all else of a machine is free. */
void vm_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
/* Reserved labels of an instance stay as they are; its spec is fixed by its row. */
void vmi_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
void claim_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
void secret_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
/* Addresses are neither added to a Subnet that has none nor taken from one that has some. */
void subnet_check_change(const void *old, const void *new, const struct document *document, struct diagnostics *diagnostics);
void config_map_check_change(const void *old, const void *new, const struct document *document,
    struct diagnostics *diagnostics);

#endif
