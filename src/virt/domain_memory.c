/* A domain's memory: how much, how far it may grow, and what it is made of. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "src/base/error.h"
#include "src/virt/domain_build.h"

static void
add_bytes(struct domain_build *b, const char *name, int64_t bytes)
{
	xml_set(b->xml, xml_add_text(b->xml, b->domain, name, domain_number(b, bytes)), "unit", "b");
}

/* libvirt before version 10 wants slots and a memory node for what may grow: host_fit.c knows. */
static void
add_max_memory(struct domain_build *b, int64_t bytes)
{
	struct xml_node *node;

	if (b->spec->domain->memory == NULL || b->spec->domain->memory->max_guest <= bytes)
		return;
	node = xml_add_text(b->xml, b->domain, "maxMemory", domain_number(b, b->spec->domain->memory->max_guest));
	xml_set(b->xml, node, "slots", "0");
	xml_set(b->xml, node, "unit", "b");
}

/* Memory nodes of the guest that lie on nodes of the host have their pages there from the beginning. */
static void
add_pages(struct domain_build *b, struct xml_node *backing)
{
	const struct memory *memory = b->spec->domain->memory;
	const struct cpu *cpu = b->spec->domain->cpu;
	bool mapped = cpu != NULL && cpu->numa != NULL && cpu->numa->guest_mapping_passthrough != NULL;
	struct xml_node *pages = xml_add(b->xml, backing, "hugepages", NULL);
	int cells = mapped ? domain_numa_cells(b) : 0;

	for (int i = 0; i < cells; i++)
		xml_add(b->xml, pages, "page", "size", domain_number(b, memory->hugepages->page_size), "unit", "b", "nodeset",
		    domain_number(b, i), NULL);
	if (mapped && cpu->realtime != NULL)
		xml_add(b->xml, backing, "nosharepages", NULL);
}

static bool
has_hugepages(const struct vmi_spec *spec)
{
	return spec->domain->memory != NULL && spec->domain->memory->hugepages != NULL;
}

bool
domain_has_memfd(const struct domain_build *b)
{
	const char *wish = schema_map_get(&b->input->vmi->head.meta->annotations, "kubevirt.io/memfd");

	return domain_shares_memory(b->spec) || (has_hugepages(b->spec) && g_strcmp0(wish, "false") != 0);
}

static void
add_backing(struct domain_build *b)
{
	const struct cpu *cpu = b->spec->domain->cpu;
	bool huge = has_hugepages(b->spec), shared = domain_shares_memory(b->spec);
	struct xml_node *backing;

	if (!huge && !shared)
		return;
	backing = xml_add(b->xml, b->domain, "memoryBacking", NULL);
	if (huge)
		add_pages(b, backing);
	if (domain_has_memfd(b))
		xml_add(b->xml, backing, "source", "type", "memfd", NULL);
	if (shared)
		xml_add(b->xml, backing, "access", "mode", "shared", NULL);
	if (huge && cpu != NULL && cpu->numa != NULL && cpu->numa->guest_mapping_passthrough != NULL)
		xml_add(b->xml, backing, "allocation", "mode", "immediate", NULL);
}

int
domain_add_memory(struct domain_build *b, struct error *err)
{
	int64_t bytes = vmi_memory(b->spec);

	if (bytes <= 0)
		return error_set(err, EINVAL, "the instance has no guest memory");
	add_max_memory(b, bytes);
	add_bytes(b, "memory", bytes);
	add_backing(b);
	return 0;
}
