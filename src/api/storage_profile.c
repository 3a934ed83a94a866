/* StorageProfile: rows, what is known of the drivers, and how gaps are filled (fact sheet: cdi, section 2.4). */
#include "config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "src/api/rows.h"
#include "src/api/storage_profile.h"
#include "src/base/error.h"
#include "src/base/quantity.h"

static const struct schema_field set_rows[] = {
	{ STRINGS("accessModes", struct claim_property_set, access_modes), .check = check_access_mode, .doc = "Who may use a volume at the same time." },
	{ ENUM("volumeMode", struct claim_property_set, volume_mode, volume_mode_words), .doc = "Filesystem or Block." },
	{ 0 },
};
static SCHEMA(set_schema, struct claim_property_set, "ClaimPropertySet", "Access modes that go with a volume mode.", set_rows);

const char *const clone_strategy_words[] = { "", "copy", "snapshot", "csi-clone", NULL };
static const char *const source_formats[] = { "", "pvc", "snapshot", NULL };
#define SHARED_ROWS(T)                                                                                                     \
	{ LIST("claimPropertySets", T, claim_property_sets, &set_schema), .max = 8, .doc = "What goes together, the best first." }, \
	{ ENUM("cloneStrategy", T, clone_strategy, clone_strategy_words), .doc = "How volumes are cloned." },                  \
	{ ENUM("dataImportCronSourceFormat", T, source_format, source_formats), .doc = "What a DataImportCron keeps: claims or snapshots." }, \
	{ STRING("snapshotClass", T, snapshot_class), .doc = "VolumeSnapshotClass for snapshots that are taken to clone." }
static const struct schema_field spec_rows[] = { SHARED_ROWS(struct storage_profile_spec), { 0 } };
static SCHEMA(spec_schema, struct storage_profile_spec, "StorageProfileSpec", "What the administrator wants instead.", spec_rows);
static const struct schema_field status_rows[] = {
	SHARED_ROWS(struct storage_profile_status),
	{ STRING("provisioner", struct storage_profile_status, provisioner), .doc = "Driver of the class." },
	{ STRING("storageClass", struct storage_profile_status, storage_class), .doc = "The class." },
	{ 0 },
};
SCHEMA(storage_profile_status_schema, struct storage_profile_status, "StorageProfileStatus", "What holds for the class.", status_rows);
static const struct schema_field storage_profile_rows[] = {
	HEAD_ROWS(struct storage_profile),
	{ OBJECT("spec", struct storage_profile, spec, struct storage_profile_spec, &spec_schema), .flags = FIELD_PRESENT, .doc = "What the administrator wants instead of what is known of the driver." },
	{ OBJECT("status", struct storage_profile, status, struct storage_profile_status, &storage_profile_status_schema), .flags = FIELD_PRESENT, .doc = "What holds." },
	{ 0 },
};
SCHEMA(storage_profile_schema, struct storage_profile, "StorageProfile", "What a StorageClass's claims get where nothing is said.", storage_profile_rows);

/* --- what is known of the drivers ---------------------------------------------------------------------------------- */

struct known {
	const char *provisioner;
	struct {
		const char *access;
		enum volume_mode mode;
	} sets[4];
	enum clone_strategy clone;
	const char *format;
};
static const struct known knowledge[] = {
	{ "rbd.csi.ceph.com", { { "ReadWriteMany", VOLUME_MODE_BLOCK }, { "ReadWriteOnce", VOLUME_MODE_BLOCK },
	  { "ReadWriteOnce", VOLUME_MODE_FILESYSTEM } }, CLONE_CSI, "snapshot" },
	{ "local.solovirt.io", { { "ReadWriteOnce", VOLUME_MODE_FILESYSTEM }, { "ReadWriteOnce", VOLUME_MODE_BLOCK } }, CLONE_CSI, "pvc" },
};

static const struct known *
find_known(const char *provisioner)
{
	const struct storage_driver *driver = storage_driver_find(provisioner);

	for (size_t i = 0; driver != NULL && i < G_N_ELEMENTS(knowledge); i++)
		if (strcmp(knowledge[i].provisioner, driver->provisioner) == 0)
			return &knowledge[i];
	return NULL;
}

static int
word_at(const char *const *words, const char *word)
{
	for (int i = 1; word != NULL && words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return 0;
}

static void
add_set(struct storage_profile_status *status, char **modes, int volume_mode)
{
	struct claim_property_set *set = schema_list_add(&status->claim_property_sets, &set_schema);

	set->access_modes = g_strdupv(modes);
	set->volume_mode = volume_mode;
}

struct storage_profile_status *
storage_profile_derive(const struct storage_profile *profile, const struct storage_class *class)
{
	struct storage_profile_status *status = schema_new(&storage_profile_status_schema);
	const struct storage_profile_spec *spec = profile->spec;
	const struct known *known = find_known(class->provisioner);

	status->provisioner = g_strdup(class->provisioner);
	status->storage_class = g_strdup(class->head.meta->name);
	status->snapshot_class = g_strdup(spec->snapshot_class);
	status->clone_strategy = spec->clone_strategy != CLONE_UNSET ? spec->clone_strategy
	                                                             : word_at(clone_strategy_words, schema_map_get(&class->head.meta->annotations, CLASS_CLONE_STRATEGY));
	if (status->clone_strategy == CLONE_UNSET)
		status->clone_strategy = known == NULL ? CLONE_COPY : (int)known->clone;
	status->source_format = spec->source_format != 0 ? spec->source_format : word_at(source_formats, known == NULL ? NULL : known->format);
	SCHEMA_EACH (struct claim_property_set, set, &spec->claim_property_sets)
		add_set(status, set->access_modes, set->volume_mode);
	for (size_t i = 0; spec->claim_property_sets.count == 0 && known != NULL && known->sets[i].access != NULL; i++) {
		char *modes[] = { (char *)known->sets[i].access, NULL };
		add_set(status, modes, (int)known->sets[i].mode);
	}
	return status;
}

/* --- gaps ---------------------------------------------------------------------------------------------------------- */

static bool
is_newer(const struct storage_class *a, const struct storage_class *b)
{
	const struct meta *x = a->head.meta, *y = b->head.meta;

	if (x->creation_timestamp != y->creation_timestamp)
		return x->creation_timestamp > y->creation_timestamp;
	return strcmp(x->name, y->name) < 0;
}

static const struct storage_class *
newest_with(const struct storage_class *const *classes, size_t count, const char *annotation)
{
	const struct storage_class *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (g_strcmp0(schema_map_get(&classes[i]->head.meta->annotations, annotation), "true") == 0 &&
		    (best == NULL || is_newer(classes[i], best)))
			best = classes[i];
	return best;
}

const struct storage_class *
storage_class_default(const struct storage_class *const *classes, size_t count, bool for_machines)
{
	const struct storage_class *best = for_machines ? newest_with(classes, count, DEFAULT_VIRT_CLASS) : NULL;

	return best != NULL ? best : newest_with(classes, count, DEFAULT_CLASS);
}

static bool
share_mode(char **a, char **b)
{
	for (char **mode = a; mode != NULL && *mode != NULL; mode++)
		if (b != NULL && g_strv_contains((const char *const *)b, *mode))
			return true;
	return false;
}

static int
fill_modes(const struct storage_profile *profile, struct claim_spec *spec, struct error *err)
{
	bool has_access = spec->access_modes != NULL && spec->access_modes[0] != NULL, has_mode = spec->volume_mode != VOLUME_MODE_UNSET;

	if (has_access && has_mode)
		return 0;
	SCHEMA_EACH (struct claim_property_set, set, &profile->status->claim_property_sets) {
		if ((has_mode && set->volume_mode != spec->volume_mode) || (has_access && !share_mode(spec->access_modes, set->access_modes)))
			continue;
		if (!has_access) {
			g_strfreev(spec->access_modes);
			spec->access_modes = g_strdupv(set->access_modes);
		}
		spec->volume_mode = set->volume_mode;
		return 0;
	}
	if (!has_access)
		return error_set(err, EINVAL, "the StorageProfile %s says no accessModes%s%s: write them into the claim, or claimPropertySets into the profile",
		    profile->head.meta->name, has_mode ? " for volumeMode " : "", has_mode ? volume_mode_words[spec->volume_mode] : "");
	spec->volume_mode = VOLUME_MODE_FILESYSTEM;
	return 0;
}

int
storage_profile_fill(const struct storage_profile *profile, bool archive, struct claim_spec *spec, struct error *err)
{
	const char *least = schema_map_get(&profile->head.meta->annotations, PROFILE_MINIMUM_SIZE);
	int64_t bytes = 0;

	if (archive && spec->volume_mode == VOLUME_MODE_UNSET)
		spec->volume_mode = VOLUME_MODE_FILESYSTEM;
	if (fill_modes(profile, spec, err) != 0)
		return -1;
	if (least != NULL && quantity_parse(least, 1, &bytes, err) != 0)
		return error_wrap(err, "StorageProfile %s, annotation " PROFILE_MINIMUM_SIZE, profile->head.meta->name);
	if (claim_request(spec) > 0 && claim_request(spec) < bytes)
		spec->resources->requests->storage = bytes;
	return 0;
}
