/* Rules for volumes. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/base/error.h"

/* KubeVirt's limit on what is written into the spec itself. */
enum { CLOUD_INIT_INLINE = 2048 };

/* One half of a cloud-init source. */
struct cloud_data {
	const char *what, *plain_field, *coded_field, *secret_field; /* as they are written */
	const char *plain, *coded, *secret;
};

/* F8, of any path in a container image; at the field "at". */
bool
check_image_path(const struct checking *c, const char *at, const char *place, const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	guint count = g_strv_length(parts);
	bool good = path[0] == '/' && path[1] != '\0';

	/* The first part is what stands before the first slash; a slash at the end leaves an empty last one. */
	for (guint i = 1; good && i < count; i++)
		good = (*parts[i] != '\0' || i == count - 1) && strcmp(parts[i], ".") != 0 && strcmp(parts[i], "..") != 0;
	if (!good)
		complain_as(c, CAUSE_INVALID, at, place, "\"%.80s\" is not the absolute path of a file, without \".\" and \"..\"", path);
	return good;
}

/* V5; and how many bytes it says.  -1: it is not base64. */
static gssize
coded_length(const struct checking *c, const char *field, const char *text)
{
	struct error err = { 0 };
	gsize length = 0;

	if (check_base64(text, &err) != 0) {
		complain(c, CAUSE_INVALID, field, "%s; plain text goes under %.*s", err.text,
		    (int)(strlen(field) - strlen("Base64")), field);
		return -1;
	}
	g_autofree guchar *bytes = g_base64_decode(text, &length);
	return (gssize)length;
}

/* What KubeVirt looks for only when the machine starts. */
static void
check_reference(const struct checking *c, const char *field, const char *name)
{
	struct error err = { 0 };

	if (!is_text(name))
		advise(c, field, "names nothing: the machine cannot start");
	else if (check_dns_subdomain(name, &err) != 0)
		advise(c, field, "%s: the machine cannot start", err.text);
}

/* V5 to V7 of user data or network data.  Returns how many of the three ways are used. */
static int
check_cloud_data(const struct checking *c, const struct cloud_data *d)
{
	int count = is_text(d->plain) + is_text(d->coded) + is_text(d->secret);
	gssize length = is_text(d->coded) ? coded_length(c, d->coded_field, d->coded) : 0;

	if (is_text(d->secret))
		check_reference(c, d->secret_field, d->secret);
	if (is_text(d->plain))
		length = (gssize)strlen(d->plain);
	if (count > 1)
		complain(c, CAUSE_INVALID, "", "%s, %s and %s exclude each other: write one of them", d->plain_field, d->coded_field,
		    d->secret_field);
	if (length > CLOUD_INIT_INLINE)
		complain_as(c, CAUSE_INVALID, "", is_text(d->plain) ? d->plain_field : d->coded_field,
		    "%s is %zd bytes long: at most %d are allowed here; put it into a Secret and name that in %s", d->what, length,
		    CLOUD_INIT_INLINE, d->secret_field);
	return count;
}

/* V5 to V8 */
static void
check_cloud_init(const struct checking *c, const char *field, const struct cloud_init *s)
{
	g_autofree char *path = g_strdup_printf("%s.%s", c->path, field);
	struct checking at = *c;

	if (s == NULL)
		return;
	struct cloud_data user = { "userData", "userData", "userDataBase64", "secretRef", s->user_data, s->user_data_base64,
		s->secret_ref == NULL ? NULL : s->secret_ref->name };
	struct cloud_data network = { "networkData", "networkData", "networkDataBase64", "networkDataSecretRef", s->network_data,
		s->network_data_base64, s->network_data_secret_ref == NULL ? NULL : s->network_data_secret_ref->name };
	at.path = path;
	int users = check_cloud_data(&at, &user), networks = check_cloud_data(&at, &network);
	if (users + networks == 0)
		complain(&at, CAUSE_REQUIRED, "", "needs user data (userData, userDataBase64 or secretRef) or network data");
}

/* V11, V12 */
static void
check_host_disk(const struct checking *c, const struct host_disk *h)
{
	if (h != NULL && h->type == HOST_DISK_DISK && h->capacity != 0)
		complain(c, CAUSE_INVALID, "hostDisk.capacity", "has a meaning only with type: DiskOrCreate");
}

/* V15 */
static void
check_container_path(const struct checking *c, const struct volume *v)
{
	const struct volume_container_path *p = v->container_path;
	const struct devices *devices = c->spec->domain->devices;
	bool disk = false, shared = false;

	if (p == NULL)
		return;
	SCHEMA_EACH (struct disk, d, &devices->disks)
		disk |= g_strcmp0(d->name, v->name) == 0;
	SCHEMA_EACH (struct filesystem, f, &devices->filesystems)
		shared |= g_strcmp0(f->name, v->name) == 0;
	if (disk || !shared)
		complain_start(c, CAUSE_INVALID, "", "a containerPath is a directory: name it under domain.devices.filesystems, not as a disk");
	if (!is_text(p->path) || p->path[0] != '/')
		complain(c, CAUSE_INVALID, "containerPath.path", "must be an absolute path");
	if (is_text(p->path) && strstr(p->path, "..") != NULL)
		complain(c, CAUSE_INVALID, "containerPath.path", "must not have \"..\" in it");
	if (p->read_only == TRISTATE_FALSE)
		complain(c, CAUSE_INVALID, "containerPath.readOnly", "must be true: nothing can be written there");
}

/* V3 */
static void
check_references(const struct checking *c, const struct volume *v)
{
	const struct volume_claim *ephemeral = v->ephemeral == NULL ? NULL : v->ephemeral->persistent_volume_claim;

	if (v->data_volume != NULL && !is_text(v->data_volume->name))
		complain_as(c, CAUSE_REQUIRED, "name", "dataVolume", "dataVolume.name is required: the DataVolume that fills the disk");
	else if (v->data_volume != NULL)
		check_reference(c, "dataVolume.name", v->data_volume->name);
	if (v->persistent_volume_claim != NULL)
		check_reference(c, "persistentVolumeClaim.claimName", v->persistent_volume_claim->claim_name);
	if (v->ephemeral != NULL)
		check_reference(c, "ephemeral.persistentVolumeClaim.claimName", ephemeral == NULL ? NULL : ephemeral->claim_name);
	if (v->memory_dump != NULL)
		check_reference(c, "memoryDump.claimName", v->memory_dump->claim_name);
	if (v->config_map != NULL && is_text(v->config_map->name))
		check_reference(c, "configMap.name", v->config_map->name);
	if (v->secret != NULL && is_text(v->secret->secret_name))
		check_reference(c, "secret.secretName", v->secret->secret_name);
	if (v->sysprep != NULL && v->sysprep->secret == NULL && v->sysprep->config_map == NULL)
		advise(c, "sysprep", "names neither secret nor configMap: the machine cannot start");
	if (v->container_disk != NULL && !is_text(v->container_disk->image))
		advise(c, "containerDisk.image", "names nothing: the machine cannot start");
	if (v->empty_disk != NULL && v->empty_disk->capacity < 1 << 20)
		advise(c, "emptyDisk.capacity", "is less than 1Mi: the machine cannot start");
}

static void
check_volume(const struct checking *c, const struct volume *v)
{
	check_references(c, v);
	check_cloud_init(c, "cloudInitNoCloud", v->cloud_init_no_cloud);
	check_cloud_init(c, "cloudInitConfigDrive", v->cloud_init_config_drive);
	check_host_disk(c, v->host_disk);
	check_container_path(c, v);
	if (v->container_disk != NULL && is_text(v->container_disk->path))
		check_image_path(c, "containerDisk", "containerDisk.path", v->container_disk->path);
	/* V9: what its feature gate would allow is not here. */
	if (v->downward_metrics != NULL)
		complain_as(c, CAUSE_NOT_SUPPORTED, "", "downwardMetrics", "downwardMetrics is not supported: metrics are not handed to guests");
}

/* V14: what there can be one of. */
static void
check_single(const struct checking *c)
{
	unsigned accounts = 0, dumps = 0, metrics = 0;

	SCHEMA_EACH (struct volume, v, &c->spec->volumes) {
		accounts += v->service_account != NULL;
		dumps += v->memory_dump != NULL;
		metrics += v->downward_metrics != NULL;
	}
	if (accounts > 1)
		complain(c, CAUSE_INVALID, "volumes", "at most one volume can be a serviceAccount");
	if (dumps > 1)
		complain(c, CAUSE_INVALID, "volumes", "at most one volume can be a memoryDump");
	if (metrics > 1)
		complain(c, CAUSE_INVALID, "volumes", "at most one volume can be downwardMetrics");
}

void
check_volumes(const struct checking *c)
{
	CHECK_EACH (struct volume, v, &c->spec->volumes, "volumes", check_volume);
	check_single(c);
}

/* --- access credentials ------------------------------------------------------------------------------------------- */

/* A1: keys that come with a disk need the disk. */
static void
check_disk_methods(const struct checking *c, const struct credential_propagation *p)
{
	bool no_cloud = false, config_drive = false;

	SCHEMA_EACH (struct volume, v, &c->spec->volumes) {
		no_cloud |= v->cloud_init_no_cloud != NULL;
		config_drive |= v->cloud_init_config_drive != NULL;
	}
	if (p->no_cloud != NULL && !no_cloud)
		complain_as(c, CAUSE_INVALID, "propagationMethod", "propagationMethod.noCloud", "noCloud needs a volume with cloudInitNoCloud");
	if (p->config_drive != NULL && !config_drive)
		complain_as(c, CAUSE_INVALID, "propagationMethod", "propagationMethod.configDrive",
		    "configDrive needs a volume with cloudInitConfigDrive");
}

/* A1 to A3 of keys (which may come with a disk) or of passwords (which may not) */
static void
check_credential(const struct checking *c, const char *field, const struct access_credential_item *item, bool keys)
{
	g_autofree char *path = g_strdup_printf("%s.%s", c->path, field);
	struct checking at = *c;

	if (item == NULL)
		return;
	const struct credential_propagation *p = item->propagation_method;
	int methods = p == NULL ? 0 : (p->qemu_guest_agent != NULL) + (keys ? (p->no_cloud != NULL) + (p->config_drive != NULL) : 0);
	at.path = path;
	if (item->source == NULL || item->source->secret == NULL)
		complain(&at, CAUSE_INVALID, "source", "needs a secret with the %s", keys ? "keys" : "passwords");
	if (methods != 1)
		complain(&at, CAUSE_INVALID, "propagationMethod", "needs one of %s", keys ? "noCloud, configDrive, qemuGuestAgent" : "qemuGuestAgent");
	if (p == NULL || !keys)
		return;
	check_disk_methods(&at, p);
	if (p->qemu_guest_agent != NULL && (p->qemu_guest_agent->users == NULL || p->qemu_guest_agent->users[0] == NULL))
		complain(&at, CAUSE_INVALID, "propagationMethod.qemuGuestAgent.users", "needs at least one user");
}

static void
check_access(const struct checking *c, const struct access_credential *a)
{
	if ((a->ssh_public_key != NULL) + (a->user_password != NULL) != 1)
		complain(c, CAUSE_INVALID, "", "needs one of sshPublicKey, userPassword");
	check_credential(c, "sshPublicKey", a->ssh_public_key, true);
	check_credential(c, "userPassword", a->user_password, false);
}

void
check_credentials(const struct checking *c)
{
	CHECK_EACH (struct access_credential, a, &c->spec->access_credentials, "accessCredentials", check_access);
}
