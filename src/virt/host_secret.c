/* Keys that QEMU opens disks with, held by libvirt; and disks that grow under a guest. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/virt/host.h"

/*
 * The key of a Ceph user, or the passphrase of a volume, known to libvirt until it ends: nothing of it is written to a disk, nobody can read it back.  libvirt
 * wants its bytes, not the text of the keyring.
 */
static char *
secret_xml(const char *uuid, const char *usage, bool volume)
{
	return volume ? g_markup_printf_escaped("<secret ephemeral='yes' private='yes'><uuid>%s</uuid>"
	                                        "<usage type='volume'><volume>%s</volume></usage></secret>", uuid, usage)
	              : g_markup_printf_escaped("<secret ephemeral='yes' private='yes'><uuid>%s</uuid>"
	                                        "<usage type='ceph'><name>%s</name></usage></secret>", uuid, usage);
}

static json_t *
run_secret(struct host_call *call, struct error *err)
{
	const char *uuid, *usage, *value;
	gsize length = 0;
	int volume = 0;

	if (host_args(call, err, "{s:s,s:s,s:s,s?:b}", "uuid", &uuid, "usage", &usage, "value", &value, "volume", &volume) < 0)
		return NULL;
	guchar *bytes = g_base64_decode(value, &length);
	g_autofree char *xml = secret_xml(uuid, usage, volume);
	virSecretPtr secret = virSecretDefineXML(call->connection, xml, 0);
	int r = secret == NULL ? -1 : virSecretSetValue(secret, bytes, length, 0);

	if (r < 0)
		host_error(err, "cannot hand the secret \"%s\" to libvirt", usage);
	if (secret != NULL)
		virSecretFree(secret);
	explicit_bzero(bytes, length);
	g_free(bytes);
	return r < 0 ? NULL : json_object();
}

/* QEMU makes the image longer itself. */
static json_t *
run_resize(struct host_call *call, struct error *err)
{
	const char *name, *uid, *target;
	virDomainBlockInfo info;
	json_int_t capacity;

	if (host_args(call, err, "{s:s,s:s,s:s,s:I}", "name", &name, "uid", &uid, "target", &target, "capacity", &capacity) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	if (domain == NULL)
		return NULL;
	if (virDomainIsActive(domain) != 1) {
		error_set(err, ENOENT, "domain %s does not run", name);
		return NULL;
	}
	if (virDomainGetBlockInfo(domain, target, &info, 0) < 0 || (info.capacity < (unsigned long long)capacity &&
	    (virDomainBlockResize(domain, target, (unsigned long long)capacity, VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0 ||
	        virDomainGetBlockInfo(domain, target, &info, 0) < 0))) {
		host_error(err, "cannot make the disk %s of domain %s larger", target, name);
		return NULL;
	}
	return json_pack("{s:I,s:I}", "capacity", (json_int_t)info.capacity, "allocation", (json_int_t)info.allocation);
}

const struct host_verb host_secret_verbs[] = {
	{ "secret-ensure", run_secret },
	{ "domain-disk-resize", run_resize },
	{ NULL, NULL },
};
