/* The ledger in use; see addresses.h. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/conflicts.h"
#include "daemon/host.h"
#include "daemon/subnets.h"
#include "net/ledger.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

static const char *
network_name(struct daemon *daemon)
{
	return daemon->config->network->name;
}

char *
address_owner(const char *namespace, const char *name, const char *interface)
{
	return g_strdup_printf("%s/%s/%s", namespace, name, interface);
}

char *
address_owner_of_ip(const char *name)
{
	return g_strconcat("ip/", name, NULL);
}

char *
address_owner_of_vip(const char *name)
{
	return g_strconcat("vip/", name, NULL);
}

char *
address_owner_of_dhcp(const char *host, const char *subnet)
{
	return g_strdup_printf("dhcp/%s:%s", host, subnet);
}

const struct address *
address_find(struct daemon *daemon, const struct object *instance, const struct interface *interface)
{
	g_autofree char *owner = address_owner(instance->namespace, instance->name, interface->name);
	ATTACHMENT_AUTO at = { 0 };
	struct error unused;

	if (network_find(daemon, instance, interface, &at, &unused) < 0)
		return NULL;
	return store_address_get(daemon->store, at.segment, owner);
}

void
address_texts(const struct address *address, const char *texts[3])
{
	const char *both[] = { address == NULL ? "" : address->ip, address == NULL ? "" : address->ip6 };
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(both); i++)
		if (*both[i] != '\0')
			texts[n++] = both[i];
	while (n < 3)
		texts[n++] = NULL;
}

static void
add_entry(void *arg, const struct address *a)
{
	const struct ledger_entry entry = { a->owner, a->ip, a->mac, a->released, a->ip6 };

	g_array_append_val((GArray *)arg, entry);
}

static const struct address *
put(struct daemon *daemon, const struct address *address, struct error *err)
{
	if (store_address_put(daemon->store, address, err) != 0)
		return NULL;
	return store_address_get(daemon->store, address->network, address->owner);
}

/* What an owner still has on other networks. */
struct leaving {
	const char *segment, *owner;
	GPtrArray *segments; /* char *, where it is not released */
	char *mac;           /* that it had, or NULL */
};

static void
match_elsewhere(void *arg, const struct address *a)
{
	struct leaving *l = arg;

	if (strcmp(a->owner, l->owner) != 0 || strcmp(a->network, l->segment) == 0)
		return;
	if (a->released == 0)
		g_ptr_array_add(l->segments, g_strdup(a->network));
	if (a->released == 0 || l->mac == NULL) {
		g_free(l->mac);
		l->mac = g_strdup(a->mac);
	}
}

static void release(struct daemon *daemon, const char *segment, const char *owner);

/* An entry, new or instead of the one before, by the rules of net/ledger. */
static const struct address *
enter(struct daemon *daemon, const struct attachment *attachment, const char *owner, const struct address_wish *wish, struct error *err)
{
	g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct ledger_entry));
	const struct ledger_wish wanted = { owner, wish->mac, { wish->ips[IPV4], wish->ips[IPV6] }, wish->held,
		{ wish->without[IPV4], wish->without[IPV6] }, wish->lowest };
	struct ledger_choice choice;

	store_address_each(daemon->store, attachment->segment, add_entry, entries);
	if (ledger_choose(attachment->addressed ? &attachment->subnet : NULL, (const struct ledger_entry *)(void *)entries->data, entries->len,
	        &wanted, &choice, err) != 0)
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(choice.recycle) && choice.recycle[i] >= 0; i++) {
		g_autofree char *old = g_strdup(g_array_index(entries, struct ledger_entry, choice.recycle[i]).owner);
		if (strcmp(old, owner) != 0 && store_address_remove(daemon->store, attachment->segment, old, err) != 0)
			return NULL;
	}
	const struct address address = { attachment->segment, owner, choice.ips[IPV4], choice.mac, 0, choice.ips[IPV6] };
	return put(daemon, &address, err);
}

static const char *
ip_of(const struct address *a, enum ip_family family)
{
	return family == IPV4 ? a->ip : a->ip6;
}

/* An address that was had before can be had again: its subnet may have changed. */
static bool
is_usable(const struct attachment *attachment, enum ip_family family, const char *ip)
{
	enum ip_family its;
	ip_number number;

	return attachment->addressed && number_parse(ip, &its, &number) && its == family && subnet_has(&attachment->subnet.families[family], number);
}

/* The entry is what is asked for, as far as something is. */
static bool
suffices(const struct attachment *attachment, const struct address *known, const struct address_wish *wish)
{
	bool good = known != NULL && known->released == 0 && (wish->mac == NULL || strcmp(known->mac, wish->mac) == 0);

	for (int f = 0; good && f < IP_FAMILIES; f++) {
		bool wanted = attachment->addressed && attachment->subnet.families[f].present && !wish->without[f];
		const char *ip = ip_of(known, f);
		good = wanted ? is_usable(attachment, f, ip) && (wish->ips[f] == NULL || strcmp(ip, wish->ips[f]) == 0) : *ip == '\0';
	}
	return good;
}

/* What nobody asked for is as it was when that is possible. */
static const struct address *
enter_as_before(struct daemon *daemon, const struct attachment *attachment, const char *owner, const struct address_wish *wish,
    const struct address *known, const char *other_mac, struct error *err)
{
	struct address_wish same = *wish;
	const struct address *made;
	struct error unused;

	if (same.mac == NULL)
		same.mac = known != NULL ? known->mac : other_mac;
	for (int f = 0; known != NULL && f < IP_FAMILIES; f++)
		if (same.ips[f] == NULL && is_usable(attachment, f, ip_of(known, f)))
			same.ips[f] = ip_of(known, f);
	made = enter(daemon, attachment, owner, &same, &unused);
	return made != NULL ? made : enter(daemon, attachment, owner, wish, err);
}

const struct address *
address_ensure(struct daemon *daemon, const struct attachment *attachment, const char *owner, const struct address_wish *wish,
    struct error *err)
{
	g_autofree char *mac = wish->mac == NULL ? NULL : g_strdelimit(g_ascii_strdown(wish->mac, -1), "-", ':');
	const struct address *known = store_address_get(daemon->store, attachment->segment, owner);
	g_autoptr(GPtrArray) segments = g_ptr_array_new_with_free_func(g_free);
	struct leaving l = { attachment->segment, owner, segments, NULL };
	struct address_wish wanted = *wish;

	wanted.mac = mac;
	if (suffices(attachment, known, &wanted))
		return known;
	store_address_each(daemon->store, NULL, match_elsewhere, &l);
	known = enter_as_before(daemon, attachment, owner, &wanted, known, l.mac, err);
	for (guint i = 0; known != NULL && i < segments->len; i++)
		release(daemon, segments->pdata[i], owner);
	g_free(l.mac);
	return known;
}

/* --- the DHCP server ----------------------------------------------------------------------------------------------- */

char *
addresses_dhcp_key(const char *mac, const char *ip)
{
	return g_strdup_printf("%s %s", mac, ip);
}

bool
addresses_dhcp_has(const struct host *host, const char *mac, const char *ip)
{
	g_autofree char *key = addresses_dhcp_key(mac, ip);

	return g_hash_table_contains(host->dhcp, key);
}

void
addresses_dhcp_note(struct host *host, const char *mac, const char *ip)
{
	g_hash_table_add(host->dhcp, addresses_dhcp_key(mac, ip));
}

/* A change of a DHCP server under way. */
struct telling {
	struct daemon *daemon;
	char *host, *mac, *ip;
	bool set;
};

static void dhcp_call(struct host *host, const char *verb, const char *mac, const char *ip, const char *name);

struct matching {
	const char *mac, *ip;
	char *name; /* of the machine that has the address, or NULL */
};

static void
match_address(void *arg, const struct address *a)
{
	struct matching *m = arg;

	if (m->name != NULL || a->released != 0 || strcmp(a->mac, m->mac) != 0 || strcmp(a->ip, m->ip) != 0)
		return;
	g_auto(GStrv) parts = g_strsplit(a->owner, "/", 3);
	m->name = g_strdup(parts[1]);
}

/* The name of the machine whose address this is now, or NULL.  Caller g_free()s. */
static char *
user_of(struct daemon *daemon, const char *mac, const char *ip)
{
	struct matching m = { mac, ip, NULL };

	store_address_each(daemon->store, network_name(daemon), match_address, &m);
	return m.name;
}

/* The worker serves several calls at once, and the ledger may have changed since this one was sent: a machine that is
 * deleted and comes back at once asks for both.  So every answer is held against the ledger, and what differs is told
 * again. */
static void
on_dhcp(void *arg, json_t *result, const struct error *error)
{
	struct telling *t = arg;
	struct host *host = host_find(t->daemon, t->host);
	g_autofree char *user = error == NULL ? user_of(t->daemon, t->mac, t->ip) : NULL;

	(void)result;
	if (error != NULL && error->code != EHOSTDOWN)
		log_warning("DHCP entries: %s", error->text);
	if (error != NULL && host != NULL)
		host_sync_again(host);
	if (error == NULL && host != NULL && t->set != (user != NULL))
		dhcp_call(host, t->set ? "network-host-remove" : "network-host-set", t->mac, t->ip, user);
	else if (error == NULL && host != NULL && t->set)
		addresses_dhcp_note(host, t->mac, t->ip);
	g_free(t->host);
	g_free(t->mac);
	g_free(t->ip);
	g_free(t);
}

static void
dhcp_call(struct host *host, const char *verb, const char *mac, const char *ip, const char *name)
{
	json_t *args = json_pack("{s:s,s:s,s:s}", "network", network_name(host->daemon), "mac", mac, "ip", ip);
	g_autofree char *key = addresses_dhcp_key(mac, ip);
	struct telling *t = g_new0(struct telling, 1);

	if (name != NULL)
		json_object_set_new(args, "name", json_string(name));
	/* From here on nobody may rely on it; only an answer makes an entry known. */
	g_hash_table_remove(host->dhcp, key);
	*t = (struct telling){ host->daemon, g_strdup(host->name), g_strdup(mac), g_strdup(ip), name != NULL };
	host_call(host, verb, args, -1, HOST_DEADLINE_ACTION, on_dhcp, t);
}

static void
release(struct daemon *daemon, const char *segment, const char *owner)
{
	struct address after = *store_address_get(daemon->store, segment, owner);
	g_autofree char *ip = g_strdup(after.ip), *mac = g_strdup(after.mac);
	struct error err = { 0 };

	after.released = daemon_now(daemon);
	if (put(daemon, &after, &err) == NULL)
		log_warning("releasing the address of %s: %s", owner, err.text);
	subnet_hide(daemon, segment, owner);
	conflicts_forget(daemon, owner);
	/* The others are held against the ledger when they are READY. */
	for (guint h = 0; h < daemon->hosts->len && strcmp(segment, network_name(daemon)) == 0; h++)
		if (((struct host *)daemon->hosts->pdata[h])->state == HOST_READY)
			dhcp_call(daemon->hosts->pdata[h], "network-host-remove", mac, ip, NULL);
}

/* Entries of a machine, or of one interface of it. */
struct releasing {
	const char *owner; /* the whole of it, or what it begins with */
	bool whole;
	GPtrArray *segments, *owners;
};

static void
match_owner(void *arg, const struct address *a)
{
	struct releasing *r = arg;

	if (a->released != 0 || (r->whole ? strcmp(a->owner, r->owner) != 0 : !g_str_has_prefix(a->owner, r->owner)))
		return;
	g_ptr_array_add(r->segments, g_strdup(a->network));
	g_ptr_array_add(r->owners, g_strdup(a->owner));
}

static void
release_all(struct daemon *daemon, const char *owner, bool whole)
{
	g_autoptr(GPtrArray) segments = g_ptr_array_new_with_free_func(g_free), owners = g_ptr_array_new_with_free_func(g_free);
	struct releasing r = { owner, whole, segments, owners };

	store_address_each(daemon->store, NULL, match_owner, &r);
	for (guint i = 0; i < owners->len; i++)
		release(daemon, segments->pdata[i], owners->pdata[i]);
}

void
addresses_release(struct daemon *daemon, const char *namespace, const char *name)
{
	g_autofree char *prefix = g_strdup_printf("%s/%s/", namespace, name);

	release_all(daemon, prefix, false);
}

void
addresses_release_interface(struct daemon *daemon, const char *namespace, const char *name, const char *interface)
{
	g_autofree char *owner = address_owner(namespace, name, interface);

	release_all(daemon, owner, true);
}

struct syncing {
	struct daemon *daemon;
	char *host;
};

static void
set_missing(void *arg, const struct address *a)
{
	struct host *host = arg;
	g_auto(GStrv) parts = g_strsplit(a->owner, "/", 3);

	if (a->released == 0 && !addresses_dhcp_has(host, a->mac, a->ip))
		dhcp_call(host, "network-host-set", a->mac, a->ip, parts[1]);
}

static void
on_host_list(void *arg, json_t *result, const struct error *error)
{
	struct syncing *s = arg;
	struct host *host = host_find(s->daemon, s->host);
	json_t *entry;
	size_t i;

	if (error == NULL && host != NULL) {
		json_array_foreach (json_object_get(result, "hosts"), i, entry) {
			const char *mac = path_string(entry, "mac"), *ip = path_string(entry, "ip");
			if (mac == NULL || ip == NULL)
				continue;
			g_autofree char *user = user_of(s->daemon, mac, ip);
			if (user != NULL)
				addresses_dhcp_note(host, mac, ip);
			else
				dhcp_call(host, "network-host-remove", mac, ip, NULL);
		}
		store_address_each(s->daemon->store, network_name(s->daemon), set_missing, host);
	} else if (host != NULL) {
		if (error->code != EHOSTDOWN)
			log_warning("DHCP entries: %s", error->text);
		host_sync_again(host);
	}
	g_free(s->host);
	g_free(s);
}

void
addresses_sync(struct daemon *daemon, struct host *host)
{
	struct syncing *s = g_new0(struct syncing, 1);

	s->daemon = daemon;
	s->host = g_strdup(host->name);
	host_call(host, "network-host-list", json_pack("{s:s}", "network", network_name(daemon)), -1, HOST_DEADLINE_QUERY,
	    on_host_list, s);
}
