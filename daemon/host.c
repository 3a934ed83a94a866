/* Libvirt hosts and their workers; see host.h. */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "daemon/calls.h"
#include "daemon/controllers/controllers.h"
#include "daemon/guards.h"
#include "daemon/host.h"
#include "daemon/store.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

enum {
	HOST_RETRY_FIRST_MS = 500, /* after a step of the preparation failed; doubles */
	HOST_RETRY_MOST_MS = 5000,
	HOST_AGAIN_MS = 3000, /* after something failed that no object waits for */
	HOST_LOOK_MS = 600000, /* between looks at what a host needs: its worker tells what goes away */
	HOST_LOSS_MS = 200,   /* until a look after a loss: stop and undefine come together */
};

static void host_step(struct host *host);
static void look_after(struct host *host, int64_t ms);

/* --- domains ------------------------------------------------------------------------------------------------------- */

static void
domain_free(void *pointer)
{
	struct host_domain *d = pointer;

	g_free(d->name);
	g_free(d->uid);
	g_free(d->namespace);
	g_free(d->vmi);
	g_free(d->state);
	g_free(d->reason);
	g_free(d->machine);
	json_decref(d->uses);
	g_free(d);
}

void
host_domain_note(struct host *host, const json_t *domain)
{
	static const char *const needed[] = { "name", "uid", "namespace", "vmi", "state", "reason" };
	struct host_domain *d;

	for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
		if (path_string(domain, needed[i]) == NULL)
			return;
	d = g_new0(struct host_domain, 1);
	d->name = g_strdup(path_string(domain, "name"));
	d->uid = g_strdup(path_string(domain, "uid"));
	d->namespace = g_strdup(path_string(domain, "namespace"));
	d->vmi = g_strdup(path_string(domain, "vmi"));
	d->state = g_strdup(path_string(domain, "state"));
	d->reason = g_strdup(path_string(domain, "reason"));
	d->machine = g_strdup(path_string(domain, "machine"));
	d->user = json_is_integer(json_object_get(domain, "user")) ? json_integer_value(json_object_get(domain, "user")) : -1;
	if (store_get_uid(host->daemon->store, d->uid) == NULL)
		d->uses = json_deep_copy(json_object_get(domain, "uses"));
	g_hash_table_replace(host->domains, d->name, d);
}

void
host_domain_forget(struct host *host, const char *name)
{
	g_hash_table_remove(host->domains, name);
}

const struct host_domain *
host_domain_find(const struct host *host, const char *namespace, const char *name)
{
	g_autofree char *domain = domain_name(namespace, name);

	return g_hash_table_lookup(host->domains, domain);
}

bool
host_domain_is_active(const struct host_domain *domain)
{
	return domain != NULL && strcmp(domain->state, "shutoff") != 0 && strcmp(domain->state, "crashed") != 0;
}

bool
host_domain_is_starting(const struct host_domain *domain)
{
	return domain != NULL && strcmp(domain->state, "paused") == 0 && strcmp(domain->reason, "starting_up") == 0;
}

/* --- preparation --------------------------------------------------------------------------------------------------- */

static const char being_prepared[] = "is being prepared";

static void
host_set_state(struct host *host, enum host_state state, const char *problem)
{
	bool changed = host->state != state || g_strcmp0(host->problem, problem) != 0;

	if (host->problem != problem) {
		g_free(host->problem);
		host->problem = g_strdup(problem);
	}
	if ((host->state == HOST_READY) != (state == HOST_READY))
		host->since = clock_monotonic_ms();
	host->state = state;
	if (!changed)
		return;
	if (problem != NULL && problem != being_prepared && g_strcmp0(problem, host->told) != 0) {
		log_warning("host %s: %s", host->name, problem);
		g_free(host->told);
		host->told = g_strdup(problem);
	}
	if (state == HOST_READY)
		g_clear_pointer(&host->told, g_free);
	controllers_host_changed(host->daemon, host);
}

static void
facts_take(struct host *host, json_t *result)
{
	json_decref(host->facts);
	host->facts = json_deep_copy(result);
	host->cpus = json_integer_value(json_object_get(result, "cpus"));
	host->memory = json_integer_value(json_object_get(result, "memoryBytes"));
}

static void
kvm_take(struct host *host, json_t *result)
{
	bool usable = json_is_true(json_object_get(result, "usable"));

	host->emulation = !usable;
	g_free(host->emulation_reason);
	host->emulation_reason = g_strdup(usable ? NULL : path_string(result, "reason"));
	if (!usable)
		log_notice("host %s: guests run by emulation: %s", host->name,
		    host->emulation_reason == NULL ? "KVM does not work" : host->emulation_reason);
}

static void
networks_take(struct host *host, json_t *result)
{
	json_decref(host->networks);
	host->networks = json_incref(json_object_get(result, "networks"));
	controllers_capacity_changed(host->daemon);
}

static void
domains_take(struct host *host, json_t *result)
{
	json_t *domain;
	size_t i;

	g_hash_table_remove_all(host->domains);
	json_array_foreach (json_object_get(result, "domains"), i, domain)
		host_domain_note(host, domain);
}

static json_t *
pool_args(const struct host *host)
{
	const struct config_pool *pool = host->daemon->config->pool;

	return json_pack("{s:s,s:s,s:b}", "pool", pool->name, "path", pool->path, "refresh", host->state != HOST_READY);
}

static json_t *
network_args(const struct host *host)
{
	const struct config_network *n = host->daemon->config->network;

	return json_pack("{s:s,s:s,s:s}", "network", n->name, "bridge", n->bridge, "cidr", n->cidr);
}

static json_t *
no_args(const struct host *host)
{
	(void)host;
	return json_object();
}

static bool
wants_probe(const struct host *host)
{
	return host->emulation_wanted == EMULATION_AUTO;
}

/* What a host needs before it can be used, in order. */
static const struct {
	const char *verb;
	json_t *(*args)(const struct host *host);
	void (*take)(struct host *host, json_t *result);
	bool (*wanted)(const struct host *host); /* NULL: always */
	const char *lasting;                     /* what must be there as long as it is used; the reason of the Event when it was not */
} steps[] = {
	{ "host-info", no_args, facts_take, NULL, NULL },
	{ "kvm-probe", no_args, kvm_take, wants_probe, NULL },
	{ "pool-ensure", pool_args, NULL, NULL, "PoolMended" },
	{ "network-ensure", network_args, NULL, NULL, "NetworkMended" },
	{ "network-list", no_args, networks_take, NULL, NULL },
	{ "domain-list", no_args, domains_take, NULL, NULL },
};

static void
step_failed(struct host *host, unsigned step, const struct error *error)
{
	int64_t ms = MIN(HOST_RETRY_FIRST_MS << MIN(host->failures, 8), HOST_RETRY_MOST_MS);
	struct timeval later = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	g_autofree char *why = g_strdup_printf("%s: %s", steps[step].verb, error->text);

	host->step = step;
	host->failures++;
	host_set_state(host, HOST_PREPARING, why);
	event_add(host->retry, &later);
}

static void
on_step(void *arg, json_t *result, const struct error *error)
{
	struct host *host = arg;

	if (host->state != HOST_PREPARING)
		return;
	if (error != NULL) {
		step_failed(host, host->step, error);
		return;
	}
	if (steps[host->step].take != NULL)
		steps[host->step].take(host, result);
	host->step++;
	host_step(host);
}

static void
host_step(struct host *host)
{
	while (host->step < G_N_ELEMENTS(steps) && steps[host->step].wanted != NULL && !steps[host->step].wanted(host))
		host->step++;
	if (host->step == G_N_ELEMENTS(steps)) {
		log_info("host %s: ready, %u of our domains are there", host->name, g_hash_table_size(host->domains));
		host_set_state(host, HOST_READY, NULL);
		look_after(host, HOST_LOOK_MS);
		return;
	}
	worker_call(host->worker, steps[host->step].verb, steps[host->step].args(host), -1, HOST_DEADLINE_ACTION, on_step, host);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;

	(void)fd;
	(void)what;
	if (host->state == HOST_PREPARING)
		host_step(host);
}

/* --- looks --------------------------------------------------------------------------------------------------------- */

/*
 * Network, DHCP server and pool may be stopped by hand or die while the host is in use.  The worker tells of it, and then they
 * are looked at; now and then without a word, too.  What cannot be mended takes the host out of use, until it can.
 */
struct look {
	struct daemon *daemon;
	char *host;
	unsigned step;
};

static void
tell_of(struct host *host, const char *reason, const char *message)
{
	const struct object *node = store_get(host->daemon->store, KIND_NODE, "", host->name);

	if (node != NULL)
		daemon_event(host->daemon, node, "Warning", reason, "%s", message);
}

/* A worker that died is told by its state. */
static bool
is_about_worker(const struct error *error)
{
	return error->code == EHOSTDOWN || error->code == ECANCELED || error->code == ECONNRESET || error->code == ETIMEDOUT;
}

static void
on_look(void *arg, json_t *result, const struct error *error)
{
	struct look *look = arg;
	struct host *host = host_find(look->daemon, look->host);
	const char *mended = path_string(result, "mended");

	if (host != NULL && host->state == HOST_READY && error == NULL && steps[look->step].take != NULL)
		steps[look->step].take(host, result);
	if (host != NULL && host->state == HOST_READY && error == NULL && mended != NULL)
		tell_of(host, steps[look->step].lasting, mended);
	if (host != NULL && host->state == HOST_READY && error != NULL && !is_about_worker(error))
		step_failed(host, look->step, error);
	g_free(look->host);
	g_free(look);
}

static void
look_at(struct host *host, unsigned step)
{
	struct look *look = g_new0(struct look, 1);

	*look = (struct look){ host->daemon, g_strdup(host->name), step };
	host_call(host, steps[step].verb, steps[step].args(host), -1, HOST_DEADLINE_ACTION, on_look, look);
}

static void
on_look_due(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;

	(void)fd;
	(void)what;
	if (host->state != HOST_READY)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
		if (steps[i].lasting != NULL)
			look_at(host, i);
	look_after(host, HOST_LOOK_MS);
}

static void
look_after(struct host *host, int64_t ms)
{
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(host->look, &delay);
}

static const char *
network_name(const struct config *config)
{
	return config->network->name;
}

static const char *
pool_name(const struct config *config)
{
	return config->pool->name;
}

/* What a host needs, as the worker calls it when it is gone.  The end of a DHCP server is told when it is mended: libvirt ends
 * it, too, when it starts another. */
static const struct loss {
	const char *event;
	const char *(*name)(const struct config *config);
	const char *reason, *what; /* NULL: nothing is told */
} losses[] = {
	{ "network", network_name, "NetworkStopped", "network" },
	{ "pool", pool_name, "PoolStopped", "storage pool" },
	{ "dhcp", network_name, NULL, NULL },
};

static void
on_loss(struct host *host, const char *event, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(losses); i++) {
		const struct loss *loss = &losses[i];
		if (strcmp(loss->event, event) != 0 || strcmp(loss->name(host->daemon->config), name) != 0)
			continue;
		if (loss->reason != NULL) {
			g_autofree char *text = g_strdup_printf("%s %s was stopped outside of Solovirt", loss->what, name);
			tell_of(host, loss->reason, text);
		}
		look_after(host, HOST_LOSS_MS);
	}
}

static void
look_at_networks(struct host *host)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
		if (steps[i].take == networks_take)
			look_at(host, i);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;

	(void)fd;
	(void)what;
	/* One that is not ready is asked when it is. */
	if (host->state == HOST_READY)
		controllers_host_sync(host->daemon, host);
}

void
host_sync_again(struct host *host)
{
	struct timeval later = { .tv_sec = HOST_AGAIN_MS / 1000 };

	if (!event_pending(host->again, EV_TIMEOUT, NULL))
		event_add(host->again, &later);
}

/* --- what the worker tells ----------------------------------------------------------------------------------------- */

static void
on_state(void *owner, const char *reason)
{
	struct host *host = owner;

	if (reason != NULL) {
		event_del(host->retry);
		host_set_state(host, HOST_DOWN, reason);
		return;
	}
	host->step = host->failures = 0;
	host->session = (int64_t)g_random_int() + 1; /* 0 is none; those of an earlier daemon are recorded */
	g_hash_table_remove_all(host->dhcp);
	g_hash_table_remove_all(host->served);
	g_hash_table_remove_all(host->wires);
	guards_forget(host);
	/* Until it is seen to work, what kept it from that stays told. */
	host_set_state(host, HOST_PREPARING, host->told != NULL ? host->told : being_prepared);
	host_step(host);
}

static void
on_event(void *owner, const char *event, json_t *args)
{
	struct host *host = owner;
	const char *name = path_string(args, "name"), *what = path_string(args, "event");

	if (strcmp(event, "trouble") == 0 && path_string(args, "text") != NULL)
		log_warning("host %s: %s", host->name, path_string(args, "text"));
	if (host->state == HOST_READY && strcmp(event, "progress") == 0)
		claim_copy_progress(host->daemon, host->name, args);
	if (host->state == HOST_READY && strcmp(event, "networks") == 0)
		look_at_networks(host);
	subnets_lost(host, event, name); /* nobody tells it once more when the host is ready */
	if (host->state != HOST_READY || name == NULL)
		return;
	if (strcmp(event, "agent") == 0) {
		controllers_domain_changed(host->daemon, host, name, "agent");
		return;
	}
	on_loss(host, event, name);
	if (strcmp(event, "domain") != 0 || what == NULL)
		return;
	g_autofree char *copy = g_strdup(name);
	/* A definition that was removed under a running guest leaves the guest running. */
	if (strcmp(what, "undefined") == 0 && g_strcmp0(path_string(args, "state"), "shutoff") == 0) {
		controllers_domain_changed(host->daemon, host, copy, what);
		host_domain_forget(host, copy);
		return;
	}
	host_domain_note(host, args);
	controllers_domain_changed(host->daemon, host, copy, what);
}

static const struct worker_class host_class = {
	.program = "solovirt-host",
	.on_event = on_event,
	.on_state = on_state,
	.backoff_first_ms = 500,
	.backoff_most_ms = 30000,
};

/* --- the list ------------------------------------------------------------------------------------------------------ */

static void
host_free(struct host *host)
{
	calls_free(host->calls);
	worker_free(host->worker);
	event_free(host->retry);
	event_free(host->look);
	event_free(host->again);
	g_hash_table_destroy(host->domains);
	g_hash_table_destroy(host->dhcp);
	g_hash_table_destroy(host->served);
	g_hash_table_destroy(host->wires);
	guard_state_free(host->guards);
	json_decref(host->facts);
	json_decref(host->networks);
	g_free(host->emulation_reason);
	g_free(host->problem);
	g_free(host->told);
	g_free(host->name);
	g_free(host->uri);
	g_strfreev(host->enter);
	g_strfreev(host->arguments);
	g_free(host);
}

static void
add_argument(GPtrArray *arguments, const char *name, const char *value)
{
	if (value != NULL)
		g_ptr_array_add(arguments, g_strconcat(name, "=", value, NULL));
}

/* What its worker is told at its start: of keys only where they are. */
static char **
arguments_of(const struct config_host *config)
{
	const struct config_openvswitch *o = config->openvswitch;
	GPtrArray *arguments = g_ptr_array_new();

	g_ptr_array_add(arguments, g_strdup(config->uri));
	if (o != NULL) {
		add_argument(arguments, "database", o->database);
		add_argument(arguments, "bridges", o->bridges);
		add_argument(arguments, "private-key", o->private_key);
		add_argument(arguments, "certificate", o->certificate);
		add_argument(arguments, "ca-cert", o->ca_certificate);
		for (char **i = o->interfaces; i != NULL && *i != NULL; i++)
			add_argument(arguments, "interface", *i);
	}
	g_ptr_array_add(arguments, NULL);
	return (char **)g_ptr_array_free(arguments, FALSE);
}

static struct host *
host_new(struct daemon *daemon, const struct config_host *config)
{
	struct host *host = g_new0(struct host, 1);
	g_autofree char *called = g_strconcat("host ", config->name, NULL);

	host->daemon = daemon;
	host->name = g_strdup(config->name);
	host->uri = g_strdup(config->uri);
	host->enter = g_strdupv(config->enter);
	host->emulation_wanted = config->emulation;
	host->emulation = config->emulation == EMULATION_ALWAYS;
	host->emulation_reason = host->emulation ? g_strdup("the configuration says so") : NULL;
	host->local = config_uri_is_local(config->uri);
	host->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, domain_free);
	host->dhcp = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	host->served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	host->guards = guard_state_new(host);
	host->wires = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	host->calls = calls_new(daemon, called, HOST_LANES);
	host->retry = evtimer_new(daemon->base, on_retry, host);
	host->look = evtimer_new(daemon->base, on_look_due, host);
	host->again = evtimer_new(daemon->base, on_again, host);
	host->problem = g_strdup("its worker is being started");
	host->since = clock_monotonic_ms();
	host->arguments = arguments_of(config);
	host->worker = worker_new(daemon->base, &host_class, (const char *const *)config->enter, (const char *const *)host->arguments, host);
	calls_set_worker(host->calls, host->worker);
	return host;
}

static bool
is_same_place(const struct host *host, const struct config_host *config)
{
	static char *const none[] = { NULL };
	g_auto(GStrv) arguments = arguments_of(config);
	char *const *before = host->enter == NULL ? none : host->enter, *const *now = config->enter == NULL ? none : config->enter;

	return g_strv_equal((const char *const *)host->arguments, (const char *const *)arguments) &&
	    g_strv_equal((const char *const *)before, (const char *const *)now);
}

struct host *
host_find(struct daemon *daemon, const char *name)
{
	for (guint i = 0; name != NULL && daemon->hosts != NULL && i < daemon->hosts->len; i++) {
		struct host *host = daemon->hosts->pdata[i];
		if (strcmp(host->name, name) == 0)
			return host;
	}
	return NULL;
}

/* Out of the list first: what its last calls are answered with must not find it any more. */
static void
host_drop(struct daemon *daemon, struct host *host)
{
	guint index;

	if (g_ptr_array_find(daemon->hosts, host, &index))
		g_ptr_array_steal_index(daemon->hosts, index);
	host_free(host);
}

void
hosts_start(struct daemon *daemon)
{
	if (daemon->hosts == NULL)
		daemon->hosts = g_ptr_array_new();
	for (guint i = 0; i < daemon->hosts->len; i++)
		((struct host *)daemon->hosts->pdata[i])->configured = false;
	SCHEMA_EACH (struct config_host, config, &daemon->config->hosts) {
		struct host *host = host_find(daemon, config->name);

		if (host != NULL && !is_same_place(host, config)) {
			host_drop(daemon, host);
			host = NULL;
		}
		if (host == NULL) {
			host = host_new(daemon, config);
			g_ptr_array_add(daemon->hosts, host);
			controllers_host_changed(daemon, host);
		}
		host->configured = true;
		host->emulation_wanted = config->emulation;
	}
}

void
hosts_stop(struct daemon *daemon)
{
	while (daemon->hosts != NULL && daemon->hosts->len > 0)
		host_drop(daemon, daemon->hosts->pdata[daemon->hosts->len - 1]);
}

void
host_allocatable(const struct host *host, int64_t *cpu, int64_t *memory)
{
	const struct config_overcommit *over = host->daemon->config->overcommit;

	*cpu = host->cpus * over->cpu;
	*memory = (int64_t)((double)host->memory / 1000.0 * (double)over->memory);
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

int
host_check_room(const struct host *host, struct error *err)
{
	return calls_check_room(host->calls, err);
}

void
host_call(struct host *host, const char *verb, json_t *args, int fd, int64_t deadline, worker_reply *reply, void *arg)
{
	calls_add(host->calls, verb, args, fd, deadline, reply, arg);
}
