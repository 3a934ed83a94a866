/* Rules for architecture, machine type, firmware and the protection of memory. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "src/api/check.h"
#include "src/base/error.h"

#define SECURITY "domain.launchSecurity"

/* Machine types by architecture, as KubeVirt has them. */
static const struct {
	const char *architecture;
	const char *prefixes[3];
	const char *advice;
} machines[] = {
	{ "amd64", { "q35", "pc-q35" }, "q35 or a pc-q35-VERSION" },
	{ "arm64", { "virt" }, "virt or a virt-VERSION" },
	{ "s390x", { "s390-ccw-virtio" }, "s390-ccw-virtio or one of its versions" },
};

static const char *
architecture_of(const struct vmi_spec *spec)
{
	return is_text(spec->architecture) ? spec->architecture : "amd64";
}

/* G3; what a host cannot do is told when the instance is made, as KubeVirt does. */
static void
check_architecture(const struct checking *c)
{
	static const char *const known[] = { "amd64", "arm64", "s390x", NULL };
	const char *architecture = architecture_of(c->spec);

	if (!is_one_of(architecture, known))
		complain_start(c, CAUSE_NOT_SUPPORTED, "architecture", "\"%.40s\" is not supported: amd64 is", architecture);
	else if (strcmp(architecture, "amd64") != 0)
		advise(c, "architecture", "hosts are of amd64: a machine of %s cannot start here", architecture);
}

/* F1 */
static void
check_machine(const struct checking *c)
{
	const struct machine *m = c->spec->domain->machine;
	size_t row = 0;

	if (m == NULL || !is_text(m->type))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(machines); i++)
		if (strcmp(machines[i].architecture, architecture_of(c->spec)) == 0)
			row = i;
	for (size_t i = 0; machines[row].prefixes[i] != NULL; i++)
		if (g_str_has_prefix(m->type, machines[row].prefixes[i]) && strchr(m->type, '/') == NULL)
			return;
	complain(c, CAUSE_INVALID, "domain.machine.type", "machine type \"%.40s\" is not supported: use %s", m->type, machines[row].advice);
}

static const struct efi *
efi_of(const struct domain *d)
{
	return d->firmware == NULL || d->firmware->bootloader == NULL ? NULL : d->firmware->bootloader->efi;
}

static bool
has_smm(const struct domain *d)
{
	return d->features != NULL && d->features->smm != NULL && d->features->smm->enabled != TRISTATE_FALSE;
}

/* F3; TDX has the keys in its firmware. */
static void
check_secure_boot(const struct checking *c)
{
	const struct domain *d = c->spec->domain;
	const struct efi *efi = efi_of(d);

	if (efi == NULL || efi->secure_boot == TRISTATE_FALSE || has_smm(d) || (d->launch_security != NULL && d->launch_security->tdx != NULL))
		return;
	complain_as(c, CAUSE_INVALID, "domain", "domain.firmware.bootloader.efi",
	    "secure boot (%s) needs features.smm.enabled: true; or set firmware.bootloader.efi.secureBoot to false",
	    efi->secure_boot == TRISTATE_TRUE ? "efi.secureBoot" : "the default of efi");
}

/* F4 of one table */
static void
check_table(const struct checking *c, const char *field, const char *name)
{
	const struct volume *v = is_text(name) ? vmi_volume(c->spec, name) : NULL;

	if (is_text(name) && v == NULL)
		complain(c, CAUSE_INVALID, field, "no volume is named \"%s\": add it under volumes", name);
	else if (is_text(name) && v->secret == NULL)
		complain(c, CAUSE_INVALID, field, "the volume \"%s\" is not a secret: the table is a key of one", name);
}

/* F5 to F8 */
static void
check_kernel(const struct checking *c, const struct kernel_boot *k)
{
	static const char *const base = "domain.firmware.kernelBoot";

	if (k == NULL)
		return;
	if (k->container == NULL) {
		if (is_text(k->kernel_args))
			complain(c, CAUSE_INVALID, "domain.firmware.kernelBoot.kernelArgs", "has no meaning without a container with a kernel");
		return;
	}
	if (!is_text(k->container->image))
		complain(c, CAUSE_REQUIRED, "domain.firmware.kernelBoot.container.image", "is required: the image with kernel and initrd");
	if (!is_text(k->container->kernel_path) && !is_text(k->container->initrd_path))
		complain(c, CAUSE_REQUIRED, "domain.firmware.kernelBoot.container", "needs kernelPath or initrdPath");
	struct {
		const char *field, *path;
	} paths[] = { { "kernelPath", k->container->kernel_path }, { "initrdPath", k->container->initrd_path } };
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *field = g_strdup_printf("%s.container.%s", base, paths[i].field);
		if (is_text(paths[i].path))
			check_image_path(c, field, field, paths[i].path);
	}
}

/* F4 to F8, and the identity that libvirt takes as it is */
static void
check_identity(const struct checking *c)
{
	const struct firmware *f = c->spec->domain->firmware;
	struct error err = { 0 };

	if (f == NULL)
		return;
	if (is_text(f->uuid) && check_uuid(f->uuid, &err) != 0)
		advise(c, "domain.firmware.uuid", "%s: the machine cannot start", err.text);
	if (f->acpi != NULL) {
		if (!is_text(f->acpi->slic_name_ref) && !is_text(f->acpi->msdm_name_ref))
			complain(c, CAUSE_INVALID, "domain.firmware.acpi", "needs slicNameRef or msdmNameRef");
		check_table(c, "domain.firmware.acpi.slicNameRef", f->acpi->slic_name_ref);
		check_table(c, "domain.firmware.acpi.msdmNameRef", f->acpi->msdm_name_ref);
	}
	check_kernel(c, f->kernel_boot);
}

/* What a kind of protection does not go along with. */
static void
check_protection(const struct checking *c, const struct launch_security *l)
{
	const struct efi *efi = efi_of(c->spec->domain);
	const char *name = l->sev != NULL ? "SEV" : "SNP";

	if (efi == NULL)
		complain(c, CAUSE_INVALID, SECURITY, "%s needs firmware.bootloader.efi", name);
	if (efi != NULL && efi->secure_boot != TRISTATE_FALSE)
		complain(c, CAUSE_INVALID, SECURITY, "%s does not go along with secure boot: set firmware.bootloader.efi.secureBoot to false", name);
	if (efi != NULL && l->snp != NULL && efi->persistent)
		complain(c, CAUSE_INVALID, SECURITY, "SNP does not go along with persistent UEFI variables");
	if (l->sev != NULL && l->sev->attestation != NULL && c->spec->start_strategy != START_PAUSED)
		complain(c, CAUSE_INVALID, SECURITY, "attestation needs startStrategy: Paused");
	SCHEMA_EACH (struct interface, n, &c->spec->domain->devices->interfaces)
		if (n->boot_order > 0)
			complain(c, CAUSE_INVALID, SECURITY, "%s does not boot from the network: remove the bootOrder of interface \"%s\"", name, n->name);
}

/* 5.4 */
static void
check_security(const struct checking *c)
{
	const struct launch_security *l = c->spec->domain->launch_security;
	const char *architecture = architecture_of(c->spec);

	if (l == NULL || strcmp(architecture, "s390x") == 0)
		return;
	if (strcmp(architecture, "amd64") != 0)
		complain(c, CAUSE_NOT_SUPPORTED, "architecture", "launchSecurity is for amd64 and s390x");
	else if ((l->sev != NULL) + (l->snp != NULL) + (l->tdx != NULL) != 1)
		complain(c, CAUSE_FORBIDDEN, SECURITY, "needs one of sev, snp");
	else if (l->tdx != NULL)
		complain(c, CAUSE_NOT_SUPPORTED, SECURITY, "tdx is not supported: KubeVirt has it behind a feature gate, too");
	else
		check_protection(c, l);
}

void
check_firmware(const struct checking *c)
{
	check_architecture(c);
	check_machine(c);
	check_secure_boot(c);
	check_identity(c);
	check_security(c);
}
