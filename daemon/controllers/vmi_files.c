/* Files of an instance's own; see vmi_files.h. */
#include "config.h"

#include "daemon/controllers/vmi_files.h"
#include "daemon/controllers/vmi_media.h"
#include "storage/seed.h"

const char *const vmi_extra_words[] = { "kernel", "initrd", "slic", "msdm" };

char *
vmi_volume_file(const char *uid, const struct volume *v)
{
	if (seed_is_needed(v))
		return g_strdup_printf("seed-%s-%s.iso", uid, v->name);
	if (v->ephemeral != NULL || v->container_disk != NULL)
		return g_strdup_printf("overlay-%s-%s.qcow2", uid, v->name);
	return v->empty_disk == NULL ? NULL : g_strdup_printf("empty-%s-%s.img", uid, v->name);
}

char *
vmi_base_file(const char *uid, const struct volume *v)
{
	return v->container_disk == NULL ? NULL : g_strdup_printf("base-%s-%s.img", uid, v->name);
}

char *
vmi_extra_file(const char *uid, enum extra extra)
{
	return g_strdup_printf("%s-%s.bin", vmi_extra_words[extra], uid);
}

static const struct kernel_container *
kernel_of(const struct vmi *vmi)
{
	const struct kernel_boot *boot = vmi->spec->domain->firmware == NULL ? NULL : vmi->spec->domain->firmware->kernel_boot;

	return boot == NULL ? NULL : boot->container;
}

static const struct acpi_tables *
acpi_of(const struct vmi *vmi)
{
	return vmi->spec->domain->firmware == NULL ? NULL : vmi->spec->domain->firmware->acpi;
}

const char *
vmi_extra_source(const struct vmi *vmi, enum extra extra)
{
	const struct kernel_container *kernel = kernel_of(vmi);
	const struct acpi_tables *acpi = acpi_of(vmi);
	const char *const sources[] = { kernel == NULL ? NULL : kernel->kernel_path, kernel == NULL ? NULL : kernel->initrd_path,
		acpi == NULL ? NULL : acpi->slic_name_ref, acpi == NULL ? NULL : acpi->msdm_name_ref };

	return sources[extra] != NULL && *sources[extra] != '\0' ? sources[extra] : NULL;
}

void
vmi_files_collect(const struct vmi *vmi, const char *uid, GPtrArray *files, GPtrArray *folders)
{
	SCHEMA_EACH (struct filesystem, f, &vmi->spec->domain->devices->filesystems) {
		const struct volume *v = vmi_volume(vmi->spec, f->name);
		if (v != NULL && seed_is_folder(v))
			g_ptr_array_add(folders, folder_name(uid, v));
	}
	SCHEMA_EACH (struct volume, v, &vmi->spec->volumes) {
		char *own[] = { vmi_volume_file(uid, v), vmi_base_file(uid, v) };

		for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
			if (own[i] != NULL)
				g_ptr_array_add(files, own[i]);
	}
	for (size_t i = 0; i < EXTRA_COUNT; i++)
		if (vmi_extra_source(vmi, (enum extra)i) != NULL)
			g_ptr_array_add(files, vmi_extra_file(uid, (enum extra)i));
}
