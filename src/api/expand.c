/* Instancetypes, preferences and presets applied to a spec; see expand.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/defaults.h"
#include "src/api/domain.h"
#include "src/api/expand.h"
#include "src/api/kinds.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"

struct expanding {
	const struct expand_input *input;
	struct vmi_spec *spec;
	GPtrArray *conflicts; /* paths of what both the machine and its instancetype set */
	bool grace_given;
};

/* --- small tools ----------------------------------------------------------------------------------------------------- */

/* The struct behind a pointer, made with its defaults when it is not there. */
#define ENSURE(pointer, schema) ((pointer) != NULL ? (pointer) : ((pointer) = schema_new(schema)))

static void
fill_text(char **at, const char *text)
{
	if (text == NULL || (*at != NULL && **at != '\0'))
		return;
	g_free(*at);
	*at = g_strdup(text);
}

static void
fill_tristate(enum tristate *at, enum tristate value)
{
	if (*at == TRISTATE_UNSET)
		*at = value;
}

static void
fill_word(int *at, int value)
{
	if (*at == 0)
		*at = value;
}

/* Copies a struct to where there is none. */
#define FILL(at, value, schema)                                                                                            \
	do {                                                                                                                   \
		if ((at) == NULL && (value) != NULL)                                                                               \
			(at) = schema_copy(schema, value);                                                                                    \
	} while (0)

static void
conflict(struct expanding *e, bool both, const char *path)
{
	if (both)
		g_ptr_array_add(e->conflicts, (char *)(uintptr_t)path);
}

/* --- the instancetype's processors ------------------------------------------------------------------------------------- */

static enum cpu_topology_preference
topology_wanted(const struct preference_spec *preference)
{
	int wanted = preference == NULL || preference->cpu == NULL ? TOPOLOGY_UNSET : preference->cpu->preferred_cpu_topology;

	if (wanted >= TOPOLOGY_OLD_SOCKETS)
		wanted -= TOPOLOGY_OLD_SOCKETS - TOPOLOGY_SOCKETS;
	return wanted == TOPOLOGY_UNSET || wanted == TOPOLOGY_ANY ? TOPOLOGY_SOCKETS : (enum cpu_topology_preference)wanted;
}

static int
refuse(struct expanding *e, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int
refuse(struct expanding *e, const char *field, const char *format, ...)
{
	const struct expand_input *input = e->input;
	const char *end = g_strrstr(input->path, ".template.spec");
	g_autofree char *where = end == NULL ? g_strdup(field) : g_strdup_printf("%.*s.%s", (int)(end - input->path), input->path, field);
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_strdup_vprintf(format, ap);
	va_end(ap);
	diagnostics_add(input->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, input->document, where, "%s", text);
	return -1;
}

/* Virtual CPUs over sockets, cores and threads. */
static int
spread(struct expanding *e, struct cpu *cpu, int64_t vcpus)
{
	const struct preference_spec *preference = e->input->preference;
	const struct spread_options *options = preference->cpu->spread_options;
	int across = options == NULL || options->across == SPREAD_UNSET ? SPREAD_SOCKETS_CORES : options->across;
	int64_t ratio = options != NULL && options->ratio > 0 ? options->ratio
	    : preference->prefer_spread_socket_to_core_ratio > 0 ? preference->prefer_spread_socket_to_core_ratio : 2;
	int64_t threads = across == SPREAD_SOCKETS_CORES ? 1 : 2;
	int64_t unit = across == SPREAD_CORES_THREADS ? threads : ratio * threads;

	if (vcpus % unit != 0)
		return refuse(e, "instancetype", "%lld virtual CPUs cannot be spread evenly: the preference wants a multiple of %lld",
		    (long long)vcpus, (long long)unit);
	cpu->threads = threads;
	cpu->cores = across == SPREAD_CORES_THREADS ? vcpus / threads : ratio;
	cpu->sockets = across == SPREAD_CORES_THREADS ? 1 : vcpus / unit;
	return 0;
}

static int
set_topology(struct expanding *e, struct cpu *cpu, int64_t vcpus)
{
	enum cpu_topology_preference wanted = topology_wanted(e->input->preference);

	if (wanted == TOPOLOGY_SPREAD)
		return spread(e, cpu, vcpus);
	cpu->sockets = wanted == TOPOLOGY_SOCKETS ? vcpus : 1;
	cpu->cores = wanted == TOPOLOGY_CORES ? vcpus : 1;
	cpu->threads = wanted == TOPOLOGY_THREADS ? vcpus : 1;
	return 0;
}

static void
find_cpu_conflicts(struct expanding *e, const struct cpu *cpu, const struct instancetype_cpu *want)
{
	static const struct resource_list none;
	const struct resources *r = e->spec->domain->resources;
	const struct resource_list *requests = r == NULL || r->requests == NULL ? &none : r->requests;
	const struct resource_list *limits = r == NULL || r->limits == NULL ? &none : r->limits;

	conflict(e, requests->cpu != 0, "domain.resources.requests.cpu");
	conflict(e, limits->cpu != 0, "domain.resources.limits.cpu");
	conflict(e, cpu->sockets != 0, "domain.cpu.sockets");
	conflict(e, cpu->cores != 0, "domain.cpu.cores");
	conflict(e, cpu->threads != 0, "domain.cpu.threads");
	conflict(e, cpu->max_sockets != 0 && want->max_sockets != 0, "domain.cpu.maxSockets");
	conflict(e, cpu->model != NULL && want->model != NULL, "domain.cpu.model");
	conflict(e, cpu->dedicated_cpu_placement && want->dedicated_cpu_placement != TRISTATE_UNSET, "domain.cpu.dedicatedCpuPlacement");
	conflict(e, cpu->isolate_emulator_thread && want->isolate_emulator_thread != TRISTATE_UNSET, "domain.cpu.isolateEmulatorThread");
	conflict(e, cpu->numa != NULL && want->numa != NULL, "domain.cpu.numa");
	conflict(e, cpu->realtime != NULL && want->realtime != NULL, "domain.cpu.realtime");
}

static int
apply_cpu(struct expanding *e, const struct instancetype_cpu *want)
{
	static const struct cpu none;
	struct domain *domain = e->spec->domain;
	struct cpu *cpu;

	find_cpu_conflicts(e, domain->cpu == NULL ? &none : domain->cpu, want);
	cpu = ENSURE(domain->cpu, &cpu_schema);
	fill_text(&cpu->model, want->model);
	cpu->dedicated_cpu_placement |= want->dedicated_cpu_placement == TRISTATE_TRUE;
	cpu->isolate_emulator_thread |= want->isolate_emulator_thread == TRISTATE_TRUE;
	FILL(cpu->numa, want->numa, &numa_schema);
	FILL(cpu->realtime, want->realtime, &realtime_schema);
	if (cpu->max_sockets == 0)
		cpu->max_sockets = want->max_sockets;
	return e->conflicts->len > 0 ? 0 : set_topology(e, cpu, want->guest);
}

/* --- its memory and the rest -------------------------------------------------------------------------------------------- */

static void
apply_memory(struct expanding *e, const struct instancetype_memory *want)
{
	struct domain *domain = e->spec->domain;
	const struct resources *r = domain->resources;
	const struct memory *is = domain->memory;
	struct memory *memory;

	conflict(e, is != NULL && is->guest != 0, "domain.memory.guest");
	conflict(e, is != NULL && is->hugepages != NULL && want->hugepages != NULL, "domain.memory.hugepages");
	conflict(e, is != NULL && is->max_guest != 0 && want->max_guest != 0, "domain.memory.maxGuest");
	conflict(e, r != NULL && r->requests != NULL && r->requests->memory != 0, "domain.resources.requests.memory");
	conflict(e, r != NULL && r->limits != NULL && r->limits->memory != 0, "domain.resources.limits.memory");
	memory = ENSURE(domain->memory, &memory_schema);
	memory->guest = want->guest;
	FILL(memory->hugepages, want->hugepages, &hugepages_schema);
	if (memory->max_guest == 0)
		memory->max_guest = want->max_guest;
	if (want->overcommit_percent > 0) {
		struct resources *resources = ENSURE(domain->resources, &resources_schema);
		struct resource_list *requests = ENSURE(resources->requests, &resource_list_schema);

		requests->memory = (int64_t)((__int128)want->guest * (100 - want->overcommit_percent) / 100);
	}
}

static void
take_list(struct schema_list *at, const struct schema_list *from, const struct schema *sub)
{
	SCHEMA_EACH (struct host_device, device, from) {
		struct host_device *added, *made = schema_copy(sub, device);

		added = schema_list_add(at, sub);
		schema_clear(sub, added);
		*added = *made;
		g_free(made);
	}
}

static void
apply_rest(struct expanding *e, const struct instancetype_spec *want)
{
	struct domain *domain = e->spec->domain;
	struct devices *devices = domain->devices;

	conflict(e, devices->gpus.count > 0 && want->gpus.count > 0, "domain.devices.gpus");
	conflict(e, devices->host_devices.count > 0 && want->host_devices.count > 0, "domain.devices.hostDevices");
	conflict(e, domain->io_threads_policy != IO_THREADS_UNSET && want->io_threads_policy != IO_THREADS_UNSET, "domain.ioThreadsPolicy");
	conflict(e, domain->launch_security != NULL && want->launch_security != NULL, "domain.launchSecurity");
	conflict(e, e->spec->node_selector.count > 0 && want->node_selector.count > 0, "nodeSelector");
	conflict(e, e->spec->scheduler_name != NULL && want->scheduler_name != NULL, "schedulerName");
	take_list(&devices->gpus, &want->gpus, &gpu_schema);
	take_list(&devices->host_devices, &want->host_devices, &host_device_schema);
	fill_word(&domain->io_threads_policy, want->io_threads_policy);
	FILL(domain->io_threads, want->io_threads, &io_threads_schema);
	FILL(domain->launch_security, want->launch_security, &launch_security_schema);
	fill_text(&e->spec->scheduler_name, want->scheduler_name);
	for (size_t i = 0; i < want->node_selector.count; i++)
		schema_map_set(&e->spec->node_selector, want->node_selector.entries[i].name, want->node_selector.entries[i].value);
}

static int
apply_instancetype(struct expanding *e, const struct instancetype_spec *want)
{
	int r = apply_cpu(e, want->cpu);

	apply_memory(e, want->memory);
	apply_rest(e, want);
	for (guint i = 0; i < e->conflicts->len; i++) {
		g_autofree char *where = g_strdup_printf("%s.%s", e->input->path, (const char *)e->conflicts->pdata[i]);

		diagnostics_add(e->input->diagnostics, SEVERITY_ERROR, CAUSE_INVALID, e->input->document, where,
		    "is set by the instancetype: remove it here, or choose another instancetype");
	}
	return r < 0 || e->conflicts->len > 0 ? -1 : 0;
}

/* --- the preference ------------------------------------------------------------------------------------------------------ */

static void
prefer_cpu(struct cpu *cpu, const struct cpu_preference *want)
{
	SCHEMA_EACH (struct cpu_feature, feature, &want->preferred_cpu_features) {
		struct cpu_feature *added;
		bool there = false;

		SCHEMA_EACH (struct cpu_feature, is, &cpu->features)
			there |= g_strcmp0(is->name, feature->name) == 0;
		if (there)
			continue;
		added = schema_list_add(&cpu->features, &cpu_feature_schema);
		schema_clear(&cpu_feature_schema, added);
		*added = (struct cpu_feature){ .name = g_strdup(feature->name), .policy = feature->policy };
	}
}

static void
prefer_disk(struct disk *disk, const struct device_preference *want)
{
	if (disk->disk == NULL && disk->cdrom == NULL && disk->lun == NULL)
		disk->disk = schema_new(&disk_target_schema);
	if (disk->disk != NULL) {
		fill_word(&disk->disk->bus, want->disk_bus);
		if (disk->disk->bus == DISK_BUS_VIRTIO)
			fill_tristate(&disk->dedicated_io_thread, want->disk_dedicated_io_thread);
	} else if (disk->cdrom != NULL)
		fill_word(&disk->cdrom->bus, want->cdrom_bus);
	else
		fill_word(&disk->lun->bus, want->lun_bus);
	fill_text(&disk->cache, want->disk_cache);
	fill_text(&disk->io, want->disk_io);
	FILL(disk->block_size, want->disk_block_size, &disk_block_size_schema);
}

static void
prefer_interface(const struct vmi_spec *spec, struct interface *interface, const struct device_preference *want)
{
	const struct network *network = vmi_network(spec, interface->name);
	bool bound = interface->bridge != NULL || interface->masquerade != NULL || interface->sriov != NULL ||
	    interface->passt_binding != NULL || interface->binding != NULL;

	if (interface->sriov == NULL)
		fill_text(&interface->model, want->interface_model);
	if (!bound && want->interface_masquerade != NULL && network != NULL && network->pod != NULL)
		interface->masquerade = schema_new(&empty_schema);
}

static void
prefer_switches(struct devices *devices, const struct device_preference *want)
{
	const struct {
		enum tristate *at, value;
	} switches[] = {
		{ &devices->autoattach_graphics_device, want->autoattach_graphics_device },
		{ &devices->autoattach_input_device, want->autoattach_input_device },
		{ &devices->autoattach_mem_balloon, want->autoattach_mem_balloon },
		{ &devices->autoattach_pod_interface, want->autoattach_pod_interface },
		{ &devices->autoattach_serial_console, want->autoattach_serial_console },
		{ &devices->block_multi_queue, want->block_multi_queue },
		{ &devices->network_interface_multiqueue, want->network_interface_multi_queue },
		{ &devices->use_virtio_transitional, want->use_virtio_transitional },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(switches); i++)
		fill_tristate(switches[i].at, switches[i].value);
	if (want->disable_hotplug != TRISTATE_UNSET) /* the one that overrides, as in KubeVirt */
		devices->disable_hotplug = want->disable_hotplug == TRISTATE_TRUE;
}

static void
prefer_devices(struct vmi_spec *spec, const struct device_preference *want)
{
	struct devices *devices = spec->domain->devices;

	prefer_switches(devices, want);
	SCHEMA_EACH (struct disk, disk, &devices->disks)
		prefer_disk(disk, want);
	SCHEMA_EACH (struct interface, interface, &devices->interfaces)
		prefer_interface(spec, interface, want);
	SCHEMA_EACH (struct input, input, &devices->inputs) {
		fill_text(&input->bus, want->input_bus);
		fill_text(&input->type, want->input_type);
	}
	SCHEMA_EACH (struct panic_device, device, &devices->panic_devices)
		fill_text(&device->model, want->panic_device_model);
	SCHEMA_EACH (struct host_device, gpu, &devices->gpus)
		FILL(gpu->virtual_gpu_options, want->virtual_gpu_options, &virtual_gpu_options_schema);
	FILL(devices->tpm, want->tpm, &tpm_schema);
	FILL(devices->rng, want->rng, &empty_schema);
	if (devices->sound != NULL)
		fill_text(&devices->sound->model, want->sound_model);
	if (devices->video == NULL && want->video_type != NULL) {
		devices->video = schema_new(&video_schema);
		fill_text(&devices->video->type, want->video_type);
	}
}

/* A struct of pointers to structs, whose rows say what each is: takes over every one that is missing. */
static void
fill_members(const struct schema *schema, void *at, const void *from)
{
	for (const struct schema_field *f = schema->fields; f->name != NULL; f++) {
		void **to = (void **)((char *)at + f->offset);
		void *const *value = (void *const *)((const char *)from + f->offset);

		if (f->type == SCHEMA_OBJECT)
			FILL(*to, *value, f->sub);
	}
}

static void
prefer_features(struct domain *domain, const struct feature_preference *want)
{
	struct features *features = ENSURE(domain->features, &features_schema);

	FILL(features->acpi, want->acpi, &feature_state_schema);
	FILL(features->apic, want->apic, &feature_state_schema);
	FILL(features->pvspinlock, want->pvspinlock, &feature_state_schema);
	FILL(features->smm, want->smm, &feature_state_schema);
	FILL(features->kvm, want->kvm, &feature_kvm_schema);
	if (want->hyperv != NULL && features->hyperv_passthrough == NULL)
		fill_members(&hyperv_schema, ENSURE(features->hyperv, &hyperv_schema), want->hyperv);
}

static void
prefer_firmware(struct domain *domain, const struct firmware_preference *want)
{
	struct firmware *firmware = ENSURE(domain->firmware, &firmware_schema);
	struct bootloader *loader = ENSURE(firmware->bootloader, &bootloader_schema);
	bool open = loader->bios == NULL && loader->efi == NULL;

	if (open && want->use_bios == TRISTATE_TRUE)
		loader->bios = schema_new(&bios_schema);
	else if (open && want->efi != NULL)
		loader->efi = schema_copy(&efi_schema, want->efi);
	else if (open && want->use_efi == TRISTATE_TRUE)
		loader->efi = schema_new(&efi_schema);
	if (loader->bios != NULL)
		fill_tristate(&loader->bios->use_serial, want->use_bios_serial);
	if (loader->efi != NULL && want->efi == NULL)
		fill_tristate(&loader->efi->secure_boot, want->use_secure_boot);
}

static void
prefer_clock(struct domain *domain, const struct clock_preference *want)
{
	struct guest_clock *clock = ENSURE(domain->clock, &guest_clock_schema);
	const struct clock_offset *offset = want->preferred_clock_offset;

	if (offset != NULL && clock->utc == NULL && clock->timezone == NULL) {
		FILL(clock->utc, offset->utc, &clock_utc_schema);
		fill_text(&clock->timezone, offset->timezone);
	}
	if (want->preferred_timer != NULL)
		fill_members(&timers_schema, ENSURE(clock->timer, &timers_schema), want->preferred_timer);
}

static void
apply_preference(struct expanding *e, const struct preference_spec *want)
{
	struct vmi_spec *spec = e->spec;
	struct domain *domain = spec->domain;
	const char *grace = want->preferred_termination_grace_period_seconds;

	if (want->cpu != NULL && want->cpu->preferred_cpu_features.count > 0)
		prefer_cpu(ENSURE(domain->cpu, &cpu_schema), want->cpu);
	if (want->devices != NULL)
		prefer_devices(spec, want->devices);
	if (want->features != NULL)
		prefer_features(domain, want->features);
	if (want->firmware != NULL)
		prefer_firmware(domain, want->firmware);
	if (want->machine != NULL)
		fill_text(&ENSURE(domain->machine, &machine_schema)->type, want->machine->preferred_machine_type);
	if (want->clock != NULL)
		prefer_clock(domain, want->clock);
	FILL(domain->launch_security, want->preferred_launch_security, &launch_security_schema);
	fill_text(&spec->subdomain, want->preferred_subdomain);
	fill_text(&spec->architecture, want->preferred_architecture);
	if (grace != NULL && !e->grace_given)
		spec->termination_grace_period_seconds = g_ascii_strtoll(grace, NULL, 10);
}

/* --- what the preference needs ------------------------------------------------------------------------------------------- */

static int
check_requirements(struct expanding *e, const struct preference_requirements *need)
{
	const char *provider = e->input->instancetype != NULL ? "the instancetype" : "the machine";
	int64_t vcpus = vmi_vcpus(e->spec), memory = vmi_memory(e->spec);
	const char *architecture = e->spec->architecture == NULL ? "amd64" : e->spec->architecture;
	int r = 0;

	if (need->cpu != NULL && vcpus < need->cpu->guest)
		r = refuse(e, "preference", "needs %lld virtual CPUs, but %s provides %lld", (long long)need->cpu->guest, provider, (long long)vcpus);
	if (need->memory != NULL && memory < need->memory->guest) {
		g_autofree char *wanted = quantity_format_bytes(need->memory->guest), *is = quantity_format_bytes(memory);

		r = refuse(e, "preference", "needs %s of memory, but %s provides %s", wanted, provider, is);
	}
	if (need->architecture != NULL && strcmp(need->architecture, architecture) != 0)
		r = refuse(e, "preference", "needs architecture %s, but the machine has %s", need->architecture, architecture);
	return r;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------- */

static void
fill_annotations(json_t *annotations, const struct schema_map *from)
{
	for (size_t i = 0; annotations != NULL && i < from->count; i++)
		if (json_object_get(annotations, from->entries[i].name) == NULL)
			json_object_set_new(annotations, from->entries[i].name, json_string(from->entries[i].value));
}

static int
apply(struct expanding *e)
{
	const struct expand_input *input = e->input;

	if (input->instancetype != NULL && apply_instancetype(e, input->instancetype) < 0)
		return -1;
	if (input->preference == NULL)
		return 0;
	vmi_devices_default(e->spec);
	apply_preference(e, input->preference);
	return input->preference->requirements == NULL ? 0 : check_requirements(e, input->preference->requirements);
}

int
expand_tree(json_t *spec, json_t *annotations, const struct expand_input *input)
{
	g_autoptr(GPtrArray) conflicts = g_ptr_array_new();
	struct vmi_spec *value = g_malloc0(sizeof(*value));
	struct expanding e = { .input = input, .spec = value, .conflicts = conflicts,
		.grace_given = json_object_get(spec, "terminationGracePeriodSeconds") != NULL };
	struct diagnostics told;
	json_t *was;
	int r;

	diagnostics_init(&told);
	schema_decode(&vmi_spec_schema, spec, NULL, input->path, value, &told);
	diagnostics_clear(&told); /* it was checked when it was admitted */
	was = schema_encode(&vmi_spec_schema, value);
	r = apply(&e);
	if (r == 0) {
		json_t *is = schema_encode(&vmi_spec_schema, value);

		path_lay_over(spec, was, is);
		json_decref(is);
		if (input->instancetype != NULL)
			fill_annotations(annotations, &input->instancetype->annotations);
		if (input->preference != NULL)
			fill_annotations(annotations, &input->preference->annotations);
	}
	json_decref(was);
	schema_free(&vmi_spec_schema, value);
	return r;
}

void
expand_machine(json_t *vm, const struct preference_spec *preference)
{
	const char *type = preference == NULL || preference->machine == NULL ? NULL : preference->machine->preferred_machine_type;
	const char *architecture = preference == NULL ? NULL : preference->preferred_architecture;

	if (type != NULL && path_string(vm, "spec.template.spec.domain.machine.type") == NULL)
		path_set(vm, "spec.template.spec.domain.machine.type", json_string(type));
	if (architecture != NULL && path_string(vm, "spec.template.spec.architecture") == NULL)
		path_set(vm, "spec.template.spec.architecture", json_string(architecture));
}

void
expand_templates(json_t *templates, const struct preference_spec *preference)
{
	const char *class = preference == NULL || preference->volumes == NULL ? NULL : preference->volumes->preferred_storage_class_name;
	static const char *const forms[] = { "spec.storage", "spec.pvc" };
	json_t *template;
	size_t i;

	json_array_foreach (templates, i, template)
		for (size_t f = 0; class != NULL && f < G_N_ELEMENTS(forms); f++) {
			json_t *form = path_find(template, forms[f]);

			if (json_is_object(form) && json_object_get(form, "storageClassName") == NULL)
				json_object_set_new(form, "storageClassName", json_string(class));
		}
}

const struct kind *
expand_kind(const struct matcher *matcher, bool preference)
{
	enum kind_id own = preference ? KIND_PREFERENCE : KIND_INSTANCETYPE;
	enum kind_id cluster = preference ? KIND_CLUSTER_PREFERENCE : KIND_CLUSTER_INSTANCETYPE;
	const struct kind *kind;

	if (matcher->kind == NULL || *matcher->kind == '\0')
		return &kinds[cluster];
	kind = kind_of_word(matcher->kind);
	return kind == &kinds[own] || kind == &kinds[cluster] ? kind : NULL;
}

/* --- presets ------------------------------------------------------------------------------------------------------------- */

/* The path of what both set differently, or NULL; takes over the rest only when "write" says so. */
static char *
merge(json_t *to, const json_t *from, const char *path, bool write)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)from, name, value) {
		json_t *is = json_object_get(to, name);
		g_autofree char *where = g_strdup_printf("%s.%s", path, name);

		if (is == NULL && write)
			json_object_set_new(to, name, json_deep_copy(value));
		if (is == NULL || json_equal(is, value))
			continue;
		if (!json_is_object(is) || !json_is_object(value))
			return g_steal_pointer(&where);
		char *deeper = merge(is, value, where, write);
		if (deeper != NULL)
			return deeper;
	}
	return NULL;
}

char *
expand_preset(json_t *vmi, const json_t *preset)
{
	json_t *to = path_find(vmi, "spec.domain");
	const json_t *from = path_find(preset, "spec.domain");
	char *differs;

	if (!json_is_object(to) || !json_is_object(from))
		return NULL;
	differs = merge(to, from, "spec.domain", false);
	return differs != NULL ? differs : merge(to, from, "spec.domain", true);
}
