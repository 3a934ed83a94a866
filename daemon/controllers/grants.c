/* What hosts give to instances alone; see grants.h.  What is chosen of what is free: scheduler/grant.c. */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/grants.h"
#include "daemon/objects.h"
#include "scheduler/grant.h"
#include "src/base/cpuset.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/document/path.h"
#include "src/virt/host_verbs.h"

/* What one instance was given. */
struct held {
	char *host;
	struct grant *grant;
	bool lost; /* it is no object any more, although something of it may be on the host */
};

struct grants {
	GHashTable *by_uid;  /* struct held */
	GHashTable *devices; /* host -> json_t: what device-list told */
	GHashTable *shared;  /* host -> set that was told to its guests; "" is all */
};

static void
held_free(gpointer pointer)
{
	struct held *held = pointer;

	g_free(held->host);
	schema_free(&grant_schema, held->grant);
	g_free(held);
}

struct grants *
grants_new(void)
{
	struct grants *g = g_new(struct grants, 1);

	g->by_uid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, held_free);
	g->devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
	g->shared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return g;
}

void
grants_free(struct grants *g)
{
	if (g == NULL)
		return;
	g_hash_table_destroy(g->by_uid);
	g_hash_table_destroy(g->devices);
	g_hash_table_destroy(g->shared);
	g_free(g);
}

/* --- who has what -------------------------------------------------------------------------------------------------- */

static bool
is_given(const struct vmi *vmi)
{
	return vmi->status->grant != NULL && vmi->status->node_name != NULL && vmi->status->active_pods.count > 0;
}

bool
grants_note(struct grants *g, const struct object *object, bool deleted)
{
	const struct vmi *vmi = object->value;
	struct held *held = g_hash_table_lookup(g->by_uid, object->uid);

	if (held == NULL && !is_given(vmi))
		return false;
	if (held != NULL && deleted && is_given(vmi)) {
		held->lost = true;
		return false;
	}
	if (held != NULL && !deleted && is_given(vmi))
		return false; /* what was given once is never changed */
	g_hash_table_remove(g->by_uid, object->uid);
	if (deleted || !is_given(vmi))
		return true;
	held = g_new(struct held, 1);
	*held = (struct held){ g_strdup(vmi->status->node_name), schema_copy(&grant_schema, vmi->status->grant), false };
	g_hash_table_insert(g->by_uid, g_strdup(object->uid), held);
	return true;
}

void
grants_drop(struct grants *g, const char *uid)
{
	g_hash_table_remove(g->by_uid, uid);
}

static const struct host_domain *
domain_of(const struct host *host, const char *uid)
{
	const struct host_domain *domain;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, host->domains);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&domain))
		if (g_strcmp0(domain->uid, uid) == 0)
			return domain;
	return NULL;
}

/* Forgets what instances had whose object is gone, and now their domain, too. */
static gboolean
is_over(gpointer uid, gpointer value, gpointer user)
{
	const struct held *held = value;
	const struct host *host = user;

	return held->lost && strcmp(held->host, host->name) == 0 && host->state == HOST_READY &&
	    !host_domain_is_active(domain_of(host, uid));
}

static int64_t
number_of(const json_t *item, const char *name)
{
	const json_t *value = json_object_get(item, name);

	return json_is_string(value) ? g_ascii_strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

/* New; of a domain's metadata, where all are words. */
static struct grant *
grant_read(const json_t *uses)
{
	struct grant *grant = schema_new(&grant_schema);
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(uses, "cpus"), i, item) {
		struct granted_cpu *cpu = schema_list_add(&grant->cpus, &granted_cpu_schema);
		*cpu = (struct granted_cpu){ number_of(item, "id"), number_of(item, "node") };
	}
	json_array_foreach (json_object_get(uses, "devices"), i, item) {
		struct granted_device *device = schema_list_add(&grant->devices, &granted_device_schema);
		*device = (struct granted_device){ g_strdup(path_string(item, "name")), g_strdup(path_string(item, "bus")),
			g_strdup(path_string(item, "address")) };
	}
	return grant;
}

void
grants_adopt(struct vmi_status *status, const json_t *uses)
{
	schema_free(&grant_schema, status->grant);
	status->grant = grant_read(uses);
	if (status->grant->cpus.count > 0 || status->grant->devices.count > 0)
		return;
	schema_free(&grant_schema, status->grant);
	status->grant = NULL;
}

/* Calls for all that is given of a host. */
static void
each_grant(struct daemon *daemon, const struct host *host, void (*take)(void *arg, const struct grant *grant), void *arg)
{
	struct grants *g = controllers_grants(daemon);
	const struct host_domain *domain;
	const struct held *held;
	GHashTableIter iter;

	g_hash_table_foreach_remove(g->by_uid, is_over, (void *)(uintptr_t)host);
	g_hash_table_iter_init(&iter, g->by_uid);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&held))
		if (strcmp(held->host, host->name) == 0)
			take(arg, held->grant);
	g_hash_table_iter_init(&iter, host->domains);
	while (g_hash_table_iter_next(&iter, NULL, (void **)&domain)) {
		if (domain->uses == NULL || !host_domain_is_active(domain))
			continue;
		struct grant *grant = grant_read(domain->uses);
		take(arg, grant);
		schema_free(&grant_schema, grant);
	}
}

static void
take_cpus(void *arg, const struct grant *grant)
{
	SCHEMA_EACH (struct granted_cpu, cpu, &grant->cpus)
		cpuset_add(arg, cpu->id);
}

static struct cpuset
given_cpus(struct daemon *daemon, const struct host *host)
{
	struct cpuset given = { 0 };

	each_grant(daemon, host, take_cpus, &given);
	return given;
}

/* --- what a host has ------------------------------------------------------------------------------------------------ */

/* The first core, where there are several: something has to run what everybody shares. */
static void
reserve_first_core(const json_t *processors, struct cpuset *set)
{
	int64_t first = INT64_MAX;
	const json_t *cpu;
	bool several = false;
	size_t i;

	json_array_foreach (processors, i, cpu)
		first = MIN(first, number_of(cpu, "core"));
	json_array_foreach (processors, i, cpu)
		several = several || number_of(cpu, "core") != first;
	json_array_foreach (processors, i, cpu)
		if (several && number_of(cpu, "core") == first)
			cpuset_add(set, number_of(cpu, "id"));
}

static struct cpuset
reserved_cpus(struct daemon *daemon, const struct host *host)
{
	struct cpuset set = { 0 };
	const char *text = NULL;
	struct error unused;

	SCHEMA_EACH (struct config_host, config, &daemon->config->hosts)
		if (strcmp(config->name, host->name) == 0)
			text = config->reserved_system_cpus;
	if (text == NULL)
		reserve_first_core(json_object_get(host->facts, "processors"), &set);
	else
		cpuset_parse(text, &set, &unused); /* was checked when the configuration was read */
	return set;
}

/* struct grant_cpu: those that instances may have for themselves.  g_array_unref(). */
static GArray *
cpus_of(struct daemon *daemon, const struct host *host)
{
	struct cpuset given = given_cpus(daemon, host), reserved = reserved_cpus(daemon, host);
	GArray *cpus = g_array_new(FALSE, TRUE, sizeof(struct grant_cpu));
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(host->facts, "processors"), i, item) {
		int id = (int)number_of(item, "id");
		struct grant_cpu cpu = { id, (int)number_of(item, "node"), (int)number_of(item, "core"), cpuset_has(&given, id) };

		if (!cpuset_has(&reserved, id))
			g_array_append_val(cpus, cpu);
	}
	return cpus;
}

/* Addresses with "+" between them have one in common. */
static bool
overlap(const char *a, const char *b)
{
	g_auto(GStrv) left = g_strsplit(a == NULL ? "" : a, "+", -1), right = g_strsplit(b == NULL ? "" : b, "+", -1);

	for (size_t i = 0; left[i] != NULL; i++)
		if (g_strv_contains((const char *const *)right, left[i]))
			return true;
	return false;
}

static void
take_devices(void *arg, const struct grant *grant)
{
	GArray *devices = arg;

	for (guint i = 0; i < devices->len; i++) {
		struct grant_device *device = &g_array_index(devices, struct grant_device, i);
		SCHEMA_EACH (struct granted_device, given, &grant->devices)
			device->taken = device->taken || overlap(device->address, given->address);
	}
}

static const json_t *
device_list(struct daemon *daemon, const struct host *host)
{
	return json_object_get(g_hash_table_lookup(controllers_grants(daemon)->devices, host->name), "devices");
}

/* struct grant_device, as device_list() has them; its words are borrowed.  g_array_unref(). */
static GArray *
devices_of(struct daemon *daemon, const struct host *host)
{
	GArray *devices = g_array_new(FALSE, TRUE, sizeof(struct grant_device));
	const json_t *item;
	size_t i;

	json_array_foreach (device_list(daemon, host), i, item) {
		const json_t *node = json_object_get(item, "node");
		struct grant_device device = { path_string(item, "resource"), path_string(item, "address"), path_string(item, "group"),
			node == NULL ? -1 : (int)json_integer_value(node), false };
		g_array_append_val(devices, device);
	}
	each_grant(daemon, host, take_devices, devices);
	return devices;
}

/* --- numbers for the scheduler -------------------------------------------------------------------------------------- */

void
grants_allocatable(struct daemon *daemon, const struct host *host, int64_t *cpu, int64_t *memory)
{
	struct cpuset given = given_cpus(daemon, host);

	host_allocatable(host, cpu, memory);
	*cpu -= (int64_t)cpuset_count(&given) * daemon->config->overcommit->cpu;
}

/* A processor that is given away carries no virtual ones of others any more: no more are given than those leave. */
void
grants_whole(struct daemon *daemon, const struct host *host, int64_t cpu_used, int64_t *all, int64_t *free)
{
	g_autoptr(GArray) cpus = cpus_of(daemon, host);
	int64_t cpu, memory;

	grants_allocatable(daemon, host, &cpu, &memory);
	*all = cpus->len;
	*free = MIN((int64_t)grant_cpus_free((void *)cpus->data, cpus->len), MAX(cpu - cpu_used, 0) / daemon->config->overcommit->cpu);
}

static void
add_resource(GArray *resources, const char *name, int64_t amount, int64_t free)
{
	for (guint i = 0; i < resources->len; i++) {
		struct scheduler_resource *r = &g_array_index(resources, struct scheduler_resource, i);
		if (strcmp(r->name, name) != 0)
			continue;
		r->amount += amount;
		r->free += free;
		return;
	}
	struct scheduler_resource new = { name, amount, free };
	g_array_append_val(resources, new);
}

static struct scheduler_resource *
take_resources(GArray *resources, size_t *count)
{
	*count = resources->len;
	return (void *)g_array_free(resources, FALSE);
}

struct scheduler_resource *
grants_wanted(const struct vmi *vmi, size_t *count)
{
	GArray *resources = g_array_new(TRUE, TRUE, sizeof(struct scheduler_resource));
	const struct devices *d = vmi->spec->domain->devices;

	SCHEMA_EACH (struct host_device, gpu, &d->gpus)
		add_resource(resources, gpu->device_name == NULL ? "" : gpu->device_name, 1, 0);
	SCHEMA_EACH (struct host_device, device, &d->host_devices)
		add_resource(resources, device->device_name == NULL ? "" : device->device_name, 1, 0);
	return take_resources(resources, count);
}

struct scheduler_resource *
grants_offered(struct daemon *daemon, const struct host *host, size_t *count)
{
	GArray *resources = g_array_new(TRUE, TRUE, sizeof(struct scheduler_resource));
	g_autoptr(GArray) devices = devices_of(daemon, host);

	for (guint i = 0; i < devices->len; i++) {
		const struct grant_device *device = &g_array_index(devices, struct grant_device, i);
		size_t all, free = grant_devices_free((void *)devices->data, devices->len, device->resource, &all);

		add_resource(resources, device->resource, 0, 0);
		struct scheduler_resource *r = &g_array_index(resources, struct scheduler_resource, resources->len - 1);
		if (strcmp(r->name, device->resource) == 0)
			*r = (struct scheduler_resource){ device->resource, (int64_t)all, (int64_t)free };
	}
	return take_resources(resources, count);
}

/* --- choosing ------------------------------------------------------------------------------------------------------- */

/* A choice under way. */
struct choosing {
	struct daemon *daemon;
	const struct host *host;
	struct grant *grant;
	GArray *nodes;   /* int: of the processors that were chosen */
	GArray *devices; /* struct grant_device of the host */
};

static int
choose_cpus(struct choosing *c, size_t wanted, struct error *err)
{
	g_autoptr(GArray) cpus = cpus_of(c->daemon, c->host);
	g_autofree size_t *chosen = g_new(size_t, wanted + 1);

	if (!grant_cpus_choose((void *)cpus->data, cpus->len, wanted, chosen))
		return error_set(err, EAGAIN, "host %s has too few processors free", c->host->name);
	for (size_t i = 0; i < wanted; i++) {
		const struct grant_cpu *cpu = &g_array_index(cpus, struct grant_cpu, chosen[i]);
		struct granted_cpu *given = schema_list_add(&c->grant->cpus, &granted_cpu_schema);

		*given = (struct granted_cpu){ cpu->id, cpu->node };
		g_array_append_val(c->nodes, cpu->node);
	}
	return 0;
}

/* What the instance itself has does not keep it from another function of the same card. */
static void
mark_own(struct choosing *c, const char *address)
{
	for (guint i = 0; i < c->devices->len; i++) {
		struct grant_device *device = &g_array_index(c->devices, struct grant_device, i);
		if (!overlap(device->address, address))
			continue;
		device->taken = true;
		device->group = NULL;
	}
}

static int
choose_devices(struct choosing *c, const struct schema_list *wanted, struct error *err)
{
	SCHEMA_EACH (struct host_device, want, wanted) {
		const char *resource = want->device_name == NULL ? "" : want->device_name;
		int at = grant_device_choose((void *)c->devices->data, c->devices->len, resource, (void *)c->nodes->data, c->nodes->len);
		struct granted_device *given;
		const json_t *item;

		if (at < 0)
			return error_set(err, EAGAIN, "host %s has no free device %s", c->host->name, resource);
		item = json_array_get(device_list(c->daemon, c->host), (size_t)at);
		given = schema_list_add(&c->grant->devices, &granted_device_schema);
		*given = (struct granted_device){ g_strdup(want->name), g_strdup(path_string(item, "bus")),
			g_strdup(path_string(item, "address")) };
		mark_own(c, given->address);
	}
	return 0;
}

int
grants_choose(struct daemon *daemon, const struct host *host, const struct vmi *vmi, struct vmi_status *status,
    struct error *err)
{
	const struct devices *d = vmi->spec->domain->devices;
	struct choosing c = { daemon, host, schema_new(&grant_schema), g_array_new(FALSE, TRUE, sizeof(int)), devices_of(daemon, host) };
	int r = choose_cpus(&c, domain_pins(vmi), err);

	if (r == 0)
		r = choose_devices(&c, &d->gpus, err);
	if (r == 0)
		r = choose_devices(&c, &d->host_devices, err);
	g_array_unref(c.nodes);
	g_array_unref(c.devices);
	schema_free(&grant_schema, status->grant);
	status->grant = NULL;
	if (r == 0 && (c.grant->cpus.count > 0 || c.grant->devices.count > 0))
		status->grant = c.grant;
	else
		schema_free(&grant_schema, c.grant);
	return r;
}

/* --- the domain ------------------------------------------------------------------------------------------------------ */

/* Where guests may run that have no processors for themselves; "" is everywhere.  g_free(). */
static char *
shared_cpus(struct daemon *daemon, const struct host *host)
{
	struct cpuset given = given_cpus(daemon, host), shared = { 0 };
	const json_t *cpu;
	size_t i;

	if (cpuset_count(&given) == 0)
		return g_strdup("");
	json_array_foreach (json_object_get(host->facts, "processors"), i, cpu)
		if (!cpuset_has(&given, number_of(cpu, "id")))
			cpuset_add(&shared, number_of(cpu, "id"));
	return cpuset_format(&shared);
}

/* QEMU's own threads stay on the processors of their guest, as a container would keep them. */
static char *
own_cpus(const struct grant *grant)
{
	struct cpuset own = { 0 };

	take_cpus(&own, grant);
	return cpuset_format(&own);
}

static struct domain_host_device
place_device(const struct granted_device *given)
{
	bool mdev = g_strcmp0(given->bus, "mdev") == 0, usb = g_strcmp0(given->bus, "usb") == 0;

	return (struct domain_host_device){ .name = given->name, .mdev = mdev ? given->address : NULL,
		.usb = usb ? given->address : NULL, .address = mdev || usb ? NULL : given->address };
}

void
grants_fill(struct daemon *daemon, const struct host *host, const struct vmi *vmi, struct grants_input *places,
    struct domain_input *input)
{
	static const struct grant none;
	const struct grant *grant = vmi->status->grant == NULL ? &none : vmi->status->grant;

	places->pins = g_new0(struct domain_pin, grant->cpus.count + 1);
	places->devices = g_new0(struct domain_host_device, grant->devices.count + 1);
	SCHEMA_EACH (struct granted_cpu, cpu, &grant->cpus)
		places->pins[input->pin_count++] = (struct domain_pin){ (int)cpu->id, (int)cpu->node };
	SCHEMA_EACH (struct granted_device, device, &grant->devices)
		places->devices[input->host_device_count++] = place_device(device);
	places->cpuset = grant->cpus.count > 0 ? own_cpus(grant) : shared_cpus(daemon, host);
	input->pins = places->pins;
	input->host_devices = places->devices;
	input->cpuset = *places->cpuset == '\0' ? NULL : places->cpuset;
}

void
grants_input_clear(struct grants_input *places)
{
	g_free(places->pins);
	g_free(places->devices);
	g_free(places->cpuset);
	*places = (struct grants_input){ 0 };
}

/* --- the host -------------------------------------------------------------------------------------------------------- */

/* A question to a host. */
struct asking {
	struct daemon *daemon;
	char *host, *told;
};

static struct asking *
asking_new(struct daemon *daemon, const struct host *host, const char *told)
{
	struct asking *a = g_new(struct asking, 1);

	*a = (struct asking){ daemon, g_strdup(host->name), g_strdup(told) };
	return a;
}

static void
asking_free(struct asking *a)
{
	g_free(a->host);
	g_free(a->told);
	g_free(a);
}

static void
on_shared(void *arg, json_t *result, const struct error *error)
{
	struct asking *a = arg;
	struct host *host = host_find(a->daemon, a->host);

	(void)result;
	if (error == NULL && a->daemon->controllers != NULL)
		g_hash_table_replace(controllers_grants(a->daemon)->shared, g_strdup(a->host), g_strdup(a->told));
	else if (error != NULL && error->code != EHOSTDOWN && error->code != ECANCELED)
		log_warning("guests of host %s cannot be kept off processors that others have for themselves: %s", a->host, error->text);
	if (error != NULL && host != NULL)
		host_sync_again(host);
	asking_free(a);
}

/* Guests come, are plugged processors in, and may have been started while others were given theirs: told again each time. */
static void
share(struct daemon *daemon, struct host *host, bool all)
{
	g_autofree char *shared = shared_cpus(daemon, host);
	const char *told = g_hash_table_lookup(controllers_grants(daemon)->shared, host->name);

	/* What was told to no guest but the first of all holds for those that come later by their own XML. */
	if (g_strcmp0(shared, told) == 0 && (!all || *shared == '\0'))
		return;
	host_call(host, "cpus-share", json_pack("{s:s}", "cpus", shared), -1, HOST_DEADLINE_ACTION, on_shared,
	    asking_new(daemon, host, shared));
}

/* Told once, and again when it has changed. */
static void
tell_problems(struct daemon *daemon, const struct host *host, const json_t *problems, const json_t *told)
{
	const struct object *node = store_get(daemon->store, KIND_NODE, "", host->name);
	const json_t *problem;
	size_t i;

	if (json_equal(problems, told))
		return;
	json_array_foreach (problems, i, problem) {
		log_warning("host %s: %s", host->name, json_string_value(problem));
		if (node != NULL)
			daemon_event(daemon, node, "Warning", "DeviceNotUsable", "%s", json_string_value(problem));
	}
}

/* A host that cannot tell any more keeps what it told. */
static json_t *
without_answer(const json_t *old, const struct error *error)
{
	const json_t *devices = json_object_get(old, "devices");
	g_autofree char *why = g_strdup_printf("its devices cannot be told: %s", error->text);

	return json_pack("{s:o,s:[s]}", "devices", devices == NULL ? json_array() : json_deep_copy(devices), "problems", why);
}

static void
take_devices_of(struct daemon *daemon, const struct host *host, json_t *result, const struct error *error)
{
	GHashTable *devices = controllers_grants(daemon)->devices;
	const json_t *old = g_hash_table_lookup(devices, host->name);
	json_t *new = error != NULL ? without_answer(old, error) : json_deep_copy(result);
	bool same = json_equal(json_object_get(new, "devices"), json_object_get(old, "devices"));

	tell_problems(daemon, host, json_object_get(new, "problems"), json_object_get(old, "problems"));
	g_hash_table_replace(devices, g_strdup(host->name), new);
	if (!same)
		controllers_capacity_changed(daemon);
}

static void
on_devices(void *arg, json_t *result, const struct error *error)
{
	struct asking *a = arg;
	const struct host *host = host_find(a->daemon, a->host);

	if (host != NULL && a->daemon->controllers != NULL &&
	    (error == NULL || (error->code != EHOSTDOWN && error->code != ECANCELED)))
		take_devices_of(a->daemon, host, result, error);
	asking_free(a);
}

static void
look_for_devices(struct daemon *daemon, struct host *host)
{
	const struct permitted_devices *permitted = daemon->config->permitted;

	if (permitted == NULL) {
		g_hash_table_remove(controllers_grants(daemon)->devices, host->name);
		return;
	}
	host_call(host, "device-list", json_pack("{s:o}", "permitted", schema_encode(&permitted_devices_schema, permitted)), -1,
	    HOST_DEADLINE_QUERY, on_devices, asking_new(daemon, host, NULL));
}

void
grants_sync(struct daemon *daemon, struct host *host, bool all)
{
	if (host->state != HOST_READY)
		return;
	share(daemon, host, all);
	if (all)
		look_for_devices(daemon, host);
}
