/*
 * The instance controller: brings the domain to what the instance wants, and tells what it sees.
 *
 *   Pending ---> Scheduling ---> Scheduled ---> Running ---> Succeeded | Failed      (KubeVirt's phases)
 *     |  a host is chosen  |  its disks, seeds   |  the domain runs    |  the domain stopped; cleaned up
 *     |                    |  and addresses made |                     |
 *     +--------------------+---- deleted before it ran: Failed --------+
 *
 * A deleted one that runs is asked to shut down, again and again, until its grace is over; then it is destroyed.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/controllers/adopt.h"
#include "daemon/controllers/agent_commands.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/credentials.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/probe.h"
#include "daemon/controllers/promises.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_live.h"
#include "daemon/controllers/vmi_media.h"
#include "daemon/guards.h"
#include "daemon/objects.h"
#include "scheduler/scheduler.h"
#include "src/api/core.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

enum {
	SHUTDOWN_AGAIN_MS = 5000, /* a power button pressed before the guest listens is lost */
	KILL_AGAIN_MS = 1000,     /* after a cut that failed; doubles */
	SILENCE_MS = 10000,       /* a worker that starts again is back before */
};

/* --- scheduling ---------------------------------------------------------------------------------------------------- */

static bool
is_schedulable(struct daemon *daemon, const struct host *host)
{
	const struct object *object = store_get(daemon->store, KIND_NODE, "", host->name);
	const struct node *node = object == NULL ? NULL : object->value;

	return node == NULL || !node->spec->unschedulable;
}

static struct scheduler_label *
labels_new(const struct schema_map *map)
{
	struct scheduler_label *labels = g_new0(struct scheduler_label, map->count + 1);

	for (size_t i = 0; i < map->count; i++)
		labels[i] = (struct scheduler_label){ map->entries[i].name, map->entries[i].value };
	return labels;
}

/* The host for an instance, or NULL with why. */
static struct host *
choose_host(struct daemon *daemon, const struct object *object, const char *pinned, char *why, size_t size)
{
	const struct vmi *vmi = object->value;
	g_autoptr(GPtrArray) wires = vmi_wires(daemon, object), reasons = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct scheduler_host *hosts = g_new0(struct scheduler_host, daemon->hosts->len + 1);
	g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free), offers = g_ptr_array_new_with_free_func(g_free);
	g_autofree struct scheduler_label *selector = labels_new(&vmi->spec->node_selector);
	g_autofree struct scheduler_resource *wanted = NULL;
	struct scheduler_demand demand = { .pinned = pinned, .selector = selector, .selector_count = vmi->spec->node_selector.count };
	int chosen;

	promises_requested(vmi->spec, &demand.cpu, &demand.memory);
	demand.whole = (int64_t)domain_pins(vmi);
	demand.resources = wanted = grants_wanted(vmi, &demand.resource_count);
	for (guint i = 0; i < daemon->hosts->len; i++) {
		struct host *h = daemon->hosts->pdata[i];
		const struct object *of = store_get(daemon->store, KIND_NODE, "", h->name);
		const struct node *node = of == NULL ? NULL : of->value;
		const struct schema_map none = { 0 }, *map = node == NULL ? &none : &node->head.meta->labels;

		hosts[i] = (struct scheduler_host){ .name = h->name, .ready = h->state == HOST_READY && h->configured,
			.schedulable = is_schedulable(daemon, h), .label_count = map->count };
		g_ptr_array_add(labels, labels_new(map));
		hosts[i].labels = labels->pdata[i];
		promises_sum(controllers_promises(daemon), h->name, &hosts[i].cpu_used, &hosts[i].memory_used);
		grants_allocatable(daemon, h, &hosts[i].cpu, &hosts[i].memory);
		if (demand.whole > 0)
			grants_whole(daemon, h, hosts[i].cpu_used, &hosts[i].whole, &hosts[i].whole_free);
		g_ptr_array_add(offers, grants_offered(daemon, h, &hosts[i].resource_count));
		hosts[i].resources = offers->pdata[i];
		g_ptr_array_add(reasons, hosts[i].ready ? vmi_unplugged(daemon, h, wires) : NULL);
		hosts[i].unplugged = reasons->pdata[i];
	}
	chosen = scheduler_choose(hosts, daemon->hosts->len, &demand, why, size);
	return chosen < 0 ? NULL : daemon->hosts->pdata[chosen];
}

static int
schedule(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	struct vmi_status *status = objects_status_copy(object);
	const char *node = NULL, *reason = NULL;
	int64_t now = daemon_now(daemon);
	struct host *host = NULL;
	char why[512] = "";

	const struct host_domain *orphan = adopt_find(daemon, object->namespace, object->name, &host);
	if (orphan != NULL) {
		schema_free(&vmi_status_schema, status);
		return adopt_instance(daemon, object, host, orphan, err);
	}
	condition_set(&status->conditions, "Ready", false, "GuestNotRunning", "Guest VM is not reported as running", now);
	if (!vmi_needs_are_there(daemon, object, &node, &reason, why, sizeof(why))) {
		condition_set(&status->conditions, "Synchronized", false, reason, why, now);
		if (strcmp(reason, "FailedPvcNotFound") == 0)
			daemon_event(daemon, object, "Normal", reason, "%s", why);
		return vmi_status_put(daemon, object, status, err);
	}
	promises_drop(controllers_promises(daemon), object->uid); /* of a placement that could not be committed */
	grants_drop(controllers_grants(daemon), object->uid);
	host = choose_host(daemon, object, node, why, sizeof(why));
	condition_remove(&status->conditions, "Synchronized");
	if (host == NULL) {
		controllers_await_capacity(daemon, object);
		if (condition_set(&status->conditions, "PodScheduled", false, "Unschedulable", why, now))
			daemon_event(daemon, object, "Warning", "FailedScheduling", "%s", why);
		return vmi_status_put(daemon, object, status, err);
	}
	condition_remove(&status->conditions, "PodScheduled");
	g_free(status->node_name);
	status->node_name = g_strdup(host->name);
	if (grants_choose(daemon, host, vmi, status, err) != 0) {
		schema_free(&vmi_status_schema, status);
		return -1;
	}
	/* As in KubeVirt: whose there is something of on which host, until it has been removed. */
	schema_map_set(&status->active_pods, object->uid, host->name);
	vmi_phase_set(daemon, status, VMI_SCHEDULING);
	if (vmi_status_put(daemon, object, status, err) != 0)
		return -1;
	object = store_get(daemon->store, KIND_VMI, object->namespace, object->name);
	promises_note(controllers_promises(daemon), object);
	if (grants_note(controllers_grants(daemon), object, false))
		grants_sync(daemon, host, false);
	return 0;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

static void
replace(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

static int64_t
queue_count(const struct vmi_spec *spec)
{
	return spec->domain->devices->network_interface_multiqueue == TRISTATE_TRUE ? vmi_vcpus(spec) : 1;
}

/* NULL when it is not there and is not to be added. */
static struct vmi_interface_status *
interface_status(struct vmi_status *status, const struct schema *sub, const char *name, bool add)
{
	struct vmi_interface_status *s;

	SCHEMA_EACH (struct vmi_interface_status, there, &status->interfaces)
		if (g_strcmp0(there->name, name) == 0)
			return there;
	if (!add)
		return NULL;
	s = schema_list_add(&status->interfaces, sub);
	s->name = g_strdup(name);
	return s;
}

/* Addresses by the ledger; the guest gets them by DHCP.  What comes and goes after the start is vmi_live.c's to note. */
static void
fill_interfaces(struct daemon *daemon, const struct object *object, struct vmi_status *status, bool first)
{
	const struct vmi *vmi = object->value;
	const struct schema *sub = NULL;

	schema_find(&vmi_status_schema, "interfaces", &sub);
	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces) {
		const struct address *a = address_find(daemon, object, i);
		struct vmi_interface_status *s;
		const char *addresses[3];

		address_texts(a, addresses);
		s = a == NULL ? NULL : interface_status(status, sub, i->name, first && vmi_interface_is_present(i));
		if (s == NULL)
			continue;
		if (addresses[0] != NULL) /* else only its agent knows */
			replace(&s->ip_address, addresses[0]);
		replace(&s->mac, a->mac);
		if (s->link_state == NULL) /* then it stays as it was told */
			s->link_state = g_strdup(i->state == NULL || *i->state == '\0' ? "up" : i->state);
		s->queue_count = i->model == NULL || strcmp(i->model, "virtio") == 0 ? queue_count(vmi->spec) : 1;
		if (s->interface_name != NULL)
			continue; /* what its agent tells, too, stays until the agent tells otherwise */
		replace(&s->info_source, "domain");
		g_strfreev(s->ip_addresses);
		s->ip_addresses = g_strdupv((char **)(uintptr_t)addresses);
	}
}

static void
fill_hardware(const struct vmi *vmi, const struct host_domain *domain, struct vmi_status *status)
{
	const struct schema *sub = NULL;

	if (status->machine == NULL) {
		schema_find(&vmi_status_schema, "machine", &sub);
		status->machine = schema_new(sub);
	}
	/* Only who started it tells what libvirt made of the word in the spec. */
	if (domain->user >= 0)
		status->runtime_user = domain->user;
	if (domain->machine != NULL)
		replace(&status->machine->type, domain->machine);
	else if (status->machine->type == NULL)
		replace(&status->machine->type, vmi->spec->domain->machine == NULL ? "q35" : vmi->spec->domain->machine->type);
}

/* Why libvirt paused a domain, in KubeVirt's words. */
static const struct {
	const char *reason, *condition, *message;
} pauses[] = {
	{ "ioerror", "PausedIOError", "VMI was paused, low-level IO error detected" },
	{ "migration", "PausedByMigrationMonitor", "VMI was paused by the migration monitor" },
	{ NULL, "PausedByUser", "VMI was paused by user" },
};

static void
fill_paused(struct daemon *daemon, const struct object *object, struct vmi_status *status, const struct host_domain *domain)
{
	bool was = condition_is_true(&status->conditions, "Paused"), is = strcmp(domain->state, "paused") == 0;
	size_t i = 0;

	while (pauses[i].reason != NULL && strcmp(pauses[i].reason, domain->reason) != 0)
		i++;
	if (is)
		condition_set(&status->conditions, "Paused", true, pauses[i].condition, pauses[i].message, daemon_now(daemon));
	else
		condition_remove(&status->conditions, "Paused");
	if (is && !was)
		daemon_event(daemon, object, i == 0 ? "Warning" : "Normal", "Paused", "VirtualMachineInstance paused");
	if (was && !is)
		daemon_event(daemon, object, "Normal", "Unpaused", "VirtualMachineInstance unpaused");
}

/* A guest whose liveness probe has failed is ended, and has failed however it ends: its status says so until then, for a daemon that starts
 * again meanwhile. */
#define NOT_ALIVE "LivenessProbeFailed"

static bool
is_not_alive(const struct vmi_status *status)
{
	return g_strcmp0(status->reason, NOT_ALIVE) == 0;
}

static void
fill_alive(struct daemon *daemon, const struct object *object, struct vmi_status *status)
{
	const char *why = probes_dead(daemon->probes, object->uid);

	if (why == NULL || is_not_alive(status))
		return;
	replace(&status->reason, NOT_ALIVE);
	daemon_event(daemon, object, "Normal", "Killing", "the guest failed its liveness probe and is ended: %s", why);
}

/* Kubernetes' reason of a pod whose readiness probe has failed. */
static void
fill_ready(struct daemon *daemon, const struct object *object, struct vmi_status *status)
{
	const char *why = NULL;
	bool ready = probes_ready(daemon->probes, object->uid, &why);
	g_autofree char *message = why == NULL ? g_strdup("the readiness probe has not gone well yet")
	                                       : g_strdup_printf("the readiness probe failed: %s", why);

	condition_set(&status->conditions, "Ready", ready, ready ? NULL : "ContainersNotReady", ready ? NULL : message, daemon_now(daemon));
}

static int
observe_running(struct daemon *daemon, const struct object *object, struct host *host, const struct host_domain *domain,
    struct error *err)
{
	struct vmi_status *status = objects_status_copy(object);
	int64_t now = daemon_now(daemon);
	bool first = !vmi_phase_was(status, VMI_RUNNING);

	if (first) {
		controllers_pace_clear(daemon, object);
		vmi_phase_set(daemon, status, VMI_SCHEDULED);
		daemon_event(daemon, object, "Normal", "Created", "VirtualMachineInstance defined.");
		daemon_event(daemon, object, "Normal", "Started", "VirtualMachineInstance started.");
	}
	vmi_phase_set(daemon, status, VMI_RUNNING);
	fill_hardware(object->value, domain, status);
	vmi_report_size(object->value, status);
	fill_interfaces(daemon, object, status, first);
	fill_paused(daemon, object, status, domain);
	if (!vmi_live_note(daemon, object, status, first))
		condition_remove(&status->conditions, "Synchronized");
	probes_follow(daemon->probes, object, status);
	fill_ready(daemon, object, status);
	fill_alive(daemon, object, status);
	vmi_report(daemon, object, status);
	if (host->emulation)
		condition_set(&status->conditions, "SoftwareEmulation", true, "KVMNotUsable",
		    host->emulation_reason == NULL ? "the guest runs without KVM" : host->emulation_reason, now);
	if (controllers_ask_waits(daemon, object))
		vmi_agent_changed(daemon, host, object);
	return vmi_status_put(daemon, object, status, err);
}

/* What a stopped domain says about the instance (fact sheet, section 4.2). */
static const struct {
	const char *reason;
	enum vmi_phase phase;
	const char *event, *message;
} ends[] = {
	{ "shutdown", VMI_SUCCEEDED, "Normal", "The VirtualMachineInstance was shut down." },
	{ "saved", VMI_SUCCEEDED, "Normal", "The VirtualMachineInstance was shut down." },
	{ "from_snapshot", VMI_SUCCEEDED, "Normal", "The VirtualMachineInstance was shut down." },
	{ "destroyed", VMI_SUCCEEDED, "Normal", "The VirtualMachineInstance was shut down." },
	{ NULL, VMI_FAILED, "Warning", "The VirtualMachineInstance crashed." },
};

/* A deletion may name another grace than the spec; 0 is one, so the tree is asked whether it is there. */
static int64_t
grace_ms(const struct object *object)
{
	json_t *tree = object_tree(object), *given = path_find(tree, "metadata.deletionGracePeriodSeconds");
	const struct vmi *vmi = object->value;
	int64_t seconds = json_is_integer(given) ? json_integer_value(given) : vmi->spec->termination_grace_period_seconds;

	json_decref(tree);
	return seconds * 1000;
}

static int
observe_stopped(struct daemon *daemon, const struct object *object, const struct host_domain *domain, struct error *err)
{
	const struct vmi *vmi = object->value;
	const char *reason = domain == NULL ? "gone" : domain->reason;
	struct vmi_status *status = objects_status_copy(object);
	const char *event, *message;
	enum vmi_phase phase;
	size_t i = 0;

	if (domain != NULL && strcmp(domain->state, "crashed") == 0)
		reason = "crashed";
	while (ends[i].reason != NULL && strcmp(ends[i].reason, reason) != 0)
		i++;
	phase = ends[i].phase;
	event = ends[i].event;
	message = ends[i].message;
	/* A guest that had to be cut off although it was given time has failed; by us, who tell it before, or by virsh. */
	if (strcmp(reason, "destroyed") == 0 && vmi_has_acpi(vmi->spec) && grace_ms(object) > 0) {
		phase = VMI_FAILED;
		event = vmi->head.meta->deletion_timestamp != 0 ? "Normal" : "Warning";
		message = "The VirtualMachineInstance was cut off (destroyed).";
	}
	if (is_not_alive(status)) {
		phase = VMI_FAILED;
		event = "Warning";
		message = "The VirtualMachineInstance was ended: its liveness probe failed.";
	}
	probes_forget(daemon->probes, object->uid);
	vmi_phase_set(daemon, status, phase);
	if (!is_not_alive(status))
		replace(&status->reason, phase == VMI_FAILED ? (domain == NULL ? "DomainVanished" : reason) : NULL);
	condition_set(&status->conditions, "Ready", false, "GuestNotRunning", "Guest VM is not reported as running", daemon_now(daemon));
	condition_remove(&status->conditions, "Paused");
	condition_remove(&status->conditions, "AgentConnected");
	condition_remove(&status->conditions, "AgentVersionNotSupported");
	controllers_pace_clear(daemon, object); /* that of the asking: cleaning up need not wait for it */
	daemon_event(daemon, object, event, "Stopped", "%s", message);
	return vmi_status_put(daemon, object, status, err);
}

/* --- ending -------------------------------------------------------------------------------------------------------- */

struct signal {
	struct daemon *daemon;
	char *uid, *host, *namespace, *name;
	bool counts, destroys;
};

/* A guest is cut off: what its domain is then need not be told by an event.  A later instance's domain is not meant. */
static void
take_end(const struct signal *s, json_t *domain)
{
	struct host *host = host_find(s->daemon, s->host);
	g_autofree char *name = domain_name(s->namespace, s->name);
	const struct object *object = store_get(s->daemon->store, KIND_VMI, s->namespace, s->name);
	const struct host_domain *known = host == NULL ? NULL : host_domain_find(host, s->namespace, s->name);

	if (known == NULL || host->state != HOST_READY || strcmp(known->uid, s->uid) != 0)
		return;
	if (json_object_size(domain) == 0)
		host_domain_forget(host, name);
	else
		host_domain_note(host, domain);
	if (object != NULL)
		controllers_requeue(s->daemon, object, 0);
}

/* A guest that is not there any more need not be asked.  A cut that failed is repeated sooner than one that may yet come. */
static void
signal_failed(const struct signal *s, const struct error *error)
{
	const struct object *object = store_get(s->daemon->store, KIND_VMI, s->namespace, s->name);

	if (error->code == EHOSTDOWN || error->code == EBUSY || error->code == ENOENT || object == NULL ||
	    strcmp(object->uid, s->uid) != 0)
		return;
	daemon_event(s->daemon, object, "Warning", "SyncFailed", "stopping the domain: %s", error->text);
	if (!s->destroys)
		return;
	controllers_pace_fail(s->daemon, object, KILL_AGAIN_MS, SHUTDOWN_AGAIN_MS);
	controllers_requeue(s->daemon, object, controllers_pace_left(s->daemon, object));
}

static void
on_signal(void *arg, json_t *result, const struct error *error)
{
	struct signal *s = arg;

	if (s->counts)
		controllers_signal_end(s->daemon, s->uid);
	if (s->destroys && error == NULL)
		take_end(s, result);
	if (error != NULL)
		signal_failed(s, error);
	g_free(s->uid);
	g_free(s->host);
	g_free(s->namespace);
	g_free(s->name);
	g_free(s);
}

static void
signal_domain(struct daemon *daemon, const struct object *object, struct host *host, const char *verb, bool counts)
{
	g_autofree char *name = domain_name(object->namespace, object->name);
	struct signal *s = g_new0(struct signal, 1);

	*s = (struct signal){ daemon, g_strdup(object->uid), g_strdup(host->name), g_strdup(object->namespace),
		g_strdup(object->name), counts, strcmp(verb, "domain-destroy") == 0 };
	host_call(host, verb, json_pack("{s:s,s:s}", "name", name, "uid", object->uid), -1, HOST_DEADLINE_ACTION, on_signal, s);
}

/*
 * Asks the guest to shut down until its grace is over, then cuts it off.  The grace counts from the first time that it was
 * asked, by a clock that does not jump; a daemon that starts again asks anew, so no guest is cut off unasked.
 */
static void
stop_domain(struct daemon *daemon, const struct object *object, struct host *host)
{
	int64_t grace = grace_ms(object), now = clock_monotonic_ms(), since = controllers_signaled(daemon, object, now);

	if (now - since < grace) {
		if (since == now)
			daemon_event(daemon, object, "Normal", "ShuttingDown", "Signaled Graceful Shutdown");
		if (controllers_pace_left(daemon, object) == 0 && controllers_signal_begin(daemon, object)) {
			controllers_pace_set(daemon, object, SHUTDOWN_AGAIN_MS);
			signal_domain(daemon, object, host, "domain-shutdown", true);
		}
		controllers_requeue(daemon, object, MIN(SHUTDOWN_AGAIN_MS, since + grace - now));
		return;
	}
	/* The first cut does not wait for the pace of the asking. */
	if (controllers_kill_begin(daemon, object) || controllers_pace_left(daemon, object) == 0) {
		daemon_event(daemon, object, "Normal", "Killing", "the guest is cut off: its grace of %lld seconds is over",
		    (long long)(grace / 1000));
		controllers_pace_set(daemon, object, SHUTDOWN_AGAIN_MS);
		signal_domain(daemon, object, host, "domain-destroy", false);
	}
	controllers_requeue(daemon, object, SHUTDOWN_AGAIN_MS);
}

static bool
has_machine(const struct vmi *vmi)
{
	SCHEMA_EACH (struct owner_reference, r, &vmi->head.meta->owner_references)
		if (g_strcmp0(r->kind, kinds[KIND_VM].name) == 0)
			return true;
	return false;
}

/* What remains of an instance that is over has been removed from its host. */
static bool
is_clean(const struct vmi *vmi)
{
	return vmi->status->active_pods.count == 0;
}

static int
let_go(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;

	if (vmi->head.meta->deletion_timestamp == 0)
		return 0;
	/* Address and log belong to the machine; an instance that has none is its own. */
	if (!has_machine(vmi)) {
		addresses_release(daemon, object->namespace, object->name);
		vmi_log_remove(daemon, object->namespace, object->name);
	}
	return objects_set_finalizer(daemon, object, kinds[KIND_VMI].finalizer, false, err);
}

int
vmi_cleaned(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct vmi_status *status = objects_status_copy(object);

	guards_changed(daemon, object);
	schema_map_set(&status->active_pods, object->uid, NULL);
	schema_free(&grant_schema, status->grant);
	status->grant = NULL;
	return vmi_status_put(daemon, object, status, err);
}

/* --- the controller ------------------------------------------------------------------------------------------------ */

/* Nothing is known of a host that does not answer: its domains may run.  After a while the instance says so. */
static int
observe_silence(struct daemon *daemon, const struct object *object, const struct host *host, struct error *err)
{
	const struct vmi *vmi = object->value;
	int64_t left = host == NULL ? 0 : host->since + SILENCE_MS - clock_monotonic_ms();
	struct vmi_status *status;

	if (vmi->status->phase != VMI_RUNNING)
		return 0;
	if (left > 0) {
		controllers_requeue(daemon, object, left);
		return 0;
	}
	g_autofree char *why = g_strdup_printf("host %s does not answer: %s", vmi->status->node_name,
	    host == NULL ? "it is not configured any more" : host->problem == NULL ? "it is being prepared" : host->problem);
	status = objects_status_copy(object);
	if (condition_set(&status->conditions, "Ready", false, "NodeNotReady", why, daemon_now(daemon)))
		daemon_event(daemon, object, "Warning", "NodeUnresponsive", "%s", why);
	return vmi_status_put(daemon, object, status, err);
}

/* What may be changed in a guest while it runs. */
static void
follow(struct daemon *daemon, const struct object *object, struct host *host)
{
	const struct object *now = store_get(daemon->store, KIND_VMI, object->namespace, object->name);
	const struct vmi *vmi = object->value;

	if (condition_is_true(&vmi->status->conditions, "AgentConnected"))
		credentials_follow(daemon->credentials, object, host);
	if (now == NULL)
		return;
	folders_follow(daemon->folders, now, host);
	guards_follow(daemon, now);
	vmi_live_sync(daemon, now, host);
}

static int
on_assigned(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	struct host *host = host_find(daemon, vmi->status->node_name);
	const struct host_domain *domain;
	bool deleted = vmi->head.meta->deletion_timestamp != 0, was_running = vmi_phase_was(vmi->status, VMI_RUNNING);

	if (host == NULL || host->state != HOST_READY)
		return observe_silence(daemon, object, host, err);
	domain = host_domain_find(host, object->namespace, object->name);
	if (domain != NULL && strcmp(domain->uid, object->uid) != 0)
		domain = NULL;
	/* One that an earlier life of ours began to start is not running yet: the start is asked for again, and waits for it. */
	if (host_domain_is_active(domain) && (deleted || was_running || !host_domain_is_starting(domain))) {
		int r = observe_running(daemon, object, host, domain, err);
		if (r == 0 && (deleted || is_not_alive(vmi->status) || probes_dead(daemon->probes, object->uid) != NULL))
			stop_domain(daemon, object, host);
		else if (r == 0)
			follow(daemon, object, host);
		return r;
	}
	if (was_running || deleted)
		return observe_stopped(daemon, object, domain, err);
	if (controllers_pace_left(daemon, object) > 0)
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
	else
		vmi_start(daemon, object, host);
	return 0;
}

static int
on_final(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	struct host *host = host_find(daemon, vmi->status->node_name);
	const struct host_domain *domain;

	if (is_clean(vmi))
		return let_go(daemon, object, err);
	if (host == NULL || host->state != HOST_READY)
		return 0;
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return 0;
	}
	domain = host_domain_find(host, object->namespace, object->name);
	/* An instance that is over has no domain that runs, whatever made it think so. */
	if (host_domain_is_active(domain) && strcmp(domain->uid, object->uid) == 0) {
		controllers_pace_set(daemon, object, SHUTDOWN_AGAIN_MS);
		signal_domain(daemon, object, host, "domain-destroy", false);
		controllers_requeue(daemon, object, SHUTDOWN_AGAIN_MS);
		return 0;
	}
	vmi_clean(daemon, object, host);
	return 0;
}

int
vmi_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;

	if (controllers_job_is_running(daemon, object))
		return 0;
	if (vmi_is_final(vmi))
		return on_final(daemon, object, err);
	if (vmi->status->node_name != NULL)
		return on_assigned(daemon, object, err);
	if (vmi->head.meta->deletion_timestamp != 0)
		return observe_stopped(daemon, object, NULL, err);
	return schedule(daemon, object, err);
}
