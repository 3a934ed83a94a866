/*
 * What outlives an instance on the hosts: console logs, and what persistent UEFI and TPM keep.  A machine's log goes with
 * it: that it has to go is a record of the store, written in the transaction that lets the machine go, and taken back when
 * the host has answered.  So neither a host that is away nor the
 * end of the daemon leaves one behind, and no machine has to wait for a host.  That something is kept is recorded before it is
 * made, and taken back when the host has removed it.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/vmi.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

#define LOGS "console-log" /* bucket of records: "host/namespace/name" of logs that have to go */

#define KEPT "kept-state" /* bucket of records: "host/namespace/name" -> uuid of what has UEFI variables or a TPM's state */

char *
vmi_console_log(const char *namespace, const char *name)
{
	return g_strdup_printf("/var/log/libvirt/qemu/%s_%s.console.log", namespace, name);
}

struct removing {
	struct daemon *daemon;
	const char *bucket;
	char *host, *key;
};

static void
on_removed(void *arg, json_t *result, const struct error *error)
{
	struct removing *r = arg;
	struct host *host = host_find(r->daemon, r->host);

	bool never = error != NULL && error->code == EOPNOTSUPP; /* a libvirt elsewhere: it stays there */

	(void)result;
	if (error == NULL || never)
		store_record_set(r->daemon->store, r->bucket, r->key, NULL, NULL);
	if (error != NULL && error->code != EHOSTDOWN)
		log_warning("%s %s: %s", r->bucket, r->key, error->text);
	if (error != NULL && !never && host != NULL)
		host_sync_again(host);
	g_free(r->host);
	g_free(r->key);
	g_free(r);
}

static bool
is_in_use(struct daemon *daemon, const char *namespace, const char *name)
{
	return store_get(daemon->store, KIND_VM, namespace, name) != NULL ||
	    store_get(daemon->store, KIND_VMI, namespace, name) != NULL;
}

static void
remove_log(struct host *host, const char *key, const char *namespace, const char *name)
{
	g_autofree char *path = vmi_console_log(namespace, name);
	struct removing *r = g_new0(struct removing, 1);

	*r = (struct removing){ host->daemon, LOGS, g_strdup(host->name), g_strdup(key) };
	host_call(host, "log-remove", json_pack("{s:s}", "path", path), -1, HOST_DEADLINE_ACTION, on_removed, r);
}

static void
remove_kept(struct host *host, const char *key, const char *namespace, const char *name)
{
	const char *uuid = store_record_get(host->daemon->store, KEPT, key);
	g_autofree char *domain = domain_name(namespace, name);
	struct removing *r;

	if (uuid == NULL)
		return;
	r = g_new0(struct removing, 1);
	*r = (struct removing){ host->daemon, KEPT, g_strdup(host->name), g_strdup(key) };
	host_call(host, "domain-forget", json_pack("{s:s,s:s}", "name", domain, "uuid", uuid), -1, HOST_DEADLINE_ACTION, on_removed, r);
}

int
vmi_keep(struct daemon *daemon, const struct vmi *vmi, const struct host *host, struct error *err)
{
	const struct tpm *tpm = vmi->spec->domain->devices->tpm;
	bool keeps_tpm = tpm != NULL && tpm->enabled != TRISTATE_FALSE && tpm->persistent;
	g_autofree char *nvram = vmi_nvram(vmi);
	g_autofree char *key = g_strdup_printf("%s/%s/%s", host->name, vmi->head.meta->namespace, vmi->head.meta->name);
	const char *uuid = vmi->spec->domain->firmware == NULL ? NULL : vmi->spec->domain->firmware->uuid;

	if ((!keeps_tpm && nvram == NULL) || uuid == NULL || g_strcmp0(store_record_get(daemon->store, KEPT, key), uuid) == 0)
		return 0;
	return store_record_set(daemon->store, KEPT, key, uuid, err);
}

void
vmi_log_remove(struct daemon *daemon, const char *namespace, const char *name)
{
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		g_autofree char *key = g_strdup_printf("%s/%s/%s", host->name, namespace, name);
		struct error err = { 0 };

		if (store_record_set(daemon->store, LOGS, key, "", &err) != 0)
			log_warning("console log %s: %s", key, err.text);
		/* A full disk lets the machine go, but takes no record: then this is the only try. */
		if (host->state == HOST_READY)
			remove_log(host, key, namespace, name);
		if (host->state == HOST_READY)
			remove_kept(host, key, namespace, name);
	}
}

static void
collect(void *arg, const char *key, const char *value)
{
	(void)value;
	g_ptr_array_add(arg, g_strdup(key));
}

static void
kept_sync(struct daemon *daemon, struct host *host)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

	store_record_each(daemon->store, KEPT, collect, keys);
	for (guint i = 0; i < keys->len; i++) {
		g_auto(GStrv) parts = g_strsplit(keys->pdata[i], "/", 3);

		if (g_strv_length(parts) == 3 && strcmp(parts[0], host->name) == 0 && !is_in_use(daemon, parts[1], parts[2]))
			remove_kept(host, keys->pdata[i], parts[1], parts[2]);
	}
}

void
vmi_logs_sync(struct daemon *daemon, struct host *host)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

	kept_sync(daemon, host);
	store_record_each(daemon->store, LOGS, collect, keys);
	for (guint i = 0; i < keys->len; i++) {
		g_auto(GStrv) parts = g_strsplit(keys->pdata[i], "/", 3);

		if (g_strv_length(parts) != 3 || strcmp(parts[0], host->name) != 0)
			continue;
		/* It came back meanwhile: the log is its own again. */
		if (is_in_use(daemon, parts[1], parts[2]))
			store_record_set(daemon->store, LOGS, keys->pdata[i], NULL, NULL);
		else
			remove_log(host, keys->pdata[i], parts[1], parts[2]);
	}
}
