/*
 * The Subnet, IP and Vip controllers: what the ledger holds, shown; what is kept for somebody, entered.
 *
 *   Subnet ---> counts of its addresses; its DHCP server on every host that has guests on it
 *   IP with the label ip_reserved, Vip ---> an entry of the ledger, until it is deleted
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/conflicts.h"
#include "daemon/controllers/address_counts.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/vmi.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/objects.h"
#include "daemon/subnets.h"
#include "src/api/check.h"
#include "src/api/ip_address.h"
#include "src/api/ip_pool.h"
#include "src/api/security_group.h"
#include "src/api/subnet.h"
#include "src/api/vip.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

enum { AGAIN_MS = 10000 };

/* --- DHCP ------------------------------------------------------------------------------------------------------------------ */

/* In host->served; no entry: nobody knows. */
#define UNSERVED ""  /* there is nothing of it */
#define TOLD_NOW "?" /* it is being told: while machines come by the hundred, the next call is of all that came meanwhile */

struct serving {
	struct daemon *daemon;
	char *name, *host, *told; /* told UNSERVED: it is taken away */
};

/* Without Open vSwitch there is nothing to take away; when it starts, all is asked for again. */
static bool
is_done(const struct serving *s, const struct error *error)
{
	return error == NULL || (*s->told == '\0' && (error->code == ENOENT || error->code == ENOTCONN || error->code == EOPNOTSUPP));
}

static void
on_service(void *arg, json_t *result, const struct error *error)
{
	struct serving *s = arg;
	struct host *host = host_find(s->daemon, s->host);
	const struct object *object = store_get(s->daemon->store, KIND_SUBNET, "", s->name);

	(void)result;
	if (host != NULL && g_strcmp0(g_hash_table_lookup(host->served, s->name), TOLD_NOW) == 0)
		g_hash_table_remove(host->served, s->name);
	if (is_done(s, error) && host != NULL)
		g_hash_table_insert(host->served, g_strdup(s->name), g_strdup(s->told));
	else if (error != NULL && error->code != EHOSTDOWN && object != NULL)
		daemon_event(s->daemon, object, "Warning", "DHCPFailed", "host %s: %s", s->host, error->text);
	else if (error != NULL && error->code != EHOSTDOWN)
		log_warning("Subnet %s: host %s: %s", s->name, s->host, error->text);
	if (object != NULL)
		controllers_requeue(s->daemon, object, is_done(s, error) ? 0 : AGAIN_MS);
	g_free(s->name);
	g_free(s->host);
	g_free(s->told);
	g_free(s);
}

static void
serve(struct daemon *daemon, struct host *host, const char *name, json_t *service, char *told)
{
	struct serving *s = g_new0(struct serving, 1);

	*s = (struct serving){ daemon, g_strdup(name), g_strdup(host->name), told };
	g_hash_table_insert(host->served, g_strdup(name), g_strdup(TOLD_NOW));
	host_call(host, service != NULL ? "subnet-serve" : "subnet-unserve", service != NULL ? service : json_pack("{s:s}", "subnet", name), -1,
	    HOST_DEADLINE_ACTION, on_service, s);
}

/* True: the host has what it is to have. */
static bool
keep_service(struct daemon *daemon, struct host *host, const struct object *object, struct error *err)
{
	const char *before = g_hash_table_lookup(host->served, object->name);

	if (g_strcmp0(before, TOLD_NOW) == 0)
		return false;
	json_t *service = subnet_service(daemon, host, object, err);
	char *told = service == NULL ? g_strdup(UNSERVED) : json_dumps(service, JSON_COMPACT | JSON_SORT_KEYS);
	if (g_strcmp0(told, before) == 0) {
		json_decref(service);
		g_free(told);
		return true;
	}
	serve(daemon, host, object->name, service, told);
	return false;
}

static int
keep_services(struct daemon *daemon, const struct object *object, bool *all, struct error *err)
{
	*all = true;
	for (guint i = 0; i < daemon->hosts->len && err->code == 0; i++) {
		struct host *host = daemon->hosts->pdata[i];
		if (host->state == HOST_READY)
			*all &= keep_service(daemon, host, object, err);
		if (subnet_is_unserved(daemon, host, object))
			controllers_requeue(daemon, object, AGAIN_MS);
	}
	return err->code == 0 ? 0 : -1;
}

/* --- Subnets ----------------------------------------------------------------------------------------------------------------- */

static void
note(struct daemon *daemon, struct subnet_status *status, const char *type, const struct error *wrong)
{
	condition_set(&status->conditions, type, wrong->code == 0, wrong->code == 0 ? "Success" : "Failed", wrong->text, daemon_now(daemon));
}

/* Pools count by the same entries; one that changes or goes changes what the Subnet has to give. */
static void
wake_pools(struct daemon *daemon, const struct object *subnet)
{
	g_autoptr(GPtrArray) all = store_list(daemon->store, KIND_IP_POOL, NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct object *pool = all->pdata[i];
		if (g_strcmp0(((const struct ip_pool *)pool->value)->spec->subnet, subnet->name) != 0)
			continue;
		controllers_requeue(daemon, pool, 0);
		controllers_await(daemon, subnet, KIND_IP_POOL, "", pool->name);
	}
}

static int
keep_subnet(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct subnet_spec *spec = ((const struct subnet_object *)object->value)->spec;
	struct subnet_status *status = objects_status_copy(object);
	struct error wire = { 0 }, addresses = { 0 };
	g_autofree char *segment = subnet_segment(daemon, object, &wire);
	struct subnet subnet;
	bool addressed = false, all = false;
	int r;

	subnet_addresses(daemon, object, &subnet, &addressed, &addresses);
	if (segment != NULL && addressed && addresses.code == 0)
		address_counts_read(daemon, segment, &subnet, &status->v4, &status->v6);
	subnet_clear(&subnet);
	note(daemon, status, "Validated", &addresses);
	if (segment != NULL && addresses.code == 0)
		keep_services(daemon, object, &all, &wire);
	note(daemon, status, "Ready", &wire);
	if (segment != NULL && addressed)
		conflicts_look(daemon, object, segment);
	wake_pools(daemon, object);
	if (wire.code != 0 && is_text(spec->vlan))
		controllers_await(daemon, object, KIND_VLAN, "", spec->vlan);
	if (wire.code != 0)
		controllers_requeue(daemon, object, AGAIN_MS);
	r = objects_set_status(daemon, object, status, err);
	schema_free(&subnet_status_schema, status);
	return r;
}

struct using {
	const struct subnet *subnet;
	const char *owner; /* of one that uses it, borrowed */
};

static void
find_user(void *arg, const struct address *a)
{
	struct using *u = arg;

	if (address_is_within(u->subnet, a) && !g_str_has_prefix(a->owner, "dhcp/") && !g_str_has_prefix(a->owner, ADDRESS_FOREIGN))
		u->owner = a->owner;
}

/* The addresses of its DHCP servers go with it. */
static void
forget_servers(struct daemon *daemon, const struct object *object, const char *segment)
{
	struct error err = { 0 };

	for (guint i = 0; i < daemon->hosts->len && segment != NULL; i++) {
		g_autofree char *owner = address_owner_of_dhcp(((const struct host *)daemon->hosts->pdata[i])->name, object->name);
		if (store_address_get(daemon->store, segment, owner) != NULL && store_address_remove(daemon->store, segment, owner, &err) < 0)
			log_warning("Subnet %s: %s", object->name, err.text);
	}
}

static int
remove_subnet(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct error wire = { 0 };
	g_autofree char *segment = subnet_segment(daemon, object, &wire);
	struct subnet subnet;
	struct using u = { &subnet, NULL };
	bool addressed, all;

	if (subnet_addresses(daemon, object, &subnet, &addressed, &wire) == 0 && addressed && segment != NULL)
		store_address_each(daemon->store, segment, find_user, &u);
	subnet_clear(&subnet);
	if (u.owner != NULL) {
		daemon_event(daemon, object, "Warning", "InUse", "it is deleted when its addresses are not in use any more: %s has one", u.owner);
		return 0;
	}
	wire.code = 0;
	if (keep_services(daemon, object, &all, &wire) < 0 || !all)
		return 0;
	forget_servers(daemon, object, segment);
	if (segment != NULL)
		conflicts_clear(daemon, object, segment);
	return objects_set_finalizer(daemon, object, kinds[KIND_SUBNET].finalizer, false, err);
}

int
subnet_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct subnet_object *subnet = object->value;
	const struct object *vlan = is_text(subnet->spec->vlan) ? store_get(daemon->store, KIND_VLAN, "", subnet->spec->vlan) : NULL;

	if (vlan != NULL)
		controllers_requeue(daemon, vlan, 0);
	return subnet->head.meta->deletion_timestamp != 0 ? remove_subnet(daemon, object, err) : keep_subnet(daemon, object, err);
}

/* --- what is kept ------------------------------------------------------------------------------------------------------------ */

int
subnet_attach(struct daemon *daemon, const char *name, struct attachment *at, struct error *err)
{
	at->of = is_text(name) ? store_get(daemon->store, KIND_SUBNET, "", name) : NULL;
	if (at->of == NULL)
		return error_set(err, ENOENT, "Subnet %s does not exist", is_text(name) ? name : "(spec.subnet is empty)");
	at->segment = subnet_segment(daemon, at->of, err);
	return at->segment == NULL ? -1 : subnet_addresses(daemon, at->of, &at->subnet, &at->addressed, err);
}

static int
forget(struct daemon *daemon, const struct object *object, const char *subnet, const char *owner, struct error *err)
{
	ATTACHMENT_AUTO at = { 0 };
	struct error gone = { 0 };

	if (subnet_attach(daemon, subnet, &at, &gone) == 0) {
		controllers_requeue(daemon, at.of, 0);
		if (store_address_get(daemon->store, at.segment, owner) != NULL && store_address_remove(daemon->store, at.segment, owner, err) < 0)
			return -1;
	}
	return objects_set_finalizer(daemon, object, object->kind->finalizer, false, err);
}

/* Its machine has the address now. */
struct having {
	const char *prefix;
	const char *ips[IP_FAMILIES];
	const struct address *found; /* borrowed from the ledger */
};

static void
find_holder(void *arg, const struct address *a)
{
	struct having *h = arg;

	if (a->released == 0 && g_str_has_prefix(a->owner, h->prefix) && (h->ips[IPV4] == NULL || strcmp(h->ips[IPV4], a->ip) == 0) &&
	    (h->ips[IPV6] == NULL || strcmp(h->ips[IPV6], a->ip6) == 0))
		h->found = a;
}

static int
keep_ip(struct daemon *daemon, const struct object *object, const char *owner, struct error *err)
{
	const struct ip_address_spec *spec = ((const struct ip_address *)object->value)->spec;
	g_autofree char *prefix = g_strdup_printf("%s/%s/", spec->namespace, spec->pod_name);
	struct having h = { prefix, { is_text(spec->v4) ? spec->v4 : NULL, is_text(spec->v6) ? spec->v6 : NULL }, NULL };
	const struct address_wish wish = { .mac = is_text(spec->mac) ? spec->mac : NULL, .ips = { h.ips[IPV4], h.ips[IPV6] },
		.without = { h.ips[IPV4] == NULL, h.ips[IPV6] == NULL } };
	ATTACHMENT_AUTO at = { 0 };

	if (subnet_attach(daemon, spec->subnet, &at, err) < 0)
		return -1;
	controllers_requeue(daemon, at.of, 0);
	store_address_each(daemon->store, at.segment, find_holder, &h);
	return h.found != NULL || address_ensure(daemon, &at, owner, &wish, err) != NULL ? 0 : -1;
}

/* One that was deleted while its machine has the address: what is in use is shown, whoever deletes it. */
static int
show_again(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct ip_address_spec *spec = ((const struct ip_address *)object->value)->spec;
	g_autofree char *prefix = g_strdup_printf("%s/%s/", spec->namespace, spec->pod_name), *name = g_strdup(object->name);
	struct having h = { prefix, { is_text(spec->v4) ? spec->v4 : NULL, is_text(spec->v6) ? spec->v6 : NULL }, NULL };
	struct error gone = { 0 };
	ATTACHMENT_AUTO at = { 0 };

	if (subnet_attach(daemon, spec->subnet, &at, &gone) < 0)
		return 0;
	store_address_each(daemon->store, at.segment, find_holder, &h);
	if (h.found == NULL || !address_is_within(&at.subnet, h.found))
		return 0;
	return subnet_show_entry(daemon, name, spec->namespace, spec->pod_name, spec->node_name, at.of, h.found, err);
}

/* What cannot be kept is told, and tried again. */
static int
tell(struct daemon *daemon, const struct object *object, int r, const struct error *why)
{
	if (r == 0)
		return 0;
	daemon_event(daemon, object, "Warning", why->code == EEXIST ? "AddressConflict" : "AddressNotKept", "%s", why->text);
	controllers_requeue(daemon, object, AGAIN_MS);
	return 0;
}

int
ip_address_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct ip_address *ip = object->value;
	g_autofree char *owner = address_owner_of_ip(object->name);
	struct error why = { 0 };

	if (ip->head.meta->deletion_timestamp != 0)
		return forget(daemon, object, ip->spec->subnet, owner, err) < 0 ? -1 : show_again(daemon, object, err);
	return ip_is_kept(ip) ? tell(daemon, object, keep_ip(daemon, object, owner, &why), &why) : 0;
}

static int
keep_vip(struct daemon *daemon, const struct object *object, const char *owner, struct error *err)
{
	const struct vip_spec *spec = ((const struct vip *)object->value)->spec;
	const struct address_wish wish = { .mac = is_text(spec->mac) ? spec->mac : NULL,
		.ips = { is_text(spec->v4) ? spec->v4 : NULL, is_text(spec->v6) ? spec->v6 : NULL } };
	struct vip_status *status;
	const struct address *a;
	ATTACHMENT_AUTO at = { 0 };
	int r;

	a = subnet_attach(daemon, spec->subnet, &at, err) < 0 ? NULL : address_ensure(daemon, &at, owner, &wish, err);
	status = schema_new(&vip_status_schema);
	status->ready = a != NULL;
	status->type = g_strdup(spec->type);
	status->v4 = a == NULL || *a->ip == '\0' ? NULL : g_strdup(a->ip);
	status->v6 = a == NULL || *a->ip6 == '\0' ? NULL : g_strdup(a->ip6);
	status->mac = a == NULL ? NULL : g_strdup(a->mac);
	if (a != NULL)
		controllers_requeue(daemon, at.of, 0);
	struct error unused = { 0 };
	r = objects_set_status(daemon, object, status, a == NULL ? &unused : err);
	schema_free(&vip_status_schema, status);
	return a == NULL ? -1 : r;
}

int
vip_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vip *vip = object->value;
	g_autofree char *owner = address_owner_of_vip(object->name);
	struct error why = { 0 };

	if (vip->head.meta->deletion_timestamp != 0)
		return forget(daemon, object, vip->spec->subnet, owner, err);
	return tell(daemon, object, keep_vip(daemon, object, owner, &why), &why);
}

/* --- SecurityGroups ---------------------------------------------------------------------------------------------------------- */

int
security_group_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct security_group *group = object->value;
	struct security_group_status *status = objects_status_copy(object);
	int r;

	status->allow_same_group = group->spec->allow_same_group;
	status->ingress_synced = status->egress_synced = guards_are_told(daemon);
	if (!status->ingress_synced)
		guards_sync_all(daemon);
	r = objects_set_status(daemon, object, status, err);
	schema_free(&security_group_status_schema, status);
	return r;
}

/* --- hosts --------------------------------------------------------------------------------------------------------------------- */

/* A host is READY: its bridges and servers are looked at. */
void
subnets_sync(struct daemon *daemon)
{
	static const enum kind_id looked_at[] = { KIND_PROVIDER_NETWORK, KIND_SUBNET };

	for (size_t k = 0; k < G_N_ELEMENTS(looked_at); k++) {
		g_autoptr(GPtrArray) all = store_list(daemon->store, looked_at[k], NULL);
		for (guint i = 0; i < all->len; i++)
			controllers_requeue(daemon, all->pdata[i], 0);
	}
}

void
subnets_lost(struct host *host, const char *event, const char *name)
{
	bool all = strcmp(event, "vswitch") == 0;

	if (host->daemon->controllers == NULL || (!all && strcmp(event, "subnet") != 0))
		return;
	if (all) {
		g_hash_table_remove_all(host->wires);
		g_hash_table_remove_all(host->served);
	} else if (name != NULL)
		g_hash_table_remove(host->served, name);
	subnets_sync(host->daemon);
	if (all) {
		guards_forget(host);
		guards_sync(host);
	}
}
