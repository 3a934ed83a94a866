/* Seed media: the small ISO images that carry cloud-init data, Secrets, ConfigMaps and metadata into a guest. */
#ifndef SOLOVIRT_STORAGE_SEED_H
#define SOLOVIRT_STORAGE_SEED_H

#include <glib.h>
#include <jansson.h>

#include "src/api/core.h"
#include "src/api/vmi.h"

struct error;

/* Looks up what a volume refers to; NULL when there is none. */
struct seed_lookup {
	const struct secret *(*secret)(void *arg, const char *name);
	const struct config_map *(*config_map)(void *arg, const char *name);
	void *arg;
};

/* True for volumes that are seed media (cloudInitNoCloud, cloudInitConfigDrive, secret, configMap, sysprep, downwardAPI,
 * serviceAccount). */
bool seed_is_needed(const struct volume *volume);

/* The ISO image (Joliet and Rock Ridge, reproducible: equal input gives equal bytes) of a volume.  ENOENT names the missing
 * Secret, ConfigMap or key ("optional" ones give an empty image).  NoCloud: label cidata, meta-data (instance-id:
 * firmware.uuid, local-hostname), user-data, network-config; ConfigDrive: label config-2, openstack/latest/...;
 * sysprep: label unattendCD, one key must be autounattend.xml or unattend.xml (EINVAL); downwardAPI: files as the kubelet
 * writes them, of the instance's metadata only (EINVAL for another field); serviceAccount: empty; source: cloudinit.readthedocs.io, KubeVirt's fact sheet 3.6. */
GByteArray *seed_build(const struct vmi *vmi, const struct volume *volume, const struct seed_lookup *lookup, struct error *err);

/* True for seed media that can be shared as a directory, too (configMap, secret, downwardAPI, serviceAccount). */
bool seed_is_folder(const struct volume *volume);
/* What a medium holds, for a directory: [{"path","mode","data"}], data in base64; new reference.  Errors as seed_build(). */
json_t *seed_files(const struct vmi *vmi, const struct volume *volume, const struct seed_lookup *lookup, struct error *err);

/* The SSH keys (char *) of accessCredentials that go by a medium of this kind: they are in its metadata.  NULL with err. */
GPtrArray *seed_keys(const struct vmi *vmi, bool config_drive, const struct seed_lookup *lookup, struct error *err);
/* Adds the keys of a Secret, each value of which holds one a line.  -1 EINVAL; a value is never quoted. */
int seed_secret_keys(const struct secret *secret, GPtrArray *keys, struct error *err);

#endif
