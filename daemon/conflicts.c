/* Addresses that somebody else has on the wire; see conflicts.h. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/conflicts.h"
#include "daemon/controllers/controllers.h"
#include "daemon/host.h"
#include "daemon/job.h"
#include "daemon/subnets.h"
#include "src/api/subnet.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

enum { LOOK_MS = 60000 };

/* Records: by owner, what was asked for; by Subnet, when what was put aside was last asked for. */
#define ASKED "address-asked"
#define LOOKED "address-looked"

/* --- what was asked for ------------------------------------------------------------------------------------------------------- */

/* What nobody has to be asked about again: "IP IP6 MAC HOST SEGMENT". */
static char *
asked_text(const struct address *a, const struct host *host)
{
	return g_strdup_printf("%s %s %s %s %s", *a->ip == '\0' ? "-" : a->ip, *a->ip6 == '\0' ? "-" : a->ip6, a->mac, host->name, a->network);
}

/* The machine had the address before, on whichever host. */
static bool
had_before(struct daemon *daemon, const char *owner, const char *ip)
{
	const char *text = store_record_get(daemon->store, ASKED, owner);
	g_auto(GStrv) words = g_strsplit(text == NULL ? "" : text, " ", 4);

	return g_strv_length(words) > 2 && (strcmp(words[0], ip) == 0 || strcmp(words[1], ip) == 0);
}

static bool
is_asked_for(const struct host *host, const struct attachment *at)
{
	const struct subnet_object *subnet = at->of == NULL ? NULL : at->of->value;
	const char *served = subnet == NULL ? NULL : g_hash_table_lookup(host->served, at->of->name);

	return served != NULL && *served != '\0' && at->addressed &&
	    g_strcmp0(schema_map_get(&subnet->head.meta->annotations, ADDRESS_PROBE), "false") != 0;
}

/* Calls each() for the interfaces of an instance whose addresses are asked for, with what they have. */
static void
each_address(struct daemon *daemon, const struct object *instance, const struct host *host,
    void (*each)(void *arg, const struct attachment *at, const struct address *a), void *arg)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		g_autofree char *owner = address_owner(instance->namespace, instance->name, i->name);
		ATTACHMENT_AUTO at = { 0 };
		struct error unused;
		if (network_find(daemon, instance, i, &at, &unused) < 0 || !is_asked_for(host, &at))
			continue;
		const struct address *a = store_address_get(daemon->store, at.segment, owner);
		if (a != NULL && (*a->ip != '\0' || *a->ip6 != '\0'))
			each(arg, &at, a);
	}
}

struct asking {
	struct daemon *daemon;
	const struct host *host;
	json_t *probes;
};

static json_t *
probe_of(const char *subnet, const struct address *a)
{
	return json_pack("{s:s,s:s,s:s*,s:s*}", "subnet", subnet, "mac", a->mac, "ip", *a->ip == '\0' ? NULL : a->ip, "ip6",
	    *a->ip6 == '\0' ? NULL : a->ip6);
}

static void
add_probe(void *arg, const struct attachment *at, const struct address *a)
{
	struct asking *asking = arg;
	g_autofree char *text = asked_text(a, asking->host);

	if (g_strcmp0(store_record_get(asking->daemon->store, ASKED, a->owner), text) != 0)
		json_array_append_new(asking->probes, probe_of(at->of->name, a));
}

json_t *
conflicts_probes(struct daemon *daemon, const struct object *instance, const struct host *host)
{
	struct asking asking = { daemon, host, json_array() };

	each_address(daemon, instance, host, add_probe, &asking);
	return asking.probes;
}

int
conflicts_step(struct daemon *daemon, const struct object *instance, const struct host *host, struct job_step *step)
{
	json_t *probes = conflicts_probes(daemon, instance, host);

	if (json_array_size(probes) == 0) {
		json_decref(probes);
		return 0;
	}
	step->verb = "address-probe";
	step->args = json_pack("{s:o}", "probes", probes);
	step->deadline = HOST_DEADLINE_QUERY;
	return 1;
}

static void
note(struct daemon *daemon, const char *bucket, const char *key, const char *value)
{
	struct error err = { 0 };

	if (store_record_set(daemon->store, bucket, key, value, &err) != 0)
		log_warning("%s of %s: %s", bucket, key, err.text);
}

static void
note_asked(void *arg, const struct attachment *at, const struct address *a)
{
	struct asking *asking = arg;
	g_autofree char *text = asked_text(a, asking->host);

	(void)at;
	if (g_strcmp0(store_record_get(asking->daemon->store, ASKED, a->owner), text) != 0)
		note(asking->daemon, ASKED, a->owner, text);
}

void
conflicts_forget(struct daemon *daemon, const char *owner)
{
	if (store_record_get(daemon->store, ASKED, owner) != NULL)
		note(daemon, ASKED, owner, NULL);
}

/* --- what was answered -------------------------------------------------------------------------------------------------------- */

/* The address goes to whoever answers for it; the machine gets another one when it starts next. */
static int
put_aside(struct daemon *daemon, const struct attachment *at, const struct address *a, int family, const char *mac, struct error *err)
{
	const char *ip = family == IPV4 ? a->ip : a->ip6;
	g_autofree char *foreign = g_strdup_printf(ADDRESS_FOREIGN "%s/%s", mac, ip), *owner = g_strdup(a->owner), *text = g_strdup(ip);
	struct address_wish wish = { .without = { family != IPV4, family != IPV6 } };
	struct address after = *a;

	wish.ips[family] = text;
	*(family == IPV4 ? &after.ip : &after.ip6) = "";
	if (store_address_put(daemon->store, &after, err) != 0 || address_ensure(daemon, at, foreign, &wish, err) == NULL)
		return -1;
	daemon_event(daemon, at->of, "Warning", "AddressConflict", "address %s was to be that of %s, but %s answers for it: it is put aside while that is so",
	    text, owner, mac);
	controllers_requeue(daemon, at->of, 0);
	return error_set(err, EAGAIN, "address %s is in use by %s, who is no machine of ours: another one is taken", text, mac);
}

/* 0: the conflict is not the interface's. */
static int
take_one(struct daemon *daemon, const struct object *instance, const struct interface *interface, const char *ip, const char *mac, struct error *err)
{
	g_autofree char *owner = address_owner(instance->namespace, instance->name, interface->name);
	struct subnet_wish wish = { 0 };
	ATTACHMENT_AUTO at = { 0 };
	const struct address *a;
	bool kept;
	int family;

	if (network_find(daemon, instance, interface, &at, err) < 0)
		return -1;
	a = store_address_get(daemon->store, at.segment, owner);
	if (a == NULL || at.of == NULL || (strcmp(a->ip, ip) != 0 && strcmp(a->ip6, ip) != 0))
		return 0;
	family = strcmp(a->ip, ip) == 0 ? IPV4 : IPV6;
	kept = subnet_wish_read(daemon, instance, interface, &at, &wish, err) < 0 || wish.ips[family] != NULL || had_before(daemon, owner, ip);
	subnet_wish_clear(&wish);
	if (!kept)
		return put_aside(daemon, &at, a, family, mac, err);
	return error_set(err, EADDRINUSE, "interface %s: address %s is in use by %s, who is no machine of ours: take it away there, or give the machine another one",
	    interface->name, ip, mac);
}

static int
take_all(struct daemon *daemon, const struct object *instance, const json_t *conflicts, struct error *err)
{
	const struct vmi *vmi = instance->value;
	size_t i;
	json_t *one;

	error_set(err, EAGAIN, "somebody else answers for an address that it had until now");
	json_array_foreach ((json_t *)(uintptr_t)conflicts, i, one) {
		const char *ip = path_string(one, "ip"), *mac = path_string(one, "mac");
		SCHEMA_EACH (struct interface, interface, &vmi->spec->domain->devices->interfaces) {
			struct error found = { 0 };
			if (ip == NULL || mac == NULL || take_one(daemon, instance, interface, ip, mac, &found) == 0)
				continue;
			if (err->code != EADDRINUSE) /* that is what it waits for */
				*err = found;
		}
	}
	return -1;
}

int
conflicts_took(struct daemon *daemon, const struct object *instance, const struct host *host, const json_t *result, struct error *err)
{
	const json_t *conflicts = json_object_get(result, "conflicts");
	struct asking asking = { daemon, host, NULL };

	if (json_array_size(conflicts) > 0)
		return take_all(daemon, instance, conflicts, err);
	if (json_is_true(json_object_get(result, "asked")))
		each_address(daemon, instance, host, note_asked, &asking);
	return 0;
}

/* --- what was put aside ------------------------------------------------------------------------------------------------------- */

struct looking {
	struct daemon *daemon;
	char *subnet, *segment;
	json_t *probes;
	GPtrArray *owners; /* char *, those of the probes */
};

static void
looking_free(struct looking *l)
{
	json_decref(l->probes);
	g_ptr_array_unref(l->owners);
	g_free(l->subnet);
	g_free(l->segment);
	g_free(l);
}

static void
add_foreign(void *arg, const struct address *a)
{
	struct looking *l = arg;

	if (!g_str_has_prefix(a->owner, ADDRESS_FOREIGN))
		return;
	json_array_append_new(l->probes, probe_of(l->subnet, a));
	g_ptr_array_add(l->owners, g_strdup(a->owner));
}

static struct looking *
looking_new(struct daemon *daemon, const struct object *subnet, const char *segment)
{
	struct looking *l = g_new0(struct looking, 1);

	*l = (struct looking){ daemon, g_strdup(subnet->name), g_strdup(segment), json_array(), g_ptr_array_new_with_free_func(g_free) };
	store_address_each(daemon->store, segment, add_foreign, l);
	return l;
}

static void
give_back(struct daemon *daemon, const char *segment, const char *owner)
{
	struct error err = { 0 };

	if (store_address_get(daemon->store, segment, owner) != NULL && store_address_remove(daemon->store, segment, owner, &err) < 0)
		log_warning("releasing the address of %s: %s", owner, err.text);
}

static bool
still_answers(json_t *conflicts, json_t *probe)
{
	size_t i;
	json_t *one;

	json_array_foreach (conflicts, i, one) {
		const char *ip = path_string(one, "ip");
		if (g_strcmp0(ip, path_string(probe, "ip")) == 0 || g_strcmp0(ip, path_string(probe, "ip6")) == 0)
			return true;
	}
	return false;
}

static void
on_look(void *arg, json_t *result, const struct error *error)
{
	struct looking *l = arg;
	const struct object *subnet = store_get(l->daemon->store, KIND_SUBNET, "", l->subnet);

	for (guint i = 0; error == NULL && json_is_true(json_object_get(result, "asked")) && i < l->owners->len; i++) {
		json_t *probe = json_array_get(l->probes, i);
		if (still_answers(json_object_get(result, "conflicts"), probe))
			continue;
		give_back(l->daemon, l->segment, l->owners->pdata[i]);
		if (subnet != NULL)
			daemon_event(l->daemon, subnet, "Normal", "AddressFree", "address %s is free again: nobody answers for it any more",
			    path_string(probe, "ip") != NULL ? path_string(probe, "ip") : path_string(probe, "ip6"));
	}
	if (subnet != NULL)
		controllers_requeue(l->daemon, subnet, 0);
	looking_free(l);
}

static struct host *
server_of(struct daemon *daemon, const char *subnet)
{
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		const char *served = g_hash_table_lookup(host->served, subnet);
		if (host->state == HOST_READY && served != NULL && *served != '\0')
			return host;
	}
	return NULL;
}

void
conflicts_look(struct daemon *daemon, const struct object *subnet, const char *segment)
{
	struct looking *l = looking_new(daemon, subnet, segment);
	struct host *host = l->owners->len == 0 ? NULL : server_of(daemon, subnet->name);
	const char *last = store_record_get(daemon->store, LOOKED, subnet->name);
	int64_t since = daemon_now(daemon) - (last == NULL ? 0 : g_ascii_strtoll(last, NULL, 10));
	bool due = host != NULL && (since >= LOOK_MS || since < 0);

	if (l->owners->len > 0)
		controllers_requeue(daemon, subnet, due || host == NULL ? LOOK_MS : LOOK_MS - since);
	else if (last != NULL)
		note(daemon, LOOKED, subnet->name, NULL);
	if (!due) {
		looking_free(l);
		return;
	}
	g_autofree char *now = g_strdup_printf("%lld", (long long)daemon_now(daemon));
	note(daemon, LOOKED, subnet->name, now);
	host_call(host, "address-probe", json_pack("{s:O}", "probes", l->probes), -1, HOST_DEADLINE_QUERY, on_look, l);
}

void
conflicts_clear(struct daemon *daemon, const struct object *subnet, const char *segment)
{
	struct looking *l = looking_new(daemon, subnet, segment);

	for (guint i = 0; i < l->owners->len; i++)
		give_back(daemon, segment, l->owners->pdata[i]);
	if (store_record_get(daemon->store, LOOKED, subnet->name) != NULL)
		note(daemon, LOOKED, subnet->name, NULL);
	looking_free(l);
}
