/*
 * Live changes of an instance.  Its spec says what it is to have, its status what it has: where they differ, one call asks
 * the host's worker to bring the domain to the spec, and its answer becomes the status.  Nothing depends on having seen the
 * edit, so whoever comes after a crash goes on.
 */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/conflicts.h"
#include "daemon/controllers/claim.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_ceph.h"
#include "daemon/controllers/vmi_live.h"
#include "daemon/guards.h"
#include "daemon/job.h"
#include "daemon/objects.h"
#include "src/api/live_update.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/domain_xml.h"
#include "src/virt/host_verbs.h"

/* A guest lets go of a disk, and takes memory, when it comes to it. */
enum { AGAIN_MS = 500, AGAIN_MOST_MS = 30000 };

/* --- what is left to do --------------------------------------------------------------------------------------------- */

static struct volume_status *
find_status(const struct vmi_status *status, const char *name)
{
	SCHEMA_EACH (struct volume_status, s, &status->volume_status)
		if (g_strcmp0(s->name, name) == 0)
			return s;
	return NULL;
}

static void
set_phase(struct volume_status *s, const char *phase, const char *reason, const char *message)
{
	char **const members[] = { &s->phase, &s->reason, &s->message };
	const char *const values[] = { phase, reason, message };

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		g_free(*members[i]);
		*members[i] = g_strdup(values[i]);
	}
	if (s->hotplug_volume == NULL)
		s->hotplug_volume = g_new0(struct empty, 1);
}

static bool
is_phase(const struct volume_status *s, const char *phase)
{
	return g_strcmp0(s->phase, phase) == 0;
}

/* The disk is there, on the host of the instance; else why not. */
static bool
is_usable(struct daemon *daemon, const struct object *object, const struct volume *v, char *why, size_t size)
{
	const struct vmi *vmi = object->value;
	const char *node = NULL, *path = NULL, *claim = volume_claim(v);
	bool gone = false;

	controllers_await(daemon, object, KIND_CLAIM, object->namespace, claim);
	controllers_await(daemon, object, KIND_DATA_VOLUME, object->namespace, claim);
	if (!claim_is_usable(daemon, object->namespace, claim, &node, &path, &gone, why, size) ||
	    claim_copy_reads(daemon, object, object->namespace, claim, why, size))
		return false;
	if (node == NULL || g_strcmp0(node, vmi->status->node_name) == 0)
		return true;
	g_snprintf(why, size, "it is on host %s, and the guest runs on %s", node, vmi->status->node_name);
	return false;
}

static void
note_volume(struct daemon *daemon, const struct object *object, struct vmi_status *status, const struct volume *v, bool first)
{
	struct volume_status *s = find_status(status, v->name);
	const struct schema *sub = NULL;
	bool other = s != NULL && s->claim_info != NULL && g_strcmp0(s->claim_info->claim_name, volume_claim(v)) != 0;
	char why[256] = "";

	if (s == NULL) {
		schema_find(&vmi_status_schema, "volumeStatus", &sub);
		s = schema_list_add(&status->volume_status, sub);
		s->name = g_strdup(v->name);
	}
	if (first)
		set_phase(s, "Ready", NULL, NULL);
	else if (other || !is_phase(s, "Ready"))
		set_phase(s, "Pending", is_usable(daemon, object, v, why, sizeof(why)) ? NULL : "PVCNotReady", *why == '\0' ? NULL : why);
}

static void
note_volumes(struct daemon *daemon, const struct object *object, struct vmi_status *status, bool first)
{
	const struct vmi *vmi = object->value;

	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		if (volume_is_hotpluggable(v))
			note_volume(daemon, object, status, v, first);
	SCHEMA_EACH (struct volume_status, s, &status->volume_status)
		if (s->phase != NULL && vmi_volume(vmi->spec, s->name) == NULL && !is_phase(s, "Detaching"))
			set_phase(s, "Detaching", NULL, NULL);
}

static bool
vcpus_differ(const struct vmi *vmi, const struct vmi_status *status)
{
	const struct cpu_topology *t = status->current_cpu_topology;

	return t != NULL && t->sockets * t->cores * t->threads != vmi_vcpus(vmi->spec);
}

static bool
memory_differs(const struct vmi *vmi, const struct vmi_status *status)
{
	const struct memory_status *m = status->memory;

	return m != NULL && (m->guest_requested != vmi_memory(vmi->spec) || m->guest_current != vmi_memory(vmi->spec));
}

static bool
is_up(const struct interface *i)
{
	return g_strcmp0(i->state, "down") != 0;
}

static struct vmi_interface_status *
find_card(const struct vmi_status *status, const char *name)
{
	SCHEMA_EACH (struct vmi_interface_status, s, &status->interfaces)
		if (g_strcmp0(s->name, name) == 0)
			return s;
	return NULL;
}

/* Whether the guest is to have it.  Parts of the host's cards are not changed while it runs. */
static bool
is_wanted(const struct interface *i)
{
	return i != NULL && (vmi_interface_is_present(i) || i->sriov != NULL);
}

static bool
card_differs(const struct interface *i, const struct vmi_interface_status *s)
{
	if (i->sriov != NULL)
		return false;
	if (!is_wanted(i) || s == NULL)
		return is_wanted(i) != (s != NULL);
	return (g_strcmp0(s->link_state, "down") != 0) != is_up(i);
}

static bool
cards_differ(const struct vmi *vmi, const struct vmi_status *status)
{
	bool differ = false;

	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		differ = differ || card_differs(i, find_card(status, i->name));
	SCHEMA_EACH (struct vmi_interface_status, s, &status->interfaces)
		differ = differ || vmi_interface(vmi->spec, s->name) == NULL;
	return differ;
}

/* What waits for its disk has nothing to be done for it yet. */
static bool
volumes_differ(const struct vmi_status *status)
{
	SCHEMA_EACH (struct volume_status, s, &status->volume_status)
		if (is_phase(s, "Detaching") || (is_phase(s, "Pending") && g_strcmp0(s->reason, "PVCNotReady") != 0))
			return true;
	return false;
}

static bool
is_behind(const struct vmi *vmi, const struct vmi_status *status)
{
	return vcpus_differ(vmi, status) || memory_differs(vmi, status) || cards_differ(vmi, status) || volumes_differ(status);
}

static void
note_change(struct daemon *daemon, struct vmi_status *status, const char *type, bool differs)
{
	if (!differs)
		condition_remove(&status->conditions, type);
	else if (condition_find(&status->conditions, type) == NULL)
		condition_set(&status->conditions, type, true, NULL, NULL, daemon_now(daemon));
}

bool
vmi_live_note(struct daemon *daemon, const struct object *object, struct vmi_status *status, bool first)
{
	const struct vmi *vmi = object->value;
	const struct condition *failed = condition_find(&status->conditions, "Synchronized");

	note_volumes(daemon, object, status, first);
	note_change(daemon, status, "HotVCPUChange", vcpus_differ(vmi, status));
	note_change(daemon, status, "HotMemoryChange", memory_differs(vmi, status));
	return failed != NULL && g_strcmp0(failed->reason, LIVE_FAILED) == 0 && is_behind(vmi, status);
}

/* --- the job -------------------------------------------------------------------------------------------------------- */

struct live {
	struct daemon *daemon;
	char *namespace, *name, *uid, *host;
	size_t interface;  /* how far it is with telling the DHCP server */
	char *told;        /* that the DHCP server is being told */
	bool asked, sent;  /* whether somebody else has a card's address; the change itself */
	struct error refused; /* somebody has */
	size_t ceph; /* how far it is with disks in Ceph */
	json_t *result;
};

static void
live_free(struct live *l)
{
	g_free(l->namespace);
	g_free(l->name);
	g_free(l->uid);
	g_free(l->host);
	g_free(l->told);
	json_decref(l->result);
	g_free(l);
}

static const struct object *
live_object(const struct live *l)
{
	return store_get_uid(l->daemon->store, l->uid);
}

/* A claim that is not usable here is left out: its disk is neither made nor missed. */
static bool
place(struct live *l, const struct object *object, const struct volume *v, struct domain_volume *place, struct domain_ceph *ceph)
{
	struct volume_place volume = { .format = "raw" };
	const char *claim = volume_claim(v);
	char why[256];

	if (claim == NULL || (volume_is_hotpluggable(v) && !is_usable(l->daemon, object, v, why, sizeof(why))))
		return false;
	if (!claim_volume(l->daemon, l->namespace, claim, &volume))
		return false;
	*place = (struct domain_volume){ .name = v->name, .path = volume.path, .format = volume.format,
		.ceph = vmi_ceph(l->daemon, &volume, ceph) ? ceph : NULL, .backing_path = volume.backing,
		.backing_format = volume.backing == NULL ? NULL : "raw",
		.claim = claim, .capacity = claim_capacity(l->daemon, l->namespace, claim),
		.readonly = v->persistent_volume_claim != NULL && v->persistent_volume_claim->read_only };
	claim_limits(l->daemon, l->namespace, claim, &place->limits);
	return true;
}

static char *
live_xml(struct live *l, const struct object *object, struct error *err)
{
	const struct vmi *vmi = object->value;
	g_autofree struct domain_volume *volumes = g_new0(struct domain_volume, vmi->spec->volumes.count + 1);
	g_autofree struct domain_ceph *ceph = g_new0(struct domain_ceph, vmi->spec->volumes.count + 1);
	g_autofree struct domain_interface *interfaces = g_new0(struct domain_interface, vmi->spec->domain->devices->interfaces.count + 1);
	g_autoptr(GPtrArray) attachments = vmi_attachments_new();
	const struct host *host = host_find(l->daemon, l->host);
	struct domain_input input = { .vmi = vmi, .epoch = store_epoch(l->daemon->store), .store = store_uuid(l->daemon->store),
		.pool = l->daemon->config->pool->name, .volumes = volumes, .interfaces = interfaces,
		.emulation = host != NULL && host->emulation };
	struct grants_input places __attribute__((cleanup(grants_input_clear))) = { 0 };

	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes)
		input.volume_count += place(l, object, v, &volumes[input.volume_count], &ceph[input.volume_count]);
	if (vmi_ports(l->daemon, object, attachments, interfaces, &input.interface_count, err) < 0)
		return NULL;
	if (host != NULL)
		grants_fill(l->daemon, host, vmi, &places, &input);
	return domain_live_xml_format(&input, err);
}

static int
step_update(struct live *l, const struct object *object, struct job_step *step, struct error *err)
{
	const struct vmi *vmi = object->value;
	g_autofree char *xml = live_xml(l, object, err), *name = domain_name(l->namespace, l->name);
	json_t *disks, *interfaces, *guards;
	struct error unguarded = { 0 };

	if (xml == NULL)
		return -1;
	guards = guards_of(l->daemon, object, &unguarded);
	disks = json_array();
	interfaces = json_array();
	SCHEMA_EACH (struct disk, d, &vmi->spec->domain->devices->disks)
		json_array_append_new(disks, json_string(d->name));
	SCHEMA_EACH (struct interface, i, &vmi->spec->domain->devices->interfaces)
		if (is_wanted(i))
			json_array_append_new(interfaces, json_pack("{s:s,s:b}", "name", i->name, "up", is_up(i)));
	step->verb = "domain-update";
	step->args = json_pack("{s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:o*,s:s*}", "name", name, "uid", l->uid, "xml", xml, "vcpus",
	    (json_int_t)vmi_vcpus(vmi->spec), "memory", (json_int_t)vmi_memory(vmi->spec), "disks", disks, "interfaces", interfaces, "guards", guards,
	    "unguarded", guards == NULL ? unguarded.text : NULL);
	step->deadline = HOST_DEADLINE_ACTION;
	l->sent = true;
	return 1;
}

/* A card that comes has an address that nobody else answers for; those of its other cards were asked for before. */
static int
step_probe(struct live *l, const struct object *object, struct job_step *step)
{
	const struct host *host = host_find(l->daemon, l->host);
	bool first = !l->asked;

	l->asked = true;
	return first && host != NULL ? conflicts_step(l->daemon, object, host, step) : 0;
}

/* A card that comes has its address before the guest can ask for it. */
static int
live_next(void *context, struct job_step *step, struct error *err)
{
	struct live *l = context;
	const struct object *object = live_object(l);
	const struct vmi *vmi = object == NULL ? NULL : object->value;
	int r;

	if (l->sent)
		return 0;
	if (l->refused.code != 0) {
		*err = l->refused;
		return -1;
	}
	if (vmi == NULL || vmi->head.meta->deletion_timestamp != 0)
		return error_set(err, ECANCELED, "the instance is being deleted");
	r = vmi_ceph_next(l->daemon, object, &l->ceph, false, step, err);
	if (r != 0)
		return r;
	while (l->interface < vmi->spec->domain->devices->interfaces.count) {
		const struct interface *i = (const struct interface *)vmi->spec->domain->devices->interfaces.items + l->interface++;
		r = vmi_address_step(l->daemon, object, i, l->host, step, &l->told, err);
		if (r != 0)
			return r;
	}
	return step_probe(l, object, step) == 1 ? 1 : step_update(l, object, step, err);
}

static void
live_took(void *context, const char *verb, json_t *result)
{
	struct live *l = context;
	const struct object *object = live_object(l);
	struct host *host = host_find(l->daemon, l->host);

	if (strcmp(verb, "domain-update") == 0)
		l->result = json_incref(result);
	else if (strcmp(verb, "address-probe") != 0)
		vmi_address_took(host, verb, l->told);
	else if (object != NULL && host != NULL)
		conflicts_took(l->daemon, object, host, result, &l->refused);
	if (strcmp(verb, "domain-update") == 0 && object != NULL)
		guards_changed(l->daemon, object);
}

/* --- its answer ----------------------------------------------------------------------------------------------------- */

static json_t *
told(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (g_strcmp0(path_string(item, "name"), name) == 0)
			return item;
	return NULL;
}

static int64_t
told_number(const json_t *result, const char *path)
{
	return json_integer_value(path_find(result, path));
}

/* Memory that was plugged in counts; libvirt rounds what was there before. */
static void
take_sizes(const json_t *result, struct vmi_status *status)
{
	struct cpu_topology *t = status->current_cpu_topology;
	struct memory_status *m = status->memory;
	int64_t vcpus = told_number(result, "vcpus"), boot = told_number(result, "memory.boot");

	if (t != NULL && vcpus > 0)
		t->sockets = vcpus / MAX(t->cores * t->threads, 1);
	if (m == NULL)
		return;
	m->guest_requested = m->guest_at_boot + told_number(result, "memory.requested") - boot;
	m->guest_current = m->guest_at_boot + told_number(result, "memory.current") - boot;
}

/* A card that has gone gives its address back, unless it is to come again. */
static void
take_gone(struct live *l, const struct vmi *vmi, struct vmi_status *status)
{
	const struct schema *sub = NULL;

	schema_find(&vmi_status_schema, "interfaces", &sub);
	for (size_t i = status->interfaces.count; i-- > 0;) {
		const struct vmi_interface_status *s = (const struct vmi_interface_status *)status->interfaces.items + i;
		const struct interface *wanted = vmi_interface(vmi->spec, s->name);

		if (told(json_object_get(l->result, "interfaces"), s->name) != NULL || (wanted != NULL && wanted->sriov != NULL))
			continue;
		if (!is_wanted(wanted))
			addresses_release_interface(l->daemon, l->namespace, l->name, s->name);
		schema_list_remove(&status->interfaces, sub, i);
	}
}

static void
take_cards(struct live *l, const struct vmi *vmi, struct vmi_status *status)
{
	const struct schema *sub = NULL;
	json_t *card;
	size_t i;

	schema_find(&vmi_status_schema, "interfaces", &sub);
	json_array_foreach (json_object_get(l->result, "interfaces"), i, card) {
		const char *name = path_string(card, "name");
		struct vmi_interface_status *s = find_card(status, name);

		if (s == NULL) {
			s = schema_list_add(&status->interfaces, sub);
			s->name = g_strdup(name);
		}
		g_free(s->link_state);
		s->link_state = g_strdup(json_is_true(json_object_get(card, "up")) ? "up" : "down");
	}
	take_gone(l, vmi, status);
}

static void
take_plugged(struct live *l, const struct object *object, struct volume_status *s, const char *target)
{
	g_autofree char *message = g_strdup_printf("Successfully attach hotplugged volume %s to VM", s->name);

	set_phase(s, "Ready", "VolumeReady", message);
	g_free(s->target);
	s->target = g_strdup(target);
	daemon_event(l->daemon, object, "Normal", "VolumeReady", "%s", message);
}

static void
take_volumes(struct live *l, const struct object *object, struct vmi_status *status)
{
	const struct vmi *vmi = object->value;
	const struct schema *sub = NULL;

	schema_find(&vmi_status_schema, "volumeStatus", &sub);
	for (size_t i = status->volume_status.count; i-- > 0;) {
		struct volume_status *s = (struct volume_status *)status->volume_status.items + i;
		const json_t *disk = told(json_object_get(l->result, "disks"), s->name);
		const char *source = path_string(disk, "source");
		const struct volume *v = vmi_volume(vmi->spec, s->name);

		if (is_phase(s, "Pending") && v != NULL && source != NULL &&
		    g_strcmp0(source, claim_path(l->daemon, l->namespace, volume_claim(v))) == 0)
			take_plugged(l, object, s, path_string(disk, "target"));
		if (!is_phase(s, "Detaching") || source != NULL)
			continue;
		daemon_event(l->daemon, object, "Normal", "VolumeUnplugged", "Volume %s has been unplugged", s->name);
		schema_list_remove(&status->volume_status, sub, i);
	}
}

static void
note_problem(struct live *l, const struct object *object, struct vmi_status *status, const char *why)
{
	if (condition_set(&status->conditions, "Synchronized", false, LIVE_FAILED, why, daemon_now(l->daemon)))
		daemon_event(l->daemon, object, "Warning", "HotplugFailed", "%s", why);
}

/* One sentence each: what could not be changed, and why. */
static void
take_problems(struct live *l, const struct object *object, struct vmi_status *status)
{
	g_autoptr(GString) all = g_string_new(NULL);
	json_t *problem;
	size_t i;

	json_array_foreach (json_object_get(l->result, "problems"), i, problem) {
		const char *what = path_string(problem, "what"), *why = path_string(problem, "why");

		g_string_append_printf(all, "%s%s", i == 0 ? "" : "; ", why);
		if (g_strcmp0(what, "memory") == 0)
			condition_set(&status->conditions, "HotMemoryChange", false, "Memory Hotplug Failed", why, daemon_now(l->daemon));
		if (g_strcmp0(what, "processors") == 0)
			condition_set(&status->conditions, "HotVCPUChange", false, "CPU Hotplug Failed", why, daemon_now(l->daemon));
	}
	if (all->len > 0)
		note_problem(l, object, status, all->str);
	else
		condition_remove(&status->conditions, "Synchronized");
}

static void
take(struct live *l, const struct object *object, const struct error *error)
{
	struct vmi_status *status = objects_status_copy(object);
	struct error err = { 0 };

	if (error == NULL) {
		take_sizes(l->result, status);
		take_cards(l, object->value, status);
		take_volumes(l, object, status);
		take_problems(l, object, status);
	} else {
		note_problem(l, object, status, error->text);
	}
	if (is_behind(object->value, status))
		controllers_pace_fail(l->daemon, object, AGAIN_MS, AGAIN_MOST_MS);
	else
		controllers_pace_clear(l->daemon, object);
	controllers_requeue(l->daemon, object, controllers_pace_left(l->daemon, object));
	if (vmi_status_put(l->daemon, object, status, &err) != 0)
		log_object(LOG_LEVEL_WARNING, "VirtualMachineInstance", l->namespace, l->name, "%s", err.text);
}

/* Of a guest that ended, or a host that went, others tell. */
static void
live_done(void *context, const struct error *error)
{
	struct live *l = context;
	const struct object *object = live_object(l);
	const struct vmi *vmi = object == NULL ? NULL : object->value;
	bool counts = error == NULL || (error->code != ECANCELED && error->code != EHOSTDOWN && error->code != ENOENT);

	if (vmi != NULL && vmi->status->phase == VMI_RUNNING && counts && (error != NULL || l->result != NULL))
		take(l, object, error);
	live_free(l);
}

static const struct job_class live_class = { live_next, live_took, live_done };

void
vmi_live_sync(struct daemon *daemon, const struct object *object, struct host *host)
{
	const struct vmi *vmi = object->value;
	struct live *l;

	if (!is_behind(vmi, vmi->status))
		return;
	if (controllers_pace_left(daemon, object) > 0) {
		controllers_requeue(daemon, object, controllers_pace_left(daemon, object));
		return;
	}
	l = g_new0(struct live, 1);
	*l = (struct live){ .daemon = daemon, .namespace = g_strdup(object->namespace), .name = g_strdup(object->name),
		.uid = g_strdup(object->uid), .host = g_strdup(host->name) };
	if (!job_begin(daemon, object, host, &live_class, l))
		live_free(l);
}
