/*
 * Console logs on the hosts.  A machine's log goes with it: that it has to go is a record of the store, written in the
 * transaction that lets the machine go, and taken back when the host has answered.  So neither a host that is away nor the
 * end of the daemon leaves one behind, and no machine has to wait for a host.
 */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/vmi.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/virt/host_verbs.h"

#define LOGS "console-log" /* bucket of records: "host/namespace/name" of logs that have to go */

char *
vmi_console_log(const char *namespace, const char *name)
{
	return g_strdup_printf("/var/log/libvirt/qemu/%s_%s.console.log", namespace, name);
}

struct removing {
	struct daemon *daemon;
	char *host, *key;
};

static void
on_removed(void *arg, json_t *result, const struct error *error)
{
	struct removing *r = arg;
	struct host *host = host_find(r->daemon, r->host);

	(void)result;
	if (error == NULL)
		store_record_set(r->daemon->store, LOGS, r->key, NULL, NULL);
	else if (error->code != EHOSTDOWN)
		log_warning("console log %s: %s", r->key, error->text);
	if (error != NULL && host != NULL)
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

	*r = (struct removing){ host->daemon, g_strdup(host->name), g_strdup(key) };
	host_call(host, "log-remove", json_pack("{s:s}", "path", path), -1, HOST_DEADLINE_ACTION, on_removed, r);
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
	}
}

static void
collect(void *arg, const char *key, const char *value)
{
	(void)value;
	g_ptr_array_add(arg, g_strdup(key));
}

void
vmi_logs_sync(struct daemon *daemon, struct host *host)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

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
