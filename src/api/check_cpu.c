/* Rules for virtual CPUs, and for what is reserved of the host's. */
#include "config.h"

#include <glib.h>

#include "src/api/check.h"

#define PLACEMENT "domain.cpu.dedicatedCpuPlacement"
#define PASSTHROUGH "domain.cpu.numa.guestMappingPassthrough"

enum { VCPUS_USUAL = 512 };

static int64_t
cpu_of(const struct resource_list *list)
{
	return list == NULL ? 0 : list->cpu;
}

/* Whole processors: Kubernetes rounds up. */
static int64_t
whole(int64_t milli)
{
	return milli / 1000 + (milli % 1000 > 0);
}

/* C1, C2 */
static void
check_amounts(const struct checking *c, int64_t request, int64_t limit)
{
	if (request < 0)
		complain(c, CAUSE_INVALID, "domain.resources.requests.cpu", "must not be negative");
	if (limit < 0)
		complain(c, CAUSE_INVALID, "domain.resources.limits.cpu", "must not be negative");
	if (limit > 0 && request > limit)
		complain(c, CAUSE_INVALID, "domain.resources.requests.cpu", "must not be more than resources.limits.cpu");
}

/* C6, C8, C9 */
static void
check_dedicated_amounts(const struct checking *c, int64_t request, int64_t limit)
{
	int64_t vcpus = vmi_vcpus(c->spec);

	if (request > 0 && request % 1000 != 0)
		complain(c, CAUSE_INVALID, "domain.resources.requests.cpu",
		    "must be a whole number with dedicatedCpuPlacement: each virtual CPU has a host CPU of its own");
	if (limit > 0 && limit % 1000 != 0)
		complain(c, CAUSE_INVALID, "domain.resources.limits.cpu",
		    "must be a whole number with dedicatedCpuPlacement: each virtual CPU has a host CPU of its own");
	if (request > 0 && limit > 0 && whole(request) != whole(limit))
		complain(c, CAUSE_INVALID, PLACEMENT, "needs resources.requests.cpu and resources.limits.cpu to be equal");
	if ((request > 0 || limit > 0) && whole(request) != vcpus && whole(limit) != vcpus)
		complain(c, CAUSE_INVALID, PLACEMENT,
		    "needs as many CPUs in resources as the topology has virtual ones (%lld): leave one of them out", (long long)vcpus);
}

/* C5, C7 */
static void
check_dedicated_memory(const struct checking *c)
{
	const struct resources *r = c->spec->domain->resources;
	const struct memory *m = c->spec->domain->memory;
	int64_t request = r == NULL || r->requests == NULL ? 0 : r->requests->memory;
	int64_t limit = r == NULL || r->limits == NULL ? 0 : r->limits->memory;

	if (request > 0 && limit > 0 && request != limit)
		complain(c, CAUSE_INVALID, "domain.resources.requests.memory",
		    "must be equal to resources.limits.memory with dedicatedCpuPlacement");
	if (request == 0 && limit == 0 && (m == NULL || (m->hugepages == NULL && m->guest == 0)))
		complain_as(c, CAUSE_INVALID, "domain.resources.limits.memory", PLACEMENT,
		    "memory is required with dedicatedCpuPlacement: write memory.guest, such as 1Gi");
}

/* C11, C13, C14, C15 */
static void
check_placement(const struct checking *c, const struct cpu *cpu)
{
	const struct memory *memory = c->spec->domain->memory;
	bool passthrough = cpu->numa != NULL && cpu->numa->guest_mapping_passthrough != NULL;

	if (cpu->dedicated_cpu_placement && cpu->threads > 2)
		complain(c, CAUSE_INVALID, PLACEMENT, "takes at most two threads a core, but cpu.threads is %lld", (long long)cpu->threads);
	if (cpu->isolate_emulator_thread && !cpu->dedicated_cpu_placement)
		complain(c, CAUSE_INVALID, "domain.cpu.isolateEmulatorThread", "needs dedicatedCpuPlacement: true");
	if (passthrough && !cpu->dedicated_cpu_placement)
		complain(c, CAUSE_INVALID, PASSTHROUGH, "needs dedicatedCpuPlacement: true");
	if (passthrough && (memory == NULL || memory->hugepages == NULL))
		complain(c, CAUSE_INVALID, PASSTHROUGH, "needs memory.hugepages, with a pageSize such as 2Mi");
	if (cpu->realtime != NULL && !cpu->dedicated_cpu_placement)
		complain_as(c, CAUSE_REQUIRED, PLACEMENT, "domain.cpu.realtime", "must be true when cpu.realtime is given");
	if (cpu->realtime != NULL && !passthrough)
		complain_as(c, CAUSE_REQUIRED, PASSTHROUGH, "domain.cpu.realtime", "is required when cpu.realtime is given: write {}");
}

/* C12: threads are told apart by arm64's guests only when they are dedicated, says KubeVirt. */
static void
check_threads(const struct checking *c, const struct cpu *cpu)
{
	if (cpu->dedicated_cpu_placement && cpu->threads > 1 && g_strcmp0(c->spec->architecture, "arm64") == 0)
		complain(c, CAUSE_INVALID, "architecture", "arm64 has one thread a core, but cpu.threads is %lld", (long long)cpu->threads);
}

static void
check_features_named(const struct checking *c, const struct cpu *cpu)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	size_t i = 0;

	SCHEMA_EACH (struct cpu_feature, f, &cpu->features) {
		g_autofree char *name = g_strdup_printf("domain.cpu.features[%zu].name", i++);
		if (!is_text(f->name))
			advise(c, name, "a CPU feature needs a name, such as vmx: the machine cannot start");
		else if (!g_hash_table_add(seen, f->name))
			advise(c, name, "\"%s\" is listed twice: the machine cannot start", f->name);
	}
}

void
check_cpu(const struct checking *c)
{
	const struct resources *r = c->spec->domain->resources;
	const struct cpu *cpu = c->spec->domain->cpu;
	int64_t limit = r == NULL ? 0 : cpu_of(r->limits), request = r == NULL ? 0 : cpu_of(r->requests);

	check_amounts(c, request, limit);
	if (vmi_vcpus(c->spec) > VCPUS_USUAL)
		advise(c, "domain.cpu", "%lld virtual CPUs are more than most hosts start (%d)", (long long)vmi_vcpus(c->spec), VCPUS_USUAL);
	if (cpu == NULL)
		return;
	/* C3, VM5 */
	if (cpu->max_sockets > 0 && cpu->sockets > cpu->max_sockets)
		complain(c, CAUSE_INVALID, "domain.cpu.sockets", "must not be more than cpu.maxSockets");
	check_placement(c, cpu);
	check_threads(c, cpu);
	check_features_named(c, cpu);
	if (!cpu->dedicated_cpu_placement)
		return;
	check_dedicated_amounts(c, request == 0 ? limit : request, limit);
	check_dedicated_memory(c);
}
