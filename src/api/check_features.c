/* Rules for features of the hypervisor and for clocks. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"

#define HYPERV "domain.features.hyperv"

enum { VENDOR_MOST = 12, SPINLOCKS_LEAST = 4096 };

/* A feature that is there is on unless it says otherwise. */
static bool
is_off(const struct feature_state *f)
{
	return f != NULL && f->enabled == TRISTATE_FALSE;
}

/* H1: what an enlightenment stands on is switched on with it, unless it is switched off by hand. */
static void
check_dependencies(const struct checking *c, const struct hyperv *h)
{
	const struct {
		const char *name;
		bool on, off;
		const char *base;
	} rows[] = {
		{ "evmcs", h->evmcs != NULL && !is_off(h->evmcs), is_off(h->vapic), "vapic" },
		{ "ipi", h->ipi != NULL && !is_off(h->ipi), is_off(h->vpindex), "vpindex" },
		{ "tlbflush", h->tlbflush != NULL && h->tlbflush->enabled != TRISTATE_FALSE, is_off(h->vpindex), "vpindex" },
		{ "synictimer", h->synictimer != NULL && h->synictimer->enabled != TRISTATE_FALSE, is_off(h->synic), "synic" },
		{ "synic", h->synic != NULL && !is_off(h->synic), is_off(h->vpindex), "vpindex" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *field = g_strconcat(HYPERV ".", rows[i].name, NULL);
		if (rows[i].on && rows[i].off)
			complain_start(c, CAUSE_INVALID, field, "needs %s, which is switched off", rows[i].base);
	}
}

static void
check_hyperv(const struct checking *c, const struct hyperv *h)
{
	check_dependencies(c, h);
	if (c->spec->domain->features->hyperv_passthrough != NULL)
		complain_start(c, CAUSE_INVALID, HYPERV, "hyperv and hypervPassthrough exclude each other: write one of them");
	if (h->vendorid != NULL && h->vendorid->vendor_id != NULL && strlen(h->vendorid->vendor_id) > VENDOR_MOST)
		advise(c, HYPERV ".vendorid.vendorid", "is longer than %d characters: the machine cannot start", VENDOR_MOST);
	if (h->spinlocks != NULL && written(c, HYPERV ".spinlocks.spinlocks") != NULL && h->spinlocks->spinlocks < SPINLOCKS_LEAST)
		advise(c, HYPERV ".spinlocks.spinlocks", "is less than %d: the machine cannot start", SPINLOCKS_LEAST);
}

/* What each timer does with missed ticks; KubeVirt leaves it to libvirt to refuse the rest. */
static void
check_timers(const struct checking *c, const struct timers *t)
{
	const struct {
		const char *name;
		const struct timer *timer;
		const char *policies[5];
	} rows[] = {
		{ "hpet", t->hpet, { "delay", "catchup", "merge", "discard" } },
		{ "pit", t->pit, { "delay", "catchup", "discard" } },
		{ "rtc", t->rtc, { "delay", "catchup" } },
	};
	static const char *const tracks[] = { "guest", "wall", NULL };

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *field = g_strdup_printf("domain.clock.timer.%s.tickPolicy", rows[i].name);
		g_autofree char *words = g_strjoinv(", ", (char **)(uintptr_t)rows[i].policies);
		const struct timer *timer = rows[i].timer;
		if (timer != NULL && is_text(timer->tick_policy) && !is_one_of(timer->tick_policy, rows[i].policies))
			advise(c, field, "\"%.40s\" is not one of %s: the machine cannot start", timer->tick_policy, words);
	}
	if (t->rtc != NULL && is_text(t->rtc->track) && !is_one_of(t->rtc->track, tracks))
		advise(c, "domain.clock.timer.rtc.track", "\"%.40s\" is not one of guest, wall: the machine cannot start", t->rtc->track);
}

void
check_features(const struct checking *c)
{
	const struct domain *d = c->spec->domain;

	if (d->features != NULL && d->features->hyperv != NULL)
		check_hyperv(c, d->features->hyperv);
	if (d->clock != NULL && d->clock->timer != NULL)
		check_timers(c, d->clock->timer);
	if (d->clock != NULL && d->clock->utc != NULL && is_text(d->clock->timezone))
		advise(c, "domain.clock", "utc and timezone exclude each other: the clock starts at UTC");
	/* F10: KubeVirt calls it "count". */
	if (d->io_threads_policy == IO_THREADS_SUPPLEMENTAL_POOL &&
	    (d->io_threads == NULL || d->io_threads->supplemental_pool_thread_count < 1))
		complain_as(c, CAUSE_INVALID, "domain.ioThreads.count", "domain.ioThreads.supplementalPoolThreadCount",
		    "supplementalPoolThreadCount is required with ioThreadsPolicy: supplementalPool, and must be at least 1");
}
