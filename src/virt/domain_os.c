/* What a domain boots with: firmware, kernel, SMBIOS; its clock. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "src/api/defaults.h"
#include "src/base/error.h"
#include "src/virt/domain_build.h"

/* How long a guest that waits for unpause shows its boot menu then, in milliseconds (KubeVirt's). */
#define BOOT_MENU_TIMEOUT "10000"

/* What a guest's firmware must be able to do. */
enum firmware_kind { FIRMWARE_PLAIN, FIRMWARE_SECURE, FIRMWARE_SEV, FIRMWARE_SNP, FIRMWARE_TDX };
static const char *const kind_words[] = { "without secure boot", "with secure boot", "for SEV", "for SEV-SNP", "for TDX" };

/* UEFI as distributions package it, best first: Debian and Ubuntu, Fedora and EL, ARM. */
static const struct {
	bool arm;
	enum firmware_kind kind;
	const char *code, *vars; /* vars NULL: it keeps none */
} firmwares[] = {
	{ false, FIRMWARE_SECURE, "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd" },
	{ false, FIRMWARE_SECURE, "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd" },
	{ false, FIRMWARE_SECURE, "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd" },
	{ false, FIRMWARE_SECURE, "/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd" },
	{ false, FIRMWARE_PLAIN, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
	{ false, FIRMWARE_PLAIN, "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	{ false, FIRMWARE_PLAIN, "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
	{ false, FIRMWARE_SEV, "/usr/share/edk2/ovmf/OVMF_CODE.cc.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	{ false, FIRMWARE_SNP, "/usr/share/edk2/ovmf/OVMF.amdsev.fd", NULL },
	{ false, FIRMWARE_TDX, "/usr/share/edk2/ovmf/OVMF.inteltdx.fd", NULL },
	{ true, FIRMWARE_PLAIN, "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd" },
	{ true, FIRMWARE_PLAIN, "/usr/share/edk2/aarch64/QEMU_EFI-silent-pflash.raw",
	    "/usr/share/edk2/aarch64/vars-template-pflash.raw" },
};

static const struct efi *
efi_of(const struct vmi_spec *spec)
{
	const struct firmware *f = spec->domain->firmware;

	return f == NULL || f->bootloader == NULL ? NULL : f->bootloader->efi;
}

bool
domain_is_efi(const struct vmi_spec *spec)
{
	return efi_of(spec) != NULL;
}

bool
domain_is_secure(const struct vmi_spec *spec)
{
	return domain_is_efi(spec) && efi_of(spec)->secure_boot != TRISTATE_FALSE;
}

static enum firmware_kind
firmware_kind(const struct vmi_spec *spec)
{
	const struct launch_security *security = spec->domain->launch_security;

	if (security != NULL && security->sev != NULL)
		return FIRMWARE_SEV;
	if (security != NULL && security->snp != NULL)
		return FIRMWARE_SNP;
	if (security != NULL && security->tdx != NULL)
		return FIRMWARE_TDX;
	return domain_is_secure(spec) ? FIRMWARE_SECURE : FIRMWARE_PLAIN;
}

const char *
domain_loader(const struct vmi_spec *spec, const char *const *loaders, const char **vars)
{
	bool arm = g_strcmp0(spec->architecture, "arm64") == 0;

	for (size_t i = 0; i < G_N_ELEMENTS(firmwares); i++) {
		if (firmwares[i].arm != arm || firmwares[i].kind != firmware_kind(spec))
			continue;
		if (loaders != NULL && !g_strv_contains(loaders, firmwares[i].code))
			continue;
		*vars = firmwares[i].vars;
		return firmwares[i].code;
	}
	return NULL;
}

const char *const *
domain_loaders(void)
{
	static const char *codes[G_N_ELEMENTS(firmwares) + 1];

	for (size_t i = 0; i < G_N_ELEMENTS(firmwares); i++)
		codes[i] = firmwares[i].code;
	return codes;
}

static int
add_efi(struct domain_build *b, struct xml_node *os, struct error *err)
{
	const char *vars = NULL, *code = domain_loader(b->spec, b->input->loaders, &vars);
	struct xml_node *loader, *nvram;

	if (code == NULL)
		return error_set(err, EOPNOTSUPP, "the host has no UEFI firmware %s: install its package ovmf",
		    kind_words[firmware_kind(b->spec)]);
	loader = xml_add_text(b->xml, os, "loader", code);
	xml_set(b->xml, loader, "readonly", "yes");
	xml_set(b->xml, loader, "secure", domain_yes_no(domain_is_secure(b->spec)));
	xml_set(b->xml, loader, "type", vars == NULL ? "rom" : "pflash");
	if (vars == NULL)
		return 0;
	nvram = b->input->nvram != NULL ? xml_add_text(b->xml, os, "nvram", b->input->nvram) : xml_add(b->xml, os, "nvram", NULL);
	xml_set(b->xml, nvram, "template", vars);
	return 0;
}

static void
add_kernel(struct domain_build *b, struct xml_node *os)
{
	const struct kernel_boot *boot = b->spec->domain->firmware->kernel_boot;

	if (boot == NULL)
		return;
	xml_add_text(b->xml, os, "kernel", b->input->kernel);
	xml_add_text(b->xml, os, "initrd", b->input->initrd);
	if (boot->kernel_args != NULL && *boot->kernel_args != '\0')
		xml_add_text(b->xml, os, "cmdline", boot->kernel_args);
}

static int
add_acpi_tables(struct domain_build *b, struct xml_node *os, struct error *err)
{
	const struct acpi_tables *acpi = b->spec->domain->firmware->acpi;
	struct xml_node *node;

	if (acpi == NULL)
		return 0;
	const struct {
		const char *type, *volume, *path;
	} tables[] = { { "slic", acpi->slic_name_ref, b->input->acpi_slic }, { "msdm", acpi->msdm_name_ref, b->input->acpi_msdm } };
	node = xml_add(b->xml, os, "acpi", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		if (tables[i].volume == NULL || *tables[i].volume == '\0')
			continue;
		if (tables[i].path == NULL)
			return error_set(err, ENOENT, "ACPI table %s: volume %s has no file %s.bin on this host", tables[i].type,
			    tables[i].volume, tables[i].type);
		xml_set(b->xml, xml_add_text(b->xml, node, "table", tables[i].path), "type", tables[i].type);
	}
	return 0;
}

static int
add_firmware(struct domain_build *b, struct xml_node *os, struct error *err)
{
	const struct firmware *firmware = b->spec->domain->firmware;
	const struct bios *bios = firmware == NULL || firmware->bootloader == NULL ? NULL : firmware->bootloader->bios;

	if (firmware == NULL)
		return 0;
	if (domain_is_efi(b->spec) && add_efi(b, os, err) < 0)
		return -1;
	add_kernel(b, os);
	if (add_acpi_tables(b, os, err) < 0)
		return -1;
	if (b->spec->start_strategy == START_PAUSED)
		xml_add(b->xml, os, "bootmenu", "enable", "yes", "timeout", BOOT_MENU_TIMEOUT, NULL);
	if (bios != NULL && bios->use_serial == TRISTATE_TRUE)
		xml_add(b->xml, os, "bios", "useserial", "yes", NULL);
	return 0;
}

int
domain_add_os(struct domain_build *b, struct error *err)
{
	const struct machine *machine = b->spec->domain->machine;
	struct xml_node *os = xml_add(b->xml, b->domain, "os", NULL);
	struct xml_node *type = xml_add_text(b->xml, os, "type", "hvm");

	xml_set(b->xml, type, "arch", b->s390x ? "s390x" : b->pc ? "x86_64" : "aarch64");
	xml_set(b->xml, type, "machine",
	    machine != NULL && machine->type != NULL && *machine->type != '\0' ? machine->type : machine_type_default(b->spec->architecture));
	if (add_firmware(b, os, err) < 0)
		return -1;
	if (!b->s390x)
		xml_add(b->xml, os, "smbios", "mode", "sysinfo", NULL);
	return 0;
}

/* --- SMBIOS -------------------------------------------------------------------------------------------------------- */

static void
add_entry(struct domain_build *b, struct xml_node *parent, const char *name, const char *value)
{
	if (value != NULL)
		xml_set(b->xml, xml_add_text(b->xml, parent, "entry", value), "name", name);
}

void
domain_add_sysinfo(struct domain_build *b)
{
	const struct firmware *firmware = b->spec->domain->firmware;
	const struct chassis *chassis = b->spec->domain->chassis;
	struct xml_node *sysinfo = xml_add(b->xml, b->domain, "sysinfo", "type", "smbios", NULL);
	struct xml_node *node = xml_add(b->xml, sysinfo, "system", NULL);

	add_entry(b, node, "manufacturer", "KubeVirt"); /* guests' tools look for it */
	add_entry(b, node, "product", "None");
	if (firmware != NULL) {
		add_entry(b, node, "serial", firmware->serial);
		add_entry(b, node, "uuid", firmware->uuid);
	}
	add_entry(b, node, "family", "KubeVirt");
	add_entry(b, node, "sku", ""); /* not QEMU's own */
	add_entry(b, node, "version", "");
	if (chassis == NULL)
		return;
	node = xml_add(b->xml, sysinfo, "chassis", NULL);
	add_entry(b, node, "manufacturer", chassis->manufacturer);
	add_entry(b, node, "version", chassis->version);
	add_entry(b, node, "serial", chassis->serial);
	add_entry(b, node, "asset", chassis->asset);
	add_entry(b, node, "sku", chassis->sku);
}

/* --- the clock ------------------------------------------------------------------------------------------------------ */

static void
add_timer(struct domain_build *b, struct xml_node *clock, const char *name, const struct timer *timer)
{
	if (timer == NULL)
		return;
	xml_add(b->xml, clock, "timer", "name", name, "tickpolicy", timer->tick_policy, "track", timer->track, "present",
	    domain_yes_no(timer->present != TRISTATE_FALSE), NULL);
}

void
domain_add_clock(struct domain_build *b)
{
	const struct guest_clock *clock = b->spec->domain->clock;
	const struct timers *timers = clock == NULL ? NULL : clock->timer;
	const char *offset = clock == NULL || clock->utc == NULL ? NULL : clock->utc->offset_seconds;
	struct xml_node *node;

	if (clock == NULL)
		return;
	node = xml_add(b->xml, b->domain, "clock", "offset", clock->utc == NULL && clock->timezone != NULL ? "timezone" : "utc", NULL);
	if (clock->utc != NULL)
		xml_set(b->xml, node, "adjustment", offset != NULL ? offset : "reset");
	else
		xml_set(b->xml, node, "timezone", clock->timezone);
	if (timers == NULL)
		return;
	add_timer(b, node, "rtc", timers->rtc);
	add_timer(b, node, "pit", timers->pit);
	add_timer(b, node, "kvmclock", timers->kvm);
	add_timer(b, node, "hpet", timers->hpet);
	add_timer(b, node, "hypervclock", timers->hyperv);
}
