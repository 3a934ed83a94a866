/* Rows of spec.volumes. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/rows.h"
#include "src/base/error.h"

static const struct schema_field data_volume_rows[] = {
	{ STRING("name", struct volume_data_volume, name), .dflt = "", .doc = "Name of the DataVolume." },
	{ BOOL("hotpluggable", struct volume_data_volume, hotpluggable), .doc = "It may be taken away and exchanged while the guest runs." },
	{ 0 },
};
static SCHEMA(volume_data_volume_schema, struct volume_data_volume, "DataVolumeSource", "The disk that a DataVolume fills.", data_volume_rows);
static const struct schema_field claim_rows[] = {
	{ STRING("claimName", struct volume_claim, claim_name), .dflt = "", .doc = "Name of the PersistentVolumeClaim." },
	{ BOOL("readOnly", struct volume_claim, read_only), .doc = "The guest may not write." },
	{ BOOL("hotpluggable", struct volume_claim, hotpluggable), .doc = "It may be taken away and exchanged while the guest runs." },
	{ 0 },
};
static SCHEMA(volume_claim_schema, struct volume_claim, "PersistentVolumeClaimVolumeSource", "The disk of a claim.", claim_rows);
static const struct schema_field empty_disk_rows[] = {
	{ QUANTITY("capacity", struct empty_disk, capacity), .doc = "Size of the disk." },
	{ 0 },
};
static SCHEMA(empty_disk_schema, struct empty_disk, "EmptyDiskSource", "A scratch disk that lives as long as the instance.", empty_disk_rows);
static const char *const host_disk_types[] = { "", "Disk", "DiskOrCreate", NULL };
static const struct schema_field host_disk_rows[] = {
	{ STRING("path", struct host_disk, path), .flags = FIELD_REQUIRED, .check = check_absolute_path, .doc = "File on the host, in raw format." },
	{ ENUM("type", struct host_disk, type, host_disk_types), .flags = FIELD_REQUIRED, .doc = "Disk: it must be there. DiskOrCreate: it is made when it is not." },
	{ QUANTITY("capacity", struct host_disk, capacity), .doc = "Size of a file that is made." },
	{ TRISTATE("shared", struct host_disk, shared), .doc = "Every host finds the same file at this path." },
	{ 0 },
};
static SCHEMA(host_disk_schema, struct host_disk, "HostDisk", "A file on the host.", host_disk_rows);
static const struct schema_field cloud_init_rows[] = {
	{ STRING("userData", struct cloud_init, user_data), .flags = FIELD_SECRET, .doc = "User data, at most 2048 bytes." },
	{ STRING("userDataBase64", struct cloud_init, user_data_base64), .flags = FIELD_SECRET, .doc = "User data in base64, at most 2048 bytes when decoded." },
	{ OBJECT("secretRef", struct cloud_init, secret_ref, struct local_object_reference, &local_object_reference_schema), .doc = "Secret with the key userdata, and networkdata where wanted." },
	{ STRING("networkData", struct cloud_init, network_data), .doc = "Network configuration, at most 2048 bytes." },
	{ STRING("networkDataBase64", struct cloud_init, network_data_base64), .doc = "Network configuration in base64, at most 2048 bytes when decoded." },
	{ OBJECT("networkDataSecretRef", struct cloud_init, network_data_secret_ref, struct local_object_reference, &local_object_reference_schema), .doc = "Secret with the key networkdata." },
	{ 0 },
};
static SCHEMA(cloud_init_schema, struct cloud_init, "CloudInitSource", "Data for cloud-init.", cloud_init_rows);
static const struct schema_field secret_rows[] = {
	{ STRING("secretName", struct volume_secret, secret_name), .flags = FIELD_REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Name of the Secret." },
	{ BOOL("optional", struct volume_secret, optional), .doc = "Start without it." },
	{ STRING("volumeLabel", struct volume_secret, volume_label), .flags = FIELD_LENIENT, .max = 32, .doc = "Label of the ISO image; cfgdata when not given." },
	{ 0 },
};
static SCHEMA(volume_secret_schema, struct volume_secret, "SecretVolumeSource", "A Secret's data as files.", secret_rows);
static const struct schema_field config_map_rows[] = {
	{ STRING("name", struct volume_config_map, name), .flags = FIELD_REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Name of the ConfigMap." },
	{ BOOL("optional", struct volume_config_map, optional), .doc = "Start without it." },
	{ STRING("volumeLabel", struct volume_config_map, volume_label), .flags = FIELD_LENIENT, .max = 32, .doc = "Label of the ISO image; cfgdata when not given." },
	{ 0 },
};
static SCHEMA(volume_config_map_schema, struct volume_config_map, "ConfigMapVolumeSource", "A ConfigMap's data as files.", config_map_rows);

static const struct schema_field container_disk_rows[] = {
	{ STRING("image", struct volume_container_disk, image), .dflt = "", .max = 4096, .doc = "Image, such as quay.io/containerdisks/debian:12." },
	{ STRING("imagePullSecret", struct volume_container_disk, image_pull_secret), .max = 253, .doc = "Secret for the registry.", .warn = "Images are read from a directory of the host: no registry is asked." },
	{ STRING("path", struct volume_container_disk, path), .max = 4096, .doc = "Path of the disk in the image; the only file in /disk when not given." },
	{ STRING("imagePullPolicy", struct volume_container_disk, image_pull_policy), .max = 64, .doc = "Always, IfNotPresent or Never." },
	{ 0 },
};
static SCHEMA(container_disk_schema, struct volume_container_disk, "ContainerDiskSource", "A disk in a container image.", container_disk_rows);
static const struct schema_field plain_claim_rows[] = {
	{ STRING("claimName", struct volume_claim, claim_name), .dflt = "", .doc = "Name of the PersistentVolumeClaim." },
	{ BOOL("readOnly", struct volume_claim, read_only), .doc = "It may be one that is read elsewhere, too." },
	{ 0 },
};
static SCHEMA(plain_claim_schema, struct volume_claim, "PersistentVolumeClaim", "A claim.", plain_claim_rows);
static const struct schema_field ephemeral_rows[] = {
	{ OBJECT("persistentVolumeClaim", struct volume_ephemeral, persistent_volume_claim, struct volume_claim, &plain_claim_schema), .doc = "The claim." },
	{ 0 },
};
static SCHEMA(ephemeral_schema, struct volume_ephemeral, "EphemeralVolumeSource", "A throw-away copy of a claim.", ephemeral_rows);
static const struct schema_field sysprep_rows[] = {
	{ OBJECT("secret", struct volume_sysprep, secret, struct local_object_reference, &local_object_reference_schema), .doc = "Secret with autounattend.xml or unattend.xml." },
	{ OBJECT("configMap", struct volume_sysprep, config_map, struct local_object_reference, &local_object_reference_schema), .doc = "ConfigMap with autounattend.xml or unattend.xml." },
	{ 0 },
};
static SCHEMA(sysprep_schema, struct volume_sysprep, "SysprepSource", "Answers for Windows Setup.", sysprep_rows);
static const struct schema_field field_reference_rows[] = {
	{ STRING("apiVersion", struct field_reference, api_version), .max = 63, .doc = "Version of the instance's fields: v1." },
	{ STRING("fieldPath", struct field_reference, field_path), .dflt = "", .max = 1024, .doc = "Field, such as metadata.labels." },
	{ 0 },
};
static SCHEMA(field_reference_schema, struct field_reference, "ObjectFieldSelector", "A field of the instance.", field_reference_rows);
static const struct schema_field downward_field_rows[] = {
	{ STRING("path", struct downward_field, path), .dflt = "", .max = 4096, .doc = "Path of the file." },
	{ OBJECT("fieldRef", struct downward_field, field_ref, struct field_reference, &field_reference_schema), .doc = "What is in it." },
	{ IGNORED("mode", INT, "The files are on a read-only disk.") },
	{ IGNORED("resourceFieldRef", OBJECT, "An instance has no containers: use fieldRef.") },
	{ 0 },
};
static SCHEMA(downward_field_schema, struct downward_field, "DownwardAPIVolumeFile", "A file with a field of the instance.", downward_field_rows);
static const struct schema_field downward_rows[] = {
	{ LIST("fields", struct volume_downward, fields, &downward_field_schema), .max = 256, .doc = "Files." },
	{ STRING("volumeLabel", struct volume_downward, volume_label), .flags = FIELD_LENIENT, .max = 32, .doc = "Label of the ISO image; cfgdata when not given." },
	{ 0 },
};
static SCHEMA(downward_schema, struct volume_downward, "DownwardAPIVolumeSource", "The instance's own metadata as files.", downward_rows);
static const struct schema_field service_account_rows[] = {
	{ STRING("serviceAccountName", struct volume_service_account, service_account_name), .flags = FIELD_REQUIRED, .min = 1, .max = INT64_MAX, .doc = "Name of the service account." },
	{ 0 },
};
static SCHEMA(service_account_schema, struct volume_service_account, "ServiceAccountVolumeSource", "A service account's token.", service_account_rows);

static const struct schema_field container_path_rows[] = {
	{ STRING("path", struct volume_container_path, path), .max = 4096, .doc = "Path in the container." },
	{ TRISTATE("readOnly", struct volume_container_path, read_only), .doc = "Always true." },
	{ 0 },
};
static SCHEMA(container_path_schema, struct volume_container_path, "ContainerPathVolumeSource", "A directory of the instance's container.", container_path_rows);
static const struct schema_field volume_rows[] = {
	{ STRING("name", struct volume, name), .doc = "Name; the disk has the same." },
	{ OBJECT("dataVolume", struct volume, data_volume, struct volume_data_volume, &volume_data_volume_schema), .flags = FIELD_ONEOF, .doc = "The disk that a DataVolume fills." },
	{ OBJECT("persistentVolumeClaim", struct volume, persistent_volume_claim, struct volume_claim, &volume_claim_schema), .flags = FIELD_ONEOF, .doc = "The disk of a claim." },
	{ OBJECT("emptyDisk", struct volume, empty_disk, struct empty_disk, &empty_disk_schema), .flags = FIELD_ONEOF, .doc = "A scratch disk that lives as long as the instance." },
	{ OBJECT("hostDisk", struct volume, host_disk, struct host_disk, &host_disk_schema), .flags = FIELD_ONEOF, .doc = "A file on the host." },
	{ OBJECT("cloudInitNoCloud", struct volume, cloud_init_no_cloud, struct cloud_init, &cloud_init_schema), .flags = FIELD_ONEOF, .doc = "Data for cloud-init, by its NoCloud source." },
	{ OBJECT("cloudInitConfigDrive", struct volume, cloud_init_config_drive, struct cloud_init, &cloud_init_schema), .flags = FIELD_ONEOF, .doc = "Data for cloud-init, by its ConfigDrive source." },
	{ OBJECT("secret", struct volume, secret, struct volume_secret, &volume_secret_schema), .flags = FIELD_ONEOF, .doc = "A Secret's data as files." },
	{ OBJECT("configMap", struct volume, config_map, struct volume_config_map, &volume_config_map_schema), .flags = FIELD_ONEOF, .doc = "A ConfigMap's data as files." },
	{ OBJECT("containerDisk", struct volume, container_disk, struct volume_container_disk, &container_disk_schema), .flags = FIELD_ONEOF, .doc = "A disk in a container image; what the guest writes is lost when it stops." },
	{ OBJECT("ephemeral", struct volume, ephemeral, struct volume_ephemeral, &ephemeral_schema), .flags = FIELD_ONEOF, .doc = "The disk of a claim; what the guest writes is lost when it stops." },
	{ OBJECT("sysprep", struct volume, sysprep, struct volume_sysprep, &sysprep_schema), .flags = FIELD_ONEOF, .doc = "Answers for Windows Setup." },
	{ OBJECT("downwardAPI", struct volume, downward_api, struct volume_downward, &downward_schema), .flags = FIELD_ONEOF, .doc = "The instance's own metadata as files." },
	{ OBJECT("serviceAccount", struct volume, service_account, struct volume_service_account, &service_account_schema), .flags = FIELD_ONEOF, .doc = "A service account's token.", .warn = "There are no service accounts without Kubernetes: the disk is empty." },
	{ OBJECT("memoryDump", struct volume, memory_dump, struct volume_claim, &volume_claim_schema), .flags = FIELD_ONEOF, .doc = "The claim that a memory dump is written to." },
	{ OBJECT("downwardMetrics", struct volume, downward_metrics, struct empty, &empty_schema), .flags = FIELD_ONEOF, .doc = "Metrics of the host: refused.", .warn = "Metrics are not handed to guests." },
	{ OBJECT("containerPath", struct volume, container_path, struct volume_container_path, &container_path_schema), .flags = FIELD_ONEOF, .doc = "A directory of the instance's container.", .warn = "There are no containers without Kubernetes: the machine cannot start." },
	{ 0 },
};
SCHEMA(volume_schema, struct volume, "Volume", "Where the data of a disk comes from.", volume_rows, .exactly_one = true);
