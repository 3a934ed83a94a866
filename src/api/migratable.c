/* What stands against a live migration; see migratable.h. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/domain.h"
#include "src/api/migratable.h"

#define ALLOW_BRIDGE "kubevirt.io/allow-pod-bridge-network-live-migration"

/* --- reasons that lie in the hardware ------------------------------------------------------------------------------- */

/* The interface on the pod network, or NULL. */
static const struct interface *
pod_interface(const struct vmi_spec *spec)
{
	SCHEMA_EACH (struct interface, i, &spec->domain->devices->interfaces) {
		const struct network *n = vmi_network(spec, i->name);

		if (n != NULL && n->pod != NULL)
			return i;
	}
	return NULL;
}

static bool
has_fixed_interface(const struct vmi *vmi)
{
	const struct interface *i = pod_interface(vmi->spec);

	if (i == NULL || i->masquerade != NULL || i->passt_binding != NULL)
		return false;
	return i->bridge == NULL || schema_map_get(&vmi->head.meta->annotations, ALLOW_BRIDGE) == NULL;
}

static bool
has_host_device(const struct vmi *vmi)
{
	return vmi->spec->domain->devices->host_devices.count > 0;
}

static bool
has_gpu(const struct vmi *vmi)
{
	return vmi->spec->domain->devices->gpus.count == 1;
}

static bool
has_gpus(const struct vmi *vmi)
{
	return vmi->spec->domain->devices->gpus.count > 1;
}

static bool
has_sev(const struct vmi *vmi)
{
	const struct launch_security *s = vmi->spec->domain->launch_security;

	return s != NULL && (s->sev != NULL || s->snp != NULL);
}

static bool
has_tdx(const struct vmi *vmi)
{
	const struct launch_security *s = vmi->spec->domain->launch_security;

	return s != NULL && s->tdx != NULL;
}

/* On that architecture launchSecurity means nothing else. */
static bool
has_secure_execution(const struct vmi *vmi)
{
	return vmi->spec->domain->launch_security != NULL && g_strcmp0(vmi->spec->architecture, "s390x") == 0;
}

static bool
is_on(const struct feature_state *state)
{
	return state != NULL && state->enabled != TRISTATE_FALSE;
}

static bool
has_reenlightenment(const struct vmi *vmi)
{
	const struct features *f = vmi->spec->domain->features;

	return f != NULL && f->hyperv != NULL && is_on(f->hyperv->reenlightenment);
}

static bool
has_invtsc(const struct vmi *vmi)
{
	const struct cpu *cpu = vmi->spec->domain->cpu;

	if (cpu != NULL)
		SCHEMA_EACH (struct cpu_feature, f, &cpu->features)
			if (g_strcmp0(f->name, "invtsc") == 0 && (f->policy == CPU_FEATURE_UNSET || f->policy == CPU_FEATURE_REQUIRE))
				return true;
	return false;
}

static bool
has_hyperv_passthrough(const struct vmi *vmi)
{
	const struct features *f = vmi->spec->domain->features;

	return f != NULL && is_on(f->hyperv_passthrough);
}

/* In KubeVirt's order: the first that applies is told.  Hosts tell no frequency of their time stamp counters. */
static const struct {
	bool (*applies)(const struct vmi *vmi);
	const char *reason, *message;
} reasons[] = {
	{ has_fixed_interface, "InterfaceNotLiveMigratable",
	    "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network" },
	{ has_host_device, "HostDeviceNotLiveMigratable", "VMI specifies non-migratable generic PCI host device" },
	{ has_gpus, "HostDeviceNotLiveMigratable", "VMI specifies too many GPUs" },
	{ has_gpu, "HostDeviceNotLiveMigratable", "VMI specifies a GPU but feature gate VGPULiveMigration is not enabled" },
	{ has_sev, "SEVNotLiveMigratable", "VMI uses SEV" },
	{ has_tdx, "TDXNotLiveMigratable", "VMI uses TDX" },
	{ has_secure_execution, "SecureExecutionNotLiveMigratable", "VMI uses Secure Execution" },
	{ has_reenlightenment, "NoTSCFrequencyNotLiveMigratable",
	    "HyperV Reenlightenment VMIs cannot migrate when TSC Frequency is not exposed on the cluster" },
	{ has_invtsc, "NoTSCFrequencyNotLiveMigratable", "the CPU feature invtsc cannot migrate where the host's TSC frequency is not known" },
	{ has_hyperv_passthrough, "HypervPassthroughNotLiveMigratable", "VMI uses hyperv passthrough" },
};

/* --- disks ---------------------------------------------------------------------------------------------------------- */

static const char *
claim_of(const struct volume *v)
{
	if (v->data_volume != NULL)
		return v->data_volume->name;
	return v->persistent_volume_claim == NULL ? NULL : v->persistent_volume_claim->claim_name;
}

/* The first disk that only one host may write, as a sentence, or NULL. */
static char *
unshared(const struct vmi_spec *spec, migratable_claim *claim, void *arg)
{
	SCHEMA_EACH (struct volume, v, &spec->volumes) {
		const char *name = claim_of(v);
		int shared = name == NULL ? 1 : claim(arg, name);

		if (v->host_disk != NULL && v->host_disk->shared != TRISTATE_TRUE)
			return g_strdup("cannot migrate VMI with non-shared HostDisk");
		if (shared != 1)
			return g_strdup_printf("cannot migrate VMI: %sPVC %s is %sshared, live migration requires that all PVCs must be shared "
			    "(using ReadWriteMany access mode)", shared < 0 ? "Unable to determine if " : "", name, shared < 0 ? "" : "not ");
	}
	return NULL;
}

/* A read-only CD-ROM is made anew where the instance goes. */
static bool
is_on_cdrom(const struct vmi_spec *spec, const char *volume)
{
	SCHEMA_EACH (struct disk, d, &spec->domain->devices->disks)
		if (g_strcmp0(d->name, volume) == 0)
			return d->cdrom != NULL && d->cdrom->readonly != TRISTATE_FALSE;
	return false;
}

bool
migratable_needs_copy(const struct vmi_spec *spec, migratable_claim *claim, void *arg)
{
	SCHEMA_EACH (struct volume, v, &spec->volumes) {
		const char *name = claim_of(v);

		if (name != NULL ? claim(arg, name) != 1 : v->host_disk != NULL ? v->host_disk->shared != TRISTATE_TRUE
		                                                                  : !is_on_cdrom(spec, v->name))
			return true;
	}
	return false;
}

/* --- what is told --------------------------------------------------------------------------------------------------- */

const char *
migratable_reason(const struct vmi *vmi, migratable_claim *claim, void *arg, char **message)
{
	char *disk;

	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (reasons[i].applies(vmi)) {
			*message = g_strdup(reasons[i].message);
			return reasons[i].reason;
		}
	disk = unshared(vmi->spec, claim, arg);
	if (disk == NULL)
		return NULL;
	*message = disk;
	return "DisksNotLiveMigratable";
}

char *
migratable_storage(const struct vmi *vmi)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (reasons[i].applies(vmi))
			g_string_append_printf(text, "%s%s: %s", text->len == 0 ? "" : ", ", reasons[i].reason, reasons[i].message);
	return text->len == 0 ? NULL : g_strdup(text->str);
}
