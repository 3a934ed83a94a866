/*
 * domain-start: defines, then starts.  Every crash on the way leaves either nothing or a stopped domain that carries
 * our uid, and the next domain-start takes both for a clean slate.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/virt/host.h"
#include "src/virt/host_guard.h"
#include "src/virt/host_probe.h"

enum { STARTING_MS = 60000, STARTING_LOOK_MS = 50 };

struct start {
	const char *xml, *name, *uid;
	int paused;
	json_t *guards; /* of its ports; NULL or empty: none */
	json_t *probes; /* addresses that it has not used here before; likewise */
	json_t *conflicts; /* of those, found by the way: owned, or NULL */
	bool asked;     /* all of them could be asked for */
	int64_t epoch; /* in the XML */
	char store[64]; /* in the XML, or "" */
};

/* The XML must say what the arguments say, or the domain could never be found again. */
static int
check_xml(struct start *start, struct error *err)
{
	HOST_OWNER_AUTO owner = { 0 };
	g_autoptr(xmlDoc) doc = host_xml_parse(start->xml, err);

	if (doc == NULL)
		return error_wrap(err, "domain %s: ", start->name);
	g_autofree char *name = host_xml_text(doc, "/domain/name");
	host_owner_read(doc, &owner);
	if (g_strcmp0(name, start->name) != 0 || g_strcmp0(owner.uid, start->uid) != 0)
		return error_set(err, EINVAL, "domain %s: its XML names %s with uid %s", start->name,
		    name != NULL ? name : "nothing", owner.uid != NULL ? owner.uid : "none");
	start->epoch = owner.epoch;
	g_strlcpy(start->store, owner.store == NULL ? "" : owner.store, sizeof(start->store));
	return 0;
}

/* libvirtd goes on with the start that a worker asked for which is no more; until that has ended, nobody knows whether the
 * guest runs. */
static int
wait_for_start(virDomainPtr domain, const struct start *start, struct error *err)
{
	int state = 0, reason = 0;

	for (int i = 0; i < STARTING_MS / STARTING_LOOK_MS; i++) {
		if (virDomainGetState(domain, &state, &reason, 0) < 0 || state != VIR_DOMAIN_PAUSED ||
		    reason != VIR_DOMAIN_PAUSED_STARTING_UP)
			return 0;
		g_usleep(STARTING_LOOK_MS * 1000);
	}
	return error_set(err, EAGAIN, "domain %s is still being started", start->name);
}

/* What is there under this name: 1 it runs as wanted, 0 the place is free now, -1 it is in the way. */
static int
clear_place(virDomainPtr domain, const struct start *start, struct error *err)
{
	HOST_OWNER_AUTO owner = { 0 };
	bool active;

	if (host_owner_of(domain, &owner, err) < 0)
		return -1;
	if (owner.uid == NULL)
		return error_set(err, EEXIST, "a domain %s that Solovirt did not make is already there", start->name);
	if (owner.epoch > start->epoch && (owner.store == NULL || strcmp(owner.store, start->store) == 0))
		return error_set(err, ESTALE,
		    "domain %s was made by a newer manager (epoch %" PRId64 ", this one has %" PRId64 ")", start->name,
		    owner.epoch, start->epoch);
	if (wait_for_start(domain, start, err) < 0)
		return -1;
	active = virDomainIsActive(domain) != 0;
	if (active && strcmp(owner.uid, start->uid) != 0)
		return error_set(err, EEXIST, "domain %s still runs for instance %s", start->name, owner.uid);
	if (active)
		return 1;
	return host_domain_undefine(domain, err);
}

/* Takes back what was just defined; the reason for the failure is already in err. */
static void
take_back(virDomainPtr domain)
{
	struct error ignored = { 0 };

	host_domain_undefine(domain, &ignored);
}

/* What libvirt made of the machine type ("q35" stands for the newest of its kind), and the user that QEMU runs as ("+107:+107"). */
static void
tell_machine(virDomainPtr domain, json_t *result)
{
	struct error ignored = { 0 };
	char *text = virDomainGetXMLDesc(domain, 0);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, &ignored);
	g_autofree char *machine = doc == NULL ? NULL : host_xml_text(doc, "/domain/os/type/@machine");
	g_autofree char *label = doc == NULL ? NULL : host_xml_text(doc, "/domain/seclabel[@model='dac']/label");

	if (machine != NULL)
		json_object_set_new(result, "machine", json_string(machine));
	if (label != NULL)
		json_object_set_new(result, "user", json_integer(g_ascii_strtoll(label, NULL, 10)));
}

/* DOMAIN of one that runs for us now. */
static json_t *
answer(struct host_call *call, virDomainPtr domain, struct error *err)
{
	json_t *result;

	service_order(call->request);
	result = host_domain_describe(domain, err);
	if (result == NULL && err->code == 0)
		error_set(err, EIO, "domain %s lost its metadata while it was started", virDomainGetName(domain));
	if (result != NULL)
		tell_machine(domain, result);
	return result;
}

/* It does not run a moment without its guards, nor with an address that somebody else has. */
static int
let_go(virDomainPtr domain, struct start *start, struct probe *probe, struct error *err)
{
	int r = json_array_size(start->guards) > 0 ? guard_install(domain, start->uid, start->guards, err) : 0;

	start->conflicts = probe_end(probe, &start->asked);
	if (r < 0)
		return error_wrap(err, "cannot start domain %s: ", start->name);
	if (json_array_size(start->conflicts) > 0)
		return error_set(err, EADDRINUSE, "domain %s: somebody else has its address", start->name);
	if (!start->paused && virDomainResume(domain) < 0)
		return host_error(err, "cannot start domain %s", start->name);
	return guard_unmark(domain, err);
}

/* What leaves its reader alone, and what it means; a later try may do. */
static const struct {
	const char *told, *meaning;
} obscure[] = {
	{ "cannot unlock any keyslot", "the passphrase does not open one of its disks: in the Secret that the StorageClass names, put back the "
	                               "encryptionPassphrase that the volume was made with" },
	{ "requires exclusive access to interfaces", "a network with <forward mode='hostdev'> has no free function of the host's card left: stop a "
	                                             "guest that has one, or give the network more" },
};

static int
start_error(const struct start *start, struct error *err)
{
	host_error(err, "cannot start domain %s", start->name);
	for (size_t i = 0; i < G_N_ELEMENTS(obscure); i++)
		if (strstr(err->text, obscure[i].told) != NULL)
			return error_set(err, EAGAIN, "cannot start domain %s: %s", start->name, obscure[i].meaning);
	return -1;
}

static int
start_domain(virDomainPtr domain, struct start *start, struct error *err)
{
	bool held = json_array_size(start->guards) > 0 || json_array_size(start->probes) > 0;
	struct probe *probe;

	if (held && guard_mark(domain, err) < 0)
		return -1;
	probe = probe_begin(start->probes);
	if (virDomainCreateWithFlags(domain, start->paused || held ? VIR_DOMAIN_START_PAUSED : 0) < 0) {
		json_decref(probe_end(probe, &start->asked));
		return start_error(start, err);
	}
	if (!held || let_go(domain, start, probe, err) == 0)
		return 0;
	virDomainDestroy(domain);
	return -1;
}

/* A conflict is no failure but an answer: what to do is for the daemon to decide. */
static json_t *
answer_start(struct host_call *call, virDomainPtr domain, struct start *start, struct error *err)
{
	json_t *result = answer(call, domain, err);

	if (result != NULL && json_array_size(start->probes) > 0)
		json_object_set_new(result, "asked", json_boolean(start->asked));
	return result;
}

static json_t *
answer_conflicts(struct start *start, struct error *err)
{
	*err = (struct error){ 0 };
	return json_pack("{s:O}", "conflicts", start->conflicts);
}

static json_t *
define_and_start(struct host_call *call, struct start *start, struct error *err)
{
	g_autofree char *xml = host_networks_suit(call->connection, start->xml, err) < 0 ? NULL : host_fit(call->connection, start->xml, err);
	g_autoptr(virDomain) domain = xml == NULL ? NULL : virDomainDefineXML(call->connection, xml);

	if (xml == NULL) {
		error_wrap(err, "cannot start domain %s: ", start->name);
		return NULL;
	}
	if (domain == NULL) {
		host_error(err, "cannot define domain %s", start->name);
		return NULL;
	}
	if (start_domain(domain, start, err) < 0) {
		take_back(domain);
		return json_array_size(start->conflicts) > 0 ? answer_conflicts(start, err) : NULL;
	}
	return answer_start(call, domain, start, err);
}

/* One that runs is left alone, but for a start that was broken off before its guards were in. */
static json_t *
go_on(struct host_call *call, virDomainPtr domain, struct start *start, struct error *err)
{
	bool held = (json_array_size(start->guards) > 0 || json_array_size(start->probes) > 0) && guard_is_marked(domain);

	if (!held || let_go(domain, start, probe_begin(start->probes), err) == 0)
		return answer_start(call, domain, start, err);
	if (json_array_size(start->conflicts) == 0)
		return NULL;
	virDomainDestroy(domain);
	take_back(domain);
	return answer_conflicts(start, err);
}

static json_t *
start_or_go_on(struct host_call *call, struct start *start, struct error *err)
{
	g_autoptr(virDomain) there = virDomainLookupByName(call->connection, start->name);
	int place;

	if (there == NULL && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
		host_error(err, "cannot look for domain %s", start->name);
		return NULL;
	}
	place = there == NULL ? 0 : clear_place(there, start, err);
	if (place < 0)
		return NULL;
	return place > 0 ? go_on(call, there, start, err) : define_and_start(call, start, err);
}

static json_t *
run_start(struct host_call *call, struct error *err)
{
	struct start start = { 0 };
	json_t *result;

	if (host_args(call, err, "{s:s,s:s,s:s,s?:b,s?:o,s?:o}", "xml", &start.xml, "name", &start.name, "uid", &start.uid,
	        "paused", &start.paused, "guards", &start.guards, "probes", &start.probes) < 0 ||
	    guard_check(start.guards, err) < 0 || probe_check(start.probes, err) < 0 || check_xml(&start, err) < 0)
		return NULL;
	result = start_or_go_on(call, &start, err);
	json_decref(start.conflicts);
	return result;
}

const struct host_verb host_start_verbs[] = {
	{ "domain-start", run_start },
	{ NULL, NULL },
};
