/* Guests that run for nobody; see adopt.h.  Their metadata tells what they use (src/virt/domain_xml.h). */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "daemon/controllers/adopt.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/vmi.h"
#include "daemon/objects.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"

/* --- which ------------------------------------------------------------------------------------------------------ */

/* Another daemon on the same libvirt has a pool of its own: its guests are not ours to take. */
static bool
is_of_our_pool(struct daemon *daemon, const struct host_domain *domain)
{
	return g_strcmp0(path_string(domain->uses, "pool"), daemon->config->pool->name) == 0;
}

static bool
runs_for_nobody(struct daemon *daemon, const struct host_domain *domain)
{
	return domain != NULL && domain->uses != NULL && host_domain_is_active(domain) && is_of_our_pool(daemon, domain) &&
	    store_get_uid(daemon->store, domain->uid) == NULL;
}

const struct host_domain *
adopt_find(struct daemon *daemon, const char *namespace, const char *name, struct host **host)
{
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *h = daemon->hosts->pdata[i];
		const struct host_domain *domain = h->state != HOST_READY ? NULL : host_domain_find(h, namespace, name);
		if (runs_for_nobody(daemon, domain)) {
			*host = h;
			return domain;
		}
	}
	return NULL;
}

/* --- the instance ----------------------------------------------------------------------------------------------- */

/* For everybody who watches, the instance that was asked for goes and the one that runs comes. */
static const struct object *
exchange(struct daemon *daemon, const struct object *object, const char *uid, struct error *err)
{
	json_t *tree = object_tree(object);
	const struct object *next = NULL;

	path_set(tree, "metadata.uid", json_string(uid));
	if (store_remove(daemon->store, object, err) == 0)
		next = store_put(daemon->store, &kinds[KIND_VMI], tree, err);
	json_decref(tree);
	return next;
}

int
adopt_instance(struct daemon *daemon, const struct object *object, struct host *host, const struct host_domain *domain,
    struct error *err)
{
	const struct object *next = exchange(daemon, object, domain->uid, err);

	if (next == NULL)
		return -1;
	struct vmi_status *status = objects_status_copy(next);
	g_free(status->node_name);
	status->node_name = g_strdup(host->name);
	grants_adopt(status, domain->uses);
	schema_map_set(&status->active_pods, next->uid, host->name);
	vmi_phase_set(daemon, status, VMI_SCHEDULING);
	daemon_event(daemon, next, "Normal", "Adopted", "domain %s runs since before the store: the instance goes on with it",
	    domain->name);
	return vmi_status_put(daemon, next, status, err);
}

/* --- what it uses ----------------------------------------------------------------------------------------------- */

static const json_t *
claim_of_domain(const struct host_domain *domain, const char *name)
{
	const json_t *claims = json_object_get(domain->uses, "claims");

	for (size_t i = 0; i < json_array_size(claims); i++) {
		const json_t *claim = json_array_get(claims, i);
		if (g_strcmp0(path_string(claim, "name"), name) == 0 && path_string(claim, "path") != NULL &&
		    path_string(claim, "capacity") != NULL)
			return claim;
	}
	return NULL;
}

/* The instance may have been taken over already: what the domain uses is told as long as it is remembered. */
static const json_t *
claim_on_host(struct daemon *daemon, const struct host *host, const char *namespace, const char *name)
{
	const struct host_domain *domain;
	const json_t *claim = NULL;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, host->domains);
	while (claim == NULL && g_hash_table_iter_next(&iter, NULL, (void **)&domain))
		if (domain->uses != NULL && host_domain_is_active(domain) && is_of_our_pool(daemon, domain) &&
		    strcmp(domain->namespace, namespace) == 0)
			claim = claim_of_domain(domain, name);
	return claim;
}

const json_t *
adopt_find_claim(struct daemon *daemon, const char *namespace, const char *name, struct host **host)
{
	const json_t *claim = NULL;

	for (guint i = 0; i < daemon->hosts->len && claim == NULL; i++) {
		*host = daemon->hosts->pdata[i];
		if ((*host)->state == HOST_READY)
			claim = claim_on_host(daemon, *host, namespace, name);
	}
	return claim;
}

static void
enter_address(struct daemon *daemon, const struct host_domain *domain, const json_t *interface)
{
	const char *network = path_string(interface, "network"), *name = path_string(interface, "name");
	const char *ip = path_string(interface, "ip"), *mac = path_string(interface, "mac");
	const char *ip6 = path_string(interface, "ip6");
	struct error err = { 0 };

	if (name == NULL || network == NULL || mac == NULL)
		return;
	/* On another network than the default one there may be no IP of ours. */
	if (ip == NULL && strcmp(network, daemon->config->network->name) == 0)
		return;
	g_autofree char *owner = g_strdup_printf("%s/%s/%s", domain->namespace, domain->vmi, name);
	const struct address address = { network, owner, ip == NULL ? "" : ip, mac, 0, ip6 };
	if (store_address_get(daemon->store, network, owner) == NULL && store_address_put(daemon->store, &address, &err) < 0)
		log_warning("domain %s: its address %s is not kept: %s", domain->name, ip, err.text);
}

void
adopt_addresses(struct daemon *daemon, const struct host *host)
{
	const struct host_domain *domain;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, host->domains);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&domain)) {
		if (!runs_for_nobody(daemon, domain))
			continue;
		const json_t *interfaces = json_object_get(domain->uses, "interfaces");
		log_notice("host %s: domain %s runs for no instance; it goes on, and belongs to the instance of its name as soon as one is asked for",
		    host->name, domain->name);
		for (size_t i = 0; i < json_array_size(interfaces); i++)
			enter_address(daemon, domain, json_array_get(interfaces, i));
	}
}
