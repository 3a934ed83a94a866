/* The machine controller: makes its DataVolumes and its instance, deletes the instance, tells how things stand. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/addresses.h"
#include "daemon/controllers/controllers.h"
#include "daemon/controllers/grants.h"
#include "daemon/controllers/memory_dump.h"
#include "daemon/controllers/promises.h"
#include "daemon/controllers/vm_plan.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_live.h"
#include "daemon/host.h"
#include "daemon/instancetypes.h"
#include "daemon/objects.h"
#include "src/api/expand.h"
#include "src/api/live_update.h"
#include "src/api/vm.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/diagnostic.h"
#include "src/document/patch.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

/* Start-failure back-off, as KubeVirt counts it: 10 s times the square of the count, at most 300 s. */
enum { BACKOFF_FIRST_MS = 10000, BACKOFF_MOST_MS = 300000, BACKOFF_JITTER_MS = 5000 };

#define FAILED_START "FailedStart" /* reason of the Failure condition */
#define VM_GENERATION "kubevirt.io/vm-generation" /* annotation of the instance: what it was made of */

/* One look at a machine. */
struct vm_look {
	struct daemon *daemon;
	const struct object *object;
	const struct vm *vm;
	const struct object *instance; /* its VMI, or NULL */
	const struct vmi *vmi;
	struct vm_status *status; /* working copy */
	char wait[256];           /* why it cannot start now, or "" */
	bool starting;            /* an instance was just made */
};

/* --- DataVolumes --------------------------------------------------------------------------------------------------- */

static int
data_volume_create(struct vm_look *l, const json_t *template, struct error *err)
{
	json_t *tree = json_deep_copy(template);
	const char *name = path_string(tree, "metadata.name");
	g_autofree char *copy = g_strdup(name);

	json_object_del(tree, "status");
	path_set(tree, "apiVersion", json_string("cdi.kubevirt.io/v1beta1"));
	path_set(tree, "kind", json_string("DataVolume"));
	path_set(tree, "metadata.namespace", json_string(l->object->namespace));
	path_set(tree, "metadata.labels['kubevirt.io/created-by']", json_string(l->object->uid));
	path_set(tree, "metadata.ownerReferences", json_pack("[o]", objects_owner_reference(l->object)));
	if (objects_create_tree(l->daemon, tree, l->object->namespace, err) == NULL) {
		daemon_event(l->daemon, l->object, "Warning", "FailedDataVolumeCreate", "%s", err->text);
		return error_wrap(err, "DataVolume %s: ", copy);
	}
	daemon_event(l->daemon, l->object, "Normal", "SuccessfulDataVolumeCreate", "Created DataVolume %s", copy);
	return 0;
}

/* A DataVolume or claim of the same name is used as it is. */
static int
ensure_data_volumes(struct vm_look *l, struct error *err)
{
	json_t *tree, *template;
	size_t i;
	int r = 0;

	if (l->vm->spec->data_volume_templates.count == 0)
		return 0;
	tree = object_tree(l->object);
	instancetypes_templates(l->daemon, l->vm, path_find(tree, "spec.dataVolumeTemplates"));
	json_array_foreach (path_find(tree, "spec.dataVolumeTemplates"), i, template) {
		const char *name = path_string(template, "metadata.name");
		if (store_get(l->daemon->store, KIND_DATA_VOLUME, l->object->namespace, name) == NULL &&
		    store_get(l->daemon->store, KIND_CLAIM, l->object->namespace, name) == NULL && r == 0)
			r = data_volume_create(l, template, err);
	}
	json_decref(tree);
	return r;
}

/* Why a disk keeps the machine from starting; sets what printableStatus needs. */
struct disk_view {
	bool failed, provisioning, unbound;
};

static void
look_at_disk(struct vm_look *l, const char *name, struct disk_view *view)
{
	const struct object *dv_object = store_get(l->daemon->store, KIND_DATA_VOLUME, l->object->namespace, name);
	const struct data_volume *dv = dv_object == NULL ? NULL : dv_object->value;
	const char *node, *path;
	char why[256];
	bool gone = false;

	controllers_await(l->daemon, l->object, KIND_DATA_VOLUME, l->object->namespace, name);
	controllers_await(l->daemon, l->object, KIND_CLAIM, l->object->namespace, name);
	if (claim_is_usable(l->daemon, l->object->namespace, name, &node, &path, &gone, why, sizeof(why)))
		return;
	/* The instance is made all the same, and tells what it misses. */
	if (gone)
		return;
	if (*l->wait == '\0')
		g_strlcpy(l->wait, why, sizeof(l->wait));
	view->failed |= dv != NULL && (dv->status->phase == DATA_VOLUME_FAILED ||
	    g_strcmp0(condition_find(&dv->status->conditions, "Running") == NULL ? NULL : condition_find(&dv->status->conditions, "Running")->reason, "Error") == 0);
	view->provisioning |= dv != NULL && dv->status->phase >= DATA_VOLUME_IMPORT_SCHEDULED && dv->status->phase < DATA_VOLUME_SUCCEEDED;
	view->unbound |= dv == NULL || dv->status->phase < DATA_VOLUME_IMPORT_SCHEDULED;
}

static struct disk_view
look_at_disks(struct vm_look *l)
{
	struct disk_view view = { 0 };

	SCHEMA_EACH (struct volume, v, &l->vm->spec->template->spec->volumes) {
		if (v->data_volume != NULL)
			look_at_disk(l, v->data_volume->name, &view);
		if (v->persistent_volume_claim != NULL)
			look_at_disk(l, v->persistent_volume_claim->claim_name, &view);
	}
	return view;
}

/* --- the instance -------------------------------------------------------------------------------------------------- */

/* The instance that the template now asks for, with its instancetype and preference; NULL when they do not allow it. */
static json_t *
instance_tree(const struct vm_look *l, bool paused, struct error *err)
{
	struct diagnostics diagnostics;
	int r;

	json_t *whole = object_member(l->object, "spec"), *template = json_object_get(whole, "template");
	json_t *spec = json_incref(json_object_get(template, "spec")), *tree; /* nobody else needs them: they may change */
	g_autofree char *generation = g_strdup_printf("%lld", (long long)l->vm->head.meta->generation);

	tree = json_pack("{s:s,s:s,s:{s:s,s:s},s:o}", "apiVersion", "kubevirt.io/v1", "kind", "VirtualMachineInstance", "metadata",
	    "name", l->object->name, "namespace", l->object->namespace, "spec", spec);
	for (int i = 0; i < 2; i++) {
		static const char *const fields[] = { "labels", "annotations" };
		json_t *map = json_object_get(json_object_get(template, "metadata"), fields[i]);
		json_object_set_new(json_object_get(tree, "metadata"), fields[i], json_is_object(map) ? json_incref(map) : json_object());
	}
	path_set(tree, "metadata.annotations['" VM_GENERATION "']", json_string(generation));
	path_set(tree, "metadata.ownerReferences", json_pack("[o]", objects_owner_reference(l->object)));
	if (paused)
		path_set(tree, "spec.startStrategy", json_string("Paused"));
	json_decref(whole);
	diagnostics_init(&diagnostics);
	r = instancetypes_expand(l->daemon, l->vm, spec, path_find(tree, "metadata.annotations"), NULL, &diagnostics, err);
	diagnostics_clear(&diagnostics);
	if (r == 0)
		return tree;
	json_decref(tree);
	return NULL;
}

static const struct state_change_request *
first_request(const struct vm_status *status)
{
	return status->state_change_requests.count == 0 ? NULL : status->state_change_requests.items;
}

static const struct schema *
request_schema(void)
{
	const struct schema *sub = NULL;

	schema_find(&vm_status_schema, "stateChangeRequests", &sub);
	return sub;
}

/* Requests that have been carried out, or that mean an instance which is no more. */
static void
trim_requests(struct vm_look *l)
{
	for (const struct state_change_request *r; (r = first_request(l->status)) != NULL;) {
		bool running = l->vmi != NULL && !vmi_is_final(l->vmi) && l->vmi->head.meta->deletion_timestamp == 0;
		bool done = r->action == STATE_CHANGE_START ? running
		                                             : l->instance == NULL || r->uid == NULL || strcmp(r->uid, l->instance->uid) != 0;
		if (!done)
			return;
		schema_list_remove(&l->status->state_change_requests, request_schema(), 0);
	}
}

static void
note_failure(struct vm_look *l, const char *reason, const char *message)
{
	condition_set(&l->status->conditions, "Failure", true, reason, message, daemon_now(l->daemon));
}

static int64_t
backoff_left(const struct vm_look *l)
{
	const struct start_failure *f = l->status->start_failure;

	/* A clock that jumped back must not make the wait longer than it ever is. */
	return f == NULL ? 0 : CLAMP(f->retry_after_timestamp - daemon_now(l->daemon), 0, BACKOFF_MOST_MS);
}

/* What it refers to is not there, or does not fit: it waits for that to change. */
static int
refuse_start(struct vm_look *l, struct error *err)
{
	const struct vm_spec *spec = l->vm->spec;
	const struct matcher *matchers[] = { spec->instancetype, spec->preference };

	for (size_t i = 0; i < G_N_ELEMENTS(matchers); i++) {
		const struct kind *kind = matchers[i] == NULL ? NULL : expand_kind(matchers[i], i == 1);

		if (kind != NULL && matchers[i]->name != NULL)
			controllers_await(l->daemon, l->object, kind_id(kind), kind->namespaced ? l->object->namespace : "", matchers[i]->name);
	}
	daemon_event(l->daemon, l->object, "Warning", "FailedCreate", "Error creating virtual machine instance: %s", err->text);
	note_failure(l, "FailedCreate", err->text);
	memset(err, 0, sizeof(*err));
	return 0;
}

static int
start_instance(struct vm_look *l, struct error *err)
{
	const struct state_change_request *request = first_request(l->status);
	bool paused = request != NULL && g_strcmp0(schema_map_get(&request->data, "paused"), "true") == 0;
	int64_t left = backoff_left(l);
	json_t *instance;

	if (left > 0) {
		controllers_requeue(l->daemon, l->object, left);
		return 0;
	}
	if (*l->wait != '\0')
		return 0;
	if (instancetypes_pin(l->daemon, l->object, l->status, err) != 0)
		return refuse_start(l, err);
	instance = instance_tree(l, paused, err);
	if (instance == NULL)
		return refuse_start(l, err);
	if (objects_create_tree(l->daemon, instance, l->object->namespace, err) == NULL) {
		daemon_event(l->daemon, l->object, "Warning", "FailedCreate", "Error creating virtual machine instance: %s", err->text);
		note_failure(l, "FailedCreate", err->text);
		return -1;
	}
	l->starting = true;
	condition_remove(&l->status->conditions, "RestartRequired");
	daemon_event(l->daemon, l->object, "Normal", "SuccessfulCreate",
	    "Started the virtual machine by creating the new virtual machine instance %s", l->object->name);
	return 0;
}

static int
stop_instance(struct vm_look *l, struct error *err)
{
	const struct delete_options options = { .grace_period_seconds = -1 };

	if (objects_delete(l->daemon, l->instance, &options, NULL, err) != 0) {
		daemon_event(l->daemon, l->object, "Warning", "FailedDelete", "Error deleting virtual machine instance %s: %s",
		    l->object->name, err->text);
		note_failure(l, "FailedDelete", err->text);
		return -1;
	}
	daemon_event(l->daemon, l->object, "Normal", "SuccessfulDelete",
	    "Stopped the virtual machine by deleting the virtual machine instance %s", l->instance->uid);
	return 0;
}

/* Strategies under which a failed start is tried again. */
static bool
starts_by_itself(const struct vm *vm)
{
	enum run_strategy strategy = vm_run_strategy(vm);

	return strategy == RUN_ALWAYS || strategy == RUN_RERUN_ON_FAILURE || strategy == RUN_ONCE;
}

/* Why the instance did not start, kept by the machine when the instance is gone. */
static void
tell_failed_start(struct vm_look *l)
{
	const struct condition *c = condition_find(&l->vmi->status->conditions, "Synchronized");
	const char *why = c == NULL || c->message == NULL ? "the instance ended before it ran" : c->message;

	note_failure(l, FAILED_START, why);
	daemon_event(l->daemon, l->object, "Warning", FAILED_START, "%s", why);
}

/* What went wrong last time is forgotten, but not why starts fail. */
static void
forget_failure(struct vm_look *l)
{
	const struct condition *c = condition_find(&l->status->conditions, "Failure");

	if (l->status->start_failure == NULL || c == NULL || g_strcmp0(c->reason, FAILED_START) != 0)
		condition_remove(&l->status->conditions, "Failure");
}

/* An instance that ended without ever having run counts; one that runs ends the counting. */
static void
count_failures(struct vm_look *l)
{
	struct start_failure **f = &l->status->start_failure;
	const struct schema *sub = NULL;
	int64_t n;

	schema_find(&vm_status_schema, "startFailure", &sub);
	if ((l->vmi != NULL && vmi_phase_was(l->vmi->status, VMI_RUNNING)) || !starts_by_itself(l->vm)) {
		schema_free(sub, *f);
		*f = NULL;
		return;
	}
	/* One that was deleted before it ran did not fail to start. */
	if (l->vmi == NULL || !vmi_is_final(l->vmi) || l->vmi->head.meta->deletion_timestamp != 0)
		return;
	if (*f == NULL)
		*f = schema_new(sub);
	if (g_strcmp0((*f)->last_failed_vmi_uid, l->instance->uid) == 0)
		return;
	n = ++(*f)->consecutive_fail_count;
	tell_failed_start(l);
	g_free((*f)->last_failed_vmi_uid);
	(*f)->last_failed_vmi_uid = g_strdup(l->instance->uid);
	(*f)->retry_after_timestamp = daemon_now(l->daemon) +
	    MIN(BACKOFF_FIRST_MS * n * n + g_random_int_range(0, BACKOFF_JITTER_MS), BACKOFF_MOST_MS);
}

/* The host can promise what the instance would then ask for beyond what it has. */
static bool
has_room(const struct vm_look *l, const struct host *host, const json_t *spec)
{
	struct vmi_spec *to = g_malloc0(vmi_spec_schema.size);
	int64_t cpu, memory, had_cpu, had_memory, used_cpu, used_memory, all_cpu, all_memory;
	struct diagnostics unused;

	diagnostics_init(&unused);
	schema_decode(&vmi_spec_schema, spec, NULL, "spec", to, &unused);
	diagnostics_clear(&unused);
	promises_requested(to, &cpu, &memory);
	schema_free(&vmi_spec_schema, to);
	promises_requested(l->vmi->spec, &had_cpu, &had_memory);
	promises_sum(controllers_promises(l->daemon), host->name, &used_cpu, &used_memory);
	grants_allocatable(l->daemon, host, &all_cpu, &all_memory);
	return (cpu <= had_cpu || used_cpu - had_cpu + cpu <= all_cpu) && (memory <= had_memory || used_memory - had_memory + memory <= all_memory);
}

/* What the host has no room for is not given, and given when there is. */
static void
hold_back(const struct vm_look *l, const json_t *running, struct live_update *update)
{
	static const char *const sizes[] = { "domain.cpu.sockets", "domain.memory.guest" };
	const struct host *host = host_find(l->daemon, l->vmi->status->node_name);

	if (!update->changes || host == NULL || has_room(l, host, update->spec))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
		if (path_find(running, sizes[i]) != NULL)
			path_set(update->spec, sizes[i], json_deep_copy(path_find(running, sizes[i])));
	update->changes = !json_equal(update->spec, running);
	g_ptr_array_add(update->restarts, g_strdup_printf("host %s has no room for a larger guest: it grows when there is room, or starts anew elsewhere", host->name));
	controllers_await_capacity(l->daemon, l->object);
}

/* The spec that the template now asks for, with its defaults, and what it means for the instance.  false: it cannot be told,
 * because what the machine refers to is not there or does not fit. */
static bool
plan_update(const struct vm_look *l, json_t **wanted, struct live_update *update)
{
	const struct memory_status *memory = l->vmi->status->memory;
	struct diagnostics diagnostics;
	struct error unused = { 0 };
	json_t *is;

	*wanted = instance_tree(l, l->vmi->spec->start_strategy == START_PAUSED, &unused);
	if (*wanted == NULL)
		return false;
	is = object_tree(l->instance);
	diagnostics_init(&diagnostics);
	presets_admit(l->daemon, *wanted, NULL, &diagnostics);
	diagnostics_clear(&diagnostics);
	live_update_keep_limits(json_object_get(*wanted, "spec"), json_object_get(is, "spec"));
	vmi_prepare(*wanted);
	live_update_plan(json_object_get(is, "spec"), json_object_get(*wanted, "spec"), memory == NULL ? 0 : memory->guest_at_boot, update);
	hold_back(l, json_object_get(is, "spec"), update);
	json_decref(is);
	return true;
}

/* The instance has the spec that the template now asks for. */
static bool
is_as_wanted(const struct vm_look *l)
{
	struct live_update update;
	json_t *wanted;
	bool same;

	if (!plan_update(l, &wanted, &update))
		return false;
	same = !update.changes && update.restarts->len == 0;
	live_update_clear(&update);
	json_decref(wanted);
	return same;
}

static void
request_start(struct vm_look *l)
{
	struct state_change_request *start = schema_list_add(&l->status->state_change_requests, request_schema());

	start->action = STATE_CHANGE_START;
}

/* An instance that still waits for its host or its disks has nothing to lose: a changed template replaces it.  (KubeVirt leaves it
 * waiting; but whoever mends a file expects it to count.) */
static bool
is_outdated_and_waiting(const struct vm_look *l)
{
	const char *made = l->vmi == NULL ? NULL : schema_map_get(&l->vmi->head.meta->annotations, VM_GENERATION);

	if (made == NULL || l->vmi->status->phase > VMI_PENDING || l->vmi->head.meta->deletion_timestamp != 0)
		return false;
	return g_ascii_strtoll(made, NULL, 10) != l->vm->head.meta->generation && !is_as_wanted(l);
}

static int
act(struct vm_look *l, struct error *err)
{
	const struct state_change_request *request = first_request(l->status);
	const struct vm_situation situation = { .strategy = vm_run_strategy(l->vm),
		.seen = (enum run_strategy)l->status->run_strategy,
		.request = request == NULL ? STATE_CHANGE_UNSET : (enum state_change)request->action,
		.exists = l->vmi != NULL, .deleting = l->vmi != NULL && l->vmi->head.meta->deletion_timestamp != 0,
		.phase = l->vmi == NULL ? VMI_UNSET : (enum vmi_phase)l->vmi->status->phase };
	enum vm_action action = vm_plan(&situation);

	if (action == VM_KEEP && is_outdated_and_waiting(l)) {
		if ((situation.strategy == RUN_MANUAL || situation.strategy == RUN_RERUN_ON_FAILURE) &&
		    l->status->state_change_requests.count == 0)
			request_start(l);
		return stop_instance(l, err);
	}
	/* What depends on a change of strategy or on a failure that is then gone must outlast this look. */
	if ((action == VM_STOP_AND_REQUEST || (action == VM_START && situation.strategy == RUN_RERUN_ON_FAILURE)) &&
	    l->status->state_change_requests.count == 0)
		request_start(l);
	if (action == VM_START)
		return start_instance(l, err);
	return action == VM_KEEP ? 0 : stop_instance(l, err);
}

/* --- status -------------------------------------------------------------------------------------------------------- */

/* printableStatus: the first line that holds (fact sheet, section 2.4). */
static const char *
printable_status(const struct vm_look *l, const struct disk_view *disks)
{
	const struct vmi *vmi = l->vmi;
	bool live = vmi != NULL && !vmi_is_final(vmi);
	bool wants = starts_by_itself(l->vm);
	const struct condition *scheduled = vmi == NULL ? NULL : condition_find(&vmi->status->conditions, "PodScheduled");
	const struct condition *sync = vmi == NULL ? NULL : condition_find(&vmi->status->conditions, "Synchronized");
	const struct {
		bool holds;
		const char *word;
	} lines[] = {
		{ l->vm->head.meta->deletion_timestamp != 0, "Terminating" },
		{ live && vmi->head.meta->deletion_timestamp != 0, "Stopping" },
		{ live && vmi->status->phase == VMI_RUNNING && condition_is_true(&vmi->status->conditions, "Paused"), "Paused" },
		{ live && vmi->status->phase == VMI_RUNNING, "Running" },
		{ sync != NULL && g_strcmp0(sync->reason, "FailedPvcNotFound") == 0, "ErrorPvcNotFound" },
		{ disks->failed, "DataVolumeError" },
		{ scheduled != NULL && g_strcmp0(scheduled->reason, "Unschedulable") == 0, "ErrorUnschedulable" },
		{ disks->provisioning, "Provisioning" },
		{ wants && disks->unbound, "WaitingForVolumeBinding" },
		{ sync != NULL && g_strcmp0(sync->reason, "ErrImagePull") == 0, "ErrImagePull" },
		{ live || l->starting, "Starting" },
		{ wants && l->status->start_failure != NULL && l->status->start_failure->consecutive_fail_count > 0, "CrashLoopBackOff" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
		if (lines[i].holds)
			return lines[i].word;
	return "Stopped";
}

/* The instance's own conditions are told by the machine, too; those that vanish there vanish here. */
static void
copy_conditions(struct vm_look *l)
{
	static const char *const own[] = { "Ready", "Failure", "RestartRequired", NULL };
	int64_t now = daemon_now(l->daemon);

	for (size_t i = l->status->conditions.count; i-- > 0;) {
		const struct condition *c = (const struct condition *)l->status->conditions.items + i;
		if (!g_strv_contains(own, c->type) && (l->vmi == NULL || condition_find(&l->vmi->status->conditions, c->type) == NULL))
			schema_list_remove(&l->status->conditions, &condition_schema, i);
	}
	if (l->vmi == NULL) {
		condition_set(&l->status->conditions, "Ready", false, "VMINotExists", "VMI does not exist", now);
		return;
	}
	if (condition_find(&l->vmi->status->conditions, "Ready") == NULL)
		condition_set(&l->status->conditions, "Ready", false, "VMIConditionMissing", "VMI is missing the Ready condition", now);
	SCHEMA_EACH (struct condition, c, &l->vmi->status->conditions)
		condition_set(&l->status->conditions, c->type, g_strcmp0(c->status, "True") == 0, c->reason, c->message, now);
}

static void
require_restart(struct vm_look *l, const char *why)
{
	condition_set(&l->status->conditions, "RestartRequired", true, NULL, why, daemon_now(l->daemon));
}

/* Labels and annotations of the template, and, when it has all that the machine now says, of which generation it is. */
static json_t *
metadata_patch(const struct vm_look *l, const json_t *wanted, bool whole)
{
	json_t *is = object_tree(l->instance), *patch = json_object();

	for (int i = 0; i < 2; i++) {
		static const char *const paths[] = { "metadata.labels", "metadata.annotations" };
		const char *name;
		json_t *value, *map = path_find(wanted, paths[i]);

		json_object_foreach (map, name, value)
			if ((whole || strcmp(name, VM_GENERATION) != 0) && !json_equal(value, json_object_get(path_find(is, paths[i]), name))) {
				if (path_find(patch, paths[i]) == NULL)
					path_set(patch, paths[i], json_object());
				json_object_set(path_find(patch, paths[i]), name, value);
			}
	}
	json_decref(is);
	return patch;
}

/* Writes into the instance what can change while it runs; its controller carries it out. */
static int
put_update(struct vm_look *l, const json_t *wanted, const struct live_update *update, struct error *err)
{
	json_t *patch = metadata_patch(l, wanted, update->restarts->len == 0), *is = object_tree(l->instance);
	int r = 0;

	if (update->changes)
		json_object_set_new(patch, "spec", patch_diff(json_object_get(is, "spec"), update->spec));
	if (json_object_size(patch) > 0 && objects_patch(l->daemon, l->instance, patch, err) == NULL)
		r = -1;
	json_decref(patch);
	json_decref(is);
	return r;
}

/* What the template says is taken over by an instance that runs as far as that can be, and needs a restart beyond that. */
static int
update_instance(struct vm_look *l, struct error *err)
{
	struct live_update update;
	json_t *wanted;
	int r;

	if (!plan_update(l, &wanted, &update)) {
		require_restart(l, "the instance cannot be compared with the template: what the machine refers to is missing or does not fit");
		return 0;
	}
	if (update.restarts->len > 0)
		require_restart(l, update.restarts->pdata[0]);
	else
		condition_remove(&l->status->conditions, "RestartRequired");
	r = put_update(l, wanted, &update, err);
	live_update_clear(&update);
	json_decref(wanted);
	return r;
}

/* What should have changed while the instance runs, and could not. */
static bool
tell_failed_update(struct vm_look *l)
{
	const struct condition *c = condition_find(&l->vmi->status->conditions, "Synchronized");

	if (c == NULL || g_strcmp0(c->reason, LIVE_FAILED) != 0)
		return false;
	require_restart(l, c->message);
	return true;
}

static int
check_restart(struct vm_look *l, struct error *err)
{
	const char *made = l->vmi == NULL ? NULL : schema_map_get(&l->vmi->head.meta->annotations, VM_GENERATION);
	int64_t generation = made == NULL ? 0 : g_ascii_strtoll(made, NULL, 10);
	bool runs = l->vmi != NULL && l->vmi->status->phase == VMI_RUNNING && l->vmi->head.meta->deletion_timestamp == 0;

	l->status->observed_generation = generation;
	l->status->desired_generation = l->vm->head.meta->generation;
	if (runs && generation != l->vm->head.meta->generation)
		return update_instance(l, err);
	if (!runs || !tell_failed_update(l))
		condition_remove(&l->status->conditions, "RestartRequired");
	return 0;
}

static int
put_status(struct vm_look *l, const struct disk_view *disks, struct error *err)
{
	const struct object *instance = store_get(l->daemon->store, KIND_VMI, l->object->namespace, l->object->name);
	int r;

	l->status->created = instance != NULL;
	copy_conditions(l);
	l->status->ready = condition_is_true(&l->status->conditions, "Ready");
	r = check_restart(l, err);
	memory_dump_follow(l->daemon, l->object, l->status, instance);
	g_free(l->status->printable_status);
	l->status->printable_status = g_strdup(printable_status(l, disks));
	l->status->run_strategy = (int)vm_run_strategy(l->vm);
	if (*l->wait != '\0' && l->vmi == NULL && disks->failed)
		note_failure(l, "DataVolumeError", l->wait);
	return objects_set_status(l->daemon, l->object, l->status, r == 0 ? err : NULL) != 0 ? -1 : r;
}

/* --- deletion ------------------------------------------------------------------------------------------------------ */

/* The instance first; then the machine may go, and what it owns follows. */
static int
finish(struct vm_look *l, struct error *err)
{
	if (l->instance != NULL)
		return l->vmi->head.meta->deletion_timestamp != 0 ? 0 : stop_instance(l, err);
	/* An instance that was orphaned runs on, with its address and its log. */
	if (store_get(l->daemon->store, KIND_VMI, l->object->namespace, l->object->name) == NULL) {
		addresses_release(l->daemon, l->object->namespace, l->object->name);
		vmi_log_remove(l->daemon, l->object->namespace, l->object->name);
	}
	return objects_set_finalizer(l->daemon, l->object, kinds[KIND_VM].finalizer, false, err);
}

/* An instance of the same name that another owner made is not ours. */
static bool
is_ours(const struct object *instance, const struct object *vm)
{
	const struct vmi *vmi = instance->value;

	SCHEMA_EACH (struct owner_reference, r, &vmi->head.meta->owner_references)
		if (strcmp(r->uid, vm->uid) == 0)
			return true;
	return false;
}

/* The machine waits until the name is free. */
static int
refuse_namesake(struct vm_look *l, struct error *err)
{
	controllers_await(l->daemon, l->object, KIND_VMI, l->object->namespace, l->object->name);
	note_failure(l, "FailedCreate", "an instance of this name exists that is not this machine's: delete or rename it");
	return objects_set_status(l->daemon, l->object, l->status, err);
}

static int
reconcile(struct vm_look *l, struct error *err)
{
	struct disk_view disks;
	int r = 0;

	l->instance = store_get(l->daemon->store, KIND_VMI, l->object->namespace, l->object->name);
	if (l->instance != NULL && !is_ours(l->instance, l->object)) {
		if (l->vm->head.meta->deletion_timestamp == 0)
			return refuse_namesake(l, err);
		l->instance = NULL;
	}
	l->vmi = l->instance == NULL ? NULL : l->instance->value;
	if (l->vm->head.meta->deletion_timestamp != 0)
		r = finish(l, err);
	if (l->vm->head.meta->deletion_timestamp != 0 && (r != 0 || l->instance == NULL))
		return r;
	if (l->vm->head.meta->deletion_timestamp == 0)
		r = ensure_data_volumes(l, err);
	disks = look_at_disks(l);
	if (l->vm->head.meta->deletion_timestamp == 0 && r == 0) {
		trim_requests(l);
		count_failures(l);
		forget_failure(l);
		r = act(l, err);
	} else if (r != 0) {
		note_failure(l, "FailedCreate", err->text);
	}
	return put_status(l, &disks, r == 0 ? err : NULL) != 0 && r == 0 ? -1 : r;
}

int
vm_reconcile(struct daemon *daemon, const struct object *object, struct error *err)
{
	struct vm_look l = { .daemon = daemon, .object = object, .vm = object->value };
	int r;

	l.status = objects_status_copy(object);
	r = reconcile(&l, err);
	schema_free(&vm_status_schema, l.status);
	return r;
}
