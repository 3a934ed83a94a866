/* Defaults of features, timers and firmware's neighbours; see defaults.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/defaults.h"
#include "src/api/domain.h"

enum { SPINLOCK_RETRIES = 4096 };

static void
turn_on(enum tristate *enabled)
{
	if (*enabled == TRISTATE_UNSET)
		*enabled = TRISTATE_TRUE;
}

/* What is there without a value is on. */
static void
states_on(struct feature_state *const *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (states[i] != NULL)
			turn_on(&states[i]->enabled);
}

static void
default_timers(const struct guest_clock *clock)
{
	const struct timers *t = clock == NULL ? NULL : clock->timer;

	if (t == NULL)
		return;
	struct timer *const timers[] = { t->hpet, t->pit, t->rtc, t->kvm, t->hyperv };
	for (size_t i = 0; i < G_N_ELEMENTS(timers); i++)
		if (timers[i] != NULL)
			turn_on(&timers[i]->present);
}

static void
default_hyperv(const struct hyperv *h)
{
	struct feature_state *const states[] = { h->relaxed, h->vapic, h->vpindex, h->runtime, h->synic, h->reset, h->frequencies,
		h->reenlightenment, h->ipi, h->evmcs, h->synictimer == NULL ? NULL : h->synictimer->direct,
		h->tlbflush == NULL ? NULL : h->tlbflush->direct, h->tlbflush == NULL ? NULL : h->tlbflush->extended };

	states_on(states, G_N_ELEMENTS(states));
	if (h->synictimer != NULL)
		turn_on(&h->synictimer->enabled);
	if (h->tlbflush != NULL)
		turn_on(&h->tlbflush->enabled);
	if (h->vendorid != NULL)
		turn_on(&h->vendorid->enabled);
	if (h->spinlocks == NULL)
		return;
	turn_on(&h->spinlocks->enabled);
	if (h->spinlocks->enabled == TRISTATE_TRUE && h->spinlocks->spinlocks == 0)
		h->spinlocks->spinlocks = SPINLOCK_RETRIES;
}

/* --- what one enlightenment needs of another ---------------------------------------------------------------------- */

static bool
is_on(const struct feature_state *state)
{
	return state != NULL && state->enabled == TRISTATE_TRUE;
}

/* False when it was turned off, which then stays so: starting it is the guest's affair. */
static bool
require(bool wanted, struct feature_state **needed)
{
	if (!wanted || is_on(*needed))
		return true;
	if (*needed != NULL && (*needed)->enabled == TRISTATE_FALSE)
		return false;
	if (*needed == NULL)
		*needed = g_new0(struct feature_state, 1);
	(*needed)->enabled = TRISTATE_TRUE;
	return true;
}

static void
require_vmx(struct vmi_spec *spec)
{
	struct schema_list *features = &spec->domain->cpu->features;
	struct cpu_feature *vmx = NULL;
	const struct schema *schema = NULL;

	SCHEMA_EACH (struct cpu_feature, f, features)
		if (g_strcmp0(f->name, "vmx") == 0)
			vmx = f;
	if (vmx == NULL) {
		schema_find(&domain_schema, "cpu.features", &schema);
		vmx = schema_list_add(features, schema);
		g_free(vmx->name); /* the row's default */
		vmx->name = g_strdup("vmx");
	}
	vmx->policy = CPU_FEATURE_REQUIRE;
}

static void
default_dependencies(struct vmi_spec *spec, struct hyperv *h)
{
	bool met = require(is_on(h->evmcs), &h->vapic) && require(is_on(h->ipi), &h->vpindex) &&
	    require(h->tlbflush != NULL && h->tlbflush->enabled == TRISTATE_TRUE, &h->vpindex) &&
	    require(h->synictimer != NULL && h->synictimer->enabled == TRISTATE_TRUE, &h->synic) && require(is_on(h->synic), &h->vpindex);

	(void)met; /* the first that cannot be met ends it, as in KubeVirt; validation names it */
	if (h->evmcs != NULL && h->evmcs->enabled != TRISTATE_FALSE)
		require_vmx(spec);
}

/* --- the rest ------------------------------------------------------------------------------------------------------ */

static void
default_devices(const struct devices *devices)
{
	SCHEMA_EACH (struct disk, d, &devices->disks)
		if (d->block_size != NULL && d->block_size->match_volume != NULL)
			turn_on(&d->block_size->match_volume->enabled);
	SCHEMA_EACH (struct host_device, g, &devices->gpus) {
		const struct gpu_display *display = g->virtual_gpu_options == NULL ? NULL : g->virtual_gpu_options->display;

		if (display != NULL && display->ram_fb != NULL)
			turn_on(&display->ram_fb->enabled);
	}
}

void
vmi_features_default(struct vmi_spec *spec)
{
	struct features *f = spec->domain->features;

	if (f == NULL)
		f = spec->domain->features = g_new0(struct features, 1);
	if (f->acpi == NULL)
		f->acpi = g_new0(struct feature_state, 1);
	if (f->acpi->enabled == TRISTATE_UNSET && g_strcmp0(spec->architecture, "s390x") == 0)
		f->acpi->enabled = TRISTATE_FALSE;
	struct feature_state *const states[] = { f->acpi, f->apic, f->smm, f->pvspinlock };
	states_on(states, G_N_ELEMENTS(states));
	default_timers(spec->domain->clock);
	default_devices(spec->domain->devices);
	if (f->hyperv == NULL)
		return;
	default_hyperv(f->hyperv);
	default_dependencies(spec, f->hyperv);
}
