/* What is told of an instance that runs: its volumes, whether it could move to another host, its class of service. */
#include "config.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/controllers/controllers.h"
#include "daemon/controllers/memory_dump.h"
#include "daemon/controllers/vmi.h"
#include "daemon/controllers/vmi_media.h"
#include "src/api/datavolume.h"
#include "src/api/migratable.h"
#include "src/base/quantity.h"
#include "src/virt/domain_xml.h"

/* Whose status is being filled. */
struct report {
	struct daemon *daemon;
	const struct object *object;
	const struct vmi *vmi;
	struct vmi_status *status;
};

static const struct claim *
find_claim(const struct report *r, const char *name)
{
	const struct object *object = store_get(r->daemon->store, KIND_CLAIM, r->object->namespace, name);

	return object == NULL ? NULL : object->value;
}

static void
set_text(char **text, const char *value)
{
	g_free(*text);
	*text = g_strdup(value);
}

/* --- volumes -------------------------------------------------------------------------------------------------------- */

static void
set_bytes(struct schema_map *map, int64_t bytes)
{
	g_autofree char *text = quantity_format_bytes(bytes);

	schema_map_set(map, "storage", bytes == 0 ? NULL : text);
}

static void
fill_claim(struct claim_info *info, const char *name, const struct claim *claim)
{
	info->claim_name = g_strdup(name);
	if (claim == NULL)
		return;
	info->access_modes = g_strdupv(claim->spec->access_modes);
	info->volume_mode = g_strdup(volume_mode_words[claim->spec->volume_mode == VOLUME_MODE_UNSET ? VOLUME_MODE_FILESYSTEM
	                                                                                              : claim->spec->volume_mode]);
	set_bytes(&info->requests, claim_request(claim->spec));
	set_bytes(&info->capacity, claim->status->capacity == NULL ? 0 : claim->status->capacity->storage);
}

static struct volume_status *
status_of(const struct report *r, const char *name)
{
	const struct schema *sub = NULL;
	struct volume_status *s;

	SCHEMA_EACH (struct volume_status, there, &r->status->volume_status)
		if (g_strcmp0(there->name, name) == 0)
			return there;
	schema_find(&vmi_status_schema, "volumeStatus", &sub);
	s = schema_list_add(&r->status->volume_status, sub);
	s->name = g_strdup(name);
	return s;
}

/* How far the dump is that the machine was asked for. */
static void
fill_memory_dump(const struct report *r, struct volume_status *s, const char *claim)
{
	static const char *const phases[] = { [MEMORY_DUMP_ASSOCIATING] = "Pending", [MEMORY_DUMP_IN_PROGRESS] = "MemoryDumpInProgress",
		[MEMORY_DUMP_UNMOUNTING] = "MemoryDumpCompleted", [MEMORY_DUMP_COMPLETED] = "MemoryDumpCompleted",
		[MEMORY_DUMP_FAILED] = "MemoryDumpFailed", [MEMORY_DUMP_DISSOCIATING] = "Detaching" };
	const struct memory_dump_request *request = memory_dump_of(r->daemon, r->object, claim);
	const struct schema *sub = NULL;

	controllers_await(r->daemon, r->object, KIND_VM, r->object->namespace, r->object->name);
	schema_find(&vmi_status_schema, "volumeStatus.memoryDumpVolume", &sub);
	schema_free(sub, s->memory_dump_volume);
	s->memory_dump_volume = schema_new(sub);
	s->memory_dump_volume->claim_name = g_strdup(claim);
	set_text(&s->phase, request == NULL ? NULL : phases[request->phase]);
	if (request == NULL)
		return;
	s->memory_dump_volume->target_file_name = g_strdup(request->file_name);
	s->memory_dump_volume->start_timestamp = request->start_timestamp;
	s->memory_dump_volume->end_timestamp = request->end_timestamp;
	set_text(&s->message, request->message);
}

static void
fill_volume(const struct report *r, const struct volume *v)
{
	struct volume_status *s = status_of(r, v->name);
	const char *claim = v->memory_dump != NULL ? v->memory_dump->claim_name : volume_claim(v);
	const struct schema *sub = NULL;

	if (s->target == NULL)
		s->target = domain_disk_target(r->vmi->spec, v->name);
	if (s->size == 0 && s->target != NULL && seed_is_needed(v))
		s->size = media_size(r->daemon, r->vmi, v);
	schema_find(&vmi_status_schema, "volumeStatus.persistentVolumeClaimInfo", &sub);
	schema_free(sub, s->claim_info);
	s->claim_info = claim == NULL ? NULL : schema_new(sub);
	if (claim != NULL)
		fill_claim(s->claim_info, claim, find_claim(r, claim));
	if (v->memory_dump != NULL)
		fill_memory_dump(r, s, claim);
}

static int
by_name(const void *a, const void *b)
{
	return g_strcmp0(((const struct volume_status *)a)->name, ((const struct volume_status *)b)->name);
}

/* What is told of volumes that the spec has no more (plugged out) is who plugs them out's to remove. */
static void
fill_volumes(const struct report *r)
{
	SCHEMA_EACH (struct volume, v, &r->vmi->spec->volumes)
		fill_volume(r, v);
	if (r->status->volume_status.count > 1)
		qsort(r->status->volume_status.items, r->status->volume_status.count, sizeof(struct volume_status), by_name);
}

/* An instance that runs has had its disks filled. */
static void
fill_data_volumes(const struct report *r)
{
	SCHEMA_EACH (struct volume, v, &r->vmi->spec->volumes)
		if (v->data_volume != NULL) {
			condition_set(&r->status->conditions, "DataVolumesReady", true, "AllDVsReady",
			    "All of the VMI's DVs are bound and ready", daemon_now(r->daemon));
			return;
		}
}

/* --- migration ------------------------------------------------------------------------------------------------------ */

static int
is_shared(void *arg, const char *name)
{
	const struct claim *claim = find_claim(arg, name);

	if (claim == NULL || claim->spec->access_modes == NULL)
		return -1;
	return g_strv_contains((const char *const *)claim->spec->access_modes, "ReadWriteMany");
}

static void
fill_migration(struct report *r)
{
	int64_t now = daemon_now(r->daemon);
	g_autofree char *message = NULL, *storage = migratable_storage(r->vmi);
	const char *reason = migratable_reason(r->vmi, is_shared, r, &message);

	condition_set(&r->status->conditions, "LiveMigratable", reason == NULL, reason, message, now);
	condition_set(&r->status->conditions, "StorageLiveMigratable", storage == NULL, storage == NULL ? NULL : "NotMigratable", storage, now);
	set_text(&r->status->migration_method,
	    migratable_needs_copy(r->vmi->spec, is_shared, r) ? "BlockMigration" : "LiveMigration");
	set_text(&r->status->migration_transport, "Unix");
}

/* --- class of service ----------------------------------------------------------------------------------------------- */

/* The pod of an instance always asks for memory, so none is BestEffort. */
static const char *
qos_class(const struct vmi_spec *spec)
{
	const struct resources *resources = spec->domain->resources;
	const struct resource_list *limits = resources == NULL ? NULL : resources->limits, *requests = resources == NULL ? NULL : resources->requests;

	if (spec->domain->cpu != NULL && spec->domain->cpu->dedicated_cpu_placement)
		return "Guaranteed";
	if (limits == NULL || limits->cpu == 0 || limits->memory == 0)
		return "Burstable";
	if (requests != NULL && ((requests->cpu != 0 && requests->cpu != limits->cpu) || (requests->memory != 0 && requests->memory != limits->memory)))
		return "Burstable";
	return "Guaranteed";
}

/* Bytes that QEMU needs beside the guest's memory, as KubeVirt reckons them without the processes of its own pods. */
static int64_t
overhead(const struct vmi_spec *spec)
{
	const struct devices *devices = spec->domain->devices;
	bool vfio = devices->host_devices.count > 0 || devices->gpus.count > 0;
	const int64_t mib = 1 << 20;

	SCHEMA_EACH (struct interface, i, &devices->interfaces)
		vfio |= i->sriov != NULL;
	return vmi_memory(spec) / 512 /* page tables */ + 30 * mib + 8 * mib * vmi_vcpus(spec) + 8 * mib /* I/O thread */
	    + (devices->autoattach_graphics_device == TRISTATE_FALSE ? 0 : 32 * mib)
	    + (g_strcmp0(spec->architecture, "arm64") == 0 ? 128 * mib : 0) /* flash */ + (vfio ? 1024 * mib : 0);
}

void
vmi_report_size(const struct vmi *vmi, struct vmi_status *status)
{
	const struct cpu *cpu = vmi->spec->domain->cpu;

	if (status->current_cpu_topology == NULL) {
		status->current_cpu_topology = g_new0(struct cpu_topology, 1);
		*status->current_cpu_topology = (struct cpu_topology){ .cores = 1, .sockets = vmi_vcpus(vmi->spec), .threads = 1 };
		if (cpu != NULL && (cpu->cores > 0 || cpu->threads > 0 || cpu->sockets > 0))
			*status->current_cpu_topology = (struct cpu_topology){ MAX(cpu->cores, 1), MAX(cpu->sockets, 1), MAX(cpu->threads, 1) };
	}
	if (status->memory == NULL) {
		status->memory = g_new0(struct memory_status, 1);
		*status->memory = (struct memory_status){ vmi_memory(vmi->spec), vmi_memory(vmi->spec), vmi_memory(vmi->spec),
			overhead(vmi->spec) };
	}
}

void
vmi_report(struct daemon *daemon, const struct object *object, struct vmi_status *status)
{
	struct report r = { daemon, object, object->value, status };

	fill_volumes(&r);
	fill_data_volumes(&r);
	fill_migration(&r);
	set_text(&status->qos_class, qos_class(r.vmi->spec));
}
