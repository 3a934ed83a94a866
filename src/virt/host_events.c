/*
 * Events of libvirt, told to the daemon.  The callbacks run in the event loop's thread and only queue; a thread of its
 * own, the teller, asks libvirt about each domain, so that the loop and with it keep-alive go on when libvirtd hangs.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/host.h"

enum event_type { EVENT_DOMAIN, EVENT_AGENT, EVENT_LOSS };

struct event {
	enum event_type type;
	virDomainPtr domain; /* a reference; NULL: a loss */
	int number, detail;  /* lifecycle event and detail; or 1 when the agent is connected */
	const char *noun;    /* of a loss: what was stopped */
	char *name;
};

static const char *const lifecycle_words[] = {
	[VIR_DOMAIN_EVENT_DEFINED] = "defined",
	[VIR_DOMAIN_EVENT_UNDEFINED] = "undefined",
	[VIR_DOMAIN_EVENT_STARTED] = "started",
	[VIR_DOMAIN_EVENT_SUSPENDED] = "suspended",
	[VIR_DOMAIN_EVENT_RESUMED] = "resumed",
	[VIR_DOMAIN_EVENT_STOPPED] = "stopped",
	[VIR_DOMAIN_EVENT_SHUTDOWN] = "shutdown",
	[VIR_DOMAIN_EVENT_PMSUSPENDED] = "pmsuspended",
	[VIR_DOMAIN_EVENT_CRASHED] = "crashed",
};

/* Why a domain stopped, for one that is gone before it could be asked. */
static const char *const stopped_words[] = {
	[VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "shutdown",
	[VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "destroyed",
	[VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "crashed",
	[VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "migrated",
	[VIR_DOMAIN_EVENT_STOPPED_SAVED] = "saved",
	[VIR_DOMAIN_EVENT_STOPPED_FAILED] = "failed",
	[VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT] = "from_snapshot",
};

static GAsyncQueue *events; /* struct event; the callbacks push, the teller pops */

static const char *
word(const char *const *words, size_t count, int number)
{
	return number >= 0 && (size_t)number < count && words[number] != NULL ? words[number] : "unknown";
}

static void
push(virDomainPtr domain, enum event_type type, int number, int detail)
{
	struct event *event = g_new0(struct event, 1);

	virDomainRef(domain);
	*event = (struct event){ .type = type, .domain = domain, .number = number, .detail = detail };
	g_async_queue_push(events, event);
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int number, int detail, void *opaque)
{
	(void)connection;
	(void)opaque;
	push(domain, EVENT_DOMAIN, number, detail);
	return 0;
}

static void
on_agent(virConnectPtr connection, virDomainPtr domain, int state, int reason, void *opaque)
{
	(void)connection;
	(void)reason;
	(void)opaque;
	push(domain, EVENT_AGENT, state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED, 0);
}

static void
on_network(virConnectPtr connection, virNetworkPtr network, int number, int detail, void *opaque)
{
	(void)connection;
	(void)detail;
	(void)opaque;
	if (number == VIR_NETWORK_EVENT_STOPPED || number == VIR_NETWORK_EVENT_UNDEFINED)
		host_events_loss("network", virNetworkGetName(network));
	host_events_loss("networks", NULL);
}

static void
on_pool(virConnectPtr connection, virStoragePoolPtr pool, int number, int detail, void *opaque)
{
	(void)connection;
	(void)detail;
	(void)opaque;
	if (number == VIR_STORAGE_POOL_EVENT_STOPPED || number == VIR_STORAGE_POOL_EVENT_UNDEFINED)
		host_events_loss("pool", virStoragePoolGetName(pool));
}

/* What the daemon is told of an undefined domain is what was known of it last. */
static json_t *
describe_gone(GHashTable *known, const char *uuid, const struct event *event)
{
	json_t *last = g_hash_table_lookup(known, uuid);

	if (last == NULL)
		return NULL;
	last = json_copy(last);
	json_object_set_new(last, "state", json_string("shutoff"));
	json_object_set_new(last, "id", json_integer(-1));
	if (event->number == VIR_DOMAIN_EVENT_STOPPED)
		json_object_set_new(last, "reason",
		    json_string(word(stopped_words, G_N_ELEMENTS(stopped_words), event->detail)));
	return last;
}

/* DOMAIN of an event, new reference; NULL when it is none of ours.  A domain whose definition was removed while it runs is
 * known until it has stopped. */
static json_t *
describe(GHashTable *known, const struct event *event)
{
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	struct error err = { 0 };
	json_t *domain = host_domain_describe(event->domain, &err);
	bool stopped = event->type == EVENT_DOMAIN && event->number == VIR_DOMAIN_EVENT_STOPPED;
	bool undefined = event->type == EVENT_DOMAIN && event->number == VIR_DOMAIN_EVENT_UNDEFINED;

	virDomainGetUUIDString(event->domain, uuid);
	if (domain != NULL) {
		g_hash_table_replace(known, g_strdup(uuid), json_copy(domain));
		return domain;
	}
	/* A stopped one whose definition somebody made without our metadata is gone, too: what is there now is not ours. */
	if (err.code != 0 || stopped)
		domain = describe_gone(known, uuid, event);
	if (stopped || undefined)
		g_hash_table_remove(known, uuid);
	return domain;
}

/* An event may be old by now: a definition that was removed may be there again. */
static const char *
word_of(const struct event *event)
{
	if (event->number == VIR_DOMAIN_EVENT_DEFINED && event->detail == VIR_DOMAIN_EVENT_DEFINED_UPDATED)
		return "redefined";
	if (event->number == VIR_DOMAIN_EVENT_UNDEFINED && virDomainIsPersistent(event->domain) == 1)
		return "defined";
	return word(lifecycle_words, G_N_ELEMENTS(lifecycle_words), event->number);
}

static void
tell_domain(GHashTable *known, const struct event *event)
{
	json_t *domain = describe(known, event);

	if (domain == NULL)
		return;
	if (event->type == EVENT_DOMAIN) {
		json_object_set_new(domain, "event", json_string(word_of(event)));
		service_tell("domain", domain);
		return;
	}
	service_tell("agent", json_pack("{s:O,s:O,s:b}", "name", json_object_get(domain, "name"), "uid",
	    json_object_get(domain, "uid"), "connected", event->number));
	json_decref(domain);
}

static void
tell(GHashTable *known, const struct event *event)
{
	if (event->type == EVENT_LOSS)
		service_tell(event->noun, json_pack("{s:s*}", "name", event->name));
	else
		tell_domain(known, event);
}

/* So that the end of a domain from before our time can be told by its uid. */
static void
learn(GHashTable *known, virConnectPtr connection)
{
	virDomainPtr *all = NULL;
	int count = virConnectListAllDomains(connection, &all, 0);

	for (int i = 0; i < count; i++) {
		struct error err = { 0 };
		json_t *domain = host_domain_describe(all[i], &err);

		if (domain != NULL)
			g_hash_table_replace(known,
			    g_strdup(json_string_value(json_object_get(domain, "uuid"))), domain);
		virDomainFree(all[i]);
	}
	free(all);
}

static void *
teller_run(void *connection)
{
	g_autoptr(GHashTable) known =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);

	learn(known, connection);
	for (;;) {
		struct event *event = g_async_queue_pop(events);

		service_order_lock();
		tell(known, event);
		service_order_unlock();
		if (event->domain != NULL)
			virDomainFree(event->domain);
		g_free(event->name);
		g_free(event);
	}
	return NULL;
}

int
host_events_start(virConnectPtr connection, struct error *err)
{
	pthread_t thread;

	events = g_async_queue_new();
	if (virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
	    VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL) < 0)
		return host_error(err, "cannot ask for domain events");
	/* The test driver has neither all of these nor agents; the daemon looks at network and pool now and then, too. */
	virConnectNetworkEventRegisterAny(connection, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE,
	    VIR_NETWORK_EVENT_CALLBACK(on_network), NULL, NULL);
	virConnectStoragePoolEventRegisterAny(connection, NULL, VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
	    VIR_STORAGE_POOL_EVENT_CALLBACK(on_pool), NULL, NULL);
	virConnectDomainEventRegisterAny(connection, NULL, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
	    VIR_DOMAIN_EVENT_CALLBACK(on_agent), NULL, NULL);
	if (pthread_create(&thread, NULL, teller_run, connection) != 0)
		service_die("cannot start a thread");
	return 0;
}

void
host_events_loss(const char *noun, const char *name)
{
	struct event *event = g_new0(struct event, 1);

	*event = (struct event){ .type = EVENT_LOSS, .noun = noun, .name = g_strdup(name) };
	g_async_queue_push(events, event);
}
