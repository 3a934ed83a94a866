/* Domains: whose they are, how they do, and the verbs that act on one that runs or ran. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/virt/domain_xml.h"
#include "src/virt/host.h"
#include "src/virt/host_verbs.h"

/* Words by virDomainState and, for each, by its reasons. */
static const struct {
	const char *state;
	const char *reasons[16];
} state_words[] = {
	[VIR_DOMAIN_NOSTATE] = { "nostate", { "unknown" } },
	[VIR_DOMAIN_RUNNING] = { "running",
	    { "unknown", "booted", "migrated", "restored", "from_snapshot", "unpaused", "migration_canceled",
	        "save_canceled", "wakeup", "crashed", "postcopy", "postcopy_failed" } },
	[VIR_DOMAIN_BLOCKED] = { "blocked", { "unknown" } },
	[VIR_DOMAIN_PAUSED] = { "paused",
	    { "unknown", "user", "migration", "save", "dump", "ioerror", "watchdog", "from_snapshot", "shutting_down",
	        "snapshot", "crashed", "starting_up", "postcopy", "postcopy_failed" } },
	[VIR_DOMAIN_SHUTDOWN] = { "shutdown", { "unknown", "user" } },
	[VIR_DOMAIN_SHUTOFF] = { "shutoff",
	    { "unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from_snapshot",
	        "daemon" } },
	[VIR_DOMAIN_CRASHED] = { "crashed", { "unknown", "panicked" } },
	[VIR_DOMAIN_PMSUSPENDED] = { "pmsuspended", { "unknown" } },
};

static const char *
state_word(int state)
{
	return state >= 0 && state < (int)G_N_ELEMENTS(state_words) ? state_words[state].state : "nostate";
}

static const char *
reason_word(int state, int reason)
{
	const char *word = NULL;

	if (state >= 0 && state < (int)G_N_ELEMENTS(state_words) && reason >= 0 &&
	    reason < (int)G_N_ELEMENTS(state_words[0].reasons))
		word = state_words[state].reasons[reason];
	return word != NULL ? word : "unknown";
}

/* --- whose it is -------------------------------------------------------------------------------------------------- */

void
host_owner_clear(struct host_owner *owner)
{
	g_free(owner->uid);
	g_free(owner->namespace);
	g_free(owner->name);
	g_free(owner->store);
	json_decref(owner->uses);
	memset(owner, 0, sizeof(*owner));
}

/* The attributes of every element of a name below an element of ours, as members. */
static json_t *
read_all(xmlNode *instance, const char *name)
{
	json_t *list = json_array();

	for (xmlNode *node = xmlFirstElementChild(instance); node != NULL; node = xmlNextElementSibling(node)) {
		if (!xmlStrEqual(node->name, (const xmlChar *)name))
			continue;
		json_t *item = json_object();
		for (xmlAttr *attribute = node->properties; attribute != NULL; attribute = attribute->next) {
			g_autofree char *value = host_xml_attribute(node, (const char *)attribute->name);
			json_object_set_new(item, (const char *)attribute->name, json_string(value));
		}
		json_array_append_new(list, item);
	}
	return list;
}

void
host_owner_read(xmlDoc *doc, struct host_owner *owner)
{
	/* libvirt gives the element with or without its prefix, by its version. */
	g_autoptr(GPtrArray) nodes = host_xml_nodes(doc, "(/domain/metadata/*|/*)[local-name()='instance']");

	if (nodes->len == 0)
		return;
	g_autofree char *epoch = host_xml_attribute(nodes->pdata[0], "epoch");
	owner->uid = host_xml_attribute(nodes->pdata[0], "uid");
	owner->namespace = host_xml_attribute(nodes->pdata[0], "namespace");
	owner->name = host_xml_attribute(nodes->pdata[0], "name");
	owner->store = host_xml_attribute(nodes->pdata[0], "store");
	g_autofree char *pool = host_xml_attribute(nodes->pdata[0], "pool");
	owner->uses = json_pack("{s:s*,s:o,s:o,s:o,s:o}", "pool", pool, "claims", read_all(nodes->pdata[0], "claim"), "interfaces",
	    read_all(nodes->pdata[0], "interface"), "cpus", read_all(nodes->pdata[0], "cpu"), "devices",
	    read_all(nodes->pdata[0], "device"));
	owner->epoch = epoch == NULL ? 0 : g_ascii_strtoll(epoch, NULL, 10);
}

int
host_owner_of(virDomainPtr domain, struct host_owner *owner, struct error *err)
{
	char *text =
	    virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DOMAIN_METADATA_URI, VIR_DOMAIN_AFFECT_CURRENT);

	if (text == NULL && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA)
		return 0;
	if (text == NULL)
		return host_error(err, "cannot read the metadata of domain %s", virDomainGetName(domain));
	g_autoptr(xmlDoc) doc = host_xml_take(text, err);
	if (doc == NULL)
		return -1;
	host_owner_read(doc, owner);
	return 0;
}

json_t *
host_domain_describe(virDomainPtr domain, struct error *err)
{
	HOST_OWNER_AUTO owner = { 0 };
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	int state, reason, id;

	err->code = 0;
	if (host_owner_of(domain, &owner, err) < 0 || owner.uid == NULL)
		return NULL;
	if (virDomainGetState(domain, &state, &reason, 0) < 0) {
		host_error(err, "cannot read the state of domain %s", virDomainGetName(domain));
		return NULL;
	}
	virDomainGetUUIDString(domain, uuid);
	id = state == VIR_DOMAIN_SHUTOFF ? -1 : (int)virDomainGetID(domain);
	return json_pack("{s:s,s:s,s:s,s:s*,s:s*,s:s,s:s,s:i,s:I,s:O}", "name", virDomainGetName(domain), "uuid", uuid,
	    "uid", owner.uid, "namespace", owner.namespace, "vmi", owner.name, "state", state_word(state), "reason",
	    reason_word(state, reason), "id", id, "epoch", (json_int_t)owner.epoch, "uses", owner.uses);
}

virDomainPtr
host_domain_get(virConnectPtr connection, const char *name, const char *uid, struct error *err)
{
	g_autoptr(virDomain) domain = virDomainLookupByName(connection, name);
	HOST_OWNER_AUTO owner = { 0 };

	if (domain == NULL) {
		host_error(err, "cannot find domain %s", name);
		return NULL;
	}
	if (host_owner_of(domain, &owner, err) < 0)
		return NULL;
	if (owner.uid == NULL) {
		error_set(err, EACCES, "domain %s was not made by Solovirt and is left alone", name);
		return NULL;
	}
	if (strcmp(owner.uid, uid) != 0) {
		error_set(err, ESTALE, "domain %s belongs to instance %s, not to %s", name, owner.uid, uid);
		return NULL;
	}
	return g_steal_pointer(&domain);
}

/* UEFI variables that are the machine's, and not only the instance's, are named so. */
static bool
keeps_nvram(virDomainPtr domain)
{
	struct error ignored = { 0 };
	char *text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
	g_autoptr(xmlDoc) doc = text == NULL ? NULL : host_xml_take(text, &ignored);
	g_autofree char *nvram = doc == NULL ? NULL : host_xml_text(doc, "/domain/os/nvram");

	return nvram != NULL && g_str_has_suffix(nvram, HOST_NVRAM_KEPT);
}

int
host_domain_undefine(virDomainPtr domain, struct error *err)
{
	const unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
	    VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | (keeps_nvram(domain) ? VIR_DOMAIN_UNDEFINE_KEEP_NVRAM : VIR_DOMAIN_UNDEFINE_NVRAM);

	if (virDomainUndefineFlags(domain, flags) == 0 || virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return 0;
	return host_error(err, "cannot undefine domain %s", virDomainGetName(domain));
}

/* --- one act on one domain ---------------------------------------------------------------------------------------- */

enum act_if { ACT_ALWAYS, ACT_IF_ACTIVE, ACT_IF_PAUSED };

/* What a verb calls, when it has something to do, and whether a domain that is gone is as good. */
struct act {
	const char *what; /* "cannot WHAT domain x" */
	int (*call)(virDomainPtr domain);
	enum act_if when;
	bool gone_is_done;
	bool tells; /* answers with what the domain is now */
};

static bool
act_is_due(virDomainPtr domain, enum act_if when)
{
	int state;

	if (when == ACT_ALWAYS)
		return true;
	if (when == ACT_IF_ACTIVE)
		return virDomainIsActive(domain) != 0;
	return virDomainGetState(domain, &state, NULL, 0) < 0 || state != VIR_DOMAIN_RUNNING;
}

/* Ended meanwhile, which was to be done anyway.  code: libvirt's, of the act that failed. */
static bool
act_was_overtaken(virDomainPtr domain, const struct act *act, int code)
{
	if (code == VIR_ERR_NO_DOMAIN)
		return act->gone_is_done;
	return act->when == ACT_IF_ACTIVE && code == VIR_ERR_OPERATION_INVALID && virDomainIsActive(domain) == 0;
}

/* A guest that was cut off while it was being started ends without an event. */
static json_t *
act_answer(struct host_call *call, const struct act *act, virDomainPtr domain)
{
	struct error ignored = { 0 };
	json_t *answer = NULL;

	if (act->tells) {
		service_order(call->request);
		answer = host_domain_describe(domain, &ignored);
	}
	return answer == NULL ? json_object() : answer;
}

static json_t *
act_run(struct host_call *call, const struct act *act, struct error *err)
{
	const char *name, *uid;
	int code;

	if (host_args(call, err, "{s:s,s:s}", "name", &name, "uid", &uid) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	if (domain == NULL)
		return act->gone_is_done && err->code == ENOENT ? json_object() : NULL;
	if (!act_is_due(domain, act->when) || act->call(domain) == 0)
		return act_answer(call, act, domain);
	code = virGetLastErrorCode();
	host_error(err, "cannot %s domain %s", act->what, name);
	return act_was_overtaken(domain, act, code) ? act_answer(call, act, domain) : NULL;
}

static int
call_shutdown(virDomainPtr domain)
{
	host_agent_limit(domain);
	return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_DEFAULT);
}

static int
call_destroy(virDomainPtr domain)
{
	return virDomainDestroyFlags(domain, VIR_DOMAIN_DESTROY_DEFAULT);
}

static int
call_reset(virDomainPtr domain)
{
	return virDomainReset(domain, 0);
}

static int
call_reboot(virDomainPtr domain)
{
	host_agent_limit(domain);
	return virDomainReboot(domain, VIR_DOMAIN_REBOOT_DEFAULT);
}

#define ACT(word, ...)												\
	static json_t *run_##word(struct host_call *call, struct error *err)					\
	{													\
		static const struct act act = { __VA_ARGS__ };							\
		return act_run(call, &act, err);								\
	}
ACT(shutdown, "shut down", call_shutdown, ACT_IF_ACTIVE, false, false)
ACT(destroy, "destroy", call_destroy, ACT_IF_ACTIVE, true, true)
ACT(suspend, "suspend", virDomainSuspend, ACT_ALWAYS, false, false)
ACT(resume, "resume", virDomainResume, ACT_IF_PAUSED, false, false)
ACT(reset, "reset", call_reset, ACT_ALWAYS, false, false)
ACT(reboot, "reboot", call_reboot, ACT_ALWAYS, false, false)

/* --- the others --------------------------------------------------------------------------------------------------- */

static json_t *
run_list(struct host_call *call, struct error *err)
{
	virDomainPtr *all = NULL;
	json_t *domains;
	int count;

	service_order(call->request);
	count = virConnectListAllDomains(call->connection, &all, 0);
	if (count < 0) {
		host_error(err, "cannot list domains");
		return NULL;
	}
	domains = json_array();
	for (int i = 0; i < count; i++) {
		json_t *domain = host_domain_describe(all[i], err);

		if (domain != NULL)
			json_array_append_new(domains, domain);
		else if (err->code != 0 && err->code != ENOENT)
			g_clear_pointer(&domains, json_decref); /* half a list would read as domains that are gone */
		virDomainFree(all[i]);
		if (domains == NULL) {
			while (++i < count)
				virDomainFree(all[i]);
			break;
		}
	}
	free(all);
	return domains == NULL ? NULL : json_pack("{s:o}", "domains", domains);
}

static json_t *
run_remove(struct host_call *call, struct error *err)
{
	const char *name, *uid;

	if (host_args(call, err, "{s:s,s:s}", "name", &name, "uid", &uid) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	/* Where somebody has put a domain of his own under the name, ours is gone, too. */
	if (domain == NULL)
		return err->code == ENOENT || err->code == EACCES ? json_object() : NULL;
	/* Undefining a running one would make it transient: still there, and forgotten by its definition. */
	if (virDomainIsActive(domain) != 0) {
		error_set(err, EBUSY, "domain %s is running", name);
		return NULL;
	}
	return host_domain_undefine(domain, err) < 0 ? NULL : json_object();
}

/*
 * Only libvirt knows where it keeps a TPM's state, and it removes that with a domain: so one is defined that would have had
 * both, never started, and undefined again.
 */
static json_t *
run_forget(struct host_call *call, struct error *err)
{
	const char *name, *uuid;

	if (host_args(call, err, "{s:s,s:s}", "name", &name, "uuid", &uuid) < 0)
		return NULL;
	g_autoptr(virDomain) there = virDomainLookupByName(call->connection, name);
	if (there != NULL) {
		error_set(err, EBUSY, "domain %s is there", name);
		return NULL;
	}
	g_autofree char *xml = g_markup_printf_escaped("<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>1</memory><os>"
	    "<type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>"
	    "<nvram>" HOST_NVRAM_FOLDER "%s" HOST_NVRAM_KEPT "</nvram></os><features><acpi/></features>"
	    "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices></domain>", name, uuid, name);
	g_autoptr(virDomain) domain = virDomainDefineXML(call->connection, xml);
	if (domain == NULL || virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_NVRAM) < 0) {
		host_error(err, "cannot remove what was kept for domain %s", name);
		return NULL;
	}
	return json_object();
}

static json_t *
run_xml(struct host_call *call, struct error *err)
{
	const char *name, *uid;
	json_t *result;
	char *text;

	if (host_args(call, err, "{s:s,s:s}", "name", &name, "uid", &uid) < 0)
		return NULL;
	g_autoptr(virDomain) domain = host_domain_get(call->connection, name, uid, err);
	if (domain == NULL)
		return NULL;
	text = virDomainGetXMLDesc(domain, 0);
	if (text == NULL) {
		host_error(err, "cannot read the XML of domain %s", name);
		return NULL;
	}
	result = json_pack("{s:s}", "xml", text);
	free(text);
	return result;
}

const struct host_verb host_domain_verbs[] = {
	{ "domain-list", run_list },
	{ "domain-shutdown", run_shutdown },
	{ "domain-destroy", run_destroy },
	{ "domain-remove", run_remove },
	{ "domain-forget", run_forget },
	{ "domain-suspend", run_suspend },
	{ "domain-resume", run_resume },
	{ "domain-reset", run_reset },
	{ "domain-reboot", run_reboot },
	{ "domain-xml", run_xml },
	{ NULL, NULL },
};
