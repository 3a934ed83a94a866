/* Live updates; see live_update.h.  The rules are those of the fact sheet, section 2.7. */
#include "config.h"

#include <string.h>

#include "src/api/domain.h"
#include "src/api/live_update.h"
#include "src/document/path.h"

/* What virtio-mem adds at once, and the least memory of a guest that may grow. */
#define BLOCK (INT64_C(2) << 20)
#define GIBIBYTE (INT64_C(1) << 30)

#define INTERFACES "domain.devices.interfaces"

/* One look at two specs. */
struct comparison {
	const json_t *running, *wanted;
	struct vmi_spec *is, *to; /* the same, decoded */
	int64_t boot_memory;
	json_t *next; /* the outcome under way */
	GPtrArray *restarts;
};

/* --- trees ---------------------------------------------------------------------------------------------------------- */

static struct vmi_spec *
decode(const json_t *spec)
{
	struct vmi_spec *value = g_malloc0(vmi_spec_schema.size);
	struct diagnostics unused; /* who took the spec in has told them */

	diagnostics_init(&unused);
	schema_decode(&vmi_spec_schema, spec, NULL, "spec", value, &unused);
	diagnostics_clear(&unused);
	return value;
}

/* The same spec always in the same words: "1024Mi" is "1Gi", and what is ignored is not there. */
static json_t *
canonical(const json_t *spec)
{
	struct vmi_spec *value = decode(spec);
	json_t *tree = schema_encode(&vmi_spec_schema, value);

	schema_free(&vmi_spec_schema, value);
	return tree;
}

static json_t *
list_at(const json_t *spec, const char *path)
{
	return path_find(spec, path);
}

static const char *
name_of(const json_t *item)
{
	return json_string_value(json_object_get(item, "name"));
}

static json_t *
named(const json_t *list, const char *name)
{
	json_t *item, *found = NULL;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, item)
		if (g_strcmp0(name_of(item), name) == 0)
			found = item;
	return found;
}

static void
remove_named(json_t *list, const char *name)
{
	for (size_t i = json_array_size(list); i-- > 0;)
		if (g_strcmp0(name_of(json_array_get(list, i)), name) == 0)
			json_array_remove(list, i);
}

/* The list at a path, made when it is not there. */
static json_t *
ensure_list(json_t *spec, const char *path)
{
	if (!json_is_array(path_find(spec, path)))
		path_set(spec, path, json_array());
	return path_find(spec, path);
}

/* Takes a member over, or away. */
static void
take_over(json_t *under, const char *path, const json_t *from)
{
	json_t *value = path_find(from, path);

	if (value == NULL)
		path_remove(under, path);
	else
		path_set(under, path, json_deep_copy(value));
}

static bool
is_same_order(const json_t *a, const json_t *b)
{
	ssize_t last = -1;
	json_t *item, *other;
	size_t i, j;

	json_array_foreach ((json_t *)(uintptr_t)a, i, item)
		json_array_foreach ((json_t *)(uintptr_t)b, j, other)
			if (g_strcmp0(name_of(item), name_of(other)) == 0) {
				if ((ssize_t)j < last)
					return false;
				last = (ssize_t)j;
			}
	return true;
}

/* The template's order, unless it puts what was there before in another one: that is another machine. */
static void
arrange(struct comparison *c, const char *path)
{
	json_t *list = list_at(c->next, path), *wanted = list_at(c->wanted, path), *arranged, *item;
	size_t i;

	if (list == NULL)
		return;
	json_array_foreach (list, i, item)
		if (named(wanted, name_of(item)) == NULL)
			return;
	if (!is_same_order(list_at(c->running, path), wanted))
		return;
	arranged = json_array();
	json_array_foreach (wanted, i, item)
		if (named(list, name_of(item)) != NULL)
			json_array_append(arranged, named(list, name_of(item)));
	path_set(c->next, path, arranged);
}

static void
restart(struct comparison *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
restart(struct comparison *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_ptr_array_add(c->restarts, g_strdup_vprintf(format, ap));
	va_end(ap);
}

/* --- where it may run, network cards -------------------------------------------------------------------------------- */

/* They count when a host is chosen the next time. */
static void
update_placement(struct comparison *c)
{
	static const char *const members[] = { "nodeSelector", "affinity", "tolerations" };

	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		take_over(c->next, members[i], c->wanted);
}

static bool
is_link_state(const json_t *interface)
{
	const char *state = path_string(interface, "state");

	return state == NULL || *state == '\0' || strcmp(state, "up") == 0 || strcmp(state, "down") == 0;
}

static bool
is_absent(const json_t *interface)
{
	return g_strcmp0(path_string(interface, "state"), "absent") == 0;
}

/* A card that may come and go: not the one on the default network, and no part of a card of the host's. */
static bool
is_pluggable(const struct vmi_spec *spec, const char *name)
{
	const struct interface *i = vmi_interface(spec, name);
	const struct network *network = i == NULL ? NULL : vmi_network(spec, name);

	return network != NULL && network->multus != NULL && !network->multus->is_default && i->sriov == NULL;
}

/* The card with its network as the template has them; appended when it is not there yet. */
static void
put_card(struct comparison *c, const char *name)
{
	static const char *const paths[] = { INTERFACES, "networks" };

	for (size_t p = 0; p < G_N_ELEMENTS(paths); p++) {
		json_t *list = ensure_list(c->next, paths[p]), *wanted = named(list_at(c->wanted, paths[p]), name), *item;
		size_t i;

		json_array_foreach (list, i, item)
			if (g_strcmp0(name_of(item), name) == 0)
				break;
		if (i < json_array_size(list))
			json_array_set_new(list, i, json_deep_copy(wanted));
		else
			json_array_append_new(list, json_deep_copy(wanted));
	}
}

/* A card that the instance has: its link may go down, it may go and come back; one that has gone may be forgotten. */
static void
update_card(struct comparison *c, json_t *interface, const char *name)
{
	const json_t *other = named(list_at(c->wanted, INTERFACES), name);

	if (other == NULL && is_absent(interface)) {
		remove_named(list_at(c->next, INTERFACES), name);
		remove_named(list_at(c->next, "networks"), name);
	} else if (other != NULL && is_absent(interface) && is_pluggable(c->to, name)) {
		put_card(c, name);
	} else if (other != NULL && ((is_link_state(interface) && is_link_state(other)) || (is_absent(other) && is_pluggable(c->is, name)))) {
		take_over(interface, "state", other);
	}
}

static void
update_cards(struct comparison *c)
{
	const json_t *running = list_at(c->running, INTERFACES), *wanted = list_at(c->wanted, INTERFACES);
	json_t *interface;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)running, i, interface)
		update_card(c, named(list_at(c->next, INTERFACES), name_of(interface)), name_of(interface));
	json_array_foreach ((json_t *)(uintptr_t)wanted, i, interface)
		if (named(running, name_of(interface)) == NULL && is_pluggable(c->to, name_of(interface)))
			put_card(c, name_of(interface));
	arrange(c, INTERFACES);
	arrange(c, "networks");
}

/* --- disks ---------------------------------------------------------------------------------------------------------- */

bool
volume_is_hotpluggable(const struct volume *v)
{
	if (v->persistent_volume_claim != NULL)
		return v->persistent_volume_claim->hotpluggable;
	return v->data_volume != NULL && v->data_volume->hotpluggable;
}

char *
disk_hotplug_refusal(const struct disk *disk)
{
	int bus = disk->lun != NULL ? disk->lun->bus : disk->disk != NULL ? disk->disk->bus : DISK_BUS_UNSET;

	if (disk->cdrom != NULL)
		return g_strdup_printf("a CD-ROM drive cannot be plugged in, only its medium can change: %s", disk->name);
	if (disk->lun != NULL && bus != DISK_BUS_SCSI)
		return g_strdup_printf("Hotplug configuration for LUN [%s] requires bus to be 'scsi'", disk->name);
	if (bus != DISK_BUS_SCSI && bus != DISK_BUS_VIRTIO)
		return g_strdup_printf("Hotplug configuration for disk [%s] requires bus to be 'scsi' or 'virtio'. [%s] is not permitted.",
		    disk->name, bus == DISK_BUS_UNSET ? "sata" : disk_bus_words[bus]);
	if (disk->dedicated_io_thread == TRISTATE_TRUE && bus != DISK_BUS_VIRTIO)
		return g_strdup_printf("Hotplug configuration for [%s] requires virtio bus for IOThreads.", disk->name);
	return NULL;
}

static const struct disk *
find_disk(const struct vmi_spec *spec, const char *name)
{
	SCHEMA_EACH (struct disk, d, &spec->domain->devices->disks)
		if (g_strcmp0(d->name, name) == 0)
			return d;
	return NULL;
}

/* What a memory dump is written to is no disk of the guest's. */
static bool
may_come_and_go(const struct vmi_spec *spec, const char *name)
{
	const struct volume *v = vmi_volume(spec, name);

	return v != NULL && (v->memory_dump != NULL || volume_is_hotpluggable(v));
}

/* A drive whose medium may change; it may be empty. */
static bool
is_drive(const struct vmi_spec *spec, const char *name)
{
	const struct disk *d = find_disk(spec, name);

	return d != NULL && d->cdrom != NULL;
}

/* A drive stays when its medium goes. */
static void
plug_out(struct comparison *c, const char *name)
{
	remove_named(list_at(c->next, "volumes"), name);
	if (find_disk(c->to, name) == NULL && !is_drive(c->is, name))
		remove_named(list_at(c->next, "domain.devices.disks"), name);
}

static void
plug_in(struct comparison *c, const json_t *volume)
{
	const char *name = name_of(volume);
	const struct disk *disk = find_disk(c->to, name);
	g_autofree char *refusal = NULL;

	if (disk == NULL && vmi_volume(c->to, name)->memory_dump == NULL)
		return;
	if (disk != NULL && find_disk(c->is, name) == NULL) {
		refusal = disk_hotplug_refusal(disk);
		if (refusal != NULL) {
			restart(c, "%s", refusal);
			return;
		}
		json_array_append_new(ensure_list(c->next, "domain.devices.disks"),
		    json_deep_copy(named(list_at(c->wanted, "domain.devices.disks"), name)));
	}
	json_array_append_new(ensure_list(c->next, "volumes"), json_deep_copy(volume));
}

/* Another source under the same name: out, then in. */
static void
swap_sources(struct comparison *c)
{
	json_t *volumes = list_at(c->next, "volumes"), *volume;
	size_t i;

	json_array_foreach (volumes, i, volume) {
		const char *name = name_of(volume);
		json_t *other = named(list_at(c->wanted, "volumes"), name);

		if (other != NULL && may_come_and_go(c->is, name) && may_come_and_go(c->to, name))
			json_array_set_new(volumes, i, json_deep_copy(other));
	}
}

static void
update_disks(struct comparison *c)
{
	const json_t *running = list_at(c->running, "volumes"), *wanted = list_at(c->wanted, "volumes");
	json_t *volume;
	size_t i;

	swap_sources(c);
	json_array_foreach ((json_t *)(uintptr_t)running, i, volume)
		if (named(wanted, name_of(volume)) == NULL && may_come_and_go(c->is, name_of(volume)))
			plug_out(c, name_of(volume));
	json_array_foreach ((json_t *)(uintptr_t)wanted, i, volume)
		if (named(running, name_of(volume)) == NULL && may_come_and_go(c->to, name_of(volume)))
			plug_in(c, volume);
	arrange(c, "volumes");
	arrange(c, "domain.devices.disks");
}

/* --- processors, memory --------------------------------------------------------------------------------------------- */

static void
update_sockets(struct comparison *c)
{
	const struct cpu *is = c->is->domain->cpu, *to = c->to->domain->cpu;

	if (is == NULL || to == NULL || is->sockets == to->sockets)
		return;
	if (g_strcmp0(c->is->architecture, "arm64") == 0)
		restart(c, "ARM doesn't support CPU hotplug");
	else if (to->sockets < is->sockets)
		restart(c, "Reduction of CPU socket count requires a restart");
	else if (to->sockets > is->max_sockets)
		restart(c, "CPU sockets updated in template spec to a value higher than what's available");
	else if (is->dedicated_cpu_placement)
		restart(c, "CPU sockets updated in template spec, and processors of the host are given to a machine when it starts");
	else
		take_over(c->next, "domain.cpu.sockets", c->wanted);
}

static bool
is_mapped(const struct cpu *cpu)
{
	return cpu != NULL && cpu->numa != NULL && cpu->numa->guest_mapping_passthrough != NULL;
}

/* Why memory of this machine cannot change while it runs, or NULL; the order is KubeVirt's. */
static const char *
memory_refusal(const struct comparison *c)
{
	const struct domain *d = c->is->domain;
	int64_t guest = c->to->domain->memory->guest, most = d->memory->max_guest;
	int64_t block = d->memory->hugepages != NULL && d->memory->hugepages->page_size == GIBIBYTE ? GIBIBYTE : BLOCK;
	const struct {
		bool holds;
		const char *why;
	} rules[] = {
		{ d->cpu != NULL && d->cpu->realtime != NULL, "Memory hotplug is not compatible with realtime VMs" },
		{ is_mapped(d->cpu), "Memory hotplug is not compatible with guest mapping passthrough" },
		{ d->launch_security != NULL, "Memory hotplug is not compatible with encrypted VMs" },
		{ guest % block != 0 || most % block != 0, "guest and maxGuest must be multiples of 2Mi, with huge pages of 1Gi of 1Gi" },
		{ c->is->architecture != NULL && strcmp(c->is->architecture, "amd64") != 0,
		    "Memory hotplug is only available for x86_64 VMs" },
		{ c->boot_memory < GIBIBYTE, "Memory hotplug is only available for VMs with at least 1Gi of guest memory" },
		{ d->devices->disable_hotplug, "its devices are not prepared for it (disableHotplug)" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if (rules[i].holds)
			return rules[i].why;
	return NULL;
}

static void
update_memory(struct comparison *c)
{
	const struct memory *is = c->is->domain->memory, *to = c->to->domain->memory;
	const char *why;

	if (is == NULL || to == NULL || is->guest == to->guest)
		return;
	if (to->guest < c->boot_memory)
		restart(c, "memory updated in template spec to a value lower than what the VM started with");
	else if (is->max_guest == 0)
		restart(c, "memory updated in template spec. Memory-hotplug is not available for this VM configuration");
	else if (to->guest > is->max_guest)
		restart(c, "memory updated in template spec to a value higher than what's available");
	else if ((why = memory_refusal(c)) != NULL)
		restart(c, "memory hotplug not supported, %s", why);
	else
		take_over(c->next, "domain.memory.guest", c->wanted);
}

/* --- the rest ------------------------------------------------------------------------------------------------------- */

/* Where two trees first differ; false when they do not. */
static bool
find_difference(const json_t *a, const json_t *b, GString *path)
{
	size_t length = path->len;
	const char *name;
	json_t *value;

	if (json_equal(a, b))
		return false;
	for (int turn = 0; turn < 2 && json_is_object(a) && json_is_object(b); turn++)
		json_object_foreach ((json_t *)(uintptr_t)(turn == 0 ? a : b), name, value) {
			path_member(path, name);
			if (find_difference(json_object_get(a, name), json_object_get(b, name), path))
				return true;
			g_string_truncate(path, length);
		}
	for (size_t i = 0; json_is_array(a) && json_is_array(b) && i < MAX(json_array_size(a), json_array_size(b)); i++) {
		path_index(path, i);
		if (find_difference(json_array_get(a, i), json_array_get(b, i), path))
			return true;
		g_string_truncate(path, length);
	}
	return true;
}

/* What remains different, but for processors and memory when they are looked at by themselves. */
static bool
differs(const struct comparison *c, bool but_size, GString *path)
{
	static const char *const sizes[] = { "domain.cpu.sockets", "domain.cpu.maxSockets", "domain.memory.guest",
		"domain.memory.maxGuest" };
	json_t *next = canonical(c->next), *wanted = canonical(c->wanted);
	bool found;

	for (size_t i = 0; but_size && i < G_N_ELEMENTS(sizes); i++) {
		/* Limits that the instance has do not change. */
		if (i % 2 == 0 || path_find(next, sizes[i]) == NULL)
			take_over(next, sizes[i], wanted);
	}
	found = find_difference(next, wanted, path);
	json_decref(next);
	json_decref(wanted);
	return found;
}

static void
update_rest(struct comparison *c)
{
	g_autoptr(GString) path = g_string_new(NULL);

	if (c->restarts->len == 0 && differs(c, true, path))
		restart(c, "a non-live-updatable field was changed in the template spec: %s", path->str);
	if (c->restarts->len == 0) {
		update_sockets(c);
		update_memory(c);
	}
	g_string_truncate(path, 0);
	if (c->restarts->len == 0 && differs(c, false, path))
		restart(c, "a non-live-updatable field was changed in the template spec: %s", path->str);
}

void
live_update_keep_limits(json_t *wanted, const json_t *running)
{
	static const char *const limits[] = { "domain.cpu.maxSockets", "domain.memory.maxGuest" };

	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
		if (path_find(wanted, limits[i]) == NULL && path_find(running, limits[i]) != NULL)
			take_over(wanted, limits[i], running);
}

void
live_update_plan(const json_t *running, const json_t *wanted, int64_t boot_memory, struct live_update *update)
{
	struct comparison c = { running, wanted, decode(running), decode(wanted), boot_memory, json_deep_copy(running),
		g_ptr_array_new_with_free_func(g_free) };

	if (c.boot_memory == 0)
		c.boot_memory = vmi_memory(c.is);
	update_placement(&c);
	update_cards(&c);
	update_disks(&c);
	update_rest(&c);
	schema_free(&vmi_spec_schema, c.is);
	schema_free(&vmi_spec_schema, c.to);
	*update = (struct live_update){ c.next, !json_equal(c.next, running), c.restarts };
}

void
live_update_clear(struct live_update *update)
{
	json_decref(update->spec);
	g_ptr_array_unref(update->restarts);
	*update = (struct live_update){ 0 };
}
