/* Rules for memory. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/base/quantity.h"
#include "src/document/document.h"
#include "src/document/path.h"

#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define GUEST_MOST (INT64_C(1) << 52) /* what a processor of today can address */

enum { REQUEST_LEAST = 1000000 /* "1M" */ };

static int64_t
request_of(const struct checking *c)
{
	const struct resources *r = c->spec->domain->resources;

	return r == NULL || r->requests == NULL ? 0 : r->requests->memory;
}

static int64_t
limit_of(const struct checking *c)
{
	const struct resources *r = c->spec->domain->resources;

	return r == NULL || r->limits == NULL ? 0 : r->limits->memory;
}

/* M2 to M5 */
static void
check_amounts(const struct checking *c, int64_t request, int64_t limit)
{
	if (request < 0)
		complain(c, CAUSE_INVALID, "domain.resources.requests.memory", "must not be negative");
	else if (request > 0 && request < REQUEST_LEAST)
		complain(c, CAUSE_INVALID, "domain.resources.requests.memory", "must be at least 1M (1000000 bytes)");
	if (limit < 0)
		complain(c, CAUSE_INVALID, "domain.resources.limits.memory", "must not be negative");
	if (limit > 0 && request > limit)
		complain(c, CAUSE_INVALID, "domain.resources.requests.memory", "must not be more than resources.limits.memory");
}

/* M6 to M8: KubeVirt tells what does not fit the pages of the request, also where there is none. */
static void
check_hugepages(const struct checking *c, int64_t request)
{
	const struct memory *m = c->spec->domain->memory;
	int64_t page = m->hugepages->page_size, memory = request != 0 ? request : m->guest != 0 ? m->guest : limit_of(c);
	static const char *const field = "domain.resources.requests.memory", *const place = "domain.memory.hugepages.pageSize";
	const json_t *text = written(c, place);

	if (!json_is_string(text) || page == 0) {
		complain(c, CAUSE_INVALID, place, "must be the size of a page: 2Mi or 1Gi");
		return;
	}
	g_autofree char *size = quantity_format_bytes(page);
	if (page < 0)
		advise(c, place, "%s is not the size of a page, such as 2Mi or 1Gi: the machine cannot start", size);
	if (memory != 0 && memory < page)
		complain_as(c, CAUSE_INVALID, field, place, "memory must be at least one huge page of %s", size);
	else if (memory % page != 0)
		complain_as(c, CAUSE_INVALID, field, place, "memory must be a multiple of the huge page of %s", size);
}

/* An instancetype brings memory and CPUs. */
static bool
has_instancetype(const struct checking *c)
{
	return !c->starts && path_find(c->document->root, "spec.instancetype") != NULL;
}

/* What is none is told by its row. */
static bool
is_quantity(const json_t *value)
{
	const char *text = json_string_value(value);
	int64_t number;

	return json_is_number(value) || (text != NULL && quantity_parse(text, 1, &number, NULL) == 0);
}

/* M1 */
static void
check_guest(const struct checking *c)
{
	const struct memory *m = c->spec->domain->memory;

	if (vmi_memory(c->spec) == 0 && written(c, "domain.memory.guest") == NULL && !has_instancetype(c))
		complain_start(c, CAUSE_REQUIRED, "domain.memory.guest", "is required: how much memory the guest has, such as 1Gi");
	if (m == NULL)
		return;
	if (is_quantity(written(c, "domain.memory.guest")) && m->guest < MIB) {
		g_autofree char *size = quantity_format_bytes(m->guest);
		advise(c, "domain.memory.guest", "%s%s is less than a guest can be started with, such as 1Gi: the machine cannot start", size,
		    m->guest % 1024 == 0 ? "" : " bytes");
	}
	if (m->guest > GUEST_MOST)
		advise(c, "domain.memory.guest", "is more than any host has: the machine cannot start");
	if (c->starts && m->max_guest > 0 && m->max_guest < m->guest)
		advise(c, "domain.memory.maxGuest", "is less than memory.guest: no memory can be plugged in");
}

void
check_memory(const struct checking *c)
{
	const struct memory *m = c->spec->domain->memory;
	int64_t request = request_of(c);

	check_amounts(c, request, limit_of(c));
	check_guest(c);
	if (m != NULL && m->hugepages != NULL)
		check_hugepages(c, request);
}

/* Why memory cannot be plugged into such a machine, or NULL. */
static const char *
no_hotplug(const struct vmi_spec *spec)
{
	const struct domain *d = spec->domain;
	const struct cpu *cpu = d->cpu;
	int64_t guest = vmi_memory(spec), maximum = d->memory->max_guest;
	bool giants = d->memory->hugepages != NULL && d->memory->hugepages->page_size == GIB;
	int64_t block = giants ? GIB : 2 * MIB;

	if (cpu != NULL && cpu->realtime != NULL)
		return "a machine with cpu.realtime takes no more memory while it runs: remove maxGuest";
	if (cpu != NULL && cpu->numa != NULL && cpu->numa->guest_mapping_passthrough != NULL)
		return "a machine with guestMappingPassthrough takes no more memory while it runs: remove maxGuest";
	if (d->launch_security != NULL)
		return "an encrypted machine takes no more memory while it runs: remove maxGuest";
	if (guest == 0)
		return "is required with maxGuest";
	if (guest > maximum)
		return "must not be more than maxGuest";
	if (guest % block != 0)
		return giants ? "must be a multiple of 1Gi with maxGuest" : "must be a multiple of 2Mi with maxGuest";
	if (maximum % block != 0)
		return giants ? "maxGuest must be a multiple of 1Gi" : "maxGuest must be a multiple of 2Mi";
	if (is_text(spec->architecture) && strcmp(spec->architecture, "amd64") != 0)
		return "only machines of amd64 take more memory while they run: remove maxGuest";
	if (guest < GIB)
		return "must be at least 1Gi with maxGuest";
	return NULL;
}

void
vm_memory_check(const struct vmi_spec *spec, const struct document *document, const char *path, struct diagnostics *diagnostics)
{
	struct checking c = { spec, document, path, diagnostics, false };
	const char *why;

	if (spec->domain->memory == NULL || written(&c, "domain.memory.maxGuest") == NULL || has_instancetype(&c))
		return;
	why = no_hotplug(spec);
	if (why != NULL)
		complain_as(&c, CAUSE_INVALID, "domain.memory.guest", "domain.memory.maxGuest", "%s", why);
}
