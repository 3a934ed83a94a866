/* StorageClass (storage.k8s.io/v1), and which drivers there are. */
#ifndef SOLOVIRT_API_STORAGE_CLASS_H
#define SOLOVIRT_API_STORAGE_CLASS_H

#include "src/api/meta.h"

/* Annotations of a StorageClass: the default of all claims, and of those for machines. */
#define DEFAULT_CLASS "storageclass.kubernetes.io/is-default-class"
#define DEFAULT_VIRT_CLASS "storageclass.kubevirt.io/is-default-virt-class"
/* Annotation of a claim: the host whose pool holds its volume, where each has its own.  Of a DataVolume: the one that is to. */
#define VOLUME_NODE "volume.kubernetes.io/selected-node"

enum reclaim_policy { RECLAIM_UNSET, RECLAIM_DELETE, RECLAIM_RETAIN };
extern const char *const reclaim_policy_words[];
struct storage_class {
	struct object_head head;
	char *provisioner;
	struct schema_map parameters;
	int reclaim_policy; /* enum reclaim_policy */
	int volume_binding_mode;
	bool allow_volume_expansion;
};

extern const struct schema storage_class_schema;

/* A driver as its users see it. */
struct storage_driver {
	const char *provisioner; /* one that begins with a dot: also NAMESPACE.rbd.csi.ceph.com, as rook calls it */
	const char *clone;       /* how a clone is made */
	const char *snapshot;    /* when one can be taken */
	const char *shared;      /* with which volumeMode several hosts may use a volume */
	bool online_grow;        /* a guest that runs sees it */
	const char *parameter;   /* of a class: what its volumes can do more */
	const char *features;    /* when the parameter is absent */
};

/* The driver of a provisioner's name, or NULL: there is none. */
const struct storage_driver *storage_driver_find(const char *provisioner);
/* What a guest's disk may do in a second; 0: no limit.  A total excludes its parts. */
struct disk_limits {
	int64_t total_iops, read_iops, write_iops;
	int64_t total_bytes, read_bytes, write_bytes;
};
/* The limits of a class's disk of so many bytes: base + PER_GIB for each GiB above baseVolSizeBytes, at most max. */
void storage_class_limits(const struct storage_class *class, int64_t capacity, struct disk_limits *limits);

/* Whether volumes of the class are encrypted, and the Secret with their passphrase; borrowed. */
bool storage_class_secret(const struct storage_class *class, const char **namespace, const char **name);

/* What the volumes of a class can do more, or NULL when nothing is known of its provisioner; borrowed. */
const char *storage_class_features(const struct storage_class *class);

#endif
