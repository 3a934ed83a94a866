/* Features of a domain's hypervisor: ACPI, SMM, Hyper-V's enlightenments; and memory that is hidden from the host. */
#include "config.h"

#include <string.h>

#include "src/virt/domain_build.h"

/* QEMU's translation buffer takes up to 1 GiB by default; this is enough for small guests. */
#define TCG_CACHE_MIB "32"

/* A feature with a state; returns its element, NULL when the feature is not named. */
static struct xml_node *
add_state(struct domain_build *b, struct xml_node *parent, const char *name, const struct feature_state *feature)
{
	return feature == NULL ? NULL : xml_add(b->xml, parent, name, "state", domain_on_off(feature->enabled), NULL);
}

/* A feature that is there or not. */
static void
add_present(struct domain_build *b, struct xml_node *features, const char *name, const struct feature_state *feature)
{
	if (feature != NULL && feature->enabled != TRISTATE_FALSE)
		xml_add(b->xml, features, name, NULL);
}

/* --- Hyper-V -------------------------------------------------------------------------------------------------------- */

static void
add_hyperv_more(struct domain_build *b, struct xml_node *node, const struct hyperv *h)
{
	struct xml_node *child;

	if (h->spinlocks != NULL) {
		child = xml_add(b->xml, node, "spinlocks", "state", domain_on_off(h->spinlocks->enabled), NULL);
		if (h->spinlocks->spinlocks > 0)
			xml_set(b->xml, child, "retries", domain_number(b, h->spinlocks->spinlocks));
	}
	if (h->synictimer != NULL) {
		child = xml_add(b->xml, node, "stimer", "state", domain_on_off(h->synictimer->enabled), NULL);
		add_state(b, child, "direct", h->synictimer->direct);
	}
	if (h->tlbflush != NULL) {
		child = xml_add(b->xml, node, "tlbflush", "state", domain_on_off(h->tlbflush->enabled), NULL);
		add_state(b, child, "direct", h->tlbflush->direct);
		add_state(b, child, "extended", h->tlbflush->extended);
	}
	if (h->vendorid != NULL)
		xml_add(b->xml, node, "vendor_id", "state", domain_on_off(h->vendorid->enabled), "value", h->vendorid->vendor_id, NULL);
}

/* QEMU asks the kernel's KVM for vpindex, and refuses to start where there is none. */
static void
add_hyperv(struct domain_build *b, struct xml_node *features, const struct hyperv *h)
{
	const struct {
		const char *name;
		const struct feature_state *state;
	} rows[] = { { "relaxed", h->relaxed }, { "vapic", h->vapic }, { "vpindex", b->input->emulation ? NULL : h->vpindex },
		{ "runtime", h->runtime }, { "synic", h->synic }, { "reset", h->reset }, { "frequencies", h->frequencies },
		{ "reenlightenment", h->reenlightenment }, { "ipi", h->ipi }, { "evmcs", h->evmcs } };
	struct xml_node *node = xml_add(b->xml, features, "hyperv", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		add_state(b, node, rows[i].name, rows[i].state);
	add_hyperv_more(b, node, h);
}

/* --- the list -------------------------------------------------------------------------------------------------------- */

static void
add_kvm(struct domain_build *b, struct xml_node *features, const struct feature_kvm *kvm)
{
	bool dedicated = domain_is_dedicated(b->spec) && b->pc;
	struct xml_node *node;

	if (kvm == NULL && !dedicated)
		return;
	node = xml_add(b->xml, features, "kvm", NULL);
	if (kvm != NULL)
		xml_add(b->xml, node, "hidden", "state", kvm->hidden ? "on" : "off", NULL);
	if (dedicated)
		xml_add(b->xml, node, "hint-dedicated", "state", "on", NULL);
}

static bool
has_no_pmu(const struct vmi_spec *spec)
{
	const struct launch_security *security = spec->domain->launch_security;

	return (security != NULL && security->tdx != NULL) ||
	    (domain_is_dedicated(spec) && spec->domain->cpu->realtime != NULL);
}

/* Spinlocks that are passed to KVM cannot be had without it; libvirt says so only when they are to be on. */
static void
add_pvspinlock(struct domain_build *b, struct xml_node *features, const struct feature_state *wanted)
{
	if (!b->input->emulation || (wanted != NULL && wanted->enabled == TRISTATE_FALSE))
		add_state(b, features, "pvspinlock", wanted);
}

void
domain_add_features(struct domain_build *b)
{
	static const struct features none;
	const struct features *wanted = b->spec->domain->features == NULL ? &none : b->spec->domain->features;
	struct xml_node *features = xml_add(b->xml, b->domain, "features", NULL);

	if (vmi_has_acpi(b->spec))
		xml_add(b->xml, features, "acpi", NULL);
	add_present(b, features, "apic", wanted->apic);
	if (wanted->hyperv != NULL)
		add_hyperv(b, features, wanted->hyperv);
	else if (wanted->hyperv_passthrough != NULL && wanted->hyperv_passthrough->enabled != TRISTATE_FALSE)
		xml_add(b->xml, features, "hyperv", "mode", "passthrough", NULL);
	add_kvm(b, features, wanted->kvm);
	add_pvspinlock(b, features, wanted->pvspinlock);
	add_present(b, features, "smm", wanted->smm);
	if (has_no_pmu(b->spec))
		xml_add(b->xml, features, "pmu", "state", "off", NULL);
	if (b->pc)
		xml_add(b->xml, features, "vmport", "state", "off", NULL);
	if (b->input->emulation)
		xml_set(b->xml, xml_add_text(b->xml, xml_add(b->xml, features, "tcg", NULL), "tb-cache", TCG_CACHE_MIB), "unit", "MiB");
}

/* --- launch security -------------------------------------------------------------------------------------------------- */

/* Bits of AMD's guest policies: no debugging; registers encrypted; SMT allowed and a bit that must be one. */
enum { SEV_NO_DEBUG = 1 << 0, SEV_ENCRYPTED_STATE = 1 << 2, SNP_POLICY = 0x30000 };

static void
add_sev(struct domain_build *b, const struct sev *sev)
{
	bool encrypted = sev->policy != NULL && sev->policy->encrypted_state;
	struct xml_node *node = xml_add(b->xml, b->domain, "launchSecurity", "type", "sev", NULL);

	xml_add_text(b->xml, node, "policy", xml_text(b->xml, "0x%x", SEV_NO_DEBUG | (encrypted ? SEV_ENCRYPTED_STATE : 0)));
	if (sev->dh_cert != NULL && *sev->dh_cert != '\0')
		xml_add_text(b->xml, node, "dhCert", sev->dh_cert);
	if (sev->session != NULL && *sev->session != '\0')
		xml_add_text(b->xml, node, "session", sev->session);
}

void
domain_add_launch_security(struct domain_build *b)
{
	const struct launch_security *security = b->spec->domain->launch_security;
	struct xml_node *node;

	if (security == NULL || !b->pc)
		return;
	if (security->sev != NULL) {
		add_sev(b, security->sev);
	} else if (security->snp != NULL) {
		node = xml_add(b->xml, b->domain, "launchSecurity", "type", "sev-snp", NULL);
		xml_add_text(b->xml, node, "policy", xml_text(b->xml, "0x%x", SNP_POLICY));
	} else if (security->tdx != NULL) {
		xml_add(b->xml, b->domain, "launchSecurity", "type", "tdx", NULL);
	}
}
