/* A domain's processors: how many, of which kind, on which of the host's, and the memory nodes that follow from that. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/base/error.h"
#include "src/virt/domain_build.h"

/* The host that numbers more memory nodes has yet to be built. */
enum { NODES_MOST = 1024 };

static const struct cpu none;

static const struct cpu *
cpu_of(const struct vmi_spec *spec)
{
	return spec->domain->cpu == NULL ? &none : spec->domain->cpu;
}

static bool
is_mapped(const struct vmi_spec *spec)
{
	const struct numa *numa = cpu_of(spec)->numa;

	return numa != NULL && numa->guest_mapping_passthrough != NULL;
}

/* --- how many ------------------------------------------------------------------------------------------------------ */

struct topology {
	int64_t sockets, cores, threads;
	int64_t most; /* virtual CPUs, with those that may be plugged in */
};

static struct topology
topology(const struct domain_build *b)
{
	const struct cpu *cpu = cpu_of(b->spec);
	bool given = cpu->sockets > 0 || cpu->cores > 0 || cpu->threads > 0;
	struct topology t = { given ? MAX(cpu->sockets, 1) : vmi_vcpus(b->spec), MAX(cpu->cores, 1), MAX(cpu->threads, 1), 0 };

	if (cpu->max_sockets > 0 && (b->pc || b->s390x))
		t.sockets = cpu->max_sockets;
	t.most = t.sockets * t.cores * t.threads;
	return t;
}

/* The first socket is there for good, the others may be plugged in and out. */
static void
add_vcpus(struct domain_build *b, const struct topology *t)
{
	int64_t enabled = vmi_vcpus(b->spec);
	struct xml_node *list, *count = xml_add_text(b->xml, b->domain, "vcpu", domain_number(b, t->most));

	xml_set(b->xml, count, "placement", "static");
	if (b->input->cpuset != NULL)
		xml_set(b->xml, count, "cpuset", b->input->cpuset);
	if (cpu_of(b->spec)->max_sockets == 0 || !(b->pc || b->s390x))
		return;
	list = xml_add(b->xml, b->domain, "vcpus", NULL);
	for (int64_t i = 0; i < t->most; i++)
		xml_add(b->xml, list, "vcpu", "id", domain_number(b, i), "enabled", domain_yes_no(i < enabled), "hotpluggable",
		    domain_yes_no(i >= t->cores * t->threads), NULL);
}

/* --- of which kind ------------------------------------------------------------------------------------------------- */

static const char *const policy_words[] = {
	[CPU_FEATURE_UNSET] = "require",
	[CPU_FEATURE_FORCE] = "force",
	[CPU_FEATURE_REQUIRE] = "require",
	[CPU_FEATURE_OPTIONAL] = "optional",
	[CPU_FEATURE_DISABLE] = "disable",
	[CPU_FEATURE_FORBID] = "forbid",
};

static void
add_cpu_features(struct domain_build *b, struct xml_node *node, bool named)
{
	bool mpx = false;

	SCHEMA_EACH (struct cpu_feature, feature, &cpu_of(b->spec)->features) {
		if (feature->name == NULL || *feature->name == '\0') /* nothing that libvirt could know: its row has warned */
			continue;
		xml_add(b->xml, node, "feature", "policy", policy_words[feature->policy], "name", feature->name, NULL);
		mpx = mpx || g_strcmp0(feature->name, "mpx") == 0;
	}
	/* Named models still list what newer processors have lost (KubeVirt does the same). */
	if (named && b->pc && !mpx)
		xml_add(b->xml, node, "feature", "policy", "disable", "name", "mpx", NULL);
}

/*
 * An emulator has no host's processor to pass through: it shows all that it can do.  What it cannot do is left out instead
 * of refused, so that every machine starts there.
 */
static void
add_model(struct domain_build *b, struct xml_node *node)
{
	const char *model = cpu_of(b->spec)->model;
	bool passed, named;

	if (model == NULL || *model == '\0')
		model = b->pc || b->s390x ? "host-model" : "host-passthrough";
	passed = strcmp(model, "host-passthrough") == 0;
	named = !passed && strcmp(model, "host-model") != 0;
	xml_set(b->xml, node, "mode", named ? "custom" : passed && b->input->emulation ? "maximum" : model);
	if (b->input->emulation)
		xml_set(b->xml, node, "check", "none");
	if (named)
		xml_add_text(b->xml, node, "model", model);
	add_cpu_features(b, node, named);
}

/* --- memory nodes -------------------------------------------------------------------------------------------------- */

/* Virtual CPUs on each memory node of the host, "0,1"; nodes without one are NULL. */
static void
collect_nodes(const struct domain_build *b, GString *nodes[NODES_MOST])
{
	size_t vcpus = MIN((size_t)vmi_vcpus(b->spec), b->input->pin_count);

	for (size_t i = 0; i < vcpus; i++) {
		int node = CLAMP(b->input->pins[i].node, 0, NODES_MOST - 1);

		if (nodes[node] == NULL)
			nodes[node] = g_string_new(NULL);
		g_string_append_printf(nodes[node], "%s%zu", nodes[node]->len > 0 ? "," : "", i);
	}
}

int
domain_numa_cells(const struct domain_build *b)
{
	GString *nodes[NODES_MOST] = { NULL };
	int count = 0;

	collect_nodes(b, nodes);
	for (int i = 0; i < NODES_MOST; i++)
		if (nodes[i] != NULL) {
			count++;
			g_string_free(nodes[i], TRUE);
		}
	return count;
}

/* The pages are dealt out evenly; what is left over goes to the first nodes. */
static int64_t
cell_bytes(const struct vmi_spec *spec, int cell, int cells)
{
	int64_t page = spec->domain->memory->hugepages->page_size, pages = vmi_memory(spec) / page;

	return (pages / cells + (cell < pages % cells)) * page;
}

static void
add_mapped_cells(struct domain_build *b, struct xml_node *cpu, GString *nodes[NODES_MOST], int cells)
{
	struct xml_node *numa = xml_add(b->xml, cpu, "numa", NULL), *tune = xml_add(b->xml, b->domain, "numatune", NULL), *memory;
	g_autoptr(GString) all = g_string_new(NULL);
	int cell = 0;

	memory = xml_add(b->xml, tune, "memory", "mode", "strict", NULL);
	for (int i = 0; i < NODES_MOST; i++) {
		if (nodes[i] == NULL)
			continue;
		xml_add(b->xml, numa, "cell", "id", domain_number(b, cell), "cpus", nodes[i]->str, "memory",
		    domain_number(b, cell_bytes(b->spec, cell, cells)), "unit", "b", NULL);
		xml_add(b->xml, tune, "memnode", "cellid", domain_number(b, cell), "mode", "strict", "nodeset", domain_number(b, i), NULL);
		g_string_append_printf(all, "%s%d", cell > 0 ? "," : "", i);
		cell++;
	}
	xml_set(b->xml, memory, "nodeset", xml_text(b->xml, "%s", all->str));
}

static int
add_mapping(struct domain_build *b, struct xml_node *cpu, struct error *err)
{
	const struct memory *memory = b->spec->domain->memory;
	GString *nodes[NODES_MOST] = { NULL };
	int cells = domain_numa_cells(b);

	if (memory == NULL || memory->hugepages == NULL || memory->hugepages->page_size <= 0)
		return error_set(err, EINVAL, "guestMappingPassthrough needs memory.hugepages");
	if (vmi_memory(b->spec) / memory->hugepages->page_size < cells)
		return error_set(err, EINVAL, "the guest has less memory than one huge page on each of %d memory nodes", cells);
	collect_nodes(b, nodes);
	add_mapped_cells(b, cpu, nodes, cells);
	for (int i = 0; i < NODES_MOST; i++)
		if (nodes[i] != NULL)
			g_string_free(nodes[i], TRUE);
	return 0;
}

/* Memory that others can map belongs to a node: one, with all processors. */
static void
add_single_cell(struct domain_build *b, struct xml_node *cpu, int64_t vcpus)
{
	xml_add(b->xml, xml_add(b->xml, cpu, "numa", NULL), "cell", "id", "0", "cpus", xml_text(b->xml, "0-%" PRId64, vcpus - 1),
	    "memory", domain_number(b, vmi_memory(b->spec) / 1024), "unit", "KiB", NULL);
}

/* --- on which of the host's ------------------------------------------------------------------------------------------ */

bool
domain_has_thread_pool(const struct vmi_spec *spec)
{
	return spec->domain->io_threads_policy == IO_THREADS_SUPPLEMENTAL_POOL;
}

/* What the pins are for, in their order. */
struct pinning {
	size_t vcpus, pool, emulator;
};

static struct pinning
pinning(const struct vmi *vmi)
{
	bool even = schema_map_get(&vmi->head.meta->annotations, "alpha.kubevirt.io/EmulatorThreadCompleteToEvenParity") != NULL;
	struct pinning p = { .vcpus = (size_t)vmi_vcpus(vmi->spec) };

	if (domain_has_thread_pool(vmi->spec))
		p.pool = (size_t)domain_threads(vmi->spec).count;
	if (cpu_of(vmi->spec)->isolate_emulator_thread)
		p.emulator = even && (p.vcpus + p.pool) % 2 == 0 ? 2 : 1;
	return p;
}

size_t
domain_pins(const struct vmi *vmi)
{
	struct pinning p = pinning(vmi);

	return domain_is_dedicated(vmi->spec) ? p.vcpus + p.pool + p.emulator : 0;
}

/* "4,5": processors of pins[from] up to before pins[to]. */
static const char *
pin_set(struct domain_build *b, size_t from, size_t to)
{
	g_autoptr(GString) set = g_string_new(NULL);

	for (size_t i = from; i < to; i++)
		g_string_append_printf(set, "%s%d", set->len > 0 ? "," : "", b->input->pins[i].cpu);
	return xml_text(b->xml, "%s", set->str);
}

static void
pin_thread(struct domain_build *b, struct xml_node *tune, int thread, size_t from, size_t to)
{
	xml_add(b->xml, tune, "iothreadpin", "iothread", domain_number(b, thread), "cpuset", pin_set(b, from, to), NULL);
}

/* Threads for I/O share the processors of the virtual CPUs, or that of QEMU's own threads where those have one. */
static void
pin_threads(struct domain_build *b, struct xml_node *tune, const struct pinning *p)
{
	int threads = domain_threads(b->spec).count;
	size_t at = 0, vcpus = p->vcpus;

	if (p->emulator > 0 && threads > 0) {
		pin_thread(b, tune, 1, vcpus, vcpus + p->emulator);
		return;
	}
	for (int i = 1; i <= threads; i++) {
		if ((size_t)threads >= vcpus) {
			pin_thread(b, tune, i, (size_t)i % vcpus, (size_t)i % vcpus + 1);
			continue;
		}
		size_t count = vcpus / (size_t)threads + ((size_t)i <= vcpus % (size_t)threads);
		pin_thread(b, tune, i, at, at + count);
		at += count;
	}
}

static void
add_realtime(struct domain_build *b, struct xml_node *tune, size_t vcpus)
{
	const struct realtime *realtime = cpu_of(b->spec)->realtime;

	if (realtime != NULL)
		xml_add(b->xml, tune, "vcpusched", "vcpus",
		    realtime->mask != NULL && *realtime->mask != '\0' ? realtime->mask : xml_text(b->xml, "0-%zu", vcpus - 1), "scheduler",
		    "fifo", "priority", "1", NULL);
}

static int
add_tune(struct domain_build *b, struct error *err)
{
	size_t wanted = domain_pins(b->input->vmi);
	struct pinning p = pinning(b->input->vmi);
	struct xml_node *tune;

	if (wanted == 0)
		return 0;
	if (b->input->pin_count < wanted)
		return error_set(err, ENOENT, "the instance needs %zu processors for itself, and the host gave it %zu", wanted,
		    b->input->pin_count);
	tune = xml_add(b->xml, b->domain, "cputune", NULL);
	for (size_t i = 0; i < p.vcpus; i++)
		xml_add(b->xml, tune, "vcpupin", "vcpu", domain_number(b, (int64_t)i), "cpuset", pin_set(b, i, i + 1), NULL);
	if (p.emulator > 0)
		xml_add(b->xml, tune, "emulatorpin", "cpuset", pin_set(b, wanted - p.emulator, wanted), NULL);
	for (size_t i = 0; i < p.pool; i++)
		pin_thread(b, tune, (int)i + 1, p.vcpus + i, p.vcpus + i + 1);
	if (p.pool == 0)
		pin_threads(b, tune, &p);
	add_realtime(b, tune, p.vcpus);
	return 0;
}

int
domain_add_cpu(struct domain_build *b, struct error *err)
{
	struct topology t = topology(b);
	struct xml_node *node;

	add_vcpus(b, &t);
	if (add_tune(b, err) < 0)
		return -1;
	node = xml_add(b->xml, b->domain, "cpu", NULL);
	add_model(b, node);
	xml_add(b->xml, node, "topology", "sockets", domain_number(b, t.sockets), "cores", domain_number(b, t.cores), "threads",
	    domain_number(b, t.threads), NULL);
	if (is_mapped(b->spec) && b->input->pin_count > 0)
		return add_mapping(b, node, err);
	if (domain_has_memfd(b))
		add_single_cell(b, node, t.most);
	return 0;
}
